//! `-`: messages on standard output, one behind the other, as the server has them, with CRLF.
//!
//! A message is gathered first, so that one which arrives cut, or turns out to be something else, does not
//! appear: what was printed can't be taken back. It counts as stored when standard output has taken and
//! flushed it; a run that is killed right then prints it again.

use core::time::Duration;
use std::io::{self, Seek as _, Write};

use tempfile::SpooledTempFile;

use super::{Receiving, Sink};

/// A message with more octets is gathered in a file that has no name, and so goes with the process.
const IN_MEMORY: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Stdout;

impl Sink for Stdout {
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>> {
        Ok(Box::new(Printing { gathered: SpooledTempFile::new(IN_MEMORY) }))
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
    gathered: SpooledTempFile,
}

impl Write for Printing {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.gathered.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.gathered.flush()
    }
}

impl Receiving for Printing {
    /// Prints the message: before it is noted, as a note can't be followed by a question here.
    fn seal(&mut self) -> io::Result<()> {
        self.gathered.rewind()?;
        let mut out = io::stdout().lock();
        io::copy(&mut self.gathered, &mut out)?;
        out.flush()
    }

    fn token(&self) -> String {
        "-".to_owned()
    }

    fn publish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
