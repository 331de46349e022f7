//! The form one subscribes with.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use url::Url;

use super::address::{mended, suggestion};
use super::form::{Errors, Fields, WishesForm, clock, read_wishes};
use super::limit::Limits;
use super::mailbox::web_mail;
use super::notice::{Link, Notice, Words, show as show_notice};
use crate::audience::{self, AudienceError, Cadence, SignUp, Terms, Wishes};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
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
    consent: Terms,
    is_consent_given: bool,
    errors: Errors,
    has_errors: bool,
    hour: String,
    /// Where the form stood, if on another site: one may go back there.
    back: String,
}

/// `GET /{lang}/subscribe`
pub(super) async fn show(
    State(state): State<WebState>,
    Path(lang): Path<String>,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &lang).await?;
    open_to_all(&state)?;
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
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, WebError> {
    let lang = known_language(&state, &lang).await?;
    open_to_all(&state)?;
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
    let wishes = read_wishes(&state, &words, &fields, &presets, &[], &mut errors);

    // The short form under a story leads here with the address alone.
    if fields.get("step") == "begin" {
        let mut page = form_page(&state, &lang, &newsletter, &wishes);
        page.address = typed;
        page.back = back_to(&state, fields.get("back"))
            .map(String::from)
            .unwrap_or_default();
        return respond(&state, &lang, StatusCode::OK, page);
    }

    let address = EmailAddress::parse(&typed);
    let meant = match &address {
        Ok(address) => suggestion(address),
        Err(_) => mended(&typed),
    };
    if address.is_err() && meant.is_none() {
        errors.address = Some(words.say("address-wrong"));
    }
    let consent = Terms::new(&state.core.config, &state.theme, words.language());
    let site = foreign_site(&state, &headers);
    // What was agreed to must be what the log will show. Our own page of a minute ago may be out of date, too; another site must
    // say which text it shows.
    let shown = fields.get("terms");
    let is_other_text = shown != consent.version && (site.is_some() || !shown.is_empty());
    let mut is_consent_given = fields.get("consent") == "yes";
    if is_other_text {
        errors.consent = Some(words.say("consent-changed"));
        is_consent_given = false;
    } else if !is_consent_given {
        errors.consent = Some(words.say("consent-needed"));
    }
    // Who sends the same address again means it.
    let is_doubtful = meant.is_some() && fields.get("seen") != typed;
    let back = back_to(&state, fields.get("back"));
    if let (Ok(address), false, false) = (&address, errors.any(), is_doubtful) {
        limits.take(from, &state).await?;
        let request = SignUp {
            address: address.clone(),
            newsletter: Some(newsletter.slug.clone()),
            wishes: wishes.clone(),
            interface: lang.clone(),
            evidence: consent.evidence(
                words.language(),
                &site.unwrap_or_else(|| format!("/{lang}/subscribe")),
                from,
            ),
        };
        match audience::sign_up(&state.core, &state.theme, request).await {
            Ok(()) => return sent(&state, &lang, &words, address, back),
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
    page.back = back.map(String::from).unwrap_or_default();
    respond(&state, &lang, StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// The same words for known and unknown addresses.
fn sent(
    state: &WebState,
    lang: &Language,
    words: &Words<'_>,
    address: &EmailAddress,
    back: Option<Url>,
) -> Result<Response, WebError> {
    let mut links = Vec::new();
    if state.inbox.is_some() {
        links.push(("Jarshy", format!("/inbox?lang={}", words.language())));
    } else if let Some((provider, href)) = web_mail(address.domain()) {
        links.push((provider, href.to_owned()));
    }
    let mailbox = links.into_iter().map(|(provider, href)| Link {
        href,
        label: words.with("open-mailbox", &[("provider", Arg::Text(provider))]),
        is_button: true,
    });
    let home = back.map(|url| Link {
        label: words.with(
            "back-to",
            &[("site", Arg::Text(url.host_str().unwrap_or_default()))],
        ),
        href: url.into(),
        is_button: false,
    });
    let notice = Notice {
        title: words.say("check-your-inbox-title"),
        sentences: vec![words.say("check-your-inbox"), words.say("look-in-spam")],
        links: mailbox.chain(home).collect(),
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

/// Nobody can subscribe while the settings do not say what one would agree to.
fn open_to_all(state: &WebState) -> Result<(), WebError> {
    if state.core.config.missing_terms().is_empty() {
        Ok(())
    } else {
        Err(WebError::Closed)
    }
}

/// The other site on which the form stood, if it did; `web/protect.rs` let in none but those of the settings.
fn foreign_site(state: &WebState, headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(ORIGIN)?.to_str().ok()?;
    let friends = &state.core.config.subscribe.origins;
    friends.iter().find(|friend| *friend == origin).cloned()
}

/// The page to go back to: on a site of the settings and nowhere else.
fn back_to(state: &WebState, typed: &str) -> Option<Url> {
    let url = Url::parse(typed)
        .ok()
        .filter(|url| url.as_str().len() <= 2000)?;
    let origin = url.origin().ascii_serialization();
    state
        .core
        .config
        .subscribe
        .origins
        .contains(&origin)
        .then_some(url)
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
        wishes: WishesForm::new(state, &words, wishes, &[]),
        consent: Terms::new(&state.core.config, &state.theme, words.language()),
        is_consent_given: false,
        errors: Errors::default(),
        has_errors: false,
        hour: clock(wishes.minute),
        back: String::new(),
    }
}
