//! Why a certificate was refused, for people.

use core::fmt;
use std::io;

use pop3_certificates::Fingerprint;
use pop3_text::Printable;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, OtherError};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use crate::certificate::{date, names};

/// A server certificate that is not trusted. It is contained in the error of the handshake.
pub struct Refused {
    certificate: CertificateDer<'static>,
    host: ServerName<'static>,
    now: UnixTime,
    reason: Reason,
}

/// Why a certificate is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It does not have one of the given fingerprints.
    Fingerprint,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It was issued for other hosts.
    OtherNames,
    /// Its issuer is unknown.
    UnknownIssuer,
    /// An authority with the issuer's name is known, but it has not signed this certificate. This happens, for
    /// example, if a certificate that is trusted directly was replaced by a new one.
    OtherIssuer,
    /// It is the certificate of an authority, and is not trusted as a server certificate itself.
    Authority,
    /// Any other reason, with the text of rustls.
    Other(String),
}

impl Reason {
    /// What rustls says of the certificate.
    pub(super) fn of(error: &Error, certificate: &CertificateDer<'_>) -> Self {
        let Error::InvalidCertificate(fault) = error else { return Self::Other(error.to_string()) };
        let authority =
            || X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| certificate.is_ca());
        if matches!(fault, CertificateError::Expired | CertificateError::ExpiredContext { .. }) {
            Self::Expired
        } else if matches!(fault, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })
        {
            Self::NotYetValid
        } else if matches!(
            fault,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        ) {
            Self::OtherNames
        } else if *fault == CertificateError::UnknownIssuer {
            Self::UnknownIssuer
        } else if *fault == CertificateError::BadSignature {
            Self::OtherIssuer
        } else if authority() {
            Self::Authority
        } else {
            Self::Other(fault.to_string())
        }
    }
}

impl Refused {
    pub(super) fn new(
        certificate: &CertificateDer<'_>,
        host: &ServerName<'_>,
        now: UnixTime,
        reason: Reason,
    ) -> Self {
        Self { certificate: certificate.clone().into_owned(), host: host.to_owned(), now, reason }
    }

    /// Returns the reason why a handshake failed, if the certificate was refused.
    #[must_use]
    pub fn find(error: &io::Error) -> Option<&Self> {
        let cause = error.get_ref()?.downcast_ref::<Error>()?;
        let Error::InvalidCertificate(CertificateError::Other(OtherError(other))) = cause else {
            return None;
        };
        other.downcast_ref()
    }

    /// Returns the certificate that the server presented.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Returns why it is not trusted.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Returns the fingerprint, by which people can compare certificates.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = |text: &str| Printable::new(text.as_bytes()).to_string();
        let parsed = X509Certificate::from_der(&self.certificate).ok().map(|(_, certificate)| certificate);
        let parsed = parsed.as_ref();
        let day = |time: Option<ASN1Time>| time.map_or_else(|| "a time that can't be read".to_owned(), date);
        let seconds = i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX);
        let now = day(ASN1Time::from_timestamp(seconds).ok());
        let until = day(parsed.map(|parsed| parsed.validity().not_after));
        let since = day(parsed.map(|parsed| parsed.validity().not_before));
        let subject = escaped(&parsed.map(|parsed| parsed.subject().to_string()).unwrap_or_default());
        let issuer = escaped(&parsed.map(|parsed| parsed.issuer().to_string()).unwrap_or_default());
        let names = escaped(&parsed.map(names).unwrap_or_default().join(", "));
        let host = pop3_url::idn::to_text(&self.host.to_str());
        let seen = Fingerprint::of(&self.certificate);
        match &self.reason {
            Reason::Fingerprint => {
                write!(f, "the certificate does not have the given fingerprint, but {seen}")
            }
            Reason::Expired => write!(f, "the certificate expired on {until} (the local time is {now})"),
            Reason::NotYetValid => {
                write!(f, "the certificate is not valid before {since} (the local time is {now})")
            }
            Reason::OtherNames if names.is_empty() => {
                write!(
                    f,
                    "the certificate is not valid for {host}: it names no host, only the subject \
                    {subject}"
                )
            }
            Reason::OtherNames => write!(f, "the certificate is for {names}, not for {host}"),
            Reason::UnknownIssuer => {
                write!(f, "the certificate was issued by an unknown authority: {issuer}")
            }
            Reason::OtherIssuer => {
                write!(
                    f,
                    "the certificate was not issued by the trusted {issuer}, but by another \
                    authority of that name"
                )
            }
            Reason::Authority => {
                write!(f, "the certificate is for an authority ({subject}), not for a server")
            }
            Reason::Other(fault) => write!(f, "the certificate is not valid: {fault}"),
        }
    }
}

/// As it is shown: rustls takes this form where it prints the error.
impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Refused {}
