//! Maildirs with any list of unique-ids, as Dovecot and Courier keep them.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use pop3_disk::{Folder, Open};
use pop3_maildir::{Maildir, MaildirConfig, OpenError, UniqueIds};
use pop3_proto::UniqueId;

use crate::maildir::{identity, name};
use crate::memory_disk::MemoryDisk;

/// What may be beside the messages. No lock and no temporary file is left.
const FILES: [&[u8]; 7] = [b"new", b"cur", b"tmp", b"pop3.lock", b"pop3.sizes", DOVECOT, COURIER];
const DOVECOT: &[u8] = b"dovecot-uidlist";
const COURIER: &[u8] = b"courierpop3dsizelist";

const FORMATS: [&str; 7] = ["%08Xu%08Xv", "%u-%v", "%f", "%g", "%Mf", "x%.3u", "%5Rf"];

/// A line that is true: of a message, or of a file that is not there.
#[derive(Debug)]
struct Line {
    mail: Option<usize>,
    /// By how much the number is greater than that of the line before.
    step: u8,
    /// The unique-id that Dovecot gave it.
    given: Option<u8>,
    more: bool,
}

#[derive(Debug)]
enum List<'a> {
    Any(&'a [u8]),
    Missing,
    True { first: u32, validity: u32, lines: Vec<Line>, flip: Option<(u16, u8)> },
}

/// A Maildir with a list.
#[derive(Debug)]
struct Plan<'a> {
    /// The format of Dovecot. None is a list of Courier.
    format: Option<&'static str>,
    mail: Vec<(bool, Vec<u8>)>,
    late: Vec<u8>,
    list: List<'a>,
}

impl<'a> Arbitrary<'a> for Plan<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [way, count, kind] = u.arbitrary::<[u8; 3]>()?;
        let format = FORMATS.get(usize::from(way) % (2 * FORMATS.len())).copied();
        let mut mail = Vec::<(bool, Vec<u8>)>::new();
        for _ in 0..count % 6 {
            let one = (u.arbitrary()?, name(u, mail.last().map(|(_, name)| &name[..]))?);
            if !mail.contains(&one) {
                mail.push(one);
            }
        }
        let late = name(u, mail.last().map(|(_, name)| &name[..]))?;
        let list = match kind % 4 {
            0 => List::Any(u.bytes(u.len())?),
            1 if kind > 250 => List::Missing,
            _ => {
                let [first, validity] = u.arbitrary::<[u32; 2]>()?;
                let flip = if kind % 4 == 1 { Some(u.arbitrary()?) } else { None };
                let mut lines = Vec::new();
                while !u.is_empty() && lines.len() < 12 {
                    let [which, step, given] = u.arbitrary::<[u8; 3]>()?;
                    let mail = usize::from(which % 8).checked_sub(2).filter(|index| *index < mail.len());
                    let (given, more) = ((given % 4 > 1).then_some(given / 4), which & 64 != 0);
                    lines.push(Line { mail, step, given, more });
                }
                List::True { first, validity: validity.max(1), lines, flip }
            }
        };
        Ok(Self { format, mail, late, list })
    }
}

impl Plan<'_> {
    const fn file(&self) -> &'static [u8] {
        if self.format.is_some() { DOVECOT } else { COURIER }
    }

    fn config(&self) -> MaildirConfig {
        let way = self.format.map(|format| UniqueIds::Dovecot(format.parse().expect("a format")));
        MaildirConfig::new().with_unique_ids(way.unwrap_or(UniqueIds::Courier))
    }

    /// The octets of the list.
    fn octets(&self) -> Option<Vec<u8>> {
        let (first, validity, lines, flip) = match &self.list {
            List::Missing => return None,
            List::Any(octets) => return Some(octets.to_vec()),
            List::True { first, validity, lines, flip } => (first, validity, lines, flip),
        };
        let mut octets = match self.format {
            Some(_) => format!("3 V{validity} N{} Xmore\n", first.max(&1)).into_bytes(),
            None => format!("/3 {first} {validity}\n").into_bytes(),
        };
        for (index, (line, number)) in lines.iter().zip(numbers(*first, lines)).enumerate() {
            let name = match line.mail.map(|mail| base(&self.mail[mail].1)) {
                Some(name) if !name.is_empty() && !name.contains(&b'\n') => name.to_vec(),
                _ => format!("none.{index}").into_bytes(),
            };
            let more = if line.more { " W5 Gx" } else { "" };
            let given = line.given.map(|given| format!(" Pp{given}")).unwrap_or_default();
            match self.format {
                Some(_) => {
                    octets.extend([format!("{number}{given}{more} :").as_bytes(), &name, b"\n"].concat())
                }
                None => {
                    octets.extend([&name, &format!(" 4 {number}:{validity}:0\n").into_bytes()[..]].concat())
                }
            }
        }
        if let Some((place, bits)) = flip {
            let place = usize::from(*place) % octets.len();
            octets[place] ^= bits;
        }
        Some(octets)
    }

    /// The unique-ids of messages for which the list leaves no doubt, by what the messages contain.
    fn expected(&self) -> BTreeMap<Vec<u8>, String> {
        let List::True { first, validity, lines, flip: None } = &self.list else { return BTreeMap::new() };
        if !matches!(self.format, None | Some("%08Xu%08Xv")) {
            return BTreeMap::new();
        }
        let is_alone = |mail: usize| {
            let same = self.mail.iter().filter(|(_, name)| identity(name) == identity(&self.mail[mail].1));
            same.count() == 1 && lines.iter().filter(|line| line.mail == Some(mail)).count() == 1
        };
        let mut expected = BTreeMap::new();
        for (line, number) in lines.iter().zip(numbers(*first, lines)) {
            let Some(mail) = line.mail.filter(|mail| is_alone(*mail)) else { continue };
            let name = &self.mail[mail].1;
            let is_listable = !base(name).is_empty() && !base(name).contains(&b'\n');
            if !is_listable || name.starts_with(b".") {
                continue;
            }
            let id = match (self.format, line.given) {
                (None, _) => format!("UID{number}-{validity}"),
                (_, None) => format!("{number:08x}{validity:08x}"),
                (_, Some(given)) if lines.iter().filter(|line| line.given == Some(given)).count() > 1 => {
                    continue;
                }
                (_, Some(given)) => format!("p{given}"),
            };
            expected.insert(content(mail), id);
        }
        expected
    }
}

/// The numbers of the lines. They ascend, and end before those that no list may have.
fn numbers(first: u32, lines: &[Line]) -> impl Iterator<Item = u32> {
    let mut number = first.min(u32::MAX - 10_000);
    lines.iter().map(move |line| {
        number += u32::from(line.step) + 1;
        number
    })
}

fn base(name: &[u8]) -> &[u8] {
    name.split(|&octet| octet == b':').next().unwrap_or_default()
}

/// What a message contains, which tells it from the others.
fn content(mail: usize) -> Vec<u8> {
    format!("{mail}\n").into_bytes()
}

struct Made {
    disk: MemoryDisk,
    root: Arc<dyn Folder>,
    folders: [Arc<dyn Folder>; 2],
    config: MaildirConfig,
}

impl Made {
    fn new(plan: &Plan<'_>) -> Self {
        let disk = MemoryDisk::new();
        let folders = [disk.folder("mail/new"), disk.folder("mail/cur")];
        let root = disk.folder("mail");
        for (index, (in_cur, name)) in plan.mail.iter().enumerate() {
            disk.put(&*folders[usize::from(*in_cur)], name, &content(index));
            disk.pause(Duration::from_millis(1));
        }
        if let Some(octets) = plan.octets() {
            disk.put(&*root, plan.file(), &octets);
        }
        Self { disk, root, folders, config: plan.config() }
    }

    fn open(&self) -> core::result::Result<Maildir, OpenError> {
        self.disk.pause(Duration::from_secs(60));
        Maildir::open_on(&self.disk.shared(), "/mail", &self.config)
    }

    /// The unique-ids in the order of the messages, with what these contain.
    fn listing(&self) -> core::result::Result<Vec<(Vec<u8>, String)>, OpenError> {
        let mut maildir = self.open()?;
        let numbers: Vec<_> = maildir.snapshot().numbers().collect();
        let listed = numbers.into_iter().map(|number| {
            let id = maildir.snapshot().unique_id(number).expect("one of its numbers").to_string();
            let mut octets = Vec::new();
            let mut message = maildir.message(number).expect("a message");
            message.read_to_end(&mut octets).expect("memory");
            (octets, id)
        });
        Ok(listed.collect())
    }

    fn read(folder: &dyn Folder, name: &[u8]) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        folder.open(name, Open::reading()).ok()?.read_to_end(&mut octets).expect("memory");
        Some(octets)
    }

    /// The files in a directory.
    fn names(folder: &dyn Folder) -> BTreeSet<Vec<u8>> {
        let mut names = BTreeSet::new();
        folder.list(&mut |entry| names.extend([entry.name.to_vec()])).expect("a directory");
        names
    }

    /// Where the message with this content is.
    fn find(&self, wanted: &[u8]) -> Option<(&dyn Folder, Vec<u8>)> {
        self.folders.iter().find_map(|folder| {
            let mut names = Self::names(&**folder).into_iter();
            let name = names.find(|name| Self::read(&**folder, name).as_deref() == Some(wanted))?;
            Some((&**folder, name))
        })
    }
}

/// Octets make a Maildir with a list of unique-ids. It is refused and stays as it is, or all messages have different
/// unique-ids that are permitted. Those that the list gives are the ones that are shown. They stay when mail comes, and when
/// a message was away for a while. Nothing else is left behind, and the list grows by what is new.
///
/// # Panics
/// If that does not hold.
pub fn uid_lists(octets: &[u8]) {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(octets)) else { return };
    let made = Made::new(&plan);
    let list = || Made::read(&*made.root, plan.file());
    let before = list();
    let first = match made.listing() {
        Ok(first) => first,
        Err(error) => {
            assert_eq!(list(), before, "{error:?} {plan:?}");
            let again = made.listing().expect_err("the same list");
            assert_eq!(format!("{again:?}"), format!("{error:?}"), "{plan:?}");
            tidy(&made, &plan);
            return;
        }
    };
    check(&plan, &first, plan.mail.iter().map(|(_, name)| name));
    let shown: BTreeMap<Vec<u8>, String> = first.iter().cloned().collect();
    for (content, id) in plan.expected() {
        assert_eq!(shown.get(&content), Some(&id), "{content:?} {plan:?}");
    }
    tidy(&made, &plan);
    let (old, new) = (before.unwrap_or_default(), list());
    let lines = old.split(|&octet| octet == b'\n').count() + first.len();
    let length = new.as_ref().map_or(0, Vec::len);
    assert!(length <= old.len() + 512 * (lines + 1), "{length} octets {plan:?}");
    assert_eq!(made.listing().expect("the same list"), first, "{plan:?}");
    assert_eq!(list(), new, "nothing is new, so nothing is written");
    // A message goes, another one comes, and the first one comes back.
    let late = format!("late {}\n", plan.mail.len()).into_bytes();
    let away = first.first().and_then(|(content, _)| Some((content.clone(), made.find(content)?)));
    if let Some((_, (folder, name))) = &away {
        folder.unlink(name).expect("a file");
    }
    let is_new = Made::read(&*made.folders[0], &plan.late).is_none()
        && !plan.mail.iter().any(|(_, name)| identity(name) == identity(&plan.late));
    if is_new {
        made.disk.put(&*made.folders[0], &plan.late, &late);
    }
    let Ok(_) = made.listing() else { return };
    if let Some((content, (folder, name))) = &away {
        made.disk.put(*folder, name, content);
    }
    let Ok(last) = made.listing() else { return };
    let names = plan.mail.iter().map(|(_, name)| name).chain(is_new.then_some(&plan.late));
    check(&plan, &last, names);
    let last: BTreeMap<_, _> = last.into_iter().filter(|(content, _)| *content != late).collect();
    assert_eq!(last, shown, "{plan:?}");
    tidy(&made, &plan);
}

/// All messages are there, and their unique-ids are permitted and different.
fn check<'n>(plan: &Plan<'_>, listing: &[(Vec<u8>, String)], names: impl Iterator<Item = &'n Vec<u8>>) {
    assert_eq!(listing.len(), names.filter(|name| !name.starts_with(b".")).count(), "{listing:?} {plan:?}");
    let ids: BTreeSet<&str> = listing.iter().map(|(_, id)| &id[..]).collect();
    assert_eq!(ids.len(), listing.len(), "{listing:?} {plan:?}");
    assert!(ids.iter().all(|id| UniqueId::parse(id.as_bytes()).is_ok()), "{listing:?} {plan:?}");
}

/// No lock and no temporary file is left.
fn tidy(made: &Made, plan: &Plan<'_>) {
    let names = Made::names(&*made.root);
    assert!(names.iter().all(|name| FILES.contains(&&name[..])), "{names:?} {plan:?}");
}
