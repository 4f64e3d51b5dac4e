//! Any lines are capabilities, and a list of them has what its lines have.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::capability(octets));
