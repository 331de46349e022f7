//! The pages of a section and of a tag: 20 stories a page, newest first, in the order of the feeds.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::card::{StoryCard, cards};
use super::{known_language, redirect};
use crate::base::language::Language;
use crate::newsroom::store::{self, Filter};
use crate::syndication::Topic;
use crate::web::WebState;
use crate::web::error::WebError;
use crate::web::shell::{Card, Shell, render};

/// Stories on a page.
const PER_PAGE: i64 = 20;

#[derive(Deserialize)]
pub(super) struct Number {
    page: Option<String>,
}

#[derive(Serialize)]
struct Listing {
    title: String,
    is_tag: bool,
    stories: Vec<StoryCard>,
    number: i64,
    pages: i64,
    newer: Option<String>,
    older: Option<String>,
    /// The page about its feed.
    feed: String,
}

/// `GET /{lang}/sections/{slug}`
pub(super) async fn section(
    State(state): State<WebState>,
    Path((lang, slug)): Path<(String, String)>,
    Query(number): Query<Number>,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &lang).await?;
    let sections = store::list_sections(&state.core.db).await?;
    let closed = store::list_closed_sections(&state.core.db).await?;
    // The page of a section that was closed stays: its stories are still read.
    let section = sections
        .iter()
        .chain(closed.iter().map(|(section, _)| section))
        .find(|section| section.slug == slug)
        .ok_or(WebError::NotFound)?;
    let filter = Filter::of(&lang).in_section(Some(section.id));
    let title = section.names.get(&state.theme.interface(&lang)).to_owned();
    listing(
        &state,
        &lang,
        &format!("sections/{slug}"),
        filter,
        title,
        Topic::Section(section),
        number,
    )
    .await
}

/// `GET /{lang}/tags/{slug}`
pub(super) async fn tag(
    State(state): State<WebState>,
    Path((lang, slug)): Path<(String, String)>,
    Query(number): Query<Number>,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &lang).await?;
    let tag = store::list_tags(&state.core.db)
        .await?
        .into_iter()
        .find(|tag| tag.slug == slug)
        .ok_or(WebError::NotFound)?;
    let filter = Filter::of(&lang).with_tag(tag.id);
    let title = tag.names.get(&lang).to_owned();
    listing(
        &state,
        &lang,
        &format!("tags/{slug}"),
        filter,
        title,
        Topic::Tag(&tag),
        number,
    )
    .await
}

async fn listing(
    state: &WebState,
    lang: &Language,
    place: &str,
    filter: Filter,
    title: String,
    topic: Topic<'_>,
    number: Number,
) -> Result<Response, WebError> {
    let path = format!("/{lang}/{place}");
    // Page 1 has one address: the one without a number.
    let number = match number.page.as_deref() {
        None => 1,
        Some("1") => return Ok(redirect(StatusCode::PERMANENT_REDIRECT, &path)),
        Some(text) => text
            .parse::<i64>()
            .ok()
            .filter(|n| (2..1_000_000).contains(n) && n.to_string() == text)
            .ok_or(WebError::NotFound)?,
    };
    let count = store::count_public(&state.core.db, &filter).await?;
    let pages = ((count + PER_PAGE - 1) / PER_PAGE).max(1);
    if number > pages {
        return Err(WebError::NotFound);
    }
    let articles =
        store::list_public(&state.core.db, &filter, (number - 1) * PER_PAGE, PER_PAGE).await?;
    let sections = store::list_sections(&state.core.db).await?;
    let stories = cards(state, lang, &sections, &articles).await?;

    let at = |n: i64| match n {
        1 => path.clone(),
        n => format!("{path}?page={n}"),
    };
    let mut shell = Shell::new(state, lang, |code| format!("/{code}/{place}"));
    shell.alternates_of_all_languages();
    shell.canonical = Some(state.core.config.server.absolute(&at(number)));
    shell.set_topic(&state.core.config, topic);
    if let Topic::Section(section) = topic {
        shell.section = Some(section.slug.clone());
    }
    shell.card = Some(Card::website(
        format!("{title} · {}", shell.newsroom),
        format!("{} · {title}", shell.newsroom),
    ));
    render(
        state,
        &shell,
        "web/listing.html",
        Listing {
            title,
            is_tag: matches!(topic, Topic::Tag(_)),
            stories,
            number,
            pages,
            newer: (number > 1).then(|| at(number - 1)),
            older: (number < pages).then(|| at(number + 1)),
            feed: format!("/feeds/{lang}/{place}"),
        },
    )
}
