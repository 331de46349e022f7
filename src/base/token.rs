//! Keys, and the tokens that stand in links.
//!
//! A token says who is meant and what may be done; it holds no address. Layout, then base64url without padding:
//! version (1 byte), purpose (1), key id (1), uid (16), epoch (4), issued at in seconds (4), MAC (16). The MAC is
//! HMAC-SHA-256 over everything before it, cut to 128 bits. Every key there ever was verifies, the current one signs.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::time::{Timestamp, uid_bytes, uid_text};

/// Letters in every token.
pub const TOKEN_LEN: usize = 58;
const VERSION: u8 = 1;
const SIGNED: usize = 27;
const MAC: usize = 16;

/// What a token allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// Confirm a subscription; names a subscriber.
    Confirm = b'c',
    /// Change wishes; names a subscription and dies when its subscriber's `link_epoch` moves.
    Preferences = b'p',
    /// Leave; names a subscription and can do nothing else.
    Unsubscribe = b'u',
    /// Agree, from the old mailbox, that mail goes elsewhere; names a change of address.
    ChangeFrom = b'f',
    /// Agree, from the new mailbox, that mail comes there; names a change of address.
    ChangeTo = b't',
    /// See, carry away and erase what is kept of oneself; names a subscriber, for a day.
    Data = b'd',
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Confirm,
        Self::Preferences,
        Self::Unsubscribe,
        Self::ChangeFrom,
        Self::ChangeTo,
        Self::Data,
    ];

    /// What stands in a letter where the person's token goes: as long as a token, so that filling it in moves nothing.
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Confirm => "__jarshy_confirm__________________________________________",
            Self::Preferences => "__jarshy_preferences______________________________________",
            Self::Unsubscribe => "__jarshy_unsubscribe______________________________________",
            Self::ChangeFrom => "__jarshy_change_from______________________________________",
            Self::ChangeTo => "__jarshy_change_to________________________________________",
            Self::Data => "__jarshy_data_____________________________________________",
        }
    }
}

/// Whom a token names, and since when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// Uid of the subscriber or subscription.
    pub uid: String,
    /// The subscriber's `link_epoch` when the link was made.
    pub epoch: i64,
    /// When the letter that carries the link was dated.
    pub issued_at: Timestamp,
}

/// The keys of one newsroom.
#[derive(Clone)]
pub struct KeyRing {
    current: u8,
    keys: BTreeMap<u8, [u8; 32]>,
    hash_key: [u8; 32],
}

impl KeyRing {
    /// `keys` by number, the highest signs; `hash_key` hashes addresses and is never rotated.
    pub fn new(keys: BTreeMap<u8, [u8; 32]>, hash_key: [u8; 32]) -> Result<Self, String> {
        let current = *keys
            .keys()
            .next_back()
            .ok_or("there is no key to sign links with")?;
        Ok(Self {
            current,
            keys,
            hash_key,
        })
    }

    /// The number of the key that signs now.
    pub fn current_id(&self) -> i64 {
        i64::from(self.current)
    }

    fn mac(key: &[u8; 32], domain: &[u8], message: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(domain);
        mac.update(&[0]);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// The token of a letter signed under `key_id`; falls back to the current key if that one is gone.
    pub fn token(&self, key_id: i64, purpose: Purpose, claims: &Claims) -> String {
        let id = u8::try_from(key_id)
            .ok()
            .filter(|id| self.keys.contains_key(id))
            .unwrap_or(self.current);
        let mut bytes = Vec::with_capacity(SIGNED + MAC);
        bytes.extend([VERSION, purpose as u8, id]);
        bytes.extend(uid_bytes(&claims.uid).unwrap_or([0; 16]));
        bytes.extend((claims.epoch as u32).to_be_bytes());
        bytes.extend((claims.issued_at.as_secs() as u32).to_be_bytes());
        let mac = Self::mac(&self.keys[&id], b"jarshy link", &bytes);
        bytes.extend(&mac[..MAC]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A token under the current key.
    pub fn new_token(&self, purpose: Purpose, claims: &Claims) -> String {
        self.token(self.current_id(), purpose, claims)
    }

    /// Reads a token; `None` if anything about it is not ours. Takes the same time for every wrong MAC.
    pub fn verify(&self, purpose: Purpose, token: &str) -> Option<Claims> {
        if token.len() != TOKEN_LEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        if bytes.len() != SIGNED + MAC || bytes[0] != VERSION || bytes[1] != purpose as u8 {
            return None;
        }
        let mac = Self::mac(self.keys.get(&bytes[2])?, b"jarshy link", &bytes[..SIGNED]);
        if !bool::from(mac[..MAC].ct_eq(&bytes[SIGNED..])) {
            return None;
        }
        let number = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Some(Claims {
            uid: uid_text(bytes[3..19].try_into().ok()?),
            epoch: i64::from(number(19)),
            issued_at: Timestamp::from_millis(i64::from(number(23)) * 1000),
        })
    }

    /// The keyed hash under which an address is remembered when it may not be kept itself: 64 hex digits.
    pub fn address_hash(&self, address_key: &str) -> String {
        hex(&Self::mac(
            &self.hash_key,
            b"jarshy address",
            address_key.as_bytes(),
        ))
    }

    /// `d<id>.<mac>`: the local part of a delivery's Message-ID and of its envelope sender, under the letter's key.
    pub fn delivery_name(&self, key_id: i64, delivery_id: i64) -> String {
        let id = u8::try_from(key_id)
            .ok()
            .filter(|id| self.keys.contains_key(id))
            .unwrap_or(self.current);
        let mac = Self::mac(
            &self.keys[&id],
            b"jarshy delivery",
            &delivery_id.to_be_bytes(),
        );
        format!("d{delivery_id}.{}", hex(&mac[..10]))
    }

    /// Reads a `d<id>.<mac>` back; `None` if no key of ours made it.
    pub fn verify_delivery_name(&self, name: &str) -> Option<i64> {
        let id: i64 = name.strip_prefix('d')?.split_once('.')?.0.parse().ok()?;
        self.keys
            .keys()
            .any(|key| {
                bool::from(
                    self.delivery_name(i64::from(*key), id)
                        .as_bytes()
                        .ct_eq(name.to_ascii_lowercase().as_bytes()),
                )
            })
            .then_some(id)
    }
}

/// Lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(ids: &[u8]) -> KeyRing {
        KeyRing::new(ids.iter().map(|id| (*id, [*id; 32])).collect(), [9; 32]).unwrap()
    }

    fn claims() -> Claims {
        Claims {
            uid: "0194f5b6-7c1e-4a3b-9a55-0123456789ab".to_owned(),
            epoch: 3,
            issued_at: Timestamp::from_millis(1_772_000_000_000),
        }
    }

    #[test]
    fn a_token_survives_the_rotation_of_keys() {
        let token = ring(&[1]).new_token(Purpose::Unsubscribe, &claims());
        assert_eq!(token.len(), TOKEN_LEN);
        let rotated = ring(&[1, 2]);
        assert_eq!(rotated.verify(Purpose::Unsubscribe, &token), Some(claims()));
        assert_ne!(rotated.new_token(Purpose::Unsubscribe, &claims()), token);
        assert_eq!(rotated.token(1, Purpose::Unsubscribe, &claims()), token);
    }

    #[test]
    fn a_token_is_good_for_its_purpose_alone() {
        let token = ring(&[1]).new_token(Purpose::Unsubscribe, &claims());
        assert_eq!(ring(&[1]).verify(Purpose::Preferences, &token), None);
        assert_eq!(ring(&[2]).verify(Purpose::Unsubscribe, &token), None);
    }

    #[test]
    fn placeholders_are_as_long_as_tokens() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.placeholder().len(), TOKEN_LEN);
        }
    }

    #[test]
    fn a_delivery_is_known_by_its_name() {
        let name = ring(&[1]).delivery_name(1, 42);
        assert_eq!(ring(&[1, 2]).verify_delivery_name(&name), Some(42));
        assert_eq!(
            ring(&[1, 2]).verify_delivery_name(&name.replace("d42", "d43")),
            None
        );
    }

    proptest! {
        #[test]
        fn a_changed_token_is_refused(at in 0usize..TOKEN_LEN, letter in "[A-Za-z0-9_-]") {
            let ring = ring(&[1]);
            let token = ring.new_token(Purpose::Confirm, &claims());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &letter);
            // The last letter carries two bits that base64 leaves unused; a strict decoder refuses them, so equal means equal.
            prop_assert_eq!(ring.verify(Purpose::Confirm, &changed).is_some(), changed == token);
        }

        #[test]
        fn nothing_typed_is_a_token(text in any::<String>()) {
            prop_assert_eq!(ring(&[1]).verify(Purpose::Confirm, &text), None);
        }
    }
}
