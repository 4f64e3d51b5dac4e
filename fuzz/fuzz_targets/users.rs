//! Any users file has the users that its lines make one by one, or is refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::users(octets));
