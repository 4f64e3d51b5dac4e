//! Which of several certificates a client gets (RFC 6066 section 3).

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// The certificates at one time, in the order of the settings.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) certified: Vec<Arc<CertifiedKey>>,
    /// The certificates for a name, and those for all names one label below it.
    exact: HashMap<String, Vec<usize>>,
    below: HashMap<String, Vec<usize>>,
}

impl Chosen {
    pub(super) fn new(certified: Vec<Arc<CertifiedKey>>) -> Self {
        let (mut exact, mut below) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (index, one) in certified.iter().enumerate() {
            for name in names(one) {
                match name.strip_prefix("*.") {
                    Some(parent) => below.entry(parent.to_owned()).or_default().push(index),
                    None => exact.entry(name).or_default().push(index),
                }
            }
        }
        Self { certified, exact, below }
    }

    /// The first certificate for this name that the client can verify, or else the first one.
    pub(super) fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let candidates = name.map(|name| {
            let name = normalized(name);
            let parent = name.split_once('.').map_or("", |(_, parent)| parent);
            [self.exact.get(&name), self.below.get(parent)].into_iter().flatten().flatten()
        });
        let candidates = candidates.into_iter().flatten().filter_map(|&index| self.certified.get(index));
        let mut all = candidates.chain(self.certified.first());
        let first = all.clone().next();
        all.find(|one| one.key.choose_scheme(schemes).is_some()).or(first).cloned()
    }
}

/// Names are compared without regard to case, and an absolute name has a dot at its end.
fn normalized(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The DNS names that a certificate is for. Internationalized names are in ASCII there, as in the handshake.
pub(super) fn names(certified: &CertifiedKey) -> Vec<String> {
    let Some(Ok((_, parsed))) = certified.cert.first().map(|der| parse_x509_certificate(der)) else {
        return Vec::new();
    };
    let Ok(Some(extension)) = parsed.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| {
        if let GeneralName::DNSName(name) = name { Some(normalized(name)) } else { None }
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

/// When a certificate expires, if it tells.
pub(super) fn expiry(certified: &CertifiedKey) -> Option<SystemTime> {
    let (_, parsed) = parse_x509_certificate(certified.cert.first()?).ok()?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default();
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use pop3_driver::tls::provider;
    use rustls_pki_types::PrivateKeyDer;

    use super::*;

    fn certified(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Arc<CertifiedKey> {
        let mut params =
            rcgen::CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
                .unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 5, 7);
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider()).unwrap().into()
    }

    const EC: [SignatureScheme; 1] = [SignatureScheme::ECDSA_NISTP256_SHA256];
    const EDWARDS: [SignatureScheme; 1] = [SignatureScheme::ED25519];

    #[test]
    fn the_name_chooses_and_then_the_order() {
        let ec = &rcgen::PKCS_ECDSA_P256_SHA256;
        let all = [
            certified(&["default.example"], ec),
            certified(&["*.example", "MAIL.example"], ec),
            certified(&["mail.example", "pop.example", "xn--bcher-kva.example"], ec),
            certified(&["a.b.example", "192.0.2.1"], ec),
        ];
        let chosen = Chosen::new(all.to_vec());
        for (name, index) in [
            (None, 0),
            (Some("default.example"), 0),
            (Some("mail.example"), 1),
            (Some("Mail.Example."), 1),
            // An exact name is better than a wildcard, whatever the order.
            (Some("pop.example"), 2),
            (Some("xn--bcher-kva.example"), 2),
            (Some("other.example"), 1),
            (Some("a.b.example"), 3),
            // A wildcard stands for one label.
            (Some("c.b.example"), 0),
            (Some("example"), 0),
            (Some(".example"), 1),
            (Some(""), 0),
        ] {
            let found = chosen.choose(name, &EC).unwrap();
            assert!(Arc::ptr_eq(&found, &all[index]), "{name:?}");
        }
        assert!(Chosen::new(Vec::new()).choose(None, &EC).is_none());
    }

    #[test]
    fn of_two_kinds_of_keys_the_client_gets_what_it_can_verify() {
        let ec = certified(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
        let edwards = certified(&["a.example"], &rcgen::PKCS_ED25519);
        let chosen = Chosen::new(vec![Arc::clone(&ec), Arc::clone(&edwards)]);
        assert!(Arc::ptr_eq(&chosen.choose(Some("a.example"), &EC).unwrap(), &ec));
        assert!(Arc::ptr_eq(&chosen.choose(Some("a.example"), &EDWARDS).unwrap(), &edwards));
        // None fits: the handshake fails, and says why.
        assert!(Arc::ptr_eq(&chosen.choose(Some("a.example"), &[]).unwrap(), &ec));
    }

    #[test]
    fn a_certificate_tells_when_it_expires() {
        let one = certified(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
        let expected = UNIX_EPOCH + Duration::from_secs(1_935_878_400);
        assert_eq!(expiry(&one), Some(expected));
    }
}
