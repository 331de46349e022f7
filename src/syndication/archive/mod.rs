//! The archive of a feed (RFC 5005 section 4): everything that has left its head, in closed pages.
//!
//! The articles of a scope stand in one order, [`FeedPosition`]; page 1 holds the oldest. The head holds what stands behind the
//! last page. When it has grown by a page's worth the oldest of it are closed as the next page, so each article stands in
//! exactly one document, and nothing that is released moves anything in a closed page.
//!
//! A correction takes an article out of its page and brings it back to the head; a withdrawal takes it out; an import may put
//! some in. Such a page gets another **version**. All links name a page by its number alone, so they stay as they are; that
//! address redirects to the version that holds now, and may not be kept. The address with a version answers with bytes, for ever
//! the same ones, or with a redirect once another version holds: so no cache goes on showing what was withdrawn.

mod repage;
pub(super) mod store;

use super::feed::{FeedKey, Format, Scope};
use crate::newsroom::store::FeedPosition;

pub use repage::{Plan, repage};

/// Articles in a closed page, where a head shows `items`.
pub const fn page_size(items: i64) -> i64 {
    if items < 2 { 1 } else { items / 2 }
}

/// A closed page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Page {
    /// From 1, the oldest.
    pub page: i64,
    /// Position of its newest article when it was closed; the next page begins behind it.
    #[sqlx(flatten)]
    pub upto: FeedPosition,
    /// Number of the last log entry that may have changed what stands in it; 0 if none did since it was closed.
    pub version: i64,
}

/// One closed page in a format. Its text is its path without the first slash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageKey {
    /// Which feed.
    pub feed: FeedKey,
    /// From 1, the oldest.
    pub page: i64,
    /// See [`Page::version`]; none where whatever holds now is meant.
    pub version: Option<i64>,
}

impl PageKey {
    /// Reads a path like `/kk/feed/3.atom` or `/kk/feed/3-1043.atom`. Feeds that anybody can make have no archive.
    pub fn parse(path: &str) -> Option<Self> {
        let (folder, file) = path.rsplit_once('/')?;
        let (name, extension) = file.split_once('.')?;
        let feed = FeedKey::parse(&format!("{folder}.{extension}"))?;
        let number = |text: &str| {
            let number: i64 = text.parse().ok()?;
            (number.to_string() == text && number >= 0).then_some(number)
        };
        let (page, version) = match name.split_once('-') {
            Some((page, version)) => (page, Some(number(version)?)),
            None => (name, None),
        };
        let key = Self {
            feed,
            page: number(page).filter(|page| *page > 0)?,
            version,
        };
        (!key.feed.scope.is_dynamic()).then_some(key)
    }

    /// Its path on our host.
    pub fn path(&self) -> String {
        page_path(&self.feed.scope, self.feed.format, self.page, self.version)
    }
}

/// The path of a page; the one that links name has no version.
pub fn page_path(scope: &Scope, format: Format, page: i64, version: Option<i64>) -> String {
    let version = version.map_or_else(String::new, |version| format!("-{version}"));
    format!(
        "{}/feed/{page}{version}.{}",
        scope.folder(),
        format.extension()
    )
}

/// Where a document stands in its archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The head; the number of the last closed page, 0 if there is none.
    Head(i64),
    /// A closed page, with its version.
    Page(i64, i64),
}

impl Place {
    /// Whether it is a closed page.
    pub const fn is_page(self) -> bool {
        matches!(self, Self::Page(..))
    }

    /// The number of the page with the next older articles.
    pub fn older(self) -> Option<i64> {
        let (Self::Head(below) | Self::Page(below, _)) = self;
        let older = if self.is_page() { below - 1 } else { below };
        (older > 0).then_some(older)
    }

    /// What it is linked with: relation and path. Section 4 of the RFC reads archives, section 3 pages; readers know one or the
    /// other, and the same documents serve both. What follows the last page is the head, and its address says so.
    pub fn links(self, scope: &Scope, format: Format) -> Vec<(&'static str, String)> {
        let page = |number| page_path(scope, format, number, None);
        let head = FeedKey {
            scope: scope.clone(),
            format,
        }
        .path();
        let mut links = Vec::new();
        if self == Self::Head(0) {
            return links;
        }
        if let Some(older) = self.older() {
            links.push(("prev-archive", page(older)));
            links.push(("next", page(older)));
        }
        if let Self::Page(number, _) = self {
            links.push(("current", head.clone()));
            links.push(("next-archive", page(number + 1)));
            links.push(("previous", page(number + 1)));
        }
        links.push(("first", head));
        links.push(("last", page(1)));
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_its_page() {
        for path in [
            "/feed/1.rss",
            "/kk/feed/12.atom",
            "/kk/feed/12-0.atom",
            "/kk/feed/12-1043.json",
            "/ru/sections/economy/feed/3.rss",
            "/ru/tags/su-tasqyny/feed/3-9.rss",
        ] {
            assert_eq!(PageKey::parse(path).unwrap().path(), path);
        }
        assert_eq!(
            PageKey::parse("/kz/feed/2.rss").unwrap().path(),
            "/kk/feed/2.rss"
        );
        for wrong in [
            "/feed/0.rss",
            "/feed/01.rss",
            "/feed/+1.rss",
            "/feed/-1.rss",
            "/feed/1-.rss",
            "/feed/1-02.rss",
            "/feed/1-2-3.rss",
            "/feed/1.xml",
            "/feed/1",
            "/feed/.rss",
            "/feed/99999999999999999999.rss",
            "/f/kk~~/feed/1.rss",
            "/kk/search/feed/1.rss",
            "/kk/1.rss",
        ] {
            assert_eq!(PageKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn links_lead_from_the_head_to_the_oldest_page_and_back() {
        let scope = Scope::All;
        assert!(Place::Head(0).links(&scope, Format::Rss).is_empty());
        let find = |place: Place, rel: &str| {
            let links = place.links(&scope, Format::Atom);
            let found = links.into_iter().find(|(name, _)| *name == rel);
            found.map(|(_, path)| path)
        };
        let at = |number| Some(format!("/feed/{number}.atom"));
        assert_eq!(find(Place::Head(3), "prev-archive"), at(3));
        assert_eq!(find(Place::Head(3), "current"), None);
        assert_eq!(find(Place::Page(3, 0), "prev-archive"), at(2));
        assert_eq!(find(Place::Page(2, 77), "next-archive"), at(3));
        assert_eq!(find(Place::Page(1, 0), "prev-archive"), None);
        assert_eq!(
            find(Place::Page(1, 0), "current").as_deref(),
            Some("/feed.atom")
        );
    }
}
