//! One row: compose its message, speak with the relay, and hand in what became of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;

use super::breaker::{AWAY, TROUBLE};
use super::mime::Letter;
use super::outcome::{Class, Reply, Stage, Verdict, effect, judge, retry_delay_millis};
use super::pace::Effect;
use super::press::Reader;
use super::session::{Sent, Session};
use super::store::{self, Claimed, Outcome};
use super::worker::{POLL, Worker, lock};
use super::writer::Answer;
use crate::base::address::EmailAddress;

/// How long a connection without work stays open: relays close idle ones, and a closed one costs a try.
const IDLE: Duration = Duration::from_secs(10);
/// Letters kept in memory.
const LETTERS: usize = 64;

impl Worker {
    async fn letter(&self, id: i64) -> crate::db::Result<Option<Arc<Letter>>> {
        if let Some(letter) = lock(&self.letters).get(&id) {
            return Ok(Some(Arc::clone(letter)));
        }
        let Some(letter) = store::find_letter(&self.core.db, id).await?.map(Arc::new) else {
            return Ok(None);
        };
        let mut letters = lock(&self.letters);
        if letters.len() >= LETTERS {
            letters.clear();
        }
        letters.insert(id, Arc::clone(&letter));
        Ok(Some(letter))
    }

    /// Sends one row and reports what became of it; says what that means for its lane.
    async fn deliver(&self, session: &mut Option<Session>, row: &Claimed) -> Ended {
        if row.key.worker_id != self.id.load(Ordering::SeqCst) {
            // Claimed by the one we were: whoever declared it dead has the row.
            self.tracker.settle();
            return Ended::default();
        }
        if self.breaker.open().is_some() {
            self.writer.report(row.key, Outcome::Release(None));
            return Ended::default();
        }
        let (message, to) = match self.compose(row).await {
            Ok(Some(composed)) => composed,
            Ok(None) => return Ended::default(),
            Err(error) => {
                tracing::error!(delivery = row.key.id, %error, "the letter was not read");
                self.writer.report(row.key, Outcome::Release(None));
                tokio::time::sleep(POLL).await;
                return Ended::default();
            }
        };
        let key_id = to.1;
        let from = format!(
            "{}@{}",
            self.core.keys.delivery_name(key_id, row.key.id),
            self.core.config.mail.bounce_domain
        );
        for try_again in [true, false] {
            let is_reused = session.as_ref().is_some_and(|s| s.messages > 0);
            let open = match session {
                Some(open) => open,
                None => match Session::open(&self.relay).await {
                    Ok(opened) => session.insert(opened),
                    Err((stage, detail)) => {
                        tracing::warn!(?stage, detail, "no connection to the relay");
                        // A relay that answers is not asked again and again; one that is away is missed as soon as it is back.
                        let longest = if stage == Stage::Connect {
                            AWAY
                        } else {
                            TROUBLE
                        };
                        self.breaker.fail(&detail, longest, None);
                        self.writer.report(row.key, Outcome::Release(None));
                        return Ended::default();
                    }
                },
            };
            let mut is_settled = false;
            let intent = async {
                match self.writer.ask(row.key).await {
                    Answer::Granted(at) => Some(at),
                    Answer::Settled => {
                        is_settled = true;
                        None
                    }
                    Answer::Unknown => None,
                }
            };
            let sent = open.send(&from, &to.0, &message, intent).await;
            let may_be_stale = is_reused
                && try_again
                && match &sent {
                    Sent::Broken { stage, .. } => *stage == Stage::Mail,
                    Sent::Refused { stage, reply } => *stage == Stage::Mail && reply.code == 421,
                    _ => false,
                };
            if open.is_broken() {
                *session = None;
            }
            if may_be_stale {
                // The relay closed a connection that had been idle: that says nothing about this message.
                continue;
            }
            if is_settled && matches!(sent, Sent::Stopped) {
                return Ended::default();
            }
            return self.report(row, sent);
        }
        Ended::default()
    }

    /// The message, and the envelope address with the letter's key; `None` if the row was settled instead.
    async fn compose(&self, row: &Claimed) -> crate::db::Result<Option<(Bytes, (String, i64))>> {
        let Some(letter) = self.letter(row.key.letter_id).await? else {
            self.fail(row, Class::Content, "the letter's body is gone");
            return Ok(None);
        };
        let address = match EmailAddress::parse(&row.address) {
            Ok(address) => address,
            Err(error) => {
                self.fail(row, Class::Capability, &error);
                return Ok(None);
            }
        };
        let envelope = address.envelope();
        let reader = Reader {
            delivery_id: row.key.id,
            uid: row.recipient_uid.clone(),
            epoch: row.recipient_epoch,
            address,
            is_text_only: row.is_text_only,
        };
        match self.press.write(&letter, reader).await {
            Ok(message) => Ok(Some((message, (envelope, letter.key_id)))),
            Err(error) => {
                tracing::error!(letter = letter.id, error, "the letter cannot be written");
                self.fail(row, Class::Content, &error);
                Ok(None)
            }
        }
    }

    fn fail(&self, row: &Claimed, class: Class, sentence: &str) {
        let outcome = Outcome::Failed {
            class,
            reply: Reply::new(0, sentence),
            recipient_id: row.recipient_id,
            address_hash: row.address_hash.clone(),
            is_at_recipient: false,
        };
        self.writer.report(row.key, outcome);
    }

    /// Puts the row off. What says nothing about this message does not count, and the wait stays where it is.
    fn retry(&self, row: &Claimed, class: Class, reply: Reply, counts: bool) {
        let clock = &self.core.clock;
        let settings = &self.core.config.delivery;
        let refusals = row.refusals + i64::from(counts);
        let delay = retry_delay_millis(
            refusals,
            settings.retry_first_secs,
            settings.retry_max_secs,
            clock.random_below(1001),
        );
        let due_at = clock.now().plus_millis(delay);
        let outcome = Outcome::Retry {
            class,
            reply,
            due_at,
            refusals,
            recipient_id: row.recipient_id,
            address_hash: row.address_hash.clone(),
        };
        self.writer.report(row.key, outcome);
    }

    fn report(&self, row: &Claimed, sent: Sent) -> Ended {
        let delivery = row.key.id;
        let domain = Some(row.domain.as_str());
        match sent {
            Sent::Accepted(reply) => {
                self.breaker.succeed();
                self.writer.report(row.key, Outcome::Accepted(reply));
                Ended::with(Effect::Accepted, String::new())
            }
            Sent::Refused { stage, reply } => self.report_refusal(row, stage, reply),
            Sent::Broken { stage, detail } => {
                tracing::warn!(
                    delivery,
                    ?stage,
                    detail,
                    "the conversation broke before the dot"
                );
                // Before the recipient is known it is about the relay, afterwards it may be about the domain.
                let is_theirs = matches!(stage, Stage::Rcpt | Stage::Data | Stage::Body);
                let domain = domain.filter(|_| is_theirs);
                self.breaker.fail(&detail, TROUBLE, domain);
                // A relay may hang up on a message it dislikes; before DATA it cannot know the message.
                let counts = matches!(stage, Stage::Data | Stage::Body);
                self.retry(row, Class::Transient, Reply::new(0, &detail), counts);
                if is_theirs {
                    Ended::with(Effect::Broken, detail)
                } else {
                    Ended::default()
                }
            }
            Sent::Uncertain { detail } => {
                tracing::error!(delivery, detail, "the dot has no reply");
                self.breaker.fail(&detail, TROUBLE, domain);
                let outcome = Outcome::Uncertain {
                    detail: Reply::new(0, &detail).text,
                    resend_wait_secs: self.core.config.delivery.resend_wait_secs,
                };
                self.writer.report(row.key, outcome);
                Ended::with(Effect::Uncertain, detail)
            }
            Sent::Stopped => {
                self.writer.report(row.key, Outcome::Release(None));
                Ended::default()
            }
            Sent::Unsendable { class, detail } => {
                self.fail(row, class, &detail);
                Ended::default()
            }
        }
    }

    fn report_refusal(&self, row: &Claimed, stage: Stage, reply: Reply) -> Ended {
        let delivery = row.key.id;
        let verdict = judge(stage, &reply);
        tracing::info!(delivery, ?stage, code = reply.code, ?verdict, "refused");
        if stage == Stage::Mail {
            let trouble = format!("the relay refuses us: {} {}", reply.code, reply.text);
            self.breaker.fail(&trouble, TROUBLE, None);
        } else {
            self.breaker.succeed();
        }
        let ended = Ended::with(effect(stage, &reply, verdict), reply.without_addresses());
        match verdict {
            Verdict::Retry(class) => self.retry(row, class, reply, true),
            Verdict::Failed(class) => {
                match class {
                    Class::Policy => tracing::error!(
                        delivery,
                        code = reply.code,
                        "refused by policy: look at the sender's reputation and records"
                    ),
                    Class::Content => tracing::error!(
                        delivery,
                        letter = row.key.letter_id,
                        code = reply.code,
                        "the message is not wanted as it is: look at its size and its words"
                    ),
                    _ => {}
                }
                let outcome = Outcome::Failed {
                    class,
                    recipient_id: row.recipient_id,
                    address_hash: row.address_hash.clone(),
                    is_at_recipient: stage == Stage::Rcpt,
                    reply,
                };
                self.writer.report(row.key, outcome);
            }
        }
        ended
    }
}

/// What a message that was tried says about its lane.
struct Ended {
    effect: Effect,
    /// What was said, without addresses.
    words: String,
}

impl Ended {
    const fn with(effect: Effect, words: String) -> Self {
        Self { effect, words }
    }
}

impl Default for Ended {
    fn default() -> Self {
        Self::with(Effect::Nothing, String::new())
    }
}

/// One connection: takes rows until the queue is closed.
pub async fn serve(worker: Arc<Worker>, is_reserved: bool) {
    let mut session: Option<Session> = None;
    loop {
        let turn = if session.is_some() {
            let waiting = tokio::time::timeout(IDLE, worker.queue.pop(is_reserved)).await;
            let Ok(turn) = waiting else {
                if let Some(idle) = session.take() {
                    idle.quit().await;
                }
                continue;
            };
            turn
        } else {
            worker.queue.pop(is_reserved).await
        };
        let Some(turn) = turn else { break };
        if turn.is_low {
            worker.tracker.bell.notify_one();
        }
        let delivering = worker.deliver(&mut session, &turn.row);
        let ended = std::panic::AssertUnwindSafe(delivering)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                tracing::error!(
                    delivery = turn.row.key.id,
                    "a connection failed badly; the row waits for the end of the lease"
                );
                session = None;
                worker.is_dirty.store(true, Ordering::SeqCst);
                worker.tracker.settle();
                Ended::default()
            });
        if let Some(event) = worker.queue.finish(&turn, ended.effect, &ended.words) {
            worker.note_event(event);
        }
        if session.as_ref().is_some_and(Session::is_worn)
            && let Some(worn) = session.take()
        {
            worn.quit().await;
        }
    }
    if let Some(session) = session {
        session.quit().await;
    }
}
