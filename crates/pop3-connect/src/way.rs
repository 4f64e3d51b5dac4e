//! The way to log in.

use pop3_sasl::Mechanism;

/// The way to log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// What the URL says, or else the strongest that both sides have.
    #[default]
    Auto,
    /// USER and PASS.
    User,
    /// APOP.
    Apop,
    /// AUTH with this mechanism.
    Sasl(Mechanism),
}
