//! Sections and tags.

use serde::Serialize;

use crate::config::Names;

/// A section: a name per language, one slug for all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Section {
    /// Row.
    pub id: i64,
    /// ASCII word in addresses.
    pub slug: String,
    /// Place in the newsroom's order.
    pub position: i64,
    /// Name per language.
    pub names: Names,
}

/// A tag.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tag {
    /// Row.
    pub id: i64,
    /// ASCII word in addresses.
    pub slug: String,
    /// Name per language; as typed in the language it was first used in.
    pub names: Names,
}
