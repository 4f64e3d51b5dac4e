//! What a session does and holds while it waits for its client.

use pop3_tests::store::Store;

use crate::store::Policy;
use crate::wire::{Incoming, Wire};

/// How often the transport was asked to acknowledge what the client sent in these pieces.
fn acknowledged(pieces: &[&str]) -> usize {
    let wire = Wire::new(pieces.iter().copied().map(Incoming::from));
    Policy::new(Store::fixture()).serve(&wire);
    assert!(wire.sent().ends_with("+OK bye\r\n"), "{}", wire.sent());
    wire.state().acknowledged
}

#[test]
fn a_client_that_sends_a_part_of_a_line_is_acknowledged_at_once() {
    // Some clients send a line end in a packet of its own, and only after an ACK for the command.
    assert_eq!(acknowledged(&["NOOP", "\r\n", "QUIT", "\r\n"]), 2);
    assert_eq!(acknowledged(&["N", "O", "OP\r", "\nQUIT\r\n"]), 3);
    // A whole line is acknowledged along with its reply.
    assert_eq!(acknowledged(&["NOOP\r\n", "CAPA\r\nNOOP\r\n", "QUIT\r\n"]), 0);
}
