//! The brake on guessing passwords: by address, never by user, so that nobody can lock out a user
//! who comes from elsewhere. Pure: the time is an argument.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use pop3_proto::Instant;

use crate::source::Source;

/// The time that one try takes of its address: 16 a second. With the [`BURST`] these are at most 20 in
/// any second.
const INTERVAL: Duration = Duration::from_micros(62_500);

/// How many tries of one address are checked at once.
const BURST: u32 = 4;

/// The longest time that a try waits for its turn; those that would wait longer are turned away.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The delay of the answer to a first failure. Each further one doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(1);

/// The longest delay of an answer.
const LONGEST_DELAY: Duration = Duration::from_secs(8);

/// After so long, one failure is forgotten.
const DECAY: Duration = Duration::from_secs(15);

/// The most failures of one address that other servers report and that count here: they are forgotten within an hour.
const MOST_REPORTED: u32 = 240;

/// How many addresses are remembered.
const CAPACITY: usize = 10_000;

/// The tries of all addresses.
#[derive(Debug)]
pub(crate) struct Throttle {
    sources: HashMap<Source, Tries>,
    capacity: usize,
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    /// When all tries so far will have had their time.
    paid: Instant,
    failures: u32,
    /// When the failures were last counted.
    counted: Instant,
    /// The failures that other servers have not been told of.
    untold: u32,
}

/// Too many tries of this address wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Throttle {
    pub(crate) fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self { sources: HashMap::new(), capacity }
    }

    /// A password is about to be checked: how long to wait before. Tell the outcome by
    /// [`failed`](Self::failed) or [`succeeded`](Self::succeeded).
    ///
    /// # Errors
    /// When it would take too long; nothing is checked then, and no outcome is to be told.
    pub(crate) fn attempt(&mut self, address: IpAddr, now: Instant) -> Result<Duration, TooMany> {
        let tries = self.tries(address, now);
        let paid = tries.paid.max(now);
        let wait = paid.since(now).saturating_sub(INTERVAL * (BURST - 1));
        if wait > LONGEST_WAIT {
            return Err(TooMany);
        }
        tries.paid = Instant::new(paid.since(Instant::EPOCH) + INTERVAL);
        Ok(wait)
    }

    /// Whether a try of this address has failed lately.
    pub(crate) fn has_failed(&mut self, address: IpAddr, now: Instant) -> bool {
        self.tries(address, now).failures > 0
    }

    /// The password was wrong: how long to hold the answer back.
    pub(crate) fn failed(&mut self, address: IpAddr, now: Instant) -> Duration {
        let tries = self.tries(address, now);
        tries.failures = tries.failures.saturating_add(1);
        tries.untold = tries.untold.saturating_add(1);
        FIRST_DELAY.saturating_mul(1 << (tries.failures - 1).min(10)).min(LONGEST_DELAY)
    }

    /// How long it takes until the tries so far have had their time: for an outcome that is not known at
    /// once, so that the wait which [`attempt`](Self::attempt) gave has passed in part.
    pub(crate) fn backlog(&mut self, address: IpAddr, now: Instant) -> Duration {
        self.tries(address, now).paid.since(now).saturating_sub(INTERVAL * BURST)
    }

    /// The password was right: the try costs the address nothing. Its failures stay, as one good
    /// account must not buy guesses at others.
    pub(crate) fn succeeded(&mut self, address: IpAddr) {
        if let Some(tries) = self.sources.get_mut(&address.into()) {
            tries.paid = Instant::new(tries.paid.since(Instant::EPOCH).saturating_sub(INTERVAL));
        }
    }

    /// The try waits for something that is not the client's doing, and costs the address nothing meanwhile.
    pub(crate) fn pause(&mut self, address: IpAddr) {
        self.succeeded(address);
    }

    /// The try goes on after a [`pause`](Self::pause): how long it would have to wait. It was let through before, so an
    /// address without failures is not turned away.
    ///
    /// # Errors
    /// When it would take too long; nothing is checked then, and no outcome is to be told.
    pub(crate) fn resume(&mut self, address: IpAddr, now: Instant) -> Result<Duration, TooMany> {
        if self.has_failed(address, now) {
            return self.attempt(address, now);
        }
        let tries = self.tries(address, now);
        let paid = tries.paid.max(now);
        tries.paid = Instant::new(paid.since(Instant::EPOCH) + INTERVAL);
        Ok(paid.since(now).saturating_sub(INTERVAL * (BURST - 1)))
    }

    /// The failures of each address since the last call, for other servers.
    pub(crate) fn take_failures(&mut self) -> Vec<(Source, u32)> {
        let tries = self.sources.iter_mut();
        tries
            .map(|(&source, tries)| (source, core::mem::take(&mut tries.untold)))
            .filter(|&(_, failures)| failures > 0)
            .collect()
    }

    /// Counts failures of an address that another server has seen. They displace nothing that is known here.
    pub(crate) fn add_failures(&mut self, address: IpAddr, failures: u32, now: Instant) {
        let is_known = self.sources.contains_key(&address.into());
        if !is_known && self.sources.len() >= self.capacity {
            return;
        }
        let tries = self.tries(address, now);
        let most = MOST_REPORTED.max(tries.failures);
        tries.failures = tries.failures.saturating_add(failures).min(most);
    }

    fn tries(&mut self, address: IpAddr, now: Instant) -> &mut Tries {
        let source = Source::from(address);
        if !self.sources.contains_key(&source) && self.sources.len() >= self.capacity {
            self.make_room(now);
        }
        let none = Tries { paid: Instant::EPOCH, failures: 0, counted: now, untold: 0 };
        let tries = self.sources.entry(source).or_insert(none);
        tries.decay(now);
        tries
    }

    /// Forgets those that have nothing to pay for, or else the one that was quiet for the longest
    /// time.
    fn make_room(&mut self, now: Instant) {
        self.sources.retain(|_, tries| {
            tries.decay(now);
            tries.failures > 0 || tries.paid > now
        });
        if self.sources.len() >= self.capacity
            && let Some(oldest) =
                self.sources.iter().min_by_key(|(_, tries)| tries.paid).map(|(&source, _)| source)
        {
            self.sources.remove(&oldest);
        }
    }
}

impl Tries {
    fn decay(&mut self, now: Instant) {
        let steps = now.since(self.counted).as_secs() / DECAY.as_secs();
        if steps > 0 {
            self.failures = self.failures.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
            self.counted = Instant::new(
                self.counted.since(Instant::EPOCH) + Duration::from_secs(steps * DECAY.as_secs()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "192.0.2.1";
    const GUESSER: &str = "2001:db8::1";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::new(Duration::from_millis(millis))
    }

    #[test]
    fn at_most_twenty_guesses_a_second_from_one_address() {
        let mut throttle = Throttle::new();
        let mut checked = Vec::new();
        for millis in 0..10_000 {
            if let Ok(wait) = throttle.attempt(ip(GUESSER), at(millis)) {
                checked.push(millis + wait.as_millis() as u64);
                throttle.failed(ip("2001:db8::2"), at(millis));
            }
        }
        for start in (0..10_000).step_by(10) {
            let count = checked.iter().filter(|&&when| (start..start + 1_000).contains(&when)).count();
            assert!(count <= 20, "{count} from {start} on");
        }
        assert!(checked.len() > 150);
        // The owner, who comes from elsewhere, does not notice.
        assert_eq!(throttle.attempt(ip(OWNER), at(10_000)), Ok(Duration::ZERO));
    }

    // SEC-02
    #[test]
    fn nobody_waits_longer_than_two_seconds() {
        let mut throttle = Throttle::new();
        let waits = (0..1_000).map(|_| throttle.attempt(ip(GUESSER), at(0))).collect::<Vec<_>>();
        assert!(waits.iter().flatten().all(|wait| *wait <= LONGEST_WAIT));
        assert_eq!(waits.iter().flatten().count(), 36);
        assert_eq!(waits.last(), Some(&Err(TooMany)));
    }

    // SEC-02
    #[test]
    fn what_waits_passes_with_time() {
        let mut throttle = Throttle::new();
        assert_eq!(throttle.backlog(ip(OWNER), at(0)), Duration::ZERO);
        let waits: Vec<_> = (0..6).filter_map(|_| throttle.attempt(ip(OWNER), at(0)).ok()).collect();
        assert_eq!(waits.last(), Some(&(INTERVAL * 2)));
        assert_eq!(throttle.backlog(ip(OWNER), at(0)), INTERVAL * 2);
        assert_eq!(throttle.backlog(ip(OWNER), at(100)), INTERVAL * 2 - Duration::from_millis(100));
        assert_eq!(throttle.backlog(ip(OWNER), at(1_000)), Duration::ZERO);
    }

    #[test]
    fn failures_cost_more_and_more_and_are_forgotten() {
        let mut throttle = Throttle::new();
        let delays = [1, 2, 4, 8, 8].map(Duration::from_secs);
        assert_eq!([0; 5].map(|millis| throttle.failed(ip(OWNER), at(millis))), delays);
        assert_eq!(throttle.failed(ip(OWNER), at(100_000)), Duration::from_secs(1));
    }

    #[test]
    fn many_good_logins_are_not_held_up() {
        let mut throttle = Throttle::new();
        for _ in 0..1_000 {
            assert_eq!(throttle.attempt(ip(OWNER), at(5)), Ok(Duration::ZERO));
            throttle.succeeded(ip(OWNER));
        }
    }

    #[test]
    fn a_try_that_waits_for_a_look_up_costs_nothing_meanwhile() {
        let mut throttle = Throttle::new();
        let begin = |throttle: &mut Throttle| {
            let begun = throttle.attempt(ip(OWNER), at(0)).is_ok();
            throttle.pause(ip(OWNER));
            begun
        };
        // As many as there may be connections, and each of them goes on.
        assert!((0..100).all(|_| begin(&mut throttle)));
        let waits: Vec<_> = (0..100).map(|_| throttle.resume(ip(OWNER), at(3_000)).unwrap()).collect();
        assert_eq!((waits[0], waits[99]), (Duration::ZERO, INTERVAL * 96));
        // They are paid for then: who fails can't go on at once.
        throttle.failed(ip(OWNER), at(3_000));
        assert_eq!(throttle.attempt(ip(OWNER), at(3_000)), Err(TooMany));
        assert_eq!(throttle.resume(ip(OWNER), at(3_000)), Err(TooMany));
        assert!(throttle.resume(ip(OWNER), at(8_000)).is_ok());
    }

    // SEC-02
    #[test]
    fn failures_that_another_server_has_seen_count_and_displace_nothing() {
        let mut throttle = Throttle::with_capacity(2);
        throttle.failed(ip(GUESSER), at(0));
        throttle.failed(ip(GUESSER), at(0));
        assert_eq!(throttle.take_failures(), [(ip(GUESSER).into(), 2)]);
        assert_eq!(throttle.take_failures(), []);
        let mut other = Throttle::with_capacity(2);
        other.add_failures(ip(GUESSER), 2, at(0));
        assert_eq!(other.take_failures(), [], "they are not told again");
        assert!(other.has_failed(ip(GUESSER), at(0)));
        assert_eq!(other.failed(ip(GUESSER), at(0)), Duration::from_secs(4));
        assert_eq!(other.attempt(ip(GUESSER), at(0)), Ok(Duration::ZERO), "it is not refused");
        // They are forgotten within an hour, however many there are.
        other.add_failures(ip(OWNER), u32::MAX, at(0));
        assert!(other.has_failed(ip(OWNER), at(3_599_000)) && !other.has_failed(ip(OWNER), at(3_600_000)));
        // What this server knows itself is more.
        let mut full = Throttle::with_capacity(1);
        full.failed(ip(OWNER), at(0));
        full.add_failures(ip(GUESSER), 1, at(0));
        assert!(full.has_failed(ip(OWNER), at(0)));
        assert_eq!(full.sources.len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::with_capacity(100);
        for number in 0..5_000_u32 {
            throttle.failed(IpAddr::V4(number.into()), at(number.into()));
            assert!(throttle.sources.len() <= 100);
        }
    }
}
