//! Languages as BCP 47 tags.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A well-formed language tag in its usual spelling, e.g. `kk`, `en-GB`, `kk-Arab`.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, sqlx::Type,
)]
#[sqlx(transparent)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

impl Language {
    /// Reads a tag (RFC 5646 section 2.1: subtags of letters and digits) and writes it in its usual case. `kz`, which many
    /// sites of Kazakhstan use, is read as `kk`.
    pub fn parse(tag: &str) -> Result<Self, String> {
        let refuse = || format!("{tag:?} is not a language tag; write it like kk, ru or en-GB");
        let tag_trimmed = tag.trim().replace('_', "-");
        if tag_trimmed.len() > 35 {
            return Err(refuse());
        }
        let mut out = String::new();
        for (i, part) in tag_trimmed.split('-').enumerate() {
            let letters = part.chars().all(|c| c.is_ascii_alphabetic());
            let digits_too = part.chars().all(|c| c.is_ascii_alphanumeric());
            let lower = part.to_ascii_lowercase();
            match (i, part.len()) {
                (0, 2..=3) if letters => out.push_str(if lower == "kz" { "kk" } else { &lower }),
                (1.., 4) if letters => {
                    out.push('-');
                    out.push_str(&lower[..1].to_ascii_uppercase());
                    out.push_str(&lower[1..]);
                }
                (1.., 2) if letters => {
                    out.push('-');
                    out.push_str(&lower.to_ascii_uppercase());
                }
                (1.., 1..=8) if digits_too => {
                    out.push('-');
                    out.push_str(&lower);
                }
                _ => return Err(refuse()),
            }
        }
        Ok(Self(out))
    }

    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The primary subtag, e.g. `en` of `en-GB`.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// The writing direction for HTML's `dir`: `rtl` or `ltr`.
    pub fn direction(&self) -> &'static str {
        let rtl_script = ["-Arab", "-Hebr", "-Thaa", "-Syrc"]
            .iter()
            .any(|s| self.0.contains(s));
        let other_script = ["-Latn", "-Cyrl"].iter().any(|s| self.0.contains(s));
        let rtl_language =
            ["ar", "he", "fa", "ur", "ps", "sd", "ug", "yi", "dv", "ckb"].contains(&self.primary());
        if rtl_script || (rtl_language && !other_script) {
            "rtl"
        } else {
            "ltr"
        }
    }

    /// Guesses the language of a text by the letters only one of ours has: ә ғ қ ң ө ұ ү һ mean Kazakh, else ы э ъ mean
    /// Russian, else English. Ready-made guessers do not know Kazakh.
    pub fn guess(text: &str) -> Self {
        let has = |letters: &str| {
            text.chars()
                .flat_map(char::to_lowercase)
                .any(|c| letters.contains(c))
        };
        let cyrillic = text
            .chars()
            .filter(|c| ('\u{400}'..='\u{4ff}').contains(c))
            .count();
        let latin = text.chars().filter(char::is_ascii_alphabetic).count();
        let tag = if cyrillic * 3 < latin {
            "en"
        } else if has("әғқңөұүһ") {
            "kk"
        } else if has("ыэъ") || cyrillic > 0 {
            "ru"
        } else {
            "en"
        };
        Self(tag.to_owned())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Language {
    type Error = String;
    fn try_from(tag: String) -> Result<Self, String> {
        Self::parse(&tag)
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}

impl std::str::FromStr for Language {
    type Err = String;
    fn from_str(tag: &str) -> Result<Self, String> {
        Self::parse(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_get_their_usual_case() {
        for (given, usual) in [
            ("KK", "kk"),
            ("kz", "kk"),
            ("en-us", "en-US"),
            ("kk_arab", "kk-Arab"),
            ("sk", "sk"),
        ] {
            assert_eq!(Language::parse(given).unwrap().as_str(), usual);
        }
        for bad in ["", "k", "kazakh", "en-", "e n", "ru-\u{0}"] {
            assert!(Language::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn texts_are_guessed_by_their_letters() {
        for (text, language) in [
            ("Су тасқынына дайындық басталды", "kk"),
            ("Подготовка к паводку началась вовремя", "ru"),
            ("Flood preparations have begun", "en"),
            ("The word «қазақ» in an English story about spelling", "en"),
        ] {
            assert_eq!(Language::guess(text).as_str(), language, "{text}");
        }
    }
}
