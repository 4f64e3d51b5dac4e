//! Messages while they are received.

use std::io;
use std::sync::Arc;

use super::place::Place;
use crate::sink::{Gathered, Intake, Room};

/// Begins messages, also while the inbox stores others.
#[derive(Clone)]
pub(crate) struct Reception {
    intake: Arc<dyn Intake>,
    room: Arc<Room>,
    target: Place,
}

/// A message that is being received: push its octets, [`finish`](Self::finish) it, then
/// [keep](super::inbox::Inbox::keep) it. Dropped before that, it leaves nothing.
pub(crate) struct Incoming {
    gathered: Gathered,
    reception: Reception,
}

impl Reception {
    pub(super) fn new(intake: Arc<dyn Intake>, target: Place) -> Self {
        Self { intake, room: Arc::new(Room::default()), target }
    }

    /// Frees the memory that is kept for further messages.
    pub(crate) fn release(&self) {
        self.room.release();
    }

    /// Begins to receive a message. `size` is what the server says.
    pub(crate) fn begin(&self, size: Option<u64>) -> Incoming {
        let gathered = Gathered::new(self.intake.token(), &self.room, size);
        Incoming { gathered, reception: self.clone() }
    }
}

#[cfg(test)]
impl Reception {
    /// The same where there is no room in memory.
    pub(crate) fn crowded(&self) -> Self {
        Self { room: Arc::new(Room::full()), ..self.clone() }
    }

    /// How many octets are taken in memory, and how many buffers are kept for further messages.
    pub(crate) fn taken(&self) -> (usize, usize) {
        self.room.taken()
    }
}

impl Incoming {
    /// More octets of the message, in the form of the server.
    pub(crate) fn push(&mut self, octets: &[u8]) -> io::Result<()> {
        let Reception { intake, target, .. } = &self.reception;
        target.named(self.gathered.push(octets, &**intake))
    }

    /// All octets have come. If there are `too_many` open files, its own is closed, which takes longer.
    pub(crate) fn finish(&mut self, too_many: bool) -> io::Result<()> {
        let mut finished = self.gathered.finish();
        if too_many {
            finished = finished.and_then(|()| self.gathered.close());
        }
        self.reception.target.named(finished)
    }

    /// What the message is, as far as that is known without the server.
    pub(crate) const fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// The message, which must be [finished](Self::finish).
    pub(super) fn into_gathered(self) -> Gathered {
        self.gathered
    }
}
