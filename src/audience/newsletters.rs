//! Newsletters: the settings say which there are.

use super::{AudienceError, Newsletter, store};
use crate::work::Core;

/// The name of the one relay whose lanes all mail takes.
const RELAY: &str = "default";

/// Brings the newsletter table in line with the settings. One that is gone from the settings keeps its row and its readers, but
/// nobody can join it any more. A List-Id stays as it was first made (RFC 2919 section 2), whatever happens to the host's name.
pub async fn sync_newsletters(core: &Core) -> Result<(), AudienceError> {
    let host = url::Url::parse(core.config.server.base_url())
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| "localhost".to_owned());
    let mut tx = core.db.begin().await?;
    for letter in &core.config.newsletters {
        let newsletter = Newsletter {
            id: 0,
            uid: core.clock.uuid_v7(),
            slug: letter.slug.clone(),
            names: letter.names.clone(),
            sections: letter.sections.clone(),
            sender: letter.sender.clone(),
            reply_to: letter.reply_to.clone(),
            list_id: format!("{}.{host}", letter.slug),
            relay: RELAY.to_owned(),
            minute: letter.minute(),
            late_until_hours: letter.late_until_hours,
            max_items: letter.max_items,
            max_age_days: letter.max_age_days,
            resend_uncertain: letter.uncertain == "resend",
        };
        store::upsert_newsletter(&mut tx, &newsletter).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The newsletters one can subscribe to, in the order of the settings.
pub async fn list_newsletters(core: &Core) -> Result<Vec<Newsletter>, AudienceError> {
    let stored = store::list_newsletters(&core.db).await?;
    Ok(core
        .config
        .newsletters
        .iter()
        .filter_map(|letter| stored.iter().find(|n| n.slug == letter.slug).cloned())
        .collect())
}

/// The newsletter of that slug, or the first one: only what the settings offer can be joined.
pub async fn find_offered(core: &Core, slug: Option<&str>) -> Result<Newsletter, AudienceError> {
    let offered = list_newsletters(core).await?;
    let names: Vec<String> = offered.iter().map(|n| n.slug.clone()).collect();
    offered
        .into_iter()
        .find(|n| slug.is_none_or(|slug| n.slug == slug))
        .ok_or_else(|| AudienceError::Invalid {
            field: "newsletter",
            sentence: match slug {
                Some(slug) if !names.is_empty() => {
                    format!(
                        "there is no newsletter {slug:?}; there is {}",
                        names.join(", ")
                    )
                }
                _ => "this newsroom has no newsletter; add one to the settings".to_owned(),
            },
        })
}
