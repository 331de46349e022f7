//! The words of a query, found again in the text that people read.

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use super::fold::split;
use crate::newsroom::markup::plain_text;

/// A piece of text, and whether it is a word that was looked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Part {
    /// Plain text.
    pub text: String,
    /// Whether it answers the query.
    pub is_hit: bool,
}

/// Letters before the first hit.
const BEFORE: usize = 60;
/// Letters in a snippet.
const LENGTH: usize = 240;
/// Bytes of a text that are looked through.
const LOOKED: usize = 200_000;

/// The whole text with its hits; `stems` is what their words begin with.
pub fn mark(text: &str, stems: &[&str]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for piece in text.split_word_bounds() {
        let is_hit = is_hit(piece, stems);
        match parts.last_mut() {
            Some(last) if !last.is_hit && !is_hit => last.text.push_str(piece),
            _ => parts.push(Part {
                text: piece.to_owned(),
                is_hit,
            }),
        }
    }
    parts
}

/// The words around the first hit in a text, with all hits among them; `None` if there is none.
pub fn snippet(text: &str, stems: &[&str]) -> Option<Vec<Part>> {
    let mut end = text.len().min(LOOKED);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let (at, _) = text
        .split_word_bound_indices()
        .find(|(_, piece)| is_hit(piece, stems))?;
    let before = &text[..at];
    let mut start = before
        .char_indices()
        .rev()
        .nth(BEFORE - 1)
        .map_or(0, |(i, _)| i);
    if start > 0 {
        // From the end of a word on.
        start += text[start..at].find(' ').map_or(0, |space| space + 1);
    }
    let stop = text[start..]
        .char_indices()
        .nth(LENGTH)
        .map_or(text.len(), |(i, _)| start + i);
    let stop = if stop < text.len() {
        text[start..stop]
            .rfind(' ')
            .map_or(stop, |space| start + space)
    } else {
        stop
    };
    let is_cut = stop < text.len();
    let shown = text[start..stop].trim_end();
    let shown = if is_cut {
        shown.trim_end_matches(|c: char| !c.is_alphanumeric())
    } else {
        shown
    };
    let mut parts = mark(shown, stems);
    if start > 0 {
        parts.insert(
            0,
            Part {
                text: "… ".to_owned(),
                is_hit: false,
            },
        );
    }
    if is_cut {
        parts.push(Part {
            text: "…".to_owned(),
            is_hit: false,
        });
    }
    Some(parts)
}

/// What is shown of a story: the words around the first hit in its summary or, if there is none, in its body; else the summary.
pub fn snippet_of(summary: &str, body_html: &str, stems: &[&str]) -> Vec<Part> {
    snippet(summary, stems)
        .or_else(|| snippet(&plain_text(body_html, &[]), stems))
        .unwrap_or_else(|| mark(summary, stems))
}

fn is_hit(piece: &str, stems: &[&str]) -> bool {
    piece.chars().any(char::is_alphanumeric)
        && split(piece)
            .iter()
            .any(|word| stems.iter().any(|stem| word.starts_with(stem)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(parts: &[Part]) -> String {
        parts
            .iter()
            .map(|part| {
                if part.is_hit {
                    format!("[{}]", part.text)
                } else {
                    part.text.clone()
                }
            })
            .collect()
    }

    #[test]
    fn a_word_is_found_whatever_its_ending_and_case() {
        let text = "Су тасқыны. Қазақстанның үш облысында су көтерілді, ёлка <b>тұр</b>.";
        assert_eq!(
            shown(&mark(text, &["қазақстан", "елк"])),
            "Су тасқыны. [Қазақстанның] үш облысында су көтерілді, [ёлка] <b>тұр</b>."
        );
        let long = format!(
            "{}Қазақстан{}",
            "бір сөз ".repeat(50),
            " тағы сөз".repeat(50)
        );
        let found = shown(&snippet(&long, &["қазақстан"]).unwrap());
        assert!(
            found.starts_with("… бір сөз бір")
                && found.contains(" [Қазақстан] тағы")
                && found.ends_with("тағы сөз…"),
            "{found}"
        );
        assert_eq!(snippet(text, &["жоқ"]), None);
    }

    proptest! {
        #[test]
        fn marking_loses_no_letter(text in any::<String>(), word in "[a-zа-я]{1,3}") {
            let whole: String = mark(&text, &[&word]).into_iter().map(|part| part.text).collect();
            prop_assert_eq!(whole, text.clone());
            let _ = snippet(&text, &[&word]);
        }
    }
}
