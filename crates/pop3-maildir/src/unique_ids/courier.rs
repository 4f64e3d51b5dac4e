//! `courierpop3dsizelist`.
//!
//! Its first line is `/3 <next number> <uidv>`. The others are
//! `<file name> <size> <number>:<uidv>:<1 if the header is not ASCII>`, and the unique-id is `UID<number>-<uidv>`.
//! Version 2 has not the last number. Version 1 has no uidv, and its unique-ids are `UID<number>`. Before that, there was
//! no first line and no number, and the unique-id was the file name. It still is where the number is 0.

use std::io::{self, Write};
use std::time::UNIX_EPOCH;

use pop3_disk::Ownership;

use super::lines::{self, Lines, is_shortage};
use super::{Given, GivenIds, Taken, Wanted, permitted};
use crate::folders::Root;
use crate::name;

const NAME: &str = "courierpop3dsizelist";

/// The version that is written where there is no list, or one that Courier does not read any more. It is that of
/// Debian 12. Courier reads version 2, too.
const VERSION: u8 = 3;

/// The unique-ids of these messages. New ones are added to the list. This session has the lock of the Maildir, and
/// Courier has none.
pub(super) fn given(root: &Root, wanted: &Wanted<'_>) -> io::Result<GivenIds> {
    let mut list = List::read(root, wanted)?;
    let new = list.add_new(wanted)?;
    let written = if new.is_empty() { Ok(()) } else { list.write(root, wanted, &new) };
    let unrecorded = match written {
        Err(error) if is_shortage(&error) => return Err(error),
        written => written.err(),
    };
    if unrecorded.is_some() {
        // They would have other unique-ids next time. Courier does not show them either.
        new.into_iter().for_each(|place| list.records[place] = None);
    }
    let id = |(place, record): (usize, Option<Record>)| match record {
        Some(record) => Some(Given { id: permitted(record.number.id(wanted.base(place))), order: 0 }),
        None => (!wanted.is_listable(place)).then(|| wanted.unlisted(place)),
    };
    Ok(GivenIds { ids: list.records.into_iter().enumerate().map(id).collect(), unrecorded })
}

/// What makes a unique-id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    number: u64,
    /// 0 if the unique-id has none.
    validity: u64,
}

impl Number {
    fn id(self, base: &[u8]) -> Vec<u8> {
        let Self { number, validity } = self;
        match (number, validity) {
            (0, _) => {
                let mut id = Vec::new();
                for &octet in base {
                    if octet.is_ascii_graphic() && !matches!(octet, b'\'' | b'"' | b'+') {
                        id.push(octet);
                    } else {
                        id.extend_from_slice(format!("+{octet:02X}").as_bytes());
                    }
                }
                id
            }
            (_, 0) => format!("UID{number}").into_bytes(),
            _ => format!("UID{number}-{validity}").into_bytes(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Record {
    number: Number,
    is_exact: bool,
}

struct List {
    version: u8,
    validity: u64,
    next: u64,
    ownership: Option<Ownership>,
    exists: bool,
    records: Vec<Option<Record>>,
}

/// A line of the list.
struct Entry<'l> {
    file_name: &'l [u8],
    size: u64,
    number: Number,
}

impl<'l> Entry<'l> {
    /// File names may have spaces, the others not.
    fn read(line: &'l [u8], version: u8) -> Option<Self> {
        let cut = |octets: &'l [u8]| {
            let space = memchr::memrchr(b' ', octets)?;
            Some((&octets[..space], &octets[space + 1..]))
        };
        let (before, last) = cut(line)?;
        let (file_name, size, number) = match version {
            0 => (before, last, Number { number: 0, validity: 0 }),
            _ => {
                let (file_name, size) = cut(before)?;
                let mut numbers = last.split(|&octet| octet == b':').map(name::decimal);
                let number = numbers.next()??;
                let validity = if version == 1 { 0 } else { numbers.next()?? };
                (file_name, size, Number { number, validity })
            }
        };
        let is_name = !file_name.is_empty() && !file_name.contains(&b'/');
        is_name.then_some(Self { file_name, size: name::decimal(size)?, number })
    }
}

impl List {
    fn read(root: &Root, wanted: &Wanted<'_>) -> io::Result<Self> {
        let now = root.disk().now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().max(1);
        let mut list = Self {
            version: VERSION,
            validity: now,
            next: 1,
            ownership: None,
            exists: false,
            records: vec![None; wanted.messages.len()],
        };
        let Some(mut lines) = Lines::open(root.directory(), NAME)? else { return Ok(list) };
        (list.exists, list.ownership) = (true, lines.ownership());
        let mut is_first = true;
        loop {
            let Some(line) = lines.next()? else { return Ok(list) };
            if core::mem::take(&mut is_first) {
                list.version = 0;
                if let Some(header) = line.octets.strip_prefix(b"/") {
                    if !list.read_header(header) {
                        return Err(lines.broken("it has no version from 1 to 3 and next number"));
                    }
                    continue;
                }
            }
            let entry = if line.is_whole { Entry::read(line.octets, list.version) } else { None };
            let Some(entry) = entry else {
                return Err(lines.broken("it is not a file name with a size and a number"));
            };
            if entry.number.validity == list.validity || list.version == 1 {
                list.next = list.next.max(entry.number.number.saturating_add(1));
            }
            if let Some((place, is_exact)) = wanted.find(entry.file_name)
                && !list.records[place].is_some_and(|record| record.is_exact && !is_exact)
            {
                list.records[place] = Some(Record { number: entry.number, is_exact });
            }
        }
    }

    fn read_header(&mut self, header: &[u8]) -> bool {
        let mut numbers =
            header.split(|&octet| octet == b' ').filter(|word| !word.is_empty()).map(name::decimal);
        let version = match numbers.next() {
            Some(Some(version @ 1..=3)) => version as u8,
            _ => return false,
        };
        let Some(Some(next)) = numbers.next() else { return false };
        match numbers.next() {
            None => {}
            Some(Some(validity)) if validity > 0 => self.validity = validity,
            Some(_) => return false,
        }
        (self.version, self.next) = (version, next.max(1));
        true
    }

    /// Gives numbers to new messages and to those whose unique-id another message has. Returns their places.
    fn add_new(&mut self, wanted: &Wanted<'_>) -> io::Result<Vec<usize>> {
        let mut taken = Taken::default();
        let mut new = Vec::new();
        for place in 0..self.records.len() {
            match self.records[place] {
                Some(record) if taken.take(&permitted(record.number.id(wanted.base(place)))) => {}
                None if !wanted.is_listable(place) => {}
                _ => new.push(place),
            }
        }
        for &place in &new {
            // A list may have such a number beside another uidv, as the name of a file.
            let mut free = (self.next..u64::MAX - 1).map(|number| Number { number, validity: self.validity });
            let Some(number) = free.find(|number| taken.take(&number.id(b""))) else {
                return Err(lines::unusable(NAME, 0, "there are no more numbers"));
            };
            self.next = number.number + 1;
            self.records[place] = Some(Record { number, is_exact: true });
        }
        Ok(new)
    }

    /// Writes the list anew. What is in it stays as it is, but for its version, if Courier does not read that.
    fn write(&self, root: &Root, wanted: &Wanted<'_>, new: &[usize]) -> io::Result<()> {
        let version = if self.version < 2 { VERSION } else { self.version };
        lines::replace(root.directory(), NAME, self.ownership, |out| {
            writeln!(out, "/{version} {} {}", self.next, self.validity)?;
            let mut old = if self.exists { Lines::open(root.directory(), NAME)? } else { None };
            if let Some(lines) = &mut old {
                if self.version > 0 {
                    lines.next()?;
                }
                while let Some(line) = lines.next()? {
                    let entry = Entry::read(line.octets, self.version)
                        .ok_or_else(|| io::Error::other("the list was changed meanwhile"))?;
                    let replaced = wanted.find(entry.file_name).is_some_and(|(place, is_exact)| {
                        is_exact && self.records[place].is_some_and(|record| record.number != entry.number)
                    });
                    if replaced {
                        continue;
                    }
                    if self.version == version {
                        out.write_all(line.octets)?;
                        out.write_all(b"\n")?;
                    } else {
                        // Courier wants the name that the file has in `cur`.
                        let listed = wanted.find(entry.file_name).map(|(place, _)| wanted.name_in_cur(place));
                        write_line(
                            out,
                            version,
                            listed.as_deref().unwrap_or(entry.file_name),
                            entry.size,
                            entry.number,
                            false,
                        )?;
                    }
                }
            }
            for &place in new {
                if let Some(record) = self.records[place] {
                    let (size, eight_bit) = wanted.size(place);
                    write_line(out, version, &wanted.name_in_cur(place), size, record.number, eight_bit)?;
                }
            }
            Ok(())
        })
    }
}

fn write_line(
    out: &mut dyn Write,
    version: u8,
    file_name: &[u8],
    size: u64,
    Number { number, validity }: Number,
    eight_bit: bool,
) -> io::Result<()> {
    out.write_all(file_name)?;
    write!(out, " {size} {number}:{validity}")?;
    if version == 3 {
        write!(out, ":{}", u8::from(eight_bit))?;
    }
    out.write_all(b"\n")
}
