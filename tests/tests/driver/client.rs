//! The client's calls, with a scripted server.

use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex};

use pop3_driver::client::{
    Client, ClientError, ClientOptions, GRACE, Receiver, Refusal, Security, Trace, Tracer,
};
use pop3_driver::{Stop, Transport as _, wait};
use pop3_proto::client::ProtocolError;
use pop3_proto::{Keyword, MessageNumber, Octets};

use crate::logins::open;
use crate::wire::{Incoming, Wire, Writing};

const CAPA: &str = "+OK\r\nPIPELINING\r\nUIDL\r\n.\r\n";

/// A client that is logged in with these capabilities, and the script that follows.
fn logged_in(capabilities: &str, incoming: impl IntoIterator<Item = Incoming>) -> (Client<Wire>, Wire) {
    let login = ["+OK hi\r\n", "+OK\r\n", "+OK\r\n", capabilities].map(Incoming::from);
    let wire = Wire::new(login.into_iter().chain(incoming));
    let mut client = open(&wire, ClientOptions::new());
    wait(client.login(b"mrose", b"tanstaaf")).expect("the password is right");
    wire.state().writes.clear();
    (client, wire)
}

fn numbers(last: u32) -> Vec<MessageNumber> {
    (1..=last).map(number).collect()
}

fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).expect("not zero")
}

/// A receiver that counts messages.
#[derive(Default)]
struct Count {
    complete: usize,
    octets: usize,
    /// Fails after this many complete messages.
    fails: Option<usize>,
}

impl Receiver for Count {
    async fn begin(&mut self, _message: MessageNumber, _size: Option<Octets>) -> io::Result<()> {
        Ok(())
    }

    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        self.octets += octets.len();
        if self.fails == Some(self.complete) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    async fn end(&mut self, _outstanding: usize) -> io::Result<()> {
        self.complete += 1;
        Ok(())
    }

    async fn refused(&mut self, _message: MessageNumber, _refusal: Refusal) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn commands_run_ahead_as_far_as_the_window_allows() {
    let replies = (0..200).map(|_| Incoming::from("+OK\r\na\r\n.\r\n"));
    let (mut client, wire) = logged_in(CAPA, replies);
    let mut count = Count::default();
    wait(client.retr_all(&numbers(200), &mut count)).expect("messages");
    assert_eq!((count.complete, count.octets), (200, 600));
    let writes = wire.state().writes.clone();
    let lines = |write: &[u8]| write.split(|&octet| octet == b'\n').count() - 1;
    assert_eq!(lines(&writes[0]), 128);
    assert!(writes[0].starts_with(b"RETR 1\r\nRETR 2\r\n"));
    assert_eq!(writes.iter().map(|write| lines(write)).sum::<usize>(), 200);
}

#[test]
fn commands_wait_for_their_replies_without_pipelining() {
    let replies = (0..20).map(|_| Incoming::from("+OK\r\na\r\n.\r\n"));
    let (mut client, wire) = logged_in("-ERR no\r\n", replies);
    wait(client.retr_all(&numbers(20), &mut Count::default())).expect("messages");
    assert_eq!(wire.state().writes.len(), 20);
}

#[test]
fn a_command_is_one_write_however_little_it_takes() {
    let (mut client, wire) = logged_in(CAPA, [Incoming::from("+OK 1 3\r\n"), "+OK 1 3\r\n".into()]);
    wait(client.stat()).expect("a drop listing");
    assert_eq!(wire.state().writes, [b"STAT\r\n"]);
    wire.state().takes = 1;
    wait(client.stat()).expect("a drop listing");
    assert_eq!(wire.state().writes.concat(), b"STAT\r\nSTAT\r\n");
}

#[test]
fn a_call_that_is_dropped_leaves_its_reply_to_the_next() {
    let mess = ["+OK\r\nhalf a mess".into(), Incoming::Never];
    let (mut client, wire) = logged_in(CAPA, mess);
    {
        let mut kept = Vec::new();
        let mut call = pin!(client.retr(MessageNumber::FIRST, &mut kept));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(!client.is_quiet());
    let rest = ["age\r\n..\r\n", ".\r\n", "+OK\r\n", "+OK 1 3\r\n", "+OK\r\n"];
    wire.state().incoming = rest.map(Incoming::from).into();
    wait(client.noop()).expect("the rest of the message is not its reply");
    assert!(client.is_quiet());
    assert_eq!(wait(client.stat()).expect("a drop listing").octets, 3);
    wait(client.quit()).expect("the end");
    assert_eq!(wire.state().writes.concat(), b"RETR 1\r\nNOOP\r\nSTAT\r\nQUIT\r\n");
}

// 1939-3.47
#[test]
fn a_client_that_nobody_can_use_on_sends_no_quit() {
    let (mut client, wire) = logged_in(CAPA, [Incoming::Fault(io::ErrorKind::ConnectionAborted)]);
    assert!(matches!(wait(client.noop()), Err(ClientError::Network(_))));
    let written = wire.state().writes.len();
    assert!(matches!(wait(client.noop()), Err(ClientError::Interrupted)));
    assert!(matches!(wait(client.dele_all(&[number(1)])), Err(ClientError::Interrupted)));
    assert!(matches!(wait(client.quit()), Err(ClientError::Interrupted)));
    assert_eq!(wire.state().writes.len(), written, "no QUIT: nothing is removed");
}

#[test]
fn a_receiver_that_fails_ends_the_fetch() {
    let replies = (0..20).map(|_| Incoming::from("+OK\r\na\r\n.\r\n"));
    let (mut client, wire) = logged_in(CAPA, replies);
    let mut count = Count { fails: Some(3), ..Count::default() };
    let failed = wait(client.retr_all(&numbers(20), &mut count));
    assert!(matches!(failed, Err(ClientError::Store(error)) if error.kind() == io::ErrorKind::StorageFull));
    assert_eq!((count.complete, count.octets), (3, 12));
    // Replies to further requests arrive, but no caller receives them.
    wire.state().incoming.push_back("+OK\r\n".into());
    wait(client.noop()).expect("its own reply");
    assert!(client.is_quiet());
}

// 1939-3.37
#[test]
fn a_message_that_breaks_off_is_an_error() {
    for end in [None, Some(Incoming::Fault(io::ErrorKind::ConnectionReset))] {
        let begun = Incoming::from("+OK\r\nhalf a message\r\n");
        let (mut client, _wire) = logged_in(CAPA, [begun].into_iter().chain(end));
        let broken = wait(client.retr(MessageNumber::FIRST, &mut Vec::new()));
        let during = Some(Keyword::Retr);
        assert!(
            matches!(broken, Err(ClientError::Protocol(ProtocolError::Truncated { during: d })) if d == during),
            "{broken:?}"
        );
    }
}

#[test]
fn a_silent_server_is_left_at_the_deadline() {
    let (mut client, wire) = logged_in(CAPA, [Incoming::Silence]);
    let before = wire.now();
    let late = wait(client.noop());
    assert!(matches!(late, Err(ClientError::Protocol(ProtocolError::TimedOut { .. }))), "{late:?}");
    assert_eq!(wire.now().since(before), pop3_proto::client::ClientConfig::default().reply_timeout);
}

#[test]
fn connecting_has_one_deadline_for_all_of_it() {
    let wire = Wire::new([]);
    let connector = pop3_driver::tls::Connector::new(
        pop3_driver::tls::client_config(rustls::RootCertStore::empty()).expect("good settings"),
        "localhost",
    );
    let security = Security::StartTls(connector.expect("a name"));
    let limit = Duration::from_secs(5);
    for script in [
        vec![Incoming::Silence],
        vec!["+OK\r\n".into(), Incoming::Silence],
        vec!["+OK\r\n".into(), "+OK\r\n".into(), Incoming::Silence],
    ] {
        wire.state().incoming = script.into();
        wire.state().watch = None;
        let begun = wire.now();
        let late = wait(Client::open(wire.clone(), &security, ClientOptions::new(), begun.after(limit)));
        assert!(late.is_err());
        assert_eq!(wire.now().since(begun), limit);
    }
}

#[test]
fn secrets_are_not_traced() {
    let traces = Arc::new(Mutex::new(String::new()));
    let tracer = Tracer::new({
        let traces = Arc::clone(&traces);
        move |trace: Trace<'_>| traces.lock().expect("no panic").push_str(&format!("{trace:?}\n"))
    });
    let script =
        ["+OK <1.2@x>\r\n", "+OK\r\n", "-ERR no\r\n", "+OK\r\n", CAPA, "+OK\r\nsecret mail\r\n.\r\n"];
    let wire = Wire::new(script.map(Incoming::from));
    let mut client = open(&wire, ClientOptions::new().with_tracer(tracer));
    wait(client.login(b"mrose", b"tanstaaf")).expect_err("it is refused");
    wait(client.login_apop(b"mrose", b"tanstaaf")).expect("the secret is right");
    wait(client.retr(MessageNumber::FIRST, &mut Vec::new())).expect("a message");
    let traces = traces.lock().expect("no panic");
    for said in ["USER mrose", "PASS ***", "APOP ***", "Pipelining", "Data(13)"] {
        assert!(traces.contains(said), "{said} in {traces}");
    }
    let sent = wire.sent();
    let (_, digest) = sent.split_once("APOP mrose ").expect("the command");
    assert!(!traces.contains(&digest[..32]), "{traces}");
    assert!(!traces.contains("tanstaaf") && !traces.contains("secret mail"), "{traces}");
}

/// Two sessions that are told to end: one finishes in time, and one does not.
#[test]
fn a_client_that_is_told_to_end_waits_for_what_is_on_its_way_and_sends_no_more() {
    for answered in [true, false] {
        let stop = Stop::new();
        let login = ["+OK hi\r\n", "+OK\r\n", "+OK\r\n", "-ERR no\r\n"].map(Incoming::from);
        let wire = Wire::new(login);
        let mut client = open(&wire, ClientOptions::new().with_stop(stop.clone()));
        wait(client.login(b"mrose", b"tanstaaf")).expect("the password is right");
        let incoming: &[&str] =
            if answered { &["+OK\r\na\r\n.\r\n", "+OK\r\n"] } else { &["+OK\r\nhalf\r\n"] };
        wire.state().incoming.extend(incoming.iter().map(|octets| Incoming::from(*octets)));
        if !answered {
            wire.state().incoming.push_back(Incoming::Silence);
        }
        let mut count = Stopping { stop: stop.clone(), count: Count::default() };
        let begun = wire.now();
        let ended = wait(client.retr_all(&numbers(3), &mut count));
        assert!(matches!(ended, Err(ClientError::Stopped)), "{ended:?}");
        assert_eq!((count.count.complete, client.is_quiet()), (usize::from(answered), answered));
        assert_eq!(wire.lines().iter().filter(|line| line.starts_with("RETR")).count(), 1);
        if answered {
            // The connection remains usable.
            wait(client.quit()).expect("QUIT is answered");
        } else {
            assert_eq!(wire.now().since(begun), GRACE);
            assert!(matches!(wait(client.quit()), Err(ClientError::Stopped)));
            assert!(!wire.sent().contains("QUIT"));
        }
    }
}

#[test]
fn a_client_that_is_told_to_end_has_the_grace_to_send_and_not_more() {
    let stop = Stop::new();
    let wire = Wire::new(["+OK hi\r\n", "+OK\r\n", "+OK\r\n", "-ERR no\r\n"].map(Incoming::from));
    let mut client = open(&wire, ClientOptions::new().with_stop(stop.clone()));
    wait(client.login(b"mrose", b"tanstaaf")).expect("the password is right");
    let written = wire.state().written;
    wire.state().writing = Writing::StuckAfter(written);
    stop.stop();
    let begun = wire.now();
    let ended = wait(client.quit());
    assert!(matches!(ended, Err(ClientError::Stopped)), "{ended:?}");
    assert_eq!(wire.now().since(begun), GRACE);
}

/// Stops when the first octets arrive.
struct Stopping {
    stop: Stop,
    count: Count,
}

impl Receiver for Stopping {
    async fn begin(&mut self, message: MessageNumber, size: Option<Octets>) -> io::Result<()> {
        self.stop.stop();
        self.count.begin(message, size).await
    }

    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        self.count.data(octets).await
    }

    async fn end(&mut self, outstanding: usize) -> io::Result<()> {
        self.count.end(outstanding).await
    }

    async fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> io::Result<()> {
        self.count.refused(message, refusal).await
    }
}

/// After an unsolicited reply, it is unknown to which command the next one belongs.
#[test]
fn a_client_is_quiet_when_nothing_is_due_and_nothing_was_left() {
    for (reply, quiet) in [("+OK\r\n", true), ("+OK\r\n+OK extra\r\n", false), ("+OK\r\n+", false)] {
        let (mut client, _wire) = logged_in(CAPA, [Incoming::from(reply)]);
        assert!(client.is_quiet());
        wait(client.noop()).expect("it is answered");
        assert_eq!(client.is_quiet(), quiet, "{reply:?}");
        assert!(wait(client.noop()).is_err());
        assert!(!client.is_quiet());
    }
}

#[test]
fn a_receiver_is_told_how_many_commands_run_ahead() {
    struct Behind(Vec<usize>);
    impl Receiver for Behind {
        async fn begin(&mut self, _message: MessageNumber, _size: Option<Octets>) -> io::Result<()> {
            Ok(())
        }

        async fn data(&mut self, _octets: &[u8]) -> io::Result<()> {
            Ok(())
        }

        async fn end(&mut self, outstanding: usize) -> io::Result<()> {
            self.0.push(outstanding);
            Ok(())
        }

        async fn refused(&mut self, _message: MessageNumber, _refusal: Refusal) -> io::Result<()> {
            Ok(())
        }
    }
    for (capabilities, expected) in [(CAPA, [2, 1, 0]), ("-ERR no\r\n", [0, 0, 0])] {
        let replies = (0..3).map(|_| Incoming::from("+OK\r\na\r\n.\r\n"));
        let (mut client, _wire) = logged_in(capabilities, replies);
        let mut behind = Behind(Vec::new());
        wait(client.retr_all(&numbers(3), &mut behind)).expect("messages");
        assert_eq!(behind.0, expected);
    }
}
