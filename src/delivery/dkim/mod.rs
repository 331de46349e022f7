//! DKIM (RFC 6376, RFC 8463): who signs, and the signatures themselves, over the final bytes of a message.
//!
//! Which keys sign is decided when a letter is stored and stands in its row, so a repeat has the same bytes though the settings have
//! a new key by then. Heads and bodies are signed in their relaxed form, without `l=`; fields that a forger would add are signed
//! as often as they stand and once more, so that a second one breaks the signature (section 8.15).

mod canonical;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::base::signing_key::Algorithm;
use crate::base::time::Timestamp;
use crate::config::Dkim;
use canonical::{Field, body_hash, fields, relaxed_field};

/// What is signed where it stands, beside every `List-…` field. Not signed is what relays take away or change (`Precedence`,
/// `X-…`, and what a relay's own settings ask for).
const SIGNED: &[&str] = &[
    "from",
    "reply-to",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-language",
    "archived-at",
    "auto-submitted",
    "feedback-id",
    "cfbl-address",
    "references",
];
/// Signed once more than it stands, also where it does not stand at all.
const CLOSED: &[&str] = &[
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
];
/// Signed once more than it stands, where it stands: a second one would lead readers elsewhere, and a relay may add the first.
const CLOSED_IF_THERE: &[&str] = &[
    "list-unsubscribe",
    "list-unsubscribe-post",
    "content-type",
    "feedback-id",
];

/// The names of the keys that sign new letters from a domain: those nearest to it, RSA first; as they are stored with a letter.
pub(super) fn names_for(keys: &[Dkim], domain: &str) -> Vec<String> {
    current(keys, domain)
        .iter()
        .map(|key| key.record_name())
        .collect()
}

fn current<'a>(keys: &'a [Dkim], domain: &str) -> Vec<&'a Dkim> {
    Algorithm::ALL
        .into_iter()
        .filter_map(|algorithm| {
            keys.iter()
                .filter(|key| key.signs && key.covers(domain))
                .filter(|key| key.key.as_ref().is_some_and(|k| k.algorithm() == algorithm))
                .max_by_key(|key| key.domain.len())
        })
        .collect()
}

/// The keys that a letter names. If none of them is in the settings any more, those of today: another signature is better than
/// one that nobody can check.
fn chosen<'a>(keys: &'a [Dkim], names: &[String], domain: &str) -> Vec<&'a Dkim> {
    let named: Vec<&Dkim> = names
        .iter()
        .filter_map(|name| keys.iter().find(|key| key.record_name() == *name))
        .collect();
    if named.is_empty() && !names.is_empty() {
        return current(keys, domain);
    }
    named
}

/// Puts the signatures of the keys that `names` names in front of a message from `domain`. `signed_at` becomes `t=`, in seconds;
/// the same message, names and keys give the same bytes.
pub fn sign(
    keys: &[Dkim],
    names: &[String],
    domain: &str,
    signed_at: Timestamp,
    message: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let signers = chosen(keys, names, domain);
    if signers.is_empty() {
        return Ok(message);
    }
    let (head, body) = split(&message);
    let (list, mut signed) = cover(&fields(head));
    let body_hash = STANDARD.encode(body_hash(body));
    let covered = signed.len();
    let mut out = Vec::with_capacity(message.len() + 2048);
    for signer in signers {
        let key = signer.key.as_ref().ok_or("a DKIM key was not read")?;
        let unsigned = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n s={}; t={};\r\n h={list};\r\n bh={body_hash};\r\n b=",
            key.algorithm().tag(),
            signer.domain,
            signer.selector,
            signed_at.as_secs(),
        );
        // Section 3.7: the signature's own field is hashed last, with an empty b= and without a line end.
        signed.truncate(covered);
        relaxed_field(&mut signed, unsigned.as_bytes());
        signed.truncate(signed.len() - 2);
        let signature = STANDARD.encode(key.sign(&signed)?);
        out.extend(unsigned.as_bytes());
        for (i, chunk) in signature.as_bytes().chunks(72).enumerate() {
            if i > 0 {
                out.extend(b"\r\n  ");
            }
            out.extend(chunk);
        }
        out.extend(b"\r\n");
    }
    out.extend(message);
    Ok(out)
}

/// Head with the line end of its last field, and body.
fn split(message: &[u8]) -> (&[u8], &[u8]) {
    message
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or((message, &[]), |at| {
            (&message[..at + 2], &message[at + 4..])
        })
}

/// The `h=` list, folded, and the canonical form of what it names (section 5.4.2: of equal fields the last one first; a name for
/// which there is no field stands for nothing).
fn cover(fields: &[Field<'_>]) -> (String, Vec<u8>) {
    let mut names: Vec<&str> = Vec::new();
    let mut signed = Vec::with_capacity(4096);
    for (i, field) in fields.iter().enumerate() {
        let is_first = !fields[..i].iter().any(|earlier| earlier.is(field.name));
        let lower = field.name.to_ascii_lowercase();
        if !is_first || !(SIGNED.contains(&lower.as_str()) || lower.starts_with("list-")) {
            continue;
        }
        for same in fields.iter().rev().filter(|same| same.is(field.name)) {
            names.push(field.name);
            relaxed_field(&mut signed, same.raw);
        }
        if CLOSED_IF_THERE.contains(&lower.as_str()) {
            names.push(field.name);
        }
    }
    names.extend(CLOSED);
    let mut list = String::new();
    let mut column = " h=".len();
    for (i, name) in names.iter().enumerate() {
        if i > 0 {
            list.push(':');
            column += 1;
        }
        if column + name.len() > 74 {
            list.push_str("\r\n  ");
            column = 2;
        }
        list.push_str(name);
        column += name.len();
    }
    (list, signed)
}

#[cfg(test)]
mod tests;
