//! What lettre read, sorted into what we may do next.

use lettre::transport::smtp::response::Response;
use tokio::time::error::Elapsed;

use crate::delivery::outcome::{Reply, Stage};

/// What was read.
pub enum Read {
    /// A positive or intermediate reply.
    Reply(u16),
    /// 4xx or 5xx.
    Refused(Reply),
    /// Nothing that could be read.
    Broken(String),
}

type Smtp<T> = Result<T, lettre::transport::smtp::Error>;

/// Sorts what came within a deadline.
pub fn read(reply: Result<Smtp<Response>, Elapsed>) -> Read {
    match reply {
        Ok(Ok(reply)) => Read::Reply(reply.code().into()),
        Ok(Err(error)) => match refusal(&error) {
            Some(reply) => Read::Refused(reply),
            None => Read::Broken(error.to_string()),
        },
        Err(_) => Read::Broken("the relay took too long to answer".to_owned()),
    }
}

/// The reply inside an error, if it is a definite one.
pub fn refusal(error: &lettre::transport::smtp::Error) -> Option<Reply> {
    let code: u16 = error.status()?.into();
    let text = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    (400..600).contains(&code).then(|| Reply::new(code, &text))
}

/// Which reply lets the conversation go on: 250 to MAIL, 250 to 252 to RCPT, 354 to DATA.
pub const fn is_go(stage: Stage, code: u16) -> bool {
    match stage {
        Stage::Mail => code == 250,
        Stage::Rcpt => code >= 250 && code <= 252,
        _ => code == 354,
    }
}
