//! Any state file is read up to the first damage or refused, and loses nothing when it is opened.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::state_file(octets));
