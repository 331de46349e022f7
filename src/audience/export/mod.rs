//! Files out: the list of people as our own import reads it, and what is known of one of them.
//!
//! A list says who must not be mailed, so that nobody is mailed by taking it elsewhere: a state that `import` knows, never
//! `active` beside a note.

mod list;
mod person;
mod sheet;

pub use list::{HEADINGS, Reader, check_newsletter, readers};
pub use person::person;
pub(crate) use person::person_of;
pub use sheet::{Sheet, is_formula};

/// A minute of the day as people write it.
fn hour(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
