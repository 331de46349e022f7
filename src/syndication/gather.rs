//! Reads what a feed needs in one snapshot.

use std::time::Duration;

use super::archive::{self, Place, Plan, repage};
use super::catalogue::Catalogue;
use super::document::Material;
use super::feed::Scope;
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::db::{Db, Result};
use crate::newsroom::store as newsroom;
use crate::newsroom::store::Stretch;
use crate::newsroom::{Article, Section};

/// What was settled once, when the newsroom began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Birth {
    /// Its uid: what the ids of its feeds are made of.
    pub uid: String,
    /// When: the date of a feed that has never had an article.
    pub at: Timestamp,
}

/// Where feeds are read from, and with what is known already.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The database.
    pub db: &'a Db,
    /// Settings.
    pub config: &'a Config,
    /// Sections and tags.
    pub catalogue: &'a Catalogue,
    /// When the newsroom began.
    pub birth: &'a Birth,
}

/// How often a reading may be overtaken by releases before it is given up.
const TRIES: u32 = 8;
/// A feed names so many withdrawn articles at most, those of the last days first.
const WITHDRAWN_MOST: i64 = 500;

/// Reads the head of a feed as of a full hour, and what its archive has to learn so that the two fit; or `None` if releases
/// overtook every try. Feeds that anybody can make have no archive.
///
/// Whatever readers can see changes only in a transaction that also moves the head of the release log. So a reading that finds
/// the same head before and after saw one state, on either engine and over any number of connections.
pub async fn gather(
    source: Source<'_>,
    scope: &Scope,
    as_of: Timestamp,
) -> Result<Option<(Material, Option<Plan>)>> {
    for tried in 0..TRIES {
        let head = begin(source.db, tried).await?;
        let found = read_head(source, scope, as_of, head).await?;
        if newsroom::get_head(source.db).await? == head {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads a closed page in the same way; `None` too if there is none of that number and version any more.
pub async fn gather_page(
    source: Source<'_>,
    scope: &Scope,
    page: i64,
    version: i64,
) -> Result<Option<Material>> {
    for tried in 0..TRIES {
        let head = begin(source.db, tried).await?;
        let found = read_page(source, scope, page, version).await?;
        if newsroom::get_head(source.db).await? == head {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The log's head in front of a reading; a second try waits a little.
async fn begin(db: &Db, tried: u32) -> Result<i64> {
    if tried > 0 {
        tokio::time::sleep(Duration::from_millis(5 << tried)).await;
    }
    newsroom::get_head(db).await
}

async fn read_head(
    source: Source<'_>,
    scope: &Scope,
    as_of: Timestamp,
    head: i64,
) -> Result<(Material, Option<Plan>)> {
    let Source { db, config, .. } = source;
    let sections = Sections::read(source, scope).await?;
    let filter = scope.filter(&sections.all, &source.catalogue.tags);
    let items = config.feeds.items;
    let plan = if scope.is_dynamic() {
        None
    } else {
        Some(repage(db, &scope.folder(), &filter, items, head).await?)
    };
    let articles = match &plan {
        Some(plan) => newsroom::list_articles(db, &plan.head).await?,
        None => newsroom::list_feed(db, &filter, Stretch::default(), items).await?,
    };
    let last = plan.as_ref().and_then(|plan| plan.last);
    let since = as_of.plus_secs(-config.feeds.tombstone_days * 86_400);
    let place = Place::Head(last.map_or(0, |page| page.page));
    let mut material = sections.material(source, scope, place, articles).await?;
    material.head = head;
    material.withdrawn = newsroom::list_withdrawn(db, &filter, since, WITHDRAWN_MOST).await?;
    material.withdrawn_at = newsroom::find_last_withdrawal(db, &filter).await?;
    Ok((material, plan))
}

async fn read_page(
    source: Source<'_>,
    scope: &Scope,
    page: i64,
    version: i64,
) -> Result<Option<Material>> {
    let (db, folder) = (source.db, scope.folder());
    let found = archive::store::find_page(db, &folder, page).await?;
    let Some(found) = found.filter(|found| found.version == version) else {
        return Ok(None);
    };
    let before = archive::store::find_page(db, &folder, page - 1).await?;
    let stretch = Stretch {
        after: before.map(|before| before.upto),
        upto: Some(found.upto),
    };
    let sections = Sections::read(source, scope).await?;
    let filter = scope.filter(&sections.all, &source.catalogue.tags);
    let articles = newsroom::list_feed(db, &filter, stretch, i64::MAX).await?;
    let place = Place::Page(page, version);
    Ok(Some(
        sections.material(source, scope, place, articles).await?,
    ))
}

/// All sections, those too that were closed, and when the feed's own was.
struct Sections {
    all: Vec<Section>,
    closed_at: Option<Timestamp>,
}

impl Sections {
    async fn read(source: Source<'_>, scope: &Scope) -> Result<Self> {
        let mut all = newsroom::list_sections(source.db).await?;
        let closed = newsroom::list_closed_sections(source.db).await?;
        let closed_at = match scope {
            Scope::Section(_, slug) => closed
                .iter()
                .find(|(section, _)| section.slug == *slug)
                .map(|(_, at)| *at),
            _ => None,
        };
        all.extend(closed.into_iter().map(|(section, _)| section));
        Ok(Self { all, closed_at })
    }

    async fn material(
        self,
        source: Source<'_>,
        scope: &Scope,
        place: Place,
        articles: Vec<Article>,
    ) -> Result<Material> {
        let tags = scope
            .tags()
            .iter()
            .filter_map(|slug| source.catalogue.tags.get(slug).cloned())
            .collect();
        let mut stories: Vec<i64> = articles.iter().map(|a| a.story_id).collect();
        stories.sort_unstable();
        stories.dedup();
        let translations = newsroom::list_translations(source.db, &stories).await?;
        Ok(Material {
            head: 0,
            place,
            articles,
            translations,
            sections: self.all,
            tags,
            withdrawn: Vec::new(),
            withdrawn_at: None,
            closed_at: self.closed_at,
            newsroom_uid: source.birth.uid.clone(),
            began_at: source.birth.at,
        })
    }
}
