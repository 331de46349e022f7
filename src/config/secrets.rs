use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Config;
use super::load::Finding;
use crate::base::token::KeyRing;

const REMEDY: &str = "Make one with `openssl rand -hex 32`";

/// `[secrets]`: 32 random bytes each, as 64 hex digits; inline, or in a file of its own that holds the same keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// A TOML file with `link_keys` and `hash_key`, readable by the service alone.
    pub file: Option<PathBuf>,
    /// Keys that sign links, by number from 1 to 255: the highest signs, all of them verify. Never take one away.
    pub link_keys: BTreeMap<String, SecretString>,
    /// The key of the address hashes; it is never rotated.
    pub hash_key: Option<SecretString>,
}

impl Secrets {
    pub(super) fn finish(&mut self, folder: &Path) -> Result<(), Finding> {
        let Some(path) = &mut self.file else {
            return Ok(());
        };
        Config::resolve(folder, path);
        let text = std::fs::read_to_string(&*path).map_err(|error| {
            Finding::new(
                "secrets.file",
                format!("{} cannot be read: {error}", path.display()),
                "Make the file readable by the service",
            )
        })?;
        let mode =
            std::fs::metadata(&*path).map_or(0, |file| std::os::unix::fs::MetadataExt::mode(&file));
        if mode & 0o007 != 0 {
            return Err(Finding::new(
                "secrets.file",
                format!(
                    "{} can be read by everybody on this machine",
                    path.display()
                ),
                format!("chmod 600 {}", path.display()),
            ));
        }
        // The error of the parser may quote the file: tell only where, never what.
        let inner: Self = toml::from_str(&text).map_err(|_| {
            Finding::new(
                "secrets.file",
                format!("{} is not TOML with link_keys and hash_key", path.display()),
                "Write `hash_key = \"…\"` and, under `[link_keys]`, `1 = \"…\"`",
            )
        })?;
        self.link_keys.extend(inner.link_keys);
        self.hash_key = inner.hash_key.or(self.hash_key.take());
        Ok(())
    }

    /// The keys, if every one of them is there and strong; the error names the key and the remedy.
    pub fn key_ring(&self) -> Result<KeyRing, String> {
        let mut keys = BTreeMap::new();
        for (number, secret) in &self.link_keys {
            let id: u8 = number.parse().ok().filter(|id| *id > 0).ok_or_else(|| {
                format!("secrets.link_keys: {number:?} is not a number from 1 to 255")
            })?;
            keys.insert(id, strong(&format!("secrets.link_keys.{number}"), secret)?);
        }
        if keys.is_empty() {
            return Err(format!("secrets.link_keys.1 is missing. {REMEDY}"));
        }
        let hash_key = self
            .hash_key
            .as_ref()
            .ok_or_else(|| format!("secrets.hash_key is missing. {REMEDY}"))?;
        KeyRing::new(keys, strong("secrets.hash_key", hash_key)?)
    }
}

/// 64 hex digits that look random: a key that repeats itself or counts up is refused.
fn strong(key: &str, secret: &SecretString) -> Result<[u8; 32], String> {
    let text = secret.expose_secret();
    let bytes: Option<Vec<u8>> = (text.len() == 64 && text.is_ascii())
        .then(|| {
            (0..64)
                .step_by(2)
                .map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok())
                .collect()
        })
        .flatten();
    let Some(bytes) = bytes else {
        return Err(format!("{key} is not 64 hex digits. {REMEDY}"));
    };
    let distinct = bytes
        .iter()
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    // 32 random bytes hold about 30 distinct ones; fewer than 20 has a chance below 10^-9.
    let steps = bytes
        .windows(2)
        .map(|w| w[1].wrapping_sub(w[0]))
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    if distinct < 20 || steps < 20 {
        return Err(format!("{key} is weak: it is not random. {REMEDY}"));
    }
    Ok(bytes.try_into().unwrap_or([0; 32]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(link: &str, hash: Option<&str>) -> Secrets {
        Secrets {
            file: None,
            link_keys: [("1".to_owned(), link.to_owned().into())].into(),
            hash_key: hash.map(|h| h.to_owned().into()),
        }
    }

    const GOOD: &str = "8f2b6c1de09a47513fb8d2c46e7a90115dc3e8f7062b94a1cf5873e6d10b2a49";

    #[test]
    fn weak_or_missing_secrets_are_refused() {
        assert!(secrets(GOOD, Some(GOOD)).key_ring().is_ok());
        assert!(secrets(GOOD, None).key_ring().is_err());
        assert!(Secrets::default().key_ring().is_err());
        let counting = crate::base::token::hex(&(0..32).collect::<Vec<u8>>());
        for weak in [
            "",
            "hunter2",
            &"00".repeat(32),
            &"ab".repeat(32),
            &"zz".repeat(32),
            &counting,
        ] {
            let error = secrets(weak, Some(GOOD))
                .key_ring()
                .err()
                .unwrap_or_default();
            assert!(
                error.starts_with("secrets.link_keys.1") && error.contains("openssl"),
                "{weak}: {error}"
            );
            assert!(
                weak.is_empty() || !error.contains(weak),
                "the error shows the key"
            );
        }
    }
}
