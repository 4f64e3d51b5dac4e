//! A small client that fetches and deletes all messages, with one bad habit.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// What the client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    Right,
    BareLf,
    TrailingSpace,
    LongCommand,
    Pipelines,
    LeavesWithoutQuit,
    LeavesBeforeReply,
    AsksForZero,
    SpeaksFirst,
    TakesAnything,
    WaitsForText,
    SeesErrInText,
    EndsAtAnyDot,
    EndsAtBareLf,
    AsksForMissing,
    NeedsUidl,
    DeletesRefused,
    SendsPassAnyway,
    TriesTwice,
    CountsReplies,
    UsesAnyTimestamp,
    DeletesAhead,
    IgnoresStep,
    ParsesWholeLine,
    CountsNumbers,
    NeedsSizes,
    UidsWithoutCase,
}

/// The session cannot continue.
#[derive(Debug)]
struct Lost;

struct Client {
    stream: TcpStream,
    input: BufReader<TcpStream>,
    habit: Habit,
}

/// One connection, from the greeting to QUIT. There may be no server.
pub(crate) fn fetch(address: SocketAddr, habit: Habit) {
    let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else { return };
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let Ok(other) = stream.try_clone() else { return };
    let mut client = Client { stream, input: BufReader::new(other), habit };
    // The stage judges how it ends.
    let _ = client.session();
}

impl Client {
    fn is(&self, habit: Habit) -> bool {
        self.habit == habit
    }

    fn session(&mut self) -> Result<(), Lost> {
        if self.is(Habit::SpeaksFirst) {
            self.send("CAPA")?;
        }
        let greeting = self.line()?;
        if !self.positive(&greeting)? {
            return Err(Lost);
        }
        if self.is(Habit::UsesAnyTimestamp) && greeting.contains(&b'<') {
            self.ask("APOP mrose 00000000000000000000000000000000")?;
        }
        if self.ask("CAPA")? {
            self.body()?;
        }
        self.log_in()?;
        let mut numbers = Vec::new();
        self.must("LIST")?;
        let mut sizes = Vec::new();
        for line in self.body()? {
            let text = String::from_utf8_lossy(&line).into_owned();
            let words: Vec<&str> = text.split_whitespace().collect();
            if self.is(Habit::ParsesWholeLine) && words.len() != 2 {
                return Err(Lost);
            }
            let (Some(number), Some(size)) = (words.first(), words.get(1)) else { return Err(Lost) };
            numbers.push(number.parse::<usize>().map_err(|_| Lost)?);
            sizes.push(size.parse::<usize>().map_err(|_| Lost)?);
        }
        let uidl = self.ask("UIDL")?;
        let mut seen = Vec::new();
        if uidl {
            for line in self.body()? {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                let (_, uid) = text.split_once(' ').ok_or(Lost)?;
                let uid = if self.is(Habit::UidsWithoutCase) { uid.to_lowercase() } else { uid.to_owned() };
                seen.push(uid);
            }
        } else if self.is(Habit::NeedsUidl) {
            return Err(Lost);
        }
        if self.is(Habit::UidsWithoutCase) && seen.len() == 2 && seen[0] == seen[1] {
            numbers.pop();
        }
        if self.is(Habit::CountsNumbers) {
            numbers = (1..=numbers.len()).collect();
        }
        if self.is(Habit::AsksForMissing) && numbers.is_empty() {
            numbers.push(1);
        }
        if self.is(Habit::AsksForZero) {
            self.ask("RETR 0")?;
        }
        if self.is(Habit::LongCommand) {
            self.ask(&format!("NOOP {}", "x".repeat(300)))?;
        }
        if self.is(Habit::Pipelines) {
            self.stream.write_all(b"NOOP\r\nNOOP\r\n").map_err(|_| Lost)?;
            self.line()?;
            self.line()?;
        }
        self.fetch_and_delete(&numbers, &sizes)?;
        if self.is(Habit::LeavesWithoutQuit) {
            return Ok(());
        }
        if self.is(Habit::LeavesBeforeReply) {
            return self.send("QUIT");
        }
        self.must("QUIT")
    }

    fn log_in(&mut self) -> Result<(), Lost> {
        let user = self.ask("USER mrose")?;
        if !user && !self.is(Habit::SendsPassAnyway) {
            return Err(Lost);
        }
        // Only a client that checks for it notices an unsolicited reply.
        if !self.input.buffer().is_empty() && !self.is(Habit::CountsReplies) {
            return Err(Lost);
        }
        if !self.ask("PASS tanstaaf")? {
            if self.is(Habit::TriesTwice) {
                self.ask("AUTH PLAIN AG1yb3NlAHRhbnN0YWFm")?;
            }
            return Err(Lost);
        }
        Ok(())
    }

    fn fetch_and_delete(&mut self, numbers: &[usize], sizes: &[usize]) -> Result<(), Lost> {
        let mut fetched = Vec::new();
        for (index, number) in numbers.iter().enumerate() {
            if self.is(Habit::DeletesAhead) {
                self.send(&format!("RETR {number}"))?;
                self.send(&format!("DELE {number}"))?;
                self.line()?;
                self.body()?;
                self.line()?;
                continue;
            }
            if self.ask(&format!("RETR {number}"))? {
                let octets: usize = self.body()?.iter().map(Vec::len).sum();
                if self.is(Habit::NeedsSizes) && sizes.get(index) != Some(&octets) {
                    return Err(Lost);
                }
                fetched.push(*number);
            } else if self.is(Habit::DeletesRefused) {
                fetched.push(*number);
            }
        }
        // A message must be followed by a reply, otherwise it ended too early.
        if self.is(Habit::IgnoresStep) {
            for number in &fetched {
                self.send(&format!("DELE {number}"))?;
            }
        } else {
            self.must("NOOP")?;
            for number in &fetched {
                self.must(&format!("DELE {number}"))?;
            }
        }
        Ok(())
    }

    fn send(&mut self, command: &str) -> Result<(), Lost> {
        let end = if self.is(Habit::BareLf) { "\n" } else { "\r\n" };
        let space = if self.is(Habit::TrailingSpace) && command == "LIST" { " " } else { "" };
        self.stream.write_all(format!("{command}{space}{end}").as_bytes()).map_err(|_| Lost)
    }

    /// Whether the command is accepted.
    fn ask(&mut self, command: &str) -> Result<bool, Lost> {
        self.send(command)?;
        let line = self.line()?;
        self.positive(&line)
    }

    fn must(&mut self, command: &str) -> Result<(), Lost> {
        if self.ask(command)? { Ok(()) } else { Err(Lost) }
    }

    fn positive(&self, line: &[u8]) -> Result<bool, Lost> {
        if self.is(Habit::TakesAnything) || self.is(Habit::IgnoresStep) {
            return Ok(true);
        }
        if self.is(Habit::WaitsForText) && line.len() < 6 {
            return Err(Lost);
        }
        if self.is(Habit::SeesErrInText) && line.windows(4).any(|window| window == b"-ERR") {
            return Ok(false);
        }
        let upper = line.to_ascii_uppercase();
        let status = upper.split(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n')).next();
        match status {
            Some(b"+OK") => Ok(true),
            Some(b"-ERR") => Ok(false),
            _ => Err(Lost),
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, Lost> {
        let mut line = Vec::new();
        // Gives up a line that does not end.
        let mut limited = std::io::Read::take(&mut self.input, 4 * 1024 * 1024);
        limited.read_until(b'\n', &mut line).map_err(|_| Lost)?;
        if line.ends_with(b"\n") || line.starts_with(b"+OK") && line.len() < 100 {
            Ok(line)
        } else {
            Err(Lost)
        }
    }

    /// The lines up to the final dot. The habit decides what counts as one.
    fn body(&mut self) -> Result<Vec<Vec<u8>>, Lost> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        loop {
            let line = self.line()?;
            let begins = lines.last().is_none_or(|before| before.ends_with(b"\r\n"));
            let end = line == b".\r\n" && (begins || self.is(Habit::EndsAtBareLf))
                || self.is(Habit::EndsAtAnyDot) && line.starts_with(b"..\r\n");
            if end {
                return Ok(lines);
            }
            lines.push(if begins { line.strip_prefix(b".").unwrap_or(&line).to_vec() } else { line });
        }
    }
}
