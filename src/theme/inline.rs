//! Rules of `<style>` moved to where Gmail's app and Word's engine look: into `style` attributes.

use css_inline::{CSSInliner, InlineOptions};

use super::ThemeError;

/// Inlines, keeps what is marked to be kept, and drops the indentation (Cyrillic leaves little room under Gmail's 102 KB).
pub(super) fn inline(html: &str) -> Result<String, ThemeError> {
    let options = InlineOptions {
        load_remote_stylesheets: false,
        minify_css: true,
        ..InlineOptions::default()
    };
    let inlined = CSSInliner::new(options)
        .inline(html)
        .map_err(|e| ThemeError::Template(format!("its CSS cannot be inlined: {e}")))?
        .replace(" data-css-inline=\"keep\"", "");
    let mut out = String::with_capacity(inlined.len());
    for line in inlined.lines().map(str::trim).filter(|l| !l.is_empty()) {
        out.push_str(line);
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_move_and_media_queries_stay() {
        let html = "<!DOCTYPE html><html><head><style>.a { color: #1c1c1c; }</style>\
            <style data-css-inline=\"keep\">@media (prefers-color-scheme: dark) { .a { color: #e8e8e8 !important } }\n\
            [data-ogsc] .a { color: #e8e8e8 !important }</style></head>\
            <body><p class=\"a\">Қазақстан</p></body></html>";
        let out = inline(html).unwrap();
        assert!(
            out.contains("<p class=\"a\" style=\"color:#1c1c1c\">"),
            "{out}"
        );
        assert!(out.contains("prefers-color-scheme: dark"), "{out}");
        assert!(out.contains("[data-ogsc] .a"), "{out}");
        assert!(!out.contains("data-css-inline"), "{out}");
    }
}
