//! What was sent and received, written so that a person can read it and no secret is in it.

use core::fmt::Write as _;

/// The most characters that are shown of one line.
const LIMIT: usize = 160;

/// Secrets shorter than this are not looked for in text: they would be found everywhere.
const SHORTEST: usize = 4;

/// The octets as printable ASCII; everything else is escaped, and what is long is cut.
pub(crate) fn escaped(octets: &[u8]) -> String {
    let mut text = String::new();
    for (index, octet) in octets.iter().enumerate() {
        if text.len() >= LIMIT {
            let _ = write!(text, "... ({} octets)", octets.len() - index);
            break;
        }
        match octet {
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => {
                let _ = write!(text, "\\x{octet:02x}");
            }
        }
    }
    text
}

/// The octets with each of the secrets replaced by `***`.
pub(crate) fn masked(octets: &[u8], secrets: &[&[u8]]) -> Vec<u8> {
    let mut out = octets.to_vec();
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
        let mut kept = Vec::with_capacity(out.len());
        let mut rest = out.as_slice();
        while let Some((&first, behind)) = rest.split_first() {
            if let Some(after) = rest.strip_prefix(*secret) {
                kept.extend_from_slice(b"***");
                rest = after;
            } else {
                kept.push(first);
                rest = behind;
            }
        }
        out = kept;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_printable_ascii_comes_out() {
        assert_eq!(escaped(b"+OK \x1b[1m\\ \xff\r\n"), "+OK \\x1b[1m\\\\ \\xff\\r\\n");
        let long = escaped(&[b'x'; 1_000]);
        assert!(long.ends_with("... (840 octets)"), "{long}");
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        assert_eq!(masked(b"-ERR no tanstaaf, tanstaaf!", &[b"tanstaaf"]), b"-ERR no ***, ***!");
        assert_eq!(masked(b"+OK a", &[b"a"]), b"+OK a");
        assert_eq!(masked(b"", &[b"tanstaaf"]), b"");
    }
}
