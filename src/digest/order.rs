//! In which order an issue shows its stories. Pure.

use std::collections::BTreeMap;

use crate::newsroom::{Article, Importance, Section};

/// Stories with a summary: the lead and seven more; whoever comes after them is a headline.
pub const WITH_SUMMARY: usize = 8;

/// Puts articles in the order of an issue: the lead (marked as such, the newest of several; else the newest that is no brief);
/// then by the newsroom's order of sections, newest first inside a section; then the briefs in the same way.
pub fn arrange(articles: &mut Vec<Article>, sections: &[Section]) {
    let place: BTreeMap<i64, i64> = sections.iter().map(|s| (s.id, s.position)).collect();
    let section = |a: &Article| {
        a.section_id
            .and_then(|id| place.get(&id).copied())
            .unwrap_or(i64::MAX)
    };
    // Two rows never share a number, so the order is total and the same on both engines.
    let newest = |a: &Article| {
        (
            std::cmp::Reverse(a.published_at()),
            std::cmp::Reverse(a.release_no),
        )
    };
    articles.sort_by_key(|a| (a.importance, newest(a)));
    let Some(lead) = (!articles.is_empty()).then(|| articles.remove(0)) else {
        return;
    };
    articles.sort_by_key(|a| (a.importance == Importance::Brief, section(a), newest(a)));
    articles.insert(0, lead);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::language::Language;
    use crate::base::time::Timestamp;
    use crate::config::Names;
    use crate::newsroom::ArticleState;

    /// An article as the tests of this room need it; its title is its number.
    pub(crate) fn article(no: i64, section_id: Option<i64>, importance: Importance) -> Article {
        Article {
            id: no,
            uid: format!("0194f5b6-7c1e-7a3b-9a55-{no:012x}"),
            guid: format!("urn:uuid:0194f5b6-7c1e-7a3b-9a55-{no:012x}"),
            story_id: no,
            language: Language::parse("kk").unwrap(),
            title: format!("Тақырып {no}"),
            summary: format!("Қысқаша мазмұны {no}"),
            body_html: String::new(),
            byline: None,
            section_id,
            canonical_url: None,
            links_to_origin: false,
            source: None,
            importance,
            correction: None,
            withdrawal: None,
            lead: None,
            enclosures: vec![],
            state: ArticleState::Released,
            release_no: Some(no),
            released_at: Some(Timestamp::from_millis(no * 1000)),
            updated_at: None,
            edited_at: Timestamp::from_millis(no * 1000),
            slug: format!("taqyryp-{no}"),
            tags: vec![],
        }
    }

    fn sections() -> Vec<Section> {
        [(1, 2), (2, 1)]
            .into_iter()
            .map(|(id, position)| Section {
                id,
                slug: format!("s{id}"),
                position,
                names: Names::from([("kk", "Бөлім")]),
            })
            .collect()
    }

    fn order(mut articles: Vec<Article>) -> Vec<i64> {
        arrange(&mut articles, &sections());
        articles.iter().map(|a| a.id).collect()
    }

    #[test]
    fn the_newest_lead_stands_first_then_sections_then_briefs() {
        use Importance::{Brief, Lead, Normal};
        let articles = vec![
            article(1, Some(1), Normal),
            article(2, Some(2), Normal),
            article(3, Some(1), Lead),
            article(4, Some(2), Brief),
            article(5, Some(1), Lead),
            article(6, None, Normal),
            article(7, Some(2), Normal),
        ];
        assert_eq!(order(articles), [5, 7, 2, 3, 1, 6, 4]);
    }

    #[test]
    fn without_a_lead_the_newest_that_is_no_brief_leads() {
        use Importance::{Brief, Normal};
        assert_eq!(
            order(vec![
                article(1, Some(1), Normal),
                article(2, Some(1), Normal),
                article(3, Some(1), Brief)
            ]),
            [2, 1, 3]
        );
        assert_eq!(
            order(vec![article(1, None, Brief), article(2, None, Brief)]),
            [2, 1]
        );
        assert!(order(vec![]).is_empty());
    }
}
