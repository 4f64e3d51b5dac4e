//! A message that is being received: in memory while it is small, else in an unfinished file.

use std::io::{self, Write as _};
use std::sync::Arc;

use pop3_proto::Octets;
use pop3_seen::{Content, Key};

use super::Intake;
use super::room::{Memory, Room};
use super::spool::Spool;

/// The most octets of a message that are kept in memory.
const SMALL: usize = 1 << 20;

/// A message that is being received, or has been. Dropped before it is sealed, it leaves nothing.
pub(crate) struct Gathered {
    /// What [`Sink::appeared`](super::Sink::appeared) finds it by, unless it is sealed together with others.
    pub(crate) token: String,
    body: Body,
    octets: Octets,
    /// How it begins.
    head: [u8; 4],
}

enum Body {
    Memory(Memory),
    File { spool: Box<Spool>, content: Box<Content> },
}

/// Where the octets of a complete message are.
pub(super) enum Whole {
    /// As the server has sent them, without dot-stuffing.
    Memory(Memory),
    /// In the form of the target.
    File(Spool),
}

impl Gathered {
    /// Begins a message. `size` is what the server says; memory is taken in advance for some of it only.
    pub(crate) fn new(token: String, room: &Arc<Room>, size: Option<Octets>) -> Self {
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        let body = Body::Memory(Memory::new(room, size.min(SMALL)));
        Self { token, body, octets: 0, head: [0; 4] }
    }

    /// Adds octets. A message that becomes too large for memory moves to a file.
    pub(crate) fn push(&mut self, octets: &[u8], intake: &dyn Intake) -> io::Result<()> {
        if let Some(rest) = usize::try_from(self.octets).ok().and_then(|came| self.head.get_mut(came..)) {
            let taken = rest.len().min(octets.len());
            rest[..taken].copy_from_slice(&octets[..taken]);
        }
        self.octets = self.octets.saturating_add(octets.len() as Octets);
        match &mut self.body {
            Body::Memory(memory) => {
                if memory.len() + octets.len() <= SMALL && memory.push(octets) {
                    return Ok(());
                }
                let (mut spool, mut content) =
                    (Box::new(intake.spool(&self.token)?), Box::new(Key::of_content()));
                for octets in [&**memory, octets] {
                    content.update(octets);
                    spool.write_all(octets)?;
                }
                self.body = Body::File { spool, content };
                Ok(())
            }
            Body::File { spool, content } => {
                content.update(octets);
                spool.write_all(octets)
            }
        }
    }

    /// The message is complete.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match &mut self.body {
            Body::Memory(memory) => {
                // The server may have announced more than it has sent.
                memory.finish();
                Ok(())
            }
            Body::File { spool, .. } => spool.finish(),
        }
    }

    /// Closes its file, if it has one. So its content must be on the disk first.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        match &mut self.body {
            Body::Memory(_) => Ok(()),
            Body::File { spool, .. } => spool.sync(),
        }
    }

    /// How many octets have come.
    pub(crate) const fn octets(&self) -> Octets {
        self.octets
    }

    pub(crate) const fn is_in_memory(&self) -> bool {
        matches!(self.body, Body::Memory(_))
    }

    /// Whether the first line begins as a reply does.
    pub(crate) fn looks_like_a_reply(&self) -> bool {
        self.head[..3].eq_ignore_ascii_case(b"+OK") || self.head.eq_ignore_ascii_case(b"-ERR")
    }

    /// What the content is recognised by.
    pub(crate) fn key(&self) -> Key {
        match &self.body {
            Body::Memory(memory) => {
                let mut content = Key::of_content();
                content.update(memory);
                content.key()
            }
            Body::File { content, .. } => content.key(),
        }
    }

    /// The octets, if they are in memory.
    pub(super) fn memory(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Memory(memory) => Some(memory),
            Body::File { .. } => None,
        }
    }

    pub(super) fn into_whole(self) -> Whole {
        match self.body {
            Body::Memory(memory) => Whole::Memory(memory),
            Body::File { spool, .. } => Whole::File(*spool),
        }
    }
}

#[cfg(test)]
mod tests {
    use pop3_disk::{Disk as _, Faults, System};

    use super::super::room::ROOM;
    use super::*;

    /// Files without names.
    struct Unnamed(Faults);

    impl Intake for Unnamed {
        fn token(&self) -> String {
            String::new()
        }

        fn spool(&self, _: &str) -> io::Result<Spool> {
            Ok(Spool::unnamed(self.0.temporary()?))
        }
    }

    #[test]
    fn small_messages_take_no_file_and_large_ones_and_too_many_do() {
        let intake = Unnamed(Faults::over(System::shared()));
        let room = Arc::new(Room::default());
        let gather = |octets: usize| {
            let mut message = Gathered::new(String::new(), &room, Some(u64::MAX));
            for piece in vec![b'x'; octets].chunks(100_000) {
                message.push(piece, &intake).unwrap();
            }
            message.finish().unwrap();
            assert_eq!(message.octets(), octets as u64);
            message
        };
        let files =
            || intake.0.changes().iter().filter(|change| change.what == pop3_disk::What::Make).count();
        let mut small = vec![gather(SMALL)];
        assert_eq!((files(), room.taken().0), (0, SMALL));
        let large = gather(SMALL + 1);
        assert_eq!(files(), 1);
        assert!(!large.is_in_memory() && small[0].is_in_memory());
        assert_ne!(large.key(), small[0].key());
        small.extend((1..ROOM / SMALL).map(|_| gather(SMALL)));
        assert_eq!((files(), room.taken().0), (1, ROOM));
        // There is no more room, until one is gone.
        assert!(!gather(1).is_in_memory());
        assert_eq!(files(), 2);
        drop(small.pop());
        assert!(gather(1).is_in_memory());
        drop(small);
        // Only what is spare takes room.
        let (taken, spare) = room.taken();
        assert!(taken <= ROOM && spare > 0, "{taken} {spare}");
    }

    #[test]
    fn where_a_message_lies_does_not_change_what_it_is() {
        let intake = Unnamed(Faults::over(System::shared()));
        let (room, full) = (Arc::new(Room::default()), Arc::new(Room::full()));
        for text in [&b""[..], b"+ok", b"-ERR no\r\n", b"Subject: x\r\n\r\nx\r\n"] {
            for size in [1, 3, 100] {
                let gather = |room| {
                    let mut message = Gathered::new(String::new(), room, None);
                    text.chunks(size).for_each(|piece| message.push(piece, &intake).unwrap());
                    message
                };
                let (memory, file) = (gather(&room), gather(&full));
                assert!(memory.is_in_memory() && (text.is_empty() || !file.is_in_memory()));
                assert_eq!((memory.key(), memory.octets()), (file.key(), file.octets()));
                let reply = matches!(text, [b'+' | b'-', ..]);
                assert_eq!((memory.looks_like_a_reply(), file.looks_like_a_reply()), (reply, reply));
            }
        }
    }
}
