//! Certificates and keys for the server, trust for the client.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use pop3_driver::tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::exit::{Exit, Failure};

/// A server's certificate, which can be replaced while it is in use.
#[derive(Debug)]
pub(crate) struct Certificate(RwLock<Arc<CertifiedKey>>);

impl Certificate {
    /// Reads the certificate with its chain and the key, both PEM.
    ///
    /// # Errors
    /// When they can't be read or don't fit; the message names the file.
    pub(crate) fn load(chain: &Path, key: &Path) -> Result<Arc<Self>, Failure> {
        Ok(Arc::new(Self(RwLock::new(read(chain, key)?))))
    }

    /// Makes a certificate that no one knows, and returns it in PEM too, for clients that are told to
    /// trust it.
    ///
    /// # Errors
    /// When a key can't be made.
    pub(crate) fn self_signed(host: &str) -> Result<(Arc<Self>, String), Failure> {
        let cant = |error: &dyn core::fmt::Display| {
            Failure::new(Exit::Connect, format!("can't make a self-signed certificate: {error}"))
        };
        let mut names = vec![host.to_owned()];
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        names.dedup();
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| cant(&error))?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let certified = CertifiedKey::from_der(vec![made.cert.der().clone()], key, &tls::provider())
            .map_err(|error| cant(&error))?;
        Ok((Arc::new(Self(RwLock::new(Arc::new(certified)))), made.cert.pem()))
    }

    /// Reads certificate and key again, for the handshakes from now on.
    ///
    /// # Errors
    /// As [`load`](Self::load); the old ones are kept then.
    pub(crate) fn reload(&self, chain: &Path, key: &Path) -> Result<(), Failure> {
        let certified = read(chain, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(())
    }

    /// The configuration of a server that has this certificate.
    ///
    /// # Errors
    /// When rustls refuses its settings.
    pub(crate) fn server_config(self: Arc<Self>) -> Result<Arc<ServerConfig>, Failure> {
        let builder = ServerConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(Exit::Connect, format!("TLS can't be set up: {error}")))?;
        Ok(tls::harden_server(builder.with_no_client_auth().with_cert_resolver(self)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(chain: &Path, key: &Path) -> Result<Arc<CertifiedKey>, Failure> {
    let certificates = read_certificates(chain)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        Failure::usage(format!("the private key {} can't be read: {error}", key.display()))
    })?;
    let certified = CertifiedKey::from_der(certificates, private, &tls::provider()).map_err(|error| {
        let (chain, key) = (chain.display(), key.display());
        Failure::usage(format!("the certificate {chain} and the key {key} can't be used: {error}"))
    })?;
    Ok(Arc::new(certified))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let cant = |error: &dyn core::fmt::Display| {
        Failure::usage(format!("the certificates in {} can't be read: {error}", path.display()))
    };
    let pem = fs::read(path).map_err(|error| cant(&error))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| cant(&error))?;
    if certificates.is_empty() { Err(cant(&"there is none in PEM")) } else { Ok(certificates) }
}

/// The configuration of a client that trusts the authorities of this machine, and those in the file.
///
/// # Errors
/// When the file can't be read, or when there is nothing to trust.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = ca_file {
        for certificate in read_certificates(path)? {
            roots.add(certificate).map_err(|error| {
                Failure::usage(format!("a certificate in {} can't be trusted: {error}", path.display()))
            })?;
        }
    }
    if roots.is_empty() {
        return Err(Failure::usage(
            "this machine has no certificates of authorities; install ca-certificates or give --ca-file",
        ));
    }
    tls::client_config(roots)
        .map_err(|error| Failure::new(Exit::Connect, format!("TLS can't be set up: {error}")))
}
