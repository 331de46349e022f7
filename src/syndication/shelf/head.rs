//! What a row says of itself in headers: its validators, its links, how long it may be kept.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::base::time::Timestamp;
use crate::config::Config;
use crate::syndication::coding::Coding;
use crate::syndication::store::Row;
use crate::syndication::websub::links;

/// The headers of one feed, ready to be sent: a poll clones them and makes nothing.
#[derive(Clone, Debug)]
pub struct Head {
    /// What the entity tags of all codings begin with.
    pub stem: Arc<str>,
    /// When the bytes last changed.
    pub last_modified: Timestamp,
    /// The same as an HTTP date.
    pub last_modified_value: HeaderValue,
    /// `Link`: the hubs and the feed itself (WebSub section 4).
    pub link: HeaderValue,
    /// `Cache-Control`: for how long the feed may be kept.
    pub cache_control: HeaderValue,
    etags: [HeaderValue; 4],
    /// By coding; see [`Head::whole`].
    whole: [OnceLock<Box<HeaderMap>>; 4],
    pub(super) log_no: i64,
    pub(super) build: i64,
    pub(super) until: Option<Timestamp>,
}

impl Head {
    pub(super) fn new(row: &Row, config: &Config) -> Self {
        Self {
            stem: row.etag.as_str().into(),
            last_modified: row.last_modified,
            last_modified_value: value(row.last_modified.http_date()),
            link: value(links(config, &format!("/{}", row.feed_key))),
            cache_control: cache_control(config),
            etags: Coding::ALL.map(|coding| value(format!("\"{}{}\"", row.etag, coding.mark()))),
            whole: Default::default(),
            log_no: row.log_no,
            build: row.build,
            until: row.until,
        }
    }

    /// The same of a closed page: kept for ever by whoever has it, and no hub tells of it.
    pub(super) fn of_page(row: &Row, config: &Config) -> Self {
        let own = config.server.absolute(&format!("/{}", row.feed_key));
        Self {
            link: value(format!("<{own}>; rel=\"self\"")),
            cache_control: HeaderValue::from_static("public, max-age=31536000, immutable"),
            ..Self::new(row, config)
        }
    }

    /// All that is said with the whole of a feed in a coding, made once by whoever says it.
    pub fn whole(&self, coding: Coding, make: impl FnOnce() -> HeaderMap) -> &HeaderMap {
        self.whole[coding as usize].get_or_init(|| Box::new(make()))
    }

    /// `ETag` of a coding, quoted.
    pub const fn etag(&self, coding: Coding) -> &HeaderValue {
        &self.etags[coding as usize]
    }
}

/// Fresh for a while, worth showing for as long again while it is asked for anew, and for a day if we cannot be reached (RFC 5861).
pub fn cache_control(config: &Config) -> HeaderValue {
    let max_age = config.feeds.max_age_minutes * 60;
    value(format!(
        "public, max-age={max_age}, stale-while-revalidate={max_age}, stale-if-error=86400"
    ))
}

/// Stems, dates, numbers and addresses: none of them has what a header may not hold.
fn value(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static(""))
}

/// By what they say; what was made of it already does not count.
impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        type Said<'a> = (&'a [HeaderValue], [&'a HeaderValue; 3], [i64; 2]);
        fn said(head: &Head) -> (Said<'_>, Option<Timestamp>) {
            let values = [&head.last_modified_value, &head.link, &head.cache_control];
            ((&head.etags, values, [head.log_no, head.build]), head.until)
        }
        said(self) == said(other)
    }
}
