//! Certificates and keys from PEM files, and the fingerprints by which people compare certificates.
//!
//! Servers and clients read the same files: [`certificates`] reads a chain or a list of authorities, [`certified_key`]
//! a chain with its private key. [`Fingerprint`] is the SHA-256 of one certificate.
//!
//! Where signatures have types of rustls, they are of rustls 0.23, which is [`pop3_driver::tls::rustls`]; a later major
//! version of rustls is a major version of this crate.

mod fingerprint;
mod pem;

pub use fingerprint::{Fingerprint, NoFingerprint};
pub use pem::{Error, certificates, certified_key};
