//! How often a client asks for the capabilities, and with what.

use pop3_driver::client::{Client, ClientError, ClientOptions, LoginPolicy, from_fn};
use pop3_driver::{Stop, wait};
use pop3_proto::client::ClientConfig;
use pop3_proto::{Capability, Command, MessageNumber};
use pop3_tests::configured;

use crate::logins::{fred, open};
use crate::sasl_server::sasl_server;
use crate::wire::{Incoming, Wire};

const PIPELINING: &str = "SASL PLAIN\r\nPIPELINING\r\nUIDL";

/// Logs in to a server with these capabilities, before and after it; `None` refuses CAPA.
fn logged_in(
    before: &'static str,
    after: Option<&'static str>,
    options: ClientOptions,
) -> (Client<Wire>, Wire) {
    let mut server = sasl_server(before, str::to_owned);
    let mut asked = false;
    let wire = Wire::talking("+OK\r\n", move |line| {
        Some(match (line.split(' ').next()?, after) {
            ("CAPA", Some(after)) if asked => format!("+OK\r\n{after}\r\n.\r\n"),
            ("CAPA", None) if asked => "-ERR no\r\n".to_owned(),
            ("LIST", _) => "+OK\r\n1 3\r\n2 3\r\n.\r\n".to_owned(),
            ("UIDL", _) => "+OK\r\n1 a\r\n2 b\r\n.\r\n".to_owned(),
            ("RETR", _) => "+OK\r\nx\r\n.\r\n".to_owned(),
            ("STAT", _) => "+OK 2 6\r\n".to_owned(),
            (word, _) => {
                asked |= word == "CAPA";
                return server(line);
            }
        })
    });
    let mut client = open(&wire, options);
    wait(client.login_with(&fred(), &LoginPolicy::default())).expect("by PLAIN");
    (client, wire)
}

/// What was written at a time, behind the login.
fn writes(wire: &Wire) -> Vec<String> {
    let writes = wire.state().writes.clone();
    let writes = writes.into_iter().map(|write| String::from_utf8(write).unwrap());
    writes.skip_while(|write| !write.starts_with("AUTH")).skip(2).collect::<Vec<_>>()
}

fn list(client: &mut Client<Wire>) {
    let mut rows = 0;
    let results = wait(client.list_and_uidl_each(|_| rows += 1)).expect("two listings");
    assert!(results.iter().all(Result::is_ok) && rows == 4);
}

fn fetch(client: &mut Client<Wire>) {
    let numbers = [0, 1].map(|index| MessageNumber::from_index(index).unwrap());
    wait(client.retr_all(&numbers, &mut from_fn(|_| Ok(())))).expect("two messages");
}

#[test]
fn with_pipelining_the_second_capa_takes_no_round_trip() {
    let (mut client, wire) = logged_in(PIPELINING, Some("PIPELINING\r\nEXPIRE 5"), ClientOptions::new());
    assert_eq!(writes(&wire), [""; 0]);
    list(&mut client);
    assert_eq!(client.known_capabilities().unwrap().lines().last(), Some(&b"EXPIRE 5"[..]));
    fetch(&mut client);
    wait(client.quit()).expect("the end");
    let expected = ["CAPA\r\nLIST\r\nUIDL\r\n", "RETR 1\r\nRETR 2\r\n", "QUIT\r\n"];
    assert_eq!(writes(&wire), expected);
}

#[test]
fn without_pipelining_it_is_sent_at_once() {
    let (mut client, wire) = logged_in("SASL PLAIN", Some(PIPELINING), ClientOptions::new());
    assert!(client.has(Capability::Pipelining));
    list(&mut client);
    assert_eq!(writes(&wire), ["CAPA\r\n", "LIST\r\nUIDL\r\n"]);
}

#[test]
fn each_call_takes_it_along_but_the_last() {
    let after = Some("UIDL");
    let (mut client, wire) = logged_in(PIPELINING, after, ClientOptions::new());
    assert_eq!(wait(client.stat()).expect("a line").messages, 2);
    assert!(!client.has(Capability::Pipelining));
    // Now one at a time.
    list(&mut client);
    fetch(&mut client);
    let expected = ["CAPA\r\nSTAT\r\n", "LIST\r\n", "UIDL\r\n", "RETR 1\r\n", "RETR 2\r\n"];
    assert_eq!(writes(&wire), expected);

    let (mut client, wire) = logged_in(PIPELINING, after, ClientOptions::new());
    fetch(&mut client);
    assert_eq!(writes(&wire), ["CAPA\r\n", "RETR 1\r\n", "RETR 2\r\n"]);

    let (mut client, wire) = logged_in(PIPELINING, after, ClientOptions::new());
    assert!(wait(client.capabilities()).expect("a list").is_some());
    wait(client.noop()).expect("well");
    assert_eq!(writes(&wire), ["CAPA\r\n", "NOOP\r\n"]);

    let (client, wire) = logged_in(PIPELINING, after, ClientOptions::new());
    wait(client.quit()).expect("the end");
    assert_eq!(writes(&wire), ["QUIT\r\n"]);
}

#[test]
fn what_was_announced_before_the_login_remains_if_it_is_refused() {
    let (mut client, wire) = logged_in(PIPELINING, None, ClientOptions::new());
    list(&mut client);
    fetch(&mut client);
    assert_eq!(writes(&wire), ["CAPA\r\nLIST\r\nUIDL\r\n", "RETR 1\r\nRETR 2\r\n"]);
}

#[test]
fn a_small_window_divides_them() {
    for (window, expected) in [
        (6, &["CAPA\r\n", "LIST\r\n", "UIDL\r\n"][..]),
        (12, &["CAPA\r\nLIST\r\n", "UIDL\r\n"]),
        (18, &["CAPA\r\nLIST\r\nUIDL\r\n"]),
    ] {
        let config = configured::<ClientConfig>(|it| it.max_octets_in_flight = window);
        let (mut client, wire) =
            logged_in(PIPELINING, Some(PIPELINING), ClientOptions::new().with_config(config));
        list(&mut client);
        assert_eq!(writes(&wire), expected);
    }
}

#[test]
fn a_command_that_cannot_be_sent_takes_nothing_along() {
    let stls = |client: &mut Client<Wire>| wait(client.call_all([Command::Stls], |_, _| {}));
    let user = |client: &mut Client<Wire>| wait(client.login(b"fred", b"secret"));
    for call in [stls, user] as [fn(&mut _) -> _; 2] {
        let (mut client, wire) = logged_in(PIPELINING, Some(PIPELINING), ClientOptions::new());
        let ended = call(&mut client);
        assert!(matches!(ended, Err(ClientError::Unsendable(_))), "{ended:?}");
        // Nothing waits to be sent either.
        wait(client.drain()).expect("nothing to do");
        assert_eq!(writes(&wire), [""; 0]);
        wait(client.noop()).expect("well");
        assert_eq!(writes(&wire), ["CAPA\r\nNOOP\r\n"]);
    }
}

#[test]
fn where_nothing_is_to_be_sent_it_is_not_sent_either() {
    let stop = Stop::new();
    let options = ClientOptions::new().with_stop(stop.clone());
    let (mut client, wire) = logged_in(PIPELINING, Some(PIPELINING), options);
    wait(client.retr_all(&[], &mut std::io::sink())).expect("nothing to do");
    assert_eq!(wait(client.dele_all(&[])).expect("nothing to do"), []);
    wait(client.call_all([], |_, _| {})).expect("nothing to do");
    stop.stop();
    let numbers = [MessageNumber::FIRST];
    let fetched = wait(client.retr_all(&numbers, &mut std::io::sink()));
    assert!(matches!(fetched, Err(ClientError::Stopped)), "{fetched:?}");
    let deleted = wait(client.dele_all(&numbers));
    assert!(matches!(deleted, Err(ClientError::Stopped)), "{deleted:?}");
    wait(client.quit()).expect("the end");
    assert_eq!(writes(&wire), ["QUIT\r\n"]);
}

/// The replies to LIST and UIDL.
const LISTINGS: &str = "+OK\r\n1 3\r\n2 3\r\n.\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n";

#[test]
fn no_odd_reply_to_it_is_taken_for_another() {
    for reply in ["-ERR\r\n", "-ERR [SYS/TEMP] later\r\n", "+OK\r\n.\r\n", "+OK\r\nUIDL\r\n\r\n.\r\n"] {
        let (mut client, wire) = logged_in(PIPELINING, None, ClientOptions::new());
        wire.state().incoming = [reply, LISTINGS].map(Incoming::from).into();
        list(&mut client);
        assert!(client.is_quiet(), "{reply:?}");
    }
    // The stream ends in it, or there is no list, so that it contains the next reply.
    for reply in ["", "+OK\r\n", "+O", "+OK\r\nUIDL\r\nPIPE", "+OK\r\nUIDL\r\n", "+OK\r\nUIDL\r\n.\r"] {
        for behind in ["", LISTINGS] {
            if !behind.is_empty() && reply != "+OK\r\n" {
                continue;
            }
            let (mut client, wire) = logged_in(PIPELINING, None, ClientOptions::new());
            wire.state().incoming = [reply, behind, ""].map(Incoming::from).into();
            let listed = wait(client.list_and_uidl_each(|row| {
                assert!(behind.is_empty(), "{reply:?}: a row {row:?}");
            }));
            assert!(matches!(listed, Err(ClientError::Protocol(_))), "{reply:?}, {behind:?}: {listed:?}");
            let next = wait(client.stat());
            assert!(next.is_err(), "{reply:?}: {next:?}");
        }
    }
}
