//! Feeds: what they hold, what their validators do, and what a reader is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use jarshy::base::language::Language;
use jarshy::base::text::clean_line;
use jarshy::base::time::Timestamp;
use jarshy::config::Config;
use jarshy::newsroom::{self, Article, ArticleState, Draft, Edit, Importance, LeadImage, Section};
use jarshy::syndication::archive::Place;
use jarshy::syndication::document::Material;
use jarshy::syndication::render::render;
use jarshy::syndication::shelf::Head;
use jarshy::syndication::{
    Coding, Document, Format, Lookup, Scope, Shelf, Topic, discovery, store,
};
use jarshy::theme::Theme;
use jarshy::web::WebState;
use jarshy::work::Core;
use proptest::prelude::*;
use tower::ServiceExt;

use crate::both_engines;
use crate::support::{Engine, NEWSROOM, SECRETS, TestApp};

both_engines!(
    three_formats_hold_the_same_ids_in_the_same_order,
    a_restart_keeps_the_validators,
    two_instances_serve_one_row,
    a_withdrawal_moves_the_validators_and_the_item_leaves,
    an_edit_that_changes_no_byte_keeps_the_validators,
    an_embargoed_article_is_absent_until_it_is_due,
    a_correction_moves_updated_and_not_the_first_date,
    a_release_leaves_the_feeds_of_other_languages_alone,
    a_translation_changes_the_feed_that_links_it,
    other_settings_build_the_feeds_anew,
    an_older_build_never_replaces_a_newer,
    two_changes_in_one_second_are_a_second_apart,
    a_known_feed_touches_no_database,
    a_reader_that_has_the_bytes_gets_304,
    head_is_get_without_a_body,
    an_empty_feed_is_valid_and_an_unknown_one_is_404,
    guesses_lead_to_the_feed,
    the_list_names_every_language_and_section,
    a_cold_feed_is_built_once_for_many_readers,
    a_follower_builds_ahead_of_readers,
);

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn shelf(core: &Core) -> Arc<Shelf> {
    let theme = Arc::new(Theme::load(&core.config).unwrap());
    Arc::new(Shelf::new(core.clone(), theme))
}

fn draft(tag: &str, title: &str) -> Draft {
    Draft {
        summary: Some(format!("{title}: қысқаша & <ашық>.")),
        byline: Some("Баспасөз қызметі".to_owned()),
        section: Some("economy".to_owned()),
        tags: vec!["Су тасқыны".to_owned()],
        ..Draft::new(
            language(tag),
            title,
            "<p>Толық мәтін. <a href=\"/kk/news/x\">Сілтеме</a> <img src=\"/media/b.jpg\" alt=\"\"></p>",
        )
    }
}

async fn publish(app: &TestApp, draft: Draft) -> newsroom::Published {
    newsroom::publish(&app.core, draft).await.unwrap()
}

async fn seed(app: &TestApp) -> Vec<newsroom::Published> {
    newsroom::sync_sections(&app.core).await.unwrap();
    let mut made = Vec::new();
    for (minute, tag, title) in [
        (0, "kk", "Су тасқынына дайындық басталды"),
        (5, "ru", "Подготовка к паводку «началась» & <идёт>"),
        (10, "kk", "Бюджет бекітілді"),
        (10, "en", "The budget is approved"),
    ] {
        app.set_time(&format!("2026-02-28T07:{minute:02}:00+05:00"));
        made.push(publish(app, draft(tag, title)).await);
    }
    made
}

async fn head_of(shelf: &Shelf, path: &str) -> Arc<Head> {
    match shelf.find(path).await.unwrap() {
        Lookup::Feed(found) => found.head,
        Lookup::Moved(to) => panic!("{path} moved to {to}"),
        Lookup::Unknown | Lookup::Gone => panic!("{path} is unknown"),
    }
}

async fn bytes_of(shelf: &Shelf, path: &str) -> Vec<u8> {
    let Lookup::Feed(found) = shelf.find(path).await.unwrap() else {
        panic!("{path} is unknown")
    };
    let bytes = shelf.bytes(&found, Coding::Identity).await.unwrap().1;
    bytes.to_vec()
}

async fn text_of(shelf: &Shelf, path: &str) -> String {
    String::from_utf8(bytes_of(shelf, path).await).unwrap()
}

/// Elements with their paths and texts, read by a parser that is not the writers' own.
fn elements(xml: &str) -> Vec<(String, String)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut out: Vec<(String, String)> = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            event @ (Event::Start(_) | Event::Empty(_)) => {
                let (Event::Start(tag) | Event::Empty(tag)) = &event else {
                    unreachable!()
                };
                let name = tag.name().as_ref().to_owned();
                let path = open
                    .iter()
                    .map(|(n, _)| n.as_str())
                    .chain([name.as_str()])
                    .collect::<Vec<_>>()
                    .join("/");
                out.push((path, String::new()));
                if matches!(event, Event::Start(_)) {
                    open.push((name, out.len() - 1));
                }
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(text) => {
                if let Some((_, at)) = open.last() {
                    out[*at].1.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some((_, at)) = open.last() {
                    out[*at].1.push_str(&text);
                }
            }
            Event::GeneralRef(name) => {
                let name: &str = &name;
                let c = match name {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "apos" => '\'',
                    other => {
                        let hex = other
                            .strip_prefix("#x")
                            .unwrap_or_else(|| panic!("{other}"));
                        char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap()
                    }
                };
                if let Some((_, at)) = open.last() {
                    out[*at].1.push(c);
                }
            }
            Event::Eof => return out,
            _ => {}
        }
    }
}

fn texts(xml: &str, path: &str) -> Vec<String> {
    elements(xml)
        .into_iter()
        .filter(|(p, _)| p == path)
        .map(|(_, text)| text)
        .collect()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

async fn three_formats_hold_the_same_ids_in_the_same_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let made = seed(&app).await;
    let shelf = shelf(&app.core);
    for (folder, count) in [
        ("", 4),
        ("/kk", 2),
        ("/kk/sections/economy", 2),
        ("/kk/tags/su-tasqyny", 2),
        ("/en", 1),
        ("/en/sections/sport", 0),
    ] {
        let rss = texts(
            &text_of(&shelf, &format!("{folder}/feed.rss")).await,
            "rss/channel/item/guid",
        );
        let atom = texts(
            &text_of(&shelf, &format!("{folder}/feed.atom")).await,
            "feed/entry/id",
        );
        let feed = json(&text_of(&shelf, &format!("{folder}/feed.json")).await);
        let ids: Vec<String> = feed["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(rss.len(), count, "{folder}");
        assert_eq!(rss, atom, "{folder}");
        assert_eq!(rss, ids, "{folder}");
    }
    let newest = texts(
        &text_of(&shelf, "/kk/feed.rss").await,
        "rss/channel/item/guid",
    );
    assert_eq!(
        newest,
        [&made[2], &made[0]].map(|p| format!("urn:uuid:{}", p.uid))
    );
}

async fn a_restart_keeps_the_validators(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let paths = [
        "/feed.rss",
        "/kk/feed.atom",
        "/kk/sections/economy/feed.json",
    ];
    let mut before = Vec::new();
    let first = shelf(&app.core);
    for path in paths {
        before.push(head_of(&first, path).await);
    }
    app.set_time("2026-03-05T07:00:00+05:00");
    let second = shelf(&app.core);
    for (path, head) in paths.iter().zip(before) {
        assert_eq!(head_of(&second, path).await, head, "{path}");
        assert_eq!(
            bytes_of(&second, path).await,
            bytes_of(&first, path).await,
            "{path}"
        );
    }
}

async fn two_instances_serve_one_row(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let (one, two) = (shelf(&app.core), shelf(&app.core));
    two.refresh().await.unwrap();
    let head = head_of(&one, "/kk/feed.rss").await;
    app.set_time("2026-02-28T09:00:00+05:00");
    assert_eq!(head_of(&two, "/kk/feed.rss").await, head);
    publish(&app, draft("kk", "Жаңа мектеп ашылды")).await;
    two.refresh().await.unwrap();
    let newer = head_of(&two, "/kk/feed.rss").await;
    assert_ne!(newer.stem, head.stem);
    app.set_time("2026-02-28T10:00:00+05:00");
    one.refresh().await.unwrap();
    assert_eq!(head_of(&one, "/kk/feed.rss").await, newer);
    assert_eq!(
        bytes_of(&one, "/kk/feed.rss").await,
        bytes_of(&two, "/kk/feed.rss").await
    );
}

async fn a_withdrawal_moves_the_validators_and_the_item_leaves(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let made = seed(&app).await;
    let shelf = shelf(&app.core);
    let path = "/kk/sections/economy/feed.atom";
    let before = head_of(&shelf, path).await;
    let updated = texts(&text_of(&shelf, path).await, "feed/updated");
    app.set_time("2026-02-28T08:30:00+05:00");
    newsroom::withdraw(&app.core, &made[0].uid, None)
        .await
        .unwrap();
    shelf.refresh().await.unwrap();
    let after = head_of(&shelf, path).await;
    assert_ne!(after.stem, before.stem);
    assert_eq!(after.last_modified.to_string(), "2026-02-28T03:30:00Z");
    let text = text_of(&shelf, path).await;
    let ids = texts(&text, "feed/entry/id");
    assert!(!ids.iter().any(|id| id.contains(&made[0].uid)));
    assert_eq!(texts(&text, "feed/updated"), ["2026-02-28T08:30:00+05:00"]);
    assert!(updated[0].as_str() < "2026-02-28T08:30:00+05:00");
    // The last article of a tag leaves an empty feed behind, not a 404.
    newsroom::withdraw(&app.core, &made[3].uid, None)
        .await
        .unwrap();
    shelf.refresh().await.unwrap();
    assert_eq!(
        texts(
            &text_of(&shelf, "/en/tags/su-tasqyny/feed.rss").await,
            "rss/channel/item"
        )
        .len(),
        0
    );
}

async fn an_edit_that_changes_no_byte_keeps_the_validators(engine: Engine) {
    let app = TestApp::spawn_with(engine, "[feeds]\nitems = 1\n").await;
    let made = seed(&app).await;
    let shelf = shelf(&app.core);
    let before = head_of(&shelf, "/kk/feed.rss").await;
    app.set_time("2026-02-28T11:00:00+05:00");
    // The older of two Kazakh articles: beyond the one item that the feed shows.
    let edit = Edit {
        title: Some("Су тасқынына дайындық аяқталды".to_owned()),
        ..Edit::default()
    };
    newsroom::edit_quietly(&app.core, &made[0].uid, edit)
        .await
        .unwrap();
    shelf.refresh().await.unwrap();
    let after = head_of(&shelf, "/kk/feed.rss").await;
    assert_eq!(after.stem, before.stem);
    assert_eq!(after.last_modified, before.last_modified);
    // And one that does change bytes moves both.
    let edit = Edit {
        title: Some("Бюджет қабылданды".to_owned()),
        ..Edit::default()
    };
    newsroom::edit_quietly(&app.core, &made[2].uid, edit)
        .await
        .unwrap();
    shelf.refresh().await.unwrap();
    let moved = head_of(&shelf, "/kk/feed.rss").await;
    assert_ne!(moved.stem, before.stem);
    assert_eq!(moved.last_modified.to_string(), "2026-02-28T06:00:00Z");
}

async fn an_embargoed_article_is_absent_until_it_is_due(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app.core);
    let mut embargoed = draft("kk", "Әзірге құпия");
    embargoed.embargo_at = Some("2026-02-28T12:00:00+05:00".parse().unwrap());
    embargoed.tags = vec!["Құпия тақырып".to_owned()];
    let waiting = publish(&app, embargoed).await;
    assert_eq!(waiting.state, ArticleState::Scheduled);
    let before = head_of(&shelf, "/kk/feed.rss").await;
    shelf.refresh().await.unwrap();
    assert_eq!(head_of(&shelf, "/kk/feed.rss").await, before);
    assert!(!text_of(&shelf, "/kk/feed.rss").await.contains("құпия"));
    // Not even its tag is told.
    let tag = "/kk/tags/qupiia-taqyryp/feed.rss";
    assert!(matches!(shelf.find(tag).await.unwrap(), Lookup::Unknown));
    app.set_time("2026-02-28T12:00:30+05:00");
    newsroom::release_due(&app.core).await.unwrap();
    shelf.refresh().await.unwrap();
    assert_ne!(head_of(&shelf, "/kk/feed.rss").await.stem, before.stem);
    assert!(text_of(&shelf, tag).await.contains(&waiting.uid));
}

async fn a_correction_moves_updated_and_not_the_first_date(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let made = seed(&app).await;
    let shelf = shelf(&app.core);
    app.set_time("2026-02-28T18:00:00+05:00");
    let edit = Edit {
        title: Some("Бюджет екінші оқылымда бекітілді".to_owned()),
        ..Edit::default()
    };
    newsroom::correct(&app.core, &made[2].uid, edit, "Оқылым саны түзетілді.")
        .await
        .unwrap();
    shelf.refresh().await.unwrap();
    let atom = text_of(&shelf, "/kk/feed.atom").await;
    assert_eq!(
        texts(&atom, "feed/entry/updated")[0],
        "2026-02-28T18:00:00+05:00"
    );
    assert_eq!(
        texts(&atom, "feed/entry/published")[0],
        "2026-02-28T07:10:00+05:00"
    );
    let rss = text_of(&shelf, "/kk/feed.rss").await;
    assert_eq!(
        texts(&rss, "rss/channel/item/pubDate")[0],
        "Sat, 28 Feb 2026 07:10:00 +0500"
    );
    assert_eq!(
        texts(&rss, "rss/channel/lastBuildDate"),
        ["Sat, 28 Feb 2026 18:00:00 +0500"]
    );
    let feed = json(&text_of(&shelf, "/kk/feed.json").await);
    assert_eq!(
        feed["items"][0]["date_modified"],
        "2026-02-28T18:00:00+05:00"
    );
    assert_eq!(
        feed["items"][0]["date_published"],
        "2026-02-28T07:10:00+05:00"
    );
    assert_eq!(feed["items"][0]["id"], format!("urn:uuid:{}", made[2].uid));
}

async fn a_release_leaves_the_feeds_of_other_languages_alone(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app.core);
    let paths = [
        "/en/feed.rss",
        "/kk/sections/sport/feed.rss",
        "/en/sections/economy/feed.rss",
    ];
    let mut before = Vec::new();
    for path in paths {
        before.push(head_of(&shelf, path).await);
    }
    let all = head_of(&shelf, "/feed.rss").await;
    app.set_time("2026-02-28T13:00:00+05:00");
    publish(&app, draft("kk", "Жол жөнделді")).await;
    shelf.refresh().await.unwrap();
    for (path, head) in paths.iter().zip(before) {
        assert_eq!(head_of(&shelf, path).await, head, "{path}");
    }
    assert_ne!(head_of(&shelf, "/feed.rss").await.stem, all.stem);
}

async fn a_translation_changes_the_feed_that_links_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let made = seed(&app).await;
    let shelf = shelf(&app.core);
    let path = "/kk/sections/economy/feed.atom";
    assert!(
        !text_of(&shelf, path)
            .await
            .contains("/en/news/flood-preparations")
    );
    let before = head_of(&shelf, path).await;
    app.set_time("2026-02-28T14:00:00+05:00");
    let mut english = draft("en", "Flood preparations have begun");
    english.story_uid = Some(made[0].story_uid.clone());
    english.section = None;
    publish(&app, english).await;
    shelf.refresh().await.unwrap();
    assert_ne!(head_of(&shelf, path).await.stem, before.stem);
    let text = text_of(&shelf, path).await;
    assert!(
        text.contains("href=\"https://news.example.kz/en/news/flood-preparations-have-begun\""),
        "{text}"
    );
}

async fn other_settings_build_the_feeds_anew(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let before = head_of(&shelf(&app.core), "/kk/feed.rss").await;
    app.set_time("2026-02-28T15:00:00+05:00");
    let mut core = app.core.clone();
    let mut config = Config::clone(&core.config);
    config.feeds.max_age_minutes = 60;
    core.config = Arc::new(config);
    let other = shelf(&core);
    let after = head_of(&other, "/kk/feed.rss").await;
    assert_ne!(after.stem, before.stem);
    assert_eq!(after.last_modified.to_string(), "2026-02-28T10:00:00Z");
    assert_eq!(
        texts(&text_of(&other, "/kk/feed.rss").await, "rss/channel/ttl"),
        ["60"]
    );
}

async fn an_older_build_never_replaces_a_newer(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let at: Timestamp = TestApp::START.parse().unwrap();
    let put = async |log_no: i64, build: i64, etag: &str, at: Timestamp| {
        let row = store::Row {
            as_of: Timestamp::from_millis(0),
            until: None,
            feed_key: "kk/feed.rss".to_owned(),
            log_no,
            build,
            etag: etag.to_owned(),
            last_modified: at,
        };
        let mut tx = app.core.db.begin().await.unwrap();
        let now = store::replace(&mut tx, &row, etag.as_bytes(), &[])
            .await
            .unwrap()
            .0;
        tx.commit().await.unwrap();
        let (row, body) = store::find_body(&app.core.db, "kk/feed.rss")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row, now);
        assert_eq!(body, now.etag.as_bytes());
        now
    };
    assert_eq!(put(10, 1, "a", at).await.last_modified, at);
    assert_eq!(put(9, 2, "b", at.plus_secs(9)).await.etag, "a");
    assert_eq!(put(10, 1, "b", at.plus_secs(9)).await.etag, "a");
    // Equal bytes: the number moves on, the date does not, and what was built in between comes too late.
    let same = put(12, 1, "a", at.plus_secs(9)).await;
    assert_eq!((same.log_no, same.last_modified), (12, at));
    assert_eq!(put(11, 1, "b", at.plus_secs(9)).await.etag, "a");
    // A later program at the same number wins, and a clock that went back cannot take the date back.
    let later = put(12, 2, "b", at.plus_secs(-100)).await;
    assert_eq!(
        (later.etag.as_str(), later.last_modified),
        ("b", at.plus_secs(1))
    );
    assert_eq!(
        put(13, 1, "c", at.plus_secs(9)).await.last_modified,
        at.plus_secs(9)
    );
}

async fn two_changes_in_one_second_are_a_second_apart(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app.core);
    let mut seen = BTreeSet::from([head_of(&shelf, "/kk/feed.rss").await.last_modified]);
    for title in ["Бірінші", "Екінші", "Үшінші"] {
        publish(&app, draft("kk", title)).await;
        shelf.refresh().await.unwrap();
        assert!(
            seen.insert(head_of(&shelf, "/kk/feed.rss").await.last_modified),
            "{title}"
        );
    }
}

// ---- over HTTP ----

fn router(core: &Core) -> axum::Router {
    let theme = Arc::new(Theme::load(&core.config).unwrap());
    let shelf = Arc::new(Shelf::new(core.clone(), theme.clone()));
    let state = WebState::new(core.clone(), theme, shelf, Arc::default(), None);
    jarshy::web::feeds::routes()
        .merge(jarshy::web::directory::routes())
        .with_state(state)
}

async fn ask(
    router: &axum::Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    (parts.status, parts.headers, body.to_vec())
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut out)
        .unwrap();
    out
}

async fn a_known_feed_touches_no_database(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let router = router(&app.core);
    let (status, headers, body) = ask(&router, "GET", "/kk/feed.rss", &[]).await;
    assert_eq!(status, StatusCode::OK);
    let etag = headers["etag"].to_str().unwrap();
    // Whoever asks a closed database gets an error.
    app.core.db.close().await;
    let known = ask(&router, "GET", "/kk/feed.rss", &[("if-none-match", etag)]).await;
    assert_eq!(known.0, StatusCode::NOT_MODIFIED);
    let whole = ask(&router, "GET", "/kk/feed.rss?utm_source=x&null", &[]).await;
    assert_eq!((whole.0, whole.2), (StatusCode::OK, body));
    for unknown in [
        "/kk/sections/nowhere/feed.rss",
        "/kk/tags/nothing/feed.rss",
        "/de/feed.rss",
    ] {
        assert_eq!(
            ask(&router, "GET", unknown, &[]).await.0,
            StatusCode::NOT_FOUND,
            "{unknown}"
        );
    }
    // A feed that nobody has built says that it cannot, and when to come back.
    let cold = ask(&router, "GET", "/ru/feed.rss", &[]).await;
    assert_eq!(cold.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(cold.1.contains_key("retry-after"));
}

async fn a_reader_that_has_the_bytes_gets_304(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let router = router(&app.core);
    let mut asked = 0;
    for format in Format::ALL {
        let path = format!("/kk/feed.{}", format.extension());
        let mut bodies = BTreeSet::new();
        let mut tags = Vec::new();
        for accept in [
            None,
            Some("gzip"),
            Some("identity"),
            Some("deflate, gzip;q=0.3"),
        ] {
            let mut headers = Vec::new();
            headers.extend(accept.map(|a| ("accept-encoding", a)));
            let (status, got, body) = ask(&router, "GET", &path, &headers).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(got["content-type"], format.content_type());
            let is_gzip = got.get("content-encoding").is_some_and(|c| c == "gzip");
            assert_eq!(is_gzip, accept.is_some_and(|a| a.contains("gzip")));
            bodies.insert(if is_gzip { gunzip(&body) } else { body });
            tags.push((got["etag"].to_str().unwrap().to_owned(), got));
        }
        assert_eq!(bodies.len(), 1, "codings differ only in coding");
        let stem = tags[0].0.trim_matches('"').to_owned();
        let modified = tags[0].1["last-modified"].to_str().unwrap().to_owned();
        let yes = [
            format!("\"{stem}\""),
            format!("\"{stem}-gzip\""),
            format!("W/\"{stem}\""),
            format!("W/\"{stem}-gzip\""),
            "*".to_owned(),
            format!("\"other\", W/\"{stem}-gzip\" , \"more\""),
        ];
        let no = [
            "\"other\"".to_owned(),
            format!("\"{stem}x\""),
            "W/\"\"".to_owned(),
        ];
        for method in ["GET", "HEAD"] {
            for accept in ["identity", "gzip"] {
                let coding = ("accept-encoding", accept);
                for (list, expected) in yes
                    .iter()
                    .map(|t| (t, StatusCode::NOT_MODIFIED))
                    .chain(no.iter().map(|t| (t, StatusCode::OK)))
                {
                    // A date beside it says the opposite and does not count.
                    let date = if expected == StatusCode::OK {
                        modified.as_str()
                    } else {
                        "Thu, 01 Jan 1970 00:00:00 GMT"
                    };
                    let headers = [coding, ("if-none-match", list), ("if-modified-since", date)];
                    let (status, got, body) = ask(&router, method, &path, &headers).await;
                    asked += 1;
                    assert_eq!(status, expected, "{method} {path} {headers:?}");
                    let suffix = if accept == "gzip" { "-gzip" } else { "" };
                    assert_eq!(got["etag"], format!("\"{stem}{suffix}\""));
                    assert_eq!(got["last-modified"], modified);
                    assert_eq!(got["vary"], "Accept-Encoding, A-IM, Sec-Fetch-Dest");
                    assert_eq!(
                        got["cache-control"],
                        "public, max-age=300, stale-while-revalidate=300, stale-if-error=86400"
                    );
                    assert_eq!(got["access-control-allow-origin"], "*");
                    assert!(got.get("set-cookie").is_none());
                    if status == StatusCode::NOT_MODIFIED {
                        assert!(body.is_empty() && !got.contains_key("content-type"));
                    } else {
                        assert_eq!(got["x-content-type-options"], "nosniff");
                    }
                }
                for (date, expected) in [
                    (modified.as_str(), StatusCode::NOT_MODIFIED),
                    ("Sat, 28 Feb 2026 02:09:59 GMT", StatusCode::OK),
                    ("Sat, 28 Feb 2037 02:09:59 GMT", StatusCode::OK),
                    ("yesterday", StatusCode::OK),
                ] {
                    let headers = [coding, ("if-modified-since", date)];
                    let (status, ..) = ask(&router, method, &path, &headers).await;
                    asked += 1;
                    assert_eq!(status, expected, "{method} {path} {date}");
                }
            }
        }
        let refused = ask(
            &router,
            "GET",
            &path,
            &[("accept-encoding", "identity;q=0")],
        )
        .await;
        assert_eq!(refused.0, StatusCode::NOT_ACCEPTABLE);
    }
    assert_eq!(asked, 3 * 2 * 2 * (9 + 4));
}

async fn head_is_get_without_a_body(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let router = router(&app.core);
    for path in ["/kk/feed.rss", "/feed.atom", "/feed.json", "/feeds.opml"] {
        for accept in ["identity", "gzip"] {
            let coding = [("accept-encoding", accept)];
            let get = ask(&router, "GET", path, &coding).await;
            let head = ask(&router, "HEAD", path, &coding).await;
            assert_eq!(get.0, StatusCode::OK);
            assert_eq!((head.0, &head.1), (get.0, &get.1), "{path}");
            assert_eq!(get.1["content-length"], get.2.len().to_string());
            assert!(head.2.is_empty());
        }
    }
    let asked = ask(&router, "OPTIONS", "/kk/feed.rss", &[]).await;
    assert_eq!(asked.0, StatusCode::NO_CONTENT);
    assert!(
        asked.1["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("If-None-Match")
    );
    assert_eq!(
        ask(&router, "POST", "/kk/feed.rss", &[]).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

async fn an_empty_feed_is_valid_and_an_unknown_one_is_404(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let router = router(&app.core);
    for folder in ["", "/kk", "/ru/sections/sport"] {
        for format in Format::ALL {
            let path = format!("{folder}/feed.{}", format.extension());
            let (status, _, body) = ask(&router, "GET", &path, &[]).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert!(!body.is_empty());
        }
    }
    for path in [
        "/de/feed.rss",
        "/kk/sections/none/feed.rss",
        "/kk/tags/none/feed.atom",
    ] {
        assert_eq!(
            ask(&router, "GET", path, &[]).await.0,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    // A language outside of the newsroom's list has feeds once it has an article.
    publish(
        &app,
        Draft::new(language("de"), "Hochwasser", "<p>Text</p>"),
    )
    .await;
    let later = self::router(&app.core);
    assert_eq!(
        ask(&later, "GET", "/de/feed.rss", &[]).await.0,
        StatusCode::OK
    );
}

async fn guesses_lead_to_the_feed(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let router = router(&app.core);
    for (path, to) in [
        ("/feed", "/feed.rss"),
        ("/feed/", "/feed.rss"),
        ("/rss", "/feed.rss"),
        ("/rss.xml", "/feed.rss"),
        ("/feed.xml", "/feed.rss"),
        ("/index.xml", "/feed.rss"),
        ("/atom.xml", "/feed.atom"),
        ("/kk/feed", "/kk/feed.rss"),
        ("/kz/feed.rss", "/kk/feed.rss"),
        ("/kz/feed", "/kk/feed.rss"),
        (
            "/kz/sections/economy/feed.json",
            "/kk/sections/economy/feed.json",
        ),
        ("/RU/feed.atom", "/ru/feed.atom"),
    ] {
        let (status, headers, _) = ask(&router, "GET", path, &[]).await;
        assert_eq!(status, StatusCode::PERMANENT_REDIRECT, "{path}");
        assert_eq!(headers["location"], to, "{path}");
        assert_eq!(ask(&router, "GET", to, &[]).await.0, StatusCode::OK, "{to}");
    }
    assert_eq!(
        ask(&router, "GET", "/xx/feed", &[]).await.0,
        StatusCode::NOT_FOUND
    );
}

async fn the_list_names_every_language_and_section(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let router = router(&app.core);
    let (status, headers, body) = ask(&router, "GET", "/feeds.opml", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "text/x-opml; charset=utf-8");
    let text = String::from_utf8(body).unwrap();
    let outlines = elements(&text)
        .iter()
        .filter(|(path, _)| path.ends_with("/outline"))
        .count();
    // The feed of all; three languages, each with its own feed and three sections.
    assert_eq!(outlines, 1 + 3 + 3 * 4, "{text}");
    assert!(text.contains("xmlUrl=\"https://news.example.kz/ru/sections/economy/feed.rss\""));
    let etag = headers["etag"].to_str().unwrap();
    let known = ask(&router, "GET", "/feeds.opml", &[("if-none-match", etag)]).await;
    assert_eq!(known.0, StatusCode::NOT_MODIFIED);
    for (path, accept, words) in [
        (
            "/feeds?lang=ru",
            "kk",
            ["Экономика", "Подготовка к паводку"],
        ),
        ("/feeds", "en-GB,en", ["Economy", "The budget is approved"]),
        ("/feeds", "", ["Экономика", "Бюджет бекітілді"]),
    ] {
        let (status, _, body) = ask(&router, "GET", path, &[("accept-language", accept)]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let page = String::from_utf8(body).unwrap();
        for word in words {
            assert!(page.contains(word), "{path} {accept} {word}");
        }
    }
    let moved = ask(&router, "GET", "/ru/feeds", &[]).await;
    assert_eq!(moved.1["location"], "/feeds?lang=ru");
}

async fn a_cold_feed_is_built_once_for_many_readers(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app.core);
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let shelf = shelf.clone();
            tokio::spawn(async move { head_of(&shelf, "/kk/feed.rss").await })
        })
        .collect();
    let mut heads = Vec::new();
    for reader in readers {
        heads.push(reader.await.unwrap());
    }
    // One build makes one set of validators: each reader holds the very same.
    assert!(heads.iter().all(|head| Arc::ptr_eq(head, &heads[0])));
}

async fn a_follower_builds_ahead_of_readers(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app.core);
    let before = head_of(&shelf, "/kk/feed.rss").await;
    let stop = tokio_util::sync::CancellationToken::new();
    let follower = {
        let (shelf, stop) = (shelf.clone(), stop.clone());
        tokio::spawn(async move { shelf.follow(stop).await })
    };
    // Another process publishes: its bell does not ring here, so the poll has to find it.
    let mut elsewhere = app.core.clone();
    elsewhere.bells = Arc::default();
    newsroom::publish(&elsewhere, draft("kk", "Басқа үдерістен келген хабар"))
        .await
        .unwrap();
    let built = async {
        loop {
            let row = store::find_row(&app.core.db, "kk/feed.rss").await.unwrap();
            if let Some(row) = row.filter(|row| *row.etag != *before.stem) {
                return row;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let row = tokio::time::timeout(std::time::Duration::from_mins(1), built)
        .await
        .expect("nothing was built");
    // The row was there before anybody asked; now the bytes come from memory.
    assert_eq!(*head_of(&shelf, "/kk/feed.rss").await.stem, *row.etag);
    stop.cancel();
    follower.await.unwrap();
    app.core.db.close().await;
    let text = text_of(&shelf, "/kk/feed.rss").await;
    assert!(text.contains("Басқа үдерістен келген хабар"));
}

// ---- pure ----

fn config() -> Config {
    let text = format!("{NEWSROOM}{SECRETS}");
    Config::parse(std::path::Path::new("jarshy.toml"), &text, &[]).unwrap()
}

#[test]
fn a_page_offers_its_own_language_first() {
    let config = config();
    let section = Section {
        id: 1,
        slug: "economy".to_owned(),
        position: 0,
        names: config.sections[1].names.clone(),
    };
    let links = discovery(&config, &language("ru"), Some(Topic::Section(&section)));
    assert_eq!(links.len(), 3 * (1 + 3));
    assert_eq!(
        links[0].href,
        "https://news.example.kz/ru/sections/economy/feed.rss"
    );
    assert_eq!(links[0].title, "Тау жаршысы · Экономика (рус) · RSS");
    assert_eq!(links[3].href, "https://news.example.kz/ru/feed.rss");
    assert_eq!(links[6].hreflang, language("kk"));
    let hrefs: BTreeSet<&str> = links.iter().map(|l| l.href.as_str()).collect();
    assert_eq!(hrefs.len(), links.len());
}

/// Of the newsroom.
const UID: &str = "0190d3b2-0000-7000-8000-0000000000ff";

fn article(words: &[String; 8]) -> Article {
    let at: Timestamp = TestApp::START.parse().unwrap();
    Article {
        id: 1,
        uid: "u".to_owned(),
        guid: "urn:uuid:0190d3b2-0000-7000-8000-000000000001".to_owned(),
        story_id: 1,
        language: language("kk"),
        title: words[0].clone(),
        summary: words[1].clone(),
        body_html: format!("<p>{}</p>", words[2]),
        byline: Some(words[3].clone()),
        section_id: Some(1),
        canonical_url: None,
        links_to_origin: false,
        source: Some((words[4].clone(), "https://example.org/feed".to_owned())),
        importance: Importance::Normal,
        correction: None,
        withdrawal: None,
        lead: Some(LeadImage {
            // Addresses with several parameters are what pictures of newspapers have.
            url: format!("/media/{}?w=1&h=2", words[5]),
            media_type: Some("image/jpeg".to_owned()),
            bytes: Some(1),
            width: Some(600),
            height: Some(338),
            alt: Some(words[6].clone()),
            credit: Some(words[7].clone()),
        }),
        enclosures: Vec::new(),
        state: ArticleState::Released,
        release_no: Some(1),
        released_at: Some(at),
        updated_at: Some(at.plus_millis(999)),
        edited_at: at,
        slug: "x".to_owned(),
        tags: Vec::new(),
    }
}

fn unescape(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

proptest! {
    /// Whatever an editor types, or an archive holds, stays well-formed and reads the same in all three formats.
    #[test]
    fn no_text_breaks_a_feed(words in prop::array::uniform8("[\\PC\u{0}-\u{20}<>&\"'\\]\u{fffe}\r\n]{0,24}")) {
        let config = config();
        let names: BTreeMap<String, String> = [("kk".to_owned(), words[4].clone())].into();
        let material = Material {
            place: Place::Head(0),
            withdrawn: vec![],
            head: 1,
            articles: vec![article(&words)],
            translations: Vec::new(),
            sections: vec![Section { id: 1, slug: "s".to_owned(), position: 0, names: jarshy::config::Names(names) }],
            tags: vec![],
            withdrawn_at: None,
            closed_at: None,
            newsroom_uid: UID.to_owned(),
            began_at: TestApp::START.parse().unwrap(),
        };
        let document = Document::new(&config, &Scope::Language(language("kk")), &material, "Соңғы жаңалықтар");
        let text = |format| {
            let made = render(&document, format).unwrap_or_else(|e| panic!("{format:?} {e}"));
            String::from_utf8(made.bytes.to_vec()).unwrap()
        };
        let (rss, atom, feed) = (text(Format::Rss), text(Format::Atom), json(&text(Format::Json)));
        let entry = &feed["items"][0];
        let of_json = |key: &str| entry[key].as_str().unwrap_or("").to_owned();
        let first = |xml: &str, path: &str| texts(xml, path).first().cloned().unwrap_or_default();
        let item = &document.items[0];

        let title = if clean_line(&words[0]).is_empty() { item.title.as_str().to_owned() } else { clean_line(&words[0]) };
        prop_assert_eq!(&of_json("title"), &title);
        prop_assert_eq!(&first(&atom, "feed/entry/title"), &title);
        prop_assert_eq!(&first(&rss, "rss/channel/item/title"), &title);

        let summary = clean_line(&words[1]);
        prop_assert_eq!(&of_json("summary"), &summary);
        prop_assert_eq!(&first(&atom, "feed/entry/summary"), &summary);
        if !summary.is_empty() {
            prop_assert_eq!(&unescape(&first(&rss, "rss/channel/item/description")), &summary);
        }

        let content = of_json("content_html");
        prop_assert!(!content.contains('\r'));
        prop_assert_eq!(&first(&atom, "feed/entry/content"), &content);
        prop_assert_eq!(&first(&rss, "rss/channel/item/content:encoded"), &content);

        let author = clean_line(&words[3]);
        prop_assert_eq!(&first(&atom, "feed/entry/author/name"), &author);
        prop_assert_eq!(&first(&rss, "rss/channel/item/dc:creator"), &author);
        prop_assert_eq!(entry["authors"][0]["name"].as_str().unwrap_or(""), &author);

        let source = clean_line(&words[4]);
        prop_assert_eq!(&first(&atom, "feed/entry/source/title"), &source);
        prop_assert_eq!(&first(&rss, "rss/channel/item/source"), &source);
        prop_assert_eq!(entry["_source"]["title"].as_str().unwrap_or(""), &source);

        let alt = clean_line(&words[6]);
        prop_assert_eq!(&first(&rss, "rss/channel/item/media:content/media:description"), &alt);
        prop_assert_eq!(&first(&atom, "feed/entry/media:content/media:description"), &alt);
    }
}

#[test]
fn the_lead_image_stands_in_the_text_once() {
    let config = config();
    let words: [String; 8] = std::array::from_fn(|i| format!("w{i}"));
    for body in [
        "<p>Мәтін</p>",
        "<p><img src=\"/media/w5?w=1&amp;h=2\" alt=\"\">Мәтін</p>",
    ] {
        let mut article = article(&words);
        article.body_html = body.to_owned();
        let material = Material {
            place: Place::Head(0),
            withdrawn: vec![],
            head: 1,
            articles: vec![article],
            translations: Vec::new(),
            sections: Vec::new(),
            tags: vec![],
            withdrawn_at: None,
            closed_at: None,
            newsroom_uid: UID.to_owned(),
            began_at: TestApp::START.parse().unwrap(),
        };
        let document = Document::new(&config, &Scope::All, &material, "Соңғы жаңалықтар");
        let content = document.items[0].content.as_str();
        assert_eq!(
            content.matches("https://news.example.kz/media/w5").count(),
            1,
            "{content}"
        );
    }
}
