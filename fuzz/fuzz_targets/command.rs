//! Any octets are a command or are refused. A command that is written again reads as the same command.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pop3_tests::properties::command(octets));
