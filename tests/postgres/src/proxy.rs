//! A proxy between a program and PostgreSQL that counts, delays and cuts.

use core::net::SocketAddr;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A proxy on a free port of 127.0.0.1. It understands so much of the protocol that it knows where a request ends: a
/// program can only go on when it has the answer to a `Sync` or a `Query`.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that have passed.
    requests: u64,
    /// No answer passes before so many requests have.
    hold: u64,
    /// Neither direction passes.
    paused: bool,
    fault: Option<Fault>,
    connections: Vec<TcpStream>,
    closed: bool,
}

#[derive(Clone, Debug)]
struct Fault {
    /// What the statement contains at which it begins.
    statement: String,
    /// Whether the request arrives and only its answer is lost.
    arrives: bool,
}

impl Proxy {
    /// Starts a proxy to a port on 127.0.0.1.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.lock().closed {
                    return;
                }
                // While the server is down, the client is refused in this way.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                accepting.carry(client, server);
            }
        });
        Self { address, shared }
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns how many requests have passed.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.lock().requests
    }

    /// Lets no answer pass before `count` more requests have. A program that sends them without waiting for the
    /// answers, in one round trip, does not notice. Any other waits for ever.
    pub fn hold_answers(&self, count: u64) {
        let mut state = self.shared.lock();
        state.hold = state.requests + count;
    }

    /// Lets the next transaction with this text in a statement arrive as far as its `COMMIT`, and closes the connection
    /// instead of the answers.
    pub fn lose_answer(&self, statement: &str) {
        self.shared.lock().fault = Some(Fault { statement: statement.to_owned(), arrives: true });
    }

    /// Closes the next connection at a statement with this text, before it has arrived.
    pub fn lose_request(&self, statement: &str) {
        self.shared.lock().fault = Some(Fault { statement: statement.to_owned(), arrives: false });
    }

    /// Returns whether the last fault has happened.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.shared.lock().fault.is_none()
    }

    /// Lets nothing pass any more, and closes nothing, as a network does that has lost its way.
    pub fn pause(&self) {
        self.shared.lock().paused = true;
    }

    /// Lets everything pass again, also what was kept back.
    pub fn resume(&self) {
        self.shared.lock().paused = false;
        self.shared.changed.notify_all();
    }

    /// Closes all connections.
    pub fn cut(&self) {
        for connection in self.shared.lock().connections.drain(..) {
            connection.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.resume();
        self.cut();
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, blocked: impl Fn(&State) -> bool) {
        let mut state = self.lock();
        while blocked(&state) && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn carry(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        {
            let mut state = self.lock();
            for stream in [&client, &server] {
                state.connections.extend(stream.try_clone());
            }
        }
        let lost = Arc::new(Mutex::new(false));
        let (shared, from, to, losing) =
            (Arc::clone(self), server.try_clone(), client.try_clone(), Arc::clone(&lost));
        thread::spawn(move || {
            if let (Ok(mut from), Ok(mut to)) = (from, to) {
                shared.answers(&mut from, &mut to, &losing).ok();
                from.shutdown(Shutdown::Both).ok();
                to.shutdown(Shutdown::Both).ok();
            }
        });
        let (shared, mut from, mut to) = (Arc::clone(self), client, server);
        thread::spawn(move || {
            shared.requests_of(&mut from, &mut to, &lost).ok();
            // The server finishes what it has. Its answers go nowhere.
            from.shutdown(Shutdown::Both).ok();
            to.shutdown(Shutdown::Write).ok();
        });
    }

    fn answers(&self, from: &mut TcpStream, to: &mut TcpStream, lost: &Mutex<bool>) -> io::Result<()> {
        let mut buffer = [0; 65_536];
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.wait(|state| state.paused || state.requests < state.hold);
            if !*lost.lock().unwrap_or_else(PoisonError::into_inner) {
                to.write_all(&buffer[..count])?;
            }
        }
    }

    fn requests_of(&self, from: &mut TcpStream, to: &mut TcpStream, lost: &Mutex<bool>) -> io::Result<()> {
        let mut begun = false;
        loop {
            // The first message of a connection has no type.
            let mut message = vec![0; if begun { 5 } else { 4 }];
            from.read_exact(&mut message)?;
            let length = message[message.len() - 4..].try_into().map(u32::from_be_bytes).unwrap_or_default();
            let head = message.len();
            message.resize(head + usize::try_from(length).unwrap_or_default().saturating_sub(4), 0);
            from.read_exact(&mut message[head..])?;
            self.wait(|state| state.paused);
            let kind = if begun { message[0] } else { 0 };
            begun = true;
            if self.strikes(&message) {
                let arrives = self.lock().fault.take().is_some_and(|fault| fault.arrives);
                if !arrives {
                    return Ok(());
                }
                *lost.lock().unwrap_or_else(PoisonError::into_inner) = true;
            }
            to.write_all(&message)?;
            if kind == b'S' || kind == b'Q' {
                self.lock().requests += 1;
                self.changed.notify_all();
            }
            let is_lost = *lost.lock().unwrap_or_else(PoisonError::into_inner);
            if is_lost && message[head..].starts_with(b"COMMIT") {
                return Ok(());
            }
        }
    }

    /// Whether the next fault begins with this message.
    fn strikes(&self, message: &[u8]) -> bool {
        let state = self.lock();
        state.fault.as_ref().is_some_and(|fault| {
            message.windows(fault.statement.len()).any(|part| part == fault.statement.as_bytes())
        })
    }
}
