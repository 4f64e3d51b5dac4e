//! What becomes of messages that are to be deleted: refusals, replies too many, and runs that end in between.

use std::io::ErrorKind;

use pop3_disk::System;
use pop3_driver::Stop;
use pop3_driver::client::{ClientOptions, Security};
use pop3_fetch::{Fetch, FetchError, FetchEvent, FetchOptions, Notice};

use super::server::{Faults, Server};
use super::{House, MAIL, RUNTIMES, Runtime, figures};

fn deleting(house: &House) -> Fetch {
    house.open(FetchOptions::new().with_delete(true)).unwrap()
}

/// The next run, with the same [`Fetch`] or another one.
fn next(house: &House, fetch: Fetch, anew: bool) -> [u64; 5] {
    let mut fetch = if anew {
        drop(fetch);
        deleting(house)
    } else {
        fetch
    };
    figures(&house.run_with(&mut fetch, ClientOptions::new()).unwrap())
}

#[test]
fn a_message_whose_dele_is_refused_with_quit_behind_it_stays_known() {
    for runtime in RUNTIMES {
        for anew in [true, false] {
            let house = House::new(runtime);
            house.server.fail(Faults { refuses_dele: Some(1), ..Faults::pipelining() });
            let (told, refusals) = std::sync::mpsc::channel();
            let mut fetch = deleting(&house).on_event(move |event| {
                if let FetchEvent::Notice(Notice::NotDeleted { message, .. }) = event {
                    told.send(message.number()).unwrap();
                }
            });
            let report = house.run_with(&mut fetch, ClientOptions::new()).unwrap();
            assert_eq!(figures(&report), [3, 0, 0, 2, 1]);
            assert_eq!(refusals.try_iter().collect::<Vec<_>>(), [2]);
            assert_eq!(house.server.left(), ["b"]);
            assert_eq!(next(&house, fetch, anew), [0, 0, 0, 1, 0]);
            assert!(house.server.left().is_empty());
            house.has_each_message_once(&MAIL);
        }
    }
}

/// A server that gives two messages one unique-id lists the new one first. It is not taken for the old one, whether or
/// not messages are deleted.
#[test]
fn a_message_that_takes_the_unique_id_of_a_stored_one_is_fetched_before_anything_is_deleted() {
    for delete in [true, false] {
        let house = House::new(Runtime::Tokio);
        let first = ("a", "Subject: A\r\n\r\none\r\n");
        assert_eq!(figures(&house.run(FetchOptions::new()).unwrap()), [3, 0, 0, 0, 0]);
        house.server.deliver_first(first);
        // The old one has moved down: it is stored again, since nobody can tell.
        let options = FetchOptions::new().with_delete(delete);
        let deleted = if delete { 4 } else { 0 };
        assert_eq!(figures(&house.run(options).unwrap()), [2, if delete { 0 } else { 2 }, 0, deleted, 0]);
        house.has_each_message_once(&[first, MAIL[0], MAIL[0], MAIL[1], MAIL[2]]);
        // From now on, both are known.
        if !delete {
            assert_eq!(figures(&house.run(FetchOptions::new()).unwrap()), [0, 4, 0, 0, 0]);
            assert_eq!(house.server.retrs(), 5);
        }
        house.run(FetchOptions::new().with_delete(true)).unwrap();
        assert!(house.server.left().is_empty());
        house.has_each_message_once(&[first, MAIL[0], MAIL[0], MAIL[1], MAIL[2]]);
    }
}

/// An extra reply behind DELE shifts all others: the refusal of the last DELE is not seen in its place, and the `+OK`
/// in the place of the reply to QUIT says nothing.
#[test]
fn a_reply_too_many_among_those_to_dele_makes_nothing_forgotten() {
    for anew in [true, false] {
        for doubled in 0..3 {
            for (refused, (uid, _)) in MAIL.iter().enumerate() {
                let house = House::new(Runtime::Tokio);
                let (doubles_dele, refuses_dele) = (Some(doubled), Some(refused));
                house.server.fail(Faults { doubles_dele, refuses_dele, ..Faults::pipelining() });
                let mut fetch = deleting(&house);
                let error = house.run_with(&mut fetch, ClientOptions::new()).unwrap_err();
                assert!(matches!(error, FetchError::Client(_)), "{error:?}");
                assert!(fetch.lost_synchronisation(), "{error:?}");
                assert_eq!((fetch.report().deleted, house.server.left()), (0, vec![*uid]));
                house.server.fail(Faults::pipelining());
                assert_eq!(next(&house, fetch, anew), [0, 0, 0, 1, 0], "{doubled} {refused}");
                house.has_each_message_once(&MAIL);
            }
        }
    }
}

/// Two messages with one unique-id: the next listing would not say which of them is gone.
#[test]
fn a_reply_too_many_where_quit_waits_deletes_nothing() {
    for doubled in 0..4 {
        let house = House::new(Runtime::Tokio);
        let twin = ("a", "Subject: t\r\n\r\ntwin\r\n");
        house.server.deliver(twin);
        let quits = house.server.quits();
        house.server.fail(Faults { doubles_dele: Some(doubled), ..Faults::pipelining() });
        let mut fetch = deleting(&house);
        house.run_with(&mut fetch, ClientOptions::new()).unwrap_err();
        assert!(fetch.lost_synchronisation());
        assert_eq!((house.server.left().len(), quits.try_iter().count()), (4, 0));
        assert_eq!(figures(fetch.report()), [4, 0, 0, 0, 4]);
        house.server.fail(Faults::pipelining());
        // The twins are compared with what is known before they are deleted.
        assert_eq!(next(&house, fetch, false), [0, 2, 0, 4, 0]);
        house.has_each_message_once(&[MAIL[0], MAIL[1], MAIL[2], twin]);
    }
}

#[test]
fn a_run_that_is_dropped_behind_quit_loses_and_repeats_nothing() {
    for deleted in [true, false] {
        for anew in [true, false] {
            let house = House::new(Runtime::Tokio);
            house.server.fail(Faults { hangs_at_quit: Some(deleted), ..Faults::pipelining() });
            let quits = house.server.quits();
            let mut fetch = deleting(&house);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (port, security) = (house.server.port, Security::TrustedPlaintext);
                let mut client =
                    pop3_tokio::connect("127.0.0.1", port, security, ClientOptions::new()).await.unwrap();
                client.login(b"mrose", b"tanstaaf").await.unwrap();
                tokio::select! {
                    ended = fetch.run(client) => panic!("QUIT was not answered: {ended:?}"),
                    quit = tokio::task::spawn_blocking(move || quits.recv()) => quit.unwrap().unwrap(),
                }
            });
            assert_eq!(house.server.left().len(), if deleted { 0 } else { 3 });
            house.server.fail(Faults::pipelining());
            let left = if deleted { 0 } else { 3 };
            assert_eq!(next(&house, fetch, anew), [0, 0, 0, left, 0]);
            assert!(house.server.left().is_empty());
            house.has_each_message_once(&MAIL);
        }
    }
}

#[test]
fn a_switch_that_is_thrown_when_all_is_stored_still_sends_quit() {
    for runtime in RUNTIMES {
        let house = House::new(runtime);
        let (quits, stop) = (house.server.quits(), Stop::new());
        let thrown = stop.clone();
        let mut fetch =
            house.open(FetchOptions::new().with_stop(stop.clone())).unwrap().on_event(move |event| {
                if let FetchEvent::Finished = event {
                    thrown.stop();
                }
            });
        let report = house.run_with(&mut fetch, ClientOptions::new().with_stop(stop)).unwrap();
        assert_eq!((figures(&report), quits.try_iter().count()), ([3, 0, 0, 0, 0], 1));
    }
}

/// Some servers remove at QUIT what they have sent.
#[test]
fn no_quit_is_sent_if_storing_fails() {
    for (stops, fails) in [(true, false), (true, true), (false, true)] {
        let house = House::new(Runtime::Tokio);
        let (quits, stop, disk) =
            (house.server.quits(), Stop::new(), pop3_disk::Faults::over(System::shared()));
        let options = FetchOptions::new().with_stop(stop.clone()).with_delete(true);
        let (thrown, broken) = (stop.clone(), disk.clone());
        let mut fetch = Fetch::open_on(&disk.shared(), &house.target(), &house.state(), "mrose@h", options)
            .unwrap()
            .on_event(move |event| {
                if let FetchEvent::Message { .. } = event {
                    if stops {
                        thrown.stop();
                    }
                    if fails {
                        broken.fail_at(1, ErrorKind::StorageFull);
                    }
                }
            });
        house.run_with(&mut fetch, ClientOptions::new().with_stop(stop)).unwrap_err();
        assert_eq!((fetch.report().fetched, quits.try_iter().count()), if fails { (0, 0) } else { (1, 1) });
        assert_eq!(house.server.left().len(), 3);
    }
}

#[test]
fn no_quit_is_sent_behind_a_message_that_came_without_its_content() {
    let house = House::new(Runtime::Tokio);
    let quits = house.server.quits();
    house.server.fail(Faults { empties: Some(1), ..Faults::pipelining() });
    let mut fetch = deleting(&house);
    let report = house.run_with(&mut fetch, ClientOptions::new()).unwrap();
    assert_eq!((figures(&report), quits.try_iter().count()), ([2, 0, 1, 0, 2], 0));
    house.has_each_message_once(&[MAIL[0], MAIL[2]]);
    house.server.fail(Faults::pipelining());
    assert_eq!(next(&house, fetch, false), [1, 0, 0, 3, 0]);
    house.has_each_message_once(&MAIL);
}

/// Many servers estimate them.
#[test]
fn sizes_that_are_wrong_cut_no_message() {
    for faults in [Faults::pipelining(), Faults::default()] {
        let house = House::new(Runtime::Tokio);
        house.server.fail(Faults { lists_less: true, ..faults });
        assert_eq!(figures(&house.run(FetchOptions::new().with_delete(true)).unwrap()), [3, 0, 0, 3, 0]);
        house.has_each_message_once(&MAIL);
    }
}

/// A server may give a unique-id again. The size tells that it is another message.
#[test]
fn another_message_with_a_known_unique_id_is_stored_before_it_is_deleted() {
    let mut house = House::new(Runtime::Tokio);
    house.run(FetchOptions::new()).unwrap();
    let other = ("a", "Subject: o\r\n\r\nanother one\r\n");
    house.server = Server::start(&[other]);
    let report = house.run(FetchOptions::new().with_delete(true)).unwrap();
    assert_eq!((figures(&report), house.server.left().len()), ([1, 0, 0, 1, 0], 0));
    house.has_each_message_once(&[MAIL[0], MAIL[1], MAIL[2], other]);
}
