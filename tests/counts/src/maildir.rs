//! The Maildir, with the size cache of an earlier login.

use core::hint::black_box;
use core::time::Duration;
use std::fs::{self, File, FileTimes};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use pop3_disk::{Disk, Folder, Open, System};
use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::server::Peer;
use pop3_driver::store::Store;
use pop3_maildir::{Maildir, MaildirConfig};
use pop3_proto::server::Accepted;
use pop3_proto::{MessageNumber, Rejection};
use tempfile::TempDir;

use crate::wire::Commands;
use crate::{MESSAGES, Scenario, commands, driver, mail};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("maildir/login", 10, login).allocating(42),
    Scenario::new("maildir/read", 0, read).allocating(772),
    // How much is read in one visit to the pool depends on the time, so the first bound is for one message in each. The
    // second one is for a few that are not read on the spot, as when another program renames files meanwhile.
    Scenario::new("maildir/served", 0, served).allocating(2500).allocating_on_the_spot(400),
];

/// A Maildir whose sizes are known.
fn filled() -> TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    for name in ["tmp", "new", "cur"] {
        fs::create_dir(folder.path().join(name)).expect("a directory");
    }
    for index in 0..MESSAGES {
        let name = format!("cur/{}.M{index}P7.host:2,S", 1_700_000_000 + index);
        fs::write(folder.path().join(name), mail()).expect("a message");
    }
    for name in ["new", "cur"] {
        let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        File::open(folder.path().join(name))
            .and_then(|folder| folder.set_times(long_ago))
            .expect("another time");
    }
    drop(open(folder.path()));
    assert_eq!(open(folder.path()).summary().measured, 0);
    folder
}

fn open(path: &Path) -> Maildir {
    let disk: Arc<dyn Disk> = Arc::new(Tomorrow(System::shared()));
    Maildir::open_on(&disk, path, &MaildirConfig::new()).expect("a Maildir")
}

/// A disk a day from now, so that no file was written just now.
#[derive(Debug)]
struct Tomorrow(Arc<dyn Disk>);

impl Disk for Tomorrow {
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        self.0.open_folder(path)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.canonical(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.read_link(path)
    }

    fn temporary(&self) -> io::Result<Box<dyn pop3_disk::File>> {
        self.0.temporary()
    }

    fn now(&self) -> SystemTime {
        self.0.now() + Duration::from_secs(86_400)
    }

    fn pause(&self, time: Duration) {
        self.0.pause(time);
    }
}

/// Returns whether the file system of the temporary directory can tell what is in memory, as ext4 can and tmpfs can't.
#[must_use]
pub fn can_read_on_the_spot() -> bool {
    let place = tempfile::tempdir().expect("a directory");
    fs::write(place.path().join("file"), "x").expect("a file");
    let folder = System::shared().open_folder(place.path()).expect("a directory");
    let file = folder.try_open(b"file", Open::reading());
    folder.can_try() && file.is_ok_and(|mut file| file.try_read(&mut [0; 16]).is_ok())
}

fn login(times: u32) {
    let folder = filled();
    for _ in 0..times {
        assert_eq!(black_box(open(folder.path())).summary().measured, 0);
    }
}

/// Each message once each time, as in the pool.
fn read(times: u32) {
    let folder = filled();
    let mut maildir = open(folder.path());
    let mut buffer = vec![0; 16 << 10];
    for _ in 0..times {
        for number in (1..=MESSAGES).filter_map(MessageNumber::new) {
            let mut message = maildir.message(number).expect("a message");
            while message.read(&mut buffer).expect("its octets") > 0 {
                black_box(&buffer);
            }
        }
    }
}

/// Each message once each time, over a transport in memory.
fn served(times: u32) {
    let folder = filled();
    driver::session(Users(folder.path().into()), Commands::new(&commands("RETR", ""), times, false));
}

/// One Maildir for everyone.
struct Users(PathBuf);

impl Store for Users {
    type Maildrop = Maildir;

    fn open(&self, _: &LoginAttempt, _: &Peer, _: &Context) -> Result<(Accepted, Maildir), Rejection> {
        let mut maildir = open(&self.0);
        Ok((Accepted::from(maildir.take_snapshot()), maildir))
    }
}
