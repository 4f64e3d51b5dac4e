//! `--verbose`: what is shown of the dialogue, and what never is.

use std::fs;

use base64ct::{Base64, Encoding as _};

use crate::logins::{A, fetch, told};
use crate::support::{House, PASSWORD, RUNTIMES, Script, Scripted, code, errors, program, script};

/// A token, and the password of the scripted servers.
const TOKEN: &str = "ya29.abcdefghij";

#[test]
fn the_dialogue_is_shown_while_a_message_is_a_figure() {
    for runtime in RUNTIMES {
        let house = House::new();
        let server = house.serve(&[]);
        house.deliver(&[A.to_vec()]);
        let shown =
            fetch(&house, &server.url("pop3"), &["--tls", "starttls", "--verbose", "--runtime", runtime]);
        let text = errors(&shown);
        assert_eq!(code(&shown), 0, "{text}");
        for line in [
            "S: +OK ",
            "C: CAPA",
            "S: SASL ",
            "C: STLS",
            "-- TLS",
            "C: AUTH SCRAM-SHA-",
            "C: UIDL",
            "S: 1 ",
            "C: RETR 1",
            &format!("S: ({} octets)", A.len()),
            "S: .",
            "C: QUIT",
        ] {
            assert!(text.lines().any(|told| told.starts_with(line)), "{runtime}: {line} in {text}");
        }
        for hidden in [PASSWORD.trim(), "Subject", "first"] {
            assert!(!text.contains(hidden), "{runtime}: {hidden} in {text}");
        }
        assert_eq!(house.fetched(), [A]);

        let output = program()
            .args(["check", &server.url("pop3s"), "-v", "--json", "--auth", "plain", "--ca-file"])
            .arg(house.path("cert.pem"))
            .env("POP3_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        let text = errors(&output);
        assert!(text.contains("C: AUTH PLAIN\nS: + ***\nC: ***\nS: +OK"), "{text}");
        // The report stays as it is.
        assert!(serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok(), "{output:?}");
    }
}

/// A server that repeats whatever it was sent since the login began, and the password that it knows, in every reply and
/// every list that it sends from then on.
fn echoing(sasl: &'static str, secret: &'static str) -> Script {
    let mut heard = vec![secret.to_owned()];
    let mut logged_in = false;
    script(vec![A.to_vec()], move |line| {
        let verb = line.split(' ').next().unwrap_or_default();
        let known = matches!(verb, "CAPA" | "UIDL" | "LIST" | "STAT" | "NOOP" | "RETR" | "QUIT" | "USER");
        if !known {
            heard.extend(line.split(' ').map(str::to_owned));
            heard.push(line.to_owned());
            heard.extend(
                Base64::decode_vec(line).ok().map(|text| String::from_utf8_lossy(&text).into_owned()),
            );
        }
        let all = heard.join(" | ").replace(['\0', '\x01'], " ");
        let last = heard.last().cloned().unwrap_or_default();
        Some(Some(
            match verb {
                "CAPA" if logged_in => {
                    format!("+OK {all}\r\n{sasl}\r\nX-HEARD {all}\r\nIMPLEMENTATION {last}\r\nUIDL\r\n.\r\n")
                }
                "CAPA" => format!("+OK\r\n{sasl}\r\nUIDL\r\n.\r\n"),
                "UIDL" => format!("+OK {all}\r\n1 {}\r\n.\r\n", last.replace(' ', "_")),
                "LIST" => format!("+OK {all}\r\n1 {}\r\n.\r\n", A.len()),
                "STAT" => format!("+OK 1 {} {all}\r\n", A.len()),
                "NOOP" | "QUIT" => format!("+OK {all}\r\n"),
                "RETR" => format!("+OK {all}\r\n{}.\r\n", String::from_utf8_lossy(A)),
                // A user of the mechanism LOGIN is asked for name and password.
                "AUTH" if !line.contains("CRAM") => "+ \r\n".to_owned(),
                "AUTH" => format!("+ {}\r\n", Base64::encode_string(b"<1.2@h>")),
                _ if line == Base64::encode_string(b"alice") => "+ UGFzc3dvcmQ6\r\n".to_owned(),
                _ => {
                    logged_in = verb != "USER";
                    format!("+OK {all}\r\n")
                }
            }
            .into_bytes(),
        ))
    })
}

#[test]
fn a_server_that_repeats_secrets_does_not_show_them() {
    for (way, sasl) in [
        ("user", "USER"),
        ("apop", "USER"),
        ("plain", "SASL PLAIN"),
        ("login", "SASL LOGIN"),
        ("cram-md5", "SASL CRAM-MD5"),
        ("xoauth2", "SASL XOAUTH2"),
        ("oauthbearer", "SASL OAUTHBEARER"),
    ] {
        let house = House::new();
        let secret = if way.contains("oauth") { TOKEN } else { PASSWORD };
        let server = Scripted::start(b"+OK <1.2@h>\r\n", vec![echoing(sasl, secret)]);
        let mut options = vec!["--verbose", "--auth", way];
        let command = format!("echo {TOKEN}");
        if way.contains("oauth") {
            options.extend(["--token-command", command.as_str()]);
        }
        let output = fetch(&house, &server.url(), &options);
        let text = errors(&output);
        let said = server.said();
        assert!(text.contains("***") && text.contains("C: QUIT"), "{way}: {text}");
        assert_eq!(house.fetched(), [A], "{way}: {text}");
        let mut secrets = vec![secret.trim().to_owned()];
        // What followed USER or AUTH, which is secret, except for the name that LOGIN sends.
        let from = said.iter().position(|line| line.starts_with("AUTH") || line.starts_with("APOP"));
        if let Some(from) = from {
            let end = said
                .iter()
                .skip(from + 1)
                .position(|line| line == "CAPA")
                .map_or(said.len(), |at| from + 1 + at);
            let words = said[from..end].iter().filter_map(|line| line.split(' ').next_back());
            let name = Base64::encode_string(b"alice");
            secrets.extend(words.filter(|word| word.len() > 12 && **word != name).map(str::to_owned));
        }
        for secret in secrets {
            assert!(!text.contains(&secret), "{way}: {secret} in {text}");
        }
    }
}

#[test]
fn a_password_outside_ascii_is_sent_by_pass_on_demand() {
    for password in ["sch\u{f6}n".as_bytes(), b"sch\xf6n"] {
        let house = House::new();
        fs::write(house.path("secret"), password).unwrap();
        let secret = house.path("secret").display().to_string();
        let options = ["--password-file", secret.as_str(), "--auth", "user"];

        let server = Scripted::start(b"+OK\r\n", vec![script(vec![A.to_vec()], |_| None)]);
        let text = told(&fetch(&house, &server.url(), &options), 2);
        assert!(text.contains("--raw-password sends it"), "{text}");
        assert!(!server.said().iter().any(|line| line.starts_with("USER") || line.starts_with("PASS")));

        let server = Scripted::start(b"+OK\r\n", vec![script(vec![A.to_vec()], |_| None)]);
        let output = fetch(&house, &server.url(), &[&options[..], &["--raw-password"]].concat());
        assert_eq!(code(&output), 0, "{}", errors(&output));
        assert!(server.said().contains(&"PASS sch\u{f6}n".to_owned()));
        assert_eq!(house.fetched(), [A]);
    }
}
