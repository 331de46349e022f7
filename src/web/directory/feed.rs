//! A feed's page for people: its name, its addresses, and what is in it. Feed addresses themselves answer with feeds alone.

use axum::extract::{OriginalUri, Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::base::language::Language;
use crate::base::text::cut_at_word;
use crate::newsroom::store::{list_public, list_sections};
use crate::newsroom::{Article, Choice};
use crate::syndication::discovery::links;
use crate::syndication::{Catalogue, FeedKey, Format, Scope};
use crate::theme::dates;
use crate::web::WebState;
use crate::web::asked::Asked;
use crate::web::error::WebError;
use crate::web::shell::{Card, Shell, feed_links, render};
use crate::web::site::redirect;

/// Stories that are shown of a feed.
const SHOWN: i64 = 10;
/// Letters of a story's summary there.
const TEASER: (usize, usize) = (160, 20);

/// A feed with its addresses.
#[derive(Serialize)]
pub(super) struct Addresses {
    /// Its whole name in words.
    pub(super) title: String,
    /// Path of its page here.
    pub(super) page: String,
    /// What it is called, its address, its media type; in the order of the formats.
    pub(super) formats: Vec<(&'static str, String, &'static str)>,
}

impl Addresses {
    /// The addresses of a scope; `topic` is what it is about.
    pub(super) fn of(state: &WebState, scope: &Scope, topic: Option<&str>) -> Self {
        let config = &state.core.config;
        let formats = Format::ALL.map(|format| {
            let key = FeedKey {
                scope: scope.clone(),
                format,
            };
            let address = config.server.absolute(&key.path());
            (format.name(), address, format.media_type())
        });
        Self {
            title: scope.title(config, topic),
            page: scope.twin_path(),
            formats: formats.into(),
        }
    }
}

/// A story of a feed.
#[derive(Serialize)]
pub(super) struct Story {
    title: String,
    summary: String,
    href: String,
    lang: Language,
    direction: &'static str,
    date: String,
    date_iso: String,
}

impl Story {
    pub(super) fn of(state: &WebState, interface: &Language, article: Article) -> Self {
        let zone = state.core.config.newsroom.zone();
        let at = article.published_at();
        Self {
            summary: cut_at_word(&article.summary, TEASER.0, TEASER.1),
            href: article.link(""),
            direction: article.language.direction(),
            date: dates::short(at.date_in(&zone), interface),
            date_iso: at.rfc3339(&zone),
            lang: article.language,
            title: article.title,
        }
    }
}

/// The newest stories of a scope, and what it is about in the words of its own language.
pub(super) async fn newest(
    state: &WebState,
    catalogue: &Catalogue,
    scope: &Scope,
    interface: &Language,
    count: i64,
) -> Result<Vec<Story>, WebError> {
    let sections = list_sections(&state.core.db).await?;
    let filter = scope.filter(&sections, &catalogue.tags);
    let articles = list_public(&state.core.db, &filter, 0, count).await?;
    Ok(articles
        .into_iter()
        .map(|article| Story::of(state, interface, article))
        .collect())
}

/// What the scope is about in that language.
pub(super) fn topic(catalogue: &Catalogue, scope: &Scope, language: &Language) -> Option<String> {
    scope.topic(language, &catalogue.sections, catalogue.tags.values())
}

/// The scope as the builder's form sends it, to stand behind another pair.
pub(super) fn ticked(scope: &Scope) -> String {
    let mut out = url::form_urlencoded::Serializer::new(String::from("&build=1"));
    for language in scope.languages() {
        out.append_pair("languages", language.as_str());
    }
    for section in scope.sections() {
        out.append_pair("sections", section);
    }
    for tag in scope.tags() {
        out.append_pair("tags", tag);
    }
    out.finish()
}

/// What `web/feed.html` is given.
#[derive(Serialize)]
struct FeedPage {
    title: String,
    feed: Addresses,
    stories: Vec<Story>,
    /// The page of the site with the same stories; a choice has none.
    site: Option<String>,
    /// The builder, with this feed's languages, sections and tags ticked.
    builder: String,
    subscribe: Option<String>,
}

/// `GET /feeds/all`
pub(super) async fn all(
    State(state): State<WebState>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, WebError> {
    page(&state, &uri, Scope::All).await
}

/// `GET /feeds/{lang}`
pub(super) async fn language(
    State(state): State<WebState>,
    Path(lang): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, WebError> {
    page(&state, &uri, Scope::Language(parse(&lang)?)).await
}

/// `GET /feeds/{lang}/sections/{slug}`
pub(super) async fn section(
    State(state): State<WebState>,
    Path((lang, slug)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, WebError> {
    page(&state, &uri, Scope::Section(parse(&lang)?, slug)).await
}

/// `GET /feeds/{lang}/tags/{slug}`
pub(super) async fn tag(
    State(state): State<WebState>,
    Path((lang, slug)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, WebError> {
    page(&state, &uri, Scope::Tag(parse(&lang)?, slug)).await
}

/// `GET /feeds/f/{key}`
pub(super) async fn selection(
    State(state): State<WebState>,
    Path(key): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, WebError> {
    let choice = Choice::parse(&key).map_err(|_| WebError::NotFound)?;
    let scope = Scope::Selection(choice);
    // Percent-encoded is the same key; another order is another address of the same feed.
    if let Scope::Selection(choice) = &scope
        && choice.to_string() != key
    {
        return Ok(redirect(StatusCode::PERMANENT_REDIRECT, &scope.twin_path()));
    }
    page(&state, &uri, scope).await
}

fn parse(lang: &str) -> Result<Language, WebError> {
    Language::parse(lang)
        .ok()
        .filter(|language| language.as_str() == lang)
        .ok_or(WebError::NotFound)
}

async fn page(state: &WebState, uri: &Uri, scope: Scope) -> Result<Response, WebError> {
    let catalogue = state.shelf.catalogue().await?;
    if !catalogue.has(&scope) || catalogue.closed_at(&scope).is_some() {
        return Err(WebError::NotFound);
    }
    let config = &state.core.config;
    let ours = &config.newsroom.languages;
    // The page speaks the feed's language; that of several languages speaks the reader's.
    let language = Asked::of(uri)
        .one("lang")
        .and_then(|tag| Language::parse(tag).ok())
        .filter(|language| ours.contains(language))
        .unwrap_or_else(|| scope.own_language(config).clone());
    let path = scope.twin_path();
    let mut shell = Shell::new(state, &language, |code| {
        let there = scope.in_language(code).filter(|_| scope != Scope::All);
        there.map_or_else(|| format!("{path}?lang={code}"), |there| there.twin_path())
    });
    shell.canonical = Some(config.server.absolute(&path));
    let own_topic = topic(&catalogue, &scope, scope.own_language(config));
    let feed = Addresses::of(state, &scope, own_topic.as_deref());
    let mut found = links(config, &scope, own_topic.as_deref());
    found.extend(crate::syndication::discovery(config, &language, None));
    found.dedup_by(|a, b| a.href == b.href);
    shell.feeds = feed_links(found);
    if let [section] = scope.sections() {
        shell.section = Some(section.clone());
    }
    shell.card = Some(Card::website(
        feed.title.clone(),
        state.theme.text(&shell.interface, "feeds-lead", &[]),
    ));
    // Of choices there are more than a search engine should know.
    shell.is_private = scope.is_dynamic();
    let interface = shell.interface.clone();
    let stories = newest(state, &catalogue, &scope, &interface, SHOWN).await?;
    render(
        state,
        &shell,
        "web/feed.html",
        FeedPage {
            title: feed.title.clone(),
            site: (!scope.is_dynamic()).then(|| match &scope {
                Scope::All => shell.front.clone(),
                other => other.page_path(),
            }),
            builder: format!("/feeds?lang={language}{}#builder", ticked(&scope)),
            subscribe: shell
                .has_newsletter
                .then(|| format!("/{language}/subscribe")),
            feed,
            stories,
        },
    )
}
