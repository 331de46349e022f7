//! Which language a reader gets.

use crate::base::language::Language;

/// The first of `ours` that `Accept-Language` (RFC 9110 section 12.5.4) asks for, by weight; the first of all if none.
/// `kk-KZ` finds `kk`.
pub fn negotiate(accept: Option<&str>, ours: &[Language]) -> Language {
    let mut asked: Vec<(f32, Language)> = accept
        .unwrap_or("")
        .split(',')
        .take(32)
        .filter_map(|part| {
            let (tag, weight) = part
                .split_once(';')
                .map_or((part, 1.0), |(tag, parameter)| {
                    let weight = parameter
                        .trim()
                        .strip_prefix("q=")
                        .and_then(|q| q.trim().parse().ok());
                    (tag, weight.unwrap_or(0.0))
                });
            Some((weight, Language::parse(tag).ok()?))
        })
        .filter(|(weight, _)| *weight > 0.0)
        .collect();
    asked.sort_by(|a, b| b.0.total_cmp(&a.0));
    asked
        .iter()
        .find_map(|(_, language)| {
            ours.iter()
                .find(|our| *our == language)
                .or_else(|| ours.iter().find(|our| our.primary() == language.primary()))
        })
        .unwrap_or(&ours[0])
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_gets_the_first_of_our_languages_it_asks_for() {
        let ours: Vec<Language> = ["kk", "ru", "en"]
            .iter()
            .map(|tag| Language::parse(tag).unwrap())
            .collect();
        for (accept, expected) in [
            (None, "kk"),
            (Some(""), "kk"),
            (Some("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7"), "ru"),
            (Some("de-DE,de;q=0.9,en;q=0.5"), "en"),
            (Some("en;q=0.2, kk-KZ;q=0.8"), "kk"),
            (Some("kz"), "kk"),
            (Some("en;q=0, ru;q=0.1"), "ru"),
            (Some("de, fr"), "kk"),
            (Some(",,;;q=,*;q=x,\u{0}"), "kk"),
        ] {
            assert_eq!(negotiate(accept, &ours).as_str(), expected, "{accept:?}");
        }
    }
}
