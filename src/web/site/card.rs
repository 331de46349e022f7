//! A story in a list: on the front page, in a section, under "Other news".

use std::collections::HashMap;

use serde::Serialize;

use crate::base::language::Language;
use crate::base::text::cut_at_word;
use crate::newsroom::{Article, Importance, Section, store};
use crate::theme::dates;
use crate::web::WebState;
use crate::web::error::WebError;
use crate::web::shell::{NavLink, short_name};
use crate::web::views::SHOWN_FROM;

/// Letters of a teaser under "Other news", and how many more leave it whole.
const TEASER: (usize, usize) = (50, 8);

/// A story in a list.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StoryCard {
    title: String,
    summary: String,
    teaser: String,
    href: String,
    lang: Language,
    direction: &'static str,
    /// `рус` where the story is not in the page's language.
    language_tag: Option<String>,
    section: Option<NavLink>,
    /// `28.02.2026`
    date: String,
    /// `18:40`
    time: String,
    /// RFC 3339.
    datetime: String,
    is_today: bool,
    /// Only from a number on that says something.
    views: Option<i64>,
    image: Option<Picture>,
    is_brief: bool,
}

impl StoryCard {
    /// Whether it has a picture to show.
    pub(super) fn has_picture(&self) -> bool {
        self.image.is_some()
    }
}

/// A picture of a story.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Picture {
    pub(super) src: String,
    pub(super) alt: String,
    pub(super) width: Option<i64>,
    pub(super) height: Option<i64>,
    pub(super) credit: Option<String>,
}

impl Picture {
    /// The lead picture of an article.
    pub(super) fn of(article: &Article) -> Option<Self> {
        article.lead.as_ref().map(|lead| Self {
            src: lead.url.clone(),
            alt: lead.alt.clone().unwrap_or_default(),
            width: lead.width,
            height: lead.height,
            credit: lead.credit.clone(),
        })
    }
}

/// Cards of articles in their order, for a page in `page`, with section names in `interface`.
pub(super) async fn cards(
    state: &WebState,
    page: &Language,
    sections: &[Section],
    articles: &[Article],
) -> Result<Vec<StoryCard>, WebError> {
    let ids: Vec<i64> = articles.iter().map(|article| article.id).collect();
    let views: HashMap<i64, i64> = store::list_views(&state.core.db, &ids)
        .await?
        .into_iter()
        .collect();
    let interface = state.theme.interface(page);
    let zone = state.core.config.newsroom.zone();
    let today = state.core.clock.now().date_in(&zone);
    Ok(articles
        .iter()
        .map(|article| {
            let local = article.published_at().in_zone(&zone);
            let is_foreign = article.language != *page;
            StoryCard {
                title: article.title.clone(),
                summary: article.summary.clone(),
                teaser: cut_at_word(&article.summary, TEASER.0, TEASER.1),
                href: article.link(""),
                lang: article.language.clone(),
                direction: article.language.direction(),
                language_tag: is_foreign.then(|| short_name(&article.language).to_lowercase()),
                section: sections
                    .iter()
                    .find(|section| Some(section.id) == article.section_id)
                    .map(|section| section_link(section, page, &interface)),
                date: dates::short(local.date(), &interface),
                time: local.strftime("%H:%M").to_string(),
                datetime: article.published_at().rfc3339(&zone),
                is_today: local.date() == today,
                views: views.get(&article.id).copied().filter(|n| *n >= SHOWN_FROM),
                image: Picture::of(article),
                is_brief: article.importance == Importance::Brief,
            }
        })
        .collect())
}

/// The link to a section's page.
pub(super) fn section_link(section: &Section, page: &Language, interface: &Language) -> NavLink {
    NavLink {
        slug: section.slug.clone(),
        title: section.names.get(interface).to_owned(),
        href: format!("/{page}/sections/{}", section.slug),
    }
}
