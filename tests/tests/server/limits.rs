//! Memory: what a client sends or leaves unread uses no more than the limits allow.

use bytes::BytesMut;
use pop3_observer::Side;
use pop3_proto::server::{Answer, Close, Limits, Request, ServerConfig, ServerConnection, ServerStep};
use pop3_proto::{Channel, Input};
use pop3_tests::START;
use pop3_tests::observed::Watch;
use pop3_tests::server::Server;
use pop3_tests::store::Store;

const HIGH_WATER: usize = 32 * 1024;

/// A core after the login, with this many messages, and its observer.
fn logged_in(messages: usize) -> (ServerConnection, Watch) {
    let uids: Vec<_> = (0..messages).map(|n| format!("uid-{n:064}")).collect();
    let store = Store::with(uids.iter().map(|uid| (&uid[..], &b"x\n"[..])));
    let mut core = ServerConnection::new(ServerConfig::default().into(), Channel::Tls, None, START);
    let login = b"USER mrose\r\nPASS tanstaaf\r\n";
    let (mut input, mut out) = (Input::new(login), BytesMut::new());
    let ServerStep::Ask(Request::Password { .. }) = core.poll(START, &mut input, &mut out) else {
        panic!("credentials are to be checked");
    };
    core.answer(Answer::Accept(store.maildrop().into()), START, &mut out).unwrap();
    let mut watch = Watch::new(Side::Server, Channel::Tls);
    watch.sent(Side::Client, login);
    watch.sent(Side::Server, &out);
    (core, watch)
}

// 2449-4.03, SEC-04
#[test]
fn a_line_without_an_end_is_refused_at_once_and_ends_the_connection() {
    let piece = vec![b'x'; 600];
    let new = ServerConnection::new(ServerConfig::default().into(), Channel::Tls, None, START);
    for (mut core, mut watch) in [logged_in(1), (new, Watch::new(Side::Server, Channel::Tls))] {
        let mut out = BytesMut::new();
        let _ = core.poll(START, &mut Input::new(b""), &mut out);
        watch.sent(Side::Server, &out);
        out.clear();
        let limits = Limits::default();
        let (mut sent, mut said, mut kept) = (0, Vec::new(), Vec::new());
        let step = loop {
            kept.extend_from_slice(&piece);
            watch.sent(Side::Client, &piece);
            let mut input = Input::new(&kept);
            let step = core.poll(START, &mut input, &mut out);
            sent += input.consumed();
            let consumed = input.consumed();
            kept.drain(..consumed);
            watch.sent(Side::Server, &out);
            // As soon as the limit is reached: after the second piece of 600 octets.
            let refused = said.is_empty() && sent > 0;
            assert!(kept.len() < limits.command_line, "no more is to be kept than a line");
            assert_eq!(&out[..], if refused { &b"-ERR command line too long\r\n"[..] } else { b"" });
            said.extend_from_slice(&out);
            if !matches!(step, ServerStep::Read) {
                break step;
            }
            out.clear();
        };
        assert!(matches!(step, ServerStep::Close(Close::EndlessLine)), "{step:?}");
        assert_eq!(sent, limits.command_line + limits.discarded_line);
    }
}

// A caller whose buffer fits the longest line never gets stuck.
#[test]
fn a_buffer_of_the_longest_line_is_enough() {
    let mut server = Server::logged_in(Store::fixture());
    server.feed(&[&vec![b'x'; 10_000][..], b"\r\nNOOP\r\n"].concat(), &[1]);
    assert!(server.most_received() <= Limits::default().command_line, "{}", server.most_received());
}

// 2449-6.60, 2449-6.62, SEC-04
#[test]
fn a_hundred_thousand_commands_are_answered_in_portions() {
    let burst = b"NOOP\r\n".repeat(100_000);
    let (mut core, mut watch) = logged_in(1);
    let (mut input, mut out, mut sent) = (Input::new(&burst), BytesMut::new(), 0);
    let (mut flushes, mut seen) = (0, 0);
    while let ServerStep::Flush = core.poll(START, &mut input, &mut out) {
        assert!((HIGH_WATER..HIGH_WATER + 512).contains(&out.len()), "{}", out.len());
        // Without space, nothing more is accepted, however often it is polled.
        let (taken, length) = (input.consumed(), out.len());
        assert!(matches!(core.poll(START, &mut input, &mut out), ServerStep::Flush));
        assert_eq!((input.consumed(), out.len()), (taken, length));
        // The observer gives up when too many commands are outstanding.
        watch.sent(Side::Client, &burst[seen..taken]);
        watch.sent(Side::Server, &out);
        seen = taken;
        sent += out.len();
        out.clear();
        flushes += 1;
    }
    assert_eq!(input.rest(), b"");
    watch.sent(Side::Client, &burst[seen..]);
    watch.sent(Side::Server, &out);
    sent += out.len();
    assert_eq!(sent, 100_000 * "+OK nothing done\r\n".len());
    assert!(flushes > 50);
}

// 2449-6.62, SEC-04
#[test]
fn a_long_listing_stops_at_the_high_water_mark_and_goes_on() {
    for (command, line) in [("LIST\r\n", "3"), ("UIDL\r\n", "uid")] {
        let (mut core, mut watch) = logged_in(20_000);
        watch.sent(Side::Client, command.as_bytes());
        let (mut input, mut out, mut sent) = (Input::new(command.as_bytes()), BytesMut::new(), Vec::new());
        loop {
            let step = core.poll(START, &mut input, &mut out);
            assert!(out.len() < HIGH_WATER + 512, "{}", out.len());
            watch.sent(Side::Server, &out);
            sent.extend_from_slice(&out);
            out.clear();
            match step {
                ServerStep::Flush => {}
                ServerStep::Read => break,
                step @ (ServerStep::Ask(_)
                | ServerStep::Wait
                | ServerStep::Pause(_)
                | ServerStep::StartTls
                | ServerStep::Close(_)) => {
                    panic!("{step:?}")
                }
            }
        }
        let text = String::from_utf8(sent).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 20_002);
        assert!(lines[0].starts_with("+OK 20000 "));
        assert_eq!(lines[20_001], ".");
        for (index, entry) in lines[1..20_001].iter().enumerate() {
            assert!(entry.starts_with(&format!("{} {line}", index + 1)), "{entry}");
        }
    }
}

// No message can be marked between two parts of a listing, because no command is read before it ends.
#[test]
fn nothing_is_read_while_a_listing_is_under_way() {
    let (mut core, _) = logged_in(20_000);
    let (mut input, mut out) = (Input::new(b"LIST\r\nDELE 20000\r\nSTAT\r\n"), BytesMut::new());
    assert!(matches!(core.poll(START, &mut input, &mut out), ServerStep::Flush));
    assert_eq!(input.rest(), b"DELE 20000\r\nSTAT\r\n");
}

#[test]
fn the_smallest_high_water_mark_is_one_reply() {
    for high_water in [0, 1] {
        let mut config = ServerConfig::default();
        config.limits.high_water = high_water;
        let mut server = Server::with(Store::fixture(), config, Channel::Tls, None).log_in();
        let sent = server.say("STAT\r\nLIST\r\nRETR 2\r\nSTAT\r\nQUIT");
        assert_eq!(sent.lines().count(), 1 + 5 + 7 + 1 + 1);
        assert!(server.highest() <= 512, "{}", server.highest());
    }
}

// 1939-5.44, 2449-6.62: the output never contains more than one piece of a message that is not read.
#[test]
fn unread_messages_take_no_memory() {
    let message = vec![b'x'; 200_000];
    let mut store = Store::with([("a", &message[..])]);
    store.chunk = 4096;
    let mut server = Server::logged_in(store);
    let sent = server.send(&b"RETR 1\r\n".repeat(100));
    assert_eq!(sent.len(), 100 * ("+OK 200002 octets\r\n".len() + 200_002 + 3));
    assert!(server.highest() < 4096 + 600, "{}", server.highest());
}
