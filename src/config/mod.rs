//! Typed settings: one small file per concern, read from TOML with `JARSHY_SECTION__KEY` from the environment on top.
//!
//! Every error names the file, the line, the key and the remedy. Defaults are the ones the documentation prints
//! (`deploy/jarshy.toml` is parsed by a test). Settings are checked once, here; the rest of the program trusts them.

mod delivery;
mod dkim;
mod feeds;
mod lanes;
mod load;
mod newsroom;
mod secrets;
mod server;
mod subscribe;
mod websub;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use delivery::{Delivery, Mail, Tls};
pub use dkim::Dkim;
pub use feeds::{Feeds, Fetch};
pub use lanes::Lane;
pub use load::{ConfigError, zone_folder};
pub(crate) use newsroom::parse_hour;
pub use newsroom::{Names, Newsletter, Newsroom, Operator, Section};
pub use secrets::Secrets;
pub use server::{Database, Server, Theme};
pub use subscribe::Subscribe;
pub use websub::Websub;

/// All settings of one newsroom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the service listens and how the world reaches it.
    pub server: Server,
    /// Which database.
    #[serde(default)]
    pub database: Database,
    /// Keys.
    #[serde(default)]
    pub secrets: Secrets,
    /// Who publishes.
    pub newsroom: Newsroom,
    /// The sections, in the order in which pages and mails show them.
    #[serde(default, rename = "section")]
    pub sections: Vec<Section>,
    /// What one can subscribe to; the first is the one the forms offer.
    #[serde(default, rename = "newsletter")]
    pub newsletters: Vec<Newsletter>,
    /// The form to subscribe with.
    #[serde(default)]
    pub subscribe: Subscribe,
    /// Feeds.
    #[serde(default)]
    pub feeds: Feeds,
    /// WebSub: the hub and the hubs that are told.
    #[serde(default)]
    pub websub: Websub,
    /// The relay.
    #[serde(default)]
    pub mail: Mail,
    /// The keys that sign mail.
    #[serde(default)]
    pub dkim: Vec<Dkim>,
    /// How mail is sent.
    #[serde(default)]
    pub delivery: Delivery,
    /// The HTTP client.
    #[serde(default)]
    pub fetch: Fetch,
    /// Templates of one's own.
    #[serde(default)]
    pub theme: Theme,
    /// Whether this is `jarshy demo`: it alone has an inbox and may run with keys of its own making.
    #[serde(skip)]
    pub is_demo: bool,
}

impl Config {
    /// Reads and checks the file; paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        load::load(path)
    }

    /// Reads settings from text, as [`Config::load`] does from a file of that name.
    pub fn parse(
        name: &Path,
        text: &str,
        environment: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        load::parse(name, text, environment)
    }

    /// A path of the settings, relative to the folder of the settings file.
    fn resolve(folder: &Path, path: &mut PathBuf) {
        if path.is_relative() {
            *path = folder.join(&*path);
        }
    }
}
