//! Deltas (RFC 3229 with the instance manipulation `feed`, as Bob Wyman described it in 2004): the present document with only those
//! items that are new or changed since the one that the reader has.
//!
//! A reader lays a delta over its copy like this, and has the present feed byte for byte: head and end are the delta's; an item of
//! the delta takes the place of the one with its id or is put in; items stand in the feed's order; what is more than the feed holds
//! now falls off the end; what the head names as withdrawn (RFC 6721, `_deleted`) goes. [`Items::changed_since`] says which items
//! that takes, and gives up where the rule would not lead to the present feed: RSS has no word that takes an item away.
//!
//! For this a former document is remembered by its **marks** alone: of each item a hash of its id and one of its bytes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::feed::Format;

/// What is remembered of an item. Half of a quarter of SHA-256: within one feed's history two never meet by chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Of its id.
    pub id: u64,
    /// Of all its bytes.
    pub bytes: u64,
}

/// Bytes that a mark takes where it is kept.
const MARK_BYTES: usize = 16;

/// The items of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Items {
    /// Where each stands, and its mark.
    there: Vec<(Range<usize>, Mark)>,
    /// Ids of those that it says were withdrawn, as in [`Mark::id`].
    gone: HashSet<u64>,
}

impl Items {
    /// Finds the items of a finished document of ours; the error says what is odd about it.
    pub fn find(format: Format, bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
        let (found, gone) = match format {
            Format::Rss => find_xml(text, 2, "item", "guid")?,
            Format::Atom => find_xml(text, 1, "entry", "id")?,
            Format::Json => find_json(text)?,
        };
        let there = found.into_iter().map(|(span, id)| {
            let mark = Mark {
                id: hash(text[id].as_bytes()),
                bytes: hash(text[span.clone()].as_bytes()),
            };
            (span, mark)
        });
        Ok(Self {
            there: there.collect(),
            gone: gone
                .into_iter()
                .map(|id| hash(text[id].as_bytes()))
                .collect(),
        })
    }

    /// The marks in order.
    pub fn marks(&self) -> Vec<Mark> {
        self.there.iter().map(|(_, mark)| *mark).collect()
    }

    /// Which of them a reader needs who has the old document, by place.
    pub fn changed_since(&self, old: &[Mark], end: End) -> Option<Vec<usize>> {
        changed(old, &self.marks(), &self.gone, end)
    }

    /// The document with those of its items alone (by place, in order).
    pub fn only(&self, format: Format, bytes: &[u8], places: &[usize]) -> Vec<u8> {
        let (Some((first, _)), Some((last, _))) = (self.there.first(), self.there.last()) else {
            return bytes.to_vec();
        };
        let between: &[u8] = if format == Format::Json { b"," } else { b"" };
        let items: Vec<&[u8]> = places
            .iter()
            .map(|place| &bytes[self.there[*place].0.clone()])
            .collect();
        [
            &bytes[..first.start],
            &items.join(between)[..],
            &bytes[last.end..],
        ]
        .concat()
    }
}

/// How items come to fall off the end of a feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It holds so many at most, and nothing stands behind it.
    Most(usize),
    /// So many went into closed pages of its archive between the two documents.
    Closed(usize),
}

/// Which items a reader needs who has the old document, by their place in the new one, which names the ids `gone` as withdrawn. `None`
/// where the whole must be sent: an item was taken away without a word, or nothing would be saved.
fn changed(old: &[Mark], new: &[Mark], gone: &HashSet<u64>, end: End) -> Option<Vec<usize>> {
    let before: HashMap<u64, (usize, u64)> = old
        .iter()
        .enumerate()
        .map(|(place, mark)| (mark.id, (place, mark.bytes)))
        .collect();
    let after: HashMap<u64, u64> = new.iter().map(|mark| (mark.id, mark.bytes)).collect();
    let missing: Vec<usize> = (0..old.len())
        .filter(|place| !after.contains_key(&old[*place].id) && !gone.contains(&old[*place].id))
        .collect();
    if let Some(first_missing) = missing.first() {
        // They fell off the end if as many did as should have, and even the last item of now stood above them then; items rise,
        // but never sink.
        let last = before.get(&new.last()?.id)?.0;
        let is_full = match end {
            End::Most(most) => new.len() == most,
            End::Closed(count) => missing.len() == count,
        };
        if !is_full || last >= *first_missing {
            return None;
        }
    }
    let changed: Vec<usize> = new
        .iter()
        .enumerate()
        .filter(|(_, mark)| {
            before
                .get(&mark.id)
                .is_none_or(|(_, bytes)| *bytes != mark.bytes)
        })
        .map(|(place, _)| place)
        .collect();
    (changed.len() < new.len()).then_some(changed)
}

/// What is remembered of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Former {
    /// The last closed page of the feed's archive then.
    pub page: i64,
    /// Its items in order.
    pub marks: Vec<Mark>,
}

impl Former {
    /// As it is kept in the database.
    pub fn write(&self) -> Vec<u8> {
        let marks = self
            .marks
            .iter()
            .flat_map(|mark| [mark.id.to_be_bytes(), mark.bytes.to_be_bytes()])
            .flatten();
        self.page.to_be_bytes().into_iter().chain(marks).collect()
    }

    /// And back; `None` if that is not what was kept.
    pub fn read(kept: &[u8]) -> Option<Self> {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, b| sum << 8 | u64::from(*b));
        let (page, marks) = kept.split_first_chunk()?;
        Some(Self {
            page: i64::from_be_bytes(*page),
            marks: marks
                .chunks_exact(MARK_BYTES)
                .map(|mark| Mark {
                    id: number(&mark[..8]),
                    bytes: number(&mark[8..]),
                })
                .collect(),
        })
    }
}

fn hash(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes)[..8]
        .iter()
        .fold(0, |sum, b| sum << 8 | u64::from(*b))
}

/// Where an item stands, and its id inside it.
type Span = (Range<usize>, Range<usize>);

/// Elements `item` that stand `depth` deep, one behind the other, and the bytes inside their `id`. Beside them the ids of those that
/// are named as withdrawn.
fn find_xml(
    text: &str,
    depth: usize,
    item: &str,
    id: &str,
) -> Result<(Vec<Span>, Vec<Range<usize>>), String> {
    let mut reader = Reader::from_str(text);
    let mut found: Vec<Span> = Vec::new();
    let mut gone = Vec::new();
    let (mut open, mut begun, mut named, mut id_from) = (0, None, None, None);
    loop {
        let from = reader.buffer_position() as usize;
        let event = reader.read_event().map_err(|e| e.to_string())?;
        let to = reader.buffer_position() as usize;
        match event {
            Event::Start(tag) => {
                gone.extend(withdrawn(&tag, open == depth, text, from..to));
                if open == depth && tag.name().as_ref() == item {
                    begun = Some(from);
                } else if open == depth + 1 && begun.is_some() && tag.name().as_ref() == id {
                    id_from = Some(to);
                }
                open += 1;
            }
            Event::End(tag) => {
                open -= 1;
                if open == depth + 1
                    && tag.name().as_ref() == id
                    && let Some(start) = id_from.take()
                {
                    named = Some(start..from);
                } else if open == depth
                    && let Some(start) = begun.take()
                {
                    let id = named.take().ok_or("has an item without an id")?;
                    if found.last().is_some_and(|(before, _)| before.end != start) {
                        return Err("has something between two items".to_owned());
                    }
                    found.push((start..to, id));
                }
            }
            Event::Empty(tag) => gone.extend(withdrawn(&tag, open == depth, text, from..to)),
            Event::Eof => return Ok((found, gone)),
            _ => {}
        }
    }
}

/// Where the id stands that `at:deleted-entry` names (RFC 6721 section 3).
fn withdrawn(
    tag: &BytesStart<'_>,
    is_here: bool,
    text: &str,
    at: Range<usize>,
) -> Option<Range<usize>> {
    const NAMED: &str = " ref=\"";
    if !is_here || tag.name().as_ref() != "at:deleted-entry" {
        return None;
    }
    let start = at.start + text[at.clone()].find(NAMED)? + NAMED.len();
    let length = text[start..at.end].find('"')?;
    Some(start..start + length)
}

fn find_json(text: &str) -> Result<(Vec<Span>, Vec<Range<usize>>), String> {
    #[derive(Deserialize)]
    struct Feed<'a> {
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
        #[serde(borrow, rename = "_deleted")]
        deleted: Option<Deleted<'a>>,
    }
    #[derive(Deserialize)]
    struct Deleted<'a> {
        #[serde(borrow)]
        items: Vec<Item<'a>>,
    }
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let feed: Feed<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let span = |part: &str| {
        let start = part.as_ptr() as usize - text.as_ptr() as usize;
        start..start + part.len()
    };
    let mut found: Vec<Span> = Vec::with_capacity(feed.items.len());
    for raw in feed.items {
        let item: Item<'_> = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
        let here = span(raw.get());
        if found
            .last()
            .is_some_and(|(before, _)| text[before.end..here.start] != *",")
        {
            return Err("has something between two items".to_owned());
        }
        found.push((here, span(item.id.get())));
    }
    let gone = feed.deleted.iter().flat_map(|deleted| &deleted.items);
    let gone = gone.map(|item| span(item.id.get())).collect();
    Ok((found, gone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marks(items: &[(u64, u64)]) -> Vec<Mark> {
        items
            .iter()
            .map(|(id, bytes)| Mark {
                id: *id,
                bytes: *bytes,
            })
            .collect()
    }

    #[test]
    fn items_are_found_whatever_stands_in_them() {
        let rss = "<?xml version=\"1.0\"?><rss><channel><title>item</title><item><guid isPermaLink=\"false\">a</guid>\
            <x><![CDATA[</item><item>]]></x><item><guid>inner</guid></item></item><item><title/><guid>b</guid></item></channel></rss>";
        let items = Items::find(Format::Rss, rss.as_bytes()).unwrap();
        let marks = items.marks();
        assert_eq!(marks.len(), 2);
        assert_eq!((marks[0].id, marks[1].id), (hash(b"a"), hash(b"b")));
        let one = String::from_utf8(items.only(Format::Rss, rss.as_bytes(), &[1])).unwrap();
        assert_eq!(
            one,
            "<?xml version=\"1.0\"?><rss><channel><title>item</title><item><title/><guid>b</guid></item></channel></rss>"
        );
        let json = r#"{"version":"1","items":[{"id":"a","x":{"id":"c"}},{"id":"b","t":"},{"}],"_end":{"items":[]}}"#;
        let items = Items::find(Format::Json, json.as_bytes()).unwrap();
        assert_eq!(items.marks()[1].id, hash(b"\"b\""));
        for (places, expected) in [
            (&[][..], r#"{"version":"1","items":[],"_end":{"items":[]}}"#),
            (
                &[1],
                r#"{"version":"1","items":[{"id":"b","t":"},{"}],"_end":{"items":[]}}"#,
            ),
            (&[0, 1], json),
        ] {
            let made = items.only(Format::Json, json.as_bytes(), places);
            assert_eq!(String::from_utf8(made).unwrap(), expected);
        }
        let odd = "<feed><entry><id>a</id></entry> <entry><id>b</id></entry></feed>";
        assert!(Items::find(Format::Atom, odd.as_bytes()).is_err());
        assert!(Items::find(Format::Atom, b"<feed><entry/><entry></entry></feed>").is_err());
    }

    #[test]
    fn only_what_is_new_or_changed_is_sent_and_nothing_is_taken_away() {
        let old = marks(&[(4, 0), (3, 0), (2, 0), (1, 0)]);
        for (new, end, expected) in [
            // With an archive: two went into a page, and two that were withdrawn did not.
            (&[(5, 0), (4, 0), (3, 0)][..], End::Closed(2), Some(vec![0])),
            (&[(5, 0), (4, 0), (3, 0)], End::Closed(0), None),
            (&[(5, 0), (4, 0), (2, 0)], End::Closed(2), None),
            (&[(1, 1), (5, 0), (4, 0)], End::Closed(2), Some(vec![0, 1])),
            (&[(9, 0), (8, 0)], End::Closed(4), None),
            (
                &[(5, 0), (4, 0), (3, 0), (2, 0)],
                End::Most(4),
                Some(vec![0]),
            ),
            (
                &[(5, 0), (4, 0), (3, 0), (2, 0), (1, 0)],
                End::Most(9),
                Some(vec![0]),
            ),
            (
                &[(4, 0), (3, 1), (2, 0), (1, 0)],
                End::Most(4),
                Some(vec![1]),
            ),
            (
                &[(1, 1), (4, 0), (3, 0), (2, 0)],
                End::Most(4),
                Some(vec![0]),
            ),
            (
                &[(4, 0), (3, 0), (2, 0), (1, 0)],
                End::Most(4),
                Some(vec![]),
            ),
            // Withdrawn: in the middle, the last of a feed that is not full, and with an older one that came back.
            (&[(4, 0), (3, 0), (1, 0)], End::Most(4), None),
            (&[(4, 0), (3, 0), (2, 0)], End::Most(9), None),
            (&[(4, 0), (3, 0), (2, 0), (0, 0)], End::Most(4), None),
            (&[(4, 0), (2, 0), (1, 0), (0, 0)], End::Most(4), None),
            (&[(5, 0), (4, 0), (3, 0), (1, 0)], End::Most(4), None),
            // Nothing is left of the old one.
            (&[(9, 0), (8, 0), (7, 0), (6, 0)], End::Most(4), None),
            (&[], End::Most(4), None),
        ] {
            let gone = HashSet::new();
            assert_eq!(changed(&old, &marks(new), &gone, end), expected, "{new:?}");
        }
        assert_eq!(
            changed(&[], &marks(&[(1, 0)]), &HashSet::new(), End::Most(4)),
            None
        );
    }

    #[test]
    fn what_the_head_names_as_withdrawn_may_go() {
        let old = marks(&[(4, 0), (3, 0), (2, 0), (1, 0)]);
        let gone = HashSet::from([3, 1, 8]);
        for (new, end, expected) in [
            // With another one in their place from behind, or none there.
            (&[(4, 0), (2, 0), (0, 0)][..], End::Most(4), Some(vec![2])),
            (&[(4, 0), (2, 0)], End::Closed(0), Some(vec![])),
            // One more is missing, and nothing says why: none went into a page, or one did.
            (&[(5, 0), (4, 0)], End::Closed(0), None),
            (&[(5, 0), (4, 0)], End::Closed(1), Some(vec![0])),
            (&[(5, 0), (2, 0)], End::Closed(1), None),
        ] {
            assert_eq!(changed(&old, &marks(new), &gone, end), expected, "{new:?}");
        }
        let atom = "<feed><at:deleted-entry ref=\"a&amp;b\" when=\"w\"/><at:deleted-entry ref=\"c\" when=\"w\"><at:comment>\
            </at:comment></at:deleted-entry><entry><id>d</id><at:deleted-entry ref=\"e\"/></entry></feed>";
        let items = Items::find(Format::Atom, atom.as_bytes()).unwrap();
        assert_eq!(items.gone, HashSet::from([hash(b"a&amp;b"), hash(b"c")]));
        let json =
            r#"{"_deleted":{"about":"","items":[{"id":"a","reason":"b"}]},"items":[{"id":"d"}]}"#;
        let items = Items::find(Format::Json, json.as_bytes()).unwrap();
        assert_eq!(items.gone, HashSet::from([hash(b"\"a\"")]));
    }

    proptest! {
        #[test]
        fn marks_are_kept(page: i64, items in prop::collection::vec(any::<(u64, u64)>(), 0..60)) {
            let former = Former { page, marks: marks(&items) };
            prop_assert_eq!(Former::read(&former.write()), Some(former));
        }
    }
}
