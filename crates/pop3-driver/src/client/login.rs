//! Ways to log in.

use pop3_proto::client::SendError;
use pop3_proto::{Capability, Command, Name, Password, Quirk};
use pop3_sasl::Mechanism;
use pop3_sasl::client::{Credentials, MechanismPolicy, Unusable, candidates};
use pop3_sasl::saslprep::StringKind;
use pop3_sasl::scram::MAX_ITERATIONS;

use super::auth::{Attempt, unbound};
use super::prepared::prepared;
use super::{Client, ClientError, NoLogin, Refusal, apop};
use crate::login_method::LoginMethod;
use crate::transport::Transport;

/// The rules for a login: what the client may use, by AUTH, APOP, or USER and PASS.
///
/// It contains only what the caller decides. For AUTH, the client makes a
/// [`MechanismPolicy`](pop3_sasl::client::MechanismPolicy) of it, adding what it knows of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginPolicy {
    /// Whether the login must be bound to the TLS connection with a -PLUS mechanism (RFC 5802 section 6). Default:
    /// `false`. Even then, the client tells a server that offers no -PLUS that it could bind, and an honest server
    /// whose list was tampered with refuses the login. A false server would not. This setting protects against that.
    pub require_binding: bool,
    /// Whether the client may choose CRAM-MD5. Default: `false`, because MD5 is weak (RFC 6151). Needs the feature
    /// `md5`.
    pub cram_md5: bool,
    /// Whether the client may use APOP if there is nothing better. Default: `false`, because MD5 is weak (RFC 6151).
    /// Needs the feature `md5`.
    pub apop: bool,
    /// The maximum number of SCRAM iterations that a server may ask for. If it asks for more, the login fails before
    /// anything is computed. Default: [`MAX_ITERATIONS`], some seconds of work. A false server could ask for hours
    /// of work.
    pub max_iterations: u32,
}

impl Default for LoginPolicy {
    fn default() -> Self {
        Self { require_binding: false, cram_md5: false, apop: false, max_iterations: MAX_ITERATIONS }
    }
}

impl LoginPolicy {
    /// Sets [`require_binding`](Self::require_binding).
    #[must_use]
    pub const fn with_require_binding(mut self, require_binding: bool) -> Self {
        self.require_binding = require_binding;
        self
    }

    /// Sets [`cram_md5`](Self::cram_md5).
    #[must_use]
    pub const fn with_cram_md5(mut self, cram_md5: bool) -> Self {
        self.cram_md5 = cram_md5;
        self
    }

    /// Sets [`max_iterations`](Self::max_iterations).
    #[must_use]
    pub const fn with_max_iterations(mut self, iterations: u32) -> Self {
        self.max_iterations = iterations;
        self
    }

    /// Sets [`apop`](Self::apop).
    #[must_use]
    pub const fn with_apop(mut self, apop: bool) -> Self {
        self.apop = apop;
        self
    }
}

impl<T: Transport> Client<T> {
    /// Logs in with the best method that the server and the credentials support. The order is: the SASL mechanisms in
    /// the order of [`candidates`], APOP if the policy allows it, USER and PASS.
    ///
    /// The client asks for the capabilities before the login, to find out which methods the server supports, and again
    /// after it, because some depend on the user. If the server has announced PIPELINING, which may not differ after
    /// the login (RFC 2449 section 6.6), the second CAPA takes no round trip: it is sent together with the first
    /// command of the next call, except [`quit`](Self::quit). Calls for many messages, such as
    /// [`retr_all`](Self::retr_all), wait for its reply first, because it says how many commands may follow. Until then,
    /// [`known_capabilities`](Self::known_capabilities) returns those from before the login. Call
    /// [`capabilities`](Self::capabilities) if you need the new ones first.
    ///
    /// A password or token is sent at most once. After a refusal that may be about the credentials, the client tries
    /// nothing weaker. It tries the next mechanism only if the server refused one before any message was exchanged,
    /// or, with AUTH-RESP-CODE, if it refused the initial response for another reason than the credentials. USER and
    /// PASS are tried only after PLAIN and LOGIN, which reveal as much, and only if the server announces USER.
    ///
    /// If a server refuses a -PLUS mechanism before it received a proof, it may not know our type of binding. The
    /// client then tries the same mechanism without binding, if the server offers it, and [`quirks`](Self::quirks)
    /// contains [`Quirk::UnknownBinding`] after the login. It does not do this if the policy requires binding, or in
    /// strict mode. With Cyrus, which it recognizes by IMPLEMENTATION, the client does not bind in the first place,
    /// because Cyrus refuses all types except tls-unique only after the proof. This goes beyond RFC 5802 section 6.
    ///
    /// ```
    /// # use pop3_driver::Transport;
    /// # use pop3_driver::client::{Client, Credentials, ClientError, LoginPolicy};
    /// # async fn example<T: Transport>(mut client: Client<T>) -> Result<(), ClientError> {
    /// let credentials = Credentials::new("mrose").with_password("tanstaaf");
    /// let policy = LoginPolicy::default().with_require_binding(true);
    /// let method = client.login_with(&credentials, &policy).await?;
    /// println!("logged in by {method}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Do not drop the future: once an AUTH exchange has begun, all later calls would fail with
    /// [`ClientError::Interrupted`].
    ///
    /// # Errors
    /// Returns [`ClientError::Unsendable`] with [`Plaintext`](SendError::Plaintext) if the connection must not carry
    /// passwords, and [`ClientError::NoLogin`] if there is no way to log in. No secret was sent in these cases.
    /// Otherwise as [`authenticate`](Self::authenticate) and [`login`](Self::login).
    pub async fn login_with(
        &mut self,
        credentials: &Credentials,
        policy: &LoginPolicy,
    ) -> Result<LoginMethod, ClientError> {
        self.may_log_in()?;
        self.max_iterations = policy.max_iterations;
        self.learn_capabilities().await?;
        let offered = self.mechanisms();
        let permitted = MechanismPolicy::default()
            .with_secrets(true)
            .with_bindings(!self.bindings().is_empty())
            .with_binding_required(policy.require_binding)
            .with_cram_md5(policy.cram_md5);
        let mut turned_down = None;
        let unbound_offered = |mechanism| {
            unbound(mechanism).filter(|same| offered.iter().any(|name| Mechanism::parse(name) == Some(*same)))
        };
        for mechanism in candidates(&offered, credentials, &permitted) {
            if !policy.require_binding
                && !self.strict
                && self.knows_tls_unique_only()
                && let Some(same) = unbound_offered(mechanism)
            {
                return self.unbind(same, credentials).await;
            }
            match self.attempt(mechanism, credentials).await {
                Ok(()) => {
                    self.ask_again().await?;
                    return Ok(LoginMethod::Auth(mechanism));
                }
                Err(Attempt::TurnedDown(refusal)) => turned_down = Some(refusal),
                Err(Attempt::Unbound(error)) if policy.require_binding || self.strict => return Err(error),
                Err(Attempt::Unbound(error)) => {
                    let same = unbound_offered(mechanism);
                    return self.unbind(same.ok_or(error)?, credentials).await;
                }
                Err(Attempt::Failed(error)) => return Err(error),
            }
        }
        if policy.require_binding {
            return Err(
                turned_down.map_or(ClientError::NoLogin(NoLogin::BindingNotOffered), ClientError::Refused)
            );
        }
        let Some((name, password)) = credentials.name().zip(credentials.password()) else {
            return Err(turned_down.map_or(ClientError::NoLogin(NoLogin::NotOffered), ClientError::Refused));
        };
        let (name, password) = (name.as_bytes(), password.expose());
        if let Some(refusal) = turned_down {
            let revealing = [Mechanism::Plain, Mechanism::Login].map(Some).contains(&refusal.mechanism);
            if !revealing || !self.has(Capability::User) || self.fits(password).is_err() {
                return Err(ClientError::Refused(refusal));
            }
        }
        if policy.apop && apop::DIGEST.is_some() && self.offers_apop() {
            self.login_apop(name, password).await?;
            return Ok(LoginMethod::Apop);
        }
        self.login(name, password).await?;
        Ok(LoginMethod::User)
    }

    /// Whether it is Cyrus, by what it announces. It knows no type of binding but tls-unique, and refuses the
    /// others only behind the proof, when it looks like a wrong password. Who says so and is not Cyrus gains
    /// nothing: a refusal before the proof would do the same.
    fn knows_tls_unique_only(&self) -> bool {
        let list = self.known_capabilities();
        list.iter().flat_map(|list| list.iter()).any(|capability| {
            matches!(capability, Capability::Implementation(text)
                if text.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"Cyrus")))
        })
    }

    /// Logs in without the binding that the server does not know.
    async fn unbind(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<LoginMethod, ClientError> {
        match self.attempt(mechanism, credentials).await {
            Ok(()) => {
                self.remember(Quirk::UnknownBinding);
                self.ask_again().await?;
                Ok(LoginMethod::Auth(mechanism))
            }
            // Try nothing weaker, so that an attacker in between gets no more than a proof.
            Err(Attempt::TurnedDown(refusal)) => Err(ClientError::Refused(refusal)),
            Err(Attempt::Unbound(error) | Attempt::Failed(error)) => Err(error),
        }
    }

    /// Logs in with USER and PASS (RFC 1939 section 7), and asks for the capabilities, which may change at the login.
    /// If they were asked for before, this is done as by [`login_with`](Self::login_with).
    ///
    /// A name or password that is not ASCII is sent only if the server announces `UTF8 USER` (RFC 6856 section 2.2).
    /// It is first prepared with SASLprep. With [`ClientConfig::raw_credentials`](pop3_proto::client::ClientConfig), it
    /// is otherwise sent as it is.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call). Call [`drain`](Self::drain) to find out
    /// whether the user is logged in.
    ///
    /// # Errors
    /// - [`ClientError::Refused`] if the server refuses the login. The [`code`](super::Refusal::code) tells why.
    /// - [`ClientError::Unsendable`] with [`Plaintext`](pop3_proto::client::SendError::Plaintext) if the connection
    ///   must not carry passwords, or with [`NotAscii`](pop3_proto::client::SendError::NotAscii) if the server does
    ///   not accept UTF-8. Nothing was sent.
    ///
    /// For other errors, see [`ClientError`].
    pub async fn login(&mut self, name: &[u8], password: &[u8]) -> Result<(), ClientError> {
        let utf8 = self.takes_utf8(&[name, password]).await?;
        let name = prepared(name, StringKind::Query, utf8).ok_or(ClientError::Unusable(Unusable::Name))?;
        let password =
            prepared(password, StringKind::Query, utf8).ok_or(ClientError::Unusable(Unusable::Password))?;
        let (user, pass) = (Command::User(Name::parse(&name)?), Command::Pass(Password::parse(&password)?));
        // Check the password before the name is sent.
        self.fits(&password)?;
        self.connection.remember_secret(&password);
        match self.call(&user, |_| Ok(())).await {
            Err(ClientError::Refused(refusal)) => {
                // Report the refusal even if the server closes the connection here.
                let _ = self.learn_capabilities().await;
                let unoffered = self.known_capabilities().is_some() && !self.has(Capability::User);
                return Err(ClientError::Refused(Refusal { unoffered, ..refusal }));
            }
            result => result?,
        }
        self.call(&pass, |_| Ok(())).await?;
        self.login_method = Some(LoginMethod::User);
        self.ask_again().await
    }

    /// Whether anybody may log in here at all. Mechanisms that show no secret would be safe on a plaintext
    /// channel, but the mail behind them would not.
    pub(super) fn may_log_in(&self) -> Result<(), ClientError> {
        if self.channel().carries_secrets() {
            Ok(())
        } else {
            Err(ClientError::Unsendable(SendError::Plaintext))
        }
    }

    /// Whether the server takes UTF-8 in USER, PASS and APOP; asked only where it matters.
    pub(super) async fn takes_utf8(&mut self, texts: &[&[u8]]) -> Result<bool, ClientError> {
        if texts.iter().all(|text| text.is_ascii()) {
            return Ok(false);
        }
        self.learn_capabilities().await?;
        Ok(self.has(Capability::Utf8 { user: true }))
    }

    /// Whether a password may be used in USER, PASS or APOP: as the core says of PASS.
    pub(super) fn fits(&self, password: &[u8]) -> Result<(), ClientError> {
        if self.raw_credentials || password.is_ascii() || self.has(Capability::Utf8 { user: true }) {
            return Ok(());
        }
        Err(ClientError::Unsendable(SendError::NotAscii))
    }

    /// The names of the mechanisms that the server offers.
    pub(super) fn mechanisms(&self) -> Vec<Vec<u8>> {
        let list = self.known_capabilities();
        list.iter().flat_map(|list| list.mechanisms()).map(<[u8]>::to_vec).collect()
    }
}
