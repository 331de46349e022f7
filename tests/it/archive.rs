//! Archived feeds and tombstones (REQUIREMENTS-FEEDS section 5), over HTTP as a reader sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use jarshy::newsroom::{self, Draft, Edit, Published};
use jarshy::syndication::{Coding, Format, Lookup, Shelf};
use jarshy::theme::Theme;
use jarshy::web::WebState;
use quick_xml::events::{BytesStart, Event};
use tower::ServiceExt;

use crate::both_engines;
use crate::support::desk::language;
use crate::support::{Chance, Engine, TestApp};

both_engines!(
    the_head_and_its_pages_hold_every_article_once,
    a_closed_page_never_changes_whatever_is_released,
    a_corrected_article_leaves_its_page_and_comes_back_to_the_head,
    a_withdrawn_article_leaves_its_page_and_its_old_address_at_once,
    a_page_no_longer_links_a_translation_that_was_withdrawn,
    an_imported_archive_goes_into_the_pages_of_its_time,
    pages_are_the_same_after_a_restart_and_on_two_instances,
    an_article_filed_elsewhere_moves_between_the_archives,
    only_a_closed_feed_without_an_archive_is_complete,
    a_withdrawn_article_is_named_for_its_days,
    random_histories_keep_heads_and_pages_apart,
);

/// Four articles in a head and two on a page, so that small newsrooms have archives.
const SMALL: &str = "[feeds]\nitems = 4\nunconditional_per_hour = 0\n";

struct Site {
    app: TestApp,
    shelf: Arc<Shelf>,
    router: axum::Router,
}

/// One document of a feed, as a reader understands it.
#[derive(Debug)]
struct Page {
    /// Where it was found after redirects.
    path: String,
    /// Whether it was answered as one that never changes.
    is_immutable: bool,
    ids: Vec<String>,
    links: Vec<(String, String)>,
    tombstones: Vec<String>,
    bytes: Vec<u8>,
}

impl Page {
    fn link(&self, rel: &str) -> Option<&str> {
        let found = self.links.iter().find(|(name, _)| name == rel);
        found.map(|(_, href)| href.as_str())
    }
}

impl Site {
    async fn open(engine: Engine, settings: &str) -> Self {
        let app = TestApp::spawn_with(engine, settings).await;
        newsroom::sync_sections(&app.core).await.unwrap();
        Self::over(app)
    }

    fn over(app: TestApp) -> Self {
        let theme = Arc::new(Theme::load(&app.core.config).unwrap());
        let shelf = Arc::new(Shelf::new(app.core.clone(), theme.clone()));
        let state = WebState::new(app.core.clone(), theme, shelf.clone(), Arc::default(), None);
        let router = jarshy::web::feeds::routes().with_state(state);
        Self { app, shelf, router }
    }

    /// The minute of the day on which things happen.
    fn minute(&self, minute: usize) {
        let (day, hour, minute) = (1 + minute / 1440, minute / 60 % 24, minute % 60);
        self.app
            .set_time(&format!("2026-03-{day:02}T{hour:02}:{minute:02}:00+05:00"));
    }

    async fn publish(&self, tag: &str, section: &str, title: &str) -> Published {
        let draft = Draft {
            section: Some(section.to_owned()),
            tags: vec!["Су тасқыны".to_owned()],
            ..Draft::new(language(tag), title, format!("<p>{title}.</p>"))
        };
        newsroom::publish(&self.app.core, draft).await.unwrap()
    }

    /// One Kazakh story a minute.
    async fn fill(&self, count: usize) -> Vec<Published> {
        let mut made = Vec::new();
        for n in 0..count {
            self.minute(n);
            made.push(self.publish("kk", "economy", &format!("{n}-хабар")).await);
        }
        self.shelf.refresh().await.unwrap();
        made
    }

    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        (parts.status, parts.headers, body.to_vec())
    }

    /// Reads a document as a reader does: relative to our host, redirects followed.
    async fn read(&self, href: &str) -> Page {
        let mut path = href
            .strip_prefix("https://news.example.kz")
            .unwrap_or(href)
            .to_owned();
        for _ in 0..3 {
            let (status, headers, bytes) = self.ask(&path, &[]).await;
            if status.is_redirection() {
                headers["location"].to_str().unwrap().clone_into(&mut path);
                continue;
            }
            assert_eq!(status, StatusCode::OK, "{path}");
            let cache = headers["cache-control"].to_str().unwrap();
            let mut page = if path.ends_with(".json") {
                json_page(bytes)
            } else {
                xml_page(bytes)
            };
            page.is_immutable = cache.contains("immutable");
            page.path = path;
            return page;
        }
        panic!("{href} is redirected for ever");
    }

    /// From the head along a relation; `between` happens after each document.
    async fn crawl(&self, head: &str, rel: &str, mut between: impl AsyncFnMut()) -> Vec<Page> {
        let mut pages = vec![self.read(head).await];
        while let Some(next) = pages.last().unwrap().link(rel).map(ToOwned::to_owned) {
            between().await;
            pages.push(self.read(&next).await);
            assert!(pages.len() < 500, "the chain of {head} has no end");
        }
        pages
    }

    async fn ids(&self, head: &str, rel: &str) -> Vec<String> {
        let pages = self.crawl(head, rel, async || {}).await;
        pages.into_iter().flat_map(|page| page.ids).collect()
    }

    async fn correct(&self, article: &Published, title: &str) {
        let edit = Edit {
            title: Some(title.to_owned()),
            ..Edit::default()
        };
        newsroom::correct(&self.app.core, &article.uid, edit, "Түзетілді.")
            .await
            .unwrap();
        self.shelf.refresh().await.unwrap();
    }

    async fn withdraw(&self, article: &Published, reason: Option<&str>) {
        newsroom::withdraw(&self.app.core, &article.uid, reason)
            .await
            .unwrap();
        self.shelf.refresh().await.unwrap();
    }
}

/// How to walk from a head to its oldest page: what readers of RFC 5005 section 4 and section 3 follow, and JSON Feed.
const WALKS: [(&str, &str); 5] = [
    ("rss", "prev-archive"),
    ("rss", "next"),
    ("atom", "prev-archive"),
    ("atom", "next"),
    ("json", "next"),
];

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).unwrap()?;
    let value: &str = found.value.as_ref();
    Some(quick_xml::escape::unescape(value).unwrap().into_owned())
}

fn xml_page(bytes: Vec<u8>) -> Page {
    let text = String::from_utf8(bytes.clone()).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut path, mut ids, mut links, mut tombstones) =
        (Vec::<String>::new(), Vec::new(), Vec::new(), Vec::new());
    loop {
        let event = reader.read_event().unwrap();
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                let is_of_feed = path.len() <= 2 && !path.iter().any(|p| p == "entry");
                if is_of_feed && (name == "atom:link" || (name == "link" && path == ["feed"])) {
                    links.push((
                        attribute(tag, "rel").unwrap(),
                        attribute(tag, "href").unwrap(),
                    ));
                }
                if name == "at:deleted-entry" {
                    tombstones.push(attribute(tag, "ref").unwrap());
                }
                if matches!(event, Event::Start(_)) {
                    path.push(name);
                }
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) => {
                let at = path.join("/");
                if at == "rss/channel/item/guid" || at == "feed/entry/id" {
                    let text: &str = text;
                    ids.push(text.to_owned());
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let is_archive = text.contains("<fh:archive");
    Page {
        path: String::new(),
        is_immutable: is_archive,
        ids,
        links,
        tombstones,
        bytes,
    }
}

fn json_page(bytes: Vec<u8>) -> Page {
    let feed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let ids = |list: &serde_json::Value| -> Vec<String> {
        list.as_array().map_or_else(Vec::new, |items| {
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect()
        })
    };
    let next = feed["next_url"].as_str();
    Page {
        path: String::new(),
        is_immutable: false,
        ids: ids(&feed["items"]),
        links: next
            .map(|href| ("next".to_owned(), href.to_owned()))
            .into_iter()
            .collect(),
        tombstones: ids(&feed["_deleted"]["items"]),
        bytes,
    }
}

fn guid(article: &Published) -> String {
    format!("urn:uuid:{}", article.uid)
}

fn guids<'a>(articles: impl IntoIterator<Item = &'a Published>) -> BTreeSet<String> {
    articles.into_iter().map(guid).collect()
}

/// The ids as a set; each must be there once.
fn once(ids: Vec<String>) -> BTreeSet<String> {
    let count = ids.len();
    let set: BTreeSet<String> = ids.into_iter().collect();
    assert_eq!(set.len(), count, "an article stands in two documents");
    set
}

async fn the_head_and_its_pages_hold_every_article_once(engine: Engine) {
    let site = Site::open(engine, SMALL).await;
    let made = site.fill(11).await;
    for folder in ["", "/kk", "/kk/sections/economy", "/kk/tags/su-tasqyny"] {
        for (format, rel) in WALKS {
            let head = format!("{folder}/feed.{format}");
            let pages = site.crawl(&head, rel, async || {}).await;
            assert_eq!(pages.len(), 4, "{head}");
            let order: Vec<String> = pages.iter().flat_map(|page| page.ids.clone()).collect();
            let newest_first: Vec<String> = made.iter().rev().map(guid).collect();
            assert_eq!(order, newest_first, "{head} {rel}");
            for page in &pages[1..] {
                assert!(page.is_immutable && page.ids.len() == 2, "{}", page.path);
            }
            assert!(!pages[0].is_immutable);
        }
    }
    // While there is nothing behind the head there is no chain.
    let head = site.read("/ru/feed.atom").await;
    assert_eq!(head.link("prev-archive"), None);
    assert_eq!(head.link("last"), None);
    // What RFC 5005 asks of a page.
    let page = site.read("/kk/feed/2.atom").await;
    let text = String::from_utf8(page.bytes.clone()).unwrap();
    assert!(text.contains("<fh:archive"));
    for (rel, path) in [
        ("self", "/kk/feed/2-0.atom"),
        ("current", "/kk/feed.atom"),
        ("first", "/kk/feed.atom"),
        ("prev-archive", "/kk/feed/1.atom"),
        ("next", "/kk/feed/1.atom"),
        ("next-archive", "/kk/feed/3.atom"),
        ("previous", "/kk/feed/3.atom"),
        ("last", "/kk/feed/1.atom"),
    ] {
        let href = format!("https://news.example.kz{path}");
        assert_eq!(page.link(rel), Some(href.as_str()), "{rel}");
    }
    assert_eq!(page.link("hub"), None);
    // All documents of a feed have one id (RFC 4287 section 4.2.6), and each its own address.
    let id = |page: &Page| {
        let text = String::from_utf8_lossy(&page.bytes).into_owned();
        let (_, rest) = text.split_once("<id>").unwrap();
        rest.split_once("</id>").unwrap().0.to_owned()
    };
    assert_eq!(id(&page), id(&site.read("/kk/feed.atom").await));
    // What follows the last page is the head; further on there is nothing.
    let next = site.read("/kk/feed/4.rss").await;
    assert_eq!(next.path, "/kk/feed.rss");
    for path in [
        "/kk/feed/5.rss",
        "/kk/feed/0.rss",
        "/kk/feed/x.rss",
        "/ru/feed/1.rss",
        "/de/feed/1.rss",
        "/kk/feed/1.xml",
    ] {
        assert_eq!(site.ask(path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (status, headers, _) = site.ask("/kz/feed/1.rss", &[]).await;
    assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(headers["location"], "/kk/feed/1.rss");
}

async fn a_closed_page_never_changes_whatever_is_released(engine: Engine) {
    let site = Site::open(engine, SMALL).await;
    site.fill(8).await;
    // The address that links name may lead elsewhere tomorrow, the one behind it never changes.
    let (status, headers, _) = site.ask("/kk/feed/1.rss", &[]).await;
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(headers["location"], "/kk/feed/1-0.rss");
    assert_eq!(headers["cache-control"], "no-cache");
    let (_, headers, before) = site.ask("/kk/feed/1-0.rss", &[]).await;
    assert_eq!(
        headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    let etag = headers["etag"].to_str().unwrap().to_owned();
    site.minute(100);
    for n in 0..7 {
        site.publish("kk", "economy", &format!("Кейінгі {n}-хабар"))
            .await;
    }
    site.shelf.refresh().await.unwrap();
    let (status, headers, after) = site.ask("/kk/feed/1-0.rss", &[]).await;
    assert_eq!((status, &after), (StatusCode::OK, &before));
    assert_eq!(headers["etag"], etag.as_str());
    let asked = site
        .ask("/kk/feed/1-0.rss", &[("if-none-match", &etag)])
        .await;
    assert_eq!(asked.0, StatusCode::NOT_MODIFIED);
    assert_eq!(asked.1["cache-control"], headers["cache-control"]);
    let zipped = site
        .ask("/kk/feed/1-0.rss", &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(zipped.1["content-encoding"], "gzip");
    // Nor do settings change it, or another program beside this one.
    let mut app = site.app;
    let mut config = (*app.core.config).clone();
    "#123456".clone_into(&mut config.newsroom.accent);
    config.feeds.tombstone_days = 7;
    app.core.config = Arc::new(config);
    let other = Site::over(app);
    let (_, again, bytes) = other.ask("/kk/feed/1-0.rss", &[]).await;
    assert_eq!((&bytes, &again["etag"]), (&before, &headers["etag"]));
    assert_eq!(again["last-modified"], headers["last-modified"]);
    // At another origin it is another page: its links lead there.
    let mut app = other.app;
    let mut config = (*app.core.config).clone();
    "https://other.example".clone_into(&mut config.server.public_url);
    app.core.config = Arc::new(config);
    let moved = Site::over(app);
    let (_, _, bytes) = moved.ask("/kk/feed/1-0.rss", &[]).await;
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("https://other.example/kk/feed/1-0.rss"));
}

async fn a_corrected_article_leaves_its_page_and_comes_back_to_the_head(engine: Engine) {
    let site = Site::open(engine, SMALL).await;
    let made = site.fill(10).await;
    let old = site.read("/kk/feed/1.atom").await;
    assert_eq!(old.ids, [guid(&made[1]), guid(&made[0])]);
    let third = site.read("/kk/feed/3.atom").await;
    site.minute(200);
    site.correct(&made[0], "Түзетілген хабар").await;
    let head = site.read("/kk/feed.atom").await;
    assert_eq!(head.ids[0], guid(&made[0]));
    let text = String::from_utf8(head.bytes).unwrap();
    assert!(text.contains("<updated>2026-03-01T03:20:00+05:00</updated>"));
    // pubDate stays.
    let rss = String::from_utf8(site.read("/kk/feed.rss").await.bytes).unwrap();
    assert!(rss.contains("Sun, 01 Mar 2026 00:00:00 +0500"));
    // The page's address leads to what it holds now; those of its neighbours, and their bytes, stay as they were.
    let new = site.read("/kk/feed/1.atom").await;
    assert_ne!(new.path, old.path);
    assert_eq!(site.read(&old.path).await.path, new.path);
    assert!(new.is_immutable);
    assert_eq!(new.ids, [guid(&made[1])]);
    assert_eq!(site.read("/kk/feed/3.atom").await.bytes, third.bytes);
    for (format, rel) in WALKS {
        let ids = once(site.ids(&format!("/kk/feed.{format}"), rel).await);
        assert_eq!(ids, guids(&made));
    }
    // Corrected again while it is in the head, nothing else moves.
    site.minute(210);
    site.correct(&made[0], "Тағы түзетілген хабар").await;
    assert_eq!(site.read("/kk/feed/1.atom").await.path, new.path);
}

async fn a_withdrawn_article_leaves_its_page_and_its_old_address_at_once(engine: Engine) {
    let site = Site::open(engine, SMALL).await;
    let made = site.fill(10).await;
    for format in ["rss", "atom", "json"] {
        site.read(&format!("/kk/feed/2.{format}")).await;
    }
    site.withdraw(&made[3], None).await;
    let mut paths = Vec::new();
    for format in ["rss", "atom", "json"] {
        let (status, headers, body) = site.ask(&format!("/kk/feed/2.{format}"), &[]).await;
        assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(headers["cache-control"], "no-cache");
        assert!(body.is_empty());
        let page = site.read(&format!("/kk/feed/2.{format}")).await;
        assert_eq!(page.ids, [guid(&made[2])]);
        paths.push(page.path);
    }
    site.withdraw(&made[2], None).await;
    site.withdraw(&made[5], None).await;
    // A version that is over leads to the one that holds now.
    for path in paths {
        assert_eq!(site.ask(&path, &[]).await.0, StatusCode::TEMPORARY_REDIRECT);
        assert!(site.read(&path).await.ids.is_empty());
    }
    // Its last article gone, a page is empty and the chain whole.
    let left = made
        .iter()
        .enumerate()
        .filter(|(n, _)| ![2, 3, 5].contains(n));
    for (format, rel) in WALKS {
        let ids = once(site.ids(&format!("/kk/feed.{format}"), rel).await);
        assert_eq!(ids, guids(left.clone().map(|(_, made)| made)));
    }
}

async fn a_page_no_longer_links_a_translation_that_was_withdrawn(engine: Engine) {
    let site = Site::open(engine, SMALL).await;
    let mut made = site.fill(10).await;
    let draft = Draft {
        story_uid: Some(made[0].story_uid.clone()),
        ..Draft::new(language("en"), "The minister resigns", "<p>No.</p>")
    };
    made.push(newsroom::publish(&site.app.core, draft).await.unwrap());
    site.shelf.refresh().await.unwrap();
    for format in ["rss", "atom", "json"] {
        let page = site.read(&format!("/kk/feed/1.{format}")).await;
        let text = String::from_utf8(page.bytes).unwrap();
        let linked = text.contains("/en/news/the-minister-resigns");
        // RSS has no place for it.
        assert_eq!(linked, format != "rss");
    }
    site.withdraw(&made[10], None).await;
    for format in ["rss", "atom", "json"] {
        let page = site.read(&format!("/kk/feed/1.{format}")).await;
        assert_eq!(page.ids, [guid(&made[1]), guid(&made[0])]);
        assert!(!String::from_utf8(page.bytes).unwrap().contains("minister"));
    }
    let (status, ..) = site.ask("/kk/feed/1-0.atom", &[]).await;
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
}

async fn an_imported_archive_goes_into_the_pages_of_its_time(engine: Engine) {
    let site = Site::open(engine, SMALL).await;
    let made = site.fill(10).await;
    let last = site.read("/kk/feed/3.rss").await;
    let oldest = site.read("/kk/feed/1.rss").await;
    let mut old = Vec::new();
    for n in 0..9 {
        let draft = Draft {
            as_archive: true,
            released_at: Some(format!("2020-01-0{}T10:00:00Z", n + 1).parse().unwrap()),
            ..Draft::new(language("kk"), format!("Ескі {n}-хабар"), "<p>Ескі.</p>")
        };
        old.push(newsroom::publish(&site.app.core, draft).await.unwrap());
    }
    site.shelf.refresh().await.unwrap();
    // The newest stay in the head, and the pages are cut anew behind it; no address that stood for one set stands for another.
    let newest: Vec<String> = made[6..].iter().rev().map(guid).collect();
    assert_eq!(site.read("/kk/feed.rss").await.ids[..4], newest);
    for (format, rel) in WALKS {
        let pages = site
            .crawl(&format!("/kk/feed.{format}"), rel, async || {})
            .await;
        assert!(pages[1..].iter().all(|page| page.ids.len() <= 4));
        let ids: Vec<String> = pages.into_iter().flat_map(|page| page.ids).collect();
        assert_eq!(once(ids), guids(made.iter().chain(&old)));
    }
    for before in [oldest, last] {
        let (status, ..) = site.ask(&before.path, &[]).await;
        assert_eq!(status, StatusCode::TEMPORARY_REDIRECT, "{}", before.path);
    }
}

async fn pages_are_the_same_after_a_restart_and_on_two_instances(engine: Engine) {
    let site = Site::open(engine, SMALL).await;
    let made = site.fill(9).await;
    site.minute(300);
    site.correct(&made[1], "Түзетілген хабар").await;
    let first = site
        .crawl("/kk/feed.atom", "prev-archive", async || {})
        .await;
    let second = Site::over(site.app);
    let again = second
        .crawl("/kk/feed.atom", "prev-archive", async || {})
        .await;
    for (a, b) in first.iter().zip(&again) {
        assert_eq!((&a.path, &a.bytes), (&b.path, &b.bytes));
    }
    assert_eq!(first.len(), again.len());
}

async fn an_article_filed_elsewhere_moves_between_the_archives(engine: Engine) {
    let site = Site::open(engine, SMALL).await;
    let mut made = site.fill(10).await;
    for n in 0..8 {
        site.minute(400 + n);
        made.push(site.publish("kk", "sport", &format!("Спорт {n}")).await);
    }
    site.shelf.refresh().await.unwrap();
    for section in ["economy", "sport"] {
        site.ids(&format!("/kk/sections/{section}/feed.rss"), "next")
            .await;
    }
    let edit = Edit {
        section: Some("sport".to_owned()),
        ..Edit::default()
    };
    newsroom::edit_quietly(&site.app.core, &made[0].uid, edit)
        .await
        .unwrap();
    site.shelf.refresh().await.unwrap();
    let of = async |section: &str| {
        let head = format!("/kk/sections/{section}/feed.rss");
        once(site.ids(&head, "prev-archive").await)
    };
    assert_eq!(of("economy").await, guids(&made[1..10]));
    assert_eq!(
        of("sport").await,
        guids(made[10..].iter().chain([&made[0]]))
    );
}

async fn only_a_closed_feed_without_an_archive_is_complete(engine: Engine) {
    for (count, is_complete) in [(3, true), (9, false)] {
        let mut site = Site::open(engine, SMALL).await;
        site.fill(count).await;
        let mut config = (*site.app.core.config).clone();
        config.sections.retain(|section| section.slug != "economy");
        site.app.core.config = Arc::new(config);
        newsroom::sync_sections(&site.app.core).await.unwrap();
        let site = Site::over(site.app);
        let head = site.read("/kk/sections/economy/feed.atom").await;
        let text = String::from_utf8(head.bytes).unwrap();
        assert_eq!(text.contains("<fh:complete"), is_complete);
        assert_eq!(
            once(site.ids("/kk/sections/economy/feed.atom", "next").await).len(),
            count
        );
    }
}

async fn a_withdrawn_article_is_named_for_its_days(engine: Engine) {
    let site = Site::open(engine, "[feeds]\ntombstone_days = 3\n").await;
    let made = site.fill(3).await;
    site.app.set_time("2026-03-02T10:20:00+05:00");
    site.withdraw(&made[1], Some("Деректер <қате> & ескі"))
        .await;
    let expected = "<at:deleted-entry ref=\"GUID\" when=\"2026-03-02T10:20:00+05:00\"><at:comment xml:lang=\"kk\">\
        Деректер &lt;қате&gt; &amp; ескі</at:comment></at:deleted-entry><entry "
        .replace("GUID", &guid(&made[1]));
    let head = site.read("/kk/feed.atom").await;
    let text = String::from_utf8(head.bytes).unwrap();
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains(" xmlns:at=\"http://purl.org/atompub/tombstones/1.0\""));
    assert_eq!(head.ids, [guid(&made[2]), guid(&made[0])]);
    let json: serde_json::Value =
        serde_json::from_slice(&site.read("/kk/feed.json").await.bytes).unwrap();
    let gone = &json["_deleted"]["items"][0];
    assert_eq!(gone["id"], guid(&made[1]).as_str());
    assert_eq!(gone["date_deleted"], "2026-03-02T10:20:00+05:00");
    assert_eq!(gone["reason"], "Деректер <қате> & ескі");
    let rss = String::from_utf8(site.read("/kk/feed.rss").await.bytes).unwrap();
    assert!(!rss.contains(&made[1].uid));
    for elsewhere in ["/ru/feed.atom", "/kk/sections/sport/feed.atom"] {
        assert!(site.read(elsewhere).await.tombstones.is_empty());
    }
    // To the hour; and every reader sees it go, by new validators and without anything else that moves.
    let updated = |text: &str| {
        let (_, rest) = text.split_once("<updated>").unwrap();
        rest.split_once("</updated>").unwrap().0.to_owned()
    };
    site.app.set_time("2026-03-05T10:59:59+05:00");
    let still = site.read("/kk/feed.atom").await;
    assert_eq!(still.tombstones, [guid(&made[1])]);
    site.app.set_time("2026-03-05T11:00:00+05:00");
    let (status, headers, bytes) = site.ask("/kk/feed.atom", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["last-modified"], "Thu, 05 Mar 2026 06:00:00 GMT");
    let over = xml_page(bytes);
    assert!(over.tombstones.is_empty() && over.ids == still.ids);
    let text = String::from_utf8(over.bytes).unwrap();
    assert!(!text.contains("tombstones"));
    assert_eq!(
        updated(&text),
        updated(&String::from_utf8(still.bytes).unwrap())
    );
    // Another instance, which has seen none of this, says the same.
    let second = Site::over(site.app);
    assert!(second.read("/kk/feed.json").await.tombstones.is_empty());
    let Lookup::Feed(found) = second.shelf.find("/kk/feed.atom").await.unwrap() else {
        panic!("the feed is gone")
    };
    assert_eq!(found.key().format, Format::Atom);
    assert_eq!(*found.head.etag(Coding::Identity), headers["etag"]);
}

const HISTORIES: u64 = 3;
const STEPS: usize = 40;

/// What happened in a random history.
struct World {
    site: Site,
    chance: Chance,
    minute: usize,
    /// Each article with its language, its section and whether it is public.
    articles: Vec<(Published, &'static str, &'static str, bool)>,
}

impl World {
    async fn publish(&mut self) {
        let language = ["kk", "ru"][self.chance.index(2)];
        let section = ["economy", "sport"][self.chance.index(2)];
        let title = format!("Хабар {}", self.articles.len());
        let made = self.site.publish(language, section, &title).await;
        self.articles.push((made, language, section, true));
    }

    /// Something that a newsroom does.
    async fn act(&mut self) {
        self.minute += self.chance.index(90);
        self.site.minute(self.minute);
        let public: Vec<usize> = (0..self.articles.len())
            .filter(|n| self.articles[*n].3)
            .collect();
        let some = (!public.is_empty()).then(|| public[self.chance.index(public.len())]);
        match (self.chance.index(10), some) {
            (0 | 1, Some(n)) => {
                let title = format!("Түзету {}", self.minute);
                self.site.correct(&self.articles[n].0, &title).await;
            }
            (2, Some(n)) => {
                self.site.withdraw(&self.articles[n].0, None).await;
                self.articles[n].3 = false;
            }
            (3, Some(n)) => {
                let section = ["economy", "sport"][self.chance.index(2)];
                let edit = Edit {
                    section: Some(section.to_owned()),
                    ..Edit::default()
                };
                let uid = &self.articles[n].0.uid;
                newsroom::edit_quietly(&self.site.app.core, uid, edit)
                    .await
                    .unwrap();
                self.articles[n].2 = section;
            }
            (4, _) => {
                for _ in 0..=self.chance.index(6) {
                    let hours = self.chance.index(2000) as i64;
                    let at = self.site.app.core.clock.now().plus_secs(-3600 * hours);
                    let draft = Draft {
                        as_archive: true,
                        released_at: Some(at),
                        section: Some("sport".to_owned()),
                        ..Draft::new(language("kk"), "Ескі хабар", "<p>Ескі.</p>")
                    };
                    let made = newsroom::publish(&self.site.app.core, draft).await.unwrap();
                    self.articles.push((made, "kk", "sport", true));
                }
            }
            _ => self.publish().await,
        }
        self.site.shelf.refresh().await.unwrap();
    }

    /// The public articles of a language and section; empty means all.
    fn public(&self, tag: &str, section: &str) -> BTreeSet<String> {
        let ours = self.articles.iter().filter(|(_, language, of, is_public)| {
            *is_public
                && (tag.is_empty() || *language == tag)
                && (section.is_empty() || *of == section)
        });
        guids(ours.map(|(made, ..)| made))
    }
}

/// Over random releases, corrections, withdrawals, imports and moves between sections, also between two documents of one crawl: every
/// public article is found exactly once, no tombstone stands beside its living entry, nothing withdrawn is served anywhere, and an
/// address that promised never to change never does.
async fn random_histories_keep_heads_and_pages_apart(engine: Engine) {
    for seed in 1..=HISTORIES {
        let mut world = World {
            site: Site::open(engine, SMALL).await,
            chance: Chance::counted(seed),
            minute: 0,
            articles: Vec::new(),
        };
        let mut promised: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for step in 0..STEPS {
            world.act().await;
            if step % 4 != 0 {
                continue;
            }
            let (format, rel) = WALKS[world.chance.index(WALKS.len())];
            for (folder, tag, section) in [
                ("", "", ""),
                ("/kk", "kk", ""),
                ("/kk/sections/sport", "kk", "sport"),
                ("/ru/sections/economy", "ru", "economy"),
            ] {
                let before = world.public(tag, section);
                let head = format!("{folder}/feed.{format}");
                let mut pages = vec![world.site.read(&head).await];
                while let Some(next) = pages.last().unwrap().link(rel).map(ToOwned::to_owned) {
                    if world.chance.index(3) == 0 {
                        world.minute += 1;
                        world.site.minute(world.minute);
                        world.publish().await;
                        world.site.shelf.refresh().await.unwrap();
                    }
                    pages.push(world.site.read(&next).await);
                }
                let tombstones: BTreeSet<&String> =
                    pages.iter().flat_map(|page| &page.tombstones).collect();
                let ids = once(pages.iter().flat_map(|page| page.ids.clone()).collect());
                let what = format!("seed {seed}, step {step}, {head} {rel}");
                // Whatever was released meanwhile stands in front of what the reader has already.
                assert_eq!(ids, before, "{what}");
                assert!(tombstones.iter().all(|id| !ids.contains(*id)), "{what}");
                for page in pages.iter().filter(|page| page.is_immutable) {
                    let known = promised
                        .entry(page.path.clone())
                        .or_insert_with(|| page.bytes.clone());
                    assert_eq!(*known, page.bytes, "{what}: {}", page.path);
                }
            }
        }
        let withdrawn = world.articles.iter().filter(|(.., is_public)| !is_public);
        let gone = guids(withdrawn.map(|(made, ..)| made));
        let mut superseded = 0;
        for path in promised.keys() {
            let (status, _, bytes) = world.site.ask(path, &[]).await;
            superseded += u32::from(status.is_redirection());
            let text = String::from_utf8(bytes).unwrap();
            assert!(gone.iter().all(|id| !text.contains(id)), "{path}");
        }
        assert!(superseded > 0 && !gone.is_empty() && promised.len() > 20);
    }
}
