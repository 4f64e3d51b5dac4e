//! Who is let in: all kinds of credentials, the brake on guessing, and the log of what is refused.

use core::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pop3_driver::backend::{Credentials, Proof};
use pop3_driver::server::Peer;
use pop3_proto::Rejection;
use pop3_sasl::scram::{Hash, Keys};
use tracing::{error, info, warn};

use super::brake::{Attempt, Brake};
use super::external;
use super::tokens::{MOST, MOST_OF_ONE, Question, TokenCommand, Verdict};
use super::workers::{Bounds, Client, Undone, Workers};
use crate::error::Error;
use crate::throttle::{LONGEST_WAIT, TooMany};
use crate::users::{SaltKey, Table, UserName, Users};

/// Checks credentials. What takes long is done by workers of its own, and awaited: no thread that others need
/// waits for it.
#[derive(Debug)]
pub(super) struct Gatekeeper {
    users: Arc<Users>,
    salt_key: Arc<SaltKey>,
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
    /// Starts the workers.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(super) fn new(
        users: Arc<Users>,
        salt_key: Arc<SaltKey>,
        tokens: Option<Arc<TokenCommand>>,
    ) -> Result<Self, Error> {
        let start = |bounds| {
            let cant = |error| Error::system(format!("can't start the threads that check logins: {error}"));
            Workers::start(bounds).map_err(cant)
        };
        let tokens = match tokens {
            Some(command) => Some(Tokens { command, workers: start(TOKENS)? }),
            None => None,
        };
        Ok(Self { users, salt_key, hashes: start(hashes())?, tokens, brake: Brake::new() })
    }

    /// The users as they are now.
    pub(super) fn table(&self) -> Arc<Table> {
        self.users.table()
    }

    /// Begins no check any more, and refuses those that wait for one.
    pub(super) fn close(&self) {
        self.hashes.close();
        if let Some(tokens) = &self.tokens {
            tokens.workers.close();
        }
    }

    /// The user whose credentials these are. A check whose turn has not come by `until` is given up.
    pub(super) async fn check(
        &self,
        credentials: &Arc<Credentials>,
        peer: &Peer,
        until: Instant,
    ) -> Result<UserName, Rejection> {
        // The try was counted when the keys were asked for.
        let counted = credentials.is_proved();
        let attempt = if counted { self.brake.resumed(ip(peer)) } else { self.attempt(peer)? };
        // The wait is not slept here, where it would hold up others: it holds the answer back.
        let turn = Turn { client: client(peer, &attempt), until };
        match self.user(credentials, peer, turn).await {
            Ok(user) => {
                attempt.succeeded();
                Ok(user)
            }
            Err(Refused::Credentials(why)) => {
                let delay = attempt.failed();
                let user = String::from_utf8_lossy(&credentials.name);
                let (session, peer, mechanism) = (peer.session, ip(peer), mechanism(credentials));
                warn!(%session, %peer, user = &*user, mechanism, why, "login refused");
                Err(Rejection::credentials().with_delay(delay))
            }
            Err(Refused::Fault) => {
                attempt.left_open();
                Err(Rejection::temporary("the credentials can't be checked now"))
            }
            Err(Refused::Undone(undone)) => {
                attempt.left_open();
                Err(not_tried(peer, undone))
            }
        }
    }

    /// The keys for this name, whether there is such a user or not. It counts as a try.
    pub(super) async fn scram_keys(
        &self,
        name: &str,
        hash: Hash,
        peer: &Peer,
        until: Instant,
    ) -> Result<Keys, Rejection> {
        let attempt = self.attempt(peer)?;
        let table = self.table();
        let keys = if table.makes_keys(hash) {
            let (name, salt_key) = (name.to_owned(), Arc::clone(&self.salt_key));
            let work = move || table.scram_keys(name.as_bytes(), hash, &salt_key);
            self.hashes.run(client(peer, &attempt), until, work).await
        } else {
            Ok(table.scram_keys(name.as_bytes(), hash, &self.salt_key))
        };
        attempt.left_open();
        keys.map_err(|undone| not_tried(peer, undone))
    }

    /// The keys did not fit.
    pub(super) fn scram_refused(&self, name: &str, peer: &Peer) -> Rejection {
        let address = ip(peer);
        let delay = self.brake.resumed(address).failed();
        warn!(session = %peer.session, peer = %address, user = name, mechanism = "SCRAM", why = WRONG, "login refused");
        Rejection::credentials().with_delay(delay)
    }

    fn attempt(&self, peer: &Peer) -> Result<Attempt<'_>, Rejection> {
        let address = ip(peer);
        self.brake.attempt(address).map_err(|TooMany| {
            warn!(session = %peer.session, peer = %address, "login not tried: too many from this address");
            // Held back, or one connection could have as many refusals as it can ask for, each a line of the log.
            let text = "too many logins from your address, try again later";
            Rejection::temporary(text).with_delay(LONGEST_WAIT)
        })
    }

    async fn user(
        &self,
        credentials: &Arc<Credentials>,
        peer: &Peer,
        turn: Turn,
    ) -> Result<UserName, Refused> {
        if credentials.authorization.is_some() {
            return Err(Refused::Credentials("nobody may act for another"));
        }
        let name = &credentials.name;
        let user = match &credentials.proof {
            Proof::Password(_) => self.password(credentials, turn).await?,
            Proof::Apop { .. } | Proof::CramMd5(_) => {
                self.table().prove(name, |secret| credentials.prove(secret))
            }
            // The users may have been read again meanwhile.
            Proof::Scram => self.table().find(name),
            Proof::Token(_) => return self.token(credentials, peer, turn).await,
            Proof::Certificate => return self.certificate(name, peer),
            Proof::Anonymous { trace } => {
                info!(session = %peer.session, peer = %ip(peer), trace = trace.as_str(), "anonymous");
                UserName::parse(ANONYMOUS)
            }
            // A kind of proof that is not known proves nothing.
            _ => None,
        };
        user.ok_or(Refused::Credentials(WRONG))
    }

    /// The user whose password this is.
    async fn password(&self, credentials: &Arc<Credentials>, turn: Turn) -> Result<Option<UserName>, Undone> {
        let table = self.table();
        let credentials = Arc::clone(credentials);
        let costly = table.computes_hashes();
        let work = move || {
            let Proof::Password(password) = &credentials.proof else { return None };
            table.verify(&credentials.name, password.expose())
        };
        if costly { self.hashes.run(turn.client, turn.until, work).await } else { Ok(work()) }
    }

    fn certificate(&self, name: &[u8], peer: &Peer) -> Result<UserName, Refused> {
        let shown = peer.tls.as_ref().and_then(|tls| tls.certificates.first());
        let shown = shown.ok_or(Refused::Credentials("there is no certificate"))?;
        external::user(shown, name, &self.table()).map_err(Refused::Credentials)
    }

    async fn token(
        &self,
        credentials: &Arc<Credentials>,
        peer: &Peer,
        turn: Turn,
    ) -> Result<UserName, Refused> {
        let wrong = Refused::Credentials;
        let tokens = self.tokens.as_ref().ok_or(wrong("tokens can't be checked"))?;
        let name = &credentials.name;
        let asked = UserName::parse(name);
        if asked.is_none() && !name.is_empty() {
            return Err(wrong("the name can't be a user's"));
        }
        let (session, peer) = (peer.session, ip(peer));
        let (command, credentials, name) =
            (Arc::clone(&tokens.command), Arc::clone(credentials), asked.clone());
        let ask = move || {
            let Proof::Token(token) = &credentials.proof else { return Ok(Verdict::Bad) };
            let mechanism = mechanism(&credentials);
            // Asked for unknown users too, so that they cost the same.
            let name = name.as_ref().map_or("", UserName::as_str);
            command.ask(&Question { mechanism, name, peer, token })
        };
        let verdict = tokens.workers.run(turn.client, turn.until, ask).await?;
        let said = match verdict {
            Ok(Verdict::Good(said)) => said,
            Ok(Verdict::Bad) => return Err(wrong("the token is bad")),
            Err(fault) => {
                let user = asked.as_ref().map_or("", UserName::as_str);
                error!(%session, %peer, user, fault = %fault, "a token can't be checked");
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
fn client(peer: &Peer, attempt: &Attempt<'_>) -> Client {
    Client { source: ip(peer).into(), suspect: attempt.is_suspect() }
}

/// What a client is told whose credentials were not looked at.
fn not_tried(peer: &Peer, undone: Undone) -> Rejection {
    let (session, peer) = (peer.session, ip(peer));
    let text = "too many logins are checked now, try again later";
    match undone {
        Undone::Full => {
            warn!(%session, %peer, "login not tried: too many wait for their check");
            // Held back as those are that come too often.
            Rejection::temporary(text).with_delay(LONGEST_WAIT)
        }
        Undone::Late => {
            warn!(%session, %peer, "login not tried: its time was over before it could be checked");
            Rejection::temporary(text)
        }
        Undone::Closed => Rejection::temporary("the server ends"),
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
fn mechanism(credentials: &Credentials) -> &'static str {
    match (&credentials.mechanism, &credentials.proof) {
        (Some(mechanism), _) => mechanism.name(),
        (None, Proof::Apop { .. }) => "APOP",
        (None, _) => "USER",
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::fs;

    use pop3_driver::wait;
    use pop3_proto::{Secret, apop};
    use pop3_sasl::server::CramMd5;

    use super::*;

    const USERS: &str = "alice:{PLAIN}secret\nbob:{TOKEN}\n";

    fn gatekeeper(tokens: Option<&str>) -> Gatekeeper {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, USERS).unwrap();
        let users = Users::load(&path).unwrap().into();
        let tokens = tokens.map(|command| TokenCommand::new(command, Duration::from_secs(60)).into());
        Gatekeeper::new(users, SaltKey::random().unwrap().into(), tokens).unwrap()
    }

    fn until() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn refused(keeper: &Gatekeeper, credentials: Credentials, peer: &Peer) -> Rejection {
        wait(keeper.check(&Arc::new(credentials), peer, until())).unwrap_err()
    }

    fn peer() -> Peer {
        Peer::new("192.0.2.1:4711".parse().unwrap(), "198.51.100.1:110".parse().unwrap())
    }

    fn of(name: &str, proof: Proof) -> Credentials {
        Credentials::new(name.as_bytes().to_vec(), proof)
    }

    fn password(text: &str) -> Proof {
        Proof::Password(Secret::new(text.as_bytes().to_vec()))
    }

    // SEC-02: one connection can't have refusal after refusal as fast as it can ask.
    #[test]
    fn who_is_turned_away_waits_too() {
        let keeper = gatekeeper(None);
        let tries = || (0..100).map(|_| refused(&keeper, of("alice", password("wrong")), &peer()));
        let turned_away: Vec<_> = tries().filter(|rejection| !rejection.is_of_credentials()).collect();
        assert!(turned_away.len() > 10, "{}", turned_away.len());
        assert!(turned_away.iter().all(|rejection| rejection.delay() >= LONGEST_WAIT));
        let keys = wait(keeper.scram_keys("alice", Hash::Sha256, &peer(), until())).unwrap_err();
        assert!(keys.delay() >= LONGEST_WAIT);
    }

    // SEC-02: each kind of credentials is counted, so that no other kind makes up for it.
    #[test]
    fn failures_of_all_kinds_are_held_back_alike() {
        let keeper = gatekeeper(Some("exit 1"));
        let digest = || {
            let response = b"alice 00000000000000000000000000000000";
            Proof::CramMd5(CramMd5::parse(response, "<1@h>").unwrap())
        };
        let apop = || {
            let digest = apop::Digest::parse(&[b'0'; 32]).unwrap();
            Proof::Apop(apop::Answer::new("<1@h>", digest))
        };
        type Make = Box<dyn Fn() -> Credentials>;
        let kinds: Vec<(&str, Make)> = vec![
            ("password", Box::new(move || of("alice", password("wrong")))),
            ("unknown", Box::new(move || of("nobody", password("secret")))),
            ("no password", Box::new(move || of("bob", password("secret")))),
            ("cram", Box::new(move || of("alice", digest()))),
            ("apop", Box::new(move || of("alice", apop()))),
            ("token", Box::new(move || of("bob", Proof::Token(Secret::new(b"t".to_vec()))))),
            ("certificate", Box::new(move || of("alice", Proof::Certificate))),
            ("proved, but gone", Box::new(move || of("nobody", Proof::Scram))),
            (
                "another",
                Box::new(|| of("alice", password("secret")).with_authorization(Some(b"bob".to_vec()))),
            ),
            (
                "proved, for another",
                Box::new(|| of("alice", Proof::Scram).with_authorization(Some(b"bob".to_vec()))),
            ),
        ];
        for (number, (kind, make)) in kinds.iter().enumerate() {
            let mut peer = peer();
            peer.address = Some((([192, 0, 2, 10 + number as u8]), 4711).into());
            let delays = [0; 3].map(|_| {
                let rejection = refused(&keeper, make(), &peer);
                assert!(rejection.is_of_credentials(), "{kind}");
                assert_eq!(rejection.text(), Rejection::credentials().text(), "{kind}");
                rejection.delay().as_secs()
            });
            assert_eq!(delays, [1, 2, 4], "{kind}");
        }
        // SCRAM, whose keys did not fit.
        let delays = [0; 3].map(|_| {
            assert!(wait(keeper.scram_keys("alice", Hash::Sha1, &peer(), until())).is_ok());
            keeper.scram_refused("alice", &peer()).delay().as_secs()
        });
        assert_eq!(delays, [1, 2, 4]);
    }
}
