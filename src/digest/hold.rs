//! The operator's word about mail that is under way: hold it, let it go, cancel it.
//!
//! What is planned already is held or cancelled by its letter: once that is closed no further dot is granted, whoever sends, and
//! the rows follow in chunks. What is not planned yet is held by its run or its date: nobody's place in the log moves meanwhile, so
//! the stories of a run whose time ends while it is held stay for the next one. A cancelled issue is not sent again to those
//! whom it has not reached; that is what cancelling means, and `verify` names them.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::DigestError;
use super::open::TRIES;
use super::store::{self, HeldRun, StoredIssue};
use crate::audience::Newsletter;
use crate::base::time::Timestamp;
use crate::db::is_retryable;
use crate::delivery::Sums;
use crate::delivery::store::{
    get_sums, hold_deliveries, lock_letter, release_deliveries, stop_deliveries, stop_letter,
    update_letter_state,
};
use crate::work::Core;

/// Rows in one transaction.
const CHUNK: i64 = 5_000;
/// Letters of a uid that are enough to name it.
const PREFIX: usize = 8;

/// What is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Halt {
    /// An issue by its uid, or the first eight letters of it or more.
    Issue(String),
    /// Everything a run planned, and what it has still to plan.
    Run(i64),
}

/// An issue after the operator's word.
#[derive(Clone, Debug)]
pub struct Halted {
    /// Uid.
    pub uid: String,
    /// Running number in its newsletter.
    pub number: i64,
    /// Its date.
    pub local_date: Date,
    /// Subject of its latest revision.
    pub subject: String,
    /// Rows this call moved.
    pub moved: u64,
    /// What became of all its rows so far, over every revision.
    pub sums: Sums,
}

/// Holds what is meant: whatever has no dot yet waits.
pub async fn hold(core: &Core, what: &Halt) -> Result<Vec<Halted>, DigestError> {
    if let Halt::Run(run_id) = what {
        hold_run(core, *run_id, Some(core.clock.now())).await?;
    }
    each(core, what, Word::Hold).await
}

/// Lets go what is held: rows whose time is over expire, the others are queued.
pub async fn release(core: &Core, what: &Halt) -> Result<Vec<Halted>, DigestError> {
    if let Halt::Run(run_id) = what {
        hold_run(core, *run_id, None).await?;
    }
    let done = each(core, what, Word::Release).await?;
    core.bells.queued.notify_waiters();
    Ok(done)
}

/// Cancels what is meant: whoever has not been sent it will not get it, and a run plans nobody else, whose stories so stay for
/// the next run.
pub async fn cancel(core: &Core, what: &Halt) -> Result<Vec<Halted>, DigestError> {
    if let Halt::Run(run_id) = what {
        let mut tx = core.db.begin().await?;
        store::close_runs(&mut tx, &[*run_id], "cut", core.clock.now()).await?;
        tx.commit().await?;
    }
    each(core, what, Word::Cancel).await
}

/// Holds what a newsletter would plan on a local date, whatever the zone; false if it is held already.
pub async fn hold_date(
    core: &Core,
    newsletter: &Newsletter,
    date: Date,
) -> Result<bool, DigestError> {
    let mut tx = core.db.begin().await?;
    let is_new = store::insert_hold(&mut tx, newsletter.id, date, core.clock.now()).await?;
    tx.commit().await?;
    Ok(is_new)
}

/// Lets a date go; false if it was not held. Its runs are planned by the next tick.
pub async fn release_date(
    core: &Core,
    newsletter: &Newsletter,
    date: Date,
) -> Result<bool, DigestError> {
    let mut tx = core.db.begin().await?;
    let was_held = store::delete_hold(&mut tx, newsletter.id, date).await?;
    tx.commit().await?;
    Ok(was_held)
}

/// Open runs that are held, and held dates from today on, as (slug of the newsletter, date).
pub async fn list_held(core: &Core) -> Result<(Vec<HeldRun>, Vec<(String, String)>), DigestError> {
    let today = core.clock.now().date_in(&core.config.newsroom.zone());
    Ok((
        store::list_held_runs(&core.db).await?,
        store::list_held_dates(&core.db, today).await?,
    ))
}

/// Uid and number of each issue by the row of its letter.
pub async fn list_names(core: &Core) -> Result<BTreeMap<i64, (String, i64)>, DigestError> {
    Ok(store::list_issue_names(&core.db)
        .await?
        .into_iter()
        .map(|(letter_id, uid, number)| (letter_id, (uid, number)))
        .collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Hold,
    Release,
    Cancel,
}

async fn hold_run(core: &Core, run_id: i64, at: Option<Timestamp>) -> Result<(), DigestError> {
    let mut tx = core.db.begin().await?;
    store::update_run_hold(&mut tx, run_id, at).await?;
    tx.commit().await?;
    Ok(())
}

async fn each(core: &Core, what: &Halt, word: Word) -> Result<Vec<Halted>, DigestError> {
    let mut done = Vec::new();
    for revisions in find(core, what).await? {
        let Some(latest) = revisions.last() else {
            continue;
        };
        let (mut moved, mut sums) = (0, Sums::default());
        for revision in &revisions {
            moved += apply(core, revision.letter_id, word).await?;
            sums.add(&get_sums(&core.db, revision.letter_id).await?);
        }
        done.push(Halted {
            uid: latest.uid.clone(),
            number: latest.number,
            local_date: latest.local_date,
            subject: latest.subject.clone(),
            moved,
            sums,
        });
    }
    Ok(done)
}

/// The revisions of the one issue of a name, oldest first.
pub(super) async fn find_one(core: &Core, name: &str) -> Result<Vec<StoredIssue>, DigestError> {
    Ok(find(core, &Halt::Issue(name.to_owned()))
        .await?
        .pop()
        .unwrap_or_default())
}

/// The revisions of each issue that is meant.
async fn find(core: &Core, what: &Halt) -> Result<Vec<Vec<StoredIssue>>, DigestError> {
    let found = match what {
        Halt::Run(run_id) => {
            if store::find_run_state(&core.db, *run_id).await?.is_none() {
                return Err(DigestError::Invalid(format!(
                    "there is no run {run_id}; `jarshy digest plan --json` and `jarshy explain` name them"
                )));
            }
            store::list_issues_of_run(&core.db, *run_id).await?
        }
        Halt::Issue(name) => {
            let name = name.to_ascii_lowercase();
            let is_name =
                name.len() >= PREFIX && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
            if !is_name {
                return Err(DigestError::Invalid(format!(
                    "{name:?} names no issue; give its uid or at least {PREFIX} letters of it, as `jarshy verify` prints it"
                )));
            }
            let found = store::list_issues_like(&core.db, &name).await?;
            if found.is_empty() {
                return Err(DigestError::Invalid(format!(
                    "there is no issue {name}; `jarshy verify` prints those that there are"
                )));
            }
            found
        }
    };
    let mut issues: Vec<Vec<StoredIssue>> = Vec::new();
    for revision in found {
        match issues
            .last_mut()
            .filter(|issue| issue[0].uid == revision.uid)
        {
            Some(issue) => issue.push(revision),
            None => issues.push(vec![revision]),
        }
    }
    if matches!(what, Halt::Issue(_)) && issues.len() > 1 {
        return Err(DigestError::Invalid(format!(
            "that is the beginning of {} issues; give more letters of the uid",
            issues.len()
        )));
    }
    Ok(issues)
}

/// Closes or opens one letter, then moves its rows; returns how many.
async fn apply(core: &Core, letter_id: i64, word: Word) -> Result<u64, DigestError> {
    let mut lost = 0;
    loop {
        match close(core, letter_id, word).await {
            Err(error) if is_retryable(&error) && lost < TRIES => lost += 1,
            Err(error) => return Err(error.into()),
            Ok(Some(sentence)) => return Err(DigestError::Invalid(sentence)),
            Ok(None) => break,
        }
    }
    let (mut moved, mut lost) = (0, 0);
    loop {
        match move_chunk(core, letter_id, word).await {
            Ok(rows) if rows < CHUNK as u64 => return Ok(moved + rows),
            Ok(rows) => (moved, lost) = (moved + rows, 0),
            Err(error) if is_retryable(&error) && lost < TRIES => lost += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The letter's own state; a sentence if it does not allow the word.
async fn close(core: &Core, letter_id: i64, word: Word) -> crate::db::Result<Option<String>> {
    let mut tx = core.db.begin().await?;
    let (state, _) = lock_letter(&mut tx, letter_id).await?;
    match (word, state.as_str()) {
        (Word::Hold, "open") => update_letter_state(&mut tx, letter_id, "paused").await?,
        (Word::Release, "paused") => update_letter_state(&mut tx, letter_id, "open").await?,
        (Word::Hold | Word::Release, "cancelled") => {
            tx.rollback().await?;
            return Ok(Some(
                "that issue is cancelled; its stories are not mailed again to those who were to get it"
                    .to_owned(),
            ));
        }
        (Word::Cancel, "open" | "paused" | "replaced") => stop_letter(&mut tx, letter_id).await?,
        _ => {}
    }
    tx.commit().await?;
    Ok(None)
}

async fn move_chunk(core: &Core, letter_id: i64, word: Word) -> crate::db::Result<u64> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let rows = match word {
        Word::Hold => hold_deliveries(&mut tx, letter_id, CHUNK).await?,
        Word::Release => release_deliveries(&mut tx, letter_id, now, CHUNK).await?,
        Word::Cancel => stop_deliveries(&mut tx, letter_id, now, CHUNK).await?,
    };
    tx.commit().await?;
    Ok(rows)
}
