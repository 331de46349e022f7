//! A plan that is taken back: what the scheduler would do at the clock's instant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bundle::rule_date;
use super::foresight::Foresight;
use super::gather::{Content, Divided, Gathered};
use super::open::decide_in;
use super::preview::compile_only;
use super::store::{self, OpenRun};
use super::tally::{Tally, Told};
use super::{DigestError, RunReport};
use crate::audience::resume_paused_in;
use crate::audience::store::{
    Due, advance, get_newsletter, list_due_slots, lock_chunk, lock_slot, update_slot_next,
};
use crate::db::Tx;
use crate::theme::Theme;
use crate::work::Core;

/// What the scheduler's tick would plan now: texts whose hour has come count as released and pauses that are over have ended. All of it
/// happens in one transaction that is taken back; a run that is held is told as `held`.
pub async fn plan_dry(core: &Core, theme: &Theme) -> Result<Vec<RunReport>, DigestError> {
    let now = core.clock.now();
    let foreseen = Foresight::new(core).await?;
    let held: BTreeSet<i64> = store::list_held_runs(&core.db)
        .await?
        .into_iter()
        .map(|run| run.id)
        .collect();
    let mut runs: Vec<(OpenRun, bool)> = store::list_open_runs(&core.db, now, true)
        .await?
        .into_iter()
        .map(|run| {
            let is_held = held.contains(&run.id);
            (run, is_held)
        })
        .collect();
    let mut tx = core.db.begin().await?;
    resume_paused_in(core, &mut tx).await?;
    for slot_id in list_due_slots(&core.db, now).await? {
        let Some(slot) = lock_slot(&mut tx, slot_id).await? else {
            continue;
        };
        let newsletter = get_newsletter(&core.db, slot.newsletter_id).await?;
        let (decision, head) = decide_in(
            &mut tx,
            &slot,
            newsletter.late_until_hours,
            now,
            foreseen.count(),
        )
        .await?;
        for opening in decision.openings.iter().filter(|o| !o.is_missed) {
            let run = OpenRun {
                id: 0,
                slot_id,
                due_at: opening.due_at,
                local_date: opening.local_date,
                to_no: head,
                expires_at: opening.expires_at,
                opened_at: now,
            };
            let is_held = store::is_date_held(&core.db, newsletter.id, opening.local_date).await?;
            runs.push((run, is_held));
        }
        update_slot_next(&mut tx, slot_id, decision.next_date, decision.next_due_at).await?;
    }
    let mut reports = Vec::new();
    for (run, is_held) in &runs {
        let mut report = plan_one_dry(core, theme, &mut tx, run, &foreseen).await?;
        if *is_held {
            "held".clone_into(&mut report.state);
        }
        reports.push(report);
    }
    tx.rollback().await?;
    Ok(reports)
}

async fn plan_one_dry(
    core: &Core,
    theme: &Theme,
    tx: &mut Tx,
    run: &OpenRun,
    foreseen: &Foresight,
) -> Result<RunReport, DigestError> {
    let (slot, mut gathered) = Gathered::of_run(core, run).await?;
    gathered.foresee(foreseen.clone());
    let (mut tally, date) = (Tally::default(), rule_date(run, &slot));
    let (mut mailed_count, mut empty_count) = (0, 0);
    let mut met: BTreeMap<Content, i64> = BTreeMap::new();
    let mut subjects: Vec<Arc<str>> = Vec::new();
    let due = Due {
        slots: &[slot.id],
        to_no: run.to_no,
        local_date: &date,
        is_scan: false,
    };
    loop {
        let members = lock_chunk(tx, &due, (0, i64::MAX), 5_000).await?;
        if members.is_empty() {
            break;
        }
        let ids: Vec<i64> = members.iter().map(|member| member.id).collect();
        let Divided { mailed, empty, .. } = gathered.divide(core, tx, members).await?;
        empty_count += empty.len() as i64;
        for (content, people) in mailed {
            let number = if let Some(known) = met.get(&content) {
                *known
            } else {
                let compiled =
                    compile_only(core, theme, &gathered, &content, run.local_date, run.due_at)
                        .await;
                subjects.push(match compiled {
                    Ok(compiled) => compiled
                        .map_or_else(String::new, |c| c.letter.subject)
                        .into(),
                    // The real plan sets it aside with an alarm, and its people keep their place.
                    Err(error) => format!("✗ would be set aside: {error}").into(),
                });
                met.insert(content, subjects.len() as i64 - 1);
                subjects.len() as i64 - 1
            };
            if !subjects[number as usize].starts_with('✗') {
                mailed_count += people.len() as i64;
            }
            for member in &people {
                tally.add(number, member);
            }
        }
        advance(tx, &ids, run.to_no, None).await?;
    }
    let told: BTreeMap<i64, Told<'_>> = met
        .iter()
        .map(|(content, number)| {
            let subject = &subjects[*number as usize];
            (*number, Told { subject, content })
        })
        .collect();
    Ok(tally.report(
        (run, &slot),
        "open",
        (mailed_count, empty_count),
        |number| told.get(&number).copied(),
        |selection| {
            let known = gathered.selection(selection);
            known.map_or_else(
                || Arc::from([]),
                |selection| selection.languages.as_slice().into(),
            )
        },
    ))
}
