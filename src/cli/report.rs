//! How runs are told on the terminal, in the words of PRODUCT section 3. Pure.

use std::fmt::Write;
use std::sync::Arc;

use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};
use crate::digest::{HeldRun, RunReport};

/// 1 204 for 1204.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

/// `1 story`, `7 stories`.
pub(crate) fn counted(number: i64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// The name of a language in itself.
fn own_name(language: &Language) -> String {
    match language.primary() {
        "kk" => "қазақша".to_owned(),
        "ru" => "русский".to_owned(),
        "en" => "English".to_owned(),
        _ => language.to_string(),
    }
}

/// The wall clock of a zone with seconds.
pub(crate) fn wall(at: Timestamp, zone: &Zone) -> String {
    at.in_zone(zone).strftime("%H:%M:%S").to_string()
}

/// `08:00:00  Asia/Almaty  7 new stories → 4 digests: қазақша 388, русский 402, қазақша→русский 371, English 43`
///
/// `order` is the newsroom's languages: groups of one language come before groups of several, each in that order.
pub(crate) fn morning(
    at: Timestamp,
    zone: &Zone,
    report: &RunReport,
    digests: i64,
    order: &[Language],
) -> String {
    let mut line = format!("{}  {}  ", wall(at, zone), zone.name());
    if report.mailed == 0 {
        line.push_str("nothing new: nobody is mailed");
        return line;
    }
    let _ = write!(
        line,
        "{} → {}: ",
        counted(report.stories, "new story", "new stories"),
        counted(digests, "digest", "digests"),
    );
    let mut groups: Vec<(Arc<[Language]>, i64)> = Vec::new();
    for issue in &report.issues {
        match groups
            .iter_mut()
            .find(|(languages, _)| *languages == issue.languages)
        {
            Some((_, people)) => *people += issue.people,
            None => groups.push((issue.languages.clone(), issue.people)),
        }
    }
    let place = |language: Option<&Language>| {
        order
            .iter()
            .position(|known| Some(known) == language)
            .unwrap_or(order.len())
    };
    let last = order.len().saturating_sub(1);
    groups.sort_by_key(|(languages, people)| {
        let first = place(languages.first());
        // The newsroom's last language is its guests': they come after those who read the others.
        let is_guest = first >= last;
        (is_guest, languages.len(), first, std::cmp::Reverse(*people))
    });
    let parts: Vec<String> = groups
        .iter()
        .map(|(languages, people)| {
            let names: Vec<_> = languages.iter().map(own_name).collect();
            format!("{} {}", names.join("→"), grouped(*people))
        })
        .collect();
    line + &parts.join(", ")
}

/// A run that waits for the operator's word, and what becomes of it.
pub(crate) fn held(run: &HeldRun) -> String {
    let zone = Zone::parse(&run.time_zone).unwrap_or_else(|_| Zone::utc());
    format!(
        "run {id} of {date} ({}, {}) is held: `jarshy digest release --run {id}` or `--date {date}` plans it; \
         after {} its stories wait for the next digest",
        run.newsletter,
        run.time_zone,
        run.expires_at.in_zone(&zone).strftime("%H:%M"),
        id = run.id,
        date = run.local_date,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::RunIssue;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_morning_is_told_in_the_words_of_the_product_page() {
        let issue = |languages: &[&str], people| RunIssue {
            languages: languages
                .iter()
                .map(|l| Language::parse(l).unwrap())
                .collect(),
            people,
            subject: Arc::from(""),
            stories: 1,
        };
        let report = RunReport {
            run_id: 1,
            time_zone: "Asia/Almaty".to_owned(),
            local_date: "2026-02-28".to_owned(),
            due_at: at("2026-02-28T08:00:00+05:00"),
            stories: 7,
            digests: 4,
            issues: vec![
                issue(&["en"], 43),
                issue(&["kk", "ru"], 371),
                issue(&["ru"], 402),
                issue(&["kk"], 388),
            ],
            mailed: 1204,
            empty: 0,
            state: "done".to_owned(),
        };
        let eight = at("2026-02-28T08:00:00+05:00");
        let almaty = zone("Asia/Almaty");
        let order = ["kk", "ru", "en"].map(|tag| Language::parse(tag).unwrap());
        assert_eq!(
            morning(eight, &almaty, &report, 4, &order),
            "08:00:00  Asia/Almaty  7 new stories → 4 digests: қазақша 388, русский 402, қазақша→русский 371, English 43"
        );
    }
}
