//! `jarshy verify`: what became of every delivery, and whether it adds up.

use std::process::ExitCode;

use serde_json::json;

use crate::delivery::{Sums, store};
use crate::work::Core;

/// Options of `jarshy verify`.
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON object instead of words.
    #[arg(long)]
    json: bool,
}

/// Prints the sum of each issue and of everything; fails if a sum does not add up.
pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    let letters = store::list_letter_sums(&core.db).await?;
    let total = store::get_total_sums(&core.db).await?;
    let mut findings: Vec<String> = letters
        .iter()
        .filter(|letter| !letter.sums.adds_up())
        .map(|letter| {
            format!(
                "letter {} does not add up: {}",
                letter.letter_id,
                equation(&letter.sums)
            )
        })
        .collect();
    if !total.adds_up() {
        findings.push(format!("the total does not add up: {}", equation(&total)));
    }
    findings.extend(store::list_contradictions(&core.db).await?);
    findings.extend(crate::digest::check_runs(&core).await?);
    let names = crate::digest::list_names(&core).await?;
    let (held_runs, held_dates) = crate::digest::list_held(&core).await?;
    let is_right = findings.is_empty();
    if args.json {
        let issues: Vec<_> = letters
            .iter()
            .map(|letter| {
                json!({
                    "letter": letter.letter_id,
                    "issue": names.get(&letter.letter_id).map(|(uid, _)| uid),
                    "number": names.get(&letter.letter_id).map(|(_, number)| number),
                    "state": letter.state,
                    "stopped": letter.is_stopped,
                    "subject": letter.subject,
                    "date": letter.dated_at.to_string(),
                    "sums": letter.sums,
                })
            })
            .collect();
        let mut object = json!({ "adds_up": is_right });
        if let (Some(object), Some(sums)) = (
            object.as_object_mut(),
            serde_json::to_value(total)?.as_object(),
        ) {
            object.extend(sums.clone());
            object.insert("issues".to_owned(), issues.into());
            object.insert("findings".to_owned(), findings.clone().into());
            let runs: Vec<i64> = held_runs.iter().map(|run| run.id).collect();
            object.insert("held_runs".to_owned(), runs.into());
            let dates: Vec<&String> = held_dates.iter().map(|(_, date)| date).collect();
            object.insert("held_dates".to_owned(), json!(dates));
        }
        println!("{object}");
    } else {
        let zone = core.config.newsroom.zone();
        for letter in &letters {
            let (uid, number) = names.get(&letter.letter_id).cloned().unwrap_or_default();
            let name = uid.get(..8).unwrap_or_default();
            println!(
                "{}  «{}»  No. {number}  {name}\n    {}",
                letter.dated_at.date_in(&zone),
                letter.subject,
                equation(&letter.sums)
            );
            if let Some(sentence) = standing(letter, name) {
                println!("    {sentence}");
            }
        }
        for run in &held_runs {
            println!("{}", super::report::held(run));
        }
        for (newsletter, date) in &held_dates {
            println!("{date} of {newsletter:?} is held: `jarshy digest release --date {date}`");
        }
        let verdict = if is_right {
            "  ✓ nobody lost, nobody twice"
        } else {
            ""
        };
        println!("verify: {}{verdict}", equation(&total));
        for finding in &findings {
            println!("✗ {finding}");
        }
    }
    Ok(if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What an issue that is not simply sent stands at, and what to do.
fn standing(letter: &store::LetterSums, name: &str) -> Option<String> {
    let sums = &letter.sums;
    match letter.state.as_str() {
        "paused" => Some(format!(
            "held: {} wait for `jarshy digest release {name}`",
            thousands(sums.held)
        )),
        "cancelled" if letter.is_stopped => Some(format!(
            "cancelled by the operator: {} were sent it, {} will not get it{}",
            thousands(sums.accepted),
            thousands(sums.cancelled),
            if sums.open > 0 {
                format!(", {} are at the relay at this moment", thousands(sums.open))
            } else {
                String::new()
            }
        )),
        "cancelled" => Some("cancelled: everything in it was withdrawn".to_owned()),
        "replaced" => Some("replaced by a revision without what was withdrawn".to_owned()),
        _ => None,
    }
}

/// The equation in words, thousands apart: `planned 1 204 = accepted 1 204 + failed 0 + …`.
pub fn equation(sums: &Sums) -> String {
    format!(
        "planned {} = accepted {} + failed {} + cancelled {} + expired {} + held {} + open {}",
        thousands(sums.planned),
        thousands(sums.accepted),
        thousands(sums.failed),
        thousands(sums.cancelled),
        thousands(sums.expired),
        thousands(sums.held),
        thousands(sums.open)
    )
}

/// A number with a no-break space between thousands.
fn thousands(number: i64) -> String {
    let digits = number.abs().to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equation_reads_like_a_sentence() {
        let sums = Sums {
            planned: 1_204_000,
            accepted: 1_203_999,
            open: 1,
            ..Sums::default()
        };
        assert_eq!(
            equation(&sums).replace('\u{a0}', " "),
            "planned 1 204 000 = accepted 1 203 999 + failed 0 + cancelled 0 + expired 0 + held 0 + open 1"
        );
    }
}
