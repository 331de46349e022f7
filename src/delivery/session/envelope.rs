//! The commands in front of a message: MAIL, RCPT and DATA with what the relay's offers allow and the message needs.

use std::fmt::Write;

use super::offers::Offers;
use crate::delivery::outcome::{Class, Stage};

/// Why a relay cannot take a message, in a sentence.
pub type Unsendable = (Class, String);

/// The three commands for a message of `size` bytes that is ASCII or not, from a VERP address to one person.
///
/// Where the relay knows DSN (RFC 3461) it is asked to report failures and delays, with heads alone, under the VERP name: a report
/// then says which delivery it is about even if it loses the address on the way. Successes are nobody's business.
pub fn commands(
    offers: &Offers,
    from: &str,
    to: &str,
    size: usize,
    is_ascii: bool,
) -> Result<[(Stage, String); 3], Unsendable> {
    let lacks = |what: &str, who: &str| {
        let sentence = format!("the relay offers no {what}, which this {who} needs");
        Err((Class::Capability, sentence))
    };
    // A domain has an A-label for every relay, the part before the @ has none (RFC 6531 section 3.2).
    if !to.is_ascii() && !offers.utf8 {
        return lacks("SMTPUTF8", "address");
    }
    if !is_ascii && !offers.utf8 {
        return lacks("SMTPUTF8", "message");
    }
    if !is_ascii && !offers.eight_bit {
        return lacks("8BITMIME", "message");
    }
    if let Some(limit) = offers.size
        && size > limit
    {
        return Err((
            Class::Content,
            format!("the message has {size} bytes, the relay takes {limit}"),
        ));
    }
    let mut mail = format!("MAIL FROM:<{from}>");
    let mut rcpt = format!("RCPT TO:<{to}>");
    if offers.size.is_some() {
        let _ = write!(mail, " SIZE={size}");
    }
    if !is_ascii || !to.is_ascii() {
        mail.push_str(if offers.eight_bit {
            " BODY=8BITMIME SMTPUTF8"
        } else {
            " SMTPUTF8"
        });
    }
    if offers.dsn {
        let name = from.split('@').next().unwrap_or(from);
        let _ = write!(mail, " RET=HDRS ENVID={}", xtext(name));
        let _ = write!(rcpt, " NOTIFY=FAILURE,DELAY ORCPT={}", original(to));
    }
    mail.push_str("\r\n");
    rcpt.push_str("\r\n");
    Ok([
        (Stage::Mail, mail),
        (Stage::Rcpt, rcpt),
        (Stage::Data, "DATA\r\n".to_owned()),
    ])
}

/// An address with its type: `rfc822` in xtext, or `utf-8` with its letters as `\x{…}` (RFC 6533 section 3), which passes every relay.
fn original(address: &str) -> String {
    if address.is_ascii() {
        return format!("rfc822;{}", xtext(address));
    }
    let mut out = "utf-8;".to_owned();
    for c in address.chars() {
        if c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\') {
            out.push(c);
        } else {
            let _ = write!(out, "\\x{{{:02X}}}", u32::from(c));
        }
    }
    out
}

/// Text that a parameter may hold (RFC 3461 section 4).
fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'+' | b'=') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "+{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "d42.ab@bounce.news.example.kz";

    fn said(offers: Offers, to: &str, is_ascii: bool) -> Result<(String, String), Class> {
        commands(&offers, FROM, to, 1234, is_ascii)
            .map(|[(_, mail), (_, rcpt), _]| (mail, rcpt))
            .map_err(|(class, _)| class)
    }

    #[test]
    fn only_what_is_offered_is_used() {
        let (mail, rcpt) = said(Offers::default(), "a@example.kz", true).unwrap();
        assert_eq!(mail, format!("MAIL FROM:<{FROM}>\r\n"));
        assert_eq!(rcpt, "RCPT TO:<a@example.kz>\r\n");
        let all = Offers {
            size: Some(usize::MAX),
            pipelining: true,
            eight_bit: true,
            utf8: true,
            dsn: true,
            messages: None,
        };
        let (mail, rcpt) = said(all, "a+news=1@example.kz", true).unwrap();
        assert_eq!(
            mail,
            format!("MAIL FROM:<{FROM}> SIZE=1234 RET=HDRS ENVID=d42.ab\r\n")
        );
        assert_eq!(
            rcpt,
            "RCPT TO:<a+news=1@example.kz> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bnews+3D1@example.kz\r\n"
        );
        let (mail, rcpt) = said(all, "ая@xn--80a.example", false).unwrap();
        assert!(mail.contains(" BODY=8BITMIME SMTPUTF8 RET=HDRS"), "{mail}");
        assert!(
            rcpt.ends_with(" ORCPT=utf-8;\\x{430}\\x{44F}@xn--80a.example\r\n"),
            "{rcpt}"
        );
    }

    #[test]
    fn what_a_relay_cannot_do_is_said_before_it_is_asked() {
        let utf8 = Offers {
            utf8: true,
            ..Offers::default()
        };
        let eight_bit = Offers {
            eight_bit: true,
            ..Offers::default()
        };
        let small = Offers {
            size: Some(1000),
            ..Offers::default()
        };
        for (offers, to, is_ascii, class) in [
            (Offers::default(), "ая@example.kz", true, Class::Capability),
            (eight_bit, "a@example.kz", false, Class::Capability),
            (utf8, "a@example.kz", false, Class::Capability),
            (small, "a@example.kz", true, Class::Content),
        ] {
            assert_eq!(
                said(offers, to, is_ascii).unwrap_err(),
                class,
                "{offers:?} {to}"
            );
        }
        assert!(
            said(utf8, "ая@example.kz", true)
                .unwrap()
                .0
                .ends_with(" SMTPUTF8\r\n")
        );
    }
}
