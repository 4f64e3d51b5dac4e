//! Notes as lines of text, for storages that are files or columns.

use alloc::string::{String, ToString as _};
use core::fmt;
use core::num::NonZeroU64;
use core::str::FromStr;

use crate::{Absence, Day, Id, Key, Note, SeenEntry};

/// The text is not a [`Note`] or an [`Id`] in the format of [`Display`](fmt::Display).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(());

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no note of a message that was seen")
    }
}

impl core::error::Error for Unreadable {}

impl fmt::Display for Id {
    /// The key, a dot, and the occurrence: at most 43 octets, of which each is a digit, a letter or a dot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.occurrence)
    }
}

impl FromStr for Id {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let (key, occurrence) = text.split_once('.').ok_or(Unreadable(()))?;
        Ok(Self { key: Key::parse(key).ok_or(Unreadable(()))?, occurrence: number(occurrence)? })
    }
}

impl fmt::Display for Note {
    /// One line of ASCII without a line end, to be read again by [`FromStr`]. Put a line end behind it, and leave out a
    /// last line that has none: it is torn, and what is left of a `deleting` line may name another message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleting(id) => write!(f, "deleting {id}"),
            Self::Stored(id, entry) => {
                let SeenEntry { size, total, digest, absence, deleting } = *entry;
                let digest = digest.map_or(0, u64::from);
                let state = if deleting { "deleting" } else { "kept" };
                write!(f, "stored {id} {size} {total} {digest:016x} {} {state}", Presence(absence))
            }
        }
    }
}

impl FromStr for Note {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(Unreadable(()));
        let note = match next()? {
            "deleting" => Self::Deleting(next()?.parse()?),
            "stored" => {
                let id = next()?.parse()?;
                let (size, total) = (number(next()?)?, number(next()?)?);
                let digest = digest(next()?)?;
                let Presence(absence) = next()?.parse()?;
                let deleting = match next()? {
                    "deleting" => true,
                    "kept" => false,
                    _ => return Err(Unreadable(())),
                };
                Self::Stored(id, SeenEntry { size, total, digest, absence, deleting })
            }
            _ => return Err(Unreadable(())),
        };
        if words.next().is_some() { Err(Unreadable(())) } else { Ok(note) }
    }
}

/// An absence in one word.
struct Presence(Absence);

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Absence::Never => f.write_str("listed"),
            Absence::Returned => f.write_str("returned"),
            Absence::Since(day) => write!(f, "gone:{day}"),
        }
    }
}

impl FromStr for Presence {
    type Err = Unreadable;

    fn from_str(word: &str) -> Result<Self, Unreadable> {
        Ok(Self(match word.strip_prefix("gone:") {
            Some(day) => Absence::Since(number::<Day>(day)?),
            None if word == "listed" => Absence::Never,
            None if word == "returned" => Absence::Returned,
            None => return Err(Unreadable(())),
        }))
    }
}

fn digest(word: &str) -> Result<Option<NonZeroU64>, Unreadable> {
    let digest = u64::from_str_radix(word, 16).map_err(|_| Unreadable(()))?;
    let canonical = alloc::format!("{digest:016x}") == word;
    if canonical { Ok(NonZeroU64::new(digest)) } else { Err(Unreadable(())) }
}

/// A number in the one form in which it is written.
fn number<N: FromStr + fmt::Display>(word: &str) -> Result<N, Unreadable> {
    let number: N = word.parse().map_err(|_| Unreadable(()))?;
    let written: String = number.to_string();
    if written == word { Ok(number) } else { Err(Unreadable(())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let id = Id { key: Key::of_uid(b"whqtswO00WBw418f9t5JxYwZ"), occurrence: u32::MAX };
        let mut notes = alloc::vec![Note::Deleting(id)];
        for absence in [Absence::Never, Absence::Returned, Absence::Since(0), Absence::Since(Day::MAX)] {
            for digest in [None, Some(NonZeroU64::MIN), Some(NonZeroU64::MAX)] {
                for (size, deleting) in [(0, true), (u64::MAX, false)] {
                    notes.push(Note::Stored(id, SeenEntry { size, total: 3, digest, absence, deleting }));
                }
            }
        }
        for note in notes {
            let text = note.to_string();
            assert_eq!(text.parse(), Ok(note), "{text}");
            assert!(text.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()), "{text}");
            // No beginning of it is a note, so that a torn line is noticed; the number in a short one may be cut.
            for end in 0..text.len() {
                let torn = text[..end].parse::<Note>();
                assert!(torn.is_err() || matches!(torn, Ok(Note::Deleting(_))), "{}", &text[..end]);
            }
        }
    }

    #[test]
    fn what_is_no_note_is_not_taken_for_one() {
        let id = Id { key: Key::of_uid(b"a"), occurrence: 0 };
        let good = Note::Stored(id, SeenEntry::new(120, 1)).to_string();
        for bad in [
            "".to_string(),
            "stored".to_string(),
            alloc::format!("{good} "),
            alloc::format!(" {good}"),
            good.replace("120", "+120"),
            good.replace("120", "0120"),
            good.replace("listed", "gone:-1"),
            good.replace("kept", "lost"),
            good.replace("stored", "STORED"),
            good.replace(".0 ", " "),
        ] {
            assert_eq!(bad.parse::<Note>(), Err(Unreadable(())), "{bad}");
        }
        assert!(good.parse::<Note>().is_ok());
    }
}
