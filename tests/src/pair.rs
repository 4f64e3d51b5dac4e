//! A client core and a server core, joined in memory.

use std::collections::VecDeque;

use crate::client::Client;
use crate::server::Server;

/// Both ends of a connection, and what was sent between them.
#[derive(Debug)]
pub struct Pair {
    /// The client.
    pub client: Client,
    /// The server.
    pub server: Server,
    commands: VecDeque<String>,
    transcript: String,
    to_server: Vec<usize>,
    to_client: Vec<usize>,
    inserted: Option<Inserted>,
    most_outstanding: usize,
}

/// What a man in the middle inserts after a line that passes by.
#[derive(Clone, Debug)]
struct Inserted {
    to_client: bool,
    behind: Vec<u8>,
    octets: Vec<u8>,
}

impl Pair {
    /// Joins them. Everything is passed on in one piece.
    #[must_use]
    pub fn new(client: Client, server: Server) -> Self {
        Self {
            client,
            server,
            commands: VecDeque::new(),
            transcript: String::new(),
            to_server: Vec::new(),
            to_client: Vec::new(),
            inserted: None,
            most_outstanding: 0,
        }
    }

    /// Passes everything on in pieces of these lengths.
    #[must_use]
    pub fn with_lengths(mut self, to_server: &[usize], to_client: &[usize]) -> Self {
        self.to_server = to_server.to_vec();
        self.to_client = to_client.to_vec();
        self
    }

    /// Inserts octets after the first line of the client (or the server) with this beginning.
    #[must_use]
    pub fn inserting(mut self, to_client: bool, behind: &[u8], octets: &[u8]) -> Self {
        self.inserted = Some(Inserted { to_client, behind: behind.to_vec(), octets: octets.to_vec() });
        self
    }

    /// Makes the client send these commands, each as soon as possible, until all are answered or it cannot
    /// continue.
    pub fn run<'c>(&mut self, commands: impl IntoIterator<Item = &'c str>) {
        self.commands.extend(commands.into_iter().map(str::to_owned));
        loop {
            let spoken = self.server.take();
            let spoken = self.pass(true, spoken);
            self.client.feed(&spoken, &self.to_client);
            if self.server.closed().is_some() {
                self.client.end();
            }
            while let Some(command) = self.commands.front() {
                match self.client.send(command) {
                    Ok(()) => drop(self.commands.pop_front()),
                    Err(_) => break,
                }
            }
            self.most_outstanding = self.most_outstanding.max(self.client.connection().outstanding());
            let written = self.client.take();
            let written = self.pass(false, written);
            self.server.feed(&written, &self.to_server);
            if written.is_empty() && spoken.is_empty() {
                return;
            }
        }
    }

    /// Records lines in the transcript, and lets the man in the middle act on them.
    fn pass(&mut self, to_client: bool, octets: Vec<u8>) -> Vec<u8> {
        let mut passed = Vec::new();
        for line in octets.split_inclusive(|&octet| octet == b'\n') {
            let who = if to_client { 'S' } else { 'C' };
            let text = line.strip_suffix(b"\r\n").unwrap_or(line).escape_ascii();
            self.transcript += &format!("{who}: {text}\n");
            passed.extend_from_slice(line);
            let here =
                |inserted: &Inserted| inserted.to_client == to_client && line.starts_with(&inserted.behind);
            if self.inserted.as_ref().is_some_and(here)
                && let Some(inserted) = self.inserted.take()
            {
                passed.extend_from_slice(&inserted.octets);
            }
        }
        passed
    }

    /// What was sent, one line each, without what was inserted.
    #[must_use]
    pub fn transcript(&self) -> &str {
        &self.transcript
    }

    /// The lines from one side.
    #[must_use]
    pub fn lines_of(&self, who: char) -> Vec<&str> {
        let prefix = format!("{who}: ");
        self.transcript.lines().filter_map(|line| line.strip_prefix(&*prefix)).collect()
    }

    /// The commands that could not be sent.
    #[must_use]
    pub fn unsent(&self) -> Vec<&str> {
        self.commands.iter().map(String::as_str).collect()
    }

    /// The highest number of outstanding commands.
    #[must_use]
    pub const fn most_outstanding(&self) -> usize {
        self.most_outstanding
    }
}
