//! What stories stand on: a newsroom of their own on either engine, with a clock that stands still.
#![allow(dead_code, reason = "each story uses its part")]

pub mod callback;
pub mod desk;
pub mod dump;
pub mod smtp;

pub mod browser;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

use jarshy::base::time::{Clock, Timestamp};
use jarshy::config::Config;
use jarshy::db::Db;
use jarshy::work::Core;

/// The same numbers for the same seed (xorshift64).
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// For seeds that are counted: neighbours begin far apart.
    pub const fn counted(seed: u64) -> Self {
        Self::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }

    pub fn index(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }
}

/// The engine a story runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Runs an `async fn name(engine: Engine)` as two tests, `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! both_engines {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::support::Engine::Sqlite).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if $crate::support::postgres_url().is_some() {
                    super::$name($crate::support::Engine::Postgres).await;
                }
            }
        }
    )+ };
}

/// The server for tests; `None` says "skipped", and panics where `CI` is set.
pub fn postgres_url() -> Option<String> {
    let url = std::env::var("JARSHY_TEST_POSTGRES").ok();
    if url.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "JARSHY_TEST_POSTGRES is not set: a skipped engine is a failure in CI"
        );
        eprintln!("skipped: JARSHY_TEST_POSTGRES is not set");
    }
    url
}

/// The folder of shared test data (`../shared/data` beside the checkout, or `JARSHY_SHARED`); `None` says "skipped".
pub fn shared_data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("JARSHY_SHARED")
        .map_or_else(|| root.join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is absent: a skipped test is a failure in CI",
        folder.display()
    );
    eprintln!("skipped: {} is absent", folder.display());
    None
}

/// Two keys that look random enough; for tests alone.
pub const SECRETS: &str = "[secrets]\n\
    hash_key = \"5dc3e8f7062b94a1cf5873e6d10b2a498f2b6c1de09a47513fb8d2c46e7a9011\"\n\
    link_keys = { 1 = \"8f2b6c1de09a47513fb8d2c46e7a90115dc3e8f7062b94a1cf5873e6d10b2a49\" }\n";

/// Settings of a newsroom in kk, ru and en with three sections and one newsletter.
pub const NEWSROOM: &str = r#"
[server]
public_url = "https://news.example.kz"
[newsroom]
names = { kk = "Тау жаршысы", ru = "Тау жаршысы", en = "Tau Herald" }
languages = ["kk", "ru", "en"]
time_zone = "Asia/Almaty"
[newsroom.operator]
names = { kk = "«Тау жаршысы» редакциясы", ru = "Редакция «Тау жаршысы»", en = "Tau Herald newsroom" }
bin = "000140000000"
email = "office@news.example.kz"
[subscribe]
term = { kk = "жазылымнан бас тартқанға дейін", ru = "до отписки", en = "until you unsubscribe" }
recipients = { kk = "хаттарды жеткізетін пошта қызметі", ru = "почтовая служба, которая доставляет письма", en = "the mail service that delivers the emails" }
transfer = { kk = "жоқ", ru = "нет", en = "none" }
location = { kk = "Қазақстан", ru = "Казахстан", en = "Kazakhstan" }
origins = ["https://www.example.kz"]
[[section]]
slug = "society"
names = { kk = "Қоғам", ru = "Общество", en = "Society" }
[[section]]
slug = "economy"
names = { kk = "Экономика", ru = "Экономика", en = "Economy" }
[[section]]
slug = "sport"
names = { kk = "Спорт", ru = "Спорт", en = "Sport" }
[[newsletter]]
slug = "daily"
names = { kk = "Күн жаңалықтары", ru = "Новости дня", en = "News of the day" }
sender = "digest@news.example.kz"
reply_to = "office@news.example.kz"
"#;

/// A newsroom of its own: an empty migrated database, a fixed clock, test keys.
pub struct TestApp {
    pub core: Core,
    pub engine: Engine,
    /// Holds the SQLite file, and whatever a story wants to put down.
    pub folder: tempfile::TempDir,
    /// The `database.url` of the settings.
    pub database_url: String,
}

impl TestApp {
    /// Saturday, 28 February 2026, 07:00 in Almaty.
    pub const START: &str = "2026-02-28T07:00:00+05:00";

    pub async fn spawn(engine: Engine) -> Self {
        Self::spawn_with(engine, "").await
    }

    /// `settings` is TOML that is put behind [`NEWSROOM`], e.g. `[delivery]\nconnections = 2`.
    pub async fn spawn_with(engine: Engine, settings: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().unwrap();
        let database_url = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.path().join("jarshy.db").display()),
            Engine::Postgres => {
                let server = postgres_url().unwrap();
                // Process ids come round again, and a killed test leaves its database behind.
                let started = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap();
                let name = format!(
                    "t_{}_{}_{}",
                    std::process::id(),
                    COUNT.fetch_add(1, Ordering::SeqCst),
                    started.as_micros()
                );
                let pool = sqlx::PgPool::connect(&server).await.unwrap();
                let sql = format!("CREATE DATABASE {name}");
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .execute(&pool)
                    .await
                    .unwrap();
                pool.close().await;
                format!("{}/{name}", server.rsplit_once('/').unwrap().0)
            }
        };
        let text = format!(
            "{NEWSROOM}{SECRETS}[database]\nurl = \"{database_url}\"\nconnections = 4\n{settings}"
        );
        let config = Config::parse(&folder.path().join("jarshy.toml"), &text, &[]).unwrap();
        let db = Db::connect(&config.database).await.unwrap();
        db.migrate().await.unwrap();
        let keys = config.secrets.key_ring().unwrap();
        let core = Core::new(
            config,
            db,
            Clock::fixed(Self::START.parse().unwrap(), 1),
            keys,
        );
        Self {
            core,
            engine,
            folder,
            database_url,
        }
    }

    /// Moves the clock.
    pub fn set_time(&self, at: &str) {
        self.core.clock.set(at.parse::<Timestamp>().unwrap());
    }

    /// The command as an operator types it; `settings` is TOML that is put behind those of the newsroom.
    pub fn jarshy(&self, settings: &str, args: &[&str]) -> Output {
        let path = self.folder.path().join("jarshy.toml");
        let text = format!(
            "{NEWSROOM}{SECRETS}[database]\nurl = \"{}\"\n{settings}",
            self.database_url
        );
        std::fs::write(&path, text).unwrap();
        std::process::Command::new(env!("CARGO_BIN_EXE_jarshy"))
            .arg("--config")
            .arg(&path)
            .args(args)
            .output()
            .unwrap()
    }
}

/// What a command that succeeded said, with plain spaces between digits.
pub fn told(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .replace('\u{a0}', " ")
}

/// The people of one slot whom a planner would take now, and whether somebody is left, as [`jarshy::audience::store`] answers it for
/// the slots of a bundle: each time by slot and by row, which must be the same.
pub mod slot {
    use jarshy::audience::store::{Due, Member, list_slots_with_due};
    use jarshy::db::Tx;

    fn both_ways<'a>(slots: &'a [i64], to_no: i64, local_date: &'a str) -> [Due<'a>; 2] {
        [false, true].map(|is_scan| Due {
            slots,
            to_no,
            local_date,
            is_scan,
        })
    }

    /// Locks up to `limit` people behind a row.
    pub async fn lock_chunk(
        tx: &mut Tx,
        slot_id: i64,
        after: i64,
        to_no: i64,
        local_date: &str,
        limit: i64,
    ) -> Vec<Member> {
        let mut found = Vec::new();
        for due in both_ways(&[slot_id], to_no, local_date) {
            found.push(
                jarshy::audience::store::lock_chunk(tx, &due, (after, i64::MAX), limit)
                    .await
                    .unwrap(),
            );
        }
        assert_eq!(found[0], found[1]);
        found.swap_remove(0)
    }

    /// Whether anyone is left, whoever holds them.
    pub async fn is_anyone_due(tx: &mut Tx, slot_id: i64, to_no: i64, local_date: &str) -> bool {
        let mut found = Vec::new();
        for due in both_ways(&[slot_id], to_no, local_date) {
            found.push(list_slots_with_due(tx, &due).await.unwrap() == [slot_id]);
        }
        assert_eq!(found[0], found[1]);
        found[0]
    }
}
