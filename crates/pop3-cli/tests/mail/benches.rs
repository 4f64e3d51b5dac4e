//! `pop3 bench` with `pop3 serve`.

use serde_json::Value;

use crate::support::{House, PASSWORD, Server, code, errors, program};

fn message(number: u8) -> Vec<u8> {
    format!("Subject: {number}\r\n\r\n.dot\r\n").into_bytes()
}

/// Runs `pop3 bench`, and returns its exit code and report.
fn bench(url: &str, options: &[&str]) -> (i32, Value) {
    let mut command = program();
    command.args(["bench", url, "--json", "--timeout", "60"]).args(options).env("POP3_PASSWORD", PASSWORD);
    let output = command.output().unwrap();
    let report = output.stdout.as_slice();
    assert!(!report.is_empty(), "{options:?}: {}", errors(&output));
    (code(&output), serde_json::from_slice(report).unwrap())
}

/// A server with three messages of the same length.
fn start(options: &[&str]) -> (House, Server, String) {
    let house = House::new();
    house.deliver(&[message(1), message(2), message(3)]);
    let server = house.serve(options);
    let url = format!("pop3://alice@127.0.0.1:{}", server.plain);
    (house, server, url)
}

#[test]
fn what_is_asked_for_is_done_and_counted() {
    let (house, server, url) = start(&[]);
    let process = server.child.id().to_string();
    // The maildrop is locked, so that there is one connection.
    let run = |options: &[&str]| {
        let (code, report) =
            bench(&url, &[&["--connections", "1", "--server-pid", &process], options].concat());
        assert_eq!((code, &report["errors"]), (0, &serde_json::json!({})), "{options:?}");
        report
    };
    let counts = |report: &Value| {
        ["sessions", "operations", "messages", "octets"].map(|key| report[key].as_u64().unwrap())
    };

    let login = run(&["--sessions", "3"]);
    assert_eq!(counts(&login), [3, 3, 0, 0]);
    assert!(login["cpu_us"].is_u64() && login["percentiles_us"]["99.9"].as_u64() > Some(0), "{login}");
    for script in ["stat", "list", "uidl"] {
        for pipelining in [&[][..], &["--pipelining"]] {
            let report =
                run(&[&["--script", script, "--sessions", "2", "--repeat", "5"], pipelining].concat());
            assert_eq!(counts(&report), [2, 10, 0, 0], "{script} {pipelining:?}");
        }
    }
    let octets = message(1).len() as u64;
    for pipelining in [&[][..], &["--pipelining"]] {
        let report = run(&[&["--script", "retr", "--sessions", "2", "--repeat", "2"], pipelining].concat());
        assert_eq!(counts(&report), [2, 12, 12, 12 * octets], "{pipelining:?}");
        let report = run(&[&["--script", "dele", "--sessions", "2", "--repeat", "2"], pipelining].concat());
        assert_eq!(counts(&report), [2, 12, 12, 0], "{pipelining:?}");
    }
    assert_eq!(house.stored().len(), 3);
    let report = run(&["--script", "dele", "--delete", "--sessions", "1"]);
    assert_eq!(counts(&report), [1, 3, 3, 0]);
    assert_eq!(house.stored().len(), 0);
}

#[test]
fn users_have_numbers_and_connections_are_shared_out() {
    let house = House::new();
    let mut users = String::new();
    for user in 1..=5 {
        std::fs::create_dir_all(house.path(&format!("mail/user{user}/new"))).unwrap();
        for folder in ["cur", "tmp"] {
            std::fs::create_dir(house.path(&format!("mail/user{user}/{folder}"))).unwrap();
        }
        users += &format!("user{user}:{{PLAIN}}{PASSWORD}\n");
    }
    std::fs::write(house.path("users"), users).unwrap();
    let server = house.serve(&[]);
    let certificate = house.path("cert.pem");
    let options = ["--users", "5", "--connections", "5", "--threads", "2", "--sessions", "20"];
    for (url, tls) in [
        (format!("pop3://user{{}}@127.0.0.1:{}", server.plain), &[][..]),
        (format!("pop3s://user{{}}@127.0.0.1:{}", server.tls), &["--ca-file", certificate.to_str().unwrap()]),
    ] {
        let (code, report) = bench(&url, &[&options[..], tls].concat());
        assert_eq!((code, &report["sessions"], &report["errors"]), (0, &20.into(), &serde_json::json!({})));
    }
}

#[test]
fn errors_are_counted_and_end_a_run_that_cannot_succeed() {
    // Nobody listens there.
    let (code, report) = bench("pop3://alice@127.0.0.1:1", &["--connections", "2", "--duration", "600"]);
    assert_eq!((code, &report["sessions"]), (1, &0.into()));
    let errors = report["errors"].as_object().unwrap();
    assert_eq!(errors.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 6, "{report}");
    assert!(errors.keys().all(|text| text.contains("127.0.0.1:1")), "{report}");
}

#[test]
fn load_goes_to_other_machines_only_if_the_user_says_so() {
    for (url, options, text) in [
        ("pop3://alice@192.0.2.1", &[][..], "192.0.2.1:110 is not on this machine"),
        ("pop3://alice@127.0.0.1:1", &["--server-pid", "4294967295"], "no process 4294967295"),
        ("pop3://127.0.0.1:1", &[], "no user name"),
    ] {
        let mut command = program();
        command.args(["bench", url, "--tls", "off"]).args(options).env("POP3_PASSWORD", PASSWORD);
        let output = command.output().unwrap();
        assert_eq!(code(&output), 2, "{}", errors(&output));
        assert!(output.stdout.is_empty() && errors(&output).contains(text), "{}", errors(&output));
    }
}
