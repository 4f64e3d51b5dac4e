//! Any octets are a reply, a listing, a capability, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::reply(octets));
