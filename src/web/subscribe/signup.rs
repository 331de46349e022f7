//! The form one subscribes with.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::address::suggestion;
use super::form::{Errors, Fields, WishesForm, clock, read_wishes};
use super::limit::Limits;
use super::mailbox::web_mail;
use super::notice::{Link, Notice, Words, show as show_notice};
use crate::audience::{self, AudienceError, Cadence, SignUp, Wishes};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::token::hex;
use crate::config::Newsletter;
use crate::theme::Arg;
use crate::web::WebState;
use crate::web::client::ClientAddress;
use crate::web::error::WebError;
use crate::web::shell::{Card, Shell, render, render_with_status};
use crate::web::site::known_language;

#[derive(Serialize)]
struct SubscribePage {
    newsletter: String,
    newsletter_slug: String,
    address: String,
    suggestion: Option<String>,
    wishes: WishesForm,
    consent: Consent,
    is_consent_given: bool,
    errors: Errors,
    has_errors: bool,
    hour: String,
}

/// What a person agrees to, word for word.
#[derive(Serialize)]
struct Consent {
    text: String,
    details: Vec<String>,
}

impl Consent {
    fn new(state: &WebState, words: &Words<'_>) -> Self {
        let operator = &state.core.config.newsroom.operator;
        let mut details = vec![words.say("consent-details")];
        if !operator.names.is_empty() {
            let name = operator.names.get(words.language());
            details.push(words.with("consent-operator", &[("operator", Arg::Text(name))]));
        }
        Self {
            text: words.say("consent"),
            details,
        }
    }

    /// The text that was shown and its version, the first digits of its hash: another wording is another version.
    fn evidence(&self, language: &Language, page: &str, from: Option<std::net::IpAddr>) -> String {
        let text = std::iter::once(&self.text)
            .chain(&self.details)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        let version = hex(&Sha256::digest(text.as_bytes()))[..12].to_owned();
        serde_json::json!({
            "version": version,
            "language": language.as_str(),
            "text": text,
            "page": page,
            "from": from.map(|address| address.to_string()),
        })
        .to_string()
    }
}

/// `GET /{lang}/subscribe`
pub(super) async fn show(
    State(state): State<WebState>,
    Path(lang): Path<String>,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &lang).await?;
    let newsletter = newsletter(&state, "")?;
    let page = form_page(
        &state,
        &lang,
        &newsletter,
        &presets(&state, &lang, &newsletter),
    );
    render(&state, &shell(&state, &lang), "web/subscribe.html", page)
}

/// `POST /{lang}/subscribe`
pub(super) async fn send(
    State(state): State<WebState>,
    Path(lang): Path<String>,
    Extension(limits): Extension<Limits>,
    ClientAddress(from): ClientAddress,
    body: Bytes,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &lang).await?;
    let fields = Fields::parse(&body);
    let newsletter = newsletter(&state, fields.get("newsletter"))?;
    let words = Words::new(&state, &lang);
    let mut errors = Errors::default();
    let typed = match fields.get("instead") {
        "" => fields.get("address"),
        instead => instead,
    }
    .chars()
    .take(400)
    .collect::<String>();
    let presets = presets(&state, &lang, &newsletter);
    let wishes = read_wishes(&state, &words, &fields, &presets, &mut errors);

    // The short form under a story leads here with the address alone.
    if fields.get("step") == "begin" {
        let mut page = form_page(&state, &lang, &newsletter, &wishes);
        page.address = typed;
        return respond(&state, &lang, StatusCode::OK, page);
    }

    let address = EmailAddress::parse(&typed);
    if address.is_err() {
        errors.address = Some(words.say("address-wrong"));
    }
    let is_consent_given = fields.get("consent") == "yes";
    if !is_consent_given {
        errors.consent = Some(words.say("consent-needed"));
    }
    let meant = address.as_ref().ok().and_then(suggestion);
    // Who sends the same address again means it.
    let is_doubtful = meant.is_some() && fields.get("seen") != typed;
    let consent = Consent::new(&state, &words);
    if let (Ok(address), false, false) = (&address, errors.any(), is_doubtful) {
        limits.take(from, state.core.clock.now()).await?;
        let request = SignUp {
            address: address.clone(),
            newsletter: Some(newsletter.slug.clone()),
            wishes: wishes.clone(),
            interface: lang.clone(),
            evidence: consent.evidence(words.language(), &format!("/{lang}/subscribe"), from),
        };
        match audience::sign_up(&state.core, &state.theme, request).await {
            Ok(()) => return sent(&state, &lang, &words, address),
            Err(AudienceError::Invalid { field, sentence }) => {
                tracing::info!(field, %sentence, "a sign-up was refused");
                let slot = match field {
                    "language" | "languages" => (&mut errors.language, "choice-wrong"),
                    "section" | "sections" | "tags" => (&mut errors.section, "choice-wrong"),
                    "hour" | "minute" => (&mut errors.hour, "hour-wrong"),
                    "time_zone" => (&mut errors.time_zone, "time-zone-wrong"),
                    "cadence" => (&mut errors.cadence, "choice-wrong"),
                    _ => (&mut errors.address, "address-wrong"),
                };
                *slot.0 = Some(words.say(slot.1));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut page = form_page(&state, &lang, &newsletter, &wishes);
    page.address = typed;
    page.suggestion = meant;
    page.is_consent_given = is_consent_given;
    page.has_errors = true;
    page.errors = errors;
    respond(&state, &lang, StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// The same words for known and unknown addresses.
fn sent(
    state: &WebState,
    lang: &Language,
    words: &Words<'_>,
    address: &EmailAddress,
) -> Result<Response, WebError> {
    let mut links = Vec::new();
    if state.inbox.is_some() {
        links.push(("Jarshy", format!("/inbox?lang={}", words.language())));
    } else if let Some((provider, href)) = web_mail(address.domain()) {
        links.push((provider, href.to_owned()));
    }
    let notice = Notice {
        title: words.say("check-your-inbox-title"),
        sentences: vec![words.say("check-your-inbox"), words.say("look-in-spam")],
        links: links
            .into_iter()
            .map(|(provider, href)| Link {
                href,
                label: words.with("open-mailbox", &[("provider", Arg::Text(provider))]),
                is_button: true,
            })
            .collect(),
        small: vec![address.to_string()],
        ..Notice::default()
    };
    show_notice(state, lang, StatusCode::OK, notice)
}

fn respond(
    state: &WebState,
    lang: &Language,
    status: StatusCode,
    page: SubscribePage,
) -> Result<Response, WebError> {
    render_with_status(
        state,
        &shell(state, lang),
        "web/subscribe.html",
        status,
        page,
    )
}

fn shell(state: &WebState, lang: &Language) -> Shell {
    let mut shell = Shell::new(state, lang, |code| format!("/{code}/subscribe"));
    shell.alternates_of_all_languages();
    let words = Words::new(state, lang);
    let title = format!("{} · {}", words.say("subscribe-title"), shell.newsroom);
    shell.card = Some(Card::website(title, words.say("subscribe-pitch")));
    shell
}

/// The newsletter of that slug, or the first.
fn newsletter(state: &WebState, slug: &str) -> Result<Newsletter, WebError> {
    let all = &state.core.config.newsletters;
    all.iter()
        .find(|one| one.slug == slug)
        .or(all.first())
        .cloned()
        .ok_or(WebError::NotFound)
}

/// What the form is preset to.
fn presets(state: &WebState, lang: &Language, newsletter: &Newsletter) -> Wishes {
    let newsroom = &state.core.config.newsroom;
    let first = if newsroom.languages.contains(lang) {
        lang.clone()
    } else {
        newsroom.default_language().clone()
    };
    Wishes {
        languages: vec![first],
        sections: Vec::new(),
        tags: Vec::new(),
        cadence: Cadence::Daily,
        time_zone: newsroom.zone(),
        minute: newsletter.minute(),
        text_only: false,
    }
}

fn form_page(
    state: &WebState,
    lang: &Language,
    newsletter: &Newsletter,
    wishes: &Wishes,
) -> SubscribePage {
    let words = Words::new(state, lang);
    SubscribePage {
        newsletter: newsletter.names.get(words.language()).to_owned(),
        newsletter_slug: newsletter.slug.clone(),
        address: String::new(),
        suggestion: None,
        wishes: WishesForm::new(state, &words, wishes),
        consent: Consent::new(state, &words),
        is_consent_given: false,
        errors: Errors::default(),
        has_errors: false,
        hour: clock(wishes.minute),
    }
}
