//! The server of the core, after the login.

use core::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use pop3_proto::server::{Answer, Request, ServerConfig, ServerConnection, ServerStep};
use pop3_proto::{Channel, Input, Instant, Snapshot, UniqueId, dots};

use crate::{Aligned, MESSAGES, Scenario, commands, mail};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("server/stat", 10, |times| serve(times, &b"STAT\r\n".repeat(100))),
    Scenario::new("server/noop", 10, |times| serve(times, &b"NOOP\r\n".repeat(100))),
    Scenario::new("server/list n", 10, |times| serve(times, &commands("LIST", ""))),
    Scenario::new("server/uidl n", 10, |times| serve(times, &commands("UIDL", ""))),
    Scenario::new("server/list", 10, |times| serve(times, b"LIST\r\n")),
    Scenario::new("server/uidl", 10, |times| serve(times, b"UIDL\r\n")),
    Scenario::new("server/retr", 5, |times| serve(times, &commands("RETR", ""))),
    Scenario::new("server/top", 5, |times| serve(times, &commands("TOP", " 10"))),
    Scenario::new("server/dele", 10, |times| {
        serve(times, &[&commands("DELE", "")[..], b"RSET\r\n"].concat())
    }),
    // Clients ask this once or twice, before and behind the login. What an allocation costs depends on the others.
    Scenario::new("server/capa", 0, |times| serve(times, b"CAPA\r\n")).allocating(14),
];

/// Serves these octets so many times.
fn serve(times: u32, octets: &[u8]) {
    let (message, octets) = (Aligned::new(&mail()), Aligned::new(octets));
    let mut connection = logged_in(&message);
    let mut out = BytesMut::with_capacity(64 << 10);
    for _ in 0..times {
        let mut input = Input::new(black_box(&octets));
        loop {
            match connection.poll(Instant::EPOCH, &mut input, &mut out) {
                ServerStep::Flush => out.clear(),
                ServerStep::Read => break,
                ServerStep::Ask(Request::Fetch { .. }) => {
                    connection.answer(Answer::Message, Instant::EPOCH, &mut out).expect("an answer");
                    let _ = connection.body(black_box(&message), &mut out).expect("a body");
                    connection.answer(Answer::EndOfMessage, Instant::EPOCH, &mut out).expect("an answer");
                }
                step @ (ServerStep::Ask(_)
                | ServerStep::Wait
                | ServerStep::Pause(_)
                | ServerStep::StartTls
                | ServerStep::Close(_)) => panic!("{step:?}"),
            }
        }
        assert!(black_box(&out).starts_with(b"+OK"));
        out.clear();
    }
}

/// A connection after the login, with copies of this message.
fn logged_in(message: &[u8]) -> ServerConnection {
    let config = Arc::new(ServerConfig::default());
    let mut connection = ServerConnection::new(config, Channel::TrustedPlaintext, None, Instant::EPOCH);
    let mut out = BytesMut::new();
    let mut input = Input::new(b"USER mrose\r\nPASS x\r\n");
    let step = connection.poll(Instant::EPOCH, &mut input, &mut out);
    assert!(matches!(step, ServerStep::Ask(Request::Password { .. })), "{step:?}");
    let mut snapshot = Snapshot::new();
    for index in 0..MESSAGES {
        let uid = format!("uid{index}");
        snapshot.push(dots::wire_size(message), UniqueId::parse(uid.as_bytes()).expect("a unique-id"));
    }
    connection.answer(Answer::Accept(snapshot.into()), Instant::EPOCH, &mut out).expect("an answer");
    connection
}
