//! The loop serves many sessions at once, including clients that read slowly.

use core::net::SocketAddr;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use pop3_example_mio_server::{Store, listen, serve};
use pop3_std::{ClientError, ClientOptions, Security, connect, wait};

/// A server in a thread that ends with the process.
fn start() -> SocketAddr {
    let messages = vec![
        b".first octet\n\nbody".to_vec(),
        b"Subject: large\n\n".iter().copied().chain(b".line\n".repeat(500_000)).collect(),
    ];
    let listener = listen().unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener, &Store::new(messages, "secret")));
    address
}

#[test]
fn sessions_at_once_get_all_octets() {
    let address = start();
    let sessions: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(move || {
                let options = ClientOptions::new();
                let mut client =
                    connect("127.0.0.1", address.port(), Security::TrustedPlaintext, options).unwrap();
                wait(client.login(b"anyone", b"secret")).unwrap();
                for (number, size) in wait(client.list()).unwrap() {
                    let mut content = Vec::new();
                    assert_eq!(wait(client.retr(number, &mut content)).unwrap(), size);
                    assert!(
                        content.starts_with(b".first octet\r\n\r\nbody\r\n")
                            || content.ends_with(b"\r\n.line\r\n")
                    );
                }
                wait(client.quit()).unwrap();
            })
        })
        .collect();
    for session in sessions {
        session.join().unwrap();
    }
}

#[test]
fn a_wrong_password_is_refused_and_others_are_served_meanwhile() {
    let address = start();
    let connect =
        || connect("127.0.0.1", address.port(), Security::TrustedPlaintext, ClientOptions::new()).unwrap();
    let mut guesser = connect();
    let guess = thread::spawn(move || wait(guesser.login(b"anyone", b"wrong")));
    let mut client = connect();
    wait(client.login(b"anyone", b"secret")).unwrap();
    wait(client.quit()).unwrap();
    assert!(matches!(guess.join().unwrap(), Err(ClientError::Refused(_))));
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let address = start();
    let mut lazy = TcpStream::connect(address).unwrap();
    lazy.write_all(b"USER a\r\nPASS secret\r\n").unwrap();
    lazy.write_all(&b"RETR 2\r\n".repeat(100)).unwrap();
    let mut client =
        connect("127.0.0.1", address.port(), Security::TrustedPlaintext, ClientOptions::new()).unwrap();
    wait(client.login(b"anyone", b"secret")).unwrap();
    assert_eq!(wait(client.stat()).unwrap().messages, 2);
    wait(client.quit()).unwrap();
    let mut first = [0; 3];
    lazy.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"+OK");
}
