//! What `send-test` sends: the digest that the address would get now, else the one of the last day, else a few words; marked as a
//! test in the subject and in a header.

use super::{DigestError, Reader, preview};
use crate::audience::mail::{SmallMailView, operator_lines};
use crate::audience::store::find_reading;
use crate::audience::{Choice, Newsletter};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::text::clean_line;
use crate::delivery::{LetterKind, NewLetter};
use crate::theme::{Arg, Theme};
use crate::work::Core;

/// The header that says so, whatever became of the subject.
const MARK: &str = "X-Jarshy-Test";

/// The letter of a test to an address, and whether it has the text part alone. `is_plain` sends a few words whatever there is.
pub async fn trial_letter(
    core: &Core,
    theme: &Theme,
    newsletter: &Newsletter,
    address: &EmailAddress,
    is_plain: bool,
) -> Result<(NewLetter, bool), DigestError> {
    let reading = find_reading(&core.db, newsletter.id, &address.key())
        .await?
        .filter(|reading| matches!(reading.state.as_str(), "active" | "paused"));
    let is_text_only = reading.as_ref().is_some_and(|reading| reading.text_only);
    let mut found = None;
    if !is_plain {
        if let Some(reading) = reading {
            found = preview(core, theme, newsletter, &Reader::from(reading)).await?;
        }
        if found.is_none() {
            let everything = Choice::new(&core.config.newsroom.languages, &[], &[])
                .map_err(crate::audience::AudienceError::from)?;
            found = preview(core, theme, newsletter, &Reader::Anybody(everything)).await?;
        }
    }
    let mut letter = match found {
        Some(seen) => seen.letter,
        None => words(core, theme, newsletter)?,
    };
    let language = theme.interface(&letter.language);
    letter.subject = clean_line(&theme.text(
        &language,
        "test-subject",
        &[("subject", Arg::Text(&letter.subject))],
    ));
    letter.html = with_title(&letter.html, &letter.subject);
    letter.headers.push((MARK.to_owned(), "yes".to_owned()));
    Ok((letter, is_text_only))
}

/// The page under another title, which is the mail's subject.
fn with_title(html: &str, title: &str) -> String {
    let title = title
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    match (html.split_once("<title>"), html.split_once("</title>")) {
        (Some((before, _)), Some((_, after))) => format!("{before}<title>{title}</title>{after}"),
        _ => html.to_owned(),
    }
}

/// A few words, for a newsroom that has nothing yet.
fn words(core: &Core, theme: &Theme, newsletter: &Newsletter) -> Result<NewLetter, DigestError> {
    let (config, newsroom) = (&core.config, &core.config.newsroom);
    let language: &Language = newsroom.default_language();
    let name = newsroom.names.get(language).to_owned();
    let view = SmallMailView {
        language: language.clone(),
        direction: language.direction(),
        subject: name.clone(),
        newsroom: name.clone(),
        newsletter: newsletter.names.get(language).to_owned(),
        base_url: config.server.base_url().to_owned(),
        accent: newsroom.accent.clone(),
        operator: operator_lines(&newsroom.operator, language),
        url: config.server.absolute(&format!("/{language}/")),
        valid_days: 0,
    };
    let html = theme.render("email/test.html", language, &view)?;
    Ok(NewLetter {
        kind: LetterKind::Test,
        scope: None,
        language: language.clone(),
        sender_name: name,
        sender_address: newsletter.sender.clone(),
        reply_to: newsletter.reply_to.clone(),
        html: theme.inline_css(&html)?,
        text: theme.render("email/test.txt", language, &view)?,
        subject: view.subject,
        headers: Vec::new(),
        dated_at: core.clock.now().floor_to_secs(),
        resend_uncertain: false,
    })
}
