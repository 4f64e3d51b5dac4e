//! SASL mechanisms without I/O (RFC 4422): the client and the server side as step functions.
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic
    )
)]

extern crate alloc;

mod binding;
pub mod client;
mod mechanism;
mod nonce;
pub mod saslprep;
pub mod scram;
mod secret;
pub mod server;
mod text;

pub use binding::{BindingKind, ChannelBindings};
pub use mechanism::Mechanism;
pub use nonce::Nonce;
pub use secret::Secret;
