//! Whatever a server sends, the client reports the same at every split.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::client(octets));
