//! An authority for the tests, and certificates from it.

use std::fs;
use std::sync::{Arc, OnceLock};

use pop3_driver::tls::{
    Connector, Role, client_config, harden_server, provider, server_config, server_config_with_client_ca,
};
use pop3_proto::encode_base64;
use pop3_tokio::trust::Fingerprint;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::TempDir;

pub(crate) struct Certificates {
    authority: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Certificates {
    /// For `localhost`, from an authority that the client trusts.
    pub(crate) fn good() -> &'static Self {
        static GOOD: OnceLock<Certificates> = OnceLock::new();
        GOOD.get_or_init(|| Self::make(false))
    }

    /// For `localhost`, from an authority of its own, and expired if requested.
    pub(crate) fn make(expired: bool) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("an authority").der().clone();
        let issuer = Issuer::new(params, key);

        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        if expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate").der().clone();
        let own = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["mrose.example".to_owned()]).expect("a name");
        let client = params.signed_by(&own, &issuer).expect("a certificate").der().clone();
        Self { authority, chain: vec![certificate], key: key.into(), client: (client, own.into()) }
    }

    /// A client certificate from the same authority.
    pub(crate) fn of_client(&self) -> CertificateDer<'static> {
        self.client.0.clone()
    }

    /// The fingerprint of the server's certificate.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.chain[0])
    }

    /// A directory with PEM files: `authority.pem`, and `client.pem` with `client.key`.
    pub(crate) fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a directory");
        let write = |name: &str, label: &str, der: &[u8]| {
            let octets = encode_base64(der);
            let text = core::str::from_utf8(octets.expose()).expect("base64");
            let pem = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
            fs::write(folder.path().join(name), pem).expect("a file");
        };
        write("authority.pem", "CERTIFICATE", &self.authority);
        write("client.pem", "CERTIFICATE", &self.client.0);
        write("client.key", "PRIVATE KEY", self.client.1.secret_der());
        folder
    }

    /// The server's side. It asks clients for certificates from this authority.
    pub(crate) fn server_that_asks(&self) -> Role {
        let (chain, key) = (self.chain.clone(), self.key.clone_key());
        Role::Server(server_config_with_client_ca(chain, key, self.roots()).expect("the key fits"))
    }

    /// The client's side, with a client certificate from some authority.
    pub(crate) fn client_with_certificate(&self, of: &Self) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let builder = builder.with_root_certificates(self.roots());
        let (certificate, key) = (of.client.0.clone(), of.client.1.clone_key());
        Arc::new(builder.with_client_auth_cert(vec![certificate], key).expect("the key fits"))
    }

    /// The client's side with TLS 1.2 only.
    pub(crate) fn client_with_tls12(&self) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS12]).expect("a version");
        Arc::new(builder.with_root_certificates(self.roots()).with_no_client_auth())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).expect("an authority");
        roots
    }

    /// The server's side.
    pub(crate) fn server(&self) -> Role {
        Role::Server(server_config(self.chain.clone(), self.key.clone_key()).expect("the key fits"))
    }

    /// The server's side, for a different protocol.
    pub(crate) fn server_with_alpn(&self, protocol: &[u8]) -> Role {
        self.server_with_alpns(&[protocol])
    }

    /// The server's side, for any of these protocols, or without ALPN.
    pub(crate) fn server_with_alpns(&self, protocols: &[&[u8]]) -> Role {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        let config = builder.with_single_cert(self.chain.clone(), self.key.clone_key());
        let mut config = Arc::unwrap_or_clone(harden_server(config.expect("the key fits")));
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Role::Server(Arc::new(config))
    }

    /// The client's side. It trusts only this authority.
    pub(crate) fn client(&self, name: &str) -> Connector {
        Connector::new(self.client_config(), name).expect("a name")
    }

    /// The client's side, with different protocols or none.
    pub(crate) fn client_with_alpn(&self, protocols: &[&[u8]]) -> Connector {
        let mut config = Arc::unwrap_or_clone(self.client_config());
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Connector::new(Arc::new(config), "localhost").expect("a name")
    }

    pub(crate) fn client_config(&self) -> Arc<ClientConfig> {
        client_config(self.roots()).expect("good settings")
    }
}
