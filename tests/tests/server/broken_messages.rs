//! Messages that differ from what was promised: the server sends no final dot after them.

use pop3_proto::Rejection;
use pop3_proto::server::Close;
use pop3_tests::server::Server;
use pop3_tests::store::{Fault, Store};

const LONG: &[u8] = b"Subject: x\r\n\r\none\r\ntwo\r\nthree\r\n";

fn with(fault: Fault) -> Server {
    Server::logged_in(Store::with([("a", LONG)]).with_fault(fault))
}

fn breaks(fault: Fault, command: &str) {
    let mut server = with(fault.clone());
    server.say("DELE 1\r\nRSET");
    let sent = server.send(format!("{command}\r\nDELE 1\r\nQUIT\r\n").as_bytes());
    assert_eq!(server.closed(), Some(Close::BrokenMessage), "{fault:?} {command}");
    assert!(sent.starts_with(b"+OK "), "{fault:?} {command}");
    assert!(!sent.ends_with(b"\r\n.\r\n"), "{fault:?} {command}: {}", sent.escape_ascii());
    assert_eq!(server.store.messages.len(), 1, "nothing is removed");
    assert_eq!(server.connection().session().totals().retrieved, 0);
}

// 1939-5.42
#[test]
fn a_message_that_can_not_be_opened_is_refused() {
    for rejection in [Rejection::temporary("gone"), Rejection::plain("gone")] {
        let mut server = with(Fault::Unavailable(rejection.clone()));
        for command in ["RETR 1", "TOP 1 0"] {
            let reply = server.say(command);
            assert_eq!(reply, format!("-ERR {rejection}\r\n"));
        }
        assert_eq!(server.say("STAT"), format!("+OK 1 {}\r\n", LONG.len()));
        assert_eq!(server.closed(), None);
    }
}

// 1939-5.42: too short, too long, broken off, with only the end missing, or empty.
#[test]
fn a_message_of_another_length_has_no_end() {
    for command in ["RETR 1", "TOP 1 3", "TOP 1 4", "TOP 1 99"] {
        breaks(Fault::Short(LONG.len()), command);
        breaks(Fault::Short(3), command);
        breaks(Fault::Breaks(0), command);
        breaks(Fault::Breaks(9), command);
    }
    breaks(Fault::Breaks(LONG.len()), "RETR 1");
    breaks(Fault::Short(LONG.len() - 9), "TOP 1 0");
    breaks(Fault::Long(b"x".to_vec()), "RETR 1");
    breaks(Fault::Long(b"\r\n.\r\n+OK forged\r\n".to_vec()), "RETR 1");
    breaks(Fault::Long(b"x".to_vec()), "TOP 1 4");
}

// The octets that TOP sends are correct. Errors after them do not matter.
#[test]
fn top_does_not_care_for_what_it_does_not_send() {
    for fault in [Fault::Short(5), Fault::Long(b"x".to_vec()), Fault::Breaks(20)] {
        let sent = with(fault).say("TOP 1 1");
        assert!(sent.ends_with("\r\n\r\none\r\n.\r\n"), "{sent}");
    }
}
