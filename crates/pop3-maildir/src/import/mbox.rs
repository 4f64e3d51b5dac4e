//! Reading an mbox: where its messages are, and what it says of them.

use std::io::{self, BufRead as _, BufReader, Read};

use md5::{Digest as _, Md5};

use super::envelope;

/// Octets read at once. A longer line comes in pieces.
const PIECE: u64 = 64 * 1024;

/// Octets of a header line that are looked at.
const HEADER_MAX: usize = 1024;

/// Letters of all fields `Status` and `X-Status`.
const STATUS_MAX: usize = 32;

/// Header fields that belong to the mbox and not to the message. Dovecot does not show them either.
const OF_THE_MBOX: [&[u8]; 7] =
    [b"content-length", b"status", b"x-imap", b"x-imapbase", b"x-keywords", b"x-status", b"x-uid"];

/// What an mbox says of a message, besides its content.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// The time of the line that begins the message, in seconds since 1970.
    pub(super) time: u64,
    /// What the fields `Status` and `X-Status` say.
    pub(super) status: Vec<u8>,
    /// The field `X-UIDL`.
    pub(super) uidl: Option<Vec<u8>>,
    /// The field `X-UID`, and the UIDVALIDITY of the mbox.
    pub(super) uid: Option<(u32, u32)>,
    /// The hash that Dovecot makes of a header.
    pub(super) md5: String,
    /// It is no message, but keeps data of the mbox.
    pub(super) is_internal: bool,
}

/// Who is told what is in an mbox.
pub(super) trait Visit {
    /// The next octets of a message. The last line end of a message may be missing.
    fn content(&mut self, octets: &[u8]) -> io::Result<()>;

    /// A message is complete.
    fn end(&mut self, message: Message) -> io::Result<()>;
}

/// Reads an mbox from its start. Octets before the first message are an error, because something else would be lost.
pub(super) fn read(from: impl Read, visit: &mut dyn Visit) -> io::Result<()> {
    let mut from = BufReader::with_capacity(PIECE as usize, from);
    let mut piece = Vec::new();
    let mut now: Option<Reading> = None;
    let mut validity = None;
    let mut at_start = true;
    loop {
        piece.clear();
        if (&mut from).take(PIECE).read_until(b'\n', &mut piece)? == 0 {
            break;
        }
        let is_start = core::mem::replace(&mut at_start, piece.last() == Some(&b'\n'));
        if let Some(time) = envelope::time(&piece).filter(|_| is_start) {
            if let Some(reading) = now.take() {
                reading.end(&mut validity, visit)?;
            }
            now = Some(Reading::begin(time));
        } else if let Some(reading) = &mut now {
            reading.piece(&piece, is_start, visit)?;
        } else if !piece.trim_ascii().is_empty() {
            let text = "it is not an mbox: it does not begin with a line \"From ADDRESS DATE\"";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
    }
    now.map_or(Ok(()), |reading| reading.end(&mut validity, visit))
}

/// A message that is being read.
struct Reading {
    message: Message,
    in_header: bool,
    /// An empty line that belongs to the message if another one follows.
    held: Vec<u8>,
    /// What of a header line is known so far: its name in lower case, and the octets behind the colon.
    field: Field,
    md5: Md5,
    was_received: bool,
    validity: Option<u32>,
    uid: Option<u32>,
}

#[derive(Default)]
struct Field {
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Reading {
    fn begin(time: u64) -> Self {
        Self {
            message: Message { time, ..Message::default() },
            in_header: true,
            held: Vec::new(),
            field: Field::default(),
            md5: Md5::new(),
            was_received: false,
            validity: None,
            uid: None,
        }
    }

    fn piece(&mut self, piece: &[u8], is_start: bool, visit: &mut dyn Visit) -> io::Result<()> {
        if !self.held.is_empty() {
            visit.content(&core::mem::take(&mut self.held))?;
        }
        if is_start && matches!(piece, b"\n" | b"\r\n") {
            self.end_header();
            self.held = piece.to_vec();
            return Ok(());
        }
        if self.in_header && !self.header(piece, is_start) {
            return Ok(());
        }
        visit.content(piece)
    }

    /// Reads a piece of the header. Returns whether it is the message's.
    fn header(&mut self, piece: &[u8], is_start: bool) -> bool {
        let line = piece.strip_suffix(b"\n").unwrap_or(piece);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !is_start {
            // The rest of a very long line.
            self.hash(line);
        } else if matches!(line.first(), Some(b' ' | b'\t')) {
            let room = HEADER_MAX.saturating_sub(self.field.value.len());
            self.field.value.extend_from_slice(&line[..line.len().min(room)]);
            self.hash(line);
        } else {
            self.end_field();
            let colon = memchr::memchr(b':', line).unwrap_or(line.len());
            let value = line.get(colon + 1..).unwrap_or_default().trim_ascii_start();
            self.field.name = line[..colon.min(HEADER_MAX)].trim_ascii_end().to_ascii_lowercase();
            self.field.value = value[..value.len().min(HEADER_MAX)].to_vec();
            self.hash(value);
        }
        !OF_THE_MBOX.contains(&&*self.field.name)
    }

    /// Dovecot's `%m`: of the first Received and of what identifies a message without one.
    fn hash(&mut self, value: &[u8]) {
        let is_part = match &*self.field.name {
            b"delivered-to" | b"x-delivery-id" => true,
            b"date" | b"message-id" | b"received" => !self.was_received,
            _ => false,
        };
        if is_part {
            self.md5.update(value);
        }
    }

    /// Takes what a complete field says.
    fn end_field(&mut self) {
        let Field { name, value } = core::mem::take(&mut self.field);
        let value = value.trim_ascii();
        let number =
            |octets: &[u8]| crate::unique_ids::positive(octets.split(|&octet| octet == b' ').next()?);
        match &*name {
            b"received" => self.was_received = true,
            b"status" | b"x-status" => {
                let room = STATUS_MAX.saturating_sub(self.message.status.len());
                self.message.status.extend_from_slice(&value[..value.len().min(room)]);
            }
            b"x-uidl" if !value.is_empty() => self.message.uidl = Some(value.to_vec()),
            b"x-uid" => self.uid = number(value),
            b"x-imap" => {
                (self.validity, self.message.is_internal) = (number(value), true);
            }
            b"x-imapbase" => self.validity = number(value),
            _ => {}
        }
    }

    fn end_header(&mut self) {
        if core::mem::take(&mut self.in_header) {
            self.end_field();
        }
    }

    fn end(mut self, validity: &mut Option<u32>, visit: &mut dyn Visit) -> io::Result<()> {
        self.end_header();
        // The first message that has it says it for all.
        *validity = validity.or(self.validity);
        self.message.uid = self.uid.zip(*validity);
        self.message.md5 = self.md5.finalize().iter().map(|octet| format!("{octet:02x}")).collect();
        visit.end(self.message)
    }
}
