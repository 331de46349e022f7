//! The quick way: a poll for a feed whose answer is in memory never enters the router.
//!
//! Nearly all requests of a newsroom are polls, and nearly all of those are 304. What the router's layers do for a page (a span in
//! the log, a deadline, a page for errors, compression) a poll does not need, and they cost more than the poll. So the listener
//! asks here first. Whatever is not plain — another method, a demand, a delta, a feed that must be built, a coding that is not made yet,
//! one that is refused — goes on to the router, which answers polls by the same rules (`feeds::answer`).

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::{Method, Request, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::WebState;
use super::client::client;
use super::feeds::answer;
use super::metrics::Ended;
use crate::base::sendable::Sendable;

/// Answers polls from memory.
pub struct Hot {
    state: WebState,
}

impl Hot {
    /// In front of a router with the same state.
    pub const fn new(state: WebState) -> Self {
        Self { state }
    }

    /// The answer to a poll, or nothing where it is not in memory. Waits for nothing.
    pub fn answer<B>(&self, request: &Request<B>, peer: IpAddr) -> Option<Response<Once>> {
        let method = request.method();
        if *method != Method::GET && *method != Method::HEAD {
            return None;
        }
        let asked = request.headers();
        let WebState {
            core,
            shelf,
            polls,
            networks,
            ..
        } = &self.state;
        let now = core.clock.now();
        // The key of a search stands behind `?`, so its path alone is no feed.
        let path = request.uri().path();
        let found = shelf.peek(path, now)?;
        let (head, format) = (&found.head, found.format);
        let coding = answer::coding(asked)?;
        if answer::has_demands(asked) {
            return None;
        }
        if answer::has(asked, head, now) {
            polls.answered.count(Ended::Known, format, coding, 0);
            return Some(answer::not_modified(head, coding, Once::default()));
        }
        if answer::takes_delta(asked) {
            return None;
        }
        let bytes = shelf.kept(&found, coding)?;
        let client = client(peer, asked, &networks.trusted);
        if let Err(secs) = polls.may_have_whole(Some(client), path, method, asked, now) {
            polls.answered.count_refused(format);
            return Some(answer::refused(secs));
        }
        let length = bytes.bytes().len();
        let sent = if *method == Method::HEAD { 0 } else { length };
        polls.answered.count(Ended::Whole, format, coding, sent);
        let body = (length, Once::from(bytes));
        Some(answer::whole(head, format, coding, body, method, asked))
    }
}

/// A body of bytes that are all there.
#[derive(Default, Debug)]
pub struct Once(Option<Sendable>);

impl Once {
    /// What of it the kernel can send.
    pub fn pages(&self) -> Option<&Sendable> {
        self.0.as_ref().filter(|body| body.has_pages())
    }
}

impl From<Sendable> for Once {
    fn from(body: Sendable) -> Self {
        Self(Some(body).filter(|body| !body.bytes().is_empty()))
    }
}

impl From<Bytes> for Once {
    fn from(bytes: Bytes) -> Self {
        Sendable::plain(bytes).into()
    }
}

impl hyper::body::Body for Once {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.0
                .take()
                .map(|bytes| Ok(Frame::data(bytes.bytes().clone()))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |body| body.bytes().len() as u64))
    }
}
