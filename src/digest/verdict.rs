//! What becomes of one story for one wish and window, and why. Pure. [`super::pick`] takes what is mailed, `explain` tells the
//! rest; both ask here, so that an explanation can never differ from what was done.

use crate::audience::Selection;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::newsroom::Release;
use crate::newsroom::choice::is_match;

/// One story as it was picked: which text of it, under which number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Item {
    /// Row of the story.
    pub story_id: i64,
    /// Row of the article.
    pub article_id: i64,
    /// The number of its release.
    pub release_no: i64,
}

/// Between which numbers one looks, and what is too old.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The last number the person has been served; exclusive.
    pub read_to: i64,
    /// The end of the window; inclusive.
    pub to_no: i64,
    /// Releases up to this number are older than the newsletter remembers: not mailed any more, and counted as sent.
    pub forgotten_to: i64,
    /// When the window was frozen.
    pub frozen_at: Timestamp,
    /// Whether its people wait for a text that is promised. Whose next digest may be a week away does not: news would be old then.
    pub waits: bool,
}

/// What becomes of a story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It cannot have reached the person: it is mailed.
    Fresh(Item),
    /// It had a number before the window: mailed unless the person was sent it already.
    Doubtful(Item),
    /// Nothing of it was live when the window was frozen.
    Later,
    /// It has none of the wanted languages.
    Language,
    /// The newsletter does not draw from its section.
    Newsletter,
    /// The person did not choose its section.
    Section,
    /// It has none of the person's tags.
    Tag,
    /// Nothing of it is new in this window.
    NotNew,
    /// The person waits for the text in that language, at most until then.
    Awaited(Language, Timestamp),
    /// It is older than the newsletter remembers.
    TooOld,
}

/// Judges one story by its live articles, for a selection of a newsletter that draws from `newsletter_sections`.
///
/// `newsroom_languages` is the order for a selection that names no language.
pub fn judge(
    articles: &[Release],
    selection: &Selection,
    newsletter_sections: &[String],
    newsroom_languages: &[Language],
    window: &Window,
) -> Verdict {
    let live: Vec<&Release> = articles
        .iter()
        .filter(|a| a.release_no <= window.to_no)
        .collect();
    if live.is_empty() {
        return Verdict::Later;
    }
    let rank = |language: &Language| -> Option<usize> {
        if selection.languages.is_empty() {
            let known = newsroom_languages.iter().position(|l| l == language);
            return Some(known.unwrap_or(usize::MAX));
        }
        selection.languages.iter().position(|l| l == language)
    };
    let readable: Vec<&Release> = live
        .iter()
        .filter(|a| rank(&a.language).is_some())
        .copied()
        .collect();
    let Some(first) = readable.iter().min_by_key(|a| rank(&a.language)) else {
        return Verdict::Language;
    };
    let wanted: Vec<&Release> = readable
        .iter()
        .filter(|a| selection.matches(a, newsletter_sections))
        .copied()
        .collect();
    // Of two texts in one language the later release counts, so that the answer does not hang on the order of rows.
    let Some(best) = wanted
        .iter()
        .min_by_key(|a| (rank(&a.language), -a.release_no))
    else {
        return mismatch(first, selection, newsletter_sections);
    };
    let newest = wanted.iter().map(|a| a.release_no).max().unwrap_or(0);
    if newest <= window.read_to {
        return Verdict::NotNew;
    }
    if newest <= window.forgotten_to {
        return Verdict::TooOld;
    }
    if let Some((language, until)) = awaited(&live, selection, window) {
        return Verdict::Awaited(language, until);
    }
    let item = Item {
        story_id: best.story_id,
        article_id: best.article_id,
        release_no: best.release_no,
    };
    if best.first_no > window.read_to {
        Verdict::Fresh(item)
    } else if best.first_no > window.forgotten_to {
        Verdict::Doubtful(item)
    } else {
        Verdict::TooOld
    }
}

/// Which of the lists that narrow a choice leaves the article out.
fn mismatch(article: &Release, selection: &Selection, newsletter_sections: &[String]) -> Verdict {
    let passes = |sections: &[String], newsletter: &[String]| {
        is_match(
            sections,
            &[],
            newsletter,
            article.section.as_deref(),
            &article.tags,
        )
    };
    if !passes(&[], newsletter_sections) {
        Verdict::Newsletter
    } else if passes(&selection.sections, &[]) {
        Verdict::Tag
    } else {
        Verdict::Section
    }
}

/// "Kazakh text follows": for those who put that language first the story is not live until the text comes or the wait ends.
fn awaited(
    live: &[&Release],
    selection: &Selection,
    window: &Window,
) -> Option<(Language, Timestamp)> {
    live.iter().find_map(|a| {
        a.follows.clone().filter(|(language, until)| {
            window.waits
                && selection.languages.first() == Some(language)
                && *until > window.frozen_at
                && live.iter().all(|other| other.language != *language)
        })
    })
}
