//! Lists from elsewhere (PRODUCT M26; FAILURES T25, T32).

use std::fmt::Write as _;
use std::path::Path;

use jarshy::audience::import::Charset;
use jarshy::base::time::Timestamp;
use jarshy::{on_db, on_tx};

use super::{House, python, text};
use crate::both_engines;
use crate::support::Engine;

both_engines!(
    a_list_in_any_charset_gives_the_same_people,
    lost_letters_are_told,
    exports_of_mailchimp,
    an_export_of_listmonk,
    an_export_of_ghost,
    who_left_or_bounced_is_never_brought_back,
    leaving_elsewhere_ends_what_the_operator_began_and_nothing_else,
    known_people_keep_their_wishes,
    a_row_says_more_than_the_command,
    rows_that_cannot_be_used_are_refused_by_line,
    what_is_no_list_changes_nothing,
    a_dry_run_says_the_same_and_writes_nothing,
    an_import_killed_in_the_middle_goes_on,
    the_command_line_imports,
);

/// Headings, a name with every Kazakh letter, quotes, separators and a line end inside a field.
const WRITE_LIST: &str = r#"
import csv, sys
path, encoding, separator = sys.argv[1:4]
separator = {"tab": "\t"}.get(separator, separator)
rows = [["Аты-жөні", "Электрондық пошта", "Тілі", "Ескерту"],
        ["Әсем Қызғалдақ", "asem@example.kz", "қазақша", "ән; күй, жыр\tтерме"],
        ["Өмірхан Ғалымұлы", "OMIRKHAN@Example.kz", "орысша, қазақша", "бірінші жол\r\nекінші жол \"дәйексөз\""],
        ["Ңұрһан Үкібай", "nurhan@example.kz", "", ""]]
with open(path, "w", encoding=encoding, newline="") as out:
    csv.writer(out, delimiter=separator).writerows(rows)
"#;

async fn a_list_in_any_charset_gives_the_same_people(engine: Engine) {
    let house = House::open(engine).await;
    let mut first: Option<Vec<String>> = None;
    for (encoding, separator, charset) in [
        ("utf-8", ",", "UTF-8"),
        ("utf-8-sig", ";", "UTF-8"),
        ("utf-16", "tab", "UTF-16LE"),
        ("utf-16-le", ";", "UTF-16LE"),
        ("utf-16-be", ",", "UTF-16BE"),
        ("kz1048", ";", "KZ-1048"),
        ("kz1048", "tab", "KZ-1048"),
    ] {
        let path = house.app.folder.path().join("list.csv");
        python(WRITE_LIST, &[path.to_str().unwrap(), encoding, separator]);
        let (done, seen) = house.try_import(&path, |_| {}).await.unwrap();
        assert_eq!(done.charset, charset, "{encoding} {separator}");
        assert_eq!(done.used, ["Электрондық пошта", "Тілі"], "{encoding}");
        assert_eq!(done.unused, ["Аты-жөні", "Ескерту"], "{encoding}");
        let lines: Vec<u64> = seen.0.iter().map(|f| f.line).collect();
        assert_eq!(lines, [2, 3, 5], "{encoding} {separator}");
        assert!(seen.0.iter().all(|f| f.sentence.is_empty()), "{:?}", seen.0);
        let people = house.people().await;
        if let Some(first) = &first {
            assert_eq!((done.new, done.known), (0, 3), "{encoding} {separator}");
            assert_eq!(people, *first, "{encoding} {separator}");
        } else {
            assert_eq!((done.new, done.known), (3, 0));
        }
        first = Some(people);
    }
    let people = first.unwrap();
    assert!(
        people[0].contains("asem@example.kz") && people[0].contains("\"kk~~\""),
        "{people:?}"
    );
    assert!(people[2].contains("\"ru,kk~~\""), "{people:?}");
    assert!(people[1].contains("\"kk,ru,en~~\""), "{people:?}");
}

async fn lost_letters_are_told(engine: Engine) {
    let house = House::open(engine).await;
    // Python writes `?` for what windows-1251 lacks, as Excel does.
    let path = house.app.folder.path().join("list.csv");
    python(
        "import sys\nopen(sys.argv[1], 'wb').write('Имя;Почта\\r\\nҚайрат;kairat@example.kz\\r\\nИван;ivan@example.kz\\r\\n\
         Әсем;әсем@example.kz\\r\\n'.encode('cp1251', 'replace'))",
        &[path.to_str().unwrap()],
    );
    let (done, seen) = house.try_import(&path, |_| {}).await.unwrap();
    assert_eq!(done.charset, "windows-1251");
    assert_eq!(seen.outcomes(), [(2, "new"), (3, "new"), (4, "unreadable")]);
    assert!(seen.sentence(2).contains("question mark") && seen.sentence(2).contains("CSV UTF-8"));
    assert_eq!(seen.sentence(3), "");
    assert!(
        seen.sentence(4).contains("lost letters"),
        "{}",
        seen.sentence(4)
    );
    // The same file in the Kazakh charset has lost nothing; whoever knows better may say so.
    python(
        "import sys\nopen(sys.argv[1], 'wb').write('Имя;Почта\\r\\nҚайрат;kairat@example.kz\\r\\nӘсем;әсем@example.kz\\r\\n'\
         .encode('kz1048'))",
        &[path.to_str().unwrap()],
    );
    let (done, seen) = house.try_import(&path, |_| {}).await.unwrap();
    assert_eq!(done.charset, "KZ-1048");
    assert_eq!(seen.outcomes(), [(2, "known"), (3, "new")]);
    let chosen = house
        .try_import(&path, |o| o.charset = Some(Charset::Windows1251))
        .await
        .unwrap();
    assert_eq!(chosen.0.charset, "windows-1251");
}

const MAILCHIMP: &str = "\"Email Address\",\"First Name\",\"Last Name\",Address,\"Phone Number\",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,\
    CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,";

async fn exports_of_mailchimp(engine: Engine) {
    let house = House::open(engine).await;
    let subscribed = format!(
        "{MAILCHIMP}LAST_CHANGED,LEID,EUID,NOTES,TAGS\n\
         aigerim@example.kz,Айгерім,С,,,2,\"2019-05-04 10:11:12\",203.0.113.5,\"2019-05-04 10:12:00\",203.0.113.5,,,,,\
         Europe/Berlin,DE,BE,\"2020-01-01 00:00:00\",1,a1,,\"\"\"sport\"\",\"\"vip\"\"\"\n\
         berik@example.kz,Берік,,,,2,,,,,,,,,,,,\"2020-01-01 00:00:00\",2,b2,,\n"
    );
    let (done, _) = house
        .import("subscribed_members_export_1.csv", &subscribed)
        .await;
    assert_eq!((done.new, done.refused), (2, 0));
    let people = house.people().await;
    assert!(
        people[0].contains("Europe/Berlin") && people[0].contains("\"kk,ru,en~~\""),
        "{people:?}"
    );
    assert!(people[1].contains("Asia/Almaty"), "{people:?}");
    assert_eq!(
        house.evidence("aigerim@example.kz").await,
        [(
            "added".to_owned(),
            "import".to_owned(),
            "daily; signed list; subscribed_members_export_1.csv, line 2; asked 2019-05-04 10:11:12; from 203.0.113.5; \
             confirmed 2019-05-04 10:12:00; lists \"sport\",\"vip\""
                .to_owned()
        )]
    );
    let unsubscribed = format!(
        "{MAILCHIMP}UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS\n\
         left@example.kz,Л,,,,2,\"2019-05-04 10:11:12\",,,,,,,,,,,\"2021-02-03 04:05:06\",Май,1,NORMAL,,3,c3,,\n"
    );
    // Whatever the file is called, the column tells.
    let (done, seen) = house.import("list.csv", &unsubscribed).await;
    assert_eq!((done.left, seen.outcomes()), (1, vec![(2, "left")]));
    let left_at: Timestamp = on_db!(&house.core().db, c => sqlx::query_scalar("SELECT left_at FROM subscription WHERE state = 'left'")
        .fetch_one(c).await)
    .unwrap();
    assert_eq!(left_at.to_string(), "2021-02-03T04:05:06Z");
    let cleaned = format!(
        "{MAILCHIMP}CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS\n\
         gone@example.kz,Г,,,,2,,,,,,,,,,,,\"2021-02-03 04:05:06\",Май,1,4,d4,,\n"
    );
    let (done, _) = house.import("list.csv", &cleaned).await;
    assert_eq!(done.suppressed, 1);
    assert_eq!(
        house.suppressions().await,
        [(house.hash("gone@example.kz"), "hard".to_owned())]
    );
    // Of an address that bounced nothing but its hash is kept.
    assert_eq!(house.count("subscriber").await, 3);
    let never = format!(
        "{MAILCHIMP}LAST_CHANGED,LEID,EUID,NOTES,TAGS\nbuyer@example.kz,,,,,2,,,,,,,,,,,,,5,e5,,\n"
    );
    let (done, seen) = house
        .import("nonsubscribed_members_export_1.csv", &never)
        .await;
    assert_eq!(
        (done.refused, seen.outcomes()),
        (1, vec![(2, "refused: unconfirmed")])
    );
    // And the list of those who left, imported as if it were one of readers, brings nobody in.
    let (_, seen) = house
        .import("list.csv", "email\nleft@example.kz\ngone@example.kz\n")
        .await;
    assert_eq!(
        seen.outcomes(),
        [(2, "refused: left"), (3, "refused: suppressed")]
    );
}

async fn an_export_of_listmonk(engine: Engine) {
    let house = House::open(engine).await;
    let list = "uuid,email,name,attributes,status,created_at,updated_at\n\
        5d1b,aigerim@example.kz,Айгерім,\"{\"\"city\"\": \"\"Алматы, \\n Бостандық\"\"}\",enabled,2023-01-02T03:04:05Z,2023-01-02T03:04:05Z\n\
        5d1c,berik@example.kz,Берік,{},disabled,2023-01-02T03:04:05Z,2023-01-02T03:04:05Z\n\
        5d1d,dana@example.kz,Дана,{},blocklisted,2023-01-02T03:04:05Z,2023-01-02T03:04:05Z\n";
    let (done, seen) = house.import("subscribers.csv", list).await;
    assert_eq!(done.separator, "commas");
    assert_eq!(
        seen.outcomes(),
        [(2, "new"), (3, "left"), (4, "suppressed")]
    );
    assert_eq!(
        house.suppressions().await,
        [(house.hash("dana@example.kz"), "manual".to_owned())]
    );
    assert_eq!(
        house.states().await,
        [
            ("aigerim@example.kz".to_owned(), "active".to_owned()),
            ("berik@example.kz".to_owned(), "left".to_owned()),
        ]
    );
}

async fn an_export_of_ghost(engine: Engine) {
    let house = House::open(engine).await;
    let list = "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\r\n\
        1,aigerim@example.kz,Айгерім,,true,false,,2024-01-15T10:00:00.000Z,,\"Спорт,VIP\",\r\n\
        2,berik@example.kz,,,false,false,,2024-01-15T10:00:00.000Z,,,\r\n\
        3,dana@example.kz,,,true,false,,2024-01-15T10:00:00.000Z,2024-03-01T10:00:00.000Z,,\r\n";
    let path = house.file("members.csv", list);
    let (done, seen) = house
        .try_import(&path, |o| o.topics_from_labels = true)
        .await
        .unwrap();
    assert_eq!(seen.outcomes(), [(2, "new"), (3, "left"), (4, "left")]);
    assert!(done.unused.contains(&"tiers".to_owned()));
    let people = house.people().await;
    assert!(people[0].contains("\"kk,ru,en~sport~\""), "{people:?}");
}

async fn who_left_or_bounced_is_never_brought_back(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let left = house.join("left@example.kz").await;
    house.leave(&left).await;
    let mut tx = core.db.begin().await.unwrap();
    for (address, reason) in [
        ("bounced@example.kz", "hard"),
        ("spam@example.kz", "complaint"),
        ("blocked@example.kz", "manual"),
        ("gone@example.kz", "erased"),
    ] {
        let hash = house.hash(address);
        jarshy::delivery::store::suppress(&mut tx, &hash, None, reason, "", core.clock.now())
            .await
            .unwrap();
    }
    let erased = house.hash("erased@example.kz");
    on_tx!(&mut tx, c => sqlx::query(
        "INSERT INTO subscriber (uid, address_hash, provider, languages, time_zone, state, created_at) \
         VALUES ('gone', $1, 'other', '', 'UTC', 'erased', 1)").bind(erased).execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
    let before = house.people().await;
    let list = "email,status\nLEFT@example.kz,active\nbounced@example.kz,active\nspam@example.kz,\nblocked@example.kz,subscribed\n\
        erased@example.kz,active\ngone@example.kz,active\nerased@example.kz,unsubscribed\ngone@example.kz,unsubscribed\n";
    for _ in 0..2 {
        let (_, seen) = house.import("list.csv", list).await;
        assert_eq!(
            seen.outcomes(),
            [
                (2, "refused: left"),
                (3, "refused: suppressed"),
                (4, "refused: suppressed"),
                (5, "refused: suppressed"),
                (6, "refused: erased"),
                (7, "refused: suppressed"),
                (8, "known"),
                (9, "known"),
            ]
        );
        assert_eq!(house.people().await, before);
    }
}

async fn leaving_elsewhere_ends_what_the_operator_began_and_nothing_else(engine: Engine) {
    let house = House::open(engine).await;
    house.join("own@example.kz").await;
    house
        .import("list.csv", "email\nimported@example.kz\nloud@example.kz\n")
        .await;
    // Both rows of one list, whichever comes first.
    let list = "email,state\ntwice1@example.kz,active\ntwice1@example.kz,unsubscribed\n\
        twice2@example.kz,unsubscribed\ntwice2@example.kz,active\n\
        own@example.kz,unsubscribed\nown@example.kz,cleaned\nimported@example.kz,unsubscribed\nloud@example.kz,spam\n";
    let (_, seen) = house.import("list.csv", list).await;
    assert_eq!(
        seen.outcomes(),
        [
            (2, "new"),
            (3, "left"),
            (4, "left"),
            (5, "refused: left"),
            (6, "known"),
            (7, "known"),
            (8, "left"),
            (9, "suppressed"),
        ]
    );
    let states = house.states().await;
    let states: Vec<(&str, &str)> = states.iter().map(|(a, s)| (&**a, &**s)).collect();
    assert_eq!(
        states,
        [
            ("imported@example.kz", "left"),
            ("loud@example.kz", "left"),
            ("own@example.kz", "active"),
            ("twice1@example.kz", "left"),
            ("twice2@example.kz", "left"),
        ]
    );
    let said = house.evidence("imported@example.kz").await;
    assert_eq!((said[1].0.as_str(), said[1].1.as_str()), ("left", "import"));
}

async fn known_people_keep_their_wishes(engine: Engine) {
    let house = House::open(engine).await;
    house.join("own@example.kz").await;
    let before = house.people().await;
    let (done, _) = house
        .import(
            "list.csv",
            "email;language;timezone\nOwn@EXAMPLE.kz;ru;Europe/Berlin\n",
        )
        .await;
    assert_eq!((done.new, done.known), (0, 1));
    assert_eq!(house.people().await, before);
    assert_eq!(house.count("consent").await, 2);
}

async fn a_row_says_more_than_the_command(engine: Engine) {
    let house = House::open(engine).await;
    let list = "email,newsletter,state,languages,sections,story_tags,cadence,hour,time_zone,text_only,paused_until\n\
        a@example.kz,daily,active,\"ru,kk\",\"sport,economy\",flood,weekdays,07:30,Europe/Berlin,yes,2026-03-10\n\
        b@example.kz,daily,active,en,,,weekly:1,18:00,Asia/Almaty,no,2020-01-01\n\
        c@example.kz,,,,,,,,,,\n";
    let (done, seen) = house.import("list.csv", list).await;
    assert_eq!(done.new, 3, "{:?}", seen.0);
    let people = house.people().await;
    assert_eq!(
        people[0],
        "(Some(\"a@example.kz\"), \"active\", Some(\"paused\"), Some(\"ru,kk~economy,sport~flood\"), Some(\"weekdays\"), Some(450), \
         Some(\"Europe/Berlin\"), true, Some(\"2026-03-10\"))"
    );
    assert_eq!(
        people[1],
        "(Some(\"b@example.kz\"), \"active\", Some(\"active\"), Some(\"en~~\"), Some(\"weekly:1\"), Some(1080), \
         Some(\"Asia/Almaty\"), false, None)"
    );
    assert!(
        people[2].contains("\"kk,ru,en~~\"") && people[2].contains("Some(480)"),
        "{people:?}"
    );
}

async fn rows_that_cannot_be_used_are_refused_by_line(engine: Engine) {
    let house = House::open(engine).await;
    let list = "email,newsletter,status,sections,hour\n\
        good@example.kz,,,,\n\
        aigerim@,,,,\n\
        ,,,sport,\n\
        \n\
        short@example.kz,,\n\
        long@example.kz,,,,,surplus\n\
        vip@example.kz,,VIP,,\n\
        other@example.kz,weekly,,,\n\
        weather@example.kz,,,weather,\n\
        night@example.kz,,,,25:00\n\
        \"broken@example.kz\" x,,,,\n\
        last@example.kz,,,,\n";
    let (done, seen) = house.import("list.csv", list).await;
    assert_eq!((done.new, done.unreadable), (2, 9));
    for (line, word) in [
        (3, "domain"),
        (4, "no address"),
        (6, "3 fields, the first row 5"),
        (7, "6 fields"),
        (8, "\"VIP\""),
        (9, "\"weekly\""),
        (10, "society, economy, sport"),
        (11, "08:00"),
        (12, "quotation mark"),
    ] {
        assert!(
            seen.sentence(line).contains(word),
            "{line}: {}",
            seen.sentence(line)
        );
    }
    assert_eq!(house.count("subscriber").await, 2);
}

async fn what_is_no_list_changes_nothing(engine: Engine) {
    let house = House::open(engine).await;
    let thousand: String = (0..3000).fold("email,name\n".to_owned(), |mut list, i| {
        writeln!(list, "reader{i}@example.kz,x").unwrap();
        list
    });
    for (name, bytes, words) in [
        (
            "a.csv",
            format!("{thousand}late@example.kz,\"open\n").into_bytes(),
            &["a.csv, line 3002, column 2", "never closed"][..],
        ),
        (
            "b.csv",
            b"name,phone\nx,1\n".to_vec(),
            &["b.csv, line 1", "email", "phone"],
        ),
        ("c.csv", b"\n\n".to_vec(), &["c.csv", "empty"]),
        (
            "d.csv",
            b"PK\x03\x04 and more".to_vec(),
            &["d.csv", "workbook"],
        ),
        (
            "e.csv",
            b"\n\nBerik,berik@example.kz\n".to_vec(),
            &["e.csv, line 3", "headings"],
        ),
        (
            "f.csv",
            b"email,mail\na@example.kz,b@example.kz\n".to_vec(),
            &["columns 1 and 2", "rename"],
        ),
        (
            "g.csv",
            b"email\xff\0\0\0\n".to_vec(),
            &["g.csv", "zero bytes"],
        ),
    ] {
        let path = house.file(name, bytes);
        let Err(error) = house.try_import(&path, |_| {}).await else {
            panic!("{name} was taken");
        };
        for word in words {
            assert!(error.to_string().contains(word), "{name}: {error}");
        }
    }
    let absent = house.try_import(Path::new("nowhere.csv"), |_| {}).await;
    assert!(absent.err().unwrap().to_string().contains("nowhere.csv"));
    assert!(
        house
            .try_import(Path::new("/dev/null"), |_| {})
            .await
            .is_err()
    );
    let path = house.file("list.csv", "a@example.kz\n");
    assert!(
        house
            .try_import(&path, |o| o.wishes.minute = 5000)
            .await
            .is_err()
    );
    assert!(
        house
            .try_import(&path, |o| o.newsletter = Some("weekly".to_owned()))
            .await
            .is_err()
    );
    assert_eq!(house.count("subscriber").await, 0);
    assert_eq!(house.count("slot").await, 0);
}

/// Any list: many rows on few addresses, so that every order of states comes up; over more than one chunk.
fn any_list(seed: u64, rows: usize, addresses: u64) -> String {
    let mut state = seed;
    let mut draw = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let words = [
        "active",
        "active",
        "active",
        "unsubscribed",
        "cleaned",
        "blocklisted",
        "spam",
        "unconfirmed",
        "VIP",
        "",
    ];
    let mut list = "email;status;language\r\n".to_owned();
    for _ in 0..rows {
        let (who, word) = (draw(addresses), words[draw(words.len() as u64) as usize]);
        let tag = ["kk", "ru", "de", ""][draw(4) as usize];
        write!(list, "reader{who}@example.kz;{word};{tag}\r\n").unwrap();
    }
    list
}

async fn a_dry_run_says_the_same_and_writes_nothing(engine: Engine) {
    for (seed, rows, addresses) in [(1, 60, 12), (2, 300, 40), (3, 5000, 4500)] {
        let house = House::open(engine).await;
        house.join("reader1@example.kz").await;
        let left = house.join("reader2@example.kz").await;
        house.leave(&left).await;
        house
            .import("list.csv", "email\nreader3@example.kz\n")
            .await;
        let path = house.file("list.csv", any_list(seed, rows, addresses));
        let before = (
            house.people().await,
            house.suppressions().await,
            house.count("consent").await,
        );
        let (foreseen, said) = house.try_import(&path, |o| o.is_dry = true).await.unwrap();
        assert_eq!(
            (
                house.people().await,
                house.suppressions().await,
                house.count("consent").await
            ),
            before
        );
        assert_eq!(house.count("slot").await, 1);
        let (done, seen) = house.try_import(&path, |_| {}).await.unwrap();
        assert_eq!(said.0, seen.0, "seed {seed}");
        assert_eq!(foreseen, done);
        assert!(
            done.new > 0
                && done.known > 0
                && done.left > 0
                && done.suppressed > 0
                && done.refused > 0
        );
        // And once more changes nothing.
        let after = (
            house.people().await,
            house.suppressions().await,
            house.count("consent").await,
        );
        let (again, _) = house.try_import(&path, |_| {}).await.unwrap();
        assert_eq!(
            (again.new, again.left, again.suppressed),
            (0, 0, 0),
            "seed {seed}"
        );
        assert_eq!(
            (
                house.people().await,
                house.suppressions().await,
                house.count("consent").await
            ),
            after
        );
    }
}

async fn an_import_killed_in_the_middle_goes_on(engine: Engine) {
    let house = House::open(engine).await;
    let rows = 12_000;
    let list = any_list(7, rows, 11_000);
    house.file("list.csv", &list);
    let args = [
        "subscriber",
        "import",
        "list.csv",
        "--consent",
        "signed list",
    ];
    let mut child = house
        .command(&args)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while house.count("subscriber").await == 0 && child.try_wait().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    // SIGKILL; on a quick machine it may have ended before, then there is less to see.
    child.kill().unwrap();
    child.wait().unwrap();
    let taken = house.count("subscriber").await;
    assert!(taken > 0);
    let again = house.jarshy(&args);
    assert!(again.status.success(), "{}", text(&again.stderr));

    let other = House::open(engine).await;
    other.import("list.csv", &list).await;
    assert!(
        taken < other.count("subscriber").await,
        "the import was too quick to be killed"
    );
    assert_eq!(house.people().await, other.people().await);
    for table in ["subscriber", "subscription", "consent", "suppression"] {
        assert_eq!(
            house.count(table).await,
            other.count(table).await,
            "{table}"
        );
    }
}

async fn the_command_line_imports(engine: Engine) {
    let house = House::open(engine).await;
    house.file("люди.csv", "Почта;Статус\naigerim@example.kz;подписан\nberik@example.kz;отписан\n=x@example.kz;активен\nnobody;да\n");
    let import = |more: &[&str]| {
        let args: Vec<&str> = ["subscriber", "import", "люди.csv"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        house.jarshy(&args)
    };
    let without = import(&[]);
    assert!(!without.status.success() && text(&without.stderr).contains("--consent"));
    let blank = import(&["--consent", "  "]);
    assert!(
        !blank.status.success() && text(&blank.stderr).contains("signed list"),
        "{}",
        text(&blank.stderr)
    );
    let dry = import(&[
        "--consent",
        "paper of 12 May",
        "--dry-run",
        "--report",
        "dry.csv",
    ]);
    let said = text(&dry.stdout);
    assert!(
        dry.status.success() && said.contains("nothing was written"),
        "{said}"
    );
    assert!(
        said.contains("4 rows: 2 new, 0 known")
            && said.contains("1 left there")
            && said.contains("1 refused"),
        "{said}"
    );
    assert!(said.contains("line 5, refused"), "{said}");
    assert_eq!(house.count("subscriber").await, 0);

    let real = import(&[
        "--consent",
        "paper of 12 May",
        "--json",
        "--report",
        "real.csv",
    ]);
    let json: serde_json::Value = serde_json::from_slice(&real.stdout).unwrap();
    assert_eq!(
        (json["new"].as_i64(), json["left"].as_i64()),
        (Some(2), Some(1))
    );
    assert_eq!(json["findings"][0]["line"], 5);
    let folder = house.app.folder.path();
    let (dry, real) = (folder.join("dry.csv"), folder.join("real.csv"));
    assert_eq!(std::fs::read(&dry).unwrap(), std::fs::read(&real).unwrap());
    // The report opens in a spreadsheet, and nothing of it runs.
    let rows = python(
        "import csv, sys\nfor row in csv.reader(open(sys.argv[1], encoding='utf-8-sig', newline=''), delimiter=';'): print('|'.join(row))",
        &[real.to_str().unwrap()],
    );
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!(rows[0], "line|address|outcome|reason");
    assert_eq!(rows[1], "2|aigerim@example.kz|new|");
    assert_eq!(rows[2], "3|berik@example.kz|left|");
    assert_eq!(rows[3], "4|'=x@example.kz|new|");
    assert!(rows[4].starts_with("5|nobody|refused|"), "{rows:?}");
    let over = import(&["--consent", "x", "--report", "люди.csv"]);
    assert!(!over.status.success() && text(&over.stderr).contains("another name"));
}
