//! `pop3 demo`: a sample maildrop, served over TLS, fetched with our client, every octet verified.

mod sample;

use core::net::Ipv4Addr;
use core::time::Duration;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pop3_connect::{Dial, Session};
use pop3_driver::Transport;
use pop3_driver::client::{Client, Error, Options, Receiver, Refusal, Security, Trace, Tracer};
use pop3_driver::tls::Connector;
use pop3_proto::client::Entry;
use pop3_proto::{Capability, MessageNumber, Octets, dots};
use pop3_serve::{Certificate, Config, Limits, Server, Stop, UsersFile};
use pop3_text::{Escaped, reasons};

use crate::args::{Demo, Runtime};
use crate::exit::{Exit, Failure};

/// Prints a line. Who closed standard output does not want to read it; all is verified all the same.
macro_rules! say {
    ($($part:tt)*) => {
        drop(writeln!(io::stdout(), $($part)*))
    };
}

const USER: &str = "mrose";
const PASSWORD: &str = "tanstaaf and some spaces";

/// Shows that it works.
pub(crate) fn run(options: &Demo) -> Result<Exit, Failure> {
    let folder =
        Folder::make().map_err(|error| Failure::usage(format!("can't make a temporary folder: {error}")))?;
    let result = show(&folder.0, options.runtime);
    drop(folder);
    result.map(|()| Exit::Done)
}

fn show(folder: &Path, runtime: Runtime) -> Result<(), Failure> {
    let cant = |error: io::Error| {
        Failure::usage(format!("the sample in {} can't be written: {error}", folder.display()))
    };
    let messages = sample::messages();
    sample::write(&folder.join(USER), &messages).map_err(cant)?;
    let users = folder.join("users");
    fs::write(&users, format!("{USER}:{{PLAIN}}{PASSWORD}\n")).map_err(cant)?;
    say!("A Maildir of {} awkward and small messages lies in {}.", messages.len(), folder.display());

    let certificate = Certificate::self_signed("localhost")?;
    let stop = Stop::new();
    let trusted = pop3_trust::only(certificate.chain()).map_err(|error| Failure::usage(reasons(&error)))?;
    let config = Config::new(folder)
        .listen((Ipv4Addr::LOCALHOST, 0).into())
        .with_certificate(certificate.into())
        .with_limits(Limits::new(10, 10, 10));
    let server = Server::bind(config, Arc::new(UsersFile::load(&users)?))?;
    let address = server.addresses().map(|(_, address)| address).next();
    let address = address.ok_or_else(|| Failure::new(Exit::Connect, "there is no listener"))?;
    let until = stop.clone();
    let server = thread::spawn(move || server.run(runtime.into(), &until).map_err(Failure::from));
    say!(
        "pop3 serve answers on {} ({runtime:?}), with a certificate that only this client trusts.\n",
        address
    );

    let connector = Connector::new(trusted, "127.0.0.1")
        .map_err(|_| Failure::usage("127.0.0.1 is no name for a certificate"))?;
    let dialogue = Dialogue::default();
    let options = Options::new().with_connect_timeout(Duration::from_secs(10)).with_tracer(dialogue.tracer());
    let dial = Dial::to(address, Security::StartTls(connector), options);
    let verified = dial.run(runtime.into(), Verify { messages: &messages }).and_then(|result| result);
    stop.stop();
    server.join().unwrap_or_else(|_| Err(Failure::new(Exit::Connect, "the server's thread panicked")))?;
    dialogue.print();
    let verified = verified.map_err(|error| dial.explain(&error))?;
    verified.print(&messages);
    if verified.wrong > 0 {
        return Err(Failure::new(
            Exit::Partial,
            format!("{} messages are not what was stored", verified.wrong),
        ));
    }
    let left = sample::count(&folder.join(USER)).map_err(cant)?;
    if left != messages.len() - 1 {
        return Err(Failure::new(
            Exit::Partial,
            format!("{left} files are left in the Maildir after one DELE"),
        ));
    }
    say!("QUIT removed the message that was marked, and no other: {left} files are left.");
    Ok(())
}

/// A session that fetches all, compares all, and deletes the last message.
struct Verify<'a> {
    messages: &'a [Vec<u8>],
}

/// What was found.
#[derive(Debug, Default)]
struct Verified {
    octets: Octets,
    wrong: usize,
    tls: String,
    pipelined: bool,
}

impl Verified {
    fn print(&self, messages: &[Vec<u8>]) {
        say!(
            "\n{} messages, {} octets over {}{}: each octet is what was stored, with CRLF at the ends of lines,\n\
             and each size in LIST is what RETR sent.",
            messages.len(),
            self.octets,
            self.tls,
            if self.pipelined { ", in a pipeline" } else { "" }
        );
    }
}

impl Session for Verify<'_> {
    type Output = Result<Verified, Error>;

    async fn run<T: Transport>(self, mut client: Client<T>) -> Self::Output {
        client.login(USER.as_bytes(), PASSWORD.as_bytes()).await?;
        let sizes = client.list().await?;
        let mut comparing = Comparing {
            messages: self.messages,
            sizes: &sizes,
            current: None,
            verified: Verified::default(),
        };
        let numbers: Vec<MessageNumber> = sizes.iter().map(|(number, _)| *number).collect();
        client.retr_all(&numbers, &mut comparing).await?;
        let mut verified = comparing.verified;
        verified.wrong += self.messages.len().abs_diff(sizes.len());
        verified.tls = client.tls().map(|tls| tls.version).unwrap_or_default();
        verified.pipelined = client.has(Capability::Pipelining);
        if let Some((last, _)) = sizes.last() {
            client.dele(*last).await?;
        }
        client.quit().await?;
        Ok(verified)
    }
}

/// Compares what comes with what was stored.
struct Comparing<'a> {
    messages: &'a [Vec<u8>],
    sizes: &'a [(MessageNumber, Octets)],
    current: Option<(MessageNumber, Vec<u8>)>,
    verified: Verified,
}

impl Receiver for Comparing<'_> {
    async fn begin(&mut self, message: MessageNumber, _size: Option<Octets>) -> io::Result<()> {
        self.current = Some((message, Vec::new()));
        Ok(())
    }

    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        if let Some((_, content)) = &mut self.current {
            content.extend_from_slice(octets);
        }
        Ok(())
    }

    async fn end(&mut self, _outstanding: usize) -> io::Result<()> {
        let Some((number, content)) = self.current.take() else { return Ok(()) };
        self.verified.octets += content.len() as Octets;
        let stored = self.messages.get(number.index()).map_or(&[][..], Vec::as_slice);
        let size = self.sizes.get(number.index()).map_or(0, |(_, size)| *size);
        let right = sample::wire(stored) == content
            && size == content.len() as Octets
            && dots::wire_size(stored) == size;
        self.verified.wrong += usize::from(!right);
        Ok(())
    }

    async fn refused(&mut self, _: MessageNumber, _: Refusal) -> io::Result<()> {
        self.verified.wrong += 1;
        Ok(())
    }
}

/// The dialogue as it is shown: long listings and bodies are told in figures, and of many equal
/// commands the first ones.
#[derive(Clone, Debug, Default)]
struct Dialogue(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    entries: usize,
    octets: usize,
    sent: usize,
    answered: usize,
}

/// How many RETRs are shown.
const SHOWN: usize = 4;

impl Dialogue {
    fn tracer(&self) -> Tracer {
        let dialogue = self.clone();
        Tracer::new(move |trace| {
            dialogue.0.lock().unwrap_or_else(PoisonError::into_inner).note(trace);
        })
    }

    fn print(&self) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in &lines.lines {
            say!("  {line}");
        }
    }
}

impl Lines {
    fn note(&mut self, trace: Trace<'_>) {
        match trace {
            Trace::Sent(line) => {
                if line.starts_with("RETR ") {
                    self.sent += 1;
                    if self.sent == SHOWN + 1 {
                        self.lines.push("C: ... and so on for all messages".to_owned());
                    }
                    if self.sent > SHOWN {
                        return;
                    }
                }
                self.lines.push(format!("C: {line}"));
            }
            Trace::Received { positive, text } => {
                if text.ends_with(b" octets") && !text.contains(&b'(') {
                    self.answered += 1;
                }
                if self.answered <= SHOWN || !text.ends_with(b" octets") {
                    let status = if positive { "+OK" } else { "-ERR" };
                    self.lines.push(format!("S: {status} {}", Escaped::new(text)).trim_end().to_owned());
                }
            }
            Trace::Entry(Entry::Capability(capability)) => {
                self.lines.push(format!("S: {capability}"));
            }
            Trace::Entry(Entry::Scan(_) | Entry::UniqueId(_)) => self.entries += 1,
            Trace::Data(octets) => self.octets += octets,
            Trace::End => {
                if self.octets > 0 && self.answered <= SHOWN {
                    self.lines.push(format!("S: ({} octets, un-stuffed)", self.octets));
                }
                if self.entries > 0 {
                    self.lines.push(format!("S: ({} lines)", self.entries));
                }
                if self.answered <= SHOWN || self.octets == 0 {
                    self.lines.push("S: .".to_owned());
                }
                self.octets = 0;
                self.entries = 0;
            }
            Trace::Tls => self.lines.push("-- TLS from here on --".to_owned()),
            Trace::Line(_) | Trace::Entry(_) | _ => {}
        }
    }
}

/// A temporary folder that is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("pop3-demo-{:016x}", u64::from_be_bytes(random)));
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is left to the system.
        let _ = fs::remove_dir_all(&self.0);
    }
}
