//! What holds however a session and the thread of its call take turns.

use pop3_concurrency::{block_on, explore};
use pop3_driver::store::BlockingPool as _;

use super::*;

#[test]
fn each_call_tells_its_result() {
    explore(|| {
        assert_eq!(block_on(Threads.run(|| 7)).unwrap(), 7);
        let slow = || {
            thread::yield_now();
            8
        };
        assert_eq!(block_on(Threads.run(slow)).unwrap(), 8);
    });
}

#[test]
fn a_call_that_is_given_up_ends_alone() {
    explore(|| {
        let ended = Arc::new(Mutex::new(false));
        let told = Arc::clone(&ended);
        let mut call = Box::pin(Threads.run(move || *told.lock().unwrap() = true));
        let mut context = core::task::Context::from_waker(Waker::noop());
        let polled = call.as_mut().poll(&mut context);
        drop(call);
        if polled.is_ready() {
            assert!(*ended.lock().unwrap());
        }
    });
}
