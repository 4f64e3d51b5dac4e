//! A Maildir with any names, any mail and any size cache has exactly the messages that are in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::maildir(octets));
