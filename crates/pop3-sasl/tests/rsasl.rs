//! The crate `rsasl` as a peer, in both roles.

mod rsasl_peer;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{Decision, Question, TokenRefusal};
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::anonymous::AnonymousToken;
use rsasl::mechanisms::oauthbearer::properties::{OAuthBearerError, OAuthBearerErrored, OAuthBearerValidate};
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::mechanisms::xoauth2::properties::{XOAuth2Error, XOAuth2Validate};
use rsasl::prelude::SessionError;
use rsasl::property::{AuthId, AuthzId, OAuthBearerKV, OAuthBearerToken, Password};
use rsasl::validate::{Validate, ValidationError};

use rsasl_peer::Verdict;

const NAME: &str = "jos\u{e9} b";
const PASSWORD: &str = "p\u{e4}ss, = word";
const TOKEN: &str = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==";

/// What `rsasl` needs to know, as a client and as a server.
struct Peer {
    mechanism: Mechanism,
    password: &'static str,
    token: &'static str,
}

impl Peer {
    fn with(mechanism: Mechanism, right: bool) -> Self {
        let (password, token) = if right { (PASSWORD, TOKEN) } else { ("wrong", "wrong") };
        Self { mechanism, password, token }
    }

    fn keys(&self, hash: Hash) -> Keys {
        rsasl_peer::keys(hash, self.password).expect("keys")
    }
}

impl SessionCallback for Peer {
    fn callback(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        if request.is::<OAuthBearerValidate>() {
            // With OAUTHBEARER its server passes on what follows `auth=`.
            let auth = context.get_ref::<OAuthBearerToken>();
            let right = auth.and_then(|auth| auth.strip_prefix("Bearer ")) == Some(self.token);
            let refused = OAuthBearerError::new("invalid_token", Some("mail"), None);
            request.satisfy::<OAuthBearerValidate>(&if right { Ok(()) } else { Err(refused) })?;
        }
        if request.is::<XOAuth2Validate>() {
            let right = context.get_ref::<OAuthBearerToken>() == Some(self.token);
            request.satisfy::<XOAuth2Validate>(&if right { Ok(()) } else { Err("{\"status\":\"401\"}") })?;
        }
        // Reading them counts as "handled".
        request.get_action::<OAuthBearerErrored>();
        request.get_action::<XOAuth2Error>();
        if request.is::<ScramStoredPassword<'_>>() && context.get_ref::<AuthId>() == Some(NAME) {
            let hash = self.mechanism.scram_hash().expect("SCRAM");
            rsasl_peer::tell_keys(request, &self.keys(hash))?;
        }
        request
            .satisfy::<AuthId>(NAME)?
            .satisfy::<Password>(self.password.as_bytes())?
            .satisfy::<OAuthBearerToken>(self.token)?
            .satisfy::<OAuthBearerKV>(&[("host", "mail.example"), ("port", "995")])?
            .satisfy::<AnonymousToken>("sirhc")?;
        if matches!(self.mechanism, Mechanism::OAuthBearer | Mechanism::External) {
            request.satisfy::<AuthzId>(NAME)?;
        }
        Ok(())
    }

    fn validate(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        validate: &mut Validate<'_>,
    ) -> Result<(), ValidationError> {
        let named = context.get_ref::<AuthId>() == Some(NAME);
        let password = context.get_ref::<Password>() == Some(self.password.as_bytes());
        use Mechanism as M;
        validate.finalize::<Verdict>(if matches!(self.mechanism, M::Plain | M::Login) {
            named && password
        } else if matches!(self.mechanism, M::External | M::OAuthBearer) {
            context.get_ref::<AuthzId>() == Some(NAME)
        } else if self.mechanism == M::Anonymous {
            context.get_ref::<AnonymousToken>() == Some("sirhc")
        } else {
            named
        });
        Ok(())
    }
}

/// What we answer as the server: the user of this file exists.
fn answer(question: Question, mechanism: Mechanism) -> Decision {
    let ours = Peer::with(mechanism, true);
    let granted = match question {
        Question::Password { name, password, .. } => {
            name == NAME && password.same_octets(PASSWORD.as_bytes())
        }
        Question::Keys { name, hash, .. } => return Decision::Keys((name == NAME).then(|| ours.keys(hash))),
        Question::Token { name, token, .. } => {
            if !token.same_octets(TOKEN.as_bytes()) {
                return Decision::RefusedToken(TokenRefusal::default().with_scope("mail"));
            }
            name.as_deref() == Some(NAME)
        }
        Question::Certificate { name } => name.as_deref() == Some(NAME),
        Question::Anonymous { trace } => trace == "sirhc",
        Question::CramMd5(digest) => digest.prove(PASSWORD.as_bytes()),
    };
    if granted { Decision::Granted } else { Decision::Refused }
}

/// Whether `rsasl` logs in to our server.
fn their_client(mechanism: Mechanism, right: bool) -> bool {
    rsasl_peer::their_client(mechanism, Peer::with(mechanism, right), |question| answer(question, mechanism))
}

/// Whether we log in to the server of `rsasl`.
fn their_server(mechanism: Mechanism, right: bool) -> bool {
    let Peer { password, token, .. } = Peer::with(mechanism, right);
    let named = Credentials::new(NAME);
    let credentials = if mechanism == Mechanism::Anonymous {
        Credentials::anonymous("sirhc")
    } else if mechanism == Mechanism::External {
        named.with_certificate()
    } else if matches!(mechanism, Mechanism::OAuthBearer | Mechanism::XOAuth2) {
        named.with_token(token).with_endpoint("mail.example", 995)
    } else {
        named.with_password(password)
    };
    rsasl_peer::their_server(mechanism, &credentials, Peer::with(mechanism, true))
}

const SHARED: [Mechanism; 8] = [
    Mechanism::ScramSha512,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::OAuthBearer,
    Mechanism::XOAuth2,
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::External,
];

// 4616-2.01, LOGIN-1.01, 5802-5.01, 7628-3.01, XOA-1.01, EXT-1.01, 4505-2.01
#[test]
fn rsasl_logs_in_to_our_server() {
    for mechanism in SHARED {
        assert!(their_client(mechanism, true), "{mechanism}");
    }
    assert!(their_client(Mechanism::Anonymous, true));
}

// 5802-5.01, 7628-3.02
#[test]
fn rsasl_with_a_wrong_secret_does_not() {
    for mechanism in SHARED.into_iter().filter(|mechanism| *mechanism != Mechanism::External) {
        assert!(!their_client(mechanism, false), "{mechanism}");
    }
}

// 4616-2.01, LOGIN-1.02, 5802-5.01, 5802-5.07, 7628-3.01, XOA-1.01, EXT-1.01, 4505-2.01
#[test]
fn we_log_in_to_rsasl() {
    for mechanism in SHARED {
        assert!(their_server(mechanism, true), "{mechanism}");
    }
    assert!(their_server(Mechanism::Anonymous, true));
}

#[test]
fn with_a_wrong_secret_we_do_not() {
    for mechanism in SHARED.into_iter().filter(|mechanism| *mechanism != Mechanism::External) {
        assert!(!their_server(mechanism, false), "{mechanism}");
    }
}
