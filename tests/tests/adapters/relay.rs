//! A proxy. It logs in to another server with the credentials of the client, and then connects both.

use core::marker::PhantomData;
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use pop3_driver::backend::{Admission, Backend, Context, LoginAttempt, Proof, StoredMessage};
use pop3_driver::client::{ClientOptions, Security};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, TakenOver, Welcome};
use pop3_driver::tls::Role;
use pop3_driver::{Stop, Transport as _};
use pop3_proto::server::{Close, Extent, ServerConfig};
use pop3_proto::{Deletions, MessageNumber, Rejection};

use crate::certificates::Certificates;
use crate::overheard::Other;
use crate::runtime::{Runtime, Std};
use crate::server::{Mode, PATIENCE, Raw, Server};
use crate::{everywhere, on_each_runtime};

everywhere!(a_relay_lets_another_server_speak);
on_each_runtime!(what_was_sent_at_once_is_passed_on, a_relay_does_not_hold_up_the_shutdown);

/// The connection to the other server after its login, and what that server sent.
#[derive(Default)]
struct Upstream {
    port: u16,
    stream: Option<(TcpStream, Vec<u8>)>,
}

impl Upstream {
    /// Logs in there.
    fn log_in(&mut self, name: &[u8], password: &[u8]) -> io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        line(&mut stream)?;
        stream.write_all(&[b"USER ", name, b"\r\n"].concat())?;
        line(&mut stream)?;
        stream.write_all(&[b"PASS ", password, b"\r\n"].concat())?;
        let reply = line(&mut stream)?;
        let good = reply.starts_with(b"+OK");
        self.stream = good.then_some((stream, reply));
        Ok(good)
    }
}

fn line(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet)?;
        line.push(octet[0]);
    }
    Ok(line)
}

impl Backend for Upstream {
    type Message = Nothing;

    async fn authenticate(&mut self, attempt: LoginAttempt, _: &Context) -> Result<Admission, Rejection> {
        let Proof::Password(password) = &attempt.proof else { return Err(Rejection::credentials()) };
        match self.log_in(&attempt.name, password.expose()) {
            Ok(true) => Ok(Admission::TakeOver),
            Ok(false) => Err(Rejection::credentials()),
            Err(_) => Err(Rejection::temporary("the other server does not answer")),
        }
    }

    async fn fetch(&mut self, _: MessageNumber, _: Extent, _: &Context) -> Result<Nothing, Rejection> {
        unreachable!("the other server does that")
    }

    async fn commit(&mut self, _: Deletions, _: &Context) -> usize {
        unreachable!("the other server does that")
    }
}

struct Nothing;

impl StoredMessage for Nothing {
    async fn chunk(&mut self) -> io::Result<&[u8]> {
        Ok(&[])
    }
}

struct Proxy<R> {
    mode: Mode,
    upstream: u16,
    told: Mutex<Sender<(Option<String>, Close)>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Service for Proxy<R> {
    type Backend = Upstream;

    async fn connect(&self, _: &Peer) -> Result<Welcome<Upstream>, Rejection> {
        let mut config = ServerConfig::default();
        config.starttls = self.mode == Mode::Stls;
        let backend = Upstream { port: self.upstream, stream: None };
        Ok(Welcome::new(config.into(), backend).with_trusted(self.mode == Mode::Trusted))
    }

    fn ended(&self, _: &Peer, report: &SessionReport) {
        let _ = self.told.lock().expect("no panic").send((report.user.clone(), report.close));
    }
}

/// A proxy in a thread, before a server in another.
struct House<R> {
    server: Server<Std>,
    port: u16,
    mode: Mode,
    stop: Stop,
    reports: Receiver<(Option<String>, Close)>,
    thread: Option<JoinHandle<io::Result<()>>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> House<R> {
    fn new(mode: Mode) -> Self {
        // The proxy waits for it inside a task, so it needs a runtime of its own.
        let server = Server::<Std>::start(Mode::Trusted).deliver(["Subject: a\n\nhello\n", "b\n"]);
        let (told, reports) = channel();
        let service = Proxy::<R> { mode, upstream: server.port, told: told.into(), runtime: PhantomData };
        let (entrance, role) = match mode {
            Mode::Trusted => (Entrance::Plain, Role::None),
            Mode::Stls => (Entrance::Plain, Certificates::good().server()),
            Mode::Implicit => (Entrance::Implicit, Certificates::good().server()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let stop = Stop::with_grace(GRACE);
        let thread = thread::spawn({
            let stop = stop.clone();
            move || R::serve_or_hand_over(listener, entrance, role, service.into(), stop, relay::<R>)
        });
        Self { server, port, mode, stop, reports, thread: Some(thread), runtime: PhantomData }
    }

    fn report(&self) -> (Option<String>, Close) {
        self.reports.recv_timeout(PATIENCE).expect("a connection has ended")
    }

    fn end(mut self) {
        self.stop.stop();
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("no panic in the proxy").expect("no fault of the listener's");
    }
}

const GRACE: Duration = Duration::from_millis(100);

/// Takes over a connection.
async fn relay<R: Runtime>(mut taken: TakenOver<R::Socket, Upstream>) {
    let (mut stream, reply) = taken.backend.stream.take().expect("it has let the client in");
    let deadline = taken.transport.now().after(PATIENCE);
    let mut said = &reply[..];
    while !said.is_empty() {
        let octets = taken.transport.write(said, deadline).await.expect("the client reads");
        said = &said[octets..];
    }
    taken.transport.flush(deadline).await.expect("the client reads");
    stream.write_all(&taken.unread).expect("the other server reads");
    // The side that ends first may leave octets of the other unread.
    let _ = R::relay(taken.transport, stream).await;
}

async fn a_relay_lets_another_server_speak<R: Runtime>(mode: Mode) {
    let house = House::<R>::new(mode);
    let certificates = Certificates::good();
    let security = match house.mode {
        Mode::Trusted => Security::TrustedPlaintext,
        Mode::Stls => Security::StartTls(certificates.client("localhost")),
        Mode::Implicit => Security::Implicit(certificates.client("localhost")),
    };
    let mut client =
        R::connect_overheard(house.port, security, ClientOptions::new(), Other::Ours).await.expect("a proxy");
    assert!(client.login(b"mrose", b"wrong").await.is_err(), "the other server has refused it");
    client.login(b"mrose", b"tanstaaf").await.expect("the other server lets it in");
    assert_eq!(client.stat().await.expect("the other server answers").messages, 2);
    let mut message = Vec::new();
    client.retr(MessageNumber::FIRST, &mut message).await.expect("the message");
    assert_eq!(message, b"Subject: a\r\n\r\nhello\r\n");
    client.dele(MessageNumber::FIRST).await.expect("it is there");
    client.quit().await.expect("it is removed");
    assert_eq!(house.server.left(), 1);
    assert_eq!(house.report(), (Some("mrose".to_owned()), Close::TakenOver));
    // The refused login used a connection of its own.
    let removed = [house.server.report(), house.server.report()].map(|ended| ended.totals.removed);
    assert_eq!(removed, [0, 1]);
    house.end();
}

async fn what_was_sent_at_once_is_passed_on<R: Runtime>() {
    let house = House::<R>::new(Mode::Trusted);
    let mut raw = Raw::connect(house.port);
    raw.send("USER mrose\r\nPASS tanstaaf\r\nSTAT\r\nDELE 2\r\nRETR 1\r\nQUIT\r\n");
    let said = String::from_utf8(raw.rest()).expect("text");
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("+OK")).collect();
    // The greeting and USER are handled by the proxy, the rest by the other server.
    assert_eq!(lines.len(), 7, "{said}");
    assert!(said.contains("\r\nhello\r\n.\r\n"), "{said}");
    assert_eq!(house.server.left(), 1);
    drop(raw);
    assert_eq!(house.report().1, Close::TakenOver);
    house.end();
}

async fn a_relay_does_not_hold_up_the_shutdown<R: Runtime>() {
    let house = House::<R>::new(Mode::Trusted);
    let mut raw = Raw::connect(house.port);
    raw.send("USER mrose\r\nPASS tanstaaf\r\nSTAT\r\n");
    for _ in 0..4 {
        assert!(raw.line().starts_with("+OK"));
    }
    // The client stays connected, because the relay does not observe the switch.
    house.stop.stop();
    assert_eq!(house.report().1, Close::TakenOver);
    raw.bare();
    raw.rest();
    house.end();
}
