//! The client of the core, after the login.

use core::hint::black_box;

use bytes::BytesMut;
use pop3_proto::client::{ClientConfig, ClientConnection};
use pop3_proto::{Channel, Command, Input, Instant};

use crate::{Aligned, MESSAGES, Scenario, mail_on_the_wire};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("client/stat", 1000, |times| call(times, b"STAT", b"+OK 100 409600\r\n")),
    Scenario::new("client/noop", 1000, |times| call(times, b"NOOP", b"+OK\r\n")),
    Scenario::new("client/list n", 1000, |times| call(times, b"LIST 7", b"+OK 7 4096\r\n")),
    Scenario::new("client/uidl n", 1000, |times| call(times, b"UIDL 7", b"+OK 7 uid-7\r\n")),
    Scenario::new("client/list", 10, |times| {
        call(times, b"LIST", &listing(|number| format!("{number} 4096\r\n")))
    }),
    Scenario::new("client/uidl", 10, |times| {
        call(times, b"UIDL", &listing(|number| format!("{number} uid-{number}\r\n")))
    }),
    Scenario::new("client/retr", 50, |times| call(times, b"RETR 7", &message())),
    Scenario::new("client/top", 50, |times| call(times, b"TOP 7 10", &message())),
    Scenario::new("client/dele", 1000, |times| call(times, b"DELE 7", b"+OK\r\n")),
    Scenario::new("client/refused", 1000, |times| call(times, b"RETR 7", b"-ERR [SYS/TEMP] later\r\n")),
];

fn listing(row: impl Fn(u32) -> String) -> Vec<u8> {
    let rows: String = (1..=MESSAGES).map(row).collect();
    format!("+OK\r\n{rows}.\r\n").into_bytes()
}

fn message() -> Vec<u8> {
    [&b"+OK 4096 octets\r\n"[..], &mail_on_the_wire()].concat()
}

/// Sends this command so many times, and reads its reply.
fn call(times: u32, command: &[u8], reply: &[u8]) {
    let mut client =
        ClientConnection::new(ClientConfig::default(), Channel::TrustedPlaintext, Instant::EPOCH);
    let (mut out, reply) = (BytesMut::with_capacity(1 << 10), Aligned::new(reply));
    take(&mut client, b"+OK\r\n");
    for command in [&b"USER mrose"[..], b"PASS x"] {
        send(&mut client, command, &mut out);
        take(&mut client, b"+OK\r\n");
    }
    for _ in 0..times {
        out.clear();
        send(&mut client, black_box(command), &mut out);
        take(&mut client, black_box(&reply));
    }
}

fn send(client: &mut ClientConnection, command: &[u8], out: &mut BytesMut) {
    let command = Command::parse(command).expect("a command");
    client.send(&command, Instant::EPOCH, out).expect("it may be sent");
    black_box(out);
}

fn take(client: &mut ClientConnection, octets: &[u8]) {
    let mut input = Input::new(octets);
    while !input.rest().is_empty() {
        let _ = black_box(client.poll(Instant::EPOCH, &mut input).expect("an event"));
    }
}
