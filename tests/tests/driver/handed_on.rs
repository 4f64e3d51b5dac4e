//! Client connections that other code takes over.

use core::time::Duration;

use pop3_driver::client::{Client, ClientError, ClientOptions, Credentials, Mechanism, Security};
use pop3_driver::{Transport as _, wait};
use pop3_proto::client::ProtocolError;
use pop3_proto::{Instant, MessageNumber};

use crate::dropped::drop_after;
use crate::halting::Halting;

fn logged_in() -> (Client<Halting>, Halting) {
    let transport = Halting::default();
    transport.state().outgoing.extend(b"+OK hi\r\n");
    let deadline = transport.now().after(Duration::from_secs(60));
    let client = Client::open(transport.clone(), &Security::TrustedPlaintext, ClientOptions::new(), deadline);
    let mut client = wait(client).expect("a greeting");
    wait(client.login(b"mrose", b"tanstaaf")).expect("the password is right");
    transport.state().lines.clear();
    (client, transport)
}

/// What the server sends in reply to a command, to the new owner.
fn ask(transport: &mut Halting) -> Vec<u8> {
    let later = Instant::EPOCH.after(Duration::from_secs(600));
    wait(async {
        for octets in [&b"XTR"[..], b"A\r\n"] {
            assert_eq!(transport.write(octets, later).await.expect("a write"), octets.len());
        }
        transport.flush(later).await.expect("a flush");
        let mut buffer = [0; 64];
        let octets = transport.read(&mut buffer, later).await.expect("a reply");
        assert!(transport.state().outgoing.is_empty(), "something is left of what was said before");
        buffer[..octets].to_vec()
    })
}

#[test]
fn whoever_goes_on_finds_the_session_where_it_was() {
    let (client, watched) = logged_in();
    let mut transport = wait(client.into_transport()).expect("nothing is due");
    assert_eq!(ask(&mut transport), b"+OK\r\n");
    assert_eq!(watched.state().lines, ["XTRA"], "nothing else was sent");
}

#[test]
fn what_is_left_of_a_dropped_call_is_not_left_to_whoever_goes_on() {
    for polls in 1.. {
        let (mut client, watched) = logged_in();
        let mut content = Vec::new();
        let done = drop_after(polls, client.retr(MessageNumber::FIRST, &mut content)).is_some();
        let mut transport = wait(client.into_transport()).expect("the rest is drained");
        assert_eq!(ask(&mut transport), b"+OK\r\n", "dropped behind {polls} polls");
        assert_eq!(watched.state().lines.last().map(String::as_str), Some("XTRA"));
        if done {
            break;
        }
    }
}

#[test]
fn a_server_out_of_step_is_handed_to_nobody() {
    let (mut client, watched) = logged_in();
    // Mistaken for the reply to NOOP, which arrives with it.
    watched.state().outgoing.extend(b"+OK\r\n");
    wait(client.noop()).expect("a reply");
    let error = wait(client.into_transport()).expect_err("more has come than was asked for");
    assert!(matches!(error, ClientError::Protocol(ProtocolError::Unsolicited(_))), "{error:?}");
}

#[test]
fn a_login_that_was_dropped_is_handed_to_nobody() {
    let transport = Halting::default();
    transport.state().outgoing.extend(b"+OK hi\r\n");
    let deadline = transport.now().after(Duration::from_secs(60));
    let client = Client::open(transport.clone(), &Security::TrustedPlaintext, ClientOptions::new(), deadline);
    let mut client = wait(client).expect("a greeting");
    wait(client.capabilities()).expect("a list");
    let credentials = Credentials::new("mrose").with_password("tanstaaf");
    assert!(drop_after(8, client.authenticate(Mechanism::Plain, &credentials)).is_none());
    let error = wait(client.into_transport()).expect_err("the exchange can't be taken up");
    assert!(matches!(error, ClientError::Interrupted), "{error:?}");
}
