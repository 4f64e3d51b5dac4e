//! Clients that guess passwords, and what the server owes to others meanwhile.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
use pop3_driver::Transport as _;

use super::World;
use crate::network::Socket;
use crate::process::Alive;

/// The last octet of the address that all guesses come from.
const GUESSER: u8 = 77;

/// How many guesses each connection makes, with those that follow it.
const MOST: usize = 25;

/// A guess that was refused, since the server was started for the time with this number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess {
    start: u64,
    asked: Duration,
    answered: Duration,
}

/// How a guess is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Pass,
    Plain,
    Scram,
}

/// What the server has answered to a guess.
enum Answer {
    /// The password is wrong.
    Wrong { asked: Duration },
    /// It was not checked.
    Unchecked,
}

impl World {
    /// Guesses over several connections at once.
    pub(super) async fn guess(self: &Arc<Self>) {
        let mut connections = Vec::new();
        for number in 0..self.plan.guessers {
            let own = Arc::clone(self);
            let guesses = async move { own.guess_on_and_on().await };
            connections.push(self.sim.start(crate::Group::NONE, format!("guesser {number}"), guesses));
        }
        for connection in connections {
            connection.await;
        }
    }

    async fn guess_on_and_on(&self) {
        let most = self.plan.chaos.as_millis() as usize / 2;
        self.sim.sleep(Duration::from_millis(self.sim.chance().below(most) as u64)).await;
        let mut left = MOST;
        while left > 0 && self.sim.clock().elapsed() < self.plan.chaos {
            let port = if self.plan.tls { 995 } else { 110 };
            let guessed = match self.network.connect(GUESSER, port, &Alive::always()).await {
                Ok(socket) => self.guess_until_closed(socket, &mut left).await,
                Err(error) => Err(error),
            };
            left = left.saturating_sub(1);
            if guessed.is_err() {
                self.sim.sleep(Duration::from_millis(self.sim.chance().below(3_000) as u64)).await;
            }
        }
    }

    async fn guess_until_closed(&self, socket: Socket, left: &mut usize) -> io::Result<()> {
        let deadline = socket.now().after(Duration::from_secs(60));
        let socket = if self.plan.tls { socket.secure(deadline).await? } else { socket };
        let begun = self.sim.clock().elapsed();
        let mut dialogue = Dialogue { socket, input: Vec::new(), asked: None };
        dialogue.line().await?;
        while *left > 0 {
            *left -= 1;
            let ways: &[Way] = if self.plan.offers_scram() {
                &[Way::Scram, Way::Scram, Way::Pass]
            } else {
                &[Way::Pass, Way::Plain]
            };
            let way = *self.sim.chance().pick(ways);
            let start = self.totals().server_starts;
            let guessed = dialogue.guess(way).await;
            let now = self.sim.clock().elapsed();
            match (guessed, dialogue.asked.take()) {
                (Ok(Answer::Wrong { asked }), _) => self.wrong_guess(start, asked),
                (Ok(Answer::Unchecked), _) => {}
                // Long before the time for a login is over, only the log ends a connection.
                (Err(_), Some(asked))
                    if self.plan.counts_unanswered() && now - begun < Duration::from_secs(45) =>
                {
                    self.guesses().push(Guess { start, asked, answered: now });
                    return Ok(());
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }

    /// Checks that the answer to a wrong password came as late as the failures before it demand.
    fn wrong_guess(&self, start: u64, asked: Duration) {
        let answered = self.sim.clock().elapsed();
        self.count(|totals| totals.guesses += 1);
        if self.totals().server_starts != start {
            return;
        }
        let mut guesses = self.guesses();
        let begin = asked.saturating_sub(Duration::from_secs(14));
        let before: Vec<Guess> = guesses
            .iter()
            .filter(|guess| guess.start == start && guess.asked >= begin && guess.answered <= asked)
            .copied()
            .collect();
        guesses.push(Guess { start, asked, answered });
        drop(guesses);
        // One failure is forgotten every 15 seconds.
        let first = before.iter().map(|guess| guess.asked).min().unwrap_or(asked);
        let forgotten = (answered - first).as_secs() as usize / 15 + 1;
        let Some(doublings) = before.len().checked_sub(forgotten) else { return };
        let least = Duration::from_secs(1 << doublings.min(3));
        let took = answered - asked;
        if took < least {
            self.sim.fail(format!(
                "a wrong password was refused after {took:?}, although {} guesses from the same address had failed \
                 within the last {:?}; it must take {least:?}",
                before.len(),
                answered - first
            ));
        }
    }
}

/// A connection, line by line.
pub(super) struct Dialogue {
    pub(super) socket: Socket,
    pub(super) input: Vec<u8>,
    /// When the guess was made whose answer is awaited.
    asked: Option<Duration>,
}

impl Dialogue {
    async fn guess(&mut self, way: Way) -> io::Result<Answer> {
        let refusal = match way {
            Way::Pass => {
                self.send("USER alice\r\n").await?;
                self.line().await?;
                self.ask("PASS a guess\r\n").await?
            }
            Way::Plain => {
                let response = Base64::encode_string(b"\0alice\0a guess");
                self.ask(&format!("AUTH PLAIN {response}\r\n")).await?
            }
            Way::Scram => {
                let first = Base64::encode_string(b"n,,n=alice,r=guesser");
                self.send(&format!("AUTH SCRAM-SHA-256 {first}\r\n")).await?;
                let line = self.line().await?;
                let Some(nonce) = nonce(&line) else { return Ok(Answer::Unchecked) };
                let proof = Base64::encode_string(&[b'g'; 32]);
                let last = Base64::encode_string(format!("c=biws,r={nonce},p={proof}").as_bytes());
                self.ask(&format!("{last}\r\n")).await?
            }
        };
        Ok(match refusal {
            (asked, line) if line.starts_with("-ERR [AUTH]") => Answer::Wrong { asked },
            _ => Answer::Unchecked,
        })
    }

    /// Sends the end of a guess, and returns when that was and what the answer is.
    async fn ask(&mut self, line: &str) -> io::Result<(Duration, String)> {
        let asked = self.socket.now().since(pop3_proto::Instant::EPOCH);
        self.send(line).await?;
        self.asked = Some(asked);
        let answer = self.line().await?;
        self.asked = None;
        Ok((asked, answer))
    }

    pub(super) async fn send(&mut self, line: &str) -> io::Result<()> {
        let mut octets = line.as_bytes();
        while !octets.is_empty() {
            let deadline = self.socket.now().after(Duration::from_secs(600));
            let count = self.socket.write(octets, deadline).await?;
            octets = &octets[count..];
        }
        let deadline = self.socket.now().after(Duration::from_secs(600));
        self.socket.flush(deadline).await
    }

    pub(super) async fn line(&mut self) -> io::Result<String> {
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
}

/// The nonce of both ends, from the first message of the server (RFC 5802 section 5).
fn nonce(line: &str) -> Option<String> {
    let octets = Base64::decode_vec(line.strip_prefix("+ ")?).ok()?;
    let text = String::from_utf8(octets).ok()?;
    text.split(',').find_map(|part| part.strip_prefix("r=")).map(str::to_owned)
}
