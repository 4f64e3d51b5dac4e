//! How the fetcher logs in: the way, and what it takes.

use pop3_driver::client::{Client, Credentials, Error, LoginPolicy, Mechanism};
use pop3_driver::{LoginMethod, Transport};
use pop3_proto::{Quirk, Secret};
use pop3_url::{AuthChoice, Url};

use crate::args::{Account, Auth};
use crate::exit::Failure;
use crate::password;
use crate::tell::tell;

/// A way to log in, with all that it takes.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    way: Auth,
    user: Vec<u8>,
    /// For USER, PASS and APOP, which take any octets.
    password: Option<Secret<Vec<u8>>>,
    credentials: Credentials,
    policy: LoginPolicy,
    utf8: bool,
    kind: Kind,
    /// The server, for people.
    place: String,
}

/// What a server may refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Password,
    Token,
    Certificate,
    Nothing,
}

impl Login {
    /// What the command line and the URL say; secrets are looked for where they say, and no others.
    /// `None` when there is nobody to log in.
    ///
    /// # Errors
    /// When what is wanted can't be, or a secret can't be had.
    pub(crate) fn new(account: &Account, url: &Url, place: &str) -> Result<Option<Self>, Failure> {
        let way = way(account, url)?;
        let kind = kind(way, account);
        let user = match (url.user(), kind) {
            (Some(user), _) => user,
            (None, Kind::Certificate | Kind::Nothing) => &[],
            (None, Kind::Password | Kind::Token) => return Ok(None),
        };
        let whose = format!("{}@{place}", user.escape_ascii());
        let name = match core::str::from_utf8(user) {
            Ok(name) => Some(name),
            // USER and APOP take what is no UTF-8 for the server to refuse.
            Err(_) if matches!(way, Auth::Auto | Auth::User | Auth::Apop) => None,
            Err(_) => return Err(Failure::usage("a mechanism of SASL needs a user name in UTF-8")),
        };
        let mut credentials = match (kind, name) {
            (Kind::Nothing, name) => Credentials::anonymous(name.unwrap_or_default()),
            (_, Some(name)) if !name.is_empty() => Credentials::new(name),
            _ => Credentials::default(),
        };
        if account.client_cert.is_some() {
            credentials = credentials.with_certificate();
        }
        let mut password = None;
        match kind {
            Kind::Token => {
                let token = password::find_token(account, &whose)?;
                credentials = credentials.with_token(token).with_endpoint(url.host(), url.port());
            }
            Kind::Password => {
                let found = password::find(account, &whose)?;
                credentials = credentials.with_password(found.clone());
                password = Some(found);
            }
            Kind::Certificate | Kind::Nothing => {}
        }
        let policy = LoginPolicy::default().with_require_binding(account.require_binding);
        let (user, utf8, place) = (user.to_vec(), account.utf8, place.to_owned());
        Ok(Some(Self { way, user, password, credentials, policy, utf8, kind, place }))
    }

    /// Whose maildrop it is, as far as the client says so.
    pub(crate) fn user(&self) -> &[u8] {
        &self.user
    }

    /// What a server may refuse.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Logs in, and says how. Warns where the server's words about binding do not hold.
    pub(crate) async fn log_in<T: Transport>(&self, client: &mut Client<T>) -> Result<LoginMethod, Error> {
        if self.utf8 {
            client.utf8().await?;
        }
        let method = self.choose(client).await?;
        if let LoginMethod::Auth(mechanism) = method
            && client.quirks().contains(&Quirk::UnknownBinding)
        {
            tell(format_args!(
                "pop3: warning: {} offers {mechanism}-PLUS and refuses our kind of channel binding, so the login is not bound to TLS (--require-binding forbids that; --auth {} asks for it, without this warning)",
                self.place,
                mechanism.name().to_ascii_lowercase()
            ));
        }
        Ok(method)
    }

    async fn choose<T: Transport>(&self, client: &mut Client<T>) -> Result<LoginMethod, Error> {
        let password = self.password.as_ref().map_or(&[][..], |password| password.expose());
        match self.way {
            Auth::Auto if self.is_text() => client.login_with(&self.credentials, &self.policy).await,
            Auth::Auto | Auth::User => client.login(&self.user, password).await.map(|()| LoginMethod::User),
            Auth::Apop => client.login_apop(&self.user, password).await.map(|()| LoginMethod::Apop),
            Auth::Sasl(mechanism) => {
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

/// What the command line says, or else the URL, or else what suits.
fn way(account: &Account, url: &Url) -> Result<Auth, Failure> {
    let way = match (account.auth, url.auth()) {
        (Auth::Auto, AuthChoice::Any) => Auth::Auto,
        (Auth::Auto, AuthChoice::Apop) => Auth::Apop,
        (Auth::Auto, AuthChoice::Sasl(name)) => {
            Mechanism::parse(name.as_bytes()).map(Auth::Sasl).ok_or_else(|| unknown(name))?
        }
        (Auth::Auto, AuthChoice::Extension(name)) => return Err(unknown(name)),
        (Auth::Auto, _) => return Err(unknown("by other means")),
        (way, _) => way,
    };
    match way {
        Auth::Sasl(mechanism) if mechanism == Mechanism::External && account.client_cert.is_none() => {
            Err(Failure::usage("EXTERNAL goes by a certificate: give --client-cert and --client-key"))
        }
        Auth::User | Auth::Apop if account.require_binding => Err(unbound("USER, PASS and APOP")),
        Auth::Sasl(mechanism) if account.require_binding && !mechanism.needs_channel_binding() => {
            Err(unbound(mechanism.name()))
        }
        Auth::Auto | Auth::User | Auth::Apop | Auth::Sasl(_) => Ok(way),
    }
}

fn unknown(name: &str) -> Failure {
    Failure::usage(format!(
        "the URL asks for the login {name}, which this program does not have; --auth names another"
    ))
}

fn unbound(what: &str) -> Failure {
    Failure::usage(format!(
        "--require-binding needs a mechanism with -PLUS, and {what} can't be bound to TLS"
    ))
}

/// What the way takes. A certificate serves alone where no option and no variable has a password.
fn kind(way: Auth, account: &Account) -> Kind {
    match way {
        Auth::Sasl(Mechanism::External) => Kind::Certificate,
        Auth::Sasl(Mechanism::Anonymous) => Kind::Nothing,
        Auth::Sasl(Mechanism::XOAuth2 | Mechanism::OAuthBearer) => Kind::Token,
        Auth::Auto if account.token_command.is_some() => Kind::Token,
        Auth::Auto if account.client_cert.is_some() && !password::is_named(account) => Kind::Certificate,
        Auth::Auto | Auth::User | Auth::Apop | Auth::Sasl(_) => Kind::Password,
    }
}
