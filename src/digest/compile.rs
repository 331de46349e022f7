//! From stories to a letter: the view, the subject, both parts and the headers. Pure but for the templates of the theme.
//!
//! Nothing here depends on who reads, on the clock or on the engine: equal stories, newsletter, language and date give equal
//! bytes. Times beside stories are in the newsroom's zone, because readers of many zones share one issue.

use jiff::civil::Date;

use super::DigestError;
use super::headers::{Place, list_headers};
use super::order::WITH_SUMMARY;
use super::subject::{headline, preheader, sender_name};
use super::view::{GroupView, IssueView, ItemView, NoticeView};
use crate::audience::Newsletter;
use crate::base::language::Language;
use crate::base::text::{clean_line, cut_at_word, letters};
use crate::base::time::Timestamp;
use crate::base::token::Purpose;
use crate::config::Config;
use crate::delivery::{LetterKind, NewLetter};
use crate::newsroom::{Article, ArticleState, Importance, Section};
use crate::theme::{Arg, Theme, dates};

/// Bytes of the HTML part; Gmail clips beyond about 102 KB.
pub const MAX_HTML: usize = 90 * 1024;
const LEAD_SUMMARY: usize = 240;
const SUMMARY: usize = 160;

/// What one issue is made of.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    /// Settings.
    pub config: &'a Config,
    /// Templates and words.
    pub theme: &'a Theme,
    /// Newsletter.
    pub newsletter: &'a Newsletter,
    /// The newsroom's sections in their order.
    pub sections: &'a [Section],
    /// The first language of those who get it.
    pub language: &'a Language,
    /// Its date on their calendar.
    pub local_date: Date,
    /// Uid.
    pub uid: &'a str,
    /// What the Date header says.
    pub dated_at: Timestamp,
    /// Stories in the order of the issue, at least one.
    pub articles: &'a [Article],
    /// Texts that its readers had and that were corrected or withdrawn since, in the order of the log.
    pub told: &'a [Article],
    /// What the editor says on top.
    pub note: Option<&'a str>,
}

/// Where the view will be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// In a mailbox: links for the person, at most that many stories.
    Mail {
        /// Stories shown; the rest is a link.
        shown: usize,
    },
    /// In the browser: all stories, nothing personal.
    Page,
}

/// A compiled issue.
pub struct Compiled {
    /// The letter.
    pub letter: NewLetter,
    /// How many of the stories it shows; the others are behind "read all".
    pub shown: usize,
}

/// Compiles an issue. Shows fewer stories than the newsletter allows if the HTML would be clipped.
pub fn compile(material: &Material<'_>) -> Result<Compiled, DigestError> {
    let Material {
        config,
        theme,
        newsletter,
        language,
        ..
    } = *material;
    let allowed = usize::try_from(newsletter.max_items).unwrap_or(1).max(1);
    let mut shown = material.articles.len().min(allowed);
    let (view, html) = loop {
        let view = view(material, Medium::Mail { shown });
        let html = theme.inline_css(&theme.render("email/digest.html", language, &view)?)?;
        if html.len() <= MAX_HTML || shown == 1 {
            break (view, html);
        }
        // By the share that is too much, and at least by one: few rounds, and the same ones everywhere.
        shown = (shown * MAX_HTML / html.len()).clamp(1, shown - 1);
    };
    if html.len() > MAX_HTML {
        return Err(DigestError::Invalid(format!(
            "an issue with one story has {} bytes of HTML, more than {MAX_HTML}; shorten email/digest.html",
            html.len()
        )));
    }
    let text = theme.render("email/digest.txt", language, &view)?;
    let site = site_language(config, language);
    let owner = newsletter
        .reply_to
        .as_deref()
        .or(config.newsroom.operator.email.as_deref())
        .unwrap_or(&newsletter.sender);
    let headers = list_headers(&Place {
        base_url: config.server.base_url(),
        site: &site,
        newsletter,
        name: &view.newsletter,
        owner,
        issue_uid: material.uid,
    });
    Ok(Compiled {
        letter: NewLetter {
            kind: LetterKind::Issue,
            scope: Some(newsletter.uid.clone()),
            language: language.clone(),
            sender_name: sender_name(&view.newsroom),
            sender_address: newsletter.sender.clone(),
            reply_to: newsletter.reply_to.clone(),
            subject: view.subject.clone(),
            html,
            text,
            headers,
            dated_at: material.dated_at,
            resend_uncertain: newsletter.resend_uncertain,
        },
        shown,
    })
}

/// What the templates are given.
pub fn view(material: &Material<'_>, medium: Medium) -> IssueView {
    let Material {
        config,
        theme,
        newsletter,
        language,
        articles,
        ..
    } = *material;
    let words = theme.interface(language);
    let base_url = config.server.base_url();
    let site = site_language(config, language);
    let (shown, token) = match medium {
        Medium::Mail { shown } => (shown.clamp(1, articles.len()), true),
        Medium::Page => (articles.len(), false),
    };
    let items: Vec<(&Article, ItemView)> = articles
        .iter()
        .enumerate()
        .take(shown)
        .map(|(i, article)| (article, item(material, &words, article, i)))
        .collect();
    let personal = |path: &str, purpose: Purpose| {
        if token {
            format!("{base_url}/{path}/{}", purpose.placeholder())
        } else {
            String::new()
        }
    };
    let titles: Vec<&str> = articles.iter().map(|a| a.title.as_str()).collect();
    let (groups, briefs) = layout(material, &articles[0], &items[1..]);
    IssueView {
        language: language.clone(),
        direction: language.direction(),
        newsroom: config.newsroom.names.get(language).to_owned(),
        newsletter: newsletter.names.get(language).to_owned(),
        subject: subject_of(theme, &words, articles),
        preheader: preheader(&titles, &articles[0].summary),
        date: dates::masthead(material.local_date, &words),
        count_text: theme.text(
            &words,
            "new-stories",
            &[("n", Arg::Number(articles.len() as i64))],
        ),
        note: material
            .note
            .map(|note| {
                note.lines()
                    .map(clean_line)
                    .filter(|l| !l.is_empty())
                    .collect()
            })
            .unwrap_or_default(),
        lead: items[0].1.clone(),
        groups,
        briefs,
        notices: material
            .told
            .iter()
            .map(|article| notice(material, &words, article))
            .collect(),
        more: (articles.len() - shown) as i64,
        url: format!("{base_url}/issues/{}", material.uid),
        base_url: base_url.to_owned(),
        front_url: format!("{base_url}/{site}/"),
        accent: config.newsroom.accent.clone(),
        operator: operator(config, language),
        privacy_url: Some(config.newsroom.operator.privacy.get(language))
            .filter(|url| !url.is_empty())
            .map(str::to_owned),
        preferences_url: personal("preferences", Purpose::Preferences),
        unsubscribe_url: personal("unsubscribe", Purpose::Unsubscribe),
        subscribe_url: format!("{base_url}/{site}/subscribe"),
    }
}

/// The lead's headline and how many more there are. The tail speaks the headline's language where we have its words, so that a
/// subject is not half Kazakh and half Russian.
fn subject_of(theme: &Theme, words: &Language, articles: &[Article]) -> String {
    let lead = &articles[0];
    if articles.len() == 1 {
        return headline(&lead.title, 0);
    }
    let own = theme.interface(&lead.language);
    let tongue = if own.primary() == lead.language.primary() {
        &own
    } else {
        words
    };
    let with = |title: &str| {
        theme.text(
            tongue,
            "subject-with-more",
            &[
                ("title", Arg::Text(title)),
                ("n", Arg::Number(articles.len() as i64 - 1)),
            ],
        )
    };
    with(&headline(&lead.title, letters(&with(""))))
}

fn item(material: &Material<'_>, words: &Language, article: &Article, place: usize) -> ItemView {
    let Material {
        config,
        theme,
        language,
        ..
    } = *material;
    let zone = config.newsroom.zone();
    let is_lead = place == 0;
    let summary = if is_lead {
        cut_at_word(&article.summary, LEAD_SUMMARY, 0)
    } else {
        cut_at_word(&article.summary, SUMMARY, 0)
    };
    let photo = article.lead.as_ref().filter(|photo| {
        // A picture on somebody else's host would tell them who reads: mail shows our own alone. SVG fails in Gmail and Mail.ru,
        // WebP and AVIF in Outlook.
        is_lead
            && photo.url.starts_with('/')
            && photo
                .media_type
                .as_deref()
                .is_none_or(|kind| matches!(kind, "image/jpeg" | "image/png" | "image/gif"))
    });
    ItemView {
        title: article.title.clone(),
        summary,
        url: article.link(config.server.base_url()),
        language: article.language.clone(),
        direction: article.language.direction(),
        language_tag: (article.language != *language)
            .then(|| theme.language_tag(&article.language)),
        byline: article.byline.clone(),
        time: dates::day_and_time(article.published_at().in_zone(&zone).datetime(), words),
        image: photo.map(|photo| config.server.absolute(&photo.url)),
        image_alt: photo
            .and_then(|photo| photo.alt.clone())
            .unwrap_or_default(),
    }
}

/// A corrected text is named and linked; of a withdrawn one nothing is repeated but where and when it stood.
fn notice(material: &Material<'_>, words: &Language, article: &Article) -> NoticeView {
    let Material {
        config,
        theme,
        language,
        ..
    } = *material;
    let published = article
        .published_at()
        .in_zone(&config.newsroom.zone())
        .datetime();
    if article.state == ArticleState::Withdrawn {
        let mut text = theme.text(words, "withdrawn", &[]);
        if let Some(reason) = &article.withdrawal {
            text.push(' ');
            text += &theme.text(words, "withdrawn-reason", &[("reason", Arg::Text(reason))]);
        }
        let section = material
            .sections
            .iter()
            .find(|s| Some(s.id) == article.section_id)
            .map(|s| s.names.get(language));
        return NoticeView {
            title: None,
            url: None,
            text,
            place: section
                .into_iter()
                .map(str::to_owned)
                .chain([dates::day_and_time(published, words)])
                .collect::<Vec<_>>()
                .join(" · "),
            language: words.clone(),
            direction: words.direction(),
            language_tag: None,
        };
    }
    NoticeView {
        title: Some(article.title.clone()),
        url: Some(article.link(config.server.base_url())),
        text: article.correction.clone().unwrap_or_default(),
        place: String::new(),
        language: article.language.clone(),
        direction: article.language.direction(),
        language_tag: (article.language != *language)
            .then(|| theme.language_tag(&article.language)),
    }
}

/// What follows the lead: stories with a summary under their sections, then headlines.
fn layout(
    material: &Material<'_>,
    lead: &Article,
    rest: &[(&Article, ItemView)],
) -> (Vec<GroupView>, Vec<ItemView>) {
    let is_brief = |(i, article): (usize, &Article)| {
        article.importance == Importance::Brief || i + 1 >= WITH_SUMMARY
    };
    let name = |article: &Article| {
        material
            .sections
            .iter()
            .find(|s| Some(s.id) == article.section_id)
            .map(|s| s.names.get(material.language).to_owned())
    };
    let mut groups: Vec<GroupView> = Vec::new();
    let mut briefs = Vec::new();
    for (i, (article, item)) in rest.iter().enumerate() {
        if is_brief((i, article)) {
            briefs.push(ItemView {
                summary: String::new(),
                ..item.clone()
            });
            continue;
        }
        let title = name(article);
        match groups.last_mut().filter(|group| group.title == title) {
            Some(group) => group.items.push(item.clone()),
            None => groups.push(GroupView {
                title,
                items: vec![item.clone()],
            }),
        }
    }
    let of_lead = name(lead);
    if groups.iter().all(|group| group.title == of_lead) {
        for group in &mut groups {
            group.title = None;
        }
    }
    (groups, briefs)
}

/// The language whose pages an issue links to: its own if the newsroom has pages in it, else the newsroom's first.
fn site_language(config: &Config, language: &Language) -> Language {
    let known = &config.newsroom.languages;
    known
        .iter()
        .find(|l| *l == language)
        .or_else(|| known.iter().find(|l| l.primary() == language.primary()))
        .unwrap_or_else(|| config.newsroom.default_language())
        .clone()
}

fn operator(config: &Config, language: &Language) -> Vec<String> {
    let operator = &config.newsroom.operator;
    [
        Some(operator.names.get(language)),
        Some(operator.addresses.get(language)),
        operator.email.as_deref(),
        operator.phone.as_deref(),
    ]
    .into_iter()
    .flatten()
    .filter(|line| !line.is_empty())
    .map(str::to_owned)
    .collect()
}
