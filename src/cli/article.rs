//! `jarshy article`: what an editor does, from files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::digest;
use crate::newsroom::{
    self, ArticleState, BodyFormat, Draft, Edit, Enclosure, Importance, LeadImage, store,
};
use crate::theme::Theme;
use crate::work::Core;

/// Options of `jarshy article`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Publish a text from a Markdown or HTML file.
    ///
    /// A file may begin with lines `key: value` between two lines `---`: title, language, section, tags, byline, summary,
    /// importance, embargo, story, follows, lead, lead_alt, lead_credit, audio. Without a title there, the first heading is the title.
    Publish(Box<Publish>),
    /// Correct something that readers must know; digests and feeds say what was wrong.
    Correct {
        /// The article.
        uid: String,
        /// The corrected text; left out if only the sentence is added.
        file: Option<PathBuf>,
        /// What was wrong, in one sentence.
        #[arg(long)]
        sentence: String,
    },
    /// Change something that readers need not know, such as a misspelling.
    Edit {
        /// The article.
        uid: String,
        /// The better text.
        file: PathBuf,
    },
    /// Take an article back: out of pages and feeds, and out of mail that is not sent yet.
    Withdraw {
        /// The article.
        uid: String,
        /// Why, for the readers who look for it.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Release a public text once more: digests bring it to those who have nothing of its story yet, e.g. after a mail could not be made of
    /// it, or when nobody shall wait for another language any longer.
    Release {
        /// The article.
        uid: String,
    },
    /// List the newest articles, whatever their state.
    List {
        /// Only this language.
        #[arg(long, value_name = "TAG", value_parser = Language::parse)]
        language: Option<Language>,
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// Print a JSON array.
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
struct Publish {
    /// A file that ends in .md or .html.
    file: PathBuf,
    /// The language; guessed by the letters if nobody says it.
    #[arg(long, value_name = "TAG", value_parser = Language::parse)]
    language: Option<Language>,
    /// The section, by its slug.
    #[arg(long, value_name = "SLUG")]
    section: Option<String>,
    /// The story that this is a translation of.
    #[arg(long, value_name = "UID")]
    story: Option<String>,
    /// "The text in that language follows": readers who put it first wait for it, for one digest at most.
    #[arg(long, value_name = "TAG", value_parser = Language::parse)]
    follows: Option<Language>,
    /// A tag; may stand several times.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Not before, e.g. 2026-02-28T08:00:00+05:00.
    #[arg(long, value_name = "INSTANT")]
    embargo: Option<Timestamp>,
    /// Who wrote it.
    #[arg(long)]
    byline: Option<String>,
    /// A recording of it: a file in MP3, M4A or Ogg, or the address of one elsewhere; may stand several times.
    #[arg(long, value_name = "FILE|URL")]
    audio: Vec<String>,
    /// How much it matters.
    #[arg(long, value_enum)]
    importance: Option<Weight>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Weight {
    Lead,
    Normal,
    Brief,
}

impl From<Weight> for Importance {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Lead => Self::Lead,
            Weight::Normal => Self::Normal,
            Weight::Brief => Self::Brief,
        }
    }
}

/// Does what was asked and says what became of it.
pub async fn run(core: Core, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Publish(args) => publish(&core, *args).await?,
        Command::Correct {
            uid,
            file,
            sentence,
        } => {
            let edit = match &file {
                Some(path) => edit_of(Typed::read(path)?),
                None => Edit::default(),
            };
            newsroom::correct(&core, &uid, edit, &sentence).await?;
            println!("corrected {uid}");
        }
        Command::Edit { uid, file } => {
            newsroom::edit_quietly(&core, &uid, edit_of(Typed::read(&file)?)).await?;
            println!("edited {uid}");
        }
        Command::Withdraw { uid, reason } => {
            newsroom::withdraw(&core, &uid, reason.as_deref()).await?;
            // At once, not with the service's next tick: mail that leaves from now on must not have it.
            let theme = Theme::load(&core.config)?;
            let letters = digest::follow_withdrawals(&core, &theme).await?;
            println!("withdrew {uid}");
            if letters > 0 {
                println!(
                    "it was taken out of {letters} digests that are not sent to everybody yet"
                );
            }
        }
        Command::Release { uid } => {
            let no = newsroom::release_again(&core, &uid).await?;
            println!("released {uid} again as No. {no}; feeds stay as they are");
        }
        Command::List {
            language,
            limit,
            json,
        } => list(&core, language.as_ref(), limit, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn publish(core: &Core, args: Publish) -> anyhow::Result<()> {
    let typed = Typed::read(&args.file)?;
    let place = args.file.display();
    let language = match args.language {
        Some(language) => language,
        None => match &typed.language {
            Some(tag) => Language::parse(tag).map_err(|e| anyhow::anyhow!("{place}: {e}"))?,
            None => Language::guess(&format!("{} {}", typed.title, typed.body)),
        },
    };
    let embargo_at = match (args.embargo, &typed.embargo) {
        (Some(at), _) => Some(at),
        (None, Some(text)) => Some(text.parse().map_err(|e| anyhow::anyhow!("{place}: {e}"))?),
        (None, None) => None,
    };
    let importance = match (args.importance, typed.importance.as_deref()) {
        (Some(weight), _) => weight.into(),
        (None, Some(word)) => Weight::from_str(word, true)
            .map_err(|_| {
                anyhow::anyhow!("{place}: importance is lead, normal or brief, not {word:?}")
            })?
            .into(),
        (None, None) => Importance::Normal,
    };
    let follows = match (args.follows, &typed.follows) {
        (Some(language), _) => Some(language),
        (None, Some(tag)) => {
            Some(Language::parse(tag).map_err(|e| anyhow::anyhow!("{place}: {e}"))?)
        }
        (None, None) => None,
    };
    let tags = if args.tag.is_empty() {
        typed.tags.clone()
    } else {
        args.tag
    };
    let named = if args.audio.is_empty() {
        &typed.audio
    } else {
        &args.audio
    };
    let mut enclosures = Vec::new();
    for audio in named {
        enclosures.push(recording(core, audio).await?);
    }
    let draft = Draft {
        enclosures,
        summary: typed.summary.clone(),
        format: typed.format,
        byline: args.byline.or_else(|| typed.byline.clone()),
        section: args.section.or_else(|| typed.section.clone()),
        tags,
        importance,
        lead: typed.lead.clone(),
        story_uid: args.story.or_else(|| typed.story.clone()),
        follows,
        embargo_at,
        ..Draft::new(language, typed.title.clone(), typed.body.clone())
    };
    let published = newsroom::publish(core, draft)
        .await
        .with_context(|| place.to_string())?;
    let article = store::find_article_by_uid(&core.db, &published.uid)
        .await?
        .context("the article is gone")?;
    if args.json {
        println!(
            "{}",
            json!({
                "uid": published.uid, "story": published.story_uid, "state": published.state, "language": article.language,
                "path": article.path(), "release_no": published.release_no,
                "embargo": embargo_at.filter(|_| published.state == ArticleState::Scheduled).map(|at| at.to_string()),
            })
        );
    } else {
        let state = published.state.word();
        println!(
            "{state} {} ({}) {}",
            published.uid,
            article.language,
            article.path()
        );
        println!("story {}", published.story_uid);
    }
    Ok(())
}

/// A recording as an enclosure: a file is kept with us, one elsewhere stays there.
async fn recording(core: &Core, typed: &str) -> anyhow::Result<Enclosure> {
    if typed.starts_with("http://") || typed.starts_with("https://") {
        let url = url::Url::parse(typed)
            .with_context(|| format!("{typed}: the address of the recording cannot be read"))?;
        return Enclosure::new(url.to_string(), None, None, None)
            .filter(|file| file.media_type.starts_with("audio/"))
            .with_context(|| {
                format!(
                    "{typed}: the ending of the address does not say that it is a recording; it should be .mp3, .m4a or .ogg"
                )
            });
    }
    let bytes =
        std::fs::read(typed).with_context(|| format!("{typed}: the file cannot be read"))?;
    newsroom::store_audio(core, &bytes)
        .await
        .with_context(|| typed.to_owned())
}

async fn list(
    core: &Core,
    language: Option<&Language>,
    limit: i64,
    as_json: bool,
) -> anyhow::Result<()> {
    let articles = store::list_recent(&core.db, language, limit).await?;
    if as_json {
        let rows: Vec<_> = articles
            .iter()
            .map(|a| {
                json!({
                    "uid": a.uid, "state": a.state, "language": a.language, "title": a.title, "path": a.path(),
                    "release_no": a.release_no, "released_at": a.released_at.map(|at| at.to_string()),
                    "updated_at": a.updated_at.map(|at| at.to_string()),
                })
            })
            .collect();
        println!("{}", serde_json::Value::from(rows));
        return Ok(());
    }
    let zone = core.config.newsroom.zone();
    for a in &articles {
        let at = a
            .released_at
            .map_or_else(|| "-".to_owned(), |at| at.rfc3339(&zone));
        println!(
            "{} {:9} {:5} {at:25} {}",
            a.uid,
            a.state.word(),
            a.language,
            a.title
        );
    }
    Ok(())
}

fn edit_of(typed: Typed) -> Edit {
    Edit {
        title: Some(typed.title).filter(|title| !title.is_empty()),
        summary: typed.summary,
        body: Some(typed.body),
        format: Some(typed.format),
        section: typed.section,
        byline: typed.byline,
    }
}

/// What stands in a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Typed {
    title: String,
    language: Option<String>,
    section: Option<String>,
    tags: Vec<String>,
    byline: Option<String>,
    summary: Option<String>,
    importance: Option<String>,
    embargo: Option<String>,
    story: Option<String>,
    follows: Option<String>,
    lead: Option<LeadImage>,
    audio: Vec<String>,
    body: String,
    format: BodyFormat,
}

impl Typed {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let ending = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or("")
            .to_ascii_lowercase();
        let format = match ending.as_str() {
            "md" | "markdown" => BodyFormat::Markdown,
            "html" | "htm" => BodyFormat::Html,
            _ => bail!(
                "{}: a text is a file that ends in .md or .html",
                path.display()
            ),
        };
        let bytes = std::fs::read(path)
            .with_context(|| format!("{}: the file cannot be read", path.display()))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            anyhow::anyhow!(
                "{}: it is not UTF-8 (byte {}); save it as UTF-8",
                path.display(),
                e.utf8_error().valid_up_to()
            )
        })?;
        Self::parse(&text, format).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, format: BodyFormat) -> anyhow::Result<Self> {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let mut out = Self {
            format,
            ..Self::default()
        };
        let mut body = text.as_str();
        if let Some(rest) = text.strip_prefix("---\n") {
            let Some((head, after)) = rest
                .split_once("\n---\n")
                .or_else(|| rest.strip_suffix("\n---").map(|head| (head, "")))
            else {
                bail!("the lines at its head begin with --- but do not end with ---");
            };
            for line in head.lines().filter(|line| !line.trim().is_empty()) {
                out.take(line)?;
            }
            body = after;
        }
        let (heading, body) = match format {
            BodyFormat::Markdown => split_heading(body),
            BodyFormat::Html => (None, body),
        };
        if out.title.is_empty() {
            out.title = heading.unwrap_or_default();
        }
        body.trim().clone_into(&mut out.body);
        if format == BodyFormat::Html && out.title.is_empty() {
            out.take_html_title();
        }
        Ok(out)
    }

    fn take(&mut self, line: &str) -> anyhow::Result<()> {
        let Some((key, value)) = line.split_once(':') else {
            bail!("{line:?} is no line of the kind `key: value`");
        };
        let value = value.trim().trim_matches('"').to_owned();
        let lead = || LeadImage {
            url: String::new(),
            media_type: None,
            bytes: None,
            width: None,
            height: None,
            alt: None,
            credit: None,
        };
        match key.trim() {
            "title" => self.title = value,
            "language" => self.language = Some(value),
            "section" => self.section = Some(value),
            "tags" | "tag" => {
                let names = value.trim_matches(['[', ']']).split(',');
                self.tags.extend(
                    names
                        .map(|tag| tag.trim().trim_matches('"').to_owned())
                        .filter(|tag| !tag.is_empty()),
                );
            }
            "byline" => self.byline = Some(value),
            "summary" => self.summary = Some(value),
            "importance" => self.importance = Some(value),
            "embargo" => self.embargo = Some(value),
            "story" => self.story = Some(value),
            "follows" => self.follows = Some(value),
            "audio" => self.audio.push(value),
            "lead" => self.lead.get_or_insert_with(lead).url = value,
            "lead_alt" => self.lead.get_or_insert_with(lead).alt = Some(value),
            "lead_credit" => self.lead.get_or_insert_with(lead).credit = Some(value),
            other => bail!(
                "there is no key {other:?}; there are title, language, section, tags, byline, summary, importance, embargo, \
                 story, follows, lead, lead_alt, lead_credit and audio"
            ),
        }
        Ok(())
    }

    /// The first `<h1>` of an HTML text is its title and leaves the body.
    fn take_html_title(&mut self) {
        let lower = self.body.to_ascii_lowercase();
        let Some(start) = lower.find("<h1") else {
            return;
        };
        let (Some(open), Some(close)) = (lower[start..].find('>'), lower[start..].find("</h1>"))
        else {
            return;
        };
        if open < close {
            let inner = self.body[start + open + 1..start + close].to_owned();
            self.title = newsroom::sources::plain_line(&inner).unwrap_or_default();
            self.body
                .replace_range(start..start + close + "</h1>".len(), "");
        }
    }
}

/// The first heading of a Markdown text, if it stands at the top, and the rest.
fn split_heading(body: &str) -> (Option<String>, &str) {
    let trimmed = body.trim_start();
    if let Some(rest) = trimmed.strip_prefix("# ") {
        let (title, after) = rest.split_once('\n').unwrap_or((rest, ""));
        return (
            Some(title.trim().trim_end_matches('#').trim().to_owned()),
            after,
        );
    }
    (None, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is() {
        let text = "---\r\ntitle: \"Көпір ашылды\"\r\nlanguage: kk\ntags: су, көлік\nlead: /media/a.jpg\nlead_alt: Көпір\n---\n\nМәтін.\n";
        let typed = Typed::parse(text, BodyFormat::Markdown).unwrap();
        assert_eq!(
            (typed.title.as_str(), typed.body.as_str()),
            ("Көпір ашылды", "Мәтін.")
        );
        assert_eq!(typed.tags, ["су", "көлік"]);
        assert_eq!(typed.lead.unwrap().alt.as_deref(), Some("Көпір"));
        let typed = Typed::parse("# Title\n\nText", BodyFormat::Markdown).unwrap();
        assert_eq!(
            (typed.title.as_str(), typed.body.as_str()),
            ("Title", "Text")
        );
        let typed =
            Typed::parse("<h1 class=x>Ti<b>t</b>le</h1><p>Text</p>", BodyFormat::Html).unwrap();
        assert_eq!(
            (typed.title.as_str(), typed.body.as_str()),
            ("Title", "<p>Text</p>")
        );
        let typed = Typed::parse("Text alone", BodyFormat::Markdown).unwrap();
        assert_eq!(typed.title, "");
        for bad in [
            "---\ntitle: x\n",
            "---\nwrong: x\n---\n",
            "---\nno colon\n---\n",
        ] {
            assert!(Typed::parse(bad, BodyFormat::Markdown).is_err(), "{bad}");
        }
    }
}
