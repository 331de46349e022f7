//! The list of people, a page at a time.

use std::collections::HashMap;

use crate::audience::store::{self, Listed};
use crate::audience::{AudienceError, Choice, mask};
use crate::delivery;
use crate::work::Core;

/// Subscriptions in one page.
const PAGE: i64 = 2000;

/// The first row: headings that the import knows.
pub const HEADINGS: [&str; 14] = [
    "email",
    "newsletter",
    "state",
    "languages",
    "sections",
    "story_tags",
    "cadence",
    "hour",
    "time_zone",
    "text_only",
    "paused_until",
    "subscribed_at",
    "confirmed_at",
    "left_at",
];

/// One subscription: the cells below [`HEADINGS`].
pub struct Reader {
    /// In the order of the headings.
    pub cells: [String; 14],
}

/// Hands over every subscription with an address, by person, a page of memory at a time. With `newsletter` (a slug) only those
/// to it; unless `in_full`, addresses show two letters. An error of `each` ends it and is returned inside.
pub async fn readers(
    core: &Core,
    newsletter: Option<&str>,
    in_full: bool,
    mut each: impl FnMut(Reader) -> std::io::Result<()>,
) -> Result<std::io::Result<()>, AudienceError> {
    let mut after = (0, 0);
    loop {
        let page = store::list_people(&core.db, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(Ok(()));
        };
        after = (last.id, last.subscription_id.unwrap_or(0));
        let hashes: Vec<&str> = page.iter().map(|entry| &*entry.address_hash).collect();
        let mut reasons: HashMap<String, &'static str> = HashMap::new();
        for (hash, reason) in delivery::store::list_reasons(&core.db, &hashes).await? {
            let state = match reason.as_str() {
                "complaint" => "complained",
                "hard" => "bounced",
                _ => "blocked",
            };
            reasons
                .entry(hash)
                .and_modify(|known| *known = graver(known, state))
                .or_insert(state);
        }
        for entry in &page {
            let is_wanted = newsletter.is_none_or(|slug| entry.newsletter.as_deref() == Some(slug));
            let barred = reasons.get(&entry.address_hash).copied();
            if is_wanted
                && let Some(reader) = reader(entry, barred, in_full)?
                && let Err(error) = each(reader)
            {
                return Ok(Err(error));
            }
        }
    }
}

/// Whether there is such a newsletter, offered or not; the error names those there are.
pub async fn check_newsletter(core: &Core, slug: &str) -> Result<(), AudienceError> {
    let slugs: Vec<String> = store::list_newsletters(&core.db)
        .await?
        .into_iter()
        .map(|newsletter| newsletter.slug)
        .collect();
    if slugs.iter().any(|known| known == slug) {
        return Ok(());
    }
    Err(AudienceError::Invalid {
        field: "newsletter",
        sentence: format!(
            "there is no newsletter {slug:?}; there is {}",
            slugs.join(", ")
        ),
    })
}

fn graver(one: &'static str, other: &'static str) -> &'static str {
    ["complained", "blocked", "bounced"]
        .into_iter()
        .find(|state| *state == one || *state == other)
        .unwrap_or(one)
}

fn reader(
    entry: &Listed,
    barred: Option<&'static str>,
    in_full: bool,
) -> Result<Option<Reader>, AudienceError> {
    let (Some(address), Some(newsletter), Some(selection)) =
        (&entry.address, &entry.newsletter, &entry.selection)
    else {
        return Ok(None);
    };
    let choice = Choice::parse(selection)?;
    let state = entry.state.as_deref().unwrap_or("");
    let languages: Vec<&str> = choice
        .languages()
        .iter()
        .map(crate::base::language::Language::as_str)
        .collect();
    let optional =
        |at: Option<crate::base::time::Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    Ok(Some(Reader {
        cells: [
            if in_full {
                address.clone()
            } else {
                mask(Some(address))
            },
            newsletter.clone(),
            barred.unwrap_or(state).to_owned(),
            languages.join(","),
            choice.sections().join(","),
            choice.tags().join(","),
            entry.cadence.clone().unwrap_or_default(),
            entry.minute.map_or_else(String::new, super::hour),
            entry.time_zone.clone().unwrap_or_default(),
            if entry.text_only == Some(true) {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
            entry
                .paused_until
                .clone()
                .filter(|_| state == "paused")
                .unwrap_or_default(),
            optional(Some(entry.created_at)),
            optional(entry.confirmed_at),
            optional(entry.left_at),
        ],
    }))
}
