//! The public pages over HTTP, on both engines.

use std::sync::Arc;

use axum::http::Method;
use jarshy::base::language::Language;
use jarshy::base::time::Timestamp;
use jarshy::newsroom::{self, Draft, Importance, Published};
use jarshy::web::ViewCounter;
use jarshy::{on_db, on_tx};

use crate::both_engines;
use crate::support::browser::Browser;
use crate::support::{Engine, TestApp};

both_engines!(
    a_reader_is_led_to_a_language,
    the_front_page_has_the_lead_first_and_each_story_once,
    a_story_has_its_page_and_its_translations,
    a_story_without_a_text_says_so_in_the_readers_language,
    an_old_address_leads_to_the_new_one,
    a_withdrawn_story_is_gone_and_says_why,
    what_is_not_released_is_nowhere,
    other_news_are_four_and_never_the_story_itself,
    neighbours_stay_in_section_and_language,
    sections_and_tags_have_twenty_a_page,
    pages_hold_each_story_once_when_all_came_at_one_moment,
    a_page_is_validated_and_turns_at_local_midnight,
    views_are_counted_in_memory_and_shown_from_ten,
    what_readers_do_leaves_the_feeds_alone,
    a_foreign_language_has_pages_in_an_english_frame,
    errors_speak_the_readers_language,
    pages_forbid_what_they_do_not_use,
    pictures_and_files_may_be_kept_for_ever,
    signs_of_life,
    what_was_typed_is_text_and_never_markup,
);

const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:134.0) Gecko/20100101 Firefox/134.0";

fn lang(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

struct Newsroom {
    app: TestApp,
    browser: Browser,
}

impl Newsroom {
    async fn open(engine: Engine) -> Self {
        let app = TestApp::spawn(engine).await;
        newsroom::sync_sections(&app.core).await.unwrap();
        let browser = Browser::new(&app);
        Self { app, browser }
    }

    /// Publishes; the clock moves by a minute, so that the order is plain.
    async fn publish(&self, draft: Draft) -> Published {
        let published = newsroom::publish(&self.app.core, draft).await.unwrap();
        let now = self.app.core.clock.now();
        self.app.core.clock.set(now.plus_secs(60));
        published
    }

    async fn story(&self, language: &str, section: &str, title: &str) -> Published {
        self.publish(draft(language, section, title)).await
    }
}

fn draft(language: &str, section: &str, title: &str) -> Draft {
    Draft {
        section: Some(section.to_owned()),
        summary: Some(format!("{title}: қысқаша мазмұны.")),
        ..Draft::new(lang(language), title, "<p>Мәтіннің бірінші абзацы.</p>")
    }
}

async fn a_reader_is_led_to_a_language(engine: Engine) {
    let house = Newsroom::open(engine).await;
    let browser = &house.browser;
    let plain = browser.get("/").await;
    assert_eq!(plain.is(302).header("location"), "/kk/");
    assert!(
        plain
            .header("vary")
            .to_lowercase()
            .contains("accept-language")
    );
    let russian = browser
        .get_with("/", "accept-language", "ru-RU,ru;q=0.9,en;q=0.5")
        .await;
    assert_eq!(russian.header("location"), "/ru/");
    assert_eq!(browser.get("/kk").await.is(308).header("location"), "/kk/");
    assert_eq!(browser.get("/kz").await.is(308).header("location"), "/kk/");
    assert_eq!(
        browser
            .get("/kz/sections/society?page=2")
            .await
            .is(308)
            .header("location"),
        "/kk/sections/society?page=2"
    );
    browser.get("/xx/").await.is(404);
    browser.get("/KK/").await.is(404);
    browser
        .get("/kk/")
        .await
        .is(200)
        .has("Әзірге жаңалық жоқ.")
        .names_its_fields();
}

async fn the_front_page_has_the_lead_first_and_each_story_once(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house
        .publish(Draft {
            importance: Importance::Lead,
            ..draft("kk", "society", "Басты жаңалық осы")
        })
        .await;
    for n in 1..=9 {
        house
            .story("kk", "society", &format!("Қоғам жаңалығы {n}"))
            .await;
        house
            .story("kk", "sport", &format!("Спорт жаңалығы {n}"))
            .await;
    }
    house.story("ru", "society", "Русская новость").await;
    let page = house.browser.get("/kk/").await;
    page.is(200).lacks("Русская новость").names_its_fields();
    let lead = page.place_of("Басты жаңалық осы");
    let newest = page.place_of("Спорт жаңалығы 9");
    assert!(lead < newest);
    assert!(newest < page.place_of("href=\"/kk/sections/society\">Қоғам</a></h2>"));
    for n in 5..=9 {
        let title = format!(">Қоғам жаңалығы {n}<");
        assert_eq!(page.body.matches(&title).count(), 1, "{title}");
    }
    page.has("Сенбі, 28 ақпан 2026 жыл");
    house
        .browser
        .get("/ru/")
        .await
        .has("Суббота, 28 февраля 2026")
        .has("Русская новость");
    house
        .browser
        .get("/en/")
        .await
        .has("Saturday, 28 February 2026")
        .has("No stories yet.");
}

async fn a_story_has_its_page_and_its_translations(engine: Engine) {
    let house = Newsroom::open(engine).await;
    let first = house
        .publish(Draft {
            byline: Some("Баспасөз қызметі".to_owned()),
            tags: vec!["Су тасқыны".to_owned()],
            ..draft("kk", "society", "Су тасқынына дайындық басталды")
        })
        .await;
    house
        .publish(Draft {
            story_uid: Some(first.story_uid.clone()),
            ..draft("ru", "society", "Подготовка к паводку началась")
        })
        .await;
    let page = house
        .browser
        .get("/kk/news/su-tasqynyna-daiyndyq-bastaldy")
        .await;
    page.is(200)
        .names_its_fields()
        .has("<html lang=\"kk\"")
        .has("<h1 class=\"story-title\">Су тасқынына дайындық басталды</h1>")
        .has("datetime=\"2026-02-28T07:00:00+05:00\">28.02.2026, 07:00</time>")
        .has("Баспасөз қызметі")
        .has("href=\"/kk/tags/su-tasqyny\"")
        .has("href=\"/kk/sections/society\"")
        .has("href=\"https://t.me/share/url?url=https%3A%2F%2Fnews.example.kz%2Fkk%2Fnews%2Fsu-tasqynyna-daiyndyq-bastaldy")
        .has("<link rel=\"canonical\" href=\"https://news.example.kz/kk/news/su-tasqynyna-daiyndyq-bastaldy\">")
        .has("hreflang=\"ru\" href=\"https://news.example.kz/ru/news/podgotovka-k-pavodku-nachalas\"")
        .has("<meta property=\"og:type\" content=\"article\">")
        .has("<meta property=\"og:title\" content=\"Су тасқынына дайындық басталды\">")
        .has("class=\"skip\" href=\"#main\"");
    // The switch leads to the translation, and the page's own feeds come first.
    page.has("href=\"/ru/news/podgotovka-k-pavodku-nachalas\" lang=\"ru\"");
    let own = page.place_of("https://news.example.kz/kk/sections/society/feed.rss");
    assert!(own < page.place_of("https://news.example.kz/kk/feed.rss"));
    assert!(
        page.place_of("https://news.example.kz/kk/feed.rss")
            < page.place_of("https://news.example.kz/ru/feed.rss")
    );
    // The slug of another language leads to the translation, too.
    let crossed = house
        .browser
        .get("/ru/news/su-tasqynyna-daiyndyq-bastaldy")
        .await;
    assert_eq!(
        crossed.is(302).header("location"),
        "/ru/news/podgotovka-k-pavodku-nachalas"
    );
}

async fn a_story_without_a_text_says_so_in_the_readers_language(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house.story("ru", "society", "Только по-русски").await;
    let russian = house.browser.get("/ru/news/tolko-po-russki").await;
    russian.is(200).has("href=\"/kk/news/tolko-po-russki\"");
    house
        .browser
        .get("/kk/news/tolko-po-russki")
        .await
        .is(404)
        .has("Бұл материалдың қазақша нұсқасы әзірге жоқ.")
        .has("Орыс тілінде оқу")
        .has("href=\"/ru/news/tolko-po-russki\"");
    house
        .browser
        .get("/en/news/tolko-po-russki")
        .await
        .is(404)
        .has("Read in Russian");
    house
        .browser
        .get("/kk/news/mundai-joq")
        .await
        .is(404)
        .has("Бет табылмады");
}

async fn an_old_address_leads_to_the_new_one(engine: Engine) {
    let house = Newsroom::open(engine).await;
    let story = house.story("kk", "society", "Жаңа көпір ашылды").await;
    // The address that the story had before.
    let mut tx = house.app.core.db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query(
        "INSERT INTO article_slug (language, slug, article_id, is_current) VALUES ('kk', 'kopir-ashyldy', $1, $2)")
        .bind(story.article_id).bind(false).execute(c).await.map(drop)).unwrap();
    tx.commit().await.unwrap();
    let old = house.browser.get("/kk/news/kopir-ashyldy").await;
    assert_eq!(
        old.is(308).header("location"),
        "/kk/news/jana-kopir-ashyldy"
    );
    house
        .browser
        .get("/kk/news/jana-kopir-ashyldy")
        .await
        .is(200)
        .has("href=\"https://news.example.kz/kk/news/jana-kopir-ashyldy\"")
        .lacks("/kopir-ashyldy");
    // Withdrawn, the old address still leads to the page that says so.
    newsroom::withdraw(&house.app.core, &story.uid, Some("Күні қате"))
        .await
        .unwrap();
    house.browser.get("/kk/news/kopir-ashyldy").await.is(308);
    house
        .browser
        .get("/kk/news/jana-kopir-ashyldy")
        .await
        .is(410)
        .has("Материал редакцияның шешімімен алынып тасталды.")
        .has("Себебі: Күні қате");
}

async fn a_withdrawn_story_is_gone_and_says_why(engine: Engine) {
    let house = Newsroom::open(engine).await;
    let story = house.story("ru", "economy", "Ошибочный пресс-релиз").await;
    house.story("ru", "economy", "Соседняя новость").await;
    let path = "/ru/news/oshibochnyi-press-reliz";
    house.browser.get(path).await.is(200);
    newsroom::withdraw(&house.app.core, &story.uid, Some("Данные уточняются"))
        .await
        .unwrap();
    let page = house.browser.get(path).await;
    page.is(410)
        .has("Материал снят с публикации по решению редакции.")
        .has("Данные уточняются")
        .has("href=\"/ru/sections/economy\"")
        .lacks("Ошибочный пресс-релиз");
    assert_eq!(page.header("cache-control"), "no-store");
    house
        .browser
        .get("/ru/")
        .await
        .lacks("Ошибочный пресс-релиз");
    house
        .browser
        .get("/ru/sections/economy")
        .await
        .lacks("Ошибочный пресс-релиз")
        .has("Соседняя новость");
}

async fn what_is_not_released_is_nowhere(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house.story("kk", "society", "Ашық жаңалық").await;
    let embargo: Timestamp = "2026-02-28T10:00:00+05:00".parse().unwrap();
    let hidden = house
        .publish(Draft {
            embargo_at: Some(embargo),
            tags: vec!["Құпия".to_owned()],
            ..draft("kk", "society", "Эмбаргодағы жаңалық")
        })
        .await;
    let article = newsroom::store::find_article_by_uid(&house.app.core.db, &hidden.uid)
        .await
        .unwrap()
        .unwrap();
    for path in [
        "/kk/",
        "/kk/sections/society",
        "/kk/news/ashyq-janalyq",
        &article.path(),
        "/kk/tags/qupiia",
        "/ru/news/embargodagy-janalyq",
    ] {
        house
            .browser
            .get(path)
            .await
            .lacks("Эмбаргодағы")
            .lacks("embargodag");
    }
    house.browser.get(&article.path()).await.is(404);
    house.app.set_time("2026-02-28T10:00:01+05:00");
    newsroom::release_due(&house.app.core).await.unwrap();
    house
        .browser
        .get(&article.path())
        .await
        .is(200)
        .has("Эмбаргодағы жаңалық");
    house.browser.get("/kk/").await.has("Эмбаргодағы жаңалық");
    house
        .browser
        .get("/kk/tags/qupiia")
        .await
        .is(200)
        .has("Эмбаргодағы жаңалық");

    // Taken back before its time, an article is a draft, and stays unseen when the time comes.
    let embargo: Timestamp = "2026-02-28T12:00:00+05:00".parse().unwrap();
    let draft = house
        .publish(Draft {
            embargo_at: Some(embargo),
            tags: vec!["Құпия".to_owned()],
            ..draft("kk", "society", "Қолжазба күйінде қалған")
        })
        .await;
    newsroom::withdraw(&house.app.core, &draft.uid, None)
        .await
        .unwrap();
    house.app.set_time("2026-02-28T12:00:01+05:00");
    newsroom::release_due(&house.app.core).await.unwrap();
    let article = newsroom::store::find_article_by_uid(&house.app.core.db, &draft.uid)
        .await
        .unwrap()
        .unwrap();
    house.browser.get(&article.path()).await.is(404);
    for path in [
        "/kk/",
        "/kk/sections/society",
        "/kk/tags/qupiia",
        "/kk/news/ashyq-janalyq",
        "/kk/feed.rss",
    ] {
        house
            .browser
            .get(path)
            .await
            .is(200)
            .lacks("Қолжазба күйінде");
    }
}

async fn other_news_are_four_and_never_the_story_itself(engine: Engine) {
    let house = Newsroom::open(engine).await;
    let own = house.story("kk", "society", "Өз жаңалығымыз").await;
    house
        .publish(Draft {
            story_uid: Some(own.story_uid.clone()),
            ..draft("ru", "society", "Та же новость по-русски")
        })
        .await;
    house.story("kk", "society", "Сол бөлімнен").await;
    house.story("kk", "sport", "Басқа бөлімнен").await;
    house.story("ru", "society", "Одна по-русски").await;
    house.story("en", "society", "One in English").await;
    house.story("en", "sport", "Two in English").await;
    let page = house.browser.get("/kk/news/oz-janalygymyz").await;
    page.is(200);
    let start = page.place_of("id=\"other-title\"");
    let list = &page.body[start..start + page.body[start..].find("</aside>").unwrap()];
    let place = |title: &str| {
        list.find(title)
            .unwrap_or_else(|| panic!("{title} is not in {list}"))
    };
    assert!(place("Сол бөлімнен") < place("Басқа бөлімнен"));
    assert!(place("Басқа бөлімнен") < place("Одна по-русски"));
    assert!(place("Одна по-русски") < place("Two in English"));
    assert_eq!(list.matches("<li>").count(), 4);
    assert!(!list.contains("Та же новость") && !list.contains("One in English"));
    assert!(list.contains("<span class=\"language-tag\">рус</span>"));
    assert!(list.contains("lang=\"ru\" dir=\"ltr\">Одна по-русски"));
}

async fn neighbours_stay_in_section_and_language(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house.story("kk", "society", "Бірінші").await;
    house.story("kk", "sport", "Спорттан").await;
    house.story("kk", "society", "Екінші").await;
    house.story("ru", "society", "Третья").await;
    house.story("kk", "society", "Үшінші").await;
    let page = house.browser.get("/kk/news/ekinshi").await;
    let start = page.place_of("class=\"neighbours\"");
    let nav = &page.body[start..];
    assert!(nav.contains("rel=\"prev\" href=\"/kk/news/birinshi\""));
    assert!(nav.contains("rel=\"next\" href=\"/kk/news/ushinshi\""));
    house
        .browser
        .get("/kk/news/birinshi")
        .await
        .lacks("rel=\"prev\"");
}

async fn sections_and_tags_have_twenty_a_page(engine: Engine) {
    let house = Newsroom::open(engine).await;
    for n in 1..=41 {
        house
            .publish(Draft {
                tags: vec!["Көпір".to_owned()],
                ..draft("kk", "society", &format!("Жаңалық №{n:02}"))
            })
            .await;
    }
    for place in ["/kk/sections/society", "/kk/tags/kopir"] {
        let first = house.browser.get(place).await;
        first
            .is(200)
            .names_its_fields()
            .has("Жаңалық №41")
            .has("Жаңалық №22")
            .lacks("Жаңалық №21");
        first.has(&format!("href=\"{place}?page=2\""));
        assert_eq!(first.body.matches("class=\"card-title\"").count(), 20);
        let last = house.browser.get(&format!("{place}?page=3")).await;
        last.is(200)
            .has("Жаңалық №01")
            .lacks("Жаңалық №02")
            .lacks("page=4");
        last.has(&format!(
            "<link rel=\"canonical\" href=\"https://news.example.kz{place}?page=3\">"
        ));
        assert_eq!(
            house
                .browser
                .get(&format!("{place}?page=1"))
                .await
                .is(308)
                .header("location"),
            place
        );
        for wrong in ["0", "-1", "4", "02", "x", "99999999999999999999"] {
            house
                .browser
                .get(&format!("{place}?page={wrong}"))
                .await
                .is(404);
        }
    }
    house.browser.get("/kk/sections/nowhere").await.is(404);
    house.browser.get("/kk/tags/nowhere").await.is(404);
    house
        .browser
        .get("/ru/sections/society")
        .await
        .is(200)
        .has("В этой рубрике новостей пока нет");
}

async fn pages_hold_each_story_once_when_all_came_at_one_moment(engine: Engine) {
    let house = Newsroom::open(engine).await;
    for n in 1..=50 {
        let draft = Draft {
            tags: vec!["Көпір".to_owned()],
            ..draft("kk", "society", &format!("Жаңалық №{n:02}"))
        };
        newsroom::publish(&house.app.core, draft).await.unwrap();
    }
    // A correction may move a row, never its place.
    let mut tx = house.app.core.db.begin().await.unwrap();
    on_tx!(&mut tx, c => sqlx::query("UPDATE article SET edited_at = edited_at + 1 WHERE id % 3 = 0")
        .execute(c).await.map(drop))
    .unwrap();
    tx.commit().await.unwrap();
    let expected: Vec<String> = (1..=50).rev().map(|n| format!("№{n:02}")).collect();
    for place in ["/kk/sections/society", "/kk/tags/kopir"] {
        let mut seen = Vec::new();
        for address in [
            place.to_owned(),
            format!("{place}?page=2"),
            format!("{place}?page=3"),
        ] {
            let page = house.browser.get(&address).await;
            for card in page.is(200).body.split("class=\"card-title\"").skip(1) {
                let at = card.find('№').unwrap();
                seen.push(card[at..].chars().take(3).collect::<String>());
            }
        }
        assert_eq!(seen, expected, "{place}");
    }
}

async fn a_page_is_validated_and_turns_at_local_midnight(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house.app.set_time("2026-02-28T23:00:00+05:00");
    house.story("kk", "society", "Кешкі жаңалық").await;
    house.app.set_time("2026-02-28T23:59:59+05:00");
    let feed = house.browser.get("/kk/feed.rss").await;
    feed.is(200).has("Кешкі жаңалық");
    let before = house.browser.get("/kk/").await;
    before.is(200).has("Сенбі, 28 ақпан 2026 жыл");
    let tag = before.header("etag").to_owned();
    assert!(tag.starts_with("W/\""));
    let again = house.browser.get_with("/kk/", "if-none-match", &tag).await;
    assert!(again.is(304).body.is_empty());
    let head = house.browser.send(Method::HEAD, "/kk/", &[], "").await;
    assert_eq!(head.is(200).header("etag"), tag);
    assert!(head.body.is_empty());
    house.app.set_time("2026-03-01T00:00:00+05:00");
    let after = house.browser.get_with("/kk/", "if-none-match", &tag).await;
    after.is(200).has("Жексенбі, 1 наурыз 2026 жыл");
    assert_ne!(after.header("etag"), tag);
    // A feed knows no today. A fresh instance builds the same bytes, too.
    for browser in [&house.browser, &Browser::new(&house.app)] {
        let same = browser.get("/kk/feed.rss").await;
        assert_eq!(same.is(200).body, feed.body);
        assert_eq!(same.header("etag"), feed.header("etag"));
    }
}

async fn views_are_counted_in_memory_and_shown_from_ten(engine: Engine) {
    let house = Newsroom::open(engine).await;
    let story = house.story("kk", "society", "Көп оқылған").await;
    let path = "/kk/news/kop-oqylgan";
    let views = Arc::new(ViewCounter::default());
    let browser = Browser::counting(&house.app, Arc::clone(&views));
    let stored = async || {
        newsroom::store::list_views(&house.app.core.db, &[story.article_id])
            .await
            .unwrap()
    };
    // Robots, and whoever asks for the head alone or for a page that is not there.
    for _ in 0..30 {
        browser
            .get_with(
                path,
                "user-agent",
                "Mozilla/5.0 (compatible; ExampleBot/1.0)",
            )
            .await
            .is(200);
        browser.get(path).await.is(200);
        browser
            .get_with("/ru/news/kop-oqylgan", "user-agent", PERSON)
            .await
            .is(404);
    }
    views.flush(&house.app.core).await.unwrap();
    assert_eq!(stored().await, []);

    for _ in 0..9 {
        browser.get_with(path, "user-agent", PERSON).await.is(200);
    }
    assert_eq!(stored().await, [], "a view waits in memory");
    views.flush(&house.app.core).await.unwrap();
    assert_eq!(stored().await, [(story.article_id, 9)]);
    browser.get(path).await.lacks("рет қаралды");
    browser.get_with(path, "user-agent", PERSON).await.is(200);
    assert_eq!(stored().await, [(story.article_id, 9)]);
    views.flush(&house.app.core).await.unwrap();
    views.flush(&house.app.core).await.unwrap();
    browser.get(path).await.has("10 рет қаралды");
    // The views of a day are one row, and of two days two; the page adds them up.
    house.app.set_time("2026-03-01T00:00:00+05:00");
    browser.get_with(path, "user-agent", PERSON).await.is(200);
    views.flush(&house.app.core).await.unwrap();
    browser.get(path).await.has("11 рет қаралды");
    let days: Vec<(String, i64)> = on_db!(&house.app.core.db, c => sqlx::query_as(
        "SELECT day, views FROM article_views ORDER BY day").fetch_all(c).await)
    .unwrap();
    assert_eq!(
        days,
        [("2026-02-28".to_owned(), 10), ("2026-03-01".to_owned(), 1)]
    );
}

async fn what_readers_do_leaves_the_feeds_alone(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house.story("kk", "society", "Көп оқылған").await;
    let views = Arc::new(ViewCounter::default());
    let browser = Browser::counting(&house.app, Arc::clone(&views));
    let feeds = ["/kk/feed.rss", "/kk/feed.atom", "/kk/feed.json"];
    let mut before = Vec::new();
    for feed in feeds {
        before.push(browser.get(feed).await);
    }
    for _ in 0..25 {
        browser
            .get_with("/kk/news/kop-oqylgan", "user-agent", PERSON)
            .await
            .is(200);
    }
    views.flush(&house.app.core).await.unwrap();
    browser
        .get("/kk/news/kop-oqylgan")
        .await
        .has("25 рет қаралды");
    // As the instance has them, and as another would build them.
    for browser in [&browser, &Browser::new(&house.app)] {
        for (feed, before) in feeds.into_iter().zip(&before) {
            let after = browser.get(feed).await;
            assert_eq!(after.is(200).header("etag"), before.header("etag"));
            assert!(!after.header("etag").is_empty());
            assert_eq!(after.body, before.body);
            browser
                .get_with(feed, "if-none-match", before.header("etag"))
                .await
                .is(304);
        }
    }
}

async fn a_foreign_language_has_pages_in_an_english_frame(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house.browser.get("/sk/").await.is(404);
    house
        .story("sk", "society", "Príprava na povodeň sa začala")
        .await;
    let front = house.browser.get("/sk/").await;
    front
        .is(200)
        .has("<html lang=\"en\"")
        .has(">Subscribe</a>")
        .has("Príprava na povodeň sa začala");
    let page = house
        .browser
        .get("/sk/news/priprava-na-povoden-sa-zacala")
        .await;
    page.is(200)
        .has("<html lang=\"en\"")
        .has("<article class=\"story\" lang=\"sk\"");
}

async fn errors_speak_the_readers_language(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house
        .browser
        .get("/kk/no/such/page")
        .await
        .is(404)
        .has("Бет табылмады")
        .has("<html lang=\"kk\"");
    house
        .browser
        .get("/ru/no/such/page")
        .await
        .is(404)
        .has("Страница не найдена");
    house
        .browser
        .get_with("/nothing", "accept-language", "ru")
        .await
        .is(404)
        .has("Страница не найдена");
    house
        .browser
        .get_with("/nothing", "accept-language", "de")
        .await
        .is(404)
        .has("Бет табылмады");
    let method = house
        .browser
        .send(Method::DELETE, "/kk/", &[("accept", "text/html")], "")
        .await;
    method.is(405).has("<html lang=\"kk\"");
    let long = "a=".to_owned() + &"x".repeat(100_000);
    let body = house
        .browser
        .send(
            Method::POST,
            "/ru/subscribe",
            &[
                ("accept", "text/html"),
                ("content-type", "application/x-www-form-urlencoded"),
            ],
            &long,
        )
        .await;
    body.is(413).has("<html lang=\"ru\"");
    // The database is away: the page says so, and asks to come again.
    house.app.core.db.close().await;
    let broken = house.browser.get("/kk/").await;
    broken.is(503).has("Бізде ақау шықты").lacks("Error");
    assert_eq!(broken.header("retry-after"), "60");
    house.browser.get("/readyz").await.is(503);
    house.browser.get("/healthz").await.is(200);
}

async fn pages_forbid_what_they_do_not_use(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house.story("kk", "society", "Жаңалық").await;
    for path in [
        "/kk/",
        "/kk/news/janalyq",
        "/kk/subscribe",
        "/kk/nowhere/at/all",
        "/confirm/x",
    ] {
        let page = house.browser.get(path).await;
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "img-src 'self' https: http: data:;",
            "media-src 'self' https:;",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(!page.header("referrer-policy").is_empty());
        // Nothing that the policy would break, and nothing of anybody else's.
        page.lacks(" style=\"")
            .lacks("<style")
            .lacks(" onclick=")
            .lacks("<script>");
        for (at, _) in page.body.match_indices(" src=\"") {
            assert!(
                page.body[at + 6..].starts_with('/'),
                "{path} asks a third party"
            );
        }
    }
    assert_eq!(
        house
            .browser
            .get("/confirm/x")
            .await
            .header("referrer-policy"),
        "no-referrer"
    );
}

async fn pictures_and_files_may_be_kept_for_ever(engine: Engine) {
    let house = Newsroom::open(engine).await;
    let jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', 0];
    let path = newsroom::store_media(&house.app.core, &jpeg, 1, 1)
        .await
        .unwrap();
    let picture = house.browser.get(&path).await;
    assert_eq!(picture.is(200).header("content-type"), "image/jpeg");
    assert!(picture.header("cache-control").contains("immutable"));
    let tag = picture.header("etag").to_owned();
    house
        .browser
        .get_with(&path, "if-none-match", &tag)
        .await
        .is(304);
    house
        .browser
        .get("/media/00000000-0000-7000-8000-000000000000.jpg")
        .await
        .is(404);
    house
        .browser
        .get("/media/..%2f..%2fetc%2fpasswd")
        .await
        .is(404);

    let front = house.browser.get("/kk/").await;
    let css = front
        .body
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let sheet = house.browser.get(&css).await;
    assert_eq!(
        sheet.is(200).header("content-type"),
        "text/css; charset=utf-8"
    );
    assert!(sheet.header("cache-control").contains("immutable"));
    sheet
        .has("prefers-color-scheme: dark")
        .has("noto-serif-kazakh-400.woff2?v=");
    // Text first on a slow line: page and sheet together stay small.
    let zip = |text: &str| {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap().len()
    };
    assert!(zip(&front.body) + zip(&sheet.body) < 60_000);
    for font in sheet.body.split("url(\"").skip(1) {
        let address = font.split('"').next().unwrap();
        let font = house.browser.get(address).await;
        assert_eq!(font.is(200).header("content-type"), "font/woff2");
    }
    house.browser.get("/static/../Cargo.toml").await.is(404);
    house.browser.get("/static/fonts/OFL.txt").await.is(404);
}

async fn signs_of_life(engine: Engine) {
    let house = Newsroom::open(engine).await;
    house.browser.get("/healthz").await.is(200).has("alive");
    house.browser.get("/readyz").await.is(200).has("ready");
    house
        .browser
        .get("/robots.txt")
        .await
        .is(200)
        .has("Disallow: /unsubscribe/");
}

async fn what_was_typed_is_text_and_never_markup(engine: Engine) {
    let house = Newsroom::open(engine).await;
    let story = house
        .publish(Draft {
            summary: Some("<img src=x onerror=alert(1)> & \"тырнақша\"".to_owned()),
            byline: Some("<b>Айгерім</b>".to_owned()),
            tags: vec!["<i>тег</i>".to_owned()],
            ..draft("kk", "society", "<script>alert(1)</script> тақырып")
        })
        .await;
    let article = newsroom::store::find_article_by_uid(&house.app.core.db, &story.uid)
        .await
        .unwrap()
        .unwrap();
    for path in ["/kk/", "/kk/sections/society", &article.path()] {
        let page = house.browser.get(path).await;
        page.is(200)
            .lacks("<script>alert")
            .lacks("<img src=x")
            .lacks("<b>Айгерім")
            .lacks("<i>тег");
    }
    house
        .browser
        .get("/kk/sections/%3Cscript%3E")
        .await
        .is(404)
        .lacks("<script>");
    house.browser.get("/%F0%9F%A6%84/").await.is(404);
    house
        .browser
        .get("/kk/news/%00%0d%0aX-Evil:1")
        .await
        .is(404);
}
