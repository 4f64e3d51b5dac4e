//! What a fetcher remembers: notes, and the state file.

use std::collections::BTreeMap;
use std::path::Path;

use arbitrary::{Arbitrary, Result, Unstructured};
use pop3_disk::{Folder, Open};
use pop3_fetch::{Fetch, FetchOptions, Target};
use pop3_seen::{Absence, Census, Forgetting, Id, Key, Memory, Note, Seen, SeenEntry, Storage};
use sha2::{Digest as _, Sha256};

use crate::memory_disk::MemoryDisk;

/// Lines are notes or are refused. What is read is written in one way. A record and its storage always say the same,
/// whatever happens.
///
/// # Panics
/// If that does not hold.
pub fn notes(octets: &[u8]) {
    let mut notes = Vec::new();
    for line in octets.split(|&octet| octet == b'\n') {
        let Ok(line) = core::str::from_utf8(line) else { continue };
        if let Ok(note) = line.parse::<Note>() {
            assert_eq!(note.to_string(), line);
            notes.push(note);
        }
        if let Ok(id) = line.parse::<Id>() {
            assert_eq!(id.to_string(), line);
        }
        if let Some(key) = Key::parse(line) {
            assert_eq!(key.to_string(), line);
        }
    }
    assert_eq!(listed(&notes.iter().copied().collect()), replayed(&notes));
    let mut book = Seen::new(notes.iter().copied().collect(), Notes(notes));
    let mut u = Unstructured::new(octets);
    for _ in 0..20 {
        let Ok(step) = Step::arbitrary(&mut u) else { break };
        step.apply(&mut book);
        assert_eq!(listed(book.memory()), replayed(&book.storage().0), "{step:?}");
        if u.is_empty() {
            break;
        }
    }
}

/// Keeps notes in memory.
struct Notes(Vec<Note>);

impl Storage for Notes {
    type Error = core::convert::Infallible;

    fn append(&mut self, notes: &[Note]) -> core::result::Result<(), Self::Error> {
        self.0.extend_from_slice(notes);
        Ok(())
    }

    fn replace(&mut self, notes: &mut dyn Iterator<Item = Note>) -> core::result::Result<(), Self::Error> {
        self.0 = notes.collect();
        Ok(())
    }
}

fn listed(memory: &Memory) -> BTreeMap<Id, SeenEntry> {
    let listed: Vec<_> = memory.iter().collect();
    assert!(listed.windows(2).all(|pair| pair[0].0 < pair[1].0));
    listed.into_iter().collect()
}

/// The last day that a memory tells from others.
const LAST_DAY: u32 = (1 << 31) - 3;

/// What notes say, one after the other.
fn replayed(notes: &[Note]) -> BTreeMap<Id, SeenEntry> {
    let mut entries = BTreeMap::new();
    for note in notes {
        match note {
            Note::Stored(id, entry) => {
                let absence = match entry.absence {
                    Absence::Since(day) => Absence::Since(day.min(LAST_DAY)),
                    Absence::Never | Absence::Returned => entry.absence,
                };
                entries.insert(*id, SeenEntry { absence, ..*entry });
            }
            Note::Deleting(id) => {
                if let Some(entry) = entries.get_mut(id) {
                    entry.deleting = true;
                }
            }
        }
    }
    entries
}

/// Something that happens between two listings. The messages are places in the listing.
#[derive(Debug)]
enum Step {
    Compare(Vec<u8>, Option<u32>),
    Stored(Vec<u8>, u8, u8),
    NotStored(Vec<u8>, u8),
    Deleting(Vec<u8>, u8),
    Deleted,
    Forget(Vec<u8>, Option<u32>, u32),
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        // A listing: up to seven unique-ids out of four.
        let length = usize::from(u.arbitrary::<u8>()? % 8).min(u.len());
        let listing = u.bytes(length)?.iter().map(|octet| octet % 4).collect();
        let day = u.arbitrary::<Option<u8>>()?.map(|day| 20_000 + u32::from(day));
        Ok(match u.arbitrary::<u8>()? % 6 {
            0 => Self::Compare(listing, day),
            1 => Self::Stored(listing, u.arbitrary()?, u.arbitrary()?),
            2 => Self::NotStored(listing, u.arbitrary()?),
            3 => Self::Deleting(listing, u.arbitrary()?),
            4 => Self::Deleted,
            _ => Self::Forget(listing, day, u32::from(u.arbitrary::<u8>()?)),
        })
    }
}

impl Step {
    fn apply(&self, book: &mut Seen<Notes>) {
        let census = |listing: &Vec<u8>| Census::of_uids(listing.iter().map(|uid| [*uid]));
        let chosen = |census: &Census<'_>, places: u8| -> Vec<Id> {
            (0..census.len())
                .filter(|place| places & (1 << (place % 8)) != 0)
                .filter_map(|place| census.id(place))
                .collect()
        };
        match self {
            Self::Compare(listing, today) => {
                let census = census(listing);
                book.compare(&census, *today)
            }
            Self::Stored(listing, places, size) => {
                let census = census(listing);
                let of = |id: Id| (id, SeenEntry::new((*size).into(), census.count(id.key)));
                let stored: Vec<_> = chosen(&census, *places).into_iter().map(of).collect();
                let done = book.stored(&stored);
                for (place, size) in (0..census.len()).map(|place| (place, Some(u64::from(*size)))) {
                    let id = census.id(place).expect("a place in the listing");
                    let is_new = book.is_new(&census, place, size);
                    assert!(
                        !is_new || !stored.iter().any(|(own, _)| *own == id),
                        "what was stored is not new"
                    );
                }
                done
            }
            Self::NotStored(listing, places) => {
                let ids = chosen(&census(listing), *places);
                let done = book.not_stored(&ids);
                assert!(ids.iter().all(|&id| book.memory().known(id).is_none()));
                done
            }
            Self::Deleting(listing, places) => book.deleting(&chosen(&census(listing), *places)),
            Self::Deleted => {
                let done = book.deleted();
                assert!(book.memory().iter().all(|(_, entry)| !entry.deleting));
                done
            }
            Self::Forget(listing, today, after) => {
                let census = census(listing);
                let before = listed(book.memory());
                let done = book.forget(&census, Forgetting { today: *today, after: *after }, |_| None);
                // What is listed and was stored is remembered.
                for id in (0..census.len()).filter_map(|place| census.id(place)) {
                    assert!(!before.contains_key(&id) || book.memory().known(id).is_some(), "{id:?}");
                }
                done
            }
        }
        .expect("memory does not fail");
    }
}

const ACCOUNT: &str = "mrose@pop.example";
const PATH: &str = "/state";

/// Lines are those of a state file. One that begins with `=` gets the right checksum in its place.
///
/// A state file is read up to the first line that is torn or damaged, or is refused and left as it is. What it says is
/// the same after it was opened, and opening it again changes nothing.
///
/// # Panics
/// If that does not hold.
pub fn state_file(octets: &[u8]) {
    let mut file = Vec::new();
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        match line.strip_prefix(b"=") {
            Some(text) => {
                let (text, end) = text.strip_suffix(b"\n").map_or((text, &b""[..]), |text| (text, b"\n"));
                file.extend_from_slice(checksum(text).as_bytes());
                file.push(b' ');
                file.extend_from_slice(text);
                file.extend_from_slice(end);
            }
            None => file.extend_from_slice(line),
        }
    }
    let disk = MemoryDisk::new();
    let root = disk.folder("");
    disk.put(&*root, b"state", &file);
    let open =
        || Fetch::open_on(&disk.shared(), &Target::Stdout, Path::new(PATH), ACCOUNT, FetchOptions::new());
    let wanted = Said::read(&file);
    let is_refused = match &wanted {
        None => !file.is_empty(),
        Some(said) => said.account != ACCOUNT || (said.target != "-" && said.is_unsure),
    };
    let opened = open();
    assert_eq!(opened.is_err(), is_refused, "{:?} {}", opened.err(), file.escape_ascii());
    if opened.is_err() {
        assert_eq!(content(&*root), file);
        return;
    }
    drop(opened);
    let after = content(&*root);
    let said = Said::read(&after).expect("a state file");
    assert!(!said.is_torn && !said.is_unsure && !said.is_old, "{}", after.escape_ascii());
    if let Some(wanted) = wanted {
        let as_it_was = !wanted.is_torn && !wanted.is_unsure && !wanted.is_old && wanted.target == "-";
        assert!(!as_it_was || after == file);
        assert_eq!(said.entries, wanted.entries, "{}", file.escape_ascii());
        assert_eq!(said.name, wanted.name);
    }
    assert_eq!((&said.account[..], &said.target[..]), (ACCOUNT, "-"));
    drop(open().expect("what was just written"));
    assert_eq!(content(&*root), after);
}

fn content(root: &dyn Folder) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut file = root.open(b"state", Open::reading()).expect("a state file");
    std::io::Read::read_to_end(&mut file, &mut octets).expect("memory");
    octets
}

fn checksum(text: &[u8]) -> String {
    Sha256::digest(text)[..4].iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Size, messages with the same key, digest of the content, absence, and whether it is being deleted.
type Entry = (u64, u32, u64, Absence, bool);

/// What a state file says, as its format has it.
#[derive(Debug, Default)]
struct Said {
    name: String,
    account: String,
    target: String,
    entries: BTreeMap<(String, u32), Entry>,
    is_old: bool,
    is_torn: bool,
    /// Some messages may not have appeared.
    is_unsure: bool,
}

impl Said {
    fn read(file: &[u8]) -> Option<Self> {
        let mut said = Self::default();
        for (index, line) in file.split_inclusive(|&octet| octet == b'\n').enumerate() {
            let is_read = line.strip_suffix(b"\n").and_then(|line| {
                let (sum, text) = core::str::from_utf8(line).ok()?.split_once(' ')?;
                let words: Vec<&str> = text.split(' ').collect();
                (sum == checksum(text.as_bytes()) && line.len() < 64 * 1024).then_some(())?;
                if index == 0 { said.header(&words) } else { said.line(&words) }
            });
            if is_read.is_none() {
                said.is_torn = true;
                break;
            }
        }
        (!said.name.is_empty() || !said.account.is_empty()).then_some(said)
    }

    fn header(&mut self, words: &[&str]) -> Option<()> {
        let &[format, name, account, target] = words else { return None };
        self.is_old = match format {
            "pop3-state-3" => false,
            "pop3-state-2" | "pop3-state-1" => true,
            _ => return None,
        };
        (self.account, self.target) = (unescaped(account)?, unescaped(target)?);
        name.clone_into(&mut self.name);
        Some(())
    }

    fn line(&mut self, words: &[&str]) -> Option<()> {
        match words {
            ["p"] => self.is_unsure = false,
            ["a", ..] => {}
            ["x", key, occurrence] => {
                let id = (Key::parse(key)?.to_string(), occurrence.parse().ok()?);
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.4 = true;
                }
            }
            [letter @ ("s" | "d"), key, occurrence, total, size, time, token, more @ ..] => {
                time.parse::<u64>().ok()?;
                let digest = more.first().map_or(Some(0), |digits| u64::from_str_radix(digits, 16).ok())?;
                let absence = match more.get(1) {
                    None | Some(&"-") => Absence::Never,
                    Some(&"r") => Absence::Returned,
                    Some(day) => Absence::Since(day.parse::<u32>().ok()?.min(LAST_DAY)),
                };
                let digest = if self.is_old { 0 } else { digest };
                let entry = (size.parse().ok()?, total.parse().ok()?, digest, absence, *letter == "d");
                let id = (Key::parse(key)?.to_string(), occurrence.parse().ok()?);
                self.is_unsure |= !unescaped(token)?.is_empty();
                self.entries.insert(id, entry);
            }
            _ => return None,
        }
        Some(())
    }
}

fn unescaped(field: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = if field == "%" { &[] } else { field.as_bytes() };
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        if octet == b'%' {
            let (digits, behind) = rest.split_at_checked(2)?;
            octets.push(u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = behind;
        } else {
            octets.push(octet);
        }
    }
    String::from_utf8(octets).ok()
}
