//! Opening and reading without waiting.
#![cfg(unix)]

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;

use pop3_disk::{Disk, Faults, Folder, Open, System};
use tempfile::TempDir;

/// A directory with the file `sub/file`, which is in memory, as it was just written.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("sub")).unwrap();
    fs::write(place.path().join("sub/file"), "hello").unwrap();
    place
}

fn kind(folder: &dyn Folder, sub: &[u8], name: &[u8]) -> ErrorKind {
    folder.try_open(sub, name).unwrap_err().kind()
}

/// What the system does here depends on the kernel and the file system. It says so, or reads what is there.
#[test]
fn the_system_reads_what_is_in_memory_or_says_that_it_can_not_tell() {
    let place = place();
    let folder = System::shared().open_folder(place.path()).unwrap();
    let mut file = match folder.try_open(b"sub", b"file") {
        Ok(file) => file,
        Err(error) => {
            assert!([ErrorKind::Unsupported, ErrorKind::WouldBlock].contains(&error.kind()), "{error}");
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
            folder.try_open(sub, name).unwrap_err();
        }
    }
    let folder = system.open_folder(place.path()).unwrap();
    folder.try_open(b"..", outside.path().file_name().unwrap().as_encoded_bytes()).unwrap_err();
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
    let mut file = folder.try_open(b"sub", b"file").unwrap();
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
    let mut file = folder.try_open(b"sub", b"file").unwrap();
    file.write_all(b"x").unwrap_err();
    folder.open_folder(b"sub").unwrap().open(b"file", Open::reading()).unwrap();
    assert_eq!(fs::read(place.path().join("sub/file")).unwrap(), b"hello");
    assert!(faults.changes().len() <= 1, "at most the write that failed");
}
