//! Whatever a side of a SASL exchange receives, the exchange ends, and nobody logs in without permission.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::sasl_properties::sasl(octets));
