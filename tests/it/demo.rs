//! `jarshy demo`, from outside: the binary, a folder, and what is printed.

use std::path::Path;
use std::process::{Command, Output};

fn demo(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jarshy"))
        .args(["demo", "--once", "--dir"])
        .arg(folder)
        .args(more)
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn number(sums: &serde_json::Value, key: &str) -> i64 {
    sums[key]
        .as_i64()
        .unwrap_or_else(|| panic!("{key} is missing in {sums}"))
}

/// Recipient and Message-ID of every mail in the inbox's index.
fn mails(folder: &Path) -> Vec<(String, String, String)> {
    std::fs::read_to_string(folder.join("inbox/index.jsonl"))
        .unwrap()
        .lines()
        .map(|line| {
            let mail: serde_json::Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| mail[key].as_str().unwrap().to_owned();
            (word("recipient"), word("message_id"), word("day"))
        })
        .collect()
}

#[test]
fn a_second_demo_goes_on_with_the_same_people_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = demo(folder.path(), &["--json"]);
    assert!(
        first.status.success(),
        "{}",
        String::from_utf8_lossy(&first.stderr)
    );
    let printed = text(&first);
    assert_eq!(
        printed.lines().count(),
        1,
        "one object and nothing else: {printed}"
    );
    let sums: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let planned = number(&sums, "planned");
    assert!(planned > 1000, "{sums}");
    assert_eq!(number(&sums, "accepted"), planned);
    for nothing in ["failed", "cancelled", "expired", "held", "open"] {
        assert_eq!(number(&sums, nothing), 0, "{nothing}");
    }
    let arrived = mails(folder.path());
    assert_eq!(arrived.len() as i64, planned);
    let people: std::collections::HashSet<_> = arrived.iter().map(|(who, _, _)| who).collect();
    assert_eq!(
        people.len(),
        arrived.len(),
        "one digest each on the first day"
    );

    let second = demo(folder.path(), &["--json"]);
    assert!(
        second.status.success(),
        "{}",
        String::from_utf8_lossy(&second.stderr)
    );
    let sums: serde_json::Value = serde_json::from_str(&text(&second)).unwrap();
    assert!(
        number(&sums, "planned") > planned,
        "the second morning has news"
    );
    assert_eq!(number(&sums, "accepted"), number(&sums, "planned"));
    let all = mails(folder.path());
    assert_eq!(all.len() as i64, number(&sums, "accepted"));
    assert_eq!(all[..arrived.len()], arrived[..], "what arrived stays");
    let ids: std::collections::HashSet<_> = all.iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids.len(), all.len(), "no message came twice");
    assert!(
        all[arrived.len()..]
            .iter()
            .all(|(_, _, day)| day.as_str() >= "2026-03-01")
    );
}

#[test]
fn the_demo_prints_the_lines_of_its_script() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &[]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = text(&output);
    let mut lines = printed.lines();
    // Each in this order; what stands between them is the run's own figures.
    for parts in [
        &[
            "Jarshy ",
            " · demo newsroom «Тау жаршысы» in ",
            " · SQLite · ",
            " stories (kk, ru, en) · 1 250 subscribers in 3 zones, all invented",
        ][..],
        &["Nothing leaves this machine: mail goes to the inbox below."],
        &[
            "  Newsroom  http://127.0.0.1:7070/kk/",
            "Feeds   http://127.0.0.1:7070/feeds",
        ],
        &["  Inbox     http://127.0.0.1:7070/inbox"],
        &["  On a server? From your own computer: ssh -L 7070:127.0.0.1:7070 you@server"],
        &[
            "  Demo clock: Saturday, 28 February 2026, 07:59:45 in Almaty. In 15 seconds it is eight o'clock.",
        ],
        &[
            "08:00:00  Asia/Almaty  8 new stories → ",
            " digests: қазақша ",
            ", русский ",
            ", қазақша→русский ",
            ", English ",
        ],
        &[
            "08:00:",
            "  accepted 1 1",
            " of 1 1",
            " · the first inbox: «Су тасқынына дайындық басталды және тағы 6 жаңалық»",
        ],
        &[
            "          verify: planned 1 1",
            " = accepted 1 1",
            " + failed 0 + cancelled 0 + expired 0 + held 0 + open 0   ✓ nobody lost, nobody twice",
        ],
        &["          Next: 08:00 in Berlin, in 4 hours."],
        &["08:00:00  Europe/Berlin  ", " new stories → "],
        &["          Next: 08:00 in New York, in 6 hours."],
        &["08:00:00  America/New_York  ", " new stories → "],
        &["          Next: 08:00 in Almaty, in 14 hours."],
    ] {
        let found = lines.any(|line| {
            let mut rest = line;
            line.starts_with(parts[0])
                && parts.iter().all(|part| {
                    rest.find(part)
                        .map(|at| rest = &rest[at + part.len()..])
                        .is_some()
                })
        });
        assert!(found, "{parts:?} is missing or out of order in:\n{printed}");
    }
}

#[tokio::test]
async fn a_first_start_that_was_interrupted_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    assert!(demo(folder.path(), &["--json"]).status.success());
    // As a plug pulled before the newsroom was whole leaves it: begun, not ready.
    let url = format!("sqlite:{}", folder.path().join("demo.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let removed =
        sqlx::query("DELETE FROM meta WHERE key IN ('demo.ready', 'demo.now')").execute(&pool);
    assert_eq!(removed.await.unwrap().rows_affected(), 2);
    pool.close().await;
    let output = demo(folder.path(), &["--json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let sums: serde_json::Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(
        mails(folder.path()).len() as i64,
        number(&sums, "accepted"),
        "nothing of the first try is left"
    );
    assert!(
        mails(folder.path())
            .iter()
            .all(|(_, _, day)| day == "2026-02-28")
    );
}
