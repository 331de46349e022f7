//! What stands in a digest beyond its stories' first texts: promised translations, told one by one on both engines.

use jarshy::newsroom::{self, Draft, NewsroomError};
use jarshy::{audience::Cadence, digest};

use crate::both_engines;
use crate::support::Engine;
use crate::support::desk::{Desk, language, wishes};

both_engines!(
    m6_without_the_tick_the_text_that_is_there_goes_once,
    m6_with_the_tick_kazakh_readers_wait_one_issue_for_the_kazakh_text,
    m6_a_promise_that_is_not_kept_ends_after_one_issue,
    m6_a_wait_that_ends_while_runs_are_open_costs_nobody_a_story,
    a_promise_needs_another_language_of_the_newsroom,
    a_text_that_comes_out_again_reaches_those_who_had_nothing,
);

const ALMATY: &str = "Asia/Almaty";
const AIGERIM: &str = "aigerim@example.org";
const VIKTOR: &str = "viktor@example.net";

const FLOOD_KK: &str = "Облыста су тасқынына дайындық басталды";
const FLOOD_RU: &str = "В области начали готовиться к паводку";
const SCHOOL_KK: &str = "Ауылда жаңа мектеп ашылды";
const BRIDGE_RU: &str = "Мост через Есиль закроют на ремонт";

/// The texts a reader had, by date.
async fn had(desk: &Desk, address: &str) -> Vec<(String, Vec<String>)> {
    desk.read(address).await
}

fn mail(date: &str, titles: &[&str]) -> (String, Vec<String>) {
    let mut titles: Vec<String> = titles.iter().map(|t| (*t).to_owned()).collect();
    titles.sort();
    (date.to_owned(), titles)
}

/// A Russian text of 18:00 whose Kazakh text follows, if it is promised.
async fn russian(desk: &Desk, is_promised: bool) -> newsroom::Published {
    desk.app.set_time("2026-02-28T18:00:00+05:00");
    desk.send(Draft {
        follows: is_promised.then(|| language("kk")),
        ..Draft::new(language("ru"), FLOOD_RU, "<p>Паводок.</p>")
    })
    .await
}

/// The Kazakh text comes at 10:00 next day, an edit an hour later; three mornings.
async fn three_mornings(desk: &Desk, story: &newsroom::Published) {
    desk.at("2026-03-01T08:00:00+05:00").await;
    desk.app.set_time("2026-03-01T10:00:00+05:00");
    let kazakh = desk.translate(story, "kk", FLOOD_KK).await;
    desk.app.set_time("2026-03-01T11:00:00+05:00");
    newsroom::correct(
        desk.core(),
        &kazakh.uid,
        newsroom::Edit::default(),
        "Бөгеттер саны нақтыланды.",
    )
    .await
    .unwrap();
    desk.at("2026-03-01T18:00:00+05:00").await;
    for day in ["02", "03"] {
        desk.at(&format!("2026-03-{day}T08:00:00+05:00")).await;
    }
}

/// M6: ru at 18:00, kk at 10:00 next day, one edit after: in Russian, exactly once.
async fn m6_without_the_tick_the_text_that_is_there_goes_once(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    let story = russian(&desk, false).await;
    three_mornings(&desk, &story).await;
    assert_eq!(had(&desk, AIGERIM).await, [mail("2026-03-01", &[FLOOD_RU])]);
    desk.agrees().await;
}

/// M6: with the tick in Kazakh, exactly once; who reads Russian first, or no Kazakh, does not wait.
async fn m6_with_the_tick_kazakh_readers_wait_one_issue_for_the_kazakh_text(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru", "kk"], ALMATY)).await;
    let story = russian(&desk, true).await;
    three_mornings(&desk, &story).await;
    assert_eq!(had(&desk, AIGERIM).await, [mail("2026-03-02", &[FLOOD_KK])]);
    assert_eq!(had(&desk, VIKTOR).await, [mail("2026-03-01", &[FLOOD_RU])]);
    desk.agrees().await;
}

/// M6: "one issue at most": without the Kazakh text the second morning brings the Russian one, and a Kazakh one later nothing.
async fn m6_a_promise_that_is_not_kept_ends_after_one_issue(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    let mut weekly = wishes(&["kk", "ru"], ALMATY);
    weekly.cadence = Cadence::Weekly(7);
    desk.subscribe("nurlan@example.org", weekly).await;
    let story = russian(&desk, true).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert_eq!(had(&desk, AIGERIM).await, []);
    // Looking ahead knows that the wait will be over.
    desk.app.set_time("2026-03-02T08:00:00+05:00");
    let foreseen = digest::plan_dry(desk.core(), &desk.theme).await.unwrap();
    assert_eq!(foreseen.iter().map(|run| run.mailed).sum::<i64>(), 1);
    desk.tick().await;
    assert_eq!(had(&desk, AIGERIM).await, [mail("2026-03-02", &[FLOOD_RU])]);
    desk.translate(&story, "kk", FLOOD_KK).await;
    desk.at("2026-03-03T08:00:00+05:00").await;
    desk.at("2026-03-08T08:00:00+05:00").await;
    assert_eq!(had(&desk, AIGERIM).await, [mail("2026-03-02", &[FLOOD_RU])]);
    assert_eq!(had(&desk, VIKTOR).await, [mail("2026-03-01", &[FLOOD_RU])]);
    // Whose digest comes once a week does not wait: next week it would be no news.
    assert_eq!(
        had(&desk, "nurlan@example.org").await,
        [mail("2026-03-01", &[FLOOD_RU])]
    );
    desk.agrees().await;
}

/// M6: the end of the wait gives texts new numbers. A run that is being planned has its end before them, so it goes first.
async fn m6_a_wait_that_ends_while_runs_are_open_costs_nobody_a_story(engine: Engine) {
    let desk = Desk::open(engine).await;
    let mut evening = wishes(&["ru"], ALMATY);
    evening.minute = 18 * 60;
    desk.subscribe(VIKTOR, evening).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    desk.app.set_time("2026-02-28T18:00:30+05:00");
    desk.tick().await;
    desk.send(Draft {
        follows: Some(language("kk")),
        ..Draft::new(language("ru"), FLOOD_RU, "<p>Паводок.</p>")
    })
    .await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    // The evening's run is opened, and the wait ends before it is planned.
    desk.app.set_time("2026-03-01T18:00:00+05:00");
    desk.open_runs().await;
    desk.app.set_time("2026-03-01T18:00:45+05:00");
    desk.open_runs().await;
    desk.work_runs().await;
    assert_eq!(had(&desk, VIKTOR).await, [mail("2026-03-01", &[FLOOD_RU])]);
    desk.at("2026-03-01T18:01:00+05:00").await;
    desk.at("2026-03-02T08:00:00+05:00").await;
    desk.at("2026-03-02T18:00:00+05:00").await;
    assert_eq!(had(&desk, VIKTOR).await, [mail("2026-03-01", &[FLOOD_RU])]);
    assert_eq!(had(&desk, AIGERIM).await, [mail("2026-03-02", &[FLOOD_RU])]);
    desk.agrees().await;
}

async fn a_promise_needs_another_language_of_the_newsroom(engine: Engine) {
    let desk = Desk::open(engine).await;
    for promised in ["ru", "de"] {
        let refused = newsroom::publish(
            desk.core(),
            Draft {
                follows: Some(language(promised)),
                ..Draft::new(language("ru"), FLOOD_RU, "<p>Паводок.</p>")
            },
        )
        .await;
        assert!(
            matches!(refused, Err(NewsroomError::Invalid(_))),
            "{promised}"
        );
    }
    assert_eq!(desk.count("SELECT COUNT(*) FROM article").await, 0);
}

async fn a_text_that_comes_out_again_reaches_those_who_had_nothing(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    let story = russian(&desk, true).await;
    desk.publish("kk", SCHOOL_KK).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    // The editor gives the promise up.
    desk.app.set_time("2026-03-01T09:00:00+05:00");
    newsroom::release_again(desk.core(), &story.uid)
        .await
        .unwrap();
    desk.at("2026-03-02T08:00:00+05:00").await;
    assert_eq!(
        had(&desk, AIGERIM).await,
        [
            mail("2026-03-01", &[SCHOOL_KK]),
            mail("2026-03-02", &[FLOOD_RU])
        ]
    );
    // Once more, and nobody gets it twice; what is withdrawn does not come out again.
    newsroom::release_again(desk.core(), &story.uid)
        .await
        .unwrap();
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.withdraw(&bridge).await;
    let refused = newsroom::release_again(desk.core(), &bridge.uid).await;
    assert!(matches!(refused, Err(NewsroomError::Invalid(_))));
    desk.at("2026-03-03T08:00:00+05:00").await;
    assert_eq!(had(&desk, AIGERIM).await.len(), 2);
    desk.agrees().await;
}
