//! The crate `rsasl` as a peer, with any names, passwords and tokens: both sides agree about who logs in.

mod rsasl_peer;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{Decision, Question};
use proptest::prelude::*;
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::prelude::SessionError;
use rsasl::property::{AuthId, AuthzId, Password};
use rsasl::validate::{Validate, ValidationError};

use rsasl_peer::Verdict;

/// What one side believes.
#[derive(Clone, Debug)]
struct Account {
    mechanism: Mechanism,
    name: String,
    password: String,
}

impl Account {
    fn keys(&self, hash: Hash) -> Option<Keys> {
        rsasl_peer::keys(hash, &self.password)
    }

    /// Whether a name or password is this one, in any way to write it.
    fn is(own: &str, given: &str) -> bool {
        prepare(own, StringKind::Stored).ok() == prepare(given, StringKind::Query).ok()
    }
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
            rsasl_peer::tell_keys(request, &keys)?;
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
    rsasl_peer::their_client(ours.mechanism, theirs.clone(), |question| answer(question, ours))
}

/// Whether we log in with `ours` to the server of `rsasl`, which knows `theirs`.
fn their_server(ours: &Account, theirs: &Account) -> bool {
    let credentials = Credentials::new(&ours.name).with_password(ours.password.as_str()).with_certificate();
    rsasl_peer::their_server(ours.mechanism, &credentials, theirs.clone())
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
