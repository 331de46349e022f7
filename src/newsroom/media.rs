//! Pictures on our own host.

use sha2::{Digest, Sha256};

use super::retry::retrying;
use super::{NewsroomError, store};
use crate::work::Core;

/// The largest picture, in bytes.
const MAX_MEDIA: usize = 20 * 1024 * 1024;

/// Media type and file ending by the first bytes; `None` for what browsers and mail programs do not show alike.
fn recognise(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(("image/jpeg", "jpg")),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(("image/png", "png")),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(("image/gif", "gif")),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some(("image/webp", "webp")),
        _ => None,
    }
}

/// Keeps a picture and returns its path on our host, `/media/{uid}.jpg`; equal bytes are kept once: the uid is made of their hash.
pub async fn store_media(
    core: &Core,
    bytes: &[u8],
    width: i64,
    height: i64,
) -> Result<String, NewsroomError> {
    let Some((media_type, ending)) = recognise(bytes) else {
        return Err(NewsroomError::Invalid(
            "this is not a picture in JPEG, PNG, GIF or WebP; convert it".to_owned(),
        ));
    };
    if bytes.len() > MAX_MEDIA {
        return Err(NewsroomError::Invalid(format!(
            "the picture has {} MB; make it smaller than {} MB",
            bytes.len() / 1024 / 1024,
            MAX_MEDIA / 1024 / 1024
        )));
    }
    let hash = Sha256::digest(bytes);
    let mut head = [0; 16];
    head.copy_from_slice(&hash[..16]);
    let uid = uuid::Builder::from_custom_bytes(head)
        .into_uuid()
        .to_string();
    let now = core.clock.now();
    retrying!(async {
        let mut tx = core.db.begin().await?;
        store::insert_media(&mut tx, &uid, media_type, (width, height), bytes, now).await?;
        Ok(tx.commit().await?)
    })?;
    Ok(format!("/media/{uid}.{ending}"))
}
