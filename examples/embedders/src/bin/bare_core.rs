//! The core alone, over blocking sockets. `bare_core serve` offers one message to every user who knows the password,
//! and `bare_core fetch ADDRESS` prints the messages of such a server.

use core::error::Error;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant as Clock;

use bytes::{Buf as _, BytesMut};
use clap::Parser;
use pop3_proto::client::{self, ClientEvent, ReplyItem};
use pop3_proto::server::{Answer, Close, Request, ServerConfig, ServerConnection, ServerMisuse, ServerStep};
use pop3_proto::{Channel, Command, Input, Instant, Name, Password, Rejection, Snapshot, UniqueId, dots};

const USER: &[u8] = b"mrose";
const PASSWORD: &[u8] = b"tanstaaf";
const MESSAGE: &[u8] = b"Subject: notice\n\nThe office is closed.\n.\n";

#[derive(Parser)]
enum Arguments {
    /// Serves the notice.
    Serve {
        #[arg(default_value = "127.0.0.1:0")]
        address: SocketAddr,
    },
    /// Prints all messages.
    Fetch { address: SocketAddr },
}

fn main() -> ExitCode {
    let result = match Arguments::parse() {
        Arguments::Serve { address } => serve(address),
        Arguments::Fetch { address } => fetch(address),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare_core: {}", pop3_text::reasons(&*error));
            ExitCode::FAILURE
        }
    }
}

fn serve(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).map_err(|error| format!("{address}: {error}"))?;
    println!("listening on {}", listener.local_addr()?);
    let config = Arc::new(ServerConfig::default());
    for stream in listener.incoming() {
        let (stream, config) = (stream?, Arc::clone(&config));
        std::thread::spawn(move || {
            if let Err(error) = Served::new(stream, config).and_then(Served::serve) {
                eprintln!("a session has failed: {error}");
            }
        });
    }
    Ok(())
}

/// Passwords may be sent on this machine, but not over a network.
fn channel(stream: &TcpStream) -> io::Result<Channel> {
    let trusted = stream.peer_addr()?.ip().is_loopback();
    Ok(if trusted { Channel::TrustedPlaintext } else { Channel::Plaintext })
}

/// The stream, its clock, and the octets that were received but not consumed.
struct Link {
    stream: TcpStream,
    begun: Clock,
    received: Vec<u8>,
    ended: bool,
}

impl Link {
    fn new(stream: TcpStream) -> Self {
        Self { stream, begun: Clock::now(), received: Vec::new(), ended: false }
    }

    fn now(&self) -> Instant {
        Instant::new(self.begun.elapsed())
    }

    /// How long to wait. A socket does not accept a timeout of zero.
    fn left(&self, deadline: Instant) -> Option<Duration> {
        Some(deadline.since(self.now()).max(Duration::from_millis(1)))
    }

    /// Waits for octets, and also returns at the deadline. The next poll says what that means.
    fn receive(&mut self, deadline: Instant) -> io::Result<()> {
        self.stream.set_read_timeout(self.left(deadline))?;
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(octets) => self.received.extend_from_slice(&buffer[..octets]),
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

struct Served {
    link: Link,
    connection: ServerConnection,
    out: BytesMut,
}

impl Served {
    fn new(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let (channel, link) = (channel(&stream)?, Link::new(stream));
        let connection = ServerConnection::new(config, channel, None, link.now());
        Ok(Self { link, connection, out: BytesMut::new() })
    }

    fn serve(mut self) -> io::Result<()> {
        loop {
            let now = self.link.now();
            let received = &self.link.received;
            let mut input = if self.link.ended { Input::last(received) } else { Input::new(received) };
            let step = self.connection.poll(now, &mut input, &mut self.out);
            let consumed = input.consumed();
            self.link.received.drain(..consumed);
            match step {
                ServerStep::Read => {
                    self.send()?;
                    self.link.receive(self.connection.deadline())?;
                }
                ServerStep::Flush => self.send()?,
                ServerStep::Ask(request) => {
                    self.answer(request).map_err(|_| io::Error::other("out of turn"))?
                }
                ServerStep::Pause(until) => {
                    self.send()?;
                    std::thread::sleep(until.since(self.link.now()));
                }
                ServerStep::Close(Close::TimedOut | Close::PeerClosed) => return Ok(()),
                ServerStep::Close(_) => return self.send(),
                // Every request is answered at once, and STLS is not offered.
                ServerStep::Wait | ServerStep::StartTls => return Err(io::Error::other("nothing can go on")),
            }
        }
    }

    fn answer(&mut self, request: Request) -> Result<(), ServerMisuse> {
        let now = self.link.now();
        let answer = match request {
            Request::Password { name, password, .. } if name == USER && password.same_octets(PASSWORD) => {
                let mut snapshot = Snapshot::new();
                if let Ok(uid) = UniqueId::parse(b"notice-1") {
                    snapshot.push(dots::wire_size(MESSAGE), uid);
                }
                Answer::Accept(snapshot.into())
            }
            Request::Password { .. } => Answer::Reject(Rejection::credentials()),
            Request::Fetch { .. } => {
                self.connection.answer(Answer::Message, now, &mut self.out)?;
                let _all_is_given = self.connection.body(MESSAGE, &mut self.out)?;
                Answer::EndOfMessage
            }
            // The notice is never removed.
            Request::Commit(deletions) => Answer::committed(deletions.len()),
            other @ (Request::Sasl(_) | Request::Proxied(_) | _) => other.decline(),
        };
        self.connection.answer(answer, now, &mut self.out)
    }

    fn send(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            self.link.stream.set_write_timeout(self.link.left(self.connection.deadline()))?;
            let octets = self.link.stream.write(&self.out)?;
            self.out.advance(octets);
            self.connection.wrote(self.link.now());
        }
        Ok(())
    }
}

fn fetch(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(30))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    let (channel, link) = (channel(&stream)?, Link::new(stream));
    let connection = client::ClientConnection::new(client::ClientConfig::default(), channel, link.now());
    let mut caller = Caller { link, connection };
    caller.follow(|_| Ok(()))?;
    caller.call(Command::User(Name::parse(USER)?), |_| Ok(()))?;
    caller.call(Command::Pass(Password::parse(PASSWORD)?), |_| Ok(()))?;
    let mut messages = Vec::new();
    caller.call(Command::List(None), |event| {
        if let Some(ReplyItem::Scan(listing)) = event.entry() {
            messages.push(listing.message);
        }
        Ok(())
    })?;
    for message in messages {
        caller.call(Command::Retr(message), |event| {
            if let ClientEvent::Data(octets) = event { io::stdout().write_all(octets) } else { Ok(()) }
        })?;
    }
    caller.call(Command::Quit, |_| Ok(()))
}

struct Caller {
    link: Link,
    connection: client::ClientConnection,
}

impl Caller {
    fn call(
        &mut self,
        command: Command<'_>,
        take: impl FnMut(ClientEvent<'_>) -> io::Result<()>,
    ) -> Result<(), Box<dyn Error>> {
        let mut out = BytesMut::new();
        self.connection.send(&command, self.link.now(), &mut out)?;
        self.link.stream.write_all(&out)?;
        self.follow(take)
    }

    /// Prints what the server sends, up to the end of the reply.
    fn follow(
        &mut self,
        mut take: impl FnMut(ClientEvent<'_>) -> io::Result<()>,
    ) -> Result<(), Box<dyn Error>> {
        loop {
            let now = self.link.now();
            let received = &self.link.received;
            let mut input = if self.link.ended { Input::last(received) } else { Input::new(received) };
            let event = self.connection.poll(now, &mut input)?;
            if let Some(reply) = event.reply().filter(|reply| !reply.is_positive()) {
                return Err(format!("refused: {}", reply.text.escape_ascii()).into());
            }
            take(event)?;
            let (done, starved) = (event.ends_reply(), matches!(event, ClientEvent::Read));
            let consumed = input.consumed();
            self.link.received.drain(..consumed);
            if done {
                return Ok(());
            }
            if starved {
                let deadline = self.connection.deadline().ok_or("nothing is due from the server")?;
                self.link.receive(deadline)?;
            }
        }
    }
}
