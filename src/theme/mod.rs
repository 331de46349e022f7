//! How things look and read: the template environment, interface strings, dates, plurals and inlined CSS.

use crate::base::language::Language;
use crate::config::Config;

/// What can go wrong while rendering.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// A template failed; the text names file and line.
    #[error("template {0}")]
    Template(String),
    /// A file of interface strings is not Fluent.
    #[error("interface strings {0}")]
    Strings(String),
}

/// Templates and interface strings, checked when loaded.
pub struct Theme {
    _private: (),
}

impl Theme {
    /// Loads and checks every template and every string file, with the newsroom's own folder on top.
    pub fn load(config: &Config) -> Result<Self, ThemeError> {
        let _ = config;
        todo!()
    }

    /// Renders `name` (e.g. `email/digest.html`) with the functions of that interface language.
    pub fn render(
        &self,
        name: &str,
        language: &Language,
        context: impl serde::Serialize,
    ) -> Result<String, ThemeError> {
        let _ = (name, language, context);
        todo!()
    }

    /// An interface string; `args` are numbers or texts of its placeholders.
    pub fn text(&self, language: &Language, key: &str, args: &[(&str, Arg<'_>)]) -> String {
        let _ = (language, key, args);
        todo!()
    }

    /// The interface language for a content language: itself if we have its strings (kk, ru, en), else English.
    pub fn interface(&self, language: &Language) -> Language {
        let _ = language;
        todo!()
    }

    /// Moves the rules of `<style>` into `style` attributes and keeps the media queries.
    pub fn inline_css(&self, html: &str) -> Result<String, ThemeError> {
        let _ = html;
        todo!()
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

/// Dates as PRODUCT.md section 5 has them. (The file `theme/dates.rs`.)
pub mod dates {
    use crate::base::language::Language;
    use jiff::civil::{Date, DateTime};

    /// Masthead: «Сенбі, 28 ақпан 2026 жыл», «Суббота, 28 февраля 2026», “Saturday, 28 February 2026”.
    pub fn masthead(date: Date, language: &Language) -> String {
        let _ = (date, language);
        todo!()
    }

    /// Lists: `28.02.2026` for kk and ru, `28 Feb 2026` for en.
    pub fn short(date: Date, language: &Language) -> String {
        let _ = (date, language);
        todo!()
    }

    /// In running text, with weekday: «жексенбі, 1 наурыз», «воскресенье, 1 марта», “Sunday, 1 March”.
    pub fn weekday_and_day(date: Date, language: &Language) -> String {
        let _ = (date, language);
        todo!()
    }

    /// Beside a story in a mail: «27 ақпан, 18:40», «27 февраля, 18:40», “27 February, 18:40”.
    pub fn day_and_time(at: DateTime, language: &Language) -> String {
        let _ = (at, language);
        todo!()
    }
}
