//! How things look and read: the template environment, interface strings, dates, plurals and inlined CSS.
//!
//! [`Theme`] holds one template environment and one set of strings for each interface language (Kazakh, Russian, English,
//! and whatever `locales/*.ftl` a newsroom's own folder adds). Everything is read, parsed and cross-checked when it is loaded, so
//! that a slip in a template stops the start and not a mail at eight in the morning: syntax, and every key that a template or
//! a string file names.
//!
//! In a template of any kind:
//!
//! | written | gives |
//! |---|---|
//! | `t('more-on-site', n=12)` | an interface string; numbers select the plural; an unknown key or a missing placeholder is an error |
//! | `lang`, `lang_dir` | the interface language and its direction |
//! | `at\|date_masthead` | «Сенбі, 28 ақпан 2026 жыл» |
//! | `at\|date_short`, `at\|date_time_short` | `28.02.2026`, `28.02.2026, 18:40` |
//! | `at\|date_long` | «2026 жылғы 28 ақпан» |
//! | `at\|date_weekday`, `at\|date_day_time` | «жексенбі, 1 наурыз», «27 ақпан, 18:40» |
//! | `at\|date_month` | «2026 жылғы ақпан» |
//! | `at\|time`, `at\|datetime` | `18:40`, `2026-02-28T18:40:00+05:00` for `<time datetime>` |
//! | `n\|number` | `1 204`, in English `1,204` |
//! | `text\|wrap72`, `text\|wrap72(2)` | lines of at most 72 columns, indented by that many spaces |
//! | `accent\|on_dark`, `accent\|on_light`, `accent\|text_on` | the colour that can be read on those grounds (4.5:1) |
//! | `language_name(l)`, `language_short(l)`, `language_tag(l)` | «Қазақша», «Қаз», «қаз» |
//!
//! `at` is milliseconds (shown in the newsroom's zone), RFC 3339 (shown in the offset it is written with) or a date
//! `2026-02-28`; `zone='Europe/Berlin'` moves instants to another zone.

mod colour;
pub mod dates;
pub mod icons;
mod inline;
mod numbers;
mod strings;
mod templates;
mod wrap;

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Environment;

use crate::base::language::Language;
use crate::config::Config;
use icons::Icons;
use strings::Strings;

pub use numbers::number;
pub use wrap::wrap;

/// What can go wrong while rendering.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// A template failed; the text names file and line.
    #[error("template {0}")]
    Template(String),
    /// A file of interface strings is not Fluent.
    #[error("interface strings {0}")]
    Strings(String),
    /// A picture that stands for the newsroom cannot be read.
    #[error("{0}")]
    Icon(String),
}

/// Templates and interface strings, checked when loaded. Cheap to clone.
#[derive(Clone)]
pub struct Theme {
    strings: Arc<Strings>,
    environments: Arc<BTreeMap<String, Environment<'static>>>,
    icons: Arc<Icons>,
}

impl Theme {
    /// Loads and checks every template and every string file, with the newsroom's own folder on top.
    pub fn load(config: &Config) -> Result<Self, ThemeError> {
        let folder = config.theme.folder.as_deref();
        let strings = Arc::new(Strings::load(folder)?);
        templates::check(folder, &strings)?;
        let zone = config.newsroom.zone();
        let environments = strings
            .tags()
            .map(|tag| {
                let environment = templates::environment(folder, &strings, tag, &zone);
                (tag.to_owned(), environment)
            })
            .collect::<BTreeMap<_, _>>();
        if let Some(environment) = environments.values().next() {
            for name in templates::names(folder) {
                environment
                    .get_template(&name)
                    .map_err(|e| templates::explain(&e))?;
            }
        }
        Ok(Self {
            strings,
            environments: Arc::new(environments),
            icons: Arc::new(Icons::load(&config.newsroom)?),
        })
    }

    /// Renders `name` (e.g. `email/digest.html`) with the functions of that interface language.
    pub fn render(
        &self,
        name: &str,
        language: &Language,
        context: impl serde::Serialize,
    ) -> Result<String, ThemeError> {
        self.environments[self.strings.resolve(language)]
            .get_template(name)
            .and_then(|template| {
                template.render(minijinja::Value::from(minijinja::value::Serde(context)))
            })
            .map_err(|e| templates::explain(&e))
    }

    /// An interface string; `args` are numbers or texts of its placeholders. A key nobody has is answered with itself, and said in the log.
    pub fn text(&self, language: &Language, key: &str, args: &[(&str, Arg<'_>)]) -> String {
        let tag = self.strings.resolve(language);
        self.strings.format(tag, key, args).unwrap_or_else(|e| {
            tracing::error!(key, language = tag, "interface string: {e}");
            key.to_owned()
        })
    }

    /// The interface language for a content language: itself if we have its strings (kk, ru, en), else its primary language, else English.
    pub fn interface(&self, language: &Language) -> Language {
        let tag = self.strings.resolve(language);
        Language::parse(tag).unwrap_or_else(|_| language.clone())
    }

    /// What a language calls itself, e.g. «Қазақша»; its code if we do not know.
    pub fn language_name(&self, language: &Language) -> String {
        self.strings.language_word("language-name", language)
    }

    /// The word for the language switch: Қаз, Рус, Eng.
    pub fn language_short(&self, language: &Language) -> String {
        self.strings.language_word("language-short", language)
    }

    /// The small tag beside a story in another language: қаз, рус, eng.
    pub fn language_tag(&self, language: &Language) -> String {
        self.strings.language_word("language-tag", language)
    }

    /// The PNG at one of the paths of [`icons`].
    pub fn icon(&self, path: &str) -> Option<&icons::Icon> {
        self.icons.find(path)
    }

    /// Moves the rules of `<style>` into `style` attributes and keeps the media queries (a `<style data-css-inline="keep">`).
    pub fn inline_css(&self, html: &str) -> Result<String, ThemeError> {
        inline::inline(html)
    }
}

impl std::fmt::Debug for Theme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.strings.tags()).finish()
    }
}

/// A value for a placeholder of an interface string.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A number; selects the plural.
    Number(i64),
    /// A text.
    Text(&'a str),
}
