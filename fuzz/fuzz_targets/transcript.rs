//! Any transcript is read or refused, with findings that are safe to show.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::transcript(octets));
