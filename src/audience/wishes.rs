//! Wishes as they are typed, and what they are once checked against the newsroom.

use super::selection::Choice;
use super::{AudienceError, Cadence, Newsletter, Wishes};
use crate::base::time::Zone;
use crate::config::Config;

/// Checked wishes in canonical form: what a selection and a slot are found by.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Wanted {
    pub choice: Choice,
    pub cadence: Cadence,
    /// IANA name; [`Zone`] itself knows no hash.
    pub zone: String,
    pub minute: i64,
}

impl Wanted {
    /// The zone.
    pub(crate) fn time_zone(&self) -> Zone {
        Zone::parse(&self.zone).unwrap_or_else(|_| Zone::utc())
    }
}

/// Checks wishes against the settings. What a page of ours offers always passes; the sentences are for the API and the terminal.
pub(crate) fn check(
    config: &Config,
    newsletter: &Newsletter,
    wishes: &Wishes,
) -> Result<Wanted, AudienceError> {
    let invalid = |field, sentence| Err(AudienceError::Invalid { field, sentence });
    if wishes.languages.is_empty() {
        return invalid("languages", "choose at least one language".to_owned());
    }
    let ours = &config.newsroom.languages;
    if let Some(language) = wishes.languages.iter().find(|l| !ours.contains(l)) {
        let list: Vec<&str> = ours
            .iter()
            .map(crate::base::language::Language::as_str)
            .collect();
        return invalid(
            "languages",
            format!(
                "this newsroom has no news in {language}; choose among {}",
                list.join(", ")
            ),
        );
    }
    let offered = |slug: &String| {
        config.sections.iter().any(|section| section.slug == *slug)
            && (newsletter.sections.is_empty() || newsletter.sections.contains(slug))
    };
    if let Some(slug) = wishes.sections.iter().find(|slug| !offered(slug)) {
        let list: Vec<&str> = config
            .sections
            .iter()
            .filter(|section| offered(&section.slug))
            .map(|section| section.slug.as_str())
            .collect();
        return invalid(
            "sections",
            format!(
                "the newsletter has no section {slug:?}; choose among {}",
                list.join(", ")
            ),
        );
    }
    if !(0..1440).contains(&wishes.minute) {
        return invalid(
            "hour",
            format!(
                "{} is no minute of a day; an hour is written like 08:00",
                wishes.minute
            ),
        );
    }
    let cadence = wishes.cadence.canonical()?;
    Ok(Wanted {
        choice: Choice::new(&wishes.languages, &wishes.sections, &wishes.tags)?,
        // The hour means nothing to it, and equal wishes share a slot.
        minute: if cadence == Cadence::Immediate {
            0
        } else {
            wishes.minute
        },
        cadence,
        zone: wishes.time_zone.name().to_owned(),
    })
}
