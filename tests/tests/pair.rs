//! Both roles together: each understands what the other sends, however it is split.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the cases it is about")]

use pop3_proto::Channel;
use pop3_proto::client::{self, Excerpt, ProtocolError};
use pop3_proto::server::{Close, ServerConfig};
use pop3_tests::client::{Client, Seen};
use pop3_tests::configured;
use pop3_tests::pair::Pair;
use pop3_tests::server::{Asked, Server};
use pop3_tests::split::{OCTETS, WHOLE};
use pop3_tests::store::{Store, awkward, content};
use proptest::collection::vec;
use proptest::prelude::*;

fn pair(store: Store) -> Pair {
    Pair::new(Client::new(), Server::new(store))
}

fn data(client: &Client) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut open = Vec::new();
    for seen in client.log() {
        match seen {
            Seen::Data(data) => open.extend_from_slice(data),
            Seen::End(pop3_proto::Keyword::Retr | pop3_proto::Keyword::Top) => {
                messages.push(core::mem::take(&mut open))
            }
            _ => {}
        }
    }
    messages
}

#[test]
fn a_whole_session() {
    for (there, back) in [(WHOLE, WHOLE), (OCTETS, OCTETS), (&[2, 3], &[5]), (WHOLE, OCTETS), (OCTETS, WHOLE)]
    {
        let mut pair = pair(Store::fixture()).with_lengths(there, back);
        pair.run([
            "USER mrose",
            "PASS tanstaaf",
            "STAT",
            "LIST",
            "UIDL",
            "RETR 2",
            "TOP 2 1",
            "DELE 1",
            "RETR 1",
            "QUIT",
        ]);
        assert_eq!(
            pair.transcript(),
            "S: +OK POP3 server ready\n\
             C: USER mrose\n\
             S: +OK password required\n\
             C: PASS tanstaaf\n\
             S: +OK maildrop has 3 messages (67 octets)\n\
             C: STAT\n\
             S: +OK 3 67\n\
             C: LIST\n\
             S: +OK 3 messages (67 octets)\n\
             S: 1 21\n\
             S: 2 32\n\
             S: 3 14\n\
             S: .\n\
             C: UIDL\n\
             S: +OK 3 messages (67 octets)\n\
             S: 1 aaa\n\
             S: 2 bbb\n\
             S: 3 ccc\n\
             S: .\n\
             C: RETR 2\n\
             S: +OK 32 octets\n\
             S: Subject: b\n\
             S: \n\
             S: ..dot\n\
             S: ...two\n\
             S: end\n\
             S: .\n\
             C: TOP 2 1\n\
             S: +OK top of message follows\n\
             S: Subject: b\n\
             S: \n\
             S: ..dot\n\
             S: .\n\
             C: DELE 1\n\
             S: +OK marked as deleted\n\
             C: RETR 1\n\
             S: -ERR this message is marked as deleted\n\
             C: QUIT\n\
             S: +OK bye\n"
        );
        assert_eq!(
            data(&pair.client),
            [&b"Subject: b\r\n\r\n.dot\r\n..two\r\nend\r\n"[..], b"Subject: b\r\n\r\n.dot\r\n"]
        );
        assert_eq!(pair.client.log().last(), Some(&Seen::Closed));
        assert_eq!((pair.server.closed(), pair.server.store.messages.len()), (Some(Close::Quit), 2));
    }
}

// 1939-3.22, 1939-3.23, 1939-3.24, 1939-3.32, 1939-3.33, 1939-3.34, 1939-3.39, SEC-12: every unusual
// message is the same at the other end.
#[test]
fn awkward_messages_come_through_octet_for_octet() {
    let messages = awkward();
    let uids: Vec<_> = (0..messages.len()).map(|index| format!("u{index}")).collect();
    let commands: Vec<_> = (1..=messages.len()).map(|n| format!("RETR {n}")).collect();
    for (there, back, chunk) in
        [(WHOLE, WHOLE, 65_536), (WHOLE, OCTETS, 4096), (WHOLE, &[3, 1, 4, 1, 5][..], 5)]
    {
        let mut store = Store::with(uids.iter().map(|uid| &uid[..]).zip(messages.iter().map(|m| &m.1[..])));
        store.chunk = chunk;
        let mut pair = pair(store).with_lengths(there, back);
        pair.run(["USER mrose", "PASS tanstaaf", "CAPA", "LIST"]);
        pair.run(commands.iter().map(String::as_str).chain(["QUIT"]));
        assert_eq!(pair.client.error(), None);
        let received = data(&pair.client);
        for ((name, stored), received) in messages.iter().zip(&received) {
            assert!(*received == content(stored), "{name}");
        }
        assert_eq!(received.len(), messages.len());
        // 6856-2.10: the message has the size that LIST reported.
        let sizes: Vec<_> = pair
            .client
            .log()
            .iter()
            .filter_map(|seen| match seen {
                Seen::Entry(entry) => entry.split_once(' ')?.1.parse::<usize>().ok(),
                _ => None,
            })
            .collect();
        assert_eq!(sizes, received.iter().map(Vec::len).collect::<Vec<_>>());
        assert!(pair.most_outstanding() > 10, "the window opens after CAPA");
        assert!(pair.client.log().iter().all(|seen| !matches!(seen, Seen::Warning(_))));
    }
}

// 2449-6.63, 2449-6.64
#[test]
fn without_pipelining_one_command_is_under_way() {
    let mut pair = pair(Store::fixture());
    pair.run(["USER mrose", "PASS tanstaaf", "STAT", "LIST", "RETR 1", "QUIT"]);
    assert_eq!(pair.most_outstanding(), 1);
    let mut config = client::ClientConfig::default();
    config.pipelining = false;
    let mut pair = Pair::new(Client::with(config, Channel::Tls), Server::new(Store::fixture()));
    pair.run(["CAPA", "USER mrose", "PASS tanstaaf", "CAPA", "STAT", "LIST", "RETR 1", "QUIT"]);
    assert_eq!((pair.most_outstanding(), pair.unsent().len()), (1, 0));
}

// 2449-6.64, 1939-7.25: before the login nothing is pipelined, whatever is announced.
#[test]
fn before_the_login_one_command_is_under_way() {
    let mut client = Client::new();
    client.receive(b"+OK\r\n");
    client.send("CAPA").unwrap();
    client.receive(b"+OK\r\nPIPELINING\r\nUSER\r\n.\r\n");
    for first in ["CAPA", "USER mrose"] {
        client.send(first).unwrap();
        for second in ["CAPA", "PASS tanstaaf", "QUIT"] {
            assert!(client.send(second).is_err(), "{second} behind {first}");
        }
        client.receive(b"-ERR\r\n");
    }
}

// 2449-6.62: the window counts octets that the server may not have read. Once they are read, it opens again.
#[test]
fn the_window_opens_again() {
    let mut client = Client::new();
    client.receive(b"+OK\r\n");
    for command in ["USER mrose", "PASS tanstaaf"] {
        client.send(command).unwrap();
        client.receive(b"+OK\r\n");
    }
    client.send("CAPA").unwrap();
    client.receive(b"+OK\r\nPIPELINING\r\n.\r\n");
    client.take();
    for _ in 0..100 {
        let mut sent = 0;
        while client.send("TOP 4294967295 18446744073709551615").is_ok() {
            sent += 1;
        }
        // The size of these commands is the tighter limit.
        assert_eq!(sent, 4096 / b"TOP 4294967295 18446744073709551615\r\n".len());
        assert!(client.take().len() <= 4096);
        client.receive(&b"-ERR\r\n".repeat(sent));
        assert_eq!((client.connection().outstanding(), client.error()), (0, None));
    }
}

// 2449-6.61, 2449-6.62
#[test]
fn a_thousand_commands_are_paired_with_their_replies() {
    let commands: Vec<_> =
        (0..1000).map(|n| ["STAT", "LIST", "RETR 9", "RETR 3", "UIDL 2", "DELE 9", "NOOP"][n % 7]).collect();
    let mut config = ServerConfig::default();
    config.limits.high_water = 64;
    let server = Server::with(Store::fixture(), config, Channel::Tls, None);
    let mut pair = Pair::new(Client::new(), server);
    pair.run(["USER mrose", "PASS tanstaaf", "CAPA"]);
    pair.run(commands.iter().copied());
    pair.run(["QUIT"]);
    let replies: Vec<_> = pair
        .client
        .log()
        .iter()
        .filter_map(|seen| match seen {
            Seen::Reply(keyword, first, _) => Some((keyword.as_str(), first.positive)),
            _ => None,
        })
        .collect();
    for (command, (keyword, positive)) in commands.iter().zip(&replies[3..]) {
        assert_eq!((command.split(' ').next(), !command.ends_with('9')), (Some(*keyword), *positive));
    }
    assert_eq!(replies.len(), 1004);
    // The window has so many octets.
    assert!(pair.most_outstanding() <= 4096 / "NOOP\r\n".len());
}

fn with_stls() -> Pair {
    let mut config = ServerConfig::default();
    config.starttls = true;
    let server = Server::with(Store::fixture(), config, Channel::Plaintext, Some("<1.2@h>"));
    Pair::new(Client::with(client::ClientConfig::default(), Channel::Plaintext), server)
}

// 2595-4.14, 2595-4.15
#[test]
fn stls_makes_both_forget() {
    for lengths in [WHOLE, OCTETS] {
        let mut pair = with_stls().with_lengths(lengths, lengths);
        pair.run(["CAPA", "USER mrose"]);
        assert_eq!(pair.unsent(), ["USER mrose"], "no name leaves in clear text");
        assert!(pair.client.connection().capabilities().is_some());
        assert!(pair.client.connection().greeting_timestamp().is_some());
        let mut pair = with_stls().with_lengths(lengths, lengths);
        pair.run(["CAPA", "STLS"]);
        assert_eq!(pair.client.connection().channel(), Channel::Tls);
        assert!(pair.client.connection().capabilities().is_none());
        assert!(pair.client.connection().greeting_timestamp().is_none());
        pair.run(["USER mrose", "PASS tanstaaf", "STAT", "QUIT"]);
        assert_eq!((pair.client.error(), pair.unsent().len()), (None, 0));
        assert_eq!(pair.server.handshakes(), 1);
    }
}

// 2595-4.12: a man in the middle inserts commands after STLS.
#[test]
fn commands_put_behind_stls_are_not_carried_out() {
    for injected in [&b"USER eve\r\n"[..], b"USER eve\r\nPASS eve\r\nDELE 1\r\n", b"QUIT\r\n", b"USER ev"] {
        for lengths in [WHOLE, OCTETS, &[7]] {
            let mut pair = with_stls().with_lengths(lengths, WHOLE).inserting(false, b"STLS", injected);
            pair.run(["STLS", "USER mrose", "PASS tanstaaf", "STAT", "QUIT"]);
            assert_eq!(pair.server.asked()[0], Asked::Authenticate(b"mrose".to_vec()));
            assert_eq!((pair.server.store.messages.len(), pair.client.error()), (3, None));
            assert_eq!(pair.lines_of('S').len(), 6);
        }
    }
}

// 2595-4.13, SEC-06: and replies after the reply to STLS.
#[test]
fn replies_put_behind_the_reply_to_stls_end_the_session() {
    for injected in [&b"+OK\r\n"[..], b"+OK injected\r\n+OK\r\n", b"-ERR\r\n", b"+", b"\r\n"] {
        for lengths in [WHOLE, OCTETS, &[3]] {
            let mut pair =
                with_stls().with_lengths(WHOLE, lengths).inserting(true, b"+OK begin TLS", injected);
            pair.run(["STLS", "USER mrose", "PASS tanstaaf"]);
            assert_eq!(pair.client.error(), Some(ProtocolError::Injected), "{}", injected.escape_ascii());
            assert_eq!(pair.unsent(), ["USER mrose", "PASS tanstaaf"]);
            assert!(!pair.transcript().contains("mrose"));
        }
    }
}

// SEC-07: a surplus reply is noticed before anything is deleted.
#[test]
fn a_reply_too_many_ends_the_session() {
    for injected in [&b"+OK\r\n"[..], b"+OK 9 octets\r\nforged\r\n.\r\n"] {
        for lengths in [WHOLE, OCTETS] {
            let mut pair = pair(Store::fixture()).with_lengths(WHOLE, lengths).inserting(
                true,
                b"+OK maildrop",
                injected,
            );
            pair.run(["USER mrose", "PASS tanstaaf", "RETR 1", "DELE 1", "QUIT"]);
            assert_eq!(pair.client.error(), Some(ProtocolError::Unsolicited(Excerpt::default())));
            assert_eq!(pair.server.store.messages.len(), 3);
        }
    }
}

fn script() -> impl Strategy<Value = Vec<String>> {
    let command = prop_oneof![
        Just("STAT".to_owned()),
        Just("LIST".to_owned()),
        Just("UIDL".to_owned()),
        Just("NOOP".to_owned()),
        Just("RSET".to_owned()),
        Just("CAPA".to_owned()),
        (1..6_u32).prop_map(|n| format!("RETR {n}")),
        (1..6_u32).prop_map(|n| format!("DELE {n}")),
        (1..6_u32).prop_map(|n| format!("LIST {n}")),
        (1..6_u32).prop_map(|n| format!("UIDL {n}")),
        (1..6_u32, 0..4_u32).prop_map(|(n, k)| format!("TOP {n} {k}")),
    ];
    vec(command, 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    // 1939-3.18, 1939-3.19: any script has the same result at every split of both directions, pipelined or not.
    #[test]
    fn any_script_gives_the_same(
        script in script(), there in vec(1..30_usize, 1..5), back in vec(1..30_usize, 1..5), high_water in 1..300_usize,
    ) {
        let commands: Vec<_> = ["USER mrose", "PASS tanstaaf", "CAPA"].into_iter()
            .chain(script.iter().map(String::as_str)).chain(["QUIT"]).collect();
        let run = |pipelining, there: &[usize], back: &[usize], high_water| {
            let mut config = ServerConfig::default();
            config.limits.high_water = high_water;
            let server = Server::with(Store::fixture(), config, Channel::Tls, None);
            let client = Client::with(configured::<client::ClientConfig>(|it| { it.pipelining = pipelining; it.strict = true; }), Channel::Tls);
            let mut pair = Pair::new(client, server).with_lengths(there, back);
            pair.run(commands.iter().copied());
            assert_eq!((pair.client.error(), pair.unsent().len()), (None, 0));
            let left: Vec<_> = pair.server.store.messages.iter().map(|message| message.uid.clone()).collect();
            (pair.client.log().to_vec(), left, pair.server.asked().to_vec())
        };
        let plain = run(false, WHOLE, WHOLE, 32_768);
        prop_assert_eq!(&plain, &run(true, WHOLE, WHOLE, 32_768));
        prop_assert_eq!(&plain, &run(true, &there, &back, high_water));
        prop_assert_eq!(&plain, &run(true, OCTETS, OCTETS, high_water));
    }
}
