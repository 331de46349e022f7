//! Search: the same set on both engines, newest first, whatever is typed.

use jarshy::base::language::Language;
use jarshy::base::time::Timestamp;
use jarshy::newsroom::search::{Query, index_all};
use jarshy::newsroom::store::{Filter, count_public, list_public};
use jarshy::newsroom::{self, Draft, Edit, Published};
use jarshy::{on_db, on_tx};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::both_engines;
use crate::support::{Engine, TestApp, postgres_url};

both_engines!(
    words_are_found_whatever_their_endings_and_case,
    what_is_typed_is_never_an_operator,
    an_edit_and_a_withdrawal_change_what_is_found,
    older_articles_are_indexed_at_start_and_only_once,
    several_languages_and_sections_come_newest_first,
    a_query_uses_the_index,
);

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

async fn publish(app: &TestApp, tag: &str, title: &str, body: &str) -> Published {
    let draft = Draft::new(language(tag), title, format!("<p>{body}</p>"));
    newsroom::publish(&app.core, draft).await.unwrap()
}

fn searched(tag: &str, typed: &str) -> Filter {
    Filter {
        query: Some(Query::parse(typed).unwrap()),
        ..Filter::of(&language(tag))
    }
}

async fn titles(app: &TestApp, filter: &Filter) -> Vec<String> {
    let found = list_public(&app.core.db, filter, 0, 100).await.unwrap();
    let count = count_public(&app.core.db, filter).await.unwrap();
    assert_eq!(found.len() as i64, count);
    found.into_iter().map(|article| article.title).collect()
}

async fn words_are_found_whatever_their_endings_and_case(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    publish(
        &app,
        "kk",
        "Қазақстанның экспорты өсті",
        "Өткен жылмен салыстырғанда.",
    )
    .await;
    publish(
        &app,
        "kk",
        "Бюджет бекітілді",
        "ҚАЗАҚСТАН үкіметі <b>мақұл</b>дады.",
    )
    .await;
    publish(
        &app,
        "ru",
        "Ёлка на площади",
        "Её нарядили школьники Алматы.",
    )
    .await;
    publish(&app, "ru", "Новости экономики", "Экспорт вырос на 94 %.").await;
    publish(&app, "en", "Café opened", "The naïve plan worked.").await;
    for (tag, typed, expected) in [
        (
            "kk",
            "қазақстан",
            vec!["Бюджет бекітілді", "Қазақстанның экспорты өсті"],
        ),
        (
            "kk",
            "Қазақстанның",
            vec!["Бюджет бекітілді", "Қазақстанның экспорты өсті"],
        ),
        ("kk", "экспорт қазақ", vec!["Қазақстанның экспорты өсті"]),
        ("kk", "мақұлдады", vec!["Бюджет бекітілді"]),
        ("kk", "елка", vec![]),
        ("ru", "елка", vec!["Ёлка на площади"]),
        ("ru", "ЁЛКА школьник", vec!["Ёлка на площади"]),
        ("ru", "новостей экономика", vec!["Новости экономики"]),
        ("ru", "94", vec!["Новости экономики"]),
        ("ru", "площадь экспорт", vec![]),
        ("en", "cafe NAIVE", vec!["Café opened"]),
        ("en", "opene plans", vec![]),
    ] {
        assert_eq!(
            titles(&app, &searched(tag, typed)).await,
            expected,
            "{typed}"
        );
    }
}

async fn what_is_typed_is_never_an_operator(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    publish(&app, "en", "Near and or not", "near the river").await;
    for typed in [
        "near",
        "AND",
        "or",
        "NOT",
        "near AND not",
        "near*",
        "\"near\"",
        "ne:ar",
        "-near",
        "near) OR (x",
        "words:near",
        "near'':*",
        "a\\' | near",
        "^near + river",
        "{near river}",
        "%",
        "near\u{0}river",
    ] {
        if let Ok(query) = Query::parse(typed) {
            let filter = Filter {
                query: Some(query),
                ..Filter::default()
            };
            list_public(&app.core.db, &filter, 0, 10).await.unwrap();
        }
    }
    assert_eq!(
        titles(&app, &searched("en", "near AND -not")).await.len(),
        1
    );
}

async fn an_edit_and_a_withdrawal_change_what_is_found(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let made = publish(&app, "ru", "Паводок в области", "Вода поднялась.").await;
    let edit = Edit {
        title: Some("Засуха в области".to_owned()),
        ..Edit::default()
    };
    newsroom::edit_quietly(&app.core, &made.uid, edit)
        .await
        .unwrap();
    assert!(titles(&app, &searched("ru", "паводок")).await.is_empty());
    assert_eq!(titles(&app, &searched("ru", "засуха")).await.len(), 1);
    newsroom::withdraw(&app.core, &made.uid, None)
        .await
        .unwrap();
    assert!(titles(&app, &searched("ru", "засуха")).await.is_empty());
    let mut waits = Draft::new(language("ru"), "Засуха ждёт", "<p>До завтра.</p>");
    waits.embargo_at = Some(app.core.clock.now().plus_secs(3600));
    newsroom::publish(&app.core, waits).await.unwrap();
    assert!(titles(&app, &searched("ru", "засуха")).await.is_empty());
}

async fn older_articles_are_indexed_at_start_and_only_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for n in 0..7 {
        publish(&app, "ru", &format!("Материал {n}"), "Старый архив.").await;
    }
    let mut tx = app.core.db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query("DELETE FROM article_words WHERE article_id <= 3").execute(c).await.map(|_| ())).unwrap();
    on_tx!(&mut tx, c => sqlx::query("UPDATE article_words SET version = 0, words = 'other' WHERE article_id = 4")
        .execute(c).await.map(|_| ())).unwrap();
    tx.commit().await.unwrap();
    assert_eq!(titles(&app, &searched("ru", "архив")).await.len(), 3);
    assert_eq!(index_all(&app.core).await.unwrap(), 4);
    assert_eq!(titles(&app, &searched("ru", "архив")).await.len(), 7);
    assert!(titles(&app, &searched("ru", "other")).await.is_empty());
    assert_eq!(index_all(&app.core).await.unwrap(), 0);
}

async fn several_languages_and_sections_come_newest_first(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let mut runner = TestRunner::deterministic();
    let pick = (0..3usize, 0..4usize, 0..3usize, 0..5i64);
    let mut model = Vec::new();
    for n in 0..60 {
        let (l, s, t, minute) = pick.new_tree(&mut runner).unwrap().current();
        let mut draft = Draft::new(
            language(["kk", "ru", "en"][l]),
            format!("Title {n}"),
            "<p>x</p>",
        );
        draft.section =
            [Some("society"), Some("economy"), Some("sport"), None][s].map(str::to_owned);
        draft.tags = ["budget", "flood"][2 - t..]
            .iter()
            .map(|tag| (*tag).to_owned())
            .collect();
        draft.released_at = Some(
            TestApp::START
                .parse::<Timestamp>()
                .unwrap()
                .plus_secs(-minute * 60),
        );
        let made = newsroom::publish(&app.core, draft).await.unwrap();
        model.push((-minute, made.article_id, l, s, t));
    }
    model.sort_by(|a, b| b.cmp(a));
    let ids: Vec<(String, i64)> = on_db!(&app.core.db, c => sqlx::query_as("SELECT slug, id FROM section").fetch_all(c).await).unwrap();
    let section = |slug: &str| ids.iter().find(|(s, _)| s == slug).unwrap().1;
    let tags: Vec<(String, i64)> =
        on_db!(&app.core.db, c => sqlx::query_as("SELECT slug, id FROM tag").fetch_all(c).await)
            .unwrap();
    let tag = |slug: &str| tags.iter().find(|(s, _)| s == slug).unwrap().1;
    for (languages, sections, wanted_tags) in [
        (vec![0, 1], vec![], vec![]),
        (vec![0, 1], vec![0, 2], vec![]),
        (vec![2], vec![0, 1, 2], vec![]),
        (vec![], vec![0, 1], vec![]),
        (vec![0, 1, 2], vec![1], vec![1]),
        (vec![1, 0], vec![], vec![2]),
        (vec![], vec![], vec![1, 2]),
    ] {
        let names = ["society", "economy", "sport"];
        let filter = Filter {
            languages: languages
                .iter()
                .map(|l| language(["kk", "ru", "en"][*l]))
                .collect(),
            sections: sections.iter().map(|s| section(names[*s])).collect(),
            tags: wanted_tags
                .iter()
                .map(|t| tag(["", "flood", "budget"][*t]))
                .collect(),
            ..Filter::default()
        };
        let expected: Vec<i64> = model
            .iter()
            .filter(|(_, _, l, s, t)| {
                (languages.is_empty() || languages.contains(l))
                    && (sections.is_empty() || sections.contains(s))
                    && (wanted_tags.is_empty()
                        || wanted_tags
                            .iter()
                            .any(|w| (*w == 1 && *t >= 1) || (*w == 2 && *t == 2)))
            })
            .map(|(_, id, ..)| *id)
            .collect();
        assert_eq!(
            count_public(&app.core.db, &filter).await.unwrap() as usize,
            expected.len()
        );
        for (offset, limit) in [(0, 5), (3, 10), (0, 100), (50, 5)] {
            let found: Vec<i64> = list_public(&app.core.db, &filter, offset, limit)
                .await
                .unwrap()
                .iter()
                .map(|article| article.id)
                .collect();
            let page: Vec<i64> = expected
                .iter()
                .skip(offset as usize)
                .take(limit as usize)
                .copied()
                .collect();
            assert_eq!(found, page, "{filter:?}");
        }
    }
}

/// A feed of one language or section reads its index in order; search goes to the full-text index.
async fn a_query_uses_the_index(engine: Engine) {
    if engine == Engine::Postgres {
        // With so few rows PostgreSQL reads the table whatever the indexes.
        return;
    }
    let app = TestApp::spawn(engine).await;
    for (condition, index) in [
        ("", "article_public"),
        ("AND a.language = 'kk'", "article_public_language"),
        (
            "AND a.section_id = 1 AND a.language = 'kk'",
            "article_public_section",
        ),
        (
            "AND a.id IN (SELECT f.rowid FROM article_words_fts f WHERE article_words_fts MATCH '\"a\"*')",
            "VIRTUAL TABLE",
        ),
    ] {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT a.id FROM article a WHERE a.state = 'released' {condition} \
             ORDER BY a.released_at DESC, a.id DESC LIMIT 50"
        );
        let plan: Vec<(i64, i64, i64, String)> = on_db!(&app.core.db, c =>
            sqlx::query_as(sqlx::AssertSqlSafe(sql.clone())).fetch_all(c).await)
        .unwrap();
        let plan: Vec<String> = plan.into_iter().map(|row| row.3).collect();
        let plan = plan.join("; ");
        assert!(plan.contains(index), "{condition}: {plan}");
        assert!(
            plan.contains("VIRTUAL") || !plan.contains("TEMP B-TREE"),
            "{condition}: {plan}"
        );
    }
}

/// Random texts and queries over few letters, so that many are found: the engines and a plain loop agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_find_the_same() {
    if postgres_url().is_none() {
        return;
    }
    let apps = [
        TestApp::spawn(Engine::Sqlite).await,
        TestApp::spawn(Engine::Postgres).await,
    ];
    let mut runner = TestRunner::deterministic();
    let word = prop_oneof![
        4 => "[аәбёйі]{1,4}(ның|лар|ами|а|у)?",
        2 => "[a-c]{1,3}[éİß'’-]?[0-9]{0,2}",
        1 => "\\PC{1,6}",
    ];
    let text = proptest::collection::vec(word.clone(), 1..12).prop_map(|words| words.join(" "));
    let query = proptest::collection::vec(word, 1..3).prop_map(|words| words.join(" "));
    let mut corpus = Vec::new();
    for n in 0..80_i64 {
        let (title, body) = (text.clone(), text.clone())
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let tag = ["kk", "ru", "en"][n as usize % 3];
        let draft = || Draft {
            released_at: Some(
                TestApp::START
                    .parse::<Timestamp>()
                    .unwrap()
                    .plus_secs(n % 7 - 10),
            ),
            ..Draft::new(
                language(tag),
                format!("T {title}"),
                format!(
                    "<p>b</p><pre>{}</pre>",
                    body.replace('&', "&amp;").replace('<', "&lt;")
                ),
            )
        };
        let first = newsroom::publish(&apps[0].core, draft())
            .await
            .unwrap()
            .article_id;
        let second = newsroom::publish(&apps[1].core, draft())
            .await
            .unwrap()
            .article_id;
        assert_eq!(first, second);
        corpus.push((n % 7, first, tag));
    }
    let kept: [Vec<(i64, String)>; 2] = [
        on_db!(&apps[0].core.db, c => sqlx::query_as("SELECT article_id, words FROM article_words ORDER BY article_id").fetch_all(c).await).unwrap(),
        on_db!(&apps[1].core.db, c => sqlx::query_as("SELECT article_id, words FROM article_words ORDER BY article_id").fetch_all(c).await).unwrap(),
    ];
    assert_eq!(kept[0], kept[1]);
    corpus.sort_by_key(|one| std::cmp::Reverse((one.0, one.1)));
    let mut hits = 0;
    for _ in 0..300 {
        let typed = query.new_tree(&mut runner).unwrap().current();
        let Ok(query) = Query::parse(&typed) else {
            continue;
        };
        for tag in ["kk", "ru", "en"] {
            let filter = Filter {
                query: Some(query.clone()),
                ..Filter::of(&language(tag))
            };
            let stems = query.stems(&language(tag));
            let expected: Vec<i64> = corpus
                .iter()
                .filter(|(_, id, spoken)| {
                    let words = &kept[0].iter().find(|(article, _)| article == id).unwrap().1;
                    *spoken == tag
                        && stems
                            .iter()
                            .all(|stem| words.split(' ').any(|word| word.starts_with(stem)))
                })
                .map(|(_, id, _)| *id)
                .collect();
            hits += expected.len();
            for app in &apps {
                let found: Vec<i64> = list_public(&app.core.db, &filter, 0, 100)
                    .await
                    .unwrap()
                    .iter()
                    .map(|article| article.id)
                    .collect();
                assert_eq!(found, expected, "{:?}: {typed:?} {stems:?}", app.engine);
            }
        }
    }
    assert!(hits > 300, "only {hits} hits: the corpus proves nothing");
}
