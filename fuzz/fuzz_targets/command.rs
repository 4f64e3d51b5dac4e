//! Any octets are a command or none; what is one reads back as itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::command(octets));
