//! Whatever either side of a SASL exchange is sent, it ends, and nobody logs in who should not.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::sasl_properties::sasl(octets));
