//! How long a connection may be silent: an alarm that is put off rather than set anew.
//!
//! hyper sets an alarm for the head of each request and drops it a moment later. With the runtime's own timers each of those takes
//! a lock and a place in the runtime's wheel, twice per poll of a feed. Here a connection has one alarm that rings at its first
//! deadline, and only then learns that the deadline has moved.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// The timer of one connection, on which one thing at a time is waited for.
#[derive(Clone, Default)]
pub struct Patience(Arc<Mutex<Alarm>>);

#[derive(Default)]
struct Alarm {
    deadline: Option<Instant>,
    /// Rings at the deadline or before it.
    bell: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let mut alarm = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        alarm.deadline = Some(deadline);
        Box::pin(Waiting(self.0.clone()))
    }
}

/// Until the deadline.
struct Waiting(Arc<Mutex<Alarm>>);

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Alarm { deadline, bell } = &mut *alarm;
        let Some(deadline) = *deadline else {
            return Poll::Pending;
        };
        let bell = bell.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        loop {
            ready!(bell.as_mut().poll(context));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            bell.as_mut().reset(deadline.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alarm_that_is_put_off_rings_at_its_last_deadline() {
        let patience = Patience::default();
        let start = Instant::now();
        let soon = Duration::from_millis(40);
        // As hyper does: set, waited for a moment, dropped; many times.
        for _ in 0..10 {
            let waiting = patience.sleep(soon);
            let early = tokio::time::timeout(Duration::from_millis(10), waiting).await;
            assert!(early.is_err(), "it rang before its time");
        }
        assert!(start.elapsed() >= Duration::from_millis(100));
        let last = Instant::now();
        patience.sleep(soon).await;
        assert!(last.elapsed() >= soon);
        // And again on the same connection.
        let again = Instant::now();
        patience.sleep_until(again + soon).await;
        assert!(again.elapsed() >= soon);
    }
}
