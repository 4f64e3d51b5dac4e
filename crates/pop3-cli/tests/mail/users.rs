//! Users of a passwd-file, names in any letters, and where maildrops are.

use std::fs;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, RUNTIMES, Raw, code, errors};
use crate::talk::Talk;

/// Of `tanstaaf`, made by doveadm and crypt(3).
const PASSWD_FILE: &str = "\
# a comment
alice:{SSHA512}yU2SHDB5Dcr8ivxI6Gfg9d/lwGMHqF65XYMxVaVjdgqrsf4LOW7hSuVVVM0Sm33+HZJURMeYYM1OLhg6Fnxp/FZqqkA=:1000:1000::/home/alice::
crypt:$y$j75$abcdefgh1234$0byAQnWmubgSeEaebUaaJNtSiQbDb/huZ8JbeZ7nup1::::::userdb_quota_rule=*:bytes=1G
scram:{SCRAM-SHA-256}4096,LpTOJkcvGBmNRkFtcsIdxQ==,IwdKRBJtr14YpzwLLlgGZCfFgGl/x/ltNSdD6LpTQrI=,98UVPZhN1sR9oWECwNUFh57WvwQz2eSHH220pu6s5l8=::::::
plain:{PLAIN}tanstaaf::::::
away:{PLAIN}tanstaaf::::::nologin=yes
near:{PLAIN}tanstaaf::::::allow_nets=127.0.0.0/8,::1
far:{PLAIN}tanstaaf::::::allow_nets=192.0.2.0/24
locked:!{PLAIN}tanstaaf::::::
none:::::::
";

#[test]
fn users_of_a_passwd_file_log_in_if_dovecot_lets_them() {
    for runtime in RUNTIMES {
        let house = House::new();
        fs::write(house.path("users"), PASSWD_FILE).unwrap();
        let users = ["alice", "crypt", "scram", "plain", "away", "near", "far", "locked", "none"];
        for name in users {
            house.maildir(&format!("mail/{name}"));
        }
        let options = ["--runtime", runtime, "--users-format", "passwd-file", "--proxy-from", "127.0.0.0/8"];
        let server = house.serve(&options);
        for (place, name) in users.into_iter().enumerate() {
            let place = u8::try_from(place).unwrap();
            let good = ["alice", "crypt", "scram", "plain", "near"].contains(&name);
            // Proxied connections come from 127.0.1.x; see Talk.
            let reply = Talk::pass(server.plain, place + 1, name, "tanstaaf");
            if good {
                assert!(reply.starts_with("+OK"), "{name}: {reply}");
            } else {
                assert_eq!(reply, "-ERR [AUTH] invalid name or password", "{name}");
            }
        }
        for (place, name) in ["alice", "crypt", "none", "locked", "nobody"].into_iter().enumerate() {
            for password in ["", "tanstaag"] {
                let place = u8::try_from(place).unwrap();
                let reply = Talk::pass(server.plain, 20 + place, name, password);
                assert!(reply.starts_with("-ERR"), "{name}: {reply}");
            }
        }
        let log = house.log();
        assert!(log.contains("the account is locked") && log.contains("from this address"), "{log}");
        assert!(!log.contains("tanstaa"), "{log}");
    }
}

#[test]
fn scram_with_keys_of_dovecot() {
    let house = House::new();
    let line = PASSWD_FILE.lines().find(|line| line.starts_with("scram:")).unwrap();
    fs::write(house.path("users"), line).unwrap();
    house.maildir("mail/scram");
    let server = house.serve(&["--users-format", "passwd-file"]);
    let mut talk = Talk::plain(server.plain);
    assert!(talk.mechanisms().contains(&Mechanism::ScramSha256));
    let login = talk.auth(Mechanism::ScramSha256, &Credentials::new("scram").with_password("tanstaaf"));
    assert!(login.is_good(), "{login:?}");
}

/// Runs a server that must not start, and returns what it says.
fn refused(house: &House, users: &str, options: &[&str]) -> String {
    fs::write(house.path("users"), users).unwrap();
    let output = house.server(options).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(code(&output), 2, "{users}: {}", errors(&output));
    errors(&output)
}

#[test]
fn lines_that_mean_something_else_elsewhere_are_reported() {
    let house = House::new();
    let passwd = ["--users-format", "passwd-file"];
    for (line, why) in [
        ("a:{PLAIN}x\nalice:{PLAIN}x::::::nopassword", "users:2: nopassword"),
        ("alice:{PLAIN}x::::::proxy=y host=192.0.2.1", "users:1: an extra field"),
        ("alice:{PLAIN}x::::::allow_nets=mail.example", "users:1: expected an address"),
        ("alice:xBlPMNL1YF7ZA:::::", "users:1: hashes of DES-crypt"),
        ("alice:{OTP}x:::::", "users:1: the scheme"),
        ("alice:{TOKEN}", "users:1: the scheme"),
        ("alice:{PLAIN}x\nalice:{PLAIN}y", "users:2: this user is in the file already"),
        ("alice:$6$rounds=999999999$s$x", "users:1: the hash"),
    ] {
        let said = refused(&house, line, &passwd);
        assert!(said.contains(why), "{line}: {said}");
    }
    let said = refused(&house, "alice:{SSHA}HO+jYPWWpGInMs2lHuA8NgtLJqRdW6vQ::::::", &[]);
    assert!(said.contains("users:1: ") && said.contains("--users-format passwd-file"), "{said}");
    let said = refused(&house, "alice:{PLAIN}x\nAlice:{PLAIN}x", &["--fold-names"]);
    assert!(said.contains("users:2: this name is the same"), "{said}");
    let said = refused(&house, "alice:{PLAIN}x\nAlice:{PLAIN}x", &[&passwd[..], &["--fold-names"]].concat());
    assert!(said.contains("users:2: this user is in the file already"), "{said}");

    fs::write(house.path("users"), "alice:{PLAIN}secret::::::\nbob:{PLAIN}x\n").unwrap();
    let server = house.serve(&[]);
    assert!(server.ends_well());
    let log = house.log();
    assert!(log.contains("users:1: the password contains a colon"), "{log}");
    assert!(log.contains("bob has no maildrop") && !log.contains("alice has no maildrop"), "{log}");
    fs::write(house.path("users"), "# nobody yet\n").unwrap();
    assert!(house.serve(&[]).ends_well());
    assert!(house.log().contains("there are no users in"), "{}", house.log());
}

#[test]
fn names_in_any_letters_and_without_their_domain() {
    let house = House::new();
    fs::write(house.path("users"), "Alice:{PLAIN}x\nbob@Example.NET:{PLAIN}x\n").unwrap();
    house.maildir("mail/example.org/alice/Maildir");
    house.maildir("mail/example.net/bob/Maildir");
    fs::write(house.path("mail/example.org/alice/Maildir/new/1"), "Subject: x\n\nx\n").unwrap();
    let server = house.serve(&[
        "--fold-names",
        "--default-domain",
        "example.org",
        "--maildrop-path",
        "{domain}/{local}/Maildir",
        "--proxy-from",
        "127.0.0.0/8",
    ]);
    for (place, name) in ["alice", "ALICE", "Alice@EXAMPLE.org", "BOB@example.net"].into_iter().enumerate() {
        let place = u8::try_from(place).unwrap();
        let reply = Talk::pass(server.plain, place + 1, name, "x");
        assert!(reply.starts_with("+OK"), "{name}: {reply}");
        let mut talk = Talk::proxied(server.plain, place + 1);
        let login = talk.auth(Mechanism::ScramSha256, &Credentials::new(name).with_password("x"));
        assert!(login.is_good(), "{name}: {login:?}");
        let messages = usize::from(name.to_lowercase().starts_with("alice"));
        assert!(talk.say("STAT").starts_with(&format!("+OK {messages} ")), "{name}");
        talk.say("QUIT");
    }
    assert!(Talk::pass(server.plain, 9, "bob", "x").starts_with("-ERR [AUTH]"));
    assert!(!house.log().contains("no maildrop"), "{}", house.log());
}

// SEC-11
#[test]
fn maildrops_in_homes_and_outside() {
    let house = House::new();
    let mail = house.path("mail");
    let home = mail.join("homes/a");
    house.maildir("mail/homes/a/Maildir");
    house.maildir("elsewhere/Maildir");
    let (home, elsewhere) = (home.display(), house.path("elsewhere"));
    let text =
        format!("a:{{PLAIN}}x::::{home}::\nb:{{PLAIN}}x::::{}::\nc:{{PLAIN}}x:::::\n", elsewhere.display());
    fs::write(house.path("users"), text).unwrap();
    let server = house.serve(&["--users-format", "passwd-file", "--maildrop-path", "{home}/Maildir"]);
    for (name, good) in [("a", true), ("b", false), ("c", false)] {
        let mut raw = Raw::connect(server.plain);
        raw.say(&format!("USER {name}"));
        let reply = raw.say("PASS x");
        assert_eq!(reply.starts_with("+OK"), good, "{name}: {reply}");
        assert!(good || reply.starts_with("-ERR [SYS/PERM] there is no maildrop"), "{reply}");
    }
    let log = house.log();
    assert!(log.contains("b has no maildrop: the home directory is not below"), "{log}");
    assert!(log.contains("c has no maildrop: the home directory is not known"), "{log}");
    for bad in ["../{user}", "/srv/{user}", "{user}/..", "same"] {
        let output =
            house.server(&["--maildrop-path", bad]).stderr(std::process::Stdio::piped()).output().unwrap();
        assert_eq!(code(&output), 2, "{bad}");
    }
}

#[test]
fn the_page_about_users_lists_all_schemes() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/users.md")).unwrap();
    let begin = page.find("\n## Password schemes\n").expect("the heading");
    let rows = page[begin..].lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    let listed: Vec<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let known: Vec<_> = pop3_serve::password_schemes().collect();
    assert_eq!(listed, known);
}
