//! `--check-config` and `--print-config`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use crate::configuration::{BASE, greeted, start, write};
use crate::support::{House, PASSWORD, code, errors, program};

fn check(house: &House, text: &str, options: &[&str]) -> Output {
    write(house, text);
    let mut check = program();
    check.args(["serve", "--check-config", "--config"]).arg(house.path("pop3.toml")).args(options);
    check.output().unwrap()
}

#[test]
fn check_config_reports_each_mistake() {
    let house = House::new();
    fs::set_permissions(house.path("users"), fs::Permissions::from_mode(0o600)).unwrap();
    let good = check(&house, BASE, &[]);
    assert_eq!((code(&good), good.stdout.as_slice(), errors(&good).as_str()), (0, &b"ok\n"[..], ""));
    // What the server would only warn of is no mistake.
    fs::write(house.path("more"), format!("alice:{{PLAIN}}{PASSWORD}\nbob:{{PLAIN}}x\n")).unwrap();
    let warned = check(&house, &BASE.replace("'users'", "'more'"), &[]);
    assert_eq!((code(&warned), warned.stdout.as_slice()), (0, &b"ok\n"[..]));
    assert!(errors(&warned).contains("warning: bob has no maildrop: "), "{}", errors(&warned));
    assert!(!house.path("users.decoy-key").exists(), "it makes no files");
    // It binds nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("listen = ['{}']", listener.local_addr().unwrap());
    assert_eq!(code(&check(&house, &BASE.replace("listen = ['127.0.0.1:0']", &taken), &[])), 0);

    fs::write(house.path("users.decoy-key"), "0".repeat(64) + "\n").unwrap();
    fs::set_permissions(house.path("users.decoy-key"), fs::Permissions::from_mode(0o644)).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    fs::write(house.path("key2.pem"), other.serialize_pem()).unwrap();
    fs::write(house.path("bad"), format!("alice:{{PLAIN}}{PASSWORD}\nbob\n")).unwrap();
    let same = format!("{BASE}auth-mechanisms = 'xoauth2'\n")
        .replace("listen-tls = ['127.0.0.1:0']", "listen-tls = ['127.0.0.1:7', '127.0.0.1:7']");
    let key = format!("--decoy-key={}", house.path("k").display());
    for (text, options, expected) in [
        (BASE.to_owned(), &[][..], &["decoy key"][..]),
        (BASE.replace("key.pem", "key2.pem"), &[key.as_str()], &["pop3.toml:3: tls-cert: "]),
        (BASE.replace("'users'", "'bad'"), &[], &["pop3.toml:2: users: "]),
        (
            BASE.replace("'users'", "'none'").replace("'mail'", "'none'"),
            &[],
            &["pop3.toml:1: maildrops: ", "pop3.toml:2: users: "],
        ),
        (
            same,
            &[key.as_str()],
            &[
                "pop3.toml:6: listen-tls: there are two listeners on 127.0.0.1:7",
                "pop3.toml:7: auth-mechanisms: XOAUTH2 needs --token-command",
            ],
        ),
        (
            format!("{BASE}proxy-from = ['192.0.2.0/33']\nxclient-from = '::/129'\n"),
            &[],
            &["pop3.toml:7: ", "pop3.toml:8: "],
        ),
        (BASE.replace("maildrops = 'mail'\n", ""), &[], &["pop3.toml: `maildrops` is missing"]),
    ] {
        let output = check(&house, &text, options);
        let lines = errors(&output);
        assert_eq!((code(&output), output.stdout.len()), (2, 0), "{text}: {lines}");
        assert_eq!(lines.lines().count(), expected.len(), "{text}: {lines}");
        for (line, part) in lines.lines().zip(expected) {
            assert!(line.contains(part), "{part}: {lines}");
        }
        assert!(!lines.contains(PASSWORD.trim()), "{lines}");
        // The server itself does not start, and says the same.
        let mut serve = program();
        serve.args(["serve", "--allow-root", "--config"]).arg(house.path("pop3.toml")).args(options);
        let output = serve.output().unwrap();
        assert_eq!((code(&output), errors(&output)), (2, lines));
        assert!(!house.path("k").exists() && !house.path("none.decoy-key").exists());
    }
}

#[test]
fn print_config_prints_a_file_without_mistakes() {
    let house = House::new();
    let printed = program().args(["serve", "--print-config"]).output().unwrap();
    assert_eq!((code(&printed), errors(&printed).as_str()), (0, ""));
    let text = String::from_utf8(printed.stdout).unwrap();
    let (mail, users) = (house.path("mail"), house.path("users"));
    let options = ["--maildrops", mail.to_str().unwrap(), "--users", users.to_str().unwrap()];
    assert_eq!(code(&check(&house, &text, &options)), 0);
    let text = text
        .replace("#maildrops = \"DIR\"", "maildrops = 'mail'")
        .replace("#users = \"FILE\"", "users = 'users'");
    let server = start(
        &house,
        &text.replace("#apop = false", "apop = true"),
        &["--listen-tls", "127.0.0.1:0", "--tls-self-signed", "--listen=127.0.0.1:0"],
    );
    assert!(greeted(server.plain).1.contains('<'));
}
