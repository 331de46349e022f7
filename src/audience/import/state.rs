//! What an old list says of a person, in its own words.

/// Where a person stood in the list that is imported, the mildest first: of two words the later one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Got mail there.
    Active,
    /// Was asked there and never confirmed, or never asked for mail.
    Unconfirmed,
    /// Left there.
    Left,
    /// The address did not exist.
    Bounced,
    /// Was blocked by the operator.
    Blocked,
    /// Called the mail spam.
    Complained,
}

/// Words of Mailchimp, listmonk, Ghost and others, and what people write into tables, folded as [`fold`] does.
const WORDS: &[(State, &[&str])] = &[
    (
        State::Active,
        &[
            "active",
            "subscribed",
            "enabled",
            "confirmed",
            "optin",
            "paused",
            "yes",
            "true",
            "1",
            "активен",
            "активна",
            "активный",
            "подписан",
            "подписана",
            "подтвержден",
            "подтверждена",
            "да",
            "белсенді",
            "жазылған",
            "расталған",
            "иә",
        ],
    ),
    (
        State::Unconfirmed,
        &[
            "unconfirmed",
            "pending",
            "nonsubscribed",
            "notsubscribed",
            "transactional",
            "неподтвержден",
            "неподтверждена",
            "ожидает",
            "расталмаған",
        ],
    ),
    (
        State::Left,
        &[
            "left",
            "unsubscribed",
            "unsubscribe",
            "optout",
            "optedout",
            "disabled",
            "inactive",
            "archived",
            "deleted",
            "no",
            "false",
            "0",
            "отписан",
            "отписана",
            "отписался",
            "отписалась",
            "неактивен",
            "неактивна",
            "нет",
            "бастартқан",
            "бастартты",
            "белсендіемес",
            "жоқ",
        ],
    ),
    (
        State::Bounced,
        &[
            "bounced",
            "bounce",
            "hardbounce",
            "cleaned",
            "invalid",
            "недоставляется",
            "несуществует",
        ],
    ),
    (
        State::Blocked,
        &[
            "blocked",
            "blocklisted",
            "blacklisted",
            "banned",
            "suppressed",
            "заблокирован",
            "заблокирована",
            "бұғатталған",
        ],
    ),
    (
        State::Complained,
        &[
            "complained",
            "complaint",
            "spam",
            "abuse",
            "пожаловался",
            "пожаловалась",
            "жалоба",
            "спам",
        ],
    ),
];

/// A word without what spellings differ in: case, ё, and everything but letters and digits.
pub fn fold(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ё' { 'е' } else { c })
        .collect()
}

impl State {
    /// What a cell says; none if it says nothing that is known.
    pub fn parse(cell: &str) -> Option<Self> {
        let word = fold(cell);
        WORDS
            .iter()
            .find(|(_, words)| words.contains(&word.as_str()))
            .map(|(state, _)| *state)
    }

    /// What the name of a file says: Mailchimp's exports hold no column for it, but are called so.
    pub fn of_file(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        [
            ("unsubscribed", Self::Left),
            ("nonsubscribed", Self::Unconfirmed),
            ("cleaned", Self::Bounced),
        ]
        .into_iter()
        .find(|(word, _)| name.starts_with(word))
        .map(|(_, state)| state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_programs_are_known() {
        for (cell, state) in [
            ("Subscribed", State::Active),
            ("enabled", State::Active),
            ("TRUE", State::Active),
            ("Non-Subscribed", State::Unconfirmed),
            ("Отписан", State::Left),
            ("Бас тартқан", State::Left),
            ("false", State::Left),
            ("Cleaned", State::Bounced),
            ("hard_bounce", State::Bounced),
            ("blocklisted", State::Blocked),
            ("spam", State::Complained),
        ] {
            assert_eq!(State::parse(cell), Some(state), "{cell}");
        }
        assert_eq!(State::parse("VIP"), None);
        assert_eq!(
            State::of_file("cleaned_members_export_abc.csv"),
            Some(State::Bounced)
        );
        assert_eq!(State::of_file("people.csv"), None);
    }

    #[test]
    fn words_stand_folded_and_once() {
        let all: Vec<&str> = WORDS
            .iter()
            .flat_map(|(_, words)| *words)
            .copied()
            .collect();
        for word in &all {
            assert_eq!(fold(word), *word);
            assert_eq!(all.iter().filter(|w| *w == word).count(), 1, "{word}");
        }
    }
}
