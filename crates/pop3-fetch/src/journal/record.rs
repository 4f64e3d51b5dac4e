//! The lines of the state file.

use core::num::NonZeroU64;
use std::io::Write as _;

use sha2::{Digest, Sha256};

use super::{Absence, Id, Key, SeenEntry, Traits};

/// A line of the state file. Each begins with a checksum of the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// The first line: whose file this is. The name stands in the names of unfinished files. A file of an earlier
    /// version is old: it is to be written anew before anything is appended. None is written.
    Header { name: String, account: String, target: String, is_old: bool },
    /// A message is about to appear in the target. Until [`Published`](Self::Published), whether it
    /// did is found out by what the token leads to.
    Stored { id: Id, entry: SeenEntry, time: u64, token: String },
    /// All messages above have appeared.
    Published,
    /// DELE was sent for the message.
    Deleting { id: Id },
    /// What is known of the account; it takes the place of what an earlier line says.
    Traits(Traits),
}

/// What the program writes as the version of the file. A program that knows only an earlier version
/// refuses the file; it would take a line that it does not know for a damaged one.
const FORMAT: &str = "pop3-state-3";

/// The version that hashes contents by SHA-256. It is read and then written anew.
const FORMAT_2: &str = "pop3-state-2";

/// The version that has no traits either.
const FORMAT_1: &str = "pop3-state-1";

/// The octets of a checksum, and of what follows it.
const SUM: usize = 8;
const BEHIND_SUM: usize = SUM + 1;

impl Record {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&[b' '; BEHIND_SUM]);
        // Writing to a vector does not fail.
        let _ = match self {
            Self::Header { name, account, target, is_old: _ } => {
                write!(out, "{FORMAT} {name} {} {}", escape(account), escape(target))
            }
            Self::Stored { id: Id { key, occurrence }, entry, time, token } => {
                let SeenEntry { size, total, digest, absence, deleting } = entry;
                let letter = if *deleting { 'd' } else { 's' };
                let digest = digest.map_or(0, u64::from);
                let token = escape(token);
                write!(out, "{letter} {key} {occurrence} {total} {size} {time} {token} {digest:x} ").and_then(
                    |()| match absence {
                        Absence::Never => out.write_all(b"-"),
                        Absence::Returned => out.write_all(b"r"),
                        Absence::Since(day) => write!(out, "{day}"),
                    },
                )
            }
            Self::Published => out.write_all(b"p"),
            Self::Deleting { id: Id { key, occurrence } } => write!(out, "x {key} {occurrence}"),
            Self::Traits(traits) => {
                out.push(b'a');
                traits.words().try_for_each(|word| write!(out, " {word}"))
            }
        };
        let sum = checksum(&out[begin + BEHIND_SUM..]);
        out[begin..begin + SUM].copy_from_slice(&sum);
        out.push(b'\n');
    }

    /// Reads a line without its LF; `None` where it is torn or damaged.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let (sum, text) = str::from_utf8(line).ok()?.split_once(' ')?;
        if sum.as_bytes() != checksum(text.as_bytes()) {
            return None;
        }
        let fields = text.split(' ').collect::<Vec<_>>();
        match *fields.as_slice() {
            [format @ (FORMAT | FORMAT_2 | FORMAT_1), name, account, target] => Some(Self::Header {
                name: name.to_owned(),
                account: unescape(account)?,
                target: unescape(target)?,
                is_old: format != FORMAT,
            }),
            [letter @ ("s" | "d"), key, occurrence, total, size, time, token, ref more @ ..] => {
                Some(Self::Stored {
                    id: Id { key: Key::parse(key)?, occurrence: occurrence.parse().ok()? },
                    entry: SeenEntry {
                        size: size.parse().ok()?,
                        total: total.parse().ok()?,
                        digest: match more.first() {
                            Some(digits) => NonZeroU64::new(u64::from_str_radix(digits, 16).ok()?),
                            None => None,
                        },
                        absence: match more.get(1) {
                            // The first version of the file records neither.
                            None | Some(&"-") => Absence::Never,
                            Some(&"r") => Absence::Returned,
                            Some(day) => Absence::Since(day.parse().ok()?),
                        },
                        deleting: letter == "d",
                    },
                    time: time.parse().ok()?,
                    token: unescape(token)?,
                })
            }
            ["p"] => Some(Self::Published),
            ["x", key, occurrence] => Some(Self::Deleting {
                id: Id { key: Key::parse(key)?, occurrence: occurrence.parse().ok()? },
            }),
            ["a", ref words @ ..] => Some(Self::Traits(Traits::of_words(words.iter().copied()))),
            _ => None,
        }
    }
}

/// In hexadecimal digits.
pub(super) fn checksum(text: &[u8]) -> [u8; SUM] {
    let mut sum = [0; SUM];
    for (pair, octet) in sum.chunks_exact_mut(2).zip(Sha256::digest(text)) {
        pair.copy_from_slice(&[octet >> 4, octet & 15].map(digit));
    }
    sum
}

const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// Makes one field without spaces of a text; an empty text is `%`.
fn escape(text: &str) -> String {
    if text.is_empty() {
        return "%".to_owned();
    }
    let mut field = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_graphic() && octet != b'%' {
            field.push(char::from(octet));
        } else {
            field.extend([b'%', digit(octet >> 4), digit(octet & 15)].map(char::from));
        }
    }
    field
}

fn unescape(field: &str) -> Option<String> {
    if field == "%" {
        return Some(String::new());
    }
    let mut octets = Vec::with_capacity(field.len());
    let mut pieces = field.split('%');
    octets.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        octets.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        octets.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_or_not_at_all() {
        let id = Id { key: Key::of_uid(b"u"), occurrence: 3 };
        let stored = |absence| {
            let entry = SeenEntry { absence, ..SeenEntry::new(0, 0) };
            Record::Stored { id, entry, time: 0, token: String::new() }
        };
        for record in [
            Record::Header {
                name: "ab".into(),
                account: "j\u{f6}rg 100%@h:1".into(),
                target: String::new(),
                is_old: false,
            },
            Record::Traits(Traits::default()),
            Record::Traits(Traits { estimates_sizes: true, lost_synchronisation: true, ..Traits::default() }),
            Record::Stored {
                id,
                entry: SeenEntry {
                    digest: NonZeroU64::new(17),
                    deleting: true,
                    ..SeenEntry::new(u64::MAX, 4)
                },
                time: 17,
                token: "a b".into(),
            },
            stored(Absence::Returned),
            stored(Absence::Since(20_786)),
            Record::Published,
            Record::Deleting { id },
        ] {
            let mut line = Vec::new();
            record.write(&mut line);
            assert_eq!(line.pop(), Some(b'\n'));
            assert_eq!(Record::parse(&line), Some(record));
            for end in 0..line.len() {
                assert_eq!(Record::parse(&line[..end]), None);
                let mut damaged = line.clone();
                damaged[end] ^= 1;
                assert_eq!(Record::parse(&damaged), None);
            }
        }
    }
}
