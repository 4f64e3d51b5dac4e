//! Unique-ids that another server has given, and those that new messages get beside them.

mod courier;
pub(crate) mod dovecot;
mod expressions;
mod format;
mod lines;
mod variables;

use std::collections::{HashMap, HashSet};
use std::io;

use pop3_proto::UniqueId;

pub use format::UidlFormat;
pub(crate) use format::Values;
pub use variables::UidlFormatError;

use crate::folders::Root;
use crate::found::{Found, Size};
use crate::name::{self, MaildirFolder};
use crate::uid::Uid;

/// Where the unique-ids of a Maildir come from.
///
/// A Maildir should keep the same setting for ever: if unique-ids change, clients that leave mail on the server fetch all
/// of it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UniqueIds {
    /// From the file names: the first 128 bits of the SHA-256 of the name without flags and size fields, in hexadecimal.
    /// Nothing is stored.
    #[default]
    Maildir,
    /// From `dovecot-uidlist`, as Dovecot's POP3 server shows them with this format. If a message has a field `P`
    /// there, this is its unique-id.
    ///
    /// New messages are added to the list with a UID and a `P` field, under the lock `dovecot-uidlist.lock`. Dovecot
    /// and this server may use the Maildir at the same time. A missing list is created.
    Dovecot(UidlFormat),
    /// From `courierpop3dsizelist`, as Courier's POP3 server shows them. New messages are added to the list. A missing
    /// list is created.
    ///
    /// Courier does not lock this list. Do not run both servers for a Maildir at the same time.
    Courier,
}

/// The unique-id of a message, and its place among the others.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) id: Vec<u8>,
    /// Messages are in this order, and those with the same number in their own.
    pub(crate) order: u64,
}

/// What was read of a list, and what could not be written.
#[derive(Debug)]
pub(crate) struct GivenIds {
    /// One for each message. `None` if it has none that will stay, and cannot be listed.
    pub(crate) ids: Vec<Option<Given>>,
    /// Why new unique-ids could not be recorded.
    pub(crate) unrecorded: Option<io::Error>,
}

/// The unique-ids of these messages, in their order. `None` if they are made from the names.
///
/// # Errors
/// If the list can't be read. Messages must not have other unique-ids because of that.
pub(crate) fn given(root: &Root, way: &UniqueIds, messages: &[Found<'_>]) -> io::Result<Option<GivenIds>> {
    match way {
        UniqueIds::Maildir => Ok(None),
        UniqueIds::Dovecot(format) => dovecot::given(root, format, &Wanted::new(messages)).map(Some),
        UniqueIds::Courier => courier::given(root, &Wanted::new(messages)).map(Some),
    }
}

/// The messages that need unique-ids, and how they are found by the names in a list.
pub(crate) struct Wanted<'f> {
    messages: &'f [Found<'f>],
    places: HashMap<&'f [u8], usize>,
}

impl<'f> Wanted<'f> {
    pub(crate) fn new(messages: &'f [Found<'_>]) -> Self {
        let places =
            messages.iter().enumerate().map(|(place, message)| (message.identity(), place)).collect();
        Self { messages, places }
    }

    /// The message with this name in a list, and whether the name is the same but for the flags. Otherwise, size
    /// fields were removed or added.
    fn find(&self, listed: &[u8]) -> Option<(usize, bool)> {
        let place = *self.places.get(name::identity(listed))?;
        Some((place, name::base(listed) == self.base(place)))
    }

    /// The name of the file without its flags.
    fn base(&self, place: usize) -> &[u8] {
        name::base(&self.messages[place].name)
    }

    /// Whether the name can be in a list. Others would tear its lines.
    fn is_listable(&self, place: usize) -> bool {
        let base = self.base(place);
        !base.is_empty() && !base.contains(&b'\n')
    }

    /// The unique-id of a message that cannot be in a list.
    fn unlisted(&self, place: usize) -> Given {
        Given { id: Uid::of(self.messages[place].identity()).as_bytes().to_vec(), order: u64::MAX }
    }

    /// The name that the file has in `cur`. Flags that would tear a line are left out.
    fn name_in_cur(&self, place: usize) -> Vec<u8> {
        let message = &self.messages[place];
        let flags: &[u8] = match name::info(&message.name) {
            b"" if message.folder == MaildirFolder::New => b":2,",
            flags if flags.contains(&b'\n') => b"",
            flags => flags,
        };
        [self.base(place), flags].concat()
    }

    /// The size of its wire form, and whether its header is not ASCII.
    fn size(&self, place: usize) -> (u64, bool) {
        match self.messages[place].size {
            Size::Counted(_, count) => (count.wire, count.eight_bit),
            Size::Told(_, wire) => (wire, false),
            Size::Unknown | Size::Gone => (0, false),
        }
    }
}

/// The unique-ids that are given already.
#[derive(Debug, Default)]
struct Taken(HashSet<Vec<u8>>);

impl Taken {
    /// Takes this one, if nobody has it.
    fn take(&mut self, id: &[u8]) -> bool {
        self.0.insert(id.to_vec())
    }

    /// Takes one like this one that nobody has. `number` was never used for another message, so neither was what comes
    /// of it.
    fn take_other(&mut self, id: &[u8], number: u64) -> Vec<u8> {
        let mut other = id.to_vec();
        loop {
            other.extend_from_slice(format!("-{number}").as_bytes());
            other = permitted(other);
            if self.take(&other) {
                return other;
            }
        }
    }
}

/// The unique-id that a message with this one is shown with. One that no unique-id may be (RFC 1939 section 7) is
/// replaced by its hash, always the same.
fn permitted(id: Vec<u8>) -> Vec<u8> {
    if UniqueId::parse(&id).is_ok() { id } else { Uid::of(&id).as_bytes().to_vec() }
}

/// Reads a number of ASCII digits and nothing else, that fits and is not 0.
pub(crate) fn positive(digits: &[u8]) -> Option<u32> {
    name::decimal(digits).and_then(|number| u32::try_from(number).ok()).filter(|&number| number > 0)
}
