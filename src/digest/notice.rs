//! What somebody is told of a text they had: that it was corrected, or withdrawn. Pure.
//!
//! A correction never brings a story back as news. Whoever was sent the first version finds one line about it in the next digest that
//! they get anyway; nobody is written to for its sake alone, and everybody else hears nothing of it.

use std::collections::{BTreeMap, HashMap};

/// One line of a digest: an article and the entry of the log that it is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Notice {
    /// Number of the entry: the article's last correction, or its withdrawal.
    pub no: i64,
    /// Row of the article.
    pub article_id: i64,
}

/// The last correction or the withdrawal of an article in a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// What there is to tell.
    pub notice: Notice,
    /// Withdrawn, not corrected.
    pub is_withdrawn: bool,
}

/// One article in one mail of one person, as the journal has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// Row of the article.
    pub article_id: i64,
    /// The head of the log before the mail was compiled: what came later is not in it.
    pub head_no: i64,
    /// State of the delivery.
    pub state: String,
}

/// What a person is to be told, by number: of texts that were sent to them before they changed, since the number up to which they
/// have been told.
pub fn notices(changes: &[Change], told_to: i64, sent: &[Sent]) -> Vec<Notice> {
    let mut told: Vec<Notice> = changes
        .iter()
        .filter(|change| change.notice.no > told_to)
        .filter(|change| {
            sent.iter().any(|mail| {
                mail.article_id == change.notice.article_id
                    && mail.head_no < change.notice.no
                    && reaches(&mail.state, change.is_withdrawn)
            })
        })
        .map(|change| change.notice)
        .collect();
    told.sort_unstable();
    told
}

/// Whether the mail came to the person, or still comes as it is. One that waits loses a withdrawn story before it is sent, so
/// there is nothing to tell.
fn reaches(state: &str, is_withdrawn: bool) -> bool {
    match state {
        "cancelled" | "failed" | "expired" => false,
        "accepted" | "committing" | "uncertain" => true,
        _ => !is_withdrawn,
    }
}

/// The last entry of each article, by number. `entries` are (number, article, is it a withdrawal).
pub fn latest(entries: impl IntoIterator<Item = (i64, i64, bool)>) -> Vec<Change> {
    let mut last: BTreeMap<i64, Change> = BTreeMap::new();
    for (no, article_id, is_withdrawn) in entries {
        let change = Change {
            notice: Notice { no, article_id },
            is_withdrawn,
        };
        let known = last.entry(article_id).or_insert(change);
        if known.notice.no < no {
            *known = change;
        }
    }
    let mut changes: Vec<Change> = last.into_values().collect();
    changes.sort_unstable_by_key(|change| change.notice);
    changes
}

/// The mails of each person, by the row of the subscriber.
pub type SentTo = HashMap<i64, Vec<Sent>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(article_id: i64, head_no: i64, state: &str) -> Sent {
        Sent {
            article_id,
            head_no,
            state: state.to_owned(),
        }
    }

    fn numbers(entries: &[(i64, i64, bool)], told_to: i64, sent: &[Sent]) -> Vec<i64> {
        let changes = latest(entries.iter().copied());
        notices(&changes, told_to, sent)
            .iter()
            .map(|notice| notice.no)
            .collect()
    }

    #[test]
    fn s4_only_who_had_the_first_version_is_told_and_once() {
        let corrected = [(10, 1, false)];
        assert_eq!(numbers(&corrected, 5, &[sent(1, 5, "accepted")]), [10]);
        assert_eq!(numbers(&corrected, 10, &[sent(1, 5, "accepted")]), [0; 0]);
        assert_eq!(numbers(&corrected, 5, &[sent(1, 10, "accepted")]), [0; 0]);
        assert_eq!(numbers(&corrected, 5, &[sent(2, 5, "accepted")]), [0; 0]);
        assert_eq!(numbers(&corrected, 5, &[sent(1, 5, "failed")]), [0; 0]);
    }

    #[test]
    fn of_several_changes_the_last_is_told() {
        let entries = [
            (10, 1, false),
            (12, 1, false),
            (11, 2, false),
            (14, 1, true),
        ];
        let had = [sent(1, 5, "accepted"), sent(2, 5, "accepted")];
        assert_eq!(numbers(&entries, 5, &had), [11, 14]);
    }

    #[test]
    fn m5_a_mail_that_still_waits_loses_the_withdrawn_story_so_nothing_is_told() {
        let gone = [(10, 1, true)];
        assert_eq!(numbers(&gone, 5, &[sent(1, 5, "queued")]), [0; 0]);
        assert_eq!(numbers(&gone, 5, &[sent(1, 5, "committing")]), [10]);
        assert_eq!(numbers(&[(10, 1, false)], 5, &[sent(1, 5, "queued")]), [10]);
    }
}
