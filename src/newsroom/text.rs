//! From what was typed to what is kept: the checks and the cleaning that every article goes through.

use url::Url;

use super::markup::plain_text;
use super::sanitize::{SANITIZER, markdown, sanitize};
use super::store::Text;
use super::{BodyFormat, LeadImage, NewsroomError};
use crate::base::text::{clean, clean_line, cut_at_word, letters};

/// Letters in a title, at most.
pub const MAX_TITLE: usize = 300;
/// Letters in a summary that is made from the body.
pub const SUMMARY: usize = 240;
/// Letters in a summary that is typed, at most.
pub const MAX_SUMMARY: usize = 1000;
/// Bytes in a body, at most.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// Tags on an article, at most.
pub const MAX_TAGS: usize = 20;
/// Letters in a tag or a byline, at most.
pub const MAX_NAME: usize = 200;

fn invalid<T>(sentence: impl Into<String>) -> Result<T, NewsroomError> {
    Err(NewsroomError::Invalid(sentence.into()))
}

/// Whether there is anything to see: white space, joiners and soft hyphens alone show nothing.
pub fn has_letters(text: &str) -> bool {
    text.chars().any(|c| {
        !c.is_whitespace()
            && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
    })
}

/// A title as it is kept.
pub fn check_title(typed: &str) -> Result<String, NewsroomError> {
    let title = clean_line(typed);
    if !has_letters(&title) {
        return invalid("the article has no title; give it one");
    }
    if letters(&title) > MAX_TITLE {
        return invalid(format!(
            "the title has {} letters; shorten it to {MAX_TITLE}",
            letters(&title)
        ));
    }
    Ok(title)
}

/// A typed summary as it is kept; `None` if there is nothing in it.
pub fn check_summary(typed: &str) -> Result<Option<String>, NewsroomError> {
    let summary = clean_line(typed);
    if letters(&summary) > MAX_SUMMARY {
        return invalid(format!(
            "the summary has {} letters; shorten it to {MAX_SUMMARY}",
            letters(&summary)
        ));
    }
    Ok(Some(summary).filter(|s| !s.is_empty()))
}

/// A byline as it is kept; `None` if there is nothing in it.
pub fn check_byline(typed: &str) -> Result<Option<String>, NewsroomError> {
    let byline = clean_line(typed);
    if letters(&byline) > MAX_NAME {
        return invalid(format!(
            "the byline has {} letters; shorten it to {MAX_NAME}",
            letters(&byline)
        ));
    }
    Ok(Some(byline).filter(|s| !s.is_empty()))
}

/// A body as it is kept: what was typed, and what is shown.
pub fn check_body(
    typed: &str,
    format: BodyFormat,
    base: Option<&Url>,
) -> Result<(String, String), NewsroomError> {
    if typed.len() > MAX_BODY {
        return invalid(format!(
            "the body has {} MB; an article holds at most {} MB",
            typed.len() / 1024 / 1024,
            MAX_BODY / 1024 / 1024
        ));
    }
    let source = clean(typed);
    let html = match format {
        BodyFormat::Html => sanitize(&source, base),
        BodyFormat::Markdown => sanitize(&markdown(&source), base),
    };
    if !has_content(&html) {
        return invalid(if source.trim().is_empty() {
            "the article has no body; write one"
        } else {
            "nothing of the body is left once scripts, styles and frames are taken out; write the text itself"
        });
    }
    Ok((source, html))
}

/// Whether there is anything to read or see.
pub fn has_content(html: &str) -> bool {
    ["<img", "<video", "<audio", "<picture"]
        .iter()
        .any(|tag| html.contains(tag))
        || !plain_text(html, &[]).is_empty()
}

/// A summary made from a sanitised body: its first words, without pictures' captions, asides, headings and tables.
pub fn summarise(body_html: &str) -> String {
    let skip = [
        "figcaption",
        "aside",
        "table",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ];
    let mut words = plain_text(body_html, &skip);
    if words.is_empty() {
        words = plain_text(body_html, &[]);
    }
    cut_at_word(&words, SUMMARY - 1, 1)
}

/// A lead image as it is kept; `None` if it has no address that readers may follow.
pub fn check_lead(lead: &LeadImage, base: Option<&Url>) -> Option<LeadImage> {
    let url = super::sanitize::resolve(&lead.url, base)?;
    if !(url.starts_with('/') || url.starts_with("http://") || url.starts_with("https://")) {
        return None;
    }
    let line = |text: &Option<String>| {
        text.as_deref()
            .map(clean_line)
            .filter(|text| !text.is_empty())
    };
    Some(LeadImage {
        url,
        media_type: line(&lead.media_type).filter(|t| t.starts_with("image/")),
        bytes: lead.bytes.filter(|n| *n > 0),
        width: lead.width.filter(|n| *n > 0),
        height: lead.height.filter(|n| *n > 0),
        alt: line(&lead.alt).map(|alt| cut_at_word(&alt, MAX_SUMMARY, 0)),
        credit: line(&lead.credit).map(|credit| cut_at_word(&credit, MAX_NAME, 0)),
    })
}

/// Tags as they are kept: each once, in the order they were typed.
pub fn check_tags(typed: &[String]) -> Result<Vec<String>, NewsroomError> {
    let mut tags: Vec<String> = Vec::new();
    for name in typed {
        let name = clean_line(name);
        if letters(&name) > MAX_NAME {
            return invalid(format!(
                "a tag has {} letters; shorten it to {MAX_NAME}",
                letters(&name)
            ));
        }
        if !name.is_empty() && !tags.contains(&name) {
            tags.push(name);
        }
    }
    if tags.len() > MAX_TAGS {
        return invalid(format!(
            "there are {} tags; an article has at most {MAX_TAGS}",
            tags.len()
        ));
    }
    Ok(tags)
}

/// The words of a draft.
pub fn check_text(draft: &super::Draft) -> Result<Text, NewsroomError> {
    let title = check_title(&draft.title)?;
    let (body_source, body_html) = check_body(&draft.body, draft.format, None)?;
    let summary = match draft.summary.as_deref().map(check_summary).transpose()? {
        Some(Some(summary)) => summary,
        _ => summarise(&body_html),
    };
    let lead = match &draft.lead {
        None => None,
        Some(lead) => match check_lead(lead, None) {
            None => {
                return invalid(format!(
                    "{:?} is not the address of a picture; write an absolute one (https://…) or a path that begins with /",
                    lead.url
                ));
            }
            lead => lead,
        },
    };
    Ok(Text {
        title,
        summary,
        body_source,
        format: draft.format,
        body_html,
        sanitizer: SANITIZER,
        byline: draft
            .byline
            .as_deref()
            .map(check_byline)
            .transpose()?
            .flatten(),
        lead,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_first_words_of_the_story() {
        let html = "<h2>Heading</h2><figure><img src=\"/a.jpg\"><figcaption>Caption</figcaption></figure>\
                    <p>First sentence.</p><p>Second one.</p>";
        assert_eq!(summarise(html), "First sentence. Second one.");
        let long = format!("<p>{}</p>", "слово и дело ".repeat(100));
        let summary = summarise(&long);
        assert!(
            letters(&summary) <= SUMMARY && summary.ends_with('…'),
            "{summary}"
        );
        assert_eq!(summarise("<h2>Only a heading</h2>"), "Only a heading");
    }

    #[test]
    fn empty_and_endless_words_are_refused() {
        assert!(check_title(" \u{202e}\n ").is_err());
        assert!(check_title(&"я".repeat(301)).is_err());
        assert_eq!(check_title(" Две\r\nстроки ").unwrap(), "Две строки");
        assert!(check_body("  ", BodyFormat::Html, None).is_err());
        assert!(check_body("<script>x</script>", BodyFormat::Html, None).is_err());
        assert!(check_body("<!-- x -->", BodyFormat::Markdown, None).is_err());
        assert!(check_body("<img src=\"/a.jpg\">", BodyFormat::Html, None).is_ok());
    }
}
