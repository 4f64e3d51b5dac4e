//! The names of the files in a Maildir: data, never paths.
//!
//! A name is `base:2,flags`. The base is given at delivery and stays; the flags change. Everything
//! that has to stay the same over sessions is made from the base. Where a file system forbids colons,
//! programs write `base;2,flags` or `base!2,flags`.

/// The character between the base of a file name and its flags: `:` in `base:2,flags`.
///
/// All of them are understood in every Maildir. This is the one that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum InfoSeparator {
    /// `:`, as maildir(5) says.
    #[default]
    Colon,
    /// `;`, for file systems without colons in names, such as those of Windows.
    Semicolon,
    /// `!`, for the same. Used by Mutt and mbsync on Windows, for example.
    Exclamation,
}

impl InfoSeparator {
    /// Returns the character.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::Colon => b':',
            Self::Semicolon => b';',
            Self::Exclamation => b'!',
        }
    }
}

/// The directory of a Maildir that contains a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MaildirFolder {
    /// `new`: delivered messages that no mail reader has seen.
    New,
    /// `cur`: messages that a mail reader has seen.
    Cur,
}

impl MaildirFolder {
    /// Both, in the order in which they have to be read: mail moves from `new` to `cur`, so that a
    /// message may be met twice, but is not missed.
    pub(crate) const BOTH: [Self; 2] = [Self::New, Self::Cur];

    /// Its place in [`BOTH`](Self::BOTH).
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::New => 0,
            Self::Cur => 1,
        }
    }

    /// Returns the name of the folder inside the Maildir.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Cur => "cur",
        }
    }
}

/// What stays of a name when flags change: the base, without the size fields `,S=n` and `,W=n` at
/// its end, because Dovecot takes these away when it finds them wrong.
pub(crate) fn identity(name: &[u8]) -> &[u8] {
    let mut rest = base(name);
    while let Some(comma) = memchr::memrchr(b',', rest) {
        match size_field(rest, comma).map(|_| comma).or_else(|| other_info(rest, comma)) {
            Some(end) => rest = &rest[..end],
            None => break,
        }
    }
    rest
}

/// The wire size that the delivering program wrote into the name (`,W=n`), if it did.
pub(crate) fn wire_hint(name: &[u8]) -> Option<u64> {
    let mut rest = base(name);
    while let Some(comma) = memchr::memrchr(b',', rest) {
        let (letter, size) = size_field(rest, comma)?;
        if letter == b'W' {
            return Some(size);
        }
        rest = &rest[..comma];
    }
    None
}

/// When the message was delivered, as what stays of its name tells: seconds and microseconds. Zero where it tells
/// nothing.
pub(crate) fn delivery_time(name: &[u8]) -> (u64, u64) {
    let mut parts = identity(name).split(|&octet| octet == b'.');
    let seconds = parts.next().and_then(decimal).unwrap_or(0);
    // `M` and digits in the second part, beside process number, inode and counter, which are
    // written with other capital letters before lower-case digits.
    let micros = parts.next().and_then(|part| {
        let digits = part.get(part.iter().position(|&octet| octet == b'M')? + 1..)?;
        decimal(&digits[..digits.iter().take_while(|octet| octet.is_ascii_digit()).count()])
    });
    (seconds, micros.unwrap_or(0))
}

/// The leading digits of a name, which tell the delivery time.
pub(crate) fn leading_digits(name: &[u8]) -> &[u8] {
    &name[..name.iter().take_while(|octet| octet.is_ascii_digit()).count()]
}

/// What stands behind the base: `:2,flags` or nothing.
pub(crate) fn info(name: &[u8]) -> &[u8] {
    &name[base(name).len()..]
}

/// The flags, if they have the form that we know, and the character before them. Without flags, `separator` comes
/// before them.
pub(crate) fn flags(name: &[u8], separator: InfoSeparator) -> Option<(u8, &[u8])> {
    match info(name) {
        b"" | b":" => Some((separator.octet(), b"")),
        &[octet, b'2', b',', ref flags @ ..] => Some((octet, flags)),
        _ => None,
    }
}

/// Whether the flags have S, in the form that we know.
pub(crate) fn is_seen(name: &[u8]) -> bool {
    flags(name, InfoSeparator::Colon).is_some_and(|(_, flags)| flags.contains(&b'S'))
}

/// The name in `cur` of a message that was seen, `None` when the flags have a form we don't know.
pub(crate) fn seen(name: &[u8], separator: InfoSeparator) -> Option<Vec<u8>> {
    let (octet, flags) = flags(name, separator)?;
    let mut flags = flags.to_vec();
    if !flags.contains(&b'S') {
        // Flags stand in the order of the alphabet.
        let place = flags.iter().position(|&flag| flag > b'S').unwrap_or(flags.len());
        flags.insert(place, b'S');
    }
    Some([base(name), &[octet, b'2', b','], &flags].concat())
}

/// The part of a name before the flags.
pub(crate) fn base(name: &[u8]) -> &[u8] {
    let end = memchr::memchr(b':', name)
        .or_else(|| memchr::memrchr(b',', name).and_then(|comma| other_info(name, comma)));
    end.map_or(name, |end| &name[..end])
}

/// Where `;2,flags` or `!2,flags` begins, if that is the end of the name, with its last comma here. Names may have
/// these characters elsewhere.
fn other_info(name: &[u8], comma: usize) -> Option<usize> {
    let start = comma.checked_sub(2)?;
    let is_info = matches!(name[start..comma], [b';' | b'!', b'2']);
    (is_info && name[comma + 1..].iter().all(u8::is_ascii_alphabetic)).then_some(start)
}

/// The size field, `,S=n` or `,W=n`, that begins with the last comma of a base.
fn size_field(base: &[u8], comma: usize) -> Option<(u8, u64)> {
    match &base[comma + 1..] {
        [letter @ (b'S' | b'W'), b'=', digits @ ..] => Some((*letter, decimal(digits)?)),
        _ => None,
    }
}

/// Reads ASCII digits, at least one and nothing else; `None` where they do not fit.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, octet| {
        let digit = octet.is_ascii_digit().then(|| octet - b'0')?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_what_no_reader_changes() {
        for name in [
            &b"1.M2P3.host"[..],
            b"1.M2P3.host:2,",
            b"1.M2P3.host:2,FS",
            b"1.M2P3.host,S=12:2,S",
            b"1.M2P3.host,S=12,W=13",
            b"1.M2P3.host,W=13,S=12:1,x",
        ] {
            assert_eq!(identity(name), b"1.M2P3.host", "{name:?}");
        }
        for name in [&b"a;2,"[..], b"a;2,S", b"a!2,FSb", b"a,S=1;2,", b"a;2,S:2,F", b"a!2,,S=3:2,"] {
            assert_eq!(identity(name), b"a", "{name:?}");
        }
        // These characters alone begin no flags.
        for name in
            [&b"a;b"[..], b"a!2", b"a;2,S=x", b"a;1,S", b"a;2,S.h", b"a!2,\xff", b"2,S", b",S", b";2S"]
        {
            assert_eq!(identity(name), name);
        }
        assert_eq!((base(b"a;b!2,S"), info(b"a;b!2,S")), (&b"a;b"[..], &b"!2,S"[..]));
        assert_eq!(identity(b";2,S"), b"");
        assert_eq!(identity(b"a,S=x:2,"), b"a,S=x");
        assert_eq!(identity(b"a,S=1,b"), b"a,S=1,b");
        assert_eq!(identity(b":2,S"), b"");
    }

    #[test]
    fn wire_hint_is_read_from_the_base_only() {
        assert_eq!(wire_hint(b"a,S=12,W=13:2,S"), Some(13));
        assert_eq!(wire_hint(b"a,W=13,S=12"), Some(13));
        assert_eq!(wire_hint(b"a:2,S,W=13"), None);
        assert_eq!(wire_hint(b"a,W=99999999999999999999"), None);
    }

    #[test]
    fn delivery_time_of_names_as_programs_write_them() {
        assert_eq!(delivery_time(b"1043715037.M46P12.host:2,S"), (1_043_715_037, 46));
        assert_eq!(delivery_time(b"1043715037.V2d9I1d7e1M123456.host"), (1_043_715_037, 123_456));
        assert_eq!(delivery_time(b"1043715037.12_3.host"), (1_043_715_037, 0));
        // Names that stand for the same message have the same time.
        assert_eq!(delivery_time(b"1043715037,S=12,W=13:2,S"), delivery_time(b"1043715037"));
        assert_eq!(delivery_time(b"1043715037"), (1_043_715_037, 0));
        assert_eq!(delivery_time(b"letter"), (0, 0));
        assert_eq!(delivery_time(b"12x.M.host"), (0, 0));
        assert_eq!(delivery_time(b""), (0, 0));
    }

    #[test]
    fn seen_adds_one_flag_in_order() {
        let seen = |name, separator| seen(name, separator).map(|name| String::from_utf8(name).unwrap());
        for (name, expected) in
            [(&b"a"[..], "a:2,S"), (b"a:2,FT", "a:2,FST"), (b"a;2,F", "a;2,FS"), (b"a!2,S", "a!2,S")]
        {
            assert_eq!(seen(name, InfoSeparator::Colon).as_deref(), Some(expected));
        }
        assert_eq!(seen(b"a", InfoSeparator::Semicolon).as_deref(), Some("a;2,S"));
        assert_eq!(seen(b"a:2,", InfoSeparator::Exclamation).as_deref(), Some("a:2,S"));
        assert_eq!(seen(b"a:1,x", InfoSeparator::Colon), None);
        assert!(is_seen(b"a:2,S") && is_seen(b"a:2,FST") && is_seen(b"a;2,S") && is_seen(b"a!2,RS"));
        for name in [&b"a"[..], b"a:2,", b"a:2,F", b"a:1,S", b"S:", b"aS"] {
            assert!(!is_seen(name));
        }
    }
}
