//! Claimed rows on their way to a connection.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::store::Claimed;

/// Claimed rows that wait for a connection.
#[derive(Default)]
pub struct Queue {
    rows: Mutex<Rows>,
    bell: Notify,
}

#[derive(Default)]
struct Rows {
    urgent: VecDeque<Claimed>,
    other: VecDeque<Claimed>,
    is_closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, claimed: Vec<Claimed>) {
        if claimed.is_empty() {
            return;
        }
        let mut rows = self.lock();
        for row in claimed {
            if row.priority == 0 {
                rows.urgent.push_back(row);
            } else {
                rows.other.push_back(row);
            }
        }
        drop(rows);
        self.bell.notify_waiters();
    }

    /// The next row; `None` once the queue is closed.
    pub async fn pop(&self, is_reserved: bool) -> Option<Claimed> {
        loop {
            let rung = self.bell.notified();
            {
                let mut rows = self.lock();
                if rows.is_closed {
                    return None;
                }
                if let Some(row) = rows.urgent.pop_front() {
                    return Some(row);
                }
                if !is_reserved && let Some(row) = rows.other.pop_front() {
                    return Some(row);
                }
            }
            rung.await;
        }
    }

    /// Nothing is given out any more; returns what was left.
    pub fn close(&self) -> Vec<Claimed> {
        let mut rows = self.lock();
        rows.is_closed = true;
        let mut left: Vec<Claimed> = rows.urgent.drain(..).collect();
        left.extend(rows.other.drain(..));
        drop(rows);
        self.bell.notify_waiters();
        left
    }
}
