//! Looking ahead without leaving a trace: what somebody would get, and what a run would plan.

use std::collections::BTreeMap;

use super::compile::{Compiled, Material, compile};
use super::gather::{Content, Divided, Frame, Gathered};
use super::issue::uid_of;
use super::open::decide_in;
use super::plan::{Tally, rule_date};
use super::prepare::{key_of, load};
use super::store::{self, OpenRun};
use super::{DigestError, RunReport};
use crate::audience::cadence::{Cadence, first_due};
use crate::audience::store::{
    Group, Slot, advance, get_newsletter, get_slot, list_due_slots, list_selections, lock_chunk,
    lock_slot, update_slot_next,
};
use crate::audience::{Choice, Newsletter, Selection};
use crate::base::time::Timestamp;
use crate::db::Tx;
use crate::delivery::NewLetter;
use crate::newsroom::store::get_head;
use crate::theme::Theme;
use crate::work::Core;

/// For whom a preview is made.
#[derive(Clone, Debug)]
pub enum Reader {
    /// A subscription with its selection, its slot and its place in the log.
    Subscription {
        /// Row of the selection.
        selection_id: i64,
        /// Row of the slot.
        slot_id: i64,
        /// The last number it has been served.
        read_to: i64,
    },
    /// Nobody in particular: these wishes, the last day's stories.
    Anybody(Choice),
}

/// The letter that a reader of a newsletter would get at the clock's instant; none if nothing is new. Stores nothing.
pub async fn preview(
    core: &Core,
    theme: &Theme,
    newsletter: &Newsletter,
    reader: &Reader,
) -> Result<Option<NewLetter>, DigestError> {
    let now = core.clock.now();
    let head = get_head(&core.db).await?;
    // The log as it stood at that instant, for a clock that was set back.
    let to_no = store::get_no_before(&core.db, now.plus_millis(1))
        .await?
        .min(head);
    let (slot, selection, read_to) = match reader {
        Reader::Subscription {
            selection_id,
            slot_id,
            read_to,
        } => {
            let selection = list_selections(&core.db, &[*selection_id]).await?.pop();
            let selection = selection
                .ok_or_else(|| DigestError::Invalid("the selection is gone".to_owned()))?;
            (get_slot(&core.db, *slot_id).await?, selection, *read_to)
        }
        Reader::Anybody(choice) => {
            let slot = slot_of_anybody(core, newsletter, now);
            let selection = Selection {
                id: 0,
                newsletter_id: newsletter.id,
                languages: choice.languages().to_vec(),
                sections: choice.sections().to_vec(),
                tags: choice.tags().to_vec(),
                key: choice.to_string(),
            };
            let read_to = store::get_no_before(&core.db, now.plus_secs(-86_400)).await?;
            (slot, selection, read_to)
        }
    };
    let local_date = now.date_in(&slot.time_zone);
    let frame = Frame::new(core, newsletter, &slot, local_date, to_no, now).await?;
    let mut gathered = Gathered::new(core, newsletter.clone(), frame).await?;
    let group = Group {
        selection_id: selection.id,
        read_to,
    };
    gathered.put_selection(selection);
    let mut tx = core.db.begin().await?;
    gathered.gather(core, &mut tx, &[group]).await?;
    tx.rollback().await?;
    let Some(content) = gathered.content_of(&group) else {
        return Ok(None);
    };
    let compiled = compile_only(core, theme, &gathered, &content, local_date, now).await?;
    Ok(compiled.map(|compiled| compiled.letter))
}

fn slot_of_anybody(core: &Core, newsletter: &Newsletter, now: Timestamp) -> Slot {
    let time_zone = core.config.newsroom.zone();
    let (next_date, next_due_at) = first_due(&Cadence::Daily, &time_zone, newsletter.minute, now);
    Slot {
        id: 0,
        newsletter_id: newsletter.id,
        cadence: Cadence::Daily,
        time_zone,
        minute: newsletter.minute,
        next_date,
        next_due_at,
    }
}

async fn compile_only(
    core: &Core,
    theme: &Theme,
    gathered: &Gathered,
    content: &Content,
    local_date: jiff::civil::Date,
    dated_at: Timestamp,
) -> Result<Option<Compiled>, DigestError> {
    let Some(articles) = load(core, content, &gathered.sections).await? else {
        return Ok(None);
    };
    let key = key_of(gathered.newsletter(), content, local_date, &articles);
    compile(&Material {
        config: &core.config,
        theme,
        newsletter: gathered.newsletter(),
        sections: &gathered.sections,
        language: &content.language,
        local_date,
        uid: &uid_of(&key),
        dated_at,
        articles: &articles,
    })
    .map(Some)
}

/// What [`super::open_runs`] and [`super::work_runs`] would do now. All of it happens in one transaction that is taken back.
pub async fn plan_dry(core: &Core, theme: &Theme) -> Result<Vec<RunReport>, DigestError> {
    let now = core.clock.now();
    let mut runs = store::list_open_runs(&core.db, now).await?;
    let mut tx = core.db.begin().await?;
    for slot_id in list_due_slots(&core.db, now).await? {
        let Some(slot) = lock_slot(&mut tx, slot_id).await? else {
            continue;
        };
        let newsletter = get_newsletter(&core.db, slot.newsletter_id).await?;
        let (decision, head) = decide_in(&mut tx, &slot, newsletter.late_until_hours, now).await?;
        runs.extend(
            decision
                .openings
                .iter()
                .filter(|opening| !opening.is_missed)
                .map(|opening| OpenRun {
                    id: 0,
                    slot_id,
                    due_at: opening.due_at,
                    local_date: opening.local_date,
                    to_no: head,
                    expires_at: opening.expires_at,
                    opened_at: now,
                }),
        );
        update_slot_next(&mut tx, slot_id, decision.next_date, decision.next_due_at).await?;
    }
    let mut reports = Vec::new();
    for run in &runs {
        reports.push(plan_one_dry(core, theme, &mut tx, run).await?);
    }
    tx.rollback().await?;
    Ok(reports)
}

async fn plan_one_dry(
    core: &Core,
    theme: &Theme,
    tx: &mut Tx,
    run: &OpenRun,
) -> Result<RunReport, DigestError> {
    let slot = get_slot(&core.db, run.slot_id).await?;
    let newsletter = get_newsletter(&core.db, slot.newsletter_id).await?;
    let frame = Frame::new(
        core,
        &newsletter,
        &slot,
        run.local_date,
        run.to_no,
        run.opened_at,
    )
    .await?;
    let mut gathered = Gathered::new(core, newsletter, frame).await?;
    let (mut tally, date) = (Tally::default(), rule_date(run, &slot));
    let (mut mailed_count, mut empty_count) = (0, 0);
    let mut subjects: BTreeMap<Content, String> = BTreeMap::new();
    loop {
        let members = lock_chunk(tx, slot.id, run.to_no, &date, 5_000).await?;
        if members.is_empty() {
            break;
        }
        let ids: Vec<i64> = members.iter().map(|member| member.id).collect();
        let Divided { mailed, empty } = gathered.divide(core, tx, members).await?;
        empty_count += empty.len() as i64;
        for (content, people) in mailed {
            if !subjects.contains_key(&content) {
                let compiled =
                    compile_only(core, theme, &gathered, &content, run.local_date, run.due_at)
                        .await?;
                let subject = compiled.map_or_else(String::new, |c| c.letter.subject);
                subjects.insert(content.clone(), subject);
            }
            mailed_count += people.len() as i64;
            for member in people {
                let languages = gathered
                    .selection(member.selection_id)
                    .map_or(&[][..], |selection| &selection.languages);
                tally.add(languages, &subjects[&content], &content);
            }
        }
        advance(tx, &ids, run.to_no, None).await?;
    }
    Ok(tally.report(run, &slot, "open", (mailed_count, empty_count)))
}
