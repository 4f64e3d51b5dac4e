//! Runs the example: a session in pieces of one octet, and one in a single piece.

use pop3_example_no_std::{Client, Server};
use pop3_proto::Instant;

const MESSAGES: [&[u8]; 2] = [b"Subject: one\n\n.dot\n", b"Subject: two\n\nno end"];
const COMMANDS: &[u8] = b"USER alice\r\nPASS secret\r\nLIST\r\nRETR 1\r\nTOP 2 0\r\nDELE 2\r\nQUIT\r\n";

fn run(piece: usize) -> (String, usize) {
    let mut server = Server::new(b"secret", &MESSAGES, Instant::EPOCH);
    let mut sent = server.receive(b"", Instant::EPOCH).unwrap();
    for octets in COMMANDS.chunks(piece) {
        sent.extend(server.receive(octets, Instant::EPOCH).unwrap());
    }
    assert!(!server.is_open());
    (String::from_utf8(sent).unwrap(), server.len())
}

#[test]
fn serves_and_removes() {
    let (dialogue, left) = run(COMMANDS.len());
    assert!(dialogue.contains("1 22\r\n2 24\r\n.\r\n"), "{dialogue}");
    assert!(dialogue.contains("Subject: one\r\n\r\n..dot\r\n.\r\n"), "{dialogue}");
    assert!(dialogue.contains("Subject: two\r\n\r\n.\r\n"), "{dialogue}");
    assert_eq!(left, 1);
}

#[test]
fn pieces_make_no_difference() {
    let whole = run(COMMANDS.len());
    for piece in [1, 2, 7] {
        assert_eq!(run(piece), whole, "in pieces of {piece}");
    }
}

#[test]
fn a_wrong_password_shows_nothing() {
    let mut server = Server::new(b"secret", &MESSAGES, Instant::EPOCH);
    let sent = server.receive(b"USER alice\r\nPASS wrong\r\nRETR 1\r\n", Instant::EPOCH).unwrap();
    assert!(!String::from_utf8(sent).unwrap().contains("Subject"));
}

/// The link. It carries what each side sends to the other in pieces, until the client has finished.
fn fetch(password: &'static [u8], piece: usize) -> Result<Client, Box<dyn core::error::Error>> {
    let mut server = Server::new(b"secret", &MESSAGES, Instant::EPOCH);
    let mut client = Client::new(b"alice", password, Instant::EPOCH);
    let mut to_client = server.receive(b"", Instant::EPOCH)?;
    while client.is_open() {
        assert!(!to_client.is_empty(), "both sides wait");
        let mut to_server = Vec::new();
        for octets in to_client.chunks(piece) {
            to_server.extend(client.receive(octets, Instant::EPOCH)?);
        }
        to_client.clear();
        for octets in to_server.chunks(piece) {
            to_client.extend(server.receive(octets, Instant::EPOCH)?);
        }
    }
    assert_eq!(server.len(), MESSAGES.len());
    Ok(client)
}

#[test]
fn the_client_fetches_every_message() {
    for piece in [1, 2, 7, 4096] {
        let client = fetch(b"secret", piece).unwrap();
        let expected: [&[u8]; 2] = [b"Subject: one\r\n\r\n.dot\r\n", b"Subject: two\r\n\r\nno end\r\n"];
        assert_eq!(client.messages(), expected, "in pieces of {piece}");
    }
}

#[test]
fn the_client_says_that_it_was_refused() {
    let mut client = Client::new(b"alice", b"wrong", Instant::EPOCH);
    assert!(client.receive(b"-ERR not now\r\n", Instant::EPOCH).is_err());
}
