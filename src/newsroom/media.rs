//! Pictures and recordings on our own host.

use sha2::{Digest, Sha256};

use super::retry::retrying;
use super::{Enclosure, NewsroomError, store};
use crate::work::Core;

/// The largest picture, in bytes.
const MAX_MEDIA: usize = 20 * 1024 * 1024;
/// The largest recording, in bytes: an hour and a half of speech.
const MAX_AUDIO: usize = 100 * 1024 * 1024;

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

/// Media type and file ending of a recording that every browser plays.
fn recognise_audio(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [b'I', b'D', b'3', ..] => Some(("audio/mpeg", "mp3")),
        // The sync word of an MPEG frame of layer III.
        [0xff, second, ..] if second & 0xe6 == 0xe2 => Some(("audio/mpeg", "mp3")),
        [b'O', b'g', b'g', b'S', ..] => Some(("audio/ogg", "ogg")),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(("audio/mp4", "m4a")),
        _ => None,
    }
}

/// Keeps a recording and returns it as an enclosure; equal bytes are kept once.
pub async fn store_audio(core: &Core, bytes: &[u8]) -> Result<Enclosure, NewsroomError> {
    let Some((media_type, ending)) = recognise_audio(bytes) else {
        return Err(NewsroomError::Invalid(
            "this is not a recording in MP3, M4A or Ogg; convert it".to_owned(),
        ));
    };
    if bytes.len() > MAX_AUDIO {
        return Err(NewsroomError::Invalid(format!(
            "the recording has {} MB; make it smaller than {} MB or give its address elsewhere",
            bytes.len() / 1024 / 1024,
            MAX_AUDIO / 1024 / 1024
        )));
    }
    let uid = keep(core, media_type, (0, 0), bytes).await?;
    Ok(Enclosure {
        url: format!("/media/{uid}.{ending}"),
        media_type: media_type.to_owned(),
        bytes: Some(bytes.len() as i64),
        duration_secs: None,
    })
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
    let uid = keep(core, media_type, (width, height), bytes).await?;
    Ok(format!("/media/{uid}.{ending}"))
}

/// Keeps bytes under a uid that is made of their hash.
async fn keep(
    core: &Core,
    media_type: &str,
    size: (i64, i64),
    bytes: &[u8],
) -> Result<String, NewsroomError> {
    let hash = Sha256::digest(bytes);
    let mut head = [0; 16];
    head.copy_from_slice(&hash[..16]);
    let uid = uuid::Builder::from_custom_bytes(head)
        .into_uuid()
        .to_string();
    let now = core.clock.now();
    retrying!(async {
        let mut tx = core.db.begin().await?;
        store::insert_media(&mut tx, &uid, media_type, size, bytes, now).await?;
        Ok(tx.commit().await?)
    })?;
    Ok(uid)
}
