//! What a loss of power leaves.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use pop3_disk::{Folder, Open};
use pop3_simulation::SimDisk;
use pop3_simulation::disk::Found;
use pop3_simulation::seeds::each_seed;

use crate::support::{disk_with, get, put, put_synced, top};

/// What is left of a file in `seeds` runs of the same calls.
fn left(is_ordered: bool, path: &str, act: impl Fn(&dyn Folder)) -> BTreeSet<Option<Vec<u8>>> {
    let mut found = BTreeSet::new();
    let all = core::cell::RefCell::new(&mut found);
    each_seed(0..200, |run| {
        let disk = disk_with(&run.chance, |nature| nature.is_ordered = is_ordered);
        run.watch(&disk);
        act(&*top(&disk.process()));
        disk.crash();
        all.borrow_mut().insert(disk.read(path));
    });
    found
}

fn some(text: &[u8]) -> Option<Vec<u8>> {
    Some(text.to_vec())
}

#[test]
fn what_was_not_synced_may_vanish_or_stay() {
    for is_ordered in [false, true] {
        let found = left(is_ordered, "/a", |top| put(top, b"a", b"hello"));
        assert!(found.contains(&None) && found.contains(&some(b"")) && found.contains(&some(b"hello")));
        let has_zeros = found.iter().flatten().any(|octets| octets == b"\0\0\0\0\0");
        assert_eq!(has_zeros, !is_ordered, "{found:?}");
    }
}

#[test]
fn what_was_synced_stays() {
    for is_ordered in [false, true] {
        let found = left(is_ordered, "/a", |top| {
            put_synced(top, b"a", b"hello");
            top.sync().unwrap();
        });
        assert_eq!(found, BTreeSet::from([some(b"hello")]));
    }
}

#[test]
fn a_synced_file_without_its_synced_directory_has_a_name_only_on_ext4() {
    let act = |top: &dyn Folder| put_synced(top, b"a", b"hello");
    assert_eq!(left(true, "/a", act), BTreeSet::from([some(b"hello")]));
    assert_eq!(left(false, "/a", act), BTreeSet::from([None, some(b"hello")]));
}

#[test]
fn a_synced_directory_without_its_synced_file_has_a_name_with_anything() {
    let found = left(false, "/a", |top| {
        put(top, b"a", b"hello");
        top.sync().unwrap();
    });
    assert!(!found.contains(&None) && found.contains(&some(b"")) && found.contains(&some(b"hello")));
}

#[test]
fn a_rename_is_done_or_not() {
    for is_ordered in [false, true] {
        let (mut states, all) = (BTreeSet::new(), core::cell::RefCell::new(BTreeSet::new()));
        each_seed(0..200, |run| {
            let disk = disk_with(&run.chance, |nature| nature.is_ordered = is_ordered);
            let top = top(&disk.process());
            put_synced(&*top, b"a", b"old");
            put_synced(&*top, b"b", b"new");
            top.sync().unwrap();
            top.rename(b"b", &*top, b"a").unwrap();
            disk.crash();
            all.borrow_mut().insert((disk.read("/a"), disk.read("/b")));
        });
        states.append(&mut all.borrow_mut());
        assert_eq!(states, BTreeSet::from([(some(b"old"), some(b"new")), (some(b"new"), None)]));
    }
}

#[test]
fn a_file_that_is_moved_to_another_directory_is_always_in_one_of_them() {
    for synced in ["", "from", "to"] {
        let all = core::cell::RefCell::new(BTreeSet::new());
        each_seed(0..200, |run| {
            let disk = disk_with(&run.chance, |nature| nature.is_ordered = false);
            run.watch(&disk);
            let top = top(&disk.process());
            for name in [&b"from"[..], b"to"] {
                top.make_folder(name, 0o700).unwrap();
            }
            top.sync().unwrap();
            let (from, to) = (top.open_folder(b"from").unwrap(), top.open_folder(b"to").unwrap());
            put_synced(&*from, b"a", b"hello");
            from.sync().unwrap();
            from.rename(b"a", &*to, b"a").unwrap();
            match synced {
                "from" => from.sync().unwrap(),
                "to" => to.sync().unwrap(),
                _ => {}
            }
            disk.crash();
            all.borrow_mut().insert((disk.read("/from/a").is_some(), disk.read("/to/a").is_some()));
        });
        let expected = match synced {
            "from" => BTreeSet::from([(false, true)]),
            // The old name may come back.
            "to" => BTreeSet::from([(false, true), (true, true)]),
            _ => BTreeSet::from([(false, true), (true, false)]),
        };
        assert_eq!(all.take(), expected, "{synced}");
    }
}

#[test]
fn names_come_to_the_disk_in_any_order_but_on_ext4() {
    for is_ordered in [false, true] {
        let all = core::cell::RefCell::new(BTreeSet::new());
        each_seed(0..200, |run| {
            let disk = disk_with(&run.chance, |nature| nature.is_ordered = is_ordered);
            let top = top(&disk.process());
            put_synced(&*top, b"a", b"x");
            top.sync().unwrap();
            top.link(b"a", &*top, b"b").unwrap();
            top.unlink(b"a").unwrap();
            disk.crash();
            all.borrow_mut().insert((disk.read("/a").is_some(), disk.read("/b").is_some()));
        });
        let mut expected = BTreeSet::from([(true, false), (true, true), (false, true)]);
        if !is_ordered {
            expected.insert((false, false));
        }
        assert_eq!(all.take(), expected);
    }
}

#[test]
fn a_directory_needs_the_sync_of_the_one_above() {
    let act = |top: &dyn Folder| {
        top.make_folder(b"sub", 0o700).unwrap();
        let sub = top.open_folder(b"sub").unwrap();
        put_synced(&*sub, b"a", b"x");
        sub.sync().unwrap();
    };
    assert_eq!(left(false, "/sub/a", act), BTreeSet::from([None, some(b"x")]));
    assert_eq!(left(true, "/sub/a", act), BTreeSet::from([some(b"x")]));
    let act = |top: &dyn Folder| {
        act(top);
        top.sync().unwrap();
    };
    assert_eq!(left(false, "/sub/a", act), BTreeSet::from([some(b"x")]));
}

#[test]
fn sync_all_syncs_everything() {
    each_seed(0..50, |run| {
        let disk = SimDisk::new(run.chance.clone(), Default::default());
        let top = top(&disk.process());
        top.make_folder(b"sub", 0o700).unwrap();
        put(&*top.open_folder(b"sub").unwrap(), b"a", b"hello");
        if top.sync_all().is_err() {
            assert!(!top.can_sync_all());
            disk.sync_all();
        }
        disk.crash();
        assert_eq!(disk.read("/sub/a"), some(b"hello"));
    });
}

#[test]
fn what_is_appended_is_lost_from_its_end_and_what_is_written_over_is_torn() {
    let long = vec![b'n'; 3 * 4096];
    let appended = left(true, "/a", |top| {
        put_synced(top, b"a", b"old ");
        top.open(b"a", Open::appending()).unwrap().write_all(&long).unwrap();
    });
    assert!(appended.len() > 3, "some pages are lost");
    for octets in appended.iter().flatten() {
        assert!(octets.starts_with(b"old ") && octets[4..].iter().all(|&octet| octet == b'n'), "{octets:?}");
    }
    let old = vec![b'o'; 3 * 4096];
    let over = left(false, "/a", |top| {
        put_synced(top, b"a", &old);
        top.sync().unwrap();
        top.open(b"a", Open::writing()).unwrap().write_all(&long).unwrap();
    });
    let pages = |octets: &Vec<u8>| [octets[0], octets[4096], octets[8192]];
    let seen: BTreeSet<_> = over.iter().flatten().map(pages).collect();
    assert!(seen.contains(b"ono") && seen.contains(b"ooo") && seen.contains(b"nnn"), "{seen:?}");
}

#[test]
fn a_file_that_was_unlinked_is_gone_when_it_is_closed_but_comes_back_if_that_was_not_synced() {
    let found = left(false, "/a", |top| {
        put_synced(top, b"a", b"hello");
        top.sync().unwrap();
        top.unlink(b"a").unwrap();
        put_synced(top, b"b", b"takes its inode");
    });
    assert_eq!(found, BTreeSet::from([None, some(b"hello")]));
}

#[test]
fn a_crash_of_a_twin_changes_nothing_here() {
    each_seed(0..50, |run| {
        let disk = disk_with(&run.chance, |nature| nature.is_ordered = false);
        let process = disk.process();
        let top = top(&process);
        put(&*top, b"a", b"hello");
        let before = disk.peek("/");
        let twins: Vec<_> = (0..20).map(|_| disk.after_crash(run.chance.fork()).peek("/")).collect();
        assert!(twins.iter().any(|twin| *twin != before) || run.seed > 5);
        assert_eq!(disk.peek("/"), before);
        assert_eq!(get(&*top, b"a"), b"hello");
        assert!(process.is_alive());
    });
}

#[test]
fn a_kill_loses_nothing_that_was_written_and_ends_every_call() {
    let disk = disk_with(&pop3_simulation::Chance::new(1), |_| {});
    let process = disk.process();
    let top_folder = top(&process);
    put(&*top_folder, b"a", b"hello");
    let mut file = top_folder.open(b"a", Open::reading_and_writing()).unwrap();
    assert!(file.try_lock(pop3_disk::Lock::Whole).unwrap());
    assert_eq!((disk.descriptors(), disk.locks()), (2, 1));
    process.kill();
    assert_eq!((disk.descriptors(), disk.locks()), (0, 0));
    file.write_all(b"x").unwrap_err();
    file.sync().unwrap_err();
    top_folder.stat(b"a").unwrap_err();
    process.disk().open_folder(Path::new("/")).unwrap_err();
    drop(file);
    let other = disk.process();
    let top_folder = top(&other);
    assert_eq!(get(&*top_folder, b"a"), b"hello");
    let file = top_folder.open(b"a", Open::reading_and_writing()).unwrap();
    assert!(file.try_lock(pop3_disk::Lock::Whole).unwrap());
}

/// The same seed gives the same disk, the same results, and the same losses.
#[test]
fn a_seed_is_a_run() {
    let run = |seed: u64| {
        let chance = pop3_simulation::Chance::new(seed);
        let disk = SimDisk::new(chance.clone(), Default::default());
        disk.set_faults(pop3_simulation::disk::DiskFaults::random(&chance, 60).short(300, 300));
        let process = disk.process();
        let mut log = format!("{:?}\n", disk.nature());
        if let Ok(top) = process.disk().open_folder(Path::new("/")) {
            for number in 0..80_usize {
                let name = [b'a' + chance.below(5) as u8];
                let result = match chance.below(5) {
                    0 => top.open(&name, Open::appending().make(0o600)).and_then(|mut file| {
                        let written = file.write_all(format!("{number}").as_bytes());
                        written.and_then(|()| if chance.per_mille(500) { file.sync() } else { Ok(()) })
                    }),
                    1 => top.rename(&name, &*top, b"z"),
                    2 => top.unlink(&name),
                    3 => top.sync(),
                    _ => top.list(&mut |entry| log.push_str(&format!("{} ", entry.name.escape_ascii()))),
                };
                log.push_str(&format!("{result:?}\n"));
            }
        }
        disk.crash();
        (log, disk.peek("/"), disk.trace())
    };
    let mut different = BTreeSet::new();
    for seed in 0..40 {
        let (one, other) = (run(seed), run(seed));
        assert_eq!(one, other, "{seed}");
        different.insert(one.0);
    }
    assert!(different.len() > 30);
}

#[test]
fn everything_is_seen_from_outside() {
    let disk = disk_with(&pop3_simulation::Chance::new(1), |_| {});
    let process = disk.actor();
    let top = top(&process);
    top.make_folder(b"sub", 0o700).unwrap();
    put(&*top.open_folder(b"sub").unwrap(), b"a", b"hello");
    process.make_link(Path::new("/link"), Path::new("sub/a")).unwrap();
    process.make_fifo(Path::new("/fifo")).unwrap();
    let found: Vec<_> = disk.peek("/").into_iter().collect();
    let expected = [
        ("fifo".into(), Found::Fifo),
        ("link".into(), Found::Link("sub/a".into())),
        ("sub".into(), Found::Folder),
        ("sub/a".into(), Found::File(b"hello".to_vec())),
    ];
    assert_eq!(found, expected);
    assert_eq!(disk.read("/link"), some(b"hello"));
    assert_eq!(disk.used(), 5);
    assert!(disk.peek("/none").is_empty());
}
