//! What a seed decides before the run begins.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::path::PathBuf;

use pop3_driver::client::Security;
use pop3_driver::tls::{Connector, client_config};
use pop3_fetch::Target;
use pop3_maildir::MaildirConfig;

use super::fetcher::Fetcher;
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
    pub(super) maildir: MaildirConfig,
    /// How long anything may happen.
    pub(super) chaos: Duration,
    pub(super) messages: usize,
    pub(super) nemesis: Nemesis,
    /// A mail reader changes flags on the server.
    pub(super) reader: bool,
    /// Hostile clients attack the server.
    pub(super) hostile: bool,
    /// How the server departs from the protocol; none for the real one.
    pub(super) oddities: BTreeSet<Oddity>,
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
            .map(|name| Account {
                name: (*name).to_owned(),
                password: format!("secret of {name} {}", chance.below(1 << 20)),
            })
            .collect();
        let tls = !odd && chance.per_mille(650);
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
        Self {
            accounts,
            fetchers,
            tls,
            implicit_tls: tls && chance.per_mille(500),
            pipelining: chance.per_mille(800),
            maildir: MaildirConfig::new().with_size_cache(chance.per_mille(800)),
            chaos,
            messages: *chance.pick(&[1, 5, 20, 20, 50]),
            nemesis: Nemesis {
                kill_fetcher: rate(400),
                kill_server: rate(200),
                crash_client: rate(300),
                crash_server: rate(200),
                client_faults: rate(500),
                server_faults: rate(400),
                network: rate(500),
                clock: rate(200),
                stop: rate(200),
            },
            reader: chance.per_mille(500),
            hostile: !odd && chance.per_mille(350),
            oddities: if odd { Oddity::some(chance) } else { BTreeSet::new() },
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
    pub(super) fn calm_oddities(&self) -> BTreeSet<Oddity> {
        use Oddity as O;
        let stays = [O::EstimatedSizes, O::RemovesRetrieved, O::RepeatedUids, O::WithoutCapa, O::BareLf];
        self.oddities.iter().copied().filter(|oddity| stays.contains(oddity)).collect()
    }

    /// Whether the server may send something else than what was delivered to it, and nobody could tell.
    pub(super) fn may_alter(&self) -> bool {
        self.oddities.iter().any(|oddity| oddity.may_alter())
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
