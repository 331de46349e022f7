//! The plan of the house, checked: floors, and the one home of SQL, axum, lettre, time and chance (DESIGN.md 2).
//! Reads `src/` and the migrations as text and links nothing of ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room may import. Whoever is not named here may not exist.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("config", &["base"]),
    ("db", &["base", "config"]),
    ("work", &["base", "config", "db"]),
    ("fetch", &["base"]),
    ("telemetry", &[]),
    ("newsroom", &["base", "config", "db", "work", "fetch"]),
    ("delivery", &["base", "config", "db", "work"]),
    ("theme", &["base", "config", "db", "work"]),
    (
        "audience",
        &[
            "base", "config", "db", "work", "newsroom", "delivery", "theme",
        ],
    ),
    (
        "syndication",
        &["base", "config", "db", "work", "fetch", "newsroom", "theme"],
    ),
    (
        "staff",
        &["base", "config", "db", "work", "delivery", "theme"],
    ),
    (
        "webhooks",
        &[
            "base", "config", "db", "work", "fetch", "newsroom", "delivery",
        ],
    ),
    (
        "digest",
        &[
            "base", "config", "db", "work", "audience", "newsroom", "delivery", "theme",
        ],
    ),
    (
        "web",
        &[
            "base",
            "config",
            "db",
            "work",
            "fetch",
            "newsroom",
            "delivery",
            "theme",
            "audience",
            "syndication",
            "staff",
            "webhooks",
            "digest",
        ],
    ),
    (
        "scheduler",
        &[
            "base",
            "config",
            "db",
            "work",
            "fetch",
            "newsroom",
            "delivery",
            "theme",
            "audience",
            "syndication",
            "staff",
            "webhooks",
            "digest",
            "web",
        ],
    ),
    ("app", &["*"]),
    ("cli", &["*"]),
    ("main", &["*"]),
    ("lib", &["*"]),
];

/// Which room each table belongs to, and the floor it stands on.
const TABLES: &[(&str, u8, &[&str])] = &[
    ("work", 0, &["worker", "job", "cursor", "meta"]),
    (
        "newsroom",
        1,
        &[
            "section",
            "tag",
            "source",
            "story",
            "media",
            "article",
            "article_slug",
            "article_enclosure",
            "article_tag",
            "article_revision",
            "article_views",
            "article_words",
            "release_log",
            "log_head",
        ],
    ),
    (
        "delivery",
        1,
        &[
            "letter",
            "lane",
            "pause",
            "delivery",
            "suppression",
            "mail_event",
        ],
    ),
    (
        "audience",
        2,
        &[
            "subscriber",
            "newsletter",
            "selection",
            "slot",
            "subscription",
            "consent",
            "address_change",
        ],
    ),
    (
        "syndication",
        2,
        &[
            "shelf",
            "shelf_past",
            "archive",
            "archive_page",
            "archive_file",
            "websub_subscription",
            "websub_request",
        ],
    ),
    (
        "staff",
        2,
        &[
            "staff_user",
            "session",
            "api_token",
            "audit_log",
            "idempotency_key",
        ],
    ),
    (
        "digest",
        3,
        &[
            "run",
            "issue",
            "issue_item",
            "issue_notice",
            "editor_note",
            "hold",
        ],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file with its text, without comments and without what stands under `#[cfg(test)]`.
fn sources() -> Vec<(PathBuf, String)> {
    let mut out = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap();
                let text: Vec<&str> = text
                    .lines()
                    .filter(|l| !l.trim_start().starts_with("//"))
                    .collect();
                out.push((path, text.join("\n")));
            }
        }
    }
    out.sort();
    assert!(out.len() > 20);
    out
}

/// The room of a file: its folder under `src/`, or its own name.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms a text names as `crate::room` or in `use crate::{room, other::x}`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with('$') {
            continue;
        }
        let rest = &text[at + 7..];
        if let Some(list) = rest.strip_prefix('{') {
            let (mut depth, mut word) = (0, String::new());
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 && c == ',' {
                    found.push(std::mem::take(&mut word));
                } else if depth == 0 {
                    word.push(c);
                }
            }
            found.push(word);
        } else {
            found.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    found
        .into_iter()
        .map(|path| {
            path.trim()
                .split("::")
                .next()
                .unwrap_or("")
                .trim()
                .to_owned()
        })
        .filter(|name| !name.is_empty() && !matches!(name.as_str(), "on_db" | "on_tx"))
        .collect()
}

#[test]
fn imports_go_down_a_floor_never_up() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let here = room(&path);
        let Some(may) = allowed.get(here.as_str()) else {
            wrong.push(format!(
                "{}: the plan of the house has no room `{here}`",
                path.display()
            ));
            continue;
        };
        for there in imports(&text) {
            if there != here && !may.contains(&"*") && !may.contains(&there.as_str()) {
                wrong.push(format!(
                    "{}: `{here}` may not import `{there}`",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_thing_has_one_home() {
    // What is looked for, and whether a room and file may hold it.
    type Home = fn(&str, &str) -> bool;
    let homes: &[(&str, Home)] = &[
        ("sqlx::query", |room, file| {
            room == "db" || file.contains("store")
        }),
        ("QueryBuilder", |room, file| {
            room == "db" || file.contains("store")
        }),
        ("axum::", |room, _| matches!(room, "web" | "app")),
        ("lettre::", |room, _| room == "delivery"),
        ("Timestamp::now(", |_, file| file == "base/time.rs"),
        ("SystemTime::now(", |_, file| file == "base/time.rs"),
        ("Instant::now(", |room, _| {
            matches!(room, "delivery" | "web" | "cli")
        }),
        ("getrandom::", |_, file| file == "base/time.rs"),
        ("Uuid::new_v4", |_, _| false),
        ("Uuid::now_v7", |_, _| false),
        ("env::var", |room, _| room == "config"),
        ("reqwest::", |room, _| room == "fetch"),
        ("anyhow::", |room, _| matches!(room, "app" | "cli" | "main")),
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let file = path
            .strip_prefix(root().join("src"))
            .unwrap()
            .display()
            .to_string();
        for (what, may) in homes {
            if text.contains(what) && !may(&room(&path), &file) {
                wrong.push(format!("src/{file}: `{what}` does not live here"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn foreign_keys_point_down_or_to_the_same_room() {
    let home = |table: &str| {
        TABLES
            .iter()
            .find(|(_, _, tables)| tables.contains(&table))
            .map_or_else(
                || panic!("table {table} has no room in the plan"),
                |(room, floor, _)| (*room, *floor),
            )
    };
    for engine in ["sqlite", "postgres"] {
        let mut files: Vec<_> = fs::read_dir(root().join("migrations").join(engine))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        files.sort();
        let (mut tables, mut keys) = (0, 0);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let mut table = String::new();
            for line in text.lines() {
                if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                    table = rest.split([' ', '(']).next().unwrap().to_owned();
                    home(&table);
                    tables += 1;
                }
                for (at, _) in line.match_indices("REFERENCES ") {
                    let target = line[at + 11..].split([' ', '(']).next().unwrap();
                    let ((from, floor), (to, below)) = (home(&table), home(target));
                    assert!(
                        from == to || below < floor,
                        "{table} ({from}) may not point up to {target} ({to})"
                    );
                    keys += 1;
                }
            }
        }
        assert!(
            tables >= 30 && keys >= 20,
            "{engine}: read only {tables} tables and {keys} keys"
        );
    }
}

#[test]
fn migrations_have_the_same_names_on_both_engines() {
    let names = |engine: &str| {
        let mut names: Vec<_> = fs::read_dir(root().join("migrations").join(engine))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(names("sqlite").len() >= 7);
}
