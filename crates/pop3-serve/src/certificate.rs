//! The certificate of a server.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use pop3_certificates::{certified_key, chain};
use pop3_driver::tls::{client_verifier, harden_server, provider};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
#[cfg(feature = "self-signed")]
use rustls_pki_types::PrivateKeyDer;

use crate::error::ServeError;

/// A server certificate that can be reloaded while it is in use. All clones share the certificate.
#[derive(Clone, Debug)]
pub struct ReloadableCertificate {
    files: Option<(PathBuf, PathBuf)>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    asks_clients: bool,
}

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ReloadableCertificate {
    /// Reads the certificate chain and the key from PEM files.
    ///
    /// # Errors
    /// Returns an error if the files cannot be read or do not belong together. The message names the file.
    pub fn from_files(cert: &Path, key: &Path) -> Result<Self, ServeError> {
        let certified = certified_key(cert, key)?;
        Self::new(Some((cert.to_owned(), key.to_owned())), certified)
    }

    /// Creates a self-signed certificate for `localhost`, `hostname` and the loopback addresses. Clients do not trust
    /// it by default.
    ///
    /// # Errors
    /// Returns an error if the certificate cannot be created.
    #[cfg(feature = "self-signed")]
    pub fn self_signed(hostname: &str) -> Result<Self, ServeError> {
        let failed = |error: &dyn core::fmt::Display| {
            ServeError::unusable(format!("no certificate could be made: {error}"))
        };
        let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        if !names.iter().any(|name| name == hostname) {
            names.push(hostname.to_owned());
        }
        let mut params = rcgen::CertificateParams::new(names).map_err(|error| failed(&error))?;
        params.distinguished_name.push(rcgen::DnType::CommonName, "pop3 self-signed");
        let key = rcgen::KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| failed(&error))?;
        let certified = CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider())
            .map_err(|error| failed(&error))?;
        Self::new(None, certified)
    }

    fn new(files: Option<(PathBuf, PathBuf)>, certified: CertifiedKey) -> Result<Self, ServeError> {
        let current = Arc::new(Current(RwLock::new(Arc::new(certified))));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| ServeError::unusable(format!("TLS can't be set up: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        Ok(Self { files, current, config: harden_server(config), asks_clients: false })
    }

    /// Requests certificates from clients, issued by the authorities in a PEM file. A client without a certificate is
    /// still served. A client with an invalid certificate is not (RFC 8314 section 4.2). The file is read only once.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or contains no certificate.
    pub fn with_client_authorities(self, path: &Path) -> Result<Self, ServeError> {
        let mut roots = RootCertStore::empty();
        for certificate in chain(path)? {
            roots.add(certificate).map_err(|error| pop3_certificates::CertificateError::new(path, &error))?;
        }
        let verifier =
            client_verifier(roots).map_err(|error| pop3_certificates::CertificateError::new(path, &error))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| ServeError::unusable(format!("TLS can't be set up: {error}")))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>);
        Ok(Self { config: harden_server(config), asks_clients: true, ..self })
    }

    /// Whether clients are asked for certificates, so that EXTERNAL can be offered.
    pub(crate) const fn asks_clients(&self) -> bool {
        self.asks_clients
    }

    /// Returns the TLS configuration of the server. It remains valid when the certificate is reloaded.
    ///
    /// The type is that of rustls 0.23, re-exported as [`pop3_driver::tls::rustls`].
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Returns the current certificate chain, the server's own certificate first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.get().cert.clone()
    }

    /// Reloads the files. A [self-signed](Self::self_signed) certificate stays unchanged.
    ///
    /// # Errors
    /// Returns the same errors as [`from_files`](Self::from_files). The old certificate then stays in use.
    pub fn reload(&self) -> Result<(), ServeError> {
        if let Some((cert, key)) = &self.files {
            let certified = Arc::new(certified_key(cert, key)?);
            *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
        }
        Ok(())
    }
}

impl Current {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};

    use pop3_driver::tls::client_config;
    use rustls::{ClientConfig, ClientConnection, ServerConnection};

    use super::*;

    fn write(folder: &Path) -> (PathBuf, PathBuf) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&cert, pair.cert.pem()).unwrap();
        fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        (cert, key)
    }

    /// A client's TLS that believes these certificates only.
    fn client_for(chain: Vec<CertificateDer<'static>>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(chain);
        client_config(roots).unwrap()
    }

    fn believing(path: &Path) -> Arc<ClientConfig> {
        client_for(chain(path).unwrap())
    }

    /// Lets both sides talk until the handshake is done.
    fn handshake(
        server: Arc<ServerConfig>,
        client: Arc<ClientConfig>,
        name: &str,
    ) -> Result<(), rustls::Error> {
        let mut server = ServerConnection::new(server).unwrap();
        let mut client = ClientConnection::new(client, name.to_owned().try_into().unwrap()).unwrap();
        while server.is_handshaking() || client.is_handshaking() {
            let mut octets = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut octets).unwrap();
            }
            while !octets.is_empty() {
                let read = server.read_tls(&mut octets.as_slice()).unwrap();
                octets.drain(..read);
                server.process_new_packets()?;
            }
            while server.wants_write() {
                server.write_tls(&mut octets).unwrap();
            }
            while !octets.is_empty() {
                let read = client.read_tls(&mut octets.as_slice()).unwrap();
                octets.drain(..read);
                client.process_new_packets()?;
            }
        }
        assert_eq!(client.alpn_protocol(), Some(&b"pop3"[..]));
        client.writer().write_all(b"QUIT\r\n").unwrap();
        let mut octets = Vec::new();
        client.write_tls(&mut octets).unwrap();
        server.read_tls(&mut octets.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut line = [0; 6];
        server.reader().read_exact(&mut line).unwrap();
        assert_eq!(&line, b"QUIT\r\n");
        Ok(())
    }

    #[cfg(feature = "self-signed")]
    #[test]
    fn a_certificate_made_on_the_spot_serves_its_names() {
        let certificate = ReloadableCertificate::self_signed("mail.example").unwrap();
        let client = client_for(certificate.chain());
        for name in ["localhost", "mail.example", "127.0.0.1", "::1"] {
            handshake(certificate.config(), Arc::clone(&client), name).unwrap();
        }
        assert!(handshake(certificate.config(), Arc::clone(&client), "other.example").is_err());
        let other = client_for(ReloadableCertificate::self_signed("mail.example").unwrap().chain());
        assert!(handshake(certificate.config(), other, "localhost").is_err());
    }

    #[test]
    fn files_are_read_again_and_bad_ones_are_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = write(folder.path());
        let certificate = ReloadableCertificate::from_files(&cert, &key).unwrap();
        handshake(certificate.config(), believing(&cert), "localhost").unwrap();
        let before = certificate.chain();
        fs::write(&cert, "no certificate").unwrap();
        assert!(certificate.reload().unwrap_err().to_string().contains("cert.pem"));
        assert_eq!(certificate.chain(), before);
        write(folder.path());
        certificate.reload().unwrap();
        assert_ne!(certificate.chain(), before);
        handshake(certificate.config(), believing(&cert), "localhost").unwrap();
        // A server that requests client certificates still serves clients without one, and can reload its own.
        let asking =
            ReloadableCertificate::from_files(&cert, &key).unwrap().with_client_authorities(&cert).unwrap();
        let before = asking.chain();
        write(folder.path());
        asking.reload().unwrap();
        assert_ne!(asking.chain(), before);
        handshake(asking.config(), believing(&cert), "localhost").unwrap();
        let empty = folder.path().join("empty.pem");
        fs::write(&empty, "").unwrap();
        let error = ReloadableCertificate::from_files(&cert, &key)
            .unwrap()
            .with_client_authorities(&empty)
            .unwrap_err();
        assert!(error.to_string().contains("empty.pem"), "{error}");
        // A key that does not belong to the certificate.
        let other = rcgen::KeyPair::generate().unwrap();
        fs::write(&key, other.serialize_pem()).unwrap();
        assert!(certificate.reload().unwrap_err().to_string().contains("key.pem"));
    }
}
