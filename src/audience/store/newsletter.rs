//! Newsletters as stored.

use serde::{Deserialize, Serialize};

use super::unreadable;
use crate::audience::Newsletter;
use crate::db::{Db, Result, Tx};
use crate::{on_db, on_tx};

type Row = (
    i64,
    String,
    String,
    String,
    Option<String>,
    String,
    Option<String>,
    String,
    String,
    String,
    i64,
    i64,
    i64,
    String,
);

/// What forms preset, kept as JSON in `defaults`.
#[derive(Serialize, Deserialize)]
struct Defaults {
    minute: i64,
}

fn read(row: Row) -> Result<Newsletter> {
    let names = serde_json::from_str(&row.3).map_err(unreadable)?;
    let sections = match &row.4 {
        Some(json) => serde_json::from_str(json).map_err(unreadable)?,
        None => Vec::new(),
    };
    let defaults: Defaults = serde_json::from_str(&row.9).map_err(unreadable)?;
    Ok(Newsletter {
        id: row.0,
        uid: row.1,
        slug: row.2,
        names,
        sections,
        sender: row.5,
        reply_to: row.6,
        list_id: row.7,
        relay: row.8,
        minute: defaults.minute,
        late_until_hours: row.10,
        max_items: row.11,
        max_age_days: row.12,
        resend_uncertain: row.13 == "resend",
    })
}

/// All newsletters by row.
pub async fn list_newsletters(db: &Db) -> Result<Vec<Newsletter>> {
    on_db!(db, c => sqlx::query_as::<_, Row>(
        "SELECT id, uid, slug, names, sections, sender, reply_to, list_id, relay, defaults, late_until, max_items, max_age_days, \
         uncertain FROM newsletter ORDER BY id").fetch_all(c).await)?
    .into_iter()
    .map(read)
    .collect()
}

const GET: &str = "SELECT id, uid, slug, names, sections, sender, reply_to, list_id, relay, defaults, late_until, max_items, \
     max_age_days, uncertain FROM newsletter WHERE id = $1";

/// The newsletter of that row.
pub async fn get_newsletter(db: &Db, id: i64) -> Result<Newsletter> {
    on_db!(db, c => sqlx::query_as::<_, Row>(GET).bind(id).fetch_one(c).await).and_then(read)
}

/// [`get_newsletter`] inside a transaction.
pub(crate) async fn get_newsletter_in(tx: &mut Tx, id: i64) -> Result<Newsletter> {
    on_tx!(tx, c => sqlx::query_as::<_, Row>(GET).bind(id).fetch_one(c).await).and_then(read)
}

/// Stores a newsletter under its slug, or brings the stored one in line; its row, uid and List-Id stay for ever.
pub(crate) async fn upsert_newsletter(tx: &mut Tx, newsletter: &Newsletter) -> Result<()> {
    let names = serde_json::to_string(&newsletter.names).map_err(unreadable)?;
    let sections = if newsletter.sections.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&newsletter.sections).map_err(unreadable)?)
    };
    let defaults = serde_json::to_string(&Defaults {
        minute: newsletter.minute,
    })
    .map_err(unreadable)?;
    let uncertain = if newsletter.resend_uncertain {
        "resend"
    } else {
        "hold"
    };
    on_tx!(tx, c => sqlx::query(
        "INSERT INTO newsletter (uid, slug, names, sections, sender, reply_to, list_id, relay, defaults, late_until, max_items, \
         max_age_days, uncertain) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (slug) DO UPDATE SET names = excluded.names, sections = excluded.sections, sender = excluded.sender, \
         reply_to = excluded.reply_to, relay = excluded.relay, defaults = excluded.defaults, late_until = excluded.late_until, \
         max_items = excluded.max_items, max_age_days = excluded.max_age_days, uncertain = excluded.uncertain")
        .bind(&newsletter.uid).bind(&newsletter.slug).bind(names).bind(sections).bind(&newsletter.sender)
        .bind(&newsletter.reply_to).bind(&newsletter.list_id).bind(&newsletter.relay).bind(defaults)
        .bind(newsletter.late_until_hours).bind(newsletter.max_items).bind(newsletter.max_age_days).bind(uncertain)
        .execute(c).await.map(|_| ()))
}
