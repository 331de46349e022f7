//! One conversation with the relay, in steps, over a socket of our own.
//!
//! lettre speaks the protocol; this file keeps what it leaves open: a deadline for every stage, TLS that is never downgraded,
//! replies that come before they are asked for, and the gate before the final dot. lettre writes the end of data as a write of
//! its own (`async_connection.rs`, `message_iter`): our stream holds that write back until the journal has the intent. A
//! session is good for nothing after any doubt: it is dropped, and what follows uses a new connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::DeliveryError;
use super::outcome::{Class, Reply, Stage};
use super::transcript::Transcript;
use crate::config::{Config, Mail, Tls};

const END_OF_DATA: &[u8] = b"\r\n.\r\n";
/// The longest reply line we read (RFC 5321 section 4.5.3.1.5 allows 512).
const LINE_MAX: usize = 4096;

/// What became of one message.
#[derive(Debug)]
pub enum Sent {
    /// 250 to the final dot.
    Accepted(Reply),
    /// A definite 4xx or 5xx.
    Refused {
        /// Where.
        stage: Stage,
        /// What the relay said.
        reply: Reply,
    },
    /// The conversation broke before the dot: the relay cannot have taken the message.
    Broken {
        /// Where.
        stage: Stage,
        /// What happened.
        detail: String,
    },
    /// The dot was written and no reply settles what became of it.
    Uncertain {
        /// What happened.
        detail: String,
    },
    /// The journal said no, or not in time: no dot was written.
    Stopped,
    /// The relay cannot take such a message: nothing was sent.
    Unsendable {
        /// Why.
        class: Class,
        /// Why, in a sentence.
        detail: String,
    },
}

/// How to reach the relay; made once, used for every connection.
pub struct Relay {
    mail: Mail,
    connect_deadline: Duration,
    command_deadline: Duration,
    dot_within: Duration,
    dot_deadline: Duration,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    transcript: Option<Arc<Transcript>>,
}

impl Relay {
    /// Reads the certificate authorities; the error says which setting is wrong.
    pub fn new(config: &Config) -> Result<Self, DeliveryError> {
        let mail = config.mail.clone();
        let tls = if mail.tls == Tls::None {
            None
        } else {
            Some(connector(&mail).map_err(DeliveryError::Settings)?)
        };
        Ok(Self {
            mail,
            connect_deadline: Duration::from_secs(config.delivery.connect_deadline_secs),
            command_deadline: Duration::from_secs(config.delivery.command_deadline_secs),
            dot_within: Duration::from_secs(config.delivery.dot_within_secs()),
            dot_deadline: Duration::from_secs(config.delivery.dot_deadline_secs),
            tls,
            transcript: None,
        })
    }

    /// The same, and writes down what is said.
    pub fn listening(config: &Config, transcript: Arc<Transcript>) -> Result<Self, DeliveryError> {
        Ok(Self {
            transcript: Some(transcript),
            ..Self::new(config)?
        })
    }

    fn note(&self, text: impl FnOnce() -> String) {
        if let Some(transcript) = &self.transcript {
            transcript.note(text());
        }
    }
}

fn connector(mail: &Mail) -> Result<(TlsConnector, ServerName<'static>), String> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A machine's store may hold certificates that rustls does not read; they vouch for nobody here.
        let _ = roots.add(certificate);
    }
    if let Some(path) = &mail.ca_file {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let unreadable = |reason: String| {
            format!(
                "mail.ca_file: {} cannot be used: {reason}. Give a PEM file with certificates",
                path.display()
            )
        };
        let mut count = 0;
        for certificate in
            CertificateDer::pem_file_iter(path).map_err(|e| unreadable(e.to_string()))?
        {
            roots
                .add(certificate.map_err(|e| unreadable(e.to_string()))?)
                .map_err(|e| unreadable(e.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(unreadable("it holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(mail.host.clone())
        .map_err(|_| format!("mail.host: {:?} is not a host name", mail.host))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// An open connection that has greeted, and signed in where there is a password.
pub struct Session {
    connection: AsyncSmtpConnection,
    shared: Arc<Shared>,
    command_deadline: Duration,
    dot_within: Duration,
    dot_deadline: Duration,
    offers: Offers,
    /// Messages that were tried over it.
    pub messages: usize,
    is_broken: bool,
}

/// What the relay offers and lettre does not read.
#[derive(Clone, Copy, Debug, Default)]
struct Offers {
    /// SIZE with its limit; `usize::MAX` where it names none.
    size: Option<usize>,
    pipelining: bool,
    eight_bit: bool,
    utf8: bool,
}

impl Offers {
    /// Keywords are told apart without regard to case (RFC 5321 section 2.4).
    fn read(hello: &str) -> Self {
        let mut offers = Self::default();
        for line in hello.lines().filter(|line| line.len() > 4) {
            let mut words = line[4..].split_ascii_whitespace();
            match words.next().map(str::to_ascii_uppercase).as_deref() {
                Some("SIZE") => {
                    let limit = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                    offers.size = Some(limit.unwrap_or(usize::MAX));
                }
                Some("PIPELINING") => offers.pipelining = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                _ => {}
            }
        }
        offers
    }
}

impl Session {
    /// Connects, protects, greets and signs in. The error is a stage and a sentence; nothing was sent to anyone.
    pub async fn open(relay: &Relay) -> Result<Self, (Stage, String)> {
        let connect = async {
            let shared = Arc::new(Shared::default());
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
                shared: Arc::clone(&shared),
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
            Ok::<_, String>((connection, shared))
        };
        let (mut connection, shared) = timeout(relay.connect_deadline, connect)
            .await
            .unwrap_or_else(|_| Err("the relay took too long to greet".to_owned()))
            .map_err(|e| (Stage::Connect, e))?;
        let hello = {
            let mut state = shared.lock();
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
            shared,
            command_deadline: relay.command_deadline,
            dot_within: relay.dot_within,
            dot_deadline: relay.dot_deadline,
            offers: Offers::read(&hello),
            messages: 0,
            is_broken: false,
        })
    }

    /// Whether nothing more may be sent over it.
    pub const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Sends one message to one person. `intent` is awaited once everything but the dot is written; it answers when the
    /// intent became durable, or `None` if there must be no dot. After the dot nothing cancels this but its deadline.
    pub async fn send(
        &mut self,
        from: &str,
        to: &str,
        message: &[u8],
        intent: impl Future<Output = Option<Instant>>,
    ) -> Sent {
        let needs_utf8 = !to.is_ascii();
        if needs_utf8 && !self.offers.utf8 {
            return Sent::Unsendable {
                class: Class::Capability,
                detail: "the relay offers no SMTPUTF8, which this address needs".to_owned(),
            };
        }
        if !message.is_ascii() && !self.offers.eight_bit {
            return Sent::Unsendable {
                class: Class::Capability,
                detail: "the relay offers no 8BITMIME, which this message needs".to_owned(),
            };
        }
        if let Some(limit) = self.offers.size
            && message.len() > limit
        {
            return Sent::Unsendable {
                class: Class::Content,
                detail: format!(
                    "the message has {} bytes, the relay takes {limit}",
                    message.len()
                ),
            };
        }
        self.messages += 1;
        let size = if self.offers.size.is_some() {
            format!(" SIZE={}", message.len())
        } else {
            String::new()
        };
        let utf8 = if needs_utf8 {
            " BODY=8BITMIME SMTPUTF8"
        } else {
            ""
        };
        let commands = [
            (Stage::Mail, format!("MAIL FROM:<{from}>{size}{utf8}\r\n")),
            (Stage::Rcpt, format!("RCPT TO:<{to}>\r\n")),
            (Stage::Data, "DATA\r\n".to_owned()),
        ];
        let begun = if self.offers.pipelining {
            self.begin_at_once(&commands).await
        } else {
            self.begin_in_steps(&commands).await
        };
        if let Err(sent) = begun {
            return sent;
        }
        self.finish(message, intent).await
    }

    async fn begin_in_steps(&mut self, commands: &[(Stage, String)]) -> Result<(), Sent> {
        for (stage, command) in commands {
            let reply = timeout(self.command_deadline, self.connection.command(command)).await;
            match read(reply) {
                Read::Reply(code) if is_go(*stage, code) => {}
                other => return Err(self.give_up(*stage, other).await),
            }
        }
        Ok(())
    }

    /// MAIL, RCPT and DATA in one write (RFC 2920); every reply is read. If the relay wants data though it refused the
    /// recipient, the connection is dropped: the lone dot that the RFC asks for is a dot without an intent.
    async fn begin_at_once(&mut self, commands: &[(Stage, String)]) -> Result<(), Sent> {
        let together: String = commands
            .iter()
            .map(|(_, command)| command.as_str())
            .collect();
        let mut refused = None;
        for (i, (stage, _)) in commands.iter().enumerate() {
            let reply = if i == 0 {
                timeout(self.command_deadline, self.connection.command(&together)).await
            } else {
                timeout(self.command_deadline, self.connection.read_response()).await
            };
            match read(reply) {
                Read::Reply(code) if is_go(*stage, code) => {
                    if *stage == Stage::Data && refused.is_some() {
                        self.is_broken = true;
                    }
                }
                Read::Refused(reply) => {
                    if reply.code == 421 {
                        self.is_broken = true;
                        return Err(Sent::Refused {
                            stage: refused.as_ref().map_or(*stage, |(stage, _)| *stage),
                            reply: refused.map_or(reply, |(_, reply)| reply),
                        });
                    }
                    refused = refused.or(Some((*stage, reply)));
                }
                other => {
                    let sent = self.give_up(*stage, other).await;
                    return Err(match refused {
                        Some((stage, reply)) => Sent::Refused { stage, reply },
                        None => sent,
                    });
                }
            }
        }
        match refused {
            None => Ok(()),
            Some((stage, reply)) => {
                self.reset().await;
                Err(Sent::Refused { stage, reply })
            }
        }
    }

    async fn give_up(&mut self, stage: Stage, read: Read) -> Sent {
        match read {
            Read::Refused(reply) => {
                if reply.code == 421 {
                    self.is_broken = true;
                } else {
                    self.reset().await;
                }
                Sent::Refused { stage, reply }
            }
            Read::Reply(code) => {
                self.is_broken = true;
                Sent::Broken {
                    stage,
                    detail: format!("{stage:?} was answered by {code}"),
                }
            }
            Read::Broken(detail) => {
                self.is_broken = true;
                Sent::Broken { stage, detail }
            }
        }
    }

    /// Clears a refused transaction, so that the connection can be used again.
    async fn reset(&mut self) {
        if self.is_broken {
            return;
        }
        let reply = timeout(self.command_deadline, self.connection.command("RSET\r\n")).await;
        if !matches!(read(reply), Read::Reply(250)) {
            self.is_broken = true;
        }
    }

    async fn finish(
        &mut self,
        message: &[u8],
        intent: impl Future<Output = Option<Instant>>,
    ) -> Sent {
        // lettre puts CRLF before its dot: ours would make an empty line.
        let message = message.strip_suffix(b"\r\n").unwrap_or(message);
        self.is_broken = true;
        self.shared.arm();
        let mut sending = pin!(self.connection.message(message));
        tokio::select! {
            biased;
            early = &mut sending => {
                let detail = match early {
                    Ok(reply) => format!("the message was answered by {} before its end", reply.code()),
                    Err(error) => error.to_string(),
                };
                return Sent::Broken { stage: Stage::Body, detail };
            }
            () = self.shared.reached.notified() => {}
            () = tokio::time::sleep(self.command_deadline) => {
                return Sent::Broken { stage: Stage::Body, detail: "the relay took too long to read".to_owned() };
            }
        }
        match intent.await {
            Some(asked_at) if asked_at.elapsed() < self.dot_within => {}
            _ => {
                self.shared.set(Phase::Aborted);
                return Sent::Stopped;
            }
        }
        self.shared.set(Phase::Open);
        let answer = timeout(self.dot_deadline, sending).await;
        if !self.shared.lock().is_dot_written {
            // The peer spoke or left before the dot, and our stream wrote nothing.
            let detail = match answer {
                Ok(Err(error)) => error.to_string(),
                _ => "the dot could not be written".to_owned(),
            };
            return Sent::Broken {
                stage: Stage::Body,
                detail,
            };
        }
        match answer {
            Ok(Ok(reply)) if reply.has_code(250) => {
                self.is_broken = false;
                self.shared.set(Phase::Talk);
                let text: Vec<&str> = reply.message().collect();
                Sent::Accepted(Reply::new(250, &text.join(" ")))
            }
            Ok(Ok(reply)) => Sent::Uncertain {
                detail: format!("the dot was answered by {}", reply.code()),
            },
            Ok(Err(error)) => match refusal(&error) {
                Some(reply) => {
                    self.is_broken = reply.code == 421;
                    self.shared.set(Phase::Talk);
                    Sent::Refused {
                        stage: Stage::Dot,
                        reply,
                    }
                }
                None => Sent::Uncertain {
                    detail: error.to_string(),
                },
            },
            Err(_) => Sent::Uncertain {
                detail: "no reply to the dot in time".to_owned(),
            },
        }
    }

    /// Says goodbye, if there is anyone to say it to.
    pub async fn quit(mut self) {
        if !self.is_broken {
            let _ = timeout(Duration::from_secs(2), self.connection.command("QUIT\r\n")).await;
        }
    }
}

/// What was read.
enum Read {
    Reply(u16),
    Refused(Reply),
    Broken(String),
}

type Smtp<T> = Result<T, lettre::transport::smtp::Error>;

fn read(
    reply: Result<Smtp<lettre::transport::smtp::response::Response>, tokio::time::error::Elapsed>,
) -> Read {
    match reply {
        Ok(Ok(reply)) => Read::Reply(reply.code().into()),
        Ok(Err(error)) => match refusal(&error) {
            Some(reply) => Read::Refused(reply),
            None => Read::Broken(error.to_string()),
        },
        Err(_) => Read::Broken("the relay took too long to answer".to_owned()),
    }
}

/// The reply inside an error, if it is a definite one.
fn refusal(error: &lettre::transport::smtp::Error) -> Option<Reply> {
    let code: u16 = error.status()?.into();
    let text = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    (400..600).contains(&code).then(|| Reply::new(code, &text))
}

/// Which reply lets the conversation go on: 250 to MAIL, 250 to 252 to RCPT, 354 to DATA.
const fn is_go(stage: Stage, code: u16) -> bool {
    match stage {
        Stage::Mail => code == 250,
        Stage::Rcpt => code >= 250 && code <= 252,
        _ => code == 354,
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

/// Where the conversation stands, for our stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    /// Greeting and EHLO: keywords are read, and given to lettre in upper case, for it knows no other.
    #[default]
    Hello,
    /// Commands and replies.
    Talk,
    /// A message is being written: the end of data is held back.
    Armed,
    /// All but the end of data is written.
    Reached,
    /// The end of data may be written.
    Open,
    /// The end of data must not be written.
    Aborted,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    waker: Option<Waker>,
    is_dot_written: bool,
    hello: String,
}

/// What the session and its stream share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    reached: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arm(&self) {
        let mut state = self.lock();
        state.phase = Phase::Armed;
        state.is_dot_written = false;
    }

    fn set(&self, phase: Phase) {
        let waker = {
            let mut state = self.lock();
            state.phase = phase;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

enum Io {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    Closed,
}

/// Our side of the socket, above TLS. It gives lettre one line at a time, so that a reply that was not asked for is noticed at
/// the next write instead of being taken for the answer to it.
struct Stream {
    peer: SocketAddr,
    io: Io,
    read: Vec<u8>,
    at: usize,
    line: usize,
    shared: Arc<Shared>,
    transcript: Option<Arc<Transcript>>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.peer)
    }
}

impl AsyncTokioStream for Stream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl Stream {
    /// Reads what has come; `Ready(Ok(0))` is the end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.read.drain(..self.at);
        self.at = 0;
        let mut chunk = [0; 4096];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(match &mut self.io {
            Io::Plain(s) => Pin::new(s).poll_read(cx, &mut buffer),
            Io::Tls(s) => Pin::new(&mut **s).poll_read(cx, &mut buffer),
            Io::Closed => Poll::Ready(Ok(())),
        })?;
        self.read.extend(buffer.filled());
        if let Some(transcript) = &self.transcript {
            transcript.relay(buffer.filled());
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Whether the peer has said nothing since it was last asked, and is still there.
    fn check_turn(&mut self, cx: &mut Context<'_>, also_socket: bool) -> io::Result<()> {
        if self.at == self.read.len() && also_socket {
            match self.poll_more(cx) {
                Poll::Ready(Ok(0)) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the relay hung up",
                    ));
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(_)) | Poll::Pending => {}
            }
        }
        if self.at == self.read.len() {
            return Ok(());
        }
        let line: String = String::from_utf8_lossy(&self.read[self.at..])
            .chars()
            .take(120)
            .collect();
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the relay spoke before it was asked: {line:?}"),
        ))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.at == this.read.len() && ready!(this.poll_more(cx))? == 0 {
            return Poll::Ready(Ok(()));
        }
        let waiting = &this.read[this.at..];
        let end = waiting
            .iter()
            .position(|b| *b == b'\n')
            .map_or(waiting.len(), |end| end + 1)
            .min(buf.remaining());
        let is_whole = waiting[end - 1] == b'\n';
        // Replies are not always UTF-8, and lettre refuses to read others: what the letters are does not matter.
        let mut line: Vec<u8> = waiting[..end]
            .iter()
            .map(|b| if b.is_ascii() { *b } else { b'?' })
            .collect();
        this.at += end;
        this.line = if is_whole { 0 } else { this.line + end };
        if this.line > LINE_MAX {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the relay's reply has no end",
            )));
        }
        {
            let mut state = this.shared.lock();
            if state.phase == Phase::Hello {
                line.make_ascii_uppercase();
                if state.hello.len() < 16 * LINE_MAX {
                    state.hello.push_str(&String::from_utf8_lossy(&line));
                }
            }
        }
        buf.put_slice(&line);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let phase = this.shared.lock().phase;
        match phase {
            // Transparency doubles a dot that begins a line, so the message itself never holds these five bytes.
            Phase::Armed if buf == END_OF_DATA => {
                this.check_turn(cx, true)?;
                let mut state = this.shared.lock();
                state.phase = Phase::Reached;
                state.waker = Some(cx.waker().clone());
                drop(state);
                this.shared.reached.notify_one();
                return Poll::Pending;
            }
            Phase::Reached => {
                this.shared.lock().waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Phase::Aborted => {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the journal has no intent",
                )));
            }
            Phase::Open => {
                if !this.shared.lock().is_dot_written {
                    this.check_turn(cx, true)?;
                    this.shared.lock().is_dot_written = true;
                }
            }
            Phase::Hello | Phase::Talk | Phase::Armed => this.check_turn(cx, false)?,
        }
        let written = ready!(match &mut this.io {
            Io::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Io::Tls(s) => Pin::new(&mut **s).poll_write(cx, buf),
            Io::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        })?;
        if let Some(transcript) = &this.transcript {
            match phase {
                Phase::Armed => transcript.message(written),
                Phase::Open => transcript.dot(),
                _ => transcript.us(&buf[..written]),
            }
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(s) => Pin::new(s).poll_flush(cx),
            Io::Tls(s) => Pin::new(&mut **s).poll_flush(cx),
            Io::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Io::Tls(s) => Pin::new(&mut **s).poll_shutdown(cx),
            Io::Closed => Poll::Ready(Ok(())),
        }
    }
}
