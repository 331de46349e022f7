//! Joining, settings and leaving over HTTP, on both engines.

use std::sync::{Arc, Mutex};

use axum::http::Method;
use jarshy::audience;
use jarshy::base::time::{Timestamp, Zone};
use jarshy::base::token::{Claims, Purpose};
use jarshy::on_db;

use crate::both_engines;
use crate::support::browser::{Answer, Browser};
use crate::support::{Engine, TestApp};

both_engines!(
    a_person_joins_changes_wishes_and_leaves_by_the_pages,
    the_first_mail_comes_when_the_page_says,
    the_mailboxs_own_button_leaves_without_a_page,
    looking_twenty_times_never_acts,
    token_pages_take_posts_from_anywhere,
    a_foreign_page_cannot_subscribe_anyone,
    a_form_on_a_site_of_the_settings_subscribes,
    nobody_can_agree_to_what_is_not_said,
    a_comma_in_the_address_is_asked_about,
    the_answer_is_the_same_for_known_and_unknown,
    errors_stand_beside_their_fields_and_keep_what_was_typed,
    a_slip_in_the_domain_is_asked_about_once,
    the_short_form_leads_to_the_long_one,
    a_link_that_is_too_old_offers_a_new_one_in_one_tap,
    a_link_that_is_not_ours_tells_nothing,
    too_many_tries_from_one_place_are_refused,
    wishes_that_cannot_be_met_stand_beside_their_fields,
    a_pause_is_set_and_ended,
    no_token_stands_in_the_log,
);

struct House {
    app: TestApp,
    browser: Browser,
}

const ADDRESS: &str = "aigerim@example.kz";

impl House {
    async fn open(engine: Engine) -> Self {
        let app = TestApp::spawn(engine).await;
        audience::sync_newsletters(&app.core).await.unwrap();
        let browser = Browser::new(&app);
        Self { app, browser }
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        on_db!(&self.app.core.db, c => sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(c).await)
            .unwrap()
    }

    async fn state(&self) -> String {
        on_db!(&self.app.core.db, c => sqlx::query_scalar("SELECT state FROM subscription ORDER BY id DESC LIMIT 1").fetch_one(c).await)
            .unwrap()
    }

    /// The token as the mail has it: signed when the letter was dated.
    async fn token(&self, purpose: Purpose) -> String {
        let table = match purpose {
            Purpose::Confirm => "SELECT uid FROM subscriber ORDER BY id DESC LIMIT 1",
            _ => "SELECT uid FROM subscription ORDER BY id DESC LIMIT 1",
        };
        let uid: String =
            on_db!(&self.app.core.db, c => sqlx::query_scalar(table).fetch_one(c).await).unwrap();
        self.app.core.keys.new_token(
            purpose,
            &Claims {
                uid,
                epoch: 0,
                issued_at: self.app.core.clock.now(),
            },
        )
    }

    async fn sign_up(&self, address: &str) -> Answer {
        self.browser.post("/kk/subscribe", &form(address)).await
    }

    async fn join(&self) {
        self.sign_up(ADDRESS).await.is(200);
        let token = self.token(Purpose::Confirm).await;
        self.browser
            .post(&format!("/confirm/{token}"), &[("act", "confirm")])
            .await
            .is(200);
        assert_eq!(self.state().await, "active");
    }
}

fn form(address: &str) -> [(&str, &str); 9] {
    [
        ("newsletter", "daily"),
        ("address", address),
        ("language", "kk"),
        ("language", "ru"),
        ("language", ""),
        ("has_sections", "1"),
        ("hour", "08:00"),
        ("time_zone", "Asia/Almaty"),
        ("consent", "yes"),
    ]
}

async fn a_person_joins_changes_wishes_and_leaves_by_the_pages(engine: Engine) {
    let house = House::open(engine).await;
    let page = house.browser.get("/kk/subscribe").await;
    page.is(200)
        .names_its_fields()
        .has("Электрондық пошта")
        .has("data-zone")
        .has("<option value=\"Asia/Almaty\" selected>")
        .has("<option value=\"08:00\" selected>")
        .has("Дербес деректерімді жинауға және өңдеуге келісемін")
        .lacks(" checked");
    house
        .sign_up(ADDRESS)
        .await
        .is(200)
        .has("Поштаңызды тексеріңіз: растау сілтемесін жібердік.")
        .has("Хат келмесе, «Спам» қалтасын қараңыз.")
        .names_its_fields();
    assert_eq!(house.state().await, "pending");
    let evidence: String = on_db!(&house.app.core.db, c => sqlx::query_scalar("SELECT evidence FROM consent").fetch_one(c).await).unwrap();
    assert!(
        evidence.contains("Дербес деректерімді жинауға")
            && evidence.contains("\"version\":\"")
            && evidence.contains("/kk/subscribe"),
        "{evidence}"
    );

    let confirm = format!("/confirm/{}", house.token(Purpose::Confirm).await);
    house
        .browser
        .get(&confirm)
        .await
        .is(200)
        .has("Жазылымды растау")
        .has("<form method=\"post\"")
        .lacks(ADDRESS);
    assert_eq!(house.state().await, "pending");
    let done = house.browser.post(&confirm, &[("act", "confirm")]).await;
    // It is seven o'clock in Almaty: the first mail is of today.
    done.is(200)
        .has("Жазылым расталды. Алғашқы хат: сенбі, 28 ақпан, 08:00");
    assert_eq!(house.state().await, "active");
    house
        .browser
        .get(&confirm)
        .await
        .is(200)
        .has("Жазылымыңыз бұрын расталған")
        .lacks("<form method=\"post\" action=\"/confirm");
    house
        .browser
        .post(&confirm, &[])
        .await
        .is(200)
        .has("Жазылымыңыз бұрын расталған");

    // The settings, by the link of the success page.
    let settings = done
        .body
        .split("href=\"/preferences/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let settings = format!("/preferences/{settings}");
    let page = house.browser.get(&settings).await;
    page.is(200)
        .names_its_fields()
        .has("a•••m@example.kz")
        .lacks(ADDRESS)
        .has("<option value=\"kk\" lang=\"kk\" selected>")
        .has("value=\"daily\" checked")
        .lacks("Сақталды");
    let saved = house
        .browser
        .post(
            &settings,
            &[
                ("language", "ru"),
                ("language", "kk"),
                ("language", ""),
                ("has_sections", "1"),
                ("section", "sport"),
                ("cadence", "weekly"),
                ("weekday", "5"),
                ("hour", "18:00"),
                ("time_zone", "Europe/Berlin"),
                ("paused_until", ""),
                ("text_only", "1"),
            ],
        )
        .await;
    // From now on he is spoken to in Russian.
    saved
        .is(200)
        .has("Сохранено")
        .has("value=\"sport\" checked")
        .has("value=\"weekly\" checked")
        .has("<option value=\"5\" selected>")
        .has("<option value=\"18:00\" selected>")
        .has("<option value=\"Europe/Berlin\" selected>")
        .has("name=\"text_only\" value=\"1\" checked")
        .has("Следующий выпуск: пятница, 6 марта, 18:00");
    assert!(
        saved.place_of("<option value=\"ru\" lang=\"ru\" selected>")
            < saved.place_of("<option value=\"kk\" lang=\"kk\" selected>")
    );
    house
        .browser
        .get(&settings)
        .await
        .has("value=\"sport\" checked")
        .lacks("Сохранено");

    // The link to leave stands there.
    let leave = saved
        .body
        .split("href=\"/unsubscribe/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let leave = format!("/unsubscribe/{leave}");
    house
        .browser
        .get(&leave)
        .await
        .is(200)
        .has("Больше не присылать письма на a•••m@example.kz?");
    assert_eq!(house.state().await, "active");
    house
        .browser
        .post(&leave, &[("act", "leave")])
        .await
        .is(200)
        .has("Вы отписаны. Писем больше не будет.")
        .has("Вернуть подписку");
    assert_eq!(house.state().await, "left");
    house
        .browser
        .get(&leave)
        .await
        .is(200)
        .has("Вернуть подписку");
    house
        .browser
        .get(&settings)
        .await
        .is(200)
        .lacks("href=\"/unsubscribe/");
    house
        .browser
        .post(&leave, &[("act", "rejoin")])
        .await
        .is(200);
    assert_eq!(house.state().await, "active");
    // A day later the way back is the form.
    house.browser.post(&leave, &[]).await.is(200);
    house.app.set_time("2026-03-02T08:00:00+05:00");
    house
        .browser
        .post(&leave, &[("act", "rejoin")])
        .await
        .is(410)
        .has("href=\"/kk/subscribe\"");
    assert_eq!(house.state().await, "left");
}

async fn the_first_mail_comes_when_the_page_says(engine: Engine) {
    let house = House::open(engine).await;
    // Now, hour and zone asked for; what the page says.
    for (n, (now, hour, zone, said)) in [
        (
            "2026-02-28T07:59:00+05:00",
            "08:00",
            "Asia/Almaty",
            "сенбі, 28 ақпан, 08:00",
        ),
        (
            "2026-02-28T08:00:00+05:00",
            "08:00",
            "Asia/Almaty",
            "жексенбі, 1 наурыз, 08:00",
        ),
        // In Berlin it is still the evening before.
        (
            "2026-03-01T03:00:00+05:00",
            "23:30",
            "Europe/Berlin",
            "сенбі, 28 ақпан, 23:30",
        ),
        // The hour that the clocks of Berlin leave out.
        (
            "2026-03-28T12:00:00+05:00",
            "02:00",
            "Europe/Berlin",
            "жексенбі, 29 наурыз, 03:00",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        house.app.set_time(now);
        let address = format!("a{n}@example.kz");
        let fields: Vec<(&str, &str)> = form(&address)
            .into_iter()
            .map(|(name, value)| match name {
                "hour" => (name, hour),
                "time_zone" => (name, zone),
                _ => (name, value),
            })
            .collect();
        house.browser.post("/kk/subscribe", &fields).await.is(200);
        let confirm = format!("/confirm/{}", house.token(Purpose::Confirm).await);
        house
            .browser
            .post(&confirm, &[("act", "confirm")])
            .await
            .is(200)
            .has(&format!("Алғашқы хат: {said}"));
        // The planner goes by the slot: once this minute's runs are open it has the same date and moment.
        jarshy::digest::open_runs(&house.app.core).await.unwrap();
        let (date, due): (String, Timestamp) = on_db!(&house.app.core.db, c => sqlx::query_as(
            "SELECT t.next_date, t.next_due_at FROM subscription s JOIN slot t ON t.id = s.slot_id ORDER BY s.id DESC LIMIT 1")
            .fetch_one(c).await)
        .unwrap();
        let at = due.in_zone(&Zone::parse(zone).unwrap());
        assert_eq!(date, at.date().to_string());
        assert!(
            said.ends_with(&at.strftime(", %H:%M").to_string())
                && said.contains(&format!(", {} ", at.day())),
            "{said}: the slot says {at}"
        );
    }
}

async fn the_mailboxs_own_button_leaves_without_a_page(engine: Engine) {
    let house = House::open(engine).await;
    house.join().await;
    let path = format!("/unsubscribe/{}", house.token(Purpose::Unsubscribe).await);
    let form = "List-Unsubscribe=One-Click";
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let mut answers = Vec::new();
    for (kind, body) in [
        ("application/x-www-form-urlencoded", form),
        ("multipart/form-data; boundary=b", multipart),
        ("application/x-www-form-urlencoded", form),
    ] {
        let answer = house
            .browser
            .send(Method::POST, &path, &[("content-type", kind)], body)
            .await;
        assert!(answer.is(200).header("location").is_empty());
        assert_eq!(house.state().await, "left");
        answers.push(answer);
    }
    // A token that is nobody's gets the very same.
    let strange = house
        .browser
        .send(
            Method::POST,
            "/unsubscribe/nobody",
            &[("content-type", "application/x-www-form-urlencoded")],
            form,
        )
        .await;
    strange.is(200);
    answers.push(strange);
    assert!(answers.windows(2).all(|pair| pair[0].body == pair[1].body
        && pair[0].header("content-type") == pair[1].header("content-type")));
    let left: i64 = on_db!(&house.app.core.db, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM consent WHERE action = 'left' AND method = 'one-click'").fetch_one(c).await).unwrap();
    assert_eq!(left, 1);
}

async fn looking_twenty_times_never_acts(engine: Engine) {
    let house = House::open(engine).await;
    house.sign_up(ADDRESS).await;
    let confirm = format!("/confirm/{}", house.token(Purpose::Confirm).await);
    for _ in 0..20 {
        house.browser.get(&confirm).await.is(200);
        house
            .browser
            .send(Method::HEAD, &confirm, &[], "")
            .await
            .is(200);
    }
    assert_eq!(house.state().await, "pending");
    house.browser.post(&confirm, &[]).await.is(200);
    let consents = house.count("consent").await;
    let mails = house.count("delivery").await;
    for purpose in [Purpose::Preferences, Purpose::Unsubscribe] {
        let name = if purpose == Purpose::Preferences {
            "preferences"
        } else {
            "unsubscribe"
        };
        let path = format!("/{name}/{}", house.token(purpose).await);
        for _ in 0..20 {
            let page = house.browser.get(&path).await;
            assert_eq!(page.is(200).header("cache-control"), "no-store");
            house
                .browser
                .get(&format!("{path}?act=leave&List-Unsubscribe=One-Click"))
                .await
                .is(200);
        }
    }
    assert_eq!(house.state().await, "active");
    assert_eq!(
        (house.count("consent").await, house.count("delivery").await),
        (consents, mails)
    );
}

async fn token_pages_take_posts_from_anywhere(engine: Engine) {
    let house = House::open(engine).await;
    let doors: [&[(&str, &str)]; 4] = [
        &[("origin", "null")],
        &[],
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://mail.example.org"),
        ],
        &[("sec-fetch-site", "none")],
    ];
    for (n, door) in doors.into_iter().enumerate() {
        let address = format!("a{n}@example.kz");
        house
            .browser
            .post("/kk/subscribe", &form(&address))
            .await
            .is(200);
        let confirm = format!("/confirm/{}", house.token(Purpose::Confirm).await);
        house
            .browser
            .post_from(&confirm, &[("act", "confirm")], door)
            .await
            .is(200);
        assert_eq!(house.state().await, "active", "{door:?}");
        let settings = format!("/preferences/{}", house.token(Purpose::Preferences).await);
        house
            .browser
            .post_from(
                &settings,
                &[("language", "ru"), ("cadence", "weekdays")],
                door,
            )
            .await
            .is(200)
            .has("Сохранено");
        let leave = format!("/unsubscribe/{}", house.token(Purpose::Unsubscribe).await);
        house
            .browser
            .post_from(&leave, &[("act", "leave")], door)
            .await
            .is(200);
        assert_eq!(house.state().await, "left", "{door:?}");
    }
}

async fn a_foreign_page_cannot_subscribe_anyone(engine: Engine) {
    let house = House::open(engine).await;
    let foreign: [&[(&str, &str)]; 4] = [
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example.org"),
        ],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://mail.example.kz"),
        ],
        &[
            ("origin", "https://evil.example.org"),
            ("host", "news.example.kz"),
        ],
        &[("origin", "null")],
    ];
    for from in foreign {
        house
            .browser
            .post_from("/kk/subscribe", &form(ADDRESS), from)
            .await
            .is(403)
            .has("Бұл форма біз танымайтын сайттан жіберілген");
    }
    assert_eq!(house.count("subscriber").await, 0);
    for own in [&[("origin", "https://news.example.kz")][..], &[][..]] {
        house
            .browser
            .post_from("/kk/subscribe", &form(ADDRESS), own)
            .await
            .is(200);
    }
}

/// PRODUCT M10: the form that `jarshy embed` prints, on a page of another origin.
async fn a_form_on_a_site_of_the_settings_subscribes(engine: Engine) {
    let house = House::open(engine).await;
    let printed = house.app.jarshy(
        "",
        &[
            "embed",
            "--lang",
            "ru",
            "--back",
            "https://www.example.kz/news/1",
        ],
    );
    let html = String::from_utf8(printed.stdout).unwrap();
    assert!(
        printed.status.success(),
        "{}",
        String::from_utf8_lossy(&printed.stderr)
    );
    assert!(
        html.lines().count() <= 12 && !html.contains("<script"),
        "{html}"
    );
    assert!(
        html.contains("action=\"https://news.example.kz/ru/subscribe\"")
            && html.contains("Даю согласие на сбор и обработку моих персональных данных")
            && html.contains("БИН: 000140000000")
            && !html.contains("checked"),
        "{html}"
    );
    let field = |name: &str| {
        let rest = html
            .split(&format!("name=\"{name}\" value=\""))
            .nth(1)
            .unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (terms, back) = (field("terms"), field("back"));
    let fields = |terms: &str, back: &str| {
        [
            ("newsletter", "daily"),
            ("address", ADDRESS),
            ("consent", "yes"),
            ("terms", terms),
            ("back", back),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://www.example.kz"),
    ];
    let post = |fields: [(&'static str, String); 5], from: [(&'static str, &'static str); 2]| {
        let house = &house;
        async move {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
            house
                .browser
                .post_from("/ru/subscribe", &fields, &from)
                .await
        }
    };
    // A text that has changed since the form was put there is read first; so is one that the form does not name.
    for old in ["0123456789ab", ""] {
        post(fields(old, &back), foreign)
            .await
            .is(422)
            .has("Условия изменились.")
            .has(&format!("value=\"{ADDRESS}\""))
            .has("name=\"back\" value=\"https://www.example.kz/news/1\"");
    }
    assert_eq!(house.count("subscriber").await, 0);
    post(fields(&terms, &back), foreign)
        .await
        .is(200)
        .has("Проверьте почту")
        .has("<a href=\"https://www.example.kz/news/1\">Вернуться на сайт: www.example.kz</a>");
    assert_eq!(house.state().await, "pending");
    let evidence: String = on_db!(&house.app.core.db, c => sqlx::query_scalar("SELECT evidence FROM consent").fetch_one(c).await).unwrap();
    assert!(
        evidence.contains("\"page\":\"https://www.example.kz\"") && evidence.contains(&terms),
        "{evidence}"
    );
    // Back leads to a site of the settings and nowhere else.
    post(fields(&terms, "https://evil.example.org/"), foreign)
        .await
        .is(200)
        .lacks("evil.example.org");
    // Sites that are not named are refused, with a reason; and the exception holds for this one form.
    for origin in ["https://evil.example.org", "http://www.example.kz", "null"] {
        let from = [("sec-fetch-site", "cross-site"), ("origin", origin)];
        post(fields(&terms, &back), from)
            .await
            .is(403)
            .has("Форма отправлена с незнакомого нам сайта");
    }
    house
        .browser
        .post_from("/feeds", &[("x", "1")], &foreign)
        .await
        .is(403);
}

/// PRODUCT M11: sign-up stays shut while what one agrees to is not said, in each language.
async fn nobody_can_agree_to_what_is_not_said(engine: Engine) {
    let mut app = TestApp::spawn(engine).await;
    audience::sync_newsletters(&app.core).await.unwrap();
    let mut config = (*app.core.config).clone();
    config.subscribe.transfer.0.remove("ru");
    config.newsroom.operator.bin = None;
    assert_eq!(
        config.missing_terms(),
        ["newsroom.operator.bin", "subscribe.transfer"]
    );
    app.core.config = Arc::new(config);
    let browser = Browser::new(&app);
    browser
        .get("/kk/subscribe")
        .await
        .is(503)
        .has("Жазылу уақытша жабық");
    browser.post("/kk/subscribe", &form(ADDRESS)).await.is(503);
    let rows: i64 = on_db!(&app.core.db, c => sqlx::query_scalar("SELECT COUNT(*) FROM subscriber").fetch_one(c).await).unwrap();
    assert_eq!(rows, 0);
}

async fn a_comma_in_the_address_is_asked_about(engine: Engine) {
    let house = House::open(engine).await;
    house
        .sign_up("aigerim@example,kz")
        .await
        .is(422)
        .has("name=\"instead\" value=\"aigerim@example.kz\"")
        .names_its_fields();
    assert_eq!(house.count("subscriber").await, 0);
}

async fn the_answer_is_the_same_for_known_and_unknown(engine: Engine) {
    let house = House::open(engine).await;
    let new = house.sign_up(ADDRESS).await;
    let pending = house.sign_up(ADDRESS).await;
    let token = house.token(Purpose::Confirm).await;
    house
        .browser
        .post(&format!("/confirm/{token}"), &[])
        .await
        .is(200);
    let active = house.sign_up(ADDRESS).await;
    let left = format!("/unsubscribe/{}", house.token(Purpose::Unsubscribe).await);
    house.browser.post(&left, &[]).await.is(200);
    let gone = house.sign_up(ADDRESS).await;
    for other in [pending, active, gone] {
        assert_eq!(other.status, new.status);
        assert_eq!(other.body, new.body);
        assert_eq!(other.headers, new.headers);
    }
}

async fn errors_stand_beside_their_fields_and_keep_what_was_typed(engine: Engine) {
    let house = House::open(engine).await;
    let page = house
        .browser
        .post(
            "/ru/subscribe",
            &[
                ("address", "айгерим собака example"),
                ("language", "en"),
                ("language", "kk"),
                ("has_sections", "1"),
                ("section", "economy"),
                ("hour", "19:00"),
                ("time_zone", "Europe/Berlin"),
            ],
        )
        .await;
    page.is(422)
        .names_its_fields()
        .has("Похоже, в адресе ошибка. Пример: aigerim@example.kz")
        .has("value=\"айгерим собака example\"")
        .has("aria-invalid=\"true\" aria-describedby=\"address-error\"")
        .has("id=\"address-error\"")
        .has("id=\"consent-error\"")
        .has("role=\"alert\"")
        .has("<option value=\"en\" lang=\"en\" selected>")
        .has("value=\"economy\" checked")
        .has("<option value=\"19:00\" selected>")
        .has("<option value=\"Europe/Berlin\" selected>")
        .lacks("data-zone");
    let long = format!("{}@example.kz", "a".repeat(390));
    for bad in [
        "",
        "aigerim",
        "aigerim@",
        "a@b\r\nBcc: x@example.kz",
        "a@localhost",
        long.as_str(),
        "\"><script>alert(1)</script>@example.kz",
    ] {
        house
            .browser
            .post("/kk/subscribe", &form(bad))
            .await
            .is(422)
            .lacks("<script>alert")
            .has("id=\"address-error\"");
    }
    for (field, value) in [
        ("language", "xx"),
        ("time_zone", "Asia/Atlantis"),
        ("hour", "25:00"),
        ("section", "nowhere"),
    ] {
        let mut fields: Vec<(&str, &str)> = form(ADDRESS)
            .into_iter()
            .filter(|(name, _)| *name != field)
            .collect();
        fields.push((field, value));
        house
            .browser
            .post("/kk/subscribe", &fields)
            .await
            .is(422)
            .has("role=\"alert\"");
    }
    assert_eq!(
        (
            house.count("subscriber").await,
            house.count("delivery").await
        ),
        (0, 0)
    );
    // Nonsense instead of a form.
    house
        .browser
        .send(
            Method::POST,
            "/kk/subscribe",
            &[("content-type", "application/json")],
            "{\"address\":\u{1}",
        )
        .await
        .is(422);
}

async fn a_slip_in_the_domain_is_asked_about_once(engine: Engine) {
    let house = House::open(engine).await;
    let typed = "aigerim@gmail.con";
    let asked = house.browser.post("/kk/subscribe", &form(typed)).await;
    asked
        .is(422)
        .has("Мүмкін, aigerim@gmail.com шығар?")
        .has("name=\"instead\" value=\"aigerim@gmail.com\"")
        .has("name=\"seen\" value=\"aigerim@gmail.con\"")
        .has("checked");
    assert_eq!(house.count("subscriber").await, 0);
    let mut fields = form(typed).to_vec();
    fields.push(("instead", "aigerim@gmail.com"));
    house
        .browser
        .post("/kk/subscribe", &fields)
        .await
        .is(200)
        .has("aigerim@gmail.com")
        .has("href=\"https://mail.google.com/\"");
    let mut fields = form(typed).to_vec();
    fields.push(("seen", typed));
    house.browser.post("/kk/subscribe", &fields).await.is(200);
    assert_eq!(house.count("subscriber").await, 2);
}

async fn the_short_form_leads_to_the_long_one(engine: Engine) {
    let house = House::open(engine).await;
    house
        .browser
        .get("/kk/")
        .await
        .has("name=\"step\" value=\"begin\"");
    let page = house
        .browser
        .post("/kk/subscribe", &[("step", "begin"), ("address", ADDRESS)])
        .await;
    page.is(200)
        .names_its_fields()
        .has("value=\"aigerim@example.kz\"")
        .has("data-zone")
        .lacks("role=\"alert\"")
        .lacks(" checked");
    assert_eq!(house.count("subscriber").await, 0);
}

async fn a_link_that_is_too_old_offers_a_new_one_in_one_tap(engine: Engine) {
    let house = House::open(engine).await;
    house.sign_up(ADDRESS).await.is(200);
    let confirm = format!("/confirm/{}", house.token(Purpose::Confirm).await);
    house.app.set_time("2026-03-04T08:00:00+05:00");
    let expired = house
        .browser
        .get_with(&confirm, "accept-language", "ru")
        .await;
    expired
        .is(410)
        .has("Срок действия ссылки истёк")
        .has("Прислать новую ссылку")
        .has("name=\"act\" value=\"resend\"");
    house
        .browser
        .post(&confirm, &[("act", "confirm")])
        .await
        .is(410);
    assert_eq!(house.state().await, "pending");
    let mails = house.count("delivery").await;
    let sent = house
        .browser
        .post_from(&confirm, &[("act", "resend")], &[("origin", "null")])
        .await;
    sent.is(200).has("Жаңа сілтеме жібердік");
    assert_eq!(house.count("delivery").await, mails + 1);
    let fresh = format!("/confirm/{}", house.token(Purpose::Confirm).await);
    house
        .browser
        .post(&fresh, &[("act", "confirm")])
        .await
        .is(200);
    assert_eq!(house.state().await, "active");
}

async fn a_link_that_is_not_ours_tells_nothing(engine: Engine) {
    let house = House::open(engine).await;
    house.join().await;
    let mut changed = house.token(Purpose::Preferences).await;
    changed.replace_range(20..21, if &changed[20..21] == "A" { "B" } else { "A" });
    for name in ["confirm", "preferences", "unsubscribe"] {
        let mut bodies = Vec::new();
        for token in [
            "x",
            changed.as_str(),
            "%00",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let path = format!("/{name}/{token}");
            let page = house.browser.get(&path).await;
            page.is(404).has("Сілтеме жарамсыз");
            bodies.push(page.body);
            house.browser.post(&path, &[("act", "leave")]).await.is(404);
        }
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    }
    // A token is good for its purpose alone.
    let leave = house.token(Purpose::Unsubscribe).await;
    house
        .browser
        .get(&format!("/preferences/{leave}"))
        .await
        .is(404);
    house
        .browser
        .post(&format!("/confirm/{leave}"), &[])
        .await
        .is(404);
    assert_eq!(house.state().await, "active");
}

async fn too_many_tries_from_one_place_are_refused(engine: Engine) {
    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use axum::http::Request;
    use tower::ServiceExt;

    let house = House::open(engine).await;
    let theme = Arc::new(jarshy::theme::Theme::load(&house.app.core.config).unwrap());
    let router = jarshy::app::App::new(house.app.core.clone(), theme, None).router();
    let send = |from: &'static str, address: String| {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form(&address))
            .finish();
        let peer: std::net::SocketAddr = from.parse().unwrap();
        let request = Request::post("/ru/subscribe")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html")
            .extension(ConnectInfo(peer))
            .body(Body::from(body))
            .unwrap();
        let router = router.clone();
        async move {
            let answer = router.oneshot(request).await.unwrap();
            let wait = answer.headers().contains_key("retry-after");
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(answer.into_body(), 1 << 20)
                .await
                .unwrap();
            (status, wait, String::from_utf8(body.to_vec()).unwrap())
        }
    };
    for n in 0..10 {
        assert_eq!(
            send("192.0.2.1:4000", format!("n{n}@d{n}.example.kz"))
                .await
                .0,
            200
        );
    }
    let (status, waits, body) = send("192.0.2.1:4001", "one-more@example.kz".to_owned()).await;
    assert_eq!((status, waits), (429, true));
    assert!(
        body.contains("Слишком много запросов. Повторите через 1 минуту"),
        "{body}"
    );
    assert_eq!(
        send("192.0.2.2:4000", "other@example.kz".to_owned())
            .await
            .0,
        200
    );
    assert_eq!(house.count("subscriber").await, 11);
    let now: Timestamp = house.app.core.clock.now();
    house.app.core.clock.set(now.plus_secs(61));
    assert_eq!(
        send("192.0.2.1:4000", "one-more@example.kz".to_owned())
            .await
            .0,
        200
    );
}

async fn wishes_that_cannot_be_met_stand_beside_their_fields(engine: Engine) {
    let house = House::open(engine).await;
    house.join().await;
    let path = format!("/preferences/{}", house.token(Purpose::Preferences).await);
    for (field, value, error) in [
        ("language", "", "Кемінде бір тілді таңдаңыз."),
        ("language", "xx", "Тізімнен таңдаңыз."),
        ("time_zone", "Asia/Atlantis", "Мұндай уақыт белдеуі жоқ."),
        ("hour", "noon", "Уақытты 08:00 үлгісімен жазыңыз."),
        ("cadence", "hourly", "Тізімнен таңдаңыз."),
        ("paused_until", "2026-02-28", "Күнді таңдаңыз"),
        ("paused_until", "yesterday", "Күнді таңдаңыз"),
        ("paused_until", "2030-01-01", "Күнді таңдаңыз"),
    ] {
        let page = house.browser.post(&path, &[(field, value)]).await;
        page.is(422)
            .names_its_fields()
            .has(error)
            .has("role=\"alert\"")
            .lacks("Сақталды");
    }
    let stored = house.browser.get(&path).await;
    stored
        .has("<option value=\"Asia/Almaty\" selected>")
        .has("value=\"daily\" checked")
        .has("<option value=\"08:00\" selected>");
}

async fn a_pause_is_set_and_ended(engine: Engine) {
    let house = House::open(engine).await;
    house.join().await;
    let path = format!("/preferences/{}", house.token(Purpose::Preferences).await);
    house
        .browser
        .post(&path, &[("paused_until", "09.03.2026")])
        .await
        .is(200)
        .has("дүйсенбі, 9 наурыз")
        .has("value=\"2026-03-09\"");
    assert_eq!(house.state().await, "paused");
    house
        .browser
        .post(&path, &[("paused_until", "2026-03-09"), ("resume", "1")])
        .await
        .is(200)
        .lacks("дүйсенбі, 9 наурыз");
    assert_eq!(house.state().await, "active");
}

/// Collects what a subscriber would print.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn no_token_stands_in_the_log(engine: Engine) {
    let house = House::open(engine).await;
    house.join().await;
    let tokens = [
        ("confirm", house.token(Purpose::Confirm).await),
        ("preferences", house.token(Purpose::Preferences).await),
        ("unsubscribe", house.token(Purpose::Unsubscribe).await),
    ];
    let paper = Paper::default();
    let writer = paper.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    {
        let _guard = tracing::subscriber::set_default(subscriber);
        for (name, token) in &tokens {
            house.browser.get(&format!("/{name}/{token}")).await.is(200);
            house
                .browser
                .post(
                    &format!("/{name}/{token}"),
                    &[("paused_until", "x"), ("act", "leave")],
                )
                .await;
            // A link that was broken on its way.
            house
                .browser
                .get(&format!("/kk/{name}/{token}"))
                .await
                .is(404);
            house.browser.get(&format!("/{name}/{token}/")).await;
        }
        house.browser.get("/kk/").await.is(200);
    }
    let written = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(
        written.contains("/preferences/{token}"),
        "the log is empty: {written}"
    );
    // What sqlx says at TRACE is its own affair and has no tokens either, only the ids inside them.
    for (_, token) in &tokens {
        assert!(!written.contains(token.as_str()), "{written}");
        assert!(!written.contains(&token[..40]), "{written}");
    }
    assert!(!written.contains(ADDRESS), "{written}");
}
