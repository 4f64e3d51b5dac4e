//! A line of `dovecot-uidlist`.

use std::io::{self, Write};

use crate::unique_ids::positive;

/// The highest UID that Dovecot accepts.
pub(super) const UID_MAX: u32 = u32::MAX - 1;

/// A line of the list.
pub(super) struct Entry<'l> {
    pub(super) uid: u32,
    pub(super) fields: &'l [u8],
    pub(super) file_name: &'l [u8],
}

impl<'l> Entry<'l> {
    pub(super) fn read(line: &'l [u8], version: u8) -> Result<Self, &'static str> {
        let split = line.iter().position(|&octet| octet == b' ').ok_or("it has no space")?;
        let (number, rest) = (&line[..split], line[split..].trim_ascii_start());
        let uid =
            positive(number).filter(|&uid| uid <= UID_MAX).ok_or("the UID is no number in its range")?;
        let (fields, file_name) = if version == 1 {
            (&rest[..0], rest)
        } else {
            // A file name may have spaces, so the colon that counts is the first one that begins a field.
            let mut at = 0;
            loop {
                match rest.get(at) {
                    None => return Err("it has no file name"),
                    Some(b':') => break (&rest[..at], &rest[at + 1..]),
                    Some(_) => {
                        let end = rest[at..].iter().position(|&octet| octet == b' ');
                        at = end.map_or(rest.len(), |end| at + end + 1);
                    }
                }
            }
        };
        if file_name.is_empty() || file_name.contains(&b'/') {
            return Err("no file can have this name");
        }
        Ok(Self { uid, fields, file_name })
    }

    /// The first field with this letter, without it.
    pub(super) fn field(&self, letter: u8) -> Option<&'l [u8]> {
        self.fields().find_map(|field| field.strip_prefix(&[letter]))
    }

    fn fields(&self) -> impl Iterator<Item = &'l [u8]> + use<'l> {
        self.fields.split(|&octet| octet == b' ').filter(|field| !field.is_empty())
    }

    /// Writes the line, with this unique-id instead of another one.
    pub(super) fn write(&self, out: &mut dyn Write, id: Option<&Vec<u8>>) -> io::Result<()> {
        write!(out, "{}", self.uid)?;
        if let Some(id) = id {
            out.write_all(b" P")?;
            out.write_all(id)?;
        }
        for field in self.fields().filter(|field| id.is_none() || field[0] != b'P') {
            out.write_all(b" ")?;
            out.write_all(field)?;
        }
        out.write_all(b" :")?;
        out.write_all(self.file_name)?;
        out.write_all(b"\n")
    }
}
