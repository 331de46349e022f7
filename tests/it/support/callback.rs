//! A subscriber's callback, or an outside hub: listens on loopback, does what it is told and keeps what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// What the callback does with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// 200; a challenge is sent back.
    Agree,
    /// 200 with the challenge and a letter more.
    Garble,
    /// 200 with that body.
    Say(&'static str),
    /// That status with nothing; a question still gets its challenge, so that the status alone decides.
    Status(u16),
    /// 302 to the same place, where everything would be agreed to.
    Redirect,
    /// Answers after that many milliseconds.
    Slow(u64),
    /// 200 and a body without end.
    Endless,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        pairs(self.query.as_bytes(), name)
    }

    /// A field of the form.
    pub fn field(&self, name: &str) -> Option<String> {
        pairs(&self.body, name)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn pairs(text: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(text)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[derive(Default)]
struct Inner {
    seen: Vec<Seen>,
    asked: VecDeque<Act>,
    told: VecDeque<Act>,
    /// Requests at this moment, and the most there ever were.
    open: usize,
    most: usize,
}

/// The peer. GETs follow one script, POSTs another; where a script is at its end everything is agreed to.
#[derive(Clone)]
pub struct Peer {
    pub base: String,
    inner: Arc<Mutex<Inner>>,
}

impl Peer {
    pub async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            inner: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(peer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        peer
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What the next questions (GET) get.
    pub fn when_asked(&self, acts: &[Act]) {
        self.inner().asked.extend(acts.iter().cloned());
    }

    /// What the next messages (POST) get.
    pub fn when_told(&self, acts: &[Act]) {
        self.inner().told.extend(acts.iter().cloned());
    }

    /// Everything since the last look.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.inner().seen)
    }

    /// The most requests that were open at once.
    pub fn most_at_once(&self) -> usize {
        self.inner().most
    }
}

async fn answer(
    State(peer): State<Peer>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen {
        method: method.clone(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or("").to_owned(),
        headers,
        body,
    };
    let challenge = seen.parameter("hub.challenge").unwrap_or_default();
    let act = {
        let mut inner = peer.inner();
        inner.seen.push(seen);
        inner.open += 1;
        inner.most = inner.most.max(inner.open);
        let script = if method == Method::GET {
            &mut inner.asked
        } else {
            &mut inner.told
        };
        script.pop_front().unwrap_or(Act::Agree)
    };
    let response = match act {
        Act::Agree => challenge.into_response(),
        Act::Garble => format!("{challenge}x").into_response(),
        Act::Say(text) => text.into_response(),
        Act::Status(code) => (StatusCode::from_u16(code).unwrap(), challenge).into_response(),
        Act::Redirect => (
            StatusCode::FOUND,
            [(
                LOCATION,
                format!("{}?{}", uri.path(), uri.query().unwrap_or("")),
            )],
        )
            .into_response(),
        Act::Slow(millis) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            challenge.into_response()
        }
        Act::Endless => {
            let chunk = Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096]));
            let body = futures_util::stream::repeat_with(move || {
                chunk
                    .as_ref()
                    .map(Bytes::clone)
                    .map_err(|_| std::io::Error::other("never"))
            });
            Response::new(axum::body::Body::from_stream(body))
        }
    };
    peer.inner().open -= 1;
    response
}
