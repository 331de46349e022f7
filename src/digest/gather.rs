//! What a run's picks are made of: the stories of its window, the selections of its people, and what was picked for each
//! group, kept in memory for the length of the run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::DigestError;
use super::foresight::Foresight;
use super::notice::{Change, Notice, SentTo, latest, notices};
use super::pick::{Pick, Stories, pick};
use super::store::{self, OpenRun};
use super::verdict::{Item, Window};
use crate::audience::cadence::Cadence;
use crate::audience::store::{
    Group, Member, Slot, get_newsletter, get_slot, list_selections, list_untold,
};
use crate::audience::{Newsletter, Selection};
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::db::Tx;
use crate::newsroom::store::{
    get_head, list_articles, list_releases, list_sections, list_translations,
};
use crate::newsroom::{Article, ArticleState, Release, Section};
use crate::work::Core;

/// What distinguishes one issue of a run from another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Content {
    /// First language of those who get it.
    pub language: Language,
    /// Items, sorted.
    pub items: Vec<Item>,
    /// Corrections and withdrawals of texts they had, by number.
    pub notices: Vec<Notice>,
}

/// The people of a chunk, divided by what they get.
#[derive(Debug, Default)]
pub struct Divided {
    /// Who gets which content.
    pub mailed: BTreeMap<Content, Vec<Member>>,
    /// Those for whom there is nothing.
    pub empty: Vec<Member>,
    /// Rows of those among them for whom a correction or a withdrawal waits until they get a mail.
    pub untold: Vec<i64>,
    /// Rows of those among the mailed for whom something had waited.
    pub told: Vec<i64>,
}

/// Which of a group's doubtful stories somebody was sent, and what they are told of texts they had.
type Before<'a> = (Option<&'a BTreeSet<i64>>, &'a [Notice]);

/// The frozen end of a window, and what is too old for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame {
    /// The last number of the window.
    pub to_no: i64,
    /// See [`Window::forgotten_to`].
    pub forgotten_to: i64,
    /// When it was frozen.
    pub frozen_at: Timestamp,
    /// See [`Window::waits`].
    pub waits: bool,
}

impl Frame {
    /// The frame of a window of `slot` on `local_date`.
    pub async fn new(
        core: &Core,
        newsletter: &Newsletter,
        slot: &Slot,
        local_date: jiff::civil::Date,
        to_no: i64,
        frozen_at: Timestamp,
    ) -> Result<Self, DigestError> {
        let begins = Self::begins(newsletter, slot, local_date);
        let forgotten_to = store::get_no_before(&core.db, begins).await?;
        Ok(Self::behind(forgotten_to, slot, to_no, frozen_at))
    }

    /// When the newsletter's memory begins. It is counted in days of the slot's calendar, and never shorter than the slot's own
    /// period: a weekly reader gets the whole week.
    pub fn begins(
        newsletter: &Newsletter,
        slot: &Slot,
        local_date: jiff::civil::Date,
    ) -> Timestamp {
        let days = newsletter.max_age_days.max(period(&slot.cadence));
        let oldest = local_date
            .checked_sub(jiff::Span::new().days(days))
            .unwrap_or(jiff::civil::Date::MIN);
        crate::audience::cadence::due_instant(oldest, &slot.time_zone, 0)
    }

    /// The frame behind a number of the log.
    pub const fn behind(forgotten_to: i64, slot: &Slot, to_no: i64, frozen_at: Timestamp) -> Self {
        Self {
            to_no,
            forgotten_to,
            frozen_at,
            waits: period(&slot.cadence) < 7,
        }
    }
}

/// Days from one digest to the next, at most.
const fn period(cadence: &Cadence) -> i64 {
    match cadence {
        Cadence::Immediate | Cadence::Daily => 1,
        Cadence::Weekdays => 3,
        Cadence::Days(_) | Cadence::Weekly(_) => 7,
    }
}

/// Stories, selections and picks of one run.
pub struct Gathered {
    frame: Frame,
    newsletter: Newsletter,
    newsroom_languages: Vec<Language>,
    /// Sections in the newsroom's order.
    pub sections: Vec<Section>,
    stories: Stories,
    floor: i64,
    selections: HashMap<i64, Selection>,
    picks: HashMap<Group, Pick>,
    /// What was corrected or withdrawn lately; read when it is first asked for.
    changes: Option<Vec<Change>>,
    /// Texts of which no mail can be made; they are left out.
    faulty: BTreeSet<i64>,
    /// Texts that are not out yet, as they will be; for looking ahead alone.
    foreseen: Foresight,
    /// What was planned from then on does not count as sent; for looking back alone.
    sent_before: Option<Timestamp>,
}

impl Gathered {
    /// Nothing yet.
    pub async fn new(
        core: &Core,
        newsletter: Newsletter,
        frame: Frame,
    ) -> Result<Self, DigestError> {
        Ok(Self {
            frame,
            newsletter,
            newsroom_languages: core.config.newsroom.languages.clone(),
            sections: list_sections(&core.db).await?,
            stories: Stories::default(),
            floor: i64::MAX,
            selections: HashMap::new(),
            picks: HashMap::new(),
            changes: None,
            faulty: BTreeSet::new(),
            foreseen: Foresight::default(),
            sent_before: None,
        })
    }

    /// Nothing yet, for a run as it was opened; with its slot.
    pub async fn of_run(core: &Core, run: &OpenRun) -> Result<(Slot, Self), DigestError> {
        let slot = get_slot(&core.db, run.slot_id).await?;
        let newsletter = get_newsletter(&core.db, slot.newsletter_id).await?;
        let (date, to_no) = (run.local_date, run.to_no);
        let frame = Frame::new(core, &newsletter, &slot, date, to_no, run.opened_at).await?;
        Ok((slot, Self::new(core, newsletter, frame).await?))
    }

    /// Looks ahead: takes texts that wait for their hour for released.
    pub fn foresee(&mut self, foreseen: Foresight) {
        self.foreseen = foreseen;
    }

    /// Looks back: what was planned at that instant or later does not count as sent.
    pub const fn forget_sent_since(&mut self, at: Timestamp) {
        self.sent_before = Some(at);
    }

    /// What is taken for released.
    pub const fn foreseen(&self) -> &Foresight {
        &self.foreseen
    }

    /// The newsletter.
    pub const fn newsletter(&self) -> &Newsletter {
        &self.newsletter
    }

    /// A selection that was gathered.
    pub fn selection(&self, id: i64) -> Option<&Selection> {
        self.selections.get(&id)
    }

    /// Every selection that was gathered.
    pub fn selections(&self) -> impl Iterator<Item = &Selection> {
        self.selections.values()
    }

    /// Puts a selection in that has no row, for a preview.
    pub fn put_selection(&mut self, selection: Selection) {
        self.selections.insert(selection.id, selection);
    }

    /// Leaves texts out of which no mail can be made.
    pub fn leave_out(&mut self, articles: &[i64]) {
        self.faulty.extend(articles);
    }

    /// Forgets stories and picks: something of them was withdrawn meanwhile.
    pub fn forget_stories(&mut self) {
        self.stories = Stories::default();
        self.changes = None;
        self.floor = i64::MAX;
        self.picks.clear();
    }

    /// Reads what is missing for those groups and picks once for each.
    pub async fn gather(
        &mut self,
        core: &Core,
        tx: &mut Tx,
        groups: &[Group],
    ) -> Result<(), DigestError> {
        let unknown: BTreeSet<i64> = groups
            .iter()
            .map(|g| g.selection_id)
            .filter(|id| !self.selections.contains_key(id))
            .collect();
        if !unknown.is_empty() {
            let ids: Vec<i64> = unknown.into_iter().collect();
            for selection in list_selections(&core.db, &ids).await? {
                self.selections.insert(selection.id, selection);
            }
        }
        let Some(lowest) = groups.iter().map(|g| g.read_to).min() else {
            return Ok(());
        };
        if lowest < self.floor {
            self.load_stories(core, tx, lowest).await?;
        }
        for group in groups {
            if self.picks.contains_key(group) {
                continue;
            }
            let selection = self.selections.get(&group.selection_id).ok_or_else(|| {
                DigestError::Invalid(format!("selection {} is gone", group.selection_id))
            })?;
            let window = Window {
                read_to: group.read_to,
                to_no: self.frame.to_no,
                forgotten_to: self.frame.forgotten_to,
                frozen_at: self.frame.frozen_at,
                waits: self.frame.waits,
            };
            let picked = pick(
                &self.stories,
                selection,
                &self.newsletter.sections,
                &self.newsroom_languages,
                &window,
            );
            self.picks.insert(*group, picked);
        }
        Ok(())
    }

    /// The releases of the window from `floor` on, and the translations of its stories that are live from before.
    async fn load_stories(
        &mut self,
        core: &Core,
        tx: &mut Tx,
        floor: i64,
    ) -> Result<(), DigestError> {
        // What is foreseen stands first: a text that comes out again has another number than its row says.
        let mut releases: Vec<Release> = self
            .foreseen
            .articles
            .values()
            .filter_map(|article| {
                let (first_no, follows) = self.foreseen.stories.get(&article.story_id)?;
                self.release_of(article, *first_no, follows.clone())
            })
            .collect();
        releases.extend(list_releases(tx, floor, self.frame.to_no).await?);
        let older = Stories::new(releases.iter().cloned()).begun_before(floor);
        if !older.is_empty() {
            let first_nos: HashMap<i64, (i64, Option<(Language, Timestamp)>)> = releases
                .iter()
                .map(|r| (r.story_id, (r.first_no, r.follows.clone())))
                .collect();
            let ids: Vec<i64> = list_translations(&core.db, &older)
                .await?
                .iter()
                .map(|t| t.article_id)
                .collect();
            for article in list_articles(&core.db, &ids).await? {
                let Some((first_no, follows)) = first_nos.get(&article.story_id) else {
                    continue;
                };
                releases.extend(self.release_of(&article, *first_no, follows.clone()));
            }
        }
        self.stories = Stories::new(releases);
        self.floor = floor;
        self.picks.clear();
        Ok(())
    }

    /// An article as the digest picks it; none for an archived one, which no digest ever has.
    fn release_of(
        &self,
        article: &Article,
        first_no: i64,
        follows: Option<(Language, Timestamp)>,
    ) -> Option<Release> {
        if article.state != ArticleState::Released {
            return None;
        }
        Some(Release {
            article_id: article.id,
            story_id: article.story_id,
            first_no,
            release_no: article.release_no?,
            language: article.language.clone(),
            section: self
                .sections
                .iter()
                .find(|s| Some(s.id) == article.section_id)
                .map(|s| s.slug.clone()),
            tags: article.tags.iter().map(|t| t.slug.clone()).collect(),
            importance: article.importance,
            released_at: article.published_at(),
            follows,
        })
    }

    /// Whether what a gathered group gets hangs on what its people were sent.
    pub fn is_doubtful(&self, group: &Group) -> bool {
        self.picks
            .get(group)
            .is_some_and(|pick| !pick.doubtful.is_empty())
    }

    fn content(&self, group: &Group, sent: &BTreeSet<i64>, told: &[Notice]) -> Option<Content> {
        let mut items = self.picks.get(group)?.without(sent);
        items.retain(|item| !self.faulty.contains(&item.article_id));
        let language = self
            .selections
            .get(&group.selection_id)?
            .languages
            .first()
            .or_else(|| self.newsroom_languages.first())?
            .clone();
        (!items.is_empty()).then(|| Content {
            language,
            items,
            notices: told.to_vec(),
        })
    }

    /// What each of those people is to be told of texts they had, by row; and for whom something had waited.
    async fn told(
        &mut self,
        core: &Core,
        tx: &mut Tx,
        members: &[Member],
    ) -> Result<(HashMap<i64, Vec<Notice>>, BTreeSet<i64>), DigestError> {
        let Frame {
            to_no,
            forgotten_to,
            ..
        } = self.frame;
        if self.changes.is_none() {
            // What is foreseen has numbers beyond the log's, so a window that looks ahead ends with the log.
            let upto = to_no.min(get_head(&core.db).await?);
            self.changes = Some(latest(store::list_changes(tx, forgotten_to, upto).await?));
        }
        let changes = self.changes.clone().unwrap_or_default();
        let Some(newest) = changes.last().map(|change| change.notice.no) else {
            return Ok((HashMap::new(), BTreeSet::new()));
        };
        let rows: Vec<i64> = members.iter().map(|m| m.id).collect();
        let waiting: HashMap<i64, i64> = list_untold(tx, &rows).await?.into_iter().collect();
        let since = |m: &Member| waiting.get(&m.id).copied().unwrap_or(m.read_to);
        let asked: Vec<&Member> = members.iter().filter(|m| since(m) < newest).collect();
        let people: Vec<i64> = asked.iter().map(|m| m.subscriber_id).collect();
        let articles: Vec<i64> = changes.iter().map(|c| c.notice.article_id).collect();
        let sent: SentTo = if people.is_empty() {
            SentTo::new()
        } else {
            store::list_sent_texts(tx, self.newsletter.id, &people, &articles, self.sent_before)
                .await?
        };
        let told = asked
            .iter()
            .filter_map(|m| {
                let found = notices(&changes, since(m), sent.get(&m.subscriber_id)?);
                (!found.is_empty()).then_some((m.id, found))
            })
            .collect();
        Ok((told, waiting.into_keys().collect()))
    }

    /// Divides people by what they get. Gathers what is missing, and looks up what those were sent whose stories are doubtful.
    pub async fn divide(
        &mut self,
        core: &Core,
        tx: &mut Tx,
        members: Vec<Member>,
    ) -> Result<Divided, DigestError> {
        let (told, waited) = self.told(core, tx, &members).await?;
        let mut groups: BTreeMap<(i64, i64), Vec<Member>> = BTreeMap::new();
        for member in members {
            groups
                .entry((member.selection_id, member.read_to))
                .or_default()
                .push(member);
        }
        let keys: Vec<Group> = groups
            .keys()
            .map(|(selection_id, read_to)| Group {
                selection_id: *selection_id,
                read_to: *read_to,
            })
            .collect();
        self.gather(core, tx, &keys).await?;
        let mut divided = Divided::default();

        for (group, people) in keys.iter().zip(groups.into_values()) {
            let mut sent: HashMap<i64, BTreeSet<i64>> = HashMap::new();
            if self.is_doubtful(group) {
                let stories: Vec<i64> = self.picks[group]
                    .doubtful
                    .iter()
                    .map(|item| item.story_id)
                    .collect();
                let rows: Vec<i64> = people.iter().map(|m| m.subscriber_id).collect();
                for (subscriber_id, story) in
                    store::list_sent(tx, self.newsletter.id, &rows, &stories, self.sent_before)
                        .await?
                {
                    sent.entry(subscriber_id).or_default().insert(story);
                }
            }
            // Once for all who had the same and are told the same; nearly always nobody had anything of it.
            let mut alike: BTreeMap<Before<'_>, Vec<Member>> = BTreeMap::new();
            for member in people {
                let told = told.get(&member.id).map_or(&[][..], Vec::as_slice);
                alike
                    .entry((sent.get(&member.subscriber_id), told))
                    .or_default()
                    .push(member);
            }
            let nothing = BTreeSet::new();
            for ((had, told), people) in alike {
                let rows = people.iter().map(|member| member.id);
                if let Some(content) = self.content(group, had.unwrap_or(&nothing), told) {
                    divided.told.extend(rows.filter(|row| waited.contains(row)));
                    divided.mailed.entry(content).or_default().extend(people);
                } else {
                    if !told.is_empty() {
                        divided.untold.extend(rows);
                    }
                    divided.empty.extend(people);
                }
            }
        }
        Ok(divided)
    }
}
