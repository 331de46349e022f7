//! The list of feeds for people and for OPML: what each is called, where it is, and what came last.

use serde::Serialize;

use super::catalogue::Catalogue;
use super::feed::{FeedKey, Format, Scope};
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::db::Db;
use crate::newsroom::store::{Filter, list_public};
use crate::theme::Theme;

/// All feeds by language and section. Tags are reached from their pages.
#[derive(Clone, Debug, Serialize)]
pub struct Directory {
    /// The newsroom.
    pub title: String,
    /// When the newsroom began.
    pub created: Timestamp,
    /// Newest change of what it names.
    pub updated: Timestamp,
    /// The feed of all languages.
    pub all: Entry,
    /// One per language.
    pub groups: Vec<Group>,
}

/// The feeds of a language.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// The language.
    pub language: Language,
    /// Its name in itself.
    pub name: String,
    /// The language's feed, then its sections'.
    pub entries: Vec<Entry>,
}

/// A feed.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its whole name in words.
    pub title: String,
    /// The section's name; none where the feed is the language's.
    pub section: Option<String>,
    /// Its language; none for the feed of all.
    pub language: Option<Language>,
    /// Where it stands in the tree of languages and sections: `/kk/economy`; none for the feed of all.
    pub category: Option<String>,
    /// Address of the page with the same articles.
    pub page: String,
    /// Path of the page that tells people about the feed.
    pub twin: String,
    /// Address as RSS.
    pub rss: String,
    /// Address as Atom.
    pub atom: String,
    /// Address as JSON Feed.
    pub json: String,
    /// What came last.
    pub newest: Option<Newest>,
}

/// The newest article of a feed.
#[derive(Clone, Debug, Serialize)]
pub struct Newest {
    /// Its title.
    pub title: String,
    /// Where it is read.
    pub link: String,
    /// Its language.
    pub language: Language,
    /// When it became public.
    pub at: Timestamp,
}

/// Puts the list together. In a language that is not the newsroom's own only sections with articles are named.
pub(super) async fn gather(
    db: &Db,
    config: &Config,
    catalogue: &Catalogue,
    theme: &Theme,
    began_at: Timestamp,
) -> crate::db::Result<Directory> {
    let mut updated = began_at;
    let mut entry = async |scope: Scope, topic: Option<(&str, i64)>| {
        let filter = Filter {
            languages: scope.language().into_iter().cloned().collect(),
            ..Filter::default()
        }
        .in_section(topic.map(|(_, id)| id));
        let newest = list_public(db, &filter, 0, 1).await?.into_iter().next();
        if let Some(article) = &newest {
            updated = updated.max(article.significant_at());
        }
        let address = |format| {
            let key = FeedKey {
                scope: scope.clone(),
                format,
            };
            config.server.absolute(&key.path())
        };
        Ok::<_, sqlx::Error>(Entry {
            title: scope.title(config, topic.map(|(name, _)| name)),
            section: topic.map(|(name, _)| name.to_owned()),
            language: scope.language().cloned(),
            category: scope.language().map(|language| {
                let sections: String = scope.sections().iter().map(|s| format!("/{s}")).collect();
                format!("/{language}{sections}")
            }),
            page: config.server.absolute(&scope.page_path()),
            twin: scope.twin_path(),
            rss: address(Format::Rss),
            atom: address(Format::Atom),
            json: address(Format::Json),
            newest: newest.map(|article| Newest {
                link: article.link(config.server.base_url()),
                at: article.published_at(),
                language: article.language,
                title: article.title,
            }),
        })
    };
    let all = entry(Scope::All, None).await?;
    let mut groups = Vec::new();
    for (i, language) in catalogue.languages.iter().enumerate() {
        let mut entries = vec![entry(Scope::Language(language.clone()), None).await?];
        for section in &catalogue.sections {
            let scope = Scope::Section(language.clone(), section.slug.clone());
            let made = entry(scope, Some((section.names.get(language), section.id))).await?;
            if i < catalogue.own_languages || made.newest.is_some() {
                entries.push(made);
            }
        }
        groups.push(Group {
            name: theme.language_name(language),
            language: language.clone(),
            entries,
        });
    }
    Ok(Directory {
        title: Scope::All.title(config, None),
        created: began_at.floor_to_secs(),
        updated: updated.floor_to_secs(),
        all,
        groups,
    })
}
