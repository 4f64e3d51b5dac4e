//! A man in the middle, who changes what is in clear.

use super::line::Direction;
use crate::Chance;

/// What a man in the middle does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meddling {
    /// Removes STLS from the capabilities.
    HideStls,
    /// Refuses STLS in the server's place.
    RefuseStls,
    /// Sends commands to the server behind the client's STLS.
    InjectCommands,
    /// Sends replies to the client behind the answer to STLS.
    InjectReplies,
    /// Sends capabilities to the client that the server does not have.
    InjectCapabilities,
    /// Changes an octet in TLS.
    Tamper,
    /// Sends a record of TLS a second time.
    Replay,
}

/// The account of the man in the middle. Its password is right, so a server that believes what was sent before TLS
/// lets him in.
pub const MALLORY: (&str, &str) = ("mallory", "mallorys-password");

impl Meddling {
    pub(super) fn any(chance: &Chance) -> Self {
        *chance.pick(&[
            Self::HideStls,
            Self::RefuseStls,
            Self::InjectCommands,
            Self::InjectReplies,
            Self::InjectCapabilities,
            Self::Tamper,
            Self::Replay,
        ])
    }
}

#[derive(Debug)]
pub(super) struct Meddler {
    meddling: Meddling,
    /// The client has sent STLS.
    stls: bool,
    /// The last command was CAPA.
    capa: bool,
    /// What was to be done is done.
    done: bool,
    records: u32,
    injected: bool,
}

impl Meddler {
    pub(super) const fn new(meddling: Meddling) -> Self {
        Self { meddling, stls: false, capa: false, done: false, records: 0, injected: false }
    }

    /// Whether he has added something to the last octets.
    pub(super) const fn has_just_injected(&mut self) -> bool {
        core::mem::replace(&mut self.injected, false)
    }

    /// What arrives in the place of what was sent.
    pub(super) fn pass(&mut self, direction: Direction, octets: Vec<u8>, in_clear: bool) -> Vec<u8> {
        if self.done {
            return octets;
        }
        if !in_clear {
            return self.pass_record(octets);
        }
        match direction {
            Direction::ToServer => self.pass_command(octets),
            Direction::ToClient => self.pass_reply(octets),
        }
    }

    fn pass_record(&mut self, mut octets: Vec<u8>) -> Vec<u8> {
        self.records += 1;
        if self.records <= 3 {
            return octets;
        }
        if self.meddling == Meddling::Tamper {
            self.done = true;
            if let Some(last) = octets.last_mut() {
                *last ^= 1;
            }
        } else if self.meddling == Meddling::Replay {
            self.done = true;
            octets.extend_from_within(..);
        }
        octets
    }

    fn pass_command(&mut self, mut octets: Vec<u8>) -> Vec<u8> {
        self.capa = octets.ends_with(b"CAPA\r\n");
        if octets.ends_with(b"STLS\r\n") {
            self.stls = true;
            if self.meddling == Meddling::InjectCommands {
                (self.done, self.injected) = (true, true);
                let (name, password) = MALLORY;
                octets.extend_from_slice(format!("USER {name}\r\nPASS {password}\r\n").as_bytes());
            }
        }
        octets
    }

    fn pass_reply(&mut self, octets: Vec<u8>) -> Vec<u8> {
        match self.meddling {
            Meddling::HideStls => without(octets, b"STLS\r\n"),
            Meddling::RefuseStls if self.stls => {
                self.done = true;
                b"-ERR STLS is not available\r\n".to_vec()
            }
            Meddling::InjectReplies if self.stls => {
                (self.done, self.injected) = (true, true);
                [&*octets, b"+OK\r\n+OK welcome\r\n+OK 0 0\r\n"].concat()
            }
            // Not into other replies: nobody can tell what he adds to a message in clear.
            Meddling::InjectCapabilities if !self.stls && self.capa => {
                let end = if octets.ends_with(b"\n.\r\n") {
                    3
                } else if octets.ends_with(b"\n.\n") {
                    2
                } else {
                    return octets;
                };
                let (lines, end) = octets.split_at(octets.len() - end);
                [lines, b"SASL PLAIN LOGIN\r\nEXPIRE 0\r\n", end].concat()
            }
            Meddling::RefuseStls
            | Meddling::InjectCommands
            | Meddling::InjectReplies
            | Meddling::InjectCapabilities
            | Meddling::Tamper
            | Meddling::Replay => octets,
        }
    }
}

fn without(octets: Vec<u8>, line: &[u8]) -> Vec<u8> {
    match octets.windows(line.len()).position(|found| found == line) {
        Some(at) => [&octets[..at], &octets[at + line.len()..]].concat(),
        None => octets,
    }
}
