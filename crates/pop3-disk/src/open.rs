//! How a file is opened.

/// How a file is opened. Links are not followed, and opening never waits, for the other end of a FIFO, say.
///
/// ```
/// use pop3_disk::Open;
/// let note = Open::appending().make(0o600);
/// let message = Open::writing().make_new(0o600);
/// # let _ = (note, message);
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

    /// For reading.
    pub const fn reading() -> Self {
        Self::with(Access::Read)
    }

    /// For writing, from the first octet on.
    pub const fn writing() -> Self {
        Self::with(Access::Write)
    }

    /// For reading and writing.
    pub const fn reading_and_writing() -> Self {
        Self::with(Access::ReadAndWrite)
    }

    /// For writing behind the last octet, wherever that is at each write.
    pub const fn appending() -> Self {
        Self::with(Access::Append)
    }

    /// Makes the file if it is missing. `mode` are its rights, as of chmod(2); the umask is taken from them.
    pub const fn make(mut self, mode: u32) -> Self {
        self.make = Make::IfMissing(mode);
        self
    }

    /// Makes a new file, and fails when the name is taken. `mode` are its rights, as of chmod(2); the umask is taken
    /// from them.
    pub const fn make_new(mut self, mode: u32) -> Self {
        self.make = Make::New(mode);
        self
    }

    /// Empties the file.
    pub const fn emptied(mut self) -> Self {
        self.truncate = true;
        self
    }

    /// Whether this may change something on the disk.
    pub(crate) const fn is_change(self) -> bool {
        self.truncate || !matches!(self.make, Make::Never)
    }
}
