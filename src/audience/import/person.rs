//! One row of a list as what it means: who, with which wishes, and where they stood.

use jiff::civil::{Date, DateTime};

use super::columns::{Columns, Field};
use super::csv::Record;
use super::state::{State, fold};
use crate::audience::{Cadence, Wishes};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::text::clean_line;
use crate::base::time::{Timestamp, Zone};
use crate::config::{Config, parse_hour};

/// What holds for every row that says nothing else.
pub struct Preset<'a> {
    /// Settings.
    pub config: &'a Config,
    /// Wishes.
    pub wishes: Wishes,
    /// Where people stand at best.
    pub state: State,
    /// Whether tags, labels and lists that are called like our sections are the person's sections.
    pub topics_from_labels: bool,
    /// What the consent rests on.
    pub consent: String,
    /// Name of the file, for the evidence.
    pub file: String,
    /// Whether letters may have been lost as `?`.
    pub is_8_bit: bool,
}

/// One person of a list.
#[derive(Clone, Debug)]
pub struct Person {
    pub address: EmailAddress,
    pub state: State,
    /// Slug, if the row names one.
    pub newsletter: Option<String>,
    pub wishes: Wishes,
    pub paused_until: Option<Date>,
    pub left_at: Option<Timestamp>,
    pub evidence: String,
    /// What was passed over.
    pub notes: Vec<String>,
}

/// Reads a row; the error says why it cannot be used and what to do.
pub fn read(columns: &Columns, record: &Record, preset: &Preset<'_>) -> Result<Person, String> {
    if let Some(flaw) = &record.flaw {
        return Err(flaw.clone());
    }
    let (found, wanted) = (record.fields.len(), columns.len());
    let surplus = record
        .fields
        .iter()
        .skip(wanted)
        .any(|f| !f.trim().is_empty());
    if found < wanted || surplus {
        return Err(format!(
            "the row has {found} fields, the first row {wanted}; does a field hold a separator without quotation marks?"
        ));
    }
    let cell = |field| columns.get(record, field);
    let typed = cell(Field::Email);
    if typed.is_empty() {
        return Err("there is no address".to_owned());
    }
    if typed.contains('\u{fffd}') || (preset.is_8_bit && typed.contains('?')) {
        return Err(format!(
            "{typed:?} lost letters when the file was saved; save it as \"CSV UTF-8\""
        ));
    }
    if typed.contains('•') {
        return Err(
            "the address is hidden; export the list once more with --show-addresses".to_owned(),
        );
    }
    let address = EmailAddress::parse(typed)?;
    let mut notes = Vec::new();
    let state = state(columns, record, preset)?;
    let wishes = wishes(columns, record, preset, &mut notes)?;
    let paused_until = match cell(Field::PausedUntil) {
        "" => None,
        date => Some(
            date.parse::<Date>()
                .map_err(|_| format!("{date:?} is no date; write it like 2026-03-01"))?,
        ),
    };
    if preset.is_8_bit && columns.all(record, Field::Name).any(has_lost_letters) {
        notes.push(
            "the name has a question mark inside: the file lost letters when it was saved; save it as \"CSV UTF-8\"".to_owned(),
        );
    }
    let mut evidence = format!("{}; {}, line {}", preset.consent, preset.file, record.line);
    for (field, word) in [
        (Field::JoinedAt, "asked"),
        (Field::JoinedFrom, "from"),
        (Field::ConfirmedAt, "confirmed"),
        (Field::LeftAt, "left"),
        (Field::BouncedAt, "bounced"),
        (Field::Labels, "lists"),
    ] {
        let said = cell(field);
        if !said.is_empty() {
            let said: String = clean_line(said).chars().take(200).collect();
            evidence = format!("{evidence}; {word} {said}");
        }
    }
    Ok(Person {
        address,
        state,
        newsletter: Some(cell(Field::Newsletter))
            .filter(|slug| !slug.is_empty())
            .map(str::to_owned),
        wishes,
        paused_until,
        left_at: instant(cell(Field::LeftAt)),
        evidence,
        notes,
    })
}

/// Of all that the row says the worst: nobody who left in any column is mailed.
fn state(columns: &Columns, record: &Record, preset: &Preset<'_>) -> Result<State, String> {
    let mut said = Vec::new();
    for cell in columns.all(record, Field::State).filter(|c| !c.is_empty()) {
        said.push(State::parse(cell).ok_or_else(|| {
            format!(
                "nobody knows what the state {cell:?} means; write active, left, unconfirmed, bounced, blocked or complained"
            )
        })?);
    }
    for cell in columns
        .all(record, Field::Subscribed)
        .filter(|c| !c.is_empty())
    {
        said.push(State::parse(cell).ok_or_else(|| {
            format!("{cell:?} says neither that the person is subscribed nor that they are not; write yes or no")
        })?);
    }
    if columns.all(record, Field::LeftAt).any(|c| !c.is_empty()) {
        said.push(State::Left);
    }
    if columns.all(record, Field::BouncedAt).any(|c| !c.is_empty()) {
        said.push(State::Bounced);
    }
    // A file that is called "unsubscribed" or for which the operator says so holds nobody who is not.
    if preset.state != State::Active {
        said.push(preset.state);
    }
    Ok(said.into_iter().max().unwrap_or(State::Active))
}

fn wishes(
    columns: &Columns,
    record: &Record,
    preset: &Preset<'_>,
    notes: &mut Vec<String>,
) -> Result<Wishes, String> {
    let cell = |field| columns.get(record, field);
    let mut wishes = preset.wishes.clone();
    let said = cell(Field::Languages);
    if !said.is_empty() {
        let ours = languages(said, &preset.config.newsroom.languages);
        if ours.is_empty() {
            notes.push(format!(
                "the newsroom has no news in {said:?}; the person gets the preset languages"
            ));
        } else {
            wishes.languages = ours;
        }
    }
    let zone = cell(Field::Zone);
    if !zone.is_empty() {
        match Zone::parse(zone) {
            Ok(zone) => wishes.time_zone = zone,
            Err(sentence) => notes.push(format!("{sentence}; the person gets the preset zone")),
        }
    }
    if !cell(Field::Sections).is_empty() {
        wishes.sections = words(cell(Field::Sections)).map(str::to_owned).collect();
    }
    if !cell(Field::StoryTags).is_empty() {
        wishes.tags = words(cell(Field::StoryTags)).map(str::to_owned).collect();
    }
    if preset.topics_from_labels {
        let sections: Vec<String> = words(cell(Field::Labels))
            .filter_map(|label| section(preset.config, label))
            .collect();
        if !sections.is_empty() {
            wishes.sections = sections;
        }
    }
    let cadence = cell(Field::Cadence);
    if !cadence.is_empty() {
        wishes.cadence = Cadence::parse(cadence).map_err(|error| error.to_string())?;
    }
    let hour = cell(Field::Hour);
    if !hour.is_empty() {
        wishes.minute =
            parse_hour(hour).ok_or_else(|| format!("{hour:?} is no hour; write it like 08:00"))?;
    }
    match fold(cell(Field::TextOnly)).as_str() {
        "" => {}
        "yes" | "true" | "1" => wishes.text_only = true,
        "no" | "false" | "0" => wishes.text_only = false,
        other => return Err(format!("text_only is yes or no, not {other:?}")),
    }
    Ok(wishes)
}

/// The parts of a cell that holds several: `kk,ru`, `"a","b"` (Mailchimp), `a|b`.
fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([',', ';', '|', '\n'])
        .map(|word| word.trim_matches([' ', '"', '\r', '\'']))
        .filter(|word| !word.is_empty())
}

/// Languages of a cell that the newsroom has, in the order of the cell.
fn languages(cell: &str, ours: &[Language]) -> Vec<Language> {
    let mut found: Vec<Language> = Vec::new();
    for word in words(cell) {
        let tag = match fold(word).as_str() {
            "казахский" | "қазақша" | "қазақ" | "қазақтілі" | "kazakh" => {
                "kk"
            }
            "русский" | "орысша" | "орыстілі" | "russian" => "ru",
            "английский" | "ағылшынша" | "english" => "en",
            _ => word,
        };
        let Ok(language) = Language::parse(tag) else {
            continue;
        };
        let known = ours
            .iter()
            .find(|l| **l == language)
            .or_else(|| ours.iter().find(|l| l.as_str() == language.primary()));
        if let Some(language) = known
            && !found.contains(language)
        {
            found.push(language.clone());
        }
    }
    found
}

/// The section whose slug or name a label is.
fn section(config: &Config, label: &str) -> Option<String> {
    let word = fold(label);
    let is_name = |names: &crate::config::Names| {
        config
            .newsroom
            .languages
            .iter()
            .any(|language| fold(names.get(language)) == word)
    };
    config
        .sections
        .iter()
        .find(|s| fold(&s.slug) == word || is_name(&s.names))
        .map(|s| s.slug.clone())
}

/// Whether a question mark stands inside or before a word, as where windows-1251 has no letter.
fn has_lost_letters(name: &str) -> bool {
    let letters: Vec<char> = name.chars().collect();
    letters.iter().enumerate().any(|(at, c)| {
        *c == '?'
            && letters
                .get(at + 1)
                .is_some_and(|next| next.is_alphabetic() || *next == '?')
            || *c == '?' && at > 0 && letters[at - 1].is_alphabetic() && at + 1 < letters.len()
    })
}

/// An instant as lists have it: RFC 3339, or date and time in UTC (Mailchimp), or a date.
fn instant(text: &str) -> Option<Timestamp> {
    if text.is_empty() {
        return None;
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let wall = text.parse::<DateTime>().ok().or_else(|| {
        Some(
            text.parse::<Date>()
                .ok()?
                .to_datetime(jiff::civil::Time::MIN),
        )
    })?;
    Zone::utc()
        .as_jiff()
        .to_timestamp(wall)
        .ok()
        .map(Timestamp::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_letter_is_seen_and_a_question_is_not() {
        for name in ["?айрат", "А?жан", "Г?лн?р", "Нұр??л"] {
            assert!(has_lost_letters(name), "{name}");
        }
        for name in ["Айгерім", "Кто это?", "", "?"] {
            assert!(!has_lost_letters(name), "{name}");
        }
    }

    #[test]
    fn instants_of_three_programs() {
        for text in [
            "2019-05-04 10:11:12",
            "2019-05-04T10:11:12.000Z",
            "2019-05-04T15:11:12+05:00",
        ] {
            assert_eq!(
                instant(text).unwrap().to_string(),
                "2019-05-04T10:11:12Z",
                "{text}"
            );
        }
        assert_eq!(
            instant("2019-05-04").unwrap().to_string(),
            "2019-05-04T00:00:00Z"
        );
        assert_eq!(instant("вчера"), None);
    }

    #[test]
    fn languages_in_words_and_tags() {
        let ours: Vec<Language> = ["kk", "ru", "en"]
            .map(|t| Language::parse(t).unwrap())
            .into();
        let read = |cell: &str| -> Vec<String> {
            languages(cell, &ours)
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(read("ru_RU"), ["ru"]);
        assert_eq!(read("русский, Қазақша"), ["ru", "kk"]);
        assert_eq!(read("kz;ru"), ["kk", "ru"]);
        assert!(read("de").is_empty());
    }
}
