//! The sample maildrop: messages that other software has broken, and many small ones.

use std::fs;
use std::io;
use std::path::Path;

/// The messages in stored form, in the order in which they are listed.
pub(super) fn messages() -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = [
        &b"Subject: plain\n\nhello\n"[..],
        b".leading dot in the first octet\n\n.x\n..y\n",
        b"Subject: a lone dot\n\na\n.\nb\n",
        b"Subject: no final line end\n\nabc",
        b"Subject: no body\n\n",
        b"Subject: no blank line\n",
        b"Subject: CRLF\r\n\r\n.one\r\n..two\r\n.\r\n",
        b"Subject: mixed line ends\r\n\nbare LF\nbare CR \r in a line\r\n",
        b"Subject: looks like an end\n\n\r\n.\r\n+OK\r\n-ERR\r\n",
        b"Subject: NUL and 8-bit\n\n\0\x80\xff \xc3\xa9\n",
    ]
    .iter()
    .map(|message| message.to_vec())
    .collect();
    messages.push([b"Subject: a long line\n\n".as_slice(), &[b'x'; 100_000], b"\n"].concat());
    messages.push(
        [b"Subject: two megabytes\n\n".as_slice(), &b".line with a dot in front\n".repeat(80_000)].concat(),
    );
    messages
        .extend((0..200).map(|index| format!("Subject: number {index}\n\n{index}\n.{index}\n").into_bytes()));
    messages
}

/// Writes them as a Maildir, half into `new` and half into `cur`.
pub(super) fn write(maildir: &Path, messages: &[Vec<u8>]) -> io::Result<()> {
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(maildir.join(folder))?;
    }
    for (index, message) in messages.iter().enumerate() {
        // The number of the second in front decides on the order.
        let name = format!("{}.demo.localhost", 1_000_000 + index);
        let path = if index % 2 == 0 { format!("new/{name}") } else { format!("cur/{name}:2,S") };
        fs::write(maildir.join(path), message)?;
    }
    Ok(())
}

/// How many messages there are.
pub(super) fn count(maildir: &Path) -> io::Result<usize> {
    Ok(fs::read_dir(maildir.join("new"))?.count() + fs::read_dir(maildir.join("cur"))?.count())
}

/// What must arrive: the octets one by one, each line end as CRLF. Made without the codec that it is
/// compared with.
pub(super) fn wire(stored: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(stored.len());
    for &octet in stored {
        if octet == b'\n' && wire.last() != Some(&b'\r') {
            wire.push(b'\r');
        }
        wire.push(octet);
    }
    if !wire.is_empty() && !wire.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire
}
