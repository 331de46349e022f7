//! What must become of each person's mail, from the order of releases alone: no statement of the service is asked.

use std::collections::{BTreeMap, BTreeSet};

use jarshy::base::time::{Timestamp, Zone};
use jiff::civil::Date;

/// The newsletter's `late_until` and its memory, as the settings have them by default.
const LATE_HOURS: i64 = 6;
const MEMORY_DAYS: i64 = 7;
/// The shortest time between two digests of an immediate slot, and how often one without news looks again.
const PAUSE_SECS: i64 = 300;
const LOOK_SECS: i64 = 60;

/// A number of the release log, and when it was taken.
pub type Number = (i64, Timestamp);

#[derive(Clone, Debug)]
pub struct Text {
    pub id: i64,
    pub uid: String,
    pub story: usize,
    pub language: &'static str,
    pub section: &'static str,
    /// Its first release.
    pub first: Option<Number>,
    /// Its last one: a story whose promised text did not come is released again.
    pub released: Option<Number>,
    pub is_archived: bool,
    pub is_withdrawn: bool,
}

impl Text {
    pub const fn is_out(&self) -> bool {
        self.released.is_some() || self.is_archived
    }

    /// Public, and no archive's.
    pub const fn is_live(&self) -> bool {
        self.released.is_some() && !self.is_withdrawn
    }
}

#[derive(Clone, Debug)]
pub struct Story {
    pub uid: String,
    pub promise: Option<Promise>,
}

/// A text that follows.
#[derive(Clone, Debug)]
pub struct Promise {
    pub language: &'static str,
    pub until: Timestamp,
    pub is_over: bool,
}

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    pub languages: Vec<&'static str>,
    pub sections: Vec<&'static str>,
    pub zone: &'static str,
    pub minute: i64,
    pub cadence: &'static str,
}

impl Wish {
    pub fn is_immediate(&self) -> bool {
        self.cadence == "immediate"
    }

    fn zone(&self) -> Zone {
        Zone::parse(self.zone).unwrap()
    }

    fn due(&self, date: Date) -> Timestamp {
        date.at((self.minute / 60) as i8, (self.minute % 60) as i8, 0, 0)
            .to_zoned_datetime(self.zone().as_jiff().clone())
            .unwrap()
            .timestamp()
            .into()
    }

    fn is_a_day(&self, date: Date) -> bool {
        let day = date.weekday().to_monday_one_offset();
        match self.cadence {
            "weekdays" => day <= 5,
            "days:2,4,6" => [2, 4, 6].contains(&day),
            "weekly:3" => day == 3,
            _ => true,
        }
    }

    /// Whether the next digest may be a week away: such readers do not wait for a promised text.
    fn is_rare(&self) -> bool {
        matches!(self.cadence, "days:2,4,6" | "weekly:3")
    }

    fn wants(&self, text: &Text) -> bool {
        self.languages.contains(&text.language)
            && (self.sections.is_empty() || self.sections.contains(&text.section))
    }
}

/// What became of a mail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    Open,
    Accepted,
    /// Why nobody got it.
    Gone(&'static str),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    pub local_date: String,
    /// Rows of its articles.
    pub items: BTreeSet<i64>,
    pub fate: Fate,
    /// False for an immediate one, of which a date may have many.
    pub has_date: bool,
    pub zone: &'static str,
    pub planned_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Mail {
    fn counts(&self) -> bool {
        !matches!(self.fate, Fate::Gone(_))
    }
}

#[derive(Clone, Debug)]
pub struct Person {
    pub uid: String,
    pub subscriber_id: i64,
    pub address: String,
    pub wish: Wish,
    pub is_active: bool,
    pub is_suppressed: bool,
    /// The first local date with mail again.
    pub paused_until: Option<Date>,
    pub read_to: i64,
    pub last_date: String,
    /// In the order of planning.
    pub mails: Vec<Mail>,
}

impl Person {
    /// Whatever waits is called off.
    pub fn call_off(&mut self, why: &'static str) {
        for mail in &mut self.mails {
            if mail.fate == Fate::Open {
                mail.fate = Fate::Gone(why);
            }
        }
    }

    /// A text is taken out of what waits.
    pub fn take_out(&mut self, article: i64) {
        for mail in &mut self.mails {
            if mail.fate == Fate::Open && mail.items.remove(&article) && mail.items.is_empty() {
                mail.fate = Fate::Gone("withdrawn");
            }
        }
    }

    /// Everything that waits is sent, or ends by its name. `is_refused` is a mailbox that does not exist, which is found out by the first
    /// message.
    pub fn send(&mut self, now: Timestamp, is_refused: bool) {
        for mail in &mut self.mails {
            if mail.fate != Fate::Open {
                continue;
            }
            mail.fate = if mail.expires_at <= now {
                Fate::Gone("late")
            } else if self.is_suppressed {
                Fate::Gone("suppressed")
            } else if is_refused {
                self.is_suppressed = true;
                Fate::Gone("hard")
            } else {
                Fate::Accepted
            };
        }
    }
}

/// What is known of all.
#[derive(Default)]
pub struct Model {
    pub texts: Vec<Text>,
    pub stories: Vec<Story>,
    pub people: Vec<Person>,
    /// Immediate slots by zone: when they look at the log next, and where their last window ended.
    immediate: BTreeMap<&'static str, (Timestamp, i64)>,
    /// What became of the stories of each window, by name.
    pub fates: BTreeMap<&'static str, usize>,
}

/// A window that comes due for somebody.
struct Opening {
    local_date: Date,
    expires_at: Timestamp,
    is_missed: bool,
}

impl Model {
    /// A slot is made when the first person asks for it.
    pub fn asked_for(&mut self, wish: &Wish, now: Timestamp) {
        if wish.is_immediate() {
            self.immediate
                .entry(wish.zone)
                .or_insert((now.plus_secs(PAUSE_SECS), 0));
        }
    }

    pub fn count(&mut self, name: &'static str) {
        *self.fates.entry(name).or_default() += 1;
    }

    /// Ends the promises that nobody kept in time; their stories.
    pub fn end_waits(&mut self, now: Timestamp) -> BTreeSet<usize> {
        let mut ended = BTreeSet::new();
        for (index, story) in self.stories.iter_mut().enumerate() {
            if let Some(promise) = &mut story.promise
                && promise.until <= now
                && !promise.is_over
            {
                promise.is_over = true;
                ended.insert(index);
            }
        }
        ended
    }

    /// Whether a promise of that text would be a new one.
    pub fn may_promise(&self, story: usize, language: &str) -> bool {
        let is_first = self.stories.get(story).is_none_or(|s| s.promise.is_none());
        is_first
            && !self.texts.iter().any(|t| {
                t.story == story && t.language == language && t.is_out() && !t.is_withdrawn
            })
    }

    /// What everybody must get of the runs that were opened between `before` and `now`, with the head of the log at `head`.
    pub fn expect(&mut self, before: Timestamp, now: Timestamp, head: i64) {
        let mut opened = BTreeSet::new();
        for (zone, (next, last)) in &mut self.immediate {
            if *next > now {
                continue;
            }
            let has_news = head > *last;
            *next = now.plus_secs(if has_news { PAUSE_SECS } else { LOOK_SECS });
            if has_news {
                *last = head;
                opened.insert(*zone);
            }
        }
        for who in 0..self.people.len() {
            let person = &mut self.people[who];
            let today = now.date_in(&person.wish.zone());
            if person.paused_until.is_some_and(|until| today >= until) {
                person.paused_until = None;
            }
            if person.paused_until.is_some() || !person.is_active {
                continue;
            }
            let opening = if person.wish.is_immediate() {
                opened.contains(person.wish.zone).then(|| Opening {
                    local_date: today,
                    expires_at: now.plus_secs(LATE_HOURS * 3600),
                    is_missed: false,
                })
            } else {
                due_between(&person.wish, before, now)
            };
            let Some(opening) = opening else { continue };
            if opening.is_missed {
                self.count("run missed");
            } else {
                self.serve(who, &opening, now, head);
            }
        }
    }

    fn serve(&mut self, who: usize, opening: &Opening, now: Timestamp, head: i64) {
        let person = &self.people[who];
        let local_date = opening.local_date.to_string();
        let has_date = !person.wish.is_immediate();
        if person.read_to >= head || (has_date && person.last_date >= local_date) {
            return;
        }
        let oldest: Timestamp = opening
            .local_date
            .checked_sub(jiff::Span::new().days(MEMORY_DAYS))
            .unwrap()
            .at(0, 0, 0, 0)
            .to_zoned_datetime(person.wish.zone().as_jiff().clone())
            .unwrap()
            .timestamp()
            .into();
        let had: BTreeSet<usize> = person
            .mails
            .iter()
            .filter(|mail| mail.counts())
            .flat_map(|mail| &mail.items)
            .map(|id| self.texts.iter().find(|t| t.id == *id).unwrap().story)
            .collect();
        let mut items = BTreeSet::new();
        for story in 0..self.stories.len() {
            let (fate, best) = self.judge(who, story, oldest, now, had.contains(&story));
            let Some(fate) = fate else { continue };
            self.count(fate);
            if let Some(best) = best {
                if best.1 {
                    self.count("second choice");
                }
                items.insert(best.0);
            }
        }
        if !items.is_empty() {
            self.count(if has_date { "mail" } else { "immediate mail" });
        }
        let person = &mut self.people[who];
        person.read_to = head;
        if items.is_empty() {
            return;
        }
        if has_date {
            person.last_date.clone_from(&local_date);
        }
        person.mails.push(Mail {
            local_date,
            items,
            fate: Fate::Open,
            has_date,
            zone: person.wish.zone,
            planned_at: now,
            expires_at: opening.expires_at,
        });
    }

    /// What becomes of one story for one person, and the text that is mailed, with whether it is not in the first language.
    fn judge(
        &self,
        who: usize,
        story: usize,
        oldest: Timestamp,
        now: Timestamp,
        had: bool,
    ) -> (Option<&'static str>, Option<(i64, bool)>) {
        let person = &self.people[who];
        let texts = || self.texts.iter().filter(|t| t.story == story);
        let in_window = |t: &Text| t.released.is_some_and(|(no, _)| no > person.read_to);
        let wanted = || texts().filter(|t| t.is_live() && person.wish.wants(t));
        let is_new = wanted()
            .filter_map(|t| t.released)
            .any(|(no, at)| no > person.read_to && at >= oldest);
        let first_language = person.wish.languages[0];
        let is_awaited = !person.wish.is_rare()
            && self.stories[story]
                .promise
                .as_ref()
                .is_some_and(|promise| promise.language == first_language && promise.until > now)
            && !texts().any(|t| t.is_live() && t.language == first_language);
        // Begun in this window, it cannot have come before; begun longer ago than is remembered, it may have.
        let first = texts().filter_map(|t| t.first).min();
        let is_known = first.is_some_and(|(no, at)| no > person.read_to || at >= oldest);
        let fate = if is_new && is_awaited {
            "awaited"
        } else if is_new && had {
            "had it"
        } else if is_new && is_known {
            "mailed"
        } else if wanted().any(in_window) {
            "too old"
        } else if texts().any(|t| in_window(t) && person.wish.wants(t)) {
            "withdrawn"
        } else if texts().any(in_window) {
            "not wanted"
        } else {
            return (None, None);
        };
        let rank = |t: &&Text| person.wish.languages.iter().position(|l| *l == t.language);
        let best = wanted()
            .min_by_key(rank)
            .filter(|_| fate == "mailed")
            .map(|t| (t.id, t.language != first_language));
        (Some(fate), best)
    }
}

/// The newest window of a wish with a date, if it came due after `before`.
fn due_between(wish: &Wish, before: Timestamp, now: Timestamp) -> Option<Opening> {
    let mut date = now.date_in(&wish.zone());
    while wish.due(date) > now || !wish.is_a_day(date) {
        date = date.yesterday().unwrap();
    }
    let mut next = date.tomorrow().unwrap();
    while !wish.is_a_day(next) {
        next = next.tomorrow().unwrap();
    }
    let at = wish.due(date);
    let expires_at = at.plus_secs(LATE_HOURS * 3600).min(wish.due(next));
    (at > before).then_some(Opening {
        local_date: date,
        expires_at,
        is_missed: now >= expires_at,
    })
}
