//! Who may fetch an account into a target: one process at a time.

use std::io;

use pop3_disk::{Disk, File};
use pop3_driver::Stop;

use crate::lock::wait_for;
use crate::spot::{PRIVATE, Spot};

/// The right to fetch one account into one target, whatever state file is used. It is a locked file in
/// the target; the system unlocks it when the process ends, and the file is removed if the process
/// gets so far.
#[derive(Debug)]
pub(crate) struct Turn {
    spot: Spot,
    _file: Box<dyn File>,
}

impl Turn {
    /// Takes the turn, or `None` where another process has it. One that is just ending is waited for.
    pub(super) fn take(disk: &dyn Disk, spot: Spot, stop: &Stop) -> io::Result<Option<Self>> {
        loop {
            let file = spot.open(PRIVATE)?;
            match wait_for(disk, &*file, stop) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // There are file systems without locks. Then the state file alone is locked.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(error) => return Err(error),
            }
            // The previous owner may have removed the file in the meantime.
            if spot.is(&*file)? {
                return Ok(Some(Self { spot, _file: file }));
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Remove it before unlocking, while nobody else can hold it. A file that remains does no harm.
        let _ = self.spot.remove();
    }
}

#[cfg(test)]
mod tests {
    use pop3_disk::System;

    use super::*;

    #[test]
    fn one_has_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let disk = System::default();
        let take = || Turn::take(&disk, Spot::at(&disk, &path).unwrap(), &Stop::new()).unwrap();
        let turn = take().unwrap();
        assert!(take().is_none());
        drop(turn);
        assert!(!path.exists());
        // A lock file of a killed process does not block.
        std::fs::write(&path, "").unwrap();
        assert!(take().is_some());
    }
}
