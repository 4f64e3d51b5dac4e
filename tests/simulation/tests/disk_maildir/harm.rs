//! A user who spoils files of his own Maildir while sessions run.

use core::time::Duration;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use pop3_disk::{Disk, Open};
use pop3_maildir::{Delivery, Maildir, MaildirConfig, OpenError};
use pop3_proto::MessageNumber;
use pop3_proto::dots::WireSize;
use pop3_simulation::actors::{Deliverer, Reader, Vandal};
use pop3_simulation::seeds::each_seed;
use pop3_simulation::{SimClock, SimDisk};

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
            let (by, chance, kept) = (Arc::clone(&vandal), chance.fork(), Arc::clone(&spoiled));
            disk.set_hook(Some(Arc::new(move |_| {
                if chance.per_mille(60)
                    && let Some(name) = by.act()
                {
                    kept.lock().unwrap().insert(base(&name));
                }
            })));
            session(&process.disk());
            disk.set_hook(None);
            assert_eq!((process.descriptors(), process.locks()), (0, 0), "something is left open");
            let spoiled = spoiled.lock().unwrap();
            let found = Book::found(&disk, PATH);
            for (name, message) in messages.iter().filter(|(name, _)| !spoiled.contains(name)) {
                assert!(found.contains(message), "lost, and not spoiled: {}", name.escape_ascii());
            }
            assert_eq!(disk.read("/secret").unwrap(), SECRET);
        }
    });
}

/// Reads everything, and removes nothing.
fn session(disk: &Arc<dyn Disk>) {
    let mut maildir = match Maildir::open_on(disk, PATH, &MaildirConfig::new()) {
        Ok(maildir) => maildir,
        Err(OpenError::Locked { .. }) => panic!("no other session has the lock"),
        Err(_) => return,
    };
    let snapshot = maildir.snapshot().clone();
    for number in snapshot.numbers() {
        let Some(octets) = read(&mut maildir, number) else { continue };
        assert!(!octets.windows(SECRET.len()).any(|window| window == SECRET), "it was read");
        let mut size = WireSize::new();
        size.update(&octets);
        assert_eq!(Some(size.finish()), snapshot.size(number), "the size of {}", octets.escape_ascii());
    }
    let report = maildir.remove([], snapshot.numbers());
    assert_eq!(report.removed(), 0);
}

fn read(maildir: &mut Maildir, number: MessageNumber) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    maildir.message(number).ok()?.read_to_end(&mut octets).ok()?;
    Some(octets)
}
