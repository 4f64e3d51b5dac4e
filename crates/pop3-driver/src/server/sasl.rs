//! AUTH: an exchange of `pop3-sasl` between the core and the backend.

use std::io;
use std::sync::{Arc, OnceLock};

use pop3_proto::server::{
    Accepted, Answer, Connection, Credentials, KeyedDigest, Needs, OfferedMechanism, Proof, SaslRequest,
};
use pop3_proto::{MechanismName, Rejection, Secret};
use pop3_sasl::saslprep::{Kind, prepare};
use pop3_sasl::server::{self as sasl, Exchange, Failure, Identity, Question, Setup, Step, TokenRefusal};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce};

use crate::backend::Backend;
use crate::tls::TlsInfo;

/// What a server's exchanges of SASL have in common. One value serves all connections.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Sasl {
    /// What makes the salts of users who do not exist (RFC 5802 section 5.1). Default: random octets, new
    /// with each process. Give a server 32 random octets that stay the same, or a restart changes the salts
    /// of those users, and of nobody else.
    pub decoy_key: Option<Secret<[u8; 32]>>,
    /// The iterations that users who do not exist seem to have: those with which keys are usually made.
    /// Default: 4096.
    pub decoy_iterations: Option<u32>,
    /// The server's own host names. A client of OAUTHBEARER that means another is refused (RFC 7628
    /// section 3.2); the first stands in the challenges of CRAM-MD5. Default: none, and any is taken.
    pub hosts: Vec<String>,
    /// The ports at which the server is known, like the hosts. Default: none, and any is taken.
    pub ports: Vec<u16>,
    /// What a client is told whose token is refused. Default: that it is invalid.
    pub token_refusal: TokenRefusal,
}

impl Sasl {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`decoy_key`](Self::decoy_key).
    #[must_use]
    pub fn with_decoy_key(mut self, key: [u8; 32]) -> Self {
        self.decoy_key = Some(Secret::new(key));
        self
    }

    /// Sets [`decoy_iterations`](Self::decoy_iterations).
    #[must_use]
    pub const fn with_decoy_iterations(mut self, iterations: u32) -> Self {
        self.decoy_iterations = Some(iterations);
        self
    }

    /// Adds to [`hosts`](Self::hosts).
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Adds to [`ports`](Self::ports).
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Sets [`token_refusal`](Self::token_refusal).
    #[must_use]
    pub fn with_token_refusal(mut self, refusal: TokenRefusal) -> Self {
        self.token_refusal = refusal;
        self
    }
}

/// The exchanges of one session.
#[derive(Debug)]
pub(super) struct Exchanges {
    settings: Arc<Sasl>,
    /// What the connection can be bound to.
    bindings: ChannelBindings,
    /// Whether the client has shown a certificate.
    certified: bool,
    open: Option<Box<Open>>,
    /// Whether a -PLUS mechanism was ever offered.
    plus_offered: bool,
    /// Whether an exchange with channel binding has failed: the exporter's octets serve only once
    /// (RFC 9266 section 4.1).
    plus_spent: bool,
}

/// An exchange under way.
#[derive(Debug)]
struct Open {
    exchange: Exchange,
    name: MechanismName,
    /// Whose keys the backend was asked for.
    keys_of: Option<String>,
    /// The maildrop, once it is open.
    accepted: Option<Accepted>,
    /// Why the backend has refused, while the client is still told of it.
    rejection: Option<Rejection>,
}

/// What an exchange's step comes to.
pub(super) struct Outcome {
    pub(super) answer: Answer,
    /// The name of who has logged in.
    pub(super) user: Option<Vec<u8>>,
    /// The mechanism in which that was.
    pub(super) mechanism: Option<MechanismName>,
}

impl Exchanges {
    pub(super) const fn new(settings: Arc<Sasl>) -> Self {
        Self {
            settings,
            bindings: ChannelBindings::none(),
            certified: false,
            open: None,
            plus_offered: false,
            plus_spent: false,
        }
    }

    /// Notes what TLS the client is in, as far as it is the client's own: a proxy's certificate is not the
    /// client's, who can't be bound to it either.
    pub(super) fn carried_by(&mut self, tls: Option<&TlsInfo>) {
        self.bindings = tls.map_or_else(ChannelBindings::none, |tls| tls.bindings.clone());
        self.certified = tls.is_some_and(|tls| !tls.certificates.is_empty());
        self.plus_offered = false;
    }

    /// Tells the connection what is offered on it.
    pub(super) fn offer<B: Backend>(&mut self, backend: &B, connection: &mut Connection) {
        let bound = !self.plus_spent && !self.bindings.is_empty();
        let mut offered = Vec::new();
        for mechanism in backend.mechanisms() {
            let external = mechanism == Mechanism::External;
            if (external && !self.certified) || (mechanism.needs_channel_binding() && !bound) {
                continue;
            }
            let needs = if external || mechanism.needs_channel_binding() {
                Needs::Tls
            } else if mechanism.exposes_secret() {
                Needs::Privacy
            } else {
                Needs::Nothing
            };
            self.plus_offered |= mechanism.needs_channel_binding();
            if let Ok(name) = MechanismName::parse(mechanism.name().as_bytes()) {
                offered.push(OfferedMechanism::new(name, needs));
            }
        }
        connection.set_mechanisms(offered);
    }

    /// Leads a step of an exchange.
    pub(super) async fn step<B: Backend>(
        &mut self,
        request: SaslRequest,
        backend: &mut B,
        connection: &mut Connection,
    ) -> Outcome {
        let utf8 = connection.session().is_utf8();
        let step = match request {
            SaslRequest::Begin { mechanism, initial } => match self.begin(mechanism) {
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
        let outcome = open.follow(step, backend, utf8).await;
        if matches!(outcome.answer, Answer::Challenge(_)) {
            return outcome;
        }
        self.end(outcome, backend, connection)
    }

    fn begin(&self, name: MechanismName) -> Result<Open, Rejection> {
        // The core has asked for one of those that were offered.
        let mechanism = Mechanism::parse(name.as_str().as_bytes());
        let mechanism = mechanism.ok_or_else(|| Rejection::plain("this mechanism is not available"))?;
        let settings = &*self.settings;
        let fault = |_| Rejection::temporary("there are no random octets");
        let mut random = [0; 18];
        getrandom::fill(&mut random).map_err(|_| fault(()))?;
        let key = match &settings.decoy_key {
            Some(key) => key.expose().as_slice(),
            None => process_key().map_err(|_| fault(()))?.expose(),
        };
        let mut setup = Setup::new(Nonce::from_random(random), key)
            .with_plus_offered(self.plus_offered)
            .with_hosts(&settings.hosts)
            .with_ports(settings.ports.iter().copied())
            .with_token_refusal(settings.token_refusal.clone())
            .with_bindings(self.bindings.clone());
        if let Some(iterations) = settings.decoy_iterations {
            setup = setup.with_fake_iterations(iterations);
        }
        let exchange = Exchange::new(mechanism, setup);
        Ok(Open { exchange, name, keys_of: None, accepted: None, rejection: None })
    }

    /// Forgets the exchange. One with channel binding that has failed is the last of its kind.
    fn end<B: Backend>(&mut self, outcome: Outcome, backend: &B, connection: &mut Connection) -> Outcome {
        let bound = self.open.take().is_some_and(|open| open.exchange.mechanism().needs_channel_binding());
        if bound && !matches!(outcome.answer, Answer::Accept(_)) && !self.plus_spent {
            self.plus_spent = true;
            self.offer(backend, connection);
        }
        outcome
    }
}

impl Open {
    /// Goes from step to step until the client is to hear something.
    async fn follow<B: Backend>(&mut self, mut step: Step, backend: &mut B, utf8: bool) -> Outcome {
        loop {
            let question = match step {
                Step::Challenge(octets) => {
                    return Outcome::of(Answer::Challenge(octets));
                }
                Step::Done(identity) => return self.done(identity, backend, utf8).await,
                Step::Fail(failure) => return Outcome::of(self.fail(failure, backend)),
                Step::Ask(question) => question,
            };
            let answer = match self.ask(question, backend, utf8).await {
                Ok(answer) => answer,
                Err(rejection) => return Outcome::of(Answer::Reject(rejection)),
            };
            step = match self.exchange.answer(answer) {
                Ok(step) => step,
                // Keys for another hash than the one that was asked for: the backend's bug.
                Err(_) => {
                    return Outcome::of(Answer::Reject(Rejection::temporary("the keys can't be used")));
                }
            };
        }
    }

    /// Asks the backend.
    ///
    /// # Errors
    /// What is to be said at once: the exchange is over.
    async fn ask<B: Backend>(
        &mut self,
        question: Question,
        backend: &mut B,
        utf8: bool,
    ) -> Result<sasl::Answer, Rejection> {
        let credentials = match question {
            Question::Keys { name, hash, .. } => {
                let keys = backend.scram_keys(&name, hash).await.map(sasl::Answer::Keys);
                self.keys_of = Some(name);
                return keys;
            }
            Question::Password { name, authorization, password } => {
                let proof = Proof::Password(password);
                named(Some(name), proof).with_authorization(authorization.map(String::into_bytes))
            }
            Question::CramMd5(digest) => {
                let name = digest.name().to_owned();
                let verify = KeyedDigest::new(move |secret| digest.prove(secret));
                named(Some(name), Proof::CramMd5(verify))
            }
            Question::Token { name, token, .. } => {
                let proof = Proof::Token(token);
                let credentials = named(name, proof).with_mechanism(self.name).with_utf8(utf8);
                return match authenticate(credentials, backend).await {
                    Ok(accepted) => {
                        self.accepted = Some(accepted);
                        Ok(sasl::Answer::Granted)
                    }
                    // The client is told in the words of OAuth first (RFC 7628 section 3.2.2).
                    Err(rejection) if rejection.is_of_credentials() => {
                        self.rejection = Some(rejection);
                        Ok(sasl::Answer::Refused)
                    }
                    Err(rejection) => Err(rejection),
                };
            }
            Question::Certificate { name } => named(name, Proof::Certificate),
            Question::Anonymous { trace } => named(Some("anonymous".to_owned()), Proof::Anonymous { trace }),
        };
        let credentials = credentials.with_mechanism(self.name).with_utf8(utf8);
        self.accepted = Some(authenticate(credentials, backend).await?);
        Ok(sasl::Answer::Granted)
    }

    /// The client is who it says: the maildrop is open already, but after SCRAM.
    async fn done<B: Backend>(&mut self, identity: Identity, backend: &mut B, utf8: bool) -> Outcome {
        let maildrop = identity.acts_as().map(|name| name.as_bytes().to_vec());
        let accepted = match self.accepted.take() {
            Some(accepted) => Ok(accepted),
            None => {
                let credentials = named(identity.name, Proof::Scram)
                    .with_authorization(identity.authorization.map(String::into_bytes))
                    .with_mechanism(self.name);
                authenticate(credentials.with_utf8(utf8), backend).await
            }
        };
        match accepted {
            Ok(accepted) => {
                Outcome { answer: Answer::Accept(accepted), user: maildrop, mechanism: Some(self.name) }
            }
            Err(rejection) => Outcome::of(Answer::Reject(rejection)),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a failure that is still to come is none of a login")]
    fn fail<B: Backend>(&mut self, failure: Failure, backend: &mut B) -> Answer {
        match failure {
            Failure::Refused => Answer::Reject(match (&self.keys_of, self.rejection.take()) {
                (_, Some(rejection)) => rejection,
                (Some(name), None) => backend.scram_refused(name),
                (None, None) => Rejection::credentials(),
            }),
            Failure::Unavailable => {
                Answer::Reject(Rejection::temporary("the credentials can't be verified now"))
            }
            Failure::Binding(_) => Answer::Abandon(Rejection::plain("channel binding failed")),
            // Malformed, or cancelled, of which the core knows more.
            _ => Answer::Abandon(Rejection::plain("malformed response")),
        }
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

fn named(name: Option<String>, proof: Proof) -> Credentials {
    Credentials::new(name.unwrap_or_default().into_bytes(), proof)
}

/// Asks the backend, but not on behalf of another whom the user may not act for.
async fn authenticate<B: Backend>(credentials: Credentials, backend: &mut B) -> Result<Accepted, Rejection> {
    if let Some(other) = &credentials.authorization
        && !backend.may_act_for(&credentials.name, other)
    {
        return Err(Rejection::credentials());
    }
    backend.authenticate(credentials).await
}

/// Prepares a name and a password that were typed after USER and PASS as those within AUTH are, if they are
/// not ASCII (RFC 6856 section 2.2, RFC 4013). `None` where they can't be anybody's.
pub(super) fn prepared(mut credentials: Credentials) -> Option<Credentials> {
    let own = |octets: &[u8]| {
        let text = core::str::from_utf8(octets).ok()?;
        prepare(text, Kind::Query).ok().map(|text| text.into_owned().into_bytes())
    };
    if !credentials.name.is_ascii() {
        credentials.name = own(&credentials.name)?;
    }
    if let Proof::Password(password) = &mut credentials.proof
        && !password.expose().is_ascii()
        // One in another charset is as it was set.
        && let Some(prepared) = own(password.expose())
    {
        *password = Secret::new(prepared);
    }
    Some(credentials)
}

/// Random octets that stay the same as long as the process runs.
fn process_key() -> io::Result<&'static Secret<[u8; 32]>> {
    static KEY: OnceLock<Secret<[u8; 32]>> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(KEY.get_or_init(|| Secret::new(key)))
}
