//! Seeing ahead from the command line: preview, plan on trial, the next sends. Nothing of it leaves a trace, and all of it agrees
//! with what is done afterwards.

use jarshy::audience::{Cadence, Wishes};
use jarshy::base::time::Timestamp;
use jarshy::newsroom::Draft;
use jarshy::{on_db, on_tx};

use crate::both_engines;
use crate::support::desk::{Desk, language, wishes};
use crate::support::dump::dump;
use crate::support::{Engine, told};

both_engines!(
    looking_ahead_changes_no_row_of_any_table,
    a_plan_on_trial_says_what_the_plan_then_does,
    a_preview_shows_any_moment,
    the_next_sends_are_those_that_then_come,
    the_next_sends_say_why,
);

const ALMATY: &str = "Asia/Almaty";
const MORNING: &str = "2026-02-28T08:00:00+05:00";
const FLOOD: &str = "В области начали готовиться к паводку";
const BRIDGE: &str = "Мост через Есиль закроют на ремонт";
const SCHOOL: &str = "Ауылда жаңа мектеп ашылды";

async fn pause(desk: &Desk, address: &str, until: &str) {
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query(
        "UPDATE subscription SET state = 'paused', paused_until = $2 WHERE subscriber_id = (SELECT id FROM subscriber WHERE address_key = $1)")
        .bind(address).bind(until).execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
}

async fn embargoed(desk: &Desk, title: &str, until: &str) {
    desk.send(Draft {
        embargo_at: Some(until.parse().unwrap()),
        ..Draft::new(language("ru"), title, format!("<p>{title}.</p>"))
    })
    .await;
}

async fn looking_ahead_changes_no_row_of_any_table(engine: Engine) {
    let desk = Desk::open(engine).await;
    for (address, languages) in [
        ("a@example.org", &["kk", "ru"][..]),
        ("b@example.org", &["ru"]),
    ] {
        desk.subscribe(address, wishes(languages, ALMATY)).await;
    }
    pause(&desk, "b@example.org", "2026-02-28").await;
    desk.publish("ru", FLOOD).await;
    embargoed(&desk, BRIDGE, "2026-02-28T07:30:00+05:00").await;
    let before = dump(&desk.core().db).await;
    let out = desk.app.folder.path().join("seen");
    for args in [
        &["digest", "plan", "--dry-run"][..],
        &["digest", "plan", "--dry-run", "--json"],
        &["digest", "preview", "a@example.org"],
        &[
            "digest",
            "preview",
            "b@example.org",
            "--out",
            out.to_str().unwrap(),
        ],
        &["digest", "preview", "--languages", "ru"],
        &["digest", "next", "a@example.org"],
        &["explain", "a@example.org"],
        &["explain", "b@example.org", "--json"],
    ] {
        let said = told(&desk.app.jarshy("", &[args, &["--at", MORNING]].concat()));
        assert!(!said.is_empty());
        let after = dump(&desk.core().db).await;
        for (table, rows) in &before {
            assert_eq!(rows, &after[table], "{args:?} changed {table}");
        }
    }
    for name in ["digest.html", "digest.txt", "digest.eml"] {
        assert!(out.join(name).is_file());
    }
}

async fn a_plan_on_trial_says_what_the_plan_then_does(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe("a@example.org", wishes(&["kk", "ru"], ALMATY))
        .await;
    desk.subscribe("b@example.org", wishes(&["ru"], ALMATY))
        .await;
    desk.subscribe("c@example.org", wishes(&["en"], ALMATY))
        .await;
    desk.subscribe("d@example.org", wishes(&["ru"], "Asia/Tashkent"))
        .await;
    // Comes back this morning, and the second story comes out half an hour before the digest.
    pause(&desk, "b@example.org", "2026-02-28").await;
    desk.publish("ru", FLOOD).await;
    desk.publish("kk", SCHOOL).await;
    embargoed(&desk, BRIDGE, "2026-02-28T07:30:00+05:00").await;
    let dry = ["digest", "plan", "--dry-run", "--at", MORNING];
    let words = told(&desk.app.jarshy("", &dry));
    assert!(
        words.contains("          1 reader · kk→ru · 3 stories · «"),
        "{words}"
    );
    assert!(
        words.contains(&format!(
            "          1 reader · ru · 2 stories · «{BRIDGE} и ещё 1 новость»"
        )),
        "{words}"
    );
    assert!(
        words.contains("          1 reader has nothing new and no mail\n"),
        "{words}"
    );
    let foretold: serde_json::Value = serde_json::from_str(&told(
        &desk.app.jarshy("", &[&dry[..], &["--json"]].concat()),
    ))
    .unwrap();
    let done: serde_json::Value = serde_json::from_str(&told(
        &desk
            .app
            .jarshy("", &["digest", "plan", "--json", "--at", MORNING]),
    ))
    .unwrap();
    let plain = |reports: &serde_json::Value| {
        let mut all: Vec<serde_json::Value> = reports.as_array().unwrap().clone();
        for report in &mut all {
            let report = report.as_object_mut().unwrap();
            report.remove("run");
            report.remove("state");
            report["issues"]
                .as_array_mut()
                .unwrap()
                .sort_by_key(ToString::to_string);
        }
        all.sort_by_key(ToString::to_string);
        all
    };
    assert_eq!(plain(&foretold), plain(&done));
    assert_eq!(done.as_array().unwrap().len(), 2, "two zones of one hour");
    desk.app.set_time(MORNING);
    desk.agrees().await;

    // A date that is held is told as such, with what it would be.
    desk.publish("ru", "Третья новость").await;
    told(
        &desk
            .app
            .jarshy("", &["digest", "hold", "--date", "2026-03-01"]),
    );
    let words = told(&desk.app.jarshy(
        "",
        &[
            "digest",
            "plan",
            "--dry-run",
            "--at",
            "2026-03-01T08:00:00+05:00",
        ],
    ));
    assert!(
        words.contains("held: nothing of it is planned before")
            && words.contains("«Третья новость»"),
        "{words}"
    );
}

async fn a_preview_shows_any_moment(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe("a@example.org", wishes(&["kk", "ru"], ALMATY))
        .await;
    let flood = desk.publish("ru", FLOOD).await;
    desk.at(MORNING).await;
    let sent = desk.digests("a@example.org").await.remove(0);
    // Next day the Kazakh text comes late: this reader had the story in Russian and gets it no more.
    desk.app.set_time("2026-02-28T10:00:00+05:00");
    desk.translate(&flood, "kk", "Облыста су тасқынына дайындық басталды")
        .await;
    let preview = |at: &str| {
        told(
            &desk
                .app
                .jarshy("", &["digest", "preview", "a@example.org", "--at", at]),
        )
    };
    assert_eq!(
        preview("2026-02-28T20:00:00+05:00"),
        "nothing new: nobody is mailed\n",
        "what was sent in another language is not sent again"
    );
    embargoed(&desk, BRIDGE, "2026-03-01T07:00:00+05:00").await;
    assert_eq!(
        preview("2026-03-01T06:00:00+05:00"),
        "nothing new: nobody is mailed\n"
    );
    let tomorrow = preview("2026-03-01T08:00:00+05:00");
    assert!(
        tomorrow.contains(&format!("Subject: {BRIDGE}\n")),
        "what waits for its hour is in it: {tomorrow}"
    );
    // The digest that was sent, as it was: the same parts but for the links, which are nobody's.
    let out = desk.app.folder.path().join("past");
    told(&desk.app.jarshy(
        "",
        &[
            "digest",
            "preview",
            "a@example.org",
            "--at",
            MORNING,
            "--out",
            out.to_str().unwrap(),
        ],
    ));
    let text = std::fs::read_to_string(out.join("digest.txt")).unwrap();
    assert!(text.contains(FLOOD) && !text.contains(BRIDGE), "{text}");
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !line.contains("/unsubscribe/") && !line.contains("/preferences/"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(lines(&text), lines(&sent.text));
    for (address, sentence) in [
        ("nobody@example.org", "nobody has subscribed with it"),
        ("a@example.org", ""),
    ] {
        if sentence.is_empty() {
            desk.leave(address).await;
        }
        let refused = desk.app.jarshy("", &["digest", "preview", address]);
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(
            said.contains(if sentence.is_empty() {
                "has left"
            } else {
                sentence
            }),
            "{said}"
        );
    }
}

/// A subscriber, and from when on seven sends are foretold.
struct Walk {
    zone: &'static str,
    cadence: Cadence,
    minute: i64,
    paused_until: Option<&'static str>,
    from: &'static str,
}

async fn the_next_sends_are_those_that_then_come(engine: Engine) {
    for walk in [
        Walk {
            zone: "Europe/Berlin",
            cadence: Cadence::Daily,
            minute: 150,
            paused_until: None,
            from: "2026-03-26T12:00:00+01:00",
        },
        Walk {
            zone: "Europe/Berlin",
            cadence: Cadence::Weekdays,
            minute: 480,
            paused_until: Some("2026-10-27"),
            from: "2026-10-23T07:00:00+02:00",
        },
        Walk {
            zone: "Africa/Cairo",
            cadence: Cadence::Days(vec![5, 7]),
            minute: 30,
            paused_until: None,
            from: "2026-04-20T12:00:00+02:00",
        },
    ] {
        let desk = Desk::open(engine).await;
        desk.app.set_time(walk.from);
        let wanted = Wishes {
            cadence: walk.cadence.clone(),
            minute: walk.minute,
            ..wishes(&["ru"], walk.zone)
        };
        desk.subscribe("a@example.org", wanted).await;
        if let Some(until) = walk.paused_until {
            pause(&desk, "a@example.org", until).await;
        }
        let said = told(&desk.app.jarshy(
            "",
            &[
                "digest",
                "next",
                "a@example.org",
                "--json",
                "--at",
                walk.from,
            ],
        ));
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let foretold: Vec<(String, String)> = said["sends"]
            .as_array()
            .unwrap()
            .iter()
            .map(|send| {
                (
                    send["due_at"].as_str().unwrap().to_owned(),
                    send["local_date"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        assert_eq!(foretold.len(), 7);
        // Something new each quarter of an hour's tick that matters: a story an hour before every possible send.
        let mut now: Timestamp = walk.from.parse().unwrap();
        let last: Timestamp = foretold[6].0.parse().unwrap();
        let mut n = 0;
        while now <= last {
            n += 1;
            desk.publish("ru", &format!("Новость {n}")).await;
            now = now.plus_secs(1800);
            desk.at(&now.to_string()).await;
        }
        let came: Vec<(Timestamp, String)> = on_db!(&desk.core().db, c => sqlx::query_as(
            "SELECT r.due_at, r.local_date FROM delivery d JOIN run r ON r.id = d.batch ORDER BY d.id").fetch_all(c).await)
        .unwrap();
        let came: Vec<(String, String)> = came
            .into_iter()
            .map(|(at, date)| (at.to_string(), date))
            .collect();
        assert_eq!(came, foretold, "{}", walk.zone);
    }
}

async fn the_next_sends_say_why(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.app.set_time("2026-03-27T12:00:00+01:00");
    let wanted = Wishes {
        minute: 150,
        ..wishes(&["ru"], "Europe/Berlin")
    };
    desk.subscribe("a@example.org", wanted).await;
    let next = ["digest", "next", "a@example.org", "--at"];
    let words = told(
        &desk
            .app
            .jarshy("", &[&next[..], &["2026-03-28T12:00:00+01:00"]].concat()),
    );
    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(
        lines[0],
        "Sun 2026-03-29 03:30 +02:00  Europe/Berlin  every day at 02:30; \
         the clocks go forward and the wall never shows 02:30: it comes later by as much, at 03:30"
    );
    assert_eq!(
        lines[1],
        "Mon 2026-03-30 02:30 +02:00  Europe/Berlin  every day at 02:30"
    );
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[7], "so far nothing new: an empty day brings no mail");
    let words = told(
        &desk
            .app
            .jarshy("", &[&next[..], &["2026-10-24T12:00:00+02:00"]].concat()),
    );
    assert!(
        words.starts_with("Sun 2026-10-25 02:30 +02:00")
            && words.contains("the wall shows 02:30 twice: the first time counts"),
        "{words}"
    );
    pause(&desk, "a@example.org", "2026-04-02").await;
    desk.publish("ru", FLOOD).await;
    let words = told(&desk.app.jarshy(
        "",
        &[&next[..], &["2026-03-30T12:00:00+02:00", "--count", "1"]].concat(),
    ));
    assert!(
        words.starts_with("Thu 2026-04-02 02:30 +02:00")
            && words.contains(
                "the first after the pause, which passes over 2 (the last on 2026-04-01)"
            ),
        "{words}"
    );
    assert!(
        words.ends_with(&format!("so far 1 story: «{FLOOD}»\n")),
        "{words}"
    );

    let immediate = Wishes {
        cadence: Cadence::Immediate,
        ..wishes(&["ru"], "Europe/Berlin")
    };
    desk.subscribe("b@example.org", immediate).await;
    let words = told(&desk.app.jarshy("", &["digest", "next", "b@example.org"]));
    assert!(
        words.contains("as soon as something matches, at most every five minutes"),
        "{words}"
    );
    desk.leave("b@example.org").await;
    assert_eq!(
        told(&desk.app.jarshy("", &["digest", "next", "b@example.org"])),
        "none: the person has left\n"
    );
    let unknown = desk.app.jarshy("", &["digest", "next", "z@example.org"]);
    assert_eq!(unknown.status.code(), Some(2));
}
