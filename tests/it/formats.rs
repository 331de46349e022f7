//! What a feed document says and how the three formats write it, read by parsers that the writers know nothing of.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use jarshy::base::language::Language;
use jarshy::base::text::XmlText;
use jarshy::base::time::{Timestamp, Zone};
use jarshy::config::Config;
use jarshy::newsroom::{self, Draft, Edit};
use jarshy::syndication::archive::Place;
use jarshy::syndication::document::{Alternate, Category, Enclosure, Image, Item, Look, Tombstone};
use jarshy::syndication::render::render;
use jarshy::syndication::{Coding, Document, Format, Lookup, Scope, Shelf};
use jarshy::theme::Theme;
use jarshy::web::WebState;
use jarshy::work::Core;
use proptest::prelude::*;
use roxmltree::{Document as Xml, Node};
use tower::ServiceExt;

use crate::both_engines;
use crate::support::{Engine, NEWSROOM, SECRETS, TestApp};

both_engines!(
    ids_survive_edits_slugs_sections_and_domains,
    a_closed_section_says_that_it_is_over,
    pictures_have_the_sizes_that_feeds_promise,
    a_recording_goes_out_in_every_format_and_plays_on_the_page,
    imported_files_stay_with_their_entries,
    a_story_has_a_document_of_its_own,
    a_quiet_edit_leaves_the_dates_and_a_new_article_has_a_new_id,
    republished_entries_name_their_source,
    the_same_hubs_stand_in_every_format_and_in_the_header,
);

const ATOM: &str = "http://www.w3.org/2005/Atom";
const MEDIA: &str = "http://search.yahoo.com/mrss/";
const CONTENT: &str = "http://purl.org/rss/1.0/modules/content/";
const DC: &str = "http://purl.org/dc/elements/1.1/";
const WEBFEEDS: &str = "http://webfeeds.org/rss/1.0";
const HISTORY: &str = "http://purl.org/syndication/history/1.0";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn router(core: &Core) -> axum::Router {
    let theme = Arc::new(Theme::load(&core.config).unwrap());
    let shelf = Arc::new(Shelf::new(core.clone(), theme.clone()));
    jarshy::web::router(WebState::new(
        core.clone(),
        theme,
        shelf,
        Arc::default(),
        None,
    ))
}

async fn ask(
    router: &axum::Router,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    (parts.status, parts.headers, body.to_vec())
}

async fn text_at(core: &Core, path: &str) -> String {
    let theme = Arc::new(Theme::load(&core.config).unwrap());
    let shelf = Shelf::new(core.clone(), theme);
    let Lookup::Feed(found) = shelf.find(path).await.unwrap() else {
        panic!("{path} is unknown")
    };
    let (_, bytes) = shelf.bytes(&found, Coding::Identity).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Another newsroom's settings over the same database.
fn with(core: &Core, change: impl FnOnce(&mut Config)) -> Core {
    let mut core = core.clone();
    let mut config = Config::clone(&core.config);
    change(&mut config);
    core.config = Arc::new(config);
    core
}

fn children<'a>(node: Node<'a, 'a>, space: &'a str, name: &'a str) -> Vec<Node<'a, 'a>> {
    node.children()
        .filter(|c| {
            c.is_element()
                && c.tag_name().name() == name
                && c.tag_name().namespace().unwrap_or("") == space
        })
        .collect()
}

fn text<'a>(node: Node<'a, 'a>, space: &'a str, name: &'a str) -> Option<String> {
    let found = children(node, space, name).into_iter().next()?;
    Some(found.text().unwrap_or("").to_owned())
}

/// Ids of the feed and of its items, of each format.
async fn ids(core: &Core, folder: &str) -> [Vec<String>; 3] {
    let rss = text_at(core, &format!("{folder}/feed.rss")).await;
    let rss = Xml::parse(&rss).unwrap();
    let guids = rss
        .descendants()
        .filter(|n| n.has_tag_name("guid"))
        .map(|n| {
            assert_eq!(n.attribute("isPermaLink"), Some("false"));
            n.text().unwrap().to_owned()
        });
    let atom = text_at(core, &format!("{folder}/feed.atom")).await;
    let atom = Xml::parse(&atom).unwrap();
    let atom = atom
        .descendants()
        .filter(|n| n.has_tag_name((ATOM, "id")))
        .map(|n| n.text().unwrap().to_owned());
    let json = text_at(core, &format!("{folder}/feed.json")).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let json = json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned());
    [guids.collect(), atom.collect(), json.collect()]
}

async fn ids_survive_edits_slugs_sections_and_domains(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let core = with(&app.core, |c| {
        c.server.public_url = String::from("http://old.example.kz");
    });
    let draft = Draft {
        section: Some("economy".to_owned()),
        ..Draft::new(language("kk"), "Бюджет бекітілді", "<p>Мәтін.</p>")
    };
    let made = newsroom::publish(&core, draft).await.unwrap();
    let before = ids(&core, "/kk").await;
    assert_eq!(before[0], [format!("urn:uuid:{}", made.uid)]);
    assert_eq!(before[0], before[2]);
    assert_eq!(before[1][1..], before[0][..]);
    assert!(before[1][0].starts_with("urn:uuid:"), "{}", before[1][0]);

    app.set_time("2026-03-01T09:00:00+05:00");
    let edit = Edit {
        title: Some("Бюджет қабылданды".to_owned()),
        body: Some("<p>Басқа мәтін.</p>".to_owned()),
        section: Some("society".to_owned()),
        ..Edit::default()
    };
    newsroom::correct(&core, &made.uid, edit, "Тақырып түзетілді.")
        .await
        .unwrap();
    assert_eq!(ids(&core, "/kk").await, before);

    // Another slug, as an import of addresses would give it.
    let mut tx = core.db.begin().await.unwrap();
    jarshy::on_tx!(&mut tx, c => sqlx::query("UPDATE article_slug SET slug = 'basqa-mekenzhay'")
        .execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
    newsroom::edit_quietly(
        &core,
        &made.uid,
        Edit {
            byline: Some("Айгерім Серік".to_owned()),
            ..Edit::default()
        },
    )
    .await
    .unwrap();
    assert_eq!(ids(&core, "/kk").await, before);

    let moved = with(&core, |c| {
        c.server.public_url = String::from("https://news.example.kz");
    });
    assert_eq!(ids(&moved, "/kk").await, before);
    let rss = text_at(&moved, "/kk/feed.rss").await;
    assert!(
        rss.contains("https://news.example.kz/kk/news/basqa-mekenzhay"),
        "{rss}"
    );
    assert!(!rss.contains("old.example.kz"));
}

async fn a_closed_section_says_that_it_is_over(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    for (title, section) in [("Бір", "economy"), ("Екі", "economy"), ("Үш", "sport")] {
        let draft = Draft {
            section: Some(section.to_owned()),
            ..Draft::new(language("kk"), title, "<p>Мәтін.</p>")
        };
        newsroom::publish(&app.core, draft).await.unwrap();
    }
    let marks = async |core: &Core, section: &str| {
        let at = |ending| format!("/kk/sections/{section}/feed.{ending}");
        let rss = text_at(core, &at("rss")).await;
        let rss = Xml::parse(&rss).unwrap();
        let atom = text_at(core, &at("atom")).await;
        let atom = Xml::parse(&atom).unwrap();
        let json = text_at(core, &at("json")).await;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let channel = children(rss.root_element(), "", "channel")[0];
        (
            children(channel, HISTORY, "complete").len(),
            children(atom.root_element(), HISTORY, "complete").len(),
            json.get("expired").cloned(),
            text(atom.root_element(), ATOM, "updated").unwrap(),
            json["items"].as_array().unwrap().len(),
        )
    };
    let open = marks(&app.core, "economy").await;
    assert_eq!((open.0, open.1, open.2, open.4), (0, 0, None, 2));

    app.set_time("2026-03-01T09:00:00+05:00");
    let closed = with(&app.core, |c| {
        c.sections.retain(|s| s.slug != "economy");
    });
    newsroom::sync_sections(&closed).await.unwrap();
    let over = marks(&closed, "economy").await;
    let yes = Some(serde_json::Value::Bool(true));
    assert_eq!(
        over,
        (1, 1, yes.clone(), "2026-03-01T09:00:00+05:00".to_owned(), 2)
    );
    assert_eq!(marks(&closed, "sport").await.2, None);
    // Its stories name it still, and its page stands.
    let all = text_at(&closed, "/kk/feed.rss").await;
    assert!(
        all.contains(
            "<category domain=\"https://news.example.kz/kk/sections/economy\">Экономика</category>"
        ),
        "{all}"
    );
    let (status, ..) = ask(&router(&closed), "/kk/sections/economy", &[]).await;
    assert_eq!(status, StatusCode::OK);
    // What does not fit into the feed makes it incomplete, though no less closed.
    let short = with(&closed, |c| c.feeds.items = 1);
    let part = marks(&short, "economy").await;
    assert_eq!((part.0, part.1, part.2, part.4), (0, 0, yes, 1));
    // After the days of the settings the feed is gone, for those too who were just served; its neighbours stay.
    let router = router(&closed);
    let status = async |path| ask(&router, path, &[]).await.0;
    let feed = "/kk/sections/economy/feed.atom";
    assert_eq!(status(feed).await, StatusCode::OK);
    app.set_time("2026-05-30T08:59:59+05:00");
    assert_eq!(status(feed).await, StatusCode::OK);
    app.set_time("2026-05-30T09:00:00+05:00");
    let (gone, headers, said) = ask(&router, feed, &[("if-none-match", "*")]).await;
    assert_eq!(gone, StatusCode::GONE);
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("https://news.example.kz/feeds"), "{said}");
    assert_eq!(status("/kk/sections/sport/feed.atom").await, StatusCode::OK);
    assert_eq!(status("/kk/sections/economy").await, StatusCode::OK);
    // A section that comes back is open again.
    newsroom::sync_sections(&app.core).await.unwrap();
    assert_eq!(marks(&app.core, "economy").await.2, None);
}

async fn a_quiet_edit_leaves_the_dates_and_a_new_article_has_a_new_id(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let draft = || Draft::new(language("kk"), "Бюджет бекітілді", "<p>Мәтін.</p>");
    let made = newsroom::publish(&app.core, draft()).await.unwrap();
    let dates = async || {
        let atom = text_at(&app.core, "/kk/feed.atom").await;
        let tree = Xml::parse(&atom).unwrap();
        let entry = children(tree.root_element(), ATOM, "entry")[0];
        let json: serde_json::Value =
            serde_json::from_str(&text_at(&app.core, "/kk/feed.json").await).unwrap();
        (
            text(entry, ATOM, "updated").unwrap(),
            text(entry, ATOM, "published").unwrap(),
            json["items"][0]["date_modified"].clone(),
            text(entry, ATOM, "title").unwrap(),
        )
    };
    let before = dates().await;
    app.set_time("2026-03-01T09:00:00+05:00");
    let edit = Edit {
        title: Some("Бюджет бекітілді.".to_owned()),
        ..Edit::default()
    };
    newsroom::edit_quietly(&app.core, &made.uid, edit)
        .await
        .unwrap();
    let after = dates().await;
    assert_eq!(
        (&after.0, &after.1, &after.2),
        (&before.0, &before.1, &before.2)
    );
    assert_ne!(after.3, before.3);

    newsroom::withdraw(&app.core, &made.uid, None)
        .await
        .unwrap();
    let again = newsroom::publish(&app.core, draft()).await.unwrap();
    let new = ids(&app.core, "/kk").await;
    assert_eq!(new[0], [format!("urn:uuid:{}", again.uid)]);
    assert_ne!(again.uid, made.uid);
}

async fn republished_entries_name_their_source(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let feed = "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel><title>Дала &amp; тау</title><link>https://dala.example/</link>\
        <description>x</description><atom:link rel=\"self\" href=\"https://dala.example/feed.rss\"/><item><title>Жаңалық</title><guid>https://dala.example/1</guid>\
        <link>https://dala.example/1</link><description>Мәтін.</description><pubDate>Fri, 27 Feb 2026 01:00:00 GMT</pubDate></item></channel></rss>";
    assert_eq!(import(&app, "dala.rss", feed).await.new, 1);
    let rss = text_at(&app.core, "/kk/feed.rss").await;
    let tree = Xml::parse(&rss).unwrap();
    let source = tree
        .descendants()
        .find(|n| n.has_tag_name("source"))
        .unwrap();
    assert_eq!(
        source.attribute("url"),
        Some("https://dala.example/feed.rss")
    );
    assert_eq!(source.text(), Some("Дала & тау"));
    // An address as an id is no promise that it can be opened.
    let guid = tree.descendants().find(|n| n.has_tag_name("guid")).unwrap();
    assert_eq!(
        (guid.text(), guid.attribute("isPermaLink")),
        (Some("https://dala.example/1"), Some("false"))
    );
    let atom = text_at(&app.core, "/kk/feed.atom").await;
    let tree = Xml::parse(&atom).unwrap();
    let source = tree
        .descendants()
        .find(|n| n.has_tag_name((ATOM, "source")))
        .unwrap();
    assert_eq!(
        text(source, ATOM, "id").as_deref(),
        Some("https://dala.example/feed.rss")
    );
    assert_eq!(text(source, ATOM, "title").as_deref(), Some("Дала & тау"));
    let json: serde_json::Value =
        serde_json::from_str(&text_at(&app.core, "/kk/feed.json").await).unwrap();
    assert_eq!(
        json["items"][0]["_source"]["url"],
        "https://dala.example/feed.rss"
    );
    // Generator with its version, in both.
    assert!(rss.contains(&format!(
        "<generator>Jarshy {}</generator>",
        env!("CARGO_PKG_VERSION")
    )));
    assert!(atom.contains(&format!(
        "<generator version=\"{}\">Jarshy</generator>",
        env!("CARGO_PKG_VERSION")
    )));
}

async fn the_same_hubs_stand_in_every_format_and_in_the_header(engine: Engine) {
    let app = TestApp::spawn_with(
        engine,
        "[websub]\nhubs = [\"https://hub.example.org/?a=1&b=2\"]\n",
    )
    .await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let hubs = [
        "https://news.example.kz/websub",
        "https://hub.example.org/?a=1&b=2",
    ];
    let of_xml = |xml: &str| -> Vec<String> {
        let tree = Xml::parse(xml).unwrap();
        tree.descendants()
            .filter(|n| n.has_tag_name((ATOM, "link")) && n.attribute("rel") == Some("hub"))
            .map(|n| n.attribute("href").unwrap().to_owned())
            .collect()
    };
    assert_eq!(of_xml(&text_at(&app.core, "/kk/feed.rss").await), hubs);
    assert_eq!(of_xml(&text_at(&app.core, "/kk/feed.atom").await), hubs);
    let json: serde_json::Value =
        serde_json::from_str(&text_at(&app.core, "/kk/feed.json").await).unwrap();
    assert_eq!(
        json["hubs"],
        serde_json::json!(hubs.map(|url| serde_json::json!({"type": "WebSub", "url": url})))
    );
    let router = router(&app.core);
    for format in Format::ALL {
        let path = format!("/kk/feed.{}", format.extension());
        let (_, headers, _) = ask(&router, &path, &[]).await;
        let said: Vec<&str> = headers
            .get_all("link")
            .iter()
            .flat_map(|v| v.to_str().unwrap().split(", "))
            .filter_map(|l| l.strip_suffix(">; rel=\"hub\"")?.strip_prefix('<'))
            .collect();
        assert_eq!(said, hubs, "{path}");
    }
}

fn size_of(png: &[u8]) -> (u32, u32) {
    let reader = png::Decoder::new(std::io::Cursor::new(png))
        .read_info()
        .unwrap();
    (reader.info().width, reader.info().height)
}

async fn pictures_have_the_sizes_that_feeds_promise(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let router = router(&app.core);
    let path_of = |url: &str| {
        url.strip_prefix("https://news.example.kz")
            .unwrap_or_else(|| panic!("{url}"))
            .to_owned()
    };
    let mut pictures = Vec::new();

    let rss = text_at(&app.core, "/kk/feed.rss").await;
    assert!(rss.starts_with(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><?xml-stylesheet type=\"text/css\" href=\"/feed.css\"?><rss "
    ));
    let tree = Xml::parse(&rss).unwrap();
    let channel = children(tree.root_element(), "", "channel")[0];
    let image = children(channel, "", "image")[0];
    for name in ["title", "link"] {
        assert_eq!(text(image, "", name), text(channel, "", name));
    }
    let side = |name| text(image, "", name).unwrap().parse::<u32>().unwrap();
    pictures.push((
        text(image, "", "url").unwrap(),
        (side("width"), side("height")),
    ));
    assert!(side("width") <= 144 && side("height") <= 400);
    assert_eq!(
        text(channel, WEBFEEDS, "accentColor").as_deref(),
        Some("0a7a6e")
    );
    pictures.push((text(channel, WEBFEEDS, "icon").unwrap(), (512, 512)));
    pictures.push((text(channel, WEBFEEDS, "logo").unwrap(), (1024, 512)));

    let atom = text_at(&app.core, "/kk/feed.atom").await;
    let tree = Xml::parse(&atom).unwrap();
    let feed = tree.root_element();
    pictures.push((text(feed, ATOM, "icon").unwrap(), (512, 512)));
    pictures.push((text(feed, ATOM, "logo").unwrap(), (1024, 512)));
    assert!(atom.contains("<?xml-stylesheet type=\"text/css\" href=\"/feed.css\"?><feed "));

    let json: serde_json::Value =
        serde_json::from_str(&text_at(&app.core, "/kk/feed.json").await).unwrap();
    pictures.push((json["icon"].as_str().unwrap().to_owned(), (512, 512)));
    pictures.push((json["favicon"].as_str().unwrap().to_owned(), (96, 96)));

    for (url, wanted) in pictures {
        let (status, headers, body) = ask(&router, &path_of(&url), &[]).await;
        assert_eq!(status, StatusCode::OK, "{url}");
        assert_eq!(headers["content-type"], "image/png");
        assert_eq!(size_of(&body), wanted, "{url}");
        assert!(
            headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("max-age=604800")
        );
        let etag = headers["etag"].to_str().unwrap();
        let again = ask(&router, &path_of(&url), &[("if-none-match", etag)]).await;
        assert_eq!((again.0, again.2.len()), (StatusCode::NOT_MODIFIED, 0));
    }

    // A newsroom's own pictures: smaller sizes are made of them.
    let own = app.folder.path().join("own.png");
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 600, 600);
    encoder.set_color(png::ColorType::Grayscale);
    encoder
        .write_header()
        .and_then(|mut w| w.write_image_data(&vec![7; 600 * 600]))
        .unwrap();
    std::fs::write(&own, &bytes).unwrap();
    let branded = with(&app.core, |c| c.newsroom.icon = Some(own));
    let router = self::router(&branded);
    for (path, side) in [
        ("/icon-512.png", 512),
        ("/icon-144.png", 144),
        ("/icon-96.png", 96),
    ] {
        let (_, _, body) = ask(&router, path, &[]).await;
        assert_eq!(size_of(&body), (side, side));
    }
}

#[test]
fn a_picture_of_the_wrong_shape_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, width: u32, height: u32| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder
            .write_header()
            .and_then(|mut w| w.write_image_data(&vec![0; (width * height) as usize]))
            .unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
    };
    write("square.png", 512, 512);
    write("wide.png", 1024, 512);
    write("small.png", 100, 100);
    std::fs::write(
        folder.path().join("text.png"),
        "not a picture at all, but long enough",
    )
    .unwrap();
    let mut cut = std::fs::read(folder.path().join("square.png")).unwrap();
    cut.truncate(60);
    std::fs::write(folder.path().join("cut.png"), cut).unwrap();
    let read = |key: &str, file: &str| {
        let text = NEWSROOM.replace(
            "time_zone = \"Asia/Almaty\"",
            &format!("time_zone = \"Asia/Almaty\"\n{key} = \"{file}\""),
        );
        let settings = folder.path().join("jarshy.toml");
        Config::parse(&settings, &format!("{text}{SECRETS}"), &[]).map_err(|e| e.to_string())
    };
    for (key, file, problem) in [
        ("icon", "wide.png", "1024 × 512 pixels"),
        ("icon", "small.png", "100 × 100 pixels"),
        ("icon", "text.png", "is no PNG"),
        ("icon", "absent.png", "cannot be read"),
        ("logo", "square.png", "512 × 512 pixels"),
    ] {
        let error = read(key, file).unwrap_err();
        let place = folder.path().join(file).display().to_string();
        assert!(
            error.contains(&format!("newsroom.{key}"))
                && error.contains(problem)
                && error.contains(&place)
                && error.contains("or leave the key out"),
            "{error}"
        );
    }
    let config = read("icon", "square.png").unwrap();
    assert!(Theme::load(&config).is_ok());
    assert!(read("logo", "wide.png").is_ok());
    // The head of the file is right, the rest is missing.
    let error = Theme::load(&read("icon", "cut.png").unwrap()).unwrap_err();
    assert!(error.to_string().contains("newsroom.icon"), "{error}");
}

async fn a_recording_goes_out_in_every_format_and_plays_on_the_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let mp3: Vec<u8> = [b"ID3".as_slice(), &[0; 997]].concat();
    let own = newsroom::store_audio(&app.core, &mp3).await.unwrap();
    assert!(own.url.starts_with("/media/") && own.url.ends_with(".mp3"));
    let there = |url: &str| newsroom::Enclosure::new(url.to_owned(), None, None, None).unwrap();
    let draft = Draft {
        enclosures: vec![
            own.clone(),
            there("https://cast.example.org/a.ogg?x=1&y=2"),
            there("http://cast.example.org/b.pdf"),
        ],
        ..Draft::new(language("kk"), "Сұхбат", "<p>Мәтін.</p>")
    };
    let made = newsroom::publish(&app.core, draft).await.unwrap();
    let story = path_of(&app, &made.uid).await;
    let url = format!("https://news.example.kz{}", own.url);

    let rss = text_at(&app.core, "/kk/feed.rss").await;
    let tree = Xml::parse(&rss).unwrap();
    let files: Vec<Node> = tree
        .descendants()
        .filter(|n| n.has_tag_name("enclosure"))
        .collect();
    assert_eq!(files.len(), 1);
    for (name, value) in [
        ("url", url.as_str()),
        ("length", "1000"),
        ("type", "audio/mpeg"),
    ] {
        assert_eq!(files[0].attribute(name), Some(value));
    }
    let atom = text_at(&app.core, "/kk/feed.atom").await;
    let tree = Xml::parse(&atom).unwrap();
    let links: Vec<(Option<&str>, Option<&str>, Option<&str>)> = tree
        .descendants()
        .filter(|n| n.attribute("rel") == Some("enclosure"))
        .map(|n| {
            (
                n.attribute("href"),
                n.attribute("type"),
                n.attribute("length"),
            )
        })
        .collect();
    assert_eq!(
        links,
        [
            (Some(url.as_str()), Some("audio/mpeg"), Some("1000")),
            (
                Some("https://cast.example.org/a.ogg?x=1&y=2"),
                Some("audio/ogg"),
                None
            ),
            (
                Some("http://cast.example.org/b.pdf"),
                Some("application/pdf"),
                None
            ),
        ]
    );
    let json: serde_json::Value =
        serde_json::from_str(&text_at(&app.core, "/kk/feed.json").await).unwrap();
    assert_eq!(
        json["items"][0]["attachments"],
        serde_json::json!([
            {"url": url, "mime_type": "audio/mpeg", "size_in_bytes": 1000},
            {"url": "https://cast.example.org/a.ogg?x=1&y=2", "mime_type": "audio/ogg"},
            {"url": "http://cast.example.org/b.pdf", "mime_type": "application/pdf"},
        ])
    );

    let router = router(&app.core);
    let (status, headers, page) = ask(&router, &story, &[]).await;
    assert_eq!(status, StatusCode::OK);
    let page = String::from_utf8(page).unwrap();
    assert_eq!(
        page.matches("<audio controls preload=\"none\"").count(),
        2,
        "{page}"
    );
    assert!(page.contains(&format!("src=\"{}\"", own.url)), "{page}");
    assert!(
        page.contains("href=\"http://cast.example.org/b.pdf\""),
        "{page}"
    );
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("media-src 'self' https:;"), "{policy}");

    // A player asks for parts.
    let whole = ask(&router, &own.url, &[]).await;
    assert_eq!((whole.0, whole.2.len()), (StatusCode::OK, 1000));
    assert_eq!(whole.1["accept-ranges"], "bytes");
    assert_eq!(whole.1["content-type"], "audio/mpeg");
    let etag = whole.1["etag"].to_str().unwrap().to_owned();
    for (range, if_range, status, said, bytes) in [
        ("bytes=0-1", None, 206, Some("bytes 0-1/1000"), &mp3[..2]),
        (
            "bytes=0-1",
            Some(etag.as_str()),
            206,
            Some("bytes 0-1/1000"),
            &mp3[..2],
        ),
        ("bytes=0-1", Some("\"other\""), 200, None, &mp3[..]),
        (
            "bytes=998-",
            None,
            206,
            Some("bytes 998-999/1000"),
            &mp3[998..],
        ),
        (
            "bytes=-5",
            None,
            206,
            Some("bytes 995-999/1000"),
            &mp3[995..],
        ),
        ("bytes=1000-", None, 416, Some("bytes */1000"), &[][..]),
    ] {
        let mut asked = vec![("range", range)];
        asked.extend(if_range.map(|tag| ("if-range", tag)));
        let (got, headers, body) = ask(&router, &own.url, &asked).await;
        assert_eq!(got.as_u16(), status, "{range}");
        assert_eq!(
            headers.get("content-range").map(|v| v.to_str().unwrap()),
            said,
            "{range}"
        );
        assert_eq!(body, bytes, "{range}");
    }
    assert!(
        newsroom::store_audio(&app.core, b"GIF89a....")
            .await
            .is_err()
    );
}

async fn path_of(app: &TestApp, uid: &str) -> String {
    let found = newsroom::store::find_article_by_uid(&app.core.db, uid).await;
    found.unwrap().unwrap().path()
}

async fn import(app: &TestApp, name: &str, text: &str) -> newsroom::sources::Imported {
    let path = app.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let location = newsroom::sources::Location::File(path);
    let options = newsroom::sources::ImportOptions::default();
    newsroom::sources::import_feed(&app.core, &location, &options, &|_, _| {})
        .await
        .unwrap()
}

async fn imported_files_stay_with_their_entries(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let rss = |length: &str| {
        format!(
            "<rss version=\"2.0\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\"><channel><title>Радио</title>\
             <link>https://radio.example/</link><description>x</description><language>ru</language>\
             <item><title>Выпуск</title><guid>urn:x:1</guid><pubDate>Sat, 28 Feb 2026 01:00:00 GMT</pubDate>\
             <description>Разговор о паводке.</description><itunes:duration>1:02:05</itunes:duration>\
             <enclosure url=\"https://radio.example/1.mp3\" length=\"{length}\" type=\"audio/mpeg\"/>\
             <enclosure url=\"https://radio.example/1.jpg\" length=\"9\" type=\"image/jpeg\"/>\
             <enclosure url=\"ftp://radio.example/2.mp3\" type=\"audio/mpeg\"/>\
             <enclosure url=\"https://radio.example/strange\"/>\
             <enclosure url=\"/notes.pdf\" length=\"\" type=\"\"/></item></channel></rss>"
        )
    };
    let atom = "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"ru\"><title>А</title><id>urn:a</id><updated>2026-02-28T00:00:00Z</updated>\
        <link rel=\"self\" href=\"https://a.example/feed\"/><entry><title>Запись</title><id>urn:x:2</id><updated>2026-02-28T00:00:00Z</updated>\
        <content>Слова.</content><link rel=\"enclosure\" type=\"video/mp4\" length=\"12\" href=\"v.mp4\"/></entry></feed>";
    let json = r#"{"version":"https://jsonfeed.org/version/1.1","title":"J","language":"ru","feed_url":"https://j.example/feed.json",
        "items":[{"id":"urn:x:3","content_text":"Слова.","date_published":"2026-02-27T00:00:00Z","attachments":[
        {"url":"https://j.example/a.m4a","mime_type":"audio/x-m4a","size_in_bytes":55,"duration_in_seconds":61.5},{"url":"https://j.example/b.png","mime_type":"image/png"}]}]}"#;
    assert_eq!(import(&app, "r.xml", &rss("1000")).await.new, 1);
    assert_eq!(import(&app, "a.xml", atom).await.new, 1);
    assert_eq!(import(&app, "j.json", json).await.new, 1);
    let files = async || {
        let feed: serde_json::Value =
            serde_json::from_str(&text_at(&app.core, "/ru/feed.json").await).unwrap();
        let items = feed["items"].as_array().unwrap().clone();
        items
            .into_iter()
            .map(|item| {
                (
                    item["id"].as_str().unwrap().to_owned(),
                    item["attachments"].clone(),
                )
            })
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let known = files().await;
    let radio = |length: i64| {
        serde_json::json!([
            {"url": "https://radio.example/1.mp3", "mime_type": "audio/mpeg", "size_in_bytes": length, "duration_in_seconds": 3725},
            {"url": "https://radio.example/notes.pdf", "mime_type": "application/pdf", "duration_in_seconds": 3725},
        ])
    };
    assert_eq!(known["urn:x:1"], radio(1000));
    assert_eq!(
        known["urn:x:2"],
        serde_json::json!([{"url": "https://a.example/v.mp4", "mime_type": "video/mp4", "size_in_bytes": 12}])
    );
    assert_eq!(
        known["urn:x:3"],
        serde_json::json!([{"url": "https://j.example/a.m4a", "mime_type": "audio/x-m4a", "size_in_bytes": 55, "duration_in_seconds": 61}])
    );
    assert_eq!(import(&app, "r.xml", &rss("1000")).await.unchanged, 1);
    // Another file is a quiet change.
    assert_eq!(import(&app, "r.xml", &rss("2000")).await.changed, 1);
    assert_eq!(files().await["urn:x:1"], radio(2000));
}

async fn a_story_has_a_document_of_its_own(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let draft = Draft {
        section: Some("economy".to_owned()),
        ..Draft::new(
            language("kk"),
            "Бюджет бекітілді",
            "<p>Мәтін <a href=\"/kk/\">мұнда</a>.</p>",
        )
    };
    let made = newsroom::publish(&app.core, draft).await.unwrap();
    let router = router(&app.core);
    let story = path_of(&app, &made.uid).await;
    let path = &format!("{story}/entry.atom");
    let (_, _, page) = ask(&router, &story, &[]).await;
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.contains(&format!(
            "type=\"application/atom+xml;type=entry\" title=\"Бюджет бекітілді\" href=\"{path}\""
        )),
        "{page}"
    );
    // The feeds of the page's own language come first, and say theirs.
    let links: Vec<&str> = page
        .lines()
        .flat_map(|line| line.split("<link rel=\"alternate\" type=\"application/rss+xml\""))
        .filter(|part| part.starts_with(" title="))
        .collect();
    for (link, tongue, place) in [
        (links[0], "kk", "/kk/sections/economy/feed.rss"),
        (links[1], "kk", "/kk/feed.rss"),
        (links[2], "ru", "/ru/feed.rss"),
    ] {
        assert!(
            link.contains(&format!(
                "hreflang=\"{tongue}\" href=\"https://news.example.kz{place}\""
            )),
            "{link}"
        );
    }
    let (status, headers, body) = ask(&router, path, &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        headers["content-type"],
        "application/atom+xml;type=entry;charset=utf-8"
    );
    assert_eq!(headers["last-modified"], "Sat, 28 Feb 2026 02:00:00 GMT");
    let body = String::from_utf8(body).unwrap();
    let tree = Xml::parse(&body).unwrap();
    let entry = tree.root_element();
    assert!(entry.has_tag_name((ATOM, "entry")) && entry.attribute((XML, "lang")) == Some("kk"));
    assert_eq!(
        text(entry, ATOM, "id"),
        Some(format!("urn:uuid:{}", made.uid))
    );
    // Without a byline the newsroom speaks.
    let author = children(entry, ATOM, "author")[0];
    assert_eq!(text(author, ATOM, "name").as_deref(), Some("Тау жаршысы"));
    assert!(
        text(entry, ATOM, "content")
            .unwrap()
            .contains("href=\"https://news.example.kz/kk/\"")
    );
    let own = children(entry, ATOM, "link")[0];
    assert_eq!(
        own.attribute("href"),
        Some(format!("https://news.example.kz{path}").as_str())
    );

    let etag = headers["etag"].to_str().unwrap();
    let date = headers["last-modified"].to_str().unwrap();
    for asked in [("if-none-match", etag), ("if-modified-since", date)] {
        let (status, _, body) = ask(&router, path, &[asked]).await;
        assert_eq!(
            (status, body.len()),
            (StatusCode::NOT_MODIFIED, 0),
            "{asked:?}"
        );
    }
    // A translation stands in it, so its release moves both validators.
    app.set_time("2026-02-28T09:00:00+05:00");
    let translation = Draft {
        story_uid: Some(made.story_uid.clone()),
        ..Draft::new(language("en"), "The budget is approved", "<p>Text.</p>")
    };
    newsroom::publish(&app.core, translation).await.unwrap();
    for asked in [("if-none-match", etag), ("if-modified-since", date)] {
        let (status, headers, body) = ask(&router, path, &[asked]).await;
        assert_eq!(status, StatusCode::OK, "{asked:?}");
        assert_eq!(headers["last-modified"], "Sat, 28 Feb 2026 04:00:00 GMT");
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("/en/news/the-budget-is-approved"), "{body}");
    }
    newsroom::withdraw(&app.core, &made.uid, None)
        .await
        .unwrap();
    assert_eq!(ask(&router, path, &[]).await.0, StatusCode::GONE);
    for unknown in ["/kk/news/none/entry.atom", "/xx/news/none/entry.atom"] {
        assert_eq!(ask(&router, unknown, &[]).await.0, StatusCode::NOT_FOUND);
    }
}

// ---- any text in any field ----

/// What a document is filled with; every string of it is taken from the list in turn.
fn document(words: &[String], at: Timestamp) -> Document {
    let mut next = words.iter().cycle();
    let mut line = || XmlText::line(next.next().unwrap());
    let item = |id: XmlText, line: &mut dyn FnMut() -> XmlText, content: &str| Item {
        id,
        link: line(),
        external: Some(line()),
        title: line(),
        summary: line(),
        content: XmlText::new(content),
        language: language("kk"),
        published: at,
        updated: at.plus_secs(60),
        author: Some(line()),
        categories: vec![Category {
            term: line(),
            label: line(),
            scheme: line(),
        }],
        image: Some(Image {
            url: line(),
            media_type: Some(line()),
            bytes: Some(1),
            width: Some(2),
            height: Some(3),
            alt: line(),
            credit: Some(line()),
        }),
        source: Some((line(), line())),
        alternates: vec![Alternate {
            language: language("ru"),
            href: line(),
        }],
        enclosures: [Some(7), None]
            .map(|bytes| Enclosure {
                url: line(),
                media_type: line(),
                bytes,
                duration_secs: bytes,
            })
            .into(),
    };
    Document {
        place: Place::Head(3),
        tombstones: vec![Tombstone {
            id: line(),
            at,
            reason: Some(line()),
            language: language("kk"),
        }],
        scope: Scope::Section(language("kk"), "economy".to_owned()),
        id: line(),
        title: line(),
        description: line(),
        language: language("kk"),
        author: line(),
        rights: Some(line()),
        home: line(),
        home_language: Some(language("kk")),
        site: XmlText::line("https://news.example.kz/"),
        alternates: vec![Alternate {
            language: language("en"),
            href: line(),
        }],
        updated: at.plus_secs(120),
        zone: Zone::parse("Asia/Almaty").unwrap(),
        ttl_minutes: 5,
        hubs: vec![line(), line()],
        look: Look {
            icon: line(),
            favicon: line(),
            channel: line(),
            logo: line(),
            accent: line(),
        },
        is_closed: true,
        is_complete: true,
        items: vec![
            item(XmlText::line("urn:uuid:1"), &mut line, &words[0]),
            item(XmlText::line("urn:uuid:2"), &mut line, &words.concat()),
        ],
    }
}

/// The finished bytes, or the complaint of our own last look: it refuses what is empty where the format wants something.
fn written(document: &Document, format: Format) -> String {
    let made = render(document, format).unwrap_or_else(|e| panic!("{format:?} {e}"));
    String::from_utf8(made.bytes.to_vec()).unwrap()
}

fn unescape(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// What RSS says, beside what it was meant to say.
fn of_rss(document: &Document, xml: &Xml) -> Vec<(&'static str, String, String)> {
    let own = |t: &XmlText| t.as_str().to_owned();
    let channel = children(xml.root_element(), "", "channel")[0];
    let image = children(channel, "", "image")[0];
    let get = |node, space, name| text(node, space, name).unwrap_or_default();
    let link = |rel: &str, at: usize| {
        children(channel, ATOM, "link")
            .into_iter()
            .filter(|l| l.attribute("rel") == Some(rel))
            .nth(at)
            .and_then(|l| l.attribute("href"))
            .unwrap_or("")
            .to_owned()
    };
    let mut out = vec![
        ("title", get(channel, "", "title"), own(&document.title)),
        ("link", get(channel, "", "link"), own(&document.home)),
        (
            "description",
            get(channel, "", "description"),
            own(&document.description),
        ),
        (
            "copyright",
            get(channel, "", "copyright"),
            own(document.rights.as_ref().unwrap()),
        ),
        ("image title", get(image, "", "title"), own(&document.title)),
        ("image link", get(image, "", "link"), own(&document.home)),
        (
            "image url",
            get(image, "", "url"),
            own(&document.look.channel),
        ),
        (
            "webfeeds:icon",
            get(channel, WEBFEEDS, "icon"),
            own(&document.look.icon),
        ),
        (
            "webfeeds:logo",
            get(channel, WEBFEEDS, "logo"),
            own(&document.look.logo),
        ),
        ("hub 1", link("hub", 0), own(&document.hubs[0])),
        ("hub 2", link("hub", 1), own(&document.hubs[1])),
        (
            "alternate",
            link("alternate", 0),
            own(&document.alternates[0].href),
        ),
        ("self", link("self", 0), document.self_link(Format::Rss)),
    ];
    for (node, item) in children(channel, "", "item")
        .into_iter()
        .zip(&document.items)
    {
        let media = children(node, MEDIA, "content")[0];
        let category = children(node, "", "category")[0];
        let source = children(node, "", "source")[0];
        let image = item.image.as_ref().unwrap();
        let (title, url) = item.source.as_ref().unwrap();
        out.extend([
            ("item title", get(node, "", "title"), own(&item.title)),
            ("item link", get(node, "", "link"), own(&item.link)),
            ("guid", get(node, "", "guid"), own(&item.id)),
            ("content", get(node, CONTENT, "encoded"), own(&item.content)),
            (
                "creator",
                get(node, DC, "creator"),
                own(item.author.as_ref().unwrap()),
            ),
            (
                "category",
                category.text().unwrap_or("").to_owned(),
                own(&item.categories[0].label),
            ),
            (
                "domain",
                category.attribute("domain").unwrap_or("").to_owned(),
                own(&item.categories[0].scheme),
            ),
            ("source", source.text().unwrap_or("").to_owned(), own(title)),
            (
                "source url",
                source.attribute("url").unwrap_or("").to_owned(),
                own(url),
            ),
            (
                "media url",
                media.attribute("url").unwrap_or("").to_owned(),
                own(&image.url),
            ),
            (
                "media type",
                media.attribute("type").unwrap_or("").to_owned(),
                own(image.media_type.as_ref().unwrap()),
            ),
            (
                "media:description",
                get(media, MEDIA, "description"),
                own(&image.alt),
            ),
            (
                "media:credit",
                get(media, MEDIA, "credit"),
                own(image.credit.as_ref().unwrap()),
            ),
        ]);
        let files = children(node, "", "enclosure");
        assert_eq!(files.len(), 1);
        let of = |name| files[0].attribute(name).unwrap_or("").to_owned();
        out.extend([
            ("enclosure url", of("url"), own(&item.enclosures[0].url)),
            (
                "enclosure type",
                of("type"),
                own(&item.enclosures[0].media_type),
            ),
            ("enclosure length", of("length"), "7".to_owned()),
        ]);
        if !item.summary.as_str().is_empty() {
            out.push((
                "item description",
                unescape(&get(node, "", "description")),
                own(&item.summary),
            ));
        }
    }
    out
}

fn of_atom(document: &Document, xml: &Xml) -> Vec<(&'static str, String, String)> {
    let own = |t: &XmlText| t.as_str().to_owned();
    let feed = xml.root_element();
    let get = |node, name| text(node, ATOM, name).unwrap_or_default();
    let link = |node: Node, rel: &str, language: Option<&str>| {
        node.children()
            .filter(|l| {
                l.has_tag_name((ATOM, "link")) && l.attribute("rel").unwrap_or("alternate") == rel
            })
            .find(|l| language.is_none() || l.attribute("hreflang") == language)
            .and_then(|l| l.attribute("href"))
            .unwrap_or("")
            .to_owned()
    };
    let author = |node| text(children(node, ATOM, "author")[0], ATOM, "name").unwrap_or_default();
    let mut out = vec![
        ("feed id", get(feed, "id"), own(&document.id)),
        ("feed title", get(feed, "title"), own(&document.title)),
        (
            "subtitle",
            get(feed, "subtitle"),
            own(&document.description),
        ),
        (
            "rights",
            get(feed, "rights"),
            own(document.rights.as_ref().unwrap()),
        ),
        ("feed author", author(feed), own(&document.author)),
        ("icon", get(feed, "icon"), own(&document.look.icon)),
        ("logo", get(feed, "logo"), own(&document.look.logo)),
        ("hub", link(feed, "hub", None), own(&document.hubs[0])),
        (
            "home",
            link(feed, "alternate", Some("kk")),
            own(&document.home),
        ),
        (
            "other",
            link(feed, "alternate", Some("en")),
            own(&document.alternates[0].href),
        ),
        (
            "feed self",
            link(feed, "self", None),
            document.self_link(Format::Atom),
        ),
    ];
    for (node, item) in children(feed, ATOM, "entry")
        .into_iter()
        .zip(&document.items)
    {
        let category = children(node, ATOM, "category")[0];
        let source = children(node, ATOM, "source")[0];
        let media = children(node, MEDIA, "content")[0];
        let image = item.image.as_ref().unwrap();
        let (title, url) = item.source.as_ref().unwrap();
        let of = |name| category.attribute(name).unwrap_or("").to_owned();
        assert_eq!(node.attribute((XML, "lang")), Some("kk"));
        out.extend([
            ("entry id", get(node, "id"), own(&item.id)),
            ("entry title", get(node, "title"), own(&item.title)),
            ("summary", get(node, "summary"), own(&item.summary)),
            ("content", get(node, "content"), own(&item.content)),
            ("author", author(node), own(item.author.as_ref().unwrap())),
            ("link", link(node, "alternate", Some("kk")), own(&item.link)),
            (
                "translation",
                link(node, "alternate", Some("ru")),
                own(&item.alternates[0].href),
            ),
            (
                "via",
                link(node, "via", None),
                own(item.external.as_ref().unwrap()),
            ),
            ("term", of("term"), own(&item.categories[0].term)),
            ("label", of("label"), own(&item.categories[0].label)),
            ("scheme", of("scheme"), own(&item.categories[0].scheme)),
            ("source title", get(source, "title"), own(title)),
            ("source id", get(source, "id"), own(url)),
            (
                "media url",
                media.attribute("url").unwrap_or("").to_owned(),
                own(&image.url),
            ),
            (
                "media:credit",
                text(media, MEDIA, "credit").unwrap_or_default(),
                own(image.credit.as_ref().unwrap()),
            ),
        ]);
        let files: Vec<Node> = children(node, ATOM, "link")
            .into_iter()
            .filter(|l| l.attribute("rel") == Some("enclosure"))
            .collect();
        assert_eq!(files.len(), item.enclosures.len());
        for (file, meant) in files.iter().zip(&item.enclosures) {
            let of = |name| file.attribute(name).unwrap_or("").to_owned();
            out.push(("enclosure href", of("href"), own(&meant.url)));
            out.push(("enclosure type", of("type"), own(&meant.media_type)));
            let length = meant.bytes.map_or_else(String::new, |n| n.to_string());
            out.push(("enclosure length", of("length"), length));
        }
    }
    out
}

fn of_json(document: &Document, feed: &serde_json::Value) -> Vec<(&'static str, String, String)> {
    let own = |t: &XmlText| t.as_str().to_owned();
    let get = |at: &serde_json::Value| at.as_str().unwrap_or("").to_owned();
    let mut out = vec![
        ("title", get(&feed["title"]), own(&document.title)),
        (
            "description",
            get(&feed["description"]),
            own(&document.description),
        ),
        ("home", get(&feed["home_page_url"]), own(&document.home)),
        ("icon", get(&feed["icon"]), own(&document.look.icon)),
        (
            "favicon",
            get(&feed["favicon"]),
            own(&document.look.favicon),
        ),
        (
            "author",
            get(&feed["authors"][0]["name"]),
            own(&document.author),
        ),
        ("hub", get(&feed["hubs"][1]["url"]), own(&document.hubs[1])),
        (
            "self",
            get(&feed["feed_url"]),
            document.self_link(Format::Json),
        ),
    ];
    for (entry, item) in feed["items"]
        .as_array()
        .unwrap()
        .iter()
        .zip(&document.items)
    {
        out.extend([
            ("id", get(&entry["id"]), own(&item.id)),
            ("url", get(&entry["url"]), own(&item.link)),
            ("item title", get(&entry["title"]), own(&item.title)),
            ("summary", get(&entry["summary"]), own(&item.summary)),
            ("content", get(&entry["content_html"]), own(&item.content)),
            (
                "item author",
                get(&entry["authors"][0]["name"]),
                own(item.author.as_ref().unwrap()),
            ),
            (
                "tag",
                get(&entry["tags"][0]),
                own(&item.categories[0].label),
            ),
            (
                "image",
                get(&entry["image"]),
                own(&item.image.as_ref().unwrap().url),
            ),
            (
                "source",
                get(&entry["_source"]["title"]),
                own(&item.source.as_ref().unwrap().0),
            ),
            (
                "translation",
                get(&entry["_translations"]["items"][0]["url"]),
                own(&item.alternates[0].href),
            ),
        ]);
        for (file, meant) in entry["attachments"]
            .as_array()
            .unwrap()
            .iter()
            .zip(&item.enclosures)
        {
            out.push(("attachment", get(&file["url"]), own(&meant.url)));
            out.push(("mime_type", get(&file["mime_type"]), own(&meant.media_type)));
            assert_eq!(
                file.get("size_in_bytes")
                    .and_then(serde_json::Value::as_i64),
                meant.bytes
            );
        }
    }
    out
}

/// Words that have broken feeds before, beside anything Unicode has.
fn words() -> impl Strategy<Value = Vec<String>> {
    let evil = prop::sample::select(vec![
        "]]>",
        "<![CDATA[",
        "&amp;lt;",
        "&#8;",
        "</title>",
        "<item>",
        "<title>",
        "--",
        "<?x?>",
        "\u{8}",
        "\u{fffe}",
        "\u{ffff}",
        "\r\n",
        "\r",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\"'",
        "&",
        "<",
        ">",
        "\t",
        "%zz",
    ]);
    let any = any::<String>();
    let piece = prop_oneof![evil.prop_map(str::to_owned), any];
    let word = prop::collection::vec(piece, 0..4).prop_map(|p| format!("x{}", p.concat()));
    prop::collection::vec(word, 7..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    /// Any Unicode in any field: well-formed, equal after decoding, the same ids in the same order.
    #[test]
    fn any_text_in_any_field_reads_the_same(words in words()) {
        let at: Timestamp = TestApp::START.parse().unwrap();
        let document = document(&words, at);
        let rss = written(&document, Format::Rss);
        let atom = written(&document, Format::Atom);
        let json = written(&document, Format::Json);
        let parse = |text| Xml::parse(text).map_err(|e| TestCaseError::fail(e.to_string()));
        let (rss, atom) = (parse(&rss)?, parse(&atom)?);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let all = [of_rss(&document, &rss), of_atom(&document, &atom), of_json(&document, &json)];
        for (format, pairs) in Format::ALL.into_iter().zip(all) {
            prop_assert!(pairs.len() > 20);
            for (field, read, meant) in pairs {
                prop_assert_eq!(read, meant, "{:?} {}", format, field);
            }
        }
    }
}

#[test]
fn extensions_stand_before_entries_and_references_are_hexadecimal() {
    let at: Timestamp = TestApp::START.parse().unwrap();
    let words: Vec<String> = ["AT&T", "1 < 2", "&lt;b&gt;", "x", "y", "z", "w"]
        .map(str::to_owned)
        .into();
    let document = document(&words, at);
    let atom = written(&document, Format::Atom);
    let last_extension = atom
        .rfind("<fh:complete")
        .unwrap()
        .max(atom.rfind("<webfeeds:").unwrap());
    assert!(last_extension < atom.find("<entry").unwrap());
    let rss = written(&document, Format::Rss);
    for (from, written) in [
        ("AT&T", "AT&#x26;T"),
        ("1 < 2", "1 &#x3C; 2"),
        ("&lt;b&gt;", "&#x26;lt;b&#x26;gt;"),
    ] {
        let mut document = document.clone();
        document.items[0].title = XmlText::line(from);
        let rss = self::written(&document, Format::Rss);
        assert!(
            rss.contains(&format!("<item><title>{written}</title>")),
            "{rss}"
        );
    }
    // The profile: the summary first, then the whole text.
    assert!(rss.find("<description>").unwrap() < rss.find("<content:encoded>").unwrap());
    assert_eq!(rss.matches("xmlns:media=").count(), 1);
    assert!(!rss.contains("itunes"));
}
