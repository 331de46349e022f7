//! A month in the life of three readers, hour by hour, on both engines; then the two engines' letters side by side.
//!
//! What everybody must get is worked out here once more from the stories alone, by walls: a story belongs to the first of a
//! reader's digests at or after the moment it is released in a language and section of theirs.

use std::collections::{BTreeMap, BTreeSet};

use jarshy::audience::{self, Cadence, Wishes};
use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::time::{Timestamp, Zone};
use jarshy::newsroom::{self, Draft};
use jarshy::theme::Theme;
use jarshy::{digest, on_db};

use crate::support::{Engine, TestApp, postgres_url};

/// The first hour: midnight in UTC.
const BEGIN: &str = "2026-03-10T00:00:00Z";
const DAYS: i64 = 30;
const HOUR: i64 = 3_600;

struct Reader {
    address: &'static str,
    zone: &'static str,
    hour: i8,
    languages: &'static [&'static str],
    sections: &'static [&'static str],
}

const READERS: [Reader; 3] = [
    Reader {
        address: "aigerim@example.org",
        zone: "Asia/Almaty",
        hour: 8,
        languages: &["kk", "ru"],
        sections: &["economy", "society"],
    },
    Reader {
        address: "viktor@example.net",
        zone: "Europe/Berlin",
        hour: 8,
        languages: &["ru", "en"],
        sections: &[],
    },
    Reader {
        address: "ellen@example.com",
        zone: "America/New_York",
        hour: 18,
        languages: &["en"],
        sections: &["sport"],
    },
];

/// One story: when it comes out, where, and in which languages (all at once).
struct Story {
    hour: i64,
    section: &'static str,
    languages: Vec<&'static str>,
}

/// A small generator (the constants of Numerical Recipes): the same month every time.
struct Chance(u32);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % bound
    }
}

/// The month's stories in their order; every fifth day is silent. What is released at a due instant belongs to that digest.
fn stories() -> Vec<Story> {
    let mut chance = Chance(2026);
    let mut all = Vec::new();
    for day in 0..DAYS {
        if day % 5 == 3 {
            continue;
        }
        for _ in 0..=chance.below(3) {
            let section = ["society", "economy", "sport"][chance.below(3) as usize];
            let mut languages: Vec<&'static str> = ["ru", "kk", "en"]
                .into_iter()
                .filter(|_| chance.below(2) == 0)
                .collect();
            if languages.is_empty() {
                languages.push("kk");
            }
            all.push(Story {
                hour: day * 24 + i64::from(chance.below(24)),
                section,
                languages,
            });
        }
    }
    all.sort_by_key(|story| story.hour);
    all
}

fn title(story: usize, language: &str) -> String {
    match language {
        "kk" => format!("{story}-жаңалық: өзендегі су деңгейі түсті"),
        "ru" => format!("Новость {story}: уровень воды в реке снизился"),
        _ => format!("Story {story}: the river has gone down"),
    }
}

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn begin() -> Timestamp {
    BEGIN.parse().unwrap()
}

fn end() -> Timestamp {
    begin().plus_secs(DAYS * 24 * HOUR)
}

/// Local date → the titles a reader must get on it.
type Expected = BTreeMap<String, BTreeSet<String>>;

fn expected(reader: &Reader) -> Expected {
    let zone = Zone::parse(reader.zone).unwrap();
    let mut all = Expected::new();
    for (number, story) in stories().iter().enumerate() {
        let Some(best) = reader
            .languages
            .iter()
            .find(|wanted| story.languages.contains(wanted))
        else {
            continue;
        };
        if !reader.sections.is_empty() && !reader.sections.contains(&story.section) {
            continue;
        }
        let released = begin().plus_secs(story.hour * HOUR);
        let local = released.in_zone(&zone);
        let is_in_time = (local.hour(), local.minute()) <= (reader.hour, 0);
        let mut date = local.date();
        if !is_in_time {
            date = date.tomorrow().unwrap();
        }
        let due = date
            .at(reader.hour, 0, 0, 0)
            .to_zoned_datetime(zone.as_jiff().clone())
            .unwrap();
        if Timestamp::from(due.timestamp()) < end() {
            all.entry(date.to_string())
                .or_default()
                .insert(title(number, best));
        }
    }
    all
}

/// A stored letter: subject, HTML, text, headers as they stand there.
type Bytes = (String, String, String, String);

/// What a reader got.
#[derive(sqlx::FromRow)]
struct Got {
    address: String,
    due_at: Timestamp,
    letter_id: i64,
    text: String,
}

/// Publishes the stories of an hour: those that wait for it, or those that do not.
async fn type_in(app: &TestApp, stories: &[Story], hour: i64, waits: bool) {
    for (number, story) in stories.iter().enumerate() {
        if story.hour != hour || (number % 2 == 0) != waits {
            continue;
        }
        let mut story_uid = None;
        for tag in &story.languages {
            let title = title(number, tag);
            let draft = Draft {
                section: Some(story.section.to_owned()),
                story_uid: story_uid.clone(),
                embargo_at: waits.then(|| begin().plus_secs(hour * HOUR)),
                ..Draft::new(language(tag), &title, format!("<p>{title}.</p>"))
            };
            let published = newsroom::publish(&app.core, draft).await.unwrap();
            assert_eq!(published.release_no.is_none(), waits);
            story_uid = Some(published.story_uid);
        }
    }
}

async fn live(engine: Engine) -> (Vec<Bytes>, Vec<(String, Timestamp, i64)>) {
    let app = TestApp::spawn(engine).await;
    let core = &app.core;
    core.clock.set(begin().plus_secs(-60));
    newsroom::sync_sections(core).await.unwrap();
    audience::sync_newsletters(core).await.unwrap();
    let theme = Theme::load(&core.config).unwrap();
    for reader in &READERS {
        let wishes = Wishes {
            languages: reader.languages.iter().map(|tag| language(tag)).collect(),
            sections: reader.sections.iter().map(|s| (*s).to_owned()).collect(),
            tags: Vec::new(),
            cadence: Cadence::Daily,
            time_zone: Zone::parse(reader.zone).unwrap(),
            minute: i64::from(reader.hour) * 60,
            text_only: false,
        };
        let address = EmailAddress::parse(reader.address).unwrap();
        let done = audience::add(core, None, &[(address, wishes)], "signed list").await;
        assert_eq!(done.unwrap(), (1, 0, 0));
    }

    let stories = stories();
    // Every other story is typed an hour early and waits, so that the tick must release it before it opens runs.
    type_in(&app, &stories, 0, true).await;
    for hour in 0..DAYS * 24 {
        core.clock.set(begin().plus_secs(hour * HOUR));
        type_in(&app, &stories, hour, false).await;
        newsroom::release_due(core).await.unwrap();
        digest::follow_withdrawals(core, &theme).await.unwrap();
        digest::open_runs(core).await.unwrap();
        for report in digest::work_runs(core, &theme).await.unwrap() {
            assert_eq!(report.state, "done", "{report:?}");
        }
        assert_eq!(digest::count_open_runs(core).await.unwrap(), 0);
        type_in(&app, &stories, hour + 1, true).await;
    }

    let got: Vec<Got> = on_db!(&core.db, c => sqlx::query_as(
        "SELECT d.address, d.due_at, d.letter_id, l.text FROM delivery d JOIN letter l ON l.id = d.letter_id \
         WHERE l.kind = 'issue' ORDER BY d.id").fetch_all(c).await)
    .unwrap();
    // Who was sent which article, from the issues' own items.
    let items: Vec<(String, i64, i64, String, String)> = on_db!(&core.db, c => sqlx::query_as(
        "SELECT d.address, d.letter_id, a.story_id, a.title, a.language FROM delivery d JOIN issue i ON i.letter_id = d.letter_id \
         JOIN issue_item t ON t.issue_id = i.id JOIN article a ON a.id = t.article_id ORDER BY d.id, t.position")
        .fetch_all(c).await)
    .unwrap();
    for reader in &READERS {
        judge(reader, &got, &items);
    }
    let letters: Vec<Bytes> = on_db!(&core.db, c => sqlx::query_as(
        "SELECT subject, html, text, headers FROM letter ORDER BY id").fetch_all(c).await)
    .unwrap();
    let deliveries = got
        .into_iter()
        .map(|got| (got.address, got.due_at, got.letter_id))
        .collect();
    (letters, deliveries)
}

fn judge(reader: &Reader, got: &[Got], items: &[(String, i64, i64, String, String)]) {
    let zone = Zone::parse(reader.zone).unwrap();
    let expected = expected(reader);
    let mine: Vec<&Got> = got
        .iter()
        .filter(|got| got.address == reader.address)
        .collect();
    let mut actual = Expected::new();
    for got in &mine {
        let wall = got.due_at.in_zone(&zone);
        let date = wall.date().to_string();
        assert_eq!(
            wall.time(),
            jiff::civil::time(reader.hour, 0, 0, 0),
            "{}: {wall}",
            reader.zone
        );
        let titles: BTreeSet<String> = items
            .iter()
            .filter(|(address, letter, ..)| address == reader.address && *letter == got.letter_id)
            .map(|(_, _, _, title, _)| title.clone())
            .collect();
        for title in &titles {
            assert!(got.text.contains(title), "{title:?} is not in {}", got.text);
        }
        assert!(
            actual.insert(date.clone(), titles).is_none(),
            "{}: two digests on {date}",
            reader.zone
        );
    }
    assert_eq!(actual, expected, "{}", reader.zone);

    // The month would prove nothing without news, silence and a second choice of language.
    let days = expected.len() as i64;
    assert!((5..DAYS).contains(&days), "{}: {days} days", reader.zone);
    let mut told = BTreeSet::new();
    let mut languages = BTreeSet::new();
    for (_, _, story_id, title, language) in items.iter().filter(|item| item.0 == reader.address) {
        assert!(
            told.insert(*story_id),
            "{}: {title:?} came twice",
            reader.zone
        );
        languages.insert(language.as_str());
    }
    let asked: BTreeSet<&str> = reader.languages.iter().copied().collect();
    assert_eq!(languages, asked, "{}", reader.zone);
}

/// T11, T23: whoever matches by several languages gets one digest, and windows tile the month.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_gives_each_reader_one_digest_a_day_with_news_and_both_engines_the_same_bytes() {
    // Berlin changes its clock inside the month, and New York had changed before: the test would see a wrong wall.
    let offset = |zone: &str, at: Timestamp| at.in_zone(&Zone::parse(zone).unwrap()).offset();
    assert_ne!(
        offset("Europe/Berlin", begin()),
        offset("Europe/Berlin", end())
    );
    let (letters, deliveries) = live(Engine::Sqlite).await;
    assert!(letters.len() > 30, "{} letters", letters.len());
    if postgres_url().is_none() {
        return;
    }
    let (others, other_deliveries) = live(Engine::Postgres).await;
    assert_eq!(letters.len(), others.len());
    for (number, (one, other)) in letters.iter().zip(&others).enumerate() {
        assert_eq!(one, other, "letter {number}");
    }
    assert_eq!(deliveries, other_deliveries);
}
