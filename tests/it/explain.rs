//! `jarshy explain`: every reason why somebody got what they got, or nothing (PRODUCT M25, journey d).

use jarshy::audience::{self, SignUp, Wishes};
use jarshy::base::address::EmailAddress;
use jarshy::newsroom::{self, Draft};
use jarshy::{delivery, digest};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::both_engines;
use crate::support::desk::{Desk, language, wishes};
use crate::support::smtp::{Act, At, Peer};
use crate::support::{Engine, told};

both_engines!(
    m25_nothing_matched_is_said_with_each_story_and_its_reason,
    m25_every_attempt_is_told_in_the_relays_own_words,
    people_who_get_nothing_whatever_is_published,
    what_became_of_a_run_is_told,
    a_story_is_told_as_it_stood_then,
);

const ALMATY: &str = "Asia/Almaty";
const MORNING: &str = "2026-02-28T08:00:00+05:00";
const NOON: &str = "2026-02-28T12:00:00+05:00";

fn narrowed(languages: &[&str], sections: &[&str], tags: &[&str]) -> Wishes {
    Wishes {
        sections: sections.iter().map(|s| (*s).to_owned()).collect(),
        tags: tags.iter().map(|s| (*s).to_owned()).collect(),
        ..wishes(languages, ALMATY)
    }
}

async fn story(desk: &Desk, tag: &str, section: &str, title: &str) -> newsroom::Published {
    desk.send(Draft {
        section: Some(section.to_owned()),
        ..Draft::new(language(tag), title, format!("<p>{title}.</p>"))
    })
    .await
}

fn explained(desk: &Desk, address: &str, more: &[&str]) -> Value {
    let args = [&["explain", address, "--json"][..], more].concat();
    serde_json::from_str(&told(&desk.app.jarshy("", &args))).unwrap()
}

/// The code of each story's reason, by title.
fn codes(told: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<(String, String)> = told["newsletters"][0]["stories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (text(&s["title"]), text(&s["reason"]["code"])))
        .collect();
    all.sort();
    all
}

fn reasons(told: &Value) -> Vec<String> {
    told["newsletters"][0]["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .chain(told["reasons"].as_array().unwrap())
        .map(|r| r["code"].as_str().unwrap().to_owned())
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    all.sort();
    all
}

async fn m25_nothing_matched_is_said_with_each_story_and_its_reason(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe("aigerim@example.kz", narrowed(&["kk"], &["sport"], &[]))
        .await;
    desk.subscribe("tagged@example.kz", narrowed(&["ru"], &[], &["flood"]))
        .await;
    story(&desk, "ru", "sport", "Сборная победила").await;
    story(&desk, "kk", "economy", "Бағалар тұрақты").await;
    let gone = story(&desk, "kk", "sport", "Кері алынған жаңалық").await;
    desk.withdraw(&gone).await;
    desk.send(Draft {
        section: Some("sport".to_owned()),
        as_archive: true,
        released_at: Some("2020-01-01T00:00:00Z".parse().unwrap()),
        ..Draft::new(language("kk"), "Мұрағаттан", "<p>Ескі.</p>")
    })
    .await;
    desk.at(MORNING).await;
    desk.app.set_time("2026-02-28T08:30:00+05:00");
    story(&desk, "kk", "sport", "Кешіккен жаңалық").await;

    let words = told(
        &desk
            .app
            .jarshy("", &["explain", "aigerim@example.kz", "--at", NOON]),
    );
    assert!(
        words.starts_with("a•••m@example.kz: active\n"),
        "the address is masked: {words}"
    );
    for line in [
        "  wants kk · Спорт · daily 08:00 Asia/Almaty\n",
        "  nothing matched: no new kk stories in «Спорт»\n",
        "    «Сборная победила» (ru): only in ru; the person reads kk\n",
        "    «Бағалар тұрақты» (kk): in «Экономика»; the person chose «Спорт»\n",
        "    «Кері алынған жаңалық» (kk): withdrawn at 2026-02-28 07:00\n",
        "    «Мұрағаттан» (kk): brought in as an archive: on pages and in feeds, never in mail\n",
        "    «Кешіккен жаңалық» (kk): came out at 2026-02-28 08:30, after the window was frozen: it belongs to the next digest\n",
        "  next: 2026-03-01 08:00:00 +05:00\n",
    ] {
        assert!(words.contains(line), "{line}{words}");
    }
    let told_json = explained(&desk, "aigerim@example.kz", &["--at", NOON]);
    assert_eq!(told_json["address"], "a•••m@example.kz");
    assert_eq!(reasons(&told_json), ["nothing-matched"]);
    let shown = explained(
        &desk,
        "aigerim@example.kz",
        &["--at", NOON, "--show-addresses"],
    );
    assert_eq!(shown["address"], "aigerim@example.kz");

    let tagged = explained(&desk, "tagged@example.kz", &["--at", NOON]);
    assert!(
        codes(&tagged).contains(&("Сборная победила".to_owned(), "tag".to_owned())),
        "{tagged}"
    );
    // The next morning has what came too late; and of the day before it is said that it is older.
    desk.at("2026-03-01T08:00:00+05:00").await;
    let next = explained(
        &desk,
        "aigerim@example.kz",
        &["--date", "2026-03-01", "--at", "2026-03-01T12:00:00+05:00"],
    );
    assert_eq!(codes(&next), pairs(&[("Кешіккен жаңалық", "mailed")]));
    assert_eq!(next["newsletters"][0]["mails"][0]["state"], "queued");
    // Asked about the past, the answer is the one of then.
    let then = explained(
        &desk,
        "aigerim@example.kz",
        &["--date", "2026-02-28", "--at", "2026-03-01T12:00:00+05:00"],
    );
    assert!(
        reasons(&then).contains(&"nothing-matched".to_owned()),
        "{then}"
    );
}

async fn send(desk: &Desk) {
    delivery::drain(desk.core(), &CancellationToken::new())
        .await
        .unwrap();
}

async fn m25_every_attempt_is_told_in_the_relays_own_words(engine: Engine) {
    let peer = Peer::start().await;
    let desk = Desk::with_relay(engine, &peer).await;
    for name in ["aigerim", "berik"] {
        desk.subscribe(&format!("{name}@example.kz"), wishes(&["ru"], ALMATY))
            .await;
    }
    desk.publish("ru", "В области начали готовиться к паводку")
        .await;
    desk.at(MORNING).await;
    peer.script_for(
        "aigerim@example.kz",
        At::Rcpt,
        Act::say("451 4.7.1 <aigerim@example.kz>: greylisted, come back later"),
        1,
    );
    peer.script_for(
        "berik@example.kz",
        At::Rcpt,
        Act::say("550 5.1.1 <berik@example.kz>: no such user here"),
        1,
    );
    send(&desk).await;
    let waits = explained(&desk, "aigerim@example.kz", &["--at", MORNING]);
    let mail = &waits["newsletters"][0]["mails"][0];
    assert_eq!(mail["state"], "queued");
    assert!(
        mail["sentence"].as_str().unwrap().starts_with("put off"),
        "{mail}"
    );
    desk.app.set_time("2026-02-28T09:00:00+05:00");
    peer.script_for(
        "aigerim@example.kz",
        At::Dot,
        Act::take(Act::say("250 2.0.0 Ok: queued as 4XyZ9988")),
        1,
    );
    send(&desk).await;

    let words = told(
        &desk
            .app
            .jarshy("", &["explain", "aigerim@example.kz", "--at", NOON]),
    );
    for line in [
        "«В области начали готовиться к паводку»: accepted\n",
        "2026-02-28 08:00:00 +05:00  delayed: 451 4.7.1 <a•••m@example.kz>: greylisted, come back later\n",
        "2026-02-28 09:00:00 +05:00  accepted: 250 2.0.0 Ok: queued as 4XyZ9988\n",
        "    the relay's queue id: 4XyZ9988\n",
        "  what matched\n    «В области начали готовиться к паводку» (ru): No. 1 of the issue in ru\n",
    ] {
        assert!(words.contains(line), "{line}{words}");
    }
    assert!(!words.contains("aigerim@example.kz"), "{words}");

    let failed = explained(&desk, "berik@example.kz", &["--at", NOON]);
    let mail = &failed["newsletters"][0]["mails"][0];
    assert_eq!(mail["state"], "failed");
    assert_eq!(
        mail["tries"][0]["words"],
        "550 5.1.1 <b•••k@example.kz>: no such user here"
    );
    assert!(
        reasons(&failed).contains(&"suppressed".to_owned()),
        "{failed}"
    );
    // What the first mail could not bring is told of the next day, too.
    desk.publish("ru", "Мост через Есиль закроют на ремонт")
        .await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    send(&desk).await;
    let next = explained(
        &desk,
        "berik@example.kz",
        &["--at", "2026-03-01T12:00:00+05:00"],
    );
    let mail = &next["newsletters"][0]["mails"][0];
    assert_eq!(mail["state"], "cancelled");
    assert_eq!(
        mail["sentence"],
        "cancelled: the address must not be mailed"
    );
    desk.agrees().await;
}

async fn people_who_get_nothing_whatever_is_published(engine: Engine) {
    let desk = Desk::open(engine).await;
    let unknown = desk.app.jarshy("", &["explain", "nobody@example.kz"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        String::from_utf8(unknown.stdout)
            .unwrap()
            .contains("nobody has subscribed with this address")
    );
    // Asked, and the button was never pressed.
    let sign_up = SignUp {
        address: EmailAddress::parse("pending@example.kz").unwrap(),
        newsletter: None,
        wishes: wishes(&["ru"], ALMATY),
        interface: language("ru"),
        evidence: "form 1".to_owned(),
    };
    audience::sign_up(desk.core(), &desk.theme, sign_up)
        .await
        .unwrap();
    desk.subscribe("left@example.kz", wishes(&["ru"], ALMATY))
        .await;
    desk.subscribe("paused@example.kz", wishes(&["ru"], ALMATY))
        .await;
    let weekdays = Wishes {
        cadence: jarshy::audience::Cadence::Weekdays,
        ..wishes(&["ru"], ALMATY)
    };
    desk.subscribe("weekdays@example.kz", weekdays).await;
    desk.leave("left@example.kz").await;
    let mut tx = desk.core().db.begin().await.unwrap();
    jarshy::on_tx!(&mut tx, c => sqlx::query(
        "UPDATE subscription SET state = 'paused', paused_until = '2026-03-05' WHERE subscriber_id = \
         (SELECT id FROM subscriber WHERE address_key = 'paused@example.kz')").execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
    desk.publish("ru", "В области начали готовиться к паводку")
        .await;
    desk.at(MORNING).await;
    for (address, code, sentence) in [
        (
            "pending@example.kz",
            "unconfirmed",
            "not confirmed yet: the mail with the button was asked for on 2026-02-28 07:00",
        ),
        (
            "left@example.kz",
            "left",
            "left on 2026-02-28 07:00 with the mailbox's own button",
        ),
        (
            "paused@example.kz",
            "paused",
            "paused; mail comes again from 2026-03-05 on",
        ),
        (
            "weekdays@example.kz",
            "not-due",
            "no digest is due on Saturday: the wish is weekdays",
        ),
    ] {
        let told = explained(&desk, address, &["--at", NOON]);
        assert_eq!(reasons(&told)[0], code, "{told}");
        assert!(told.to_string().contains(sentence), "{told}");
    }
    let pending = explained(&desk, "pending@example.kz", &["--at", NOON]);
    assert_eq!(pending["small_mails"][0]["kind"], "confirmation");
    // Somebody who joined after the hour.
    desk.app.set_time("2026-02-28T10:00:00+05:00");
    desk.subscribe("late@example.kz", wishes(&["ru"], ALMATY))
        .await;
    let late = explained(&desk, "late@example.kz", &["--at", NOON]);
    assert!(
        reasons(&late).contains(&"joined-later".to_owned()),
        "{late}"
    );
    let other = desk.app.jarshy(
        "",
        &["explain", "late@example.kz", "--newsletter", "weekly"],
    );
    assert!(
        told(&other).contains("the person has no subscription to \"weekly\""),
        "{other:?}"
    );
}

async fn what_became_of_a_run_is_told(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe("a@example.kz", wishes(&["ru"], ALMATY))
        .await;
    desk.publish("ru", "Первая").await;
    // Before the hour.
    let early = explained(
        &desk,
        "a@example.kz",
        &["--at", "2026-02-28T07:30:00+05:00"],
    );
    assert_eq!(reasons(&early), ["not-yet", "so-far"]);
    // Nothing ran until its time was over.
    desk.at("2026-02-28T20:00:00+05:00").await;
    let missed = explained(
        &desk,
        "a@example.kz",
        &["--at", "2026-02-28T20:00:00+05:00"],
    );
    assert!(reasons(&missed).contains(&"missed".to_owned()), "{missed}");
    // Held, then cut.
    told(
        &desk
            .app
            .jarshy("", &["digest", "hold", "--date", "2026-03-01"]),
    );
    desk.at("2026-03-01T08:00:00+05:00").await;
    let held = explained(
        &desk,
        "a@example.kz",
        &["--at", "2026-03-01T08:10:00+05:00"],
    );
    assert!(reasons(&held).contains(&"held".to_owned()), "{held}");
    desk.at("2026-03-01T15:00:00+05:00").await;
    let cut = explained(
        &desk,
        "a@example.kz",
        &["--at", "2026-03-01T15:00:00+05:00"],
    );
    assert!(reasons(&cut).contains(&"cut".to_owned()), "{cut}");
    // Cancelled while it waited.
    desk.at("2026-03-02T08:00:00+05:00").await;
    let uid = desk.digests("a@example.kz").await.remove(0).uid;
    digest::cancel(desk.core(), &digest::Halt::Issue(uid))
        .await
        .unwrap();
    let at = ["--at", "2026-03-02T09:00:00+05:00"];
    let stopped = explained(&desk, "a@example.kz", &at);
    let mail = &stopped["newsletters"][0]["mails"][0];
    assert_eq!(mail["sentence"], "cancelled by the operator");
    assert_eq!(codes(&stopped), pairs(&[("Первая", "cancelled")]));
}

async fn a_story_is_told_as_it_stood_then(engine: Engine) {
    let desk = Desk::open(engine).await;
    desk.subscribe("a@example.kz", wishes(&["kk", "ru"], ALMATY))
        .await;
    let first = desk.publish("ru", "Первая").await;
    let second = desk.publish("ru", "Вторая").await;
    desk.at(MORNING).await;
    // Withdrawn between planning and sending; the other one gets its Kazakh text.
    desk.withdraw(&second).await;
    desk.follow().await;
    desk.app.set_time(NOON);
    desk.translate(&first, "kk", "Бірінші").await;
    desk.at("2026-03-01T08:00:00+05:00").await;
    let late = ["--at", "2026-03-01T12:00:00+05:00"];
    let then = explained(
        &desk,
        "a@example.kz",
        &[&late[..], &["--date", "2026-02-28"]].concat(),
    );
    let sentence = |title: &str, told: &Value| {
        told["newsletters"][0]["stories"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["title"] == title)
            .unwrap_or_else(|| panic!("{told}"))["reason"]
            .clone()
    };
    assert_eq!(sentence("Бірінші", &then)["code"], "mailed");
    assert_eq!(
        sentence("Бірінші", &then)["sentence"],
        "No. 1 of the issue in ru"
    );
    assert_eq!(sentence("Вторая", &then)["code"], "withdrawn");
    let now = explained(&desk, "a@example.kz", &late);
    assert_eq!(
        sentence("Бірінші", &now)["sentence"],
        "sent with issue No. 1 of 2026-02-28: each story comes once"
    );
    assert!(
        reasons(&now).contains(&"nothing-matched".to_owned()),
        "{now}"
    );
}
