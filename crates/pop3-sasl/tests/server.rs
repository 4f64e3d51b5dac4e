//! The server's side against clients that do wrong.

use pop3_sasl::scram::{Hash, Keys, KeysError, MAX_ITERATIONS, SALT_OCTETS};
use pop3_sasl::server::{Answer, Exchange, Failure, Identity, Misuse, Question, Setup, Step};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce, Secret};

fn setup() -> Setup {
    Setup::new(Nonce::from_text("SERVER").expect("a nonce"), "a key that nobody knows")
}

fn exchange(mechanism: Mechanism) -> Exchange {
    Exchange::new(mechanism, setup())
}

#[track_caller]
fn challenge(step: Result<Step, Misuse>) -> Vec<u8> {
    let Ok(Step::Challenge(octets)) = step else { panic!("{step:?}") };
    octets.into_inner()
}

#[track_caller]
fn question(step: Result<Step, Misuse>) -> Question {
    let Ok(Step::Ask(question)) = step else { panic!("{step:?}") };
    question
}

#[track_caller]
fn failure(step: Result<Step, Misuse>) -> Failure {
    let Ok(Step::Fail(failure)) = step else { panic!("{step:?}") };
    failure
}

#[track_caller]
fn identity(step: Result<Step, Misuse>) -> Identity {
    let Ok(Step::Done(identity)) = step else { panic!("{step:?}") };
    identity
}

/// The first message fails at once, and without a word about the credentials.
#[track_caller]
fn malformed(mechanism: Mechanism, message: &[u8]) {
    let failure = failure(exchange(mechanism).begin(Some(message)));
    assert!(matches!(failure, Failure::Malformed(_)), "{}: {failure:?}", message.escape_ascii());
    assert!(!failure.is_refusal());
}

fn keys() -> Keys {
    Keys::derive(Hash::Sha256, b"pencil", &[1; 16], 4096).expect("keys")
}

// 4616-2.02, 6856-2.18, 6856-2.19
#[test]
fn plain_that_is_none() {
    for message in [
        b"".as_slice(),
        b"a",
        b"a\0b",
        b"\0a\0b\0c",
        b"\0\0p",
        b"\0u\0",
        b"\0\xff\0p",
        b"\0u\0\xff",
        b"\xc0\xaf\0u\0p",
        b"\0\xc0\xaf\0p",
        b"\0\xed\xa0\x80\0p",
        b"\0\xf4\x90\x80\x80\0p",
        b"\0\xc3\0p",
        b"\0a\x07b\0p",
        b"\0a\r\nb\0p",
        b"\0u\0p\n",
    ] {
        malformed(Mechanism::Plain, message);
    }
}

// 4616-2.01: 255 octets fit in each field, and 256 in a name do not.
#[test]
fn plain_of_the_longest_fields() {
    let longest = [b'x'; 255];
    let message = [&longest[..], b"\0", &[b'y'; 255], b"\0", &longest].concat();
    let Question::Password { name, authorization, password } =
        question(exchange(Mechanism::Plain).begin(Some(&message)))
    else {
        panic!("no question for a password");
    };
    assert_eq!((name.len(), authorization.map(|name| name.len()), password.len()), (255, Some(255), 255));
    malformed(Mechanism::Plain, &[b"\0", &[b'x'; 256][..], b"\0p"].concat());
    malformed(Mechanism::Plain, &[&[b'x'; 256][..], b"\0u\0p"].concat());
    malformed(Mechanism::Plain, &[b"\0u\0", &[b'x'; 1025][..]].concat());
    // Within 255 octets, but not prepared: each of these becomes 33.
    malformed(Mechanism::Plain, &["\0", &"\u{fdfa}".repeat(8), "\0p"].concat().into_bytes());
}

// 4616-2.04, 6856-2.19, 5034-4.20
#[test]
fn names_and_passwords_are_prepared() {
    let message = "\u{2168}\u{a0}a\0I\u{ad}X\0\u{aa}\u{a0}".as_bytes();
    let mut exchange = exchange(Mechanism::Plain);
    let Question::Password { name, authorization, password } = question(exchange.begin(Some(message))) else {
        panic!("no question for a password");
    };
    assert_eq!((name.as_str(), authorization.as_deref()), ("IX", Some("IX a")));
    assert!(password.same_octets(b"a "));
    assert_eq!(identity(exchange.answer(Answer::Granted)).acts_as(), Some("IX a"));
    malformed(Mechanism::Plain, "\u{ad}\0u\0p".as_bytes());
    malformed(Mechanism::External, "\u{ad}".as_bytes());
    malformed(Mechanism::ScramSha256, "n,a=\u{ad},n=user,r=abc".as_bytes());
}

// 4616-2.03: only the caller can know who may act as whom.
#[test]
fn another_user_is_a_question() {
    let mut exchange = exchange(Mechanism::Plain);
    let asked = question(exchange.begin(Some(b"admin\0mrose\0tanstaaf")));
    assert!(matches!(asked, Question::Password { authorization: Some(other), .. } if other == "admin"));
    assert_eq!(failure(exchange.answer(Answer::Refused)), Failure::Refused);
}

// LOGIN-1.02, 5034-4.08: clients of LOGIN may send the name at once, those of CRAM-MD5 must not.
#[test]
fn initial_responses_of_server_first_mechanisms() {
    let mut login = exchange(Mechanism::Login);
    assert_eq!(challenge(login.begin(Some(b"tim"))), b"Password:");
    let asked = question(login.respond(b"tanstaaf"));
    assert!(matches!(asked, Question::Password { name, .. } if name == "tim"));
    malformed(Mechanism::Login, b"");
    malformed(Mechanism::CramMd5, b"u");
    malformed(Mechanism::CramMd5, b"");
}

// 5034-4.05
#[test]
fn client_first_mechanisms_ask_for_nothing() {
    for mechanism in Mechanism::ALL {
        let first = challenge(exchange(mechanism).begin(None));
        assert_eq!(first.is_empty(), mechanism.is_client_first(), "{mechanism}");
    }
}

// 2195-2.01, 2195-2.02
#[test]
fn cram_md5_with_odd_names_and_digests() {
    let begun = || {
        let mut exchange = exchange(Mechanism::CramMd5);
        assert_eq!(challenge(exchange.begin(None)), b"<SERVER@localhost>");
        exchange
    };
    let asked = question(begun().respond(b"a b 0123456789abcdef0123456789abcdef"));
    let Question::CramMd5(digest) = asked else { panic!("no question for a digest") };
    assert_eq!(digest.name(), "a b");
    assert!(!digest.prove(b"secret"));
    for response in [
        b"".as_slice(),
        b"tim",
        b"tim ",
        b" 0123456789abcdef0123456789abcdef",
        b"tim 0123456789abcdef0123456789abcde",
        b"tim 0123456789abcdef0123456789abcdef0",
        b"tim 0123456789abcdef0123456789abcdef00",
        b"tim 0123456789ABCDEF0123456789abcdef",
        b"tim 0123456789abcdeg0123456789abcdef",
        b"t\0m 0123456789abcdef0123456789abcdef",
    ] {
        let failure = failure(begun().respond(response));
        assert!(matches!(failure, Failure::Malformed(_)), "{}", response.escape_ascii());
    }
}

// 2195-2.02: a secret longer than a block of MD5 is hashed first. By Python's hmac.
#[test]
fn cram_md5_with_a_long_secret() {
    let mut exchange = exchange(Mechanism::CramMd5);
    challenge(exchange.begin(None));
    let asked = question(exchange.respond(b"tim 43fef4c74a174d4c59c99dfea89e6c77"));
    let Question::CramMd5(digest) = asked else { panic!("no question for a digest") };
    assert!(digest.prove(&[b'k'; 100]));
    assert!(!digest.prove(&[b'k'; 99]));
}

// 2195-2.01: most clients take the secret as it was typed, some prepare it. By Python's hmac.
#[test]
fn cram_md5_with_a_secret_that_preparation_changes() {
    for response in ["tim 341965c67e4d150d9a507f63bb311a86", "tim 5b528c25ea73c1e7dce331c47297a028"] {
        let mut exchange = exchange(Mechanism::CramMd5);
        challenge(exchange.begin(None));
        let asked = question(exchange.respond(response.as_bytes()));
        let Question::CramMd5(digest) = asked else { panic!("no question for a digest") };
        assert!(digest.prove("tan\u{ad}staaf".as_bytes()));
        assert!(!digest.prove(b"tan-staaf"));
    }
}

// 5802-5.05, 5802-5.06
#[test]
fn scram_firsts_that_are_none() {
    for message in [
        "",
        "n",
        "n,",
        "n,,",
        "x,,n=user,r=abc",
        "p=,,n=user,r=abc",
        "n,user,n=user,r=abc",
        "n,a=,n=user,r=abc",
        "n,,m=x,n=user,r=abc",
        "n,,n=user,m=x,r=abc",
        "n,,n=user,r=abc,m=x",
        "n,,r=abc,n=user",
        "n,,n=user",
        "n,,n=,r=abc",
        "n,,n=a=2c,r=abc",
        "n,,n=a=4D,r=abc",
        "n,,n=a=,r=abc",
        "n,,n=a==2C,r=abc",
        "n,,n=user,r=",
        "n,,n=user,r=a b",
        "n,,n=user,r=ä",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,x",
        "n,,n=user,r=abc,x=",
        "n,,n=user,r=abc,1=x",
        "n,,n=us\u{7}er,r=abc",
    ] {
        malformed(Mechanism::ScramSha256, message.as_bytes());
    }
    malformed(Mechanism::ScramSha256, b"n,,n=\xff,r=abc");
    let long = "x".repeat(256);
    malformed(Mechanism::ScramSha256, format!("n,,n={long},r=abc").as_bytes());
    malformed(Mechanism::ScramSha256, format!("n,,n=user,r={long}x").as_bytes());
    malformed(Mechanism::ScramSha256, format!("n,,n=user,r=abc{}", ",x=y".repeat(17)).as_bytes());
    malformed(Mechanism::ScramSha256, format!("n,,n=user,r=abc,x={}", "y".repeat(4096)).as_bytes());
    malformed(Mechanism::ScramSha256, &[0; 5000]);
}

// 5802-5.05, 5802-5.06
#[test]
fn scram_firsts_with_escapes_and_extensions() {
    let message = "n,a=x=3Dy,n=a=2Cb=3Dc,r=abc,x=y,z==,";
    let asked =
        question(exchange(Mechanism::ScramSha512).begin(Some(&message.as_bytes()[..message.len() - 1])));
    let Question::Keys { name, authorization, hash } = asked else { panic!("no question for keys") };
    assert_eq!((name.as_str(), authorization.as_deref(), hash), ("a,b=c", Some("x=y"), Hash::Sha512));
}

// 5802-6.01, 5802-6.02, 5929-3.01
#[test]
fn bindings_that_do_not_suit() {
    let bindings = ChannelBindings::none().with_exporter([1; 32]);
    let plus = setup().with_bindings(bindings).with_plus_offered(true);
    for (mechanism, flag) in [
        (Mechanism::ScramSha256Plus, "n"),
        (Mechanism::ScramSha256Plus, "y"),
        (Mechanism::ScramSha256Plus, "p=foo"),
        (Mechanism::ScramSha256Plus, "p=tls-unique"),
        (Mechanism::ScramSha256Plus, "p=TLS-EXPORTER"),
        (Mechanism::ScramSha256Plus, "p=tls-server-end-point"),
        (Mechanism::ScramSha256, "p=tls-exporter"),
        (Mechanism::ScramSha256, "y"),
    ] {
        let message = format!("{flag},,n=user,r=abc");
        let failure = failure(Exchange::new(mechanism, plus.clone()).begin(Some(message.as_bytes())));
        assert!(matches!(failure, Failure::Binding(_)), "{mechanism} {flag}: {failure:?}");
        assert!(!failure.is_refusal());
    }
    for (mechanism, flag, setup) in [
        (Mechanism::ScramSha256Plus, "p=tls-exporter", plus.clone()),
        (Mechanism::ScramSha256, "n", plus),
        (Mechanism::ScramSha256, "y", setup()),
        (Mechanism::ScramSha256, "n", setup()),
    ] {
        let message = format!("{flag},,n=user,r=abc");
        question(Exchange::new(mechanism, setup).begin(Some(message.as_bytes())));
    }
    let absent = failure(exchange(Mechanism::ScramSha256Plus).begin(Some(b"p=tls-exporter,,n=user,r=abc")));
    assert!(matches!(absent, Failure::Binding(_)));
}

// 5802-5.03, 5802-6.01
#[test]
fn scram_finals_that_are_none() {
    let proof = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (message, binding) in [
        (String::new(), false),
        ("c=biws,r=abcSERVER".to_string(), false),
        (format!("c=biws,r=abc,p={proof}"), false),
        (format!("c=biws,r=abcSERVERx,p={proof}"), false),
        (format!("c=biws,r=SERVERabc,p={proof}"), false),
        (format!("r=abcSERVER,c=biws,p={proof}"), false),
        (format!("c=biws,r=abcSERVER,m=x,p={proof}"), false),
        ("c=biws,r=abcSERVER,p=AAAA".to_string(), false),
        ("c=biws,r=abcSERVER,p=".to_string(), false),
        (format!("c=biws,r=abcSERVER,p={}", proof.trim_end_matches('=')), false),
        (format!("c=biws,r=abcSERVER,p= {proof}"), false),
        (format!("c=biws,r=abcSERVER,p={proof},x=y"), false),
        // y,, and n,a=other, and nothing.
        (format!("c=eSws,r=abcSERVER,p={proof}"), true),
        (format!("c=bixhPW90aGVyLA==,r=abcSERVER,p={proof}"), true),
        (format!("c=,r=abcSERVER,p={proof}"), true),
    ] {
        let mut exchange = exchange(Mechanism::ScramSha256);
        question(exchange.begin(Some(b"n,,n=user,r=abc")));
        challenge(exchange.answer(Answer::Keys(Some(keys()))));
        let failure = failure(exchange.respond(message.as_bytes()));
        assert_eq!(matches!(failure, Failure::Binding(_)), binding, "{message}: {failure:?}");
        assert_eq!(matches!(failure, Failure::Malformed(_)), !binding, "{message}: {failure:?}");
    }
}

// 5802-6.03: who does not exist is not told from who does.
#[test]
fn users_who_do_not_exist() {
    let proof = b"c=biws,r=abcSERVER,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let run = |name: &str, mechanism: Mechanism, answer: Answer, setup: Setup| {
        let mut exchange = Exchange::new(mechanism, setup);
        question(exchange.begin(Some(format!("n,,n={name},r=abc").as_bytes())));
        let challenge = challenge(exchange.answer(answer));
        let challenge = String::from_utf8(challenge).expect("text");
        let failure = (mechanism == Mechanism::ScramSha256).then(|| failure(exchange.respond(proof)));
        (challenge, failure)
    };
    let salt = |challenge: &str| challenge.split(',').nth(1).expect("a salt").to_string();
    let sha256 = Mechanism::ScramSha256;
    let (real, wrong) = run("user", sha256, Answer::Keys(Some(keys())), setup());
    let (absent, failed) = run("nobody", sha256, Answer::Keys(None), setup());
    assert_eq!((wrong, failed), (Some(Failure::Refused), Some(Failure::Refused)));
    assert_eq!(real.len(), absent.len());
    assert_eq!(salt(&absent).len(), "s=".len() + SALT_OCTETS.div_ceil(3) * 4);
    // The same again, with another nonce too, but not for another name, hash or secret.
    let later = Setup::new(Nonce::from_text("LATER").expect("a nonce"), "a key that nobody knows");
    let (again, _) = run("nobody", Mechanism::ScramSha256, Answer::Refused, setup());
    assert_eq!(again, absent);
    let mut exchange = Exchange::new(sha256, later);
    question(exchange.begin(Some(b"n,,n=nobody,r=xyz")));
    let text = String::from_utf8(challenge(exchange.answer(Answer::Keys(None)))).expect("text");
    assert_eq!(salt(&text), salt(&absent));
    let elsewhere = Setup::new(Nonce::from_text("SERVER").expect("a nonce"), "another key");
    for (other, _) in [
        run("nobody2", sha256, Answer::Keys(None), setup()),
        run("nobody", Mechanism::ScramSha1, Answer::Keys(None), setup()),
        run("nobody", sha256, Answer::Keys(None), elsewhere),
    ] {
        assert_ne!(salt(&other), salt(&absent));
    }
    let (other, _) = run("nobody", sha256, Answer::Keys(None), setup().with_fake_iterations(10_000));
    assert!(other.ends_with(",i=10000"));
}

#[test]
fn fake_keys_open_nothing() {
    let fake = Keys::fake(Hash::Sha1, b"secret", "nobody", 1);
    assert_eq!(fake.iterations(), 4096);
    assert!(!fake.verify_password(b""));
    assert!(!fake.verify_password(b"nobody"));
}

// 7628-3.01, 7628-3.03
#[test]
fn oauthbearer_that_is_none() {
    for message in [
        "",
        "\x01",
        "n,,",
        "n,,\x01\x01",
        "n,,\x01auth=Bearer tok\x01",
        "n,,auth=Bearer tok\x01\x01",
        "n,,\x01auth=Basic tok\x01\x01",
        "n,,\x01auth=tok\x01\x01",
        "n,,\x01auth=Bearer \x01\x01",
        "n,,\x01auth=Bearer t\u{e4}k\x01\x01",
        "n,,\x01auth=Bearer to\0k\x01\x01",
        "n,,\x01auth=Bearer a b\x01\x01",
        "n,,\x01auth=Bearer =\x01\x01",
        "n,,\x01auth=Bearer tok\x01auth=Bearer tok\x01\x01",
        "n,,\x01auth\x01\x01",
        "n,,\x01=x\x01auth=Bearer tok\x01\x01",
        "n,,\x01a1=x\x01auth=Bearer tok\x01\x01",
        "n,,\x01host=other.example\x01auth=Bearer tok\x01\x01",
        "n,,\x01host=\x01auth=Bearer tok\x01\x01",
        "n,,\x01port=110\x01auth=Bearer tok\x01\x01",
        "n,,\x01port=0995\x01auth=Bearer tok\x01\x01",
        "n,,\x01port=66531\x01auth=Bearer tok\x01\x01",
        "n,,\x01port=x\x01auth=Bearer tok\x01\x01",
        "n,a=u\x07,\x01auth=Bearer tok\x01\x01",
        "n,a=a=b,\x01auth=Bearer tok\x01\x01",
        "x,,\x01auth=Bearer tok\x01\x01",
    ] {
        let setup = setup().with_hosts(["mail.example"]).with_ports([995]);
        let failure = failure(Exchange::new(Mechanism::OAuthBearer, setup).begin(Some(message.as_bytes())));
        assert!(matches!(failure, Failure::Malformed(_)), "{message:?}: {failure:?}");
    }
    malformed(Mechanism::OAuthBearer, b"n,a=\xff,\x01auth=Bearer tok\x01\x01");
    let bound =
        failure(exchange(Mechanism::OAuthBearer).begin(Some(b"p=tls-exporter,,\x01auth=Bearer t\x01\x01")));
    assert!(matches!(bound, Failure::Binding(_)));
}

// 7628-3.01
#[test]
fn oauthbearer_in_all_forms() {
    for (message, wanted) in [
        ("n,,\x01auth=Bearer tok\x01\x01", None),
        ("y,,\x01auth=BeArEr tok==\x01\x01", None),
        ("n,a=fred,\x01auth=bearer tok\x01\x01", Some("fred")),
        (
            "n,a=a=2Cb,\x01qs=x=y\x01host=MAIL.example\x01foo=\x01auth=Bearer t\x01port=995\x01\x01",
            Some("a,b"),
        ),
    ] {
        let setup = setup().with_hosts(["mail.example"]).with_ports([110, 995]);
        let asked = question(Exchange::new(Mechanism::OAuthBearer, setup).begin(Some(message.as_bytes())));
        let Question::Token { name, .. } = asked else { panic!("no question for a token") };
        assert_eq!(name.as_deref(), wanted, "{message:?}");
    }
}

// 5034-4.14
#[test]
fn long_tokens() {
    let token = "t".repeat(11 * 1024);
    let message = format!("user=fred\x01auth=Bearer {token}\x01\x01");
    let asked = question(exchange(Mechanism::XOAuth2).begin(Some(message.as_bytes())));
    assert!(matches!(asked, Question::Token { token: found, .. } if found.same_octets(token.as_bytes())));
    let message = format!("user=fred\x01auth=Bearer {token}x\x01\x01");
    malformed(Mechanism::XOAuth2, message.as_bytes());
    let mut later = exchange(Mechanism::XOAuth2);
    challenge(later.begin(None));
    assert_eq!(later.max_message(), 12_288);
    assert_eq!(failure(later.respond(&[b't'; 12_289])), Failure::Malformed("too long"));
}

// XOA-1.01
#[test]
fn xoauth2_that_is_none() {
    for message in [
        "",
        "user=fred",
        "user=fred\x01auth=Bearer tok\x01",
        "user=\x01auth=Bearer tok\x01\x01",
        "auth=Bearer tok\x01user=fred\x01\x01",
        "user=fred\x01auth=Bearer tok\x01x=y\x01\x01",
        "user=fred\x01auth=Basic tok\x01\x01",
        "user=fr\ted\x01auth=Bearer tok\x01\x01",
    ] {
        malformed(Mechanism::XOAuth2, message.as_bytes());
    }
}

// EXT-1.01
#[test]
fn external_with_bad_names() {
    for message in [b"\0".as_slice(), b"fred\0", b"a\nb", b"\xff", &[b'x'; 256]] {
        malformed(Mechanism::External, message);
    }
    let mut exchange = exchange(Mechanism::External);
    question(exchange.begin(Some(b"fred")));
    assert_eq!(failure(exchange.answer(Answer::Refused)), Failure::Refused);
}

// 4505-2.01
#[test]
fn anonymous_with_traces() {
    for trace in ["", "sirhc", "someone@example.com", "\u{16a0} \u{16a1}", &"\u{e9}".repeat(255)] {
        let asked = question(exchange(Mechanism::Anonymous).begin(Some(trace.as_bytes())));
        assert!(matches!(asked, Question::Anonymous { trace: found } if found == trace));
    }
    for trace in ["a\nb", "\u{85}", "\u{e000}", "\u{fffd}", "\u{202e}", &"x".repeat(256), "\u{627}1"] {
        malformed(Mechanism::Anonymous, trace.as_bytes());
    }
    malformed(Mechanism::Anonymous, b"\xff");
}

// 5034-4.11
#[test]
fn cancelling_tells_nothing_about_the_credentials() {
    for mechanism in Mechanism::ALL {
        let mut exchange = exchange(mechanism);
        challenge(exchange.begin(None));
        assert_eq!(failure(exchange.cancel()), Failure::Cancelled);
        assert_eq!(exchange.cancel().unwrap_err(), Misuse::Over);
    }
    let mut exchange = exchange(Mechanism::Plain);
    question(exchange.begin(Some(b"\0u\0p")));
    assert_eq!(failure(exchange.cancel()), Failure::Cancelled);
}

// 5034-4.17
#[test]
fn the_answer_to_our_proof_is_empty() {
    for (response, done) in [(b"".as_slice(), true), (b"=", false), (b"\0", false)] {
        let mut client = client();
        let mut exchange = exchange(Mechanism::ScramSha256);
        let first = client.take_initial().expect("a first message");
        question(exchange.begin(Some(first.expose())));
        let salt = challenge(exchange.answer(Answer::Keys(Some(keys()))));
        let proof = client.respond(&salt).expect("a proof");
        challenge(exchange.respond(proof.expose()));
        let end = exchange.respond(response).expect("in turn");
        assert_eq!(matches!(end, Step::Done(_)), done, "{end:?}");
    }
}

fn client() -> pop3_sasl::client::Exchange {
    use pop3_sasl::client::{Credentials, Exchange, Setup};
    let credentials = Credentials::new("user").with_password("pencil");
    let setup = Setup::new(Nonce::from_random([9; 18]));
    Exchange::new(Mechanism::ScramSha256, &credentials, &setup).expect("usable")
}

// 3206-5.03
#[test]
fn a_fault_is_not_a_refusal() {
    for (mechanism, message) in [
        (Mechanism::Plain, b"\0u\0p".as_slice()),
        (Mechanism::ScramSha1, b"n,,n=user,r=abc"),
        (Mechanism::XOAuth2, b"user=u\x01auth=Bearer t\x01\x01"),
        (Mechanism::External, b""),
    ] {
        let mut exchange = exchange(mechanism);
        question(exchange.begin(Some(message)));
        let failure = failure(exchange.answer(Answer::Unavailable));
        assert_eq!(failure, Failure::Unavailable);
        assert!(!failure.is_refusal());
    }
}

#[test]
fn misuse_changes_nothing() {
    let mut exchange = exchange(Mechanism::ScramSha256);
    assert_eq!(exchange.respond(b"").unwrap_err(), Misuse::NotTheClient);
    assert_eq!(exchange.answer(Answer::Granted).unwrap_err(), Misuse::NotAsked);
    challenge(exchange.begin(None));
    assert_eq!(exchange.begin(None).unwrap_err(), Misuse::Begun);
    assert_eq!(exchange.answer(Answer::Keys(None)).unwrap_err(), Misuse::NotAsked);
    let mut client = client();
    let first = client.take_initial().expect("a first message");
    question(exchange.respond(first.expose()));
    assert_eq!(exchange.respond(b"").unwrap_err(), Misuse::NotTheClient);
    assert_eq!(exchange.answer(Answer::Granted).unwrap_err(), Misuse::NotAsked);
    assert_eq!(exchange.answer(Answer::GrantedAs("x".into())).unwrap_err(), Misuse::NotAsked);
    let other = Keys::derive(Hash::Sha1, b"pencil", &[1; 16], 4096).expect("keys");
    assert_eq!(exchange.answer(Answer::Keys(Some(other))).unwrap_err(), Misuse::WrongHash);
    let salt = challenge(exchange.answer(Answer::Keys(Some(keys()))));
    let proof = client.respond(&salt).expect("a proof");
    let ours = challenge(exchange.respond(proof.expose()));
    client.respond(&ours).expect("a server that knows the keys");
    assert_eq!(identity(exchange.respond(b"")).acts_as(), Some("user"));
    assert_eq!(exchange.respond(b"").unwrap_err(), Misuse::Over);
    assert_eq!(exchange.begin(None).unwrap_err(), Misuse::Over);
    assert_eq!(exchange.answer(Answer::Keys(None)).unwrap_err(), Misuse::Over);

    let mut plain = self::exchange(Mechanism::Plain);
    question(plain.begin(Some(b"\0u\0p")));
    assert_eq!(plain.answer(Answer::Keys(None)).unwrap_err(), Misuse::NotAsked);
    identity(plain.answer(Answer::Granted));
}

#[test]
fn keys_that_are_none() {
    let salt = [1; 16];
    let derive =
        |password: &[u8], salt: &[u8], count| Keys::derive(Hash::Sha1, password, salt, count).map(drop);
    assert_eq!(derive(b"p", &salt, 4095), Err(KeysError::Iterations));
    assert_eq!(derive(b"p", &salt, MAX_ITERATIONS + 1), Err(KeysError::Iterations));
    assert_eq!(derive(b"p", &[], 4096), Err(KeysError::Salt));
    assert_eq!(derive(b"p", &[0; 129], 4096), Err(KeysError::Salt));
    assert_eq!(derive(b"", &salt, 4096), Err(KeysError::Password));
    assert_eq!(derive(b"\xff", &salt, 4096), Err(KeysError::Password));
    assert_eq!(derive(b"a\0", &salt, 4096), Err(KeysError::Password));
    assert_eq!(derive(&[b'p'; 1025], &salt, 4096), Err(KeysError::Password));
    let good = "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=";
    assert!(Keys::parse(good.as_bytes()).expect("keys").verify_password(b"pencil"));
    for (from, to, error) in [
        ("SHA-1", "SHA-2", KeysError::Hash),
        ("SCRAM", "scram", KeysError::Hash),
        ("4096", "1", KeysError::Iterations),
        ("4096", "04096", KeysError::Iterations),
        ("4096", "+4096", KeysError::Iterations),
        ("4096", "99999999999", KeysError::Iterations),
        ("QSXCR+Q6sek8bf92", "", KeysError::Salt),
        ("QSXCR+Q6sek8bf92", "QSXCR+Q6sek8bf9", KeysError::Syntax),
        ("6dlGYMOdZcOPutkcNY8U2g7vK9Y=", "AAAA", KeysError::Length),
        ("D+CSWLOshSulAsxiupA+qs2/fTE=", "AAAA", KeysError::Length),
        ("TE=", "TE", KeysError::Syntax),
        ("TE=", "TE=$", KeysError::Syntax),
        (":D", "$D", KeysError::Syntax),
        ("$6", ":6", KeysError::Syntax),
    ] {
        let text = good.replacen(from, to, 1);
        assert_eq!(Keys::parse(text.as_bytes()).map(drop), Err(error), "{text}");
    }
    assert_eq!(Keys::parse(b"\xff").map(drop), Err(KeysError::Syntax));
    assert_eq!(Keys::parse(&[b'$'; 1025]).map(drop), Err(KeysError::Syntax));
}

// 5034-4.30
#[test]
fn nothing_secret_is_printed() {
    let mut plain = exchange(Mechanism::Plain);
    let asked = plain.begin(Some(b"\0user\0pencil"));
    let mut scram = Exchange::new(
        Mechanism::ScramSha256Plus,
        setup().with_bindings(ChannelBindings::none().with_exporter(*b"EXPORTEREXPORTEREXPORTEREXPORTER")),
    );
    question(scram.begin(Some(b"p=tls-exporter,,n=user,r=abc")));
    let challenged = scram.answer(Answer::Keys(Some(keys())));
    let text = keys().to_text();
    let printed =
        format!("{asked:?} {plain:?} {challenged:?} {scram:?} {:?} {text:?}", Answer::Keys(Some(keys())));
    for secret in ["pencil", "a key that nobody knows", "EXPORTER", "SCRAM-SHA-256$"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
        let octets = format!("{:?}", secret.as_bytes());
        assert!(!printed.contains(octets.trim_matches(['[', ']'])), "{secret} in {printed}");
    }
    assert_eq!(format!("{:?}", Secret::from("pencil")), "Secret(***)");
}
