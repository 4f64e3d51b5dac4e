//! The fetcher's logins to our server, with every mechanism.

use std::fs;
use std::process::Output;

use pop3_sasl::Mechanism;

use crate::external::Authority;
use crate::scripted_logins::auth_script;
use crate::support::{House, PASSWORD, RUNTIMES, Scripted, Server, code, errors, program};

pub(crate) const A: &[u8] = b"Subject: a\r\n\r\nfirst\r\n";

pub(crate) const ALL: &str = "--auth-mechanisms=PLAIN,LOGIN,CRAM-MD5,SCRAM-SHA-1,SCRAM-SHA-256,SCRAM-SHA-512";

/// A fetch of everything into a directory.
pub(crate) fn fetch(house: &House, url: &str, options: &[&str]) -> Output {
    let to = house.to("dir");
    house.fetch(url, &[&["--all", "--to", &to], options].concat()).output().unwrap()
}

/// The only line of output, with this exit code.
pub(crate) fn told(output: &Output, exit: i32) -> String {
    let text = errors(output);
    assert_eq!((code(output), text.lines().count()), (exit, 1), "{text}");
    assert!(!text.contains(PASSWORD.trim()), "{text}");
    text
}

/// The method by which `check` logs in.
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
    let line = page.lines().find_map(|line| line.strip_prefix("logged in with"));
    line.unwrap_or_else(|| panic!("{page}")).trim().to_owned()
}

#[test]
fn every_mechanism_of_passwords_fetches() {
    for (index, mechanism) in Mechanism::ALL.iter().copied().enumerate() {
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

// 5034-4.28, 9266-2.01: by default the strongest, on each runtime, with channel binding.
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
    // Without TLS there is no channel binding.
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
fn a_token_fetches_and_a_wrong_one_is_reported() {
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
    // If a server does not offer it, the client tries nothing else.
    let scripted = Scripted::start(
        b"+OK\r\n",
        vec![auth_script("SASL PLAIN\r\nUSER", |line| {
            line.starts_with("AUTH SCRAM").then(|| Some(b"-ERR no such mechanism\r\n".to_vec()))
        })],
    );
    let url = format!("pop3://alice;AUTH=SCRAM-SHA-256@127.0.0.1:{}", scripted.port);
    let text = told(&fetch(&house, &url, &[]), 4);
    assert!(
        text.contains("refused SCRAM-SHA-256, which it does not offer") && text.contains("no such mechanism"),
        "{text}"
    );
    assert_eq!(scripted.said(), ["CAPA", "AUTH SCRAM-SHA-256"]);
    for (options, what) in [
        (&["--require-binding", "--auth", "plain"][..], "-PLUS"),
        (&["--auth", "gssapi"], "possible values: auto"),
    ] {
        let text = told(&fetch(&house, "pop3s://alice@127.0.0.1:1", options), 2);
        assert!(text.contains(what), "{text}");
    }
}
