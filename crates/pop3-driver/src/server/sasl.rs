//! AUTH: joins the core's frame of an exchange to the mechanisms of `pop3-sasl`.

mod open;
mod settings;
mod shared;

pub use settings::Sasl;

use std::sync::Arc;

use pop3_proto::server::{Answer, Needs, OfferedMechanism, SaslRequest, ServerConnection};
use pop3_proto::{MechanismName, Rejection};
use pop3_sasl::server::{Offer, ServerExchange};
use pop3_sasl::{ChannelBindings, Mechanism};

use crate::backend::{Backend, Context};
use crate::tls::TlsInfo;
use open::Open;

/// The exchanges of one session.
#[derive(Debug)]
pub(super) struct Exchanges {
    settings: Arc<Sasl>,
    offer: Offer,
    open: Option<Box<Open>>,
}

/// What an exchange's step comes to.
pub(super) struct Outcome {
    pub(super) answer: Answer,
    /// The name of the user who has logged in.
    pub(super) user: Option<Vec<u8>>,
    /// The mechanism in which that was.
    pub(super) mechanism: Option<MechanismName>,
}

impl Exchanges {
    pub(super) const fn new(settings: Arc<Sasl>) -> Self {
        Self { settings, offer: Offer::new(), open: None }
    }

    /// Notes what TLS the client is in, as far as it is the client's own: a proxy's certificate is not the
    /// client's, who can't be bound to it either.
    pub(super) fn carried_by(&mut self, tls: Option<&TlsInfo>) {
        let bindings = tls.map_or_else(ChannelBindings::none, |tls| tls.bindings.clone());
        self.offer.carried_by(bindings, tls.is_some_and(|tls| !tls.certificates.is_empty()));
    }

    /// Tells the connection what is offered on it.
    pub(super) fn offer<B: Backend>(&mut self, backend: &B, connection: &mut ServerConnection) {
        let allowed = self.offer.select(backend.mechanisms());
        let offered = allowed.into_iter().filter_map(|mechanism| {
            let name = MechanismName::parse(mechanism.name().as_bytes())?;
            Some(OfferedMechanism::new(name, needs(mechanism)))
        });
        connection.set_mechanisms(shared::list(&offered.collect::<Vec<_>>()));
    }

    /// Leads a step of an exchange.
    pub(super) async fn step<B: Backend>(
        &mut self,
        request: SaslRequest,
        backend: &mut B,
        connection: &mut ServerConnection,
        context: &Context,
    ) -> Outcome {
        let utf8 = connection.session().is_utf8();
        let step = match request {
            SaslRequest::Begin { mechanism, initial, .. } => match self.begin(mechanism) {
                Ok(open) => {
                    let open = self.open.insert(Box::new(open));
                    open.exchange.begin(initial.as_ref().map(|initial| initial.expose().as_slice()))
                }
                Err(rejection) => return Outcome::of(Answer::Abandon(rejection)),
            },
            SaslRequest::Respond(octets) => {
                let Some(open) = &mut self.open else { return Outcome::misused() };
                open.exchange.respond(octets.expose())
            }
            SaslRequest::Cancel => {
                let Some(open) = &mut self.open else { return Outcome::misused() };
                open.exchange.cancel()
            }
        };
        let Ok(step) = step else { return self.end(Outcome::misused(), backend, connection) };
        let Some(open) = &mut self.open else { return Outcome::misused() };
        let outcome = open.follow(step, backend, utf8, context).await;
        if matches!(outcome.answer, Answer::Challenge(_)) {
            return outcome;
        }
        self.end(outcome, backend, connection)
    }

    fn begin(&self, name: MechanismName) -> Result<Open, Rejection> {
        // The protocol crate only requests mechanisms that were offered.
        let mechanism = Mechanism::parse(name.as_str().as_bytes());
        let mechanism = mechanism.ok_or_else(|| Rejection::plain("this mechanism is not available"))?;
        let setup = self.settings.setup();
        let setup =
            setup.map_err(|_| Rejection::temporary("the server has no random octets at the moment"))?;
        Ok(Open::new(ServerExchange::new(mechanism, self.offer.complete(setup)), name))
    }

    /// Forgets the exchange, as the backend does not answer.
    pub(super) fn give_up<B: Backend>(
        &mut self,
        rejection: Rejection,
        backend: &B,
        connection: &mut ServerConnection,
    ) -> Outcome {
        self.end(Outcome::of(Answer::Reject(rejection)), backend, connection)
    }

    /// Forgets the exchange. One with channel binding that has failed is the last of its kind.
    fn end<B: Backend>(
        &mut self,
        outcome: Outcome,
        backend: &B,
        connection: &mut ServerConnection,
    ) -> Outcome {
        if let Some(open) = self.open.take()
            && !matches!(outcome.answer, Answer::Accept(_) | Answer::TakeOver)
            && self.offer.failed(open.exchange.mechanism())
        {
            self.offer(backend, connection);
        }
        outcome
    }
}

impl Outcome {
    const fn of(answer: Answer) -> Self {
        Self { answer, user: None, mechanism: None }
    }

    /// The core does not ask for what is not open.
    fn misused() -> Self {
        Self::of(Answer::Abandon(Rejection::plain("malformed response")))
    }
}

/// What the core has to see to before it takes the mechanism.
const fn needs(mechanism: Mechanism) -> Needs {
    if mechanism.needs_tls() {
        Needs::Tls
    } else if mechanism.exposes_secret() {
        Needs::Privacy
    } else {
        Needs::Nothing
    }
}
