//! Jarshy (Kazakh *жаршы*, "herald"): a syndication and newsletter service for newsrooms.
pub mod app;
pub mod audience;
pub mod base;
pub mod cli;
pub mod config;
pub mod db;
pub mod delivery;
pub mod digest;
pub mod fetch;
pub mod newsroom;
pub mod scheduler;
pub mod syndication;
pub mod telemetry;
pub mod theme;
pub mod web;
pub mod work;
