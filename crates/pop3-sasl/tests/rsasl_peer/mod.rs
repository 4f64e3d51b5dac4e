//! Exchanges with the crate `rsasl`, in both roles.
//!
//! It has no CRAM-MD5, and in 2.3.1 none of its registries contains the -PLUS mechanisms. Its server does not
//! read `=2C` and `=3D` in names, so the names of the tests contain no commas and equals signs.

use std::io::Cursor;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{Decision, ExchangeStep, Question, ServerExchange, ServerSetup};
use pop3_sasl::{Mechanism, Nonce};
use rsasl::callback::{Request, SessionCallback};
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::mechname::Mechname;
use rsasl::prelude::{MessageSent, SASLClient, SASLConfig, SASLServer, SessionError, State};
use rsasl::validate::Validation;

const SALT: [u8; 16] = [3; 16];
const ITERATIONS: u32 = 4096;

/// Whether the server of `rsasl` accepts the client.
pub(crate) struct Verdict;

impl Validation for Verdict {
    type Value = bool;
}

/// The keys of a password, or `None` if it can't be prepared.
pub(crate) fn keys(hash: Hash, password: &str) -> Option<Keys> {
    Keys::derive(hash, password.as_bytes(), &SALT, ITERATIONS).ok()
}

/// Tells the server of `rsasl` these keys.
pub(crate) fn tell_keys(request: &mut Request<'_>, keys: &Keys) -> Result<(), SessionError> {
    let text = keys.to_text();
    let text = core::str::from_utf8(text.expose()).expect("text");
    let (_, keys) = text.rsplit_once('$').expect("keys");
    let (stored, ours) = keys.split_once(':').expect("two of them");
    let [stored, ours] = [stored, ours].map(|key| Base64::decode_vec(key).expect("base64"));
    let stored = ScramStoredPassword::new(ITERATIONS, &SALT, &stored, &ours);
    request.satisfy::<ScramStoredPassword<'_>>(&stored).map(drop)
}

fn config(peer: impl SessionCallback + 'static) -> Arc<SASLConfig> {
    SASLConfig::builder().with_defaults().with_callback(peer).expect("a configuration")
}

fn name(mechanism: Mechanism) -> &'static Mechname {
    Mechname::parse(mechanism.name().as_bytes()).expect("a name")
}

/// `rsasl` as the client of our server, which answers questions with `answer`. Returns whether the server accepts the
/// client, and the client accepts the server.
pub(crate) fn their_client(
    mechanism: Mechanism,
    peer: impl SessionCallback + 'static,
    answer: impl Fn(Question) -> Decision,
) -> bool {
    let sasl = SASLClient::new(config(peer));
    let mut client = sasl.start_suggested(&[name(mechanism)]).expect("a mechanism that it has");
    let setup = ServerSetup::new(Nonce::from_random([2; 18]), "decoy key")
        .with_hosts(["mail.example"])
        .with_ports([995]);
    let mut server = ServerExchange::new(mechanism, setup);
    let mut is_done = false;
    let mut say = |challenge: Option<&[u8]>| {
        let mut out = Cursor::new(Vec::new());
        let state = client.step(challenge, &mut out).ok()?;
        is_done = matches!(state, State::Finished(_));
        Some(out.into_inner())
    };
    let initial = if mechanism.is_client_first() { say(None) } else { None };
    let mut step = server.begin(initial.as_deref()).expect("the first call");
    loop {
        step = match step {
            ExchangeStep::Ask(question) => server.answer(answer(question)).expect("asked"),
            ExchangeStep::Challenge(challenge) => match say(Some(challenge.expose())) {
                Some(response) => server.respond(&response).expect("in turn"),
                None => server.cancel().expect("not over"),
            },
            ExchangeStep::Done(identity) => {
                assert_eq!(identity.mechanism, mechanism);
                return is_done || !mechanism.is_mutual();
            }
            ExchangeStep::Fail(_) => return false,
        };
    }
}

/// `rsasl` as the server of our client. Returns whether the server accepts the client, and the client accepts the
/// server.
pub(crate) fn their_server(
    mechanism: Mechanism,
    credentials: &Credentials,
    peer: impl SessionCallback + 'static,
) -> bool {
    let sasl = SASLServer::<Verdict>::new(config(peer));
    let mut server = sasl.start_suggested(name(mechanism)).expect("a mechanism that it has");
    let setup = ClientSetup::new(Nonce::from_random([1; 18]));
    let Ok(mut client) = ClientExchange::new(mechanism, credentials, &setup) else { return false };
    let mut message = client.take_initial();
    for _ in 0..6 {
        let mut out = Cursor::new(Vec::new());
        let said = message.as_ref().map(|message| message.expose().as_slice());
        let Ok(state) = server.step(said, &mut out) else { return false };
        let challenge = out.into_inner();
        if let State::Finished(sent) = state {
            // It ends with SCRAM's last message, which is sent as a challenge in POP3.
            if matches!(sent, MessageSent::Yes) && client.respond(&challenge).is_err() {
                return false;
            }
            return server.validation() == Some(true) && client.finish().is_ok();
        }
        let Ok(response) = client.respond(&challenge) else { return false };
        message = Some(response);
    }
    panic!("{mechanism}: it does not end");
}
