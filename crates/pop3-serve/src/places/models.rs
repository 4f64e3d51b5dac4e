//! What holds however connections come, log in and leave at the same time.

use pop3_concurrency::{block_on, explore, thread};

use super::*;

/// Looks at the table, as it is between any two steps of others.
fn check(places: &Places) {
    places.now().assert_consistent();
}

fn client(last: u8) -> Caller {
    Caller::Client(IpAddr::from([192, 0, 2, last]))
}

/// How a connection goes on.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// It says nothing, until it loses its place or leaves.
    Leaves,
    /// It logs in as this user.
    LogsIn(&'static str),
    /// Its login fails.
    Fails,
    /// A proxy names another client.
    SpeaksFor(u8),
}

/// A connection from its beginning to its end. Returns whether it got a place.
fn connection(places: &Arc<Places>, from: Caller, does: Does) -> bool {
    let end = Stop::new();
    let Ok(place) = places.admit(from, &end) else { return false };
    check(places);
    match does {
        Does::Leaves => {}
        Does::SpeaksFor(last) => {
            let _ = place.speaks_for(IpAddr::from([192, 0, 2, last]));
        }
        Does::LogsIn(_) | Does::Fails => match place.check() {
            None => assert!(end_comes(&end), "it is told that its place is lost"),
            Some(checked) => {
                thread::yield_now();
                assert!(!end.is_stopped(), "it keeps its place while it is checked");
                if let Does::LogsIn(user) = does {
                    checked.succeeded();
                    let user = places.log_in(&UserName::parse(user.as_bytes()).unwrap());
                    check(places);
                    thread::yield_now();
                    drop(user);
                    assert!(!end.is_stopped(), "it keeps its place to the end");
                }
            }
        },
    }
    check(places);
    drop(place);
    check(places);
    true
}

/// Waits until the connection is told to end.
fn end_comes(end: &Stop) -> bool {
    block_on(end.stopped());
    end.is_stopped()
}

/// Runs the connections at the same time. Nothing is left of them.
fn at_once(most: ConnectionLimits, connections: Vec<(Caller, Does)>) {
    explore(move || {
        let places = Places::new(most);
        let begin = |&(from, does): &(Caller, Does)| {
            let places = Arc::clone(&places);
            thread::spawn(move || connection(&places, from, does))
        };
        let threads: Vec<_> = connections.iter().map(begin).collect();
        check(&places);
        let admitted = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|in_| *in_).count();
        assert!(admitted >= usize::try_from(most.total).unwrap().min(connections.len()));
        assert!(places.now().is_empty(), "{places:?}");
    });
}

const fn at(last: u8) -> Caller {
    Caller::Client(IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, last)))
}

// SEC-03
#[test]
fn a_place_that_is_taken_away_is_free_once() {
    at_once(
        ConnectionLimits::new(2, 2, 1),
        vec![
            (at(1), Does::Leaves),
            (at(1), Does::Fails),
            (at(2), Does::Leaves),
            (at(3), Does::LogsIn("alice")),
        ],
    );
}

// SEC-03
#[test]
fn whoever_logs_in_keeps_the_place() {
    at_once(
        ConnectionLimits::new(3, 2, 1),
        vec![
            (at(1), Does::LogsIn("alice")),
            (at(1), Does::LogsIn("bob")),
            (at(1), Does::Leaves),
            (at(2), Does::LogsIn("alice")),
        ],
    );
}

// SEC-03
#[test]
fn a_proxy_names_clients_while_others_come() {
    const PROXY: Caller = Caller::Proxy(IpAddr::V4(core::net::Ipv4Addr::LOCALHOST));
    at_once(
        ConnectionLimits::new(3, 2, 1),
        vec![
            (PROXY, Does::SpeaksFor(1)),
            (PROXY, Does::SpeaksFor(1)),
            (at(1), Does::Fails),
            (PROXY, Does::SpeaksFor(2)),
            (at(1), Does::Leaves),
        ],
    );
}

/// A connection that waits for its client is woken when it loses its place, and nobody else is.
// SEC-03
#[test]
fn the_one_that_loses_its_place_is_woken() {
    explore(|| {
        let places = Places::new(ConnectionLimits::new(2, 2, 1));
        let (silent, other) = (Stop::new(), Stop::new());
        let place = places.admit(client(1), &silent).unwrap();
        let kept = places.admit(client(1), &other).unwrap();
        let waiting = thread::spawn({
            let silent = silent.clone();
            move || {
                let _place = place;
                end_comes(&silent)
            }
        });
        let new = places.admit(client(2), &Stop::new()).unwrap();
        assert!(waiting.join().unwrap() && !other.is_stopped());
        drop((kept, new));
        assert!(places.now().is_empty());
    });
}
