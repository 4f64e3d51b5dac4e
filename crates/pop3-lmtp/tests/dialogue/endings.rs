//! How messages, connections and the server end.

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use tokio::sync::Semaphore;

use crate::support::{Client, House, Memory, content};

#[test]
fn a_message_that_does_not_end_is_not_delivered() {
    let house = House::new(Memory::default(), |config| {
        config.content_timeout = Duration::from_millis(300);
        config.idle_timeout = Duration::from_millis(300);
    });
    for cut in ["", "Subject: x\r\n\r\nx", "x\r\n.", "x\r\n.\r"] {
        let mut client = house.connect();
        client.begin(&["alice@x"]);
        client.send(cut.as_bytes());
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(client.is_closed());
    }
    let mut client = house.connect();
    client.begin(&["alice@x"]);
    client.send(b"x");
    assert!(client.reply().starts_with("421 4.4.2 ") && client.is_closed());
    let mut client = house.connect();
    assert!(client.reply().starts_with("421 4.4.2 ") && client.is_closed());
    assert!(house.delivered().is_empty());
}

#[test]
fn without_room_the_client_tries_again() {
    let house = House::new(Memory { room: Some(100_000), ..Memory::default() }, |_| ());
    let mut client = house.connect();
    client.begin(&["alice@x", "carol@x"]);
    client.send(&[&b"x".repeat(1_000_000)[..], b"\r\n.\r\n"].concat());
    assert!(client.reply().starts_with("452 4.3.1 ") && client.reply().starts_with("452 4.3.1 "));
    client.begin(&["alice@x"]);
    client.send(b"x\r\n.\r\n");
    assert!(client.reply().starts_with("250 "));
    assert_eq!(house.delivered().len(), 1);
}

#[test]
fn a_delivery_that_takes_too_long_is_tried_again() {
    let memory = Memory { gate: Some(Semaphore::new(0)), ..Memory::default() };
    let house = House::new(memory, |config| config.delivery_timeout = Duration::from_millis(200));
    let mut client = house.connect();
    client.begin(&["alice@x"]);
    client.send(b"x\r\n.\r\n");
    assert!(client.reply().starts_with("451 4.3.0 "));
    house.mailboxes.gate.as_ref().unwrap().add_permits(9);
    client.begin(&["alice@x"]);
    client.send(b"x\r\n.\r\n");
    assert!(client.reply().starts_with("250 2.0.0 "));
}

#[test]
fn a_server_that_is_stopped_finishes_what_it_receives() {
    let memory = Memory { gate: Some(Semaphore::new(0)), ..Memory::default() };
    let house = House::new(memory, |_| ());
    let (mut idle, mut busy) = (house.connect(), house.connect());
    busy.begin(&["alice@x", "carol@x"]);
    busy.send(b"x\r\n");
    house.stop();
    assert!(idle.reply().starts_with("421 4.3.2 ") && idle.is_closed());
    busy.send(b"y\r\n.\r\n");
    house.mailboxes.gate.as_ref().unwrap().add_permits(9);
    assert_eq!(busy.reply(), "250 2.0.0 <alice@x> delivered");
    assert_eq!(busy.reply(), "250 2.0.0 <carol@x> delivered");
    assert!(busy.reply().starts_with("421 4.3.2 ") && busy.is_closed());
    assert_eq!(content(&house.delivered()[1].2), b"x\r\ny\r\n");
}

#[test]
fn others_wait_when_all_places_are_taken() {
    let house = House::new(Memory::default(), |config| config.max_connections = 1);
    let first = house.connect();
    let waiting = TcpStream::connect(house.address).unwrap();
    drop(first);
    let mut client = Client::new(waiting);
    assert!(client.say("NOOP").starts_with("250 "));
}

#[test]
fn a_unix_socket_serves_as_well() {
    let house = House::new(Memory::default(), |_| ());
    let mut stream = UnixStream::connect(house.socket.path().join("lmtp")).unwrap();
    stream.write_all(b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@x>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n").unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).unwrap();
    assert!(replies.contains("250 2.0.0 <alice@x> delivered\r\n221 "), "{replies}");
    assert_eq!(house.delivered()[0].1, "");
}
