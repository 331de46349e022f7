//! `jarshy digest note`: the editor's words on top of the issues of one date.

use std::process::ExitCode;

use jiff::civil::Date;

use super::print;
use crate::audience;
use crate::base::language::Language;
use crate::digest;
use crate::work::Core;

/// Options of `jarshy digest note`.
#[derive(clap::Args)]
pub(super) struct Note {
    /// The words, at most 600 letters; a new line begins a paragraph.
    #[arg(value_name = "TEXT", requires = "language", conflicts_with = "remove")]
    text: Option<String>,
    /// The issues of that language.
    #[arg(long, value_name = "TAG", value_parser = Language::parse)]
    language: Option<Language>,
    /// The date on the readers' calendars, e.g. 2026-03-01; today in the newsroom's zone if left out.
    #[arg(long, value_name = "DATE")]
    date: Option<Date>,
    /// The newsletter's slug; the first one of the settings if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// Take the note of that language back.
    #[arg(long, requires = "language")]
    remove: bool,
    /// Print a JSON array of the notes of that date instead of words.
    #[arg(long)]
    json: bool,
}

/// Says, takes back, or shows.
pub(super) async fn run(core: &Core, args: &Note) -> anyhow::Result<ExitCode> {
    let newsletter = audience::find_offered(core, args.newsletter.as_deref()).await?;
    let date = args
        .date
        .unwrap_or_else(|| core.clock.now().date_in(&core.config.newsroom.zone()));
    let mut said = String::new();
    if let Some(language) = &args.language {
        if let Some(text) = &args.text {
            digest::put_note(core, &newsletter, date, language, text).await?;
            said = format!(
                "the issues of {date} in {language} say so; what is compiled already stays as it is\n"
            );
        } else if args.remove {
            let was_there = digest::put_note(core, &newsletter, date, language, "").await?;
            said = if was_there {
                format!(
                    "taken back for {date} in {language}; what is compiled already stays as it is\n"
                )
            } else {
                format!("nothing is said on {date} in {language}\n")
            };
        }
    }
    let notes = digest::list_notes(core, &newsletter, date).await?;
    if args.json {
        let all: Vec<_> = notes
            .iter()
            .map(|(language, text)| {
                serde_json::json!({
                    "newsletter": newsletter.slug, "date": date.to_string(), "language": language, "text": text,
                })
            })
            .collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else if !said.is_empty() {
        print(&said)?;
    } else if notes.is_empty() {
        print(&format!("nothing is said on {date}\n"))?;
    } else {
        for (language, text) in notes {
            print(&format!("{language}  {text}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
