//! Which feeds exist, held in memory: an unknown section costs no query.

use std::collections::BTreeMap;

use super::feed::Scope;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::newsroom::{Section, Tag};

/// Languages, sections and tags at one point of the release log.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The newsroom's languages in its order, then others that have an article, by tag.
    pub languages: Vec<Language>,
    /// How many of them are the newsroom's own.
    pub own_languages: usize,
    /// All sections in their order.
    pub sections: Vec<Section>,
    /// Sections that the settings no longer name, with the moment since when. Their articles stay, so their feeds do for a while.
    pub closed: Vec<(Section, Timestamp)>,
    /// All tags that stand or stood on a public article, by slug.
    pub tags: BTreeMap<String, Tag>,
}

impl Catalogue {
    /// Puts the lists together.
    pub fn new(
        own: &[Language],
        public: &[Language],
        sections: Vec<Section>,
        tags: Vec<Tag>,
    ) -> Self {
        let mut languages = own.to_vec();
        let mut others: Vec<Language> = public
            .iter()
            .filter(|l| !own.contains(l))
            .cloned()
            .collect();
        others.sort();
        others.dedup();
        languages.extend(others);
        Self {
            languages,
            own_languages: own.len(),
            sections,
            closed: Vec::new(),
            tags: tags
                .into_iter()
                .map(|tag| (tag.slug.clone(), tag))
                .collect(),
        }
    }

    /// The same with the sections that were closed.
    #[must_use]
    pub fn with_closed(mut self, closed: Vec<(Section, Timestamp)>) -> Self {
        self.closed = closed;
        self
    }

    /// Whether there is such a feed. One without articles is a feed all the same, and one whose section was closed is said to be
    /// over for a while: [`Catalogue::closed_at`].
    pub fn has(&self, scope: &Scope) -> bool {
        scope
            .languages()
            .iter()
            .all(|language| self.languages.contains(language))
            && scope.sections().iter().all(|slug| {
                self.section(slug).is_some()
                    || self.closed.iter().any(|(section, _)| section.slug == *slug)
            })
            && scope.tags().iter().all(|slug| self.tags.contains_key(slug))
    }

    /// Since when the feed is over, if it is: nothing will be added to it.
    pub fn closed_at(&self, scope: &Scope) -> Option<Timestamp> {
        let Scope::Section(_, slug) = scope else {
            return None;
        };
        self.closed
            .iter()
            .find(|(section, _)| section.slug == *slug)
            .map(|(_, at)| *at)
    }

    /// Whether the feed has been over for so many days that it is gone for good: 410, which readers take for the end.
    pub fn is_gone(&self, scope: &Scope, closed_days: i64, now: Timestamp) -> bool {
        self.closed_at(scope)
            .is_some_and(|at| at.plus_secs(closed_days * 86_400) <= now)
    }

    /// The section in that row, open or closed.
    pub fn section_in_row(&self, id: i64) -> Option<&Section> {
        let closed = self.closed.iter().map(|(section, _)| section);
        self.sections.iter().chain(closed).find(|s| s.id == id)
    }

    /// The open section with that slug.
    pub fn section(&self, slug: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.slug == slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Names;
    use crate::newsroom::Choice;
    use crate::newsroom::search::Query;

    #[test]
    fn an_empty_feed_exists_and_an_unknown_one_does_not() {
        let language = |tag: &str| Language::parse(tag).unwrap();
        let catalogue = Catalogue::new(
            &[language("kk"), language("ru")],
            &[language("sk"), language("kk")],
            vec![Section {
                id: 1,
                slug: "sport".to_owned(),
                position: 0,
                names: Names::default(),
            }],
            Vec::new(),
        );
        assert_eq!(catalogue.languages, ["kk", "ru", "sk"].map(language));
        for (scope, exists) in [
            (Scope::All, true),
            (Scope::Language(language("sk")), true),
            (Scope::Language(language("de")), false),
            (Scope::Section(language("sk"), "sport".to_owned()), true),
            (Scope::Section(language("de"), "sport".to_owned()), false),
            (Scope::Section(language("kk"), "culture".to_owned()), false),
            (Scope::Tag(language("kk"), "sport".to_owned()), false),
            (
                Scope::Selection(Choice::parse("kk,sk~sport~").unwrap()),
                true,
            ),
            (Scope::Selection(Choice::parse("~~").unwrap()), true),
            (
                Scope::Selection(Choice::parse("kk,de~sport~").unwrap()),
                false,
            ),
            (
                Scope::Selection(Choice::parse("kk~sport~flood").unwrap()),
                false,
            ),
            (
                Scope::Search(language("kk"), Query::parse("су").unwrap()),
                true,
            ),
            (
                Scope::Search(language("de"), Query::parse("су").unwrap()),
                false,
            ),
        ] {
            assert_eq!(catalogue.has(&scope), exists, "{scope:?}");
        }
        let at = Timestamp::from_millis(5000);
        let closed = Section {
            id: 2,
            slug: "culture".to_owned(),
            position: 1,
            names: Names::default(),
        };
        let catalogue = catalogue.with_closed(vec![(closed, at)]);
        let scope = |tag: &str, slug: &str| Scope::Section(language(tag), slug.to_owned());
        assert!(catalogue.has(&scope("kk", "culture")) && !catalogue.has(&scope("de", "culture")));
        assert_eq!(catalogue.closed_at(&scope("kk", "culture")), Some(at));
        assert_eq!(catalogue.closed_at(&scope("kk", "sport")), None);
        let gone = |slug, now| catalogue.is_gone(&scope("kk", slug), 2, now);
        assert!(!gone("culture", at.plus_secs(2 * 86_400 - 1)));
        assert!(gone("culture", at.plus_secs(2 * 86_400)));
        assert!(!gone("sport", at.plus_secs(9 * 86_400)));
    }
}
