//! What a person agrees to when they subscribe (PRODUCT M11). Pure.

use sha2::{Digest, Sha256};

use crate::base::language::Language;
use crate::base::token::hex;
use crate::config::{Config, Names};
use crate::theme::{Arg, Theme};

/// The words beside the tick and beneath it, in one interface language.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Terms {
    /// The sentence the tick stands before.
    pub text: String,
    /// Who keeps the address, what for, for how long, whom it is handed to and where it lies; a sentence each.
    pub details: Vec<String>,
    /// Names this very wording: another wording is another version.
    pub version: String,
}

impl Terms {
    /// The terms as they are now.
    pub fn new(config: &Config, theme: &Theme, language: &Language) -> Self {
        let language = theme.interface(language);
        let say = |key: &str| theme.text(&language, key, &[]);
        let (operator, subscribe) = (&config.newsroom.operator, &config.subscribe);
        let mut details = Vec::new();
        let mut operator_line = vec![operator.names.get(&language).trim().to_owned()];
        if let Some(bin) = &operator.bin {
            operator_line.push(theme.text(&language, "operator-bin", &[("bin", Arg::Text(bin))]));
        }
        operator_line.push(operator.addresses.get(&language).trim().to_owned());
        operator_line.extend(operator.email.clone());
        operator_line.extend(operator.phone.clone());
        operator_line.retain(|part| !part.is_empty());
        if !operator_line.is_empty() {
            let operator = operator_line.join(", ");
            let args = [("operator", Arg::Text(operator.as_str()))];
            details.push(theme.text(&language, "consent-operator", &args));
        }
        details.push(say("consent-purpose"));
        for (key, names) in [
            ("consent-term", &subscribe.term),
            ("consent-recipients", &subscribe.recipients),
            ("consent-transfer", &subscribe.transfer),
            ("consent-location", &subscribe.location),
        ] {
            details.extend(line(theme, &language, key, names));
        }
        details.push(say("consent-withdraw"));
        let text = say("consent");
        let version = hex(&Sha256::digest(joined(&text, &details)))[..12].to_owned();
        Self {
            text,
            details,
            version,
        }
    }

    /// What the consent log keeps: the very text, its version, the page or site it was shown on, and where it was agreed to.
    pub fn evidence(
        &self,
        language: &Language,
        page: &str,
        from: Option<std::net::IpAddr>,
    ) -> String {
        serde_json::json!({
            "version": self.version,
            "language": language.as_str(),
            "text": joined(&self.text, &self.details),
            "page": page,
            "from": from.map(|address| address.to_string()),
        })
        .to_string()
    }
}

/// One sentence a line: they have no full stops of their own.
fn joined(text: &str, details: &[String]) -> String {
    std::iter::once(text)
        .chain(details.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join("\n")
}

fn line(theme: &Theme, language: &Language, key: &str, names: &Names) -> Option<String> {
    let said = names.get(language).trim();
    (!said.is_empty()).then(|| theme.text(language, key, &[("text", Arg::Text(said))]))
}
