use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Config;
use super::load::Finding;
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::Zone;

/// A name per language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Names(pub BTreeMap<String, String>);

impl Names {
    /// The name in that language, else in its primary language, else in English, else any.
    pub fn get(&self, language: &Language) -> &str {
        self.0
            .get(language.as_str())
            .or_else(|| self.0.get(language.primary()))
            .or_else(|| self.0.get("en"))
            .or_else(|| self.0.values().next())
            .map_or("", String::as_str)
    }

    /// Whether there is no name at all.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|name| name.trim().is_empty())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Names {
    fn from(names: [(&str, &str); N]) -> Self {
        Self(
            names
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
        )
    }
}

/// `[newsroom]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newsroom {
    /// The newsroom's name per language.
    pub names: Names,
    /// One sentence about it per language, for feeds and the front page.
    #[serde(default)]
    pub descriptions: Names,
    /// The languages of the newsroom in their order; the first is the default.
    pub languages: Vec<Language>,
    /// The newsroom's own zone: dates on pages and in feeds.
    pub time_zone: String,
    /// The first year in the copyright line.
    #[serde(default)]
    pub first_year: Option<i16>,
    /// Minutes an article waits after publishing, so that a slip can be taken back before anyone has it.
    #[serde(default)]
    pub hold_back_minutes: i64,
    /// Hours that readers wait for a text the editor promised ("Kazakh text follows"): 24 are one morning's digest.
    #[serde(default = "default_follows_hours")]
    pub follows_hours: i64,
    /// The accent colour as `#rrggbb`; it must hold 4.5:1 on white and on black.
    #[serde(default = "default_accent")]
    pub accent: String,
    /// A PNG that stands for the newsroom in feed readers: square, at least 512 pixels wide; ours if absent.
    #[serde(default)]
    pub icon: Option<PathBuf>,
    /// A PNG for the head of a feed: twice as wide as high, at least 512 pixels wide; ours if absent.
    #[serde(default)]
    pub logo: Option<PathBuf>,
    /// Who runs the service.
    #[serde(default)]
    pub operator: Operator,
}

fn default_follows_hours() -> i64 {
    24
}
fn default_accent() -> String {
    "#0a7a6e".to_owned()
}

/// `[newsroom.operator]`: named in mails and on pages; each field is optional.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operator {
    /// The legal name per language.
    pub names: Names,
    /// The postal address per language.
    pub addresses: Names,
    /// Business identification number.
    pub bin: Option<String>,
    /// Contact by mail.
    pub email: Option<String>,
    /// Contact by telephone.
    pub phone: Option<String>,
    /// Where the privacy policy stands, per language; digests point to it.
    pub privacy: Names,
}

impl Newsroom {
    pub(super) fn finish(&mut self, folder: &Path) -> Result<(), Finding> {
        for (key, file, shape) in [
            ("newsroom.icon", &mut self.icon, Shape::Square),
            ("newsroom.logo", &mut self.logo, Shape::Wide),
        ] {
            if let Some(path) = file {
                Config::resolve(folder, path);
                check_png(path, shape).map_err(|problem| {
                    Finding::new(
                        key,
                        format!("{}: {problem}", path.display()),
                        shape.remedy(),
                    )
                })?;
            }
        }
        self.check()
    }

    fn check(&self) -> Result<(), Finding> {
        Zone::parse(&self.time_zone).map_err(|e| {
            Finding::new(
                "newsroom.time_zone",
                e,
                "The list is in the column \"TZ identifier\" of the IANA database",
            )
        })?;
        if self.languages.is_empty() {
            return Err(Finding::new(
                "newsroom.languages",
                "is empty",
                "Write [\"kk\", \"ru\", \"en\"], the default first",
            ));
        }
        for language in &self.languages {
            if !self.names.0.contains_key(language.as_str()) {
                return Err(Finding::new(
                    "newsroom.names",
                    format!("there is no name in {language}"),
                    format!("Add {language} = \"…\""),
                ));
            }
        }
        let accent = self.accent.strip_prefix('#').unwrap_or("");
        if accent.len() != 6 || !accent.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(Finding::new(
                "newsroom.accent",
                "is not a colour",
                "Write it like #0a7a6e",
            ));
        }
        if !(0..=1440).contains(&self.hold_back_minutes) {
            return Err(Finding::new(
                "newsroom.hold_back_minutes",
                "is not between 0 and 1440",
                "Write 5",
            ));
        }
        let is_address = |url: &String| {
            url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        };
        if !self.operator.privacy.0.values().all(is_address) {
            return Err(Finding::new(
                "newsroom.operator.privacy",
                "is no address of a page",
                "Write it like { kk = \"https://news.example.kz/privacy\" }",
            ));
        }
        if !(1..=168).contains(&self.follows_hours) {
            return Err(Finding::new(
                "newsroom.follows_hours",
                "is not between 1 and 168",
                "Write 24, so that a daily reader waits for one digest at most",
            ));
        }
        Ok(())
    }

    /// The newsroom's zone.
    pub fn zone(&self) -> Zone {
        Zone::parse(&self.time_zone).unwrap_or_else(|_| Zone::utc())
    }

    /// The default language.
    pub fn default_language(&self) -> &Language {
        &self.languages[0]
    }
}

/// What a picture must look like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// As wide as high: RFC 4287 section 4.2.5, and readers crop what is not.
    Square,
    /// Twice as wide as high: RFC 4287 section 4.2.8.
    Wide,
}

impl Shape {
    const fn remedy(self) -> &'static str {
        match self {
            Self::Square => {
                "Give a PNG of 512 × 512 pixels or more, as wide as high, or leave the key out"
            }
            Self::Wide => {
                "Give a PNG of 1024 × 512 pixels or so, twice as wide as high, or leave the key out"
            }
        }
    }
}

/// Looks at the head of a file: the signature and the IHDR chunk of PNG hold its size.
fn check_png(path: &Path, shape: Shape) -> Result<(), String> {
    let mut head = [0; 24];
    std::fs::File::open(path)
        .map_err(|e| format!("the file cannot be read: {e}"))?
        .read_exact(&mut head)
        .map_err(|_| "the file is no PNG".to_owned())?;
    if head[..8] != *b"\x89PNG\r\n\x1a\n" || head[12..16] != *b"IHDR" {
        return Err("the file is no PNG".to_owned());
    }
    let number =
        |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (width, height) = (number(16), number(20));
    let has_shape = match shape {
        Shape::Square => width == height,
        Shape::Wide => width == height.saturating_mul(2),
    };
    if has_shape && (512..=4096).contains(&width) {
        Ok(())
    } else {
        Err(format!("the picture has {width} × {height} pixels"))
    }
}

/// `[[section]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// ASCII word in addresses; it is the section's identity.
    pub slug: String,
    /// The name per language.
    pub names: Names,
}

/// `[[newsletter]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newsletter {
    /// ASCII word; it is the newsletter's identity and part of its List-Id.
    pub slug: String,
    /// The name per language.
    pub names: Names,
    /// The address in From.
    pub sender: String,
    /// Where answers go.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// The sections it draws from; empty means all.
    #[serde(default)]
    pub sections: Vec<String>,
    /// The hour that forms preset, in the reader's own zone, `HH:MM`.
    #[serde(default = "default_hour")]
    pub hour: String,
    /// Hours after the due instant until which a late digest is still sent.
    #[serde(default = "default_late_until")]
    pub late_until_hours: i64,
    /// Stories shown in one mail; the rest is a link.
    #[serde(default = "default_max_items")]
    pub max_items: i64,
    /// Stories older than that many days are not mailed any more.
    #[serde(default = "default_max_age")]
    pub max_age_days: i64,
    /// After a dot without a reply: `resend` once (nobody lost) or `hold` (nobody twice).
    #[serde(default = "default_uncertain")]
    pub uncertain: String,
    /// Whether who has confirmed gets a mail that says when the first digest comes.
    #[serde(default)]
    pub welcome: bool,
    /// Whether who has left by the page gets one mail more, with a button to take it back: a forwarded copy holds the link, too.
    #[serde(default)]
    pub goodbye: bool,
}

fn default_hour() -> String {
    "08:00".to_owned()
}
fn default_late_until() -> i64 {
    6
}
fn default_max_items() -> i64 {
    15
}
fn default_max_age() -> i64 {
    7
}
fn default_uncertain() -> String {
    "resend".to_owned()
}

impl Newsletter {
    /// The preset hour in minutes after midnight.
    pub fn minute(&self) -> i64 {
        parse_hour(&self.hour).unwrap_or(480)
    }
}

/// Reads `HH:MM` into minutes after midnight.
pub(crate) fn parse_hour(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 60 + minute)
}

fn is_slug(slug: &str) -> bool {
    !slug.is_empty()
        && slug.len() <= 60
        && slug
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

pub(super) fn check_sections(sections: &[Section], newsroom: &Newsroom) -> Result<(), Finding> {
    for (i, section) in sections.iter().enumerate() {
        if !is_slug(&section.slug) {
            return Err(Finding::new(
                "section.slug",
                format!("{:?} is not a word for addresses", section.slug),
                "Use a-z, 0-9 and -",
            ));
        }
        if sections[..i].iter().any(|other| other.slug == section.slug) {
            return Err(Finding::new(
                "section.slug",
                format!("{:?} stands twice", section.slug),
                "Take one away",
            ));
        }
        if let Some(language) = newsroom
            .languages
            .iter()
            .find(|l| !section.names.0.contains_key(l.as_str()))
        {
            return Err(Finding::new(
                "section.names",
                format!("section {:?} has no name in {language}", section.slug),
                format!("Add {language} = \"…\""),
            ));
        }
    }
    Ok(())
}

pub(super) fn check_newsletters(
    newsletters: &[Newsletter],
    sections: &[Section],
) -> Result<(), Finding> {
    for (i, letter) in newsletters.iter().enumerate() {
        if !is_slug(&letter.slug) {
            return Err(Finding::new(
                "newsletter.slug",
                format!("{:?} is not a word for addresses", letter.slug),
                "Use a-z, 0-9 and -",
            ));
        }
        if newsletters[..i]
            .iter()
            .any(|other| other.slug == letter.slug)
        {
            return Err(Finding::new(
                "newsletter.slug",
                format!("{:?} stands twice", letter.slug),
                "Take one away",
            ));
        }
        for (key, address) in [
            ("newsletter.sender", Some(&letter.sender)),
            ("newsletter.reply_to", letter.reply_to.as_ref()),
        ] {
            if let Some(Err(error)) = address.map(|a| EmailAddress::parse(a)) {
                return Err(Finding::new(key, error, "Write it like news@example.kz"));
            }
        }
        if parse_hour(&letter.hour).is_none() {
            return Err(Finding::new(
                "newsletter.hour",
                format!("{:?} is not an hour", letter.hour),
                "Write it like 08:00",
            ));
        }
        if letter.names.is_empty() {
            return Err(Finding::new(
                "newsletter.names",
                "has no name",
                "Add names = { kk = \"…\" }",
            ));
        }
        if let Some(unknown) = letter
            .sections
            .iter()
            .find(|s| !sections.iter().any(|known| known.slug == **s))
        {
            return Err(Finding::new(
                "newsletter.sections",
                format!("there is no section {unknown:?}"),
                "Name sections by their slug",
            ));
        }
        for (key, value) in [
            ("newsletter.late_until_hours", letter.late_until_hours),
            ("newsletter.max_items", letter.max_items),
            ("newsletter.max_age_days", letter.max_age_days),
        ] {
            if !(1..=1000).contains(&value) {
                return Err(Finding::new(
                    key,
                    format!("{value} is not between 1 and 1000"),
                    "Leave it out for the default",
                ));
            }
        }
        if !matches!(letter.uncertain.as_str(), "resend" | "hold") {
            return Err(Finding::new(
                "newsletter.uncertain",
                format!("{:?} is no policy", letter.uncertain),
                "Write resend or hold",
            ));
        }
    }
    Ok(())
}
