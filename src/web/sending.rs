//! A connection that sends bodies by their pages.
//!
//! hyper writes the head of an answer and its body as slices of memory. Which body comes next it cannot say, so whoever answers
//! tells the connection; a slice that lies in that body's memory is sent by its pages instead (`base::sendable`), and whatever
//! else is written goes its ordinary way. So a body that was announced and never came does no harm.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::base::sendable::{self, Sendable};

/// The body that comes next on a connection.
#[derive(Clone, Default)]
pub struct Next(Arc<Mutex<Option<Sendable>>>);

impl Next {
    /// Announces it.
    pub fn set(&self, body: Sendable) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    }

    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A TCP connection.
pub struct Sending {
    stream: TcpStream,
    next: Next,
}

impl Sending {
    /// Of a connection and what is announced for it.
    pub const fn new(stream: TcpStream, next: Next) -> Self {
        Self { stream, next }
    }
}

impl AsyncRead for Sending {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Sending {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, next } = self.get_mut();
        let next = next.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = next.as_ref() else {
            drop(next);
            return Pin::new(stream).poll_write_vectored(context, slices);
        };
        loop {
            ready!(stream.poll_write_ready(context))?;
            let sent = stream.try_io(Interest::WRITABLE, || {
                sendable::send(stream, slices, body).transpose()
            });
            match sent {
                Ok(None) => {
                    drop(next);
                    return Pin::new(stream).poll_write_vectored(context, slices);
                }
                Ok(Some(count)) => return Poll::Ready(Ok(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // All is written: an idle connection keeps nothing that the shelf has let go.
        self.next.clear();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
