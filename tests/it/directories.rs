//! Where feeds and pages are found: readers' choices and searches as feeds, the builder, sitemaps, OPML.

use std::sync::Arc;

use jarshy::base::language::Language;
use jarshy::newsroom::{self, Draft, Edit, Published};
use jarshy::syndication::{Coding, Lookup, Shelf, Sitemap};
use jarshy::theme::Theme;
use jarshy::{on_db, on_tx};
use serde_json::Value;

use crate::both_engines;
use crate::support::browser::Browser;
use crate::support::{Chance, Engine, TestApp};

both_engines!(
    a_choice_holds_exactly_what_was_chosen,
    a_choice_holds_each_story_once_in_the_first_of_its_languages,
    a_search_is_a_feed,
    a_choice_written_otherwise_moves_and_an_unknown_one_is_absent,
    a_release_changes_the_choices_of_its_language_alone,
    strangers_cannot_fill_the_shelf,
    search_shows_what_was_found,
    every_feed_has_a_page_for_people,
    a_sitemap_names_each_page_with_its_last_change,
    a_release_changes_one_child,
    news_are_of_the_last_two_days,
    robots_name_the_sitemaps_and_forbid_no_feed,
);

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn advance(app: &TestApp, secs: i64) {
    app.core.clock.set(app.core.clock.now().plus_secs(secs));
}

fn shelf(app: &TestApp) -> Arc<Shelf> {
    let theme = Arc::new(Theme::load(&app.core.config).unwrap());
    Arc::new(Shelf::new(app.core.clone(), theme))
}

async fn publish(app: &TestApp, tag: &str, section: &str, tags: &[&str], title: &str) -> Published {
    let draft = Draft {
        section: Some(section.to_owned()),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Draft::new(language(tag), title, format!("<p>{title}.</p>"))
    };
    newsroom::publish(&app.core, draft).await.unwrap()
}

async fn seed(app: &TestApp) {
    newsroom::sync_sections(&app.core).await.unwrap();
    for (tag, section, tags, title) in [
        ("kk", "economy", &["flood"][..], "Бірінші"),
        ("kk", "sport", &[], "Екінші"),
        ("ru", "economy", &["flood"], "Третий"),
        ("ru", "society", &["flood"], "Четвёртый"),
        ("en", "economy", &[], "Fifth"),
    ] {
        advance(app, 60);
        publish(app, tag, section, tags, title).await;
    }
}

async fn json(shelf: &Shelf, path: &str) -> Value {
    let Lookup::Feed(found) = shelf.find(path).await.unwrap() else {
        panic!("{path} is no feed")
    };
    let (_, bytes) = shelf.bytes(&found, Coding::Identity).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn titles(feed: &Value) -> Vec<&str> {
    let items = feed["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["title"].as_str().unwrap())
        .collect()
}

async fn a_choice_holds_exactly_what_was_chosen(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app);
    for (key, title, expected) in [
        (
            "~~",
            "Тау жаршысы",
            &["Fifth", "Четвёртый", "Третий", "Екінші", "Бірінші"][..],
        ),
        ("kk~~", "Тау жаршысы (қаз)", &["Екінші", "Бірінші"]),
        (
            "kk,ru~economy,sport~",
            "Тау жаршысы · Экономика, Спорт (қаз, рус)",
            &["Третий", "Екінші", "Бірінші"],
        ),
        (
            "ru,kk~economy~",
            "Тау жаршысы · Экономика (рус, қаз)",
            &["Третий", "Бірінші"],
        ),
        (
            "~~flood",
            "Тау жаршысы · flood",
            &["Четвёртый", "Третий", "Бірінші"],
        ),
        (
            "en,ru~economy~flood",
            "Tau Herald · Economy, flood (eng, рус)",
            &["Третий"],
        ),
        ("en~sport~", "Tau Herald · Sport (eng)", &[]),
    ] {
        let feed = json(&shelf, &format!("/f/{key}/feed.json")).await;
        assert_eq!(feed["title"], title, "{key}");
        assert_eq!(titles(&feed), expected, "{key}");
        assert_eq!(
            feed["feed_url"],
            format!("https://news.example.kz/f/{key}/feed.json")
        );
        for format in ["rss", "atom"] {
            let Lookup::Feed(_) = shelf
                .find(&format!("/f/{key}/feed.{format}"))
                .await
                .unwrap()
            else {
                panic!("{key} has no {format}")
            };
        }
    }
}

/// "The same selection as a feed": random stories in some of three languages, sections and topics, which come, go and are filed
/// anew; whatever was chosen, the feed has each story once, in the first language of the choice that has it there.
async fn a_choice_holds_each_story_once_in_the_first_of_its_languages(engine: Engine) {
    const LANGUAGES: [&str; 3] = ["kk", "ru", "en"];
    const SECTIONS: [&str; 3] = ["society", "economy", "sport"];
    const KEYS: [&str; 8] = [
        "kk,ru~~",
        "ru,kk~~",
        "en,kk,ru~~",
        "kk,ru~economy,sport~",
        "ru,en~society~flood",
        "en,ru~~flood",
        "kk~economy~",
        "~~",
    ];
    struct Text {
        uid: String,
        title: String,
        story: usize,
        language: &'static str,
        section: &'static str,
        has_tag: bool,
    }
    let app = TestApp::spawn_with(engine, "[feeds]\nitems = 100\n").await;
    newsroom::sync_sections(&app.core).await.unwrap();
    publish(&app, "kk", "society", &["flood"], "Су тасқыны").await;
    let shelf = shelf(&app);
    let mut chance = Chance::counted(5);
    let (mut texts, mut stories): (Vec<Text>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut hidden, mut checked) = (0, 0);
    for step in 0..60 {
        advance(&app, 60);
        match chance.below(6) {
            0 if !texts.is_empty() => {
                let gone = texts.swap_remove(chance.index(texts.len()));
                newsroom::withdraw(&app.core, &gone.uid, None)
                    .await
                    .unwrap();
            }
            1 if !texts.is_empty() => {
                let moved = chance.index(texts.len());
                let moved = &mut texts[moved];
                moved.section = SECTIONS[chance.index(3)];
                let edit = Edit {
                    section: Some(moved.section.to_owned()),
                    ..Edit::default()
                };
                newsroom::edit_quietly(&app.core, &moved.uid, edit)
                    .await
                    .unwrap();
            }
            _ => {
                let (language, section) = (LANGUAGES[chance.index(3)], SECTIONS[chance.index(3)]);
                let story = chance.index(stories.len() + 2);
                let is_known = story < stories.len();
                let is_there = texts
                    .iter()
                    .any(|t| is_known && t.story == story && t.language == language);
                if is_there {
                    continue;
                }
                let has_tag = chance.below(2) == 0;
                let title = format!("{language} {step}");
                let draft = Draft {
                    section: Some(section.to_owned()),
                    story_uid: stories.get(story).cloned(),
                    tags: has_tag.then(|| "flood".to_owned()).into_iter().collect(),
                    ..Draft::new(self::language(language), title.clone(), "<p>Мәтін.</p>")
                };
                let made = newsroom::publish(&app.core, draft).await.unwrap();
                let story = if is_known { story } else { stories.len() };
                if !is_known {
                    stories.push(made.story_uid);
                }
                texts.push(Text {
                    uid: made.uid,
                    title,
                    story,
                    language,
                    section,
                    has_tag,
                });
            }
        }
        shelf.refresh().await.unwrap();
        for key in KEYS {
            let parts: Vec<Vec<&str>> = key
                .split('~')
                .map(|part| part.split(',').filter(|name| !name.is_empty()).collect())
                .collect();
            let is_chosen = |t: &&Text| {
                (parts[0].is_empty() || parts[0].contains(&t.language))
                    && (parts[1].is_empty() || parts[1].contains(&t.section))
                    && (parts[2].is_empty() || t.has_tag)
            };
            let rank = |t: &Text| parts[0].iter().position(|tag| *tag == t.language);
            let chosen: Vec<&Text> = texts.iter().filter(is_chosen).collect();
            let mut expected: Vec<&str> = chosen
                .iter()
                .filter(|t| {
                    parts[0].is_empty()
                        || !chosen
                            .iter()
                            .any(|o| o.story == t.story && rank(o) < rank(t))
                })
                .map(|t| t.title.as_str())
                .collect();
            hidden += chosen.len() - expected.len();
            checked += expected.len();
            expected.sort_unstable();
            let feed = json(&shelf, &format!("/f/{key}/feed.json")).await;
            let mut got = titles(&feed);
            got.retain(|title| *title != "Су тасқыны");
            got.sort_unstable();
            assert_eq!(got, expected, "{key}, step {step}");
        }
    }
    assert!(hidden > 100 && checked > 1000, "{hidden} {checked}");
}

async fn a_search_is_a_feed(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app);
    let feed = json(
        &shelf,
        "/ru/search/feed.json?q=%D1%87%D0%B5%D1%82%D0%B2%D0%B5%D1%80%D1%82%D1%8B%D0%B9",
    )
    .await;
    assert_eq!(feed["title"], "Тау жаршысы · «четвертый» (рус)");
    assert_eq!(titles(&feed), ["Четвёртый"]);
    assert_eq!(
        feed["feed_url"],
        "https://news.example.kz/ru/search/feed.json?q=%D1%87%D0%B5%D1%82%D0%B2%D0%B5%D1%80%D1%82%D1%8B%D0%B9"
    );
    let before = json(&shelf, "/ru/search/feed.json?q=nothing").await;
    assert!(titles(&before).is_empty());
    publish(&app, "ru", "sport", &[], "Nothing new").await;
    shelf.refresh().await.unwrap();
    assert_eq!(
        titles(&json(&shelf, "/ru/search/feed.json?q=nothing").await),
        ["Nothing new"]
    );
}

async fn a_choice_written_otherwise_moves_and_an_unknown_one_is_absent(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app);
    for (typed, usual) in [
        (
            "/f/kz,kk~sport,economy~/feed.rss",
            "/f/kk~economy,sport~/feed.rss",
        ),
        ("/f/KK~~/feed.atom", "/f/kk~~/feed.atom"),
        ("/f/kk%7E%7E/feed.atom", "/f/kk~~/feed.atom"),
        ("/kz/search/feed.rss?q=SU+su", "/kk/search/feed.rss?q=su"),
    ] {
        match shelf.find(typed).await.unwrap() {
            Lookup::Moved(to) => assert_eq!(to, usual),
            _ => panic!("{typed} should move"),
        }
    }
    app.core.db.close().await;
    for unknown in [
        "/f/de~~/feed.rss",
        "/f/kk~culture~/feed.rss",
        "/f/kk~~drought/feed.rss",
        "/f/kk/feed.rss",
        "/f/kk~~~/feed.rss",
        "/f/~экономика~/feed.rss",
        "/de/search/feed.rss?q=x",
        "/kk/search/feed.rss?q=",
        "/kk/search/feed.rss?q=a+b+c+d+e+f+g+h+i",
    ] {
        assert!(
            matches!(shelf.find(unknown).await.unwrap(), Lookup::Unknown),
            "{unknown}"
        );
    }
}

async fn a_release_changes_the_choices_of_its_language_alone(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let shelf = shelf(&app);
    let paths = [
        "/f/kk,ru~~/feed.json",
        "/f/ru~~/feed.json",
        "/f/~sport~/feed.json",
        "/ru/search/feed.json?q=a",
    ];
    for path in paths {
        json(&shelf, path).await;
    }
    publish(&app, "kk", "sport", &[], "Алтыншы").await;
    shelf.refresh().await.unwrap();
    assert_eq!(titles(&json(&shelf, paths[0]).await)[0], "Алтыншы");
    assert_eq!(titles(&json(&shelf, paths[2]).await)[0], "Алтыншы");
    // What only Russian readers asked for stands as it stood: the database is not needed for it.
    app.core.db.close().await;
    for path in [paths[1], paths[3]] {
        assert!(
            matches!(shelf.find(path).await.unwrap(), Lookup::Feed(_)),
            "{path}"
        );
    }
}

async fn strangers_cannot_fill_the_shelf(engine: Engine) {
    let app = TestApp::spawn_with(engine, "[feeds]\ndynamic_max = 10\n").await;
    seed(&app).await;
    let shelf = shelf(&app);
    let rows = async || -> i64 {
        on_db!(&app.core.db, c => sqlx::query_scalar("SELECT COUNT(*) FROM shelf").fetch_one(c).await).unwrap()
    };
    json(&shelf, "/kk/feed.json").await;
    let first = json(&shelf, "/f/kk~~/feed.json").await;
    for n in 0..40 {
        advance(&app, 1);
        json(&shelf, &format!("/kk/search/feed.json?q=w{n}")).await;
        // Asked for all the time, so it stays.
        json(&shelf, "/f/kk~~/feed.json").await;
        assert!(rows().await <= (1 + 10) * 3);
    }
    assert_eq!(json(&shelf, "/f/kk~~/feed.json").await, first);
    assert_eq!(
        json(&shelf, "/kk/search/feed.json?q=w0").await["title"],
        "Тау жаршысы · «w0» (қаз)"
    );
    // A restart with a smaller bound takes the surplus from the table too.
    let mut config = (*app.core.config).clone();
    config.feeds.dynamic_max = 3;
    let mut core = app.core.clone();
    core.config = Arc::new(config);
    let again = Shelf::new(core, Arc::new(Theme::load(&app.core.config).unwrap()));
    again.refresh().await.unwrap();
    assert_eq!(rows().await, (1 + 3) * 3);
}

// ---- pages and sitemaps ----

async fn search_shows_what_was_found(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let made = publish(&app, "ru", "economy", &["экспорт"], "Экспорт <зерна> вырос").await;
    let browser = Browser::new(&app);
    let page = browser
        .get("/ru/search?q=%D0%B7%D0%B5%D1%80%D0%BD%D0%BE&utm_source=x")
        .await;
    page.is(200)
        .has("Экспорт &lt;<mark>зерна</mark>&gt; вырос")
        .has("Найден 1 материал")
        .has("https://news.example.kz/ru/search/feed.rss?q=%D0%B7%D0%B5%D1%80%D0%BD%D0%BE")
        .has("noindex");
    for (path, words) in [
        ("/kk/search", "Мысалы:"),
        (
            "/ru/search?q=%D0%BF%D1%83%D1%81%D1%82%D0%BE",
            "Ничего не найдено. Попробуйте другое слово.",
        ),
        ("/en/search?q=zzz", "Nothing found. Try another word."),
        ("/en/search?q=a+b+c+d+e+f+g+h+i", "at most 8 words"),
        (
            "/ru/search?q=%D0%B7%D0%B5%D1%80%D0%BD%D0%BE&section=sport",
            "Искать без фильтров",
        ),
        (
            "/ru/search?q=%D0%B7%D0%B5%D1%80%D0%BD%D0%BE&section=economy&from=2026-02-28&to=2026-02-28",
            "Найден 1 материал",
        ),
        (
            "/ru/search?q=%D0%B7%D0%B5%D1%80%D0%BD%D0%BE&to=2026-02-27",
            "Ничего не найдено",
        ),
        (
            "/ru/search?q=%D0%B7%D0%B5%D1%80%D0%BD%D0%BE&from=2026-03-01",
            "Ничего не найдено",
        ),
        (
            "/ru/search?q=%D0%B7%D0%B5%D1%80%D0%BD%D0%BE&from=gestern&section=nix",
            "Найден 1 материал",
        ),
    ] {
        browser.get(path).await.is(200).has(words);
    }
    browser.get("/ru/search?q=a&page=2").await.is(404);
    browser.get("/ru/search?q=a&page=1").await.is(308);
    newsroom::withdraw(&app.core, &made.uid, None)
        .await
        .unwrap();
    browser
        .get("/ru/search?q=%D0%B7%D0%B5%D1%80%D0%BD%D0%BE")
        .await
        .is(200)
        .has("Ничего не найдено");
}

async fn every_feed_has_a_page_for_people(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let browser = Browser::new(&app);
    for (path, words) in [
        ("/feeds?lang=kk", "RSS таспалары"),
        ("/feeds?lang=ru", "Собрать свою ленту"),
        ("/feeds?lang=en", "Build your own feed"),
        ("/feeds/all", "https://news.example.kz/feed.json"),
        ("/feeds/kk", "Тау жаршысы (қаз)"),
        (
            "/feeds/ru/sections/economy",
            "Тау жаршысы · Экономика (рус)",
        ),
        ("/feeds/en/sections/sport", "This feed has no stories yet."),
        ("/feeds/ru/tags/flood", "/ru/tags/flood/feed.atom"),
        (
            "/feeds/f/kk,ru~economy~",
            "Тау жаршысы · Экономика (қаз, рус)",
        ),
        (
            "/feeds?lang=ru&languages=kk&languages=ru&sections=economy&sections=nix",
            "/f/kk,ru~economy~/feed.rss",
        ),
        ("/feeds?lang=ru&build=1", "/f/~~/feed.rss"),
    ] {
        browser.get(path).await.is(200).has(words);
    }
    for (typed, usual) in [
        ("/feeds/f/ru~sport,economy~", "/feeds/f/ru~economy,sport~"),
        ("/ru/feeds", "/feeds?lang=ru"),
    ] {
        let answer = browser.get(typed).await;
        answer.is(308);
        assert_eq!(answer.header("location"), usual);
    }
    for unknown in [
        "/feeds/de",
        "/feeds/kk/sections/nix",
        "/feeds/kk/tags/nix",
        "/feeds/f/kk",
        "/feeds/f/de~~",
    ] {
        browser.get(unknown).await.is(404);
    }
    browser
        .get("/ru/sections/economy")
        .await
        .is(200)
        .has("href=\"/feeds/ru/sections/economy\"")
        .has("href=\"/ru/search\"");
}

/// The text of every such element.
fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open)
        .skip(1)
        .map(|rest| rest.split(&close).next().unwrap().to_owned())
        .collect()
}

async fn a_sitemap_names_each_page_with_its_last_change(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    let browser = Browser::new(&app);
    let first = publish(&app, "kk", "economy", &[], "Жетінші").await;
    let index = browser.get("/sitemap.xml").await;
    index.is(200);
    assert_eq!(
        index.header("content-type"),
        "application/xml; charset=utf-8"
    );
    assert_eq!(
        elements(&index.body, "loc"),
        [
            "https://news.example.kz/sitemaps/pages.xml",
            "https://news.example.kz/sitemaps/stories-1.xml"
        ]
    );
    let before = browser.get("/sitemaps/stories-1.xml").await;
    assert_eq!(elements(&before.body, "loc").len(), 6);
    let again = browser
        .get_with(
            "/sitemaps/stories-1.xml",
            "if-none-match",
            before.header("etag"),
        )
        .await;
    again.is(304);
    // A translation changes the page that links it, and both say so of each other.
    advance(&app, 3600);
    let mut draft = Draft::new(language("en"), "Seventh", "<p>x</p>");
    draft.story_uid = Some(first.story_uid.clone());
    newsroom::publish(&app.core, draft).await.unwrap();
    let browser = Browser::new(&app);
    let after = browser.get("/sitemaps/stories-1.xml").await;
    assert_ne!(after.header("etag"), before.header("etag"));
    for (path, others) in [
        ("/kk/news/jetinshi", 3),
        ("/en/news/seventh", 3),
        ("/kk/news/birinshi", 0),
    ] {
        let url = after
            .body
            .split("<url>")
            .find(|url| url.contains(&format!("<loc>https://news.example.kz{path}</loc>")))
            .unwrap();
        assert_eq!(url.matches("xhtml:link").count(), others, "{url}");
        if others > 0 {
            assert_eq!(elements(url, "lastmod"), ["2026-02-28T08:05:00+05:00"]);
            for hreflang in [
                "hreflang=\"kk\" href=\"https://news.example.kz/kk/news/jetinshi\"",
                "hreflang=\"en\" href=\"https://news.example.kz/en/news/seventh\"",
                "hreflang=\"x-default\" href=\"https://news.example.kz/kk/news/jetinshi\"",
            ] {
                assert!(url.contains(hreflang), "{url}");
            }
        }
    }
    // What is withdrawn has no page, and the sitemap says that it changed.
    advance(&app, 60);
    newsroom::withdraw(&app.core, &first.uid, None)
        .await
        .unwrap();
    let browser = Browser::new(&app);
    let last = browser.get("/sitemaps/stories-1.xml").await;
    assert!(!last.body.contains("jetinshi"), "{}", last.body);
    let index = browser.get("/sitemap.xml").await;
    assert_eq!(
        elements(&index.body, "lastmod"),
        ["2026-02-28T08:06:00+05:00", "2026-02-28T08:06:00+05:00"]
    );
    browser.get("/sitemaps/stories-2.xml").await.is(404);
    browser.get("/sitemaps/nix.xml").await.is(404);
    let pages = browser.get("/sitemaps/pages.xml").await;
    assert!(
        pages
            .body
            .contains("<loc>https://news.example.kz/kk/</loc>")
    );
    // No story in English is of sport, so there is no list to be found.
    assert!(
        pages.body.contains("/kk/sections/sport</loc>")
            && !pages.body.contains("/en/sections/sport</loc>")
    );
}

/// Of many articles one release changes one child; the others keep their entity tags.
async fn a_release_changes_one_child(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    seed(&app).await;
    // As if there had been many before: rows are numbered on.
    let mut tx = app.core.db.begin().await.unwrap();
    if engine == Engine::Sqlite {
        on_tx!(&mut tx, c => sqlx::query("UPDATE sqlite_sequence SET seq = 10000 WHERE name = 'article'").execute(c).await.map(|_| ())).unwrap();
    } else {
        on_tx!(&mut tx, c => sqlx::query("ALTER SEQUENCE article_id_seq RESTART WITH 10001").execute(c).await.map(|_| ())).unwrap();
    }
    tx.commit().await.unwrap();
    let second = publish(&app, "ru", "economy", &[], "Одиннадцатый").await;
    assert_eq!(second.article_id, 10_001);
    let shelf = shelf(&app);
    let tags = async || {
        shelf.refresh().await.unwrap();
        let mut tags = Vec::new();
        for sitemap in [
            Sitemap::Index,
            Sitemap::Stories(1),
            Sitemap::Stories(2),
            Sitemap::Stories(3),
        ] {
            tags.push(shelf.find_sitemap(sitemap).await.unwrap());
        }
        tags
    };
    let before = tags().await;
    assert!(before[2].is_none());
    publish(&app, "kk", "economy", &[], "Он екінші").await;
    let after = tags().await;
    assert_eq!(before[1], after[1]);
    assert!(before[0] != after[0] && before[3] != after[3]);
    // A process that starts now says the same.
    let fresh = Shelf::new(
        app.core.clone(),
        Arc::new(Theme::load(&app.core.config).unwrap()),
    );
    assert_eq!(
        fresh.find_sitemap(Sitemap::Stories(3)).await.unwrap(),
        after[3]
    );
}

async fn news_are_of_the_last_two_days(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    for (at, tag, title) in [
        ("2026-02-26T06:30:00+05:00", "kk", "Ескі"),
        ("2026-02-26T07:30:00+05:00", "ru", "Позавчера & <сегодня>"),
        ("2026-02-28T06:00:00+05:00", "en", "Today"),
    ] {
        let mut draft = Draft::new(language(tag), title, "<p>x</p>");
        draft.released_at = Some(at.parse().unwrap());
        newsroom::publish(&app.core, draft).await.unwrap();
    }
    app.set_time("2026-02-28T07:59:00+05:00");
    let browser = Browser::new(&app);
    let now = browser.get("/news-sitemap.xml").await;
    assert_eq!(
        elements(&now.body, "news:title"),
        ["Today", "Позавчера &amp; &lt;сегодня&gt;"]
    );
    assert_eq!(elements(&now.body, "news:language"), ["en", "ru"]);
    assert_eq!(
        elements(&now.body, "news:name"),
        ["Tau Herald", "Тау жаршысы"]
    );
    assert_eq!(
        elements(&now.body, "news:publication_date"),
        ["2026-02-28T06:00:00+05:00", "2026-02-26T07:30:00+05:00"]
    );
    // Kept no longer than the hour lasts.
    assert_eq!(now.header("cache-control"), "public, max-age=60");
    app.set_time("2026-02-28T08:00:00+05:00");
    let later = browser.get("/news-sitemap.xml").await;
    assert_eq!(elements(&later.body, "news:title"), ["Today"]);
    assert_ne!(later.header("etag"), now.header("etag"));
    assert_eq!(later.header("cache-control"), "public, max-age=600");
}

async fn robots_name_the_sitemaps_and_forbid_no_feed(engine: Engine) {
    let app = TestApp::spawn_with(engine, "").await;
    let mut config = (*app.core.config).clone();
    config.server.robots = vec![
        "User-agent: examplebot".to_owned(),
        "Disallow: /".to_owned(),
    ];
    let mut core = app.core.clone();
    core.config = Arc::new(config);
    let theme = Arc::new(Theme::load(&core.config).unwrap());
    let browser = Browser::of(jarshy::app::App::new(core, theme, None).router());
    browser
        .get("/robots.txt")
        .await
        .is(200)
        .has("User-agent: examplebot\nDisallow: /\n")
        .has("\nSitemap: https://news.example.kz/sitemap.xml\n")
        .has("\nSitemap: https://news.example.kz/news-sitemap.xml\n")
        .lacks("Disallow: /feed");
}
