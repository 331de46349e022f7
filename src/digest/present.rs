//! What a past issue holds now: its stories as they stand today, without those that were withdrawn.

use super::DigestError;
use super::compile::Material;
use super::order::arrange;
use super::store::{self, StoredIssue};
use crate::audience::Newsletter;
use crate::audience::store::get_newsletter;
use crate::base::time::Timestamp;
use crate::newsroom::store::{list_articles, list_sections};
use crate::newsroom::{Article, ArticleState, Section};
use crate::theme::Theme;
use crate::work::Core;

/// An issue's stories and frame of today.
pub(super) struct Present {
    newsletter: Newsletter,
    sections: Vec<Section>,
    articles: Vec<Article>,
    told: Vec<Article>,
    note: Option<String>,
}

impl Present {
    /// Reads them; none if nothing is left of the issue.
    pub(super) async fn read(
        core: &Core,
        issue: &StoredIssue,
    ) -> Result<Option<Self>, DigestError> {
        let db = &core.db;
        let items = store::list_items(db, issue.id).await?;
        let ids: Vec<i64> = items
            .into_iter()
            .map(|(article_id, _)| article_id)
            .collect();
        let mut articles = list_articles(db, &ids).await?;
        articles.retain(|article| article.state == ArticleState::Released);
        if articles.is_empty() {
            return Ok(None);
        }
        let sections = list_sections(db).await?;
        arrange(&mut articles, &sections);
        let notices = store::list_notices(db, issue.id).await?;
        let told: Vec<i64> = notices.iter().map(|notice| notice.article_id).collect();
        Ok(Some(Self {
            newsletter: get_newsletter(db, issue.newsletter_id).await?,
            sections,
            articles,
            told: list_articles(db, &told).await?,
            note: store::find_note_of_issue(db, issue.id).await?,
        }))
    }

    /// As an issue is made of it.
    pub(super) fn material<'a>(
        &'a self,
        core: &'a Core,
        theme: &'a Theme,
        issue: &'a StoredIssue,
        dated_at: Timestamp,
    ) -> Material<'a> {
        Material {
            config: &core.config,
            theme,
            newsletter: &self.newsletter,
            sections: &self.sections,
            language: &issue.language,
            local_date: issue.local_date,
            uid: &issue.uid,
            dated_at,
            articles: &self.articles,
            told: &self.told,
            note: self.note.as_deref(),
        }
    }
}
