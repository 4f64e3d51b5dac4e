//! Messages whose header is not ASCII, for clients with and without UTF8.

use std::fs;
use std::io::{ErrorKind, Read as _};

use pop3_maildir::{EightBitHeaders, Maildir, MaildirConfig, MessageError};
use pop3_proto::dots::wire_size;
use pop3_surrogate::surrogate;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::counted::Counted;
use crate::support::{contents, eager, maildir, number, put, read, sizes};

const CONVERT: EightBitHeaders = EightBitHeaders::Convert(surrogate);

const PLAIN: &str = "Subject: plain\n\nK\u{f6}rper\n";
const NEEDS: &str = "Subject: Gr\u{fc}\u{df}e\nTo: a\n\nK\u{f6}rper\n.\n";
const MADE: &str = "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\nTo: a\n\nK\u{f6}rper\n.\n";

fn filled() -> TempDir {
    let folder = maildir();
    put(&folder, "new/1.a.h", PLAIN);
    put(&folder, "new/2.a.h", NEEDS);
    put(&folder, "new/3.a.h", "Subject: \u{fc}");
    folder
}

fn open(folder: &TempDir, headers: EightBitHeaders) -> Maildir {
    Maildir::open_with(folder.path(), &eager().with_eight_bit_headers(headers)).unwrap()
}

// 6856-2.14
#[test]
fn with_utf8_all_is_sent_as_it_is() {
    let folder = filled();
    let mut maildir = open(&folder, EightBitHeaders::Send);
    assert_eq!(
        contents(&mut maildir),
        [PLAIN, NEEDS, "Subject: \u{fc}"].map(|text| text.as_bytes().to_vec())
    );
}

// 6856-2.12, 6856-2.13
#[test]
fn without_utf8_another_header_is_sent_and_the_size_is_its() {
    let folder = filled();
    // First from the files, and then from the cache.
    for _ in 0..2 {
        let mut maildir = open(&folder, CONVERT);
        let sent = contents(&mut maildir);
        assert_eq!(sent, [PLAIN, MADE, "Subject: =?UTF-8?B?w7w=?="].map(|text| text.as_bytes().to_vec()));
        assert_eq!(sizes(&maildir), sent.iter().map(|message| wire_size(message)).collect::<Vec<_>>());
    }
    // The file is unchanged, and the next client with UTF8 receives it unchanged.
    assert_eq!(read(&mut open(&folder, EightBitHeaders::Send), 2).unwrap(), NEEDS.as_bytes());
    assert_eq!(sizes(&open(&folder, EightBitHeaders::Send))[1], wire_size(NEEDS.as_bytes()));
}

// 6856-5.01
#[test]
fn without_utf8_a_message_may_be_refused() {
    let folder = filled();
    for _ in 0..2 {
        let mut maildir = open(&folder, EightBitHeaders::Refuse);
        assert_eq!(maildir.snapshot().len(), 3);
        assert_eq!(read(&mut maildir, 1).unwrap(), PLAIN.as_bytes());
        let refused = maildir.message(number(2)).unwrap_err();
        assert!(matches!(refused, MessageError::NeedsUtf8 { .. }), "{refused}");
        assert_eq!(pop3_proto::Rejection::from(refused).code(), Some(pop3_proto::ResponseCode::Utf8));
    }
}

#[test]
fn a_size_in_the_name_says_nothing_about_the_header() {
    let folder = maildir();
    put(&folder, &format!("new/1.a.h,W={}", wire_size(NEEDS.as_bytes())), NEEDS);
    let config = MaildirConfig::new().with_trusted_wire_sizes(true).with_eight_bit_headers(CONVERT);
    let mut maildir = Maildir::open_with(folder.path(), &config).unwrap();
    assert_eq!(contents(&mut maildir), [MADE.as_bytes()]);
    assert_eq!(sizes(&maildir), [wire_size(MADE.as_bytes())]);
}

#[test]
fn a_trusted_size_stays_right_when_flags_change() {
    let folder = maildir();
    let name = format!("1.a.h,W={}", wire_size(NEEDS.as_bytes()));
    let path = put(&folder, &format!("new/{name}"), NEEDS);
    let config = MaildirConfig::new().with_trusted_wire_sizes(true);
    let mut maildir = Maildir::open_with(folder.path(), &config).unwrap();
    fs::rename(path, folder.path().join(format!("cur/{name}:2,S"))).unwrap();
    assert_eq!(contents(&mut maildir), [NEEDS.as_bytes()]);
}

#[test]
fn converting_opens_no_more_than_the_message_and_its_folder() {
    let (folder, disk) = (filled(), Counted::new());
    let config = MaildirConfig::new().with_eight_bit_headers(CONVERT);
    let mut counts = Vec::new();
    for _ in 0..3 {
        disk.take();
        drop(Maildir::open_on(&disk.shared(), folder.path(), &config).unwrap());
        counts.push(disk.take());
    }
    // The lock, the sizes and two messages; the Maildir and a folder for each of the two.
    assert_eq!((counts[2]["open"], counts[2]["open folder"]), (4, 3), "{:?}", counts[2]);
}

#[test]
fn a_message_that_cannot_be_converted_at_the_login_is_an_error_when_it_is_fetched() {
    let config = MaildirConfig::new().with_eight_bit_headers(CONVERT);
    for kind in [ErrorKind::PermissionDenied, ErrorKind::InvalidInput, ErrorKind::NotFound] {
        let (folder, disk) = (filled(), Counted::new());
        let login = || Maildir::open_on(&disk.shared(), folder.path(), &config);
        drop(login().unwrap());
        disk.refuse("2.a.h", kind);
        let mut maildir = login().unwrap();
        let own = [PLAIN, NEEDS].map(|text| wire_size(text.as_bytes()));
        assert_eq!(sizes(&maildir)[..2], own);
        // Not even when it can be read again: it was not listed with this size.
        disk.refuse_nothing();
        assert!(maildir.message(number(2)).is_err(), "{kind}");
        assert_eq!(read(&mut maildir, 1).unwrap(), PLAIN.as_bytes());
        assert_eq!(read(&mut maildir, 3).unwrap(), b"Subject: =?UTF-8?B?w7w=?=");
        drop(maildir);
        assert_eq!(sizes(&login().unwrap())[1], wire_size(MADE.as_bytes()));
    }
    // It is another one now.
    let (folder, disk) = (filled(), Counted::new());
    drop(Maildir::open_on(&disk.shared(), folder.path(), &config).unwrap());
    put(&folder, "new/2.a.h", "Subject: \u{fc}\u{fc}\n");
    let mut maildir = Maildir::open_on(&disk.shared(), folder.path(), &config).unwrap();
    assert_eq!(sizes(&maildir)[1], wire_size(NEEDS.as_bytes()));
    assert!(matches!(maildir.message(number(2)), Err(MessageError::Changed { .. })));
    // No descriptor is no fault of the message.
    let (folder, disk) = (filled(), Counted::new());
    drop(Maildir::open_on(&disk.shared(), folder.path(), &config).unwrap());
    disk.refuse("2.a.h", ErrorKind::OutOfMemory);
    assert!(Maildir::open_on(&disk.shared(), folder.path(), &config).is_err());
}

#[test]
fn a_header_beyond_all_measure_is_not_converted() {
    let folder = maildir();
    let long = format!("Subject: \u{fc}\n{}\n", "X: y\n".repeat(300_000));
    put(&folder, "new/1.a.h", &long);
    let mut maildir = open(&folder, CONVERT);
    assert_eq!(sizes(&maildir), [wire_size(long.as_bytes())]);
    assert!(matches!(maildir.message(number(1)), Err(MessageError::NeedsUtf8 { .. })));
}

#[test]
fn a_file_that_changes_under_another_header_is_noticed() {
    // Longer than the part that is read to find the header.
    let long = format!("{NEEDS}{}", "a line\n".repeat(10_000));
    let folder = maildir();
    put(&folder, "new/1.a.h", &long);
    let mut maildir = open(&folder, CONVERT);
    let mut message = maildir.message(number(1)).unwrap();
    put(&folder, "new/1.a.h", &long[..long.len() - 3]);
    assert!(message.read_to_end(&mut Vec::new()).is_err());
    assert!(maildir.message(number(1)).is_err());
}

proptest! {
    #[test]
    fn the_listed_size_is_what_is_sent(
        lines in prop::collection::vec(prop::sample::select(vec![
            "A: b", "Subject: \u{e9}", "To: \u{e9} <x@y>", " folded \u{e9}", "", ".", "\u{e9}", "a\rb", "\r",
        ]), 0..12),
        crlf in any::<bool>(),
        ended in any::<bool>(),
    ) {
        let line_end = if crlf { "\r\n" } else { "\n" };
        let mut message = lines.join(line_end);
        if ended {
            message.push_str(line_end);
        }
        let folder = maildir();
        put(&folder, "new/1.a.h", &message);
        let mut maildir = open(&folder, CONVERT);
        let sent = read(&mut maildir, 1).unwrap();
        prop_assert_eq!(sizes(&maildir), [wire_size(&sent)]);
    }
}
