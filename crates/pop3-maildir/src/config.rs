//! How a Maildir is opened.

use core::time::Duration;
use std::io;

use crate::name::InfoSeparator;
use crate::unique_ids::UniqueIds;

/// The settings for opening and committing a [`Maildir`](crate::Maildir).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MaildirConfig {
    /// Whether to create a missing Maildir. Default: `false`, because a missing Maildir is usually due to a mistyped
    /// path or an unmounted disk, not to a new user.
    pub create: bool,
    /// Whether to store the names and counted sizes in the file `pop3.sizes`. Default: `true`. A login then reads only
    /// this file if no message was added, renamed or removed since. Without it, each login reads all mail.
    pub size_cache: bool,
    /// How long a file must be unchanged before its size is stored. Default: 2 s. The file system's clock has a
    /// limited resolution, and a change within one tick cannot be detected. The coarsest clock in use (FAT) has ticks
    /// of 2 s. The size of a newer message is counted again at the next login. The same holds for `new` and `cur`: if
    /// they changed less than this time ago, they are read again.
    pub settle_time: Duration,
    /// Whether to trust `,W=n` in file names as the wire size, if the length of the file permits it. Default:
    /// `false`, because the value is often wrong after a message was edited or filtered, and LIST would then differ
    /// from RETR. `,S=n` is never trusted.
    pub trusted_wire_sizes: bool,
    /// How to handle messages that need UTF8 (RFC 6856). Default: they are sent unchanged. This is right for a client
    /// that has enabled UTF8, and most servers do it for other clients, too.
    pub eight_bit_headers: EightBitHeaders,
    /// Whether to move messages that were sent completely and not deleted from `new` to `cur` at the commit, with the
    /// flag S. Default: `false`, so that IMAP users still see them as new.
    pub seen_flag: bool,
    /// What to write between the base of a file name and its flags, where a name has none yet. Default: `:`. Names with
    /// any [`InfoSeparator`] are understood, and keep theirs.
    pub info_separator: InfoSeparator,
    /// Where the unique-ids come from. Default: [`UniqueIds::Maildir`].
    pub unique_ids: UniqueIds,
    /// A function that is called when the process or the system has no free file descriptor (EMFILE, ENFILE). The
    /// call is then repeated for up to 5 s during a login, and for up to 30 s during a session. Default: does
    /// nothing. It may be called often.
    pub on_shortage: fn(&io::Error),
}

/// How to handle a message whose header is not ASCII (RFC 6856 section 2.1).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum EightBitHeaders {
    /// Sends it unchanged.
    #[default]
    Send,
    /// Lists it, but refuses to send it: [`MessageError::NeedsUtf8`](crate::MessageError::NeedsUtf8).
    Refuse,
    /// Lists and sends it with a header that this function converts, for example [`pop3_surrogate::surrogate`]. The
    /// header includes the blank line. The function must return the same result for the same header, and the first
    /// blank line must be the end of the result. A header of more than 1 MiB is not converted; the message is
    /// refused.
    Convert(fn(&[u8]) -> Vec<u8>),
}

impl MaildirConfig {
    /// Creates the default settings.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            create: false,
            size_cache: true,
            settle_time: Duration::from_secs(2),
            trusted_wire_sizes: false,
            eight_bit_headers: EightBitHeaders::Send,
            seen_flag: false,
            info_separator: InfoSeparator::Colon,
            unique_ids: UniqueIds::Maildir,
            on_shortage: |_| {},
        }
    }

    /// Sets [`create`](Self::create).
    #[must_use]
    pub const fn with_create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets [`size_cache`](Self::size_cache).
    #[must_use]
    pub const fn with_size_cache(mut self, size_cache: bool) -> Self {
        self.size_cache = size_cache;
        self
    }

    /// Sets [`settle_time`](Self::settle_time).
    #[must_use]
    pub const fn with_settle_time(mut self, settle_time: Duration) -> Self {
        self.settle_time = settle_time;
        self
    }

    /// Sets [`trusted_wire_sizes`](Self::trusted_wire_sizes).
    #[must_use]
    pub const fn with_trusted_wire_sizes(mut self, trusted_wire_sizes: bool) -> Self {
        self.trusted_wire_sizes = trusted_wire_sizes;
        self
    }

    /// Sets [`eight_bit_headers`](Self::eight_bit_headers).
    #[must_use]
    pub const fn with_eight_bit_headers(mut self, eight_bit_headers: EightBitHeaders) -> Self {
        self.eight_bit_headers = eight_bit_headers;
        self
    }

    /// Sets [`seen_flag`](Self::seen_flag).
    #[must_use]
    pub const fn with_seen_flag(mut self, seen_flag: bool) -> Self {
        self.seen_flag = seen_flag;
        self
    }

    /// Sets [`info_separator`](Self::info_separator).
    #[must_use]
    pub const fn with_info_separator(mut self, separator: InfoSeparator) -> Self {
        self.info_separator = separator;
        self
    }

    /// Sets [`unique_ids`](Self::unique_ids).
    #[must_use]
    pub fn with_unique_ids(self, unique_ids: UniqueIds) -> Self {
        Self { unique_ids, ..self }
    }

    /// Sets [`on_shortage`](Self::on_shortage).
    #[must_use]
    pub const fn with_on_shortage(mut self, on_shortage: fn(&io::Error)) -> Self {
        self.on_shortage = on_shortage;
        self
    }
}

impl Default for MaildirConfig {
    fn default() -> Self {
        Self::new()
    }
}
