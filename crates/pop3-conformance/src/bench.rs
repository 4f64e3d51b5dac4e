//! Connections for the rows: before the login, in clear text, logged in; and the session they share.

use core::time::Duration;
use std::rc::Rc;
use std::time::Instant;

use crate::connect::{Connect, TestedTls};
use crate::facts::Facts;
use crate::probes::Probes;
use crate::record::Record;
use crate::show::escaped;
use crate::verdict::{Stop, ensure, fail, skip};
use crate::wire::{Guard, Handshake, Reply, Wire};

/// How many commands may be refused before the login until another connection is taken: Dovecot closes at
/// the fourth.
const REFUSALS_BEFORE: u32 = 2;

/// The same after the login; servers close after about twenty.
const REFUSALS_AFTER: u32 = 10;

/// How long a maildrop may stay locked after its session has ended.
pub(crate) const LOCK: Duration = Duration::from_secs(6);

/// How long to wait before a locked maildrop is tried again.
pub(crate) const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// The longest LOGIN-DELAY that is waited for.
const LONGEST_DELAY: Duration = Duration::from_secs(20);

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) connect: &'a Connect,
    pub(crate) destructive: bool,
    pub(crate) facts: Rc<Facts>,
    pub(crate) record: Record,
    shared: Option<Wire>,
    /// Set by the first row that sees it, so that no message more is lost.
    pub(crate) cut_removes: bool,
    pub(crate) probes: Probes,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(connect: &'a Connect, destructive: bool) -> Self {
        let record = Record::hiding(&crate::sasl::secrets(connect));
        let facts = Rc::new(Facts::default());
        Self {
            connect,
            destructive,
            facts,
            record,
            shared: None,
            cut_removes: false,
            probes: Default::default(),
        }
    }

    /// The user's name as text.
    pub(crate) fn user(&self) -> String {
        String::from_utf8_lossy(&self.connect.user).into_owned()
    }

    /// A connection with the greeting read, before TLS and before the login.
    pub(crate) fn clear(&self) -> Result<Wire, Stop> {
        if self.connect.tls == TestedTls::Implicit {
            return skip("the connection uses implicit TLS");
        }
        let mut wire = self.dial()?;
        self.greet(&mut wire)?;
        Ok(wire)
    }

    /// A connection on which nothing was read.
    pub(crate) fn dial(&self) -> Result<Wire, Stop> {
        let stream = match self.connect.dial() {
            Ok(stream) => stream,
            Err(error) => return fail(format!("no connection: {error}")),
        };
        let guard = Guard {
            may_remove: self.destructive,
            fetching_removes: self.facts.removes,
            cut_removes: self.cut_removes,
            ..Guard::default()
        };
        Ok(Wire::new(stream, self.record.clone(), self.connect.timeout, self.connect.pause, guard))
    }

    fn greet(&self, wire: &mut Wire) -> Result<(), Stop> {
        let greeting = wire.line("the greeting")?;
        match Reply::parse(&greeting) {
            Some(reply) if reply.positive => {
                wire.record.answered("", &greeting);
                wire.greeting = greeting;
                Ok(())
            }
            Some(_) => fail(format!("the connection was refused: {}", escaped(&greeting))),
            None => fail(format!("{} is not a greeting", escaped(&greeting))),
        }
    }

    /// A connection before the login, protected as the login is.
    pub(crate) fn open(&self) -> Result<Wire, Stop> {
        match self.connect.tls {
            TestedTls::Off => self.clear(),
            TestedTls::StartTls => self.stls(),
            TestedTls::Implicit => {
                let mut wire = self.dial()?;
                self.secure(&mut wire)?;
                self.greet(&mut wire)?;
                Ok(wire)
            }
        }
    }

    /// A connection in TLS before the login, however TLS began.
    pub(crate) fn tls(&self) -> Result<Wire, Stop> {
        if self.connect.tls == TestedTls::Off { self.stls() } else { self.open() }
    }

    /// A connection on which STLS has begun TLS.
    pub(crate) fn stls(&self) -> Result<Wire, Stop> {
        let mut wire = self.clear()?;
        self.offers_stls()?;
        wire.accepted("STLS")?;
        ensure(wire.unread() == 0, || "octets in clear text follow the reply to STLS".to_owned())?;
        self.secure(&mut wire)?;
        Ok(wire)
    }

    /// That STLS is worth a try.
    pub(crate) fn offers_stls(&self) -> Result<(), Stop> {
        if self.connect.trust.is_none() {
            return skip("no TLS was configured");
        }
        match (&self.facts.trust, &self.facts.clear) {
            (Err(fault), _) => skip(format!("the certificate is not trusted: {fault}")),
            (Ok(()), Some(list)) if !list.has("STLS") && self.connect.tls == TestedTls::Off => {
                skip("no STLS offered")
            }
            (Ok(()), None) if self.connect.tls == TestedTls::Off => skip("no STLS offered"),
            (Ok(()), _) => Ok(()),
        }
    }

    pub(crate) fn secure(&self, wire: &mut Wire) -> Result<(), Stop> {
        let Some((config, name)) = self.connect.trust.clone() else {
            return skip("no TLS was configured");
        };
        match wire.handshake(config, name)? {
            Handshake::Established => Ok(()),
            Handshake::Untrusted(fault) => skip(format!("the certificate is not trusted: {fault}")),
            Handshake::Refused(fault) => fail(format!("no TLS: {fault}")),
        }
    }

    /// Logs in, waiting for a lock of a session that has just ended.
    pub(crate) fn log_in(&self) -> Result<Wire, Stop> {
        let started = Instant::now();
        loop {
            let mut wire = self.open()?;
            let reply = self.try_log_in(&mut wire)?;
            if reply.positive {
                return Ok(wire);
            }
            let (busy, limit) =
                if reply.has_code("LOGIN-DELAY") { (true, LONGEST_DELAY) } else { (reply.is_locked(), LOCK) };
            if !busy || started.elapsed() > limit {
                let text = format!("the login was refused: {}", escaped(&reply.raw));
                let passing = ["IN-USE", "LOGIN-DELAY", "SYS/TEMP"].iter().any(|code| reply.has_code(code));
                return Err(if passing { Stop::Later(text) } else { Stop::Failed(text) });
            }
            wire.quit();
            std::thread::sleep(LOCK_PAUSE);
        }
    }

    /// Logs in once, however the server likes it; the last reply.
    pub(crate) fn try_log_in(&self, wire: &mut Wire) -> Result<Reply, Stop> {
        let plain = self.facts.before.as_ref().is_some_and(|list| !list.has("USER"))
            && self.facts.mechanisms().iter().any(|name| name == "PLAIN");
        let reply = if plain {
            let message = crate::sasl::plain(b"", &self.connect.user, &self.connect.password);
            wire.reply_secretly("AUTH PLAIN ***", &[b"AUTH PLAIN ", message.as_bytes()].concat())?
        } else {
            let reply = wire.reply(&format!("USER {}", self.user()))?;
            if !reply.positive {
                return Ok(reply);
            }
            self.pass(wire)?
        };
        wire.logged_in = reply.positive;
        Ok(reply)
    }

    /// The right password.
    pub(crate) fn pass(&self, wire: &mut Wire) -> Result<Reply, Stop> {
        let reply =
            wire.reply_secretly("PASS ***", &[b"PASS ", self.connect.password.as_slice()].concat())?;
        wire.logged_in = reply.positive;
        Ok(reply)
    }

    /// A password that is not right.
    pub(crate) fn wrong_password(&self) -> Vec<u8> {
        let mut password = self.connect.password.to_vec();
        password.reverse();
        password.extend_from_slice(b"-wrong");
        password
    }

    /// The session that the rows share, taken out. Whoever leaves it in order gives it back by
    /// [`keep`](Self::keep); else it ends, and removes nothing.
    pub(crate) fn session(&mut self) -> Result<Wire, Stop> {
        if let Some(mut wire) = self.shared.take() {
            if wire.refusals <= REFUSALS_AFTER && !wire.is_over() {
                return Ok(wire);
            }
            wire.quit();
        }
        self.log_in()
    }

    /// Gives the shared session back.
    pub(crate) fn keep(&mut self, mut wire: Wire) -> Result<(), Stop> {
        if wire.guard.marked && !wire.is_over() {
            wire.accepted("RSET")?;
        }
        if wire.unread() > 0 {
            let octets = wire.take_unread();
            return fail(format!("{} came unasked", escaped(&octets)));
        }
        self.shared = Some(wire);
        Ok(())
    }

    /// A session of one's own. The shared one is ended first.
    pub(crate) fn fresh(&mut self) -> Result<Wire, Stop> {
        self.end_session();
        self.log_in()
    }

    /// Ends the shared session.
    pub(crate) fn end_session(&mut self) {
        if let Some(wire) = self.shared.take() {
            wire.quit();
        }
    }

    /// Tries that each command is refused before the login, on as many connections as that takes.
    pub(crate) fn refused_before<C: AsRef<str>>(&self, commands: &[C]) -> Result<(), Stop> {
        let mut wire = self.open()?;
        for command in commands {
            if wire.refusals >= REFUSALS_BEFORE || wire.is_over() {
                wire.quit();
                wire = self.open()?;
            }
            wire.refused(command.as_ref())?;
        }
        wire.quit();
        Ok(())
    }

    /// Tries that each command is refused after the login.
    pub(crate) fn refused_after<C: AsRef<str>>(&mut self, commands: &[C]) -> Result<(), Stop> {
        let mut wire = self.session()?;
        for command in commands {
            if wire.refusals >= REFUSALS_AFTER || wire.is_over() {
                self.keep(wire)?;
                wire = self.session()?;
            }
            wire.refused(command.as_ref())?;
        }
        if !wire.is_over() {
            wire.accepted("NOOP")?;
            self.keep(wire)?;
        }
        Ok(())
    }
}
