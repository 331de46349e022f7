//! Withdrawing: the article is taken back everywhere. Mail that is not sent yet follows the release log upstairs.

use super::retry::retrying;
use super::store::{self, NewEntry, Revision, Subject};
use super::{ArticleState, LogKind, NewsroomError};
use crate::base::text::clean_line;
use crate::work::Core;

/// Withdraws everywhere: page 410, out of feeds, unsent mail replaced. Doing it twice changes nothing.
///
/// What is only scheduled goes back to draft: nobody has had it, so there is nothing to tell anyone.
pub async fn withdraw(core: &Core, uid: &str, reason: Option<&str>) -> Result<(), NewsroomError> {
    let now = core.clock.now();
    let reason = reason.map(clean_line).filter(|reason| !reason.is_empty());
    let was_public = retrying!(async {
        let mut tx = core.db.begin().await?;
        let Some(article) = store::lock_article(&mut tx, uid).await? else {
            return Err(NewsroomError::NotFound(uid.to_owned()));
        };
        let was_public = article.state == ArticleState::Released;
        match article.state {
            ArticleState::Withdrawn | ArticleState::Draft => return Ok(false),
            ArticleState::Scheduled => {
                store::mark_draft(&mut tx, article.id, now).await?;
            }
            ArticleState::Released => {
                store::mark_withdrawn(&mut tx, article.id, reason.as_deref(), now).await?;
            }
        }
        let revision = Revision::of("withdrawn", &article.text, reason.as_deref());
        store::insert_revision(&mut tx, article.id, revision, now).await?;
        if was_public {
            let entry = NewEntry {
                subject: Subject::Article(article.id),
                kind: LogKind::Withdrawn,
                left_at: article.feed_at(),
            };
            store::append_log(&mut tx, &[entry], now).await?;
        }
        tx.commit().await?;
        Ok(was_public)
    })?;
    if was_public {
        core.bells.released.notify_waiters();
    }
    Ok(())
}
