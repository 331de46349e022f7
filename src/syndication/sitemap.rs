//! Sitemaps: an index, a child with the front and section pages, children with stories by ranges of rows, and Google's news.
//!
//! What changed is known from the release log. A child with stories changes only with its own stories, so one release makes a
//! crawler read one child again. Entity tags are made of log numbers: a conditional request builds nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use moka::future::Cache;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use tokio::sync::Mutex;

use super::document::GENERATOR_VERSION;
use super::render::stem;
use crate::base::language::Language;
use crate::base::text::XmlText;
use crate::base::time::{Timestamp, Zone};
use crate::config::Config;
use crate::db::{Db, Result};
use crate::newsroom::store::{self, RangeState};

/// Rows of articles in a child. The protocol allows 50 000 addresses and 50 MB; with three languages these are 3 MB.
pub const RANGE: i64 = 5_000;
/// Bytes of finished sitemaps in memory.
const MEMORY: u64 = 24 * 1024 * 1024;
/// Google reads stories of the last two days, a thousand at most.
const NEWS_SECS: i64 = 2 * 24 * 3600;
const NEWS_MOST: i64 = 1_000;
/// Raised whenever the writers here write other bytes.
const WRITER: i64 = 1;

const SITEMAP: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";
const XHTML: &str = "http://www.w3.org/1999/xhtml";
const NEWS: &str = "http://www.google.com/schemas/sitemap-news/0.9";

/// One file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sitemap {
    /// `/sitemap.xml`
    Index,
    /// `/sitemaps/pages.xml`: front and section pages.
    Pages,
    /// `/sitemaps/stories-1.xml`: stories by ranges of rows, from 1.
    Stories(i64),
    /// `/news-sitemap.xml`
    News,
}

impl Sitemap {
    /// Reads the name of a child, e.g. `stories-1.xml`.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "pages.xml" {
            return Some(Self::Pages);
        }
        let digits = name.strip_prefix("stories-")?.strip_suffix(".xml")?;
        let number: i64 = digits.parse().ok()?;
        (number >= 1 && number.to_string() == digits).then_some(Self::Stories(number))
    }

    /// Its path.
    pub fn path(self) -> String {
        match self {
            Self::Index => "/sitemap.xml".to_owned(),
            Self::Pages => "/sitemaps/pages.xml".to_owned(),
            Self::Stories(number) => format!("/sitemaps/stories-{number}.xml"),
            Self::News => "/news-sitemap.xml".to_owned(),
        }
    }
}

/// What is known at a head of the log.
struct Known {
    head: i64,
    ranges: BTreeMap<i64, RangeState>,
}

/// All sitemaps of a newsroom.
pub struct Sitemaps {
    known: ArcSwapOption<Known>,
    flight: Mutex<()>,
    bodies: Cache<(Sitemap, String), Bytes>,
}

impl Default for Sitemaps {
    fn default() -> Self {
        Self {
            known: ArcSwapOption::empty(),
            flight: Mutex::new(()),
            bodies: Cache::builder()
                .weigher(|_, body: &Bytes| u32::try_from(body.len()).unwrap_or(u32::MAX))
                .max_capacity(MEMORY)
                .build(),
        }
    }
}

impl Sitemaps {
    /// The stem of a sitemap's entity tag at that head of the log; `None` if there is no such sitemap.
    pub async fn find(
        &self,
        db: &Db,
        config: &Config,
        head: i64,
        sitemap: Sitemap,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let known = self.know(db, head).await?;
        let mark = match sitemap {
            Sitemap::Index | Sitemap::Pages => format!("{}", known.head),
            Sitemap::Stories(number) => match known.ranges.get(&number) {
                Some(range) if range.pages > 0 => format!("{} {}", range.last_no, range.pages),
                _ => return Ok(None),
            },
            Sitemap::News => format!("{} {}", known.head, now.floor_to_hours().as_secs()),
        };
        let newsroom = &config.newsroom;
        let all = format!(
            "{WRITER} {GENERATOR_VERSION} {sitemap:?} {mark} {} {:?} {:?} {} {:?}",
            config.server.base_url(),
            newsroom.languages,
            newsroom.names,
            newsroom.time_zone,
            config.sections.iter().map(|s| &s.slug).collect::<Vec<_>>(),
        );
        Ok(Some(stem(all.as_bytes())))
    }

    /// The bytes of a sitemap that was found; made once for a stem.
    pub async fn body(
        &self,
        db: &Db,
        config: &Config,
        sitemap: Sitemap,
        stem: &str,
        now: Timestamp,
    ) -> Result<Bytes> {
        let id = (sitemap, stem.to_owned());
        if let Some(body) = self.bodies.get(&id).await {
            return Ok(body);
        }
        let known = self.known.load_full();
        let _flight = self.flight.lock().await;
        if let Some(body) = self.bodies.get(&id).await {
            return Ok(body);
        }
        let body: Bytes = match sitemap {
            Sitemap::Index => {
                let pages = pages(db, config).await?;
                index(config, known.as_deref(), newest(&pages))
            }
            Sitemap::Pages => urls(config, &pages(db, config).await?),
            Sitemap::Stories(number) => urls(config, &stories(db, config, number).await?),
            Sitemap::News => {
                let since = now.floor_to_hours().plus_secs(-NEWS_SECS);
                news(config, &store::list_news_pages(db, since, NEWS_MOST).await?)
            }
        }
        .into();
        self.bodies.insert(id, body.clone()).await;
        Ok(body)
    }

    /// What is known at that head: of a newer one only the ranges are asked for that its entries changed.
    async fn know(&self, db: &Db, head: i64) -> Result<Arc<Known>> {
        let current = |known: &Arc<Known>| known.head == head;
        if let Some(known) = self.known.load_full().filter(current) {
            return Ok(known);
        }
        let _flight = self.flight.lock().await;
        let old = self.known.load_full();
        if let Some(known) = old.clone().filter(current) {
            return Ok(known);
        }
        let mut ranges = BTreeMap::new();
        let changed = match &old {
            Some(old) if old.head < head => {
                ranges.clone_from(&old.ranges);
                store::list_changed_ranges(db, old.head, head, RANGE).await?
            }
            _ => {
                let last = store::get_last_article(db).await?;
                (0..(last + RANGE - 1) / RANGE).collect()
            }
        };
        for range in changed {
            let state = store::get_range_state(db, range * RANGE + 1, (range + 1) * RANGE).await?;
            ranges.insert(range + 1, state);
        }
        let known = Arc::new(Known { head, ranges });
        self.known.store(Some(known.clone()));
        Ok(known)
    }
}

/// How many seconds the hour has left: so long the news stay as they are.
pub fn secs_of_hour_left(now: Timestamp) -> i64 {
    3600 - now.as_secs().rem_euclid(3600)
}

/// A page of ours and the same page in other languages, itself among them; none if there is only one.
struct Page {
    path: String,
    changed_at: Option<Timestamp>,
    alternates: Vec<(Language, String)>,
}

fn newest(pages: &[Page]) -> Option<Timestamp> {
    pages.iter().filter_map(|page| page.changed_at).max()
}

async fn pages(db: &Db, config: &Config) -> Result<Vec<Page>> {
    let ours = &config.newsroom.languages;
    let changes = store::list_list_changes(db).await?;
    let sections = store::list_sections(db).await?;
    let mut languages = ours.clone();
    for change in changes.iter().filter(|change| change.is_public) {
        if !languages.contains(&change.language) {
            languages.push(change.language.clone());
        }
    }
    let mut out = Vec::new();
    let fronts: Vec<(Language, String)> = languages
        .iter()
        .map(|language| (language.clone(), format!("/{language}/")))
        .collect();
    for language in &languages {
        out.push(Page {
            path: format!("/{language}/"),
            changed_at: changes
                .iter()
                .filter(|change| change.language == *language)
                .map(|change| change.changed_at)
                .max(),
            alternates: fronts.clone(),
        });
    }
    for section in &sections {
        let of_section = || changes.iter().filter(|c| c.section_id == Some(section.id));
        // A list without stories is nothing to be found.
        let spoken: Vec<&Language> = languages
            .iter()
            .filter(|language| of_section().any(|c| c.is_public && c.language == **language))
            .collect();
        let path = |language: &Language| format!("/{language}/sections/{}", section.slug);
        let alternates: Vec<(Language, String)> = spoken
            .iter()
            .map(|language| ((*language).clone(), path(language)))
            .collect();
        for language in &spoken {
            out.push(Page {
                path: path(language),
                changed_at: of_section()
                    .filter(|change| change.language == **language)
                    .map(|change| change.changed_at)
                    .max(),
                alternates: alternates.clone(),
            });
        }
    }
    Ok(out)
}

async fn stories(db: &Db, config: &Config, number: i64) -> Result<Vec<Page>> {
    let (first, last) = ((number - 1) * RANGE + 1, number * RANGE);
    let path = |language: &Language, slug: &str| format!("/{language}/news/{slug}");
    let mut by_story: HashMap<i64, Vec<(Language, String)>> = HashMap::new();
    for (story, language, slug) in store::list_story_languages(db, first, last).await? {
        let path = path(&language, &slug);
        by_story.entry(story).or_default().push((language, path));
    }
    let ours = &config.newsroom.languages;
    for languages in by_story.values_mut() {
        languages.sort_by_key(|(language, _)| {
            let place = ours.iter().position(|our| our == language);
            (place.unwrap_or(usize::MAX), language.clone())
        });
    }
    let rows = store::list_story_pages(db, first, last).await?;
    Ok(rows
        .into_iter()
        .map(|row| Page {
            path: path(&row.language, &row.slug),
            changed_at: Some(row.changed_at),
            alternates: by_story.get(&row.story_id).cloned().unwrap_or_default(),
        })
        .collect())
}

/// Writing into memory cannot fail.
type Out = Writer<Vec<u8>>;

fn put(out: &mut Out, event: Event<'_>) {
    out.write_event(event)
        .expect("writing into memory cannot fail");
}

fn open(name: &str, namespaces: &[(&str, &str)]) -> Out {
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 1);
    put(
        &mut out,
        Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)),
    );
    let root = BytesStart::new(name).with_attributes(namespaces.iter().copied());
    put(&mut out, Event::Start(root));
    out
}

fn close(mut out: Out, name: &str) -> Vec<u8> {
    put(&mut out, Event::End(BytesEnd::new(name)));
    let mut bytes = out.into_inner();
    bytes.push(b'\n');
    bytes
}

fn element(out: &mut Out, name: &str, text: &str) {
    put(out, Event::Start(BytesStart::new(name)));
    put(
        out,
        Event::Text(BytesText::new(XmlText::line(text).as_str())),
    );
    put(out, Event::End(BytesEnd::new(name)));
}

fn changed(out: &mut Out, at: Option<Timestamp>, zone: &Zone) {
    if let Some(at) = at {
        element(out, "lastmod", &at.rfc3339(zone));
    }
}

fn index(config: &Config, known: Option<&Known>, pages_at: Option<Timestamp>) -> Vec<u8> {
    let zone = config.newsroom.zone();
    let mut out = open("sitemapindex", &[("xmlns", SITEMAP)]);
    let ranges = known.into_iter().flat_map(|known| &known.ranges);
    let children = std::iter::once((Sitemap::Pages, pages_at)).chain(
        ranges
            .filter(|(_, range)| range.pages > 0)
            .map(|(number, range)| (Sitemap::Stories(*number), range.changed_at)),
    );
    for (child, at) in children {
        put(&mut out, Event::Start(BytesStart::new("sitemap")));
        element(&mut out, "loc", &config.server.absolute(&child.path()));
        changed(&mut out, at, &zone);
        put(&mut out, Event::End(BytesEnd::new("sitemap")));
    }
    close(out, "sitemapindex")
}

fn urls(config: &Config, pages: &[Page]) -> Vec<u8> {
    let zone = config.newsroom.zone();
    let default = config.newsroom.default_language();
    let mut out = open("urlset", &[("xmlns", SITEMAP), ("xmlns:xhtml", XHTML)]);
    for page in pages {
        put(&mut out, Event::Start(BytesStart::new("url")));
        element(&mut out, "loc", &config.server.absolute(&page.path));
        changed(&mut out, page.changed_at, &zone);
        if page.alternates.len() > 1 {
            // Who reads none of them gets the newsroom's first language, or the first there is.
            let for_others = page
                .alternates
                .iter()
                .find(|(language, _)| language == default)
                .or_else(|| page.alternates.first());
            let marked = page
                .alternates
                .iter()
                .map(|(language, path)| (language.as_str(), path))
                .chain(for_others.map(|(_, path)| ("x-default", path)));
            for (language, path) in marked {
                let href = config.server.absolute(path);
                let link = BytesStart::new("xhtml:link").with_attributes([
                    ("rel", "alternate"),
                    ("hreflang", language),
                    ("href", href.as_str()),
                ]);
                put(&mut out, Event::Empty(link));
            }
        }
        put(&mut out, Event::End(BytesEnd::new("url")));
    }
    close(out, "urlset")
}

fn news(config: &Config, stories: &[store::NewsPage]) -> Vec<u8> {
    let zone = config.newsroom.zone();
    let mut out = open("urlset", &[("xmlns", SITEMAP), ("xmlns:news", NEWS)]);
    for story in stories {
        let path = format!("/{}/news/{}", story.language, story.slug);
        let name = config.newsroom.names.get(&story.language);
        put(&mut out, Event::Start(BytesStart::new("url")));
        element(&mut out, "loc", &config.server.absolute(&path));
        put(&mut out, Event::Start(BytesStart::new("news:news")));
        put(&mut out, Event::Start(BytesStart::new("news:publication")));
        element(&mut out, "news:name", name);
        // ISO 639: two letters or three, nothing behind them.
        element(&mut out, "news:language", story.language.primary());
        put(&mut out, Event::End(BytesEnd::new("news:publication")));
        element(
            &mut out,
            "news:publication_date",
            &story.released_at.rfc3339(&zone),
        );
        element(&mut out, "news:title", &story.title);
        put(&mut out, Event::End(BytesEnd::new("news:news")));
        put(&mut out, Event::End(BytesEnd::new("url")));
    }
    close(out, "urlset")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_its_sitemap() {
        for sitemap in [Sitemap::Pages, Sitemap::Stories(1), Sitemap::Stories(20)] {
            let path = sitemap.path();
            assert_eq!(
                Sitemap::parse(path.strip_prefix("/sitemaps/").unwrap()),
                Some(sitemap)
            );
        }
        for wrong in [
            "stories-0.xml",
            "stories-01.xml",
            "stories--1.xml",
            "stories-1",
            "x.xml",
            "",
        ] {
            assert_eq!(Sitemap::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_hour_begins_on_the_full_hour() {
        let at: Timestamp = "2026-02-28T07:59:59.500+05:00".parse().unwrap();
        assert_eq!(at.floor_to_hours().to_string(), "2026-02-28T02:00:00Z");
        assert_eq!(secs_of_hour_left(at), 1);
    }
}
