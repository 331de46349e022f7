//! All that is known of one person, for that person (PRODUCT M11, M13): wishes, every consent with the very text that was shown,
//! and the mails.

use serde_json::{Value, json};

use crate::audience::{AudienceError, Choice, store};
use crate::base::address::EmailAddress;
use crate::base::time::Timestamp;
use crate::delivery;
use crate::work::Core;

/// The person with that address as one JSON object; [`AudienceError::Nobody`] if no such person is known.
pub async fn person(core: &Core, address: &EmailAddress) -> Result<Value, AudienceError> {
    let (id, uid) = store::find_by_key(&core.db, &address.key())
        .await?
        .ok_or(AudienceError::Nobody)?;
    person_of(core, id, &uid).await
}

/// The person of a row.
pub(crate) async fn person_of(core: &Core, id: i64, uid: &str) -> Result<Value, AudienceError> {
    let known = store::get_person(&core.db, id).await?;
    let slugs: Vec<String> = store::list_newsletters(&core.db)
        .await?
        .into_iter()
        .map(|newsletter| newsletter.slug)
        .collect();
    let mut subscriptions = Vec::new();
    for record in store::list_subscriptions(&core.db, uid).await? {
        let newsletter = store::get_newsletter(&core.db, record.newsletter_id).await?;
        let choice = Choice::parse(&record.selection_key)?;
        subscriptions.push(json!({
            "newsletter": newsletter.slug,
            "names": newsletter.names,
            "state": record.state,
            "languages": choice.languages(),
            "sections": choice.sections(),
            "tags": choice.tags(),
            "cadence": record.cadence,
            "hour": super::hour(record.minute),
            "time_zone": record.time_zone,
            "text_only": record.text_only,
            "paused_until": record.paused_until.filter(|_| record.state == "paused"),
            "last_digest": Some(record.last_date).filter(|date| !date.is_empty()),
            "left_at": text(record.left_at),
        }));
    }
    let consent: Vec<Value> = store::list_consent(&core.db, id)
        .await?
        .into_iter()
        .map(|entry| consent(&entry, &slugs))
        .collect();
    let mails: Vec<Value> = delivery::store::list_mails(&core.db, id)
        .await?
        .into_iter()
        .map(|mail| {
            json!({
                "kind": mail.kind,
                "subject": mail.subject,
                "language": mail.language,
                "date": mail.dated_at.to_string(),
                "state": mail.state,
                "accepted_at": text(mail.accepted_at),
            })
        })
        .collect();
    let blocked: Vec<Value> = delivery::store::list_suppressions(&core.db, &known.address_hash)
        .await?
        .into_iter()
        .map(|s| json!({ "reason": s.reason, "since": s.at.to_string(), "lifted_at": text(s.lifted_at) }))
        .collect();
    let newsroom = &core.config.newsroom;
    Ok(json!({
        "made_at": core.clock.now().to_string(),
        "newsroom": newsroom.names,
        "operator": { "names": newsroom.operator.names, "email": newsroom.operator.email },
        "address": known.address,
        "uid": uid,
        "state": known.state,
        "languages": known.languages.split(',').filter(|l| !l.is_empty()).collect::<Vec<_>>(),
        "time_zone": known.time_zone,
        "known_since": known.created_at.to_string(),
        "confirmed_at": text(known.confirmed_at),
        "subscriptions": subscriptions,
        "consent": consent,
        "mails": mails,
        "mails_are_kept_days": core.config.delivery.keep_days,
        "must_not_be_mailed": blocked,
    }))
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// An entry of the log. What a form showed was kept as JSON behind the newsletter's slug; the rest are words.
fn consent(entry: &store::Entry, slugs: &[String]) -> Value {
    let evidence = entry.evidence.as_deref().unwrap_or("");
    let (slug, rest) = evidence.split_once("; ").unwrap_or((evidence, ""));
    let (newsletter, rest) = if slugs.iter().any(|known| known == slug) {
        (Some(slug), rest)
    } else {
        (None, evidence)
    };
    let shown = serde_json::from_str::<Value>(rest)
        .ok()
        .filter(Value::is_object);
    json!({
        "at": entry.at.to_string(),
        "action": entry.action,
        "method": entry.method,
        "newsletter": newsletter,
        "note": (shown.is_none() && !rest.is_empty()).then_some(rest),
        "shown": shown,
    })
}
