//! What a client has sent.

use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, fail, skip};

/// What a client has sent to one script, and how it ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) lines: Vec<Line>,
    /// What came before the greeting was sent.
    pub(crate) before_greeting: Vec<u8>,
    /// What came behind STLS, before the handshake, that is none.
    pub(crate) before_handshake: Vec<u8>,
    /// How many connections there were.
    pub(crate) connections: usize,
    /// Whether the client ended the connection before the reply to QUIT was sent.
    pub(crate) left_early: bool,
    /// Whether the client still had its connection open when its time was over.
    pub(crate) waited: bool,
    /// Whether a handshake was done, and what was agreed on by ALPN.
    pub(crate) tls: Option<Option<Vec<u8>>>,
    /// How many messages the maildrop has.
    pub(crate) messages: usize,
    /// How many octets the client took of an endless line.
    pub(crate) taken: usize,
    /// Whether the command that was run for this script ended with 0; unknown without one.
    pub(crate) succeeded: Option<bool>,
    /// The password that the client was told, where it was told one.
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) transcript: Vec<String>,
}

/// A line of a client.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// With its end.
    pub(crate) raw: Vec<u8>,
    /// In upper case; empty in an exchange of AUTH.
    pub(crate) keyword: String,
    /// Behind the keyword and a space.
    pub(crate) argument: Vec<u8>,
    /// Whether it came before the reply to the line before it was sent.
    pub(crate) pipelined: bool,
    pub(crate) tls: bool,
}

impl Heard {
    /// The lines with this keyword.
    pub(crate) fn all<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.keyword == keyword)
    }

    pub(crate) fn has(&self, keyword: &str) -> bool {
        self.all(keyword).next().is_some()
    }

    /// The numbers that a keyword was sent with.
    pub(crate) fn numbers(&self, keyword: &str) -> Vec<usize> {
        let number = |line: &Line| core::str::from_utf8(&line.argument).ok()?.split(' ').next()?.parse().ok();
        self.all(keyword).filter_map(number).collect()
    }

    /// The commands, for a message.
    pub(crate) fn commands(&self) -> String {
        let words: Vec<&str> = self.lines.iter().map(|line| line.keyword.as_str()).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
    }

    /// Whether a password, a digest or a response was sent.
    pub(crate) fn sent_credentials(&self) -> bool {
        ["PASS", "APOP", "AUTH"].iter().any(|keyword| self.has(keyword))
    }

    /// Whether something was sent that belongs behind the login.
    pub(crate) fn believed_login(&self) -> bool {
        ["STAT", "LIST", "UIDL", "RETR", "TOP", "DELE"].iter().any(|keyword| self.has(keyword))
    }

    /// That the client came so far that the script could do what it is for.
    pub(crate) fn reached(&self, keyword: &str) -> Result<(), Stop> {
        if self.has(keyword) {
            Ok(())
        } else {
            skip(format!("the client did not send {keyword}, but {}", self.commands()))
        }
    }

    /// That the client has fetched and deleted these messages and no other, and has ended by QUIT.
    pub(crate) fn took(&self, numbers: &[usize]) -> Verdict {
        if self.connections == 0 {
            return skip("the client did not connect");
        }
        ensure(self.sent_credentials(), || {
            format!("the client did not log in, but sent {}", self.commands())
        })?;
        self.deleted_only(numbers)?;
        for number in numbers {
            ensure(self.numbers("RETR").contains(number), || {
                format!("message {number} was not fetched; the client sent {}", self.commands())
            })?;
        }
        if !self.has("DELE") && self.has("QUIT") {
            return skip("the client deletes nothing, so what it accepted is not visible");
        }
        for number in numbers {
            ensure(self.numbers("DELE").contains(number), || {
                format!("message {number} was not deleted; the client sent {}", self.commands())
            })?;
        }
        ensure(self.has("QUIT"), || "the client did not send QUIT".to_owned())?;
        ensure(self.succeeded != Some(false), || "the client ended with an error".to_owned())?;
        done()
    }

    /// That no message but these was deleted, and each that was had been fetched.
    pub(crate) fn deleted_only(&self, numbers: &[usize]) -> Result<(), Stop> {
        let mut fetched = Vec::new();
        for line in &self.lines {
            let number = core::str::from_utf8(&line.argument).ok().and_then(|text| text.trim().parse().ok());
            match (line.keyword.as_str(), number) {
                ("RETR", Some(number)) => fetched.push(number),
                ("DELE", Some(number)) => {
                    ensure(numbers.contains(&number), || format!("message {number} was deleted"))?;
                    ensure(fetched.contains(&number), || {
                        format!("message {number} was deleted before it was fetched")
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// That all went well with all messages.
    pub(crate) fn took_all(&self) -> Verdict {
        self.took(&(1..=self.messages).collect::<Vec<_>>())
    }

    /// That the client has noticed an error: where it was run, by its exit code.
    pub(crate) fn noticed(&self) -> Result<(), Stop> {
        match self.succeeded {
            Some(true) => fail("the client reported success"),
            Some(false) | None => Ok(()),
        }
    }

    /// That no credentials were sent.
    pub(crate) fn no_credentials(&self) -> Result<(), Stop> {
        ensure(!self.sent_credentials(), || format!("the client sent {}", self.commands()))
    }

    /// That each line is good.
    pub(crate) fn each(&self, good: impl Fn(&Line) -> bool) -> Verdict {
        if self.lines.is_empty() {
            return skip("the client sent nothing");
        }
        for line in &self.lines {
            // The argument of PASS and what an exchange of AUTH says are not shown.
            ensure(good(line), || match line.keyword.as_str() {
                "" | "PASS" | "APOP" | "AUTH" => format!("a line of {}", line.keyword),
                _ => format!("the line {}", escaped(&line.raw)),
            })?;
        }
        done()
    }
}
