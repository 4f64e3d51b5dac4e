//! Stuffing and unstuffing preserve any message, however it is split.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((&[split, other, lines], message)) = octets.split_first_chunk() else { return };
    let lengths = [usize::from(split), usize::from(other)];
    pop3_tests::properties::dots(message, &lengths, (lines % 8).into());
});
