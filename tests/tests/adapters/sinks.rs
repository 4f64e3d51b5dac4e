//! Receivers of messages: writers of the runtimes, closures, and readers.

use core::cell::RefCell;
use std::io::{self, BufRead as _, Read as _};
use std::rc::Rc;

use pop3_driver::client::{ClientError, ClientOptions, Receiver as _, from_async_fn, from_fn};
use pop3_proto::client::ProtocolError;
use pop3_proto::{MessageNumber, Octets};
use pop3_tests::store::content;
use tokio::io::AsyncReadExt as _;

use crate::runtime::{Runtime, Std, Tokio};
use crate::server::{Mode, Server, script};
use crate::{everywhere, on_each_runtime};

const FIRST: MessageNumber = MessageNumber::FIRST;

fn stored() -> String {
    format!("Subject: large\n\n{}", "a line\n.\n".repeat(10_000))
}

async fn closures_and_progress<R: Runtime>(mode: Mode) {
    let wanted = content(stored().as_bytes());
    let server = Server::<R>::start(mode).deliver([stored()]);
    let mut client = server.log_in().await;
    client.list().await.expect("sizes");

    let mut lines = 0;
    let mut count = from_fn(|octets| {
        lines += octets.iter().filter(|&&octet| octet == b'\n').count();
        Ok(())
    });
    client.retr(FIRST, &mut count).await.expect("a message");
    assert_eq!(lines, wanted.iter().filter(|&&octet| octet == b'\n').count());

    let kept = RefCell::new(Vec::new());
    let mut awaited = from_async_fn(async |octets: &[u8]| {
        core::future::ready(()).await;
        kept.borrow_mut().extend_from_slice(octets);
        Ok(())
    });
    client.retr(FIRST, &mut awaited).await.expect("a message");
    assert_eq!(kept.into_inner(), wanted);

    let (mut came, mut shown) = (Vec::new(), Vec::new());
    let mut with_progress = (&mut came).with_progress(|progress| shown.push(progress));
    client.retr(FIRST, &mut with_progress).await.expect("a message");
    assert_eq!(came, wanted);
    assert_eq!(shown[0].octets, 0);
    assert!(shown.is_sorted_by(|a, b| a.octets < b.octets));
    assert_eq!(shown.last().map(|last| last.octets), Some(wanted.len() as Octets));
    assert!(shown.iter().all(|progress| progress.size == Some(wanted.len() as Octets)));

    // If a message cannot be stored, the session is unchanged.
    let mut full = from_fn(|_| Err(io::ErrorKind::StorageFull.into()));
    let failed = client.retr(FIRST, &mut full).await;
    assert!(matches!(failed, Err(ClientError::Store(error)) if error.kind() == io::ErrorKind::StorageFull));
    // A receiver that does not handle refusals ends with the first one.
    let failed = client.retr_all(&[MessageNumber::new(9).expect("not zero"), FIRST], &mut Vec::new()).await;
    assert!(
        matches!(&failed, Err(ClientError::Store(error)) if error.to_string().contains("message 9")),
        "{failed:?}"
    );
    assert_eq!(client.stat().await.expect("its own reply").messages, 1);
    client.quit().await.expect("the end");
}

everywhere!(closures_and_progress);

#[test]
fn a_message_goes_to_another_connection_of_tokio() {
    Tokio::run(async {
        let wanted = content(stored().as_bytes());
        let server = Server::<Tokio>::start(Mode::Stls).deliver([stored()]);
        let mut client = server.log_in().await;
        // The writer accepts so little that it is slower than the server.
        let (near, mut far) = tokio::io::duplex(100);
        let reader = tokio::spawn(async move {
            let mut came = Vec::new();
            far.read_to_end(&mut came).await.expect("octets");
            came
        });
        let mut writer = pop3_tokio::Writer::new(near);
        assert_eq!(client.retr(FIRST, &mut writer).await.expect("a message"), wanted.len() as Octets);
        drop(writer.into_inner());
        assert_eq!(reader.await.expect("no panic"), wanted);
        client.quit().await.expect("the end");
    });
}

async fn a_message_goes_to_a_file_of_futures_io<R: Runtime>() {
    let wanted = content(stored().as_bytes());
    let server = Server::<R>::start(Mode::Trusted).deliver([stored()]);
    let mut client = server.log_in().await;
    let path = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
    let file = async_std::fs::File::create(&*path).await.expect("a file");
    client.retr(FIRST, &mut pop3_async_std::Writer::new(file)).await.expect("a message");
    client.quit().await.expect("the end");
    assert_eq!(std::fs::read(&path).expect("the file"), wanted);
}

on_each_runtime!(a_message_goes_to_a_file_of_futures_io);

#[test]
fn futures_are_send_where_the_receiver_is() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    Tokio::run(async {
        let server = Server::<Tokio>::start(Mode::Trusted).deliver(["Subject: a\n\na\n"]);
        let client = server.log_in().await;
        let task = tokio::spawn(is_send(async move {
            let mut client = client;
            let (mut writer, mut lines) = (pop3_tokio::Writer::new(tokio::io::sink()), 0);
            client.retr(FIRST, &mut writer).await?;
            client
                .retr(
                    FIRST,
                    &mut from_fn(|octets| {
                        lines += octets.len();
                        Ok(())
                    }),
                )
                .await?;
            client.retr(FIRST, &mut from_async_fn(async |_: &[u8]| Ok(()))).await?;
            client.retr_all(&[FIRST], &mut Vec::new().with_progress(|_| ())).await?;
            client.uidl_each(|_, uid| lines += uid.len()).await?;
            let mut message = client.top(FIRST, 0).await?;
            while message.chunk().await?.is_some() {}
            client.quit().await
        }));
        task.await.expect("no panic").expect("no error");
    });
}

/// The blocking client, with sinks that are not `Send`.
#[test]
fn a_blocking_client_needs_no_futures() {
    let wanted = content(stored().as_bytes());
    for mode in [Mode::Trusted, Mode::Stls, Mode::Implicit] {
        let server = Server::<Std>::start(mode).deliver([stored(), "Subject: b\n\nb\n".into()]);
        let mut client =
            pop3_std::Client::connect("127.0.0.1", server.port, server.security(), ClientOptions::new())
                .expect("a greeting");
        client.login(b"mrose", b"tanstaaf").expect("the password is right");
        assert!(client.is_logged_in() && client.known_capabilities().is_some());
        assert_eq!(client.stat().expect("a drop listing").messages, 2);
        assert_eq!(client.list().expect("sizes")[0].1, wanted.len() as Octets);

        let shared = Rc::new(RefCell::new(Vec::new()));
        let mut sink = from_fn(|octets| {
            shared.borrow_mut().extend_from_slice(octets);
            Ok(())
        });
        client.retr(FIRST, &mut sink).expect("a message");
        assert_eq!(*shared.borrow(), wanted);

        let mut message = client.message(FIRST).expect("a message");
        assert_eq!(message.size(), Some(wanted.len() as Octets));
        let mut came = Vec::new();
        message.read_to_end(&mut came).expect("octets");
        assert!(message.is_complete());
        assert_eq!(message.read(&mut [0; 9]).expect("the end"), 0);
        assert_eq!(came, wanted);

        // Reads some lines, and discards the rest.
        let lines: Vec<_> =
            client.message(FIRST).expect("a message").lines().take(3).map(Result::unwrap).collect();
        assert_eq!(lines, ["Subject: large", "", "a line"]);
        let second = MessageNumber::new(2).expect("not zero");
        let mut text = String::new();
        client.top(second, 9).expect("a message").read_to_string(&mut text).expect("text");
        assert_eq!(text, "Subject: b\r\n\r\nb\r\n");

        client.dele(second).expect("a mark");
        client.quit().expect("the end");
        assert_eq!(server.left(), 1);
    }
}

#[test]
fn a_message_that_breaks_off_is_an_error_for_who_reads() {
    let (port, scripted) = script(|mut raw| {
        for reply in ["+OK hi\r\n", "+OK\r\n", "+OK\r\n", "-ERR no CAPA\r\n"] {
            raw.send(reply);
            raw.line();
        }
        raw.send("+OK 100 octets\r\nhalf a message\r\n");
    });
    let security = pop3_std::Security::TrustedPlaintext;
    let mut client =
        pop3_std::Client::connect("127.0.0.1", port, security, ClientOptions::new()).expect("a greeting");
    client.login(b"mrose", b"tanstaaf").expect("the password is right");
    let mut message = client.message(FIRST).expect("a message");
    assert_eq!(message.size(), Some(100));
    let mut came = Vec::new();
    let error = message.read_to_end(&mut came).expect_err("no terminator came");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let error = error.downcast::<ClientError>().expect("the client's own");
    assert!(matches!(error, ClientError::Protocol(ProtocolError::Truncated { .. })), "{error}");
    assert_eq!(came, b"half a message\r\n");
    assert!(message.read(&mut came).is_err(), "and it stays one");
    scripted.join().expect("no panic");
}
