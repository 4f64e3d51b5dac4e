//! Appending a file to another one, and what of that is there after it was interrupted.

use std::io::{self, BufReader, Read as _, SeekFrom};

use pop3_disk::File;

/// Copies an unfinished file behind the octets before `offset`, with an empty line between.
pub(super) fn copy(file: &mut dyn File, offset: u64, mut source: Box<dyn File>) -> io::Result<()> {
    let gap = gap(file, offset)?;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(gap)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return file.sync(),
            Ok(read) => file.write_all(&buffer[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What of an append is in the mbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All of it, perhaps with zeros in place of some. Another program may have written behind it.
    Whole,
    /// The beginning, perhaps with zeros in place of some of it, and nothing else behind it.
    Part,
    /// Something else: another program has written since. What is there is let alone.
    Other,
}

/// What of an append is in the mbox.
pub(super) fn compare(file: &mut dyn File, offset: u64, spool: Box<dyn File>) -> io::Result<Found> {
    if file.stat()?.len < offset {
        return Ok(Found::Other);
    }
    let gap = gap(file, offset)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut expected = gap.chain(BufReader::new(spool)).bytes();
    let mut found = BufReader::new(file).bytes();
    loop {
        match (expected.next().transpose()?, found.next().transpose()?) {
            (None, _) => return Ok(Found::Whole),
            (Some(_), None) => return Ok(Found::Part),
            (Some(one), Some(other)) if one == other => {}
            // A loss of power may leave the length of a file without some of its pages.
            (Some(_), Some(0)) => {}
            (Some(_), Some(_)) => return Ok(Found::Other),
        }
    }
}

/// What must be put behind the octets before `offset` so that an empty line ends them.
fn gap(file: &mut dyn File, offset: u64) -> io::Result<&'static [u8]> {
    if offset == 0 {
        return Ok(b"");
    }
    let mut last = [b'\n'; 2];
    let count = offset.min(2);
    file.seek(SeekFrom::Start(offset - count))?;
    file.read_exact(if count == 1 { &mut last[1..] } else { &mut last })?;
    Ok(match last {
        [b'\n', b'\n'] if count == 2 => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pop3_disk::{Faults, System, What};

    use crate::sink::Sink as _;
    use crate::sink::mbox::Mbox;

    /// What the next run makes of an mbox in which the append of `new\n\n` was interrupted.
    fn repaired(behind: &[u8]) -> (Vec<u8>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        fs::write(&path, [b"From a\n\nold\n\n", behind].concat()).unwrap();
        fs::write(folder.path().join("mbox.pop3-part-t.0123"), "new\n\n").unwrap();
        fs::write(folder.path().join("mbox.pop3-append"), "13 t.0123\n").unwrap();
        let mut mbox = Mbox::open(&System::shared(), &path, "0123", &pop3_driver::Stop::new()).unwrap();
        let appeared = mbox.appeared("t.0123", core::time::Duration::ZERO).unwrap();
        assert!(!folder.path().join("mbox.pop3-append").exists());
        (fs::read(&path).unwrap().split_off(13), appeared)
    }

    #[test]
    fn what_a_loss_of_power_left_of_an_append_is_completed_or_taken_back() {
        for (behind, found, appeared) in [
            (&b"new\n\n"[..], &b"new\n\n"[..], true),
            (b"new\n\nFrom other", b"new\n\nFrom other", true),
            (b"", b"", false),
            (b"new", b"", false),
            // Pages that were not written.
            (b"\0\0\0", b"", false),
            (b"n\0w", b"", false),
            (b"\0ew\n\n", b"new\n\n", true),
            (b"n\0w\0\0", b"new\n\n", true),
            (b"\0\0\0\0\0From other", b"new\n\nFrom other", true),
            (b"ne\0\n\nFrom other", b"new\n\nFrom other", true),
            // Of another program.
            (b"ne\0x", b"ne\0x", false),
            (b"neFrom other", b"neFrom other", false),
        ] {
            let text = behind.escape_ascii();
            assert_eq!(repaired(behind), (found.to_vec(), appeared), "{text}");
        }
    }

    /// A sync that failed may have lost what programs still read, and the next one may succeed.
    #[test]
    fn what_is_found_whole_is_written_again_before_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        fs::write(&path, "new\n\n").unwrap();
        fs::write(folder.path().join("mbox.pop3-part-t.0123"), "new\n\n").unwrap();
        fs::write(folder.path().join("mbox.pop3-append"), "0 t.0123\n").unwrap();
        let faults = Faults::over(System::shared());
        Mbox::open(&faults.shared(), &path, "0123", &pop3_driver::Stop::new()).unwrap();
        let changes = faults.changes();
        let done = |wanted| changes.iter().position(|change| change.what == wanted && change.path == path);
        assert!(done(What::Write).unwrap() < done(What::Sync).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"new\n\n");
    }
}
