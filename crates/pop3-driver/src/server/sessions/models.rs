//! What holds however sessions end while somebody waits for this.

use pop3_concurrency::explore;

use super::*;
use crate::sync::thread;
use crate::wait;

#[test]
fn the_end_of_the_last_session_wakes_whoever_waits() {
    explore(|| {
        let sessions = Sessions::new();
        let enter = |port| {
            let address = ([127, 0, 0, 1], port).into();
            sessions.enter(Arc::new(Peer::new(address, address)), Instant::now())
        };
        let ending = [enter(1), enter(2)].map(|entered| {
            thread::spawn(move || {
                assert!(entered.tell() && !entered.tell());
                drop(entered);
            })
        });
        wait(sessions.none_left());
        assert!(sessions.count() == 0 && sessions.lock().waiting.is_empty());
        ending.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
