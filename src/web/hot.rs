//! The quick way: a poll for a feed whose answer is in memory never enters the router.
//!
//! Nearly all requests of a newsroom are polls, and nearly all of those are 304. What the router's layers do for a page (a span in
//! the log, a deadline, a page for errors, compression) a poll does not need, and they cost more than the poll. So the listener
//! asks here first. Whatever is not plain — another method, a delta, a feed that must be built, a coding that is not made yet,
//! one that is refused — goes on to the router, which answers polls by the same rules (`feeds::answer`).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::{HeaderName, Method, Request, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::feeds::answer;
use crate::base::time::Clock;
use crate::syndication::Shelf;

/// Asks for a delta.
const A_IM: HeaderName = HeaderName::from_static("a-im");

/// Answers polls from memory.
pub struct Hot {
    shelf: Arc<Shelf>,
    clock: Clock,
}

impl Hot {
    /// In front of a shelf.
    pub const fn new(shelf: Arc<Shelf>, clock: Clock) -> Self {
        Self { shelf, clock }
    }

    /// The answer to a poll, or nothing where it is not in memory. Waits for nothing.
    pub fn answer<B>(&self, request: &Request<B>) -> Option<Response<Once>> {
        let method = request.method();
        if *method != Method::GET && *method != Method::HEAD {
            return None;
        }
        let asked = request.headers();
        if asked.contains_key(A_IM) {
            return None;
        }
        let now = self.clock.now();
        // The key of a search stands behind `?`, so its path alone is no feed.
        let found = self.shelf.peek(request.uri().path(), now)?;
        let coding = answer::coding(asked)?;
        if answer::has(asked, &found.head, now) {
            return Some(answer::not_modified(&found.head, coding, Once::default()));
        }
        let bytes = self.shelf.kept(&found, coding)?;
        Some(answer::whole(
            &found.head,
            found.format,
            coding,
            bytes,
            method,
            asked,
        ))
    }
}

/// A body of bytes that are all there.
#[derive(Default, Debug)]
pub struct Once(Option<Bytes>);

impl From<Bytes> for Once {
    fn from(bytes: Bytes) -> Self {
        Self(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl hyper::body::Body for Once {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
