//! Messages that are handed on to the caller, and not stored in files.
//!
//! A message is gathered first, so that one which arrives cut, or turns out to be something else, is not
//! handed on: that can't be taken back. It counts as stored when it was taken; a run that is killed right then
//! hands it on again.

use core::fmt;
use core::time::Duration;
use std::io::{self, Read};
use std::sync::Arc;

use pop3_disk::{Disk, File};
use pop3_proto::Octets;

use super::gathered::{Gathered, Whole};
use super::spool::Spool;
use super::{Intake, Noting, Part, Sealed, Sink};

/// Takes a complete message.
pub(crate) type Deliver = Box<dyn FnMut(&mut FetchedMessage<'_>) -> io::Result<()> + Send>;

/// A complete message, as a reader. It returns the octets in the form of the server, with CRLF and without
/// dot-stuffing.
pub struct FetchedMessage<'a> {
    octets: Octets,
    content: Source<'a>,
}

/// Where the octets are that were not read.
enum Source<'a> {
    Memory(&'a [u8]),
    File(&'a mut dyn File),
}

impl FetchedMessage<'_> {
    /// Returns the size in octets.
    #[must_use]
    pub const fn octets(&self) -> Octets {
        self.octets
    }
}

impl Read for FetchedMessage<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Source::Memory(octets) => octets.read(buffer),
            Source::File(file) => file.read(buffer),
        }
    }
}

impl fmt::Debug for FetchedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("octets", &self.octets).finish_non_exhaustive()
    }
}

/// A target that takes messages for good: that can't be taken back, and nothing of it is left here.
pub(crate) struct Handed<T> {
    intake: Arc<Unnamed>,
    pub(super) taker: T,
}

/// Who takes the messages.
pub(crate) trait Taker: Send {
    /// When taken messages are noted.
    fn noting(&self) -> Noting;

    /// Takes messages in this order. Returns how many were taken completely.
    fn take(&mut self, messages: Vec<Gathered>) -> (usize, io::Result<()>);
}

/// What is too large for memory has no name.
struct Unnamed(Arc<dyn Disk>);

impl<T> Handed<T> {
    pub(crate) fn to(disk: &Arc<dyn Disk>, taker: T) -> Self {
        Self { intake: Arc::new(Unnamed(Arc::clone(disk))), taker }
    }
}

impl Intake for Unnamed {
    /// There is no file to be found.
    fn token(&self) -> String {
        String::new()
    }

    fn spool(&self, _token: &str) -> io::Result<Spool> {
        Ok(Spool::unnamed(self.0.temporary()?))
    }
}

impl<T: Taker> Sink for Handed<T> {
    fn intake(&self) -> Arc<dyn Intake> {
        Arc::clone(&self.intake) as _
    }

    fn noting(&self) -> Noting {
        self.taker.noting()
    }

    /// Hands the messages on: before they are noted, as a note can't be followed by a question here.
    fn seal(&mut self, messages: Vec<Gathered>) -> (Vec<Sealed>, io::Result<()>) {
        let (taken, result) = self.taker.take(messages);
        let sealed = || Sealed { part: Box::new(Taken), messages: 1 };
        (core::iter::repeat_with(sealed).take(taken).collect(), result)
    }

    fn sync_published(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn appeared(&mut self, _token: &str, _age: Duration) -> io::Result<bool> {
        Ok(true)
    }

    fn discard(&mut self, _token: &str) -> io::Result<()> {
        Ok(())
    }

    fn clean(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The caller, who may have stored the messages durably.
impl Taker for Deliver {
    fn noting(&self) -> Noting {
        Noting::Each
    }

    fn take(&mut self, messages: Vec<Gathered>) -> (usize, io::Result<()>) {
        let mut taken = 0;
        for message in messages {
            let octets = message.octets();
            let handed = match message.into_whole() {
                Whole::Memory(memory) => {
                    self(&mut FetchedMessage { octets, content: Source::Memory(&memory) })
                }
                Whole::File(mut spool) => spool
                    .rewound()
                    .and_then(|file| self(&mut FetchedMessage { octets, content: Source::File(file) })),
            };
            if let Err(error) = handed {
                return (taken, Err(error));
            }
            taken += 1;
        }
        (taken, Ok(()))
    }
}

/// A message that somebody has.
struct Taken;

impl Part for Taken {
    fn token(&self) -> &str {
        ""
    }

    fn publish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
