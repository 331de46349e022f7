//! The front page: the lead, what is newest, then section by section.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use super::card::{StoryCard, cards, section_link};
use super::known_language;
use crate::newsroom::store::{self, Filter};
use crate::newsroom::{Article, Importance};
use crate::web::WebState;
use crate::web::error::WebError;
use crate::web::shell::{Card, NavLink, Shell, render};

/// Stories looked through for the lead and the rail.
const NEWEST: i64 = 40;
/// Stories under a lead without a picture.
const SECONDS: usize = 2;
/// Stories beside the lead.
const RAIL: usize = 5;
/// Stories under one section's name.
const IN_SECTION: usize = 5;
/// A lead older than that many milliseconds against the newest story leads no more.
const LEAD_AGE: i64 = 3 * 24 * 3600 * 1000;

#[derive(Serialize)]
struct Front {
    lead: Option<StoryCard>,
    /// With pictures, under a lead that has none.
    seconds: Vec<StoryCard>,
    rail: Vec<StoryCard>,
    blocks: Vec<Block>,
}

/// Stories under one section's name.
#[derive(Serialize)]
struct Block {
    /// None for stories without a section.
    section: Option<NavLink>,
    first: StoryCard,
    rest: Vec<StoryCard>,
    /// Beside another one that has a single story, too.
    is_half: bool,
}

/// `GET /{lang}/`
pub(super) async fn page(
    State(state): State<WebState>,
    Path(lang): Path<String>,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &lang).await?;
    let db = &state.core.db;
    let sections = store::list_sections(db).await?;
    let of = |section| Filter::of(&lang).in_section(section);
    let newest = store::list_public(db, &of(None), 0, NEWEST).await?;
    let lead = find_lead(&newest);
    let mut shown: Vec<i64> = lead.iter().map(|article| article.id).collect();
    let is_bare = lead.is_some_and(|article| article.lead.is_none());
    let seconds: Vec<Article> = newest
        .iter()
        .filter(|article| is_bare && article.lead.is_some() && !shown.contains(&article.id))
        .take(SECONDS)
        .cloned()
        .collect();
    shown.extend(seconds.iter().map(|article| article.id));
    let rail: Vec<Article> = newest
        .iter()
        .filter(|article| !shown.contains(&article.id))
        .take(RAIL)
        .cloned()
        .collect();
    shown.extend(rail.iter().map(|article| article.id));

    let interface = state.theme.interface(&lang);
    let mut blocks = Vec::new();
    for section in &sections {
        let wanted = (IN_SECTION + shown.len()) as i64;
        let articles = store::list_public(db, &of(Some(section.id)), 0, wanted).await?;
        let left: Vec<Article> = articles
            .into_iter()
            .filter(|article| !shown.contains(&article.id))
            .take(IN_SECTION)
            .collect();
        let link = section_link(section, &lang, &interface);
        blocks.extend(block(&state, &lang, &sections, Some(link), &left).await?);
    }
    let loose: Vec<Article> = newest
        .iter()
        .filter(|article| article.section_id.is_none() && !shown.contains(&article.id))
        .take(IN_SECTION * 2)
        .cloned()
        .collect();
    blocks.extend(block(&state, &lang, &sections, None, &loose).await?);

    pair(&mut blocks);

    let mut shell = Shell::new(&state, &lang, |code| format!("/{code}/"));
    shell.alternates_of_all_languages();
    let description = if shell.description.is_empty() {
        shell.newsroom.clone()
    } else {
        shell.description.clone()
    };
    shell.card = Some(Card::website(shell.newsroom.clone(), description));
    let lead: Vec<Article> = lead.cloned().into_iter().collect();
    let lead = cards(&state, &lang, &sections, &lead).await?.pop();
    let seconds = cards(&state, &lang, &sections, &seconds).await?;
    let rail = cards(&state, &lang, &sections, &rail).await?;
    render(
        &state,
        &shell,
        "web/front.html",
        Front {
            lead,
            seconds,
            rail,
            blocks,
        },
    )
}

async fn block(
    state: &WebState,
    lang: &crate::base::language::Language,
    sections: &[crate::newsroom::Section],
    section: Option<NavLink>,
    articles: &[Article],
) -> Result<Option<Block>, WebError> {
    let mut stories = cards(state, lang, sections, articles).await?;
    if stories.is_empty() {
        return Ok(None);
    }
    // The newest that has a picture carries the section.
    let place = stories.iter().position(StoryCard::has_picture).unwrap_or(0);
    let first = stories.remove(place);
    Ok(Some(Block {
        section,
        first,
        rest: stories,
        is_half: false,
    }))
}

/// Puts two neighbours with a single story each side by side.
fn pair(blocks: &mut [Block]) {
    let mut at = 0;
    while at + 1 < blocks.len() {
        if blocks[at].rest.is_empty() && blocks[at + 1].rest.is_empty() {
            blocks[at].is_half = true;
            blocks[at + 1].is_half = true;
            at += 1;
        }
        at += 1;
    }
}

/// The newest story the editors marked as lead, unless it is old; else the newest that is more than a brief.
fn find_lead(newest: &[Article]) -> Option<&Article> {
    let first = newest.first()?;
    newest
        .iter()
        .find(|article| {
            article.importance == Importance::Lead
                && first.published_at().as_millis() - article.published_at().as_millis() <= LEAD_AGE
        })
        .or_else(|| {
            newest
                .iter()
                .find(|article| article.importance != Importance::Brief)
        })
        .or(Some(first))
}
