//! Reading the file, the environment on top, and the checks that need more than one field.

use std::path::{Path, PathBuf};

use super::Config;

/// What is wrong with the settings, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot read the settings: {reason}. Give the file with --config PATH.", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Not TOML, an unknown key, a missing one or a value of the wrong kind.
    #[error("{}:{line}: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A value that cannot be used.
    #[error("{}:{line}: {key}: {problem}. {remedy}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The line of the key, or 1 where the key is absent.
        line: usize,
        /// The key, e.g. `server.public_url`.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
}

/// One finding of a check: key, problem, remedy.
pub(super) struct Finding {
    pub(super) key: String,
    pub(super) problem: String,
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn new(
        key: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

/// The folder that zones are read from if the environment names one: `TZDIR`, which the library of zones heeds by itself.
pub fn zone_folder() -> Option<PathBuf> {
    std::env::var_os("TZDIR").map(PathBuf::from)
}

#[expect(
    clippy::disallowed_methods,
    reason = "settings are where the environment comes in"
)]
pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
        file: path.to_owned(),
        reason,
    })?;
    let environment: Vec<(String, String)> = std::env::vars()
        .filter(|(key, _)| key.starts_with("JARSHY_"))
        .collect();
    parse(path, &text, &environment)
}

pub(super) fn parse(
    file: &Path,
    text: &str,
    environment: &[(String, String)],
) -> Result<Config, ConfigError> {
    let syntax = |error: &toml::de::Error| ConfigError::Syntax {
        file: file.to_owned(),
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        message: error.message().to_owned(),
    };
    // The file alone first, so that its own mistakes are told with their line.
    let mut table: toml::Table = text.parse().map_err(|e| syntax(&e))?;
    let overridden = apply_environment(&mut table, environment);
    let mut config: Config = if overridden.is_empty() {
        toml::from_str(text).map_err(|e| syntax(&e))?
    } else {
        table
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Value {
                file: file.to_owned(),
                line: 1,
                key: overridden.join(", "),
                problem: error.message().to_owned(),
                remedy: "Look at the settings file and at the variables that begin with JARSHY_"
                    .to_owned(),
            })?
    };
    let folder = file
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    finish(&mut config, &folder).map_err(|finding| ConfigError::Value {
        file: file.to_owned(),
        line: key_line(text, &finding.key),
        key: finding.key,
        problem: finding.problem,
        remedy: finding.remedy,
    })?;
    Ok(config)
}

fn finish(config: &mut Config, folder: &Path) -> Result<(), Finding> {
    config.server.check()?;
    config.database.finish(folder)?;
    config.secrets.finish(folder)?;
    config.newsroom.finish(folder)?;
    super::newsroom::check_sections(&config.sections, &config.newsroom)?;
    super::newsroom::check_newsletters(&config.newsletters, &config.sections)?;
    config.subscribe.check()?;
    config.feeds.check()?;
    config.websub.check()?;
    config.mail.finish(folder)?;
    super::dkim::finish(config, folder)?;
    config.delivery.check()?;
    config.fetch.check()?;
    if let Some(path) = &mut config.theme.folder {
        Config::resolve(folder, path);
    }
    Ok(())
}

/// Lays `JARSHY_SECTION__KEY` over the table; a value that reads as a TOML number, boolean, array or table is one, everything
/// else is a string. Returns the names that were used.
fn apply_environment(table: &mut toml::Table, environment: &[(String, String)]) -> Vec<String> {
    let mut used = Vec::new();
    for (name, value) in environment {
        let Some(path) = name.strip_prefix("JARSHY_") else {
            continue;
        };
        let parts: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        if parts.len() < 2 {
            continue;
        }
        let parsed = toml::from_str::<toml::Table>(&format!("v = {value}"))
            .ok()
            .and_then(|mut t| t.remove("v"));
        let value = match parsed {
            Some(v) if !v.is_str() && !v.is_datetime() => v,
            _ => toml::Value::String(value.clone()),
        };
        if insert_at(table, &parts, value) {
            used.push(name.clone());
        }
    }
    used
}

fn insert_at(table: &mut toml::Table, path: &[String], value: toml::Value) -> bool {
    match path {
        [] => false,
        [key] => {
            table.insert(key.clone(), value);
            true
        }
        [parent, rest @ ..] => {
            match table
                .entry(parent.clone())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            {
                toml::Value::Table(inner) => insert_at(inner, rest, value),
                _ => false,
            }
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// The line on which `section.key` stands; the section's line if the key is absent; else 1.
fn key_line(text: &str, key: &str) -> usize {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let section = section.split('[').next().unwrap_or(section);
    let mut current = String::new();
    let mut section_line = 1;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            line.trim_matches(['[', ']', ' ']).clone_into(&mut current);
            if current == section {
                section_line = i + 1;
            }
        } else if current == section
            && let Some((left, _)) = line.split_once('=')
            && left.trim() == name
        {
            return i + 1;
        }
    }
    section_line
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "[server]\npublic_url = \"https://news.example.kz\"\n\n[newsroom]\nlanguages = [\"kk\", \"ru\"]\n\
        time_zone = \"Asia/Almaty\"\nnames = { kk = \"Тау жаршысы\", ru = \"Тау жаршысы\" }\n";

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment: Vec<_> = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        parse(Path::new("jarshy.toml"), text, &environment).map_err(|e| e.to_string())
    }

    #[test]
    fn errors_name_file_line_key_and_remedy() {
        let error = read(&MINIMAL.replace("https://news.example.kz", "/news"), &[]).unwrap_err();
        assert!(
            error.starts_with("jarshy.toml:2: server.public_url: "),
            "{error}"
        );
        assert!(error.contains("https://"), "{error}");
        let error = read(&MINIMAL.replace("time_zone", "timezone"), &[]).unwrap_err();
        assert!(
            error.starts_with("jarshy.toml:6:") && error.contains("timezone"),
            "{error}"
        );
        let error = read(&MINIMAL.replace("Asia/Almaty", "Asia/Atlantis"), &[]).unwrap_err();
        assert!(
            error.starts_with("jarshy.toml:6: newsroom.time_zone: "),
            "{error}"
        );
        let error = read("[server\n", &[]).unwrap_err();
        assert!(error.starts_with("jarshy.toml:1: "), "{error}");
    }

    #[test]
    fn a_message_is_not_sent_again_while_its_reply_may_still_come() {
        let within = |resend: i64, dot: u64| {
            let times = format!(
                "{MINIMAL}[delivery]\nlease_secs = 2\nrenew_secs = 1\nresend_wait_secs = {resend}\ndot_deadline_secs = {dot}\n"
            );
            read(&times, &[]).map(|config| config.delivery.dot_within_secs())
        };
        let defaults = read(MINIMAL, &[]).unwrap().delivery;
        assert_eq!(
            (defaults.resend_wait_secs, defaults.dot_deadline_secs),
            (900, 600)
        );
        assert_eq!(defaults.dot_within_secs(), 30);
        for (resend, dot, expected) in [(632, 600, 30), (631, 600, 30), (630, 600, 29), (3, 1, 1)] {
            let within = within(resend, dot).unwrap();
            assert_eq!(within, expected);
            assert!(resend > (dot + within) as i64);
        }
        for (resend, dot) in [
            (601, 600),
            (600, 600),
            (2, 2),
            (-5, 1),
            (900, u64::MAX >> 1),
        ] {
            let error = within(resend, dot).unwrap_err();
            assert!(error.contains("delivery.resend_wait_secs: "), "{error}");
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = read(
            MINIMAL,
            &[
                ("JARSHY_SERVER__LISTEN", "127.0.0.1:9000"),
                ("JARSHY_FEEDS__ITEMS", "7"),
            ],
        )
        .unwrap();
        assert_eq!(config.server.listen.port(), 9000);
        assert_eq!(config.feeds.items, 7);
        let error = read(MINIMAL, &[("JARSHY_FEEDS__ITEMS", "many")]).unwrap_err();
        assert!(error.contains("JARSHY_FEEDS__ITEMS"), "{error}");
    }

    /// `deploy/jarshy.toml` is the documentation of the settings: it parses, and the defaults it prints are ours.
    #[test]
    fn the_printed_defaults_are_the_real_ones() {
        let text = include_str!("../../deploy/jarshy.toml")
            .replace("file = \"/etc/jarshy/secrets.toml\"", "");
        let plain = read(&text, &[]).unwrap();
        let printed: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest)
                    if rest.split_once(" = ").is_some_and(|(k, _)| {
                        k.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    }) =>
                {
                    rest
                }
                _ => line,
            })
            .filter(|line| {
                !["ca_file", "allow_networks", "folder", "icon", "logo"]
                    .iter()
                    .any(|key| line.starts_with(key))
            })
            .map(|line| format!("{line}\n"))
            .collect();
        assert!(
            printed.matches('=').count()
                > text
                    .lines()
                    .filter(|l| !l.starts_with('#'))
                    .collect::<String>()
                    .matches('=')
                    .count()
                    + 15
        );
        let uncommented = read(&printed, &[]).unwrap();
        assert_eq!(format!("{plain:?}"), format!("{uncommented:?}"));
    }
}
