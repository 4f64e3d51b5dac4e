//! Which certificates of servers are believed.

use std::sync::Arc;

use pop3_certificates::Fingerprint;
use pop3_driver::tls::provider;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use webpki::RawPublicKeyEntity;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use crate::refused::{Reason, Refused};

/// Whom a client believes: by fingerprints, if there are any, these certificates and no others, whatever
/// stands in them; else the certificates that authorities have issued, and, for their own names and as
/// long as they are valid, those that were named themselves.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) fingerprints: Vec<Fingerprint>,
    /// Certificates that were named themselves. That one is marked as an authority's, as `openssl req -x509`
    /// does, takes nothing from its being the server's.
    pub(super) named: Vec<CertificateDer<'static>>,
    /// The judge of all others; `None` if no authority is known.
    pub(super) authorities: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    /// # Errors
    /// When rustls refuses the authorities.
    pub(super) fn new(
        fingerprints: Vec<Fingerprint>,
        named: Vec<CertificateDer<'static>>,
        roots: RootCertStore,
    ) -> Result<Self, Error> {
        let authorities = if roots.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
            Some(builder.build().map_err(|error| Error::General(error.to_string()))?)
        };
        let algorithms = provider().signature_verification_algorithms;
        Ok(Self { fingerprints, named, authorities, algorithms })
    }

    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Reason> {
        if !self.fingerprints.is_empty() {
            let seen = Fingerprint::of(certificate);
            return if self.fingerprints.contains(&seen) { Ok(()) } else { Err(Reason::Fingerprint) };
        }
        let judged = if self.named.iter().any(|named| named == certificate) {
            is_valid(certificate, now).and_then(|()| {
                let parsed = ParsedCertificate::try_from(certificate)?;
                verify_server_name(&parsed, host)
            })
        } else {
            match &self.authorities {
                Some(judge) => judge.verify_server_cert(certificate, chain, host, ocsp, now).map(drop),
                None => Err(CertificateError::UnknownIssuer.into()),
            }
        };
        judged.map_err(|error| Reason::of(&error, certificate))
    }
}

impl Trust {
    /// The key of a certificate that was found by its fingerprint, and that webpki does not read, as one of
    /// version 1. The server must have this key all the same.
    fn bare_key(&self, certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
        if self.fingerprints.is_empty() || ParsedCertificate::try_from(certificate).is_ok() {
            return None;
        }
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        Some(SubjectPublicKeyInfoDer::from(parsed.public_key().raw.to_vec()))
    }

    /// What rustls does with a certificate in TLS 1.2: in it, the name of a scheme stands for several
    /// algorithms, of which the one for the key is taken.
    fn verify_with_bare_key(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = RawPublicKeyEntity::try_from(key).map_err(|_| CertificateError::BadEncoding)?;
        let mapping = self.algorithms.mapping.iter();
        let mut algorithms =
            mapping.filter(|(scheme, _)| *scheme == signature.scheme).flat_map(|(_, all)| *all);
        let good = algorithms
            .any(|algorithm| key.verify_signature(*algorithm, message, signature.signature()).is_ok());
        if good {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }
}

/// Whether the certificate is valid at this time.
fn is_valid(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).map_err(|_| Error::FailedToGetCurrentTime)?;
    let now = ASN1Time::from_timestamp(now).map_err(|_| Error::FailedToGetCurrentTime)?;
    if now < parsed.validity().not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > parsed.validity().not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.judge(certificate, chain, host, ocsp, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(reason) => {
                let refused = Refused::new(certificate, host, now, reason);
                Err(CertificateError::Other(OtherError(Arc::new(refused))).into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.bare_key(certificate) {
            Some(key) => self.verify_with_bare_key(message, &key, signature),
            None => verify_tls12_signature(message, certificate, signature, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.bare_key(certificate) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms),
            None => verify_tls13_signature(message, certificate, signature, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
