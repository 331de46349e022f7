//! Which stories a person has to come. Pure: releases, a wish and a window in, stories out.
//!
//! A story is taken once, in the first language of the person's list that is live, in the first window in which one of the
//! wanted languages has it. Who has a story already is no question for a story whose first number lies inside the window
//! (`fresh`); for late translations and re-releases (`doubtful`) the planner looks up what the people were sent.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::{Item, Verdict, Window, judge};
use crate::audience::Selection;
use crate::base::language::Language;
use crate::newsroom::Release;

/// What was picked, by story.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pick {
    /// Stories that cannot have reached the person.
    pub fresh: Vec<Item>,
    /// Stories that had a number before the window: whoever was sent one already gets it no more.
    pub doubtful: Vec<Item>,
}

impl Pick {
    /// The items for somebody who was sent the stories in `sent`; sorted.
    pub fn without(&self, sent: &BTreeSet<i64>) -> Vec<Item> {
        let mut items = self.fresh.clone();
        items.extend(
            self.doubtful
                .iter()
                .filter(|item| !sent.contains(&item.story_id)),
        );
        items.sort_unstable();
        items
    }
}

/// The live articles of a window, by story, with every live translation of those stories.
#[derive(Clone, Debug, Default)]
pub struct Stories(BTreeMap<i64, Vec<Release>>);

impl Stories {
    /// Sorts releases into stories; an article that comes twice is kept once.
    pub fn new(releases: impl IntoIterator<Item = Release>) -> Self {
        let mut stories: BTreeMap<i64, Vec<Release>> = BTreeMap::new();
        for release in releases {
            let story = stories.entry(release.story_id).or_default();
            if story.iter().all(|r| r.article_id != release.article_id) {
                story.push(release);
            }
        }
        Self(stories)
    }

    /// Rows of the stories that had a number before `no`: translations of theirs may be live outside the window.
    pub fn begun_before(&self, no: i64) -> Vec<i64> {
        self.0
            .iter()
            .filter(|(_, articles)| articles.iter().any(|a| a.first_no <= no))
            .map(|(story, _)| *story)
            .collect()
    }
}

/// Picks the stories of a window for a selection of a newsletter that draws from `newsletter_sections`.
///
/// `newsroom_languages` is the order for a selection that names no language.
pub fn pick(
    stories: &Stories,
    selection: &Selection,
    newsletter_sections: &[String],
    newsroom_languages: &[Language],
    window: &Window,
) -> Pick {
    let mut picked = Pick::default();
    for articles in stories.0.values() {
        match judge(
            articles,
            selection,
            newsletter_sections,
            newsroom_languages,
            window,
        ) {
            Verdict::Fresh(item) => picked.fresh.push(item),
            Verdict::Doubtful(item) => picked.doubtful.push(item),
            _ => {}
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::newsroom::Importance;
    use proptest::prelude::*;

    fn release(story_id: i64, language: &str, first_no: i64, release_no: i64) -> Release {
        Release {
            article_id: release_no * 10 + story_id,
            story_id,
            first_no,
            release_no,
            language: Language::parse(language).unwrap(),
            section: Some("society".to_owned()),
            tags: vec![],
            importance: Importance::Normal,
            released_at: Timestamp::from_millis(release_no * 1000),
            follows: None,
        }
    }

    fn wish(languages: &[&str]) -> Selection {
        Selection {
            id: 1,
            newsletter_id: 1,
            languages: languages
                .iter()
                .map(|l| Language::parse(l).unwrap())
                .collect(),
            sections: vec![],
            tags: vec![],
            key: String::new(),
        }
    }

    fn window(read_to: i64, to_no: i64) -> Window {
        Window {
            read_to,
            to_no,
            forgotten_to: 0,
            frozen_at: Timestamp::from_millis(1_000_000),
            waits: true,
        }
    }

    fn numbers(items: &[Item]) -> Vec<i64> {
        items.iter().map(|i| i.release_no).collect()
    }

    fn pick_for(releases: &[Release], languages: &[&str], window: &Window) -> Pick {
        pick(
            &Stories::new(releases.to_vec()),
            &wish(languages),
            &[],
            &[],
            window,
        )
    }

    #[test]
    fn a_story_is_taken_once_in_the_first_language_that_is_live() {
        let releases = [
            release(1, "ru", 1, 1),
            release(1, "kk", 1, 2),
            release(2, "ru", 3, 3),
            release(3, "en", 4, 4),
        ];
        let picked = pick_for(&releases, &["kk", "ru"], &window(0, 4));
        assert_eq!(numbers(&picked.fresh), [2, 3]);
        assert!(picked.doubtful.is_empty());
    }

    #[test]
    fn a_window_is_open_below_and_closed_above() {
        let releases: Vec<_> = (1..=5).map(|no| release(no, "kk", no, no)).collect();
        assert_eq!(
            numbers(&pick_for(&releases, &["kk"], &window(2, 4)).fresh),
            [3, 4]
        );
    }

    #[test]
    fn a_late_translation_is_doubtful_and_goes_in_the_best_language_that_is_live() {
        let releases = [release(1, "kk", 1, 1), release(1, "ru", 1, 9)];
        let picked = pick_for(&releases, &["kk", "ru"], &window(5, 9));
        assert!(picked.fresh.is_empty());
        assert_eq!(numbers(&picked.doubtful), [1]);
        assert!(picked.without(&BTreeSet::from([1])).is_empty());
        assert_eq!(picked.without(&BTreeSet::new()).len(), 1);
    }

    #[test]
    fn what_is_too_old_counts_as_sent() {
        let old = Window {
            forgotten_to: 4,
            ..window(2, 9)
        };
        let releases = [
            release(1, "kk", 3, 3),
            release(2, "kk", 1, 8),
            release(3, "kk", 9, 9),
        ];
        let picked = pick_for(&releases, &["kk"], &old);
        assert_eq!(numbers(&picked.fresh), [9]);
        assert!(picked.doubtful.is_empty());
    }

    #[test]
    fn those_who_read_the_awaited_language_first_wait_for_it() {
        let waiting = |until: i64| Release {
            follows: Some((
                Language::parse("kk").unwrap(),
                Timestamp::from_millis(until),
            )),
            ..release(1, "ru", 1, 1)
        };
        let all = [waiting(2_000_000)];
        assert!(
            pick_for(&all, &["kk", "ru"], &window(0, 1))
                .fresh
                .is_empty()
        );
        assert_eq!(
            numbers(&pick_for(&all, &["ru", "kk"], &window(0, 1)).fresh),
            [1]
        );
        let weekly = Window {
            waits: false,
            ..window(0, 1)
        };
        assert_eq!(numbers(&pick_for(&all, &["kk", "ru"], &weekly).fresh), [1]);
        let over = [waiting(1_000_000)];
        assert_eq!(
            numbers(&pick_for(&over, &["kk", "ru"], &window(0, 1)).fresh),
            [1]
        );
        let come = [waiting(2_000_000), release(1, "kk", 1, 2)];
        assert_eq!(
            numbers(&pick_for(&come, &["kk", "ru"], &window(0, 2)).fresh),
            [2]
        );
    }

    #[test]
    fn topics_narrow_and_the_newsletter_narrows_too() {
        let mut sport = release(1, "kk", 1, 1);
        sport.section = Some("sport".to_owned());
        sport.tags = vec!["ski".to_owned()];
        let stories = Stories::new([sport, release(2, "kk", 2, 2)]);
        let run = |sections: &[&str], tags: &[&str], drawn: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
            let selection = Selection {
                sections: owned(sections),
                tags: owned(tags),
                ..wish(&["kk"])
            };
            numbers(&pick(&stories, &selection, &owned(drawn), &[], &window(0, 2)).fresh)
        };
        assert_eq!(run(&[], &[], &[]), [1, 2]);
        assert_eq!(run(&["sport"], &[], &[]), [1]);
        assert_eq!(run(&["sport", "society"], &["ski"], &[]), [1]);
        assert_eq!(run(&["sport"], &[], &["society"]), Vec::<i64>::new());
    }

    proptest! {
        /// Windows that follow each other never give one story twice as fresh, and none is passed over.
        #[test]
        fn windows_tile(
            shape in proptest::collection::vec((0i64..12, 0usize..3), 1..40),
            cuts in proptest::collection::btree_set(1i64..40, 0..6),
        ) {
            let languages = ["kk", "ru", "en"];
            let mut first: BTreeMap<i64, i64> = BTreeMap::new();
            let mut releases: Vec<Release> = Vec::new();
            for (i, (story, language)) in shape.iter().enumerate() {
                let no = i as i64 + 1;
                let first_no = *first.entry(*story).or_insert(no);
                // A re-release takes a new number and the old one is gone.
                releases.retain(|r| r.story_id != *story || r.language.as_str() != languages[*language]);
                releases.push(release(*story, languages[*language], first_no, no));
            }
            let head = shape.len() as i64;
            let mut read_to = 0;
            let mut fresh: Vec<i64> = Vec::new();
            let mut sent: BTreeSet<i64> = BTreeSet::new();
            for end in cuts.into_iter().filter(|c| *c < head).chain([head]) {
                let picked = pick_for(&releases, &["ru", "kk"], &window(read_to, end));
                fresh.extend(picked.fresh.iter().map(|i| i.story_id));
                sent.extend(picked.without(&sent.clone()).iter().map(|i| i.story_id));
                read_to = end;
            }
            let mut once = fresh.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), fresh.len());
            let expected: BTreeSet<i64> = releases.iter()
                .filter(|r| r.language.as_str() != "en").map(|r| r.story_id).collect();
            prop_assert_eq!(sent, expected);
        }
    }
}
