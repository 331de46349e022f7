//! From an entry of a feed to the words of an article: pure, so that it can be done before the database is locked.

use sha2::{Digest, Sha256};
use url::Url;

use super::feed::{Entry, Feed};
use crate::base::language::Language;
use crate::base::text::{clean, clean_line, cut_at_word, letters};
use crate::base::time::Timestamp;
use crate::base::token::hex;
use crate::newsroom::enclosure::MAX_ENCLOSURES;
use crate::newsroom::markup::{Piece, escape, pieces, plain_text, push_start};
use crate::newsroom::sanitize::{SANITIZER, sanitize};
use crate::newsroom::store::Text;
use crate::newsroom::text::{
    MAX_BODY, MAX_NAME, MAX_TAGS, MAX_TITLE, SUMMARY, check_lead, has_content, has_letters,
    summarise,
};
use crate::newsroom::{BodyFormat, Enclosure, LeadImage};

/// Letters in a title that is made of an entry's first words.
const FIRST_WORDS: usize = 70;
/// Letters in a tag that a feed gives; longer ones are sentences.
const MAX_TAG: usize = 60;

/// An entry that is ready to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    /// What the origin calls it: its id, else its link, else a hash.
    pub key: String,
    /// Its id as a feed id of ours, where Atom would allow it (RFC 4287 section 4.2.6: an absolute IRI).
    pub guid: Option<String>,
    /// Hash of what the origin says: title, summary, content, link, files.
    pub hash: String,
    /// Language.
    pub language: Language,
    /// Its words.
    pub text: Text,
    /// Tags.
    pub tags: Vec<String>,
    /// Files that belong to it.
    pub enclosures: Vec<Enclosure>,
    /// Its page at the origin.
    pub canonical_url: Option<String>,
    /// When it became public there; never in the future.
    pub released_at: Timestamp,
    /// When it last changed there, if that is later.
    pub updated_at: Option<Timestamp>,
    /// Whether the origin said when.
    pub has_date: bool,
}

/// What decides about the language of an entry.
pub struct Languages<'a> {
    /// The one that was asked for.
    pub flag: Option<&'a Language>,
    /// Those of the newsroom.
    pub ours: &'a [Language],
}

/// An entry that is left out, and why.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Skipped {
    /// Its title, id or link.
    pub entry: String,
    /// Why.
    pub why: String,
}

/// Prepares all entries of a feed, the oldest first.
pub fn prepare_all(
    feed: &Feed,
    languages: &Languages<'_>,
    now: Timestamp,
) -> (Vec<Prepared>, Vec<Skipped>) {
    let mut skipped = Vec::new();
    let mut out: Vec<Prepared> = Vec::new();
    // Feeds list the newest first: where dates are equal or absent, the last is the oldest.
    for entry in feed.entries.iter().rev() {
        match prepare(entry, feed, languages, now) {
            Ok(prepared) => out.push(prepared),
            Err(why) => skipped.push(Skipped {
                entry: name(entry),
                why,
            }),
        }
    }
    spread(&mut out, now);
    out.sort_by_key(|prepared| prepared.released_at);
    let mut kept: Vec<Prepared> = Vec::with_capacity(out.len());
    let mut keys = std::collections::HashSet::new();
    for mut prepared in out {
        if !keys.insert(prepared.key.clone()) {
            // Some feeds give one guid to many entries; the link tells them apart.
            prepared.key = format!(
                "{}\n{}",
                prepared.key,
                prepared.canonical_url.as_deref().unwrap_or("")
            );
            prepared.guid = None;
            if !keys.insert(prepared.key.clone()) {
                skipped.push(Skipped {
                    entry: prepared.text.title,
                    why: "the feed has another entry with the same id and link".to_owned(),
                });
                continue;
            }
        }
        kept.push(prepared);
    }
    (kept, skipped)
}

/// Entries without a date are a second apart in the feed's order, the newest now: readers that sort by dates keep the order.
fn spread(oldest_first: &mut [Prepared], now: Timestamp) {
    let dateless = oldest_first.iter_mut().rev().filter(|p| !p.has_date);
    for (i, prepared) in (0_i64..).zip(dateless) {
        prepared.released_at = now.plus_secs(-i);
    }
}

fn name(entry: &Entry) -> String {
    [&entry.title, &entry.id, &entry.link]
        .into_iter()
        .flatten()
        .next()
        .map_or_else(
            || "(nameless)".to_owned(),
            |name| cut_at_word(&clean_line(name), 100, 0),
        )
}

fn prepare(
    entry: &Entry,
    feed: &Feed,
    languages: &Languages<'_>,
    now: Timestamp,
) -> Result<Prepared, String> {
    if entry.is_empty() {
        return Err("it has no title, no text and no link".to_owned());
    }
    let raw = entry
        .content
        .as_deref()
        .or(entry.summary.as_deref())
        .unwrap_or("");
    if raw.len() > MAX_BODY {
        return Err(format!(
            "its text has more than {} MB",
            MAX_BODY / 1024 / 1024
        ));
    }
    let mut body_source = clean(raw);
    let mut body_html = sanitize(&body_source, Some(&entry.base));
    let words = plain_text(&body_html, &[]);
    let title = title(entry, feed, &words);
    if !has_content(&body_html) {
        body_html = format!("<p>{}</p>", escape(&title));
        body_source.clone_from(&body_html);
    }
    let summary = match (&entry.content, &entry.summary) {
        (Some(_), Some(summary)) => plain_text(&sanitize(summary, Some(&entry.base)), &[]),
        _ => String::new(),
    };
    let summary = if has_letters(&summary) {
        cut_at_word(&summary, SUMMARY - 1, 1)
    } else {
        summarise(&body_html)
    };
    let language = language(entry, feed, languages, &format!("{title} {words}"));
    // Dates before the web are a program's way of saying that it has none.
    let credible = |at: &Timestamp| at.as_millis() > 0;
    let published = entry.published.filter(credible);
    let updated = entry.updated.filter(credible).filter(|at| *at <= now);
    let released_at = published.or(updated).unwrap_or(now).min(now);
    let byline = cut_at_word(&entry.authors.join(", "), MAX_NAME - 1, 1);
    let lead = lead(entry, &body_html);
    let text = Text {
        summary,
        body_source,
        format: BodyFormat::Html,
        body_html: match &lead {
            Some(lead) => without_first_picture(body_html, &lead.url),
            None => body_html,
        },
        lead,
        sanitizer: SANITIZER,
        byline: Some(byline).filter(|b| !b.is_empty()),
        title,
    };
    let mut enclosures: Vec<Enclosure> = Vec::new();
    for one in &entry.enclosures {
        if enclosures.len() < MAX_ENCLOSURES && !enclosures.iter().any(|e| e.url == one.url) {
            enclosures.push(one.clone());
        }
    }
    Ok(Prepared {
        key: key(entry),
        guid: entry
            .id
            .as_deref()
            .filter(|id| is_iri(id))
            .map(str::to_owned),
        hash: hash_of(entry, &enclosures),
        language,
        tags: tags(entry),
        enclosures,
        canonical_url: entry.link.clone(),
        released_at,
        updated_at: updated.filter(|at| *at > released_at),
        has_date: published.or(updated).is_some(),
        text,
    })
}

/// Without files the hash is what it was before files were kept, so that an old archive does not look changed.
fn hash_of(entry: &Entry, enclosures: &[Enclosure]) -> String {
    let files = (!enclosures.is_empty()).then(|| format!("{enclosures:?}"));
    let said = [&entry.title, &entry.summary, &entry.content, &entry.link];
    match &files {
        None => hash(&said),
        Some(_) => hash(&[said[0], said[1], said[2], said[3], &files]),
    }
}

/// Its title, else its first words, else its address, else what the feed is called.
fn title(entry: &Entry, feed: &Feed, words: &str) -> String {
    let typed = clean_line(entry.title.as_deref().unwrap_or(""));
    if has_letters(&typed) {
        return cut_at_word(&typed, MAX_TITLE - 1, 1);
    }
    if has_letters(words) {
        return cut_at_word(words, FIRST_WORDS, 10);
    }
    let address = entry.link.as_deref().map(|link| {
        let link = link.split_once("://").map_or(link, |(_, rest)| rest);
        link.trim_end_matches('/').to_owned()
    });
    let fallback = address
        .or_else(|| feed.title.clone())
        .unwrap_or_else(|| "…".to_owned());
    cut_at_word(&clean_line(&fallback), MAX_TITLE - 1, 1)
}

fn key(entry: &Entry) -> String {
    let named = entry
        .id
        .as_ref()
        .or(entry.link.as_ref())
        .map(|id| clean_line(id))
        .filter(|id| !id.is_empty());
    match named {
        Some(name) if name.len() <= 1000 => name,
        Some(name) => format!("sha256:{}", hash(&[&Some(name)])),
        None => {
            let date = entry.published.or(entry.updated).map(|at| at.to_string());
            let title = if entry.title.is_some() {
                &entry.title
            } else {
                &entry.summary
            };
            format!("sha256:{}", hash(&[title, &date]))
        }
    }
}

fn hash(parts: &[&Option<String>]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_deref().unwrap_or("");
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

/// Whether the id can be ours as it stands: an absolute IRI of a kind that names things.
fn is_iri(id: &str) -> bool {
    let plain = id.len() <= 1000
        && !id
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(c));
    let known = ["http://", "https://", "tag:", "urn:"]
        .iter()
        .any(|start| id.starts_with(start) && id.len() > start.len());
    let is_open = |url: Url| url.username().is_empty() && url.password().is_none();
    plain && known && Url::parse(id).is_ok_and(is_open)
}

/// The flag, else what the entry says, else what the feed says, else a guess by the letters.
///
/// «en» on a text in Cyrillic is a template's default and not believed.
fn language(entry: &Entry, feed: &Feed, languages: &Languages<'_>, text: &str) -> Language {
    if let Some(flag) = languages.flag {
        return flag.clone();
    }
    let guess = Language::guess(text);
    let said = [&entry.language, &feed.language]
        .into_iter()
        .flatten()
        .filter_map(|tag| Language::parse(tag).ok())
        .find(|said| !(said.primary() == "en" && guess.as_str() != "en"));
    ours(said.unwrap_or(guess), languages.ours)
}

/// `en-US` is `en` where the newsroom has `en`; another script or another language stays what it is.
fn ours(language: Language, ours: &[Language]) -> Language {
    if ours.contains(&language) {
        return language;
    }
    let is_regional = language.as_str().split('-').skip(1).all(|part| {
        (part.len() == 2 && part.chars().all(|c| c.is_ascii_alphabetic()))
            || (part.len() == 3 && part.chars().all(|c| c.is_ascii_digit()))
    });
    ours.iter()
        .find(|own| is_regional && own.as_str() == language.primary())
        .cloned()
        .unwrap_or(language)
}

fn tags(entry: &Entry) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in &entry.categories {
        let tag = clean_line(tag);
        let is_new = !tags
            .iter()
            .any(|known| known.to_lowercase() == tag.to_lowercase());
        if has_letters(&tag) && letters(&tag) <= MAX_TAG && is_new && tags.len() < MAX_TAGS {
            tags.push(tag);
        }
    }
    tags
}

/// The best picture the entry names, else the first in its text.
fn lead(entry: &Entry, body_html: &str) -> Option<LeadImage> {
    if let Some(lead) = entry
        .pictures
        .iter()
        .find_map(|picture| check_lead(picture, Some(&entry.base)))
    {
        return Some(lead);
    }
    pieces(body_html).into_iter().find_map(|piece| {
        let Piece::Start("img", attributes) = piece else {
            return None;
        };
        let find = |name: &str| {
            attributes
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
        };
        let number = |name: &str| find(name).and_then(|n| n.parse().ok());
        check_lead(
            &LeadImage {
                url: find("src")?,
                media_type: None,
                bytes: None,
                width: number("width"),
                height: number("height"),
                alt: find("alt"),
                credit: None,
            },
            None,
        )
    })
}

/// The body without the lead picture at its very top, where it would stand twice on a page. A body that is nothing else stays.
fn without_first_picture(body_html: String, url: &str) -> String {
    let pieces = pieces(&body_html);
    let is_text = |piece: &Piece<'_>| matches!(piece, Piece::Text(text) if !text.trim().is_empty());
    let top = pieces.iter().position(is_text).unwrap_or(pieces.len());
    let is_lead = |piece: &Piece<'_>| matches!(piece, Piece::Start("img", attributes) if attributes.iter().any(|(key, value)| *key == "src" && value == url));
    let Some(at) = pieces[..top].iter().position(is_lead) else {
        return body_html;
    };
    let mut kept: Vec<&Piece<'_>> = Vec::with_capacity(pieces.len());
    for (i, piece) in pieces.iter().enumerate() {
        if i == at {
            continue;
        }
        // What the picture leaves empty goes with it.
        if let (true, Piece::End(name), Some(Piece::Start(open, _))) =
            (i > at && i <= top, piece, kept.last())
            && name == open
            && matches!(
                *open,
                "a" | "p"
                    | "div"
                    | "figure"
                    | "span"
                    | "picture"
                    | "b"
                    | "strong"
                    | "em"
                    | "section"
            )
        {
            kept.pop();
            continue;
        }
        kept.push(piece);
    }
    let mut out = String::with_capacity(body_html.len());
    for piece in kept {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Start(name, attributes) => push_start(&mut out, name, attributes),
            Piece::End(name) => {
                out.push_str("</");
                out.push_str(name);
                out.push('>');
            }
        }
    }
    if has_content(&out) {
        out.trim().to_owned()
    } else {
        body_html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lang(tag: &str) -> Language {
        Language::parse(tag).unwrap()
    }

    fn entry(title: Option<&str>, body: &str) -> Entry {
        Entry {
            id: Some("1".to_owned()),
            title: title.map(str::to_owned),
            summary: Some(body.to_owned()),
            ..Entry::new(Url::parse("https://origin.example/a/b").unwrap())
        }
    }

    #[test]
    fn entries_without_dates_keep_their_order() {
        let now = Timestamp::from_millis(1_000_000_000);
        let feed = Feed {
            entries: ["c", "b", "a"]
                .map(|id| Entry {
                    id: Some(id.to_owned()),
                    ..entry(Some(id), "<p>Слова</p>")
                })
                .into(),
            ..Feed::default()
        };
        let languages = Languages {
            flag: None,
            ours: &[],
        };
        let (made, skipped) = prepare_all(&feed, &languages, now);
        assert_eq!(skipped, []);
        let made: Vec<(&str, Timestamp)> = made
            .iter()
            .map(|p| (p.text.title.as_str(), p.released_at))
            .collect();
        assert_eq!(
            made,
            [
                ("a", now.plus_secs(-2)),
                ("b", now.plus_secs(-1)),
                ("c", now)
            ]
        );
    }

    fn one(entry: Entry, feed_language: Option<&str>) -> Prepared {
        let feed = Feed {
            language: feed_language.map(str::to_owned),
            entries: vec![entry],
            ..Feed::default()
        };
        let ours = [lang("kk"), lang("ru"), lang("en")];
        let languages = Languages {
            flag: None,
            ours: &ours,
        };
        let now = Timestamp::from_millis(1_772_000_000_000);
        prepare_all(&feed, &languages, now).0.remove(0)
    }

    #[test]
    fn languages_are_found() {
        let russian = "Подготовка к паводку началась вовремя";
        for (said_by_entry, said_by_feed, text, expected) in [
            (None, Some("ru"), russian, "ru"),
            (None, None, russian, "ru"),
            (None, None, "Су тасқынына дайындық басталды", "kk"),
            (None, Some("kz"), "Су тасқынына дайындық басталды", "kk"),
            (None, Some("en-us"), russian, "ru"),
            (None, Some("en-us"), "Flood", "en"),
            (Some("kk"), Some("ru"), "Жаңалық", "kk"),
            (None, Some("sk"), "Správy", "sk"),
            (None, Some("kk-Arab"), "قازاقشا", "kk-Arab"),
            (None, Some("Slovak language"), "Flood", "en"),
        ] {
            let mut entry = entry(Some(text), text);
            entry.language = said_by_entry.map(str::to_owned);
            assert_eq!(
                one(entry, said_by_feed).language.as_str(),
                expected,
                "{text} {said_by_feed:?}"
            );
        }
    }

    #[test]
    fn an_entry_without_a_title_takes_its_first_words() {
        let prepared = one(
            entry(None, "<p>Nothing to see here, <b>move</b> along.</p>"),
            None,
        );
        assert_eq!(prepared.text.title, "Nothing to see here, move along.");
        let mut empty = entry(None, "");
        empty.link = Some("https://origin.example/story/5/".to_owned());
        assert_eq!(one(empty, None).text.title, "origin.example/story/5");
    }

    #[test]
    fn the_lead_picture_does_not_stand_twice() {
        for (body, rest) in [
            (
                "<p><a href=\"/x\"><img src=\"/a.jpg\"></a></p><p>Text &amp; more</p>",
                "<p>Text &amp; more</p>",
            ),
            (
                "<img src=\"/a.jpg\">",
                "<img src=\"https://origin.example/a.jpg\" alt=\"\">",
            ),
            ("<p><img src=\"/a.jpg\"> Text</p>", "<p> Text</p>"),
            (
                "<p>Text</p><p><img src=\"/a.jpg\"></p>",
                "<p>Text</p><p><img src=\"https://origin.example/a.jpg\" alt=\"\"></p>",
            ),
        ] {
            let prepared = one(entry(Some("x"), body), None);
            assert_eq!(
                prepared.text.lead.unwrap().url,
                "https://origin.example/a.jpg"
            );
            assert_eq!(prepared.text.body_html, rest);
        }
    }

    #[test]
    fn only_iris_become_ids() {
        for good in [
            "tag:example.org,2017:/linked//6.33853",
            "https://example.org/a",
            "urn:uuid:0194f5b6-7c1e-4a3b-9a55-0123456789ab",
        ] {
            assert!(is_iri(good), "{good}");
        }
        for bad in [
            "1559104147038",
            "/2025/08/26/qemu",
            "javascript:alert(1)",
            "https://example.org/a b",
            "tag:",
            "mailto:a@example.org",
        ] {
            assert!(!is_iri(bad), "{bad}");
        }
    }

    #[test]
    fn one_guid_for_many_entries_loses_none() {
        let mut feed = Feed::default();
        for link in ["a", "b", "b"] {
            let mut entry = entry(Some(link), "x");
            entry.link = Some(format!("https://origin.example/{link}"));
            feed.entries.push(entry);
        }
        let languages = Languages {
            flag: None,
            ours: &[],
        };
        let (kept, skipped) =
            prepare_all(&feed, &languages, Timestamp::from_millis(1_772_000_000_000));
        assert_eq!((kept.len(), skipped.len()), (3, 0), "{skipped:?}");
        feed.entries.push(feed.entries[2].clone());
        let (kept, skipped) =
            prepare_all(&feed, &languages, Timestamp::from_millis(1_772_000_000_000));
        assert_eq!(
            (kept.len(), skipped.len()),
            (3, 1),
            "the same entry twice is one"
        );
    }

    #[test]
    fn dates_are_kept_sane() {
        let now = Timestamp::from_millis(1_772_000_000_000);
        let mut future = entry(Some("x"), "x");
        future.published = Some(now.plus_secs(86_400));
        assert_eq!(one(future, None).released_at, now);
        let mut none = entry(Some("x"), "x");
        none.published = Some(Timestamp::from_millis(-62_135_596_800_000));
        assert_eq!(one(none, None).released_at, now);
        let mut updated = entry(Some("x"), "x");
        updated.published = Some(now.plus_secs(-100));
        updated.updated = Some(now.plus_secs(-50));
        assert_eq!(one(updated, None).updated_at, Some(now.plus_secs(-50)));
    }
}
