//! Calls and messages that are dropped before they are complete, and continue over real sockets.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use pop3_driver::client::{ClientError, ClientOptions};
use pop3_proto::MessageNumber;
use pop3_tests::store::content;

use crate::everywhere;
use crate::messages::Kept;
use crate::runtime::{Runtime, Tokio};
use crate::server::{Mode, Server};

/// Awaits the call, but drops it after it was pending this many times.
async fn pending_at_most<F: Future>(mut times: usize, call: F) -> Option<F::Output> {
    let mut call = pin!(call);
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if times == 0 => Poll::Ready(None),
        Poll::Pending => {
            times -= 1;
            Poll::Pending
        }
    })
    .await
}

fn stored(lines: usize) -> Vec<String> {
    (0..3_u8).map(|n| format!("Subject: {n}\n\n.{}\n", format!("{n}.x\n.\n").repeat(lines))).collect()
}

async fn dropped_calls<R: Runtime>(mode: Mode) {
    let stored = stored(3_000);
    let server = Server::<R>::start(mode).deliver(&stored);
    let mut client = server.log_in().await;
    let number = |n: u32| MessageNumber::new(n).expect("not zero");
    let all = [number(1), number(2), number(3)];
    for times in 0..4 {
        // On blocking sockets nothing is pending, so each call completes.
        let mut kept = Kept::default();
        pending_at_most(times, client.retr_all(&all, &mut kept)).await;
        assert_eq!(client.stat().await.expect("its own reply").messages, 3);
        for (message, octets) in &kept.complete {
            assert_eq!(octets, &content(stored[message.index()].as_bytes()), "message {message}");
        }
        pending_at_most(times, client.uidl()).await;
        assert_eq!(client.list().await.expect("its own reply").len(), 3);
    }
    // A message is dropped after each of its first pieces.
    for pieces in 0..3 {
        let mut message = client.message(number(2)).await.expect("a message");
        for _ in 0..pieces {
            message.chunk().await.expect("a piece").expect("more than one");
        }
        assert!(!message.is_complete());
        assert!(!client.is_quiet());
        client.noop().await.expect("its own reply");
        assert!(client.is_quiet());
    }
    let mut came = Vec::new();
    client.retr(number(3), &mut came).await.expect("a message");
    assert_eq!(came, content(stored[2].as_bytes()));
    client.dele(number(1)).await.expect("a mark");
    client.quit().await.expect("the end");
    assert_eq!(server.report().totals.removed, 1);
    assert_eq!(server.left(), 2);
}

async fn pieces_of_a_message<R: Runtime>(mode: Mode) {
    let stored = stored(10_000);
    let server = Server::<R>::start(mode).deliver(&stored[..1]);
    let mut client = server.log_in().await;
    let wanted = content(stored[0].as_bytes());
    let mut message = client.message(MessageNumber::FIRST).await.expect("a message");
    assert_eq!(message.size(), Some(wanted.len() as u64));
    let (mut came, mut pieces) = (Vec::new(), 0);
    while let Some(octets) = message.chunk().await.expect("a piece") {
        came.extend_from_slice(octets);
        pieces += 1;
    }
    assert!(message.is_complete() && pieces > 3);
    assert_eq!(message.octets(), wanted.len() as u64);
    assert_eq!(came, wanted);
    client.quit().await.expect("the end");
}

everywhere!(dropped_calls, pieces_of_a_message);

#[test]
fn a_timeout_of_tokio_drops_a_call_and_the_session_goes_on() {
    for mode in [Mode::Trusted, Mode::Stls] {
        Tokio::run(async {
            let stored = stored(10_000);
            let server = Server::<Tokio>::start(mode).deliver(&stored);
            let mut client = server.log_in().await;
            let mut dropped = 0;
            for micros in [0, 1, 10, 100, 300, 1000, 3000] {
                let mut came = Vec::new();
                let call = client.retr(MessageNumber::FIRST, &mut came);
                match tokio::time::timeout(Duration::from_micros(micros), call).await {
                    Ok(octets) => assert_eq!(octets.expect("a message"), came.len() as u64),
                    Err(_) => dropped += 1,
                }
                assert_eq!(client.stat().await.expect("its own reply").messages, 3);
            }
            assert!(dropped > 0);
            client.quit().await.expect("the end");
            assert_eq!(server.report().error, None);
        });
    }
}

#[test]
fn a_reply_that_does_not_come_is_drained_no_longer_than_was_said() {
    Tokio::run(async {
        let (port, scripted) = crate::server::script(|mut raw| {
            for reply in ["+OK hi\r\n", "+OK\r\n", "+OK\r\n", "-ERR no CAPA\r\n"] {
                raw.send(reply);
                raw.line();
            }
            // Nothing is sent after this until the client has left.
            raw.send("+OK\r\nhalf a mess");
            raw.line();
        });
        let options = ClientOptions::new().with_drain_timeout(Duration::from_millis(100));
        let mut client = Tokio::connect(port, pop3_driver::client::Security::TrustedPlaintext, options)
            .await
            .expect("a greeting");
        client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
        let mut message = client.message(MessageNumber::FIRST).await.expect("a message");
        assert!(message.chunk().await.expect("a piece").is_some());
        assert!(matches!(client.noop().await, Err(ClientError::Interrupted)));
        drop(client);
        scripted.join().expect("no panic");
    });
}
