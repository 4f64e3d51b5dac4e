//! The places for connections, as many as the limits allow.

#[cfg(all(test, pop3_shuttle))]
mod models;
mod table;

use core::fmt;
use core::net::IpAddr;
use std::sync::{Arc, PoisonError};

use pop3_driver::Stop;

use crate::config::ConnectionLimits;
use crate::counters::Counters;
use crate::sync::{Mutex, MutexGuard};
use crate::users::UserName;
use table::Table;

/// The places for connections, and who has them.
///
/// A connection without a login gives up its place when there is none left, so that nobody is kept out by
/// silence: that of the source that holds the most of them, and of those the oldest. Who waits for the check of
/// a password and who has logged in keeps his place.
#[derive(Debug)]
pub(crate) struct Places {
    now: Mutex<Table>,
    counters: Counters,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Total,
    Address,
    User,
}

/// Whose limit a connection counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client at this address.
    Client(IpAddr),
    /// A proxy at this address, which has not said yet whom it speaks for. The limit of an address is not a
    /// proxy's.
    Proxy(IpAddr),
}

/// The place of a connection, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    id: u64,
}

/// The check of a login. While it goes on, the connection keeps its place.
#[derive(Debug)]
#[must_use = "dropped, the check is over"]
pub(crate) struct Check<'p>(&'p Place);

/// A session of a user that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct UserGuard {
    places: Arc<Places>,
    user: UserName,
}

impl UserGuard {
    /// Whose session it is.
    pub(crate) const fn user(&self) -> &UserName {
        &self.user
    }
}

impl Places {
    pub(crate) fn new(most: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(Table::new(most)), counters: Counters::default() })
    }

    /// Changes the limits. Places that are held count on. If there are more than the new total, those that have not
    /// logged in give up theirs.
    pub(crate) fn set_limits(&self, most: ConnectionLimits) {
        let surplus = self.now().set_limits(most);
        surplus.into_iter().for_each(|end| end.stop());
    }

    /// What is counted of the connections.
    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The most connections that have given up their place and are not closed yet. Each still has a descriptor.
    pub(crate) const fn most_leaving(total: u32) -> u32 {
        match total / 8 {
            ..4 => 4,
            some @ 4..64 => some,
            64.. => 64,
        }
    }

    /// Gives a place to a connection, if need be that of another. `end` is thrown when it has to give it up.
    pub(crate) fn admit(self: &Arc<Self>, from: Caller, end: &Stop) -> Result<Place, Refusal> {
        let (id, victim) = self.now().admit(from, end)?;
        let place = Place { places: Arc::clone(self), id };
        end_now(victim);
        Ok(place)
    }

    /// Counts a session of the user, if there may be one more.
    pub(crate) fn log_in(self: &Arc<Self>, user: &UserName) -> Result<UserGuard, Refusal> {
        self.now().log_in(user)?;
        Ok(UserGuard { places: Arc::clone(self), user: user.clone() })
    }

    /// How many connections there are, with those that have lost their place and are not closed yet.
    pub(crate) fn count(&self) -> usize {
        self.now().count()
    }

    /// How many users have a session.
    pub(crate) fn users(&self) -> usize {
        self.now().users()
    }

    fn now(&self) -> MutexGuard<'_, Table> {
        // Nothing in the table panics halfway.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Called without the lock, as whoever is woken may drop a place at once.
fn end_now(victim: Option<Stop>) {
    if let Some(end) = victim {
        end.stop();
    }
}

impl Place {
    /// Counts the connection for a client from now on, whom a proxy has named.
    pub(crate) fn speaks_for(&self, client: IpAddr) -> Result<(), Refusal> {
        let victim = self.places.now().speaks_for(self.id, client)?;
        end_now(victim);
        Ok(())
    }

    /// Begins the check of a login; `None` if the place is lost already, and nothing is to be checked any more.
    pub(crate) fn check(&self) -> Option<Check<'_>> {
        // Not `then_some`: dropping an unused check would take the lock.
        let has_place = self.places.now().begin_check(self.id);
        has_place.then(|| Check(self))
    }
}

impl Check<'_> {
    /// The login was good: the place is kept to the end.
    pub(crate) fn succeeded(self) {
        self.0.places.now().logged_in(self.0.id);
    }
}

impl Drop for Check<'_> {
    fn drop(&mut self) {
        self.0.places.now().end_check(self.0.id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.now().leave(self.id);
    }
}

impl Drop for UserGuard {
    fn drop(&mut self) {
        self.places.now().log_out(&self.user);
    }
}

impl fmt::Display for Refusal {
    /// What the client is told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "too many connections, try again later",
            Self::Address => "too many connections from your address, try again later",
            Self::User => "too many sessions of this user, try again later",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(total: u32, per_address: u32) -> Arc<Places> {
        Places::new(ConnectionLimits::new(total, per_address, 1))
    }

    fn client(last: u8) -> Caller {
        Caller::Client(IpAddr::from([192, 0, 2, last]))
    }

    /// A place, and the switch that shows whether it is lost.
    fn take(limits: &Arc<Places>, from: Caller) -> Result<(Place, Stop), Refusal> {
        let end = Stop::new();
        let place = limits.admit(from, &end);
        limits.now().assert_consistent();
        place.map(|place| (place, end))
    }

    fn lost(places: &[(Place, Stop)]) -> Vec<usize> {
        (0..places.len()).filter(|&index| places[index].1.is_stopped()).collect()
    }

    // SEC-03
    #[test]
    fn each_limit_holds_and_is_given_back() {
        let limits = limits(3, 2);
        let alice = UserName::parse(b"alice").unwrap();
        let places: Vec<_> = [1, 1, 2].map(|last| take(&limits, client(last)).unwrap()).into();
        for (place, _) in &places {
            place.check().unwrap().succeeded();
        }
        assert_eq!(take(&limits, client(1)).unwrap_err(), Refusal::Address);
        assert_eq!(take(&limits, client(2)).unwrap_err(), Refusal::Total);
        let session = limits.log_in(&alice).unwrap();
        assert_eq!(limits.log_in(&alice).unwrap_err(), Refusal::User);
        drop(session);
        let session = limits.log_in(&alice).unwrap();
        assert!(lost(&places).is_empty());
        drop((places, session));
        assert!(limits.now().is_empty(), "{limits:?}");
    }

    // SEC-03
    #[test]
    fn the_source_with_the_most_gives_up_its_oldest() {
        let limits = limits(10, 9);
        let places: Vec<_> = [1, 2, 2, 1, 1, 3, 2, 1, 2, 2].map(|s| take(&limits, client(s)).unwrap()).into();
        // 2 has five, of which the first was checked and the second is being checked.
        places[1].0.check().unwrap().succeeded();
        let check = places[2].0.check().unwrap();
        // 1 has four that wait, and 2 has three.
        let fourth = take(&limits, client(4)).unwrap();
        assert_eq!(lost(&places), [0]);
        assert!(places[0].0.check().is_none(), "it is not checked any more");
        // The check is over, and failed: now 2 has four.
        drop(check);
        let fifth = take(&limits, client(5)).unwrap();
        assert_eq!(lost(&places), [0, 2]);
        // Each has three: that with the oldest loses it.
        let sixth = take(&limits, client(6)).unwrap();
        assert_eq!(lost(&places), [0, 2, 3]);
        drop((places, fourth, fifth, sixth));
        assert!(limits.now().is_empty(), "{limits:?}");
    }

    // SEC-03
    #[test]
    fn who_holds_the_most_pays_with_its_own() {
        let limits = limits(4, 3);
        let mut places: Vec<_> = [1, 1, 2, 3].map(|last| take(&limits, client(last)).unwrap()).into();
        places.push(take(&limits, client(1)).unwrap());
        assert_eq!(lost(&places), [0]);
        // One connection for another of the same source is nothing won.
        let alone = self::limits(1, 1);
        let _first = take(&alone, client(1)).unwrap();
        assert_eq!(take(&alone, client(1)).unwrap_err(), Refusal::Address);
        // The limit of an address alone: a neighbour behind the same router gets in.
        let roomy = self::limits(100, 3);
        let mut places: Vec<_> = [1, 1, 1].map(|last| take(&roomy, client(last)).unwrap()).into();
        places.push(take(&roomy, client(1)).unwrap());
        assert_eq!(lost(&places), [0]);
        places[1].0.check().unwrap().succeeded();
        places[2].0.check().unwrap().succeeded();
        assert_eq!(take(&roomy, client(1)).unwrap_err(), Refusal::Address);
    }

    #[test]
    fn a_connection_counts_for_whom_a_proxy_names() {
        let limits = limits(6, 2);
        let proxy = Caller::Proxy(IpAddr::from([127, 0, 0, 1]));
        let mut places: Vec<_> = (0..6).map(|_| take(&limits, proxy).unwrap()).collect();
        let [a, b] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        places[0].0.speaks_for(a).unwrap();
        places[1].0.speaks_for(a).unwrap();
        places[2].0.speaks_for(b).unwrap();
        places[2].0.speaks_for(b).unwrap();
        assert!(lost(&places).is_empty());
        // The third of that client: its first has to go.
        places[3].0.speaks_for(a).unwrap();
        assert_eq!(lost(&places), [0]);
        places[1].0.check().unwrap().succeeded();
        assert_eq!(places[4].0.speaks_for(a), Err(Refusal::Address));
        // Who has lost the place is nobody's any more.
        places[0].0.speaks_for(b).unwrap();
        places.push(take(&limits, client(9)).unwrap());
        places.push(take(&limits, client(8)).unwrap());
        assert_eq!(lost(&places), [0, 4]);
        drop(places);
        assert!(limits.now().is_empty(), "{limits:?}");
    }

    #[test]
    fn new_limits_hold_for_those_who_come_and_take_nothing_from_those_who_are_in() {
        let limits = limits(6, 6);
        let places: Vec<_> = [1, 1, 1, 2, 2, 3].map(|last| take(&limits, client(last)).unwrap()).into();
        for place in &places[3..5] {
            place.0.check().unwrap().succeeded();
        }
        let alice = UserName::parse(b"alice").unwrap();
        let session = limits.log_in(&alice).unwrap();
        limits.set_limits(ConnectionLimits::new(3, 1, 2));
        // Two are logged in. Of the others, the source with the most has given up its oldest.
        assert_eq!(lost(&places), [0, 1, 2]);
        limits.now().assert_consistent();
        assert_eq!(take(&limits, client(2)).unwrap_err(), Refusal::Address);
        let second = limits.log_in(&alice).unwrap();
        assert_eq!(limits.log_in(&alice).unwrap_err(), Refusal::User);
        limits.set_limits(ConnectionLimits::new(1, 1, 1));
        // Who is logged in stays, beyond the limit.
        assert_eq!(lost(&places), [0, 1, 2, 5]);
        assert_eq!(limits.admit(client(4), &Stop::new()).unwrap_err(), Refusal::Total);
        drop(second);
        assert_eq!(limits.log_in(&alice).unwrap_err(), Refusal::User);
        limits.set_limits(ConnectionLimits::new(9, 9, 9));
        let more = take(&limits, client(2)).unwrap();
        drop((places, session, more));
        assert!(limits.now().is_empty(), "{limits:?}");
    }

    #[test]
    fn those_that_leave_are_few() {
        let limits = limits(32, 32);
        let mut places: Vec<_> = (0..36).map(|last| take(&limits, client(last)).unwrap()).collect();
        assert_eq!(lost(&places), [0, 1, 2, 3]);
        // They are not closed yet.
        assert_eq!(take(&limits, client(90)).unwrap_err(), Refusal::Total);
        drop(places.remove(1));
        places.push(take(&limits, client(91)).unwrap());
        drop(places);
        assert!(limits.now().is_empty(), "{limits:?}");
    }

    // SEC-03
    #[test]
    fn those_who_come_back_leave_room_for_others_to_come_in() {
        let limits = limits(8, 8);
        let mut places: Vec<_> = (0..8).map(|_| take(&limits, client(1)).unwrap()).collect();
        // None of those who leave is closed yet.
        for _ in 0..2 {
            places.push(take(&limits, client(1)).unwrap());
        }
        assert_eq!(take(&limits, client(1)).unwrap_err(), Refusal::Total);
        for last in 2..4 {
            places.push(take(&limits, client(last)).unwrap());
        }
        assert_eq!(take(&limits, client(4)).unwrap_err(), Refusal::Total);
        assert_eq!(lost(&places), [0, 1, 2, 3]);
        drop(places);
        assert!(limits.now().is_empty(), "{limits:?}");
    }
}
