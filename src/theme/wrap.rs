//! Lines for people who read mail as text.

use unicode_segmentation::UnicodeSegmentation;

/// Breaks at spaces so that no line is longer than `columns`, unless one word (an address) is; line breaks in `text` stay.
/// Each line is indented by `indent` spaces.
pub fn wrap(text: &str, columns: usize, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let room = columns.saturating_sub(indent).max(1);
    let mut out = String::new();
    for (i, paragraph) in text.lines().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let mut used = 0;
        // Unbreakable spaces hold words together; only plain white space may become a line break.
        for word in paragraph.split([' ', '\t']).filter(|w| !w.is_empty()) {
            let width = word.graphemes(true).count();
            if used == 0 {
                out.push_str(&margin);
            } else if used + 1 + width > room {
                out.push('\n');
                out.push_str(&margin);
                used = 0;
            } else {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += width;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_never_broken() {
        let url = format!("https://news.example.kz/{}", "a".repeat(90));
        assert_eq!(
            wrap(&format!("Оқу: {url} соңы"), 72, 0),
            format!("Оқу:\n{url}\nсоңы")
        );
        assert_eq!(wrap("бір екі үш", 7, 2), "  бір\n  екі\n  үш");
    }

    proptest! {
        #[test]
        fn wrapping_changes_white_space_alone(text in "[а-яәқ]{1,30}( [а-яәқ]{1,30}){0,20}", indent in 0usize..4) {
            let wrapped = wrap(&text, 72, indent);
            prop_assert!(wrapped.lines().all(|l| l.chars().count() <= 72));
            let words: Vec<_> = wrapped.split_whitespace().collect();
            prop_assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
        }
    }
}
