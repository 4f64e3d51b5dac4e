//! What the builder can do without TLS. The file is empty if the feature `rustls` is on.
#![cfg(not(feature = "rustls"))]

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use pop3_std::client::Security;
use pop3_std::{Client, ClientError, LoginMethod};

/// A listener, and its port.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Answers each line as scripted, and returns the lines.
fn talk(stream: TcpStream, answers: &[&str]) -> Vec<String> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    for answer in answers {
        stream.get_mut().write_all(answer.as_bytes()).expect("the client reads");
        let mut line = String::new();
        if stream.read_line(&mut line).expect("a line of text") == 0 {
            break;
        }
        lines.push(line);
    }
    lines
}

#[test]
fn nothing_is_connected_until_plaintext_is_asked_for() {
    let (listener, port) = listener();
    let refused = Client::builder("127.0.0.1").port(port).login("mrose", "tanstaaf").connect();
    let Err(ClientError::Settings(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.to_string().contains("without TLS"), "{cause}");
    listener.set_nonblocking(true).expect("a socket");
    assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
}

#[test]
fn plaintext_that_is_not_trusted_carries_no_password() {
    let (listener, port) = listener();
    let server = thread::spawn(move || talk(listener.accept().expect("a client").0, &["+OK ready\r\n"]));
    let builder = Client::builder("127.0.0.1").port(port).security(Security::Plaintext);
    let refused = builder.login("mrose", "tanstaaf").connect();
    assert!(matches!(refused, Err(ClientError::Unsendable(_))), "{refused:?}");
    assert_eq!(server.join().expect("no panic"), Vec::<String>::new());
}

#[test]
fn trusted_plaintext_and_the_tls_of_another_library_log_in() {
    for in_tls in [false, true] {
        let (listener, port) = listener();
        let server = thread::spawn(move || {
            let stream = listener.accept().expect("a client").0;
            talk(stream, &["+OK ready\r\n", "-ERR no\r\n", "+OK\r\n", "+OK\r\n", "-ERR no\r\n"])
        });
        let builder = Client::builder("127.0.0.1").port(port).login("mrose", "tanstaaf");
        let method = if in_tls {
            let stream = TcpStream::connect(("127.0.0.1", port)).expect("a listener");
            builder.connect_in_tls(pop3_std::Tcp::from(stream), None).expect("a login").login_method()
        } else {
            builder.trusted_plaintext().connect().expect("a login").login_method()
        };
        assert_eq!(method, Some(LoginMethod::User));
        let lines = server.join().expect("no panic");
        assert_eq!(lines, ["CAPA\r\n", "USER mrose\r\n", "PASS tanstaaf\r\n", "CAPA\r\n"]);
    }
}
