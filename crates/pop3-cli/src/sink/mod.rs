//! Where fetched mail goes.
//!
//! A message is received into an unfinished file, sealed (it is on the disk now), noted in the
//! [`Journal`](crate::journal::Journal), and published (it appears in the target). As long as the
//! unfinished file exists the message has not appeared, and only this program removes that file, so
//! a later run can tell what a run that was killed had done.

mod dir;
mod maildir;
mod mbox;
mod mboxrd;
mod spool;
mod stdout;

use core::time::Duration;
use std::io::{self, Write};

use crate::args::Target;
use crate::exit::{Failure, reasons};

/// Where fetched mail goes.
pub(crate) trait Sink: Send {
    /// Begins a message. What is written is the message as the server has it, un-stuffed, with CRLF.
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>>;

    /// Brings the names of sealed files to the disk, so that a loss of power does not take them.
    fn sync_sealed(&mut self) -> io::Result<()>;

    /// Brings what was published to the disk. When this returns, the messages may be deleted
    /// elsewhere.
    fn sync_published(&mut self) -> io::Result<()>;

    /// Whether the message with this [token](Receiving::token) appeared before the last run ended.
    /// Nothing is changed, so that a run which is killed now gets the same answer. `age` is the time
    /// since the message was noted.
    fn appeared(&mut self, token: &str, age: Duration) -> io::Result<bool>;

    /// Removes the unfinished files of earlier runs. What [`appeared`](Self::appeared) said must be
    /// written down before.
    fn clean(&mut self) -> io::Result<()>;
}

/// A message that is being received. Dropped before it is published, it leaves nothing.
pub(crate) trait Receiving: Write + Send {
    /// No more is written: brings the content to the disk, out of sight still.
    fn seal(&mut self) -> io::Result<()>;

    /// What [`Sink::appeared`] finds the message by.
    fn token(&self) -> String;

    /// Makes the message appear, whole.
    fn publish(self: Box<Self>) -> io::Result<()>;
}

/// Opens a target. `name` is the name of the state file, which stands in the names of unfinished
/// files, so that those of another account are let alone.
///
/// # Errors
/// When the target can't be used; the message names it.
pub(crate) fn open(target: &Target, name: &str) -> Result<Box<dyn Sink>, Failure> {
    let opened: io::Result<Box<dyn Sink>> = match target {
        Target::Dir(path) => dir::Dir::open(path, name).map(|sink| Box::new(sink) as _),
        Target::Mbox(path) => mbox::Mbox::open(path, name).map(|sink| Box::new(sink) as _),
        Target::Maildir(path) => maildir::Maildir::open(path).map(|sink| Box::new(sink) as _),
        Target::Stdout => Ok(Box::new(stdout::Stdout)),
    };
    opened.map_err(|error| Failure::usage(format!("{target} can't be used: {}", reasons(&error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_cannot_be_used_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for target in [
            Target::Dir(file.join("x")),
            Target::Maildir(file.clone()),
            Target::Maildir(file.join("x")),
            Target::Mbox(file.join("x")),
            Target::Mbox(folder.path().to_owned()),
        ] {
            let error = open(&target, "0123").map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(&target.to_string()) && error.contains("os error"), "{error}");
        }
    }
}
