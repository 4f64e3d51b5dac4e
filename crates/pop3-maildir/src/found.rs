//! A message while a login looks for it and for its size.

use std::borrow::Cow;

use pop3_disk::{FileKind, Stat};
use pop3_proto::Octets;

use crate::measure::Count;
use crate::name::{self, MaildirFolder};

/// A name in one of the folders, and what is known of its file.
#[derive(Clone, Debug)]
pub(crate) struct Found<'n> {
    pub(crate) folder: MaildirFolder,
    pub(crate) name: Cow<'n, [u8]>,
    /// The inode, as the listing shows it.
    pub(crate) inode: u64,
    pub(crate) kind: Option<FileKind>,
    pub(crate) size: Size,
    /// Whether the size cache says the same.
    pub(crate) is_recorded: bool,
    delivered: (u64, u64),
    /// Octets of the name that never change.
    identity: usize,
}

/// What is known of the size of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    /// Nothing yet.
    Unknown,
    /// The size cache says that the message is not there any more.
    Gone,
    /// The file was read, in this state.
    Counted(Stat, Count),
    /// The name tells the size, and the file can have it.
    Told(Stat, Octets),
}

impl Size {
    /// Whether the header is known not to be ASCII.
    pub(crate) const fn is_eight_bit(&self) -> bool {
        matches!(self, Self::Counted(_, Count { eight_bit: true, .. }))
    }
}

impl<'n> Found<'n> {
    pub(crate) fn new(
        folder: MaildirFolder,
        name: impl Into<Cow<'n, [u8]>>,
        inode: u64,
        kind: Option<FileKind>,
    ) -> Self {
        let name = name.into();
        let delivered = name::delivery_time(&name);
        let identity = name::identity(&name).len();
        Self { folder, name, inode, kind, size: Size::Unknown, is_recorded: false, delivered, identity }
    }

    /// A message of the size cache.
    pub(crate) fn remembered(folder: MaildirFolder, name: &'n [u8], stat: Stat, count: Count) -> Self {
        let found = Self::new(folder, name, stat.inode, Some(FileKind::File));
        Self { size: Size::Counted(stat, count), is_recorded: true, ..found }
    }

    /// A message that the size cache has to forget.
    pub(crate) fn gone(name: &'n [u8]) -> Self {
        Self { size: Size::Gone, ..Self::new(MaildirFolder::New, name, 0, None) }
    }

    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.size, Size::Gone)
    }

    /// The same on the devices of the two folders.
    pub(crate) fn on(mut self, devices: [u64; 2]) -> Self {
        if let Size::Counted(stat, _) = &mut self.size {
            stat.device = devices[self.folder.index()];
        }
        self
    }

    pub(crate) fn identity(&self) -> &[u8] {
        &self.name[..self.identity]
    }

    /// The order of the messages: delivery time, then name. Names that differ in the flags only are equal.
    pub(crate) fn order(&self) -> ((u64, u64), &[u8]) {
        (self.delivered, self.identity())
    }

    /// Gives it another name with the same identity.
    pub(crate) fn rename(&mut self, folder: MaildirFolder, name: Vec<u8>) {
        self.identity = name::identity(&name).len();
        (self.folder, self.name, self.is_recorded) = (folder, name.into(), false);
    }
}
