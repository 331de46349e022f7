//! Background work that must survive a restart.
//!
//! A job is a wish under a name: wishing again for what still waits only raises its `version`. Whoever does the work claims it
//! for a while ([`Claimed`]); if it dies, the claim runs out and another takes over. An attempt is counted before the work
//! begins, so that a job that kills its worker is not tried for ever. At the end [`settle`] says what becomes of it.
//!
//! [`settle`]: super::store::settle_job

use crate::base::time::Timestamp;

/// A wish for work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewJob<'a> {
    /// What is to be done, e.g. `websub.push`.
    pub kind: &'a str,
    /// To what; with `kind` it names the job.
    pub key: &'a str,
    /// Jobs of one lane run a few at a time, e.g. those of one host.
    pub lane: &'a str,
    /// What else the work needs to know.
    pub payload: &'a str,
    /// Not before.
    pub run_at: Timestamp,
}

/// A job in the hands of this process.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Claimed {
    /// Its row.
    pub id: i64,
    /// What is to be done.
    pub kind: String,
    /// To what.
    pub key: String,
    /// What else the work needs to know.
    pub payload: String,
    /// This attempt's number, from 1.
    pub attempts: i64,
    /// The wish as it was at the claim.
    pub version: i64,
    /// The number of the claim: the fencing token.
    pub lease: i64,
}

/// What becomes of a job after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// It is over: done, or given up. A wish that came meanwhile begins anew.
    Over,
    /// It is tried again then.
    Again(Timestamp),
}
