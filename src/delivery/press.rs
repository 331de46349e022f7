//! The press: threads of its own on which messages are written and signed.
//!
//! An RSA signature takes a third of a millisecond; on the threads of the sockets it would hold up every conversation there. The
//! order book is short, so nothing piles up: who waits for a message is a connection, and of these there are few.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::dkim;
use super::mime::{Addressee, Letter, compose};
use crate::base::address::EmailAddress;
use crate::work::Core;

/// The signed bytes of one person's message. The error is a sentence about the letter or a key, never about the person.
pub fn write(core: &Core, letter: &Letter, to: &Addressee<'_>) -> Result<Vec<u8>, String> {
    let message = compose(letter, &core.keys, to)?;
    dkim::sign(
        &core.config.dkim,
        &letter.signed_by,
        letter.sender_address.domain(),
        letter.dated_at,
        message,
    )
}

/// Whom a message is for, for a thread that outlives the asker.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Row of the delivery.
    pub delivery_id: i64,
    /// What the links name.
    pub uid: String,
    /// The subscriber's `link_epoch`.
    pub epoch: i64,
    /// Address.
    pub address: EmailAddress,
    /// Without the HTML part.
    pub is_text_only: bool,
}

impl Reader {
    fn addressee(&self) -> Addressee<'_> {
        Addressee {
            delivery_id: self.delivery_id,
            uid: &self.uid,
            epoch: self.epoch,
            address: &self.address,
            is_text_only: self.is_text_only,
        }
    }
}

struct Order {
    letter: Arc<Letter>,
    reader: Reader,
    done: oneshot::Sender<Result<Vec<u8>, String>>,
}

/// Threads that write messages; they end when the press is dropped.
pub struct Press {
    core: Core,
    orders: mpsc::Sender<Order>,
}

impl Press {
    /// Starts the threads: one for each core, and no more than there are connections to feed.
    pub fn start(core: &Core) -> std::io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.min(core.config.delivery.connections).max(1);
        let (orders, book) = mpsc::channel(threads * 2);
        let book = Arc::new(Mutex::new(book));
        for number in 0..threads {
            let (core, book) = (core.clone(), Arc::clone(&book));
            std::thread::Builder::new()
                .name(format!("press-{number}"))
                .spawn(move || work(&core, &book))?;
        }
        Ok(Self {
            core: core.clone(),
            orders,
        })
    }

    /// Has one message written. Panics where the writing does, so that the caller's guard against panics sees it.
    pub async fn write(&self, letter: &Arc<Letter>, reader: Reader) -> Result<Bytes, String> {
        if letter.signed_by.is_empty() {
            // Copying and encoding take less time than the way to another thread and back is worth.
            return write(&self.core, letter, &reader.addressee()).map(Bytes::from);
        }
        let (done, written) = oneshot::channel();
        let order = Order {
            letter: Arc::clone(letter),
            reader,
            done,
        };
        let is_taken = self.orders.send(order).await.is_ok();
        assert!(is_taken, "the press has no threads");
        let written = written.await.expect("the press failed at a message");
        written.map(Bytes::from)
    }
}

/// Takes orders until nobody can give any.
fn work(core: &Core, book: &Mutex<mpsc::Receiver<Order>>) {
    loop {
        // Whoever waits for the next order holds the book; the others wait for the book.
        let order = book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        let Some(Order {
            letter,
            reader,
            done,
        }) = order
        else {
            return;
        };
        // After a panic nothing is sent, which the asker hears; the thread goes on with what others want.
        let written = std::panic::catch_unwind(AssertUnwindSafe(|| {
            write(core, &letter, &reader.addressee())
        }));
        if let Ok(written) = written {
            // Nobody waits any more where a connection was given up.
            let _ = done.send(written);
        }
    }
}
