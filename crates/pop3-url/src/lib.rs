//! Finds a POP3 maildrop: reads POP URLs (RFC 2384), and discovers the server of a mail domain (RFC 6186).
//!
//! Use this crate to let users name an account by a URL or by their mail address. To connect to the account, see
//! `pop3-connect`.
//!
//! [`Url`] reads and writes POP URLs. [`discovery`] chooses the server of a mail domain from SRV records (RFC 6186,
//! RFC 8314 section 5.1). You do the DNS look-up.
//!
//! ```
//! use pop3_url::Url;
//!
//! let url = Url::parse("pops://mrose@mail.example.org")?;
//! assert_eq!(url.host(), "mail.example.org");
//! # Ok::<(), pop3_url::UrlError>(())
//! ```
//!
//! # Features
//!
//! No feature is on by default. `idn` adds the module `idn`, which converts internationalized host names to ASCII
//! and back (RFC 5891).
//!
//! # Limits
//!
//! The crate is `no_std` with `alloc`, does no I/O, and does not panic on any input. Without `idn` it has no
//! dependencies.
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
