//! Sessions can move between threads. None of their parts has to be `Sync`.

use core::cell::Cell;
use std::io;
use std::sync::Arc;

use pop3_driver::backend::{Admission, Backend, Context, LoginAttempt, StoredMessage};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, TakenOver, Welcome, admit, serve};
use pop3_driver::tls::TlsInfo;
use pop3_driver::{Stop, Transport, wait};
use pop3_proto::server::{Close, Extent, ServerConfig};
use pop3_proto::{Deletions, Instant, MessageNumber, Rejection};

use crate::store::peer;
use crate::wire::Wire;

/// A transport that is not `Sync`.
struct Odd(Wire, Cell<usize>);

/// A backend and a message that are not `Sync`.
struct OddStore(Cell<usize>);

impl Transport for Odd {
    fn now(&self) -> Instant {
        self.1.set(self.1.get() + 1);
        self.0.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.0.read(buffer, deadline).await
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        self.0.write(octets, deadline).await
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        self.0.flush(deadline).await
    }

    async fn pause(&mut self, until: Instant) {
        self.0.pause(until).await;
    }

    async fn close(&mut self, deadline: Instant) {
        self.0.close(deadline).await;
    }

    async fn secure(self, deadline: Instant) -> io::Result<Self> {
        Ok(Self(self.0.secure(deadline).await?, self.1))
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

impl Backend for OddStore {
    type Message = Self;

    async fn authenticate(&mut self, _: LoginAttempt, _: &Context) -> Result<Admission, Rejection> {
        self.0.set(1);
        Ok(pop3_proto::Snapshot::new().into())
    }

    async fn fetch(&mut self, _: MessageNumber, _: Extent, _: &Context) -> Result<Self, Rejection> {
        Err(Rejection::plain("no such message"))
    }

    async fn commit(&mut self, deletions: Deletions, _: &Context) -> usize {
        deletions.len()
    }
}

impl StoredMessage for OddStore {
    async fn chunk(&mut self) -> io::Result<&[u8]> {
        Ok(&[])
    }
}

struct OddService(std::sync::Mutex<Vec<Close>>);

impl Service for OddService {
    type Backend = OddStore;

    async fn connect(&self, _: &Peer) -> Result<Welcome<OddStore>, Rejection> {
        Ok(Welcome::new(ServerConfig::default().into(), OddStore(Cell::new(0))).with_trusted(true))
    }

    fn ended(&self, _: &Peer, report: &SessionReport) {
        self.0.lock().expect("no panic").push(report.close);
    }
}

fn sent<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn sessions_are_send_without_sync() {
    let service = OddService(std::sync::Mutex::default());
    let stop = Stop::new();
    let wire = || Odd(Wire::new(["USER a\r\nPASS b\r\nQUIT\r\n".into()]), Cell::new(0));
    wait(sent(serve(wire(), Entrance::Plain, peer(), &service, &stop)));
    let admitted = wait(sent(admit(wire(), Entrance::Plain, peer(), &service))).unwrap();
    let take_over = async |taken: TakenOver<Odd, OddStore>| drop(taken);
    wait(sent(admitted.serve_or_hand_over(&service, &stop, take_over)));
    assert_eq!(*service.0.lock().unwrap(), [Close::Quit; 2]);
}
