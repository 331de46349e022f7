//! Bodies: quoted-printable for mostly-Latin texts, base64 for the rest (RFC 2045 sections 6.7 and 6.8).

use std::ops::Range;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::base::text::clean;
use crate::base::token::Purpose;

/// A text with places for a person's tokens, found once per letter so that filling it in is copying.
#[derive(Debug)]
pub struct Template {
    text: String,
    places: Places,
    encoded: OnceLock<Encoded>,
}

type Places = Vec<(Range<usize>, Purpose)>;

/// A text in its encoding, made once per letter. A token is as long as its place and made of letters that stand for themselves in
/// quoted-printable, so nobody's token moves anything: per person only the places are written anew.
#[derive(Debug)]
struct Encoded {
    name: &'static str,
    bytes: Vec<u8>,
    patches: Vec<Patch>,
}

/// What of an encoded text is written anew for each person.
#[derive(Debug)]
enum Patch {
    /// Whole lines of base64 from that byte on: what they hold, and the places in it.
    Lines {
        at: usize,
        holds: Vec<u8>,
        places: Places,
    },
    /// Letters of quoted-printable, by where each of them stands.
    Letters { at: Vec<usize>, purpose: Purpose },
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
        Self {
            text,
            places,
            encoded: OnceLock::new(),
        }
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

    /// Writes the headers of a part and this body with the tokens in their places. The shorter encoding wins, quoted-printable on
    /// a tie.
    pub fn write_part(&self, out: &mut Vec<u8>, subtype: &str, token: impl Fn(Purpose) -> String) {
        let encoded = self
            .encoded
            .get_or_init(|| Encoded::new(&self.text, &self.places));
        out.reserve(encoded.bytes.len() + 128);
        out.extend(b"Content-Type: text/");
        out.extend(subtype.as_bytes());
        out.extend(b"; charset=utf-8\r\nContent-Transfer-Encoding: ");
        out.extend(encoded.name.as_bytes());
        out.extend(b"\r\n\r\n");
        let start = out.len();
        out.extend(&encoded.bytes);
        let body = &mut out[start..];
        for patch in &encoded.patches {
            match patch {
                Patch::Lines { at, holds, places } => {
                    let mut holds = holds.clone();
                    for (range, purpose) in places {
                        holds[range.clone()].copy_from_slice(token(*purpose).as_bytes());
                    }
                    let mut lines = Vec::with_capacity(holds.len() * 3 / 2);
                    write_base64(&mut lines, &holds);
                    body[*at..*at + lines.len()].copy_from_slice(&lines);
                }
                Patch::Letters { at, purpose } => {
                    for (at, letter) in at.iter().zip(token(*purpose).bytes()) {
                        body[*at] = letter;
                    }
                }
            }
        }
    }
}

impl Encoded {
    fn new(text: &str, places: &[(Range<usize>, Purpose)]) -> Self {
        let mut bytes = Vec::new();
        if is_base64_shorter(text.as_bytes()) {
            write_base64(&mut bytes, text.as_bytes());
            return Self {
                name: "base64",
                bytes,
                patches: lines_of(text.as_bytes(), places),
            };
        }
        let mut stands = Vec::new();
        write_quoted_printable(&mut bytes, text, places, &mut stands);
        let mut stands = stands.into_iter();
        let patches = places
            .iter()
            .map(|(range, purpose)| Patch::Letters {
                at: stands.by_ref().take(range.len()).collect(),
                purpose: *purpose,
            })
            .collect();
        Self {
            name: "quoted-printable",
            bytes,
            patches,
        }
    }
}

/// The lines of base64 in which places stand; places that share a line share a patch.
fn lines_of(text: &[u8], places: &[(Range<usize>, Purpose)]) -> Vec<Patch> {
    let mut regions: Vec<(Range<usize>, Places)> = Vec::new();
    for (range, purpose) in places {
        let first = range.start / LINE * LINE;
        let end = (range.end.div_ceil(LINE) * LINE).min(text.len());
        match regions.last_mut() {
            Some((region, held)) if region.end > first => {
                region.end = end;
                held.push((range.clone(), *purpose));
            }
            _ => regions.push((first..end, vec![(range.clone(), *purpose)])),
        }
    }
    regions
        .into_iter()
        .map(|(region, held)| Patch::Lines {
            at: region.start / LINE * (LINE / 3 * 4 + 2),
            holds: text[region.clone()].to_vec(),
            places: held
                .into_iter()
                .map(|(range, purpose)| {
                    (
                        range.start - region.start..range.end - region.start,
                        purpose,
                    )
                })
                .collect(),
        })
        .collect()
}

/// Bytes that one line of base64 holds: 76 letters (RFC 2045 section 6.8).
const LINE: usize = 57;

const fn is_literal(byte: u8) -> bool {
    matches!(byte, b' '..=b'<' | b'>'..=b'~' | b'\t' | b'\r' | b'\n')
}

fn is_base64_shorter(bytes: &[u8]) -> bool {
    let special = bytes.iter().filter(|b| !is_literal(**b)).count();
    let quoted = bytes.len() + special * 2;
    let quoted = quoted + quoted / 75 * 3;
    bytes.len().div_ceil(LINE) * 78 < quoted
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len().div_ceil(LINE) * 78);
    let mut line = [0; 76];
    for chunk in bytes.chunks(LINE) {
        let written = STANDARD.encode_slice(chunk, &mut line).unwrap_or(0);
        out.extend(&line[..written]);
        out.extend(b"\r\n");
    }
}

/// `stands` learns where in `out` each letter of the places went, in their order.
fn write_quoted_printable(
    out: &mut Vec<u8>,
    text: &str,
    places: &[(Range<usize>, Purpose)],
    stands: &mut Vec<usize>,
) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.reserve(text.len() + text.len() / 8);
    let mut places = places.iter().map(|(range, _)| range).peekable();
    let mut begin = 0;
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
            let at = begin + i;
            while places.next_if(|place| place.end <= at).is_some() {}
            if places.peek().is_some_and(|place| place.contains(&at)) {
                stands.push(out.len());
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
        begin += bytes.len() + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(text: &str) -> String {
        let mut out = Vec::new();
        Template::new(text.to_owned()).write_part(&mut out, "plain", |_| String::new());
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

        /// A text that is encoded once and filled in is the text that is filled in and encoded, wherever the places stand.
        #[test]
        fn tokens_are_written_into_what_is_encoded(
            parts in proptest::collection::vec(
                (prop_oneof!["[ -~]{0,90}", "[а-яәғқңөұүһі \n]{0,90}", "(é| |\n|=){0,9}"], 0usize..8),
                1..12,
            ),
        ) {
            let text: String = parts
                .iter()
                .map(|(text, place)| {
                    let place = Purpose::ALL.get(*place).map_or("", |purpose| purpose.placeholder());
                    format!("{text}{place}")
                })
                .collect();
            let template = Template::body(&text);
            let token = |purpose: Purpose| {
                let letter = char::from(purpose as u8);
                letter.to_string().repeat(crate::base::token::TOKEN_LEN)
            };
            let mut out = Vec::new();
            template.write_part(&mut out, "plain", token);
            template.write_part(&mut out, "html", token);
            let mut plainly = Vec::new();
            for subtype in ["plain", "html"] {
                Template::new(template.fill(token)).write_part(&mut plainly, subtype, token);
            }
            prop_assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(plainly).unwrap());
        }
    }
}
