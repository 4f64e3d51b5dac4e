//! Any lines are notes or are refused, and a record and its storage always say the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::notes(octets));
