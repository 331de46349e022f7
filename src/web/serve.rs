//! The listener: HTTP/1.1 and HTTP/2 with a deadline for the head of a request, and an end that does not wait for ever.
//!
//! `axum::serve` has neither: a request that is half sent would hold its connection, and the shutdown, as long as it liked.
//!
//! Connections live on threads of their own, half as many as there are cores, and there [`Hot`] answers polls from memory. What it
//! does not answer goes to the router on the threads that called [`serve`], its body included where that is made while it is sent.
//! So neither a page that takes long nor ten thousand letters hold a poll up, and polls that never leave their thread cost a
//! seventh less than those that others steal.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Handle, Runtime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;

use super::hot::{Hot, Once};
use super::patience::Patience;
use super::sending::{Next, Sending};

/// How long the head of a request may take, also of the next one on a connection that is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// How long requests that are being answered may take once the service stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// After a failed accept (out of descriptors) others may be closed first.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Parts of a body that are made before the reader has taken those before.
const PARTS_AHEAD: usize = 4;

/// Serves until `stop`; then answers what is open for ten seconds at most.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    hot: Arc<Hot>,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = listener.into_std()?;
    let threads = Threads::start()?;
    let router = Elsewhere {
        router,
        workers: Handle::current(),
    };
    // Whoever stops waiting for the end ends it.
    let accepting = AbortOnDropHandle::new(threads.spawn(accept(listener, router, hot, stop)));
    accepting.await.unwrap_or_else(|error| Err(error.into()))
}

/// The threads of connections. They end with this value, and nobody waits for them.
struct Threads(Option<Runtime>);

impl Threads {
    fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(cores.div_ceil(2))
            .thread_name("connections")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }
}

impl Deref for Threads {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that is dropped waits for its threads, which a task must not do.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(
    listener: std::net::TcpListener,
    router: Elsewhere,
    hot: Arc<Hot>,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let protocols = Arc::new(Protocols::new());
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            // It went away already; the next one may not.
            tracing::debug!(%error, "a connection ended before it was answered");
            continue;
        }
        let next = Next::default();
        let service = Connection {
            hot: hot.clone(),
            next: next.clone(),
            router: router.clone(),
            address,
        };
        let (protocols, watcher, stop) = (protocols.clone(), graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            let Some(Ok(protocol)) = stop.run_until_cancelled(first_bytes(&stream)).await else {
                return;
            };
            let stream = TokioIo::new(Sending::new(stream, next));
            let ended = match protocol {
                Protocol::Http1 => {
                    let mut http1 = protocols.http1.clone();
                    http1.timer(Patience::default());
                    let connection = http1.serve_connection(stream, service);
                    watcher.watch(connection).await.map_err(Into::into)
                }
                Protocol::Unknown => {
                    let connection = protocols.either.serve_connection(stream, service);
                    watcher.watch(connection).await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests were still open and are let go");
    }
    Ok(())
}

/// How connections are driven.
struct Protocols {
    http1: http1::Builder,
    either: auto::Builder<TokioExecutor>,
}

impl Protocols {
    /// No `pipeline_flush`: it makes hyper copy every body behind its head instead of handing both to the kernel as they are.
    fn new() -> Self {
        let mut http1 = http1::Builder::new();
        http1.header_read_timeout(HEAD_WITHIN);
        let mut either = auto::Builder::new(TokioExecutor::new());
        either
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN);
        either
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(HEAD_WITHIN));
        Self { http1, either }
    }
}

/// What a connection speaks.
enum Protocol {
    /// HTTP/1.1, as nearly all do.
    Http1,
    /// HTTP/2 without TLS, or not clear yet.
    Unknown,
}

/// Looks at how a connection begins (RFC 9113 section 3.4) and leaves the bytes where they are: what is known to be HTTP/1.1 need
/// not be looked at again with every read.
async fn first_bytes(stream: &TcpStream) -> io::Result<Protocol> {
    let mut first = [0; 3];
    let count = tokio::time::timeout(HEAD_WITHIN, stream.peek(&mut first)).await??;
    Ok(if count == first.len() && first != *b"PRI" {
        Protocol::Http1
    } else {
        Protocol::Unknown
    })
}

/// What answers the requests of one connection. Those that the router gets carry the peer's address.
struct Connection {
    hot: Arc<Hot>,
    next: Next,
    router: Elsewhere,
    address: SocketAddr,
}

/// The router, run by other threads than those of the connections.
#[derive(Clone)]
struct Elsewhere {
    router: Router,
    workers: Handle,
}

impl Elsewhere {
    /// The answer. A reader who leaves takes the work with it.
    fn call(&self, request: Request<Body>) -> AbortOnDropHandle<Response<Body>> {
        let answer = self.router.clone().oneshot(request);
        AbortOnDropHandle::new(self.workers.spawn(async move {
            let Ok(response) = answer.await;
            if response.body().size_hint().exact().is_some() {
                response
            } else {
                response.map(made_here)
            }
        }))
    }
}

/// A body whose parts are made by a task of its own, which ends with it.
fn made_here(body: Body) -> Body {
    let (to, mut from) = mpsc::channel(PARTS_AHEAD);
    let making = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut parts = body.into_data_stream();
        while let Some(part) = parts.next().await {
            if to.send(Some(part)).await.is_err() {
                return;
            }
        }
        // Whoever sees no end sees that something is missing.
        let _ = to.send(None).await;
    }));
    Body::from_stream(stream::poll_fn(move |context| {
        let _ = &making;
        Poll::Ready(match ready!(from.poll_recv(context)) {
            Some(part) => part,
            None => Some(Err(axum::Error::new("the answer was cut short"))),
        })
    }))
}

impl Service<Request<Incoming>> for Connection {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        if let Some(response) = self.hot.answer(&request, self.address.ip()) {
            if let Some(body) = response.body().pages() {
                self.next.set(body.clone());
            }
            return Answering::Done(Some(response.map(Answer::Hot)));
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.address));
        Answering::Router(self.router.call(request))
    }
}

/// An answer that is there, or one that the router is making.
enum Answering {
    Done(Option<Response<Answer>>),
    Router(AbortOnDropHandle<Response<Body>>),
}

impl Future for Answering {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Done(response) => Poll::Ready(Ok(response
                .take()
                .expect("a future is not polled again after its end"))),
            Self::Router(answering) => {
                let mut response = match ready!(Pin::new(answering).poll(context)) {
                    Ok(response) => response,
                    Err(error) => {
                        tracing::error!(%error, "a request was not answered");
                        let mut response = Response::new(Answer::Hot(Once::default()));
                        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                        return Poll::Ready(Ok(response));
                    }
                };
                if response.status() == StatusCode::NOT_MODIFIED {
                    // axum says 0 of every empty body; of a 304 that would speak of what 200 has (RFC 9110 section 8.6).
                    response.headers_mut().remove(CONTENT_LENGTH);
                }
                Poll::Ready(Ok(response.map(Answer::Router)))
            }
        }
    }
}

/// The body of either.
enum Answer {
    Hot(Once),
    Router(Body),
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut *self {
            Self::Hot(body) => {
                Poll::Ready(ready!(Pin::new(body).poll_frame(context)).map(|Ok(frame)| Ok(frame)))
            }
            Self::Router(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Hot(body) => body.is_end_stream(),
            Self::Router(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hot(body) => body.size_hint(),
            Self::Router(body) => body.size_hint(),
        }
    }
}
