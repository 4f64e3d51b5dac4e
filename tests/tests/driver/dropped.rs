//! Calls whose futures are dropped, at every point where this is possible.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;

use pop3_driver::client::{Client, ClientError, ClientOptions, Credentials, Receiver, Security};
use pop3_driver::{Transport as _, wait};
use pop3_proto::{Command, Extension, LanguageRange, MessageNumber, Octets, ReplyShape};
use pop3_sasl::Mechanism;

use crate::halting::{Halting, MAIL};

fn connected(options: ClientOptions) -> (Client<Halting>, Halting) {
    let transport = Halting::default();
    transport.state().outgoing.extend(b"+OK <1.2@x> hi\r\n");
    let deadline = transport.now().after(Duration::from_secs(60));
    let client = Client::open(transport.clone(), &Security::TrustedPlaintext, options, deadline);
    (wait(client).expect("a greeting"), transport)
}

pub(crate) fn logged_in() -> (Client<Halting>, Halting) {
    let (mut client, transport) = connected(ClientOptions::new());
    wait(client.login(b"mrose", b"tanstaaf")).expect("the password is right");
    transport.state().lines.clear();
    (client, transport)
}

/// Polls a call at most this many times, and drops it. Returns `None` if it was not ready.
pub(crate) fn drop_after<F: Future>(polls: usize, call: F) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match call.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// A sink that is pending once before it accepts octets.
#[derive(Default)]
pub(crate) struct Hesitant {
    octets: Vec<u8>,
    pub(crate) sizes: Vec<Option<Octets>>,
}

async fn hesitate() {
    let mut polled = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if core::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Receiver for Hesitant {
    async fn begin(&mut self, _message: MessageNumber, size: Option<Octets>) -> io::Result<()> {
        hesitate().await;
        self.sizes.push(size);
        Ok(())
    }

    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        hesitate().await;
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, _outstanding: usize) -> io::Result<()> {
        hesitate().await;
        Ok(())
    }
}

pub(crate) fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).expect("not zero")
}

/// The calls that can be dropped after the login.
const CALLS: [&str; 21] = [
    "capabilities",
    "stat",
    "list",
    "list_one",
    "uidl",
    "uidl_one",
    "dele",
    "noop",
    "rset",
    "extension",
    "lang",
    "retr",
    "message",
    "top",
    "retr_all",
    "retr_all_in_step",
    "verify_step",
    "list_and_uidl_each",
    "dele_all",
    "call_all",
    "drain",
];

async fn call(name: &str, client: &mut Client<Halting>) -> Result<(), ClientError> {
    let all = [number(1), number(2), number(3)];
    match name {
        "capabilities" => client.capabilities().await.map(drop),
        "stat" => client.stat().await.map(drop),
        "list" => client.list().await.map(drop),
        "list_one" => client.list_one(number(2)).await.map(drop),
        "uidl" => client.uidl().await.map(drop),
        "uidl_one" => client.uidl_one(number(2)).await.map(drop),
        "dele" => client.dele(number(1)).await,
        "noop" => client.noop().await,
        "rset" => client.rset().await,
        "extension" => {
            client.extension(Extension::new(b"XTND", ReplyShape::Lines).expect("a line")).await.map(drop)
        }
        "lang" => client.lang(LanguageRange::parse(b"de").expect("a range")).await.map(drop),
        "retr" => {
            let mut sink = Hesitant::default();
            client.retr(number(1), &mut sink).await?;
            assert_eq!(sink.octets, MAIL.as_bytes());
            Ok(())
        }
        "message" | "top" => {
            let message =
                if name == "top" { client.top(number(1), 9).await } else { client.message(number(1)).await };
            let (mut message, mut octets) = (message?, Vec::new());
            while let Some(chunk) = message.chunk().await? {
                octets.extend_from_slice(chunk);
                hesitate().await;
            }
            assert!(message.is_complete());
            assert_eq!(octets, MAIL.as_bytes());
            Ok(())
        }
        "retr_all" | "retr_all_in_step" => {
            let mut sink = Hesitant::default();
            if name == "retr_all" {
                client.retr_all(&all, &mut sink).await?;
            } else {
                client.retr_all_in_step(&all, &mut sink).await?;
            }
            assert_eq!(sink.octets, MAIL.repeat(3).as_bytes());
            Ok(())
        }
        "verify_step" => client.verify_step().await,
        "list_and_uidl_each" => {
            let mut rows = 0;
            let [listed, named] = client.list_and_uidl_each(|_| rows += 1).await?;
            assert_eq!((listed.is_ok(), named.is_ok(), rows), (true, true, 6));
            Ok(())
        }
        "dele_all" => client.dele_all(&all).await.map(|refusals| assert_eq!(refusals.len(), 1)),
        "call_all" => {
            let mut refused = 0;
            client.call_all(all.map(Command::Dele), |_, _| refused += 1).await?;
            assert_eq!(refused, 1);
            Ok(())
        }
        "drain" => client.drain().await,
        other => unreachable!("{other}"),
    }
}

/// The client is still in step: it matches each kind of reply to its command.
fn goes_on(client: &mut Client<Halting>, what: &str) {
    assert_eq!(wait(client.stat()).expect(what).messages, 3, "{what}");
    assert_eq!(wait(client.uidl_one(number(2))).expect(what), b"x", "{what}");
    let mut mail = Vec::new();
    wait(client.retr(number(1), &mut mail)).expect(what);
    assert_eq!(mail, MAIL.as_bytes(), "{what}");
    assert!(client.is_quiet(), "{what}");
}

const KNOWN: [&str; 22] = [
    "CAPA",
    "STAT",
    "LIST",
    "LIST 2",
    "UIDL",
    "UIDL 2",
    "DELE 1",
    "DELE 2",
    "DELE 3",
    "NOOP",
    "RSET",
    "XTND",
    "LANG de",
    "RETR 1",
    "RETR 2",
    "RETR 3",
    "TOP 1 9",
    "UTF8",
    "USER mrose",
    "PASS tanstaaf",
    "QUIT",
    "AUTH PLAIN",
];

fn no_line_is_garbled(transport: &Halting) {
    for line in &transport.state().lines {
        assert!(KNOWN.contains(&line.as_str()), "{line:?}");
    }
}

#[test]
fn each_call_may_be_dropped_at_each_poll() {
    for name in CALLS {
        let mut dropped = 0;
        loop {
            let (mut client, transport) = logged_in();
            let ended = drop_after(dropped, call(name, &mut client));
            let what = format!("{name} behind {dropped} polls");
            goes_on(&mut client, &what);
            no_line_is_garbled(&transport);
            let times = |line: &str| transport.state().lines.iter().filter(|sent| *sent == line).count();
            assert!(
                times("STAT") <= 2 && times("DELE 1") <= 1 && times("RETR 1") <= 2,
                "{what}: nothing is sent twice"
            );
            wait(client.quit()).expect("the end");
            if let Some(result) = ended {
                result.expect(&what);
                break;
            }
            dropped += 1;
        }
        // Except if there is nothing to drain.
        assert!(dropped > 3 || name == "drain", "{name} was dropped {dropped} times");
    }
}

#[test]
fn a_call_that_drains_may_be_dropped_as_well() {
    for (index, first) in CALLS.into_iter().enumerate() {
        let second = CALLS[(index * 5 + 3) % CALLS.len()];
        for before in (1..60).step_by(3) {
            for behind in (0..60).step_by(7) {
                let (mut client, transport) = logged_in();
                drop_after(before, call(first, &mut client));
                drop_after(behind, call(second, &mut client));
                goes_on(&mut client, &format!("{first} behind {before}, {second} behind {behind} polls"));
                no_line_is_garbled(&transport);
            }
        }
    }
}

#[test]
fn a_message_may_be_dropped_behind_each_piece() {
    for pieces in 0..20 {
        let (mut client, _transport) = logged_in();
        let mut message = wait(client.message(number(1))).expect("a message");
        assert_eq!((message.number(), message.size()), (number(1), Some(MAIL.len() as Octets)));
        for _ in 0..pieces {
            wait(message.chunk()).expect("a piece");
        }
        goes_on(&mut client, &format!("{pieces} pieces"));
    }
}

#[test]
fn what_is_filled_and_not_consumed_stays() {
    let (mut client, _transport) = logged_in();
    let mut message = wait(client.message(number(1))).expect("a message");
    let (mut mail, mut step) = (Vec::new(), 0);
    loop {
        let again = wait(message.fill()).expect("octets").to_vec();
        let octets = wait(message.fill()).expect("octets");
        assert_eq!(octets, again);
        if octets.is_empty() {
            break;
        }
        step = step % 3 + 1;
        let count = octets.len().min(step);
        mail.extend_from_slice(&octets[..count]);
        message.consume(count);
    }
    assert_eq!(mail, MAIL.as_bytes());
    assert!(message.is_complete());
    assert_eq!(wait(message.chunk()).expect("the end"), None);
    message.consume(1000);
    assert_eq!(message.octets(), MAIL.len() as Octets);
}

async fn log_in(client: &mut Client<Halting>, by_apop: bool) -> Result<(), ClientError> {
    if by_apop {
        client.login_apop(b"mrose", b"tanstaaf").await
    } else {
        client.login(b"mrose", b"tanstaaf").await
    }
}

#[test]
fn a_login_may_be_dropped_and_the_client_knows_how_it_ended() {
    for by_apop in [false, true] {
        let mut polls = 0;
        loop {
            let what = format!("a login behind {polls} polls, by APOP: {by_apop}");
            let (mut client, transport) = connected(ClientOptions::new());
            let ended = drop_after(polls, log_in(&mut client, by_apop));
            wait(client.drain()).expect("what is left");
            assert!(client.is_quiet());
            let logs_in = |line: &String| line.starts_with("PASS") || line.starts_with("APOP");
            let accepted = transport.state().lines.iter().any(logs_in);
            assert_eq!(client.is_logged_in(), accepted, "{what}");
            if !accepted {
                wait(log_in(&mut client, by_apop)).expect("once more");
            }
            goes_on(&mut client, &what);
            let lines = transport.state().lines.clone();
            let capa = lines.iter().skip_while(|line| !logs_in(line)).filter(|line| *line == "CAPA");
            assert_eq!(capa.count(), 1, "{what}: {lines:?}");
            assert!(client.known_capabilities().is_some(), "{what}");
            if by_apop {
                transport.state().lines.retain(|line| !line.starts_with("APOP mrose "));
            }
            no_line_is_garbled(&transport);
            if ended.is_some() {
                break;
            }
            polls += 1;
        }
        assert!(polls > 10, "{polls}");
    }
}

#[test]
fn an_exchange_of_auth_can_not_be_taken_up_again() {
    let credentials = Credentials::new("mrose").with_password("tanstaaf");
    let (mut polls, mut usable, mut lost) = (0, 0, 0);
    loop {
        let (mut client, transport) = connected(ClientOptions::new());
        let ended = drop_after(polls, client.authenticate(Mechanism::Plain, &credentials));
        let before = transport.state().lines.clone();
        let next = wait(client.capabilities());
        match &next {
            Ok(list) => {
                usable += 1;
                assert!(list.is_some());
                assert_eq!(client.is_logged_in(), before.iter().any(|line| line.starts_with("AUTH")));
            }
            Err(ClientError::Interrupted) => {
                lost += 1;
                assert!(!client.is_quiet());
                assert_eq!(transport.state().lines, before, "nothing is sent any more");
                assert!(matches!(wait(client.drain()), Err(ClientError::Interrupted)));
                assert!(matches!(wait(client.quit()), Err(ClientError::Interrupted)));
            }
            Err(error) => panic!("{error}"),
        }
        if let Some(ended) = ended {
            ended.expect("a login");
            break;
        }
        polls += 1;
    }
    assert!(usable > 5 && lost > 5, "{usable} times usable, {lost} times lost");
}

#[test]
fn draining_has_a_time_of_its_own() {
    for (timeout, passes) in [(5, true), (3600, false)] {
        let limit = Duration::from_secs(timeout);
        let (mut client, transport) = connected(ClientOptions::new().with_drain_timeout(limit));
        wait(client.login(b"mrose", b"tanstaaf")).expect("the password is right");
        transport.state().silent = true;
        assert!(drop_after(4, client.noop()).is_none());
        // Time between the calls does not count.
        transport.state().now = transport.now().after(Duration::from_secs(86_400));
        let begun = transport.now();
        let late = wait(client.stat());
        let took = transport.now().since(begun);
        if passes {
            assert!(matches!(late, Err(ClientError::Interrupted)), "{late:?}");
            assert_eq!(took, limit);
        } else {
            assert!(matches!(late, Err(ClientError::Protocol(_))), "{late:?}");
            assert_eq!(took, pop3_proto::client::ClientConfig::default().reply_timeout);
        }
        assert!(matches!(wait(client.noop()), Err(ClientError::Interrupted)));
    }
}
