//! Any line is a listing as a simple reader of words has it, or is refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::listing(octets));
