//! Texts that wait for the end of their embargo, as they will be once they are out: what looking ahead takes for released.

use std::collections::BTreeMap;

use super::DigestError;
use super::store;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::newsroom::store::{get_head, list_articles};
use crate::newsroom::{Article, ArticleState};
use crate::work::Core;

/// Texts as they will be, by row.
#[derive(Clone, Debug, Default)]
pub struct Foresight {
    /// By row, each with the number it will take if nothing else comes out before it.
    pub articles: BTreeMap<i64, Article>,
    /// The first number and the awaited language of each of their stories.
    pub stories: BTreeMap<i64, (i64, Option<(Language, Timestamp)>)>,
}

impl Foresight {
    /// What will have come out by itself at the clock's instant.
    pub async fn new(core: &Core) -> Result<Self, DigestError> {
        let waiting = store::list_foreseen(&core.db, core.clock.now()).await?;
        let ids: Vec<i64> = waiting.iter().map(|w| w.article_id).collect();
        let mut known: BTreeMap<i64, Article> = list_articles(&core.db, &ids)
            .await?
            .into_iter()
            .map(|article| (article.id, article))
            .collect();
        let mut foresight = Self::default();
        let mut no = get_head(&core.db).await?;
        for waits in waiting {
            let Some(mut article) = known.remove(&waits.article_id) else {
                continue;
            };
            no += 1;
            article.state = ArticleState::Released;
            article.release_no = Some(no);
            article.released_at = article.released_at.or(Some(waits.embargo_at));
            foresight
                .stories
                .entry(article.story_id)
                .or_insert_with(|| {
                    (
                        waits.first_no.unwrap_or(no),
                        waits.follows_language.zip(waits.follows_until),
                    )
                });
            foresight.articles.insert(article.id, article);
        }
        Ok(foresight)
    }

    /// How many numbers they will take.
    pub fn count(&self) -> i64 {
        self.articles.len() as i64
    }
}
