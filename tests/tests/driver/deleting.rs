//! Deleting in one flight: DELE, NOOP, STAT and QUIT.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use pop3_driver::client::{Client, ClientError, ClientOptions, Refusal};
use pop3_driver::{Stop, wait};
use pop3_fetch::{Fetch, FetchEvent, FetchOptions, Target};
use pop3_proto::client::ProtocolError;
use pop3_proto::{Keyword, MessageNumber};

use crate::dropped;
use crate::logins::open;
use crate::wire::{Incoming, Wire};

fn numbers(count: u32) -> Vec<MessageNumber> {
    (1..=count).map(|number| MessageNumber::new(number).expect("not zero")).collect()
}

/// What a server that pipelines replies to each of these commands. It has four messages.
fn usual(line: &str) -> Option<String> {
    let reply = match line {
        "CAPA" => "+OK\r\nPIPELINING\r\n.\r\n",
        "STAT" => "+OK 4 99\r\n",
        "" => return None,
        _ => "+OK\r\n",
    };
    Some(reply.to_owned())
}

fn logged_in(
    options: ClientOptions,
    answer: impl FnMut(&str) -> Option<String> + Send + 'static,
) -> (Client<Wire>, Wire) {
    let wire = Wire::talking("+OK\r\n", answer);
    let mut client = open(&wire, options);
    wait(client.login(b"u", b"p")).expect("the password is right");
    (client, wire)
}

/// Deletes four messages, and returns what was refused.
fn delete(client: Client<Wire>) -> (Result<(), ClientError>, Vec<u32>) {
    let mut refused = Vec::new();
    let take = |number: MessageNumber, _: Refusal| refused.push(number.number());
    let ended = wait(client.dele_all_and_quit(&numbers(4), take));
    (ended, refused)
}

#[test]
fn all_commands_are_in_one_flight_and_refusals_are_told() {
    let (client, wire) = logged_in(ClientOptions::new(), |line| match line {
        "DELE 2" | "DELE 4" => Some("-ERR no\r\n".to_owned()),
        _ => usual(line),
    });
    let (ended, refused) = delete(client);
    ended.expect("the end");
    assert_eq!(refused, [2, 4]);
    let last = wire.state().writes.last().cloned().expect("commands");
    assert_eq!(last, b"DELE 1\r\nDELE 2\r\nDELE 3\r\nDELE 4\r\nNOOP\r\nSTAT\r\nQUIT\r\n");
    assert!(wire.state().closed);
}

/// A server that sends a reply too many, wherever, with messages that it does not mark.
#[test]
fn a_reply_too_many_is_never_taken_for_the_reply_to_quit() {
    for stat in ["+OK 4 99\r\n", "-ERR no\r\n"] {
        for extra in ["+OK\r\n", "-ERR no\r\n", "+OK\r\n-ERR no\r\n", "-ERR no\r\n+OK\r\n", "+OK\r\n+OK\r\n"]
        {
            for at in 1..=4 {
                for refused in 1..=5 {
                    let what = format!("{extra:?} behind DELE {at}, {refused} refused, STAT {stat:?}");
                    let (client, wire) = logged_in(ClientOptions::new(), move |line| {
                        let mut reply = usual(line)?;
                        if line == "STAT" {
                            stat.clone_into(&mut reply);
                        }
                        if line == format!("DELE {refused}") {
                            "-ERR no\r\n".clone_into(&mut reply);
                        }
                        if line == format!("DELE {at}") {
                            reply.push_str(extra);
                        }
                        Some(reply)
                    });
                    match delete(client).0 {
                        Err(ClientError::Protocol(ProtocolError::Entry(line))) => {
                            assert_eq!(line.during(), Some(Keyword::Stat), "{what}");
                        }
                        Err(ClientError::Protocol(ProtocolError::Unsolicited(_))) => {}
                        other => panic!("{what}: {other:?}"),
                    }
                    assert!(wire.state().closed, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_server_that_refuses_stat_must_close_the_connection() {
    let without_stat = |line: &str| if line == "STAT" { Some("-ERR no\r\n".to_owned()) } else { usual(line) };
    let (client, _wire) = logged_in(ClientOptions::new(), without_stat);
    delete(client).0.expect("it has answered each command once");
    let (client, wire) = logged_in(ClientOptions::new(), without_stat);
    let replies = "+OK\r\n".repeat(5) + "-ERR no\r\n+OK\r\n";
    wire.state().incoming = [replies.as_str().into(), Incoming::Silence].into();
    let (ended, _) = delete(client);
    assert!(matches!(&ended, Err(ClientError::Refused(refusal)) if refusal.keyword == Some(Keyword::Stat)));
    assert!(wire.state().closed);
}

/// The same server, if it also dies at QUIT without a reply: only the connection ends.
#[test]
fn the_end_of_the_connection_is_not_taken_for_the_reply_to_quit() {
    for extra in ["", "+OK\r\n", "-ERR no\r\n", "+OK\r\n-ERR no\r\n", "+OK\r\n+OK\r\n"] {
        for refused in 1..=5 {
            for refuses in [&[][..], &["STAT"], &["NOOP", "STAT"]] {
                let (client, wire) = logged_in(ClientOptions::new(), move |line| {
                    if line == "QUIT" {
                        return None;
                    }
                    let refuses = refuses.contains(&line) || line == format!("DELE {refused}");
                    let reply = if refuses { "-ERR no\r\n".to_owned() } else { usual(line)? };
                    Some(if line == "DELE 4" { reply + extra } else { reply })
                });
                let ended = delete(client).0;
                assert!(ended.is_err(), "{extra:?}, {refused} refused, {refuses:?}: {ended:?}");
                assert!(wire.state().closed);
            }
        }
    }
}

#[test]
fn what_follows_the_reply_to_quit_must_not_be_a_reply() {
    for (behind, is_well) in [("-ERR not removed\r\n", false), ("+OK\r\n", false), ("\r\n", true), ("", true)]
    {
        let (client, wire) = logged_in(ClientOptions::new(), usual);
        let replies = "+OK\r\n".repeat(5) + "+OK 4 99\r\n+OK\r\n" + behind;
        wire.state().incoming = [replies.as_str().into()].into();
        let ended = delete(client).0;
        assert_eq!(ended.is_ok(), is_well, "{behind:?}: {ended:?}");
    }
}

/// A fetch that deletes says which of the two was refused.
#[test]
fn a_fetch_tells_a_refused_stat_from_a_refused_quit() {
    for (replies, expected) in [
        (
            "-ERR no STAT\r\n+OK\r\n",
            "the deletions could not be verified, because the server refused STAT: no STAT",
        ),
        ("+OK 4 99\r\n-ERR no QUIT\r\n", "the server reported a problem at QUIT: no QUIT"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let wire_to_be = Arc::new(Mutex::new(None::<Wire>));
        let asked = Arc::clone(&wire_to_be);
        let (client, wire) = logged_in(ClientOptions::new(), move |line| match line {
            "LIST" => Some("+OK\r\n1 3\r\n.\r\n".to_owned()),
            "UIDL" => Some("+OK\r\n1 a\r\n.\r\n".to_owned()),
            "RETR 1" => Some("+OK\r\nx\r\n.\r\n".to_owned()),
            // The replies to DELE, NOOP, and what follows; then nothing, not even the end of the connection.
            "DELE 1" => {
                let wire = asked.lock().expect("no panic").take().expect("a wire");
                let all = "+OK\r\n+OK\r\n".to_owned() + replies;
                wire.state().incoming = [all.as_str().into(), Incoming::Silence].into();
                Some(String::new())
            }
            _ => usual(line),
        });
        *wire_to_be.lock().expect("no panic") = Some(wire);
        let (told, notices) = channel();
        let (target, state) = (Target::Dir(folder.path().join("mail")), folder.path().join("state"));
        let options = FetchOptions::new().with_delete(true);
        let fetch = Fetch::open(&target, &state, "u@h", options).expect("a folder and a file");
        let mut fetch = fetch.on_event(move |event| {
            if let FetchEvent::Notice(notice) = event {
                told.send(notice.to_string()).expect("a test");
            }
        });
        let report = wait(fetch.run(client)).expect("the message is stored");
        assert_eq!((report.fetched, report.deleted, report.not_deleted), (1, 0, 1));
        drop(fetch);
        assert_eq!(notices.iter().collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn a_refused_quit_is_told() {
    let (client, wire) = logged_in(ClientOptions::new(), |line| match line {
        "QUIT" => Some("-ERR some messages were not removed\r\n".to_owned()),
        _ => usual(line),
    });
    let (ended, _) = delete(client);
    assert!(matches!(&ended, Err(ClientError::Refused(refusal)) if refusal.keyword == Some(Keyword::Quit)));
    assert!(wire.state().closed);
}

#[test]
fn after_a_stop_only_quit_is_sent() {
    for quits in [true, false] {
        let stop = Stop::new();
        let options = ClientOptions::new().with_stop(stop.clone());
        let (client, wire) = logged_in(options, usual);
        let sent = wire.lines().len();
        stop.stop();
        if quits {
            wait(client.quit()).expect("the end");
            assert_eq!(wire.lines()[sent..], ["QUIT"]);
        } else {
            assert!(matches!(delete(client).0, Err(ClientError::Stopped)));
            assert_eq!(wire.lines().len(), sent);
        }
        assert!(wire.state().closed);
    }
}

#[test]
fn a_connection_that_fails_is_closed_too() {
    let (client, wire) = logged_in(ClientOptions::new(), usual);
    wire.state().incoming = [Incoming::Fault(std::io::ErrorKind::ConnectionAborted)].into();
    assert!(matches!(delete(client).0, Err(ClientError::Network(_))));
    assert!(wire.state().closed);
}

/// The window bounds the octets of messages, and commands that ask for none take nothing of it.
#[test]
fn what_asks_for_no_message_is_not_held_back_by_a_large_one() {
    let (mut client, wire) =
        logged_in(ClientOptions::new().with_max_octets_expected(10), |line| match line {
            "LIST" => Some("+OK\r\n1 1000\r\n2 1000\r\n.\r\n".to_owned()),
            _ if line.starts_with("RETR") => Some("+OK\r\nx\r\n.\r\n".to_owned()),
            _ => usual(line),
        });
    wait(client.list()).expect("sizes");
    let before = wire.state().writes.len();
    wait(client.retr_all_in_step(&numbers(2), &mut std::io::sink())).expect("messages");
    let writes = wire.state().writes[before..].to_vec();
    assert_eq!(writes, [&b"RETR 1\r\n"[..], b"RETR 2\r\nNOOP\r\nSTAT\r\n"]);
}

/// All commands leave at once, and the server carries out those that have arrived.
#[test]
fn a_call_that_is_dropped_sends_nothing_more() {
    let mut all = Vec::new();
    for polls in 0.. {
        let (client, server) = dropped::logged_in();
        let ended = dropped::drop_after(polls, client.dele_all_and_quit(&numbers(3), |_, _| {}));
        let lines = server.state().lines.clone();
        assert!(lines.is_empty() || lines == ["DELE 1", "DELE 2", "DELE 3", "NOOP", "STAT", "QUIT"]);
        all.push(lines.len());
        if let Some(ended) = ended {
            ended.expect("the end");
            break;
        }
    }
    assert_eq!((all.first(), all.last()), (Some(&0), Some(&6)));
    assert!(
        all.iter().filter(|lines| **lines == 6).count() > 3,
        "some are dropped before the replies: {all:?}"
    );
}
