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

pub(crate) struct Handed {
    intake: Arc<Unnamed>,
    deliver: Deliver,
}

/// What is too large for memory has no name.
pub(super) struct Unnamed(Arc<dyn Disk>);

impl Handed {
    /// Hands messages to the caller, who may have stored them durably.
    pub(crate) fn new(disk: &Arc<dyn Disk>, deliver: Deliver) -> Self {
        Self { intake: Unnamed::on(disk), deliver }
    }
}

impl Unnamed {
    pub(super) fn on(disk: &Arc<dyn Disk>) -> Arc<Self> {
        Arc::new(Self(Arc::clone(disk)))
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

impl Sink for Handed {
    fn intake(&self) -> Arc<dyn Intake> {
        Arc::clone(&self.intake) as _
    }

    fn noting(&self) -> Noting {
        Noting::Each
    }

    /// Hands the messages on: before they are noted, as a note can't be followed by a question here.
    fn seal(&mut self, messages: Vec<Gathered>) -> (Vec<Sealed>, io::Result<()>) {
        let mut sealed = Vec::new();
        for message in messages {
            let octets = message.octets();
            let handed = match message.into_whole() {
                Whole::Memory(memory) => {
                    (self.deliver)(&mut FetchedMessage { octets, content: Source::Memory(&memory) })
                }
                Whole::File(mut spool) => spool.rewound().and_then(|file| {
                    (self.deliver)(&mut FetchedMessage { octets, content: Source::File(file) })
                }),
            };
            if let Err(error) = handed {
                return (sealed, Err(error));
            }
            sealed.push(Taken::sealed());
        }
        (sealed, Ok(()))
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

/// A message that somebody has.
pub(super) struct Taken;

impl Taken {
    pub(super) fn sealed() -> Sealed {
        Sealed { part: Box::new(Self), messages: 1 }
    }
}

impl Part for Taken {
    fn token(&self) -> &str {
        ""
    }

    fn publish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
