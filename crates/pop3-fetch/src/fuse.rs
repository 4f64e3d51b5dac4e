//! The steps at which a test can end the program, as `kill -9` would.
//!
//! What is stored passes here before each change on the disk. In the program these functions do
//! nothing of their own; in a test a fuse burns down by one at each step, and when it has, every
//! later step fails and nothing is cleaned up, just as in a process that is gone.

use std::fs::File;
use std::io::{self, Write};

/// A change on the disk comes next.
#[cfg(not(test))]
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "in a test it fails")]
pub(crate) const fn step() -> io::Result<()> {
    Ok(())
}

/// Whether the process counts as gone, so that nothing may be cleaned up.
#[cfg(not(test))]
#[inline]
pub(crate) const fn is_burnt() -> bool {
    false
}

/// Writes all; the step is in the middle, as a write can be torn.
pub(crate) fn write_all(file: &mut File, octets: &[u8]) -> io::Result<()> {
    let (first, second) = octets.split_at(if cfg!(test) { octets.len() / 2 } else { octets.len() });
    file.write_all(first)?;
    step()?;
    file.write_all(second)
}

/// Brings a file or folder to the disk. A test does not wait for that: no test loses power.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { file.sync_all() }
}

#[cfg(test)]
pub(crate) use burning::{is_burnt, light, step};

#[cfg(test)]
mod burning {
    use core::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Ends this thread's "process" after so many steps; never with `None`.
    pub(crate) fn light(steps: Option<u32>) {
        LEFT.set(steps);
    }

    pub(crate) fn step() -> io::Result<()> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the fuse has burnt down")),
            Some(left) => {
                LEFT.set(Some(left - 1));
                if left == 1 { Err(io::Error::other("the fuse has burnt down")) } else { Ok(()) }
            }
        }
    }

    pub(crate) fn is_burnt() -> bool {
        LEFT.get() == Some(0)
    }
}
