//! Issues: what is compiled once, cut, set aside, revised, shown in the browser and looked at beforehand.

use std::path::Path;

use jarshy::audience::Cadence;
use jarshy::base::token::Purpose;
use jarshy::db::Db;
use jarshy::digest::{self, Reader};
use jarshy::newsroom::{Draft, Importance, LeadImage};
use jarshy::theme::Theme;
use jarshy::work::{self, Core};
use jarshy::{audience, newsroom, on_db, on_tx};

use crate::both_engines;
use crate::support::browser::Browser;
use crate::support::desk::{Desk, language, wishes};
use crate::support::{Engine, TestApp};

both_engines!(
    readers_of_two_zones_share_one_issue,
    beyond_max_items_the_rest_is_a_link,
    an_issue_is_never_so_long_that_a_mailbox_clips_it,
    an_issue_that_does_not_compile_is_set_aside_and_the_others_go,
    a_dot_that_may_be_written_keeps_its_letter,
    a_row_that_a_worker_gives_back_is_moved_too,
    a_paused_letter_is_revised_and_stays_paused,
    the_page_of_an_issue_follows_withdrawals,
    immediate_mail_comes_within_minutes_and_has_no_date_rule,
    looking_ahead_agrees_with_the_plan_and_leaves_no_trace,
    a_slot_is_recomputed_from_its_date_and_hour,
    what_does_not_add_up_is_said,
    runs_of_several_chunks_are_shared_by_two_planners,
    a_picture_on_somebody_elses_host_is_not_in_the_mail,
);

const ALMATY: &str = "Asia/Almaty";
const AIGERIM: &str = "aigerim@example.org";
const VIKTOR: &str = "viktor@example.net";
const MORNING: &str = "2026-02-28T08:00:00+05:00";

const FLOOD_RU: &str = "В области начали готовиться к паводку";
const BRIDGE_RU: &str = "Мост через Есиль закроют на ремонт";
const SCHOOL_KK: &str = "Ауылда жаңа мектеп ашылды";

/// Where each title first stands in a text; all of them must stand there.
fn order_in(text: &str, titles: &[String]) -> Vec<usize> {
    titles
        .iter()
        .map(|title| {
            text.find(title.as_str())
                .unwrap_or_else(|| panic!("{title:?} is missing"))
        })
        .collect()
}

async fn readers_of_two_zones_share_one_issue(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru", "en"], "Europe/Berlin"))
        .await;
    desk.publish("ru", FLOOD_RU).await;
    desk.at(MORNING).await;
    desk.at("2026-02-28T08:00:00+01:00").await;
    let (one, other) = (
        desk.digests(AIGERIM).await.remove(0),
        desk.digests(VIKTOR).await.remove(0),
    );
    assert_eq!(one.letter_id, other.letter_id);
    assert_eq!(one.subject, FLOOD_RU, "one story: the headline alone");
    let uid = uuid::Uuid::parse_str(&one.uid).unwrap();
    assert_eq!(
        uid.get_version_num(),
        8,
        "made of the content, not of chance"
    );

    // Another first language is another issue, though the story is the same.
    desk.subscribe("dana@example.org", wishes(&["kk", "ru"], ALMATY))
        .await;
    desk.publish("ru", BRIDGE_RU).await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    let ru = desk.digests(AIGERIM).await.remove(1);
    let kk = desk.digests("dana@example.org").await.remove(0);
    assert_eq!(ru.titles, kk.titles);
    assert_ne!(ru.letter_id, kk.letter_id);
    assert!(kk.text.contains("[рус] Мост"), "{}", kk.text);
    assert!(!ru.text.contains("[рус]"));
    desk.agrees().await;
}

async fn beyond_max_items_the_rest_is_a_link(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    for number in 10..30 {
        desk.send(Draft {
            section: Some(["society", "economy", "sport"][number % 3].to_owned()),
            importance: match number {
                12 => Importance::Lead,
                14 => Importance::Brief,
                _ => Importance::Normal,
            },
            ..Draft::new(
                language("kk"),
                format!("{number}-нөмірлі жаңалық"),
                "<p>Мазмұны.</p>",
            )
        })
        .await;
    }
    desk.at(MORNING).await;
    let one = desk.digests(AIGERIM).await.remove(0);
    assert_eq!(
        one.titles.len(),
        20,
        "what is behind the link counts as had"
    );
    assert_eq!(one.titles[0], "12-нөмірлі жаңалық", "the lead stands first");
    assert_eq!(one.titles[19], "14-нөмірлі жаңалық", "a brief stands last");
    assert_eq!(one.subject, "12-нөмірлі жаңалық және тағы 19 жаңалық");
    let (shown, hidden) = one.titles.split_at(15);
    for part in [&one.html, &one.text] {
        let places = order_in(part, shown);
        assert!(places.is_sorted(), "both parts in the order of the issue");
        assert!(hidden.iter().all(|title| !part.contains(title.as_str())));
        assert!(part.contains(&format!("https://news.example.kz/issues/{}", one.uid)));
        for purpose in [Purpose::Preferences, Purpose::Unsubscribe] {
            assert!(part.contains(purpose.placeholder()));
        }
    }
    let is_shown: Vec<bool> = on_db!(&desk.core().db, c => sqlx::query_scalar(
        "SELECT is_shown FROM issue_item ORDER BY position").fetch_all(c).await)
    .unwrap();
    assert_eq!(is_shown.iter().filter(|shown| **shown).count(), 15);
    assert!(is_shown[..15].iter().all(|shown| *shown));

    // The page has them all, and nothing that is somebody's.
    let page = digest::find_issue_view(desk.core(), &desk.theme, &one.uid)
        .await
        .unwrap()
        .unwrap();
    let on_page = 1 + page.briefs.len() + page.groups.iter().map(|g| g.items.len()).sum::<usize>();
    assert_eq!((on_page, page.more), (20, 0));
    assert_eq!(
        (page.preferences_url.as_str(), page.unsubscribe_url.as_str()),
        ("", "")
    );
}

async fn an_issue_is_never_so_long_that_a_mailbox_clips_it(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query("UPDATE newsletter SET max_items = 200").execute(c).await.map(|_| ()))
        .unwrap();
    tx.commit().await.unwrap();
    // Two bytes a letter: it is bytes that count.
    let byline = "Төтенше жағдайлар министрлігінің баспасөз қызметі";
    for number in 100..220 {
        desk.send(Draft {
            byline: Some(byline.to_owned()),
            ..Draft::new(
                language("kk"),
                format!("{number} {}", "қызылсайлықтардың өтініші ".repeat(7)),
                format!(
                    "<p>{}</p>",
                    "Өзендегі су деңгейі тәулік ішінде көтерілді. ".repeat(10)
                ),
            )
        })
        .await;
    }
    desk.at(MORNING).await;
    let one = desk.digests(AIGERIM).await.remove(0);
    assert_eq!(one.titles.len(), 120);
    let shown = desk
        .count("SELECT COUNT(*) FROM issue_item WHERE is_shown")
        .await as usize;
    assert!(one.html.len() <= 90 * 1024, "{} bytes", one.html.len());
    assert!(
        one.html.len() > 70 * 1024 && shown < 120,
        "{shown} stories in {} bytes: the limit did not bite, or bit off too much",
        one.html.len()
    );
    for part in [&one.html, &one.text] {
        // The text part breaks lines inside a title, so look at how each begins.
        let begins: Vec<String> = one.titles.iter().map(|t| t[..8].to_owned()).collect();
        assert!(order_in(part, &begins[..shown]).is_sorted());
        assert!(!part.contains(&begins[shown]));
        assert!(part.contains(&format!("Сайтта тағы {} жаңалық", 120 - shown)));
    }
    desk.agrees().await;
}

/// A newsroom whose own template, in that folder, breaks on Russian.
async fn broken_desk(engine: Engine, folder: &Path) -> Desk {
    std::fs::create_dir_all(folder.join("email")).unwrap();
    std::fs::write(
        folder.join("email/digest.txt"),
        "{% if language == 'ru' %}{{ lead.no_such.thing }}{% endif %}{{ lead.title }} {{ unsubscribe_url }}",
    )
    .unwrap();
    let app = TestApp::spawn_with(
        engine,
        &format!("[theme]\nfolder = \"{}\"\n", folder.display()),
    )
    .await;
    newsroom::sync_sections(&app.core).await.unwrap();
    audience::sync_newsletters(&app.core).await.unwrap();
    let theme = Theme::load(&app.core.config).unwrap();
    Desk { app, theme }
}

async fn an_issue_that_does_not_compile_is_set_aside_and_the_others_go(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let desk = broken_desk(engine, folder.path()).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    desk.subscribe(AIGERIM, wishes(&["kk"], ALMATY)).await;
    let school = desk.publish("kk", SCHOOL_KK).await;
    desk.translate(&school, "ru", "В селе открыли новую школу")
        .await;
    assert!(
        desk.at(MORNING).await.is_empty(),
        "the run waits for a remedy"
    );
    assert_eq!(desk.digests(AIGERIM).await.len(), 1);
    assert!(desk.digests(VIKTOR).await.is_empty());
    assert_eq!(digest::count_open_runs(desk.core()).await.unwrap(), 1);
    // The same on the next minute: nobody is mailed twice, and nothing is stuck in a loop.
    assert!(desk.at("2026-02-28T08:01:00+05:00").await.is_empty());
    assert_eq!(desk.count("SELECT COUNT(*) FROM delivery").await, 1);

    let repaired = Theme::load(&{
        let mut config = (*desk.core().config).clone();
        config.theme.folder = None;
        config
    })
    .unwrap();
    desk.app.set_time("2026-02-28T09:00:00+05:00");
    let reports = digest::work_runs(desk.core(), &repaired).await.unwrap();
    assert_eq!((reports.len(), reports[0].mailed), (1, 2));
    assert_eq!(desk.digests(VIKTOR).await.len(), 1);
    desk.agrees().await;
}

/// As a worker has it whose dot may be written: the row's intent is durable, its reply is not.
async fn commit_to_dot(desk: &Desk, delivery_id: i64) {
    let now = desk.core().clock.now();
    let mut tx = desk.core().db.begin().await.unwrap();
    let worker =
        work::store::insert_worker(&mut tx, "host", "build", "2026a", now, now.plus_secs(60))
            .await
            .unwrap();
    on_tx!(&mut tx, c => sqlx::query(
        "UPDATE delivery SET state = 'committing', worker_id = $2, attempts = 1, intent_at = $3 WHERE id = $1")
        .bind(delivery_id).bind(worker).bind(now).execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
}

async fn a_dot_that_may_be_written_keeps_its_letter(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.publish("ru", BRIDGE_RU).await;
    desk.at(MORNING).await;
    let before = desk.digests(AIGERIM).await.remove(0);
    commit_to_dot(&desk, before.delivery_id).await;
    desk.withdraw(&flood).await;
    desk.follow().await;
    let kept = desk.digests(AIGERIM).await.remove(0);
    assert_eq!(
        (kept.letter_id, kept.state.as_str()),
        (before.letter_id, "committing"),
        "a repeat must have the same bytes"
    );
    let moved = desk.digests(VIKTOR).await.remove(0);
    assert_eq!(
        (moved.revision, moved.titles.as_slice()),
        (2, &[BRIDGE_RU.to_owned()][..])
    );
}

async fn a_row_that_a_worker_gives_back_is_moved_too(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.publish("ru", BRIDGE_RU).await;
    desk.at(MORNING).await;
    let before = desk.digests(AIGERIM).await.remove(0);
    commit_to_dot(&desk, before.delivery_id).await;
    desk.withdraw(&flood).await;
    desk.follow().await;
    // A definite refusal before any acceptance: the journal forgets the intent and queues the row again.
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query(
        "UPDATE delivery SET state = 'queued', worker_id = NULL, intent_at = NULL").execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(desk.follow().await, 0, "no letter is superseded twice");
    let moved = desk.digests(AIGERIM).await.remove(0);
    assert_eq!((moved.delivery_id, moved.revision), (before.delivery_id, 2));
    assert_eq!(moved.titles, [BRIDGE_RU]);
    desk.agrees().await;
}

async fn a_paused_letter_is_revised_and_stays_paused(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let flood = desk.publish("ru", FLOOD_RU).await;
    desk.publish("ru", BRIDGE_RU).await;
    desk.at(MORNING).await;
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => {
        sqlx::query("UPDATE letter SET state = 'paused'").execute(&mut *c).await.unwrap();
        sqlx::query("UPDATE delivery SET state = 'held'").execute(c).await.unwrap();
    });
    tx.commit().await.unwrap();
    desk.withdraw(&flood).await;
    assert_eq!(desk.follow().await, 1);
    let one = desk.digests(AIGERIM).await.remove(0);
    assert_eq!((one.revision, one.state.as_str()), (2, "held"));
    assert_eq!(desk.state_of_letter(one.letter_id).await, "paused");
}

async fn the_page_of_an_issue_follows_withdrawals(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let flood = desk.publish("ru", FLOOD_RU).await;
    let bridge = desk.publish("ru", BRIDGE_RU).await;
    desk.at(MORNING).await;
    let uid = desk.digests(AIGERIM).await.remove(0).uid;
    let view = async || {
        digest::find_issue_view(desk.core(), &desk.theme, &uid)
            .await
            .unwrap()
    };
    assert_eq!(view().await.unwrap().count_text, "2 новых материала");
    // Anyone may open it: the page has nobody's name, and no way to act for somebody.
    let browser = Browser::new(&desk.app);
    let address = format!("/issues/{uid}");
    browser
        .get(&address)
        .await
        .is(200)
        .names_its_fields()
        .has("<html lang=\"ru\"")
        .has("2 новых материала")
        .has(FLOOD_RU)
        .has(BRIDGE_RU)
        .has("noindex")
        .lacks(AIGERIM)
        .lacks("/unsubscribe/")
        .lacks("/preferences/");
    // The page is right before the letter is revised.
    desk.withdraw(&flood).await;
    let page = view().await.unwrap();
    assert_eq!(page.lead.title, BRIDGE_RU);
    assert!(!page.subject.contains(FLOOD_RU));
    browser
        .get(&address)
        .await
        .is(200)
        .has(BRIDGE_RU)
        .lacks(FLOOD_RU);
    let latest = digest::find_latest_issue(desk.core(), 1, &language("ru"))
        .await
        .unwrap();
    assert_eq!(latest.unwrap().0, format!("/issues/{uid}"));
    desk.withdraw(&bridge).await;
    assert!(view().await.is_none());
    browser.get(&address).await.is(404);
    browser.get("/issues/no-such-issue").await.is(404);
    let unknown = digest::find_issue_view(desk.core(), &desk.theme, "no-such-issue").await;
    assert!(unknown.unwrap().is_none());
}

async fn immediate_mail_comes_within_minutes_and_has_no_date_rule(engine: Engine) {
    let desk = Desk::open(engine).await;
    let mut at_once = wishes(&["ru"], ALMATY);
    at_once.cadence = Cadence::Immediate;
    desk.subscribe(AIGERIM, at_once).await;
    desk.at("2026-02-28T09:00:00+05:00").await;
    assert!(desk.digests(AIGERIM).await.is_empty());
    desk.publish("ru", FLOOD_RU).await;
    desk.at("2026-02-28T09:01:00+05:00").await;
    assert_eq!(desk.digests(AIGERIM).await.len(), 1);
    // At most every five minutes, and what came meanwhile comes together.
    desk.publish("ru", BRIDGE_RU).await;
    desk.publish("kk", SCHOOL_KK).await;
    desk.at("2026-02-28T09:03:00+05:00").await;
    assert_eq!(desk.digests(AIGERIM).await.len(), 1);
    desk.at("2026-02-28T09:06:00+05:00").await;
    let all = desk.digests(AIGERIM).await;
    assert_eq!(all.len(), 2, "two on one day");
    assert_eq!(all[1].titles, [BRIDGE_RU]);
    let runs = desk.runs().await.len();
    for minute in 10..40 {
        desk.at(&format!("2026-02-28T09:{minute}:00+05:00")).await;
    }
    assert_eq!(desk.digests(AIGERIM).await.len(), 2);
    assert_eq!(desk.runs().await.len(), runs, "no news, no runs");
    desk.agrees().await;
}

async fn looking_ahead_agrees_with_the_plan_and_leaves_no_trace(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["kk", "ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    desk.subscribe("dana@example.org", wishes(&["en"], ALMATY))
        .await;
    desk.publish("ru", FLOOD_RU).await;
    desk.publish("kk", SCHOOL_KK).await;
    desk.app.set_time(MORNING);
    let newsletter = audience::list_newsletters(desk.core())
        .await
        .unwrap()
        .remove(0);
    let reading = audience::store::find_reading(&desk.core().db, newsletter.id, AIGERIM)
        .await
        .unwrap()
        .unwrap();
    let reader = Reader::from(reading);
    let preview = digest::preview(desk.core(), &desk.theme, &newsletter, &reader)
        .await
        .unwrap()
        .unwrap();
    let dry = digest::plan_dry(desk.core(), &desk.theme).await.unwrap();
    for table in ["run", "issue", "letter", "delivery", "lane"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let count: i64 = on_db!(&desk.core().db, c => sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(c).await)
        .unwrap();
        assert_eq!(count, 0, "{table}");
    }
    let reports = desk.tick().await;
    let told = |report: &digest::RunReport| {
        let mut issues: Vec<_> = report
            .issues
            .iter()
            .map(|i| (i.languages.clone(), i.people, i.subject.clone()))
            .collect();
        issues.sort();
        (
            report.time_zone.clone(),
            report.stories,
            report.mailed,
            report.empty,
            issues,
        )
    };
    assert_eq!(
        dry.iter().map(told).collect::<Vec<_>>(),
        reports.iter().map(told).collect::<Vec<_>>()
    );
    assert_eq!((reports[0].mailed, reports[0].empty), (2, 1));
    let real = desk.digests(AIGERIM).await.remove(0);
    assert_eq!(
        (
            &preview.letter.subject,
            &preview.letter.html,
            &preview.letter.text
        ),
        (&real.subject, &real.html, &real.text)
    );
    desk.app.set_time("2026-02-28T08:01:00+05:00");
    let reading = audience::store::find_reading(&desk.core().db, newsletter.id, AIGERIM)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(reading.read_to, real.to_no);
    let later = Reader::from(reading);
    let again = digest::preview(desk.core(), &desk.theme, &newsletter, &later).await;
    assert!(again.unwrap().is_none(), "nothing is new any more");
}

async fn a_slot_is_recomputed_from_its_date_and_hour(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    let due = async || -> i64 { desk.count("SELECT next_due_at FROM slot").await };
    let right = due().await;
    // As another tz database had it: an hour early.
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query("UPDATE slot SET next_due_at = next_due_at - 3600000")
        .execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
    desk.publish("ru", FLOOD_RU).await;
    // Opening looks again by itself; nobody is mailed at seven.
    desk.at("2026-02-28T07:30:00+05:00").await;
    assert!(desk.digests(AIGERIM).await.is_empty());
    assert_eq!(due().await, right);
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query("UPDATE slot SET next_due_at = next_due_at + 3600000")
        .execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
    digest::recompute_slots(desk.core()).await.unwrap();
    assert_eq!(due().await, right);
}

async fn what_does_not_add_up_is_said(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
    desk.subscribe(VIKTOR, wishes(&["ru"], ALMATY)).await;
    desk.publish("ru", FLOOD_RU).await;
    desk.at(MORNING).await;
    desk.agrees().await;
    let spoil = async |sql: &'static str| {
        let mut tx = desk.core().db.begin().await.unwrap();
        on_tx!(&mut tx, c => sqlx::query(sql).execute(c).await.map(|_| ())).unwrap();
        tx.commit().await.unwrap();
        digest::check_runs(desk.core()).await.unwrap()
    };
    let wrong = spoil("UPDATE run SET mailed = mailed + 1").await;
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].contains("mailed 3 people and has 2 deliveries"),
        "{wrong:?}"
    );
    let wrong = spoil("UPDATE run SET mailed = 2").await;
    assert!(wrong.is_empty(), "{wrong:?}");
    desk.app.set_time("2026-02-28T08:30:00+05:00");
    let wrong = spoil("UPDATE subscription SET read_to = 0, last_date = ''").await;
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].contains("2 people of it were passed over"),
        "{wrong:?}"
    );
}

/// Runs of one date are planned together, by row over all their slots, in chunks of 20,000; two planners share them, and each run has
/// its own sums.
async fn runs_of_several_chunks_are_shared_by_two_planners(engine: Engine) {
    const SLOTS: usize = 3;
    const COPIES: usize = 7_001;
    let desk = Desk::open(engine).await;
    let zones = [ALMATY, "Asia/Tashkent", "Europe/Berlin"];
    for (n, zone) in zones.iter().cycle().take(SLOTS * 2).enumerate() {
        let languages: &[&str] = if n % 2 == 0 { &["ru"] } else { &["kk", "ru"] };
        desk.subscribe(&format!("reader{n}@example.org"), wishes(languages, zone))
            .await;
    }
    // As many more like each of them, one after the other, so that the slots lie mixed.
    let series = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)";
    let people = format!(
        "{series} INSERT INTO subscriber (uid, address, address_key, address_hash, provider, languages, time_zone, state, link_epoch, \
         created_at, confirmed_at) SELECT p.uid || n.i, n.i || p.address, n.i || p.address, p.address_hash || n.i, p.provider, p.languages, \
         p.time_zone, p.state, p.link_epoch, p.created_at, p.confirmed_at FROM n CROSS JOIN subscriber p ORDER BY n.i, p.id"
    );
    let places = "INSERT INTO subscription (uid, subscriber_id, newsletter_id, selection_id, slot_id, state, text_only, read_to, last_date, \
         created_at, confirmed_at) SELECT 'like ' || p.uid, p.id, s.newsletter_id, s.selection_id, s.slot_id, s.state, s.text_only, \
         s.read_to, s.last_date, s.created_at, s.confirmed_at FROM subscriber p JOIN subscriber q ON p.id > q.id \
         AND p.address LIKE '%' || q.address JOIN subscription s ON s.subscriber_id = q.id WHERE q.id <= $1 ORDER BY p.id";
    let mut tx = desk.core().db.begin().await.unwrap();
    on_tx!(&mut tx, c => {
        sqlx::query(sqlx::AssertSqlSafe(people)).bind(COPIES as i64).execute(&mut *c).await.map(|_| ()).unwrap();
        sqlx::query(places).bind(SLOTS as i64 * 2).execute(&mut *c).await.map(|_| ()).unwrap();
    });
    tx.commit().await.unwrap();
    let everybody = (SLOTS * 2 * (COPIES + 1)) as i64;
    assert_eq!(
        desk.count("SELECT COUNT(*) FROM subscription").await,
        everybody
    );

    desk.publish("ru", FLOOD_RU).await;
    desk.app.set_time("2026-02-28T08:00:00+01:00");
    assert_eq!(desk.open_runs().await, SLOTS);
    let core = desk.core();
    let other = Core::new(
        (*core.config).clone(),
        Db::connect(&core.config.database).await.unwrap(),
        core.clock.clone(),
        (*core.keys).clone(),
    );
    let (one, two) = tokio::join!(
        digest::work_runs(core, &desk.theme),
        digest::work_runs(&other, &desk.theme)
    );
    let mut reports = one.unwrap();
    reports.extend(two.unwrap());
    // If each went while the other still held the rest, the next minute closes the runs.
    reports.extend(desk.tick().await);
    assert_eq!(reports.len(), SLOTS, "a run closes once");
    for report in &reports {
        assert_eq!(
            (report.state.as_str(), report.mailed),
            ("done", everybody / SLOTS as i64)
        );
    }
    assert_eq!(desk.count("SELECT COUNT(*) FROM issue").await, 2);
    assert_eq!(
        desk.count("SELECT COUNT(DISTINCT recipient_id) FROM delivery")
            .await,
        everybody
    );
    assert_eq!(
        desk.count(
            "SELECT COUNT(*) FROM delivery d JOIN subscription s ON s.subscriber_id = d.recipient_id \
             JOIN run r ON r.id = d.batch AND r.slot_id = s.slot_id AND r.due_at = d.due_at"
        )
        .await,
        everybody
    );
    desk.agrees().await;
}

/// Whoever serves a picture learns who reads the mail: ours alone are shown.
async fn a_picture_on_somebody_elses_host_is_not_in_the_mail(engine: Engine) {
    for (url, is_shown) in [
        ("https://pictures.example.org/flood.jpg", false),
        ("/media/flood.jpg", true),
    ] {
        let desk = Desk::open(engine).await;
        desk.subscribe(AIGERIM, wishes(&["ru"], ALMATY)).await;
        let mut draft = Draft::new(language("ru"), FLOOD_RU, "Берега укрепляют.");
        draft.lead = Some(LeadImage {
            url: url.to_owned(),
            media_type: Some("image/jpeg".to_owned()),
            bytes: None,
            width: Some(600),
            height: Some(338),
            alt: Some("Река и мешки с песком".to_owned()),
            credit: None,
        });
        newsroom::publish(&desk.app.core, draft).await.unwrap();
        desk.at(MORNING).await;
        let html = desk.digests(AIGERIM).await.remove(0).html;
        assert_eq!(html.contains("flood.jpg"), is_shown, "{url}");
        assert_eq!(html.contains("<img"), is_shown, "{url}");
    }
}
