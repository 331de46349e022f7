//! The interface strings: one Fluent file per language, ours in the binary, the newsroom's on top.

use std::collections::BTreeMap;
use std::path::Path;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use super::{Arg, ThemeError, numbers, templates};
use crate::base::language::Language;

/// Where every question ends that has no answer in its own language.
const FALLBACK: &str = "en";

type Bundle = FluentBundle<FluentResource>;

/// All strings of all interface languages.
pub(super) struct Strings {
    bundles: BTreeMap<String, Bundle>,
}

impl Strings {
    /// Reads `locales/*.ftl`; a file of the newsroom's folder replaces single strings of ours, or adds a language.
    pub(super) fn load(folder: Option<&Path>) -> Result<Self, ThemeError> {
        let mut bundles = BTreeMap::new();
        for (tag, source) in templates::own_strings() {
            let mut bundle = empty_bundle(&tag)?;
            let file = format!("locales/{tag}.ftl");
            bundle
                .add_resource(parse(&file, source)?)
                .map_err(|errors| ThemeError::Strings(format!("{file}: {}", errors[0])))?;
            bundles.insert(tag, bundle);
        }
        for (tag, file, source) in templates::folder_strings(folder)? {
            if !bundles.contains_key(&tag) {
                bundles.insert(tag.clone(), empty_bundle(&tag)?);
            }
            if let Some(bundle) = bundles.get_mut(&tag) {
                bundle.add_resource_overriding(parse(&file, source)?);
            }
        }
        Ok(Self { bundles })
    }

    /// The languages, by their tags.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.bundles.keys().map(String::as_str)
    }

    /// The tag of the bundle that serves a language.
    pub(super) fn resolve(&self, language: &Language) -> &str {
        [language.as_str(), language.primary()]
            .into_iter()
            .find_map(|tag| self.bundles.get_key_value(tag))
            .map_or(FALLBACK, |(tag, _)| tag)
    }

    /// Whether that language or the one behind it has the string.
    pub(super) fn has(&self, tag: &str, key: &str) -> bool {
        [tag, FALLBACK].iter().any(|t| {
            self.bundles
                .get(*t)
                .is_some_and(|bundle| bundle.has_message(key))
        })
    }

    /// Formats a string; the error says what is missing.
    pub(super) fn format(
        &self,
        tag: &str,
        key: &str,
        args: &[(&str, Arg<'_>)],
    ) -> Result<String, String> {
        let bundle = [tag, FALLBACK]
            .iter()
            .filter_map(|t| self.bundles.get(*t))
            .find(|bundle| bundle.has_message(key))
            .ok_or_else(|| format!("there is no string {key:?}"))?;
        let pattern = bundle
            .get_message(key)
            .and_then(|message| message.value())
            .ok_or_else(|| format!("the string {key:?} has no text"))?;
        let mut values = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            values.set(
                *name,
                match value {
                    Arg::Number(n) => FluentValue::from(*n),
                    Arg::Text(text) => FluentValue::from(*text),
                },
            );
        }
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&values), &mut errors);
        match errors.first() {
            None => Ok(text.into_owned()),
            Some(error) => Err(format!("{key:?}: {error}")),
        }
    }

    /// `{prefix}-{language}`, else the language's code.
    pub(super) fn language_word(&self, prefix: &str, language: &Language) -> String {
        [language.as_str(), language.primary()]
            .iter()
            .map(|code| format!("{prefix}-{}", code.to_ascii_lowercase()))
            .find(|key| self.has(FALLBACK, key))
            .and_then(|key| self.format(FALLBACK, &key, &[]).ok())
            .unwrap_or_else(|| language.to_string())
    }
}

fn empty_bundle(tag: &str) -> Result<Bundle, ThemeError> {
    let id: LanguageIdentifier = tag.parse().map_err(|_| {
        ThemeError::Strings(format!("locales/{tag}.ftl is not named by a language"))
    })?;
    let mut bundle = Bundle::new_concurrent(vec![id]);
    // The marks would show as boxes in subjects and in old mail programs; no string of ours mixes directions.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(if tag == "en" || tag.starts_with("en-") {
        with_commas
    } else {
        with_spaces
    }));
    Ok(bundle)
}

fn with_commas<M>(value: &FluentValue, _: &M) -> Option<String> {
    as_integer(value).map(|n| numbers::group(n, ','))
}

fn with_spaces<M>(value: &FluentValue, _: &M) -> Option<String> {
    as_integer(value).map(|n| numbers::group(n, numbers::THIN_SPACE))
}

fn as_integer(value: &FluentValue) -> Option<i64> {
    match value {
        FluentValue::Number(number) => Some(number.value as i64),
        _ => None,
    }
}

fn parse(file: &str, source: String) -> Result<FluentResource, ThemeError> {
    FluentResource::try_new(source).map_err(|(resource, errors)| {
        let source = resource.source();
        let at = errors.first().map_or(0, |e| e.pos.start.min(source.len()));
        let line = source[..at].matches('\n').count() + 1;
        let what = errors.first().map_or_else(String::new, ToString::to_string);
        ThemeError::Strings(format!("{file}, line {line}: {what}"))
    })
}
