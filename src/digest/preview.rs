//! What somebody would get at an instant, without a trace.

use super::DigestError;
use super::compile::{Compiled, Material, compile};
use super::foresight::Foresight;
use super::gather::{Content, Divided, Frame, Gathered};
use super::issue::uid_of;
use super::prepare::{key_of, load};
use super::store;
use crate::audience::cadence::{Cadence, first_due};
use crate::audience::store::{Member, Reading, Slot, get_slot, list_selections};
use crate::audience::{Choice, Newsletter, Selection};
use crate::base::time::Timestamp;
use crate::delivery::NewLetter;
use crate::newsroom::store::get_head;
use crate::theme::Theme;
use crate::work::Core;

/// For whom a preview is made.
#[derive(Clone, Debug)]
pub enum Reader {
    /// A subscription with its selection, its slot and its place in the log.
    Subscription {
        /// Row of the subscriber: what they were sent is not sent again.
        subscriber_id: i64,
        /// Row of the selection.
        selection_id: i64,
        /// Row of the slot.
        slot_id: i64,
        /// The last number it has been served.
        read_to: i64,
        /// Since when mail comes.
        joined_at: Option<Timestamp>,
    },
    /// Nobody in particular: these wishes, the last day's stories.
    Anybody(Choice),
}

impl From<Reading> for Reader {
    fn from(reading: Reading) -> Self {
        Self::Subscription {
            subscriber_id: reading.subscriber_id,
            selection_id: reading.selection_id,
            slot_id: reading.slot_id,
            read_to: reading.read_to,
            joined_at: reading.confirmed_at,
        }
    }
}

/// What would be sent.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The letter.
    pub letter: NewLetter,
    /// How many stories it holds, those behind "read all" among them.
    pub stories: usize,
}

/// The letter that a reader of a newsletter would get at the clock's instant; none if nothing is new. Stores nothing.
///
/// An instant in the past shows the place that the reader had in the log before that minute, as far as runs tell; texts are as they
/// are now. One in the future takes for released what waits for its hour.
pub async fn preview(
    core: &Core,
    theme: &Theme,
    newsletter: &Newsletter,
    reader: &Reader,
) -> Result<Option<Seen>, DigestError> {
    let now = core.clock.now();
    // Slots are due on the minute: whoever asks about 08:00 means the digest of 08:00, however long the question takes.
    let minute = Timestamp::from_millis(now.as_millis().div_euclid(60_000) * 60_000);
    let head = get_head(&core.db).await?;
    let foreseen = Foresight::new(core).await?;
    // The log as it stood at that instant, for a clock that was set back.
    let known = store::get_no_before(&core.db, now.plus_millis(1))
        .await?
        .min(head);
    let to_no = if known == head {
        head + foreseen.count()
    } else {
        known
    };
    let (subscriber_id, slot, selection, read_to) = match reader {
        Reader::Subscription {
            subscriber_id,
            selection_id,
            slot_id,
            read_to,
            joined_at,
        } => {
            let selection = list_selections(&core.db, &[*selection_id]).await?.pop();
            let selection = selection
                .ok_or_else(|| DigestError::Invalid("the selection is gone".to_owned()))?;
            let place = place_at(core, *slot_id, (*read_to, *joined_at), minute).await?;
            (
                *subscriber_id,
                get_slot(&core.db, *slot_id).await?,
                selection,
                place,
            )
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
            (0, slot, selection, read_to)
        }
    };
    let local_date = now.date_in(&slot.time_zone);
    let frame = Frame::new(core, newsletter, &slot, local_date, to_no, now).await?;
    let mut gathered = Gathered::new(core, newsletter.clone(), frame).await?;
    gathered.foresee(foreseen);
    gathered.forget_sent_since(minute);
    let member = Member {
        id: 0,
        slot_id: slot.id,
        subscriber_id,
        selection_id: selection.id,
        read_to,
    };
    gathered.put_selection(selection);
    let mut tx = core.db.begin().await?;
    let Divided { mailed, .. } = gathered.divide(core, &mut tx, vec![member]).await?;
    tx.rollback().await?;
    let Some(content) = mailed.into_keys().next() else {
        return Ok(None);
    };
    let compiled = compile_only(core, theme, &gathered, &content, local_date, now).await?;
    Ok(compiled.map(|compiled| Seen {
        letter: compiled.letter,
        stories: content.items.len(),
    }))
}

/// Where somebody who has read up to `read_to` stood at an instant: what runs served since does not count.
async fn place_at(
    core: &Core,
    slot_id: i64,
    (read_to, joined_at): (i64, Option<Timestamp>),
    at: Timestamp,
) -> Result<i64, DigestError> {
    if !store::has_run_since(&core.db, slot_id, at, read_to).await? {
        return Ok(read_to);
    }
    let joined = match joined_at {
        Some(at) => store::get_no_before(&core.db, at).await?,
        None => 0,
    };
    Ok(store::get_to_no_before(&core.db, slot_id, at)
        .await?
        .max(joined)
        .min(read_to))
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

/// The issue of a content, compiled and not stored; none if something of it is no longer live.
pub(super) async fn compile_only(
    core: &Core,
    theme: &Theme,
    gathered: &Gathered,
    content: &Content,
    local_date: jiff::civil::Date,
    dated_at: Timestamp,
) -> Result<Option<Compiled>, DigestError> {
    let (newsletter, sections) = (gathered.newsletter(), &gathered.sections);
    let foreseen = gathered.foreseen();
    let Some(loaded) = load(core, newsletter, content, local_date, sections, foreseen).await?
    else {
        return Ok(None);
    };
    let key = key_of(newsletter, content, local_date, &loaded);
    compile(&Material {
        config: &core.config,
        theme,
        newsletter,
        sections,
        language: &content.language,
        local_date,
        uid: &uid_of(&key),
        dated_at,
        articles: &loaded.articles,
        told: &loaded.told,
        note: loaded.note.as_deref(),
    })
    .map(Some)
}
