//! A certificate for people.

use core::net::IpAddr;

use pop3_certificates::Fingerprint;
use pop3_text::Printable;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{ASN1Time, FromDer as _, GeneralName, X509Certificate};

/// Returns the subject, issuer, names, validity and fingerprint of a certificate, as one line each.
#[must_use]
pub fn describe(certificate: &CertificateDer<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    match X509Certificate::from_der(certificate) {
        Ok((_, parsed)) => {
            lines.push(format!("subject {}", Printable::new(parsed.subject().to_string().as_bytes())));
            lines.push(format!("issuer {}", Printable::new(parsed.issuer().to_string().as_bytes())));
            lines.push(format!("names {}", Printable::new(names(&parsed).join(" ").as_bytes())));
            let validity = parsed.validity();
            lines.push(format!("valid from {} to {}", date(validity.not_before), date(validity.not_after)));
        }
        Err(error) => lines.push(format!("the certificate can't be read: {error}")),
    }
    lines.push(format!("fingerprint {}", Fingerprint::of(certificate)));
    lines
}

/// The hosts that it is for: names, as people write them, and addresses.
pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    names.iter().flat_map(|names| &names.value.general_names).filter_map(name).collect()
}

/// A time in UTC.
pub(super) fn date(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some(pop3_url::idn::to_text(name));
    }
    let GeneralName::IPAddress(octets) = *name else { return None };
    let address = match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
    };
    Some(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_in_lines() {
        let names = ["mail.example".to_owned(), "xn--bcher-kva.example".to_owned(), "192.0.2.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let lines = describe(made.cert.der());
        assert_eq!(lines[2], "names mail.example b\u{fc}cher.example 192.0.2.1");
        assert_eq!(lines[3], "valid from 1975-01-01 00:00:00 UTC to 4096-01-01 00:00:00 UTC");
        assert_eq!(lines[4].len(), "fingerprint sha256:".len() + 64, "{lines:?}");
        assert_eq!(describe(&CertificateDer::from(vec![1, 2, 3])).len(), 2);
    }
}
