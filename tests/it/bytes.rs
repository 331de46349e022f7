//! Same inputs, same bytes: a morning that is planned once more elsewhere, by two instances at once, or on the other engine gives the
//! very same letters, and each content is one of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use jarshy::audience::Cadence;
use jarshy::base::time::Clock;
use jarshy::db::Db;
use jarshy::work::Core;
use jarshy::{digest, on_db};

use crate::support::desk::{Desk, wishes};
use crate::support::{Engine, postgres_url};

const LANGUAGES: [&[&str]; 5] = [
    &["kk"],
    &["ru", "kk"],
    &["kk", "ru"],
    &["en", "ru"],
    &["en"],
];
const SECTIONS: [&[&str]; 3] = [&[], &["society"], &["economy", "sport"]];

/// Subject, HTML, text, headers and date.
type Letter = (String, String, String, String, i64);

/// Another process at the same database, with chance of its own.
async fn instance(core: &Core) -> Core {
    Core {
        db: Db::connect(&core.config.database).await.unwrap(),
        clock: Clock::fixed(core.clock.now(), 99),
        bells: Arc::default(),
        ..core.clone()
    }
}

/// Lives a morning and returns its letters.
async fn morning(engine: Engine, has_two_instances: bool) -> BTreeSet<Letter> {
    let desk = Desk::open(engine).await;
    for (n, languages) in LANGUAGES.iter().cycle().take(30).enumerate() {
        let mut wish = wishes(languages, "Asia/Almaty");
        wish.sections = SECTIONS[n % 3].iter().map(|s| (*s).to_owned()).collect();
        // The same content at the same hour comes from several slots.
        wish.cadence = [Cadence::Daily, Cadence::Days(vec![1, 6])][n % 2].clone();
        desk.subscribe(&format!("reader{n}@example.org"), wish)
            .await;
    }
    for (n, section) in ["society", "economy", "sport", "society"]
        .iter()
        .enumerate()
    {
        let mut draft = jarshy::newsroom::Draft::new(
            crate::support::desk::language(["kk", "ru", "en"][n % 3]),
            format!("Су деңгейі {n}"),
            "<p>Ауыл тұрғындарына нұсқау берілді.</p>",
        );
        draft.section = Some((*section).to_owned());
        let story = desk.send(draft).await;
        desk.translate(
            &story,
            ["ru", "en", "kk"][n % 3],
            &format!("Уровень воды {n}"),
        )
        .await;
    }
    desk.app.set_time("2026-02-28T08:00:00+05:00");
    let (one, theme) = (desk.core(), &desk.theme);
    if has_two_instances {
        let other = instance(one).await;
        let _ = tokio::join!(digest::open_runs(one), digest::open_runs(&other));
        let (here, there) = tokio::join!(
            digest::work_runs(one, theme),
            digest::work_runs(&other, theme)
        );
        here.unwrap();
        there.unwrap();
        other.db.close().await;
    }
    desk.tick().await;
    desk.tick().await;
    desk.agrees().await;
    assert_eq!(digest::count_open_runs(one).await.unwrap(), 0);
    let rows: Vec<Letter> = on_db!(&one.db, c => sqlx::query_as(
        "SELECT subject, html, text, headers, dated_at FROM letter ORDER BY id").fetch_all(c).await)
    .unwrap();
    let contents = desk
        .count("SELECT COUNT(DISTINCT content_key) FROM issue")
        .await;
    assert_eq!(rows.len() as i64, contents, "a content was compiled twice");
    let letters: BTreeSet<Letter> = rows.into_iter().collect();
    assert_eq!(letters.len() as i64, contents);
    letters
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_morning_gives_the_same_bytes_everywhere() {
    let once = morning(Engine::Sqlite, false).await;
    assert!(once.len() > 6, "{} letters", once.len());
    assert!(morning(Engine::Sqlite, false).await == once, "twice");
    assert!(morning(Engine::Sqlite, true).await == once, "two instances");
    if postgres_url().is_some() {
        assert!(morning(Engine::Postgres, false).await == once, "PostgreSQL");
        for _ in 0..3 {
            let both = morning(Engine::Postgres, true).await;
            assert!(both == once, "two instances on PostgreSQL");
        }
    }
}
