//! `jarshy digest preview`: what somebody would get, without a trace.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::print;
use crate::audience::{self, Choice};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::delivery;
use crate::digest::{self, Reader};
use crate::theme::Theme;
use crate::work::Core;

/// To whom a preview for nobody in particular is addressed.
pub(super) const ANYBODY: &str = "reader@example.org";

/// Options of `jarshy digest preview`.
#[derive(clap::Args)]
pub(super) struct Preview {
    /// A subscriber's address: their wishes, and only what they have not had yet. Somebody with the wishes below if left out.
    #[arg(value_name = "ADDRESS", value_parser = EmailAddress::parse, conflicts_with_all = ["languages", "sections", "tags", "subscriber"])]
    address: Option<EmailAddress>,
    /// The same as ADDRESS.
    #[arg(long, value_name = "ADDRESS", value_parser = EmailAddress::parse, conflicts_with_all = ["languages", "sections", "tags"])]
    subscriber: Option<EmailAddress>,
    /// The newsletter's slug; the first one of the settings if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// Languages in order of preference, e.g. kk,ru; all of the newsroom if left out. Shows the stories of the last day.
    #[arg(long, value_name = "TAGS", value_delimiter = ',', value_parser = Language::parse)]
    languages: Vec<Language>,
    /// Only these sections, by their slugs. Everything if left out.
    #[arg(long, value_name = "SLUGS", value_delimiter = ',')]
    sections: Vec<String>,
    /// Only stories with these tags, by their slugs.
    #[arg(long, value_name = "SLUGS", value_delimiter = ',')]
    tags: Vec<String>,
    /// Write digest.html, digest.txt and digest.eml into this folder instead of printing the text.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Shows the digest, or writes it into a folder.
pub(super) async fn run(core: &Core, theme: &Theme, args: Preview) -> anyhow::Result<ExitCode> {
    let newsletter = audience::find_offered(core, args.newsletter.as_deref()).await?;
    let subscriber = args.address.or(args.subscriber);
    let (reader, address, is_text_only) = if let Some(address) = subscriber {
        let reading = audience::store::find_reading(&core.db, newsletter.id, &address.key())
            .await?
            .with_context(|| {
                format!(
                    "that address gets no mail of the newsletter {:?}: nobody has subscribed with it; see `jarshy subscriber list`",
                    newsletter.slug
                )
            })?;
        match reading.state.as_str() {
            "pending" => anyhow::bail!(
                "that address is not confirmed yet, so it gets no mail; see `jarshy explain`"
            ),
            "left" => {
                anyhow::bail!("that person has left, so they get no mail; see `jarshy explain`")
            }
            _ => {}
        }
        let is_text_only = reading.text_only;
        (Reader::from(reading), address, is_text_only)
    } else {
        let choice = wished(core, &args.languages, &args.sections, &args.tags)?;
        let address = EmailAddress::parse(ANYBODY).map_err(anyhow::Error::msg)?;
        (Reader::Anybody(choice), address, false)
    };
    let Some(seen) = digest::preview(core, theme, &newsletter, &reader).await? else {
        println!("nothing new: nobody is mailed");
        return Ok(ExitCode::SUCCESS);
    };
    let letter = seen.letter;
    let shown = delivery::preview(core, &letter, &address, is_text_only)
        .map_err(|problem| anyhow::anyhow!("the digest cannot be written: {problem}"))?;
    if let Some(folder) = args.out {
        put(&folder, &shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!(
        "From: {} <{}>\nSubject: {}\n\n{}\n",
        letter.sender_name,
        letter.sender_address,
        letter.subject,
        shown.text.trim_end()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The wishes as typed; a name that the newsroom does not have is a slip of the pen, never an empty digest.
fn wished(
    core: &Core,
    languages: &[Language],
    sections: &[String],
    tags: &[String],
) -> anyhow::Result<Choice> {
    let known = &core.config.newsroom.languages;
    if let Some(stranger) = languages.iter().find(|language| !known.contains(language)) {
        let known: Vec<&str> = known.iter().map(Language::as_str).collect();
        anyhow::bail!(
            "the newsroom does not write in {stranger}; it writes in {}",
            known.join(", ")
        );
    }
    let slugs: Vec<&str> = core
        .config
        .sections
        .iter()
        .map(|section| section.slug.as_str())
        .collect();
    if let Some(stranger) = sections.iter().find(|slug| !slugs.contains(&slug.as_str())) {
        anyhow::bail!(
            "there is no section {stranger:?}; there is {}",
            slugs.join(", ")
        );
    }
    let languages = if languages.is_empty() {
        known
    } else {
        languages
    };
    Ok(Choice::new(languages, sections, tags)?)
}

/// Writes the three shapes of a mail into a folder, which is made if it is not there.
pub(super) fn put(folder: &Path, shown: &delivery::Preview) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    write(folder, "digest.html", shown.html.as_bytes())?;
    write(folder, "digest.txt", shown.text.as_bytes())?;
    write(folder, "digest.eml", &shown.source)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, bytes)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
