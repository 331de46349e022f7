//! Our side of the socket, above TLS and below lettre.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::gate::{Gate, Phase};
use crate::delivery::transcript::Transcript;

const END_OF_DATA: &[u8] = b"\r\n.\r\n";
/// The longest reply line we read (RFC 5321 section 4.5.3.1.5 allows 512).
pub const LINE_MAX: usize = 4096;

/// The socket, bare or inside TLS.
pub enum Io {
    /// In the clear.
    Plain(TcpStream),
    /// Protected.
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    /// Not there yet.
    Closed,
}

impl Io {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(s) => Pin::new(s).poll_write(cx, bytes),
            Self::Tls(s) => Pin::new(&mut **s).poll_write(cx, bytes),
            Self::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s) => Pin::new(&mut **s).poll_flush(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

/// Our side of the socket, above TLS. It gives lettre one line at a time, so that a reply that was not asked for is noticed at
/// the next write instead of being taken for the answer to it.
pub struct Stream {
    /// The other end.
    pub peer: SocketAddr,
    /// The socket.
    pub io: Io,
    /// What was read.
    pub read: Vec<u8>,
    /// What of it lettre has.
    pub at: usize,
    /// Bytes of a line without end so far.
    pub line: usize,
    /// The gate.
    pub gate: Arc<Gate>,
    /// What is left of the message.
    pub body: Bytes,
    /// Who reads along.
    pub transcript: Option<Arc<Transcript>>,
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

    /// Writes the message, all of it, unless the peer says something meanwhile.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(body) = self.gate.lock().body.take() {
            self.body = body;
        }
        while self.body.has_remaining() {
            self.check_turn(cx, false)?;
            let written = ready!(self.io.poll_write(cx, &self.body))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.body.advance(written);
            if let Some(transcript) = &self.transcript {
                transcript.message(written);
            }
        }
        self.io.poll_flush(cx)
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
            let mut state = this.gate.lock();
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
        let phase = this.gate.lock().phase;
        match phase {
            // Before lettre may end a message, the message goes: it is ours to write. Commands never hold these five bytes.
            Phase::Armed if buf == END_OF_DATA => {
                ready!(this.poll_body(cx))?;
                this.check_turn(cx, true)?;
                let mut state = this.gate.lock();
                state.phase = Phase::Reached;
                state.waker = Some(cx.waker().clone());
                drop(state);
                this.gate.reached.notify_one();
                return Poll::Pending;
            }
            Phase::Reached => {
                this.gate.lock().waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Phase::Aborted => {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the journal has no intent",
                )));
            }
            Phase::Open => {
                if !this.gate.lock().is_dot_written {
                    this.check_turn(cx, true)?;
                    this.gate.lock().is_dot_written = true;
                }
            }
            Phase::Hello | Phase::Talk | Phase::Armed => this.check_turn(cx, false)?,
        }
        let written = ready!(this.io.poll_write(cx, buf))?;
        if let Some(transcript) = &this.transcript {
            match phase {
                Phase::Open => transcript.dot(),
                _ => transcript.us(&buf[..written]),
            }
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Io::Tls(s) => Pin::new(&mut **s).poll_shutdown(cx),
            Io::Closed => Poll::Ready(Ok(())),
        }
    }
}
