//! `jarshy digest next`: the next digests of a subscriber, each with its reason.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::print;
use crate::audience;
use crate::base::address::EmailAddress;
use crate::base::time::Zone;
use crate::cli::report::counted;
use crate::digest;
use crate::theme::Theme;
use crate::work::Core;

/// Options of `jarshy digest next`.
#[derive(clap::Args)]
pub(super) struct Next {
    /// The subscriber's address.
    #[arg(value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    address: EmailAddress,
    /// The newsletter's slug; the first one of the settings if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// How many, at most 366.
    #[arg(long, default_value_t = 7, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=366))]
    count: u16,
    /// Print one JSON object instead of words.
    #[arg(long)]
    json: bool,
}

/// Prints them.
pub(super) async fn run(core: &Core, theme: &Theme, args: &Next) -> anyhow::Result<ExitCode> {
    let newsletter = audience::find_offered(core, args.newsletter.as_deref()).await?;
    let ahead = digest::look_ahead(
        core,
        theme,
        &newsletter,
        &args.address,
        usize::from(args.count),
    )
    .await?;
    let zone = Zone::parse(&ahead.time_zone).unwrap_or_else(|_| Zone::utc());
    if args.json {
        let sends: Vec<_> = ahead
            .sends
            .iter()
            .map(|next| {
                serde_json::json!({
                    "due_at": next.due_at.to_string(),
                    "local": next.due_at.rfc3339(&zone),
                    "local_date": next.local_date.to_string(),
                    "reasons": next.reasons,
                })
            })
            .collect();
        let object = serde_json::json!({
            "newsletter": newsletter.slug,
            "time_zone": ahead.time_zone,
            "none": ahead.none,
            "sends": sends,
            "stories_so_far": ahead.so_far.as_ref().map_or(0, |(stories, _)| *stories),
            "subject_so_far": ahead.so_far.as_ref().map(|(_, subject)| subject),
        });
        print(&format!("{}\n", serde_json::to_string_pretty(&object)?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = String::new();
    if let Some(reason) = &ahead.none {
        let _ = writeln!(out, "none: {}", reason.sentence);
    }
    for next in &ahead.sends {
        let reasons: Vec<&str> = next.reasons.iter().map(|r| r.sentence.as_str()).collect();
        let _ = writeln!(
            out,
            "{}  {}  {}",
            next.due_at.in_zone(&zone).strftime("%a %Y-%m-%d %H:%M %:z"),
            zone.name(),
            reasons.join("; ")
        );
    }
    if !ahead.sends.is_empty() {
        let _ = match &ahead.so_far {
            Some((stories, subject)) => writeln!(
                out,
                "so far {}: «{subject}»",
                counted(*stories as i64, "story", "stories")
            ),
            None => writeln!(out, "so far nothing new: an empty day brings no mail"),
        };
    }
    print(&out)?;
    Ok(ExitCode::SUCCESS)
}
