//! `jarshy digest send-test`: one mail now, and what the relay said to it.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::print;
use crate::audience;
use crate::base::address::EmailAddress;
use crate::delivery::{self, Said, Side, Trial};
use crate::digest;
use crate::theme::Theme;
use crate::work::Core;

/// Options of `jarshy digest send-test`.
#[derive(clap::Args)]
pub(super) struct SendTest {
    /// To whom.
    #[arg(value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    address: EmailAddress,
    /// The newsletter's slug; the first one of the settings if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// Send a few words instead of the digest that the address would get.
    #[arg(long)]
    plain: bool,
    /// Print one JSON object instead of words.
    #[arg(long)]
    json: bool,
}

/// Sends, prints, and fails unless the relay accepted.
pub(super) async fn run(core: &Core, theme: &Theme, args: &SendTest) -> anyhow::Result<ExitCode> {
    let newsletter = audience::find_offered(core, args.newsletter.as_deref()).await?;
    let hash = core.keys.address_hash(&args.address.key());
    if delivery::is_suppressed(&core.db, &hash).await? {
        anyhow::bail!(
            "that address must not be mailed; `jarshy explain` says why. Test with another one"
        );
    }
    let (letter, is_text_only) =
        digest::trial_letter(core, theme, &newsletter, &args.address, args.plain).await?;
    let trial = delivery::send_trial(core, &letter, &args.address, is_text_only).await?;
    let text = if args.json {
        let said: Vec<_> = trial
            .said
            .iter()
            .map(|line| {
                serde_json::json!({
                    "by": match line.side { Side::Us => "us", Side::Relay => "relay", Side::Note => "note" },
                    "text": line.text,
                })
            })
            .collect();
        let object = serde_json::json!({
            "accepted": trial.is_accepted,
            "sentence": trial.sentence,
            "queue_id": trial.queue_id,
            "message_id": trial.message_id,
            "subject": letter.subject,
            "said": said,
        });
        format!("{}\n", serde_json::to_string_pretty(&object)?)
    } else {
        words(&trial, &letter.subject)
    };
    print(&text)?;
    Ok(if trial.is_accepted {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn words(trial: &Trial, subject: &str) -> String {
    let mut out = String::new();
    let mut asked = String::new();
    for line in &trial.said {
        let mark = match line.side {
            Side::Us => "we     ",
            Side::Relay => "relay  ",
            Side::Note => "       ",
        };
        match gloss(line, &mut asked) {
            Some(gloss) => {
                let _ = writeln!(out, "{mark}{:<58} {gloss}", line.text);
            }
            None => {
                let _ = writeln!(out, "{mark}{}", line.text);
            }
        }
    }
    let _ = writeln!(
        out,
        "\n{} {}",
        if trial.is_accepted { "✓" } else { "✗" },
        trial.sentence
    );
    if !trial.is_accepted {
        return out;
    }
    if let Some(id) = &trial.queue_id {
        let _ = writeln!(out, "  its name there: {id}");
    }
    let _ = write!(
        out,
        "\nNow look\n\
         - in the inbox for «{subject}», and in the spam folder if it is not there within some minutes;\n\
         - in its source (\"Show original\"): Authentication-Results should read spf=pass, dkim=pass and dmarc=pass;\n  \
           Message-ID is {}\n\
         - at the mail itself with pictures off and in dark mode; its links lead to nobody's settings.\n",
        trial.message_id
    );
    out
}

/// What a line means, for who does not speak SMTP. `asked` remembers what the relay answers to.
fn gloss(line: &Said, asked: &mut String) -> Option<&'static str> {
    let first = line.text.split([' ', ':']).next().unwrap_or("");
    match line.side {
        Side::Note => None,
        Side::Us => {
            *asked = first.to_ascii_uppercase();
            Some(match asked.as_str() {
                "EHLO" => "we say who we are (mail.ehlo_name)",
                "STARTTLS" => "we ask for encryption",
                "AUTH" => "we sign in (mail.username)",
                "MAIL" => "where bounces would go",
                "RCPT" => "for whom the mail is",
                "DATA" => "the mail comes now",
                "." => "the mail is complete",
                "QUIT" => "goodbye",
                "RSET" => "never mind",
                _ => return None,
            })
        }
        Side::Relay => {
            // Of a reply of many lines the last one tells (RFC 5321 section 4.2.1).
            if line.text.as_bytes().get(3) == Some(&b'-') {
                return None;
            }
            Some(match (line.text.as_bytes().first(), asked.as_str()) {
                (Some(b'4'), _) => "not now",
                (Some(b'5'), _) => "no",
                (Some(b'3'), "DATA") => "go on",
                (Some(b'2'), "") => "the relay greets",
                (Some(b'2'), "EHLO") => "what it can do",
                (Some(b'2'), "STARTTLS") => "encryption begins",
                (Some(b'2'), "AUTH") => "signed in",
                (Some(b'2'), ".") => "accepted: the mail is the relay's now",
                (Some(b'2'), "MAIL" | "RCPT") => "fine",
                _ => return None,
            })
        }
    }
}
