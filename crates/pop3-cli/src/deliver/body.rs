//! The hash by which a message is recognised that is delivered again.

use sha2::{Digest as _, Sha256};

/// The hash of what is behind the header of a message. The header may be another one in a later attempt, where the mail
/// server adds dates to it.
#[derive(Default)]
pub(crate) struct BodyHash {
    hash: Sha256,
    begun: bool,
    /// The line so far has an octet that is not CR.
    in_line: bool,
}

impl BodyHash {
    /// Goes on with these octets. The body begins behind the first empty line.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !self.begun && !rest.is_empty() {
            let (line, is_whole) = match rest.iter().position(|&octet| octet == b'\n') {
                Some(end) => (&rest[..end], true),
                None => (rest, false),
            };
            self.in_line |= line.iter().any(|&octet| octet != b'\r');
            rest = &rest[(line.len() + 1).min(rest.len())..];
            if is_whole {
                self.begun = !core::mem::take(&mut self.in_line);
            }
        }
        self.hash.update(rest);
    }

    /// What is remembered of a delivery with this id, when the message was read: the id and a hash of the body.
    pub(crate) fn key(self, id: &str) -> Vec<u8> {
        let body: String = self.hash.finalize().iter().take(16).map(|octet| format!("{octet:02x}")).collect();
        format!("{body} {id}").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_body_and_not_the_header() {
        for step in [1, 2, 3, 1000] {
            let key = |input: &str| {
                let mut hash = BodyHash::default();
                input.as_bytes().chunks(step).for_each(|piece| hash.push(piece));
                hash.key("id")
            };
            assert_eq!(key("A: b\n\nbody"), key("Delivery-date: now\nA: b\r\n\r\nbody"));
            assert_eq!(key("\nbody"), key("A: b\n\nbody"));
            assert_ne!(key("A: b\n\nbody"), key("A: b\n\nbod"));
            assert_ne!(key("A: b\n\nbody"), key("A: b\n\n"));
            assert_ne!(key("A: b\n\n\nbody"), key("A: b\n\nbody"));
            assert!(key("A: b\n\n").ends_with(b" id"));
        }
    }
}
