//! The speed of reading commands and replies, and of serving a pipelined session.
//!
//! Compare only within one run: `cargo bench -p pop3-proto --bench session`.

use core::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use pop3_proto::listing::ScanListing;
use pop3_proto::server::{Answer, Request, ServerConfig, ServerConnection, ServerStep};
use pop3_proto::{Channel, Command, Input, Instant, Reply, Snapshot, UniqueId, client, dots};

fn main() {
    divan::main();
}

/// What clients send most.
const COMMANDS: [&[u8]; 8] =
    [b"RETR 17", b"DELE 17", b"STAT", b"LIST 1234", b"UIDL", b"NOOP", b"TOP 17 0", b"USER mrose"];

/// 1,000 commands, in lines.
fn burst() -> Vec<u8> {
    COMMANDS.iter().cycle().take(1000).flat_map(|line| [line, &b"\r\n"[..]].concat()).collect()
}

/// The reference: only finds the line ends.
#[divan::bench]
fn commands_line_ends_only(bencher: Bencher<'_, '_>) {
    let burst = burst();
    bencher
        .counter(ItemsCount::new(1000_u32))
        .bench_local(|| memchr::memchr_iter(b'\n', black_box(&burst)).map(black_box).count());
}

#[divan::bench]
fn commands_parsed(bencher: Bencher<'_, '_>) {
    let lines: Vec<&[u8]> = COMMANDS.iter().copied().cycle().take(1000).collect();
    bencher.counter(ItemsCount::new(1000_u32)).bench_local(|| {
        for line in black_box(&lines) {
            let _ = black_box(Command::parse(line));
        }
    });
}

#[divan::bench]
fn replies_parsed(bencher: Bencher<'_, '_>) {
    let line = b"+OK 120 octets";
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| black_box(Reply::parse(black_box(line))));
}

#[divan::bench]
fn scan_listings_parsed(bencher: Bencher<'_, '_>) {
    let line = b"1234 120000";
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| black_box(ScanListing::parse(black_box(line))));
}

/// A connection after the login, with a hundred copies of this message.
fn logged_in(message: &[u8]) -> ServerConnection {
    // The high-water mark does not stop the commands early.
    let mut config = ServerConfig::default();
    config.limits.high_water = 1 << 30;
    let mut connection =
        ServerConnection::new(Arc::new(config), Channel::TrustedPlaintext, None, Instant::EPOCH);
    let mut out = BytesMut::new();
    let mut input = Input::new(b"USER mrose\r\nPASS x\r\n");
    let ServerStep::Ask(Request::Password { .. }) = connection.poll(Instant::EPOCH, &mut input, &mut out)
    else {
        panic!("no request");
    };
    let mut snapshot = Snapshot::new();
    for index in 0..100 {
        let uid = format!("uid{index}");
        snapshot.push(dots::wire_size(message), UniqueId::parse(uid.as_bytes()).expect("a unique-id"));
    }
    connection.answer(Answer::Accept(snapshot.into()), Instant::EPOCH, &mut out).expect("an answer");
    connection
}

/// Serves all of the input.
fn serve(connection: &mut ServerConnection, octets: &[u8], message: &[u8], out: &mut BytesMut) {
    let mut input = Input::new(octets);
    loop {
        match connection.poll(Instant::EPOCH, &mut input, out) {
            ServerStep::Read => return,
            ServerStep::Ask(Request::Fetch { .. }) => {
                connection.answer(Answer::Message, Instant::EPOCH, out).expect("an answer");
                let _ = connection.body(message, out).expect("a body");
                connection.answer(Answer::EndOfMessage, Instant::EPOCH, out).expect("an answer");
            }
            step @ (ServerStep::Flush
            | ServerStep::Ask(_)
            | ServerStep::Wait
            | ServerStep::Pause(_)
            | ServerStep::StartTls
            | ServerStep::Close(_)) => panic!("{step:?}"),
        }
    }
}

#[divan::bench]
fn server_stat_pipelined(bencher: Bencher<'_, '_>) {
    let message = b"x\r\n";
    let mut connection = logged_in(message);
    let burst = b"STAT\r\n".repeat(1000);
    let mut out = BytesMut::with_capacity(1 << 16);
    bencher.counter(ItemsCount::new(1000_u32)).bench_local(|| {
        out.clear();
        serve(&mut connection, &burst, message, &mut out);
        black_box(&out).len()
    });
}

/// 4 KB of mail with LF, as in a Maildir.
fn mail() -> Vec<u8> {
    let line = b"The quick brown fox jumps over the lazy dog, and over the lazy cat as well.\n";
    [&b"Subject: x\n\n"[..], &line.repeat(4096 / line.len())].concat()
}

#[divan::bench]
fn server_retr_4k_pipelined(bencher: Bencher<'_, '_>) {
    let message = mail();
    let mut connection = logged_in(&message);
    let burst: Vec<u8> = (1..=100).flat_map(|number| format!("RETR {number}\r\n").into_bytes()).collect();
    let mut out = BytesMut::with_capacity(1 << 20);
    bencher.counter(BytesCount::new(100 * message.len())).bench_local(|| {
        out.clear();
        serve(&mut connection, &burst, &message, &mut out);
        black_box(&out).len()
    });
}

/// The reference: copies the same number of octets.
#[divan::bench]
fn server_retr_4k_copied_only(bencher: Bencher<'_, '_>) {
    let message = mail();
    let mut out = BytesMut::with_capacity(1 << 20);
    bencher.counter(BytesCount::new(100 * message.len())).bench_local(|| {
        out.clear();
        for _ in 0..100 {
            out.extend_from_slice(black_box(&message));
        }
        black_box(&out).len()
    });
}

/// A client after the login that reads the reply to LIST of 1,000 messages repeatedly.
fn client_lists(bencher: Bencher<'_, '_>, line: impl Fn(u32) -> String) {
    let mut client = client::ClientConnection::new(
        client::ClientConfig::default(),
        Channel::TrustedPlaintext,
        Instant::EPOCH,
    );
    let mut out = BytesMut::with_capacity(1 << 10);
    let mut take = |command: Option<&Command<'_>>, octets: &[u8]| {
        out.clear();
        if let Some(command) = command {
            client.send(command, Instant::EPOCH, &mut out).expect("a command");
        }
        let (mut input, mut events) = (Input::new(octets), 0_u32);
        while !input.rest().is_empty() {
            let _ = black_box(client.poll(Instant::EPOCH, &mut input).expect("an event"));
            events += 1;
        }
        events
    };
    let _ = take(None, b"+OK\r\n");
    for login in [&b"USER mrose"[..], b"PASS x"] {
        let _ = take(Some(&Command::parse(login).expect("a command")), b"+OK\r\n");
    }
    let listing: String = (1..=1000).map(line).collect();
    let reply = format!("+OK\r\n{listing}.\r\n");
    bencher
        .counter(ItemsCount::new(1000_u32))
        .bench_local(|| take(Some(&Command::List(None)), black_box(reply.as_bytes())));
}

#[divan::bench]
fn client_list_read(bencher: Bencher<'_, '_>) {
    client_lists(bencher, |number| format!("{number} 120000\r\n"));
}

/// The same with two quirks in each line: a bare LF, and leading zeros.
#[divan::bench]
fn client_odd_list_read(bencher: Bencher<'_, '_>) {
    client_lists(bencher, |number| format!("{number} 00120000\n"));
}
