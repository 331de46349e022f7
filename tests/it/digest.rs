//! The digest's rules, told one by one on both engines: who is mailed which story, when, and never twice.

use std::collections::BTreeMap;

use jarshy::base::address::EmailAddress;
use jarshy::db::Db;
use jarshy::newsroom::{self, Draft, Edit};
use jarshy::work::Core;
use jarshy::{audience, digest};

use crate::both_engines;
use crate::support::Engine;
use crate::support::desk::{Desk, language, wishes};

both_engines!(
    an_empty_window_sends_nothing,
    an_embargoed_story_waits_for_its_moment,
    what_is_scheduled_for_the_very_hour_is_in_its_digest,
    a_late_translation_is_not_mailed_again,
    the_first_language_that_is_live_is_taken,
    what_is_released_after_the_opening_waits_for_the_next_window,
    an_archived_import_is_never_mailed,
    a_run_later_than_late_until_is_skipped_and_its_stories_come_next_time,
    after_days_of_silence_one_digest_has_it_all,
    a_run_whose_time_is_over_is_cut_and_its_people_keep_their_place,
    someone_who_leaves_while_a_run_is_worked_on_gets_nothing_more,
    changing_wishes_while_a_run_is_open_loses_and_repeats_nothing,
    moving_zone_gives_no_second_digest_on_a_local_date,
    two_planners_plan_each_person_once,
    a_withdrawal_between_plan_and_send_changes_the_unsent_mail,
    a_withdrawal_between_opening_and_planning_leaves_no_trace,
    a_correction_never_comes_back_as_news,
);

const ALMATY: &str = "Asia/Almaty";
const AIGERIM: &str = "aigerim@example.org";
const VIKTOR: &str = "viktor@example.net";
const ELLEN: &str = "ellen@example.com";

const FLOOD_KK: &str = "Облыста су тасқынына дайындық басталды";
const FLOOD_RU: &str = "В области начали готовиться к паводку";
const SCHOOL_KK: &str = "Ауылда жаңа мектеп ашылды";
const SCHOOL_RU: &str = "В селе открыли новую школу";
const BRIDGE_RU: &str = "Мост через Есиль закроют на ремонт";
const LIBRARY_EN: &str = "The city library opens on Sundays";

/// `(date, titles)` as [`Desk::read`] gives them.
fn mail(date: &str, titles: &[&str]) -> (String, Vec<String>) {
    let mut titles: Vec<String> = titles.iter().map(|t| (*t).to_owned()).collect();
    titles.sort();
    (date.to_owned(), titles)
}

fn runs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(date, state)| ((*date).to_owned(), (*state).to_owned()))
        .collect()
}

/// T17, T23: an empty audience or window is said, and no empty mail is sent.
async fn an_empty_window_sends_nothing(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    let reports = desk.at("2026-02-28T08:00:00+05:00").await;
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].mailed, reports[0].state.as_str()), (0, "done"));

    // A story in a language that nobody reads is no news either, though the log moved.
    desk.publish("en", LIBRARY_EN).await;
    let reports = desk.at("2026-03-01T08:00:00+05:00").await;
    assert_eq!(
        (reports[0].mailed, reports[0].empty, reports[0].stories),
        (0, 1, 0)
    );
    assert_eq!(desk.count("SELECT COUNT(*) FROM issue").await, 0);
    assert_eq!(desk.count("SELECT COUNT(*) FROM letter").await, 0);
    assert_eq!(desk.count("SELECT COUNT(*) FROM delivery").await, 0);

    // An empty window uses up no date: the hour is moved on the same day, and what came meanwhile is mailed that day.
    desk.publish("kk", SCHOOL_KK).await;
    let mut later = wishes(&["kk", "ru"], ALMATY);
    later.minute = 600;
    desk.change(AIGERIM, later).await;
    desk.at("2026-03-01T10:00:00+05:00").await;
    assert_eq!(desk.read(AIGERIM).await, [mail("2026-03-01", &[SCHOOL_KK])]);
    desk.agrees().await;
}

async fn an_embargoed_story_waits_for_its_moment(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    desk.send(Draft {
        embargo_at: Some("2026-02-28T09:00:00+05:00".parse().unwrap()),
        ..Draft::new(language("kk"), SCHOOL_KK, "<p>Мектеп.</p>")
    })
    .await;
    desk.publish("kk", FLOOD_KK).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    assert_eq!(desk.read(AIGERIM).await, [mail("2026-02-28", &[FLOOD_KK])]);
    let first = desk.digests(AIGERIM).await.remove(0);
    assert!(!first.html.contains(SCHOOL_KK) && !first.text.contains(SCHOOL_KK));

    desk.at("2026-02-28T09:00:00+05:00").await;
    assert_eq!(desk.read(AIGERIM).await.len(), 1);
    desk.at("2026-03-01T08:00:00+05:00").await;
    desk.at("2026-03-02T08:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [
            mail("2026-02-28", &[FLOOD_KK]),
            mail("2026-03-01", &[SCHOOL_KK])
        ]
    );
    desk.agrees().await;
}

async fn what_is_scheduled_for_the_very_hour_is_in_its_digest(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    for (title, moment) in [
        (SCHOOL_KK, "2026-02-28T08:00:00+05:00"),
        (FLOOD_KK, "2026-02-28T08:00:01+05:00"),
    ] {
        desk.send(Draft {
            embargo_at: Some(moment.parse().unwrap()),
            ..Draft::new(language("kk"), title, "<p>Хабар.</p>")
        })
        .await;
    }
    // Nobody has released anything: the run itself sees to it.
    desk.app.set_time("2026-02-28T08:00:00+05:00");
    assert_eq!(desk.open_runs().await, 1);
    desk.work_runs().await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [
            mail("2026-02-28", &[SCHOOL_KK]),
            mail("2026-03-01", &[FLOOD_KK])
        ]
    );
    desk.agrees().await;
}

async fn a_late_translation_is_not_mailed_again(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["kk"], ALMATY)).await;
    let story = desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    assert_eq!(desk.read(AIGERIM).await, [mail("2026-02-28", &[FLOOD_RU])]);

    desk.translate(&story, "kk", FLOOD_KK).await;
    desk.publish("kk", SCHOOL_KK).await;
    for day in 1..=3 {
        desk.at(&format!("2026-03-0{day}T08:00:00+05:00")).await;
    }
    assert_eq!(
        desk.read(AIGERIM).await,
        [
            mail("2026-02-28", &[FLOOD_RU]),
            mail("2026-03-01", &[SCHOOL_KK])
        ]
    );
    // Whoever reads no Russian has it now for the first time, once.
    assert_eq!(
        desk.read(VIKTOR).await,
        [mail("2026-03-01", &[FLOOD_KK, SCHOOL_KK])]
    );
    desk.agrees().await;
}

async fn the_first_language_that_is_live_is_taken(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru", "kk"], ALMATY)).await;
    desk.subscribe(ELLEN, wishes(&["en", "kk"], ALMATY)).await;
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.translate(&flood, "kk", FLOOD_KK).await;
    desk.publish("ru", BRIDGE_RU).await;
    desk.publish("kk", SCHOOL_KK).await;
    let reports = desk.at("2026-02-28T08:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [mail("2026-02-28", &[FLOOD_KK, BRIDGE_RU, SCHOOL_KK])]
    );
    assert_eq!(
        desk.read(VIKTOR).await,
        [mail("2026-02-28", &[FLOOD_RU, BRIDGE_RU, SCHOOL_KK])]
    );
    assert_eq!(
        desk.read(ELLEN).await,
        [mail("2026-02-28", &[FLOOD_KK, SCHOOL_KK])]
    );
    assert_eq!(
        (
            reports[0].mailed,
            reports[0].stories,
            reports[0].issues.len()
        ),
        (3, 3, 3)
    );
    desk.agrees().await;
}

async fn what_is_released_after_the_opening_waits_for_the_next_window(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    let flood = desk.publish("en", "The region prepares for floods").await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    desk.translate(&flood, "ru", FLOOD_RU).await;
    desk.app.set_time("2026-03-01T08:00:00+05:00");
    assert_eq!(desk.open_runs().await, 1);
    // The better language comes a moment too late, whoever works on the run and when.
    desk.app.set_time("2026-03-01T08:05:00+05:00");
    desk.translate(&flood, "kk", FLOOD_KK).await;
    desk.publish("kk", SCHOOL_KK).await;
    desk.work_runs().await;
    desk.at("2026-03-02T08:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [
            mail("2026-03-01", &[FLOOD_RU]),
            mail("2026-03-02", &[SCHOOL_KK])
        ]
    );
    desk.agrees().await;
}

async fn an_archived_import_is_never_mailed(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru", "kk"], ALMATY)).await;
    let archive = |tag: &str, title: &str| Draft {
        as_archive: true,
        released_at: Some("2026-02-27T12:00:00+05:00".parse().unwrap()),
        ..Draft::new(language(tag), title, "<p>Текст.</p>")
    };
    desk.send(archive("ru", BRIDGE_RU)).await;
    let reports = desk.at("2026-02-28T08:00:00+05:00").await;
    assert_eq!((reports[0].mailed, reports[0].empty), (0, 1));

    // Nor as the better language of a story that is news.
    let school = desk.publish("kk", SCHOOL_KK).await;
    desk.send(Draft {
        story_uid: Some(school.story_uid.clone()),
        ..archive("ru", SCHOOL_RU)
    })
    .await;
    // A translation that is news, of a story whose first text is an archive's, is news.
    let flood = desk.send(archive("ru", FLOOD_RU)).await;
    desk.translate(&flood, "kk", FLOOD_KK).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    desk.at("2026-03-02T08:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [mail("2026-03-01", &[SCHOOL_KK, FLOOD_KK])]
    );
    desk.agrees().await;
}

/// T10: a boot five hours late sends, one past `late_until` does not; nothing is lost.
async fn a_run_later_than_late_until_is_skipped_and_its_stories_come_next_time(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    desk.publish("kk", FLOOD_KK).await;
    // Ten hours of outage; a late digest is sent for six.
    assert!(desk.at("2026-02-28T18:00:00+05:00").await.is_empty());
    assert_eq!(desk.runs().await, runs(&[("2026-02-28", "skipped")]));
    assert!(desk.read(AIGERIM).await.is_empty());
    desk.publish("kk", SCHOOL_KK).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [mail("2026-03-01", &[FLOOD_KK, SCHOOL_KK])]
    );

    // A minute before its time is over it is sent, late.
    desk.publish("kk", "Көктемгі жәрмеңке сенбіде өтеді").await;
    desk.at("2026-03-02T13:59:00+05:00").await;
    assert_eq!(
        desk.runs().await,
        runs(&[
            ("2026-02-28", "skipped"),
            ("2026-03-01", "done"),
            ("2026-03-02", "done")
        ])
    );
    assert_eq!(desk.read(AIGERIM).await.len(), 2);
    desk.agrees().await;
}

async fn after_days_of_silence_one_digest_has_it_all(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    desk.publish("kk", FLOOD_KK).await;
    desk.app.set_time("2026-03-01T12:00:00+05:00");
    desk.publish("kk", SCHOOL_KK).await;
    // Three days: the last of the missed hours is two hours ago.
    desk.at("2026-03-03T10:00:00+05:00").await;
    assert_eq!(
        desk.runs().await,
        runs(&[("2026-02-28", "skipped"), ("2026-03-03", "done")])
    );
    desk.at("2026-03-04T08:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [mail("2026-03-03", &[FLOOD_KK, SCHOOL_KK])]
    );
    // Three more, and too late for the last one, too: the next morning.
    desk.publish("kk", "Қалада жаңа саябақ салынады").await;
    desk.at("2026-03-07T18:00:00+05:00").await;
    assert_eq!(desk.read(AIGERIM).await.len(), 1);
    desk.at("2026-03-08T08:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await[1..],
        [mail("2026-03-08", &["Қалада жаңа саябақ салынады"])]
    );
    desk.agrees().await;
}

async fn a_run_whose_time_is_over_is_cut_and_its_people_keep_their_place(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    desk.publish("kk", FLOOD_KK).await;
    desk.app.set_time("2026-02-28T08:00:00+05:00");
    assert_eq!(desk.open_runs().await, 1);
    desk.app.set_time("2026-02-28T14:00:00+05:00");
    let reports = desk.work_runs().await;
    assert_eq!((reports[0].mailed, reports[0].state.as_str()), (0, "cut"));
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert_eq!(desk.read(AIGERIM).await, [mail("2026-03-01", &[FLOOD_KK])]);
    desk.agrees().await;
}

async fn someone_who_leaves_while_a_run_is_worked_on_gets_nothing_more(engine: Engine) {
    let desk = Desk::open(engine).await;
    for address in [AIGERIM, VIKTOR, ELLEN] {
        desk.subscribe(address, wishes(&["kk"], ALMATY)).await;
    }
    desk.publish("kk", FLOOD_KK).await;
    desk.app.set_time("2026-02-28T08:00:00+05:00");
    assert_eq!(desk.open_runs().await, 1);
    desk.leave(VIKTOR).await;
    let reports = desk.work_runs().await;
    assert_eq!((reports[0].mailed, reports[0].state.as_str()), (2, "done"));
    assert!(desk.digests(VIKTOR).await.is_empty());

    desk.leave(ELLEN).await;
    let hers = desk.digests(ELLEN).await;
    assert_eq!(hers.len(), 1);
    assert_eq!(hers[0].state, "cancelled");
    assert_eq!(desk.digests(AIGERIM).await[0].state, "queued");

    desk.publish("kk", SCHOOL_KK).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert!(desk.digests(VIKTOR).await.is_empty());
    assert_eq!(desk.digests(ELLEN).await.len(), 1);
    assert_eq!(desk.digests(AIGERIM).await.len(), 2);
    desk.agrees().await;
}

async fn changing_wishes_while_a_run_is_open_loses_and_repeats_nothing(engine: Engine) {
    let desk = Desk::open(engine).await;
    for address in [AIGERIM, VIKTOR, ELLEN] {
        desk.subscribe(address, wishes(&["ru"], ALMATY)).await;
    }
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.translate(&flood, "kk", FLOOD_KK).await;
    desk.app.set_time("2026-02-28T08:00:00+05:00");
    assert_eq!(desk.open_runs().await, 1);

    // One changes the hour, one the language, one everything once the digest is planned.
    let mut at_nine = wishes(&["kk"], ALMATY);
    at_nine.minute = 540;
    desk.change(AIGERIM, at_nine.clone()).await;
    desk.change(VIKTOR, wishes(&["kk"], ALMATY)).await;
    let reports = desk.work_runs().await;
    assert_eq!((reports[0].mailed, reports[0].state.as_str()), (2, "done"));
    desk.change(ELLEN, at_nine).await;
    assert_eq!(desk.read(VIKTOR).await, [mail("2026-02-28", &[FLOOD_KK])]);
    assert_eq!(desk.read(ELLEN).await, [mail("2026-02-28", &[FLOOD_RU])]);

    desk.app.set_time("2026-02-28T08:30:00+05:00");
    desk.publish("kk", SCHOOL_KK).await;
    desk.at("2026-02-28T09:00:00+05:00").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [mail("2026-02-28", &[FLOOD_KK, SCHOOL_KK])]
    );
    for day in 1..=2 {
        desk.at(&format!("2026-03-0{day}T08:00:00+05:00")).await;
        desk.at(&format!("2026-03-0{day}T09:00:00+05:00")).await;
    }
    assert_eq!(desk.read(AIGERIM).await.len(), 1);
    assert_eq!(
        desk.read(VIKTOR).await,
        [
            mail("2026-02-28", &[FLOOD_KK]),
            mail("2026-03-01", &[SCHOOL_KK])
        ]
    );
    assert_eq!(
        desk.read(ELLEN).await,
        [
            mail("2026-02-28", &[FLOOD_RU]),
            mail("2026-03-01", &[SCHOOL_KK])
        ]
    );
    desk.agrees().await;
}

async fn moving_zone_gives_no_second_digest_on_a_local_date(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    let titles = [
        FLOOD_KK,
        SCHOOL_KK,
        "Қалада жаңа саябақ салынады",
        "Көктемгі жәрмеңке сенбіде өтеді",
    ];
    desk.publish("kk", titles[0]).await;
    desk.at("2026-02-28T03:00:00Z").await;

    // Four hours later it is eight in Berlin, on the same date.
    desk.change(AIGERIM, wishes(&["kk"], "Europe/Berlin")).await;
    desk.publish("kk", titles[1]).await;
    desk.at("2026-02-28T07:00:00Z").await;
    assert_eq!(desk.read(AIGERIM).await, [mail("2026-02-28", &titles[..1])]);
    desk.at("2026-03-01T07:00:00Z").await;

    // East, over the date: the next morning comes twelve hours later.
    desk.change(AIGERIM, wishes(&["kk"], "Pacific/Auckland"))
        .await;
    desk.publish("kk", titles[2]).await;
    desk.at("2026-03-01T19:00:00Z").await;

    // And back: New York has the same 2 March still to come.
    desk.change(AIGERIM, wishes(&["kk"], "America/New_York"))
        .await;
    desk.publish("kk", titles[3]).await;
    desk.at("2026-03-02T13:00:00Z").await;
    assert_eq!(desk.read(AIGERIM).await.len(), 3);
    desk.at("2026-03-03T13:00:00Z").await;
    assert_eq!(
        desk.read(AIGERIM).await,
        [
            mail("2026-02-28", &titles[..1]),
            mail("2026-03-01", &titles[1..2]),
            mail("2026-03-02", &titles[2..3]),
            mail("2026-03-03", &titles[3..])
        ]
    );
    desk.agrees().await;
}

/// T19, T22: two planners at one run.
async fn two_planners_plan_each_person_once(engine: Engine) {
    let desk = Desk::open(engine).await;
    // Four slots with one hour, so that planners meet in some runs and pass each other in others.
    let zones = [ALMATY, "Asia/Qyzylorda", "Asia/Tashkent", "Asia/Karachi"];
    let people: Vec<_> = (0..200)
        .map(|n| {
            let list: &[&str] = if n % 3 == 0 { &["ru"] } else { &["kk", "ru"] };
            (
                EmailAddress::parse(&format!("reader{n}@example.org")).unwrap(),
                wishes(list, zones[n % 4]),
            )
        })
        .collect();
    audience::add(desk.core(), None, &people, "agreed on paper")
        .await
        .unwrap();
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.translate(&flood, "kk", FLOOD_KK).await;
    desk.app.set_time("2026-02-28T08:00:00+05:00");

    // The second one is another instance: its own connections to the same database.
    let core = desk.core();
    let other = Core::new(
        (*core.config).clone(),
        Db::connect(&core.config.database).await.unwrap(),
        core.clock.clone(),
        (*core.keys).clone(),
    );
    let one = async |core: &Core| {
        let opened = digest::open_runs(core).await.unwrap();
        let mut reports = Vec::new();
        for _ in 0..3 {
            reports.extend(digest::work_runs(core, &desk.theme).await.unwrap());
        }
        (opened, reports)
    };
    let ((first, mut reports), (second, more)) = tokio::join!(one(core), one(&other));
    reports.extend(more);
    assert_eq!(first + second, 4);
    // Whoever was passed over because the other held the row is served by the next minute.
    reports.extend(desk.tick().await);
    let mut ids: Vec<i64> = reports.iter().map(|r| r.run_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), reports.len()), (4, 4), "each run closes once");
    assert_eq!(reports.iter().map(|r| r.mailed).sum::<i64>(), 200);
    assert_eq!(desk.count("SELECT COUNT(*) FROM delivery").await, 200);
    assert_eq!(
        desk.count("SELECT COUNT(DISTINCT recipient_id) FROM delivery")
            .await,
        200
    );
    // Equal content is one issue, whoever compiled it.
    assert_eq!(desk.count("SELECT COUNT(*) FROM issue").await, 2);
    assert_eq!(
        desk.count("SELECT COUNT(*) FROM letter").await,
        2,
        "a letter that lost the race is not kept"
    );
    desk.agrees().await;
}

async fn a_withdrawal_between_plan_and_send_changes_the_unsent_mail(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    desk.subscribe(ELLEN, wishes(&["en"], ALMATY)).await;
    let flood = desk.publish("ru", FLOOD_RU).await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    let library = desk.publish("en", LIBRARY_EN).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    let before = desk.digests(AIGERIM).await.remove(0);
    assert!(before.text.contains(FLOOD_RU) && before.html.contains(FLOOD_RU));
    assert_eq!(desk.follow().await, 0);

    desk.withdraw(&flood).await;
    assert_eq!(desk.follow().await, 1);
    assert_eq!(desk.follow().await, 0);
    let after = desk.digests(AIGERIM).await;
    assert_eq!(after.len(), 1);
    let after = &after[0];
    assert_eq!(
        (after.delivery_id, after.state.as_str(), after.revision),
        (before.delivery_id, "queued", 2)
    );
    assert_eq!(after.uid, before.uid, "the page in the browser stays");
    assert_ne!(after.letter_id, before.letter_id);
    assert_eq!(after.titles, [BRIDGE_RU]);
    for part in [&after.subject, &after.text, &after.html] {
        assert!(!part.contains(FLOOD_RU), "{part}");
        assert!(part.contains(BRIDGE_RU), "{part}");
    }
    assert_eq!(
        desk.digests(VIKTOR).await[0].letter_id,
        after.letter_id,
        "all move to the one new letter"
    );
    assert_eq!(desk.state_of_letter(before.letter_id).await, "replaced");
    assert_eq!(desk.state_of_letter(after.letter_id).await, "open");
    assert_eq!(
        desk.digests(ELLEN).await[0].revision,
        1,
        "who does not have the story keeps the letter"
    );

    // An issue with one story loses all it has, be it the first revision or a later one.
    desk.withdraw(&library).await;
    desk.withdraw(&bridge).await;
    assert_eq!(desk.follow().await, 2);
    for address in [AIGERIM, VIKTOR, ELLEN] {
        let one = desk.digests(address).await.remove(0);
        assert_eq!(one.state, "cancelled");
        assert_eq!(desk.state_of_letter(one.letter_id).await, "cancelled");
    }
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert_eq!(desk.count("SELECT COUNT(*) FROM delivery").await, 3);
    desk.agrees().await;
}

async fn a_withdrawal_between_opening_and_planning_leaves_no_trace(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.publish("ru", BRIDGE_RU).await;
    desk.app.set_time("2026-02-28T08:00:00+05:00");
    assert_eq!(desk.open_runs().await, 1);
    desk.withdraw(&flood).await;
    desk.work_runs().await;
    desk.at("2026-02-28T08:01:00+05:00").await;
    assert_eq!(desk.read(AIGERIM).await, [mail("2026-02-28", &[BRIDGE_RU])]);
    assert_eq!(desk.count("SELECT COUNT(*) FROM letter").await, 1);
    desk.agrees().await;
}

async fn a_correction_never_comes_back_as_news(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    let corrected = "Мост через Есиль закроют на две недели";
    let title = |title: &str| Edit {
        title: Some(title.to_owned()),
        ..Edit::default()
    };
    // Corrected before the first digest: the digest has the right words, once.
    newsroom::correct(
        desk.core(),
        &bridge.uid,
        title(corrected),
        "Уточнён срок ремонта.",
    )
    .await
    .unwrap();
    desk.at("2026-02-28T08:00:00+05:00").await;
    assert_eq!(desk.read(AIGERIM).await, [mail("2026-02-28", &[corrected])]);
    let first = desk.digests(AIGERIM).await.remove(0);
    assert_eq!(first.subject, corrected);
    assert!(first.text.contains(corrected) && first.html.contains(corrected));

    // Corrected after it: nothing comes, though the log has moved.
    newsroom::correct(
        desk.core(),
        &bridge.uid,
        title(BRIDGE_RU),
        "Срок ремонта ещё не известен.",
    )
    .await
    .unwrap();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for day in 1..=2 {
        for report in desk.at(&format!("2026-03-0{day}T08:00:00+05:00")).await {
            counts.insert(report.local_date, report.mailed);
        }
    }
    assert_eq!(
        counts,
        BTreeMap::from([("2026-03-01".to_owned(), 0), ("2026-03-02".to_owned(), 0)])
    );
    assert_eq!(desk.digests(AIGERIM).await.len(), 1);
    desk.agrees().await;
}
