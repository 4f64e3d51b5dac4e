//! A simulated network: connections whose octets arrive in other pieces, late, or never.

mod bounds;
mod line;
mod meddler;
mod pipe;
mod socket;
mod tls;

pub use bounds::Bounds;
pub use line::{Direction, LineFault, LinePlan, Weather};
pub use meddler::{MALLORY, Meddling};
pub use socket::Socket;

use core::future::poll_fn;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Poll, Waker};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Sim;
use crate::process::Alive;
use line::{Line, Peaks};

/// The network of a run. Clones are the same network.
#[derive(Clone, Debug)]
pub struct Network {
    sim: Sim,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    listeners: BTreeMap<u16, Queue>,
    weather: Weather,
    secrets: Vec<Vec<u8>>,
    last_port: u16,
    totals: NetworkTotals,
    /// The connections that may be open.
    lines: Vec<std::sync::Weak<Mutex<Line>>>,
    peaks: Arc<Peaks>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Socket, SocketAddr)>,
    waker: Option<Waker>,
}

/// What has happened on the network.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NetworkTotals {
    /// Connections that were established.
    pub connections: u64,
    /// Connections that nobody accepted.
    pub refused: u64,
    /// Connections that the network has cut or frozen.
    pub faults: u64,
    /// Connections that a man in the middle has touched.
    pub meddled: u64,
    /// The largest room for input that a server has had.
    pub largest_read: u64,
    /// The most output that a server has had at a time.
    pub largest_write: u64,
}

/// The address of the server's machine.
pub const SERVER: [u8; 4] = [192, 0, 2, 1];

impl Network {
    /// A network on which nothing listens.
    #[must_use]
    pub fn new(sim: &Sim) -> Self {
        Self { sim: sim.clone(), state: Arc::default() }
    }

    /// What the network does to new connections from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Octets that must never be on the wire in clear.
    pub fn set_secrets(&self, secrets: Vec<Vec<u8>>) {
        self.state().secrets = secrets;
    }

    /// What has happened.
    #[must_use]
    pub fn totals(&self) -> NetworkTotals {
        let state = self.state();
        let peak = |of: &AtomicUsize| of.load(Ordering::Relaxed) as u64;
        let (largest_read, largest_write) = (peak(&state.peaks.read), peak(&state.peaks.write));
        NetworkTotals { largest_read, largest_write, ..state.totals }
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        let mut state = self.state();
        state.lines.retain(|line| line.strong_count() > 0);
        state.lines.len()
    }

    /// Accepts connections to a port of the server, as long as the value exists.
    #[must_use]
    pub fn listen(&self, port: u16) -> Listener {
        self.state().listeners.insert(port, Queue::default());
        Listener { network: self.clone(), port }
    }

    /// Connects to a port of the server. `from` is the last octet of the client's address.
    ///
    /// # Errors
    /// When nobody listens, or when the network loses the attempt.
    pub async fn connect(&self, from: u8, port: u16, alive: &Alive) -> io::Result<Socket> {
        let weather = self.state().weather;
        let chance = self.sim.chance();
        self.sim.sleep(Duration::from_micros(chance.below(60_000) as u64)).await;
        if chance.per_mille(weather.lost_per_mille) {
            self.sim.sleep(Duration::from_secs(30)).await;
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut state = self.state();
        state.last_port = state.last_port.wrapping_add(1);
        let (local, secrets) = (10_000 + state.last_port % 50_000, state.secrets.clone());
        let peaks = Arc::clone(&state.peaks);
        let address = SocketAddr::from(([198, 51, 100, from], local));
        let Some(queue) = state.listeners.get_mut(&port) else {
            state.totals.refused += 1;
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let plan = weather.plan(chance);
        let line = Arc::new(Mutex::new(Line::new(&self.sim, plan, secrets, peaks)));
        let (client, server) = Socket::pair(&self.sim, &line, alive);
        queue.waiting.push_back((server, address));
        queue.waker.take().into_iter().for_each(Waker::wake);
        state.totals.connections += 1;
        state.totals.faults += u64::from(plan.has_fault());
        state.totals.meddled += u64::from(plan.meddling.is_some());
        state.lines.retain(|line| line.strong_count() > 0);
        state.lines.push(Arc::downgrade(&line));
        drop(state);
        self.sim.say(format_args!("network: {address} connects to port {port}, {plan}"));
        Ok(client)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A port on which connections are accepted.
#[derive(Debug)]
pub struct Listener {
    network: Network,
    port: u16,
}

impl Listener {
    /// Waits for the next connection. It belongs to this process then.
    pub async fn accept(&self, alive: &Alive) -> (Socket, SocketAddr) {
        poll_fn(|context| {
            let mut state = self.network.state();
            let Some(queue) = state.listeners.get_mut(&self.port) else { return Poll::Pending };
            if let Some((mut socket, address)) = queue.waiting.pop_front() {
                socket.belong_to(alive);
                return Poll::Ready((socket, address));
            }
            queue.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let queue = self.network.state().listeners.remove(&self.port);
        drop(queue);
    }
}
