//! Many people at once: what becomes of each, by what is known here and by where they stood elsewhere.
//!
//! Who left, was erased or must not be mailed is never brought back (FAILURES T25), and a known person keeps their wishes. Who
//! left elsewhere has left here too, unless they confirmed here by their own hand. [`judge`] is the rule; [`admit`] acts on it
//! in one transaction, [`Foreseen`] says what it would do and writes nothing.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::import::State;
use super::store::{BulkPerson, BulkSubscription, Known, NewConsent};
use super::wishes::Wanted;
use super::{AudienceError, Newsletter, store};
use crate::base::address::EmailAddress;
use crate::base::time::Timestamp;
use crate::db::Tx;
use crate::work::Core;
use crate::{delivery, newsroom};

/// A person as the operator brings them.
pub(super) struct Candidate {
    pub address: EmailAddress,
    /// The address's key and its keyed hash.
    pub key: String,
    pub hash: String,
    pub state: State,
    pub wanted: Wanted,
    pub text_only: bool,
    /// First local date with mail, if they pause.
    pub paused_until: Option<String>,
    /// When they left elsewhere.
    pub left_at: Option<Timestamp>,
    pub evidence: String,
}

/// Why somebody is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// Left this newsletter.
    Left,
    /// Had themselves erased.
    Erased,
    /// The address must not be mailed.
    Suppressed,
    /// Never confirmed elsewhere.
    Unconfirmed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "the person has left; they can come back by the form",
            Self::Erased => "the person had themselves erased; they can come back by the form",
            Self::Suppressed => {
                "the address must not be mailed: it bounced, complained or was blocked"
            }
            Self::Unconfirmed => "the person never confirmed there; send them to the form",
        })
    }
}

/// What became of somebody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Reads from now on.
    New,
    /// Known already, nothing changed.
    Known,
    /// Is kept as somebody who left.
    Left,
    /// The address is kept, as a hash, as one that must not be mailed.
    Suppressed,
    /// Not taken.
    Refused(Refusal),
}

/// Where an address stands here, as far as one newsletter goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Here {
    Nobody,
    /// A person without this newsletter.
    Elsewhere,
    /// Asked and has not pressed the button.
    Waiting,
    /// Reads; `by_own_hand` if they confirmed it themselves.
    Reads {
        by_own_hand: bool,
    },
    Left,
}

/// Why an address is barred, whatever newsletter it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bar {
    Erased,
    Suppressed,
}

/// The rule.
fn judge(here: Here, bar: Option<Bar>, state: State) -> Outcome {
    match state {
        State::Unconfirmed => Outcome::Refused(Refusal::Unconfirmed),
        State::Active => match (bar, here) {
            (Some(Bar::Erased), _) => Outcome::Refused(Refusal::Erased),
            (Some(Bar::Suppressed), _) => Outcome::Refused(Refusal::Suppressed),
            (None, Here::Left) => Outcome::Refused(Refusal::Left),
            (None, Here::Reads { .. }) => Outcome::Known,
            (None, Here::Nobody | Here::Elsewhere | Here::Waiting) => Outcome::New,
        },
        State::Left => match (bar, here) {
            (None, Here::Nobody | Here::Elsewhere) | (_, Here::Reads { by_own_hand: false }) => {
                Outcome::Left
            }
            // Nothing is stored of an address that is barred anyway, least of all the address; and asking here is newer than
            // leaving there.
            _ => Outcome::Known,
        },
        State::Bounced => match (bar, here) {
            // The button was in a mail that arrived.
            (Some(Bar::Suppressed), _) | (_, Here::Reads { by_own_hand: true }) => Outcome::Known,
            _ => Outcome::Suppressed,
        },
        State::Blocked | State::Complained => match bar {
            Some(Bar::Suppressed) => Outcome::Known,
            _ => Outcome::Suppressed,
        },
    }
}

/// Where the address stands after that outcome.
fn after(here: Here, bar: Option<Bar>, state: State, outcome: Outcome) -> (Here, Option<Bar>) {
    match outcome {
        Outcome::New => (Here::Reads { by_own_hand: false }, bar),
        Outcome::Left => (Here::Left, bar),
        Outcome::Suppressed => {
            let here = match here {
                Here::Reads { .. } if state != State::Bounced => Here::Left,
                other => other,
            };
            (here, Some(Bar::Suppressed))
        }
        Outcome::Known | Outcome::Refused(_) => (here, bar),
    }
}

fn stand(known: Option<&Known>) -> Here {
    let Some(known) = known else {
        return Here::Nobody;
    };
    match known.state.as_deref() {
        None => Here::Elsewhere,
        Some("active" | "paused") => Here::Reads {
            by_own_hand: known.is_own_hand,
        },
        Some("pending") if known.left_at.is_none() => Here::Waiting,
        Some(_) => Here::Left,
    }
}

/// What is known of the candidates, under lock.
struct Knowledge {
    known: HashMap<String, Known>,
    erased: HashSet<String>,
    suppressed: HashSet<String>,
}

impl Knowledge {
    async fn gather(
        tx: &mut Tx,
        newsletter: &Newsletter,
        candidates: &[Candidate],
    ) -> Result<Self, AudienceError> {
        let keys: Vec<String> = candidates.iter().map(|c| c.key.clone()).collect();
        let hashes: Vec<String> = candidates.iter().map(|c| c.hash.clone()).collect();
        Ok(Self {
            known: store::list_known(tx, newsletter, &keys).await?,
            erased: store::list_erased(tx, &hashes).await?.into_iter().collect(),
            suppressed: delivery::store::list_suppressed(tx, &hashes)
                .await?
                .into_iter()
                .collect(),
        })
    }

    fn of(&self, candidate: &Candidate) -> (Here, Option<Bar>) {
        let bar = if self.erased.contains(&candidate.hash) {
            Some(Bar::Erased)
        } else {
            self.suppressed
                .contains(&candidate.hash)
                .then_some(Bar::Suppressed)
        };
        (stand(self.known.get(&candidate.key)), bar)
    }
}

/// Takes people in, all in one transaction; no two of them may share a key. Returns what became of each.
pub(super) async fn admit(
    core: &Core,
    newsletter: &Newsletter,
    candidates: &[Candidate],
    method: &'static str,
) -> Result<Vec<Outcome>, AudienceError> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let knowledge = Knowledge::gather(&mut tx, newsletter, candidates).await?;
    let mut outcomes: Vec<Outcome> = candidates
        .iter()
        .map(|candidate| {
            let (here, bar) = knowledge.of(candidate);
            judge(here, bar, candidate.state)
        })
        .collect();

    let is_stranger = |at: &usize| !knowledge.known.contains_key(&candidates[*at].key);
    let fresh: Vec<usize> = (0..candidates.len())
        .filter(|at| matches!(outcomes[*at], Outcome::New | Outcome::Left) && is_stranger(at))
        .collect();
    let inserted = insert_strangers(core, &mut tx, candidates, &fresh, now).await?;

    let head = newsroom::store::get_head_in(&mut tx).await?;
    let mut wishes: HashMap<&Wanted, (i64, i64)> = HashMap::new();
    let mut subscriptions = Vec::with_capacity(candidates.len());
    let mut consents = Vec::with_capacity(candidates.len());
    for (at, candidate) in candidates.iter().enumerate() {
        let known = knowledge.known.get(&candidate.key);
        let evidence = format!("{}; {}", newsletter.slug, candidate.evidence);
        if outcomes[at] == Outcome::Suppressed {
            suppress(
                core,
                &mut tx,
                newsletter,
                candidate,
                known,
                &mut consents,
                &evidence,
            )
            .await?;
            continue;
        }
        let is_new = match outcomes[at] {
            Outcome::New => true,
            Outcome::Left => false,
            _ => continue,
        };
        let Some(subscriber_id) = known
            .map(|known| known.id)
            .or_else(|| inserted.get(&candidate.key).copied())
        else {
            // Signed up by the form at this very moment.
            outcomes[at] = Outcome::Known;
            continue;
        };
        match known.and_then(|known| Some((known, known.subscription_id?))) {
            Some((_, id)) if is_new => {
                store::activate_subscription(&mut tx, id, head, now).await?;
            }
            Some((known, _)) => {
                leave(core, &mut tx, known, candidate.left_at.unwrap_or(now)).await?;
            }
            None => {
                let (selection_id, slot_id) = if let Some(found) = wishes.get(&candidate.wanted) {
                    *found
                } else {
                    let found = ensure(core, &mut tx, newsletter, &candidate.wanted, now).await?;
                    wishes.insert(&candidate.wanted, found);
                    found
                };
                subscriptions.push(BulkSubscription {
                    uid: core.clock.uuid_v4(),
                    subscriber_id,
                    selection_id,
                    slot_id,
                    text_only: candidate.text_only,
                    paused_until: candidate.paused_until.clone().filter(|_| is_new),
                    left_at: (!is_new).then(|| candidate.left_at.unwrap_or(now)),
                });
            }
        }
        // They agreed elsewhere, so the link that waits for them is not needed; who left elsewhere never pressed it.
        if is_new && known.is_some_and(|known| known.subscriber_state == "pending") {
            store::activate_subscriber(&mut tx, subscriber_id, now).await?;
        }
        consents.push(NewConsent {
            subscriber_id,
            action: if is_new { "added" } else { "left" },
            method,
            evidence,
        });
    }
    store::insert_subscriptions(&mut tx, newsletter.id, &subscriptions, head, now).await?;
    store::insert_consents(&mut tx, &consents, now).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Stores the people nobody knows; their rows by key.
async fn insert_strangers(
    core: &Core,
    tx: &mut Tx,
    candidates: &[Candidate],
    fresh: &[usize],
    now: Timestamp,
) -> Result<HashMap<String, i64>, AudienceError> {
    let zones: Vec<_> = fresh
        .iter()
        .map(|at| candidates[*at].wanted.time_zone())
        .collect();
    let people: Vec<BulkPerson<'_>> = fresh
        .iter()
        .zip(&zones)
        .map(|(at, time_zone)| {
            let candidate = &candidates[*at];
            BulkPerson {
                uid: core.clock.uuid_v4(),
                address: &candidate.address,
                address_key: &candidate.key,
                address_hash: &candidate.hash,
                provider: delivery::provider_of(&core.config, candidate.address.domain()),
                languages: candidate.wanted.choice.languages(),
                time_zone,
            }
        })
        .collect();
    Ok(store::insert_people(tx, &people, now)
        .await?
        .into_iter()
        .map(|(id, key)| (key, id))
        .collect())
}

/// Rows of selection and slot.
async fn ensure(
    core: &Core,
    tx: &mut Tx,
    newsletter: &Newsletter,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(i64, i64), AudienceError> {
    let zone = wanted.time_zone();
    let slot_id = store::ensure_slot(
        tx,
        newsletter.id,
        &wanted.cadence,
        &zone,
        wanted.minute,
        now,
    )
    .await?;
    let uid = core.clock.uuid_v4();
    let selection_id = store::ensure_selection(tx, newsletter.id, &uid, &wanted.choice).await?;
    Ok((selection_id, slot_id))
}

/// Ends a known person's subscription, as leaving by a link does.
async fn leave(
    core: &Core,
    tx: &mut Tx,
    known: &Known,
    left_at: Timestamp,
) -> Result<(), AudienceError> {
    if let (Some(id), Some(uid)) = (known.subscription_id, &known.subscription_uid) {
        store::lock_subscription(tx, uid).await?;
        store::mark_left(tx, id, left_at).await?;
        delivery::store::cancel_recipient(tx, uid, core.clock.now()).await?;
    }
    Ok(())
}

/// Remembers that the address must not be mailed. Who complained or was blocked has left, too.
async fn suppress(
    core: &Core,
    tx: &mut Tx,
    newsletter: &Newsletter,
    candidate: &Candidate,
    known: Option<&Known>,
    consents: &mut Vec<NewConsent>,
    evidence: &str,
) -> Result<(), AudienceError> {
    let now = core.clock.now();
    let reason = match candidate.state {
        State::Complained => "complaint",
        State::Blocked => "manual",
        _ => "hard",
    };
    let is_reader = matches!(stand(known), Here::Reads { .. });
    if let Some(known) = known.filter(|_| is_reader && reason != "hard") {
        leave(core, tx, known, now).await?;
        consents.push(NewConsent {
            subscriber_id: known.id,
            action: "left",
            method: "import",
            evidence: evidence.to_owned(),
        });
    }
    let evidence = format!("{}; imported as {reason}", newsletter.slug);
    let id = known.map(|known| known.id);
    delivery::store::suppress(tx, &candidate.hash, id, reason, &evidence, now).await?;
    Ok(())
}

/// What [`admit`] would do with one list of people after another, remembered in 17 bytes a person: where each would stand.
#[derive(Default)]
pub(super) struct Foreseen {
    here: HashMap<u64, Here>,
    bars: HashMap<u64, Bar>,
}

impl Foreseen {
    /// What [`admit`] would return; nothing is written.
    pub(super) async fn admit(
        &mut self,
        core: &Core,
        newsletter: &Newsletter,
        candidates: &[Candidate],
    ) -> Result<Vec<Outcome>, AudienceError> {
        let mut tx = core.db.begin().await?;
        let knowledge = Knowledge::gather(&mut tx, newsletter, candidates).await?;
        tx.rollback().await?;
        Ok(candidates
            .iter()
            .map(|candidate| {
                // The first digits of a keyed hash are as good as random: of a million people two share them once in forty
                // million lists.
                let person = u64::from_str_radix(&candidate.hash[..16], 16).unwrap_or(0);
                let reader = person ^ (newsletter.id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let (here, bar) = knowledge.of(candidate);
                let here = self.here.get(&reader).copied().unwrap_or(here);
                let bar = self.bars.get(&person).copied().or(bar);
                let outcome = judge(here, bar, candidate.state);
                let (then, barred) = after(here, bar, candidate.state, outcome);
                if then != here {
                    self.here.insert(reader, then);
                }
                if let Some(barred) = barred.filter(|_| barred != bar) {
                    self.bars.insert(person, barred);
                }
                outcome
            })
            .collect())
    }
}

/// What becomes of somebody who stands in the same list once more, saying the same.
pub(super) const fn once_more(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Refused(_) => outcome,
        _ => Outcome::Known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 6] = [
        State::Active,
        State::Unconfirmed,
        State::Left,
        State::Bounced,
        State::Blocked,
        State::Complained,
    ];
    const HERE: [Here; 6] = [
        Here::Nobody,
        Here::Elsewhere,
        Here::Waiting,
        Here::Reads { by_own_hand: true },
        Here::Reads { by_own_hand: false },
        Here::Left,
    ];
    const BARS: [Option<Bar>; 3] = [None, Some(Bar::Erased), Some(Bar::Suppressed)];

    #[test]
    fn nobody_who_left_or_is_barred_is_ever_mailed() {
        for here in HERE {
            for bar in BARS {
                for state in STATES {
                    let outcome = judge(here, bar, state);
                    if outcome == Outcome::New {
                        assert_eq!((bar, state), (None, State::Active), "{here:?}");
                        assert_ne!(here, Here::Left);
                    }
                }
            }
        }
    }

    /// A list that is imported twice, or whose import is begun anew, changes nothing the second time.
    #[test]
    fn the_second_time_changes_nothing() {
        for here in HERE {
            for bar in BARS {
                for state in STATES {
                    let outcome = judge(here, bar, state);
                    let (then, barred) = after(here, bar, state, outcome);
                    assert_eq!(
                        judge(then, barred, state),
                        once_more(outcome),
                        "{here:?} {bar:?} {state:?}"
                    );
                    assert_eq!(
                        after(then, barred, state, once_more(outcome)),
                        (then, barred)
                    );
                }
            }
        }
    }

    /// Whichever row of a person comes first, nobody who left, bounced or complained in one of them is mailed.
    #[test]
    fn the_order_of_rows_does_not_bring_anyone_back() {
        for state in [
            State::Left,
            State::Bounced,
            State::Blocked,
            State::Complained,
        ] {
            for order in [[State::Active, state], [state, State::Active]] {
                let (mut here, mut bar) = (Here::Nobody, None);
                for state in order {
                    let outcome = judge(here, bar, state);
                    (here, bar) = after(here, bar, state, outcome);
                }
                assert!(here == Here::Left || bar.is_some(), "{order:?}");
            }
        }
    }
}
