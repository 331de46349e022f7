//! The HTTP client that cannot be turned against us.
//!
//! Addresses come from people and from feeds, so every one is suspect: only `http` and `https`, only public addresses (or
//! networks that the settings open), checked for literal IPs, for every name at the moment it is resolved, and again at every
//! redirect; no proxy from the environment; a cap on time and on what is read after decompression.

mod call;
mod guard;

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    LOCATION,
};
use url::{Host, Url};

pub use call::{Answer, Caller};
pub use guard::Guard;

/// Redirects that are followed, at most.
const MAX_HOPS: usize = 5;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The settings or the system do not let a client be built.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
    /// Not an address that is fetched.
    #[error("{0} is not fetched: only http and https addresses are")]
    Scheme(String),
    /// It leads into a network that is not public.
    #[error(
        "{0} leads to an address that is not public; if it is meant to, name its network in fetch.allow_networks"
    )]
    NotPublic(String),
    /// Redirected too often.
    #[error("{0} redirects more than {MAX_HOPS} times")]
    TooManyRedirects(String),
    /// Answered with something else than the thing.
    #[error("{url} answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status code.
        status: u16,
    },
    /// Larger than what is read.
    #[error("{url} is larger than {max} bytes (fetch.max_bytes)")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The cap.
        max: usize,
    },
    /// Took too long.
    #[error("{url} took longer than {secs} seconds (fetch.timeout_secs)")]
    TooSlow {
        /// What was asked for.
        url: String,
        /// The cap.
        secs: u64,
    },
    /// The network failed.
    #[error("{url} cannot be reached: {reason}")]
    Network {
        /// What was asked for.
        url: String,
        /// What the client said.
        reason: String,
    },
}

impl FetchError {
    /// Whether the address itself is refused, so that trying again is of no use.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Scheme(_) | Self::NotPublic(_))
    }
}

/// What the last answer left, to ask whether anything changed (RFC 9110 section 13).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Validators {
    /// `ETag` as it was sent.
    pub etag: Option<String>,
    /// `Last-Modified` as it was sent.
    pub last_modified: Option<String>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fetched {
    /// 304: nothing changed.
    NotModified,
    /// The thing itself.
    Body {
        /// Where it was at last, after redirects.
        url: Url,
        /// What it is, decompressed.
        bytes: Vec<u8>,
        /// `charset` of the Content-Type.
        charset: Option<String>,
        /// For the next time.
        validators: Validators,
    },
}

/// Limits of a client.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Networks beyond the public ones that may be reached.
    pub guard: Guard,
    /// For everything, redirects included.
    pub timeout: Duration,
    /// Of the decompressed body.
    pub max_bytes: usize,
}

/// The client.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: reqwest::Client,
    limits: Limits,
}

/// How a name becomes addresses.
type Names = Arc<dyn Fn(String) -> Found + Send + Sync>;
type Found = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// The system's resolver.
fn names_of_the_system() -> Names {
    Arc::new(|name| {
        Box::pin(async move {
            tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map(Iterator::collect)
        })
    })
}

/// Resolves names and leaves out what may not be reached; names are checked at the moment of use, so a name that changes its
/// address between a check and the connection gains nothing.
#[derive(Clone)]
struct GuardedResolver {
    guard: Arc<Guard>,
    names: Names,
    /// Whether one address that may not be reached closes the whole name.
    needs_all: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self {
            guard,
            names,
            needs_all,
        } = self.clone();
        Box::pin(async move {
            let found = names(name.as_str().to_owned()).await?;
            let open: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|addr| guard.allows(addr.ip()))
                .collect();
            let is_closed = if needs_all {
                open.len() < found.len()
            } else {
                open.is_empty() && !found.is_empty()
            };
            if is_closed {
                return Err(Box::new(Closed) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not public")]
struct Closed;

impl Fetcher {
    /// A client that introduces itself as `agent`.
    pub fn new(limits: Limits, agent: &str) -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .user_agent(agent)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(limits.timeout.min(Duration::from_secs(10)))
            .dns_resolver(GuardedResolver {
                guard: Arc::new(limits.guard.clone()),
                names: names_of_the_system(),
                needs_all: false,
            })
            .build()
            .map_err(|error| FetchError::Client(error.to_string()))?;
        Ok(Self { client, limits })
    }

    /// Fetches an address, or learns that nothing changed there.
    pub async fn get(&self, url: &Url, known: &Validators) -> Result<Fetched, FetchError> {
        tokio::time::timeout(self.limits.timeout, self.follow(url, known))
            .await
            .unwrap_or_else(|_| {
                Err(FetchError::TooSlow {
                    url: shown(url),
                    secs: self.limits.timeout.as_secs(),
                })
            })
    }

    async fn follow(&self, start: &Url, known: &Validators) -> Result<Fetched, FetchError> {
        let mut url = start.clone();
        for _ in 0..=MAX_HOPS {
            check(&url, &self.limits.guard)?;
            let mut request = self.client.get(url.clone()).header(
                ACCEPT,
                "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.8",
            );
            if let Some(etag) = &known.etag {
                request = request.header(IF_NONE_MATCH, etag);
            }
            if let Some(date) = &known.last_modified {
                request = request.header(IF_MODIFIED_SINCE, date);
            }
            let answer = request.send().await.map_err(|error| failed(&url, &error))?;
            let status = answer.status();
            if status.as_u16() == 304 {
                return Ok(Fetched::NotModified);
            }
            if status.is_redirection() {
                let next = header(answer.headers(), &LOCATION)
                    .and_then(|location| url.join(&location).ok());
                match next {
                    Some(next) => url = next,
                    None => {
                        return Err(FetchError::Status {
                            url: shown(&url),
                            status: status.as_u16(),
                        });
                    }
                }
                continue;
            }
            if !status.is_success() {
                return Err(FetchError::Status {
                    url: shown(&url),
                    status: status.as_u16(),
                });
            }
            let validators = Validators {
                etag: header(answer.headers(), &ETAG),
                last_modified: header(answer.headers(), &LAST_MODIFIED),
            };
            let charset = header(answer.headers(), &CONTENT_TYPE).and_then(|kind| charset(&kind));
            let mut bytes = Vec::new();
            let mut body = answer.bytes_stream();
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|error| failed(&url, &error))?;
                if bytes.len() + chunk.len() > self.limits.max_bytes {
                    return Err(FetchError::TooLarge {
                        url: shown(&url),
                        max: self.limits.max_bytes,
                    });
                }
                bytes.extend_from_slice(&chunk);
            }
            return Ok(Fetched::Body {
                url,
                bytes,
                charset,
                validators,
            });
        }
        Err(FetchError::TooManyRedirects(shown(start)))
    }
}

/// What must hold before a connection is even tried: a literal address never reaches the resolver.
fn check(url: &Url, guard: &Guard) -> Result<(), FetchError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError::Scheme(shown(url)));
    }
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(FetchError::Scheme(shown(url))),
    };
    if guard.allows(ip) {
        Ok(())
    } else {
        Err(FetchError::NotPublic(shown(url)))
    }
}

/// The address for messages, without a password and without a query, which may hold a key.
pub fn shown(url: &Url) -> String {
    without_secrets(url).to_string()
}

/// The address without user, password and query: what may be shown, and what links may be resolved against.
pub fn without_secrets(url: &Url) -> Url {
    let mut url = without_user(url.clone());
    url.set_query(None);
    url
}

/// The address without user and password.
pub fn without_user(mut url: Url) -> Url {
    // Refused where an address cannot have a user (`mailto:`), and then it has none.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url
}

fn failed(url: &Url, error: &reqwest::Error) -> FetchError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    let mut reason = String::new();
    while let Some(inner) = cause {
        if inner.is::<Closed>() {
            return FetchError::NotPublic(shown(url));
        }
        // The innermost cause says what happened; the outer ones repeat the address.
        reason = inner.to_string();
        cause = inner.source();
    }
    FetchError::Network {
        url: shown(url),
        reason,
    }
}

fn header(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn charset(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn fetcher(networks: &[&str], max_bytes: usize) -> Fetcher {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let networks: Vec<String> = networks.iter().map(|n| (*n).to_owned()).collect();
        let limits = Limits {
            guard: Guard::new(&networks).unwrap(),
            timeout: Duration::from_secs(5),
            max_bytes,
        };
        Fetcher::new(limits, "Jarshy test").unwrap()
    }

    /// A peer that answers every request with the next of the answers and counts them.
    async fn peer(answers: Vec<String>) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/feed", listener.local_addr().unwrap())).unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        tokio::spawn(async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 4096];
                let _ = socket.read(&mut buffer).await.unwrap();
                seen.fetch_add(1, Ordering::SeqCst);
                let _ = socket.write_all(answer.as_bytes()).await;
                let _ = socket.shutdown().await;
            }
        });
        (url, count)
    }

    fn ok(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=\"windows-1251\"\r\nETag: \"a\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    #[tokio::test]
    async fn loopback_is_closed_by_default_and_nothing_is_sent() {
        let (url, count) = peer(vec![ok("secret")]).await;
        let error = fetcher(&[], 1000)
            .get(&url, &Validators::default())
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::NotPublic(_)), "{error}");
        let mut named = url.clone();
        named.set_host(Some("localhost")).unwrap();
        let error = fetcher(&[], 1000)
            .get(&named, &Validators::default())
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::NotPublic(_)), "{error}");
        for other in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::ffff:10.0.0.1]/",
            "http://[::1]/",
        ] {
            let error = fetcher(&[], 1000)
                .get(&Url::parse(other).unwrap(), &Validators::default())
                .await
                .unwrap_err();
            assert!(
                matches!(error, FetchError::NotPublic(_)),
                "{other}: {error}"
            );
        }
        for other in ["file:///etc/passwd", "ftp://example.org/", "data:,x"] {
            let error = fetcher(&[], 1000)
                .get(&Url::parse(other).unwrap(), &Validators::default())
                .await
                .unwrap_err();
            assert!(matches!(error, FetchError::Scheme(_)), "{other}: {error}");
        }
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn every_hop_is_checked() {
        let redirect = |to: &str| {
            format!(
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        };
        let open = fetcher(&["127.0.0.1/32"], 1000);
        let (url, _) = peer(vec![redirect("http://10.0.0.1/")]).await;
        let error = open.get(&url, &Validators::default()).await.unwrap_err();
        assert!(matches!(error, FetchError::NotPublic(_)), "{error}");
        let (url, _) = peer(vec![redirect("/next"), ok("there")]).await;
        let Fetched::Body {
            url: last,
            bytes,
            charset,
            validators,
        } = open.get(&url, &Validators::default()).await.unwrap()
        else {
            panic!("nothing came");
        };
        assert_eq!((last.path(), bytes.as_slice()), ("/next", &b"there"[..]));
        assert_eq!(charset.as_deref(), Some("windows-1251"));
        assert_eq!(validators.etag.as_deref(), Some("\"a\""));
        let (url, count) = peer(vec![redirect("/again"); 20]).await;
        let error = open.get(&url, &Validators::default()).await.unwrap_err();
        assert!(matches!(error, FetchError::TooManyRedirects(_)), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), MAX_HOPS + 1);
    }

    #[tokio::test]
    async fn what_is_too_large_or_broken_is_refused() {
        let open = fetcher(&["127.0.0.1/32"], 10);
        let (url, _) = peer(vec![ok("more than ten bytes")]).await;
        let error = open.get(&url, &Validators::default()).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
        let (url, _) = peer(vec![
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ])
        .await;
        let error = open.get(&url, &Validators::default()).await.unwrap_err();
        assert!(
            matches!(error, FetchError::Status { status: 404, .. }),
            "{error}"
        );
        let (url, _) = peer(vec![
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_owned(),
        ])
        .await;
        let error = open.get(&url, &Validators::default()).await.unwrap_err();
        assert!(
            matches!(error, FetchError::Network { .. }),
            "a body that is cut short: {error}"
        );
        let (url, _) = peer(vec!["HTTP/1.1 304 Not Modified\r\n\r\n".to_owned()]).await;
        assert_eq!(
            open.get(&url, &Validators::default()).await.unwrap(),
            Fetched::NotModified
        );
    }
}
