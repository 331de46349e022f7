//! Time zones to choose from: those of the newsroom's readers first, each with its present offset.

use super::form::Choice;
use crate::base::time::{Timestamp, Zone};

/// Zones offered without being asked for; the browser's own and the present one are added where they are absent.
const OFFERED: [&str; 47] = [
    "Asia/Almaty",
    "Asia/Aqtau",
    "Asia/Aqtobe",
    "Asia/Atyrau",
    "Asia/Oral",
    "Asia/Qostanay",
    "Asia/Qyzylorda",
    "Asia/Tashkent",
    "Asia/Bishkek",
    "Asia/Dushanbe",
    "Asia/Ashgabat",
    "Asia/Baku",
    "Asia/Tbilisi",
    "Asia/Yerevan",
    "Europe/Istanbul",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Novosibirsk",
    "Asia/Irkutsk",
    "Asia/Vladivostok",
    "Asia/Ulaanbaatar",
    "Asia/Urumqi",
    "Asia/Shanghai",
    "Asia/Seoul",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Asia/Riyadh",
    "Asia/Tehran",
    "Asia/Jerusalem",
    "Africa/Cairo",
    "Europe/Kyiv",
    "Europe/Athens",
    "Europe/Warsaw",
    "Europe/Berlin",
    "Europe/Prague",
    "Europe/Rome",
    "Europe/Paris",
    "Europe/Madrid",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "Australia/Sydney",
    "UTC",
];

/// The zones with `selected` chosen; added in front if it is not among them.
pub(super) fn choices(selected: &str, now: Timestamp) -> Vec<Choice> {
    let mut names: Vec<&str> = OFFERED.to_vec();
    if !names.contains(&selected) {
        names.insert(0, selected);
    }
    names
        .into_iter()
        .filter_map(|name| {
            let zone = Zone::parse(name).ok()?;
            Some(Choice {
                value: name.to_owned(),
                label: label(name, &zone, now),
                is_chosen: name == selected,
            })
        })
        .collect()
}

/// `Almaty (UTC+5)`, `Kolkata (UTC+5:30)`.
fn label(name: &str, zone: &Zone, now: Timestamp) -> String {
    let city = name.rsplit('/').next().unwrap_or(name).replace('_', " ");
    let minutes = now.in_zone(zone).offset().seconds() / 60;
    let sign = if minutes < 0 { '−' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    match (city.as_str(), rest) {
        ("UTC", _) => "UTC".to_owned(),
        (_, 0) => format!("{city} (UTC{sign}{hours})"),
        _ => format!("{city} (UTC{sign}{hours}:{rest:02})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offered_zone_exists_and_the_chosen_one_is_there() {
        let now: Timestamp = "2026-02-28T02:00:00Z".parse().unwrap();
        let zones = choices("Asia/Almaty", now);
        assert_eq!(zones.len(), OFFERED.len());
        assert_eq!(zones.iter().filter(|zone| zone.is_chosen).count(), 1);
        assert_eq!(zones[0].label, "Almaty (UTC+5)");
        let rare = choices("America/St_Johns", now);
        assert_eq!(rare[0].label, "St Johns (UTC−3:30)");
        assert!(rare[0].is_chosen);
    }
}
