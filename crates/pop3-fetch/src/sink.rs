//! Where fetched mail goes.
//!
//! Messages are [gathered](Gathered), sealed in groups (they are on the disk now, out of sight), noted in the
//! [`Journal`](crate::journal::Journal), and published (they appear in the target). As long as its
//! unfinished file exists a message has not appeared, and only this program removes that file, so
//! a later run can tell what a run that was killed had done.

mod dir;
mod gathered;
mod group;
mod handed;
mod maildir;
mod mbox;
mod mboxrd;
mod printed;
mod room;
mod spool;
#[cfg(test)]
mod testing;
mod turn;

use core::time::Duration;
use std::io;
use std::sync::Arc;

use pop3_disk::Disk;
use pop3_driver::Stop;
use pop3_seen::Key;
use pop3_text::reasons;

use crate::spot::Spot;
use crate::{FetchError, Target};
pub(crate) use gathered::Gathered;
pub use handed::FetchedMessage;
pub(crate) use handed::{Deliver, Handed};
use printed::Printer;
pub(crate) use room::Room;
use spool::Spool;
pub(crate) use turn::Turn;

/// Where fetched mail goes.
pub(crate) trait Sink: Send {
    /// What begins messages. It is used while messages are stored, too.
    fn intake(&self) -> Arc<dyn Intake>;

    /// When sealed messages are noted.
    fn noting(&self) -> Noting {
        Noting::InGroups
    }

    /// Brings complete messages to the disk in this order, out of sight still, with their names. On an error, those
    /// that are returned are sealed all the same, and nothing is left of the others, which come behind them.
    fn seal(&mut self, messages: Vec<Gathered>) -> (Vec<Sealed>, io::Result<()>);

    /// Brings what was published to the disk. When this returns, the messages may be deleted
    /// elsewhere.
    fn sync_published(&mut self) -> io::Result<()>;

    /// Takes back or finishes what was half published when something failed, as opening the target does. Call it
    /// before [`appeared`](Self::appeared).
    fn repair(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether the messages with this [token](Part::token) appeared before the last run ended.
    /// Nothing is changed, so that a run which is killed now gets the same answer. `age` is the time
    /// since they were noted.
    fn appeared(&mut self, token: &str, age: Duration) -> io::Result<bool>;

    /// Removes the unfinished file of what could not be [published](Part::publish). That it
    /// did not appear must be written down before.
    fn discard(&mut self, token: &str) -> io::Result<()>;

    /// Removes the unfinished files of earlier runs with the same state file, and no others: those of a
    /// run with another one tell that run what has appeared. What [`appeared`](Self::appeared) said must be
    /// written down before.
    fn clean(&mut self) -> io::Result<()>;
}

/// When messages are noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noting {
    /// When all of a group are sealed, and before they are published.
    InGroups,
    /// Each as soon as it is sealed, as that can't be taken back: so a crash repeats one at most.
    Each,
    /// Those that were sealed together as soon as they are, as that can't be taken back. They are sealed when they have
    /// so many octets, so a crash of the program repeats a few. All notes of a group are brought to the disk at once.
    Behind {
        /// How many octets are sealed together, unless a single message has more.
        octets: u64,
    },
}

/// Begins messages.
pub(crate) trait Intake: Send + Sync {
    /// What the next message is found by. Nothing is on the disk yet.
    fn token(&self) -> String;

    /// Makes the unfinished file of a message that is too large for memory.
    fn spool(&self, token: &str) -> io::Result<Spool>;
}

/// What is published in one step, and how many messages that is.
pub(crate) struct Sealed {
    pub(crate) part: Box<dyn Part>,
    pub(crate) messages: usize,
}

/// Sealed messages that appear together. Dropped before that, they leave nothing.
pub(crate) trait Part: Send {
    /// What [`Sink::appeared`] finds them by.
    fn token(&self) -> &str;

    /// Makes the messages appear, whole. On an error the unfinished file stays, as its absence would say
    /// that they have appeared; [`Sink::discard`] removes it.
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
            Target::Stdout => (Box::new(Handed::to(disk, Printer::on_stdout())), None),
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

/// A sink that prints messages to something else than standard output.
#[cfg(test)]
pub(crate) fn printing(disk: &Arc<dyn Disk>, out: impl io::Write + Send + 'static) -> Box<dyn Sink> {
    Box::new(Handed::to(disk, Printer(out)))
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
