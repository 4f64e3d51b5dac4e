//! What is served is what is fetched.

use std::fs;
use std::process::Stdio;

use crate::support::{House, RUNTIMES, code, contents, errors, program};

/// Messages in stored form and in wire form.
fn corpus() -> Vec<(Vec<u8>, Vec<u8>)> {
    let long = [b"S: l\n\n".as_slice(), &[b'x'; 100_000], b"\n"].concat();
    [
        &b"Subject: plain\n\nhello\n"[..],
        b".first octet\n\n.dot\n..two\n.\n",
        b"Subject: lone\r\n\r\n.\r\nend\r\n",
        b"Subject: no end\n\nabc",
        b"Subject: no body\n\n",
        b"Subject: no blank\n",
        b"Subject: mixed\r\n\nlf\ncr \r in\r\n",
        b"Subject: forged\n\n\r\n.\r\n+OK\r\n-ERR\r\n",
        b"Subject: eight\n\n\0\x80\xff\n",
        &long,
    ]
    .iter()
    .map(|stored| (stored.to_vec(), wire(stored)))
    .collect()
}

fn wire(stored: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for &octet in stored {
        if octet == b'\n' && wire.last() != Some(&b'\r') {
            wire.push(b'\r');
        }
        wire.push(octet);
    }
    if !wire.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

fn house() -> (House, Vec<Vec<u8>>) {
    let house = House::new();
    let (stored, mut wire): (Vec<_>, Vec<_>) = corpus().into_iter().unzip();
    house.deliver(&stored);
    wire.sort();
    (house, wire)
}

// 1939-3.39, 1939-3.33
#[test]
fn every_octet_on_every_runtime_in_every_mode() {
    let (house, wire) = house();
    for server_runtime in RUNTIMES {
        let server = house.serve(&["--runtime", server_runtime]);
        for (mode, options) in [
            ("pop3", &[][..]),
            ("pop3", &["--tls", "starttls"]),
            ("pop3s", &[]),
            ("pop3", &["--no-pipelining"]),
        ] {
            let client_runtime = if mode == "pop3s" { server_runtime } else { "std" };
            let to = house.to("dir");
            let options = [options, &["--all", "--runtime", client_runtime, "--to", &to]].concat();
            let output = house.fetch(&server.url(mode), &options).output().unwrap();
            assert_eq!(code(&output), 0, "{}", errors(&output));
            assert!(house.fetched() == wire, "{server_runtime} {mode} {options:?}");
            fs::remove_dir_all(house.path("out")).unwrap();
        }
    }
}

#[test]
fn the_client_runs_on_every_runtime() {
    let (house, wire) = house();
    let server = house.serve(&[]);
    for runtime in RUNTIMES {
        for options in [&["--tls", "starttls"][..], &[]] {
            let to = house.to("dir");
            let options = [options, &["--all", "--runtime", runtime, "--to", &to]].concat();
            let output = house.fetch(&server.url("pop3"), &options).output().unwrap();
            assert_eq!(code(&output), 0, "{}", errors(&output));
            assert!(house.fetched() == wire, "{options:?}");
            fs::remove_dir_all(house.path("out")).unwrap();
        }
    }
}

#[test]
fn a_second_run_fetches_what_is_new_and_all_fetches_all() {
    let (house, wire) = house();
    let server = house.serve(&[]);
    let fetch = |options: &[&str]| {
        let to = house.to("dir");
        let options = [options, &["--json", "--to", &to]].concat();
        let output = house.fetch(&server.url("pop3"), &options).output().unwrap();
        assert_eq!(code(&output), 0, "{}", errors(&output));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["fetched"].as_u64().unwrap()
    };
    assert_eq!(fetch(&["--limit", "4"]), 4);
    assert_eq!(fetch(&[]), wire.len() as u64 - 4);
    assert_eq!(fetch(&[]), 0);
    assert!(house.fetched() == wire);
    house.deliver(&[b"new\n\n".to_vec()]);
    assert_eq!(fetch(&[]), 1);
    assert_eq!(fetch(&["--all"]), wire.len() as u64 + 1);
    assert_eq!(house.fetched().len(), 2 * wire.len() + 2);
}

#[test]
fn what_is_stored_is_deleted_if_that_was_asked_for() {
    let (house, wire) = house();
    let server = house.serve(&[]);
    let to = house.to("dir");
    let run = |options: &[&str]| {
        let output = house.fetch(&server.url("pop3s"), &[options, &["--to", &to]].concat()).output().unwrap();
        (code(&output), errors(&output))
    };
    assert_eq!(run(&["--limit", "3"]).0, 0);
    assert_eq!(house.stored().len(), wire.len());
    let (code, errors) = run(&["--delete", "--max-size", "1000"]);
    assert_eq!(code, 0);
    assert!(errors.contains("--max-size") && errors.lines().count() == 1, "{errors}");
    assert_eq!(house.stored().len(), 1);
    assert_eq!(run(&["--delete"]).0, 0);
    assert!(house.stored().is_empty());
    assert!(house.fetched() == wire);
}

#[test]
fn a_maildir_an_mbox_and_a_stream() {
    let house = House::new();
    house.deliver(&[b"Subject: a\n\nFrom me\n.dot\n".to_vec(), b"Subject: b\r\n\r\nb".to_vec()]);
    let server = house.serve(&[]);
    let run = |to: &str| {
        let mut command = program();
        command
            .args(["fetch", &server.url("pop3"), "--quiet", "--to", to, "--state"])
            .arg(house.path(&format!("{}.state", to.split(':').next().unwrap())))
            .env("POP3_PASSWORD", crate::support::PASSWORD);
        command.output().unwrap()
    };
    assert_eq!(code(&run(&house.to("maildir"))), 0);
    let mut maildir = contents(&house.path("out/new"));
    maildir.sort();
    assert_eq!(maildir, [&b"Subject: a\n\nFrom me\n.dot\n"[..], b"Subject: b\n\nb\n"]);
    fs::remove_dir_all(house.path("out")).unwrap();
    assert_eq!(code(&run(&house.to("mbox"))), 0);
    let mbox = fs::read_to_string(house.path("out")).unwrap();
    assert_eq!(mbox.lines().filter(|line| line.starts_with("From ")).count(), 2, "{mbox}");
    assert!(mbox.contains("\n>From me\n.dot\n") && mbox.contains("\nSubject: b\n\nb\n"), "{mbox}");
    let stream = run("-");
    assert_eq!(code(&stream), 0);
    assert_eq!(stream.stdout, b"Subject: a\r\n\r\nFrom me\r\n.dot\r\nSubject: b\r\n\r\nb\r\n");
}

#[test]
fn the_demonstration_shows_that_all_is_well() {
    for runtime in RUNTIMES {
        let output = program().args(["demo", "--runtime", runtime]).output().unwrap();
        assert_eq!(code(&output), 0, "{}", errors(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("each message is what was stored") && !text.contains("tanstaaf"), "{text}");
    }
}

#[test]
fn the_demonstration_comes_to_its_end_though_nobody_reads() {
    let mut demo = program().arg("demo").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(demo.stdout.take());
    let output = demo.wait_with_output().unwrap();
    assert_eq!((code(&output), errors(&output).as_str()), (0, ""));
}

#[test]
fn a_check_tells_capabilities_certificate_and_figures() {
    let (house, wire) = house();
    let server = house.serve(&[]);
    for (scheme, options) in [("pop3", &["--tls", "starttls"][..]), ("pop3s", &[])] {
        let mut command = program();
        command.args(["check", &server.url(scheme), "--ca-file"]).arg(house.path("cert.pem")).args(options);
        let output = command.env("POP3_PASSWORD", crate::support::PASSWORD).output().unwrap();
        assert_eq!(code(&output), 0, "{}", errors(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let octets: usize = wire.iter().map(Vec::len).sum();
        for part in [
            "PIPELINING",
            "TLSv1_3",
            "SHA-256 ",
            "names 127.0.0.1",
            &format!("{} messages, {octets} octets", wire.len()),
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // On this machine, passwords are accepted without TLS, too.
        let odd = if scheme == "pop3s" {
            "nothing\n"
        } else {
            "passwords are accepted before TLS (RFC 8314 section 4.1)\n"
        };
        assert!(text.ends_with(odd), "{text}");
    }
}
