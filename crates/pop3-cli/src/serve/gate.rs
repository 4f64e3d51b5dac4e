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
use crate::throttle::{LONGEST_WAIT, Throttle, TooMany};
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
        Ok(self.users.scram_keys(name.as_bytes(), hash, &self.salt_key, peer.address.ip()))
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
            // Held back, or one connection could have as many refusals as it can ask for, each a line of the log.
            let text = "too many logins from your address, try again later";
            Rejection::temporary(text).with_delay(LONGEST_WAIT)
        })
    }

    fn user(&self, credentials: &Credentials, peer: &Peer) -> Result<UserName, Refused> {
        if credentials.authorization.is_some() {
            return Err(Refused::Credentials("nobody may act for another"));
        }
        let name = &credentials.name;
        let user = match &credentials.proof {
            Proof::Password(password) => self.users.verify(name, password.expose(), peer.address.ip()),
            Proof::Apop { .. } | Proof::CramMd5(_) => {
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

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::fs;

    use pop3_proto::server::KeyedDigest;

    use super::*;

    const USERS: &str = "alice:{PLAIN}secret\nbob:{TOKEN}\n";

    fn gatekeeper(tokens: Option<&str>) -> Gatekeeper {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, USERS).unwrap();
        let users = Users::load(&path).unwrap().into();
        let tokens = tokens.map(|command| TokenCommand::new(command.into(), Duration::from_secs(60)));
        Gatekeeper::new(users, SaltKey::random().unwrap(), tokens)
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
        let tries = || (0..100).map(|_| keeper.check(&of("alice", password("wrong")), &peer()).unwrap_err());
        let refused: Vec<_> = tries().filter(|rejection| !rejection.is_of_credentials()).collect();
        assert!(refused.len() > 10, "{}", refused.len());
        assert!(refused.iter().all(|rejection| rejection.delay() >= LONGEST_WAIT));
        let keys = keeper.scram_keys("alice", Hash::Sha256, &peer()).unwrap_err();
        assert!(keys.delay() >= LONGEST_WAIT);
    }

    // SEC-02: each kind of credentials is counted, so that no other kind makes up for it.
    #[test]
    fn failures_of_all_kinds_are_held_back_alike() {
        let keeper = gatekeeper(Some("exit 1"));
        let digest = || Proof::CramMd5(KeyedDigest::new(|_| false));
        let apop = || Proof::Apop {
            timestamp: "<1@h>".into(),
            digest: Secret::new(pop3_proto::apop::Digest::parse(&[b'0'; 32]).unwrap()),
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
            peer.address.set_ip([192, 0, 2, 10 + number as u8].into());
            let delays = [0; 3].map(|_| {
                let rejection = keeper.check(&make(), &peer).unwrap_err();
                assert!(rejection.is_of_credentials(), "{kind}");
                assert_eq!(rejection.text(), Rejection::credentials().text(), "{kind}");
                rejection.delay().as_secs()
            });
            assert_eq!(delays, [1, 2, 4], "{kind}");
        }
        // SCRAM, whose keys did not fit.
        let delays = [0; 3].map(|_| {
            assert!(keeper.scram_keys("alice", Hash::Sha1, &peer()).is_ok());
            keeper.scram_refused("alice", &peer()).delay().as_secs()
        });
        assert_eq!(delays, [1, 2, 4]);
    }
}
