//! Who is let in: all kinds of credentials, the brake on guessing, and the log of what is refused.

#[cfg(test)]
mod awaited_tests;
mod look_ups;
mod outside;
mod replies;
#[cfg(test)]
mod tests;
mod threads;

use core::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use pop3_driver::backend::{LoginAttempt, Proof};
use pop3_driver::server::Peer;
use pop3_proto::Rejection;
use pop3_sasl::scram::{Hash, Keys};
use tracing::{info, warn};

pub(super) use self::replies::is_of_limit;
use self::replies::{cant_check, not_tried, too_many};
use self::threads::{PASSWORDS, TOKENS, hashes, start};
use super::brake::{Attempt, Brake};
use super::checks::{ExternalCheck, Kind};
use super::workers::{Client, Undone, Workers};
use crate::error::ServeError;
use crate::machine::{Machine, ThisMachine};
use crate::throttle::TooMany;
use crate::users::{DecoyKey, LoggedIn, Users, check};

/// Checks all kinds of credentials, slows down guessing, and logs refused logins.
///
/// Slow checks run on separate threads, so that they do not block other work. Failed logins are counted for each
/// client address, never for each user, so that nobody can lock out a user from elsewhere. An IPv6 /64 network counts
/// as one address.
///
/// A [`Server`](crate::Server) has its own gatekeeper. Create one yourself for a backend with another mail store.
#[derive(Debug)]
pub struct Gatekeeper {
    sources: RwLock<Arc<Sources>>,
    hashes: Workers,
    /// The threads that wait for others, as soon as they check passwords or tokens.
    passwords: OnceLock<Workers>,
    tokens: OnceLock<Workers>,
    brake: Brake,
    machine: Arc<dyn Machine>,
}

/// What credentials are checked against. A reload replaces it; what counts guesses stays.
#[derive(Clone, Debug)]
struct Sources {
    users: Arc<dyn Users>,
    decoy_key: Arc<DecoyKey>,
    passwords: Option<Arc<ExternalCheck>>,
    tokens: Option<Arc<ExternalCheck>>,
}

/// Why nobody is let in.
enum Refused {
    /// The credentials are not right; the text is for the log, and holds nothing from the client.
    Credentials(&'static str),
    /// They could not be checked.
    Fault,
    /// Their turn to be checked did not come.
    Undone(Undone),
    /// Too many of this address wait already.
    TooMany,
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
        tokens: Option<Arc<ExternalCheck>>,
    ) -> Result<Self, ServeError> {
        Self::on(ThisMachine::shared(), users, decoy_key, tokens)
    }

    /// Does the same on this machine. What asks other programs always has threads of its own.
    pub(crate) fn on(
        machine: Arc<dyn Machine>,
        users: Arc<dyn Users>,
        decoy_key: Arc<DecoyKey>,
        tokens: Option<Arc<ExternalCheck>>,
    ) -> Result<Self, ServeError> {
        let checkers = machine.checkers();
        let sources = Sources { users, decoy_key, passwords: None, tokens };
        let gatekeeper = Self {
            hashes: start(hashes(checkers.as_deref()), checkers)?,
            passwords: OnceLock::new(),
            tokens: OnceLock::new(),
            brake: Brake::new(&machine),
            sources: RwLock::new(sources.into()),
            machine,
        };
        if gatekeeper.sources().tokens.is_some() {
            gatekeeper.start_threads(Kind::Token)?;
        }
        Ok(gatekeeper)
    }

    /// The machine whose time counts.
    pub(crate) const fn machine(&self) -> &Arc<dyn Machine> {
        &self.machine
    }

    /// Has the passwords of PASS, PLAIN and LOGIN checked by another program, and not with those of the users. A user
    /// must still be found by name.
    ///
    /// # Errors
    /// Returns an error if the system cannot start the threads that wait for the program.
    pub fn with_passwords(self, passwords: Option<Arc<ExternalCheck>>) -> Result<Self, ServeError> {
        if passwords.is_some() {
            self.start_threads(Kind::Password)?;
        }
        let sources = Sources { passwords, ..(*self.sources()).clone() };
        Ok(Self { sources: RwLock::new(sources.into()), ..self })
    }

    /// Starts the threads that wait for another program, unless they run already.
    pub(super) fn start_threads(&self, kind: Kind) -> Result<(), ServeError> {
        let (threads, bounds) = match kind {
            Kind::Password => (&self.passwords, PASSWORDS),
            Kind::Token => (&self.tokens, TOKENS),
        };
        if threads.get().is_none() {
            // Another caller may have been faster. Its threads stay, and these end.
            let _ = threads.set(start(bounds, None)?);
        }
        Ok(())
    }

    /// Replaces what is checked against, for the logins that begin from now on. Failures and tries that were counted
    /// stay counted. `None` for the key keeps the old one. Call [`start_threads`](Self::start_threads) before, for what
    /// another program checks.
    pub(super) fn replace(
        &self,
        users: Arc<dyn Users>,
        decoy_key: Option<Arc<DecoyKey>>,
        passwords: Option<Arc<ExternalCheck>>,
        tokens: Option<Arc<ExternalCheck>>,
    ) {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        let decoy_key = decoy_key.unwrap_or_else(|| Arc::clone(&sources.decoy_key));
        let passwords = ExternalCheck::succeeding(passwords, sources.passwords.as_deref());
        let tokens = ExternalCheck::succeeding(tokens, sources.tokens.as_deref());
        *sources = Arc::new(Sources { users, decoy_key, passwords, tokens });
    }

    /// Returns the source of the users.
    #[must_use]
    pub fn users(&self) -> Arc<dyn Users> {
        Arc::clone(&self.sources().users)
    }

    fn sources(&self) -> Arc<Sources> {
        Arc::clone(&self.sources.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the failed logins of each address since the last call, at most 10,000 addresses. Of an IPv6 /64 network,
    /// it is the first address. Pass them to the [`add_failures`](Self::add_failures) of other servers.
    #[must_use]
    pub fn take_failures(&self) -> Vec<(IpAddr, u32)> {
        self.brake.take_failures().into_iter().map(|(source, failures)| (source.into(), failures)).collect()
    }

    /// Counts failed logins that other servers have seen: the next failures from these addresses are answered later. They
    /// cause no refusal, and displace nothing that this server has counted itself.
    pub fn add_failures(&self, failures: impl IntoIterator<Item = (IpAddr, u32)>) {
        self.brake.add_failures(failures);
    }

    /// Starts no further checks, and refuses those that are waiting.
    pub fn close(&self) {
        self.hashes.close();
        for workers in [&self.passwords, &self.tokens].into_iter().filter_map(OnceLock::get) {
            workers.close();
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
        self.check_known(attempt, peer, until, None).await
    }

    /// Does the same, with the user for whom [`scram_keys_of`](Self::scram_keys_of) has found keys.
    pub(crate) async fn check_known(
        &self,
        attempt: &Arc<LoginAttempt>,
        peer: &Peer,
        until: Instant,
        known: Option<LoggedIn>,
    ) -> Result<LoggedIn, Rejection> {
        // The attempt was counted when the keys were requested.
        let counted = attempt.is_proved();
        let mut guess = if counted { self.brake.resumed(ip(peer)) } else { self.attempt(peer)? };
        // Do not sleep here, which would delay others. The reply is delayed instead.
        let mut turn = Turn { client: client(peer, &guess), until, guess: &mut guess };
        let user = self.user(attempt, peer, &mut turn, known).await;
        let user = user.and_then(|found| {
            let admitted = found.user.as_ref().map_or(Ok(()), |user| user.admit(ip(peer)));
            admitted.map(|()| found).map_err(Refused::Credentials)
        });
        match user {
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
            Err(Refused::TooMany) => {
                guess.left_open();
                Err(too_many(peer))
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
        self.scram_keys_of(name, hash, peer, until).await.map(|(keys, _)| keys)
    }

    /// Does the same, and returns the user as well if that saves another look-up.
    pub(crate) async fn scram_keys_of(
        &self,
        name: &str,
        hash: Hash,
        peer: &Peer,
        until: Instant,
    ) -> Result<(Keys, Option<LoggedIn>), Rejection> {
        let mut guess = self.attempt(peer)?;
        let mut turn = Turn { client: client(peer, &guess), until, guess: &mut guess };
        let sources = self.sources();
        let costly = sources.users.profile().makes_keys(hash);
        let (octets, decoy_key) = (name.as_bytes().to_owned(), Arc::clone(&sources.decoy_key));
        let is_async = sources.users.as_async().is_some();
        let look_up = move |users: &dyn Users| {
            let known = if is_async { check::name(users, &octets)? } else { None };
            check::scram_keys(users, &octets, hash, &decoy_key).map(|keys| (keys, known))
        };
        let keys = self.ask_about(&sources.users, name.as_bytes(), &mut turn, costly, look_up).await;
        guess.left_open();
        keys.map_err(|refused| match refused {
            Refused::Undone(undone) => not_tried(peer, undone),
            Refused::TooMany => too_many(peer),
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
        self.brake.attempt(ip(peer)).map_err(|TooMany| too_many(peer))
    }

    async fn user(
        &self,
        attempt: &Arc<LoginAttempt>,
        peer: &Peer,
        turn: &mut Turn<'_, '_>,
        known: Option<LoggedIn>,
    ) -> Result<LoggedIn, Refused> {
        if attempt.authorization.is_some() {
            return Err(Refused::Credentials("acting as another user is not allowed"));
        }
        let name = &attempt.name;
        let user = match &attempt.proof {
            Proof::Password(_) => match self.outside(Kind::Password) {
                Some(outside) => return self.ask_outside(outside, attempt, peer, turn).await,
                None => self.password(attempt, turn).await?,
            },
            Proof::Apop { .. } | Proof::CramMd5(_) => {
                let attempt = Arc::clone(attempt);
                let prove = move |users: &dyn Users| {
                    check::digest(users, &attempt.name, |secret| attempt.prove(secret))
                };
                self.ask_about(&self.users(), name, turn, false, prove).await?
            }
            Proof::Scram => match known.filter(|user| self.users().name(name).as_ref() == Some(&user.name)) {
                Some(user) => Some(user),
                // The user may have been removed in the meantime.
                None => self.find(name, turn).await?,
            },
            Proof::Token(_) => {
                let outside = self.outside(Kind::Token);
                let outside = outside.ok_or(Refused::Credentials("tokens can't be checked"))?;
                return self.ask_outside(outside, attempt, peer, turn).await;
            }
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
}

/// The address that logins are counted by, and that is logged. Peers without an address count as one.
pub(super) fn ip(peer: &Peer) -> IpAddr {
    peer.ip().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Whose turn a check is, when it is too late for it, and the try that it is.
struct Turn<'t, 'g> {
    client: Client,
    until: Instant,
    guess: &'t mut Attempt<'g>,
}

/// For whom a check is made.
fn client(peer: &Peer, guess: &Attempt<'_>) -> Client {
    Client { source: ip(peer).into(), suspect: guess.is_suspect() }
}

const WRONG: &str = "unknown name or wrong secret";

/// The method of a login, for the log.
pub(super) fn mechanism(attempt: &LoginAttempt) -> &'static str {
    match (&attempt.mechanism, &attempt.proof) {
        (Some(mechanism), _) => mechanism.name(),
        (None, Proof::Apop { .. }) => "APOP",
        (None, _) => "USER",
    }
}
