//! What holds however the messages that are received and those that are stored share the room.

use pop3_concurrency::{explore, thread};

use super::*;

/// Takes, fills and gives back buffers, and compares what is counted with the bound in between.
fn messages(room: &Arc<Room>, octets: usize) {
    for announced in [0, octets, 4 * octets] {
        let mut memory = Memory::new(room, announced);
        let pushed = memory.push(&vec![b'x'; octets]);
        assert!(room.taken().0 <= ROOM);
        memory.finish();
        assert_eq!(memory.len(), if pushed { octets } else { 0 });
        assert!(room.taken().0 <= ROOM);
    }
}

#[test]
fn what_is_counted_is_what_is_allocated() {
    explore(|| {
        let room = Arc::new(Room::default());
        // They leave no room for all, so that what is spare makes way at times.
        room.lock().octets = ROOM - 12_000;
        let threads = [700, 3_000].map(|octets| {
            let room = Arc::clone(&room);
            thread::spawn(move || messages(&room, octets))
        });
        let releasing = Arc::clone(&room);
        let releases = thread::spawn(move || releasing.release());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        releases.join().unwrap();
        let spare: usize = room.lock().spare.iter().map(Vec::capacity).sum();
        assert_eq!(room.taken().0, ROOM - 12_000 + spare);
        room.release();
        assert_eq!(room.taken(), (ROOM - 12_000, 0));
    });
}
