//! The builder of clients.

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
/// Create one with `Client::builder` of an adapter. By default it uses TLS from the first octet on port 995, and
/// trusts the certificate authorities of the system (feature `trust`, on by default in the adapters).
///
/// Passwords and tokens are sent only over TLS, unless you call [`trusted_plaintext`](Self::trusted_plaintext) or
/// choose another protection with [`security`](Self::security).
///
/// A later call replaces an earlier one for the same setting. Settings that contradict each other, such as a
/// fingerprint without TLS, are an error. The builder then does not connect.
///
/// In `pop3-tokio` and `pop3-async-std`, `connect` returns a [future](crate::Connecting) of the client. In `pop3-std`
/// it blocks and returns the client itself.
#[must_use = "a builder does nothing until it connects"]
pub struct Builder<A> {
    plan: Plan,
    adapter: PhantomData<fn() -> A>,
}

/// An adapter that connects clients.
pub trait Adapter: Sized {
    /// The return type of [`Builder::connect`]: the client or a future of it.
    type Connected;

    /// Connects according to the plan.
    fn connect(plan: Plan) -> Self::Connected;
}

/// An adapter that creates clients from streams that are already connected.
pub trait Over<S>: Adapter {
    /// The return type of [`Builder::connect_over`]: the client or a future of it.
    type ConnectedOver;

    /// Creates a client from a stream without TLS, and starts TLS according to the plan.
    fn connect_over(stream: S, plan: Plan) -> Self::ConnectedOver;

    /// Creates a client from a stream that is already in TLS.
    fn connect_in_tls(stream: S, tls: Option<TlsInfo>, plan: Plan) -> Self::ConnectedOver;
}

/// The login.
impl<A> Builder<A> {
    /// Logs in with a name and a password, using the strongest method that the server offers; see
    /// [`Client::login_with`](pop3_driver::client::Client::login_with).
    ///
    /// Without a login, `connect` returns a client that is not logged in.
    pub fn login(self, name: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.credentials(Credentials::new(name).with_password(password))
    }

    /// Logs in with an OAuth 2.0 token, using OAUTHBEARER (RFC 7628) or XOAUTH2.
    pub fn login_with_token(self, name: impl Into<String>, token: impl Into<Secret>) -> Self {
        let mut this = self.credentials(Credentials::new(name).with_token(token));
        this.plan.login.needs_endpoint = true;
        this
    }

    /// Logs in as the user of the client certificate, using EXTERNAL (RFC 4422 appendix A).
    #[cfg(feature = "rustls")]
    pub fn login_with_certificate(self) -> Self {
        self.credentials(Credentials::certificate())
    }

    /// Logs in with any kind of credentials.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.plan.login.credentials = Some(credentials);
        self.plan.login.needs_endpoint = false;
        self
    }

    /// Logs in with this method and no other. Of the policy, only [`require_binding`](LoginPolicy::require_binding)
    /// then applies.
    pub const fn method(mut self, method: LoginMethod) -> Self {
        self.plan.login.method = Some(method);
        self
    }

    /// Sets the rules for choosing the method.
    pub const fn policy(mut self, policy: LoginPolicy) -> Self {
        self.plan.login.policy = policy;
        self
    }
}

/// The connection and its protection.
impl<A> Builder<A> {
    /// Creates a builder for a client of this host, which may end in a port, for adapters.
    pub fn new(host: &str) -> Self {
        Self { plan: Plan::new(host), adapter: PhantomData }
    }

    /// Sets the port. Default: the port after the host, or else 995 for TLS from the first octet and 110 otherwise.
    pub const fn port(mut self, port: u16) -> Self {
        self.plan.port = Some(port);
        self
    }

    /// Starts TLS with STLS, on port 110 by default (RFC 2595). If the server refuses it, connecting fails.
    #[cfg(feature = "rustls")]
    pub fn starttls(mut self) -> Self {
        self.plan.protection = Protection::StartTls;
        self
    }

    /// Uses no TLS, and sends the name, the password and the mail in clear text. Use it only for the loopback
    /// interface or a tunnel.
    pub fn trusted_plaintext(self) -> Self {
        self.security(Security::TrustedPlaintext)
    }

    /// Protects the connection in this way.
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

    /// Sets the rustls configuration. [`client_config`](pop3_driver::tls::client_config) creates one for certificate
    /// authorities of your own. [`harden_client`](pop3_driver::tls::harden_client) adapts an existing one to mail.
    #[cfg(feature = "rustls")]
    pub fn tls_config(mut self, config: Arc<ClientConfig>) -> Self {
        self.plan.tls.config = Some(config);
        self
    }

    /// Also trusts the certificates in this PEM file, in addition to the authorities of the system. The file may
    /// contain certificates of authorities and of servers.
    ///
    /// Each `connect` reads the file and the list of the system. If you connect often, create one configuration with
    /// [`Whom::config`](pop3_trust::Whom::config) and pass it to [`tls_config`](Self::tls_config).
    #[cfg(feature = "trust")]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.plan.tls.ca_file = Some(path.into());
        self
    }

    /// Trusts only the certificate with this fingerprint. Call it several times to trust several certificates.
    #[cfg(feature = "trust")]
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.plan.tls.fingerprints.push(fingerprint);
        self
    }

    /// Presents the certificate chain in the first PEM file to the server, with the key in the second file.
    #[cfg(feature = "trust")]
    pub fn client_certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.plan.tls.own = Some((chain.into(), key.into()));
        self
    }

    /// Replaces the options of the client: timeouts, limits, strictness, pipelining, tracing.
    pub fn options(mut self, options: ClientOptions) -> Self {
        self.plan.options = options;
        self
    }

    /// Sets how long connecting, the TLS handshake and the greeting may take together; see
    /// [`ClientOptions::connect_timeout`].
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.plan.options.connect_timeout = timeout;
        self
    }

    /// Sets the switch that ends connecting and the session. It overrides [`ClientOptions::stop`].
    ///
    /// `pop3-std` checks the switch only once TCP is connected. Until then, only
    /// [`connect_timeout`](Self::connect_timeout) ends the attempt.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.plan.stop = Some(stop);
        self
    }
}

/// Connecting.
impl<A: Adapter> Builder<A> {
    /// Connects, waits for the greeting, and logs in if there is a login.
    ///
    /// # Errors
    /// Returns [`ClientError::Settings`](pop3_driver::client::ClientError::Settings) if the settings cannot be used,
    /// before connecting. Otherwise returns the errors of the connection and of the login. The connection is then
    /// closed.
    pub fn connect(self) -> A::Connected {
        A::connect(self.plan)
    }

    /// Like [`connect`](Self::connect), over a stream that is already connected to the server, for example through a
    /// SOCKS proxy, over a Unix socket, or in memory. The builder does not connect to the host, but the certificate
    /// of the server must still match it.
    ///
    /// # Errors
    /// Returns the same errors as [`connect`](Self::connect).
    pub fn connect_over<S>(self, stream: S) -> A::ConnectedOver
    where
        A: Over<S>,
    {
        A::connect_over(stream, self.plan)
    }

    /// Like [`connect`](Self::connect), over a stream that is already in TLS from another library. The caller must
    /// have verified the server, because the client sends passwords on this stream. `tls` is the result of the
    /// handshake, as far as it is known. Without it, logins are not bound to TLS.
    ///
    /// # Errors
    /// Returns the same errors as [`connect`](Self::connect), and an error if the builder has settings for the
    /// protection of the connection.
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
