//! Lists of people from elsewhere: files of spreadsheets, and of Mailchimp, listmonk and Ghost.
//!
//! Foreign formats stop here. `charset` makes letters of bytes (with the table of `kz1048`), `csv` rows of letters, `columns`
//! says by the headings what a column is, `person` reads a row with it, and `state` knows what other programs call somebody who
//! left. [`import`] takes people in by chunks, each in a transaction of its own: killed in the middle and begun anew, it finds
//! the people it has taken and goes on with the rest (FAILURES T32). [`import`] with `is_dry` judges by the same rule, writes
//! nothing and says the same.

mod charset;
mod columns;
mod csv;
mod kz1048;
mod person;
mod state;
mod take;

pub use charset::Charset;
pub use csv::Separator;
pub use state::State;
pub use take::{Finding, ImportError, ImportOptions, Imported, Observer, import};
