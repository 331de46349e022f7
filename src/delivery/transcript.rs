//! What was said on a connection, for a person who reads along. Passwords and the message itself are not kept.

use std::sync::{Mutex, PoisonError};

/// Who said it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// We.
    Us,
    /// The relay.
    Relay,
    /// Nobody: what happened on the way, e.g. TLS.
    Note,
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Who.
    pub side: Side,
    /// What, without its line end.
    pub text: String,
}

#[derive(Debug, Default)]
struct Lines {
    said: Vec<Said>,
    /// Beginnings of lines whose end has not come yet.
    ours: Vec<u8>,
    theirs: Vec<u8>,
    /// Bytes of the message.
    body: usize,
    /// The relay asked for a user or a password.
    is_secret: bool,
}

/// The lines of one connection, in order.
#[derive(Debug, Default)]
pub struct Transcript(Mutex<Lines>);

impl Transcript {
    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything said so far.
    pub fn said(&self) -> Vec<Said> {
        self.lock().said.clone()
    }

    /// Something that is no line of the conversation.
    pub fn note(&self, text: impl Into<String>) {
        self.lock().push(Side::Note, text.into());
    }

    /// Bytes of ours that are commands.
    pub fn us(&self, bytes: &[u8]) {
        let mut lines = self.lock();
        lines.ours.extend(bytes);
        while let Some(line) = take_line(&mut lines.ours) {
            let line = if std::mem::take(&mut lines.is_secret) {
                "(not shown)".to_owned()
            } else {
                hide(line)
            };
            lines.push(Side::Us, line);
        }
    }

    /// Bytes of the relay.
    pub fn relay(&self, bytes: &[u8]) {
        let mut lines = self.lock();
        lines.theirs.extend(bytes);
        while let Some(line) = take_line(&mut lines.theirs) {
            lines.is_secret = line.starts_with("334");
            lines.push(Side::Relay, line);
        }
    }

    /// So many bytes of the message.
    pub fn message(&self, bytes: usize) {
        self.lock().body += bytes;
    }

    /// The end of the message.
    pub fn dot(&self) {
        let mut lines = self.lock();
        let body = std::mem::take(&mut lines.body);
        lines.push(Side::Us, format!("(the message, {body} bytes)"));
        lines.push(Side::Us, ".".to_owned());
    }
}

impl Lines {
    fn push(&mut self, side: Side, text: String) {
        self.said.push(Said { side, text });
    }
}

/// The first whole line of a buffer, taken out.
fn take_line(buffer: &mut Vec<u8>) -> Option<String> {
    let end = buffer.iter().position(|b| *b == b'\n')?;
    let line: Vec<u8> = buffer.drain(..=end).collect();
    Some(crate::base::text::clean_line(&String::from_utf8_lossy(
        &line,
    )))
}

/// AUTH with what comes behind its mechanism hidden.
fn hide(line: String) -> String {
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some(auth), Some(mechanism), Some(_)) if auth.eq_ignore_ascii_case("AUTH") => {
            format!("{auth} {mechanism} (not shown)")
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_the_message_are_not_kept() {
        let transcript = Transcript::default();
        transcript.us(b"AUTH PLAIN AHVzZXIAc2VjcmV0\r\nAUTH LO");
        transcript.us(b"GIN\r\n");
        transcript.relay(b"334 VXNlcm5hbWU6\r\n");
        transcript.us(b"dXNlcg==\r\n");
        transcript.relay(b"334 UGFzc3dvcmQ6\r\n");
        transcript.us(b"c2VjcmV0\r\n");
        transcript.relay(b"235 2.7.0 welcome\r\n");
        transcript.message(1000);
        transcript.message(234);
        transcript.dot();
        let said: Vec<String> = transcript.said().into_iter().map(|s| s.text).collect();
        assert_eq!(
            said,
            [
                "AUTH PLAIN (not shown)",
                "AUTH LOGIN",
                "334 VXNlcm5hbWU6",
                "(not shown)",
                "334 UGFzc3dvcmQ6",
                "(not shown)",
                "235 2.7.0 welcome",
                "(the message, 1234 bytes)",
                "."
            ]
        );
    }
}
