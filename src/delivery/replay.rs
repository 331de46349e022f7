//! A mail of the past, byte for byte: everything that decides its bytes stands in its letter and its row.

use super::DeliveryError;
use super::mime::{Addressee, Letter};
use super::press::write;
use super::preview::{NOBODY, Preview};
use super::store::{self, Row};
use crate::base::address::EmailAddress;
use crate::base::token::{Claims, Purpose};
use crate::work::Core;

/// Whose copy of a letter is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Copy<'a> {
    /// That row's, to this address: the bytes that its relay was given.
    Of(&'a Row, &'a EmailAddress),
    /// Nobody's: the same letter, with links that belong to nobody.
    Nobodys(&'a EmailAddress),
}

/// Writes a stored letter again; none if its body is no longer kept.
pub async fn replay(
    core: &Core,
    letter_id: i64,
    copy: Copy<'_>,
) -> Result<Option<Preview>, DeliveryError> {
    let Some(letter) = store::find_letter(&core.db, letter_id).await? else {
        return Ok(None);
    };
    let to = match copy {
        Copy::Of(row, address) => Addressee {
            delivery_id: row.id,
            uid: &row.recipient_uid,
            epoch: row.recipient_epoch,
            address,
            is_text_only: row.text_only,
        },
        Copy::Nobodys(address) => Addressee {
            delivery_id: 0,
            uid: NOBODY,
            epoch: 0,
            address,
            is_text_only: false,
        },
    };
    shown(core, &letter, &to)
        .map(Some)
        .map_err(DeliveryError::Settings)
}

fn shown(core: &Core, letter: &Letter, to: &Addressee<'_>) -> Result<Preview, String> {
    let token = |purpose: Purpose| {
        core.keys.token(
            letter.key_id,
            purpose,
            &Claims {
                uid: to.uid.to_owned(),
                epoch: to.epoch,
                issued_at: letter.dated_at,
            },
        )
    };
    Ok(Preview {
        source: write(core, letter, to)?,
        html: letter.html.fill(token).replace("\r\n", "\n"),
        text: letter.text.fill(token).replace("\r\n", "\n"),
    })
}
