//! Whatever a client of SASL receives, its exchange ends.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::sasl_client(octets));
