//! Reads certificates and keys from PEM files (RFC 7468), and computes the fingerprints by which people compare
//! certificates.
//!
//! Use this crate to configure TLS for a POP3 server or client from files. To decide which certificates a client
//! trusts, see `pop3-trust`.
//!
//! - [`chain`] reads a certificate chain or a list of authorities, and [`private_key`] a private key.
//! - [`server_config_from_pem`] creates the TLS settings of a server from the files of its chain and its key.
//! - [`certified_key`] reads a chain with its private key.
//! - [`Fingerprint`] is the SHA-256 of one certificate.
//!
//! ```
//! use pop3_certificates::Fingerprint;
//!
//! // The user pastes the fingerprint; the server shows its certificate in DER.
//! let expected: Fingerprint =
//!     "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse()?;
//! assert_eq!(Fingerprint::of(b"abc"), expected);
//! # Ok::<(), pop3_certificates::NoFingerprint>(())
//! ```
//!
//! ```no_run
//! use pop3_driver::tls::Role;
//!
//! let role = Role::Server(pop3_certificates::server_config_from_pem("chain.pem", "key.pem")?);
//! # let _ = role;
//! # Ok::<(), pop3_certificates::CertificateError>(())
//! ```
//!
//! The types of rustls in signatures are those of rustls 0.23, which is re-exported as [`pop3_driver::tls::rustls`].
//! This crate gets a new major version when it moves to a later major version of rustls.

mod fingerprint;
mod pem;

pub use fingerprint::{Fingerprint, NoFingerprint};
pub use pem::{CertificateError, certified_key, chain, private_key, server_config_from_pem};
