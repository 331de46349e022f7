//! A withdrawal changes mail that is not yet sent.
//!
//! The log says what was withdrawn. Each issue that holds it, or names it in a correction, and can still be sent is superseded: its letter becomes `replaced`,
//! a revision of the issue with what is left gets a letter of its own, and the rows that wait without an intent move to it;
//! with nothing left the letter is `cancelled`. Rows whose dot may have been written keep their bytes. Every step can be
//! repeated: what is to be done is read from the database each time.

use super::DigestError;
use super::compile::{Material, compile};
use super::open::TRIES;
use super::order::arrange;
use super::store::{self, NewIssue, StoredIssue};
use crate::audience::store::{get_newsletter, mark_untold_of_letter};
use crate::db::is_retryable;
use crate::delivery::store::{
    cancel_deliveries, has_open_rows, insert_letter, lock_letter, repoint_deliveries,
    update_letter_state,
};
use crate::newsroom::store::{
    get_head, list_articles, list_log, list_sections, lock_live_articles,
};
use crate::newsroom::{Article, ArticleState, LogKind};
use crate::theme::Theme;
use crate::work::Core;
use crate::work::store::{advance_cursor, get_cursor};

/// The name of the cursor in the release log.
const CURSOR: &str = "digest.withdrawals";
/// Entries of the log read at once.
const PAGE: i64 = 2_000;
/// Rows moved in one transaction.
const CHUNK: i64 = 5_000;
/// Days for which rows that were left behind are looked for; no run waits longer.
const LEFT_BEHIND_DAYS: i64 = 4;

/// Follows the log: supersedes the letters that hold what was withdrawn, and moves rows that were left behind. Cheap when
/// nothing happened; call it each tick, and right after a withdrawal. Returns how many letters were superseded.
pub async fn follow_withdrawals(core: &Core, theme: &Theme) -> Result<usize, DigestError> {
    let head = get_head(&core.db).await?;
    let mut read_to = get_cursor(&core.db, CURSOR).await?;
    let mut superseded = 0;
    while read_to < head {
        let upto = head.min(read_to + PAGE);
        for entry in list_log(&core.db, read_to, upto).await? {
            let Some(article_id) = entry
                .article_id
                .filter(|_| entry.kind == LogKind::Withdrawn)
            else {
                continue;
            };
            for issue in store::list_live_issues_with(&core.db, article_id).await? {
                superseded += usize::from(supersede(core, theme, &issue).await?);
            }
        }
        let mut tx = core.db.begin().await?;
        advance_cursor(&mut tx, CURSOR, upto).await?;
        tx.commit().await?;
        read_to = upto;
    }
    let since = core.clock.now().plus_secs(-LEFT_BEHIND_DAYS * 86_400);
    for (from, to) in store::list_left_behind(&core.db, since).await? {
        move_rows(core, from, Some(to)).await?;
    }
    Ok(superseded)
}

/// Supersedes one issue; false if there was nothing to do.
async fn supersede(core: &Core, theme: &Theme, issue: &StoredIssue) -> Result<bool, DigestError> {
    for attempt in 1.. {
        match try_supersede(core, theme, issue).await {
            Err(DigestError::Database(e)) if is_retryable(&e) && attempt < TRIES => {}
            Err(other) => return Err(other),
            Ok(Step::Nothing) => return Ok(false),
            Ok(Step::Again) if attempt < TRIES => {}
            Ok(Step::Again) => {
                return Err(DigestError::Invalid(format!(
                    "issue {} changes faster than it can be revised",
                    issue.uid
                )));
            }
            Ok(Step::Done(to)) => {
                move_rows(core, issue.letter_id, to).await?;
                tracing::info!(
                    issue = issue.uid,
                    revision = issue.revision,
                    "an issue lost a withdrawn story"
                );
                core.bells.queued.notify_waiters();
                return Ok(true);
            }
        }
    }
    unreachable!("the loop returns")
}

enum Step {
    /// The letter is no longer one that is sent, or holds nothing that was withdrawn.
    Nothing,
    /// More was withdrawn meanwhile.
    Again,
    /// The letter is closed; its rows go to that letter, or are cancelled.
    Done(Option<i64>),
}

async fn try_supersede(
    core: &Core,
    theme: &Theme,
    issue: &StoredIssue,
) -> Result<Step, DigestError> {
    let head_no = get_head(&core.db).await?;
    let items = store::list_items(&core.db, issue.id).await?;
    let ids: Vec<i64> = items.iter().map(|(article_id, _)| *article_id).collect();
    let mut left: Vec<Article> = list_articles(&core.db, &ids).await?;
    left.retain(|a| a.state == ArticleState::Released && a.release_no.is_some());
    // What was named in a correction and is withdrawn now is named no more.
    let mut notices = store::list_notices(&core.db, issue.id).await?;
    let mut names_withdrawn = false;
    for notice in &mut notices {
        let gone = store::find_withdrawal_no(&core.db, notice.article_id).await?;
        if let Some(no) = gone.filter(|no| *no > notice.no) {
            notice.no = no;
            names_withdrawn = true;
        }
    }
    if left.len() == ids.len() && !names_withdrawn {
        return Ok(Step::Nothing);
    }
    let told: Vec<i64> = notices.iter().map(|n| n.article_id).collect();
    let told = list_articles(&core.db, &told).await?;
    let note = store::find_note_of_issue(&core.db, issue.id).await?;
    let newsletter = get_newsletter(&core.db, issue.newsletter_id).await?;
    let sections = list_sections(&core.db).await?;
    arrange(&mut left, &sections);
    let live: Vec<(i64, i64)> = left
        .iter()
        .map(|a| (a.id, a.release_no.unwrap_or(0)))
        .collect();

    let mut tx = core.db.begin().await?;
    if lock_live_articles(&mut tx, &live).await?.len() != live.len() {
        return Ok(Step::Again);
    }
    let (state, dated_at) = lock_letter(&mut tx, issue.letter_id).await?;
    if !matches!(state.as_str(), "open" | "paused") {
        return Ok(Step::Nothing);
    }
    if left.is_empty() {
        // What it would have told of earlier texts is told with the next mail.
        if let Some(first) = notices.iter().map(|notice| notice.no).min() {
            mark_untold_of_letter(&mut tx, issue.letter_id, first - 1).await?;
        }
        update_letter_state(&mut tx, issue.letter_id, "cancelled").await?;
        tx.commit().await?;
        return Ok(Step::Done(None));
    }
    if !has_open_rows(&mut tx, issue.letter_id).await? {
        // Nobody waits on it; whoever would still plan on it finds it replaced and picks again.
        update_letter_state(&mut tx, issue.letter_id, "replaced").await?;
        tx.commit().await?;
        return Ok(Step::Done(None));
    }
    let compiled = compile(&Material {
        config: &core.config,
        theme,
        newsletter: &newsletter,
        sections: &sections,
        language: &issue.language,
        local_date: issue.local_date,
        uid: &issue.uid,
        dated_at,
        articles: &left,
        told: &told,
        note: note.as_deref(),
    })?;
    let letter_id = insert_letter(&mut tx, core, &compiled.letter).await?;
    if state == "paused" {
        update_letter_state(&mut tx, letter_id, "paused").await?;
    }
    let revision = NewIssue {
        uid: &issue.uid,
        revision: issue.revision + 1,
        newsletter_id: issue.newsletter_id,
        number: issue.number,
        local_date: issue.local_date,
        language: &issue.language,
        content_key: None,
        letter_id,
        subject: &compiled.letter.subject,
        head_no,
        note: note.as_deref(),
        created_at: core.clock.now(),
    };
    let Some(issue_id) = store::insert_issue(&mut tx, &revision).await? else {
        return Ok(Step::Again);
    };
    store::insert_items(&mut tx, issue_id, &live, compiled.shown).await?;
    store::insert_notices(&mut tx, issue_id, &notices).await?;
    update_letter_state(&mut tx, issue.letter_id, "replaced").await?;
    tx.commit().await?;
    Ok(Step::Done(Some(letter_id)))
}

/// Moves the rows of a closed letter to the one that replaces it, or cancels them, in chunks.
async fn move_rows(core: &Core, from: i64, to: Option<i64>) -> Result<(), DigestError> {
    let mut lost = 0;
    loop {
        let mut tx = core.db.begin().await?;
        let moved = match to {
            Some(to) => repoint_deliveries(&mut tx, from, to, CHUNK).await,
            None => cancel_deliveries(&mut tx, from, core.clock.now(), CHUNK).await,
        };
        let moved = match moved {
            Ok(moved) => tx.commit().await.map(|()| moved),
            Err(error) => Err(error),
        };
        match moved {
            Ok(moved) if moved < CHUNK as u64 => return Ok(()),
            Ok(_) => lost = 0,
            Err(error) if is_retryable(&error) && lost < TRIES => lost += 1,
            Err(error) => return Err(error.into()),
        }
    }
}
