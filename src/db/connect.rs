//! Connecting, migrating, and what must be so before anything else runs.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::Db;
use crate::config;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It does not answer.
    #[error(
        "the database {url} cannot be opened: {reason}. Look at database.url and at the server or the folder"
    )]
    Unreachable {
        /// The address without its password.
        url: String,
        /// What the driver said.
        reason: sqlx::Error,
    },
    /// A later Jarshy has migrated it.
    #[error(
        "the database was made by a newer Jarshy (its schema is {found}, this program knows {known}). Use the newer program"
    )]
    Newer {
        /// The version in the database.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// A migration failed; nothing of it stays.
    #[error("the database could not be migrated: {0}")]
    Migration(#[from] MigrateError),
    /// PostgreSQL might forget what it said it had kept.
    #[error(
        "PostgreSQL runs with synchronous_commit={0}: an accepted message could be forgotten and sent again. Set synchronous_commit=on"
    )]
    NotDurable(String),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] sqlx::Error),
}

/// Which version the schema has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schema(pub i64);

impl Db {
    /// Opens the database without touching its schema.
    pub async fn connect(settings: &config::Database) -> Result<Self, DbError> {
        let unreachable = |reason| DbError::Unreachable {
            url: without_password(&settings.url),
            reason,
        };
        if let Some(path) = settings.url.strip_prefix("sqlite:") {
            Self::open_sqlite(Path::new(path), settings.connections)
                .await
                .map_err(unreachable)
        } else {
            let db = Self::open_postgres(&settings.url, settings.connections)
                .await
                .map_err(unreachable)?;
            if let Self::Postgres(pool) = &db {
                let (mode,): (String,) = sqlx::query_as("SHOW synchronous_commit")
                    .fetch_one(pool)
                    .await?;
                if !matches!(mode.as_str(), "on" | "remote_apply" | "remote_write") {
                    return Err(DbError::NotDurable(mode));
                }
            }
            Ok(db)
        }
    }

    async fn open_sqlite(path: &Path, readers: u32) -> Result<Self, sqlx::Error> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(sqlx::Error::Io)?;
        }
        let options = SqliteConnectOptions::new()
            .filename(PathBuf::from(path))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: in WAL, NORMAL may forget the last commits when power is lost, and a forgotten 250 is a second mail.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is emptied or deleted is overwritten with zeros: an erased address must not stay in the file.
            .pragma("secure_delete", "on")
            .busy_timeout(Duration::from_secs(10))
            .pragma("cache_size", "-65536")
            .pragma("temp_store", "memory")
            // Not mapped: each connection would count up to the whole file as memory of ours, and a list of a million people is to
            // pass through as little as one of a thousand. The system's cache holds the pages either way.
            .pragma("mmap_size", "0")
            .pragma("journal_size_limit", "67108864")
            // Pages that are written again and again (the indexes, while a morning is planned) are carried over into the file once for
            // all 64 MB of the log, not once for each 4 MB.
            .pragma("wal_autocheckpoint", "16384")
            .statement_cache_capacity(256);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_mins(1))
            .connect_with(options.clone().optimize_on_close(true, None))
            .await?;
        let read = SqlitePoolOptions::new()
            .max_connections(readers)
            .connect_with(options.pragma("query_only", "1"))
            .await?;
        Ok(Self::Sqlite { read, write })
    }

    async fn open_postgres(url: &str, connections: u32) -> Result<Self, sqlx::Error> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("jarshy")
            .options([
                ("lock_timeout", "30s"),
                ("idle_in_transaction_session_timeout", "60s"),
                ("statement_timeout", "300s"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(30))
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }

    /// Brings the schema up to date; several instances may do so at once.
    pub async fn migrate(&self) -> Result<Schema, DbError> {
        self.refuse_newer().await?;
        match self {
            Self::Sqlite { write, .. } => SQLITE.run(write).await?,
            Self::Postgres(pool) => POSTGRES.run(pool).await?,
        }
        Ok(Schema(newest()))
    }

    async fn refuse_newer(&self) -> Result<(), DbError> {
        let applied = match self {
            Self::Sqlite { write, .. } => {
                let mut c = write.acquire().await?;
                c.ensure_migrations_table(&SQLITE.table_name).await?;
                c.list_applied_migrations(&SQLITE.table_name).await?
            }
            Self::Postgres(pool) => {
                let mut c = pool.acquire().await?;
                c.ensure_migrations_table(&POSTGRES.table_name).await?;
                c.list_applied_migrations(&POSTGRES.table_name).await?
            }
        };
        let (found, known) = (
            applied.iter().map(|m| m.version).max().unwrap_or(0),
            newest(),
        );
        if found > known {
            Err(DbError::Newer { found, known })
        } else {
            Ok(())
        }
    }
}

fn newest() -> i64 {
    SQLITE.iter().map(|m| m.version).max().unwrap_or(0)
}

/// The address for messages: a password never reaches a log.
fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            let _ = parsed.set_password(Some("…"));
            parsed.to_string().replace("%E2%80%A6", "…")
        }
        _ => url.to_owned(),
    }
}
