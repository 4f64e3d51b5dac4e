//! How names are read: in which letters, and in which domain.

use super::UserName;

/// How the names that clients give, and those of the users file, become the names of users. Default: they are taken as
/// they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameRule {
    fold: bool,
    domain: Option<String>,
}

impl NameRule {
    /// Creates the default rule.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether capital letters in names are made small ones, so that `Alice` is `alice`. This is the lower case
    /// of Unicode, after SASLprep (RFC 4013). A name whose lower case SASLprep refuses is no name.
    #[must_use]
    pub fn with_fold(self, fold: bool) -> Self {
        Self { fold, ..self }
    }

    /// Sets the domain of names without `@`. With `example.org`, `alice` is `alice@example.org`.
    ///
    /// # Errors
    /// Returns an error if the text cannot be part of a name, or contains `@`.
    pub fn with_default_domain(self, domain: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "the default domain must be a domain, such as example.org";

        let name = UserName::parse(domain.as_bytes()).ok_or(WRONG)?;
        if name.as_str().contains('@') {
            return Err(WRONG);
        }
        Ok(Self { domain: Some(name.as_str().to_owned()), ..self })
    }

    /// Returns the name of the user whom these octets name, or `None` if they break the [rule](UserName::RULE) of
    /// names.
    #[must_use]
    pub fn apply(&self, octets: &[u8]) -> Option<UserName> {
        let name = UserName::parse(octets)?;
        let name = match &self.domain {
            Some(domain) if !name.as_str().contains('@') => {
                UserName::parse(format!("{name}@{domain}").as_bytes())?
            }
            _ => name,
        };
        if self.fold { folded(&name) } else { Some(name) }
    }
}

/// The name in small letters. None if it has none that SASLprep leaves as they are.
fn folded(name: &UserName) -> Option<UserName> {
    let lower = name.as_str().to_lowercase();
    let name = UserName::parse(lower.as_bytes())?;
    (name.as_str().to_lowercase() == name.as_str()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rule: &NameRule, name: &str) -> Option<String> {
        rule.apply(name.as_bytes()).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn names_in_small_letters() {
        let fold = NameRule::new().with_fold(true);
        for (written, name) in [
            ("Alice", "alice"),
            ("ALICE@Example.ORG", "alice@example.org"),
            ("J\u{d6}RG", "j\u{f6}rg"),
            ("JO\u{308}RG", "j\u{f6}rg"),
            ("\u{2168}", "ix"),
            ("\u{ff21}", "a"),
            ("stra\u{df}e", "stra\u{df}e"),
            ("\u{130}", "i\u{307}"),
        ] {
            assert_eq!(read(&fold, written).as_deref(), Some(name), "{written:?}");
            assert_eq!(read(&fold, name).as_deref(), Some(name), "{written:?}");
        }
        assert_eq!(read(&NameRule::new(), "Alice").as_deref(), Some("Alice"));
        // The small letter is newer than Unicode 3.2.
        assert_eq!(read(&fold, "\u{13a0}"), None);
    }

    #[test]
    fn names_without_a_domain_get_the_default() {
        let rule = NameRule::new().with_default_domain("Example.org").unwrap();
        assert_eq!(read(&rule, "alice").as_deref(), Some("alice@Example.org"));
        assert_eq!(read(&rule, "alice@b").as_deref(), Some("alice@b"));
        assert_eq!(read(&rule.clone().with_fold(true), "A").as_deref(), Some("a@example.org"));
        assert_eq!(read(&rule, &"x".repeat(60)), None);
        for bad in ["", "a@b", "a/b", ".a"] {
            assert!(NameRule::new().with_default_domain(bad).is_err(), "{bad}");
        }
    }
}
