//! Text that is shown to people.

use core::fmt;

use pop3_text::{Printable, reasons};

/// Any octets are shown as one line without anything hidden, and what was not cut can be read back. The errors of a
/// chain are told once.
///
/// # Panics
/// If that does not hold.
pub fn text(octets: &[u8]) {
    let shown = Printable::new(octets).to_string();
    assert!(shown.chars().count() <= Printable::LIMIT);
    assert!(!shown.chars().any(is_hidden), "{shown:?}");
    match shown.strip_suffix("...").filter(|_| unescape(&shown).as_deref() != Some(octets)) {
        Some(cut) => assert!(unescape(cut).is_some_and(|begin| octets.starts_with(&begin)), "{shown:?}"),
        None => assert_eq!(unescape(&shown).as_deref(), Some(octets), "{shown:?}"),
    }
    // A text of our own is shown whole, with its backslashes.
    let whole = Printable::whole(octets).to_string();
    assert!(!whole.chars().any(is_hidden));
    assert!(whole.len() <= octets.len() * 6);
    if !octets.contains(&b'\\') {
        assert_eq!(unescape(&whole).as_deref(), Some(octets));
    }
    assert_eq!(Printable::whole(whole.as_bytes()).to_string(), whole, "what is harmless stays as it is");
    chain(octets);
}

/// Whether a terminal does something else with it than to show it in its place. Written anew from the Unicode
/// categories Cc, Cf, Zl and Zp, as far as they are in use there.
fn is_hidden(character: char) -> bool {
    let controls = character.is_control();
    let lines = matches!(character, '\u{2028}' | '\u{2029}');
    let marks = matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}');
    let bidirectional = matches!(u32::from(character), 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f);
    let tags = matches!(u32::from(character), 0xfff9..=0xfffb | 0xe0000..=0xe007f);
    controls || lines || marks || bidirectional || tags
}

/// Undoes the escapes.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let (mut octets, mut rest) = (Vec::new(), text);
    loop {
        let Some((plain, escaped)) = rest.split_once('\\') else {
            octets.extend_from_slice(rest.as_bytes());
            return Some(octets);
        };
        octets.extend_from_slice(plain.as_bytes());
        let mut characters = escaped.chars();
        match characters.next()? {
            '\\' => octets.push(b'\\'),
            'n' => octets.push(b'\n'),
            'r' => octets.push(b'\r'),
            't' => octets.push(b'\t'),
            'x' => {
                octets.push(u8::from_str_radix(escaped.get(1..3)?, 16).ok()?);
                characters = escaped.get(3..)?.chars();
            }
            'u' => {
                let (digits, behind) = escaped.strip_prefix("u{")?.split_once('}')?;
                let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                octets.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                characters = behind.chars();
            }
            _ => return None,
        }
        rest = characters.as_str();
    }
}

#[derive(Debug)]
struct Link {
    text: String,
    cause: Option<Box<Self>>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for Link {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// The errors are lines, the cause of each the next one.
fn chain(octets: &[u8]) {
    let lines: Vec<String> = octets
        .split(|&octet| octet == b'\n')
        .take(8)
        .map(|line| String::from_utf8_lossy(line).into())
        .collect();
    let link = |cause, text: &String| Some(Box::new(Link { text: text.clone(), cause }));
    let Some(outer) = lines.iter().rev().fold(None, link) else { return };
    let told = reasons(&*outer);
    assert!(told.starts_with(&lines[0]));
    assert!(lines.iter().all(|line| told.contains(line.as_str())), "{told:?} {lines:?}");
    assert!(told.len() <= lines.iter().map(|line| line.len() + 2).sum());
}
