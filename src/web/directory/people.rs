//! The page of all feeds, and the builder that makes one address of languages, sections and tags.

use axum::extract::{OriginalUri, State};
use axum::http::header::{ACCEPT_LANGUAGE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::feed::{Addresses, Story, newest, ticked, topic};
use crate::base::language::Language;
use crate::newsroom::Choice;
use crate::newsroom::store::list_current_tags;
use crate::syndication::directory::Entry;
use crate::syndication::discovery::links;
use crate::syndication::{Catalogue, Scope, discovery};
use crate::theme::dates;
use crate::web::WebState;
use crate::web::asked::Asked;
use crate::web::error::WebError;
use crate::web::shell::{Shell, feed_links, own_name, render};
use crate::web::site::language::negotiate;
use crate::web::site::redirect;

/// Stories whose tags the builder offers, and how many tags.
const TAGS: (i64, i64) = (100, 18);
/// Stories that are shown of what was built.
const SHOWN: i64 = 5;

/// What `web/feeds.html` is given.
#[derive(Serialize)]
struct FeedsPage {
    builder: Builder,
    built: Option<Built>,
    all: Line,
    groups: Vec<Group>,
    opml: String,
}

/// The boxes to tick.
#[derive(Serialize)]
struct Builder {
    languages: Vec<Tick>,
    sections: Vec<Tick>,
    tags: Vec<Tick>,
}

#[derive(Serialize)]
struct Tick {
    value: String,
    name: String,
    /// For `lang`, where the name is in a language of its own.
    lang: Option<Language>,
    is_ticked: bool,
}

/// The feed that was ticked together.
#[derive(Serialize)]
struct Built {
    feed: Addresses,
    stories: Vec<Story>,
}

#[derive(Serialize)]
struct Group {
    code: Language,
    direction: &'static str,
    name: String,
    feeds: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    title: String,
    /// The section's name, or «Барлық жаңалық» in the feed's language.
    name: String,
    /// The feed's language; none for the feed of all.
    lang: Option<Language>,
    page: String,
    rss: String,
    atom: String,
    json: String,
    newest: Option<Newest>,
}

#[derive(Serialize)]
struct Newest {
    title: String,
    href: String,
    lang: Language,
    date: String,
    date_iso: String,
}

/// The feeds in words, in the language of `?lang=` or of the browser.
pub(super) async fn page(
    State(state): State<WebState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let ours = &state.core.config.newsroom.languages;
    let asked = Asked::of(&uri);
    let wanted = asked
        .one("lang")
        .and_then(|tag| Language::parse(tag).ok())
        .filter(|language| ours.contains(language));
    let is_asked = wanted.is_some();
    let language = wanted.unwrap_or_else(|| {
        let accept = headers.get(ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
        negotiate(accept, ours)
    });
    let mut response = people(&state, &language, &asked).await?;
    if !is_asked {
        response
            .headers_mut()
            .append(VARY, HeaderValue::from_static("Accept-Language"));
    }
    Ok(response)
}

/// `/kk/feeds`
pub(super) async fn page_in(
    State(state): State<WebState>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, WebError> {
    let first = uri.path().split('/').nth(1).unwrap_or("");
    let language = Language::parse(first)
        .ok()
        .filter(|language| state.core.config.newsroom.languages.contains(language))
        .ok_or(WebError::NotFound)?;
    Ok(redirect(
        StatusCode::PERMANENT_REDIRECT,
        &format!("/feeds?lang={language}"),
    ))
}

async fn people(
    state: &WebState,
    language: &Language,
    asked: &Asked,
) -> Result<Response, WebError> {
    let directory = state.shelf.directory().await?;
    let catalogue = state.shelf.catalogue().await?;
    let config = &state.core.config;
    let zone = config.newsroom.zone();
    let choice = choice(&catalogue, asked);
    let scope = Scope::Selection(choice.clone());
    let is_built = ["languages", "sections", "tags", "build"]
        .iter()
        .any(|name| asked.has(name));
    let build = if is_built {
        ticked(&scope)
    } else {
        String::new()
    };
    let mut shell = Shell::new(state, language, |code| format!("/feeds?lang={code}{build}"));
    shell.canonical = Some(config.server.absolute("/feeds"));
    shell.feeds = feed_links(discovery(config, language, None));
    let interface = shell.interface.clone();
    let built = if is_built {
        let own = topic(&catalogue, &scope, scope.own_language(config));
        let mut found = links(config, &scope, own.as_deref());
        found.extend(discovery(config, language, None));
        shell.feeds = feed_links(found);
        Some(Built {
            feed: Addresses::of(state, &scope, own.as_deref()),
            stories: newest(state, &catalogue, &scope, &interface, SHOWN).await?,
        })
    } else {
        None
    };
    let line = |entry: &Entry| Line {
        title: entry.title.clone(),
        name: entry.section.clone().unwrap_or_else(|| {
            let spoken = entry.language.as_ref().unwrap_or(&interface);
            state
                .theme
                .text(&state.theme.interface(spoken), "feeds-all", &[])
        }),
        lang: entry.language.clone(),
        page: entry.twin.clone(),
        rss: entry.rss.clone(),
        atom: entry.atom.clone(),
        json: entry.json.clone(),
        newest: entry.newest.as_ref().map(|newest| Newest {
            title: newest.title.clone(),
            href: newest.link.clone(),
            lang: newest.language.clone(),
            date: dates::short(newest.at.date_in(&zone), &interface),
            date_iso: newest.at.rfc3339(&zone),
        }),
    };
    // The reader's own language first.
    let mut groups: Vec<&_> = directory.groups.iter().collect();
    groups.sort_by_key(|group| group.language != *language);
    let context = FeedsPage {
        builder: builder(state, &catalogue, language, &interface, &choice).await?,
        built,
        all: line(&directory.all),
        groups: groups
            .into_iter()
            .map(|group| Group {
                code: group.language.clone(),
                direction: group.language.direction(),
                name: group.name.clone(),
                feeds: group.entries.iter().map(line).collect(),
            })
            .collect(),
        opml: config.server.absolute("/feeds.opml"),
    };
    render(state, &shell, "web/feeds.html", context)
}

/// What was ticked, of what there is; anything else was not ticked on a page of ours.
fn choice(catalogue: &Catalogue, asked: &Asked) -> Choice {
    let languages: Vec<Language> = asked
        .all("languages")
        .filter_map(|tag| Language::parse(tag).ok())
        .filter(|language| catalogue.languages.contains(language))
        .collect();
    let sections: Vec<String> = asked
        .all("sections")
        .filter(|slug| catalogue.section(slug).is_some())
        .map(str::to_owned)
        .collect();
    let tags: Vec<String> = asked
        .all("tags")
        .filter(|slug| catalogue.tags.contains_key(*slug))
        .map(str::to_owned)
        .collect();
    Choice::new(&languages, &sections, &tags)
        .or_else(|_| Choice::new(&[], &[], &[]))
        .expect("an empty choice is one")
}

async fn builder(
    state: &WebState,
    catalogue: &Catalogue,
    language: &Language,
    interface: &Language,
    choice: &Choice,
) -> Result<Builder, WebError> {
    let languages = catalogue
        .languages
        .iter()
        .map(|code| Tick {
            value: code.to_string(),
            name: own_name(code),
            lang: Some(code.clone()),
            is_ticked: choice.languages().contains(code),
        })
        .collect();
    let sections = catalogue
        .sections
        .iter()
        .map(|section| Tick {
            value: section.slug.clone(),
            name: section.names.get(interface).to_owned(),
            lang: None,
            is_ticked: choice.sections().contains(&section.slug),
        })
        .collect();
    let current = list_current_tags(&state.core.db, language, TAGS.0, TAGS.1).await?;
    // What was ticked stays to be seen, also where it is on nobody's lips any more.
    let earlier = choice
        .tags()
        .iter()
        .filter(|slug| current.iter().all(|(known, _)| known != *slug))
        .filter_map(|slug| catalogue.tags.get(slug))
        .map(|tag| (tag.slug.clone(), tag.names.clone()));
    let mut tags: Vec<Tick> = current
        .iter()
        .cloned()
        .chain(earlier)
        .map(|(slug, names)| Tick {
            name: names.get(language).to_owned(),
            lang: None,
            is_ticked: choice.tags().contains(&slug),
            value: slug,
        })
        .collect();
    tags.sort_by_key(|tag| tag.name.to_lowercase());
    Ok(Builder {
        languages,
        sections,
        tags,
    })
}
