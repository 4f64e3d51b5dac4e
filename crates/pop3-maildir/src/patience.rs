//! Waiting for a descriptor, where there is none left.

use core::error::Error;
use core::time::Duration;
use std::io;

use pop3_disk::Disk;
use rustix::io::Errno;

/// How long a call is made again while descriptors are short: the waits between the calls, taken together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    on_shortage: fn(&io::Error),
    longest: Duration,
}

impl Patience {
    /// For who is not in yet: he can try again.
    pub(crate) const LOGIN: Duration = Duration::from_secs(5);

    /// For a session: what it asks for must not fail while others come and go.
    pub(crate) const SESSION: Duration = Duration::from_secs(30);

    /// The first wait. Each is twice as long as the one before, up to [`LONGEST_WAIT`](Self::LONGEST_WAIT).
    const FIRST_WAIT: Duration = Duration::from_millis(5);

    const LONGEST_WAIT: Duration = Duration::from_millis(160);

    pub(crate) const fn new(on_shortage: fn(&io::Error), longest: Duration) -> Self {
        Self { on_shortage, longest }
    }

    /// Makes the call, and makes it again while it fails for want of a descriptor. Between the calls it must
    /// hold none but those that it had before, as others may wait for these.
    pub(crate) fn insist<T, E: Error + 'static>(
        self,
        disk: &dyn Disk,
        mut call: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut waited = Duration::ZERO;
        let mut wait = Self::FIRST_WAIT;
        loop {
            let error = match call() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(shortage) = shortage(&error) else { return Err(error) };
            (self.on_shortage)(shortage);
            if waited + wait > self.longest {
                return Err(error);
            }
            disk.pause(wait);
            waited += wait;
            wait = (wait * 2).min(Self::LONGEST_WAIT);
        }
    }
}

/// The error of the system in this one or behind it, if it is one for want of descriptors.
fn shortage<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e io::Error> {
    let mut error = Some(error);
    while let Some(at) = error {
        if let Some(io) = at.downcast_ref::<io::Error>() {
            return matches!(Errno::from_io_error(io), Some(Errno::MFILE | Errno::NFILE)).then_some(io);
        }
        error = at.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};

    use pop3_disk::System;

    use super::*;

    #[test]
    fn a_shortage_is_waited_for_and_nothing_else_is() {
        static TOLD: AtomicU32 = AtomicU32::new(0);
        fn told(_: &io::Error) {
            TOLD.fetch_add(1, Ordering::Relaxed);
        }
        let patience = Patience::new(told, Patience::SESSION);
        let mut left = 3;
        let mut call = |errno: Errno| {
            patience.insist(&System::default(), || {
                left -= 1;
                if left == 0 { Ok(()) } else { Err(io::Error::from(errno)) }
            })
        };
        call(Errno::MFILE).unwrap();
        assert_eq!(TOLD.load(Ordering::Relaxed), 2);
        assert_eq!(call(Errno::ACCESS).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(TOLD.load(Ordering::Relaxed), 2);
        let none = Patience::new(|_| {}, Duration::ZERO);
        none.insist(&System::default(), || Err::<(), _>(io::Error::from(Errno::NFILE))).unwrap_err();
    }
}
