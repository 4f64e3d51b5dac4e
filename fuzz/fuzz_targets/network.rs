//! Our client and our server understand each other over any network.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::network(octets));
