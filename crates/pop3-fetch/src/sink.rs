//! Where fetched mail goes.
//!
//! A message is received into an unfinished file, sealed (it is on the disk now), noted in the
//! [`Journal`](crate::journal::Journal), and published (it appears in the target). As long as the
//! unfinished file exists the message has not appeared, and only this program removes that file, so
//! a later run can tell what a run that was killed had done.

mod dir;
mod dot_lock;
mod handed;
mod locks;
mod maildir;
mod mbox;
mod mboxrd;
mod spool;
mod turn;

use core::time::Duration;
use std::io::{self, Write};
use std::sync::Arc;

use pop3_disk::Disk;
use pop3_driver::Stop;
use pop3_seen::Key;
use pop3_text::reasons;

use crate::spot::Spot;
use crate::{FetchError, Target};
pub use handed::FetchedMessage;
pub(crate) use handed::{Deliver, Handed};
pub(crate) use turn::Turn;

/// Where fetched mail goes.
pub(crate) trait Sink: Send {
    /// Begins a message. What is written is the message as the server has it, un-stuffed, with CRLF.
    fn begin(&mut self) -> io::Result<Box<dyn Receiving>>;

    /// Whether a sealed message can't be taken back. Each is noted at once then, so that a crash repeats one at most.
    fn seals_for_good(&self) -> bool {
        false
    }

    /// Brings the names of sealed files to the disk, so that a loss of power does not take them.
    fn sync_sealed(&mut self) -> io::Result<()>;

    /// Brings what was published to the disk. When this returns, the messages may be deleted
    /// elsewhere.
    fn sync_published(&mut self) -> io::Result<()>;

    /// Takes back or finishes what was half published when something failed, as opening the target does. Call it
    /// before [`appeared`](Self::appeared).
    fn repair(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether the message with this [token](Receiving::token) appeared before the last run ended.
    /// Nothing is changed, so that a run which is killed now gets the same answer. `age` is the time
    /// since the message was noted.
    fn appeared(&mut self, token: &str, age: Duration) -> io::Result<bool>;

    /// Removes the unfinished file of a message that could not be [published](Receiving::publish). That it
    /// did not appear must be written down before.
    fn discard(&mut self, token: &str) -> io::Result<()>;

    /// Removes the unfinished files of earlier runs with the same state file, and no others: those of a
    /// run with another one tell that run what has appeared. What [`appeared`](Self::appeared) said must be
    /// written down before.
    fn clean(&mut self) -> io::Result<()>;
}

/// A message that is being received. Dropped before it is published, it leaves nothing.
pub(crate) trait Receiving: Write + Send {
    /// No more is written: brings the content to the disk, out of sight still.
    fn seal(&mut self) -> io::Result<()>;

    /// What [`Sink::appeared`] finds the message by.
    fn token(&self) -> String;

    /// Makes the message appear, whole. On an error the unfinished file stays, as its absence would say
    /// that the message has appeared; [`Sink::discard`] removes it.
    fn publish(self: Box<Self>) -> io::Result<()>;

    /// Leaves the unfinished file to the next run, as a note about it may be on the disk.
    fn leave(self: Box<Self>) {}
}

/// Opens a target for an account. `name` is the name of the state file, which stands in the names of
/// unfinished files, so that those of another account are let alone. Hold the turn as long as the sink.
///
/// # Errors
/// When the target can't be used, or another process fetches the account into it; the message names it.
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    target: &Target,
    name: &str,
    account: &str,
    stop: &Stop,
) -> Result<(Box<dyn Sink>, Option<Turn>), FetchError> {
    let failed = |error| FetchError::unusable(format!("{target} can't be used: {}", reasons(&error)));
    let account = Key::of_uid(account.as_bytes());
    let opened = || -> io::Result<(Box<dyn Sink>, Option<Spot>)> {
        let lock = format!(".pop3-{account}.lock");
        Ok(match target.real(&**disk) {
            Target::Dir(path) => {
                let sink = dir::Dir::open(disk, &path, name)?;
                let lock = sink.unfinished(&lock);
                (Box::new(sink), Some(lock))
            }
            Target::Mbox(path) => {
                let sink = mbox::Mbox::open(disk, &path, name, stop)?;
                (Box::new(sink), Some(Spot::at(&**disk, &path)?.beside(&lock)))
            }
            Target::Maildir(path) => {
                let sink = maildir::Maildir::open(disk, &path, name)?;
                let lock = sink.unfinished(&lock);
                (Box::new(sink), Some(lock))
            }
            Target::Stdout => (Box::new(Handed::new(disk, Box::new(handed::print))), None),
        })
    };
    let (sink, lock) = opened().map_err(failed)?;
    let Some(lock) = lock else { return Ok((sink, None)) };
    match Turn::take(&**disk, lock, stop).map_err(failed)? {
        Some(turn) => Ok((sink, Some(turn))),
        None => Err(FetchError::Running(format!(
            "another fetch of this account into {target} is running; wait until it has finished"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use pop3_disk::System;

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
            let error = open(&System::shared(), &target, "0123", "u@h", &Stop::new())
                .map(|_| ())
                .unwrap_err()
                .to_string();
            assert!(error.contains(&target.to_string()) && error.contains("os error"), "{error}");
        }
    }
}
