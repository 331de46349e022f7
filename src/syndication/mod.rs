//! Syndication: finished feed bytes on a shelf.
//!
//! A feed is a [`Scope`] (everything, a language, a section or a tag in a language) in a [`Format`]. [`document`] says in plain
//! values what it holds; [`rss`], [`atom`] and [`json`] write that down, each in its own words but with the same ids in the same
//! order; [`check`] looks at the bytes as a stranger would; [`shelf`] keeps them with their validators and builds them anew when
//! the release log moved. Nothing here is made for one reader: a feed is the same for everyone, so it is built once per change.
//!
//! Bytes are a function of one reading of the database, the settings and the program, and of the full hour where withdrawn
//! articles are named: equal on every instance, after every restart. A string enters a document through `base::text` alone.

pub mod absolute;
pub mod archive;
pub mod atom;
pub mod catalogue;
pub mod check;
pub mod coding;
pub mod delta;
pub mod directory;
pub mod discovery;
pub mod document;
pub mod entry;
pub mod feed;
pub mod gather;
pub mod json;
pub mod opml;
pub mod render;
pub mod rss;
pub mod shelf;
pub mod sitemap;
pub mod store;
pub mod websub;

pub use catalogue::Catalogue;
pub use coding::Coding;
pub use discovery::{FeedLink, Topic, discovery};
pub use document::Document;
pub use feed::{FeedKey, Format, Scope};
pub use shelf::{Found, FoundPage, Lookup, PageLookup, Shelf, ShelfError};
pub use sitemap::{Sitemap, Sitemaps};
