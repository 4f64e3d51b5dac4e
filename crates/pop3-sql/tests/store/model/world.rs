//! The reference: what the store is, in the simplest form.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::Step;

/// The maildrops.
pub(super) const USERS: usize = 2;

/// The hours between two logins, where a session asks for a delay. No sum of the times that pass is equal to any of the
/// store's limits, because a few milliseconds pass in addition.
pub(super) const DELAY: u64 = 6;

const DAY: u64 = 24;
const WEEK: u64 = 7 * DAY;

/// What the store says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Done,
    /// The letter, and whether it was stored now.
    Delivered(u32, bool),
    OverQuota,
    Imported(Vec<bool>),
    Opened(Vec<u32>),
    Locked,
    TooSoon,
    Content(u32),
    NoMessage,
    Committed {
        removed: u64,
        expired: u64,
    },
    LockLost,
}

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) number: u32,
    size: u64,
    /// When it was noted as read.
    read: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Maildrop {
    pub(super) letters: Vec<Letter>,
    pub(super) owner: Option<usize>,
    pub(super) token: u64,
    last_login: Option<u64>,
    messages: Option<u64>,
    octets: Option<u64>,
    /// Of each key the letter, and when it came.
    keys: BTreeMap<u8, (u32, u64)>,
    imported: BTreeSet<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) node: usize,
    pub(super) user: usize,
    token: u64,
    expire: Option<u32>,
    pub(super) snapshot: Vec<u32>,
    pub(super) marked: BTreeSet<usize>,
    pub(super) retrieved: BTreeSet<usize>,
}

/// All maildrops, nodes and sessions.
#[derive(Clone, Debug)]
pub(super) struct World {
    now: u64,
    pub(super) maildrops: Vec<Maildrop>,
    /// Those that live, and whether they are silent.
    pub(super) nodes: BTreeMap<usize, bool>,
    /// Those that are not over, also of nodes that are.
    pub(super) sessions: BTreeMap<usize, Session>,
    next_node: usize,
    next_session: usize,
    next_letter: u32,
    /// What the last step ended.
    pub(super) ended: Option<Session>,
    /// What the store has to say to the last step.
    pub(super) reply: Reply,
}

/// The text of a message that was delivered.
pub(super) fn text(letter: u32, long: bool) -> Vec<u8> {
    let mut text = format!("Subject: {letter}\n\n{letter}\n");
    if long {
        // More than one chunk.
        text.extend((0..7_000).map(|line| format!("{letter} {line} {}\n", "x".repeat(30))));
    }
    text.into_bytes()
}

/// Its size on the wire, where lines end with CRLF.
pub(super) fn size(text: &[u8]) -> u64 {
    text.iter().map(|&octet| if octet == b'\n' { 2 } else { 1 }).sum()
}

/// The number of a letter that is imported.
pub(super) const fn imported(id: u8) -> u32 {
    1_000_000 + id as u32
}

impl World {
    /// Two nodes and empty maildrops.
    pub(super) fn new() -> Self {
        Self {
            now: 1_000_000,
            maildrops: vec![Maildrop::default(); USERS],
            nodes: BTreeMap::from([(0, false), (1, false)]),
            sessions: BTreeMap::new(),
            next_node: 2,
            next_session: 0,
            next_letter: 0,
            ended: None,
            reply: Reply::Done,
        }
    }

    /// Does it, and notes the reply.
    pub(super) fn apply(&mut self, step: &Step) {
        self.ended = None;
        self.reply = Reply::Done;
        let reply = match step {
            Step::Deliver { user, key, long } => self.deliver(*user, *key, *long),
            Step::Import { user, ids, seen } => self.import(*user, ids, *seen),
            Step::Open { node, user, delay, expire } => self.open(*node, *user, *delay, *expire),
            Step::Retr { session, place } => self.retr(*session, *place),
            Step::Commit { session } => self.commit(*session),
            Step::Quota { .. }
            | Step::Mark { .. }
            | Step::Reset { .. }
            | Step::Drop { .. }
            | Step::Join
            | Step::Kill { .. }
            | Step::Leave { .. }
            | Step::Silence { .. }
            | Step::Wake { .. }
            | Step::Pass(_) => {
                self.change(step);
                Reply::Done
            }
        };
        self.reply = reply;
    }

    /// The last letter that was delivered.
    pub(super) const fn last_letter(&self) -> u32 {
        self.next_letter - 1
    }

    pub(super) const fn last_session(&self) -> usize {
        self.next_session - 1
    }

    pub(super) const fn last_node(&self) -> usize {
        self.next_node - 1
    }

    /// What a session sees, and another one has removed.
    pub(super) fn gone(&self) -> Vec<(usize, usize)> {
        let of_session = |(&at, session): (&usize, &Session)| {
            let letters = &self.maildrops[session.user].letters;
            let is_gone =
                |&place: &usize| letters.iter().all(|letter| letter.number != session.snapshot[place]);
            (0..session.snapshot.len()).filter(is_gone).map(|place| (at, place)).collect::<Vec<_>>()
        };
        self.sessions.iter().flat_map(of_session).collect()
    }

    fn deliver(&mut self, user: usize, key: Option<u8>, long: bool) -> Reply {
        let number = self.next_letter;
        self.next_letter += 1;
        let maildrop = &mut self.maildrops[user];
        let known = key.and_then(|key| maildrop.keys.get(&key)).filter(|(_, at)| self.now - at < WEEK);
        if let Some((first, _)) = known {
            return Reply::Delivered(*first, false);
        }
        let size = size(&text(number, long));
        let used: u64 = maildrop.letters.iter().map(|letter| letter.size).sum();
        let over = |limit: Option<u64>, used: u64| limit.is_some_and(|limit| used > limit);
        if over(maildrop.messages, maildrop.letters.len() as u64 + 1) || over(maildrop.octets, used + size) {
            return Reply::OverQuota;
        }
        maildrop.letters.push(Letter { number, size, read: None });
        if let Some(key) = key {
            maildrop.keys.insert(key, (number, self.now));
        }
        Reply::Delivered(number, true)
    }

    fn import(&mut self, user: usize, ids: &[u8], seen: bool) -> Reply {
        let maildrop = &mut self.maildrops[user];
        let import = |&id: &u8| {
            let new = maildrop.imported.insert(id);
            if new {
                let size = size(&text(imported(id), false));
                let read = seen.then_some(self.now);
                maildrop.letters.push(Letter { number: imported(id), size, read });
            }
            new
        };
        Reply::Imported(ids.iter().map(import).collect())
    }

    fn open(&mut self, node: usize, user: usize, delay: bool, expire: Option<u32>) -> Reply {
        let maildrop = &mut self.maildrops[user];
        let has_session = |session: &Session| session.node == node && session.user == user;
        let alive = |owner: usize| owner != node && self.nodes.get(&owner) == Some(&false);
        if self.sessions.values().any(has_session) || maildrop.owner.is_some_and(alive) {
            return Reply::Locked;
        }
        if delay && maildrop.last_login.is_some_and(|at| self.now - at < DELAY) {
            return Reply::TooSoon;
        }
        maildrop.owner = Some(node);
        maildrop.token += 1;
        maildrop.last_login = Some(self.now);
        let snapshot: Vec<u32> = maildrop.letters.iter().map(|letter| letter.number).collect();
        let session = Session {
            node,
            user,
            token: maildrop.token,
            expire,
            snapshot: snapshot.clone(),
            marked: BTreeSet::new(),
            retrieved: BTreeSet::new(),
        };
        self.sessions.insert(self.next_session, session);
        self.next_session += 1;
        Reply::Opened(snapshot)
    }

    fn retr(&mut self, session: usize, place: usize) -> Reply {
        let Some(session) = self.sessions.get_mut(&session) else { return Reply::NoMessage };
        let number = session.snapshot[place];
        // A session whose maildrop was taken over may read on.
        if self.maildrops[session.user].letters.iter().all(|letter| letter.number != number) {
            return Reply::NoMessage;
        }
        session.retrieved.insert(place);
        Reply::Content(number)
    }

    fn commit(&mut self, session: usize) -> Reply {
        let Some(session) = self.sessions.remove(&session) else { return Reply::Done };
        self.ended = Some(session.clone());
        let numbers = |places: &BTreeSet<usize>| -> Vec<u32> {
            places.iter().map(|&place| session.snapshot[place]).collect()
        };
        let (marked, retrieved) = (numbers(&session.marked), numbers(&session.retrieved));
        let is_owner = self.release(&session);
        // Who has asked for nothing is told of no failure.
        if marked.is_empty() && (session.expire.is_none() || !is_owner) {
            return Reply::Committed { removed: 0, expired: 0 };
        }
        if !is_owner {
            return Reply::LockLost;
        }
        let letters = &mut self.maildrops[session.user].letters;
        let before = letters.len();
        letters.retain(|letter| !marked.contains(&letter.number));
        let kept = letters.len();
        match session.expire {
            None => {}
            Some(0) => letters.retain(|letter| !retrieved.contains(&letter.number)),
            Some(days) => {
                let old =
                    |letter: &Letter| letter.read.is_some_and(|at| self.now - at > u64::from(days) * DAY);
                letters.retain(|letter| !old(letter));
                for letter in letters.iter_mut().filter(|letter| retrieved.contains(&letter.number)) {
                    letter.read.get_or_insert(self.now);
                }
            }
        }
        let after = letters.len();
        Reply::Committed { removed: (before - kept) as u64, expired: (kept - after) as u64 }
    }

    /// Gives the lock back, and returns whether the session had it.
    fn release(&mut self, session: &Session) -> bool {
        let maildrop = &mut self.maildrops[session.user];
        let is_owner = (maildrop.owner, maildrop.token) == (Some(session.node), session.token);
        if is_owner {
            maildrop.owner = None;
        }
        is_owner
    }
}

impl World {
    /// What has no reply.
    fn change(&mut self, step: &Step) {
        match step {
            Step::Quota { user, messages, octets } => {
                let maildrop = &mut self.maildrops[*user];
                (maildrop.messages, maildrop.octets) = (*messages, *octets);
            }
            Step::Mark { session, place } => {
                self.sessions.get_mut(session).map(|session| session.marked.insert(*place));
            }
            Step::Reset { session } => {
                self.sessions.get_mut(session).into_iter().for_each(|session| session.marked.clear());
            }
            Step::Drop { session } => {
                self.ended = self.sessions.remove(session);
                if let Some(session) = self.ended.clone() {
                    self.release(&session);
                }
            }
            Step::Join => {
                self.nodes.insert(self.next_node, false);
                self.next_node += 1;
            }
            Step::Kill { node } => drop(self.nodes.remove(node)),
            Step::Leave { node } => {
                self.nodes.remove(node);
                let own = self.maildrops.iter_mut().filter(|maildrop| maildrop.owner == Some(*node));
                own.for_each(|maildrop| maildrop.owner = None);
            }
            Step::Silence { node } => drop(self.nodes.insert(*node, true)),
            Step::Wake { node } => drop(self.nodes.insert(*node, false)),
            Step::Pass(hours) => self.now += hours,
            Step::Deliver { .. }
            | Step::Import { .. }
            | Step::Open { .. }
            | Step::Retr { .. }
            | Step::Commit { .. } => unreachable!("it has a reply"),
        }
    }
}
