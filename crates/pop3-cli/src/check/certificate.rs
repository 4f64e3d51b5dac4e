//! A certificate for people.

use core::net::IpAddr;

use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::escape::Escaped;

/// Subject, issuer, names, validity and fingerprint, a line each.
pub(super) fn describe(certificate: &CertificateDer<'static>) -> Vec<String> {
    let mut lines = Vec::new();
    match X509Certificate::from_der(certificate) {
        Ok((_, parsed)) => {
            lines.push(format!("subject {}", Escaped::new(parsed.subject().to_string().as_bytes())));
            lines.push(format!("issuer {}", Escaped::new(parsed.issuer().to_string().as_bytes())));
            let names = parsed.subject_alternative_name().ok().flatten();
            let names: Vec<String> =
                names.iter().flat_map(|names| &names.value.general_names).filter_map(name).collect();
            lines.push(format!("names {}", Escaped::new(names.join(" ").as_bytes())));
            let validity = parsed.validity();
            lines.push(format!("valid from {} to {}", validity.not_before, validity.not_after));
        }
        Err(error) => lines.push(format!("the certificate can't be read: {error}")),
    }
    let fingerprint: Vec<String> =
        Sha256::digest(certificate).iter().map(|octet| format!("{octet:02x}")).collect();
    lines.push(format!("SHA-256 {}", fingerprint.concat()));
    lines
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some((*name).to_owned());
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
        let names = ["mail.example".to_owned(), "192.0.2.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let lines = describe(made.cert.der());
        assert_eq!(lines[2], "names mail.example 192.0.2.1");
        assert!(lines[3].starts_with("valid from ") && lines[4].len() == "SHA-256 ".len() + 64, "{lines:?}");
        assert_eq!(describe(&CertificateDer::from(vec![1, 2, 3])).len(), 2);
    }
}
