//! What a subscriber sends to the hub (WebSub section 5.1), read once at the door.

/// The longest secret, in bytes: fewer than 200 (WebSub section 5.1).
const SECRET_MAX: usize = 199;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Take me in, or renew my lease.
    Subscribe,
    /// Let me go.
    Unsubscribe,
}

impl Mode {
    /// As it stands in requests and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Subscribe, Self::Unsubscribe]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

/// A request with everything in its place; whether topic and callback will do is not yet looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub mode: Mode,
    /// The feed's address.
    pub topic: String,
    /// Where it is to be delivered.
    pub callback: String,
    /// Seconds that were asked for.
    pub lease_secs: Option<i64>,
    /// The key of signatures.
    pub secret: Option<String>,
}

/// What is wrong with a request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestError {
    /// A parameter is missing.
    #[error("{0} is missing; a request has hub.mode, hub.topic and hub.callback")]
    Missing(&'static str),
    /// A parameter stands there twice.
    #[error("{0} is given twice; give it once")]
    Twice(&'static str),
    /// A mode of another kind.
    #[error("hub.mode is neither subscribe nor unsubscribe")]
    Mode,
    /// Somebody wants to publish.
    #[error(
        "this hub serves the newsroom's own feeds alone and learns of their changes by itself; hub.mode=publish is not needed here"
    )]
    Publish,
    /// Not a number of seconds.
    #[error(
        "hub.lease_seconds is not a whole number of seconds above 0; leave it out to get the usual lease"
    )]
    Lease,
    /// A secret that is too long.
    #[error("hub.secret has 200 bytes or more; give a shorter one")]
    Secret,
}

impl Request {
    /// Reads a form; parameters that are not known are ignored (section 5.1).
    pub fn parse(form: &[u8]) -> Result<Self, RequestError> {
        let one = |name: &'static str| {
            let mut found = None;
            for (key, value) in url::form_urlencoded::parse(form) {
                if key == name {
                    if found.is_some() {
                        return Err(RequestError::Twice(name));
                    }
                    found = Some(value.into_owned());
                }
            }
            // An empty parameter is what a form without an entry sends.
            Ok(found.filter(|value| !value.is_empty()))
        };
        let mode = match one("hub.mode")?.as_deref() {
            None => return Err(RequestError::Missing("hub.mode")),
            Some("publish") => return Err(RequestError::Publish),
            Some(text) => Mode::parse(text).ok_or(RequestError::Mode)?,
        };
        let topic = one("hub.topic")?.ok_or(RequestError::Missing("hub.topic"))?;
        let callback = one("hub.callback")?.ok_or(RequestError::Missing("hub.callback"))?;
        let lease_secs = match one("hub.lease_seconds")? {
            None => None,
            Some(text) if text.len() < 19 && text.bytes().all(|b| b.is_ascii_digit()) => text
                .parse()
                .ok()
                .filter(|secs| *secs > 0)
                .map(Some)
                .ok_or(RequestError::Lease)?,
            Some(_) => return Err(RequestError::Lease),
        };
        let secret = one("hub.secret")?;
        if secret.as_ref().is_some_and(|s| s.len() > SECRET_MAX) {
            return Err(RequestError::Secret);
        }
        Ok(Self {
            mode,
            topic,
            callback,
            lease_secs,
            secret,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(form: &str) -> Result<Request, RequestError> {
        Request::parse(form.as_bytes())
    }

    const GOOD: &str =
        "hub.mode=subscribe&hub.topic=https%3A%2F%2Fa%2Ff&hub.callback=https%3A%2F%2Fb%2Fh%3Fx%3Dy";

    #[test]
    fn a_request_is_read_and_unknown_parameters_are_ignored() {
        let request = parse(&format!(
            "{GOOD}&hub.verify=sync&foo=bar&hub.lease_seconds=3600&hub.secret=s%20s"
        ))
        .ok();
        let request = request.unwrap();
        assert!(request.mode == Mode::Subscribe && request.topic == "https://a/f");
        assert_eq!(request.callback, "https://b/h?x=y");
        assert_eq!(request.lease_secs, Some(3600));
        assert_eq!(request.secret.as_deref(), Some("s s"));
        let plain = parse(&format!("{GOOD}&hub.secret=&hub.lease_seconds=")).ok();
        assert!(plain.is_some_and(|r| r.secret.is_none() && r.lease_secs.is_none()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!("{GOOD}&hub.secret={}", "x".repeat(200));
        let longest = format!("{GOOD}&hub.secret={}", "x".repeat(199));
        assert!(parse(&longest).is_ok());
        for (form, expected) in [
            ("", RequestError::Missing("hub.mode")),
            ("hub.mode=subscribe", RequestError::Missing("hub.topic")),
            (
                "hub.mode=subscribe&hub.topic=x",
                RequestError::Missing("hub.callback"),
            ),
            ("hub.mode=publish&hub.url=x", RequestError::Publish),
            ("hub.mode=Subscribe", RequestError::Mode),
            (
                &format!("{GOOD}&hub.topic=z"),
                RequestError::Twice("hub.topic"),
            ),
            (&long, RequestError::Secret),
            (&format!("{GOOD}&hub.lease_seconds=0"), RequestError::Lease),
            (&format!("{GOOD}&hub.lease_seconds=-5"), RequestError::Lease),
            (
                &format!("{GOOD}&hub.lease_seconds=99999999999999999999"),
                RequestError::Lease,
            ),
        ] {
            assert_eq!(parse(form).err(), Some(expected), "{form}");
        }
    }
}
