//! A choice of articles: languages in order, sections, tags, and the canonical key that names it everywhere, in a subscription
//! as in the address of a feed.
//!
//! The key is `kk,ru~economy,sport~flood`: languages in order, then sections sorted, then tags sorted, parted by `~`. An empty
//! part means everything. It is made of characters that stand in a URL's path as they are (RFC 3986 section 2.3, and `,`).

use std::fmt;

use crate::base::language::Language;

/// Names in one part of a key; more is nobody's wish.
const MAX_NAMES: usize = 64;

/// Why something is no choice.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct ChoiceError {
    /// Which part: `selection`, `sections` or `tags`.
    pub field: &'static str,
    /// What is wrong, and what to do.
    pub sentence: String,
}

/// Languages and topics in canonical form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Choice {
    languages: Vec<Language>,
    sections: Vec<String>,
    tags: Vec<String>,
}

impl Choice {
    /// Puts wishes in canonical form: each language once, in order; sections and tags once, sorted.
    pub fn new(
        languages: &[Language],
        sections: &[String],
        tags: &[String],
    ) -> Result<Self, ChoiceError> {
        let mut ordered: Vec<Language> = Vec::with_capacity(languages.len());
        for language in languages {
            if !ordered.contains(language) {
                ordered.push(language.clone());
            }
        }
        let (sections, tags) = (
            sorted(sections, "sections", "section")?,
            sorted(tags, "tags", "tag")?,
        );
        if ordered.len() > MAX_NAMES || sections.len() > MAX_NAMES || tags.len() > MAX_NAMES {
            return Err(ChoiceError {
                field: "sections",
                sentence: format!("choose at most {MAX_NAMES} of each"),
            });
        }
        Ok(Self {
            languages: ordered,
            sections,
            tags,
        })
    }

    /// Reads a key. Another order or a name that stands twice is read too: compare with the printed form to redirect.
    pub fn parse(key: &str) -> Result<Self, ChoiceError> {
        let refuse = |sentence: String| ChoiceError {
            field: "selection",
            sentence,
        };
        let parts: Vec<&str> = key.split('~').collect();
        let [languages, sections, tags] = parts.as_slice() else {
            return Err(refuse(format!(
                "{key:?} is no selection; write it like kk,ru~economy,sport~flood"
            )));
        };
        let names = |part: &str| -> Vec<String> {
            if part.is_empty() {
                Vec::new()
            } else {
                part.split(',').map(str::to_owned).collect()
            }
        };
        let languages = names(languages)
            .iter()
            .map(|tag| Language::parse(tag))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refuse)?;
        Self::new(&languages, &names(sections), &names(tags))
    }

    /// Languages in the order of preference; empty means every language.
    pub fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// Slugs of sections, sorted; empty means everything, also sections that come later.
    pub fn sections(&self) -> &[String] {
        &self.sections
    }

    /// Slugs of tags, sorted; empty means no further narrowing.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

/// The canonical key.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let languages: Vec<&str> = self.languages.iter().map(Language::as_str).collect();
        write!(
            f,
            "{}~{}~{}",
            languages.join(","),
            self.sections.join(","),
            self.tags.join(",")
        )
    }
}

fn sorted(slugs: &[String], field: &'static str, what: &str) -> Result<Vec<String>, ChoiceError> {
    let mut sorted = slugs.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    for slug in &sorted {
        let is_slug = !slug.is_empty()
            && slug.len() <= 80
            && slug
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !is_slug {
            return Err(ChoiceError {
                field,
                sentence: format!(
                    "{slug:?} is no {what}; a {what} is named by its word in addresses, like economy"
                ),
            });
        }
    }
    Ok(sorted)
}

/// Whether an article in `section` with `article_tags` is wanted. Each list narrows, an empty one does not: the newsletter's
/// sections, the person's sections, and the person's tags, of which one must stand on the article.
pub fn is_match(
    sections: &[String],
    tags: &[String],
    newsletter_sections: &[String],
    section: Option<&str>,
    article_tags: &[String],
) -> bool {
    let stands_in =
        |list: &[String]| list.is_empty() || section.is_some_and(|s| list.iter().any(|l| l == s));
    stands_in(newsletter_sections)
        && stands_in(sections)
        && (tags.is_empty() || article_tags.iter().any(|tag| tags.contains(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn equal_wishes_have_one_key() {
        let languages = [
            Language::parse("kk").unwrap(),
            Language::parse("ru").unwrap(),
        ];
        let choice = Choice::new(
            &languages,
            &strings(&["sport", "economy", "sport"]),
            &strings(&["flood"]),
        );
        assert_eq!(choice.unwrap().to_string(), "kk,ru~economy,sport~flood");
        let everything = Choice::new(&languages, &[], &[]).unwrap();
        assert_eq!(everything.to_string(), "kk,ru~~");
        // The order of languages is the wish itself.
        let other = Choice::new(&[languages[1].clone(), languages[0].clone()], &[], &[]).unwrap();
        assert_eq!(other.to_string(), "ru,kk~~");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in [
            "",
            "kk",
            "kk~economy",
            "kk~~~",
            "kk~Economy~",
            "kk~a/b~",
            "kk~,~",
            "kk,,ru~~",
            "kk~~a b",
            "kk~~\u{0}",
            "~экономика~",
        ] {
            assert!(Choice::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Choice::parse("~~").unwrap().languages().is_empty());
        assert_eq!(
            Choice::parse("kz,ru~sport,economy~").unwrap().to_string(),
            "kk,ru~economy,sport~"
        );
    }

    #[test]
    fn each_list_narrows_and_an_empty_one_does_not() {
        let none: &[String] = &[];
        let (sport, flood) = (strings(&["sport"]), strings(&["flood"]));
        let both = strings(&["economy", "sport"]);
        for (sections, tags, newsletter, section, article_tags, wanted) in [
            (none, none, none, None, none, true),
            (none, none, none, Some("sport"), &flood[..], true),
            (&sport[..], none, none, Some("sport"), none, true),
            (&sport[..], none, none, Some("economy"), none, false),
            (&sport[..], none, none, None, none, false),
            (none, none, &sport[..], Some("economy"), none, false),
            (none, none, &sport[..], Some("sport"), none, true),
            (&both[..], none, &sport[..], Some("economy"), none, false),
            (none, &flood[..], none, Some("sport"), none, false),
            (none, &flood[..], none, None, &flood[..], true),
            (
                &sport[..],
                &flood[..],
                none,
                Some("economy"),
                &flood[..],
                false,
            ),
        ] {
            assert_eq!(
                is_match(sections, tags, newsletter, section, article_tags),
                wanted,
                "{sections:?} {tags:?} of {newsletter:?}: {section:?} {article_tags:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_key_survives_being_read(
            languages in proptest::collection::vec("(kk|ru|en|uz|kk-Arab|en-GB)", 0..5),
            sections in proptest::collection::vec("[a-z0-9][a-z0-9-]{0,10}", 0..6),
            tags in proptest::collection::vec("[a-z0-9-]{1,8}", 0..6),
        ) {
            let languages: Vec<Language> = languages.iter().map(|tag| Language::parse(tag).unwrap()).collect();
            let choice = Choice::new(&languages, &sections, &tags).unwrap();
            let key = choice.to_string();
            prop_assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || "-,~".contains(c)));
            prop_assert_eq!(Choice::parse(&key).unwrap(), choice);
            let mut shuffled = sections.clone();
            shuffled.reverse();
            shuffled.extend(sections);
            prop_assert_eq!(Choice::new(&languages, &shuffled, &tags).unwrap().to_string(), key);
        }

        #[test]
        fn nothing_typed_breaks_the_reader(text in any::<String>()) {
            if let Ok(choice) = Choice::parse(&text) {
                prop_assert_eq!(Choice::parse(&choice.to_string()).unwrap(), choice);
            }
        }
    }
}
