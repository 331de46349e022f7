//! What forms about wishes show and how they are read. Without a script: one select per place in the order of languages.

use jiff::civil::Date;
use serde::Serialize;

use super::notice::Words;
use super::zones;
use crate::audience::{Cadence, Wishes};
use crate::base::language::Language;
use crate::base::time::Zone;

use crate::web::WebState;
use crate::web::shell::own_name;

/// Fields of a submitted form, in their order; a name may repeat.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`.
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(
            url::form_urlencoded::parse(body)
                .take(200)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// The first value of that name, trimmed; empty if absent.
    pub(super) fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or("").trim()
    }

    /// All values of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether there is such a field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// One entry of a select or a tick box.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

/// One place in the order of languages.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LanguagePlace {
    label: String,
    /// Whether it may be left empty.
    is_optional: bool,
    choices: Vec<Choice>,
}

/// Sentences beside fields, by the field's name.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Errors {
    pub(super) address: Option<String>,
    pub(super) language: Option<String>,
    pub(super) section: Option<String>,
    pub(super) hour: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) cadence: Option<String>,
    pub(super) paused_until: Option<String>,
    pub(super) consent: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) new_address: Option<String>,
}

impl Errors {
    pub(super) fn any(&self) -> bool {
        [
            &self.address,
            &self.language,
            &self.section,
            &self.hour,
            &self.time_zone,
            &self.cadence,
            &self.paused_until,
            &self.consent,
            &self.tag,
            &self.new_address,
        ]
        .iter()
        .any(|error| error.is_some())
    }
}

/// The fields about wishes, as `web/wishes.html` shows them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WishesForm {
    places: Vec<LanguagePlace>,
    sections: Vec<Choice>,
    hours: Vec<Choice>,
    zones: Vec<Choice>,
    cadences: Vec<Choice>,
    weekdays: Vec<Choice>,
    /// The days of the week as tick boxes.
    days: Vec<Choice>,
    /// Tags to narrow the choice by; none where they are not asked about.
    tags: Vec<Choice>,
    /// Whether one of them is chosen.
    has_chosen_tags: bool,
    text_only: bool,
    /// Whether the newsroom has more than one language to put in order.
    has_languages: bool,
}

impl WishesForm {
    /// The form filled with wishes; `tags` are those on offer, as slug and name.
    pub(super) fn new(
        state: &WebState,
        words: &Words<'_>,
        wishes: &Wishes,
        tags: &[(String, String)],
    ) -> Self {
        let config = &state.core.config;
        let mut known = config.newsroom.languages.clone();
        known.extend(
            wishes
                .languages
                .iter()
                .filter(|language| !config.newsroom.languages.contains(language))
                .cloned(),
        );
        let labels = ["first-language", "second-language", "third-language"];
        let places = (0..known.len().min(labels.len().max(wishes.languages.len())))
            .map(|place| LanguagePlace {
                label: labels
                    .get(place)
                    .map_or_else(|| (place + 1).to_string(), |key| words.say(key)),
                is_optional: place > 0,
                choices: known
                    .iter()
                    .map(|language| Choice {
                        value: language.to_string(),
                        label: own_name(language),
                        is_chosen: wishes.languages.get(place) == Some(language),
                    })
                    .collect(),
            })
            .collect();
        let mut minutes: Vec<i64> = (0..24).map(|hour| hour * 60).collect();
        if !minutes.contains(&wishes.minute) {
            minutes.push(wishes.minute);
            minutes.sort_unstable();
        }
        let weekly = match &wishes.cadence {
            Cadence::Weekly(day) => *day,
            _ => 1,
        };
        Self {
            places,
            sections: config
                .sections
                .iter()
                .map(|section| Choice {
                    value: section.slug.clone(),
                    label: section.names.get(words.language()).to_owned(),
                    is_chosen: wishes.sections.contains(&section.slug),
                })
                .collect(),
            hours: minutes
                .into_iter()
                .map(|minute| Choice {
                    value: clock(minute),
                    label: clock(minute),
                    is_chosen: minute == wishes.minute,
                })
                .collect(),
            zones: zones::choices(wishes.time_zone.name(), state.core.clock.now()),
            cadences: cadences(words, &wishes.cadence),
            weekdays: (1..=7)
                .map(|day| Choice {
                    value: day.to_string(),
                    label: words.say(&format!("weekday-{day}")),
                    is_chosen: day == weekly,
                })
                .collect(),
            days: (1..=7)
                .map(|day| Choice {
                    value: day.to_string(),
                    label: words.say(&format!("weekday-{day}")),
                    is_chosen: wishes.cadence != Cadence::Immediate
                        && is_mail_day(&wishes.cadence, day),
                })
                .collect(),
            tags: tags
                .iter()
                .map(|(slug, name)| Choice {
                    value: slug.clone(),
                    label: name.clone(),
                    is_chosen: wishes.tags.contains(slug),
                })
                .collect(),
            has_chosen_tags: !wishes.tags.is_empty(),
            text_only: wishes.text_only,
            has_languages: known.len() > 1,
        }
    }
}

/// How often.
fn cadences(words: &Words<'_>, present: &Cadence) -> Vec<Choice> {
    [
        ("daily", "every-day", matches!(present, Cadence::Daily)),
        ("weekdays", "weekdays", matches!(present, Cadence::Weekdays)),
        ("days", "chosen-days", matches!(present, Cadence::Days(_))),
        (
            "weekly",
            "once-a-week",
            matches!(present, Cadence::Weekly(_)),
        ),
        (
            "immediate",
            "as-soon-as-published",
            matches!(present, Cadence::Immediate),
        ),
    ]
    .into_iter()
    .map(|(value, key, is_chosen)| Choice {
        value: value.to_owned(),
        label: words.say(key),
        is_chosen,
    })
    .collect()
}

/// Whether mail comes on that day of the week, Monday being 1.
fn is_mail_day(cadence: &Cadence, day: i8) -> bool {
    match cadence {
        Cadence::Immediate | Cadence::Daily => true,
        Cadence::Weekdays => day <= 5,
        Cadence::Days(days) => days.contains(&day),
        Cadence::Weekly(one) => *one == day,
    }
}

/// `08:00` of minutes after midnight.
pub(super) fn clock(minute: i64) -> String {
    format!("{:02}:{:02}", minute.div_euclid(60), minute.rem_euclid(60))
}

/// Minutes after midnight of `08:00`.
fn read_clock(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: i64| {
        text.parse::<i64>()
            .ok()
            .filter(|n| text.len() <= 2 && (0..below).contains(n))
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

/// Reads the ticked days of the week; none is a sentence.
fn read_days(words: &Words<'_>, fields: &Fields, present: &Wishes, errors: &mut Errors) -> Cadence {
    let days: Vec<i8> = fields
        .all("day")
        .filter_map(|day| day.parse().ok())
        .collect();
    Cadence::Days(days).canonical().unwrap_or_else(|_| {
        errors.cadence = Some(words.say("days-needed"));
        present.cadence.clone()
    })
}

/// Reads wishes; what is absent stays as in `present`, what is wrong gets a sentence beside its field and stays too. `tags` are
/// those on offer.
pub(super) fn read_wishes(
    state: &WebState,
    words: &Words<'_>,
    fields: &Fields,
    present: &Wishes,
    tags: &[(String, String)],
    errors: &mut Errors,
) -> Wishes {
    let config = &state.core.config;
    let mut wishes = present.clone();

    if fields.has("language") {
        let mut languages: Vec<Language> = Vec::new();
        for typed in fields
            .all("language")
            .map(str::trim)
            .filter(|typed| !typed.is_empty())
        {
            match Language::parse(typed) {
                Ok(language)
                    if config.newsroom.languages.contains(&language)
                        || present.languages.contains(&language) =>
                {
                    if !languages.contains(&language) {
                        languages.push(language);
                    }
                }
                _ => errors.language = Some(words.say("choice-wrong")),
            }
        }
        if languages.is_empty() {
            errors
                .language
                .get_or_insert_with(|| words.say("languages-needed"));
        } else {
            wishes.languages = languages;
        }
    }

    if fields.has("section") || fields.has("has_sections") {
        let mut sections: Vec<String> = Vec::new();
        for slug in fields.all("section") {
            if !config.sections.iter().any(|section| section.slug == slug) {
                errors.section = Some(words.say("choice-wrong"));
            } else if !sections.iter().any(|known| known == slug) {
                sections.push(slug.to_owned());
            }
        }
        // All of them means everything, also what comes later.
        if sections.len() == config.sections.len() {
            sections.clear();
        }
        wishes.sections = sections;
    }

    if fields.has("tag") || fields.has("has_tags") {
        let mut chosen: Vec<String> = Vec::new();
        for slug in fields.all("tag") {
            if !tags.iter().any(|(known, _)| known == slug) {
                errors.tag = Some(words.say("choice-wrong"));
            } else if !chosen.iter().any(|known| known == slug) {
                chosen.push(slug.to_owned());
            }
        }
        wishes.tags = chosen;
    }

    if fields.has("hour") {
        match read_clock(fields.get("hour")) {
            Some(minute) => wishes.minute = minute,
            None => errors.hour = Some(words.say("hour-wrong")),
        }
    }

    if fields.has("time_zone") {
        match Zone::parse(fields.get("time_zone")) {
            Ok(zone) => wishes.time_zone = zone,
            Err(_) => errors.time_zone = Some(words.say("time-zone-wrong")),
        }
    }

    if fields.has("cadence") {
        let day = fields
            .get("weekday")
            .parse::<i8>()
            .ok()
            .filter(|day| (1..=7).contains(day));
        wishes.cadence = match (fields.get("cadence"), day) {
            ("daily", _) => Cadence::Daily,
            ("weekdays", _) => Cadence::Weekdays,
            ("weekly", Some(day)) => Cadence::Weekly(day),
            ("immediate", _) => Cadence::Immediate,
            ("days", _) => read_days(words, fields, present, errors),
            _ => {
                errors.cadence = Some(words.say("choice-wrong"));
                present.cadence.clone()
            }
        };
        wishes.text_only = fields.has("text_only");
    }
    wishes
}

/// Reads the day until which mail rests: absent or empty means no rest, and it must come after today.
pub(super) fn read_pause(
    words: &Words<'_>,
    fields: &Fields,
    today: Date,
    errors: &mut Errors,
) -> Option<Date> {
    let typed = fields.get("paused_until");
    if typed.is_empty() {
        return None;
    }
    let date = typed
        .parse::<Date>()
        .ok()
        .or_else(|| read_dotted(typed))
        .filter(|date| *date > today && date.year() - today.year() <= 5);
    if date.is_none() {
        errors.paused_until = Some(words.say("date-wrong"));
    }
    date
}

/// `01.03.2026`, which people type where the browser has no calendar.
fn read_dotted(typed: &str) -> Option<Date> {
    let mut parts = typed.split('.');
    let day = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    let year = parts.next()?.parse().ok()?;
    if parts.next().is_some() {
        return None;
    }
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_written() {
        assert_eq!(read_clock("08:00"), Some(480));
        assert_eq!(read_clock("23:59"), Some(1439));
        for bad in ["", "24:00", "8", "08:60", "-1:00", "08:00:00", "008:00"] {
            assert_eq!(read_clock(bad), None, "{bad:?}");
        }
        assert_eq!(clock(485), "08:05");
    }

    #[test]
    fn a_name_may_repeat_in_a_form() {
        let fields = Fields::parse(b"language=kk&language=ru&section=&address=+a%40example.kz+");
        assert_eq!(fields.all("language").collect::<Vec<_>>(), ["kk", "ru"]);
        assert_eq!(fields.get("address"), "a@example.kz");
        assert!(fields.has("section") && !fields.has("hour"));
    }
}
