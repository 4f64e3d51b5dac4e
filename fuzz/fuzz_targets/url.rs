//! Any text is a URL as the grammar of RFC 2384 has it, or is refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::url(octets));
