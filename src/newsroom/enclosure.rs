//! A file that belongs to an article, such as a recording. Pictures are not enclosures: they are its lead image or stand in its
//! text, and readers would show them twice.

use serde::Serialize;

/// Enclosures of an article, at most.
pub const MAX_ENCLOSURES: usize = 20;

/// A file at an address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, sqlx::FromRow)]
pub struct Enclosure {
    /// Absolute URL with `http` or `https`, or a path on our host that begins with `/`.
    pub url: String,
    /// Media type without parameters, e.g. `audio/mpeg`.
    pub media_type: String,
    /// Size in bytes, if anybody said it.
    pub bytes: Option<i64>,
    /// How long it plays, in seconds.
    pub duration_secs: Option<i64>,
}

impl Enclosure {
    /// An enclosure as feeds may carry it; `None` if nobody knows what kind of file it is, or if it is a picture.
    ///
    /// `said` is the media type as written; where that is none, the ending of the address tells.
    pub fn new(
        url: String,
        said: Option<&str>,
        bytes: Option<i64>,
        duration_secs: Option<i64>,
    ) -> Option<Self> {
        let media_type = said.and_then(media_type).or_else(|| type_of(&url))?;
        let positive = |n: Option<i64>| n.filter(|n| *n > 0);
        (!media_type.starts_with("image/")).then_some(Self {
            url,
            media_type,
            bytes: positive(bytes),
            duration_secs: positive(duration_secs),
        })
    }
}

/// A media type as RFC 6838 section 4.2 allows it, without parameters and in lower case; `application/octet-stream` says nothing.
fn media_type(said: &str) -> Option<String> {
    let bare = said.split(';').next()?.trim().to_ascii_lowercase();
    let (kind, name) = bare.split_once('/')?;
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphanumeric())
            && word.len() <= 127
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    (is_word(kind) && is_word(name) && bare != "application/octet-stream").then_some(bare)
}

/// The media type that the ending of an address tells.
fn type_of(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?.to_ascii_lowercase();
    let name = path.rsplit('/').next()?;
    let (_, ending) = name.rsplit_once('.')?;
    let found = match ending {
        "mp3" => "audio/mpeg",
        "m4a" | "m4b" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "pdf" => "application/pdf",
        "epub" => "application/epub+zip",
        "zip" => "application/zip",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return None,
    };
    Some(found.to_owned())
}

/// Seconds of a duration as podcasts write it: `125`, `2:05` or `1:02:05`.
pub fn parse_duration(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    let mut secs = 0_i64;
    for part in parts {
        // Some write fractions of a second.
        let whole = part.split('.').next()?;
        let n: i64 = whole.parse().ok().filter(|n| (0..1_000_000).contains(n))?;
        secs = secs * 60 + n;
    }
    Some(secs).filter(|s| *s > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_said_or_told_by_the_ending() {
        let kind = |url: &str, said: Option<&str>| {
            Enclosure::new(url.to_owned(), said, Some(0), None).map(|e| e.media_type)
        };
        for (url, said, wanted) in [
            (
                "https://a.example/x",
                Some("Audio/MPEG; rate=1"),
                Some("audio/mpeg"),
            ),
            ("https://a.example/x.MP3?y=1.zip", None, Some("audio/mpeg")),
            (
                "https://a.example/x.mp3",
                Some("application/octet-stream"),
                Some("audio/mpeg"),
            ),
            (
                "https://a.example/x.mp3",
                Some("nonsense"),
                Some("audio/mpeg"),
            ),
            (
                "https://a.example/x.mp3",
                Some("audio/\"x\""),
                Some("audio/mpeg"),
            ),
            ("https://a.example/x", None, None),
            ("https://a.example/x.mp3/", None, None),
            ("https://a.example/x.jpg", None, None),
            ("https://a.example/x", Some("image/png"), None),
        ] {
            assert_eq!(kind(url, said).as_deref(), wanted, "{url} {said:?}");
        }
        assert_eq!(
            Enclosure::new("/a.mp3".to_owned(), None, Some(0), Some(-1))
                .unwrap()
                .bytes,
            None
        );
    }

    #[test]
    fn durations_are_read_in_every_form() {
        for (text, secs) in [
            ("125", Some(125)),
            ("2:05", Some(125)),
            ("01:02:05", Some(3725)),
            (" 12.7 ", Some(12)),
            ("0", None),
            ("", None),
            ("1:2:3:4", None),
            ("-5", None),
            ("abc", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_duration(text), secs, "{text}");
        }
    }
}
