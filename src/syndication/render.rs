//! From a document to bytes that may go on the shelf.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

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
    /// The bytes in their codings.
    pub body: Body,
}

/// One body in every coding it is served in.
#[derive(Clone, Debug)]
pub struct Body {
    /// As it is.
    pub identity: Bytes,
    /// `Content-Encoding: gzip`.
    pub gzip: Bytes,
}

impl Body {
    /// Compresses ahead of any request.
    pub fn new(identity: Vec<u8>) -> Self {
        // Neither name nor time in the header: equal bytes give equal bytes.
        let mut encoder =
            GzEncoder::new(Vec::with_capacity(identity.len() / 3), Compression::best());
        let gzip = encoder
            .write_all(&identity)
            .and_then(|()| encoder.finish())
            .expect("writing into memory cannot fail");
        Self {
            identity: identity.into(),
            gzip: gzip.into(),
        }
    }

    /// Bytes it takes in memory.
    pub const fn weight(&self) -> usize {
        self.identity.len() + self.gzip.len()
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
    Ok(Rendered {
        format,
        stem: stem(&bytes),
        body: Body::new(bytes),
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
