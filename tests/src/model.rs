//! A model of a server that is independent of the core: the correct reply to each command.

use crate::store::{Message, Store, content, top, wire};

/// What the model says about a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// A positive line with any text.
    Positive,
    /// A negative line with any text.
    Negative,
    /// Exactly this line, CRLF included.
    Line(Vec<u8>),
    /// A positive line with any text, followed by exactly these octets, including the end.
    Multi(Vec<u8>),
}

/// A session after the login.
#[derive(Clone, Debug)]
pub struct Model {
    messages: Vec<Message>,
    deleted: Vec<bool>,
    over: bool,
}

/// A command that the model knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the command it is named after")]
#[non_exhaustive]
pub enum Valid {
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top(u32, u64),
    Dele(u32),
    Noop,
    Rset,
    Quit,
}

impl Valid {
    /// The line with its CRLF.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        let line = match self {
            Self::Stat => "STAT".to_owned(),
            Self::List(None) => "LIST".to_owned(),
            Self::List(Some(n)) => format!("LIST {n}"),
            Self::Uidl(None) => "UIDL".to_owned(),
            Self::Uidl(Some(n)) => format!("UIDL {n}"),
            Self::Retr(n) => format!("RETR {n}"),
            Self::Top(n, k) => format!("TOP {n} {k}"),
            Self::Dele(n) => format!("DELE {n}"),
            Self::Noop => "NOOP".to_owned(),
            Self::Rset => "RSET".to_owned(),
            Self::Quit => "QUIT".to_owned(),
        };
        format!("{line}\r\n").into_bytes()
    }
}

impl Model {
    /// A session over the messages of the store.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self { messages: store.messages.clone(), deleted: vec![false; store.messages.len()], over: false }
    }

    /// The reply to a command, or `None` after QUIT.
    pub fn command(&mut self, command: &Valid) -> Option<Expected> {
        if self.over {
            return None;
        }
        Some(match *command {
            Valid::Stat => {
                let there: Vec<_> = self.there().collect();
                let octets: usize = there.iter().map(|(_, message)| message.content().len()).sum();
                Expected::Line(format!("+OK {} {octets}\r\n", there.len()).into_bytes())
            }
            Valid::List(None) => self.listing(|message| message.content().len().to_string()),
            Valid::Uidl(None) => self.listing(|message| message.uid.clone()),
            Valid::List(Some(n)) => self.entry(n, |message| message.content().len().to_string()),
            Valid::Uidl(Some(n)) => self.entry(n, |message| message.uid.clone()),
            Valid::Retr(n) => {
                self.find(n).map_or(Expected::Negative, |message| Expected::Multi(wire(&message.content())))
            }
            Valid::Top(n, k) => self.find(n).map_or(Expected::Negative, |message| {
                Expected::Multi(wire(&top(&content(&message.stored), k)))
            }),
            Valid::Dele(n) if self.find(n).is_some() => {
                self.deleted[n as usize - 1] = true;
                Expected::Positive
            }
            Valid::Dele(_) => Expected::Negative,
            Valid::Noop => Expected::Positive,
            Valid::Rset => {
                self.deleted.fill(false);
                Expected::Positive
            }
            Valid::Quit => {
                self.over = true;
                Expected::Positive
            }
        })
    }

    /// The unique-ids of the messages that remain in the store after the session.
    #[must_use]
    pub fn left(&self) -> Vec<String> {
        let left = |index: &usize| !(self.over && self.deleted[*index]);
        (0..self.messages.len()).filter(left).map(|index| self.messages[index].uid.clone()).collect()
    }

    fn there(&self) -> impl Iterator<Item = (usize, &Message)> {
        let numbered = self.messages.iter().enumerate();
        numbered.filter(|(index, _)| !self.deleted[*index]).map(|(index, message)| (index + 1, message))
    }

    fn find(&self, n: u32) -> Option<&Message> {
        self.there().find(|(number, _)| *number == n as usize).map(|(_, message)| message)
    }

    fn listing(&self, column: impl Fn(&Message) -> String) -> Expected {
        let mut lines = String::new();
        for (number, message) in self.there() {
            lines += &format!("{number} {}\r\n", column(message));
        }
        Expected::Multi((lines + ".\r\n").into_bytes())
    }

    fn entry(&self, n: u32, column: impl Fn(&Message) -> String) -> Expected {
        self.find(n).map_or(Expected::Negative, |message| {
            Expected::Line(format!("+OK {n} {}\r\n", column(message)).into_bytes())
        })
    }
}

impl Expected {
    /// Removes the reply from the front of what a server sent, and returns the rest.
    ///
    /// # Errors
    /// Returns what is there instead.
    pub fn take<'o>(&self, sent: &'o [u8]) -> Result<&'o [u8], String> {
        let end = sent.windows(2).position(|pair| pair == b"\r\n").map_or(sent.len(), |at| at + 2);
        let (line, behind) = sent.split_at(end);
        check_line(line)?;
        let wrong = || Err(format!("expected {self:?}, got {}", sent[..sent.len().min(300)].escape_ascii()));
        match self {
            Self::Positive if line.starts_with(b"+OK ") => Ok(behind),
            Self::Negative if line.starts_with(b"-ERR ") => Ok(behind),
            Self::Line(exact) if line == exact => Ok(behind),
            Self::Multi(exact) if line.starts_with(b"+OK ") => match behind.strip_prefix(&exact[..]) {
                Some(behind) => Ok(behind),
                None => wrong(),
            },
            Self::Positive | Self::Negative | Self::Line(_) | Self::Multi(_) => wrong(),
        }
    }
}

/// Whether octets are a valid first line of a reply from a server: a status in upper case, a space,
/// printable ASCII text and CRLF, at most 512 octets.
///
/// # Errors
/// Returns what is there instead.
pub fn check_line(line: &[u8]) -> Result<(), String> {
    let text = line.strip_suffix(b"\r\n");
    let text = text.and_then(|text| text.strip_prefix(b"+OK ").or_else(|| text.strip_prefix(b"-ERR ")));
    match text {
        Some([first, ..]) if *first != b' ' && line.len() <= 512 => {}
        _ => return Err(format!("no reply: {}", line[..line.len().min(300)].escape_ascii())),
    }
    if line[..line.len() - 2].iter().all(|octet| (b' '..=b'~').contains(octet)) {
        Ok(())
    } else {
        Err(format!("not printable: {}", line.escape_ascii()))
    }
}
