//! The way to an open session: connect, protect, greet, sign in. No byte of ours but EHLO and STARTTLS leaves in the clear where TLS
//! is asked for, and nothing is ever downgraded.

use std::sync::Arc;

use bytes::Bytes;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::Session;
use super::gate::{Gate, Phase};
use super::offers::Offers;
use super::relay::Relay;
use super::stream::{Io, LINE_MAX, Stream};
use crate::config::Tls;
use crate::delivery::outcome::Stage;
use crate::delivery::transcript::Transcript;

impl Session {
    /// Connects, protects, greets and signs in. The error is a stage and a sentence; nothing was sent to anyone.
    pub async fn open(relay: &Relay) -> Result<Self, (Stage, String)> {
        let opened = Instant::now();
        let connect = async {
            let gate = Arc::new(Gate::default());
            let address = (relay.mail.host.as_str(), relay.mail.port);
            let mut tcp = TcpStream::connect(address)
                .await
                .map_err(|e| format!("the relay does not answer: {e}"))?;
            // The body and the dot are two writes: without this the second waits for the peer's delayed ACK.
            tcp.set_nodelay(true).map_err(|e| e.to_string())?;
            let peer = tcp.peer_addr().map_err(|e| e.to_string())?;
            relay.note(|| format!("connected to {} ({peer})", relay.mail.host));
            let mut stream = Stream {
                peer,
                io: Io::Closed,
                read: Vec::new(),
                at: 0,
                line: 0,
                gate: Arc::clone(&gate),
                body: Bytes::new(),
                transcript: relay.transcript.clone(),
            };
            stream.io = match &relay.tls {
                None => {
                    relay.note(|| "no encryption, as mail.tls = \"none\" says".to_owned());
                    Io::Plain(tcp)
                }
                Some((connector, name)) => {
                    if relay.mail.tls == Tls::Required {
                        let transcript = relay.transcript.as_deref();
                        ask_for_tls(&mut tcp, &relay.mail.ehlo_name, transcript).await?;
                        // lettre waits for a greeting, and after STARTTLS there is none (RFC 3207 section 4.2).
                        stream.read.extend(b"220 ready\r\n");
                    }
                    let tls = connector.connect(name.clone(), tcp).await.map_err(|e| {
                        format!("the relay's certificate or TLS is not acceptable: {e}")
                    })?;
                    relay.note(|| {
                        let version = tls.get_ref().1.protocol_version();
                        let version = version.map_or_else(String::new, |v| format!("{v:?}"));
                        format!(
                            "encrypted ({}), and the certificate is that of {}",
                            version.replace('_', "."),
                            relay.mail.host
                        )
                    });
                    Io::Tls(Box::new(tls))
                }
            };
            let hello = ClientId::Domain(relay.mail.ehlo_name.clone());
            let connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello)
                .await
                .map_err(|e| e.to_string())?;
            Ok::<_, String>((connection, gate))
        };
        let (mut connection, gate) = timeout(relay.connect_deadline, connect)
            .await
            .unwrap_or_else(|_| Err("the relay took too long to greet".to_owned()))
            .map_err(|e| (Stage::Connect, e))?;
        let hello = {
            let mut state = gate.lock();
            state.phase = Phase::Talk;
            std::mem::take(&mut state.hello)
        };
        if let (Some(user), Some(password)) = (&relay.mail.username, &relay.mail.password) {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let signing_in = connection.auth(&mechanisms, &credentials);
            match timeout(relay.command_deadline, signing_in).await {
                Ok(Ok(reply)) if reply.has_code(235) => {}
                Ok(Ok(reply)) => {
                    return Err((
                        Stage::Auth,
                        format!("AUTH was answered by {}", reply.code()),
                    ));
                }
                Ok(Err(error)) => return Err((Stage::Auth, format!("AUTH: {error}"))),
                Err(_) => return Err((Stage::Auth, "AUTH took too long".to_owned())),
            }
        }
        Ok(Self {
            connection,
            gate,
            messages_max: relay.messages_max,
            opened,
            age_max: relay.age_max,
            command_deadline: relay.command_deadline,
            dot_within: relay.dot_within,
            dot_deadline: relay.dot_deadline,
            offers: Offers::read(&hello),
            messages: 0,
            is_broken: false,
        })
    }
}

/// Greeting, EHLO and STARTTLS in the clear: no other byte leaves before TLS stands, and whatever the peer (or somebody in
/// between) sent ahead of it is a reason to go (RFC 3207 section 6).
async fn ask_for_tls(
    tcp: &mut TcpStream,
    ehlo_name: &str,
    transcript: Option<&Transcript>,
) -> Result<(), String> {
    let heard = |words: &str| {
        if let Some(transcript) = transcript {
            transcript.relay(words.as_bytes());
        }
    };
    let spoken = |words: &str| {
        if let Some(transcript) = transcript {
            transcript.us(words.as_bytes());
        }
    };
    let mut unread = Vec::new();
    heard(&expect(tcp, &mut unread, "220", "the greeting").await?);
    let ehlo = format!("EHLO {ehlo_name}\r\n");
    say(tcp, &ehlo).await?;
    spoken(&ehlo);
    let hello = expect(tcp, &mut unread, "250", "EHLO").await?;
    heard(&hello);
    let offers_tls = hello
        .lines()
        .filter_map(|line| line.get(4..))
        .any(|keyword| keyword.trim().eq_ignore_ascii_case("STARTTLS"));
    if !offers_tls {
        return Err(
            "the relay offers no STARTTLS, and mail.tls = \"required\" sends nothing without it"
                .to_owned(),
        );
    }
    say(tcp, "STARTTLS\r\n").await?;
    spoken("STARTTLS\r\n");
    heard(&expect(tcp, &mut unread, "220", "STARTTLS").await?);
    if !unread.is_empty() {
        return Err("somebody spoke between STARTTLS and TLS".to_owned());
    }
    Ok(())
}

async fn say(tcp: &mut TcpStream, line: &str) -> Result<(), String> {
    tcp.write_all(line.as_bytes())
        .await
        .map_err(|e| e.to_string())
}

/// Reads one reply of any number of lines; what comes behind it stays in `unread`.
async fn expect(
    tcp: &mut TcpStream,
    unread: &mut Vec<u8>,
    code: &str,
    what: &str,
) -> Result<String, String> {
    let mut reply = String::new();
    loop {
        while let Some(end) = unread.iter().position(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(&unread[..=end]).into_owned();
            unread.drain(..=end);
            reply.push_str(&line);
            if line.as_bytes().get(3) == Some(&b'-') && line.starts_with(code) {
                continue;
            }
            return if line.starts_with(code) {
                Ok(reply)
            } else {
                let shown: String = crate::base::text::clean_line(&reply)
                    .chars()
                    .take(200)
                    .collect();
                Err(format!("{what} was answered by {shown:?}"))
            };
        }
        if unread.len() > LINE_MAX || reply.len() > 16 * LINE_MAX {
            return Err(format!("the answer to {what} has no end"));
        }
        let mut chunk = [0; 1024];
        match tcp.read(&mut chunk).await {
            Ok(0) => return Err(format!("the relay hung up instead of answering {what}")),
            Ok(n) => unread.extend(&chunk[..n]),
            Err(e) => return Err(e.to_string()),
        }
    }
}
