//! A fetcher, its servers, and everything that cuts a run short, compared with a model: no message is lost, and none is
//! passed on twice while unique-ids are unique.

mod checks;

use core::future::{Future as _, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use pop3_driver::Transport;
use pop3_driver::client::{Client, ClientOptions, Security};
use pop3_driver::tls::TlsInfo;
use pop3_fetch::{Fetch, FetchError, FetchOptions};
use pop3_proto::Instant;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use self::checks::{check, check_kept};
use crate::cases;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A message arrives, with a unique-id of its own, or with one of a few that others have too.
    Arrives(Option<u8>),
    /// Another program deletes a message.
    Vanishes(Index),
    /// The server lists the messages in another order.
    Shuffled(Vec<Index>),
    Runs(Run),
}

/// A run, and what is wrong in it.
#[derive(Clone, Debug)]
struct Run {
    delete: bool,
    limit: Option<u8>,
    pipelining: bool,
    /// The program was started again.
    fresh: bool,
    /// After this many octets of the server, the connection is lost.
    said: Option<u16>,
    /// After this many octets of the client, nothing more arrives at the server.
    heard: Option<u16>,
    /// After this many octets of the server, it is silent, and the run is dropped.
    dropped: Option<u16>,
    /// The server does not list this message.
    hides: Option<Index>,
    /// The server refuses RETR of this one.
    refuses_retr: Option<Index>,
    /// The server refuses DELE of this one.
    refuses_dele: Option<Index>,
    /// After this many messages, the function that takes them fails.
    fails: Option<u8>,
}

/// A message on the server.
#[derive(Clone, Debug)]
struct Mail {
    uid: String,
    text: String,
    /// Its unique-id is its own.
    alone: bool,
    /// When it arrived, the last complete run had listed no message with its unique-id.
    fresh: bool,
}

/// What is shared between the server, the fetcher and the test.
#[derive(Debug, Default)]
struct World {
    maildrop: Vec<Mail>,
    /// The messages that were passed on, and how often.
    taken: HashMap<String, usize>,
    /// The unique-ids that the last run was told.
    listed: Vec<String>,
    /// How often RETR was sent.
    retrs: usize,
    /// How many more may be passed on.
    most: Option<u8>,
    /// The server is silent for ever.
    silent: bool,
}

type Shared = Arc<Mutex<World>>;

fn world(shared: &Shared) -> MutexGuard<'_, World> {
    shared.lock().expect("no panic")
}

/// A connection to a server in memory, which answers as soon as it is written to.
struct Server {
    world: Shared,
    run: Run,
    /// The snapshot, and which of it are marked.
    listed: Vec<(Mail, bool)>,
    /// The message that is refused.
    unreadable: Option<String>,
    undeletable: Option<String>,
    line: Vec<u8>,
    out: Vec<u8>,
    heard: usize,
    said: usize,
    over: bool,
}

impl Server {
    fn new(shared: &Shared, run: &Run) -> Self {
        let mut maildrop = world(shared).maildrop.clone();
        let pick = |index: &Option<Index>| {
            index.filter(|_| !maildrop.is_empty()).map(|index| index.get(&maildrop).text.clone())
        };
        let (hidden, unreadable) = (pick(&run.hides), pick(&run.refuses_retr));
        let undeletable = pick(&run.refuses_dele);
        // Of several messages with the same unique-id, nobody can tell which one is hidden.
        maildrop.retain(|mail| Some(&mail.text) != hidden.as_ref());
        world(shared).listed = maildrop.iter().map(|mail| mail.uid.clone()).collect();
        Self {
            world: Arc::clone(shared),
            run: run.clone(),
            listed: maildrop.into_iter().map(|mail| (mail, false)).collect(),
            unreadable,
            undeletable,
            line: Vec::new(),
            out: b"+OK ready\r\n".to_vec(),
            heard: 0,
            said: 0,
            over: false,
        }
    }

    fn answer(&mut self, line: &str) -> String {
        let mut words = line.split(' ');
        let word = words.next().unwrap_or_default();
        let place = words.next().and_then(|word| word.parse::<usize>().ok()).map(|number| number - 1);
        let list = |column: &dyn Fn(&Mail) -> String| {
            let there = self.listed.iter().enumerate().filter(|(_, (_, marked))| !marked);
            let lines = there.map(|(place, (mail, _))| format!("{} {}\r\n", place + 1, column(mail)));
            format!("+OK\r\n{}.\r\n", lines.collect::<String>())
        };
        match (word, place) {
            ("CAPA", _) if self.run.pipelining => "+OK\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n".to_owned(),
            ("CAPA", _) => "+OK\r\nUIDL\r\nTOP\r\n.\r\n".to_owned(),
            ("STAT", _) => format!("+OK {} 1\r\n", self.listed.iter().filter(|(_, marked)| !marked).count()),
            ("LIST", None) => list(&|mail| mail.text.len().to_string()),
            ("UIDL", None) => list(&|mail| mail.uid.clone()),
            ("RETR", Some(place)) if Some(&self.listed[place].0.text) != self.unreadable.as_ref() => {
                world(&self.world).retrs += 1;
                format!("+OK\r\n{}.\r\n", self.listed[place].0.text)
            }
            ("DELE", Some(place)) if Some(&self.listed[place].0.text) != self.undeletable.as_ref() => {
                self.listed[place].1 = true;
                "+OK\r\n".to_owned()
            }
            ("QUIT", _) => {
                let gone =
                    |mail: &Mail| self.listed.iter().any(|(own, marked)| *marked && own.text == mail.text);
                world(&self.world).maildrop.retain(|mail| !gone(mail));
                self.over = true;
                "+OK bye\r\n".to_owned()
            }
            ("USER" | "PASS" | "NOOP" | "RSET", _) => "+OK\r\n".to_owned(),
            _ => "-ERR no\r\n".to_owned(),
        }
    }
}

impl Transport for Server {
    fn now(&self) -> Instant {
        pop3_tests::START
    }

    async fn read(&mut self, buffer: &mut [u8], _deadline: Instant) -> io::Result<usize> {
        if self.run.dropped.is_some_and(|most| self.said >= usize::from(most)) {
            world(&self.world).silent = true;
            core::future::pending::<()>().await;
        }
        let left = self.run.said.map_or(usize::MAX, |most| usize::from(most).saturating_sub(self.said));
        let count = self.out.len().min(buffer.len()).min(left);
        buffer[..count].copy_from_slice(&self.out[..count]);
        self.out.drain(..count);
        self.said += count;
        Ok(count)
    }

    async fn write(&mut self, octets: &[u8], _deadline: Instant) -> io::Result<usize> {
        for &octet in octets {
            self.heard += 1;
            if self.over || self.run.heard.is_some_and(|most| self.heard > usize::from(most)) {
                break;
            }
            self.line.push(octet);
            if octet == b'\n' {
                let line = String::from_utf8(core::mem::take(&mut self.line)).expect("text");
                let reply = self.answer(line.trim_end());
                self.out.extend_from_slice(reply.as_bytes());
            }
        }
        Ok(octets.len())
    }

    async fn flush(&mut self, _deadline: Instant) -> io::Result<()> {
        Ok(())
    }

    async fn pause(&mut self, _until: Instant) {}

    async fn close(&mut self, _deadline: Instant) {}

    async fn secure(self, _deadline: Instant) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn is_tls(&self) -> bool {
        false
    }
}

fn options(run: &Run) -> FetchOptions {
    FetchOptions::new().with_delete(run.delete).with_limit(run.limit.map(u64::from))
}

fn open(shared: &Shared, state: &Path, run: &Run) -> Fetch {
    let shared = Arc::clone(shared);
    let deliver = move |message: &mut pop3_fetch::FetchedMessage<'_>| {
        let mut text = String::new();
        message.read_to_string(&mut text)?;
        let mut world = world(&shared);
        match &mut world.most {
            Some(0) => return Err(io::Error::other("no room")),
            Some(most) => *most -= 1,
            None => {}
        }
        *world.taken.entry(text).or_default() += 1;
        Ok(())
    };
    Fetch::deliver_to(deliver, state, "mrose@h", options(run)).expect("a state file")
}

/// One run, or `None` if it was dropped.
fn run(fetch: &mut Fetch, shared: &Shared, run: &Run) -> Option<Result<(), FetchError>> {
    world(shared).silent = false;
    let server = Server::new(shared, run);
    let security = Security::TrustedPlaintext;
    let deadline = pop3_tests::START.after(Duration::from_secs(60));
    let mut running = pin!(async {
        let mut client = Client::open(server, &security, ClientOptions::new(), deadline).await?;
        client.login(b"mrose", b"tanstaaf").await?;
        fetch.run(client).await?;
        Ok::<(), FetchError>(())
    });
    pop3_driver::wait(poll_fn(|context| {
        let polled = running.as_mut().poll(context);
        if polled.is_pending() && world(shared).silent {
            return Poll::Ready(None);
        }
        polled.map(Some)
    }))
}

/// A run in which nothing is wrong.
const WELL: Run = Run {
    delete: false,
    limit: None,
    pipelining: true,
    fresh: true,
    said: None,
    heard: None,
    dropped: None,
    hides: None,
    refuses_retr: None,
    refuses_dele: None,
    fails: None,
};

fn runs() -> impl Strategy<Value = Run> {
    let rare = || option::weighted(0.15, any::<Index>());
    (
        (any::<bool>(), option::weighted(0.2, 0..4_u8), any::<bool>(), any::<bool>()),
        (
            option::weighted(0.3, 0..900_u16),
            option::weighted(0.2, 0..300_u16),
            option::weighted(0.2, 0..900_u16),
        ),
        (rare(), rare(), rare(), option::weighted(0.15, 0..4_u8)),
    )
        .prop_map(
            |(
                (delete, limit, pipelining, fresh),
                (said, heard, dropped),
                (hides, refuses_retr, refuses_dele, fails),
            )| Run {
                delete,
                limit,
                pipelining,
                fresh,
                said,
                heard,
                dropped,
                hides,
                refuses_retr,
                refuses_dele,
                fails,
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => option::weighted(0.25, 0..2_u8).prop_map(Step::Arrives),
        1 => any::<Index>().prop_map(Step::Vanishes),
        1 => vec(any::<Index>(), 1..4).prop_map(Step::Shuffled),
        4 => runs().prop_map(Step::Runs),
    ]
}

/// Moves messages.
fn shuffle(maildrop: &mut [Mail], places: &[Index]) {
    if !maildrop.is_empty() {
        places.iter().for_each(|index| maildrop.swap(0, index.index(maildrop.len())));
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn no_message_is_lost_by_a_fetcher_or_passed_on_twice(steps in vec(step(), 1..16)) {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        let state = folder.path().join("state");
        let shared = Shared::default();
        let (mut history, mut vanished) = (Vec::<Mail>::new(), Vec::new());
        let mut fetch: Option<Fetch> = None;
        // The unique-ids that the last complete run was told.
        let mut before: Vec<String> = Vec::new();
        let deleting = Run { delete: true, ..WELL };
        let last = [WELL, WELL, deleting.clone(), deleting].map(Step::Runs);
        for (place, step) in steps.iter().chain(&last).enumerate() {
            match step {
                Step::Arrives(uid) => {
                    let number = history.len();
                    let text = format!("Subject: {number}\r\n\r\n{}\r\n", "x".repeat(number % 3));
                    let own = uid.map_or_else(|| format!("own{number}"), |uid| format!("shared{uid}"));
                    let fresh = !before.contains(&own);
                    let mail = Mail { uid: own, text, alone: uid.is_none(), fresh };
                    history.push(mail.clone());
                    world(&shared).maildrop.push(mail);
                }
                Step::Vanishes(index) => {
                    let mut world = world(&shared);
                    if !world.maildrop.is_empty() {
                        let gone = index.index(world.maildrop.len());
                        vanished.push(world.maildrop.remove(gone).text);
                    }
                }
                Step::Shuffled(places) => shuffle(&mut world(&shared).maildrop, places),
                Step::Runs(how) => {
                    world(&shared).most = how.fails;
                    if how.fresh || fetch.is_none() {
                        // It holds a lock on the state file.
                        drop(fetch.take());
                        fetch = Some(open(&shared, &state, how));
                    }
                    let retrs = world(&shared).retrs;
                    let ended = run(fetch.as_mut().expect("it is open"), &shared, how);
                    if matches!(ended, Some(Ok(()))) {
                        before = world(&shared).listed.clone();
                    }
                    if place >= steps.len() && !how.delete {
                        check_kept(&history, &world(&shared));
                        // What was looked at once is known.
                        let is_first = place == steps.len();
                        prop_assert!(is_first || world(&shared).retrs == retrs, "fetched again");
                    }
                    let cut = how.said.is_some() || how.heard.is_some() || how.fails.is_some();
                    prop_assert!(cut || ended.as_ref().is_none_or(Result::is_ok), "{:?} in {:?}", ended, how);
                    prop_assert!(ended.is_some() || how.dropped.is_some());
                }
            }
            check(&history, &vanished, &world(&shared));
        }
        prop_assert!(world(&shared).maildrop.is_empty(), "what is stored can be deleted");
    }
}
