//! Stories told from outside: one binary, so that the library is linked once.
//!
//! Each story runs on both engines (`both_engines!`). PostgreSQL is at `JARSHY_TEST_POSTGRES`; without it a story says
//! "skipped", and with `CI` set that is a failure.

#![allow(
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests read the environment and the clock"
)]

mod ahead;
mod archive;
mod audience;
mod bytes;
mod clocks;
mod content;
mod delivery;
mod demo;
mod digest;
mod digest_command;
mod directories;
mod explain;
mod formats;
mod halt;
mod import;
mod inbox;
mod interruptions;
mod issues;
mod kill;
mod lanes;
mod month;
mod newsroom;
mod own;
mod people;
mod polls;
mod replay;
mod rules;
mod search;
mod signing;
mod site;
mod smtp;
mod sql;
mod subscribe;
mod support;
mod syndication;
mod theme;
mod websub;
mod windows;
