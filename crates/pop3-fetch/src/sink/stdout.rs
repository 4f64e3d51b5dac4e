//! `-`: messages on standard output, one behind the other, as the server has them, with CRLF.
//!
//! A message is gathered first, so that one which arrives cut, or turns out to be something else, does not
//! appear: what was printed can't be taken back. It counts as stored when standard output has taken and
//! flushed it; a run that is killed right then prints it again.

use core::time::Duration;
use std::io::{self, Seek as _, Write};
use std::sync::Arc;

use pop3_disk::{Disk, File};

use super::{Receiving, Sink};

/// A message with more octets is gathered in a file that has no name, and so goes with the process.
const IN_MEMORY: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Stdout {
    disk: Arc<dyn Disk>,
}

impl Stdout {
    pub(super) fn new(disk: &Arc<dyn Disk>) -> Self {
        Self { disk: Arc::clone(disk) }
    }
}

impl Sink for Stdout {
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>> {
        Ok(Box::new(Printing { disk: Arc::clone(&self.disk), memory: Vec::new(), file: None }))
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

#[derive(Debug)]
struct Printing {
    disk: Arc<dyn Disk>,
    memory: Vec<u8>,
    /// All of it, once it is too much for memory.
    file: Option<Box<dyn File>>,
}

impl Write for Printing {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
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

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush())
    }
}

impl Receiving for Printing {
    /// Prints the message: before it is noted, as a note can't be followed by a question here.
    fn seal(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(&self.memory)?;
        if let Some(file) = &mut self.file {
            file.rewind()?;
            io::copy(file, &mut out)?;
        }
        out.flush()
    }

    fn token(&self) -> String {
        "-".to_owned()
    }

    fn publish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
