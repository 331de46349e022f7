use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::Config;
use super::load::Finding;
use crate::base::address::EmailAddress;
use crate::base::signing_key::SigningKey;

/// `[[dkim]]`: a key that signs mail, or did so until lately. Several may stand here: one of each algorithm signs new mail for a
/// domain, and those with `signs = false` finish what they began (RFC 6376 section 3.1 on selectors).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// The name under which DNS has the public key: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The domain that signs: the sender's, or one above it, so that DMARC finds it aligned (RFC 7489 section 3.1.1).
    pub domain: String,
    /// The private key, a PEM file that the service alone may read.
    pub key_file: PathBuf,
    /// Whether it signs new mail.
    #[serde(default = "yes")]
    pub signs: bool,
    /// What was read from the file; there once the settings are checked.
    #[serde(skip)]
    pub key: Option<Arc<SigningKey>>,
}

const fn yes() -> bool {
    true
}

impl Dkim {
    /// The name of its DNS record; names the key in stored letters, too.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// Whether its signature is aligned with senders at `domain`: it is that domain, or one above it.
    pub fn covers(&self, domain: &str) -> bool {
        domain
            .strip_suffix(&self.domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    fn finish(&mut self, place: &str, folder: &Path) -> Result<(), Finding> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        self.selector.make_ascii_lowercase();
        if !self.selector.split('.').all(is_label) {
            return Err(Finding::new(
                format!("{place}.selector"),
                format!("{:?} is not a name for DNS", self.selector),
                "Write it in letters, digits and hyphens, like news-202611-rsa",
            ));
        }
        // The one rule for domains is that of addresses: letters of any script, kept as A-labels.
        let address = EmailAddress::parse(&format!("x@{}", self.domain)).map_err(|_| {
            Finding::new(
                format!("{place}.domain"),
                format!("{:?} is not the domain of a sender", self.domain),
                "Write what stands behind the @ of the sender's address, like news.example.kz",
            )
        })?;
        address.domain().clone_into(&mut self.domain);
        Config::resolve(folder, &mut self.key_file);
        let shown = self.key_file.display().to_string();
        let finding = |problem: String, remedy: String| {
            Finding::new(format!("{place}.key_file"), problem, remedy)
        };
        let made_by = format!(
            "`jarshy dkim new --domain {}` makes keys and prints what to write here and into DNS",
            self.domain
        );
        let pem = std::fs::read(&self.key_file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                finding(format!("there is no file {shown}"), made_by.clone())
            }
            _ => finding(
                format!("{shown} cannot be read: {error}"),
                "Make the file readable by the service".to_owned(),
            ),
        })?;
        let mode = std::fs::metadata(&self.key_file)
            .map_or(0, |file| std::os::unix::fs::MetadataExt::mode(&file));
        if mode & 0o007 != 0 {
            return Err(finding(
                format!("{shown} can be read by everybody on this machine"),
                format!("chmod 600 {shown}; if others had accounts here, make a new key"),
            ));
        }
        let key = SigningKey::from_pem(&pem)
            .map_err(|problem| finding(format!("{shown} {problem}"), made_by))?;
        self.key = Some(Arc::new(key));
        Ok(())
    }
}

/// Reads the keys, and checks that who signs is clear and that no sender is left out.
pub(super) fn finish(config: &mut Config, folder: &Path) -> Result<(), Finding> {
    for (i, dkim) in config.dkim.iter_mut().enumerate() {
        dkim.finish(&format!("dkim[{i}]"), folder)?;
    }
    for (i, dkim) in config.dkim.iter().enumerate() {
        for earlier in &config.dkim[..i] {
            if earlier.record_name() == dkim.record_name() {
                return Err(Finding::new(
                    format!("dkim[{i}].selector"),
                    format!("{} stands here twice", dkim.record_name()),
                    "Give each key a selector of its own",
                ));
            }
            let algorithm = |dkim: &Dkim| dkim.key.as_ref().map(|key| key.algorithm());
            if earlier.signs
                && dkim.signs
                && earlier.domain == dkim.domain
                && algorithm(earlier) == algorithm(dkim)
            {
                return Err(Finding::new(
                    format!("dkim[{i}].signs"),
                    format!(
                        "{} and {} would both sign, with keys of one kind",
                        earlier.selector, dkim.selector
                    ),
                    "Write signs = false to the old one and leave it here for some days",
                ));
            }
        }
    }
    if config.dkim.is_empty() {
        return Ok(());
    }
    let senders = config
        .newsletters
        .iter()
        .enumerate()
        .map(|(i, newsletter)| (format!("newsletter[{i}].sender"), newsletter.sender.clone()))
        .chain(
            config
                .mail
                .sender
                .iter()
                .map(|sender| ("mail.sender".to_owned(), sender.clone())),
        );
    for (place, sender) in senders {
        let Ok(address) = EmailAddress::parse(&sender) else {
            continue;
        };
        let domain = address.domain();
        if !config
            .dkim
            .iter()
            .any(|key| key.signs && key.covers(domain))
        {
            return Err(Finding::new(
                place,
                format!(
                    "no key under [[dkim]] signs for {domain}, so mailboxes would not trust this sender"
                ),
                format!("`jarshy dkim new --domain {domain}` makes one"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::signing_key::Algorithm;
    use std::fmt::Write;
    use std::os::unix::fs::PermissionsExt;

    /// A folder with a key file `NAME.pem` of each name, readable by its owner alone.
    fn folder(names: &[(&str, Algorithm)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, algorithm) in names {
            let pem = SigningKey::generate(*algorithm).unwrap().to_pem().unwrap();
            write(&folder.path().join(format!("{name}.pem")), &pem, 0o600);
        }
        folder
    }

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn read(folder: &Path, keys: &[(&str, &str, &str)]) -> Result<Config, String> {
        let mut text = "[server]\npublic_url = \"https://news.example.kz\"\n[newsroom]\nlanguages = [\"kk\"]\n\
             time_zone = \"Asia/Almaty\"\nnames = { kk = \"Тау жаршысы\" }\n[[section]]\nslug = \"society\"\nnames = { kk = \"Қоғам\" }\n\
             [[newsletter]]\nslug = \"daily\"\nnames = { kk = \"Күн жаңалықтары\" }\nsender = \"digest@news.example.kz\"\n"
            .to_owned();
        for (name, domain, more) in keys {
            let _ = write!(
                text,
                "[[dkim]]\nselector = \"{name}\"\ndomain = \"{domain}\"\nkey_file = \"{name}.pem\"\n{more}\n"
            );
        }
        Config::parse(&folder.join("jarshy.toml"), &text, &[]).map_err(|e| e.to_string())
    }

    const OURS: &str = "news.example.kz";

    #[test]
    fn two_kinds_sign_and_an_old_key_stands_by() {
        let folder = folder(&[
            ("rsa", Algorithm::Rsa),
            ("ed", Algorithm::Ed25519),
            ("old", Algorithm::Ed25519),
        ]);
        let keys = [
            ("rsa", OURS, ""),
            ("ed", "EXAMPLE.KZ", ""),
            ("old", OURS, "signs = false"),
        ];
        let config = read(folder.path(), &keys).unwrap();
        assert_eq!(
            config.dkim[0].record_name(),
            "rsa._domainkey.news.example.kz"
        );
        assert_eq!(config.dkim[1].domain, "example.kz");
        assert!(config.dkim.iter().all(|key| key.key.is_some()));
        assert!(config.dkim[1].covers(OURS) && config.dkim[1].covers("example.kz"));
        assert!(!config.dkim[1].covers("badexample.kz") && !config.dkim[0].covers("example.kz"));
        // What a log might print holds nothing of a key.
        assert!(!format!("{config:?}").contains("PRIVATE"));
    }

    #[test]
    fn errors_name_the_key_and_the_remedy() {
        let folder = folder(&[("a", Algorithm::Ed25519), ("b", Algorithm::Ed25519)]);
        let path = |name: &str| folder.path().join(format!("{name}.pem"));
        let good = std::fs::read_to_string(path("a")).unwrap();
        write(&path("open"), &good, 0o644);
        write(
            &path("wrong"),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            0o600,
        );
        write(&path("short"), "", 0o600);
        let made = std::process::Command::new("openssl")
            .args(["genrsa", "-out"])
            .arg(path("short"))
            .arg("1024")
            .output()
            .unwrap();
        assert!(made.status.success());
        for (keys, key, says) in [
            (
                vec![("none", OURS, "")],
                "dkim[0].key_file",
                "jarshy dkim new --domain news.example.kz",
            ),
            (vec![("open", OURS, "")], "dkim[0].key_file", "chmod 600"),
            (
                vec![("wrong", OURS, "")],
                "dkim[0].key_file",
                "no private key",
            ),
            (
                vec![("short", OURS, "")],
                "dkim[0].key_file",
                "fewer than 2048 bits",
            ),
            (
                vec![("a", OURS, ""), ("b", OURS, "")],
                "dkim[1].signs",
                "signs = false",
            ),
            (
                vec![("a", OURS, ""), ("a", OURS, "signs = false")],
                "dkim[1].selector",
                "of its own",
            ),
            (
                vec![("a", "example.org", "")],
                "newsletter[0].sender",
                "dkim new --domain news.example.kz",
            ),
            (
                vec![("a", OURS, "signs = false")],
                "newsletter[0].sender",
                "dkim new",
            ),
            (
                vec![("a", "localhost", "")],
                "dkim[0].domain",
                "behind the @",
            ),
            (vec![("a b", OURS, "")], "dkim[0].selector", "hyphens"),
        ] {
            let error = read(folder.path(), &keys).unwrap_err();
            assert!(
                error.contains(&format!(": {key}: ")) && error.contains(says),
                "{keys:?}: {error}"
            );
        }
    }
}
