//! What a server serves, to whom, and where.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use pop3_driver::server::Entrance;
use pop3_maildir::{InfoSeparator, UniqueIds};
use pop3_proto::server;
use pop3_sasl::Mechanism;

use crate::certificate::ReloadableCertificate;
use crate::checks::ExternalCheck;
use crate::maildrops::Maildrops;
use crate::users::{DecoyKey, MaildropPath};

/// The settings of a [`Server`](crate::Server). All fields are public: create the settings with [`ServeConfig::new`]
/// and change the fields you need.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServeConfig {
    /// The directory of the maildrops. A user's maildrop is the Maildir that [`maildrop_path`](Self::maildrop_path)
    /// names in it.
    ///
    /// Not used if there is a [`store`](Self::store). Then [`maildrop_path`](Self::maildrop_path),
    /// [`unique_ids`](Self::unique_ids) and [`info_separator`](Self::info_separator) are not used, either.
    pub maildrops: PathBuf,
    /// The maildrops, if they are not Maildirs. Default: none.
    pub store: Option<Arc<dyn Maildrops>>,
    /// Where in that directory the maildrop of a user is. Default: it has the user's name.
    pub maildrop_path: MaildropPath,
    /// The addresses to listen on, and whether TLS starts immediately. For port 0, the system chooses a free port. A
    /// listener on an IPv6 address accepts only IPv6.
    pub listeners: Vec<(Entrance, SocketAddr)>,
    /// The TLS certificate. Default: none; then there is no TLS.
    pub certificate: Option<Arc<ReloadableCertificate>>,
    /// The host name in the greeting and in the APOP timestamp. Default: none; then the greeting has no name.
    pub host: Option<String>,
    /// The mechanisms that AUTH offers, if the users and the connection permit them. Default: PLAIN, LOGIN, the SCRAM
    /// mechanisms that every user can use, and those that [`certificate`](Self::certificate) and
    /// [`tokens`](Self::tokens) enable.
    pub mechanisms: Option<Vec<Mechanism>>,
    /// Whether to offer -PLUS mechanisms over TLS, which bind a login to its connection. Default: no, because some
    /// clients (mutt 2.2, neomutt) choose -PLUS although they cannot complete it.
    pub channel_binding: bool,
    /// Whether to offer APOP. It works for users whose password is stored in clear text. Default: no.
    pub apop: bool,
    /// Whether to offer UTF8 and LANG (RFC 6856). A client that does not enable UTF8 receives headers in ASCII.
    /// Default: no.
    pub utf8: bool,
    /// Whether to accept passwords without TLS from other machines. Default: no.
    pub insecure_auth: bool,
    /// The key for the SCRAM salts of users without keys. Default: a random key for this process. The salts then
    /// change with each start, which reveals that they are not real.
    pub decoy_key: Option<Arc<DecoyKey>>,
    /// What checks the passwords of PASS, PLAIN and LOGIN instead of the users. Default: none; then the users do. SCRAM
    /// is then offered only if [`mechanisms`](Self::mechanisms) names it.
    pub passwords: Option<Arc<ExternalCheck>>,
    /// What checks tokens, for OAUTHBEARER and XOAUTH2. Default: none; then these mechanisms are not offered.
    pub tokens: Option<Arc<ExternalCheck>>,
    /// Networks of proxies that start each connection with a PROXY header, which names the client. Default: none.
    pub proxies: Vec<IpNet>,
    /// Networks of proxies that may use XCLIENT to name the client. Default: none.
    pub xclient_proxies: Vec<IpNet>,
    /// The minimum time between two logins of a user who has no setting of their own. The server announces it and
    /// refuses earlier logins (RFC 2449 section 6.5). Default: none.
    pub login_delay: Option<Duration>,
    /// The number of days for which messages are kept, for users without a setting of their own (RFC 2449 section
    /// 6.7). `Some(None)` means forever. Default: `None`; then nothing is announced.
    pub expire: Option<Option<u32>>,
    /// Whether to remove expired messages at QUIT. A message expires when it has been read and then left unchanged
    /// for more than that number of days. With 0 days, retrieved messages are removed. Default: no.
    pub enforce_expiry: bool,
    /// Where the unique-ids of the Maildirs come from. Default: from the file names.
    pub unique_ids: UniqueIds,
    /// What to write between the base of a file name and its flags, where a name has none yet. Default: `:`.
    pub info_separator: InfoSeparator,
    /// The text of the IMPLEMENTATION capability. Default: none, because it mainly helps attackers.
    pub implementation: Option<String>,
    /// The time without a command after which a session ends. Default: 10 minutes, the minimum that RFC 1939 allows.
    pub idle_timeout: Duration,
    /// The time after which a connection without a login is closed. Default: 60 seconds.
    pub login_timeout: Duration,
    /// The maximum numbers of connections.
    pub limits: ConnectionLimits,
}

/// The maximum numbers of simultaneous connections.
///
/// If the server is full, a new connection takes the place of one that has not logged in. Idle connections therefore
/// cannot block other clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// The maximum in total. It is reduced if the process may not open enough files. Default: 1,000.
    pub total: u32,
    /// The maximum for one address. An IPv6 /64 network counts as one address. Default: 100.
    pub per_address: u32,
    /// The maximum for one user. Default: 10.
    pub per_user: u32,
}

impl ServeConfig {
    /// Creates the default settings for the Maildirs in this directory.
    pub fn new(maildrops: impl Into<PathBuf>) -> Self {
        let limits = server::Limits::default();
        Self {
            maildrops: maildrops.into(),
            store: None,
            maildrop_path: MaildropPath::default(),
            listeners: Vec::new(),
            certificate: None,
            host: None,
            mechanisms: None,
            channel_binding: false,
            apop: false,
            utf8: false,
            insecure_auth: false,
            decoy_key: None,
            passwords: None,
            tokens: None,
            proxies: Vec::new(),
            xclient_proxies: Vec::new(),
            login_delay: None,
            expire: None,
            enforce_expiry: false,
            unique_ids: UniqueIds::Maildir,
            info_separator: InfoSeparator::Colon,
            implementation: None,
            idle_timeout: limits.idle_timeout,
            login_timeout: limits.login_timeout,
            limits: ConnectionLimits::default(),
        }
    }

    /// Creates the default settings for maildrops that are not Maildirs.
    pub fn on(store: Arc<dyn Maildrops>) -> Self {
        Self { store: Some(store), ..Self::new(PathBuf::new()) }
    }

    /// Adds a listener for connections in clear text. They can use STLS if there is a
    /// [`certificate`](Self::certificate).
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listeners.push((Entrance::Plain, address));
        self
    }

    /// Adds a listener for connections that use TLS from the first octet.
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

    /// Sets [`passwords`](Self::passwords).
    #[must_use]
    pub fn with_passwords(self, passwords: ExternalCheck) -> Self {
        Self { passwords: Some(passwords.into()), ..self }
    }

    /// Sets [`tokens`](Self::tokens).
    #[must_use]
    pub fn with_tokens(self, tokens: ExternalCheck) -> Self {
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
    /// Creates limits: in total, for one address, and for one user.
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
