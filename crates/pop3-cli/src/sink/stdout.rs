//! `-`: messages on standard output, one behind the other, as the server has them, with CRLF.
//!
//! A message is spooled first, so that one which arrives cut does not appear. It counts as stored
//! when standard output has taken and flushed it; a run that is killed right then prints it again.

use core::time::Duration;
use std::env;
use std::fs::File;
use std::io::{self, Write};

use super::dir::remove_with;
use super::spool::{Spool, unique};
use super::{Receiving, Sink};

#[derive(Debug)]
pub(super) struct Stdout {
    name: String,
    counter: u64,
}

impl Stdout {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), counter: 0 }
    }
}

impl Sink for Stdout {
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>> {
        let name = format!(".pop3.{}", unique(&self.name, &mut self.counter));
        Ok(Box::new(Printing { spool: Spool::create(env::temp_dir().join(name))? }))
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
        let name = format!(".{}", self.name);
        remove_with(&env::temp_dir(), |file| file.starts_with(".pop3.") && file.ends_with(&name))
    }
}

#[derive(Debug)]
struct Printing {
    spool: Spool,
}

impl Write for Printing {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.spool.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.spool.flush()
    }
}

impl Receiving for Printing {
    /// Prints the message: before it is noted, as a note can't be followed by a question here.
    fn seal(&mut self) -> io::Result<()> {
        self.spool.flush()?;
        let mut out = io::stdout().lock();
        io::copy(&mut File::open(self.spool.path())?, &mut out)?;
        out.flush()
    }

    fn token(&self) -> String {
        "-".to_owned()
    }

    fn publish(self: Box<Self>) -> io::Result<()> {
        self.spool.remove()
    }
}
