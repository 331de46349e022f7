//! The operator adds people who agreed elsewhere.

use std::collections::HashSet;

use super::admit::{Candidate, Outcome, admit};
use super::import::State;
use super::{AudienceError, Wishes, newsletters, retried, wishes};
use crate::base::address::EmailAddress;
use crate::work::Core;

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
    let mut candidates = Vec::with_capacity(people.len());
    let mut seen = HashSet::with_capacity(people.len());
    for (address, wishes) in people {
        let wanted = wishes::check(&core.config, &newsletter, wishes)?;
        let key = address.key();
        if seen.insert(key.clone()) {
            candidates.push(Candidate {
                address: address.clone(),
                hash: core.keys.address_hash(&key),
                key,
                state: State::Active,
                wanted,
                text_only: wishes.text_only,
                paused_until: None,
                left_at: None,
                evidence: evidence.to_owned(),
            });
        }
    }
    let twice = people.len() - candidates.len();
    let outcomes = retried!(admit(core, &newsletter, &candidates, "operator"))?;
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|o| wanted(o)).count();
    Ok((
        count(|o| matches!(o, Outcome::New)),
        count(|o| matches!(o, Outcome::Known)) + twice,
        count(|o| matches!(o, Outcome::Refused(_))),
    ))
}
