//! The hubs that feeds name, in their bodies and in the `Link` headers of their answers (WebSub section 4).

use crate::config::Config;

/// Absolute addresses in the order in which subscribers should try them.
pub fn hubs(_config: &Config) -> Vec<String> {
    Vec::new()
}
