//! A story's page.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::card::{Picture, StoryCard, cards, section_link};
use super::{all_languages, check_slug, known_language, other_news, redirect};
use crate::base::language::Language;
use crate::base::text::cut_at_word;
use crate::newsroom::store;
use crate::newsroom::{Article, ArticleState, Enclosure, Translation};
use crate::syndication::{Topic, entry};
use crate::theme::{Arg, dates};
use crate::web::WebState;
use crate::web::error::WebError;
use crate::web::shell::{
    Alternate, Card, NavLink, Shell, own_name, render, render_with_status, short_name,
};
use crate::web::views::SHOWN_FROM;

/// What `web/article.html` is given.
#[derive(Serialize)]
struct ArticlePage {
    title: String,
    summary: String,
    lang: Language,
    direction: &'static str,
    section: Option<NavLink>,
    tags: Vec<NavLink>,
    /// `28.02.2026, 18:40`
    published: String,
    published_iso: String,
    /// Only if a significant correction came later; the time alone if it was on the same day.
    updated: Option<String>,
    updated_iso: String,
    views: Option<i64>,
    translations: Vec<TranslationLink>,
    /// Address of the story as an Atom document.
    entry: String,
    lead: Option<Picture>,
    files: Vec<FileLink>,
    body: String,
    byline: Option<String>,
    correction: Option<String>,
    source: Option<(String, String)>,
    share: Share,
    other: Vec<StoryCard>,
    newer: Option<Neighbour>,
    older: Option<Neighbour>,
}

/// A file that belongs to the story.
#[derive(Serialize)]
struct FileLink {
    href: String,
    /// `audio` or `video` if the page plays it, else `file`.
    kind: &'static str,
    media_type: String,
    name: String,
}

impl FileLink {
    fn new(file: &Enclosure) -> Self {
        // What is at `http:` the page may not play (`media-src`), only name.
        let is_near = file.url.starts_with('/') || file.url.starts_with("https://");
        let kind = match file.media_type.split('/').next() {
            Some("audio") if is_near => "audio",
            Some("video") if is_near => "video",
            _ => "file",
        };
        let path = file.url.split(['?', '#']).next().unwrap_or(&file.url);
        Self {
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            href: file.url.clone(),
            media_type: file.media_type.clone(),
            kind,
        }
    }
}

/// The story in another language.
#[derive(Clone, Debug, Serialize)]
struct TranslationLink {
    code: Language,
    label: String,
    name: String,
    title: String,
    href: String,
    /// «Орыс тілінде оқу», in the words of the page's language.
    read: String,
}

/// Plain links, percent-encoded, that need no script of anybody.
#[derive(Serialize)]
struct Share {
    address: String,
    telegram: String,
    whatsapp: String,
}

/// The story before or after in its section.
#[derive(Serialize)]
struct Neighbour {
    title: String,
    href: String,
}

/// `GET /{lang}/news/{slug}`
pub(super) async fn page(
    State(state): State<WebState>,
    Path((typed, slug)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &typed).await?;
    check_slug(&slug)?;
    let Some(article) = store::find_article_by_slug(&state.core.db, &lang, &slug).await? else {
        return elsewhere(&state, &lang, &slug).await;
    };
    if article.slug != slug {
        return Ok(redirect(StatusCode::PERMANENT_REDIRECT, &article.path()));
    }
    match article.state {
        ArticleState::Released => {
            let response = story(&state, &lang, &article).await?;
            state.views.record(article.id, &headers);
            Ok(response)
        }
        ArticleState::Withdrawn => withdrawn(&state, &lang, &article).await,
        ArticleState::Draft | ArticleState::Scheduled => Err(WebError::NotFound),
    }
}

async fn story(state: &WebState, lang: &Language, article: &Article) -> Result<Response, WebError> {
    let db = &state.core.db;
    let config = &state.core.config;
    let zone = config.newsroom.zone();
    let interface = state.theme.interface(lang);
    let sections = store::list_sections(db).await?;
    let section = sections
        .iter()
        .find(|section| Some(section.id) == article.section_id);
    let translations = translations_of(state, lang, article).await?;
    let other = other_news::pick(state, article).await?;
    let other = cards(state, lang, &sections, &other).await?;
    let views = store::list_views(db, &[article.id])
        .await?
        .first()
        .map(|(_, views)| *views)
        .filter(|views| *views >= SHOWN_FROM);
    let (newer, older) = store::find_neighbours(db, article).await?;
    let neighbour = |other: Article| Neighbour {
        href: other.link(""),
        title: other.title,
    };

    let published = article.published_at().in_zone(&zone);
    let significant = article.significant_at().in_zone(&zone);
    let updated = (article.significant_at() > article.published_at()).then(|| {
        let time = significant.strftime("%H:%M");
        if significant.date() == published.date() {
            time.to_string()
        } else {
            format!("{}, {time}", dates::short(significant.date(), &interface))
        }
    });
    let address = article.link(config.server.base_url());

    let mut shell = Shell::new(state, lang, |code| {
        if code == lang {
            return article.path();
        }
        // Never the front page: a page of its own says that the text is not there yet and offers those that are.
        translations
            .iter()
            .find(|translation| translation.code == *code)
            .map_or_else(
                || format!("/{code}/news/{}", article.slug),
                |translation| translation.href.clone(),
            )
    });
    shell.canonical = Some(address.clone());
    if !translations.is_empty() {
        shell.alternates = std::iter::once(Alternate {
            code: lang.clone(),
            href: address.clone(),
        })
        .chain(translations.iter().map(|translation| Alternate {
            code: translation.code.clone(),
            href: absolute(state, &translation.href),
        }))
        .collect();
    }
    shell.section = section.map(|section| section.slug.clone());
    if let Some(section) = section {
        shell.set_topic(config, Topic::Section(section));
    }
    let lead = Picture::of(article);
    shell.card = Some(Card {
        kind: "article",
        title: article.title.clone(),
        description: cut_at_word(&article.summary, 180, 20),
        image: lead.as_ref().map(|lead| absolute(state, &lead.src)),
        image_width: lead.as_ref().and_then(|lead| lead.width),
        image_height: lead.as_ref().and_then(|lead| lead.height),
        image_alt: lead
            .as_ref()
            .map(|lead| lead.alt.clone())
            .unwrap_or_default(),
        published: Some(article.published_at().rfc3339(&zone)),
        modified: Some(article.significant_at().rfc3339(&zone)),
    });
    render(
        state,
        &shell,
        "web/article.html",
        ArticlePage {
            title: article.title.clone(),
            summary: article.summary.clone(),
            lang: lang.clone(),
            direction: lang.direction(),
            section: section.map(|section| section_link(section, lang, &interface)),
            tags: article
                .tags
                .iter()
                .map(|tag| NavLink {
                    slug: tag.slug.clone(),
                    title: tag.names.get(lang).to_owned(),
                    href: format!("/{lang}/tags/{}", tag.slug),
                })
                .collect(),
            published: format!(
                "{}, {}",
                dates::short(published.date(), &interface),
                published.strftime("%H:%M")
            ),
            published_iso: article.published_at().rfc3339(&zone),
            updated,
            updated_iso: article.significant_at().rfc3339(&zone),
            views,
            translations,
            entry: entry::path(article),
            lead,
            files: article.enclosures.iter().map(FileLink::new).collect(),
            body: with_reference(&article.body_html),
            byline: article
                .byline
                .clone()
                .filter(|byline| !ends_with(&article.body_html, byline)),
            correction: article.correction.clone(),
            source: article.source.clone(),
            share: share(&address, &article.title),
            other,
            newer: newer.map(neighbour),
            older: older.map(neighbour),
        },
    )
}

/// What opens a reference paragraph in the three languages.
const REFERENCE: [&str; 3] = ["Анықтама:", "Справочно:", "For reference:"];

/// Puts the paragraph that begins with a bold «Справочно:» into an `aside`: in feeds and mails it is a paragraph, on the page it
/// stands apart.
fn with_reference(body: &str) -> String {
    let mut out = String::with_capacity(body.len() + 32);
    let mut rest = body;
    while let Some(at) = rest.find("<p><strong>") {
        let (before, paragraph) = rest.split_at(at);
        out.push_str(before);
        let words = &paragraph["<p><strong>".len()..];
        let end = paragraph.find("</p>").map(|end| end + "</p>".len());
        match end {
            Some(end) if REFERENCE.iter().any(|word| words.starts_with(word)) => {
                out.push_str("<aside>");
                out.push_str(&paragraph[..end]);
                out.push_str("</aside>");
                rest = &paragraph[end..];
            }
            _ => {
                out.push_str("<p><strong>");
                rest = words;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Whether the text already ends with the sign-off, whatever its markup and full stop.
fn ends_with(body: &str, byline: &str) -> bool {
    let mut text = String::with_capacity(body.len());
    let mut is_tag = false;
    for c in body.chars() {
        match c {
            '<' => is_tag = true,
            '>' => is_tag = false,
            c if !is_tag => text.push(c),
            _ => {}
        }
    }
    let bare = |text: &str| text.trim().trim_end_matches('.').trim().to_lowercase();
    bare(&text).ends_with(&bare(byline))
}

fn share(address: &str, title: &str) -> Share {
    // Some apps show a plus sign where a form means a space.
    let query = |pairs: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
            .replace('+', "%20")
    };
    let both = format!("{title} {address}");
    Share {
        address: address.to_owned(),
        telegram: format!(
            "https://t.me/share/url?{}",
            query(&[("url", address), ("text", title)])
        ),
        whatsapp: format!("https://wa.me/?{}", query(&[("text", &both)])),
    }
}

fn absolute(state: &WebState, href: &str) -> String {
    if href.starts_with('/') {
        state.core.config.server.absolute(href)
    } else {
        href.to_owned()
    }
}

/// The public translations of a story, in the newsroom's order of languages.
async fn translations_of(
    state: &WebState,
    page: &Language,
    article: &Article,
) -> Result<Vec<TranslationLink>, WebError> {
    let found: Vec<Translation> =
        store::list_translations(&state.core.db, &[article.story_id]).await?;
    let order = &state.core.config.newsroom.languages;
    let place = |code: &Language| {
        order
            .iter()
            .position(|our| our == code)
            .unwrap_or(usize::MAX)
    };
    let mut links: Vec<TranslationLink> = found
        .into_iter()
        .filter(|one| one.article_id != article.id && one.language != article.language)
        .map(|one| TranslationLink {
            label: short_name(&one.language),
            name: own_name(&one.language),
            read: read_in(state, page, &one.language),
            title: one.title,
            href: one.href,
            code: one.language,
        })
        .collect();
    links.sort_by(|a, b| (place(&a.code), &a.code).cmp(&(place(&b.code), &b.code)));
    Ok(links)
}

/// «Орыс тілінде оқу»
fn read_in(state: &WebState, page: &Language, text: &Language) -> String {
    let interface = state.theme.interface(page);
    match text.as_str() {
        "kk" => state.theme.text(&interface, "read-in-kk", &[]),
        "ru" => state.theme.text(&interface, "read-in-ru", &[]),
        "en" => state.theme.text(&interface, "read-in-en", &[]),
        _ => state.theme.text(
            &interface,
            "read-in",
            &[("language", Arg::Text(&own_name(text)))],
        ),
    }
}

#[derive(Serialize)]
struct Missing {
    title: String,
    texts: Vec<TranslationLink>,
}

/// No such slug in this language. If another language has it, the reader gets the translation, or a page that says that there
/// is no text in this language yet and offers those that are.
async fn elsewhere(state: &WebState, lang: &Language, slug: &str) -> Result<Response, WebError> {
    for language in all_languages(state).await? {
        if language == *lang {
            continue;
        }
        let Some(article) = store::find_article_by_slug(&state.core.db, &language, slug).await?
        else {
            continue;
        };
        if article.state != ArticleState::Released {
            continue;
        }
        let mut texts = translations_of(state, lang, &article).await?;
        if let Some(text) = texts.iter().find(|text| text.code == *lang) {
            return Ok(redirect(StatusCode::FOUND, &text.href));
        }
        texts.insert(
            0,
            TranslationLink {
                label: short_name(&article.language),
                name: own_name(&article.language),
                title: article.title.clone(),
                href: article.link(""),
                read: read_in(state, lang, &article.language),
                code: article.language.clone(),
            },
        );
        let shell = Shell::new(state, lang, |code| {
            texts
                .iter()
                .find(|text| text.code == *code)
                .map_or_else(|| format!("/{code}/news/{slug}"), |text| text.href.clone())
        })
        .private();
        return render_with_status(
            state,
            &shell,
            "web/missing.html",
            StatusCode::NOT_FOUND,
            Missing {
                title: article.title,
                texts,
            },
        );
    }
    Err(WebError::NotFound)
}

#[derive(Serialize)]
struct Withdrawn {
    reason: Option<String>,
    section: Option<NavLink>,
    texts: Vec<TranslationLink>,
}

/// 410: taken back, with the reason if the editors gave one, and a way on.
async fn withdrawn(
    state: &WebState,
    lang: &Language,
    article: &Article,
) -> Result<Response, WebError> {
    let interface = state.theme.interface(lang);
    let sections = store::list_sections(&state.core.db).await?;
    let texts = translations_of(state, lang, article).await?;
    let shell = Shell::new(state, lang, |code| {
        texts
            .iter()
            .find(|text| text.code == *code)
            .map_or_else(|| format!("/{code}/"), |text| text.href.clone())
    })
    .private();
    render_with_status(
        state,
        &shell,
        "web/withdrawn.html",
        StatusCode::GONE,
        Withdrawn {
            reason: article.withdrawal.clone(),
            section: sections
                .iter()
                .find(|section| Some(section.id) == article.section_id)
                .map(|section| section_link(section, lang, &interface)),
            texts,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_stands_apart() {
        assert_eq!(
            with_reference(
                "<p><strong>Бір</strong></p><p><strong>Анықтама:</strong> ұзын өзен.</p><p>Соңы</p>"
            ),
            "<p><strong>Бір</strong></p><aside><p><strong>Анықтама:</strong> ұзын өзен.</p></aside><p>Соңы</p>"
        );
        for plain in [
            "",
            "<p>Жай мәтін</p>",
            "<p><strong>Справочно:</strong> без конца",
        ] {
            assert_eq!(with_reference(plain), plain);
        }
    }

    #[test]
    fn a_sign_off_is_not_said_twice() {
        let body = "<p>Текст.</p><p><em>Пресс-служба акимата.</em></p>";
        assert!(ends_with(body, "Пресс-служба акимата"));
        assert!(!ends_with(body, "Айгерим Серик"));
    }

    #[test]
    fn shared_links_need_no_script_and_hold_no_plus() {
        let share = share("https://news.example.kz/kk/news/su", "Су & қар + жел");
        assert_eq!(
            share.telegram,
            "https://t.me/share/url?url=https%3A%2F%2Fnews.example.kz%2Fkk%2Fnews%2Fsu&text=%D0%A1%D1%83%20%26%20%D2%9B%D0%B0%D1%80%20%2B%20%D0%B6%D0%B5%D0%BB"
        );
        assert!(
            share
                .whatsapp
                .starts_with("https://wa.me/?text=%D0%A1%D1%83%20%26")
        );
    }
}
