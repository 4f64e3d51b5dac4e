//! Syncing a whole file system in one call.
//!
//! For many small files, this takes one commit of the journal instead of one for each file. But it also writes what
//! others have changed on the file system, and not every kernel and file system tells of each write that failed.

use std::io;
use std::os::fd::BorrowedFd;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::{is_cheap, is_safe, sync_all};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::fs;
    use std::sync::OnceLock;

    use rustix::io::retry_on_intr;

    use super::{BorrowedFd, io};

    /// File systems of which it is known that syncfs(2) returns when names and content are on the disk, and returns
    /// the errors of earlier writes, by their numbers in statfs(2): ext4, XFS, Btrfs. An overlay does not pass on the
    /// errors of what is under it, and what a network or FUSE file system does is up to its server.
    const KNOWN: [u32; 3] = [0xef53, 0x5846_5342, 0x9123_683e];

    /// The first kernel whose syncfs(2) returns every error. From 5.8 on, it returns those of earlier writes, but only
    /// from 5.17 on the failure of the commit of the journal as well.
    const SINCE: (u32, u32) = (5, 17);

    /// With more that waits to be written, others would be waited for too long.
    const MOST_WAITING_KIB: u64 = 64 * 1024;

    /// Whether each failed write is told.
    pub(crate) fn is_safe(folder: BorrowedFd<'_>) -> bool {
        // The numbers have 32 bits; the field has the width of the machine.
        let known = || rustix::fs::fstatfs(folder).is_ok_and(|found| KNOWN.contains(&(found.f_type as u32)));
        static IS_RECENT: OnceLock<bool> = OnceLock::new();
        *IS_RECENT.get_or_init(|| is_recent(rustix::system::uname().release().to_bytes())) && known()
    }

    /// Whether little of others waits to be written.
    pub(crate) fn is_cheap() -> bool {
        fs::read("/proc/meminfo").is_ok_and(|text| waiting(&text).is_some_and(|kib| kib <= MOST_WAITING_KIB))
    }

    pub(crate) fn sync_all(folder: BorrowedFd<'_>) -> io::Result<()> {
        if !is_safe(folder) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(retry_on_intr(|| rustix::fs::syncfs(folder))?)
    }

    /// Whether a release, such as `5.10.0-8-amd64`, is recent enough.
    fn is_recent(release: &[u8]) -> bool {
        let mut numbers = release
            .split(|octet| !octet.is_ascii_digit())
            .map(|digits| str::from_utf8(digits).ok()?.parse().ok());
        numbers.next().flatten().zip(numbers.next().flatten()).is_some_and(|found: (u32, u32)| found >= SINCE)
    }

    /// How many KiB wait to be written on all file systems, by `/proc/meminfo`.
    fn waiting(text: &[u8]) -> Option<u64> {
        let text = str::from_utf8(text).ok()?;
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        };
        of("Dirty:")?.checked_add(of("Writeback:")?)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn releases() {
            for (release, recent) in [
                (&b"5.17.0"[..], true),
                (b"5.19.0-8-amd64", true),
                (b"6.1", true),
                (b"5.16.20", false),
                (b"5.8.0", false),
                (b"4.19.0", false),
                (b"", false),
                (b"unknown", false),
            ] {
                assert_eq!(is_recent(release), recent, "{}", release.escape_ascii());
            }
        }

        #[test]
        fn what_waits_is_read_or_unknown() {
            let text = b"MemTotal:  1 kB\nDirty:   120 kB\nWriteback:         3 kB\nWritebackTmp:  7 kB\n";
            assert_eq!(waiting(text), Some(123));
            assert_eq!(waiting(b"Dirty:   120 kB\n"), None);
            assert_eq!(waiting(b"Dirty: x kB\nWriteback: 1 kB\n"), None);
            assert!(waiting(&fs::read("/proc/meminfo").unwrap()).is_some());
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_safe(_: BorrowedFd<'_>) -> bool {
    false
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_cheap() -> bool {
    false
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn sync_all(_: BorrowedFd<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
