//! Sizes are exactly those of the wire form (RFC 1939 section 11).

use bytes::BytesMut;
use pop3_maildir::Maildir;
use pop3_proto::dots::Stuffer;

use crate::support::{contents, eager, maildir, open, put, sizes};

/// Messages with everything that a line end counter may get wrong.
fn awkward() -> Vec<Vec<u8>> {
    let mut long = vec![b'x'; 100_000];
    long.push(b'\n');
    let mut border = vec![b'y'; 64 * 1024 - 1];
    border.extend_from_slice(b"\r\nafter the border of a buffer\n");
    vec![
        b"".to_vec(),
        b"\n".to_vec(),
        b"\r\n".to_vec(),
        b"\r".to_vec(),
        b".".to_vec(),
        b".\n".to_vec(),
        b".\r\n.\r\n".to_vec(),
        b"\n.\n".to_vec(),
        b"..two\n.one\n".to_vec(),
        b"A: b\n\nno newline".to_vec(),
        b"A: b\r\n\r\nno newline".to_vec(),
        b"A: b\r\n\r\nends in cr\r".to_vec(),
        b"mixed\nlines\r\nof\rall\r\r\nsorts\n\r\n".to_vec(),
        b"nul \0 and 8-bit \xff\xfe\x80\n".to_vec(),
        long,
        border,
        b"\r\n".repeat(40_000),
        b"\n".repeat(70_000),
    ]
}

/// The octets that RETR sends, without stuffed dots and the final line.
fn wire_form(stored: &[u8]) -> Vec<u8> {
    let mut sent = BytesMut::new();
    let mut stuffer = Stuffer::new();
    stuffer.encode(stored, &mut sent);
    stuffer.finish(&mut sent);
    let sent = sent.strip_suffix(b".\r\n").unwrap();
    let mut wire = Vec::new();
    let mut start = 0;
    while start < sent.len() {
        let end = start + 2 + sent[start..].windows(2).position(|two| two == b"\r\n").unwrap();
        wire.extend_from_slice(sent[start..end].strip_prefix(b".").unwrap_or(&sent[start..end]));
        start = end;
    }
    wire
}

// 1939-5.28, 1939-5.29
#[test]
fn sizes_are_what_the_encoder_sends() {
    let folder = maildir();
    let messages = awkward();
    for (index, message) in messages.iter().enumerate() {
        put(&folder, &format!("{}/{}.a.h", ["new", "cur"][index % 2], 1000 + index), message);
    }
    let mut maildir = open(&folder);
    let expected: Vec<u64> = messages.iter().map(|message| wire_form(message).len() as u64).collect();
    assert_eq!(sizes(&maildir), expected);
    assert_eq!(maildir.snapshot().octets(), expected.iter().sum::<u64>());
    assert_eq!(contents(&mut maildir), messages);
}

// MDR-07
#[test]
fn sizes_in_names_are_not_believed() {
    let folder = maildir();
    put(&folder, "cur/1.a.h,S=1,W=9:2,S", "123456\n");
    put(&folder, "cur/2.a.h,S=99999999999999999999999:2,", "123456\n");
    assert_eq!(sizes(&open(&folder)), [8, 8]);
}

// MDR-07
#[test]
fn wire_sizes_in_names_are_believed_if_asked_and_possible() {
    let folder = maildir();
    put(&folder, "cur/1.a.h,S=7,W=9:2,S", "123456\n"); // wrong, but nobody can see that unread
    put(&folder, "cur/2.a.h,S=7,W=1:2,S", "123456\n"); // smaller than the file
    put(&folder, "cur/3.a.h,S=7,W=17:2,S", "123456\n"); // larger than any form of it
    put(&folder, "cur/4.a.h,S=8:2,S", "123456\n"); // no wire size
    let config = eager().with_trusted_wire_sizes(true);
    let trusting = Maildir::open_with(folder.path(), &config).unwrap();
    assert_eq!(sizes(&trusting), [9, 8, 8, 8]);
    assert_eq!(trusting.summary().measured, 3);
    drop(trusting);
    // A size from a file name is not cached as counted.
    let counting = Maildir::open_with(folder.path(), &eager()).unwrap();
    assert_eq!(sizes(&counting), [8, 8, 8, 8]);
    assert_eq!(counting.summary().measured, 1);
}
