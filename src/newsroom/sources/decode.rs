//! From bytes to text: byte order mark, then the XML declaration, then what HTTP said, then UTF-8 (XML 1.0 appendix F).

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::FeedError;

/// The text of a feed. Bytes that are not what they say they are are refused: a feed full of broken letters is worse than none.
pub fn decode(bytes: &[u8], http_charset: Option<&str>) -> Result<String, FeedError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(FeedError::Empty);
    }
    let (text, encoding) = if let Some((encoding, skip)) = Encoding::for_bom(bytes) {
        (decode_as(&bytes[skip..], encoding)?, encoding)
    } else if let Some(encoding) = wide(bytes) {
        (decode_as(bytes, encoding)?, encoding)
    } else {
        let declared = declared(bytes);
        // A declaration that was read byte by byte cannot be true if it says that letters have two bytes.
        let label = declared.as_deref().or(http_charset);
        let encoding = match label {
            None => UTF_8,
            Some(label) => Encoding::for_label(label.as_bytes())
                .ok_or_else(|| FeedError::UnknownEncoding(label.to_owned()))?,
        };
        if encoding == UTF_16LE || encoding == UTF_16BE {
            return Err(FeedError::Lies {
                says: encoding.name().to_owned(),
                problem: "its letters have one byte each, not two".to_owned(),
            });
        }
        if encoding != UTF_8 && encoding.is_single_byte() && looks_like_utf8(bytes) {
            return Err(FeedError::Lies {
                says: encoding.name().to_owned(),
                problem: "its bytes are UTF-8".to_owned(),
            });
        }
        (decode_as(bytes, encoding)?, encoding)
    };
    if text.contains('\0') {
        return Err(FeedError::Lies {
            says: encoding.name().to_owned(),
            problem: "it holds zero bytes, as binary files do".to_owned(),
        });
    }
    Ok(text)
}

fn decode_as(bytes: &[u8], encoding: &'static Encoding) -> Result<String, FeedError> {
    if encoding == UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => {
                let at = error.valid_up_to();
                let line = bytes[..at].split(|b| *b == b'\n').count();
                if error.error_len().is_none() {
                    return Err(FeedError::CutShort {
                        line,
                        problem: "it ends in the middle of a letter".to_owned(),
                    });
                }
                Err(FeedError::Lies {
                    says: "UTF-8".to_owned(),
                    problem: format!("byte {at} (line {line}) does not belong to any letter"),
                })
            }
        };
    }
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| FeedError::Lies {
            says: encoding.name().to_owned(),
            problem: "some of its bytes do not belong to any letter".to_owned(),
        })
}

/// UTF-16 without a byte order mark shows in its first letters.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<', 0, ..] => Some(UTF_16LE),
        [0, b'<', ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// The `encoding` of an XML declaration, wherever white space put it.
fn declared(bytes: &[u8]) -> Option<String> {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace())?;
    let head = &bytes[start..bytes.len().min(start + 300)];
    if !head.starts_with(b"<?xml") {
        return None;
    }
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let head = String::from_utf8_lossy(&head[..end]);
    let (_, rest) = head.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let value = rest[1..].split(quote).next()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Text in a single-byte encoding hardly ever forms valid sequences of several bytes by accident.
fn looks_like_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().filter(|c| !c.is_ascii()).count() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(encoding: &str) -> String {
        format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><rss>Привет, мир</rss>")
    }

    #[test]
    fn declared_encodings_are_read() {
        for encoding in ["windows-1251", "KOI8-R", "ISO-8859-5", "utf-8"] {
            let text = xml(encoding);
            let (bytes, _, _) = Encoding::for_label(encoding.as_bytes())
                .unwrap()
                .encode(&text);
            assert!(
                decode(&bytes, None).unwrap().contains("Привет"),
                "{encoding}"
            );
        }
        let text = "<rss>Привет</rss>";
        let (cp1251, _, _) = encoding_rs::WINDOWS_1251.encode(text);
        assert_eq!(decode(&cp1251, Some("windows-1251")).unwrap(), text);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&wide, None).unwrap(), text);
        let marked = [&[0xff, 0xfe][..], &wide].concat();
        assert_eq!(decode(&marked, None).unwrap(), text);
        assert_eq!(decode("\u{feff}{}".as_bytes(), None).unwrap(), "{}");
    }

    #[test]
    fn lies_are_refused() {
        let (cp1251, _, _) =
            encoding_rs::WINDOWS_1251.encode("<?xml version=\"1.0\"?>\n<rss>Привет</rss>");
        for (bytes, says) in [
            (cp1251.to_vec(), "UTF-8"),
            (xml("windows-1251").into_bytes(), "its bytes are UTF-8"),
            (xml("utf-16").into_bytes(), "one byte each"),
            (xml("x-kazakh").into_bytes(), "x-kazakh"),
            (b"<rss>\0</rss>".to_vec(), "zero bytes"),
            (b" \r\n ".to_vec(), "empty"),
        ] {
            let error = decode(&bytes, None).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let cut = decode("<rss>При".as_bytes().split_last().unwrap().1, None);
        assert!(
            matches!(cut, Err(FeedError::CutShort { line: 1, .. })),
            "{cut:?}"
        );
        let at = decode(b"<rss>\n\xff</rss>", None).unwrap_err().to_string();
        assert!(at.contains("byte 6 (line 2)"), "{at}");
    }
}
