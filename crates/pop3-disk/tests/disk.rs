//! The system behind the traits, and the faults that tests inject.
#![cfg(unix)]

use std::fs;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use pop3_disk::{Disk, Faults, FileKind, Folder, Lock, Open, System, What, is_without_links};
use tempfile::TempDir;

fn folder() -> (TempDir, Arc<dyn Folder>) {
    let place = tempfile::tempdir().unwrap();
    let folder = System::shared().open_folder(place.path()).unwrap();
    (place, folder)
}

fn put(folder: &dyn Folder, name: &[u8], text: &[u8]) {
    folder.open(name, Open::writing().make_new(0o600)).unwrap().write_all(text).unwrap();
}

fn names(folder: &dyn Folder) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    folder.list(&mut |name| names.push(name.to_vec())).unwrap();
    names.sort();
    names
}

#[test]
fn files_are_opened_as_asked() {
    let (place, folder) = folder();
    let kind = |how| folder.open(b"a", how).map(|_| ()).map_err(|error| error.kind());
    assert_eq!(kind(Open::reading()), Err(ErrorKind::NotFound));
    assert_eq!(kind(Open::writing()), Err(ErrorKind::NotFound));
    kind(Open::writing().make_new(0o640)).unwrap();
    assert_eq!(fs::metadata(place.path().join("a")).unwrap().mode() & 0o777, 0o640);
    assert_eq!(kind(Open::writing().make_new(0o600)), Err(ErrorKind::AlreadyExists));
    let mut file = folder.open(b"a", Open::reading_and_writing().make(0o600)).unwrap();
    file.write_all(b"one").unwrap();
    folder.open(b"a", Open::appending()).unwrap().write_all(b"two").unwrap();
    folder.open(b"a", Open::writing()).unwrap().write_all(b"O").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "Onetwo");
    file.set_len(2).unwrap();
    assert_eq!((file.stat().unwrap().len, fs::read(place.path().join("a")).unwrap()), (2, b"On".to_vec()));
    folder.open(b"a", Open::writing().emptied()).unwrap();
    assert_eq!(folder.stat(b"a").unwrap().unwrap().len, 0);
}

#[test]
fn what_is_no_file_is_told_apart_and_never_waited_for() {
    let (place, folder) = folder();
    put(&*folder, b"file", b"x");
    symlink("file", place.path().join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(place.path().join("fifo")).status().unwrap().success());
    folder.make_folder(b"folder", 0o700).unwrap();
    let kind = |name: &[u8]| folder.stat(name).unwrap().map(|stat| stat.kind);
    assert_eq!(kind(b"file"), Some(FileKind::File));
    assert_eq!(kind(b"link"), Some(FileKind::Link));
    assert_eq!(kind(b"fifo"), Some(FileKind::Other));
    assert_eq!(kind(b"folder"), Some(FileKind::Folder));
    assert_eq!(kind(b"none"), None);
    // Nobody writes to the FIFO, so an ordinary open would wait forever.
    assert!(!folder.open(b"fifo", Open::reading()).unwrap().stat().unwrap().is_file());
    folder.open(b"link", Open::reading()).unwrap_err();
    folder.open_folder(b"link").unwrap_err();
    assert_eq!(names(&*folder), [&b"fifo"[..], b"file", b"folder", b"link"]);
}

#[test]
fn names_are_moved_linked_and_removed() {
    let (place, folder) = folder();
    folder.make_folder(b"sub", 0o700).unwrap();
    let sub = folder.open_folder(b"sub").unwrap();
    put(&*folder, b"a", b"a");
    put(&*sub, b"b", b"b");
    let taken = folder.rename_new(b"a", &*sub, b"b").unwrap_err().kind();
    assert_eq!(taken, ErrorKind::AlreadyExists);
    assert_eq!(folder.link(b"a", &*sub, b"b").unwrap_err().kind(), ErrorKind::AlreadyExists);
    folder.link(b"a", &*sub, b"c").unwrap();
    let (one, other) = (folder.stat(b"a").unwrap().unwrap(), sub.stat(b"c").unwrap().unwrap());
    assert!(one.same_file(&other) && one.same_content(&other) && one.links == 2);
    folder.rename(b"a", &*sub, b"b").unwrap();
    assert_eq!(fs::read(place.path().join("sub/b")).unwrap(), b"a");
    sub.rename_new(b"b", &*folder, b"d").unwrap();
    assert_eq!((names(&*folder), names(&*sub)), (vec![b"d".to_vec(), b"sub".to_vec()], vec![b"c".to_vec()]));
    sub.unlink(b"c").unwrap();
    assert_eq!(sub.unlink(b"c").unwrap_err().kind(), ErrorKind::NotFound);
    folder.sync().unwrap();
    // Names are looked up in the directory that was opened, even if it was moved.
    fs::rename(place.path().join("sub"), place.path().join("moved")).unwrap();
    put(&*sub, b"e", b"e");
    assert!(place.path().join("moved/e").exists());
}

#[test]
fn folders_are_made_with_all_above_them_and_durably() {
    let place = tempfile::tempdir().unwrap();
    let faults = Faults::over(System::shared());
    let deep = place.path().join("a/b/c");
    faults.make_folders(&deep, 0o700).unwrap();
    assert_eq!(fs::metadata(&deep).unwrap().mode() & 0o777, 0o700);
    let made: Vec<_> = faults.changes().into_iter().map(|change| (change.what, change.path)).collect();
    let (top, a, b) = (place.path().to_owned(), place.path().join("a"), place.path().join("a/b"));
    assert_eq!(
        made,
        [
            (What::MakeFolder, a.clone()),
            (What::Sync, top),
            (What::MakeFolder, b.clone()),
            (What::Sync, a),
            (What::MakeFolder, deep.clone()),
            (What::Sync, b),
        ]
    );
    faults.calm();
    faults.make_folders(&deep, 0o700).unwrap();
    assert!(faults.changes().is_empty());
    fs::write(deep.join("file"), "").unwrap();
    let error = faults.make_folders(&deep.join("file/x"), 0o700).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
    assert!(faults.make_folders(&deep.join("none/.."), 0o700).is_err());
}

#[test]
fn a_path_has_a_folder_and_a_name() {
    let disk = System::shared();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("name");
    let (folder, name) = disk.open_parent(&path).unwrap();
    put(&*folder, name, b"x");
    assert_eq!((name, fs::read(&path).unwrap()), (&b"name"[..], b"x".to_vec()));
    assert_eq!(disk.open_parent(Path::new("/")).unwrap_err().kind(), ErrorKind::IsADirectory);
    // In the working directory.
    let (here, _) = disk.open_parent(Path::new("name")).unwrap();
    assert!(here.stat(b"Cargo.toml").unwrap().is_some());
    symlink("name", place.path().join("link")).unwrap();
    let link = place.path().join("link");
    assert_eq!(disk.read_link(&link).unwrap(), Path::new("name"));
    assert_eq!(disk.canonical(&link).unwrap(), fs::canonicalize(&path).unwrap());
}

#[test]
fn one_has_a_lock_at_a_time() {
    let (_place, folder) = folder();
    let open = || folder.open(b"lock", Open::reading_and_writing().make(0o600)).unwrap();
    let (one, other) = (open(), open());
    assert!(one.try_lock(Lock::Whole).unwrap() && !other.try_lock(Lock::Whole).unwrap());
    one.unlock(Lock::Whole).unwrap();
    assert!(other.try_lock(Lock::Whole).unwrap());
    drop(other);
    assert!(one.try_lock(Lock::Whole).unwrap());
    assert!(one.try_lock(Lock::Records).unwrap());
    one.unlock(Lock::Records).unwrap();
}

#[test]
fn a_temporary_file_has_no_name() {
    let mut file = System::shared().temporary().unwrap();
    file.write_all(b"text").unwrap();
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), file.stat().unwrap().links), ("text", 0));
}

#[test]
fn one_change_fails_and_all_behind_it_only_if_the_process_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let faults = Faults::over(System::shared());
    let folder = faults.open_folder(place.path()).unwrap();
    faults.fail_at(2, ErrorKind::StorageFull);
    let mut file = folder.open(b"a", Open::writing().make_new(0o600)).unwrap();
    assert_eq!(file.write_all(b"12345678").unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(faults.has_failed());
    file.write_all(b"more").unwrap();
    assert_eq!(fs::read(place.path().join("a")).unwrap(), b"1234more");
    faults.end_at(1);
    assert!(!faults.has_failed());
    file.write_all(b"12345678").unwrap_err();
    for _ in 0..3 {
        file.write_all(b"never").unwrap_err();
        file.sync().unwrap_err();
        file.set_len(0).unwrap_err();
        folder.rename(b"a", &*folder, b"b").unwrap_err();
        folder.unlink(b"a").unwrap_err();
        folder.sync().unwrap_err();
        folder.make_folder(b"c", 0o700).unwrap_err();
        folder.open(b"d", Open::writing().make(0o600)).unwrap_err();
    }
    faults.temporary().unwrap_err();
    // Calls that only read continue to work.
    assert_eq!(names(&*folder), [b"a"]);
    faults.calm();
    let mut temporary = faults.temporary().unwrap();
    faults.fail_at(1, ErrorKind::StorageFull);
    temporary.write_all(b"1234").unwrap_err();
    faults.calm();
    assert_eq!(fs::read(place.path().join("a")).unwrap(), b"1234more1234");
    folder.unlink(b"a").unwrap();
}

#[test]
fn a_file_system_may_lack_calls_and_two_disks_share_no_names() {
    let place = tempfile::tempdir().unwrap();
    let faults = Faults::over(System::shared());
    let folder = faults.open_folder(place.path()).unwrap();
    put(&*folder, b"a", b"a");
    faults.without_rename_new();
    faults.without_links();
    assert_eq!(folder.rename_new(b"a", &*folder, b"b").unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(is_without_links(&folder.link(b"a", &*folder, b"b").unwrap_err()));
    let other = System::shared().open_folder(place.path()).unwrap();
    for (one, two) in [(&folder, &other), (&other, &folder)] {
        assert_eq!(one.rename(b"a", &**two, b"b").unwrap_err().kind(), ErrorKind::CrossesDevices);
        assert_eq!(one.rename_new(b"a", &**two, b"b").unwrap_err().kind(), ErrorKind::CrossesDevices);
        assert_eq!(one.link(b"a", &**two, b"b").unwrap_err().kind(), ErrorKind::CrossesDevices);
    }
}
