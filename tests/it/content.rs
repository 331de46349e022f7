//! What stands in a digest beyond its stories' first texts: promised translations, corrections and withdrawals, the editor's note, and
//! what happens to a text of which no mail can be made; told one by one on both engines.

use std::sync::Arc;

use jarshy::base::address::EmailAddress;
use jarshy::base::time::Timestamp;
use jarshy::newsroom::{self, Draft, Edit, Importance, NewsroomError, Published};
use jarshy::syndication::{Coding, Lookup, Shelf};
use jarshy::theme::Theme;
use jarshy::{audience, audience::Cadence, digest, on_db, on_tx};

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
    s4_a_correction_is_one_line_to_those_who_had_the_first_version,
    s4_what_there_is_to_tell_waits_for_the_next_mail,
    m5_whoever_had_a_withdrawn_story_is_told_without_its_words,
    m5_a_text_that_is_named_in_a_correction_can_be_withdrawn,
    s2_the_editors_note_is_shown_on_its_date_and_gone_the_next,
    t21_a_text_of_which_no_mail_can_be_made_is_left_out_and_the_others_go,
    m7_importance_decides_lead_and_subject,
    m15_seven_mornings_have_seven_subjects,
    t20_an_issue_compiled_again_is_the_same_until_something_changes,
    the_selection_of_a_digest_is_a_feed_too,
    s4_whoever_is_planned_after_a_correction_gets_the_corrected_text,
    s4_a_correction_that_comes_while_a_morning_is_planned_reaches_everybody,
    s4_a_mail_that_is_called_off_takes_nothing_along_that_it_would_have_told,
    t20_an_issue_is_dated_by_the_earliest_hour_whoever_compiles_it,
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

async fn correct(desk: &Desk, article: &Published, sentence: &str) {
    newsroom::correct(desk.core(), &article.uid, Edit::default(), sentence)
        .await
        .unwrap();
}

/// Everything that waits is accepted, as a relay would have done it.
async fn all_accepted(desk: &Desk) {
    let now = desk.core().clock.now();
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query(
        "UPDATE delivery SET state = 'accepted', intent_at = $1, accepted_at = $1, finished_at = $1, code = 250 \
         WHERE state = 'queued'").bind(now).execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
}

/// S4: one line, under its own heading, in both parts, once; who did not have the first version sees nothing.
async fn s4_a_correction_is_one_line_to_those_who_had_the_first_version(engine: Engine) {
    const SENTENCE: &str = "Мост закроют на две недели, а не на месяц.";
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    correct(&desk, &bridge, "Мост закроют в марте.").await;
    correct(&desk, &bridge, SENTENCE).await;
    desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-03-01T08:00:00+05:00").await;

    let told = desk.digests(AIGERIM).await.remove(1);
    assert_eq!(told.titles, [FLOOD_RU]);
    assert_eq!(told.subject, FLOOD_RU, "a correction is no news");
    for part in [&told.html, &told.text] {
        let flat = part.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(flat.matches(SENTENCE).count(), 1, "{part}");
        assert_eq!(flat.matches(BRIDGE_RU).count(), 1, "{part}");
        assert!(!flat.contains("Мост закроют в марте."), "{part}");
        assert!(flat.contains("/ru/news/most-cherez-esil"), "{part}");
    }
    assert!(told.html.contains(">Уточнение<") && told.text.contains("УТОЧНЕНИЕ"));
    let other = desk.digests(VIKTOR).await.remove(0);
    assert_eq!(other.titles, [FLOOD_RU]);
    assert!(!other.html.contains(SENTENCE) && !other.text.contains("УТОЧНЕНИЕ"));
    // The page of the issue in the browser says the same.
    let page = digest::find_issue_view(desk.core(), &desk.theme, &told.uid)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(page.notices.len(), 1);
    assert_eq!(page.notices[0].text, SENTENCE);

    desk.publish("ru", "Открылся ночной маршрут автобуса").await;
    desk.at("2026-03-02T08:00:00+05:00").await;
    let after = desk.digests(AIGERIM).await.remove(2);
    assert!(!after.html.contains(SENTENCE), "told once");
    desk.agrees().await;
}

/// S4: nobody is written to for a correction alone, and nothing is lost by that.
async fn s4_what_there_is_to_tell_waits_for_the_next_mail(engine: Engine) {
    const SENTENCE: &str = "Мост закроют на две недели, а не на месяц.";
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    correct(&desk, &bridge, SENTENCE).await;
    for day in 1..=2 {
        let reports = desk.at(&format!("2026-03-0{day}T08:00:00+05:00")).await;
        assert_eq!(reports.iter().map(|run| run.mailed).sum::<i64>(), 0);
    }
    desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-03-03T08:00:00+05:00").await;
    assert!(desk.digests(AIGERIM).await[1].html.contains(SENTENCE));
    desk.publish("ru", "Открылся ночной маршрут автобуса").await;
    desk.at("2026-03-04T08:00:00+05:00").await;
    assert!(!desk.digests(AIGERIM).await[2].html.contains(SENTENCE));
    assert_eq!(
        desk.count("SELECT COUNT(*) FROM subscription WHERE untold_from IS NOT NULL")
            .await,
        0
    );
    desk.agrees().await;
}

/// M5: the people already served get a line next day; nobody reads the withdrawn headline again.
async fn m5_whoever_had_a_withdrawn_story_is_told_without_its_words(engine: Engine) {
    const REASON: &str = "Сведения не подтвердились.";
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    all_accepted(&desk).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    newsroom::withdraw(desk.core(), &bridge.uid, Some(REASON))
        .await
        .unwrap();
    desk.follow().await;
    desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    let told = desk.digests(AIGERIM).await.remove(1);
    for part in [&told.html, &told.text] {
        let flat = part.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains("Материал снят с публикации по решению редакции."),
            "{flat}"
        );
        assert!(flat.contains(REASON), "{flat}");
        assert!(
            !flat.contains(BRIDGE_RU) && !flat.contains("most-cherez"),
            "{flat}"
        );
    }
    let other = desk.digests(VIKTOR).await.remove(0);
    assert!(!other.html.contains("снят с публикации"));
}

/// M5: "no message whose intent came later contains the title", also where the title stands in a correction.
async fn m5_a_text_that_is_named_in_a_correction_can_be_withdrawn(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    all_accepted(&desk).await;
    correct(&desk, &bridge, "Мост закроют на две недели.").await;
    desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert!(desk.digests(AIGERIM).await[1].html.contains(BRIDGE_RU));
    desk.withdraw(&bridge).await;
    // Nobody waits for the first issue any more; the second is made anew.
    assert_eq!(desk.follow().await, 2);
    assert_eq!(desk.follow().await, 0);
    let after = desk.digests(AIGERIM).await.remove(1);
    assert_eq!((after.revision, after.state.as_str()), (2, "queued"));
    assert!(!after.html.contains(BRIDGE_RU) && !after.text.contains("Мост через Есиль"));
    assert!(after.text.contains("Материал снят с публикации"));
    assert!(!after.html.contains("на две недели"));
}

/// S2: shown on its date, in its language, gone the next day by itself.
async fn s2_the_editors_note_is_shown_on_its_date_and_gone_the_next(engine: Engine) {
    const NOTE: &str = "Құрметті оқырман!\nЕртең редакция демалады.";
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    let newsletter = audience::find_offered(desk.core(), None).await.unwrap();
    let kk = language("kk");
    let date = "2026-02-28".parse().unwrap();
    assert!(
        digest::put_note(desk.core(), &newsletter, date, &kk, NOTE)
            .await
            .unwrap()
    );
    assert!(
        digest::put_note(desk.core(), &newsletter, date, &kk, &"ұ".repeat(601))
            .await
            .is_err()
    );
    let school = desk.publish("kk", SCHOOL_KK).await;
    desk.translate(&school, "ru", "В селе открыли новую школу")
        .await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    let first = desk.digests(AIGERIM).await.remove(0);
    for part in [&first.html, &first.text] {
        let (note, lead) = (part.find("Ертең редакция демалады."), part.rfind(SCHOOL_KK));
        assert!(note.is_some() && note < lead, "on top: {part}");
    }
    assert!(!desk.digests(VIKTOR).await[0].html.contains("редакция"));

    // It stays where it was when a story is withdrawn, and is gone next morning.
    desk.publish("kk", FLOOD_KK).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert!(
        !desk.digests(AIGERIM).await[1]
            .html
            .contains("Ертең редакция")
    );
    assert!(
        digest::put_note(desk.core(), &newsletter, date, &kk, "")
            .await
            .unwrap()
    );
    assert!(
        digest::list_notes(desk.core(), &newsletter, date)
            .await
            .unwrap()
            .is_empty()
    );
    desk.agrees().await;
}

/// T21: the poison is one text. Everybody gets the rest, and the text itself once it is mended.
async fn t21_a_text_of_which_no_mail_can_be_made_is_left_out_and_the_others_go(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("email")).unwrap();
    std::fs::write(
        folder.path().join("email/digest.txt"),
        "{% macro one(item) %}{% if 'паводку' in item.title %}{{ item.no_such.thing }}{% endif %}{{ item.title }} {{ item.url }}\n{% endmacro %}\
         {{ one(lead) }}{% for group in groups %}{% for item in group['items'] %}{{ one(item) }}{% endfor %}{% endfor %}{{ unsubscribe_url }}",
    )
    .unwrap();
    let settings = format!("[theme]\nfolder = \"{}\"\n", folder.path().display());
    let desk = Desk::open_with(engine, &settings).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.publish("ru", BRIDGE_RU).await;
    desk.publish("kk", SCHOOL_KK).await;
    let reports = desk.at("2026-02-28T08:00:00+05:00").await;
    assert_eq!((reports[0].mailed, reports[0].state.as_str()), (2, "done"));
    let viktor = EmailAddress::parse(VIKTOR).unwrap();
    let told = digest::explain(desk.core(), &viktor, None, None)
        .await
        .unwrap();
    let story = told.newsletters[0]
        .stories
        .iter()
        .find(|s| s.title == FLOOD_RU);
    assert_eq!(story.unwrap().reason.code, "left-out");
    assert_eq!(had(&desk, VIKTOR).await, [mail("2026-02-28", &[BRIDGE_RU])]);
    assert_eq!(
        had(&desk, AIGERIM).await,
        [mail("2026-02-28", &[BRIDGE_RU, SCHOOL_KK])]
    );

    let mended = Theme::load(&{
        let mut config = (*desk.core().config).clone();
        config.theme.folder = None;
        config
    })
    .unwrap();
    newsroom::release_again(desk.core(), &flood.uid)
        .await
        .unwrap();
    desk.app.set_time("2026-03-01T08:00:00+05:00");
    desk.open_runs().await;
    digest::work_runs(desk.core(), &mended).await.unwrap();
    for address in [VIKTOR, AIGERIM] {
        assert_eq!(
            had(&desk, address).await[1],
            mail("2026-03-01", &[FLOOD_RU])
        );
    }
    desk.agrees().await;
}

/// M7, M15: the lead gives the subject and stands first; of two the newest.
async fn m7_importance_decides_lead_and_subject(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    let weighed = async |title: &str, importance| {
        desk.send(Draft {
            importance,
            ..Draft::new(language("kk"), title, format!("<p>{title}.</p>"))
        })
        .await
    };
    weighed(SCHOOL_KK, Importance::Lead).await;
    desk.app.set_time("2026-02-28T07:59:00+05:00");
    weighed(FLOOD_KK, Importance::Lead).await;
    weighed("Ауа райы", Importance::Brief).await;
    weighed("Көктемгі жәрмеңке", Importance::Normal).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    let one = desk.digests(AIGERIM).await.remove(0);
    assert_eq!(one.titles[0], FLOOD_KK);
    assert_eq!(one.titles[3], "Ауа райы");
    assert_eq!(one.subject, format!("{FLOOD_KK} және тағы 3 жаңалық"));
}

/// M15: 7 daily issues have 7 different subjects, each a headline and no longer than 70 letters; none holds the date.
async fn m15_seven_mornings_have_seven_subjects(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    let places = [
        "Ақтау",
        "Тараз",
        "Семей",
        "Көкшетау",
        "Түркістан",
        "Қостанай",
        "Орал",
    ];
    for (day, place) in (1..).zip(places) {
        for (no, what) in [
            "халықаралық ынтымақтастықтың басым бағыттары талқыланды",
            "жаңа көпір",
        ]
        .iter()
        .enumerate()
        {
            desk.app
                .set_time(&format!("2026-03-0{day}T0{}:00:00+05:00", 6 - no));
            desk.publish("kk", &format!("{place} қаласында {what}"))
                .await;
        }
        desk.at(&format!("2026-03-0{day}T08:00:00+05:00")).await;
    }
    let subjects: Vec<String> = desk
        .digests(AIGERIM)
        .await
        .into_iter()
        .map(|one| one.subject)
        .collect();
    assert_eq!(subjects.len(), 7);
    for (subject, place) in subjects.iter().zip(places) {
        assert!(
            subject.starts_with(place) && subject.ends_with(" және тағы 1 жаңалық"),
            "{subject}"
        );
        assert!(subject.chars().count() <= 70, "{subject}");
        assert!(
            !subject.contains("2026") && !subject.to_lowercase().contains("дайджест"),
            "{subject}"
        );
    }
}

/// T20: compiling again gives the same bytes; `jarshy digest diff` tells what a change would do.
async fn t20_an_issue_compiled_again_is_the_same_until_something_changes(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    let uid = desk.digests(AIGERIM).await.remove(0).uid;
    let anybody = jarshy::base::address::EmailAddress::parse("reader@example.org").unwrap();
    let same = digest::compare_issue(desk.core(), &desk.theme, &uid[..8], &anybody)
        .await
        .unwrap();
    assert_eq!(same.subjects.0, same.subjects.1);
    // Links of nobody hold the moment at which they were made.
    let plain = |part: &str| {
        part.lines()
            .filter(|line| !line.contains("/preferences/") && !line.contains("/unsubscribe/"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(plain(&same.then.html), plain(&same.now.html));
    assert_eq!(plain(&same.then.text), plain(&same.now.text));
    let title = Edit {
        title: Some("Мост через Есиль не закроют".to_owned()),
        ..Edit::default()
    };
    newsroom::edit_quietly(desk.core(), &bridge.uid, title)
        .await
        .unwrap();
    let other = digest::compare_issue(desk.core(), &desk.theme, &uid, &anybody)
        .await
        .unwrap();
    assert!(!other.then.text.contains("не закроют"));
    assert!(other.now.text.contains("не закроют"));
}

/// PRODUCT.md section 7: "my digest as a feed": the canonical key of what somebody wants is an address of ours, and the stories of their
/// digest stand in it.
async fn the_selection_of_a_digest_is_a_feed_too(engine: Engine) {
    let desk = Desk::open(engine).await;
    let mut wanted = wishes(&["kk", "ru"], ALMATY);
    wanted.sections = vec!["society".to_owned()];
    desk.subscribe(AIGERIM, wanted).await;
    let school = desk
        .send(Draft {
            section: Some("society".to_owned()),
            ..Draft::new(
                language("ru"),
                "В селе открылась новая школа",
                "<p>Школа.</p>",
            )
        })
        .await;
    // Each story once, in the first of the languages that has it.
    desk.send(Draft {
        section: Some("society".to_owned()),
        story_uid: Some(school.story_uid),
        ..Draft::new(language("kk"), SCHOOL_KK, "<p>Мектеп.</p>")
    })
    .await;
    for (tag, section, title) in [
        ("ru", "society", BRIDGE_RU),
        ("ru", "economy", FLOOD_RU),
        ("en", "society", "The library opens on Sundays"),
    ] {
        desk.send(Draft {
            section: Some(section.to_owned()),
            ..Draft::new(language(tag), title, format!("<p>{title}.</p>"))
        })
        .await;
    }
    desk.at("2026-02-28T08:00:00+05:00").await;
    let digest = desk.digests(AIGERIM).await.remove(0);
    let key: String = on_db!(&desk.core().db, c => sqlx::query_scalar("SELECT key FROM selection")
        .fetch_one(c).await)
    .unwrap();
    let theme = Arc::new(Theme::load(&desk.core().config).unwrap());
    let shelf = Shelf::new(desk.core().clone(), theme);
    for format in ["rss", "atom", "json"] {
        let found = shelf
            .find(&format!("/f/{key}/feed.{format}"))
            .await
            .unwrap();
        let Lookup::Feed(feed) = found else {
            panic!("/f/{key}/feed.{format} is no feed");
        };
        let (_, body) = shelf.bytes(&feed, Coding::Identity).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        for title in &digest.titles {
            assert!(text.contains(title), "{format} lacks {title}");
        }
        assert!(
            !text.contains(FLOOD_RU)
                && !text.contains("The library")
                && text.matches("В селе открылась").count() <= 1,
            "{format}"
        );
    }
}

/// S4: the morning comes later in Berlin. What was corrected meanwhile is right there, and only Almaty is told next day.
async fn s4_whoever_is_planned_after_a_correction_gets_the_corrected_text(engine: Engine) {
    const RIGHT: &str = "Мост через Есиль закроют на две недели";
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], "Europe/Berlin"))
        .await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    let edit = Edit {
        title: Some(RIGHT.to_owned()),
        ..Edit::default()
    };
    newsroom::correct(desk.core(), &bridge.uid, edit, "Срок уточнён.")
        .await
        .unwrap();
    desk.at("2026-02-28T08:00:00+01:00").await;
    assert_eq!(desk.digests(AIGERIM).await[0].subject, BRIDGE_RU);
    assert_eq!(desk.digests(VIKTOR).await[0].subject, RIGHT);
    desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    desk.at("2026-03-01T08:00:00+01:00").await;
    assert!(
        desk.digests(AIGERIM).await[1]
            .text
            .contains("Срок уточнён.")
    );
    assert!(!desk.digests(VIKTOR).await[1].text.contains("Срок уточнён."));
    desk.agrees().await;
}

/// S4: a correction that comes in the middle of a planning call, wherever: whoever got the mistake is told next day, and nobody else is.
async fn s4_a_correction_that_comes_while_a_morning_is_planned_reaches_everybody(engine: Engine) {
    const READERS: [(&str, &str); 3] = [
        (AIGERIM, ALMATY),
        (VIKTOR, "Asia/Tashkent"),
        ("nurlan@example.org", "Asia/Karachi"),
    ];
    let desk = Desk::open(engine).await;
    for (address, zone) in READERS {
        desk.subscribe(address, wishes(&["ru"], zone)).await;
    }
    let day = |n: usize| format!("2026-03-{n:02}T08:00:00+05:00");
    let (wrong, right) = (
        |n: usize| format!("Мост закроют на {n} дней"),
        |n: usize| format!("Мост закроют на {n} недель"),
    );
    let (mut had_wrong, mut had_right) = (0, 0);
    let mut got_wrong: Vec<bool> = vec![false; READERS.len()];
    for n in 1..=12 {
        let bridge = desk.publish("ru", &wrong(n)).await;
        desk.app.set_time(&day(n));
        desk.open_runs().await;
        let edit = Edit {
            title: Some(right(n)),
            ..Edit::default()
        };
        let sentence = format!("Срок {n} уточнён.");
        let correcting = newsroom::correct(desk.core(), &bridge.uid, edit, &sentence);
        let mut planning = Box::pin(desk.work_runs());
        let (mut left, mut is_planned) = (if n % 4 == 0 { 0 } else { n * n }, false);
        std::future::poll_fn(|context| {
            if left == 0 {
                return std::task::Poll::Ready(());
            }
            left -= 1;
            planning.as_mut().poll(context).map(|_| is_planned = true)
        })
        .await;
        // Some come when all is planned, and some before anything is.
        if is_planned {
            correcting.await.unwrap();
        } else if n % 4 == 0 {
            drop(planning);
            correcting.await.unwrap();
            desk.work_runs().await;
        } else {
            let (_, corrected) = tokio::join!(planning, correcting);
            corrected.unwrap();
        }
        for (reader, (address, _)) in READERS.iter().enumerate() {
            let digests = desk.digests(address).await;
            assert_eq!(digests.len(), n, "{address}");
            let mail = &digests[n - 1];
            let yesterday = format!("Срок {} уточнён.", n - 1);
            assert_eq!(
                mail.text.contains(&yesterday),
                got_wrong[reader],
                "{address}, morning {n}: {}",
                mail.text
            );
            let is_wrong = mail.subject == wrong(n);
            assert!(is_wrong || mail.subject == right(n), "{}", mail.subject);
            got_wrong[reader] = is_wrong;
            *(if is_wrong {
                &mut had_wrong
            } else {
                &mut had_right
            }) += 1;
        }
        all_accepted(&desk).await;
    }
    assert!(had_wrong > 0 && had_right > 0, "{had_wrong} {had_right}");
    desk.agrees().await;
}

/// S4, M5: all stories of a mail are withdrawn before it is sent, so it is called off; what it would have told of earlier texts comes
/// with the next mail.
async fn s4_a_mail_that_is_called_off_takes_nothing_along_that_it_would_have_told(engine: Engine) {
    const SENTENCE: &str = "Мост закроют на две недели, а не на месяц.";
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let aigerim = EmailAddress::parse(AIGERIM).unwrap();
    let codes = async |desk: &Desk| -> Vec<&'static str> {
        let told = digest::explain(desk.core(), &aigerim, None, None)
            .await
            .unwrap();
        told.newsletters[0]
            .told
            .iter()
            .map(|reason| reason.code)
            .collect()
    };
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    all_accepted(&desk).await;
    correct(&desk, &bridge, SENTENCE).await;
    assert_eq!(codes(&desk).await, ["waits"]);
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    assert!(desk.digests(AIGERIM).await[1].html.contains(SENTENCE));
    assert_eq!(codes(&desk).await, ["corrected"]);
    desk.withdraw(&flood).await;
    desk.follow().await;
    assert_eq!(desk.digests(AIGERIM).await[1].state, "cancelled");
    assert_eq!(codes(&desk).await, ["waits"]);
    desk.publish("ru", "Открылся ночной маршрут автобуса").await;
    desk.at("2026-03-02T08:00:00+05:00").await;
    let next = desk.digests(AIGERIM).await.remove(2);
    assert!(next.html.contains(SENTENCE) && next.text.contains("УТОЧНЕНИЕ"));
    assert_eq!(codes(&desk).await, ["corrected"]);
    all_accepted(&desk).await;
    desk.publish("ru", "В парке зацвели яблони").await;
    desk.at("2026-03-03T08:00:00+05:00").await;
    assert!(
        !desk.digests(AIGERIM).await[3].html.contains(SENTENCE),
        "told once"
    );
    desk.agrees().await;
}

/// T20: eight and nine o'clock come due together after an outage. Whichever of them an instance takes first, the issue that both share has one date.
async fn t20_an_issue_is_dated_by_the_earliest_hour_whoever_compiles_it(engine: Engine) {
    let mut dates = Vec::new();
    for nine_is_first in [false, true] {
        let desk = Desk::open(engine).await;
        let mut at_nine = wishes(&["ru"], ALMATY);
        at_nine.minute = 540;
        desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
        desk.subscribe(VIKTOR, at_nine).await;
        desk.publish("ru", BRIDGE_RU).await;
        desk.app.set_time("2026-02-28T10:00:00+05:00");
        desk.open_runs().await;
        let eight: i64 = desk
            .count("SELECT id FROM run ORDER BY due_at LIMIT 1")
            .await;
        if nine_is_first {
            digest::hold(desk.core(), &digest::Halt::Run(eight))
                .await
                .unwrap();
            desk.work_runs().await;
            assert_eq!(desk.digests(VIKTOR).await.len(), 1);
            digest::release(desk.core(), &digest::Halt::Run(eight))
                .await
                .unwrap();
        }
        desk.work_runs().await;
        assert_eq!(desk.digests(AIGERIM).await.len(), 1);
        let found: Vec<Timestamp> =
            on_db!(&desk.core().db, c => sqlx::query_scalar("SELECT dated_at FROM letter")
            .fetch_all(c).await)
            .unwrap();
        dates.push(found);
    }
    let eight: Timestamp = "2026-02-28T08:00:00+05:00".parse().unwrap();
    assert_eq!(dates, [[eight], [eight]]);
    // On a day without an outage each hour that has an issue of its own dates it.
    let desk = Desk::open(engine).await;
    let mut at_nine = wishes(&["ru"], ALMATY);
    at_nine.minute = 540;
    let mut kazakh = wishes(&["kk"], ALMATY);
    kazakh.minute = 480;
    desk.subscribe(AIGERIM, kazakh).await;
    desk.subscribe(VIKTOR, at_nine).await;
    desk.publish("ru", BRIDGE_RU).await;
    desk.at("2026-02-28T08:00:00+05:00").await;
    desk.at("2026-02-28T09:00:00+05:00").await;
    let found: Timestamp =
        on_db!(&desk.core().db, c => sqlx::query_scalar("SELECT dated_at FROM letter")
        .fetch_one(c).await)
        .unwrap();
    assert_eq!(found, eight.plus_secs(3600));
}
