//! Runs the scripts one after the other, and creates the report.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use rustls::ServerConfig;

use super::player::Player;
use super::script::Script;
use super::scripts::{GROUPS, SCRIPTS};
use crate::heard::Heard;
use crate::report::{ConformanceReport, ReportEntry};
use crate::row::{Check, Row};
use crate::verdict::{Outcome, Stop};
use crate::{Group, Selection};

/// The interval at which the stage checks for a client.
const POLL: Duration = Duration::from_millis(10);

/// The name with which a client is told to log in. Any name is accepted.
const USER: &str = "mrose";

/// A listener that runs the scripts.
#[derive(Debug)]
pub struct Stage {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    command: Option<String>,
    timeout: Duration,
    once: bool,
}

impl Stage {
    /// Listens on an address.
    ///
    /// # Errors
    /// Returns an error if the address is not available.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, tls: None, command: None, timeout: Duration::from_secs(20), once: false })
    }

    /// Returns the address of the listener.
    ///
    /// # Errors
    /// Returns an error if the system does not report it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Sets a certificate. Without one, the scripts with STLS are skipped.
    #[must_use]
    pub fn with_tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Sets a shell command that runs a client for each script. Its environment contains `POP3_HOST`, `POP3_PORT`,
    /// `POP3_USER`, `POP3_PASSWORD`, `POP3_SCENARIO` with the name of the script, and `POP3_TLS`, which is
    /// `starttls` if the client must require STLS, and `off` otherwise.
    #[must_use]
    pub fn with_command(mut self, command: &str) -> Self {
        self.command = Some(command.to_owned());
        self
    }

    /// Sets how long a client may be silent, or its command may take. Default: 20 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets whether to stop after the first script.
    #[must_use]
    pub const fn once(mut self, once: bool) -> Self {
        self.once = once;
        self
    }

    /// Runs the scripts that contain a selected row. `stop` ends the run early and keeps the rows so far.
    ///
    /// # Errors
    /// Returns an error if the listener fails or the command cannot be run.
    pub fn run(
        &self,
        selection: &Selection,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&Row, &Outcome),
    ) -> io::Result<ConformanceReport> {
        let mut report = ConformanceReport::default();
        for (group, script) in GROUPS.iter().zip(SCRIPTS) {
            let chosen = |row: &&Row| selection.has(group.name, row.id);
            if !group.rows.iter().any(|row| chosen(&row)) || stop.load(Ordering::Relaxed) {
                continue;
            }
            let heard = if script.starttls && self.tls.is_none() {
                None
            } else {
                match self.play(group, script, stop)? {
                    Some(heard) => Some(heard),
                    None => break,
                }
            };
            for row in group.rows.iter().filter(chosen) {
                let outcome: Outcome = match (&heard, row.check) {
                    (None, _) => Err(Stop::NotApplicable("needs a certificate".to_owned())),
                    (Some(heard), Check::Judge(judge)) => judge(heard),
                    (Some(_), _) => Err(Stop::NotApplicable("can't be seen".to_owned())),
                }
                .into();
                progress(row, &outcome);
                let transcript = heard.as_ref().map(|heard| heard.transcript.clone()).unwrap_or_default();
                report.entries.push(ReportEntry { group: group.name, row: *row, outcome, transcript });
            }
            if self.once {
                break;
            }
        }
        Ok(report)
    }

    /// Runs one script, with one client or with all connections of the command.
    fn play(&self, group: &Group, script: &Script, stop: &AtomicBool) -> io::Result<Option<Heard>> {
        let unique: String =
            crate::sasl::unique().iter().take(4).map(|octet| format!("{octet:02x}")).collect();
        let mail = (script.mail)(&format!("{}-{unique}", group.name));
        let mut heard = Heard { messages: mail.len(), ..Heard::default() };
        let mut child = match &self.command {
            Some(command) => {
                heard.password = Some(script.password.as_bytes().to_vec());
                Some(self.spawn(command, group.name, script)?)
            }
            None => None,
        };
        let deadline = child.as_ref().map(|_| Instant::now() + self.timeout * 2);
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    // The last thing that a refused or stuck client sees is the end.
                    let timeout = self.timeout / 2;
                    Player::new(stream, script, &mail, self.tls.clone(), timeout).play(&mut heard);
                    if child.is_none() {
                        return Ok(Some(heard));
                    }
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if let Some(running) = &mut child {
                if let Some(status) = running.try_wait()? {
                    heard.succeeded = Some(status.success());
                    heard.transcript.push(format!("{} * the command ended: {status}", heard.connections));
                    return Ok(Some(heard));
                }
                let over = deadline.is_some_and(|deadline| Instant::now() > deadline);
                if over || stop.load(Ordering::Relaxed) {
                    let _ = running.kill();
                    let _ = running.wait();
                    heard.waited = true;
                    heard.transcript.push(format!("{} * the command did not end", heard.connections));
                    return Ok(if over { Some(heard) } else { None });
                }
            } else if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
    }

    fn spawn(&self, command: &str, name: &str, script: &Script) -> io::Result<Child> {
        let address = self.address()?;
        Command::new("/bin/sh")
            .args(["-c", command])
            .env("POP3_HOST", address.ip().to_string())
            .env("POP3_PORT", address.port().to_string())
            .env("POP3_USER", USER)
            .env("POP3_PASSWORD", script.password)
            .env("POP3_SCENARIO", name)
            .env("POP3_TLS", if script.starttls { "starttls" } else { "off" })
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
    }
}
