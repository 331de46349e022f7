//! A government changes the rules of a zone between two versions of the tz database. The real binary runs with one folder of zone
//! files and then with another (`TZDIR`): hours that were computed by the old rules are computed anew, nobody gets a second digest
//! on a date, and nothing is skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jarshy::base::time::Timestamp;
use jarshy::{on_db, work};

use crate::both_engines;
use crate::support::desk::{Desk, PLAIN, relay, wishes};
use crate::support::{Engine, NEWSROOM, SECRETS, told};

both_engines!(
    a_new_law_moves_the_hour_and_nothing_is_sent_twice_or_skipped,
    an_hour_that_the_law_moves_over_midnight_stays_one_digest_a_date,
    of_two_instances_the_one_with_older_rules_does_not_plan,
);

const READER: &str = "aigerim@example.kz";

/// A zone file (RFC 9636, version 2) of one offset in hours until each of `changes` (instant, offset in hours from then on).
fn zone_file(first: i32, changes: &[(&str, i32)]) -> Vec<u8> {
    let offsets: Vec<i32> = [first]
        .into_iter()
        .chain(changes.iter().map(|c| c.1))
        .collect();
    let header = |times: usize, types: usize, letters: usize| {
        let mut out = b"TZif2".to_vec();
        out.extend([0; 15]);
        for count in [0, 0, 0, times, types, letters] {
            out.extend((count as u32).to_be_bytes());
        }
        out
    };
    // The block for readers of version 1 holds nothing but one type.
    let mut out = header(0, 1, 1);
    out.extend([0; 7]);
    let names: Vec<String> = offsets.iter().map(|hours| format!("{hours:+03}")).collect();
    out.extend(header(changes.len(), offsets.len(), names.len() * 4));
    for (at, _) in changes {
        let at: Timestamp = at.parse().unwrap();
        out.extend(at.as_secs().to_be_bytes());
    }
    out.extend((1..=changes.len()).map(|index| index as u8));
    for (index, hours) in offsets.iter().enumerate() {
        out.extend((hours * 3600).to_be_bytes());
        out.extend([0, index as u8 * 4]);
    }
    for name in &names {
        out.extend(name.bytes());
        out.push(0);
    }
    let last = offsets[offsets.len() - 1];
    out.extend(format!("\n<{last:+03}>{}\n", -last).bytes());
    out
}

/// The binary with a tz database of its own, in which there is one zone.
struct Rules<'a> {
    desk: &'a Desk,
    folder: PathBuf,
}

impl<'a> Rules<'a> {
    fn new(desk: &'a Desk, name: &str, first: i32, changes: &[(&str, i32)]) -> Self {
        let folder = desk.app.folder.path().join(name);
        std::fs::create_dir_all(folder.join("Asia")).unwrap();
        std::fs::write(folder.join("Asia/Almaty"), zone_file(first, changes)).unwrap();
        let config = format!(
            "{NEWSROOM}{SECRETS}[database]\nurl = \"{}\"\n{}",
            desk.app.database_url,
            relay(2525, PLAIN)
        );
        std::fs::write(desk.app.folder.path().join("jarshy.toml"), config).unwrap();
        Self { desk, folder }
    }

    /// The version that the database says it has.
    fn versioned(self, version: &str) -> Self {
        let line = format!("# version {version}\n");
        std::fs::write(self.folder.join("tzdata.zi"), line).unwrap();
        self
    }

    /// What a minute of the service does at that instant.
    fn minute(&self, at: &str) -> String {
        told(&self.run(at, &["digest", "plan"]))
    }

    fn run(&self, at: &str, args: &[&str]) -> Output {
        let config: &Path = &self.desk.app.folder.path().join("jarshy.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_jarshy"));
        command
            .env("TZDIR", &self.folder)
            .arg("--config")
            .arg(config);
        command.args(["--at", at]).args(args).output().unwrap()
    }

    /// The slot's next instant, as stored.
    async fn next(&self) -> String {
        let at: Timestamp =
            on_db!(&self.desk.core().db, c => sqlx::query_scalar("SELECT next_due_at FROM slot")
            .fetch_one(c).await)
            .unwrap();
        at.to_string()
    }
}

/// Due instant, date and titles of what the reader was sent.
async fn mails(desk: &Desk) -> Vec<(String, String, Vec<String>)> {
    let dues: Vec<Timestamp> = on_db!(&desk.core().db, c => sqlx::query_scalar(
        "SELECT due_at FROM delivery ORDER BY id").fetch_all(c).await)
    .unwrap();
    dues.iter()
        .zip(desk.digests(READER).await)
        .map(|(at, one)| (at.to_string(), one.local_date, one.titles))
        .collect()
}

fn mail(at: &str, date: &str, title: &str) -> (String, String, Vec<String>) {
    (at.to_owned(), date.to_owned(), vec![title.to_owned()])
}

/// T24: an update of the tz database while the service runs.
async fn a_new_law_moves_the_hour_and_nothing_is_sent_twice_or_skipped(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(READER, wishes(&["ru"], "Asia/Almaty")).await;
    let old = Rules::new(&desk, "a", 5, &[]);
    // The wall goes forward on 1 March: eight o'clock comes an hour earlier than the slot has stored.
    let forward = ("2026-02-28T19:00:00Z", 6);
    let earlier = Rules::new(&desk, "b", 5, &[forward]);
    // And back by two on 3 March, which becomes known on the evening before.
    let later = Rules::new(&desk, "c", 5, &[forward, ("2026-03-02T18:00:00Z", 4)]);
    // And once more, which becomes known after that day's digest.
    let again = Rules::new(&desk, "d", 5, &[forward, ("2026-03-02T18:00:00Z", 3)]);

    desk.publish("ru", "Первая").await;
    old.minute("2026-02-28T03:00:00Z");
    assert_eq!(old.next().await, "2026-03-01T03:00:00Z");

    desk.publish("ru", "Вторая").await;
    earlier.minute("2026-03-01T01:59:00Z");
    assert_eq!(earlier.next().await, "2026-03-01T02:00:00Z");
    earlier.minute("2026-03-01T02:00:00Z");
    earlier.minute("2026-03-01T03:00:00Z");

    desk.publish("ru", "Третья").await;
    earlier.minute("2026-03-02T02:00:00Z");
    assert_eq!(earlier.next().await, "2026-03-03T02:00:00Z");

    desk.publish("ru", "Четвёртая").await;
    later.minute("2026-03-03T02:00:00Z");
    assert_eq!(later.next().await, "2026-03-03T04:00:00Z");
    later.minute("2026-03-03T04:00:00Z");

    desk.publish("ru", "Пятая").await;
    // Eight o'clock of 3 March comes a second time; its digest has been.
    again.minute("2026-03-03T05:00:00Z");
    again.minute("2026-03-04T05:00:00Z");
    assert_eq!(
        mails(&desk).await,
        [
            mail("2026-02-28T03:00:00Z", "2026-02-28", "Первая"),
            mail("2026-03-01T02:00:00Z", "2026-03-01", "Вторая"),
            mail("2026-03-02T02:00:00Z", "2026-03-02", "Третья"),
            mail("2026-03-03T04:00:00Z", "2026-03-03", "Четвёртая"),
            mail("2026-03-04T05:00:00Z", "2026-03-04", "Пятая"),
        ]
    );
    desk.agrees().await;
}

async fn an_hour_that_the_law_moves_over_midnight_stays_one_digest_a_date(engine: Engine) {
    let desk = Desk::open(engine).await;
    let mut wish = wishes(&["ru"], "Asia/Almaty");
    wish.minute = 30;
    desk.subscribe(READER, wish).await;
    // Half past midnight of 2 March by the old rules is half past eleven of 1 March by the new ones, and that date has had its own.
    let old = Rules::new(&desk, "a", 5, &[]);
    let back = Rules::new(&desk, "b", 5, &[("2026-03-01T10:00:00Z", 4)]);
    desk.publish("ru", "Первая").await;
    old.minute("2026-02-28T19:30:00Z");
    desk.publish("ru", "Вторая").await;
    back.minute("2026-03-01T19:30:00Z");
    assert_eq!(back.next().await, "2026-03-01T20:30:00Z");
    back.minute("2026-03-01T20:30:00Z");
    assert_eq!(
        mails(&desk).await,
        [
            mail("2026-02-28T19:30:00Z", "2026-03-01", "Первая"),
            mail("2026-03-01T20:30:00Z", "2026-03-02", "Вторая"),
        ]
    );
    desk.agrees().await;
}

/// A worker of another instance, with its version of the rules.
async fn hire(desk: &Desk, tzdb: &str, at: &str) -> i64 {
    let now: Timestamp = at.parse().unwrap();
    let mut tx = desk.core().db.begin().await.unwrap();
    let until = now.plus_secs(60);
    let id = work::store::insert_worker(&mut tx, "elsewhere", "1", tzdb, now, until)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

/// DESIGN 5.3: "of two instances with different ones the older does not plan"; it says so, and once the other is gone it does.
async fn of_two_instances_the_one_with_older_rules_does_not_plan(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe(READER, wishes(&["ru"], "Asia/Almaty")).await;
    desk.publish("ru", "Первая").await;
    let forward = ("2026-02-28T19:00:00Z", 6);
    let unknown = Rules::new(&desk, "u", 5, &[]);
    let old = Rules::new(&desk, "a", 5, &[]).versioned("2026a");
    let new = Rules::new(&desk, "b", 5, &[forward]).versioned("2026b");
    let worker = hire(&desk, "2026b", "2026-02-28T03:00:00Z").await;
    for behind in [&old, &unknown] {
        let refused = behind.run("2026-02-28T03:00:30Z", &["digest", "plan"]);
        assert_eq!(refused.status.code(), Some(1));
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            words.contains("nothing is planned here: the tz database of this process is "),
            "{words}"
        );
        assert!(words.contains("a worker with 2026b is at work"), "{words}");
        // Looking ahead is no planning.
        told(&behind.run("2026-02-28T03:00:30Z", &["digest", "plan", "--dry-run"]));
    }
    assert_eq!(desk.runs().await, []);
    new.minute("2026-02-28T03:00:40Z");
    assert_eq!(new.next().await, "2026-03-01T02:00:00Z");
    desk.publish("ru", "Вторая").await;
    // An older worker holds nobody up, and one that died a minute ago nobody any more.
    hire(&desk, "2025c", "2026-03-01T02:00:00Z").await;
    new.minute("2026-03-01T02:00:00Z");
    old.minute("2026-03-02T03:00:00Z");
    let alive =
        work::store::list_live_tzdb(&desk.core().db, "2026-02-28T03:01:00Z".parse().unwrap());
    assert_eq!(alive.await.unwrap(), ["2025c", "2026b"]);
    let mut tx = desk.core().db.begin().await.unwrap();
    work::store::end_worker(&mut tx, worker, "2026-02-28T03:00:50Z".parse().unwrap())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // Every process that sends says which version it has.
    new.run("2026-03-03T02:01:00Z", &["deliver"]);
    let registered: Vec<String> = on_db!(&desk.core().db, c => sqlx::query_scalar(
        "SELECT tzdb FROM worker WHERE host <> 'elsewhere'").fetch_all(c).await)
    .unwrap();
    assert_eq!(registered, ["2026b"]);
    assert_eq!(
        mails(&desk).await,
        [
            mail("2026-02-28T03:00:00Z", "2026-02-28", "Первая"),
            mail("2026-03-01T02:00:00Z", "2026-03-01", "Вторая"),
        ]
    );
    desk.agrees().await;
}
