//! "Kazakh text follows": the end of the wait for a text that was promised.

use super::retry::retrying;
use super::store::{self, NewEntry, Subject};
use super::{LogKind, NewsroomError};
use crate::work::Core;

/// Stories in one transaction, at most.
const BATCH: i64 = 100;

/// Ends the waits whose time is over, at most 100 stories; returns how many. Call it until it returns 0.
///
/// Whoever waited has been passed by meanwhile: their place in the log lies behind the texts they did not take. So every other
/// public text of the story comes out again under a new number. That brings the story to whoever has nothing of it, once;
/// those who have it are looked up by the digest. It is done even if the promised text came in time, since that may stand in a section
/// or under tags that a reader of it did not choose.
pub async fn end_waits(core: &Core) -> Result<usize, NewsroomError> {
    let now = core.clock.now();
    if !store::has_wait_ended(&core.db, now).await? {
        return Ok(0);
    }
    let ended = retrying!(async {
        let mut tx = core.db.begin().await?;
        let stories = store::lock_ended_waits(&mut tx, now, BATCH).await?;
        if stories.is_empty() {
            return Ok(0);
        }
        let mut entries = Vec::new();
        for story_id in &stories {
            let others = store::lock_others_of_wait(&mut tx, *story_id).await?;
            entries.extend(
                others
                    .into_iter()
                    .map(|id| NewEntry::new(Subject::Article(id), LogKind::Released)),
            );
            store::mark_wait_ended(&mut tx, *story_id, now).await?;
        }
        if !entries.is_empty() {
            store::append_log(&mut tx, &entries, now).await?;
        }
        tx.commit().await?;
        Ok(stories.len())
    })?;
    if ended > 0 {
        core.bells.released.notify_waiters();
        tracing::info!(stories = ended, "the wait for another text is over");
    }
    Ok(ended)
}
