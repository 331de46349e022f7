//! What stands behind `?`, read without refusing anything: addresses with junk in them are shared every day.

use axum::http::Uri;

/// Names and values in their order.
pub(super) struct Asked(Vec<(String, String)>);

/// Pairs that are read; a page of ours sends a hundred at most.
const MOST: usize = 200;

impl Asked {
    /// The query of an address.
    pub(super) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or("");
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .take(MOST)
                .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
                .collect(),
        )
    }

    /// The first value of that name that says something.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Every value of that name that says something.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether the name stands there, with whatever value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}
