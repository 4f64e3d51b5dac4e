//! The examples of the RFCs, octet by octet, in both roles.

use base64ct::{Base64, Encoding};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials, ExchangeError};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{self, Decision, ExchangeStep, Question, TokenRefusal, TokenStatus};
use pop3_sasl::{Mechanism, Nonce};

fn nonce(text: &str) -> Nonce {
    Nonce::from_text(text).expect("a nonce")
}

fn client(mechanism: Mechanism, credentials: &Credentials, text: &str) -> ClientExchange {
    ClientExchange::new(mechanism, credentials, &ClientSetup::new(nonce(text))).expect("usable")
}

fn server(mechanism: Mechanism, text: &str) -> server::ServerExchange {
    let setup = server::ServerSetup::new(nonce(text), "decoy key").with_hosts(["postoffice.reston.mci.net"]);
    server::ServerExchange::new(mechanism, setup)
}

#[track_caller]
fn challenge(step: ExchangeStep) -> Vec<u8> {
    let ExchangeStep::Challenge(octets) = step else { panic!("{step:?}") };
    octets.into_inner()
}

#[track_caller]
fn question(step: ExchangeStep) -> Question {
    let ExchangeStep::Ask(question) = step else { panic!("{step:?}") };
    question
}

#[track_caller]
fn initial(exchange: &mut ClientExchange) -> Vec<u8> {
    exchange.take_initial().expect("an initial response").into_inner()
}

/// Runs an exchange of SCRAM whose messages are all known.
fn scram(
    mechanism: Mechanism,
    (user, password): (&str, &str),
    (client_nonce, server_nonce): (&str, &str),
    salt: &str,
    [client_first, server_first, client_final, server_final]: [&str; 4],
) {
    let hash = mechanism.scram_hash().expect("SCRAM");
    let mut client = client(mechanism, &Credentials::new(user).with_password(password), client_nonce);
    let mut server = server(mechanism, server_nonce);
    let salt = Base64::decode_vec(salt).expect("base64");

    let message = initial(&mut client);
    assert_eq!(message, client_first.as_bytes());
    let Question::Keys { name, authorization, hash: wanted } =
        question(server.begin(Some(&message)).expect("begun"))
    else {
        panic!("no question for keys");
    };
    assert_eq!((name.as_str(), authorization, wanted), (user, None, hash));
    let keys = Keys::derive(hash, password.as_bytes(), &salt, 4096).expect("keys");
    let message = challenge(server.answer(Decision::Keys(Some(keys))).expect("asked"));
    assert_eq!(message, server_first.as_bytes());

    let message = client.respond(&message).expect("a proof");
    assert_eq!(message.expose(), client_final.as_bytes());
    assert_eq!(client.finish(), Err(ExchangeError::NotVerified));
    let message = challenge(server.respond(message.expose()).expect("in turn"));
    assert_eq!(message, server_final.as_bytes());

    let message = client.respond(&message).expect("a server that knows the keys");
    assert!(message.is_empty());
    assert_eq!(client.finish(), Ok(()));
    let step = server.respond(message.expose()).expect("in turn");
    let ExchangeStep::Done(identity) = step else { panic!("{step:?}") };
    assert_eq!((identity.mechanism, identity.acts_as()), (mechanism, Some(user)));
}

// 5802-5.01
#[test]
fn scram_sha_1_of_rfc_5802_section_5() {
    scram(
        Mechanism::ScramSha1,
        ("user", "pencil"),
        ("fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j"),
        "QSXCR+Q6sek8bf92",
        [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    );
}

// 5802-5.01, 5034-4.17
#[test]
fn scram_sha_256_of_rfc_7677_section_3() {
    scram(
        Mechanism::ScramSha256,
        ("user", "pencil"),
        ("rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    );
}

/// No RFC contains an example of SCRAM-SHA-512. This one was computed with the `hmac` and `hashlib` of
/// Python.
#[test]
fn scram_sha_512_computed_elsewhere() {
    scram(
        Mechanism::ScramSha512,
        ("user", "pencil"),
        ("rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
            "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
        ],
    );
}

// 5802-6.01, 9266-2.01: the header and the octets of the binding are in `c=`.
#[test]
fn scram_sha_256_plus_computed_elsewhere() {
    let bindings = pop3_sasl::ChannelBindings::none().with_exporter([7; 32]);
    let credentials = Credentials::new("user").with_password("pencil");
    let setup = ClientSetup::new(nonce("rOprNGfwEbeRWgbNEkqO")).with_bindings(bindings);
    let mut client = ClientExchange::new(Mechanism::ScramSha256Plus, &credentials, &setup).expect("usable");
    assert_eq!(initial(&mut client), b"p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let server_first =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let proof = client.respond(server_first).expect("a proof");
    let expected = "c=cD10bHMtZXhwb3J0ZXIsLAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=R2bHiXqaT4RLSd/UZxfg2gBdXS2SdQOUTTLyTSXHnZA=";
    assert_eq!(core::str::from_utf8(proof.expose()), Ok(expected));
}

// 2195-2.01
#[test]
fn cram_md5_of_rfc_2195_section_2() {
    let mut server = server(Mechanism::CramMd5, "1896.697170952");
    let message = challenge(server.begin(None).expect("begun"));
    assert_eq!(message, b"<1896.697170952@postoffice.reston.mci.net>");
    let credentials = Credentials::new("tim").with_password("tanstaaftanstaaf");
    let mut client = client(Mechanism::CramMd5, &credentials, "x");
    assert!(client.initial().is_none());
    let message = client.respond(&message).expect("an answer");
    assert_eq!(message.expose(), b"tim b913a602c7eda7a495b4e6e7334d3890");
    assert_eq!(Base64::encode_string(message.expose()), "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
    let Question::CramMd5(digest) = question(server.respond(message.expose()).expect("in turn")) else {
        panic!("no question for a digest");
    };
    assert_eq!(digest.name(), "tim");
    assert!(digest.prove(b"tanstaaftanstaaf"));
    assert!(!digest.prove(b"tanstaaftanstaag"));
    assert!(!digest.prove(b""));
    let step = server.answer(Decision::Granted).expect("asked");
    assert!(matches!(step, ExchangeStep::Done(user) if user.name.as_deref() == Some("tim")));
}

// 4616-2.01, 4616-2.03, 5034-4.01
#[test]
fn plain_of_rfc_4616_section_4_and_rfc_5034_section_6() {
    for (encoded, authorization, name, password) in [
        ("AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "", "tim", "tanstaaftanstaaf"),
        ("VXJzZWwAS3VydAB4aXBqM3BsbXE=", "Ursel", "Kurt", "xipj3plmq"),
        ("dGVzdAB0ZXN0AHRlc3Q=", "test", "test", "test"),
        ("AGpvc8OpAHDDpHNz", "", "josé", "päss"),
        ("AG1yb3NlAHRhbnN0YWFm", "", "mrose", "tanstaaf"),
    ] {
        let credentials = Credentials::new(name).with_password(password).with_authorization(authorization);
        let mut client = client(Mechanism::Plain, &credentials, "x");
        let message = initial(&mut client);
        assert_eq!(Base64::encode_string(&message), encoded);
        let mut server = server(Mechanism::Plain, "x");
        let asked = question(server.begin(Some(&message)).expect("begun"));
        let Question::Password { name: found, authorization: other, password: found_password } = asked else {
            panic!("no question for a password");
        };
        assert_eq!(found, name);
        // Acting as oneself is not acting as another user.
        let wanted = Some(authorization).filter(|other| !other.is_empty() && *other != name);
        assert_eq!(other.as_deref(), wanted);
        assert!(found_password.same_octets(password.as_bytes()));
        assert_eq!(client.finish(), Ok(()));
        assert!(matches!(server.answer(Decision::Granted), Ok(ExchangeStep::Done(_))));
    }
}

// 7628-3.01
#[test]
fn oauthbearer_of_rfc_7628_section_4() {
    const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
    for (port, encoded) in [
        (
            995,
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9OTk1AWF1dGg9QmVhcmVyIHZGOW\
             RmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
        ),
        (
            143,
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOW\
             RmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
        ),
    ] {
        let credentials =
            Credentials::new("user@example.com").with_token(TOKEN).with_endpoint("server.example.com", port);
        let mut client = client(Mechanism::OAuthBearer, &credentials, "x");
        let message = initial(&mut client);
        assert_eq!(Base64::encode_string(&message), encoded);
        let setup =
            server::ServerSetup::new(nonce("x"), "key").with_hosts(["SERVER.example.com"]).with_ports([port]);
        let mut server = server::ServerExchange::new(Mechanism::OAuthBearer, setup);
        let asked = question(server.begin(Some(&message)).expect("begun"));
        let Question::Token { name, token, mechanism } = asked else { panic!("no question for a token") };
        assert_eq!((name.as_deref(), mechanism), (Some("user@example.com"), Mechanism::OAuthBearer));
        assert!(token.same_octets(TOKEN.as_bytes()));
        let step = server.answer(Decision::Granted).expect("asked");
        assert!(matches!(step, ExchangeStep::Done(user) if user.acts_as() == Some("user@example.com")));
    }
}

// 7628-3.02
#[test]
fn refusal_of_oauthbearer() {
    let credentials = Credentials::new("user@example.com").with_token("expired");
    let mut client = client(Mechanism::OAuthBearer, &credentials, "x");
    let mut server = server(Mechanism::OAuthBearer, "x");
    server.begin(Some(&initial(&mut client))).expect("begun");
    let refusal = TokenRefusal::new(TokenStatus::InvalidToken).with_scope("mail");
    let json = challenge(server.answer(Decision::RefusedToken(refusal)).expect("asked"));
    assert_eq!(Base64::encode_string(&json), "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJtYWlsIn0=");
    let dummy = client.respond(&json).expect("an answer");
    assert_eq!(Base64::encode_string(dummy.expose()), "AQ==");
    assert_eq!(client.failure_details(), Some(json.as_slice()));
    assert_eq!(client.finish(), Err(ExchangeError::Premature));
    let step = server.respond(dummy.expose()).expect("in turn");
    assert!(matches!(step, ExchangeStep::Fail(server::Failure::Refused)));
}

// 7628-3.02: the example of RFC 7628 section 4.3, whose client asks which token it needs. Cancelling is a refusal, too.
#[test]
fn oauthbearer_without_a_token() {
    let refusal = TokenRefusal::default()
        .with_scope("example_scope")
        .with_openid_configuration("https://example.com/.well-known/openid-configuration");
    let setup = server::ServerSetup::new(nonce("x"), "key").with_token_refusal(refusal);
    let mut server = server::ServerExchange::new(Mechanism::OAuthBearer, setup);
    let message = Base64::decode_vec(
        "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9AQE=",
    );
    let json = challenge(server.begin(Some(&message.expect("base64"))).expect("begun"));
    assert_eq!(
        Base64::encode_string(&json),
        "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOi\
         JodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0="
    );
    let step = server.cancel().expect("in turn");
    assert!(matches!(step, ExchangeStep::Fail(server::Failure::Refused)));
}

// XOA-1.01
#[test]
fn xoauth2_of_google() {
    const TOKEN: &str = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
    let credentials = Credentials::new("someuser@example.com").with_token(TOKEN);
    let mut client = client(Mechanism::XOAuth2, &credentials, "x");
    let message = initial(&mut client);
    assert_eq!(
        Base64::encode_string(&message),
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRX\
         VZMjl0Q2cBAQ=="
    );
    let mut server = server(Mechanism::XOAuth2, "x");
    let asked = question(server.begin(Some(&message)).expect("begun"));
    let Question::Token { name, token, mechanism } = asked else { panic!("no question for a token") };
    assert_eq!((name.as_deref(), mechanism), (Some("someuser@example.com"), Mechanism::XOAuth2));
    assert!(token.same_octets(TOKEN.as_bytes()));
    assert!(matches!(server.answer(Decision::Granted), Ok(ExchangeStep::Done(_))));
}

// XOA-1.02
#[test]
fn refusal_of_xoauth2() {
    let credentials = Credentials::new("someuser@example.com").with_token("expired");
    let mut client = client(Mechanism::XOAuth2, &credentials, "x");
    let mut server = server(Mechanism::XOAuth2, "x");
    server.begin(Some(&initial(&mut client))).expect("begun");
    let refusal = TokenRefusal::default().with_scope("https://mail.google.com/");
    let json = challenge(server.answer(Decision::RefusedToken(refusal)).expect("asked"));
    assert_eq!(
        Base64::encode_string(&json),
        "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ=="
    );
    let dummy = client.respond(&json).expect("an answer");
    assert!(dummy.is_empty());
    assert_eq!(client.failure_details(), Some(json.as_slice()));
    let step = server.respond(dummy.expose()).expect("in turn");
    assert!(matches!(step, ExchangeStep::Fail(server::Failure::Refused)));
}

// EXT-1.01, 5034-4.06
#[test]
fn external_of_rfc_4422_appendix_a() {
    for (credentials, encoded, name) in [
        (
            Credentials::certificate().with_authorization("fred@example.com"),
            "ZnJlZEBleGFtcGxlLmNvbQ==",
            Some("fred@example.com"),
        ),
        (Credentials::certificate(), "", None),
    ] {
        let mut client = client(Mechanism::External, &credentials, "x");
        let message = initial(&mut client);
        assert_eq!(Base64::encode_string(&message), encoded);
        let mut server = server(Mechanism::External, "x");
        let asked = question(server.begin(Some(&message)).expect("begun"));
        let Question::Certificate { name: found } = asked else { panic!("no question for a certificate") };
        assert_eq!(found.as_deref(), name);
        let step = server.answer(Decision::GrantedAs("fred".into())).expect("asked");
        assert!(matches!(step, ExchangeStep::Done(user) if user.acts_as() == Some("fred")));
    }
}

// 4505-2.01
#[test]
fn anonymous_of_rfc_4505_section_4() {
    let mut client = client(Mechanism::Anonymous, &Credentials::anonymous("sirhc"), "x");
    let message = initial(&mut client);
    assert_eq!(Base64::encode_string(&message), "c2lyaGM=");
    let mut server = server(Mechanism::Anonymous, "x");
    assert!(challenge(server.begin(None).expect("begun")).is_empty());
    let asked = question(server.respond(&message).expect("in turn"));
    assert!(matches!(asked, Question::Anonymous { trace } if trace == "sirhc"));
    let step = server.answer(Decision::Granted).expect("asked");
    assert!(matches!(step, ExchangeStep::Done(user) if user.acts_as().is_none()));
}

// LOGIN-1.01
#[test]
fn login_of_the_draft() {
    let credentials = Credentials::new("tim").with_password("tanstaaf");
    let mut client = client(Mechanism::Login, &credentials, "x");
    assert!(client.initial().is_none());
    let mut server = server(Mechanism::Login, "x");
    let message = challenge(server.begin(None).expect("begun"));
    assert_eq!(Base64::encode_string(&message), "VXNlcm5hbWU6");
    let name = client.respond(&message).expect("the name");
    assert_eq!(name.expose(), b"tim");
    let message = challenge(server.respond(name.expose()).expect("in turn"));
    assert_eq!(Base64::encode_string(&message), "UGFzc3dvcmQ6");
    assert_eq!(client.finish(), Err(ExchangeError::Premature));
    let password = client.respond(&message).expect("the password");
    assert_eq!(password.expose(), b"tanstaaf");
    let asked = question(server.respond(password.expose()).expect("in turn"));
    assert!(matches!(asked, Question::Password { name, authorization: None, password }
        if name == "tim" && password.same_octets(b"tanstaaf")));
    assert_eq!(client.finish(), Ok(()));
    assert!(matches!(server.answer(Decision::Granted), Ok(ExchangeStep::Done(_))));
}

#[test]
fn stored_keys_as_rfc_5803_and_postgresql_write_them() {
    // Keys of the examples of RFC 5802 and RFC 7677.
    for (hash, salt, text) in [
        (
            Hash::Sha1,
            "QSXCR+Q6sek8bf92",
            "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        ),
        (
            Hash::Sha256,
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        ),
        (
            Hash::Sha512,
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "SCRAM-SHA-512$4096:W22ZaJ0SNY7soEsUEjb6gQ==$6AAub3065EYRmyFpM2RNwqK+eGnrkYuEWbXn19LsEmBqzu8QaCXNc1FwpnX9NhH2hK/60dzj9DoO5DvVkOHbvg==:jZHbYjC1aHh0/hKbxyBuGFjDrgjgKTT1esA7awWiKcRZ0o/0b1yWEebBeSVkkCFewf91nLDfKF24mvD5nmE6rA==",
        ),
    ] {
        let salt = Base64::decode_vec(salt).expect("base64");
        let keys = Keys::derive(hash, b"pencil", &salt, 4096).expect("keys");
        assert_eq!(core::str::from_utf8(keys.to_text().expose()), Ok(text));
        let read = Keys::parse(text.as_bytes()).expect("keys");
        assert_eq!(read.to_text().expose(), text.as_bytes());
        assert_eq!((read.hash(), read.iterations(), read.salt()), (hash, 4096, salt.as_slice()));
        assert!(read.verify_password(b"pencil"));
        assert!(!read.verify_password(b"pencils"));
    }
}
