//! Errors name the file or the address that cannot be opened.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::support::{Folder, run};

#[test]
fn errors_name_the_file_or_the_address() {
    let folder = Folder::new();
    let file = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (cert, key, none) = (file("cert.pem"), file("key.pem"), file("none"));
    let (database, text) = (file("mail.db"), file("text"));
    fs::write(&text, "not a database, but longer than the header of one is. ".repeat(20)).unwrap();
    let sqlite = env!("CARGO_BIN_EXE_sqlite_server");
    let serve = ["serve", "--listen", &address, "--certificate", &cert, "--key", &key];
    let cases: [(&str, Vec<&str>, &str); 8] = [
        (sqlite, [&[database.as_str()], &serve[..]].concat(), &address),
        (sqlite, vec![&text, "user", "mrose", "--password", "x"], &text),
        (sqlite, vec![&database, "deliver", "nobody", &cert], "nobody"),
        (sqlite, vec![&database, "deliver", "mrose", &none], &none),
        (env!("CARGO_BIN_EXE_server"), vec![&address], &address),
        (
            env!("CARGO_BIN_EXE_oauth_proxy"),
            vec!["--tokens", &none, "--roots", &cert, "--listen", &address, "h"],
            &address,
        ),
        (env!("CARGO_BIN_EXE_bare_core"), vec!["serve", &address], &address),
        (env!("CARGO_BIN_EXE_observer"), vec![&none], &none),
    ];
    let (good, _, error) =
        run(Command::new(sqlite).args([&database, "user", "mrose", "--password", "tanstaaf"]));
    assert!(good, "{error}");
    for (program, arguments, named) in cases {
        let (good, _, error) = run(Command::new(program).args(&arguments));
        assert!(!good && error.contains(named), "{program} {arguments:?}: {error}");
    }
}
