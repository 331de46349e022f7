//! The settings of a subscription, without a password: the link in every digest names it.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::form::{Errors, Fields, WishesForm, read_pause, read_wishes};
use super::limit::Limits;
use super::notice::{Words, without_referrer};
use super::token::{aged, fresh_token, next_mail, resend};
use crate::audience::{self, AudienceError, Preferences};
use crate::base::token::Purpose;
use crate::theme::dates;
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
    next_date: String,
    next_time: String,
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
        Ok(preferences) => page(&state, &token, &preferences, None),
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
    let mut errors = Errors::default();
    let wishes = read_wishes(&state, &words, &fields, &present.wishes, &mut errors);
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
            Ok(saved) => return page(&state, &token, &saved, Some(Outcome::Saved)),
            Err(AudienceError::Invalid { field, sentence }) => {
                tracing::info!(field, %sentence, "wishes were refused");
                let (slot, key) = match field {
                    "language" | "languages" => (&mut errors.language, "choice-wrong"),
                    "hour" | "minute" => (&mut errors.hour, "hour-wrong"),
                    "time_zone" => (&mut errors.time_zone, "time-zone-wrong"),
                    "cadence" => (&mut errors.cadence, "choice-wrong"),
                    "paused_until" => (&mut errors.paused_until, "date-wrong"),
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
        paused_until: fields.get("paused_until").chars().take(20).collect(),
    };
    page(&state, &token, &typed, Some(outcome))
}

/// What became of a submitted form.
enum Outcome {
    Saved,
    Refused {
        errors: Box<Errors>,
        paused_until: String,
    },
}

fn page(
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
    let (errors, typed) = match outcome {
        Some(Outcome::Refused {
            errors,
            paused_until,
        }) => (*errors, Some(paused_until)),
        _ => (Errors::default(), None),
    };
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
            wishes: WishesForm::new(state, &words, &preferences.wishes),
            paused_until: typed
                .unwrap_or_else(|| stored.map(|date| date.to_string()).unwrap_or_default()),
            paused_until_text: stored.map(|date| dates::weekday_and_day(date, words.language())),
            tomorrow: today.tomorrow().unwrap_or(today).to_string(),
            next_date: next.date,
            next_time: next.time,
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
