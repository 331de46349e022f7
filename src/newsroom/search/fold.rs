//! From a text to the plain words it is found by.

use std::collections::HashSet;

use icu::casemap::CaseMapper;
use icu::normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu::properties::CodePointMapData;
use icu::properties::props::GeneralCategory;

/// Version of the rules here; a new one has every article indexed anew.
pub const WORDS: i64 = 1;
/// Characters of a word that count; what follows is left out, in texts and queries alike.
pub(super) const MAX_WORD: usize = 48;
/// Bytes of the words of an article, at most: PostgreSQL's `tsvector` holds 1 MiB.
const MAX_BYTES: usize = 400_000;

/// Folds a text: compatibility forms, case, ё and accents are gone; the letters of Kazakh, й among them, stay what they are.
pub(super) fn fold(text: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    let folded = CaseMapper::new().fold_string(&composed);
    // Folding may take a letter apart from its mark, e.g. İ.
    let folded = ComposingNormalizerBorrowed::new_nfkc().normalize(&folded);
    let decompose = DecomposingNormalizerBorrowed::new_nfd();
    let category = CodePointMapData::<GeneralCategory>::new();
    let mut out = String::with_capacity(folded.len());
    for c in folded.chars() {
        match c {
            'ё' => out.push('е'),
            'ı' => out.push('i'),
            // й is a letter, not an и with a mark; so are ў, ї and the rest of their kind, and で.
            '\u{400}'..='\u{52f}' => out.push(c),
            c if is_sign(c) => out.push(c),
            c if c.is_ascii() => out.push(c),
            c => {
                let mut buffer = [0; 4];
                let parts = decompose.normalize(c.encode_utf8(&mut buffer));
                out.extend(
                    parts
                        .chars()
                        .filter(|part| category.get(*part) != GeneralCategory::NonspacingMark),
                );
            }
        }
    }
    out
}

/// The words of a text, folded, in its order. A word is made of letters and digits and of nothing else; where no spaces are
/// written between words, each sign is one.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut letters = 0;
    for c in fold(text).chars() {
        let is_letter = c.is_alphanumeric();
        if (!is_letter || is_sign(c)) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
            letters = 0;
        }
        if is_sign(c) {
            words.push(c.to_string());
        } else if is_letter && letters < MAX_WORD {
            word.push(c);
            letters += 1;
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Chinese characters and kana.
fn is_sign(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
        && c.is_alphanumeric()
}

/// What an article is found by: each of its words once, in their order, parted by spaces.
pub fn words(text: &str) -> String {
    let mut seen = HashSet::new();
    let mut out = String::new();
    for word in split(text) {
        if out.len() + word.len() >= MAX_BYTES {
            break;
        }
        if !seen.contains(&word) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&word);
            seen.insert(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_yo_and_accents_fold_and_kazakh_letters_stay() {
        for (text, folded) in [
            ("Ёлка, ЁЛКА", "елка"),
            ("Қазақстанның ӘҢГІМЕСІ", "қазақстанның әңгімесі"),
            ("Йод и йога", "йод и йога"),
            ("И\u{306}од", "йод"),
            ("Café «Zürich»", "cafe zurich"),
            ("STRASSE straße", "strasse"),
            ("ΛΌΓΟΣ λόγος", "λογοσ"),
            ("İstanbul ISTANBUL ıstanbul", "istanbul"),
            ("don’t № 94-ө", "don t no 94 ө"),
            ("1 024,5 тг.", "1 024 5 тг"),
            ("ﬁnance ①", "finance 1"),
            ("\u{0}\u{8}'\"*():^&|!<->\\", ""),
            ("كِتَاب", "كتاب"),
            ("北京で会う", "北 京 で 会 う"),
        ] {
            assert_eq!(words(text), folded, "{text}");
        }
    }

    proptest! {
        #[test]
        fn words_are_letters_and_digits_and_folding_again_changes_nothing(text in any::<String>()) {
            for word in split(&text) {
                prop_assert!(word.chars().all(char::is_alphanumeric), "{word:?}");
                prop_assert!(word.chars().count() <= MAX_WORD);
            }
        }
    }
}
