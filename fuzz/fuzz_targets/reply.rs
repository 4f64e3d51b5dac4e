//! Any octets are a reply, a listing or a capability, or are refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::reply(octets));
