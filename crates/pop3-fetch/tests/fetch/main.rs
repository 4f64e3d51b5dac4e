//! The library as programs use it: over real sockets and real files, on every runtime.
#![expect(clippy::disallowed_methods, reason = "tests look at the files themselves")]

mod deleting;
mod doubled;
mod reused;
mod server;
mod trips;

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use pop3_driver::client::{self, Client, Security};
use pop3_driver::{Stop, Transport};
use pop3_fetch::{
    Fetch, FetchError, FetchEvent, FetchOptions, FetchReport, FetchedMessage, ListingError, Notice, Target,
};
use server::{Faults, Mail, Server};
use tempfile::TempDir;

const MAIL: [Mail; 3] = [
    ("a", "Subject: a\r\n\r\none\r\n"),
    ("b", "Subject: b\r\n\r\ntwo\r\n"),
    ("c", "Subject: c\r\n\r\nthree\r\n"),
];

#[derive(Clone, Copy, Debug)]
enum Runtime {
    Tokio,
    AsyncStd,
    Smol,
    Std,
}

const RUNTIMES: [Runtime; 4] = [Runtime::Tokio, Runtime::AsyncStd, Runtime::Smol, Runtime::Std];

/// A server, and a directory for its mail.
struct House {
    server: Server,
    folder: TempDir,
    runtime: Runtime,
}

impl House {
    fn new(runtime: Runtime) -> Self {
        Self { server: Server::start(&MAIL), folder: tempfile::tempdir().unwrap(), runtime }
    }

    fn target(&self) -> Target {
        Target::Dir(self.folder.path().join("mail"))
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn open(&self, options: FetchOptions) -> Result<Fetch, FetchError> {
        Fetch::open(&self.target(), &self.state(), "mrose@h", options)
    }

    /// One run.
    fn run(&self, options: FetchOptions) -> Result<FetchReport, FetchError> {
        self.run_with(&mut self.open(options).unwrap(), client::ClientOptions::new())
    }

    fn run_with(&self, fetch: &mut Fetch, options: client::ClientOptions) -> Result<FetchReport, FetchError> {
        let (host, port, security) = ("127.0.0.1", self.server.port, Security::TrustedPlaintext);
        match self.runtime {
            Runtime::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    poll(fetch, pop3_tokio::connect(host, port, security, options).await?).await
                })
            }
            Runtime::AsyncStd => async_std::task::block_on(async {
                let connect = pop3_async_std::connect::<pop3_async_std::AsyncStd>;
                poll(fetch, connect(host, port, security, options).await?).await
            }),
            Runtime::Smol => smol::block_on(async {
                let connect = pop3_async_std::connect::<pop3_async_std::Smol>;
                poll(fetch, connect(host, port, security, options).await?).await
            }),
            Runtime::Std => {
                pop3_std::wait(async { poll(fetch, pop3_std::connect(host, port, security, options)?).await })
            }
        }
    }

    /// The contents of the target, sorted.
    fn stored(&self) -> Vec<String> {
        let mut texts: Vec<String> = fs::read_dir(self.folder.path().join("mail"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        texts.sort();
        texts
    }

    #[track_caller]
    fn has_each_message_once(&self, mail: &[Mail]) {
        let expected: Vec<&str> = mail.iter().map(|(_, text)| *text).collect();
        assert_eq!(self.stored(), expected, "{:?}", self.runtime);
    }
}

async fn poll<T: Transport>(fetch: &mut Fetch, mut client: Client<T>) -> Result<FetchReport, FetchError> {
    client.login(b"mrose", b"tanstaaf").await?;
    fetch.run(client).await
}

/// The figures: fetched, known, failed, deleted, not deleted.
fn figures(report: &FetchReport) -> [u64; 5] {
    [report.fetched, report.known, report.failed, report.deleted, report.not_deleted]
}

#[test]
fn each_message_is_fetched_once_and_deleted_when_it_is_stored() {
    for runtime in RUNTIMES {
        let house = House::new(runtime);
        assert_eq!(figures(&house.run(FetchOptions::new()).unwrap()), [3, 0, 0, 0, 0]);
        house.has_each_message_once(&MAIL);
        let late = ("d", "Subject: d\r\n\r\nlate\r\n");
        house.server.deliver(late);
        let report = house.run(FetchOptions::new()).unwrap();
        assert_eq!((figures(&report), report.octets), ([1, 3, 0, 0, 0], late.1.len() as u64));
        assert_eq!(house.server.retrs(), 4);
        let report = house.run(FetchOptions::new().with_delete(true)).unwrap();
        assert_eq!((figures(&report), house.server.left().len()), ([0, 0, 0, 4, 0], 0));
        house.has_each_message_once(&[MAIL[0], MAIL[1], MAIL[2], late]);
    }
}

/// One [`Fetch`] may poll repeatedly.
#[test]
fn one_fetch_serves_run_after_run() {
    for runtime in RUNTIMES {
        let house = House::new(runtime);
        let mut fetch = house.open(FetchOptions::new()).unwrap();
        let late = ("d", "Subject: d\r\n\r\nlate\r\n");
        for expected in [[3, 0, 0, 0, 0], [0, 3, 0, 0, 0], [1, 3, 0, 0, 0]] {
            let report = house.run_with(&mut fetch, client::ClientOptions::new()).unwrap();
            assert_eq!((figures(&report), *fetch.report()), (expected, report));
            if expected[0] == 0 {
                house.server.deliver(late);
            }
        }
        house.has_each_message_once(&[MAIL[0], MAIL[1], MAIL[2], late]);
    }
}

#[test]
fn a_cut_and_a_lost_answer_to_quit_lose_and_repeat_nothing() {
    for runtime in RUNTIMES {
        let house = House::new(runtime);
        house.server.fail(Faults { cuts: Some(2), ..Faults::default() });
        let error = house.run(FetchOptions::new().with_delete(true)).unwrap_err();
        assert!(matches!(error, FetchError::Client(client::ClientError::Protocol(_))), "{error:?}");
        assert_eq!(house.server.left().len(), 3);
        house.server.fail(Faults { mute_at_quit: true, ..Faults::default() });
        let mut fetch = house.open(FetchOptions::new().with_delete(true)).unwrap();
        let error = house.run_with(&mut fetch, client::ClientOptions::new()).unwrap_err();
        assert!(matches!(error, FetchError::Client(_)), "{error:?}");
        assert_eq!((fetch.report().not_deleted, house.server.left().len()), (3, 0));
        drop(fetch);
        house.server.fail(Faults::default());
        let late = ("d", "Subject: d\r\n\r\nlate\r\n");
        house.server.deliver(late);
        assert_eq!(figures(&house.run(FetchOptions::new()).unwrap()), [1, 0, 0, 0, 0]);
        house.has_each_message_once(&[MAIL[0], MAIL[1], MAIL[2], late]);
    }
}

#[test]
fn what_goes_wrong_is_told_as_it_happens() {
    for runtime in RUNTIMES {
        let house = House::new(runtime);
        house.server.fail(Faults { refuses: Some(1), ..Faults::default() });
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = {
            let told = Arc::clone(&told);
            move |event: FetchEvent<'_>| {
                let word = match event {
                    FetchEvent::Planned { messages, octets } => format!("planned {messages} {octets}"),
                    FetchEvent::Message { message, octets, .. } => format!("message {message} {octets:?}"),
                    FetchEvent::Finished => "finished".to_owned(),
                    FetchEvent::Notice(notice @ Notice::Refused { .. }) if !notice.is_harmless() => {
                        notice.to_string()
                    }
                    FetchEvent::Octets(_) | FetchEvent::Notice(_) => return,
                    other => panic!("an unknown event: {other:?}"),
                };
                told.lock().unwrap().push(word);
            }
        };
        let mut fetch = house.open(FetchOptions::new()).unwrap().on_event(tell);
        let report = house.run_with(&mut fetch, client::ClientOptions::new()).unwrap();
        assert_eq!((figures(&report), report.is_well()), ([2, 0, 1, 0, 0], false));
        let octets: usize = MAIL.iter().map(|(_, text)| text.len()).sum();
        let message = |number: usize| format!("message {number} {:?}", Some(MAIL[number - 1].1.len()));
        assert_eq!(
            *told.lock().unwrap(),
            [
                &*format!("planned 3 {octets}"),
                &message(1),
                &message(2),
                "the server refused message 2: no",
                &message(3),
                "finished"
            ]
        );
    }
}

#[test]
fn a_switch_that_is_thrown_ends_the_run_in_order() {
    for runtime in RUNTIMES {
        let house = House::new(runtime);
        let stop = Stop::new();
        let thrown = stop.clone();
        let options = FetchOptions::new().with_stop(stop.clone());
        let mut fetch = house.open(options).unwrap().on_event(move |event| {
            if let FetchEvent::Message { .. } = event {
                thrown.stop();
            }
        });
        let mut options = client::ClientOptions::new();
        options.stop = Some(stop);
        let error = house.run_with(&mut fetch, options).unwrap_err();
        assert!(matches!(error, FetchError::Client(client::ClientError::Stopped)), "{error:?}");
        drop(fetch);
        house.run(FetchOptions::new().with_delete(true)).unwrap();
        house.has_each_message_once(&MAIL);
        assert_eq!(house.server.left().len(), 0);
    }
}

/// This works without unique-ids, too. A message is then recognised by its content and how often it occurs.
#[test]
fn messages_without_unique_ids_are_fetched_once_run_after_run() {
    let house = House::new(Runtime::Tokio);
    house.server.fail(Faults { no_uidl: true, ..Faults::default() });
    house.server.deliver(MAIL[0]);
    let mut fetch = house.open(FetchOptions::new()).unwrap();
    for expected in [[4, 0, 0, 0, 0], [0, 4, 0, 0, 0], [0, 4, 0, 0, 0]] {
        let report = house.run_with(&mut fetch, client::ClientOptions::new()).unwrap();
        assert_eq!(figures(&report), expected);
    }
    house.has_each_message_once(&[MAIL[0], MAIL[0], MAIL[1], MAIL[2]]);
}

/// A dropped future is a session that ended without QUIT.
#[test]
fn a_run_that_is_dropped_anywhere_loses_and_repeats_nothing() {
    for anew in [true, false] {
        drop_anywhere(anew);
    }
}

/// All runs use one [`Fetch`], or each run uses its own.
fn drop_anywhere(anew: bool) {
    let house = House::new(Runtime::Tokio);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = || house.open(FetchOptions::new().with_delete(true)).unwrap();
    let mut fetch = open();
    for polls in 1..60 {
        if anew {
            drop(fetch);
            fetch = open();
        }
        let finished = runtime.block_on(async {
            let (host, security) = ("127.0.0.1", Security::TrustedPlaintext);
            let mut client =
                pop3_tokio::connect(host, house.server.port, security, client::ClientOptions::new())
                    .await
                    .unwrap();
            client.login(b"mrose", b"tanstaaf").await.unwrap();
            let mut run = core::pin::pin!(fetch.run(client));
            let mut left = polls;
            core::future::poll_fn(|context| {
                let polled = run.as_mut().poll(context);
                left -= 1;
                if left == 0 && polled.is_pending() {
                    core::task::Poll::Ready(None)
                } else {
                    polled.map(Some)
                }
            })
            .await
        });
        if let Some(result) = finished {
            result.unwrap();
            break;
        }
    }
    drop(fetch);
    house.run(FetchOptions::new().with_delete(true)).unwrap();
    house.has_each_message_once(&MAIL);
    assert_eq!(house.server.left().len(), 0);
}

/// A ticket system that fails at one message, and a crash between its commit and our note.
#[test]
fn messages_that_the_caller_takes_are_deleted_when_he_has_them() {
    for runtime in RUNTIMES {
        let house = House::new(runtime);
        // More than is collected in memory.
        let long: &str = Box::leak(format!("Subject: l\r\n\r\n{}\r\n", "x".repeat(99_000)).into());
        house.server.deliver(("l", long));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let open = |refused: &'static str| {
            let taken = Arc::clone(&taken);
            let deliver = move |message: &mut FetchedMessage<'_>| {
                let mut text = String::new();
                message.read_to_string(&mut text)?;
                assert_eq!(message.octets(), text.len() as u64);
                if text == refused {
                    return Err(std::io::Error::other("the database is away"));
                }
                taken.lock().unwrap().push(text);
                Ok(())
            };
            Fetch::deliver_to(deliver, &house.state(), "mrose@h", FetchOptions::new().with_delete(true))
                .unwrap()
        };
        let mut fetch = open(MAIL[1].1);
        let error = house.run_with(&mut fetch, client::ClientOptions::new()).unwrap_err();
        let FetchError::Store(error) = error else { panic!("{error:?}") };
        assert_eq!(pop3_text::reasons(&error), "the program did not accept a message: the database is away");
        // Nothing is deleted in such a run, and the first message is not delivered again.
        assert_eq!((house.server.left().len(), fetch.report().fetched), (4, 1));
        drop(fetch);
        let report = house.run_with(&mut open(""), client::ClientOptions::new()).unwrap();
        assert_eq!((figures(&report), house.server.left().len()), ([3, 0, 0, 4, 0], 0));
        assert_eq!(*taken.lock().unwrap(), [MAIL[0].1, MAIL[1].1, MAIL[2].1, long]);
        // What was accepted remains known, wherever later messages are stored.
        house.server.deliver(MAIL[0]);
        assert_eq!(figures(&house.run(FetchOptions::new()).unwrap()), [1, 0, 0, 0, 0]);
    }
}

/// A process that is killed leaves its state file as it is at that moment.
#[test]
fn a_crash_repeats_one_message_that_the_caller_has_taken() {
    let house = House::new(Runtime::Std);
    let crashed = |taken: usize| house.folder.path().join(format!("crashed {taken}"));
    let state = house.state();
    let (mut taken, copies) = (0, [1, 2, 3].map(crashed));
    let deliver = move |_: &mut FetchedMessage<'_>| {
        let copy = &copies[taken];
        taken += 1;
        fs::copy(&state, copy).map(|_| ())
    };
    let mut fetch = Fetch::deliver_to(deliver, &house.state(), "mrose@h", FetchOptions::new()).unwrap();
    assert_eq!(house.run_with(&mut fetch, client::ClientOptions::new()).unwrap().fetched, 3);
    for taken in 1..=3 {
        let again = Fetch::deliver_to(|_| Ok(()), &crashed(taken), "mrose@h", FetchOptions::new());
        let report = house.run_with(&mut again.unwrap(), client::ClientOptions::new()).unwrap();
        assert_eq!((report.known, report.fetched), (taken as u64 - 1, 4 - taken as u64));
    }
}

#[test]
fn errors_have_kinds() {
    let house = House::new(Runtime::Std);
    let fetch = house.open(FetchOptions::new()).unwrap();
    let error = house.open(FetchOptions::new()).unwrap_err();
    assert!(matches!(&error, FetchError::Running(text) if text.contains("is running")), "{error:?}");
    drop(fetch);
    let error = Fetch::open(&house.target(), &house.state(), "other@h", FetchOptions::new()).unwrap_err();
    assert!(matches!(&error, FetchError::Unusable(text) if text.contains("mrose@h")), "{error:?}");
    let delete = FetchOptions::new().with_delete(true);
    let error =
        Fetch::open(&Target::Stdout, &house.folder.path().join("other"), "mrose@h", delete).unwrap_err();
    assert!(matches!(error, FetchError::Unusable(_)), "{error:?}");
    // How messages are recognised does not change.
    house.run(FetchOptions::new()).unwrap();
    house.server.fail(Faults { no_uidl: true, ..Faults::default() });
    let error = house.run(FetchOptions::new()).unwrap_err();
    let FetchError::Listing(ListingError::NoUniqueIds { promised: false, .. }) = &error else {
        panic!("{error:?}")
    };
    assert!(error.to_string().contains("nothing was fetched or deleted"), "{error}");
    house.has_each_message_once(&MAIL);
}
