//! Host names with non-ASCII characters.

use crate::support::{House, PASSWORD, RUNTIMES, code, errors, program};

/// The converted name is used to connect, to verify the certificate, and in the state file.
#[test]
fn a_name_is_one_server_however_it_is_written() {
    let house = House::new();
    house.deliver(&[b"Subject: a\n\nx\n".to_vec()]);
    let server = house.serve(&[]);
    for runtime in RUNTIMES {
        let state = house.path(&format!("states-{runtime}"));
        let to = format!("dir:{}", house.path(&format!("out-{runtime}")).display());
        // Full-width letters and dots, percent-encoded, and in ASCII.
        let full: String =
            "localhost".bytes().map(|letter| char::from_u32(0xfee0 + u32::from(letter)).unwrap()).collect();
        for (round, host) in
            [full.as_str(), "%EF%BD%8Cocalhost", "%6cocalhost", "LOCALHOST"].into_iter().enumerate()
        {
            let output = program()
                .args(["fetch", &format!("pop3s://alice@{host}:{}", server.tls), "--to", &to])
                .args(["--json", "--runtime", runtime, "--ca-file"])
                .arg(house.path("cert.pem"))
                .env("POP3_PASSWORD", PASSWORD)
                .env("XDG_STATE_HOME", &state)
                .output()
                .unwrap();
            assert_eq!(code(&output), 0, "{host} {runtime}: {}", errors(&output));
            let summary = String::from_utf8(output.stdout).unwrap();
            let fetched = if round == 0 { "\"fetched\":1" } else { "\"fetched\":0" };
            assert!(summary.contains(fetched), "{host} {runtime}: {summary}");
        }
    }
}

#[test]
fn an_internationalized_name_is_shown_as_people_write_it() {
    // Nobody has these names.
    for host in ["b\u{fc}cher.invalid", "B%C3%9Ccher.invalid", "xn--bcher-kva.invalid"] {
        let url = format!("pop3s://alice@{host}:1");
        let output = program().args(["check", &url]).env("POP3_PASSWORD", "x").output().unwrap();
        let text = errors(&output);
        assert_eq!(code(&output), 3, "{text}");
        assert!(text.starts_with("pop3: b\u{fc}cher.invalid:1: "), "{text}");
    }
    for host in ["\u{fc}%", "\u{fc}\u{ff0f}x", "%ff", "a%40b"] {
        let url = format!("pop3s://alice:secret@{host}:1");
        let output = program().args(["check", &url]).output().unwrap();
        let text = errors(&output);
        assert_eq!((code(&output), text.lines().count()), (2, 1), "{text}");
        assert!(text.contains("not a valid internationalized name") && !text.contains("secret"), "{text}");
    }
}
