//! Articles from the draft to the release log, on both engines.

use jarshy::base::language::Language;
use jarshy::base::time::Timestamp;
use jarshy::db::Db;
use jarshy::newsroom::store::{self, Filter};
use jarshy::newsroom::{
    ArticleState, BodyFormat, Draft, Edit, LogKind, NewsroomError, correct, edit_quietly, publish,
    release_due, store_media, sync_sections, withdraw,
};

use crate::both_engines;
use crate::support::{Engine, TestApp};

both_engines!(
    a_story_is_public_at_once_and_has_the_next_number,
    translations_share_a_story,
    bad_drafts_change_nothing,
    numbers_have_no_gaps_under_concurrent_publishing,
    an_embargo_holds_until_its_moment,
    the_hold_back_window_lets_a_slip_be_taken_back,
    an_article_that_cannot_be_released_does_not_stop_the_others,
    what_passes_by_itself_leaves_articles_scheduled,
    a_correction_moves_updated_and_nothing_else,
    a_quiet_edit_moves_no_date,
    withdrawal_is_final_and_logged_once,
    an_archive_never_gets_a_release_number,
    slugs_are_never_reused,
    sections_follow_the_settings,
    equal_pictures_are_kept_once,
    locks_see_only_what_is_live,
    views_add_up,
);

fn lang(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

async fn newsroom(engine: Engine) -> TestApp {
    let app = TestApp::spawn(engine).await;
    sync_sections(&app.core).await.unwrap();
    app
}

fn draft(language: &str, title: &str) -> Draft {
    Draft {
        tags: vec!["Су тасқыны".to_owned()],
        section: Some("society".to_owned()),
        ..Draft::new(
            lang(language),
            title,
            "<p>Құтқарушылар су тасқынына дайындалып жатыр.</p>",
        )
    }
}

/// Kinds in the log, in order.
async fn kinds(app: &TestApp) -> Vec<LogKind> {
    let head = store::get_head(&app.core.db).await.unwrap();
    let log = store::list_log(&app.core.db, 0, head).await.unwrap();
    assert_eq!(
        log.iter().map(|e| e.no).collect::<Vec<_>>(),
        (1..=head).collect::<Vec<_>>()
    );
    log.into_iter().map(|e| e.kind).collect()
}

async fn find(app: &TestApp, uid: &str) -> jarshy::newsroom::Article {
    store::find_article_by_uid(&app.core.db, uid)
        .await
        .unwrap()
        .unwrap()
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    match &app.core.db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(sql).fetch_one(read).await.unwrap(),
        Db::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
    }
}

async fn a_story_is_public_at_once_and_has_the_next_number(engine: Engine) {
    let app = newsroom(engine).await;
    let first = publish(&app.core, draft("kk", "Су тасқынына дайындық басталды"))
        .await
        .unwrap();
    assert_eq!(
        (first.state, first.release_no),
        (ArticleState::Released, Some(1))
    );
    let second = publish(
        &app.core,
        Draft {
            format: BodyFormat::Markdown,
            body: "Спасатели **готовятся** к паводку.".to_owned(),
            ..draft("ru", "Подготовка к паводку")
        },
    )
    .await
    .unwrap();
    assert_eq!(second.release_no, Some(2));
    let article = find(&app, &first.uid).await;
    assert_eq!(article.slug, "su-tasqynyna-daiyndyq-bastaldy");
    assert_eq!(article.guid, format!("urn:uuid:{}", article.uid));
    assert_eq!(
        article.summary,
        "Құтқарушылар су тасқынына дайындалып жатыр."
    );
    assert_eq!(article.released_at, Some(app.core.clock.now()));
    assert_eq!(article.updated_at, None);
    assert_eq!(article.tags[0].slug, "su-tasqyny");
    let all = store::list_public(&app.core.db, &Filter::default(), 0, 10)
        .await
        .unwrap();
    assert_eq!(
        all.iter().map(|a| a.uid.as_str()).collect::<Vec<_>>(),
        [second.uid.as_str(), first.uid.as_str()],
        "newest first, by id where the moment is the same"
    );
    assert_eq!(
        all[0].body_html,
        "<p>Спасатели <strong>готовятся</strong> к паводку.</p>"
    );
    let filter = Filter::of(&lang("kk"))
        .in_section(article.section_id)
        .with_tag(article.tags[0].id);
    assert_eq!(store::count_public(&app.core.db, &filter).await.unwrap(), 1);
    let listed = store::list_public(&app.core.db, &filter, 0, 10)
        .await
        .unwrap();
    assert_eq!(listed, std::slice::from_ref(&article));
    let slug = store::find_article_by_slug(&app.core.db, &lang("kk"), &article.slug)
        .await
        .unwrap();
    assert_eq!(slug, Some(article.clone()));
    let in_order = store::list_articles(&app.core.db, &[second.article_id, 999, first.article_id])
        .await
        .unwrap();
    assert_eq!(
        in_order.iter().map(|a| a.id).collect::<Vec<_>>(),
        [second.article_id, first.article_id]
    );
    let mut tx = app.core.db.begin().await.unwrap();
    let releases = store::list_releases(&mut tx, 0, 2).await.unwrap();
    assert_eq!(releases[0].section.as_deref(), Some("society"));
    assert_eq!(releases[0].tags, ["su-tasqyny"]);
    assert_eq!((releases[1].first_no, releases[1].release_no), (2, 2));
    assert_eq!(
        store::list_languages(&app.core.db).await.unwrap(),
        [lang("kk"), lang("ru")]
    );
    assert_eq!(store::list_tags(&app.core.db).await.unwrap().len(), 1);
}

async fn translations_share_a_story(engine: Engine) {
    let app = newsroom(engine).await;
    let kk = publish(&app.core, draft("kk", "Көпір ашылды"))
        .await
        .unwrap();
    let ru = Draft {
        story_uid: Some(kk.story_uid.clone()),
        ..draft("ru", "Открыт мост")
    };
    let ru_published = publish(&app.core, ru.clone()).await.unwrap();
    assert_eq!(ru_published.story_uid, kk.story_uid);
    let again = publish(&app.core, ru).await.unwrap_err();
    assert!(
        again.to_string().contains("already has an article in ru"),
        "{again}"
    );
    let story = find(&app, &kk.uid).await.story_id;
    let mut found = store::list_translations(&app.core.db, &[story])
        .await
        .unwrap();
    found.sort_by(|a, b| a.language.cmp(&b.language));
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].href, "/ru/news/otkryt-most");
    let mut tx = app.core.db.begin().await.unwrap();
    let releases = store::list_releases(&mut tx, 1, 2).await.unwrap();
    assert_eq!(
        releases[0].first_no, 1,
        "the story took its first number with the Kazakh text"
    );
}

async fn bad_drafts_change_nothing(engine: Engine) {
    let app = newsroom(engine).await;
    let good = draft("ru", "Заголовок");
    for (bad, says) in [
        (
            Draft {
                title: " \u{200b}\u{202e} ".to_owned(),
                ..good.clone()
            },
            "no title",
        ),
        (
            Draft {
                title: "я".repeat(301),
                ..good.clone()
            },
            "301 letters",
        ),
        (
            Draft {
                body: " ".to_owned(),
                ..good.clone()
            },
            "no body",
        ),
        (
            Draft {
                body: "<script>alert(1)</script>".to_owned(),
                ..good.clone()
            },
            "nothing of the body is left",
        ),
        (
            Draft {
                section: Some("wether".to_owned()),
                ..good.clone()
            },
            "society, economy, sport",
        ),
        (
            Draft {
                story_uid: Some("nope".to_owned()),
                ..good.clone()
            },
            "no story",
        ),
        (
            Draft {
                tags: (0..21).map(|i| format!("t{i}")).collect(),
                ..good.clone()
            },
            "21 tags",
        ),
        (
            Draft {
                released_at: Some("2030-01-01T00:00:00Z".parse().unwrap()),
                ..good.clone()
            },
            "embargo",
        ),
    ] {
        let error = publish(&app.core, bad).await.unwrap_err();
        assert!(matches!(error, NewsroomError::Invalid(_)));
        assert!(
            error.to_string().contains(says),
            "{error} should say {says}"
        );
    }
    assert_eq!(count(&app, "SELECT COUNT(*) FROM article").await, 0);
    assert_eq!(count(&app, "SELECT COUNT(*) FROM story").await, 0);
    assert_eq!(count(&app, "SELECT COUNT(*) FROM tag").await, 0);
    assert_eq!(store::get_head(&app.core.db).await.unwrap(), 0);
}

async fn numbers_have_no_gaps_under_concurrent_publishing(engine: Engine) {
    let app = newsroom(engine).await;
    let mut tasks = Vec::new();
    for writer in 0..4 {
        let core = app.core.clone();
        tasks.push(tokio::spawn(async move {
            for i in 0..8 {
                let bad = i % 4 == 3;
                let result = publish(
                    &core,
                    Draft {
                        story_uid: bad.then(|| "nope".to_owned()),
                        tags: vec![format!("a{i}"), "b".to_owned(), format!("c{writer}")],
                        ..draft("ru", "Один и тот же заголовок")
                    },
                )
                .await;
                assert_eq!(result.is_err(), bad, "{result:?}");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(kinds(&app).await, vec![LogKind::Released; 24]);
    let all = store::list_public(&app.core.db, &Filter::default(), 0, 100)
        .await
        .unwrap();
    let mut numbers: Vec<i64> = all.iter().filter_map(|a| a.release_no).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    let mut slugs: Vec<&str> = all.iter().map(|a| a.slug.as_str()).collect();
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), 24, "each has an address of its own");
}

async fn an_embargo_holds_until_its_moment(engine: Engine) {
    let app = newsroom(engine).await;
    let waiting = publish(
        &app.core,
        Draft {
            embargo_at: Some("2026-02-28T08:00:00+05:00".parse().unwrap()),
            ..draft("kk", "Бюджет жарияланды")
        },
    )
    .await
    .unwrap();
    assert_eq!(
        (waiting.state, waiting.release_no),
        (ArticleState::Scheduled, None)
    );
    app.set_time("2026-02-28T07:59:59+05:00");
    assert_eq!(release_due(&app.core).await.unwrap(), 0);
    let db = &app.core.db;
    assert_eq!(
        store::count_public(db, &Filter::default()).await.unwrap(),
        0
    );
    let slug = store::find_article_by_slug(db, &lang("kk"), "biudjet-jariialandy")
        .await
        .unwrap();
    assert_eq!(slug, None, "not even its address answers");
    assert!(store::list_tags(db).await.unwrap().is_empty());
    assert!(store::list_languages(db).await.unwrap().is_empty());
    assert_eq!(store::get_head(db).await.unwrap(), 0);
    let story = find(&app, &waiting.uid).await.story_id;
    assert!(
        store::list_translations(db, &[story])
            .await
            .unwrap()
            .is_empty()
    );
    let due: Timestamp = "2026-02-28T08:00:00+05:00".parse().unwrap();
    let mut tx = db.begin().await.unwrap();
    assert!(store::is_anything_scheduled(&mut tx, due).await.unwrap());
    assert!(
        !store::is_anything_scheduled(&mut tx, due.plus_millis(-1))
            .await
            .unwrap()
    );
    drop(tx);

    app.set_time("2026-02-28T08:00:20+05:00");
    assert_eq!(release_due(&app.core).await.unwrap(), 1);
    assert_eq!(release_due(&app.core).await.unwrap(), 0);
    let article = find(&app, &waiting.uid).await;
    assert_eq!(
        (article.state, article.release_no),
        (ArticleState::Released, Some(1))
    );
    assert_eq!(article.released_at, Some(app.core.clock.now()));
    assert_eq!(kinds(&app).await, [LogKind::Released]);
}

async fn the_hold_back_window_lets_a_slip_be_taken_back(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut config = (*app.core.config).clone();
    config.newsroom.hold_back_minutes = 5;
    let core = jarshy::work::Core {
        config: std::sync::Arc::new(config),
        ..app.core.clone()
    };
    sync_sections(&core).await.unwrap();
    let slip = publish(&core, draft("ru", "Опечатка")).await.unwrap();
    let good = publish(&core, draft("ru", "Без опечатки")).await.unwrap();
    assert_eq!(slip.state, ArticleState::Scheduled);
    withdraw(&core, &slip.uid, None).await.unwrap();
    app.set_time("2026-02-28T07:05:00+05:00");
    assert_eq!(release_due(&core).await.unwrap(), 1);
    assert_eq!(find(&app, &slip.uid).await.state, ArticleState::Draft);
    assert_eq!(find(&app, &good.uid).await.state, ArticleState::Released);
    assert_eq!(kinds(&app).await, [LogKind::Released]);
}

async fn an_article_that_cannot_be_released_does_not_stop_the_others(engine: Engine) {
    let app = newsroom(engine).await;
    let mut uids = Vec::new();
    for title in ["Один", "Два", "Три"] {
        let draft = Draft {
            embargo_at: Some("2026-02-28T08:00:00+05:00".parse().unwrap()),
            ..draft("ru", title)
        };
        uids.push(publish(&app.core, draft).await.unwrap().uid);
    }
    // A rule of the test's own, which makes exactly one of them fail in the database.
    match &app.core.db {
        Db::Sqlite { write, .. } => sqlx::query(
            "CREATE TRIGGER refuse BEFORE UPDATE ON article WHEN NEW.title = 'Два' AND NEW.state = 'released' \
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .execute(write)
        .await
        .map(|_| ()),
        Db::Postgres(pool) => sqlx::query("ALTER TABLE article ADD CHECK (title <> 'Два' OR state <> 'released')")
            .execute(pool)
            .await
            .map(|_| ()),
    }
    .unwrap();
    app.set_time("2026-02-28T08:00:00+05:00");
    assert_eq!(release_due(&app.core).await.unwrap(), 2);
    let states = [
        find(&app, &uids[0]).await.state,
        find(&app, &uids[1]).await.state,
        find(&app, &uids[2]).await.state,
    ];
    assert_eq!(
        states,
        [
            ArticleState::Released,
            ArticleState::Draft,
            ArticleState::Released
        ]
    );
    let mut tx = app.core.db.begin().await.unwrap();
    assert!(
        !store::is_anything_scheduled(&mut tx, app.core.clock.now())
            .await
            .unwrap(),
        "what is set aside holds up no digest"
    );
    drop(tx);
    assert_eq!(kinds(&app).await, [LogKind::Released, LogKind::Released]);
}

/// A rule of the test's own: releasing an article of that title fails as a database fails that is in trouble for a while
/// (on PostgreSQL with that code).
async fn trouble(app: &TestApp, name: &str, title: &str, code: &str) {
    let sql = match &app.core.db {
        // An overflow is none of the errors of a constraint.
        Db::Sqlite { .. } => vec![format!(
            "CREATE TRIGGER {name} BEFORE UPDATE ON article WHEN NEW.title = '{title}' AND NEW.state = 'released' \
             BEGIN SELECT abs(-9223372036854775807 - 1); END"
        )],
        Db::Postgres(_) => vec![
            format!(
                "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RAISE EXCEPTION 'in trouble' USING ERRCODE = '{code}'; END $$"
            ),
            format!(
                "CREATE TRIGGER {name} BEFORE UPDATE ON article FOR EACH ROW \
                 WHEN (NEW.title = '{title}' AND NEW.state = 'released') EXECUTE FUNCTION {name}()"
            ),
        ],
    };
    for sql in sql {
        run(app, sql).await;
    }
}

async fn run(app: &TestApp, sql: String) {
    let sql = sqlx::AssertSqlSafe(sql);
    match &app.core.db {
        Db::Sqlite { write, .. } => sqlx::query(sql).execute(write).await.map(|_| ()),
        Db::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(|_| ()),
    }
    .unwrap();
}

async fn what_passes_by_itself_leaves_articles_scheduled(engine: Engine) {
    let app = newsroom(engine).await;
    let mut uids = Vec::new();
    for title in ["Один", "Два", "Три", "Четыре"] {
        let draft = Draft {
            embargo_at: Some("2026-02-28T08:00:00+05:00".parse().unwrap()),
            ..draft("ru", title)
        };
        uids.push(publish(&app.core, draft).await.unwrap().uid);
    }
    let states = async || {
        let mut states = Vec::new();
        for uid in &uids {
            states.push(find(&app, uid).await.state);
        }
        states
    };
    let drop = async |name: &str| {
        let on = if app.core.db.is_postgres() {
            " ON article"
        } else {
            ""
        };
        run(&app, format!("DROP TRIGGER {name}{on}")).await;
    };
    app.set_time("2026-02-28T08:00:00+05:00");
    // A statement that was cut off, and a lock that nobody lets go.
    for (name, code) in [("slow", "57014"), ("locked", "55P03")] {
        trouble(&app, name, "Три", code).await;
        assert!(release_due(&app.core).await.is_err(), "{name}");
        assert_eq!(states().await, vec![ArticleState::Scheduled; 4], "{name}");
        drop(name).await;
    }
    // A lock that is let go in time is waited for: a sequence counts also what is rolled back.
    if app.core.db.is_postgres() {
        run(&app, "CREATE SEQUENCE tries".to_owned()).await;
        run(
            &app,
            "CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') < 3 THEN \
             RAISE EXCEPTION 'locked' USING ERRCODE = '55P03'; END IF; RETURN NEW; END $$"
                .to_owned(),
        )
        .await;
        run(
            &app,
            "CREATE TRIGGER twice BEFORE UPDATE ON article FOR EACH ROW WHEN (NEW.title = 'Пять' AND NEW.state = 'released') \
             EXECUTE FUNCTION twice()"
                .to_owned(),
        )
        .await;
        run(
            &app,
            "UPDATE article SET title = 'Пять' WHERE title = 'Четыре'".to_owned(),
        )
        .await;
    }
    // One article that is refused for good does not take those with it that are not.
    trouble(&app, "slow_again", "Три", "57014").await;
    let refuse = match &app.core.db {
        Db::Sqlite { .. } => {
            "CREATE TRIGGER refuse BEFORE UPDATE ON article WHEN NEW.title = 'Два' AND NEW.state = 'released' \
             BEGIN SELECT RAISE(ABORT, 'refused'); END"
        }
        Db::Postgres(_) => "ALTER TABLE article ADD CHECK (title <> 'Два' OR state <> 'released')",
    };
    run(&app, refuse.to_owned()).await;
    // PostgreSQL and SQLite alike meet the refused one first: it stands before the other in the batch.
    assert_eq!(release_due(&app.core).await.unwrap(), 1);
    assert_eq!(
        states().await,
        [
            ArticleState::Released,
            ArticleState::Draft,
            ArticleState::Scheduled,
            ArticleState::Scheduled
        ]
    );
    drop("slow_again").await;
    assert_eq!(release_due(&app.core).await.unwrap(), 2);
    assert_eq!(kinds(&app).await, vec![LogKind::Released; 3]);
}

async fn a_correction_moves_updated_and_nothing_else(engine: Engine) {
    let app = newsroom(engine).await;
    let published = publish(&app.core, draft("ru", "Построят три моста"))
        .await
        .unwrap();
    let before = find(&app, &published.uid).await;
    app.set_time("2026-02-28T09:00:00+05:00");
    let edit = Edit {
        title: Some("Построят два моста".to_owned()),
        body: Some("<p>Два моста.</p>".to_owned()),
        ..Edit::default()
    };
    let error = correct(&app.core, &published.uid, edit.clone(), "  ")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("sentence"), "{error}");
    correct(
        &app.core,
        &published.uid,
        edit,
        "Мостов будет два, а не три.",
    )
    .await
    .unwrap();
    let after = find(&app, &published.uid).await;
    assert_eq!(after.title, "Построят два моста");
    assert_eq!(
        after.summary, "Два моста.",
        "a summary made from the body follows it"
    );
    assert_eq!(
        after.correction.as_deref(),
        Some("Мостов будет два, а не три.")
    );
    assert_eq!(after.updated_at, Some(app.core.clock.now()));
    assert_eq!(
        (
            after.released_at,
            after.release_no,
            &after.guid,
            &after.slug
        ),
        (
            before.released_at,
            before.release_no,
            &before.guid,
            &before.slug
        )
    );
    assert_eq!(kinds(&app).await, [LogKind::Released, LogKind::Updated]);
    assert_eq!(
        count(&app, "SELECT COUNT(*) FROM article_revision").await,
        2
    );
    correct(&app.core, &published.uid, Edit::default(), "Ещё раз.")
        .await
        .unwrap();
    assert!(
        find(&app, &published.uid).await.updated_at > after.updated_at,
        "even within the same second"
    );
    let missing = correct(&app.core, "nope", Edit::default(), "x")
        .await
        .unwrap_err();
    assert!(matches!(missing, NewsroomError::NotFound(_)));
}

async fn a_quiet_edit_moves_no_date(engine: Engine) {
    let app = newsroom(engine).await;
    let published = publish(&app.core, draft("ru", "Загаловок")).await.unwrap();
    let before = find(&app, &published.uid).await;
    app.set_time("2026-02-28T09:00:00+05:00");
    let edit = Edit {
        title: Some("Заголовок".to_owned()),
        section: Some("sport".to_owned()),
        byline: Some("Редакция".to_owned()),
        ..Edit::default()
    };
    edit_quietly(&app.core, &published.uid, edit.clone())
        .await
        .unwrap();
    let after = find(&app, &published.uid).await;
    assert_eq!(after.title, "Заголовок");
    assert_eq!(after.byline.as_deref(), Some("Редакция"));
    assert_ne!(after.section_id, before.section_id);
    assert_eq!(
        (
            after.released_at,
            after.updated_at,
            after.release_no,
            &after.slug,
            &after.summary
        ),
        (
            before.released_at,
            before.updated_at,
            before.release_no,
            &before.slug,
            &before.summary
        )
    );
    assert_eq!(after.edited_at, app.core.clock.now());
    edit_quietly(&app.core, &published.uid, edit).await.unwrap();
    assert_eq!(
        kinds(&app).await,
        [LogKind::Released, LogKind::Changed],
        "an edit that changes nothing takes no number"
    );
    let bad = Edit {
        title: Some(" ".to_owned()),
        ..Edit::default()
    };
    assert!(edit_quietly(&app.core, &published.uid, bad).await.is_err());
}

async fn withdrawal_is_final_and_logged_once(engine: Engine) {
    let app = newsroom(engine).await;
    let published = publish(&app.core, draft("ru", "Ошибочная новость"))
        .await
        .unwrap();
    app.set_time("2026-02-28T09:00:00+05:00");
    withdraw(
        &app.core,
        &published.uid,
        Some("Сведения\r\nне подтвердились."),
    )
    .await
    .unwrap();
    withdraw(&app.core, &published.uid, Some("Другая причина."))
        .await
        .unwrap();
    let article = find(&app, &published.uid).await;
    assert_eq!(article.state, ArticleState::Withdrawn);
    assert_eq!(
        article.withdrawal.as_deref(),
        Some("Сведения не подтвердились.")
    );
    assert_eq!(article.release_no, Some(1), "the number stays with it");
    let db = &app.core.db;
    assert_eq!(
        store::count_public(db, &Filter::default()).await.unwrap(),
        0
    );
    let by_slug = store::find_article_by_slug(db, &lang("ru"), &article.slug)
        .await
        .unwrap();
    assert_eq!(
        by_slug.map(|a| a.state),
        Some(ArticleState::Withdrawn),
        "its address answers that it is gone"
    );
    let mut tx = db.begin().await.unwrap();
    assert!(
        store::list_releases(&mut tx, 0, 9)
            .await
            .unwrap()
            .is_empty()
    );
    drop(tx);
    assert_eq!(kinds(&app).await, [LogKind::Released, LogKind::Withdrawn]);
    let edit = edit_quietly(&app.core, &published.uid, Edit::default())
        .await
        .unwrap_err();
    assert!(edit.to_string().contains("withdrawn"), "{edit}");
}

async fn an_archive_never_gets_a_release_number(engine: Engine) {
    let app = newsroom(engine).await;
    let released_at: Timestamp = "2019-05-01T10:00:00Z".parse().unwrap();
    let old = publish(
        &app.core,
        Draft {
            released_at: Some(released_at),
            as_archive: true,
            ..draft("ru", "Из архива")
        },
    )
    .await
    .unwrap();
    assert_eq!((old.state, old.release_no), (ArticleState::Released, None));
    assert_eq!(find(&app, &old.uid).await.released_at, Some(released_at));
    let mut tx = app.core.db.begin().await.unwrap();
    assert!(
        store::list_releases(&mut tx, 0, 9)
            .await
            .unwrap()
            .is_empty()
    );
    drop(tx);
    assert_eq!(kinds(&app).await, [LogKind::Archived]);
    assert_eq!(
        store::count_public(&app.core.db, &Filter::default())
            .await
            .unwrap(),
        1
    );
}

async fn slugs_are_never_reused(engine: Engine) {
    let app = newsroom(engine).await;
    let mut slugs = Vec::new();
    for _ in 0..3 {
        let published = publish(&app.core, draft("ru", "Новости дня"))
            .await
            .unwrap();
        slugs.push(find(&app, &published.uid).await.slug);
        withdraw(&app.core, &published.uid, None).await.unwrap();
    }
    assert_eq!(slugs, ["novosti-dnia", "novosti-dnia-2", "novosti-dnia-3"]);
    let kk = publish(&app.core, draft("kk", "新闻")).await.unwrap();
    assert!(find(&app, &kk.uid).await.slug.starts_with("n-"));
}

async fn sections_follow_the_settings(engine: Engine) {
    let app = newsroom(engine).await;
    let slugs = |sections: Vec<jarshy::newsroom::Section>| {
        sections.into_iter().map(|s| s.slug).collect::<Vec<_>>()
    };
    assert_eq!(
        slugs(store::list_sections(&app.core.db).await.unwrap()),
        ["society", "economy", "sport"]
    );
    sync_sections(&app.core).await.unwrap();
    assert_eq!(
        kinds(&app).await,
        [],
        "a first start and a second one say nothing"
    );
    let mut config = (*app.core.config).clone();
    config.sections.remove(1);
    config.sections.reverse();
    config.sections[0]
        .names
        .0
        .insert("en".to_owned(), "Sports".to_owned());
    let core = jarshy::work::Core {
        config: std::sync::Arc::new(config),
        ..app.core.clone()
    };
    sync_sections(&core).await.unwrap();
    let sections = store::list_sections(&core.db).await.unwrap();
    assert_eq!(sections[0].names.get(&lang("en")), "Sports");
    assert_eq!(slugs(sections), ["sport", "society"]);
    assert_eq!(kinds(&app).await, [LogKind::Changed, LogKind::Changed]);
    let closed = publish(
        &core,
        Draft {
            section: Some("economy".to_owned()),
            ..draft("ru", "Курс")
        },
    )
    .await;
    assert!(closed.unwrap_err().to_string().contains("no section"));
}

async fn equal_pictures_are_kept_once(engine: Engine) {
    let app = newsroom(engine).await;
    let jpeg = [&[0xff, 0xd8, 0xff, 0xe0][..], &[7; 100]].concat();
    let path = store_media(&app.core, &jpeg, 10, 20).await.unwrap();
    assert_eq!(store_media(&app.core, &jpeg, 10, 20).await.unwrap(), path);
    let uid = path
        .strip_prefix("/media/")
        .unwrap()
        .strip_suffix(".jpg")
        .unwrap();
    let kept = store::find_media(&app.core.db, uid).await.unwrap();
    assert_eq!(kept, Some(("image/jpeg".to_owned(), jpeg)));
    assert_eq!(count(&app, "SELECT COUNT(*) FROM media").await, 1);
    assert!(store_media(&app.core, b"<svg/>", 1, 1).await.is_err());
}

async fn locks_see_only_what_is_live(engine: Engine) {
    let app = newsroom(engine).await;
    let mut items = Vec::new();
    for title in ["Один", "Два", "Три"] {
        let published = publish(&app.core, draft("ru", title)).await.unwrap();
        items.push((
            published.article_id,
            published.release_no.unwrap(),
            published.uid,
        ));
    }
    withdraw(&app.core, &items[1].2, None).await.unwrap();
    let mut wanted: Vec<(i64, i64)> = items.iter().map(|(id, no, _)| (*id, *no)).collect();
    wanted[2].1 += 100;
    let mut tx = app.core.db.begin().await.unwrap();
    let live = store::lock_live_articles(&mut tx, &wanted).await.unwrap();
    assert_eq!(live, [items[0].0]);
    if engine == Engine::Postgres {
        let core = app.core.clone();
        let uid = items[0].2.clone();
        let waiting = tokio::spawn(async move { withdraw(&core, &uid, None).await });
        // The withdrawal cannot end before the transaction that holds the lock does.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        tx.commit().await.unwrap();
        waiting.await.unwrap().unwrap();
    }
}

async fn views_add_up(engine: Engine) {
    let app = newsroom(engine).await;
    let a = publish(&app.core, draft("ru", "Один"))
        .await
        .unwrap()
        .article_id;
    let b = publish(&app.core, draft("ru", "Два"))
        .await
        .unwrap()
        .article_id;
    for day in ["2026-02-27", "2026-02-28"] {
        for _ in 0..2 {
            let mut tx = app.core.db.begin().await.unwrap();
            store::add_views(&mut tx, day, &[(b, 1), (a, 2), (b, 4)])
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
    }
    let views = store::list_views(&app.core.db, &[b, a, 999]).await.unwrap();
    assert_eq!(views, [(a, 8), (b, 20)]);
}
