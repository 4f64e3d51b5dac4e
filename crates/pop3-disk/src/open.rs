//! How a file is opened.

/// How to open a file. Links are not followed, and opening never blocks, for example on a FIFO.
///
/// ```
/// use pop3_disk::Open;
/// let note = Open::appending().make(0o600);
/// let message = Open::writing().make_new(0o600);
/// // For an implementation of `Folder`:
/// assert!(note.appends() && note.writes() && !note.reads());
/// assert!(message.needs_new() && message.creates() == Some(0o600) && !message.truncates());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Open {
    pub(crate) access: Access,
    pub(crate) make: Make,
    pub(crate) truncate: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    ReadAndWrite,
    Append,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Never,
    IfMissing(u32),
    New(u32),
}

impl Open {
    const fn with(access: Access) -> Self {
        Self { access, make: Make::Never, truncate: false }
    }

    /// Opens the file for reading.
    pub const fn reading() -> Self {
        Self::with(Access::Read)
    }

    /// Opens the file for writing from its start.
    pub const fn writing() -> Self {
        Self::with(Access::Write)
    }

    /// Opens the file for reading and writing.
    pub const fn reading_and_writing() -> Self {
        Self::with(Access::ReadAndWrite)
    }

    /// Opens the file for appending. Each write goes to the current end.
    pub const fn appending() -> Self {
        Self::with(Access::Append)
    }

    /// Creates the file if it is missing. `mode` sets its permissions, as in chmod(2). The umask applies.
    pub const fn make(mut self, mode: u32) -> Self {
        self.make = Make::IfMissing(mode);
        self
    }

    /// Creates a new file. Opening fails if the name exists. `mode` sets the permissions, as in chmod(2). The umask
    /// applies.
    pub const fn make_new(mut self, mode: u32) -> Self {
        self.make = Make::New(mode);
        self
    }

    /// Truncates the file.
    pub const fn emptied(mut self) -> Self {
        self.truncate = true;
        self
    }

    /// Returns whether the file can be read.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self.access, Access::Read | Access::ReadAndWrite)
    }

    /// Returns whether the file can be written.
    #[must_use]
    pub const fn writes(self) -> bool {
        !matches!(self.access, Access::Read)
    }

    /// Returns whether each write goes to the current end.
    #[must_use]
    pub const fn appends(self) -> bool {
        matches!(self.access, Access::Append)
    }

    /// Returns the permissions of a file that this creates, or `None` if it creates none.
    #[must_use]
    pub const fn creates(self) -> Option<u32> {
        match self.make {
            Make::Never => None,
            Make::IfMissing(mode) | Make::New(mode) => Some(mode),
        }
    }

    /// Returns whether opening fails if the name exists.
    #[must_use]
    pub const fn needs_new(self) -> bool {
        matches!(self.make, Make::New(_))
    }

    /// Returns whether the file is truncated.
    #[must_use]
    pub const fn truncates(self) -> bool {
        self.truncate
    }

    /// Whether this may change something on the disk.
    pub(crate) const fn is_change(self) -> bool {
        self.truncate || !matches!(self.make, Make::Never)
    }
}
