//! The mailbox: every message that arrived, on disk before it is acknowledged.
//!
//! One file per day holds the messages one behind the other; `index.jsonl` holds a line per message and is written last. What
//! has no line was never acknowledged, so a reader of the index sees exactly what the sender was told.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use super::message;
use crate::base::time::{Timestamp, Zone};

/// One message in the index.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mail {
    /// Its number, from 1, in the order of arrival.
    pub id: usize,
    /// The file it stands in, by its date.
    pub day: String,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// Envelope sender.
    pub sender: String,
    /// Envelope recipient.
    pub recipient: String,
    /// Subject, decoded.
    pub subject: String,
    /// Name in From, decoded.
    pub from: String,
    /// Content-Language, if the message has one.
    pub language: String,
    /// Message-ID without its brackets.
    pub message_id: String,
}

/// The people whose zones are known: the invented subscribers, in their order.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Address in lower case and its zone.
    people: Vec<(String, String)>,
    zones: HashMap<String, String>,
}

impl Directory {
    /// The directory of those people.
    pub fn new(people: impl IntoIterator<Item = (String, String)>) -> Self {
        let people: Vec<_> = people
            .into_iter()
            .map(|(address, zone)| (address.to_lowercase(), zone))
            .collect();
        let zones = people.iter().cloned().collect();
        Self { people, zones }
    }

    /// The zone of an address; none for one that is not invented.
    pub fn zone(&self, address: &str) -> Option<&str> {
        self.zones.get(&address.to_lowercase()).map(String::as_str)
    }

    /// The first person of a zone: the one whose phone the page shows.
    pub fn first_in(&self, zone: &str) -> Option<&str> {
        self.people
            .iter()
            .find(|(_, z)| z == zone)
            .map(|(address, _)| address.as_str())
    }

    /// How many people live in a zone.
    pub fn count(&self, zone: &str) -> usize {
        self.people.iter().filter(|(_, z)| z == zone).count()
    }
}

/// Every message that arrived.
pub struct Inbox {
    folder: PathBuf,
    directory: Directory,
    inner: Mutex<Inner>,
}

struct Inner {
    index: File,
    day: Option<(String, File, u64)>,
    mails: Vec<Mail>,
}

impl Inbox {
    /// Opens the mailbox in that folder, or makes it. A last line that was cut short is dropped: it was never acknowledged.
    pub fn open(folder: &Path, directory: Directory) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("index.jsonl");
        let index = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)?;
        let mut mails: Vec<Mail> = Vec::new();
        let mut good = 0;
        let mut lines = BufReader::new(&index);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            let Ok(mail) = serde_json::from_slice::<Mail>(&line) else {
                break;
            };
            mails.push(mail);
            good += read as u64;
        }
        index.set_len(good)?;
        Ok(Self {
            folder: folder.to_owned(),
            directory,
            inner: Mutex::new(Inner {
                index,
                day: None,
                mails,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held leaves at most a message without a line, which is a valid mailbox.
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Keeps a message for each of its recipients; when it returns, the message is written. Writing is short and blocks.
    pub fn store(
        &self,
        at: Timestamp,
        zone: &Zone,
        sender: &str,
        recipients: &[String],
        bytes: &[u8],
    ) -> io::Result<()> {
        let head = message::head(bytes);
        let day = at.date_in(zone).to_string();
        let mut inner = self.lock();
        if inner.day.as_ref().is_none_or(|(open, _, _)| *open != day) {
            let file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(self.folder.join(format!("{day}.mail")))?;
            let end = file.metadata()?.len();
            inner.day = Some((day.clone(), file, end));
        }
        let Some((_, file, end)) = &mut inner.day else {
            return Err(io::Error::other("no file for the day"));
        };
        file.write_all(bytes)?;
        let offset = *end;
        *end += bytes.len() as u64;
        let mut lines = Vec::new();
        let mut fresh = Vec::new();
        for recipient in recipients {
            let mail = Mail {
                id: inner.mails.len() + fresh.len() + 1,
                day: day.clone(),
                offset,
                length: bytes.len() as u64,
                at,
                sender: sender.to_owned(),
                recipient: recipient.clone(),
                subject: head.subject.clone(),
                from: head.from.clone(),
                language: head.language.clone(),
                message_id: head.message_id.clone(),
            };
            serde_json::to_writer(&mut lines, &mail)?;
            lines.push(b'\n');
            fresh.push(mail);
        }
        inner.index.write_all(&lines)?;
        inner.mails.append(&mut fresh);
        Ok(())
    }

    /// The people whose zones are known.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How many messages arrived.
    pub fn len(&self) -> usize {
        self.lock().mails.len()
    }

    /// Whether nothing arrived yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages came more than once: the same Message-ID to the same recipient.
    pub fn count_repeats(&self) -> usize {
        let inner = self.lock();
        let distinct: HashSet<_> = inner
            .mails
            .iter()
            .map(|mail| (&mail.message_id, &mail.recipient))
            .collect();
        inner.mails.len() - distinct.len()
    }

    /// The message with that number.
    pub fn find(&self, id: usize) -> Option<Mail> {
        id.checked_sub(1)
            .and_then(|at| self.lock().mails.get(at).cloned())
    }

    /// The messages that `keep` wants, newest first, at most `limit` after `skip`, and how many there are in all.
    pub fn list(
        &self,
        keep: impl Fn(&Mail) -> bool,
        skip: usize,
        limit: usize,
    ) -> (Vec<Mail>, usize) {
        let inner = self.lock();
        let mut all = 0;
        let mut page = Vec::new();
        for mail in inner.mails.iter().rev().filter(|mail| keep(mail)) {
            if all >= skip && page.len() < limit {
                page.push(mail.clone());
            }
            all += 1;
        }
        (page, all)
    }

    /// The bytes of a message as they arrived.
    pub fn read(&self, mail: &Mail) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.folder.join(format!("{}.mail", mail.day)))?;
        file.seek(SeekFrom::Start(mail.offset))?;
        let mut bytes = vec![0; mail.length as usize];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] = b"From: =?UTF-8?B?0KLQsNGD?= <digest@news.example.kz>\r\nTo: a@example.kz\r\nSubject: =?UTF-8?B?0KHRgw==?=\r\n\
        Message-ID: <d1.00@example.kz>\r\nContent-Language: kk\r\n\r\nbody\r\n";

    fn open(folder: &Path) -> Inbox {
        let people = [("a@example.kz".to_owned(), "Asia/Almaty".to_owned())];
        Inbox::open(folder, Directory::new(people)).unwrap()
    }

    #[test]
    fn what_was_acknowledged_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let at: Timestamp = "2026-02-28T08:00:00+05:00".parse().unwrap();
        let store = |inbox: &Inbox, to: &str| {
            inbox
                .store(at, &Zone::utc(), "b@example.kz", &[to.to_owned()], MAIL)
                .unwrap();
        };
        store(&open(folder.path()), "a@example.kz");
        // Cut short in the middle of its line: never acknowledged.
        let mut index = OpenOptions::new()
            .append(true)
            .open(folder.path().join("index.jsonl"))
            .unwrap();
        index.write_all(b"{\"id\":2,\"day\":\"2026").unwrap();
        let inbox = open(folder.path());
        assert_eq!(inbox.len(), 1);
        store(&inbox, "c@example.kz");
        let inbox = open(folder.path());
        let (mails, all) = inbox.list(|_| true, 0, 10);
        assert_eq!((mails.len(), all), (2, 2));
        assert_eq!(mails[0].recipient, "c@example.kz");
        assert_eq!(mails[1].subject, "Су");
        assert_eq!(inbox.read(&mails[0]).unwrap(), MAIL);
        assert_eq!(inbox.directory().zone("A@example.kz"), Some("Asia/Almaty"));
        assert_eq!(inbox.count_repeats(), 0);
        store(&inbox, "c@example.kz");
        assert_eq!(inbox.count_repeats(), 1);
    }
}
