//! All interleavings of two clients and one maildrop: a message disappears only by a complete QUIT of the session that
//! holds the lock.

use core::iter::zip;
use core::time::Duration;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_driver::Stop;
use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::memory::MemoryStore;
use pop3_driver::server::{Entrance, Peer, Service, serve};
use pop3_driver::store::{Inline, Store, StoreService};
use pop3_maildir::Maildir;
use pop3_proto::Rejection;
use pop3_proto::server::Accepted;
use pop3_tests::model::{NAME, PASSWORD};

use crate::pipe::{Pipe, Task};

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    LogIn,
    Dele(usize),
    Rset,
    Quit,
    /// Leaves.
    Cut,
    /// Leaves in the middle of QUIT.
    HalfQuit,
    /// The server drops the session, as at the end of its process.
    Killed,
}

const DEEDS: [Deed; 8] = [
    Deed::LogIn,
    Deed::Dele(1),
    Deed::Dele(2),
    Deed::Rset,
    Deed::Quit,
    Deed::Cut,
    Deed::HalfQuit,
    Deed::Killed,
];

/// Which client does what, one after the other.
type History = Vec<(usize, Deed)>;

/// The model of a maildrop and two clients.
#[derive(Clone, Debug)]
struct World {
    /// The messages that are in the store.
    store: Vec<usize>,
    clients: [Client; 2],
}

#[derive(Clone, Debug)]
enum Client {
    Outside,
    /// It holds the lock: the messages that it sees, and those that it has marked.
    Inside {
        seen: Vec<usize>,
        marked: BTreeSet<usize>,
    },
    Gone,
}

/// The messages at the beginning.
pub(crate) const MESSAGES: [usize; 2] = [0, 1];

impl World {
    fn new() -> Self {
        Self { store: MESSAGES.to_vec(), clients: [Client::Outside, Client::Outside] }
    }

    /// Whether something new can come of it.
    fn allows(&self, client: usize, deed: Deed) -> bool {
        match (&self.clients[client], deed) {
            (Client::Gone, _) | (Client::Inside { .. }, Deed::LogIn) => false,
            (Client::Outside, deed) => matches!(deed, Deed::LogIn | Deed::Quit | Deed::Cut),
            (Client::Inside { .. }, _) => true,
        }
    }

    /// How many have the maildrop.
    fn open(&self) -> usize {
        self.clients.iter().filter(|client| matches!(client, Client::Inside { .. })).count()
    }

    /// Does it, and returns how the reply begins, if there is one.
    fn act(&mut self, client: usize, deed: Deed) -> &'static str {
        let locked = matches!(self.clients[1 - client], Client::Inside { .. });
        let own = &mut self.clients[client];
        match (deed, &mut *own) {
            (Deed::LogIn, _) if locked => "-ERR [IN-USE] ",
            (Deed::LogIn, _) => {
                *own = Client::Inside { seen: self.store.clone(), marked: BTreeSet::new() };
                "+OK "
            }
            (Deed::Dele(number), Client::Inside { seen, marked }) => match seen.get(number - 1) {
                Some(message) if marked.insert(*message) => "+OK ",
                _ => "-ERR ",
            },
            (Deed::Rset, Client::Inside { marked, .. }) => {
                marked.clear();
                "+OK "
            }
            (Deed::Quit, Client::Inside { marked, .. }) => {
                self.store.retain(|message| !marked.contains(message));
                *own = Client::Gone;
                "+OK "
            }
            (Deed::Quit, _) => {
                *own = Client::Gone;
                "+OK "
            }
            (Deed::Cut | Deed::HalfQuit | Deed::Killed, _) => {
                *own = Client::Gone;
                ""
            }
            (Deed::Dele(_) | Deed::Rset, _) => "-ERR ",
        }
    }
}

/// All histories with this many deeds, and all shorter ones that end with both clients gone.
fn histories(steps: usize) -> Vec<History> {
    fn grow(world: &World, history: &mut History, steps: usize, all: &mut Vec<History>) {
        let mut grown = false;
        // Both clients are alike: the first deed is that of the first one.
        let clients = if history.is_empty() { 0..1 } else { 0..2 };
        for client in clients {
            for deed in DEEDS {
                if history.len() < steps && world.allows(client, deed) {
                    let mut next = world.clone();
                    next.act(client, deed);
                    history.push((client, deed));
                    grow(&next, history, steps, all);
                    history.pop();
                    grown = true;
                }
            }
        }
        if !grown {
            all.push(history.clone());
        }
    }
    let mut all = Vec::new();
    grow(&World::new(), &mut Vec::new(), steps, &mut all);
    all
}

/// A store with the messages of the model.
pub(crate) trait House {
    fn new() -> Self;

    /// A session with this client.
    fn session(&self, client: usize, pipe: Pipe) -> Task;

    /// The messages in it.
    fn left(&self) -> Vec<usize>;

    /// Waits until only so many sessions have the maildrop.
    fn settle(&self, _open: usize) {}
}

/// A session with any server.
pub(crate) fn session(service: impl Service + 'static, pipe: Pipe) -> Task {
    let address = ([127, 0, 0, 1], 1).into();
    let peer = Peer::new(address, address);
    Task::new(async move {
        serve(pipe, Entrance::Plain, peer, &service, &Stop::new()).await;
    })
}

/// A session on a store whose calls block.
fn blocking(store: Arc<impl Store>, pipe: Pipe) -> Task {
    session(StoreService::new(store, Inline::default()).trust_loopback(), pipe)
}

/// The text of a message.
pub(crate) fn text(message: usize) -> String {
    format!("Subject: {message}\n\nhello\n")
}

pub(crate) fn messages(texts: impl IntoIterator<Item = Vec<u8>>) -> Vec<usize> {
    let texts: Vec<_> = texts.into_iter().collect();
    let messages: Vec<usize> =
        MESSAGES.into_iter().filter(|message| texts.contains(&text(*message).into_bytes())).collect();
    assert_eq!(messages.len(), texts.len(), "a message that nobody delivered, or twice");
    messages
}

/// Maildrops in memory.
struct Memory(Arc<MemoryStore>);

impl House for Memory {
    fn new() -> Self {
        let store = MemoryStore::new();
        store.add_user(NAME, PASSWORD);
        for message in MESSAGES {
            store.deliver(NAME, text(message).as_bytes());
        }
        Self(Arc::new(store))
    }

    fn session(&self, _: usize, pipe: Pipe) -> Task {
        blocking(Arc::clone(&self.0), pipe)
    }

    fn left(&self) -> Vec<usize> {
        messages(self.0.messages(NAME).iter().map(|text| text.to_vec()))
    }
}

/// A Maildir.
struct Folder(tempfile::TempDir);

/// Its store.
struct Maildirs(PathBuf);

impl Store for Maildirs {
    type Maildrop = Maildir;

    fn open(&self, attempt: &LoginAttempt, _: &Peer, _: &Context) -> Result<(Accepted, Maildir), Rejection> {
        assert!(attempt.prove(PASSWORD.as_bytes()));
        let mut maildir = Maildir::open(&self.0)?;
        Ok((maildir.take_snapshot().into(), maildir))
    }
}

impl House for Folder {
    fn new() -> Self {
        // In memory, where there is such a place: the disk takes its time.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        for name in ["tmp", "new", "cur"] {
            fs::create_dir(folder.path().join(name)).expect("a Maildir");
        }
        for message in MESSAGES {
            fs::write(folder.path().join(format!("new/{message}.M0.host")), text(message))
                .expect("a message");
        }
        Self(folder)
    }

    fn session(&self, _: usize, pipe: Pipe) -> Task {
        blocking(Arc::new(Maildirs(self.0.path().to_owned())), pipe)
    }

    fn left(&self) -> Vec<usize> {
        let files = |folder: &Path| -> Vec<PathBuf> {
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
        };
        let paths = ["new", "cur"].iter().flat_map(|name| files(&self.0.path().join(name)));
        messages(paths.map(|path| fs::read(path).expect("a message")))
    }
}

/// One of the two, with its session.
struct Connected {
    pipe: Pipe,
    task: Task,
}

impl Connected {
    fn new(house: &impl House, client: usize) -> Self {
        let pipe = Pipe::new(false);
        let mut task = house.session(client, pipe.clone());
        task.run_until(|| pipe.has_output());
        assert!(pipe.take().starts_with(b"+OK "));
        Self { pipe, task }
    }

    fn say(&mut self, line: &str) -> Vec<u8> {
        self.pipe.send(line.as_bytes());
        self.task.run_until(|| {
            // A refusal may be held back for a second.
            self.pipe.pass(Duration::from_millis(100));
            self.pipe.has_output()
        });
        self.pipe.take()
    }

    fn end(&mut self) {
        self.pipe.end();
        self.task.run_until(|| false);
    }

    fn act(&mut self, deed: Deed) -> Vec<u8> {
        match deed {
            Deed::LogIn => {
                assert!(self.say(&format!("USER {NAME}\r\n")).starts_with(b"+OK "));
                self.say(&format!("PASS {PASSWORD}\r\n"))
            }
            Deed::Dele(number) => self.say(&format!("DELE {number}\r\n")),
            Deed::Rset => self.say("RSET\r\n"),
            Deed::Quit => {
                self.pipe.send(b"QUIT\r\n");
                self.task.run_until(|| false);
                self.pipe.take()
            }
            Deed::Cut => {
                self.end();
                Vec::new()
            }
            Deed::HalfQuit => {
                self.pipe.send(b"QUIT");
                self.end();
                self.pipe.take()
            }
            Deed::Killed => {
                self.task.kill();
                Vec::new()
            }
        }
    }
}

/// Plays a history in a house and in the model.
fn play<H: House>(history: &History) {
    let house = H::new();
    let mut world = World::new();
    let mut clients = [0, 1].map(|client| Connected::new(&house, client));
    for (step, &(client, deed)) in history.iter().enumerate() {
        let before = house.left();
        let expected = world.act(client, deed);
        let reply = clients[client].act(deed);
        let done = || &history[..=step];
        assert!(reply.starts_with(expected.as_bytes()), "{:?}: {}", done(), reply.escape_ascii());
        assert_eq!(reply.is_empty(), expected.is_empty(), "{:?}", done());
        house.settle(world.open());
        let left = house.left();
        assert_eq!(left, world.store, "{:?}", done());
        assert!(left == before || deed == Deed::Quit, "{:?}", done());
    }
    // What is not ended by QUIT removes nothing, whenever it ends.
    for (connected, client) in zip(&mut clients, &world.clients) {
        if !matches!(client, Client::Gone) {
            connected.end();
        }
    }
    house.settle(0);
    assert_eq!(house.left(), world.store, "{history:?}");
}

pub(crate) fn play_all<H: House>(steps: usize, least: usize) {
    let histories = histories(steps);
    assert!(histories.len() >= least, "only {} histories", histories.len());
    for history in &histories {
        play::<H>(history);
    }
}

// 1939-4.05, 1939-6.01
#[test]
fn two_clients_of_a_maildrop_in_memory() {
    play_all::<Memory>(6, 7000);
}

// 1939-4.05, 1939-6.01
#[test]
fn two_clients_of_a_maildir() {
    play_all::<Folder>(5, 1500);
}
