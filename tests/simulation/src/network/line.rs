//! A connection as the network sees it.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use super::meddler::{Meddler, Meddling};
use super::pipe::Pipe;
use crate::{Chance, Sim};

/// What the network does to connections, in so many of 1000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Weather {
    /// Attempts to connect that are never answered.
    pub lost_per_mille: usize,
    /// Connections that are reset or closed at some octet.
    pub cut_per_mille: usize,
    /// Connections on which nothing arrives any more from some octet on.
    pub frozen_per_mille: usize,
    /// Connections with delays of seconds.
    pub slow_per_mille: usize,
    /// Connections with a man in the middle.
    pub meddled_per_mille: usize,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinePlan {
    /// How many octets may be on their way in each direction.
    pub capacity: usize,
    /// The longest delay of a segment.
    pub delay: Duration,
    /// The longest segment.
    pub segment: usize,
    /// What ends the connection before its time, after so many octets in one of the directions.
    pub fault: Option<(LineFault, Direction, u64)>,
    /// The man in the middle.
    pub meddling: Option<Meddling>,
}

/// What ends a connection before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineFault {
    /// Both ends see an error.
    Reset,
    /// Both ends see the end of the stream.
    Closed,
    /// Nothing arrives any more, in either direction.
    Frozen,
}

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Weather {
    pub(super) fn plan(&self, chance: &Chance) -> LinePlan {
        let cut = chance
            .per_mille(self.cut_per_mille)
            .then(|| *chance.pick(&[LineFault::Reset, LineFault::Closed]));
        let frozen = chance.per_mille(self.frozen_per_mille).then_some(LineFault::Frozen);
        let direction = *chance.pick(&[Direction::ToServer, Direction::ToClient]);
        // Most sessions say little, so small numbers matter most.
        let most = match direction {
            Direction::ToServer => *chance.pick(&[20, 100, 400]),
            Direction::ToClient => *chance.pick(&[50, 500, 5_000, 50_000]),
        };
        let octet = chance.below(most) as u64;
        let slow = chance.per_mille(self.slow_per_mille);
        let meddled = chance.per_mille(self.meddled_per_mille);
        LinePlan {
            capacity: *chance.pick(&[512, 1_500, 8_192, 65_536]),
            delay: if slow {
                Duration::from_secs(4)
            } else {
                Duration::from_millis(*chance.pick(&[1, 20, 80]))
            },
            segment: *chance.pick(&[1, 7, 100, 1_400, 65_536, 65_536]),
            fault: frozen.or(cut).map(|fault| (fault, direction, octet)),
            meddling: meddled.then(|| Meddling::any(chance)),
        }
    }
}

impl LinePlan {
    /// Whether the network ends the connection before its time.
    #[must_use]
    pub const fn has_fault(&self) -> bool {
        self.fault.is_some()
    }
}

impl fmt::Display for LinePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capacity, delay, segment, fault, meddling } = self;
        write!(f, "window {capacity}, delays up to {delay:?}, segments up to {segment}")?;
        if let Some((fault, direction, octet)) = fault {
            write!(f, ", {fault:?} after octet {octet} {direction:?}")?;
        }
        if let Some(meddling) = meddling {
            write!(f, ", man in the middle: {meddling:?}")?;
        }
        Ok(())
    }
}

/// What has become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Up,
    Reset,
    Frozen,
}

/// The most octets that a server has read or written at a time.
#[derive(Debug, Default)]
pub(super) struct Peaks {
    pub(super) read: AtomicUsize,
    pub(super) write: AtomicUsize,
}

/// A connection, with both of its directions.
pub(super) struct Line {
    sim: Sim,
    plan: LinePlan,
    pub(super) condition: Condition,
    pub(super) to_server: Pipe,
    pub(super) to_client: Pipe,
    /// The key of the simulated TLS.
    pub(super) key: u64,
    meddler: Option<Meddler>,
    secrets: Vec<Vec<u8>>,
    pub(super) peaks: Arc<Peaks>,
    /// The last octets in clear of each direction, for secrets that were sent in pieces.
    seen: [Vec<u8>; 2],
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("plan", &self.plan)
            .field("condition", &self.condition)
            .finish_non_exhaustive()
    }
}

impl Line {
    pub(super) fn new(sim: &Sim, plan: LinePlan, secrets: Vec<Vec<u8>>, peaks: Arc<Peaks>) -> Self {
        let pipe = || Pipe::new(plan.capacity);
        Self {
            sim: sim.clone(),
            plan,
            condition: Condition::Up,
            to_server: pipe(),
            to_client: pipe(),
            key: sim.chance().below(usize::MAX) as u64,
            meddler: plan.meddling.map(Meddler::new),
            secrets,
            peaks,
            seen: [Vec::new(), Vec::new()],
        }
    }

    pub(super) fn largest_read(&self, octets: usize) {
        self.peaks.read.fetch_max(octets, Ordering::Relaxed);
    }

    pub(super) fn largest_write(&self, octets: usize) {
        self.peaks.write.fetch_max(octets, Ordering::Relaxed);
    }

    pub(super) fn pipe(&mut self, direction: Direction) -> &mut Pipe {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// Sends octets, of which there is room for. `in_clear` tells that they are not in TLS.
    pub(super) fn send(&mut self, direction: Direction, octets: &[u8], in_clear: bool) {
        self.check_secrets(direction, octets);
        let mut octets = octets.to_vec();
        if let Some(mut meddler) = self.meddler.take() {
            octets = meddler.pass(direction, octets, in_clear);
            // He can see to it that what he adds arrives in the same segment as what it hides behind.
            let together = meddler.has_just_injected() && self.sim.chance().per_mille(700);
            self.meddler = Some(meddler);
            if together && self.plan.fault.is_none() {
                return self.push(direction, &octets);
            }
        }
        let mut rest = &*octets;
        // On a frozen connection, what is sent fills the window, and stays there.
        let is_up = self.condition == Condition::Up;
        let fault = self.plan.fault.filter(|(_, of, _)| is_up && *of == direction);
        if let Some((fault, _, after)) = fault {
            let left = usize::try_from(after.saturating_sub(self.pipe(direction).sent)).unwrap_or(usize::MAX);
            if octets.len() > left {
                self.push(direction, &octets[..left]);
                return self.break_down(fault);
            }
        }
        while !rest.is_empty() {
            // Where single octets matter is at the beginning.
            let least = if self.pipe(direction).sent < 2_000 { 1 } else { 1_400 };
            let most = rest.len().min(self.plan.segment.max(least));
            // Small segments are sent together at random.
            let (now, later) = rest.split_at(1 + self.sim.chance().below(most));
            self.push(direction, now);
            rest = later;
        }
    }

    fn push(&mut self, direction: Direction, octets: &[u8]) {
        let arrival = self.arrival();
        self.pipe(direction).push(arrival, octets);
    }

    /// Closes one side.
    pub(super) fn finish(&mut self, direction: Direction) {
        let arrival = self.arrival();
        self.pipe(direction).finish(arrival);
    }

    fn arrival(&self) -> Duration {
        let delay = u64::try_from(self.plan.delay.as_micros()).unwrap_or(u64::MAX);
        let delay = self.sim.chance().below(usize::try_from(delay).unwrap_or(1).max(1));
        self.sim.clock().elapsed() + Duration::from_micros(delay as u64)
    }

    fn break_down(&mut self, fault: LineFault) {
        self.sim.say(format_args!("network: {fault:?}"));
        match fault {
            LineFault::Reset => self.reset(),
            LineFault::Frozen => self.condition = Condition::Frozen,
            LineFault::Closed => {
                self.finish(Direction::ToServer);
                self.finish(Direction::ToClient);
            }
        }
    }

    /// Ends the connection with an error for both ends.
    pub(super) fn reset(&mut self) {
        self.condition = Condition::Reset;
        for pipe in [&mut self.to_server, &mut self.to_client] {
            pipe.clear();
            pipe.wake_reader();
            pipe.wake_writer();
        }
    }

    fn check_secrets(&mut self, direction: Direction, octets: &[u8]) {
        if self.secrets.is_empty() {
            return;
        }
        let seen = &mut self.seen[usize::from(direction == Direction::ToClient)];
        seen.extend_from_slice(octets);
        for secret in &self.secrets {
            if seen.windows(secret.len()).any(|octets| octets == &**secret) {
                self.sim.fail(format!(
                    "the secret {:?} is on the wire in clear",
                    secret.escape_ascii().to_string()
                ));
            }
        }
        let longest = self.secrets.iter().map(Vec::len).max().unwrap_or_default();
        seen.drain(..seen.len().saturating_sub(longest));
    }
}
