//! `jarshy dkim`: the keys that sign mail, and what DNS must say of them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};

use crate::base::address::EmailAddress;
use crate::base::signing_key::{Algorithm, SigningKey};
use crate::base::time::Clock;
use crate::config::{Config, Dkim};

/// The longest string of a TXT record (RFC 1035 section 3.3.14); longer values are several strings that are read as one (RFC 6376
/// section 3.6.2.2).
const STRING_MAX: usize = 255;

/// Keys that sign mail (DKIM).
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make keys, and print what to write into DNS and into the settings. Changes neither, and never writes over a file.
    New(New),
    /// Print the DNS records of the keys in the settings, and which of them sign.
    Show,
}

/// Options of `jarshy dkim new`.
#[derive(clap::Args)]
struct New {
    /// The domain of the sender's address, or one above it; if left out, that of the settings' newsletters.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// What the keys are called in DNS, without their kind; of the year and month if left out.
    #[arg(long, value_name = "NAME")]
    selector: Option<String>,
    /// Where the files go; if left out, `dkim` beside the settings file.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Make a key of this kind alone. Both should sign: not every mailbox reads Ed25519 yet.
    #[arg(long, value_name = "KIND")]
    only: Option<Kind>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Rsa,
    Ed25519,
}

/// Runs the command.
pub fn run(settings: &Path, clock: &Clock, args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::New(args) => new(settings, clock, args),
        Command::Show => show(settings),
    }
}

fn new(settings: &Path, clock: &Clock, args: &New) -> anyhow::Result<ExitCode> {
    // With --domain this needs no settings: they may name the very files that are to be made.
    let config = match (&args.domain, Config::load(settings)) {
        (_, Ok(config)) => Some(config),
        (Some(_), Err(_)) => None,
        (None, Err(error)) => {
            return Err(error)
                .context("whose mail is to be signed is not known; give --domain DOMAIN");
        }
    };
    let domain = match (&args.domain, &config) {
        (Some(domain), _) => EmailAddress::parse(&format!("x@{domain}"))
            .map_err(|_| anyhow::anyhow!("--domain {domain}: write what stands behind the @ of the sender's address, like news.example.kz"))?
            .domain()
            .to_owned(),
        (None, Some(config)) => sender_domain(config)?,
        (None, None) => unreachable!("settings that cannot be read ended above"),
    };
    let month = clock.now().in_zone(&crate::base::time::Zone::utc());
    let stem = args
        .selector
        .clone()
        .unwrap_or_else(|| format!("jarshy-{}", month.strftime("%Y%m")))
        .to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=60).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !stem.split('.').all(is_label) {
        bail!("--selector {stem}: write it in letters, digits and hyphens, like news-202611");
    }
    let folder = args.folder.clone().unwrap_or_else(|| {
        settings
            .parent()
            .map_or_else(|| PathBuf::from("dkim"), |folder| folder.join("dkim"))
    });
    let planned: Vec<(Algorithm, String)> = match args.only {
        Some(Kind::Rsa) => vec![(Algorithm::Rsa, stem)],
        Some(Kind::Ed25519) => vec![(Algorithm::Ed25519, stem)],
        None => vec![
            (Algorithm::Rsa, format!("{stem}-rsa")),
            (Algorithm::Ed25519, format!("{stem}-ed")),
        ],
    };
    let path_of = |selector: &str| folder.join(format!("{selector}.pem"));
    if let Some((_, taken)) = planned.iter().find(|(_, name)| path_of(name).exists()) {
        bail!(
            "{} is there already, and a key is never written over. Give the new one another name with --selector",
            path_of(taken).display()
        );
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    let folder = folder.canonicalize()?;
    let mut made = Vec::new();
    for (algorithm, selector) in planned {
        let key = SigningKey::generate(algorithm).map_err(anyhow::Error::msg)?;
        let path = folder.join(format!("{selector}.pem"));
        write_key(&path, &key).with_context(|| format!("{} cannot be written", path.display()))?;
        made.push(Dkim {
            selector,
            domain: domain.clone(),
            key_file: path,
            signs: true,
            key: Some(std::sync::Arc::new(key)),
        });
    }
    let old = config.map(|config| config.dkim).unwrap_or_default();
    super::digest::print(&told(settings, &made, &old))?;
    Ok(ExitCode::SUCCESS)
}

/// The one domain from which the newsletters of the settings are sent.
fn sender_domain(config: &Config) -> anyhow::Result<String> {
    let mut domains: Vec<String> = config
        .newsletters
        .iter()
        .map(|newsletter| newsletter.sender.as_str())
        .chain(config.mail.sender.as_deref())
        .filter_map(|sender| EmailAddress::parse(sender).ok())
        .map(|address| address.domain().to_owned())
        .collect();
    domains.sort();
    domains.dedup();
    match domains.as_slice() {
        [domain] => Ok(domain.clone()),
        [] => bail!("the settings name no sender yet; give --domain DOMAIN"),
        several => bail!(
            "mail is sent from {}; give --domain for one of them at a time",
            several.join(" and ")
        ),
    }
}

/// Writes a file that only its owner can read and that was not there before.
fn write_key(path: &Path, key: &SigningKey) -> anyhow::Result<()> {
    let pem = key.to_pem().map_err(anyhow::Error::msg)?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// What to do with new keys, step by step.
fn told(settings: &Path, made: &[Dkim], old: &[Dkim]) -> String {
    let mut out = String::new();
    out += "Made, readable by you alone (if the service runs as another user, give them to it with chown):\n";
    for dkim in made {
        let _ = writeln!(out, "  {}", dkim.key_file.display());
    }
    let _ = write!(out, "\n1. Into the DNS of {}:\n\n", made[0].domain);
    for dkim in made {
        out += &zone_record(dkim);
    }
    out += "\n   A web form for DNS takes the name up to the domain, and the strings as one, without quotes.\n";
    let _ = write!(
        out,
        "\n2. Once DNS answers, into {} (restart the service then):\n\n",
        settings.display()
    );
    for dkim in made {
        let _ = write!(
            out,
            "[[dkim]]\nselector = {:?}\ndomain = {:?}\nkey_file = {:?}\n\n",
            dkim.selector,
            dkim.domain,
            dkim.key_file.display().to_string()
        );
    }
    for dkim in made {
        let _ = writeln!(out, "   dig +short TXT {}", dkim.record_name());
    }
    let relieved: Vec<&str> = old
        .iter()
        .filter(|old| {
            old.signs
                && made
                    .iter()
                    .any(|new| new.domain == old.domain && kind(new) == kind(old))
        })
        .map(|old| old.selector.as_str())
        .collect();
    if !relieved.is_empty() {
        let _ = write!(
            out,
            "\n3. In the same step write signs = false to {}. Leave it in the settings and in DNS until all mail that it signed\n   \
             has arrived, a week or so; then take both away.\n",
            relieved.join(" and ")
        );
    }
    out
}

fn kind(dkim: &Dkim) -> Option<Algorithm> {
    dkim.key.as_ref().map(|key| key.algorithm())
}

fn show(settings: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(settings)?;
    if config.dkim.is_empty() {
        println!(
            "No key signs mail. `jarshy dkim new` makes some, unless your relay signs for you."
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = String::new();
    for dkim in &config.dkim {
        let role = if dkim.signs {
            "signs new mail"
        } else {
            "signs no new mail"
        };
        let _ = write!(
            out,
            "; {}, {role}\n{}",
            dkim.key_file.display(),
            zone_record(dkim)
        );
    }
    super::digest::print(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// The record as a zone file has it (RFC 1035 section 5.1): strings of at most 255 characters, in brackets where there are several.
fn zone_record(dkim: &Dkim) -> String {
    let value = dkim
        .key
        .as_ref()
        .map(|key| key.record())
        .unwrap_or_default();
    let strings: Vec<String> = value
        .as_bytes()
        .chunks(STRING_MAX)
        .map(|chunk| format!("\"{}\"", String::from_utf8_lossy(chunk)))
        .collect();
    let name = dkim.record_name();
    match strings.as_slice() {
        [one] => format!("{name}. IN TXT {one}\n"),
        several => format!("{name}. IN TXT (\n    {} )\n", several.join("\n    ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dkim(selector: &str, algorithm: Algorithm) -> Dkim {
        Dkim {
            selector: selector.to_owned(),
            domain: "news.example.kz".to_owned(),
            key_file: PathBuf::from(format!("/etc/jarshy/dkim/{selector}.pem")),
            signs: true,
            key: Some(std::sync::Arc::new(
                SigningKey::generate(algorithm).unwrap(),
            )),
        }
    }

    #[test]
    fn no_string_of_a_record_is_too_long_and_together_they_are_the_value() {
        for (algorithm, count) in [(Algorithm::Rsa, 2), (Algorithm::Ed25519, 1)] {
            let dkim = dkim("a", algorithm);
            let record = zone_record(&dkim);
            assert!(
                record.starts_with("a._domainkey.news.example.kz. IN TXT "),
                "{record}"
            );
            let strings: Vec<&str> = record.split('"').skip(1).step_by(2).collect();
            assert_eq!(strings.len(), count, "{record}");
            assert!(strings.iter().all(|string| string.len() <= 255));
            assert_eq!(strings.concat(), dkim.key.unwrap().record());
        }
    }

    #[test]
    fn what_signed_until_now_is_relieved_and_stays() {
        let old = [
            dkim("old-rsa", Algorithm::Rsa),
            dkim("old-ed", Algorithm::Ed25519),
        ];
        let text = told(
            Path::new("jarshy.toml"),
            &[dkim("new-rsa", Algorithm::Rsa)],
            &old,
        );
        assert!(
            text.contains("signs = false to old-rsa. Leave it"),
            "{text}"
        );
        assert!(
            text.contains("key_file = \"/etc/jarshy/dkim/new-rsa.pem\"\n"),
            "{text}"
        );
        let text = told(
            Path::new("jarshy.toml"),
            &[dkim("new", Algorithm::Rsa)],
            &[],
        );
        assert!(!text.contains("signs = false"), "{text}");
    }
}
