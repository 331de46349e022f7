use serde::Deserialize;
use url::Url;

use super::load::Finding;
use super::{Config, Names};

/// `[subscribe]`: what a person agrees to, and where forms may stand.
///
/// The four texts belong to what Kazakhstan's law on personal data wants a consent to name (PRODUCT M11). Nobody can subscribe by a
/// form while one of them, or who the operator is, is missing in a language of the newsroom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Subscribe {
    /// For how long an address is kept.
    pub term: Names,
    /// To whom addresses are handed: at least the relay.
    pub recipients: Names,
    /// Whether addresses leave the country, and for where.
    pub transfer: Names,
    /// Where the database stands.
    pub location: Names,
    /// Sites beside our own whose pages may hold the form, as origins: `https://www.example.kz`.
    pub origins: Vec<String>,
    /// Mails that forms filled from one network address may ask for in 24 hours, at each process that serves pages; 0 is no limit.
    pub mails_per_day: i64,
}

impl Default for Subscribe {
    fn default() -> Self {
        Self {
            term: Names::default(),
            recipients: Names::default(),
            transfer: Names::default(),
            location: Names::default(),
            origins: Vec::new(),
            mails_per_day: 100,
        }
    }
}

impl Subscribe {
    pub(super) fn check(&mut self) -> Result<(), Finding> {
        for origin in &mut self.origins {
            let parsed = Url::parse(origin).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.path() == "/"
                    && url.query().is_none()
            });
            let Some(url) = parsed else {
                return Err(Finding::new(
                    "subscribe.origins",
                    format!("{origin:?} is no origin"),
                    "Write scheme and host alone, like https://www.example.kz",
                ));
            };
            // As browsers write it: without a slash, the host in lower case and ASCII.
            *origin = url.origin().ascii_serialization();
        }
        if self.mails_per_day < 0 {
            return Err(Finding::new(
                "subscribe.mails_per_day",
                format!("{} is below 0", self.mails_per_day),
                "Write 100, or 0 for no limit",
            ));
        }
        Ok(())
    }
}

impl Config {
    /// The keys that are missing before anybody may be asked to agree to anything; empty once forms may open.
    pub fn missing_terms(&self) -> Vec<&'static str> {
        let operator = &self.newsroom.operator;
        let is_set = |names: &Names| {
            self.newsroom.languages.iter().all(|language| {
                names
                    .0
                    .get(language.as_str())
                    .is_some_and(|text| !text.trim().is_empty())
            })
        };
        let is_some =
            |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
        [
            ("newsroom.operator.names", is_set(&operator.names)),
            ("newsroom.operator.bin", is_some(&operator.bin)),
            ("newsroom.operator.email", is_some(&operator.email)),
            ("subscribe.term", is_set(&self.subscribe.term)),
            ("subscribe.recipients", is_set(&self.subscribe.recipients)),
            ("subscribe.transfer", is_set(&self.subscribe.transfer)),
            ("subscribe.location", is_set(&self.subscribe.location)),
        ]
        .into_iter()
        .filter_map(|(key, is_there)| (!is_there).then_some(key))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        let mut settings = Subscribe {
            origins: vec![
                "https://WWW.Example.kz/".to_owned(),
                "http://127.0.0.1:8080".to_owned(),
            ],
            ..Subscribe::default()
        };
        assert!(settings.check().is_ok());
        assert_eq!(
            settings.origins,
            ["https://www.example.kz", "http://127.0.0.1:8080"]
        );
        for bad in [
            "www.example.kz",
            "https://www.example.kz/news",
            "ftp://example.kz",
            "null",
        ] {
            settings.origins = vec![bad.to_owned()];
            assert!(settings.check().is_err(), "{bad}");
        }
    }
}
