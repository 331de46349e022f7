//! Takes a subscriber's request in: looks at it, counts, keeps it for verification.

use std::net::IpAddr;

use url::Url;

use super::callback::{Callback, CallbackError};
use super::request::{Mode, Request, RequestError};
use super::{VERIFY, store};
use crate::db::is_retryable;
use crate::fetch::Guard;
use crate::syndication::{Lookup, Shelf, ShelfError};
use crate::work::Core;
use crate::work::job::NewJob;
use crate::work::store::put_job;

/// Seconds that the caps of requests look back.
const HOUR: i64 = 3600;

/// Why a request is not accepted. The sentence is for whoever writes or runs the subscriber.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The form.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The callback.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// Not one of our feeds.
    #[error(
        "hub.topic is not a feed of this newsroom; subscribe to an address that a feed names as rel=\"self\". All feeds are listed at {0}"
    )]
    Foreign(String),
    /// One of our feeds under another address.
    #[error("hub.topic is not the feed's own address; subscribe to {0}")]
    Moved(String),
    /// Too many requests wait, or came within an hour.
    #[error("{what}; come back in {secs} seconds")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// When to come back.
        secs: i64,
    },
    /// The host has all the subscriptions it can have.
    #[error(
        "this hub keeps at most {0} subscriptions of one host; end some, or wait until their leases do"
    )]
    HostFull(i64),
    /// The hub has all the subscriptions it can have.
    #[error("this hub has all the subscriptions it can keep; come back tomorrow")]
    Full,
    /// The shelf failed.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Accepts a request: from now on it waits for its verification, also through a restart. `client` is who asks, if that is known.
pub async fn accept(
    core: &Core,
    shelf: &Shelf,
    form: &[u8],
    client: Option<IpAddr>,
) -> Result<(), HubError> {
    let settings = &core.config.websub;
    let request = Request::parse(form)?;
    // The settings were checked when they were read.
    let guard = Guard::new(&settings.allow_networks).unwrap_or_default();
    let callback = Callback::parse(&request.callback, &guard, &settings.callback_ports)?;
    let topic = topic(core, shelf, &request).await?;
    let lease = request
        .lease_secs
        .unwrap_or(settings.lease_secs)
        .clamp(settings.lease_min_secs, settings.lease_max_secs);
    // Nobody's network address is kept; without one (a socket, a test) all such askers are one.
    let client = core.keys.address_hash(&match client {
        Some(ip) => format!("websub {}", network(ip)),
        None => "websub".to_owned(),
    });
    let mut tries = 0;
    loop {
        match keep(core, &request, &topic, &callback, &client, lease).await {
            Err(HubError::Database(error)) if is_retryable(&error) && tries < 5 => tries += 1,
            done => {
                done?;
                break;
            }
        }
    }
    core.bells.jobs.notify_one();
    Ok(())
}

/// The key of the feed that is meant.
async fn topic(core: &Core, shelf: &Shelf, request: &Request) -> Result<String, HubError> {
    let server = &core.config.server;
    let foreign = || HubError::Foreign(server.absolute("/feeds"));
    let (Ok(url), Ok(ours)) = (Url::parse(&request.topic), Url::parse(server.base_url())) else {
        return Err(foreign());
    };
    let is_ours = url.host() == ours.host()
        && url.port_or_known_default() == ours.port_or_known_default()
        && url.username().is_empty()
        && url.password().is_none();
    if !is_ours {
        return Err(foreign());
    }
    let mut found = shelf.find(url.path()).await?;
    if let (Lookup::Unknown, Some(query)) = (&found, url.query()) {
        // A feed whose address has a query of its own.
        found = shelf.find(&format!("{}?{query}", url.path())).await?;
    }
    let canonical = match found {
        Lookup::Feed(found) => found.key().path(),
        Lookup::Moved(path) => path,
        Lookup::Unknown | Lookup::Gone => return Err(foreign()),
    };
    let address = server.absolute(&canonical);
    if address == request.topic {
        Ok(canonical[1..].to_owned())
    } else {
        Err(HubError::Moved(address))
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: what one household or office has.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

async fn keep(
    core: &Core,
    request: &Request,
    topic: &str,
    callback: &Callback,
    client: &str,
    lease: i64,
) -> Result<(), HubError> {
    let settings = &core.config.websub;
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let counts =
        store::count_requests(&mut tx, client, callback.host(), now.plus_secs(-HOUR)).await?;
    let full = [
        (
            counts.pending_of_client >= settings.pending_per_client,
            "too many of your requests wait for their verification",
            60,
        ),
        (
            counts.pending_of_host >= settings.pending_per_host,
            "too many requests for callbacks of this host wait for their verification",
            60,
        ),
        (
            counts.pending >= settings.pending_total,
            "too many requests wait for their verification",
            300,
        ),
        (
            counts.recent_of_client >= settings.requests_per_hour,
            "too many requests came from your network within an hour",
            HOUR,
        ),
        (
            counts.recent_of_host >= settings.requests_per_hour,
            "too many requests for callbacks of this host came within an hour",
            HOUR,
        ),
    ];
    if let Some((_, what, secs)) = full.into_iter().find(|(is_full, ..)| *is_full) {
        return Err(HubError::TooMany { what, secs });
    }
    if request.mode == Mode::Subscribe {
        let (is_renewal, of_host, total) =
            store::count_subscriptions(&mut tx, topic, callback, now).await?;
        if !is_renewal && of_host >= settings.subscriptions_per_host {
            return Err(HubError::HostFull(settings.subscriptions_per_host));
        }
        if !is_renewal && total >= settings.subscriptions_total {
            return Err(HubError::Full);
        }
    }
    let id = store::insert_request(&mut tx, request, topic, callback, client, lease, now).await?;
    let job = NewJob {
        kind: VERIFY,
        key: &id.to_string(),
        lane: callback.host(),
        payload: "",
        run_at: now,
    };
    put_job(&mut tx, &job).await?;
    tx.commit().await?;
    Ok(())
}
