//! tokio with a runtime for each processor.
//!
//! On one runtime with several threads, a thread that finds sessions to continue wakes another one to take some of them.
//! For a session that answers one command at a time, this costs more than the answer. Here a session stays on the thread
//! that accepted it, and nothing is handed over.

use core::iter;
use core::net::SocketAddr;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use pop3_driver::server::Entrance;
use tokio::runtime::{Builder, Runtime};
use tracing::warn;

use super::{Listeners, Listening, With, converted, serve_all};
use crate::descriptors;
use crate::policy::{Current, On};

/// The listeners of one thread.
type Share = Vec<(Entrance, TcpListener)>;

/// One thread: its runtime, and its listeners on it.
struct Worker {
    runtime: Runtime,
    listeners: Vec<(Entrance, tokio::net::TcpListener)>,
}

/// The threads for calls that block, which all runtimes share out.
const BLOCKING: usize = 512;

/// The least of them in each, so that a few calls that hang do not hold up all others. With more than four runtimes, there
/// are more than [`BLOCKING`] in all.
const LEAST_BLOCKING: usize = 128;

impl Listeners {
    /// Serves on runtimes of tokio that are made for it: one for each processor, up to a limit, if the system divides
    /// the connections among several listeners, otherwise one with several threads.
    pub(super) fn run_tokio(self, policy: Arc<Current>, with: &With<'_>) -> io::Result<()> {
        let threads = descriptors::threads(self.0.len());
        match self.shares(threads) {
            Ok(shares) => serve_shares(shares, policy, with),
            Err(listeners) => {
                let runtime = set(&mut Builder::new_multi_thread()).build()?;
                let served = runtime.block_on(listeners.serve_tokio(policy, with));
                runtime.shutdown_background();
                served
            }
        }
    }

    /// Listeners on the same addresses for so many threads. The system gives each connection to one of them. Returns the
    /// listeners themselves if it does not.
    fn shares(self, threads: usize) -> Result<Vec<Share>, Self> {
        let more = match self.more(threads.saturating_sub(1)) {
            Ok(more) => more,
            Err(error) => {
                if error.kind() != io::ErrorKind::Unsupported {
                    warn!(%error, "serving on one runtime: listeners for each processor could not be added");
                }
                self.0.iter().filter(|one| !one.held).for_each(|one| leave(&one.socket));
                return Err(self);
            }
        };
        let own = self.0.into_iter().map(|one| (one.entrance, one.socket)).collect();
        Ok(iter::once(own).chain(more).collect())
    }

    /// So many more shares.
    fn more(&self, threads: usize) -> io::Result<Vec<Share>> {
        if threads > 0 {
            for one in self.0.iter().filter(|one| !one.held) {
                join_in(&one.socket)?;
            }
        }
        // Whatever waits in a queue of its own would be lost with this process, so a socket that others hold has one
        // queue for all threads.
        let more = |one: &Listening| {
            let socket = if one.held { one.socket.try_clone() } else { one_more(one.address) };
            Ok((one.entrance, socket?))
        };
        let share = |_| self.0.iter().map(more).collect();
        (0..threads).map(share).collect()
    }
}

/// Lets others bind the address of this listener from now on. It was bound alone: a second server on the same address
/// fails.
#[cfg(target_os = "linux")]
fn join_in(listener: &TcpListener) -> io::Result<()> {
    socket2::SockRef::from(listener).set_reuse_port(true)
}

/// Nobody else may bind the address of this listener any more.
#[cfg(target_os = "linux")]
fn leave(listener: &TcpListener) {
    // It was set here before, so it can be set again.
    let _ = socket2::SockRef::from(listener).set_reuse_port(false);
}

#[cfg(not(target_os = "linux"))]
const fn leave(_: &TcpListener) {}

/// Other systems have the option, but do not divide the connections.
#[cfg(not(target_os = "linux"))]
fn join_in(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// One more listener on an address that others may bind.
#[cfg(target_os = "linux")]
fn one_more(address: SocketAddr) -> io::Result<TcpListener> {
    super::bind(address, |socket| socket.set_reuse_port(true))
}

#[cfg(not(target_os = "linux"))]
fn one_more(_: SocketAddr) -> io::Result<TcpListener> {
    Err(io::ErrorKind::Unsupported.into())
}

fn serve_shares(shares: Vec<Share>, policy: Arc<Current>, with: &With<'_>) -> io::Result<()> {
    let service = Arc::new(On::new(policy, pop3_tokio::Pool::new()));
    let blocking = (BLOCKING / shares.len().max(1)).max(LEAST_BLOCKING);
    let worker = |share| Worker::new(share, blocking);
    // All of them, before one is served.
    let mut workers = shares.into_iter().map(worker).collect::<io::Result<Vec<_>>>()?.into_iter();
    let first = workers.next();
    thread::scope(|scope| {
        let serve = |worker: Worker| worker.serve(&service, with);
        // Without its thread, the listeners of a worker are closed, and the others get its connections.
        let start = |worker| {
            let thread = thread::Builder::new().name("pop3 worker".into());
            let started = thread.spawn_scoped(scope, move || serve(worker));
            started
                .inspect_err(|error| warn!(%error, "serving with fewer threads: one could not be started"))
                .ok()
        };
        let threads: Vec<_> = workers.filter_map(start).collect();
        let own = first.map_or(Ok(()), serve);
        let join = |thread: thread::ScopedJoinHandle<'_, io::Result<()>>| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the server panicked")))
        };
        threads.into_iter().map(join).fold(own, Result::and)
    })
}

impl Worker {
    fn new(share: Share, blocking: usize) -> io::Result<Self> {
        let runtime = set(&mut Builder::new_current_thread()).max_blocking_threads(blocking).build()?;
        let listeners = {
            let _within = runtime.enter();
            converted(share)?
        };
        Ok(Self { runtime, listeners })
    }

    fn serve(self, service: &Arc<On<pop3_tokio::Pool>>, with: &With<'_>) -> io::Result<()> {
        let served = self.runtime.block_on(serve_all(self.listeners, service, with));
        // A call of the store that still hangs is left behind.
        self.runtime.shutdown_background();
        served
    }
}

/// The settings of every runtime. What comes back from the blocking pool, or from the network, must not wait behind a
/// crowd of sessions: by default tokio looks at these after 61 tasks.
fn set(builder: &mut Builder) -> &mut Builder {
    builder.enable_all().global_queue_interval(5).event_interval(5)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn listeners() -> Listeners {
        Listeners::bind(&[(Entrance::Plain, "127.0.0.1:0".parse().unwrap())]).unwrap()
    }

    #[test]
    fn each_connection_comes_to_one_thread() {
        let listeners = listeners();
        let (_, address) = listeners.addresses().next().unwrap();
        let shares = listeners.shares(3).unwrap();
        let clients: Vec<_> = (0..64).map(|_| TcpStream::connect(address).unwrap()).collect();
        let accepted = shares.iter().flatten().map(|(_, listener)| {
            listener.set_nonblocking(true).unwrap();
            iter::from_fn(|| listener.accept().ok()).count()
        });
        let accepted: Vec<_> = accepted.collect();
        assert_eq!(accepted.iter().sum::<usize>(), clients.len(), "{accepted:?}");
        assert!(accepted.iter().all(|&count| count > 0), "{accepted:?}");
    }

    #[test]
    fn a_second_server_does_not_get_the_address_of_the_first() {
        let listeners = listeners();
        let (entrance, address) = listeners.addresses().next().unwrap();
        let shares = listeners.shares(3).unwrap();
        Listeners::bind(&[(entrance, address)]).unwrap_err();
        // Nothing else holds the address.
        drop(shares);
        TcpStream::connect(address).unwrap_err();
        Listeners::bind(&[(entrance, address)]).unwrap();
    }
}
