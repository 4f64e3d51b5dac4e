//! Wire sizes: counted by reading the whole message.

use std::io::{self, Read};

use pop3_proto::Octets;
use pop3_proto::dots::WireSize;
use pop3_surrogate::HeaderScan;

/// What was found out about a message by reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// The octets of its wire form.
    pub(crate) wire: Octets,
    /// Whether its header is not ASCII.
    pub(crate) eight_bit: bool,
}

/// Octets read at once.
pub(crate) const BUFFER: usize = 64 * 1024;

/// Reads a message of this length and counts. `None` if it is shorter or longer.
pub(crate) fn count(
    file: &mut (impl Read + ?Sized),
    len: u64,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Count>> {
    buffer.resize(BUFFER, 0);
    // One octet more than there should be, to see whether there is more.
    let mut file = file.take(len.saturating_add(1));
    let (mut size, mut header, mut read) = (WireSize::new(), HeaderScan::new(), 0_u64);
    loop {
        let count = match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        size.update(&buffer[..count]);
        header.update(&buffer[..count]);
        read += count as u64;
    }
    let count = Count { wire: size.finish(), eight_bit: header.needs_utf8() };
    Ok((read == len).then_some(count))
}

/// Whether a file of this length can have this wire size: each LF may get a CR, the last line an
/// end.
pub(crate) fn plausible(size: Octets, len: u64) -> bool {
    size >= len && size <= len.saturating_mul(2).saturating_add(2)
}
