//! A server that offers -PLUS but not our type of binding, like Cyrus, and how an attacker could use that.

use std::process::Output;

use base64ct::{Base64, Encoding as _};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{Decision, ExchangeStep, ServerExchange, ServerSetup};
use pop3_sasl::{Mechanism, Nonce};

use crate::in_tls::InTls;
use crate::logins::{ALL, fetch, told};
use crate::support::{House, PASSWORD, RUNTIMES, Server, code, errors, program};
use crate::talk::Talk;

/// How the server reacts to AUTH SCRAM-SHA-256-PLUS.
#[derive(Clone, Copy, Debug)]
enum Plus {
    /// Refuses the command.
    Refuses(&'static str),
    /// Refuses with an error of SCRAM, before a proof.
    Says(&'static str),
    /// Accepts the proof, and refuses then.
    Late(&'static str),
}

/// A server for one connection that offers -PLUS.
struct Odd(InTls);

impl Odd {
    fn start(house: &House, list: &'static str, plus: Plus) -> Self {
        Self(InTls::start(house, answers(list, plus)))
    }

    fn check(&self, house: &House, options: &[&str]) -> Output {
        program()
            .args(["check", &self.0.url(), "--ca-file"])
            .arg(house.path("cert.pem"))
            .args(options)
            .env("POP3_PASSWORD", PASSWORD)
            .output()
            .unwrap()
    }

    /// The lines of logins: verb and mechanism.
    fn logins(self) -> Vec<String> {
        let said = self.0.said();
        let of_login = |line: &&String| ["AUTH", "USER", "PASS"].iter().any(|verb| line.starts_with(verb));
        let words = |line: &String| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        said.iter().filter(of_login).map(words).collect()
    }
}

fn answers(list: &'static str, plus: Plus) -> impl FnMut(&str) -> String + Send + 'static {
    let mut exchange: Option<ServerExchange> = None;
    let mut bound = false;
    move |line| {
        let step = if let Some(first) = line.strip_prefix("AUTH SCRAM-SHA-256 ") {
            let first = Base64::decode_vec(first).unwrap();
            // `y` would tell a server that offers -PLUS about an attack.
            if !first.starts_with(b"n,,") {
                return "-ERR [AUTH] not the flag n".to_owned();
            }
            let setup = ServerSetup::new(Nonce::from_text("servers").unwrap(), "0123456789abcdef");
            exchange.insert(ServerExchange::new(Mechanism::ScramSha256, setup)).begin(Some(&first)).unwrap()
        } else if let Some(first) = line.strip_prefix("AUTH SCRAM-SHA-256-PLUS ") {
            let first = String::from_utf8(Base64::decode_vec(first).unwrap()).unwrap();
            assert!(first.starts_with("p="), "{first}");
            return match plus {
                Plus::Refuses(reply) => reply.to_owned(),
                Plus::Says(word) => {
                    bound = true;
                    format!("+ {}", Base64::encode_string(word.as_bytes()))
                }
                Plus::Late(_) => {
                    bound = true;
                    let nonce = first.split_once("r=").unwrap().1;
                    let challenge = format!("r={nonce}x,s=c2FsdA==,i=4096");
                    format!("+ {}", Base64::encode_string(challenge.as_bytes()))
                }
            };
        } else if bound {
            bound = false;
            return match plus {
                Plus::Late(reply) if line != "*" => reply.to_owned(),
                Plus::Refuses(_) | Plus::Says(_) | Plus::Late(_) => "-ERR cancelled".to_owned(),
            };
        } else if let Some(running) = exchange.as_mut() {
            running.respond(&Base64::decode_vec(line).unwrap()).unwrap()
        } else {
            return match line.split(' ').next().unwrap() {
                "CAPA" => format!("+OK\r\n{list}\r\nUIDL\r\n."),
                "STAT" => "+OK 0 0".to_owned(),
                "LIST" | "UIDL" => "+OK\r\n.".to_owned(),
                "AUTH" => "-ERR no".to_owned(),
                _ => "+OK".to_owned(),
            };
        };
        follow(&mut exchange, step)
    }
}

fn follow(exchange: &mut Option<ServerExchange>, mut step: ExchangeStep) -> String {
    loop {
        step = match step {
            ExchangeStep::Ask(_) => {
                let keys = Keys::derive(Hash::Sha256, PASSWORD.as_bytes(), b"salt", 4096);
                exchange.as_mut().unwrap().answer(Decision::Keys(Some(keys.unwrap()))).unwrap()
            }
            ExchangeStep::Challenge(octets) => {
                return format!("+ {}", Base64::encode_string(octets.expose()));
            }
            ExchangeStep::Done(_) => {
                *exchange = None;
                return "+OK".to_owned();
            }
            ExchangeStep::Fail(_) => {
                *exchange = None;
                return "-ERR [AUTH] no".to_owned();
            }
        };
    }
}

const BOTH: &str = "SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\nUSER";

/// How Cyrus refuses an unknown type of binding.
const CYRUS: Plus = Plus::Refuses("-ERR [AUTH] authenticating: bad protocol / cancel");

// 5802-6.01
#[test]
fn a_binding_that_the_server_does_not_know_is_left_out_and_told() {
    let house = House::new();
    let refusals = [
        CYRUS,
        Plus::Refuses("-ERR no"),
        Plus::Says("e=unsupported-channel-binding-type"),
        Plus::Says("e=channel-binding-not-supported"),
    ];
    for plus in refusals {
        for runtime in RUNTIMES {
            let server = Odd::start(&house, BOTH, plus);
            let output = server.check(&house, &["--runtime", runtime]);
            let (page, text) = (String::from_utf8(output.stdout.clone()).unwrap(), errors(&output));
            assert_eq!(code(&output), 0, "{runtime} {plus:?}: {text}");
            assert!(
                page.lines()
                    .any(|line| line.starts_with("logged in with") && line.ends_with("SCRAM-SHA-256")),
                "{page}"
            );
            assert!(text.contains("warning") && text.contains("not bound to TLS"), "{text}");
            let logins = server.logins();
            assert_eq!(logins.last().map(String::as_str), Some("AUTH SCRAM-SHA-256"));
            assert_eq!(logins[0], "AUTH SCRAM-SHA-256-PLUS");
        }
    }
    // Cyrus refuses after the proof, which looks like a wrong password. It is recognised by its name.
    let cyrus = "SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256\r\nIMPLEMENTATION Cyrus POP3 server v3.6.1";
    for runtime in RUNTIMES {
        let server = Odd::start(&house, cyrus, Plus::Late("-ERR [AUTH] bad protocol / cancel"));
        let output = server.check(&house, &["--runtime", runtime]);
        assert_eq!(code(&output), 0, "{runtime}: {}", errors(&output));
        assert!(errors(&output).contains("not bound to TLS"), "{}", errors(&output));
        assert_eq!(server.logins(), ["AUTH SCRAM-SHA-256"]);
    }
    let server = Odd::start(&house, cyrus, Plus::Late("-ERR [AUTH] bad protocol / cancel"));
    assert_eq!(code(&server.check(&house, &["--require-binding"])), 4);
    assert_eq!(server.logins(), ["AUTH SCRAM-SHA-256-PLUS"]);
    // There is no warning for a user who requests the mechanism.
    let server = Odd::start(&house, BOTH, CYRUS);
    let output = server.check(&house, &["--auth", "scram-sha-256"]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    server.logins();
}

#[test]
fn a_binding_is_omitted_only_before_a_proof_and_if_not_required() {
    let house = House::new();
    let only = "SASL SCRAM-SHA-256-PLUS PLAIN LOGIN\r\nUSER";
    for (list, plus, options) in [
        // After a proof, a refusal is final.
        (BOTH, Plus::Late("-ERR no"), &[][..]),
        (BOTH, Plus::Late("-ERR [AUTH] no"), &[]),
        (BOTH, Plus::Late("+ ZT11bnN1cHBvcnRlZC1jaGFubmVsLWJpbmRpbmctdHlwZQ=="), &[]),
        // A different problem.
        (BOTH, Plus::Refuses("-ERR [SYS/TEMP] later"), &[]),
        (BOTH, Plus::Refuses("-ERR [IN-USE] later"), &[]),
        // A man in the middle is noticed.
        (BOTH, Plus::Says("e=channel-bindings-dont-match"), &[]),
        // The choice of the user, or of the standard.
        (BOTH, CYRUS, &["--require-binding"]),
        (BOTH, CYRUS, &["--strict"]),
        (BOTH, CYRUS, &["--auth", "scram-sha-256-plus"]),
        // Only the same mechanism is acceptable.
        (only, CYRUS, &[]),
    ] {
        let server = Odd::start(&house, list, plus);
        let output = server.check(&house, options);
        let text = errors(&output);
        assert!(matches!(code(&output), 4 | 6), "{plus:?} {options:?}: {text}");
        assert!(!text.contains("warning"), "{text}");
        let logins = server.logins();
        assert_eq!(logins, ["AUTH SCRAM-SHA-256-PLUS"], "{plus:?} {options:?}");
    }
}

// A list in which a man in the middle needs only this refusal. Even then he gets only a proof.
#[test]
fn nothing_weaker_follows_a_login_that_is_not_bound() {
    let house = House::new();
    let tells = "SASL SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN\r\nUSER\r\nRESP-CODES\r\nAUTH-RESP-CODE";
    let server = Odd::start(&house, tells, CYRUS);
    let output = server.check(&house, &[]);
    assert_eq!(code(&output), 4, "{}", errors(&output));
    let logins = server.logins();
    assert!(logins.iter().all(|line| line.starts_with("AUTH SCRAM-SHA-1")), "{logins:?}");
    assert!(logins.contains(&"AUTH SCRAM-SHA-1".to_owned()), "{logins:?}");
}

// mutt 2.2 and neomutt choose -PLUS whenever it is offered, and then fail.
#[test]
fn serve_offers_bindings_on_demand_and_ours_uses_them() {
    let house = House::new();
    for (options, expected) in [(&[][..], false), (&["--channel-binding"], true)] {
        let server = house.serve(options);
        for (scheme, tls) in [("pop3s", "implicit"), ("pop3", "starttls")] {
            let output = program()
                .args(["check", &server.url(scheme), "--tls", tls, "--ca-file"])
                .arg(house.path("cert.pem"))
                .env("POP3_PASSWORD", PASSWORD)
                .output()
                .unwrap();
            assert_eq!(code(&output), 0, "{}", errors(&output));
            let page = String::from_utf8(output.stdout).unwrap();
            assert_eq!(page.contains("-PLUS"), expected, "{page}");
            let way = if expected { "SCRAM-SHA-512-PLUS" } else { "SCRAM-SHA-512" };
            assert!(
                page.lines().any(|line| line.starts_with("logged in with") && line.ends_with(way)),
                "{page}"
            );
        }
    }
    let output = program().args(["serve", "--no-channel-binding"]).output().unwrap();
    assert_eq!(code(&output), 2);
}

/// A man in the middle whose certificate is trusted, and who removes -PLUS from the list.
fn stripping(house: &House, behind: &Server) -> InTls {
    let mut back = Talk::tls(house, behind.tls, None);
    InTls::start(house, move |line| {
        if line != "CAPA" {
            return back.say(line);
        }
        let lines = back.list("CAPA").into_iter().map(|line| {
            let words = line.split(' ').filter(|word| !word.ends_with("-PLUS"));
            words.collect::<Vec<_>>().join(" ") + "\r\n"
        });
        format!("+OK\r\n{}.", lines.collect::<String>())
    })
}

// 5802-6.01: with the option, the client refuses. Without it, the client says that it supports channel binding, and
// the real server refuses, first the initial response and then the same after a challenge. Neither becomes weaker.
#[test]
fn a_list_without_plus_is_noticed() {
    let house = House::new();
    let server = house.serve(&[ALL, "--channel-binding"]);
    for (options, what, auths) in
        [(&["--require-binding"][..], "may have removed it from the list", 0), (&[], "refused the login", 2)]
    {
        let between = stripping(&house, &server);
        let text = told(&fetch(&house, &between.url(), options), 4);
        assert!(text.contains(what), "{text}");
        let said = between.said();
        assert_eq!(said.iter().filter(|line| line.starts_with("AUTH")).count(), auths, "{said:?}");
        assert!(!said.iter().any(|line| line.starts_with("AUTH PLAIN") || line.starts_with("USER")));
    }
}
