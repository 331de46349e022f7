//! The built-in inbox of `jarshy demo`: every mail that was sent, as HTML, text and source, at two widths, dark, and with images off.
//!
//! It exists in demo mode alone. A mail's HTML is shown in a frame without scripts from a route with a policy of its own, so
//! that what a mail says can do nothing to the page around it.

pub(crate) mod mailbox;
pub(crate) mod message;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::WebState;
use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};

pub use mailbox::{Directory, Inbox, Mail};

/// The three places whose mornings the demo shows, and what people call them.
pub const PLACES: [(&str, &str); 3] = [
    ("Asia/Almaty", "Almaty"),
    ("Europe/Berlin", "Berlin"),
    ("America/New_York", "New York"),
];

/// Mails on one page of a list.
const PAGE: usize = 50;

/// Routes of the inbox; merged in demo mode alone.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/inbox", get(overview))
        .route("/inbox/state", get(live))
        .route("/inbox/list", get(list))
        .route("/inbox/mail/{id}", get(show))
        .route("/inbox/mail/{id}/html", get(show_html))
        .route("/inbox/mail/{id}/text", get(show_text))
        .route("/inbox/mail/{id}/source", get(show_source))
}

/// How a mail is looked at; stands in every address, so that it works without a script.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Look {
    /// `phone` or `desktop`.
    width: Option<String>,
    /// `1` is dark.
    dark: Option<u8>,
    /// `0` is without images.
    images: Option<u8>,
    /// `html`, `text` or `source`.
    part: Option<String>,
}

impl Look {
    fn is_dark(&self) -> bool {
        self.dark == Some(1)
    }

    fn has_images(&self) -> bool {
        self.images != Some(0)
    }

    fn part(&self) -> &'static str {
        match self.part.as_deref() {
            Some("text") => "text",
            Some("source") => "source",
            _ => "html",
        }
    }

    fn is_wide(&self) -> bool {
        self.width.as_deref() == Some("desktop")
    }

    /// The query of an address that looks in this way.
    fn query(&self) -> String {
        format!(
            "part={}&width={}&dark={}&images={}",
            self.part(),
            if self.is_wide() { "desktop" } else { "phone" },
            u8::from(self.is_dark()),
            u8::from(self.has_images()),
        )
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut other = self.clone();
        change(&mut other);
        other.query()
    }

    /// The switches with the addresses they lead to.
    fn switches(&self) -> Vec<Switch> {
        let part = |name: &'static str, label| Choice {
            label,
            query: self.with(|l| l.part = Some(name.to_owned())),
            is_on: self.part() == name,
        };
        let width = |name: &'static str, label, is_on| Choice {
            label,
            query: self.with(|l| l.width = Some(name.to_owned())),
            is_on,
        };
        let dark = |value, label| Choice {
            label,
            query: self.with(|l| l.dark = Some(value)),
            is_on: u8::from(self.is_dark()) == value,
        };
        let images = |value, label| Choice {
            label,
            query: self.with(|l| l.images = Some(value)),
            is_on: u8::from(self.has_images()) == value,
        };
        vec![
            Switch {
                name: "Part",
                id: "part",
                choices: vec![
                    part("html", "HTML"),
                    part("text", "Text"),
                    part("source", "Source"),
                ],
            },
            Switch {
                name: "Width",
                id: "width",
                choices: vec![
                    width("phone", "Phone", !self.is_wide()),
                    width("desktop", "Desktop", self.is_wide()),
                ],
            },
            Switch {
                name: "Colours",
                id: "colours",
                choices: vec![dark(0, "Light"), dark(1, "Dark")],
            },
            Switch {
                name: "Images",
                id: "images",
                choices: vec![images(1, "On"), images(0, "Off")],
            },
        ]
    }
}

/// A switch of the page.
#[derive(Serialize)]
struct Switch {
    name: &'static str,
    id: &'static str,
    choices: Vec<Choice>,
}

#[derive(Serialize)]
struct Choice {
    label: &'static str,
    query: String,
    is_on: bool,
}

/// One of the three phones.
#[derive(Serialize)]
struct Phone {
    zone: &'static str,
    place: &'static str,
    /// The wall clock there.
    clock: String,
    /// `08:00 there in 4 h`, until the first mail of the day comes.
    wait: String,
    /// Whose phone it is.
    owner: String,
    /// The newest mail of its owner; 0 is none.
    mail: usize,
    subject: String,
    /// `1,175 of 1,188 people today`
    count: String,
    newest: Vec<Row>,
}

/// One line of a list.
#[derive(Clone, Serialize)]
struct Row {
    id: usize,
    recipient: String,
    subject: String,
    from: String,
    language: String,
    time: String,
    date: String,
    place: &'static str,
}

/// A value as it stands behind `=` in an address.
fn in_query(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// A count as the inbox writes it, in English.
fn grouped(count: usize) -> String {
    crate::theme::number(count as i64, &Language::guess("English"))
}

fn place(zone: Option<&str>) -> &'static str {
    PLACES
        .iter()
        .find(|(name, _)| Some(*name) == zone)
        .map_or("", |(_, place)| place)
}

fn row(inbox: &Inbox, home: &Zone, mail: &Mail) -> Row {
    let zone_name = inbox.directory().zone(&mail.recipient);
    let zone = zone_name
        .and_then(|name| Zone::parse(name).ok())
        .unwrap_or_else(|| home.clone());
    let local = mail.at.in_zone(&zone);
    Row {
        id: mail.id,
        recipient: mail.recipient.clone(),
        subject: mail.subject.clone(),
        from: mail.from.clone(),
        language: mail.language.clone(),
        time: local.strftime("%H:%M").to_string(),
        date: local.strftime("%-d %b").to_string(),
        place: place(zone_name),
    }
}

/// How long until eight o'clock on the wall of a zone, in words for a phone: `08:00 there in 4 h`.
fn until_eight(now: Timestamp, zone: &Zone) -> String {
    let local = now.in_zone(zone);
    let past =
        i64::from(local.hour()) * 3600 + i64::from(local.minute()) * 60 + i64::from(local.second());
    let left = (8 * 3600 - past).rem_euclid(86_400);
    let span = match left {
        0 => return "08:00 there now".to_owned(),
        1..60 => format!("{left} s"),
        60..3600 => format!("{} min", (left + 59) / 60),
        _ => format!("{} h", (left + 1800) / 3600),
    };
    format!("08:00 there in {span}")
}

fn phones(inbox: &Inbox, now: Timestamp) -> Vec<Phone> {
    PLACES
        .iter()
        .map(|(name, place)| {
            let zone = Zone::parse(name).unwrap_or_else(|_| Zone::utc());
            let directory = inbox.directory();
            let owner = directory.first_in(name).unwrap_or_default().to_owned();
            let (mine, _) = inbox.list(|mail| mail.recipient.to_lowercase() == owner, 0, 1);
            let today = now.date_in(&zone);
            let (newest, arrived) = inbox.list(
                |mail| {
                    directory.zone(&mail.recipient) == Some(*name)
                        && mail.at.date_in(&zone) == today
                },
                0,
                5,
            );
            Phone {
                zone: name,
                place,
                clock: now.in_zone(&zone).strftime("%H:%M").to_string(),
                wait: if arrived == 0 {
                    until_eight(now, &zone)
                } else {
                    String::new()
                },
                owner,
                mail: mine.first().map_or(0, |mail| mail.id),
                subject: mine
                    .first()
                    .map(|mail| mail.subject.clone())
                    .unwrap_or_default(),
                count: format!(
                    "{} of {} people today",
                    grouped(arrived),
                    grouped(directory.count(name))
                ),
                newest: newest.iter().map(|mail| row(inbox, &zone, mail)).collect(),
            }
        })
        .collect()
}

/// What every page of the inbox says at its head.
#[derive(Serialize)]
struct Head {
    newsroom: String,
    clock: String,
    arrived: String,
    front: String,
}

fn page_head(state: &WebState, inbox: &Inbox) -> Head {
    let newsroom = &state.core.config.newsroom;
    let language = newsroom.default_language();
    Head {
        newsroom: newsroom.names.get(language).to_owned(),
        clock: clock_text(state),
        arrived: grouped(inbox.len()),
        front: format!("/{language}/"),
    }
}

fn clock_text(state: &WebState) -> String {
    let zone = state.core.config.newsroom.zone();
    let local = state.core.clock.now().in_zone(&zone);
    let place = place(Some(zone.name()));
    let place = if place.is_empty() { zone.name() } else { place };
    format!("{} in {place}", local.strftime("%A, %-d %B %Y, %H:%M:%S"))
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "There is no such mail.\n").into_response()
}

/// The page's own policy: nothing from elsewhere, frames from here alone.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; \
     img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn page(state: &WebState, template: &str, context: impl Serialize) -> Response {
    let english = Language::guess("English");
    match state.theme.render(template, &english, context) {
        Ok(html) => (headers(PAGE_POLICY), Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, template, "a page of the inbox cannot be shown");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "This page cannot be shown.\n",
            )
                .into_response()
        }
    }
}

fn headers(policy: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers
}

#[derive(Serialize)]
struct Overview {
    head: Head,
    phones: Vec<Phone>,
    others: Vec<Row>,
    others_count: usize,
    switches: Vec<Switch>,
    look: String,
    part: &'static str,
    is_dark: bool,
}

async fn overview(State(state): State<WebState>, Query(look): Query<Look>) -> Response {
    let Some(inbox) = state.inbox.clone() else {
        return not_found();
    };
    let home = state.core.config.newsroom.zone();
    let (others, others_count) = inbox.list(
        |mail| inbox.directory().zone(&mail.recipient).is_none(),
        0,
        8,
    );
    let mut switches = look.switches();
    // The phones are phones: their width is not to be chosen.
    switches.retain(|switch| switch.id != "width");
    page(
        &state,
        "web/inbox.html",
        Overview {
            head: page_head(&state, &inbox),
            phones: phones(&inbox, state.core.clock.now()),
            others: others.iter().map(|mail| row(&inbox, &home, mail)).collect(),
            others_count,
            switches,
            look: look.query(),
            part: look.part(),
            is_dark: look.is_dark(),
        },
    )
}

#[derive(Serialize)]
struct Live {
    clock: String,
    arrived: String,
    phones: Vec<Phone>,
    others: Vec<Row>,
}

async fn live(State(state): State<WebState>) -> Response {
    let Some(inbox) = state.inbox.clone() else {
        return not_found();
    };
    let home = state.core.config.newsroom.zone();
    let (others, _) = inbox.list(
        |mail| inbox.directory().zone(&mail.recipient).is_none(),
        0,
        8,
    );
    let answer = Live {
        clock: clock_text(&state),
        arrived: grouped(inbox.len()),
        phones: phones(&inbox, state.core.clock.now()),
        others: others.iter().map(|mail| row(&inbox, &home, mail)).collect(),
    };
    (headers(PAGE_POLICY), Json(answer)).into_response()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Search {
    q: String,
    zone: String,
    page: usize,
}

/// The zone that was asked for, if it is one of ours.
fn known_zone(asked: &str) -> &'static str {
    PLACES
        .iter()
        .map(|(name, _)| *name)
        .chain(["typed"])
        .find(|name| *name == asked)
        .unwrap_or_default()
}

#[derive(Serialize)]
struct Listing {
    head: Head,
    q: String,
    /// `q` as it stands in an address.
    q_query: String,
    zone: String,
    place: String,
    places: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
    all: usize,
    page: usize,
    pages: usize,
}

async fn list(State(state): State<WebState>, Query(search): Query<Search>) -> Response {
    let Some(inbox) = state.inbox.clone() else {
        return not_found();
    };
    let home = state.core.config.newsroom.zone();
    let wanted = search.q.trim().to_lowercase();
    let keep = |mail: &Mail| {
        let zone = inbox.directory().zone(&mail.recipient);
        let is_there = match known_zone(&search.zone) {
            "" => true,
            "typed" => zone.is_none(),
            name => zone == Some(name),
        };
        is_there
            && (wanted.is_empty()
                || mail.recipient.to_lowercase().contains(&wanted)
                || mail.subject.to_lowercase().contains(&wanted))
    };
    let number = search.page.max(1);
    let (mails, all) = inbox.list(keep, (number - 1).saturating_mul(PAGE), PAGE);
    page(
        &state,
        "web/inbox_list.html",
        Listing {
            head: page_head(&state, &inbox),
            rows: mails.iter().map(|mail| row(&inbox, &home, mail)).collect(),
            place: match search.zone.as_str() {
                "typed" => "Addresses you typed".to_owned(),
                zone => place(Some(zone)).to_owned(),
            },
            q: search.q.trim().to_owned(),
            q_query: in_query(search.q.trim()),
            zone: known_zone(&search.zone).to_owned(),
            places: PLACES.to_vec(),
            all,
            page: number,
            pages: all.div_ceil(PAGE),
        },
    )
}

#[derive(Serialize)]
struct Single {
    head: Head,
    mail: Row,
    message_id: String,
    sender: String,
    to: String,
    from: String,
    date: String,
    size: u64,
    look: String,
    part: &'static str,
    is_wide: bool,
    is_dark: bool,
    switches: Vec<Switch>,
    has_html: bool,
    newer: usize,
    older: usize,
    /// The recipient as it stands in an address.
    person_query: String,
}

async fn show(
    State(state): State<WebState>,
    Path(id): Path<usize>,
    Query(look): Query<Look>,
) -> Response {
    let Some(inbox) = state.inbox.clone() else {
        return not_found();
    };
    let Some((mail, bytes)) = find(&inbox, id) else {
        return not_found();
    };
    let home = state.core.config.newsroom.zone();
    let parts = message::parts(&bytes);
    let is_theirs = |other: &Mail| other.recipient == mail.recipient;
    let (newer, _) = inbox.list(|other| is_theirs(other) && other.id > id, 0, usize::MAX);
    let (older, _) = inbox.list(|other| is_theirs(other) && other.id < id, 0, 1);
    page(
        &state,
        "web/inbox_mail.html",
        Single {
            head: page_head(&state, &inbox),
            mail: row(&inbox, &home, &mail),
            message_id: mail.message_id.clone(),
            sender: mail.sender.clone(),
            to: parts.to,
            from: parts.from,
            date: parts.date,
            size: mail.length,
            look: look.query(),
            part: look.part(),
            is_wide: look.is_wide(),
            is_dark: look.is_dark(),
            switches: look.switches(),
            has_html: parts.html.is_some(),
            newer: newer.last().map_or(0, |mail| mail.id),
            older: older.first().map_or(0, |mail| mail.id),
            person_query: in_query(&mail.recipient),
        },
    )
}

fn find(inbox: &Inbox, id: usize) -> Option<(Mail, Vec<u8>)> {
    let mail = inbox.find(id)?;
    match inbox.read(&mail) {
        Ok(bytes) => Some((mail, bytes)),
        Err(error) => {
            tracing::error!(%error, mail = id, "a mail of the inbox cannot be read");
            None
        }
    }
}

/// The policy of a mail: no script, no form, no frame, nothing from another host.
fn mail_policy(base_url: &str, images: bool) -> String {
    let images = if images {
        format!("'self' {base_url} data:")
    } else {
        "'none'".to_owned()
    };
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; frame-ancestors 'self'; form-action 'none'; \
         sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    )
}

async fn show_html(
    State(state): State<WebState>,
    Path(id): Path<usize>,
    Query(look): Query<Look>,
) -> Response {
    let Some(inbox) = state.inbox.clone() else {
        return not_found();
    };
    let Some((_, bytes)) = find(&inbox, id) else {
        return not_found();
    };
    let html = message::parts(&bytes)
        .html
        .unwrap_or_else(|| "<p>This mail has no HTML part.</p>".to_owned());
    let policy = mail_policy(state.core.config.server.base_url(), look.has_images());
    (
        headers(&policy),
        Html(message::with_colours(&html, look.is_dark())),
    )
        .into_response()
}

/// Plain text in a frame, in the colours of the page.
fn plain(text: &str, dark: bool) -> Response {
    let mut escaped = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
    let (ground, ink) = if dark {
        ("#121212", "#e8e8e8")
    } else {
        ("#ffffff", "#1c1c1c")
    };
    let html = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Mail</title>\
         <style>body{{margin:0;padding:16px;background:{ground};color:{ink}}}\
         pre{{margin:0;font:13px/1.5 ui-monospace,'DejaVu Sans Mono',monospace;white-space:pre-wrap;overflow-wrap:anywhere}}</style>\
         <pre>{escaped}</pre>"
    );
    (headers(&mail_policy("'self'", false)), Html(html)).into_response()
}

async fn show_text(
    State(state): State<WebState>,
    Path(id): Path<usize>,
    Query(look): Query<Look>,
) -> Response {
    let Some(inbox) = state.inbox.clone() else {
        return not_found();
    };
    let Some((_, bytes)) = find(&inbox, id) else {
        return not_found();
    };
    let text = message::parts(&bytes)
        .text
        .unwrap_or_else(|| "This mail has no text part.".to_owned());
    plain(&text, look.is_dark())
}

async fn show_source(
    State(state): State<WebState>,
    Path(id): Path<usize>,
    Query(look): Query<Look>,
) -> Response {
    let Some(inbox) = state.inbox.clone() else {
        return not_found();
    };
    let Some((_, bytes)) = find(&inbox, id) else {
        return not_found();
    };
    plain(&String::from_utf8_lossy(&bytes), look.is_dark())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_says_how_long_it_is_until_eight_there() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let zone = |name: &str| Zone::parse(name).unwrap();
        let eight = at("2026-02-28T08:00:00+05:00");
        assert_eq!(
            until_eight(eight.plus_secs(-15), &zone("Asia/Almaty")),
            "08:00 there in 15 s"
        );
        assert_eq!(until_eight(eight, &zone("Asia/Almaty")), "08:00 there now");
        assert_eq!(
            until_eight(eight, &zone("Europe/Berlin")),
            "08:00 there in 4 h"
        );
        assert_eq!(
            until_eight(eight, &zone("America/New_York")),
            "08:00 there in 10 h"
        );
    }

    #[test]
    fn a_mail_may_load_nothing_and_run_nothing() {
        let policy = mail_policy("http://127.0.0.1:7070", true);
        assert!(policy.starts_with("default-src 'none'"));
        assert!(!policy.contains("script") && !policy.contains("allow-forms"));
        assert!(mail_policy("x", false).contains("img-src 'none'"));
    }
}
