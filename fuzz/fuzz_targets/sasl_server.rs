//! Whatever a server of SASL receives, its exchange ends, and nobody logs in without permission.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::sasl_server(octets));
