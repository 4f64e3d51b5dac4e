//! The mechanisms of AUTH over the wire, with the examples of the RFCs, in the core and `pop3-sasl`.

use pop3_proto::server::ServerConfig;
use pop3_proto::{Channel, Rejection, encode_base64};
use pop3_sasl::client::{self, ClientExchange};
use pop3_sasl::{Mechanism, Nonce};
use pop3_tests::credentials::Proof;
use pop3_tests::sasl::offer;
use pop3_tests::server::Server;
use pop3_tests::store::{Fault, Store, TOKEN};

const ALL: [&str; 10] = [
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-512",
    "XOAUTH2",
    "OAUTHBEARER",
    "EXTERNAL",
    "ANONYMOUS",
];

fn with(store: Store) -> Server {
    let mut config = ServerConfig::default();
    config.mechanisms = offer(&ALL);
    let mut server = Server::with(store, config, Channel::Tls, None);
    server.take();
    server
}

fn new() -> Server {
    with(Store::fixture())
}

fn base64(octets: impl AsRef<[u8]>) -> String {
    String::from_utf8(encode_base64(octets.as_ref()).expose().clone()).unwrap()
}

fn named(name: &[u8], password: &[u8]) -> Server {
    let mut store = Store::fixture();
    (store.name, store.password) = (name.to_vec(), password.to_vec());
    with(store)
}

fn failed(server: &Server) -> u32 {
    server.connection().session().totals().failed_logins
}

// 4616-2.01, 5034-4.21
#[test]
fn plain_is_two_or_three_fields_of_up_to_255_octets() {
    for message in ["\0mrose\0tanstaaf", "mrose\0mrose\0tanstaaf"] {
        assert!(new().say(&format!("AUTH PLAIN {}", base64(message))).starts_with("+OK "), "{message:?}");
        let mut server = new();
        assert_eq!(server.say("AUTH PLAIN"), "+ \r\n");
        assert!(server.say(&base64(message)).starts_with("+OK "), "{message:?}");
    }
    let long = "x".repeat(255);
    let message = base64(format!("{long}\0{long}\0{long}"));
    assert!(
        named(long.as_bytes(), long.as_bytes()).say(&format!("AUTH PLAIN {message}")).starts_with("+OK ")
    );
    // RFC 5034 section 6.
    assert!(named(b"test", b"test").say("AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=").starts_with("+OK "));
    // Names and passwords in AUTH are UTF-8, whether or not UTF8 is announced.
    let mut server = named("jos\u{e9}".as_bytes(), "p\u{e4}ss".as_bytes());
    assert!(server.say("AUTH PLAIN AGpvc8OpAHDDpHNz").starts_with("+OK "));
}

// 4616-2.02
#[test]
fn what_is_no_message_of_plain_is_no_refused_login() {
    let two: &[&[u8]] = &[
        b"a",
        b"a\0b",
        b"\0a\0b\0c",
        b"\0\0p",
        b"\0u\0",
        b"\0\xff\0p",
        b"\0u\0\xc3",
        b"",
        b"\0\0",
        b"\0a\x07\0p",
        // An authorization identity of only a soft hyphen is empty after preparation: 5034-4.20
        b"\xc2\xad\0mrose\0tanstaaf",
    ];
    for message in two {
        let mut server = new();
        server.say("AUTH PLAIN");
        let reply = server.say(&base64(message));
        assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{}", message.escape_ascii());
        assert_eq!((failed(&server), server.credentials().len()), (0, 0), "{}", message.escape_ascii());
    }
}

// 4616-2.04, 5034-4.20, 6856-2.19
#[test]
fn decoded_names_are_prepared() {
    let mut server = named(b"IX", b"IX");
    assert!(server.say(&format!("AUTH PLAIN {}", base64("\0I\u{ad}X\0\u{2168}"))).starts_with("+OK "));
    assert_eq!(server.credentials()[0].name, b"IX");
}

// LOGIN-1.01
#[test]
fn login_asks_for_the_name_and_the_password() {
    let mut server = new();
    assert_eq!(server.say("AUTH LOGIN"), "+ VXNlcm5hbWU6\r\n");
    assert_eq!(server.say(&base64("mrose")), "+ UGFzc3dvcmQ6\r\n");
    assert!(server.say(&base64("tanstaaf")).starts_with("+OK "));
    // Some clients send the name with it.
    let mut server = new();
    assert_eq!(server.say(&format!("AUTH LOGIN {}", base64("mrose"))), "+ UGFzc3dvcmQ6\r\n");
    assert!(server.say(&base64("wrong")).starts_with("-ERR [AUTH] "));
}

// 2195-2.01, 2195-2.02
#[test]
fn cram_md5_proves_the_password_without_telling_it() {
    for (name, password, right) in [
        (&b"mrose"[..], &b"tanstaaf"[..], true),
        (b"mrose", b"wrong", false),
        (b"a b", b"tanstaaf", true),
        (b"mrose", &[b'x'; 100], true),
    ] {
        let mut server = named(name, if right { password } else { b"tanstaaf" });
        let challenge = server.say("AUTH CRAM-MD5");
        let challenge = challenge.trim_end().strip_prefix("+ ").unwrap();
        let decoded = pop3_proto::Base64::parse(challenge.as_bytes()).unwrap().decode();
        assert!(decoded.expose().starts_with(b"<") && decoded.expose().ends_with(b">"));
        let mut exchange = exchange(Mechanism::CramMd5, core::str::from_utf8(name).unwrap(), password);
        let response = base64(exchange.respond(decoded.expose()).unwrap().expose());
        let reply = server.say(&response);
        assert_eq!(reply.starts_with("+OK "), right, "{reply}");
        assert!(right || reply.starts_with("-ERR [AUTH] "), "{reply}");
        assert!(matches!(server.credentials()[0].proof, Proof::CramMd5(_)));
    }
}

// 5802-5.01, 5034-4.07, 5034-4.17
#[test]
fn scram_ends_with_the_servers_proof_and_an_empty_line() {
    for mechanism in [Mechanism::ScramSha1, Mechanism::ScramSha256, Mechanism::ScramSha512] {
        let mut server = new();
        let (replies, proved) = scram(&mut server, mechanism, "mrose", "tanstaaf");
        assert!(proved, "the client has seen the proof");
        assert!(replies.last().unwrap().starts_with("+OK "), "{replies:?}");
        assert!(matches!(server.credentials()[0].proof, Proof::Scram));
        let mut server = new();
        let (replies, proved) = scram(&mut server, mechanism, "mrose", "wrong");
        assert!(!proved && replies.last().unwrap().starts_with("-ERR [AUTH] "), "{replies:?}");
        assert_eq!((failed(&server), server.credentials().len()), (1, 0));
    }
}

// 5802-6.03
#[test]
fn scram_hides_who_does_not_exist() {
    let first = |name: &str| scram(&mut new(), Mechanism::ScramSha256, name, "x").0;
    let (one, again, other) = (first("nobody"), first("nobody"), first("someone"));
    let salt = |replies: &[String]| {
        let challenge = replies[0].trim_end().strip_prefix("+ ").unwrap().to_owned();
        let decoded = pop3_proto::Base64::parse(challenge.as_bytes()).unwrap().decode();
        let text = String::from_utf8(decoded.expose().clone()).unwrap();
        text.split_once(",s=").unwrap().1.to_owned()
    };
    assert_eq!(salt(&one), salt(&again));
    assert_ne!(salt(&one), salt(&other));
    let known = first("mrose");
    assert_eq!((salt(&known).len(), known.last()), (salt(&one).len(), one.last()));
}

// 5802-5.03, 5802-5.05, 5802-5.06, 5802-6.01, 5802-6.02, 5929-3.01
#[test]
fn what_is_no_message_of_scram_is_no_refused_login() {
    for first in [
        "n,,m=x,n=user,r=abc",
        "n,,n=a=2c,r=abc",
        "n,,n=a=4D,r=abc",
        "n,,n=user",
        "n,,n=,r=abc",
        "p=foo,,n=user,r=abc",
        "p=tls-unique,,n=user,r=abc",
        "x,,n=user,r=abc",
        "",
    ] {
        let mut server = new();
        server.say("AUTH SCRAM-SHA-256");
        let reply = server.say(&base64(first));
        assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{first}: {reply}");
    }
    for last in
        ["c=biws,r=another,p=AAAA", "c=biws,r=abc3rfcNHYJY1ZVvWVs7j", "c=eSws,r=abc3rfcNHYJY1ZVvWVs7j,p=AAAA"]
    {
        let mut server = new();
        assert!(server.say(&format!("AUTH SCRAM-SHA-256 {}", base64("n,,n=mrose,r=abc"))).starts_with("+ "));
        let reply = server.say(&base64(last));
        assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{last}: {reply}");
        assert_eq!(failed(&server), 0);
        assert!(scram(&mut server, Mechanism::ScramSha256, "mrose", "tanstaaf").1, "nothing is left of it");
    }
}

// 7628-3.01, 7628-3.02, XOA-1.01
#[test]
fn a_token_is_taken_and_its_refusal_explained_first() {
    let token = core::str::from_utf8(TOKEN).unwrap();
    let bearer = |token: &str| {
        base64(format!("n,a=mrose,\u{1}host=h\u{1}port=995\u{1}x=y\u{1}auth=Bearer {token}\u{1}\u{1}"))
    };
    let google = |token: &str| base64(format!("user=mrose\u{1}auth=Bearer {token}\u{1}\u{1}"));
    assert!(new().say(&format!("AUTH OAUTHBEARER {}", bearer(token))).starts_with("+OK "));
    assert!(new().say(&format!("AUTH XOAUTH2 {}", google(token))).starts_with("+OK "));
    for (mechanism, message, end) in [
        ("OAUTHBEARER", bearer("expired"), "AQ=="),
        ("OAUTHBEARER", bearer("expired"), "*"),
        ("XOAUTH2", google("expired"), ""),
        ("XOAUTH2", google("expired"), "*"),
    ] {
        let mut server = new();
        let challenge = server.say(&format!("AUTH {mechanism} {message}"));
        // {"status":
        assert!(challenge.starts_with("+ eyJzdGF0dXMiO"), "{challenge}");
        assert!(server.say(end).starts_with("-ERR [AUTH] "), "{mechanism} {end}");
        assert_eq!(failed(&server), 1);
        assert!(server.say(&format!("AUTH PLAIN {}", base64("\0mrose\0tanstaaf"))).starts_with("+OK "));
    }
    let long = "t".repeat(8 * 1024);
    assert!(new().say(&format!("AUTH XOAUTH2 {}", google(&long))).starts_with("+ ey"));
}

// EXT-1.01, 5034-4.06
#[test]
fn external_has_a_name_or_none() {
    let mut server = new();
    assert!(server.say(&format!("AUTH EXTERNAL {}", base64("mrose"))).starts_with("+OK "));
    let mut server = new();
    server.say("AUTH EXTERNAL =");
    assert!(server.credentials()[0].name.is_empty(), "the certificate tells it");
    assert!(matches!(server.credentials()[0].proof, Proof::Certificate));
}

// 4505-2.01
#[test]
fn anonymous_leaves_a_trace() {
    let mut server = new();
    assert!(server.say("AUTH ANONYMOUS c2lyaGM=").starts_with("+OK "));
    let credentials = &server.credentials()[0];
    assert_eq!(credentials.name, b"anonymous");
    assert!(matches!(&credentials.proof, Proof::Anonymous { trace } if trace == "sirhc"));
    let mut server = new();
    server.say("AUTH ANONYMOUS");
    assert!(server.say(&base64(vec![b'x'; 256])).starts_with("-ERR "));
}

// 2449-8.11, 3206-4.01, 3206-5.03
#[test]
fn faults_of_the_system_are_no_refused_logins() {
    let wrong = base64("\0mrose\0wrong");
    for (rejection, code) in
        [(Rejection::in_use(), "[IN-USE]"), (Rejection::temporary("later"), "[SYS/TEMP]")]
    {
        let mut server = with(Store::fixture().with_fault(Fault::Login(rejection)));
        for _ in 0..4 {
            let reply = server.say(&format!("AUTH PLAIN {}", base64("\0mrose\0tanstaaf")));
            assert!(reply.starts_with(&format!("-ERR {code} ")), "{reply}");
        }
        let (replies, _) = scram(&mut server, Mechanism::ScramSha256, "mrose", "tanstaaf");
        assert!(replies.last().unwrap().starts_with(&format!("-ERR {code} ")), "{replies:?}");
        assert!(server.say(&format!("AUTH PLAIN {wrong}")).starts_with("-ERR [AUTH] "));
    }
}

fn exchange(mechanism: Mechanism, name: &str, password: &[u8]) -> ClientExchange {
    let nonce = Nonce::from_text("rOprNGfwEbeRWgbNEkqO").unwrap();
    let credentials = client::Credentials::new(name).with_password(password);
    ClientExchange::new(mechanism, &credentials, &client::ClientSetup::new(nonce)).unwrap()
}

/// Logs in. Returns the replies, and whether the client trusts the server.
fn scram(server: &mut Server, mechanism: Mechanism, name: &str, password: &str) -> (Vec<String>, bool) {
    let mut exchange = exchange(mechanism, name, password.as_bytes());
    let initial = exchange.take_initial().unwrap();
    let mut reply = server.say(&format!("AUTH {mechanism} {}", base64(initial.expose())));
    let mut replies = vec![reply.clone()];
    while let Some(challenge) = reply.trim_end_matches("\r\n").strip_prefix("+ ") {
        let decoded = pop3_proto::Base64::parse(challenge.as_bytes()).unwrap().decode();
        let response = exchange.respond(decoded.expose()).unwrap();
        reply = server.say(&base64(response.expose()));
        replies.push(reply.clone());
    }
    let proved = reply.starts_with("+OK") && exchange.finish().is_ok();
    (replies, proved)
}
