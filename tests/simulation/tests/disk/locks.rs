//! Who has a lock.

use pop3_disk::{Lock, Open};
use pop3_simulation::Chance;

use crate::support::{disk_with, put, top};

#[test]
fn a_lock_of_the_whole_file_belongs_to_the_open_file() {
    let disk = disk_with(&Chance::new(1), |_| {});
    let process = disk.process();
    let top = top(&process);
    put(&*top, b"a", b"");
    let open = || top.open(b"a", Open::reading()).unwrap();
    let (one, other) = (open(), open());
    assert!(one.try_lock(Lock::Whole).unwrap() && one.try_lock(Lock::Whole).unwrap());
    assert!(!other.try_lock(Lock::Whole).unwrap());
    drop(open());
    assert!(!other.try_lock(Lock::Whole).unwrap(), "closing a third one changes nothing");
    assert_eq!(process.locks(), 1);
    drop(one);
    assert!(other.try_lock(Lock::Whole).unwrap());
    other.unlock(Lock::Whole).unwrap();
    assert_eq!(process.locks(), 0);
}

#[test]
fn a_lock_of_records_belongs_to_the_process_and_is_lost_when_it_closes_any_descriptor() {
    let disk = disk_with(&Chance::new(1), |_| {});
    let (process, stranger) = (disk.process(), disk.process());
    put(&*top(&process), b"a", b"");
    let how = Open::reading_and_writing();
    let (one, other) = (top(&process).open(b"a", how).unwrap(), top(&process).open(b"a", how).unwrap());
    let away = top(&stranger).open(b"a", how).unwrap();
    assert!(one.try_lock(Lock::Records).unwrap() && other.try_lock(Lock::Records).unwrap());
    assert!(!away.try_lock(Lock::Records).unwrap());
    assert!(away.try_lock(Lock::Whole).unwrap(), "the kinds are independent");
    drop(other);
    assert!(away.try_lock(Lock::Records).unwrap());
    assert!(!one.try_lock(Lock::Records).unwrap());
    stranger.kill();
    assert!(one.try_lock(Lock::Records).unwrap());
    assert!(top(&process).open(b"a", Open::reading()).unwrap().try_lock(Lock::Records).is_err());
}

#[test]
fn on_some_file_systems_a_process_that_takes_both_locks_blocks_itself() {
    let disk = disk_with(&Chance::new(1), |nature| nature.has_separate_locks = false);
    let process = disk.process();
    put(&*top(&process), b"a", b"");
    let file = top(&process).open(b"a", Open::reading_and_writing()).unwrap();
    assert!(!file.has_separate_locks());
    assert!(file.try_lock(Lock::Records).unwrap());
    assert!(!file.try_lock(Lock::Whole).unwrap());
}
