//! What holds however the logins of a user take turns.

use std::sync::Arc;

use pop3_concurrency::{explore, thread};

use super::*;

// 2449-6.51
#[test]
fn of_logins_at_the_same_time_only_one_gets_in() {
    explore(|| {
        let delays = Arc::new(LoginDelays::default());
        let (delay, now) = (Duration::from_secs(60), Instant::new(Duration::from_secs(5)));
        let log_in = |user: &'static str| {
            let delays = Arc::clone(&delays);
            thread::spawn(move || {
                let user = UserName::parse(user.as_bytes()).unwrap();
                // In between, the store opens the maildrop.
                delays.wait(&user, delay, now).is_none() && delays.log_in(&user, delay, now).is_ok()
            })
        };
        let threads = ["alice", "bob", "alice"].map(log_in);
        let [first, bob, second] = threads.map(|thread| thread.join().unwrap());
        assert!(first != second && bob);
    });
}
