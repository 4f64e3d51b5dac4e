//! The fetcher's logins: by every mechanism to our server, and against servers that play false.

use std::fs;
use std::process::Output;

use base64ct::{Base64, Encoding as _};
use pop3_sasl::scram::Keys;
use pop3_sasl::server::{Answer, Exchange, Setup, Step};
use pop3_sasl::{Mechanism, Nonce};

use crate::external::Authority;
use crate::support::{House, PASSWORD, RUNTIMES, Script, Scripted, Server, code, errors, program, script};

const A: &[u8] = b"Subject: a\r\n\r\nfirst\r\n";

pub(crate) const ALL: &str = "--auth-mechanisms=PLAIN,LOGIN,CRAM-MD5,SCRAM-SHA-1,SCRAM-SHA-256,SCRAM-SHA-512";

/// A fetch of everything into a folder.
pub(crate) fn fetch(house: &House, url: &str, options: &[&str]) -> Output {
    let to = house.to("dir");
    house.fetch(url, &[&["--all", "--to", &to], options].concat()).output().unwrap()
}

/// The one line that is told, with this exit code.
pub(crate) fn told(output: &Output, exit: i32) -> String {
    let text = errors(output);
    assert_eq!((code(output), text.lines().count()), (exit, 1), "{text}");
    assert!(!text.contains(PASSWORD.trim()), "{text}");
    text
}

/// Which way `check` logs in.
fn way(house: &House, url: &str, options: &[&str]) -> String {
    let output = program()
        .args(["check", url, "--ca-file"])
        .arg(house.path("cert.pem"))
        .args(options)
        .env("POP3_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let page = String::from_utf8(output.stdout).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("logged in by"));
    line.unwrap_or_else(|| panic!("{page}")).trim().to_owned()
}

#[test]
fn every_mechanism_of_passwords_fetches() {
    for (index, mechanism) in Mechanism::ALL.into_iter().enumerate() {
        let by_password = !matches!(
            mechanism,
            Mechanism::External | Mechanism::Anonymous | Mechanism::XOAuth2 | Mechanism::OAuthBearer
        );
        if !by_password {
            continue;
        }
        let house = House::new();
        house.deliver(&[A.to_vec()]);
        let runtime = RUNTIMES[index % 4];
        let server = house.serve(&[ALL, "--channel-binding"]);
        let name = mechanism.name().to_ascii_lowercase();
        for (scheme, tls) in [("pop3s", "implicit"), ("pop3", "starttls"), ("pop3", "off")] {
            if tls == "off" && mechanism.needs_channel_binding() || tls != "off" && name == "cram-md5" {
                continue;
            }
            let options = ["--auth", &name, "--tls", tls, "--runtime", runtime];
            let output = fetch(&house, &server.url(scheme), &options);
            assert_eq!(code(&output), 0, "{name} {tls}: {}", errors(&output));
        }
        assert!(!house.fetched().is_empty());
    }
}

// 5034-4.28, 9266-2.01: the strongest by itself, on each runtime, bound to the connection.
#[test]
fn the_strongest_is_chosen_and_bound_to_the_connection() {
    let house = House::new();
    let server = house.serve(&[ALL, "--channel-binding"]);
    for runtime in RUNTIMES {
        for (scheme, tls, expected) in [
            ("pop3s", "implicit", "SCRAM-SHA-512-PLUS"),
            ("pop3", "starttls", "SCRAM-SHA-512-PLUS"),
            ("pop3", "off", "SCRAM-SHA-512"),
        ] {
            let options = ["--tls", tls, "--runtime", runtime];
            assert_eq!(way(&house, &server.url(scheme), &options), expected, "{runtime}");
        }
        let options = ["--require-binding", "--runtime", runtime];
        assert_eq!(way(&house, &server.url("pop3s"), &options), "SCRAM-SHA-512-PLUS");
    }
    // Without TLS there is nothing to be bound to.
    let text = told(&fetch(&house, &server.url("pop3"), &["--require-binding"]), 4);
    assert!(text.contains("-PLUS"), "{text}");
}

#[test]
fn a_certificate_fetches() {
    let authority = Authority::new();
    let (cert, key) = authority.client("alice", None);
    for runtime in RUNTIMES {
        let house = House::new();
        house.deliver(&[A.to_vec()]);
        for (name, text) in [("clients.pem", &authority.1), ("client.pem", &cert), ("client.key", &key)] {
            fs::write(house.path(name), text).unwrap();
        }
        let path = |name: &str| house.path(name).to_str().unwrap().to_owned();
        let server = house.serve(&["--tls-client-ca", &path("clients.pem")]);
        let (cert, key) = (path("client.pem"), path("client.key"));
        let shown = ["--client-cert", &cert, "--client-key", &key, "--runtime", runtime];
        let output = fetch(&house, &server.url("pop3s"), &[&shown[..], &["--auth", "external"]].concat());
        assert_eq!(code(&output), 0, "{}", errors(&output));
        assert_eq!(house.fetched(), [A]);
        // Without a password the certificate is the login, and the URL need not name the user.
        let output = program()
            .args(["check", &format!("pop3s://127.0.0.1:{}", server.tls), "--ca-file"])
            .arg(house.path("cert.pem"))
            .args(shown)
            .output()
            .unwrap();
        let page = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(page.contains("EXTERNAL") && page.contains("maildrop"), "{page} {}", errors(&output));
    }
    let text = told(&fetch(&House::new(), "pop3s://alice@127.0.0.1:1", &["--auth", "external"]), 2);
    assert!(text.contains("--client-cert"), "{text}");
}

/// A house where alice has a token.
fn token_house() -> (House, Server) {
    let house = House::new();
    house.deliver(&[A.to_vec()]);
    fs::write(house.path("users"), "alice:{TOKEN}\n").unwrap();
    let server = house.serve(&["--token-command", "read -r token && test $token = good"]);
    (house, server)
}

// 7628-3.02, XOA-1.02
#[test]
fn a_token_fetches_and_a_wrong_one_is_told_as_such() {
    let (house, server) = token_house();
    for auth in ["auto", "oauthbearer", "xoauth2"] {
        for runtime in ["tokio", "std"] {
            let options = ["--auth", auth, "--runtime", runtime, "--token-command", "echo good"];
            let output = fetch(&house, &server.url("pop3s"), &options);
            assert_eq!(code(&output), 0, "{auth}: {}", errors(&output));
        }
        let options = ["--auth", auth, "--token-command", "echo bad-token"];
        let text = told(&fetch(&house, &server.url("pop3s"), &options), 4);
        assert!(text.contains("the token is wrong or has expired") && text.contains("status"), "{text}");
        assert!(!text.contains("bad-token"), "{text}");
    }
    for (options, what) in [
        (&["--token-command", "exit 3"][..], "exit status: 3"),
        (&["--token-command", "true"], "no token"),
        (&["--auth", "xoauth2"], "--token-command"),
    ] {
        let text = told(&fetch(&house, &server.url("pop3s"), options), 2);
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn a_wrong_password_is_one_clear_line() {
    let house = House::new();
    fs::write(house.path("users"), "alice:{PLAIN}another\n").unwrap();
    let server = house.serve(&[ALL, "--channel-binding"]);
    for auth in ["auto", "plain", "user"] {
        let text = told(&fetch(&house, &server.url("pop3s"), &["--auth", auth]), 4);
        assert!(text.contains("name or password is wrong"), "{auth}: {text}");
    }
    assert!(house.fetched().is_empty());
}

/// A scripted server that announces this and answers AUTH by itself.
fn auth_script(
    sasl: &'static str,
    mut answer: impl FnMut(&str) -> Option<Option<Vec<u8>>> + Send + 'static,
) -> Script {
    script(vec![A.to_vec()], move |line| {
        if line == "CAPA" {
            return Some(Some(format!("+OK\r\n{sasl}\r\nUIDL\r\n.\r\n").into_bytes()));
        }
        answer(line)
    })
}

/// Plays SCRAM with the right keys, and changes the server's proof.
fn tampering() -> impl FnMut(&str) -> Option<Option<Vec<u8>>> + Send + 'static {
    let mut exchange: Option<Exchange> = None;
    move |line| {
        let mut step = if let Some(first) = line.strip_prefix("AUTH SCRAM-SHA-256 ") {
            let setup = Setup::new(Nonce::from_text("servers").unwrap(), "0123456789abcdef");
            let begun = exchange.insert(Exchange::new(Mechanism::ScramSha256, setup));
            begun.begin(Some(&Base64::decode_vec(first).unwrap())).unwrap()
        } else if line == "*" {
            exchange = None;
            return Some(Some(b"-ERR cancelled\r\n".to_vec()));
        } else {
            exchange.as_mut()?.respond(&Base64::decode_vec(line).unwrap()).unwrap()
        };
        loop {
            step = match step {
                Step::Ask(_) => {
                    let keys =
                        Keys::derive(pop3_sasl::scram::Hash::Sha256, PASSWORD.as_bytes(), b"salt", 4096);
                    exchange.as_mut()?.answer(Answer::Keys(Some(keys.unwrap()))).unwrap()
                }
                Step::Challenge(octets) => {
                    let mut octets = octets.expose().to_vec();
                    if octets.starts_with(b"v=") {
                        octets[2] = if octets[2] == b'A' { b'B' } else { b'A' };
                    }
                    return Some(Some(format!("+ {}\r\n", Base64::encode_string(&octets)).into_bytes()));
                }
                Step::Done(_) => return Some(Some(b"+OK\r\n".to_vec())),
                Step::Fail(_) => return Some(Some(b"-ERR [AUTH] no\r\n".to_vec())),
            };
        }
    }
}

// 5802-5.07, 5034-4.18
#[test]
fn a_server_that_does_not_know_the_password_gets_no_further() {
    let house = House::new();
    let server = Scripted::start(b"+OK\r\n", vec![auth_script("SASL SCRAM-SHA-256 PLAIN", tampering())]);
    let text = told(&fetch(&house, &server.url(), &[]), 4);
    assert!(text.contains("does not prove that it knows the password"), "{text}");
    let said = server.said();
    assert_eq!(said.last().map(String::as_str), Some("*"));
    assert!(!said.iter().any(|line| line.contains("PLAIN") || line.starts_with("USER")), "{said:?}");

    let server = Scripted::start(
        b"+OK\r\n",
        vec![auth_script("SASL SCRAM-SHA-256", |line| {
            line.starts_with("AUTH").then(|| Some(b"+OK welcome\r\n".to_vec()))
        })],
    );
    let text = told(&fetch(&house, &server.url(), &[]), 4);
    assert!(text.contains("does not prove that it knows the password"), "{text}");
    assert_eq!(server.said().len(), 2, "CAPA and AUTH");
    assert!(house.fetched().is_empty());
}

#[test]
fn an_exchange_that_is_cut_is_told_as_such() {
    for cut in ["AUTH", "cmVz"] {
        let house = House::new();
        let server = Scripted::start(
            b"+OK\r\n",
            vec![auth_script("SASL LOGIN", move |line| {
                if line.starts_with(cut) || !line.starts_with("AUTH") {
                    return Some(None);
                }
                Some(Some(b"+ VXNlcm5hbWU6\r\n".to_vec()))
            })],
        );
        let text = told(&fetch(&house, &server.url(), &[]), 3);
        assert!(text.contains("closed instead of the reply to AUTH"), "{text}");
        server.said();
    }
}

// 2384-4.01, 2384-4.02
#[test]
fn the_url_names_the_only_mechanism() {
    let house = House::new();
    let server = house.serve(&[ALL, "--channel-binding"]);
    for (auth, expected) in [("SCRAM-SHA-1", "SCRAM-SHA-1"), ("plain", "PLAIN"), ("*", "SCRAM-SHA-512-PLUS")]
    {
        let url = format!("pop3s://alice;AUTH={auth}@127.0.0.1:{}", server.tls);
        assert_eq!(way(&house, &url, &[]), expected);
    }
    // A server without it is not asked by other means.
    let scripted = Scripted::start(
        b"+OK\r\n",
        vec![auth_script("SASL PLAIN\r\nUSER", |line| {
            line.starts_with("AUTH SCRAM").then(|| Some(b"-ERR no such mechanism\r\n".to_vec()))
        })],
    );
    let url = format!("pop3://alice;AUTH=SCRAM-SHA-256@127.0.0.1:{}", scripted.port);
    let text = told(&fetch(&house, &url, &[]), 4);
    assert!(text.contains("does not offer SCRAM-SHA-256") && text.contains("no such mechanism"), "{text}");
    assert_eq!(scripted.said(), ["CAPA", "AUTH SCRAM-SHA-256"]);
    for (options, what) in
        [(&["--require-binding", "--auth", "plain"][..], "-PLUS"), (&["--auth", "gssapi"], "none of")]
    {
        let text = told(&fetch(&house, "pop3s://alice@127.0.0.1:1", options), 2);
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn a_way_that_is_not_offered_is_told_as_such() {
    for (auth, what) in [
        ("plain", "does not offer PLAIN"),
        ("scram-sha-1", "does not offer SCRAM-SHA-1"),
        ("user", "does not offer a login by USER and PASS"),
        ("apop", "offers no APOP"),
    ] {
        for runtime in RUNTIMES {
            let house = House::new();
            let refuse = |line: &str| {
                (line.starts_with("AUTH") || line.starts_with("USER"))
                    .then(|| Some(b"-ERR what?\r\n".to_vec()))
            };
            let server = Scripted::start(b"+OK <no timestamp\r\n", vec![auth_script("SASL LOGIN", refuse)]);
            let text = told(&fetch(&house, &server.url(), &["--auth", auth, "--runtime", runtime]), 4);
            assert!(text.contains(what) && text.contains("--auth"), "{text}");
            let said = server.said();
            assert!(!said.iter().any(|line| line.contains(PASSWORD.trim())), "{said:?}");
        }
    }
}

/// A server that announces this and refuses every AUTH.
fn without_auth(sasl: &'static str) -> Scripted {
    let refuse = |line: &str| line.starts_with("AUTH").then(|| Some(b"-ERR unknown command\r\n".to_vec()));
    Scripted::start(b"+OK\r\n", vec![auth_script(sasl, refuse)])
}

#[test]
fn a_server_that_refuses_every_auth_gets_user_and_pass_where_that_reveals_no_more() {
    for runtime in RUNTIMES {
        let house = House::new();
        let server = without_auth("SASL PLAIN LOGIN\r\nUSER");
        let output = fetch(&house, &server.url(), &["--runtime", runtime]);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        assert_eq!(house.fetched(), [A]);
        let said = server.said();
        assert_eq!(said.iter().filter(|line| line.contains(PASSWORD.trim())).count(), 1, "{said:?}");

        for sasl in ["SASL SCRAM-SHA-256\r\nUSER", "SASL SCRAM-SHA-256 PLAIN LOGIN\r\nUSER", "SASL PLAIN"] {
            let server = without_auth(sasl);
            let text = told(&fetch(&house, &server.url(), &["--runtime", runtime]), 4);
            assert!(text.contains("--auth user"), "{text}");
            let said = server.said();
            assert!(!said.iter().any(|line| line.contains(PASSWORD.trim())), "{said:?}");
        }
    }
}

#[test]
fn the_password_is_in_the_line_of_auth_on_demand() {
    for (options, expected) in [(&[][..], false), (&["--initial-response"], true)] {
        let house = House::new();
        let answer = |line: &str| {
            let done = line.starts_with("AUTH PLAIN ") || line.starts_with("AGFsaWNl");
            let reply: &[u8] = if done { b"+OK\r\n" } else { b"+ \r\n" };
            (done || line == "AUTH PLAIN").then(|| Some(reply.to_vec()))
        };
        let server = Scripted::start(b"+OK\r\n", vec![auth_script("SASL PLAIN", answer)]);
        let output = fetch(&house, &server.url(), options);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        assert_eq!(server.said().iter().any(|line| line.starts_with("AUTH PLAIN ")), expected);
    }
}

// 3206-5.02, TOL-19: the text of a refusal is not guessed at.
#[test]
fn a_refusal_that_is_not_about_the_credentials_is_told_as_such() {
    for (capabilities, refusal, what) in [
        ("AUTH-RESP-CODE\r\nRESP-CODES", "-ERR something", "it is something else"),
        ("AUTH-RESP-CODE\r\nRESP-CODES", "-ERR [AUTH] no", "name or password is wrong"),
        ("USER", "-ERR maildrop locked, wait", "most often the name or the password is wrong"),
        ("USER", "-ERR [SYS/PERM] broken", "tell who runs it"),
    ] {
        let house = House::new();
        let server = Scripted::start(
            b"+OK\r\n",
            vec![auth_script(capabilities, move |line| {
                line.starts_with("PASS").then(|| Some(format!("{refusal}\r\n").into_bytes()))
            })],
        );
        let text = told(&fetch(&house, &server.url(), &[]), 4);
        assert!(text.contains(what), "{text}");
        server.said();
    }
}

// 6856-2.22, TOL-17
#[test]
fn options_change_what_is_said() {
    let house = House::new();
    let said = |options: &[&str], capabilities: &'static str| {
        let server = Scripted::start(b"+OK\r\n", vec![auth_script(capabilities, |_| None)]);
        let output = fetch(&house, &server.url(), options);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        server.said()
    };
    assert_eq!(said(&["--utf8"], "UTF8\r\nSASL PLAIN")[..2], ["CAPA", "UTF8"]);
    assert_eq!(said(&["--utf8"], "USER")[..2], ["CAPA", "USER alice"]);
    assert_eq!(said(&["--no-capa"], "SASL PLAIN")[0], "USER alice");
    assert!(!said(&["--no-capa"], "SASL PLAIN").contains(&"CAPA".to_owned()));

    let server = Scripted::start(
        b"+OK\r\n",
        vec![auth_script("USER", |line| line.starts_with("PASS").then(|| Some(b"+ok\r\n".to_vec())))],
    );
    let text = told(&fetch(&house, &server.url(), &["--strict"]), 5);
    assert!(text.contains("departs from the protocol"), "{text}");
    server.said();
}

#[test]
fn a_port_that_speaks_plain_text_is_told_as_such() {
    for runtime in RUNTIMES {
        let house = House::new();
        let server = Scripted::start(b"+OK ready\r\n", vec![Box::new(|_| None)]);
        let url = server.url().replace("pop3:", "pop3s:");
        let text = told(&fetch(&house, &url, &["--runtime", runtime]), 3);
        assert!(text.contains("speaks plain text where TLS was tried"), "{text}");
        server.said();
    }
}
