//! The message as DATA wants it.

use bytes::{BufMut, Bytes, BytesMut};

/// The message without its last line end, which the end of data brings along, and with a second dot in front of each line that
/// begins with one (RFC 5321 section 4.5.2). Most messages have no such line and are not copied.
pub fn transparent(message: &Bytes) -> Bytes {
    let end = message
        .strip_suffix(b"\r\n")
        .map_or(message.len(), <[u8]>::len);
    let message = message.slice(..end);
    let dots = leading_dots(&message);
    if dots.is_empty() {
        return message;
    }
    let mut out = BytesMut::with_capacity(message.len() + dots.len());
    let mut at = 0;
    for dot in dots {
        out.put_slice(&message[at..dot]);
        out.put_u8(b'.');
        at = dot;
    }
    out.put_slice(&message[at..]);
    out.freeze()
}

/// Where lines begin with a dot.
fn leading_dots(message: &[u8]) -> Vec<usize> {
    let begins_line = |at: usize| at == 0 || message[at - 1] == b'\n';
    // Looking for a letter in text is many times quicker than in bytes; messages are text unless something is very wrong.
    match std::str::from_utf8(message) {
        Ok(text) => text
            .match_indices('.')
            .map(|(at, _)| at)
            .filter(|at| begins_line(*at))
            .collect(),
        Err(_) => (0..message.len())
            .filter(|at| message[*at] == b'.' && begins_line(*at))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a receiver makes of it.
    fn received(sent: &[u8]) -> Vec<u8> {
        let mut whole = sent.to_vec();
        whole.extend(b"\r\n.\r\n");
        let mut out = Vec::new();
        for line in whole.split_inclusive(|b| *b == b'\n') {
            if line == b".\r\n" {
                return out;
            }
            out.extend(line.strip_prefix(b".").unwrap_or(line));
        }
        panic!("no end of data");
    }

    proptest! {
        /// T50: whatever a message holds, its end is where we put it and what arrives is what was sent.
        #[test]
        fn dots_do_not_end_a_message(parts in proptest::collection::vec("[.a]{0,3}(\r\n)?", 0..30)) {
            let message = format!("Subject: x\r\n\r\n{}\r\n", parts.concat());
            let sent = transparent(&Bytes::from(message.clone()));
            let inside: &[u8] = &sent;
            prop_assert!(!inside.windows(5).any(|five| five == b"\r\n.\r\n"));
            let got = received(&sent);
            prop_assert_eq!(String::from_utf8(got).unwrap(), message);
        }

        #[test]
        fn bytes_that_are_no_text_are_as_safe(mut bytes in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\n'), Just(0xff_u8)], 0..40)) {
            bytes.extend(b"\r\n");
            let sent = transparent(&Bytes::from(bytes.clone()));
            prop_assert_eq!(received(&sent), bytes);
        }
    }
}
