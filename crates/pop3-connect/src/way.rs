//! The way to log in.

use core::str::FromStr;

use pop3_sasl::Mechanism;

/// The login method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// The method in the URL, or else the strongest one that both sides support.
    #[default]
    Auto,
    /// USER and PASS.
    User,
    /// APOP.
    Apop,
    /// AUTH with this mechanism.
    Sasl(Mechanism),
}

impl FromStr for Way {
    type Err = String;

    /// `auto`, `user`, `apop`, or the name of a mechanism, in letters of any case. The error names them all.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "user" => Ok(Self::User),
            "apop" => Ok(Self::Apop),
            name => Mechanism::parse(name.as_bytes()).map(Self::Sasl).ok_or_else(|| {
                let known = Mechanism::ALL.iter().map(|mechanism| mechanism.name().to_ascii_lowercase());
                let known: Vec<_> = known.collect();
                format!("expected auto, user, apop, {}", known.join(", "))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways() {
        assert_eq!("Auto".parse(), Ok(Way::Auto));
        assert_eq!("scram-sha-1".parse(), Ok(Way::Sasl(Mechanism::ScramSha1)));
        for bad in ["", "gssapi", "pass"] {
            assert!(bad.parse::<Way>().unwrap_err().contains("scram-sha-512-plus"), "{bad}");
        }
    }
}
