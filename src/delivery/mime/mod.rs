//! From a letter and a delivery row to the bytes of a message.
//!
//! Everything that decides bytes stands in the two rows, so a repeat is the same message, byte for byte: the date is the
//! letter's, the boundary and the Message-ID are made from ids, links are tokens under the letter's key. Lines end in CRLF and
//! nothing but ASCII leaves the house, except the name of a mailbox that has other letters itself (RFC 6532).

mod body;
mod header;

use crate::base::address::EmailAddress;
use crate::base::text::clean_line;
use crate::base::time::{Timestamp, Zone};
use crate::base::token::{Claims, KeyRing, Purpose};

pub use body::Template;
pub use header::check_header;

/// The version of the writer: the same letter, row and format give the same bytes. A golden test pins it.
pub const FORMAT: i64 = 1;

/// A stored letter, read once and used for each of its people.
#[derive(Debug)]
pub struct Letter {
    /// Row.
    pub id: i64,
    /// Uid; the boundary is made from it.
    pub uid: String,
    /// Kind, e.g. `issue`.
    pub kind: String,
    /// The newsletter's uid.
    pub scope: Option<String>,
    /// Content-Language.
    pub language: String,
    /// Name in From.
    pub sender_name: String,
    /// Address in From.
    pub sender_address: EmailAddress,
    /// Reply-To.
    pub reply_to: Option<EmailAddress>,
    /// Subject.
    pub subject: String,
    /// HTML part; may be empty.
    pub html: Template,
    /// Text part.
    pub text: Template,
    /// Further headers.
    pub headers: Vec<(String, Template)>,
    /// Date.
    pub dated_at: Timestamp,
    /// The key of its tokens.
    pub key_id: i64,
    /// The DKIM keys that sign it, by the names of their records; none: it is sent unsigned.
    pub signed_by: Vec<String>,
}

/// Whom one message is for.
#[derive(Clone, Copy, Debug)]
pub struct Addressee<'a> {
    /// Row of the delivery.
    pub delivery_id: i64,
    /// What the links name.
    pub uid: &'a str,
    /// The subscriber's `link_epoch`.
    pub epoch: i64,
    /// Address.
    pub address: &'a EmailAddress,
    /// Without the HTML part.
    pub is_text_only: bool,
}

/// The headers whose syntax is fixed; all others are text.
fn is_structured(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("list-")
        || name == "archived-at"
        || name == "cfbl-address"
        || name == "references"
}

/// The bytes of one person's message, with CRLF at the end. The error is a sentence about the letter, never about the person.
pub fn compose(letter: &Letter, keys: &KeyRing, to: &Addressee<'_>) -> Result<Vec<u8>, String> {
    let token = |purpose: Purpose| {
        keys.token(
            letter.key_id,
            purpose,
            &Claims {
                uid: to.uid.to_owned(),
                epoch: to.epoch,
                issued_at: letter.dated_at,
            },
        )
    };
    let is_issue = letter.kind == "issue";
    let domain = letter.sender_address.domain();
    let mut out = Vec::with_capacity(4096);
    out.extend(format!("Date: {}\r\n", letter.dated_at.rfc2822(&Zone::utc())).bytes());
    header::write_mailbox(
        &mut out,
        "From",
        &clean_line(&letter.sender_name),
        &letter.sender_address.envelope(),
    )?;
    if let Some(address) = &letter.reply_to {
        header::write_mailbox(&mut out, "Reply-To", "", &address.envelope())?;
    }
    header::write_mailbox(&mut out, "To", "", &to.address.envelope())?;
    header::write_text(&mut out, "Subject", &clean_line(&letter.subject))?;
    let name = keys.delivery_name(letter.key_id, to.delivery_id);
    out.extend(format!("Message-ID: <{name}@{domain}>\r\nMIME-Version: 1.0\r\n").bytes());
    header::write_structured(&mut out, "Content-Language", &letter.language)?;
    for (name, value) in &letter.headers {
        let value = value.fill(token);
        if is_structured(name) {
            header::write_structured(&mut out, name, &value)?;
        } else {
            header::write_text(&mut out, name, &value)?;
        }
    }
    // What tells machines not to answer, but not to keep their bounces either (RFC 3834, MS-OXCMAIL section 2.2.3.2.14).
    let feedback = format!(
        "{}:{}:{}:{domain}",
        &letter.uid.replace('-', ""),
        letter.scope.as_deref().unwrap_or("service"),
        letter.kind
    );
    for (name, value) in [
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
        ("Precedence", if is_issue { "bulk" } else { "" }),
        ("Feedback-ID", if is_issue { &feedback } else { "" }),
    ] {
        let is_given = letter
            .headers
            .iter()
            .any(|(given, _)| given.eq_ignore_ascii_case(name));
        if !is_given && !value.is_empty() {
            header::write_structured(&mut out, name, value)?;
        }
    }
    if to.is_text_only || letter.html.is_empty() {
        letter.text.write_part(&mut out, "plain", token);
        return Ok(out);
    }
    // "=_" stands in neither base64 nor quoted-printable, so no part can hold the boundary (RFC 2045 section 6.7).
    let boundary = format!("=_jarshy_{}", letter.uid.replace('-', ""));
    out.extend(
        format!("Content-Type: multipart/alternative;\r\n boundary=\"{boundary}\"\r\n").bytes(),
    );
    for (subtype, content) in [("plain", &letter.text), ("html", &letter.html)] {
        out.extend(format!("\r\n--{boundary}\r\n").bytes());
        content.write_part(&mut out, subtype, token);
    }
    out.extend(format!("\r\n--{boundary}--\r\n").bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn letter() -> Letter {
        let place = Purpose::Unsubscribe.placeholder();
        Letter {
            id: 7,
            uid: "0194f5b6-7c1e-7a3b-9a55-0123456789ab".to_owned(),
            kind: "issue".to_owned(),
            scope: Some("c0ffee00-0000-4000-8000-000000000001".to_owned()),
            language: "kk".to_owned(),
            sender_name: "Тау жаршысы".to_owned(),
            sender_address: EmailAddress::parse("digest@news.example.kz").unwrap(),
            reply_to: Some(EmailAddress::parse("office@news.example.kz").unwrap()),
            subject: "Су тасқынына дайындық басталды және тағы 6 жаңалық".to_owned(),
            html: Template::body(&format!(
                "<!doctype html><html lang=\"kk\"><body><p>Су тасқынына дайындық басталды.</p>\
                 <a href=\"https://news.example.kz/unsubscribe/{place}\">Бас тарту</a></body></html>"
            )),
            text: Template::body(&format!(
                "Flood preparations have begun.\n.\nLeave: https://news.example.kz/unsubscribe/{place}\n"
            )),
            headers: vec![
                (
                    "List-Id".to_owned(),
                    Template::new("Күн жаңалықтары <daily.news.example.kz>".to_owned()),
                ),
                (
                    "List-Unsubscribe".to_owned(),
                    Template::new(format!("<https://news.example.kz/unsubscribe/{place}>")),
                ),
                (
                    "List-Unsubscribe-Post".to_owned(),
                    Template::new("List-Unsubscribe=One-Click".to_owned()),
                ),
            ],
            dated_at: Timestamp::from_millis(1_772_247_600_000),
            key_id: 1,
            signed_by: vec![],
        }
    }

    fn keys() -> KeyRing {
        KeyRing::new(BTreeMap::from([(1, [7; 32])]), [9; 32]).unwrap()
    }

    fn message(is_text_only: bool) -> String {
        let address = EmailAddress::parse("Aigerim@example.kz").unwrap();
        let to = Addressee {
            delivery_id: 42,
            uid: "0194f5b6-7c1e-4a3b-9a55-0123456789ab",
            epoch: 3,
            address: &address,
            is_text_only,
        };
        String::from_utf8(compose(&letter(), &keys(), &to).unwrap()).unwrap()
    }

    /// If this fails, the writer has changed: raise [`FORMAT`], for a repeat after the upgrade is not the same bytes any more.
    #[test]
    fn format_1_is_pinned() {
        assert_eq!(FORMAT, 1);
        assert_eq!(
            message(false),
            include_str!("golden.eml").replace('\n', "\r\n")
        );
    }

    #[test]
    fn text_only_has_one_part() {
        let text = message(true);
        assert!(text.contains("Content-Type: text/plain; charset=utf-8\r\n"));
        assert!(!text.contains("multipart") && !text.contains("<html"));
    }

    #[test]
    fn a_header_that_breaks_out_is_refused() {
        let mut letter = letter();
        letter.headers[0].1 = Template::new("News <a>\r\nBcc: x@example.org".to_owned());
        let address = EmailAddress::parse("a@example.kz").unwrap();
        let to = Addressee {
            delivery_id: 1,
            uid: "",
            epoch: 0,
            address: &address,
            is_text_only: false,
        };
        assert!(compose(&letter, &keys(), &to).is_err());
    }

    #[test]
    fn two_parts_say_who_may_leave() {
        let text = message(false);
        let parsed = mail_parser::MessageParser::default()
            .parse(text.as_bytes())
            .unwrap();
        assert_eq!(parsed.subject(), Some(letter().subject.as_str()));
        let token = keys().token(
            1,
            Purpose::Unsubscribe,
            &Claims {
                uid: "0194f5b6-7c1e-4a3b-9a55-0123456789ab".to_owned(),
                epoch: 3,
                issued_at: letter().dated_at,
            },
        );
        assert!(parsed.body_html(0).unwrap().contains(&token));
        assert!(parsed.body_text(0).unwrap().contains(&token));
        assert!(text.contains(&format!(
            "List-Unsubscribe: <https://news.example.kz/unsubscribe/{token}>\r\n"
        )));
    }
}
