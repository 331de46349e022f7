//! Random histories of sixty days against a model that knows no numbers but the order of releases. People join, change wishes, zone,
//! hour and days, pause, leave and return; stories come out in some languages now and in others later, wait for their embargo, are
//! corrected, withdrawn, and published again; archives are imported; the service sleeps for an hour or for two days, plans with two
//! planners, or is killed between two statements. After every tick each person's mail must be exactly what the model says: each
//! story once, in the first window and language that has it, at most one digest on a local date, and nothing lost. What was not
//! mailed has a name.
//!
//! The histories are drawn from a fixed seed; a failure names the history and the step. `JARSHY_HISTORIES` (and
//! `JARSHY_FIRST_HISTORY`) live more of them than each test run does.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;

use jarshy::audience::{self, Cadence, LeaveBy, Wishes};
use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::time::{Timestamp, Zone};
use jarshy::base::token::{Claims, Purpose};
use jarshy::newsroom::{self, Draft, Edit};
use jarshy::theme::Theme;
use jarshy::{digest, on_db};

use crate::both_engines;
use crate::support::{Engine, TestApp};

both_engines!(random_histories_lose_nothing_and_repeat_nothing);

/// Histories that each test run lives, on each engine.
const HISTORIES: u64 = 3;
const DAYS: i64 = 60;
const PEOPLE: u32 = 5;
const LANGUAGES: [&str; 3] = ["kk", "ru", "en"];
const SECTIONS: [&str; 3] = ["society", "economy", "sport"];
/// Six of them change their clocks within the sixty days.
const ZONES: [&str; 8] = [
    "Asia/Almaty",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Asia/Gaza",
];
/// Minutes after midnight; half past two is where most gaps and folds are.
const MINUTES: [i64; 4] = [480, 540, 1080, 150];
const CADENCES: [&str; 6] = [
    "daily",
    "daily",
    "daily",
    "weekdays",
    "days:2,4,6",
    "weekly:3",
];
/// The newsletter's `late_until` and its memory, as the settings have them by default.
const LATE_HOURS: i64 = 6;
const MEMORY_DAYS: i64 = 7;

struct Chance(u64);

impl Chance {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
    /// For histories that are counted: neighbours begin far apart.
    const fn counted(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone, Debug)]
struct Text {
    id: i64,
    uid: String,
    story: usize,
    language: &'static str,
    section: &'static str,
    /// Number and instant of its release.
    released: Option<(i64, Timestamp)>,
    is_archived: bool,
    is_withdrawn: bool,
}

impl Text {
    const fn is_out(&self) -> bool {
        self.released.is_some() || self.is_archived
    }
}

#[derive(Clone, Debug)]
struct Person {
    uid: String,
    languages: Vec<&'static str>,
    sections: Vec<&'static str>,
    zone: &'static str,
    minute: i64,
    cadence: &'static str,
    is_active: bool,
    /// The first local date with mail again.
    paused_until: Option<jiff::civil::Date>,
    read_to: i64,
    last_date: String,
    /// Local date → articles, of the mails that are not cancelled.
    mails: BTreeMap<String, BTreeSet<i64>>,
}

struct World {
    app: TestApp,
    theme: Theme,
    chance: Chance,
    texts: Vec<Text>,
    /// Uids of the stories of this history.
    stories: Vec<String>,
    people: Vec<Person>,
    /// What became of the stories of each window, by name.
    fates: BTreeMap<&'static str, usize>,
}

/// What a person asks for.
#[derive(Clone, Debug)]
struct Wish {
    languages: Vec<&'static str>,
    sections: Vec<&'static str>,
    zone: &'static str,
    minute: i64,
    cadence: &'static str,
}

/// Lets a future run for so many polls and kills it then, wherever it is: between two statements, or in the middle of one.
async fn kill_after<F: Future>(polls: u64, future: F) {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| ())
    })
    .await;
}

fn languages(tags: &[&str]) -> Vec<Language> {
    tags.iter().map(|t| Language::parse(t).unwrap()).collect()
}

impl World {
    fn now(&self) -> Timestamp {
        self.app.core.clock.now()
    }

    fn draw_wish(&mut self) -> Wish {
        let mut wanted = LANGUAGES.to_vec();
        wanted.rotate_left(self.chance.below(3) as usize);
        if self.chance.one_in(2) {
            wanted.swap(0, 1);
        }
        wanted.truncate(1 + self.chance.below(3) as usize);
        let mut sections: Vec<&'static str> = SECTIONS
            .into_iter()
            .filter(|_| self.chance.one_in(2))
            .collect();
        if self.chance.one_in(2) {
            sections.clear();
        }
        Wish {
            languages: wanted,
            sections,
            zone: self.chance.of(&ZONES),
            minute: self.chance.of(&MINUTES),
            cadence: self.chance.of(&CADENCES),
        }
    }

    fn wishes(wish: &Wish) -> Wishes {
        Wishes {
            languages: languages(&wish.languages),
            sections: wish.sections.iter().map(|s| (*s).to_owned()).collect(),
            tags: Vec::new(),
            cadence: Cadence::parse(wish.cadence).unwrap(),
            time_zone: Zone::parse(wish.zone).unwrap(),
            minute: wish.minute,
            text_only: false,
        }
    }

    async fn head(&self) -> i64 {
        newsroom::store::get_head(&self.app.core.db).await.unwrap()
    }

    async fn join(&mut self, name: String) {
        let wish = self.draw_wish();
        let address = EmailAddress::parse(&name).unwrap();
        let core = &self.app.core;
        let wishes = Self::wishes(&wish);
        let done = audience::add(core, None, &[(address.clone(), wishes)], "signed list").await;
        assert_eq!(done.unwrap(), (1, 0, 0));
        let uid: String = on_db!(&core.db, c => sqlx::query_scalar(
            "SELECT s.uid FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id WHERE p.address_key = $1")
            .bind(address.key()).fetch_one(c).await)
        .unwrap();
        let read_to = self.head().await;
        self.people.push(Person {
            uid,
            languages: wish.languages,
            sections: wish.sections,
            zone: wish.zone,
            minute: wish.minute,
            cadence: wish.cadence,
            is_active: true,
            paused_until: None,
            read_to,
            last_date: String::new(),
            mails: BTreeMap::new(),
        });
    }

    fn token(&self, who: usize, purpose: Purpose) -> String {
        self.app.core.keys.new_token(
            purpose,
            &Claims {
                uid: self.people[who].uid.clone(),
                epoch: 0,
                issued_at: self.now(),
            },
        )
    }

    async fn act(&mut self) {
        let core = self.app.core.clone();
        match self.chance.below(18) {
            0..=6 => self.publish(false).await,
            7 | 8 => {
                let who = self.chance.below(self.people.len() as u64) as usize;
                let wish = self.draw_wish();
                // Some pause with it, at times for longer than the newsletter remembers.
                let zone = Zone::parse(wish.zone).unwrap();
                let days = 1 + self.chance.below(12) as i64;
                let until = self
                    .now()
                    .date_in(&zone)
                    .saturating_add(jiff::Span::new().days(days));
                let paused_until = self.chance.one_in(3).then_some(until);
                let token = self.token(who, Purpose::Preferences);
                audience::save_preferences(&core, &token, Self::wishes(&wish), paused_until)
                    .await
                    .unwrap();
                let person = &mut self.people[who];
                (person.languages, person.sections) = (wish.languages, wish.sections);
                (person.zone, person.minute) = (wish.zone, wish.minute);
                person.cadence = wish.cadence;
                if person.is_active {
                    person.paused_until = paused_until;
                }
            }
            9 => self.publish(true).await,
            10 | 11 => {
                let Some(which) = self.draw_public() else {
                    return;
                };
                let uid = &self.texts[which].uid;
                newsroom::correct(&core, uid, Edit::default(), "Су деңгейі дәл емес еді.")
                    .await
                    .unwrap();
            }
            12 if self.people.iter().filter(|p| p.is_active).count() < 6 => {
                let name = format!("late{}@example.net", self.chance.next());
                self.join(name).await;
            }
            13 => {
                let who = self.chance.below(self.people.len() as u64) as usize;
                let token = self.token(who, Purpose::Unsubscribe);
                let person = &mut self.people[who];
                if person.is_active {
                    audience::leave(&core, &token, LeaveBy::OneClick)
                        .await
                        .unwrap();
                    // Nothing was sent yet in this world, so all of it is called off.
                    person.mails.clear();
                } else if audience::rejoin(&core, &token).await.is_err() {
                    return;
                }
                person.is_active = !person.is_active;
                // Leaving ends a pause.
                person.paused_until = None;
            }
            14 | 15 => {
                let Some(which) = self.draw_public() else {
                    return;
                };
                newsroom::withdraw(&core, &self.texts[which].uid, None)
                    .await
                    .unwrap();
                self.texts[which].is_withdrawn = true;
                for person in &mut self.people {
                    for items in person.mails.values_mut() {
                        items.remove(&self.texts[which].id);
                    }
                    person.mails.retain(|_, items| !items.is_empty());
                }
            }
            _ => {}
        }
    }

    /// A text that is out; archived ones count too.
    fn draw_public(&mut self) -> Option<usize> {
        let public: Vec<usize> = (0..self.texts.len())
            .filter(|i| self.texts[*i].is_out() && !self.texts[*i].is_withdrawn)
            .collect();
        (!public.is_empty()).then(|| self.chance.of(&public))
    }

    async fn publish(&mut self, as_archive: bool) {
        let language = self.chance.of(&LANGUAGES);
        // A translation of a story that lacks this language, or a new story.
        let lacking: Vec<usize> = (0..self.stories.len())
            .filter(|story| {
                // What was withdrawn can be published again.
                self.texts
                    .iter()
                    .all(|t| t.story != *story || t.language != language || t.is_withdrawn)
            })
            .collect();
        let story = if lacking.is_empty() || self.chance.one_in(2) {
            self.stories.len()
        } else {
            self.chance.of(&lacking)
        };
        let section = self.chance.of(&SECTIONS);
        let embargo_at = (!as_archive && self.chance.one_in(4)).then(|| {
            self.now()
                .plus_secs(3600 * (1 + self.chance.below(30) as i64))
        });
        let title = format!("{language}-{}-{}", self.texts.len(), story);
        let draft = Draft {
            section: Some(section.to_owned()),
            story_uid: self.stories.get(story).cloned(),
            embargo_at,
            as_archive,
            ..Draft::new(
                Language::parse(language).unwrap(),
                title,
                "<p>Су деңгейі түсті.</p>",
            )
        };
        let published = newsroom::publish(&self.app.core, draft).await.unwrap();
        if story == self.stories.len() {
            self.stories.push(published.story_uid);
        }
        self.texts.push(Text {
            id: published.article_id,
            uid: published.uid,
            story,
            language,
            section,
            released: None,
            is_archived: as_archive,
            is_withdrawn: false,
        });
        self.read_numbers().await;
    }

    /// Which numbers the texts took, and when: the newsroom's own affair.
    async fn read_numbers(&mut self) {
        let rows: Vec<(i64, i64, Timestamp)> = on_db!(&self.app.core.db, c => sqlx::query_as(
            "SELECT a.id, l.no, l.at FROM article a JOIN release_log l ON l.no = a.release_no").fetch_all(c).await)
        .unwrap();
        let numbers: BTreeMap<i64, (i64, Timestamp)> = rows
            .into_iter()
            .map(|(id, no, at)| (id, (no, at)))
            .collect();
        for text in &mut self.texts {
            text.released = text.released.or_else(|| numbers.get(&text.id).copied());
        }
    }

    /// Moves the clock and does what the service does each minute.
    async fn tick(&mut self, hours: i64, withdrawn_late: bool) {
        let before = self.now();
        let now = before.plus_secs(hours * 3600);
        let core = self.app.core.clone();
        core.clock.set(now);
        while newsroom::release_due(&core).await.unwrap() > 0 {}
        self.read_numbers().await;
        if !withdrawn_late {
            digest::follow_withdrawals(&core, &self.theme)
                .await
                .unwrap();
        }
        audience::resume_paused(&core).await.unwrap();
        self.plan(now).await;
        digest::follow_withdrawals(&core, &self.theme)
            .await
            .unwrap();
        let head = self.head().await;
        for who in 0..self.people.len() {
            self.expect(who, before, now, head);
        }
    }

    /// Plans with one planner, with two at once, or with one that is killed and another after it.
    async fn plan(&mut self, now: Timestamp) {
        let core = self.app.core.clone();
        let theme = &self.theme;
        match self.chance.below(4) {
            0 => {
                let _ = tokio::join!(digest::open_runs(&core), digest::open_runs(&core));
                let (one, other) = tokio::join!(
                    digest::work_runs(&core, theme),
                    digest::work_runs(&core, theme)
                );
                one.unwrap();
                other.unwrap();
            }
            1 => {
                let polls = self.chance.below(40);
                kill_after(polls, digest::open_runs(&core)).await;
                let polls = self.chance.below(200);
                kill_after(polls, digest::work_runs(&core, theme)).await;
            }
            _ => {}
        }
        // What another planner holds, or a killed one held a moment ago, is taken by a later minute.
        for _ in 0..1000 {
            digest::open_runs(&core).await.unwrap();
            digest::work_runs(&core, theme).await.unwrap();
            let due = audience::store::list_due_slots(&core.db, now)
                .await
                .unwrap();
            if due.is_empty() && digest::count_open_runs(&core).await.unwrap() == 0 {
                return;
            }
        }
        panic!("runs stay open");
    }

    /// What one person must get in the tick that ended at `now`.
    fn expect(&mut self, who: usize, before: Timestamp, now: Timestamp, head: i64) {
        let person = self.people[who].clone();
        let zone = Zone::parse(person.zone).unwrap();
        let due = |date: jiff::civil::Date| -> Timestamp {
            date.at((person.minute / 60) as i8, (person.minute % 60) as i8, 0, 0)
                .to_zoned_datetime(zone.as_jiff().clone())
                .unwrap()
                .timestamp()
                .into()
        };
        let is_a_day = |date: jiff::civil::Date| {
            let day = date.weekday().to_monday_one_offset();
            match person.cadence {
                "weekdays" => day <= 5,
                "days:2,4,6" => [2, 4, 6].contains(&day),
                "weekly:3" => day == 3,
                _ => true,
            }
        };
        let today = now.date_in(&zone);
        let is_paused = person.paused_until.is_some_and(|until| today < until);
        if !is_paused {
            self.people[who].paused_until = None;
        }
        let mut date = today;
        while due(date) > now || !is_a_day(date) {
            date = date.yesterday().unwrap();
        }
        let mut next = date.tomorrow().unwrap();
        while !is_a_day(next) {
            next = next.tomorrow().unwrap();
        }
        let at = due(date);
        let over = at.plus_secs(LATE_HOURS * 3600).min(due(next));
        let local_date = date.to_string();
        if person.is_active && !is_paused && at > before && now >= over {
            *self.fates.entry("run missed").or_default() += 1;
        }
        if !person.is_active
            || is_paused
            || at <= before
            || now >= over
            || person.last_date >= local_date
            || person.read_to >= head
        {
            return;
        }
        let oldest: Timestamp = date
            .checked_sub(jiff::Span::new().days(MEMORY_DAYS))
            .unwrap()
            .at(0, 0, 0, 0)
            .to_zoned_datetime(zone.as_jiff().clone())
            .unwrap()
            .timestamp()
            .into();
        let had: BTreeSet<usize> = person
            .mails
            .values()
            .flatten()
            .map(|id| self.texts.iter().find(|t| t.id == *id).unwrap().story)
            .collect();
        let mut items = BTreeSet::new();
        for story in 0..self.stories.len() {
            let texts: Vec<&Text> = self.texts.iter().filter(|t| t.story == story).collect();
            let first = texts.iter().filter_map(|t| t.released).min();
            let in_window = |t: &Text| t.released.is_some_and(|(no, _)| no > person.read_to);
            let is_wanted = |t: &Text| {
                person.languages.contains(&t.language)
                    && (person.sections.is_empty() || person.sections.contains(&t.section))
            };
            let wanted: Vec<&&Text> = texts
                .iter()
                .filter(|t| t.released.is_some() && !t.is_withdrawn && is_wanted(t))
                .collect();
            let is_new = wanted
                .iter()
                .filter_map(|t| t.released)
                .any(|(no, at)| no > person.read_to && at >= oldest);
            let fate = if is_new && had.contains(&story) {
                "had it"
            } else if is_new && first.is_some_and(|(no, at)| no > person.read_to || at >= oldest) {
                // Begun in this window, it cannot have come before; begun longer ago than is remembered, it may have.
                "mailed"
            } else if wanted.iter().any(|t| in_window(t)) {
                "too old"
            } else if texts.iter().any(|t| in_window(t) && is_wanted(t)) {
                "withdrawn"
            } else if texts.iter().any(|t| in_window(t)) {
                "not wanted"
            } else {
                continue;
            };
            *self.fates.entry(fate).or_default() += 1;
            if fate != "mailed" {
                continue;
            }
            let best = wanted
                .iter()
                .min_by_key(|t| person.languages.iter().position(|l| *l == t.language));
            let best = best.unwrap();
            if best.language != person.languages[0] {
                *self.fates.entry("second choice").or_default() += 1;
            }
            items.insert(best.id);
        }
        let person = &mut self.people[who];
        person.read_to = head;
        if !items.is_empty() {
            *self.fates.entry("mail").or_default() += 1;
            person.last_date.clone_from(&local_date);
            assert!(person.mails.insert(local_date, items).is_none());
        }
    }

    /// What the database says a person gets.
    async fn mails_of(&self, uid: &str) -> BTreeMap<String, BTreeSet<i64>> {
        let rows: Vec<(i64, String, i64)> = on_db!(&self.app.core.db, c => sqlx::query_as(
            "SELECT d.id, i.local_date, t.article_id FROM delivery d JOIN issue i ON i.letter_id = d.letter_id \
             JOIN issue_item t ON t.issue_id = i.id WHERE d.recipient_uid = $1 AND d.state <> 'cancelled' ORDER BY d.id")
            .bind(uid).fetch_all(c).await)
        .unwrap();
        let mut mails: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        let mut of_date: BTreeMap<String, i64> = BTreeMap::new();
        for (delivery, date, article) in rows {
            let one = *of_date.entry(date.clone()).or_insert(delivery);
            assert_eq!(one, delivery, "two digests on {date}");
            mails.entry(date).or_default().insert(article);
        }
        mails
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

async fn random_histories_lose_nothing_and_repeat_nothing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    app.core.clock.set("2026-03-01T00:10:00Z".parse().unwrap());
    newsroom::sync_sections(&app.core).await.unwrap();
    audience::sync_newsletters(&app.core).await.unwrap();
    let theme = Theme::load(&app.core.config).unwrap();
    let mut world = World {
        app,
        theme,
        chance: Chance(0),
        texts: Vec::new(),
        stories: Vec::new(),
        people: Vec::new(),
        fates: BTreeMap::new(),
    };
    let first = number("JARSHY_FIRST_HISTORY", 0);
    for history in first..first + number("JARSHY_HISTORIES", HISTORIES) {
        world.chance = Chance::counted(history);
        world.texts.clear();
        world.stories.clear();
        world.people.clear();
        // The same season for each: most zones change their clocks within it.
        let begin: Timestamp = "2026-03-01T00:10:00Z".parse().unwrap();
        let begin = begin.plus_secs((history - first) as i64 * 400 * 86_400);
        world.app.core.clock.set(begin);
        // The hours of the years between are over before anybody joins.
        world.tick(0, false).await;
        for i in 0..PEOPLE {
            world.join(format!("reader{history}x{i}@example.org")).await;
        }
        let mut step = 0;
        while world.now() < begin.plus_secs(DAYS * 86_400) {
            step += 1;
            for _ in 0..world.chance.below(4) {
                world.act().await;
            }
            let hours = match world.chance.below(8) {
                0..=5 => 1 + world.chance.below(5) as i64,
                6 => 5 + world.chance.below(9) as i64,
                _ => 10 + world.chance.below(40) as i64,
            };
            let withdrawn_late = world.chance.one_in(3);
            world.tick(hours, withdrawn_late).await;
            for person in &world.people {
                let got = world.mails_of(&person.uid).await;
                assert_eq!(
                    got, person.mails,
                    "history {history}, step {step}: {person:#?}\n{:#?}",
                    world.texts
                );
            }
        }
        let wrong = digest::check_runs(&world.app.core).await.unwrap();
        assert!(wrong.is_empty(), "history {history}: {wrong:#?}");
        // What still waits for its embargo must not come out in the next history.
        for text in world
            .texts
            .iter()
            .filter(|t| t.released.is_none() && !t.is_withdrawn)
        {
            newsroom::withdraw(&world.app.core, &text.uid, None)
                .await
                .unwrap();
        }
        for who in 0..world.people.len() {
            let token = world.token(who, Purpose::Unsubscribe);
            audience::leave(&world.app.core, &token, LeaveBy::Page)
                .await
                .unwrap();
        }
    }
    // Histories in which nothing happens would prove nothing.
    let fates = &world.fates;
    println!("{fates:?}");
    assert!(
        fates["mail"] > 150 && fates["second choice"] > 50,
        "{fates:?}"
    );
    for name in [
        "mailed",
        "had it",
        "too old",
        "withdrawn",
        "not wanted",
        "run missed",
    ] {
        assert!(fates.contains_key(name), "{name} never happened: {fates:?}");
    }
}
