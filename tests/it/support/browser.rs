//! A reader at the door: drives the router as a browser would, without a network.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use jarshy::app::App;
use jarshy::syndication::shelf::Shelf;
use jarshy::theme::Theme;
use jarshy::web::{self, ViewCounter, WebState};
use tower::ServiceExt;

use super::TestApp;

pub struct Browser {
    router: Router,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Browser {
    pub fn new(app: &TestApp) -> Self {
        let theme = Arc::new(Theme::load(&app.core.config).unwrap());
        Self {
            router: App::new(app.core.clone(), theme, None).router(),
        }
    }

    /// A browser before any router.
    pub const fn of(router: Router) -> Self {
        Self { router }
    }

    /// A browser whose router counts views in `views`, so that a story can write them when it likes.
    pub fn counting(app: &TestApp, views: Arc<ViewCounter>) -> Self {
        let core = app.core.clone();
        let theme = Arc::new(Theme::load(&core.config).unwrap());
        let shelf = Arc::new(Shelf::new(core.clone(), Arc::clone(&theme)));
        let state = WebState::new(core, theme, shelf, views, None);
        Self {
            router: web::router(state),
        }
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        };
        assert!(
            !answer.headers.contains_key("set-cookie"),
            "{path} sets a cookie"
        );
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("accept", "text/html")], "")
            .await
    }

    /// GET with one more header.
    pub async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        self.send(
            Method::GET,
            path,
            &[("accept", "text/html"), (name, value)],
            "",
        )
        .await
    }

    /// A form sent from one of our own pages.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, fields, &[("sec-fetch-site", "same-origin")])
            .await
    }

    /// A form with the headers of where it stands.
    pub async fn post_from(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        from: &[(&str, &str)],
    ) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut headers = vec![
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        headers.extend_from_slice(from);
        self.send(Method::POST, path, &headers, &body).await
    }
}

impl Answer {
    /// A header as text; empty if absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The place of a text in the body; fails if it is not there.
    #[track_caller]
    pub fn place_of(&self, text: &str) -> usize {
        self.body
            .find(text)
            .unwrap_or_else(|| panic!("{text:?} is not in\n{}", self.body))
    }

    #[track_caller]
    pub fn has(&self, text: &str) -> &Self {
        self.place_of(text);
        self
    }

    #[track_caller]
    pub fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text:?} is in\n{}", self.body);
        self
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// Every field that a person fills has a name that a screen reader says: a `label` around it or for it.
    #[track_caller]
    pub fn names_its_fields(&self) -> &Self {
        for tag in ["<input ", "<select "] {
            for (at, _) in self.body.match_indices(tag) {
                let element = &self.body[at..at + self.body[at..].find('>').unwrap()];
                if element.contains("type=\"hidden\"") {
                    continue;
                }
                let before = &self.body[..at];
                let is_inside = before.rfind("<label") > before.rfind("</label");
                let has_label = element
                    .split("id=\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next())
                    .is_some_and(|id| self.body.contains(&format!("for=\"{id}\"")));
                assert!(is_inside || has_label, "no label: {element}");
            }
        }
        for (at, _) in self.body.match_indices("<img ") {
            let element = &self.body[at..at + self.body[at..].find('>').unwrap()];
            assert!(element.contains("alt="), "no alt: {element}");
        }
        assert_eq!(
            self.body.matches("<h1").count(),
            1,
            "a page has one first heading"
        );
        self
    }
}
