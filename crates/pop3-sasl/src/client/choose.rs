//! Which mechanism to use.

use alloc::vec::Vec;

use super::Credentials;
use crate::Mechanism;

/// The mechanisms that a connection and its user allow. By default, no mechanism that exposes a secret is allowed.
///
/// This is about SASL alone. The driver makes one for each login, from its `LoginPolicy` and from what it knows of the
/// connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MechanismPolicy {
    secrets: bool,
    bindings: bool,
    binding_required: bool,
    cram_md5: bool,
}

impl MechanismPolicy {
    /// Sets whether passwords and tokens may be sent on this connection. Allow it if the connection uses TLS with a
    /// verified certificate, or if the user explicitly asked for it. Default: no.
    #[must_use]
    pub const fn with_secrets(mut self, allowed: bool) -> Self {
        self.secrets = allowed;
        self
    }

    /// Sets whether [`ChannelBindings`](crate::ChannelBindings) of this connection are available and unused. Default:
    /// no.
    #[must_use]
    pub const fn with_bindings(mut self, known: bool) -> Self {
        self.bindings = known;
        self
    }

    /// Sets whether only mechanisms that are bound to the TLS connection may be used. Default: no.
    ///
    /// Without this setting, an attacker who removes the -PLUS mechanisms from the list is detected only by the
    /// server: the client tells it that it supports channel binding, and the server must fail if it does, too (RFC
    /// 5802 section 6). A server that the attacker runs does not fail. It receives what the next mechanism exposes:
    /// with SCRAM a proof that allows guessing the password, with PLAIN the password itself.
    #[must_use]
    pub const fn with_binding_required(mut self, required: bool) -> Self {
        self.binding_required = required;
        self
    }

    /// Sets whether CRAM-MD5 may be used. Default: no, because it hides the password only weakly (RFC 6151). With a
    /// verified TLS connection it is no better than PLAIN. Without one, the server proves nothing about itself.
    /// Without the feature `md5`, this setting has no effect.
    #[must_use]
    pub const fn with_cram_md5(mut self, allowed: bool) -> Self {
        self.cram_md5 = allowed;
        self
    }

    /// Returns whether the policy allows the mechanism. Check this also if the user selects a mechanism by name.
    #[must_use]
    pub fn permits(&self, mechanism: Mechanism) -> bool {
        let bound = mechanism.needs_channel_binding();
        (self.secrets || !mechanism.exposes_secret())
            && (self.bindings || !bound)
            && (bound || !self.binding_required)
            && (self.cram_md5 || mechanism != Mechanism::CramMd5)
    }
}

/// Returns the mechanisms to try, best first. These are the mechanisms that the server offers, that the policy
/// permits, and that match the credentials, in the order of [`Mechanism::ALL`].
///
/// EXTERNAL is included only if there is no password and no token. Try the next mechanism only if the server rejects
/// the mechanism itself. If it rejects the credentials, do not continue: the next mechanism would only send the same
/// secret with less protection.
///
/// ```
/// use pop3_sasl::Mechanism;
/// use pop3_sasl::client::{Credentials, MechanismPolicy, candidates};
///
/// let fred = Credentials::new("fred").with_password("secret");
/// let offered = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "GSSAPI"];
/// let plaintext = MechanismPolicy::default();
/// assert_eq!(candidates(offered, &fred, &plaintext), [Mechanism::ScramSha256]);
/// let tls = plaintext.with_secrets(true);
/// assert_eq!(candidates(offered, &fred, &tls), [
///     Mechanism::ScramSha256,
///     Mechanism::Plain,
///     Mechanism::Login,
/// ]);
/// ```
#[must_use]
pub fn candidates<N: AsRef<[u8]>>(
    offered: impl IntoIterator<Item = N>,
    credentials: &Credentials,
    policy: &MechanismPolicy,
) -> Vec<Mechanism> {
    let offered: Vec<_> = offered.into_iter().filter_map(|name| Mechanism::parse(name.as_ref())).collect();
    let secret = credentials.password.is_some() || credentials.token.is_some();
    Mechanism::ALL
        .iter()
        .copied()
        .filter(|mechanism| offered.contains(mechanism) && policy.permits(*mechanism))
        .filter(|mechanism| !(secret && *mechanism == Mechanism::External))
        .filter(|mechanism| credentials.suit(*mechanism).is_ok())
        .collect()
}

/// Returns whether the server offers a -PLUS mechanism.
#[must_use]
pub fn offers_plus<N: AsRef<[u8]>>(offered: impl IntoIterator<Item = N>) -> bool {
    offered.into_iter().any(|name| {
        let name = name.as_ref();
        let start = name.len().saturating_sub(b"-PLUS".len());
        name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(b"-PLUS"))
    })
}
