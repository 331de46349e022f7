//! The demo's stories: one file per story under `templates/demo/stories`, its pictures beside it.
//!
//! A file has TOML between two lines `+++`, then each language's text: a line `=== kk`, a line `# Title`, a line
//! `by: Byline`, a paragraph `> Summary`, and the body in Markdown. `[correction]` and `[withdrawal]` say what happens later.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::newsroom::Importance;

#[derive(RustEmbed)]
#[folder = "templates/demo"]
#[include = "stories/*.md"]
#[include = "images/*.jpg"]
struct Files;

/// One story of the demo.
#[derive(Clone, Debug)]
pub(super) struct Story {
    /// Name of its file.
    pub(super) name: String,
    /// What stands above the texts.
    pub(super) front: Front,
    /// Its texts in the order of the file.
    pub(super) texts: Vec<Text>,
}

/// What stands above the texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Front {
    /// Slug of the section.
    pub(super) section: String,
    /// When it becomes public.
    #[serde(deserialize_with = "instant")]
    pub(super) at: Timestamp,
    /// `lead`, `normal` or `brief`.
    #[serde(default)]
    pub(super) importance: Option<String>,
    /// Tags per language.
    #[serde(default)]
    pub(super) tags: BTreeMap<String, Vec<String>>,
    /// Its picture.
    #[serde(default)]
    pub(super) image: Option<Image>,
    /// A significant correction later.
    #[serde(default)]
    pub(super) correction: Option<Correction>,
    /// Taken back later.
    #[serde(default)]
    pub(super) withdrawal: Option<Withdrawal>,
}

/// A picture that we ship.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Image {
    /// File under `images`.
    pub(super) file: String,
    /// What it shows, per language.
    pub(super) alt: BTreeMap<String, String>,
}

/// A significant correction.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Correction {
    /// When.
    #[serde(deserialize_with = "instant")]
    pub(super) at: Timestamp,
    /// Per language: what the text said, what it says now, and the sentence that tells so.
    pub(super) changes: BTreeMap<String, Change>,
}

/// What a correction changes in one language.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) sentence: String,
}

/// A withdrawal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdrawal {
    /// When.
    #[serde(deserialize_with = "instant")]
    pub(super) at: Timestamp,
    /// Why, per language.
    pub(super) reasons: BTreeMap<String, String>,
}

/// One text of a story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Text {
    pub(super) language: Language,
    pub(super) title: String,
    pub(super) byline: String,
    pub(super) summary: String,
    /// Markdown.
    pub(super) body: String,
}

fn instant<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

impl Front {
    /// How much it matters.
    pub(super) fn importance(&self) -> Importance {
        match self.importance.as_deref() {
            Some("lead") => Importance::Lead,
            Some("brief") => Importance::Brief,
            _ => Importance::Normal,
        }
    }
}

impl Text {
    /// The body with the sentence of a correction undone: what was published first.
    pub(super) fn first_body(&self, change: Option<&Change>) -> String {
        change.map_or_else(
            || self.body.clone(),
            |change| self.body.replace(&change.to, &change.from),
        )
    }
}

/// All stories, oldest first.
pub(super) fn stories() -> anyhow::Result<Vec<Story>> {
    let mut stories = Vec::new();
    for path in Files::iter().filter(|path| path.ends_with(".md")) {
        let file = Files::get(&path).context("an embedded story is gone")?;
        let text = std::str::from_utf8(&file.data).with_context(|| format!("{path}: not UTF-8"))?;
        let name = path
            .trim_start_matches("stories/")
            .trim_end_matches(".md")
            .to_owned();
        stories.push(parse(name, text).with_context(|| path.into_owned())?);
    }
    stories.sort_by(|a, b| (a.front.at, &a.name).cmp(&(b.front.at, &b.name)));
    Ok(stories)
}

/// The bytes of a picture.
pub(super) fn image(file: &str) -> anyhow::Result<Vec<u8>> {
    Files::get(&format!("images/{file}"))
        .map(|found| found.data.into_owned())
        .with_context(|| format!("there is no picture {file}"))
}

fn parse(name: String, text: &str) -> anyhow::Result<Story> {
    let rest = text
        .strip_prefix("+++\n")
        .context("does not begin with +++")?;
    let (front, rest) = rest.split_once("\n+++\n").context("the front has no end")?;
    let front: Front = toml::from_str(front)?;
    let mut texts = Vec::new();
    for part in rest.split("\n=== ").skip(1) {
        texts.push(parse_text(part)?);
    }
    ensure!(!texts.is_empty(), "has no text");
    Ok(Story { name, front, texts })
}

fn parse_text(part: &str) -> anyhow::Result<Text> {
    let (tag, rest) = part.split_once('\n').context("a text without lines")?;
    let language = Language::parse(tag.trim()).map_err(anyhow::Error::msg)?;
    let (mut title, mut byline, mut summary) = (None, None, None);
    let mut body = rest.trim_start();
    while title.is_none() || byline.is_none() || summary.is_none() {
        let (line, after) = body
            .split_once('\n')
            .with_context(|| format!("{tag}: title, byline or summary is missing"))?;
        let (slot, value) = if let Some(value) = line.strip_prefix("# ") {
            (&mut title, value)
        } else if let Some(value) = line.strip_prefix("by: ") {
            (&mut byline, value)
        } else if let Some(value) = line.strip_prefix("> ") {
            (&mut summary, value)
        } else {
            bail!("{tag}: {line:?} stands where title, byline or summary is expected")
        };
        ensure!(slot.is_none(), "{tag}: {line:?} comes twice");
        *slot = Some(value.trim().to_owned());
        body = after.trim_start();
    }
    Ok(Text {
        language,
        title: title.unwrap_or_default(),
        byline: byline.unwrap_or_default(),
        summary: summary.unwrap_or_default(),
        body: body.trim().to_owned(),
    })
}

/// Width and height of a JPEG, from its start-of-frame marker (ITU T.81, B.2.2).
pub(super) fn jpeg_size(bytes: &[u8]) -> Option<(i64, i64)> {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    let mut at = 2;
    loop {
        let marker = bytes.get(at..at + 4)?;
        if marker[0] != 0xff {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([marker[2], marker[3]]));
        if matches!(marker[1], 0xc0..=0xc3) {
            let size = bytes.get(at + 5..at + 9)?;
            let number = |i: usize| i64::from(u16::from_be_bytes([size[i], size[i + 1]]));
            return Some((number(2), number(0)));
        }
        at += 2 + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const LANGUAGES: [&str; 3] = ["kk", "ru", "en"];

    #[test]
    fn there_is_enough_to_fill_a_newsroom() {
        let stories = stories().unwrap();
        let articles: usize = stories.iter().map(|s| s.texts.len()).sum();
        assert!(stories.len() >= 14, "{} stories", stories.len());
        assert!(articles >= 30, "{articles} articles");
        let count = |n: usize| stories.iter().filter(|s| s.texts.len() == n).count();
        assert!(count(3) >= 6 && count(1) >= 1, "some in all, some in one");
        let sections: BTreeSet<_> = stories.iter().map(|s| s.front.section.as_str()).collect();
        assert_eq!(sections, ["culture", "economy", "society", "sport"].into());
        assert_eq!(
            stories
                .iter()
                .filter(|s| s.front.correction.is_some())
                .count(),
            1
        );
        assert_eq!(
            stories
                .iter()
                .filter(|s| s.front.withdrawal.is_some())
                .count(),
            1
        );
        for day in ["2026-03-01", "2026-03-02"] {
            assert!(
                stories
                    .iter()
                    .any(|s| s.front.at.to_string().starts_with(day)),
                "nothing is prepared for {day}"
            );
        }
    }

    #[test]
    fn every_text_is_whole_and_in_its_language() {
        for story in stories().unwrap() {
            let languages: BTreeSet<_> = story.texts.iter().map(|t| &t.language).collect();
            assert_eq!(languages.len(), story.texts.len(), "{}", story.name);
            for text in &story.texts {
                let place = format!("{} {}", story.name, text.language);
                for (what, words) in [
                    ("title", &text.title),
                    ("summary", &text.summary),
                    ("body", &text.body),
                ] {
                    assert_eq!(Language::guess(words), text.language, "{place}: {what}");
                }
                let tag = text.language.as_str();
                assert!(LANGUAGES.contains(&tag), "{place}");
                assert!(
                    (20..=110).contains(&text.title.chars().count()),
                    "{place}: title"
                );
                assert!(
                    (60..=300).contains(&text.summary.chars().count()),
                    "{place}: summary"
                );
                assert!(!text.byline.is_empty(), "{place}");
                let paragraphs = text.body.split("\n\n").count();
                let is_brief = story.front.importance() == Importance::Brief;
                assert!(
                    paragraphs >= if is_brief { 2 } else { 3 },
                    "{place}: {paragraphs} paragraphs"
                );
                assert!(
                    story.front.tags.get(tag).is_some_and(|t| !t.is_empty()),
                    "{place}: tags"
                );
                // Typography of a newspaper: «…» in kk and ru, “…” in English, no straight quotes, no spaces at ends.
                assert!(
                    !text.body.contains('"') && !text.title.contains('"'),
                    "{place}: straight quotes"
                );
                assert!(
                    !text.body.contains(" \n") && !text.body.contains("  "),
                    "{place}: spaces"
                );
            }
        }
    }

    #[test]
    fn kazakh_nouns_stay_singular_after_a_number() {
        for story in stories().unwrap() {
            for text in story.texts.iter().filter(|t| t.language.as_str() == "kk") {
                let words: Vec<_> = text.body.split_whitespace().collect();
                for pair in words.windows(2) {
                    let is_number = pair[0].chars().all(|c| c.is_ascii_digit());
                    let word = pair[1].trim_matches(|c: char| !c.is_alphabetic());
                    // A hectare only looks like a plural.
                    let plural = word != "гектар"
                        && ["лар", "лер", "дар", "дер", "тар", "тер"]
                            .iter()
                            .any(|end| word.ends_with(end));
                    assert!(
                        !(is_number && plural),
                        "{}: {} {}",
                        story.name,
                        pair[0],
                        pair[1]
                    );
                }
            }
        }
    }

    #[test]
    fn every_picture_is_there_small_enough_and_described_in_every_language() {
        let mut used = BTreeSet::new();
        for story in stories().unwrap() {
            let Some(picture) = &story.front.image else {
                continue;
            };
            let bytes = image(&picture.file).unwrap();
            assert_eq!(jpeg_size(&bytes), Some((1200, 675)), "{}", picture.file);
            assert!(
                bytes.len() <= 80 * 1024,
                "{}: {} bytes",
                picture.file,
                bytes.len()
            );
            for language in LANGUAGES {
                let alt = picture
                    .alt
                    .get(language)
                    .map(String::as_str)
                    .unwrap_or_default();
                assert_eq!(Language::guess(alt).as_str(), language, "{}", story.name);
            }
            used.insert(picture.file.clone());
        }
        assert!(used.len() >= 6, "{used:?}");
        for path in Files::iter().filter(|p| p.ends_with(".jpg")) {
            assert!(
                used.contains(path.trim_start_matches("images/")),
                "{path} is not used"
            );
        }
    }

    #[test]
    fn a_correction_changes_what_it_says_it_changes() {
        for story in stories().unwrap() {
            let Some(correction) = &story.front.correction else {
                continue;
            };
            for text in &story.texts {
                let change = &correction.changes[text.language.as_str()];
                assert!(text.body.contains(&change.to), "{}", story.name);
                assert!(!text.body.contains(&change.from), "{}", story.name);
                assert_ne!(text.first_body(Some(change)), text.body);
                assert_eq!(Language::guess(&change.sentence), text.language);
            }
        }
    }

    #[test]
    fn a_file_that_is_not_a_story_says_why() {
        for (text, why) in [
            ("", "+++"),
            ("+++\nsection = 1\n+++\n", "string"),
            (
                "+++\nsection = \"a\"\nat = \"2026-02-27T08:00:00+05:00\"\n+++\n\n=== kk\n# Т\nмәтін\n",
                "expected",
            ),
            ("+++\nsection = \"a\"\nat = \"кеше\"\n+++\n", "instant"),
        ] {
            let error = format!("{:#}", parse("a".to_owned(), text).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }
}
