//! The section table follows the settings.

use super::LogKind;
use super::NewsroomError;
use super::retry::retrying;
use super::store::{self, NewEntry, Subject};
use crate::work::Core;

/// Brings the section table in line with the settings (a new name takes a log number of kind `changed`).
///
/// A section that the settings no longer name is closed: its articles keep it, nothing new can be put there.
pub async fn sync_sections(core: &Core) -> Result<(), NewsroomError> {
    let now = core.clock.now();
    let changed = retrying!(async {
        let mut tx = core.db.begin().await?;
        let rows = store::list_section_rows(&mut tx).await?;
        let mut entries = Vec::new();
        let mut is_touched = false;
        for (position, wanted) in (0_i64..).zip(&core.config.sections) {
            let Some((id, _, place, names, closed_at)) =
                rows.iter().find(|(_, slug, ..)| *slug == wanted.slug)
            else {
                let uid = core.clock.uuid_v7();
                store::insert_section(&mut tx, &uid, &wanted.slug, position, &wanted.names).await?;
                is_touched = true;
                continue;
            };
            let same_names = serde_json::from_str(names)
                .is_ok_and(|known: crate::config::Names| known == wanted.names);
            if same_names && *place == position && closed_at.is_none() {
                continue;
            }
            store::update_section(&mut tx, *id, position, &wanted.names).await?;
            is_touched = true;
            if !same_names || closed_at.is_some() {
                entries.push(NewEntry::new(Subject::Section(*id), LogKind::Changed));
            }
        }
        for (id, slug, .., closed_at) in &rows {
            let is_wanted = core.config.sections.iter().any(|s| s.slug == *slug);
            if closed_at.is_none() && !is_wanted {
                store::close_section(&mut tx, *id, now).await?;
                is_touched = true;
                entries.push(NewEntry::new(Subject::Section(*id), LogKind::Changed));
            }
        }
        if !is_touched {
            return Ok(false);
        }
        if !entries.is_empty() {
            store::append_log(&mut tx, &entries, now).await?;
        }
        tx.commit().await?;
        Ok(!entries.is_empty())
    })?;
    if changed {
        core.bells.released.notify_waiters();
    }
    Ok(())
}
