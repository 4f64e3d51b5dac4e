//! What a login shows.

/// What a login shows, and a server may refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A password, or a proof of it.
    #[default]
    Password,
    /// An OAuth 2.0 token.
    Token,
    /// A certificate, in the TLS handshake.
    Certificate,
    /// Nothing: ANONYMOUS.
    Nothing,
}
