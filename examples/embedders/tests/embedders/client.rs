use std::io::{BufRead as _, BufReader, Cursor};
use std::process::{Command, Stdio};
use std::sync::Arc;

use pop3_tokio::backend::StoredMessage;
use pop3_tokio::proto::dots;
use pop3_tokio::server::Peer;
use tokio::sync::Notify;

use crate::support::{Folder, Mail, Running, Scripted, Server, mail, read, run};

fn client(folder: &Folder, port: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(["127.0.0.1", "--port", port, "--user", "mrose", "--roots"]).arg(folder.path("cert.pem"));
    command.env("POP3_PASSWORD", "tanstaaf").arg(folder.path(""));
    command
}

#[test]
fn messages_of_our_server_become_files_by_stls() {
    let folder = Folder::new();
    let mut server = Running::new(
        Command::new(env!("CARGO_BIN_EXE_server"))
            .arg("--certificate")
            .arg(folder.path("cert.pem"))
            .arg("--key")
            .arg(folder.path("key.pem")),
    );
    let (good, out, errors) = run(client(&folder, &server.port()).arg("--stls"));
    assert!(good, "{errors}");
    for line in ["logged in by SCRAM-SHA-256-PLUS", "capability UIDL", "message 2: 33 octets"] {
        assert!(out.lines().any(|other| other == line), "{line}: {out}");
    }
    assert_eq!(read(&folder.path("1.eml")), "Subject: hello\r\n\r\nThe first message.\r\n");
    assert_eq!(read(&folder.path("2.eml")), "Subject: dots\r\n\r\n.one\r\n..two\r\n.\r\n");
    let line = server.line();
    assert!(line.contains("method=SCRAM-SHA-256-PLUS sent=2 removed=0 ended=\"quit\""), "{line}");
}

#[test]
fn messages_come_by_implicit_tls() {
    let folder = Folder::new();
    let (store, service) = mail(&["Subject: a\n\nx\n"]);
    let server = Server::in_tls(service, &folder);
    let (good, _, errors) = run(&mut client(&folder, &server.port()));
    assert!(good, "{errors}");
    assert_eq!(read(&folder.path("1.eml")), "Subject: a\r\n\r\nx\r\n");
    // An existing file is not replaced.
    store.set_mechanisms(&[]);
    let (good, out, errors) = run(&mut client(&folder, &server.port()));
    assert!(!good && out.contains("logged in by USER and PASS"), "{out}");
    assert!(errors.contains("message 1 is not in ") && errors.contains("1.eml: File exists"), "{errors}");
    assert_eq!(store.messages("mrose").len(), 1);
    // The client trusts a different authority, so it does not log in.
    let other = Folder::new();
    let (good, out, errors) = run(&mut client(&other, &server.port()));
    assert!(!good && out.is_empty() && !other.path("1.eml").exists());
    assert!(errors.starts_with("client: the TLS handshake failed: "), "{errors}");
}

#[test]
fn a_message_that_has_no_room_on_the_disk_gets_no_name() {
    let folder = Folder::new();
    let (_, service) = mail(&["Subject: a\n\nx\n", &"sixteen octets.\n".repeat(200)]);
    let server = Server::in_tls(service, &folder);
    let client = client(&folder, &server.port());
    // Files may have at most 1024 octets.
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; ulimit -f 2; exec "$0" "$@""#]).arg(client.get_program());
    shell.args(client.get_args()).env("POP3_PASSWORD", "tanstaaf");
    let (good, _, errors) = run(&mut shell);
    assert!(!good && errors.contains("message 2 is not in "), "{errors}");
    assert!(errors.contains("2.eml: File too large"), "{errors}");
    assert!(folder.path("1.eml").exists() && !folder.path("2.eml").exists());
}

#[test]
fn the_authorities_of_the_system_are_believed() {
    let folder = Folder::new();
    let (_, service) = mail(&["Subject: a\n\nx\n"]);
    let server = Server::in_tls(service, &folder);
    let client = |authorities: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
        command.args(["127.0.0.1", "--port", &server.port(), "--user", "mrose"]).arg(folder.path(""));
        command.env("POP3_PASSWORD", "tanstaaf").env_remove("SSL_CERT_DIR");
        // The variable that replaces the system's list in OpenSSL.
        run(command.env("SSL_CERT_FILE", folder.path(authorities)))
    };
    let (good, out, errors) = client("none.pem");
    assert!(!good && out.is_empty(), "{out}");
    assert!(errors.contains("this system has no list of trusted certificates"), "{errors}");
    let (good, _, errors) = client("cert.pem");
    assert!(good, "{errors}");
    assert_eq!(read(&folder.path("1.eml")), "Subject: a\r\n\r\nx\r\n");
}

const TEXTS: [&str; 2] = ["Subject: slow\n\nthe rest comes late\n", "Subject: fast\n\n"];

/// Half of the first message is sent, and the rest on request.
enum Content {
    Whole(Cursor<&'static str>),
    Halves(u8, Arc<Notify>),
}

impl StoredMessage for Content {
    async fn chunk(&mut self) -> std::io::Result<&[u8]> {
        let half = TEXTS[0].len() / 2;
        match self {
            Self::Whole(content) => content.chunk().await,
            Self::Halves(given, more) => {
                *given += 1;
                match *given {
                    1 => Ok(&TEXTS[0].as_bytes()[..half]),
                    2 => {
                        more.notified().await;
                        Ok(&TEXTS[0].as_bytes()[half..])
                    }
                    _ => Ok(&[]),
                }
            }
        }
    }
}

#[test]
fn a_message_that_takes_too_long_is_left_out_and_the_next_one_comes() {
    let folder = Folder::new();
    let more = Arc::new(Notify::new());
    let told = Arc::clone(&more);
    let service = Mail(move |_: &Peer| {
        let more = Arc::clone(&more);
        let sizes = TEXTS.map(|text| dots::wire_size(text.as_bytes())).to_vec();
        let give = move |index: usize| match index {
            0 => Content::Halves(0, Arc::clone(&more)),
            _ => Content::Whole(Cursor::new(TEXTS[index])),
        };
        Scripted { sizes, give }
    });
    let server = Server::in_tls(service, &folder);
    let mut command = client(&folder, &server.port());
    let mut child =
        command.args(["--patience", "1"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(
        lines.any(|line| line.contains("message 1 is not in ") && line.ends_with("it took more than 1 s"))
    );
    told.notify_one();
    assert!(lines.any(|line| line == "client: 1 messages are left on the server"));
    assert!(!child.wait().unwrap().success());
    assert!(!folder.path("1.eml").exists());
    assert_eq!(read(&folder.path("2.eml")), "Subject: fast\r\n\r\n");
}
