//! "Other news" beside a story: the same four for everyone.

use crate::base::language::Language;
use crate::newsroom::Article;
use crate::newsroom::store::{self, Filter};
use crate::web::WebState;
use crate::web::error::WebError;

/// Stories beside a story.
const COUNT: usize = 4;

/// Four other stories: first of the same section and language, then of other sections, then of the other languages in the
/// newsroom's order; never the story itself, its translations, or one story twice. Each step newest first.
pub(super) async fn pick(state: &WebState, article: &Article) -> Result<Vec<Article>, WebError> {
    let page = &article.language;
    let mut steps: Vec<(Language, Option<i64>)> = Vec::new();
    if article.section_id.is_some() {
        steps.push((page.clone(), article.section_id));
    }
    steps.push((page.clone(), None));
    steps.extend(
        state
            .core
            .config
            .newsroom
            .languages
            .iter()
            .filter(|language| *language != page)
            .map(|language| (language.clone(), None)),
    );
    let mut picked: Vec<Article> = Vec::with_capacity(COUNT);
    for (language, section_id) in steps {
        if picked.len() == COUNT {
            break;
        }
        let filter = Filter::of(&language).in_section(section_id);
        // One for the story itself, one for each that is already there.
        let wanted = (COUNT + picked.len() + 1) as i64;
        for other in store::list_public(&state.core.db, &filter, 0, wanted).await? {
            let is_new = other.story_id != article.story_id
                && picked.iter().all(|one| one.story_id != other.story_id);
            if is_new && picked.len() < COUNT {
                picked.push(other);
            }
        }
    }
    Ok(picked)
}
