//! Where `Client::builder` comes from.

use super::Client;
use crate::transport::Transport;

/// A transport for which an adapter has a builder of clients. Adapters implement it for their sockets.
///
/// An adapter's `Client` is this crate's [`Client`] over the adapter's socket. This trait lets `Client::builder` hang
/// on it, while what a builder needs stays out of this crate: sockets, certificate authorities, files.
pub trait Buildable: Transport {
    /// The builder.
    type Builder;

    /// A builder for a client of this host.
    fn builder(host: &str) -> Self::Builder;
}

impl<T: Buildable> Client<T> {
    /// Begins to build a client of this host: a DNS name, or an IP address.
    ///
    /// The builder is that of the adapter, whose front page has an example.
    #[must_use]
    pub fn builder(host: &str) -> T::Builder {
        T::builder(host)
    }
}
