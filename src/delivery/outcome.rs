//! What a reply means (REQUIREMENTS 1e): the enhanced code decides, then the basic code, then words in the text.

use super::pace::Effect;

/// Where in the conversation something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Connecting, greeting, TLS, EHLO.
    Connect,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// The message, up to its dot.
    Body,
    /// The final dot.
    Dot,
}

/// What a refusal says about the mailbox, the message or us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// There is no such mailbox.
    Hard,
    /// The mailbox is full.
    Soft,
    /// The message is not wanted as it is.
    Content,
    /// We are not wanted: never the fault of the person.
    Policy,
    /// Slower, please.
    Throttle,
    /// Something that passes.
    Transient,
    /// The relay cannot do what this address needs.
    Capability,
}

impl Class {
    /// How the database spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
            Self::Content => "content",
            Self::Policy => "policy",
            Self::Throttle => "throttle",
            Self::Transient => "transient",
            Self::Capability => "capability",
        }
    }
}

/// A reply of the relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// Basic code (RFC 5321 section 4.2).
    pub code: u16,
    /// Enhanced code (RFC 3463), if the text begins with one of the same class.
    pub enhanced: Option<String>,
    /// Text of all lines, on one line, at most 500 characters.
    pub text: String,
}

impl Reply {
    /// Takes the reply apart.
    pub fn new(code: u16, text: &str) -> Self {
        let text: String = crate::base::text::clean_line(text)
            .chars()
            .take(500)
            .collect();
        let word = text.split(' ').next().unwrap_or("");
        let parts: Vec<&str> = word.split('.').collect();
        let is_enhanced = parts.len() == 3
            && parts[0] == (code / 100).to_string()
            && parts[1..].iter().all(|part| {
                (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
            });
        Self {
            code,
            enhanced: is_enhanced.then(|| word.to_owned()),
            text,
        }
    }
}

impl Reply {
    /// For the operator's screen: whatever may name a person is left out.
    pub fn without_addresses(&self) -> String {
        let words: Vec<&str> = self
            .text
            .split(' ')
            .map(|word| if word.contains('@') { "…" } else { word })
            .collect();
        format!("{} {}", self.code, words.join(" "))
    }
}

/// What to do about a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Try again later.
    Retry(Class),
    /// Never.
    Failed(Class),
}

/// Judges a reply of 4xx or 5xx. A refusal of MAIL is about us, not about the person: it is tried again until the row expires.
pub fn judge(stage: Stage, reply: &Reply) -> Verdict {
    let class = classify(stage, reply);
    let is_permanent = reply.code >= 500;
    let is_ours = stage == Stage::Mail && !matches!(class, Class::Content | Class::Capability);
    if is_permanent && !is_ours && class != Class::Soft {
        Verdict::Failed(class)
    } else {
        Verdict::Retry(class)
    }
}

/// What a refusal says about the pace of its lane. One of MAIL says nothing: it is the relay's own.
pub fn effect(stage: Stage, reply: &Reply, verdict: Verdict) -> Effect {
    let text = reply.text.to_lowercase();
    let is_greylisted = [
        "greylist",
        "graylist",
        "grey list",
        "grey-list",
        "gray list",
    ]
    .iter()
    .any(|word| text.contains(word));
    match verdict {
        _ if stage == Stage::Mail => Effect::Nothing,
        Verdict::Retry(_) if is_greylisted => Effect::Greylisted,
        Verdict::Retry(Class::Throttle) => Effect::Throttled,
        // Whatever the enhanced code: the service says that it cannot go on now (RFC 5321 section 3.8).
        Verdict::Retry(_) if reply.code == 421 => Effect::Throttled,
        Verdict::Failed(Class::Policy) => Effect::Policy,
        _ => Effect::Answered,
    }
}

fn classify(stage: Stage, reply: &Reply) -> Class {
    let is_permanent = reply.code >= 500;
    if let Some(enhanced) = &reply.enhanced {
        let rest = &enhanced[2..];
        let class = match rest {
            "1.1" | "1.2" | "1.3" | "1.6" | "1.10" | "2.1" if is_permanent => Some(Class::Hard),
            "2.2" => Some(Class::Soft),
            "2.3" | "3.4" if is_permanent => Some(Class::Content),
            "6.7" => Some(Class::Capability),
            _ if rest.starts_with("6.") && is_permanent => Some(Class::Content),
            _ if rest.starts_with("7.") => Some(if is_permanent {
                Class::Policy
            } else {
                Class::Throttle
            }),
            _ if rest.starts_with("3.") || rest.starts_with("4.") => Some(Class::Transient),
            _ => None,
        };
        match class {
            Some(Class::Hard) if stage == Stage::Mail => return Class::Policy,
            Some(class) => return class,
            None => {}
        }
    }
    let text = reply.text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["quota", "mailbox full", "mailbox is full", "over storage"]) && stage != Stage::Mail {
        return Class::Soft;
    }
    match reply.code {
        421 | 450 => Class::Throttle,
        400..=499 => Class::Transient,
        552 => Class::Content,
        _ if says(&[
            "spam",
            "block",
            "black",
            "polic",
            "reputation",
            "listed",
            "dmarc",
            "spf",
        ]) =>
        {
            Class::Policy
        }
        550 | 551 | 553 if stage == Stage::Rcpt => Class::Hard,
        _ if stage == Stage::Rcpt
            && says(&["unknown", "no such", "not exist", "invalid recipient"]) =>
        {
            Class::Hard
        }
        _ => Class::Policy,
    }
}

/// How long to wait before the next try after so many `refusals`, in milliseconds: the first wait doubles up to the longest, and up to a quarter of it
/// is taken off at random, so that what was refused together does not come back together. `random` is in `0..=1000`.
pub fn retry_delay_millis(refusals: i64, first_secs: i64, max_secs: i64, random: u64) -> i64 {
    let doublings = (refusals - 1).clamp(0, 30) as u32;
    let full = first_secs.saturating_mul(1 << doublings).min(max_secs) * 1000;
    full - full / 4 * random.min(1000) as i64 / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_table_of_the_requirements() {
        use Class::{Capability, Content, Hard, Policy, Soft, Throttle, Transient};
        use Stage::{Dot, Mail, Rcpt};
        use Verdict::{Failed, Retry};
        for (stage, code, text, verdict) in [
            (Rcpt, 550, "5.1.1 no such user", Failed(Hard)),
            (Rcpt, 556, "5.1.10 null MX", Failed(Hard)),
            (Rcpt, 550, "5.2.1 mailbox disabled", Failed(Hard)),
            (Rcpt, 550, "No such mailbox", Failed(Hard)),
            (Rcpt, 552, "5.2.2 mailbox full", Retry(Soft)),
            (Rcpt, 452, "4.2.2 mailbox full", Retry(Soft)),
            (Rcpt, 552, "mailbox full", Retry(Soft)),
            (Dot, 552, "5.3.4 too large", Failed(Content)),
            (Dot, 552, "too large", Failed(Content)),
            (
                Dot,
                550,
                "5.7.515 access denied, not authenticated",
                Failed(Policy),
            ),
            (Rcpt, 550, "5.7.1 blocked", Failed(Policy)),
            (Rcpt, 550, "your address is blocklisted", Failed(Policy)),
            (Dot, 554, "blocked by our list", Failed(Policy)),
            (Rcpt, 451, "4.7.1 greylisted", Retry(Throttle)),
            (Rcpt, 450, "come back later", Retry(Throttle)),
            (Rcpt, 451, "4.3.0 trouble", Retry(Transient)),
            (Dot, 421, "closing", Retry(Throttle)),
            (Rcpt, 553, "5.6.7 no SMTPUTF8 here", Failed(Capability)),
            (Mail, 550, "5.1.8 sender rejected", Retry(Policy)),
            (Mail, 550, "5.1.1 who?", Retry(Policy)),
            (Mail, 552, "5.3.4 too large", Failed(Content)),
        ] {
            assert_eq!(
                judge(stage, &Reply::new(code, text)),
                verdict,
                "{code} {text}"
            );
        }
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_text() {
        assert_eq!(Reply::new(550, "2.1.5 ok").enhanced, None);
        assert_eq!(Reply::new(550, "5.1 x").enhanced, None);
        assert_eq!(
            Reply::new(550, "5.1.1 x").enhanced.as_deref(),
            Some("5.1.1")
        );
    }

    proptest! {
        #[test]
        fn waits_grow_and_stay_bounded(refusals in 1i64..100, a in 0u64..=1000, b in 0u64..=1000) {
            let wait = |n, r| retry_delay_millis(n, 300, 7200, r);
            prop_assert!(wait(refusals, a) <= 7_200_000 && wait(refusals, a) >= 225_000);
            prop_assert!(wait(refusals + 4, a) >= wait(refusals, b) * 3 / 4);
        }
    }
}
