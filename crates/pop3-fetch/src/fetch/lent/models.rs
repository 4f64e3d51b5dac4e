//! What holds however the session and the thread that stores messages take turns.

use core::task::Context;

use pop3_concurrency::{block_on, explore, thread::yield_now};
use pop3_disk::System;

use super::*;

/// Work that takes a while, and adds its number.
fn adds(number: u32) -> impl FnOnce(&mut Vec<u32>) -> u32 + Send + 'static {
    move |value| {
        yield_now();
        value.push(number);
        number
    }
}

#[test]
fn the_value_comes_back_with_each_result() {
    explore(|| {
        let mut lent = Lent::new(&System::shared(), Vec::new());
        for number in [1, 2] {
            lent.start(adds(number));
            assert_eq!(block_on(lent.finished()), Some(number));
        }
        assert!(block_on(lent.finished()).is_none());
        assert_eq!(*lent.get(), [1, 2]);
    });
}

/// As when a session is cut: the future is polled, dropped, and the value is fetched with or without another look.
#[test]
fn nothing_is_lost_by_who_gives_up() {
    explore(|| {
        let mut lent = Lent::new(&System::shared(), Vec::new());
        lent.start(adds(1));
        let mut seen = {
            let mut context = Context::from_waker(Waker::noop());
            matches!(core::pin::pin!(lent.finished()).poll(&mut context), Poll::Ready(Some(1)))
        };
        if !seen {
            seen = block_on(lent.finished()) == Some(1);
        }
        assert!(seen && *lent.get() == [1]);
        lent.start(adds(2));
        // It blocks until the value is back.
        assert_eq!(*lent.get(), [1, 2]);
        assert!(block_on(lent.finished()).is_none());
        lent.end_thread();
        lent.start(adds(3));
        assert_eq!(block_on(lent.finished()), Some(3));
    });
}

#[test]
fn who_drops_it_relies_on_the_work_being_done() {
    explore(|| {
        let done = Arc::new(std::sync::Mutex::new(false));
        let mut lent = Lent::new(&System::shared(), ());
        let told = Arc::clone(&done);
        lent.start(move |()| {
            yield_now();
            *told.lock().unwrap() = true;
        });
        drop(lent);
        assert!(*done.lock().unwrap());
    });
}

#[test]
fn a_panic_gives_the_value_back() {
    explore(|| {
        let mut lent = Lent::<_, u32>::new(&System::shared(), Vec::new());
        lent.start(|value| {
            value.push(1);
            yield_now();
            resume_unwind(Box::new("as in the code of a caller"))
        });
        let caught = catch_unwind(AssertUnwindSafe(|| block_on(lent.finished())));
        assert!(caught.is_err());
        lent.start(adds(2));
        assert_eq!(block_on(lent.finished()), Some(2));
        assert_eq!(*lent.get(), [1, 2]);
    });
}
