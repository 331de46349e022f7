//! A newsroom's desk with its readers: stories go out, the clock is moved, and each reader's digests are looked at.

use std::collections::BTreeMap;

use jarshy::audience::{self, Cadence, LeaveBy, Wishes};
use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::time::{Timestamp, Zone};
use jarshy::base::token::{Claims, Purpose};
use jarshy::digest::RunReport;
use jarshy::newsroom::{self, Draft, Published};
use jarshy::theme::Theme;
use jarshy::work::Core;
use jarshy::{delivery, digest, on_db};

use super::smtp::Peer;
use super::{Engine, TestApp};

/// Daily at eight, everything, in those languages and that zone.
pub fn wishes(languages: &[&str], zone: &str) -> Wishes {
    Wishes {
        languages: languages.iter().map(|tag| language(tag)).collect(),
        sections: vec![],
        tags: vec![],
        cadence: Cadence::Daily,
        time_zone: Zone::parse(zone).unwrap(),
        minute: 480,
        text_only: false,
    }
}

pub fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

/// One digest of one reader, as the journal has it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Digest {
    pub delivery_id: i64,
    pub letter_id: i64,
    pub state: String,
    pub uid: String,
    pub revision: i64,
    pub local_date: String,
    pub to_no: i64,
    pub subject: String,
    pub html: String,
    pub text: String,
    /// Rows of its articles in the order of the issue.
    #[sqlx(skip)]
    pub articles: Vec<i64>,
    /// Their titles.
    #[sqlx(skip)]
    pub titles: Vec<String>,
}

/// No encryption, for [`relay`].
pub const PLAIN: &str = "tls = \"none\"";

/// Settings that send through a relay on this machine; `more` belongs to `[mail]`, and what is put behind to `[delivery]`.
pub fn relay(port: u16, more: &str) -> String {
    format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {port}\nehlo_name = \"mail.news.example.kz\"\n\
         bounce_domain = \"bounce.news.example.kz\"\n{more}\n[delivery]\nconnections = 1\nlease_secs = 60\nrenew_secs = 30\n\
         command_deadline_secs = 2\nconnect_deadline_secs = 2\n"
    )
}

pub struct Desk {
    pub app: TestApp,
    pub theme: Theme,
}

impl Desk {
    pub async fn open(engine: Engine) -> Self {
        Self::open_with(engine, "").await
    }

    /// With that relay, in the clear, one connection at a time.
    pub async fn with_relay(engine: Engine, peer: &Peer) -> Self {
        Self::open_with(engine, &relay(peer.port, PLAIN)).await
    }

    /// With settings of its own.
    pub async fn open_with(engine: Engine, settings: &str) -> Self {
        let app = TestApp::spawn_with(engine, settings).await;
        newsroom::sync_sections(&app.core).await.unwrap();
        audience::sync_newsletters(&app.core).await.unwrap();
        let theme = Theme::load(&app.core.config).unwrap();
        Self { app, theme }
    }

    pub fn core(&self) -> &Core {
        &self.app.core
    }

    pub async fn subscribe(&self, address: &str, wishes: Wishes) {
        let people = [(EmailAddress::parse(address).unwrap(), wishes)];
        let added = audience::add(self.core(), None, &people, "agreed on paper")
            .await
            .unwrap();
        assert_eq!(added, (1, 0, 0));
    }

    /// Publishes a new story.
    pub async fn publish(&self, tag: &str, title: &str) -> Published {
        self.send(Draft::new(language(tag), title, format!("<p>{title}.</p>")))
            .await
    }

    /// Publishes a translation of a story.
    pub async fn translate(&self, story: &Published, tag: &str, title: &str) -> Published {
        self.send(Draft {
            story_uid: Some(story.story_uid.clone()),
            ..Draft::new(language(tag), title, format!("<p>{title}.</p>"))
        })
        .await
    }

    pub async fn send(&self, draft: Draft) -> Published {
        newsroom::publish(self.core(), draft).await.unwrap()
    }

    pub async fn withdraw(&self, article: &Published) {
        newsroom::withdraw(self.core(), &article.uid, None)
            .await
            .unwrap();
    }

    /// Moves the clock and does what a minute does.
    pub async fn at(&self, time: &str) -> Vec<RunReport> {
        self.app.set_time(time);
        self.tick().await
    }

    /// What the scheduler does each minute; an error is a failure here.
    pub async fn tick(&self) -> Vec<RunReport> {
        newsroom::release_due(self.core()).await.unwrap();
        self.follow().await;
        audience::resume_paused(self.core()).await.unwrap();
        self.open_runs().await;
        self.work_runs().await
    }

    pub async fn follow(&self) -> usize {
        digest::follow_withdrawals(self.core(), &self.theme)
            .await
            .unwrap()
    }

    pub async fn open_runs(&self) -> usize {
        digest::open_runs(self.core()).await.unwrap()
    }

    pub async fn work_runs(&self) -> Vec<RunReport> {
        digest::work_runs(self.core(), &self.theme).await.unwrap()
    }

    pub async fn change(&self, address: &str, wishes: Wishes) {
        let token = self.token(address, Purpose::Preferences).await;
        audience::save_preferences(self.core(), &token, wishes, None)
            .await
            .unwrap();
    }

    pub async fn leave(&self, address: &str) {
        let token = self.token(address, Purpose::Unsubscribe).await;
        audience::leave(self.core(), &token, LeaveBy::OneClick)
            .await
            .unwrap();
    }

    async fn token(&self, address: &str, purpose: Purpose) -> String {
        let uid: String = on_db!(&self.core().db, c => sqlx::query_scalar(
            "SELECT s.uid FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id WHERE p.address_key = $1")
            .bind(EmailAddress::parse(address).unwrap().key()).fetch_one(c).await)
        .unwrap();
        let claims = Claims {
            uid,
            epoch: 0,
            issued_at: self.core().clock.now(),
        };
        self.core().keys.new_token(purpose, &claims)
    }

    /// Every digest that was planned for a reader, in the order of planning.
    pub async fn digests(&self, address: &str) -> Vec<Digest> {
        let mut all: Vec<Digest> = on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT d.id AS delivery_id, d.letter_id, d.state, i.uid, i.revision, i.local_date, r.to_no, l.subject, l.html, l.text \
             FROM delivery d JOIN subscriber p ON p.id = d.recipient_id JOIN letter l ON l.id = d.letter_id \
             JOIN issue i ON i.letter_id = l.id JOIN run r ON r.id = d.batch WHERE p.address_key = $1 ORDER BY d.id")
            .bind(EmailAddress::parse(address).unwrap().key()).fetch_all(c).await)
        .unwrap();
        for one in &mut all {
            let items: Vec<(i64, String)> = on_db!(&self.core().db, c => sqlx::query_as(
                "SELECT a.id, a.title FROM issue i JOIN issue_item t ON t.issue_id = i.id JOIN article a ON a.id = t.article_id \
                 WHERE i.letter_id = $1 ORDER BY t.position").bind(one.letter_id).fetch_all(c).await)
            .unwrap();
            (one.articles, one.titles) = items.into_iter().unzip();
        }
        all
    }

    /// Date and titles (sorted) of a reader's digests that are still to be sent or were.
    pub async fn read(&self, address: &str) -> Vec<(String, Vec<String>)> {
        let mut all = Vec::new();
        for mut one in self.digests(address).await {
            if one.state != "cancelled" {
                one.titles.sort();
                all.push((one.local_date, one.titles));
            }
        }
        all
    }

    /// Local date and state of each run, in the order of their hours.
    pub async fn runs(&self) -> Vec<(String, String)> {
        on_db!(&self.core().db, c => sqlx::query_as("SELECT local_date, state FROM run ORDER BY due_at, id")
            .fetch_all(c).await)
        .unwrap()
    }

    pub async fn state_of_letter(&self, id: i64) -> String {
        on_db!(&self.core().db, c => sqlx::query_scalar("SELECT state FROM letter WHERE id = $1")
            .bind(id).fetch_one(c).await)
        .unwrap()
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        on_db!(&self.core().db, c => sqlx::query_scalar(sql).fetch_one(c).await).unwrap()
    }

    /// T14: what `jarshy verify` asks: runs, journal and sums add up; and nobody has two digests on one local date.
    pub async fn agrees(&self) {
        let db = &self.core().db;
        assert_eq!(
            digest::check_runs(self.core()).await.unwrap(),
            Vec::<String>::new()
        );
        assert_eq!(
            delivery::store::list_contradictions(db).await.unwrap(),
            Vec::<String>::new()
        );
        let total = delivery::store::get_total_sums(db).await.unwrap();
        assert_eq!(
            total.planned,
            total.accepted
                + total.failed
                + total.cancelled
                + total.expired
                + total.held
                + total.open
        );
        let of_runs = self
            .count("SELECT CAST(COALESCE(SUM(mailed), 0) AS BIGINT) FROM run")
            .await;
        assert_eq!(total.planned, of_runs);
        let dates: Vec<(String, String)> = on_db!(db, c => sqlx::query_as(
            "SELECT d.recipient_uid, r.local_date FROM delivery d JOIN run r ON r.id = d.batch JOIN slot s ON s.id = r.slot_id \
             WHERE s.cadence <> 'immediate'").fetch_all(c).await)
        .unwrap();
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for date in dates {
            *counts.entry(date).or_default() += 1;
        }
        counts.retain(|_, count| *count > 1);
        assert!(counts.is_empty(), "two digests on one date: {counts:?}");
    }
}

/// That many seconds after [`TestApp::START`].
pub fn after_start(secs: i64) -> Timestamp {
    TestApp::START.parse::<Timestamp>().unwrap().plus_secs(secs)
}
