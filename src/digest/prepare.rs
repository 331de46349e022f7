//! One issue per distinct content: compiled once, by whoever needs it first, on any instance.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::DigestError;
use super::compile::{Compiled, Material, compile};
use super::foresight::Foresight;
use super::gather::Content;
use super::issue::{content_key, uid_of};
use super::note::find_note;
use super::open::TRIES;
use super::order::arrange;
use super::store::{self, NewIssue};
use crate::audience::Newsletter;
use crate::base::language::Language;
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::db::is_retryable;
use crate::delivery::store::insert_letter;
use crate::newsroom::store::{get_head, list_articles, lock_live_articles};
use crate::newsroom::{Article, ArticleState, Section};
use crate::theme::Theme;
use crate::work::Core;

/// What became of a content.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// It has a letter.
    Ready {
        /// Row of the letter.
        letter_id: i64,
        /// Subject.
        subject: Arc<str>,
    },
    /// It does not compile: set aside, said in the log, and its people keep their place.
    Failed,
}

/// Whether a content could be prepared.
pub enum Outcome {
    /// It is settled.
    Settled(Prepared),
    /// Something of it is no longer live: pick again.
    Stale,
    /// No mail can be made of these articles (said in the log): pick again without them.
    Faulty(Vec<i64>),
}

/// What an issue is made of, besides settings.
pub struct Loaded {
    /// Its stories in their order.
    pub articles: Vec<Article>,
    /// Texts it tells of, by number of the log.
    pub told: Vec<Article>,
    /// What the editor says on top.
    pub note: Option<String>,
    /// The head of the log before any of it was read.
    pub head_no: i64,
}

/// What several issues of a newsletter and a date are made of, read once for all of them.
struct Texts {
    /// The head of the log before anything was read.
    head_no: i64,
    articles: HashMap<i64, Article>,
    notes: HashMap<Language, Option<String>>,
}

impl Texts {
    async fn read(
        core: &Core,
        newsletter: &Newsletter,
        contents: &[Content],
        local_date: Date,
        foreseen: &Foresight,
    ) -> Result<Self, DigestError> {
        let ids: BTreeSet<i64> = contents
            .iter()
            .flat_map(|content| {
                let told = content.notices.iter().map(|notice| notice.article_id);
                content.items.iter().map(|item| item.article_id).chain(told)
            })
            .collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let mut head_no = get_head(&core.db).await?;
        let mut articles = None;
        for _ in 0..TRIES {
            let read = list_articles(&core.db, &ids).await?;
            let head = get_head(&core.db).await?;
            // Read again if something happened meanwhile: whoever gets a corrected text must not be told that it was corrected.
            if head == std::mem::replace(&mut head_no, head) {
                articles = Some(read);
                break;
            }
        }
        let articles = articles.ok_or_else(|| {
            DigestError::Invalid(
                "texts change faster than an issue can be made of them; the run stays open"
                    .to_owned(),
            )
        })?;
        let mut notes = HashMap::new();
        for content in contents {
            if !notes.contains_key(&content.language) {
                let note = find_note(core, newsletter, local_date, &content.language).await?;
                notes.insert(content.language.clone(), note);
            }
        }
        Ok(Self {
            head_no,
            articles: articles
                .into_iter()
                .map(|article| match foreseen.articles.get(&article.id) {
                    Some(as_it_will_be) => (article.id, as_it_will_be.clone()),
                    None => (article.id, article),
                })
                .collect(),
            notes,
        })
    }

    /// The articles of a content in the order of the issue, and what stands beside them; none if one of them is not live under
    /// that number any more.
    fn of(&self, content: &Content, sections: &[Section]) -> Option<Loaded> {
        let mut articles = Vec::with_capacity(content.items.len());
        for item in &content.items {
            articles.push(
                self.articles
                    .get(&item.article_id)
                    .filter(|article| {
                        article.state == ArticleState::Released
                            && article.release_no == Some(item.release_no)
                    })?
                    .clone(),
            );
        }
        arrange(&mut articles, sections);
        Some(Loaded {
            articles,
            told: content
                .notices
                .iter()
                .filter_map(|notice| self.articles.get(&notice.article_id).cloned())
                .collect(),
            note: self.notes.get(&content.language).cloned().flatten(),
            head_no: self.head_no,
        })
    }
}

/// What one content is made of; none if one of its articles is not live under that number any more.
pub async fn load(
    core: &Core,
    newsletter: &Newsletter,
    content: &Content,
    local_date: Date,
    sections: &[Section],
    foreseen: &Foresight,
) -> Result<Option<Loaded>, DigestError> {
    let texts = Texts::read(
        core,
        newsletter,
        std::slice::from_ref(content),
        local_date,
        foreseen,
    )
    .await?;
    Ok(texts.of(content, sections))
}

/// The key of a content.
pub fn key_of(
    newsletter: &Newsletter,
    content: &Content,
    local_date: Date,
    loaded: &Loaded,
) -> String {
    // A corrected text makes another issue: whoever is planned later must not get the mistake.
    let items: Vec<(String, i64)> = loaded
        .articles
        .iter()
        .map(|a| {
            let version = a
                .updated_at
                .map_or_else(String::new, |at| format!("@{}", at.as_millis()));
            (format!("{}{version}", a.uid), a.release_no.unwrap_or(0))
        })
        .collect();
    let notices: Vec<(String, i64)> = loaded
        .told
        .iter()
        .zip(&content.notices)
        .map(|(article, notice)| (article.uid.clone(), notice.no))
        .collect();
    content_key(
        &newsletter.uid,
        &content.language,
        local_date,
        &items,
        &notices,
        loaded.note.as_deref(),
    )
}

/// What the issues of one newsletter and date have in common.
#[derive(Clone)]
pub struct Setting {
    /// Newsletter.
    pub newsletter: Arc<Newsletter>,
    /// The newsroom's sections in their order.
    pub sections: Arc<[Section]>,
    /// Their date.
    pub local_date: Date,
    /// What the Date header says.
    pub dated_at: Timestamp,
}

/// Issues in one transaction: a commit for each would cost more than the issue.
const TOGETHER: usize = 64;

/// A content on its way to being an issue.
struct Draft {
    content: Content,
    loaded: Loaded,
    key: String,
}

/// Finds the issues of contents, or compiles and stores them under the lock of their articles. Returns what became of each.
pub async fn prepare(
    core: &Core,
    theme: &Theme,
    setting: &Setting,
    contents: &[Content],
) -> Result<Vec<(Content, Outcome)>, DigestError> {
    let mut done = Vec::with_capacity(contents.len());
    for contents in contents.chunks(TOGETHER) {
        done.extend(prepare_some(core, theme, setting, contents).await?);
    }
    Ok(done)
}

async fn prepare_some(
    core: &Core,
    theme: &Theme,
    setting: &Setting,
    contents: &[Content],
) -> Result<Vec<(Content, Outcome)>, DigestError> {
    let Setting {
        newsletter,
        sections,
        local_date,
        ..
    } = setting;
    let foreseen = Foresight::default();
    let texts = Texts::read(core, newsletter, contents, *local_date, &foreseen).await?;
    let (mut done, mut drafts) = (Vec::new(), Vec::new());
    for content in contents {
        match texts.of(content, sections) {
            None => done.push((content.clone(), Outcome::Stale)),
            Some(loaded) => drafts.push(Draft {
                key: key_of(newsletter, content, *local_date, &loaded),
                content: content.clone(),
                loaded,
            }),
        }
    }
    let keys: Vec<&str> = drafts.iter().map(|draft| draft.key.as_str()).collect();
    let mut found = find(core, &keys).await?;
    let mut new = Vec::new();
    for draft in drafts {
        match found.remove(&draft.key) {
            Some(outcome) => done.push((draft.content, outcome)),
            None => new.push(draft),
        }
    }
    let mut made = Vec::new();
    for (draft, compiled) in compile_all(core, theme, setting, new).await? {
        match compiled {
            Ok(compiled) => made.push((draft, compiled)),
            Err(outcome) => done.push((draft.content, outcome)),
        }
    }
    if let Some(outcomes) = store_all(core, setting, &made).await? {
        done.extend(
            made.into_iter()
                .map(|(draft, _)| draft.content)
                .zip(outcomes),
        );
        return Ok(done);
    }
    for one in made {
        let outcome = store_one(core, setting, &one).await?;
        done.push((one.0.content, outcome));
    }
    Ok(done)
}

/// Compiles drafts on as many threads as there are cores, in their order.
async fn compile_all(
    core: &Core,
    theme: &Theme,
    setting: &Setting,
    mut drafts: Vec<Draft>,
) -> Result<Vec<(Draft, Result<Compiled, Outcome>)>, DigestError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = drafts.len().div_ceil(threads).max(1);
    let mut working = Vec::new();
    while !drafts.is_empty() {
        let rest = drafts.split_off(share.min(drafts.len()));
        let (config, theme, setting) = (core.config.clone(), theme.clone(), setting.clone());
        working.push(tokio::task::spawn_blocking(move || {
            drafts
                .into_iter()
                .map(|draft| {
                    let compiled = compile_one(&config, &theme, &setting, &draft);
                    (draft, compiled)
                })
                .collect::<Vec<_>>()
        }));
        drafts = rest;
    }
    let mut done = Vec::new();
    for share in working {
        done.extend(share.await.map_err(|error| {
            DigestError::Invalid(format!("issues could not be compiled: {error}"))
        })?);
    }
    Ok(done)
}

fn compile_one(
    config: &Config,
    theme: &Theme,
    setting: &Setting,
    draft: &Draft,
) -> Result<Compiled, Outcome> {
    let Setting {
        newsletter,
        sections,
        local_date,
        dated_at,
    } = setting;
    let material = Material {
        config,
        theme,
        newsletter,
        sections,
        language: &draft.content.language,
        local_date: *local_date,
        uid: &uid_of(&draft.key),
        dated_at: *dated_at,
        articles: &draft.loaded.articles,
        told: &draft.loaded.told,
        note: draft.loaded.note.as_deref(),
    };
    compile(&material).map_err(|error| {
        let faulty = find_faulty(&material);
        for article in material.articles.iter().filter(|a| faulty.contains(&a.id)) {
            tracing::error!(newsletter = newsletter.slug, article = article.uid, %error,
                "no mail can be made of an article and it is left out; mend it or the template, then run `jarshy article release`");
        }
        if faulty.is_empty() {
            tracing::error!(newsletter = newsletter.slug, language = %material.language, %error,
                "an issue does not compile and is set aside; its people keep their place");
            return Outcome::Settled(Prepared::Failed);
        }
        Outcome::Faulty(faulty)
    })
}

/// The articles of an issue that does not compile without which it does; none if it is not for them: then the template is at fault,
/// and leaving articles out would only hide it.
fn find_faulty(material: &Material<'_>) -> Vec<i64> {
    let (mut sound, mut faulty) = (Vec::new(), Vec::new());
    for article in material.articles {
        sound.push(article.clone());
        let tried = Material {
            articles: &sound,
            ..*material
        };
        if compile(&tried).is_err() {
            sound.pop();
            faulty.push(article.id);
        }
    }
    if faulty.len() * 2 > material.articles.len() {
        faulty.clear();
    }
    faulty
}

/// The issues of those keys that are there. One whose letter was replaced has lost a story, and so has the pick that asks for it.
async fn find(core: &Core, keys: &[&str]) -> Result<HashMap<String, Outcome>, DigestError> {
    Ok(store::find_issues_by_content(&core.db, keys)
        .await?
        .into_iter()
        .map(|(key, letter_id, subject, state)| match state.as_str() {
            "replaced" => (key, Outcome::Stale),
            _ => (
                key,
                Outcome::Settled(Prepared::Ready {
                    letter_id,
                    subject: subject.into(),
                }),
            ),
        })
        .collect())
}

/// Stores compiled issues in one transaction; none if one of them is there already, and then none is stored.
async fn store_all(
    core: &Core,
    setting: &Setting,
    made: &[(Draft, Compiled)],
) -> Result<Option<Vec<Outcome>>, DigestError> {
    for attempt in 1.. {
        match insert(core, setting, made).await {
            Err(DigestError::Database(e)) if is_retryable(&e) && attempt < TRIES => {}
            other => return other,
        }
    }
    unreachable!("the loop returns")
}

/// Stores a compiled issue, or finds it: another instance was quicker, and equal content is one issue.
async fn store_one(
    core: &Core,
    setting: &Setting,
    made: &(Draft, Compiled),
) -> Result<Outcome, DigestError> {
    let key = made.0.key.as_str();
    for _ in 0..TRIES {
        if let Some(outcome) = store_all(core, setting, std::slice::from_ref(made))
            .await?
            .and_then(|mut one| one.pop())
        {
            return Ok(outcome);
        }
        if let Some(found) = find(core, &[key]).await?.remove(key) {
            return Ok(found);
        }
    }
    Err(DigestError::Invalid(format!(
        "issue {} can neither be stored nor found",
        uid_of(key)
    )))
}

async fn insert(
    core: &Core,
    setting: &Setting,
    made: &[(Draft, Compiled)],
) -> Result<Option<Vec<Outcome>>, DigestError> {
    if made.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let numbered = |a: &Article| (a.id, a.release_no.unwrap_or(0));
    // A corrected text is named, so it must not be withdrawn meanwhile either; one of an archive was never mailed.
    let named = |a: &&Article| a.state == ArticleState::Released;
    let needed = |loaded: &Loaded| -> Vec<(i64, i64)> {
        let told = loaded.told.iter().filter(named).map(numbered);
        loaded.articles.iter().map(numbered).chain(told).collect()
    };
    let locked: BTreeSet<(i64, i64)> = made
        .iter()
        .flat_map(|(draft, _)| needed(&draft.loaded))
        .collect();
    let mut tx = core.db.begin().await?;
    // Locked against withdrawal, and looked at again: what is withdrawn later finds these issues.
    let locked: Vec<(i64, i64)> = locked.into_iter().collect();
    let live: BTreeSet<i64> = lock_live_articles(&mut tx, &locked)
        .await?
        .into_iter()
        .collect();
    let mut number = store::get_next_number(&mut tx, setting.newsletter.id).await?;
    let mut outcomes = Vec::with_capacity(made.len());
    for (draft, compiled) in made {
        if !needed(&draft.loaded)
            .iter()
            .all(|(id, _)| live.contains(id))
        {
            outcomes.push(Outcome::Stale);
            continue;
        }
        let letter_id = insert_letter(&mut tx, core, &compiled.letter).await?;
        let issue = NewIssue {
            uid: &uid_of(&draft.key),
            revision: 1,
            newsletter_id: setting.newsletter.id,
            number,
            local_date: setting.local_date,
            language: &draft.content.language,
            content_key: Some(&draft.key),
            letter_id,
            subject: &compiled.letter.subject,
            head_no: draft.loaded.head_no,
            note: draft.loaded.note.as_deref(),
            created_at: core.clock.now(),
        };
        let Some(issue_id) = store::insert_issue(&mut tx, &issue).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let items: Vec<(i64, i64)> = draft.loaded.articles.iter().map(numbered).collect();
        store::insert_items(&mut tx, issue_id, &items, compiled.shown).await?;
        store::insert_notices(&mut tx, issue_id, &draft.content.notices).await?;
        number += 1;
        outcomes.push(Outcome::Settled(Prepared::Ready {
            letter_id,
            subject: compiled.letter.subject.as_str().into(),
        }));
    }
    tx.commit().await?;
    Ok(Some(outcomes))
}
