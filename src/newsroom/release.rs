//! Releasing what waited: the end of an embargo or of the hold-back window.

use super::retry::retrying;
use super::store::{self, NewEntry, Subject};
use super::{LogKind, NewsroomError};
use crate::base::time::Timestamp;
use crate::db::{Tx, is_of_the_row};
use crate::work::Core;

/// Articles in one transaction, at most.
const BATCH: i64 = 500;

/// Releases what is due, at most 500 articles; returns how many. Rings `bells.released`.
///
/// If the batch fails because of an article, they are tried one by one; one that the database refuses alone is set aside as a
/// draft with an alarm, so that it stops neither the others nor the digests that wait until nothing is scheduled any more. What
/// passes by itself (a lost connection, a timeout, a lock) leaves everything scheduled for the next round.
pub async fn release_due(core: &Core) -> Result<usize, NewsroomError> {
    let now = core.clock.now();
    let released = match retrying!(release_batch(core, now)) {
        Ok(count) => count,
        Err(error) if is_of_the_article(&error) => {
            tracing::warn!(%error, "a batch of articles could not be released; trying them one by one");
            release_singly(core, now).await?
        }
        Err(error) => return Err(error),
    };
    if released > 0 {
        core.bells.released.notify_waiters();
        tracing::debug!(released, "released what was due");
    }
    Ok(released)
}

async fn release_batch(core: &Core, now: Timestamp) -> Result<usize, NewsroomError> {
    let mut tx = core.db.begin().await?;
    let done = release_batch_in(&mut tx, now).await;
    settle(tx, done).await
}

async fn release_batch_in(tx: &mut Tx, now: Timestamp) -> Result<usize, NewsroomError> {
    let due = store::lock_due(tx, now, BATCH).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let mut entries = Vec::with_capacity(due.len());
    for id in due {
        if store::mark_released(tx, id, now).await? {
            entries.push(entry(id));
        }
    }
    store::append_log(tx, &entries, now).await?;
    Ok(entries.len())
}

/// Commits, or waits until everything is taken back: a transaction that is merely dropped holds its locks a moment longer, and
/// the next try would pass over rows that are still locked.
async fn settle<T>(tx: Tx, done: Result<T, NewsroomError>) -> Result<T, NewsroomError> {
    match done {
        Ok(done) => tx.commit().await.map(|()| done).map_err(Into::into),
        Err(error) => {
            if let Err(lost) = tx.rollback().await {
                tracing::warn!(error = %lost, "a transaction could not be taken back; the database does it");
            }
            Err(error)
        }
    }
}

/// Releases a public text again under a new number: digests bring it to those who had nothing of its story yet, and nobody waits for
/// another text of it any more. Its dates and ids stay, so feeds say nothing new.
pub async fn release_again(core: &Core, uid: &str) -> Result<i64, NewsroomError> {
    let now = core.clock.now();
    let no = retrying!(async {
        let mut tx = core.db.begin().await?;
        let Some(article) = store::lock_article(&mut tx, uid).await? else {
            return Err(NewsroomError::NotFound(uid.to_owned()));
        };
        if !store::end_wait_of(&mut tx, article.id, now).await? {
            return Err(NewsroomError::Invalid(format!(
                "the article {uid} is {} and cannot come out again: only what is public and no archive can",
                article.state.word()
            )));
        }
        let no = store::append_log(&mut tx, &[entry(article.id)], now).await?;
        tx.commit().await?;
        Ok(no)
    })?;
    core.bells.released.notify_waiters();
    Ok(no)
}

async fn release_singly(core: &Core, now: Timestamp) -> Result<usize, NewsroomError> {
    let mut tx = core.db.begin().await?;
    let due = store::lock_due(&mut tx, now, BATCH).await?;
    tx.rollback().await?;
    let mut released = 0;
    for id in due {
        match retrying!(release_one(core, id, now)) {
            Ok(done) => released += usize::from(done),
            Err(error) if !is_of_the_article(&error) => {
                if released == 0 {
                    return Err(error);
                }
                tracing::warn!(article = id, %error, "an article could not be released yet; it stays scheduled");
                break;
            }
            Err(error) => {
                let mut tx = core.db.begin().await?;
                store::mark_draft(&mut tx, id, now).await?;
                tx.commit().await?;
                tracing::error!(article = id, %error, "an article could not be released and is a draft again; publish it anew");
            }
        }
    }
    Ok(released)
}

async fn release_one(core: &Core, id: i64, now: Timestamp) -> Result<bool, NewsroomError> {
    let mut tx = core.db.begin().await?;
    let done = release_one_in(&mut tx, id, now).await;
    settle(tx, done).await
}

async fn release_one_in(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool, NewsroomError> {
    if !store::mark_released(tx, id, now).await? {
        return Ok(false);
    }
    store::append_log(tx, &[entry(id)], now).await?;
    Ok(true)
}

/// Whether the article itself is refused, now and whenever it is tried again.
fn is_of_the_article(error: &NewsroomError) -> bool {
    match error {
        NewsroomError::Invalid(_) => true,
        NewsroomError::NotFound(_) => false,
        NewsroomError::Database(error) => is_of_the_row(error),
    }
}

const fn entry(id: i64) -> NewEntry {
    NewEntry::new(Subject::Article(id), LogKind::Released)
}
