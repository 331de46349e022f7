//! A feed as a tree of elements: namespaces resolved, entities decoded, nothing fetched, nothing expanded.
//!
//! Strict where a mistake means that text is missing (an element that is not closed), lenient where it does not (an unknown
//! entity, a prefix without a namespace, a character that XML forbids).

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::FeedError;

/// Elements inside elements, at most.
const MAX_DEPTH: usize = 200;

/// An element.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// Namespace, or the prefix itself where nothing binds it; empty for none.
    pub namespace: String,
    /// Local name.
    pub name: String,
    /// Attributes by their name as written, e.g. `xml:lang`.
    pub attributes: Vec<(String, String)>,
    /// What stands in it.
    pub children: Vec<Node>,
}

/// What stands in an element.
#[derive(Clone, Debug)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text.
    Text(String),
}

impl Element {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The elements in it.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// All text in it, trimmed; `None` if there is none.
    pub fn text(&self) -> Option<String> {
        let mut out = String::new();
        self.push_text(&mut out);
        let text = out.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn push_text(&self, out: &mut String) {
        for node in &self.children {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Element(element) => element.push_text(out),
            }
        }
    }

    /// What stands in it as HTML, for `type="xhtml"`.
    pub fn inner_html(&self) -> String {
        let mut out = String::new();
        self.push_html(&mut out);
        out
    }

    fn push_html(&self, out: &mut String) {
        for node in &self.children {
            match node {
                Node::Text(text) => out.push_str(&crate::newsroom::markup::escape(text)),
                Node::Element(element) => {
                    out.push('<');
                    out.push_str(&element.name);
                    for (key, value) in &element.attributes {
                        let key = if key == "xml:lang" { "lang" } else { key };
                        if !key.contains(':') && key != "xmlns" {
                            out.push(' ');
                            out.push_str(key);
                            out.push_str("=\"");
                            out.push_str(&crate::newsroom::markup::escape(value));
                            out.push('"');
                        }
                    }
                    out.push('>');
                    if !is_void(&element.name) {
                        element.push_html(out);
                        out.push_str("</");
                        out.push_str(&element.name);
                        out.push('>');
                    }
                }
            }
        }
    }
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Reads a document and returns its root.
pub fn parse(text: &str) -> Result<Element, FeedError> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if !text.starts_with('<') {
        return Err(FeedError::NotXml {
            line: 1,
            problem: "it does not begin with <".to_owned(),
        });
    }
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        let line = |at: usize| {
            let before = &text.as_bytes()[..at.min(text.len())];
            before.split(|b| *b == b'\n').count()
        };
        let (namespace, event) = match reader.read_resolved_event() {
            Ok((namespace, event)) => {
                let namespace = match namespace {
                    ResolveResult::Bound(namespace) => namespace.into_inner().to_owned(),
                    ResolveResult::Unknown(prefix) => prefix,
                    ResolveResult::Unbound => String::new(),
                };
                (namespace, event)
            }
            Err(quick_xml::Error::Syntax(error)) => {
                return Err(FeedError::CutShort {
                    line: line(text.len()),
                    problem: error.to_string(),
                });
            }
            Err(error) => {
                return Err(FeedError::NotXml {
                    line: line(at),
                    problem: error.to_string(),
                });
            }
        };
        let piece = match event {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(FeedError::NotXml {
                        line: line(at),
                        problem: format!("its elements are more than {MAX_DEPTH} deep"),
                    });
                }
                open.push(element(namespace, &start));
                continue;
            }
            Event::End(_) => {
                let Some(done) = open.pop() else { continue };
                match open.last_mut() {
                    Some(parent) => parent.children.push(Node::Element(done)),
                    // What stands behind the root (a server's remark, say) is nobody's text.
                    None => return Ok(done),
                }
                continue;
            }
            Event::Text(text) => text.xml10_content().into_owned(),
            Event::CData(text) => text.xml10_content().into_owned(),
            Event::GeneralRef(reference) => decode_reference(&reference.into_inner()),
            Event::Eof => {
                let Some(innermost) = open.last() else {
                    return Err(FeedError::NotXml {
                        line: 1,
                        problem: "it holds no element".to_owned(),
                    });
                };
                return Err(FeedError::CutShort {
                    line: line(text.len()),
                    problem: format!("<{}> is never closed", innermost.name),
                });
            }
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => continue,
        };
        if let Some(parent) = open.last_mut() {
            if let Some(Node::Text(last)) = parent.children.last_mut() {
                last.push_str(&piece);
            } else {
                parent.children.push(Node::Text(piece));
            }
        } else if !piece.trim().is_empty() {
            return Err(FeedError::NotXml {
                line: line(at),
                problem: "there is text before the first element".to_owned(),
            });
        }
    }
}

fn element(namespace: String, start: &BytesStart<'_>) -> Element {
    let mut attributes = Vec::new();
    for attribute in start.html_attributes().with_checks(false).flatten() {
        attributes.push((
            attribute.key.as_ref().to_owned(),
            decode_references(&attribute.value),
        ));
    }
    Element {
        namespace,
        name: start.local_name().as_ref().to_owned(),
        attributes,
        children: Vec::new(),
    }
}

/// The text a reference stands for; one that XML does not know stays as it is, for HTML may know it.
fn decode_reference(name: &str) -> String {
    let code = name
        .strip_prefix("#x")
        .or_else(|| name.strip_prefix("#X"))
        .map(|hex| u32::from_str_radix(hex, 16))
        .or_else(|| name.strip_prefix('#').map(str::parse));
    match (code, name) {
        (Some(code), _) => code
            .ok()
            .and_then(char::from_u32)
            .map(String::from)
            .unwrap_or_default(),
        (None, "amp") => "&".to_owned(),
        (None, "lt") => "<".to_owned(),
        (None, "gt") => ">".to_owned(),
        (None, "quot") => "\"".to_owned(),
        (None, "apos") => "'".to_owned(),
        (None, name) => format!("&{name};"),
    }
}

fn decode_references(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        // The longest name that matters has a dozen letters; looking no further keeps a hostile text linear.
        if let Some(end) = rest.bytes().take(13).position(|b| b == b';') {
            out.push_str(&decode_reference(&rest[1..end]));
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_entities_are_read() {
        let root = parse("\n\n<a xmlns:m='urn:m' t='x &amp; &#1179;'>1 &lt; 2 &nbsp;<![CDATA[<b>]]><m:c/></a> <!-- --> rest").unwrap();
        assert_eq!(root.text().as_deref(), Some("1 < 2 &nbsp;<b>"));
        assert_eq!(root.attribute("t"), Some("x & қ"));
        assert_eq!(root.elements().next().unwrap().namespace, "urn:m");
        let root = parse("<a><div>x<br/>y &amp; z<img src='q'/></div></a>").unwrap();
        assert_eq!(
            root.inner_html(),
            "<div>x<br>y &amp; z<img src=\"q\"></div>"
        );
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for (bad, says) in [
            ("<a><b>text", "<b> is never closed"),
            ("<a>\n<b></b>", "cut short at line 2"),
            ("<a><b", "cut short"),
            ("<a><![CDATA[x", "cut short"),
            ("<a></b></a>", "not XML"),
            ("plain words", "does not begin with <"),
            ("<?xml version='1.0'?>", "no element"),
        ] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains(says), "{bad}: {error}");
        }
        assert!(parse(&"<a>".repeat(100_000)).is_err());
    }
}
