//! Whatever comes between the opening of a run and its planning, each reader gets each story of theirs once.
//!
//! Random weeks, a fixed set of seeds: stories in random languages, some under embargo, late translations, withdrawals (also
//! between the opening and the planning of a run), ticks at random minutes, an outage, runs that are opened and worked on later
//! or twice, readers who move to another zone. What must come of it is worked out from the list of stories alone.

use std::collections::BTreeMap;

use jarshy::digest;
use jarshy::newsroom::{self, Draft, Published};
use jarshy::on_db;

use crate::both_engines;
use crate::support::Engine;
use crate::support::desk::{Desk, after_start, language, wishes};

both_engines!(interrupted_runs_lose_nothing_and_repeat_nothing);

const HOUR: i64 = 3_600;
/// Hours in which things happen; as many as it takes for all mail to come follow.
const EVENTFUL: i64 = 8 * 24;
const SETTLING: i64 = 4 * 24;
const ZONES: [&str; 4] = [
    "Asia/Almaty",
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Auckland",
];
/// With an outage and a move of zone before the digest, a story is then still younger than the seven days of the newsletter.
const TRANSLATED_WITHIN: i64 = 48 * HOUR;

/// Address, languages in order, minute.
const READERS: [(&str, &[&str], i64); 4] = [
    ("aigerim@example.org", &["kk", "ru"], 480),
    ("viktor@example.net", &["ru"], 450),
    ("ellen@example.com", &["en", "kk"], 1080),
    ("dana@example.org", &["kk"], 480),
];

/// A small generator (the constants of Numerical Recipes): the same week for the same seed.
struct Chance(u32);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % bound
    }

    fn is(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    fn one<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u32) as usize]
    }
}

/// One story as its newsroom knows it.
struct Story {
    begun: i64,
    articles: Vec<(&'static str, Published)>,
    is_withdrawn: bool,
}

/// T12, T22: planners and their rivals are broken off anywhere; everything is derived from the database, and no day blocks the next.
async fn interrupted_runs_lose_nothing_and_repeat_nothing(engine: Engine) {
    let mut mails = 0;
    // PostgreSQL makes a database for each week, which takes longer than the week.
    let weeks = match engine {
        Engine::Sqlite => 15,
        Engine::Postgres => 8,
    };
    for seed in 1..=weeks {
        mails += live(engine, seed).await;
    }
    assert!(
        mails > weeks as usize * 12,
        "{mails} digests: the weeks are too quiet to tell anything"
    );
}

/// Lives one week; returns how many digests there were.
async fn live(engine: Engine, seed: u32) -> usize {
    let desk = Desk::open(engine).await;
    let mut chance = Chance(seed.wrapping_mul(2_654_435_769));
    for (i, (address, languages, minute)) in READERS.iter().enumerate() {
        let mut wish = wishes(languages, ZONES[i % 3]);
        wish.minute = *minute;
        desk.subscribe(address, wish).await;
    }
    let mut stories: Vec<Story> = Vec::new();
    let outage_from = i64::from(chance.below(120)) * HOUR;
    let outage_to = outage_from + i64::from(chance.below(56)) * HOUR;
    let mut moves = 0;
    let mut now = 0;
    let end = (EVENTFUL + SETTLING) * HOUR;
    while now < end {
        now += i64::from(chance.below(240) + 1) * 60;
        desk.core().clock.set(after_start(now));
        let is_eventful = now < EVENTFUL * HOUR;
        if is_eventful {
            happen(&desk, &mut chance, &mut stories, now).await;
            if moves < 2 && chance.is(2) {
                moves += 1;
                move_someone(&desk, &mut chance).await;
            }
        }
        if (outage_from..outage_to).contains(&now) {
            continue;
        }
        plan(&desk, &mut chance, &mut stories, is_eventful).await;
    }
    desk.tick().await;
    judge(&desk, &stories, seed).await
}

/// Something or nothing is published, translated or withdrawn.
async fn happen(desk: &Desk, chance: &mut Chance, stories: &mut Vec<Story>, now: i64) {
    if chance.is(45) {
        let tag = chance.one(&["kk", "ru", "en"]);
        let title = format!("{tag} {}", stories.len());
        let embargo = chance.is(20).then(|| i64::from(chance.below(12)) * HOUR);
        let first = desk
            .send(Draft {
                embargo_at: embargo.map(|wait| after_start(now + wait)),
                ..Draft::new(language(tag), title.clone(), format!("<p>{title}</p>"))
            })
            .await;
        let mut articles = vec![(tag, first)];
        let other = chance.one(&["kk", "ru", "en"]);
        if other != tag && chance.is(50) {
            let title = format!("{other} {}", stories.len());
            let next = desk.translate(&articles[0].1, other, &title).await;
            articles.push((other, next));
        }
        stories.push(Story {
            begun: now,
            articles,
            is_withdrawn: false,
        });
    }
    if chance.is(30) && !stories.is_empty() {
        let n = chance.below(stories.len() as u32) as usize;
        let tag = chance.one(&["kk", "ru", "en"]);
        let story = &mut stories[n];
        let is_told = story.articles.iter().any(|(known, _)| *known == tag);
        if !is_told && !story.is_withdrawn && now - story.begun < TRANSLATED_WITHIN {
            let next = desk
                .translate(&story.articles[0].1, tag, &format!("{tag} {n}"))
                .await;
            story.articles.push((tag, next));
        }
    }
    if chance.is(8) {
        withdraw_one(desk, chance, stories).await;
    }
}

async fn withdraw_one(desk: &Desk, chance: &mut Chance, stories: &mut [Story]) {
    if stories.is_empty() {
        return;
    }
    // Of the latest ones, so that some are in no window yet and some in unsent mail.
    let back = chance.below(stories.len().min(5) as u32) as usize;
    let n = stories.len() - 1 - back;
    for (_, article) in &stories[n].articles {
        desk.withdraw(article).await;
    }
    stories[n].is_withdrawn = true;
}

async fn move_someone(desk: &Desk, chance: &mut Chance) {
    let (address, languages, minute) = READERS[chance.below(4) as usize];
    let mut wish = wishes(languages, chance.one(&ZONES));
    wish.minute = minute;
    desk.change(address, wish).await;
}

/// A tick, whole or in parts: what a planner does when it is killed, late, or one of two.
async fn plan(desk: &Desk, chance: &mut Chance, stories: &mut [Story], is_eventful: bool) {
    newsroom::release_due(desk.core()).await.unwrap();
    desk.follow().await;
    desk.open_runs().await;
    if is_eventful && chance.is(4) {
        withdraw_one(desk, chance, stories).await;
    }
    if is_eventful && chance.is(2) {
        save_the_form(desk, chance).await;
    }
    if chance.is(15) {
        return;
    }
    for _ in 0..=chance.below(2) {
        desk.work_runs().await;
    }
}

/// Somebody saves the form while a run is open and asks for plain text; languages, zone and hour stay.
async fn save_the_form(desk: &Desk, chance: &mut Chance) {
    let (address, languages, minute) = READERS[chance.below(4) as usize];
    let zone: String = on_db!(&desk.core().db, c => sqlx::query_scalar(
        "SELECT time_zone FROM subscriber WHERE address_key = $1").bind(address).fetch_one(c).await)
    .unwrap();
    let mut wish = wishes(languages, &zone);
    wish.minute = minute;
    wish.text_only = true;
    desk.change(address, wish).await;
}

async fn judge(desk: &Desk, stories: &[Story], seed: u32) -> usize {
    let log: BTreeMap<i64, i64> = on_db!(&desk.core().db, c => sqlx::query_as::<_, (i64, i64)>(
        "SELECT id, release_no FROM article WHERE release_no IS NOT NULL").fetch_all(c).await)
    .unwrap()
    .into_iter()
    .collect();
    let mut mails = 0;
    for (address, languages, _) in READERS {
        let digests: Vec<_> = desk
            .digests(address)
            .await
            .into_iter()
            .filter(|d| d.state != "cancelled")
            .collect();
        mails += digests.len();
        for (n, story) in stories.iter().enumerate() {
            let rank = |tag: &str| languages.iter().position(|l| *l == tag);
            let got: Vec<(i64, i64)> = digests
                .iter()
                .flat_map(|d| d.articles.iter().map(|article| (*article, d.to_no)))
                .filter(|(id, _)| story.articles.iter().any(|(_, a)| a.article_id == *id))
                .collect();
            let is_theirs =
                !story.is_withdrawn && story.articles.iter().any(|(tag, _)| rank(tag).is_some());
            assert_eq!(
                got.len(),
                usize::from(is_theirs),
                "seed {seed} on {:?}: {address} and story {n} begun at hour {} in {:?}: {got:?}",
                desk.app.engine,
                story.begun / HOUR,
                story.articles.iter().map(|(t, _)| *t).collect::<Vec<_>>()
            );
            // In the first of their languages that was live when the window closed.
            for (id, to_no) in got {
                let best = story
                    .articles
                    .iter()
                    .filter(|(_, a)| log.get(&a.article_id).is_some_and(|no| *no <= to_no))
                    .filter_map(|(tag, a)| Some((rank(tag)?, a.article_id)))
                    .min();
                assert_eq!(
                    best.map(|(_, article)| article),
                    Some(id),
                    "seed {seed}: {address} has story {n} in the wrong language"
                );
            }
        }
        let mut dates: Vec<&String> = digests.iter().map(|d| &d.local_date).collect();
        dates.sort();
        dates.dedup();
        assert_eq!(
            dates.len(),
            digests.len(),
            "seed {seed}: {address} has two digests on one date"
        );
    }
    assert_eq!(
        digest::check_runs(desk.core()).await.unwrap(),
        Vec::<String>::new(),
        "seed {seed}"
    );
    desk.agrees().await;
    mails
}
