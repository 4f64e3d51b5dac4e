//! Which mechanisms of AUTH are offered.

use pop3_sasl::Mechanism;
use pop3_sasl::scram::Hash;

use crate::config::ServeConfig;
use crate::error::{ServeError, ServeErrorKind};
use crate::users::Profile;

/// The mechanisms that the operator wants to offer. The users and the connection may reduce them.
#[derive(Clone, Debug, Default)]
pub struct MechanismOffer {
    /// The list of the settings, if there is one.
    list: Option<Vec<Mechanism>>,
    /// Whether clients are asked for certificates.
    certificates: bool,
    /// Whether tokens can be checked.
    tokens: bool,
    /// Whether the passwords are not those of the users, but checked elsewhere.
    elsewhere: bool,
    /// Whether -PLUS is offered: some clients choose it by themselves and then can't.
    binding: bool,
}

/// What is offered beside SCRAM where there is no list: what needs a password, and no weak hash.
const DEFAULT: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// What mechanisms with tokens need.
const TOKENS: &str = "a check of tokens";

/// Whether this one is in the list; -PLUS comes along with the same without.
fn has(list: &[Mechanism], mechanism: Mechanism) -> bool {
    let base = mechanism.name().strip_suffix("-PLUS");
    list.iter().any(|&named| named == mechanism || base == Some(named.name()))
}

impl MechanismOffer {
    /// What the settings say.
    ///
    /// # Errors
    /// When they name a mechanism that nothing can check.
    pub(super) fn new(config: &ServeConfig) -> Result<Self, ServeError> {
        let offer = Self {
            list: config.mechanisms.clone(),
            certificates: config.certificate.as_ref().is_some_and(|certificate| certificate.asks_clients()),
            tokens: config.tokens.is_some(),
            elsewhere: config.passwords.is_some(),
            binding: config.channel_binding,
        };
        for (mechanism, there, what) in [
            (
                Mechanism::External,
                offer.certificates,
                "a TLS configuration that asks clients for a certificate",
            ),
            (Mechanism::OAuthBearer, offer.tokens, TOKENS),
            (Mechanism::XOAuth2, offer.tokens, TOKENS),
        ] {
            if !there && offer.list.as_ref().is_some_and(|list| has(list, mechanism)) {
                let text = format!("{} needs {what}", mechanism.name());
                return Err(ServeError::new(ServeErrorKind::Unsupported(mechanism), text));
            }
        }
        Ok(offer)
    }

    /// Returns the mechanisms that AUTH offers, strongest first.
    ///
    /// A SCRAM mechanism that was not configured explicitly is offered only if every user with a password can use it.
    /// A client uses the strongest mechanism and does not try another if its user has no keys.
    pub fn mechanisms(&self, profile: &Profile) -> Vec<Mechanism> {
        let named = |mechanism| self.list.as_ref().map(|list| has(list, mechanism));
        let offered = |&mechanism: &Mechanism| {
            if !self.binding && mechanism.needs_channel_binding() {
                return false;
            }
            if let Some(hash) = mechanism.scram_hash() {
                let (all, able) = profile.scram_users(hash);
                return able > 0 && named(mechanism).unwrap_or(able == all && !self.elsewhere);
            }
            if mechanism == Mechanism::External {
                self.certificates
            } else if matches!(mechanism, Mechanism::OAuthBearer | Mechanism::XOAuth2) {
                self.tokens
            } else {
                named(mechanism).unwrap_or(DEFAULT.contains(&mechanism))
            }
        };
        Mechanism::ALL.iter().copied().filter(offered).collect()
    }

    /// Returns a warning as one line for the log, if some users have no keys for a SCRAM mechanism that is
    /// configured, or that would otherwise be offered by default.
    pub fn advice(&self, profile: &Profile) -> Option<String> {
        let lacking = |hash: &Hash| {
            let (all, able) = profile.scram_users(*hash);
            let wanted = match &self.list {
                Some(list) => Mechanism::parse(hash.name().as_bytes()).is_some_and(|one| has(list, one)),
                None => !self.elsewhere,
            };
            (wanted && able < all).then(|| format!("{} ({} of {all})", hash.name(), all - able))
        };
        let lacking: Vec<_> = Hash::ALL.iter().filter_map(lacking).collect();
        if lacking.is_empty() {
            return None;
        }
        let effect = if self.list.is_some() { "they can't log in with it" } else { "so it is not offered" };
        let lacking = lacking.join(", ");
        Some(format!("some users have no keys for {lacking}; {effect}"))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::{ExternalCheck, ReloadableCertificate, Table, Users as _};

    /// The settings that these words stand for: `binding`, and a list of mechanisms.
    fn config(words: &str) -> ServeConfig {
        let check = || ExternalCheck::command("true", Duration::from_secs(1)).into();
        let mut config = ServeConfig::new("d");
        for word in words.split_whitespace() {
            match word {
                "binding" => config.channel_binding = true,
                "tokens" => config.tokens = Some(check()),
                "elsewhere" => config.passwords = Some(check()),
                "none" => config.mechanisms = Some(Vec::new()),
                list => {
                    let parse = |name: &str| Mechanism::parse(name.as_bytes()).unwrap();
                    config.mechanisms = Some(list.split(',').map(parse).collect());
                }
            }
        }
        config
    }

    fn offer(words: &str) -> MechanismOffer {
        MechanismOffer::new(&config(words)).unwrap()
    }

    fn names_of(offer: &MechanismOffer, users: &str) -> String {
        let table = Table::parse(users.as_bytes()).unwrap();
        let names = offer.mechanisms(&table.profile());
        names.into_iter().map(Mechanism::name).collect::<Vec<_>>().join(" ")
    }

    fn names(words: &str, users: &str) -> String {
        names_of(&offer(words), users)
    }

    const PLAIN: &str = "a:{PLAIN}x\n";
    const HASH: &str =
        "b:$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc\n";

    #[test]
    fn scram_is_offered_where_everybody_can_use_it() {
        let all = "SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS \
            SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN";
        assert_eq!(names("binding", PLAIN), all);
        assert_eq!(names("binding", &[PLAIN, "t:{TOKEN}\n"].concat()), all);
        // Clients that choose -PLUS and then can't would be locked out.
        assert_eq!(names("", PLAIN), "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN");
        assert_eq!(names("", ""), "PLAIN LOGIN");
        assert_eq!(names("", HASH), "PLAIN LOGIN");
        assert_eq!(names("", &[PLAIN, HASH].concat()), "PLAIN LOGIN");
        let list = "scram-sha-256,login";
        assert_eq!(names(list, &[PLAIN, HASH].concat()), "SCRAM-SHA-256 LOGIN");
        let bound = format!("{list} binding");
        assert_eq!(names(&bound, &[PLAIN, HASH].concat()), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 LOGIN");
        assert_eq!(names(list, HASH), "LOGIN");
        // The passwords are elsewhere, so that nobody may have those that are here.
        assert_eq!(names("elsewhere", PLAIN), "PLAIN LOGIN");
        assert_eq!(names("elsewhere scram-sha-256", PLAIN), "SCRAM-SHA-256");
    }

    #[test]
    fn settings_turn_mechanisms_on() {
        assert_eq!(names("none", PLAIN), "");
        assert_eq!(names("cram-md5,anonymous", PLAIN), "CRAM-MD5 ANONYMOUS");
        let both = MechanismOffer { certificates: true, ..offer("none tokens") };
        assert_eq!(names_of(&both, PLAIN), "EXTERNAL OAUTHBEARER XOAUTH2");
        for (list, mechanism) in [
            ("external", Mechanism::External),
            ("plain,xoauth2", Mechanism::XOAuth2),
            ("oauthbearer", Mechanism::OAuthBearer),
        ] {
            let error = MechanismOffer::new(&config(list)).unwrap_err();
            assert_eq!(error.kind(), ServeErrorKind::Unsupported(mechanism));
            assert!(error.to_string().starts_with(mechanism.name()), "{error}");
        }
    }

    #[cfg(feature = "self-signed")]
    #[test]
    fn a_certificate_that_asks_clients_turns_external_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap().cert.pem())
            .unwrap();
        let certificate = || ReloadableCertificate::self_signed("localhost").unwrap();
        let mechanisms = |certificate: ReloadableCertificate| {
            let config = config("none").with_certificate(certificate.into());
            names_of(&MechanismOffer::new(&config).unwrap(), PLAIN)
        };
        assert_eq!(mechanisms(certificate()), "");
        assert_eq!(mechanisms(certificate().with_client_authorities(&path).unwrap()), "EXTERNAL");
    }

    #[test]
    fn what_is_bound_comes_along_with_what_is_not() {
        let list = [Mechanism::Plain, Mechanism::ScramSha256];
        let found: Vec<_> =
            Mechanism::ALL.iter().copied().filter(|&mechanism| has(&list, mechanism)).collect();
        assert_eq!(found, [Mechanism::ScramSha256Plus, Mechanism::ScramSha256, Mechanism::Plain]);
        let plus = [Mechanism::ScramSha1Plus];
        assert!(has(&plus, Mechanism::ScramSha1Plus) && !has(&plus, Mechanism::ScramSha1));
        assert!(!Mechanism::ALL.iter().copied().any(|mechanism| has(&[], mechanism)));
    }

    #[test]
    fn advice_counts_who_has_no_keys() {
        let advice = |words: &str, users: &str| {
            offer(words).advice(&Table::parse(users.as_bytes()).unwrap().profile())
        };
        assert_eq!(advice("", PLAIN), None);
        let text = advice("", &[PLAIN, HASH].concat()).unwrap();
        assert!(text.contains("SCRAM-SHA-256 (1 of 2)") && text.contains("not offered"), "{text}");
        assert_eq!(advice("plain", HASH), None);
        assert!(advice("scram-sha-1", HASH).unwrap().contains("can't log in"));
    }
}
