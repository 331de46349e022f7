//! SQL of search: the words of articles, and the condition that finds them.

use super::Text;
use crate::base::language::Language;
use crate::db::{Db, Result, Tx};
use crate::newsroom::search::{Query, WORDS, index_of};
use crate::{on_db, on_tx};

/// FTS5 and `tsvector` are asked in their own languages.
const FOUND_SQLITE: &str =
    " AND a.id IN (SELECT f.rowid FROM article_words_fts f WHERE article_words_fts MATCH ";
const FOUND_POSTGRES: &str = " AND a.id IN (SELECT w.article_id FROM article_words w \
    WHERE array_to_tsvector(string_to_array(w.words, ' ')) @@ CAST(";

/// A condition on `article a` in three pieces: what stands before the bound value, the value, what stands behind it.
pub(super) struct Condition {
    pub before: &'static str,
    pub value: String,
    pub after: &'static str,
}

/// The condition that an article has a word for each of the query's. The value is made of letters and digits in quotation marks of
/// ours, so nothing that was typed is ever read as an operator.
pub(super) fn condition(
    is_postgres: bool,
    query: &Query,
    language: Option<&Language>,
) -> Condition {
    let stems = match language {
        Some(language) => query.stems(language),
        None => query.as_str().split(' ').collect(),
    };
    if is_postgres {
        let words: Vec<String> = stems.iter().map(|stem| format!("'{stem}':*")).collect();
        Condition {
            before: FOUND_POSTGRES,
            value: words.join(" & "),
            after: " AS tsquery))",
        }
    } else {
        let words: Vec<String> = stems.iter().map(|stem| format!("\"{stem}\"*")).collect();
        Condition {
            before: FOUND_SQLITE,
            value: words.join(" AND "),
            after: ")",
        }
    }
}

/// Keeps the words of an article's text.
pub async fn put_words(tx: &mut Tx, article_id: i64, text: &Text) -> Result<()> {
    let words = index_of(
        &text.title,
        &text.summary,
        &text.body_html,
        text.byline.as_deref(),
    );
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO article_words (article_id, version, words) VALUES ($1, $2, $3) \
         ON CONFLICT (article_id) DO UPDATE SET version = excluded.version, words = excluded.words \
         WHERE article_words.version <> excluded.version OR article_words.words <> excluded.words")
        .bind(article_id).bind(WORDS).bind(words).execute(c).await.map(|_| ()))
}

/// Articles behind `after` without words of that version, by row.
pub async fn list_unindexed(db: &Db, version: i64, after: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(db, c => sqlx::query_scalar(
        "SELECT a.id FROM article a WHERE a.id > $1 AND NOT EXISTS \
         (SELECT 1 FROM article_words w WHERE w.article_id = a.id AND w.version >= $2) ORDER BY a.id LIMIT $3")
        .bind(after).bind(version).bind(limit).fetch_all(c).await)
}
