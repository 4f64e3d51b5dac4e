//! Any capture is read or refused, and a connection is the same however its segments come.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::capture(octets));
