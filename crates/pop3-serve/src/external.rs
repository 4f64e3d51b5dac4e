//! Whom a client's certificate stands for (EXTERNAL, RFC 4422 appendix A).
//!
//! A certificate that the users file names, by `{CERT}`, is that of the users who name it. Any other
//! one is that of the users whose names are its e-mail addresses, or where it has none, its common
//! name; but not of users who name certificates themselves. Names are taken whole and as they are.

use std::io;
use std::sync::Arc;

use pop3_certificates::Fingerprint;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::users::{AsyncUsers, Found, UserName, Users};

/// The user whom this certificate stands for. `wanted` is the name that the client gave, which may be
/// empty where there is only one.
///
/// Inner errors are why there is none, for the log.
///
/// # Errors
/// When the users could not be looked up.
pub(super) fn user(
    certificate: &[u8],
    wanted: &[u8],
    users: &dyn Users,
) -> io::Result<Result<UserName, &'static str>> {
    let mut owners = users.owners(&Fingerprint::of(certificate))?;
    if owners.is_empty() {
        let Some(names) = names(certificate) else { return Ok(Err("the certificate can't be read")) };
        for name in names {
            let Some(name) = users.name(&name) else { continue };
            if users.find(&name)?.is_some_and(|user| !user.has_certificates()) {
                owners.push(name);
            }
        }
        owners.sort();
        owners.dedup();
    }
    Ok(choose(owners, wanted, users))
}

/// Looks up in advance whom [`user`] asks about, and the user himself.
///
/// # Errors
/// When the users could not be looked up.
pub(super) async fn look_up(
    certificate: &[u8],
    wanted: &[u8],
    users: &Arc<dyn Users>,
    awaited: &dyn AsyncUsers,
) -> io::Result<Found> {
    let owners = awaited.owners(&Fingerprint::of(certificate)).await?;
    let asked: Vec<UserName> = if owners.is_empty() {
        let names = names(certificate).unwrap_or_default();
        names.iter().filter_map(|name| users.name(name)).collect()
    } else {
        choose(owners.clone(), wanted, &**users).into_iter().collect()
    };
    let mut found = Found::new(users).with_owners(owners);
    for name in asked {
        found.add(awaited.find(&name).await?, name);
    }
    Ok(found)
}

/// The one whom the client has named, or the only one.
fn choose(owners: Vec<UserName>, wanted: &[u8], users: &dyn Users) -> Result<UserName, &'static str> {
    if wanted.is_empty() {
        let one = <[UserName; 1]>::try_from(owners);
        return one.map(|[user]| user).map_err(|users| match users.len() {
            0 => "the certificate belongs to no user",
            _ => "the certificate belongs to several users, and the client named none",
        });
    }
    let wanted = users.name(wanted).filter(|wanted| owners.contains(wanted));
    wanted.ok_or("the certificate does not belong to that user")
}

/// The e-mail addresses of a certificate; its common name, where it has just one and no address.
fn names(certificate: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let others = certificate.subject_alternative_name().ok()?;
    let others = others.iter().flat_map(|extension| &extension.value.general_names);
    let mut names: Vec<_> = others
        .filter_map(|name| {
            let GeneralName::RFC822Name(address) = name else { return None };
            Some(address.as_bytes().to_vec())
        })
        .collect();
    if names.is_empty() {
        let mut common = certificate.subject().iter_common_name();
        if let (Some(name), None) = (common.next(), common.next()) {
            names.extend(name.as_str().map(|name| name.as_bytes().to_vec()));
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use core::future::ready;

    use pop3_driver::wait;

    use super::*;
    use crate::BoxFuture;
    use crate::users::{Table, User};

    fn certificate(addresses: &[&str], common: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in common {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let address = |address: &&str| SanType::Rfc822Name((*address).try_into().unwrap());
        params.subject_alt_names = addresses.iter().map(address).collect();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn table(text: &str) -> Table {
        Table::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_of_certificates() {
        let users = table("alice:{PLAIN}x\nbob:{PLAIN}x\na@example.org:{TOKEN}\n");
        let user = |certificate: &[u8], wanted: &str| {
            user(certificate, wanted.as_bytes(), &users).unwrap().map(|user| user.as_str().to_owned()).ok()
        };
        let alice = certificate(&[], &["alice"]);
        assert_eq!(user(&alice, "").as_deref(), Some("alice"));
        assert_eq!(user(&alice, "alice").as_deref(), Some("alice"));
        assert_eq!(user(&alice, "bob"), None);
        // An address counts, and then the common name does not.
        let address = certificate(&["a@example.org"], &["alice"]);
        assert_eq!(user(&address, "").as_deref(), Some("a@example.org"));
        assert_eq!(user(&address, "alice"), None);
        assert_eq!(user(&certificate(&["alice@example.org"], &["alice"]), ""), None);
        assert_eq!(user(&certificate(&["A@example.org"], &[]), ""), None);
        // There are several: take the one that the client names, or the only one that is a user.
        let both = certificate(&["alice", "bob", "carol"], &[]);
        assert_eq!((user(&both, ""), user(&both, "bob").as_deref()), (None, Some("bob")));
        assert_eq!(user(&both, "carol"), None);
        assert_eq!(user(&certificate(&["bob", "carol"], &[]), "").as_deref(), Some("bob"));
        for nobody in [certificate(&[], &[]), certificate(&[], &["alice\0"]), certificate(&[], &["carol"])] {
            assert_eq!(user(&nobody, ""), None);
            assert_eq!(user(&nobody, "alice"), None);
        }
        assert_eq!(user(b"no certificate", "alice"), None);
    }

    /// A table whose users are awaited.
    #[derive(Debug)]
    struct Awaited(Table);

    impl AsyncUsers for Awaited {
        fn find<'a>(&'a self, name: &'a UserName) -> BoxFuture<'a, io::Result<Option<Arc<User>>>> {
            Box::pin(ready(self.0.find(name)))
        }

        fn owners<'a>(&'a self, certificate: &'a Fingerprint) -> BoxFuture<'a, io::Result<Vec<UserName>>> {
            Box::pin(ready(self.0.owners(certificate)))
        }
    }

    #[test]
    fn awaited_look_ups_find_the_same() {
        let own = certificate(&[], &["carol"]);
        let fingerprint = Fingerprint::of(&own).to_string().replace("sha256:", "");
        let text = format!("alice:{{CERT}}{fingerprint}\nbob:{{CERT}}{fingerprint}\ncarol:{{PLAIN}}x");
        let (awaited, users) = (Awaited(table(&text)), Arc::new(table(&text)) as Arc<dyn Users>);
        for shown in
            [own, certificate(&["carol", "bob"], &[]), certificate(&[], &["alice"]), b"none".to_vec()]
        {
            for wanted in ["", "alice", "bob", "carol", "dave"] {
                let found = wait(look_up(&shown, wanted.as_bytes(), &users, &awaited)).unwrap();
                let asked = user(&shown, wanted.as_bytes(), &found).unwrap();
                assert_eq!(asked, user(&shown, wanted.as_bytes(), &*users).unwrap(), "{wanted}");
                // What is known of the user was looked up, too.
                assert!(asked.is_err() || asked.is_ok_and(|name| found.find(&name).is_ok()), "{wanted}");
            }
        }
    }

    #[test]
    fn certificates_in_the_users_file() {
        let (one, two) = (certificate(&[], &["carol"]), certificate(&[], &["alice"]));
        let fingerprint = Fingerprint::of(&one).to_string().replace("sha256:", "");
        let users =
            table(&format!("alice:{{CERT}}{fingerprint}\nbob:{{CERT}}{fingerprint}\ncarol:{{PLAIN}}x"));
        let user = |certificate: &[u8], wanted: &str| {
            user(certificate, wanted.as_bytes(), &users).unwrap().map(|user| user.as_str().to_owned())
        };
        assert_eq!(user(&one, "alice").as_deref(), Ok("alice"));
        assert_eq!(user(&one, "bob").as_deref(), Ok("bob"));
        assert!(user(&one, "").is_err() && user(&one, "carol").is_err());
        // Who names certificates has no others.
        assert!(user(&two, "alice").is_err() && user(&two, "").is_err());
    }
}
