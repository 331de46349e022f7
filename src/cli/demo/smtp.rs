//! The other end of the demo's SMTP conversation: a small receiver that keeps every message before it says 250.
//!
//! RFC 5321 as far as our own sender goes: EHLO, HELO, MAIL, RCPT, DATA, RSET, NOOP, VRFY and QUIT, with SIZE, 8BITMIME,
//! SMTPUTF8, PIPELINING and enhanced codes. It has no TLS and listens on loopback alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::base::time::{Clock, Zone};
use crate::web::inbox::Inbox;

/// The largest message that is taken, in bytes.
const MAX_BYTES: usize = 10 * 1024 * 1024;
/// The longest line (RFC 5321 section 4.5.3.1.6 asks for 1000; a generous receiver).
const MAX_LINE: u64 = 16 * 1024;
/// Recipients of one message (RFC 5321 section 4.5.3.1.8).
const MAX_RECIPIENTS: usize = 100;
/// How long a silent sender is waited for.
const PATIENCE: Duration = Duration::from_mins(5);

/// Starts to listen on a free port of the loopback; returns the address. Ends when `stop` is cancelled.
pub(super) async fn listen(
    inbox: Arc<Inbox>,
    clock: Clock,
    zone: Zone,
    stop: CancellationToken,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            let session = Session {
                inbox: inbox.clone(),
                clock: clock.clone(),
                zone: zone.clone(),
                sender: None,
                recipients: Vec::new(),
                greeted: false,
            };
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    // A connection that breaks is the sender's to notice.
                    _ = session.serve(stream) => {}
                }
            });
        }
    });
    Ok(address)
}

struct Session {
    inbox: Arc<Inbox>,
    clock: Clock,
    zone: Zone,
    sender: Option<String>,
    recipients: Vec<String>,
    greeted: bool,
}

enum Next {
    Reply(String),
    Data,
    Quit,
}

impl Session {
    async fn serve(mut self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        write
            .write_all(b"220 inbox.example.kz ESMTP Jarshy demo inbox\r\n")
            .await?;
        let mut line = Vec::new();
        loop {
            let Ok(ended) = tokio::time::timeout(PATIENCE, read_line(&mut read, &mut line)).await
            else {
                return write.write_all(b"421 4.4.2 too long a silence\r\n").await;
            };
            match ended? {
                Line::End => return Ok(()),
                Line::TooLong => {
                    write.write_all(b"500 5.5.6 line too long\r\n").await?;
                    continue;
                }
                Line::Whole => {}
            }
            let text = String::from_utf8_lossy(&line);
            match self.command(text.trim_end_matches(['\r', '\n'])) {
                Next::Reply(reply) => write.write_all(reply.as_bytes()).await?,
                Next::Quit => return write.write_all(b"221 2.0.0 bye\r\n").await,
                Next::Data => {
                    write
                        .write_all(b"354 go on, end with a dot on a line of its own\r\n")
                        .await?;
                    let Ok(body) = tokio::time::timeout(PATIENCE, read_body(&mut read)).await
                    else {
                        return write.write_all(b"421 4.4.2 too long a silence\r\n").await;
                    };
                    let reply = match body? {
                        Body::Cut => return Ok(()),
                        Body::TooLarge => "552 5.3.4 message too large\r\n".to_owned(),
                        Body::Whole(bytes) => self.keep(&bytes),
                    };
                    self.reset();
                    write.write_all(reply.as_bytes()).await?;
                }
            }
        }
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    /// Keeps the message, then answers.
    fn keep(&self, bytes: &[u8]) -> String {
        let sender = self.sender.as_deref().unwrap_or_default();
        match self.inbox.store(
            self.clock.now(),
            &self.zone,
            sender,
            &self.recipients,
            bytes,
        ) {
            Ok(()) => format!("250 2.0.0 kept as {}\r\n", self.inbox.len()),
            Err(_) => "452 4.3.1 the message cannot be written\r\n".to_owned(),
        }
    }

    fn command(&mut self, line: &str) -> Next {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "EHLO" if !rest.trim().is_empty() => {
                self.reset();
                self.greeted = true;
                format!(
                    "250-inbox.example.kz\r\n250-PIPELINING\r\n250-SIZE {MAX_BYTES}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                     250 ENHANCEDSTATUSCODES\r\n"
                )
            }
            "HELO" if !rest.trim().is_empty() => {
                self.reset();
                self.greeted = true;
                "250 inbox.example.kz\r\n".to_owned()
            }
            "EHLO" | "HELO" => "501 5.5.4 say your name\r\n".to_owned(),
            "MAIL" if !self.greeted || self.sender.is_some() => "503 5.5.1 not now\r\n".to_owned(),
            "MAIL" => match path(rest, "FROM:") {
                Some(sender) => {
                    self.sender = Some(sender);
                    "250 2.1.0 sender ok\r\n".to_owned()
                }
                None => "501 5.1.7 write it like MAIL FROM:<news@example.kz>\r\n".to_owned(),
            },
            "RCPT" if self.sender.is_none() => "503 5.5.1 MAIL comes first\r\n".to_owned(),
            "RCPT" if self.recipients.len() >= MAX_RECIPIENTS => {
                "452 4.5.3 too many recipients\r\n".to_owned()
            }
            "RCPT" => match path(rest, "TO:").filter(|address| address.contains('@')) {
                Some(recipient) => {
                    self.recipients.push(recipient);
                    "250 2.1.5 recipient ok\r\n".to_owned()
                }
                None => "501 5.1.3 write it like RCPT TO:<aigerim@example.kz>\r\n".to_owned(),
            },
            "DATA" if self.recipients.is_empty() => {
                "503 5.5.1 there is no recipient yet\r\n".to_owned()
            }
            "DATA" => return Next::Data,
            "RSET" => {
                self.reset();
                "250 2.0.0 forgotten\r\n".to_owned()
            }
            "NOOP" => "250 2.0.0 ok\r\n".to_owned(),
            "VRFY" => "252 2.1.5 send it and see\r\n".to_owned(),
            "QUIT" => return Next::Quit,
            _ => "500 5.5.2 unknown command\r\n".to_owned(),
        };
        Next::Reply(reply)
    }
}

/// The address between the angle brackets behind `FROM:` or `TO:`; what follows them is parameters.
fn path(rest: &str, keyword: &str) -> Option<String> {
    let rest = rest.trim_start();
    let head = rest.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let inside = rest[keyword.len()..].trim_start().strip_prefix('<')?;
    let (address, _) = inside.split_once('>')?;
    (!address.contains(char::is_whitespace)).then(|| address.to_owned())
}

enum Line {
    Whole,
    TooLong,
    End,
}

/// Reads up to and with the next line feed.
async fn read_line(
    read: &mut (impl AsyncBufReadExt + Unpin),
    line: &mut Vec<u8>,
) -> std::io::Result<Line> {
    line.clear();
    let mut long = false;
    loop {
        let got = (&mut *read).take(MAX_LINE).read_until(b'\n', line).await?;
        if got == 0 {
            return Ok(Line::End);
        }
        if line.last() == Some(&b'\n') {
            return Ok(if long { Line::TooLong } else { Line::Whole });
        }
        if (got as u64) < MAX_LINE {
            return Ok(Line::End);
        }
        long = true;
        line.clear();
    }
}

enum Body {
    Whole(Vec<u8>),
    TooLarge,
    Cut,
}

/// Reads a body up to CRLF, dot, CRLF and takes the stuffed dots away (RFC 5321 section 4.5.2). A dot between bare line feeds
/// ends nothing: that is how messages are smuggled.
async fn read_body(read: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Body> {
    let mut bytes = Vec::new();
    let mut line = Vec::new();
    let mut starts_line = true;
    let mut ended_in_cr = false;
    let mut too_large = false;
    loop {
        line.clear();
        let got = (&mut *read)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .await?;
        if got == 0 {
            return Ok(Body::Cut);
        }
        if starts_line && line == b".\r\n" {
            return Ok(if too_large {
                Body::TooLarge
            } else {
                Body::Whole(bytes)
            });
        }
        let content = if starts_line && line.first() == Some(&b'.') {
            &line[1..]
        } else {
            &line[..]
        };
        if bytes.len() + content.len() > MAX_BYTES {
            too_large = true;
            bytes.clear();
        } else if !too_large {
            bytes.extend_from_slice(content);
        }
        starts_line = line.ends_with(b"\r\n") || (ended_in_cr && line == b"\n");
        ended_in_cr = line.ends_with(b"\r");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::inbox::Directory;

    async fn talk(said: &[u8]) -> (String, Arc<Inbox>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Arc::new(Inbox::open(folder.path(), Directory::default()).unwrap());
        let stop = CancellationToken::new();
        let clock = Clock::fixed("2026-02-28T03:00:00Z".parse().unwrap(), 1);
        let address = listen(inbox.clone(), clock, Zone::utc(), stop.clone())
            .await
            .unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        stop.cancel();
        (heard, inbox, folder)
    }

    fn codes(heard: &str) -> Vec<&str> {
        heard
            .lines()
            .filter(|line| line.as_bytes().get(3) == Some(&b' '))
            .map(|line| &line[..3])
            .collect()
    }

    #[tokio::test]
    async fn a_message_is_kept_byte_for_byte_with_its_dots() {
        let (heard, inbox, _folder) = talk(
            b"EHLO a.example.kz\r\nMAIL FROM:<n@example.kz> BODY=8BITMIME\r\nRCPT TO:<a@example.kz>\r\nDATA\r\nSubject: x\r\n\r\n\
              ..dot\r\nbare\n.\nend\r\n.\r\nQUIT\r\n",
        )
        .await;
        assert_eq!(
            codes(&heard),
            ["220", "250", "250", "250", "354", "250", "221"]
        );
        let (mails, _) = inbox.list(|_| true, 0, 9);
        assert_eq!(mails.len(), 1);
        let bytes = inbox.read(&mails[0]).unwrap();
        assert_eq!(bytes, b"Subject: x\r\n\r\n.dot\r\nbare\n.\nend\r\n");
        assert_eq!(mails[0].sender, "n@example.kz");
    }

    #[tokio::test]
    async fn a_message_without_its_dot_is_not_kept() {
        let (_, inbox, _folder) = talk(
            b"EHLO a\r\nMAIL FROM:<n@example.kz>\r\nRCPT TO:<a@example.kz>\r\nDATA\r\nSubject: x\r\n\r\nhalf",
        )
        .await;
        assert!(inbox.is_empty());
    }

    #[tokio::test]
    async fn nonsense_and_wrong_order_are_refused() {
        let (heard, inbox, _folder) = talk(
            b"MAIL FROM:<a@b.example>\r\nEHLO\r\nEHLO x\r\nRCPT TO:<a@b.example>\r\nDATA\r\nMAIL FROM:a@b.example\r\n\
              MAIL FROM:<>\r\nRCPT TO:<nobody>\r\nHELLO\r\nRSET\r\nNOOP\r\nQUIT\r\n",
        )
        .await;
        assert_eq!(
            codes(&heard),
            [
                "220", "503", "501", "250", "503", "503", "501", "250", "501", "500", "250", "250",
                "221"
            ]
        );
        assert!(inbox.is_empty());
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_and_the_talk_goes_on() {
        let mut said =
            b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n".to_vec();
        for _ in 0..=(MAX_BYTES / 1000) {
            said.extend([b'a'; 1000]);
            said.extend(b"\r\n");
        }
        said.extend(b".\r\nNOOP\r\nQUIT\r\n");
        let (heard, inbox, _folder) = talk(&said).await;
        assert_eq!(codes(&heard)[4..], ["354", "552", "250", "221"]);
        assert!(inbox.is_empty());
    }
}
