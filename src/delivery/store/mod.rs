//! The journal's only SQL: letters and planning ([`letter`]), the life of a row ([`journal`]), addresses that must not be
//! mailed ([`suppression`]), sums and what was asked about them ([`sums`]), and the nightly chores ([`prune`]).

mod letter;
mod sums;
mod supersede;
mod suppression;

pub use letter::{cancel_recipient, ensure_lane, insert_deliveries, insert_letter};
pub use sums::{LetterSums, count_batch, count_due, get_sums, get_total_sums, list_letter_sums};
pub use supersede::{
    cancel_deliveries, has_open_rows, lock_letter, repoint_deliveries, update_letter_state,
};
pub use suppression::{insert_suppression, is_suppressed, lift_confirmed, list_suppressed};
