//! Whose certificates a client believes, and, for people, why one was refused.
//!
//! [`Whom`] says who is believed: the authorities of the system, those in a file, certificates that are named
//! themselves, or those alone that have a [`Fingerprint`]. [`Whom::config`] makes settings of it for
//! [`Connector`](pop3_driver::tls::Connector). When a handshake fails by that, [`Refused`] is inside the error, and says
//! what is wrong.
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
//! Where signatures have types of rustls, they are of rustls 0.23, which is [`pop3_driver::tls::rustls`]; a later major
//! version of rustls is a major version of this crate.

mod certificate;
mod error;
mod refused;
mod trust;
mod whom;

pub use certificate::describe;
pub use error::Error;
pub use pop3_certificates::Fingerprint;
pub use refused::{Reason, Refused};
pub use whom::{Whom, only};
