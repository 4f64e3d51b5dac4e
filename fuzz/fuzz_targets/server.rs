//! Any dialogue has the same result at every split, whatever the store does.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::server(octets));
