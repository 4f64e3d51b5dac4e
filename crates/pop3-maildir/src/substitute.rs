//! Messages that are sent with another header than the one they have.

use std::io::{self, Read};

use pop3_proto::Octets;
use pop3_proto::dots::WireSize;
use pop3_surrogate::HeaderScan;

use crate::config::EightBitHeaders;
use crate::entries::Entry;
use crate::folders::Root;
use crate::message::MessageFile;

/// The longest header that is converted, in octets of the stored form.
const HEADER_MAX: usize = 1 << 20;

/// Octets read at once.
const PIECE: usize = 16 * 1024;

/// The wire size of the message with the header that it will be sent with; `None` where it is its own or
/// the header is too long.
pub(crate) fn wire_size(
    root: &Root,
    entry: &Entry<'_>,
    headers: EightBitHeaders,
) -> io::Result<Option<Octets>> {
    let EightBitHeaders::Convert(convert) = headers else { return Ok(None) };
    let Some(whole) = entry.wire else { return Ok(None) };
    let file = root.open_file(entry.folder, entry.name)?;
    if !file.stat()?.same_content(&entry.stat) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message was changed"));
    }
    let Some((octets, header)) = read_header(&mut file.take(entry.stat.len))? else { return Ok(None) };
    let (header, rest) = octets.split_at(header);
    // What ends in a line end can be counted apart from what follows. What does not is the whole message,
    // as a header ends in one.
    let own = wire(header);
    let other = wire(&convert(header));
    debug_assert!(header.ends_with(b"\n") || rest.is_empty());
    Ok(Some(whole.saturating_sub(own).saturating_add(other)))
}

/// The message with the other header; `None` when its header is too long.
pub(crate) fn apply(
    mut message: MessageFile,
    convert: fn(&[u8]) -> Vec<u8>,
) -> io::Result<Option<MessageFile>> {
    let Some((octets, header)) = read_header(&mut message)? else { return Ok(None) };
    let (header, rest) = octets.split_at(header);
    let mut front = convert(header);
    front.extend_from_slice(rest);
    Ok(Some(message.with_front(front)))
}

/// The octets up to the end of the header, with some behind it, and how many of them are the header's.
fn read_header(from: &mut impl Read) -> io::Result<Option<(Vec<u8>, usize)>> {
    let mut octets = Vec::new();
    let mut scan = HeaderScan::new();
    while !scan.is_complete() {
        let start = octets.len();
        if start >= HEADER_MAX {
            return Ok(None);
        }
        let read = from.by_ref().take(PIECE as u64).read_to_end(&mut octets)?;
        if read == 0 {
            break;
        }
        scan.update(&octets[start..]);
    }
    Ok(Some((octets, scan.octets())))
}

fn wire(octets: &[u8]) -> Octets {
    let mut size = WireSize::new();
    size.update(octets);
    size.finish()
}
