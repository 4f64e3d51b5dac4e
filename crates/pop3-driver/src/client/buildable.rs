//! Where `Client::builder` comes from.

use super::Client;
use crate::transport::Transport;

/// A transport for which an adapter has a builder of clients. Adapters implement this trait for their sockets.
///
/// The `Client` of an adapter is the [`Client`] of this crate over the socket of the adapter. This trait provides
/// `Client::builder` without making this crate depend on what a builder needs: sockets, certificate authorities,
/// files.
pub trait Buildable: Transport {
    /// The type of the builder.
    type Builder;

    /// Creates a builder for a client of this host.
    fn builder(host: &str) -> Self::Builder;
}

impl<T: Buildable> Client<T> {
    /// Creates a builder for a client of this host, which is a DNS name or an IP address.
    /// A port may follow, as in `pop.example.org:1995` or `[::1]:1995`.
    ///
    /// The type of the builder depends on the adapter. Its front page has an example.
    #[must_use]
    pub fn builder(host: &str) -> T::Builder {
        T::builder(host)
    }
}
