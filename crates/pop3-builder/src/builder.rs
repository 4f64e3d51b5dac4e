//! The builder.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
#[cfg(feature = "trust")]
use std::path::PathBuf;
#[cfg(feature = "rustls")]
use std::sync::Arc;

use pop3_driver::client::{ClientOptions, Credentials, LoginPolicy, Security};
use pop3_driver::tls::TlsInfo;
#[cfg(feature = "rustls")]
use pop3_driver::tls::rustls::ClientConfig;
use pop3_driver::{LoginMethod, Stop};
use pop3_sasl::Secret;
#[cfg(feature = "trust")]
use pop3_trust::Fingerprint;

use crate::plan::{Plan, Protection};

/// Builds a client: where it connects, how the connection is protected, and who logs in.
///
/// It comes from `Client::builder` of an adapter. Without another word it uses TLS from the first octet on port 995,
/// and believes the certificate authorities that the system trusts (feature `trust`, on by default in the adapters).
///
/// A password or token leaves this machine in TLS only. The exceptions have names of their own:
/// [`trusted_plaintext`](Self::trusted_plaintext) and [`security`](Self::security).
///
/// A call replaces what an earlier one said of the same thing. Settings that do not fit together, such as a fingerprint
/// and no TLS, are an error, and nothing is connected then.
///
/// `connect` of `pop3-tokio` and `pop3-async-std` gives a [future](crate::Connecting) with the client; that of
/// `pop3-std` blocks, and gives the client itself.
#[must_use = "a builder does nothing until it connects"]
pub struct Builder<A> {
    plan: Plan,
    adapter: PhantomData<fn() -> A>,
}

/// How an adapter connects.
pub trait Adapter: Sized {
    /// What [`Builder::connect`] gives: the client, or a future with it.
    type Connected;

    /// Connects as planned.
    fn connect(plan: Plan) -> Self::Connected;
}

/// How an adapter makes a client of a stream that is connected already.
pub trait Over<S>: Adapter {
    /// What [`Builder::connect_over`] gives: the client, or a future with it.
    type ConnectedOver;

    /// Makes a client of a stream in clear, with the TLS that is planned.
    fn connect_over(stream: S, plan: Plan) -> Self::ConnectedOver;

    /// Makes a client of a stream that is in TLS already.
    fn connect_in_tls(stream: S, tls: Option<TlsInfo>, plan: Plan) -> Self::ConnectedOver;
}

/// Who logs in.
impl<A> Builder<A> {
    /// Logs in with a name and a password, by the strongest way that the server offers: see
    /// [`Client::login_with`](pop3_driver::client::Client::login_with).
    ///
    /// Without a login, `connect` gives a client that is not logged in.
    pub fn login(self, name: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.credentials(Credentials::new(name).with_password(password))
    }

    /// Logs in with a token of OAuth 2.0, by OAUTHBEARER (RFC 7628) or XOAUTH2.
    pub fn login_with_token(self, name: impl Into<String>, token: impl Into<Secret>) -> Self {
        let mut this = self.credentials(Credentials::new(name).with_token(token));
        this.plan.login.needs_endpoint = true;
        this
    }

    /// Logs in as whom the client's certificate names, by EXTERNAL (RFC 4422 appendix A).
    #[cfg(feature = "rustls")]
    pub fn login_with_certificate(self) -> Self {
        self.credentials(Credentials::certificate())
    }

    /// Logs in with these credentials, whatever they are.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.plan.login.credentials = Some(credentials);
        self.plan.login.needs_endpoint = false;
        self
    }

    /// Logs in by this method and no other. Of the policy, only
    /// [`require_binding`](LoginPolicy::require_binding) counts then.
    pub const fn method(mut self, method: LoginMethod) -> Self {
        self.plan.login.method = Some(method);
        self
    }

    /// Sets what the choice of the method may use.
    pub const fn policy(mut self, policy: LoginPolicy) -> Self {
        self.plan.login.policy = policy;
        self
    }
}

/// Where the client connects, and how the connection is protected.
impl<A> Builder<A> {
    /// A builder for a client of this host: for adapters.
    pub fn new(host: &str) -> Self {
        Self { plan: Plan::new(host), adapter: PhantomData }
    }

    /// Sets the port. Default: 995 for TLS from the first octet, otherwise 110.
    pub const fn port(mut self, port: u16) -> Self {
        self.plan.port = Some(port);
        self
    }

    /// Begins TLS by STLS, on port 110 (RFC 2595). If the server refuses it, there is no connection.
    #[cfg(feature = "rustls")]
    pub fn starttls(mut self) -> Self {
        self.plan.protection = Protection::StartTls;
        self
    }

    /// Uses no TLS, and sends name, password and mail in clear: for the loopback interface or a tunnel.
    pub fn trusted_plaintext(self) -> Self {
        self.security(Security::TrustedPlaintext)
    }

    /// Protects the connection in this way, and no other.
    pub fn security(mut self, security: Security) -> Self {
        self.plan.protection = Protection::Given(security);
        self
    }

    /// Sets the name that the server's certificate must have. Default: the host.
    #[cfg(feature = "rustls")]
    pub fn tls_name(mut self, name: impl Into<String>) -> Self {
        self.plan.tls.name = Some(name.into());
        self
    }

    /// Uses this rustls configuration: see [`client_config`](pop3_driver::tls::client_config) for certificate
    /// authorities of your own, and [`harden_client`](pop3_driver::tls::harden_client) for what mail wants of one.
    #[cfg(feature = "rustls")]
    pub fn tls_config(mut self, config: Arc<ClientConfig>) -> Self {
        self.plan.tls.config = Some(config);
        self
    }

    /// Believes the certificates in this PEM file as well as the system's authorities: those of authorities, and those
    /// of servers themselves.
    ///
    /// The file, and the system's list, are read by each `connect`. Where there are many, make a configuration once
    /// ([`Whom`](pop3_trust::Whom::config)), and give it to [`tls_config`](Self::tls_config).
    #[cfg(feature = "trust")]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.plan.tls.ca_file = Some(path.into());
        self
    }

    /// Believes the certificate with this fingerprint, and no other. May be called several times.
    #[cfg(feature = "trust")]
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.plan.tls.fingerprints.push(fingerprint);
        self
    }

    /// Shows the server the certificate chain in the first PEM file, with the key in the second.
    #[cfg(feature = "trust")]
    pub fn client_certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.plan.tls.own = Some((chain.into(), key.into()));
        self
    }

    /// Replaces the settings of the client: timeouts, limits, strictness, pipelining, tracing.
    pub fn options(mut self, options: ClientOptions) -> Self {
        self.plan.options = options;
        self
    }

    /// Sets how long connecting, the TLS handshake and the greeting may take together: see
    /// [`ClientOptions::connect_timeout`].
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.plan.options.connect_timeout = timeout;
        self
    }

    /// Sets the switch that ends connecting and the session: see [`ClientOptions::stop`], over which it prevails.
    ///
    /// `pop3-std` looks at it once TCP is connected: what ends that attempt earlier is
    /// [`connect_timeout`](Self::connect_timeout) alone.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.plan.stop = Some(stop);
        self
    }
}

/// The connection.
impl<A: Adapter> Builder<A> {
    /// Connects, waits for the greeting, and logs in if there is a login.
    ///
    /// # Errors
    /// [`ClientError::Settings`](pop3_driver::client::ClientError::Settings) when settings can't be used: nothing was connected.
    /// Else those of the connection and of the login, after which the connection is closed.
    pub fn connect(self) -> A::Connected {
        A::connect(self.plan)
    }

    /// Does the same over a stream that is connected to the server: through a SOCKS proxy, by a Unix socket, in memory.
    /// The host is not dialled, but the server's certificate must still be for it.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_over<S>(self, stream: S) -> A::ConnectedOver
    where
        A: Over<S>,
    {
        A::connect_over(stream, self.plan)
    }

    /// Does the same over a stream that another library has put into TLS. The caller has verified the server, and
    /// passwords are sent. `tls` is what was agreed on, as far as it is known: without it logins are not bound to TLS.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); also when the builder was told how to protect the connection.
    pub fn connect_in_tls<S>(self, stream: S, tls: Option<TlsInfo>) -> A::ConnectedOver
    where
        A: Over<S>,
    {
        A::connect_in_tls(stream, tls, self.plan)
    }
}

impl<A> Clone for Builder<A> {
    fn clone(&self) -> Self {
        Self { plan: self.plan.clone(), adapter: PhantomData }
    }
}

impl<A> fmt::Debug for Builder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}
