//! One session: the observer, and its events as lines of text.

use pop3_observer::{Observer, ObserverConfig, ObserverEvent, Sent, Side, Violation};
use pop3_text::Printable;

/// A session that is observed.
#[derive(Debug)]
pub(super) struct Session {
    observer: Observer,
    name: String,
    silent: bool,
}

/// What is to be told of a session.
#[derive(Debug)]
pub(super) enum Told<'t> {
    /// A line of the dialogue.
    Line(String),
    /// A command.
    Command(String),
    /// Why the session can't be followed any further.
    Lost(&'static str),
    Violation {
        violation: &'t Violation,
        /// The command it is about, as it was sent.
        command: Option<&'t str>,
    },
}

/// Tells commands by their numbers as long as they may be asked for.
#[derive(Debug, Default)]
pub(super) struct Commands(std::collections::VecDeque<(u64, String)>);

/// How many commands are remembered with their text.
const MAX_COMMANDS: usize = 1024;

impl Session {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { observer: Observer::new(ObserverConfig::new()), name: name.into(), silent: false }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Tells nothing of what comes now: it stands for what was not recorded.
    pub(super) const fn silence(&mut self, silent: bool) {
        self.silent = silent;
    }

    pub(super) fn sent(
        &mut self,
        side: Side,
        octets: &[u8],
        commands: &mut Commands,
        tell: &mut dyn FnMut(Told<'_>),
    ) {
        let silent = self.silent;
        let mut sink = |event: ObserverEvent<'_>| {
            if !silent {
                told(event, commands, tell);
            }
        };
        match side {
            Side::Client => self.observer.client(octets, &mut sink),
            Side::Server => self.observer.server(octets, &mut sink),
        }
    }

    pub(super) fn ended(&mut self, side: Side, commands: &mut Commands, tell: &mut dyn FnMut(Told<'_>)) {
        let mut sink = |event: ObserverEvent<'_>| told(event, commands, tell);
        match side {
            Side::Client => self.observer.client_end(&mut sink),
            Side::Server => self.observer.server_end(&mut sink),
        }
    }

    pub(super) fn encrypted(&mut self, commands: &mut Commands, tell: &mut dyn FnMut(Told<'_>)) {
        self.observer.tls_established(&mut |event| told(event, commands, tell));
    }
}

impl Commands {
    fn push(&mut self, number: u64, text: String) {
        if self.0.len() == MAX_COMMANDS {
            self.0.pop_front();
        }
        self.0.push_back((number, text));
    }

    fn find(&self, number: u64) -> Option<&str> {
        self.0.iter().rev().find(|(own, _)| *own == number).map(|(_, text)| &**text)
    }
}

fn told(event: ObserverEvent<'_>, commands: &mut Commands, tell: &mut dyn FnMut(Told<'_>)) {
    let line = |who: char, octets: &[u8]| Told::Line(format!("{who}: {}", Printable::new(octets)));
    match event {
        ObserverEvent::Greeting { line: text, .. }
        | ObserverEvent::Reply { line: text, .. }
        | ObserverEvent::Stray { line: text } => {
            tell(line('S', text));
        }
        ObserverEvent::Line { line: text, .. } => tell(line('S', text)),
        ObserverEvent::Command(sent) => {
            let text = shown(&sent);
            commands.push(sent.asked.number, text.clone());
            tell(Told::Command(format!("C: {text}")));
        }
        ObserverEvent::Response { octets: 0, .. } => tell(Told::Line("C: ".to_owned())),
        ObserverEvent::Response { cancels: true, .. } => tell(Told::Line("C: *".to_owned())),
        ObserverEvent::Response { octets, .. } => tell(Told::Line(format!("C: *** ({octets} octets)"))),
        ObserverEvent::Challenge { octets: 0, .. } => tell(Told::Line("S: + ".to_owned())),
        ObserverEvent::Challenge { octets, .. } => tell(Told::Line(format!("S: + *** ({octets} octets)"))),
        ObserverEvent::End { octets, lines, .. } => {
            let word = if lines == 1 { "line" } else { "lines" };
            tell(Told::Line(format!("S: . ({lines} {word}, {octets} octets)")));
        }
        ObserverEvent::Opaque => tell(Told::Line("<the rest is TLS and can't be read>".to_owned())),
        ObserverEvent::Encrypted => tell(Told::Line("<TLS>".to_owned())),
        ObserverEvent::GaveUp => tell(Told::Lost("too many commands without a reply")),
        ObserverEvent::Ended(side) => tell(Told::Line(format!("<the {side} closes>"))),
        ObserverEvent::Violation(violation) => {
            let command = violation.command.and_then(|asked| commands.find(asked.number));
            tell(Told::Violation { violation: &violation, command });
        }
        // It was not asked for.
        ObserverEvent::Data { .. } => {}
    }
}

fn shown(sent: &Sent<'_>) -> String {
    let text = Printable::new(sent.shown);
    match (sent.redacted, sent.shown) {
        (false, _) => text.to_string(),
        (true, []) => "***".to_owned(),
        (true, _) => format!("{text} ***"),
    }
}
