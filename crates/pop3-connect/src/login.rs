//! A way to log in, with all that it takes.

use pop3_driver::client::{self, Client, Credentials, LoginPolicy};
use pop3_driver::{LoginMethod, Transport};
use pop3_proto::{Quirk, Secret};
use pop3_url::Url;

use crate::error::ConnectError;
use crate::kind::CredentialKind;
use crate::naming::Naming;
use crate::settings::Settings;
use crate::way::Way;

/// A login method with the credentials that it needs.
#[derive(Clone, Debug)]
pub struct Login {
    way: Way,
    user: Vec<u8>,
    /// For USER, PASS and APOP, which take any octets.
    password: Option<Secret<Vec<u8>>>,
    credentials: Credentials,
    policy: LoginPolicy,
    utf8: bool,
    kind: CredentialKind,
    /// The server, for people.
    place: String,
    naming: Naming,
}

impl Login {
    /// Creates a login from the settings and the URL. Reads only the secret that the login uses. `place` is the [name
    /// of the server](crate::Dial::place) in messages to people. Returns `None` if there is no user to log in.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be met, or if a secret cannot be read.
    pub fn new(settings: &Settings, url: &Url, place: &str) -> Result<Option<Self>, ConnectError> {
        let way = Way::of(settings, url)?;
        let kind = way.kind(settings);
        let user = match (url.user(), kind) {
            (Some(user), _) => user,
            (None, CredentialKind::Certificate | CredentialKind::Nothing) => &[],
            (None, CredentialKind::Password | CredentialKind::Token) => return Ok(None),
        };
        let whose = format!("{}@{place}", user.escape_ascii());
        let name = match core::str::from_utf8(user) {
            Ok(name) => Some(name),
            // USER and APOP take what is no UTF-8 for the server to refuse.
            Err(_) if matches!(way, Way::Auto | Way::User | Way::Apop) => None,
            Err(_) => return Err(ConnectError::settings("SASL requires a user name in UTF-8")),
        };
        let mut credentials = match (kind, name) {
            (CredentialKind::Nothing, name) => Credentials::anonymous(name.unwrap_or_default()),
            (_, Some(name)) if !name.is_empty() => Credentials::new(name),
            _ => Credentials::default(),
        };
        if settings.client_cert.is_some() {
            credentials = credentials.with_certificate();
        }
        let mut password = None;
        match kind {
            CredentialKind::Token => {
                let token = settings.read_token(&whose)?;
                credentials = credentials.with_token(token).with_endpoint(url.host(), url.port());
            }
            CredentialKind::Password => {
                let found = settings.read_password(&whose)?;
                credentials = credentials.with_password(found.clone());
                password = Some(found);
            }
            CredentialKind::Certificate | CredentialKind::Nothing => {}
        }
        let policy = LoginPolicy::default().with_require_binding(settings.require_binding);
        let (user, utf8, place) = (user.to_vec(), settings.utf8, place.to_owned());
        Ok(Some(Self {
            way,
            user,
            password,
            credentials,
            policy,
            utf8,
            kind,
            place,
            naming: settings.naming,
        }))
    }

    /// Returns the user name. It may be empty for a certificate or an anonymous login.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// Returns the kind of credentials.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        self.kind
    }

    /// Logs in, and returns the method that was used.
    ///
    /// # Errors
    /// Returns the error of the client. [`Dial::explain`](crate::Dial::explain) explains it to people.
    pub async fn log_in<T: Transport>(
        &self,
        client: &mut Client<T>,
    ) -> Result<LoginMethod, client::ClientError> {
        if self.utf8 {
            client.utf8().await?;
        }
        self.choose(client).await
    }

    /// Returns a warning for the user after a successful login, or `None`. It warns if the server offers a -PLUS
    /// mechanism but refuses the client's type of channel binding, so that the login is not bound to TLS.
    #[must_use]
    pub fn warning<T: Transport>(&self, client: &Client<T>, method: LoginMethod) -> Option<String> {
        let LoginMethod::Auth(mechanism) = method else { return None };
        client.quirks().contains(&Quirk::UnknownBinding).then(|| {
            format!(
                "{} offers {mechanism}-PLUS but refuses our type of channel binding, so the login is not \
                 bound to TLS ({} forbids this; {} allows it without this warning)",
                self.place,
                (self.naming)("require_binding", None),
                (self.naming)("auth", Some(&mechanism.name().to_ascii_lowercase()))
            )
        })
    }

    async fn choose<T: Transport>(&self, client: &mut Client<T>) -> Result<LoginMethod, client::ClientError> {
        let password = self.password.as_ref().map_or(&[][..], |password| password.expose());
        match self.way {
            Way::Auto if self.is_text() => client.login_with(&self.credentials, &self.policy).await,
            Way::Auto | Way::User => client.login(&self.user, password).await.map(|()| LoginMethod::User),
            Way::Apop => client.login_apop(&self.user, password).await.map(|()| LoginMethod::Apop),
            Way::Sasl(mechanism) => {
                client.authenticate(mechanism, &self.credentials).await.map(|()| LoginMethod::Auth(mechanism))
            }
        }
    }

    /// Whether name and password are UTF-8, as SASL wants them.
    fn is_text(&self) -> bool {
        let password = self.password.as_ref().map_or(&[][..], |password| password.expose());
        [&self.user, password].iter().all(|octets| core::str::from_utf8(octets).is_ok())
            || self.policy.require_binding
    }
}
