//! WebSub (W3C Recommendation, 23 January 2018): whoever subscribes gets a feed the moment it changes.
//!
//! The newsroom is a publisher, with hubs named in headers and feeds ([`hubs`], [`link_header`]), and a hub for its own feeds
//! alone. [`accept()`] reads a request and keeps it; [`mod@verify`] asks the callback whether it meant it; [`topic_changed`] is called
//! in the transaction that puts new bytes on the shelf; [`deliver`] brings them to everybody, and tells outside hubs. All of it
//! is jobs ([`Hub`] runs them), so a restart loses nothing and two instances send a change once.
//!
//! Two things a hub must never become: a relay for the topics of others, and a gun that is pointed at a third party. So a topic
//! is one of our feeds, a callback a public address ([`callback`]), and everything is counted.
//!
//! A subscription stands under the feed's key, not its address: it outlives a move of the newsroom to another host.
//!
//! [`topic_changed`]: store::topic_changed

pub mod accept;
pub mod callback;
pub mod deliver;
pub mod request;
mod run;
mod signature;
pub mod store;
pub mod topics;
pub mod verify;

pub use accept::{HubError, accept};
pub use run::{Hub, prune};

use crate::config::Config;
use crate::syndication::FeedKey;

/// Fan a change out.
const PUSH: &str = "websub.push";
/// Bring a feed to a subscriber.
const DELIVER: &str = "websub.deliver";
/// Tell an outside hub.
const TELL: &str = "websub.tell";
/// Ask a callback whether it meant it.
const VERIFY: &str = "websub.verify";
/// Tell a callback that its subscription is over.
const DENY: &str = "websub.deny";
/// All of them.
const PREFIX: &str = "websub.";

/// The hubs of every feed: our own first, then those of the settings.
pub fn hubs(config: &Config) -> Vec<String> {
    let own = config.websub.enabled.then(|| own_hub(config));
    let mut hubs: Vec<String> = own.into_iter().collect();
    for hub in &config.websub.hubs {
        if !hubs.contains(hub) {
            hubs.push(hub.clone());
        }
    }
    hubs
}

fn own_hub(config: &Config) -> String {
    config.server.absolute("/websub")
}

/// The hubs that are told by a request: all but our own.
fn outside_hubs(config: &Config) -> Vec<String> {
    let own = own_hub(config);
    hubs(config).into_iter().filter(|hub| *hub != own).collect()
}

/// The value of `Link` for a feed (WebSub section 4): each hub, and the feed's canonical address once.
pub fn link_header(config: &Config, feed: &FeedKey) -> String {
    links(config, &feed.path())
}

/// The same by the feed's path.
pub fn links(config: &Config, path: &str) -> String {
    let mut links: Vec<String> = hubs(config)
        .iter()
        .map(|hub| format!("<{hub}>; rel=\"hub\""))
        .collect();
    links.push(format!("<{}>; rel=\"self\"", config.server.absolute(path)));
    links.join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn our_own_hub_stands_first_and_nothing_stands_twice() {
        let config = |more: &str| {
            let text = format!(
                "[server]\npublic_url = \"https://news.example.kz/\"\n[newsroom]\nlanguages = [\"kk\"]\n\
                 time_zone = \"Asia/Almaty\"\nnames = {{ kk = \"Тау жаршысы\" }}\n[websub]\n{more}"
            );
            Config::parse(Path::new("jarshy.toml"), &text, &[]).unwrap()
        };
        let feed = FeedKey::parse("/kk/feed.rss").unwrap();
        let both = config(
            "hubs = [\"https://hub.example.org/\", \"https://news.example.kz/websub\", \"https://hub.example.org/\"]",
        );
        assert_eq!(
            link_header(&both, &feed),
            "<https://news.example.kz/websub>; rel=\"hub\", <https://hub.example.org/>; rel=\"hub\", \
             <https://news.example.kz/kk/feed.rss>; rel=\"self\""
        );
        assert_eq!(outside_hubs(&both), ["https://hub.example.org/"]);
        let none = config("enabled = false");
        assert_eq!(hubs(&none), Vec::<String>::new());
        assert_eq!(
            link_header(&none, &feed),
            "<https://news.example.kz/kk/feed.rss>; rel=\"self\""
        );
    }
}
