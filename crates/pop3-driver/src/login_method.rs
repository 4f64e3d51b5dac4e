//! How a user has logged in.

use core::fmt;

use pop3_sasl::Mechanism;

/// The commands with which a user has logged in.
///
/// `Display` shows `USER and PASS`, `APOP`, or the name of the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoginMethod {
    /// USER and PASS (RFC 1939 section 7).
    User,
    /// APOP (RFC 1939 section 7).
    Apop,
    /// AUTH with this mechanism (RFC 5034).
    Auth(Mechanism),
}

impl LoginMethod {
    /// Returns one word for logs: `USER`, `APOP`, or the name of the mechanism.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Apop => "APOP",
            Self::Auth(mechanism) => mechanism.name(),
        }
    }
}

impl fmt::Display for LoginMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("USER and PASS"),
            Self::Apop | Self::Auth(_) => f.write_str(self.name()),
        }
    }
}
