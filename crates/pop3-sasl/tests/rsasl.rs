//! The crate `rsasl` as a peer, in both roles.
//!
//! It has no CRAM-MD5, and in 2.3.1 none of its registries contains the -PLUS mechanisms. Its server does not
//! read `=2C` and `=3D` in names, so names here contain no commas and equals signs.

use std::io::Cursor;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use pop3_sasl::client::{self, Credentials};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{self, Decision, ExchangeStep, Question, TokenRefusal};
use pop3_sasl::{Mechanism, Nonce};
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::anonymous::AnonymousToken;
use rsasl::mechanisms::oauthbearer::properties::{OAuthBearerError, OAuthBearerErrored, OAuthBearerValidate};
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::mechanisms::xoauth2::properties::{XOAuth2Error, XOAuth2Validate};
use rsasl::mechname::Mechname;
use rsasl::prelude::{SASLClient, SASLConfig, SASLServer, SessionError, State};
use rsasl::property::{AuthId, AuthzId, OAuthBearerKV, OAuthBearerToken, Password};
use rsasl::validate::{Validate, Validation, ValidationError};

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
        Keys::derive(hash, self.password.as_bytes(), &[3; 16], 4096).expect("keys")
    }
}

/// Whether the server accepts the client.
struct Verdict;

impl Validation for Verdict {
    type Value = bool;
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
            let text = self.keys(self.mechanism.scram_hash().expect("SCRAM")).to_text();
            let text = core::str::from_utf8(text.expose()).expect("text");
            let (_, keys) = text.rsplit_once('$').expect("keys");
            let (stored, ours) = keys.split_once(':').expect("two of them");
            let [stored, ours] = [stored, ours].map(|key| Base64::decode_vec(key).expect("base64"));
            request.satisfy::<ScramStoredPassword<'_>>(&ScramStoredPassword::new(
                4096, &[3; 16], &stored, &ours,
            ))?;
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

fn config(peer: Peer) -> Arc<SASLConfig> {
    SASLConfig::builder().with_defaults().with_callback(peer).expect("a configuration")
}

fn name(mechanism: Mechanism) -> &'static Mechname {
    Mechname::parse(mechanism.name().as_bytes()).expect("a name")
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

/// `rsasl` as the client of our server. Returns whether the server accepts it, and whether it accepts the server.
fn their_client(mechanism: Mechanism, right: bool) -> bool {
    let sasl = SASLClient::new(config(Peer::with(mechanism, right)));
    let mut client = sasl.start_suggested(&[name(mechanism)]).expect("a mechanism that it has");
    let setup = server::ServerSetup::new(Nonce::from_random([2; 18]), "decoy key")
        .with_hosts(["mail.example"])
        .with_ports([995]);
    let mut server = server::ServerExchange::new(mechanism, setup);
    let mut done = false;
    let mut say = |challenge: Option<&[u8]>| {
        let mut out = Cursor::new(Vec::new());
        match client.step(challenge, &mut out) {
            Ok(state) => {
                done = matches!(state, State::Finished(_));
                Some(out.into_inner())
            }
            Err(_) => None,
        }
    };
    let initial = if mechanism.is_client_first() { say(None) } else { None };
    let mut step = server.begin(initial.as_deref()).expect("the first call");
    loop {
        step = match step {
            ExchangeStep::Ask(question) => server.answer(answer(question, mechanism)).expect("asked"),
            ExchangeStep::Challenge(challenge) => match say(Some(challenge.expose())) {
                Some(response) => server.respond(&response).expect("in turn"),
                None => server.cancel().expect("not over"),
            },
            ExchangeStep::Done(identity) => {
                assert_eq!(identity.mechanism, mechanism);
                return done || !mechanism.is_mutual();
            }
            ExchangeStep::Fail(_) => return false,
        };
    }
}

/// `rsasl` as the server of our client. Returns whether it accepts us, and whether we accept it.
fn their_server(mechanism: Mechanism, right: bool) -> bool {
    let sasl = SASLServer::<Verdict>::new(config(Peer::with(mechanism, true)));
    let mut server = sasl.start_suggested(name(mechanism)).expect("a mechanism that it has");
    let (password, token) = if right { (PASSWORD, TOKEN) } else { ("wrong", "wrong") };
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
    let setup = client::ClientSetup::new(Nonce::from_random([1; 18]));
    let mut client = client::ClientExchange::new(mechanism, &credentials, &setup).expect("usable");
    let mut message = client.take_initial();
    for _ in 0..6 {
        let mut out = Cursor::new(Vec::new());
        let Ok(state) = server.step(message.as_ref().map(|message| message.expose().as_slice()), &mut out)
        else {
            return false;
        };
        let challenge = out.into_inner();
        if let State::Finished(sent) = state {
            // It ends with SCRAM's last message, which is sent as a challenge in POP3.
            if matches!(sent, rsasl::prelude::MessageSent::Yes) && client.respond(&challenge).is_err() {
                return false;
            }
            return server.validation() == Some(true) && client.finish().is_ok();
        }
        let Ok(response) = client.respond(&challenge) else { return false };
        message = Some(response);
    }
    panic!("{mechanism}: it does not end");
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
