//! A small server over a real socket, with the faults that a test requests.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// A message: its unique-id, and its octets.
pub(crate) type Mail = (&'static str, &'static str);

/// How the server is set up, and what it does wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// CAPA announces PIPELINING and UIDL. Otherwise it is refused.
    pub(crate) pipelines: bool,
    /// UIDL is refused.
    pub(crate) no_uidl: bool,
    /// RETR of this message is refused.
    pub(crate) refuses: Option<usize>,
    /// The connection is closed in the middle of this message.
    pub(crate) cuts: Option<usize>,
    /// This message is sent twice.
    pub(crate) doubles: Option<usize>,
    /// This message comes without its content.
    pub(crate) empties: Option<usize>,
    /// LIST tells sizes that are too small.
    pub(crate) lists_less: bool,
    /// DELE of this message is refused.
    pub(crate) refuses_dele: Option<usize>,
    /// One more positive reply follows that to DELE of this message.
    pub(crate) doubles_dele: Option<usize>,
    /// Everything is deleted at QUIT, and the connection is closed before the reply.
    pub(crate) mute_at_quit: bool,
    /// QUIT is not answered, and the connection stays open. The value is whether everything is deleted before.
    pub(crate) hangs_at_quit: Option<bool>,
}

impl Faults {
    /// A server without faults that announces PIPELINING.
    pub(crate) fn pipelining() -> Self {
        Self { pipelines: true, ..Self::default() }
    }
}

/// A maildrop, and the fault of its server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    mail: Vec<Mail>,
    faults: Faults,
    /// How often RETR was sent.
    retrs: usize,
    /// Is told of each QUIT.
    quits: Option<Sender<()>>,
}

impl Server {
    /// Answers each connection on a thread, until the tests end.
    pub(crate) fn start(mail: &[Mail]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(Shared { mail: mail.to_vec(), ..Shared::default() }));
        let server = Self { port, shared };
        let answering = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let server = answering.clone();
                thread::spawn(move || drop(server.answer(&stream.unwrap())));
            }
        });
        server
    }

    pub(crate) fn deliver(&self, mail: Mail) {
        self.shared.lock().unwrap().mail.push(mail);
    }

    /// Lists the message before all others.
    pub(crate) fn deliver_first(&self, mail: Mail) {
        self.shared.lock().unwrap().mail.insert(0, mail);
    }

    /// Lists these messages from now on.
    pub(crate) fn has(&self, mail: &[Mail]) {
        self.shared.lock().unwrap().mail = mail.to_vec();
    }

    pub(crate) fn fail(&self, faults: Faults) {
        self.shared.lock().unwrap().faults = faults;
    }

    /// The unique-ids of the remaining messages.
    pub(crate) fn left(&self) -> Vec<&'static str> {
        self.shared.lock().unwrap().mail.iter().map(|(uid, _)| *uid).collect()
    }

    pub(crate) fn retrs(&self) -> usize {
        self.shared.lock().unwrap().retrs
    }

    /// What tells of each QUIT from now on, when it is carried out.
    pub(crate) fn quits(&self) -> Receiver<()> {
        let (told, quits) = channel();
        self.shared.lock().unwrap().quits = Some(told);
        quits
    }

    /// One session.
    fn answer(&self, stream: &TcpStream) -> std::io::Result<()> {
        let (mail, faults) = {
            let shared = self.shared.lock().unwrap();
            (shared.mail.clone(), shared.faults)
        };
        let mut marked = vec![false; mail.len()];
        let mut out = stream;
        out.write_all(b"+OK ready\r\n")?;
        for line in BufReader::new(stream).lines() {
            let line = line?;
            let mut words = line.split(' ');
            let word = words.next().unwrap_or_default();
            let place =
                words.next().and_then(|word| word.parse::<usize>().ok()).and_then(|n| n.checked_sub(1));
            let list = |entry: &dyn Fn(&Mail) -> String| {
                let lines =
                    mail.iter().enumerate().map(|(place, mail)| format!("{} {}\r\n", place + 1, entry(mail)));
                format!("+OK\r\n{}.\r\n", lines.collect::<String>())
            };
            let reply = match (word, place) {
                ("CAPA", _) if faults.pipelines => "+OK\r\nUIDL\r\nPIPELINING\r\n.\r\n".to_owned(),
                ("USER" | "PASS" | "NOOP", _) => "+OK\r\n".to_owned(),
                ("STAT", _) => format!("+OK {} 1\r\n", mail.len()),
                ("LIST", _) => {
                    list(&|(_, text)| (text.len() - if faults.lists_less { 5 } else { 0 }).to_string())
                }
                ("UIDL", _) if !faults.no_uidl => list(&|(uid, _)| (*uid).to_owned()),
                ("RETR", Some(place)) if faults.refuses != Some(place) => {
                    self.shared.lock().unwrap().retrs += 1;
                    if faults.cuts == Some(place) {
                        return out.write_all(&format!("+OK\r\n{}", mail[place].1).as_bytes()[..8]);
                    }
                    let text = if faults.empties == Some(place) { "" } else { mail[place].1 };
                    let times = if faults.doubles == Some(place) { 2 } else { 1 };
                    format!("+OK\r\n{text}.\r\n").repeat(times)
                }
                ("DELE", Some(place)) => {
                    marked[place] = faults.refuses_dele != Some(place);
                    let reply = if marked[place] { "+OK\r\n" } else { "-ERR no\r\n" };
                    let more = if faults.doubles_dele == Some(place) { "+OK\r\n" } else { "" };
                    format!("{reply}{more}")
                }
                ("QUIT", _) => {
                    let gone: Vec<&str> = mail
                        .iter()
                        .zip(&marked)
                        .filter(|(_, marked)| **marked)
                        .map(|((uid, _), _)| *uid)
                        .collect();
                    let mut shared = self.shared.lock().unwrap();
                    if faults.hangs_at_quit != Some(false) {
                        shared.mail.retain(|(uid, _)| !gone.contains(uid));
                    }
                    if let Some(told) = &shared.quits {
                        let _ = told.send(());
                    }
                    drop(shared);
                    if faults.hangs_at_quit.is_some() {
                        // Until the client closes it.
                        continue;
                    }
                    if !faults.mute_at_quit {
                        out.write_all(b"+OK bye\r\n")?;
                    }
                    return Ok(());
                }
                _ => "-ERR no\r\n".to_owned(),
            };
            out.write_all(reply.as_bytes())?;
        }
        Ok(())
    }
}
