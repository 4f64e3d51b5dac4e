//! The choice of the way to log in, from the settings and the URL.

use pop3_sasl::Mechanism;
use pop3_url::{AuthChoice, Url};

use crate::error::ConnectError;
use crate::kind::CredentialKind;
use crate::settings::Settings;
use crate::way::Way;

impl Way {
    /// What the settings say, or else the URL, or else what suits.
    pub(crate) fn of(settings: &Settings, url: &Url) -> Result<Self, ConnectError> {
        let unknown = |name: &str| {
            ConnectError::settings(format!(
                "the URL asks for the login method {name}, which is not supported; choose another with {}",
                settings.name("auth")
            ))
        };
        let unbound = |what: &str| {
            ConnectError::settings(format!(
                "{} requires a -PLUS mechanism, and {what} can't be bound to TLS",
                settings.name("require_binding")
            ))
        };
        let way = match (settings.auth, url.auth()) {
            (Self::Auto, AuthChoice::Any) => Self::Auto,
            (Self::Auto, AuthChoice::Apop) => Self::Apop,
            (Self::Auto, AuthChoice::Sasl(name)) => {
                Mechanism::parse(name.as_bytes()).map(Self::Sasl).ok_or_else(|| unknown(name))?
            }
            (Self::Auto, AuthChoice::Extension(name)) => return Err(unknown(name)),
            (Self::Auto, _) => return Err(unknown("of an unknown kind")),
            (way, _) => way,
        };
        match way {
            Self::Sasl(mechanism) if mechanism == Mechanism::External && settings.client_cert.is_none() => {
                Err(ConnectError::settings(format!(
                    "EXTERNAL logs in with a certificate: give {} and {}",
                    settings.name("client_cert"),
                    settings.name("client_key")
                )))
            }
            Self::User | Self::Apop if settings.require_binding => Err(unbound("USER, PASS and APOP")),
            Self::Sasl(mechanism) if settings.require_binding && !mechanism.needs_channel_binding() => {
                Err(unbound(mechanism.name()))
            }
            Self::Auto | Self::User | Self::Apop | Self::Sasl(_) => Ok(way),
        }
    }

    /// What the way takes. A certificate serves alone where no password was named.
    pub(crate) fn kind(self, settings: &Settings) -> CredentialKind {
        let has_password = || settings.password.as_ref().is_some_and(|source| !source.is_last_resort());
        match self {
            Self::Sasl(Mechanism::External) => CredentialKind::Certificate,
            Self::Sasl(Mechanism::Anonymous) => CredentialKind::Nothing,
            Self::Sasl(Mechanism::XOAuth2 | Mechanism::OAuthBearer) => CredentialKind::Token,
            Self::Auto if settings.token.is_some() => CredentialKind::Token,
            Self::Auto if settings.client_cert.is_some() && !has_password() => CredentialKind::Certificate,
            Self::Auto | Self::User | Self::Apop | Self::Sasl(_) => CredentialKind::Password,
        }
    }
}
