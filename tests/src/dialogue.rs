//! Dialogues stored as text: the examples of the RFCs, and recordings of real servers.

use std::path::{Path, PathBuf};

/// A connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dialogue {
    /// Its name.
    pub name: String,
    /// The setup of the server (`@` lines).
    pub setup: Vec<String>,
    /// The lines of the dialogue.
    pub turns: Vec<Turn>,
}

/// A line of the dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turn {
    /// A new topic.
    Probe(String),
    /// A line from the client, without CRLF.
    Client(Vec<u8>),
    /// Something from the client that is not a line.
    ClientRaw(String),
    /// A line from the server, without CRLF.
    Server(Vec<u8>),
    /// The same, where our server answers with the other status.
    ServerDiffers(Vec<u8>),
    /// Octets from the server.
    ServerRaw(Vec<u8>),
    /// A handshake or the end: the word between the angle brackets.
    Mark(String),
}

/// The directory of the test data.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// Reads a file of dialogues.
///
/// # Panics
/// If the file cannot be read or has an invalid line.
#[must_use]
pub fn read(path: &Path) -> Vec<Dialogue> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut dialogues = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# session ") {
            dialogues.push(Dialogue { name: name.to_owned(), ..Dialogue::default() });
            continue;
        }
        let Some(dialogue) = dialogues.last_mut() else { continue };
        if let Some(setup) = line.strip_prefix('@') {
            dialogue.setup.push(setup.to_owned());
        } else if let Some(turn) = turn(line) {
            dialogue.turns.push(turn);
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{}: {line}", path.display());
        }
    }
    dialogues
}

fn turn(line: &str) -> Option<Turn> {
    let rest = || line.get(3..).unwrap_or_default();
    Some(match line.get(..2)? {
        "C:" => Turn::Client(unescape(rest())),
        "C~" => Turn::ClientRaw(rest().to_owned()),
        "S:" => Turn::Server(unescape(rest())),
        "S!" => Turn::ServerDiffers(unescape(rest())),
        "S~" => Turn::ServerRaw(unescape(rest())),
        "# " => Turn::Probe(line.strip_prefix("# probe ")?.to_owned()),
        _ => Turn::Mark(line.strip_prefix('<')?.strip_suffix('>')?.to_owned()),
    })
}

/// Octets written as text, with `\xHH` for everything else.
///
/// # Panics
/// If two hexadecimal digits are missing.
#[must_use]
pub fn unescape(text: &str) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::new(), text.as_bytes());
    loop {
        match rest {
            [] => return octets,
            [b'\\', b'x', high, low, behind @ ..] => {
                let digit = |octet: u8| char::from(octet).to_digit(16).expect("two hexadecimal digits") as u8;
                octets.push(digit(*high) << 4 | digit(*low));
                rest = behind;
            }
            [octet, behind @ ..] => {
                octets.push(*octet);
                rest = behind;
            }
        }
    }
}
