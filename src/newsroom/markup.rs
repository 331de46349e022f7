//! Reads HTML that a serialiser wrote (every attribute quoted, every `<` of the text escaped), piece by piece.

/// A piece of markup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// Text as it stands, still escaped.
    Text(&'a str),
    /// A start tag.
    Start(&'a str, Vec<(&'a str, String)>),
    /// An end tag.
    End(&'a str),
}

/// The pieces, in order. Comments are left out.
pub fn pieces(html: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let Some(open) = rest.find('<') else {
            out.push(Piece::Text(rest));
            break;
        };
        if open > 0 {
            out.push(Piece::Text(&rest[..open]));
        }
        rest = &rest[open..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let end = tag_end(rest);
        let tag = &rest[1..end];
        rest = rest.get(end + 1..).unwrap_or("");
        if let Some(name) = tag.strip_prefix('/') {
            out.push(Piece::End(name.trim()));
        } else {
            let name_end = tag
                .find(|c: char| c.is_whitespace() || c == '/')
                .unwrap_or(tag.len());
            out.push(Piece::Start(&tag[..name_end], attributes(&tag[name_end..])));
        }
    }
    out
}

/// Where the tag that begins the text ends: at the first `>` outside quotes.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return i,
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn attributes(text: &str) -> Vec<(&str, String)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
    while !rest.is_empty() {
        let name_end = rest
            .find(|c: char| c == '=' || c.is_whitespace() || c == '/')
            .unwrap_or(rest.len());
        let name = &rest[..name_end];
        rest = rest[name_end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            if let Some(quote @ ('"' | '\'')) = after.chars().next() {
                let end = after[1..].find(quote).map_or(after.len(), |i| i + 1);
                value = &after[1..end];
                rest = after.get(end + 1..).unwrap_or("");
            } else {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                value = &after[..end];
                rest = &after[end..];
            }
        }
        if !name.is_empty() {
            out.push((name, unescape(value)));
        }
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/' || c == '=');
    }
    out
}

/// The text that the five entities of a serialiser stand for.
pub fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&nbsp;", "\u{a0}")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// Text for markup.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Writes a start tag.
pub fn push_start(out: &mut String, name: &str, attributes: &[(&str, String)]) {
    out.push('<');
    out.push_str(name);
    for (key, value) in attributes {
        out.push(' ');
        out.push_str(key);
        out.push_str("=\"");
        out.push_str(&escape(value));
        out.push('"');
    }
    out.push('>');
}

/// Elements that a reader sees on lines of their own.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "br"
            | "caption"
            | "dd"
            | "details"
            | "div"
            | "dl"
            | "dt"
            | "figcaption"
            | "figure"
            | "footer"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "li"
            | "main"
            | "nav"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "summary"
            | "table"
            | "td"
            | "th"
            | "tr"
            | "ul"
    )
}

/// The words of serialised HTML on one line, without those inside the elements named in `skip`.
pub fn plain_text(html: &str, skip: &[&str]) -> String {
    let mut out = String::new();
    let mut skipping: Option<(&str, usize)> = None;
    for piece in pieces(html) {
        match piece {
            Piece::Start(name, _) => {
                match &mut skipping {
                    Some((inside, depth)) if *inside == name => *depth += 1,
                    None if skip.contains(&name) => skipping = Some((name, 1)),
                    _ => {}
                }
                if is_block(name) {
                    out.push(' ');
                }
            }
            Piece::End(name) => {
                if let Some((inside, depth)) = &mut skipping
                    && *inside == name
                {
                    *depth -= 1;
                    if *depth == 0 {
                        skipping = None;
                    }
                }
                if is_block(name) {
                    out.push(' ');
                }
            }
            Piece::Text(text) => {
                if skipping.is_none() {
                    out.push_str(&unescape(text));
                }
            }
        }
    }
    crate::base::text::clean_line(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_text_come_apart() {
        assert_eq!(
            pieces("a<b title=\"x &gt; &quot;y\">c</b><br><!-- no -->d"),
            [
                Piece::Text("a"),
                Piece::Start("b", vec![("title", "x > \"y".to_owned())]),
                Piece::Text("c"),
                Piece::End("b"),
                Piece::Start("br", vec![]),
                Piece::Text("d"),
            ]
        );
    }

    #[test]
    fn words_of_blocks_do_not_run_together() {
        assert_eq!(
            plain_text(
                "<p>One&nbsp;&amp; two</p><p>three</p><ul><li>a</li><li>b</li></ul>",
                &[]
            ),
            "One & two three a b"
        );
        assert_eq!(
            plain_text(
                "<figure><figcaption>Photo</figcaption></figure><p>Text</p>",
                &["figure"]
            ),
            "Text"
        );
    }
}
