//! SCRAM.

use pop3_sasl::scram::{Hash, Keys, SALT_OCTETS};
use pop3_sasl::server::{Decision, Failure, Question, ServerExchange, ServerSetup};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce};

use crate::support::{challenge, exchange, failure, keys, malformed, question, setup};
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
        let failure = failure(ServerExchange::new(mechanism, plus.clone()).begin(Some(message.as_bytes())));
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
        question(ServerExchange::new(mechanism, setup).begin(Some(message.as_bytes())));
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
        challenge(exchange.answer(Decision::Keys(Some(keys()))));
        let failure = failure(exchange.respond(message.as_bytes()));
        assert_eq!(matches!(failure, Failure::Binding(_)), binding, "{message}: {failure:?}");
        assert_eq!(matches!(failure, Failure::Malformed(_)), !binding, "{message}: {failure:?}");
    }
}

// 5802-6.03: a user who does not exist cannot be distinguished from one who does.
#[test]
fn users_who_do_not_exist() {
    let proof = b"c=biws,r=abcSERVER,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let run = |name: &str, mechanism: Mechanism, answer: Decision, setup: ServerSetup| {
        let mut exchange = ServerExchange::new(mechanism, setup);
        question(exchange.begin(Some(format!("n,,n={name},r=abc").as_bytes())));
        let challenge = challenge(exchange.answer(answer));
        let challenge = String::from_utf8(challenge).expect("text");
        let failure = (mechanism == Mechanism::ScramSha256).then(|| failure(exchange.respond(proof)));
        (challenge, failure)
    };
    let salt = |challenge: &str| challenge.split(',').nth(1).expect("a salt").to_string();
    let sha256 = Mechanism::ScramSha256;
    let (real, wrong) = run("user", sha256, Decision::Keys(Some(keys())), setup());
    let (absent, failed) = run("nobody", sha256, Decision::Keys(None), setup());
    assert_eq!((wrong, failed), (Some(Failure::Refused), Some(Failure::Refused)));
    assert_eq!(real.len(), absent.len());
    assert_eq!(salt(&absent).len(), "s=".len() + SALT_OCTETS.div_ceil(3) * 4);
    // The same again, even with another nonce, but not for another name, hash or secret.
    let later = ServerSetup::new(Nonce::from_text("LATER").expect("a nonce"), "a key that nobody knows");
    let (again, _) = run("nobody", Mechanism::ScramSha256, Decision::Refused, setup());
    assert_eq!(again, absent);
    let mut exchange = ServerExchange::new(sha256, later);
    question(exchange.begin(Some(b"n,,n=nobody,r=xyz")));
    let text = String::from_utf8(challenge(exchange.answer(Decision::Keys(None)))).expect("text");
    assert_eq!(salt(&text), salt(&absent));
    let elsewhere = ServerSetup::new(Nonce::from_text("SERVER").expect("a nonce"), "another key");
    for (other, _) in [
        run("nobody2", sha256, Decision::Keys(None), setup()),
        run("nobody", Mechanism::ScramSha1, Decision::Keys(None), setup()),
        run("nobody", sha256, Decision::Keys(None), elsewhere),
    ] {
        assert_ne!(salt(&other), salt(&absent));
    }
    let (other, _) = run("nobody", sha256, Decision::Keys(None), setup().with_decoy_iterations(10_000));
    assert!(other.ends_with(",i=10000"));
}

#[test]
fn fake_keys_open_nothing() {
    let fake = Keys::decoy(Hash::Sha1, b"secret", "nobody", 1);
    assert_eq!(fake.iterations(), 4096);
    assert!(!fake.verify_password(b""));
    assert!(!fake.verify_password(b"nobody"));
}
