//! The settings of a subscription, without a password: the link in every digest names it.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::address::{mended, suggestion};
use super::form::{Errors, Fields, WishesForm, read_pause, read_wishes};
use super::limit::Limits;
use super::notice::{Notice, Words, show as show_notice, without_referrer};
use super::token::{aged, fresh_token, next_mail, resend, settings_of};
use crate::audience::{self, AudienceError, Preferences};
use crate::base::address::EmailAddress;
use crate::base::token::Purpose;
use crate::newsroom::store::{list_current_tags, list_known_tags};
use crate::theme::{Arg, dates};
use crate::web::WebState;
use crate::web::client::ClientAddress;
use crate::web::error::WebError;
use crate::web::shell::{Shell, render_with_status};

#[derive(Serialize)]
struct PreferencesPage {
    action: String,
    newsletter: String,
    address: String,
    is_active: bool,
    wishes: WishesForm,
    /// `YYYY-MM-DD`, or as it was typed.
    paused_until: String,
    /// The same day in words, once it is stored.
    paused_until_text: Option<String>,
    tomorrow: String,
    /// Empty where mail comes as soon as there is news.
    next_date: String,
    next_time: String,
    /// As it was typed.
    new_address: String,
    suggestions: Vec<String>,
    is_saved: bool,
    errors: Errors,
    has_errors: bool,
    leave: String,
}

/// `GET /preferences/{token}`
pub(super) async fn show(
    State(state): State<WebState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    match audience::get_preferences(&state.core, &token).await {
        Ok(preferences) => page(&state, &token, &preferences, None).await,
        Err(error) => aged(&state, &headers, &format!("/preferences/{token}"), error),
    }
}

/// `POST /preferences/{token}`
pub(super) async fn save(
    State(state): State<WebState>,
    Path(token): Path<String>,
    Extension(limits): Extension<Limits>,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, WebError> {
    let fields = Fields::parse(&body);
    if fields.get("act") == "resend" {
        limits.take(from, &state).await?;
        return resend(&state, &headers, &token).await;
    }
    let action = format!("/preferences/{token}");
    let present = match audience::get_preferences(&state.core, &token).await {
        Ok(preferences) => preferences,
        Err(error) => return aged(&state, &headers, &action, error),
    };
    let words = Words::new(&state, &present.interface);
    match fields.get("act") {
        "change" => {
            limits.take(from, &state).await?;
            return change(&state, &headers, &token, &present, &fields).await;
        }
        "data" => {
            limits.take(from, &state).await?;
            return ask_data(&state, &headers, &token, &words).await;
        }
        _ => {}
    }
    let mut errors = Errors::default();
    let tags = offered_tags(&state, &present, &words).await?;
    let wishes = read_wishes(&state, &words, &fields, &present.wishes, &tags, &mut errors);
    let today = state.core.clock.now().date_in(&wishes.time_zone);
    let paused_until = if fields.has("resume") {
        None
    } else if fields.has("paused_until") {
        read_pause(&words, &fields, today, &mut errors)
    } else {
        present.paused_until
    };
    if !errors.any() {
        match audience::save_preferences(&state.core, &token, wishes.clone(), paused_until).await {
            Ok(saved) => return page(&state, &token, &saved, Some(Outcome::Saved)).await,
            Err(AudienceError::Invalid { field, sentence }) => {
                tracing::info!(field, %sentence, "wishes were refused");
                let (slot, key) = match field {
                    "language" | "languages" => (&mut errors.language, "choice-wrong"),
                    "hour" | "minute" => (&mut errors.hour, "hour-wrong"),
                    "time_zone" => (&mut errors.time_zone, "time-zone-wrong"),
                    "cadence" => (&mut errors.cadence, "choice-wrong"),
                    "paused_until" => (&mut errors.paused_until, "date-wrong"),
                    "tags" => (&mut errors.tag, "choice-wrong"),
                    _ => (&mut errors.section, "choice-wrong"),
                };
                *slot = Some(words.say(key));
            }
            Err(error) => return aged(&state, &headers, &action, error),
        }
    }
    let mut typed = present;
    typed.wishes = wishes;
    let outcome = Outcome::Refused {
        errors: Box::new(errors),
        paused_until: Some(fields.get("paused_until").chars().take(20).collect()),
        new_address: String::new(),
        suggestion: None,
    };
    page(&state, &token, &typed, Some(outcome)).await
}

/// Tags that a person may narrow the choice by: how many of the newest stories they are looked for in, and how many.
const TAGS: (i64, i64) = (300, 24);

/// The tags on offer by name: those of the newest stories in the person's first language, and those chosen before.
async fn offered_tags(
    state: &WebState,
    preferences: &Preferences,
    words: &Words<'_>,
) -> Result<Vec<(String, String)>, WebError> {
    let db = &state.core.db;
    let mut tags: Vec<(String, String)> =
        list_current_tags(db, &preferences.interface, TAGS.0, TAGS.1)
            .await?
            .into_iter()
            .map(|(slug, names)| (slug, names.get(words.language()).to_owned()))
            .collect();
    let chosen = &preferences.wishes.tags;
    if chosen
        .iter()
        .any(|slug| tags.iter().all(|(known, _)| known != slug))
    {
        let known = list_known_tags(db).await?;
        for slug in chosen {
            if tags.iter().all(|(offered, _)| offered != slug) {
                let name = known.iter().find(|tag| tag.slug == *slug);
                let name = name.map_or(slug.as_str(), |tag| tag.names.get(words.language()));
                tags.push((slug.clone(), name.to_owned()));
            }
        }
    }
    tags.sort_by_key(|(_, name)| name.to_lowercase());
    Ok(tags)
}

/// Another address: the answer is the same whether somebody has it here or not.
async fn change(
    state: &WebState,
    headers: &HeaderMap,
    token: &str,
    present: &Preferences,
    fields: &Fields,
) -> Result<Response, WebError> {
    let words = Words::new(state, &present.interface);
    let typed: String = match fields.get("instead") {
        "" => fields.get("new_address"),
        instead => instead,
    }
    .chars()
    .take(400)
    .collect();
    let address = EmailAddress::parse(&typed);
    let meant = match &address {
        Ok(address) if fields.get("instead").is_empty() => suggestion(address),
        Ok(_) => None,
        Err(_) => mended(&typed),
    };
    let sentence = match (&address, &meant) {
        (_, Some(meant)) => words.with("address-suggestion", &[("address", Arg::Text(meant))]),
        (Err(_), None) => words.say("address-wrong"),
        (Ok(address), None) => {
            match audience::ask_change(&state.core, &state.theme, token, address).await {
                Ok(_) => {
                    let notice = Notice {
                        title: words.say("check-your-inbox-title"),
                        sentences: vec![words.say("change-sent"), words.say("look-in-spam")],
                        small: vec![
                            words.with(
                                "change-old",
                                &[("address", Arg::Text(&present.masked_address))],
                            ),
                            words.with(
                                "change-new",
                                &[("address", Arg::Text(&address.to_string()))],
                            ),
                        ],
                        ..Notice::default()
                    };
                    return show_notice(state, &present.interface, StatusCode::OK, notice);
                }
                Err(AudienceError::Invalid { .. }) => words.say("address-same"),
                Err(error) => {
                    return aged(state, headers, &format!("/preferences/{token}"), error);
                }
            }
        }
    };
    let outcome = Outcome::Refused {
        errors: Box::new(Errors {
            new_address: Some(sentence),
            ..Errors::default()
        }),
        paused_until: None,
        new_address: typed.clone(),
        // Offered as a button; who means what was typed presses it there.
        suggestion: meant.map(|meant| {
            let typed = address.is_ok().then_some(typed);
            std::iter::once(meant).chain(typed).collect()
        }),
    };
    page(state, token, present, Some(outcome)).await
}

/// One's own data: a fresh link goes to the mailbox.
async fn ask_data(
    state: &WebState,
    headers: &HeaderMap,
    token: &str,
    words: &Words<'_>,
) -> Result<Response, WebError> {
    match audience::ask_data(&state.core, &state.theme, token).await {
        Ok(preferences) => {
            let notice = Notice {
                title: words.say("check-your-inbox-title"),
                sentences: vec![words.say("my-data-sent"), words.say("look-in-spam")],
                small: vec![settings_of(words, &preferences.masked_address)],
                ..Notice::default()
            };
            show_notice(state, words.language(), StatusCode::OK, notice)
        }
        Err(error) => aged(state, headers, &format!("/preferences/{token}"), error),
    }
}

/// What became of a submitted form.
enum Outcome {
    Saved,
    Refused {
        errors: Box<Errors>,
        /// As typed, where the form about it was sent.
        paused_until: Option<String>,
        new_address: String,
        /// Addresses that were perhaps meant.
        suggestion: Option<Vec<String>>,
    },
}

async fn page(
    state: &WebState,
    token: &str,
    preferences: &Preferences,
    outcome: Option<Outcome>,
) -> Result<Response, WebError> {
    let words = Words::new(state, &preferences.interface);
    let next = next_mail(&words, preferences);
    let today = state
        .core
        .clock
        .now()
        .date_in(&preferences.wishes.time_zone);
    let is_saved = matches!(outcome, Some(Outcome::Saved));
    let stored = preferences.paused_until;
    let (errors, typed, new_address, suggestions) = match outcome {
        Some(Outcome::Refused {
            errors,
            paused_until,
            new_address,
            suggestion,
        }) => (*errors, paused_until, new_address, suggestion),
        _ => (Errors::default(), None, String::new(), None),
    };
    let tags = offered_tags(state, preferences, &words).await?;
    let has_errors = errors.any();
    let shell = Shell::new(state, &preferences.interface, |code| format!("/{code}/")).private();
    let response = render_with_status(
        state,
        &shell,
        "web/preferences.html",
        if has_errors {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::OK
        },
        PreferencesPage {
            action: format!("/preferences/{token}"),
            newsletter: preferences
                .newsletter
                .names
                .get(words.language())
                .to_owned(),
            address: preferences.masked_address.clone(),
            is_active: preferences.is_active,
            wishes: WishesForm::new(state, &words, &preferences.wishes, &tags),
            paused_until: typed
                .unwrap_or_else(|| stored.map(|date| date.to_string()).unwrap_or_default()),
            paused_until_text: stored.map(|date| dates::weekday_and_day(date, words.language())),
            tomorrow: today.tomorrow().unwrap_or(today).to_string(),
            next_date: next.date,
            next_time: next.time,
            new_address,
            suggestions: suggestions.unwrap_or_default(),
            is_saved,
            errors,
            has_errors,
            leave: format!(
                "/unsubscribe/{}",
                fresh_token(state, Purpose::Unsubscribe, preferences)
            ),
        },
    )?;
    Ok(without_referrer(response))
}
