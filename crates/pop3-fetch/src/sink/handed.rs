//! Messages that are handed on, and not stored in files: to the caller, or to standard output.
//!
//! A message is gathered first, so that one which arrives cut, or turns out to be something else, is not
//! handed on: that can't be taken back. It counts as stored when it was taken; a run that is killed right then
//! hands it on again.

use core::fmt;
use core::time::Duration;
use std::io::{self, Read, Seek as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use pop3_disk::{Disk, File};
use pop3_proto::Octets;

use super::{Receiving, Sink};

/// A message with more octets is gathered in a file that has no name, and so goes with the process.
const IN_MEMORY: usize = 64 * 1024;

/// Takes a complete message.
pub(crate) type Deliver = Box<dyn FnMut(&mut FetchedMessage<'_>) -> io::Result<()> + Send>;

/// A complete message, as a reader. It returns the octets in the form of the server, with CRLF and without
/// dot-stuffing.
pub struct FetchedMessage<'a> {
    octets: Octets,
    content: &'a mut (dyn Read + 'a),
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
        self.content.read(buffer)
    }
}

impl fmt::Debug for FetchedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("octets", &self.octets).finish_non_exhaustive()
    }
}

/// Prints a message on standard output.
pub(super) fn print(message: &mut FetchedMessage<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    io::copy(message, &mut out)?;
    out.flush()
}

pub(crate) struct Handed {
    disk: Arc<dyn Disk>,
    deliver: Arc<Mutex<Deliver>>,
}

impl Handed {
    pub(crate) fn new(disk: &Arc<dyn Disk>, deliver: Deliver) -> Self {
        Self { disk: Arc::clone(disk), deliver: Arc::new(Mutex::new(deliver)) }
    }
}

impl Sink for Handed {
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>> {
        let (disk, deliver) = (Arc::clone(&self.disk), Arc::clone(&self.deliver));
        Ok(Box::new(Gathered { disk, deliver, octets: 0, memory: Vec::new(), file: None }))
    }

    fn seals_for_good(&self) -> bool {
        true
    }

    fn sync_sealed(&mut self) -> io::Result<()> {
        Ok(())
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

struct Gathered {
    disk: Arc<dyn Disk>,
    deliver: Arc<Mutex<Deliver>>,
    octets: Octets,
    memory: Vec<u8>,
    /// All of it, once it is too much for memory.
    file: Option<Box<dyn File>>,
}

impl Gathered {
    fn gather(&mut self, octets: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            return file.write(octets);
        }
        if self.memory.len() + octets.len() <= IN_MEMORY {
            self.memory.extend_from_slice(octets);
            return Ok(octets.len());
        }
        let mut file = self.disk.temporary()?;
        file.write_all(&self.memory)?;
        self.memory = Vec::new();
        self.file.insert(file).write(octets)
    }
}

impl Write for Gathered {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.gather(octets)?;
        self.octets += written as Octets;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush())
    }
}

impl Receiving for Gathered {
    /// Hands the message on: before it is noted, as a note can't be followed by a question here.
    fn seal(&mut self) -> io::Result<()> {
        let mut memory = self.memory.as_slice();
        let content: &mut dyn Read = match &mut self.file {
            Some(file) => {
                file.rewind()?;
                file
            }
            None => &mut memory,
        };
        // A panic of the caller's ends the run, and leaves nothing of ours half done.
        let mut deliver = self.deliver.lock().unwrap_or_else(PoisonError::into_inner);
        (*deliver)(&mut FetchedMessage { octets: self.octets, content })
    }

    fn token(&self) -> String {
        "-".to_owned()
    }

    fn publish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
