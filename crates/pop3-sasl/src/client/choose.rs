//! Which mechanism to use.

use alloc::vec::Vec;

use super::Credentials;
use crate::Mechanism;

/// What the connection and its owner allow. The default allows nothing that exposes a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    secrets: bool,
    bindings: bool,
    binding_required: bool,
    cram_md5: bool,
}

impl Policy {
    /// Sets whether passwords and tokens may travel on this connection: TLS with a verified certificate, or the
    /// owner's express wish. Default: no.
    #[must_use]
    pub const fn with_secrets(mut self, allowed: bool) -> Self {
        self.secrets = allowed;
        self
    }

    /// Sets whether there are [`ChannelBindings`](crate::ChannelBindings) of this connection that have not served
    /// yet. Default: no.
    #[must_use]
    pub const fn with_bindings(mut self, known: bool) -> Self {
        self.bindings = known;
        self
    }

    /// Sets whether nothing but a mechanism that is bound to the TLS connection will do. Default: no. Without it,
    /// -PLUS mechanisms that were taken out of the list are detected by the server alone: it is told that the client
    /// could bind (RFC 5802 section 6), and where it believes so it must fail. A false server does not, and gets what
    /// the next mechanism gives away: with SCRAM a proof by which passwords can be tried, with PLAIN the password.
    #[must_use]
    pub const fn with_binding_required(mut self, required: bool) -> Self {
        self.binding_required = required;
        self
    }

    /// Sets whether CRAM-MD5 may be used. Default: no, as it only looks as if it hid the password (RFC 6151): with a
    /// verified TLS connection PLAIN is no worse, without one nothing is proved about the server. Without the feature
    /// `md5` it is not used even so.
    #[must_use]
    pub const fn with_cram_md5(mut self, allowed: bool) -> Self {
        self.cram_md5 = allowed;
        self
    }

    /// Returns whether the mechanism may be used here. To be asked as well where the user names a mechanism.
    #[must_use]
    pub fn permits(&self, mechanism: Mechanism) -> bool {
        let bound = mechanism.needs_channel_binding();
        (self.secrets || !mechanism.exposes_secret())
            && (self.bindings || !bound)
            && (bound || !self.binding_required)
            && (self.cram_md5 || mechanism != Mechanism::CramMd5)
    }
}

/// Returns the mechanisms to use, best first: what the server offers, the policy permits and the credentials suit, in
/// the order of [`Mechanism::ALL`].
///
/// EXTERNAL is among them only where there is no password and no token. After a refusal of the credentials don't try
/// the next one: it would only show the same secret in a weaker way. The next one is for a server that turns the
/// mechanism itself down.
///
/// ```
/// use pop3_sasl::Mechanism;
/// use pop3_sasl::client::{Credentials, Policy, candidates};
///
/// let fred = Credentials::new("fred").with_password("secret");
/// let offered = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "GSSAPI"];
/// let plaintext = Policy::default();
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
    policy: &Policy,
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

/// Returns whether a -PLUS mechanism is among those that the server offers.
#[must_use]
pub fn offers_plus<N: AsRef<[u8]>>(offered: impl IntoIterator<Item = N>) -> bool {
    offered.into_iter().any(|name| {
        let name = name.as_ref();
        let start = name.len().saturating_sub(b"-PLUS".len());
        name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(b"-PLUS"))
    })
}
