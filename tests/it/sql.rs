//! Every statement of every store is prepared on both engines: SQLite silently reads NULL for a missing bind and knows other
//! functions than PostgreSQL, so a statement that one engine accepts proves nothing about the other.

use std::path::Path;

use jarshy::db::Db;
use sqlx::{Executor, SqlSafeStr};

use crate::both_engines;
use crate::support::{Engine, TestApp};

both_engines!(every_statement_is_prepared, schemas_agree);

async fn every_statement_is_prepared(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut statements = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut statements,
    );
    assert!(
        statements.len() >= 8,
        "found only {} statements: is the scanner broken?",
        statements.len()
    );
    let mut wrong = Vec::new();
    for (place, sql) in statements {
        let other = if engine == Engine::Sqlite {
            "_POSTGRES"
        } else {
            "_SQLITE"
        };
        if place.contains(other) {
            continue;
        }
        let text = sqlx::AssertSqlSafe(sql.clone()).into_sql_str();
        let error = match &app.core.db {
            Db::Sqlite { write, .. } => write
                .acquire()
                .await
                .unwrap()
                .prepare(text)
                .await
                .err()
                .map(|e| e.to_string()),
            Db::Postgres(pool) => pool
                .acquire()
                .await
                .unwrap()
                .prepare(text)
                .await
                .err()
                .map(|e| e.to_string()),
        };
        wrong.extend(error.map(|e| format!("{place}: {e}\n    {sql}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The string literals in store files (and `db/`) that begin like a statement, with the constant they belong to.
fn collect(folder: &Path, out: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, out);
            continue;
        }
        let name = path.display().to_string();
        if !name.ends_with(".rs") || !(name.contains("store") || name.contains("/db/")) {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let mut constant = String::new();
        let mut rest = source.as_str();
        while let Some(start) = rest.find('"') {
            let before = &rest[..start];
            if let Some(at) = before.rfind("const ") {
                before[at + 6..]
                    .split(':')
                    .next()
                    .unwrap_or("")
                    .clone_into(&mut constant);
            } else if before.contains("fn ") || before.contains(';') {
                constant.clear();
            }
            let mut sql = String::new();
            let mut chars = rest[start + 1..].char_indices();
            let mut end = rest.len();
            while let Some((i, c)) = chars.next() {
                match c {
                    '"' => {
                        end = start + 1 + i + 1;
                        break;
                    }
                    '\\' => match chars.next() {
                        Some((_, '\n')) => {
                            let skipped = rest[start + 1..][i + 2..]
                                .chars()
                                .take_while(|c| c.is_whitespace())
                                .count();
                            for _ in 0..skipped {
                                chars.next();
                            }
                        }
                        Some((_, 'n')) => sql.push('\n'),
                        Some((_, other)) => sql.push(other),
                        None => {}
                    },
                    c => sql.push(c),
                }
            }
            let word = sql.split_whitespace().next().unwrap_or("");
            let is_fragment =
                sql.contains("{}") || before.trim_end().ends_with("QueryBuilder::new(");
            if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&word)
                && sql.len() > 12
                && !is_fragment
            {
                out.push((format!("{name} {constant}"), sql));
            }
            rest = &rest[end..];
        }
    }
}

/// Both schemas have the same tables and columns, with types that stand for each other.
async fn schemas_agree(engine: Engine) {
    if engine == Engine::Sqlite {
        return;
    }
    let (lite, pg) = (
        TestApp::spawn(Engine::Sqlite).await,
        TestApp::spawn(Engine::Postgres).await,
    );
    let Db::Sqlite { read, .. } = &lite.core.db else {
        unreachable!()
    };
    let Db::Postgres(pool) = &pg.core.db else {
        unreachable!()
    };
    // The tables of FTS5 are SQLite's index over `article_words`; PostgreSQL has a GIN index there.
    let mut left: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT m.name, p.name, p.type, p.\"notnull\" = 1 OR p.pk > 0 FROM sqlite_master m, pragma_table_xinfo(m.name) p \
         WHERE m.type = 'table' AND m.name NOT LIKE 'article_words_fts%' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(read)
    .await
    .unwrap();
    let mut right: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, \
         CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'boolean' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' \
         ELSE upper(data_type) END, is_nullable = 'NO' FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    left.sort();
    right.sort();
    assert!(left.len() > 100, "{}", left.len());
    assert_eq!(left, right);
}
