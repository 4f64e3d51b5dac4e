//! Clients that mean harm.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use pop3_driver::Transport as _;

use super::World;
use super::plan::{GUESSED, password};
use crate::Chance;
use crate::network::Socket;
use crate::process::Alive;

/// What a hostile client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// Says nothing.
    Silence,
    /// Sends a line without an end.
    EndlessLine,
    /// Sends the beginning of a command, an octet at a time.
    HalfCommand,
    /// Sends commands, and reads no reply.
    Flood,
    /// Guesses passwords.
    Guesses,
    /// Sends anything.
    Noise,
    /// Begins TLS, and sends anything then.
    BrokenTls,
    /// Sends its last commands and closes its side.
    HalfClosed,
}

impl Attack {
    const ALL: &[Self] = &[
        Self::Silence,
        Self::EndlessLine,
        Self::HalfCommand,
        Self::Flood,
        Self::Guesses,
        Self::Noise,
        Self::BrokenTls,
        Self::HalfClosed,
    ];
}

/// How long a session may last that never logs in, whatever its client does: the time for the login, and some more for
/// the last reply and the end.
const LONGEST: Duration = Duration::from_secs(60 + 30);

impl World {
    /// Attacks the server until the chaos is over.
    pub(super) async fn attack(self: &Arc<Self>) {
        while self.plan.hostile && self.sim.clock().elapsed() < self.plan.chaos {
            let chance = self.sim.chance();
            let most = self.plan.chaos.as_millis() as usize / 15;
            self.sim.sleep(Duration::from_millis(chance.below(most) as u64)).await;
            let attack = *chance.pick(Attack::ALL);
            let port = *chance.pick(&[110, 995]);
            let Ok(socket) = self.network.connect(66, port, &Alive::always()).await else { continue };
            self.count(|totals| totals.attacks += 1);
            let begun = self.sim.clock().elapsed();
            let ended = Attacker { socket, chance: chance.fork(), guesses: 0 }.run(attack).await;
            let lasted = self.sim.clock().elapsed() - begun;
            self.sim.say(format_args!("hostile: {attack:?} on port {port} lasted {lasted:?}: {ended:?}"));
            if lasted > LONGEST && self.plan.network_is_fair() && self.plan.nemesis.crash_server == 0 {
                self.sim.fail(format!("{attack:?} has kept a session for {lasted:?}"));
            }
        }
    }
}

struct Attacker {
    socket: Socket,
    chance: Chance,
    guesses: u32,
}

impl Attacker {
    /// Attacks until the server ends the connection.
    async fn run(mut self, attack: Attack) -> io::Result<()> {
        match attack {
            Attack::Silence => self.read_to_end().await,
            Attack::EndlessLine => loop {
                self.send(&[b'x'; 700]).await?;
            },
            Attack::HalfCommand => {
                for octet in b"USER alice".iter().cycle() {
                    self.send(&[*octet]).await?;
                    self.socket.pause(self.socket.now().after(Duration::from_secs(4))).await;
                }
                Ok(())
            }
            Attack::Flood => loop {
                self.send(b"CAPA\r\nNOOP\r\nUSER alice\r\nUSER bob\r\n").await?;
            },
            Attack::Guesses => loop {
                self.guesses += 1;
                let password = password("alice", self.chance.below(1 << 30) + GUESSED);
                let guess = format!("USER alice\r\nPASS {password}\r\n");
                self.send(guess.as_bytes()).await?;
                self.read().await?;
            },
            Attack::Noise => loop {
                let octets: Vec<u8> = (0..200).map(|_| self.chance.below(256) as u8).collect();
                self.send(&octets).await?;
            },
            Attack::BrokenTls => {
                self.send(b"STLS\r\n\x16\x03\x01\x00\xff").await?;
                self.read_to_end().await
            }
            Attack::HalfClosed => {
                self.send(b"USER nobody\r\nPASS x\r\nQUIT\r\n").await?;
                let deadline = self.socket.now().after(Duration::from_secs(2));
                self.socket.close(deadline).await;
                self.read_to_end().await
            }
        }
    }

    async fn send(&mut self, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            let deadline = self.socket.now().after(Duration::from_secs(600));
            let count = self.socket.write(octets, deadline).await?;
            octets = &octets[count..];
        }
        Ok(())
    }

    async fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 2048];
        let deadline = self.socket.now().after(Duration::from_secs(600));
        match self.socket.read(&mut buffer, deadline).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn read_to_end(&mut self) -> io::Result<()> {
        while self.read().await.is_ok() {}
        Ok(())
    }
}
