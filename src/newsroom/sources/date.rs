//! Dates as feeds write them: RFC 3339, RFC 822 with all its old zones, and what people make of either.

use crate::base::time::Timestamp;

/// Reads a date; `None` if it is none.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    iso(text).or_else(|| rfc822(text))
}

/// `2026-02-28T08:00:00.5+05:00`, with a space for the T, without seconds, without a zone (UTC then), or a date alone.
fn iso(text: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = text.get(..10)?.parse().ok()?;
    let rest = text[10..].trim_start_matches(['T', 't', ' ']).trim();
    let zone_at = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')))
        .unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let time = time.split(['.', ',']).next()?;
    instant(date, clock(time)?, zone_minutes(zone.trim())?)
}

/// `Sat, 28 Feb 2026 08:00:00 +0500`; the day of the week is not believed.
fn rfc822(text: &str) -> Option<Timestamp> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words: Vec<&str> = text.split_whitespace().collect();
    if words
        .first()
        .is_some_and(|w| !w.starts_with(|c: char| c.is_ascii_digit()))
        && words.len() > 4
    {
        words.remove(0);
    }
    // «28-Feb-2026» of RFC 850.
    let dashed: Vec<&str>;
    if words.first().is_some_and(|w| w.matches('-').count() == 2) {
        dashed = words[0]
            .split('-')
            .chain(words[1..].iter().copied())
            .collect();
        words = dashed;
    }
    let (day, month, year) = match words.as_slice() {
        [day, month, year, ..] => (*day, *month, *year),
        _ => return None,
    };
    let (day, month) = if month.starts_with(|c: char| c.is_ascii_digit()) {
        (month, day)
    } else {
        (day, month)
    };
    let names = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let month = month.get(..3)?.to_ascii_lowercase();
    let month = names.iter().position(|name| *name == month)? as i8 + 1;
    let year: i16 = match (year.len(), year.parse::<i16>().ok()?) {
        (2, n) if n < 70 => 2000 + n,
        (2, n) => 1900 + n,
        (4, n) => n,
        _ => return None,
    };
    let date = jiff::civil::Date::new(year, month, day.trim_end_matches(',').parse().ok()?).ok()?;
    let time = words.get(3).map_or(Some((0, 0, 0)), |time| clock(time))?;
    instant(
        date,
        time,
        zone_minutes(&words.get(4..).unwrap_or(&[]).join(""))?,
    )
}

fn clock(text: &str) -> Option<(i8, i8, i8)> {
    if text.is_empty() {
        return Some((0, 0, 0));
    }
    let mut parts = text.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    // A leap second, and midnight as the end of a day, as some write it.
    Some((hour, minute, second.min(59)))
}

/// Minutes east of UTC (RFC 822 section 5.1 and RFC 2822 section 4.3); an unknown name is UTC, as RFC 2822 asks.
fn zone_minutes(zone: &str) -> Option<i64> {
    let digits = zone.strip_prefix(['+', '-']).or_else(|| {
        zone.strip_prefix("GMT")
            .or_else(|| zone.strip_prefix("UTC"))?
            .strip_prefix(['+', '-'])
    });
    if let Some(digits) = digits {
        let digits: String = digits
            .chars()
            .take_while(|c| *c != '(')
            .filter(char::is_ascii_digit)
            .collect();
        let (hours, minutes) = match digits.len() {
            1 | 2 => (digits.parse::<i64>().ok()?, 0),
            4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
            _ => return None,
        };
        let total = hours * 60 + minutes;
        return (total < 24 * 60).then_some(if zone.contains('-') { -total } else { total });
    }
    Some(match zone.to_ascii_uppercase().as_str() {
        "EST" | "CDT" => -300,
        "EDT" => -240,
        "CST" | "MDT" => -360,
        "MST" | "PDT" => -420,
        "PST" => -480,
        "CET" | "BST" | "MEZ" => 60,
        "CEST" | "EET" | "MESZ" => 120,
        "MSK" | "EEST" => 180,
        "MSD" => 240,
        "ALMT" | "IST" if zone.eq_ignore_ascii_case("ALMT") => 360,
        "IST" => 330,
        _ => 0,
    })
}

fn instant(
    date: jiff::civil::Date,
    (hour, minute, second): (i8, i8, i8),
    east: i64,
) -> Option<Timestamp> {
    let time = jiff::civil::Time::new(hour, minute, second, 0).ok()?;
    let at = date
        .to_datetime(time)
        .to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let at: Timestamp = at.ok()?.timestamp().into();
    Some(at.plus_secs(-east * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,40}", digits in "[0-9]{1,4}[- /][0-9A-Za-z]{1,4}[- ][0-9]{1,5}[T ]?[0-9:.+-]{0,12} ?[A-Z+-]{0,4}[0-9]{0,5}") {
            let _ = (parse_date(&text), parse_date(&digits));
        }
    }

    #[test]
    fn dates_of_all_kinds_are_read() {
        for (text, expected) in [
            ("2026-02-28T08:00:00+05:00", "2026-02-28T03:00:00Z"),
            ("2026-02-28T08:00:00.123456Z", "2026-02-28T08:00:00Z"),
            ("2026-02-28 08:00", "2026-02-28T08:00:00Z"),
            ("2026-02-28", "2026-02-28T00:00:00Z"),
            ("2026-02-28T08:00:00+0500", "2026-02-28T03:00:00Z"),
            ("Sat, 28 Feb 2026 08:00:00 +0500", "2026-02-28T03:00:00Z"),
            ("Mon, 28 Feb 2026 08:00 GMT", "2026-02-28T08:00:00Z"),
            ("28 February 2026 08:00:00 EST", "2026-02-28T13:00:00Z"),
            ("Saturday, 28-Feb-26 08:00:00 GMT", "2026-02-28T08:00:00Z"),
            (
                "Sat Feb 28 2026 08:00:00 GMT+0500 (AQTT)",
                "2026-02-28T03:00:00Z",
            ),
            ("Sun, 17 Jan 2021 23:46:22 +0100", "2021-01-17T22:46:22Z"),
            ("Tue, 28 Nov 2017 21:19:26 -0800", "2017-11-29T05:19:26Z"),
            ("1 Mar 2024", "2024-03-01T00:00:00Z"),
        ] {
            assert_eq!(
                parse_date(text).map(|t| t.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for bad in [
            "",
            "yesterday",
            "32 Feb 2026",
            "2026-13-01",
            "Sat, 28 Feb",
            "28 Feb 2026 99:00",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }
}
