//! One run: a machine with a Maildir, and those who work on it.

use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use pop3_disk::Disk;
use pop3_maildir::{Delivery, EightBitHeaders, Maildir, MaildirConfig, MessageFile, OpenError};
use pop3_proto::MessageNumber;
use pop3_proto::dots::WireSize;
use pop3_simulation::actors::{Deliverer, Reader};
use pop3_simulation::disk::{DiskFaults, SimProcess};
use pop3_simulation::seeds::Run;
use pop3_simulation::{Chance, SimClock, SimDisk};

use crate::book::Book;

pub(crate) const PATH: &str = "/home/mail";

/// How many calls a session makes, about.
const CALLS: u64 = 120;

pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) clock: SimClock,
    pub(crate) disk: SimDisk,
    process: SimProcess,
    pub(crate) book: Arc<Mutex<Book>>,
    deliverer: Arc<Mutex<Deliverer>>,
    reader: Arc<Reader>,
    messages: Arc<Mutex<Messages>>,
    config: MaildirConfig,
}

/// Makes messages, no two of which are the same.
struct Messages {
    chance: Chance,
    made: u32,
}

impl Messages {
    fn next(&mut self) -> Vec<u8> {
        self.made += 1;
        let end = *self.chance.pick(&["\n", "\r\n"]);
        let subject = *self.chance.pick(&["hello", "hällo", "x"]);
        let mut text = format!("Subject: {subject} {}{end}{end}", self.made);
        for _ in 0..self.chance.below(6) {
            let line = *self.chance.pick(&["", ".", "..", "a line", "no end"]);
            text.push_str(line);
            text.push_str(end);
        }
        let pages = if self.chance.per_mille(150) { self.chance.below(400) } else { 0 };
        text.push_str(&format!("and so on and so on and so on{end}").repeat(pages));
        if self.chance.per_mille(200) {
            text.push_str("without an end");
        }
        text.into_bytes()
    }
}

fn convert(header: &[u8]) -> Vec<u8> {
    [&b"X-Converted: yes\n"[..], &header.to_ascii_lowercase()].concat()
}

impl World {
    pub(crate) fn new(run: &Run) -> Self {
        let chance = run.chance.fork();
        let clock = SimClock::default();
        let disk = SimDisk::new(run.chance.fork(), clock.clone());
        run.watch(&disk);
        let actor = disk.actor();
        actor.disk().make_folders(Path::new("/home"), 0o700).unwrap();
        Delivery::open_on(actor.disk(), PATH, true).unwrap();
        disk.sync_all();
        let config = MaildirConfig::new()
            .with_seen_flag(chance.per_mille(300))
            .with_size_cache(chance.per_mille(850))
            .with_eight_bit_headers(if chance.per_mille(800) {
                EightBitHeaders::Send
            } else {
                EightBitHeaders::Convert(convert)
            });
        Self {
            process: disk.process(),
            book: Arc::default(),
            deliverer: Arc::new(Mutex::new(Deliverer::new(&disk, Path::new(PATH), &chance))),
            reader: Arc::new(Reader::new(&disk, Path::new(PATH), &chance)),
            messages: Arc::new(Mutex::new(Messages { chance: chance.fork(), made: 0 })),
            chance,
            clock,
            disk,
            config,
        }
    }

    pub(crate) fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    /// The disk for the next step; of a new process if the last one has ended.
    fn live(&mut self) -> Arc<dyn Disk> {
        if !self.process.is_alive() {
            self.process = self.disk.process();
        }
        self.process.disk()
    }

    pub(crate) fn message(&self) -> Vec<u8> {
        self.messages.lock().unwrap().next()
    }

    /// Another program delivers a message.
    pub(crate) fn mail_comes(&self) {
        let message = self.message();
        let is_synced = self.chance.per_mille(700);
        let mut deliverer = self.deliverer.lock().unwrap();
        if is_synced {
            deliverer.deliver(&message);
            self.book().durable.insert(message);
        } else {
            deliverer.deliver_unsynced(&message);
            self.book().unsure.insert(message);
        }
    }

    /// A mail reader renames a message.
    pub(crate) fn mail_is_read(&self) {
        self.reader.act();
    }

    /// Time passes: mostly little, sometimes enough for sizes to be remembered. Sometimes the clock is set.
    pub(crate) fn wait(&self) {
        let milliseconds = *self.chance.pick(&[0, 1, 30, 1_000, 3_000, 3_000]);
        self.clock.advance(Duration::from_millis(milliseconds));
        if self.chance.per_mille(30) {
            self.clock.jump(*self.chance.pick(&[-3600, -1, 1, 3600]));
        }
    }

    /// Others act between the calls of the next step.
    pub(crate) fn let_others_act(&self) {
        let (chance, reader) = (self.chance.fork(), Arc::clone(&self.reader));
        let (deliverer, messages) = (Arc::clone(&self.deliverer), Arc::clone(&self.messages));
        let (book, rate) = (Arc::clone(&self.book), *self.chance.pick(&[10, 50, 300]));
        self.disk.set_hook(Some(Arc::new(move |_| {
            if chance.per_mille(rate) {
                reader.act();
            }
            if chance.per_mille(rate / 5) {
                let message = messages.lock().unwrap().next();
                deliverer.lock().unwrap().deliver(&message);
                book.lock().unwrap().durable.insert(message);
            }
        })));
    }

    pub(crate) fn set_faults(&self) {
        self.disk.set_faults(DiskFaults::random(&self.chance, CALLS));
    }

    pub(crate) fn calm(&self) {
        self.disk.set_faults(DiskFaults::none());
        self.disk.set_hook(None);
        self.disk.set_capacity(None);
    }

    /// Our own program delivers a message.
    pub(crate) fn deliver(&mut self) {
        let disk = self.live();
        let message = self.message();
        let delivered = deliver(disk, &message, &self.chance);
        let mut book = self.book();
        if delivered.is_ok() {
            book.durable.insert(message);
        } else {
            book.unsure.insert(message);
        }
    }

    /// A session, which ends with a commit or without one.
    pub(crate) fn session(&mut self) {
        let disk = self.live();
        let on_the_spot = self.chance.per_mille(500).then(|| Maildir::try_open_on(&disk, PATH, &self.config));
        let opened = match on_the_spot.flatten() {
            Some(maildir) => Ok(maildir),
            None => Maildir::open_on(&disk, PATH, &self.config),
        };
        match opened {
            Ok(maildir) => self.use_session(maildir),
            Err(OpenError::Locked { .. }) => panic!("no other session has the lock"),
            Err(_) => {}
        }
    }

    fn use_session(&mut self, mut maildir: Maildir) {
        let snapshot = maildir.snapshot().clone();
        let mut known = vec![None; snapshot.len()];
        for number in snapshot.numbers() {
            if self.chance.per_mille(700) {
                known[number.index()] = self.read(&mut maildir, number);
            }
        }
        let is_deleted =
            |number: &MessageNumber| known[number.index()].is_some() && self.chance.per_mille(300);
        let deleted: Vec<MessageNumber> = snapshot.numbers().filter(is_deleted).collect();
        if self.chance.per_mille(200) {
            return;
        }
        let read: Vec<_> = snapshot.numbers().filter(|number| known[number.index()].is_some()).collect();
        let message = |number: &MessageNumber| known[number.index()].clone().unwrap_or_default();
        deleted.iter().for_each(|number| self.book().doubt(&message(number)));
        let report = maildir.remove(deleted.iter().copied(), read);
        if !self.process.is_alive() {
            return;
        }
        let failed: Vec<_> = report.failures().iter().map(|failure| failure.number).collect();
        let counted = report.removed() + report.gone() + failed.len();
        assert_eq!(counted, deleted.len(), "each message is counted once: {report:?}");
        if report.is_complete() {
            deleted.iter().for_each(|number| self.book().gone(&message(number)));
        }
    }

    /// Reads a message as the driver does, and returns its file if it was sent.
    fn read(&mut self, maildir: &mut Maildir, number: MessageNumber) -> Option<Vec<u8>> {
        let snapshot = maildir.snapshot().clone();
        let tried = if self.chance.per_mille(500) { maildir.try_message(number) } else { None };
        let sent = tried.and_then(|message| self.octets(message).ok()).or_else(|| {
            let message = maildir.message(number).ok()?;
            self.octets(message).ok()
        })?;
        let mut size = WireSize::new();
        size.update(&sent);
        assert_eq!(Some(size.finish()), snapshot.size(number), "the size of {}", sent.escape_ascii());
        let stored = Book::found(&self.disk, PATH);
        let is_it = |message: &&Vec<u8>| **message == sent || converted(message) == sent;
        let message = stored.iter().find(is_it).cloned();
        let uid = snapshot.unique_id(number).expect("it has a unique-id").to_string();
        // Another program may have removed the file meanwhile, but nobody does.
        let message = message.unwrap_or_else(|| panic!("nobody has stored this: {}", sent.escape_ascii()));
        self.book().check_uid(&uid, &message);
        Some(message)
    }

    fn octets(&self, mut message: MessageFile) -> io::Result<Vec<u8>> {
        let (mut octets, mut buffer) = (Vec::new(), vec![0; 1 + self.chance.below(3000)]);
        loop {
            let tried = if self.chance.per_mille(500) {
                message.try_read(&mut buffer)
            } else {
                message.read(&mut buffer)
            };
            match tried {
                Ok(0) => return Ok(octets),
                Ok(count) => octets.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match message.read(&mut buffer)? {
                    0 => return Ok(octets),
                    count => octets.extend_from_slice(&buffer[..count]),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The machine loses power.
    pub(crate) fn crash(&mut self) {
        self.disk.crash();
    }

    /// What must be true after each step, whatever happened in it.
    pub(crate) fn check(&mut self) {
        if !self.reader.is_alive() {
            self.start_others();
        }
        let book = self.book.lock().unwrap();
        book.check(&self.disk, PATH, "now");
        for _ in 0..2 {
            book.check(&self.disk.after_crash(self.chance.fork()), PATH, "after a crash");
        }
        drop(book);
        assert_eq!((self.process.descriptors(), self.process.locks()), (0, 0), "something is left open");
    }

    /// After a crash.
    fn start_others(&mut self) {
        *self.deliverer.lock().unwrap() = Deliverer::new(&self.disk, Path::new(PATH), &self.chance);
        self.reader = Arc::new(Reader::new(&self.disk, Path::new(PATH), &self.chance));
    }

    /// When the faults have ended, a session finds everything.
    pub(crate) fn check_that_all_is_found(&mut self) {
        let disk = self.live();
        let mut maildir = Maildir::open_on(&disk, PATH, &self.config).expect("the faults have ended");
        let numbers: Vec<_> = maildir.snapshot().numbers().collect();
        let found: Vec<_> =
            numbers.into_iter().filter_map(|number| self.read(&mut maildir, number)).collect();
        for message in &self.book().durable {
            assert!(found.contains(message), "no session finds {}", message.escape_ascii());
        }
    }
}

fn converted(message: &[u8]) -> Vec<u8> {
    let end = [&b"\n\n"[..], b"\r\n\r\n"].into_iter().find_map(|blank| {
        Some(message.windows(blank.len()).position(|window| window == blank)? + blank.len())
    });
    let (header, body) = message.split_at(end.unwrap_or(message.len()));
    [convert(header), body.to_vec()].concat()
}

fn deliver(disk: Arc<dyn Disk>, message: &[u8], chance: &Chance) -> io::Result<()> {
    let delivery = Delivery::open_on(disk, PATH, false)?;
    let mut delivering = delivery.begin()?;
    for piece in message.chunks(1 + chance.below(5000)) {
        delivering.write_all(piece)?;
    }
    delivering.finish()?;
    Ok(())
}
