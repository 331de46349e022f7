//! Words everyone uses. Values and pure rules only; the one door for time and chance is [`time::Clock`].

pub mod address;
pub mod language;
pub mod sendable;
pub mod signing_key;
pub mod text;
pub mod time;
pub mod token;
pub mod tzdb;
