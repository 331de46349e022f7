//! What may stand in a body, and how it is brought there: an allow-list, absolute links, real pictures.
//!
//! Everything goes through the allow-list twice: once to get well-formed markup of which links and lazy pictures can be
//! rewritten, once more as the last door, so that no rewriting can let anything in.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use url::Url;

use super::markup::{Piece, pieces, push_start};
use crate::base::text;
use crate::fetch::without_user;

/// The version of these rules; it stands beside every body they made.
pub const SANITIZER: i64 = 1;

const TAGS: [&str; 69] = [
    "a",
    "abbr",
    "address",
    "aside",
    "audio",
    "b",
    "bdi",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "picture",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "source",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
];

/// Elements that go with everything inside them.
const GONE: [&str; 22] = [
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "applet",
    "frameset",
    "noscript",
    "noframes",
    "template",
    "svg",
    "math",
    "form",
    "button",
    "select",
    "textarea",
    "input",
    "title",
    "head",
    "xmp",
    "noembed",
    "plaintext",
];

const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// Where lazy-loading scripts keep the address of the picture until it is needed.
const LAZY_SRC: [&str; 6] = [
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-orig-file",
    "data-original-src",
    "data-lazyload",
];
const LAZY_SRCSET: [&str; 3] = ["data-srcset", "data-lazy-srcset", "data-original-set"];

fn builder(lazy: bool) -> Builder<'static> {
    let mut attributes: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (tag, names) in [
        ("a", &["href", "hreflang"][..]),
        ("audio", &["src", "controls"]),
        ("bdo", &["dir"]),
        ("blockquote", &["cite"]),
        ("col", &["span"]),
        ("colgroup", &["span"]),
        ("del", &["cite", "datetime"]),
        ("details", &["open"]),
        ("img", &["src", "srcset", "sizes", "alt", "width", "height"]),
        ("ins", &["cite", "datetime"]),
        ("li", &["value"]),
        ("ol", &["start", "reversed", "type"]),
        ("q", &["cite"]),
        ("source", &["src", "srcset", "sizes", "media", "type"]),
        ("td", &["colspan", "rowspan", "headers"]),
        ("th", &["colspan", "rowspan", "scope", "headers", "abbr"]),
        ("time", &["datetime"]),
        ("video", &["src", "poster", "controls", "width", "height"]),
    ] {
        attributes.insert(tag, names.iter().copied().collect());
    }
    if lazy {
        for tag in ["img", "source"] {
            let names = attributes.entry(tag).or_default();
            names.extend(LAZY_SRC);
            names.extend(LAZY_SRCSET);
        }
    }
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(GONE))
        .tag_attributes(attributes)
        .generic_attributes(HashSet::from(["lang", "dir", "title"]))
        .url_schemes(HashSet::from(SCHEMES))
        .link_rel(None)
        .strip_comments(true);
    if lazy {
        builder.url_relative(UrlRelative::PassThrough);
    } else {
        builder.url_relative(UrlRelative::Custom(Box::new(own_path)));
    }
    builder
}

/// Of relative addresses only a path on our host passes the last door.
fn own_path(url: &str) -> Option<Cow<'_, str>> {
    resolve(url, None)
        .is_some_and(|resolved| resolved == url)
        .then_some(Cow::Borrowed(url))
}

static FIRST: LazyLock<Builder<'static>> = LazyLock::new(|| builder(true));
static LAST: LazyLock<Builder<'static>> = LazyLock::new(|| builder(false));

/// The body as it may be shown anywhere. Relative links are resolved against `base`; without one, paths that begin with `/`
/// stay (they are on our host) and other relative links are dropped.
pub fn sanitize(html: &str, base: Option<&Url>) -> String {
    let first = FIRST.clean(html).to_string();
    let mut rewritten = String::with_capacity(first.len());
    for piece in pieces(&first) {
        match piece {
            Piece::Text(text) => rewritten.push_str(text),
            Piece::End(name) => {
                rewritten.push_str("</");
                rewritten.push_str(name);
                rewritten.push('>');
            }
            Piece::Start(name, attributes) => {
                if let Some(attributes) = rewrite(name, attributes, base) {
                    push_start(&mut rewritten, name, &attributes);
                }
            }
        }
    }
    text::clean(&LAST.clean(&rewritten).to_string())
        .trim()
        .to_owned()
}

/// The attributes of an element with absolute addresses, or `None` for a picture that shows nothing or only counts readers.
fn rewrite<'a>(
    name: &str,
    attributes: Vec<(&'a str, String)>,
    base: Option<&Url>,
) -> Option<Vec<(&'a str, String)>> {
    let is_picture = matches!(name, "img" | "source");
    let mut out: Vec<(&str, String)> = Vec::with_capacity(attributes.len());
    let find = |names: &[&str]| {
        names
            .iter()
            .find_map(|wanted| attributes.iter().find(|(key, _)| key == wanted))
            .map(|(_, value)| value.as_str())
    };
    if is_picture {
        let web = |url: &str| resolve(url, base).filter(|url| is_web(url));
        let src = find(&LAZY_SRC)
            .and_then(web)
            .or_else(|| find(&["src"]).and_then(web));
        let srcset = find(&LAZY_SRCSET)
            .or_else(|| find(&["srcset"]))
            .map(|set| rewrite_srcset(set, base))
            .filter(|set| !set.is_empty());
        let is_dot = ["width", "height"].iter().any(|side| {
            find(&[side]).is_some_and(|v| matches!(v.trim().trim_end_matches("px"), "0" | "1"))
        });
        if (src.is_none() && srcset.is_none()) || (is_dot && name == "img") {
            return None;
        }
        let src = src.or_else(|| {
            let first = srcset.as_deref()?.split([' ', ',']).next()?;
            (name == "img").then(|| first.to_owned())
        });
        out.extend(src.map(|src| ("src", src)));
        out.extend(srcset.map(|set| ("srcset", set)));
        if name == "img" && find(&["alt"]).is_none() {
            out.push(("alt", String::new()));
        }
    }
    for (key, value) in attributes {
        match (name, key) {
            (_, "src" | "srcset") if is_picture => {}
            (_, key) if key.starts_with("data-") => {}
            ("img" | "video", "width" | "height") => {
                let digits = value.trim().trim_end_matches("px");
                if !digits.is_empty()
                    && digits.len() < 6
                    && digits.bytes().all(|b| b.is_ascii_digit())
                {
                    out.push((key, digits.to_owned()));
                }
            }
            (_, "href" | "cite") => out.extend(resolve(&value, base).map(|url| (key, url))),
            (_, "src" | "poster") => {
                out.extend(
                    resolve(&value, base)
                        .filter(|url| is_web(url))
                        .map(|url| (key, url)),
                );
            }
            ("audio" | "video", "controls") => out.push((key, String::new())),
            _ => out.push((key, value)),
        }
    }
    if matches!(name, "audio" | "video") && !out.iter().any(|(key, _)| *key == "controls") {
        out.push(("controls", String::new()));
    }
    Some(out)
}

fn is_web(url: &str) -> bool {
    url.starts_with('/') || url.starts_with("http://") || url.starts_with("https://")
}

/// The candidates of a `srcset` (HTML section 4.8.4.2.1: an address may hold commas, a descriptor may not).
fn rewrite_srcset(set: &str, base: Option<&Url>) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut rest = set;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return out.join(", ");
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (mut url, mut descriptor) = (&rest[..end], "");
        rest = &rest[end..];
        if url.ends_with(',') {
            url = url.trim_end_matches(',');
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            descriptor = rest[..end].trim();
            rest = &rest[end..];
        }
        if let Some(url) = resolve(url, base).filter(|url| is_web(url)) {
            // A comma inside an address would be read as the end of a candidate by those who split at commas.
            let url = url.replace(',', "%2C");
            out.push(if descriptor.is_empty() {
                url
            } else {
                format!("{url} {descriptor}")
            });
        }
    }
}

/// The absolute address without user and password, if its scheme is one that readers may follow; `None` otherwise. Without a
/// base only paths on our host (`/…`) are kept.
pub fn resolve(url: &str, base: Option<&Url>) -> Option<String> {
    let url: String = url.trim().chars().filter(|c| !c.is_control()).collect();
    if url.is_empty() || url.len() > 4000 {
        return None;
    }
    let parsed = match Url::parse(&url) {
        Ok(parsed) => parsed,
        Err(url::ParseError::RelativeUrlWithoutBase) => match base {
            Some(base) => base.join(&url).ok()?,
            None if url.starts_with("//") => Url::parse(&format!("https:{url}")).ok()?,
            None if url.starts_with('/') => {
                let host = Url::parse("http://host.invalid/").ok()?;
                let joined = host.join(&url).ok()?;
                return (joined.host() == host.host())
                    .then(|| joined[url::Position::BeforePath..].to_owned());
            }
            None => return None,
        },
        Err(_) => return None,
    };
    (SCHEMES.contains(&parsed.scheme()) && parsed.host_str() != Some(NOWHERE_HOST))
        .then(|| without_user(parsed).to_string())
}

/// Of `.invalid` (RFC 2606 section 2), so that nobody has it.
const NOWHERE_HOST: &str = "origin.invalid";

/// The base of a text whose origin is not known: relative links against it are dropped, for they would lead to our host.
pub fn nowhere() -> Url {
    static NOWHERE: LazyLock<Url> = LazyLock::new(|| {
        Url::parse(&format!("https://{NOWHERE_HOST}/")).expect("a constant address is well-formed")
    });
    NOWHERE.clone()
}

/// CommonMark with tables, footnotes, strikethrough and bare links; HTML inside it passes and meets the same allow-list.
pub fn markdown(source: &str) -> String {
    let mut options = comrak::Options::default();
    options.extension.table = true;
    options.extension.footnotes = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.render.r#unsafe = true;
    comrak::markdown_to_html(source, &options)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base() -> Url {
        Url::parse("https://origin.example/news/2026/story.html").unwrap()
    }

    #[test]
    fn hostile_markup_is_disarmed() {
        for (hostile, kept) in [
            ("<script>alert(1)</script><p>ok</p>", "<p>ok</p>"),
            ("<p onclick=\"x()\">ok</p>", "<p>ok</p>"),
            ("<a href=\"javascript:alert(1)\">ok</a>", "<a>ok</a>"),
            ("<a href=\" java\nscript:alert(1)\">ok</a>", "<a>ok</a>"),
            ("<a href=\"&#106;avascript:alert(1)\">ok</a>", "<a>ok</a>"),
            ("<a href=\"vbscript:x\">ok</a>", "<a>ok</a>"),
            ("<a href=\"data:text/html,x\">ok</a>", "<a>ok</a>"),
            ("<p style=\"background:url(x)\">ok</p>", "<p>ok</p>"),
            ("<style>p{}</style><p>ok</p>", "<p>ok</p>"),
            (
                "<iframe src=\"https://a.example\">no</iframe><p>ok</p>",
                "<p>ok</p>",
            ),
            ("<svg><script>alert(1)</script></svg><p>ok</p>", "<p>ok</p>"),
            (
                "<math><mtext><script>x</script></mtext></math><p>ok</p>",
                "<p>ok</p>",
            ),
            ("<img src=x onerror=alert(1)>ok", "ok"),
            ("<img src=\"data:image/gif;base64,R0lGOD\">ok", "ok"),
            ("<img data-src=\"javascript:alert(1)\">ok", "ok"),
            (
                "<img src=\"https://t.example/p.gif\" width=\"1\" height=\"1\">ok",
                "ok",
            ),
            ("<object data=\"x\"><p>no</p></object>ok", "ok"),
            ("<form action=\"/x\"><input name=a></form>ok", "ok"),
            (
                "<base href=\"https://evil.example/\"><p>ok</p>",
                "<p>ok</p>",
            ),
            ("<meta http-equiv=refresh content=0>ok", "ok"),
            (
                "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
                "\"&gt;",
            ),
            ("<!--<script>--><p>ok</p>", "<p>ok</p>"),
            ("<p>a\u{0}b\u{8}c\u{fffe}</p>", "<p>abc</p>"),
            ("<p>&#1;ok</p>", "<p>ok</p>"),
            ("<a href=\"/\\evil.example\">ok</a>", "<a>ok</a>"),
            ("<p class=x id=y data-z=1>ok</p>", "<p>ok</p>"),
        ] {
            let cleaned = sanitize(hostile, None).replace('\u{fffd}', "");
            assert_eq!(cleaned, kept, "{hostile}");
        }
    }

    #[test]
    fn what_an_editor_needs_stays() {
        let html = "<h2>A</h2><table><thead><tr><th scope=\"col\">B</th></tr></thead><tbody><tr><td colspan=\"2\">C</td></tr></tbody></table>\
                    <figure><img src=\"/media/x.jpg\" alt=\"D\"><figcaption>E</figcaption></figure><aside><p>F</p></aside>\
                    <ul><li>G</li></ul><p lang=\"kk\" dir=\"ltr\">Ә</p><blockquote>H</blockquote>";
        assert_eq!(sanitize(html, None), html);
    }

    #[test]
    fn links_become_absolute() {
        let html = "<a href=\"../a\">1</a><a href=\"/b\">2</a><a href=\"//cdn.example/c\">3</a><a href=\"#d\">4</a>\
                    <img src=\"p.jpg\" srcset=\"p.jpg, p2.jpg 2x, /p3,4.jpg 3x\" alt=\"\">";
        assert_eq!(
            sanitize(html, Some(&base())),
            "<a href=\"https://origin.example/news/a\">1</a><a href=\"https://origin.example/b\">2</a>\
             <a href=\"https://cdn.example/c\">3</a><a href=\"https://origin.example/news/2026/story.html#d\">4</a>\
             <img src=\"https://origin.example/news/2026/p.jpg\" srcset=\"https://origin.example/news/2026/p.jpg, \
             https://origin.example/news/2026/p2.jpg 2x, https://origin.example/p3%2C4.jpg 3x\" alt=\"\">"
        );
        assert_eq!(
            sanitize(
                "<a href=\"/b\">1</a><a href=\"c\">2</a><a href=\"#d\">3</a>",
                None
            ),
            "<a href=\"/b\">1</a><a>2</a><a>3</a>"
        );
        assert_eq!(
            sanitize("<a href=\"/b\">1</a><img src=\"/c.jpg\">", Some(&nowhere())),
            "<a>1</a>",
            "a path on somebody's host is not a path on ours"
        );
    }

    #[test]
    fn lazy_pictures_get_their_real_address() {
        assert_eq!(
            sanitize(
                "<img class=\"lazy\" src=\"data:image/gif;base64,R0lGOD\" data-src=\"/real.jpg\" data-srcset=\"/real2.jpg 2x\" width=\"640px\" alt=\"A\">",
                Some(&base())
            ),
            "<img src=\"https://origin.example/real.jpg\" srcset=\"https://origin.example/real2.jpg 2x\" width=\"640\" alt=\"A\">"
        );
        assert_eq!(
            sanitize("<img src=\"/blank.gif\" data-original=\"/real.jpg\">", None),
            "<img src=\"/real.jpg\" alt=\"\">"
        );
    }

    #[test]
    fn markdown_meets_the_same_list() {
        let html = sanitize(
            &markdown(
                "# A\n\n| b |\n|---|\n| c |\n\n<script>x</script>\n\n[d](javascript:x) ~~e~~",
            ),
            None,
        );
        assert!(html.contains("<h1>A</h1>"), "{html}");
        assert!(html.contains("<td>c</td>"), "{html}");
        assert!(html.contains("<del>e</del>"), "{html}");
        assert!(!html.contains("script"), "{html}");
    }

    /// Every element and attribute is on a list, every address has a scheme that is.
    fn check(html: &str) -> Result<(), TestCaseError> {
        for piece in pieces(html) {
            let Piece::Start(name, attributes) = piece else {
                continue;
            };
            prop_assert!(TAGS.contains(&name), "{name} in {html}");
            for (key, value) in attributes {
                prop_assert!(!key.starts_with("on") && key != "style", "{key} in {html}");
                if matches!(key, "href" | "src" | "cite" | "poster") {
                    let good = ["http://", "https://", "mailto:", "tel:", "/"]
                        .iter()
                        .any(|start| value.starts_with(start));
                    prop_assert!(good && !value.starts_with("//"), "{value} in {html}");
                }
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn no_markup_gets_through(parts in proptest::collection::vec(prop_oneof![
            "<(script|style|iframe|svg|math|img|a|p|table|td|noscript|template|title|textarea|video|source|select|mglyph|desc)( [a-z-]{2,10}=[\"']?[^>]{0,20}[\"']?){0,3}/?>",
            "</(script|style|svg|math|p|table|noscript|template|title|textarea|select)>",
            "<(a|img|video) (href|src|data-src|srcset|poster)=\"(javascript:|data:|vbscript:|//|/\\\\|https://a\\.example/|x|&#106;avascript:|\\tjava\\nscript:)[a-z(),. ]{0,9}\" onload=x>",
            "<!--|-->|<!\\[CDATA\\[|\\]\\]>|&lt;|&#0;|\"|'|>|<",
            "\\PC{0,12}",
        ], 0..12)) {
            let input = parts.concat();
            check(&sanitize(&input, None))?;
            check(&sanitize(&input, Some(&base())))?;
            let once = sanitize(&input, None);
            prop_assert!(once.chars().all(text::is_xml_char));
        }

        #[test]
        fn any_text_is_disarmed(input in any::<String>()) {
            check(&sanitize(&input, None))?;
        }
    }
}
