//! Views of articles: counted in memory without cookies, bots left out, written once a minute.
//!
//! A view is one GET of an article's page by something that looks like a person's browser. Nothing about the person is
//! kept. What was counted since the last write is lost if the process dies: a view is worth no row.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;

use crate::newsroom::store;
use crate::work::Core;

/// From that number on a view count is shown: a lonely "3 views" helps nobody.
pub const SHOWN_FROM: i64 = 10;

/// What was seen since the last write.
#[derive(Debug, Default)]
pub struct ViewCounter {
    seen: Mutex<BTreeMap<i64, i64>>,
}

impl ViewCounter {
    /// Counts one view of that article, if the request looks like a person's.
    pub fn record(&self, article_id: i64, headers: &HeaderMap) {
        if is_person(headers) {
            self.add(article_id, 1);
        }
    }

    fn add(&self, article_id: i64, views: i64) {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *seen.entry(article_id).or_default() += views;
    }

    /// Writes what was counted, on the newsroom's calendar. If the database fails the numbers wait for the next time.
    pub async fn flush(&self, core: &Core) -> Result<(), sqlx::Error> {
        let seen: Vec<(i64, i64)> = std::mem::take(
            &mut *self
                .seen
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
        .into_iter()
        .collect();
        if seen.is_empty() {
            return Ok(());
        }
        let day = core.clock.now().date_in(&core.config.newsroom.zone());
        let written = async {
            let mut tx = core.db.begin().await?;
            store::add_views(&mut tx, &day.to_string(), &seen).await?;
            tx.commit().await
        }
        .await;
        if written.is_err() {
            for (article, views) in seen {
                self.add(article, views);
            }
        }
        written
    }
}

/// Whether a request looks like a person's browser: it says it is one, is no robot, and is no prefetch.
fn is_person(headers: &HeaderMap) -> bool {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
            .to_ascii_lowercase()
    };
    if text("sec-purpose").contains("prefetch") || text("purpose").contains("prefetch") {
        return false;
    }
    let agent = text(USER_AGENT.as_str());
    let robots = [
        "bot",
        "crawl",
        "spider",
        "slurp",
        "preview",
        "fetch",
        "monitor",
        "headless",
        "external",
        "feed",
        "rss",
        "reader",
        "scan",
        "archive",
        "curl",
        "wget",
        "python",
        "java/",
        "go-http",
        "okhttp",
        "axios",
        "libwww",
        "http-client",
        "node",
        "whatsapp",
        "lighthouse",
    ];
    agent.starts_with("mozilla/") && !robots.iter().any(|word| agent.contains(word))
        || agent.starts_with("opera/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn from(agent: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))])
    }

    #[test]
    fn people_count_and_robots_do_not() {
        for person in [
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:134.0) Gecko/20100101 Firefox/134.0",
            "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; kk) Presto/2.8.119 Version/11.10",
        ] {
            assert!(is_person(&from(person)), "{person}");
        }
        for robot in [
            "",
            "curl/8.11.0",
            "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
            "TelegramBot (like TwitterBot)",
            "facebookexternalhit/1.1",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
            "Feedly/1.0 (+http://www.feedly.com/fetcher.html)",
        ] {
            assert!(!is_person(&from(robot)), "{robot}");
        }
        let mut prefetch = from("Mozilla/5.0 (X11; Linux x86_64; rv:134.0) Firefox/134.0");
        prefetch.insert("sec-purpose", HeaderValue::from_static("prefetch"));
        assert!(!is_person(&prefetch));
    }
}
