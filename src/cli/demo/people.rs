//! The 1,250 people of the demo. All are invented and the same in every demo; their addresses are under `example.*`.

use std::collections::HashSet;

use crate::audience::{Cadence, Wishes};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::Zone;

/// How many people there are.
pub(super) const COUNT: usize = 1250;

/// Somebody who subscribes.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) address: EmailAddress,
    pub(super) wishes: Wishes,
}

/// How many people in a zone read which languages in which order.
struct Group {
    zone: &'static str,
    languages: &'static [&'static str],
    count: usize,
    names: Names,
}

#[derive(Clone, Copy)]
enum Names {
    Kazakh,
    Russian,
    International,
}

const GROUPS: &[Group] = &[
    group("Asia/Almaty", &["kk"], 382, Names::Kazakh),
    group("Asia/Almaty", &["ru"], 396, Names::Russian),
    group("Asia/Almaty", &["kk", "ru"], 318, Names::Kazakh),
    group("Asia/Almaty", &["ru", "kk"], 51, Names::Russian),
    group("Asia/Almaty", &["en"], 29, Names::International),
    group("Asia/Almaty", &["en", "ru"], 12, Names::International),
    group("Europe/Berlin", &["ru", "en"], 14, Names::Russian),
    group("Europe/Berlin", &["en"], 9, Names::International),
    group("Europe/Berlin", &["kk", "ru"], 11, Names::Kazakh),
    group("America/New_York", &["en"], 13, Names::International),
    group("America/New_York", &["kk", "en"], 8, Names::Kazakh),
    group("America/New_York", &["ru"], 7, Names::Russian),
];

const fn group(
    zone: &'static str,
    languages: &'static [&'static str],
    count: usize,
    names: Names,
) -> Group {
    Group {
        zone,
        languages,
        count,
        names,
    }
}

/// What people narrow their digest to; most want everything.
const TOPICS: [&[&str]; 12] = [
    &[],
    &[],
    &["society", "economy"],
    &[],
    &["culture"],
    &[],
    &["sport"],
    &[],
    &["economy"],
    &["society", "culture", "sport"],
    &[],
    &["society"],
];

const DOMAINS: [&str; 7] = [
    "example.kz",
    "mail.example.kz",
    "example.com",
    "example.org",
    "mail.example.net",
    "post.example.org",
    "example.net",
];

const KAZAKH: [&str; 48] = [
    "aigerim",
    "nurlan",
    "dana",
    "yerlan",
    "saule",
    "bauyrzhan",
    "aizhan",
    "daniyar",
    "madina",
    "askhat",
    "gulnar",
    "timur",
    "zhanar",
    "marat",
    "aliya",
    "serik",
    "botagoz",
    "kairat",
    "dinara",
    "almas",
    "raushan",
    "arman",
    "togzhan",
    "olzhas",
    "aruzhan",
    "sanzhar",
    "kamila",
    "rustem",
    "zarina",
    "yernar",
    "makpal",
    "dauren",
    "meruert",
    "adilet",
    "symbat",
    "galym",
    "ainur",
    "beibit",
    "laura",
    "nurzhan",
    "karlygash",
    "zhasulan",
    "ulbolsyn",
    "samat",
    "perizat",
    "azamat",
    "shynar",
    "yerkin",
];

const KAZAKH_LAST: [&str; 24] = [
    "akhmetov",
    "omarov",
    "tasbulatov",
    "zhunisov",
    "kenzhebek",
    "sarsen",
    "bolatov",
    "iskakov",
    "dosanov",
    "muratov",
    "abenov",
    "tulegen",
    "kassymov",
    "ospanov",
    "baizhan",
    "seitov",
    "rakhym",
    "amanov",
    "zhaksylyk",
    "mukanov",
    "sultan",
    "yesenov",
    "karimov",
    "alpys",
];

const RUSSIAN: [&str; 32] = [
    "anna",
    "pavel",
    "irina",
    "sergey",
    "olga",
    "mikhail",
    "tatyana",
    "andrey",
    "elena",
    "viktor",
    "marina",
    "denis",
    "natalya",
    "konstantin",
    "svetlana",
    "roman",
    "vera",
    "ilya",
    "galina",
    "artem",
    "yulia",
    "grigory",
    "lidia",
    "maxim",
    "ekaterina",
    "stepan",
    "nina",
    "oleg",
    "polina",
    "fyodor",
    "zoya",
    "kirill",
];

const RUSSIAN_LAST: [&str; 24] = [
    "gornostaev",
    "lugovoy",
    "berezin",
    "ozerov",
    "polyakov",
    "yarov",
    "klenov",
    "ryabinin",
    "snegirev",
    "vetrov",
    "ivolgin",
    "rodnikov",
    "dubravin",
    "stepnoy",
    "zimin",
    "kamenev",
    "malinin",
    "rechnoy",
    "lesnoy",
    "tikhonov",
    "vereskov",
    "sokolov",
    "travin",
    "yasny",
];

const INTERNATIONAL: [&str; 20] = [
    "alice", "daniel", "marta", "james", "ingrid", "thomas", "clara", "henry", "sofia", "lukas",
    "grace", "peter", "nora", "samuel", "helen", "oscar", "ruth", "felix", "amelia", "david",
];

const INTERNATIONAL_LAST: [&str; 16] = [
    "hill", "brook", "weber", "field", "stone", "lindgren", "harper", "moss", "keller", "wood",
    "marsh", "reed", "vogel", "carter", "dale", "winter",
];

/// Address of the `n`-th person with names of that kind; looks on until one is free.
fn address(names: Names, n: usize, taken: &mut HashSet<String>) -> String {
    let (first, last): (&[&str], &[&str]) = match names {
        Names::Kazakh => (&KAZAKH, &KAZAKH_LAST),
        Names::Russian => (&RUSSIAN, &RUSSIAN_LAST),
        Names::International => (&INTERNATIONAL, &INTERNATIONAL_LAST),
    };
    let name = first[n % first.len()];
    // A step that shares no factor with the list's length, so that first and last names do not march together.
    let family = last[(n / first.len() + n * 7) % last.len()];
    let local = match n % 5 {
        0 => format!("{name}.{family}"),
        1 => format!("{}.{family}", &name[..1]),
        2 => name.to_owned(),
        3 => format!("{family}.{name}"),
        _ => format!("{name}.{}{:02}", &family[..1], (68 + n * 13 % 38) % 100),
    };
    // A name that is taken moves to another provider first, as people do; only then it gets a number.
    (0..COUNT)
        .flat_map(|more| (0..DOMAINS.len()).map(move |step| (more, step)))
        .map(|(more, step)| {
            let domain = DOMAINS[(n * 5 + n / 11 + step) % DOMAINS.len()];
            let number = match more {
                0 => String::new(),
                more => (more + 1).to_string(),
            };
            format!("{local}{number}@{domain}")
        })
        .find(|address| taken.insert(address.clone()))
        .unwrap_or_default()
}

/// Everybody, zone by zone, always the same. The first person of each zone wants everything, so that there is mail to look at.
pub(super) fn people() -> Vec<Person> {
    let mut taken = HashSet::new();
    let mut people = Vec::with_capacity(COUNT);
    for (number, group) in GROUPS.iter().enumerate() {
        let zone = Zone::parse(group.zone).expect("the demo's zones are in the tz database");
        let languages: Vec<_> = group
            .languages
            .iter()
            .map(|tag| Language::parse(tag).expect("the demo's languages are tags"))
            .collect();
        for n in 0..group.count {
            // Every group walks through the names from another place.
            let address = address(group.names, n + number * 17, &mut taken);
            let cadence = match n % 97 {
                96 => Cadence::Weekdays,
                _ => Cadence::Daily,
            };
            people.push(Person {
                address: EmailAddress::parse(&address).expect("the demo's addresses are addresses"),
                wishes: Wishes {
                    languages: languages.clone(),
                    sections: TOPICS[n % TOPICS.len()]
                        .iter()
                        .map(|slug| (*slug).to_owned())
                        .collect(),
                    tags: Vec::new(),
                    cadence,
                    time_zone: zone.clone(),
                    minute: 8 * 60,
                    text_only: n % 61 == 60,
                },
            });
        }
    }
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_people_are_as_many_as_the_banner_says_and_all_different() {
        let people = people();
        assert_eq!(people.len(), COUNT);
        let keys: HashSet<_> = people.iter().map(|p| p.address.key()).collect();
        assert_eq!(keys.len(), COUNT);
        let zones: HashSet<_> = people
            .iter()
            .map(|p| p.wishes.time_zone.name().to_owned())
            .collect();
        assert_eq!(zones.len(), 3);
    }

    #[test]
    fn nobody_of_them_can_exist() {
        for person in people() {
            let domain = person.address.domain();
            assert!(
                ["example.kz", "example.com", "example.org", "example.net"]
                    .iter()
                    .any(|known| domain == *known || domain.ends_with(&format!(".{known}"))),
                "{domain}"
            );
        }
    }
}
