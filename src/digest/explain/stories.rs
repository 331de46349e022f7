//! The stories of a window and what became of each, put together from the release log as it stood when the window was frozen.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use crate::audience::cadence::due_instant;
use crate::base::time::Timestamp;
use crate::delivery::store::Delivered;
use crate::digest::DigestError;
use crate::digest::explanation::{Reason, Story};
use crate::digest::gather::Frame;
use crate::digest::store::{self, Had, Happened, ToldRun};
use crate::digest::verdict::{Verdict, Window, judge};
use crate::newsroom::store::{get_head, list_articles};
use crate::newsroom::{Article, ArticleState, Release, Section};

impl Case<'_> {
    /// The stories of the date's window, and those that came later on that date.
    pub(super) async fn stories(
        &self,
        runs: &[ToldRun],
        rows: &[&Delivered],
        had: &[Had],
    ) -> Result<Vec<Story>, DigestError> {
        let core = self.core;
        let zone = &self.slot.time_zone;
        let head = get_head(&core.db).await?;
        // The last run is the one whose window has an end; without one the window is what has come since the last digest.
        let last_run = runs.iter().rev().find(|run| run.state != "skipped");
        let (to_no, frozen_at, due_at) = if let Some(run) = last_run {
            (run.to_no, run.opened_at, run.due_at)
        } else {
            let end = due_instant(self.date.tomorrow().unwrap_or(self.date), zone, 0);
            let now = core.clock.now().min(end);
            let no = store::get_no_before(&core.db, now.plus_millis(1)).await?;
            (no.min(head), now, end)
        };
        let first_run = runs.first().map_or(due_at, |run| run.due_at);
        let mut from = store::get_to_no_before(&core.db, self.slot.id, first_run).await?;
        if let Some(at) = self.subscription.confirmed_at {
            from = from.max(store::get_no_before(&core.db, at).await?);
        }
        // Whoever was not served has a window that began earlier; so has whoever came back from a pause.
        let of_date: Vec<&Had> = had
            .iter()
            .filter(|h| rows.iter().any(|row| row.id == h.delivery_id))
            .collect();
        for earlier in of_date.iter().map(|h| h.release_no - 1) {
            from = from.min(earlier);
        }
        if self.subscription.read_to < to_no {
            from = from.min(self.subscription.read_to);
        }
        let day_end = due_instant(self.date.tomorrow().unwrap_or(self.date), zone, 0);
        let upto = store::get_no_before(&core.db, day_end)
            .await?
            .max(to_no)
            .min(head);
        let frame = Frame::new(
            core,
            self.newsletter,
            &self.slot,
            self.date,
            to_no,
            frozen_at,
        )
        .await?;
        let window = Window {
            read_to: from,
            to_no,
            forgotten_to: frame.forgotten_to,
            frozen_at,
            waits: frame.waits,
        };
        // Whoever was served by a finished run got all that could be mailed.
        let is_served =
            last_run.is_some_and(|run| run.state == "done") && self.subscription.read_to >= to_no;
        let mut happened: BTreeMap<i64, Vec<Happened>> = BTreeMap::new();
        for entry in store::list_happened(&core.db, from, upto).await? {
            happened.entry(entry.story_id).or_default().push(entry);
        }
        let ids: BTreeSet<i64> = happened
            .values()
            .flatten()
            .map(|entry| entry.article_id)
            .collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let mut articles: BTreeMap<i64, Article> = BTreeMap::new();
        for chunk in ids.chunks(500) {
            for article in list_articles(&core.db, chunk).await? {
                articles.insert(article.id, article);
            }
        }
        let mut stories: Vec<Story> = happened
            .iter()
            .filter_map(|(story_id, entries)| {
                self.story(*story_id, entries, &articles, &window, &of_date, had)
                    .map(|story| story.left_out_if(is_served))
            })
            .collect();
        stories.sort_by_key(|s| {
            let is_match = s.is_mailed || s.reason.code == "matches";
            (!s.is_mailed, !is_match, std::cmp::Reverse(s.released_at))
        });
        Ok(stories)
    }

    fn story(
        &self,
        story_id: i64,
        entries: &[Happened],
        articles: &BTreeMap<i64, Article>,
        window: &Window,
        of_date: &[&Had],
        had: &[Had],
    ) -> Option<Story> {
        let texts: Vec<&Article> = articles
            .values()
            .filter(|article| article.story_id == story_id)
            .collect();
        let rank = |article: &&&Article| {
            let wanted = &self.selection.languages;
            wanted
                .iter()
                .position(|l| *l == article.language)
                .unwrap_or(wanted.len())
        };
        let shown = texts.iter().min_by_key(rank)?;
        let language = self.first_language();
        let in_mail = of_date.iter().find(|h| h.story_id == story_id);
        let reason = match in_mail {
            Some(had) if had.state != "cancelled" => {
                let text = articles.get(&had.article_id);
                let tongue = text.map_or_else(String::new, |a| format!(" in {}", a.language));
                let place = if had.is_shown {
                    format!("No. {} of the issue", had.position)
                } else {
                    "behind \"read all\"".to_owned()
                };
                Reason::new("mailed", format!("{place}{tongue}"))
            }
            _ => self.why_not(story_id, entries, articles, window, in_mail.copied(), had),
        };
        Some(Story {
            title: shown.title.clone(),
            languages: texts.iter().map(|a| a.language.to_string()).collect(),
            section: self
                .sections
                .iter()
                .find(|s| Some(s.id) == shown.section_id)
                .map(|s| s.names.get(language).to_owned()),
            released_at: entries
                .iter()
                .rev()
                .find(|e| matches!(e.kind.as_str(), "released" | "archived"))
                .map(|e| e.at),
            is_mailed: reason.code == "mailed",
            reason,
        })
    }

    /// Why a story of the window is in no mail of the date.
    fn why_not(
        &self,
        story_id: i64,
        entries: &[Happened],
        articles: &BTreeMap<i64, Article>,
        window: &Window,
        called_off: Option<&Had>,
        had: &[Had],
    ) -> Reason {
        let zone = &self.slot.time_zone;
        let time = |at: Timestamp| at.in_zone(zone).strftime("%Y-%m-%d %H:%M").to_string();
        let reached = |h: &&Had| {
            h.story_id == story_id
                && !matches!(h.state.as_str(), "cancelled" | "failed" | "expired")
        };
        if let Some(earlier) = had.iter().find(reached) {
            return Reason::new(
                "already-sent",
                format!(
                    "sent with issue No. {} of {}: each story comes once",
                    earlier.number, earlier.local_date
                ),
            );
        }
        let (live, withdrawn_at, is_archived) =
            as_of(entries, articles, window.to_no, self.sections);
        if live.is_empty() && is_archived {
            return Reason::new(
                "archived",
                "brought in as an archive: on pages and in feeds, never in mail",
            );
        }
        if live.is_empty()
            && let Some(at) = withdrawn_at
        {
            return Reason::new("withdrawn", format!("withdrawn at {}", time(at)));
        }
        let verdict = judge(
            &live,
            &self.selection,
            &self.newsletter.sections,
            &self.core.config.newsroom.languages,
            window,
        );
        let section = |article: Option<&Release>| {
            article.and_then(|a| a.section.as_deref()).map_or_else(
                || "no section".to_owned(),
                |slug| format!("«{}»", self.section_name(slug, self.first_language())),
            )
        };
        match verdict {
            Verdict::Fresh(item) | Verdict::Doubtful(item) => {
                let is_gone = articles
                    .get(&item.article_id)
                    .is_some_and(|a| a.state == ArticleState::Withdrawn);
                if is_gone {
                    return Reason::new(
                        "withdrawn",
                        match entries.iter().rev().find(|e| e.kind == "withdrawn") {
                            Some(entry) => {
                                format!("withdrawn at {}, before it was sent", time(entry.at))
                            }
                            None => "withdrawn before it was sent".to_owned(),
                        },
                    );
                }
                if called_off.is_some() {
                    return Reason::new(
                        "cancelled",
                        "was in the issue, and the mail was cancelled before it was sent",
                    );
                }
                Reason::new("matches", "matches the wishes")
            }
            Verdict::Later => {
                let at = entries
                    .iter()
                    .find(|e| e.kind == "released" && e.no > window.to_no)
                    .map_or_else(String::new, |e| format!(" at {}", time(e.at)));
                Reason::new(
                    "released-later",
                    format!(
                        "came out{at}, after the window was frozen: it belongs to the next digest"
                    ),
                )
            }
            Verdict::Language => {
                let list: Vec<String> = live.iter().map(|a| a.language.to_string()).collect();
                Reason::new(
                    "language",
                    format!(
                        "only in {}; the person reads {}",
                        list.join(", "),
                        self.wish().languages.join(", ")
                    ),
                )
            }
            Verdict::Newsletter => Reason::new(
                "newsletter",
                format!(
                    "in {}, from which the newsletter {:?} does not draw",
                    section(live.first()),
                    self.newsletter.slug
                ),
            ),
            Verdict::Section => {
                let wanted: Vec<String> = self
                    .wish()
                    .sections
                    .iter()
                    .map(|name| format!("«{name}»"))
                    .collect();
                Reason::new(
                    "section",
                    format!(
                        "in {}; the person chose {}",
                        section(live.first()),
                        wanted.join(", ")
                    ),
                )
            }
            Verdict::Tag => Reason::new(
                "tag",
                format!("without the tag {}", self.selection.tags.join(" or ")),
            ),
            Verdict::NotNew => Reason::new(
                "before",
                "belongs to an earlier window: it came out before the person joined or was served",
            ),
            Verdict::Awaited(language, until) => Reason::new(
                "awaited",
                format!("waits for its {language} text until {}", time(until)),
            ),
            Verdict::TooOld => Reason::new(
                "too-old",
                format!(
                    "older than {} days, which the newsletter does not mail",
                    self.newsletter.max_age_days
                ),
            ),
        }
    }
}

/// The texts of a story as they stood at a number; when the last of them was withdrawn; whether one is an archive's.
fn as_of(
    entries: &[Happened],
    articles: &BTreeMap<i64, Article>,
    to_no: i64,
    sections: &[Section],
) -> (Vec<Release>, Option<Timestamp>, bool) {
    let first_no = entries
        .iter()
        .find(|e| e.kind == "released")
        .map_or(i64::MAX, |e| e.no);
    let mut last: BTreeMap<i64, &Happened> = BTreeMap::new();
    for entry in entries.iter().filter(|e| e.kind != "updated") {
        // What came out after the window is kept as it is: the judge sees that it is later.
        let is_known = entry.no <= to_no || !last.contains_key(&entry.article_id);
        if is_known {
            last.insert(entry.article_id, entry);
        }
    }
    let mut live = Vec::new();
    let (mut withdrawn_at, mut is_archived) = (None, false);
    for entry in last.values() {
        match entry.kind.as_str() {
            "withdrawn" => withdrawn_at = withdrawn_at.max(Some(entry.at)),
            "archived" => is_archived = true,
            "released" => {
                let Some(article) = articles.get(&entry.article_id) else {
                    continue;
                };
                live.push(Release {
                    article_id: article.id,
                    story_id: article.story_id,
                    first_no,
                    release_no: entry.no,
                    language: article.language.clone(),
                    section: sections
                        .iter()
                        .find(|s| Some(s.id) == article.section_id)
                        .map(|s| s.slug.clone()),
                    tags: article.tags.iter().map(|t| t.slug.clone()).collect(),
                    importance: article.importance,
                    released_at: entry.at,
                    follows: entry.follows_language.clone().zip(entry.follows_until),
                });
            }
            _ => {}
        }
    }
    (live, withdrawn_at, is_archived)
}
