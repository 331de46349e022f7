//! `jarshy explain`: why somebody got what they got, or nothing.

use std::fmt::Write as _;
use std::process::ExitCode;

use jiff::civil::Date;

use super::digest::print;
use crate::base::address::EmailAddress;
use crate::base::time::{Timestamp, Zone};
use crate::digest::{self, Explanation, Mail, OfNewsletter, Story};
use crate::work::Core;

/// Stories printed that did not match, unless all are asked for.
const SOME: usize = 20;

/// Options of `jarshy explain`.
#[derive(clap::Args)]
pub struct Args {
    /// The person's address.
    #[arg(value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    address: EmailAddress,
    /// The local date by the person's own calendar, e.g. 2026-02-28; today if left out.
    #[arg(long, value_name = "DATE")]
    date: Option<Date>,
    /// The newsletter's slug; all of them if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// Print every story of the window, however many did not match.
    #[arg(long)]
    all: bool,
    /// Print the address in full.
    #[arg(long)]
    show_addresses: bool,
    /// Print one JSON object instead of words.
    #[arg(long)]
    json: bool,
}

/// Prints the explanation; fails if nobody has the address.
pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    let told = digest::explain(&core, &args.address, args.newsletter.as_deref(), args.date).await?;
    let address = if args.show_addresses {
        args.address.to_string()
    } else {
        args.address.masked()
    };
    let text = if args.json {
        let mut object = serde_json::to_value(&told)?;
        if let Some(object) = object.as_object_mut() {
            object.insert("address".to_owned(), address.clone().into());
        }
        format!("{}\n", serde_json::to_string_pretty(&object)?)
    } else {
        words(&told, &address, args.all)
    };
    // The relay's words may name the address.
    let text = if args.show_addresses {
        text
    } else {
        hide(&text, &args.address, &address)
    };
    print(&text)?;
    Ok(if told.person == "unknown" {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Puts the masked address in the place of the whole one, whatever its case.
fn hide(text: &str, address: &EmailAddress, masked: &str) -> String {
    let mut out = text.to_owned();
    for whole in [address.to_string(), address.envelope(), address.key()] {
        let wanted = whole.to_ascii_lowercase();
        let mut from = 0;
        while let Some(at) = out[from..].to_ascii_lowercase().find(&wanted) {
            let at = from + at;
            out.replace_range(at..at + wanted.len(), masked);
            from = at + masked.len();
        }
    }
    out
}

fn words(told: &Explanation, address: &str, all: bool) -> String {
    let mut out = format!("{address}: {}\n", told.person);
    for reason in &told.reasons {
        let _ = writeln!(out, "  {}", reason.sentence);
    }
    for one in &told.newsletters {
        newsletter(&mut out, one, all);
    }
    if !told.small_mails.is_empty() {
        out.push_str("\nother mail since the day before\n");
        for one in &told.small_mails {
            mail(&mut out, one, &Zone::utc());
        }
    }
    out
}

fn newsletter(out: &mut String, told: &OfNewsletter, all: bool) {
    let zone = Zone::parse(&told.wishes.time_zone).unwrap_or_else(|_| Zone::utc());
    let wishes = &told.wishes;
    let everything = |list: &[String], what: &str| {
        if list.is_empty() {
            what.to_owned()
        } else {
            list.join(", ")
        }
    };
    let _ = writeln!(
        out,
        "\n{}: {} on {}\n  wants {} · {} · {}{} {} {}{}",
        told.newsletter,
        told.state,
        told.date,
        everything(&wishes.languages, "every language"),
        everything(&wishes.sections, "every section"),
        if wishes.tags.is_empty() {
            String::new()
        } else {
            format!("tags {} · ", wishes.tags.join(", "))
        },
        wishes.cadence,
        wishes.hour,
        wishes.time_zone,
        if wishes.text_only {
            " · text only"
        } else {
            ""
        },
    );
    for reason in &told.reasons {
        let _ = writeln!(out, "  {}", reason.sentence);
    }
    for one in &told.mails {
        mail(out, one, &zone);
    }
    if !told.told.is_empty() {
        out.push_str("  what is told of earlier texts\n");
        for reason in &told.told {
            let _ = writeln!(out, "    {}", reason.sentence);
        }
    }
    let (matched, others): (Vec<&Story>, Vec<&Story>) = told
        .stories
        .iter()
        .partition(|s| s.is_mailed || s.reason.code == "matches");
    for (title, list, most) in [
        ("  what matched", matched, usize::MAX),
        (
            "  what did not",
            others,
            if all { usize::MAX } else { SOME },
        ),
    ] {
        if list.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{title}");
        for story in list.iter().take(most) {
            let _ = writeln!(
                out,
                "    «{}» ({}): {}",
                story.title,
                story.languages.join(", "),
                story.reason.sentence
            );
        }
        if list.len() > most {
            let _ = writeln!(out, "    and {} more: --all", list.len() - most);
        }
    }
    if let Some(at) = told.next_due_at {
        let _ = writeln!(out, "  next: {}", stamp(at, &zone));
    }
}

fn mail(out: &mut String, told: &Mail, zone: &Zone) {
    let name = match (&told.issue, told.number) {
        (Some(uid), Some(number)) => {
            format!("issue No. {number} ({})", uid.get(..8).unwrap_or(uid))
        }
        _ => told.kind.clone(),
    };
    let _ = writeln!(
        out,
        "  {name} «{}»: {}\n    {}",
        told.subject, told.state, told.sentence
    );
    for one in &told.tries {
        let at = one
            .at
            .map_or_else(String::new, |at| format!("{}  ", stamp(at, zone)));
        let _ = writeln!(out, "    {at}{}: {}", one.result, one.words);
    }
    if let Some(id) = &told.queue_id {
        let _ = writeln!(out, "    the relay's queue id: {id}");
    }
}

fn stamp(at: Timestamp, zone: &Zone) -> String {
    at.in_zone(zone)
        .strftime("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_the_relays_words_is_hidden_too() {
        let address = EmailAddress::parse("Aigerim@example.kz").unwrap();
        assert_eq!(
            hide(
                "550 5.1.1 <aigerim@EXAMPLE.kz> unknown, <Aigerim@example.kz>",
                &address,
                "A•••m@example.kz"
            ),
            "550 5.1.1 <A•••m@example.kz> unknown, <A•••m@example.kz>"
        );
    }
}
