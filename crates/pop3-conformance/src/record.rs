//! The record of what went over the wire while a row was tried.

use core::cell::RefCell;
use std::rc::Rc;

use crate::show::{escaped, masked};

/// The most lines that are kept of one row.
const MOST_LINES: usize = 60;

/// The most first lines of replies that are kept of a run, to be judged at its end.
const MOST_SEEN: usize = 20_000;

/// A first line of a reply, with its line end, and the command that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) command: String,
    pub(crate) line: Vec<u8>,
}

/// What the connections of a run have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    lines: Vec<String>,
    left_out: usize,
    seen: Vec<Seen>,
    /// Lines of any kind that do not end with CRLF, and how many.
    bare: Vec<Vec<u8>>,
    connections: usize,
    secrets: Vec<Secret>,
    stays_after_quit: bool,
}

/// Octets that must not be shown.
#[derive(Clone)]
struct Secret(zeroize::Zeroizing<Vec<u8>>);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("***")
    }
}

impl Record {
    /// A record that masks these octets.
    pub(crate) fn hiding(secrets: &[&[u8]]) -> Self {
        let record = Self::default();
        record.0.borrow_mut().secrets = secrets.iter().map(|octets| Secret(octets.to_vec().into())).collect();
        record
    }

    /// The number of a new connection.
    pub(crate) fn connection(&self) -> usize {
        let mut inner = self.0.borrow_mut();
        inner.connections += 1;
        inner.connections
    }

    /// Whether the server has left a connection open after QUIT. It is not waited for again.
    pub(crate) fn stays_after_quit(&self) -> bool {
        self.0.borrow().stays_after_quit
    }

    pub(crate) fn note_that_it_stays_after_quit(&self) {
        self.0.borrow_mut().stays_after_quit = true;
    }

    pub(crate) fn sent(&self, connection: usize, octets: &[u8]) {
        // Each line by itself, as it is read.
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            self.put("C", connection, line);
        }
    }

    pub(crate) fn received(&self, connection: usize, octets: &[u8]) {
        if !octets.ends_with(b"\r\n") {
            let mut inner = self.0.borrow_mut();
            if inner.bare.len() < 5 {
                inner.bare.push(octets.to_vec());
            }
        }
        self.put("S", connection, octets);
    }

    /// Something that is no line: a handshake, an end.
    pub(crate) fn event(&self, connection: usize, what: &str) {
        self.push(format!("{connection} * {what}"));
    }

    /// The first line of the reply to a command.
    pub(crate) fn answered(&self, command: &str, line: &[u8]) {
        let mut inner = self.0.borrow_mut();
        if inner.seen.len() < MOST_SEEN {
            inner.seen.push(Seen { command: command.to_owned(), line: line.to_vec() });
        }
    }

    /// Takes what was recorded since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut inner = self.0.borrow_mut();
        let mut lines = core::mem::take(&mut inner.lines);
        if inner.left_out > 0 {
            lines.push(format!("... {} lines more", inner.left_out));
            inner.left_out = 0;
        }
        lines
    }

    /// Puts lines that were taken back, in front.
    pub(crate) fn put_back(&self, lines: &[String]) {
        self.0.borrow_mut().lines.extend_from_slice(lines);
    }

    /// All first lines of replies so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.borrow().seen.clone()
    }

    /// Some of the lines without CRLF at their end.
    pub(crate) fn bare(&self) -> Vec<Vec<u8>> {
        self.0.borrow().bare.clone()
    }

    /// Adds what a record of another thread has seen.
    pub(crate) fn learn(&self, seen: Vec<Seen>, bare: Vec<Vec<u8>>) {
        let mut inner = self.0.borrow_mut();
        inner.seen.extend(seen);
        inner.bare.extend(bare);
    }

    fn put(&self, who: &str, connection: usize, octets: &[u8]) {
        let line = octets.strip_suffix(b"\r\n").unwrap_or(octets);
        let shown = {
            let inner = self.0.borrow();
            let secrets: Vec<&[u8]> = inner.secrets.iter().map(|secret| secret.0.as_slice()).collect();
            escaped(&masked(line, &secrets))
        };
        self.push(format!("{connection} {who}: {shown}"));
    }

    fn push(&self, line: String) {
        let mut inner = self.0.borrow_mut();
        if inner.lines.len() < MOST_LINES {
            inner.lines.push(line);
        } else {
            inner.left_out += 1;
        }
    }
}
