//! Whatever two sides send, the observer reports the same at every split.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::observer(octets));
