//! Any text is prepared or refused as the tables of RFC 3454 and Unicode 3.2 have it.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::saslprep(octets));
