//! How the demo's folder comes to be: settings, keys, and a newsroom that has already lived for a while.
//!
//! The past is not written into tables but lived: the clock is set to each moment in turn and the newsroom's own use cases are
//! called, so that numbers, dates and windows are what they would be in earnest.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, ensure};

use super::content::{self, Story, Text};
use super::people;
use crate::audience;
use crate::base::address::EmailAddress;
use crate::base::time::{Clock, Timestamp};
use crate::base::token::hex;
use crate::config::Config;
use crate::newsroom::{self, BodyFormat, Draft, Edit, LeadImage};
use crate::work::{Core, store};

const SETTINGS: &str = include_str!("../../../templates/demo/newsroom.toml");

/// Names of what the demo remembers in `meta`.
const BEGUN: &str = "demo.begun";
const READY: &str = "demo.ready";
const NOW: &str = "demo.now";

/// The first moment of the demo's clock: Saturday, 28 February 2026, 07:59:45 in Almaty.
pub(super) fn first_moment() -> Timestamp {
    Timestamp::from_millis(1_772_247_585_000)
}

/// When the people of each zone joined: the day before, just after eight o'clock of their own morning, so that the next
/// eight o'clock is their first.
const JOINED: [(&str, &str); 3] = [
    ("Asia/Almaty", "2026-02-27T08:01:00+05:00"),
    ("Europe/Berlin", "2026-02-27T08:01:00+01:00"),
    ("America/New_York", "2026-02-27T08:01:00-05:00"),
];

/// The settings of a demo in that folder; makes its keys if it has none.
pub(super) fn settings(
    folder: &Path,
    clock: &Clock,
    public_url: &str,
    listen: SocketAddr,
    inbox: SocketAddr,
) -> anyhow::Result<Config> {
    make_keys(folder, clock)?;
    let filled = [
        ("JARSHY_SERVER__PUBLIC_URL", public_url.to_owned()),
        ("JARSHY_SERVER__LISTEN", listen.to_string()),
        ("JARSHY_MAIL__HOST", inbox.ip().to_string()),
        ("JARSHY_MAIL__PORT", inbox.port().to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    let mut config = Config::parse(&folder.join("newsroom.toml"), SETTINGS, &filled)?;
    config.is_demo = true;
    Ok(config)
}

/// Two random keys in a file that its owner alone can read.
fn make_keys(folder: &Path, clock: &Clock) -> anyhow::Result<()> {
    let path = folder.join("keys.toml");
    if path.exists() {
        return Ok(());
    }
    let key = || {
        let mut bytes = [0; 32];
        clock.fill_random(&mut bytes);
        hex(&bytes)
    };
    let text = format!(
        "# Keys of this demo, made at its first start.\nhash_key = \"{}\"\n\n[link_keys]\n1 = \"{}\"\n",
        key(),
        key()
    );
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Written beside and renamed, so that a plug pulled here leaves no half a key.
    let beside = folder.join("keys.toml.new");
    let _ = std::fs::remove_file(&beside);
    options
        .open(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&beside, &path))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Whether an earlier start was interrupted while it made the newsroom; then nothing in the folder is worth keeping.
pub(super) async fn is_half_made(core: &Core) -> anyhow::Result<bool> {
    let begun = store::find_meta(&core.db, BEGUN).await?;
    let ready = store::find_meta(&core.db, READY).await?;
    Ok(begun.is_some() && ready.is_none())
}

/// Where the demo's clock stood when it was last looked at; the first moment's past in a new folder, which is made now.
pub(super) async fn ensure_newsroom(core: &Core) -> anyhow::Result<Timestamp> {
    if let Some(text) = store::find_meta(&core.db, NOW).await? {
        let millis = text.parse().context("demo.now is not a number")?;
        return Ok(Timestamp::from_millis(millis));
    }
    remember(core, BEGUN, "1").await?;
    live_the_past(core).await?;
    remember(core, READY, "1").await?;
    // A little before the first moment: nothing of the first morning has happened yet.
    let now = first_moment().plus_secs(-1);
    remember_now(core, now).await?;
    Ok(now)
}

/// Remembers where the demo's clock stands.
pub(super) async fn remember_now(core: &Core, now: Timestamp) -> anyhow::Result<()> {
    remember(core, NOW, &now.as_millis().to_string()).await
}

async fn remember(core: &Core, key: &str, value: &str) -> anyhow::Result<()> {
    let mut tx = core.db.begin().await?;
    store::set_meta(&mut tx, key, value).await?;
    tx.commit().await?;
    Ok(())
}

enum Event<'a> {
    Publish(&'a Story),
    Correct(&'a Story),
    Withdraw(&'a Story),
    Join(&'static str),
}

async fn live_the_past(core: &Core) -> anyhow::Result<()> {
    let stories = content::stories()?;
    let mut events = Vec::new();
    for story in &stories {
        events.push((story.front.at, Event::Publish(story)));
        if let Some(correction) = &story.front.correction {
            events.push((correction.at, Event::Correct(story)));
        }
        if let Some(withdrawal) = &story.front.withdrawal {
            events.push((withdrawal.at, Event::Withdraw(story)));
        }
    }
    for (zone, at) in JOINED {
        events.push((at.parse().map_err(anyhow::Error::msg)?, Event::Join(zone)));
    }
    events.sort_by_key(|(at, _)| *at);
    let mut uids: BTreeMap<(String, String), String> = BTreeMap::new();
    for (at, event) in events {
        // What comes after the first moment is prepared in the evening before and waits for its embargo.
        let is_prepared = at >= first_moment();
        if !is_prepared {
            core.clock.set(at);
        }
        match event {
            Event::Publish(story) => {
                let embargo = is_prepared.then_some(at);
                publish(core, story, embargo, &mut uids).await?;
            }
            Event::Correct(story) => correct(core, story, &uids).await?,
            Event::Withdraw(story) => withdraw(core, story, &uids).await?,
            Event::Join(zone) => join(core, zone).await?,
        }
    }
    Ok(())
}

async fn publish(
    core: &Core,
    story: &Story,
    embargo_at: Option<Timestamp>,
    uids: &mut BTreeMap<(String, String), String>,
) -> anyhow::Result<()> {
    let mut story_uid = None;
    let picture = match &story.front.image {
        Some(picture) => {
            let bytes = content::image(&picture.file)?;
            let (width, height) = content::jpeg_size(&bytes)
                .with_context(|| format!("{} is no JPEG", picture.file))?;
            let path = newsroom::store_media(core, &bytes, width, height).await?;
            Some((picture, path, bytes.len() as i64, width, height))
        }
        None => None,
    };
    for text in &story.texts {
        let language = text.language.as_str();
        let change = story
            .front
            .correction
            .as_ref()
            .and_then(|correction| correction.changes.get(language));
        let lead = picture
            .as_ref()
            .map(|(picture, path, bytes, width, height)| LeadImage {
                url: path.clone(),
                media_type: Some("image/jpeg".to_owned()),
                bytes: Some(*bytes),
                width: Some(*width),
                height: Some(*height),
                alt: picture.alt.get(language).cloned(),
                credit: Some(credit(text).to_owned()),
            });
        let draft = Draft {
            summary: Some(text.summary.clone()),
            format: BodyFormat::Markdown,
            byline: Some(text.byline.clone()),
            section: Some(story.front.section.clone()),
            tags: story.front.tags.get(language).cloned().unwrap_or_default(),
            importance: story.front.importance(),
            lead,
            story_uid: story_uid.clone(),
            embargo_at,
            ..Draft::new(
                text.language.clone(),
                text.title.clone(),
                text.first_body(change),
            )
        };
        let published = newsroom::publish(core, draft)
            .await
            .with_context(|| format!("{} ({language})", story.name))?;
        uids.insert((story.name.clone(), language.to_owned()), published.uid);
        story_uid = Some(published.story_uid);
    }
    Ok(())
}

fn credit(text: &Text) -> &'static str {
    match text.language.as_str() {
        "kk" | "ru" => "Иллюстрация: «Тау жаршысы»",
        _ => "Illustration: Tau Herald",
    }
}

async fn correct(
    core: &Core,
    story: &Story,
    uids: &BTreeMap<(String, String), String>,
) -> anyhow::Result<()> {
    let Some(correction) = &story.front.correction else {
        return Ok(());
    };
    for text in &story.texts {
        let language = text.language.as_str();
        let Some(change) = correction.changes.get(language) else {
            continue;
        };
        let edit = Edit {
            body: Some(text.body.clone()),
            ..Edit::default()
        };
        newsroom::correct(core, uid(uids, story, language)?, edit, &change.sentence).await?;
    }
    Ok(())
}

async fn withdraw(
    core: &Core,
    story: &Story,
    uids: &BTreeMap<(String, String), String>,
) -> anyhow::Result<()> {
    let Some(withdrawal) = &story.front.withdrawal else {
        return Ok(());
    };
    for text in &story.texts {
        let language = text.language.as_str();
        let reason = withdrawal.reasons.get(language).map(String::as_str);
        newsroom::withdraw(core, uid(uids, story, language)?, reason).await?;
    }
    Ok(())
}

fn uid<'a>(
    uids: &'a BTreeMap<(String, String), String>,
    story: &Story,
    language: &str,
) -> anyhow::Result<&'a str> {
    uids.get(&(story.name.clone(), language.to_owned()))
        .map(String::as_str)
        .with_context(|| {
            format!(
                "{} ({language}) is changed before it is published",
                story.name
            )
        })
}

async fn join(core: &Core, zone: &str) -> anyhow::Result<()> {
    let people: Vec<(EmailAddress, audience::Wishes)> = people::people()
        .into_iter()
        .filter(|person| person.wishes.time_zone.name() == zone)
        .map(|person| (person.address, person.wishes))
        .collect();
    let (new, _, _) = audience::add(core, None, &people, "demo: invented").await?;
    ensure!(
        new == people.len(),
        "{new} of {} people joined",
        people.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_begins_fifteen_seconds_before_eight() {
        let expected: Timestamp = "2026-02-28T07:59:45+05:00".parse().unwrap();
        assert_eq!(first_moment(), expected);
    }

    #[test]
    fn the_settings_hold_and_the_keys_are_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let listen = "127.0.0.1:7071".parse().unwrap();
        let inbox = "127.0.0.1:4025".parse().unwrap();
        let make = || {
            settings(
                folder.path(),
                &clock,
                "http://127.0.0.1:7071",
                listen,
                inbox,
            )
            .unwrap()
        };
        let config = make();
        assert!(config.is_demo);
        assert_eq!(config.mail.port, 4025);
        assert_eq!(config.server.base_url(), "http://127.0.0.1:7071");
        let name = |config: Config| {
            config
                .secrets
                .key_ring()
                .unwrap()
                .address_hash("a@example.kz")
        };
        assert_eq!(name(config), name(make()), "the keys are made once");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join("keys.toml"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
