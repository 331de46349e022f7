//! Dates as the newspapers of each language write them.
//!
//! The patterns are our own: CLDR's for Kazakh («2026 ж. 28 ақпан, сенбі») are printed by no newspaper, and its Russian ones end in «г.».
//! The names of months and weekdays are CLDR's; a test holds the tables against icu. Languages without a table are written in English.

use jiff::civil::{Date, DateTime};

use crate::base::language::Language;

struct Names {
    /// Sunday last, as ISO 8601 numbers the days.
    weekdays: [&'static str; 7],
    /// As they stand behind a day's number.
    months: [&'static str; 12],
    /// As they stand alone.
    months_alone: [&'static str; 12],
}

const KK_MONTHS: [&str; 12] = [
    "қаңтар",
    "ақпан",
    "наурыз",
    "сәуір",
    "мамыр",
    "маусым",
    "шілде",
    "тамыз",
    "қыркүйек",
    "қазан",
    "қараша",
    "желтоқсан",
];

const KK: Names = Names {
    weekdays: [
        "дүйсенбі",
        "сейсенбі",
        "сәрсенбі",
        "бейсенбі",
        "жұма",
        "сенбі",
        "жексенбі",
    ],
    months: KK_MONTHS,
    months_alone: KK_MONTHS,
};

const RU: Names = Names {
    weekdays: [
        "понедельник",
        "вторник",
        "среда",
        "четверг",
        "пятница",
        "суббота",
        "воскресенье",
    ],
    months: [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ],
    months_alone: [
        "январь",
        "февраль",
        "март",
        "апрель",
        "май",
        "июнь",
        "июль",
        "август",
        "сентябрь",
        "октябрь",
        "ноябрь",
        "декабрь",
    ],
};

const EN_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const EN: Names = Names {
    weekdays: [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ],
    months: EN_MONTHS,
    months_alone: EN_MONTHS,
};

enum Style {
    Kazakh,
    Russian,
    English,
}

fn style(language: &Language) -> (Style, &'static Names) {
    match language.primary() {
        "kk" => (Style::Kazakh, &KK),
        "ru" => (Style::Russian, &RU),
        _ => (Style::English, &EN),
    }
}

fn weekday_of(date: Date, names: &Names) -> &'static str {
    names.weekdays[date.weekday().to_monday_zero_offset() as usize]
}

fn month_of(date: Date, names: &Names) -> &'static str {
    names.months[date.month() as usize - 1]
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Masthead: «Сенбі, 28 ақпан 2026 жыл», «Суббота, 28 февраля 2026», “Saturday, 28 February 2026”.
pub fn masthead(date: Date, language: &Language) -> String {
    let (style, names) = style(language);
    let weekday = capitalised(weekday_of(date, names));
    let (day, month, year) = (date.day(), month_of(date, names), date.year());
    match style {
        Style::Kazakh => format!("{weekday}, {day} {month} {year} жыл"),
        Style::Russian | Style::English => format!("{weekday}, {day} {month} {year}"),
    }
}

/// Lists: `28.02.2026` for kk and ru, `28 Feb 2026` for en.
pub fn short(date: Date, language: &Language) -> String {
    let (style, names) = style(language);
    match style {
        Style::Kazakh | Style::Russian => {
            format!("{:02}.{:02}.{}", date.day(), date.month(), date.year())
        }
        Style::English => {
            let month = &month_of(date, names)[..3];
            format!("{} {month} {}", date.day(), date.year())
        }
    }
}

/// In running text, without the weekday: «2026 жылғы 28 ақпан», «28 февраля 2026», “28 February 2026”.
pub fn long(date: Date, language: &Language) -> String {
    let (style, names) = style(language);
    let (day, month, year) = (date.day(), month_of(date, names), date.year());
    match style {
        Style::Kazakh => format!("{year} жылғы {day} {month}"),
        Style::Russian | Style::English => format!("{day} {month} {year}"),
    }
}

/// In running text, with weekday: «жексенбі, 1 наурыз», «воскресенье, 1 марта», “Sunday, 1 March”.
pub fn weekday_and_day(date: Date, language: &Language) -> String {
    let (_, names) = style(language);
    let (weekday, month) = (weekday_of(date, names), month_of(date, names));
    format!("{weekday}, {} {month}", date.day())
}

/// The name of a weekday, ISO number 1 (Monday) to 7: «дүйсенбі», «понедельник», “Monday”; nothing for other numbers.
pub fn weekday(iso: i8, language: &Language) -> &'static str {
    let (_, names) = style(language);
    usize::try_from(iso - 1)
        .ok()
        .and_then(|i| names.weekdays.get(i))
        .copied()
        .unwrap_or("")
}

/// A month of the archive: «2026 жылғы ақпан», «Февраль 2026», “February 2026”.
pub fn month(date: Date, language: &Language) -> String {
    let (style, names) = style(language);
    let (month, year) = (names.months_alone[date.month() as usize - 1], date.year());
    match style {
        Style::Kazakh => format!("{year} жылғы {month}"),
        Style::Russian | Style::English => format!("{} {year}", capitalised(month)),
    }
}

/// Beside a story in a mail: «27 ақпан, 18:40», «27 февраля, 18:40», “27 February, 18:40”.
pub fn day_and_time(at: DateTime, language: &Language) -> String {
    let (_, names) = style(language);
    let (day, month) = (at.day(), month_of(at.date(), names));
    format!("{day} {month}, {}", time(at))
}

/// Beside a story on a page: `28.02.2026, 18:40`, `28 Feb 2026, 18:40`.
pub fn short_and_time(at: DateTime, language: &Language) -> String {
    format!("{}, {}", short(at.date(), language), time(at))
}

/// `18:40`, in every language of ours.
pub fn time(at: DateTime) -> String {
    format!("{:02}:{:02}", at.hour(), at.minute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use icu::datetime::fieldsets::{E, MD};
    use icu::datetime::{DateTimeFormatter, input};
    use icu::locale::locale;

    fn of(tag: &str) -> Language {
        Language::parse(tag).unwrap()
    }

    #[test]
    fn each_language_has_its_own_pattern() {
        let date = jiff::civil::date(2026, 2, 28);
        let sunday = jiff::civil::date(2026, 3, 1);
        let at = jiff::civil::date(2026, 2, 27).at(18, 40, 0, 0);
        for (tag, lines) in [
            (
                "kk",
                [
                    "Сенбі, 28 ақпан 2026 жыл",
                    "28.02.2026",
                    "2026 жылғы 28 ақпан",
                    "жексенбі, 1 наурыз",
                    "27 ақпан, 18:40",
                    "2026 жылғы ақпан",
                ],
            ),
            (
                "ru",
                [
                    "Суббота, 28 февраля 2026",
                    "28.02.2026",
                    "28 февраля 2026",
                    "воскресенье, 1 марта",
                    "27 февраля, 18:40",
                    "Февраль 2026",
                ],
            ),
            (
                "en-GB",
                [
                    "Saturday, 28 February 2026",
                    "28 Feb 2026",
                    "28 February 2026",
                    "Sunday, 1 March",
                    "27 February, 18:40",
                    "February 2026",
                ],
            ),
        ] {
            let language = of(tag);
            let got = [
                masthead(date, &language),
                short(date, &language),
                long(date, &language),
                weekday_and_day(sunday, &language),
                day_and_time(at, &language),
                month(date, &language),
            ];
            assert_eq!(got, lines);
        }
        let next = jiff::civil::date(2026, 3, 1).at(8, 5, 0, 0);
        assert_eq!(short_and_time(next, &of("en")), "1 Mar 2026, 08:05");
    }

    #[test]
    fn a_language_without_a_table_is_written_in_english() {
        let date = jiff::civil::date(2026, 2, 28);
        assert_eq!(masthead(date, &of("sk")), "Saturday, 28 February 2026");
    }

    #[test]
    fn weekdays_are_numbered_from_monday() {
        assert_eq!(weekday(1, &of("kk")), "дүйсенбі");
        assert_eq!(weekday(7, &of("ru")), "воскресенье");
        assert_eq!((weekday(0, &of("en")), weekday(8, &of("en"))), ("", ""));
    }

    /// The names are CLDR's: icu says the same for each day of a whole year.
    #[test]
    fn the_tables_agree_with_icu() {
        for (locale, tag) in [
            (locale!("kk"), "kk"),
            (locale!("ru"), "ru"),
            (locale!("en-GB"), "en"),
        ] {
            let day = DateTimeFormatter::try_new(locale.clone().into(), MD::long()).unwrap();
            let name = DateTimeFormatter::try_new(locale.into(), E::long()).unwrap();
            let language = of(tag);
            let mut date = jiff::civil::date(2026, 1, 1);
            while date.year() == 2026 {
                let icu_date =
                    input::Date::try_new_iso(2026, date.month() as u8, date.day() as u8).unwrap();
                let expected = format!("{}, {}", name.format(&icu_date), day.format(&icu_date));
                assert_eq!(weekday_and_day(date, &language), expected);
                date = date.tomorrow().unwrap();
            }
        }
    }
}
