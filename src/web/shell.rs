//! What every page has around its story: masthead, languages, sections, discovery, footer. `web/base.html` reads it as `page`.
//!
//! It is made from the settings and the clock alone, so that an error page can be shown while the database is away.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::WebError;
use super::{WebState, assets};
use crate::base::language::Language;
use crate::base::token::hex;
use crate::config::Config;
use crate::syndication::{self, Topic, discovery};
use crate::theme::dates;

/// What Cyrillic pages need before anything can be read.
const FONTS: [&str; 2] = [
    "fonts/noto-serif-cyrillic-400.woff2",
    "fonts/noto-serif-cyrillic-700.woff2",
];

/// What is around a page. Built by [`Shell::new`]; pages set what is theirs.
#[derive(Clone, Debug, Serialize)]
pub struct Shell {
    /// Language of the page's stories.
    pub lang: Language,
    /// Language of everything else on the page.
    pub interface: Language,
    /// For `<html lang>`: the language of what is around the stories.
    pub html_lang: Language,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    /// The newsroom's name.
    pub newsroom: String,
    /// One sentence about it; empty if the settings have none.
    pub description: String,
    /// Path of the front page in this language.
    pub front: String,
    /// Today in the newsroom's zone, as a masthead has it.
    pub date: String,
    /// Today as `YYYY-MM-DD`.
    pub date_iso: String,
    /// The switch: every language of the newsroom in its order.
    pub languages: Vec<LanguageLink>,
    /// The sections in their order.
    pub sections: Vec<NavLink>,
    /// Slug of the section the page belongs to.
    pub section: Option<String>,
    /// Feeds for `<link rel=alternate>`, those of the page first.
    pub feeds: Vec<FeedLink>,
    /// The page's own address for `<link rel=canonical>`.
    pub canonical: Option<String>,
    /// The page in other languages for `<link rel=alternate hreflang>`: absolute.
    pub alternates: Vec<Alternate>,
    /// What a link to the page looks like elsewhere.
    pub card: Option<Card>,
    /// Whether search engines are asked to pass by.
    pub is_private: bool,
    /// Name of the legal person, postal address, mail, telephone; those that are set.
    pub operator: Vec<OperatorLine>,
    /// `2011–2026`
    pub years: String,
    /// Public address without a slash at its end.
    pub base_url: String,
    /// Address of the style sheet.
    pub css: String,
    /// Address of the script.
    pub script: String,
    /// Address of the icon.
    pub icon: String,
    /// Addresses of the two font files that are needed first.
    pub fonts: Vec<String>,
    /// Accent colour for the browser's frame, on a light and on a dark ground.
    pub accent: (String, String),
    /// Whether there is a newsletter to subscribe to.
    pub has_newsletter: bool,
    /// Whether the built-in inbox of the demo is there.
    pub has_inbox: bool,
}

/// One language of the switch.
#[derive(Clone, Debug, Serialize)]
pub struct LanguageLink {
    /// Its tag.
    pub code: Language,
    /// `Қаз`, `Рус`, `Eng`
    pub label: String,
    /// `Қазақша`, `Русский`, `English`
    pub name: String,
    /// Where the switch leads.
    pub href: String,
    /// Whether it is the page's language.
    pub is_current: bool,
}

/// A link with a name.
#[derive(Clone, Debug, Serialize)]
pub struct NavLink {
    /// Slug, to mark the current one.
    pub slug: String,
    /// Name.
    pub title: String,
    /// Path.
    pub href: String,
}

/// A feed for discovery.
#[derive(Clone, Debug, Serialize)]
pub struct FeedLink {
    /// Name of the feed in a reader.
    pub title: String,
    /// Absolute address.
    pub href: String,
    /// Media type.
    pub media_type: String,
    /// Its language.
    pub hreflang: Language,
}

/// The page in another language.
#[derive(Clone, Debug, Serialize)]
pub struct Alternate {
    /// Language tag.
    pub code: Language,
    /// Absolute address.
    pub href: String,
}

/// Open Graph.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// `article` or `website`
    pub kind: &'static str,
    /// Title.
    pub title: String,
    /// Two lines.
    pub description: String,
    /// Absolute address of a picture.
    pub image: Option<String>,
    /// Its width in pixels.
    pub image_width: Option<i64>,
    /// Its height in pixels.
    pub image_height: Option<i64>,
    /// What it shows.
    pub image_alt: String,
    /// RFC 3339, articles only.
    pub published: Option<String>,
    /// RFC 3339, articles only.
    pub modified: Option<String>,
}

impl Card {
    /// A page that is no story.
    pub fn website(title: String, description: String) -> Self {
        Self {
            kind: "website",
            title,
            description,
            image: None,
            image_width: None,
            image_height: None,
            image_alt: String::new(),
            published: None,
            modified: None,
        }
    }
}

/// A line of the imprint.
#[derive(Clone, Debug, Serialize)]
pub struct OperatorLine {
    /// Text.
    pub text: String,
    /// `mailto:` or `tel:`
    pub href: Option<String>,
}

impl Shell {
    /// The shell of a page in `lang`; `path_in` gives the path of the same page in another language.
    pub fn new(state: &WebState, lang: &Language, path_in: impl Fn(&Language) -> String) -> Self {
        let config = &state.core.config;
        let newsroom = &config.newsroom;
        let interface = state.theme.interface(lang);
        let html_lang = if lang.primary() == interface.primary() {
            lang.clone()
        } else {
            interface.clone()
        };
        let today = state.core.clock.now().date_in(&newsroom.zone());
        let mut languages: Vec<Language> = newsroom.languages.clone();
        if !languages.contains(lang) {
            languages.push(lang.clone());
        }
        let languages = languages
            .into_iter()
            .map(|code| LanguageLink {
                label: short_name(&code),
                name: own_name(&code),
                href: path_in(&code),
                is_current: code == *lang,
                code,
            })
            .collect();
        let this_year = today.year();
        let years = match newsroom.first_year {
            Some(first) if first < this_year => format!("{first}–{this_year}"),
            _ => this_year.to_string(),
        };
        let operator = &newsroom.operator;
        let mut lines = Vec::new();
        for names in [&operator.names, &operator.addresses] {
            if !names.is_empty() {
                lines.push(OperatorLine {
                    text: names.get(&interface).to_owned(),
                    href: None,
                });
            }
        }
        if let Some(bin) = &operator.bin {
            lines.push(OperatorLine {
                text: format!("БСН / БИН / BIN {bin}"),
                href: None,
            });
        }
        if let Some(email) = &operator.email {
            lines.push(OperatorLine {
                text: email.clone(),
                href: Some(format!("mailto:{email}")),
            });
        }
        if let Some(phone) = &operator.phone {
            let digits: String = phone
                .chars()
                .filter(|c| c.is_ascii_digit() || *c == '+')
                .collect();
            lines.push(OperatorLine {
                text: phone.clone(),
                href: Some(format!("tel:{digits}")),
            });
        }
        Self {
            direction: html_lang.direction(),
            newsroom: newsroom.names.get(&interface).to_owned(),
            description: newsroom.descriptions.get(&interface).to_owned(),
            front: format!("/{lang}/"),
            date: dates::masthead(today, &interface),
            date_iso: today.to_string(),
            languages,
            sections: config
                .sections
                .iter()
                .map(|section| NavLink {
                    slug: section.slug.clone(),
                    title: section.names.get(&interface).to_owned(),
                    href: format!("/{lang}/sections/{}", section.slug),
                })
                .collect(),
            section: None,
            feeds: feed_links(discovery(config, lang, None)),
            canonical: Some(config.server.absolute(&path_in(lang))),
            alternates: Vec::new(),
            card: None,
            is_private: false,
            operator: lines,
            years,
            base_url: config.server.base_url().to_owned(),
            css: assets::address("site.css", config),
            script: assets::address("site.js", config),
            icon: assets::address("icon.svg", config),
            fonts: FONTS
                .iter()
                .filter(|_| matches!(interface.primary(), "kk" | "ru"))
                .map(|name| assets::address(name, config))
                .collect(),
            accent: assets::accents(&newsroom.accent),
            has_newsletter: !config.newsletters.is_empty(),
            has_inbox: state.inbox.is_some(),
            lang: lang.clone(),
            interface,
            html_lang,
        }
    }

    /// The shell of a page that exists once for all languages, e.g. `/feeds`: the switch adds `?lang=`.
    pub fn for_path(state: &WebState, lang: &Language, path: &str) -> Self {
        let mut shell = Self::new(state, lang, |code| format!("{path}?lang={code}"));
        shell.canonical = Some(state.core.config.server.absolute(path));
        shell
    }

    /// Says that the page is there in every language of the newsroom.
    pub fn alternates_of_all_languages(&mut self) {
        self.alternates = self
            .languages
            .iter()
            .map(|language| Alternate {
                code: language.code.clone(),
                href: format!("{}{}", self.base_url, language.href),
            })
            .collect();
    }

    /// The page is about a section or a tag: its feeds come first.
    pub fn set_topic(&mut self, config: &Config, topic: Topic<'_>) {
        self.feeds = feed_links(discovery(config, &self.lang, Some(topic)));
    }

    /// A page for one person behind a token: no canonical address, no switch that would carry the token along, no search engine.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.canonical = None;
        self.is_private = true;
        self
    }
}

/// Feeds for the head of a page.
pub fn feed_links(found: Vec<syndication::FeedLink>) -> Vec<FeedLink> {
    found
        .into_iter()
        .map(|link| FeedLink {
            title: link.title,
            href: link.href,
            media_type: link.media_type.to_owned(),
            hreflang: link.hreflang,
        })
        .collect()
}

/// What a template is given: the shell as `page`, everything else by its name.
#[derive(Serialize)]
struct Context<'a, T: Serialize> {
    page: &'a Shell,
    #[serde(flatten)]
    rest: T,
}

/// Renders a page that anyone may see: with an ETag of its bytes, to be kept for some seconds.
pub fn render<T: Serialize>(
    state: &WebState,
    shell: &Shell,
    template: &str,
    context: T,
) -> Result<Response, WebError> {
    let body = state.theme.render(
        template,
        &shell.interface,
        Context {
            page: shell,
            rest: context,
        },
    )?;
    // Weak, because the same page travels plain and compressed (RFC 9110 section 8.8.1).
    let tag = format!("W/\"{}\"", &hex(&Sha256::digest(body.as_bytes()))[..32]);
    let mut response = html(StatusCode::OK, shell, body);
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=10"),
    );
    Ok(response)
}

/// Renders a page that is one person's, or an error: nobody keeps it.
pub fn render_with_status<T: Serialize>(
    state: &WebState,
    shell: &Shell,
    template: &str,
    status: StatusCode,
    context: T,
) -> Result<Response, WebError> {
    let body = state.theme.render(
        template,
        &shell.interface,
        Context {
            page: shell,
            rest: context,
        },
    )?;
    let mut response = html(status, shell, body);
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn html(status: StatusCode, shell: &Shell, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    if let Ok(language) = HeaderValue::from_str(shell.lang.as_str()) {
        headers.insert(CONTENT_LANGUAGE, language);
    }
    response
}

/// The short name of a language on the switch.
pub fn short_name(language: &Language) -> String {
    match language.primary() {
        "kk" => "Қаз".to_owned(),
        "ru" => "Рус".to_owned(),
        "en" => "Eng".to_owned(),
        other => {
            let mut letters = other.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
                .unwrap_or_default()
        }
    }
}

/// What a language calls itself; its tag if we do not know.
pub fn own_name(language: &Language) -> String {
    let known = [
        ("kk", "Қазақша"),
        ("ru", "Русский"),
        ("en", "English"),
        ("uz", "Oʻzbekcha"),
        ("ky", "Кыргызча"),
        ("tg", "Тоҷикӣ"),
        ("tk", "Türkmençe"),
        ("tr", "Türkçe"),
        ("az", "Azərbaycanca"),
        ("uk", "Українська"),
        ("be", "Беларуская"),
        ("sk", "Slovenčina"),
        ("cs", "Čeština"),
        ("pl", "Polski"),
        ("de", "Deutsch"),
        ("fr", "Français"),
        ("es", "Español"),
        ("it", "Italiano"),
        ("pt", "Português"),
        ("nl", "Nederlands"),
        ("ar", "العربية"),
        ("fa", "فارسی"),
        ("zh", "中文"),
        ("ja", "日本語"),
        ("ko", "한국어"),
    ];
    known
        .iter()
        .find(|(code, _)| *code == language.primary())
        .map_or_else(|| language.to_string(), |(_, name)| (*name).to_owned())
}
