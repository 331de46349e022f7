//! One conversation with the relay, in steps, over a socket of our own.
//!
//! lettre speaks the protocol; this folder keeps what it leaves open: a deadline for every stage, TLS that is never downgraded
//! (`open`), what the relay offers (`offers`) and what we say of a message in front of it (`envelope`), replies that come before they
//! are asked for, the body itself and the gate before the final dot (`stream`, `gate`). lettre writes the end of data as a write of
//! its own (`async_connection.rs`, `message_iter`): our stream writes the body in front of it and holds it back until the journal
//! has the intent. A session is good for nothing after any doubt: it is dropped, and what follows uses a new connection.

mod data;
mod envelope;
mod gate;
mod offers;
mod open;
mod relay;
mod reply;
mod stream;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use tokio::time::{Instant, timeout};

use super::outcome::{Class, Reply, Stage};
use gate::{Gate, Phase};
use offers::Offers;
pub use relay::Relay;
use reply::{Read, is_go, read, refusal};

/// What became of one message.
#[derive(Debug)]
pub enum Sent {
    /// 250 to the final dot.
    Accepted(Reply),
    /// A definite 4xx or 5xx.
    Refused {
        /// Where.
        stage: Stage,
        /// What the relay said.
        reply: Reply,
    },
    /// The conversation broke before the dot: the relay cannot have taken the message.
    Broken {
        /// Where.
        stage: Stage,
        /// What happened.
        detail: String,
    },
    /// The dot was written and no reply settles what became of it.
    Uncertain {
        /// What happened.
        detail: String,
    },
    /// The journal said no, or not in time: no dot was written.
    Stopped,
    /// The relay cannot take such a message: nothing was sent.
    Unsendable {
        /// Why.
        class: Class,
        /// Why, in a sentence.
        detail: String,
    },
}

/// An open connection that has greeted, and signed in where there is a password.
pub struct Session {
    connection: AsyncSmtpConnection,
    gate: Arc<Gate>,
    command_deadline: Duration,
    dot_within: Duration,
    dot_deadline: Duration,
    offers: Offers,
    /// Messages that were tried over it.
    pub messages: usize,
    messages_max: usize,
    opened: Instant,
    age_max: Duration,
    is_broken: bool,
}

impl Session {
    /// Whether nothing more may be sent over it.
    pub const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether it has carried its share: as many messages as the settings or the relay allow, or for as long.
    pub fn is_worn(&self) -> bool {
        let most = self
            .offers
            .messages
            .unwrap_or(usize::MAX)
            .min(self.messages_max);
        self.messages >= most || self.opened.elapsed() >= self.age_max
    }

    /// Sends one message to one person. `intent` is awaited once everything but the dot is written; it answers when the
    /// intent became durable, or `None` if there must be no dot. After the dot nothing cancels this but its deadline.
    pub async fn send(
        &mut self,
        from: &str,
        to: &str,
        message: &Bytes,
        intent: impl Future<Output = Option<Instant>>,
    ) -> Sent {
        let commands =
            envelope::commands(&self.offers, from, to, message.len(), message.is_ascii());
        let commands = match commands {
            Ok(commands) => commands,
            Err((class, detail)) => return Sent::Unsendable { class, detail },
        };
        self.messages += 1;
        let begun = if self.offers.pipelining {
            self.begin_at_once(&commands).await
        } else {
            self.begin_in_steps(&commands).await
        };
        if let Err(sent) = begun {
            return sent;
        }
        self.finish(message, intent).await
    }

    async fn begin_in_steps(&mut self, commands: &[(Stage, String)]) -> Result<(), Sent> {
        for (stage, command) in commands {
            let reply = timeout(self.command_deadline, self.connection.command(command)).await;
            match read(reply) {
                Read::Reply(code) if is_go(*stage, code) => {}
                other => return Err(self.give_up(*stage, other).await),
            }
        }
        Ok(())
    }

    /// MAIL, RCPT and DATA in one write (RFC 2920); every reply is read. If the relay wants data though it refused the
    /// recipient, the connection is dropped: the lone dot that the RFC asks for is a dot without an intent.
    async fn begin_at_once(&mut self, commands: &[(Stage, String)]) -> Result<(), Sent> {
        let together: String = commands
            .iter()
            .map(|(_, command)| command.as_str())
            .collect();
        let mut refused = None;
        for (i, (stage, _)) in commands.iter().enumerate() {
            let reply = if i == 0 {
                timeout(self.command_deadline, self.connection.command(&together)).await
            } else {
                timeout(self.command_deadline, self.connection.read_response()).await
            };
            match read(reply) {
                Read::Reply(code) if is_go(*stage, code) => {
                    if *stage == Stage::Data && refused.is_some() {
                        self.is_broken = true;
                    }
                }
                Read::Refused(reply) => {
                    if reply.code == 421 {
                        self.is_broken = true;
                        return Err(Sent::Refused {
                            stage: refused.as_ref().map_or(*stage, |(stage, _)| *stage),
                            reply: refused.map_or(reply, |(_, reply)| reply),
                        });
                    }
                    refused = refused.or(Some((*stage, reply)));
                }
                other => {
                    let sent = self.give_up(*stage, other).await;
                    return Err(match refused {
                        Some((stage, reply)) => Sent::Refused { stage, reply },
                        None => sent,
                    });
                }
            }
        }
        match refused {
            None => Ok(()),
            Some((stage, reply)) => {
                self.reset().await;
                Err(Sent::Refused { stage, reply })
            }
        }
    }

    async fn give_up(&mut self, stage: Stage, read: Read) -> Sent {
        match read {
            Read::Refused(reply) => {
                if reply.code == 421 {
                    self.is_broken = true;
                } else {
                    self.reset().await;
                }
                Sent::Refused { stage, reply }
            }
            Read::Reply(code) => {
                self.is_broken = true;
                Sent::Broken {
                    stage,
                    detail: format!("{stage:?} was answered by {code}"),
                }
            }
            Read::Broken(detail) => {
                self.is_broken = true;
                Sent::Broken { stage, detail }
            }
        }
    }

    /// Clears a refused transaction, so that the connection can be used again.
    async fn reset(&mut self) {
        if self.is_broken {
            return;
        }
        let reply = timeout(self.command_deadline, self.connection.command("RSET\r\n")).await;
        if !matches!(read(reply), Read::Reply(250)) {
            self.is_broken = true;
        }
    }

    async fn finish(
        &mut self,
        message: &Bytes,
        intent: impl Future<Output = Option<Instant>>,
    ) -> Sent {
        self.is_broken = true;
        self.gate.arm(data::transparent(message));
        // lettre would look at each byte of the message and copy it; it is given none, and our stream writes the message.
        let mut sending = pin!(self.connection.message(b""));
        tokio::select! {
            biased;
            early = &mut sending => {
                let detail = match early {
                    Ok(reply) => format!("the message was answered by {} before its end", reply.code()),
                    Err(error) => error.to_string(),
                };
                return Sent::Broken { stage: Stage::Body, detail };
            }
            () = self.gate.reached.notified() => {}
            () = tokio::time::sleep(self.command_deadline) => {
                return Sent::Broken { stage: Stage::Body, detail: "the relay took too long to read".to_owned() };
            }
        }
        match intent.await {
            Some(asked_at) if asked_at.elapsed() < self.dot_within => {}
            _ => {
                self.gate.set(Phase::Aborted);
                return Sent::Stopped;
            }
        }
        self.gate.set(Phase::Open);
        let answer = timeout(self.dot_deadline, sending).await;
        if !self.gate.lock().is_dot_written {
            // The peer spoke or left before the dot, and our stream wrote nothing.
            let detail = match answer {
                Ok(Err(error)) => error.to_string(),
                _ => "the dot could not be written".to_owned(),
            };
            return Sent::Broken {
                stage: Stage::Body,
                detail,
            };
        }
        match answer {
            Ok(Ok(reply)) if reply.has_code(250) => {
                self.is_broken = false;
                self.gate.set(Phase::Talk);
                let text: Vec<&str> = reply.message().collect();
                Sent::Accepted(Reply::new(250, &text.join(" ")))
            }
            Ok(Ok(reply)) => Sent::Uncertain {
                detail: format!("the dot was answered by {}", reply.code()),
            },
            Ok(Err(error)) => match refusal(&error) {
                Some(reply) => {
                    self.is_broken = reply.code == 421;
                    self.gate.set(Phase::Talk);
                    Sent::Refused {
                        stage: Stage::Dot,
                        reply,
                    }
                }
                None => Sent::Uncertain {
                    detail: error.to_string(),
                },
            },
            Err(_) => Sent::Uncertain {
                detail: "no reply to the dot in time".to_owned(),
            },
        }
    }

    /// Says goodbye, if there is anyone to say it to.
    pub async fn quit(mut self) {
        if !self.is_broken {
            let _ = timeout(Duration::from_secs(2), self.connection.command("QUIT\r\n")).await;
        }
    }
}
