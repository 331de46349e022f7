//! Reads what a feed needs in one snapshot.

use std::time::Duration;

use super::catalogue::Catalogue;
use super::document::Material;
use super::feed::Scope;
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::db::{Db, Result};
use crate::newsroom::store as newsroom;

/// What was settled once, when the newsroom began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Birth {
    /// Its uid: what the ids of its feeds are made of.
    pub uid: String,
    /// When: the date of a feed that has never had an article.
    pub at: Timestamp,
}

/// How often a reading may be overtaken by releases before it is given up.
const TRIES: u32 = 8;

/// Reads the material of a feed, or `None` if releases overtook every try.
///
/// Whatever readers can see changes only in a transaction that also moves the head of the release log. So a reading that finds
/// the same head before and after saw one state, on either engine and over any number of connections.
pub async fn gather(
    db: &Db,
    config: &Config,
    catalogue: &Catalogue,
    scope: &Scope,
    birth: &Birth,
) -> Result<Option<Material>> {
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(Duration::from_millis(5 << tried)).await;
        }
        let head = newsroom::get_head(db).await?;
        let material = read(db, config, catalogue, scope, birth, head).await?;
        if newsroom::get_head(db).await? == head {
            return Ok(Some(material));
        }
    }
    Ok(None)
}

async fn read(
    db: &Db,
    config: &Config,
    catalogue: &Catalogue,
    scope: &Scope,
    birth: &Birth,
    head: i64,
) -> Result<Material> {
    let mut sections = newsroom::list_sections(db).await?;
    let closed = newsroom::list_closed_sections(db).await?;
    let closed_at = match scope {
        Scope::Section(_, slug) => closed
            .iter()
            .find(|(section, _)| section.slug == *slug)
            .map(|(_, at)| *at),
        _ => None,
    };
    sections.extend(closed.into_iter().map(|(section, _)| section));
    let filter = scope.filter(&sections, &catalogue.tags);
    let tags = scope
        .tags()
        .iter()
        .filter_map(|slug| catalogue.tags.get(slug).cloned())
        .collect();
    let limit = config.feeds.items;
    let articles = newsroom::list_public(db, &filter, 0, limit).await?;
    let mut stories: Vec<i64> = articles.iter().map(|a| a.story_id).collect();
    stories.sort_unstable();
    stories.dedup();
    let translations = newsroom::list_translations(db, &stories).await?;
    let oldest = (articles.len() as i64 == limit)
        .then(|| articles.last().and_then(|a| a.released_at))
        .flatten();
    let withdrawn_at = newsroom::find_last_withdrawal(db, &filter, oldest).await?;
    Ok(Material {
        head,
        articles,
        translations,
        sections,
        tags,
        withdrawn_at,
        closed_at,
        newsroom_uid: birth.uid.clone(),
        began_at: birth.at,
    })
}
