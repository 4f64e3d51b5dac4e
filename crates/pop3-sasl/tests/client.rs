//! The client's side with servers that do something wrong, and its choice of a mechanism.

use pop3_sasl::client::{
    ClientExchange, ClientSetup, Credentials, Denial, ExchangeError, MechanismPolicy, Unusable, candidates,
    offers_plus,
};
use pop3_sasl::{BindingKind, ChannelBindings, Mechanism, Nonce};

fn setup() -> ClientSetup {
    ClientSetup::new(Nonce::from_text("CLIENT").expect("a nonce"))
}

fn user() -> Credentials {
    Credentials::new("user").with_password("pencil")
}

fn exchange(mechanism: Mechanism, credentials: &Credentials) -> ClientExchange {
    ClientExchange::new(mechanism, credentials, &setup()).expect("usable")
}

/// An exchange of SCRAM-SHA-256 after its first message.
fn started() -> ClientExchange {
    let mut exchange = exchange(Mechanism::ScramSha256, &user());
    assert_eq!(exchange.take_initial().expect("a first message").expose(), b"n,,n=user,r=CLIENT");
    exchange
}

#[track_caller]
fn first_message(mechanism: Mechanism, credentials: &Credentials, setup: &ClientSetup) -> String {
    let exchange = ClientExchange::new(mechanism, credentials, setup).expect("usable");
    String::from_utf8(exchange.initial().expect("an initial response").expose().to_vec()).expect("text")
}

// 5802-5.02, 5802-5.04, 5802-5.06
#[test]
fn scram_challenges_that_are_none() {
    for (challenge, error) in [
        ("", None),
        ("r=CLIENTx", None),
        ("s=AAAA,r=CLIENTx,i=4096", None),
        ("m=x,r=CLIENTx,s=AAAA,i=4096", None),
        ("r=CLIENTx,m=x,s=AAAA,i=4096", None),
        ("r=CLIENTx,s=AAAA,i=4096,m=x", None),
        ("r=CLIENTx,s=AAA,i=4096", None),
        ("r=CLIENTx,s=,i=4096", None),
        ("r=CLIENTx,s=AAAA,i=", None),
        ("r=CLIENTx,s=AAAA,i=x", None),
        ("r=CLIENTx,s=AAAA,i=-4096", None),
        ("r=CLIENTx,s=AAAA,i=4096,", None),
        ("r=client,s=AAAA,i=4096", Some(ExchangeError::Nonce)),
        ("r=CLIENT,s=AAAA,i=4096", Some(ExchangeError::Nonce)),
        ("r=xCLIENT,s=AAAA,i=4096", Some(ExchangeError::Nonce)),
        ("r=CLIENT x,s=AAAA,i=4096", Some(ExchangeError::Nonce)),
        ("r=CLIENTx,s=AAAA,i=1", Some(ExchangeError::Iterations)),
        ("r=CLIENTx,s=AAAA,i=4095", Some(ExchangeError::Iterations)),
        ("r=CLIENTx,s=AAAA,i=04096", Some(ExchangeError::Iterations)),
        ("r=CLIENTx,s=AAAA,i=4000001", Some(ExchangeError::Iterations)),
        ("r=CLIENTx,s=AAAA,i=2147483648", Some(ExchangeError::Iterations)),
        ("r=CLIENTx,s=AAAA,i=99999999999999999999", Some(ExchangeError::Iterations)),
        ("e=unknown-user", Some(ExchangeError::Denied(Denial::UnknownUser))),
    ] {
        let mut exchange = started();
        let found = exchange.respond(challenge.as_bytes()).expect_err(challenge);
        match error {
            Some(error) => assert_eq!(found, error, "{challenge}"),
            None => assert!(matches!(found, ExchangeError::Malformed(_)), "{challenge}: {found:?}"),
        }
        assert_eq!(exchange.respond(b"v=AAAA").expect_err("over"), ExchangeError::Over);
        assert_eq!(exchange.finish(), Err(ExchangeError::Over));
    }
    assert!(matches!(started().respond(b"\xff"), Err(ExchangeError::Malformed(_))));
    assert!(matches!(started().respond(&[b'r'; 8193]), Err(ExchangeError::TooLong)));
    let salt = "AAAA".repeat(64);
    let challenge = format!("r=CLIENTx,s={salt},i=4096");
    assert!(matches!(started().respond(challenge.as_bytes()), Err(ExchangeError::Malformed(_))));
}

// 5802-5.04
#[test]
fn iterations_are_the_callers_choice() {
    let strict = setup().with_iterations(10_000..=20_000);
    for (count, fits) in [(9_999, false), (10_000, true), (20_000, true), (20_001, false)] {
        let mut exchange = ClientExchange::new(Mechanism::ScramSha256, &user(), &strict).expect("usable");
        exchange.take_initial().expect("a first message");
        let answer = exchange.respond(format!("r=CLIENTx,s=AAAA,i={count}").as_bytes());
        assert_eq!(answer.is_ok(), fits, "{count}");
    }
}

// 5802-5.07, 5034-4.18
#[test]
fn servers_that_prove_nothing() {
    let proved = || {
        let mut exchange = started();
        exchange.respond(b"r=CLIENTx,s=AAAA,i=4096").expect("a proof");
        assert_eq!(exchange.finish(), Err(ExchangeError::NotVerified), "a success now is none");
        exchange
    };
    for (challenge, error) in [
        ("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ExchangeError::WrongSignature),
        ("v=", ExchangeError::WrongSignature),
        ("e=invalid-proof", ExchangeError::Denied(Denial::InvalidProof)),
        ("e=channel-bindings-dont-match,x=y", ExchangeError::Denied(Denial::ChannelBindingsDontMatch)),
        ("e=something-new", ExchangeError::Denied(Denial::Other)),
        ("e=", ExchangeError::Denied(Denial::Other)),
    ] {
        let mut exchange = proved();
        assert_eq!(exchange.respond(challenge.as_bytes()).expect_err(challenge), error);
        assert_eq!(exchange.finish(), Err(ExchangeError::Over));
    }
    for challenge in ["", "v", "x=y", "v=!", "v=AAA", "m=x", "v=AAAA,m=x"] {
        assert!(
            matches!(proved().respond(challenge.as_bytes()), Err(ExchangeError::Malformed(_))),
            "{challenge}"
        );
    }
    assert_eq!(started().finish(), Err(ExchangeError::NotVerified));
}

// 5802-6.01
#[test]
fn the_flag_tells_what_could_be_bound() {
    let first = |mechanism, setup: &ClientSetup| {
        let message = first_message(mechanism, &user(), setup);
        message.split(',').next().expect("a flag").to_string()
    };
    let none = setup();
    let both = ChannelBindings::none().with_exporter([1; 32]).with_server_end_point([2; 32]);
    let bound = setup().with_bindings(both);
    let older = setup().with_bindings(ChannelBindings::none().with_server_end_point([2; 32]));
    assert_eq!(first(Mechanism::ScramSha256, &none), "n");
    assert_eq!(first(Mechanism::ScramSha256, &none.clone().with_plus_offered(true)), "n");
    assert_eq!(first(Mechanism::ScramSha256, &bound), "y");
    assert_eq!(first(Mechanism::ScramSha256, &bound.clone().with_plus_offered(true)), "n");
    assert_eq!(first(Mechanism::ScramSha1Plus, &bound), "p=tls-exporter");
    assert_eq!(first(Mechanism::ScramSha1Plus, &older), "p=tls-server-end-point");
    let unbound =
        ClientExchange::new(Mechanism::ScramSha1Plus, &user(), &none).expect_err("nothing to bind to");
    assert_eq!(unbound, Unusable::NoBinding);
}

// 9266-2.01, 5929-4.01
#[test]
fn bindings() {
    assert_eq!(ChannelBindings::EXPORTER_LABEL, b"EXPORTER-Channel-Binding");
    assert!(ChannelBindings::none().is_empty());
    assert!(ChannelBindings::none().with_server_end_point([]).is_empty());
    assert!(ChannelBindings::none().with_server_end_point([0; 65]).is_empty());
    let bindings = ChannelBindings::none().with_server_end_point([3; 48]);
    assert_eq!(bindings.preferred(), Some(BindingKind::TlsServerEndPoint));
    let octets = bindings.octets(BindingKind::TlsServerEndPoint).expect("known");
    assert!(octets.same_octets(&[3; 48]));
    assert!(bindings.octets(BindingKind::TlsExporter).is_none());
}

// 5802-5.05
#[test]
fn names_are_escaped() {
    let credentials = Credentials::new("a,b=c").with_password("p").with_authorization("x=y,z");
    let message = first_message(Mechanism::ScramSha256, &credentials, &setup());
    assert_eq!(message, "n,a=x=3Dy=2Cz,n=a=2Cb=3Dc,r=CLIENT");
    let credentials = Credentials::new("I\u{ad}X").with_password("p");
    assert_eq!(first_message(Mechanism::ScramSha256, &credentials, &setup()), "n,,n=IX,r=CLIENT");
    let credentials = Credentials::new("a,b=c").with_token("tok");
    let message = first_message(Mechanism::OAuthBearer, &credentials, &setup());
    assert_eq!(message, "n,a=a=2Cb=3Dc,\x01auth=Bearer tok\x01\x01");
}

// LOGIN-1.02
#[test]
fn login_does_not_read_prompts() {
    for prompts in [["User Name\0", "Password\0"], ["", ""], ["Password:", "Username:"], ["\u{e9}", "x"]] {
        let mut exchange = exchange(Mechanism::Login, &user());
        assert_eq!(exchange.respond(prompts[0].as_bytes()).expect("the name").expose(), b"user");
        assert_eq!(exchange.respond(prompts[1].as_bytes()).expect("the password").expose(), b"pencil");
        assert_eq!(exchange.finish(), Ok(()));
        assert_eq!(exchange.respond(b"").expect_err("no third"), ExchangeError::Unexpected);
    }
}

// 5034-4.05, 5034-4.09: if the command carries no initial response, the first challenge requests it.
#[test]
fn the_first_message_may_come_late() {
    let mut exchange = exchange(Mechanism::Plain, &user());
    assert_eq!(exchange.finish(), Err(ExchangeError::Premature), "nothing was sent");
    assert_eq!(exchange.respond(b"").expect("the message").expose(), b"\0user\0pencil");
    assert!(exchange.initial().is_none());
    assert_eq!(exchange.finish(), Ok(()));
    assert_eq!(exchange.respond(b"").expect_err("no second"), ExchangeError::Unexpected);
    assert_eq!(exchange.finish(), Err(ExchangeError::Over));

    let mut exchange = self::exchange(Mechanism::Plain, &user());
    assert!(matches!(exchange.respond(b"who?"), Err(ExchangeError::Malformed(_))));
}

// XOA-1.02, 7628-3.02
#[test]
fn a_refused_token_is_told_once() {
    let credentials = Credentials::new("user").with_token("tok");
    for (mechanism, dummy) in [(Mechanism::OAuthBearer, b"\x01".as_slice()), (Mechanism::XOAuth2, b"")] {
        let mut exchange = exchange(mechanism, &credentials);
        exchange.take_initial().expect("a first message");
        assert_eq!(exchange.failure_details(), None);
        assert_eq!(exchange.respond(b"{\"status\":\"401\"}").expect("a dummy").expose(), dummy);
        assert_eq!(exchange.failure_details(), Some(b"{\"status\":\"401\"}".as_slice()));
        assert_eq!(exchange.finish(), Err(ExchangeError::Premature), "no success after a refusal");
        assert_eq!(exchange.respond(b"again").expect_err("no second"), ExchangeError::Unexpected);
        assert!(exchange.failure_details().is_some());
    }
}

#[test]
fn credentials_that_do_not_suit() {
    use Mechanism as M;
    for (credentials, mechanism, error) in [
        (Credentials::default(), M::Plain, Unusable::NoName),
        (Credentials::new("u"), M::Plain, Unusable::NoPassword),
        (Credentials::new("u"), M::XOAuth2, Unusable::NoToken),
        (Credentials::default().with_token("t"), M::XOAuth2, Unusable::NoName),
        (Credentials::new("u").with_password("p"), M::OAuthBearer, Unusable::NoToken),
        (Credentials::new("u").with_password("p"), M::External, Unusable::NoCertificate),
        (Credentials::new("u").with_password("p"), M::Anonymous, Unusable::NotAnonymous),
        (Credentials::anonymous("a\nb"), M::Anonymous, Unusable::Trace),
        (Credentials::new("").with_password("p"), M::Plain, Unusable::Name),
        (Credentials::new("a\0b").with_password("p"), M::Plain, Unusable::Name),
        (Credentials::new("a\r\n").with_password("p"), M::Login, Unusable::Name),
        (Credentials::new("u").with_password("p").with_authorization("a\0"), M::Plain, Unusable::Name),
        (
            Credentials::new("u").with_password("p").with_authorization("a"),
            M::Login,
            Unusable::NoAuthorization,
        ),
        (
            Credentials::new("u").with_password("p").with_authorization("a"),
            M::CramMd5,
            Unusable::NoAuthorization,
        ),
        (Credentials::new("x".repeat(256)).with_password("p"), M::Plain, Unusable::Name),
        (Credentials::new("u").with_password(""), M::Plain, Unusable::Password),
        (Credentials::new("u").with_password("a\0b"), M::Plain, Unusable::Password),
        (Credentials::new("u").with_password(vec![0xff]), M::Plain, Unusable::Password),
        (Credentials::new("u").with_password(vec![b'p'; 1025]), M::Login, Unusable::Password),
        (Credentials::new("u").with_password("\u{7}"), M::ScramSha1, Unusable::Password),
        (Credentials::new("u").with_password("\u{1f600}"), M::ScramSha1, Unusable::Password),
        (Credentials::new("\u{ad}").with_password("p"), M::ScramSha1, Unusable::Name),
        (Credentials::new("u").with_token("a b"), M::XOAuth2, Unusable::Token),
        (Credentials::new("u").with_token("t\x01auth=x"), M::OAuthBearer, Unusable::Token),
        (Credentials::new("u").with_token("t").with_endpoint("a\x01b", 1), M::OAuthBearer, Unusable::Host),
        (Credentials::certificate().with_authorization("a\0"), M::External, Unusable::Name),
    ] {
        assert_eq!(credentials.suit(mechanism), Err(error), "{mechanism} {credentials:?}");
        let found = ClientExchange::new(mechanism, &credentials, &setup()).expect_err("unusable");
        assert_eq!(found, error, "{mechanism} {credentials:?}");
    }
}

const ALL: [&str; 14] = [
    "ANONYMOUS",
    "CRAM-MD5",
    "DIGEST-MD5",
    "EXTERNAL",
    "LOGIN",
    "OAUTHBEARER",
    "PLAIN",
    "SCRAM-SHA-1",
    "scram-sha-1-plus",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-512",
    "SCRAM-SHA-512-PLUS",
    "XOAUTH2",
];

// 5034-4.28, 5034-4.22, 7628-3.04, 2195-2.03
#[test]
fn the_choice() {
    use Mechanism as M;
    let plaintext = MechanismPolicy::default();
    let trusted = plaintext.with_secrets(true);
    let tls = trusted.with_bindings(true);
    let bound = tls.with_binding_required(true);
    let password = user();
    let token = Credentials::new("user").with_token("tok");
    let both = user().with_token("tok");
    let certificate = Credentials::certificate();
    let scram = [M::ScramSha512, M::ScramSha256, M::ScramSha1];
    let plus = [M::ScramSha512Plus, M::ScramSha256Plus, M::ScramSha1Plus];
    for (credentials, policy, wanted) in [
        (&password, plaintext, scram.to_vec()),
        (&password, plaintext.with_cram_md5(true), [&scram[..], &[M::CramMd5]].concat()),
        (&password, trusted, [&scram[..], &[M::Plain, M::Login]].concat()),
        (&password, tls, [&plus[..], &scram, &[M::Plain, M::Login]].concat()),
        (&password, bound, plus.to_vec()),
        (&token, plaintext, vec![]),
        (&token, tls, vec![M::OAuthBearer, M::XOAuth2]),
        (&token, bound, vec![]),
        (&both, trusted, [&scram[..], &[M::OAuthBearer, M::XOAuth2, M::Plain, M::Login]].concat()),
        (&certificate, tls, vec![M::External]),
        (&user().with_certificate(), plaintext, scram.to_vec()),
        (&Credentials::anonymous(""), plaintext, vec![M::Anonymous]),
        (&user().with_authorization("x"), trusted, [&scram[..], &[M::Plain]].concat()),
        // No keys can be derived from a password newer than Unicode 3.2.
        (&Credentials::new("u").with_password("\u{1f600}"), tls, vec![M::Plain, M::Login]),
    ] {
        assert_eq!(candidates(ALL, credentials, &policy), wanted, "{credentials:?} {policy:?}");
    }
    assert_eq!(candidates(["PLAIN"], &password, &plaintext), []);
    assert_eq!(candidates(["PLAIN", "SCRAM-SHA-256"], &password, &tls), [M::ScramSha256, M::Plain]);
    assert_eq!(candidates(["PLAIN", "SCRAM-SHA-256"], &password, &bound), []);
    assert_eq!(candidates(Vec::<&[u8]>::new(), &password, &tls), []);
}

#[test]
fn whether_plus_is_offered() {
    assert!(offers_plus(ALL));
    assert!(offers_plus(["PLAIN", "scram-sha-3-512-plus"]));
    assert!(!offers_plus(["PLAIN", "SCRAM-SHA-256", "PLUS", ""]));
}

// 5034-4.26, 5034-4.01
#[test]
fn names_of_mechanisms() {
    for &mechanism in Mechanism::ALL {
        let name = mechanism.name();
        assert!((1..=20).contains(&name.len()));
        assert!(
            name.bytes().all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit() || octet == b'-')
        );
        assert_eq!(Mechanism::parse(name.to_ascii_lowercase().as_bytes()), Some(mechanism));
        assert_eq!(mechanism.to_string(), name);
        assert_eq!(mechanism.needs_channel_binding(), name.ends_with("-PLUS"));
        assert_eq!(mechanism.is_mutual(), name.starts_with("SCRAM-"));
        assert!(mechanism.takes_initial_response() || !mechanism.is_client_first());
    }
    for name in [b"".as_slice(), b"PLAIN ", b"PL@IN", b"FOO", b"AAAAAAAAAAAAAAAAAAAAA", b"\xff"] {
        assert_eq!(Mechanism::parse(name), None);
    }
}

// 5034-4.30
#[test]
fn nothing_secret_is_printed() {
    let credentials = user().with_token("tok123").with_endpoint("mail.example", 995);
    let mut printed = format!("{credentials:?}");
    for &mechanism in Mechanism::ALL {
        if let Ok(exchange) = ClientExchange::new(mechanism, &credentials, &setup()) {
            printed.push_str(&format!("{exchange:?}"));
        }
    }
    let mut scram = started();
    scram.respond(b"r=CLIENTx,s=AAAA,i=4096").expect("a proof");
    printed.push_str(&format!("{scram:?}"));
    for secret in ["pencil", "tok123"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}
