//! `jarshy subscriber export`: the list of people, or all that is known of one.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::audience::AudienceError;
use crate::audience::export::{self, HEADINGS, Reader, Sheet};
use crate::audience::import::Separator;
use crate::base::address::EmailAddress;
use crate::work::Core;

/// Options of `jarshy subscriber export`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// All that is known of this one person, as JSON: wishes, each consent with the text that was shown, and mails.
    #[arg(value_name = "ADDRESS", value_parser = EmailAddress::parse, conflicts_with_all = ["newsletter", "format", "separator", "show_addresses"])]
    address: Option<EmailAddress>,
    /// Only the subscriptions to this newsletter, by its slug.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// csv opens in a spreadsheet and goes through `import`; json is one array.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// What stands between the fields of csv: semicolon (as Excel has it in Kazakh and Russian), comma or tab.
    #[arg(long, value_name = "SEPARATOR", default_value = "semicolon", value_parser = Separator::parse)]
    separator: Separator,
    /// Write addresses in full; without them the list cannot be imported.
    #[arg(long)]
    show_addresses: bool,
    /// Write to this file, which only its owner may read if it is new; to the terminal if left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Csv,
    Json,
}

/// Writes the file; fails if nobody has the address, or no newsletter the slug.
pub(super) async fn run(core: &Core, args: Args) -> anyhow::Result<ExitCode> {
    let person = match &args.address {
        None => None,
        Some(address) => match export::person(core, address).await {
            Ok(person) => Some(person),
            Err(AudienceError::Nobody) => {
                eprintln!("jarshy: nobody with that address is known here");
                return Ok(ExitCode::FAILURE);
            }
            Err(error) => return Err(error.into()),
        },
    };
    if let Some(slug) = &args.newsletter {
        export::check_newsletter(core, slug).await?;
    }
    let out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(BufWriter::new(super::private_file(path)?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let written = match person {
        Some(person) => write_person(out, &person),
        None => list(core, &args, out).await?,
    };
    match written {
        // `jarshy subscriber export | head` is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        other => Ok(other.map(|()| ExitCode::SUCCESS)?),
    }
}

fn write_person(mut out: Box<dyn Write>, person: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, person)?;
    writeln!(out)?;
    out.flush()
}

async fn list(
    core: &Core,
    args: &Args,
    mut out: Box<dyn Write>,
) -> Result<io::Result<()>, AudienceError> {
    let newsletter = args.newsletter.as_deref();
    match args.format {
        Format::Csv => {
            let begun = Sheet::new(out, args.separator)
                .and_then(|mut sheet| sheet.row(&HEADINGS).map(|()| sheet));
            let mut sheet = match begun {
                Ok(sheet) => sheet,
                Err(error) => return Ok(Err(error)),
            };
            let done = export::readers(core, newsletter, args.show_addresses, |reader| {
                sheet.row(&reader.cells)
            })
            .await?;
            Ok(done.and_then(|()| sheet.finish()))
        }
        Format::Json => {
            let mut count = 0_u64;
            let done = export::readers(core, newsletter, args.show_addresses, |reader| {
                let comma = if count == 0 { "[\n" } else { ",\n" };
                count += 1;
                write!(out, "{comma}{}", json(reader))
            })
            .await?;
            Ok(done.and_then(|()| {
                writeln!(out, "{}", if count == 0 { "[]" } else { "\n]" })?;
                out.flush()
            }))
        }
    }
}

/// The same cells by their headings; lists as lists.
fn json(reader: Reader) -> Value {
    let mut object = Map::new();
    for (heading, cell) in HEADINGS.iter().zip(reader.cells) {
        let value = match *heading {
            "languages" | "sections" | "story_tags" => cell
                .split(',')
                .filter(|word| !word.is_empty())
                .map(Value::from)
                .collect(),
            "text_only" => Value::from(cell == "yes"),
            _ if cell.is_empty() => Value::Null,
            _ => Value::from(cell),
        };
        object.insert((*heading).to_owned(), value);
    }
    Value::Object(object)
}
