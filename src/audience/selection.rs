//! What a person wants, as stored: a [`Choice`] of a newsletter's stories.

pub use crate::newsroom::choice::Choice;

use crate::base::language::Language;
use crate::newsroom::Release;
use crate::newsroom::choice::is_match;

/// What one wants, as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    /// Row.
    pub id: i64,
    /// Row of its newsletter.
    pub newsletter_id: i64,
    /// Languages in the order of preference.
    pub languages: Vec<Language>,
    /// Slugs of sections; empty means everything.
    pub sections: Vec<String>,
    /// Slugs of tags; empty means no further narrowing.
    pub tags: Vec<String>,
    /// Canonical text.
    pub key: String,
}

impl Selection {
    /// Whether a release is of this selection's topics, within a newsletter that draws from `newsletter_sections`. The language
    /// is not looked at: which translation a person gets is decided over the whole story.
    pub fn matches(&self, release: &Release, newsletter_sections: &[String]) -> bool {
        is_match(
            &self.sections,
            &self.tags,
            newsletter_sections,
            release.section.as_deref(),
            &release.tags,
        )
    }
}
