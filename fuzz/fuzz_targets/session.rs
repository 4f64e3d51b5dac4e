//! Any session of valid commands gets one reply for each, the same at every split and pipelined.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::session(octets));
