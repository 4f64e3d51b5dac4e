//! What the client sends.

use pop3_proto::{Command, CommandError, Keyword, ReplyShape};

use crate::asked::Asked;
use crate::assembler::Line;
use crate::event::{ObserverEvent, Sent};
use crate::naming::Naming;
use crate::queue::{Auth, Begins, Outstanding};
use crate::rule::Rule;
use crate::{Observer, Sink, Stage, announced, flag, words};

impl Observer {
    pub(crate) fn client_line(&mut self, line: Line<'_>, sink: Sink<'_>) {
        match self.exchange {
            // The client considers the login complete.
            Some(exchange) if exchange.guessed && Command::parse(line.text).is_ok() => {
                if let Some(front) = self.queue.front() {
                    self.settle(&front, true, sink);
                    self.complete();
                }
                self.command(line, sink);
            }
            Some(exchange) if exchange.clients_turn => self.response(exchange, line, sink),
            Some(_) | None => self.command(line, sink),
        }
    }

    fn command(&mut self, line: Line<'_>, sink: Sink<'_>) {
        self.commands = self.commands.saturating_add(1);
        let text = line.text;
        let cut = line.octets > (text.len() as u64).saturating_add(2);
        let parsed = if cut { Err(CommandError::TooLong) } else { Command::parse(text) };
        let keyword = parsed.as_ref().map_or_else(|_| words::keyword(text), |parsed| Some(parsed.keyword()));
        let asked = Asked { number: self.commands, keyword };
        let named_in_utf8 = parsed.as_ref().is_err_and(|&error| error == CommandError::EightBit)
            && self.announced.utf8_user();
        let error = parsed.as_ref().err().copied().filter(|_| !named_in_utf8);
        let (shown, redacted) = words::shown(text, parsed.as_ref().map_err(|&error| error), self.wary);
        let mechanism = if let Ok(Command::Auth { mechanism, .. }) = parsed { Some(mechanism) } else { None };
        let message = parsed.as_ref().ok().and_then(message);
        sink(ObserverEvent::Command(Sent {
            asked,
            shown,
            redacted,
            octets: line.octets,
            error,
            message: message.map(pop3_proto::MessageNumber::number),
            mechanism,
        }));
        let about = Some(asked);
        self.judge_line(line, about, sink);
        // Base64 that goes on may be good in the end.
        if let Some(error) = error
            && !(line.early && error == CommandError::Base64)
        {
            judge_error(text, about, error, sink);
        }
        if self.stage == Stage::Greeting {
            flag(sink, about, Rule::SpokeFirst);
        } else {
            self.judge_order(asked, error.is_none(), sink);
        }
        let initial = matches!(parsed, Ok(Command::Auth { initial: Some(_), .. }))
            || error == Some(CommandError::Base64);
        let auth = (keyword == Some(Keyword::Auth)).then(|| Auth {
            begins: mechanism.map_or(Begins::Unknown, Begins::of),
            initial,
            listed: mechanism.and_then(|mechanism| self.announced.lists(mechanism)),
        });
        if let Some(auth) = auth {
            if initial && line.octets > 255 {
                flag(sink, about, Rule::InitialLength);
            }
            if mechanism.is_some() && auth.listed != Some(true) {
                flag(sink, about, Rule::AuthUnlisted);
            }
        }
        self.judge_secret(about, mechanism.is_some_and(announced::shows_secret), parsed.as_ref().ok(), sink);
        self.note(keyword, error.is_none());
        if self.queue.len() >= self.config.max_outstanding {
            self.stage = Stage::GaveUp;
            sink(ObserverEvent::GaveUp);
            return;
        }
        let lines = if let Ok(Command::Top { lines, .. }) = parsed { lines } else { u64::MAX };
        let shape = match &parsed {
            Ok(parsed) => Some(parsed.reply_shape()),
            Err(_) => keyword.map(shape),
        };
        let login = keyword.is_some_and(is_login_word);
        let eight_bit = login && !text.is_ascii() && !self.announced.utf8_user();
        let wrong = match error {
            Some(error) => words::wrong(text, keyword, error),
            None => eight_bit.then_some(Rule::PositiveOctets),
        };
        let good = error.is_none() && line.octets <= 255 && !eight_bit;
        self.queue.push(Outstanding { asked, message, lines, shape, wrong, good, auth });
    }

    /// The octets of a command.
    fn judge_line(&self, line: Line<'_>, about: Option<Asked>, sink: Sink<'_>) {
        let keyword = about.and_then(|asked| asked.keyword);
        let text = line.text;
        if !line.crlf {
            flag(sink, about, Rule::ClientLineEnd);
        }
        if line.octets > 255 && keyword != Some(Keyword::Auth) {
            flag(sink, about, Rule::CommandLength);
        }
        if words::is_spaced(text, keyword) {
            flag(sink, about, Rule::CommandSpacing);
        }
        if memchr::memchr2(b'\r', 0, text).is_some() {
            flag(sink, about, Rule::CommandBreak);
        } else if text.iter().any(u8::is_ascii_control) {
            flag(sink, about, Rule::CommandOctets);
        }
        if !text.is_ascii() {
            let login = keyword.is_some_and(is_login_word);
            match (login, self.announced.utf8_user()) {
                (true, true) => {}
                (true, false) => flag(sink, about, Rule::LoginOctets),
                (false, _) => flag(sink, about, Rule::CommandOctets),
            }
        }
    }

    /// Whether the command may be sent now.
    fn judge_order(&mut self, asked: Asked, good: bool, sink: Sink<'_>) {
        let about = Some(asked);
        if self.stage == Stage::Closed || self.queue.has_quit() {
            flag(sink, about, Rule::CommandBehindQuit);
            return;
        }
        if self.queue.has_stls() {
            flag(sink, about, Rule::SentBehindStls);
        } else if self.queue.has_auth() {
            flag(sink, about, Rule::SentBehindAuth);
        } else if self.queue.len() == 1 && self.announced.has(announced::Tag::Pipelining) != Some(true) {
            // Once for each burst.
            flag(sink, about, Rule::Pipelined);
        }
        let Some(keyword) = asked.keyword.filter(|_| good) else { return };
        // Outstanding commands may change the state, so nothing is certain.
        let settled = !self.queue.has_login() && !self.queue.has_stls();
        if settled && !is_allowed(keyword, self.stage == Stage::Transaction) {
            flag(sink, about, Rule::CommandState);
            return;
        }
        let naming = self.naming;
        if keyword == Keyword::Pass && settled && naming != Naming::User {
            flag(
                sink,
                about,
                match naming {
                    Naming::Refused => Rule::PassAfterRefusal,
                    Naming::Interrupted => Rule::PassNotNext,
                    Naming::Nothing | Naming::User => Rule::PassWithoutUser,
                },
            );
        }
        if keyword == Keyword::Apop && !self.timestamp {
            flag(sink, about, Rule::ApopUnoffered);
        }
        if keyword == Keyword::Stls && self.utf8 {
            flag(sink, about, Rule::StlsAfterUtf8);
        }
        if keyword == Keyword::AuthList {
            flag(sink, about, Rule::AuthListing);
        }
    }

    fn judge_secret(&self, about: Option<Asked>, plain: bool, parsed: Option<&Command<'_>>, sink: Sink<'_>) {
        if !self.is_readable() {
            return;
        }
        if plain || matches!(parsed, Some(Command::Pass(_))) {
            flag(sink, about, Rule::SecretInClear);
        }
        if let Some(Command::Auth { mechanism, .. }) = parsed
            && mechanism.as_str() == "OAUTHBEARER"
        {
            flag(sink, about, Rule::TokenInClear);
        }
    }

    /// What has to be remembered of a command.
    fn note(&mut self, keyword: Option<Keyword>, good: bool) {
        self.naming = match (keyword, self.naming) {
            // What can't be read changes nothing.
            (Some(Keyword::Pass), naming) if !good => naming,
            (Some(Keyword::User), _) => Naming::User,
            (Some(Keyword::Pass | Keyword::Apop | Keyword::Auth), _) => Naming::Nothing,
            (_, Naming::User) => Naming::Interrupted,
            (_, naming) => naming,
        };
        self.wary |= matches!(keyword, Some(Keyword::Pass | Keyword::Apop | Keyword::Auth));
        self.quit_sent |= good && keyword == Some(Keyword::Quit);
    }
}

fn judge_error(line: &[u8], about: Option<Asked>, error: CommandError, sink: Sink<'_>) {
    match error {
        CommandError::Unknown | CommandError::Empty => flag(sink, about, Rule::CommandUnknown),
        CommandError::Number if words::is_zero(line) => flag(sink, about, Rule::NumberZero),
        CommandError::Mechanism => flag(sink, about, Rule::MechanismName),
        CommandError::Base64 => flag(sink, about, Rule::ResponseSyntax),
        CommandError::Missing
        | CommandError::Surplus
        | CommandError::Number
        | CommandError::Digest
        | CommandError::Language => flag(sink, about, Rule::CommandSyntax),
        // Told already.
        CommandError::Control | CommandError::EightBit | CommandError::TooLong => {}
        // One that this version does not know.
        _ => {}
    }
}

/// Whether names and passwords stand in a command as they are.
const fn is_login_word(keyword: Keyword) -> bool {
    matches!(keyword, Keyword::User | Keyword::Pass | Keyword::Apop)
}

/// Which command a state has.
pub(crate) const fn is_allowed(keyword: Keyword, transaction: bool) -> bool {
    match keyword {
        Keyword::User
        | Keyword::Pass
        | Keyword::Apop
        | Keyword::Auth
        | Keyword::AuthList
        | Keyword::Stls
        | Keyword::Utf8
        | Keyword::Xclient => !transaction,
        Keyword::Stat
        | Keyword::List
        | Keyword::Retr
        | Keyword::Top
        | Keyword::Dele
        | Keyword::Noop
        | Keyword::Rset
        | Keyword::Uidl
        | Keyword::Last => transaction,
        Keyword::Capa | Keyword::Lang | Keyword::Quit | Keyword::Extension => true,
        // One that this version does not know.
        _ => true,
    }
}

/// What follows a positive reply to a command whose arguments can't be read.
const fn shape(keyword: Keyword) -> ReplyShape {
    match keyword {
        Keyword::Retr | Keyword::Top => ReplyShape::Body,
        Keyword::Capa | Keyword::AuthList => ReplyShape::Lines,
        Keyword::User
        | Keyword::Pass
        | Keyword::Apop
        | Keyword::Auth
        | Keyword::Stat
        | Keyword::List
        | Keyword::Dele
        | Keyword::Noop
        | Keyword::Rset
        | Keyword::Uidl
        | Keyword::Last
        | Keyword::Stls
        | Keyword::Utf8
        | Keyword::Lang
        | Keyword::Xclient
        | Keyword::Quit
        | Keyword::Extension => ReplyShape::Line,
        // One that this version does not know.
        _ => ReplyShape::Line,
    }
}

const fn message(command: &Command<'_>) -> Option<pop3_proto::MessageNumber> {
    match *command {
        Command::List(message) | Command::Uidl(message) => message,
        Command::Retr(message) | Command::Dele(message) | Command::Top { message, .. } => Some(message),
        Command::User(_)
        | Command::Pass(_)
        | Command::Apop { .. }
        | Command::Auth { .. }
        | Command::AuthList
        | Command::Stat
        | Command::Noop
        | Command::Rset
        | Command::Last
        | Command::Capa
        | Command::Stls
        | Command::Utf8
        | Command::Lang(_)
        | Command::Xclient(_)
        | Command::Quit
        | Command::Extension(_) => None,
        // One that this version does not know.
        _ => None,
    }
}
