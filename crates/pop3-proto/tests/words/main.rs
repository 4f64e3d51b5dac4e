//! The features `arbitrary` and `serde`.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the cases it is about")]

mod arbitrary;
mod serde;
