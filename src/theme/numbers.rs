//! Whole numbers as people read them.

use crate::base::language::Language;

/// Thin and unbreakable (U+202F NARROW NO-BREAK SPACE).
pub(super) const THIN_SPACE: char = '\u{202f}';

/// `1 204` with thin spaces, in English `1,204`.
pub fn number(n: i64, language: &Language) -> String {
    group(n, separator(language))
}

pub(super) fn separator(language: &Language) -> char {
    if matches!(language.primary(), "kk" | "ru") {
        THIN_SPACE
    } else {
        ','
    }
}

/// Groups of three digits from the right.
pub(super) fn group(n: i64, separator: char) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::new();
    if n < 0 {
        out.push('\u{2212}');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1204, "1,204"),
            (1_234_567, "1,234,567"),
            (-1000, "−1,000"),
            (i64::MIN, "−9,223,372,036,854,775,808"),
        ] {
            assert_eq!(group(n, ','), text);
        }
        let kk = Language::parse("kk").unwrap();
        assert_eq!(number(1024, &kk), "1\u{202f}024");
    }
}
