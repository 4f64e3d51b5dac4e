//! The example at work: a session in pieces of one octet, and one in one piece.

use pop3_example_no_std::Server;
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
