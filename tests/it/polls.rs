//! Polls: who is answered what, over all the ways in which readers ask (REQUIREMENTS-FEEDS section 7; RFC 9110, RFC 3229, RFC 6585).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use jarshy::base::language::Language;
use jarshy::newsroom::{self, Draft, Edit};
use jarshy::syndication::{Format, Shelf};
use jarshy::theme::Theme;
use jarshy::web::hot::Hot;
use jarshy::web::{self, WebState};
use jarshy::work::Core;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::both_engines;
use crate::support::{Chance, Engine, TestApp};

both_engines!(
    every_way_of_asking_is_answered_by_the_rules,
    a_demand_is_met_or_refused_on_feeds_and_closed_pages,
    a_delta_laid_over_the_old_feed_gives_the_new_one,
    deltas_survive_a_restart_and_are_equal_on_two_instances,
    hammering_is_refused_and_polite_readers_are_not,
    who_invents_feeds_is_slowed_down,
    polls_are_answered_while_the_database_is_away,
    the_listener_takes_polls_however_they_arrive,
    bodies_arrive_whole_however_slowly_they_are_read,
    numbers_are_shown_to_those_who_watch_and_to_nobody_else,
);

const READER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// One instance: its router, and the quick way in front of it.
struct House {
    core: Core,
    shelf: Arc<Shelf>,
    router: Router,
    hot: Hot,
}

/// Status, headers, body.
type Answer = (StatusCode, HeaderMap, Vec<u8>);

impl House {
    fn new(core: &Core) -> Self {
        let theme = Arc::new(Theme::load(&core.config).unwrap());
        let shelf = Arc::new(Shelf::new(core.clone(), theme.clone()));
        let state = WebState::new(core.clone(), theme, shelf.clone(), Arc::default(), None);
        Self {
            core: core.clone(),
            shelf,
            router: web::router(state.clone()),
            hot: Hot::new(state),
        }
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        request.body(Body::empty()).unwrap()
    }

    /// Through the router, from an address if one is given.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        from: Option<IpAddr>,
    ) -> Answer {
        let mut request = Self::request(method, path, headers);
        if let Some(from) = from {
            let peer = std::net::SocketAddr::new(from, 40_000);
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let mut answer = read(self.router.clone().oneshot(request).await.unwrap()).await;
        if answer.0 == StatusCode::NOT_MODIFIED {
            // What the listener does to every answer of the router.
            answer.1.remove("content-length");
        }
        answer
    }

    /// The quick way; `None` where it leaves the answer to the router.
    async fn ask_hot(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<Answer> {
        let answer = self
            .hot
            .answer(&Self::request(method, path, headers), READER)?;
        Some(read(answer.map(Body::new)).await)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, None).await
    }
}

async fn read(response: axum::response::Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    (parts.status, parts.headers, body.to_vec())
}

async fn publish(app: &TestApp, title: &str) -> String {
    app.core.clock.set(app.core.clock.now().plus_secs(61));
    let draft = Draft {
        summary: Some(format!("{title}: қысқаша & <ашық>.")),
        ..Draft::new(
            Language::parse("kk").unwrap(),
            title,
            "<p>Толық мәтін, ұзын сөйлем. ]]&gt; &lt;item&gt;</p>",
        )
    };
    newsroom::publish(&app.core, draft).await.unwrap().uid
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn stem_in(headers: &HeaderMap) -> String {
    let tag = text(headers, "etag").trim_matches('"');
    tag.split('-').next().unwrap().to_owned()
}

/// Undoes a content coding with decoders that are not the shelf's own calls.
fn plain(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match text(headers, "content-encoding") {
        "" => out.extend_from_slice(body),
        "gzip" => drop(
            flate2::read::GzDecoder::new(body)
                .read_to_end(&mut out)
                .unwrap(),
        ),
        "br" => brotli::BrotliDecompress(&mut &body[..], &mut out).unwrap(),
        "zstd" => out = zstd::stream::decode_all(body).unwrap(),
        other => panic!("{other}"),
    }
    out
}

// ---- the matrix ----

/// What a request says in `Accept-Encoding`, as weights in thousandths by name.
type Accepted = Option<Vec<(&'static str, u16)>>;

/// What the reader should get, by the words of RFC 9110 section 12.5.3: acceptable is what has a weight above 0, named or by `*`;
/// the bytes as they are also where nothing speaks of them; of what is acceptable the highest weight, and of equal ones our choice.
fn expected_coding(accepted: &Accepted) -> Option<&'static str> {
    let Some(list) = accepted else {
        return Some("identity");
    };
    let named = |name: &str| {
        let hit = list
            .iter()
            .find(|(n, _)| *n == name || (name == "gzip" && *n == "x-gzip"));
        hit.or_else(|| list.iter().find(|(n, _)| *n == "*"))
            .map(|(_, q)| *q)
    };
    let mut best: Option<(&'static str, u16)> = None;
    for coding in ["br", "zstd", "gzip"] {
        let weight = named(coding).unwrap_or(0);
        if weight > best.map_or(0, |(_, q)| q) {
            best = Some((coding, weight));
        }
    }
    match (best, named("identity")) {
        (Some((coding, weight)), identity) if weight >= identity.unwrap_or(0) => Some(coding),
        (_, Some(0)) => None,
        _ => Some("identity"),
    }
}

/// A way to say what one has: lines of `If-None-Match`, and whether they name the present feed, or the one before.
struct Known {
    lines: Vec<String>,
    is_present: bool,
    is_former: bool,
}

fn ways_to_know(present: &str, former: &str) -> Vec<Known> {
    let mut all = Vec::new();
    let mut add = |lines: Vec<String>, is_present: bool, is_former: bool| {
        all.push(Known {
            lines,
            is_present,
            is_former,
        });
    };
    let one = |line: String| vec![line];
    for mark in ["", "-gzip", "-br", "-zstd", ";gzip"] {
        for weak in ["", "W/"] {
            add(one(format!("{weak}\"{present}{mark}\"")), true, false);
            add(one(format!("{weak}\"{former}{mark}\"")), false, true);
        }
    }
    add(one("*".to_owned()), true, false);
    add(
        one(format!("\"x\", W/\"{present}-br\" , \"y\"")),
        true,
        false,
    );
    add(one(format!("\"a,b\",\"{present}\"")), true, false);
    add(one(format!("\"x\",\"{former}-zstd\"")), false, true);
    add(one(format!("\"{former}\", \"{present}\"")), true, true);
    add(
        vec!["\"x\"".to_owned(), format!("\"{present}\"")],
        true,
        false,
    );
    add(
        vec![
            "\"x\"".to_owned(),
            format!("W/\"{former}\""),
            "\"z\"".to_owned(),
        ],
        false,
        true,
    );
    add(
        vec!["\u{fffd}ж".to_owned(), format!("\"{present}-gzip\"")],
        true,
        false,
    );
    for garbage in [
        "",
        "\"\"",
        "\"x\"",
        "\"*\"",
        "W/",
        ",,,",
        "ж",
        "null",
        "\"unknown",
    ] {
        add(one(garbage.to_owned()), false, false);
    }
    add(one(format!("\"{present}0\"")), false, false);
    add(one(format!("\"{}\"", &present[1..])), false, false);
    add(one(format!("\"x{present}\"")), false, false);
    all
}

/// What a request says of what the reader has, and since when.
type Way = (Option<Known>, Option<(&'static str, bool)>);

/// Ways to say since when, with whether that says "nothing is new". The feed is of 2026-02-28T02:03:03Z, now is two hours later.
const SINCE: [(&str, bool); 15] = [
    ("Sat, 28 Feb 2026 02:03:03 GMT", true),
    ("Saturday, 28-Feb-26 02:03:03 GMT", true),
    ("Sat Feb 28 02:03:03 2026", true),
    (" Sat, 28 Feb 2026 02:03:03 GMT ", true),
    ("Sat, 28 Feb 2026 02:03:04 GMT", true),
    ("Sat, 28 Feb 2026 03:30:00 GMT", true),
    ("Sat, 28 Feb 2026 02:03:02 GMT", false),
    ("Fri, 27 Feb 2026 02:03:03 GMT", false),
    ("Sat, 28 Feb 2026 23:59:59 GMT", false),
    ("Thu, 28 Feb 2036 02:03:03 GMT", false),
    ("Thu, 01 Jan 1970 00:00:00 GMT", false),
    ("Sat, 30 Feb 2026 02:03:03 GMT", false),
    ("2026-02-28T02:03:03Z", false),
    ("0", false),
    ("", false),
];

async fn every_way_of_asking_is_answered_by_the_rules(engine: Engine) {
    let app = TestApp::spawn_with(engine, "[feeds]\nunconditional_per_hour = 0\n").await;
    newsroom::sync_sections(&app.core).await.unwrap();
    for title in ["Бірінші", "Екінші"] {
        publish(&app, title).await;
    }
    let house = House::new(&app.core);
    let mut former = BTreeMap::new();
    for format in Format::ALL {
        let path = format!("/kk/feed.{}", format.extension());
        former.insert(path.clone(), stem_in(&house.get(&path, &[]).await.1));
    }
    publish(&app, "Үшінші").await;
    house.shelf.refresh().await.unwrap();

    let all: [Accepted; 16] = [
        None,
        Some(vec![]),
        Some(vec![("gzip", 1000)]),
        Some(vec![("x-gzip", 1000)]),
        Some(vec![("br", 1000)]),
        Some(vec![("zstd", 1000)]),
        Some(vec![
            ("gzip", 1000),
            ("deflate", 1000),
            ("br", 1000),
            ("zstd", 1000),
        ]),
        Some(vec![("gzip", 1000), ("zstd", 500)]),
        Some(vec![("br", 0), ("*", 300)]),
        Some(vec![("gzip", 0)]),
        Some(vec![("identity", 1000), ("gzip", 500)]),
        Some(vec![("identity", 0), ("gzip", 1)]),
        Some(vec![("identity", 0)]),
        Some(vec![("*", 0)]),
        Some(vec![("*", 0), ("identity", 1000)]),
        Some(vec![("compress", 1000), ("*", 100), ("identity", 200)]),
    ];
    let deltas: [(Option<&str>, bool); 6] = [
        (None, false),
        (Some("feed"), true),
        (Some("vcdiff, FEED;q=0.5, gzip"), true),
        (Some("feed;q=0"), false),
        (Some("feeds"), false),
        (Some("gzip"), false),
    ];
    let (mut asked, mut quick, mut seen) = (0, 0, BTreeMap::<u16, u32>::new());
    for (path, former) in &former {
        let (status, headers, whole) = house.get(path, &[]).await;
        assert_eq!(status, StatusCode::OK);
        let (present, modified) = (
            stem_in(&headers),
            text(&headers, "last-modified").to_owned(),
        );
        assert_eq!(
            modified, SINCE[0].0,
            "the table of dates is about another feed"
        );
        app.core.clock.set("2026-02-28T04:00:00Z".parse().unwrap());
        // Every coding is made once before the quick way can have it.
        for coding in ["gzip", "br", "zstd"] {
            house.get(path, &[("accept-encoding", coding)]).await;
        }
        let mut ways: Vec<Way> = vec![(None, None)];
        ways.extend(SINCE.iter().map(|since| (None, Some(*since))));
        for (number, known) in ways_to_know(&present, former).into_iter().enumerate() {
            // A date beside a tag counts for nothing, whatever it says.
            let beside = [None, Some(SINCE[0]), Some(SINCE[10])][number % 3];
            ways.push((Some(known), beside));
        }
        for (known, since) in &ways {
            for accepted in &all {
                for (delta, takes_delta) in deltas {
                    for method in ["GET", "HEAD"] {
                        let accept = accepted.as_ref().map(|list| {
                            let one = |(name, q): &(&str, u16)| match q {
                                1000 => (*name).to_owned(),
                                q => format!("{name};q={}", f64::from(*q) / 1000.0),
                            };
                            list.iter().map(one).collect::<Vec<_>>().join(", ")
                        });
                        let mut headers: Vec<(&str, &str)> = Vec::new();
                        headers.extend(accept.as_deref().map(|a| ("accept-encoding", a)));
                        headers.extend(delta.map(|a| ("a-im", a)));
                        headers.extend(since.map(|(date, _)| ("if-modified-since", date)));
                        for line in known.iter().flat_map(|known| &known.lines) {
                            headers.push(("if-none-match", line));
                        }
                        let case = format!("{method} {path} {headers:?}");
                        let answer = house.ask(method, path, &headers, None).await;
                        asked += 1;

                        let coding = expected_coding(accepted);
                        let has = match (known, since) {
                            (Some(known), _) => known.is_present,
                            (None, Some((_, is_same))) => *is_same,
                            (None, None) => false,
                        };
                        let has_former = known.as_ref().is_some_and(|known| known.is_former);
                        let expected = match coding {
                            None => 406,
                            Some(_) if has => 304,
                            Some(_) if takes_delta && has_former && method == "GET" => 226,
                            Some(_) => 200,
                        };
                        assert_eq!(answer.0.as_u16(), expected, "{case}");
                        *seen.entry(expected).or_default() += 1;
                        if let Some(coding) = coding {
                            let like = Like {
                                coding,
                                present: &present,
                                former,
                                modified: &modified,
                                known: known.as_ref(),
                            };
                            like.check(&case, method, path, &answer, &whole);
                        }
                        match house.ask_hot(method, path, &headers).await {
                            Some(hot) => {
                                quick += 1;
                                assert_eq!(hot, answer, "{case}");
                            }
                            None => assert!(
                                matches!(expected, 226 | 406) || (takes_delta && expected == 200),
                                "{case} was not answered from memory"
                            ),
                        }
                    }
                }
            }
        }
    }
    assert!(
        asked >= 300 && quick > asked / 2,
        "{asked} asked, {quick} quick"
    );
    assert_eq!(
        seen.keys().copied().collect::<Vec<_>>(),
        [200, 226, 304, 406]
    );
}

/// RFC 9110 section 13.1.1, 13.1.4 and 13.2.2, and a `Range` that is not served: section 14.2 leaves that to the server.
async fn a_demand_is_met_or_refused_on_feeds_and_closed_pages(engine: Engine) {
    let settings = "[feeds]\nitems = 2\nunconditional_per_hour = 5\n";
    let app = TestApp::spawn_with(engine, settings).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    for number in 0..4 {
        publish(&app, &format!("Хабар {number}")).await;
    }
    let house = House::new(&app.core);
    let (status, headers, _) = house.get("/kk/feed/1.atom", &[]).await;
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    let page = text(&headers, "location").to_owned();
    let mut seen = BTreeMap::<u16, u32>::new();
    for path in ["/kk/feed.atom", &page] {
        let (_, headers, whole) = house.get(path, &[]).await;
        let stem = stem_in(&headers);
        let modified = text(&headers, "last-modified").to_owned();
        app.core.clock.set(app.core.clock.now().plus_secs(3600));
        // Beside each form, whether it is met; nothing where it demands nothing.
        // The tag of the bytes as they are, and of gzip, are the tags of just those.
        let matches: [(Option<String>, Option<bool>); 10] = [
            (None, None),
            (Some("*".to_owned()), Some(true)),
            (Some(format!("\"{stem}\", \"{stem}-gzip\"")), Some(true)),
            (Some(format!("\"{stem}\"")), None),
            (Some(format!("\"{stem}-gzip\"")), None),
            (Some(format!("\"x\" , \"{stem}-br\"")), Some(false)),
            (Some(format!("W/\"{stem}\"")), Some(false)),
            (Some("\"x\"".to_owned()), Some(false)),
            (Some(format!("\"{stem}0\"")), Some(false)),
            (Some(String::new()), Some(false)),
        ];
        let since = [
            (None, None),
            (Some(modified.as_str()), Some(true)),
            (Some("Thu, 28 Feb 2036 02:03:03 GMT"), Some(true)),
            (Some("Thu, 01 Jan 2026 00:00:00 GMT"), Some(false)),
            (Some("yesterday"), None),
        ];
        let known = [
            (None, false),
            (Some("\"x\"".to_owned()), false),
            (Some(format!("W/\"{stem}-zstd\"")), true),
        ];
        let codings = [(None, true), (Some("gzip"), true), (Some("*;q=0"), false)];
        for (wanted, is_met) in &matches {
            for (unmodified, is_old) in &since {
                for (tag, has) in &known {
                    for (accept, may_be_sent) in codings {
                        for method in ["GET", "HEAD"] {
                            let mut headers = vec![("range", "bytes=0-9")];
                            headers.extend(wanted.as_deref().map(|tag| ("if-match", tag)));
                            headers.extend(unmodified.map(|date| ("if-unmodified-since", date)));
                            headers.extend(tag.as_deref().map(|tag| ("if-none-match", tag)));
                            headers.extend(accept.map(|name| ("accept-encoding", name)));
                            let case = format!("{method} {path} {headers:?}");
                            // What a tag alone names is there if it is what would be sent.
                            let is_met = match wanted {
                                Some(tag) if is_met.is_none() => {
                                    Some(tag.contains("-gzip") == (accept == Some("gzip")))
                                }
                                _ => *is_met,
                            };
                            let expected = if !may_be_sent {
                                406
                            } else if !is_met.or(*is_old).unwrap_or(true) {
                                412
                            } else if *has {
                                304
                            } else {
                                200
                            };
                            let answer = house.ask(method, path, &headers, None).await;
                            assert_eq!(answer.0.as_u16(), expected, "{case}");
                            *seen.entry(expected).or_default() += 1;
                            assert!(!answer.1.contains_key("content-range"), "{case}");
                            if expected == 200 && method == "GET" {
                                assert_eq!(plain(&answer.1, &answer.2), whole, "{case}");
                            }
                            if let Some(hot) = house.ask_hot(method, path, &headers).await {
                                assert_eq!(hot, answer, "{case}");
                            }
                        }
                    }
                }
            }
        }
        // A closed page is limited like its head, each for itself.
        let other = "203.0.113.9".parse().unwrap();
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(house.ask("GET", path, &[], Some(other)).await.0.as_u16());
        }
        assert_eq!(statuses, [200, 200, 200, 200, 200, 429], "{path}");
    }
    let kinds: Vec<u16> = seen.keys().copied().collect();
    assert_eq!(kinds, [200, 304, 406, 412], "{seen:?}");
    assert!(seen.values().sum::<u32>() > 1000, "{seen:?}");
}

/// What an answer must be like, whatever its status.
struct Like<'a> {
    coding: &'a str,
    present: &'a str,
    former: &'a str,
    modified: &'a str,
    known: Option<&'a Known>,
}

impl Like<'_> {
    fn check(&self, case: &str, method: &str, path: &str, answer: &Answer, whole: &[u8]) {
        let (status, headers, body) = answer;
        let mark = if self.coding == "identity" {
            String::new()
        } else {
            format!("-{}", self.coding)
        };
        assert_eq!(
            text(headers, "etag"),
            format!("\"{}{mark}\"", self.present),
            "{case}"
        );
        assert_eq!(text(headers, "last-modified"), self.modified, "{case}");
        assert_eq!(text(headers, "access-control-allow-origin"), "*", "{case}");
        assert!(headers.get("set-cookie").is_none(), "{case}");
        let vary: BTreeSet<&str> = text(headers, "vary").split(", ").collect();
        assert!(
            vary.contains("Accept-Encoding") && vary.contains("A-IM"),
            "{case}"
        );
        let keep = "public, max-age=300, stale-while-revalidate=300, stale-if-error=86400";
        if *status == StatusCode::IM_USED {
            assert_eq!(text(headers, "im"), "feed", "{case}");
            let base = text(headers, "delta-base");
            let is_sent = |line: &String| line.contains(base);
            assert!(base.starts_with(&format!("\"{}", self.former)), "{case}");
            assert!(self.known.unwrap().lines.iter().any(is_sent), "{case}");
            assert_eq!(text(headers, "cache-control"), "no-store, im", "{case}");
            assert!(vary.contains("If-None-Match"), "{case}");
        } else {
            assert!(!headers.contains_key("im"), "{case}");
            assert_eq!(text(headers, "cache-control"), keep, "{case}");
        }
        if *status == StatusCode::NOT_MODIFIED {
            // What guides caches, and nothing that they have already (RFC 9110 section 15.4.5).
            let said: BTreeSet<&str> = headers.keys().map(HeaderName::as_str).collect();
            let may = [
                "access-control-allow-origin",
                "cache-control",
                "etag",
                "last-modified",
                "vary",
            ];
            assert_eq!(said, BTreeSet::from(may), "{case}");
            assert!(body.is_empty(), "{case}");
            return;
        }
        assert_eq!(text(headers, "x-content-type-options"), "nosniff", "{case}");
        assert!(text(headers, "link").contains("rel=\"self\""), "{case}");
        let policy = text(headers, "content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{case}");
        let name = text(headers, "content-encoding");
        assert_eq!(name, mark.trim_start_matches('-'), "{case}");
        let kind = match path.rsplit_once('.').unwrap().1 {
            "rss" => "application/rss+xml; charset=utf-8",
            "atom" => "application/atom+xml; charset=utf-8",
            _ => "application/feed+json; charset=utf-8",
        };
        assert_eq!(text(headers, "content-type"), kind, "{case}");
        if method == "HEAD" {
            assert!(
                body.is_empty() && text(headers, "content-length") != "0",
                "{case}"
            );
            return;
        }
        assert_eq!(
            text(headers, "content-length"),
            body.len().to_string(),
            "{case}"
        );
        let bytes = plain(headers, body);
        if *status == StatusCode::OK {
            assert_eq!(bytes, whole, "{case}");
        } else {
            let format = path.rsplit_once('.').unwrap().1;
            assert_eq!(Feed::read(format, &bytes).items.len(), 1, "{case}");
        }
    }
}

// ---- deltas ----

/// A feed taken apart by parsers that the writers know nothing of: what stands before its items, the items, what stands behind.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Feed {
    head: String,
    items: Vec<(String, String)>,
    tail: String,
    /// Ids that it says were withdrawn.
    gone: BTreeSet<String>,
}

impl Feed {
    fn read(format: &str, bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        if format == "json" {
            let mut feed: serde_json::Value = serde_json::from_str(text).unwrap();
            let items = feed
                .as_object_mut()
                .unwrap()
                .insert("items".to_owned(), serde_json::json!([]));
            let items = items.unwrap().as_array().unwrap().clone();
            return Self {
                head: feed.to_string(),
                items: items
                    .iter()
                    .map(|item| (item["id"].as_str().unwrap().to_owned(), item.to_string()))
                    .collect(),
                tail: String::new(),
                gone: feed["_deleted"]["items"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|item| item["id"].as_str().unwrap().to_owned())
                    .collect(),
            };
        }
        let xml = roxmltree::Document::parse(text).unwrap();
        let (item, id) = if format == "rss" {
            ("item", "guid")
        } else {
            ("entry", "id")
        };
        let found: Vec<_> = xml
            .descendants()
            .filter(|node| node.has_tag_name(item) || node.tag_name().name() == item)
            .collect();
        let last = if format == "rss" {
            "</channel></rss>"
        } else {
            "</feed>"
        };
        let end = text.len() - last.len();
        Self {
            head: text[..found.first().map_or(end, |node| node.range().start)].to_owned(),
            items: found
                .iter()
                .map(|node| {
                    let id = node
                        .children()
                        .find(|child| child.tag_name().name() == id)
                        .unwrap();
                    (id.text().unwrap().to_owned(), text[node.range()].to_owned())
                })
                .collect(),
            tail: text[end..].to_owned(),
            gone: xml
                .root_element()
                .children()
                .filter(|node| node.tag_name().name() == "deleted-entry")
                .map(|node| node.attribute("ref").unwrap().to_owned())
                .collect(),
        }
    }

    /// Lays a delta over this copy as a reader does, and holds the result against the present feed.
    fn check(&self, delta: &Self, present: &Self, case: &str) {
        let mut merged: HashMap<&str, &str> = self
            .items
            .iter()
            .map(|(id, item)| (id.as_str(), item.as_str()))
            .collect();
        merged.extend(
            delta
                .items
                .iter()
                .map(|(id, item)| (id.as_str(), item.as_str())),
        );
        // The order of the feed.
        let laid: Vec<(String, String)> = present
            .items
            .iter()
            .map(|(id, _)| {
                (
                    id.clone(),
                    merged.remove(id.as_str()).unwrap_or("absent").to_owned(),
                )
            })
            .collect();
        assert_eq!(laid, present.items, "{case}");
        assert_eq!(
            (&delta.head, &delta.tail),
            (&present.head, &present.tail),
            "{case}"
        );
        // What is left over must be what falls off: it stood below everything that stayed where it was.
        let place = |wanted: &str| self.items.iter().position(|(id, _)| id == wanted);
        let is_new = |id: &str| delta.items.iter().any(|(new, _)| new == id);
        for id in merged.keys().filter(|id| !delta.gone.contains(**id)) {
            for (kept, _) in present.items.iter().filter(|(id, _)| !is_new(id)) {
                assert!(
                    place(kept) < place(id),
                    "{case}: {id} did not fall off the end"
                );
            }
        }
        // And nothing travels for nothing.
        for (id, item) in &delta.items {
            let had = self.items.iter().find(|(old, _)| old == id);
            assert!(
                had.is_none_or(|(_, old)| old != item),
                "{case}: {id} is unchanged"
            );
        }
    }
}

const ITEMS: usize = 6;

async fn a_delta_laid_over_the_old_feed_gives_the_new_one(engine: Engine) {
    let (mut deltas, mut wholes, mut named) = (0, 0, BTreeMap::new());
    for seed in 1..=4 {
        let settings = format!("[feeds]\nitems = {ITEMS}\nunconditional_per_hour = 0\n");
        let app = TestApp::spawn_with(engine, &settings).await;
        newsroom::sync_sections(&app.core).await.unwrap();
        let house = House::new(&app.core);
        let mut chance = Chance::counted(seed);
        let mut live: Vec<String> = Vec::new();
        // By format: every document there ever was, with whether something was withdrawn or came back since.
        let mut past: BTreeMap<&str, Vec<(String, Feed, bool)>> = BTreeMap::new();
        for step in 0..22 {
            app.core.clock.set(app.core.clock.now().plus_secs(61));
            let mut withdrew = false;
            let may_be_whole = match chance.index(10) {
                0 if live.len() > 2 => {
                    withdrew = true;
                    let uid = live.swap_remove(chance.index(live.len()));
                    newsroom::withdraw(&app.core, &uid, None).await.unwrap();
                    true
                }
                kind @ 1..=3 if !live.is_empty() => {
                    let edit = Edit {
                        title: Some(format!("Түзетілген {step}")),
                        ..Edit::default()
                    };
                    let uid = &live[chance.index(live.len())];
                    if kind == 1 {
                        newsroom::edit_quietly(&app.core, uid, edit).await.unwrap();
                    } else {
                        newsroom::correct(&app.core, uid, edit, "Түзетілді.")
                            .await
                            .unwrap();
                    }
                    // One that comes back from the archive may have been in the old copy: then fewer fell off than were closed.
                    let is_at = |(id, _): &(String, String)| id.contains(uid.as_str());
                    let shown = past["rss"].last().map(|(_, feed, _)| &feed.items);
                    kind > 1 && !shown.is_some_and(|items| items.iter().any(is_at))
                }
                _ => {
                    live.push(publish(&app, &format!("Хабар {step} & «ашық» ]]>")).await);
                    false
                }
            };
            house.shelf.refresh().await.unwrap();
            for format in ["rss", "atom", "json"] {
                let path = format!("/kk/feed.{format}");
                let (_, headers, body) = house.get(&path, &[]).await;
                let (stem, present) = (stem_in(&headers), Feed::read(format, &body));
                let known = past.entry(format).or_default();
                if may_be_whole {
                    for (_, _, marked) in known.iter_mut() {
                        *marked = true;
                    }
                }
                let latest = known.last().map(|(stem, ..)| stem.clone());
                for (old_stem, old, may_be_whole) in
                    known.iter().rev().filter(|(old, ..)| *old != stem)
                {
                    let case = format!("seed {seed} step {step} {path} from {old_stem}");
                    let tag = format!("W/\"{old_stem}-br\"");
                    let accept = ["identity", "gzip", "br", "zstd"][chance.index(4)];
                    let asked = [
                        ("a-im", "feed"),
                        ("if-none-match", &tag),
                        ("accept-encoding", accept),
                    ];
                    let (status, headers, body) = house.get(&path, &asked).await;
                    let got = Feed::read(format, &plain(&headers, &body));
                    if status == StatusCode::IM_USED {
                        deltas += 1;
                        assert_eq!(stem_in(&headers), stem, "{case}");
                        old.check(&got, &present, &case);
                        if old.items.iter().any(|(id, _)| got.gone.contains(id)) {
                            *named.entry(format).or_insert(0) += 1;
                        }
                        continue;
                    }
                    wholes += 1;
                    assert_eq!((status, &got), (StatusCode::OK, &present), "{case}");
                    let is_unchanged = |(id, item): &(String, String)| {
                        old.items.contains(&(id.clone(), item.clone()))
                    };
                    let saves = present.items.iter().any(is_unchanged);
                    // What was withdrawn just now is named where the format has a word for it.
                    let is_named =
                        withdrew && format != "rss" && latest.as_deref() == Some(old_stem);
                    let may_be_whole = *may_be_whole && !is_named;
                    assert!(may_be_whole || !saves, "{case}: a delta was due");
                }
                if known.iter().all(|(old, ..)| *old != stem) {
                    known.push((stem, present, false));
                }
            }
        }
    }
    assert!(
        deltas > 300 && wholes > 50,
        "{deltas} deltas, {wholes} wholes"
    );
    let formats: Vec<&str> = named.keys().copied().collect();
    assert_eq!(formats, ["atom", "json"], "{named:?}");
    assert!(named.values().all(|count| *count > 10), "{named:?}");
}

async fn deltas_survive_a_restart_and_are_equal_on_two_instances(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let first = House::new(&app.core);
    let path = "/kk/feed.atom";
    let mut tags = Vec::new();
    for number in 0..30 {
        publish(&app, &format!("Хабар {number}")).await;
        first.shelf.refresh().await.unwrap();
        tags.push(format!("\"{}\"", stem_in(&first.get(path, &[]).await.1)));
    }
    let delta = async |house: &House, tag: &str| {
        let asked = [("a-im", "feed"), ("if-none-match", tag)];
        let (status, headers, body) = house.get(path, &asked).await;
        (
            status.as_u16(),
            text(&headers, "delta-base").to_owned(),
            body,
        )
    };
    let second = House::new(&app.core);
    let mut counts = BTreeMap::<u16, usize>::new();
    for tag in &tags {
        let answer = delta(&first, tag).await;
        assert_eq!(delta(&second, tag).await, answer);
        *counts.entry(answer.0).or_default() += 1;
    }
    // The present one, the two dozen before it, and those that are forgotten.
    assert_eq!(counts, BTreeMap::from([(200, 5), (226, 24), (304, 1)]));
    // Of several that a reader has, any that is known will do.
    let both = format!("\"unknown\", {}, {}", tags[0], tags[28]);
    let answer = delta(&House::new(&app.core), &both).await;
    assert_eq!((answer.0, &answer.1), (226, &tags[28]));
    assert_eq!(Feed::read("atom", &answer.2).items.len(), 1);
}

// ---- limits ----

async fn hammering_is_refused_and_polite_readers_are_not(engine: Engine) {
    let app = TestApp::spawn_with(engine, "[feeds]\nunconditional_per_hour = 5\n").await;
    newsroom::sync_sections(&app.core).await.unwrap();
    publish(&app, "Бірінші").await;
    let house = House::new(&app.core);
    let (path, other) = ("/kk/feed.rss", "/kk/feed.atom");
    let statuses = async |count: usize, headers: &[(&str, &str)], from| {
        let mut seen = BTreeSet::new();
        for _ in 0..count {
            seen.insert(house.ask("GET", path, headers, Some(from)).await.0.as_u16());
        }
        seen
    };
    assert_eq!(statuses(5, &[], READER).await, BTreeSet::from([200]));
    let (status, headers, _) = house.ask("GET", path, &[], Some(READER)).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(text(&headers, "retry-after"), "720");
    assert_eq!(text(&headers, "cache-control"), "no-store");
    // The quick way counts in the same buckets and refuses in the same words.
    let hot = house.ask_hot("GET", path, &[]).await.unwrap();
    assert_eq!(
        (hot.0, text(&hot.1, "retry-after")),
        (StatusCode::TOO_MANY_REQUESTS, "720")
    );
    // Whoever says what it has is answered, also where it has nothing of ours, and HEAD costs nothing.
    let tag = text(&house.get(path, &[]).await.1, "etag").to_owned();
    assert_eq!(
        statuses(50, &[("if-none-match", &tag)], READER).await,
        BTreeSet::from([304])
    );
    assert_eq!(
        statuses(50, &[("if-none-match", "\"old\"")], READER).await,
        BTreeSet::from([200])
    );
    let old = [("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT")];
    assert_eq!(statuses(50, &old, READER).await, BTreeSet::from([200]));
    assert_eq!(
        house.ask("HEAD", path, &[], Some(READER)).await.0,
        StatusCode::OK
    );
    // Others, and other feeds, have buckets of their own.
    let neighbour = "203.0.113.8".parse().unwrap();
    assert_eq!(statuses(5, &[], neighbour).await, BTreeSet::from([200]));
    assert_eq!(
        house.ask("GET", other, &[], Some(READER)).await.0,
        StatusCode::OK
    );
    // An IPv6 household is one client.
    for last in 1..=6 {
        let from = format!("2001:db8:1:2::{last}").parse().unwrap();
        let expected = if last <= 5 { 200 } else { 429 };
        assert_eq!(
            house.ask("GET", path, &[], Some(from)).await.0.as_u16(),
            expected
        );
    }
    // A proxy that is not named would be taken for all its readers: neither this machine nor one of a private network is limited.
    let forwarded = [("x-forwarded-for", "198.51.100.4")];
    for (from, seen) in [
        ("10.0.0.9", &[200][..]),
        ("100.64.3.1", &[200]),
        ("fd00::9", &[200]),
        // From the internet everybody could say so.
        ("203.0.113.50", &[200, 429]),
        ("2001:db8:9::1", &[200, 429]),
    ] {
        let got = statuses(8, &forwarded, from.parse().unwrap()).await;
        assert_eq!(got, seen.iter().copied().collect(), "{from}");
    }
    let neighbour = "10.0.0.10".parse().unwrap();
    assert_eq!(
        statuses(8, &[], neighbour).await,
        BTreeSet::from([200, 429])
    );
    assert_eq!(
        statuses(20, &[], IpAddr::V4(Ipv4Addr::LOCALHOST)).await,
        BTreeSet::from([200])
    );
    app.core.clock.set(app.core.clock.now().plus_secs(720));
    assert_eq!(statuses(1, &[], READER).await, BTreeSet::from([200]));
    assert_eq!(statuses(1, &[], READER).await, BTreeSet::from([429]));
}

async fn who_invents_feeds_is_slowed_down(engine: Engine) {
    let app = TestApp::spawn_with(engine, "[feeds]\nmade_per_hour = 3\n").await;
    newsroom::sync_sections(&app.core).await.unwrap();
    publish(&app, "Бірінші").await;
    let house = House::new(&app.core);
    let ask = async |word: &str, from: &str| {
        let path = format!("/kk/search/feed.rss?q={word}");
        let answer = house
            .ask("GET", &path, &[], Some(from.parse().unwrap()))
            .await;
        (answer.0.as_u16(), text(&answer.1, "retry-after").to_owned())
    };
    for word in ["a", "b", "c"] {
        assert_eq!(ask(word, "203.0.113.7").await.0, 200);
    }
    assert_eq!(ask("d", "203.0.113.7").await, (429, "1200".to_owned()));
    // What is there already costs nobody anything, and others may have theirs.
    assert_eq!(ask("a", "203.0.113.7").await.0, 200);
    assert_eq!(ask("d", "203.0.113.8").await.0, 200);
    assert_eq!(ask("d", "203.0.113.7").await.0, 200);
    let own = house.ask("GET", "/kk/feed.rss", &[], Some(READER)).await;
    assert_eq!(
        own.0,
        StatusCode::OK,
        "the newsroom's own feeds are nobody's invention"
    );
}

// ---- the database away, numbers ----

async fn polls_are_answered_while_the_database_is_away(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    publish(&app, "Бірінші").await;
    let house = House::new(&app.core);
    let path = "/kk/feed.rss";
    let (_, headers, whole) = house.get(path, &[]).await;
    let tag = text(&headers, "etag").to_owned();
    app.core.db.close().await;
    for coding in ["identity", "gzip", "br", "zstd"] {
        let asked = [("accept-encoding", coding)];
        let (status, headers, body) = house.get(path, &asked).await;
        assert_eq!(status, StatusCode::OK, "{coding}");
        assert_eq!(plain(&headers, &body), whole);
        assert!(house.ask_hot("GET", path, &asked).await.is_some());
        let known = [("accept-encoding", coding), ("if-none-match", &tag)];
        assert_eq!(
            house.ask_hot("GET", path, &known).await.unwrap().0,
            StatusCode::NOT_MODIFIED
        );
    }
    // A delta cannot be looked up; the whole is as good.
    let asked = [("a-im", "feed"), ("if-none-match", "\"old\"")];
    assert_eq!(house.get(path, &asked).await.0, StatusCode::OK);
}

// ---- over a socket ----

/// Writes parts with a pause between them, then reads until so many answers have ended or the connection has.
async fn talk(address: std::net::SocketAddr, parts: &[&[u8]], until: &str, times: usize) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    for part in parts {
        stream.write_all(part).await.unwrap();
        tokio::task::yield_now().await;
    }
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        seen.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&seen);
        if count == 0 || text.matches(until).count() >= times {
            return text.into_owned();
        }
    }
}

/// Bodies that are sent by their pages, of a feed that becomes another while they are on their way.
async fn bodies_arrive_whole_however_slowly_they_are_read(engine: Engine) {
    const ASKED: usize = 4_000;
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    for number in 0..20 {
        publish(&app, &format!("Хабар {number}")).await;
    }
    let house = House::new(&app.core);
    let path = "/kk/feed.rss";
    let (_, headers, old) = house.get(path, &[]).await;
    assert!((4096..=65536).contains(&old.len()), "{}", old.len());
    let tag = text(&headers, "etag").to_owned();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (router, hot) = (house.router.clone(), Arc::new(house.hot));
    let mut polls = (0..64).map(|_| {
        hot.answer(&House::request("GET", path, &[]), READER)
            .unwrap()
    });
    assert!(
        polls.any(|answer| answer.body().pages().is_some()),
        "what many read is not sent by its pages"
    );
    drop(polls);
    let served = tokio::spawn(web::serve::serve(listener, router, hot, stop.clone()));

    let (mut from, mut to) = tokio::net::TcpStream::connect(address)
        .await
        .unwrap()
        .into_split();
    // Wholes and 304 in turns, all asked before the first is read: far more than the network holds.
    let asking = tokio::spawn(async move {
        for number in 0..ASKED {
            let known = match number % 4 {
                3 => format!("If-None-Match: {tag}\r\n"),
                _ => String::new(),
            };
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{known}\r\n");
            to.write_all(request.as_bytes()).await.unwrap();
        }
        to
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    publish(&app, "Жаңа хабар").await;
    house.shelf.catch_up().await.unwrap();
    let asked = House::request("GET", path, &[]);
    let new = read(house.router.clone().oneshot(asked).await.unwrap())
        .await
        .2;
    let (mut wholes, mut known) = (BTreeMap::<bool, usize>::new(), 0);
    let mut seen = Vec::new();
    let mut buffer = vec![0; 3_001];
    while wholes.values().sum::<usize>() + known < ASKED {
        let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") else {
            let count = from.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the connection ended early");
            seen.extend_from_slice(&buffer[..count]);
            continue;
        };
        let head = String::from_utf8(seen[..end].to_vec()).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse::<usize>().unwrap());
        while seen.len() < end + 4 + length {
            let count = from.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the connection ended early");
            seen.extend_from_slice(&buffer[..count]);
        }
        let body: Vec<u8> = seen.drain(..end + 4 + length).skip(end + 4).collect();
        if head.starts_with("HTTP/1.1 304") {
            known += 1;
            continue;
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(
            body == old || body == new,
            "neither the old feed nor the new one"
        );
        *wholes.entry(body == new).or_default() += 1;
    }
    assert!(seen.is_empty());
    assert!(
        wholes.len() == 2,
        "{wholes:?}: the feed did not change on the way"
    );
    drop(asking.await.unwrap());
    // Whoever gives the service up takes its threads with it, without a word.
    served.abort();
    assert!(served.await.unwrap_err().is_cancelled());
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn the_listener_takes_polls_however_they_arrive(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    publish(&app, "Бірінші").await;
    let house = House::new(&app.core);
    let (_, headers, whole) = house.get("/kk/feed.rss", &[]).await;
    let tag = text(&headers, "etag");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(web::serve::serve(
        listener,
        house.router.clone(),
        Arc::new(house.hot),
        stop.clone(),
    ));
    let ask =
        |more: &str| format!("GET /kk/feed.rss HTTP/1.1\r\nHost: x\r\n{more}\r\n").into_bytes();
    let known = ask(&format!("If-None-Match: {tag}\r\n"));

    let answer = talk(address, &[&known], "\r\n\r\n", 1).await;
    assert!(
        answer.starts_with("HTTP/1.1 304 Not Modified\r\n"),
        "{answer}"
    );
    assert!(
        !answer.to_ascii_lowercase().contains("content-length"),
        "{answer}"
    );
    // The same from the router: a guess leads on, and its 304 speaks of no length either.
    let page = b"GET /feeds.opml HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n";
    let answer = talk(address, &[page], "\r\n\r\n", 1).await;
    assert!(answer.starts_with("HTTP/1.1 304"), "{answer}");
    assert!(
        !answer.to_ascii_lowercase().contains("content-length"),
        "{answer}"
    );
    // Byte by byte, and several at once on one connection.
    let bytes: Vec<&[u8]> = known.chunks(1).collect();
    let answer = talk(address, &bytes, "\r\n\r\n", 1).await;
    assert!(answer.starts_with("HTTP/1.1 304"), "{answer}");
    let many = [known.clone(), known.clone(), ask("")].concat();
    let answer = talk(address, &[&many], "</rss>", 1).await;
    assert_eq!(answer.matches("HTTP/1.1 304").count(), 2, "{answer}");
    assert!(answer.ends_with(std::str::from_utf8(&whole).unwrap()));
    // HTTP/2 from the first byte on (RFC 9113 section 3.4): the answer begins with a SETTINGS frame, stream 0.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let answer = talk(address, &[preface], "\0", 1).await;
    assert_eq!(answer.as_bytes()[3], 4, "{answer:?}");

    // A connection on which nothing was said yet holds the end up as little as one that waits for its next request.
    let silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut idle = tokio::net::TcpStream::connect(address).await.unwrap();
    idle.write_all(&known).await.unwrap();
    idle.read_u8().await.unwrap();
    stop.cancel();
    served.await.unwrap().unwrap();
    drop((silent, idle, house.core));
}

async fn numbers_are_shown_to_those_who_watch_and_to_nobody_else(engine: Engine) {
    let settings = "[feeds]\nunconditional_per_hour = 2\n";
    let mut app = TestApp::spawn_with(engine, settings).await;
    let mut config = (*app.core.config).clone();
    config.server.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    config.server.metrics_networks = vec!["192.0.2.0/24".to_owned(), "127.0.0.0/8".to_owned()];
    app.core.config = Arc::new(config);
    newsroom::sync_sections(&app.core).await.unwrap();
    publish(&app, "Бірінші").await;
    let house = House::new(&app.core);
    let numbers = async || {
        let peer = Some("192.0.2.9".parse().unwrap());
        let (status, headers, body) = house.ask("GET", "/metrics", &[], peer).await;
        assert_eq!(
            (status, text(&headers, "cache-control")),
            (StatusCode::OK, "no-store")
        );
        let body = String::from_utf8(body).unwrap();
        let mut numbers = BTreeMap::new();
        for line in body
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            let (name, value) = line.rsplit_once(' ').unwrap();
            numbers.insert(name.to_owned(), value.parse::<f64>().unwrap() as u64);
        }
        numbers
    };
    let path = "/kk/feed.atom";
    let before = numbers().await;
    let (_, headers, body) = house.ask("GET", path, &[], Some(READER)).await;
    let tag = text(&headers, "etag").to_owned();
    assert!(house.ask_hot("GET", path, &[]).await.is_some());
    assert_eq!(
        house.ask("GET", path, &[], Some(READER)).await.0.as_u16(),
        429
    );
    house
        .ask_hot("HEAD", path, &[("accept-encoding", "identity")])
        .await
        .unwrap();
    house
        .ask_hot(
            "GET",
            path,
            &[("if-none-match", &tag), ("accept-encoding", "zstd")],
        )
        .await
        .unwrap();
    publish(&app, "Екінші").await;
    house.shelf.refresh().await.unwrap();
    let asked = [
        ("if-none-match", tag.as_str()),
        ("a-im", "feed"),
        ("accept-encoding", "gzip"),
    ];
    let delta = house.get(path, &asked).await;
    assert_eq!(delta.0, StatusCode::IM_USED);
    let after = numbers().await;
    let grown = |name: &str, labels: &str| {
        // The order of labels is the recorder's own.
        let wanted: BTreeSet<&str> = labels.split(',').filter(|l| !l.is_empty()).collect();
        let of = |numbers: &BTreeMap<String, u64>| -> u64 {
            numbers
                .iter()
                .filter(|(line, _)| {
                    let (n, rest) = line.split_once('{').unwrap_or((line, ""));
                    let has: BTreeSet<&str> = rest
                        .trim_end_matches('}')
                        .split(',')
                        .filter(|l| !l.is_empty())
                        .collect();
                    n == name && has == wanted
                })
                .map(|(_, value)| *value)
                .sum()
        };
        of(&after) - of(&before)
    };
    let responses = |status: &str, coding: &str| {
        let labels = format!("status=\"{status}\",format=\"atom\",coding=\"{coding}\"");
        grown("jarshy_feed_responses_total", &labels)
    };
    assert_eq!(responses("200", "identity"), 3);
    assert_eq!(responses("304", "zstd"), 1);
    assert_eq!(responses("226", "gzip"), 1);
    assert_eq!(responses("429", "identity"), 1);
    let bytes = |coding: &str| {
        grown(
            "jarshy_feed_body_bytes_total",
            &format!("format=\"atom\",coding=\"{coding}\""),
        )
    };
    assert_eq!(bytes("identity"), 2 * body.len() as u64);
    assert_eq!(bytes("gzip"), delta.2.len() as u64);
    assert!(grown("jarshy_shelf_builds_total", "") >= 2);
    assert!(grown("jarshy_shelf_changes_total", "") >= 3);
    assert!(after["jarshy_shelf_memory_bytes"] > 0 && after["jarshy_shelf_scopes"] >= 1);

    for (peer, headers, may) in [
        ("127.0.0.1", &[][..], true),
        ("198.51.100.1", &[], false),
        // A proxy that is trusted tells for whom it asks; one that is not may ask for anybody.
        ("10.0.0.1", &[("x-forwarded-for", "192.0.2.4")], true),
        ("10.0.0.1", &[("x-forwarded-for", "198.51.100.1")], false),
        ("10.0.0.1", &[], false),
        ("127.0.0.1", &[("x-forwarded-for", "192.0.2.4")], false),
        ("127.0.0.1", &[("forwarded", "for=192.0.2.4")], false),
        ("127.0.0.1", &[("via", "1.1 example")], false),
    ] {
        let peer = peer.parse().unwrap();
        let status = house.ask("GET", "/metrics", headers, Some(peer)).await.0;
        assert_eq!(status == StatusCode::OK, may, "{peer} {headers:?}");
        assert!(may || status == StatusCode::NOT_FOUND);
    }
    assert_eq!(house.get("/metrics", &[]).await.0, StatusCode::NOT_FOUND);
    drop(house.core);
}
