//! A past issue again: looked at, byte for byte, or sent to somebody whom it has not reached.
//!
//! Sending again keeps the two promises of the house: nobody has a story twice, and every mail has its row. So an issue goes to whom
//! it has not reached (its row ended as failed, cancelled or expired, or there never was one), it goes at the lowest priority,
//! and not at all if one of its stories came or still comes to the person another way.

use super::DigestError;
use super::store::{self, StoredIssue};
use crate::audience::Newsletter;
use crate::audience::store::{Profile, Subscribed, find_profile, get_newsletter, list_subscribed};
use crate::base::address::EmailAddress;
use crate::db::is_retryable;
use crate::delivery::store::{
    Row, ensure_lane, find_row, get_letter_state, insert_deliveries, requeue,
};
use crate::delivery::{Copy, NewDelivery, Preview, is_suppressed, provider_of, queue_id, replay};
use crate::work::Core;

/// The priority of what is sent again (DESIGN 5.5): behind everything else.
const PRIORITY: i64 = 9;

/// An issue of the past.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Running number.
    pub number: i64,
    /// Its date.
    pub local_date: jiff::civil::Date,
    /// Subject.
    pub subject: String,
    /// The revision that was meant for the person, or the latest.
    pub revision: i64,
    /// The three shapes of the mail.
    pub shown: Preview,
    /// What became of the person's mail; none if it is nobody's copy.
    pub state: Option<String>,
}

/// The issue as it was sent to a person, or, to nobody in particular, as it was compiled last.
pub async fn replay_issue(
    core: &Core,
    name: &str,
    to: Option<&EmailAddress>,
    anybody: &EmailAddress,
) -> Result<Replayed, DigestError> {
    let revisions = find(core, name).await?;
    let (issue, row) = match to {
        Some(address) => {
            let person = profile(core, address).await?;
            let (issue, row) = row_of(core, &revisions, &person).await?.ok_or_else(|| {
                DigestError::Invalid(
                    "that issue was not planned for this person; `jarshy explain` says why. Leave --to out to see it as such"
                        .to_owned(),
                )
            })?;
            (issue, Some(row))
        }
        None => (latest(&revisions)?, None),
    };
    let address = match (&row, to) {
        (Some(row), Some(typed)) => match &row.address {
            Some(stored) => EmailAddress::parse(stored).map_err(DigestError::Invalid)?,
            // Pruned: the typed one is the same mailbox, or the person would not have been found.
            None => typed.clone(),
        },
        _ => anybody.clone(),
    };
    let copy = match &row {
        Some(row) => Copy::Of(row, &address),
        None => Copy::Nobodys(&address),
    };
    let shown = replay(core, issue.letter_id, copy).await?.ok_or_else(|| {
        DigestError::Invalid(format!(
            "the bodies of mails are kept for {} days (delivery.keep_body_days), and this one is gone; its page is /issues/{}",
            core.config.delivery.keep_body_days, issue.uid
        ))
    })?;
    Ok(Replayed {
        number: issue.number,
        local_date: issue.local_date,
        subject: issue.subject.clone(),
        revision: issue.revision,
        shown,
        state: row.map(|row| row.state),
    })
}

/// Queues an issue for a person whom it has not reached. The error says why not.
pub async fn send_again(
    core: &Core,
    name: &str,
    address: &EmailAddress,
) -> Result<(), DigestError> {
    let revisions = find(core, name).await?;
    let issue = latest(&revisions)?;
    let newsletter = get_newsletter(&core.db, issue.newsletter_id).await?;
    let person = profile(core, address).await?;
    let found = row_of(core, &revisions, &person).await?;
    refuse_if_reached(found.as_ref().map(|(_, row)| row))?;
    let subscription = may_have(core, &newsletter, &person, &issue).await?;
    let mut lost = 0;
    loop {
        let queued = queue(
            core,
            &newsletter,
            &person,
            &issue,
            &subscription,
            found.as_ref(),
        );
        match queued.await {
            Err(DigestError::Database(e)) if is_retryable(&e) && lost < super::open::TRIES => {
                lost += 1;
            }
            Err(other) => return Err(other),
            Ok(()) => {
                core.bells.queued.notify_waiters();
                return Ok(());
            }
        }
    }
}

async fn queue(
    core: &Core,
    newsletter: &Newsletter,
    person: &Profile,
    issue: &StoredIssue,
    subscription: &Subscribed,
    found: Option<&(StoredIssue, Row)>,
) -> Result<(), DigestError> {
    let now = core.clock.now();
    let address = person
        .address
        .as_deref()
        .ok_or_else(|| DigestError::Invalid("the address is erased".to_owned()))?;
    let address = EmailAddress::parse(address).map_err(DigestError::Invalid)?;
    let mut tx = core.db.begin().await?;
    // The latest revision may be another letter than the one whose row ended: then there is no row of it yet.
    let ended = found.filter(|(of, _)| of.letter_id == issue.letter_id);
    let done = if let Some((_, row)) = ended {
        let to = (
            address.envelope(),
            person.address_hash.as_str(),
            person.link_epoch,
        );
        requeue(&mut tx, row.id, &to, now).await?
    } else {
        let provider = provider_of(&core.config, address.domain());
        let lane_id = ensure_lane(&mut tx, &newsletter.relay, provider).await?;
        let delivery = NewDelivery {
            letter_id: issue.letter_id,
            batch: None,
            recipient_id: person.id,
            recipient_uid: subscription.uid.clone(),
            recipient_epoch: person.link_epoch,
            address: address.envelope(),
            address_hash: person.address_hash.clone(),
            lane_id,
            priority: PRIORITY,
            text_only: subscription.text_only,
            due_at: now,
            expires_at: None,
        };
        let is_stale = insert_deliveries(&mut tx, now, &[delivery]).await?;
        !is_stale
    };
    if !done {
        return Err(DigestError::Invalid(
            "something happened to that issue or mail at this moment; try again".to_owned(),
        ));
    }
    tx.commit().await?;
    Ok(())
}

async fn find(core: &Core, name: &str) -> Result<Vec<StoredIssue>, DigestError> {
    super::hold::find_one(core, name).await
}

fn latest(revisions: &[StoredIssue]) -> Result<StoredIssue, DigestError> {
    revisions
        .last()
        .cloned()
        .ok_or_else(|| DigestError::Invalid("there is no such issue".to_owned()))
}

async fn profile(core: &Core, address: &EmailAddress) -> Result<Profile, DigestError> {
    let key = address.key();
    find_profile(&core.db, &key, &core.keys.address_hash(&key))
        .await?
        .ok_or_else(|| DigestError::Invalid("nobody has subscribed with that address".to_owned()))
}

/// The person's row of the latest revision that has one.
async fn row_of(
    core: &Core,
    revisions: &[StoredIssue],
    person: &Profile,
) -> Result<Option<(StoredIssue, Row)>, DigestError> {
    for issue in revisions.iter().rev() {
        if let Some(row) = find_row(&core.db, issue.letter_id, person.id).await? {
            return Ok(Some((issue.clone(), row)));
        }
    }
    Ok(None)
}

fn refuse_if_reached(row: Option<&Row>) -> Result<(), DigestError> {
    let Some(row) = row else { return Ok(()) };
    let refuse = |sentence: String| Err(DigestError::Invalid(sentence));
    match row.state.as_str() {
        "accepted" => {
            let id = row.reply.as_deref().and_then(queue_id);
            refuse(format!(
                "the relay accepted that mail{}{}; nobody gets a mail twice. Ask the relay's postmaster, or give the reader the page of the issue",
                row.accepted_at
                    .map_or_else(String::new, |at| format!(" at {at}")),
                id.map_or_else(String::new, |id| format!(" as {id}")),
            ))
        }
        "failed" | "cancelled" | "expired" if row.uncertain_count == 0 => Ok(()),
        "failed" | "cancelled" | "expired" => refuse(
            "a dot of that mail had no answer, so it may have arrived; nobody gets a mail twice"
                .to_owned(),
        ),
        "held" => refuse("that mail is held; `jarshy digest release` sends it".to_owned()),
        _ => refuse("that mail is under way; `jarshy explain` says how it stands".to_owned()),
    }
}

/// Whether the person may have the issue: the subscription, or why not.
async fn may_have(
    core: &Core,
    newsletter: &Newsletter,
    person: &Profile,
    issue: &StoredIssue,
) -> Result<Subscribed, DigestError> {
    let refuse = |sentence: String| Err(DigestError::Invalid(sentence));
    let subscription = list_subscribed(&core.db, person.id)
        .await?
        .into_iter()
        .find(|s| s.newsletter_id == newsletter.id)
        .filter(|s| matches!(s.state.as_str(), "active" | "paused"));
    let Some(subscription) = subscription else {
        return refuse(format!(
            "the person does not get the newsletter {:?}; `jarshy explain` says why",
            newsletter.slug
        ));
    };
    if is_suppressed(&core.db, &person.address_hash).await? {
        return refuse("that address must not be mailed; `jarshy explain` says why".to_owned());
    }
    let (state, has_body) = get_letter_state(&core.db, issue.letter_id).await?;
    if state != "open" {
        return refuse(format!(
            "that issue is {}; it is not sent",
            match state.as_str() {
                "paused" => "held",
                other => other,
            }
        ));
    }
    if !has_body {
        return refuse(format!(
            "the bodies of mails are kept for {} days (delivery.keep_body_days), and this one is gone; give the reader the page /issues/{}",
            core.config.delivery.keep_body_days, issue.uid
        ));
    }
    let had = store::list_had(&core.db, newsletter.id, &subscription.uid).await?;
    let stories = store::list_item_stories(&core.db, issue.id).await?;
    for (story_id, release_no) in stories {
        let other = had.iter().find(|h| {
            h.story_id == story_id
                && h.issue_uid != issue.uid
                && !matches!(h.state.as_str(), "cancelled" | "failed" | "expired")
        });
        if let Some(other) = other {
            return refuse(format!(
                "a story of it came to the person with issue No. {} of {}; each story comes once",
                other.number, other.local_date
            ));
        }
        if release_no > subscription.read_to {
            return refuse(
                "a story of it is still to come with the person's own next digest; each story comes once"
                    .to_owned(),
            );
        }
    }
    Ok(subscription)
}
