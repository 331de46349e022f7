//! The whole database as text, to prove that something left no trace.

use std::collections::BTreeMap;

use jarshy::db::Db;
use sqlx::AssertSqlSafe;

/// Every table with its rows. The counters of row ids are left out (opening a newsroom stores its newsletters anew), and what keeps the search of SQLite is left out: it is made from `article_words`.
pub async fn dump(db: &Db) -> BTreeMap<String, String> {
    let mut tables = BTreeMap::new();
    match db {
        Db::Sqlite { read, .. } => {
            let names: Vec<String> = sqlx::query_scalar(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'article_words_fts%' AND name NOT LIKE 'sqlite%'",
            )
            .fetch_all(read)
            .await
            .unwrap();
            for name in names {
                let columns: Vec<String> =
                    sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                        .bind(&name)
                        .fetch_all(read)
                        .await
                        .unwrap();
                let row: Vec<String> = columns.iter().map(|c| format!("quote(\"{c}\")")).collect();
                let sql = format!("SELECT {} FROM \"{name}\" ORDER BY 1", row.join("||'|'||"));
                let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                    .fetch_all(read)
                    .await
                    .unwrap();
                tables.insert(name, rows.join("\n"));
            }
        }
        Db::Postgres(pool) => {
            let names: Vec<String> = sqlx::query_scalar(
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
            )
            .fetch_all(pool)
            .await
            .unwrap();
            for name in names {
                let sql = format!("SELECT CAST(t AS TEXT) FROM \"{name}\" t ORDER BY 1");
                let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                    .fetch_all(pool)
                    .await
                    .unwrap();
                tables.insert(name, rows.join("\n"));
            }
        }
    }
    assert!(tables.len() > 20, "{:?}", tables.keys());
    tables
}
