//! Where templates come from, and what they can call.
//!
//! Ours are in the binary (a debug build reads them from the disk, so that a change shows at once); a file of the same name in the
//! newsroom's folder wins. Both kinds run with strict undefined values and a fuel tank, since a folder may be edited by anyone.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, escape_formatter,
};
use rust_embed::RustEmbed;

use super::strings::Strings;
use super::{Arg, ThemeError, colour, dates, numbers, wrap};
use crate::base::language::Language;
use crate::base::time::{Timestamp, Zone};

#[derive(RustEmbed)]
#[folder = "templates/"]
#[include = "*.html"]
#[include = "*.txt"]
#[include = "*.xml"]
#[include = "*.ftl"]
struct Own;

/// Instructions one rendering may take; a front page of 100 stories takes about a twentieth.
const FUEL: u64 = 2_000_000;

/// Our string files: language and text.
pub(super) fn own_strings() -> Vec<(String, String)> {
    Own::iter()
        .filter_map(|path| {
            let tag = path
                .strip_prefix("locales/")?
                .strip_suffix(".ftl")?
                .to_owned();
            let text = own(&path)?;
            Some((tag, text))
        })
        .collect()
}

/// The newsroom's string files: language, path and text, in the order of their names.
pub(super) fn folder_strings(
    folder: Option<&Path>,
) -> Result<Vec<(String, String, String)>, ThemeError> {
    let Some(folder) = folder else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for name in files_under(folder, &["ftl"]) {
        let Some(tag) = name
            .strip_prefix("locales/")
            .and_then(|n| n.strip_suffix(".ftl"))
        else {
            continue;
        };
        let path = folder.join(&name);
        let text = std::fs::read_to_string(&path)
            .map_err(|e| ThemeError::Strings(format!("{}: {e}", path.display())))?;
        found.push((tag.to_owned(), path.display().to_string(), text));
    }
    Ok(found)
}

/// Names of all templates.
pub(super) fn names(folder: Option<&Path>) -> BTreeSet<String> {
    let is_template = |name: &str| {
        [".html", ".txt", ".xml"].iter().any(|e| name.ends_with(e)) && !name.starts_with("static/")
    };
    Own::iter()
        .map(Cow::into_owned)
        .chain(folder.map_or_else(Vec::new, |f| files_under(f, &["html", "txt", "xml"])))
        .filter(|name| is_template(name))
        .collect()
}

/// Writes a value. In HTML the five characters are escaped that mean something there; unlike the engine's own way a slash stays a
/// slash, because programs that look for feeds in a page with simple means must find addresses as they are.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = value
        .as_str()
        .filter(|_| *state.auto_escape() == AutoEscape::Html && !value.is_safe());
    let Some(text) = text else {
        return escape_formatter(out, state, value);
    };
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.write_str(&text[done..at])?;
        out.write_str(escaped)?;
        done = at + 1;
    }
    out.write_str(&text[done..])?;
    Ok(())
}

/// Checks that every key a template names is known, so that a slip stops the start.
pub(super) fn check(folder: Option<&Path>, strings: &Strings) -> Result<(), ThemeError> {
    for name in names(folder) {
        let Some(source) = source(folder, &name).map_err(|e| explain(&e))? else {
            continue;
        };
        for (line, key) in keys_of(&source) {
            if let Some(tag) = strings.tags().find(|tag| !strings.has(tag, key)) {
                return Err(ThemeError::Template(format!(
                    "{name}, line {line}: there is no string {key:?} in locales/{tag}.ftl"
                )));
            }
        }
    }
    Ok(())
}

/// The literal keys in calls of `t`, with their lines.
fn keys_of(source: &str) -> impl Iterator<Item = (usize, &str)> {
    source.match_indices("t(").filter_map(move |(at, _)| {
        let before = source[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') {
            return None;
        }
        let rest = source[at + 2..].trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let key = rest[1..].split(quote).next()?;
        // `t('a-' ~ x)` is made while rendering; only whole keys can be checked here.
        let after = rest[1 + key.len() + 1..].trim_start().chars().next()?;
        (matches!(after, ',' | ')')).then(|| {
            let line = source[..at].matches('\n').count() + 1;
            (line, key)
        })
    })
}

/// The environment of one interface language.
pub(super) fn environment(
    folder: Option<&Path>,
    strings: &Arc<Strings>,
    tag: &str,
    zone: &Zone,
) -> Environment<'static> {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build();
    if let Ok(syntax) = syntax {
        env.set_syntax(syntax);
    }
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_formatter(write);
    env.set_recursion_limit(100);
    env.set_auto_reload(cfg!(debug_assertions));
    let folder = folder.map(Path::to_path_buf);
    env.set_loader(move |name| source(folder.as_deref(), name));

    let language = Language::parse(tag).unwrap_or_else(|_| Language::guess(""));
    env.add_global("lang", tag.to_owned());
    env.add_global("lang_dir", language.direction());
    add_words(&mut env, strings, &language);
    add_dates(&mut env, &language, zone);
    env.add_filter("wrap72", |text: &str, indent: Option<usize>| {
        wrap(text, 72, indent.unwrap_or(0))
    });
    env.add_filter("on_dark", |accent: &str| colour::on_dark(accent));
    env.add_filter("on_light", |accent: &str| colour::on_light(accent));
    env.add_filter("text_on", |accent: &str| colour::text_on(accent));
    env
}

fn add_words(env: &mut Environment<'static>, strings: &Arc<Strings>, language: &Language) {
    let (words, own) = (Arc::clone(strings), language.clone());
    env.add_function("t", move |key: &str, kwargs: Kwargs| {
        let values = kwargs
            .args()
            .map(|name| Ok((name.to_owned(), kwargs.get::<Value>(name)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let texts: Vec<Option<String>> = values
            .iter()
            .map(|(_, value)| value.as_i64().is_none().then(|| value.to_string()))
            .collect();
        let args: Vec<(&str, Arg<'_>)> = values
            .iter()
            .zip(&texts)
            .map(|((name, value), text)| {
                let arg = match text {
                    Some(text) => Arg::Text(text),
                    None => Arg::Number(value.as_i64().unwrap_or_default()),
                };
                (name.as_str(), arg)
            })
            .collect();
        words
            .format(own.as_str(), key, &args)
            .map_err(|e| Error::new(ErrorKind::InvalidOperation, e))
    });
    for (function, prefix) in [
        ("language_name", "language-name"),
        ("language_short", "language-short"),
        ("language_tag", "language-tag"),
    ] {
        let words = Arc::clone(strings);
        env.add_function(function, move |code: &str| {
            Language::parse(code).map_or_else(
                |_| code.to_owned(),
                |language| words.language_word(prefix, &language),
            )
        });
    }
    let separator = numbers::separator(language);
    env.add_filter("number", move |n: i64| numbers::group(n, separator));
}

fn add_dates(env: &mut Environment<'static>, language: &Language, zone: &Zone) {
    type Written = fn(DateTime, &Language) -> String;
    let filters: [(&'static str, Written); 8] = [
        ("date_masthead", |at, l| dates::masthead(at.date(), l)),
        ("date_short", |at, l| dates::short(at.date(), l)),
        ("date_long", |at, l| dates::long(at.date(), l)),
        ("date_weekday", |at, l| dates::weekday_and_day(at.date(), l)),
        ("date_month", |at, l| dates::month(at.date(), l)),
        ("date_day_time", dates::day_and_time),
        ("date_time_short", dates::short_and_time),
        ("time", |at, _| dates::time(at)),
    ];
    for (name, written) in filters {
        let (language, zone) = (language.clone(), zone.clone());
        env.add_filter(name, move |value: &Value, kwargs: Kwargs| {
            let at = instant(value, &kwargs, &zone)?;
            kwargs.assert_all_used()?;
            Ok::<_, Error>(written(at.local(), &language))
        });
    }
    let zone = zone.clone();
    env.add_filter("datetime", move |value: &Value, kwargs: Kwargs| {
        let at = instant(value, &kwargs, &zone)?;
        kwargs.assert_all_used()?;
        Ok::<_, Error>(at.rfc3339())
    });
    let language = language.clone();
    env.add_function("weekday", move |iso: i8| dates::weekday(iso, &language));
}

/// What a date filter was given.
enum Given {
    Instant(Timestamp, Zone),
    /// RFC 3339 as written: its own local time and its text.
    Written(DateTime, String),
    Day(Date),
}

impl Given {
    fn local(&self) -> DateTime {
        match self {
            Self::Instant(at, zone) => at.in_zone(zone).datetime(),
            Self::Written(at, _) => *at,
            Self::Day(date) => date.at(0, 0, 0, 0),
        }
    }

    fn rfc3339(&self) -> String {
        match self {
            Self::Instant(at, zone) => at.rfc3339(zone),
            Self::Written(_, text) => text.clone(),
            Self::Day(date) => date.to_string(),
        }
    }
}

fn instant(value: &Value, kwargs: &Kwargs, home: &Zone) -> Result<Given, Error> {
    let refuse = |why: String| Error::new(ErrorKind::InvalidOperation, why);
    let wanted: Option<String> = kwargs.get("zone")?;
    let zone = wanted
        .map(|name| Zone::parse(&name))
        .transpose()
        .map_err(refuse)?;
    if let Some(millis) = value.as_i64() {
        let zone = zone.unwrap_or_else(|| home.clone());
        return Ok(Given::Instant(Timestamp::from_millis(millis), zone));
    }
    let text = value
        .as_str()
        .ok_or_else(|| refuse(format!("{value:?} is neither milliseconds nor a date")))?;
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        return Ok(Given::Day(date));
    }
    let at: Timestamp = text.parse().map_err(refuse)?;
    match zone {
        Some(zone) => Ok(Given::Instant(at, zone)),
        None => text
            .get(..19)
            .and_then(|local| local.parse::<DateTime>().ok())
            .map(|local| Given::Written(local, text.to_owned()))
            .ok_or_else(|| refuse(format!("{text:?} is not a date"))),
    }
}

/// File, line and reason of a failed template.
pub(super) fn explain(error: &Error) -> ThemeError {
    let place = match (error.name(), error.line()) {
        (Some(name), Some(line)) => format!("{name}, line {line}: "),
        (Some(name), None) => format!("{name}: "),
        _ => String::new(),
    };
    let detail = error.detail().unwrap_or_default();
    let mut text = format!("{place}{}", error.kind());
    if !detail.is_empty() {
        text.push_str(": ");
        text.push_str(detail);
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    ThemeError::Template(text)
}

/// The text of a template, the newsroom's own first.
fn source(folder: Option<&Path>, name: &str) -> Result<Option<String>, Error> {
    let is_plain = name
        .split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':']));
    if !is_plain {
        return Ok(None);
    }
    if let Some(path) = folder.map(|f| f.join(name)).filter(|p| p.is_file()) {
        return std::fs::read_to_string(&path).map(Some).map_err(|e| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!("{}: {e}", path.display()),
            )
        });
    }
    Ok(own(name))
}

fn own(name: &str) -> Option<String> {
    let file = Own::get(name)?;
    String::from_utf8(file.data.into_owned()).ok()
}

/// Files with one of those endings, as names relative to the folder with `/`.
fn files_under(folder: &Path, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        let Ok(entries) = std::fs::read_dir(folder.join(&inner)) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = inner.join(entry.file_name());
            let path = entry.path();
            if path.is_dir() {
                open.push(name);
            } else if path
                .extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| endings.contains(&e))
            {
                let parts: Vec<_> = name.iter().map(|p| p.to_string_lossy()).collect();
                found.push(parts.join("/"));
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_with_their_lines() {
        let source = "{{ t('a') }}\n{{ t(\"b\", n=1) }} {{ print('no') }} {{ t('c-' ~ x) }}";
        let keys: Vec<_> = keys_of(source).collect();
        assert_eq!(keys, [(1, "a"), (2, "b")]);
    }

    #[test]
    fn a_template_cannot_reach_outside() {
        for name in [
            "../Cargo.toml",
            "/etc/hostname",
            "web/../../x.html",
            ".git/config",
            "a//b",
        ] {
            assert!(
                source(Some(Path::new("/")), name).unwrap().is_none(),
                "{name}"
            );
        }
    }
}
