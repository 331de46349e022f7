//! Where feeds and pages are found: readers' choices and searches as feeds, the builder, sitemaps, OPML.

use std::sync::Arc;

use jarshy::base::language::Language;
use jarshy::newsroom::{self, Draft, Published};
use jarshy::on_db;
use jarshy::syndication::{Lookup, Shelf};
use jarshy::theme::Theme;
use serde_json::Value;

use crate::both_engines;
use crate::support::{Engine, TestApp};

both_engines!(
    a_choice_holds_exactly_what_was_chosen,
    a_search_is_a_feed,
    a_choice_written_otherwise_moves_and_an_unknown_one_is_absent,
    a_release_changes_the_choices_of_its_language_alone,
    strangers_cannot_fill_the_shelf,
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
    serde_json::from_slice(&shelf.body(&found).await.unwrap().1.identity).unwrap()
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
