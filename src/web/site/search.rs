//! Search: a field, filters, and what is found, newest first.

use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use serde::Serialize;

use super::card::{StoryCard, cards};
use super::{known_language, redirect};
use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};
use crate::newsroom::search::{MAX_LETTERS, Part, Query, QueryError, mark, snippet_of};
use crate::newsroom::store::{self, Filter, list_current_tags};
use crate::syndication::discovery::links;
use crate::syndication::{FeedKey, Format, Scope, discovery};
use crate::web::WebState;
use crate::web::asked::Asked;
use crate::web::error::WebError;
use crate::web::shell::{NavLink, Shell, feed_links, render};

/// Stories on a page.
const PER_PAGE: i64 = 20;
/// The last page: nobody reads further, and a crawler should not.
const LAST_PAGE: i64 = 500;
/// Examples where nothing was asked: so many of the tags on so many of the newest stories.
const EXAMPLES: (i64, i64) = (60, 6);

/// What `web/search.html` is given.
#[derive(Serialize)]
struct SearchPage {
    /// As it was typed.
    typed: String,
    max_letters: usize,
    sections: Vec<Choosable>,
    from: String,
    until: String,
    has_filters: bool,
    is_asked: bool,
    is_too_long: bool,
    count: i64,
    hits: Vec<Hit>,
    number: i64,
    pages: i64,
    newer: Option<String>,
    older: Option<String>,
    /// The same without the filters.
    wider: Option<String>,
    /// This search as a feed; feeds know no dates.
    feed: Option<String>,
    examples: Vec<NavLink>,
}

#[derive(Serialize)]
struct Choosable {
    slug: String,
    title: String,
    is_chosen: bool,
}

/// A story that was found.
#[derive(Serialize)]
struct Hit {
    story: StoryCard,
    title: Vec<Part>,
    snippet: Vec<Part>,
}

/// What is asked for, as the address has it.
struct Search {
    typed: String,
    section: Option<String>,
    from: Option<Date>,
    until: Option<Date>,
}

impl Search {
    fn read(asked: &Asked) -> Self {
        let date = |name| asked.one(name).and_then(|text| text.parse::<Date>().ok());
        Self {
            typed: asked
                .one("q")
                .map(|typed| typed.chars().take(2 * MAX_LETTERS).collect())
                .unwrap_or_default(),
            section: asked.one("section").map(str::to_owned),
            from: date("from"),
            until: date("to"),
        }
    }

    /// The address of a page of the result.
    fn path(&self, language: &Language, number: i64) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        if !self.typed.is_empty() {
            pairs.append_pair("q", &self.typed);
        }
        if let Some(section) = &self.section {
            pairs.append_pair("section", section);
        }
        for (name, date) in [("from", self.from), ("to", self.until)] {
            if let Some(date) = date {
                pairs.append_pair(name, &date.to_string());
            }
        }
        if number > 1 {
            pairs.append_pair("page", &number.to_string());
        }
        let pairs = pairs.finish();
        if pairs.is_empty() {
            format!("/{language}/search")
        } else {
            format!("/{language}/search?{pairs}")
        }
    }
}

/// `GET /{lang}/search`
pub(super) async fn page(
    State(state): State<WebState>,
    Path(lang): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &lang).await?;
    let db = &state.core.db;
    let config = &state.core.config;
    let asked = Asked::of(&uri);
    let mut search = Search::read(&asked);
    let sections = store::list_sections(db).await?;
    let section = search
        .section
        .as_ref()
        .and_then(|slug| sections.iter().find(|section| section.slug == *slug));
    // A section that is gone narrows nothing.
    search.section = section.map(|section| section.slug.clone());
    let number = match asked.one("page") {
        None => 1,
        Some("1") => {
            return Ok(redirect(
                StatusCode::PERMANENT_REDIRECT,
                &search.path(&lang, 1),
            ));
        }
        Some(text) => text
            .parse::<i64>()
            .ok()
            .filter(|n| (2..=LAST_PAGE).contains(n) && n.to_string() == text)
            .ok_or(WebError::NotFound)?,
    };
    let query = Query::parse(&search.typed);
    let zone = config.newsroom.zone();
    let interface = state.theme.interface(&lang);
    let mut shell = Shell::new(&state, &lang, |code| search.path(code, 1));
    // Its pages are endless; the stories themselves are what a search engine should find.
    shell.is_private = true;
    shell.canonical = Some(config.server.absolute(&search.path(&lang, number)));

    let (mut count, mut hits, mut feed) = (0, Vec::new(), None);
    if let Ok(query) = &query {
        let filter = Filter {
            query: Some(query.clone()),
            from: search.from.and_then(|date| midnight(date, &zone)),
            until: search
                .until
                .and_then(|date| date.tomorrow().ok())
                .and_then(|date| midnight(date, &zone)),
            ..Filter::of(&lang).in_section(section.map(|section| section.id))
        };
        count = store::count_public(db, &filter).await?;
        let articles = store::list_public(db, &filter, (number - 1) * PER_PAGE, PER_PAGE).await?;
        let stems = query.stems(&lang);
        hits = cards(&state, &lang, &sections, &articles)
            .await?
            .into_iter()
            .zip(&articles)
            .map(|(story, article)| Hit {
                story,
                title: mark(&article.title, &stems),
                snippet: snippet_of(&article.summary, &article.body_html, &stems),
            })
            .collect();
        let scope = Scope::Search(lang.clone(), query.clone());
        let topic = scope.topic(&lang, &[], std::iter::empty());
        let mut found = links(config, &scope, topic.as_deref());
        found.extend(discovery(config, &lang, None));
        shell.feeds = feed_links(found);
        feed = Some(
            FeedKey {
                scope,
                format: Format::Rss,
            }
            .path(),
        );
    }
    let pages = ((count + PER_PAGE - 1) / PER_PAGE).clamp(1, LAST_PAGE);
    if number > pages {
        return Err(WebError::NotFound);
    }
    let has_filters = search.section.is_some() || search.from.is_some() || search.until.is_some();
    let examples = if hits.is_empty() {
        examples(&state, &lang).await?
    } else {
        Vec::new()
    };
    let wider = (has_filters && count == 0 && query.is_ok()).then(|| {
        let all = Search {
            typed: search.typed.clone(),
            section: None,
            from: None,
            until: None,
        };
        all.path(&lang, 1)
    });
    let iso = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
    render(
        &state,
        &shell,
        "web/search.html",
        SearchPage {
            max_letters: MAX_LETTERS,
            sections: sections
                .iter()
                .map(|one| Choosable {
                    slug: one.slug.clone(),
                    title: one.names.get(&interface).to_owned(),
                    is_chosen: search.section.as_ref() == Some(&one.slug),
                })
                .collect(),
            from: iso(search.from),
            until: iso(search.until),
            has_filters,
            is_asked: query.is_ok(),
            is_too_long: query == Err(QueryError::TooLong),
            count,
            hits,
            number,
            pages,
            newer: (number > 1).then(|| search.path(&lang, number - 1)),
            older: (number < pages).then(|| search.path(&lang, number + 1)),
            wider,
            feed,
            examples,
            typed: search.typed,
        },
    )
}

/// The first moment of a date in a zone.
fn midnight(date: Date, zone: &Zone) -> Option<Timestamp> {
    date.at(0, 0, 0, 0)
        .to_zoned_datetime(zone.as_jiff().clone())
        .ok()
        .map(|at| at.timestamp().into())
}

/// What people write about now, as searches.
async fn examples(state: &WebState, lang: &Language) -> Result<Vec<NavLink>, WebError> {
    let tags = list_current_tags(&state.core.db, lang, EXAMPLES.0, EXAMPLES.1).await?;
    Ok(tags
        .into_iter()
        .map(|(slug, names)| {
            let name = names.get(lang).to_owned();
            let typed: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
            NavLink {
                slug,
                href: format!("/{lang}/search?q={typed}"),
                title: name,
            }
        })
        .collect())
}
