//! Lists out, what is known of one person, and people who are forgotten (PRODUCT M11, M12; FAILURES T37).

use jarshy::audience::{self, AudienceError, SignUp};
use jarshy::base::address::EmailAddress;
use jarshy::base::token::Purpose;
use jarshy::delivery::{self, LetterKind, NewDelivery, NewLetter};
use jarshy::work::Core;
use jarshy::{on_db, on_tx};
use serde_json::Value;

use super::{House, language, options, python, text};
use crate::both_engines;
use crate::support::{Engine, slot};

both_engines!(
    an_exported_list_comes_back_the_same,
    a_list_shows_addresses_on_purpose_and_runs_nothing,
    an_exported_list_mails_nobody_it_must_not,
    a_person_gets_all_that_is_known_of_them,
    an_erased_person_leaves_a_keyed_hash_alone,
    what_is_in_flight_is_emptied_once_it_is_settled,
    an_erasure_beats_a_plan_that_is_being_made,
    who_was_erased_can_come_back_by_the_form,
    the_command_line_erases_on_purpose_alone,
);

/// Prints the rows of a file of ours as JSON; Python's csv module is a reader that is not ours.
const READ_LIST: &str = "import csv, json, sys\n\
    with open(sys.argv[1], encoding='utf-8-sig', newline='') as file:\n    \
    print(json.dumps(list(csv.reader(file, delimiter=sys.argv[2], strict=True))))";

fn address(typed: &str) -> EmailAddress {
    EmailAddress::parse(typed).unwrap()
}

impl House {
    fn export(&self, name: &str, more: &[&str]) -> String {
        let path = self.app.folder.path().join(name);
        let args: Vec<&str> = ["subscriber", "export", "--out", path.to_str().unwrap()]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let output = self.jarshy(&args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        path.to_str().unwrap().to_owned()
    }

    /// One letter of that kind with a delivery to a person; the row of the delivery.
    async fn mail(&self, kind: LetterKind, subject: &str, who: &str) -> i64 {
        let core = self.core();
        let (id, hash): (i64, String) = on_db!(&core.db, c => sqlx::query_as(
            "SELECT id, address_hash FROM subscriber WHERE address_key = $1").bind(who).fetch_one(c).await)
        .unwrap();
        let mut tx = core.db.begin().await.unwrap();
        let row = plan(core, &mut tx, kind, subject, who, id, &hash).await;
        tx.commit().await.unwrap();
        row
    }

    async fn set(&self, sql: &'static str, id: i64) {
        let mut tx = self.core().db.begin().await.unwrap();
        on_tx!(&mut tx, c => sqlx::query(sql).bind(id).execute(c).await.map(|_| ())).unwrap();
        tx.commit().await.unwrap();
    }

    async fn worker(&self) -> i64 {
        let mut tx = self.core().db.begin().await.unwrap();
        let id = on_tx!(&mut tx, c => sqlx::query_scalar::<_, i64>(
            "INSERT INTO worker (host, build, tzdb, started_at, lease_until) VALUES ('h', 'b', 't', 1, 1) RETURNING id")
            .fetch_one(c).await)
        .unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn delivery_states(&self) -> Vec<(String, Option<String>, Option<String>)> {
        on_db!(&self.core().db, c => sqlx::query_as("SELECT state, address, reply FROM delivery ORDER BY id").fetch_all(c).await)
            .unwrap()
    }

    /// Files of SQLite in which the bytes stand, whatever the database says; PostgreSQL's are not ours to read.
    fn find_in_files(&self, word: &[u8]) -> Vec<std::path::PathBuf> {
        let files = std::fs::read_dir(self.app.folder.path()).unwrap();
        files
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains("jarshy.db"))
            .filter(|path| {
                let bytes = std::fs::read(path).unwrap();
                bytes.windows(word.len()).any(|window| window == word)
            })
            .collect()
    }

    /// Where in the whole database a word stands: table and column of each.
    async fn find_everywhere(&self, word: &str) -> Vec<String> {
        let core = self.core();
        let columns: Vec<(String, String)> = if core.db.is_postgres() {
            on_db!(&core.db, c => sqlx::query_as(
                "SELECT table_name::text, column_name::text FROM information_schema.columns \
                 WHERE table_schema = 'public' AND data_type IN ('text', 'bytea')").fetch_all(c).await)
        } else {
            on_db!(&core.db, c => sqlx::query_as(
                "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' \
                 AND m.name NOT LIKE 'article_words_fts%'").fetch_all(c).await)
        }
        .unwrap();
        assert!(columns.len() > 60);
        let mut found = Vec::new();
        for (table, column) in columns {
            let sql = format!(
                "SELECT COUNT(*) FROM {table} WHERE CAST({column} AS TEXT) LIKE '%{word}%'"
            );
            let count: i64 = on_db!(&core.db, c => sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(c).await).unwrap();
            if count > 0 {
                found.push(format!("{table}.{column}"));
            }
        }
        found
    }
}

async fn plan(
    core: &Core,
    tx: &mut jarshy::db::Tx,
    kind: LetterKind,
    subject: &str,
    who: &str,
    recipient_id: i64,
    hash: &str,
) -> i64 {
    let now = core.clock.now();
    let letter = NewLetter {
        kind,
        scope: None,
        language: language("ru"),
        sender_name: "Тау жаршысы".to_owned(),
        sender_address: "digest@news.example.kz".to_owned(),
        reply_to: None,
        subject: subject.to_owned(),
        html: "<p>Вода прибывает.</p>".to_owned(),
        text: "Вода прибывает.".to_owned(),
        headers: Vec::new(),
        dated_at: now,
        resend_uncertain: true,
    };
    let lane_id = delivery::store::ensure_lane(tx, "default", "other")
        .await
        .unwrap();
    let letter_id = delivery::store::insert_letter(tx, core, &letter)
        .await
        .unwrap();
    let row = NewDelivery {
        letter_id,
        batch: None,
        recipient_id,
        recipient_uid: core.clock.uuid_v4(),
        recipient_epoch: 0,
        address: who.to_owned(),
        address_hash: hash.to_owned(),
        lane_id,
        priority: 5,
        text_only: false,
        due_at: now,
        expires_at: None,
    };
    assert!(
        !delivery::store::insert_deliveries(tx, now, &[row])
            .await
            .unwrap()
    );
    on_tx!(tx, c => sqlx::query_scalar("SELECT MAX(id) FROM delivery").fetch_one(c).await).unwrap()
}

/// People in every state, with every wish, and addresses that a spreadsheet would run.
const PEOPLE: &str = "email;newsletter;state;languages;sections;story_tags;cadence;hour;time_zone;text_only;paused_until\r\n\
    aigerim@example.kz;daily;active;ru,kk;economy,sport;flood;weekdays;07:30;Europe/Berlin;yes;\r\n\
    '=cmd@example.kz;daily;active;kk;;;daily;08:00;Asia/Almaty;no;\r\n\
    '+7700@example.kz;daily;paused;en;;;weekly:1;18:05;Asia/Almaty;no;2026-05-01\r\n\
    '-@example.kz;;active;;;;immediate;;;;\r\n\
    ''=odd@example.kz;;active;;;;days:1,3,5;23:59;Pacific/Chatham;;\r\n\
    'quiet@example.kz;;;;;;;;;;\r\n\
    әсем@мысал.қаз;;;kk;;;;;;;\r\n\
    left@example.kz;;unsubscribed;;;;;;;;\r\n";

async fn an_exported_list_comes_back_the_same(engine: Engine) {
    let (house, other) = (House::open(engine).await, House::open(engine).await);
    let (done, seen) = house.import("people.csv", PEOPLE).await;
    assert_eq!((done.new, done.left), (7, 1), "{:?}", seen.0);
    for (separator, sign) in [("semicolon", ";"), ("comma", ","), ("tab", "\t")] {
        let file = house.export("out.csv", &["--show-addresses", "--separator", separator]);
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            bytes.starts_with(b"\xef\xbb\xbfemail"),
            "Excel takes it for windows-1251 without the mark"
        );
        let (back, seen) = other.import("back.csv", &bytes).await;
        assert_eq!(back.refused, 0, "{:?}", seen.0);
        assert_eq!(other.people().await, house.people().await);
        // What another reader sees: no cell that a spreadsheet would run, and every row as wide as the first.
        let rows: Vec<Vec<String>> =
            serde_json::from_str(&python(READ_LIST, &[&file, sign])).unwrap();
        assert_eq!(rows.len(), 9);
        for row in &rows {
            assert_eq!(row.len(), rows[0].len());
            for cell in row {
                assert!(
                    !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                    "{cell:?}"
                );
            }
        }
        assert_eq!(rows[2][0], "'=cmd@example.kz");
        assert_eq!(rows[5][0], "''=odd@example.kz");
    }
    let states = other.states().await;
    let who: Vec<&str> = states.iter().map(|(a, _)| &**a).collect();
    assert!(
        who.contains(&"=cmd@example.kz") && who.contains(&"'=odd@example.kz"),
        "{who:?}"
    );
    assert!(who.contains(&"'quiet@example.kz"), "{who:?}");
}

async fn a_list_shows_addresses_on_purpose_and_runs_nothing(engine: Engine) {
    let house = House::open(engine).await;
    house.import("people.csv", PEOPLE).await;
    let file = house.export("masked.csv", &[]);
    let masked = std::fs::read_to_string(&file).unwrap();
    assert!(
        !masked.contains("aigerim") && masked.contains("a•••m@example.kz"),
        "{masked}"
    );
    // Nobody is made of the dots.
    let (back, seen) = house.import("masked.csv", &masked).await;
    assert_eq!((back.new, back.known, back.unreadable), (0, 0, 8));
    assert!(
        seen.sentence(2).contains("--show-addresses"),
        "{:?}",
        seen.0
    );
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    let json = house.export(
        "out.json",
        &[
            "--format",
            "json",
            "--show-addresses",
            "--newsletter",
            "daily",
        ],
    );
    let list: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 8);
    assert_eq!(list[0]["email"], "aigerim@example.kz");
    assert_eq!(list[0]["languages"], serde_json::json!(["ru", "kk"]));
    assert_eq!(list[0]["hour"], "07:30");
    assert_eq!(list[0]["text_only"], true);
    let wrong = house.jarshy(&["subscriber", "export", "--newsletter", "weekly"]);
    assert!(
        !wrong.status.success() && text(&wrong.stderr).contains("daily"),
        "{}",
        text(&wrong.stderr)
    );
    let shown = house.jarshy(&["subscriber", "export", "--format", "json"]);
    assert!(!text(&shown.stdout).contains("aigerim"));
}

async fn an_exported_list_mails_nobody_it_must_not(engine: Engine) {
    let (house, other) = (House::open(engine).await, House::open(engine).await);
    house
        .import(
            "list.csv",
            "email\na@example.kz\nb@example.kz\nc@example.kz\n",
        )
        .await;
    let now = house.core().clock.now();
    let mut tx = house.core().db.begin().await.unwrap();
    for (who, reason) in [
        ("b@example.kz", "hard"),
        ("c@example.kz", "hard"),
        ("c@example.kz", "complaint"),
    ] {
        delivery::store::suppress(&mut tx, &house.hash(who), None, reason, "", now)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let file = house.export("out.csv", &["--show-addresses"]);
    let rows: Vec<Vec<String>> = serde_json::from_str(&python(READ_LIST, &[&file, ";"])).unwrap();
    let states: Vec<&str> = rows.iter().skip(1).map(|row| &*row[2]).collect();
    assert_eq!(states, ["active", "bounced", "complained"]);
    let (back, _) = other
        .import("back.csv", std::fs::read(&file).unwrap())
        .await;
    assert_eq!((back.new, back.suppressed), (1, 2));
    let reasons: Vec<String> = other
        .suppressions()
        .await
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(reasons, ["hard", "complaint"]);
}

async fn a_person_gets_all_that_is_known_of_them(engine: Engine) {
    let house = House::open(engine).await;
    // As the form writes it down.
    let shown = r#"{"version":"0123456789ab","language":"kk","text":"Дербес деректерімді жинауға және өңдеуге келісемін","page":"/kk/subscribe","from":"203.0.113.5"}"#;
    let request = SignUp {
        address: address("aigerim@example.kz"),
        newsletter: None,
        wishes: options().wishes,
        interface: language("kk"),
        evidence: shown.to_owned(),
    };
    audience::sign_up(house.core(), &house.theme, request)
        .await
        .unwrap();
    house.join("aigerim@example.kz").await;
    let issue = house
        .mail(
            LetterKind::Issue,
            "Су тасқынына дайындық басталды",
            "aigerim@example.kz",
        )
        .await;
    house
        .set(
            "UPDATE delivery SET state = 'accepted', intent_at = 1, accepted_at = 1772244000000, finished_at = 1772244000000 WHERE id = $1",
            issue,
        )
        .await;
    let output = house.jarshy(&["subscriber", "export", "Aigerim@example.kz"]);
    let person: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(person["address"], "aigerim@example.kz");
    assert_eq!(
        person["subscriptions"][0]["languages"],
        serde_json::json!(["kk", "ru", "en"])
    );
    assert_eq!(person["subscriptions"][0]["hour"], "08:00");
    let consent = person["consent"].as_array().unwrap();
    assert_eq!(
        (
            &consent[0]["action"],
            &consent[0]["method"],
            &consent[0]["newsletter"]
        ),
        (&"asked".into(), &"form".into(), &"daily".into())
    );
    assert_eq!(
        consent[0]["shown"]["text"],
        "Дербес деректерімді жинауға және өңдеуге келісемін"
    );
    assert_eq!(consent[0]["shown"]["version"], "0123456789ab");
    assert_eq!(consent[0]["at"], "2026-02-28T02:00:00Z");
    assert_eq!(consent.last().unwrap()["action"], "confirmed");
    let mails = person["mails"].as_array().unwrap();
    let last = mails.last().unwrap();
    assert_eq!(last["subject"], "Су тасқынына дайындық басталды");
    assert_eq!(
        (&last["kind"], &last["state"]),
        (&"issue".into(), &"accepted".into())
    );
    assert!(mails.iter().any(|mail| mail["kind"] == "confirmation"));
    assert!(person["operator"]["email"].is_string());
    let nobody = house.jarshy(&["subscriber", "export", "nobody@example.kz"]);
    assert!(!nobody.status.success() && text(&nobody.stderr).contains("nobody with that address"));
}

async fn an_erased_person_leaves_a_keyed_hash_alone(engine: Engine) {
    let house = House::open(engine).await;
    house
        .import(
            "list.csv",
            "email,optin_ip\naigerim@example.kz,203.0.113.5\nother@example.kz,\n",
        )
        .await;
    let uid = house
        .uid(
            "SELECT uid FROM subscriber WHERE address_key = $1",
            "aigerim@example.kz",
        )
        .await;
    for (kind, sql) in [
        (
            LetterKind::Issue,
            "UPDATE delivery SET class = class WHERE id = $1",
        ),
        (
            LetterKind::Issue,
            "UPDATE delivery SET state = 'held' WHERE id = $1",
        ),
        (
            LetterKind::Issue,
            "UPDATE delivery SET state = 'accepted', intent_at = 1, accepted_at = 2, finished_at = 2, \
             reply = '250 ok aigerim@example.kz' WHERE id = $1",
        ),
        (
            LetterKind::Confirmation,
            "UPDATE delivery SET state = 'failed', finished_at = 2, reply = '550 <aigerim@example.kz> unknown' WHERE id = $1",
        ),
    ] {
        let row = house.mail(kind, "Вода", "aigerim@example.kz").await;
        house.set(sql, row).await;
        house
            .set(
                "INSERT INTO mail_event (delivery_id, kind, class, detail, at, raw) \
                 VALUES ($1, 'bounce', 'hard', 'for aigerim', 1, 'To: aigerim@example.kz')",
                row,
            )
            .await;
    }
    let before = house.find_everywhere("aigerim").await;
    for place in [
        "subscriber.address",
        "subscriber.address_key",
        "delivery.address",
        "delivery.reply",
        "mail_event.raw",
    ] {
        assert!(before.contains(&place.to_owned()), "{before:?}");
    }
    assert_eq!(
        house.find_everywhere("203.0.113.5").await,
        ["consent.evidence"]
    );

    assert_eq!(
        audience::erase(house.core(), &address("Aigerim@example.kz"))
            .await
            .unwrap(),
        0
    );
    assert!(
        house.find_everywhere("aigerim").await.is_empty(),
        "{:?}",
        house.find_everywhere("aigerim").await
    );
    assert!(house.find_everywhere("203.0.113.5").await.is_empty());
    let states: Vec<String> = house
        .delivery_states()
        .await
        .into_iter()
        .map(|row| row.0)
        .collect();
    assert_eq!(states, ["cancelled", "cancelled", "accepted", "failed"]);
    assert_eq!(
        house.suppressions().await,
        [(house.hash("aigerim@example.kz"), "erased".to_owned())]
    );
    assert!(house.find_in_files(b"aigerim").is_empty());
    // The neighbour is untouched.
    assert_eq!(house.find_everywhere("other@example.kz").await.len(), 2);
    assert_eq!(house.states().await[1].1, "active");
    // Links of old mails are dead, or say that the person has left.
    let preferences =
        audience::get_preferences(house.core(), &house.token(Purpose::Preferences, &uid)).await;
    assert!(preferences.is_err());
    // Sums still add up.
    assert!(house.jarshy(&["verify"]).status.success());
    // M12: a later list is refused, and counted.
    let (done, seen) = house
        .import(
            "list.csv",
            "email,status\naigerim@example.kz,\nAIGERIM@example.kz,unsubscribed\n",
        )
        .await;
    assert_eq!(done.refused, 1);
    assert_eq!(seen.outcomes(), [(2, "refused: erased"), (3, "known")]);
    assert!(house.find_everywhere("aigerim").await.is_empty());
    let again = audience::erase(house.core(), &address("aigerim@example.kz")).await;
    assert!(matches!(again, Err(AudienceError::Nobody)));
    let exported = house.export("out.csv", &["--show-addresses"]);
    assert_eq!(
        std::fs::read_to_string(exported).unwrap().lines().count(),
        2
    );
}

async fn what_is_in_flight_is_emptied_once_it_is_settled(engine: Engine) {
    let house = House::open(engine).await;
    house
        .import("list.csv", "email\naigerim@example.kz\n")
        .await;
    let row = house
        .mail(LetterKind::Issue, "Вода", "aigerim@example.kz")
        .await;
    let worker = house.worker().await;
    house
        .set(
            "UPDATE delivery SET state = 'committing', intent_at = 1, worker_id = $1",
            worker,
        )
        .await;
    assert_eq!(
        audience::erase(house.core(), &address("aigerim@example.kz"))
            .await
            .unwrap(),
        1
    );
    assert_eq!(house.find_everywhere("aigerim").await, ["delivery.address"]);
    assert_eq!(audience::finish_erasures(house.core()).await.unwrap(), 1);
    // The relay answers.
    house
        .set(
            "UPDATE delivery SET state = 'accepted', accepted_at = 2, finished_at = 2, reply = '250 aigerim' WHERE id = $1",
            row,
        )
        .await;
    assert_eq!(audience::finish_erasures(house.core()).await.unwrap(), 0);
    assert!(house.find_everywhere("aigerim").await.is_empty());
    assert_eq!(
        house.delivery_states().await,
        [("accepted".to_owned(), None, None)]
    );
}

async fn an_erasure_beats_a_plan_that_is_being_made(engine: Engine) {
    let house = House::open(engine).await;
    house
        .import("list.csv", "email\naigerim@example.kz\n")
        .await;
    let core = house.core().clone();
    let slot: i64 =
        on_db!(&core.db, c => sqlx::query_scalar("SELECT id FROM slot").fetch_one(c).await)
            .unwrap();
    let mut tx = core.db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query("UPDATE log_head SET no = 5").execute(c).await.map(|_| ()))
        .unwrap();
    let members = slot::lock_chunk(&mut tx, slot, 0, 5, "2026-02-28", 10).await;
    assert_eq!(members.len(), 1);
    let erasing = tokio::spawn({
        let core = core.clone();
        async move { audience::erase(&core, &address("aigerim@example.kz")).await }
    });
    // The planner commits while the erasure waits for its rows.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    plan(
        &core,
        &mut tx,
        LetterKind::Issue,
        "Вода",
        "aigerim@example.kz",
        members[0].subscriber_id,
        &core.keys.address_hash("aigerim@example.kz"),
    )
    .await;
    tx.commit().await.unwrap();
    assert_eq!(erasing.await.unwrap().unwrap(), 0);
    assert_eq!(
        house.delivery_states().await,
        [("cancelled".to_owned(), None, None)]
    );
    assert!(house.find_everywhere("aigerim").await.is_empty());
}

async fn who_was_erased_can_come_back_by_the_form(engine: Engine) {
    let house = House::open(engine).await;
    house
        .import("list.csv", "email\naigerim@example.kz\n")
        .await;
    audience::erase(house.core(), &address("aigerim@example.kz"))
        .await
        .unwrap();
    house.join("aigerim@example.kz").await;
    assert!(house.suppressions().await.is_empty());
    assert_eq!(
        house.states().await,
        [
            (None::<String>, "left"),
            (Some("aigerim@example.kz".to_owned()), "active")
        ]
        .map(|(a, s)| (a.unwrap_or_default(), s.to_owned()))
    );
    // Known again, by their own hand: a list changes nothing.
    let (_, seen) = house
        .import(
            "list.csv",
            "email,status\naigerim@example.kz,\naigerim@example.kz,unsubscribed\n",
        )
        .await;
    assert_eq!(seen.outcomes(), [(2, "known"), (3, "known")]);
}

async fn the_command_line_erases_on_purpose_alone(engine: Engine) {
    let house = House::open(engine).await;
    house
        .import("list.csv", "email\naigerim@example.kz\n")
        .await;
    let mut command = house.command(&["subscriber", "erase", "aigerim@example.kz"]);
    let asked = command.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(
        !asked.status.success() && text(&asked.stderr).contains("--yes"),
        "{}",
        text(&asked.stderr)
    );
    assert_eq!(house.states().await.len(), 1);
    let done = house.jarshy(&["subscriber", "erase", "aigerim@example.kz", "--yes"]);
    assert!(
        done.status.success() && text(&done.stdout).contains("Erased"),
        "{}",
        text(&done.stderr)
    );
    assert!(house.find_everywhere("aigerim").await.is_empty());
    let again = house.jarshy(&["subscriber", "erase", "aigerim@example.kz", "--yes"]);
    assert!(!again.status.success() && text(&again.stderr).contains("nobody"));
}
