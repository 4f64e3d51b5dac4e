//! What is sent in one TLS record. Some clients look at one record at a time.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use pop3_proto::MessageNumber;

use crate::on_each_runtime;
use crate::runtime::Runtime;
use crate::server::{Mode, Server};

on_each_runtime!(short_replies_are_one_record, the_end_of_a_message_is_in_one_record);

/// Forwards a connection to another port, and keeps what the server sends. It keeps octets before it forwards
/// them, so they are available once the client has received them.
fn recording_proxy(port: u16) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = listener.local_addr().expect("an address").port();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeping = Arc::clone(&kept);
    thread::spawn(move || {
        let client = listener.accept().expect("a client").0;
        let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
        let pass = |mut from: TcpStream, mut to: TcpStream, keep: Option<Arc<Mutex<Vec<u8>>>>| {
            let mut buffer = vec![0; 65536];
            while let Ok(octets @ 1..) = from.read(&mut buffer) {
                if let Some(keep) = &keep {
                    keep.lock().expect("no panic").extend_from_slice(&buffer[..octets]);
                }
                if to.write_all(&buffer[..octets]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        };
        let (up, down) = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
        let upwards = thread::spawn(move || pass(up, server, None));
        pass(down, client, Some(keeping));
        let _ = upwards.join();
    });
    (own, kept)
}

/// How many octets of plaintext each TLS 1.3 record contains, from this octet on.
fn records(octets: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut rest = octets;
    while let [kind, _, _, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        assert_eq!(*kind, 23, "records of the same kind");
        // The content type and the tag of AES-GCM.
        lengths.push(length - 17);
        rest = &behind[length..];
    }
    assert!(rest.is_empty(), "whole records");
    lengths
}

async fn short_replies_are_one_record<R: Runtime>() {
    let server = Server::<R>::start(Mode::Implicit);
    let (port, kept) = recording_proxy(server.port);
    let mut client = server.try_connect_by(port, server.security()).await.expect("a greeting");
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    let mark = || kept.lock().expect("no panic").len();
    let since = |mark: usize| records(&kept.lock().expect("no panic")[mark..]).len();

    let before = mark();
    assert_eq!(client.list().await.expect("an empty listing"), []);
    assert_eq!(since(before), 1);
    let before = mark();
    client.capabilities().await.expect("a list");
    assert_eq!(since(before), 1);
    let before = mark();
    client.noop().await.expect("nothing");
    assert_eq!(since(before), 1);
    client.quit().await.expect("the end");

    let server = server.deliver(["a\n", "b\n", "c\n"]);
    let (port, kept) = recording_proxy(server.port);
    let mut client = server.try_connect_by(port, server.security()).await.expect("a greeting");
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    let before = kept.lock().expect("no panic").len();
    assert_eq!(client.uidl().await.expect("a listing").len(), 3);
    client.retr(MessageNumber::FIRST, &mut Vec::new()).await.expect("a message");
    assert_eq!(records(&kept.lock().expect("no panic")[before..]).len(), 2);
}

async fn the_end_of_a_message_is_in_one_record<R: Runtime>() {
    // Reply, content and end together have about the length of this many records.
    let lengths: Vec<usize> = [1, 2, 3, 4, 5, 8]
        .into_iter()
        .flat_map(|records| {
            let border = records * 16384 - "+OK 123456 octets\r\n".len() - 3;
            (border - 7)..=(border + 7)
        })
        .collect();
    let line = "x".repeat(70) + "\r\n";
    let messages = lengths.iter().map(|&length| {
        let mut message = line.repeat(length / 72);
        message.truncate(length.saturating_sub(80));
        message.push_str(&"y".repeat(length - message.len() - 2));
        message.push_str("\r\n");
        message
    });
    let server = Server::<R>::start(Mode::Implicit).deliver(messages);
    let (port, kept) = recording_proxy(server.port);
    let mut client = server.try_connect_by(port, server.security()).await.expect("a greeting");
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    for (number, length) in client.list().await.expect("a listing") {
        let before = kept.lock().expect("no panic").len();
        let mut content = Vec::new();
        client.retr(number, &mut content).await.expect("a message");
        let records = records(&kept.lock().expect("no panic")[before..]);
        let reply = format!("+OK {length} octets\r\n").len();
        assert_eq!(records.iter().sum::<usize>(), reply + content.len() + 3);
        assert!(records.last().is_some_and(|&last| last >= 5), "{length} octets: {records:?}");
    }
}
