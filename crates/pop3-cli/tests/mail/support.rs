//! A server, a fetcher and a scripted server for the tests.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

pub(crate) const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];
pub(crate) const PASSWORD: &str = "secret with spaces ";

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pop3"));
    command.stdin(Stdio::null()).env_remove("POP3_PASSWORD").env_remove("POP3_STORE");
    command
}

/// A directory with the Maildir of alice, a users file, a certificate, and space for fetched mail.
pub(crate) struct House {
    folder: tempfile::TempDir,
}

/// A server that ends when this value is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// Kept open, because a server that cannot write to it would not be like one that a person started.
    stdout: BufReader<ChildStdout>,
    pub(crate) plain: u16,
    pub(crate) tls: u16,
}

impl House {
    pub(crate) fn new() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        house.maildir("mail/alice");
        fs::write(house.path("users"), format!("alice:{{PLAIN}}{PASSWORD}\n")).unwrap();
        let made =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        fs::write(house.path("cert.pem"), made.cert.pem()).unwrap();
        fs::write(house.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn deliver(&self, messages: &[Vec<u8>]) {
        let there = self.stored().len();
        for (index, message) in messages.iter().enumerate() {
            let name = format!("mail/alice/new/{}.test.host", 1000 + there + index);
            fs::write(self.path(&name), message).unwrap();
        }
    }

    /// The files in the Maildir of alice.
    pub(crate) fn stored(&self) -> Vec<Vec<u8>> {
        let mut stored = contents(&self.path("mail/alice/new"));
        stored.extend(contents(&self.path("mail/alice/cur")));
        stored
    }

    /// Makes a Maildir.
    pub(crate) fn maildir(&self, path: &str) {
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(self.path(path).join(folder)).unwrap();
        }
    }

    pub(crate) fn serve(&self, options: &[&str]) -> Server {
        self.start(&mut self.server(options))
    }

    /// The same, not yet started.
    pub(crate) fn server(&self, options: &[&str]) -> Command {
        let mut server = self.server_without_users(&["--users"]);
        server.arg(self.path("users")).args(options);
        server
    }

    /// The same without a users file.
    pub(crate) fn server_without_users(&self, options: &[&str]) -> Command {
        let mut server = program();
        server
            .args(["serve", "--allow-root", "--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"])
            .arg("--maildrops")
            .arg(self.path("mail"))
            .arg("--tls-cert")
            .arg(self.path("cert.pem"))
            .arg("--tls-key")
            .arg(self.path("key.pem"))
            .args(options)
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.path("log")).unwrap());
        server
    }

    /// Starts a server of this house, and waits until it is ready.
    pub(crate) fn start(&self, server: &mut Command) -> Server {
        let mut child = server.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ports = BTreeMap::new();
        let mut line = String::new();
        while line != "ready\n" {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "{:?}", fs::read_to_string(self.path("log")));
            if let [_, scheme, address] = line.split_whitespace().collect::<Vec<_>>()[..] {
                let port = address.rsplit(':').next().unwrap().parse().unwrap();
                ports.insert(scheme.to_owned(), port);
            }
        }
        Server { child, stdout, plain: ports["pop3"], tls: ports["pop3s"] }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// A fetch from a port, ready to run, with a state file for that port.
    pub(crate) fn fetch(&self, url: &str, options: &[&str]) -> Command {
        let mut command = program();
        command
            .args(["fetch", url, "--state"])
            .arg(self.path(&format!("state-{}", url.rsplit(':').next().unwrap())))
            .arg("--ca-file")
            .arg(self.path("cert.pem"))
            .args(options)
            .env("POP3_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !options.contains(&"--timeout") {
            command.args(["--timeout", "20"]);
        }
        command
    }

    /// The option for this target in the house.
    pub(crate) fn to(&self, kind: &str) -> String {
        format!("{kind}:{}", self.path("out").display())
    }

    /// The messages in the `dir:` target, sorted.
    pub(crate) fn fetched(&self) -> Vec<Vec<u8>> {
        let mut fetched = contents(&self.path("out"));
        fetched.sort();
        fetched
    }
}

impl Server {
    pub(crate) fn url(&self, scheme: &str) -> String {
        let port = if scheme == "pop3s" { self.tls } else { self.plain };
        format!("{scheme}://alice@127.0.0.1:{port}")
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn connect(&self) -> Raw {
        Raw::connect(self.plain)
    }

    /// Asks the server to end, and checks that it does so within a minute, with exit code 0.
    pub(crate) fn ends_well(mut self) -> bool {
        self.signal("-TERM");
        let (ended, end) = channel();
        let mut rest = String::new();
        thread::scope(|scope| {
            let (stdout, child) = (&mut self.stdout, &mut self.child);
            // Standard output ends with the process.
            scope.spawn(move || ended.send(stdout.read_to_string(&mut rest)));
            let in_time = end.recv_timeout(Duration::from_secs(60)).is_ok();
            if !in_time {
                let _ = child.kill();
            }
            in_time && child.wait().unwrap().success()
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that sends what it is told to.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    pub(crate) reader: BufReader<TcpStream>,
}

impl Raw {
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut raw = Self { reader: BufReader::new(stream.try_clone().unwrap()), stream };
        raw.line();
        raw
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn say(&mut self, command: &str) -> String {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.line()
    }

    pub(crate) fn log_in(&mut self) -> String {
        self.say("USER alice");
        self.say(&format!("PASS {PASSWORD}"))
    }
}

/// The contents of the files in a directory.
pub(crate) fn contents(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| fs::read(path).unwrap()).collect()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a scripted server does with a connection. It is called for each command and returns the reply. `None` closes,
/// and so does a reply with [`LAST`] in front of it, after it is sent.
pub(crate) type Script = Box<dyn FnMut(&str) -> Option<Vec<u8>> + Send>;

/// Marks the last reply. The mark itself is not sent.
pub(crate) const LAST: &[u8] = b"\0last\0";

/// A scripted server. Each script serves one connection. The thread returns what the clients sent.
pub(crate) struct Scripted {
    pub(crate) port: u16,
    thread: JoinHandle<Vec<String>>,
}

impl Scripted {
    pub(crate) fn start(greeting: &'static [u8], scripts: Vec<Script>) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), greeting, scripts)
    }

    /// The same with an existing listener.
    pub(crate) fn at(listener: TcpListener, greeting: &'static [u8], scripts: Vec<Script>) -> Self {
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let mut said = Vec::new();
            for mut script in scripts {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(greeting).unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).split(b'\n');
                while let Some(Ok(line)) = lines.next() {
                    let line = latin1_or_utf8(line.strip_suffix(b"\r").unwrap_or(&line));
                    said.push(line.clone());
                    let Some(reply) = script(&line) else { break };
                    let last = reply.strip_prefix(LAST);
                    if stream.write_all(last.unwrap_or(&reply)).is_err() || last.is_some() {
                        break;
                    }
                }
            }
            said
        });
        Self { port, thread }
    }

    pub(crate) fn url(&self) -> String {
        format!("pop3://alice@127.0.0.1:{}", self.port)
    }

    /// What the clients sent, after all scripts have been played.
    pub(crate) fn said(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

/// A line as text. What is not UTF-8 is taken for ISO 8859-1, so that every octet can be told.
fn latin1_or_utf8(line: &[u8]) -> String {
    str::from_utf8(line).map_or_else(|_| line.iter().copied().map(char::from).collect(), str::to_owned)
}

/// A correct server of these messages. `change` may answer first. Outer `None` leaves the reply to the
/// server, and inner `None` closes.
pub(crate) fn script(
    messages: Vec<Vec<u8>>,
    mut change: impl FnMut(&str) -> Option<Option<Vec<u8>>> + Send + 'static,
) -> Script {
    Box::new(move |line| {
        if let Some(changed) = change(line) {
            return changed;
        }
        let mut words = line.split(' ');
        let verb = words.next().unwrap_or_default();
        let number: Option<usize> = words.next().and_then(|word| word.parse().ok());
        let listing = |row: &dyn Fn(usize) -> String| {
            let mut reply = "+OK\r\n".to_owned();
            for index in 0..messages.len() {
                reply.push_str(&format!("{} {}\r\n", index + 1, row(index)));
            }
            (reply + ".\r\n").into_bytes()
        };
        Some(match (verb, number) {
            ("LIST", None) => listing(&|index| messages[index].len().to_string()),
            ("UIDL", None) => listing(&|index| format!("uid-{index}")),
            ("STAT", _) => {
                let octets: usize = messages.iter().map(Vec::len).sum();
                format!("+OK {} {octets}\r\n", messages.len()).into_bytes()
            }
            ("CAPA", _) => b"+OK\r\nUIDL\r\nTOP\r\nUSER\r\n.\r\n".to_vec(),
            ("RETR", Some(number)) => [b"+OK\r\n".as_slice(), &messages[number - 1], b".\r\n"].concat(),
            _ => b"+OK\r\n".to_vec(),
        })
    })
}

/// A server that, at the given command, sends the beginning of a reply and then stops until the
/// client has left. It reports when it stops.
pub(crate) fn stalling(
    mail: Vec<Vec<u8>>,
    at: &'static str,
    part: impl AsRef<[u8]> + Send + 'static,
) -> (u16, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stalled, seen) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut script = script(mail, |_| None);
        stream.write_all(b"+OK\r\n").unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while let Some(Ok(line)) = lines.next() {
            if line == at {
                stream.write_all(part.as_ref()).unwrap();
                stalled.send(()).unwrap();
            } else if let Some(reply) = script(&line) {
                stream.write_all(&reply).unwrap();
            }
        }
    });
    (port, seen)
}
