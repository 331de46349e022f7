//! Feeds from elsewhere: the ten of the shared data, and ones that misbehave.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use jarshy::base::time::Timestamp;
use jarshy::db::Db;
use jarshy::newsroom::sources::{
    ImportError, ImportOptions, Imported, Location, import_feed, parse,
};
use jarshy::newsroom::store::{self, Filter};
use jarshy::newsroom::{Article, LogKind, sync_sections, withdraw};

use crate::both_engines;
use crate::support::{Engine, TestApp, shared_data};

both_engines!(
    ten_real_feeds_lose_no_entry_and_change_nothing_twice,
    what_appears_later_is_news_and_what_changes_is_a_revision,
    as_news_releases_a_first_import,
    bad_feeds_change_nothing,
    the_options_are_obeyed,
    relative_links_are_resolved,
    every_old_format_is_read,
    an_entry_that_is_withdrawn_stays_withdrawn,
    large_feeds_are_stored_in_order,
    a_feed_on_the_web_is_asked_whether_it_changed,
    two_imports_at_once_make_no_doubles,
    what_a_feed_is_fetched_with_is_never_published,
);

async fn newsroom(engine: Engine) -> TestApp {
    let app = TestApp::spawn(engine).await;
    sync_sections(&app.core).await.unwrap();
    app
}

async fn import(
    app: &TestApp,
    path: &Path,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    import_feed(
        &app.core,
        &Location::File(path.to_owned()),
        options,
        &|_, _| {},
    )
    .await
}

fn write(app: &TestApp, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = app.folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

async fn all(app: &TestApp) -> Vec<Article> {
    store::list_public(&app.core.db, &Filter::default(), 0, 10_000)
        .await
        .unwrap()
}

async fn log(app: &TestApp) -> Vec<LogKind> {
    let head = store::get_head(&app.core.db).await.unwrap();
    let log = store::list_log(&app.core.db, 0, head).await.unwrap();
    assert_eq!(
        log.iter().map(|e| e.no).collect::<Vec<_>>(),
        (1..=head).collect::<Vec<_>>()
    );
    log.into_iter().map(|e| e.kind).collect()
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    match &app.core.db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(sql).fetch_one(read).await.unwrap(),
        Db::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
    }
}

const REAL: [(&str, usize, &str); 10] = [
    ("DaringFireball.atom", 48, "en"),
    ("DaringFireball.rss", 47, "en"),
    ("aktuality.rss", 30, "sk"),
    ("donthitsave.xml", 10, "en"),
    ("inessential.json", 20, "en"),
    ("livemint.xml", 25, "en"),
    ("macworld.rss", 30, "en"),
    ("markdown1.rss", 25, "en"),
    ("onliner-ru.rss", 30, "ru"),
    ("qemu.atom", 10, "en"),
];

async fn ten_real_feeds_lose_no_entry_and_change_nothing_twice(engine: Engine) {
    let Some(data) = shared_data() else { return };
    let app = newsroom(engine).await;
    for (name, entries, _) in REAL {
        let report = import(
            &app,
            &data.join("feeds").join(name),
            &ImportOptions::default(),
        )
        .await
        .unwrap();
        assert_eq!(
            (report.new, report.entries),
            (entries, entries),
            "{name}: {report:?}"
        );
        assert_eq!(report.skipped, [], "{name}");
        assert!(report.is_archive);
    }
    let articles = all(&app).await;
    assert_eq!(articles.len(), 275);
    assert_eq!(log(&app).await, vec![LogKind::Archived; 275]);
    let guids: HashSet<&str> = articles.iter().map(|a| a.guid.as_str()).collect();
    assert_eq!(guids.len(), 275);
    for article in &articles {
        let place = format!(
            "{} «{}»",
            article
                .source
                .as_ref()
                .map_or("a file", |source| source.1.as_str()),
            article.title
        );
        assert!(!article.title.is_empty(), "{place}");
        // An entry that is a picture and nothing else keeps it as its lead.
        let has_words = !article.summary.is_empty() && !article.body_html.is_empty();
        assert!(has_words || article.lead.is_some(), "{place}");
        assert!(
            article.released_at.unwrap() < app.core.clock.now(),
            "{place} has the date of its origin"
        );
        assert_eq!(article.release_no, None);
        assert!(
            !article.title.contains("&amp;") && !article.title.contains("&#"),
            "{place}"
        );
        for piece in article.body_html.split('<').skip(1) {
            assert!(
                !piece.starts_with("script")
                    && !piece.starts_with("iframe")
                    && !piece.starts_with("style"),
                "{place}"
            );
            for attribute in ["src=\"", "href=\""] {
                if let Some((_, value)) = piece.split('>').next().unwrap().split_once(attribute) {
                    let good = ["http://", "https://", "mailto:", "tel:"]
                        .iter()
                        .any(|s| value.starts_with(s));
                    assert!(good, "{place}: {value}");
                }
            }
        }
    }
    for article in articles.iter().filter(|a| a.lead.is_some()) {
        let url = &article.lead.as_ref().unwrap().url;
        assert!(!url.contains("%20%20") && !url.contains(' '), "{url}");
    }
    let mrazik = articles
        .iter()
        .find(|a| a.title.starts_with("Zima ako u Mrázika"))
        .unwrap();
    assert!(
        mrazik.lead.as_ref().unwrap().url.ends_with("&v=2"),
        "{:?}",
        mrazik.lead
    );
    assert!(
        !mrazik.body_html.contains("<img"),
        "the picture does not stand twice: {}",
        mrazik.body_html
    );
    let languages: HashSet<String> = articles.iter().map(|a| a.language.to_string()).collect();
    assert_eq!(languages, ["en", "ru", "sk"].map(str::to_owned).into());
    let onliner = articles
        .iter()
        .find(|a| a.guid.contains("sputnik-kotoruyu"))
        .unwrap();
    assert_eq!(
        onliner.title,
        "В России сделали вакцину «Спутник», которую надо закапывать в нос"
    );
    assert_eq!(onliner.byline.as_deref(), Some("Onliner | Технологии"));
    assert_eq!(
        onliner.released_at.unwrap().to_string(),
        "2021-10-26T19:53:19Z"
    );
    assert!(
        onliner
            .lead
            .as_ref()
            .unwrap()
            .url
            .ends_with("9dce887732f599102ef2663d8bca4985.jpeg")
    );
    assert_eq!(onliner.canonical_url.as_ref(), Some(&onliner.guid));
    assert_eq!(onliner.tags[0].slug, "tekhnologii");
    let fireball = articles
        .iter()
        .filter(|a| a.guid.starts_with("tag:daringfireball.net,"))
        .count();
    assert_eq!(fireball, 95, "absolute ids are kept");

    for (name, entries, _) in REAL {
        let report = import(
            &app,
            &data.join("feeds").join(name),
            &ImportOptions::default(),
        )
        .await
        .unwrap();
        assert_eq!(
            (report.new, report.changed, report.unchanged),
            (0, 0, entries),
            "{name}"
        );
    }
    assert_eq!(
        log(&app).await.len(),
        275,
        "importing twice takes no number"
    );
    assert_eq!(
        count(&app, "SELECT COUNT(*) FROM article_revision").await,
        275
    );
    assert_eq!(all(&app).await, articles);
}

/// A second opinion: `feed-rs` finds the same entries with the same dates and links.
#[test]
fn another_parser_finds_the_same_entries() {
    let Some(data) = shared_data() else { return };
    for (name, entries, _) in REAL {
        let bytes = std::fs::read(data.join("feeds").join(name)).unwrap();
        let ours = parse(&bytes, None, None).unwrap();
        let theirs = feed_rs::parser::parse(bytes.as_slice()).unwrap();
        assert_eq!(ours.entries.len(), entries, "{name}");
        assert_eq!(theirs.entries.len(), entries, "{name}");
        for (our, their) in ours.entries.iter().zip(&theirs.entries) {
            let when = their.published.map(|at| at.timestamp());
            assert_eq!(
                our.published.map(Timestamp::as_secs),
                when,
                "{name} {:?}",
                our.title
            );
            if let Some(id) = &our.id {
                assert_eq!(*id, their.id, "{name}");
            }
            let link = their
                .links
                .iter()
                .find(|l| l.rel.as_deref().is_none_or(|rel| rel == "alternate"));
            if let Some(link) = link.filter(|link| link.href.starts_with("http")) {
                let theirs = url::Url::parse(&link.href).unwrap().to_string();
                assert_eq!(our.link.as_deref(), Some(theirs.as_str()), "{name}");
            }
            assert_eq!(
                our.content.is_some(),
                their.content.as_ref().is_some_and(|c| c.body.is_some()),
                "{name} {:?}",
                our.title
            );
        }
    }
}

fn rss(items: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Дала</title><link>https://dala.example/</link>\
         <language>ru</language>{items}</channel></rss>"
    )
}

fn item(n: usize, text: &str) -> String {
    format!(
        "<item><title>Новость {n}</title><guid isPermaLink=\"false\">https://dala.example/{n}</guid><link>https://dala.example/{n}</link>\
         <pubDate>Fri, 27 Feb 2026 {:02}:00:00 +0500</pubDate><description>{text}</description></item>",
        n % 24
    )
}

async fn what_appears_later_is_news_and_what_changes_is_a_revision(engine: Engine) {
    let app = newsroom(engine).await;
    let options = ImportOptions::default();
    let path = write(
        &app,
        "feed.xml",
        rss(&[item(2, "Два"), item(1, "Один")].concat()),
    );
    let first = import(&app, &path, &options).await.unwrap();
    assert_eq!((first.new, first.is_archive), (2, true));
    let before = all(&app).await;
    assert_eq!(before[0].title, "Новость 2");
    assert!(
        before[0].id > before[1].id,
        "the order of dates is the order of rows"
    );

    app.set_time("2026-02-28T09:00:00+05:00");
    write(
        &app,
        "feed.xml",
        rss(&[
            item(3, "Три"),
            item(2, "Два с половиной"),
            item(1, "<b>Один</b>"),
        ]
        .concat()
        .replace("<b>", "&lt;b&gt;")
        .replace("</b>", "&lt;/b&gt;")),
    );
    let second = import(&app, &path, &options).await.unwrap();
    assert_eq!(
        (
            second.new,
            second.changed,
            second.unchanged,
            second.is_archive
        ),
        (1, 2, 0, false)
    );
    assert_eq!(
        log(&app).await,
        [
            LogKind::Archived,
            LogKind::Archived,
            LogKind::Changed,
            LogKind::Updated,
            LogKind::Released
        ]
    );
    let after = all(&app).await;
    let find = |title: &str| after.iter().find(|a| a.title == title).unwrap();
    assert_eq!(find("Новость 3").release_no, Some(5));
    let two = find("Новость 2");
    assert_eq!(two.body_html, "Два с половиной");
    assert_eq!(two.summary, "Два с половиной");
    assert_eq!(
        two.updated_at,
        Some(app.core.clock.now()),
        "a text that changed is an update"
    );
    assert_eq!(
        (two.released_at, &two.guid, two.release_no),
        (before[0].released_at, &before[0].guid, None)
    );
    assert_eq!(
        find("Новость 1").updated_at,
        None,
        "markup alone is no news"
    );
    assert_eq!(
        count(&app, "SELECT COUNT(*) FROM article_revision").await,
        5
    );
    let mut tx = app.core.db.begin().await.unwrap();
    let releases = store::list_releases(&mut tx, 0, 99).await.unwrap();
    assert_eq!(releases.len(), 1, "a digest sees the new one alone");
    drop(tx);

    app.set_time("2026-02-28T10:00:00+05:00");
    write(&app, "feed.xml", rss(&item(3, "Три")));
    let third = import(&app, &path, &options).await.unwrap();
    assert_eq!((third.new, third.changed, third.unchanged), (0, 0, 1));
    assert_eq!(all(&app).await.len(), 3, "what leaves a feed stays with us");
    assert_eq!(log(&app).await.len(), 5);
}

async fn as_news_releases_a_first_import(engine: Engine) {
    let app = newsroom(engine).await;
    let path = write(
        &app,
        "feed.xml",
        rss(&[item(2, "Два"), item(1, "Один")].concat()),
    );
    let options = ImportOptions {
        as_news: true,
        ..ImportOptions::default()
    };
    let report = import(&app, &path, &options).await.unwrap();
    assert!(!report.is_archive);
    assert_eq!(log(&app).await, [LogKind::Released, LogKind::Released]);
    assert_eq!(all(&app).await[0].release_no, Some(2));
}

async fn bad_feeds_change_nothing(engine: Engine) {
    let app = newsroom(engine).await;
    let good = rss(&[item(2, "Два"), item(1, "Один")].concat());
    let cut = &good[..good.len() - 30];
    let in_the_middle = &good[..good.find("Один").unwrap()];
    let (cp1251, _, _) = encoding_rs::WINDOWS_1251.encode(&good);
    let liar = good.replace(
        "version=\"1.0\"?",
        "version=\"1.0\" encoding=\"windows-1251\"?",
    );
    let broken = [good.as_bytes(), b"\xff\xfe"].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "plain.xml",
            b"This is not a feed at all.".to_vec(),
            "not XML",
        ),
        ("empty.xml", b"  \n".to_vec(), "empty"),
        (
            "page.xml",
            b"<!DOCTYPE html><html><head><title>x</title></head><body></body></html>".to_vec(),
            "a web page",
        ),
        (
            "other.xml",
            b"<catalogue><book/></catalogue>".to_vec(),
            "<catalogue>",
        ),
        ("cut.xml", cut.as_bytes().to_vec(), "cut short"),
        ("middle.xml", in_the_middle.as_bytes().to_vec(), "cut short"),
        (
            "letter.xml",
            good.as_bytes()[..=good.find("Один").unwrap()].to_vec(),
            "cut short",
        ),
        (
            "crossed.xml",
            good.replace("</item>", "</itm>").into_bytes(),
            "not XML",
        ),
        ("cp1251.xml", cp1251.to_vec(), "says it is UTF-8"),
        ("liar.xml", liar.into_bytes(), "its bytes are UTF-8"),
        ("broken.xml", broken, "does not belong to any letter"),
        (
            "unknown.xml",
            good.replace("version=\"1.0\"?", "version=\"1.0\" encoding=\"klingon\"?")
                .into_bytes(),
            "klingon",
        ),
        (
            "picture.xml",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(),
            "does not belong to any letter",
        ),
        (
            "cut.json",
            br#"{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1""#.to_vec(),
            "cut short",
        ),
        (
            "wrong.json",
            br#"{"version":"https://jsonfeed.org/version/1.1","items":[}"#.to_vec(),
            "not JSON",
        ),
        (
            "other.json",
            br#"{"name":"package","items":[]}"#.to_vec(),
            "other JSON",
        ),
        ("deep.xml", "<rss>".repeat(5000).into_bytes(), "deep"),
    ];
    for (name, bytes, says) in cases {
        let path = write(&app, name, bytes);
        let error = import(&app, &path, &ImportOptions::default())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(says) && error.contains(name),
            "{name}: {error}"
        );
    }
    let missing = import(
        &app,
        Path::new("/nonexistent/feed.xml"),
        &ImportOptions::default(),
    )
    .await
    .unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
    let section = ImportOptions {
        section: Some("wether".to_owned()),
        ..ImportOptions::default()
    };
    let path = write(&app, "good.xml", &good);
    let error = import(&app, &path, &section).await.unwrap_err();
    assert!(
        error.to_string().contains("society, economy, sport"),
        "{error}"
    );
    for table in [
        "SELECT COUNT(*) FROM article",
        "SELECT COUNT(*) FROM source",
        "SELECT COUNT(*) FROM story",
        "SELECT COUNT(*) FROM tag",
    ] {
        assert_eq!(count(&app, table).await, 0, "{table}");
    }
    assert_eq!(log(&app).await, []);
}

async fn the_options_are_obeyed(engine: Engine) {
    let app = newsroom(engine).await;
    let path = write(&app, "feed.xml", rss(&item(1, "Один")));
    let options = ImportOptions {
        language: Some("kk".parse().unwrap()),
        section: Some("sport".to_owned()),
        ..ImportOptions::default()
    };
    import(&app, &path, &options).await.unwrap();
    let article = all(&app).await.remove(0);
    let sections = store::list_sections(&app.core.db).await.unwrap();
    assert_eq!(article.language.as_str(), "kk");
    assert_eq!(
        article.section_id,
        sections.iter().find(|s| s.slug == "sport").map(|s| s.id)
    );
    assert_eq!(article.path(), "/kk/news/novost-1");
}

async fn relative_links_are_resolved(engine: Engine) {
    let app = newsroom(engine).await;
    let atom = r#"<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en" xml:base="https://dala.example/blog/">
        <title>Dala</title><link href="/"/><id>urn:x:feed</id>
        <entry><title type="html">One &amp;amp; two</title><id>one</id><link href="2026/one"/>
        <published>2026-02-01T00:00:00Z</published><updated>2026-02-02T00:00:00Z</updated>
        <content type="xhtml" xml:base="img/"><div xmlns="http://www.w3.org/1999/xhtml"><p>A<br/><img src="a.jpg" srcset="b.jpg 2x" alt="A"/>
        <a href="/x">x</a></p></div></content></entry>
        <entry><title>Two</title><id>two</id><summary>Text &lt; here</summary><updated>2026-02-03T00:00:00Z</updated></entry></feed>"#;
    let path = write(&app, "feed.atom", atom);
    import(&app, &path, &ImportOptions::default())
        .await
        .unwrap();
    let articles = all(&app).await;
    let one = articles.iter().find(|a| a.title == "One & two").unwrap();
    assert_eq!(
        one.canonical_url.as_deref(),
        Some("https://dala.example/blog/2026/one")
    );
    assert!(one.body_html.contains("<img src=\"https://dala.example/blog/img/a.jpg\" srcset=\"https://dala.example/blog/img/b.jpg 2x\" alt=\"A\">"), "{}", one.body_html);
    assert!(
        one.body_html
            .contains("<a href=\"https://dala.example/x\">"),
        "{}",
        one.body_html
    );
    assert_eq!(
        one.lead.as_ref().unwrap().url,
        "https://dala.example/blog/img/a.jpg"
    );
    assert_eq!(one.updated_at.unwrap().to_string(), "2026-02-02T00:00:00Z");
    assert!(
        one.guid.starts_with("urn:uuid:"),
        "a relative id cannot be ours"
    );
    let two = articles.iter().find(|a| a.title == "Two").unwrap();
    assert_eq!(two.body_html, "<p>Text &lt; here</p>");

    let nowhere = "<rss version=\"2.0\"><channel><title>x</title><item><title>Three</title><guid>3</guid>\
        <description>&lt;a href=\"/secret\"&gt;x&lt;/a&gt;&lt;img src=\"y.png\"&gt;</description></item></channel></rss>";
    let path = write(&app, "nowhere.xml", nowhere);
    import(&app, &path, &ImportOptions::default())
        .await
        .unwrap();
    let three = all(&app)
        .await
        .into_iter()
        .find(|a| a.title == "Three")
        .unwrap();
    assert_eq!(
        three.body_html, "<a>x</a>",
        "a link of an unknown origin never leads to our host"
    );
    assert_eq!(three.released_at, Some(app.core.clock.now()));
    let base = ImportOptions {
        base: Some("https://dala.example/".parse().unwrap()),
        ..ImportOptions::default()
    };
    let path = write(&app, "based.xml", nowhere.replace("Three", "Four"));
    import(&app, &path, &base).await.unwrap();
    let four = all(&app)
        .await
        .into_iter()
        .find(|a| a.title == "Four")
        .unwrap();
    assert!(
        four.body_html
            .starts_with("<a href=\"https://dala.example/secret\">"),
        "{}",
        four.body_html
    );
}

async fn every_old_format_is_read(engine: Engine) {
    let app = newsroom(engine).await;
    let body = "<title>T</title><link>https://dala.example/t</link><description>D</description>";
    let rdf = |ns: &str| {
        format!(
            "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"{ns}\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
             <channel><title>C</title><link>https://dala.example/</link></channel>\
             <item rdf:about=\"https://dala.example/t\">{body}<dc:creator>Айгерим</dc:creator><dc:date>2026-02-01T08:00:00+05:00</dc:date><dc:language>ru</dc:language></item></rdf:RDF>"
        )
    };
    let plain = |version: &str| {
        format!(
            "<rss version=\"{version}\"><channel><title>C</title><item>{body}</item></channel></rss>"
        )
    };
    let cases = [
        ("091.xml", format!("<?xml version=\"1.0\"?><!DOCTYPE rss PUBLIC \"-//Netscape Communications//DTD RSS 0.91//EN\" \"http://my.netscape.com/publish/formats/rss-0.91.dtd\">{}", plain("0.91"))),
        ("092.xml", plain("0.92")),
        ("094.xml", plain("0.94")),
        ("20.xml", plain("2.0")),
        ("none.xml", plain("")),
        ("10.xml", rdf("http://purl.org/rss/1.0/")),
        ("090.xml", rdf("http://my.netscape.com/rdf/simple/0.9/")),
        ("atom03.xml", "<feed version=\"0.3\" xmlns=\"http://purl.org/atom/ns#\"><title>C</title><entry><title>T</title><link rel=\"alternate\" href=\"https://dala.example/t\"/>\
             <id>tag:dala.example,2003:1</id><issued>2003-12-13T08:29:29-04:00</issued><content type=\"text/html\" mode=\"escaped\">&lt;p&gt;D&lt;/p&gt;</content></entry></feed>".to_owned()),
        ("json10.json", r#"{"version":"https://jsonfeed.org/version/1","title":"C","items":[{"id":7,"url":"https://dala.example/t","title":"T","content_text":"D","author":{"name":"Айгерим"}}]}"#.to_owned()),
        ("json11.json", r#"{"version":"https://jsonfeed.org/version/1.1","title":"C","language":"en","items":[{"id":"8","url":"https://dala.example/t","title":"T","content_html":"<p>D</p>","authors":[{"name":"A"}],"tags":["One"],"image":"https://dala.example/i.png"}]}"#.to_owned()),
    ];
    for (i, (name, text)) in cases.iter().enumerate() {
        let path = write(&app, name, text);
        let report = import(&app, &path, &ImportOptions::default())
            .await
            .unwrap();
        assert_eq!(
            (report.new, report.skipped.len()),
            (1, 0),
            "{name}: {report:?}"
        );
        let newest = store::list_recent(&app.core.db, None, 1)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(newest.title, "T", "{name}");
        assert_eq!(
            newest.canonical_url.as_deref(),
            Some("https://dala.example/t"),
            "{name}"
        );
        assert!(
            newest.body_html == "D" || newest.body_html == "<p>D</p>",
            "{name}: {}",
            newest.body_html
        );
        assert_eq!(all(&app).await.len(), i + 1, "{name}");
        match *name {
            "10.xml" | "090.xml" => {
                assert_eq!(newest.byline.as_deref(), Some("Айгерим"));
                assert_eq!(newest.language.as_str(), "ru");
                assert_eq!(
                    newest.released_at.unwrap().to_string(),
                    "2026-02-01T03:00:00Z"
                );
            }
            "atom03.xml" => assert_eq!(
                newest.released_at.unwrap().to_string(),
                "2003-12-13T12:29:29Z"
            ),
            "json11.json" => {
                assert_eq!(newest.tags[0].slug, "one");
                assert_eq!(newest.lead.unwrap().url, "https://dala.example/i.png");
            }
            _ => {}
        }
    }
}

async fn an_entry_that_is_withdrawn_stays_withdrawn(engine: Engine) {
    let app = newsroom(engine).await;
    let path = write(&app, "feed.xml", rss(&item(1, "Один")));
    import(&app, &path, &ImportOptions::default())
        .await
        .unwrap();
    let uid = all(&app).await.remove(0).uid;
    withdraw(&app.core, &uid, Some("Не наша новость."))
        .await
        .unwrap();
    write(&app, "feed.xml", rss(&item(1, "Один, исправленный")));
    let report = import(&app, &path, &ImportOptions::default())
        .await
        .unwrap();
    assert_eq!(
        (report.new, report.changed, report.skipped.len()),
        (0, 0, 1)
    );
    assert!(report.skipped[0].why.contains("withdrawn"), "{report:?}");
    assert!(all(&app).await.is_empty());
    assert_eq!(log(&app).await, [LogKind::Archived, LogKind::Withdrawn]);
}

async fn large_feeds_are_stored_in_order(engine: Engine) {
    use std::fmt::Write;
    let app = newsroom(engine).await;
    let mut items = String::new();
    for n in (0..1203).rev() {
        let date = Timestamp::from_millis(1_700_000_000_000 + n * 60_000);
        let _ = write!(
            items,
            "<item><title>Запись {n}</title><guid>{n}</guid><pubDate>{date}</pubDate><description>Текст</description>\
             <category>К{}</category></item>",
            n % 7
        );
    }
    let path = write(&app, "large.xml", rss(&items));
    let seen = std::sync::Mutex::new(Vec::new());
    let location = Location::File(path);
    let report = import_feed(
        &app.core,
        &location,
        &ImportOptions::default(),
        &|at, all| seen.lock().unwrap().push((at, all)),
    )
    .await
    .unwrap();
    assert_eq!(report.new, 1203);
    assert_eq!(
        *seen.lock().unwrap(),
        [(0, 1203), (500, 1203), (1000, 1203), (1203, 1203)]
    );
    assert_eq!(log(&app).await, vec![LogKind::Archived; 1203]);
    let articles = all(&app).await;
    assert!(
        articles
            .windows(2)
            .all(|pair| pair[0].id > pair[1].id && pair[0].released_at > pair[1].released_at)
    );
    assert_eq!(store::list_tags(&app.core.db).await.unwrap().len(), 7);
}

async fn a_feed_on_the_web_is_asked_whether_it_changed(engine: Engine) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let app = TestApp::spawn_with(engine, "[fetch]\nallow_networks = [\"127.0.0.1/32\"]\n").await;
    sync_sections(&app.core).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}/feed.xml", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let peer = tokio::spawn(async move {
        let mut asked = Vec::new();
        for _ in 0..3 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let n = socket.read(&mut buffer).await.unwrap();
            let request = String::from_utf8_lossy(&buffer[..n]).to_lowercase();
            let text = "<rss version='2.0'><channel><title>x</title><item><title>Мост</title><link>/a</link></item></channel></rss>";
            let body = encoding_rs::WINDOWS_1251.encode(text).0.into_owned();
            let answer = match asked.len() {
                1 => b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec(),
                2 => b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec(),
                _ => [format!("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Type: text/xml; charset=windows-1251\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).into_bytes(), body].concat(),
            };
            asked.push(request);
            socket.write_all(&answer).await.unwrap();
            socket.shutdown().await.unwrap();
        }
        asked
    });
    let location = Location::Web(url.clone());
    let options = ImportOptions::default();
    let first = import_feed(&app.core, &location, &options, &|_, _| {})
        .await
        .unwrap();
    assert_eq!((first.new, first.source.as_str()), (1, url.as_str()));
    let article = all(&app).await.remove(0);
    assert_eq!(article.title, "Мост", "HTTP named the encoding");
    assert_eq!(
        article.canonical_url.unwrap(),
        url.join("/a").unwrap().to_string()
    );
    let second = import_feed(&app.core, &location, &options, &|_, _| {})
        .await
        .unwrap();
    assert!(second.is_unmodified);
    let third = import_feed(&app.core, &location, &options, &|_, _| {})
        .await
        .unwrap_err();
    assert!(third.to_string().contains("answered 500"), "{third}");
    let asked = peer.await.unwrap();
    assert!(!asked[0].contains("if-none-match"));
    assert!(asked[1].contains("if-none-match: \"v1\""), "{}", asked[1]);
    assert!(asked[0].contains("jarshy/"), "{}", asked[0]);
    assert_eq!(log(&app).await.len(), 1);

    let closed = newsroom(engine).await;
    let error = import_feed(&closed.core, &location, &options, &|_, _| {})
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("fetch.allow_networks"),
        "{error}"
    );
}

/// The command itself: what it prints, and how it ends.
#[tokio::test]
async fn the_command_says_what_it_took_and_fails_where_a_source_failed() {
    let app = newsroom(Engine::Sqlite).await;
    let settings = format!(
        "{}{}[database]\nurl = \"{}\"\n",
        crate::support::NEWSROOM,
        crate::support::SECRETS,
        app.database_url
    );
    let config = write(&app, "jarshy.toml", settings);
    let good = write(
        &app,
        "good.xml",
        rss(&[item(2, "Два"), item(1, "Один"), "<item/>".to_owned()].concat()),
    );
    let bad = write(&app, "bad.xml", "no feed");
    let run = async |args: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_jarshy"));
        command
            .args(["--config", config.to_str().unwrap()])
            .args(args);
        let output = command.output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    let (code, out, err) = run(&["import", "feed", good, bad]).await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("Дала: 2 new (to the archive"), "{out}");
    assert!(
        out.contains("skipped «(nameless)»: it has no title, no text and no link"),
        "{out}"
    );
    assert!(out.contains("1 of 2 sources"), "{out}");
    assert!(err.contains("bad.xml: it is not XML"), "{err}");
    let (code, out, _) = run(&["import", "feed", "--json", good]).await;
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(
        (&json["new"], &json["unchanged"], &json["skipped"]),
        (&0.into(), &2.into(), &1.into())
    );

    let text = write(
        &app,
        "story.md",
        "---\ntags: су, көлік\nsection: society\n---\n# Көпір ашылды\n\nӨзен үстіндегі **көпір** ашылды.\n",
    );
    let (code, out, err) = run(&["article", "publish", text.to_str().unwrap(), "--json"]).await;
    assert_eq!(code, Some(0), "{err}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&json["language"], &json["path"]),
        (&"kk".into(), &"/kk/news/kopir-ashyldy".into())
    );
    let uid = json["uid"].as_str().unwrap();
    let (code, _, err) = run(&[
        "article",
        "correct",
        uid,
        "--sentence",
        "Көпір ертең ашылады.",
    ])
    .await;
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = run(&["article", "withdraw", uid, "--reason", "Қате."]).await;
    assert_eq!(code, Some(0), "{err}");
    let (_, out, _) = run(&["article", "list", "--language", "kk"]).await;
    assert!(
        out.contains("withdrawn") && out.contains("Көпір ашылды"),
        "{out}"
    );
    let nameless = write(&app, "nameless.html", "<p>Text</p>");
    let (code, _, err) = run(&["article", "publish", nameless.to_str().unwrap()]).await;
    assert_ne!(code, Some(0));
    assert!(
        err.contains("nameless.html: the article has no title"),
        "{err}"
    );
    assert_eq!(all(&app).await.len(), 2);
}

async fn two_imports_at_once_make_no_doubles(engine: Engine) {
    let app = newsroom(engine).await;
    let items: String = (0..60).map(|n| item(n, "Текст")).collect();
    let path = write(&app, "feed.xml", rss(&items));
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let (core, path) = (app.core.clone(), path.clone());
        tasks.push(tokio::spawn(async move {
            import_feed(
                &core,
                &Location::File(path),
                &ImportOptions::default(),
                &|_, _| {},
            )
            .await
            .unwrap()
            .new
        }));
    }
    let mut new = 0;
    for task in tasks {
        new += task.await.unwrap();
    }
    assert_eq!(new, 60);
    assert_eq!(log(&app).await.len(), 60);
    assert_eq!(all(&app).await.len(), 60);
}

/// A server that gives each visitor the next answer.
async fn peer(bodies: Vec<String>) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for body in bodies {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let _ = socket.read(&mut buffer).await.unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            socket.write_all((head + &body).as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        }
    });
    at
}

const SECRET_WORDS: [&str; 3] = ["user", "secretpw", "SECRETKEY"];

/// A feed for subscribers, which repeats in its links the address it was asked for.
fn subscribers_feed(own: &str) -> String {
    format!(
        "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel><title>Дала</title><language>ru</language>\
         <atom:link rel=\"self\" href=\"{own}\"/>\
         <item><title>Мост</title><guid>http://user:secretpw@dala.example/most</guid><link>/most</link><description>\
         &lt;p&gt;Мост &lt;a href=\"/b\"&gt;открыт&lt;/a&gt;.&lt;/p&gt;&lt;img src=\"c.jpg\"&gt;</description></item>\
         <item><title>Порт</title><guid isPermaLink=\"false\">port</guid><description>\
         &lt;p&gt;Порт &lt;a href=\"#d\"&gt;открыт&lt;/a&gt;, &lt;a href=\"http://user:secretpw@dala.example/e\"&gt;да&lt;/a&gt;.&lt;/p&gt;\
         </description></item></channel></rss>"
    )
}

async fn what_a_feed_is_fetched_with_is_never_published(engine: Engine) {
    use tower::ServiceExt;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let app = TestApp::spawn_with(engine, "[fetch]\nallow_networks = [\"127.0.0.1/32\"]\n").await;
    sync_sections(&app.core).await.unwrap();
    let feed = subscribers_feed("f.rss?key=SECRETKEY");
    let at = peer(vec![feed.clone(), feed, "no feed".to_owned()]).await;
    let location =
        Location::parse(&format!("http://user:secretpw@{at}/f.rss?key=SECRETKEY")).unwrap();
    let options = ImportOptions::default();
    let first = import_feed(&app.core, &location, &options, &|_, _| {})
        .await
        .unwrap();
    assert_eq!((first.new, first.source), (2, format!("http://{at}/f.rss")));
    let again = import_feed(&app.core, &location, &options, &|_, _| {})
        .await
        .unwrap();
    assert_eq!(
        (again.new, again.unchanged),
        (0, 2),
        "the whole address is what the source is known by"
    );
    let error = import_feed(&app.core, &location, &options, &|_, _| {})
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("http://{at}/f.rss: it is not XML")),
        "{error}"
    );

    let theme = std::sync::Arc::new(jarshy::theme::Theme::load(&app.core.config).unwrap());
    let shelf = jarshy::syndication::Shelf::new(app.core.clone(), theme.clone());
    let state = jarshy::web::WebState::new(
        app.core.clone(),
        theme,
        std::sync::Arc::new(shelf),
        std::sync::Arc::default(),
        None,
    );
    let routes = jarshy::web::feeds::routes().with_state(state);
    for path in ["/feed.rss", "/feed.atom", "/feed.json"] {
        let request = axum::http::Request::get(path)
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = routes.clone().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20)
            .await
            .unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        for link in ["f.rss\"", "b", "c.jpg"] {
            assert!(
                body.contains(&format!("http://{at}/{link}")),
                "{path} {link}: {body}"
            );
        }
        for secret in SECRET_WORDS {
            assert!(!body.contains(secret), "{path}: {body}");
        }
    }
    for article in all(&app).await {
        let whole = format!("{article:?}");
        for secret in SECRET_WORDS {
            assert!(!whole.contains(secret), "{whole}");
        }
    }
}

#[tokio::test]
async fn the_command_prints_no_secret_of_an_address() {
    let app = newsroom(Engine::Sqlite).await;
    let settings = format!(
        "{}{}[database]\nurl = \"{}\"\n[fetch]\nallow_networks = [\"127.0.0.1/32\"]\n",
        crate::support::NEWSROOM,
        crate::support::SECRETS,
        app.database_url
    );
    let config = write(&app, "jarshy.toml", settings);
    let feed = subscribers_feed("f.rss?key=SECRETKEY");
    let at = peer(vec![feed.clone(), feed, "no feed".to_owned()]).await;
    let url = format!("http://user:secretpw@{at}/f.rss?key=SECRETKEY");
    for (args, code, says) in [
        (
            vec![url.as_str()],
            0,
            format!("http://{at}/f.rss: Дала: 2 new"),
        ),
        (vec!["--json", &url], 0, format!("\"http://{at}/f.rss\"")),
        (
            vec!["--json", &url],
            1,
            format!("http://{at}/f.rss: it is not XML"),
        ),
        (
            vec!["http://user:secretpw@[::bad/?key=SECRETKEY"],
            2,
            "is not an address".to_owned(),
        ),
    ] {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_jarshy"))
            .args(["--config", config.to_str().unwrap(), "import", "feed"])
            .args(&args)
            // The HTML parser's trace is the feed's own text.
            .env("RUST_LOG", "debug,html5ever=off")
            .output()
            .await
            .unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap();
        assert_eq!(output.status.code(), Some(code), "{printed}");
        assert!(printed.contains(&says), "{printed}");
        for secret in ["user:", "secretpw", "SECRETKEY"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
