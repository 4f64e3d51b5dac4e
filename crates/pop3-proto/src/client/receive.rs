//! Reading what the server sends: each line once.

mod body;
mod greeting;
mod listing;
mod reply;

use super::connection::{Connection, Reading};
use super::error::Error;
use super::event::Event;
use super::excerpt::Excerpt;
use super::state::State;
use crate::command::{Keyword, ReplyShape};
use crate::input::Input;
use crate::quirk::Quirk;
use crate::quirks::Quirks;

impl Connection {
    /// One event, without regard to time and earlier errors.
    pub(super) fn receive<'b>(&mut self, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
        match self.session.state() {
            State::Greeting => self.greeting(input),
            State::Handshake => handshake(input, Quirks::NONE),
            State::Closed => Ok(Event::Closed),
            // The server waits for the answer as it waits for a command.
            State::Challenged => idle(input, self.awaited()),
            State::Authorization | State::Transaction | State::Closing => {
                let Some(&command) = self.outstanding.front() else { return idle(input, None) };
                match self.reading {
                    Reading::Status { .. } => self.reply(command, input),
                    Reading::Lines(progress) => self.line(command, progress, input),
                    Reading::Body => self.body(command, input),
                }
            }
        }
    }

    /// The quirks found in what is read, and those of what was skipped before it. In strict mode the first
    /// one is an error, and what is read must still be in the input.
    fn overlook<const N: usize>(&mut self, found: [Option<Quirk>; N]) -> Result<Quirks, Error> {
        let mut quirks = core::mem::take(&mut self.skipped);
        for quirk in found.into_iter().flatten() {
            if self.config.strict {
                return Err(Error::Quirk(quirk));
            }
            quirks = quirks.with(quirk);
        }
        Ok(quirks)
    }

    /// The same for a line that is skipped: its quirks are told with what comes next.
    fn skip<const N: usize>(&mut self, found: [Option<Quirk>; N]) -> Result<(), Error> {
        self.skipped = self.overlook(found)?;
        Ok(())
    }

    /// The reply to the oldest command is complete.
    fn complete(&mut self, ended_with: ReplyShape) {
        let answered = self.outstanding.pop_front();
        // With the first reply behind the login all that the server may repeat of it is there.
        let login = answered
            .is_some_and(|command| matches!(command.keyword, Keyword::Pass | Keyword::Apop | Keyword::Auth));
        if self.session.state() == State::Transaction && !login {
            self.shown.clear();
        }
        self.after_body = ended_with == ReplyShape::Body;
        self.reading = Reading::Status { empty_lines: 0 };
    }
}

/// Behind the positive reply to STLS: no plaintext may be there.
fn handshake<'b>(input: &Input<'b>, quirks: Quirks) -> Result<Event<'b>, Error> {
    match (input.rest(), input.is_last()) {
        ([], false) => Ok(Event::StartTls { quirks }),
        ([], true) => Err(Error::Closed { during: Some(Keyword::Stls) }),
        _ => Err(Error::Injected),
    }
}

/// While the client has the word, within the exchange of a command or with none: nothing may come, but a server
/// may say why it goes.
fn idle<'b>(input: &Input<'b>, during: Option<Keyword>) -> Result<Event<'b>, Error> {
    let rest = input.rest();
    let (word, behind) = rest.split_at_checked(4).unwrap_or((rest, &[]));
    let negative = b"-ERR".get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    match behind.first() {
        None if negative && !input.is_last() => Ok(Event::Read),
        None if rest.is_empty() => Err(Error::Closed { during }),
        Some(b' ' | b'\t' | b'\r' | b'\n') if negative => Err(Error::Dismissed(Excerpt::default())),
        None if negative && word.len() == 4 => Err(Error::Dismissed(Excerpt::default())),
        _ => Err(Error::Unsolicited(Excerpt::default())),
    }
}

/// A reply, or the greeting, is not whole.
fn wait<'b>(input: &Input<'b>, during: Option<Keyword>) -> Result<Event<'b>, Error> {
    match (input.is_last(), input.rest()) {
        (false, _) => Ok(Event::Read),
        (true, []) => Err(Error::Closed { during }),
        (true, _) => Err(Error::Truncated { during }),
    }
}

/// What follows the first line of a reply is not complete.
fn within<'b>(input: &Input<'b>, keyword: Keyword) -> Result<Event<'b>, Error> {
    if input.is_last() { Err(Error::Truncated { during: Some(keyword) }) } else { Ok(Event::Read) }
}
