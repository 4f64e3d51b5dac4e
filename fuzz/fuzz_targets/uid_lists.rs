//! A Maildir with any list of unique-ids of Dovecot or Courier is refused, or gives each message one that stays.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_properties::uid_lists(octets));
