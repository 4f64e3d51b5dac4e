//! What can fail, and what it leaves.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use pop3_disk::{Folder, Open};
use pop3_simulation::Chance;
use pop3_simulation::disk::{Call, DiskFaults, End, Errno};
use pop3_simulation::seeds::each_seed;

use crate::support::{disk_with, get, put, put_synced, top};

/// A call of each kind.
fn call(folder: &dyn Folder, call: Call) -> std::io::Result<()> {
    let open = |how: Open| folder.open(b"a", how);
    match call {
        Call::OpenFolder => folder.open_folder(b"sub").map(drop),
        Call::Open => open(Open::reading()).map(drop),
        Call::Make => open(Open::writing().make(0o600)).map(drop),
        Call::MakeFolder => folder.make_folder(b"new", 0o700),
        Call::Stat => folder.stat(b"a").map(drop),
        Call::List => folder.list(&mut |_| {}),
        Call::Read => open(Open::reading())?.read(&mut [0; 4]).map(drop),
        Call::Write => open(Open::appending())?.write(b"x").map(drop),
        Call::SetLen => open(Open::writing())?.set_len(3),
        Call::Sync => open(Open::writing())?.sync(),
        Call::SyncFolder => folder.sync(),
        Call::SyncAll => folder.sync_all(),
        Call::Rename => folder.rename(b"a", folder, b"b"),
        Call::Link => folder.link(b"a", folder, b"b"),
        Call::Unlink => folder.unlink(b"a"),
        Call::Lock => open(Open::reading())?.try_lock(pop3_disk::Lock::Whole).map(drop),
        other => panic!("{other:?} is not tested"),
    }
}

#[test]
fn each_kind_of_call_fails_once_or_for_ever_with_the_error_that_was_set_and_changes_nothing() {
    for &kind in Call::ALL {
        let disk = disk_with(&Chance::new(1), |_| {});
        let process = disk.process();
        let folder = top(&process);
        put_synced(&*folder, b"a", b"hello");
        folder.make_folder(b"sub", 0o700).unwrap();
        let before = disk.peek("/");
        disk.set_faults(DiskFaults::none().at(&[kind], 1, &[Errno::DQUOT]));
        assert_eq!(call(&*folder, kind).unwrap_err().kind(), ErrorKind::QuotaExceeded, "{kind:?}");
        assert_eq!(disk.peek("/"), before, "{kind:?}");
        disk.set_faults(DiskFaults::none().from(&[kind], 2, &[Errno::IO]));
        call(&*folder, kind).unwrap();
        let after = disk.peek("/");
        for _ in 0..3 {
            let error = call(&*folder, kind).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
                    || error.raw_os_error() == Some(Errno::IO.raw_os_error()),
                "{kind:?}: {error}"
            );
        }
        assert_eq!(disk.peek("/"), after);
        assert_eq!(process.descriptors(), 1, "{kind:?}");
        // An actor is never in trouble.
        disk.set_faults(DiskFaults::none().from(&[], 1, &[]));
        put(&*top(&disk.actor()), b"other", b"");
    }
}

#[test]
fn calls_fail_at_random() {
    let disk = disk_with(&Chance::new(1), |_| {});
    let folder = top(&disk.process());
    disk.set_faults(DiskFaults::none().at_random(&[Call::Stat], 300, &[Errno::IO]));
    let failed = (0..1000).filter(|_| folder.stat(b"a").is_err()).count();
    assert!((200..400).contains(&failed), "{failed}");
}

#[test]
fn a_process_or_machine_ends_at_a_call() {
    for end in [End::Kill, End::Crash] {
        let disk = disk_with(&Chance::new(1), |_| {});
        let (process, other) = (disk.process(), disk.process());
        let folder = top(&process);
        put(&*folder, b"a", b"");
        disk.sync_all();
        disk.set_faults(DiskFaults::none().end_at(2, end));
        let mut file = folder.open(b"a", Open::writing()).unwrap();
        file.write_all(b"12345678").unwrap_err();
        folder.stat(b"a").unwrap_err();
        assert!(!process.is_alive());
        assert_eq!(other.is_alive(), end == End::Kill);
        if end == End::Kill {
            assert_eq!(disk.read("/a").unwrap(), b"1234");
        }
    }
}

#[test]
fn reads_and_writes_may_be_short_and_lose_nothing() {
    let writes = Cell::new(0);
    each_seed(0..20, |run| {
        let disk = disk_with(&run.chance, |_| {});
        disk.set_faults(DiskFaults::none().short(800, 800));
        let folder = top(&disk.process());
        let octets: Vec<u8> = (0..50_000_u32).map(|number| number as u8).collect();
        let mut file = folder.open(b"a", Open::writing().make_new(0o600)).unwrap();
        let mut left = &octets[..];
        while !left.is_empty() {
            left = &left[file.write(left).unwrap()..];
            writes.set(writes.get() + 1);
        }
        assert_eq!(get(&*folder, b"a"), octets);
    });
    assert!(writes.get() > 40);
}

#[test]
fn a_full_disk_takes_a_part_and_then_nothing_until_there_is_room() {
    let disk = disk_with(&Chance::new(1), |_| {});
    let folder = top(&disk.process());
    put(&*folder, b"old", b"123456");
    disk.set_capacity(Some(10));
    let mut file = folder.open(b"a", Open::writing().make_new(0o600)).unwrap();
    assert_eq!(file.write(b"abcdefgh").unwrap(), 4);
    assert_eq!(file.write(b"efgh").unwrap_err().kind(), ErrorKind::StorageFull);
    folder.open(b"old", Open::writing()).unwrap().write_all(b"ABCDEF").unwrap();
    let kept = folder.open(b"old", Open::reading()).unwrap();
    folder.unlink(b"old").unwrap();
    assert_eq!(file.write(b"efgh").unwrap_err().kind(), ErrorKind::StorageFull, "it is still open");
    drop(kept);
    file.write_all(b"efgh").unwrap();
    assert_eq!((get(&*folder, b"a"), disk.used()), (b"abcdefgh".to_vec(), 8));
}

#[test]
fn after_a_sync_that_failed_a_second_one_may_succeed_without_the_data() {
    let (mut kept, mut lost) = (0, 0);
    for seed in 0..100 {
        let disk = disk_with(&Chance::new(seed), |_| {});
        let folder = top(&disk.process());
        put(&*folder, b"a", b"hello");
        disk.set_faults(DiskFaults::none().at(&[Call::Sync], 1, &[Errno::IO]));
        let file = folder.open(b"a", Open::writing()).unwrap();
        file.sync().unwrap_err();
        assert_eq!(get(&*folder, b"a"), b"hello");
        file.sync().unwrap();
        folder.sync().unwrap();
        disk.crash();
        if disk.read("/a").unwrap() == b"hello" { kept += 1 } else { lost += 1 }
    }
    assert!(kept > 20 && lost > 5, "{kept} {lost}");
}

#[test]
fn a_process_has_only_so_many_descriptors() {
    let disk = disk_with(&Chance::new(1), |_| {});
    let process = disk.process();
    let folder = top(&process);
    put(&*folder, b"a", b"");
    disk.set_most_descriptors(Some(2));
    let file = folder.open(b"a", Open::reading()).unwrap();
    let errno = |error: std::io::Error| Errno::from_io_error(&error);
    assert_eq!(errno(folder.open(b"a", Open::reading()).unwrap_err()), Some(Errno::MFILE));
    assert_eq!(errno(folder.open(b"b", Open::writing().make(0o600)).unwrap_err()), Some(Errno::MFILE));
    assert_eq!(errno(folder.list(&mut |_| {}).unwrap_err()), Some(Errno::MFILE));
    assert!(folder.stat(b"b").unwrap().is_none());
    drop(file);
    folder.list(&mut |_| {}).unwrap();
}

#[test]
fn others_act_before_each_call_and_their_calls_do_not_call_them() {
    let disk = disk_with(&Chance::new(1), |_| {});
    let (folder, other) = (top(&disk.process()), top(&disk.process()));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    disk.set_hook(Some(Arc::new(move |call| {
        assert_eq!(call, Call::Stat);
        let number = counted.fetch_add(1, Ordering::Relaxed);
        put(&*other, &[b'a' + number as u8], b"");
    })));
    assert!(folder.stat(b"a").unwrap().is_some());
    assert!(folder.stat(b"b").unwrap().is_some());
    disk.set_hook(None);
    assert!(folder.stat(b"c").unwrap().is_none());
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn calls_that_never_wait_find_what_the_seed_has_in_memory() {
    let kinds = |cached, can_try| {
        let disk = disk_with(&Chance::new(1), |nature| (nature.cached, nature.can_try) = (cached, can_try));
        let process = disk.process();
        let folder = top(&process);
        put(&*folder, b"a", b"");
        let mut found = std::collections::BTreeSet::new();
        for _ in 0..50 {
            found.insert(format!(
                "{:?}",
                folder.try_stat(b"a").map(|stat| stat.is_some()).map_err(|e| e.kind())
            ));
            let opened = folder.try_open(b"a", Open::reading());
            found.insert(format!("{:?}", opened.map(|_| true).map_err(|error| error.kind())));
            let opened = process.disk().try_open_folder(Path::new("/"));
            found.insert(format!("{:?}", opened.map(|_| true).map_err(|error| error.kind())));
        }
        assert_eq!(folder.can_try(), can_try);
        found.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(kinds(1000, true), ["Ok(true)"]);
    assert_eq!(kinds(0, true), ["Err(WouldBlock)"]);
    assert_eq!(kinds(500, true), ["Err(WouldBlock)", "Ok(true)"]);
    assert_eq!(kinds(1000, false), ["Err(Unsupported)"]);
}

#[test]
fn a_listing_is_in_an_order_that_depends_on_the_seed_and_has_what_stays() {
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let disk = disk_with(&Chance::new(seed), |nature| nature.order = seed);
        let folder = top(&disk.process());
        for number in 0..100_u8 {
            put(&*folder, &[b'a', number + 1 + u8::from(number >= b'/' - 1)], b"");
        }
        let mut names = Vec::new();
        // Others come and go meanwhile.
        folder
            .list(&mut |entry| {
                names.push(entry.name.to_vec());
                let new = [b"new", &entry.name[1..]].concat();
                if entry.name.len() == 2 {
                    put(&*folder, &new, b"");
                }
            })
            .unwrap();
        names.retain(|name| name.len() == 2);
        orders.insert(names.clone());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 100);
    }
    assert!(orders.len() > 15);
}
