//! A server that departs from the protocol, in the place of the real one.

mod login;
mod oddity;
mod wording;

pub use oddity::Oddity;

use core::time::Duration;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use pop3_driver::Transport as _;
use pop3_proto::Quirk;

use super::World;
use crate::Group;
use crate::mail::{Mail, Number};
use crate::network::Socket;
use crate::process::Alive;

/// The maildrop of a server that departs from the protocol.
#[derive(Debug, Default)]
pub(super) struct Maildrop {
    pub(super) messages: Vec<Mail>,
    sessions: u64,
}

/// Serves all connections to the port.
pub(super) async fn serve(world: Arc<World>) {
    let listener = world.network.listen(world.plan.port());
    let alive = Alive::always();
    loop {
        let (socket, address) = listener.accept(&alive).await;
        if world.is_over() {
            return;
        }
        world.count(|totals| totals.odd_sessions += 1);
        let own = Arc::clone(&world);
        world.sim.spawn(Group::NONE, format!("odd session of {address}"), async move {
            match session(&own, socket).await {
                Ok(()) => own.sim.say(format_args!("server: {address} has left")),
                Err(error) => own.sim.say(format_args!("server: session of {address} ended: {error}")),
            }
        });
    }
}

async fn session(world: &Arc<World>, socket: Socket) -> io::Result<()> {
    let deadline = socket.now().after(Duration::from_secs(60));
    let socket = if world.plan.tls { socket.secure(deadline).await? } else { socket };
    Session::new(world, socket).run().await
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
    is_logged_in: bool,
    /// The reply before this one was a message.
    message_before: bool,
    oddities: Vec<Oddity>,
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
            is_logged_in: false,
            message_before: false,
            oddities,
        }
    }

    /// Whether it departs from the protocol in this way now.
    fn is(&self, oddity: Oddity, per_mille: usize) -> bool {
        self.oddities.contains(&oddity) && self.world.sim.chance().per_mille(per_mille)
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.oddities.contains(&Oddity::Quirk(quirk))
    }

    async fn run(mut self) -> io::Result<()> {
        if self.is(Oddity::SometimesEmpty, 400) {
            self.messages.clear();
        }
        if self.has(Quirk::EmptyLineBeforeGreeting) {
            self.send(&b"\r\n".repeat(1 + self.world.sim.chance().below(4))).await?;
        }
        self.say("+OK hello").await?;
        loop {
            let line = self.line().await?;
            let words: Vec<&str> = line.split(' ').collect();
            let command = words[0].to_uppercase();
            if command == "QUIT" {
                return self.quit().await;
            }
            if self.is(Oddity::Silence, 30) {
                self.world.sim.sleep(Duration::from_secs(2_000)).await;
            }
            // With one before the same message each time, nothing could tell that its first line is none.
            if !self.has_sent_surplus && self.is(Oddity::SurplusReplies, 40) {
                self.has_sent_surplus = true;
                self.say("+OK what else").await?;
            }
            self.answer(&command, &words[1..]).await?;
            self.message_before = matches!(&*command, "RETR" | "TOP");
        }
    }

    async fn answer(&mut self, command: &str, words: &[&str]) -> io::Result<()> {
        let number = words.first().and_then(|word| word.parse::<usize>().ok());
        let index =
            number.and_then(|number| number.checked_sub(1)).filter(|&index| index < self.messages.len());
        match (command, index) {
            ("CAPA", _) if !self.has(Quirk::NoCapabilities) => self.say_list(self.capabilities()).await,
            ("AUTH", _) => self.auth(words.first().copied().unwrap_or_default(), words.get(1).copied()).await,
            ("PASS", _) => {
                self.say("+OK").await?;
                self.is_logged_in = true;
                Ok(())
            }
            ("USER" | "NOOP" | "LANG", _) => self.say("+OK").await,
            ("RSET", _) => {
                self.marked.clear();
                self.say("+OK").await
            }
            ("STAT", _) => self.say(&self.stat()).await,
            ("LIST", Some(index)) => {
                let words = self.words(&[(index + 1).to_string(), self.size(index).to_string()]);
                self.say(&format!("+OK {words}")).await
            }
            ("UIDL", Some(index)) => {
                let words = self.words(&[(index + 1).to_string(), self.uid(index)]);
                let words = if self.has(Quirk::MissingNumber) { self.uid(index) } else { words };
                self.say(&format!("+OK {words}")).await
            }
            ("LIST", None) => {
                let lines = self.listed(|session, index| session.size(index).to_string(), false);
                self.say_list(lines).await
            }
            ("UIDL", None) if self.is(Oddity::SometimesWithoutUidl, 400) => self.say("-ERR no").await,
            ("UIDL", None) => self.say_list(self.listed(Self::uid, true)).await,
            ("RETR", Some(index)) if !self.marked.contains(&index) => self.retrieve(index).await,
            ("DELE", Some(index)) if !self.is(Oddity::RefusesDele, 500) && self.marked.insert(index) => {
                self.say("+OK").await
            }
            _ => self.say("-ERR no").await,
        }
    }

    async fn retrieve(&mut self, index: usize) -> io::Result<()> {
        if self.is(Oddity::RefusesMessages, 200) {
            return self.say("-ERR not now").await;
        }
        self.retrieved.insert(index);
        let mut reply = b"+OK\r\n".to_vec();
        reply.extend(self.message(index));
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
        if refuses {
            self.say("-ERR some messages were not removed").await?;
        } else if self.has(Quirk::UnendedLine) {
            self.send(b"+OK").await?;
        } else {
            self.say("+OK").await?;
        }
        let deadline = self.socket.now().after(Duration::from_secs(2));
        self.socket.close(deadline).await;
        Ok(())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.input.iter().position(|&octet| octet == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            let deadline = self.socket.now().after(Duration::from_secs(600));
            let mut buffer = [0; 1024];
            match self.socket.read(&mut buffer, deadline).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.input.extend_from_slice(&buffer[..count]),
            }
        }
    }
}
