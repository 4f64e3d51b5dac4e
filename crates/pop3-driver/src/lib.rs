//! What turns the sessions of [`pop3_proto`] into a server and a client, whatever the runtime.
//!
//! | who | needs |
//! |---|---|
//! | a program that fetches mail | [`client`]: a call for each command. An adapter (`pop3-tokio`, `pop3-async-std`, `pop3-std`) connects |
//! | a server | [`server`]: a [`Service`](server::Service) says who is let in, and learns how each connection ended. An adapter listens |
//! | a store that awaits | [`backend`]: a [`Backend`](backend::Backend) for each session |
//! | a store that blocks, such as files | [`store`]: one [`Store`](store::Store) for all sessions |
//! | tests of a client | [`memory`]: a store in memory, with every way to log in |
//! | an adapter for another runtime | [`Transport`]: octets in, octets out, a clock and a timer; and what all adapters need of [`tls`] |
//!
//! [`Stop`] tells the sessions of a server, or a client, to end.
//!
//! This crate knows no runtime and opens no socket. Each future it makes is `Send` if what it is given is, and is
//! pending only where the transport or the backend is; so the same code serves blocking sockets, driven by [`wait`].
//!
//! # Features
//!
//! All are on by default.
//!
//! - `rustls`: TLS. Without it a transport may still be in TLS that somebody else has begun.
//! - `ring`: the same, with ring's cryptography where the process has installed no other.
//! - `proxy`: headers of the PROXY protocol, by which HAProxy and others tell whom they speak for.
//! - `md5`: APOP and CRAM-MD5, which are weak (RFC 6151) and off until they are asked for.

pub mod backend;
mod buffer;
pub mod client;
mod login_method;
pub mod memory;
mod panics;
pub mod server;
mod stop;
pub mod store;
pub mod tls;
mod transport;
mod wait;

pub use login_method::LoginMethod;
pub use stop::{OnStop, Stop};
pub use transport::{Clock, Transport, timed_out};
pub use wait::{pause, wait};
