//! E-mail addresses, parsed once at the door.

use std::fmt;

/// A syntactically valid address (RFC 5321 section 4.1.2, with RFC 6531 letters). The domain is kept in ASCII (A-labels).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EmailAddress {
    local: String,
    domain: String,
    domain_typed: String,
}

impl EmailAddress {
    /// Reads what a person typed. The error says what is wrong, in a sentence for a log or a terminal.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let typed = typed.trim_matches(' ');
        if typed.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("an address holds no spaces, line breaks or control characters".to_owned());
        }
        if typed.len() > 254 {
            return Err(format!(
                "an address has at most 254 characters, this one has {}",
                typed.len()
            ));
        }
        let Some((local, domain)) = typed.rsplit_once('@') else {
            return Err(
                "an address has a name, an @ and a domain, like aigerim@example.kz".to_owned(),
            );
        };
        if local.is_empty() || domain.is_empty() {
            return Err(
                "an address has a name, an @ and a domain, like aigerim@example.kz".to_owned(),
            );
        }
        let ascii = match url::Host::parse(domain) {
            Ok(url::Host::Domain(ascii)) if ascii.contains('.') && !ascii.ends_with('.') => ascii,
            _ => return Err(format!("{domain:?} is not the domain of a mailbox")),
        };
        let syntax = email_address::EmailAddress::is_valid(&format!("{local}@{ascii}"));
        if !syntax || local.len() > 64 || local.starts_with('"') {
            return Err(format!("{local:?} is not the name of a mailbox"));
        }
        Ok(Self {
            local: local.to_owned(),
            domain: ascii,
            domain_typed: domain.to_lowercase(),
        })
    }

    /// The part before the @, as typed.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain in ASCII, lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What two spellings of one mailbox share: lower case, domain in ASCII. Used for uniqueness, never for mailing.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }

    /// For the envelope: the local part as typed, the domain in ASCII.
    pub fn envelope(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// For a page that may be read by somebody else: `a•••m@example.kz`.
    pub fn masked(&self) -> String {
        let mut letters = self.local.chars();
        let first = letters.next().unwrap_or('•');
        match letters.next_back() {
            Some(last) => format!("{first}•••{last}@{}", self.domain_typed),
            None => format!("{first}•••@{}", self.domain_typed),
        }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain_typed)
    }
}

impl std::str::FromStr for EmailAddress {
    type Err = String;
    fn from_str(typed: &str) -> Result<Self, String> {
        Self::parse(typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_mailbox_share_a_key() {
        let key = |s: &str| EmailAddress::parse(s).unwrap().key();
        assert_eq!(key("Aigerim@Example.KZ"), key("aigerim@example.kz"));
        assert_ne!(key("aigerim+news@example.kz"), key("aigerim@example.kz"));
        assert_eq!(key("ая@мысал.қаз"), "ая@xn--80awbu3c.xn--80ao21a");
    }

    #[test]
    fn bad_addresses_are_refused() {
        let long = format!("{}@example.kz", "a".repeat(400));
        for bad in [
            "",
            "@",
            "aigerim",
            "aigerim@",
            "@example.kz",
            "a b@example.kz",
            "a@b\r\nBcc: x@y.z",
            "a@localhost",
            "a@example.kz\0",
            "a@[127.0.0.1]",
            "a@example..kz",
            "\"a b\"@example.kz",
            "a,b@example.kz",
            long.as_str(),
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_masked_address_shows_two_letters() {
        assert_eq!(
            EmailAddress::parse("aigerim@example.kz").unwrap().masked(),
            "a•••m@example.kz"
        );
    }
}
