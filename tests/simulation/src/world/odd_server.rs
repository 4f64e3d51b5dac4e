//! A server that departs from the protocol, in the place of the real one.

use core::time::Duration;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use pop3_driver::Transport as _;

use super::World;
use crate::mail::{Mail, Number};
use crate::network::Socket;
use crate::process::Alive;
use crate::{Chance, Group};

/// How a server departs from the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Oddity {
    /// The sizes in its listings are estimates.
    EstimatedSizes,
    /// At QUIT, it also removes what it has begun to send.
    RemovesRetrieved,
    /// Some sessions find an empty maildrop.
    SometimesEmpty,
    /// It refuses UIDL in some sessions.
    SometimesWithoutUidl,
    /// The unique-ids are others in each session.
    ChangingUids,
    /// All messages have the same unique-id.
    RepeatedUids,
    /// It sends a reply that nobody has asked for, once in a session.
    SurplusReplies,
    /// It does not stuff dots.
    UnstuffedDots,
    /// It closes the connection in the middle of a reply.
    CutReplies,
    /// It refuses some messages.
    RefusesMessages,
    /// It sends some messages twice.
    DoubledReplies,
    /// It sends only the beginning of some messages, and then the terminator.
    ShortMessages,
    /// It refuses QUIT, or does not answer it.
    BadQuit,
    /// It refuses DELE.
    RefusesDele,
    /// It knows no CAPA.
    WithoutCapa,
    /// It falls silent.
    Silence,
    /// It ends replies of one line with LF.
    BareLf,
}

impl Oddity {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::EstimatedSizes,
        Self::RemovesRetrieved,
        Self::SometimesEmpty,
        Self::SometimesWithoutUidl,
        Self::ChangingUids,
        Self::RepeatedUids,
        Self::SurplusReplies,
        Self::UnstuffedDots,
        Self::CutReplies,
        Self::RefusesMessages,
        Self::DoubledReplies,
        Self::ShortMessages,
        Self::BadQuit,
        Self::RefusesDele,
        Self::WithoutCapa,
        Self::Silence,
        Self::BareLf,
    ];

    /// Some of them.
    pub(super) fn some(chance: &Chance) -> BTreeSet<Self> {
        (0..1 + chance.below(4)).map(|_| *chance.pick(Self::ALL)).collect()
    }

    /// Whether a message may be fetched more than once, as nothing tells that it is the same.
    pub(super) const fn may_double(self) -> bool {
        matches!(self, Self::ChangingUids | Self::RepeatedUids | Self::UnstuffedDots | Self::ShortMessages)
    }

    /// Whether a message may not be what was delivered, and nobody could tell.
    pub(super) const fn may_alter(self) -> bool {
        matches!(self, Self::UnstuffedDots | Self::ShortMessages)
    }
}

/// The maildrop of a server that departs from the protocol.
#[derive(Debug, Default)]
pub(super) struct Maildrop {
    pub(super) messages: Vec<Mail>,
    sessions: u64,
}

/// Serves all connections to the port.
pub(super) async fn serve(world: Arc<World>) {
    let listener = world.network.listen(110);
    let alive = Alive::always();
    loop {
        let (socket, address) = listener.accept(&alive).await;
        if world.is_over() {
            return;
        }
        world.count(|totals| totals.odd_sessions += 1);
        let own = Arc::clone(&world);
        world.sim.spawn(Group::NONE, format!("odd session of {address}"), async move {
            let session = Session::new(&own, socket);
            match session.run().await {
                Ok(()) => own.sim.say(format_args!("server: {address} has left")),
                Err(error) => own.sim.say(format_args!("server: session of {address} ended: {error}")),
            }
        });
    }
}

struct Session {
    world: Arc<World>,
    socket: Socket,
    input: Vec<u8>,
    messages: Vec<Mail>,
    marked: BTreeSet<usize>,
    retrieved: BTreeSet<usize>,
    number: u64,
    has_sent_surplus: bool,
    oddities: BTreeSet<Oddity>,
}

impl Session {
    fn new(world: &Arc<World>, socket: Socket) -> Self {
        let mut maildrop = world.odd_maildrop();
        maildrop.sessions += 1;
        let oddities = if world.is_calm() { world.plan.calm_oddities() } else { world.plan.oddities.clone() };
        Self {
            world: Arc::clone(world),
            socket,
            input: Vec::new(),
            messages: maildrop.messages.clone(),
            marked: BTreeSet::new(),
            retrieved: BTreeSet::new(),
            number: maildrop.sessions,
            has_sent_surplus: false,
            oddities,
        }
    }

    /// Whether it departs from the protocol in this way now.
    fn is(&self, oddity: Oddity, per_mille: usize) -> bool {
        self.oddities.contains(&oddity) && self.world.sim.chance().per_mille(per_mille)
    }

    async fn run(mut self) -> io::Result<()> {
        if self.is(Oddity::SometimesEmpty, 400) {
            self.messages.clear();
        }
        self.send(b"+OK hello\r\n").await?;
        loop {
            let line = self.line().await?;
            let mut words = line.split(' ');
            let command = words.next().unwrap_or_default().to_uppercase();
            let index =
                words.next().and_then(|word| word.parse::<usize>().ok()).and_then(|n| n.checked_sub(1));
            if self.is(Oddity::Silence, 30) {
                self.world.sim.sleep(Duration::from_secs(2_000)).await;
            }
            // With one before the same message each time, nothing could tell that its first line is none.
            if !self.has_sent_surplus && self.is(Oddity::SurplusReplies, 40) {
                self.has_sent_surplus = true;
                self.send(b"+OK what else\r\n").await?;
            }
            match (&*command, index.filter(|&index| index < self.messages.len())) {
                ("CAPA", _) if !self.oddities.contains(&Oddity::WithoutCapa) => {
                    self.send(b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n").await?;
                }
                ("USER" | "PASS" | "NOOP", _) => self.send(b"+OK\r\n").await?,
                ("RSET", _) => {
                    self.marked.clear();
                    self.send(b"+OK\r\n").await?;
                }
                ("STAT", _) => {
                    let left = (0..self.messages.len()).filter(|index| !self.marked.contains(index));
                    let sizes: Vec<usize> = left.map(|index| self.size(index)).collect();
                    let reply = format!("+OK {} {}\r\n", sizes.len(), sizes.iter().sum::<usize>());
                    self.send(reply.as_bytes()).await?;
                }
                ("LIST", Some(index)) => {
                    let reply = format!("+OK {} {}\r\n", index + 1, self.size(index));
                    self.send(reply.as_bytes()).await?;
                }
                ("UIDL", Some(index)) => {
                    let reply = format!("+OK {} {}\r\n", index + 1, self.uid(index));
                    self.send(reply.as_bytes()).await?;
                }
                ("LIST", None) => self.send_list(Self::size).await?,
                ("UIDL", None) if self.is(Oddity::SometimesWithoutUidl, 400) => {
                    self.send(b"-ERR no\r\n").await?;
                }
                ("UIDL", None) => self.send_list(Self::uid).await?,
                ("RETR", Some(index)) if !self.marked.contains(&index) => self.retrieve(index).await?,
                ("DELE", Some(index)) if !self.is(Oddity::RefusesDele, 500) && self.marked.insert(index) => {
                    self.send(b"+OK\r\n").await?;
                }
                ("QUIT", _) => return self.quit().await,
                _ => self.send(b"-ERR no\r\n").await?,
            }
        }
    }

    fn size(&self, index: usize) -> usize {
        let octets = self.messages[index].on_the_wire().len();
        if self.oddities.contains(&Oddity::EstimatedSizes) { octets * 9 / 10 + 7 } else { octets }
    }

    fn uid(&self, index: usize) -> String {
        let number = self.messages[index].number;
        if self.oddities.contains(&Oddity::RepeatedUids) {
            "same".to_owned()
        } else if self.oddities.contains(&Oddity::ChangingUids) {
            format!("{}.{number}", self.number)
        } else {
            format!("uid{number}")
        }
    }

    async fn send_list<V: core::fmt::Display>(
        &mut self,
        value: impl Fn(&Self, usize) -> V,
    ) -> io::Result<()> {
        let mut reply = "+OK\r\n".to_owned();
        for index in (0..self.messages.len()).filter(|index| !self.marked.contains(index)) {
            reply += &format!("{} {}\r\n", index + 1, value(self, index));
        }
        self.send((reply + ".\r\n").as_bytes()).await
    }

    async fn retrieve(&mut self, index: usize) -> io::Result<()> {
        if self.is(Oddity::RefusesMessages, 200) {
            return self.send(b"-ERR not now\r\n").await;
        }
        self.retrieved.insert(index);
        let mut octets = self.messages[index].on_the_wire();
        if self.is(Oddity::ShortMessages, 200) {
            let end = octets.iter().rposition(|&octet| octet == b'\r').unwrap_or(0);
            octets.truncate(end);
            octets.extend_from_slice(b"\r\n");
            let half =
                octets[..octets.len() / 2].iter().rposition(|&octet| octet == b'\n').map_or(0, |at| at + 1);
            octets.truncate(half);
        }
        let stuffed = self.oddities.contains(&Oddity::UnstuffedDots);
        let mut reply = b"+OK\r\n".to_vec();
        for line in octets.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(b".") && !stuffed {
                reply.push(b'.');
            }
            reply.extend_from_slice(line);
        }
        reply.extend_from_slice(b".\r\n");
        if self.is(Oddity::CutReplies, 150) {
            reply.truncate(self.world.sim.chance().below(reply.len()));
            self.send(&reply).await?;
            return Err(io::Error::other("cut on purpose"));
        }
        if self.is(Oddity::DoubledReplies, 100) {
            self.send(&reply.clone()).await?;
        }
        self.send(&reply).await
    }

    async fn quit(mut self) -> io::Result<()> {
        let mut gone = self.marked.clone();
        if self.oddities.contains(&Oddity::RemovesRetrieved) {
            gone.extend(&self.retrieved);
        }
        let refuses = self.is(Oddity::BadQuit, 300);
        if !refuses {
            let numbers: BTreeSet<Number> = gone.iter().map(|&index| self.messages[index].number).collect();
            self.world.odd_removal(&numbers);
        }
        if self.is(Oddity::BadQuit, 300) {
            return Err(io::Error::other("no answer to QUIT on purpose"));
        }
        self.send(if refuses { b"-ERR some messages were not removed\r\n" } else { b"+OK\r\n" }).await?;
        let deadline = self.socket.now().after(Duration::from_secs(2));
        self.socket.close(deadline).await;
        Ok(())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.input.iter().position(|&octet| octet == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let deadline = self.socket.now().after(Duration::from_secs(600));
            let mut buffer = [0; 1024];
            match self.socket.read(&mut buffer, deadline).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.input.extend_from_slice(&buffer[..count]),
            }
        }
    }

    async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let is_one_line =
            octets.iter().position(|&octet| octet == b'\n').map(|at| at + 1) == Some(octets.len());
        let mut octets = octets.to_vec();
        if is_one_line && self.oddities.contains(&Oddity::BareLf) {
            octets.retain(|&octet| octet != b'\r');
        }
        let mut rest = &*octets;
        while !rest.is_empty() {
            let deadline = self.socket.now().after(Duration::from_secs(600));
            let count = self.socket.write(rest, deadline).await?;
            rest = &rest[count..];
        }
        Ok(())
    }
}
