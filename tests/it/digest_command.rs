//! `jarshy digest` from outside: preview leaves no trace, plan says what it did, `--at` sets the clock of both.

use jarshy::audience::{self, Cadence, Wishes};
use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::time::Zone;
use jarshy::newsroom::{self, Draft};
use jarshy::on_db;

use crate::both_engines;
use crate::support::{Engine, TestApp, told};

async fn count(app: &TestApp, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    on_db!(&app.core.db, c => sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(c).await)
        .unwrap()
}

async fn a_digest_is_previewed_and_planned_at_the_hour_that_is_asked(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let core = &app.core;
    newsroom::sync_sections(core).await.unwrap();
    audience::sync_newsletters(core).await.unwrap();
    let languages = ["kk", "ru"].map(|tag| Language::parse(tag).unwrap());
    let wishes = Wishes {
        languages: languages.to_vec(),
        sections: Vec::new(),
        tags: Vec::new(),
        cadence: Cadence::Daily,
        time_zone: Zone::parse("Asia/Almaty").unwrap(),
        minute: 480,
        text_only: false,
    };
    let address = EmailAddress::parse("aigerim@example.kz").unwrap();
    audience::add(core, None, &[(address, wishes)], "signed list")
        .await
        .unwrap();
    let draft = Draft::new(
        languages[1].clone(),
        "Река вернулась в берега",
        "<p>Вода спала.</p>",
    );
    newsroom::publish(core, draft).await.unwrap();
    let (early, eight) = ("2026-02-28T07:30:00+05:00", "2026-02-28T08:00:00+05:00");

    // Looking.
    let preview = ["digest", "preview", "--at", early, "--subscriber"];
    let seen = told(&app.jarshy("", &[&preview[..], &["aigerim@example.kz"]].concat()));
    assert!(
        seen.contains("Subject: Река вернулась в берега\n"),
        "{seen}"
    );
    let folder = app.folder.path().join("seen");
    let out = folder.to_str().unwrap();
    let wished = ["digest", "preview", "--at", early, "--languages", "ru,en"];
    told(&app.jarshy("", &[&wished[..], &["--out", out]].concat()));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("digest.html").contains("Река вернулась в берега"));
    assert!(read("digest.txt").contains("Река вернулась в берега"));
    let source = read("digest.eml");
    assert!(
        source.contains("\r\nTo: reader@example.org\r\n"),
        "{source}"
    );
    assert!(source.contains("\r\nList-Unsubscribe: "), "{source}");
    let sport = [&wished[..], &["--sections", "sport"]].concat();
    assert_eq!(
        told(&app.jarshy("", &sport)),
        "nothing new: nobody is mailed\n"
    );
    let unknown = [&wished[..], &["--sections", "sports"]].concat();
    let refused = app.jarshy("", &unknown);
    assert_eq!(refused.status.code(), Some(2));
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert!(sentence.contains("society, economy, sport"), "{sentence}");
    let stranger = app.jarshy("", &[&preview[..], &["berik@example.kz"]].concat());
    assert_eq!(stranger.status.code(), Some(2));

    // Planning: not before the hour, not on a dry run, once.
    let line = "08:00:00  Asia/Almaty  1 new story → 1 digest: қазақша→русский 1\n";
    assert_eq!(
        told(&app.jarshy("", &["digest", "plan", "--at", early])),
        "nothing is due; next: 2026-02-28 08:00  Asia/Almaty\n"
    );
    let plan = ["digest", "plan", "--at", eight];
    assert_eq!(
        told(&app.jarshy("", &[&plan[..], &["--dry-run"]].concat())),
        format!("{line}          1 reader · kk→ru · 1 story · «Река вернулась в берега»\n")
    );
    for table in ["letter", "delivery", "run", "issue"] {
        assert_eq!(count(&app, table).await, 0, "{table}");
    }
    assert_eq!(told(&app.jarshy("", &plan)), line);
    assert_eq!(count(&app, "delivery").await, 1);
    let again: serde_json::Value =
        serde_json::from_str(&told(&app.jarshy("", &[&plan[..], &["--json"]].concat()))).unwrap();
    assert_eq!(again, serde_json::json!([]));
    assert_eq!(count(&app, "delivery").await, 1);

    // The letter is due at eight: at half past seven there is nothing to send, and no relay is asked.
    let sent = told(&app.jarshy("", &["deliver", "--at", early]));
    assert!(sent.contains("1 open, due later"), "{sent}");
    let misplaced = app.jarshy("", &["verify", "--at", early]);
    assert_eq!(misplaced.status.code(), Some(2));
}

both_engines!(a_digest_is_previewed_and_planned_at_the_hour_that_is_asked);
