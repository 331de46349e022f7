//! People in bulk: lists from elsewhere, lists out, and people who are forgotten (PRODUCT M11, M12, M26), on both engines.

mod import;
mod out;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jarshy::audience::import::{
    self as bulk, Finding, ImportError, ImportOptions, Imported, Observer,
};
use jarshy::audience::{self, Cadence, LeaveBy, Outcome, Refusal, SignUp, Wishes};
use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::time::Zone;
use jarshy::base::token::{Claims, Purpose};
use jarshy::on_db;
use jarshy::theme::Theme;
use jarshy::work::Core;

use crate::support::{Engine, NEWSROOM, SECRETS, TestApp};

pub struct House {
    pub app: TestApp,
    pub theme: Theme,
}

#[derive(Default)]
pub struct Seen(pub Vec<Finding>);

impl Observer for Seen {
    fn progress(&mut self, _: u64, _: u64) {}
    fn found(&mut self, finding: &Finding) -> io::Result<()> {
        self.0.push(finding.clone());
        Ok(())
    }
}

impl Seen {
    /// Line and outcome of each row.
    pub fn outcomes(&self) -> Vec<(u64, &'static str)> {
        self.0.iter().map(|f| (f.line, word(f))).collect()
    }

    pub fn sentence(&self, line: u64) -> &str {
        &self.0.iter().find(|f| f.line == line).unwrap().sentence
    }
}

pub fn word(finding: &Finding) -> &'static str {
    match finding.outcome {
        _ if finding.is_unreadable => "unreadable",
        Outcome::New => "new",
        Outcome::Known => "known",
        Outcome::Left => "left",
        Outcome::Suppressed => "suppressed",
        Outcome::Refused(Refusal::Left) => "refused: left",
        Outcome::Refused(Refusal::Erased) => "refused: erased",
        Outcome::Refused(Refusal::Suppressed) => "refused: suppressed",
        Outcome::Refused(Refusal::Unconfirmed) => "refused: unconfirmed",
    }
}

impl House {
    pub async fn open(engine: Engine) -> Self {
        let app = TestApp::spawn(engine).await;
        jarshy::newsroom::sync_sections(&app.core).await.unwrap();
        audience::sync_newsletters(&app.core).await.unwrap();
        let theme = Theme::load(&app.core.config).unwrap();
        Self { app, theme }
    }

    pub fn core(&self) -> &Core {
        &self.app.core
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.app.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub async fn try_import(
        &self,
        path: &Path,
        change: impl FnOnce(&mut ImportOptions),
    ) -> Result<(Imported, Seen), ImportError> {
        let mut options = options();
        change(&mut options);
        let mut seen = Seen::default();
        let done = bulk::import(self.core(), path, options, &mut seen).await?;
        assert_eq!(done.rows, seen.0.len() as u64);
        assert_eq!(
            done.rows,
            done.new + done.known + done.left + done.suppressed + done.refused
        );
        Ok((done, seen))
    }

    pub async fn import(&self, name: &str, bytes: impl AsRef<[u8]>) -> (Imported, Seen) {
        let path = self.file(name, bytes);
        self.try_import(&path, |_| {}).await.unwrap()
    }

    /// Address, state of person and subscription, selection, slot and evidence, by address.
    pub async fn people(&self) -> Vec<String> {
        type Row = (
            Option<String>,
            String,
            Option<String>,
            Option<String>,
            Option<String>,
            Option<i64>,
            Option<String>,
            bool,
            Option<String>,
        );
        let rows: Vec<Row> = on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT p.address, p.state, s.state, e.key, t.cadence, t.minute, t.time_zone, COALESCE(s.text_only, FALSE), \
             s.paused_until FROM subscriber p LEFT JOIN subscription s ON s.subscriber_id = p.id \
             LEFT JOIN selection e ON e.id = s.selection_id LEFT JOIN slot t ON t.id = s.slot_id \
             ORDER BY p.address_key, s.newsletter_id").fetch_all(c).await)
        .unwrap();
        rows.into_iter().map(|row| format!("{row:?}")).collect()
    }

    pub async fn states(&self) -> Vec<(String, String)> {
        on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT COALESCE(p.address, ''), s.state FROM subscriber p JOIN subscription s ON s.subscriber_id = p.id ORDER BY COALESCE(p.address_key, ''), p.id")
            .fetch_all(c).await)
        .unwrap()
    }

    pub async fn evidence(&self, address: &str) -> Vec<(String, String, String)> {
        on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT c.action, c.method, c.evidence FROM consent c JOIN subscriber p ON p.id = c.subscriber_id \
             WHERE p.address_key = $1 ORDER BY c.id").bind(address).fetch_all(c).await)
        .unwrap()
    }

    pub async fn suppressions(&self) -> Vec<(String, String)> {
        on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT address_hash, reason FROM suppression WHERE lifted_at IS NULL ORDER BY id").fetch_all(c).await)
        .unwrap()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        on_db!(&self.core().db, c => sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(c).await)
            .unwrap()
    }

    /// Signs up by the form and confirms; the uid of the subscription.
    pub async fn join(&self, address: &str) -> String {
        let request = SignUp {
            address: EmailAddress::parse(address).unwrap(),
            newsletter: None,
            wishes: options().wishes,
            interface: language("ru"),
            evidence: "form".to_owned(),
        };
        audience::sign_up(self.core(), &self.theme, request)
            .await
            .unwrap();
        let person = self
            .uid("SELECT uid FROM subscriber WHERE address_key = $1", address)
            .await;
        audience::confirm(self.core(), &self.token(Purpose::Confirm, &person))
            .await
            .unwrap();
        self.uid(
            "SELECT s.uid FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id WHERE p.address_key = $1",
            address,
        )
        .await
    }

    pub async fn uid(&self, sql: &'static str, address: &str) -> String {
        on_db!(&self.core().db, c => sqlx::query_scalar(sql).bind(address).fetch_one(c).await)
            .unwrap()
    }

    pub fn token(&self, purpose: Purpose, uid: &str) -> String {
        let claims = Claims {
            uid: uid.to_owned(),
            epoch: 0,
            issued_at: self.core().clock.now(),
        };
        self.core().keys.new_token(purpose, &claims)
    }

    pub async fn leave(&self, uid: &str) {
        audience::leave(
            self.core(),
            &self.token(Purpose::Unsubscribe, uid),
            LeaveBy::Page,
        )
        .await
        .unwrap();
    }

    pub fn hash(&self, address: &str) -> String {
        self.core().keys.address_hash(address)
    }

    pub fn jarshy(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let path = self.app.folder.path().join("jarshy.toml");
        let text = format!(
            "{NEWSROOM}{SECRETS}[database]\nurl = \"{}\"\n",
            self.app.database_url
        );
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_jarshy"));
        command
            .current_dir(self.app.folder.path())
            .arg("--config")
            .arg(&path)
            .args(args);
        command
    }
}

pub fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

pub fn options() -> ImportOptions {
    ImportOptions {
        newsletter: None,
        wishes: Wishes {
            languages: ["kk", "ru", "en"].map(language).to_vec(),
            sections: Vec::new(),
            tags: Vec::new(),
            cadence: Cadence::Daily,
            time_zone: Zone::parse("Asia/Almaty").unwrap(),
            minute: 480,
            text_only: false,
        },
        consent: "signed list".to_owned(),
        state: None,
        topics_from_labels: false,
        charset: None,
        separator: None,
        is_dry: false,
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs Python, whose csv module and codecs are a writer and reader that is not ours.
pub fn python(script: &str, args: &[&str]) -> String {
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}
