//! Who is let in: all kinds of credentials, the brake on guessing, and the log of what is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_driver::Clock;
use pop3_driver::server::Peer;
use pop3_proto::server::{Credentials, Proof};
use pop3_proto::{Rejection, Secret};
use pop3_sasl::scram::{Hash, Keys};
use tracing::{error, info, warn};

use super::external;
use super::tokens::{Question, TokenCommand, Verdict};
use crate::throttle::{Throttle, TooMany};
use crate::users::{SaltKey, Table, UserName, Users};

/// Checks credentials.
#[derive(Debug)]
pub(super) struct Gatekeeper {
    users: Arc<Users>,
    salt_key: SaltKey,
    tokens: Option<TokenCommand>,
    throttle: Mutex<Throttle>,
    clock: Clock,
}

/// Why nobody is let in.
enum Refused {
    /// The credentials are not right; the text is for the log, and holds nothing from the client.
    Credentials(&'static str),
    /// They could not be checked.
    Fault,
}

/// The name of the maildrop of ANONYMOUS.
const ANONYMOUS: &[u8] = b"anonymous";

impl Gatekeeper {
    pub(super) fn new(users: Arc<Users>, salt_key: SaltKey, tokens: Option<TokenCommand>) -> Self {
        Self { users, salt_key, tokens, throttle: Throttle::new().into(), clock: Clock::start() }
    }

    /// The users as they are now.
    pub(super) fn table(&self) -> Arc<Table> {
        self.users.table()
    }

    /// The user whose credentials these are.
    pub(super) fn check(&self, credentials: &Credentials, peer: &Peer) -> Result<UserName, Rejection> {
        let address = peer.address.ip();
        // The try was counted when the keys were asked for.
        let counted = credentials.is_proved();
        // The wait is not slept here, where it would hold up others: it holds the answer back.
        let wait = if counted { None } else { Some(self.attempt(peer)?) }.unwrap_or_default();
        match self.user(credentials, peer) {
            Ok(user) => {
                self.throttle().succeeded(address);
                Ok(user)
            }
            Err(Refused::Credentials(why)) => {
                let mechanism = mechanism(credentials);
                let user = credentials.name.escape_ascii();
                warn!(peer = %address, %user, mechanism, why, "login refused");
                let delay = self.throttle().failed(address, self.clock.now());
                Err(Rejection::credentials().with_delay(wait + delay))
            }
            Err(Refused::Fault) => Err(Rejection::temporary("the credentials can't be checked now")),
        }
    }

    /// The keys for this name, whether there is such a user or not. It counts as a try.
    pub(super) fn scram_keys(&self, name: &str, hash: Hash, peer: &Peer) -> Result<Keys, Rejection> {
        self.attempt(peer)?;
        Ok(self.users.scram_keys(name.as_bytes(), hash, &self.salt_key))
    }

    /// The keys did not fit.
    pub(super) fn scram_refused(&self, name: &str, peer: &Peer) -> Rejection {
        let address = peer.address.ip();
        let user = name.as_bytes().escape_ascii();
        warn!(peer = %address, %user, mechanism = "SCRAM", why = WRONG, "login refused");
        let now = self.clock.now();
        let mut throttle = self.throttle();
        let wait = throttle.backlog(address, now);
        Rejection::credentials().with_delay(wait + throttle.failed(address, now))
    }

    fn attempt(&self, peer: &Peer) -> Result<core::time::Duration, Rejection> {
        let address = peer.address.ip();
        self.throttle().attempt(address, self.clock.now()).map_err(|TooMany| {
            warn!(peer = %address, "login not tried: too many from this address");
            Rejection::temporary("too many logins from your address, try again later")
        })
    }

    fn user(&self, credentials: &Credentials, peer: &Peer) -> Result<UserName, Refused> {
        if credentials.authorization.is_some() {
            return Err(Refused::Credentials("nobody may act for another"));
        }
        let name = &credentials.name;
        let user = match &credentials.proof {
            Proof::Password(password) => self.users.verify(name, password.expose()),
            Proof::Apop { .. } | Proof::CramMd5 { .. } => {
                self.table().prove(name, |secret| credentials.prove(secret))
            }
            // The users may have been read again meanwhile.
            Proof::Scram => self.table().find(name),
            Proof::Token(token) => return self.token(name, token, mechanism(credentials), peer),
            Proof::Certificate => return self.certificate(name, peer),
            Proof::Anonymous { trace } => {
                info!(peer = %peer.address.ip(), trace = %trace.escape_debug(), "anonymous");
                UserName::parse(ANONYMOUS)
            }
            // A kind of proof that is not known proves nothing.
            _ => None,
        };
        user.ok_or(Refused::Credentials(WRONG))
    }

    fn certificate(&self, name: &[u8], peer: &Peer) -> Result<UserName, Refused> {
        let shown = peer.tls.as_ref().and_then(|tls| tls.certificates.first());
        let shown = shown.ok_or(Refused::Credentials("there is no certificate"))?;
        external::user(shown, name, &self.table()).map_err(Refused::Credentials)
    }

    fn token(
        &self,
        name: &[u8],
        token: &Secret<Vec<u8>>,
        mechanism: &str,
        peer: &Peer,
    ) -> Result<UserName, Refused> {
        let wrong = Refused::Credentials;
        let command = self.tokens.as_ref().ok_or(wrong("tokens can't be checked"))?;
        let asked = UserName::parse(name);
        if asked.is_none() && !name.is_empty() {
            return Err(wrong("the name can't be a user's"));
        }
        // Asked for unknown users too, so that they cost the same.
        let asked_name = asked.as_ref().map_or("", UserName::as_str);
        let peer = peer.address.ip();
        let verdict = command.ask(&Question { mechanism, name: asked_name, peer, token });
        let said = match verdict {
            Ok(Verdict::Good(said)) => said,
            Ok(Verdict::Bad) => return Err(wrong("the token is bad")),
            Err(fault) => {
                error!(%peer, user = asked_name, "{fault}");
                return Err(Refused::Fault);
            }
        };
        let user = match (asked, said) {
            (asked, None) => asked.ok_or(wrong("neither the client nor the token command named a user"))?,
            (asked, Some(said)) => {
                let said = UserName::parse(&said).ok_or(wrong("the token command named nobody"))?;
                if asked.is_some_and(|asked| asked != said) {
                    return Err(wrong("the token is another user's"));
                }
                said
            }
        };
        self.table()
            .find(user.as_str().as_bytes())
            .ok_or(wrong("the token is good, but there is no such user"))
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const WRONG: &str = "unknown name or wrong secret";

/// How the credentials came, for the log.
fn mechanism(credentials: &Credentials) -> &str {
    match (&credentials.mechanism, &credentials.proof) {
        (Some(mechanism), _) => mechanism.as_str(),
        (None, Proof::Apop { .. }) => "APOP",
        (None, _) => "PASS",
    }
}
