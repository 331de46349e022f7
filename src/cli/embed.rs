//! `jarshy embed`: the form to subscribe with, for the pages of other sites.

use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;
use url::Url;

use crate::audience::Terms;
use crate::base::language::Language;
use crate::config::Config;
use crate::theme::Theme;

/// Options of `jarshy embed`.
#[derive(clap::Args)]
pub struct Args {
    /// The language of the form; the newsroom's first if left out.
    #[arg(long, value_name = "LANG", value_parser = Language::parse)]
    lang: Option<Language>,
    /// The newsletter's slug; the first of the settings if left out.
    #[arg(long, value_name = "SLUG")]
    newsletter: Option<String>,
    /// The page to which the answer leads back, on one of `subscribe.origins`; the first of them if left out.
    #[arg(long, value_name = "URL")]
    back: Option<Url>,
}

/// What `web/embed.html` is given.
#[derive(Serialize)]
struct Embed<'a> {
    action: String,
    language: &'a Language,
    direction: &'static str,
    newsletter: &'a str,
    newsletter_slug: &'a str,
    back: String,
    terms: Terms,
}

/// Prints the form. Needs no database: a form is settings and words.
pub fn run(config: &Config, args: &Args) -> anyhow::Result<ExitCode> {
    let missing = config.missing_terms();
    if !missing.is_empty() {
        bail!(
            "nobody can subscribe yet: the settings do not say what a person would agree to. Fill in {}",
            missing.join(", ")
        );
    }
    let newsroom = &config.newsroom;
    let language = args
        .lang
        .as_ref()
        .unwrap_or_else(|| newsroom.default_language());
    if !newsroom.languages.contains(language) {
        let list: Vec<&str> = newsroom.languages.iter().map(Language::as_str).collect();
        bail!(
            "this newsroom has no pages in {language}; choose among {}",
            list.join(", ")
        );
    }
    let wanted = args.newsletter.as_deref();
    let Some(newsletter) = config
        .newsletters
        .iter()
        .find(|one| wanted.is_none_or(|slug| one.slug == slug))
    else {
        let list: Vec<&str> = config
            .newsletters
            .iter()
            .map(|one| one.slug.as_str())
            .collect();
        bail!(
            "there is no newsletter {:?}; there is {}",
            wanted.unwrap_or(""),
            list.join(", ")
        );
    };
    let origins = &config.subscribe.origins;
    let Some(first) = origins.first() else {
        bail!(
            "no other site may hold the form yet. Name the sites in the settings, then restart the service:\n\
             [subscribe]\norigins = [\"https://www.example.kz\"]"
        );
    };
    let back = match &args.back {
        Some(url) if origins.contains(&url.origin().ascii_serialization()) => url.to_string(),
        Some(url) => bail!(
            "{url} is on no site of subscribe.origins ({}), so the answer may not lead there",
            origins.join(", ")
        ),
        None => format!("{first}/"),
    };
    let theme = Theme::load(config)?;
    let interface = theme.interface(language);
    let html = theme.render(
        "web/embed.html",
        &interface,
        Embed {
            action: config.server.absolute(&format!("/{language}/subscribe")),
            language,
            direction: language.direction(),
            newsletter: newsletter.names.get(language),
            newsletter_slug: &newsletter.slug,
            back,
            terms: Terms::new(config, &theme, &interface),
        },
    )?;
    println!("{}", html.trim());
    Ok(ExitCode::SUCCESS)
}
