//! Subject, preheader and the name in From (PRODUCT.md section 4). Pure; the words come from the theme.

use crate::base::text::{cut_at_word, letters};

/// Letters of the headline in a subject; the tail comes after them.
const HEADLINE: usize = 60;
/// Letters of a whole subject, which is the `<title>` of the mail, too: with `…` 70, the most that validators of HTML let pass.
const SUBJECT: usize = 69;
/// Letters of a preheader; what a list shows beyond is padding.
const PREHEADER: usize = 110;
/// Letters of the name in From that a phone shows.
const SENDER: usize = 22;

/// The headline as the subject shows it: cut at a word, so that a tail of that many letters still fits.
pub fn headline(title: &str, tail: usize) -> String {
    cut_at_word(title, HEADLINE.min(SUBJECT.saturating_sub(tail)), 0)
}

/// The 2nd and 3rd headline joined by " · "; the summary of the only story if there is but one.
pub fn preheader(titles: &[&str], summary: &str) -> String {
    let joined = match titles {
        [] | [_] => summary.to_owned(),
        [_, rest @ ..] => rest.iter().take(2).copied().collect::<Vec<_>>().join(" · "),
    };
    cut_at_word(&joined, PREHEADER, 0)
}

/// A name for From that a phone shows whole.
pub fn sender_name(name: &str) -> String {
    if letters(name) <= SENDER {
        return name.to_owned();
    }
    cut_at_word(name, SENDER, 0)
        .trim_end_matches('…')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_preheader_has_the_second_and_the_third_headline() {
        assert_eq!(preheader(&["a", "b", "c", "d"], "s"), "b · c");
        assert_eq!(preheader(&["a", "b"], "s"), "b");
        assert_eq!(preheader(&["a"], "s"), "s");
    }

    #[test]
    fn a_long_name_is_cut_at_a_word() {
        assert_eq!(sender_name("Тау жаршысы"), "Тау жаршысы");
        assert_eq!(
            sender_name("Пресс-служба Министерства иностранных дел"),
            "Пресс-служба"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_a_phone_shows(title in "\\PC{0,200}") {
            prop_assert!(letters(&headline(&title, 0)) <= HEADLINE + 1);
            prop_assert!(letters(&headline(&title, 21)) + 21 <= 70);
            prop_assert!(letters(&preheader(&["x", &title, &title], "")) <= PREHEADER + 1);
            prop_assert!(letters(&sender_name(&title)) <= SENDER.max(1));
        }
    }
}
