//! Decides which server certificates a POP3 client trusts, and explains in plain language why one was refused.
//!
//! Use this crate if the trusted certificates are a setting of your program. If the authorities of the system are
//! enough, the adapters need no further crate.
//!
//! [`Whom`] is the setting: the authorities of the system, the authorities in a file, or only certificates with a
//! given [`Fingerprint`]. [`Whom::config`] makes the TLS settings for a [`Connector`](pop3_driver::tls::Connector).
//! If a handshake fails because of the certificate, the error contains a [`Refused`], which says what is wrong (RFC
//! 5280 section 6, RFC 9525).
//!
//! ```
//! use pop3_driver::client::Security;
//! use pop3_driver::tls::Connector;
//! use pop3_trust::Whom;
//!
//! let fingerprint = "sha256:3a1f9c0e5b7d2846ffeeddccbbaa99887766554433221100123456789abcdef0".parse()?;
//! let config = Whom::new().with_fingerprints(vec![fingerprint]).config()?;
//! let security = Security::Implicit(Connector::new(config, "mail.example")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The types of rustls in signatures are those of rustls 0.23, which is re-exported as [`pop3_driver::tls::rustls`].
//! This crate gets a new major version when it moves to a later major version of rustls.

mod certificate;
mod error;
mod refused;
mod trust;
mod whom;

pub use certificate::describe;
pub use error::TrustError;
pub use pop3_certificates::Fingerprint;
pub use refused::{Reason, Refused};
pub use whom::{Whom, only};
