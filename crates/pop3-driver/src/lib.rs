//! What turns the sessions of [`pop3_proto`] into a server and a client, whatever the runtime.
//!
//! An adapter gives a [`Transport`]: octets in, octets out, a clock and a timer. A store gives a
//! [`Backend`], or a blocking [`Store`](store::Store), from which a backend is made. This crate has
//! the loop between them ([`server`]), the calls of a client ([`client`]), and what all adapters need
//! of TLS ([`tls`]).
//!
//! It knows no runtime and opens no socket. Each future it makes is `Send`, and is pending only where
//! the transport or the backend is; so the same code serves blocking sockets, driven by
//! [`wait`].

pub mod backend;
mod buffer;
pub mod client;
mod context;
pub mod memory;
mod panics;
pub mod server;
mod stop;
pub mod store;
pub mod tls;
mod transport;
mod wait;

pub use backend::{Admission, Backend, Message};
pub use context::Context;
pub use stop::{OnStop, Stop};
pub use transport::{Clock, Transport, timed_out};
pub use wait::{pause, wait};
