use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::Config;
use super::feeds::check_networks;
use super::load::Finding;

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on; a reverse proxy with TLS stands in front.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// How readers reach the newsroom: absolute, without a path, e.g. `https://news.example.kz`.
    pub public_url: String,
    /// Networks whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// Lines that `robots.txt` says besides its own, e.g. `Disallow: /media/`.
    #[serde(default)]
    pub robots: Vec<String>,
    /// Networks that may read `/metrics`; for others there is no such page.
    #[serde(default = "default_metrics_networks")]
    pub metrics_networks: Vec<String>,
}

fn default_metrics_networks() -> Vec<String> {
    vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()]
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7070))
}

impl Server {
    pub(super) fn check(&self) -> Result<(), Finding> {
        if self.robots.iter().any(|line| line.contains(['\r', '\n'])) {
            return Err(Finding::new(
                "server.robots",
                "has a line break inside a line",
                "Write each line as a text of its own: [\"User-agent: examplebot\", \"Disallow: /\"]",
            ));
        }
        check_networks("server.trusted_proxies", &self.trusted_proxies)?;
        check_networks("server.metrics_networks", &self.metrics_networks)?;
        let parsed = Url::parse(&self.public_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let problem = match parsed {
            None => "is not an absolute web address",
            Some(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
                "has a path"
            }
            Some(_) => return Ok(()),
        };
        Err(Finding::new(
            "server.public_url",
            problem,
            "Write it like https://news.example.kz, with nothing behind the host",
        ))
    }

    /// The public address without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.public_url.trim_end_matches('/')
    }

    /// The public address joined with a path that begins with `/`.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.base_url())
    }
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:jarshy.db` (a path relative to the settings file) or `postgres://user:password@host/name`.
    pub url: String,
    /// Connections to PostgreSQL, or readers of SQLite.
    pub connections: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:jarshy.db".to_owned(),
            connections: 8,
        }
    }
}

impl Database {
    pub(super) fn finish(&mut self, folder: &Path) -> Result<(), Finding> {
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            let mut path = PathBuf::from(path.trim_start_matches("//"));
            Config::resolve(folder, &mut path);
            self.url = format!("sqlite:{}", path.display());
        } else if !self.url.starts_with("postgres://") && !self.url.starts_with("postgresql://") {
            return Err(Finding::new(
                "database.url",
                "is neither SQLite nor PostgreSQL",
                "Write sqlite:jarshy.db or postgres://user:password@host/name",
            ));
        }
        // A planner reads beside the transaction it holds, and the delivery writer and the pages want theirs at the same time.
        if self.connections < 4 {
            return Err(Finding::new(
                "database.connections",
                "is less than 4",
                "Write 8",
            ));
        }
        Ok(())
    }
}

/// `[theme]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Theme {
    /// A folder whose templates replace ours of the same name.
    pub folder: Option<PathBuf>,
}
