//! Opening runs: each due slot freezes the end of its window and moves on, in one transaction.

use super::DigestError;
use super::schedule::{Decision, decide, decide_immediate};
use super::store::{self, NewRun};
use crate::audience::cadence::{Cadence, due_instant};
use crate::audience::store::{
    Slot, get_newsletter, list_due_slots, list_slots, lock_slot, update_slot_next,
};
use crate::base::time::Timestamp;
use crate::db::{Tx, is_retryable};
use crate::newsroom;
use crate::newsroom::store::{get_head_in, is_anything_scheduled};
use crate::work::Core;

/// How often a transaction that lost a race is tried again.
pub(super) const TRIES: usize = 8;

/// What became of one slot.
enum Opened {
    /// So many runs were opened or skipped.
    Runs(usize),
    /// Something is still scheduled at or before its due instant.
    Waits,
}

/// Slots in one transaction.
const CHUNK: usize = 200;

/// Opens a run for every slot that is due; moves the slots on. Returns how many were opened or skipped.
///
/// A run waits until whatever is scheduled at or before its due instant is released, so this releases first where it must.
pub async fn open_runs(core: &Core) -> Result<usize, DigestError> {
    let now = core.clock.now();
    end_waits(core, now).await;
    let due = list_due_slots(&core.db, now).await?;
    let (mut count, waiting) = open_slots(core, &due, now).await?;
    if waiting.is_empty() {
        return Ok(count);
    }
    while newsroom::release_due(core).await? > 0 {}
    let (more, waiting) = open_slots(core, &waiting, now).await?;
    count += more;
    for slot_id in waiting {
        tracing::warn!(
            slot_id,
            "a run waits: an article scheduled before it is not released"
        );
    }
    Ok(count)
}

/// Ends the waits for promised texts whose time is over, so that the windows opened now hold what was waited for. Not while a run
/// is being planned: its texts would take numbers beyond the end of its window, and come a day later.
async fn end_waits(core: &Core, now: Timestamp) {
    let ended = async {
        if store::list_open_runs(&core.db, now, false)
            .await?
            .is_empty()
        {
            while newsroom::end_waits(core).await? > 0 {}
        }
        Ok::<_, DigestError>(())
    };
    if let Err(error) = ended.await {
        tracing::error!(%error, "waits for promised texts could not be ended");
    }
}

/// Opens those slots, many in one transaction; returns how many runs that gave, and which slots wait.
async fn open_slots(
    core: &Core,
    slots: &[i64],
    now: Timestamp,
) -> Result<(usize, Vec<i64>), DigestError> {
    // Locked by row, as everywhere.
    let mut sorted = slots.to_vec();
    sorted.sort_unstable();
    let (mut count, mut waiting) = (0, Vec::new());
    for chunk in sorted.chunks(CHUNK) {
        let (runs, wait) = open_chunk(core, chunk, now).await?;
        count += runs;
        waiting.extend(wait);
    }
    Ok((count, waiting))
}

async fn open_chunk(
    core: &Core,
    slots: &[i64],
    now: Timestamp,
) -> Result<(usize, Vec<i64>), DigestError> {
    for attempt in 1.. {
        let mut tx = core.db.begin().await?;
        let done = match open_chunk_in(core, &mut tx, slots, now).await {
            Ok(done) => tx.commit().await.map(|()| done).map_err(DigestError::from),
            Err(error) => {
                // One that is merely dropped holds the slots a moment longer, and the next try would pass them over as another's.
                if let Err(lost) = tx.rollback().await {
                    tracing::warn!(error = %lost, "a transaction could not be taken back; the database does it");
                }
                Err(error)
            }
        };
        match done {
            Err(DigestError::Database(e)) if is_retryable(&e) && attempt < TRIES => {}
            other => return other,
        }
    }
    unreachable!("the loop returns")
}

async fn open_chunk_in(
    core: &Core,
    tx: &mut Tx,
    slots: &[i64],
    now: Timestamp,
) -> Result<(usize, Vec<i64>), DigestError> {
    let (mut count, mut waiting) = (0, Vec::new());
    for slot_id in slots {
        match open_slot_in(core, tx, *slot_id, now).await? {
            Opened::Runs(runs) => count += runs,
            Opened::Waits => waiting.push(*slot_id),
        }
    }
    Ok((count, waiting))
}

async fn open_slot_in(
    core: &Core,
    tx: &mut Tx,
    slot_id: i64,
    now: Timestamp,
) -> Result<Opened, DigestError> {
    let Some(slot) = lock_slot(tx, slot_id).await? else {
        return Ok(Opened::Runs(0));
    };
    if slot.next_due_at > now {
        return Ok(Opened::Runs(0));
    }
    let late_until = get_newsletter(&core.db, slot.newsletter_id)
        .await?
        .late_until_hours;
    let (decision, head) = decide_in(tx, &slot, late_until, now, 0).await?;
    // Looked at before anything is written: the transaction goes on to other slots.
    for opening in decision.openings.iter().filter(|o| !o.is_missed) {
        if is_anything_scheduled(tx, opening.due_at).await? {
            return Ok(Opened::Waits);
        }
    }
    let mut runs = 0;
    for opening in &decision.openings {
        let run = NewRun {
            slot_id,
            due_at: opening.due_at,
            local_date: opening.local_date,
            to_no: head,
            expires_at: opening.expires_at,
            is_skipped: opening.is_missed,
            opened_at: now,
        };
        if store::insert_run(tx, &run).await?.is_some() {
            runs += 1;
            if opening.is_missed {
                tracing::warn!(slot_id, due_at = %opening.due_at, "a run was missed; its stories stay for the next one");
            }
        }
    }
    update_slot_next(tx, slot_id, decision.next_date, decision.next_due_at).await?;
    Ok(Opened::Runs(runs))
}

/// What a locked slot does now, and the head of the log, after so many numbers more as are `foreseen`.
pub(super) async fn decide_in(
    tx: &mut Tx,
    slot: &Slot,
    late_until: i64,
    now: Timestamp,
    foreseen: i64,
) -> Result<(Decision, i64), DigestError> {
    let head = get_head_in(tx).await? + foreseen;
    let decision = if matches!(slot.cadence, Cadence::Immediate) {
        let last = store::get_last_to_no(tx, slot.id).await?;
        decide_immediate(slot, late_until, now, head, last)
    } else {
        decide(slot, late_until, now)
    };
    Ok((decision, head))
}

/// Recomputes `next_due_at` of every slot from its date, minute and zone, each minute: a new tz database takes effect as soon as the
/// zones are read from it (which takes five minutes at most), also where the law moved an hour to an earlier instant than the one
/// that is stored. A slot that somebody is opening is left to the next time.
pub async fn recompute_slots(core: &Core) -> Result<(), DigestError> {
    let is_stale = |slot: &Slot| {
        !matches!(slot.cadence, Cadence::Immediate)
            && slot.next_due_at != due_instant(slot.next_date, &slot.time_zone, slot.minute)
    };
    for slot in list_slots(&core.db).await? {
        if !is_stale(&slot) {
            continue;
        }
        let mut tx = core.db.begin().await?;
        // Read again under the lock: it may have moved on meanwhile.
        if let Some(slot) = lock_slot(&mut tx, slot.id).await?.filter(is_stale) {
            let due_at = due_instant(slot.next_date, &slot.time_zone, slot.minute);
            update_slot_next(&mut tx, slot.id, slot.next_date, due_at).await?;
            tx.commit().await?;
            tracing::info!(slot_id = slot.id, due_at = %due_at, "a slot's hour was recomputed");
        }
    }
    Ok(())
}
