//! Our client with our server: every mechanism, any name and password, and a man in the middle who
//! changes messages.

use pop3_sasl::client::{self, Credentials};
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::Keys;
use pop3_sasl::server::{self, Decision, ExchangeStep, Failure, Identity, Question};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce, Secret};
use proptest::prelude::*;

/// What a server stores about its only user.
struct User<'a> {
    name: &'a str,
    password: &'a str,
    token: &'a str,
}

impl User<'_> {
    /// A backend, as an embedder would write it.
    fn answer(&self, question: Question) -> Decision {
        let is_me = |name: &str| prepare(self.name, StringKind::Query).is_ok_and(|own| own == name);
        let verdict = |granted| if granted { Decision::Granted } else { Decision::Refused };
        match question {
            Question::Password { name, authorization, password } => {
                let stored = prepare(self.password, StringKind::Query).expect("a password");
                verdict(is_me(&name) && authorization.is_none() && password.same_octets(stored.as_bytes()))
            }
            Question::CramMd5(digest) => {
                verdict(is_me(digest.name()) && digest.prove(self.password.as_bytes()))
            }
            Question::Keys { name, authorization, hash } => {
                let known = is_me(&name) && authorization.is_none();
                let keys = || Keys::derive(hash, self.password.as_bytes(), &[5; 16], 4096).expect("keys");
                Decision::Keys(known.then(keys))
            }
            Question::Token { name, token, .. } => {
                verdict(name.is_none_or(|name| is_me(&name)) && token.same_octets(self.token.as_bytes()))
            }
            Question::Certificate { name } => verdict(name.is_none_or(|name| is_me(&name))),
            Question::Anonymous { .. } => Decision::Refused,
        }
    }
}

/// Where and how the man in the middle changes a message: its number, and the change.
#[derive(Clone, Copy, Debug)]
struct Tampering {
    message: usize,
    change: Change,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Flip { place: usize, bit: u8 },
    Cut { place: usize },
    Insert { place: usize, octet: u8 },
}

impl Change {
    fn apply(self, message: &mut Vec<u8>) {
        match self {
            Self::Flip { place, bit } if !message.is_empty() => {
                let place = place % message.len();
                message[place] ^= 1 << bit;
            }
            Self::Cut { place } if !message.is_empty() => message.truncate(place % message.len()),
            Self::Flip { bit, .. } => message.push(bit),
            Self::Cut { .. } => message.push(0),
            Self::Insert { place, octet } => message.insert(place % (message.len() + 1), octet),
        }
    }
}

#[derive(Debug)]
struct Outcome {
    server: Result<Identity, Failure>,
    /// Whether the client believes that it is logged in.
    client: Result<(), client::ExchangeError>,
    changed: bool,
    messages: usize,
}

/// Connects the two. The client receives the server's `+OK` or `-ERR`.
fn run(
    mechanism: Mechanism,
    credentials: &Credentials,
    user: &User<'_>,
    inline: bool,
    tampering: Option<Tampering>,
) -> Outcome {
    let bindings = || ChannelBindings::none().with_exporter([9; 32]);
    let bind = mechanism.needs_channel_binding();
    let setup = client::ClientSetup::new(Nonce::from_random([1; 18]));
    let setup = if bind { setup.with_bindings(bindings()).with_plus_offered(true) } else { setup };
    let mut client = client::ClientExchange::new(mechanism, credentials, &setup).expect("usable");
    let setup = server::ServerSetup::new(Nonce::from_random([2; 18]), "decoy key");
    let setup = if bind { setup.with_bindings(bindings()).with_plus_offered(true) } else { setup };
    let mut server = server::ServerExchange::new(mechanism, setup);

    let (mut messages, mut changed) = (0, false);
    let mut carry = |message: Secret| {
        let mut octets = message.into_inner();
        if let Some(Tampering { change, .. }) = tampering.filter(|tampering| tampering.message == messages) {
            let before = octets.clone();
            change.apply(&mut octets);
            changed |= octets != before;
        }
        messages += 1;
        octets
    };
    let initial = if inline { client.take_initial().map(&mut carry) } else { None };
    let mut step = server.begin(initial.as_deref()).expect("the first call");
    let mut failed = Ok(());
    let server = loop {
        step = match step {
            ExchangeStep::Ask(question) => server.answer(user.answer(question)).expect("asked"),
            ExchangeStep::Challenge(challenge) => match client.respond(&carry(challenge)) {
                Ok(response) => server.respond(&carry(response)).expect("in turn"),
                Err(error) => {
                    failed = Err(error);
                    server.cancel().expect("not over")
                }
            },
            ExchangeStep::Done(identity) => break Ok(identity),
            ExchangeStep::Fail(failure) => break Err(failure),
        };
    };
    let client = failed.and(client.finish()).and(if server.is_ok() {
        Ok(())
    } else {
        Err(client::ExchangeError::Over)
    });
    assert!(messages <= 6, "{messages} messages");
    Outcome { server, client, changed, messages }
}

fn credentials(mechanism: Mechanism, name: &str, password: &str, token: &str) -> Credentials {
    let named = Credentials::new(name);
    if mechanism == Mechanism::External {
        named.with_certificate()
    } else if matches!(mechanism, Mechanism::XOAuth2 | Mechanism::OAuthBearer) {
        named.with_token(token)
    } else {
        named.with_password(password)
    }
}

/// All mechanisms that log in as a user.
fn mechanism() -> impl Strategy<Value = Mechanism> {
    let all = Mechanism::ALL.iter().copied().filter(|mechanism| *mechanism != Mechanism::Anonymous);
    prop::sample::select(all.collect::<Vec<_>>())
}

/// Names and passwords with all characters that have a meaning in a message.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z,= @/+\u{e9}\u{ad}\u{a0}\u{fb01}\u{5d0}:$]{1,12}", "\\PC{1,20}", "[ -~]{1,40}"]
        .prop_filter("has no prepared form", |text| {
            prepare(text, StringKind::Stored).is_ok_and(|text| text.len() < 250)
        })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), 0..8_u8).prop_map(|(place, bit)| Change::Flip { place, bit }),
        any::<usize>().prop_map(|place| Change::Cut { place }),
        (any::<usize>(), prop_oneof![any::<u8>(), prop::sample::select(b",=n\0\x01 ".to_vec())])
            .prop_map(|(place, octet)| Change::Insert { place, octet }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    // 4616-2.01, 5802-5.05, 2195-2.02, 6856-2.20
    #[test]
    fn the_right_password_logs_in(
        mechanism in mechanism(), name in text(), password in text(), token in "[A-Za-z0-9._~+/-]{1,40}={0,2}",
        inline: bool,
    ) {
        let user = User { name: &name, password: &password, token: &token };
        let outcome = run(mechanism, &credentials(mechanism, &name, &password, &token), &user, inline, None);
        prop_assert_eq!(outcome.client, Ok(()));
        let identity = outcome.server.expect("a login");
        prop_assert_eq!(identity.mechanism, mechanism);
        let prepared = prepare(&name, StringKind::Query).expect("a name");
        prop_assert_eq!(identity.acts_as(), Some(prepared.as_ref()));
    }

    // 5802-5.07: a client without the user's secret is refused.
    #[test]
    fn a_wrong_password_does_not(
        mechanism in mechanism().prop_filter("no secret", |mechanism| *mechanism != Mechanism::External),
        name in text(), password in text(), other in text(), unknown: bool, inline: bool,
    ) {
        prop_assume!(prepare(&password, StringKind::Stored).ok() != prepare(&other, StringKind::Stored).ok());
        let user = User { name: if unknown { "nobody else" } else { &name }, password: &password, token: "right" };
        let outcome = run(mechanism, &credentials(mechanism, &name, &other, "wrong"), &user, inline, None);
        prop_assert_eq!(outcome.server, Err(Failure::Refused));
        prop_assert!(outcome.client.is_err());
    }

    /// With SCRAM, one side notices any change of any message.
    #[test]
    fn a_changed_message_does_not_pass(
        mechanism in mechanism().prop_filter("SCRAM", |mechanism| mechanism.is_mutual()),
        name in text(), message in 0..6_usize, change in change(), inline: bool,
    ) {
        let user = User { name: &name, password: "pencil", token: "" };
        let tampering = Tampering { message, change };
        let credentials = credentials(mechanism, &name, "pencil", "");
        let outcome = run(mechanism, &credentials, &user, inline, Some(tampering));
        if outcome.changed {
            prop_assert!(outcome.server.is_err() || outcome.client.is_err(), "{outcome:?}");
        } else {
            prop_assert!(outcome.server.is_ok() && outcome.client.is_ok(), "{outcome:?}");
        }
    }

    /// The others are protected only by the channel. But nobody becomes another user without that user's secret,
    /// and nothing panics or continues forever.
    #[test]
    fn a_changed_message_makes_nobody_else(
        mechanism in mechanism(), message in 0..6_usize, change in change(), inline: bool,
    ) {
        let user = User { name: "user", password: "pencil", token: "tok" };
        let tampering = Tampering { message, change };
        let outcome = run(mechanism, &credentials(mechanism, "user", "pencil", "tok"), &user, inline, Some(tampering));
        if let Ok(identity) = &outcome.server {
            prop_assert!(identity.acts_as().is_none_or(|name| name == "user"), "{outcome:?}");
            prop_assert!(outcome.messages >= 1);
        }
    }

    /// Random octets never log in, and end after a few steps.
    #[test]
    fn any_octets_to_the_server(
        mechanism in prop::sample::select(Mechanism::ALL.to_vec()),
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8),
        initial: bool,
    ) {
        let setup = server::ServerSetup::new(Nonce::from_random([2; 18]), "decoy key");
        let mut server = server::ServerExchange::new(mechanism, setup);
        let user = User { name: "user", password: "pencil", token: "tok" };
        let mut messages = messages.into_iter();
        let first = messages.next().filter(|_| initial);
        let mut step = server.begin(first.as_deref()).expect("the first call");
        for round in 0..8 {
            step = match step {
                ExchangeStep::Ask(Question::Certificate { .. }) => server.answer(Decision::Refused).expect("asked"),
                ExchangeStep::Ask(question) => server.answer(user.answer(question)).expect("asked"),
                ExchangeStep::Challenge(_) => server.respond(&messages.next().unwrap_or_default()).expect("in turn"),
                ExchangeStep::Fail(_) => break,
                ExchangeStep::Done(identity) => panic!("{identity:?}"),
            };
            prop_assert!(round < 7, "it goes on");
        }
    }

    /// Random challenges never convince a client that requires a proof, nor make it continue forever.
    #[test]
    fn any_octets_to_the_client(
        mechanism in mechanism(), inline: bool,
        challenges in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 5),
    ) {
        let bindings = ChannelBindings::none().with_server_end_point([9; 32]);
        let setup = client::ClientSetup::new(Nonce::from_random([1; 18])).with_bindings(bindings);
        let credentials = credentials(mechanism, "user", "pencil", "tok");
        let mut client = client::ClientExchange::new(mechanism, &credentials, &setup).expect("usable");
        if inline {
            client.take_initial();
        }
        let answered = challenges.iter().take_while(|challenge| client.respond(challenge).is_ok()).count();
        prop_assert!(answered <= 3);
        if mechanism.is_mutual() {
            prop_assert!(client.finish().is_err());
        }
    }
}

// 9266-2.01, 5802-6.01: a channel that differs between the ends, and a list that was changed.
#[test]
fn somebody_in_between_is_found_out() {
    let run = |client_bindings: ChannelBindings,
               server_bindings: ChannelBindings,
               mechanism: Mechanism,
               seen: bool| {
        let setup = client::ClientSetup::new(Nonce::from_random([1; 18]))
            .with_bindings(client_bindings)
            .with_plus_offered(seen);
        let credentials = Credentials::new("user").with_password("pencil");
        let mut client = client::ClientExchange::new(mechanism, &credentials, &setup).expect("usable");
        let setup = server::ServerSetup::new(Nonce::from_random([2; 18]), "decoy key")
            .with_bindings(server_bindings)
            .with_plus_offered(true);
        let mut server = server::ServerExchange::new(mechanism, setup);
        let user = User { name: "user", password: "pencil", token: "" };
        let first = client.take_initial().expect("a first message");
        let question = match server.begin(Some(first.expose())).expect("begun") {
            ExchangeStep::Ask(question) => question,
            ExchangeStep::Fail(failure) => return Err(failure),
            step @ (ExchangeStep::Challenge(_) | ExchangeStep::Done(_)) => panic!("{step:?}"),
        };
        let ExchangeStep::Challenge(salt) = server.answer(user.answer(question)).expect("asked") else {
            panic!()
        };
        let proof = client.respond(salt.expose()).expect("a proof");
        match server.respond(proof.expose()).expect("in turn") {
            ExchangeStep::Fail(failure) => Err(failure),
            ExchangeStep::Challenge(ours) => {
                client.respond(ours.expose()).map(drop).map_err(|_| Failure::Cancelled)
            }
            step @ (ExchangeStep::Ask(_) | ExchangeStep::Done(_)) => panic!("{step:?}"),
        }
    };
    let exporter = |octet| ChannelBindings::none().with_exporter([octet; 32]);
    let end_point = |octet| ChannelBindings::none().with_server_end_point([octet; 32]);
    let plus = Mechanism::ScramSha256Plus;
    assert_eq!(run(exporter(1), exporter(1), plus, true), Ok(()));
    assert_eq!(run(end_point(1), end_point(1), plus, true), Ok(()));
    assert!(matches!(run(exporter(1), exporter(2), plus, true), Err(Failure::Binding(_))));
    assert!(matches!(run(end_point(1), end_point(2), plus, true), Err(Failure::Binding(_))));
    assert!(matches!(run(exporter(1), end_point(1), plus, true), Err(Failure::Binding(_))));
    let stripped = run(exporter(1), exporter(1), Mechanism::ScramSha256, false);
    assert!(matches!(stripped, Err(Failure::Binding(_))));
    let spent = run(ChannelBindings::none(), exporter(1), Mechanism::ScramSha256, true);
    assert_eq!(spent, Ok(()), "who can't bind any more may do without");
}

// 6856-2.20: both forms of a password work for the same login, even if it is stored in plain text.
#[test]
fn forms_of_a_password() {
    for mechanism in [Mechanism::CramMd5, Mechanism::ScramSha256, Mechanism::Plain] {
        for (stored, typed) in
            [("t\u{e4}nstaaf", "ta\u{308}nstaaf"), ("I\u{ad}X", "\u{2168}"), ("a\u{a0}b", "a b")]
        {
            let user = User { name: "user", password: stored, token: "" };
            let outcome = run(mechanism, &credentials(mechanism, "user", typed, ""), &user, true, None);
            assert!(outcome.server.is_ok() && outcome.client.is_ok(), "{mechanism} {stored:?} {outcome:?}");
        }
    }
}
