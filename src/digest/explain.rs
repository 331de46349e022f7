//! Why somebody got what they got on a date, or nothing: wishes, runs, stories and mails, each with its reason.
//!
//! Stories are judged by [`super::verdict::judge`], which also decides what is mailed; the texts of a past window are put together
//! from the release log as they stood when it was frozen. What was mailed is read from the journal and never guessed.

mod mails;
mod runs;
mod stories;
mod told;

use jiff::civil::Date;

use mails::mail;

use super::DigestError;
use super::explanation::{Explanation, OfNewsletter, Reason, Story, Wish};
use super::store;
use crate::audience::cadence::due_instant;
use crate::audience::store::{
    Profile, Slot, Subscribed, find_profile, get_newsletter, get_slot, list_consents,
    list_selections, list_subscribed,
};
use crate::audience::upcoming::{Hours, upcoming};
use crate::audience::{Newsletter, Selection};
use crate::base::address::EmailAddress;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::delivery::store::{Delivered, Suppression, list_delivered, list_suppressions};
use crate::newsroom::Section;
use crate::newsroom::store::list_sections;
use crate::work::Core;

/// Explains a local date (today, by the person's own calendar, if none is given) to the owner of an address; one newsletter, or
/// all.
pub async fn explain(
    core: &Core,
    address: &EmailAddress,
    newsletter: Option<&str>,
    date: Option<Date>,
) -> Result<Explanation, DigestError> {
    let key = address.key();
    let hash = core.keys.address_hash(&key);
    let profile = find_profile(&core.db, &key, &hash).await?;
    let suppressions = list_suppressions(&core.db, &hash).await?;
    let mut reasons = of_suppressions(&suppressions);
    let Some(profile) = profile else {
        reasons.insert(
            0,
            Reason::new("unknown", "nobody has subscribed with this address"),
        );
        return Ok(Explanation {
            person: "unknown",
            reasons,
            newsletters: Vec::new(),
            small_mails: Vec::new(),
        });
    };
    let person = match profile.state.as_str() {
        "erased" => "erased",
        "pending" => "pending",
        _ => "active",
    };
    if person == "erased" {
        reasons.insert(
            0,
            Reason::new(
                "erased",
                "the person had themselves erased; only a keyed hash of the address is left",
            ),
        );
    }
    let now = core.clock.now();
    let delivered = list_delivered(&core.db, profile.id, Timestamp::from_millis(0)).await?;
    let sections = list_sections(&core.db).await?;
    let mut newsletters = Vec::new();
    for subscription in list_subscribed(&core.db, profile.id).await? {
        let found = get_newsletter(&core.db, subscription.newsletter_id).await?;
        if newsletter.is_some_and(|slug| slug != found.slug) {
            continue;
        }
        let slot = get_slot(&core.db, subscription.slot_id).await?;
        let selection = list_selections(&core.db, &[subscription.selection_id])
            .await?
            .pop()
            .ok_or_else(|| DigestError::Invalid("the selection is gone".to_owned()))?;
        let case = Case {
            core,
            profile: &profile,
            subscription: &subscription,
            newsletter: &found,
            date: date.unwrap_or_else(|| now.date_in(&slot.time_zone)),
            slot,
            selection,
            sections: &sections,
            is_suppressed: suppressions.iter().any(|s| s.lifted_at.is_none()),
        };
        newsletters.push(case.explain(&delivered).await?);
    }
    if newsletters.is_empty() && person != "erased" {
        reasons.push(Reason::new(
            "no-subscription",
            match newsletter {
                Some(slug) => format!("the person has no subscription to {slug:?}"),
                None => "the person has no subscription".to_owned(),
            },
        ));
    }
    let day = date.unwrap_or_else(|| now.date_in(&core.config.newsroom.zone()));
    let from = due_instant(
        day.yesterday().unwrap_or(day),
        &core.config.newsroom.zone(),
        0,
    );
    let to = due_instant(
        day.tomorrow().unwrap_or(day),
        &core.config.newsroom.zone(),
        0,
    );
    let mut small_mails = Vec::new();
    for row in delivered
        .iter()
        .filter(|d| d.kind != "issue" && d.created_at >= from && d.created_at < to)
    {
        small_mails.push(mail(core, row, None).await?);
    }
    Ok(Explanation {
        person,
        reasons,
        newsletters,
        small_mails,
    })
}

fn of_suppressions(suppressions: &[Suppression]) -> Vec<Reason> {
    suppressions
        .iter()
        .filter(|s| s.lifted_at.is_none())
        .map(|s| {
            let why = match s.reason.as_str() {
                "hard" => "the mailbox does not exist, as its relay said",
                "complaint" => "the person called our mail spam",
                "manual" => "the operator put it on the list",
                _ => "the person had themselves erased",
            };
            let evidence = s
                .evidence
                .as_deref()
                .filter(|text| !text.is_empty())
                .map_or_else(String::new, |text| format!(" ({text})"));
            Reason::new(
                "suppressed",
                format!("the address is not mailed since {}: {why}{evidence}", s.at),
            )
        })
        .collect()
}

/// One subscription on one date.
struct Case<'a> {
    core: &'a Core,
    profile: &'a Profile,
    subscription: &'a Subscribed,
    newsletter: &'a Newsletter,
    slot: Slot,
    selection: Selection,
    sections: &'a [Section],
    date: Date,
    is_suppressed: bool,
}

impl Case<'_> {
    async fn explain(&self, delivered: &[Delivered]) -> Result<OfNewsletter, DigestError> {
        let core = self.core;
        let runs =
            store::list_runs_on(&core.db, self.date, self.slot.id, &self.subscription.uid).await?;
        let had = store::list_had(&core.db, self.newsletter.id, &self.subscription.uid).await?;
        let rows: Vec<&Delivered> = delivered
            .iter()
            .filter(|d| {
                d.kind == "issue"
                    && d.recipient_uid == self.subscription.uid
                    && runs.iter().any(|run| Some(run.id) == d.batch)
            })
            .collect();
        let mut mails = Vec::new();
        for row in &rows {
            mails.push(mail(core, row, had.iter().find(|h| h.delivery_id == row.id)).await?);
        }
        let stories = self.stories(&runs, &rows, &had).await?;
        let mut reasons = self.standing().await?;
        reasons.extend(self.of_runs(&runs, &rows));
        let is_matched = stories.iter().any(|s| s.is_mailed);
        if mails.is_empty() && !is_matched {
            reasons.push(self.nothing_matched(&stories));
        }
        Ok(OfNewsletter {
            newsletter: self.newsletter.slug.clone(),
            state: self.subscription.state.clone(),
            wishes: self.wish(),
            date: self.date.to_string(),
            reasons,
            mails,
            told: self.told(&rows).await?,
            stories,
            next_due_at: matches!(self.subscription.state.as_str(), "active" | "paused")
                .then(|| {
                    let hours = hours(&self.slot, self.subscription);
                    upcoming(&hours, core.clock.now(), 1)
                        .first()
                        .map(|next| next.due_at)
                })
                .flatten(),
        })
    }

    /// What holds for the subscription whatever the date.
    async fn standing(&self) -> Result<Vec<Reason>, DigestError> {
        let subscription = self.subscription;
        let zone = &self.slot.time_zone;
        let day = |at: Timestamp| at.in_zone(zone).strftime("%Y-%m-%d %H:%M").to_string();
        let mut reasons = Vec::new();
        match subscription.state.as_str() {
            "pending" => reasons.push(Reason::new(
                "unconfirmed",
                format!(
                    "not confirmed yet: the mail with the button was asked for on {}; nothing else is sent before it is pressed",
                    day(subscription.created_at)
                ),
            )),
            "left" => {
                let way = list_consents(&self.core.db, self.profile.id)
                    .await?
                    .into_iter()
                    .rev()
                    .find(|(action, _, _)| action == "left")
                    .map_or_else(String::new, |(_, way, _)| match way.as_str() {
                        "one-click" => " with the mailbox's own button".to_owned(),
                        "link" => " by the link in a mail".to_owned(),
                        other => format!(" ({other})"),
                    });
                let at = subscription.left_at.map_or_else(String::new, day);
                reasons.push(Reason::new("left", format!("left on {at}{way}")));
            }
            "paused" => reasons.push(Reason::new(
                "paused",
                format!(
                    "paused; mail comes again from {} on",
                    subscription.paused_until.as_deref().unwrap_or("?")
                ),
            )),
            _ => {}
        }
        Ok(reasons)
    }

    /// "nothing matched: no kk stories in «Спорт»".
    fn nothing_matched(&self, stories: &[Story]) -> Reason {
        if self.is_suppressed && stories.iter().any(|s| s.reason.code == "matches") {
            return Reason::new("not-mailed", "stories match, but the address is not mailed");
        }
        if let Some(open) = stories
            .iter()
            .filter(|s| s.reason.code == "matches")
            .count()
            .checked_sub(1)
        {
            return Reason::new("so-far", format!("{} match so far", open + 1));
        }
        let wish = self.wish();
        let languages = wish.languages.join(" or ");
        let place = if wish.sections.is_empty() {
            String::new()
        } else {
            format!(
                " in {}",
                wish.sections
                    .iter()
                    .map(|name| format!("«{name}»"))
                    .collect::<Vec<_>>()
                    .join(" or ")
            )
        };
        let tags = if wish.tags.is_empty() {
            String::new()
        } else {
            format!(" with the tag {}", wish.tags.join(" or "))
        };
        Reason::new(
            "nothing-matched",
            format!("nothing matched: no new {languages} stories{place}{tags}"),
        )
    }

    fn wish(&self) -> Wish {
        let selection = &self.selection;
        let language = self.first_language();
        Wish {
            languages: selection
                .languages
                .iter()
                .map(ToString::to_string)
                .collect(),
            sections: selection
                .sections
                .iter()
                .map(|slug| self.section_name(slug, language))
                .collect(),
            tags: selection.tags.clone(),
            cadence: self.slot.cadence.to_string(),
            hour: hour(self.slot.minute),
            time_zone: self.slot.time_zone.name().to_owned(),
            text_only: self.subscription.text_only,
        }
    }

    fn first_language(&self) -> &Language {
        self.selection
            .languages
            .first()
            .unwrap_or_else(|| self.core.config.newsroom.default_language())
    }

    fn section_name(&self, slug: &str, language: &Language) -> String {
        self.sections
            .iter()
            .find(|section| section.slug == slug)
            .map_or_else(|| slug.to_owned(), |s| s.names.get(language).to_owned())
    }
}

/// What the person's hours are made of.
pub(super) fn hours<'a>(slot: &'a Slot, subscription: &Subscribed) -> Hours<'a> {
    Hours {
        cadence: &slot.cadence,
        zone: &slot.time_zone,
        minute: slot.minute,
        next: (slot.next_date, slot.next_due_at),
        paused_until: (subscription.state == "paused")
            .then(|| subscription.paused_until.as_deref()?.parse().ok())
            .flatten(),
        served: subscription.last_date.parse().ok(),
    }
}

/// `08:00`
pub(super) fn hour(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
