//! One request to an address that a stranger named: a question with a short answer, or bytes to hand over.
//!
//! Stricter than [`Fetcher`](super::Fetcher): no redirect is followed, a name counts only if **all** its addresses may be
//! reached, and of the answer no more is read than the caller can use. The name is resolved once for a connection and the
//! connection goes to the address that was checked, so a name that leads elsewhere a moment later gains nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::{FetchError, Guard, GuardedResolver, check, failed, names_of_the_system, shown};

/// What somebody answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status code; a redirect is one like any other.
    pub status: u16,
    /// The first bytes of the body.
    pub body: Vec<u8>,
}

impl Answer {
    /// 2xx.
    pub const fn is_success(&self) -> bool {
        self.status / 100 == 2
    }
}

/// The client.
#[derive(Clone, Debug)]
pub struct Caller {
    client: reqwest::Client,
    guard: Guard,
    timeout: Duration,
}

impl Caller {
    /// A client that introduces itself as `agent` and gives everybody `timeout` from the first byte to the last.
    pub fn new(guard: Guard, timeout: Duration, agent: &str) -> Result<Self, FetchError> {
        Self::with_names(guard, timeout, agent, names_of_the_system())
    }

    /// The same with names resolved in another way.
    fn with_names(
        guard: Guard,
        timeout: Duration,
        agent: &str,
        names: super::Names,
    ) -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .user_agent(agent)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            // The answer is compared or thrown away: nothing may unfold in memory.
            .no_gzip()
            .no_brotli()
            .connect_timeout(timeout)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(10))
            .dns_resolver(GuardedResolver {
                guard: Arc::new(guard.clone()),
                names,
                needs_all: true,
            })
            .build()
            .map_err(|error| FetchError::Client(error.to_string()))?;
        Ok(Self {
            client,
            guard,
            timeout,
        })
    }

    /// GET; reads at most `most` bytes of the body and one more, so that a longer one is seen to be longer.
    pub async fn ask(&self, url: &Url, most: usize) -> Result<Answer, FetchError> {
        check(url, &self.guard)?;
        self.in_time(url, async {
            let answer = self
                .client
                .get(url.clone())
                .send()
                .await
                .map_err(|error| failed(url, &error))?;
            let status = answer.status().as_u16();
            let mut body = Vec::new();
            let mut chunks = answer.bytes_stream();
            while body.len() <= most
                && let Some(chunk) = chunks.next().await
            {
                let chunk = chunk.map_err(|error| failed(url, &error))?;
                let room = most + 1 - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(Answer { status, body })
        })
        .await
    }

    /// POST; nothing of the answer but its status is read.
    pub async fn tell(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: bytes::Bytes,
    ) -> Result<u16, FetchError> {
        check(url, &self.guard)?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                map.append(HeaderName::from_static(name), value);
            }
        }
        self.in_time(url, async {
            let answer = self
                .client
                .post(url.clone())
                .headers(map)
                .body(body)
                .send()
                .await
                .map_err(|error| failed(url, &error))?;
            Ok(answer.status().as_u16())
        })
        .await
    }

    async fn in_time<T>(
        &self,
        url: &Url,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or_else(|_| {
                Err(FetchError::TooSlow {
                    url: shown(url),
                    secs: self.timeout.as_secs(),
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn caller(networks: &[&str], names: super::super::Names) -> Caller {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let networks: Vec<String> = networks.iter().map(|n| (*n).to_owned()).collect();
        let guard = Guard::new(&networks).unwrap();
        Caller::with_names(guard, Duration::from_secs(3), "Jarshy test", names).unwrap()
    }

    /// Names as a hostile server gives them: the next list at every question.
    fn scripted(answers: Vec<Vec<SocketAddr>>) -> (super::super::Names, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        let count = asked.clone();
        let names: super::super::Names = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let next = answers.lock().unwrap().next().unwrap_or_default();
            Box::pin(async move { Ok(next) })
        });
        (names, asked)
    }

    /// A peer that answers everybody with the same bytes and counts them.
    async fn peer(ip: &str, answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                seen.fetch_add(1, Ordering::SeqCst);
                let mut buffer = [0; 4096];
                let _ = socket.read(&mut buffer).await;
                let _ = socket.write_all(answer.as_bytes()).await;
                let _ = socket.shutdown().await;
            }
        });
        (at, count)
    }

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

    #[tokio::test]
    async fn a_name_that_rebinds_reaches_the_checked_address_or_nothing() {
        // 127.0.0.2 plays the public world, 127.0.0.1 the private one; both listen on one port.
        let (open, reached) = peer("127.0.0.2", OK).await;
        let inside = TcpListener::bind(("127.0.0.1", open.port())).await.unwrap();
        let private: SocketAddr = ([127, 0, 0, 1], 0).into();
        let public: SocketAddr = ([127, 0, 0, 2], 0).into();
        let url = Url::parse(&format!("http://hook.example.org:{}/", open.port())).unwrap();

        let (names, asked) = scripted(vec![vec![public], vec![private], vec![private]]);
        let caller = caller(&["127.0.0.2/32"], names);
        assert_eq!(caller.ask(&url, 10).await.unwrap().body, b"hello");
        assert_eq!(
            (asked.load(Ordering::SeqCst), reached.load(Ordering::SeqCst)),
            (1, 1),
            "resolved once, and the connection went where the check had been"
        );
        let error = caller.ask(&url, 10).await.unwrap_err();
        assert!(matches!(error, FetchError::NotPublic(_)), "{error}");
        let error = caller.tell(&url, &[], "x".into()).await.unwrap_err();
        assert!(matches!(error, FetchError::NotPublic(_)), "{error}");
        assert_eq!(reached.load(Ordering::SeqCst), 1);
        assert!(
            tokio::time::timeout(Duration::from_millis(50), inside.accept())
                .await
                .is_err(),
            "nobody knocked at the private address"
        );
    }

    #[tokio::test]
    async fn one_private_address_among_public_ones_closes_the_name() {
        let (open, reached) = peer("127.0.0.2", OK).await;
        let (names, _) = scripted(vec![vec![
            ([127, 0, 0, 2], 0).into(),
            ([10, 0, 0, 1], 0).into(),
        ]]);
        let url = Url::parse(&format!("http://hook.example.org:{}/", open.port())).unwrap();
        let error = caller(&["127.0.0.2/32"], names)
            .ask(&url, 10)
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::NotPublic(_)), "{error}");
        assert_eq!(reached.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn redirects_are_answers_and_long_bodies_are_cut() {
        let (at, seen) = peer(
            "127.0.0.1",
            "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        )
        .await;
        let open = caller(&["127.0.0.0/8"], names_of_the_system());
        let url = |at: SocketAddr| Url::parse(&format!("http://{at}/")).unwrap();
        assert_eq!(open.ask(&url(at), 10).await.unwrap().status, 302);
        assert_eq!(
            open.tell(&url(at), &[("x-a", "b".to_owned())], "x".into())
                .await
                .unwrap(),
            302
        );
        assert_eq!(seen.load(Ordering::SeqCst), 2);
        let (at, _) = peer("127.0.0.1", OK).await;
        assert_eq!(open.ask(&url(at), 5).await.unwrap().body, b"hello");
        assert_eq!(open.ask(&url(at), 3).await.unwrap().body, b"hell");
        for closed in ["http://10.0.0.1/", "http://[::1]/", "file:///etc/passwd"] {
            assert!(open.ask(&Url::parse(closed).unwrap(), 1).await.is_err());
        }
    }
}
