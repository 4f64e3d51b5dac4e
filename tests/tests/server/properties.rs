//! Properties of any dialogue: it is the same at every split.

use pop3_proto::Channel;
use pop3_proto::server::{Language, ServerConfig};
use pop3_tests::sasl::{ENDLESS, offer};
use pop3_tests::server::{Seen, Server, run};
use pop3_tests::split::{OCTETS, WHOLE};
use pop3_tests::store::Store;
use proptest::collection::vec;
use proptest::prelude::*;

fn server(store: &Store, high_water: usize) -> Server {
    let mut config = ServerConfig::default();
    config.starttls = true;
    config.last = true;
    config.limits.high_water = high_water;
    config.limits.command_line = 300;
    config.limits.sasl_line = 400;
    config.limits.sasl_rounds = 3;
    config.utf8 = true;
    config.utf8_user = true;
    config.languages.push(Language::german());
    config.mechanisms = offer(&["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "XOAUTH2", ENDLESS]);
    Server::with(store.clone(), config, Channel::TrustedPlaintext, Some("<1.2@h>"))
}

/// Octets that often form lines, dots and blank lines.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        4 => Just(b'\n'), 2 => Just(b'\r'), 3 => Just(b'.'), 3 => Just(b'a'), 1 => any::<u8>()
    ];
    vec(octet, 0..60)
}

fn store() -> impl Strategy<Value = Store> {
    (vec(content(), 0..5), 1..20_usize).prop_map(|(contents, chunk)| {
        let uids: Vec<_> = (0..contents.len()).map(|index| format!("u{index}")).collect();
        let mut store = Store::with(uids.iter().map(|uid| &uid[..]).zip(contents.iter().map(|c| &c[..])));
        store.chunk = chunk;
        store
    })
}

/// A line from any sender: valid or nearly valid, or any octets.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let argument = prop_oneof![
        Just(""),
        Just("1"),
        Just("2"),
        Just("0"),
        Just("9"),
        Just("1 1"),
        Just("x"),
        Just("mrose"),
        Just("tanstaaf"),
        Just(" "),
        Just("mrose 0123456789abcdef0123456789abcdef"),
        Just("AG1yb3NlAHRhbnN0YWFm"),
        Just("AAAA"),
        Just("="),
        Just("*"),
        Just("de-CH"),
        Just("jos\u{e9}")
    ];
    let keyword = prop_oneof![
        Just("USER"),
        Just("PASS"),
        Just("APOP"),
        Just("STAT"),
        Just("LIST"),
        Just("RETR"),
        Just("TOP"),
        Just("DELE"),
        Just("NOOP"),
        Just("RSET"),
        Just("UIDL"),
        Just("LAST"),
        Just("CAPA"),
        Just("STLS"),
        Just("QUIT"),
        Just("quit "),
        Just("AUTH"),
        Just("AUTH PLAIN"),
        Just("AUTH LOGIN"),
        Just("AUTH SCRAM-SHA-1"),
        Just("AUTH X-ENDLESS"),
        Just("LANG"),
        Just("UTF8"),
        Just("XCLIENT"),
        Just("*"),
        Just("\0"),
        Just("")
    ];
    let end = || prop_oneof![6 => Just("\r\n"), 2 => Just("\n"), 1 => Just("\r"), 1 => Just("")];
    let command = (keyword, argument, end()).prop_map(|(k, a, e)| format!("{k} {a}{e}").into_bytes());
    let plain = prop_oneof![
        Just("USER mrose\r\n"),
        Just("PASS tanstaaf\r\n"),
        Just("CAPA\r\n"),
        Just("STLS\r\n"),
        Just("AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n"),
        Just("AUTH PLAIN\r\n"),
        Just("AUTH X-ENDLESS\r\n"),
        Just("AUTH LOGIN\r\n"),
        Just("AAAA\r\n"),
        Just("*\r\n"),
        Just("\r\n"),
        Just("AG1yb3NlAHRhbnN0YWFm\r\n"),
        Just("STAT\r\n"),
        Just("DELE 1\r\n"),
        Just("RETR 1\r\n"),
        Just("QUIT\r\n")
    ];
    prop_oneof![
        4 => plain.prop_map(|line| line.as_bytes().to_vec()),
        3 => command,
        1 => (vec(any::<u8>(), 0..20), end()).prop_map(|(mut l, e)| { l.extend_from_slice(e.as_bytes()); l }),
        1 => (prop_oneof![290..310_usize, 390..410_usize], end()).prop_map(|(n, e)| { let mut l = vec![b'x'; n]; l.extend_from_slice(e.as_bytes()); l }),
    ]
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    vec(1..40_usize, 1..8)
}

fn all_splits(make: impl Fn() -> Server, flights: &[&[u8]], lengths: &[usize]) -> Seen {
    let whole = run(make(), flights, WHOLE, true);
    for lengths in [OCTETS, lengths] {
        assert_eq!(run(make(), flights, lengths, true), whole);
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    // 1939-3.18, 1939-3.19, SEC-04
    #[test]
    fn any_dialogue_is_the_same_at_every_split(
        store in store(), lines in vec(vec(line(), 0..12), 1..4), lengths in lengths(), high_water in 1..200_usize,
        logged_in: bool,
    ) {
        let mut flights: Vec<Vec<u8>> = lines.iter().map(|lines| lines.concat()).collect();
        if logged_in {
            flights.insert(0, b"USER mrose\r\nPASS tanstaaf\r\n".to_vec());
        }
        let flights: Vec<&[u8]> = flights.iter().map(|flight| &flight[..]).collect();
        all_splits(|| server(&store, high_water), &flights, &lengths);
    }

    // The same with a high-water mark that stops sometimes. This must have no effect.
    #[test]
    fn the_high_water_mark_is_not_seen(
        store in store(), lines in vec(line(), 0..20), high_water in 1..200_usize,
    ) {
        let flight = [&b"USER mrose\r\nPASS tanstaaf\r\n"[..], &lines.concat()].concat();
        let low = run(server(&store, high_water), &[&flight], WHOLE, true);
        prop_assert_eq!(low, run(server(&store, 1 << 20), &[&flight], WHOLE, true));
    }
}
