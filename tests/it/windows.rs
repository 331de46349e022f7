//! Random histories of sixty days against a model that knows no numbers but the order of releases. People join, change wishes, zone,
//! hour and days, pause, leave and return, ask for mail at once; their addresses are suppressed by hand or found dead by the relay.
//! Stories come out in some languages now and in others later, or with a promise that a text follows, wait for their embargo, are
//! corrected, withdrawn, and published again; archives are imported; the service sleeps for an hour or for two days, plans with two
//! planners, or is killed between two statements; mail is sent now and then. After every tick each person's mail must be exactly
//! what the model says: each story once, in the first window and language that has it, at most one digest on a local date and one
//! immediate mail in five minutes, and nothing lost. What was not mailed, and what was planned and did not go out, has a name.
//!
//! The histories are drawn from a fixed seed; a failure names the history and the step. `JARSHY_HISTORIES` (and
//! `JARSHY_FIRST_HISTORY`) live more of them than each test run does.

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;

use jarshy::audience::{self, Cadence, LeaveBy, Wishes};
use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::time::{Timestamp, Zone};
use jarshy::base::token::{Claims, Purpose};
use jarshy::newsroom::{self, Draft, Edit};
use jarshy::theme::Theme;
use jarshy::{delivery, digest, on_db};
use tokio_util::sync::CancellationToken;

use self::model::{Fate, Model, Number, Person, Promise, Story, Text, Wish};
use crate::both_engines;
use crate::support::desk::{PLAIN, relay};
use crate::support::smtp::{Act, At, Peer};
use crate::support::{Engine, TestApp};

both_engines!(random_histories_lose_nothing_and_repeat_nothing);

/// Histories that each test run lives, on each engine.
const HISTORIES: u64 = 3;
const DAYS: i64 = 60;
const PEOPLE: u32 = 5;
/// People of a history whose address is suppressed, at most: who gets nothing shows little.
const SUPPRESSED: usize = 2;
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
const CADENCES: [&str; 8] = [
    "daily",
    "daily",
    "daily",
    "weekdays",
    "days:2,4,6",
    "weekly:3",
    "immediate",
    "immediate",
];
/// `newsroom.follows_hours`, as the settings have it by default.
const FOLLOWS_HOURS: i64 = 24;

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

struct World {
    app: TestApp,
    theme: Theme,
    peer: Peer,
    chance: Chance,
    model: Model,
    /// Short ticks that are still to come: minutes in which much happens.
    burst: u64,
}

/// Date, whether it is the date's only one, what became of it, and its articles unless nobody got it.
type Mailed = (String, bool, String, BTreeSet<i64>);

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
        let (uid, subscriber_id): (String, i64) = on_db!(&core.db, c => sqlx::query_as(
            "SELECT s.uid, p.id FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id WHERE p.address_key = $1")
            .bind(address.key()).fetch_one(c).await)
        .unwrap();
        let read_to = self.head().await;
        self.model.asked_for(&wish, self.now());
        self.model.people.push(Person {
            uid,
            subscriber_id,
            address: name,
            wish,
            is_active: true,
            is_suppressed: false,
            paused_until: None,
            read_to,
            last_date: String::new(),
            mails: Vec::new(),
        });
    }

    fn token(&self, who: usize, purpose: Purpose) -> String {
        self.app.core.keys.new_token(
            purpose,
            &Claims {
                uid: self.model.people[who].uid.clone(),
                epoch: 0,
                issued_at: self.now(),
            },
        )
    }

    fn draw_person(&mut self) -> usize {
        self.chance.below(self.model.people.len() as u64) as usize
    }

    async fn act(&mut self) {
        match self.chance.below(18) {
            0..=6 => self.publish(false).await,
            7 | 8 => self.change_wishes().await,
            9 => self.publish(true).await,
            10 | 11 => {
                let Some(which) = self.draw_public() else {
                    return;
                };
                let uid = &self.model.texts[which].uid;
                let sentence = "Су деңгейі дәл емес еді.";
                newsroom::correct(&self.app.core, uid, Edit::default(), sentence)
                    .await
                    .unwrap();
            }
            12 => {
                let reached = |p: &&Person| p.is_active && !p.is_suppressed;
                if self.model.people.iter().filter(reached).count() < 6 {
                    let name = format!("late{}@example.net", self.chance.next());
                    self.join(name).await;
                }
            }
            13 => self.leave_or_return().await,
            14 | 15 => {
                let Some(which) = self.draw_public() else {
                    return;
                };
                let article = self.model.texts[which].id;
                newsroom::withdraw(&self.app.core, &self.model.texts[which].uid, None)
                    .await
                    .unwrap();
                self.model.texts[which].is_withdrawn = true;
                for person in &mut self.model.people {
                    person.take_out(article);
                }
            }
            16 if self.chance.one_in(20) => self.suppress().await,
            _ => {}
        }
    }

    async fn change_wishes(&mut self) {
        let who = self.draw_person();
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
        let wishes = Self::wishes(&wish);
        audience::save_preferences(&self.app.core, &token, wishes, paused_until)
            .await
            .unwrap();
        self.model.asked_for(&wish, self.now());
        let person = &mut self.model.people[who];
        person.wish = wish;
        if person.is_active {
            person.paused_until = paused_until;
        }
    }

    async fn leave_or_return(&mut self) {
        let who = self.draw_person();
        let token = self.token(who, Purpose::Unsubscribe);
        let person = &mut self.model.people[who];
        if person.is_active {
            audience::leave(&self.app.core, &token, LeaveBy::OneClick)
                .await
                .unwrap();
            person.call_off("left");
        } else if audience::rejoin(&self.app.core, &token).await.is_err() {
            return;
        }
        person.is_active = !person.is_active;
        // Leaving ends a pause.
        person.paused_until = None;
    }

    /// The operator forbids an address.
    async fn suppress(&mut self) {
        let who = self.draw_person();
        if self.suppressed() >= SUPPRESSED {
            return;
        }
        let core = &self.app.core;
        let person = &mut self.model.people[who];
        let address = EmailAddress::parse(&person.address).unwrap();
        let hash = core.keys.address_hash(&address.key());
        let mut tx = core.db.begin().await.unwrap();
        let (id, now) = (Some(person.subscriber_id), core.clock.now());
        delivery::suppress(&mut tx, &hash, id, "manual", "a letter of 3 March", now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        person.is_suppressed = true;
        person.call_off("suppressed");
    }

    fn suppressed(&self) -> usize {
        self.model.people.iter().filter(|p| p.is_suppressed).count()
    }

    /// A text that is out; archived ones count too.
    fn draw_public(&mut self) -> Option<usize> {
        let texts = &self.model.texts;
        let public: Vec<usize> = (0..texts.len())
            .filter(|i| texts[*i].is_out() && !texts[*i].is_withdrawn)
            .collect();
        (!public.is_empty()).then(|| self.chance.of(&public))
    }

    async fn publish(&mut self, as_archive: bool) {
        let language = self.chance.of(&LANGUAGES);
        // A translation of a story that lacks this language, or a new story.
        let lacking: Vec<usize> = (0..self.model.stories.len())
            .filter(|story| {
                // What was withdrawn can be published again.
                self.model
                    .texts
                    .iter()
                    .all(|t| t.story != *story || t.language != language || t.is_withdrawn)
            })
            .collect();
        let story = if lacking.is_empty() || self.chance.one_in(2) {
            self.model.stories.len()
        } else {
            self.chance.of(&lacking)
        };
        let section = self.chance.of(&SECTIONS);
        let embargo_at = (!as_archive && self.chance.one_in(4)).then(|| {
            self.now()
                .plus_secs(3600 * (1 + self.chance.below(30) as i64))
        });
        let follows = self.chance.of(&LANGUAGES);
        let follows = (self.chance.one_in(3) && follows != language).then_some(follows);
        let title = format!("{language}-{}-{}", self.model.texts.len(), story);
        let draft = Draft {
            section: Some(section.to_owned()),
            story_uid: self.model.stories.get(story).map(|s| s.uid.clone()),
            embargo_at,
            as_archive,
            follows: follows.map(|tag| Language::parse(tag).unwrap()),
            ..Draft::new(
                Language::parse(language).unwrap(),
                title,
                "<p>Су деңгейі түсті.</p>",
            )
        };
        let published = newsroom::publish(&self.app.core, draft).await.unwrap();
        let promise = follows
            .filter(|tag| !as_archive && self.model.may_promise(story, tag))
            .map(|language| Promise {
                language,
                until: embargo_at
                    .unwrap_or_else(|| self.now())
                    .plus_secs(FOLLOWS_HOURS * 3600),
                is_over: false,
            });
        if story == self.model.stories.len() {
            self.model.stories.push(Story {
                uid: published.story_uid,
                promise: None,
            });
        }
        if promise.is_some() {
            self.model.stories[story].promise = promise;
        }
        self.model.texts.push(Text {
            id: published.article_id,
            uid: published.uid,
            story,
            language,
            section,
            first: None,
            released: None,
            is_archived: as_archive,
            is_withdrawn: false,
        });
        self.read_numbers(&BTreeSet::new()).await;
    }

    /// Which numbers the texts took, and when: the newsroom's own affair. Only the end of a wait gives a text another one: each public
    /// text of those stories but the promised.
    async fn read_numbers(&mut self, ended: &BTreeSet<usize>) {
        let rows: Vec<(i64, i64, Timestamp)> = on_db!(&self.app.core.db, c => sqlx::query_as(
            "SELECT a.id, l.no, l.at FROM article a JOIN release_log l ON l.no = a.release_no").fetch_all(c).await)
        .unwrap();
        let numbers: BTreeMap<i64, Number> = rows
            .into_iter()
            .map(|(id, no, at)| (id, (no, at)))
            .collect();
        for text in &mut self.model.texts {
            let number = numbers.get(&text.id).copied();
            if text.is_live() {
                let promise = self.model.stories[text.story].promise.as_ref();
                let is_other = promise.is_some_and(|p| p.language != text.language);
                let comes_again = ended.contains(&text.story) && is_other;
                assert_eq!(number != text.released, comes_again, "{text:?} {number:?}");
            }
            text.first = text.first.or(number);
            text.released = number.or(text.released);
        }
    }

    /// Moves the clock and does what the service does each minute.
    async fn tick(&mut self, secs: i64, withdrawn_late: bool) {
        let before = self.now();
        let now = before.plus_secs(secs);
        let core = self.app.core.clone();
        core.clock.set(now);
        while newsroom::release_due(&core).await.unwrap() > 0 {}
        self.read_numbers(&BTreeSet::new()).await;
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
        let ended = self.model.end_waits(now);
        for _ in &ended {
            self.model.count("came again");
        }
        self.read_numbers(&ended).await;
        let head = self.head().await;
        self.model.expect(before, now, head);
        if !self.model.people.is_empty() && self.chance.one_in(2) {
            self.send(now).await;
        }
    }

    /// Sends what waits. At times a mailbox is gone, which one message finds out.
    async fn send(&mut self, now: Timestamp) {
        let who = self.draw_person();
        let is_gone = self.chance.one_in(5)
            && !self.model.people[who].is_suppressed
            && self.suppressed() < SUPPRESSED;
        self.peer.behave();
        if is_gone {
            let reply = Act::say("550 5.1.1 no such mailbox");
            let address = self.model.people[who].address.clone();
            self.peer.script_for(&address, At::Rcpt, reply, usize::MAX);
        }
        let stop = CancellationToken::new();
        delivery::drain(&self.app.core, &stop).await.unwrap();
        for (number, person) in self.model.people.iter_mut().enumerate() {
            person.send(now, is_gone && number == who);
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

    /// Sixty days, `place` of the histories that came before.
    async fn live(&mut self, history: u64, place: u64) {
        self.chance = Chance::counted(history);
        self.model.texts.clear();
        self.model.stories.clear();
        self.model.people.clear();
        // The same season for each: most zones change their clocks within it.
        let begin: Timestamp = "2026-03-01T00:10:00Z".parse().unwrap();
        let begin = begin.plus_secs(place as i64 * 400 * 86_400);
        let before = self.now();
        self.app.core.clock.set(before.max(begin));
        // The hours of the years between are over before anybody joins.
        self.tick(0, false).await;
        for i in 0..PEOPLE {
            self.join(format!("reader{history}x{i}@example.org")).await;
        }
        let mut step = 0;
        while self.now() < begin.plus_secs(DAYS * 86_400) {
            step += 1;
            for _ in 0..self.chance.below(4) {
                self.act().await;
            }
            let secs = self.draw_pause();
            let withdrawn_late = self.chance.one_in(3);
            self.tick(secs, withdrawn_late).await;
            self.check(&format!("history {history}, step {step}")).await;
        }
        let place = format!("history {history}");
        self.check_whole(&place);
        let wrong = digest::check_runs(&self.app.core).await.unwrap();
        assert!(wrong.is_empty(), "{place}: {wrong:#?}");
        // What still waits for its embargo must not come out in the next history.
        for text in &self.model.texts {
            if text.released.is_none() && !text.is_withdrawn {
                newsroom::withdraw(&self.app.core, &text.uid, None)
                    .await
                    .unwrap();
            }
        }
        for who in 0..self.model.people.len() {
            let token = self.token(who, Purpose::Unsubscribe);
            audience::leave(&self.app.core, &token, LeaveBy::Page)
                .await
                .unwrap();
        }
    }

    /// Seconds until the next tick: hours mostly, a day or two of silence, or a few minutes in which much happens.
    fn draw_pause(&mut self) -> i64 {
        if self.burst > 0 {
            self.burst -= 1;
            return 20 + self.chance.below(220) as i64;
        }
        match self.chance.below(16) {
            0..=11 => 3600 * (1 + self.chance.below(8) as i64),
            12 | 13 => 3600 * (5 + self.chance.below(9) as i64),
            14 => 3600 * (10 + self.chance.below(40) as i64),
            _ => {
                self.burst = 4 + self.chance.below(5);
                60
            }
        }
    }

    /// What the database says became of everybody's mails.
    async fn check(&self, place: &str) {
        type Row = (i64, i64, String, String, Option<String>, bool, i64);
        let rows: Vec<Row> = on_db!(&self.app.core.db, c => sqlx::query_as(
            "SELECT d.recipient_id, d.id, r.local_date, d.state, d.class, s.cadence <> 'immediate', t.article_id FROM delivery d \
             JOIN run r ON r.id = d.batch JOIN slot s ON s.id = r.slot_id JOIN issue i ON i.letter_id = d.letter_id \
             JOIN issue_item t ON t.issue_id = i.id WHERE d.recipient_id >= $1 ORDER BY d.id")
            .bind(self.model.people[0].subscriber_id).fetch_all(c).await)
        .unwrap();
        let mut got: BTreeMap<i64, Vec<Mailed>> = BTreeMap::new();
        let mut last = 0;
        for (person, id, local_date, state, class, has_date, article) in rows {
            let mails = got.entry(person).or_default();
            if id != last {
                let fate = match state.as_str() {
                    "queued" => "Open".to_owned(),
                    "accepted" => "Accepted".to_owned(),
                    _ => format!("Gone({:?})", class.unwrap_or_default()),
                };
                mails.push((local_date, has_date, fate, BTreeSet::new()));
                last = id;
            }
            let mail = mails.last_mut().unwrap();
            if !mail.2.starts_with("Gone") {
                mail.3.insert(article);
            }
        }
        for person in &self.model.people {
            let wanted: Vec<Mailed> = person
                .mails
                .iter()
                .map(|mail| {
                    let is_gone = matches!(mail.fate, Fate::Gone(_));
                    let items = mail.items.iter().filter(|_| !is_gone);
                    (
                        mail.local_date.clone(),
                        mail.has_date,
                        format!("{:?}", mail.fate),
                        items.copied().collect(),
                    )
                })
                .collect();
            let got = got.remove(&person.subscriber_id).unwrap_or_default();
            assert_eq!(got, wanted, "{place}: {person:#?}\n{:#?}", self.model.texts);
        }
        assert!(got.is_empty(), "{place}: mail to nobody: {got:?}");
    }

    /// What the model must hold of itself and of the relay's journal: no date has two digests, no two immediate mails of a person in
    /// five minutes unless the zone was changed between them, nobody forbidden was written to.
    fn check_whole(&mut self, place: &str) {
        let journal = self.peer.journal();
        let people = self.model.people.clone();
        for person in people {
            let mut dates = BTreeSet::new();
            let at_once: Vec<_> = person.mails.iter().filter(|m| !m.has_date).collect();
            for pair in at_once.windows(2) {
                let is_pause = pair[1].planned_at >= pair[0].planned_at.plus_secs(300);
                assert!(
                    is_pause || pair[0].zone != pair[1].zone,
                    "{place}: {pair:?}"
                );
            }
            for mail in &person.mails {
                let is_alone = !mail.has_date || dates.insert(mail.local_date.clone());
                assert!(is_alone, "{place}: two digests on {}", mail.local_date);
                match mail.fate {
                    Fate::Open => self.model.count("ended: open"),
                    Fate::Accepted => self.model.count("ended: accepted"),
                    Fate::Gone("withdrawn") => self.model.count("ended: withdrawn"),
                    Fate::Gone("left") => self.model.count("ended: left"),
                    Fate::Gone("suppressed") => self.model.count("ended: suppressed"),
                    Fate::Gone("hard") => self.model.count("ended: refused"),
                    Fate::Gone("late") => self.model.count("ended: late"),
                    Fate::Gone(other) => panic!("{place}: {other} is no name"),
                }
            }
            let accepted = |mail: &&model::Mail| mail.fate == Fate::Accepted;
            assert_eq!(
                journal.iter().filter(|e| e.to == person.address).count(),
                person.mails.iter().filter(accepted).count(),
                "{place}: {}",
                person.address
            );
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

async fn random_histories_lose_nothing_and_repeat_nothing(engine: Engine) {
    let peer = Peer::start().await;
    let app = TestApp::spawn_with(engine, &relay(peer.port, PLAIN)).await;
    app.core.clock.set("2026-03-01T00:10:00Z".parse().unwrap());
    newsroom::sync_sections(&app.core).await.unwrap();
    audience::sync_newsletters(&app.core).await.unwrap();
    let theme = Theme::load(&app.core.config).unwrap();
    let mut world = World {
        app,
        theme,
        peer,
        chance: Chance(0),
        model: Model::default(),
        burst: 0,
    };
    let first = number("JARSHY_FIRST_HISTORY", 0);
    for history in first..first + number("JARSHY_HISTORIES", HISTORIES) {
        world.live(history, history - first).await;
    }
    // Histories in which nothing happens would prove nothing.
    let fates = &world.model.fates;
    println!("{fates:?}");
    assert!(
        fates["mail"] > 200 && fates["immediate mail"] > 50 && fates["second choice"] > 50,
        "{fates:?}"
    );
    for name in [
        "mailed",
        "had it",
        "too old",
        "withdrawn",
        "not wanted",
        "awaited",
        "run missed",
        "came again",
        "ended: accepted",
        "ended: withdrawn",
        "ended: left",
        "ended: suppressed",
        "ended: refused",
        "ended: late",
    ] {
        assert!(fates.contains_key(name), "{name} never happened: {fates:?}");
    }
}
