//! One mail at once, past the journal: to see whether the way to a mailbox is open. It has no row, so it is in no sum, and its
//! links are nobody's.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::outcome::{Class, Stage, Verdict, judge};
use super::preview::compose_for_nobody;
use super::session::{Relay, Sent, Session};
use super::transcript::{Said, Transcript};
use super::{DeliveryError, NewLetter, queue_id};
use crate::base::address::EmailAddress;
use crate::work::Core;

/// What became of a trial.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Every line of the conversation, in order.
    pub said: Vec<Said>,
    /// Whether the relay accepted the mail.
    pub is_accepted: bool,
    /// What that means, in a sentence.
    pub sentence: String,
    /// The relay's name for the mail.
    pub queue_id: Option<String>,
    /// The Message-ID, to find it by.
    pub message_id: String,
    /// Its bytes.
    pub source: Vec<u8>,
}

/// Sends a letter to one address over a connection of its own and listens. The error is about settings or the letter; whatever the
/// relay does is an answer.
pub async fn send_trial(
    core: &Core,
    letter: &NewLetter,
    address: &EmailAddress,
    is_text_only: bool,
) -> Result<Trial, DeliveryError> {
    // No row ever has such a number, and two trials have two, so that no mailbox takes the second for the first.
    let number = core.clock.now().as_millis();
    let name = core.keys.delivery_name(core.keys.current_id(), number);
    let source = compose_for_nobody(core, letter, address, number, is_text_only)
        .map_err(DeliveryError::Settings)?;
    let domain = EmailAddress::parse(&letter.sender_address)
        .map_err(DeliveryError::Settings)?
        .domain()
        .to_owned();
    let from = format!("{name}@{}", core.config.mail.bounce_domain);
    let transcript = Arc::new(Transcript::default());
    let relay = Relay::listening(&core.config, Arc::clone(&transcript))?;
    let sent = match Session::open(&relay).await {
        Err((stage, detail)) => Sent::Broken { stage, detail },
        Ok(mut session) => {
            let intent = async { Some(Instant::now()) };
            let sent = session
                .send(
                    &from,
                    &address.envelope(),
                    &Bytes::from(source.clone()),
                    intent,
                )
                .await;
            session.quit().await;
            sent
        }
    };
    let queue_id = match &sent {
        Sent::Accepted(reply) => queue_id(&reply.text),
        _ => None,
    };
    Ok(Trial {
        said: transcript.said(),
        is_accepted: matches!(sent, Sent::Accepted(_)),
        sentence: meaning(&sent),
        queue_id,
        message_id: format!("<{name}@{domain}>"),
        source,
    })
}

/// What the end of a conversation means, and what to do about it.
fn meaning(sent: &Sent) -> String {
    match sent {
        Sent::Accepted(_) => {
            "the relay accepted the mail; what happens behind it, its postmaster knows".to_owned()
        }
        Sent::Refused { stage, reply } => {
            let who = match stage {
                Stage::Mail => {
                    "the relay does not take mail from us: look at mail.username, at the sender's address and at whom the relay lets send"
                }
                Stage::Rcpt => "the relay does not take this recipient",
                _ => "the relay does not take the message",
            };
            let class = match judge(*stage, reply) {
                Verdict::Retry(class) | Verdict::Failed(class) => class,
            };
            let hint = match class {
                Class::Hard => "there is no such mailbox",
                Class::Soft => "the mailbox is full",
                Class::Content => "the message is not wanted as it is",
                Class::Policy => {
                    "we are not wanted: look at SPF, DKIM and DMARC of the sender's domain and at the address's reputation"
                }
                Class::Throttle => "slower, please, or greylisting: try again in some minutes",
                Class::Transient => "something that passes: try again later",
                Class::Capability => "the relay cannot do what this address needs",
            };
            format!("{who} ({} {}): {hint}", reply.code, reply.text)
        }
        Sent::Broken { stage, detail } => match stage {
            Stage::Connect => format!(
                "there was no connection: {detail}. Look at mail.host, mail.port and mail.tls"
            ),
            Stage::Auth => {
                format!("signing in failed: {detail}. Look at mail.username and the password")
            }
            _ => format!("the conversation broke: {detail}"),
        },
        Sent::Uncertain { detail } => {
            format!(
                "the message was written and not answered ({detail}): it may arrive all the same"
            )
        }
        Sent::Stopped => "nothing was sent".to_owned(),
        Sent::Unsendable { detail, .. } => format!("nothing was sent: {detail}"),
    }
}
