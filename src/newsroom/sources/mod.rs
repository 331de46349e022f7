//! Sources: feeds that articles are imported from.
//!
//! Bytes become text (`decode`), text becomes a tree (`xml`) or JSON, and that becomes a [`Feed`] (`rss`, `atom`, `json`), the one
//! shape that the rest knows; `import` brings its entries into the newsroom. We read feeds ourselves rather than with a library
//! because an importer must notice what readers forgive: a file that is cut short, bytes in another encoding than declared, an
//! entry that a parser silently leaves out; and because languages of entries and `xml:base` at every level are needed. In the tests
//! `feed-rs` reads the same files and must find the same.
//!
//! **Identity of a source:** the address it was fetched from; for a file the address that the feed gives as its own (`rel="self"`,
//! `feed_url`), else the file's absolute path. **Identity of an entry:** its id (guid), else its link, else a hash of title and date.

mod atom;
mod date;
mod decode;
mod feed;
mod import;
mod json;
mod prepare;
mod rss;
mod xml;

pub use feed::{Entry, Feed, line_of_html as plain_line, parse};
pub use import::{ImportError, ImportOptions, Imported, Location, import_feed};
pub use prepare::Skipped;

/// Why a feed cannot be read. Nothing of it is imported then.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FeedError {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// An encoding nobody knows.
    #[error("it says it is written in {0:?}, which is no encoding we know")]
    UnknownEncoding(String),
    /// The bytes are not what they say they are.
    #[error("it says it is {says}, but {problem}; correct its encoding declaration")]
    Lies {
        /// The encoding it names, or that is meant where none is named.
        says: String,
        /// What is wrong.
        problem: String,
    },
    /// Not XML.
    #[error("it is not XML (line {line}): {problem}")]
    NotXml {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The end is missing.
    #[error("it is cut short at line {line}: {problem}")]
    CutShort {
        /// Line, from 1.
        line: usize,
        /// What is missing.
        problem: String,
    },
    /// Not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// Something else.
    #[error("it is no feed but {0}; feeds are RSS, Atom and JSON Feed")]
    NotAFeed(String),
}
