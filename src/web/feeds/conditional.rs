//! Whether a reader already has what it asks for (RFC 9110 section 13).

use crate::base::time::Timestamp;

/// What a request says about what the reader has.
#[derive(Clone, Copy, Default, Debug)]
pub struct Conditions<'a> {
    /// `If-None-Match`, several lines joined with commas.
    pub if_none_match: Option<&'a str>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<&'a str>,
}

/// What a request demands of what is there; a reader of feeds has no use for it, but whoever asks is answered (section 13.1.1 and
/// 13.1.4).
#[derive(Clone, Copy, Default, Debug)]
pub struct Demands<'a> {
    /// `If-Match`, several lines joined with commas.
    pub if_match: Option<&'a str>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<&'a str>,
}

/// Whether 412 is the answer. `If-Match` wins over `If-Unmodified-Since`, and both over what asks for 304 (section 13.2.2). Only the very tag
/// of the coding that would be sent matches here, and no weak one (section 8.8.3.2); a date that cannot be read demands nothing.
pub fn is_failed(demands: Demands<'_>, tag: &str, last_modified: Timestamp) -> bool {
    if let Some(list) = demands.if_match {
        let mut named = entity_tags(list);
        return list.trim() != "*" && !named.any(|one| !one.is_weak && one.opaque == tag);
    }
    demands
        .if_unmodified_since
        .and_then(http_date)
        .is_some_and(|since| since < last_modified)
}

/// Whether 304 is the answer. `If-None-Match` wins over `If-Modified-Since` (section 13.2.2). A date that cannot be read or
/// lies in the future is no date, so that nobody is stuck with old bytes.
pub fn is_not_modified(
    conditions: Conditions<'_>,
    stem: &str,
    last_modified: Timestamp,
    now: Timestamp,
) -> bool {
    if let Some(list) = conditions.if_none_match {
        return list.trim() == "*" || entity_tags(list).any(|tag| stem_of(tag.opaque) == stem);
    }
    let Some(since) = conditions.if_modified_since.and_then(http_date) else {
        return false;
    };
    // Two changes in one second put Last-Modified a second ahead of the clock: that date is ours, not the future.
    since <= now.max(last_modified) && last_modified <= since
}

/// The tags of a list, and what they have in common with ours whatever their codings.
pub fn stems(list: &str) -> impl Iterator<Item = (&str, &str)> {
    entity_tags(list).map(|tag| (tag.opaque, stem_of(tag.opaque)))
}

/// An entity tag (section 8.8.3).
struct Tag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

/// Reads a list of entity tags, also those of readers that forget the quotes.
fn entity_tags(list: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_ascii_whitespace());
        let strong = rest.strip_prefix("W/");
        let is_weak = strong.is_some();
        rest = strong.unwrap_or(rest);
        if rest.is_empty() {
            return None;
        }
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            rest = quoted.get(end + 1..).unwrap_or("");
            return Some(Tag {
                is_weak,
                opaque: &quoted[..end],
            });
        }
        let end = rest.find(',').unwrap_or(rest.len());
        let bare = rest[..end].trim();
        rest = &rest[end..];
        Some(Tag {
            is_weak,
            opaque: bare,
        })
    })
}

/// The tag without the mark of a coding: ours, and those that proxies add.
fn stem_of(tag: &str) -> &str {
    let mut tag = tag;
    for mark in ["-gzip", ";gzip", "--gzip", "-br", "-zstd", "-df"] {
        tag = tag.strip_suffix(mark).unwrap_or(tag);
    }
    tag
}

/// Reads a date in the three forms of RFC 9110 section 5.6.7.
pub fn http_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let read = |form: &str| {
        let at = jiff::civil::DateTime::strptime(form, text).ok()?;
        let at = jiff::tz::TimeZone::UTC.to_timestamp(at).ok()?;
        Some(Timestamp::from(at))
    };
    read("%a, %d %b %Y %H:%M:%S GMT")
        .or_else(|| read("%A, %d-%b-%y %H:%M:%S GMT"))
        .or_else(|| read("%a %b %e %H:%M:%S %Y"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEM: &str = "0123456789abcdef";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ask(none_match: Option<&str>, since: Option<&str>) -> bool {
        let conditions = Conditions {
            if_none_match: none_match,
            if_modified_since: since,
        };
        is_not_modified(
            conditions,
            STEM,
            at("2026-02-28T02:00:00Z"),
            at("2026-02-28T03:00:00Z"),
        )
    }

    #[test]
    fn tags_are_compared_by_stem_whatever_the_coding() {
        for (tag, is_304) in [
            ("\"0123456789abcdef\"", true),
            ("\"0123456789abcdef-gzip\"", true),
            ("W/\"0123456789abcdef\"", true),
            ("W/\"0123456789abcdef-gzip\"", true),
            ("\"0123456789abcdef;gzip\"", true),
            ("\"0123456789abcdef-br\"", true),
            ("*", true),
            ("\"x\", \"0123456789abcdef\"", true),
            ("\"a,b\",W/\"c\" , W/\"0123456789abcdef-gzip\"", true),
            ("0123456789abcdef", true),
            ("", false),
            ("\"x\"", false),
            ("\"0123456789abcde\"", false),
            ("\"0123456789abcdef0\"", false),
            ("\"*\"", false),
            ("\"0123456789abcdef", true),
        ] {
            assert_eq!(ask(Some(tag), None), is_304, "{tag}");
        }
    }

    #[test]
    fn a_tag_wins_over_a_date() {
        let newer = Some("Sat, 28 Feb 2026 02:30:00 GMT");
        assert!(!ask(Some("\"x\""), newer));
        assert!(ask(
            Some("\"0123456789abcdef\""),
            Some("Sat, 28 Feb 2015 02:30:00 GMT")
        ));
    }

    #[test]
    fn dates_are_compared_and_nonsense_is_no_date() {
        for (date, is_304) in [
            ("Sat, 28 Feb 2026 02:00:00 GMT", true),
            ("Sat, 28 Feb 2026 02:59:59 GMT", true),
            ("Saturday, 28-Feb-26 02:00:00 GMT", true),
            ("Sat Feb 28 02:00:00 2026", true),
            ("Sat, 28 Feb 2026 01:59:59 GMT", false),
            ("Sat, 28 Feb 2026 03:00:01 GMT", false),
            ("Mon, 28 Feb 2036 02:00:00 GMT", false),
            ("Thu, 01 Jan 1970 00:00:00 GMT", false),
            ("28 Feb 2026", false),
            ("0", false),
            ("", false),
            ("Sat, 30 Feb 2026 02:00:00 GMT", false),
        ] {
            assert_eq!(ask(None, Some(date)), is_304, "{date}");
        }
        assert!(!ask(None, None));
    }

    #[test]
    fn a_date_of_ours_is_never_the_future() {
        let (changed, now) = (at("2026-02-28T02:00:01Z"), at("2026-02-28T02:00:00Z"));
        let conditions = Conditions {
            if_none_match: None,
            if_modified_since: Some("Sat, 28 Feb 2026 02:00:01 GMT"),
        };
        assert!(is_not_modified(conditions, STEM, changed, now));
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_rules(list in any::<String>(), date in any::<String>()) {
            prop_assume!(!list.contains(STEM) && list.trim() != "*");
            prop_assert!(!ask(Some(&list), None));
            prop_assert!(!ask(None, Some(&date)) || http_date(&date).is_some());
        }

        #[test]
        fn every_date_we_write_is_read_back(secs in 0i64..4_102_444_800) {
            let at = Timestamp::from_millis(secs * 1000);
            prop_assert_eq!(http_date(&at.http_date()), Some(at));
        }
    }
}
