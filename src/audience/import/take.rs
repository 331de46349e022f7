//! Takes a list of people in.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::charset::{Charset, Letters, tell};
use super::columns::{Columns, tell_separator};
use super::csv::{Broken, Record, Records, Separator};
use super::person::{self, Person, Preset};
use super::state::State;
use crate::audience::admit::{self, Candidate, Foreseen, Outcome, admit};
use crate::audience::{AudienceError, Newsletter, Wishes, newsletters, retried, wishes};
use crate::work::Core;

/// People in one transaction: enough that a commit costs little, few enough that nobody waits long for the one that writes.
const CHUNK: usize = 2000;
/// Letters by which the separator is told.
const SAMPLE: usize = 1 << 16;

/// How a list is taken.
pub struct ImportOptions {
    /// Slug of the newsletter of rows that name none; the first of the settings if none.
    pub newsletter: Option<String>,
    /// Wishes of rows that say nothing else.
    pub wishes: Wishes,
    /// What the consent rests on.
    pub consent: String,
    /// Where people stand at best; told by the file's name if none.
    pub state: Option<State>,
    /// Whether tags, labels and lists that are called like our sections are the person's sections.
    pub topics_from_labels: bool,
    /// Told by the bytes if none.
    pub charset: Option<Charset>,
    /// Told by the first rows if none.
    pub separator: Option<Separator>,
    /// Say what would be done and write nothing.
    pub is_dry: bool,
}

/// Why a list cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file is no list.
    #[error("{}, line {line}{}: {sentence}", path.display(), if *column == 0 { String::new() } else { format!(", column {column}") })]
    Broken {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Number of the column, from 1; 0 if it is no matter of one.
        column: usize,
        /// What is wrong and what to do.
        sentence: String,
    },
    /// The people could not be taken.
    #[error(transparent)]
    Audience(#[from] AudienceError),
}

/// What became of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The line it begins on.
    pub line: u64,
    /// The address as it stands there.
    pub address: String,
    /// What became of the person.
    pub outcome: Outcome,
    /// Why, or what was passed over; empty if there is nothing to say.
    pub sentence: String,
    /// Whether the row could not be used at all.
    pub is_unreadable: bool,
}

/// Who is told of what goes on.
pub trait Observer {
    /// Rows read so far, of how many.
    fn progress(&mut self, rows: u64, of: u64);
    /// What became of a row, in the order of the file within each chunk. An error ends the import after that chunk.
    fn found(&mut self, finding: &Finding) -> std::io::Result<()>;
}

/// What an import did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Charset as read.
    pub charset: String,
    /// Separator as read, in words.
    pub separator: String,
    /// Headings that were used.
    pub used: Vec<String>,
    /// Headings that were not.
    pub unused: Vec<String>,
    /// Rows with something in them, without the headings.
    pub rows: u64,
    /// People who read from now on.
    pub new: u64,
    /// People known already.
    pub known: u64,
    /// People who left elsewhere and are kept as such.
    pub left: u64,
    /// Addresses that must not be mailed and are kept as such.
    pub suppressed: u64,
    /// People who are not taken.
    pub refused: u64,
    /// Of these, rows that could not be used.
    pub unreadable: u64,
}

/// Takes the list in that file. It is read through once before: if it is no list, nothing is changed.
pub async fn import(
    core: &Core,
    path: &Path,
    options: ImportOptions,
    observer: &mut impl Observer,
) -> Result<Imported, ImportError> {
    let survey = survey(path, &options)?;
    let file = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let preset = Preset {
        config: &core.config,
        wishes: options.wishes,
        state: options
            .state
            .or_else(|| State::of_file(&file))
            .unwrap_or(State::Active),
        topics_from_labels: options.topics_from_labels,
        consent: options.consent,
        file,
        is_8_bit: survey.charset.is_8_bit(),
    };
    let default = newsletters::find_offered(core, options.newsletter.as_deref()).await?;
    wishes::check(&core.config, &default, &preset.wishes)?;
    let offered = newsletters::list_newsletters(core).await?;
    let mut work = Work {
        core,
        offered,
        default,
        is_chosen: options.newsletter.is_some(),
        foreseen: options.is_dry.then(Foreseen::default),
        chunk: Vec::with_capacity(CHUNK),
        seen: HashMap::with_capacity(CHUNK),
        report: Imported {
            charset: survey.charset.to_string(),
            separator: survey.separator.to_string(),
            used: survey.columns.used.clone(),
            unused: survey.columns.unused.clone(),
            ..Imported::default()
        },
    };
    let mut records = open(path, survey.charset, survey.separator)?;
    let mut record = Record::default();
    let mut is_first = survey.columns.has_headings;
    while next(path, &mut records, &mut record)? {
        if record.is_blank() || std::mem::take(&mut is_first) {
            continue;
        }
        work.report.rows += 1;
        work.take(&survey.columns, &record, &preset, observer)
            .await?;
        if work.chunk.is_empty() {
            observer.progress(work.report.rows, survey.rows);
        }
    }
    work.flush(observer).await?;
    observer.progress(work.report.rows, survey.rows);
    Ok(work.report)
}

/// What a file is.
struct Survey {
    charset: Charset,
    separator: Separator,
    columns: Columns,
    rows: u64,
}

type Rows = Records<Letters<File>>;

fn unreadable(path: &Path, reason: &dyn std::fmt::Display) -> ImportError {
    ImportError::Unreadable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn open_file(path: &Path) -> Result<File, ImportError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    // It is read more than once, which a pipe cannot be.
    if !file.metadata().is_ok_and(|known| known.is_file()) {
        return Err(unreadable(
            path,
            &"it is no file; save the list as a file first",
        ));
    }
    Ok(file)
}

fn open(path: &Path, charset: Charset, separator: Separator) -> Result<Rows, ImportError> {
    Ok(Records::new(
        Letters::new(open_file(path)?, charset),
        separator,
    ))
}

fn next(path: &Path, records: &mut Rows, record: &mut Record) -> Result<bool, ImportError> {
    let broken = |broken: Broken| ImportError::Broken {
        path: path.to_owned(),
        line: broken.line,
        column: broken.column,
        sentence: broken.sentence,
    };
    let is_there = records.read(record).map_err(broken)?;
    if !is_there && let Some(error) = &records.letters().error {
        return Err(unreadable(path, error));
    }
    Ok(is_there)
}

fn survey(path: &Path, options: &ImportOptions) -> Result<Survey, ImportError> {
    let charset = match options.charset {
        Some(charset) => charset,
        None => tell(open_file(path)?)
            .map_err(|error| unreadable(path, &error))?
            .map_err(|sentence| unreadable(path, &sentence))?,
    };
    let sample: String = Letters::new(open_file(path)?.take(SAMPLE as u64), charset).collect();
    let separator = options.separator.unwrap_or_else(|| tell_separator(&sample));
    let mut records = open(path, charset, separator)?;
    let mut record = Record::default();
    let (mut columns, mut rows) = (None, 0);
    while next(path, &mut records, &mut record)? {
        if record.is_blank() {
            continue;
        }
        if columns.is_none() {
            let found = Columns::read(&record).map_err(|sentence| ImportError::Broken {
                path: path.to_owned(),
                line: record.line,
                column: 0,
                sentence,
            })?;
            rows += u64::from(!found.has_headings);
            columns = Some(found);
        } else {
            rows += 1;
        }
    }
    let columns = columns.ok_or_else(|| unreadable(path, &"it is empty"))?;
    Ok(Survey {
        charset,
        separator,
        columns,
        rows,
    })
}

/// A row of the chunk that is being gathered.
struct Row {
    finding: Finding,
    /// Its candidate, or the row of the chunk with the same address that says the same; none if it is settled.
    candidate: Option<(i64, Candidate)>,
    twin: Option<usize>,
}

struct Work<'a> {
    core: &'a Core,
    offered: Vec<Newsletter>,
    default: Newsletter,
    /// Whether the operator named the newsletter.
    is_chosen: bool,
    foreseen: Option<Foreseen>,
    chunk: Vec<Row>,
    /// Newsletter and address to the row of the chunk.
    seen: HashMap<(i64, String), usize>,
    report: Imported,
}

impl Work<'_> {
    async fn take(
        &mut self,
        columns: &Columns,
        record: &Record,
        preset: &Preset<'_>,
        observer: &mut impl Observer,
    ) -> Result<(), ImportError> {
        let address = columns.get(record, super::columns::Field::Email).to_owned();
        let mut finding = Finding {
            line: record.line,
            address,
            outcome: Outcome::Known,
            sentence: String::new(),
            is_unreadable: false,
        };
        let read = person::read(columns, record, preset).and_then(|person| self.candidate(person));
        let row = match read {
            Err(sentence) => {
                finding.is_unreadable = true;
                finding.sentence = if record.last_line > record.line {
                    format!("{sentence} (the row goes on to line {})", record.last_line)
                } else {
                    sentence
                };
                Row {
                    finding,
                    candidate: None,
                    twin: None,
                }
            }
            Ok((newsletter_id, candidate, notes)) => {
                finding.sentence = notes;
                let key = (newsletter_id, candidate.key.clone());
                let mut twin = self.seen.get(&key).copied();
                if let Some(at) = twin {
                    let says = self.chunk[at].candidate.as_ref().map(|(_, c)| c.state);
                    if says != Some(candidate.state) {
                        // What it says is judged by what the first one changed.
                        self.flush(observer).await?;
                        twin = None;
                    }
                }
                if twin.is_none() {
                    self.seen.insert(key, self.chunk.len());
                }
                Row {
                    finding,
                    candidate: twin.is_none().then_some((newsletter_id, candidate)),
                    twin,
                }
            }
        };
        self.chunk.push(row);
        if self.chunk.len() >= CHUNK {
            self.flush(observer).await?;
        }
        Ok(())
    }

    /// The newsletter's row, the candidate, and what was passed over.
    fn candidate(&self, person: Person) -> Result<(i64, Candidate, String), String> {
        let newsletter = match &person.newsletter {
            None => &self.default,
            Some(slug) if self.is_chosen && *slug != self.default.slug => {
                return Err(format!(
                    "the row is of the newsletter {slug:?}; import it without --newsletter, or take that column away"
                ));
            }
            Some(slug) => self
                .offered
                .iter()
                .find(|n| n.slug == *slug)
                .ok_or_else(|| {
                    format!("there is no newsletter {slug:?}; take that column away to import into the one of --newsletter")
                })?,
        };
        let core = self.core;
        let wanted = wishes::check(&core.config, newsletter, &person.wishes)
            .map_err(|error| error.to_string())?;
        let today = core.clock.now().date_in(&wanted.time_zone());
        let key = person.address.key();
        let candidate = Candidate {
            hash: core.keys.address_hash(&key),
            key,
            state: person.state,
            text_only: person.wishes.text_only,
            paused_until: person
                .paused_until
                .filter(|until| *until > today)
                .map(|until| until.to_string()),
            wanted,
            left_at: person.left_at.filter(|at| *at <= core.clock.now()),
            evidence: person.evidence,
            address: person.address,
        };
        Ok((newsletter.id, candidate, person.notes.join("; ")))
    }

    async fn flush(&mut self, observer: &mut impl Observer) -> Result<(), ImportError> {
        let mut chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.seen.clear();
        for newsletter in &self.offered {
            let (mut places, mut candidates) = (Vec::new(), Vec::new());
            for (at, row) in chunk.iter_mut().enumerate() {
                if let Some((_, candidate)) = row.candidate.take_if(|(id, _)| *id == newsletter.id)
                {
                    places.push(at);
                    candidates.push(candidate);
                }
            }
            if candidates.is_empty() {
                continue;
            }
            let outcomes = match &mut self.foreseen {
                Some(foreseen) => foreseen.admit(self.core, newsletter, &candidates).await?,
                None => retried!(admit(self.core, newsletter, &candidates, "import"))?,
            };
            for (at, outcome) in places.into_iter().zip(outcomes) {
                chunk[at].finding.outcome = outcome;
            }
        }
        for at in 0..chunk.len() {
            if let Some(twin) = chunk[at].twin {
                chunk[at].finding.outcome = admit::once_more(chunk[twin].finding.outcome);
            }
            let finding = &mut chunk[at].finding;
            if finding.is_unreadable {
                self.report.refused += 1;
                self.report.unreadable += 1;
            } else {
                match finding.outcome {
                    Outcome::New => self.report.new += 1,
                    Outcome::Known => self.report.known += 1,
                    Outcome::Left => self.report.left += 1,
                    Outcome::Suppressed => self.report.suppressed += 1,
                    Outcome::Refused(refusal) => {
                        self.report.refused += 1;
                        finding.sentence = refusal.to_string();
                    }
                }
            }
            observer
                .found(finding)
                .map_err(|error| unreadable(Path::new("the report"), &error))?;
        }
        Ok(())
    }
}
