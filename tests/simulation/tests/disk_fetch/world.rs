//! One run: a machine that fetches from a server, again and again.

use core::time::Duration;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pop3_disk::{Disk, Lock, Open};
use pop3_driver::client::{Client, ClientOptions, Security};
use pop3_fetch::{Fetch, FetchError, FetchOptions, FetchReport, Target};
use pop3_proto::Instant;
use pop3_simulation::actors::Reader;
use pop3_simulation::disk::{DiskFaults, SimProcess};
use pop3_simulation::seeds::Run;
use pop3_simulation::{Chance, SimClock, SimDisk};

use crate::server::{Maildrop, Session};
use crate::stored::messages;

const STATE: &str = "/var/lib/state";
const ACCOUNT: &str = "user@host";
const MBOX: &str = "/home/mbox";
const OLD: &[u8] = b"From a@b Thu Jan  1 00:00:00 1970\nSubject: old\n\n>From of old\n\n";

/// How many calls a run makes, about.
const CALLS: u64 = 160;

pub(crate) struct World {
    pub(crate) chance: Chance,
    clock: SimClock,
    pub(crate) disk: SimDisk,
    process: SimProcess,
    target: Target,
    maildrop: Maildrop,
    has_uids: bool,
    options: FetchOptions,
    /// All messages that ever were on the server.
    all: BTreeSet<Vec<u8>>,
    /// Those that were removed from it: they must be in the target.
    removed: Arc<Mutex<BTreeSet<Vec<u8>>>>,
    /// What other programs have put into the mbox.
    others: Vec<Vec<u8>>,
    reader: Option<Arc<Reader>>,
    came: u32,
    /// Whether a message that is too large for the memory will come.
    has_large: bool,
    /// Whether more than one call may have failed. If what fails can't be undone, a message is fetched once more.
    may_double: bool,
}

impl World {
    pub(crate) fn new(run: &Run) -> Self {
        let chance = run.chance.fork();
        let clock = SimClock::default();
        let disk = SimDisk::new(run.chance.fork(), clock.clone());
        run.watch(&disk);
        let actor = disk.actor().disk();
        for path in ["/home", "/var/lib"] {
            actor.make_folders(Path::new(path), 0o700).unwrap();
        }
        let target = match chance.below(3) {
            0 => Target::Dir("/home/dir".into()),
            1 => Target::Maildir("/home/maildir".into()),
            _ => Target::Mbox(MBOX.into()),
        };
        let mut others = Vec::new();
        if matches!(target, Target::Mbox(_)) && chance.per_mille(700) {
            let folder = actor.open_folder(Path::new("/home")).unwrap();
            folder.open(b"mbox", Open::writing().make_new(0o600)).unwrap().write_all(OLD).unwrap();
            others.push(b"Subject: old\r\n\r\nFrom of old\r\n".to_vec());
        }
        disk.sync_all();
        let options = FetchOptions::new()
            .with_delete(chance.per_mille(700))
            .with_limit(chance.per_mille(200).then_some(2));
        Self {
            process: disk.process(),
            target,
            maildrop: Maildrop::default(),
            has_uids: chance.per_mille(800),
            options,
            all: BTreeSet::new(),
            removed: Arc::default(),
            others,
            reader: None,
            came: 0,
            may_double: false,
            has_large: run.seed % 20 == 7,
            chance,
            clock,
            disk,
        }
    }

    /// Messages arrive at the server.
    pub(crate) fn mail_comes(&mut self) {
        for _ in 0..self.chance.below(5) {
            self.came += 1;
            let mut text = format!("Subject: message {}\r\n\r\n", self.came);
            for _ in 0..self.chance.below(6) {
                let line =
                    *self.chance.pick(&["", ".", "..x", "From me", ">From me", ">>From me", "> From", "hi"]);
                text.push_str(line);
                text.push_str("\r\n");
            }
            let pages = if self.chance.per_mille(100) { self.chance.below(400) } else { 0 };
            text.push_str(&"and so on and so on and so on\r\n".repeat(pages));
            if self.has_large && self.chance.per_mille(200) {
                self.has_large = false;
                text.push_str(
                    &"a long line of a message that is too large for the memory\r\n".repeat(19_000),
                );
            }
            self.all.insert(text.clone().into_bytes());
            self.maildrop.lock().unwrap().push((format!("uid{}", self.came), text.into_bytes()));
        }
    }

    pub(crate) fn wait(&self) {
        self.clock.advance(Duration::from_millis(*self.chance.pick(&[0, 20, 1_000, 100_000])));
    }

    pub(crate) fn set_faults(&mut self) {
        let faults = DiskFaults::random(&self.chance, CALLS);
        self.may_double |= faults.can_repeat();
        self.disk.set_faults(faults);
        if self.chance.per_mille(100) {
            self.may_double = true;
            self.disk.set_capacity(Some(self.disk.used() + self.chance.below(30_000) as u64));
        }
    }

    pub(crate) fn calm(&self) {
        self.disk.set_faults(DiskFaults::none());
        self.disk.set_hook(None);
        self.disk.set_capacity(None);
    }

    /// A mail reader acts between the calls, in a Maildir.
    pub(crate) fn let_reader_act(&mut self) {
        let Target::Maildir(path) = &self.target else { return };
        if self.disk.peek(path.join("cur").parent().unwrap()).len() < 3 {
            return;
        }
        if self.reader.as_ref().is_none_or(|reader| !reader.is_alive()) {
            self.reader = Some(Arc::new(Reader::new(&self.disk, path, &self.chance)));
        }
        let (reader, chance) = (self.reader.clone().unwrap(), self.chance.fork());
        self.disk.set_hook(Some(Arc::new(move |_| {
            if chance.per_mille(100) {
                reader.act();
            }
        })));
    }

    /// Another program appends a message to the mbox, if nobody has it locked and nothing unfinished is in it.
    pub(crate) fn others_append(&mut self) {
        let is_free = |name: &str| self.disk.read(Path::new("/home").join(name)).is_none();
        if !matches!(self.target, Target::Mbox(_)) || !is_free("mbox.lock") || !is_free("mbox.pop3-append") {
            return;
        }
        let actor = self.disk.actor();
        let folder = actor.disk().open_folder(Path::new("/home")).unwrap();
        let Ok(mut file) = folder.open(b"mbox", Open::appending().make(0o600)) else { return };
        assert!(file.try_lock(Lock::Records).unwrap(), "nobody runs");
        self.others.push(format!("Subject: other {}\r\n\r\n", self.others.len()).into_bytes());
        let text =
            format!("From c@d Thu Jan  1 00:00:00 1970\nSubject: other {}\n\n\n", self.others.len() - 1);
        file.write_all(text.as_bytes()).unwrap();
        file.sync().unwrap();
        folder.sync().unwrap();
    }

    fn live(&mut self) -> Arc<dyn Disk> {
        if !self.process.is_alive() {
            self.process = self.disk.process();
        }
        self.process.disk()
    }

    /// Opens the target, and fetches once or more often.
    pub(crate) fn fetch(&mut self) -> Result<FetchReport, FetchError> {
        let disk = self.live();
        let mut fetch = Fetch::open_on(&disk, &self.target, Path::new(STATE), ACCOUNT, self.options.clone())?;
        let mut last = self.session(&mut fetch);
        for _ in 0..self.chance.below(3) {
            self.mail_comes();
            last = self.session(&mut fetch);
        }
        last
    }

    fn session(&self, fetch: &mut Fetch) -> Result<FetchReport, FetchError> {
        // What is removed on the server must be safe.
        let (disk, target, chance) = (self.disk.clone(), self.target.clone(), self.chance.fork());
        disk.note(format!("a session; on the server are {}", self.on_the_server()));
        let removed = Arc::clone(&self.removed);
        let at_quit = Box::new(move |marked: &[Vec<u8>]| {
            removed.lock().unwrap().extend(marked.iter().cloned());
            if !marked.is_empty() {
                check_stored(&disk.copy(chance.fork()), &target, marked, "now");
                for _ in 0..2 {
                    check_stored(&disk.after_crash(chance.fork()), &target, marked, "after a crash");
                }
            }
        });
        let server = Session::new(&self.maildrop, self.has_uids, &self.chance, at_quit);
        pop3_driver::wait(async {
            let until = Instant::new(Duration::from_secs(60));
            let options = ClientOptions::new();
            let mut client = Client::open(server, &Security::TrustedPlaintext, options, until).await?;
            client.login(b"user", b"password").await?;
            fetch.run(client).await
        })
    }

    fn on_the_server(&self) -> String {
        let subject = |message: &[u8]| {
            message.split(|&octet| octet == b'\r').next().unwrap_or_default().escape_ascii().to_string()
        };
        self.maildrop.lock().unwrap().iter().map(|(_, message)| subject(message) + "; ").collect()
    }

    pub(crate) fn kill(&self) {
        self.process.kill();
    }

    pub(crate) fn crash(&mut self) {
        self.disk.crash();
        // A lock file whose content was lost counts as given up after five minutes.
        self.clock.advance(Duration::from_secs(400));
    }

    /// What must be true after each run, however it ended.
    pub(crate) fn check(&mut self) {
        if self.process.is_alive() {
            assert_eq!((self.process.descriptors(), self.process.locks()), (0, 0), "something is left open");
        }
        self.check_names(&self.disk.copy(self.chance.fork()), "now");
        for _ in 0..2 {
            self.check_names(&self.disk.after_crash(self.chance.fork()), "after a crash");
        }
    }

    /// Nothing partial is under a final name, and nothing is gone that was removed on the server.
    fn check_names(&self, disk: &SimDisk, when: &str) {
        let removed: Vec<_> = self.removed.lock().unwrap().iter().cloned().collect();
        let found = check_stored(disk, &self.target, &removed, when);
        let is_known = |message: &Vec<u8>| self.all.contains(message) || self.others.contains(message);
        if let Some(message) = found.iter().find(|message| !is_known(message)) {
            panic!("{when}: this is not whole: {}", message.escape_ascii());
        }
        if let Some(message) = self.others.iter().find(|message| !found.contains(message)) {
            panic!("{when}: what others have stored is gone: {}", message.escape_ascii());
        }
    }

    /// When nothing fails any more, everything is fetched, and everything is there once.
    pub(crate) fn check_the_end(&mut self) {
        let before = self.options.limit.take();
        for attempt in 0.. {
            match self.fetch() {
                Ok(report) if report.left == 0 && report.is_well() => break,
                // The connection may be cut.
                other => assert!(attempt < 30, "{other:?}"),
            }
            self.wait();
        }
        self.options.limit = before;
        let mut found = messages(&self.disk, &self.target).unwrap_or_else(|error| panic!("{error}"));
        for other in &self.others {
            let place = found.iter().position(|message| message == other);
            found.swap_remove(place.unwrap_or_else(|| panic!("gone: {}", other.escape_ascii())));
        }
        for message in &self.all {
            let count = found.iter().filter(|found| *found == message).count();
            assert!(count > 0, "lost: {}", message.escape_ascii());
            assert!(count == 1 || self.may_double, "stored {count} times: {}", message.escape_ascii());
        }
        let is_sent = found.iter().all(|message| self.all.contains(message));
        assert!(is_sent, "something is there that was never sent");
        self.check();
        assert!(self.leftovers().is_empty(), "{:?}", self.leftovers());
    }

    /// Unfinished files.
    fn leftovers(&self) -> Vec<PathBuf> {
        let names = self.disk.peek("/home").into_keys();
        let is_left = |name: &PathBuf| {
            let text = name.to_string_lossy();
            text.contains("/tmp/") || text.contains(".pop3-") || text.ends_with(".lock")
        };
        names.filter(is_left).collect()
    }
}

/// These messages are in the target, whole. Returns all that are. An mbox is looked at after the next run has opened it:
/// what it finds unfinished, it takes back or completes.
fn check_stored(disk: &SimDisk, target: &Target, expected: &[Vec<u8>], when: &str) -> Vec<Vec<u8>> {
    if matches!(target, Target::Mbox(_)) {
        // A lock file whose content was lost counts as given up after five minutes.
        disk.wait(Duration::from_secs(400));
        let opened =
            Fetch::open_on(&disk.process().disk(), target, Path::new(STATE), ACCOUNT, FetchOptions::new());
        drop(opened.unwrap_or_else(|error| panic!("{when}: the target can't be opened: {error}")));
    }
    let found = messages(disk, target).unwrap_or_else(|error| panic!("{when}: {error}"));
    for message in expected {
        assert!(found.contains(message), "{when}: not stored: {}", message.escape_ascii());
    }
    found
}
