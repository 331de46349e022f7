//! What became of one mail, try by try, in the relay's own words.

use crate::base::time::{Timestamp, Zone};
use crate::delivery::queue_id;
use crate::delivery::store::{Delivered, Event, list_events};
use crate::digest::DigestError;
use crate::digest::explanation::{Mail, Try};
use crate::digest::store::Had;
use crate::work::Core;

/// One mail with every try that is known.
pub(super) async fn mail(
    core: &Core,
    row: &Delivered,
    had: Option<&Had>,
) -> Result<Mail, DigestError> {
    let events = list_events(&core.db, row.id).await?;
    let words = row.reply.clone().unwrap_or_default();
    let mut tries: Vec<Try> = events.iter().map(told_event).collect();
    if row.uncertain_count > 0 {
        tries.push(Try {
            at: row.intent_at.filter(|_| row.state != "accepted"),
            result: "no answer".to_owned(),
            words: if row.state == "accepted" {
                "a dot of an earlier try had no answer; it was sent once more, as the same message"
                    .to_owned()
            } else {
                words.clone()
            },
        });
    }
    if row.state == "accepted" {
        tries.push(Try {
            at: row.accepted_at,
            result: "accepted".to_owned(),
            words: match row.code {
                Some(code) if !words.is_empty() => format!("{code} {words}"),
                _ => "its words are no longer kept".to_owned(),
            },
        });
    }
    Ok(Mail {
        kind: row.kind.clone(),
        issue: had.map(|h| h.issue_uid.clone()),
        number: had.map(|h| h.number),
        run: row.batch,
        subject: row.subject.clone(),
        state: row.state.clone(),
        sentence: meaning(row),
        due_at: Some(row.due_at),
        tries,
        queue_id: (row.state == "accepted")
            .then(|| queue_id(&words))
            .flatten(),
    })
}

fn told_event(event: &Event) -> Try {
    let code = event
        .detail
        .as_deref()
        .and_then(|detail| detail.split(' ').next())
        .filter(|code| *code != "-");
    let words = event.raw.as_deref().unwrap_or_default();
    Try {
        at: Some(event.at),
        result: event.kind.clone(),
        words: match code {
            Some(code) => format!("{code} {words}").trim_end().to_owned(),
            None => words.to_owned(),
        },
    }
}

/// What the state of a row means.
fn meaning(row: &Delivered) -> String {
    let class = row.class.as_deref().unwrap_or("");
    let utc = Zone::utc();
    let at = |instant: Option<Timestamp>| {
        instant.map_or_else(String::new, |instant| {
            format!(" at {}", instant.rfc3339(&utc))
        })
    };
    match row.state.as_str() {
        "accepted" => format!(
            "the relay accepted it{}: from here on ask its postmaster",
            at(row.accepted_at)
        ),
        "failed" => match class {
            "hard" => "refused for ever: there is no such mailbox".to_owned(),
            "policy" => "refused for ever by policy: look at the sender's reputation and records, not at the person".to_owned(),
            "capability" => "cannot be sent: the relay cannot do what this address needs".to_owned(),
            "content" => "refused for ever because of what it is".to_owned(),
            other => format!("failed ({other})"),
        },
        "cancelled" => match class {
            "left" => "cancelled: the person left first".to_owned(),
            "suppressed" => "cancelled: the address must not be mailed".to_owned(),
            "stopped" => "cancelled by the operator".to_owned(),
            "withdrawn" => "cancelled: everything in it was withdrawn".to_owned(),
            _ => "cancelled".to_owned(),
        },
        "expired" => format!(
            "expired: its time was over{}; better no mail than an old one",
            at(row.expires_at)
        ),
        "held" => match class {
            "paused" => "held by the operator".to_owned(),
            "lost" => "held: five attempts were lost without a word, look at the workers".to_owned(),
            "uncertain" => "held: it may have arrived, and must not come twice".to_owned(),
            _ => "held".to_owned(),
        },
        "uncertain" => "its dot was written and not answered: it may have arrived".to_owned(),
        "committing" => "at its final dot this moment".to_owned(),
        "leased" => "a worker has it".to_owned(),
        _ if row.refusals > 0 => format!("put off, tried again{}", at(Some(row.due_at))),
        _ => format!("waits to be sent, due{}", at(Some(row.due_at))),
    }
}
