//! The two engines behind one enum.
//!
//! One SQL text with `$1…$N` serves both; [`on_db!`](crate::on_db) and [`on_tx!`](crate::on_tx) expand a body once per driver. What differs stands side by
//! side in constants named `…_SQLITE` and `…_POSTGRES`, with the reason. A store function takes `&Db` to read and `&mut Tx` to
//! write, so that a use case can span rooms in one transaction.
//!
//! SQLite writes go through one connection with `BEGIN IMMEDIATE` (a deferred transaction that later writes gets SQLITE_BUSY at
//! once); readers are `query_only`. Never name a constraint in code; never bind fewer values than there are `$N` (SQLite reads
//! NULL where PostgreSQL refuses): `tests/it/sql.rs` prepares every statement on both engines.

mod connect;

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

pub use connect::{DbError, Schema};

/// What a store returns.
pub type Result<T> = std::result::Result<T, sqlx::Error>;

/// The database of one newsroom.
#[derive(Clone, Debug)]
pub enum Db {
    /// A file of SQLite: many readers, one writer.
    Sqlite {
        /// Read-only connections.
        read: SqlitePool,
        /// The one connection that writes.
        write: SqlitePool,
    },
    /// A PostgreSQL server.
    Postgres(PgPool),
}

/// A transaction that may write.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite's one writing connection.
    Sqlite(Transaction<'static, Sqlite>),
    /// On a connection of PostgreSQL's pool.
    Postgres(Transaction<'static, Postgres>),
}

/// Runs a reading expression on either engine: `on_db!(db, c => sqlx::query(…).fetch_all(c).await)`.
#[macro_export]
macro_rules! on_db {
    ($db:expr, $c:ident => $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite { read: $c, .. } => $body,
            $crate::db::Db::Postgres($c) => $body,
        }
    };
}

/// Runs an expression inside a transaction on either engine; `c` is a `&mut` connection: use `&mut *c` to use it twice.
#[macro_export]
macro_rules! on_tx {
    ($tx:expr, $c:ident => $body:expr) => {
        match $tx {
            $crate::db::Tx::Sqlite(t) => {
                let $c = &mut **t;
                $body
            }
            $crate::db::Tx::Postgres(t) => {
                let $c = &mut **t;
                $body
            }
        }
    };
}

impl Db {
    /// Begins a transaction that may write. Dropping it rolls it back.
    #[expect(clippy::disallowed_methods, reason = "PostgreSQL alone may begin so")]
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Whether this is PostgreSQL, where several planners and workers can lock rows apart.
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// The statement for this engine, of two that stand side by side.
    pub const fn choose(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        if self.is_postgres() { postgres } else { sqlite }
    }

    /// Sees to it that nothing of what was emptied stays in the files: SQLite's log holds older pages until it is written over, so
    /// it is carried over into the file and cut to nothing (unless somebody reads at this moment, then the next time). PostgreSQL
    /// removes old rows by its own vacuum.
    pub async fn scrub(&self) -> Result<()> {
        match self {
            Self::Sqlite { write, .. } => sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(write)
                .await
                .map(|_| ()),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Closes every connection after what is running.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<()> {
        on_db!(self, c => sqlx::query("SELECT 1").execute(c).await.map(|_| ()))
    }
}

impl Tx {
    /// Makes everything durable at once.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(t) => t.commit().await,
            Self::Postgres(t) => t.commit().await,
        }
    }

    /// Takes everything back.
    pub async fn rollback(self) -> Result<()> {
        match self {
            Self::Sqlite(t) => t.rollback().await,
            Self::Postgres(t) => t.rollback().await,
        }
    }

    /// Whether this is PostgreSQL.
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// The statement for this engine, of two that stand side by side.
    pub const fn choose(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        if self.is_postgres() { postgres } else { sqlite }
    }
}

/// Whether the transaction lost a race and should be tried again: deadlock (40P01), serialization failure (40001),
/// a lock that was not let go in time (55P03), or SQLite busy.
pub fn is_retryable(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| matches!(&*code, "40P01" | "40001" | "55P03" | "5" | "517"))
}

/// Whether the very row was refused, and would be again: a broken constraint or a value that does not fit, also where a trigger
/// says so. False for whatever passes: a lost connection, a timeout, a lock, a full disk.
pub fn is_of_the_row(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let Some(code) = code else { return false };
    if code.len() == 5 {
        // SQLSTATE: classes 22 (data exception) and 23 (integrity constraint violation), and RAISE EXCEPTION.
        return code.starts_with("22") || code.starts_with("23") || code == "P0001";
    }
    // The lower byte of an extended code of SQLite: TOOBIG, CONSTRAINT (of triggers too), MISMATCH.
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 18..=20))
}

/// Whether the error is a broken unique constraint.
pub fn is_unique_violation(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
