//! Locks that say which process has a file to itself.

use core::time::Duration;
use std::io;

use pop3_disk::{Disk, File, Lock};
use pop3_driver::Stop;

/// Locks a file; `false` when another process has it. One that is just ending is waited for, unless the switch is
/// thrown.
pub(crate) fn wait_for(disk: &dyn Disk, lock: &dyn File, stop: &Stop) -> io::Result<bool> {
    for _ in 0..20 {
        if lock.try_lock(Lock::Whole)? {
            return Ok(true);
        }
        if stop.is_stopped() {
            return Ok(false);
        }
        disk.pause(Duration::from_millis(50));
    }
    lock.try_lock(Lock::Whole)
}
