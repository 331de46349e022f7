//! The editor's note (S2): a few words on top of the issues of one date. It ends with that date by itself.

use jiff::civil::Date;

use super::{DigestError, store};
use crate::audience::Newsletter;
use crate::base::language::Language;
use crate::base::text::{clean, letters};
use crate::work::Core;

/// Letters of a note; what is longer is an article.
const MAX_NOTE: usize = 600;

/// Puts a note on top of the issues of a date in a language that are not compiled yet; empty text takes it back. The error says
/// what is wrong; the answer whether something changed.
pub async fn put_note(
    core: &Core,
    newsletter: &Newsletter,
    date: Date,
    language: &Language,
    text: &str,
) -> Result<bool, DigestError> {
    let text = clean(text.trim());
    if letters(&text) > MAX_NOTE {
        return Err(DigestError::Invalid(format!(
            "the note has {} letters, more than {MAX_NOTE}; publish an article and point to it",
            letters(&text)
        )));
    }
    let mut tx = core.db.begin().await?;
    let is_changed = if text.is_empty() {
        store::delete_note(&mut tx, newsletter.id, date, language).await?
    } else {
        let now = core.clock.now();
        store::put_note(&mut tx, newsletter.id, date, language, &text, now).await?;
        true
    };
    tx.commit().await?;
    Ok(is_changed)
}

/// The notes of a date, by language.
pub async fn list_notes(
    core: &Core,
    newsletter: &Newsletter,
    date: Date,
) -> Result<Vec<(Language, String)>, DigestError> {
    Ok(store::list_notes(&core.db, newsletter.id, date).await?)
}

/// The note for an issue in a language: the one in that very language, else in its primary language.
pub(super) async fn find_note(
    core: &Core,
    newsletter: &Newsletter,
    date: Date,
    language: &Language,
) -> Result<Option<String>, DigestError> {
    let mut notes = store::list_notes(&core.db, newsletter.id, date).await?;
    let at = notes
        .iter()
        .position(|(own, _)| own == language)
        .or_else(|| {
            notes
                .iter()
                .position(|(own, _)| own.primary() == language.primary())
        });
    Ok(at.map(|at| notes.swap_remove(at).1))
}
