//! A store in memory, with the faults of real stores.

use core::time::Duration;

use pop3_proto::dots::wire_size;
use pop3_proto::server::Accepted;
use pop3_proto::{Deletions, MessageNumber, Rejection, Snapshot, UniqueId};

use crate::credentials::{Credentials, Proof};

/// One user and one maildrop.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Store {
    /// The user's name.
    pub name: Vec<u8>,
    /// The user's password.
    pub password: Vec<u8>,
    /// The messages, in order of delivery.
    pub messages: Vec<Message>,
    /// What goes wrong.
    pub fault: Fault,
    /// How much of a message each read returns.
    pub chunk: usize,
    /// What the next login returns.
    pub account: Account,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its unique-id.
    pub uid: String,
    /// Its octets, with any line ends.
    pub stored: Vec<u8>,
}

/// A valid token of the store's user.
pub const TOKEN: &[u8] = b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

/// What a login returns in addition to the maildrop.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Account {
    /// A LOGIN-DELAY for this user.
    pub login_delay: Option<pop3_proto::LoginDelay>,
    /// An EXPIRE for this user.
    pub expire: Option<pop3_proto::Expire>,
}

/// The faults of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Valid credentials are refused.
    Login(Rejection),
    /// A message cannot be opened.
    Unavailable(Rejection),
    /// A message ends this many octets too early.
    Short(usize),
    /// A message has octets after its end.
    Long(Vec<u8>),
    /// Reading fails after this many octets.
    Breaks(usize),
    /// This many removals fail, and the messages remain.
    Commit(usize),
}

impl Store {
    /// The maildrop of the examples in the requirements: three messages of 67 octets in total, of user `mrose`
    /// with the password `tanstaaf`.
    #[must_use]
    pub fn fixture() -> Self {
        Self::with([
            ("aaa", &b"Subject: a\r\n\r\nhello\r\n"[..]),
            ("bbb", b"Subject: b\r\n\r\n.dot\r\n..two\r\nend\r\n"),
            ("ccc", b"Subject: c\r\n\r\n"),
        ])
    }

    /// A maildrop of `mrose` with these messages.
    #[must_use]
    pub fn with<'m>(messages: impl IntoIterator<Item = (&'m str, &'m [u8])>) -> Self {
        let messages = messages.into_iter();
        Self {
            name: b"mrose".to_vec(),
            password: b"tanstaaf".to_vec(),
            messages: messages.map(|(uid, stored)| Message::new(uid, stored)).collect(),
            fault: Fault::None,
            chunk: 7,
            account: Account::default(),
        }
    }

    /// The same with a fault.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    /// The snapshot.
    #[must_use]
    pub fn maildrop(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for message in &self.messages {
            let uid = UniqueId::parse(message.uid.as_bytes()).expect("a unique-id of the test's");
            snapshot.push(wire_size(&message.stored), uid).expect("room for one more message");
        }
        snapshot
    }

    /// Checks credentials.
    ///
    /// # Errors
    /// The rejection.
    pub fn login(&self, credentials: &Credentials) -> Result<Accepted, Rejection> {
        if matches!(credentials.proof, Proof::Anonymous { .. }) {
            return self.accept();
        }
        let by_password = credentials.prove(&self.password) || matches!(credentials.proof, Proof::Scram);
        let by_token = matches!(&credentials.proof, Proof::Token(token) if token.same_octets(TOKEN));
        let proved = by_password || by_token || matches!(credentials.proof, Proof::Certificate);
        if credentials.name != self.name || !proved {
            return Err(Rejection::credentials());
        }
        self.accept()
    }

    /// Opens the maildrop for a user whose identity was proved.
    ///
    /// # Errors
    /// The fault of the login.
    pub fn accept(&self) -> Result<Accepted, Rejection> {
        if let Fault::Login(rejection) = &self.fault {
            return Err(rejection.clone());
        }
        let mut accepted = Accepted::from(self.maildrop());
        accepted.login_delay = self.account.login_delay;
        accepted.expire = self.account.expire;
        Ok(accepted)
    }

    /// The octets of a message as this store returns them, and whether they reach the end.
    ///
    /// # Errors
    /// The rejection, if the message cannot be opened.
    pub fn fetch(&self, number: MessageNumber) -> Result<(Vec<u8>, bool), Rejection> {
        let mut octets = self.messages[number.index()].stored.clone();
        match &self.fault {
            Fault::Unavailable(rejection) => return Err(rejection.clone()),
            Fault::Short(missing) => octets.truncate(octets.len().saturating_sub(*missing)),
            Fault::Long(more) => octets.extend_from_slice(more),
            Fault::Breaks(after) => {
                octets.truncate(*after);
                return Ok((octets, false));
            }
            Fault::None | Fault::Login(_) | Fault::Commit(_) => {}
        }
        Ok((octets, true))
    }

    /// Removes messages. Returns how many could not be removed.
    pub fn commit(&mut self, deletions: &Deletions) -> usize {
        let failing = if let Fault::Commit(failing) = self.fault { failing } else { 0 };
        let failing = failing.min(deletions.len());
        let mut numbers: Vec<_> = deletions.iter().collect();
        numbers.truncate(deletions.len() - failing);
        for number in numbers.into_iter().rev() {
            self.messages.remove(number.index());
        }
        failing
    }
}

impl Message {
    /// A message.
    #[must_use]
    pub fn new(uid: &str, stored: &[u8]) -> Self {
        Self { uid: uid.to_owned(), stored: stored.to_vec() }
    }

    /// What RETR must send, without dot-stuffing: every line ends with CRLF.
    ///
    /// Written octet by octet and independent of the core, for comparison.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        content(&self.stored)
    }
}

/// The content of a stored message, see [`Message::content`].
#[must_use]
pub fn content(stored: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for &octet in stored {
        if octet == b'\n' && content.last() != Some(&b'\r') {
            content.push(b'\r');
        }
        content.push(octet);
    }
    if !content.is_empty() && !content.ends_with(b"\r\n") {
        content.extend_from_slice(b"\r\n");
    }
    content
}

/// The first part of a content, cut like TOP: the header, the blank line, and this many lines.
#[must_use]
pub fn top(content: &[u8], lines: u64) -> Vec<u8> {
    let mut wanted = None;
    let mut top = Vec::new();
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        if wanted == Some(0) {
            break;
        }
        top.extend_from_slice(line);
        wanted = match wanted {
            None if line == b"\r\n" => Some(lines),
            None => None,
            Some(left) => Some(left - 1),
        };
    }
    top
}

/// The content as it is sent: with dots doubled at the start of lines, and the end.
#[must_use]
pub fn wire(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// Messages that mail software is known to damage.
#[must_use]
pub fn awkward() -> Vec<(&'static str, Vec<u8>)> {
    let mut messages: Vec<(&'static str, Vec<u8>)> = vec![
        ("empty", b"".to_vec()),
        ("only-header", b"Subject: x\n".to_vec()),
        ("no-blank-line", b"Subject: x\r\nX: y\r\n".to_vec()),
        ("empty-body", b"Subject: x\n\n".to_vec()),
        ("begins-with-blank-line", b"\n\nbody\n".to_vec()),
        ("no-final-newline", b"Subject: x\n\nabc".to_vec()),
        ("dot-first", b".x: y\n\n.\n..\n...\n. \n.a\nb.\n".to_vec()),
        ("one-dot", b".".to_vec()),
        ("one-dot-line", b".\r\n".to_vec()),
        ("ends-in-dot", b"a\n\nb\n.".to_vec()),
        ("forged-end", b"a\r\n\r\n.\r\n-ERR x\r\n+OK y\r\n.\r\nQUIT\r\n".to_vec()),
        ("bare-lf-forgery", b"a: b\r\n\r\nx\n.\ny\n.\r\nz\r\n".to_vec()),
        ("bare-cr", b"a\rb: c\n\n\r\n\r\r\nx\r.\r\ny\r".to_vec()),
        ("ends-in-cr", b"a: b\n\nc\r".to_vec()),
        ("nul-and-eight-bit", b"a: \x00\xff\n\n\x00\x80\xfe.\x1a\n".to_vec()),
        ("mixed-line-ends", b"a: b\r\nc: d\n\r\ne\nf\r\n\n".to_vec()),
        ("many-blank-lines", b"a: b\n".iter().copied().chain([b'\n'; 500]).collect()),
        ("all-octets", (0..=255).collect()),
    ];
    let mut long = b"Subject: long\n\n".to_vec();
    long.extend(core::iter::repeat_n(b'x', 100_000));
    long.extend_from_slice(b"\n.y\n");
    messages.push(("long-line", long));
    messages
}

/// The size of this message as it is sent, without dot-stuffing and the end.
#[must_use]
pub fn octets(content: &[u8]) -> u64 {
    content.len() as u64
}

/// A short duration, for clocks that only need to move.
pub const MOMENT: Duration = Duration::from_millis(1);
