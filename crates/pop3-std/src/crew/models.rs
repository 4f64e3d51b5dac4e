//! What holds however the threads of a crew, those who bring sessions, and the time take turns.

use pop3_concurrency::{explore, explore_with_time};

use super::*;

/// Counts the sessions that are served.
type Served = Arc<Mutex<usize>>;

/// A session that takes a while.
fn serve(served: Served) {
    thread::yield_now();
    *served.lock().unwrap() += 1;
}

/// Brings so many sessions in each of two threads, and then drops the crew. All of them are served.
fn each_session_is_served(sessions: usize) {
    let (crew, served) = (Arc::new(Crew::default()), Served::default());
    let bringing = [(), ()].map(|()| {
        let (crew, served) = (Arc::clone(&crew), Arc::clone(&served));
        thread::spawn(move || {
            for _ in 0..sessions {
                assert!(crew.run(Arc::clone(&served), serve).is_ok());
            }
        })
    });
    let shared = Arc::clone(&crew.0);
    bringing.into_iter().for_each(|thread| thread.join().unwrap());
    drop(crew);
    // Each job has a thread that is idle, so none of them waits for the end of another session.
    let state = shared.state();
    assert!(state.closed && state.jobs.len() <= state.idle);
    drop(state);
    wait_for(&served, 2 * sessions);
}

fn wait_for(served: &Served, sessions: usize) {
    while *served.lock().unwrap() < sessions {
        thread::yield_now();
    }
    assert_eq!(*served.lock().unwrap(), sessions);
}

#[test]
fn each_session_is_served_while_threads_lose_their_patience() {
    explore_with_time(|| each_session_is_served(3));
}

/// Sessions that need each other: all of them begin, whatever the threads do at that moment.
#[test]
fn no_session_waits_for_the_end_of_another() {
    explore(|| {
        let (crew, served) = (Crew::default(), Served::default());
        // Threads that may be idle by now.
        for _ in 0..2 {
            assert!(crew.run(Arc::clone(&served), serve).is_ok());
        }
        let together = Arc::new((Mutex::new(0), Condvar::new()));
        for _ in 0..3 {
            let meets = |together: Arc<(Mutex<usize>, Condvar)>| {
                let (number, changed) = &*together;
                let mut number = number.lock().unwrap();
                *number += 1;
                changed.notify_all();
                while *number < 3 {
                    number = changed.wait(number).unwrap();
                }
            };
            assert!(crew.run(Arc::clone(&together), meets).is_ok());
        }
        let (number, changed) = &*together;
        let mut number = number.lock().unwrap();
        while *number < 3 {
            number = changed.wait(number).unwrap();
        }
        drop(number);
        drop(crew);
        wait_for(&served, 2);
    });
}
