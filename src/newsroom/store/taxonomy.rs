//! SQL of sections, tags and languages.

use sqlx::QueryBuilder;

use super::read::{read_names, write_names};
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::config::Names;
use crate::db::{Db, Result, Tx};
use crate::newsroom::{Section, Tag};
use crate::{on_db, on_tx};

/// All sections in their order.
pub async fn list_sections(db: &Db) -> Result<Vec<Section>> {
    let rows: Vec<(i64, String, i64, String)> = on_db!(db, c => sqlx::query_as(
        "SELECT id, slug, position, names FROM section WHERE closed_at IS NULL ORDER BY position, id")
        .fetch_all(c).await?);
    Ok(rows
        .into_iter()
        .map(|(id, slug, position, names)| Section {
            id,
            slug,
            position,
            names: read_names(&names),
        })
        .collect())
}

/// Sections that the settings no longer name, by row, with the moment since when.
pub async fn list_closed_sections(db: &Db) -> Result<Vec<(Section, Timestamp)>> {
    let rows: Vec<(i64, String, i64, String, Timestamp)> = on_db!(db, c => sqlx::query_as(
        "SELECT id, slug, position, names, closed_at FROM section WHERE closed_at IS NOT NULL ORDER BY id")
        .fetch_all(c).await?);
    Ok(rows
        .into_iter()
        .map(|(id, slug, position, names, closed_at)| {
            let names = read_names(&names);
            let section = Section {
                id,
                slug,
                position,
                names,
            };
            (section, closed_at)
        })
        .collect())
}

/// All tags that stand on a public article, by slug.
pub async fn list_tags(db: &Db) -> Result<Vec<Tag>> {
    let rows: Vec<(i64, String, String)> = on_db!(db, c => sqlx::query_as(
        "SELECT g.id, g.slug, g.names FROM tag g WHERE EXISTS (SELECT 1 FROM article_tag t \
         JOIN article a ON a.id = t.article_id WHERE t.tag_id = g.id AND a.state = 'released')")
        .fetch_all(c).await?);
    let mut tags: Vec<Tag> = rows
        .into_iter()
        .map(|(id, slug, names)| Tag {
            id,
            slug,
            names: read_names(&names),
        })
        .collect();
    tags.sort_by(|a, b| a.slug.cmp(&b.slug));
    Ok(tags)
}

/// Steps from language to language in the index of feeds: this is asked at each release and on pages, and no engine does better than
/// to read every article if it is simply asked for distinct ones.
const PUBLIC_LANGUAGES: &str = "WITH RECURSIVE step (language) AS (SELECT MIN(language) FROM article WHERE state = 'released' \
    UNION ALL SELECT (SELECT MIN(a.language) FROM article a WHERE a.state = 'released' AND a.language > step.language) \
    FROM step WHERE step.language IS NOT NULL) SELECT language FROM step WHERE language IS NOT NULL";

/// All languages that have a public article, by tag.
pub async fn list_languages(db: &Db) -> Result<Vec<Language>> {
    let mut languages: Vec<Language> =
        on_db!(db, c => sqlx::query_scalar(PUBLIC_LANGUAGES).fetch_all(c).await)?;
    languages.sort();
    Ok(languages)
}

/// All languages that an article is or once was public in, by tag.
pub async fn list_known_languages(db: &Db) -> Result<Vec<Language>> {
    let mut languages: Vec<Language> = on_db!(db, c => {
        let mut query = QueryBuilder::new(PUBLIC_LANGUAGES);
        query.push(" UNION SELECT language FROM article WHERE state = 'withdrawn'");
        query.build_query_scalar().fetch_all(c).await
    })?;
    languages.sort();
    Ok(languages)
}

/// The open section with that slug.
pub async fn find_section_id(tx: &mut Tx, slug: &str) -> Result<Option<i64>> {
    on_tx!(tx, c => sqlx::query_scalar("SELECT id FROM section WHERE slug = $1 AND closed_at IS NULL")
        .bind(slug).fetch_optional(c).await)
}

/// A section as the table has it: row, slug, position, names as JSON, whether it is closed.
pub type SectionRow = (i64, String, i64, String, Option<Timestamp>);

/// Every section there ever was, closed ones too.
pub async fn list_section_rows(tx: &mut Tx) -> Result<Vec<SectionRow>> {
    on_tx!(tx, c => sqlx::query_as("SELECT id, slug, position, names, closed_at FROM section ORDER BY id")
        .fetch_all(c).await)
}

/// Adds a section; another instance may have been quicker.
pub async fn insert_section(
    tx: &mut Tx,
    uid: &str,
    slug: &str,
    position: i64,
    names: &Names,
) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO section (uid, slug, position, names) VALUES ($1, $2, $3, $4) ON CONFLICT (slug) DO NOTHING")
        .bind(uid).bind(slug).bind(position).bind(write_names(names)).execute(c).await.map(|_| ()))
}

/// Gives a section its place and names, and opens it.
pub async fn update_section(tx: &mut Tx, id: i64, position: i64, names: &Names) -> Result<()> {
    on_tx!(tx, c => sqlx::query(
        "UPDATE section SET position = $2, names = $3, closed_at = NULL WHERE id = $1")
        .bind(id).bind(position).bind(write_names(names)).execute(c).await.map(|_| ()))
}

/// Closes a section; its articles keep it.
pub async fn close_section(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    on_tx!(tx, c => sqlx::query("UPDATE section SET closed_at = $2 WHERE id = $1")
        .bind(id).bind(now).execute(c).await.map(|_| ()))
}

/// The tag with that slug, made if it is new; learns its name in `language` if it had none there.
pub async fn insert_tag(
    tx: &mut Tx,
    uid: &str,
    slug: &str,
    language: &Language,
    name: &str,
) -> Result<i64> {
    let names = Names::from([(language.as_str(), name)]);
    on_tx!(tx, c => {
        sqlx::query("INSERT INTO tag (uid, slug, names) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING")
            .bind(uid).bind(slug).bind(write_names(&names)).execute(&mut *c).await?;
        let (id, known): (i64, String) = sqlx::query_as("SELECT id, names FROM tag WHERE slug = $1")
            .bind(slug).fetch_one(&mut *c).await?;
        let mut known = read_names(&known);
        if !known.0.contains_key(language.as_str()) {
            known.0.insert(language.as_str().to_owned(), name.to_owned());
            sqlx::query("UPDATE tag SET names = $2 WHERE id = $1")
                .bind(id).bind(write_names(&known)).execute(c).await?;
        }
        Ok(id)
    })
}
