//! SASL logins of the client, with a server that supports each mechanism: the mechanism that the client chooses, and
//! what it reports.

use pop3_driver::client::{ClientError, ClientOptions, Credentials, LoginPolicy, Mechanism, NoLogin};
use pop3_driver::{LoginMethod, wait};
use pop3_proto::client::ClientConfig;
use pop3_proto::{Advice, Keyword, Quirk};
use pop3_sasl::client::Unusable;
use pop3_tests::configured;

use crate::logins::{ALL, auths, client, fred, honest, login, open};
use crate::sasl_server::{TOKEN, USER, sasl_server};
use crate::wire::Wire;

#[test]
fn each_mechanism_logs_in() {
    for mechanism in Mechanism::ALL.iter().copied().filter(|mechanism| !mechanism.needs_channel_binding()) {
        for capabilities in [ALL, ""] {
            let credentials = if mechanism == Mechanism::External {
                Credentials::certificate()
            } else if mechanism == Mechanism::Anonymous {
                Credentials::anonymous("sirhc")
            } else if matches!(mechanism, Mechanism::XOAuth2 | Mechanism::OAuthBearer) {
                Credentials::new(USER).with_token(TOKEN)
            } else {
                fred()
            };
            let (mut client, wire) = client(capabilities, honest);
            wait(client.authenticate(mechanism, &credentials)).expect("all is right");
            wait(client.noop()).expect("it is logged in");
            let inline = wire.lines().iter().any(|line| line.starts_with(&format!("AUTH {mechanism} ")));
            // 2449-6.31, XOA-1.04: without an announcement, no initial response is sent.
            let early = mechanism.is_client_first() && !mechanism.exposes_secret();
            assert_eq!(inline, !capabilities.is_empty() && early, "{mechanism}");
            assert!(client.quirks().iter().all(|quirk| *quirk == Quirk::NoCapabilities));
            assert_eq!(wire.lines().last().map(String::as_str), Some("NOOP"));
        }
    }
}

// 5034-4.28, 2195-2.03, EXT-1.01
#[test]
fn the_strongest_mechanism_is_chosen() {
    let token = || Credentials::new(USER).with_token(TOKEN);
    for (capabilities, credentials, chosen) in [
        (ALL, fred(), Some(LoginMethod::Auth(Mechanism::ScramSha512))),
        ("SASL PLAIN scram-sha-1 SCRAM-SHA-256", fred(), Some(LoginMethod::Auth(Mechanism::ScramSha256))),
        ("SASL LOGIN CRAM-MD5 PLAIN", fred(), Some(LoginMethod::Auth(Mechanism::Plain))),
        ("SASL CRAM-MD5 LOGIN", fred(), Some(LoginMethod::Auth(Mechanism::Login))),
        ("SASL CRAM-MD5 GSSAPI\r\nUSER", fred(), Some(LoginMethod::User)),
        ("SASL XOAUTH2", fred(), Some(LoginMethod::User)),
        ("UIDL", fred(), Some(LoginMethod::User)),
        ("", fred(), Some(LoginMethod::User)),
        (ALL, token(), Some(LoginMethod::Auth(Mechanism::OAuthBearer))),
        ("SASL XOAUTH2 PLAIN", token(), Some(LoginMethod::Auth(Mechanism::XOAuth2))),
        ("SASL PLAIN", token(), None),
        (ALL, Credentials::certificate(), Some(LoginMethod::Auth(Mechanism::External))),
        (ALL, Credentials::anonymous("me"), Some(LoginMethod::Auth(Mechanism::Anonymous))),
        ("SASL PLAIN", Credentials::anonymous("me"), None),
    ] {
        let (mut client, wire) = client(capabilities, honest);
        match (login(&mut client, &credentials), chosen) {
            (Ok(method), Some(chosen)) => assert_eq!(method, chosen, "{capabilities}"),
            (Err(ClientError::NoLogin(NoLogin::NotOffered)), None) => assert!(auths(&wire).is_empty()),
            (result, _) => panic!("{capabilities}: {result:?}"),
        }
    }
}

// 1939-7.41
#[test]
fn apop_is_used_on_demand_and_only_where_there_is_no_mechanism() {
    for (capabilities, demanded, chosen) in [
        (ALL, true, LoginMethod::Auth(Mechanism::ScramSha512)),
        ("SASL PLAIN", true, LoginMethod::Auth(Mechanism::Plain)),
        ("UIDL", true, LoginMethod::Apop),
        ("UIDL", false, LoginMethod::User),
    ] {
        let (mut client, _) = client(capabilities, honest);
        let policy = LoginPolicy::default().with_apop(demanded);
        assert_eq!(wait(client.login_with(&fred(), &policy)).expect("a way"), chosen, "{capabilities}");
    }
}

// 5034-4.29, 5034-4.16
#[test]
fn a_wrong_password_is_refused_once_and_the_session_goes_on() {
    for capabilities in [ALL, "SASL SCRAM-SHA-1 PLAIN\r\nUSER", "SASL PLAIN\r\nUSER", "SASL LOGIN\r\nUSER"] {
        let (mut client, wire) = client(capabilities, honest);
        let wrong = Credentials::new(USER).with_password("wrong");
        let Err(ClientError::Refused(refusal)) = login(&mut client, &wrong) else { panic!("it is wrong") };
        assert_eq!((refusal.keyword, refusal.advice()), (Some(Keyword::Auth), Advice::OtherCredentials));
        assert_eq!(refusal.blames_credentials(), Some(true));
        assert_eq!(auths(&wire).len(), 1, "nothing weaker is tried: {:?}", auths(&wire));
        login(&mut client, &fred()).expect("the password is right");
        wait(client.noop()).expect("it is logged in");
    }
}

// 5034-4.09
#[test]
fn the_form_goes_by_the_length_of_the_line() {
    // A PLAIN message of 180 octets has 240 octets in base64.
    for (password, inline) in [(180 - 7, true), (181 - 7, false)] {
        let wire = Wire::talking("+OK\r\n", sasl_server("SASL PLAIN", honest));
        let options = ClientOptions::new().with_initial_response(true);
        let mut client = open(&wire, options);
        let credentials = Credentials::new(USER).with_password("x".repeat(password));
        assert!(login(&mut client, &credentials).is_err());
        let line = wire.lines().into_iter().find(|line| line.starts_with("AUTH")).expect("a login");
        assert_eq!(line.len() > "AUTH PLAIN".len(), inline);
        assert!(line.len() + 2 <= 255);
    }
}

// XOA-1.01, XOA-1.02, XOA-1.03, 7628-3.02
#[test]
fn tokens_go_in_two_lines_and_their_refusals_are_told() {
    for mechanism in [Mechanism::XOAuth2, Mechanism::OAuthBearer] {
        let (mut client, wire) = client(ALL, honest);
        let long = Credentials::new(USER).with_token("x".repeat(1500));
        let Err(ClientError::Refused(refusal)) = wait(client.authenticate(mechanism, &long)) else {
            panic!("the token is wrong")
        };
        let lines = wire.lines();
        assert!(lines.contains(&format!("AUTH {mechanism}")), "{lines:?}");
        let last = if mechanism == Mechanism::XOAuth2 { "" } else { "AQ==" };
        assert_eq!(lines.last().map(String::as_str), Some(last));
        let details = String::from_utf8(refusal.details.clone().expect("JSON")).expect("text");
        assert!(details.starts_with('{'), "{details}");
        assert_eq!(refusal.advice(), Advice::OtherCredentials);
        let good = Credentials::new(USER).with_token(TOKEN);
        wait(client.authenticate(mechanism, &good)).expect("the session goes on");
    }
}

/// A server that requires the initial response on its own line, as Exchange Online does.
fn two_lines_only(refusal: &'static str) -> impl FnMut(&str) -> Option<String> + Send + 'static {
    let mut server = sasl_server("SASL SCRAM-SHA-256", honest);
    move |line| {
        if line.starts_with("AUTH SCRAM-SHA-256 ") { Some(refusal.to_owned()) } else { server(line) }
    }
}

#[test]
fn an_initial_response_that_is_refused_is_sent_behind_the_challenge() {
    let wire = Wire::talking("+OK\r\n", two_lines_only("-ERR Protocol error. 19\r\n"));
    let mut client = open(&wire, ClientOptions::new());
    assert_eq!(login(&mut client, &fred()).expect("in two lines"), LoginMethod::Auth(Mechanism::ScramSha256));
    assert_eq!(client.quirks(), [Quirk::InitialResponseRefused]);

    // The client does not retry in strict mode, or if the server says that the credentials or a fault are the reason.
    for (refusal, strict) in [
        ("-ERR [AUTH] no\r\n", false),
        ("-ERR [SYS/TEMP] no\r\n", false),
        ("-ERR [IN-USE] no\r\n", false),
        ("-ERR no\r\n", true),
    ] {
        let wire = Wire::talking("+OK\r\n", two_lines_only(refusal));
        let options = ClientOptions::new().with_config(configured::<ClientConfig>(|it| it.strict = strict));
        let mut client = open(&wire, options);
        assert!(matches!(login(&mut client, &fred()), Err(ClientError::Refused(_))), "{refusal}");
        assert_eq!(auths(&wire).len(), 1, "{refusal}");
    }

    // If both forms fail, or the server hangs up, the first reason is reported.
    for second in [Some("-ERR second\r\n"), None] {
        let mut server = sasl_server("SASL SCRAM-SHA-256 PLAIN\r\nUSER", honest);
        let wire = Wire::talking("+OK\r\n", move |line| match line {
            "AUTH SCRAM-SHA-256" => second.map(str::to_owned),
            line if line.starts_with("AUTH") => Some("-ERR first\r\n".to_owned()),
            line => server(line),
        });
        let mut client = open(&wire, ClientOptions::new());
        let failed = login(&mut client, &fred());
        assert!(
            matches!(&failed, Err(ClientError::Refused(refusal)) if refusal.text == b"first"),
            "{failed:?}"
        );
        assert_eq!(auths(&wire).len(), 2, "no USER behind it: {:?}", auths(&wire));
    }
}

#[test]
fn a_mechanism_that_is_turned_down_gives_way_to_the_next() {
    let refusing = |capabilities| {
        let mut server = sasl_server(capabilities, honest);
        Wire::talking("+OK\r\n", move |line| {
            if line.starts_with("AUTH SCRAM") { Some("-ERR not here\r\n".to_owned()) } else { server(line) }
        })
    };
    // If the credentials were wrong, the server would say so.
    let wire = refusing("SASL SCRAM-SHA-256 PLAIN\r\nRESP-CODES\r\nAUTH-RESP-CODE");
    let mut client = open(&wire, ClientOptions::new());
    assert_eq!(login(&mut client, &fred()).expect("by PLAIN"), LoginMethod::Auth(Mechanism::Plain));
    // If the user names a mechanism, the client uses no other (2384-4.02).
    let wire = refusing("SASL SCRAM-SHA-256 PLAIN");
    let mut client = open(&wire, ClientOptions::new());
    let failed = wait(client.authenticate(Mechanism::ScramSha256, &fred()));
    assert!(matches!(failed, Err(ClientError::Refused(_))), "{failed:?}");
    assert!(auths(&wire).iter().all(|line| line == "AUTH SCRAM-SHA-256"));
}

// 5802-6.01: the policy of the client decides if -PLUS is not listed.
#[test]
fn a_login_that_must_be_bound_is_bound_or_none() {
    for capabilities in [ALL, "SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN\r\nUSER", "USER", ""] {
        let (mut client, wire) = client(capabilities, honest);
        let policy = LoginPolicy::default().with_require_binding(true);
        let failed = wait(client.login_with(&fred(), &policy));
        assert!(matches!(failed, Err(ClientError::NoLogin(NoLogin::BindingNotOffered))), "{failed:?}");
        assert!(auths(&wire).is_empty());
    }
    let (mut client, wire) = client(ALL, honest);
    let failed = wait(client.authenticate(Mechanism::ScramSha256Plus, &fred()));
    assert!(matches!(failed, Err(ClientError::Unusable(Unusable::NoBinding))), "{failed:?}");
    assert!(auths(&wire).is_empty(), "there is no TLS");
}

// 2449-8.12, 3206-5.02
#[test]
fn a_refusal_says_what_to_do() {
    for (announced, refusal, advice, blames) in [
        (false, "-ERR [AUTH] x", Advice::OtherCredentials, Some(true)),
        (false, "-ERR [auth/expired] x", Advice::OtherCredentials, Some(true)),
        (false, "-ERR [IN-USE] x", Advice::RetryLater, Some(false)),
        (false, "-ERR [LOGIN-DELAY] x", Advice::RetryLater, Some(false)),
        (false, "-ERR [SYS/TEMP/DISK] x", Advice::RetryLater, Some(false)),
        (false, "-ERR [SYS/PERM] x", Advice::TellOperator, Some(false)),
        (false, "-ERR [SYS] x", Advice::Unknown, None),
        (false, "-ERR locked, wait", Advice::Unknown, None),
        (true, "-ERR something", Advice::Unknown, Some(false)),
        (true, "-ERR [AUTH] x", Advice::OtherCredentials, Some(true)),
    ] {
        let capabilities = if announced { "RESP-CODES\r\nAUTH-RESP-CODE\r\nUSER" } else { "USER" };
        let wire = Wire::talking("+OK\r\n", move |line| {
            Some(match line.split(' ').next() {
                Some("CAPA") => format!("+OK\r\n{capabilities}\r\n.\r\n"),
                Some("PASS") => format!("{refusal}\r\n"),
                _ => "+OK\r\n".to_owned(),
            })
        });
        let mut client = open(&wire, ClientOptions::new());
        let Err(ClientError::Refused(told)) = login(&mut client, &fred()) else { panic!("it is refused") };
        assert_eq!((told.advice(), told.blames_credentials()), (advice, blames), "{refusal}");
    }
}

// TOL-17
#[test]
fn capa_is_not_sent_to_servers_that_would_hang_up() {
    let mut server = sasl_server("", honest);
    let wire = Wire::talking("+OK\r\n", move |line| if line == "CAPA" { None } else { server(line) });
    let options = ClientOptions::new().with_capabilities(false);
    let mut client = open(&wire, options);
    assert_eq!(login(&mut client, &fred()).expect("by USER and PASS"), LoginMethod::User);
    assert!(!wire.lines().contains(&"CAPA".to_owned()));
}

// TOL-16
#[test]
fn capa_is_asked_for_again_after_the_login() {
    let mut server = sasl_server("UIDL", honest);
    let mut known = false;
    let wire = Wire::talking("+OK\r\n", move |line| {
        known |= line.starts_with("PASS");
        if line == "CAPA" && !known { Some("-ERR log in first\r\n".to_owned()) } else { server(line) }
    });
    let mut client = open(&wire, ClientOptions::new());
    login(&mut client, &fred()).expect("by USER and PASS");
    assert!(client.has(pop3_proto::Capability::Uidl));
    assert_eq!(client.quirks(), [Quirk::NoCapabilities]);
}
