//! The only door for strings that go into feeds and mail: what XML forbids never passes, and cuts never split a letter.

use unicode_segmentation::UnicodeSegmentation;

/// Whether XML 1.0 (section 2.2, `Char`) allows the character.
pub const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// Removes what XML 1.0 forbids and writes every line end as `\n` (section 2.11).
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() == Some(&'\n') {
                    chars.next();
                }
                out.push('\n');
            }
            c if is_xml_char(c) => out.push(c),
            _ => {}
        }
    }
    out
}

/// One line: forbidden characters, bidirectional overrides and surplus white space are gone, for titles, names and headers.
pub fn clean_line(text: &str) -> String {
    let kept: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .filter(|c| {
            is_xml_char(*c)
                && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        })
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text that feeds may carry: it can only be built through the filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct XmlText(String);

impl XmlText {
    /// Text of several lines, e.g. HTML.
    pub fn new(text: &str) -> Self {
        Self(clean(text))
    }

    /// Text of one line, e.g. a title.
    pub fn line(text: &str) -> Self {
        Self(clean_line(text))
    }

    /// The filtered text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The filtered text.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Cuts at the last end of a word within `max` letters (grapheme clusters), drops trailing punctuation and one-letter words,
/// and adds `…`. Text of at most `max + slack` letters is left whole.
pub fn cut_at_word(text: &str, max: usize, slack: usize) -> String {
    let text = text.trim();
    let letters: Vec<(usize, &str)> = text.grapheme_indices(true).collect();
    if letters.len() <= max + slack {
        return text.to_owned();
    }
    let limit = letters[max].0;
    let head = if letters[max].1.chars().all(char::is_whitespace) {
        &text[..limit]
    } else {
        text[..limit]
            .rfind(char::is_whitespace)
            .map_or(&text[..limit], |i| &text[..i])
    };
    let mut head = head;
    loop {
        let trimmed =
            head.trim_end_matches(|c: char| c.is_whitespace() || ",;:.–—-«(„“\"!?…№".contains(c));
        let last = trimmed
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_whitespace())
            .map_or(0, |(i, c)| i + c.len_utf8());
        let word = &trimmed[last..];
        let lonely =
            last > 0 && word.graphemes(true).count() == 1 && !word.chars().all(char::is_numeric);
        // «№ 94», «г. Астана», «28 ақпан»: what the number or the abbreviation belongs to comes next, so it goes with it.
        let dangling =
            last > 0 && (word.chars().all(|c| c.is_ascii_digit()) || head.ends_with("№"));
        if lonely || dangling {
            head = &trimmed[..last];
            continue;
        }
        head = trimmed;
        break;
    }
    if let Some(open) = head.rfind('«')
        && !head[open..].contains('»')
        && open > 0
        && head[..open].chars().count() * 2 > max
    {
        head = head[..open].trim_end_matches(|c: char| c.is_whitespace() || ",;:.–—-".contains(c));
    }
    format!("{head}…")
}

/// How many letters (grapheme clusters) a text has.
pub fn letters(text: &str) -> usize {
    text.graphemes(true).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_end_at_a_word_and_leave_nothing_dangling() {
        let text = "Паводок: жителей области просят подготовить документы заранее";
        assert_eq!(
            cut_at_word(text, 50, 8),
            "Паводок: жителей области просят подготовить…"
        );
        assert_eq!(cut_at_word("коротко и ясно", 50, 8), "коротко и ясно");
        assert_eq!(
            cut_at_word("Приказ принят и подписан вчера № 94 министром", 35, 0),
            "Приказ принят и подписан вчера…"
        );
    }

    proptest! {
        #[test]
        fn nothing_that_xml_forbids_passes(text in any::<String>()) {
            prop_assert!(clean(&text).chars().all(|c| is_xml_char(c) && c != '\r'));
            let line = clean_line(&text);
            prop_assert!(line.chars().all(|c| !c.is_control()));
        }

        #[test]
        fn a_cut_is_never_longer_than_asked(text in "\\PC{0,200}", max in 5usize..80) {
            prop_assert!(letters(&cut_at_word(&text, max, 0)) <= max + 1);
        }
    }
}
