//! Messages arrive as they were stored, whatever they contain.

use core::time::Duration;
use std::io;

use pop3_driver::client::{Receiver, Refusal};
use pop3_proto::{MessageNumber, Octets};
use pop3_tests::store::{awkward, content, top};

use crate::everywhere;
use crate::runtime::Runtime;
use crate::server::{Mode, Server};

everywhere!(awkward_messages, a_large_message, many_small_messages);

// 1939-3.21, 1939-3.22, 1939-3.32, 1939-3.33, 1939-3.36, 1939-5.28, 6856-2.10, SEC-12
async fn awkward_messages<R: Runtime>(mode: Mode) {
    // As they are, and again stored with CRLF.
    let mut stored: Vec<Vec<u8>> = awkward().into_iter().map(|(_, message)| message).collect();
    stored.extend(awkward().into_iter().map(|(_, message)| content(&message)));
    let server = Server::<R>::start(mode).deliver(&stored);
    let mut client = server.log_in().await;

    let sizes = client.list().await.expect("a listing");
    assert_eq!(sizes.len(), stored.len());
    assert_eq!(client.stat().await.expect("a drop listing").octets, sizes.iter().map(|size| size.1).sum());
    for ((number, size), stored) in sizes.into_iter().zip(&stored) {
        let wanted = content(stored);
        let mut came = Vec::new();
        let octets = client.retr(number, &mut came).await.expect("a message");
        assert_eq!(came, wanted, "message {number}");
        assert_eq!((octets, size), (came.len() as u64, came.len() as u64), "message {number}");
        came.clear();
        client.top(number, 1).await.expect("a reply").forward(&mut came).await.expect("the top of a message");
        assert_eq!(came, top(&wanted, 1), "the top of message {number}");
    }
    client.quit().await.expect("the end");
    let report = server.report();
    assert_eq!((report.totals.retrieved, report.totals.topped), (stored.len() as u64, stored.len() as u64));
    assert_eq!(report.user.as_deref(), Some("mrose"));
}

async fn a_large_message<R: Runtime>(mode: Mode) {
    let line = "A line of a large message, of about seventy octets, as most mail has.\n";
    let mut stored = String::from("Subject: large\n\n");
    while stored.len() < 20_000_000 {
        stored.push_str(&line.repeat(99));
        stored.push_str(".a dot\n");
    }
    let wanted = stored.len() + stored.matches('\n').count();
    let server = Server::<R>::start(mode).deliver([&stored]);
    let mut client = server.log_in().await;
    let mut came = Vec::with_capacity(wanted);
    let octets = client.retr(MessageNumber::FIRST, &mut came).await.expect("a message");
    assert_eq!((octets, came.len()), (wanted as u64, wanted));
    assert!(
        came.split(|&octet| octet == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .eq(stored.as_bytes().split(|&octet| octet == b'\n'))
    );
    client.quit().await.expect("the end");
}

/// Messages in the order of arrival.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) complete: Vec<(MessageNumber, Vec<u8>)>,
    pub(crate) refused: Vec<MessageNumber>,
    open: Option<(MessageNumber, Vec<u8>)>,
}

impl Receiver for Kept {
    async fn begin(&mut self, message: MessageNumber, _size: Option<Octets>) -> io::Result<()> {
        assert!(self.open.replace((message, Vec::new())).is_none(), "the last one has ended");
        Ok(())
    }

    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        self.open.as_mut().expect("a message has begun").1.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, _outstanding: usize) -> io::Result<()> {
        self.complete.push(self.open.take().expect("a message has begun"));
        Ok(())
    }

    async fn refused(&mut self, message: MessageNumber, _refusal: Refusal) -> io::Result<()> {
        self.refused.push(message);
        Ok(())
    }
}

async fn many_small_messages<R: Runtime>(mode: Mode) {
    let stored: Vec<String> =
        (0..1000).map(|n| format!("Subject: {n}\n\n.\n{}\n", "x".repeat(n % 90))).collect();
    let server = Server::<R>::start(mode).deliver(&stored);
    let mut client = server.log_in().await;
    let number = |n: u32| MessageNumber::new(n).expect("not zero");
    client.dele(number(7)).await.expect("a mark");

    let begun = std::time::Instant::now();
    let mut kept = Kept::default();
    client.retr_all(&(1..=1001).map(number).collect::<Vec<_>>(), &mut kept).await.expect("messages");
    assert_eq!(kept.refused, [number(7), number(1001)]);
    assert_eq!(kept.complete.len(), 999);
    for (message, octets) in &kept.complete {
        assert_eq!(octets, &content(stored[message.index()].as_bytes()), "message {message}");
    }
    let refusals = client.dele_all(&(1..=500).map(number).collect::<Vec<_>>()).await.expect("marks");
    assert_eq!(refusals.into_iter().map(|(message, _)| message).collect::<Vec<_>>(), [number(7)]);
    // A stall of 40 ms for each, as with delayed acknowledgements, would take a minute.
    assert!(begun.elapsed() < Duration::from_secs(30));
    client.quit().await.expect("the end");
    assert_eq!(server.left(), 500);
}
