//! Properties of capabilities and lists of them.

use core::mem::discriminant;

use arbitrary::{Arbitrary, Unstructured};
use pop3_proto::{Capabilities, Capability};

/// Lines separated by LF are capabilities. What is shown of one is read as the same one, a list has what its lines
/// have, and any capability that the octets make is read as it was written.
///
/// # Panics
/// If that does not hold.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others have no text of their own")]
pub fn capability(octets: &[u8]) {
    let lines: Vec<&[u8]> = octets.split(|&octet| octet == b'\n').collect();
    let list: Capabilities = lines.iter().copied().collect();
    assert!(list.lines().eq(lines.iter().copied()));
    let one_by_one: Vec<Capability<'_>> = lines.iter().map(|line| Capability::parse(line)).collect();
    assert!(list.iter().eq(one_by_one.iter().copied()));
    let mut mechanisms: Vec<&[u8]> = Vec::new();
    for (capability, line) in one_by_one.iter().zip(&lines) {
        assert!(list.has(*capability), "{capability:?}");
        reread(*capability, line);
        if let Capability::Sasl(names) = capability {
            mechanisms.extend(names.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()));
        }
        let lower = line.to_ascii_lowercase();
        let of_lower = Capability::parse(&lower);
        assert_eq!(discriminant(&of_lower), discriminant(capability), "{}", line.escape_ascii());
    }
    assert!(list.mechanisms().eq(mechanisms));
    for absent in [Capability::Top, Capability::Stls, Capability::Pipelining, Capability::Utf8 { user: true }]
    {
        assert_eq!(list.has(absent), one_by_one.contains(&absent));
    }
    let mut made = Unstructured::new(octets);
    if let Ok(capability) = Capability::arbitrary(&mut made) {
        let text = |keyword: &[u8], text: &[u8]| [keyword, text].concat();
        let line = match capability {
            Capability::Sasl(names) => text(b"SASL ", names),
            Capability::Implementation(name) => text(b"IMPLEMENTATION ", name),
            Capability::Other(line) => line.to_vec(),
            known => known.to_string().into_bytes(),
        };
        assert_eq!(Capability::parse(&line), capability);
    }
}

/// What is shown is one line, and means the same unless it was escaped.
fn reread(capability: Capability<'_>, line: &[u8]) {
    let shown = capability.to_string();
    assert!(shown.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()), "{shown}");
    let is_plain = |octet: &u8| *octet == b' ' || (octet.is_ascii_graphic() && !b"\\'\"".contains(octet));
    if line.iter().all(is_plain) {
        assert_eq!(Capability::parse(shown.as_bytes()), capability, "{shown}");
    }
}
