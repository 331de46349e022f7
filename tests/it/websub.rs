//! WebSub: the rows of REQUIREMENTS-FEEDS section 6, each against a callback that is scripted.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request};
use hmac::{Hmac, KeyInit, Mac};
use jarshy::base::language::Language;
use jarshy::base::time::Timestamp;
use jarshy::base::token::KeyRing;
use jarshy::config::Config;
use jarshy::db::Db;
use jarshy::newsroom::{self, Draft, Published};
use jarshy::on_db;
use jarshy::syndication::websub::{self, Hub};
use jarshy::syndication::{Coding, Lookup, Shelf};
use jarshy::theme::Theme;
use jarshy::web::{self, WebState};
use jarshy::work::Core;
use tower::ServiceExt;

use crate::both_engines;
use crate::support::callback::{Act, Peer, Seen};
use crate::support::{Engine, NEWSROOM, SECRETS, TestApp};

both_engines!(
    every_answer_names_each_hub_and_the_feed_once,
    outside_hubs_are_told_once_of_every_change,
    a_hub_that_is_away_is_told_later_and_not_for_ever,
    an_old_address_is_told_the_canonical_one,
    requests_are_accepted_or_told_what_is_wrong,
    only_the_exact_challenge_subscribes,
    a_callback_that_cannot_be_reached_is_asked_three_times,
    renewal_and_end_count_only_after_verification,
    the_newest_request_of_a_client_wins,
    the_callbacks_own_query_stays,
    leases_are_finite_sent_and_enforced,
    a_full_hub_denies_after_acceptance,
    a_feed_that_is_no_more_denies_its_subscribers,
    a_feed_of_a_closed_section_ends_with_its_days,
    a_change_is_delivered_whole_with_its_type_and_links,
    deliveries_are_retried_with_a_bound,
    gone_ends_the_subscription_and_redirects_are_not_followed,
    a_change_during_the_wait_replaces_the_older,
    equal_bytes_never_travel_twice,
    the_signature_is_sha256_over_the_exact_bytes,
    foreign_topics_are_refused,
    forbidden_callbacks_are_refused,
    networks_opened_for_editors_stay_closed_for_callbacks,
    a_flood_meets_the_caps,
    one_host_is_called_a_few_at_a_time,
    a_restart_between_accept_and_verify_loses_nothing,
    two_instances_send_each_change_once,
    a_worker_that_died_loses_nothing,
    a_withdrawal_is_pushed,
    a_feed_that_nobody_polls_is_pushed,
    a_hub_that_is_switched_off_is_not_there,
);

/// Loopback plays the public world.
const SETTINGS: &str =
    "[websub]\nallow_networks = [\"127.0.0.0/8\"]\nlease_min_secs = 60\ntimeout_secs = 2\n";
const TOPIC: &str = "https://news.example.kz/kk/feed.rss";

/// One process of the newsroom.
struct Instance {
    core: Core,
    shelf: Arc<Shelf>,
    hub: Hub,
    router: axum::Router,
}

impl Instance {
    fn new(core: Core) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let theme = Arc::new(Theme::load(&core.config).unwrap());
        let shelf = Arc::new(Shelf::new(core.clone(), theme.clone()));
        let state = WebState::new(core.clone(), theme, shelf.clone(), Arc::default(), None);
        let router = web::router(state);
        Self {
            hub: Hub::new(&core).unwrap(),
            core,
            shelf,
            router,
        }
    }

    async fn send(&self, request: Request<Body>) -> (u16, HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, body.to_vec())
    }

    async fn get(&self, method: Method, path: &str) -> (u16, HeaderMap, Vec<u8>) {
        let request = Request::builder().method(method).uri(path);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post_from(&self, ip: &str, form: &[(&str, &str)]) -> (u16, String) {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/websub")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let address = SocketAddr::new(ip.parse().unwrap(), 4000);
        request.extensions_mut().insert(ConnectInfo(address));
        let (status, _, body) = self.send(request).await;
        (status, String::from_utf8(body).unwrap())
    }

    async fn post(&self, form: &[(&str, &str)]) -> (u16, String) {
        self.post_from("198.51.100.7", form).await
    }

    /// Asks and verifies.
    async fn subscribe(&self, topic: &str, callback: &str, more: &[(&str, &str)]) {
        let (status, said) = self.request("subscribe", topic, callback, more).await;
        assert_eq!(status, 202, "{said}");
        self.drain().await;
    }

    async fn request(
        &self,
        mode: &str,
        topic: &str,
        callback: &str,
        more: &[(&str, &str)],
    ) -> (u16, String) {
        let mut form = vec![
            ("hub.mode", mode),
            ("hub.topic", topic),
            ("hub.callback", callback),
        ];
        form.extend(more);
        self.post(&form).await
    }

    async fn drain(&self) -> usize {
        self.hub.drain().await.unwrap()
    }

    /// What a second of the service does: the shelf catches up, the hub works.
    async fn catch_up(&self) {
        self.shelf.catch_up().await.unwrap();
        self.drain().await;
    }

    async fn publish(&self, title: &str) -> Published {
        let language = Language::parse("kk").unwrap();
        let draft = Draft {
            section: Some("economy".to_owned()),
            ..Draft::new(language, title, format!("<p>{title}.</p>"))
        };
        newsroom::publish(&self.core, draft).await.unwrap()
    }

    /// Publishes and lets the change travel.
    async fn release(&self, title: &str) -> Published {
        let published = self.publish(title).await;
        self.catch_up().await;
        published
    }

    async fn count(&self, sql: &'static str) -> i64 {
        on_db!(&self.core.db, c => sqlx::query_scalar(sql).fetch_one(c).await).unwrap()
    }

    async fn subscriptions(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM websub_subscription").await
    }

    async fn jobs(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM job").await
    }

    async fn bytes(&self, path: &str) -> Vec<u8> {
        let Lookup::Feed(found) = self.shelf.find(path).await.unwrap() else {
            panic!("{path} is unknown")
        };
        let (_, bytes) = self.shelf.bytes(&found, Coding::Identity).await.unwrap();
        bytes.to_vec()
    }

    fn later(&self, secs: i64) {
        let clock = &self.core.clock;
        clock.set(clock.now().plus_secs(secs));
    }
}

async fn open_with(engine: Engine, settings: &str) -> (TestApp, Instance) {
    let app = TestApp::spawn_with(engine, settings).await;
    newsroom::sync_sections(&app.core).await.unwrap();
    let one = Instance::new(app.core.clone());
    one.publish("Су тасқынына дайындық басталды").await;
    one.catch_up().await;
    (app, one)
}

async fn open(engine: Engine) -> (TestApp, Instance) {
    open_with(engine, SETTINGS).await
}

/// Another process on the same database, with a clock that shows the same hour.
async fn another(app: &TestApp, settings: &str) -> Instance {
    let text = format!(
        "{NEWSROOM}{SECRETS}[database]\nurl = \"{}\"\nconnections = 4\n{settings}",
        app.database_url
    );
    let config = Config::parse(Path::new("jarshy.toml"), &text, &[]).unwrap();
    let db = Db::connect(&config.database).await.unwrap();
    let keys: KeyRing = config.secrets.key_ring().unwrap();
    Instance::new(Core::new(config, db, app.core.clock.clone(), keys))
}

fn posts(seen: &[Seen]) -> Vec<&Seen> {
    seen.iter().filter(|s| s.method == Method::POST).collect()
}

/// Row “publisher”: `Link` on 200 and HEAD, and the same inside the documents.
async fn every_answer_names_each_hub_and_the_feed_once(engine: Engine) {
    let settings = format!("{SETTINGS}hubs = [\"https://hub.example.org/\"]\n");
    let (_app, one) = open_with(engine, &settings).await;
    for path in [
        "/kk/feed.rss",
        "/feed.atom",
        "/kk/sections/economy/feed.json",
    ] {
        for method in [Method::GET, Method::HEAD] {
            let (status, headers, _) = one.get(method, path).await;
            assert_eq!(status, 200);
            let links: Vec<_> = headers.get_all("link").iter().collect();
            assert_eq!(links.len(), 1);
            assert_eq!(
                links[0],
                &format!(
                    "<https://news.example.kz/websub>; rel=\"hub\", <https://hub.example.org/>; rel=\"hub\", \
                     <https://news.example.kz{path}>; rel=\"self\""
                )
            );
        }
    }
    // The same inside the documents.
    for (path, hub, own) in [
        ("/kk/feed.rss", "rel=\"hub\"", "rel=\"self\""),
        ("/feed.atom", "rel=\"hub\"", "rel=\"self\""),
    ] {
        let text = String::from_utf8(one.bytes(path).await).unwrap();
        for address in ["https://news.example.kz/websub", "https://hub.example.org/"] {
            assert_eq!(
                text.matches(&format!("href=\"{address}\"")).count(),
                1,
                "{path}"
            );
        }
        assert_eq!(text.matches(hub).count(), 2, "{path}");
        assert_eq!(text.matches(own).count(), 1, "{path}");
        assert!(
            text.contains(&format!("https://news.example.kz{path}\"")),
            "{path}"
        );
    }
    let json: serde_json::Value =
        serde_json::from_slice(&one.bytes("/kk/sections/economy/feed.json").await).unwrap();
    let named: Vec<_> = json["hubs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hub| &hub["url"])
        .collect();
    assert_eq!(
        named,
        ["https://news.example.kz/websub", "https://hub.example.org/"]
    );
    let (status, headers, body) = one.get(Method::GET, "/websub").await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 405);
    assert_eq!(headers["allow"], "POST");
    assert!(text.contains("https://news.example.kz/feeds"), "{text}");
}

/// Row “publisher informs every advertised hub on publish, edit, unpublish”.
async fn outside_hubs_are_told_once_of_every_change(engine: Engine) {
    let peer = Peer::listen().await;
    let other = Peer::listen().await;
    let settings = format!(
        "[fetch]\nallow_networks = [\"127.0.0.0/8\"]\n{SETTINGS}hubs = [\"{}\", \"{}\"]\n",
        peer.at("/hub"),
        other.at("/")
    );
    let (app, one) = open_with(engine, &settings).await;
    let two = another(&app, &settings).await;
    for path in ["/kk/feed.rss", "/feed.json", "/ru/feed.rss"] {
        one.bytes(path).await;
    }
    assert_eq!(
        peer.take().len(),
        0,
        "a feed that is built first is no change"
    );
    let told = |peer: &Peer| -> Vec<String> {
        let mut urls: Vec<String> = peer
            .take()
            .iter()
            .map(|seen| {
                assert_eq!(seen.method, Method::POST);
                assert_eq!(seen.field("hub.mode").as_deref(), Some("publish"));
                assert_eq!(
                    seen.header("content-type"),
                    Some("application/x-www-form-urlencoded")
                );
                seen.field("hub.url").unwrap()
            })
            .collect();
        urls.sort();
        urls
    };
    let base = "https://news.example.kz";
    let expected: Vec<String> = [
        "/feed.atom",
        "/feed.json",
        "/feed.rss",
        "/kk/feed.atom",
        "/kk/feed.json",
        "/kk/feed.rss",
    ]
    .iter()
    .map(|path| format!("{base}{path}"))
    .collect();
    one.later(60);
    let published = one.publish("Бюджет бекітілді").await;
    one.catch_up().await;
    two.catch_up().await;
    assert_eq!(
        told(&peer),
        expected,
        "publish; the Russian feed did not change"
    );
    assert_eq!(told(&other), expected);
    one.later(60);
    let edit = newsroom::Edit {
        title: Some("Бюджет нақтыланды".to_owned()),
        ..newsroom::Edit::default()
    };
    newsroom::edit_quietly(&one.core, &published.uid, edit)
        .await
        .unwrap();
    two.catch_up().await;
    one.catch_up().await;
    assert_eq!(told(&peer), expected, "edit");
    one.later(60);
    newsroom::withdraw(&one.core, &published.uid, None)
        .await
        .unwrap();
    one.catch_up().await;
    assert_eq!(told(&peer), expected, "unpublish");
    assert_eq!(one.jobs().await, 0);
}

async fn a_hub_that_is_away_is_told_later_and_not_for_ever(engine: Engine) {
    let peer = Peer::listen().await;
    let settings = format!(
        "[fetch]\nallow_networks = [\"127.0.0.0/8\"]\n[websub]\nenabled = false\nhubs = [\"{}\"]\n",
        peer.at("/")
    );
    let (_app, one) = open_with(engine, &settings).await;
    one.bytes("/kk/feed.rss").await;
    peer.when_told(&[Act::Status(503), Act::Redirect, Act::Status(503)]);
    one.release("Жаңа мектеп ашылды").await;
    assert_eq!(peer.take().len(), 3, "one for each format");
    for _ in 0..20 {
        one.later(13 * 3600);
        one.drain().await;
    }
    assert_eq!(peer.take().len(), 3);
    assert_eq!(one.jobs().await, 0);
    peer.when_told(&vec![Act::Status(500); 100]);
    one.release("Тағы бір хабар").await;
    for _ in 0..20 {
        one.later(13 * 3600);
        one.drain().await;
    }
    assert_eq!(peer.take().len(), 3 * 8, "eight tries for each and no more");
    assert_eq!(one.jobs().await, 0);
}

/// Row “topic move”.
async fn an_old_address_is_told_the_canonical_one(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    let (status, headers, _) = one.get(Method::GET, "/kz/feed.rss").await;
    assert_eq!(
        (status, &headers["location"]),
        (308, &"/kk/feed.rss".parse().unwrap())
    );
    for old in [
        "https://news.example.kz/kz/feed.rss",
        "https://news.example.kz/KK/feed.rss",
        "https://news.example.kz/kk/feed.rss?utm_source=reader",
        "https://NEWS.example.kz/kk/feed.rss",
        "https://news.example.kz:443/kk/feed.rss",
        "https://news.example.kz/kk/feed.rss#top",
    ] {
        let (status, said) = one.request("subscribe", old, &peer.at("/"), &[]).await;
        assert_eq!(status, 400, "{old}");
        assert!(said.contains(&format!("subscribe to {TOPIC}")), "{said}");
    }
    one.subscribe(TOPIC, &peer.at("/"), &[]).await;
    assert_eq!(one.subscriptions().await, 1);
}

/// Row “hub accepts callback, mode, topic, secret; ignores unknown; 202 on accept, 4xx + text on error”.
async fn requests_are_accepted_or_told_what_is_wrong(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    let hook = peer.at("/hook");
    let long = "x".repeat(200);
    let good = [
        ("hub.mode", "subscribe"),
        ("hub.topic", TOPIC),
        ("hub.callback", hook.as_str()),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&good[..], more].concat();
    let too_long = [&good[..], &[("hub.secret", long.as_str())]].concat();
    for (form, status, word) in [
        (with(&[]), 202, "Accepted"),
        (
            with(&[
                ("foo", "bar"),
                ("hub.verify", "sync"),
                ("hub.verify_token", "x"),
            ]),
            202,
            "Accepted",
        ),
        (
            with(&[("hub.lease_seconds", "864000"), ("hub.secret", "s3cret")]),
            202,
            "Accepted",
        ),
        (with(&[("hub.lease_seconds", "")]), 202, "Accepted"),
        (too_long, 400, "hub.secret"),
        (
            with(&[("hub.lease_seconds", "soon")]),
            400,
            "hub.lease_seconds",
        ),
        (
            with(&[("hub.callback", "https://reader.example.org/")]),
            400,
            "twice",
        ),
        (good[1..].to_vec(), 400, "hub.mode"),
        (vec![good[0], good[2]], 400, "hub.topic"),
        (good[..2].to_vec(), 400, "hub.callback"),
        (
            vec![("hub.mode", "list"), good[1], good[2]],
            400,
            "hub.mode",
        ),
        (
            vec![("hub.mode", "publish"), ("hub.url", TOPIC)],
            403,
            "by itself",
        ),
        (vec![], 400, "hub.mode"),
    ] {
        let (got, said) = one.post(&form).await;
        assert_eq!(got, status, "{form:?}: {said}");
        assert!(
            said.contains(word) && said.ends_with('\n'),
            "{form:?}: {said}"
        );
    }
    let request = Request::builder()
        .method(Method::POST)
        .uri("/websub")
        .header("content-type", "application/json")
        .body(Body::from("{}"))
        .unwrap();
    assert_eq!(one.send(request).await.0, 415);
    assert_eq!(
        peer.take().len(),
        0,
        "nothing is asked while the request is answered"
    );
    one.drain().await;
    assert_eq!(one.subscriptions().await, 1);
}

/// Row “verification of intent”: anything but 2xx with the very challenge leaves everything as it was.
async fn only_the_exact_challenge_subscribes(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    let mut challenges = BTreeSet::new();
    for act in [
        Act::Garble,
        Act::Say(""),
        Act::Say("something else"),
        Act::Status(404),
        Act::Status(400),
        Act::Status(410),
        Act::Redirect,
        Act::Endless,
    ] {
        peer.when_asked(std::slice::from_ref(&act));
        one.subscribe(TOPIC, &peer.at("/hook"), &[]).await;
        let seen = peer.take();
        assert_eq!(
            seen.len(),
            1,
            "{act:?}: asked once, redirects are not followed"
        );
        assert_eq!(seen[0].parameter("hub.mode").as_deref(), Some("subscribe"));
        assert_eq!(seen[0].parameter("hub.topic").as_deref(), Some(TOPIC));
        assert_eq!(
            seen[0].parameter("hub.lease_seconds").as_deref(),
            Some("864000")
        );
        challenges.insert(seen[0].parameter("hub.challenge").unwrap());
        assert_eq!(one.subscriptions().await, 0, "{act:?}");
        assert_eq!(one.jobs().await, 0, "{act:?}");
    }
    peer.when_asked(&[Act::Status(201)]);
    one.subscribe(TOPIC, &peer.at("/hook"), &[]).await;
    challenges.insert(peer.take()[0].parameter("hub.challenge").unwrap());
    assert_eq!(one.subscriptions().await, 1, "any 2xx will do");
    assert_eq!(challenges.len(), 9, "a challenge is used once");
    assert!(challenges.iter().all(|c| c.len() == 64));
}

async fn a_callback_that_cannot_be_reached_is_asked_three_times(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    // Slower than the two seconds of the settings.
    peer.when_asked(&[Act::Slow(4000), Act::Status(503), Act::Agree]);
    one.subscribe(TOPIC, &peer.at("/hook"), &[]).await;
    assert_eq!((peer.take().len(), one.subscriptions().await), (1, 0));
    one.later(13);
    one.drain().await;
    assert_eq!((peer.take().len(), one.subscriptions().await), (1, 0));
    one.later(40);
    one.drain().await;
    assert_eq!((peer.take().len(), one.subscriptions().await), (1, 1));
    peer.when_asked(&vec![Act::Status(500); 10]);
    one.subscribe(TOPIC, &peer.at("/other"), &[]).await;
    for _ in 0..10 {
        one.later(3600);
        one.drain().await;
    }
    assert_eq!(peer.take().len(), 3);
    assert_eq!((one.subscriptions().await, one.jobs().await), (1, 0));
}

/// Row “re-subscribe and unsubscribe override only after verification”, and an attacker ends nobody's subscription.
async fn renewal_and_end_count_only_after_verification(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    let hook = peer.at("/hook");
    one.subscribe(TOPIC, &hook, &[("hub.secret", "first")])
        .await;
    let secret = || one.core.db.clone();
    let secret = async || -> String {
        on_db!(&secret(), c => sqlx::query_scalar("SELECT secret FROM websub_subscription").fetch_one(c).await).unwrap()
    };
    // Somebody else renews with a secret of his, and somebody else ends: the callback does not know of it.
    peer.when_asked(&[Act::Status(404), Act::Status(404)]);
    let form = |mode: &'static str| {
        vec![
            ("hub.mode", mode),
            ("hub.topic", TOPIC),
            ("hub.callback", hook.as_str()),
            ("hub.secret", "stolen"),
        ]
    };
    for mode in ["subscribe", "unsubscribe"] {
        let (status, _) = one.post_from("203.0.113.66", &form(mode)).await;
        assert_eq!(status, 202);
        assert_eq!(secret().await, "first", "accepting changes nothing");
        one.drain().await;
        assert_eq!(
            (one.subscriptions().await, secret().await.as_str()),
            (1, "first")
        );
    }
    let modes: Vec<_> = peer
        .take()
        .iter()
        .filter_map(|s| s.parameter("hub.mode"))
        .collect();
    assert_eq!(modes, ["subscribe", "subscribe", "unsubscribe"]);
    one.subscribe(TOPIC, &hook, &[("hub.secret", "second")])
        .await;
    assert_eq!(
        (one.subscriptions().await, secret().await.as_str()),
        (1, "second")
    );
    peer.take();
    let (status, _) = one.request("unsubscribe", TOPIC, &hook, &[]).await;
    assert_eq!(status, 202);
    assert_eq!(one.subscriptions().await, 1);
    one.drain().await;
    let seen = peer.take();
    assert_eq!(
        seen[0].parameter("hub.mode").as_deref(),
        Some("unsubscribe")
    );
    assert_eq!(seen[0].parameter("hub.lease_seconds"), None);
    assert_eq!(one.subscriptions().await, 0);
    one.release("Кейінгі хабар").await;
    assert_eq!(peer.take().len(), 0);
}

async fn the_newest_request_of_a_client_wins(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    for (mode, secret) in [("subscribe", "a"), ("unsubscribe", "b"), ("subscribe", "c")] {
        one.request(mode, TOPIC, &peer.at("/"), &[("hub.secret", secret)])
            .await;
    }
    one.drain().await;
    assert_eq!(
        peer.take().len(),
        1,
        "the older ones are not even asked about"
    );
    let secret: String = on_db!(&one.core.db, c => sqlx::query_scalar(
        "SELECT secret FROM websub_subscription").fetch_one(c).await)
    .unwrap();
    assert_eq!(secret, "c");
    assert_eq!(
        one.count(
            "SELECT COUNT(*) FROM websub_request WHERE secret IS NOT NULL OR done_at IS NULL"
        )
        .await,
        0
    );
}

/// Row “callback query string preserved”.
async fn the_callbacks_own_query_stays(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(TOPIC, &peer.at("/hook?foo=bar%20baz&empty&x=%D2%9B"), &[])
        .await;
    let seen = peer.take();
    assert!(
        seen[0]
            .query
            .starts_with("foo=bar%20baz&empty&x=%D2%9B&hub.mode=subscribe&hub.topic="),
        "{}",
        seen[0].query
    );
    one.release("Жаңа хабар").await;
    let seen = peer.take();
    assert_eq!(
        (seen[0].path.as_str(), seen[0].query.as_str()),
        ("/hook", "foo=bar%20baz&empty&x=%D2%9B")
    );
}

/// Row “lease always finite, enforced, sent in verification”.
async fn leases_are_finite_sent_and_enforced(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    for (asked, given) in [
        (None, "864000"),
        (Some("3600"), "3600"),
        (Some("1"), "60"),
        (Some("999999999999"), "2592000"),
    ] {
        let more: Vec<_> = asked
            .map(|secs| ("hub.lease_seconds", secs))
            .into_iter()
            .collect();
        one.subscribe(TOPIC, &peer.at("/hook"), &more).await;
        assert_eq!(
            peer.take()[0].parameter("hub.lease_seconds").as_deref(),
            Some(given)
        );
        let until: Timestamp = on_db!(&one.core.db, c => sqlx::query_scalar(
            "SELECT lease_until FROM websub_subscription").fetch_one(c).await)
        .unwrap();
        assert_eq!(
            until,
            one.core.clock.now().plus_secs(given.parse().unwrap())
        );
    }
    one.subscribe(TOPIC, &peer.at("/hook"), &[("hub.lease_seconds", "3600")])
        .await;
    peer.take();
    one.later(3599);
    one.release("Мерзім ішіндегі хабар").await;
    assert_eq!(posts(&peer.take()).len(), 1);
    one.later(1);
    one.release("Мерзімнен кейінгі хабар").await;
    assert_eq!(peer.take().len(), 0, "the lease is over");
    assert_eq!(one.subscriptions().await, 1);
    assert_eq!(websub::prune(&one.core).await.unwrap(), 1);
    assert_eq!(one.subscriptions().await, 0);
    one.later(2 * 86_400);
    websub::prune(&one.core).await.unwrap();
    assert_eq!(one.count("SELECT COUNT(*) FROM websub_request").await, 0);
}

/// Row “denial”: a cap that was reached between acceptance and verification.
async fn a_full_hub_denies_after_acceptance(engine: Engine) {
    let (_app, one) = open_with(engine, &format!("{SETTINGS}subscriptions_per_host = 2\n")).await;
    let peer = Peer::listen().await;
    for path in ["/a", "/b", "/c"] {
        let (status, _) = one.request("subscribe", TOPIC, &peer.at(path), &[]).await;
        assert_eq!(status, 202);
        one.later(1);
    }
    one.drain().await;
    assert_eq!(one.subscriptions().await, 2);
    let denied: Vec<Seen> = peer
        .take()
        .into_iter()
        .filter(|s| s.parameter("hub.mode").as_deref() == Some("denied"))
        .collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0].parameter("hub.topic").as_deref(), Some(TOPIC));
    assert!(
        denied[0]
            .parameter("hub.reason")
            .unwrap()
            .contains("all the subscriptions")
    );
    assert_eq!(denied[0].parameter("hub.challenge"), None);
    let (status, said) = one.request("subscribe", TOPIC, &peer.at("/d"), &[]).await;
    assert!(status == 403 && said.contains('2'), "{status} {said}");
    let kept: String = on_db!(&one.core.db, c => sqlx::query_scalar(
        "SELECT MIN(callback) FROM websub_subscription").fetch_one(c).await)
    .unwrap();
    one.subscribe(TOPIC, &kept, &[]).await;
    assert_eq!(one.subscriptions().await, 2, "a renewal is no new one");
}

/// Row “denial”: the feed is no more.
async fn a_feed_that_is_no_more_denies_its_subscribers(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(TOPIC, &peer.at("/stays"), &[]).await;
    let gone = "https://news.example.kz/kk/sections/economy/feed.atom";
    one.subscribe(gone, &peer.at("/goes?a=b"), &[]).await;
    peer.take();
    // A feed cannot lose its section by a command; a restored database can.
    let mut tx = one.core.db.begin().await.unwrap();
    jarshy::on_tx!(&mut tx, c => sqlx::query(
        "UPDATE websub_subscription SET topic = 'kk/sections/nowhere/feed.atom' WHERE topic = 'kk/sections/economy/feed.atom'")
        .execute(c).await.map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
    one.catch_up().await;
    assert_eq!(one.subscriptions().await, 2, "too young to be judged");
    one.later(61);
    peer.when_asked(&[Act::Status(503)]);
    one.catch_up().await;
    one.later(15);
    one.drain().await;
    let seen = peer.take();
    assert_eq!(seen.len(), 2, "told again after a failure");
    assert_eq!(seen[1].path, "/goes");
    assert!(
        seen[1].query.starts_with("a=b&hub.mode=denied&"),
        "{}",
        seen[1].query
    );
    assert_eq!(
        seen[1].parameter("hub.topic").as_deref(),
        Some("https://news.example.kz/kk/sections/nowhere/feed.atom")
    );
    assert_eq!((one.subscriptions().await, one.jobs().await), (1, 0));
}

/// Row “denial”, and 410 of HTTP: who waits for a feed that has ended is told so.
async fn a_feed_of_a_closed_section_ends_with_its_days(engine: Engine) {
    let (app, one) = open(engine).await;
    let peer = Peer::listen().await;
    let topic = "https://news.example.kz/kk/sections/economy/feed.rss";
    one.subscribe(topic, &peer.at("/hook"), &[]).await;
    let mut core = app.core.clone();
    let mut config = Config::clone(&core.config);
    config.sections.retain(|section| section.slug != "economy");
    config.feeds.closed_days = 1;
    core.config = Arc::new(config);
    newsroom::sync_sections(&core).await.unwrap();
    let closed = Instance::new(core);
    closed.later(86_399);
    closed.catch_up().await;
    peer.take();
    assert_eq!(closed.subscriptions().await, 1, "it is over, but not gone");
    closed.later(61);
    closed.catch_up().await;
    let seen = peer.take();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].parameter("hub.mode").as_deref(), Some("denied"));
    assert_eq!(closed.subscriptions().await, 0);
}

/// Row “distribution: POST, Content-Type of topic, Link hub+self, full content”.
async fn a_change_is_delivered_whole_with_its_type_and_links(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    let paths = [
        "/kk/feed.rss",
        "/feed.atom",
        "/kk/sections/economy/feed.json",
        "/ru/feed.rss",
    ];
    for path in paths {
        one.subscribe(
            &format!("https://news.example.kz{path}"),
            &peer.at(path),
            &[],
        )
        .await;
    }
    peer.take();
    one.release("Жаңа мектеп ашылды").await;
    let seen = peer.take();
    assert_eq!(seen.len(), 3, "the Russian feed did not change");
    for path in &paths[..3] {
        let sent: Vec<_> = seen.iter().filter(|s| s.path == *path).collect();
        assert_eq!(sent.len(), 1, "{path}");
        let (_, headers, bytes) = one.get(Method::GET, path).await;
        assert_eq!(sent[0].method, Method::POST);
        assert_eq!(sent[0].body, bytes, "the very bytes");
        assert_eq!(
            sent[0].header("content-type"),
            headers["content-type"].to_str().ok()
        );
        assert_eq!(sent[0].header("link"), headers["link"].to_str().ok());
        assert!(
            sent[0].header("x-hub-signature").is_none(),
            "no secret, no signature"
        );
        assert!(sent[0].header("user-agent").unwrap().starts_with("Jarshy/"));
    }
}

/// Row “non-2xx retried with bound”.
async fn deliveries_are_retried_with_a_bound(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(TOPIC, &peer.at("/"), &[]).await;
    peer.take();
    peer.when_told(&[
        Act::Status(500),
        Act::Status(404),
        Act::Slow(4000),
        Act::Agree,
    ]);
    one.release("Бірінші хабар").await;
    let mut waits = Vec::new();
    let mut waited = 0;
    while one.jobs().await > 0 {
        one.later(6);
        waited += 6;
        if one.drain().await > 0 {
            waits.push(waited);
            waited = 0;
        }
        assert!(waited < 3600);
    }
    assert_eq!(peer.take().len(), 4);
    for (wait, usual) in waits.iter().zip([60, 180, 540]) {
        assert!(
            (usual * 8 / 10..=usual * 12 / 10 + 6).contains(wait),
            "{waits:?}"
        );
    }
    // Nobody is there for a day: eight tries, then the delivery is given up, and after three of those the subscription ends.
    peer.when_told(&vec![Act::Status(503); 8 * 3 + 1]);
    for round in 1..=3 {
        assert_eq!(one.subscriptions().await, 1);
        one.release(&format!("Хабар {round}")).await;
        let begun = one.core.clock.now();
        while one.jobs().await > 0 {
            one.later(600);
            one.drain().await;
        }
        let took = (one.core.clock.now().as_secs() - begun.as_secs()) / 3600;
        assert!((12..=36).contains(&took), "{took} hours");
        assert_eq!(peer.take().len(), 8);
    }
    assert_eq!(one.subscriptions().await, 0);
    one.release("Ешкім күтпейтін хабар").await;
    assert_eq!(peer.take().len(), 0);
}

/// Rows “no redirects followed” and “410 ends”.
async fn gone_ends_the_subscription_and_redirects_are_not_followed(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(TOPIC, &peer.at("/"), &[]).await;
    peer.take();
    peer.when_told(&[Act::Redirect, Act::Endless, Act::Status(410)]);
    one.release("Бірінші хабар").await;
    let seen = peer.take();
    assert_eq!(
        (seen.len(), seen[0].method.clone()),
        (1, Method::POST),
        "the redirect is a failure"
    );
    one.later(75);
    let begun = Instant::now();
    one.drain().await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "a body without end is not read"
    );
    assert_eq!(peer.take().len(), 1);
    assert_eq!((one.subscriptions().await, one.jobs().await), (1, 0));
    one.release("Екінші хабар").await;
    assert_eq!(peer.take().len(), 1);
    assert_eq!((one.subscriptions().await, one.jobs().await), (0, 0));
    one.release("Үшінші хабар").await;
    assert_eq!(peer.take().len(), 0);
}

async fn a_change_during_the_wait_replaces_the_older(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(TOPIC, &peer.at("/"), &[]).await;
    peer.take();
    peer.when_told(&[Act::Status(503)]);
    one.release("Бірінші хабар").await;
    assert_eq!(peer.take().len(), 1);
    one.release("Екінші хабар").await;
    one.release("Үшінші хабар").await;
    assert_eq!(peer.take().len(), 0, "the wait goes on");
    one.later(75);
    one.drain().await;
    let seen = peer.take();
    assert_eq!(seen.len(), 1, "one delivery for three changes");
    let text = String::from_utf8(seen[0].body.to_vec()).unwrap();
    assert!(text.contains("Үшінші хабар") && text.contains("Бірінші хабар"));
    one.later(86_400);
    assert_eq!((one.drain().await, one.jobs().await), (0, 0));
}

async fn equal_bytes_never_travel_twice(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(TOPIC, &peer.at("/"), &[]).await;
    one.release("Бірінші хабар").await;
    peer.take();
    // The wish comes a second time, as after a crash between the call and its record.
    let mut tx = one.core.db.begin().await.unwrap();
    let settings = &one.core.config.websub;
    websub::store::topic_changed(&mut tx, settings, "kk/feed.rss", one.core.clock.now())
        .await
        .unwrap();
    websub::store::topic_changed(&mut tx, settings, "ru/feed.rss", one.core.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(one.jobs().await, 1, "nobody waits for the Russian feed");
    one.drain().await;
    assert_eq!((peer.take().len(), one.jobs().await), (0, 0));
}

/// Row “X-Hub-Signature: sha256= over exact bytes”, computed here by itself.
async fn the_signature_is_sha256_over_the_exact_bytes(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    let secret = "құпия-199".to_owned() + &"x".repeat(100);
    one.subscribe(TOPIC, &peer.at("/"), &[("hub.secret", &secret)])
        .await;
    peer.take();
    one.release("Қол қойылған хабар").await;
    let seen = peer.take();
    let (method, hex) = seen[0]
        .header("x-hub-signature")
        .unwrap()
        .split_once('=')
        .unwrap();
    assert_eq!(method, "sha256");
    let sent: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&seen[0].body);
    mac.verify_slice(&sent).unwrap();
}

/// Row “hub serves only our own topics”.
async fn foreign_topics_are_refused(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    for foreign in [
        "https://other.example.org/kk/feed.rss",
        "https://news.example.kz.evil.example.org/kk/feed.rss",
        "https://news.example.kz@evil.example.org/kk/feed.rss",
        "https://evil@news.example.kz/kk/feed.rss",
        "https://news.example.kz:8443/kk/feed.rss",
        "https://news.example.kz/",
        "https://news.example.kz/kk/",
        "https://news.example.kz/kk/sections/nowhere/feed.rss",
        "https://news.example.kz/de/feed.rss",
        "https://news.example.kz/kk/feed.xml",
        "https://news.example.kz/feeds.opml",
        "https://news.example.kz/../../etc/passwd",
        "/kk/feed.rss",
        "kk/feed.rss",
        "ftp://news.example.kz/kk/feed.rss",
        "javascript:alert(1)",
    ] {
        let (status, said) = one.request("subscribe", foreign, &peer.at("/"), &[]).await;
        assert_eq!(status, 404, "{foreign}: {said}");
        assert!(
            said.contains("hub.topic") && said.contains("https://news.example.kz/feeds"),
            "{said}"
        );
    }
    assert_eq!(one.jobs().await, 0);
}

/// Row “SSRF”: everything that can be told from the address; where names lead is checked at the connection (`fetch::call`).
async fn forbidden_callbacks_are_refused(engine: Engine) {
    let (_app, one) = open_with(engine, "").await;
    let forbidden = [
        // Loopback, private, link-local, shared, unspecified, broadcast, multicast, reserved, documentation, benchmarking.
        "http://127.0.0.1/",
        "http://127.1.2.3/",
        "http://10.0.0.1/",
        "http://10.255.255.255/",
        "http://172.16.0.1/",
        "http://172.31.255.254/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://255.255.255.255/",
        "http://224.0.0.1/",
        "http://240.0.0.1/",
        "http://192.0.2.1/",
        "http://198.51.100.1/",
        "http://203.0.113.1/",
        "http://198.18.0.1/",
        "http://192.0.0.1/",
        // The same in other clothes: short, decimal, octal, hex, mixed, with a dot behind, percent-encoded, full-width, circled.
        "http://127.1/",
        "http://127.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://0x7f.0.0.1/",
        "http://0x7f.1/",
        "http://127.0.0.1./",
        "http://0/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.%31/",
        "http://１２７.０.０.１/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127。0。0。1/",
        "http://3232235521/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        // IPv6: loopback, unspecified, link-local, unique local, multicast, site-local, documentation.
        "http://[::1]/",
        "http://[::]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[fd12:3456::1]/",
        "http://[ff02::1]/",
        "http://[fec0::1]/",
        "http://[2001:db8::1]/",
        "http://[3fff::1]/",
        "http://[100::1]/",
        "http://[5f00::1]/",
        // IPv4 inside IPv6: mapped, compatible, NAT64, local NAT64, 6to4, Teredo, ORCHID; and a zone.
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::127.0.0.1]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://[64:ff9b:1::a00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2002:c0a8:1::1]/",
        "http://[2001::1]/",
        "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "http://[2001:10::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[::1%25lo]/",
        // Names of the own machine and the own network, in all writings.
        "http://localhost/",
        "http://LOCALHOST/",
        "http://localhost./",
        "http://foo.localhost/",
        "http://localhost.localdomain/",
        "http://ｌｏｃａｌｈｏｓｔ/",
        "http://ⓛocalhost/",
        "http://lo%63alhost/",
        "http://router/",
        "http://db/",
        "http://printer.local/",
        "http://metadata.google.internal/",
        "http://api.internal./",
        "http://wiki.corp/",
        "http://nas.home.arpa/",
        "http://nas.lan/",
        "http://box.home/",
        "http://1.0.0.127.in-addr.arpa/",
        "http://expyuzz4wqqyqhjn.onion/",
        "http://a.invalid/",
        "http://x.test/",
        "http://.example.org/",
        "http://a..example.org/",
        // Other schemes, credentials, fragments, what the parser would forgive.
        "ftp://reader.example.org/",
        "file:///etc/passwd",
        "gopher://reader.example.org/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "//reader.example.org/",
        "reader.example.org/hook",
        "http://",
        "http:///hook",
        "",
        "http://user@reader.example.org/",
        "http://user:pass@reader.example.org/",
        "http://@reader.example.org/",
        "http://:@reader.example.org/",
        "http://reader.example.org/#x",
        "http://reader.example.org#@127.0.0.1/",
        "http://127.0.0.1\\@reader.example.org/",
        "http://reader.example.org\\.internal/",
        " http://reader.example.org/",
        "http://reader.exa\tmple.org/",
        "http://reader.example.org/\r\nHost: x",
        "http:\\\\127.0.0.1\\",
        // Ports where no web server is expected.
        "http://reader.example.org:22/",
        "http://reader.example.org:25/",
        "http://reader.example.org:0/",
        "http://reader.example.org:53/",
        "http://reader.example.org:6379/",
        "http://reader.example.org:5432/",
        "http://reader.example.org:3306/",
        "http://reader.example.org:11211/",
        "http://reader.example.org:6667/",
        "http://reader.example.org:2375/",
        "http://reader.example.org:70000/",
    ];
    assert!(forbidden.len() >= 60);
    assert_eq!(
        forbidden.iter().collect::<BTreeSet<_>>().len(),
        forbidden.len()
    );
    let mut wrong = Vec::new();
    for callback in forbidden {
        for mode in ["subscribe", "unsubscribe"] {
            let (status, said) = one.request(mode, TOPIC, callback, &[]).await;
            if status != 400 || !said.contains("hub.callback") {
                wrong.push(format!("{callback}: {status} {said}"));
            }
        }
    }
    let long = format!("http://reader.example.org/{}", "x".repeat(3000));
    assert_eq!(one.request("subscribe", TOPIC, &long, &[]).await.0, 400);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(one.jobs().await, 0);
}

/// Row “SSRF”: “the private-range exemption for topics must not apply to callbacks”.
async fn networks_opened_for_editors_stay_closed_for_callbacks(engine: Engine) {
    let (_app, one) = open_with(
        engine,
        "[fetch]\nallow_networks = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n",
    )
    .await;
    let peer = Peer::listen().await;
    for callback in [peer.at("/"), "http://10.0.0.1/".to_owned()] {
        let (status, said) = one.request("subscribe", TOPIC, &callback, &[]).await;
        assert!(status == 400 && said.contains("public"), "{said}");
    }
}

/// Row “amplification”.
async fn a_flood_meets_the_caps(engine: Engine) {
    let settings = format!(
        "{SETTINGS}pending_per_client = 5\npending_per_host = 8\npending_total = 12\nrequests_per_hour = 20\n"
    );
    let (_app, one) = open_with(engine, &settings).await;
    let peer = Peer::listen().await;
    let victim = |i: usize| peer.at(&format!("/{i}"));
    let flood = async |ip: &str, callback: &str| {
        let form = [
            ("hub.mode", "subscribe"),
            ("hub.topic", TOPIC),
            ("hub.callback", callback),
        ];
        one.post_from(ip, &form).await
    };
    let mut taken = 0;
    for i in 0..30 {
        let (status, said) = flood("192.0.2.1", &victim(i)).await;
        if status == 202 {
            taken += 1;
        } else {
            assert!(
                status == 429 && said.contains("wait for their verification"),
                "{said}"
            );
        }
    }
    assert_eq!(taken, 5, "of one client");
    for i in 0..30 {
        let ip = format!("192.0.2.{}", 10 + i);
        taken += usize::from(flood(&ip, &victim(100 + i)).await.0 == 202);
    }
    assert_eq!(taken, 8, "for one host");
    for i in 0..30 {
        let ip = format!("2001:db8:{i:x}::1");
        taken += usize::from(flood(&ip, &format!("http://r{i}.example.org/")).await.0 == 202);
    }
    assert_eq!(taken, 12, "in all");
    // Neighbours in one /64 are one client.
    assert_eq!(peer.take().len(), 0);
    peer.when_asked(&vec![Act::Status(404); 100]);
    one.drain().await;
    assert_eq!(peer.take().len(), 8);
    for i in 0..100 {
        let (status, _) = flood("192.0.2.1", &victim(200 + i)).await;
        taken += usize::from(status == 202);
        one.drain().await;
    }
    assert_eq!(taken, 12 + 12, "twenty for one host within an hour");
    assert_eq!(peer.take().len(), 12);
    let (status, said) = flood("192.0.2.99", &victim(1)).await;
    assert!(status == 429 && said.contains("within an hour"), "{said}");
    one.later(3601);
    assert_eq!(flood("192.0.2.1", &victim(1)).await.0, 202);
}

async fn one_host_is_called_a_few_at_a_time(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    peer.when_asked(&vec![Act::Slow(20); 12]);
    for i in 0..12 {
        one.request("subscribe", TOPIC, &peer.at(&format!("/{i}")), &[])
            .await;
    }
    one.drain().await;
    peer.when_told(&vec![Act::Slow(20); 12]);
    one.release("Жаңа хабар").await;
    assert_eq!(peer.take().len(), 24);
    assert_eq!(peer.most_at_once(), 2);
}

/// Issue: “persistence”.
async fn a_restart_between_accept_and_verify_loses_nothing(engine: Engine) {
    let (app, one) = open(engine).await;
    let peer = Peer::listen().await;
    let (status, _) = one
        .request("subscribe", TOPIC, &peer.at("/"), &[("hub.secret", "s")])
        .await;
    assert_eq!(status, 202);
    drop(one);
    let two = another(&app, SETTINGS).await;
    two.drain().await;
    assert_eq!(two.subscriptions().await, 1);
    peer.take();
    two.publish("Қайта қосылғаннан кейін").await;
    two.shelf.catch_up().await.unwrap();
    drop(two);
    let three = another(&app, SETTINGS).await;
    three.drain().await;
    let seen = peer.take();
    assert_eq!(
        posts(&seen).len(),
        1,
        "the change was put down with the bytes"
    );
    assert!(seen[0].header("x-hub-signature").is_some());
}

/// Issue: “On two instances each change is sent once.”
async fn two_instances_send_each_change_once(engine: Engine) {
    let (app, one) = open(engine).await;
    let two = another(&app, SETTINGS).await;
    let peer = Peer::listen().await;
    for i in 0..20 {
        one.subscribe(TOPIC, &peer.at(&format!("/{i}")), &[]).await;
    }
    peer.take();
    for round in 0..4 {
        one.later(60);
        one.publish(&format!("Хабар {round}")).await;
        let (a, b) = tokio::join!(one.shelf.catch_up(), two.shelf.catch_up());
        a.unwrap();
        b.unwrap();
        for _ in 0..3 {
            tokio::join!(one.drain(), two.drain());
        }
        let seen = peer.take();
        let paths: BTreeSet<_> = seen.iter().map(|s| s.path.clone()).collect();
        assert_eq!((seen.len(), paths.len()), (20, 20), "round {round}");
        let bytes = one.bytes("/kk/feed.rss").await;
        assert!(seen.iter().all(|s| s.body == bytes));
    }
    assert_eq!(one.jobs().await, 0);
}

/// A claim that was never settled runs out; the attempt was counted before the call.
async fn a_worker_that_died_loses_nothing(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(TOPIC, &peer.at("/"), &[]).await;
    one.publish("Жаңа хабар").await;
    one.shelf.catch_up().await.unwrap();
    let now = one.core.clock.now();
    let mut tx = one.core.db.begin().await.unwrap();
    let claimed = jarshy::work::store::claim_jobs(&mut tx, "websub.", now, now.plus_secs(90), 2, 9)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!((claimed.len(), claimed[0].attempts), (1, 1));
    peer.take();
    assert_eq!(one.drain().await, 0, "in other hands");
    one.later(91);
    assert_eq!(one.drain().await, 2);
    assert_eq!(peer.take().len(), 1);
    // The dead one comes back and settles what is no longer his.
    one.release("Тағы бір хабар").await;
    let mut tx = one.core.db.begin().await.unwrap();
    let over = jarshy::work::job::Settled::Over;
    assert!(
        !jarshy::work::store::settle_job(&mut tx, &claimed[0], over, now)
            .await
            .unwrap()
    );
}

/// Issue, “Withdrawal”: “WebSub pushes”.
async fn a_withdrawal_is_pushed(engine: Engine) {
    let (_app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(TOPIC, &peer.at("/"), &[]).await;
    let published = one.release("Қате жарияланған хабар").await;
    let seen = peer.take();
    assert!(String::from_utf8_lossy(&seen[1].body).contains("Қате жарияланған хабар"));
    one.later(60);
    newsroom::withdraw(&one.core, &published.uid, None)
        .await
        .unwrap();
    one.catch_up().await;
    let seen = peer.take();
    assert_eq!(seen.len(), 1);
    assert!(!String::from_utf8_lossy(&seen[0].body).contains("Қате жарияланған хабар"));
}

/// Brief: a subscribed feed is built after a release even if nobody polls it, also on an instance that never served it.
async fn a_feed_that_nobody_polls_is_pushed(engine: Engine) {
    let (app, one) = open(engine).await;
    let peer = Peer::listen().await;
    one.subscribe(
        "https://news.example.kz/kk/sections/economy/feed.atom",
        &peer.at("/"),
        &[],
    )
    .await;
    drop(one);
    peer.take();
    let two = another(&app, SETTINGS).await;
    two.later(3 * 86_400);
    two.release("Үш күннен кейінгі хабар").await;
    assert_eq!(posts(&peer.take()).len(), 1);
}

async fn a_hub_that_is_switched_off_is_not_there(engine: Engine) {
    let (_app, one) = open_with(engine, "[websub]\nenabled = false\n").await;
    assert_eq!(
        one.request("subscribe", TOPIC, "https://reader.example.org/", &[])
            .await
            .0,
        404
    );
    assert_eq!(one.get(Method::GET, "/websub").await.0, 404);
    let (_, headers, _) = one.get(Method::GET, "/kk/feed.rss").await;
    assert_eq!(headers["link"], format!("<{TOPIC}>; rel=\"self\""));
}
