//! Removing secrets from what the server sent.

use alloc::vec::Vec;

use super::connection::ClientConnection;
use super::excerpt::Excerpt;

impl ClientConnection {
    /// The line at the front of these octets, without the secrets that were sent.
    pub(super) fn excerpt(&self, rest: &[u8]) -> Excerpt {
        let end = memchr::memchr(b'\n', rest);
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
        let line = self.shown.mask(line.strip_suffix(b"\r").unwrap_or(line), end.is_none());
        Excerpt::new(self.awaited(), &line)
    }

    /// Returns a text from the server in which `***` replaces each password and token that was sent for the login.
    /// The client remembers these until the first reply after the login is complete, or until the connection ends with
    /// [`ClientConfig::keep_secrets`](super::ClientConfig::keep_secrets).
    #[must_use]
    pub fn masked(&self, text: &[u8]) -> Vec<u8> {
        self.shown.mask(text, false)
    }

    /// Adds a secret that [`masked`](Self::masked) replaces. Use it for passwords that the server may know before they
    /// are sent, or although they are not sent, as with APOP and SCRAM.
    pub fn remember_secret(&mut self, secret: &[u8]) {
        self.shown.password(secret);
    }
}
