//! The audience's only SQL.
//!
//! `slot.rs` and `run.rs` are what the digest stands on: slots that come due, and the people of a run in chunks.

mod bulk;
mod change;
mod consent;
mod listing;
mod newsletter;
mod profile;
mod prune;
mod run;
mod slot;
mod subscriber;
mod subscription;
mod untold;

pub(super) use bulk::*;
pub(super) use change::*;
pub(super) use consent::*;
pub use listing::{Listed, Reading, find_reading, list_people};
pub(super) use newsletter::{get_newsletter_in, upsert_newsletter};
pub(super) use prune::*;
pub(super) use run::ensure_selection;
pub(super) use slot::ensure_slot;
pub(super) use subscriber::*;
pub(super) use subscription::*;

pub use newsletter::{get_newsletter, list_newsletters};
pub use profile::{Profile, Subscribed, find_profile, list_consents, list_subscribed};
pub use run::{
    Due, Group, Member, advance, count_active, get_last_row, list_lagging, list_selections,
    list_slots_with_due, lock_chunk,
};
pub use slot::{Slot, get_slot, list_due_slots, list_slots, lock_slot, update_slot_next};
pub use untold::{list_untold, mark_told, mark_untold, mark_untold_of_letter};

/// A stored text that the program cannot read any more: a bug or a foreign hand, so it is told loudly.
fn unreadable(error: impl std::fmt::Display) -> sqlx::Error {
    sqlx::Error::Decode(error.to_string().into())
}

/// Row ids as JSON, for statements that take a list of any length as one value.
fn id_list(ids: &[i64]) -> String {
    serde_json::to_string(ids).unwrap_or_default()
}

/// Languages as a column keeps them: in order, with commas.
fn join_languages(languages: &[crate::base::language::Language]) -> String {
    languages
        .iter()
        .map(crate::base::language::Language::as_str)
        .collect::<Vec<_>>()
        .join(",")
}
