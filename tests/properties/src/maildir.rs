//! Maildirs with any names, any mail, and any size cache.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::Read as _;

use arbitrary::{Arbitrary, Result, Unstructured};
use pop3_disk::{Folder, Open};
use pop3_maildir::{Maildir, MaildirConfig};
use pop3_proto::MessageNumber;
use pop3_tests::store::content;
use sha2::{Digest as _, Sha256};

use crate::memory_disk::MemoryDisk;

/// The name of the size cache, and what it begins with.
const CACHE: &[u8] = b"pop3.sizes";
const VERSION: &[u8] = b"pop3-sizes 3\n";

#[derive(Debug)]
struct Mail<'a> {
    in_cur: bool,
    name: Vec<u8>,
    octets: &'a [u8],
}

/// A record of the size cache: tag, flags, numbers and name.
type Record = (u8, u8, [u64; 5], Vec<u8>);

/// What becomes of the size cache before the third login.
#[derive(Debug)]
enum Cache<'a> {
    Kept,
    Cut(u16),
    Flipped(u16, u8),
    Any(&'a [u8]),
    /// Records with checksums that are right.
    Forged(Vec<Record>),
}

/// A Maildir, and what happens in it.
#[derive(Debug)]
struct Plan<'a> {
    mail: Vec<Mail<'a>>,
    cache: Cache<'a>,
    deleted: u16,
    seen_flag: bool,
}

impl<'a> Arbitrary<'a> for Plan<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [flags, count, kind] = u.arbitrary::<[u8; 3]>()?;
        let deleted = u.arbitrary()?;
        let mut mail = Vec::<Mail<'a>>::new();
        for _ in 0..count % 9 {
            let in_cur = u.arbitrary()?;
            let name = name(u, mail.last().map(|mail| &mail.name[..]))?;
            let length = usize::from(u.arbitrary::<u8>()? % 64).min(u.len());
            let octets = u.bytes(length)?;
            if !mail.iter().any(|mail| mail.in_cur == in_cur && mail.name == name) {
                mail.push(Mail { in_cur, name, octets });
            }
        }
        let cache = match kind % 6 {
            0 | 1 => Cache::Kept,
            2 => Cache::Cut(u.arbitrary()?),
            3 => Cache::Flipped(u.arbitrary()?, u.arbitrary::<u8>()?.max(1)),
            4 => Cache::Any(u.bytes(u.len())?),
            _ => Cache::Forged(forged(u, &mail)?),
        };
        Ok(Self { mail, cache, deleted, seen_flag: flags & 1 != 0 })
    }
}

/// The name of a file: as a program writes it, as any octets, or as another one with other flags.
pub(crate) fn name(u: &mut Unstructured<'_>, other: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut name = match (u.arbitrary::<u8>()? % 4, other) {
        (0, _) | (3, None) => {
            let length = usize::from(u.arbitrary::<u8>()? % 40).min(u.len());
            u.bytes(length)?.to_vec()
        }
        (3, Some(other)) => other.split(|&octet| octet == b':').next().unwrap_or_default().to_vec(),
        _ => {
            let [seconds, micros, size, wire] = u.arbitrary::<[u8; 4]>()?;
            let hints =
                [String::new(), format!(",S={size}"), format!(",S={size},W={wire}"), format!(",W={wire}")];
            format!(
                "{}.M{micros}P7.host{}",
                1_700_000_000 + u64::from(seconds),
                hints[usize::from(micros % 4)]
            )
            .into_bytes()
        }
    };
    if u.arbitrary()? {
        name.extend_from_slice(u.choose(&[
            &b":2,"[..],
            b":2,S",
            b":2,FRS",
            b":2,Sa",
            b":1,x",
            b":",
            b",S=1",
        ])?);
    }
    // No file has other names.
    name.retain(|octet| !matches!(octet, b'/' | 0));
    if matches!(&name[..], b"" | b"." | b"..") {
        name = b"x".to_vec();
    }
    Ok(name)
}

fn forged(u: &mut Unstructured<'_>, mail: &[Mail<'_>]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for _ in 0..u.arbitrary::<u8>()? % 8 {
        let [tag, flags] = u.arbitrary::<[u8; 2]>()?;
        let own = mail.get(usize::from(flags >> 4)).map(|mail| mail.name.clone());
        let name = match own {
            Some(own) => own,
            None => u.arbitrary::<Vec<u8>>()?,
        };
        let mut numbers = [u64::from(flags >> 4) + 5, 10, 0, 0, 12];
        if u.arbitrary()? {
            numbers = u.arbitrary()?;
        }
        records.push((*b"MMMGGSx".get(usize::from(tag % 8)).unwrap_or(&tag), flags, numbers, name));
    }
    Ok(records)
}

/// The octets of a cache with these records.
fn cache(records: &[Record]) -> Vec<u8> {
    let mut octets = [VERSION, &[7; 8]].concat();
    let mut chain = u64::from_le_bytes([7; 8]);
    for (tag, flags, numbers, name) in records {
        let length = u16::try_from(name.len().min(2000)).expect("short").to_le_bytes();
        let mut record = vec![*tag, *flags, length[0], length[1]];
        if *tag == b'M' {
            record.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        record.extend(&name[..name.len().min(2000)]);
        chain = checksum(chain, &record);
        octets.extend(record);
        octets.extend(chain.to_le_bytes());
    }
    octets
}

fn checksum(seed: u64, octets: &[u8]) -> u64 {
    let step = |state: u64, word: u64| {
        let state = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state ^ (state >> 32)
    };
    let mut state = step(seed, octets.len() as u64);
    let mut padded = octets.to_vec();
    padded.resize((octets.len() / 8 + 1) * 8, 0);
    for word in padded.chunks_exact(8) {
        state = step(state, u64::from_le_bytes(word.try_into().expect("eight octets")));
    }
    step(state, 0x9e37_79b9_7f4a_7c15)
}

/// A login: unique-ids and sizes in the order of the messages.
type Listing = Vec<(Vec<u8>, u64)>;

struct Made {
    disk: MemoryDisk,
    folders: [std::sync::Arc<dyn Folder>; 2],
    root: std::sync::Arc<dyn Folder>,
    config: MaildirConfig,
}

impl Made {
    fn new(plan: &Plan<'_>) -> Self {
        let disk = MemoryDisk::new();
        let (new, cur) = (disk.folder("mail/new"), disk.folder("mail/cur"));
        let root = disk.folder("mail");
        for mail in &plan.mail {
            disk.put(&**if mail.in_cur { &cur } else { &new }, &mail.name, mail.octets);
            disk.pause(Duration::from_millis(1));
        }
        disk.pause(Duration::from_secs(60));
        let config = MaildirConfig::new().with_seen_flag(plan.seen_flag);
        Self { disk, folders: [new, cur], root, config }
    }

    fn open(&self) -> Maildir {
        self.disk.pause(Duration::from_secs(60));
        Maildir::open_on(&self.disk.shared(), "/mail", &self.config).expect("a Maildir")
    }

    fn listing(&self) -> Listing {
        listing(&self.open())
    }

    /// All files, by name.
    fn files(&self) -> BTreeMap<(usize, Vec<u8>), Vec<u8>> {
        let mut names = Vec::new();
        for (place, folder) in self.folders.iter().enumerate() {
            folder.list(&mut |entry| names.push((place, entry.name.to_vec()))).expect("a directory");
        }
        names.into_iter().map(|(place, name)| ((place, name.clone()), self.read(place, &name))).collect()
    }

    fn read(&self, place: usize, name: &[u8]) -> Vec<u8> {
        let mut octets = Vec::new();
        let mut file = self.folders[place].open(name, Open::reading()).expect("a file");
        file.read_to_end(&mut octets).expect("memory");
        octets
    }
}

fn listing(maildir: &Maildir) -> Listing {
    let snapshot = maildir.snapshot();
    let of = |number| {
        let uid = snapshot.unique_id(number).expect("one of its numbers").as_bytes().to_vec();
        (uid, snapshot.size(number).expect("one of its numbers"))
    };
    snapshot.numbers().map(of).collect()
}

/// Octets make a Maildir. Its messages are the files whose names do not begin with a dot, in the order of delivery,
/// with sizes as they are sent and unique-ids made of what stays of the names. The size cache changes nothing of that,
/// however it is damaged. With a forged one, only files of the Maildir are sent. A commit removes what is marked.
///
/// # Panics
/// If that does not hold.
pub fn maildir(octets: &[u8]) {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(octets)) else { return };
    let made = Made::new(&plan);
    let first = made.listing();
    expected(&plan, &first);
    assert_eq!(made.listing(), first, "{plan:?}");
    let whole = made.root.open(CACHE, Open::reading()).map(|mut file| {
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).expect("memory");
        octets
    });
    let mut whole = whole.unwrap_or_default();
    match &plan.cache {
        Cache::Kept => {}
        Cache::Cut(length) => whole.truncate(usize::from(*length) % (whole.len() + 1)),
        Cache::Flipped(place, bits) => {
            let place = usize::from(*place) % whole.len().max(1);
            if let Some(octet) = whole.get_mut(place) {
                *octet ^= bits;
            }
        }
        Cache::Any(octets) => whole = octets.to_vec(),
        Cache::Forged(records) => whole = cache(records),
    }
    made.disk.put(&*made.root, CACHE, &whole);
    let maildir = made.open();
    let is_forged = matches!(plan.cache, Cache::Forged(_));
    assert!(is_forged || listing(&maildir) == first, "{plan:?}");
    send(&made, maildir, is_forged);
    commit(&made, &plan, is_forged);
}

/// Compares a listing with one that is made of the names alone.
fn expected(plan: &Plan<'_>, listing: &Listing) {
    let messages: Vec<&Mail<'_>> = plan.mail.iter().filter(|mail| !mail.name.starts_with(b".")).collect();
    assert_eq!(listing.len(), messages.len(), "{plan:?}");
    let mut by_identity = BTreeMap::<&[u8], Vec<&Mail<'_>>>::new();
    for mail in &messages {
        by_identity.entry(identity(&mail.name)).or_default().push(mail);
    }
    let alone: Vec<_> = by_identity.iter().filter(|(_, same)| same.len() == 1).collect();
    let mut places = Vec::new();
    for (identity, same) in alone {
        let digest = Sha256::digest(identity);
        let uid: String = digest[..16].iter().map(|octet| format!("{octet:02x}")).collect();
        let size = content(same[0].octets).len() as u64;
        let place = listing.iter().position(|listed| *listed == (uid.clone().into_bytes(), size));
        let place = place.unwrap_or_else(|| panic!("{uid} {size} {listing:?} {plan:?}"));
        places.push((delivered(&same[0].name), identity, place));
    }
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].2 < pair[1].2), "{plan:?} {places:?}");
    let mut uids: Vec<_> = listing.iter().map(|(uid, _)| uid).collect();
    uids.sort_unstable();
    assert!(uids.windows(2).all(|pair| pair[0] != pair[1]), "{listing:?} {plan:?}");
}

/// What stays of a name: what is before the colon, without sizes at its end.
pub(crate) fn identity(name: &[u8]) -> &[u8] {
    let mut rest = name.split(|&octet| octet == b':').next().unwrap_or_default();
    while let Some(comma) = rest.iter().rposition(|&octet| octet == b',') {
        let is_size =
            matches!(&rest[comma + 1..], [b'S' | b'W', b'=', digits @ ..] if number(digits).is_some());
        if !is_size {
            break;
        }
        rest = &rest[..comma];
    }
    rest
}

fn delivered(name: &[u8]) -> (u64, u64) {
    let mut parts = identity(name).split(|&octet| octet == b'.');
    let seconds = parts.next().and_then(number).unwrap_or(0);
    let second = parts.next().unwrap_or_default();
    let micros = second.splitn(2, |&octet| octet == b'M').nth(1).and_then(|digits| {
        number(&digits[..digits.iter().take_while(|octet| octet.is_ascii_digit()).count()])
    });
    (seconds, micros.unwrap_or(0))
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|_| text.bytes().all(|octet| octet.is_ascii_digit()))
}

/// Each message that can be opened is a file of the Maildir, of the size that was listed.
fn send(made: &Made, mut maildir: Maildir, is_forged: bool) {
    let listing = listing(&maildir);
    let files: Vec<Vec<u8>> = made.files().into_values().collect();
    for (index, (_, size)) in listing.iter().enumerate() {
        let number = MessageNumber::from_index(index).expect("few");
        let mut octets = Vec::new();
        let read = maildir.message(number).map(|mut message| message.read_to_end(&mut octets));
        match read {
            Ok(Ok(_)) => {
                assert!(files.contains(&octets));
                assert!(is_forged || content(&octets).len() as u64 == *size);
            }
            other => assert!(is_forged, "{other:?}"),
        }
    }
}

/// Only marked messages are removed, and all of them.
fn commit(made: &Made, plan: &Plan<'_>, is_forged: bool) {
    let maildir = made.open();
    let before = made.files();
    let messages = maildir.snapshot().len();
    let marked = |number: &MessageNumber| plan.deleted & (1 << (number.index() % 16)) != 0;
    let deleted: Vec<MessageNumber> = maildir.snapshot().numbers().filter(marked).collect();
    let all: Vec<MessageNumber> = maildir.snapshot().numbers().collect();
    let report = maildir.remove(deleted.clone(), all);
    let after = made.files();
    assert!(after.len() + deleted.len() >= before.len());
    if !is_forged {
        assert!(report.is_complete(), "{report:?} {plan:?}");
        assert_eq!(after.len() + deleted.len(), before.len());
        assert_eq!(made.listing().len(), messages - deleted.len());
    }
    // What is left has kept its octets, whatever its name is by now.
    let mut left: Vec<_> = before.into_values().collect();
    for octets in after.values() {
        let place = left.iter().position(|other| other == octets).expect("an old file");
        left.swap_remove(place);
    }
}
