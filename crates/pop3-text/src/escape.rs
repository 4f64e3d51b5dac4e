//! Text from the other side, made harmless before it is shown.
//!
//! A server's text can hold sequences that move a terminal's cursor, rename its window or make text
//! run from right to left. Nothing of that reaches the terminal or the log.

use core::fmt::{self, Write as _};

/// Displays octets as one line of text. Control characters (C0, DEL, C1), line separators, invisible and
/// bidirectional controls, and invalid UTF-8 are escaped. A backslash is doubled.
///
/// This is for people: it keeps all scripts readable, and cuts long texts. For a log in which every octet counts, use
/// [`escape_ascii`](slice::escape_ascii).
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a> {
    octets: &'a [u8],
    limit: usize,
}

impl<'a> Printable<'a> {
    /// The maximum number of characters displayed of text from another party.
    pub const LIMIT: usize = 200;

    /// Displays at most [`LIMIT`](Self::LIMIT) characters, followed by `...` if the text is longer.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { octets, limit: Self::LIMIT }
    }

    /// Displays the whole text. Use it for your own text that contains a file name or an argument.
    pub const fn whole(octets: &'a [u8]) -> Self {
        Self { octets, limit: usize::MAX }
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.limit;
        let whole = self.limit == usize::MAX;
        for chunk in self.octets.utf8_chunks() {
            for character in chunk.valid().chars() {
                put(f, &mut left, |text| {
                    escape(text, character, whole);
                    Ok(())
                })?;
            }
            for octet in chunk.invalid() {
                put(f, &mut left, |text| write!(text, "\\x{octet:02x}"))?;
            }
            if left == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// Writes one piece if it fits, else `...`, after which nothing fits.
fn put(
    f: &mut fmt::Formatter<'_>,
    left: &mut usize,
    piece: impl FnOnce(&mut String) -> fmt::Result,
) -> fmt::Result {
    if *left == 0 {
        return Ok(());
    }
    let mut text = String::new();
    piece(&mut text)?;
    // Three places are kept for the dots.
    match left.checked_sub(text.chars().count()) {
        Some(rest) if rest >= 3 => {
            *left = rest;
            f.write_str(&text)
        }
        Some(_) | None => {
            *left = 0;
            f.write_str("...")
        }
    }
}

/// Appends a character, escaped if necessary.
pub fn escape(text: &mut String, character: char, keep_backslash: bool) {
    match character {
        '\\' if !keep_backslash => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\0'..='\x1f' | '\x7f' => text.push_str(&format!("\\x{:02x}", u32::from(character))),
        _ if is_hidden(character) => text.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
        _ => text.push(character),
    }
}

/// C1 controls, invisible characters, and those that change the direction or the lines of a text.
const fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(octets: &[u8]) -> String {
        Printable::new(octets).to_string()
    }

    #[test]
    fn controls_are_escaped() {
        assert_eq!(shown(b"\x1b]0;owned\x07"), "\\x1b]0;owned\\x07");
        assert_eq!(shown(b"a\r\nb\tc\x7f\0"), "a\\r\\nb\\tc\\x7f\\x00");
        assert_eq!(shown("\u{9b}31m".as_bytes()), "\\u{9b}31m");
        assert_eq!(shown(b"\x9b31m"), "\\x9b31m");
        assert_eq!(shown("\u{202e}txt.exe \u{2066}x".as_bytes()), "\\u{202e}txt.exe \\u{2066}x");
        assert_eq!(shown("gr\u{fc}\u{df}e".as_bytes()), "gr\u{fc}\u{df}e");
        assert_eq!(shown(b"\\x1b"), "\\\\x1b");
    }

    #[test]
    fn long_text_is_cut() {
        let text = shown(&[b'a'; 1_000]);
        assert_eq!(text.chars().count(), 200);
        assert!(text.ends_with("a..."));
        // A piece that is escaped is shown whole or not at all.
        let text = shown(&[0x1b; 1_000]);
        assert!(text.chars().count() <= 200 && text.ends_with("\\x1b..."), "{text}");
        assert_eq!(shown(&[b'a'; 197]).len(), 197);
    }
}
