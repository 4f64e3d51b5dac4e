//! The crate `rsasl` as a peer, with any names, passwords and tokens: both sides agree about who logs in.
//!
//! As in the test `rsasl`, names contain no commas and equals signs, which its server does not read.

use std::io::Cursor;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials};
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{Decision, ExchangeStep, Question, ServerExchange, ServerSetup};
use pop3_sasl::{Mechanism, Nonce};
use proptest::prelude::*;
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::mechname::Mechname;
use rsasl::prelude::{MessageSent, SASLClient, SASLConfig, SASLServer, SessionError, State};
use rsasl::property::{AuthId, AuthzId, Password};
use rsasl::validate::{Validate, Validation, ValidationError};

/// What one side believes.
#[derive(Clone, Debug)]
struct Account {
    mechanism: Mechanism,
    name: String,
    password: String,
}

const SALT: [u8; 16] = [3; 16];
const ITERATIONS: u32 = 4096;

impl Account {
    fn keys(&self, hash: Hash) -> Option<Keys> {
        Keys::derive(hash, self.password.as_bytes(), &SALT, ITERATIONS).ok()
    }

    /// Whether a name or password is this one, in any way to write it.
    fn is(own: &str, given: &str) -> bool {
        prepare(own, StringKind::Stored).ok() == prepare(given, StringKind::Query).ok()
    }
}

struct Verdict;

impl Validation for Verdict {
    type Value = bool;
}

impl SessionCallback for Account {
    fn callback(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        if request.is::<ScramStoredPassword<'_>>()
            && let Some(hash) = self.mechanism.scram_hash()
            && context.get_ref::<AuthId>().is_some_and(|name| Self::is(&self.name, name))
            && let Some(keys) = self.keys(hash)
        {
            let text = keys.to_text();
            let text = core::str::from_utf8(text.expose()).expect("text");
            let (_, keys) = text.rsplit_once('$').expect("keys");
            let (stored, ours) = keys.split_once(':').expect("two of them");
            let [stored, ours] = [stored, ours].map(|key| Base64::decode_vec(key).expect("base64"));
            let stored = ScramStoredPassword::new(ITERATIONS, &SALT, &stored, &ours);
            request.satisfy::<ScramStoredPassword<'_>>(&stored)?;
        }
        request.satisfy::<AuthId>(&self.name)?.satisfy::<Password>(self.password.as_bytes())?;
        if self.mechanism == Mechanism::External {
            request.satisfy::<AuthzId>(&self.name)?;
        }
        Ok(())
    }

    fn validate(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        validate: &mut Validate<'_>,
    ) -> Result<(), ValidationError> {
        let named = context.get_ref::<AuthId>().is_some_and(|name| Self::is(&self.name, name));
        let password = context.get_ref::<Password>().and_then(|octets| core::str::from_utf8(octets).ok());
        let password = password.is_some_and(|password| Self::is(&self.password, password));
        let acting = context.get_ref::<AuthzId>().is_some_and(|name| Self::is(&self.name, name));
        validate.finalize::<Verdict>(if self.mechanism == Mechanism::External {
            acting
        } else if matches!(self.mechanism, Mechanism::Plain | Mechanism::Login) {
            named && password
        } else {
            named
        });
        Ok(())
    }
}

fn config(account: &Account) -> Arc<SASLConfig> {
    SASLConfig::builder().with_defaults().with_callback(account.clone()).expect("a configuration")
}

fn name(mechanism: Mechanism) -> &'static Mechname {
    Mechname::parse(mechanism.name().as_bytes()).expect("a name")
}

/// What our server answers for this account.
fn answer(question: Question, own: &Account) -> Decision {
    let granted = match question {
        Question::Password { name, password, .. } => {
            let password = core::str::from_utf8(password.expose()).expect("it was prepared");
            Account::is(&own.name, &name) && Account::is(&own.password, password)
        }
        Question::Keys { name, hash, .. } => {
            return Decision::Keys(own.keys(hash).filter(|_| Account::is(&own.name, &name)));
        }
        Question::Certificate { name } => name.is_some_and(|name| Account::is(&own.name, &name)),
        Question::CramMd5(_) | Question::Token { .. } | Question::Anonymous { .. } => {
            panic!("{}: not asked here", own.mechanism)
        }
    };
    if granted { Decision::Granted } else { Decision::Refused }
}

/// Whether `rsasl` logs in with `theirs` to our server, which knows `ours`.
fn their_client(theirs: &Account, ours: &Account) -> bool {
    let sasl = SASLClient::new(config(theirs));
    let mut client = sasl.start_suggested(&[name(theirs.mechanism)]).expect("a mechanism that it has");
    let setup = ServerSetup::new(Nonce::from_random([2; 18]), "decoy key");
    let mut server = ServerExchange::new(ours.mechanism, setup);
    let mut is_done = false;
    let mut say = |challenge: Option<&[u8]>| {
        let mut out = Cursor::new(Vec::new());
        let state = client.step(challenge, &mut out).ok()?;
        is_done = matches!(state, State::Finished(_));
        Some(out.into_inner())
    };
    let initial = if ours.mechanism.is_client_first() { say(None) } else { None };
    let mut step = server.begin(initial.as_deref()).expect("the first call");
    loop {
        step = match step {
            ExchangeStep::Ask(question) => server.answer(answer(question, ours)).expect("asked"),
            ExchangeStep::Challenge(challenge) => match say(Some(challenge.expose())) {
                Some(response) => server.respond(&response).expect("in turn"),
                None => server.cancel().expect("not over"),
            },
            ExchangeStep::Done(_) => return is_done || !ours.mechanism.is_mutual(),
            ExchangeStep::Fail(_) => return false,
        };
    }
}

/// Whether we log in with `ours` to the server of `rsasl`, which knows `theirs`.
fn their_server(ours: &Account, theirs: &Account) -> bool {
    let sasl = SASLServer::<Verdict>::new(config(theirs));
    let mut server = sasl.start_suggested(name(theirs.mechanism)).expect("a mechanism that it has");
    let credentials = Credentials::new(&ours.name).with_password(ours.password.as_str()).with_certificate();
    let setup = ClientSetup::new(Nonce::from_random([1; 18]));
    let Ok(mut client) = ClientExchange::new(ours.mechanism, &credentials, &setup) else { return false };
    let mut message = client.take_initial();
    for _ in 0..6 {
        let mut out = Cursor::new(Vec::new());
        let said = message.as_ref().map(|message| message.expose().as_slice());
        let Ok(state) = server.step(said, &mut out) else { return false };
        let challenge = out.into_inner();
        if let State::Finished(sent) = state {
            if matches!(sent, MessageSent::Yes) && client.respond(&challenge).is_err() {
                return false;
            }
            return server.validation() == Some(true) && client.finish().is_ok();
        }
        let Ok(response) = client.respond(&challenge) else { return false };
        message = Some(response);
    }
    panic!("{}: it does not end", ours.mechanism);
}

/// A name or password, in one of several ways to write it.
fn text(letters: &'static str) -> impl Strategy<Value = String> {
    proptest::string::string_regex(letters).expect("an expression")
}

fn agree(mechanism: Mechanism, name: &str, own: &str, given: &str) -> Result<(), TestCaseError> {
    let account =
        |password: &str| Account { mechanism, name: name.to_owned(), password: password.to_owned() };
    let (known, said) = (account(own), account(given));
    let is_usable = |text: &str| prepare(text, StringKind::Stored).is_ok();
    prop_assume!(is_usable(name) && is_usable(own) && is_usable(given));
    let wanted = Account::is(own, given) || mechanism == Mechanism::External;
    // With SCRAM it leaves SASLprep to its caller.
    let prepared =
        |text: &str| prepare(text, StringKind::Stored).map(|text| text.into_owned()).unwrap_or_default();
    let theirs = if mechanism.scram_hash().is_some() { account(&prepared(given)) } else { said.clone() };
    prop_assert_eq!(their_client(&theirs, &known), wanted, "{}: {:?} {:?}", mechanism, own, given);
    prop_assert_eq!(their_server(&said, &known), wanted, "{}: {:?} {:?}", mechanism, own, given);
    Ok(())
}

const NAMES: &str = "[a-c\u{e9}@. ]{1,8}";
const PASSWORDS: &str = "[ab ,=\u{e9}\u{fb01}\u{ad}\u{a0}\u{2168}]{1,5}|e\u{301}|\u{e9}|IX|\u{2168}";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn without_hashes(
        mechanism in prop::sample::select(vec![Mechanism::Plain, Mechanism::Login, Mechanism::External]),
        name in text(NAMES),
        own in text(PASSWORDS),
        given in prop::option::of(text(PASSWORDS)),
    ) {
        agree(mechanism, &name, &own, given.as_ref().unwrap_or(&own))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn with_scram(
        mechanism in prop::sample::select(vec![Mechanism::ScramSha1, Mechanism::ScramSha256, Mechanism::ScramSha512]),
        name in text(NAMES),
        own in text(PASSWORDS),
        given in prop::option::of(text(PASSWORDS)),
    ) {
        agree(mechanism, &name, &own, given.as_ref().unwrap_or(&own))?;
    }
}
