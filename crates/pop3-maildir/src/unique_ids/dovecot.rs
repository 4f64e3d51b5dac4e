//! `dovecot-uidlist`.
//!
//! Its first line is `3 V<uidvalidity> N<next uid> G<guid>`, with more such fields behind. The others are
//! `<uid> [<field>...] :<file name>`, ascending. Fields that matter here: `P<unique-id>`, `G<guid>` and
//! `O<place in listings>`. In version 1, which is also that of `courierimapuiddb`, the first line is
//! `1 <uidvalidity> <next uid>`, and the others are `<uid> <file name>`.

mod entry;

use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use pop3_disk::{DotLock, DotLockCandidate, Ownership};

use super::format::{UidlFormat, Values};
use super::lines::{self, Lines, is_shortage};
use super::{Given, GivenIds, Taken, Wanted, permitted, positive};
use crate::folders::Root;
use crate::name;
use entry::{Entry, UID_MAX};

const NAME: &str = "dovecot-uidlist";

/// How long Dovecot may hold its lock. It does so for a moment.
const PATIENCE: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(20);

/// Which of these messages are in the list.
pub(crate) fn known(root: &Root, wanted: &Wanted<'_>) -> io::Result<Vec<bool>> {
    let list = List::read(root, &UidlFormat::default(), wanted)?;
    Ok(list.records.iter().map(Option::is_some).collect())
}

/// All unique-ids in the list, as they are shown, or `None` if there is no list.
pub(crate) fn unique_ids(root: &Root, format: &UidlFormat) -> io::Result<Option<HashSet<Vec<u8>>>> {
    let mut ids = HashSet::new();
    let list = List::read_each(root, 0, |list, entry| {
        ids.insert(list.id(entry, format));
    })?;
    Ok(list.exists.then_some(ids))
}

/// Adds those of these messages that are not in the list, with chosen unique-ids as far as they are not taken.
pub(crate) fn add(
    root: &Root,
    format: &UidlFormat,
    wanted: &Wanted<'_>,
    chosen: &Chosen<'_>,
) -> io::Result<()> {
    let _lock = lock(root)?;
    let list = List::read(root, format, wanted)?;
    let plan = Plan::make(list, root, format, wanted, chosen)?;
    if plan.is_empty() { Ok(()) } else { plan.write(root, wanted) }
}

/// The unique-id of the new message in this place, if it is not made with the format.
pub(crate) type Chosen<'c> = dyn Fn(usize) -> Option<Vec<u8>> + 'c;

/// The unique-ids of these messages. New ones are added to the list.
pub(super) fn given(root: &Root, format: &UidlFormat, wanted: &Wanted<'_>) -> io::Result<GivenIds> {
    let list = List::read(root, format, wanted)?;
    let plan = Plan::make(list, root, format, wanted, &|_| None)?;
    if plan.is_empty() {
        return Ok(plan.into_ids(wanted, None));
    }
    let _lock = match lock(root) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_shortage(&error) => return Err(error),
        Err(error) => return Ok(plan.into_ids(wanted, Some(error))),
    };
    // Another server may have changed the list meanwhile.
    let list = List::read(root, format, wanted)?;
    let plan = Plan::make(list, root, format, wanted, &|_| None)?;
    match if plan.is_empty() { Ok(()) } else { plan.write(root, wanted) } {
        Err(error) if is_shortage(&error) => Err(error),
        written => Ok(plan.into_ids(wanted, written.err())),
    }
}

/// Takes the lock of the list.
fn lock(root: &Root) -> io::Result<DotLock> {
    let lock = root.spot(Path::new("dovecot-uidlist.lock"));
    let unlocked = |error: io::Error| lines::failed("lock", NAME, error);
    // Nobody else makes a file of this name: this session has the lock of the Maildir.
    let candidate = DotLockCandidate::make(root.spot(Path::new("dovecot-uidlist.pop3"))).map_err(unlocked)?;
    let mut waited = Duration::ZERO;
    loop {
        if let Some(lock) = candidate.try_take(&lock).map_err(unlocked)? {
            return Ok(lock);
        }
        if waited >= PATIENCE {
            let text = format!("another program has held {NAME}.lock for {} s", waited.as_secs());
            return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
        }
        root.disk().pause(PAUSE);
        waited += PAUSE;
    }
}

/// What the list says of the wanted messages.
#[derive(Debug)]
struct List {
    version: u8,
    validity: u32,
    /// The UID of the next new message, if there are any left.
    next: u64,
    /// The fields of the first line that are not understood.
    fields: Vec<u8>,
    ownership: Option<Ownership>,
    exists: bool,
    records: Vec<Option<Record>>,
}

#[derive(Debug)]
struct Record {
    uid: u32,
    order: Option<u32>,
    id: Vec<u8>,
    is_exact: bool,
}

impl List {
    fn read(root: &Root, format: &UidlFormat, wanted: &Wanted<'_>) -> io::Result<Self> {
        Self::read_each(root, wanted.messages.len(), |list, entry| list.note(entry, format, wanted))
    }

    /// Reads the list, with room for so many records, and calls `each` for its lines.
    fn read_each(
        root: &Root,
        records: usize,
        mut each: impl FnMut(&mut Self, &Entry<'_>),
    ) -> io::Result<Self> {
        let records = core::iter::repeat_with(|| None).take(records).collect();
        let Some(mut lines) = Lines::open(root.directory(), NAME)? else {
            // As Dovecot does, so that the list that comes next is another one.
            let now = root.disk().now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let validity = u32::try_from(now).unwrap_or(u32::MAX).max(1);
            let fields = Vec::new();
            return Ok(Self {
                version: 3,
                validity,
                next: 1,
                fields,
                ownership: None,
                exists: false,
                records,
            });
        };
        let header = lines.next()?.filter(|line| line.is_whole).map(|line| line.octets.to_vec());
        let header = header.as_deref().and_then(Self::read_header);
        let Some((version, validity, next, fields)) = header else {
            return Err(lines.broken("the first line has no version 1 or 3, UIDVALIDITY and next UID"));
        };
        let ownership = lines.ownership();
        let mut list =
            Self { version, validity, next: next.into(), fields, ownership, exists: true, records };
        let mut last = 0;
        loop {
            let why = match lines.next()? {
                None => return Ok(list),
                Some(line) if !line.is_whole => {
                    // Torn off. Its UID may have been seen.
                    let digits = line.octets.iter().take_while(|octet| octet.is_ascii_digit()).count();
                    let uid = positive(&line.octets[..digits]).unwrap_or(0);
                    list.next = list.next.max(u64::from(uid) + 1);
                    return Ok(list);
                }
                Some(line) => match Entry::read(line.octets, version) {
                    Ok(entry) if entry.uid <= last => "the UIDs do not ascend",
                    Ok(entry) => {
                        last = entry.uid;
                        list.next = list.next.max(u64::from(last) + 1);
                        each(&mut list, &entry);
                        continue;
                    }
                    Err(why) => why,
                },
            };
            return Err(lines.broken(why));
        }
    }

    /// The version, UIDVALIDITY, next UID, and other fields.
    fn read_header(line: &[u8]) -> Option<(u8, u32, u32, Vec<u8>)> {
        let mut words = line.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
        match words.next()? {
            b"1" => Some((1, positive(words.next()?)?, positive(words.next()?)?, Vec::new())),
            b"3" => {
                let (mut validity, mut next, mut others) = (None, None, Vec::new());
                for word in words {
                    match word {
                        [b'V', digits @ ..] => validity = Some(positive(digits)?),
                        [b'N', digits @ ..] => next = Some(positive(digits)?),
                        _ => {
                            others.push(b' ');
                            others.extend_from_slice(word);
                        }
                    }
                }
                Some((3, validity?, next?, others))
            }
            _ => None,
        }
    }

    /// Notes what a line says of a message. If a file is there twice, the last line counts.
    fn note(&mut self, entry: &Entry<'_>, format: &UidlFormat, wanted: &Wanted<'_>) {
        let Some((place, is_exact)) = wanted.find(entry.file_name) else { return };
        if self.records[place].as_ref().is_some_and(|record| record.is_exact && !is_exact) {
            return;
        }
        let id = self.id(entry, format);
        let order = entry.field(b'O').and_then(name::decimal).and_then(|order| u32::try_from(order).ok());
        self.records[place] = Some(Record { uid: entry.uid, order, id, is_exact });
    }

    /// The unique-id of the message in this line, as it is shown.
    fn id(&self, entry: &Entry<'_>, format: &UidlFormat) -> Vec<u8> {
        let file_name = name::base(entry.file_name);
        permitted(match entry.field(b'P') {
            Some(b"") => file_name.to_vec(),
            Some(id) => id.to_vec(),
            None => self.expand(format, entry.uid, file_name, entry.field(b'G')),
        })
    }

    fn expand(&self, format: &UidlFormat, uid: u32, file_name: &[u8], guid: Option<&[u8]>) -> Vec<u8> {
        let guid = guid.filter(|guid| !guid.is_empty()).unwrap_or(file_name);
        format.expand(&Values { uid, validity: self.validity, file_name, guid, md5: b"" })
    }
}

/// What is to be written.
struct Plan {
    list: List,
    /// The places of new messages. They have records, but are not in the list.
    new: Vec<usize>,
    /// The UIDs of messages whose unique-id another message has, and the ones they get for good.
    other: HashMap<u32, Vec<u8>>,
    /// The places of these.
    other_places: Vec<usize>,
}

impl Plan {
    fn make(
        mut list: List,
        root: &Root,
        format: &UidlFormat,
        wanted: &Wanted<'_>,
        chosen: &Chosen<'_>,
    ) -> io::Result<Self> {
        let mut taken = Taken::default();
        let (mut other, mut other_places) = (HashMap::new(), Vec::new());
        let uid_at =
            |list: &List, place: usize| list.records[place].as_ref().map_or(u32::MAX, |record| record.uid);
        let mut known: Vec<usize> =
            (0..list.records.len()).filter(|&place| list.records[place].is_some()).collect();
        known.sort_by_key(|&place| uid_at(&list, place));
        let mut doubles = Vec::new();
        for place in known {
            if let Some(record) = &list.records[place]
                && !taken.take(&record.id)
            {
                doubles.push(place);
            }
        }
        for place in doubles {
            if let Some(record) = &mut list.records[place] {
                record.id = taken.take_other(&record.id, record.uid.into());
                other.insert(record.uid, record.id.clone());
                other_places.push(place);
            }
        }
        let mut new = Vec::new();
        for place in 0..list.records.len() {
            if list.records[place].is_some() || !wanted.is_listable(place) {
                continue;
            }
            let Some(uid) = u32::try_from(list.next).ok().filter(|&uid| uid <= UID_MAX) else {
                let path = root.spot(Path::new(NAME));
                return Err(io::Error::other(format!("{}: there are no more UIDs", path.path().display())));
            };
            list.next += 1;
            let id = chosen(place).unwrap_or_else(|| list.expand(format, uid, wanted.base(place), None));
            let mut id = permitted(id);
            if !taken.take(&id) {
                id = taken.take_other(&id, uid.into());
            }
            list.records[place] = Some(Record { uid, order: None, id, is_exact: true });
            new.push(place);
        }
        Ok(Self { list, new, other, other_places })
    }

    fn is_empty(&self) -> bool {
        self.new.is_empty() && self.other.is_empty()
    }

    /// Writes the list anew. What is in it stays as it is.
    fn write(&self, root: &Root, wanted: &Wanted<'_>) -> io::Result<()> {
        let List { version, validity, next, fields, ownership, exists, records } = &self.list;
        lines::replace(root.directory(), NAME, *ownership, |out| {
            write!(out, "3 V{validity} N{next}")?;
            out.write_all(fields)?;
            out.write_all(b"\n")?;
            let mut old = if *exists { Lines::open(root.directory(), NAME)? } else { None };
            if let Some(lines) = &mut old {
                lines.next()?;
                while let Some(line) = lines.next()?.filter(|line| line.is_whole) {
                    let octets = line.octets;
                    let entry = Entry::read(octets, *version).map_err(io::Error::other)?;
                    match self.other.get(&entry.uid) {
                        None if *version == 3 => {
                            out.write_all(octets)?;
                            out.write_all(b"\n")?;
                        }
                        id => entry.write(out, id)?,
                    }
                }
            }
            for &place in &self.new {
                if let Some(Record { uid, id, .. }) = &records[place] {
                    let entry = Entry { uid: *uid, fields: b"", file_name: wanted.base(place) };
                    entry.write(out, Some(id))?;
                }
            }
            Ok(())
        })
    }

    fn into_ids(self, wanted: &Wanted<'_>, unrecorded: Option<io::Error>) -> GivenIds {
        let Self { mut list, new, other_places, .. } = self;
        if unrecorded.is_some() {
            // They would have other unique-ids next time.
            new.into_iter().chain(other_places).for_each(|place| list.records[place] = None);
        }
        let id = |(place, record): (usize, Option<Record>)| match record {
            Some(Record { uid, order, id, .. }) => {
                let order = u64::from(order.unwrap_or(u32::MAX)) << 32 | u64::from(uid);
                Some(Given { id, order })
            }
            None => (!wanted.is_listable(place)).then(|| wanted.unlisted(place)),
        };
        GivenIds { ids: list.records.into_iter().enumerate().map(id).collect(), unrecorded }
    }
}
