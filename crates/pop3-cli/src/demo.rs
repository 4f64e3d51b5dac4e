//! `pop3 demo`: a sample maildrop, served over TLS, fetched with our client, every octet verified.

mod dialogue;
mod sample;

use core::net::Ipv4Addr;
use core::time::Duration;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use pop3_connect::{ClientTask, Dial};
use pop3_driver::Transport;
use pop3_driver::client::{Client, ClientError, ClientOptions, Receiver, Refusal, Security};
use pop3_driver::tls::Connector;
use pop3_proto::{Capability, MessageNumber, Octets, dots};
use pop3_serve::{ConnectionLimits, ReloadableCertificate, ServeConfig, Server, Stop, UsersFile};
use pop3_text::reasons;

use self::dialogue::Dialogue;
use crate::args::{Demo, Runtime};
use crate::exit::{Exit, Failure};

/// Prints a line. Who closed standard output does not want to read it; all is verified all the same.
macro_rules! say {
    ($($part:tt)*) => {
        drop(writeln!(io::stdout(), $($part)*))
    };
}

/// How many of the messages that are fetched are shown in the dialogue.
const SHOWN: usize = 4;

const USER: &str = "mrose";
const PASSWORD: &str = "tanstaaf and some spaces";

/// Shows that it works.
pub(crate) fn run(options: &Demo) -> Result<Exit, Failure> {
    // If it can't be removed at the end, it is left to the system.
    let folder = tempfile::Builder::new()
        .prefix("pop3-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| Failure::usage(format!("can't make a temporary directory: {error}")))?;
    show(folder.path(), options.runtime).map(|()| Exit::Done)
}

fn show(folder: &Path, runtime: Runtime) -> Result<(), Failure> {
    let cant = |error: io::Error| {
        Failure::usage(format!("the sample in {} can't be written: {error}", folder.display()))
    };
    let messages = sample::messages();
    sample::write(&folder.join(USER), &messages).map_err(cant)?;
    let users = folder.join("users");
    fs::write(&users, format!("{USER}:{{PLAIN}}{PASSWORD}\n")).map_err(cant)?;
    say!("Created a Maildir with {} unusual messages in {}.", messages.len(), folder.display());

    let certificate = ReloadableCertificate::self_signed("localhost")?;
    let stop = Stop::new();
    let trusted = pop3_trust::only(certificate.chain()).map_err(|error| Failure::usage(reasons(&error)))?;
    let config = ServeConfig::new(folder)
        .listen((Ipv4Addr::LOCALHOST, 0).into())
        .with_certificate(certificate.into())
        .with_limits(ConnectionLimits::new(10, 10, 10));
    let server = Server::bind(config, Arc::new(UsersFile::load(&users)?))?;
    let address = server.addresses().map(|(_, address)| address).next();
    let address = address.ok_or_else(|| Failure::new(Exit::Connect, "there is no listener"))?;
    let until = stop.clone();
    let server = thread::spawn(move || server.run(runtime.serve, &until).map_err(Failure::from));
    say!(
        "pop3 serve listens on {} ({:?}). Only this client trusts its certificate.\n",
        address,
        runtime.serve
    );

    let connector = Connector::new(trusted, "127.0.0.1")
        .map_err(|_| Failure::usage("127.0.0.1 is not a valid name for a certificate"))?;
    let dialogue = Dialogue::new(SHOWN);
    let options =
        ClientOptions::new().with_connect_timeout(Duration::from_secs(10)).with_tracer(dialogue.tracer());
    let dial = Dial::to(address, Security::StartTls(connector), options);
    let verified = dial.run(runtime.connect, Verify { messages: &messages }).and_then(|result| result);
    stop.stop();
    server.join().unwrap_or_else(|_| Err(Failure::new(Exit::Connect, "the server's thread panicked")))?;
    for line in dialogue.to_string().lines() {
        say!("  {line}");
    }
    let verified = verified.map_err(|error| dial.explain(&error))?;
    verified.print(&messages);
    if verified.wrong > 0 {
        return Err(Failure::new(
            Exit::Partial,
            format!("{} messages differ from what was stored", verified.wrong),
        ));
    }
    let left = sample::count(&folder.join(USER)).map_err(cant)?;
    if left != messages.len() - 1 {
        return Err(Failure::new(
            Exit::Partial,
            format!("{left} files are left in the Maildir after one DELE"),
        ));
    }
    say!("QUIT removed the marked message and no other. {left} files are left.");
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
            "\n{} messages, {} octets over {}{}: each message is what was stored, with CRLF line ends,\n\
             and each size in LIST is what RETR sent.",
            messages.len(),
            self.octets,
            self.tls,
            if self.pipelined { ", with PIPELINING" } else { "" }
        );
    }
}

impl ClientTask for Verify<'_> {
    type Output = Result<Verified, ClientError>;

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
