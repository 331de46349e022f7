//! The life of a subscription, on both engines.

use std::collections::BTreeSet;

use jarshy::audience::{self, AudienceError, Cadence, LeaveBy, SignUp, Wishes, store};
use jarshy::base::address::EmailAddress;
use jarshy::base::language::Language;
use jarshy::base::time::{Timestamp, Zone};
use jarshy::base::token::{Claims, Purpose};
use jarshy::delivery::{self, LetterKind, NewDelivery, NewLetter};
use jarshy::theme::Theme;
use jarshy::work::Core;
use jarshy::{on_db, on_tx};

use crate::both_engines;
use crate::support::{Engine, TestApp, slot};

both_engines!(
    a_life_from_sign_up_to_return,
    looking_changes_nothing,
    links_of_another_purpose_epoch_or_age_are_refused,
    a_known_and_an_unknown_address_get_the_same_answer,
    an_address_is_mailed_once_in_ten_minutes_and_five_times_a_day,
    one_confirmation_waits_at_a_time,
    a_flood_at_one_domain_is_cut_and_tells_nothing,
    two_sign_ups_at_once_make_one_subscriber,
    a_mail_holds_no_word_that_a_stranger_typed,
    who_left_comes_back_by_a_new_confirmation_alone,
    a_fresh_link_needs_no_typing,
    an_unsubscribe_beats_a_plan_that_is_being_made,
    leaving_cancels_what_is_queued_for_this_subscription_alone,
    changing_wishes_moves_no_reader,
    a_pause_ends_on_its_day_in_its_own_zone,
    wishes_that_cannot_be_met_change_nothing,
    adding_twice_changes_nothing_and_never_revives,
    one_wrong_wish_refuses_the_whole_list,
    unconfirmed_addresses_are_gone_after_a_week,
    confirming_lifts_what_its_owner_may_lift,
    a_run_sees_who_is_due_and_moves_them_once,
    planners_take_different_chunks,
    verify_finds_who_was_left_behind_and_nobody_else,
    newsletters_follow_the_settings,
    the_command_line_refuses_what_is_wrong_and_changes_nothing,
    the_list_hides_addresses,
);

// ---- what the stories share ----

struct House {
    app: TestApp,
    theme: Theme,
}

impl House {
    async fn open(engine: Engine) -> Self {
        let app = TestApp::spawn(engine).await;
        audience::sync_newsletters(&app.core).await.unwrap();
        let theme = Theme::load(&app.core.config).unwrap();
        Self { app, theme }
    }

    fn core(&self) -> &Core {
        &self.app.core
    }

    async fn sign_up(&self, address: &str) {
        audience::sign_up(self.core(), &self.theme, request(address))
            .await
            .unwrap();
    }

    /// Signs up and confirms; returns the uids of subscriber and subscription.
    async fn join(&self, address: &str) -> (String, String) {
        self.sign_up(address).await;
        let mail = self.mails().await.pop().unwrap();
        audience::confirm(self.core(), &mail.token(self.core(), Purpose::Confirm))
            .await
            .unwrap();
        let person = self.person(address).await;
        (person.0, self.subscription(address).await.uid)
    }

    async fn mails(&self) -> Vec<Mail> {
        on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT l.kind, l.subject, l.html, l.text, l.headers, l.sender, l.language, l.priority, l.dated_at, l.key_id, \
             d.recipient_uid, d.recipient_epoch, d.address, d.state, d.expires_at FROM letter l \
             JOIN delivery d ON d.letter_id = l.id ORDER BY l.id").fetch_all(c).await)
        .unwrap()
    }

    /// Uid and state of a subscriber.
    async fn person(&self, address: &str) -> (String, String) {
        on_db!(&self.core().db, c => sqlx::query_as("SELECT uid, state FROM subscriber WHERE address_key = $1")
            .bind(EmailAddress::parse(address).unwrap().key()).fetch_one(c).await)
        .unwrap()
    }

    async fn subscription(&self, address: &str) -> Row {
        on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT s.id, s.uid, s.state, s.read_to, s.last_date, s.selection_id, s.slot_id, s.paused_until, s.text_only \
             FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id WHERE p.address_key = $1 ORDER BY s.id")
            .bind(EmailAddress::parse(address).unwrap().key()).fetch_one(c).await)
        .unwrap()
    }

    /// Actions and methods in their order.
    async fn consent(&self, address: &str) -> Vec<(String, String)> {
        on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT c.action, c.method FROM consent c JOIN subscriber p ON p.id = c.subscriber_id WHERE p.address_key = $1 \
             ORDER BY c.id")
            .bind(EmailAddress::parse(address).unwrap().key()).fetch_all(c).await)
        .unwrap()
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        on_db!(&self.core().db, c => sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(c).await)
            .unwrap()
    }

    /// How much there is of everything the audience writes, and in which states.
    async fn everything(&self) -> String {
        type Person = (
            String,
            String,
            i64,
            Option<String>,
            Option<i64>,
            Option<i64>,
        );
        let mut counts = Vec::new();
        for table in ["consent", "letter", "delivery", "selection", "slot"] {
            counts.push((table, self.count(table).await));
        }
        let people: Vec<Person> = on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT p.uid, p.state, p.link_epoch, s.state, s.read_to, s.slot_id FROM subscriber p \
             LEFT JOIN subscription s ON s.subscriber_id = p.id ORDER BY p.id, s.id").fetch_all(c).await)
        .unwrap();
        let deliveries: Vec<(i64, String)> = on_db!(&self.core().db, c => sqlx::query_as(
            "SELECT id, state FROM delivery ORDER BY id").fetch_all(c).await)
        .unwrap();
        format!("{counts:?}\n{people:?}\n{deliveries:?}")
    }

    /// Everything that waits is taken by the relay.
    async fn hand_over(&self) {
        let sql = "UPDATE delivery SET state = 'accepted' WHERE state = 'queued' AND id > ";
        self.run(sql, 0).await;
    }

    async fn set_head(&self, no: i64) {
        self.run("UPDATE log_head SET no = ", no).await;
    }

    async fn run(&self, sql: &str, value: i64) {
        let mut tx = self.core().db.begin().await.unwrap();
        let sql = format!("{sql}{value}");
        on_tx!(&mut tx, c => sqlx::query(sqlx::AssertSqlSafe(sql)).execute(c).await.map(|_| ()))
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// A digest's letter, with a queued row for each of (subscriber row, subscription uid).
    async fn plan(&self, people: &[(i64, &str)]) {
        let mut tx = self.core().db.begin().await.unwrap();
        self.plan_in(&mut tx, people).await;
        tx.commit().await.unwrap();
    }

    async fn plan_in(&self, tx: &mut jarshy::db::Tx, people: &[(i64, &str)]) {
        let now = self.core().clock.now();
        let letter = NewLetter {
            kind: LetterKind::Issue,
            scope: None,
            language: language("ru"),
            sender_name: "Тау жаршысы".to_owned(),
            sender_address: "digest@news.example.kz".to_owned(),
            reply_to: None,
            subject: "В области готовятся к паводку".to_owned(),
            html: "<p>В области готовятся к паводку</p>".to_owned(),
            text: "В области готовятся к паводку".to_owned(),
            headers: Vec::new(),
            dated_at: now,
            resend_uncertain: true,
        };
        let lane_id = delivery::store::ensure_lane(tx, "default", "other")
            .await
            .unwrap();
        let letter_id = delivery::store::insert_letter(tx, self.core(), &letter)
            .await
            .unwrap();
        let rows: Vec<NewDelivery> = people
            .iter()
            .map(|(id, uid)| NewDelivery {
                letter_id,
                batch: Some(1),
                recipient_id: *id,
                recipient_uid: (*uid).to_owned(),
                recipient_epoch: 0,
                address: "someone@example.kz".to_owned(),
                address_hash: "0".repeat(64),
                lane_id,
                priority: 5,
                text_only: false,
                due_at: now,
                expires_at: None,
            })
            .collect();
        assert!(
            !delivery::store::insert_deliveries(tx, now, &rows)
                .await
                .unwrap()
        );
    }

    /// States of the digest's rows by the uid their links name.
    async fn state_of(&self, uid: &str) -> String {
        on_db!(&self.core().db, c => sqlx::query_scalar("SELECT state FROM delivery WHERE recipient_uid = $1 AND batch = 1")
            .bind(uid).fetch_one(c).await)
        .unwrap()
    }
}

#[derive(Debug, Clone, sqlx::FromRow)]
struct Mail {
    kind: String,
    subject: String,
    html: String,
    text: String,
    headers: String,
    sender: String,
    language: String,
    priority: i64,
    dated_at: Timestamp,
    key_id: i64,
    recipient_uid: String,
    recipient_epoch: i64,
    address: String,
    state: String,
    expires_at: Option<Timestamp>,
}

impl Mail {
    /// The token that delivery fills in.
    fn token(&self, core: &Core, purpose: Purpose) -> String {
        core.keys.token(
            self.key_id,
            purpose,
            &Claims {
                uid: self.recipient_uid.clone(),
                epoch: self.recipient_epoch,
                issued_at: self.dated_at,
            },
        )
    }
}

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
struct Row {
    id: i64,
    uid: String,
    state: String,
    read_to: i64,
    last_date: String,
    selection_id: i64,
    slot_id: i64,
    paused_until: Option<String>,
    text_only: bool,
}

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn wishes() -> Wishes {
    Wishes {
        languages: vec![language("kk"), language("ru")],
        sections: Vec::new(),
        tags: Vec::new(),
        cadence: Cadence::Daily,
        time_zone: Zone::parse("Asia/Almaty").unwrap(),
        minute: 480,
        text_only: false,
    }
}

fn request(typed: &str) -> SignUp {
    SignUp {
        address: address(typed),
        newsletter: None,
        wishes: wishes(),
        interface: language("kk"),
        evidence: "consent text 1, /kk/subscribe".to_owned(),
    }
}

fn token(core: &Core, purpose: Purpose, uid: &str) -> String {
    core.keys.new_token(
        purpose,
        &Claims {
            uid: uid.to_owned(),
            epoch: 0,
            issued_at: core.clock.now(),
        },
    )
}

async fn suppress(core: &Core, tx: &mut jarshy::db::Tx, hash: &str, reason: &str) {
    on_tx!(tx, c => sqlx::query("INSERT INTO suppression (address_hash, reason, evidence, at) VALUES ($1, $2, 'test', $3) \
         ON CONFLICT (address_hash, reason) WHERE lifted_at IS NULL DO NOTHING")
        .bind(hash).bind(reason).bind(core.clock.now()).execute(c).await.map(|_| ()))
    .unwrap();
}

// ---- the stories ----

async fn a_life_from_sign_up_to_return(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let who = "Aigerim@мысал.қаз";
    house.sign_up(who).await;
    assert_eq!(house.person(who).await.1, "pending");
    assert_eq!(house.subscription(who).await.state, "pending");

    let mails = house.mails().await;
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(
        (mail.kind.as_str(), mail.state.as_str(), mail.priority),
        ("confirmation", "queued", 0)
    );
    assert_eq!(mail.address, "Aigerim@xn--80awbu3c.xn--80ao21a");
    assert_eq!(mail.recipient_uid, house.person(who).await.0);
    assert_eq!(mail.language, "kk");
    assert_eq!(
        mail.expires_at,
        Some(core.clock.now().plus_secs(3 * 86_400))
    );
    assert!(
        !mail.headers.contains("List-Unsubscribe"),
        "{}",
        mail.headers
    );
    assert!(mail.sender.contains("digest@news.example.kz") && mail.sender.contains("Тау жаршысы"));
    let link = format!(
        "https://news.example.kz/confirm/{}",
        Purpose::Confirm.placeholder()
    );
    assert!(mail.html.contains(&link) && mail.text.contains(&link));
    assert!(mail.subject.contains("Тау жаршысы"), "{}", mail.subject);

    // Two stories come between asking and confirming; they are no news to who confirms after them.
    house.set_head(2).await;
    app_time(&house, "2026-02-28T07:30:00+05:00");
    let link = mail.token(core, Purpose::Confirm);
    let shown = audience::confirm(core, &link).await.unwrap();
    assert!(shown.is_active);
    assert_eq!(shown.masked_address, "A•••m@мысал.қаз");
    assert_eq!(shown.wishes, wishes());
    assert_eq!(shown.next_due_at.to_string(), "2026-02-28T03:00:00Z");
    assert_eq!(house.person(who).await.1, "active");
    let joined = house.subscription(who).await;
    assert_eq!((joined.state.as_str(), joined.read_to), ("active", 2));

    // Again, after another story: nothing moves.
    house.set_head(3).await;
    assert!(audience::confirm(core, &link).await.unwrap().is_active);
    assert_eq!(house.subscription(who).await, joined);

    let settings = token(core, Purpose::Preferences, &joined.uid);
    let mut wanted = wishes();
    wanted.languages = vec![language("ru")];
    wanted.sections = vec!["sport".to_owned(), "economy".to_owned()];
    wanted.cadence = Cadence::Days(vec![1, 2, 3, 4, 5]);
    wanted.time_zone = Zone::parse("Europe/Berlin").unwrap();
    wanted.minute = 18 * 60;
    wanted.text_only = true;
    let shown = audience::save_preferences(core, &settings, wanted, None)
        .await
        .unwrap();
    assert_eq!(shown.wishes.cadence, Cadence::Weekdays);
    assert_eq!(shown.wishes.sections, ["economy", "sport"]);
    assert_eq!(shown.interface, language("ru"));
    // Monday, 18:00 in Berlin.
    assert_eq!(shown.next_due_at.to_string(), "2026-03-02T17:00:00Z");
    assert_eq!(
        audience::get_preferences(core, &settings)
            .await
            .unwrap()
            .wishes,
        shown.wishes
    );

    let out = token(core, Purpose::Unsubscribe, &joined.uid);
    assert!(audience::peek_leaving(core, &out).await.unwrap().is_active);
    for _ in 0..2 {
        assert!(
            !audience::leave(core, &out, LeaveBy::OneClick)
                .await
                .unwrap()
                .is_active
        );
        assert_eq!(house.subscription(who).await.state, "left");
    }
    let back = audience::rejoin(core, &out).await.unwrap();
    assert!(back.is_active);
    assert_eq!(back.wishes, shown.wishes);
    assert_eq!(house.subscription(who).await.read_to, 2);
    let story = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    assert_eq!(
        house.consent(who).await,
        story(&[
            ("asked", "form"),
            ("confirmed", "link"),
            ("changed", "link"),
            ("left", "one-click"),
            ("returned", "link"),
        ])
    );
    assert_eq!(house.mails().await.len(), 1);
}

fn app_time(house: &House, at: &str) {
    house.app.set_time(at);
}

async fn looking_changes_nothing(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let (_, uid) = house.join("aigerim@example.kz").await;
    house.sign_up("berik@example.kz").await;
    let waiting = house
        .mails()
        .await
        .pop()
        .unwrap()
        .token(core, Purpose::Confirm);
    let before = house.everything().await;
    for _ in 0..20 {
        assert!(
            !audience::peek_confirmation(core, &waiting)
                .await
                .unwrap()
                .is_active
        );
        audience::peek_leaving(core, &token(core, Purpose::Unsubscribe, &uid))
            .await
            .unwrap();
        audience::get_preferences(core, &token(core, Purpose::Preferences, &uid))
            .await
            .unwrap();
    }
    assert_eq!(house.everything().await, before);
}

async fn links_of_another_purpose_epoch_or_age_are_refused(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let (person, uid) = house.join("aigerim@example.kz").await;
    house.sign_up("berik@example.kz").await;
    let waiting = house
        .mails()
        .await
        .pop()
        .unwrap()
        .token(core, Purpose::Confirm);
    let (settings, out) = (
        token(core, Purpose::Preferences, &uid),
        token(core, Purpose::Unsubscribe, &uid),
    );
    let before = house.everything().await;
    let unknown =
        |error: AudienceError| assert!(matches!(error, AudienceError::UnknownLink), "{error:?}");
    let expired =
        |error: AudienceError| assert!(matches!(error, AudienceError::ExpiredLink), "{error:?}");

    for wrong in [
        &settings,
        &out,
        &String::new(),
        &"A".repeat(58),
        &token(core, Purpose::Confirm, &uid),
    ] {
        unknown(audience::confirm(core, wrong).await.unwrap_err());
        unknown(audience::peek_confirmation(core, wrong).await.unwrap_err());
    }
    for wrong in [&waiting, &out, &token(core, Purpose::Preferences, &person)] {
        unknown(audience::get_preferences(core, wrong).await.unwrap_err());
        unknown(
            audience::save_preferences(core, wrong, wishes(), None)
                .await
                .unwrap_err(),
        );
    }
    for wrong in [
        &waiting,
        &settings,
        &token(core, Purpose::Unsubscribe, &person),
    ] {
        unknown(
            audience::leave(core, wrong, LeaveBy::OneClick)
                .await
                .unwrap_err(),
        );
        unknown(audience::rejoin(core, wrong).await.unwrap_err());
    }

    // Three days to the second.
    app_time(&house, "2026-03-03T07:00:00+05:00");
    audience::peek_confirmation(core, &waiting).await.unwrap();
    app_time(&house, "2026-03-03T07:00:01+05:00");
    expired(
        audience::peek_confirmation(core, &waiting)
            .await
            .unwrap_err(),
    );
    expired(audience::confirm(core, &waiting).await.unwrap_err());
    assert_eq!(house.everything().await, before);

    // The epoch moves (another address): settings links die, unsubscribe links never.
    house.run("UPDATE subscriber SET link_epoch = ", 1).await;
    expired(
        audience::get_preferences(core, &settings)
            .await
            .unwrap_err(),
    );
    expired(
        audience::save_preferences(core, &settings, wishes(), None)
            .await
            .unwrap_err(),
    );
    app_time(&house, "2036-03-03T07:00:01+05:00");
    assert!(
        !audience::leave(core, &out, LeaveBy::Page)
            .await
            .unwrap()
            .is_active
    );
}

async fn a_known_and_an_unknown_address_get_the_same_answer(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let (_, uid) = house.join("aigerim@example.kz").await;
    let before = house.subscription("aigerim@example.kz").await;
    app_time(&house, "2026-02-28T09:00:00+05:00");
    // Another hour is asked for under a known address: only the owner's link may change wishes.
    let mut stranger = request("AIGERIM@example.KZ");
    stranger.wishes.minute = 60;
    audience::sign_up(core, &house.theme, stranger)
        .await
        .unwrap();
    let mut unknown = request("berik@example.kz");
    unknown.wishes.minute = 60;
    audience::sign_up(core, &house.theme, unknown)
        .await
        .unwrap();

    let mails = house.mails().await;
    assert_eq!(mails.len(), 3);
    let (known, new) = (&mails[1], &mails[2]);
    assert_eq!(
        (known.kind.as_str(), new.kind.as_str()),
        ("already", "confirmation")
    );
    assert_eq!(
        (known.priority, known.expires_at, &known.state),
        (new.priority, new.expires_at, &new.state)
    );
    assert_eq!(house.subscription("aigerim@example.kz").await, before);
    assert_eq!(house.count("subscriber").await, 2);
    // The mail's link opens the settings of the subscription.
    let link = format!(
        "https://news.example.kz/preferences/{}",
        Purpose::Preferences.placeholder()
    );
    assert!(known.html.contains(&link) && known.text.contains(&link));
    assert_eq!(known.recipient_uid, uid);
    let shown = audience::get_preferences(core, &known.token(core, Purpose::Preferences))
        .await
        .unwrap();
    assert_eq!(shown.wishes, wishes());
}

async fn an_address_is_mailed_once_in_ten_minutes_and_five_times_a_day(engine: Engine) {
    let house = House::open(engine).await;
    let start: Timestamp = TestApp::START.parse().unwrap();
    for minutes in 0..600 {
        house.core().clock.set(start.plus_secs(minutes * 60));
        if minutes < 12 || minutes % 10 == 0 {
            house.sign_up("aigerim@example.kz").await;
            house.hand_over().await;
        }
    }
    let at: Vec<i64> = house
        .mails()
        .await
        .iter()
        .map(|mail| (mail.dated_at.as_secs() - start.as_secs()) / 60)
        .collect();
    assert_eq!(at, [0, 10, 20, 30, 40]);
    // The last one still works, and a day later there is a sixth.
    let last = house.mails().await.pop().unwrap();
    assert!(
        audience::peek_confirmation(house.core(), &last.token(house.core(), Purpose::Confirm))
            .await
            .is_ok()
    );
    house.core().clock.set(start.plus_secs(86_400 + 60));
    house.sign_up("aigerim@example.kz").await;
    assert_eq!(house.mails().await.len(), 6);
    assert_eq!(house.count("subscriber").await, 1);
}

/// A relay that is down must not pile them up: one pending confirmation, however often somebody asks.
async fn one_confirmation_waits_at_a_time(engine: Engine) {
    let house = House::open(engine).await;
    for hour in 8..20 {
        app_time(&house, &format!("2026-02-28T{hour:02}:00:00+05:00"));
        house.sign_up("aigerim@example.kz").await;
    }
    assert_eq!(house.mails().await.len(), 1);
    house.hand_over().await;
    app_time(&house, "2026-02-28T21:00:00+05:00");
    house.sign_up("aigerim@example.kz").await;
    assert_eq!(house.mails().await.len(), 2);
}

async fn a_flood_at_one_domain_is_cut_and_tells_nothing(engine: Engine) {
    let house = House::open(engine).await;
    house.join("known@flooded.example").await;
    app_time(&house, "2026-02-28T12:00:00+05:00");
    for i in 0..103 {
        house.sign_up(&format!("a{i}@flooded.example")).await;
    }
    assert_eq!(house.mails().await.len(), 1 + 100);
    // Known or not, nobody there is mailed now; elsewhere, and at a great provider, all goes on.
    house.sign_up("known@flooded.example").await;
    assert_eq!(house.mails().await.len(), 101);
    house.sign_up("aigerim@not-flooded.example").await;
    assert_eq!(house.mails().await.len(), 102);
    app_time(&house, "2026-02-28T13:00:01+05:00");
    house.sign_up("a102@flooded.example").await;
    house.sign_up("known@flooded.example").await;
    assert_eq!(house.mails().await.len(), 104);
}

async fn two_sign_ups_at_once_make_one_subscriber(engine: Engine) {
    let house = House::open(engine).await;
    let tries = (0..8).map(|i| {
        let mut request = request(if i % 2 == 0 {
            "aigerim@example.kz"
        } else {
            "Aigerim@Example.kz"
        });
        request.wishes.minute = 480 + i;
        audience::sign_up(house.core(), &house.theme, request)
    });
    for answer in futures_util::future::join_all(tries).await {
        answer.unwrap();
    }
    assert_eq!(house.count("subscriber").await, 1);
    assert_eq!(house.count("subscription").await, 1);
    assert_eq!(house.mails().await.len(), 1);
}

async fn a_mail_holds_no_word_that_a_stranger_typed(engine: Engine) {
    let house = House::open(engine).await;
    let mut typed = request("buy-now@casino.example");
    typed.evidence = String::from("SPAMEVIDENCE");
    typed.wishes.tags = vec!["spamtag".to_owned()];
    typed.interface = language("de");
    audience::sign_up(house.core(), &house.theme, typed)
        .await
        .unwrap();
    let mail = house.mails().await.pop().unwrap();
    // Only the languages whose strings we have.
    assert_eq!(mail.language, "en");
    let all = format!(
        "{} {} {} {} {}",
        mail.subject, mail.html, mail.text, mail.headers, mail.sender
    );
    for word in ["casino", "buy-now", "SPAMEVIDENCE", "spamtag"] {
        assert!(!all.contains(word), "{word}");
    }
    assert!(!mail.html.contains("<img"), "no picture");
}

async fn who_left_comes_back_by_a_new_confirmation_alone(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let who = "aigerim@example.kz";
    let (_, uid) = house.join(who).await;
    let old = house
        .mails()
        .await
        .pop()
        .unwrap()
        .token(core, Purpose::Confirm);
    audience::leave(
        core,
        &token(core, Purpose::Unsubscribe, &uid),
        LeaveBy::Page,
    )
    .await
    .unwrap();
    // The link that confirmed once does not bring anyone back.
    assert!(!audience::confirm(core, &old).await.unwrap().is_active);
    assert_eq!(house.subscription(who).await.state, "left");

    // A stranger asks; nobody presses the button; after a week all is as it was.
    house.set_head(5).await;
    app_time(&house, "2026-03-02T07:00:00+05:00");
    house.sign_up(who).await;
    assert_eq!(house.mails().await.last().unwrap().kind, "confirmation");
    assert_eq!(house.subscription(who).await.state, "pending");
    app_time(&house, "2026-03-10T07:00:00+05:00");
    assert_eq!(audience::prune_unconfirmed(core).await.unwrap(), 0);
    assert_eq!(house.subscription(who).await.state, "left");
    assert_eq!(house.person(who).await.1, "active");

    // The owner asks and presses it.
    house.sign_up(who).await;
    let link = house
        .mails()
        .await
        .pop()
        .unwrap()
        .token(core, Purpose::Confirm);
    assert!(audience::confirm(core, &link).await.unwrap().is_active);
    let row = house.subscription(who).await;
    assert_eq!(
        (row.state.as_str(), row.read_to, &row.uid),
        ("active", 5, &uid)
    );

    // The button "Subscribe again" works for a day; the link itself leaves for ever.
    let out = token(core, Purpose::Unsubscribe, &uid);
    audience::leave(core, &out, LeaveBy::Page).await.unwrap();
    app_time(&house, "2026-03-11T07:00:01+05:00");
    let late = audience::rejoin(core, &out).await.unwrap_err();
    assert!(matches!(late, AudienceError::ExpiredLink), "{late:?}");
    assert_eq!(house.subscription(who).await.state, "left");
}

async fn a_fresh_link_needs_no_typing(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    house.sign_up("aigerim@example.kz").await;
    let stale = house
        .mails()
        .await
        .pop()
        .unwrap()
        .token(core, Purpose::Confirm);
    app_time(&house, "2026-03-04T07:00:00+05:00");
    audience::resend_link(core, &house.theme, &stale)
        .await
        .unwrap();
    audience::resend_link(core, &house.theme, &stale)
        .await
        .unwrap();
    let mails = house.mails().await;
    assert_eq!(mails.len(), 2, "the caps hold here too");
    let fresh = mails[1].token(core, Purpose::Confirm);
    assert!(audience::confirm(core, &fresh).await.unwrap().is_active);

    // Now the stale link belongs to a subscriber: the answer is the same, the mail leads to the settings.
    audience::resend_link(core, &house.theme, &stale)
        .await
        .unwrap();
    let mail = house.mails().await.pop().unwrap();
    assert_eq!(mail.kind, "already");
    audience::get_preferences(core, &mail.token(core, Purpose::Preferences))
        .await
        .unwrap();

    // Who has left gets no mail, and a token that is not ours no answer.
    let uid = house.subscription("aigerim@example.kz").await.uid;
    audience::leave(
        core,
        &token(core, Purpose::Unsubscribe, &uid),
        LeaveBy::Page,
    )
    .await
    .unwrap();
    app_time(&house, "2026-03-05T07:00:00+05:00");
    audience::resend_link(core, &house.theme, &stale)
        .await
        .unwrap();
    assert_eq!(house.mails().await.len(), 3);
    let error = audience::resend_link(core, &house.theme, &"A".repeat(58))
        .await
        .unwrap_err();
    assert!(matches!(error, AudienceError::UnknownLink));
}

async fn an_unsubscribe_beats_a_plan_that_is_being_made(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let (_, uid) = house.join("aigerim@example.kz").await;
    house.set_head(1).await;
    let slot_id = house.subscription("aigerim@example.kz").await.slot_id;
    let mut tx = core.db.begin().await.unwrap();
    let chunk = slot::lock_chunk(&mut tx, slot_id, 0, 1, "2026-02-28", 100).await;
    assert_eq!(chunk.len(), 1);
    // The person leaves while the planner holds the row: leaving waits and then cancels what was planned.
    let (other, link) = (core.clone(), token(core, Purpose::Unsubscribe, &uid));
    let leaving =
        tokio::spawn(async move { audience::leave(&other, &link, LeaveBy::OneClick).await });
    house
        .plan_in(&mut tx, &[(chunk[0].subscriber_id, &uid)])
        .await;
    assert_eq!(
        store::advance(&mut tx, &[chunk[0].id], 1, Some("2026-02-28"))
            .await
            .unwrap(),
        1
    );
    tx.commit().await.unwrap();
    assert!(!leaving.await.unwrap().unwrap().is_active);
    assert_eq!(house.state_of(&uid).await, "cancelled");

    // And who left before is not found by the next one.
    let mut tx = core.db.begin().await.unwrap();
    assert!(
        slot::lock_chunk(&mut tx, slot_id, 0, 9, "2026-03-01", 100)
            .await
            .is_empty()
    );
    assert!(!slot::is_anyone_due(&mut tx, slot_id, 9, "2026-03-01").await);
    tx.rollback().await.unwrap();
}

async fn leaving_cancels_what_is_queued_for_this_subscription_alone(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let (_, first) = house.join("aigerim@example.kz").await;
    let (_, second) = house.join("berik@example.kz").await;
    house.plan(&[(1, &first), (2, &second)]).await;
    audience::leave(
        core,
        &token(core, Purpose::Unsubscribe, &first),
        LeaveBy::OneClick,
    )
    .await
    .unwrap();
    assert_eq!(house.state_of(&first).await, "cancelled");
    assert_eq!(house.state_of(&second).await, "queued");
    assert!(
        delivery::store::get_total_sums(&core.db)
            .await
            .unwrap()
            .adds_up()
    );
}

async fn changing_wishes_moves_no_reader(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let who = "aigerim@example.kz";
    let (_, uid) = house.join(who).await;
    house.set_head(7).await;
    let mut tx = core.db.begin().await.unwrap();
    let before = house.subscription(who).await;
    store::advance(&mut tx, &[before.id], 7, Some("2026-02-28"))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    // Had a digest today; westward, where the hour is still to come today: the next is tomorrow's, by the reader's own calendar.
    let link = token(core, Purpose::Preferences, &uid);
    let mut wanted = wishes();
    wanted.time_zone = Zone::parse("America/New_York").unwrap();
    wanted.minute = 23 * 60;
    let shown = audience::save_preferences(core, &link, wanted.clone(), None)
        .await
        .unwrap();
    assert_eq!(shown.next_due_at.to_string(), "2026-03-02T04:00:00Z");
    let after = house.subscription(who).await;
    assert_eq!(
        (after.read_to, after.last_date.as_str(), &after.uid),
        (7, "2026-02-28", &before.uid)
    );
    assert_ne!(after.slot_id, before.slot_id);
    assert_eq!(after.selection_id, before.selection_id);

    // The same again is no change, so nothing is written down.
    let consent = house.consent(who).await;
    audience::save_preferences(core, &link, wanted, None)
        .await
        .unwrap();
    assert_eq!(house.consent(who).await, consent);

    // Who has left may change wishes, which brings no mail back.
    audience::leave(
        core,
        &token(core, Purpose::Unsubscribe, &uid),
        LeaveBy::Page,
    )
    .await
    .unwrap();
    assert!(
        !audience::save_preferences(core, &link, wishes(), None)
            .await
            .unwrap()
            .is_active
    );
    assert_eq!(house.subscription(who).await.state, "left");
}

async fn a_pause_ends_on_its_day_in_its_own_zone(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let who = "aigerim@example.kz";
    let (_, uid) = house.join(who).await;
    let link = token(core, Purpose::Preferences, &uid);
    let until = |text: &str| Some(text.parse().unwrap());
    let shown = audience::save_preferences(core, &link, wishes(), until("2026-03-09"))
        .await
        .unwrap();
    assert!(shown.is_active);
    assert_eq!(shown.paused_until, until("2026-03-09"));
    assert_eq!(shown.next_due_at.to_string(), "2026-03-09T03:00:00Z");
    let row = house.subscription(who).await;
    assert_eq!(
        (row.state.as_str(), row.paused_until.as_deref()),
        ("paused", Some("2026-03-09"))
    );
    house.set_head(3).await;
    let mut tx = core.db.begin().await.unwrap();
    assert!(!slot::is_anyone_due(&mut tx, row.slot_id, 3, "2026-03-01").await);
    tx.rollback().await.unwrap();

    app_time(&house, "2026-03-08T23:59:59+05:00");
    assert_eq!(audience::resume_paused(core).await.unwrap(), 0);
    app_time(&house, "2026-03-09T00:00:00+05:00");
    assert_eq!(audience::resume_paused(core).await.unwrap(), 1);
    assert_eq!(audience::resume_paused(core).await.unwrap(), 0);
    let row = house.subscription(who).await;
    assert_eq!((row.state.as_str(), row.read_to), ("active", 0));
    assert_eq!(
        audience::get_preferences(core, &link)
            .await
            .unwrap()
            .paused_until,
        None
    );

    // The form is saved on the day itself, before the minute's chore has looked: no error, the pause is over.
    audience::save_preferences(core, &link, wishes(), until("2026-03-12"))
        .await
        .unwrap();
    app_time(&house, "2026-03-12T00:00:10+05:00");
    let shown = audience::save_preferences(core, &link, wishes(), until("2026-03-12"))
        .await
        .unwrap();
    assert_eq!(shown.paused_until, None);
    assert_eq!(house.subscription(who).await.state, "active");

    // By hand, before its day; and a day that is past, or in two years, is refused.
    audience::save_preferences(core, &link, wishes(), until("2026-04-01"))
        .await
        .unwrap();
    audience::save_preferences(core, &link, wishes(), None)
        .await
        .unwrap();
    assert_eq!(house.subscription(who).await.state, "active");
    for wrong in ["2026-03-09", "2026-01-01", "2028-03-09"] {
        let error = audience::save_preferences(core, &link, wishes(), until(wrong))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                AudienceError::Invalid {
                    field: "paused_until",
                    ..
                }
            ),
            "{error:?}"
        );
    }
    assert_eq!(house.subscription(who).await.state, "active");
}

async fn wishes_that_cannot_be_met_change_nothing(engine: Engine) {
    type Spoil = fn(&mut Wishes);
    let house = House::open(engine).await;
    let core = house.core();
    let (_, uid) = house.join("aigerim@example.kz").await;
    let link = token(core, Purpose::Preferences, &uid);
    let before = house.everything().await;
    let wrong: [(&str, Spoil); 7] = [
        ("languages", |w| w.languages.clear()),
        ("languages", |w| {
            w.languages = vec![Language::parse("de").unwrap()];
        }),
        ("sections", |w| w.sections = vec!["weather".to_owned()]),
        ("tags", |w| w.tags = vec!["a~b".to_owned()]),
        ("cadence", |w| w.cadence = Cadence::Days(Vec::new())),
        ("cadence", |w| w.cadence = Cadence::Weekly(8)),
        ("hour", |w| w.minute = 1440),
    ];
    for (field, spoil) in wrong {
        let mut wanted = wishes();
        spoil(&mut wanted);
        let mut asked = request("berik@example.kz");
        asked.wishes = wanted.clone();
        for error in [
            audience::sign_up(core, &house.theme, asked)
                .await
                .unwrap_err(),
            audience::save_preferences(core, &link, wanted.clone(), None)
                .await
                .unwrap_err(),
            audience::add(core, None, &[(address("berik@example.kz"), wanted)], "list")
                .await
                .unwrap_err(),
        ] {
            assert!(
                matches!(&error, AudienceError::Invalid { field: f, .. } if *f == field),
                "{error:?}"
            );
        }
    }
    let mut asked = request("berik@example.kz");
    asked.newsletter = Some("secret".to_owned());
    let error = audience::sign_up(core, &house.theme, asked)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        AudienceError::Invalid {
            field: "newsletter",
            ..
        }
    ));
    assert_eq!(house.everything().await, before);
}

async fn adding_twice_changes_nothing_and_never_revives(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    house.set_head(4).await;
    let list = |names: &[&str]| -> Vec<(EmailAddress, Wishes)> {
        names.iter().map(|name| (address(name), wishes())).collect()
    };
    let (_, left) = house.join("left@example.kz").await;
    audience::leave(
        core,
        &token(core, Purpose::Unsubscribe, &left),
        LeaveBy::Page,
    )
    .await
    .unwrap();
    house.sign_up("waiting@example.kz").await;
    let (_, known) = house.join("known@example.kz").await;
    let hash = |name: &str| core.keys.address_hash(&address(name).key());
    let mut tx = core.db.begin().await.unwrap();
    suppress(core, &mut tx, &hash("bounced@example.kz"), "hard").await;
    let erased = hash("erased@example.kz");
    on_tx!(&mut tx, c => sqlx::query(
        "INSERT INTO subscriber (uid, address_hash, provider, languages, time_zone, state, created_at) \
         VALUES ('gone', $1, 'other', 'kk', 'Asia/Almaty', 'erased', 1)").bind(erased).execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();

    let people = list(&[
        "new1@example.kz",
        "NEW2@example.kz",
        "new2@EXAMPLE.kz",
        "known@example.kz",
        "left@example.kz",
        "waiting@example.kz",
        "bounced@example.kz",
        "erased@example.kz",
    ]);
    // New: two and the one who waited. Known: one, and the address that stands twice. Refused: left, bounced, erased.
    assert_eq!(
        audience::add(core, None, &people, "signed list")
            .await
            .unwrap(),
        (3, 2, 3)
    );
    for who in ["new1@example.kz", "new2@example.kz", "waiting@example.kz"] {
        let row = house.subscription(who).await;
        assert_eq!((row.state.as_str(), row.read_to), ("active", 4), "{who}");
        assert_eq!(house.person(who).await.1, "active");
        assert_eq!(house.consent(who).await.last().unwrap().0, "added");
    }
    assert_eq!(house.subscription("left@example.kz").await.state, "left");
    assert_eq!(house.subscription("known@example.kz").await.uid, known);

    let before = house.everything().await;
    assert_eq!(
        audience::add(core, None, &people, "signed list")
            .await
            .unwrap(),
        (0, 5, 3)
    );
    assert_eq!(house.everything().await, before);
    assert_eq!(house.count("slot").await, 1);
    assert_eq!(house.count("selection").await, 1);
}

async fn one_wrong_wish_refuses_the_whole_list(engine: Engine) {
    let house = House::open(engine).await;
    let mut people: Vec<(EmailAddress, Wishes)> = (0..2500)
        .map(|i| {
            let mut wanted = wishes();
            wanted.minute = 420 + (i % 3) * 60;
            (address(&format!("reader{i}@example.kz")), wanted)
        })
        .collect();
    people[2400].1.minute = -1;
    assert!(
        audience::add(house.core(), None, &people, "list")
            .await
            .is_err()
    );
    assert_eq!(house.count("subscriber").await, 0);
    people[2400].1.minute = 0;
    assert_eq!(
        audience::add(house.core(), None, &people, "list")
            .await
            .unwrap(),
        (2500, 0, 0)
    );
    assert_eq!(house.count("subscription").await, 2500);
    assert_eq!(house.count("consent").await, 2500);
    assert_eq!(house.count("slot").await, 4);
}

async fn unconfirmed_addresses_are_gone_after_a_week(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    house.join("aigerim@example.kz").await;
    house.sign_up("old@example.kz").await;
    house.sign_up("again@example.kz").await;
    app_time(&house, "2026-03-03T07:00:00+05:00");
    house.sign_up("again@example.kz").await;
    app_time(&house, "2026-03-07T07:00:00+05:00");
    assert_eq!(audience::prune_unconfirmed(core).await.unwrap(), 0);
    app_time(&house, "2026-03-07T07:00:01+05:00");
    assert_eq!(audience::prune_unconfirmed(core).await.unwrap(), 1);
    let left: Vec<String> =
        on_db!(&core.db, c => sqlx::query_scalar("SELECT address_key FROM subscriber ORDER BY id")
        .fetch_all(c).await)
        .unwrap();
    assert_eq!(left, ["aigerim@example.kz", "again@example.kz"]);
    assert_eq!(house.count("subscription").await, 2);
    app_time(&house, "2026-03-10T07:00:01+05:00");
    assert_eq!(audience::prune_unconfirmed(core).await.unwrap(), 1);
    assert_eq!(house.count("subscriber").await, 1);
    assert_eq!(
        house.subscription("aigerim@example.kz").await.state,
        "active"
    );
}

async fn confirming_lifts_what_its_owner_may_lift(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let hash = core.keys.address_hash("aigerim@example.kz");
    let suppress = async |reason: &str| {
        let mut tx = core.db.begin().await.unwrap();
        suppress(core, &mut tx, &hash, reason).await;
        tx.commit().await.unwrap();
    };
    let active = async || -> Vec<String> {
        on_db!(&core.db, c => sqlx::query_scalar("SELECT reason FROM suppression WHERE lifted_at IS NULL ORDER BY reason")
            .fetch_all(c).await)
        .unwrap()
    };
    for reason in ["hard", "erased", "complaint", "manual"] {
        suppress(reason).await;
    }
    let (_, uid) = house.join("aigerim@example.kz").await;
    assert_eq!(active().await, ["complaint", "manual"]);

    // It bounces again and is confirmed again: once in 30 days, no more.
    let out = token(core, Purpose::Unsubscribe, &uid);
    for (at, hard_stays) in [
        ("2026-03-20T07:00:00+05:00", true),
        ("2026-04-20T07:00:00+05:00", false),
    ] {
        app_time(&house, at);
        suppress("hard").await;
        audience::leave(core, &out, LeaveBy::Page).await.unwrap();
        house.join("aigerim@example.kz").await;
        assert_eq!(
            active().await.contains(&"hard".to_owned()),
            hard_stays,
            "{at}"
        );
    }
}

async fn a_run_sees_who_is_due_and_moves_them_once(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    let mut people: Vec<(EmailAddress, Wishes)> = (0..5)
        .map(|i| (address(&format!("reader{i}@example.kz")), wishes()))
        .collect();
    people[4].1.languages = vec![language("en")];
    audience::add(core, None, &people, "list").await.unwrap();
    house.set_head(10).await;
    let slots = store::list_slots(&core.db).await.unwrap();
    assert_eq!(slots.len(), 1);
    let slot = &slots[0];
    assert_eq!(
        (slot.next_date.to_string().as_str(), slot.minute),
        ("2026-02-28", 480)
    );
    assert_eq!(store::get_slot(&core.db, slot.id).await.unwrap(), *slot);

    let mut tx = core.db.begin().await.unwrap();
    let due: Timestamp = "2026-02-28T08:00:00+05:00".parse().unwrap();
    assert!(
        store::list_due_slots(&core.db, due.plus_millis(-1))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store::list_due_slots(&core.db, due).await.unwrap(),
        [slot.id]
    );
    assert_eq!(
        store::lock_slot(&mut tx, slot.id).await.unwrap().as_ref(),
        Some(slot)
    );
    let (date, at) =
        audience::cadence::next_due(&slot.cadence, &slot.time_zone, slot.minute, slot.next_date);
    store::update_slot_next(&mut tx, slot.id, date, at)
        .await
        .unwrap();
    assert_eq!(
        store::lock_slot(&mut tx, slot.id)
            .await
            .unwrap()
            .unwrap()
            .next_due_at,
        at
    );

    let (today, tomorrow) = ("2026-02-28", "2026-03-01");
    let chunk = slot::lock_chunk(&mut tx, slot.id, 0, 10, today, 3).await;
    assert_eq!(chunk.len(), 3);
    assert!(chunk.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert!(chunk.iter().all(|member| member.read_to == 0));
    // A planner that goes on from where it is meets those behind it alone.
    let rest = slot::lock_chunk(&mut tx, slot.id, chunk[2].id, 10, today, 9).await;
    assert_eq!(rest.len(), 2);
    assert!(rest[0].id > chunk[2].id);
    let served: Vec<i64> = chunk.iter().map(|m| m.id).collect();
    // Two are mailed, one had nothing.
    assert_eq!(
        store::advance(&mut tx, &served[..2], 10, Some(today))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        store::advance(&mut tx, &served[2..], 10, None)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        store::advance(&mut tx, &served, 9, Some("2000-01-01"))
            .await
            .unwrap(),
        0,
        "nobody moves back"
    );
    assert_eq!(
        slot::lock_chunk(&mut tx, slot.id, 0, 10, today, 9)
            .await
            .len(),
        2
    );
    assert!(slot::is_anyone_due(&mut tx, slot.id, 10, today).await);
    tx.commit().await.unwrap();

    // Later the same day with more news: who was mailed waits until tomorrow, who had nothing does not.
    let mut tx = core.db.begin().await.unwrap();
    let later = slot::lock_chunk(&mut tx, slot.id, 0, 12, today, 9).await;
    assert_eq!(
        later.iter().map(|m| m.read_to).collect::<Vec<_>>(),
        [10, 0, 0]
    );
    assert_eq!(
        slot::lock_chunk(&mut tx, slot.id, 0, 12, tomorrow, 9)
            .await
            .len(),
        5
    );
    tx.rollback().await.unwrap();

    let ids: BTreeSet<i64> = later.iter().map(|m| m.selection_id).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let selections = store::list_selections(&core.db, &ids).await.unwrap();
    let keys: Vec<&str> = selections.iter().map(|s| s.key.as_str()).collect();
    assert_eq!(keys, ["kk,ru~~", "en~~"]);
    assert_eq!(selections[0].languages, [language("kk"), language("ru")]);
}

async fn planners_take_different_chunks(engine: Engine) {
    if engine == Engine::Sqlite {
        // One writer: planners take turns.
        return;
    }
    let house = House::open(engine).await;
    let core = house.core();
    let people: Vec<(EmailAddress, Wishes)> = (0..6)
        .map(|i| (address(&format!("reader{i}@example.kz")), wishes()))
        .collect();
    audience::add(core, None, &people, "list").await.unwrap();
    house.set_head(1).await;
    let slot = store::list_slots(&core.db).await.unwrap().remove(0);
    let (mut a, mut b) = (
        core.db.begin().await.unwrap(),
        core.db.begin().await.unwrap(),
    );
    let first = slot::lock_chunk(&mut a, slot.id, 0, 1, "2026-02-28", 4).await;
    let second = slot::lock_chunk(&mut b, slot.id, 0, 1, "2026-02-28", 4).await;
    assert_eq!((first.len(), second.len()), (4, 2));
    assert!(
        second
            .iter()
            .all(|m| first.iter().all(|other| other.id != m.id))
    );
    // An empty chunk does not end the run while somebody holds the rest.
    let mut c = core.db.begin().await.unwrap();
    assert!(
        slot::lock_chunk(&mut c, slot.id, 0, 1, "2026-02-28", 4)
            .await
            .is_empty()
    );
    assert!(slot::is_anyone_due(&mut c, slot.id, 1, "2026-02-28").await);
    // A slot that is being opened is passed over, and keeps nobody from subscribing.
    assert!(store::lock_slot(&mut a, slot.id).await.unwrap().is_some());
    assert!(store::lock_slot(&mut b, slot.id).await.unwrap().is_none());
    house.sign_up("aigerim@example.kz").await;
    for tx in [a, b, c] {
        tx.rollback().await.unwrap();
    }
}

async fn verify_finds_who_was_left_behind_and_nobody_else(engine: Engine) {
    let house = House::open(engine).await;
    let core = house.core();
    for name in ["behind", "served", "changed", "paused", "mailed"] {
        house.join(&format!("{name}@example.kz")).await;
    }
    house.set_head(5).await;
    let row = async |name: &str| house.subscription(&format!("{name}@example.kz")).await;
    let opened: Timestamp = "2026-03-02T08:00:00+05:00".parse().unwrap();
    app_time(&house, "2026-03-01T12:00:00+05:00");
    let link = token(core, Purpose::Preferences, &row("paused").await.uid);
    audience::save_preferences(core, &link, wishes(), Some("2026-03-03".parse().unwrap()))
        .await
        .unwrap();
    app_time(&house, "2026-03-03T00:30:00+05:00");
    assert_eq!(audience::resume_paused(core).await.unwrap(), 1);
    let link = token(core, Purpose::Preferences, &row("changed").await.uid);
    let mut wanted = wishes();
    wanted.languages = vec![language("en")];
    audience::save_preferences(core, &link, wanted, None)
        .await
        .unwrap();
    let mut tx = core.db.begin().await.unwrap();
    store::advance(&mut tx, &[row("served").await.id], 5, None)
        .await
        .unwrap();
    store::advance(&mut tx, &[row("mailed").await.id], 4, Some("2026-03-02"))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let behind = row("behind").await;
    let lagging = store::list_lagging(&core.db, behind.slot_id, 5, "2026-03-02", opened)
        .await
        .unwrap();
    assert_eq!(lagging, [behind.id]);
    let mut tx = core.db.begin().await.unwrap();
    store::advance(&mut tx, &[behind.id], 5, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(
        store::list_lagging(&core.db, behind.slot_id, 5, "2026-03-02", opened)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn newsletters_follow_the_settings(engine: Engine) {
    let second = "[[newsletter]]\nslug = \"weekly\"\nnames = { en = \"The week\" }\nsender = \"week@news.example.kz\"\n\
                  sections = [\"sport\"]\nhour = \"10:30\"\nuncertain = \"hold\"\n";
    let app = TestApp::spawn_with(engine, second).await;
    for _ in 0..2 {
        audience::sync_newsletters(&app.core).await.unwrap();
    }
    let all = audience::list_newsletters(&app.core).await.unwrap();
    let slugs: Vec<&str> = all.iter().map(|n| n.slug.as_str()).collect();
    assert_eq!(slugs, ["daily", "weekly"]);
    assert_eq!(all[1].sections, ["sport"]);
    assert_eq!((all[1].minute, all[1].resend_uncertain), (630, false));
    assert_eq!(all[0].list_id, "daily.news.example.kz");
    assert_eq!(
        store::get_newsletter(&app.core.db, all[1].id)
            .await
            .unwrap(),
        all[1]
    );

    // A section that this newsletter does not draw from; then one name for two newsletters of one person.
    let mut wanted = wishes();
    wanted.sections = vec!["economy".to_owned()];
    let people = [(address("aigerim@example.kz"), wanted)];
    assert!(
        audience::add(&app.core, Some("weekly"), &people, "list")
            .await
            .is_err()
    );
    let people = [(address("aigerim@example.kz"), wishes())];
    assert_eq!(
        audience::add(&app.core, Some("weekly"), &people, "list")
            .await
            .unwrap(),
        (1, 0, 0)
    );
    assert_eq!(
        audience::add(&app.core, Some("daily"), &people, "list")
            .await
            .unwrap(),
        (1, 0, 0)
    );
    assert_eq!(
        audience::add(&app.core, Some("daily"), &people, "list")
            .await
            .unwrap(),
        (0, 1, 0)
    );
    let listed = store::list_people(&app.core.db, (0, 0), 10).await.unwrap();
    let names: Vec<Option<&str>> = listed.iter().map(|l| l.newsletter.as_deref()).collect();
    assert_eq!(names, [Some("weekly"), Some("daily")]);
    let rest = store::list_people(
        &app.core.db,
        (listed[0].id, listed[0].subscription_id.unwrap()),
        10,
    )
    .await
    .unwrap();
    assert_eq!(rest.len(), 1);
}

// ---- the command line ----

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn the_command_line_refuses_what_is_wrong_and_changes_nothing(engine: Engine) {
    let house = House::open(engine).await;
    let long = format!("{}@example.kz", "a".repeat(389));
    assert_eq!(long.len(), 400);
    let good = "aigerim@example.kz";
    for (args, word) in [
        (vec!["aigerim"], "example.kz"),
        (vec!["aigerim@"], "domain"),
        (vec![&long], "254"),
        (vec!["a@example.kz\r\nBcc: b@example.kz"], "line breaks"),
        (vec![good, "berik@@example.kz"], "mailbox"),
        (vec![good, "--zone", "Asia/Atlantis"], "Asia/Atlantis"),
        (vec![good, "--hour", "25:00"], "25:00"),
        (vec![good, "--language", "kk,de"], "kk, ru, en"),
        (vec![good, "--section", "weather"], "economy"),
        (vec![good, "--cadence", "hourly"], "hourly"),
        (vec![good, "--newsletter", "secret"], "daily"),
    ] {
        let args: Vec<&str> = ["subscriber", "add"]
            .into_iter()
            .chain(args.iter().map(|a| &**a))
            .collect();
        let output = house.app.jarshy("", &args);
        assert!(!output.status.success(), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(word), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    assert_eq!(house.count("subscriber").await, 0);
    assert_eq!(house.count("slot").await, 0);
}

async fn the_list_hides_addresses(engine: Engine) {
    let house = House::open(engine).await;
    let add = [
        "subscriber",
        "add",
        "aigerim@example.kz",
        "berik@мысал.қаз",
        "--language",
        "ru,kk",
        "--section",
        "sport",
        "--zone",
        "Europe/Berlin",
        "--hour",
        "07:30",
        "--consent",
        "signed list of 12 May",
    ];
    let output = house.app.jarshy("", &add);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("2 new, 0 known"),
        "{}",
        text(&output.stdout)
    );
    assert!(text(&house.app.jarshy("", &add).stdout).contains("0 new, 2 known"));
    let evidence: Vec<String> = on_db!(&house.core().db, c => sqlx::query_scalar("SELECT evidence FROM consent ORDER BY id")
        .fetch_all(c).await)
    .unwrap();
    assert_eq!(evidence, vec!["daily; signed list of 12 May"; 2]);

    let table = text(&house.app.jarshy("", &["subscriber", "list"]).stdout);
    assert!(
        table.contains("a•••m@example.kz")
            && table.contains("ru,kk~sport~")
            && table.contains("07:30 Europe/Berlin"),
        "{table}"
    );
    assert!(!table.contains("aigerim"), "{table}");
    let json = house.app.jarshy("", &["subscriber", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[0]["address"], "a•••m@example.kz");
    assert_eq!(list[1]["time_zone"], "Europe/Berlin");
    let full = house
        .app
        .jarshy("", &["subscriber", "list", "--json", "--show-addresses"]);
    let list: serde_json::Value = serde_json::from_slice(&full.stdout).unwrap();
    assert_eq!(list[0]["address"], "aigerim@example.kz");
}
