//! The properties in `pop3_tests::properties`, checked on random octets and on interesting inputs
//! that were found. The fuzz targets run the same checks for longer.

use pop3_tests::properties;
use pop3_tests::store::awkward;
use proptest::collection::vec;
use proptest::prelude::*;

/// Octets that often have a meaning.
fn octets(length: usize) -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        4 => Just(b'\n'), 4 => Just(b'\r'), 4 => Just(b'.'), 2 => Just(b' '), 2 => Just(b'1'), 2 => Just(b'+'),
        1 => Just(b'-'), 1 => Just(properties::FLIGHT), 2 => any::<u8>()
    ];
    let word = prop_oneof![
        Just("+OK"),
        Just("-ERR"),
        Just("+OK\r\n"),
        Just("+OK 1 2\r\n"),
        Just("\r\n.\r\n"),
        Just("1 aaa\r\n"),
        Just("[AUTH]"),
        Just("PIPELINING\r\n"),
        Just("<1.2@h>"),
        Just("USER mrose\r\n"),
        Just("STLS\r\n"),
        Just("RETR 1\r\n"),
        Just("\r\n"),
        Just("AUTH PLAIN\r\n"),
        Just("AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n"),
        Just("AUTH X-ENDLESS AAAA\r\n"),
        Just("AUTH SCRAM-SHA-1 "),
        Just("biwsbj1tcm9zZSxyPWFiYw=="),
        Just("AUTH XOAUTH2 "),
        Just("*\r\n"),
        Just("AAAA\r\n"),
        Just("UTF8\r\n"),
        Just("LANG de\r\n"),
        Just("XCLIENT ADDR=::1\r\n"),
        Just("PASS tanstaaf\r\n")
    ];
    let token = prop_oneof![3 => octet.prop_map(|octet| vec![octet]), 1 => word.prop_map(|word| word.as_bytes().to_vec())];
    vec(token, 0..length).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn commands(line in octets(30)) {
        properties::command(&line);
    }

    #[test]
    fn replies(line in octets(30)) {
        properties::reply(&line);
    }

    // 1939-3.21, 1939-3.24, 1939-3.25, 1939-3.30, 1939-3.35
    #[test]
    fn dots(octets in octets(80), lengths in vec(1..9_usize, 1..4), lines in 0..5_u64) {
        properties::dots(&octets, &lengths, lines);
    }

    // SEC-04
    #[test]
    fn servers(header in vec(any::<u8>(), 4), octets in octets(60)) {
        properties::server(&[header, octets].concat());
    }

    #[test]
    fn logged_in_servers(header in vec(any::<u8>(), 4), octets in octets(60)) {
        properties::server(&[header, b"USER mrose\r\nPASS tanstaaf\r\n".to_vec(), octets].concat());
    }

    // SEC-04
    #[test]
    fn clients(header in vec(any::<u8>(), 2), octets in octets(60)) {
        properties::client(&[header, octets].concat());
    }

    #[test]
    fn observers(header in vec(any::<u8>(), 2), flights in vec(octets(12), 0..9)) {
        properties::observer(&[header, flights.join(&properties::FLIGHT)].concat());
    }

    #[test]
    fn observers_of_sessions(header in vec(any::<u8>(), 2), flights in vec((0..3_u8, octets(12)), 0..9)) {
        let mut seed = [&header[..], b"1+OK <1.2@h>\r\n\xfe0USER a\r\nPASS b\r\n\xfe1+OK\r\n+OK\r\n"].concat();
        for (kind, octets) in flights {
            let command: &[u8] = [&b"0"[..], b"1", b"0RETR 1\r\nAUTH PLAIN\r\nLIST\r\n"][usize::from(kind)];
            seed.extend([&[properties::FLIGHT], command, &octets].concat());
        }
        properties::observer(&seed);
    }

    #[test]
    fn clients_that_were_greeted(header in vec(any::<u8>(), 2), octets in octets(60)) {
        properties::client(&[&header[..], b"+OK <1.2@h>\r\n\xfe", &octets].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    // SEC-04
    #[test]
    fn sessions_of_commands(octets in vec(any::<u8>(), 0..400)) {
        properties::session(&octets);
    }
}

#[test]
fn awkward_messages() {
    for (_, octets) in awkward() {
        for lines in [0, 1, 3] {
            properties::dots(&octets, &[7, 1, 4096], lines);
        }
    }
}
