//! A scripted SMTP peer: it refuses, closes, stalls or talks nonsense where it is told to, and keeps a journal of its own of
//! what it accepted, written before it replies.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jarshy::base::token::hex;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// Where in the conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    Connect,
    Hello,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the first line of the message.
    Body,
    Dot,
}

/// What the peer does there.
#[derive(Clone, Debug)]
pub enum Act {
    /// Replies with these lines (without the last CRLF) instead of its own.
    Say(String),
    /// The same, and hangs up.
    SayAndClose(String),
    /// Hangs up.
    Close,
    /// Says nothing more, and does not read.
    Stall,
    /// Waits until [`Peer::open_gate`], then goes on as usual.
    Wait,
    /// At the dot: takes the message, and then this.
    Take(Box<Act>),
    /// Breaks the connection off without a goodbye (RST).
    Reset,
    /// Waits for so long, then this.
    Late(Duration, Box<Act>),
    /// Goes on as usual.
    Go,
    /// Says these bytes one by one, so far apart, and no line end of its own.
    Trickle(String, Duration),
}

impl Act {
    pub fn say(reply: &str) -> Self {
        Self::Say(reply.to_owned())
    }

    pub fn take(then: Self) -> Self {
        Self::Take(Box::new(then))
    }

    pub fn late(wait: Duration, then: Self) -> Self {
        Self::Late(wait, Box::new(then))
    }
}

/// Decides in place of the rules: stage, recipient (where known by then), and how many conversations there were before.
pub type Chaos = Box<dyn Fn(At, &str, usize) -> Option<Act> + Send>;

/// A rule applies to that many conversations, and, where a recipient is known by then, to that one; `@example.kz` is everybody there.
#[derive(Clone, Debug)]
struct Rule {
    at: At,
    act: Act,
    to: Option<String>,
    times: usize,
}

/// An accepted message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub message_id: String,
    pub from: String,
    pub to: String,
    pub sha256: String,
    pub bytes: Vec<u8>,
}

/// What the peer offers.
#[derive(Clone, Default)]
pub struct Offers {
    /// Lines of the EHLO reply, e.g. `PIPELINING`.
    pub keywords: Vec<String>,
    /// STARTTLS with this certificate.
    pub starttls: Option<TlsAcceptor>,
    /// TLS from the first byte.
    pub implicit: Option<TlsAcceptor>,
    /// AUTH with this user and password.
    pub login: Option<(String, String)>,
    /// Appends a line per accepted message, and fsyncs, before it replies.
    pub journal: Option<PathBuf>,
    /// This port instead of a free one: the relay that was away is back.
    pub port: u16,
    /// A small window, so that a long message waits for the peer to read it.
    pub small_window: bool,
}

#[derive(Default)]
struct Seen {
    entries: Vec<Entry>,
    connections: usize,
    open: usize,
    most_open: usize,
    commands: Vec<String>,
    rules: Vec<Rule>,
    chaos: Option<Chaos>,
    /// Recipients between RCPT and the reply to their dot, and the most there were at once, by domain.
    at_work: BTreeMap<String, (usize, usize)>,
    limits: BTreeMap<String, usize>,
}

/// Counts a recipient as long as it lives.
struct AtWork<'a>(&'a Inner, String);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut seen = self.0.seen.lock().unwrap();
        if let Some((now, _)) = seen.at_work.get_mut(&self.1) {
            *now -= 1;
        }
    }
}

struct Inner {
    offers: Offers,
    seen: Mutex<Seen>,
    gate: Notify,
    file: Option<Mutex<File>>,
}

/// A running peer; dropping it hangs up.
pub struct Peer {
    pub port: u16,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    pub async fn start() -> Self {
        Self::start_with(Offers::default()).await
    }

    #[expect(
        clippy::unused_async,
        reason = "it spawns, so it must be called inside a runtime"
    )]
    pub async fn start_with(offers: Offers) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        if offers.small_window {
            socket.set_recv_buffer_size(8192).unwrap();
        }
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], offers.port).into()).unwrap();
        let listener = socket.listen(256).unwrap();
        let port = listener.local_addr().unwrap().port();
        let file = offers.journal.as_ref().map(|path| {
            Mutex::new(
                File::options()
                    .create(true)
                    .append(true)
                    .open(path)
                    .unwrap(),
            )
        });
        let inner = Arc::new(Inner {
            offers,
            seen: Mutex::default(),
            gate: Notify::new(),
            file,
        });
        let accepting = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            let mut conversations = tokio::task::JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let inner = Arc::clone(&accepting);
                conversations.spawn(async move {
                    {
                        let mut seen = inner.seen.lock().unwrap();
                        seen.connections += 1;
                        seen.open += 1;
                        seen.most_open = seen.most_open.max(seen.open);
                    }
                    let _ = converse(&inner, tcp).await;
                    inner.seen.lock().unwrap().open -= 1;
                });
            }
        });
        Self { port, inner, task }
    }

    /// Adds a rule for `times` conversations.
    pub fn script(&self, at: At, act: Act, times: usize) {
        self.rule(at, act, None, times);
    }

    /// Adds a rule for one recipient.
    pub fn script_for(&self, to: &str, at: At, act: Act, times: usize) {
        self.rule(at, act, Some(to.to_owned()), times);
    }

    fn rule(&self, at: At, act: Act, to: Option<String>, times: usize) {
        let rule = Rule { at, act, to, times };
        self.inner.seen.lock().unwrap().rules.push(rule);
    }

    /// Forgets every rule.
    pub fn behave(&self) {
        let mut seen = self.inner.seen.lock().unwrap();
        seen.rules.clear();
        seen.limits.clear();
        seen.chaos = None;
    }

    /// From now on this decides, where it says anything.
    pub fn decide(&self, chaos: Chaos) {
        self.inner.seen.lock().unwrap().chaos = Some(chaos);
    }

    /// Refuses whoever would be one more than so many recipients of a domain at once.
    pub fn limit(&self, domain: &str, at_once: usize) {
        let mut seen = self.inner.seen.lock().unwrap();
        seen.limits.insert(domain.to_owned(), at_once);
    }

    /// The most recipients of a domain that were at work at once.
    pub fn most_at_once(&self, domain: &str) -> usize {
        let seen = self.inner.seen.lock().unwrap();
        seen.at_work.get(domain).map_or(0, |(_, most)| *most)
    }

    /// Lets those who wait go on.
    pub fn open_gate(&self) {
        self.inner.gate.notify_waiters();
    }

    /// Everything accepted, in order.
    pub fn journal(&self) -> Vec<Entry> {
        self.inner.seen.lock().unwrap().entries.clone()
    }

    pub fn connections(&self) -> usize {
        self.inner.seen.lock().unwrap().connections
    }

    pub fn most_open(&self) -> usize {
        self.inner.seen.lock().unwrap().most_open
    }

    /// Every command line, in order, of all conversations.
    pub fn commands(&self) -> Vec<String> {
        self.inner.seen.lock().unwrap().commands.clone()
    }

    /// Waits until a command line begins with `prefix`, or fails.
    pub async fn heard(&self, prefix: &str) {
        for _ in 0..2000 {
            if self.commands().iter().any(|c| c.starts_with(prefix)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the peer never heard {prefix}");
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes the end of the connection a reset.
    fn reset(&self);
}

impl Stream for TcpStream {
    fn reset(&self) {
        self.set_zero_linger().unwrap();
    }
}

impl Stream for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

impl Stream for tokio_rustls::server::TlsStream<Pin<Box<dyn Stream>>> {
    fn reset(&self) {
        self.get_ref().0.as_ref().get_ref().reset();
    }
}

type Line = BufReader<Pin<Box<dyn Stream>>>;

impl Inner {
    fn act(&self, at: At, to: &str) -> Option<Act> {
        let mut seen = self.seen.lock().unwrap();
        let connections = seen.connections;
        if let Some(act) = seen
            .chaos
            .as_ref()
            .and_then(|chaos| chaos(at, to, connections))
        {
            return Some(act);
        }
        let is_meant = |whom: &str| whom == to || (whom.starts_with('@') && to.ends_with(whom));
        let rule = seen.rules.iter_mut().find(|rule| {
            rule.at == at && rule.times > 0 && rule.to.as_deref().is_none_or(is_meant)
        })?;
        rule.times -= 1;
        Some(rule.act.clone())
    }

    /// Counts one more recipient of a domain; none if that is too many.
    fn begin(&self, to: &str) -> Option<AtWork<'_>> {
        let domain = to.rsplit('@').next().unwrap_or("").to_owned();
        let mut seen = self.seen.lock().unwrap();
        let limit = seen.limits.get(&domain).copied().unwrap_or(usize::MAX);
        let (now, most) = seen.at_work.entry(domain.clone()).or_default();
        if *now >= limit {
            return None;
        }
        *now += 1;
        *most = (*most).max(*now);
        drop(seen);
        Some(AtWork(self, domain))
    }

    fn take(&self, from: &str, to: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let message_id = text
            .lines()
            .find_map(|line| line.strip_prefix("Message-ID: "))
            .unwrap_or("")
            .to_owned();
        let entry = Entry {
            message_id,
            from: from.to_owned(),
            to: to.to_owned(),
            sha256: hex(&Sha256::digest(bytes)),
            bytes: bytes.to_vec(),
        };
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap();
            writeln!(file, "{} {} {}", entry.message_id, entry.to, entry.sha256).unwrap();
            file.sync_data().unwrap();
        }
        self.seen.lock().unwrap().entries.push(entry);
    }
}

/// Whether the conversation goes on.
enum Next {
    /// As usual, with the peer's own reply.
    Usual,
    /// The rule replied.
    Replied,
    /// Over.
    Over,
}

async fn perform(inner: &Inner, stream: &mut Line, act: Option<Act>) -> std::io::Result<Next> {
    let mut act = act;
    while let Some(Act::Late(wait, then)) = act {
        tokio::time::sleep(wait).await;
        act = Some(*then);
    }
    Ok(match act {
        None | Some(Act::Take(_) | Act::Late(..) | Act::Go) => Next::Usual,
        Some(Act::Say(reply)) => {
            say(stream, &reply).await?;
            Next::Replied
        }
        Some(Act::SayAndClose(reply)) => {
            stream.write_all(reply.as_bytes()).await?;
            stream.flush().await?;
            Next::Over
        }
        Some(Act::Close) => Next::Over,
        Some(Act::Reset) => {
            stream.get_ref().as_ref().get_ref().reset();
            Next::Over
        }
        Some(Act::Stall) => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            Next::Over
        }
        Some(Act::Wait) => {
            inner.gate.notified().await;
            Next::Usual
        }
        Some(Act::Trickle(bytes, apart)) => {
            for byte in bytes.bytes() {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
                tokio::time::sleep(apart).await;
            }
            Next::Replied
        }
    })
}

async fn say(stream: &mut Line, reply: &str) -> std::io::Result<()> {
    stream
        .write_all(format!("{}\r\n", reply.replace('\n', "\r\n")).as_bytes())
        .await?;
    stream.flush().await
}

async fn converse(inner: &Inner, tcp: TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut is_secure = false;
    let plain: Pin<Box<dyn Stream>> = match &inner.offers.implicit {
        Some(acceptor) => {
            is_secure = true;
            Box::pin(acceptor.accept(tcp).await?)
        }
        None => Box::pin(tcp),
    };
    let mut stream = BufReader::new(plain);
    match perform(inner, &mut stream, inner.act(At::Connect, "")).await? {
        Next::Usual => say(&mut stream, "220 peer.example.org ESMTP").await?,
        Next::Replied => {}
        Next::Over => return Ok(()),
    }
    let (mut from, mut to, mut is_known) = (String::new(), String::new(), false);
    // Counts as long as it stands here.
    let mut at_work: Vec<AtWork<'_>> = Vec::new();
    loop {
        let mut raw = Vec::new();
        if stream.read_until(b'\n', &mut raw).await? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&raw).trim_end().to_owned();
        inner.seen.lock().unwrap().commands.push(line.clone());
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or("")
            .to_ascii_uppercase();
        let at = match verb.as_str() {
            "EHLO" => Some(At::Hello),
            "AUTH" => Some(At::Auth),
            "MAIL" => Some(At::Mail),
            "RCPT" => Some(At::Rcpt),
            "DATA" => Some(At::Data),
            _ => None,
        };
        if verb == "RCPT" {
            to = between(&line);
            let Some(one) = inner.begin(&to) else {
                return say(&mut stream, "421 4.7.0 too many of you at once").await;
            };
            at_work.push(one);
        }
        if let Some(at) = at {
            match perform(inner, &mut stream, inner.act(at, &to)).await? {
                Next::Usual => {}
                Next::Replied => continue,
                Next::Over => return Ok(()),
            }
        }
        match verb.as_str() {
            "EHLO" => {
                let mut words = vec!["peer.example.org".to_owned()];
                words.extend(inner.offers.keywords.iter().cloned());
                if inner.offers.starttls.is_some() && !is_secure {
                    words.push("starttls".to_owned());
                }
                if inner.offers.login.is_some() {
                    words.push("AUTH LOGIN PLAIN".to_owned());
                }
                let last = words.len() - 1;
                let lines: Vec<String> = words
                    .iter()
                    .enumerate()
                    .map(|(i, w)| format!("250{}{w}", if i == last { ' ' } else { '-' }))
                    .collect();
                say(&mut stream, &lines.join("\n")).await?;
            }
            "STARTTLS" => match (&inner.offers.starttls, is_secure) {
                (Some(acceptor), false) => {
                    say(&mut stream, "220 go ahead").await?;
                    let secured = acceptor.accept(stream.into_inner()).await?;
                    stream = BufReader::new(Box::pin(secured));
                    is_secure = true;
                }
                _ => say(&mut stream, "502 no").await?,
            },
            "AUTH" => {
                use base64::Engine;
                let expected = inner.offers.login.as_ref().map(|(user, password)| {
                    base64::engine::general_purpose::STANDARD
                        .encode(format!("\0{user}\0{password}"))
                });
                is_known = expected.is_some_and(|e| line == format!("AUTH PLAIN {e}"));
                let reply = if is_known {
                    "235 2.7.0 welcome"
                } else {
                    "535 5.7.8 who are you"
                };
                say(&mut stream, reply).await?;
            }
            "MAIL" if inner.offers.login.is_some() && !is_known => {
                say(&mut stream, "530 5.7.0 sign in first").await?;
            }
            "MAIL" => {
                from = between(&line);
                to.clear();
                say(&mut stream, "250 2.1.0 ok").await?;
            }
            "RCPT" if from.is_empty() => say(&mut stream, "503 5.5.1 MAIL first").await?,
            "RCPT" => say(&mut stream, "250 2.1.5 ok").await?,
            "DATA" if to.is_empty() || from.is_empty() => {
                say(&mut stream, "503 5.5.1 RCPT first").await?;
            }
            "DATA" => {
                say(&mut stream, "354 go").await?;
                if !read_message(inner, &mut stream, &from, &to).await? {
                    return Ok(());
                }
                from.clear();
                to.clear();
                at_work.clear();
            }
            "RSET" => {
                at_work.clear();
                from.clear();
                to.clear();
                say(&mut stream, "250 2.0.0 ok").await?;
            }
            "QUIT" => {
                say(&mut stream, "221 2.0.0 bye").await?;
                return Ok(());
            }
            _ => say(&mut stream, "500 5.5.2 what").await?,
        }
    }
}

/// Reads one message and answers its dot; false if the conversation is over.
async fn read_message(
    inner: &Inner,
    stream: &mut Line,
    from: &str,
    to: &str,
) -> std::io::Result<bool> {
    let mut message = Vec::new();
    let mut is_first = true;
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(false);
        }
        if is_first {
            is_first = false;
            match perform(inner, stream, inner.act(At::Body, to)).await? {
                Next::Usual | Next::Replied => {}
                Next::Over => return Ok(false),
            }
        }
        if line == b".\r\n" {
            break;
        }
        let text = line.strip_prefix(b".").unwrap_or(&line);
        message.extend(text);
    }
    let act = inner.act(At::Dot, to);
    let act = match act {
        Some(Act::Take(then)) => {
            inner.take(from, to, &message);
            Some(*then)
        }
        Some(Act::Wait) => {
            // The message is the peer's; only its word is late. Whoever sees it in the journal may open the gate at once, so the
            // wait begins before that.
            let mut opened = std::pin::pin!(inner.gate.notified());
            opened.as_mut().enable();
            inner.take(from, to, &message);
            opened.await;
            Some(Act::say("250 2.0.0 late"))
        }
        None => {
            inner.take(from, to, &message);
            None
        }
        refusing => refusing,
    };
    match perform(inner, stream, act).await? {
        Next::Usual => {
            say(stream, "250 2.0.0 queued").await?;
            Ok(true)
        }
        Next::Replied => Ok(true),
        Next::Over => Ok(false),
    }
}

/// What stands between `<` and `>`.
fn between(line: &str) -> String {
    line.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or_else(String::new, |(inside, _)| inside.to_owned())
}

/// A certificate authority of its own: its certificate as PEM, and a peer's certificate for that name.
pub fn certificate(name: &str) -> (String, TlsAcceptor) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Tau test authority");
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}
