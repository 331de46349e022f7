//! Bringing an archive up to the log's head: pages that changed get a version, what the head has too many of is closed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Page, page_size, store};
use crate::db::{Db, Result};
use crate::newsroom::store as newsroom;
use crate::newsroom::store::{End, FeedPosition, Filter, Stretch};

/// Positions that are read at once.
const CHUNK: i64 = 5_000;

/// What is to be written so that the archive of a scope is right at a head of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The scope's folder.
    pub scope: String,
    /// The log number of the archive that this was made from; `None` if there was none.
    pub from_no: Option<i64>,
    /// The head of the log that it is right for.
    pub log_no: i64,
    /// The highest page that ever was.
    pub top: i64,
    /// The last page.
    pub last: Option<Page>,
    /// Pages with other articles than before, and their new versions.
    pub versions: BTreeMap<i64, i64>,
    /// This page and all behind it are cut anew.
    pub cut: Option<i64>,
    /// Pages that are closed.
    pub closed: Vec<Page>,
    /// Rows of the articles that stay in the head, newest first.
    pub head: Vec<i64>,
}

/// Works out what changed between the archive's own log number and `head`. Of the newsroom it reads only what those entries touched
/// and what stands behind the last page.
///
/// The caller reads the log's head before and after: if that is the same, all of it is of one state.
pub async fn repage(db: &Db, scope: &str, filter: &Filter, items: i64, head: i64) -> Result<Plan> {
    let size = page_size(items);
    let stored = store::find_archive(db, scope).await?;
    let mut plan = Plan {
        scope: scope.to_owned(),
        from_no: stored.map(|(log_no, _)| log_no),
        log_no: head,
        top: stored.map_or(0, |(_, top)| top),
        last: store::find_last_page(db, scope).await?,
        versions: BTreeMap::new(),
        cut: None,
        closed: Vec::new(),
        head: Vec::new(),
    };
    if let (Some((log_no, _)), Some(last)) = (stored, plan.last) {
        mark(db, &mut plan, filter, size, log_no, last).await?;
    }
    close(db, &mut plan, filter, items, size).await?;
    Ok(plan)
}

/// Finds the pages that lost or gained an article. One that gained so many that it is twice as long as it should be is cut anew,
/// with all behind it: that happens when an archive of older articles is imported.
async fn mark(
    db: &Db,
    plan: &mut Plan,
    filter: &Filter,
    size: i64,
    log_no: i64,
    last: Page,
) -> Result<()> {
    let (left, came) = moved(db, plan, filter, log_no, last).await?;
    let mut grown: BTreeMap<i64, Page> = BTreeMap::new();
    for (position, no) in left.iter().chain(&came) {
        if let Some(page) = store::find_page_at(db, &plan.scope, *position).await? {
            let version = plan.versions.entry(page.page).or_insert(0);
            *version = (*version).max(*no);
            if came.contains_key(position) {
                grown.insert(page.page, page);
            }
        }
    }
    for (number, page) in grown {
        let before = store::find_page(db, &plan.scope, number - 1).await?;
        let stretch = Stretch {
            after: before.map(|before| before.upto),
            upto: Some(page.upto),
        };
        let most = 2 * size;
        let found = newsroom::list_positions(db, filter, stretch, End::Oldest, most + 1).await?;
        if found.len() as i64 > most {
            plan.cut = Some(number);
            plan.last = before;
            plan.versions.retain(|page, _| *page < number);
            break;
        }
    }
    Ok(())
}

/// Positions in closed pages that were left, and that were taken, since a log number; with the number of the entry that did.
async fn moved(
    db: &Db,
    plan: &Plan,
    filter: &Filter,
    log_no: i64,
    last: Page,
) -> Result<(BTreeMap<FeedPosition, i64>, BTreeMap<FeedPosition, i64>)> {
    let languages = &filter.languages;
    let mut moves = newsroom::list_moves(db, log_no, plan.log_no, languages).await?;
    // A page that links a withdrawn translation has other words to say, although it holds the same articles.
    moves.extend(newsroom::list_widowed(db, log_no, plan.log_no, languages).await?);
    let is_closed = |position: &FeedPosition| *position <= last.upto;
    let at = |id, feed_at| FeedPosition { feed_at, id };
    moves.retain(|one| {
        let places = one.left_at.into_iter().chain(one.feed_at);
        places
            .map(|feed_at| at(one.article_id, feed_at))
            .any(|position| is_closed(&position))
    });
    let ids: BTreeSet<i64> = moves.iter().map(|one| one.article_id).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    // An article that was filed elsewhere may be of this feed no more, or of it since then: it counts either way.
    let mut ours: HashSet<i64> = moves
        .iter()
        .filter(|one| one.is_refiled)
        .map(|one| one.article_id)
        .collect();
    ours.extend(newsroom::list_matching(db, filter, &ids).await?);
    let (mut left, mut came) = (BTreeMap::new(), BTreeMap::new());
    for one in moves.iter().filter(|one| ours.contains(&one.article_id)) {
        for (places, feed_at) in [(&mut left, one.left_at), (&mut came, one.feed_at)] {
            let position = feed_at.map(|feed_at| at(one.article_id, feed_at));
            if let Some(position) = position.filter(is_closed) {
                places.insert(position, one.no);
            }
        }
    }
    Ok((left, came))
}

/// Closes pages until the head holds less than a page more than it should.
async fn close(db: &Db, plan: &mut Plan, filter: &Filter, items: i64, size: i64) -> Result<()> {
    let former_top = plan.top;
    let most = usize::try_from(items + size).unwrap_or(usize::MAX);
    let step = usize::try_from(size).unwrap_or(1);
    let limit = items + size + CHUNK;
    loop {
        let stretch = Stretch {
            after: plan.last.map(|page| page.upto),
            upto: None,
        };
        let found = newsroom::list_positions(db, filter, stretch, End::Oldest, limit).await?;
        let is_whole = (found.len() as i64) < limit;
        let mut rest = found.as_slice();
        while rest.len() >= most {
            let number = plan.last.map_or(1, |page| page.page + 1);
            let page = Page {
                page: number,
                upto: rest[step - 1],
                // A number that stood for other articles before must not stand for these without a version.
                version: if number <= former_top { plan.log_no } else { 0 },
            };
            plan.top = plan.top.max(number);
            plan.closed.push(page);
            plan.last = Some(page);
            rest = &rest[step..];
        }
        if is_whole {
            plan.head = rest.iter().rev().map(|position| position.id).collect();
            return Ok(());
        }
    }
}
