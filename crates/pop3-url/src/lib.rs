//! Where a maildrop is: POP URLs, and the server of a mail domain.
//!
//! [`Url`] reads and writes POP URLs (RFC 2384). [`discovery`] finds the server of a mail domain by SRV records
//! (RFC 6186, RFC 8314); the look-up itself is the caller's.
//!
//! With the feature `idn`, the module `idn` translates internationalized host names to ASCII and back.
//!
//! The crate is `no_std` (with `alloc`), has no dependencies but those of `idn`, does no I/O, and does not panic
//! on any input.
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

pub mod discovery;
#[cfg(feature = "idn")]
pub mod idn;
mod scheme;
mod url;

pub use scheme::Scheme;
pub use url::{AuthChoice, Url, UrlError};
