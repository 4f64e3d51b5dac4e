//! Logins at a server that sends anything but does not know the password.

use pop3_driver::client::{ClientOptions, Credentials, LoginPolicy, Mechanism, Security};
use pop3_driver::{LoginMethod, wait};
use pop3_proto::client::ClientConfig;
use pop3_proto::{Base64, encode_base64};
use pop3_tests::configured;
use proptest::prelude::*;

use crate::logins::open_with;
use crate::sasl_server::{PASSWORD, TOKEN, USER};
use crate::wire::Wire;

/// What the server sends in reply to a line other than CAPA.
const SAYS: [&str; 26] = [
    "+ ",
    "+",
    "+ \n+OK",
    "+OK",
    "+OK in\r\n+OK again",
    "+OK \u{1b}[2J",
    "-ERR",
    "-ERR [AUTH] no",
    "-ERR [IN-USE] no",
    "-ERR [SYS/TEMP] no",
    "-ERR unknown mechanism",
    "+ !!!",
    "+ dj1BQUFB",
    "+ ZT1vdGhlcg==",
    "+ cj14LHM9QUFBQSxpPTQwOTY=",
    "+ VXNlcm5hbWU6",
    "+ UGFzc3dvcmQ6",
    "+ PDEuMkBoPg==",
    "+ eyJzdGF0dXMiOiI0MDEifQ==",
    "+ go ahead",
    "",
    ".",
    "* OK",
    // Placeholders for the first message of SCRAM, with the client's nonce and few or many iterations.
    SCRAM,
    SCRAM_WEAK,
    SCRAM_LONG,
];
const SCRAM: &str = "scram 4096";
const SCRAM_WEAK: &str = "scram 1";
const SCRAM_LONG: &str = "scram 4000001";

const CAPABILITIES: [&str; 7] = [
    "-ERR\r\n",
    "+OK\r\n.\r\n",
    "+OK\r\nSASL PLAIN LOGIN XOAUTH2 OAUTHBEARER CRAM-MD5\r\nUSER\r\n.\r\n",
    "+OK\r\nSASL SCRAM-SHA-256 PLAIN\r\nUSER\r\nSTLS\r\nUTF8 USER\r\n.\r\n",
    "+OK\r\nSASL SCRAM-SHA-1-PLUS SCRAM-SHA-256 XOAUTH2 ANONYMOUS EXTERNAL\r\n.\r\n",
    "+OK\r\nSASL\r\nSASL PLAIN\r\nSASL  SCRAM-SHA-512  \r\nAUTH-RESP-CODE\r\n.\r\n",
    "+OK\r\nUSER\r\nPIPELINING\r\n.\r\n+OK\r\n",
];

fn secrets() -> Vec<String> {
    let encoded = |octets: &[u8]| String::from_utf8(encode_base64(octets).expose().clone()).expect("ASCII");
    vec![
        PASSWORD.to_owned(),
        TOKEN.to_owned(),
        encoded(PASSWORD.as_bytes()),
        encoded(format!("\0{USER}\0{PASSWORD}").as_bytes()),
        // The whole token is in there, at some position.
        encoded(format!("user={USER}\x01auth=Bearer {TOKEN}\x01\x01").as_bytes()),
        encoded(format!("n,a={USER},\x01auth=Bearer {TOKEN}\x01\x01").as_bytes()),
    ]
}

/// The first SCRAM message of the server, if the client has sent its first message.
fn server_first(line: &str, iterations: &str) -> Option<String> {
    let text = line.rsplit(' ').next()?;
    let message = Base64::parse(text.as_bytes())?.decode();
    let nonce = core::str::from_utf8(message.expose()).ok()?.split("r=").nth(1)?.to_owned();
    let text = encode_base64(format!("r={nonce}x,s=c2FsdHNhbHQ=,i={iterations}").as_bytes());
    Some(format!("+ {}", core::str::from_utf8(text.expose()).ok()?))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    // SEC-04, SEC-08, 5802-5.07
    #[test]
    fn whatever_the_server_says_it_ends_and_gives_nothing_away(
        says in prop::collection::vec(prop::sample::select(&SAYS[..]), 0..12),
        lists in prop::collection::vec(prop::sample::select(&CAPABILITIES[..]), 1..4),
        way in prop::option::of(prop::sample::select(Mechanism::ALL)),
        (plaintext, strict, token, required) in any::<(bool, bool, bool, bool)>(),
        again in any::<bool>(),
    ) {
        let (mut says, mut lists) = (says.into_iter(), lists.into_iter().cycle());
        let wire = Wire::talking("+OK <1.2@h>\r\n", move |line| {
            if line == "CAPA" {
                return lists.next().map(str::to_owned);
            }
            let said = says.next()?;
            let said = match said.strip_prefix("scram ") {
                Some(iterations) => server_first(line, iterations).unwrap_or_else(|| "+ ".into()),
                None => said.to_owned(),
            };
            Some(format!("{said}\r\n"))
        });
        let security = if plaintext { Security::Plaintext } else { Security::TrustedPlaintext };
        let options = ClientOptions::new().with_config(configured::<ClientConfig>(|it| it.strict = strict));
        let mut client = open_with(&wire, &security, options);
        let credentials = Credentials::new(USER);
        let credentials = if token { credentials.with_token(TOKEN) } else { credentials.with_password(PASSWORD) };
        let policy = LoginPolicy::default().with_require_binding(required);
        for _ in 0..1 + u8::from(again) {
            let result = match way {
                Some(mechanism) => wait(client.authenticate(mechanism, &credentials)).map(|()| LoginMethod::Auth(mechanism)),
                None => wait(client.login_with(&credentials, &policy)),
            };
            if let Ok(LoginMethod::Auth(mechanism)) = result {
                prop_assert!(!mechanism.is_mutual(), "{mechanism} without a proof");
                prop_assert!(!required || way.is_some(), "not bound");
                prop_assert!(!plaintext || !mechanism.exposes_secret(), "{mechanism} in clear");
            }
            if let Err(error) = result {
                let shown = format!("{error} {error:?}");
                prop_assert!(!secrets().iter().any(|secret| shown.contains(secret)), "{shown}");
            }
        }
        let sent = wire.sent();
        prop_assert!(wire.lines().len() <= 60, "{}", wire.lines().len());
        prop_assert!(sent.split_inclusive("\r\n").all(|line| line.ends_with("\r\n") && line.len() <= 400));
        prop_assert!(!sent.replace("\r\n", "").contains(['\r', '\n', '\0']));
        if plaintext || (required && way.is_none()) {
            prop_assert!(!secrets().iter().any(|secret| sent.contains(secret)), "{sent}");
        }
        let shown = format!("{client:?}");
        prop_assert!(!secrets().iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
