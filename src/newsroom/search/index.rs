//! Keeping the words of articles.

use super::fold::{WORDS, words};
use crate::newsroom::NewsroomError;
use crate::newsroom::markup::plain_text;
use crate::newsroom::retry::retrying;
use crate::newsroom::store;
use crate::work::Core;

/// Articles that are indexed in one transaction.
const CHUNK: i64 = 200;

/// The words an article is found by: those of its title, summary, body without markup, and byline.
pub(in crate::newsroom) fn index_of(
    title: &str,
    summary: &str,
    body_html: &str,
    byline: Option<&str>,
) -> String {
    words(&format!(
        "{title}\n{summary}\n{}\n{}",
        plain_text(body_html, &[]),
        byline.unwrap_or("")
    ))
}

/// Indexes the articles that have no words yet, or those of older rules, a chunk at a time, and returns how many. It may be
/// stopped at any point and run again, on several instances too.
pub async fn index_all(core: &Core) -> Result<u64, NewsroomError> {
    let mut count = 0;
    let mut after = 0;
    loop {
        let ids = store::list_unindexed(&core.db, WORDS, after, CHUNK).await?;
        let Some(last) = ids.last() else {
            return Ok(count);
        };
        after = *last;
        count += retrying!(async {
            let mut tx = core.db.begin().await?;
            let mut done = 0;
            // The article is locked first, as an edit does, so that no edit of the moment is overwritten by older words.
            for id in &ids {
                if let Some(article) = store::find_text(&mut tx, *id).await? {
                    store::put_words(&mut tx, article.id, &article.text).await?;
                    done += 1;
                }
            }
            tx.commit().await?;
            Ok::<u64, NewsroomError>(done)
        })?;
    }
}
