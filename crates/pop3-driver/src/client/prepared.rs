//! Names and passwords as they are sent after USER, PASS and APOP.

use pop3_sasl::saslprep::{StringKind, prepare};
use zeroize::Zeroizing;

/// What is sent for a name or password: UTF-8 is prepared where it can go at all. What is no UTF-8 is
/// left for the core to refuse.
pub(super) fn prepared(text: &[u8], kind: StringKind, utf8: bool) -> Option<Zeroizing<Vec<u8>>> {
    match core::str::from_utf8(text) {
        Ok(text) if utf8 && !text.is_ascii() => {
            prepare(text, kind).ok().map(|text| Zeroizing::new(text.into_owned().into_bytes()))
        }
        _ => Some(Zeroizing::new(text.to_vec())),
    }
}
