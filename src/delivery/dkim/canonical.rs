//! The relaxed forms of a message's head and body (RFC 6376 sections 3.4.2 and 3.4.4).

use aws_lc_rs::digest::{Context, Digest, SHA256};

/// One field of a head.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its name, as it stands.
    pub name: &'a str,
    /// All of it, with its folded lines and its last line end.
    pub raw: &'a [u8],
}

impl Field<'_> {
    /// Whether it has that name; names know no case (RFC 5322 section 1.2.2).
    pub const fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The fields of a head whose lines end in CRLF, in their order.
pub fn fields(head: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < head.len() {
        let end = head[at..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(head.len(), |end| at + end + 1);
        at = end;
        if head.get(end).is_some_and(|b| is_white(*b)) {
            continue;
        }
        let raw = &head[start..end];
        let colon = raw.iter().position(|b| *b == b':').unwrap_or(raw.len());
        let name = std::str::from_utf8(&raw[..colon]).unwrap_or("").trim_end();
        fields.push(Field { name, raw });
        start = end;
    }
    fields
}

/// Appends a field in its relaxed form: name in lower case, unfolded, white space as one space and none around the value.
pub fn relaxed_field(out: &mut Vec<u8>, raw: &[u8]) {
    let colon = raw.iter().position(|b| *b == b':').unwrap_or(raw.len());
    out.extend(raw[..colon].trim_ascii_end().to_ascii_lowercase());
    out.push(b':');
    let start = out.len();
    let mut is_gap = false;
    for byte in raw[colon..].iter().skip(1).copied() {
        if is_white(byte) {
            is_gap = true;
        } else if !matches!(byte, b'\r' | b'\n') {
            if is_gap && out.len() > start {
                out.push(b' ');
            }
            is_gap = false;
            out.push(byte);
        }
    }
    out.extend(b"\r\n");
}

/// SHA-256 of a body in its relaxed form: no white space at the ends of lines, one space for every other run of it, no empty lines
/// at the end. What needs no change is hashed where it lies.
pub fn body_hash(body: &[u8]) -> Digest {
    let mut hash = Context::new(&SHA256);
    let end = content_end(body);
    let body = &body[..end];
    let mut kept = 0;
    let mut at = 0;
    while let Some(found) = body[at..].iter().position(|b| is_white(*b)) {
        let run = at + found;
        let after = body[run..]
            .iter()
            .position(|b| !is_white(*b))
            .map_or(end, |length| run + length);
        let is_last = after == end || body[after..].starts_with(b"\r\n");
        if is_last || after - run > 1 || body[run] == b'\t' {
            hash.update(&body[kept..run]);
            if !is_last {
                hash.update(b" ");
            }
            kept = after;
        }
        at = after;
    }
    hash.update(&body[kept..]);
    if end > 0 {
        hash.update(b"\r\n");
    }
    hash.finish()
}

/// Where the last line ends that holds more than white space, without its line end.
fn content_end(body: &[u8]) -> usize {
    let mut end = body.len();
    loop {
        let line = body[..end].strip_suffix(b"\r\n").map_or(end, <[u8]>::len);
        let text = line
            - body[..line]
                .iter()
                .rev()
                .take_while(|b| is_white(**b))
                .count();
        let is_empty = text == 0 || body[..text].ends_with(b"\r\n");
        if !is_empty || text == 0 {
            return text;
        }
        end = text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::digest::digest;
    use proptest::prelude::*;

    fn field(raw: &str) -> String {
        let mut out = Vec::new();
        relaxed_field(&mut out, raw.as_bytes());
        String::from_utf8(out).unwrap()
    }

    /// The example of RFC 6376 section 3.4.5.
    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(field("A: X\r\n"), "a:X\r\n");
        assert_eq!(field("Subject: a: b"), "subject:a: b\r\n");
        assert_eq!(field("B : Y\t\r\n\tZ  \r\n"), "b:Y Z\r\n");
        let hash = body_hash(b" C \r\nD \t E\r\n\r\n\r\n");
        assert_eq!(hash.as_ref(), digest(&SHA256, b" C\r\nD E\r\n").as_ref());
    }

    /// Section 3.4.4: an empty body is hashed as nothing, and so is one of empty lines.
    #[test]
    fn an_empty_body_is_nothing() {
        for body in ["", "\r\n", "\r\n\r\n", " \t \r\n\r\n \t", "   "] {
            let hash = body_hash(body.as_bytes());
            assert_eq!(hash.as_ref(), digest(&SHA256, b"").as_ref(), "{body:?}");
        }
    }

    #[test]
    fn folded_fields_are_one() {
        let head = b"From: a@example.kz\r\nSubject: one\r\n two\r\n\tthree\r\nTo: b@example.kz\r\n";
        let names: Vec<_> = fields(head).iter().map(|f| f.name).collect();
        assert_eq!(names, ["From", "Subject", "To"]);
        let whole: Vec<u8> = fields(head).iter().flat_map(|f| f.raw.to_vec()).collect();
        assert_eq!(whole, head);
    }

    /// The rules of section 3.4.4, one after the other, line by line.
    fn plainly(body: &str) -> Vec<u8> {
        let mut lines: Vec<String> = body
            .split("\r\n")
            .map(|line| {
                let mut out = String::new();
                for c in line.chars() {
                    let is_white = c == ' ' || c == '\t';
                    if !is_white {
                        out.push(c);
                    } else if !out.ends_with(' ') {
                        out.push(' ');
                    }
                }
                out.strip_suffix(' ').unwrap_or(&out).to_owned()
            })
            .collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
            .iter()
            .flat_map(|line| format!("{line}\r\n").into_bytes())
            .collect()
    }

    proptest! {
        #[test]
        fn bodies_are_hashed_as_the_rules_say(lines in proptest::collection::vec("[ab=. \t]{0,6}", 0..12)) {
            let body = lines.join("\r\n");
            let expected = digest(&SHA256, &plainly(&body));
            prop_assert_eq!(body_hash(body.as_bytes()).as_ref().to_vec(), expected.as_ref().to_vec());
        }
    }
}
