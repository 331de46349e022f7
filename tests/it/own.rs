//! A person's own pages: every wish, another address, one's own data, and the mails that go with them (PRODUCT M11 to M14, M17).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::Method;
use jarshy::audience;
use jarshy::base::language::Language;
use jarshy::base::time::Timestamp;
use jarshy::base::token::{Claims, KeyRing, Purpose};
use jarshy::newsroom::{self, Draft};
use jarshy::{on_db, on_tx};

use crate::both_engines;
use crate::support::browser::{Answer, Browser};
use crate::support::dump::dump;
use crate::support::{Engine, TestApp};

both_engines!(
    settings_hold_every_wish,
    an_address_changes_when_both_mailboxes_agree,
    a_change_to_an_address_that_is_known_tells_nothing,
    a_known_address_takes_over_what_it_has_not,
    changes_of_address_are_capped,
    a_wish_that_nobody_confirms_is_forgotten,
    ones_own_data_come_by_a_fresh_link,
    links_outlive_new_keys_and_another_address,
    a_welcome_says_when_and_a_goodbye_can_be_taken_back,
);

const ADDRESS: &str = "aigerim@example.kz";
const OTHER: &str = "other.box@example.org";

struct House {
    app: TestApp,
    browser: Browser,
}

/// A mail as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Mail {
    kind: String,
    subject: String,
    html: String,
    text: String,
    headers: String,
    dated_at: Timestamp,
    key_id: i64,
    recipient_uid: String,
    recipient_epoch: i64,
    address: String,
}

impl House {
    async fn open(engine: Engine) -> Self {
        Self::open_with(TestApp::spawn(engine).await).await
    }

    async fn open_with(app: TestApp) -> Self {
        audience::sync_newsletters(&app.core).await.unwrap();
        let browser = Browser::new(&app);
        Self { app, browser }
    }

    async fn mails(&self) -> Vec<Mail> {
        on_db!(&self.app.core.db, c => sqlx::query_as(
            "SELECT l.kind, l.subject, l.html, l.text, l.headers, l.dated_at, l.key_id, d.recipient_uid, d.recipient_epoch, d.address \
             FROM letter l JOIN delivery d ON d.letter_id = l.id WHERE d.state = 'queued' ORDER BY l.id").fetch_all(c).await)
        .unwrap()
    }

    async fn mail(&self, kind: &str, to: &str) -> Mail {
        let all = self.mails().await;
        let found = all.iter().rfind(|m| m.kind == kind && m.address == to);
        found
            .unwrap_or_else(|| panic!("no {kind} to {to} in {all:?}"))
            .clone()
    }

    /// The address of the page behind a mail's button.
    fn link(&self, mail: &Mail, purpose: Purpose, path: &str) -> String {
        let place = format!("https://news.example.kz/{path}/{}", purpose.placeholder());
        assert!(
            mail.html.contains(&place) && mail.text.contains(&place),
            "{mail:?}"
        );
        let claims = Claims {
            uid: mail.recipient_uid.clone(),
            epoch: mail.recipient_epoch,
            issued_at: mail.dated_at,
        };
        format!(
            "/{path}/{}",
            self.app.core.keys.token(mail.key_id, purpose, &claims)
        )
    }

    async fn write(&self, sql: &str) {
        let mut tx = self.app.core.db.begin().await.unwrap();
        on_tx!(&mut tx, c => sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(c).await.map(|_| ())).unwrap();
        tx.commit().await.unwrap();
    }

    async fn one(&self, sql: &str) -> String {
        on_db!(&self.app.core.db, c => sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(c).await).unwrap()
    }

    /// State of the newest subscription of an address.
    async fn state(&self, address: &str) -> String {
        self.one(&format!(
            "SELECT s.state FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id WHERE p.address = '{address}' ORDER BY s.id DESC"
        ))
        .await
    }

    /// Joins; the settings link as a digest would hold it, without the slash before the token.
    async fn join(&self, address: &str) -> String {
        let fields = [
            ("address", address),
            ("language", "kk"),
            ("language", "ru"),
            ("time_zone", "Asia/Almaty"),
            ("consent", "yes"),
        ];
        self.browser.post("/kk/subscribe", &fields).await.is(200);
        let mail = self.mail("confirmation", address).await;
        let link = self.link(&mail, Purpose::Confirm, "confirm");
        self.browser
            .post(&link, &[("act", "confirm")])
            .await
            .is(200);
        // The relay takes it.
        self.write("UPDATE delivery SET state = 'accepted' WHERE state = 'queued'")
            .await;
        self.token(Purpose::Preferences, address).await
    }

    /// A token of the subscription, as of now.
    async fn token(&self, purpose: Purpose, address: &str) -> String {
        let (uid, epoch): (String, i64) = on_db!(&self.app.core.db, c => sqlx::query_as(
            "SELECT s.uid, p.link_epoch FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id WHERE p.address = $1")
            .bind(address).fetch_one(c).await).unwrap();
        let claims = Claims {
            uid,
            epoch,
            issued_at: self.app.core.clock.now(),
        };
        self.app.core.keys.new_token(purpose, &claims)
    }

    async fn ask_change(&self, token: &str, to: &str) -> Answer {
        let fields = [("act", "change"), ("new_address", to)];
        self.browser
            .post(&format!("/preferences/{token}"), &fields)
            .await
    }

    async fn agree(&self, mail: &Mail, purpose: Purpose) -> Answer {
        let link = self.link(mail, purpose, "change");
        // As in the browser inside a mail app.
        self.browser
            .post_from(&link, &[("act", "agree")], &[("origin", "null")])
            .await
    }
}

/// PRODUCT M13: languages in order, sections, topics, days, hour, zone, pause, text alone; without a script.
async fn settings_hold_every_wish(engine: Engine) {
    let house = House::open(engine).await;
    let token = house.join(ADDRESS).await;
    let page = format!("/preferences/{token}");
    house.write("INSERT INTO tag (uid, slug, names) VALUES ('0194f5b6-7c1e-7a3b-9a55-0123456789ab', 'qazaq-tili', '{\"kk\": \"Қазақ тілі\", \"ru\": \"Казахский язык\"}')").await;
    // A topic is offered once a public story has it, and stays to be seen while somebody has chosen it.
    house
        .browser
        .post(&page, &[("has_tags", "1"), ("tag", "qazaq-tili")])
        .await
        .is(422);
    let draft = Draft {
        tags: vec!["qazaq-tili".to_owned()],
        ..Draft::new(
            Language::parse("kk").unwrap(),
            "Тіл апталығы басталды",
            "<p>Апталық.</p>",
        )
    };
    let about_it = newsroom::publish(&house.app.core, draft).await.unwrap();
    house
        .browser
        .post(&page, &[("has_tags", "1"), ("tag", "qazaq-tili")])
        .await
        .is(200)
        .has("name=\"tag\" value=\"qazaq-tili\" checked");
    let key = "SELECT e.key FROM subscription s JOIN selection e ON e.id = s.selection_id";
    assert_eq!(house.one(key).await, "kk,ru~~qazaq-tili");
    newsroom::withdraw(&house.app.core, &about_it.uid, None)
        .await
        .unwrap();
    house
        .browser
        .get(&page)
        .await
        .is(200)
        .has("name=\"tag\" value=\"qazaq-tili\" checked");
    house
        .browser
        .post(&page, &[("has_tags", "1")])
        .await
        .is(200)
        .lacks("value=\"qazaq-tili\" checked");
    assert_eq!(house.one(key).await, "kk,ru~~");
    let save = [
        ("language", "ru"),
        ("language", "kk"),
        ("language", ""),
        ("has_sections", "1"),
        ("section", "sport"),
        ("hour", "19:00"),
        ("time_zone", "Europe/Berlin"),
        ("cadence", "days"),
        ("weekday", "1"),
        ("day", "2"),
        ("day", "4"),
        ("day", "6"),
        ("text_only", "1"),
        ("paused_until", "2026-03-20"),
    ];
    house
        .browser
        .post(&page, &save)
        .await
        .is(200)
        .has("Сохранено")
        .names_its_fields()
        .has("<option value=\"ru\" lang=\"ru\" selected>")
        .has("name=\"section\" value=\"sport\" checked")
        .has("<option value=\"19:00\" selected>")
        .has("<option value=\"Europe/Berlin\" selected>")
        .has("name=\"cadence\" value=\"days\" checked")
        .has("name=\"day\" value=\"2\" checked")
        .has("name=\"day\" value=\"4\" checked")
        .has("name=\"day\" value=\"6\" checked")
        .has("name=\"text_only\" value=\"1\" checked")
        .has("Рассылка приостановлена.")
        .lacks("name=\"day\" value=\"1\" checked");
    let slot = "SELECT t.cadence || ' ' || t.time_zone || ' ' || CAST(t.minute AS TEXT) || ' ' || s.state FROM subscription s JOIN slot t ON t.id = s.slot_id";
    assert_eq!(
        house.one(slot).await,
        "days:2,4,6 Europe/Berlin 1140 paused"
    );
    // No day is no wish; seven days are every day.
    let days = |ticked: &[&'static str]| {
        let mut fields = vec![("cadence", "days"), ("paused_until", "")];
        fields.extend(ticked.iter().map(|day| ("day", *day)));
        fields
    };
    house
        .browser
        .post(&page, &days(&[]))
        .await
        .is(422)
        .has("Отметьте хотя бы один день.");
    house
        .browser
        .post(&page, &days(&["1", "2", "3", "4", "5", "6", "7"]))
        .await
        .is(200)
        .has("name=\"cadence\" value=\"daily\" checked");
    house
        .browser
        .post(&page, &[("cadence", "immediate"), ("paused_until", "")])
        .await
        .is(200)
        .has("name=\"cadence\" value=\"immediate\" checked")
        .has("Следующее письмо придёт, как только выйдет новый материал.");
}

/// PRODUCT M13, M14: both mailboxes press a button; the mails name neither address.
async fn an_address_changes_when_both_mailboxes_agree(engine: Engine) {
    let house = House::open(engine).await;
    let token = house.join(ADDRESS).await;
    let page = format!("/preferences/{token}");
    for (typed, says) in [
        ("", "Мекенжай дұрыс емес сияқты."),
        ("not an address", "Мекенжай дұрыс емес сияқты."),
        (
            "Aigerim@Example.kz",
            "Хаттар бұл мекенжайға онсыз да келіп тұр.",
        ),
        ("new@gmail.con", "Мүмкін, new@gmail.com шығар?"),
        ("new@mail,ru", "Мүмкін, new@mail.ru шығар?"),
    ] {
        house
            .ask_change(&token, typed)
            .await
            .is(422)
            .has(says)
            .names_its_fields();
    }
    assert!(house.mails().await.is_empty());
    house
        .ask_change(&token, OTHER)
        .await
        .is(200)
        .has("Екі мекенжайға да хат жібердік.")
        .has(OTHER);
    let (from, to) = (
        house.mail("change", ADDRESS).await,
        house.mail("change", OTHER).await,
    );
    for mail in [&from, &to] {
        let all = format!("{}{}{}{}", mail.subject, mail.html, mail.text, mail.headers);
        assert!(
            !all.contains("aigerim") && !all.contains("other.box"),
            "{all}"
        );
        assert_eq!(
            all.matches("<a href=\"https").count(),
            1,
            "one button and the bare link: {all}"
        );
    }
    // Looking never acts.
    let (from_page, to_page) = (
        house.link(&from, Purpose::ChangeFrom, "change"),
        house.link(&to, Purpose::ChangeTo, "change"),
    );
    let before = dump(&house.app.core.db).await;
    for _ in 0..20 {
        for page in [&from_page, &to_page] {
            let seen = house.browser.get(page).await;
            seen.is(200).has("other.box@example.org");
            assert_eq!(
                seen.body
                    .matches("<button class=\"button is-large\"")
                    .count(),
                1
            );
        }
        house.browser.send(Method::HEAD, &from_page, &[], "").await;
    }
    assert_eq!(dump(&house.app.core.db).await, before);
    // A person at the new mailbox does not learn where the mail goes now.
    house
        .browser
        .get(&to_page)
        .await
        .has("a•••m@example.kz")
        .lacks(ADDRESS);

    house
        .agree(&to, Purpose::ChangeTo)
        .await
        .is(200)
        .has("Енді екінші пошта жәшігінен растау қажет.");
    assert_eq!(house.state(ADDRESS).await, "active");
    // One side twice is still one side.
    house.agree(&to, Purpose::ChangeTo).await.is(200);
    assert_eq!(house.state(ADDRESS).await, "active");
    house
        .agree(&from, Purpose::ChangeFrom)
        .await
        .is(200)
        .has("Мекенжай ауыстырылды");
    assert_eq!(house.state(OTHER).await, "active");
    let hash = house.app.core.keys.address_hash(OTHER);
    assert_eq!(house.one("SELECT address_hash FROM subscriber").await, hash);
    // Pressing again, from either side, says the same and shows no address in full.
    for (mail, purpose) in [(&from, Purpose::ChangeFrom), (&to, Purpose::ChangeTo)] {
        house
            .agree(mail, purpose)
            .await
            .is(200)
            .has("Мекенжай ауыстырылды")
            .lacks(OTHER);
    }
    let log = house
        .one("SELECT evidence FROM consent WHERE action = 'changed'")
        .await;
    assert_eq!(log, "address a•••m@example.kz -> o•••x@example.org");
    // The settings link in the old mailbox is dead; a new one goes to the new mailbox alone.
    house
        .browser
        .get(&page)
        .await
        .is(410)
        .has("value=\"resend\"");
    house
        .browser
        .post(&page, &[("act", "resend")])
        .await
        .is(200);
    let fresh = house.mail("already", OTHER).await;
    let settings = house.link(&fresh, Purpose::Preferences, "preferences");
    house
        .browser
        .get(&settings)
        .await
        .is(200)
        .has("o•••x@example.org");
}

/// The answers, pages and mails are the same whether the new address is known here or not.
async fn a_change_to_an_address_that_is_known_tells_nothing(engine: Engine) {
    let house = House::open(engine).await;
    house.join(OTHER).await;
    let mut seen = Vec::new();
    for (mover, to) in [
        ("one@example.kz", OTHER),
        ("two@example.kz", "nobody@example.org"),
    ] {
        let token = house.join(mover).await;
        let mut told = vec![house.ask_change(&token, to).await];
        let (from, new) = (
            house.mail("change", mover).await,
            house.mail("change", to).await,
        );
        told.push(
            house
                .browser
                .get(&house.link(&new, Purpose::ChangeTo, "change"))
                .await,
        );
        told.push(house.agree(&from, Purpose::ChangeFrom).await);
        told.push(house.agree(&new, Purpose::ChangeTo).await);
        let words: Vec<String> = told
            .iter()
            .map(|answer| {
                let main = answer.body.split("<main").nth(1).unwrap();
                let main = main.split("/change/").next().unwrap().to_owned();
                [
                    "one@",
                    "two@",
                    "o•••e@",
                    "t•••o@",
                    "other.box@example.org",
                    "nobody@example.org",
                    "o•••x@",
                    "n•••y@",
                ]
                .iter()
                .fold(main, |text, word| text.replace(word, "X"))
            })
            .collect();
        seen.push((words, from.html, new.html));
    }
    assert_eq!(seen[0], seen[1]);
    // Who is subscribed there already has one subscription, not two.
    assert_eq!(house.state("one@example.kz").await, "left");
    assert_eq!(house.state(OTHER).await, "active");
    let active = "SELECT CAST(COUNT(*) AS TEXT) FROM subscription WHERE state = 'active'";
    assert_eq!(house.one(active).await, "2");
}

/// The mailbox is known here and had left: it takes over wishes and the place in the log.
async fn a_known_address_takes_over_what_it_has_not(engine: Engine) {
    let house = House::open(engine).await;
    house.join(OTHER).await;
    let out = format!(
        "/unsubscribe/{}",
        house.token(Purpose::Unsubscribe, OTHER).await
    );
    house.browser.post(&out, &[("act", "leave")]).await.is(200);
    let token = house.join(ADDRESS).await;
    let wishes = [
        ("cadence", "weekdays"),
        ("hour", "19:00"),
        ("section", "sport"),
        ("paused_until", "2026-03-20"),
    ];
    house
        .browser
        .post(&format!("/preferences/{token}"), &wishes)
        .await
        .is(200);
    house
        .write(
            "UPDATE subscription SET read_to = 7, last_date = '2026-02-28' WHERE state = 'paused'",
        )
        .await;
    house.ask_change(&token, OTHER).await.is(200);
    let (from, to) = (
        house.mail("change", ADDRESS).await,
        house.mail("change", OTHER).await,
    );
    house.agree(&from, Purpose::ChangeFrom).await.is(200);
    house.agree(&to, Purpose::ChangeTo).await.is(200);
    assert_eq!(
        (
            house.state(ADDRESS).await.as_str(),
            house.state(OTHER).await.as_str()
        ),
        ("left", "paused")
    );
    let row = "SELECT CAST(s.read_to AS TEXT) || ' ' || s.last_date || ' ' || s.paused_until || ' ' || t.cadence || ' ' || e.key \
         FROM subscription s JOIN slot t ON t.id = s.slot_id JOIN selection e ON e.id = s.selection_id WHERE s.state = 'paused'";
    let row = house.one(row).await;
    assert!(
        row.starts_with("7 2026-02-28 2026-03-20 weekdays ") && row.contains("sport"),
        "{row}"
    );
}

/// FAILURES T43: nobody can be flooded through somebody else's settings link.
async fn changes_of_address_are_capped(engine: Engine) {
    let house = House::open(engine).await;
    let token = house.join(ADDRESS).await;
    // The sign-up was the first of the five of the day.
    for n in 0..4 {
        house
            .ask_change(&token, &format!("victim{n}@example.org"))
            .await
            .is(200);
    }
    house
        .ask_change(&token, "victim5@example.org")
        .await
        .is(429);
    assert_eq!(house.mails().await.len(), 8);
    // The last wish counts; the links of those before are dead.
    let first = house.mail("change", "victim0@example.org").await;
    house
        .agree(&first, Purpose::ChangeTo)
        .await
        .is(410)
        .has("Мекенжайды ауыстыру үшін оны жазылым баптауларында қайта көрсетіңіз.");
    // Two who want the same mailbox: it is asked once, and the second gets the same answer.
    let second = house.join("bolat@example.kz").await;
    let answer = house.ask_change(&second, "victim3@example.org").await;
    answer.is(200).has("victim3@example.org");
    let to_victim = house
        .mails()
        .await
        .into_iter()
        .filter(|m| m.address == "victim3@example.org");
    assert_eq!(to_victim.count(), 0, "the relay took the first; no second");
}

async fn a_wish_that_nobody_confirms_is_forgotten(engine: Engine) {
    let house = House::open(engine).await;
    let token = house.join(ADDRESS).await;
    house.ask_change(&token, OTHER).await.is(200);
    let to = house.mail("change", OTHER).await;
    house.app.set_time("2026-03-03T06:59:00+05:00");
    assert_eq!(audience::prune_changes(&house.app.core).await.unwrap(), 0);
    house.app.set_time("2026-03-03T07:00:01+05:00");
    house.agree(&to, Purpose::ChangeTo).await.is(410);
    assert_eq!(audience::prune_changes(&house.app.core).await.unwrap(), 1);
    assert_eq!(house.state(ADDRESS).await, "active");
}

/// PRODUCT M11, M12, M13: what was agreed to, the download, and erasure behind a second button.
async fn ones_own_data_come_by_a_fresh_link(engine: Engine) {
    let house = House::open(engine).await;
    let token = house.join(ADDRESS).await;
    house.ask_change(&token, OTHER).await.is(200);
    let settings = format!("/preferences/{token}");
    house
        .browser
        .post(&settings, &[("act", "data")])
        .await
        .is(200)
        .has("Деректеріңізге сілтеме жібердік.")
        .has("a•••m@example.kz")
        .lacks(ADDRESS);
    // A second time while the first still waits sends no second.
    house
        .browser
        .post(&settings, &[("act", "data")])
        .await
        .is(200);
    assert_eq!(
        house
            .mails()
            .await
            .iter()
            .filter(|m| m.kind == "link")
            .count(),
        1
    );
    let mail = house.mail("link", ADDRESS).await;
    let page = house.link(&mail, Purpose::Data, "my-data");
    house
        .browser
        .get(&page)
        .await
        .is(200)
        .names_its_fields()
        .has("Дербес деректерімді жинауға және өңдеуге келісемін")
        .has("Жазылым расталды")
        .lacks(ADDRESS);
    // The settings link alone opens none of it.
    house
        .browser
        .get(&format!("/my-data/{token}"))
        .await
        .is(404);
    let file = house.browser.post(&page, &[("act", "download")]).await;
    file.is(200);
    assert!(file.header("content-disposition").starts_with("attachment"));
    assert_eq!(
        (file.header("cache-control"), file.header("referrer-policy")),
        ("no-store", "no-referrer")
    );
    let data: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    let shown = &data["consent"][0]["shown"];
    assert_eq!(data["address"], ADDRESS);
    assert!(
        shown["text"]
            .as_str()
            .unwrap()
            .contains("Трансшекаралық беру: жоқ")
            && shown["version"].as_str().unwrap().len() == 12,
        "{shown}"
    );
    assert_eq!(
        (&data["consent"][0]["method"], &data["consent"][1]["action"]),
        (&"form".into(), &"confirmed".into())
    );

    // Past its day the link offers a new one in one tap.
    house
        .write("UPDATE delivery SET state = 'accepted' WHERE state = 'queued'")
        .await;
    house.app.set_time("2026-03-01T07:00:01+05:00");
    house.browser.get(&page).await.is(410);
    house.browser.post(&page, &[("act", "erase")]).await.is(410);
    house
        .browser
        .post(&page, &[("act", "resend")])
        .await
        .is(200);
    let mail = house.mail("link", ADDRESS).await;
    let page = house.link(&mail, Purpose::Data, "my-data");
    let asked = house.browser.post(&page, &[("act", "ask")]).await;
    asked
        .is(200)
        .has("value=\"erase\"")
        .has("Жазылым тоқтатылып, мекенжайыңыз өшіріледі. Жалғастырайық па?");
    assert_eq!(house.state(ADDRESS).await, "active");
    house
        .browser
        .post(&page, &[("act", "erase")])
        .await
        .is(200)
        .has("Деректеріңіз жойылды.");
    // Nothing is left but the keyed hash: neither of the address, nor of the one that was typed as the new one.
    for (table, rows) in dump(&house.app.core.db).await {
        assert!(
            !rows.contains("aigerim") && !rows.contains("other.box"),
            "{table}: {rows}"
        );
    }
    assert_eq!(
        house
            .one("SELECT method FROM consent WHERE action = 'erased'")
            .await,
        "link"
    );
    house.browser.get(&page).await.is(404);
    house.browser.post(&page, &[("act", "erase")]).await.is(404);
    house.browser.get(&settings).await.is(404);
}

/// FAILURES T42: links work for years, whatever becomes of keys and addresses.
async fn links_outlive_new_keys_and_another_address(engine: Engine) {
    let mut app = TestApp::spawn(engine).await;
    let keys = |ids: &[u8]| {
        KeyRing::new(
            ids.iter()
                .map(|id| (*id, [*id; 32]))
                .collect::<BTreeMap<_, _>>(),
            [9; 32],
        )
        .unwrap()
    };
    app.core.keys = Arc::new(keys(&[1]));
    let house = House::open_with(app).await;
    let old_settings = house.join(ADDRESS).await;
    let old_leave = house.token(Purpose::Unsubscribe, ADDRESS).await;
    // Years later there is a second key, and a third.
    let House { mut app, .. } = house;
    app.core.keys = Arc::new(keys(&[1, 2, 3]));
    let house = House::open_with(app).await;
    house.app.set_time("2031-02-28T07:00:00+05:00");
    house
        .browser
        .get(&format!("/preferences/{old_settings}"))
        .await
        .is(200);
    house.ask_change(&old_settings, OTHER).await.is(200);
    let (from, to) = (
        house.mail("change", ADDRESS).await,
        house.mail("change", OTHER).await,
    );
    house.agree(&from, Purpose::ChangeFrom).await.is(200);
    house.agree(&to, Purpose::ChangeTo).await.is(200);
    assert_eq!(house.state(OTHER).await, "active");
    // The settings link is called back and says how to get a new one; the one to leave goes on working, by page and by one click.
    house
        .browser
        .get(&format!("/preferences/{old_settings}"))
        .await
        .is(410);
    let leave = format!("/unsubscribe/{old_leave}");
    house
        .browser
        .get(&leave)
        .await
        .is(200)
        .has("o•••x@example.org");
    house
        .browser
        .post(&leave, &[("List-Unsubscribe", "One-Click")])
        .await
        .is(200);
    assert_eq!(house.state(OTHER).await, "left");
    house
        .browser
        .post(&leave, &[("act", "rejoin")])
        .await
        .is(200);
    assert_eq!(house.state(OTHER).await, "active");
}

/// PRODUCT M17: the welcome mail says the day and hour the page says; the goodbye mail goes to the owner, whoever pressed the button.
async fn a_welcome_says_when_and_a_goodbye_can_be_taken_back(engine: Engine) {
    let mut app = TestApp::spawn(engine).await;
    let mut config = (*app.core.config).clone();
    config.newsletters[0].welcome = true;
    config.newsletters[0].goodbye = true;
    app.core.config = Arc::new(config);
    let house = House::open_with(app).await;
    for (lang, address, first, last, question) in [
        (
            "kk",
            "a@example.kz",
            "Алғашқы хат: сенбі, 28 ақпан, 08:00",
            "Жазылым тоқтатылды: Тау жаршысы",
            "Қайта жазылу",
        ),
        (
            "ru",
            "b@example.kz",
            "Первое письмо: суббота, 28 февраля, 08:00",
            "Вы отписаны: Тау жаршысы",
            "Вернуть подписку",
        ),
        (
            "en",
            "c@example.kz",
            "First email: Saturday, 28 February, 08:00",
            "You are unsubscribed: Tau Herald",
            "Subscribe again",
        ),
    ] {
        let fields = [("address", address), ("language", lang), ("consent", "yes")];
        house
            .browser
            .post(&format!("/{lang}/subscribe"), &fields)
            .await
            .is(200);
        let mail = house.mail("confirmation", address).await;
        let link = house.link(&mail, Purpose::Confirm, "confirm");
        house
            .browser
            .post(&link, &[("act", "confirm")])
            .await
            .is(200)
            .has(first);
        let welcome = house.mail("welcome", address).await;
        assert!(
            welcome.html.contains(first) && welcome.text.contains(first),
            "{}",
            welcome.text
        );
        assert!(welcome.headers.contains("List-Unsubscribe=One-Click"));
        let settings = house.link(&welcome, Purpose::Preferences, "preferences");
        house.browser.get(&settings).await.is(200);
        // Pressing the button of the confirmation again welcomes nobody twice.
        house
            .browser
            .post(&link, &[("act", "confirm")])
            .await
            .is(200);
        let welcomes = |mails: Vec<Mail>| {
            mails
                .iter()
                .filter(|m| m.kind == "welcome" && m.address == address)
                .count()
        };
        assert_eq!(welcomes(house.mails().await), 1);
        // The mailbox's own button is its owner's: no mail more, also not the one that waits.
        let leave = house.link(&welcome, Purpose::Unsubscribe, "unsubscribe");
        house
            .browser
            .post(&leave, &[("List-Unsubscribe", "One-Click")])
            .await
            .is(200);
        assert!(
            house
                .mails()
                .await
                .iter()
                .all(|m| m.address != address || m.kind == "confirmation")
        );
        house
            .browser
            .post(&leave, &[("act", "rejoin")])
            .await
            .is(200);
        house
            .browser
            .post(&leave, &[("act", "leave")])
            .await
            .is(200);
        let goodbye = house.mail("goodbye", address).await;
        assert_eq!(goodbye.subject, last);
        let undo = house.link(&goodbye, Purpose::Unsubscribe, "unsubscribe");
        house
            .browser
            .get(&undo)
            .await
            .is(200)
            .has(question)
            .has("value=\"rejoin\"");
        house
            .browser
            .post(&undo, &[("act", "rejoin")])
            .await
            .is(200);
        assert_eq!(house.state(address).await, "active");
    }
}
