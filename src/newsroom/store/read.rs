//! Articles as they are shown: read in lists, with slugs, sources and tags in batches.

use std::collections::HashMap;

use sqlx::{FromRow, QueryBuilder};

use super::CHUNK;
use super::enclosures::list_enclosures;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::config::Names;
use crate::db::{Db, Result};
use crate::newsroom::search::Query;
use crate::newsroom::{Article, ArticleState, Importance, LeadImage, Tag, Translation};
use crate::on_db;

/// Which articles a feed or a page shows: each list narrows, an empty one does not, and all that are set must hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Filter {
    /// In one of these languages.
    pub languages: Vec<Language>,
    /// In one of these sections, by row.
    pub sections: Vec<i64>,
    /// With one of these tags, by row.
    pub tags: Vec<i64>,
    /// With these words. Their endings are those of the filter's language, where it has one alone.
    pub query: Option<Query>,
    /// Not published before.
    pub from: Option<Timestamp>,
    /// Published before.
    pub until: Option<Timestamp>,
    /// Each story once.
    pub once: Option<Once>,
}

/// Of a story's public texts in these languages, sections and with these tags the one alone whose language comes first, as a digest
/// has it. Stands beside the lists of a [`Filter`], which may be taken apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Once {
    /// Languages in the order of preference.
    pub languages: Vec<Language>,
    /// Sections, by row; empty means all.
    pub sections: Vec<i64>,
    /// Tags, by row; empty means no narrowing.
    pub tags: Vec<i64>,
}

impl Filter {
    /// Everything in a language.
    pub fn of(language: &Language) -> Self {
        Self {
            languages: vec![language.clone()],
            ..Self::default()
        }
    }

    /// Only that section, if there is one.
    #[must_use]
    pub fn in_section(mut self, section: Option<i64>) -> Self {
        self.sections = section.into_iter().collect();
        self
    }

    /// Only that tag.
    #[must_use]
    pub fn with_tag(mut self, tag: i64) -> Self {
        self.tags = vec![tag];
        self
    }

    /// The filter taken apart into filters of one language and one section each, which have an index of their own. Only this
    /// filter itself if it is such a one, or if there would be more of them than is worth while.
    pub(super) fn arms(&self) -> Vec<Self> {
        const MOST: usize = 64;
        let apart = self.languages.len().max(1) * self.sections.len().max(1);
        // Without a language the index of sections is in no order.
        if apart == 1 || apart > MOST || self.languages.is_empty() || self.query.is_some() {
            return vec![self.clone()];
        }
        let mut arms = Vec::with_capacity(apart);
        for language in &self.languages {
            let arm = Self {
                languages: vec![language.clone()],
                ..self.clone()
            };
            if self.sections.is_empty() {
                arms.push(arm);
            } else {
                for section in &self.sections {
                    arms.push(arm.clone().in_section(Some(*section)));
                }
            }
        }
        arms
    }
}

const ARTICLE: &str = "SELECT a.id, a.uid, a.guid, a.story_id, a.language, a.title, a.summary, a.body_html, a.byline, \
    a.section_id, a.canonical_url, a.importance, a.correction, a.withdrawal, a.lead_url, a.lead_type, a.lead_bytes, \
    a.lead_width, a.lead_height, a.lead_alt, a.lead_credit, a.state, a.release_no, a.released_at, a.updated_at, \
    a.edited_at, s.slug, o.links AS source_links, o.title AS source_title, o.public_url AS source_url \
    FROM article a LEFT JOIN article_slug s ON s.article_id = a.id AND s.is_current \
    LEFT JOIN source o ON o.id = a.source_id";

#[derive(FromRow)]
struct Row {
    id: i64,
    uid: String,
    guid: String,
    story_id: i64,
    language: Language,
    title: String,
    summary: String,
    body_html: String,
    byline: Option<String>,
    section_id: Option<i64>,
    canonical_url: Option<String>,
    importance: String,
    correction: Option<String>,
    withdrawal: Option<String>,
    lead_url: Option<String>,
    lead_type: Option<String>,
    lead_bytes: Option<i64>,
    lead_width: Option<i64>,
    lead_height: Option<i64>,
    lead_alt: Option<String>,
    lead_credit: Option<String>,
    state: String,
    release_no: Option<i64>,
    released_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    edited_at: Timestamp,
    slug: Option<String>,
    source_links: Option<String>,
    source_title: Option<String>,
    source_url: Option<String>,
}

impl From<Row> for Article {
    fn from(row: Row) -> Self {
        let lead = row.lead_url.map(|url| LeadImage {
            url,
            media_type: row.lead_type,
            bytes: row.lead_bytes,
            width: row.lead_width,
            height: row.lead_height,
            alt: row.lead_alt,
            credit: row.lead_credit,
        });
        let source = row.source_url.map(|url| {
            let title = row.source_title.unwrap_or_else(|| url.clone());
            (title, url)
        });
        Self {
            slug: row.slug.unwrap_or_else(|| row.uid.clone()),
            id: row.id,
            uid: row.uid,
            guid: row.guid,
            story_id: row.story_id,
            language: row.language,
            title: row.title,
            summary: row.summary,
            body_html: row.body_html,
            byline: row.byline,
            section_id: row.section_id,
            canonical_url: row.canonical_url,
            links_to_origin: row.source_links.as_deref() == Some("origin"),
            source,
            importance: Importance::from_word(&row.importance),
            correction: row.correction,
            withdrawal: row.withdrawal,
            lead,
            state: ArticleState::from_word(&row.state),
            release_no: row.release_no,
            released_at: row.released_at,
            updated_at: row.updated_at,
            edited_at: row.edited_at,
            tags: Vec::new(),
            enclosures: Vec::new(),
        }
    }
}

/// Puts a list behind `column`, as `=` where it has one value: only then the engines read an index in its order.
macro_rules! push_one_of {
    ($query:ident, $column:literal, $values:expr) => {
        let values = $values;
        match values.len() {
            0 => {}
            1 => {
                $query
                    .push(concat!(" AND ", $column, " = "))
                    .push_bind(values[0].clone());
            }
            _ => {
                $query.push(concat!(" AND ", $column, " IN ("));
                let mut list = $query.separated(", ");
                for value in values {
                    list.push_bind(value.clone());
                }
                $query.push(")");
            }
        }
    };
}

/// Puts the conditions of a filter behind `WHERE a.state = …`; `is_postgres` says which search to ask.
macro_rules! push_filter {
    ($query:ident, $filter:ident, $is_postgres:expr) => {
        push_one_of!($query, "a.language", &$filter.languages);
        push_one_of!($query, "a.section_id", &$filter.sections);
        if $filter.tags.len() > 1 {
            // SQLite 3.51 makes a join of EXISTS, and then its OFFSET counts an article once for each of the tags.
            $query.push(" AND a.id IN (SELECT t.article_id FROM article_tag t WHERE t.article_id > 0");
            push_one_of!($query, "t.tag_id", &$filter.tags);
            $query.push(")");
        } else if !$filter.tags.is_empty() {
            $query.push(" AND EXISTS (SELECT 1 FROM article_tag t WHERE t.article_id = a.id");
            push_one_of!($query, "t.tag_id", &$filter.tags);
            $query.push(")");
        }
        if let Some(words) = &$filter.query {
            let language = match $filter.languages.as_slice() {
                [one] => Some(one),
                _ => None,
            };
            let condition = super::search::condition($is_postgres, words, language);
            $query
                .push(condition.before)
                .push_bind(condition.value)
                .push(condition.after);
        }
        if let Some(from) = $filter.from {
            $query.push(" AND a.released_at >= ").push_bind(from);
        }
        if let Some(until) = $filter.until {
            $query.push(" AND a.released_at < ").push_bind(until);
        }
        if let Some(once) = &$filter.once {
            $query.push(
                " AND NOT EXISTS (SELECT 1 FROM article b WHERE b.story_id = a.story_id AND b.state = 'released' AND b.id <> a.id",
            );
            push_one_of!($query, "b.language", &once.languages);
            push_one_of!($query, "b.section_id", &once.sections);
            if !once.tags.is_empty() {
                $query.push(" AND b.id IN (SELECT t.article_id FROM article_tag t WHERE t.article_id > 0");
                push_one_of!($query, "t.tag_id", &once.tags);
                $query.push(")");
            }
            // Of two texts in one language the later one counts.
            $query.push(" AND (");
            push_rank!($query, "b.language", &once.languages);
            $query.push(", -b.id) < (");
            push_rank!($query, "a.language", &once.languages);
            $query.push(", -a.id))");
        }
    };
}

/// Puts a language's place in a list, for a comparison.
macro_rules! push_rank {
    ($query:ident, $column:literal, $languages:expr) => {
        $query.push(concat!("CASE ", $column));
        for (place, language) in $languages.iter().enumerate() {
            $query
                .push(" WHEN ")
                .push_bind(language.clone())
                .push(format!(" THEN {place}"));
        }
        $query.push(format!(" ELSE {} END", $languages.len()));
    };
}
pub(super) use {push_filter, push_one_of, push_rank};

/// Public articles, newest first by (`released_at`, `id`): the order of every page for people.
pub async fn list_public(
    db: &Db,
    filter: &Filter,
    offset: i64,
    limit: i64,
) -> Result<Vec<Article>> {
    let arms = filter.arms();
    if arms.len() > 1 {
        return list_arms(db, &arms, offset, limit).await;
    }
    let rows: Vec<Row> = on_db!(db, c => {
        let mut query = QueryBuilder::new(ARTICLE);
        query.push(" WHERE a.state = 'released'");
        push_filter!(query, filter, db.is_postgres());
        query.push(" ORDER BY a.released_at DESC, a.id DESC LIMIT ").push_bind(limit);
        query.push(" OFFSET ").push_bind(offset);
        query.build_query_as().fetch_all(c).await?
    });
    with_tags(db, rows).await
}

/// The newest of several filters that exclude each other: each gives its newest by its index, and those are merged. One statement
/// with lists would read every article of those languages and sort them.
async fn list_arms(db: &Db, arms: &[Filter], offset: i64, limit: i64) -> Result<Vec<Article>> {
    let mut found: Vec<(Timestamp, i64)> = Vec::new();
    for arm in arms {
        let rows: Vec<(Timestamp, i64)> = on_db!(db, c => {
            let mut query = QueryBuilder::new("SELECT a.released_at, a.id FROM article a WHERE a.state = 'released'");
            push_filter!(query, arm, db.is_postgres());
            query.push(" ORDER BY a.released_at DESC, a.id DESC LIMIT ").push_bind(offset + limit);
            query.build_query_as().fetch_all(c).await?
        });
        found.extend(rows);
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    let ids: Vec<i64> = found
        .into_iter()
        .skip(usize::try_from(offset).unwrap_or(0))
        .take(usize::try_from(limit).unwrap_or(0))
        .map(|(_, id)| id)
        .collect();
    let mut articles = list_articles(db, &ids).await?;
    // One may have been withdrawn between the two readings.
    articles.retain(|article| article.state == ArticleState::Released);
    Ok(articles)
}

/// How many public articles there are.
pub async fn count_public(db: &Db, filter: &Filter) -> Result<i64> {
    on_db!(db, c => {
        let mut query = QueryBuilder::new("SELECT COUNT(*) FROM article a WHERE a.state = 'released'");
        push_filter!(query, filter, db.is_postgres());
        query.build_query_scalar().fetch_one(c).await
    })
}

/// Articles by row, in the order of `ids`, whatever their state; unknown ids are left out.
pub async fn list_articles(db: &Db, ids: &[i64]) -> Result<Vec<Article>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<Row> = on_db!(db, c => {
            let mut query = QueryBuilder::new(ARTICLE);
            query.push(" WHERE a.id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind(*id);
            }
            query.push(")");
            query.build_query_as().fetch_all(c).await?
        });
        found.extend(with_tags(db, rows).await?.into_iter().map(|a| (a.id, a)));
    }
    Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
}

/// The article that has or had the slug in that language (released or withdrawn; never drafts or scheduled ones); compare
/// `article.slug` to see whether to redirect.
pub async fn find_article_by_slug(
    db: &Db,
    language: &Language,
    slug: &str,
) -> Result<Option<Article>> {
    let rows: Vec<Row> = on_db!(db, c => {
        let mut query = QueryBuilder::new(ARTICLE);
        query.push(" WHERE a.state IN ('released', 'withdrawn') AND a.id = (SELECT article_id FROM article_slug WHERE language = ");
        query.push_bind(language.as_str()).push(" AND slug = ").push_bind(slug).push(")");
        query.build_query_as().fetch_all(c).await?
    });
    Ok(with_tags(db, rows).await?.pop())
}

/// The article with that uid, whatever its state.
pub async fn find_article_by_uid(db: &Db, uid: &str) -> Result<Option<Article>> {
    let rows: Vec<Row> = on_db!(db, c => {
        let mut query = QueryBuilder::new(ARTICLE);
        query.push(" WHERE a.uid = ").push_bind(uid);
        query.build_query_as().fetch_all(c).await?
    });
    Ok(with_tags(db, rows).await?.pop())
}

/// The articles that were made last, whatever their state, newest first.
pub async fn list_recent(db: &Db, language: Option<&Language>, limit: i64) -> Result<Vec<Article>> {
    let rows: Vec<Row> = on_db!(db, c => {
        let mut query = QueryBuilder::new(ARTICLE);
        if let Some(language) = language {
            query.push(" WHERE a.language = ").push_bind(language.as_str());
        }
        query.push(" ORDER BY a.created_at DESC, a.id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await?
    });
    with_tags(db, rows).await
}

/// Articles with what other tables hold of them: tags and files.
async fn with_tags(db: &Db, rows: Vec<Row>) -> Result<Vec<Article>> {
    let mut articles: Vec<Article> = rows.into_iter().map(Article::from).collect();
    let ids: Vec<i64> = articles.iter().map(|a| a.id).collect();
    let mut tags: HashMap<i64, Vec<Tag>> = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let found: Vec<(i64, i64, String, String)> = on_db!(db, c => {
            let mut query = QueryBuilder::new(
                "SELECT t.article_id, g.id, g.slug, g.names FROM article_tag t JOIN tag g ON g.id = t.tag_id WHERE t.article_id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind(*id);
            }
            query.push(")");
            query.build_query_as().fetch_all(c).await?
        });
        for (article_id, id, slug, names) in found {
            let names = read_names(&names);
            tags.entry(article_id)
                .or_default()
                .push(Tag { id, slug, names });
        }
    }
    let mut enclosures = list_enclosures(db, &ids).await?;
    for article in &mut articles {
        article.enclosures = enclosures.remove(&article.id).unwrap_or_default();
        article.tags = tags.remove(&article.id).unwrap_or_default();
        article.tags.sort_by(|a, b| a.slug.cmp(&b.slug));
    }
    Ok(articles)
}

/// Names as the tables keep them.
pub(super) fn read_names(json: &str) -> Names {
    serde_json::from_str(json).unwrap_or_default()
}

/// Names for the tables.
pub(super) fn write_names(names: &Names) -> String {
    serde_json::to_string(names).unwrap_or_default()
}

#[derive(FromRow)]
struct TranslationRow {
    story_id: i64,
    article_id: i64,
    language: Language,
    title: String,
    slug: String,
    canonical_url: Option<String>,
    links: Option<String>,
}

/// The public translations of those stories, in no order.
pub async fn list_translations(db: &Db, story_ids: &[i64]) -> Result<Vec<Translation>> {
    let mut out = Vec::new();
    for chunk in story_ids.chunks(CHUNK) {
        let rows: Vec<TranslationRow> = on_db!(db, c => {
            let mut query = QueryBuilder::new(
                "SELECT a.story_id, a.id AS article_id, a.language, a.title, s.slug, a.canonical_url, o.links \
                 FROM article a JOIN article_slug s ON s.article_id = a.id AND s.is_current \
                 LEFT JOIN source o ON o.id = a.source_id WHERE a.state = 'released' AND a.story_id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind(*id);
            }
            query.push(")");
            query.build_query_as().fetch_all(c).await?
        });
        out.extend(rows.into_iter().map(|row| Translation {
            href: match row.canonical_url {
                Some(origin) if row.links.as_deref() == Some("origin") => origin,
                _ => format!("/{}/news/{}", row.language, row.slug),
            },
            story_id: row.story_id,
            article_id: row.article_id,
            language: row.language,
            title: row.title,
        }));
    }
    Ok(out)
}
