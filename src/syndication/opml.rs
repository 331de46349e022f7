//! The directory of all feeds as OPML 2.0, grouped by language and section.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::directory::{Directory, Entry};
use crate::base::text::XmlText;
use crate::base::time::Zone;

/// Writes the directory. One address a feed (RSS): whoever imports it wants each feed once.
pub fn write(directory: &Directory, zone: &Zone) -> std::io::Result<Vec<u8>> {
    let mut out = Writer::new(Vec::new());
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    out.write_event(Event::Start(
        BytesStart::new("opml").with_attributes([("version", "2.0")]),
    ))?;
    out.write_event(Event::Start(BytesStart::new("head")))?;
    text(&mut out, "title", &directory.title)?;
    text(&mut out, "dateCreated", &directory.created.rfc2822(zone))?;
    text(&mut out, "dateModified", &directory.updated.rfc2822(zone))?;
    text(&mut out, "ownerName", &directory.title)?;
    text(&mut out, "docs", "http://opml.org/spec2.opml")?;
    out.write_event(Event::End(BytesEnd::new("head")))?;
    out.write_event(Event::Start(BytesStart::new("body")))?;
    feed(&mut out, &directory.all)?;
    for group in &directory.groups {
        out.write_event(Event::Start(
            BytesStart::new("outline")
                .with_attributes([("text", XmlText::line(&group.name).as_str())]),
        ))?;
        for entry in &group.entries {
            feed(&mut out, entry)?;
        }
        out.write_event(Event::End(BytesEnd::new("outline")))?;
    }
    out.write_event(Event::End(BytesEnd::new("body")))?;
    out.write_event(Event::End(BytesEnd::new("opml")))?;
    Ok(out.into_inner())
}

fn text(out: &mut Writer<Vec<u8>>, name: &str, value: &str) -> std::io::Result<()> {
    out.write_event(Event::Start(BytesStart::new(name)))?;
    out.write_event(Event::Text(BytesText::new(XmlText::line(value).as_str())))?;
    out.write_event(Event::End(BytesEnd::new(name)))
}

fn feed(out: &mut Writer<Vec<u8>>, entry: &Entry) -> std::io::Result<()> {
    let title = XmlText::line(&entry.title);
    let mut outline = BytesStart::new("outline").with_attributes([
        ("type", "rss"),
        ("version", "RSS2"),
        ("text", title.as_str()),
        ("title", title.as_str()),
        ("xmlUrl", &entry.rss),
        ("htmlUrl", &entry.page),
    ]);
    if let Some(language) = &entry.language {
        outline.push_attribute(("language", language.as_str()));
    }
    // A reader that knows folders of one level alone still learns the section.
    if let Some(category) = &entry.category {
        outline.push_attribute(("category", category.as_str()));
    }
    out.write_event(Event::Empty(outline))
}
