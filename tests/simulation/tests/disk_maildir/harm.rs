//! A user who spoils files of his own Maildir while sessions run.

use core::time::Duration;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use pop3_disk::Open;
use pop3_maildir::{Delivery, Maildir, MaildirConfig, OpenError};
use pop3_proto::MessageNumber;
use pop3_proto::dots::WireSize;
use pop3_simulation::actors::{Deliverer, Reader, Vandal};
use pop3_simulation::disk::SimProcess;
use pop3_simulation::seeds::each_seed;
use pop3_simulation::{Chance, SimClock, SimDisk};

use crate::book::Book;

const PATH: &str = "/mail";
const SECRET: &[u8] = b"nobody may read this\n";

/// The names of the messages without what a mail reader changes.
fn base(name: &[u8]) -> Vec<u8> {
    name.split(|&octet| octet == b':').next().unwrap_or_default().to_vec()
}

#[test]
fn who_spoils_his_maildir_harms_no_other_message_and_reads_no_other_file() {
    each_seed(0..300, |run| {
        let chance = &run.chance;
        let clock = SimClock::default();
        let disk = SimDisk::new(chance.fork(), clock.clone());
        run.watch(&disk);
        let actor = disk.actor();
        let top = actor.disk().open_folder(Path::new("/")).unwrap();
        top.open(b"secret", Open::writing().make_new(0o600)).unwrap().write_all(SECRET).unwrap();
        Delivery::open_on(actor.disk(), PATH, true).unwrap();
        let mut deliverer = Deliverer::new(&disk, Path::new(PATH), chance);
        let reader = Reader::new(&disk, Path::new(PATH), chance);
        let vandal = Arc::new(Vandal::new(&disk, Path::new(PATH), chance));
        let spoiled = Arc::new(Mutex::new(BTreeSet::new()));
        let mut messages = Vec::new();
        let process = disk.process();
        for number in 0..12 {
            let message = format!("Subject: {number}\n\nhello {number}\n").into_bytes();
            messages.push((deliverer.deliver(&message), message));
            reader.act();
            clock.advance(Duration::from_millis(*chance.pick(&[0, 100, 3_000])));
            let (by, rate, kept) = (Arc::clone(&vandal), chance.fork(), Arc::clone(&spoiled));
            let spoil = move || kept.lock().unwrap().extend(by.act().map(|name| base(&name)));
            let (by, kept) = (Arc::clone(&vandal), Arc::clone(&spoiled));
            let forge = move || kept.lock().unwrap().extend(by.forge().map(|name| base(&name)));
            disk.set_hook(Some(Arc::new(move |_| {
                if rate.per_mille(60) {
                    spoil();
                }
            })));
            let removed = session(&disk, &process, chance, &forge);
            assert_eq!((process.descriptors(), process.locks()), (0, 0), "something is left open");
            messages.retain(|(_, message)| !removed.contains(message));
            let spoiled = spoiled.lock().unwrap();
            let found = Book::found(&disk, PATH);
            for (name, message) in messages.iter().filter(|(name, _)| !spoiled.contains(name)) {
                assert!(found.contains(message), "lost, and not spoiled: {}", name.escape_ascii());
            }
            assert_eq!(disk.read("/secret").unwrap(), SECRET);
        }
    });
}

/// Reads everything, and removes some of what was read.
fn session(disk: &SimDisk, process: &SimProcess, chance: &Chance, forge: &dyn Fn()) -> BTreeSet<Vec<u8>> {
    let mut maildir = match Maildir::open_on(&process.disk(), PATH, &MaildirConfig::new()) {
        Ok(maildir) => maildir,
        Err(OpenError::Locked { .. }) => panic!("no other session has the lock"),
        Err(_) => return BTreeSet::new(),
    };
    let snapshot = maildir.snapshot().clone();
    let (mut marked, mut may_go) = (Vec::new(), BTreeSet::new());
    for number in snapshot.numbers() {
        if chance.per_mille(100) {
            forge();
        }
        let Some(octets) = read(&mut maildir, number) else { continue };
        assert!(!octets.windows(SECRET.len()).any(|window| window == SECRET), "it was read");
        let mut size = WireSize::new();
        size.update(&octets);
        assert_eq!(Some(size.finish()), snapshot.size(number), "the size of {}", octets.escape_ascii());
        if chance.per_mille(200) {
            marked.push(number);
            // Who puts the length and the time of a file back hides a change from a commit.
            let forged = octets.iter().map(|&octet| if octet == b'\n' { b' ' } else { octet });
            may_go.insert(forged.collect());
            may_go.insert(octets);
        }
    }
    // Nobody acts while messages are removed.
    disk.set_hook(None);
    (0..chance.below(3)).for_each(|_| forge());
    let mut left = Book::found(disk, PATH);
    let report = maildir.remove(marked, snapshot.numbers());
    for message in Book::found(disk, PATH) {
        left.swap_remove(left.iter().position(|found| *found == message).expect("nothing is new"));
    }
    for removed in &left {
        assert!(may_go.contains(removed), "nobody has marked this: {} {report:?}", removed.escape_ascii());
    }
    left.into_iter().collect()
}

fn read(maildir: &mut Maildir, number: MessageNumber) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    maildir.message(number).ok()?.read_to_end(&mut octets).ok()?;
    Some(octets)
}
