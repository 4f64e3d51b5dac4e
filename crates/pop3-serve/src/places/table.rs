//! The connections that have a place, by source and by age.

use core::cmp::Reverse;
use core::net::IpAddr;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use pop3_driver::Stop;

use super::{Caller, Places, Refusal};
use crate::config::ConnectionLimits;
use crate::source::Source;
use crate::users::UserName;

/// Who has a place. Whoever calls has the lock.
#[derive(Debug, Default)]
pub(super) struct Table {
    most: ConnectionLimits,
    /// The number of the next connection: an older one has a lower one.
    next: u64,
    /// Connections that have a place.
    present: u32,
    /// Connections that have lost theirs, and are not closed yet.
    leaving: u32,
    connections: HashMap<u64, Connection>,
    sources: HashMap<Source, Held>,
    /// The sources that have connections without a login. That with the most of them stands last, and among
    /// equals that with the oldest.
    ranks: BTreeSet<(usize, Reverse<u64>, Source)>,
    users: HashMap<UserName, u32>,
}

#[derive(Debug)]
struct Connection {
    source: Source,
    state: State,
    end: Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has logged in, and it is for the client to go on.
    Waiting,
    Checking,
    LoggedIn,
    /// The place is another's.
    Lost,
}

/// What a source has.
#[derive(Debug, Default)]
struct Held {
    places: u32,
    /// The connections without a login, by age.
    waiting: BTreeSet<u64>,
}

/// The switch of a connection that has lost its place.
type Victim = Option<Stop>;

impl Table {
    pub(super) fn new(most: ConnectionLimits) -> Self {
        Self { most, ..Self::default() }
    }

    /// Changes the limits. Returns the switches of those that lose their places.
    pub(super) fn set_limits(&mut self, most: ConnectionLimits) -> Vec<Stop> {
        self.most = most;
        let mut surplus = Vec::new();
        while self.present > most.total {
            let Some(&(_, Reverse(oldest), _)) = self.ranks.last() else { break };
            surplus.extend(self.lose(oldest));
        }
        surplus
    }

    pub(super) fn admit(&mut self, from: Caller, end: &Stop) -> Result<(u64, Victim), Refusal> {
        let (source, limited) = match from {
            Caller::Client(address) => (Source::from(address), true),
            Caller::Proxy(address) => (Source::from(address), false),
        };
        let victim = if limited && self.places_of(source) >= self.most.per_address {
            Some(self.own_oldest(source).ok_or(Refusal::Address)?)
        } else if self.present >= self.most.total {
            Some(self.oldest_of_the_most(source).ok_or(Refusal::Total)?)
        } else {
            None
        };
        let victim = self.take_from(victim, source)?;
        let id = self.next;
        self.next += 1;
        self.present += 1;
        self.connections.insert(id, Connection { source, state: State::Waiting, end: end.clone() });
        self.enter(source, id, true);
        Ok((id, victim))
    }

    /// Moves a connection to the source of a client.
    pub(super) fn speaks_for(&mut self, id: u64, client: IpAddr) -> Result<Victim, Refusal> {
        let source = Source::from(client);
        let Some(connection) = self.connections.get(&id) else { return Ok(None) };
        let (before, waiting) = (connection.source, connection.state == State::Waiting);
        if before == source || connection.state == State::Lost {
            return Ok(None);
        }
        let victim = if self.places_of(source) >= self.most.per_address {
            Some(self.own_oldest(source).ok_or(Refusal::Address)?)
        } else {
            None
        };
        let victim = self.take_from(victim, source)?;
        self.exit(before, id);
        self.enter(source, id, waiting);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.source = source;
        }
        Ok(victim)
    }

    /// How many connections there are.
    pub(super) fn count(&self) -> usize {
        self.connections.len()
    }

    /// How many users have a session.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    /// Returns whether the connection still has its place.
    pub(super) fn begin_check(&mut self, id: u64) -> bool {
        self.change(id, State::Checking)
    }

    pub(super) fn logged_in(&mut self, id: u64) {
        self.change(id, State::LoggedIn);
    }

    /// Only if nobody has logged in by it.
    pub(super) fn end_check(&mut self, id: u64) {
        if self.connections.get(&id).is_some_and(|connection| connection.state == State::Checking) {
            self.change(id, State::Waiting);
        }
    }

    /// The connection is closed.
    pub(super) fn leave(&mut self, id: u64) {
        let Some(connection) = self.connections.remove(&id) else { return };
        if connection.state == State::Lost {
            self.leaving -= 1;
        } else {
            self.present -= 1;
            self.exit(connection.source, id);
        }
    }

    pub(super) fn log_in(&mut self, user: &UserName) -> Result<(), Refusal> {
        let count = self.users.get(user).copied().unwrap_or_default();
        if count >= self.most.per_user {
            return Err(Refusal::User);
        }
        self.users.insert(user.clone(), count + 1);
        Ok(())
    }

    /// A count of zero is not kept, so that the map does not grow.
    pub(super) fn log_out(&mut self, user: &UserName) {
        if let Entry::Occupied(mut count) = self.users.entry(user.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.present == 0
            && self.leaving == 0
            && self.connections.is_empty()
            && self.sources.is_empty()
            && self.ranks.is_empty()
            && self.users.is_empty()
    }

    /// Compares the counts with the connections, and with the limits. Call it when nothing has been beyond the limits
    /// since they were lowered.
    #[cfg(test)]
    pub(super) fn assert_consistent(&self) {
        let most = &self.most;
        let (lost, present): (Vec<_>, Vec<_>) =
            self.connections.iter().partition(|(_, connection)| connection.state == State::Lost);
        assert_eq!((self.leaving as usize, self.present as usize), (lost.len(), present.len()), "{self:?}");
        let of = |source: Source| present.iter().filter(move |(_, connection)| connection.source == source);
        for (&source, held) in &self.sources {
            let waiting = of(source).filter(|(_, connection)| connection.state == State::Waiting);
            assert_eq!(held.waiting, waiting.map(|(id, _)| **id).collect(), "{self:?}");
            assert!(held.places > 0 && held.places as usize == of(source).count(), "{self:?}");
        }
        assert!(
            present.iter().all(|(_, connection)| self.sources.contains_key(&connection.source)),
            "{self:?}"
        );
        let ranks = self.sources.iter().filter_map(|(&source, held)| held.rank(source)).collect();
        assert_eq!(self.ranks, ranks, "{self:?}");
        assert!(self.present <= most.total && self.leaving <= Places::most_leaving(most.total), "{self:?}");
        assert!(self.users.values().all(|&count| (1..=most.per_user).contains(&count)), "{self:?}");
    }

    /// The oldest connection without a login of the source that has the most of them, this one counted with the
    /// newcomer that it has sent. `None` when it is the newcomer who has to stay out.
    fn oldest_of_the_most(&self, newcomer: Source) -> Option<u64> {
        let &(most, Reverse(oldest), _) = self.ranks.last()?;
        let own = self.sources.get(&newcomer).map_or(0, |held| held.waiting.len());
        if own + 1 > most { self.own_oldest(newcomer) } else { Some(oldest) }
    }

    /// The oldest connection without a login of this source, if it has several: one connection given up for
    /// another of the same source would be nothing won. Where many share an address, those who log in get in
    /// even if a neighbour holds all places of the address and is silent.
    fn own_oldest(&self, source: Source) -> Option<u64> {
        let waiting = &self.sources.get(&source)?.waiting;
        waiting.first().copied().filter(|_| waiting.len() > 1)
    }

    fn places_of(&self, source: Source) -> u32 {
        self.sources.get(&source).map_or(0, |held| held.places)
    }

    /// Takes its place from a connection, unless too many are on their way out: each of them still has its
    /// descriptor. Half of that room is left to newcomers whose source has nothing else without a login: those
    /// who come back as fast as they lose their places would fill it.
    fn take_from(&mut self, victim: Option<u64>, newcomer: Source) -> Result<Victim, Refusal> {
        let Some(id) = victim else { return Ok(None) };
        let room = Places::most_leaving(self.most.total);
        let is_first = self.sources.get(&newcomer).is_none_or(|held| held.waiting.is_empty());
        if self.leaving >= if is_first { room } else { room / 2 } {
            return Err(Refusal::Total);
        }
        Ok(self.lose(id))
    }

    /// The connection loses its place.
    fn lose(&mut self, id: u64) -> Victim {
        let connection = self.connections.get_mut(&id)?;
        connection.state = State::Lost;
        let (source, end) = (connection.source, connection.end.clone());
        self.present -= 1;
        self.leaving += 1;
        self.exit(source, id);
        Some(end)
    }

    /// Returns whether the connection still has its place.
    fn change(&mut self, id: u64, state: State) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        if connection.state == State::Lost {
            return false;
        }
        connection.state = state;
        let source = connection.source;
        self.set_waiting(source, id, state == State::Waiting);
        true
    }

    fn enter(&mut self, source: Source, id: u64, waiting: bool) {
        self.sources.entry(source).or_default().places += 1;
        self.set_waiting(source, id, waiting);
    }

    /// A source that has nothing is not kept.
    fn exit(&mut self, source: Source, id: u64) {
        self.set_waiting(source, id, false);
        if let Entry::Occupied(mut held) = self.sources.entry(source) {
            held.get_mut().places -= 1;
            if held.get().places == 0 {
                held.remove();
            }
        }
    }

    fn set_waiting(&mut self, source: Source, id: u64, waiting: bool) {
        let Some(held) = self.sources.get_mut(&source) else { return };
        if let Some(rank) = held.rank(source) {
            self.ranks.remove(&rank);
        }
        if waiting {
            held.waiting.insert(id);
        } else {
            held.waiting.remove(&id);
        }
        self.ranks.extend(held.rank(source));
    }
}

impl Held {
    fn rank(&self, source: Source) -> Option<(usize, Reverse<u64>, Source)> {
        self.waiting.first().map(|&oldest| (self.waiting.len(), Reverse(oldest), source))
    }
}
