//! From a document to bytes that may go on the shelf.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::coding::{Coding, snug};
use super::delta::{Former, Items};
use super::document::Document;
use super::feed::Format;
use super::{atom, check, json, rss};

/// Finished bytes.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The format.
    pub format: Format,
    /// What the validators of all codings have in common: a hash of the bytes.
    pub stem: String,
    /// The bytes.
    pub bytes: Bytes,
    /// The same in the codings that readers are waiting for.
    pub coded: Vec<(Coding, Bytes)>,
    /// What deltas against them will be made of.
    pub marks: Vec<u8>,
}

impl Rendered {
    /// Packs ahead of any request: into the codings of a set of [`Coding::bit`]s. Where nobody is known to wait, into the one from
    /// which any other is made quickest: so a feed can be served although the database is away, and takes little room.
    #[must_use]
    pub fn packed(mut self, codings: u8) -> Self {
        let codings = if codings == 0 {
            Coding::Zstd.bit()
        } else {
            codings
        };
        self.coded = Coding::ALL
            .into_iter()
            .filter(|coding| codings & coding.bit() != 0)
            .map(|coding| (coding, coding.encode(&self.bytes)))
            .collect();
        self
    }
}

/// Writes the document in a format and looks at the result; the error says what is wrong with it.
pub fn render(document: &Document, format: Format) -> Result<Rendered, String> {
    let bytes = match format {
        Format::Rss => rss::write(document).map_err(|e| e.to_string())?,
        Format::Atom => atom::write(document).map_err(|e| e.to_string())?,
        Format::Json => json::write(document).map_err(|e| e.to_string())?,
    };
    check::check(format, &bytes, document.items.len())?;
    let former = Former {
        page: document.place.older().unwrap_or(0),
        marks: Items::find(format, &bytes)?.marks(),
    };
    Ok(Rendered {
        format,
        marks: former.write(),
        stem: stem(&bytes),
        bytes: snug(bytes),
        coded: Vec::new(),
    })
}

/// The first half of SHA-256 in hexadecimal: two different bodies never share it.
pub fn stem(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(32);
    for byte in &Sha256::digest(bytes)[..16] {
        let _ = write!(out, "{byte:02x}");
    }
    out
}
