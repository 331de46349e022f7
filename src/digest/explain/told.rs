//! What a person is told of texts they had: in the mails of a date, and what waits for the next one.

use super::Case;
use crate::audience::store::list_untold;
use crate::delivery::store::Delivered;
use crate::digest::DigestError;
use crate::digest::explanation::Reason;
use crate::digest::notice::{Notice, latest, notices};
use crate::digest::store;
use crate::newsroom::store::{get_head, list_articles};

impl Case<'_> {
    /// One line for each.
    pub(super) async fn told(&self, rows: &[&Delivered]) -> Result<Vec<Reason>, DigestError> {
        let db = &self.core.db;
        let mut told = Vec::new();
        for row in rows.iter().filter(|row| row.state != "cancelled") {
            for (title, is_withdrawn) in store::list_told(db, row.letter_id).await? {
                told.push(if is_withdrawn {
                    Reason::new(
                        "withdrawn",
                        format!("says that a story was withdrawn, without its words («{title}»)"),
                    )
                } else {
                    Reason::new("corrected", format!("tells of the correction of «{title}»"))
                });
            }
        }
        let waiting: Vec<i64> = self.waiting().await?.iter().map(|n| n.article_id).collect();
        for article in list_articles(db, &waiting).await? {
            told.push(Reason::new(
                "waits",
                format!(
                    "a change of «{}», which the person had, is told with the next mail: nobody is written to for it alone",
                    article.title
                ),
            ));
        }
        Ok(told)
    }

    /// What the planner would tell now. Its own statements, in a transaction that is taken back.
    async fn waiting(&self) -> Result<Vec<Notice>, DigestError> {
        let mut tx = self.core.db.begin().await?;
        let waiting = list_untold(&mut tx, &[self.subscription.id]).await?;
        let since = waiting
            .first()
            .map_or(self.subscription.read_to, |(_, from)| *from);
        let head = get_head(&self.core.db).await?;
        let changes = latest(store::list_changes(&mut tx, since, head).await?);
        let articles: Vec<i64> = changes
            .iter()
            .map(|change| change.notice.article_id)
            .collect();
        let row = self.profile.id;
        let sent =
            store::list_sent_texts(&mut tx, self.newsletter.id, &[row], &articles, None).await?;
        tx.rollback().await?;
        Ok(sent
            .get(&row)
            .map_or_else(Vec::new, |sent| notices(&changes, since, sent)))
    }
}
