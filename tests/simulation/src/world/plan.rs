//! What a seed decides before the run begins.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;

use pop3_driver::client::{Credentials, Security};
use pop3_driver::tls::{Connector, client_config};
use pop3_fetch::Target;
use pop3_proto::Quirk;
use pop3_sasl::Mechanism;
use pop3_serve::ConnectionLimits;

use super::fetcher::Fetcher;
use super::log::LogState;
use super::machine::UsersAre;
use super::odd_server::Oddity;
use crate::Chance;

/// A user of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The name of the user.
    pub name: String,
    /// The password of the user.
    pub password: String,
}

impl Account {
    pub(super) fn credentials(&self) -> Credentials {
        Credentials::new(self.name.clone()).with_password(self.password.clone())
    }
}

/// Passwords with this number or a greater one are guesses.
pub(super) const GUESSED: usize = 1 << 20;

/// A password. The number is not its end: a guess that continued the password would have it on the wire in clear.
pub(super) fn password(name: &str, number: usize) -> String {
    format!("secret {number} of {name}")
}

/// What happens in a run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) accounts: Vec<Account>,
    pub(super) fetchers: Vec<Fetcher>,
    /// Connections are in TLS; otherwise both ends trust the network.
    pub(super) tls: bool,
    /// TLS starts with the first octet.
    pub(super) implicit_tls: bool,
    pub(super) pipelining: bool,
    /// How long anything may happen.
    pub(super) chaos: Duration,
    pub(super) messages: usize,
    pub(super) nemesis: Nemesis,
    /// A mail reader changes flags on the server.
    pub(super) reader: bool,
    /// Hostile clients attack the server.
    pub(super) hostile: bool,
    /// How many connections guess passwords at once.
    pub(super) guessers: usize,
    /// A user whom nobody may keep from his mail.
    pub(super) owner: Account,
    /// How many connections the server takes.
    pub(super) limits: ConnectionLimits,
    /// The mechanisms of AUTH.
    pub(super) mechanisms: Vec<Mechanism>,
    pub(super) users: UsersAre,
    pub(super) log: LogState,
    /// How the server departs from the protocol; none for the real one.
    pub(super) oddities: Vec<Oddity>,
    /// A server that removes at QUIT what it has sent announces that.
    pub(super) announces_expire: bool,
}

/// What goes wrong, in so many of 1000 moments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nemesis {
    pub(super) kill_fetcher: usize,
    pub(super) kill_server: usize,
    pub(super) crash_client: usize,
    pub(super) crash_server: usize,
    pub(super) client_faults: usize,
    pub(super) server_faults: usize,
    pub(super) network: usize,
    pub(super) clock: usize,
    pub(super) stop: usize,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(chance: &Chance) -> Self {
        let odd = chance.per_mille(350);
        let accounts: Vec<Account> = ["alice", "bob"][..1 + usize::from(!odd && chance.per_mille(300))]
            .iter()
            .map(|name| Account { name: (*name).to_owned(), password: password(name, chance.below(GUESSED)) })
            .collect();
        let oddities = if odd { Oddity::some(chance) } else { Vec::new() };
        let tls =
            oddities.iter().any(|oddity| oddity.needs_tls()) || chance.per_mille(if odd { 150 } else { 650 });
        let mut fetchers: Vec<Fetcher> = Vec::new();
        for index in 0..*chance.pick(&[1, 1, 2, 2, 3]) {
            let account = chance.pick(&accounts).clone();
            // Two programs may be started for the same target, by mistake.
            let twin = fetchers.first().filter(|_| chance.per_mille(300)).cloned();
            let fetcher = twin.unwrap_or_else(|| any_fetcher(index, account, chance));
            fetchers.push(Fetcher { name: format!("fetcher {index}"), address: 10 + index, ..fetcher });
        }
        let chaos = Duration::from_secs(*chance.pick(&[60, 600, 3_600, 36_000]));
        for fetcher in &mut fetchers {
            fetcher.rest = chaos / *chance.pick(&[4, 10, 20]);
        }
        let rate = |most: usize| if chance.per_mille(500) { 0 } else { chance.below(most) };
        let hostile = !odd && chance.per_mille(350);
        // What an honest client may expect can be told only where nothing else goes wrong.
        let is_fair = hostile && chance.per_mille(400);
        let strong = chance.per_mille(100);
        // A log that panics must not make guesses free. What is counted can be told only where nothing else goes wrong.
        let shouts = strong && hostile && !is_fair && chance.per_mille(600);
        let wrong = |most: usize| if is_fair || shouts { 0 } else { rate(most) };
        let removes = oddities.contains(&Oddity::RemovesRetrieved);
        Self {
            accounts,
            fetchers,
            tls,
            // An odd server knows no STLS.
            implicit_tls: tls && (odd || chance.per_mille(500)),
            pipelining: chance.per_mille(800),
            chaos,
            messages: *chance.pick(&[1, 5, 20, 20, 50]),
            nemesis: Nemesis {
                kill_fetcher: rate(400),
                kill_server: wrong(200),
                crash_client: rate(300),
                crash_server: wrong(200),
                // What was not stored must not be lost on a server that removes what it has sent.
                client_faults: if removes { 200 + chance.below(500) } else { rate(500) },
                server_faults: wrong(400),
                network: wrong(500),
                clock: rate(200),
                stop: rate(200),
            },
            reader: chance.per_mille(500),
            hostile,
            guessers: if hostile { *chance.pick(&[if shouts { 3 } else { 0 }, 1, 3, 8]) } else { 0 },
            owner: Account { name: "olga".to_owned(), password: "secret of olga".to_owned() },
            limits: match shouts {
                true => ConnectionLimits::default(),
                false => ConnectionLimits::new(
                    *chance.pick(&[8, 16, 1_000]),
                    *chance.pick(&[4, 8, 100]),
                    *chance.pick(&[1, 10]),
                ),
            },
            mechanisms: if strong {
                vec![Mechanism::ScramSha256]
            } else {
                vec![Mechanism::Plain, Mechanism::Login]
            },
            users: match chance.below(10) {
                _ if shouts => UsersAre::Here,
                0 if !is_fair => UsersAre::Unreliable,
                0..4 => UsersAre::Elsewhere,
                _ => UsersAre::Here,
            },
            log: match chance.below(20) {
                _ if shouts => LogState::Panics,
                0 if !is_fair => LogState::Panics,
                0..3 => LogState::Fails,
                3..5 => LogState::Blocks,
                _ => LogState::Works,
            },
            oddities,
            announces_expire: chance.per_mille(500),
        }
    }

    /// The security of the clients.
    pub(super) fn security(&self) -> Security {
        if !self.tls {
            return Security::TrustedPlaintext;
        }
        // The simulated network has a TLS of its own: nothing of this is used.
        let config = client_config(rustls::RootCertStore::empty());
        let connector = config.ok().and_then(|config| Connector::new(config, "server.example").ok());
        match connector {
            Some(connector) if self.implicit_tls => Security::Implicit(connector),
            Some(connector) => Security::StartTls(connector),
            None => Security::Plaintext,
        }
    }

    /// The oddities that stay when all is calm: what is in all sessions.
    pub(super) fn calm_oddities(&self) -> Vec<Oddity> {
        self.oddities.iter().copied().filter(|oddity| oddity.stays()).collect()
    }

    /// The port that clients connect to.
    pub(super) const fn port(&self) -> u16 {
        if self.implicit_tls { 995 } else { 110 }
    }

    /// A plan in which nothing goes wrong, and the server has this quirk.
    #[must_use]
    pub fn with_quirk(chance: &Chance, quirk: Quirk) -> Self {
        let oddity = Oddity::Quirk(quirk);
        let tls = oddity.needs_tls();
        let account = Account { name: "alice".to_owned(), password: "secret of alice".to_owned() };
        let mut fetcher = any_fetcher(0, account.clone(), chance);
        fetcher.rest = Duration::from_secs(60);
        Self {
            accounts: vec![account],
            // Nothing is deleted, so that each session finds all messages.
            fetchers: vec![Fetcher {
                name: "fetcher".to_owned(),
                address: 10,
                delete: false,
                limit: None,
                ..fetcher
            }],
            tls,
            implicit_tls: tls,
            chaos: Duration::from_secs(600),
            messages: 20,
            nemesis: Nemesis::default(),
            reader: false,
            hostile: false,
            guessers: 0,
            oddities: vec![oddity],
            ..Self::draw(chance)
        }
    }

    /// Whether the server may send something else than what was delivered to it, and nobody could tell.
    pub(super) fn may_alter(&self) -> bool {
        self.oddities.iter().any(|oddity| oddity.may_alter())
    }

    /// Whether AUTH offers SCRAM.
    pub(super) fn offers_scram(&self) -> bool {
        self.mechanisms.contains(&Mechanism::ScramSha256)
    }

    /// Whether a guess that gets no answer has been counted all the same: the log of the server panics, and nothing else
    /// ends a connection.
    pub(super) fn counts_unanswered(&self) -> bool {
        let Nemesis { kill_server, crash_server, server_faults, .. } = self.nemesis;
        let is_quiet = self.network_is_fair() && kill_server + crash_server + server_faults == 0;
        let is_roomy = self.limits.total > 100 && self.limits.per_address > 50;
        is_quiet && is_roomy && self.log == LogState::Panics && self.users == UsersAre::Here
    }

    /// Whether hostile clients are all that may keep an honest one from its mail.
    pub(super) fn is_fair(&self) -> bool {
        let Nemesis { kill_server, crash_server, server_faults, .. } = self.nemesis;
        let is_quiet = self.network_is_fair() && kill_server + crash_server + server_faults == 0;
        self.hostile && is_quiet && self.users != UsersAre::Unreliable && self.log != LogState::Panics
    }

    /// Whether a lost connection would be a surprise.
    pub(super) const fn network_is_fair(&self) -> bool {
        self.nemesis.network == 0
    }
}

fn any_fetcher(index: u8, account: Account, chance: &Chance) -> Fetcher {
    let place = PathBuf::from(format!("/home/{index}"));
    let target = match chance.below(3) {
        0 => Target::Dir(place.join("mail")),
        1 => Target::Mbox(place.join("mbox")),
        _ => Target::Maildir(place.join("Maildir")),
    };
    Fetcher {
        name: String::new(),
        account,
        target,
        state: place.join("state"),
        delete: chance.per_mille(600),
        address: 0,
        rest: Duration::ZERO,
        limit: chance.per_mille(150).then_some(3),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = match (self.tls, self.implicit_tls) {
            (false, _) => "no TLS",
            (_, false) => "STLS",
            (_, true) => "implicit TLS",
        };
        write!(f, "{tls}, {} messages in {:?}, {:?}", self.messages, self.chaos, self.nemesis)?;
        write!(f, "; users {:?}, the log {:?}, {:?}", self.users, self.log, self.limits)?;
        if self.hostile {
            write!(f, ", hostile clients, {} guessers", self.guessers)?;
        }
        if !self.oddities.is_empty() {
            write!(f, "; the server: {:?}", self.oddities)?;
        }
        for fetcher in &self.fetchers {
            let deletes = if fetcher.delete { "deletes" } else { "keeps" };
            write!(f, "; {} of {} into {}, {deletes}", fetcher.name, fetcher.account.name, fetcher.target)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_guess_contains_the_password() {
        for (number, guess) in [(8, 80_000_000), (8, 18_000_000), (1_048_575, 1_048_575_123)] {
            assert!(number < GUESSED && guess >= GUESSED);
            assert!(!password("alice", guess).contains(&password("alice", number)), "{guess}");
        }
    }
}
