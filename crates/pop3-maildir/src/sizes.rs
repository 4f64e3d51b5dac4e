//! The size cache: a file of the Maildir that remembers its messages and their sizes.
//!
//! It is continued at its end, and written anew when much of it is of no use any more. Who has the lock of the Maildir
//! writes. The owner of the Maildir can write whatever he likes into it: it gives him wrong sizes in his own scan
//! listing, and nothing else, because no message is sent unless it is the file that the cache describes.

use std::io::{self, Read as _, Write as _};

use pop3_disk::{Folder, Open};

use crate::folders::{open_file, try_open_file};
use crate::record::{Tail, Writer};

/// The name of the file inside the Maildir.
pub(crate) const NAME: &[u8] = b"pop3.sizes";

/// The name under which it is written anew. Only who has the lock writes, so one name will do.
const TEMPORARY: &[u8] = b"pop3.sizes.tmp";

/// What there is to read.
#[derive(Debug)]
pub(crate) enum File {
    /// Nothing that can be used.
    Missing,
    /// A file that is too long for what it can say.
    TooLong,
    Octets(Vec<u8>),
}

/// Reads the file if it has at most this many octets.
pub(crate) fn read(root: &dyn Folder, most: u64) -> File {
    let Ok((mut file, stat)) = open_file(root, NAME) else { return File::Missing };
    let Some(len) = usize::try_from(stat.len).ok().filter(|_| stat.len <= most) else { return File::TooLong };
    match filled(len, |octets| file.read(octets)) {
        Ok(octets) => File::Octets(octets),
        Err(_) => File::Missing,
    }
}

/// Reads the file if it has at most this many octets and is in memory.
pub(crate) fn try_to_read(root: &dyn Folder, most: u64) -> Option<Vec<u8>> {
    let (mut file, stat) = try_open_file(root, NAME).ok()?;
    let len = usize::try_from(stat.len).ok().filter(|_| stat.len <= most)?;
    filled(len, |octets| file.try_read(octets)).ok()
}

/// So many octets, or fewer if there are no more.
fn filled(len: usize, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match read(&mut octets[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    octets.truncate(filled);
    Ok(octets)
}

/// Writes records behind the others, in one write. What is written in part is taken away again.
///
/// Not synced: what a power failure leaves of it is found out by the checksums, and the sizes are counted again.
pub(crate) fn append(root: &dyn Folder, tail: &mut Tail, write: impl FnOnce(&mut Writer)) -> io::Result<()> {
    let mut writer = Writer::after(*tail);
    write(&mut writer);
    let (octets, end) = writer.finish();
    let mut file = root.open(NAME, Open::appending())?;
    let stat = file.stat()?;
    if !stat.is_file() || stat.len != tail.octets {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "another program has changed the size cache"));
    }
    if let Err(error) = file.write_all(&octets) {
        file.set_len(tail.octets).ok();
        return Err(error);
    }
    *tail = end;
    Ok(())
}

/// Writes the file anew.
pub(crate) fn store(root: &dyn Folder, write: impl FnOnce(&mut Writer)) -> io::Result<Tail> {
    let mut writer = Writer::begin();
    write(&mut writer);
    let (octets, tail) = writer.finish();
    root.unlink(TEMPORARY).ok();
    let mut file = root.open(TEMPORARY, Open::writing().make_new(0o600))?;
    let written = file.write_all(&octets).and_then(|()| root.rename(TEMPORARY, root, NAME));
    if written.is_err() {
        root.unlink(TEMPORARY).ok();
    }
    written.map(|()| tail)
}
