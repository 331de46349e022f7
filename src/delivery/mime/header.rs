//! Headers: folding, encoded-words, and the guard against values that break out of their line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Where a line should end (RFC 5322 section 2.1.1, without CRLF).
const SOFT: usize = 76;
/// What an encoded-word costs beside its text: `=?utf-8?B?` and `?=`.
const WORD_COST: usize = 12;
/// What no line may exceed (RFC 5322 section 2.1.1).
const HARD: usize = 998;

/// Refuses a header that could break out of its line or carries what no header may hold (RFC 5322 section 2.2).
pub fn check_header(name: &str, value: &str) -> Result<(), String> {
    let is_name = !name.is_empty()
        && name.len() <= 60
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if !is_name {
        return Err(format!("{name:?} is not the name of a header"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!(
            "the header {name} holds a line break or a control character"
        ));
    }
    Ok(())
}

/// Writes a header whose value is text (RFC 5322 section 3.6.5): ASCII is folded, all else becomes encoded-words.
pub fn write_text(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), String> {
    check_header(name, value)?;
    let start = out.len();
    out.extend(name.as_bytes());
    out.extend(b": ");
    let needs_words = !value.is_ascii()
        || value.contains("=?")
        || value.split(' ').any(|word| word.len() > HARD / 2);
    if needs_words {
        write_words(out, start, value);
    } else {
        write_folded(out, start, value);
    }
    out.extend(b"\r\n");
    check_lines(&out[start..], name)
}

/// Writes a header of fixed syntax: ASCII, folded at its spaces. A phrase in front of the last `<…>` may hold anything, as
/// in `List-Id: Күн жаңалықтары <daily.news.example.kz>`.
pub fn write_structured(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), String> {
    check_header(name, value)?;
    if value.is_ascii() && !value.contains("=?") {
        let start = out.len();
        out.extend(name.as_bytes());
        out.extend(b": ");
        write_folded(out, start, value);
        out.extend(b"\r\n");
        return check_lines(&out[start..], name);
    }
    match value.rsplit_once(" <") {
        Some((phrase, angle)) if angle.is_ascii() && angle.ends_with('>') => {
            write_mailbox(out, name, phrase, &angle[..angle.len() - 1])
        }
        _ => Err(format!(
            "the header {name} must be ASCII: percent-encode its address"
        )),
    }
}

/// Writes `Name: phrase <angle>` (RFC 5322 section 3.4); without a phrase the angle part stands alone, bare.
pub fn write_mailbox(
    out: &mut Vec<u8>,
    name: &str,
    phrase: &str,
    angle: &str,
) -> Result<(), String> {
    check_header(name, phrase)?;
    check_header(name, angle)?;
    let start = out.len();
    out.extend(name.as_bytes());
    out.extend(b": ");
    if phrase.is_empty() {
        out.extend(angle.as_bytes());
    } else {
        let is_atoms = phrase
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~ ".contains(&b));
        if !phrase.is_ascii() || phrase.contains("=?") || phrase.len() > 200 {
            write_words(out, start, phrase);
        } else if is_atoms {
            write_folded(out, start, phrase);
        } else {
            let quoted = phrase.replace('\\', "\\\\").replace('"', "\\\"");
            write_folded(out, start, &format!("\"{quoted}\""));
        }
        let column = column(&out[start..]);
        let fits = column + 3 + angle.len() <= SOFT;
        out.extend(if fits { b" <".as_slice() } else { b"\r\n <" });
        out.extend(angle.as_bytes());
        out.push(b'>');
    }
    out.extend(b"\r\n");
    check_lines(&out[start..], name)
}

/// Bytes since the last line break.
fn column(written: &[u8]) -> usize {
    written
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(written.len(), |at| written.len() - at - 1)
}

fn write_folded(out: &mut Vec<u8>, start: usize, value: &str) {
    let mut at = column(&out[start..]);
    for (i, word) in value.split(' ').enumerate() {
        if i > 0 {
            // A line of nothing but white space would be obsolete syntax: an empty word never begins one.
            if at + 1 + word.len() > SOFT && !word.is_empty() {
                out.extend(b"\r\n");
                at = 0;
            }
            out.push(b' ');
            at += 1;
        }
        out.extend(word.as_bytes());
        at += word.len();
    }
}

/// Encoded-words of at most 75 octets, each with whole characters (RFC 2047 sections 2 and 5), in the shorter of B and Q.
fn write_words(out: &mut Vec<u8>, start: usize, text: &str) {
    let q_len: usize = text.bytes().map(|b| q_byte(b).len()).sum();
    let is_q = q_len < text.len().div_ceil(3) * 4;
    let mut room = SOFT
        .saturating_sub(column(&out[start..]) + WORD_COST)
        .max(16);
    let mut word = String::new();
    let mut size = 0;
    let mut first = true;
    let mut flush = |out: &mut Vec<u8>, word: &mut String| {
        if !first {
            out.extend(b"\r\n ");
        }
        first = false;
        if is_q {
            out.extend(b"=?utf-8?Q?");
            word.bytes().for_each(|b| out.extend(q_byte(b).as_bytes()));
        } else {
            out.extend(b"=?utf-8?B?");
            out.extend(STANDARD.encode(word.as_bytes()).as_bytes());
        }
        out.extend(b"?=");
        word.clear();
    };
    let mut utf8 = [0; 4];
    for c in text.chars() {
        let bytes = c.encode_utf8(&mut utf8).as_bytes();
        let grown = if is_q {
            size + bytes.iter().map(|b| q_byte(*b).len()).sum::<usize>()
        } else {
            (word.len() + bytes.len()).div_ceil(3) * 4
        };
        if grown > room && !word.is_empty() {
            flush(out, &mut word);
            room = SOFT - 1 - WORD_COST;
            size = 0;
        }
        size += bytes.iter().map(|b| q_byte(*b).len()).sum::<usize>();
        word.push(c);
    }
    flush(out, &mut word);
}

/// One byte in the Q encoding, in the set that a phrase may hold (RFC 2047 section 5 (3)).
fn q_byte(byte: u8) -> String {
    match byte {
        b' ' => "_".to_owned(),
        b if b.is_ascii_alphanumeric() || b"!*+-/".contains(&b) => char::from(b).to_string(),
        b => format!("={b:02X}"),
    }
}

fn check_lines(written: &[u8], name: &str) -> Result<(), String> {
    if written
        .split(|b| *b == b'\n')
        .any(|line| line.len() > HARD + 1)
    {
        return Err(format!("the header {name} has a word that fits on no line"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: &str) -> String {
        let mut out = Vec::new();
        write_text(&mut out, "Subject", value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn kazakh_subjects_become_words_of_whole_characters() {
        let written = text("Су тасқынына дайындық басталды және тағы 6 жаңалық");
        assert_eq!(
            written,
            "Subject: =?utf-8?B?0KHRgyDRgtCw0YHSm9GL0L3Ri9C90LAg0LTQsNC50YvQvdC00Ys=?=\r\n \
             =?utf-8?B?0psg0LHQsNGB0YLQsNC70LTRiyDQttOZ0L3QtSDRgtCw0pPRiyA2INC20LA=?=\r\n \
             =?utf-8?B?0qPQsNC70YvSmw==?=\r\n"
        );
    }

    #[test]
    fn mostly_latin_words_take_the_shorter_encoding() {
        assert_eq!(
            text("A café in Almaty"),
            "Subject: =?utf-8?Q?A_caf=C3=A9_in_Almaty?=\r\n"
        );
    }

    #[test]
    fn names_with_specials_are_quoted() {
        let mut out = Vec::new();
        write_mailbox(&mut out, "From", "Herald, \"Tau\"", "news@news.example.kz").unwrap();
        assert_eq!(
            out,
            b"From: \"Herald, \\\"Tau\\\"\" <news@news.example.kz>\r\n"
        );
    }

    #[test]
    fn nothing_breaks_out_of_its_line() {
        let mut out = Vec::new();
        for value in ["a\r\nBcc: x@example.org", "a\nb", "a\0b", "a\u{7f}"] {
            assert!(write_text(&mut out, "Subject", value).is_err());
            assert!(write_structured(&mut out, "List-Id", value).is_err());
        }
        for name in ["", "X Y", "X:Y", "X\r\nBcc", "Тақырып"] {
            assert!(write_text(&mut out, name, "a").is_err(), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_long_and_no_word_too(value in "[^\\p{C}]{0,300}") {
            let value = crate::base::text::clean_line(&value);
            let written = text(&value);
            for line in written.split("\r\n") {
                prop_assert!(line.len() <= 78 || !line.contains("=?utf-8?"), "{}", line);
                prop_assert!(!line.contains('\n') && line.is_ascii());
            }
            for word in written.split_ascii_whitespace().filter(|w| w.starts_with("=?utf-8?")) {
                prop_assert!(word.len() <= 75, "{}", word);
            }
            let parsed = mail_parser::MessageParser::default().parse(written.as_bytes()).unwrap();
            prop_assert_eq!(parsed.subject().unwrap_or("").trim(), value.trim());
        }
    }
}
