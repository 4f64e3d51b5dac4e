//! Stuffing and unstuffing preserve any message, however it is split.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::dots_at(octets));
