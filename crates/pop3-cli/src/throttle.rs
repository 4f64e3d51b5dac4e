//! Limits on connections, and on guessing.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_proto::Instant;

/// How many connections there may be at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) connections: u32,
    pub(crate) per_user: u32,
    pub(crate) per_address: u32,
}

/// Counts connections and failed logins. For IPv6 the addresses of a /64 count as one.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    caps: Caps,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    connections: u32,
    addresses: HashMap<IpAddr, u32>,
    users: HashMap<String, u32>,
    failures: HashMap<IpAddr, Failures>,
}

/// Why a connection or a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Connections,
    Address,
    User,
    Guessing,
}

/// The failed logins from an address: how many, as of a time. One is forgotten each [`FORGET`].
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    since: Instant,
}

/// After so long without another, one failure is forgotten.
const FORGET: Duration = Duration::from_secs(30);

/// Failures above this number make each further one be held back longer.
const FREE: u32 = 3;

/// The longest that the reply to a failure is held back for its address.
const LONGEST: Duration = Duration::from_secs(8);

/// An address with so many failures gets no more tries until some are forgotten. With a delay of
/// seconds on each, it takes many connections at once to get here.
const BARRED: u32 = 60;

/// How many addresses with failures are remembered. Of more, those with the fewest are forgotten.
const REMEMBERED: usize = 10_000;

/// A connection that is counted as long as this lives.
#[derive(Debug)]
pub(crate) struct Place {
    throttle: Throttle,
    address: IpAddr,
}

/// A user's session that is counted as long as this lives.
#[derive(Debug)]
pub(crate) struct UserPlace {
    throttle: Throttle,
    user: String,
}

impl Throttle {
    pub(crate) fn new(caps: Caps) -> Self {
        Self { caps, state: Arc::default() }
    }

    /// Counts a connection from the address, if there is room for it.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<Place, Refusal> {
        let address = network(address);
        let mut state = self.lock();
        if state.connections >= self.caps.connections {
            return Err(Refusal::Connections);
        }
        let here = state.addresses.entry(address).or_default();
        if *here >= self.caps.per_address {
            return Err(Refusal::Address);
        }
        *here += 1;
        state.connections += 1;
        Ok(Place { throttle: self.clone(), address })
    }

    /// Counts a session of the user, if there is room for it.
    pub(crate) fn log_in(&self, user: &str) -> Result<UserPlace, Refusal> {
        let mut state = self.lock();
        let sessions = state.users.entry(user.to_owned()).or_default();
        if *sessions >= self.caps.per_user {
            return Err(Refusal::User);
        }
        *sessions += 1;
        Ok(UserPlace { throttle: self.clone(), user: user.to_owned() })
    }

    /// Begins a try to log in: it counts as failed until [`succeeded`](Self::succeeded), so that
    /// tries at the same time are counted too. Returns for how long a failure is to be held back.
    pub(crate) fn try_login(&self, address: IpAddr, now: Instant) -> Result<Duration, Refusal> {
        let address = network(address);
        let mut state = self.lock();
        if state.failures.len() >= REMEMBERED && !state.failures.contains_key(&address) {
            state.forget(now);
        }
        let failures = state.failures.entry(address).or_insert(Failures { count: 0, since: now });
        failures.decay(now);
        if failures.count >= BARRED {
            return Err(Refusal::Guessing);
        }
        failures.count += 1;
        let excess = failures.count.saturating_sub(FREE).min(8);
        Ok(if excess == 0 { Duration::ZERO } else { Duration::from_millis(500 << excess).min(LONGEST) })
    }

    /// Takes back the failure that the try counted for. Other people's failures from the address
    /// stay counted.
    pub(crate) fn succeeded(&self, address: IpAddr) {
        if let Some(failures) = self.lock().failures.get_mut(&network(address)) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes room among the addresses with failures.
    fn forget(&mut self, now: Instant) {
        for failures in self.failures.values_mut() {
            failures.decay(now);
        }
        self.failures.retain(|_, failures| failures.count > 0);
        let mut counts: Vec<u32> = self.failures.values().map(|failures| failures.count).collect();
        if counts.len() >= REMEMBERED {
            let (_, &mut median, _) = counts.select_nth_unstable(REMEMBERED / 2);
            let mut spare = counts.len() - REMEMBERED / 2;
            self.failures.retain(|_, failures| {
                let forgotten = spare > 0 && failures.count <= median;
                spare -= usize::from(forgotten);
                !forgotten
            });
        }
    }
}

impl Failures {
    fn decay(&mut self, now: Instant) {
        let forgotten = now.since(self.since).as_secs() / FORGET.as_secs();
        if forgotten > 0 {
            self.count = self.count.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
            self.since = now;
        }
    }
}

/// The address that counts: an IPv6 host has a whole /64 to itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.throttle.lock();
        state.connections = state.connections.saturating_sub(1);
        release(&mut state.addresses, &self.address);
    }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        release(&mut self.throttle.lock().users, &self.user);
    }
}

fn release<K: core::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Refusal {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Connections => "too many connections, try again later",
            Self::Address => "too many connections from your address, try again later",
            Self::User => "too many sessions of this user, try again later",
            Self::Guessing => "too many failed logins from your address, try again later",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle::new(Caps { connections: 3, per_user: 1, per_address: 2 })
    }

    fn at(seconds: u64) -> Instant {
        Instant::new(Duration::from_secs(seconds))
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let throttle = throttle();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = throttle.admit(ip("2001:db8::1")).unwrap();
        let second = throttle.admit(ip("2001:db8::ffff")).unwrap();
        assert_eq!(throttle.admit(ip("2001:db8::2")).unwrap_err(), Refusal::Address);
        let third = throttle.admit(ip("2001:db8:0:1::1")).unwrap();
        assert_eq!(throttle.admit(ip("192.0.2.1")).unwrap_err(), Refusal::Connections);
        drop((first, second, third));
        assert!(throttle.admit(ip("2001:db8::2")).is_ok());
        let session = throttle.log_in("alice").unwrap();
        assert_eq!(throttle.log_in("alice").unwrap_err(), Refusal::User);
        assert!(throttle.log_in("bob").is_ok());
        drop(session);
        assert!(throttle.log_in("alice").is_ok());
        assert!(throttle.lock().users.is_empty());
    }

    #[test]
    fn guessing_gets_slower_and_stops_at_its_own_address_only() {
        let throttle = throttle();
        let (bad, good) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let delays: Vec<_> = (0..BARRED).map(|_| throttle.try_login(bad, at(0)).unwrap()).collect();
        assert!(delays.is_sorted() && delays[2].is_zero() && delays[3] == Duration::from_secs(1));
        assert_eq!(delays.last(), Some(&LONGEST));
        assert_eq!(throttle.try_login(bad, at(1)), Err(Refusal::Guessing));
        assert_eq!(throttle.try_login(good, at(1)), Ok(Duration::ZERO));
        assert_eq!(throttle.try_login(bad, at(30)), Ok(LONGEST));
        assert_eq!(throttle.try_login(bad, at(30 * 60 + 30)), Ok(Duration::ZERO));
    }

    #[test]
    fn success_is_no_failure() {
        let throttle = throttle();
        let address = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..1000 {
            assert_eq!(throttle.try_login(address, at(0)), Ok(Duration::ZERO));
            throttle.succeeded(address);
        }
    }

    #[test]
    fn the_worst_addresses_are_remembered_longest() {
        let throttle = throttle();
        let worst = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..BARRED {
            throttle.try_login(worst, at(0)).unwrap();
        }
        for index in 0..3 * REMEMBERED {
            let address = Ipv6Addr::from_bits((index as u128) << 64);
            throttle.try_login(address.into(), at(0)).unwrap();
        }
        assert!(throttle.lock().failures.len() <= REMEMBERED);
        assert_eq!(throttle.try_login(worst, at(0)), Err(Refusal::Guessing));
    }
}
