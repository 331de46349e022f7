//! What the demo alone prints, in the words of PRODUCT section 3. Pure.

use std::fmt::Write;

use crate::base::time::{Timestamp, Zone};
use crate::delivery::Sums;
use crate::web::inbox::PLACES;

pub(super) use crate::cli::report::{counted, grouped, morning, wall};

/// `08:00:03  accepted 1 204 of 1 204 · the first inbox: «…»`
pub(super) fn accepted(
    at: Timestamp,
    zone: &Zone,
    accepted: i64,
    planned: i64,
    first: Option<&str>,
    repeats: i64,
) -> String {
    let mut line = format!(
        "{}  accepted {} of {}",
        wall(at, zone),
        grouped(accepted),
        grouped(planned)
    );
    if repeats > 0 {
        let _ = write!(line, " · repeated {}, same Message-ID", grouped(repeats));
    }
    if let Some(subject) = first {
        let _ = write!(line, " · the first inbox: «{subject}»");
    }
    line
}

/// `verify: planned 1 204 = accepted 1 204 + failed 0 + … + open 0   ✓ nobody lost, nobody twice`
pub(super) fn verify(sums: &Sums, repeats: i64) -> String {
    let verdict = if !sums.adds_up() {
        "✗ the sum does not add up"
    } else if sums.open > 0 {
        "… not all of it is done yet"
    } else if repeats > 0 {
        "✓ nobody lost"
    } else {
        "✓ nobody lost, nobody twice"
    };
    format!(
        "          verify: planned {} = accepted {} + failed {} + cancelled {} + expired {} + held {} + open {}   {verdict}",
        grouped(sums.planned),
        grouped(sums.accepted),
        grouped(sums.failed),
        grouped(sums.cancelled),
        grouped(sums.expired),
        grouped(sums.held),
        grouped(sums.open),
    )
}

/// Each eight o'clock of the three places after one instant and not after another, in their order.
pub(super) fn mornings(after: Timestamp, until: Timestamp) -> Vec<(Timestamp, Zone, &'static str)> {
    let mut all = Vec::new();
    for (name, place) in PLACES {
        let Ok(zone) = Zone::parse(name) else {
            continue;
        };
        let mut date = after.date_in(&zone);
        loop {
            let eight = date
                .at(8, 0, 0, 0)
                .to_zoned_datetime(zone.as_jiff().clone())
                .map(|at| Timestamp::from(at.timestamp()));
            match eight {
                Ok(at) if at > until => break,
                Ok(at) if at > after => all.push((at, zone.clone(), place)),
                Ok(_) => {}
                Err(_) => break,
            }
            match date.tomorrow() {
                Ok(next) => date = next,
                Err(_) => break,
            }
        }
    }
    all.sort_by_key(|(at, _, _)| *at);
    all
}

/// `          Next: 08:00 in Berlin, in 4 hours.`
pub(super) fn next(now: Timestamp) -> String {
    let Some((at, _, place)) = mornings(now, now.plus_secs(86_400)).into_iter().next() else {
        return String::new();
    };
    let minutes = (at.as_millis() - now.as_millis() + 59_999) / 60_000;
    let span = if minutes < 90 {
        counted(minutes, "minute", "minutes")
    } else {
        counted((minutes + 30) / 60, "hour", "hours")
    };
    format!("          Next: 08:00 in {place}, in {span}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_follows_a_morning_is_told_in_the_words_of_the_product_page() {
        let eight = at("2026-02-28T08:00:00+05:00");
        let almaty = zone("Asia/Almaty");
        let subject = "Су тасқынына дайындық басталды және тағы 6 жаңалық";
        assert_eq!(
            accepted(eight.plus_secs(3), &almaty, 1204, 1204, Some(subject), 0),
            "08:00:03  accepted 1 204 of 1 204 · the first inbox: «Су тасқынына дайындық басталды және тағы 6 жаңалық»"
        );
        let sums = Sums {
            planned: 1204,
            accepted: 1204,
            ..Sums::default()
        };
        assert_eq!(
            verify(&sums, 0),
            "          verify: planned 1 204 = accepted 1 204 + failed 0 + cancelled 0 + expired 0 + held 0 + open 0   \
             ✓ nobody lost, nobody twice"
        );
        assert_eq!(
            next(eight.plus_secs(3)),
            "          Next: 08:00 in Berlin, in 4 hours."
        );
    }

    #[test]
    fn a_sum_that_does_not_add_up_is_not_praised() {
        let sums = Sums {
            planned: 2,
            accepted: 1,
            ..Sums::default()
        };
        assert!(verify(&sums, 0).ends_with("✗ the sum does not add up"));
        let repeated = Sums { planned: 1, ..sums };
        assert!(!verify(&repeated, 1).contains("nobody twice"));
    }

    #[test]
    fn the_day_has_three_mornings() {
        let start = at("2026-02-28T07:59:45+05:00");
        let places: Vec<_> = mornings(start, start.plus_secs(86_000))
            .into_iter()
            .map(|(at, zone, place)| (at.rfc3339(&zone), place))
            .collect();
        assert_eq!(
            places,
            [
                ("2026-02-28T08:00:00+05:00".to_owned(), "Almaty"),
                ("2026-02-28T08:00:00+01:00".to_owned(), "Berlin"),
                ("2026-02-28T08:00:00-05:00".to_owned(), "New York"),
            ]
        );
    }
}
