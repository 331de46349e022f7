//! Texts that wait for the end of their embargo, or come out again at the end of a wait, as they will be once they are out: what
//! looking ahead takes for released.

use std::collections::BTreeMap;

use super::DigestError;
use super::store;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::newsroom::store::{get_head, list_articles, list_ended_waits, list_translations};
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
        foresight.add_ended_waits(core, no).await?;
        Ok(foresight)
    }

    /// What comes out again because the wait for another text of its story is over.
    async fn add_ended_waits(&mut self, core: &Core, head: i64) -> Result<(), DigestError> {
        let mut no = head;
        for ended in list_ended_waits(&core.db, core.clock.now()).await? {
            let ids: Vec<i64> = list_translations(&core.db, &[ended.story_id])
                .await?
                .iter()
                .filter(|text| text.language != ended.language)
                .map(|text| text.article_id)
                .collect();
            for mut article in list_articles(&core.db, &ids).await? {
                let is_live =
                    article.state == ArticleState::Released && article.release_no.is_some();
                if !is_live || self.articles.contains_key(&article.id) {
                    continue;
                }
                no += 1;
                article.release_no = Some(no);
                self.stories
                    .entry(article.story_id)
                    .or_insert((ended.first_no, None));
                self.articles.insert(article.id, article);
            }
        }
        Ok(())
    }

    /// How many numbers they will take.
    pub fn count(&self) -> i64 {
        self.articles.len() as i64
    }
}
