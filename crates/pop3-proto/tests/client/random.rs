//! Any octets: no panic, always progress, and the same result at every split.

use pop3_proto::client::ClientConfig;
use pop3_proto::{Base64, Command, MechanismName, ReplyShape};
use proptest::prelude::*;

use crate::support::{Cut, Turn, configured, extension, number, pass, play, retr, turn, user};

/// Octets as servers send them, or similar.
fn octets(fragments: usize) -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        &b"+OK"[..],
        b"-ERR",
        b"+ok",
        b" ",
        b"\t",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b".",
        b"\r\n.\r\n",
        b"+OK\r\n",
        b"+OK\r\n",
        b"-ERR no\r\n",
        b"+OK 1 120\r\n",
        b"1 120\r\n",
        b"2 abc\r\n",
        b"PIPELINING\r\n",
        b"EXPIRENEVER\n",
        b"..dot\r\n",
        b"\x16\x03",
        b"+ ",
        b"+ \r\n",
        b"+\r\n",
        b"+ dGVz\r\n",
    ]);
    let fragment = prop_oneof![
        8 => known.prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(fragment, 0..fragments).prop_map(|fragments| fragments.concat())
}

fn config() -> impl Strategy<Value = ClientConfig> {
    (any::<bool>(), 1_usize..40, 1_usize..6, prop::option::of(0_u64..20)).prop_map(
        |(strict, line, entries, body)| {
            configured(|it| {
                it.strict = strict;
                it.max_reply_line = line + 4;
                it.max_list_line = line;
                it.max_list_entries = entries;
                it.max_capabilities = entries;
                it.max_body = body;
            })
        },
    )
}

fn commands() -> Vec<Command<'static>> {
    vec![
        Command::List(None),
        Command::Uidl(None),
        retr(1),
        Command::Stat,
        Command::List(Some(number(1))),
        Command::Uidl(Some(number(2))),
        Command::Last,
        extension(b"XTND", ReplyShape::Lines),
        Command::Capa,
        Command::Noop,
        Command::Quit,
    ]
}

proptest! {
    // SEC-04
    #[test]
    fn a_greeting_of_any_octets(config in config(), octets in octets(8), sizes in sizes()) {
        let turns = [turn(&[], &octets)];
        let whole = play(&config, &turns, &Cut::Whole);
        prop_assert_eq!(play(&config, &turns, &Cut::Each(1)), whole.clone());
        prop_assert_eq!(play(&config, &turns, &Cut::Sizes(sizes)), whole);
    }

    // SEC-04, 1939-3.19
    #[test]
    fn replies_of_any_octets(
        mut config in config(),
        chosen in prop::sample::subsequence(commands(), 0..6),
        octets in octets(30),
        sizes in sizes(),
    ) {
        let login: [(&[Command<'_>], &[u8]); 4] = [
            (&[], b"+OK\r\n"),
            (&[Command::Capa], b"+OK\r\nPIPELINING\r\n.\r\n"),
            (&[user()], b"+OK\r\n"),
            (&[pass()], b"+OK\r\n"),
        ];
        // The login must succeed, whatever the limits are.
        config.max_list_line = config.max_list_line.max(12);
        config.max_reply_line = config.max_reply_line.max(5);
        let mut turns: Vec<Turn<'_>> = login.iter().map(|&(commands, replies)| turn(commands, replies)).collect();
        turns.push(turn(&chosen, &octets));
        let whole = play(&config, &turns, &Cut::Whole);
        prop_assert!(whole.iter().any(|line| line.starts_with("Pass Positive")));
        prop_assert_eq!(play(&config, &turns, &Cut::Each(1)), whole.clone());
        prop_assert_eq!(play(&config, &turns, &Cut::Sizes(sizes)), whole);
    }
}

proptest! {
    #[test]
    fn an_exchange_of_any_octets(mut config in config(), bare in any::<bool>(), octets in octets(12), sizes in sizes()) {
        let mechanism = MechanismName::parse(b"PLAIN").unwrap();
        let initial = (!bare).then(|| Base64::parse(b"AAAA").unwrap());
        config.max_reply_line = config.max_reply_line.max(5);
        config.max_sasl_line = config.max_list_line;
        let turns = [turn(&[], b"+OK\r\n"), turn(&[Command::Auth { mechanism, initial }], &octets)];
        let whole = play(&config, &turns, &Cut::Whole);
        prop_assert_eq!(play(&config, &turns, &Cut::Each(1)), whole.clone());
        prop_assert_eq!(play(&config, &turns, &Cut::Sizes(sizes)), whole);
    }
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..9, 1..20)
}
