//! What a letter would look like, without storing or sending it.

use super::NewLetter;
use super::dkim;
use super::mime::{Addressee, Letter, Template};
use super::press::write;
use crate::base::address::EmailAddress;
use crate::base::token::{Claims, Purpose};
use crate::work::Core;

/// The uid of nobody (RFC 9562 section 5.9), as letter and as reader.
pub(super) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A letter in its three shapes.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The HTML part, decoded.
    pub html: String,
    /// The text part, decoded.
    pub text: String,
    /// The bytes of the message.
    pub source: Vec<u8>,
}

/// Renders a letter to `address`. The personal links are well-formed and belong to nobody, so that a preview can be passed
/// around and nobody is unsubscribed by trying its button. The error is a sentence about the letter.
pub fn preview(
    core: &Core,
    letter: &NewLetter,
    address: &EmailAddress,
    is_text_only: bool,
) -> Result<Preview, String> {
    let token = |purpose: Purpose| {
        core.keys.token(
            core.keys.current_id(),
            purpose,
            &Claims {
                uid: NOBODY.to_owned(),
                epoch: 0,
                issued_at: letter.dated_at,
            },
        )
    };
    Ok(Preview {
        source: compose_for_nobody(core, letter, address, 0, is_text_only)?,
        html: Template::new(letter.html.clone()).fill(token),
        text: Template::new(letter.text.clone()).fill(token),
    })
}

/// The bytes of a letter that has no row, under a number that no delivery has; its links are nobody's.
pub(super) fn compose_for_nobody(
    core: &Core,
    letter: &NewLetter,
    address: &EmailAddress,
    number: i64,
    is_text_only: bool,
) -> Result<Vec<u8>, String> {
    let sender_address = EmailAddress::parse(&letter.sender_address)?;
    let stored = Letter {
        id: 0,
        uid: NOBODY.to_owned(),
        kind: letter.kind.as_str().to_owned(),
        scope: letter.scope.clone(),
        language: letter.language.to_string(),
        sender_name: letter.sender_name.clone(),
        signed_by: dkim::names_for(&core.config.dkim, sender_address.domain()),
        sender_address,
        reply_to: letter
            .reply_to
            .as_deref()
            .map(EmailAddress::parse)
            .transpose()?,
        subject: letter.subject.clone(),
        html: Template::body(&letter.html),
        text: Template::body(&letter.text),
        headers: letter
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), Template::new(value.clone())))
            .collect(),
        dated_at: letter.dated_at,
        key_id: core.keys.current_id(),
    };
    let to = Addressee {
        delivery_id: number,
        uid: NOBODY,
        epoch: 0,
        address,
        is_text_only,
    };
    write(core, &stored, &to)
}
