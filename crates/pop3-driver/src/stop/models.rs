//! What holds however the threads that use a switch take turns.

use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use pop3_concurrency::atomic::AtomicUsize;
use pop3_concurrency::explore;
#[cfg(pop3_shuttle)]
use pop3_concurrency::explore_with_time;

use super::*;
use crate::sync::thread;
use crate::wait;

const LONG: Duration = Duration::from_secs(3_600);

fn counter() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}

/// An action that counts.
fn counts(counter: &Arc<AtomicUsize>) -> impl FnOnce() + Send + 'static {
    let counter = Arc::clone(counter);
    move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether nobody is registered any more.
fn is_empty(stop: &Stop) -> bool {
    stop.lock().list.is_empty()
}

#[test]
fn an_action_runs_once_if_it_is_kept() {
    explore(|| {
        let (stop, ran) = (Stop::with_grace(LONG), counter());
        let stopping = [stop.clone(), stop.clone()].map(|stop| thread::spawn(move || stop.stop()));
        let kept = stop.on_stop(counts(&ran));
        stopping.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(stop.is_stopped() && count(&ran) == 1);
        drop(kept);
        assert!(count(&ran) == 1 && is_empty(&stop));
    });
}

#[test]
fn an_action_does_not_run_behind_the_drop() {
    explore(|| {
        let (stop, ran) = (Stop::with_grace(LONG), counter());
        let kept = stop.on_stop(counts(&ran));
        let stopping = thread::spawn({
            let stop = stop.clone();
            move || stop.stop()
        });
        drop(kept);
        let before = count(&ran);
        stopping.join().unwrap();
        assert_eq!(count(&ran), before, "it ran after it was unregistered");
        assert!(before <= 1 && is_empty(&stop));
    });
}

#[test]
fn an_action_may_drop_itself_and_one_that_is_due_as_well() {
    explore(|| {
        let (stop, ran) = (Stop::with_grace(LONG), counter());
        let both = Arc::new(std::sync::Mutex::new(Vec::new()));
        let drops = || {
            let (both, counts) = (Arc::clone(&both), counts(&ran));
            move || {
                let all = core::mem::take(&mut *both.lock().unwrap());
                drop(all);
                counts();
            }
        };
        let kept = vec![stop.on_stop(drops()), stop.on_stop(drops())];
        *both.lock().unwrap() = kept;
        let stopping = thread::spawn({
            let stop = stop.clone();
            move || stop.stop()
        });
        stop.stop();
        stopping.join().unwrap();
        assert!(count(&ran) == 1 && is_empty(&stop));
    });
}

#[test]
fn whoever_waits_is_woken_by_the_stop() {
    explore(|| {
        let stop = Stop::new();
        let waiting = [0, 1].map(|which| {
            let stop = stop.clone();
            thread::spawn(move || match which {
                0 => assert_eq!(wait(stop.race(core::future::pending::<()>())), None),
                _ => assert_eq!(wait(stop.before(core::future::pending::<()>())), None),
            })
        });
        stop.stop();
        waiting.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(is_empty(&stop));
    });
}

/// What the thread that stops has written before is seen by whoever sees the stop, without a lock.
#[test]
fn what_was_written_before_a_stop_is_seen_after_it() {
    explore(|| {
        let (stop, written, hint) = (Stop::new(), counter(), counter());
        let stopping = thread::spawn({
            let (stop, written, hint) = (stop.clone(), Arc::clone(&written), Arc::clone(&hint));
            move || {
                written.store(1, Ordering::Relaxed);
                stop.stop();
                hint.store(1, Ordering::Relaxed);
            }
        });
        // It promises nothing, but has loom try what happens after the stop: the thread that stops looks at the stage
        // itself, which hides from loom that this one does.
        let _ = count(&hint);
        if stop.is_stopped() {
            assert_eq!(count(&written), 1);
        }
        stopping.join().unwrap();
    });
}

#[test]
fn a_session_that_looks_at_both_switches_ends_with_the_cut_of_the_server() {
    explore(|| {
        let (server, session) = (Stop::with_grace(LONG), Stop::new());
        let serving = thread::spawn({
            let server = server.clone();
            move || {
                let link = server.link(&session);
                let looks = poll_fn(
                    |_: &mut Context<'_>| {
                        if session.is_stopped() { Poll::Ready(()) } else { Poll::Pending }
                    },
                );
                wait(session.watched(looks));
                drop(link);
                assert!(is_empty(&session));
            }
        });
        server.cut();
        serving.join().unwrap();
        assert!(is_empty(&server));
    });
}

#[test]
#[cfg(pop3_shuttle)]
fn every_action_of_the_stop_begins_before_those_of_the_cut() {
    explore_with_time(|| {
        let stop = Stop::with_grace(Duration::from_secs(1));
        let (at_stop, at_cut) = (counter(), counter());
        let kept = [counts(&at_stop), counts(&at_stop)].map(|action| stop.on_stop(action));
        let cut = stop.on_cut({
            let (stop, counts) = (stop.clone(), counts(&at_cut));
            move || {
                assert!(stop.is_cut() && !stop.lock().list.has_action(Stage::Stopped));
                counts();
            }
        });
        let threads = [false, true].map(|cut| {
            let stop = stop.clone();
            thread::spawn(move || if cut { stop.cut() } else { stop.stop() })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop((kept, cut));
        // The end of the grace period may be about to run it, and finds it dropped.
        assert!(count(&at_stop) == 2 && count(&at_cut) <= 1);
        assert!(is_empty(&stop));
    });
}

#[test]
#[cfg(pop3_shuttle)]
fn the_grace_period_ends_whoever_registers_when() {
    explore_with_time(|| {
        let (stop, ran) = (Stop::with_grace(Duration::from_secs(1)), counter());
        let stopping = thread::spawn({
            let stop = stop.clone();
            move || stop.stop()
        });
        let waiting = thread::spawn({
            let stop = stop.clone();
            move || wait(stop.before_left_behind(core::future::pending::<()>()))
        });
        let kept = stop.on_cut(counts(&ran));
        stopping.join().unwrap();
        assert_eq!(waiting.join().unwrap(), None);
        assert!(stop.is_cut() && count(&ran) == 1);
        drop(kept);
        assert!(is_empty(&stop));
    });
}

#[test]
#[cfg(pop3_shuttle)]
fn an_action_that_panics_holds_nobody_up() {
    explore_with_time(|| {
        let (stop, ran) = (Stop::with_grace(Duration::from_secs(1)), counter());
        let panics = || resume_unwind(Box::new("in an action"));
        let actions = [
            stop.on_stop(panics),
            stop.on_stop(counts(&ran)),
            stop.on_cut(panics),
            stop.on_cut(counts(&ran)),
        ];
        let stopping = thread::spawn({
            let stop = stop.clone();
            move || std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| stop.stop())).is_err()
        });
        assert_eq!(wait(stop.before_left_behind(core::future::pending::<()>())), None);
        assert_eq!(count(&ran), 2);
        // Unless the thread that counts the grace period was faster.
        let _ = stopping.join().unwrap();
        drop(actions);
        assert!(is_empty(&stop));
    });
}

#[test]
#[cfg(pop3_shuttle)]
fn a_crowd_comes_and_goes_while_the_switch_is_thrown() {
    explore_with_time(|| {
        let (stop, ran) = (Stop::with_grace(Duration::from_secs(1)), counter());
        let crowd: Vec<_> = (0..4)
            .map(|which| {
                let (stop, ran) = (stop.clone(), Arc::clone(&ran));
                thread::spawn(move || {
                    // One that is dropped early, one that stays, and a future that is given up.
                    drop(stop.on_stop(|| ()));
                    let kept =
                        if which % 2 == 0 { stop.on_stop(counts(&ran)) } else { stop.on_cut(counts(&ran)) };
                    let race = wait(stop.race(async { which }));
                    assert!(race.is_none_or(|which_again| which_again == which));
                    wait(stop.stopped());
                    if which % 2 == 1 {
                        assert_eq!(wait(stop.before_left_behind(core::future::pending::<()>())), None);
                    }
                    drop(kept);
                })
            })
            .collect();
        stop.stop();
        crowd.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(count(&ran) >= 2 && count(&ran) <= 4);
        assert!(is_empty(&stop));
    });
}
