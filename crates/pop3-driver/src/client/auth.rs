//! Exchanges of AUTH (RFC 5034 section 4).

use pop3_proto::client::{Challenge, ClientEvent, ProtocolError};
use pop3_proto::{Advice, Base64, Command, MechanismName, Quirk, Secret, encode_base64};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials, Denial, ExchangeError, offers_plus};
use pop3_sasl::scram::MIN_ITERATIONS;
use pop3_sasl::{ChannelBindings, Mechanism, Nonce};

use super::{Client, ClientError, Refusal};
use crate::login_method::LoginMethod;
use crate::transport::Transport;

/// How a login by a mechanism failed.
pub(super) enum Attempt {
    /// The server does not want the mechanism. Neither a secret nor a proof was sent, and the refusal is
    /// not about the user.
    TurnedDown(Refusal),
    /// The server refused a -PLUS mechanism before it got a proof: it may not know our type of binding.
    Unbound(ClientError),
    /// Anything else.
    Failed(ClientError),
}

/// How an exchange failed.
struct Failure {
    error: ClientError,
    shown: Shown,
    /// The AUTH line had an initial response, and nothing was sent after it.
    inline: bool,
}

/// What the server has learned from an exchange so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The name of the mechanism.
    Nothing,
    /// Who logs in: what the server says may be about the user.
    User,
    /// The secret, or a proof of it; with EXTERNAL and ANONYMOUS all that there is.
    Credentials,
}

/// What the server says in an exchange.
enum Said {
    Challenge(Secret),
    /// Words where an empty challenge may be meant.
    Words,
    Unreadable,
    Accepted,
    Refused(Refusal),
}

impl<T: Transport> Client<T> {
    /// Logs in with AUTH and this mechanism (RFC 5034 section 4), and asks for the capabilities again. It does not
    /// matter whether the server has announced the mechanism.
    ///
    /// # The initial response
    ///
    /// PLAIN, XOAUTH2 and OAUTHBEARER send the password or token only after the empty challenge of the server. To
    /// send it in the AUTH line instead, set
    /// [`ClientOptions::initial_response`](super::ClientOptions::initial_response). A refused password or token is
    /// never sent again.
    ///
    /// The first message of the other mechanisms contains no secret. The client sends it in the AUTH line if the
    /// server has announced the mechanism and the line has at most 255 octets. If the server refuses this without a
    /// response code, the client tries once more with two lines.
    ///
    /// If the server ignores an initial response and asks for it with an empty challenge, the client sends it again
    /// ([`Quirk::InitialResponseIgnored`]). In strict mode, the client neither tries again nor sends it again.
    ///
    /// With SCRAM, [`Transport::compute`] derives the keys. If the runtime has threads for it, this delays no other
    /// connection.
    ///
    /// # Dropping
    ///
    /// Do not drop the future: once the exchange has begun, all later calls would fail with
    /// [`ClientError::Interrupted`].
    ///
    /// # Errors
    /// - [`ClientError::Refused`] if the server refuses the login. [`details`](Refusal::details) contains what it
    ///   said about a token, [`unoffered`](Refusal::unoffered) whether the mechanism is missing from its list, and
    ///   [`before_credentials`](Refusal::before_credentials) whether it refused before it received the credentials.
    /// - [`ClientError::Unsendable`] with [`Plaintext`](pop3_proto::client::SendError::Plaintext) if the connection
    ///   must not carry passwords. Nothing was sent.
    /// - [`ClientError::Unusable`] if the credentials do not suit the mechanism. Nothing was sent.
    /// - [`ClientError::Exchange`] and [`ClientError::UnreadableChallenge`] if the client cancelled the exchange. The
    ///   connection can still be used.
    /// - [`ClientError::ServerNotVerified`] if the server announced success but cannot be trusted. The connection was
    ///   closed.
    pub async fn authenticate(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<(), ClientError> {
        self.may_log_in()?;
        self.learn_capabilities().await?;
        match self.attempt(mechanism, credentials).await {
            Ok(()) => self.ask_again().await,
            Err(Attempt::TurnedDown(refusal)) => Err(ClientError::Refused(refusal)),
            Err(Attempt::Unbound(error) | Attempt::Failed(error)) => Err(error),
        }
    }

    /// The bindings of the TLS connection, unless they have served an exchange (RFC 9266 section 4.1).
    pub(super) fn bindings(&self) -> ChannelBindings {
        match self.transport.tls() {
            Some(tls) if !self.bound => tls.bindings.clone(),
            _ => ChannelBindings::none(),
        }
    }

    /// One exchange, or two if the server wants another form of one that shows no secret.
    pub(super) async fn attempt(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<(), Attempt> {
        if let Some(password) = credentials.password() {
            self.connection.remember_secret(password.expose());
        }
        let announced = self.announces(mechanism);
        let early = announced && (self.initial_response || !mechanism.exposes_secret());
        let Err(first) = self.exchange(mechanism, credentials, early).await else {
            self.login_method = Some(LoginMethod::Auth(mechanism));
            return Ok(());
        };
        let bare =
            matches!(&first.error, ClientError::Refused(refusal) if refusal.advice() == Advice::Unknown);
        if !(first.inline && bare) || mechanism.exposes_secret() || self.strict {
            return Err(judged(mechanism, first));
        }
        match self.exchange(mechanism, credentials, false).await {
            Ok(()) => {
                self.login_method = Some(LoginMethod::Auth(mechanism));
                self.remember(Quirk::InitialResponseRefused);
                Ok(())
            }
            // The form was not the reason, or the server has given up. The first refusal says more.
            Err(second)
                if second.shown == Shown::Nothing
                    && matches!(
                        second.error,
                        ClientError::Refused(_)
                            | ClientError::Network(_)
                            | ClientError::Protocol(
                                ProtocolError::Closed { .. } | ProtocolError::Truncated { .. }
                            )
                    ) =>
            {
                let ClientError::Refused(refusal) = second.error else {
                    return Err(Attempt::Failed(first.error));
                };
                // If the credentials were wrong, the server would have said so. It accepts neither form.
                let shown =
                    if refusal.blames_credentials() == Some(false) { Shown::Nothing } else { first.shown };
                Err(judged(mechanism, Failure { shown, ..first }))
            }
            Err(second) => Err(judged(mechanism, second)),
        }
    }

    /// Whether the server is known to offer the mechanism.
    fn announces(&self, mechanism: Mechanism) -> bool {
        self.mechanisms().iter().any(|name| Mechanism::parse(name) == Some(mechanism))
    }

    async fn exchange(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
        early: bool,
    ) -> Result<(), Failure> {
        let mut shown = Shown::Nothing;
        let mut inline = false;
        match self.converse(mechanism, credentials, early, &mut shown, &mut inline).await {
            Ok(()) => Ok(()),
            Err(ClientError::Refused(refusal)) => {
                let refusal = Refusal {
                    mechanism: Some(mechanism),
                    unoffered: self.known_capabilities().is_some() && !self.announces(mechanism),
                    before_credentials: shown != Shown::Credentials,
                    ..refusal
                };
                Err(Failure { error: ClientError::Refused(refusal), shown, inline })
            }
            Err(error) => Err(Failure { error, shown, inline }),
        }
    }

    async fn converse(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
        early: bool,
        shown: &mut Shown,
        inline: &mut bool,
    ) -> Result<(), ClientError> {
        let setup = self.setup(mechanism)?;
        let mut exchange =
            ClientExchange::new(mechanism, credentials, &setup).map_err(ClientError::Unusable)?;
        let name = MechanismName::parse(mechanism.name().as_bytes()).ok_or(ClientError::Internal)?;
        let text = exchange.initial().filter(|_| early).map(|first| encode_base64(first.expose()));
        let initial = match &text {
            Some(text) => Some(Base64::parse(text.expose()).ok_or(ClientError::Internal)?),
            None => None,
        };
        let initial = initial.filter(|text| self.connection.takes_initial_response(name, *text));
        self.drain().await?;
        self.begin_auth(mechanism, name, initial)?;
        *inline = initial.is_some();
        let mut sent = None;
        if *inline {
            sent = exchange.take_initial();
            *shown = shown.after(mechanism);
        }
        loop {
            let said = self.listen().await?;
            // No mechanism has an empty challenge after its first message.
            let ignored = match &said {
                Said::Challenge(octets) => octets.expose().is_empty(),
                Said::Words => true,
                Said::Unreadable | Said::Accepted | Said::Refused(_) => false,
            };
            let again = sent.take().filter(|_| ignored && !self.strict);
            let answer = match said {
                Said::Accepted => return self.believe(&exchange).await,
                Said::Refused(refusal) => {
                    let details = exchange.failure_details().map(|details| self.connection.masked(details));
                    return Err(ClientError::Refused(Refusal { details, ..refusal }));
                }
                Said::Challenge(_) | Said::Words if again.is_some() => {
                    self.remember(Quirk::InitialResponseIgnored);
                    *inline = false;
                    self.respond(again.unwrap_or_default().expose())?;
                    continue;
                }
                Said::Challenge(octets) if mechanism.scram_hash().is_some() => {
                    let work = move || (exchange.respond(octets.expose()), exchange);
                    let (answer, back) = self.transport.compute(work).await.map_err(ClientError::Network)?;
                    exchange = back;
                    answer.map_err(ClientError::Exchange)
                }
                Said::Challenge(octets) => exchange.respond(octets.expose()).map_err(ClientError::Exchange),
                // The mechanism expects an empty challenge or ignores it.
                Said::Words if exchange.initial().is_some() || mechanism == Mechanism::Login => {
                    exchange.respond(b"").map_err(ClientError::Exchange)
                }
                Said::Words | Said::Unreadable => Err(ClientError::UnreadableChallenge),
            };
            *inline = false;
            match answer {
                Ok(response) => {
                    self.bound |= mechanism.needs_channel_binding();
                    self.respond(response.expose())?;
                    *shown = shown.after(mechanism);
                }
                Err(error) => return Err(self.cancel(error).await),
            }
        }
    }

    /// What the mechanism has to know of the connection.
    fn setup(&self, mechanism: Mechanism) -> Result<ClientSetup, ClientError> {
        let mut random = [0; 18];
        getrandom::fill(&mut random).map_err(|_| ClientError::Internal)?;
        let setup = ClientSetup::new(Nonce::from_random(random))
            .with_plus_offered(offers_plus(self.mechanisms()))
            .with_iterations(MIN_ITERATIONS..=self.max_iterations);
        // The client may claim that the server offers no -PLUS only if it knows the list.
        let tells = mechanism.needs_channel_binding() || self.known_capabilities().is_some();
        Ok(if tells { setup.with_bindings(self.bindings()) } else { setup })
    }

    fn begin_auth(
        &mut self,
        mechanism: Mechanism,
        name: MechanismName,
        initial: Option<Base64<'_>>,
    ) -> Result<(), ClientError> {
        let command = Command::Auth { mechanism: name, initial };
        if mechanism.exposes_secret() {
            return self.enqueue(command);
        }
        let sent = self.connection.send_sealed_auth(name, initial, self.transport.now(), &mut self.out);
        self.enqueued(&command, sent)
    }

    /// Sends what is due, and waits for what the server says.
    async fn listen(&mut self) -> Result<Said, ClientError> {
        let mut said = None;
        self.follow(|event| {
            said = if let ClientEvent::Challenge { challenge, .. } = event {
                Some(match challenge {
                    Challenge::Octets(text) => Said::Challenge(text.decode()),
                    Challenge::Words(_) => Said::Words,
                    Challenge::Unreadable | _ => Said::Unreadable,
                })
            } else {
                event.reply().map(|_| Refusal::of(&event).map_or(Said::Accepted, Said::Refused))
            };
            Ok(())
        })
        .await?;
        match said {
            Some(Said::Refused(refusal)) => Ok(Said::Refused(self.judged(refusal))),
            Some(said) => Ok(said),
            None => Err(ClientError::Internal),
        }
    }

    fn respond(&mut self, response: &[u8]) -> Result<(), ClientError> {
        let text = encode_base64(response);
        let text = Base64::parse(text.expose()).ok_or(ClientError::Internal)?;
        let now = self.transport.now();
        let sent = self.connection.respond(text, now, &mut self.out);
        self.check_sent(sent)?;
        if let Some(tracer) = &self.tracer {
            tracer.tell(super::Trace::Sent("***"));
        }
        Ok(())
    }

    /// Cancels the exchange, for this reason.
    async fn cancel(&mut self, reason: ClientError) -> ClientError {
        let now = self.transport.now();
        let sent = self.connection.cancel(now, &mut self.out);
        if let Err(error) = self.check_sent(sent) {
            return error;
        }
        if let Some(tracer) = &self.tracer {
            tracer.tell(super::Trace::Sent("*"));
        }
        // If this fails, the connection can no longer be used, and each later call reports it.
        let _ = self.listen().await;
        reason
    }

    /// Whether the user is logged in, as the server says. If not, the connection is closed.
    async fn believe(&mut self, exchange: &ClientExchange) -> Result<(), ClientError> {
        let Err(error) = exchange.finish() else { return Ok(()) };
        self.lost = true;
        let deadline = self.transport.now().after(super::CLOSE_TIMEOUT);
        self.transport.close(deadline).await;
        Err(ClientError::ServerNotVerified(error))
    }
}

impl Shown {
    /// What the server knows after the next message of the client.
    fn after(self, mechanism: Mechanism) -> Self {
        let user_first = mechanism.scram_hash().is_some() || mechanism == Mechanism::Login;
        if self == Self::Nothing && user_first { Self::User } else { Self::Credentials }
    }
}

/// Classifies a failure. Nothing else is tried if the credentials may be wrong, or if the server reports another
/// problem.
fn judged(mechanism: Mechanism, failure: Failure) -> Attempt {
    let Failure { error, shown, .. } = failure;
    if shown == Shown::Credentials {
        return Attempt::Failed(error);
    }
    let bound = mechanism.needs_channel_binding();
    if let ClientError::Refused(refusal) = error {
        let lasting = matches!(refusal.advice(), Advice::Unknown | Advice::OtherCredentials);
        return if lasting && bound {
            Attempt::Unbound(ClientError::Refused(refusal))
        } else if lasting && shown == Shown::Nothing {
            Attempt::TurnedDown(refusal)
        } else {
            // After the user name, the reason may be the user or the flag for channel binding.
            Attempt::Failed(ClientError::Refused(refusal))
        };
    }
    let about_binding = matches!(
        error,
        ClientError::Exchange(ExchangeError::Denied(
            Denial::UnsupportedChannelBindingType | Denial::ChannelBindingNotSupported
        ))
    );
    if bound && about_binding { Attempt::Unbound(error) } else { Attempt::Failed(error) }
}

/// The mechanism of SCRAM without binding that belongs to one with it.
pub(super) fn unbound(mechanism: Mechanism) -> Option<Mechanism> {
    Mechanism::parse(mechanism.name().strip_suffix("-PLUS")?.as_bytes())
}
