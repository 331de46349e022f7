//! `jarshy subscriber`: bring people in who agreed elsewhere, see who is there, and let them go.

mod erase;
mod export;
mod import;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use crate::audience::{self, Cadence, Wishes, store::Listed};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::Zone;
use crate::work::Core;

/// Subscribers.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Add people who agreed elsewhere; they get the next digest without a confirmation mail.
    ///
    /// Who has left stays away, a known address keeps its wishes. If anything is wrong nothing is changed.
    Add(Box<Add>),
    /// Take in a list of people who agreed elsewhere: a CSV file of a spreadsheet, Mailchimp, listmonk or Ghost.
    ///
    /// The charset (UTF-8, UTF-16, windows-1251, KZ-1048) and the separator are told by the file, the columns by their headings in
    /// English, Russian or Kazakh; a bare list of addresses needs none. Who left, was cleaned or blocked there is kept as such and
    /// never mailed; who left or was erased here stays away; a known person keeps their wishes. Broken off and begun anew, it goes
    /// on where it was. Begin with --dry-run.
    Import(Box<import::Args>),
    /// List subscribers and their subscriptions.
    List(List),
    /// Write the list of people as a file that spreadsheets and `import` read, or all that is known of one person.
    Export(export::Args),
    /// Forget a person: only a keyed hash stays, by which later lists are refused.
    Erase(erase::Args),
}

#[derive(clap::Args)]
struct Add {
    /// Addresses.
    #[arg(required = true, value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    addresses: Vec<EmailAddress>,
    /// The newsletter's slug; the first one of the settings if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    #[command(flatten)]
    wishes: WishArgs,
    /// What their consent rests on, e.g. "signed list of 12 May"; it is kept with each person.
    #[arg(long, default_value = "added by the operator", value_name = "TEXT")]
    consent: String,
}

/// What people want who were not asked.
#[derive(clap::Args)]
struct WishArgs {
    /// Languages in order of preference, e.g. kk,ru; all of the newsroom if left out.
    #[arg(long, value_name = "TAGS", value_delimiter = ',', value_parser = Language::parse)]
    language: Vec<Language>,
    /// Only this section, by its slug; may stand several times. Everything if left out.
    #[arg(long, value_name = "SLUG", value_delimiter = ',')]
    section: Vec<String>,
    /// Only stories with this tag; may stand several times.
    #[arg(long, value_name = "SLUG", value_delimiter = ',')]
    tag: Vec<String>,
    /// The reader's time zone, e.g. Asia/Almaty; the newsroom's if left out.
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse)]
    zone: Option<Zone>,
    /// The local hour, e.g. 08:00; the newsletter's if left out.
    #[arg(long, value_name = "HH:MM", value_parser = parse_hour)]
    hour: Option<i64>,
    /// daily, weekdays, immediate, weekly:1 (Monday) or days:1,3,5.
    #[arg(long, default_value = "daily", value_name = "DAYS", value_parser = parse_cadence)]
    cadence: Cadence,
    /// Send the text part alone.
    #[arg(long)]
    text_only: bool,
}

impl WishArgs {
    fn wishes(self, core: &Core, newsletter: Option<&str>) -> Wishes {
        let newsroom = &core.config.newsroom;
        let preset = match newsletter {
            Some(slug) => core.config.newsletters.iter().find(|n| n.slug == slug),
            None => core.config.newsletters.first(),
        };
        Wishes {
            languages: if self.language.is_empty() {
                newsroom.languages.clone()
            } else {
                self.language
            },
            sections: self.section,
            tags: self.tag,
            cadence: self.cadence,
            time_zone: self.zone.unwrap_or_else(|| newsroom.zone()),
            minute: self
                .hour
                .or_else(|| preset.map(crate::config::Newsletter::minute))
                .unwrap_or(480),
            text_only: self.text_only,
        }
    }
}

#[derive(clap::Args)]
struct List {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
    /// Print addresses in full.
    #[arg(long)]
    show_addresses: bool,
}

fn parse_hour(text: &str) -> Result<i64, String> {
    crate::config::parse_hour(text)
        .ok_or_else(|| format!("{text:?} is no hour; write it like 08:00"))
}

fn parse_cadence(text: &str) -> Result<Cadence, String> {
    Cadence::parse(text).map_err(|error| error.to_string())
}

/// Runs the command.
pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Add(args) => add(&core, *args).await,
        Command::Import(args) => import::run(&core, *args).await,
        Command::List(args) => list(&core, &args).await,
        Command::Export(args) => export::run(&core, args).await,
        Command::Erase(args) => erase::run(&core, &args).await,
    }
}

async fn add(core: &Core, args: Add) -> anyhow::Result<ExitCode> {
    let wishes = args.wishes.wishes(core, args.newsletter.as_deref());
    let people: Vec<(EmailAddress, Wishes)> = args
        .addresses
        .into_iter()
        .map(|address| (address, wishes.clone()))
        .collect();
    let (new, known, refused) =
        audience::add(core, args.newsletter.as_deref(), &people, &args.consent).await?;
    println!("{new} new, {known} known already (their wishes stay), {refused} refused");
    if refused > 0 {
        println!(
            "Refused are people who left, had themselves erased, or must not be mailed. They can subscribe by the form."
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// People in one page.
const PAGE: i64 = 1000;

async fn list(core: &Core, args: &List) -> anyhow::Result<ExitCode> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut after, mut count, mut people) = ((0, 0), 0_u64, 0_u64);
    let done = loop {
        let page = audience::store::list_people(&core.db, after, PAGE).await?;
        let Some(last) = page.last() else {
            break Ok(());
        };
        let behind = (last.id, last.subscription_id.unwrap_or(0));
        let mut person = after.0;
        let mut written = Ok(());
        for entry in &page {
            written = if args.json {
                let comma = if count == 0 { "[\n" } else { ",\n" };
                write!(out, "{comma}{}", json(entry, args.show_addresses))
            } else {
                writeln!(out, "{}", line(entry, args.show_addresses))
            };
            if written.is_err() {
                break;
            }
            count += 1;
            people += u64::from(entry.id != person);
            person = entry.id;
        }
        if written.is_err() {
            break written;
        }
        after = behind;
    };
    let end = done.and_then(|()| {
        if args.json {
            writeln!(out, "{}", if count == 0 { "[]" } else { "\n]" })?;
        } else {
            writeln!(out, "{people} people, {count} lines")?;
        }
        out.flush()
    });
    match end {
        // `jarshy subscriber list | head` is no error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        other => Ok(other.map(|()| ExitCode::SUCCESS)?),
    }
}

fn shown_address(entry: &Listed, in_full: bool) -> String {
    match &entry.address {
        Some(address) if in_full => address.clone(),
        Some(address) => audience::mask(Some(address)),
        None => String::new(),
    }
}

fn hour(entry: &Listed) -> Option<String> {
    entry
        .minute
        .map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60))
}

/// The state of the subscription, else of the person.
fn state(entry: &Listed) -> &str {
    match entry.subscriber_state.as_str() {
        "erased" => "erased",
        person => entry.state.as_deref().unwrap_or(person),
    }
}

fn json(entry: &Listed, in_full: bool) -> serde_json::Value {
    serde_json::json!({
        "uid": entry.uid,
        "address": shown_address(entry, in_full),
        "state": state(entry),
        "newsletter": entry.newsletter,
        "selection": entry.selection,
        "cadence": entry.cadence,
        "time_zone": entry.time_zone,
        "hour": hour(entry),
        "paused_until": entry.paused_until,
        "read_to": entry.read_to,
        "last_date": entry.last_date.as_deref().filter(|date| !date.is_empty()),
        "created_at": entry.created_at.to_string(),
        "confirmed_at": entry.confirmed_at.map(|at| at.to_string()),
    })
}

fn line(entry: &Listed, in_full: bool) -> String {
    let address = shown_address(entry, in_full);
    let wishes = match (
        &entry.newsletter,
        &entry.selection,
        &entry.time_zone,
        hour(entry),
    ) {
        (Some(newsletter), Some(selection), Some(zone), Some(hour)) => {
            let cadence = entry.cadence.as_deref().unwrap_or("");
            format!("{newsletter}  {selection}  {cadence} {hour} {zone}")
        }
        _ => String::new(),
    };
    format!("{address:<36} {:<8} {wishes}", state(entry))
        .trim_end()
        .to_owned()
}

/// A new file that its owner alone may read: it holds addresses. One that is there already is written over.
fn private_file(path: &std::path::Path) -> anyhow::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;

    use anyhow::Context;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be written", path.display()))
}
