//! The demo's inbox over HTTP.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use jarshy::app::App;
use jarshy::base::time::Zone;
use jarshy::theme::Theme;
use jarshy::web::inbox::{Directory, Inbox};
use tower::ServiceExt;

use crate::support::{Engine, TestApp};

const MAIL: &str = "From: =?UTF-8?B?0KLQsNGD?= <digest@news.example.kz>\r\nTo: aigerim@example.kz\r\n\
    Subject: =?UTF-8?B?0KHRgw==?= <b>\r\nDate: Sat, 28 Feb 2026 08:00:00 +0500\r\nMessage-ID: <d1.00@news.example.kz>\r\n\
    Content-Language: kk\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n\
    --x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain <script>part</script>\r\n\
    --x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>@media (prefers-color-scheme: dark){p{color:#eee}}</style></head>\
    <p>rich part</p><script>alert(1)</script></html>\r\n--x--\r\n";

/// An inbox with one mail to Aigerim in Almaty and one to an address that was typed.
fn inbox(app: &TestApp) -> Arc<Inbox> {
    let people = [("aigerim@example.kz".to_owned(), "Asia/Almaty".to_owned())];
    let inbox = Inbox::open(&app.folder.path().join("inbox"), Directory::new(people)).unwrap();
    for to in ["aigerim@example.kz", "me@example.org"] {
        let zone = Zone::parse("Asia/Almaty").unwrap();
        inbox
            .store(
                app.core.clock.now(),
                &zone,
                "d1@bounce.example.kz",
                &[to.to_owned()],
                MAIL.as_bytes(),
            )
            .unwrap();
    }
    Arc::new(inbox)
}

struct Answer {
    status: StatusCode,
    policy: String,
    body: String,
}

async fn get(app: &TestApp, inbox: Option<Arc<Inbox>>, path: &str) -> Answer {
    let theme = Arc::new(Theme::load(&app.core.config).unwrap());
    let router = App::new(app.core.clone(), theme, inbox).router();
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let policy = answer
        .headers()
        .get("content-security-policy")
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20)
        .await
        .unwrap();
    Answer {
        status,
        policy,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

#[tokio::test]
async fn the_inbox_exists_in_the_demo_alone() {
    let app = TestApp::spawn(Engine::Sqlite).await;
    for path in [
        "/inbox",
        "/inbox/list",
        "/inbox/mail/1",
        "/inbox/mail/1/source",
    ] {
        assert_eq!(
            get(&app, None, path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
        let shown = get(&app, Some(inbox(&app)), path).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}");
    }
    let unknown = get(&app, Some(inbox(&app)), "/inbox/mail/99").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_mail_can_be_read_as_html_text_and_source_and_can_do_nothing() {
    let app = TestApp::spawn(Engine::Sqlite).await;
    let mails = inbox(&app);
    let html = get(&app, Some(mails.clone()), "/inbox/mail/1/html").await;
    assert!(html.body.contains("rich part") && html.body.contains("@media not all{p{"));
    for part in [
        "default-src 'none'",
        "form-action 'none'",
        "sandbox allow-same-origin",
    ] {
        assert!(html.policy.contains(part), "{}", html.policy);
    }
    assert!(!html.policy.contains("allow-scripts") && !html.policy.contains("script-src"));
    let dark = get(
        &app,
        Some(mails.clone()),
        "/inbox/mail/1/html?dark=1&images=0",
    )
    .await;
    assert!(dark.body.contains("@media all{p{") && dark.policy.contains("img-src 'none'"));
    let text = get(&app, Some(mails.clone()), "/inbox/mail/1/text").await;
    assert!(
        text.body.contains("plain &lt;script&gt;part"),
        "{}",
        text.body
    );
    let source = get(&app, Some(mails.clone()), "/inbox/mail/1/source").await;
    assert!(source.body.contains("boundary=x") && !source.body.contains("<script>"));
    let page = get(&app, Some(mails), "/inbox/mail/1?width=desktop").await;
    assert!(
        page.body.contains("Су &lt;b&gt;"),
        "a subject is text: {}",
        page.body
    );
    assert!(page.body.contains("stage wide") && page.policy.contains("script-src 'self'"));
}

#[tokio::test]
async fn mail_is_found_by_address_and_by_place() {
    let app = TestApp::spawn(Engine::Sqlite).await;
    let mails = inbox(&app);
    for (query, aigerim, me) in [
        ("", true, true),
        ("?q=AIGERIM", true, false),
        ("?q=example.org", false, true),
        ("?zone=Asia/Almaty", true, false),
        ("?zone=typed", false, true),
        ("?q=%3Cscript%3E", false, false),
    ] {
        let list = get(&app, Some(mails.clone()), &format!("/inbox/list{query}")).await;
        assert_eq!(list.body.contains("aigerim@example.kz"), aigerim, "{query}");
        assert_eq!(list.body.contains("me@example.org"), me, "{query}");
        assert!(!list.body.contains("<script>"), "{query}");
    }
    let state = get(&app, Some(mails), "/inbox/state").await;
    let state: serde_json::Value = serde_json::from_str(&state.body).unwrap();
    assert_eq!(state["arrived"], "2");
    assert_eq!(state["phones"][0]["count"], "1 of 1 people today");
    assert_eq!(state["phones"][0]["mail"], 1);
    assert_eq!(state["phones"][1]["wait"], "08:00 there in 5 h");
    assert_eq!(state["others"][0]["recipient"], "me@example.org");
}
