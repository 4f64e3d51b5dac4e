//! A small, correct server in this process that can be told to do one thing wrong.

mod session;

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use pop3_conformance::{Connect, TestedTls};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use session::Session;

pub(crate) const USER: &str = "mrose";
/// Its length produces base64 with padding, and it has letters of both cases.
pub(crate) const PASSWORD: &str = "Tanstaaf-word";

/// What the server does wrong.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// Changes a reply. It sees each reply before it is sent.
    pub(crate) reply: fn(&Seen<'_>, Vec<u8>) -> Vec<u8>,
    pub(crate) flaw: Flaw,
}

/// What cannot be done by changing a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    NoLock,
    CommitAtCut,
    MarksStay,
    StaysAfterQuit,
    AnswersAfterQuit,
    RemovesMore,
    RemovesNothing,
    ResetDoesNothing,
    KeepsName,
    TrimsPassword,
    PasswordWithoutCase,
    SameTimestamp,
    AnyDigest,
    RenumbersList,
    CrEndsLine,
    SplitsLongLines,
    LosesBurst,
    NeverTiresOfBadCommands,
    RunsWhatWasInjected,
    BelievesClearText,
    GreetsAgain,
    SpeaksBehindStls,
    /// The same, but only after the client has begun the handshake.
    SpeaksAtHandshake,
    ClearAfterBadHandshake,
    NoAlpn,
    NoCloseNotify,
    OffersStlsInTls,
    LenientBase64,
    MechanismHasCase,
    EqualsIsAbsent,
    CramTakesInitial,
    CommandsInExchange,
    AnyPlainMessage,
    IgnoresAuthorization,
    SameChallenge,
    FailureEndsLogins,
    UidsPerSession,
}

/// A command and its circumstances.
pub(crate) struct Seen<'a> {
    /// In upper case.
    pub(crate) keyword: &'a str,
    pub(crate) argument: &'a str,
    pub(crate) line: &'a [u8],
    pub(crate) logged_in: bool,
    pub(crate) tls: bool,
    /// The name from USER.
    pub(crate) user: &'a str,
    /// How many messages are marked.
    pub(crate) marked: usize,
    /// How many times this keyword was received on this connection before.
    pub(crate) before: usize,
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    client: Arc<ClientConfig>,
    stop: Arc<AtomicBool>,
}

struct House {
    mail: Mutex<Vec<(String, Vec<u8>)>>,
    locked: AtomicBool,
    marks: Mutex<Vec<usize>>,
    count: AtomicU64,
    tls: Arc<ServerConfig>,
    fault: Fault,
}

impl Fake {
    pub(crate) fn start(fault: Fault, empty: bool) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![made.cert.der().clone()];
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut server = builder.with_single_cert(chain.clone(), key).unwrap();
        if fault.flaw != Flaw::NoAlpn {
            server.alpn_protocols = vec![b"pop3".to_vec()];
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(chain);
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let client = builder.with_root_certificates(roots).with_no_client_auth();
        let house = Arc::new(House {
            mail: Mutex::new(if empty { Vec::new() } else { maildrop() }),
            locked: AtomicBool::new(false),
            marks: Mutex::default(),
            count: AtomicU64::new(0),
            tls: server.into(),
            fault,
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let house = Arc::clone(&house);
                thread::spawn(move || Session::new(&house, stream).run());
            }
        });
        Self { address, client: client.into(), stop }
    }

    pub(crate) fn connect(&self) -> Connect {
        Connect::new(vec![self.address], USER.as_bytes(), PASSWORD.as_bytes())
            .with_tls(TestedTls::Off, Arc::clone(&self.client), ServerName::try_from("localhost").unwrap())
            .with_timeout(Duration::from_secs(4))
            .with_pause(Duration::from_millis(50))
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes up the listener.
        let _ = TcpStream::connect(self.address);
    }
}

/// Eleven messages with everything that the rows look for. Unique-ids and octets.
fn maildrop() -> Vec<(String, Vec<u8>)> {
    let head = "From: <a@example.org>\r\nSubject: ";
    let bodies: [&[u8]; 11] = [
        b"one\r\n\r\nhello\r\nsecond\r\nthird\r\nfourth\r\nfifth\r\n",
        b"two\r\n\r\n.dot\r\n..two\r\nend\r\n",
        b"three\r\n\r\n.\r\nbehind the dot\r\n.\r\n",
        b"four\r\n\r\n+OK 3\r\n-ERR no\r\nQUIT\r\n",
        b"five\r\n\r\n8-bit \xff\xe4 and NUL \0\r\n",
        b"six\r\n\r\na lone \r in it\r\n",
        b"seven\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
        b"eight: no blank line\r\n",
        b"nine\r\n.x: a dot in the header\r\n\r\nbody\r\n",
        b"ten\r\n\r\n",
        b"eleven\r\n\r\nlast\r\n",
    ];
    let mut mail: Vec<(String, Vec<u8>)> = (1..)
        .zip(bodies)
        .map(|(number, body)| (format!("uid{number}"), [head.as_bytes(), body].concat()))
        .collect();
    mail[0].1.extend_from_slice(&[b'x'; 1_200]);
    mail[0].1.extend_from_slice(b"\r\n");
    mail
}
