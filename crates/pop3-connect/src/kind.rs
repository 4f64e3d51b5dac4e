//! What a login shows.

/// The kind of credentials that a login uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A password, or a proof that the client knows it.
    #[default]
    Password,
    /// An OAuth 2.0 token.
    Token,
    /// A client certificate, sent in the TLS handshake.
    Certificate,
    /// No credentials (ANONYMOUS).
    Nothing,
}
