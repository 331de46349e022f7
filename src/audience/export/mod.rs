//! Files out: the list of people, and what is known of one of them.

mod sheet;

pub use sheet::{Sheet, is_formula};
