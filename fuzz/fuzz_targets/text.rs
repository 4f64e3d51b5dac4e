//! Any octets are shown as one harmless line.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::text(octets));
