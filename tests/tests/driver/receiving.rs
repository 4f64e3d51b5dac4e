//! What a receiver is told, and the time that it takes.

use core::time::Duration;
use std::io;

use pop3_driver::client::Receiver;
use pop3_driver::{Transport as _, wait};
use pop3_proto::{Instant, Octets};

use crate::dropped::{Hesitant, logged_in, number};
use crate::halting::{Halting, MAIL};

/// Takes one hour for each piece.
struct Slow(Halting, Vec<u8>);

impl Receiver for Slow {
    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        let later = self.0.now().after(Duration::from_secs(3600));
        self.0.state().now = later;
        self.1.extend_from_slice(octets);
        Ok(())
    }
}

#[test]
fn the_time_of_a_sink_is_not_the_servers() {
    let (mut client, transport) = logged_in();
    let mut slow = Slow(transport.clone(), Vec::new());
    wait(client.retr(number(1), &mut slow)).expect("a message");
    assert_eq!(slow.1, MAIL.as_bytes());
    wait(client.retr_all(&[number(1), number(2)], &mut slow)).expect("messages");
    assert_eq!(slow.1, MAIL.repeat(3).as_bytes());
    assert!(transport.now().since(Instant::EPOCH) > Duration::from_secs(10 * 3600));
}

#[test]
fn a_receiver_is_told_the_size_by_list_or_else_by_the_reply() {
    let (mut client, _transport) = logged_in();
    let mut sink = Hesitant::default();
    wait(client.retr_all(&[number(1), number(2)], &mut sink)).expect("messages");
    assert_eq!(sink.sizes, [Some(MAIL.len() as Octets); 2]);
    let (mut client, _transport) = logged_in();
    wait(client.list()).expect("sizes");
    wait(client.retr(number(3), &mut sink)).expect("a message");
    assert_eq!(sink.sizes.last(), Some(&Some(34)));
    assert_eq!(wait(client.top(number(1), 0)).expect("a message").size(), None);
}
