//! What somebody looks for.

use std::fmt;

use super::fold::split;
use crate::base::language::Language;

/// Letters in a query, at most.
pub const MAX_LETTERS: usize = 100;
/// Words in a query, at most.
pub const MAX_WORDS: usize = 8;

/// Why a text is no query.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no word in it.
    #[error("there is no word to look for")]
    Empty,
    /// More letters or words than anybody needs.
    #[error("a query has at most {MAX_WORDS} words and {MAX_LETTERS} letters")]
    TooLong,
}

/// Words to look for, folded, each once, in their order. Its text is made of letters, digits and single spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Query(String);

impl Query {
    /// Reads what was typed.
    pub fn parse(typed: &str) -> Result<Self, QueryError> {
        if typed.chars().take(MAX_LETTERS + 1).count() > MAX_LETTERS {
            return Err(QueryError::TooLong);
        }
        let mut words: Vec<String> = Vec::new();
        for word in split(typed) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        let text = words.join(" ");
        match words.len() {
            0 => Err(QueryError::Empty),
            // Folding may make more of a letter, e.g. of ﷺ.
            n if n > MAX_WORDS || text.chars().count() > MAX_LETTERS => Err(QueryError::TooLong),
            _ => Ok(Self(text)),
        }
    }

    /// The words, parted by spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What each word of a hit begins with: the words of the query without the endings of their language.
    pub fn stems(&self, language: &Language) -> Vec<&str> {
        self.0
            .split(' ')
            .map(|word| match language.primary() {
                "kk" => stem_kazakh(word),
                "ru" => stem_russian(word),
                _ => word,
            })
            .collect()
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Kazakh endings of case and number, and how many letters must stay before them. Left out is what too often belongs to the word
/// itself: the ablative after т (Қазақстан) and possessives.
const KAZAKH: [(&[&str], usize); 3] = [
    (
        &["лардың", "лердің", "дардың", "дердің", "тардың", "тердің"],
        4,
    ),
    (
        &[
            "ның", "нің", "дың", "дің", "тың", "тің", "лар", "лер", "дар", "дер", "тар", "тер",
            "дан", "ден", "нан", "нен", "мен", "бен", "пен", "нда", "нде",
        ],
        5,
    ),
    (
        &[
            "ға", "ге", "қа", "ке", "да", "де", "та", "те", "ны", "ні", "ды", "ді", "ты", "ті",
        ],
        6,
    ),
];

fn stem_kazakh(word: &str) -> &str {
    KAZAKH
        .iter()
        .find_map(|(endings, stays)| strip(word, endings, *stays))
        .unwrap_or(word)
}

/// Russian endings of nouns and adjectives, the longer first, and how many letters must stay before them.
const RUSSIAN: [(&[&str], usize); 3] = [
    (&["ами", "ями", "ого", "его", "ому", "ему", "ыми", "ими"], 4),
    (
        &[
            "ах", "ях", "ов", "ев", "ей", "ам", "ям", "ом", "ем", "ой", "ый", "ий", "ая", "яя",
            "ое", "ее", "ые", "ие", "ия", "ии", "ию", "ую", "юю", "ых", "их",
        ],
        4,
    ),
    (&["а", "я", "о", "е", "у", "ю", "ы", "и", "ь", "й"], 4),
];

fn stem_russian(word: &str) -> &str {
    RUSSIAN
        .iter()
        .find_map(|(endings, stays)| strip(word, endings, *stays))
        .unwrap_or(word)
}

fn strip<'a>(word: &'a str, endings: &[&str], stays: usize) -> Option<&'a str> {
    endings.iter().find_map(|ending| {
        word.strip_suffix(ending)
            .filter(|stem| stem.chars().count() >= stays)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stems(language: &str, typed: &str) -> String {
        let language = Language::parse(language).unwrap();
        Query::parse(typed).unwrap().stems(&language).join(" ")
    }

    #[test]
    fn a_query_is_a_few_folded_words() {
        assert_eq!(
            Query::parse(" Ёлка  ёлка, \"Қазақстан\"*")
                .unwrap()
                .as_str(),
            "елка қазақстан"
        );
        assert_eq!(Query::parse(" -*'()\u{0} "), Err(QueryError::Empty));
        assert_eq!(Query::parse(&"а ".repeat(51)), Err(QueryError::TooLong));
        assert_eq!(Query::parse("a b c d e f g h i"), Err(QueryError::TooLong));
        assert!(Query::parse("a b c d e f g h").is_ok());
    }

    #[test]
    fn endings_fall_and_short_words_stay() {
        for (language, typed, expected) in [
            ("kk", "қазақстанның", "қазақстан"),
            ("kk", "қазақстан", "қазақстан"),
            ("kk", "Алматыда", "алматы"),
            ("kk", "министрліктердің", "министрлік"),
            ("kk", "астана", "астана"),
            ("kk", "елден", "елден"),
            ("ru", "новости экономики", "новост экономик"),
            ("ru", "Казахстана", "казахстан"),
            ("ru", "вода", "вода"),
            ("ru", "елка", "елка"),
            ("en", "floods", "floods"),
        ] {
            assert_eq!(stems(language, typed), expected, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn a_query_read_again_is_itself(typed in "\\PC{0,100}") {
            if let Ok(query) = Query::parse(&typed) {
                prop_assert_eq!(Query::parse(query.as_str()).unwrap(), query.clone());
                let is_plain = |c: char| c == ' ' || c.is_alphanumeric();
                prop_assert!(query.as_str().chars().all(is_plain));
            }
        }
    }
}
