//! Programs that run, servers of the library beside them, and a directory with a certificate.

use core::net::SocketAddr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;

use pop3_tokio::Pool;
use pop3_tokio::Stop;
use pop3_tokio::backend::{Admission, Backend, Context, LoginAttempt, StoredMessage};
use pop3_tokio::memory::MemoryStore;
use pop3_tokio::proto::server::{Extent, ServerConfig};
use pop3_tokio::proto::{Deletions, MessageNumber, Rejection, Snapshot, UniqueId};
use pop3_tokio::server::{Entrance, Peer, Service, SessionReport, Welcome};
use pop3_tokio::store::Blocking;
use pop3_tokio::tls::Role;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A directory, in which are a certificate for this machine and its key.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let pair = rcgen::generate_simple_self_signed(names).unwrap();
        fs::write(folder.path("cert.pem"), pair.cert.pem()).unwrap();
        fs::write(folder.path("key.pem"), pair.signing_key.serialize_pem()).unwrap();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn role(&self) -> Role {
        let (chain, key) = (self.path("cert.pem"), self.path("key.pem"));
        Role::Server(pop3_tokio::certificates::server_config_from_pem(chain, key).unwrap())
    }
}

/// A server of the library. It ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    /// In TLS from the first octet, with the directory's certificate.
    pub(crate) fn in_tls(service: impl Service, folder: &Folder) -> Self {
        Self::run(service, Entrance::Implicit, folder.role())
    }

    pub(crate) fn in_clear(service: impl Service) -> Self {
        Self::run(service, Entrance::Plain, Role::None)
    }

    fn run(service: impl Service, entrance: Entrance, role: Role) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(pop3_tokio::serve(listener, entrance, role, Arc::new(service), Stop::new()));
        Self { address, runtime: Some(runtime) }
    }

    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Gives each connection a backend, and trusts all.
pub(crate) struct Mail<F>(pub(crate) F);

impl<B: Backend, F: Fn(&Peer) -> B + Send + Sync + 'static> Service for Mail<F> {
    type Backend = B;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<B>, Rejection> {
        Ok(Welcome::new(ServerConfig::default().into(), (self.0)(peer)).with_trusted(true))
    }

    fn ended(&self, _: &Peer, _: &SessionReport) {}
}

/// A service for the user `mrose`, whose password is `tanstaaf`.
pub(crate) fn mail(messages: &[&str]) -> (MemoryStore, impl Service) {
    let store = MemoryStore::new();
    store.add_user("mrose", "tanstaaf");
    for message in messages {
        store.deliver("mrose", message.as_bytes());
    }
    let shared = Arc::new(store.clone());
    let service = Mail(move |peer: &Peer| Blocking::new(Arc::clone(&shared), Pool::new(), peer.clone()));
    (store, service)
}

/// Lets anybody in, and has messages of these sizes, whose content a function gives.
pub(crate) struct Scripted<F> {
    pub(crate) sizes: Vec<u64>,
    pub(crate) give: F,
}

impl<M: StoredMessage, F: FnMut(usize) -> M + Send> Backend for Scripted<F> {
    type Message = M;

    async fn authenticate(&mut self, _: LoginAttempt, _: &Context) -> Result<Admission, Rejection> {
        let mut snapshot = Snapshot::new();
        for (size, index) in self.sizes.iter().zip(1..) {
            snapshot.push(*size, UniqueId::parse(format!("uid-{index}").as_bytes()).unwrap());
        }
        Ok(snapshot.into())
    }

    async fn fetch(&mut self, number: MessageNumber, _: Extent, _: &Context) -> Result<M, Rejection> {
        Ok((self.give)(number.index()))
    }

    async fn commit(&mut self, deletions: Deletions, _: &Context) -> usize {
        deletions.len()
    }
}

/// A program that prints lines. It is killed when it is dropped.
pub(crate) struct Printing {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Printing {
    pub(crate) fn new(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Printing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that has announced where it listens.
pub(crate) struct Running {
    program: Printing,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) fn new(command: &mut Command) -> Self {
        let mut program = Printing::new(command);
        let address = program.line().strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { program, address }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        self.program.line()
    }

    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Interrupts it, and waits for its end: whether that was a good one.
    pub(crate) fn interrupt(&mut self) -> bool {
        let child = &mut self.program.child;
        let (sent, ..) = run(Command::new("kill").args(["-INT", &child.id().to_string()]));
        sent && child.wait().unwrap().success()
    }
}

/// Whether it ended well, and what it has said on standard output and standard error.
pub(crate) fn run(command: &mut Command) -> (bool, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    (status.success(), text(stdout), text(stderr))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
