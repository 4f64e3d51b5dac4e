//! Exchanges of AUTH (RFC 5034 section 4).

use pop3_proto::client::{Challenge, Error as ProtocolError, Event};
use pop3_proto::{Advice, Base64, Command, MechanismName, Quirk, Secret, encode_base64};
use pop3_sasl::client::{Credentials, Exchange, Setup, offers_plus};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce};

use super::call::{Flow, completed};
use super::{Client, Error, Refusal};
use crate::transport::Transport;

/// How a login by a mechanism failed.
pub(super) enum Attempt {
    /// The server does not want the mechanism. Neither a secret nor a proof was sent.
    TurnedDown(Refusal),
    /// Anything else.
    Failed(Error),
}

/// How an exchange failed.
enum Failure {
    /// The line of AUTH itself was refused, `inline` when it had an initial response.
    AtOnce { refusal: Refusal, inline: bool },
    /// Anything else.
    Later(Error),
}

/// What the server says in an exchange.
enum Said {
    Challenge(Secret<Vec<u8>>),
    /// Words where an empty challenge may be meant.
    Words,
    Unreadable,
    Accepted,
    Refused(Refusal),
}

impl<T: Transport> Client<T> {
    /// Logs in by AUTH with this mechanism, whether or not the server has announced it, and asks for the
    /// capabilities again.
    ///
    /// The initial response goes along where the line has 255 octets at most and the server has
    /// announced the mechanism. When that is refused for another reason than the credentials, it is
    /// tried once more in two lines, but not in strict mode. With SCRAM, deriving the keys takes some
    /// milliseconds of computing within this call.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server refuses, with what it said of a token in
    /// [`details`](Refusal::details). [`Error::Unsendable`] with
    /// [`Plaintext`](pop3_proto::client::SendError::Plaintext) on a connection that must not carry
    /// passwords, and [`Error::Unusable`] when the credentials do not suit the mechanism: nothing was
    /// sent. [`Error::Exchange`] and [`Error::UnreadableChallenge`] when the
    /// exchange was cancelled; the connection can be used on. [`Error::ServerNotVerified`] when a
    /// success is not to be believed.
    pub async fn authenticate(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<(), Error> {
        self.may_log_in()?;
        self.learn_capabilities().await?;
        match self.attempt(mechanism, credentials).await {
            Ok(()) => self.capabilities().await.map(drop),
            Err(Attempt::TurnedDown(refusal)) => Err(Error::Refused(refusal)),
            Err(Attempt::Failed(error)) => Err(error),
        }
    }

    /// The bindings of the TLS connection, unless they have served an exchange (RFC 9266 section 4.1).
    pub(super) fn bindings(&self) -> ChannelBindings {
        match self.transport.tls() {
            Some(tls) if !self.bound => tls.bindings,
            _ => ChannelBindings::none(),
        }
    }

    /// One exchange, or two if the server wants another form of it.
    pub(super) async fn attempt(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<(), Attempt> {
        let announced = self.mechanisms().iter().any(|name| Mechanism::parse(name) == Some(mechanism));
        let first = match self.exchange(mechanism, credentials, announced).await {
            Ok(()) => return Ok(()),
            Err(Failure::Later(error)) => return Err(Attempt::Failed(error)),
            Err(Failure::AtOnce { refusal, .. }) if refusal.advice() != Advice::Unknown => {
                return Err(Attempt::Failed(Error::Refused(refusal)));
            }
            Err(Failure::AtOnce { refusal, inline: false }) => return Err(Attempt::TurnedDown(refusal)),
            Err(Failure::AtOnce { refusal, inline: true }) => refusal,
        };
        if self.strict {
            return Err(Attempt::Failed(Error::Refused(first)));
        }
        match self.exchange(mechanism, credentials, false).await {
            Ok(()) => {
                self.remember(Quirk::InitialResponseRefused);
                Ok(())
            }
            // It is not the form.
            Err(Failure::AtOnce { .. }) if !mechanism.exposes_secret() => Err(Attempt::TurnedDown(first)),
            Err(
                Failure::AtOnce { .. }
                | Failure::Later(
                    Error::Network(_)
                    | Error::Protocol(ProtocolError::Closed { .. } | ProtocolError::Truncated { .. }),
                ),
            ) => Err(Attempt::Failed(Error::Refused(first))),
            Err(Failure::Later(error)) => Err(Attempt::Failed(error)),
        }
    }

    async fn exchange(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
        announced: bool,
    ) -> Result<(), Failure> {
        let setup = self.setup(mechanism)?;
        let mut exchange = Exchange::new(mechanism, credentials, &setup).map_err(Error::Unusable)?;
        let name = MechanismName::parse(mechanism.name().as_bytes()).map_err(|_| Error::Internal)?;
        let text = exchange.initial().filter(|_| announced).map(|first| encode_base64(first.expose()));
        let initial = match &text {
            Some(text) => Some(Base64::parse(text.expose()).map_err(|_| Error::Internal)?),
            None => None,
        };
        let initial = initial.filter(|text| self.connection.takes_initial_response(name, *text));
        self.begin_auth(mechanism, name, initial)?;
        let inline = initial.is_some();
        if inline {
            exchange.take_initial();
        }
        let mut at_once = true;
        loop {
            let answer = match self.listen().await? {
                Said::Accepted => return self.believe(&exchange).await.map_err(Failure::Later),
                Said::Refused(refusal) if at_once => return Err(Failure::AtOnce { refusal, inline }),
                Said::Refused(refusal) => {
                    let details = exchange.failure_details().map(<[u8]>::to_vec);
                    let mechanism = Some(exchange.mechanism());
                    return Err(Error::Refused(Refusal { details, mechanism, ..refusal }).into());
                }
                Said::Challenge(octets) => exchange.respond(octets.expose()).map_err(Error::Exchange),
                // Where the mechanism wants an empty challenge, or does not look at it.
                Said::Words if exchange.initial().is_some() || mechanism == Mechanism::Login => {
                    exchange.respond(b"").map_err(Error::Exchange)
                }
                Said::Words | Said::Unreadable => Err(Error::UnreadableChallenge),
            };
            at_once = false;
            match answer {
                Ok(response) => {
                    self.bound |= mechanism.needs_channel_binding();
                    self.respond(response.expose())?;
                }
                Err(error) => return Err(self.cancel(error).await.into()),
            }
        }
    }

    /// What the mechanism has to know of the connection.
    fn setup(&self, mechanism: Mechanism) -> Result<Setup, Error> {
        let mut random = [0; 18];
        getrandom::fill(&mut random).map_err(|_| Error::Internal)?;
        let setup = Setup::new(Nonce::from_random(random)).with_plus_offered(offers_plus(self.mechanisms()));
        // To say that the server offered no -PLUS, its list must be known.
        let tells = mechanism.needs_channel_binding() || self.known_capabilities().is_some();
        Ok(if tells { setup.with_bindings(self.bindings()) } else { setup })
    }

    fn begin_auth(
        &mut self,
        mechanism: Mechanism,
        name: MechanismName,
        initial: Option<Base64<'_>>,
    ) -> Result<(), Error> {
        let command = Command::Auth { mechanism: name, initial };
        if mechanism.exposes_secret() {
            return self.begin(&command);
        }
        if self.busy {
            return Err(Error::Interrupted);
        }
        let now = self.transport.now();
        let sent = self.connection.send_sealed_auth(name, initial, now, &mut self.out);
        self.check_sent(sent)?;
        if let Some(tracer) = &self.tracer {
            tracer.sent(&command);
        }
        Ok(())
    }

    /// Sends what is due, and waits for what the server says.
    async fn listen(&mut self) -> Result<Said, Error> {
        let mut said = None;
        self.follow(|event| {
            said = match event {
                Event::Challenge(Challenge::Octets(text)) => Some(Said::Challenge(text.decode())),
                Event::Challenge(Challenge::Words(_)) => Some(Said::Words),
                Event::Challenge(_) => Some(Said::Unreadable),
                Event::Reply { reply, .. } if reply.is_positive() => Some(Said::Accepted),
                Event::Reply { keyword, reply, .. } => {
                    Some(Said::Refused(Refusal::new(Some(keyword), reply)))
                }
                Event::Read
                | Event::Greeting(_)
                | Event::Entry(_)
                | Event::Line(_)
                | Event::Data(_)
                | Event::End { .. }
                | Event::StartTls
                | Event::Warning(_)
                | Event::Closed => None,
            };
            Ok(if said.is_some() { Flow::Done } else { completed(&event) })
        })
        .await?;
        match said {
            Some(Said::Refused(refusal)) => Ok(Said::Refused(self.judged(refusal))),
            Some(said) => Ok(said),
            None => Err(Error::Internal),
        }
    }

    fn respond(&mut self, response: &[u8]) -> Result<(), Error> {
        let text = encode_base64(response);
        let text = Base64::parse(text.expose()).map_err(|_| Error::Internal)?;
        let now = self.transport.now();
        let sent = self.connection.respond(text, now, &mut self.out);
        self.check_sent(sent)?;
        if let Some(tracer) = &self.tracer {
            tracer.tell(super::Trace::Sent("***"));
        }
        Ok(())
    }

    /// Cancels the exchange, for this reason.
    async fn cancel(&mut self, reason: Error) -> Error {
        let now = self.transport.now();
        let sent = self.connection.cancel(now, &mut self.out);
        if let Err(error) = self.check_sent(sent) {
            return error;
        }
        if let Some(tracer) = &self.tracer {
            tracer.tell(super::Trace::Sent("*"));
        }
        // If the server does not take it well, the connection is of no use, which each later call tells.
        let _ = self.listen().await;
        reason
    }

    /// Whether the user is logged in, as the server says. If not, the connection is closed.
    async fn believe(&mut self, exchange: &Exchange) -> Result<(), Error> {
        let Err(error) = exchange.finish() else { return Ok(()) };
        self.busy = true;
        let deadline = self.transport.now().after(super::CLOSE_TIMEOUT);
        self.transport.close(deadline).await;
        Err(Error::ServerNotVerified(error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Later(error)
    }
}
