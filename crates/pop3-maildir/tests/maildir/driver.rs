//! A Maildir as the store of the driver: what the client is told, and that nothing leaks.

use std::fs;
use std::io::Read;
use std::sync::Arc;

use bytes::BytesMut;
use pop3_driver::backend::Context;
use pop3_driver::store::Maildrop;
use pop3_maildir::Maildir;
use pop3_proto::server::{Accepted, Answer, Extent, Request, ServerConfig, ServerConnection, ServerStep};
use pop3_proto::{Channel, Input, Instant, Rejection, ResponseCode};
use tempfile::TempDir;

use crate::support::{fifo, maildir, names, number, open, put};

/// A whole session of the server core with this Maildir. `before_commit` runs after QUIT has arrived.
fn dialogue(folder: &TempDir, commands: &str, before_commit: impl Fn()) -> String {
    let now = Instant::default();
    let mut connection =
        ServerConnection::new(Arc::new(ServerConfig::default()), Channel::TrustedPlaintext, None, now);
    let commands = format!("USER u\r\nPASS p\r\n{commands}");
    let mut input = Input::last(commands.as_bytes());
    let (mut out, mut store) = (BytesMut::new(), None);
    loop {
        let answer = match connection.poll(now, &mut input, &mut out) {
            ServerStep::Ask(Request::Password { .. }) => {
                let mut maildir = open(folder);
                let accepted = Accepted::from(maildir.take_snapshot());
                store = Some(maildir);
                Answer::Accept(accepted)
            }
            ServerStep::Ask(Request::Fetch { message, extent, .. }) => {
                match Maildrop::fetch(store.as_mut().unwrap(), message, extent, &Context::unbounded()) {
                    Err(rejection) => Answer::Unavailable(rejection),
                    Ok(mut reader) => {
                        let mut stored = Vec::new();
                        reader.read_to_end(&mut stored).unwrap();
                        connection.answer(Answer::Message, now, &mut out).unwrap();
                        let _ = connection.body(&stored, &mut out).unwrap();
                        Answer::EndOfMessage
                    }
                }
            }
            ServerStep::Ask(Request::Commit(deletions)) => {
                before_commit();
                let failed = Maildrop::commit(store.take().unwrap(), &deletions, &Context::unbounded());
                assert!(Maildir::open(folder.path()).is_ok(), "free before QUIT is answered");
                Answer::committed(failed)
            }
            ServerStep::Flush | ServerStep::Read => continue,
            ServerStep::Pause(_) | ServerStep::Wait | ServerStep::StartTls | ServerStep::Ask(_) => {
                panic!("nothing to wait for")
            }
            ServerStep::Close(_) => return String::from_utf8(out.to_vec()).unwrap(),
        };
        connection.answer(answer, now, &mut out).unwrap();
    }
}

fn statuses(dialogue: &str) -> Vec<&str> {
    dialogue.lines().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn a_session_lists_what_it_sends_and_removes_at_quit() {
    let folder = maildir();
    put(&folder, "new/1.a.h", ".dot\nlast");
    put(&folder, "new/2.a.h", "two\n");
    let said = dialogue(&folder, "LIST 1\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n", || {});
    assert!(said.contains("+OK 1 12\r\n"), "{said}");
    assert!(said.contains("\r\n..dot\r\nlast\r\n.\r\n"), "{said}");
    assert_eq!(statuses(&said).last(), Some(&"+OK"));
    assert_eq!(names(&folder, "new"), ["2.a.h"]);
}

// 1939-6.01
#[test]
fn a_session_without_quit_removes_nothing() {
    let folder = maildir();
    put(&folder, "new/1.a.h", "one\n");
    dialogue(&folder, "DELE 1\r\nQUIT", || panic!("no commit"));
    dialogue(&folder, "DELE 1\r\nRSET\r\nQUIT\r\n", || {});
    assert_eq!(names(&folder, "new"), ["1.a.h"]);
}

// 1939-6.11, 1939-6.14
#[test]
fn quit_tells_the_truth() {
    let folder = maildir();
    let path = put(&folder, "new/1.a.h", "one\n");
    let said = dialogue(&folder, "DELE 1\r\nQUIT\r\n", || fs::write(&path, "one and more\n").unwrap());
    assert_eq!(statuses(&said).last(), Some(&"-ERR"), "{said}");
    assert_eq!(names(&folder, "new"), ["1.a.h"]);
    let said = dialogue(&folder, "DELE 1\r\nQUIT\r\n", || fs::remove_file(&path).unwrap());
    assert_eq!(statuses(&said).last(), Some(&"+OK"), "{said}");
}

#[test]
fn opened_maildrops_fetch_and_report() {
    let folder = maildir();
    put(&folder, "new/1.a.h", "one\n");
    put(&folder, "new/2.a.h", "two\n");
    let mut maildrop = open(&folder);
    let mut text = Vec::new();
    let mut message =
        Maildrop::fetch(&mut maildrop, number(1), Extent::Top { lines: 0 }, &Context::unbounded()).unwrap();
    message.read_to_end(&mut text).unwrap();
    assert_eq!(text, b"one\n");

    fs::remove_file(folder.path().join("new/2.a.h")).unwrap();
    let rejection =
        Maildrop::fetch(&mut maildrop, number(2), Extent::Whole, &Context::unbounded()).unwrap_err();
    assert_eq!(rejection.code(), Some(ResponseCode::SysTemp));
}

// 3206-4.01, 1939-4.10
#[test]
fn errors_become_response_codes_without_paths() {
    let folder = maildir();
    let told = |folder: &TempDir| Rejection::from(Maildir::open(folder.path()).unwrap_err());
    let session = open(&folder);
    assert_eq!(told(&folder), Rejection::in_use());
    drop(session);
    fs::remove_file(folder.path().join("pop3.lock")).unwrap();
    fifo(&folder.path().join("pop3.lock"));
    let temporary = told(&folder);
    assert_eq!(temporary.code(), Some(ResponseCode::SysTemp));
    let empty = tempfile::tempdir().unwrap();
    let permanent = told(&empty);
    assert_eq!(permanent.code(), Some(ResponseCode::SysPerm));
    for rejection in [temporary, permanent] {
        assert!(!rejection.text().contains('/'), "{rejection:?}");
    }
}
