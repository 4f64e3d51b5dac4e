//! Any header has a surrogate in ASCII that ends where it ends and says what it says.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::surrogates(octets));
