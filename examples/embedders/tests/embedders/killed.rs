//! The ticket poller is killed again and again. The seed of the kills is fixed, but where they hit depends on the
//! machine.

use core::time::Duration;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use pop3_tokio::Stop;
use pop3_tokio::memory::MemoryStore;
use pop3_tokio::proto::Rejection;
use pop3_tokio::server::{Peer, Place, Service, SessionReport, Welcome};
use rusqlite::Connection;

use crate::relay::Relay;
use crate::support::{Folder, Server, mail};
use crate::ticket_poller::{texts, ticket_poller};

const KILLS: usize = 100;

/// How long this may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Pseudorandom numbers: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A maildrop that grows during the polls.
struct Growing {
    store: MemoryStore,
    delivered: BTreeSet<String>,
    random: Random,
    /// The test is notified after this many further pieces of the dialogue.
    left: Option<u64>,
}

impl Growing {
    fn deliver(&mut self) {
        let number = self.delivered.len();
        let lines = usize::try_from(self.random.below(500)).unwrap();
        let text = format!("Subject: message {number}\n\n{}", ".sixteen octets.\n".repeat(lines));
        self.store.deliver("mrose", text.as_bytes());
        self.delivered.insert(text.replace('\n', "\r\n"));
    }

    /// A piece of the dialogue passes. Returns whether the poller is to be killed now.
    fn passes(&mut self) -> bool {
        if self.random.below(150) == 0 {
            self.deliver();
        }
        let left = self.left;
        self.left = left.and_then(|left| left.checked_sub(1));
        left == Some(0)
    }
}

/// How many sessions the server has.
#[derive(Clone, Default)]
struct Open(Arc<(Mutex<usize>, Condvar)>);

impl Open {
    fn wait_for_none(&self) {
        let (count, changed) = &*self.0;
        let open = count.lock().unwrap();
        let open = changed.wait_timeout_while(open, PATIENCE, |open| *open > 0).unwrap().0;
        assert_eq!(*open, 0, "the server has not noticed that its client is gone");
    }
}

struct Counted<S>(S, Open);

impl<S: Service> Service for Counted<S> {
    type Backend = S::Backend;

    fn accept(&self, peer: &Peer, end: &Stop) -> Result<Place, Rejection> {
        let (count, _) = &*self.1.0;
        *count.lock().unwrap() += 1;
        self.0.accept(peer, end)
    }

    async fn connect(&self, peer: &Peer) -> Result<Welcome<S::Backend>, Rejection> {
        self.0.connect(peer).await
    }

    fn ended(&self, _: &Peer, _: &SessionReport) {
        let (count, changed) = &*self.1.0;
        *count.lock().unwrap() -= 1;
        changed.notify_all();
    }
}

struct Scene {
    folder: Folder,
    open: Open,
    relay: Relay,
    mailbox: Arc<Mutex<Growing>>,
    told: Receiver<()>,
    random: Random,
    _server: Server,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let (store, service) = mail(&[]);
        // A password under TLS is cheaper than SCRAM.
        store.set_mechanisms(&[]);
        let open = Open::default();
        let server = Server::in_tls(Counted(service, open.clone()), &folder);
        let random = Random(0x9e37_79b9_7f4a_7c15);
        let mailbox = Growing { store, delivered: BTreeSet::new(), random: Random(random.0 ^ 1), left: None };
        let mailbox = Arc::new(Mutex::new(mailbox));
        let (tell, told) = channel();
        let grows = Arc::clone(&mailbox);
        let relay = Relay::new(server.address, move |_| {
            if grows.lock().unwrap().passes() {
                tell.send(()).unwrap();
            }
            true
        });
        Self { folder, open, relay, mailbox, told, random, _server: server }
    }

    fn start(&self, kill_after: Option<u64>) -> Child {
        // Until then the session that was killed holds the lock on the maildrop.
        self.open.wait_for_none();
        self.mailbox.lock().unwrap().left = kill_after;
        let mut command = ticket_poller(&self.folder, &self.relay.port());
        // This avoids reading the authorities of the system a hundred times.
        command.env_remove("SSL_CERT_DIR").env("SSL_CERT_FILE", self.folder.path("cert.pem"));
        command.args(["--keep", "0"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the poller and kills it at some piece of the dialogue: a moment later, in the next commit, or right after
    /// that. Returns whether it was killed before it ended.
    fn kill(&mut self) -> bool {
        let pieces = self.random.below(60);
        let mut child = self.start(Some(pieces));
        while let Err(RecvTimeoutError::Timeout) = self.told.recv_timeout(Duration::from_millis(1)) {
            if child.try_wait().unwrap().is_some() {
                break;
            }
        }
        let journal = self.folder.path("tickets.db-journal");
        let mut wait_for_journal = |is_there: bool| {
            while journal.exists() != is_there && child.try_wait().unwrap().is_none() {}
        };
        match self.random.below(4) {
            0 => {}
            1 => (0..self.random.below(300)).for_each(|_| std::thread::yield_now()),
            // During a commit.
            2 => wait_for_journal(true),
            // Right after a commit.
            _ => {
                wait_for_journal(true);
                wait_for_journal(false);
            }
        }
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        // The notification may have come after the child had ended.
        while self.told.try_recv().is_ok() {}
        let errors = String::from_utf8_lossy(&output.stderr);
        let killed = output.status.signal() == Some(9);
        // The session that was killed before may still hold the lock on the maildrop.
        assert!(killed || output.status.success() || errors.contains("[IN-USE]"), "{errors}");
        killed
    }

    /// What a poller would find in the database now. It is a copy, so the poller has to repair an incomplete commit.
    fn database(&self) -> Connection {
        fs::create_dir_all(self.folder.path("copy")).unwrap();
        for name in ["tickets.db", "tickets.db-journal"] {
            let copy = self.folder.path("copy").join(name);
            let _ = fs::remove_file(&copy);
            let _ = fs::copy(self.folder.path(name), copy);
        }
        Connection::open(self.folder.path("copy/tickets.db")).unwrap()
    }

    /// Each message has at most one ticket, and has one or is on the server. Tickets and notes belong together.
    fn check(&self) -> BTreeSet<String> {
        let database = self.database();
        if texts(&database, "SELECT name FROM sqlite_schema WHERE name = 'notes'").is_empty() {
            return BTreeSet::new();
        }
        let all = texts(&database, "SELECT CAST(message AS TEXT) FROM tickets");
        let tickets: BTreeSet<String> = all.iter().cloned().collect();
        assert_eq!(all.len(), tickets.len(), "a message has two tickets");
        let noted =
            "SELECT substr(note, 8, instr(substr(note, 8), ' ') - 1) FROM notes WHERE note LIKE 'stored %'";
        let alone = texts(&database, &format!("{noted} EXCEPT SELECT id FROM tickets"));
        assert!(alone.is_empty(), "notes without a ticket: {alone:?}");
        let mailbox = self.mailbox.lock().unwrap();
        let there = mailbox.store.messages("mrose");
        let there = there.iter().map(|text| String::from_utf8_lossy(text).replace('\n', "\r\n"));
        let found: BTreeSet<String> = there.chain(tickets.iter().cloned()).collect();
        assert_eq!(found, mailbox.delivered, "a message is lost");
        tickets
    }
}

#[test]
fn a_poller_that_is_killed_a_hundred_times_makes_one_ticket_of_each_message() {
    let mut scene = Scene::new();
    let begin = Instant::now();
    let (mut kills, mut torn, mut tickets) = (0, 0, 0);
    // When a kill comes in the middle of a commit is chance, so there are as many kills as it takes.
    while kills < KILLS || torn == 0 || tickets == 0 {
        assert!(begin.elapsed() < PATIENCE, "{kills} kills, {torn} commits broke off, {tickets} tickets");
        scene.mailbox.lock().unwrap().deliver();
        if scene.kill() {
            kills += 1;
            torn += usize::from(scene.folder.path("tickets.db-journal").exists());
            tickets = scene.check().len();
        }
    }
    // This run is not killed. Mail that arrives during it is left for the next run.
    while !scene.mailbox.lock().unwrap().store.messages("mrose").is_empty() {
        assert!(begin.elapsed() < PATIENCE, "messages are left on the server");
        let output = scene.start(None).wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || errors.contains("[IN-USE]"), "{errors}");
    }
    let tickets = scene.check();
    assert_eq!(tickets, scene.mailbox.lock().unwrap().delivered);
}
