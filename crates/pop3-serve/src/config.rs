//! What a server serves, to whom, and where.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use pop3_driver::server::Entrance;
use pop3_proto::server;
use pop3_sasl::Mechanism;

use crate::certificate::ReloadableCertificate;
use crate::tokens::TokenCommand;
use crate::users::DecoyKey;

/// The settings of a [`Server`](crate::Server). The fields are public: set what [`ServeConfig::new`] should not leave at
/// its default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServeConfig {
    /// The folder of the maildrops: that of a user is the Maildir with the user's name in it.
    pub maildrops: PathBuf,
    /// Where to listen, and whether TLS begins there with the first octet. Port 0 takes a free one. A listener on
    /// an IPv6 address takes IPv6 only.
    pub listeners: Vec<(Entrance, SocketAddr)>,
    /// The certificate. Default: none, so that there is no TLS.
    pub certificate: Option<Arc<ReloadableCertificate>>,
    /// The host in the greeting and in the timestamp of APOP. Default: none, and the greeting has no name.
    pub host: Option<String>,
    /// The mechanisms of AUTH that are offered as far as the users and the connection allow it. Default: PLAIN,
    /// LOGIN, those of SCRAM that every user can use, and those that [`certificate`](Self::certificate) and
    /// [`tokens`](Self::tokens) make possible.
    pub mechanisms: Option<Vec<Mechanism>>,
    /// Whether -PLUS is offered over TLS, which binds a login to its connection. Default: no, as some clients
    /// (mutt 2.2, neomutt) choose it and then can't.
    pub channel_binding: bool,
    /// Whether APOP is offered. It works for users whose password is kept in clear. Default: no.
    pub apop: bool,
    /// Whether UTF8 and LANG are offered (RFC 6856). Who does not ask for UTF8 gets headers in ASCII. Default: no.
    pub utf8: bool,
    /// Whether passwords are taken without TLS from peers that are not on this machine. Default: no.
    pub insecure_auth: bool,
    /// What salts are made of for names that have none. Default: a key of this process, so that such salts change
    /// with each start, which shows that they are made up.
    pub decoy_key: Option<Arc<DecoyKey>>,
    /// What checks tokens, for OAUTHBEARER and XOAUTH2. Default: nothing, and they are not offered.
    pub tokens: Option<Arc<TokenCommand>>,
    /// Networks of proxies that begin each connection with a PROXY header, which names the client. Default: none.
    pub proxies: Vec<IpNet>,
    /// Networks of proxies that may tell by XCLIENT whom they speak for. Default: none.
    pub xclient_proxies: Vec<IpNet>,
    /// The least time between two logins of a user who has none of his own: announced, and those that come sooner
    /// are refused (RFC 2449 section 6.5). Default: none.
    pub login_delay: Option<Duration>,
    /// For how many days messages are kept, inner `None` for ever, for users who have no number of their own
    /// (RFC 2449 section 6.7). Default: none, and nothing is announced.
    pub expire: Option<Option<u32>>,
    /// Whether what has expired is removed at QUIT: what was read and left alone for more days than that; with 0
    /// days what was retrieved. Default: no.
    pub enforce_expiry: bool,
    /// What is announced as IMPLEMENTATION. Default: nothing, as it helps attackers only.
    pub implementation: Option<String>,
    /// A session ends after so long without a command. Default: 10 minutes, the least that RFC 1939 allows.
    pub idle_timeout: Duration,
    /// A connection ends that has not logged in after so long. Default: 60 seconds.
    pub login_timeout: Duration,
    /// How many connections there may be.
    pub limits: ConnectionLimits,
}

/// How many connections there may be at one time.
///
/// A connection without a login gives up its place when there is none left, so that nobody is kept out by silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// In all. Fewer are served where the process may not open so many files. Default: 1 000.
    pub total: u32,
    /// From one address; of IPv6 the /64 counts as one. Default: 100.
    pub per_address: u32,
    /// Of one user. Default: 10.
    pub per_user: u32,
}

impl ServeConfig {
    /// The defaults, for the Maildirs in this folder.
    pub fn new(maildrops: impl Into<PathBuf>) -> Self {
        let limits = server::Limits::new();
        Self {
            maildrops: maildrops.into(),
            listeners: Vec::new(),
            certificate: None,
            host: None,
            mechanisms: None,
            channel_binding: false,
            apop: false,
            utf8: false,
            insecure_auth: false,
            decoy_key: None,
            tokens: None,
            proxies: Vec::new(),
            xclient_proxies: Vec::new(),
            login_delay: None,
            expire: None,
            enforce_expiry: false,
            implementation: None,
            idle_timeout: limits.idle_timeout,
            login_timeout: limits.login_timeout,
            limits: ConnectionLimits::default(),
        }
    }

    /// Listens there for POP3 in clear text; with STLS where there is a [`certificate`](Self::certificate).
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listeners.push((Entrance::Plain, address));
        self
    }

    /// Listens there for POP3 in TLS from the first octet.
    #[must_use]
    pub fn listen_tls(mut self, address: SocketAddr) -> Self {
        self.listeners.push((Entrance::Implicit, address));
        self
    }

    /// Sets [`certificate`](Self::certificate).
    #[must_use]
    pub fn with_certificate(self, certificate: Arc<ReloadableCertificate>) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// Sets [`host`](Self::host).
    #[must_use]
    pub fn with_host(self, host: impl Into<String>) -> Self {
        Self { host: Some(host.into()), ..self }
    }

    /// Sets [`tokens`](Self::tokens).
    #[must_use]
    pub fn with_tokens(self, tokens: TokenCommand) -> Self {
        Self { tokens: Some(tokens.into()), ..self }
    }

    /// Sets [`decoy_key`](Self::decoy_key).
    #[must_use]
    pub fn with_decoy_key(self, key: DecoyKey) -> Self {
        Self { decoy_key: Some(key.into()), ..self }
    }

    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub fn with_limits(self, limits: ConnectionLimits) -> Self {
        Self { limits, ..self }
    }
}

impl ConnectionLimits {
    /// These many in all, from one address, of one user.
    #[must_use]
    pub const fn new(total: u32, per_address: u32, per_user: u32) -> Self {
        Self { total, per_address, per_user }
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self::new(1_000, 100, 10)
    }
}
