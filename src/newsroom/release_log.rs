//! The release log: 1, 2, 3, … without gaps.

use crate::base::language::Language;
use crate::base::time::Timestamp;

/// What an entry says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum LogKind {
    /// An article became public: feeds, pages and digests have it.
    Released,
    /// An imported archive: feeds and pages have it, digests and pushes never.
    Archived,
    /// A significant correction.
    Updated,
    /// Taken back.
    Withdrawn,
    /// A quiet edit, or a section with a new name.
    Changed,
}

impl LogKind {
    /// The word the tables and the command line use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Archived => "archived",
            Self::Updated => "updated",
            Self::Withdrawn => "withdrawn",
            Self::Changed => "changed",
        }
    }

    /// Reads the word of a table, which a CHECK guards.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "released" => Self::Released,
            "archived" => Self::Archived,
            "updated" => Self::Updated,
            "withdrawn" => Self::Withdrawn,
            _ => Self::Changed,
        }
    }
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// Its number.
    pub no: i64,
    /// The article, or none for a section's new name.
    pub article_id: Option<i64>,
    /// Its story.
    pub story_id: Option<i64>,
    /// Its language.
    pub language: Option<Language>,
    /// What happened.
    pub kind: LogKind,
    /// When.
    pub at: Timestamp,
}
