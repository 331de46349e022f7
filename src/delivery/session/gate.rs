//! The gate before the final dot: what a session and its stream share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::Notify;

/// Where the conversation stands, for our stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
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

/// What the two tell each other.
#[derive(Debug, Default)]
pub struct State {
    /// Where the conversation stands.
    pub phase: Phase,
    /// The stream's, while it is held back.
    pub waker: Option<Waker>,
    /// Whether the end of data is on its way.
    pub is_dot_written: bool,
    /// The relay's greeting and its answer to EHLO.
    pub hello: String,
    /// The message that the stream is to write.
    pub body: Option<Bytes>,
}

/// What the session and its stream share.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    /// Rung when all but the end of data is written.
    pub reached: Notify,
}

impl Gate {
    /// Nothing here is left half done by a panic.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message follows.
    pub fn arm(&self, body: Bytes) {
        let mut state = self.lock();
        state.phase = Phase::Armed;
        state.is_dot_written = false;
        state.body = Some(body);
    }

    /// Goes on to another phase, and wakes the stream.
    pub fn set(&self, phase: Phase) {
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
