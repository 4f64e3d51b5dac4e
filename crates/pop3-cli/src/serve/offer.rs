//! Which mechanisms of AUTH are offered.

use pop3_sasl::Mechanism;
use pop3_sasl::scram::Hash;

use crate::args::{Mechanisms, Serve};
use crate::exit::Failure;
use crate::users::Table;

/// What the operator wants to be offered. The users file, and the connection, may narrow it.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    /// The list of the command line, if there is one.
    list: Option<Mechanisms>,
    /// Whether clients are asked for certificates.
    certificates: bool,
    /// Whether tokens can be checked.
    tokens: bool,
    /// Whether -PLUS is offered: some clients choose it by themselves and then can't.
    binding: bool,
}

/// What is offered beside SCRAM where there is no list: what needs a password, and no weak hash.
const DEFAULT: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

impl Offer {
    /// What the options say.
    ///
    /// # Errors
    /// When they name a mechanism whose option is missing.
    pub(super) fn new(options: &Serve) -> Result<Self, Failure> {
        let offer = Self {
            list: options.auth_mechanisms.clone(),
            certificates: options.tls_client_ca.is_some(),
            tokens: options.token_command.is_some(),
            binding: options.channel_binding,
        };
        for (mechanism, there, option) in [
            (Mechanism::External, offer.certificates, "--tls-client-ca"),
            (Mechanism::OAuthBearer, offer.tokens, "--token-command"),
            (Mechanism::XOAuth2, offer.tokens, "--token-command"),
        ] {
            if !there && offer.list.as_ref().is_some_and(|list| list.has(mechanism)) {
                return Err(Failure::usage(format!("{} needs {option}", mechanism.name())));
            }
        }
        Ok(offer)
    }

    /// The mechanisms, strongest first.
    ///
    /// A mechanism of SCRAM that is in no list is offered if all users with a password can use it: a
    /// client takes the strongest one, and does not try another when its user has no keys for it.
    pub(super) fn mechanisms(&self, table: &Table) -> Vec<Mechanism> {
        let named = |mechanism| self.list.as_ref().map(|list| list.has(mechanism));
        let offered = |&mechanism: &Mechanism| {
            if !self.binding && mechanism.needs_channel_binding() {
                return false;
            }
            if let Some(hash) = mechanism.scram_hash() {
                let (all, able) = table.scram_users(hash);
                return able > 0 && named(mechanism).unwrap_or(able == all);
            }
            if mechanism == Mechanism::External {
                self.certificates
            } else if matches!(mechanism, Mechanism::OAuthBearer | Mechanism::XOAuth2) {
                self.tokens
            } else {
                named(mechanism).unwrap_or(DEFAULT.contains(&mechanism))
            }
        };
        Mechanism::ALL.into_iter().filter(offered).collect()
    }

    /// What users can't do as the file is, as one line for the log, if anything.
    pub(super) fn advice(&self, table: &Table) -> Option<String> {
        let lacking = |hash: &Hash| {
            let (all, able) = table.scram_users(*hash);
            let wanted = match &self.list {
                Some(list) => Mechanism::parse(hash.name().as_bytes()).is_some_and(|one| list.has(one)),
                None => true,
            };
            (wanted && able < all).then(|| format!("{} ({} of {all})", hash.name(), all - able))
        };
        let lacking: Vec<_> = Hash::ALL.iter().filter_map(lacking).collect();
        if lacking.is_empty() {
            return None;
        }
        let effect = if self.list.is_some() { "they can't log in by it" } else { "so it is not offered" };
        let lacking = lacking.join(", ");
        Some(format!("some users have no keys for {lacking}; {effect}; pop3 passwd makes keys"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn offer(options: &str) -> Result<Offer, Failure> {
        let line = format!("pop3 serve --maildrops d --users u {options}");
        let Command::Serve(serve) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
            panic!("not serve");
        };
        Offer::new(&serve)
    }

    fn names(options: &str, users: &str) -> String {
        let table = Table::parse(users.as_bytes()).unwrap();
        let names = offer(options).unwrap().mechanisms(&table);
        names.into_iter().map(Mechanism::name).collect::<Vec<_>>().join(" ")
    }

    const PLAIN: &str = "a:{PLAIN}x\n";
    const HASH: &str =
        "b:$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc\n";

    #[test]
    fn scram_is_offered_where_everybody_can_use_it() {
        let all = "SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS \
            SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN";
        assert_eq!(names("--channel-binding", PLAIN), all);
        assert_eq!(names("--channel-binding", &[PLAIN, "t:{TOKEN}\n"].concat()), all);
        // Clients that choose -PLUS and then can't would be locked out.
        assert_eq!(names("", PLAIN), "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN");
        assert_eq!(names("", ""), "PLAIN LOGIN");
        assert_eq!(names("", HASH), "PLAIN LOGIN");
        assert_eq!(names("", &[PLAIN, HASH].concat()), "PLAIN LOGIN");
        let list = "--auth-mechanisms scram-sha-256,login";
        assert_eq!(names(list, &[PLAIN, HASH].concat()), "SCRAM-SHA-256 LOGIN");
        let bound = format!("{list} --channel-binding");
        assert_eq!(names(&bound, &[PLAIN, HASH].concat()), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 LOGIN");
        assert_eq!(names(list, HASH), "LOGIN");
    }

    #[test]
    fn options_turn_mechanisms_on() {
        assert_eq!(names("--auth-mechanisms none", PLAIN), "");
        assert_eq!(names("--auth-mechanisms cram-md5,anonymous", PLAIN), "CRAM-MD5 ANONYMOUS");
        let both = "--auth-mechanisms none --tls-client-ca x --token-command y";
        assert_eq!(names(both, PLAIN), "EXTERNAL OAUTHBEARER XOAUTH2");
        for (list, option) in [("external", "--tls-client-ca"), ("plain,xoauth2", "--token-command")] {
            let error = offer(&format!("--auth-mechanisms {list}")).unwrap_err().to_string();
            assert!(error.contains(option), "{error}");
        }
    }

    #[test]
    fn advice_counts_who_has_no_keys() {
        let advice = |options: &str, users: &str| {
            offer(options).unwrap().advice(&Table::parse(users.as_bytes()).unwrap())
        };
        assert_eq!(advice("", PLAIN), None);
        let text = advice("", &[PLAIN, HASH].concat()).unwrap();
        assert!(text.contains("SCRAM-SHA-256 (1 of 2)") && text.contains("not offered"), "{text}");
        assert_eq!(advice("--auth-mechanisms plain", HASH), None);
        assert!(advice("--auth-mechanisms scram-sha-1", HASH).unwrap().contains("can't log in"));
    }
}
