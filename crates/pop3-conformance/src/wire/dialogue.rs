//! Commands and their replies, on a wire.

use super::{MOST_OCTETS, Wire, shown};
use crate::reply::{Answer, Reply, trimmed};
use crate::show::escaped;
use crate::verdict::{Stop, ensure, fail};

impl Wire {
    /// Sends a command and reads the first line of the reply.
    pub(crate) fn reply(&mut self, command: &str) -> Result<Reply, Stop> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.read_reply(command)
    }

    /// The same with a command that the record must not show.
    pub(crate) fn reply_secretly(&mut self, shown: &str, command: &[u8]) -> Result<Reply, Stop> {
        self.send_as(shown, &[command, b"\r\n"].concat())?;
        self.read_reply(shown)
    }

    /// Reads the first line of the reply to a command that was sent.
    pub(crate) fn read_reply(&mut self, command: &str) -> Result<Reply, Stop> {
        match self.read_answer(command)? {
            Answer::Reply(reply) => Ok(reply),
            Answer::Challenge(_, line) => {
                fail(format!("{} to {} is not a reply", escaped(&line), shown(command)))
            }
        }
    }

    /// Reads a challenge or the first line of the reply.
    pub(crate) fn read_answer(&mut self, command: &str) -> Result<Answer, Stop> {
        let line = self.line(&format!("a reply to {}", shown(command)))?;
        let bare = trimmed(&line);
        if bare == b"+" || bare.starts_with(b"+ ") {
            let text = String::from_utf8_lossy(bare.get(2..).unwrap_or_default()).into_owned();
            return Ok(Answer::Challenge(text, line));
        }
        let Some(reply) = Reply::parse(&line) else {
            return fail(format!("{} to {} is not a reply", escaped(&line), shown(command)));
        };
        self.record.answered(command, &line);
        if !reply.positive {
            self.refusals += 1;
        }
        if reply.positive && command.eq_ignore_ascii_case("RSET") {
            self.guard.marked = false;
        }
        Ok(Answer::Reply(reply))
    }

    /// Sends a command that must be accepted.
    pub(crate) fn accepted(&mut self, command: &str) -> Result<Reply, Stop> {
        let reply = self.reply(command)?;
        ensure(reply.positive, || format!("{} was refused: {}", shown(command), escaped(&reply.raw)))?;
        Ok(reply)
    }

    /// Sends a command that must be refused.
    pub(crate) fn refused(&mut self, command: &str) -> Result<Reply, Stop> {
        let reply = self.reply(command)?;
        ensure(!reply.positive, || format!("{} was accepted: {}", shown(command), escaped(&reply.raw)))?;
        Ok(reply)
    }

    /// Sends a command that must be accepted, and reads the lines up to the dot. They have their line
    /// ends, and the dots that were stuffed.
    pub(crate) fn multiline(&mut self, command: &str) -> Result<Vec<Vec<u8>>, Stop> {
        let reply = self.accepted(command)?;
        self.body(command, &reply)
    }

    /// The same, but nothing where the command is refused.
    pub(crate) fn multiline_if(&mut self, command: &str) -> Result<Option<Vec<Vec<u8>>>, Stop> {
        let reply = self.reply(command)?;
        if reply.positive { self.body(command, &reply).map(Some) } else { Ok(None) }
    }

    /// The lines behind the first line of a reply.
    pub(crate) fn body(&mut self, command: &str, reply: &Reply) -> Result<Vec<Vec<u8>>, Stop> {
        // Who ends his status line with LF ends his dot with LF.
        let bare = !reply.raw.ends_with(b"\r\n");
        let mut lines = Vec::new();
        let mut octets = 0;
        loop {
            let line = self.line(&format!("the dot that ends the reply to {}", shown(command)))?;
            if line == b".\r\n" || bare && line == b".\n" {
                return Ok(lines);
            }
            octets += line.len();
            ensure(octets < MOST_OCTETS, || format!("the reply to {} does not end", shown(command)))?;
            lines.push(line);
        }
    }
}
