//! Importing a feed: reading, preparing, and storing in transactions of which each is whole.
//!
//! The first import of a source is an archive: in feeds and on pages, never in a digest. What appears later is news. A first
//! import that was interrupted between two transactions is still the first when it is run again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::FeedError;
use super::feed::{Feed, parse};
use super::prepare::{Languages, Prepared, Skipped, prepare_all};
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::{Tx, is_retryable, is_unique_violation};
use crate::fetch::{
    FetchError, Fetched, Fetcher, Guard, Limits, Validators, shown, without_secrets,
};
use crate::newsroom::edit::next_update;
use crate::newsroom::markup::plain_text;
use crate::newsroom::publish::{insert_whole, require_section};
use crate::newsroom::store::{
    self, Editable, NewArticle, NewEntry, NewSource, Revision, Source, Subject,
};
use crate::newsroom::{ArticleState, Importance, LogKind, NewsroomError};
use crate::work::Core;

/// Entries in one transaction.
const BATCH: usize = 500;

/// Where a feed is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// In a file.
    File(PathBuf),
    /// On the web.
    Web(Url),
}

impl Location {
    /// Reads what was typed: an address with `http://` or `https://`, else a path.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let scheme = typed.split_once("://").map(|(scheme, _)| scheme);
        if scheme.is_some_and(|s| {
            ["http", "https"]
                .iter()
                .any(|web| s.eq_ignore_ascii_case(web))
        }) {
            return Url::parse(typed).map(Self::Web).map_err(|error| {
                format!("{:?} is not an address: {error}", without_secrets_in(typed))
            });
        }
        Ok(Self::File(PathBuf::from(typed)))
    }

    /// The path, or the address without what may be secret in it.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Web(url) => shown(url),
        }
    }
}

/// How a feed is imported.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The language of every entry, whatever the feed says.
    pub language: Option<Language>,
    /// The section of every new entry.
    pub section: Option<String>,
    /// Release even the first import as news.
    pub as_news: bool,
    /// What relative links in a file are meant against, if the file does not say.
    pub base: Option<Url>,
}

/// What became of a feed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Imported {
    /// Where it is, as it may be shown: its identity without user, password and query.
    pub source: String,
    /// What it calls itself.
    pub title: Option<String>,
    /// Entries it holds.
    pub entries: usize,
    /// New articles.
    pub new: usize,
    /// Articles that changed at the origin.
    pub changed: usize,
    /// Entries that were known as they are.
    pub unchanged: usize,
    /// Entries that were left out, and why.
    pub skipped: Vec<Skipped>,
    /// Whether new articles went to the archive, not into digests.
    pub is_archive: bool,
    /// Whether the web said that nothing changed since the last visit.
    pub is_unmodified: bool,
}

/// Why a feed was not imported; nothing of it is stored then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{}: the file cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The address cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is no feed.
    #[error("{place}: {reason}")]
    Feed {
        /// The file or address.
        place: String,
        /// What is wrong.
        reason: FeedError,
    },
    /// The newsroom refused.
    #[error(transparent)]
    Newsroom(#[from] NewsroomError),
}

impl From<sqlx::Error> for ImportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Newsroom(error.into())
    }
}

/// What was read, and from where.
struct Reading {
    bytes: Vec<u8>,
    charset: Option<String>,
    at: Option<Url>,
    validators: Validators,
}

/// Imports one feed; `progress` hears of entries done and entries in all.
pub async fn import_feed(
    core: &Core,
    location: &Location,
    options: &ImportOptions,
    progress: &(dyn Fn(usize, usize) + Send + Sync),
) -> Result<Imported, ImportError> {
    let section_id = match &options.section {
        None => None,
        Some(section) => {
            let mut tx = core.db.begin().await?;
            let id = require_section(core, &mut tx, section).await?;
            tx.rollback().await?;
            Some(id)
        }
    };
    let place = location.shown();
    let known = match location {
        Location::File(_) => None,
        Location::Web(url) => store::find_source(&core.db, url.as_str()).await?,
    };
    let Some(reading) = read(core, location, options, known.as_ref()).await? else {
        return Ok(Imported {
            source: place,
            is_unmodified: true,
            ..Imported::default()
        });
    };
    let now = core.clock.now();
    let validators = reading.validators.clone();
    let config = core.config.clone();
    let flag = options.language.clone();
    // Parsing and sanitising is work for a processor, not for the runtime.
    let (feed, prepared, skipped) = tokio::task::spawn_blocking(move || {
        let feed = parse(
            &reading.bytes,
            reading.charset.as_deref(),
            reading.at.as_ref(),
        )?;
        let languages = Languages {
            flag: flag.as_ref(),
            ours: &config.newsroom.languages,
        };
        let (prepared, skipped) = prepare_all(&feed, &languages, now);
        Ok::<_, FeedError>((feed, prepared, skipped))
    })
    .await
    .map_err(|error| NewsroomError::Invalid(format!("the feed could not be read: {error}")))?
    .map_err(|reason| ImportError::Feed {
        place: place.clone(),
        reason,
    })?;

    let identity = identity(location, &feed);
    let public_url = public_url(location, &feed);
    let source_uid = core.clock.uuid_v7();
    let new_source = NewSource {
        uid: &source_uid,
        url: &identity,
        public_url: public_url.as_deref(),
        title: feed.title.as_deref(),
        language: options.language.as_ref(),
        section_id,
    };
    let known = store::find_source(&core.db, &identity).await?;
    let is_first = known
        .as_ref()
        .is_none_or(|source| source.imported_at.is_none());
    let mut report = Imported {
        source: Url::parse(&identity).map_or_else(|_| place.clone(), |url| shown(&url)),
        title: feed.title.clone(),
        entries: feed.entries.len(),
        skipped,
        is_archive: is_first && !options.as_news,
        ..Imported::default()
    };
    let job = Job {
        core,
        source: &new_source,
        kind: if report.is_archive {
            LogKind::Archived
        } else {
            LogKind::Released
        },
        now,
    };
    let health = format!("ok: {} entries", feed.entries.len());
    let mut batches: Vec<&[Prepared]> = prepared.chunks(BATCH).collect();
    if batches.is_empty() {
        batches.push(&[]);
    }
    let mut done = 0;
    progress(0, prepared.len());
    for (i, batch) in batches.iter().enumerate() {
        let visit = (i + 1 == batches.len()).then_some(Visit {
            validators: &validators,
            health: &health,
        });
        let tally = job.store_with_retries(batch, visit).await?;
        report.new += tally.new;
        report.changed += tally.changed;
        report.unchanged += tally.unchanged;
        report.skipped.extend(tally.skipped);
        done += batch.len();
        progress(done, prepared.len());
    }
    if report.new + report.changed > 0 {
        core.bells.released.notify_waiters();
    }
    tracing::debug!(
        new = report.new,
        changed = report.changed,
        unchanged = report.unchanged,
        skipped = report.skipped.len(),
        "imported a feed"
    );
    Ok(report)
}

/// Reads the bytes; `None` if the web says that nothing changed since the last time.
async fn read(
    core: &Core,
    location: &Location,
    options: &ImportOptions,
    known: Option<&Source>,
) -> Result<Option<Reading>, ImportError> {
    let settings = &core.config.fetch;
    match location {
        Location::File(path) => {
            let unreadable = |reason: String| ImportError::Unreadable {
                path: path.clone(),
                reason,
            };
            let size = tokio::fs::metadata(path)
                .await
                .map_err(|e| unreadable(e.to_string()))?
                .len();
            if size > settings.max_bytes as u64 {
                return Err(unreadable(format!(
                    "it has {size} bytes, and fetch.max_bytes is {}",
                    settings.max_bytes
                )));
            }
            let bytes = tokio::fs::read(path)
                .await
                .map_err(|e| unreadable(e.to_string()))?;
            Ok(Some(Reading {
                bytes,
                charset: None,
                at: options.base.clone(),
                validators: Validators::default(),
            }))
        }
        Location::Web(url) => {
            let guard = Guard::new(&settings.allow_networks).map_err(FetchError::Client)?;
            let limits = Limits {
                guard,
                timeout: Duration::from_secs(settings.timeout_secs),
                max_bytes: settings.max_bytes,
            };
            let agent = format!(
                "Jarshy/{} (+{})",
                env!("CARGO_PKG_VERSION"),
                core.config.server.public_url
            );
            let validators = known
                .filter(|source| source.imported_at.is_some())
                .map(|source| Validators {
                    etag: source.etag.clone(),
                    last_modified: source.last_modified.clone(),
                })
                .unwrap_or_default();
            match Fetcher::new(limits, &agent)?.get(url, &validators).await? {
                Fetched::NotModified => Ok(None),
                Fetched::Body {
                    url,
                    bytes,
                    charset,
                    validators,
                } => Ok(Some(Reading {
                    bytes,
                    charset,
                    at: Some(url),
                    validators,
                })),
            }
        }
    }
}

/// The identity of a source: the address it was asked for, the feed's own address, or the absolute path.
fn identity(location: &Location, feed: &Feed) -> String {
    match (location, &feed.own) {
        (Location::Web(url), _) => url.to_string(),
        (Location::File(_), Some(own)) => own.clone(),
        (Location::File(path), None) => file_url(path),
    }
}

/// The address that readers are told: the feed's own, else its page, else where it was fetched.
///
/// A feed for subscribers often repeats the address it was asked for, with their key: an address with a query is not told as it
/// stands, and the page is taken before it.
fn public_url(location: &Location, feed: &Feed) -> Option<String> {
    let said: Vec<Url> = [&feed.own, &feed.home]
        .into_iter()
        .flatten()
        .filter_map(|url| Url::parse(url).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .collect();
    let asked = match location {
        Location::File(_) => None,
        Location::Web(url) => Some(url),
    };
    said.iter()
        .find(|url| url.query().is_none())
        .or(asked)
        .or_else(|| said.first())
        .map(|url| without_secrets(url).to_string())
}

/// What was typed, without what may be secret, although it is no address that a parser would take apart.
fn without_secrets_in(typed: &str) -> String {
    let (scheme, rest) = typed.split_once("://").unwrap_or(("", typed));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    format!("{scheme}://{rest}")
}

fn file_url(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Url::from_file_path(&absolute)
        .map_or_else(|()| absolute.display().to_string(), |url| url.to_string())
}

/// What the last transaction of a visit remembers about the source.
#[derive(Clone, Copy)]
struct Visit<'a> {
    validators: &'a Validators,
    health: &'a str,
}

#[derive(Default)]
struct Tally {
    new: usize,
    changed: usize,
    unchanged: usize,
    skipped: Vec<Skipped>,
}

struct Job<'a> {
    core: &'a Core,
    source: &'a NewSource<'a>,
    kind: LogKind,
    now: Timestamp,
}

impl Job<'_> {
    /// A race with another import of the same source ends in a broken unique rule; the second try finds what the other stored.
    async fn store_with_retries(
        &self,
        batch: &[Prepared],
        visit: Option<Visit<'_>>,
    ) -> Result<Tally, NewsroomError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.store(batch, visit).await {
                Err(NewsroomError::Database(error))
                    if tries < 5 && (is_retryable(&error) || is_unique_violation(&error)) => {}
                result => return result,
            }
        }
    }

    async fn store(
        &self,
        batch: &[Prepared],
        visit: Option<Visit<'_>>,
    ) -> Result<Tally, NewsroomError> {
        let mut tx = self.core.db.begin().await?;
        let source = store::insert_source(&mut tx, self.source, self.now).await?;
        let keys: Vec<String> = batch.iter().map(|prepared| prepared.key.clone()).collect();
        let known: std::collections::HashMap<String, store::Origin> =
            store::list_origins(&mut tx, source.id, &keys)
                .await?
                .into_iter()
                .map(|origin| (origin.guid.clone(), origin))
                .collect();
        let mut tally = Tally::default();
        let mut entries = Vec::new();
        for prepared in batch {
            let Some(origin) = known.get(&prepared.key) else {
                let id = self.insert(&mut tx, source.id, prepared).await?;
                entries.push(NewEntry::new(Subject::Article(id), self.kind));
                tally.new += 1;
                continue;
            };
            if origin.hash.as_deref() == Some(prepared.hash.as_str()) {
                tally.unchanged += 1;
                continue;
            }
            let Some(before) = store::find_text(&mut tx, origin.id).await? else {
                continue;
            };
            if before.state == ArticleState::Withdrawn {
                tally.skipped.push(Skipped {
                    entry: prepared.text.title.clone(),
                    why: "it changed at its origin, but it is withdrawn here".to_owned(),
                });
                continue;
            }
            match self.change(&mut tx, &before, prepared).await? {
                Some(kind) => {
                    tally.changed += 1;
                    if before.state == ArticleState::Released {
                        entries.push(NewEntry {
                            subject: Subject::Article(before.id),
                            kind,
                            left_at: before.feed_at().filter(|_| kind == LogKind::Updated),
                        });
                    }
                }
                None => tally.unchanged += 1,
            }
        }
        if let Some(visit) = visit {
            store::mark_source_checked(
                &mut tx,
                source.id,
                self.source,
                visit.validators.etag.as_deref(),
                visit.validators.last_modified.as_deref(),
                visit.health,
            )
            .await?;
            store::mark_source_imported(&mut tx, source.id, self.now).await?;
        }
        if !entries.is_empty() {
            store::append_log(&mut tx, &entries, self.now).await?;
        }
        tx.commit().await?;
        Ok(tally)
    }

    async fn insert(
        &self,
        tx: &mut Tx,
        source_id: i64,
        prepared: &Prepared,
    ) -> Result<i64, NewsroomError> {
        let clock = &self.core.clock;
        let uid = clock.uuid_v7();
        let story_id = store::insert_story(tx, &clock.uuid_v7()).await?;
        let guid = match &prepared.guid {
            Some(guid) if store::is_guid_free(tx, guid).await? => guid.clone(),
            _ => format!("urn:uuid:{uid}"),
        };
        let article = NewArticle {
            uid,
            guid,
            story_id,
            language: prepared.language.clone(),
            text: prepared.text.clone(),
            section_id: self.source.section_id,
            canonical_url: prepared.canonical_url.clone(),
            importance: Importance::Normal,
            state: ArticleState::Released,
            embargo_at: None,
            released_at: Some(prepared.released_at),
            updated_at: prepared.updated_at,
            origin: Some((source_id, prepared.key.clone(), prepared.hash.clone())),
        };
        let id = insert_whole(clock, tx, &article, &prepared.tags, "imported", self.now).await?;
        store::replace_enclosures(tx, id, &prepared.enclosures).await?;
        Ok(id)
    }

    /// Takes over what changed at the origin: significant if title or text did, quiet otherwise; `None` if nothing that we keep did.
    async fn change(
        &self,
        tx: &mut Tx,
        before: &Editable,
        prepared: &Prepared,
    ) -> Result<Option<LogKind>, NewsroomError> {
        let mut after = before.clone();
        after.text = prepared.text.clone();
        after.canonical_url.clone_from(&prepared.canonical_url);
        let has_other_files =
            store::replace_enclosures(tx, before.id, &prepared.enclosures).await?;
        if after.text == before.text
            && after.canonical_url == before.canonical_url
            && !has_other_files
        {
            store::update_origin_hash(tx, before.id, &prepared.hash).await?;
            return Ok(None);
        }
        let is_significant = after.text.title != before.text.title
            || plain_text(&after.text.body_html, &[]) != plain_text(&before.text.body_html, &[]);
        if is_significant {
            let last = before.updated_at.max(before.released_at);
            after.updated_at = prepared
                .updated_at
                .filter(|at| Some(*at) > last)
                .or_else(|| Some(next_update(before, self.now)));
        }
        store::update_text(tx, &after, Some(&prepared.hash), self.now).await?;
        store::insert_revision(
            tx,
            after.id,
            Revision::of("imported", &after.text, None),
            self.now,
        )
        .await?;
        Ok(Some(if is_significant {
            LogKind::Updated
        } else {
            LogKind::Changed
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_is_told_holds_no_secret() {
        let asked = Location::parse("https://user:pw@dala.example/f.rss?key=K").unwrap();
        let file = Location::parse("feed.xml").unwrap();
        for (location, own, home, told) in [
            (
                &asked,
                Some("https://dala.example/own.rss"),
                Some("https://dala.example/"),
                Some("https://dala.example/own.rss"),
            ),
            (
                &asked,
                Some("https://dala.example/f.rss?key=K"),
                Some("https://dala.example/"),
                Some("https://dala.example/"),
            ),
            (
                &asked,
                Some("https://user:pw@dala.example/f.rss?key=K"),
                None,
                Some("https://dala.example/f.rss"),
            ),
            (&asked, None, None, Some("https://dala.example/f.rss")),
            (
                &file,
                Some("https://user:pw@dala.example/f.rss?key=K"),
                None,
                Some("https://dala.example/f.rss"),
            ),
            (&file, None, None, None),
        ] {
            let feed = Feed {
                own: own.map(str::to_owned),
                home: home.map(str::to_owned),
                ..Feed::default()
            };
            assert_eq!(
                public_url(location, &feed).as_deref(),
                told,
                "{own:?} {home:?}"
            );
        }
    }

    #[test]
    fn complaints_repeat_no_secret() {
        for typed in [
            "http://user:secretpw@[::bad/f.rss?key=SECRETKEY",
            "HTTPS://user:secretpw@:99999/?key=SECRETKEY",
            "http://user:secret?pw@[bad",
        ] {
            let error = Location::parse(typed).unwrap_err();
            assert!(error.contains("is not an address"), "{error}");
            assert!(!error.to_lowercase().contains("secret"), "{error}");
        }
    }
}
