//! Every address in a feed's content is absolute: readers and mailers ignore `xml:base`, and relative ones break
//! (REQUIREMENTS-FEEDS section 2).
//!
//! The input is HTML that our sanitiser wrote, so tags are closed and attributes quoted; the scanner here stands other input
//! without panicking, and changes nothing but the values it understands.

use url::Url;

/// Where relative addresses of one article are looked for.
pub struct Place<'a> {
    /// The newsroom's address without a slash at its end: what begins with `/` is there.
    pub base_url: &'a str,
    /// The article's own page, absolute: `#note` and `picture.jpg` are there.
    pub page: &'a str,
}

impl Place<'_> {
    /// The absolute form of an address as it stands in an attribute.
    pub fn absolute(&self, address: &str) -> String {
        let trimmed = address.trim_matches(|c: char| c.is_ascii_whitespace());
        if trimmed.is_empty() || has_scheme(trimmed) {
            return trimmed.to_owned();
        }
        if let Some(host) = trimmed.strip_prefix("//") {
            let scheme = self.base_url.split(':').next().unwrap_or("https");
            return format!("{scheme}://{host}");
        }
        if trimmed.starts_with('/') {
            return format!("{}{trimmed}", self.base_url);
        }
        if trimmed.starts_with('#') {
            let page = self.page.split('#').next().unwrap_or(self.page);
            return format!("{page}{trimmed}");
        }
        Url::parse(self.page)
            .and_then(|page| page.join(trimmed))
            .map_or_else(|_| trimmed.to_owned(), String::from)
    }

    /// The absolute form of every candidate of a `srcset` (HTML section 4.8.4.2.1).
    pub fn absolute_srcset(&self, srcset: &str) -> String {
        let mut out: Vec<String> = Vec::new();
        let mut rest = srcset;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
            if rest.is_empty() {
                return out.join(", ");
            }
            let end = rest
                .find(|c: char| c.is_ascii_whitespace())
                .unwrap_or(rest.len());
            let (address, after) = rest.split_at(end);
            let bare = address.trim_end_matches(',');
            if bare.len() < address.len() {
                out.push(self.absolute(bare));
                rest = after;
                continue;
            }
            let end = after.find(',').unwrap_or(after.len());
            let (descriptor, after) = after.split_at(end);
            let descriptor = descriptor.trim_matches(|c: char| c.is_ascii_whitespace());
            out.push(
                format!("{} {descriptor}", self.absolute(bare))
                    .trim_end()
                    .to_owned(),
            );
            rest = after;
        }
    }
}

/// RFC 3986 section 3.1.
fn has_scheme(address: &str) -> bool {
    address.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// Content with absolute addresses, and the pictures it shows.
pub struct Content {
    /// The HTML.
    pub html: String,
    /// Addresses of its `<img>`, unescaped.
    pub images: Vec<String>,
}

/// Makes every address of the HTML absolute.
pub fn absolutise(html: &str, place: &Place<'_>) -> Content {
    let mut out = String::with_capacity(html.len() + html.len() / 16);
    let mut images = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = comment.find("-->").map_or(rest.len(), |i| i + 7);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            rest = copy_tag(rest, place, &mut out, &mut images);
        } else {
            out.push('<');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Content { html: out, images }
}

/// Copies the start tag that `text` begins with and returns what follows it.
fn copy_tag<'a>(
    text: &'a str,
    place: &Place<'_>,
    out: &mut String,
    images: &mut Vec<String>,
) -> &'a str {
    let name_end = text[1..]
        .find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')
        .map_or(text.len(), |i| i + 1);
    let tag = text[1..name_end].to_ascii_lowercase();
    out.push_str(&text[..name_end]);
    let mut rest = &text[name_end..];
    loop {
        let name_start = rest
            .find(|c: char| !c.is_ascii_whitespace() && c != '/')
            .unwrap_or(rest.len());
        out.push_str(&rest[..name_start]);
        rest = &rest[name_start..];
        if rest.is_empty() {
            return rest;
        }
        if let Some(after) = rest.strip_prefix('>') {
            out.push('>');
            return after;
        }
        // An attribute's name; a stray `=` is part of it (HTML section 13.2.5.32).
        let name_end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_whitespace() || "=>/".contains(*c))
            .map_or(rest.len(), |(i, _)| i);
        let name = rest[..name_end].to_ascii_lowercase();
        out.push_str(&rest[..name_end]);
        rest = &rest[name_end..];
        let spaces = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_whitespace())
                .len();
        let Some(value) = rest[spaces..].strip_prefix('=') else {
            continue;
        };
        let value = value.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = if let Some(quote) = quote {
            let inside = &value[1..];
            let end = inside.find(quote).unwrap_or(inside.len());
            (&inside[..end], inside.get(end + 1..).unwrap_or(""))
        } else {
            let end = value
                .find(|c: char| c.is_ascii_whitespace() || c == '>')
                .unwrap_or(value.len());
            value.split_at(end)
        };
        let made = match name.as_str() {
            "href" | "src" | "poster" | "background" | "cite" | "longdesc" | "data" => {
                place.absolute(value)
            }
            "srcset" => place.absolute_srcset(value),
            _ => value.to_owned(),
        };
        if tag == "img" && name == "src" {
            images.push(made.replace("&amp;", "&"));
        }
        // A quote inside a bare value would end the one we put around it.
        let (quote, made) = match quote {
            Some(quote) => (quote, made),
            None => ('"', made.replace('"', "&quot;")),
        };
        out.push('=');
        out.push(quote);
        out.push_str(&made);
        out.push(quote);
        rest = after;
    }
}

/// Text as HTML shows it, also inside quoted attributes.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// An address as a URI (RFC 3986): what is ASCII stays as it is, anything else is encoded.
pub fn uri(address: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
    let trimmed = address.trim();
    if trimmed.chars().all(plain) {
        return trimmed.to_owned();
    }
    Url::parse(trimmed).map_or_else(
        |_| trimmed.chars().filter(|c| plain(*c)).collect(),
        |url| {
            url.as_str()
                .chars()
                .flat_map(|c| {
                    if plain(c) {
                        vec![c]
                    } else {
                        format!("%{:02X}", c as u32 & 0xff).chars().collect()
                    }
                })
                .collect()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: Place<'static> = Place {
        base_url: "https://news.example.kz",
        page: "https://news.example.kz/kk/news/tasqyn",
    };

    #[test]
    fn every_address_becomes_absolute() {
        for (given, wanted) in [
            (
                r#"<img src="/media/a.jpg" alt="/x">"#,
                r#"<img src="https://news.example.kz/media/a.jpg" alt="/x">"#,
            ),
            (
                r##"<a href="#fn1">1</a>"##,
                r#"<a href="https://news.example.kz/kk/news/tasqyn#fn1">1</a>"#,
            ),
            (
                r#"<a href="//example.org/x">x</a>"#,
                r#"<a href="https://example.org/x">x</a>"#,
            ),
            (
                r#"<a href="budget.pdf">x</a>"#,
                r#"<a href="https://news.example.kz/kk/news/budget.pdf">x</a>"#,
            ),
            (
                r#"<a href="mailto:office@example.kz">x</a>"#,
                r#"<a href="mailto:office@example.kz">x</a>"#,
            ),
            (
                "<video poster='/p.jpg' src=/v.mp4></video>",
                r#"<video poster='https://news.example.kz/p.jpg' src="https://news.example.kz/v.mp4"></video>"#,
            ),
            (
                r#"<img srcset="/a.jpg 1x, /b,c.jpg 2x,/d.jpg">"#,
                r#"<img srcset="https://news.example.kz/a.jpg 1x, https://news.example.kz/b,c.jpg 2x, https://news.example.kz/d.jpg">"#,
            ),
            (
                r#"<blockquote cite="/q"><table background="/b.png"></table></blockquote>"#,
                r#"<blockquote cite="https://news.example.kz/q"><table background="https://news.example.kz/b.png"></table></blockquote>"#,
            ),
            (
                "<a title=it's\"x href=/y>",
                "<a title=\"it's&quot;x\" href=\"https://news.example.kz/y\">",
            ),
            (
                "1 < 2 <!-- <img src=\"/a\"> --> <p>/x</p>",
                "1 < 2 <!-- <img src=\"/a\"> --> <p>/x</p>",
            ),
        ] {
            assert_eq!(absolutise(given, &PLACE).html, wanted);
        }
    }

    #[test]
    fn pictures_are_found() {
        let content = absolutise(r#"<p><img alt="" src="/a.jpg?x=1&amp;y=2"></p>"#, &PLACE);
        assert_eq!(content.images, ["https://news.example.kz/a.jpg?x=1&y=2"]);
    }

    #[test]
    fn addresses_become_uris() {
        assert_eq!(
            uri("https://example.org/a?b=c#d"),
            "https://example.org/a?b=c#d"
        );
        assert_eq!(
            uri("https://мысал.қаз/жол бар"),
            "https://xn--80awbu3c.xn--80ao21a/%D0%B6%D0%BE%D0%BB%20%D0%B1%D0%B0%D1%80"
        );
        assert_eq!(
            uri("https://example.org/{a}|b"),
            "https://example.org/%7Ba%7D%7Cb"
        );
    }

    proptest! {
        #[test]
        fn any_text_passes_and_a_second_time_changes_nothing(html in "[<>a-z/=\"' \\-!#,é]{0,80}") {
            let once = absolutise(&html, &PLACE).html;
            prop_assert_eq!(&absolutise(&once, &PLACE).html, &once);
        }

        #[test]
        fn text_outside_tags_is_left_alone(text in "[^<]{0,80}") {
            prop_assert_eq!(absolutise(&text, &PLACE).html, text);
        }
    }
}
