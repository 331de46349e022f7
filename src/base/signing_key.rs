//! Keys that sign mail: RSA (RFC 6376) and Ed25519 (RFC 8463), on aws-lc-rs.
//!
//! A key comes from a PEM file and never leaves the process again; what others need to check a signature is [`SigningKey::record`].

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

/// How a key signs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// rsa-sha256: what every verifier knows (RFC 6376 section 3.3.2).
    Rsa,
    /// ed25519-sha256: short and quick, not yet known everywhere (RFC 8463).
    Ed25519,
}

impl Algorithm {
    /// Both, in the order in which signatures stand in a message.
    pub const ALL: [Self; 2] = [Self::Rsa, Self::Ed25519];

    /// The `a=` of a signature (RFC 6376 section 3.5).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Rsa => "rsa-sha256",
            Self::Ed25519 => "ed25519-sha256",
        }
    }

    /// The `k=` of a record (RFC 6376 section 3.6.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// A private key.
pub enum SigningKey {
    /// RSA of 2048 to 4096 bits.
    Rsa(Box<RsaKeyPair>),
    /// Ed25519.
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm().as_str())
    }
}

impl SigningKey {
    /// A new key; RSA keys have 2048 bits: more makes signing three to six times slower and records that some hosts cannot hold.
    pub fn generate(algorithm: Algorithm) -> Result<Self, String> {
        let no_key = |_| "this machine could not make a key".to_owned();
        Ok(match algorithm {
            Algorithm::Rsa => Self::Rsa(Box::new(
                RsaKeyPair::generate(KeySize::Rsa2048).map_err(no_key)?,
            )),
            Algorithm::Ed25519 => {
                Self::Ed25519(Box::new(Ed25519KeyPair::generate().map_err(no_key)?))
            }
        })
    }

    /// Reads a PEM file's text: PKCS#8 of either kind, or PKCS#1. The error says what is wrong and never quotes the key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        if pem.windows(9).any(|word| word == b"ENCRYPTED") {
            return Err("holds a key behind a passphrase, which a service cannot type".to_owned());
        }
        let der = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| "holds no private key in PEM form".to_owned())?;
        let rsa = match &der {
            PrivateKeyDer::Pkcs8(pkcs8) => {
                if let Ok(key) = Ed25519KeyPair::from_pkcs8(pkcs8.secret_pkcs8_der()) {
                    return Ok(Self::Ed25519(Box::new(key)));
                }
                RsaKeyPair::from_pkcs8(pkcs8.secret_pkcs8_der())
            }
            PrivateKeyDer::Pkcs1(pkcs1) => RsaKeyPair::from_der(pkcs1.secret_pkcs1_der()),
            _ => return Err("holds a key that is neither RSA nor Ed25519".to_owned()),
        };
        let key = rsa.map_err(|error| match error.to_string().as_str() {
            "TooSmall" => "holds an RSA key of fewer than 2048 bits, which mailboxes distrust",
            "TooLarge" => "holds an RSA key of more than 4096 bits, which mailboxes need not read",
            _ => "holds a key that is neither RSA nor Ed25519",
        })?;
        // RFC 8301 section 3.2: verifiers must be able to read 1024 to 4096 bits.
        if key.public_modulus_len() > 512 {
            return Err(
                "holds an RSA key of more than 4096 bits, which mailboxes need not read".to_owned(),
            );
        }
        Ok(Self::Rsa(Box::new(key)))
    }

    /// The key as the text of a PEM file (PKCS#8, RFC 7468 section 10), for its owner's eyes alone.
    pub fn to_pem(&self) -> Result<String, String> {
        let der: Pkcs8V1Der<'static> = match self {
            Self::Rsa(key) => key.as_der(),
            Self::Ed25519(key) => key.as_der(),
        }
        .map_err(|_| "the key cannot be written down".to_owned())?;
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .map(|at| &text[at..text.len().min(at + 64)])
            .collect();
        Ok(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        ))
    }

    /// How it signs.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::Rsa,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// What stands in DNS so that others can check: a SubjectPublicKeyInfo for RSA (RFC 6376 section 3.6.1, as all verifiers read it),
    /// the bare 32 bytes for Ed25519 (RFC 8463 section 4.2).
    pub fn record(&self) -> String {
        let public = match self {
            Self::Rsa(key) => {
                let der: Result<PublicKeyX509Der<'_>, _> = key.public_key().as_der();
                der.map_or_else(|_| String::new(), |der| STANDARD.encode(der.as_ref()))
            }
            Self::Ed25519(key) => STANDARD.encode(key.public_key().as_ref()),
        };
        format!("v=DKIM1; k={}; p={public}", self.algorithm().as_str())
    }

    /// Signs the canonical form of a message's head: RSASSA-PKCS1-v1_5 over its SHA-256, or PureEdDSA over its SHA-256 (RFC 8463
    /// section 3). The same bytes give the same signature.
    pub fn sign(&self, head: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    head,
                    &mut signature,
                )
                .map_err(|_| "the RSA key does not sign".to_owned())?;
                Ok(signature)
            }
            Self::Ed25519(key) => {
                let digest = digest::digest(&digest::SHA256, head);
                let signature = key
                    .try_sign(digest.as_ref())
                    .map_err(|_| "the Ed25519 key does not sign".to_owned())?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    /// The public key of a record.
    fn public(record: &str) -> Vec<u8> {
        STANDARD
            .decode(record.rsplit_once("p=").unwrap().1)
            .unwrap()
    }

    #[test]
    fn a_key_survives_its_file_and_signs_the_same_twice() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let pem = key.to_pem().unwrap();
            assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
            let read = SigningKey::from_pem(pem.as_bytes()).unwrap();
            assert_eq!(read.algorithm(), algorithm);
            assert_eq!(read.record(), key.record());
            assert_eq!(read.sign(b"head").unwrap(), key.sign(b"head").unwrap());
            assert_ne!(read.sign(b"head").unwrap(), key.sign(b"heat").unwrap());
            let shown = format!("{read:?}");
            assert!(shown.len() < 30, "{shown}");
        }
    }

    #[test]
    fn a_record_holds_what_checks_the_signature() {
        let key = SigningKey::generate(Algorithm::Ed25519).unwrap();
        let record = key.record();
        assert!(record.starts_with("v=DKIM1; k=ed25519; p="), "{record}");
        let public_key = public(&record);
        assert_eq!(public_key.len(), 32);
        UnparsedPublicKey::new(&ED25519, public_key)
            .verify(
                digest::digest(&digest::SHA256, b"head").as_ref(),
                &key.sign(b"head").unwrap(),
            )
            .unwrap();
        let key = SigningKey::generate(Algorithm::Rsa).unwrap();
        let record = key.record();
        assert!(record.starts_with("v=DKIM1; k=rsa; p=MIIBIjAN"), "{record}");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public(&record))
            .verify(b"head", &key.sign(b"head").unwrap())
            .unwrap();
    }

    #[test]
    fn what_is_no_key_is_named_and_not_shown() {
        let secret = "c2VjcmV0c2VjcmV0c2VjcmV0";
        for (label, says) in [
            ("PRIVATE KEY", "neither RSA nor Ed25519"),
            ("EC PRIVATE KEY", "neither RSA nor Ed25519"),
            ("ENCRYPTED PRIVATE KEY", "passphrase"),
            ("CERTIFICATE", "no private key"),
        ] {
            let pem = format!("-----BEGIN {label}-----\n{secret}\n-----END {label}-----\n");
            let error = SigningKey::from_pem(pem.as_bytes()).unwrap_err();
            assert!(error.contains(says) && !error.contains(secret), "{error}");
        }
        assert!(SigningKey::from_pem(b"").is_err());
    }
}
