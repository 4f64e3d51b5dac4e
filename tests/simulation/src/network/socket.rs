//! One end of a connection, as the driver sees it.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_driver::tls::TlsInfo;
use pop3_driver::{Transport, timed_out};
use pop3_proto::Instant;
use pop3_sasl::ChannelBindings;

use super::bounds::Bounds;
use super::line::{Condition, Direction, Line};
use super::pipe::Found;
use super::tls::{self, Kind};
use crate::Sim;
use crate::process::Alive;
use crate::sim::Timer;

/// One end of a connection. Dropped, it closes the connection; with unread octets, it resets it.
pub struct Socket {
    pub(super) sim: Sim,
    line: Arc<Mutex<Line>>,
    outgoing: Direction,
    alive: Alive,
    tls: Option<Box<Secured>>,
    /// Wakes the task that waits for this end.
    timer: Option<Timer>,
    /// How many octets it may read or write at a time.
    pub(super) bounds: Option<Bounds>,
}

/// TLS as one end sees it.
#[derive(Debug)]
struct Secured {
    key_in: u64,
    key_out: u64,
    sent: u64,
    received: u64,
    /// What has arrived and is no complete record.
    incoming: Vec<u8>,
    /// What is in the records that were opened.
    plain: Vec<u8>,
    /// The rest of a record that found no room.
    outgoing: Vec<u8>,
    info: Arc<TlsInfo>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("outgoing", &self.outgoing).finish_non_exhaustive()
    }
}

impl Socket {
    pub(super) fn pair(sim: &Sim, line: &Arc<Mutex<Line>>, client: &Alive) -> (Self, Self) {
        let end = |outgoing, alive: &Alive| Self {
            sim: sim.clone(),
            line: Arc::clone(line),
            outgoing,
            alive: alive.clone(),
            tls: None,
            timer: None,
            bounds: None,
        };
        (end(Direction::ToServer, client), end(Direction::ToClient, &Alive::always()))
    }

    pub(super) fn belong_to(&mut self, alive: &Alive) {
        self.alive = alive.clone();
    }

    const fn incoming(&self) -> Direction {
        match self.outgoing {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        }
    }

    pub(super) fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `act` is ready or the deadline has passed.
    async fn until<R>(
        &mut self,
        deadline: Instant,
        mut act: impl FnMut(&mut Self, &Context<'_>) -> Result<R, Option<Duration>>,
    ) -> io::Result<R> {
        let deadline = deadline.since(Instant::EPOCH);
        poll_fn(move |context| {
            if !self.alive.is_alive() {
                return Poll::Pending;
            }
            if self.sim.clock().elapsed() >= deadline {
                return Poll::Ready(Err(timed_out()));
            }
            match act(self, context) {
                Ok(result) => {
                    self.timer = None;
                    Poll::Ready(Ok(result))
                }
                Err(wake) => {
                    self.wait(context, wake.unwrap_or(deadline).min(deadline));
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn wait(&mut self, context: &Context<'_>, until: Duration) {
        let mut timer = Timer::new(&self.sim, until);
        if timer.poll(context.waker()).is_ready() {
            context.waker().wake_by_ref();
        }
        self.timer = Some(timer);
    }

    /// Receives octets as they are on the wire.
    fn try_receive(
        &mut self,
        context: &Context<'_>,
        buffer: &mut [u8],
    ) -> Result<io::Result<usize>, Option<Duration>> {
        let (now, incoming) = (self.sim.clock().elapsed(), self.incoming());
        let most = 1 + self.sim.chance().below(4);
        let mut line = self.line();
        if line.condition == Condition::Reset {
            return Ok(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let frozen = line.condition == Condition::Frozen;
        let pipe = line.pipe(incoming);
        let found = if frozen { Found::Nothing(None) } else { pipe.take(now, buffer, most) };
        match found {
            Found::Octets(count) => Ok(Ok(count)),
            Found::End => Ok(Ok(0)),
            Found::Nothing(next) => {
                pipe.reader = Some(context.waker().clone());
                Err(next)
            }
        }
    }

    /// Sends octets as they are on the wire.
    fn try_send(
        &mut self,
        context: &Context<'_>,
        octets: &[u8],
        in_clear: bool,
    ) -> Result<io::Result<usize>, Option<Duration>> {
        let outgoing = self.outgoing;
        let mut line = self.line();
        if line.condition == Condition::Reset || line.pipe(outgoing).takes_nothing() {
            return Ok(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let pipe = line.pipe(outgoing);
        let count = pipe.room().min(octets.len());
        if count == 0 {
            pipe.writer = Some(context.waker().clone());
            return Err(None);
        }
        line.send(outgoing, &octets[..count], in_clear);
        Ok(Ok(count))
    }

    /// Receives what is in TLS.
    fn try_receive_secured(
        &mut self,
        context: &Context<'_>,
        buffer: &mut [u8],
    ) -> Result<io::Result<usize>, Option<Duration>> {
        loop {
            let Some(secured) = &mut self.tls else { return self.try_receive(context, buffer) };
            if !secured.plain.is_empty() {
                let count = secured.plain.len().min(buffer.len());
                buffer[..count].copy_from_slice(&secured.plain[..count]);
                secured.plain.drain(..count);
                return Ok(Ok(count));
            }
            match tls::open(Kind::Data, secured.key_in, secured.received, &mut secured.incoming) {
                Ok(Some(plain)) => {
                    secured.received += 1;
                    secured.plain = plain;
                    continue;
                }
                Ok(None) => {}
                Err(error) => return Ok(Err(error)),
            }
            let mut raw = [0; 2048];
            match self.try_receive(context, &mut raw)? {
                Ok(0) => return Ok(Ok(0)),
                Ok(count) => {
                    if let Some(secured) = &mut self.tls {
                        secured.incoming.extend_from_slice(&raw[..count]);
                    }
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Sends the rest of the last record.
    fn try_flush(&mut self, context: &Context<'_>) -> Result<io::Result<()>, Option<Duration>> {
        while let Some(secured) = &mut self.tls
            && !secured.outgoing.is_empty()
        {
            let record = core::mem::take(&mut secured.outgoing);
            let sent = self.try_send(context, &record, false);
            let count = match &sent {
                Ok(Ok(count)) => *count,
                Ok(Err(_)) | Err(_) => 0,
            };
            if let Some(secured) = &mut self.tls {
                secured.outgoing = record[count..].to_vec();
            }
            if let Err(error) = sent? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    fn try_send_secured(
        &mut self,
        context: &Context<'_>,
        octets: &[u8],
    ) -> Result<io::Result<usize>, Option<Duration>> {
        if self.tls.is_none() {
            return self.try_send(context, octets, true);
        }
        if let Err(error) = self.try_flush(context)? {
            return Ok(Err(error));
        }
        let Some(secured) = &mut self.tls else { return Err(None) };
        let count = octets.len().min(tls::MOST);
        secured.outgoing = tls::seal(Kind::Data, secured.key_out, secured.sent, &octets[..count]);
        secured.sent += 1;
        // What finds no room is sent by the next write or flush.
        let _ = self.try_flush(context);
        Ok(Ok(count))
    }

    /// Exchanges the first records of TLS.
    async fn shake_hands(&mut self, deadline: Instant) -> io::Result<()> {
        let key = self.line().key;
        let (own, other) = match self.outgoing {
            Direction::ToServer => (&b"client hello"[..], &b"server hello"[..]),
            Direction::ToClient => (&b"server hello"[..], &b"client hello"[..]),
        };
        let mut input = Vec::new();
        if self.outgoing == Direction::ToServer {
            self.send_all(&tls::seal(Kind::Hello, key, 0, own), deadline).await?;
        }
        let hello = loop {
            if let Some(hello) = tls::open(Kind::Hello, key, 0, &mut input)? {
                break hello;
            }
            let mut raw = [0; 512];
            let count =
                self.until(deadline, |socket, context| socket.try_receive(context, &mut raw)).await??;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            input.extend_from_slice(&raw[..count]);
        };
        if hello != other {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if self.outgoing == Direction::ToClient {
            self.send_all(&tls::seal(Kind::Hello, key, 0, own), deadline).await?;
        }
        self.tls = Some(Box::new(Secured {
            key_in: key ^ self.incoming() as u64,
            key_out: key ^ self.outgoing as u64,
            sent: 0,
            received: 0,
            incoming: input,
            plain: Vec::new(),
            outgoing: Vec::new(),
            info: Arc::new(TlsInfo::new("TLSv1_3", "SIMULATED").with_bindings(bindings(key))),
        }));
        Ok(())
    }

    async fn send_all(&mut self, mut octets: &[u8], deadline: Instant) -> io::Result<()> {
        while !octets.is_empty() {
            let count =
                self.until(deadline, |socket, context| socket.try_send(context, octets, false)).await??;
            octets = &octets[count..];
        }
        Ok(())
    }
}

/// What the ends can bind a login to. Both have the same.
fn bindings(key: u64) -> ChannelBindings {
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&key.to_be_bytes());
    ChannelBindings::none().with_exporter(octets)
}

impl Transport for Socket {
    fn now(&self) -> Instant {
        Instant::new(self.sim.clock().elapsed())
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.check_input(buffer.len());
        self.until(deadline, |socket, context| socket.try_receive_secured(context, buffer)).await?
    }

    async fn read_ahead(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.read(buffer, deadline).await
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        self.check_output(octets.len());
        self.until(deadline, |socket, context| socket.try_send_secured(context, octets)).await?
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        self.until(deadline, Self::try_flush).await?
    }

    async fn pause(&mut self, until: Instant) {
        self.sim.sleep_until(until.since(Instant::EPOCH)).await;
    }

    async fn close(&mut self, deadline: Instant) {
        let _ = self.flush(deadline).await;
        if self.alive.is_alive() {
            let outgoing = self.outgoing;
            self.line().finish(outgoing);
        }
    }

    async fn secure(mut self, deadline: Instant) -> io::Result<Self> {
        self.shake_hands(deadline).await?;
        Ok(self)
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        self.tls.as_ref().map(|secured| Arc::clone(&secured.info))
    }

    fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let (incoming, outgoing) = (self.incoming(), self.outgoing);
        let mut line = self.line();
        if line.pipe(incoming).is_empty() {
            line.finish(outgoing);
        } else {
            line.reset();
        }
        // Nobody will ever make room.
        line.pipe(incoming).close();
    }
}
