//! Opening and reading without waiting.
#![cfg(unix)]

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use pop3_disk::{Disk, Faults, Folder, Open, Stat, System};
use tempfile::TempDir;

/// A directory with the file `sub/file`, which is in memory, as it was just written.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("sub")).unwrap();
    fs::write(place.path().join("sub/file"), "hello").unwrap();
    place
}

fn kind(folder: &dyn Folder, sub: &[u8], name: &[u8]) -> ErrorKind {
    folder.try_open_in(sub, name).unwrap_err().kind()
}

/// What the system does here depends on the kernel and the file system. It says so, or reads what is there.
#[test]
fn the_system_reads_what_is_in_memory_or_says_that_it_can_not_tell() {
    let place = place();
    let folder = System::shared().open_folder(place.path()).unwrap();
    let mut file = match folder.try_open_in(b"sub", b"file") {
        Ok(file) => file,
        Err(error) => {
            assert!([ErrorKind::Unsupported, ErrorKind::WouldBlock].contains(&error.kind()), "{error}");
            let promised = std::env::var_os("CI").is_some() && has_a_local_disk(place.path());
            assert!(!promised, "CI has a kernel that can do it: {error}");
            return;
        }
    };
    assert_eq!(file.stat().unwrap().len, 5);
    let mut buffer = [0; 9];
    match file.try_read(&mut buffer[..2]) {
        Ok(count) => {
            assert_eq!(&buffer[..count], b"he");
            // Both kinds of reading share the position.
            assert_eq!((file.read(&mut buffer).unwrap(), &buffer[..3]), (3, &b"llo"[..]));
            assert_eq!(file.try_read(&mut buffer).unwrap(), 0);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    }
}

#[test]
fn nothing_outside_the_folder_is_opened() {
    let place = place();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "secret").unwrap();
    symlink("file", place.path().join("sub/link")).unwrap();
    symlink(outside.path(), place.path().join("away")).unwrap();
    let system = System::shared();
    for folder in [&*system.open_folder(place.path()).unwrap(), &*warm(place.path()).1] {
        for (sub, name) in [
            (&b"sub"[..], &b"link"[..]),
            (b"away", b"file"),
            (b"sub", b"none"),
            (b"none", b"file"),
            (b"sub", &[b'x'; 299]),
        ] {
            folder.try_open_in(sub, name).unwrap_err();
        }
    }
    let folder = system.open_folder(place.path()).unwrap();
    folder.try_open_in(b"..", outside.path().file_name().unwrap().as_encoded_bytes()).unwrap_err();
}

fn warm(place: &Path) -> (Faults, std::sync::Arc<dyn Folder>) {
    let faults = Faults::over(System::shared());
    let folder = faults.open_folder(place).unwrap();
    faults.warm_for(u64::MAX);
    (faults, folder)
}

#[test]
fn tests_decide_what_is_in_memory() {
    let place = place();
    let (faults, folder) = warm(place.path());
    faults.warm_for(2);
    assert!(folder.can_try());
    let mut file = folder.try_open_in(b"sub", b"file").unwrap();
    let mut buffer = [0; 2];
    assert_eq!((file.try_read(&mut buffer).unwrap(), &buffer), (2, b"he"));
    assert_eq!(file.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(kind(&*folder, b"sub", b"file"), ErrorKind::WouldBlock);
    assert_eq!(faults.tries(), 2);
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "llo");
    faults.without_tries();
    assert!(!folder.can_try());
    assert_eq!(kind(&*folder, b"sub", b"file"), ErrorKind::Unsupported);
    assert_eq!(file.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(faults.tries(), 2);
}

/// A file that is opened in this way is open for reading only.
#[test]
fn nothing_is_changed() {
    let place = place();
    let (faults, folder) = warm(place.path());
    let mut file = folder.try_open_in(b"sub", b"file").unwrap();
    file.write_all(b"x").unwrap_err();
    folder.open_folder(b"sub").unwrap().open(b"file", Open::reading()).unwrap();
    assert_eq!(fs::read(place.path().join("sub/file")).unwrap(), b"hello");
    assert!(faults.changes().len() <= 1, "at most the write that failed");
}

#[test]
fn a_folder_whose_path_is_in_memory_is_opened() {
    let place = place();
    let (faults, _) = warm(place.path());
    faults.warm_for(4);
    let folder = faults.try_open_folder(place.path()).unwrap();
    assert!(folder.try_stat(b"sub").unwrap().is_some_and(|stat| !stat.is_file()));
    assert!(folder.try_stat(b"none").unwrap().is_none());
    fs::write(place.path().join("lock"), "").unwrap();
    folder.try_open(b"lock", Open::reading_and_writing()).unwrap();
    assert_eq!(faults.tries(), 4);
    assert_eq!(folder.try_stat(b"sub").unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(faults.try_open_folder(place.path()).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn what_never_waits_creates_nothing() {
    let place = place();
    let disk = System::shared();
    let folder = disk.open_folder(place.path()).unwrap();
    for folder in [&*folder, &*warm(place.path()).1] {
        for how in [Open::writing().make(0o600), Open::writing().make_new(0o600), Open::writing().emptied()] {
            folder.try_open(b"new", how).unwrap_err();
        }
    }
    assert!(!place.path().join("new").exists());
    disk.try_open_folder(&place.path().join("none")).unwrap_err();
    disk.try_open_folder(&place.path().join("sub/file")).unwrap_err();
}

/// Whether it is on one of the file systems with a device of their own for which reading on the spot is made.
fn has_a_local_disk(path: &Path) -> bool {
    let kind = Command::new("stat").args(["-f", "-c", "%T"]).arg(path).output().unwrap();
    matches!(kind.stdout.trim_ascii(), b"ext2/ext3" | b"xfs" | b"f2fs")
}

/// What the system does here depends on the kernel and the file system.
#[test]
fn a_folder_that_was_opened_without_waiting_is_like_any_other() {
    let place = place();
    let disk = System::shared();
    let can_try = disk.open_folder(place.path()).unwrap().can_try();
    let folder = match disk.try_open_folder(place.path()) {
        Ok(folder) => folder,
        Err(error) => {
            assert!([ErrorKind::Unsupported, ErrorKind::WouldBlock].contains(&error.kind()), "{error}");
            let promised = std::env::var_os("CI").is_some() && has_a_local_disk(place.path());
            assert!(!promised, "CI has a kernel that can do it: {error}");
            return;
        }
    };
    assert!(can_try && folder.can_try(), "the file system is known to be local");
    let same = |a: Option<Stat>, b: Option<Stat>| a.unwrap().same_file(&b.unwrap());
    assert!(same(Some(folder.stat_self().unwrap()), folder.stat(b".").unwrap()));
    assert!(same(folder.try_stat(b"sub").unwrap(), folder.stat(b"sub").unwrap()));
    let mut names = Vec::new();
    folder.list(&mut |entry| names.push(entry.name.to_vec())).unwrap();
    assert_eq!(names, [b"sub"]);
    folder.make_folder(b"more", 0o700).unwrap();
    folder.sync().unwrap();
    folder.open(b"lock", Open::writing().make_new(0o600)).unwrap();
    let file = folder.try_open(b"lock", Open::reading_and_writing()).unwrap();
    assert!(file.try_lock(pop3_disk::Lock::Whole).unwrap());
    symlink("lock", place.path().join("link")).unwrap();
    folder.try_open(b"link", Open::reading()).unwrap_err();
    assert!(folder.try_stat(b"link").map_or(true, |stat| stat.is_some_and(|stat| !stat.is_file())));
    disk.try_open_folder(&place.path().join("sub/..")).unwrap();
}
