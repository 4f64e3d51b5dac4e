//! How a Maildir is opened.

use core::time::Duration;
use std::io;

/// How a [`Maildir`](crate::Maildir) is opened and what happens at its commit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MaildirConfig {
    /// Make the Maildir when there is none. Default `false`: a missing Maildir is more often a
    /// mistyped path or a disk that is not mounted than a new user.
    pub create: bool,
    /// Remember counted sizes in the file `pop3.sizes`. Default `true`: else each login reads all
    /// mail.
    pub size_cache: bool,
    /// How long a file must have been left alone before its size is remembered. Default 2 s: a file
    /// that changes again within the tick of the file system's clock looks the same as before, and
    /// the slowest clock in use (FAT) ticks every 2 s. Such a message is counted again at the next
    /// login.
    pub settle_time: Duration,
    /// Believe `,W=n` in file names as the wire size, where the file's length allows it. Default
    /// `false`: such fields are wrong often enough, after a mail was edited or a filter ran, and then
    /// LIST would differ from what RETR sends. `,S=n` is never believed.
    pub trusted_wire_sizes: bool,
    /// What becomes of messages that need UTF8 (RFC 6856). Default: they are sent as they are, which is
    /// right for a client that has asked for UTF8, and what most servers do for the others too.
    pub eight_bit_headers: EightBitHeaders,
    /// Move messages that were sent whole and not deleted from `new` to `cur` with the flag S at the
    /// commit. Default `false`: who reads the same mail by IMAP wants to see what is new.
    pub seen_flag: bool,
    /// Called when the process or the system has no descriptor left (EMFILE, ENFILE): it is waited for, and the
    /// call is made again, for a login up to 5 s, for a session up to 30 s. Default: nothing is done. It may be
    /// called often.
    pub on_shortage: fn(&io::Error),
}

/// What becomes of a message whose header is not ASCII (RFC 6856 section 2.1).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum EightBitHeaders {
    /// It is sent as it is.
    #[default]
    Send,
    /// It is listed, but can't be fetched: [`MessageError::NeedsUtf8`](crate::MessageError::NeedsUtf8).
    Refuse,
    /// It is listed and sent with another header, which this makes of the header, blank line included;
    /// [`pop3_surrogate::surrogate`] does. The same header must always become the same, and the
    /// blank line must stay the first one. A header of more than 1 MiB is not converted, but refused.
    Convert(fn(&[u8]) -> Vec<u8>),
}

impl MaildirConfig {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            create: false,
            size_cache: true,
            settle_time: Duration::from_secs(2),
            trusted_wire_sizes: false,
            eight_bit_headers: EightBitHeaders::Send,
            seen_flag: false,
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
