//! The journal's only SQL: letters and planning (`letter`), what is due (`claim`), lanes (`lane`), the life of a row (`journal`), what the operator paused (`pause`), letters that are replaced or
//! withdrawn (`supersede`), letters that the operator holds or stops (`stop`), one person's mail (`history`), what is looked at or sent again (`replay`), addresses that must not be mailed (`suppression`), sums and what was asked about them (`sums`), and
//! the nightly chores (`prune`).

mod claim;
mod history;
mod journal;
mod lane;
mod letter;
mod pause;
mod prune;
mod replay;
mod stop;
mod sums;
mod supersede;
mod suppression;

pub use super::letter::insert_letter;
pub(super) use claim::{Agenda, Lane, claim, get_agenda, list_waiting_letters, rehome};
pub use history::{Delivered, Event, list_delivered, list_events};
pub(super) use journal::{
    Claimed, Intent, Key, Outcome, ask_intent, expire, find_letter, reap, resolve_uncertain,
    store_outcome,
};
pub use lane::{ensure_lane, wake_lanes};
pub(super) use lane::{ensure_own_lane, mark_trouble, update_standing};
pub use letter::{
    Entry, cancel_recipient, insert_deliveries, is_any_open, lock_letters, move_recipient,
};
pub(super) use letter::{Frozen, insert_letter_row};
pub use pause::{
    EVERYTHING, Pause, delete_pause, insert_pause, is_everything_paused, list_open_letters,
    list_pauses,
};
pub use prune::empty_recipient;
pub(super) use prune::{
    delete_finished, empty_addresses, empty_bodies, empty_raw_events, find_first, find_last_before,
};
pub use replay::{Row, find_row, get_letter_state, requeue};
pub use stop::{hold_deliveries, release_deliveries, stop_deliveries, stop_letter};
pub use sums::{
    LetterSums, Mail, count_batch, count_batch_letters, count_due, get_sums, get_total_sums,
    list_contradictions, list_letter_sums, list_mails,
};
pub use supersede::{
    cancel_deliveries, has_open_rows, lock_letter, repoint_deliveries, update_letter_state,
};
pub use suppression::{
    Suppression, is_suppressed, lift_confirmed, list_reasons, list_suppressed, list_suppressions,
    suppress,
};
