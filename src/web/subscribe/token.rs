//! The pages behind the links of a mail: confirm, and leave. One button each.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::form::{Fields, clock};
use super::limit::Limits;
use super::notice::{Button, Link, Notice, Words, show, stranger};
use crate::audience::{self, AudienceError, Cadence, LeaveBy, Preferences};
use crate::base::token::{Claims, Purpose};
use crate::digest;
use crate::theme::{Arg, dates};
use crate::web::WebState;
use crate::web::client::ClientAddress;
use crate::web::error::WebError;

/// `GET /confirm/{token}`
pub(super) async fn show_confirm(
    State(state): State<WebState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let action = format!("/confirm/{token}");
    let preferences = match audience::peek_confirmation(&state.core, &token).await {
        Ok(preferences) => preferences,
        Err(error) => return aged(&state, &headers, &action, error),
    };
    let words = Words::new(&state, &preferences.interface);
    if preferences.is_active {
        return already_confirmed(&state, &words, &preferences);
    }
    let newsletter = preferences.newsletter.names.get(words.language());
    let notice = Notice {
        title: words.say("confirm-title"),
        sentences: vec![words.with("confirm-question", &[("newsletter", Arg::Text(newsletter))])],
        form: Some(Button {
            action,
            act: "confirm",
            label: words.say("confirm-button"),
        }),
        small: vec![settings_of(&words, &preferences.masked_address)],
        ..Notice::default()
    };
    show(&state, &preferences.interface, StatusCode::OK, notice)
}

/// `POST /confirm/{token}`
pub(super) async fn confirm(
    State(state): State<WebState>,
    Path(token): Path<String>,
    Extension(limits): Extension<Limits>,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, WebError> {
    let action = format!("/confirm/{token}");
    if Fields::parse(&body).get("act") == "resend" {
        limits.take(from, &state).await?;
        return resend(&state, &headers, &token).await;
    }
    let was_active = audience::peek_confirmation(&state.core, &token)
        .await
        .is_ok_and(|preferences| preferences.is_active);
    let preferences = match audience::confirm_and_welcome(&state.core, &state.theme, &token).await {
        Ok(preferences) => preferences,
        Err(error) => return aged(&state, &headers, &action, error),
    };
    let words = Words::new(&state, &preferences.interface);
    if was_active {
        return already_confirmed(&state, &words, &preferences);
    }
    let mut links = Vec::new();
    if let Some((href, _)) = digest::find_latest_issue(
        &state.core,
        preferences.newsletter.id,
        &preferences.interface,
    )
    .await?
    {
        links.push(Link {
            href,
            label: words.say("latest-issue"),
            is_button: true,
        });
    }
    links.push(settings_link(&state, &words, &preferences));
    let notice = Notice {
        title: words.say("confirmed-title"),
        sentences: vec![next_mail(&words, &preferences).say(&words, "confirmed")],
        links,
        ..Notice::default()
    };
    show(&state, &preferences.interface, StatusCode::OK, notice)
}

fn already_confirmed(
    state: &WebState,
    words: &Words<'_>,
    preferences: &Preferences,
) -> Result<Response, WebError> {
    let notice = Notice {
        title: words.say("already-confirmed-title"),
        sentences: vec![
            words.say("already-confirmed"),
            next_mail(words, preferences).say(words, "next-issue"),
        ],
        links: vec![Link {
            href: format!("/{}/", preferences.interface),
            label: words.say("back-home"),
            is_button: true,
        }],
        ..Notice::default()
    };
    show(state, &preferences.interface, StatusCode::OK, notice)
}

/// `GET /unsubscribe/{token}`
pub(super) async fn show_leave(
    State(state): State<WebState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let action = format!("/unsubscribe/{token}");
    let preferences = match audience::peek_leaving(&state.core, &token).await {
        Ok(preferences) => preferences,
        Err(error) => return aged(&state, &headers, &action, error),
    };
    let words = Words::new(&state, &preferences.interface);
    if !preferences.is_active {
        return left(&state, &words, &preferences, action, "already-unsubscribed");
    }
    let newsletter = preferences.newsletter.names.get(words.language());
    let notice = Notice {
        title: words.say("unsubscribe-title"),
        sentences: vec![
            words.with(
                "unsubscribe-question",
                &[("address", Arg::Text(&preferences.masked_address))],
            ),
            words.with(
                "unsubscribe-newsletter",
                &[("newsletter", Arg::Text(newsletter))],
            ),
        ],
        form: Some(Button {
            action,
            act: "leave",
            label: words.say("unsubscribe"),
        }),
        links: vec![Link {
            href: format!("/{}/subscribe", preferences.interface),
            label: words.say("forwarded"),
            is_button: false,
        }],
        ..Notice::default()
    };
    show(&state, &preferences.interface, StatusCode::OK, notice)
}

/// `POST /unsubscribe/{token}`: the button of the page, or the mailbox's own (RFC 8058).
pub(super) async fn leave(
    State(state): State<WebState>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, WebError> {
    if is_one_click(&body) {
        return one_click(&state, &token).await;
    }
    let action = format!("/unsubscribe/{token}");
    if Fields::parse(&body).get("act") == "rejoin" {
        return match audience::rejoin(&state.core, &token).await {
            Ok(preferences) => {
                let words = Words::new(&state, &preferences.interface);
                let notice = Notice {
                    title: words.say("resubscribed-title"),
                    sentences: vec![next_mail(&words, &preferences).say(&words, "resubscribed")],
                    links: vec![settings_link(&state, &words, &preferences)],
                    ..Notice::default()
                };
                show(&state, &preferences.interface, StatusCode::OK, notice)
            }
            // Taking it back has a time; after that the form is the way.
            Err(AudienceError::ExpiredLink) => ask_anew(&state, &headers),
            Err(error) => aged(&state, &headers, &action, error),
        };
    }
    match audience::leave_with_goodbye(&state.core, &state.theme, &token).await {
        Ok(preferences) => {
            let words = Words::new(&state, &preferences.interface);
            left(&state, &words, &preferences, action, "unsubscribed")
        }
        Err(error) => aged(&state, &headers, &action, error),
    }
}

/// 200 without cookies or redirects, the same for every token and every time (RFC 8058 section 3.1). Only a database that is away
/// is told, so that the mailbox tries again.
async fn one_click(state: &WebState, token: &str) -> Result<Response, WebError> {
    match audience::leave(&state.core, token, LeaveBy::OneClick).await {
        Ok(_) | Err(AudienceError::UnknownLink | AudienceError::ExpiredLink) => {
            Ok(([(CACHE_CONTROL, "no-store")], "unsubscribed\n").into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the body is `List-Unsubscribe=One-Click`, as a form or as multipart (RFC 8058 section 3.1 allows both).
fn is_one_click(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    text.contains("list-unsubscribe") && text.contains("one-click")
}

fn left(
    state: &WebState,
    words: &Words<'_>,
    preferences: &Preferences,
    action: String,
    key: &str,
) -> Result<Response, WebError> {
    let notice = Notice {
        title: words.say("unsubscribed-title"),
        sentences: vec![words.say(key)],
        form: Some(Button {
            action,
            act: "rejoin",
            label: words.say("subscribe-again"),
        }),
        small: vec![settings_of(words, &preferences.masked_address)],
        ..Notice::default()
    };
    show(state, &preferences.interface, StatusCode::OK, notice)
}

/// Whose settings these are, below whatever the page says.
pub(super) fn settings_of(words: &Words<'_>, masked_address: &str) -> String {
    words.with("settings-for", &[("address", Arg::Text(masked_address))])
}

/// A link that is too old offers a new one in one tap; one that is not ours says so; everything else is an error.
pub(super) fn aged(
    state: &WebState,
    headers: &HeaderMap,
    action: &str,
    error: AudienceError,
) -> Result<Response, WebError> {
    let language = stranger(state, headers);
    let words = Words::new(state, &language);
    let (status, notice) = match error {
        AudienceError::ExpiredLink => (
            StatusCode::GONE,
            Notice {
                title: words.say("link-expired-title"),
                form: Some(Button {
                    action: action.to_owned(),
                    act: "resend",
                    label: words.say("send-new-link"),
                }),
                ..Notice::default()
            },
        ),
        AudienceError::UnknownLink => (
            StatusCode::NOT_FOUND,
            Notice {
                title: words.say("link-unknown-title"),
                sentences: vec![words.say("link-unknown")],
                links: vec![Link {
                    href: format!("/{language}/subscribe"),
                    label: words.say("subscribe"),
                    is_button: true,
                }],
                ..Notice::default()
            },
        ),
        other => return Err(other.into()),
    };
    show(state, &language, status, notice)
}

fn ask_anew(state: &WebState, headers: &HeaderMap) -> Result<Response, WebError> {
    let language = stranger(state, headers);
    let words = Words::new(state, &language);
    let notice = Notice {
        title: words.say("link-expired-title"),
        links: vec![Link {
            href: format!("/{language}/subscribe"),
            label: words.say("subscribe-again"),
            is_button: true,
        }],
        ..Notice::default()
    };
    show(state, &language, StatusCode::GONE, notice)
}

/// Sends a fresh link to whom the old one names; says the same whoever that is.
pub(super) async fn resend(
    state: &WebState,
    headers: &HeaderMap,
    token: &str,
) -> Result<Response, WebError> {
    match audience::resend_link(&state.core, &state.theme, token).await {
        Ok(()) | Err(AudienceError::UnknownLink | AudienceError::ExpiredLink) => {}
        Err(error) => return Err(error.into()),
    }
    let language = stranger(state, headers);
    let words = Words::new(state, &language);
    let notice = Notice {
        title: words.say("check-your-inbox-title"),
        sentences: vec![words.say("new-link-sent"), words.say("look-in-spam")],
        ..Notice::default()
    };
    show(state, &language, StatusCode::OK, notice)
}

/// Day and hour of somebody's next mail, on the person's own calendar; empty where mail comes as soon as there is news.
pub(super) struct NextMail {
    pub(super) date: String,
    pub(super) time: String,
}

impl NextMail {
    /// The sentence of that key, or its sister for people who get news at once.
    fn say(&self, words: &Words<'_>, key: &str) -> String {
        if self.date.is_empty() {
            let soon = match key {
                "confirmed" => "confirmed-soon",
                "resubscribed" => "resubscribed-soon",
                _ => "next-soon",
            };
            return words.say(soon);
        }
        let args = [
            ("date", Arg::Text(&self.date)),
            ("time", Arg::Text(&self.time)),
        ];
        words.with(key, &args)
    }
}

pub(super) fn next_mail(words: &Words<'_>, preferences: &Preferences) -> NextMail {
    if preferences.wishes.cadence == Cadence::Immediate {
        return NextMail {
            date: String::new(),
            time: String::new(),
        };
    }
    let at = preferences
        .next_due_at
        .in_zone(&preferences.wishes.time_zone);
    NextMail {
        date: dates::weekday_and_day(at.date(), words.language()),
        time: clock(i64::from(at.hour()) * 60 + i64::from(at.minute())),
    }
}

fn settings_link(state: &WebState, words: &Words<'_>, preferences: &Preferences) -> Link {
    Link {
        href: format!(
            "/preferences/{}",
            fresh_token(state, Purpose::Preferences, preferences)
        ),
        label: words.say("settings"),
        is_button: false,
    }
}

/// A link made on the spot for somebody who just proved a right to it.
pub(super) fn fresh_token(state: &WebState, purpose: Purpose, preferences: &Preferences) -> String {
    state.core.keys.new_token(
        purpose,
        &Claims {
            uid: preferences.uid.clone(),
            epoch: preferences.link_epoch,
            issued_at: state.core.clock.now(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_click_is_known_in_both_encodings() {
        assert!(is_one_click(b"List-Unsubscribe=One-Click"));
        assert!(is_one_click(
            b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n"
        ));
        assert!(!is_one_click(b"act=leave"));
        assert!(!is_one_click(b""));
    }
}
