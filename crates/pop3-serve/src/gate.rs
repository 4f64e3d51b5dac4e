//! Who is let in: all kinds of credentials, the brake on guessing, and the log of what is refused.

#[cfg(test)]
mod tests;

use core::net::{IpAddr, Ipv4Addr};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pop3_driver::backend::{LoginAttempt, Proof};
use pop3_driver::server::Peer;
use pop3_proto::Rejection;
use pop3_sasl::scram::{Hash, Keys};
use tracing::{error, info, warn};

use super::brake::{Attempt, Brake};
use super::external;
use super::tokens::{MOST, MOST_OF_ONE, Question, TokenCommand, Verdict};
use super::workers::{Bounds, Client, Undone, Workers};
use crate::error::ServeError;
use crate::throttle::{LONGEST_WAIT, TooMany};
use crate::users::{DecoyKey, LoggedIn, UserName, Users, check};

/// Checks all kinds of credentials, slows down guessing, and logs refused logins.
///
/// Slow checks run on separate threads, so that they do not block other work. Failed logins are counted for each
/// client address, never for each user, so that nobody can lock out a user from elsewhere. An IPv6 /64 network counts
/// as one address.
///
/// A [`Server`](crate::Server) has its own gatekeeper. Create one yourself for a backend with another mail store.
#[derive(Debug)]
pub struct Gatekeeper {
    users: Arc<dyn Users>,
    decoy_key: Arc<DecoyKey>,
    hashes: Workers,
    tokens: Option<Tokens>,
    brake: Brake,
}

/// The command that checks tokens, and the threads that wait for it.
#[derive(Debug)]
struct Tokens {
    command: Arc<TokenCommand>,
    workers: Workers,
}

/// Why nobody is let in.
enum Refused {
    /// The credentials are not right; the text is for the log, and holds nothing from the client.
    Credentials(&'static str),
    /// They could not be checked.
    Fault,
    /// Their turn to be checked did not come.
    Undone(Undone),
}

impl From<Undone> for Refused {
    fn from(undone: Undone) -> Self {
        Self::Undone(undone)
    }
}

/// The name of the maildrop of ANONYMOUS.
const ANONYMOUS: &[u8] = b"anonymous";

impl Gatekeeper {
    /// Creates a gatekeeper and starts its threads: one or two for each processor, and more if there are tokens to
    /// check.
    ///
    /// `decoy_key` is the key for the salts of users who have no SCRAM keys.
    ///
    /// # Errors
    /// Returns an error if the system cannot start the threads.
    pub fn new(
        users: Arc<dyn Users>,
        decoy_key: Arc<DecoyKey>,
        tokens: Option<Arc<TokenCommand>>,
    ) -> Result<Self, ServeError> {
        let start = |bounds| {
            let cant =
                |error| ServeError::system(format!("can't start the threads that check logins: {error}"));
            Workers::start(bounds).map_err(cant)
        };
        let tokens = match tokens {
            Some(command) => Some(Tokens { command, workers: start(TOKENS)? }),
            None => None,
        };
        Ok(Self { users, decoy_key, hashes: start(hashes())?, tokens, brake: Brake::new() })
    }

    /// Returns the source of the users.
    #[must_use]
    pub fn users(&self) -> &dyn Users {
        &*self.users
    }

    /// Starts no further checks, and refuses those that are waiting.
    pub fn close(&self) {
        self.hashes.close();
        if let Some(tokens) = &self.tokens {
            tokens.workers.close();
        }
    }

    /// Checks credentials and returns the user. A check that has not started by `until` is refused. Dropping the
    /// future cancels the check, which then counts as a failed login.
    ///
    /// # Errors
    /// Returns the reply for the client, and how long to delay it. The reply does not reveal whether the user exists.
    pub async fn check(
        &self,
        attempt: &Arc<LoginAttempt>,
        peer: &Peer,
        until: Instant,
    ) -> Result<LoggedIn, Rejection> {
        // The attempt was counted when the keys were requested.
        let counted = attempt.is_proved();
        let guess = if counted { self.brake.resumed(ip(peer)) } else { self.attempt(peer)? };
        // Do not sleep here, which would delay others. The reply is delayed instead.
        let turn = Turn { client: client(peer, &guess), until };
        match self.user(attempt, peer, turn).await {
            Ok(user) => {
                guess.succeeded();
                Ok(user)
            }
            Err(Refused::Credentials(why)) => {
                let delay = guess.failed();
                let user = String::from_utf8_lossy(&attempt.name);
                let (session, peer, mechanism) = (peer.session, ip(peer), mechanism(attempt));
                warn!(%session, %peer, user = &*user, mechanism, why, "login refused");
                Err(Rejection::credentials().with_delay(delay))
            }
            Err(Refused::Fault) => {
                guess.left_open();
                Err(cant_check())
            }
            Err(Refused::Undone(undone)) => {
                guess.left_open();
                Err(not_tried(peer, undone))
            }
        }
    }

    /// Returns the SCRAM keys for this name. If the user does not exist, it returns decoy keys. This starts an
    /// attempt to log in: report its result with [`check`](Self::check) or [`scram_refused`](Self::scram_refused).
    ///
    /// # Errors
    /// Returns the reply for the client if the keys are not available now.
    pub async fn scram_keys(
        &self,
        name: &str,
        hash: Hash,
        peer: &Peer,
        until: Instant,
    ) -> Result<Keys, Rejection> {
        let guess = self.attempt(peer)?;
        let turn = Turn { client: client(peer, &guess), until };
        let costly = self.users.profile().makes_keys(hash);
        let (name, decoy_key) = (name.to_owned(), Arc::clone(&self.decoy_key));
        let look_up = move |users: &dyn Users| check::scram_keys(users, name.as_bytes(), hash, &decoy_key);
        let keys = self.ask(turn, costly, look_up).await;
        guess.left_open();
        keys.map_err(|refused| match refused {
            Refused::Undone(undone) => not_tried(peer, undone),
            Refused::Credentials(_) | Refused::Fault => cant_check(),
        })
    }

    /// Records that the client failed to prove that it knows the password. Returns the reply for the client.
    pub fn scram_refused(&self, name: &str, peer: &Peer) -> Rejection {
        let address = ip(peer);
        let delay = self.brake.resumed(address).failed();
        warn!(session = %peer.session, peer = %address, user = name, mechanism = "SCRAM", why = WRONG, "login refused");
        Rejection::credentials().with_delay(delay)
    }

    fn attempt(&self, peer: &Peer) -> Result<Attempt<'_>, Rejection> {
        let address = ip(peer);
        self.brake.attempt(address).map_err(|TooMany| {
            warn!(session = %peer.session, peer = %address, "login not checked: too many from this address");
            // Delay the reply. Otherwise one connection could cause any number of refusals, each with a log line.
            let text = "too many logins from your address, try again later";
            Rejection::temporary(text).with_delay(LONGEST_WAIT)
        })
    }

    async fn user(&self, attempt: &Arc<LoginAttempt>, peer: &Peer, turn: Turn) -> Result<LoggedIn, Refused> {
        if attempt.authorization.is_some() {
            return Err(Refused::Credentials("acting as another user is not allowed"));
        }
        let name = &attempt.name;
        let user = match &attempt.proof {
            Proof::Password(_) => self.password(attempt, turn).await?,
            Proof::Apop { .. } | Proof::CramMd5(_) => {
                let attempt = Arc::clone(attempt);
                let prove = move |users: &dyn Users| {
                    check::digest(users, &attempt.name, |secret| attempt.prove(secret))
                };
                self.ask(turn, false, prove).await?
            }
            // The user may have been removed in the meantime.
            Proof::Scram => self.find(name, turn).await?,
            Proof::Token(_) => return self.token(attempt, peer, turn).await,
            Proof::Certificate => return self.certificate(name, peer, turn).await,
            Proof::Anonymous { trace } => {
                info!(session = %peer.session, peer = %ip(peer), trace = trace.as_str(), "anonymous");
                return self.anonymous(turn).await;
            }
            // An unknown kind of proof proves nothing.
            _ => None,
        };
        user.ok_or(Refused::Credentials(WRONG))
    }

    /// The user whose password this is.
    async fn password(&self, attempt: &Arc<LoginAttempt>, turn: Turn) -> Result<Option<LoggedIn>, Refused> {
        let attempt = Arc::clone(attempt);
        let costly = self.users.profile().computes_hashes();
        let verify = move |users: &dyn Users| {
            let Proof::Password(password) = &attempt.proof else { return Ok(None) };
            check::password(users, &attempt.name, password.expose())
        };
        self.ask(turn, costly, verify).await
    }

    /// The user of this name, if there is one.
    async fn find(&self, name: &[u8], turn: Turn) -> Result<Option<LoggedIn>, Refused> {
        let name = name.to_owned();
        self.ask(turn, false, move |users| check::name(users, &name)).await
    }

    async fn anonymous(&self, turn: Turn) -> Result<LoggedIn, Refused> {
        let name = UserName::parse(ANONYMOUS).ok_or(Refused::Credentials(WRONG))?;
        self.ask(turn, false, |users| check::vouched(name, users)).await
    }

    async fn certificate(&self, name: &[u8], peer: &Peer, turn: Turn) -> Result<LoggedIn, Refused> {
        let shown = peer.tls.as_ref().and_then(|tls| tls.certificates.first());
        let shown = shown.ok_or(Refused::Credentials("there is no certificate"))?;
        let (shown, name) = (shown.clone(), name.to_owned());
        let owner = move |users: &dyn Users| match external::user(&shown, &name, users)? {
            Ok(name) => check::vouched(name, users).map(Ok),
            Err(why) => Ok(Err(why)),
        };
        self.ask(turn, false, owner).await?.map_err(Refused::Credentials)
    }

    /// Has the users asked; by a worker, where that takes long.
    async fn ask<T: Send + 'static>(
        &self,
        turn: Turn,
        costly: bool,
        question: impl FnOnce(&dyn Users) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let users = Arc::clone(&self.users);
        let work = move || question(&*users);
        let answer = if costly || self.users.may_block() {
            self.hashes.run(turn.client, turn.until, work).await?
        } else {
            work()
        };
        answer.map_err(|error| {
            error!(%error, "the users could not be looked up");
            Refused::Fault
        })
    }

    async fn token(&self, attempt: &Arc<LoginAttempt>, peer: &Peer, turn: Turn) -> Result<LoggedIn, Refused> {
        let wrong = Refused::Credentials;
        let tokens = self.tokens.as_ref().ok_or(wrong("tokens can't be checked"))?;
        let name = &attempt.name;
        let asked = UserName::parse(name);
        if asked.is_none() && !name.is_empty() {
            return Err(wrong("the name is not a valid user name"));
        }
        let (session, peer) = (peer.session, ip(peer));
        let (command, attempt, name) = (Arc::clone(&tokens.command), Arc::clone(attempt), asked.clone());
        let ask = move || {
            let Proof::Token(token) = &attempt.proof else { return Ok(Verdict::Bad) };
            let mechanism = mechanism(&attempt);
            // Do this for unknown users, too, so that they take the same time.
            let name = name.as_ref().map_or("", UserName::as_str);
            command.ask(&Question { mechanism, name, peer, token })
        };
        let verdict = tokens.workers.run(turn.client, turn.until, ask).await?;
        let said = match verdict {
            Ok(Verdict::Good(said)) => said,
            Ok(Verdict::Bad) => return Err(wrong("the token is invalid")),
            Err(fault) => {
                let user = asked.as_ref().map_or("", UserName::as_str);
                error!(%session, %peer, user, fault = %fault, "a token could not be checked");
                return Err(Refused::Fault);
            }
        };
        let user = match (asked, said) {
            (asked, None) => asked.ok_or(wrong("neither the client nor the token command named a user"))?,
            (asked, Some(said)) => {
                let said = UserName::parse(&said).ok_or(wrong("the token command printed a bad name"))?;
                if asked.is_some_and(|asked| asked != said) {
                    return Err(wrong("the token belongs to another user"));
                }
                said
            }
        };
        let user = self.find(user.as_str().as_bytes(), turn).await?;
        user.ok_or(wrong("the token is valid, but there is no such user"))
    }
}

/// The address that logins are counted by, and that is logged. Peers without an address count as one.
pub(super) fn ip(peer: &Peer) -> IpAddr {
    peer.ip().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Whose turn a check is, and when it is too late for it.
#[derive(Clone, Copy)]
struct Turn {
    client: Client,
    until: Instant,
}

/// For whom a check is made.
fn client(peer: &Peer, guess: &Attempt<'_>) -> Client {
    Client { source: ip(peer).into(), suspect: guess.is_suspect() }
}

/// What a client is told whose credentials can't be checked.
fn cant_check() -> Rejection {
    Rejection::temporary("the credentials can't be checked at the moment")
}

/// Whether a rejection is because of too many logins: from one address, or of all.
pub(super) fn is_of_limit(rejection: &Rejection) -> bool {
    !rejection.is_of_credentials() && rejection.delay() == LONGEST_WAIT
}

/// What a client is told whose credentials were not looked at.
fn not_tried(peer: &Peer, undone: Undone) -> Rejection {
    let (session, peer) = (peer.session, ip(peer));
    let text = "too many logins at the moment, try again later";
    match undone {
        Undone::Full => {
            warn!(%session, %peer, "login not checked: too many logins are waiting");
            // Held back as those are that come too often.
            Rejection::temporary(text).with_delay(LONGEST_WAIT)
        }
        Undone::Late => {
            warn!(%session, %peer, "login not checked: it timed out while waiting");
            Rejection::temporary(text)
        }
        Undone::Closed => Rejection::temporary("the server is shutting down"),
    }
}

/// The workers that compute hashes: one for each processor, as each takes memory too.
fn hashes() -> Bounds {
    let threads = thread::available_parallelism().map_or(2, usize::from);
    Bounds {
        name: "hash",
        threads,
        // Of several one is kept for others.
        running_of_one: threads.saturating_sub(1).max(1),
        waiting_of_one: 32,
        waiting: 512,
        yielding: true,
    }
}

/// The workers that wait for token commands.
const TOKENS: Bounds = Bounds {
    name: "tokens",
    threads: MOST,
    running_of_one: MOST_OF_ONE,
    waiting_of_one: 32,
    waiting: 256,
    yielding: false,
};

const WRONG: &str = "unknown name or wrong secret";

/// How the credentials came, for the log.
/// The method of a login, for the log.
pub(super) fn mechanism(attempt: &LoginAttempt) -> &'static str {
    match (&attempt.mechanism, &attempt.proof) {
        (Some(mechanism), _) => mechanism.name(),
        (None, Proof::Apop { .. }) => "APOP",
        (None, _) => "USER",
    }
}
