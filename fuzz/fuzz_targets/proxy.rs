//! Any octets begin with a PROXY header as the specification has it, or are refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::proxy(octets));
