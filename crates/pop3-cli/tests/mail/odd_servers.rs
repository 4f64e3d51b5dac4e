//! Servers that are broken or hostile: one clear line for each fault, the right exit code, and nothing
//! is deleted that is not stored.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::{House, LAST, PASSWORD, Script, Scripted, code, errors, program, script};

const A: &[u8] = b"Subject: a\r\n\r\nfirst\r\n";
const B: &[u8] = b"Subject: b\r\n\r\nsecond\r\n";

fn mail() -> Vec<Vec<u8>> {
    vec![A.to_vec(), B.to_vec()]
}

/// Fetches with `--delete` from a server whose replies are changed. Also returns what the client sent.
fn fetch(house: &House, scripts: Vec<Script>, options: &[&str]) -> (Output, Vec<String>) {
    let server = Scripted::start(b"+OK ready\r\n", scripts);
    let to = house.to("dir");
    let options = [options, &["--delete", "--to", &to]].concat();
    let output = house.fetch(&server.url(), &options).output().unwrap();
    (output, server.said())
}

fn changed(at: &'static str, reply: Option<&'static [u8]>) -> Vec<Script> {
    vec![script(mail(), move |line| (line == at).then(|| reply.map(<[u8]>::to_vec)))]
}

fn deleted(said: &[String]) -> Vec<&str> {
    said.iter().map(String::as_str).filter(|line| line.starts_with("DELE") || *line == "QUIT").collect()
}

// 1939-3.37
#[test]
fn what_does_not_arrive_whole_is_told_and_never_deleted() {
    for (reply, exit, marked, what) in [
        // Refused: the others are fetched and deleted. Empty: they are fetched, and QUIT might remove it.
        (Some(&b"-ERR \x1b[31mno\r\n"[..]), 1, &["DELE 2", "QUIT"][..], "refused"),
        (Some(b"+OK\r\n.\r\n"), 1, &[], "empty"),
        // The connection ends, with and without a part of the final dot.
        (Some(b"+OK\r\nSubject: a\r\n\r\nfir"), 3, &[], "closed"),
        (None, 3, &[], "closed"),
        // An unstuffed dot ends the message too early: the rest is not a reply.
        (Some(b"+OK\r\nSubject: a\r\n\r\nfirst and\r\n.\r\nmore\r\n.\r\n"), 5, &[], "no command asked for"),
        (Some(b"* OK\r\n"), 5, &[], "neither with +OK"),
    ] {
        let house = House::new();
        let last = if exit == 3 { LAST } else { b"" };
        let answer = move |line: &str| (line == "RETR 1").then(|| reply.map(|reply| [last, reply].concat()));
        let (output, said) = fetch(&house, vec![script(mail(), answer)], &[]);
        assert_eq!(code(&output), exit, "{what}: {}", errors(&output));
        assert_eq!(deleted(&said), marked, "{what}");
        let text = errors(&output);
        let lines = if what == "empty" { 2 } else { 1 };
        assert!(
            text.contains(what) && text.lines().count() == lines && !text.contains('\x1b'),
            "{what}: {text}"
        );
        let stored = if exit == 1 { vec![B.to_vec()] } else { vec![] };
        assert_eq!(house.fetched(), stored, "{what}");
    }
}

// 2449-5.02, 1939-7.59
#[test]
fn a_server_with_neither_capa_nor_uidl_is_fetched_from_once() {
    let house = House::new();
    let old = || {
        script(mail(), |line| {
            (line == "CAPA" || line.starts_with("UIDL")).then(|| Some(b"-ERR what?\r\n".to_vec()))
        })
    };
    let server = Scripted::start(b"+OK\r\n", vec![old(), old()]);
    for _ in 0..2 {
        let output = house.fetch(&server.url(), &["--to", &house.to("dir")]).output().unwrap();
        assert_eq!(code(&output), 0, "{}", errors(&output));
        assert_eq!(house.fetched(), mail());
    }
    server.said();
}

// 2449-5.11: RFC 1939 without its optional commands is enough.
#[test]
fn a_minimal_server_is_enough() {
    let basic = ["USER", "PASS", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT"];
    let minimal = script(mail(), move |line| {
        let known = basic.contains(&line.split(' ').next().unwrap());
        (!known).then(|| Some(b"-ERR what?\r\n".to_vec()))
    });
    let house = House::new();
    let (output, said) = fetch(&house, vec![minimal], &[]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(house.fetched(), mail());
    assert_eq!(deleted(&said), ["DELE 1", "DELE 2", "QUIT"]);
}

// 1939-8.02, 2449-6.72: a server that announces that it deletes by itself.
#[test]
fn what_is_to_be_deleted_is_deleted_by_us() {
    let capa: &[u8] = b"+OK\r\nEXPIRE 0\r\nUIDL\r\nUSER\r\n.\r\n";
    let house = House::new();
    let (output, said) = fetch(&house, changed("CAPA", Some(capa)), &[]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(deleted(&said), ["DELE 1", "DELE 2", "QUIT"]);
    // And nothing else.
    let server = Scripted::start(b"+OK\r\n", changed("CAPA", Some(capa)));
    let house = House::new();
    let output = house.fetch(&server.url(), &["--to", &house.to("dir")]).output().unwrap();
    assert_eq!((code(&output), deleted(&server.said())), (0, vec!["QUIT"]), "{}", errors(&output));
}

// 1939-5.30, TOL-13: sizes that are too small, zero, or larger than any memory.
#[test]
fn sizes_that_are_wrong_end_no_message_and_take_no_memory() {
    for listed in ["5", "0", "9223372036854775807", "18446744073709551615"] {
        let house = House::new();
        let list = format!("+OK\r\n1 {listed}\r\n2 {}\r\n.\r\n", B.len()).into_bytes();
        let answer = script(mail(), move |line| (line == "LIST").then(|| Some(list.clone())));
        let (output, said) = fetch(&house, vec![answer], &[]);
        assert_eq!(code(&output), 0, "{listed}: {}", errors(&output));
        assert_eq!(house.fetched(), mail(), "{listed}");
        assert_eq!(deleted(&said), ["DELE 1", "DELE 2", "QUIT"], "{listed}");
    }
}

/// A single dot that was not stuffed, before lines that happen to be replies. All of them are mistaken for the
/// replies to the next commands.
#[test]
fn a_message_that_is_cut_in_front_of_what_looks_like_a_reply_is_never_deleted() {
    let cut = b"+OK\r\nSubject: long\r\n\r\n0123456789\r\n.\r\n+OK it goes on\r\n.\r\n";
    for pipelining in [false, true] {
        let house = House::new();
        let long = [b"Subject: long\r\n\r\n".as_slice(), &b"0123456789\r\n".repeat(100)].concat();
        let answer = script(vec![long, B.to_vec()], move |line| match line {
            "RETR 1" => Some(Some(cut.to_vec())),
            "CAPA" if pipelining => Some(Some(b"+OK\r\nPIPELINING\r\nUIDL\r\n.\r\n".to_vec())),
            _ => None,
        });
        let (output, said) = fetch(&house, vec![answer], &[]);
        assert_eq!(code(&output), 5, "{}", errors(&output));
        assert_eq!((house.fetched(), deleted(&said)), (vec![], vec![]));
    }
}

/// TOL-10:
/// Messages that were already fetched, or are never sent, must not displace new ones in every run.
#[test]
fn a_limit_lets_each_run_get_on() {
    type Change = fn(&str) -> Option<Option<Vec<u8>>>;
    let no_ids: Change = |line| ["CAPA", "UIDL"].contains(&line).then(|| Some(b"-ERR what?\r\n".to_vec()));
    let refusing: Change = |line| (line == "RETR 1").then(|| Some(b"-ERR no\r\n".to_vec()));
    let mail =
        || (0..5).map(|index| format!("Subject: {index}\r\n\r\nx\r\n").into_bytes()).collect::<Vec<_>>();
    for (change, limit, counts, exit) in
        [(no_ids, "2", &[2, 4, 5, 5][..], 0), (refusing, "1", &[1, 2, 3, 4, 4], 1), (no_ids, "0", &[0], 0)]
    {
        let house = House::new();
        let server = Scripted::start(b"+OK\r\n", counts.iter().map(|_| script(mail(), change)).collect());
        for count in counts {
            let options = ["--limit", limit, "--to", &house.to("dir")];
            let output = house.fetch(&server.url(), &options).output().unwrap();
            assert_eq!(code(&output), exit, "{}", errors(&output));
            let fetched = house.fetched();
            assert_eq!(fetched.len(), *count);
            assert!(fetched.iter().all(|message| mail().contains(message)), "{fetched:?}");
        }
        server.said();
    }
}

// 1939-7.56
#[test]
fn two_messages_with_one_unique_id_are_both_fetched_and_paths_in_it_lead_nowhere() {
    for uid in ["twin", "../../../tmp/evil", "a b", &"x".repeat(200)] {
        let house = House::new();
        let listing = format!("+OK\r\n1 {uid}\r\n2 {uid}\r\n.\r\n").into_bytes();
        let answer = move || {
            let listing = listing.clone();
            script(mail(), move |line| (line == "UIDL").then(|| Some(listing.clone())))
        };
        let server = Scripted::start(b"+OK\r\n", vec![answer(), answer()]);
        for _ in 0..2 {
            let output = house.fetch(&server.url(), &["--to", &house.to("dir")]).output().unwrap();
            assert_eq!(code(&output), 0, "{uid}: {}", errors(&output));
            assert_eq!(house.fetched(), mail(), "{uid}");
        }
        server.said();
        let names: Vec<_> =
            fs::read_dir(house.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.len() <= 3, "{names:?}");
    }
}

// 1939-6.15
#[test]
fn a_quit_that_could_not_remove_all_is_told() {
    let house = House::new();
    let (output, said) =
        fetch(&house, changed("QUIT", Some(b"-ERR some deleted messages not removed\r\n")), &[]);
    assert_eq!(code(&output), 1, "{}", errors(&output));
    assert_eq!(deleted(&said), ["DELE 1", "DELE 2", "QUIT"]);
    assert_eq!(house.fetched(), mail());
}

// 2449-8.12, 3206-4.02, TOL-19
#[test]
fn no_login_no_messages() {
    for (reply, advice, exit) in [
        (&b"-ERR [IN-USE] busy\r\n"[..], "another session is using the maildrop", 6),
        (b"-ERR [SYS/TEMP] disk\r\n", "try again later", 6),
        (b"-ERR [LOGIN-DELAY] wait\r\n", "try again later", 6),
        (b"-ERR [SYS/PERM] no such disk\r\n", "contact its administrator", 4),
        (b"-ERR [AUTH] no\r\n", "name or password is wrong", 4),
        (b"-ERR\r\n", "user name or password is wrong", 4),
        // The text is not interpreted.
        (b"-ERR maildrop is locked, busy: wait\r\n", "user name or password is wrong", 4),
    ] {
        let house = House::new();
        let server = Scripted::start(
            b"+OK\r\n",
            vec![script(mail(), move |line| line.starts_with("PASS").then(|| Some(reply.to_vec())))],
        );
        let output = house.fetch(&server.url(), &["--to", &house.to("dir")]).output().unwrap();
        let text = errors(&output);
        assert_eq!(code(&output), exit, "{text}");
        assert!(text.contains(advice) && text.lines().count() == 1, "{text}");
        assert!(!text.contains(PASSWORD.trim()), "{text}");
        server.said();
    }
}

#[test]
fn other_protocols_and_silence() {
    for (greeting, exit, what) in [
        (&b"220 mail.example ESMTP\r\n"[..], 5, "SMTP"),
        (b"* OK IMAP4rev1 ready\r\n", 5, "IMAP"),
        (b"-ERR too many connections\r\n", 3, "too many connections"),
        (b"-ERR [SYS/TEMP] too many connections\r\n", 6, "too many connections (try again later)"),
        (b"", 3, "timed out waiting for the greeting"),
    ] {
        let house = House::new();
        let server = Scripted::start(greeting, vec![Box::new(|_| None)]);
        let output =
            house.fetch(&server.url(), &["--timeout", "1", "--to", &house.to("dir")]).output().unwrap();
        let text = errors(&output);
        assert_eq!(code(&output), exit, "{text}");
        assert!(text.contains(what) && text.lines().count() == 1, "{text}");
        assert_eq!(server.said(), [""; 0]);
    }
}

// 8314-5.01: checked with the log of the server, and with everything that a server receives.
#[test]
fn a_certificate_that_is_not_believed_gets_no_command() {
    let house = House::new();
    // Trusts only a different authority.
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(house.path("other.pem"), other.cert.pem()).unwrap();
    let fetch = |url: &str, options: &[&str]| {
        let mut command = program();
        let state = house.path(&url.replace(['/', ':'], "-"));
        command.args(["fetch", url, "--to", "-", "--state"]).arg(state).args(options);
        command.arg("--ca-file").arg(house.path("other.pem")).env("POP3_PASSWORD", PASSWORD);
        let output = command.output().unwrap();
        assert_eq!(code(&output), 3, "{}", errors(&output));
        assert!(errors(&output).contains("--ca-file"), "{}", errors(&output));
    };
    let mut server = house.serve(&[]);
    fetch(&server.url("pop3s"), &[]);
    fetch(&server.url("pop3"), &["--tls", "starttls"]);
    server.signal("-TERM");
    server.child.wait().unwrap();
    assert!(house.log().contains("TLS handshake") && !house.log().contains("alice"), "{}", house.log());

    for stls in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = tls_config(&house);
        let seen = thread::spawn(move || {
            let mut tcp = listener.accept().unwrap().0;
            let mut clear = [0; 6];
            if stls {
                tcp.write_all(b"+OK ready\r\n").unwrap();
                tcp.read_exact(&mut clear).unwrap();
                tcp.write_all(b"+OK begin\r\n").unwrap();
            }
            let mut tls = rustls::ServerConnection::new(config).unwrap();
            let fault = loop {
                match tls.complete_io(&mut tcp) {
                    Ok(_) if tls.is_handshaking() => {}
                    Ok(_) => break None,
                    Err(fault) => break Some(fault.to_string()),
                }
            };
            // Everything that follows it.
            let mut rest = Vec::new();
            let _ = tcp.read_to_end(&mut rest);
            (clear, fault, rest, tls.is_handshaking())
        });
        let scheme = if stls { "pop3" } else { "pop3s" };
        let options: &[&str] = if stls { &["--tls", "starttls"] } else { &[] };
        fetch(&format!("{scheme}://alice@127.0.0.1:{port}"), options);
        let (clear, fault, rest, handshaking) = seen.join().unwrap();
        assert_eq!(&clear, if stls { b"STLS\r\n" } else { &[0; 6] });
        // The last thing that the client sent was an alert, so it had no keys with which to send a command.
        assert!(fault.as_ref().is_some_and(|fault| fault.starts_with("received fatal alert")), "{fault:?}");
        assert!(handshaking && rest.is_empty(), "{rest:x?}");
    }
}

/// The side of a server with the certificate of the house.
pub(crate) fn tls_config(house: &House) -> Arc<rustls::ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(house.path("cert.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(house.path("key.pem")).unwrap();
    pop3_driver::tls::server_config(chain, key).unwrap()
}

// 2595-4.21
#[test]
fn stls_that_is_refused_ends_it_before_the_name() {
    let house = House::new();
    let server = Scripted::start(
        b"+OK\r\n",
        vec![script(mail(), |line| (line == "STLS").then(|| Some(b"-ERR what?\r\n".to_vec())))],
    );
    let output =
        house.fetch(&server.url(), &["--tls", "starttls", "--to", &house.to("dir")]).output().unwrap();
    assert_eq!(code(&output), 3, "{}", errors(&output));
    assert_eq!(server.said(), ["STLS"]);
}

#[test]
fn a_command_line_that_can_not_be_used() {
    for line in [
        &["fetch", "pop3://h", "--to", "-"][..],
        &["fetch", "http://alice@h", "--to", "-"],
        &["fetch", "pop3://alice:secret@h", "--to", "-"],
        &["fetch", "pop3://alice@h", "--to", "nowhere:x"],
        &["fetch", "pop://alice;AUTH=GSSAPI@h", "--to", "-"],
        &["serve", "--allow-root", "--maildrops", "/", "--users", "/nonexistent"],
    ] {
        let output = program().args(line).env("POP3_PASSWORD", "x").output().unwrap();
        let text = errors(&output);
        assert_eq!((code(&output), text.lines().count()), (2, 1), "{line:?}: {text}");
        assert!(text.starts_with("pop3: ") && !text.contains("secret"), "{text}");
    }
    let output = House::new().fetch("pop3://alice@127.0.0.1:1", &["--to", "-"]).output().unwrap();
    assert_eq!(code(&output), 3);
}
