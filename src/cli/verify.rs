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
    let is_right = findings.is_empty();
    if args.json {
        let issues: Vec<_> = letters
            .iter()
            .map(|letter| {
                json!({
                    "letter": letter.letter_id,
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
        }
        println!("{object}");
    } else {
        let zone = core.config.newsroom.zone();
        for letter in &letters {
            println!(
                "{}  «{}»\n    {}",
                letter.dated_at.date_in(&zone),
                letter.subject,
                equation(&letter.sums)
            );
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
