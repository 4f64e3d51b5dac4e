//! Any octets make words that are written as lines and read as the same words.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::words(octets));
