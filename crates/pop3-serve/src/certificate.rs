//! The certificates of a server.

mod chosen;
mod files;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use pop3_certificates::chain;
use pop3_driver::tls::{client_verifier, harden_server, provider};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
#[cfg(feature = "self-signed")]
use rustls_pki_types::PrivateKeyDer;

use self::chosen::Chosen;
use self::files::{Pair, Stamp};
use crate::error::ServeError;

/// The certificate of a server, or several, which can be reloaded while they are in use.
///
/// Of several, a client gets the first one for the name that it asks for in the handshake (RFC 6066 section 3). A
/// certificate for exactly this name comes before one with a wildcard. Whoever asks for another name, or for none,
/// gets the first certificate of all. All clones share the certificates.
#[derive(Clone, Debug)]
pub struct ReloadableCertificate {
    pairs: Vec<Pair>,
    /// The version of the files of each pair that is in use.
    read: Arc<Mutex<Vec<Stamp>>>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    asks_clients: bool,
}

/// When a certificate expires.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateExpiry {
    /// The file of the certificate; `None` if it is self-signed.
    pub file: Option<PathBuf>,
    /// The DNS names of the certificate, in lower case.
    pub names: Vec<String>,
    /// The end of its validity.
    pub at: SystemTime,
}

#[derive(Debug)]
struct Current(RwLock<Arc<Chosen>>);

impl ReloadableCertificate {
    /// Reads the certificate chain and the key from PEM files.
    ///
    /// # Errors
    /// Returns an error if the files cannot be read or do not belong together. The message names the file.
    pub fn from_files(cert: &Path, key: &Path) -> Result<Self, ServeError> {
        Self::from_pairs([(cert.to_owned(), key.to_owned())])
    }

    /// Reads several certificate chains, each with its key, from PEM files. The first one is the default.
    ///
    /// # Errors
    /// Returns an error if there are none, or if the files of a pair cannot be read or do not belong together. The
    /// message names the file.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (PathBuf, PathBuf)>) -> Result<Self, ServeError> {
        let pairs: Vec<_> = pairs.into_iter().map(|(cert, key)| Pair { cert, key }).collect();
        if pairs.is_empty() {
            return Err(ServeError::unusable("there is no certificate"));
        }
        let mut certified = Vec::new();
        let mut read = Vec::new();
        for pair in &pairs {
            let (one, stamp) = pair.read()?;
            certified.push(one.into());
            read.push(stamp);
        }
        Self::new(pairs, read, certified)
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
        Self::new(Vec::new(), Vec::new(), vec![certified.into()])
    }

    fn new(
        pairs: Vec<Pair>,
        read: Vec<Stamp>,
        certified: Vec<Arc<CertifiedKey>>,
    ) -> Result<Self, ServeError> {
        let current = Arc::new(Current(RwLock::new(Arc::new(Chosen::new(certified)))));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| ServeError::unusable(format!("TLS can't be set up: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        let config = harden_server(config);
        Ok(Self { pairs, read: Mutex::new(read).into(), current, config, asks_clients: false })
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

    /// Returns the current chain of the first certificate, the server's own certificate first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.get().certified.first().map(|one| one.cert.clone()).unwrap_or_default()
    }

    /// Reloads all files. A [self-signed](Self::self_signed) certificate stays unchanged.
    ///
    /// # Errors
    /// Returns the same errors as [`from_pairs`](Self::from_pairs). The old certificate of that pair then stays in use;
    /// the others are replaced.
    pub fn reload(&self) -> Result<(), ServeError> {
        self.reload_where(|_, _| true).map(drop)
    }

    /// Reloads the files of each pair that have changed since they were read, and returns whether there were any. This
    /// only looks at the files as long as they are unchanged. Call it every few seconds.
    ///
    /// While somebody writes the files, the two of a pair may not belong together. The old certificate then stays in
    /// use, and the next call tries again.
    ///
    /// # Errors
    /// Returns the same errors as [`reload`](Self::reload).
    pub fn reload_changed(&self) -> Result<bool, ServeError> {
        self.reload_where(|pair, read| pair.stamp() != read)
    }

    fn reload_where(&self, wanted: impl Fn(&Pair, Stamp) -> bool) -> Result<bool, ServeError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut certified = self.current.get().certified.clone();
        let mut failed = None;
        let mut is_changed = false;
        for ((pair, read), one) in self.pairs.iter().zip(&mut *read).zip(&mut certified) {
            if !wanted(pair, *read) {
                continue;
            }
            match pair.read() {
                Ok((new, stamp)) => {
                    (*one, *read, is_changed) = (new.into(), stamp, true);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if is_changed {
            let chosen = Arc::new(Chosen::new(certified));
            *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = chosen;
        }
        failed.map_or(Ok(is_changed), Err)
    }

    /// Returns when each certificate that is in use expires, in the order of the settings.
    pub fn expiries(&self) -> Vec<CertificateExpiry> {
        let current = self.current.get();
        let expiry = |(index, one): (usize, &Arc<CertifiedKey>)| {
            let file = self.pairs.get(index).map(|pair| pair.cert.clone());
            Some(CertificateExpiry { file, names: chosen::names(one), at: chosen::expiry(one)? })
        };
        current.certified.iter().enumerate().filter_map(expiry).collect()
    }
}

impl Current {
    fn get(&self) -> Arc<Chosen> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get().choose(client_hello.server_name(), client_hello.signature_schemes())
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
        write_for(folder, "localhost")
    }

    fn write_for(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        fs::create_dir_all(folder).unwrap();
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
    #[test]
    fn a_client_gets_the_certificate_for_the_name_it_asks_for() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = ["a.example", "b.example"].map(|name| write_for(&folder.path().join(name), name));
        let certificate = ReloadableCertificate::from_pairs(pairs.clone()).unwrap();
        for (index, name) in ["a.example", "b.example"].into_iter().enumerate() {
            let believing = |index: usize| believing(&pairs[index].0);
            handshake(certificate.config(), believing(index), name).unwrap();
            handshake(certificate.config(), believing(1 - index), name).unwrap_err();
        }
        let names: Vec<_> = certificate.expiries().into_iter().map(|expiry| expiry.names).collect();
        assert_eq!(names, [["a.example"], ["b.example"]]);
        assert!(ReloadableCertificate::from_pairs([]).is_err());
    }

    #[test]
    fn files_that_change_are_read_again_as_soon_as_they_fit() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("old"));
        let (new_cert, new_key) = write(&at("new"));
        let (other_cert, other_key) = write_for(&at("other"), "other.example");
        // As certbot has it: links that change.
        std::os::unix::fs::symlink("old", at("live")).unwrap();
        let live = (at("live/cert.pem"), at("live/key.pem"));
        let certificate =
            ReloadableCertificate::from_pairs([live.clone(), (other_cert.clone(), other_key)]).unwrap();
        let before = certificate.chain();
        assert_eq!(certificate.reload_changed(), Ok(false));
        std::os::unix::fs::symlink("new", at("link")).unwrap();
        fs::rename(at("link"), at("live")).unwrap();
        assert_eq!(certificate.reload_changed(), Ok(true));
        assert_eq!(certificate.chain(), chain(&new_cert).unwrap());
        assert_eq!(certificate.reload_changed(), Ok(false));
        // Half of a pair is there, the other pair is broken, and both are tried until they fit.
        fs::copy(at("old/cert.pem"), &new_cert).unwrap();
        let other = fs::read(&other_cert).unwrap();
        fs::write(&other_cert, "").unwrap();
        for _ in 0..2 {
            assert!(certificate.reload_changed().unwrap_err().to_string().contains("live/key.pem"));
        }
        fs::copy(at("old/key.pem"), &new_key).unwrap();
        assert!(certificate.reload_changed().unwrap_err().to_string().contains("other/cert.pem"));
        assert_eq!(certificate.chain(), before);
        handshake(certificate.config(), client_for(chain_of(&other)), "other.example").unwrap();
        fs::write(&other_cert, &other).unwrap();
        assert_eq!(certificate.reload_changed(), Ok(true));
        assert_eq!(certificate.reload_changed(), Ok(false));
    }

    fn chain_of(pem: &[u8]) -> Vec<CertificateDer<'static>> {
        use rustls_pki_types::pem::PemObject as _;
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().unwrap()
    }
}
