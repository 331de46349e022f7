//! Slugs: ASCII words for addresses, by one fixed table for each language (DESIGN 5.1).
//!
//! A slug must read well in a link that is pasted into a chat, so nothing in it is ever percent-encoded. The tables never
//! change: an old title gives the same slug for ever.

use icu::normalizer::DecomposingNormalizerBorrowed;

use crate::base::language::Language;

/// The longest slug, in letters.
pub const MAX_SLUG: usize = 60;

/// The Kazakh table.
fn kazakh(c: char) -> Option<&'static str> {
    Some(match c {
        'а' | 'ә' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ғ' => "g",
        'д' => "d",
        'е' | 'э' => "e",
        'ё' => "io",
        'ж' => "j",
        'з' => "z",
        'и' | 'й' | 'і' => "i",
        'к' => "k",
        'қ' => "q",
        'л' => "l",
        'м' => "m",
        'н' | 'ң' => "n",
        'о' | 'ө' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' | 'ұ' | 'ү' => "u",
        'ф' => "f",
        'х' | 'һ' => "h",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ы' => "y",
        'ю' => "iu",
        'я' => "ia",
        'ъ' | 'ь' => "",
        _ => return None,
    })
}

/// The Russian table, as passports have it; the letters of other Cyrillic alphabets behind it.
fn russian(c: char) -> Option<&'static str> {
    Some(match c {
        'ё' | 'є' => "e",
        'ж' => "zh",
        'х' => "kh",
        'ґ' => "g",
        'ї' | 'ј' => "i",
        'ў' => "u",
        'љ' => "l",
        'њ' => "n",
        'ћ' | 'ђ' => "d",
        'џ' => "dz",
        c => return kazakh(c),
    })
}

/// Letters of the Latin alphabets that do not come apart into a letter and a mark.
fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'ı' => "i",
        'ŋ' => "n",
        'ħ' => "h",
        'ə' => "a",
        'ʼ' | '’' | '\'' => "",
        _ => return None,
    })
}

/// The slug of a title; empty if no letter of it has a place in the tables (e.g. Chinese), so that the caller takes another.
pub fn slug(language: &Language, title: &str) -> String {
    let table = if language.primary() == "kk" {
        kazakh
    } else {
        russian
    };
    let normalizer = DecomposingNormalizerBorrowed::new_nfkd();
    let mut words: Vec<String> = vec![String::new()];
    let put = |words: &mut Vec<String>, letters: &str| {
        if let Some(word) = words.last_mut() {
            word.push_str(letters);
        }
    };
    for c in title.chars().flat_map(char::to_lowercase) {
        if let Some(letters) = table(c).or_else(|| latin(c)) {
            put(&mut words, letters);
            continue;
        }
        let mut is_known = false;
        for part in normalizer.normalize_iter(std::iter::once(c)) {
            if part.is_ascii_alphanumeric() {
                is_known = true;
                put(
                    &mut words,
                    part.to_ascii_lowercase().encode_utf8(&mut [0; 4]),
                );
            } else if is_mark(part) {
                is_known = true;
            } else if let Some(letters) = table(part).or_else(|| latin(part)) {
                is_known = true;
                put(&mut words, letters);
            }
        }
        if !is_known && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
    }
    let mut out = String::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        let needed = word.len() + usize::from(!out.is_empty());
        if out.len() + needed > MAX_SLUG {
            if out.is_empty() {
                out.push_str(&word[..MAX_SLUG]);
            }
            break;
        }
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(word);
    }
    out
}

/// Combining marks of Latin, Greek and Cyrillic letters.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// The slug with a number or word behind it, still at most [`MAX_SLUG`] long.
pub fn with_suffix(slug: &str, suffix: &str) -> String {
    let room = MAX_SLUG - suffix.len() - 1;
    let head = slug[..slug.len().min(room)].trim_end_matches('-');
    format!("{head}-{suffix}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(language: &str, title: &str) -> String {
        slug(&Language::parse(language).unwrap(), title)
    }

    #[test]
    fn the_kazakh_table() {
        let alphabet =
            "а ә б в г ғ д е ё ж з и й к қ л м н ң о ө п р с т у ұ ү ф х һ ц ч ш щ ы і э ю я";
        let latin = "a-a-b-v-g-g-d-e-io-j-z-i-i-k-q-l-m-n-n-o-o-p-r-s-t-u-u-u-f-h-h-ts-ch-sh-shch-y-i-e-iu-ia";
        for (letter, expected) in alphabet.split(' ').zip(latin.split('-')) {
            assert_eq!(of("kk", letter), expected, "{letter}");
        }
        assert_eq!(of("kk", "Қазақстан мен Қытай"), "qazaqstan-men-qytai");
        assert_eq!(of("kk", "Объект — «Жезқазған»"), "obekt-jezqazgan");
        assert_eq!(
            of("kk", "Су тасқынына дайындық басталды"),
            "su-tasqynyna-daiyndyq-bastaldy"
        );
    }

    #[test]
    fn the_russian_table() {
        let alphabet = "а б в г д е ё ж з и й к л м н о п р с т у ф х ц ч ш щ ы э ю я";
        let latin = "a-b-v-g-d-e-e-zh-z-i-i-k-l-m-n-o-p-r-s-t-u-f-kh-ts-ch-sh-shch-y-e-iu-ia";
        for (letter, expected) in alphabet.split(' ').zip(latin.split('-')) {
            assert_eq!(of("ru", letter), expected, "{letter}");
        }
        assert_eq!(
            of("ru", "Подъезд: 5 новых хлебных лавок!"),
            "podezd-5-novykh-khlebnykh-lavok"
        );
        assert_eq!(
            of("ru", "«Қазақстан» открыл сезон"),
            "qazaqstan-otkryl-sezon"
        );
    }

    #[test]
    fn other_languages_lose_their_marks() {
        assert_eq!(of("sk", "Žilina: ďalší deň"), "zilina-dalsi-den");
        assert_eq!(of("de", "Straße nach Łódź"), "strasse-nach-lodz");
        assert_eq!(
            of("en", "Don’t panic — it’s 5 o'clock"),
            "dont-panic-its-5-oclock"
        );
        assert_eq!(of("zh", "新闻"), "");
    }

    #[test]
    fn long_titles_are_cut_at_a_word() {
        let title =
            "Правительство утвердило порядок предоставления сведений о паводковой обстановке";
        let cut = of("ru", title);
        assert_eq!(
            cut,
            "pravitelstvo-utverdilo-poriadok-predostavleniia-svedenii-o"
        );
        assert!(with_suffix(&cut, "2").len() <= MAX_SLUG);
        assert_eq!(with_suffix("news", "2"), "news-2");
    }

    proptest! {
        #[test]
        fn a_slug_is_words_of_ascii(title in any::<String>(), language in "kk|ru|en") {
            let slug = of(&language, &title);
            prop_assert!(slug.len() <= MAX_SLUG);
            prop_assert!(slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"));
        }
    }
}
