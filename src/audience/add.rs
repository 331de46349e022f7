//! The operator adds people who agreed elsewhere.

use std::collections::{HashMap, HashSet};

use super::store::{BulkPerson, BulkSubscription, Known};
use super::wishes::{self, Wanted};
use super::{AudienceError, Newsletter, Wishes, newsletters, retried, store};
use crate::base::address::EmailAddress;
use crate::work::Core;
use crate::{delivery, newsroom};

/// Adds people who agreed elsewhere: active at once, `read_to` at the head. All in one transaction; returns (new, known, refused).
///
/// A known address keeps its wishes; one that waits for its confirmation link needs it no more. Who left, was erased or must not
/// be mailed is refused and stays so (FAILURES T25). The same address twice counts as known.
pub async fn add(
    core: &Core,
    newsletter: Option<&str>,
    people: &[(EmailAddress, Wishes)],
    evidence: &str,
) -> Result<(usize, usize, usize), AudienceError> {
    let newsletter = newsletters::find_offered(core, newsletter).await?;
    let mut candidates: Vec<Candidate<'_>> = Vec::with_capacity(people.len());
    let mut seen = HashSet::with_capacity(people.len());
    for (address, wishes) in people {
        let wanted = wishes::check(&core.config, &newsletter, wishes)?;
        let key = address.key();
        if seen.insert(key.clone()) {
            candidates.push(Candidate {
                address,
                hash: core.keys.address_hash(&key),
                key,
                wanted,
                text_only: wishes.text_only,
            });
        }
    }
    let twice = people.len() - candidates.len();
    let (new, known, refused) = retried!(store_all(core, &newsletter, &candidates, evidence))?;
    Ok((new, known + twice, refused))
}

struct Candidate<'a> {
    address: &'a EmailAddress,
    key: String,
    hash: String,
    wanted: Wanted,
    text_only: bool,
}

/// What is to be done with one candidate.
enum Verdict {
    /// Nobody knows the address.
    New,
    /// A known person without this newsletter.
    Join(i64),
    /// Waits for the confirmation link: subscriber and subscription.
    Settle(i64, i64),
    Known,
    Refused,
}

fn judge(known: Option<&Known>, is_barred: bool) -> Verdict {
    match known {
        _ if is_barred => Verdict::Refused,
        None => Verdict::New,
        Some(known) => match (known.state.as_deref(), known.subscription_id) {
            (None, _) | (_, None) => Verdict::Join(known.id),
            (Some("active" | "paused"), _) => Verdict::Known,
            (Some("pending"), Some(id)) if known.left_at.is_none() => Verdict::Settle(known.id, id),
            _ => Verdict::Refused,
        },
    }
}

async fn store_all(
    core: &Core,
    newsletter: &Newsletter,
    candidates: &[Candidate<'_>],
    evidence: &str,
) -> Result<(usize, usize, usize), AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let keys: Vec<String> = candidates.iter().map(|c| c.key.clone()).collect();
    let hashes: Vec<String> = candidates.iter().map(|c| c.hash.clone()).collect();
    let known = store::list_known(&mut tx, newsletter.id, &keys).await?;
    let mut barred: HashSet<String> = store::list_erased(&mut tx, &hashes)
        .await?
        .into_iter()
        .collect();
    barred.extend(delivery::store::list_suppressed(&mut tx, &hashes).await?);

    let (mut joining, mut fresh) = (Vec::new(), Vec::new());
    let (mut known_count, mut refused, mut settled) = (0, 0, Vec::new());
    for (at, candidate) in candidates.iter().enumerate() {
        match judge(known.get(&candidate.key), barred.contains(&candidate.hash)) {
            Verdict::New => fresh.push(at),
            Verdict::Join(subscriber_id) => joining.push((subscriber_id, at)),
            Verdict::Settle(subscriber_id, id) => settled.push((subscriber_id, id)),
            Verdict::Known => known_count += 1,
            Verdict::Refused => refused += 1,
        }
    }
    let zones: Vec<_> = fresh
        .iter()
        .map(|at| candidates[*at].wanted.time_zone())
        .collect();
    let persons: Vec<BulkPerson<'_>> = fresh
        .iter()
        .zip(&zones)
        .map(|(at, time_zone)| {
            let candidate = &candidates[*at];
            BulkPerson {
                uid: core.clock.uuid_v4(),
                address: candidate.address,
                address_key: &candidate.key,
                address_hash: &candidate.hash,
                provider: delivery::provider_of(candidate.address.domain()),
                languages: candidate.wanted.choice.languages(),
                time_zone,
            }
        })
        .collect();
    let inserted: HashMap<String, i64> = store::insert_people(&mut tx, &persons, now)
        .await?
        .into_iter()
        .map(|(id, key)| (key, id))
        .collect();
    for at in fresh {
        match inserted.get(&candidates[at].key) {
            Some(id) => joining.push((*id, at)),
            // Signed up by the form at this very moment.
            None => known_count += 1,
        }
    }

    let head = newsroom::store::get_head_in(&mut tx).await?;
    let mut rows: HashMap<&Wanted, (i64, i64)> = HashMap::new();
    let mut subscriptions = Vec::with_capacity(joining.len());
    let mut added: Vec<i64> = Vec::with_capacity(joining.len() + settled.len());
    for (subscriber_id, at) in joining {
        let Candidate {
            wanted, text_only, ..
        } = &candidates[at];
        let (selection_id, slot_id) = if let Some(found) = rows.get(wanted) {
            *found
        } else {
            let zone = wanted.time_zone();
            let slot_id = store::ensure_slot(
                &mut tx,
                newsletter.id,
                &wanted.cadence,
                &zone,
                wanted.minute,
                now,
            )
            .await?;
            let uid = core.clock.uuid_v4();
            let selection_id =
                store::ensure_selection(&mut tx, newsletter.id, &uid, &wanted.choice).await?;
            rows.insert(wanted, (selection_id, slot_id));
            (selection_id, slot_id)
        };
        subscriptions.push(BulkSubscription {
            uid: core.clock.uuid_v4(),
            subscriber_id,
            selection_id,
            slot_id,
            text_only: *text_only,
        });
        added.push(subscriber_id);
    }
    store::insert_subscriptions(&mut tx, newsletter.id, &subscriptions, head, now).await?;
    let agreed: HashSet<i64> = added
        .iter()
        .copied()
        .chain(settled.iter().map(|(id, _)| *id))
        .collect();
    for person in known.values() {
        if person.subscriber_state == "pending" && agreed.contains(&person.id) {
            store::activate_subscriber(&mut tx, person.id, now).await?;
        }
    }
    for (subscriber_id, subscription_id) in settled {
        store::activate_subscription(&mut tx, subscription_id, head, now).await?;
        added.push(subscriber_id);
    }
    let evidence = format!("{}; {evidence}", newsletter.slug);
    store::insert_added(&mut tx, &added, &evidence, now).await?;
    tx.commit().await?;
    Ok((added.len(), known_count, refused))
}
