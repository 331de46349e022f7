//! Bodies: quoted-printable for mostly-Latin texts, base64 for the rest (RFC 2045 sections 6.7 and 6.8).

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::base::text::clean;
use crate::base::token::Purpose;

/// A text with places for a person's tokens, found once per letter so that filling it in is copying.
#[derive(Debug)]
pub struct Template {
    text: String,
    places: Vec<(Range<usize>, Purpose)>,
}

impl Template {
    /// A body: what XML forbids is gone, lines end in CRLF, the last one too.
    pub fn body(text: &str) -> Self {
        let mut text = clean(text);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        Self::new(text.replace('\n', "\r\n"))
    }

    /// A header's value, as it is.
    pub fn new(text: String) -> Self {
        let mut places: Vec<_> = Purpose::ALL
            .into_iter()
            .flat_map(|purpose| {
                text.match_indices(purpose.placeholder())
                    .map(move |(at, word)| (at..at + word.len(), purpose))
                    .collect::<Vec<_>>()
            })
            .collect();
        places.sort_by_key(|(range, _)| range.start);
        Self { text, places }
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text with the tokens in their places.
    pub fn fill(&self, token: impl Fn(Purpose) -> String) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut at = 0;
        for (range, purpose) in &self.places {
            out.push_str(&self.text[at..range.start]);
            out.push_str(&token(*purpose));
            at = range.end;
        }
        out.push_str(&self.text[at..]);
        out
    }
}

/// Writes the part's headers and its body; `text` has CRLF line ends. The shorter encoding wins, quoted-printable on a tie.
pub fn write_part(out: &mut Vec<u8>, subtype: &str, text: &str) {
    out.extend(b"Content-Type: text/");
    out.extend(subtype.as_bytes());
    out.extend(b"; charset=utf-8\r\nContent-Transfer-Encoding: ");
    if is_base64_shorter(text.as_bytes()) {
        out.extend(b"base64\r\n\r\n");
        write_base64(out, text.as_bytes());
    } else {
        out.extend(b"quoted-printable\r\n\r\n");
        write_quoted_printable(out, text);
    }
}

const fn is_literal(byte: u8) -> bool {
    matches!(byte, b' '..=b'<' | b'>'..=b'~' | b'\t' | b'\r' | b'\n')
}

fn is_base64_shorter(bytes: &[u8]) -> bool {
    let special = bytes.iter().filter(|b| !is_literal(**b)).count();
    let quoted = bytes.len() + special * 2;
    let quoted = quoted + quoted / 75 * 3;
    bytes.len().div_ceil(57) * 78 < quoted
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len().div_ceil(57) * 78);
    let mut line = [0; 76];
    for chunk in bytes.chunks(57) {
        let written = STANDARD.encode_slice(chunk, &mut line).unwrap_or(0);
        out.extend(&line[..written]);
        out.extend(b"\r\n");
    }
}

fn write_quoted_printable(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.reserve(text.len() + text.len() / 8);
    for line in text.strip_suffix("\r\n").unwrap_or(text).split("\r\n") {
        let bytes = line.as_bytes();
        let mut column = 0;
        for (i, &byte) in bytes.iter().enumerate() {
            let is_last = i + 1 == bytes.len();
            // White space at the end of a line may be lost on the way; a line that begins with "From " or "." may be changed.
            let is_plain = is_literal(byte)
                && !(is_last && matches!(byte, b' ' | b'\t'))
                && !(column == 0 && (byte == b'.' || bytes[i..].starts_with(b"From ")))
                && !matches!(byte, b'\r' | b'\n');
            let width = if is_plain { 1 } else { 3 };
            if column + width > if is_last { 76 } else { 75 } {
                out.extend(b"=\r\n");
                column = 0;
            }
            if is_plain {
                out.push(byte);
            } else {
                out.extend([
                    b'=',
                    HEX[usize::from(byte >> 4)],
                    HEX[usize::from(byte & 15)],
                ]);
            }
            column += width;
        }
        out.extend(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(text: &str) -> String {
        let mut out = Vec::new();
        write_part(&mut out, "plain", text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_smaller_encoding_is_chosen() {
        assert!(part("A short note about the café.\r\n").contains("quoted-printable"));
        assert!(part("Су тасқынына дайындық басталды.\r\n").contains("base64"));
    }

    #[test]
    fn placeholders_are_filled_where_they_stand() {
        let place = Purpose::Unsubscribe.placeholder();
        let template = Template::body(&format!(
            "leave: {place}\nsettings: {}",
            Purpose::Preferences.placeholder()
        ));
        assert_eq!(
            template.fill(|p| format!("<{p:?}>")),
            "leave: <Unsubscribe>\r\nsettings: <Preferences>\r\n"
        );
    }

    proptest! {
        #[test]
        fn bodies_come_back_as_they_were(text in "(\\PC|\n|\t| ){1,400}") {
            let body = Template::body(&text).fill(|_| String::new());
            prop_assume!(!body.is_empty());
            let written = part(&body);
            prop_assert!(written.is_ascii());
            for line in written.split("\r\n") {
                prop_assert!(line.len() <= 76 && !line.contains(['\r', '\n']), "{:?}", line);
                prop_assert!(!line.ends_with([' ', '\t']) || line.is_empty());
            }
            let parsed = mail_parser::MessageParser::default().parse(written.as_bytes()).unwrap();
            let back = parsed.body_text(0).unwrap_or_default().into_owned();
            prop_assert_eq!(back.replace("\r\n", "\n"), body.replace("\r\n", "\n"));
        }
    }
}
