//! A login sends its password or token once, and never retries in a way that reveals more than the failed one.

use pop3_driver::client::{ClientError, ClientOptions, Credentials, LoginPolicy, Mechanism};
use pop3_driver::{LoginMethod, wait};
use pop3_proto::client::ClientConfig;
use pop3_proto::{Base64, Quirk};
use pop3_tests::configured;

use crate::logins::{fred, open};
use crate::sasl_server::{PASSWORD, TOKEN, USER, sasl_server};
use crate::wire::Wire;

fn strict() -> ClientOptions {
    ClientOptions::new().with_config(configured::<ClientConfig>(|it| it.strict = true))
}

/// How often the octets contain the secret, as it is or in base64.
fn shown(wire: &Wire, secret: &str) -> usize {
    let holds = |word: &str| {
        let decoded = Base64::parse(word.as_bytes()).map(|text| text.decode().expose().clone());
        let decoded = decoded.map(|octets| String::from_utf8_lossy(&octets).contains(secret));
        word.contains(secret) || decoded.unwrap_or(false)
    };
    wire.lines()
        .iter()
        .flat_map(|line| line.split(' ').map(holds).collect::<Vec<_>>())
        .filter(|it| *it)
        .count()
}

fn verbs(wire: &Wire) -> Vec<String> {
    let of_login = |line: &&String| ["AUTH", "USER", "PASS"].iter().any(|verb| line.starts_with(verb));
    let words = |line: &String| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    wire.lines().iter().filter(of_login).map(words).collect()
}

/// What a server may send instead of the correct reply. `None` hangs up.
const ANSWERS: [Option<&str>; 9] = [
    Some("-ERR no\r\n"),
    Some("-ERR [AUTH] no\r\n"),
    Some("-ERR [SYS/TEMP] no\r\n"),
    Some("+ \r\n"),
    Some("+\r\n"),
    Some("+ go ahead\r\n"),
    Some("+ VXNlcm5hbWU6\r\n"),
    Some("+ e30=\r\n"),
    None,
];

#[test]
fn a_password_or_token_is_sent_once_whatever_the_server_answers() {
    let lists = [
        "SASL PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\nUSER",
        "SASL PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\nUSER\r\nRESP-CODES\r\nAUTH-RESP-CODE",
        "SASL SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5 XOAUTH2\r\nUSER",
        "SASL LOGIN\r\nUSER",
        "SASL PLAIN\r\nUSER",
        "UIDL",
    ];
    let mut most = 0;
    for capabilities in lists {
        for (credentials, secret) in [(fred(), PASSWORD), (Credentials::new(USER).with_token(TOKEN), TOKEN)] {
            // In reply to AUTH, to each line after it, and to PASS.
            for (at_auth, behind) in ANSWERS.into_iter().flat_map(|one| ANSWERS.map(|two| (one, two))) {
                let wire = Wire::talking("+OK\r\n", move |line| match line.split(' ').next() {
                    Some("CAPA") => Some(format!("+OK\r\n{capabilities}\r\n.\r\n")),
                    Some("AUTH") => at_auth.map(str::to_owned),
                    Some("USER") => Some("+OK\r\n".to_owned()),
                    Some("*" | "PASS") => Some("-ERR no\r\n".to_owned()),
                    _ => behind.map(str::to_owned),
                });
                let mut client = open(&wire, ClientOptions::new());
                let result = wait(client.login_with(&credentials, &LoginPolicy::default()));
                let lines = wire.lines();
                assert!(result.is_err(), "{lines:?}");
                let times = shown(&wire, secret);
                assert!(times <= 1, "{at_auth:?}, {behind:?}: {times} times in {lines:?}");
                most = most.max(times);
            }
        }
    }
    assert_eq!(most, 1, "some servers do get it");
}

#[test]
fn secrets_wait_for_the_challenge_unless_wanted_in_the_line() {
    for mechanism in [Mechanism::Plain, Mechanism::XOAuth2, Mechanism::OAuthBearer] {
        let credentials =
            if mechanism == Mechanism::Plain { fred() } else { Credentials::new(USER).with_token(TOKEN) };
        for early in [false, true] {
            let wire = Wire::talking("+OK\r\n", sasl_server("SASL PLAIN XOAUTH2 OAUTHBEARER", str::to_owned));
            let mut client = open(&wire, ClientOptions::new().with_initial_response(early));
            wait(client.authenticate(mechanism, &credentials)).expect("all is right");
            let auth = wire.lines().into_iter().find(|line| line.starts_with("AUTH")).expect("a login");
            assert_eq!(auth == format!("AUTH {mechanism}"), !early, "{auth}");
            assert!(client.quirks().is_empty());
        }
    }
}

/// A server that ignores what follows the name of the mechanism.
fn before_rfc_5034(list: &'static str, empty: &'static str) -> Wire {
    let mut server = sasl_server(list, str::to_owned);
    Wire::talking("+OK\r\n", move |line| {
        let bare = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let reply = server(if line.starts_with("AUTH") { &bare } else { line })?;
        Some(if reply == "+ \r\n" { format!("{empty}\r\n") } else { reply })
    })
}

// 5034-4.09
#[test]
fn an_initial_response_that_is_asked_for_again_is_sent_again() {
    for (mechanism, credentials) in [
        (Mechanism::Plain, fred()),
        (Mechanism::ScramSha256, fred()),
        (Mechanism::XOAuth2, Credentials::new(USER).with_token(TOKEN)),
        (Mechanism::OAuthBearer, Credentials::new(USER).with_token(TOKEN)),
        (Mechanism::Anonymous, Credentials::anonymous("me")),
        (Mechanism::External, Credentials::certificate()),
    ] {
        const LIST: &str = "SASL PLAIN SCRAM-SHA-256 XOAUTH2 OAUTHBEARER ANONYMOUS EXTERNAL";
        for empty in ["+ ", "+", "+ go ahead"] {
            let wire = before_rfc_5034(LIST, empty);
            let mut client = open(&wire, ClientOptions::new().with_initial_response(true));
            wait(client.authenticate(mechanism, &credentials)).expect("it is asked for");
            assert!(client.quirks().contains(&Quirk::InitialResponseIgnored), "{mechanism} {empty}");
            wait(client.noop()).expect("both are in step");
        }
        let wire = before_rfc_5034(LIST, "+ ");
        let mut client = open(&wire, strict().with_initial_response(true));
        wait(client.authenticate(mechanism, &credentials)).expect_err("not in strict mode");
    }
    // Its next reply is the result.
    let wire = before_rfc_5034("SASL PLAIN\r\nUSER", "+ ");
    let mut client = open(&wire, ClientOptions::new().with_initial_response(true));
    let wrong = Credentials::new(USER).with_password("wrong");
    let failed = wait(client.login_with(&wrong, &LoginPolicy::default()));
    assert!(matches!(failed, Err(ClientError::Refused(_))), "{failed:?}");
    assert_eq!(verbs(&wire).len(), 1);
}

#[test]
fn a_refused_secret_in_the_line_is_not_sent_in_another_form() {
    for refusal in ["-ERR no\r\n", "-ERR [AUTH] no\r\n"] {
        for list in ["SASL PLAIN\r\nUSER", "SASL PLAIN LOGIN\r\nUSER\r\nRESP-CODES\r\nAUTH-RESP-CODE"] {
            let mut server = sasl_server(list, str::to_owned);
            let wire = Wire::talking("+OK\r\n", move |line| {
                if line.starts_with("AUTH") { Some(refusal.to_owned()) } else { server(line) }
            });
            let mut client = open(&wire, ClientOptions::new().with_initial_response(true));
            wait(client.login_with(&fred(), &LoginPolicy::default())).expect_err("it is refused");
            assert_eq!(verbs(&wire).len(), 1, "{:?}", verbs(&wire));
            assert_eq!(shown(&wire, PASSWORD), 1);
        }
    }
}

/// A server that refuses each AUTH line with this beginning.
fn refusing(list: &'static str, start: &'static str, refusal: &'static str) -> Wire {
    let mut server = sasl_server(list, str::to_owned);
    Wire::talking("+OK\r\n", move |line| {
        if line.starts_with(start) { Some(format!("{refusal}\r\n")) } else { server(line) }
    })
}

#[test]
fn pass_follows_auth_where_it_reveals_no_more() {
    const TELLS: &str = "\r\nRESP-CODES\r\nAUTH-RESP-CODE";
    for (list, refusal, expected) in [
        (
            "SASL PLAIN LOGIN\r\nUSER",
            "-ERR unknown",
            &["AUTH PLAIN", "AUTH LOGIN", "USER mrose", "PASS tanstaaf"][..],
        ),
        // Nothing that could be wrong was sent, whatever the code says.
        ("SASL PLAIN\r\nUSER", "-ERR [AUTH] off", &["AUTH PLAIN", "USER mrose", "PASS tanstaaf"]),
        // A different problem, no USER, and mechanisms that do not reveal the password.
        ("SASL PLAIN LOGIN\r\nUSER", "-ERR [SYS/TEMP] later", &["AUTH PLAIN"]),
        ("SASL PLAIN LOGIN\r\nUSER", "-ERR [IN-USE] later", &["AUTH PLAIN"]),
        ("SASL PLAIN LOGIN", "-ERR unknown", &["AUTH PLAIN", "AUTH LOGIN"]),
        ("SASL SCRAM-SHA-256\r\nUSER", "-ERR unknown", &["AUTH SCRAM-SHA-256", "AUTH SCRAM-SHA-256"]),
        ("SASL SCRAM-SHA-256\r\nUSER", "-ERR [AUTH] no", &["AUTH SCRAM-SHA-256"]),
    ] {
        let wire = refusing(list, "AUTH", refusal);
        let mut client = open(&wire, ClientOptions::new());
        let result = wait(client.login_with(&fred(), &LoginPolicy::default()));
        assert_eq!(verbs(&wire), expected, "{list} {refusal}");
        match result {
            Ok(method) => assert_eq!(method, LoginMethod::User),
            Err(ClientError::Refused(refusal)) => assert!(refusal.before_credentials && !refusal.unoffered),
            Err(error) => panic!("{error}"),
        }
    }
    // AUTH-RESP-CODE shows that SCRAM was not refused because of the credentials. PASS would reveal more.
    let list = ["SASL SCRAM-SHA-256\r\nUSER", TELLS].concat();
    let wire = refusing(list.leak(), "AUTH", "-ERR unknown");
    let failed = wait(open(&wire, ClientOptions::new()).login_with(&fred(), &LoginPolicy::default()));
    assert!(matches!(failed, Err(ClientError::Refused(_))), "{failed:?}");
    assert_eq!(shown(&wire, PASSWORD), 0);
}

#[test]
fn nothing_weaker_follows_scram_that_may_be_refused_for_the_credentials() {
    for refusal in ["-ERR no", "-ERR [AUTH] no", "-ERR [SYS/TEMP] no"] {
        for list in ["SASL SCRAM-SHA-256 PLAIN LOGIN\r\nUSER", "SASL SCRAM-SHA-512 SCRAM-SHA-256 PLAIN"] {
            let wire = refusing(list, "AUTH SCRAM", refusal);
            let failed = wait(open(&wire, ClientOptions::new()).login_with(&fred(), &LoginPolicy::default()));
            assert!(matches!(failed, Err(ClientError::Refused(_))), "{list} {refusal}: {failed:?}");
            assert!(verbs(&wire).iter().all(|line| line.starts_with("AUTH SCRAM")), "{:?}", verbs(&wire));
            assert_eq!(shown(&wire, PASSWORD), 0);
        }
    }
}

// The user names the mechanism, and learns that the server does not support it.
#[test]
fn a_refusal_tells_whether_the_mechanism_is_offered() {
    for (list, unoffered) in
        [("SASL PLAIN\r\nUSER", true), ("SASL SCRAM-SHA-256", false), ("USER", true), ("", false)]
    {
        let wire = refusing(list, "AUTH", "-ERR unknown");
        let failed = wait(open(&wire, ClientOptions::new()).authenticate(Mechanism::ScramSha256, &fred()));
        let Err(ClientError::Refused(refusal)) = failed else { panic!("{failed:?}") };
        assert_eq!(
            (refusal.unoffered, refusal.mechanism),
            (unoffered, Some(Mechanism::ScramSha256)),
            "{list}"
        );
    }
}
