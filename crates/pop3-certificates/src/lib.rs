//! Certificates and keys from PEM files, and the fingerprints by which people compare certificates.
//!
//! Servers and clients read the same files: [`certificates`] reads a chain or a list of authorities, [`certified_key`]
//! a chain with its private key. [`Fingerprint`] is the SHA-256 of one certificate.

mod fingerprint;
mod pem;

pub use fingerprint::{Fingerprint, NoFingerprint};
pub use pem::{Error, certificates, certified_key};
