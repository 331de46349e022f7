//! Which open runs are planned together: those of one newsletter that end alike, so that their people differ in nothing but their
//! slot. Most slots of a morning have few people, and a transaction for each would cost more than the people.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::DigestError;
use super::gather::Frame;
use super::morning::Morning;
use super::store::OpenRun;
use crate::audience::Newsletter;
use crate::audience::cadence::Cadence;
use crate::audience::store::{Due, Slot, count_active, get_last_row, list_slots};
use crate::base::time::Timestamp;
use crate::work::Core;

/// People in one transaction. Each commit writes every page of the indexes anew, so that more people at once cost less; it takes half a
/// second, for which whoever leaves or confirms in that moment waits.
pub const CHUNK: i64 = 20_000;

/// One in so many of all people makes it worth while to go through everybody.
const SPARSE: i64 = 8;

/// The local date that passes the date rule of every subscription: immediate mail has none.
const ANY_DATE: &str = "9999-12-31";

/// The date that the date rule compares with.
pub fn rule_date(run: &OpenRun, slot: &Slot) -> String {
    if matches!(slot.cadence, Cadence::Immediate) {
        ANY_DATE.to_owned()
    } else {
        run.local_date.to_string()
    }
}

/// One run of a bundle.
#[derive(Clone, Debug)]
pub struct Part {
    /// The run.
    pub run: OpenRun,
    /// Its slot.
    pub slot: Slot,
    /// The frame of its window.
    pub frame: Frame,
}

/// Runs of different slots of one newsletter, with the same end of the window and the same date.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Their newsletter.
    pub newsletter: Arc<Newsletter>,
    /// Runs by the row of their slot.
    pub parts: BTreeMap<i64, Part>,
    /// The end of their windows.
    pub to_no: i64,
    /// Their date.
    pub local_date: Date,
    /// The date that the date rule compares with.
    pub rule_date: String,
    /// The first of their due instants.
    pub due_at: Timestamp,
    /// See [`Due::is_scan`].
    pub is_scan: bool,
    /// The last row, and how many rows one chunk goes through.
    pub reach: (i64, i64),
}

impl Bundle {
    /// Whom the runs in those slots are for.
    pub fn due<'a>(&'a self, slots: &'a [i64]) -> Due<'a> {
        Due {
            slots,
            to_no: self.to_no,
            local_date: &self.rule_date,
            is_scan: self.is_scan,
        }
    }

    /// Whether these are immediate mails, which remember no date.
    pub fn is_immediate(&self) -> bool {
        self.rule_date == ANY_DATE
    }

    /// Each of the runs by itself.
    pub fn apart(self) -> impl Iterator<Item = Self> {
        let parts = self.parts.clone();
        parts.into_iter().map(move |(slot_id, part)| Self {
            due_at: part.run.due_at,
            parts: BTreeMap::from([(slot_id, part)]),
            is_scan: false,
            reach: (i64::MAX, i64::MAX),
            ..self.clone()
        })
    }
}

/// What runs of one bundle have in common: date, end of the window, newsletter, immediate or not, and how many earlier runs of the
/// same slot are open. In this order each slot's runs come one after the other.
type Key = (Date, i64, i64, bool, usize);

/// Puts open runs into bundles. A run whose newsletter or slot cannot be read is left out, and said in the log.
pub async fn bundle(
    core: &Core,
    morning: &mut Morning,
    runs: Vec<OpenRun>,
) -> Result<Vec<Bundle>, DigestError> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let slots: HashMap<i64, Slot> = list_slots(&core.db)
        .await?
        .into_iter()
        .map(|slot| (slot.id, slot))
        .collect();
    let mut groups: BTreeMap<Key, Vec<Part>> = BTreeMap::new();
    let mut met: HashMap<(Date, i64, i64), usize> = HashMap::new();
    for run in runs {
        let slot = slots
            .get(&run.slot_id)
            .cloned()
            .ok_or_else(|| DigestError::Invalid(format!("run {} has no slot", run.id)))?;
        let nth = met
            .entry((run.local_date, run.to_no, run.slot_id))
            .or_default();
        let is_immediate = matches!(slot.cadence, Cadence::Immediate);
        let key = (
            run.local_date,
            run.to_no,
            slot.newsletter_id,
            is_immediate,
            *nth,
        );
        *nth += 1;
        let framed = async {
            let newsletter = morning.newsletter(core, slot.newsletter_id).await?;
            morning.frame(core, &newsletter, &slot, &run).await
        };
        match framed.await {
            Ok(frame) => groups
                .entry(key)
                .or_default()
                .push(Part { run, slot, frame }),
            Err(error) => {
                tracing::error!(run_id = run.id, %error, "a run could not be worked on and stays open");
            }
        }
    }
    let last_row = get_last_row(&core.db).await?;
    let mut bundles = Vec::new();
    for ((local_date, to_no, newsletter_id, ..), parts) in groups {
        let newsletter = morning.newsletter(core, newsletter_id).await?;
        for (parts, people) in split(core, parts, last_row).await? {
            let (Some(first), Some(due_at)) = (
                parts.first().map(|part| rule_date(&part.run, &part.slot)),
                parts.iter().map(|part| part.run.due_at).min(),
            ) else {
                continue;
            };
            let is_scan = parts.len() > 1 && people > CHUNK;
            bundles.push(Bundle {
                newsletter: newsletter.clone(),
                parts: parts.into_iter().map(|part| (part.slot.id, part)).collect(),
                to_no,
                local_date,
                rule_date: first,
                due_at,
                is_scan,
                reach: if is_scan {
                    // So many rows hold about a chunk of their people.
                    (last_row, (last_row / people).max(1) * CHUNK)
                } else {
                    (i64::MAX, i64::MAX)
                },
            });
        }
    }
    Ok(bundles)
}

/// Divides runs that could be planned together, with how many people each lot has at most. Those of a large part of everybody stay
/// together; else as many as fill one chunk, and whoever is larger by itself.
async fn split(
    core: &Core,
    parts: Vec<Part>,
    last_row: i64,
) -> Result<Vec<(Vec<Part>, i64)>, DigestError> {
    let slots: Vec<i64> = parts.iter().map(|part| part.slot.id).collect();
    let people: HashMap<i64, i64> = count_active(&core.db, &slots).await?.into_iter().collect();
    let total: i64 = people.values().sum();
    if total > CHUNK && total.saturating_mul(SPARSE) >= last_row {
        return Ok(vec![(parts, total)]);
    }
    let mut lots: Vec<(Vec<Part>, i64)> = Vec::new();
    for part in parts {
        let more = people.get(&part.slot.id).copied().unwrap_or(0);
        match lots.last_mut() {
            // Less than a chunk: the first one of these people is the last one too.
            Some((lot, many)) if *many + more < CHUNK => {
                lot.push(part);
                *many += more;
            }
            _ => lots.push((vec![part], more)),
        }
    }
    Ok(lots)
}
