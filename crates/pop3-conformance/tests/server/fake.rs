//! A server as in the book, small and in this process, that can be told to do one thing wrong.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use pop3_conformance::{Connect, Tls};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

pub(crate) const USER: &str = "mrose";
/// Its length gives base64 with padding, and it has letters of both cases.
pub(crate) const PASSWORD: &str = "Tanstaaf-word";

/// What the server does wrong.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// Changes a reply; each is seen before it is sent.
    pub(crate) reply: fn(&Seen<'_>, Vec<u8>) -> Vec<u8>,
    pub(crate) flaw: Flaw,
}

/// What can't be done by changing a reply.
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
    /// The name that USER has given.
    pub(crate) user: &'a str,
    /// How many messages are marked.
    pub(crate) marked: usize,
    /// How many times this keyword came on this connection before.
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
            .with_tls(Tls::Off, Arc::clone(&self.client), ServerName::try_from("localhost").unwrap())
            .with_timeout(Duration::from_secs(2))
            .with_pause(Duration::from_millis(50))
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

/// Eleven messages with all that the rows look for. Unique-ids and octets.
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

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Exchange {
    Plain,
    LoginName,
    LoginPassword,
    Cram,
}

struct Session<'a> {
    house: &'a House,
    stream: Option<Stream>,
    input: Vec<u8>,
    logged_in: bool,
    utf8: bool,
    user: Option<String>,
    /// What USER has given last.
    last: String,
    /// Whether the marks are of the session before.
    inherited: bool,
    name: Vec<u8>,
    challenge: String,
    timestamp: String,
    exchange: Option<Exchange>,
    marks: Vec<usize>,
    bad: usize,
    failures: usize,
    counts: std::collections::HashMap<String, usize>,
    tls: bool,
    holds_lock: bool,
    /// Whether a LF that comes next belongs to the CR before.
    behind_cr: bool,
}

/// What happens behind a reply.
enum Then {
    Go,
    Close,
    StartTls,
}

impl<'a> Session<'a> {
    fn new(house: &'a House, stream: TcpStream) -> Self {
        let number = house.count.fetch_add(1, Ordering::Relaxed);
        let number = if house.fault.flaw == Flaw::SameTimestamp { 0 } else { number };
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self {
            house,
            stream: Some(Stream::Plain(stream)),
            input: Vec::new(),
            logged_in: false,
            utf8: false,
            user: None,
            last: String::new(),
            inherited: false,
            name: Vec::new(),
            challenge: String::new(),
            timestamp: format!("<{number}.7@fake.example>"),
            exchange: None,
            marks: Vec::new(),
            bad: 0,
            failures: 0,
            counts: std::collections::HashMap::new(),
            tls: false,
            holds_lock: false,
            behind_cr: false,
        }
    }

    fn flaw(&self, flaw: Flaw) -> bool {
        self.house.fault.flaw == flaw
    }

    fn run(mut self) {
        let greeting = format!("+OK fake ready {}\r\n", self.timestamp).into_bytes();
        let greeting = self.changed("", "", b"", greeting);
        if self.write(&greeting) {
            while let Some(line) = self.line() {
                let (reply, then) = self.answer(&line);
                if !self.write(&reply) {
                    break;
                }
                match then {
                    Then::Go => {}
                    Then::Close => {
                        if self.flaw(Flaw::AnswersAfterQuit) && !self.input.is_empty() {
                            self.write(b"+OK more\r\n");
                        }
                        if !self.flaw(Flaw::StaysAfterQuit) || self.logged_in || self.bad > 25 {
                            break;
                        }
                    }
                    Then::StartTls => {
                        if !self.start_tls() {
                            break;
                        }
                    }
                }
            }
        }
        self.end();
    }

    /// The end of the session, however it came.
    fn end(&mut self) {
        if self.logged_in && self.flaw(Flaw::CommitAtCut) {
            self.commit();
        }
        if self.flaw(Flaw::MarksStay) && self.logged_in && !self.inherited {
            self.house.marks.lock().unwrap().clone_from(&self.marks);
        }
        if self.holds_lock {
            self.house.locked.store(false, Ordering::SeqCst);
        }
        if let Some(Stream::Tls(stream)) = &mut self.stream
            && self.house.fault.flaw != Flaw::NoCloseNotify
        {
            stream.conn.send_close_notify();
            let _ = stream.conn.complete_io(&mut stream.sock);
        }
    }

    fn commit(&mut self) {
        let mut mail = self.house.mail.lock().unwrap();
        let mut marks = core::mem::take(&mut self.marks);
        if self.house.fault.flaw == Flaw::RemovesNothing {
            return;
        }
        if self.house.fault.flaw == Flaw::RemovesMore && !marks.is_empty() {
            marks.push(1);
        }
        let mut number = 0;
        mail.retain(|_| {
            number += 1;
            !marks.contains(&number)
        });
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            let cr = self.flaw(Flaw::CrEndsLine);
            if self.behind_cr && !self.input.is_empty() {
                self.behind_cr = false;
                if self.input.first() == Some(&b'\n') {
                    self.input.remove(0);
                }
            }
            let end = self.input.iter().position(|octet| *octet == b'\n' || cr && *octet == b'\r');
            let long = self.flaw(Flaw::SplitsLongLines)
                && self.input.len() > 20_000
                && end.is_none_or(|end| end > 20_000);
            if long {
                return Some(self.input.drain(..20_000).collect());
            }
            if let Some(end) = end {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                self.behind_cr = line.ends_with(b"\r");
                while matches!(line.last(), Some(b'\r' | b'\n')) {
                    line.pop();
                }
                return Some(line);
            }
            let mut chunk = [0; 4_096];
            let read = match self.stream.as_mut()? {
                Stream::Plain(stream) => stream.read(&mut chunk),
                Stream::Tls(stream) => stream.read(&mut chunk),
            };
            match read {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn write(&mut self, octets: &[u8]) -> bool {
        match self.stream.as_mut() {
            Some(Stream::Plain(stream)) => stream.write_all(octets).is_ok(),
            Some(Stream::Tls(stream)) => stream.write_all(octets).and_then(|()| stream.flush()).is_ok(),
            None => false,
        }
    }

    fn start_tls(&mut self) -> bool {
        if self.flaw(Flaw::SpeaksBehindStls) {
            self.write(b"+OK hurry\r\n");
        }
        let left = core::mem::take(&mut self.input);
        let Some(Stream::Plain(mut stream)) = self.stream.take() else { return false };
        if self.flaw(Flaw::ClearAfterBadHandshake) {
            let mut first = [0];
            if stream.peek(&mut first).is_ok() && first[0] != 22 {
                self.stream = Some(Stream::Plain(stream));
                return true;
            }
        }
        let mut connection = ServerConnection::new(Arc::clone(&self.house.tls)).unwrap();
        while connection.is_handshaking() {
            if connection.complete_io(&mut stream).is_err() {
                return false;
            }
        }
        self.stream = Some(Stream::Tls(Box::new(StreamOwned::new(connection, stream))));
        self.tls = true;
        if self.flaw(Flaw::RunsWhatWasInjected) {
            self.input = left;
        }
        if !self.flaw(Flaw::BelievesClearText) {
            self.user = None;
        }
        if self.flaw(Flaw::GreetsAgain) {
            self.write(b"+OK hello again\r\n");
        }
        true
    }

    fn changed(&self, keyword: &str, argument: &str, line: &[u8], reply: Vec<u8>) -> Vec<u8> {
        let seen = Seen {
            keyword,
            argument,
            line,
            logged_in: self.logged_in,
            tls: self.tls,
            user: &self.last,
            marked: self.marks.len(),
            before: self.counts.get(keyword).copied().unwrap_or(0),
        };
        (self.house.fault.reply)(&seen, reply)
    }

    fn answer(&mut self, line: &[u8]) -> (Vec<u8>, Then) {
        let text = String::from_utf8_lossy(line).into_owned();
        let (word, argument) = text.split_once(' ').map_or((&*text, None), |(word, rest)| (word, Some(rest)));
        let keyword = word.to_uppercase();
        let exchange = self.exchange.is_some();
        let (reply, then) = if exchange && !(self.flaw(Flaw::CommandsInExchange) && keyword == "QUIT") {
            (self.respond(&text), Then::Go)
        } else if !exchange && self.is_bad(line) {
            (b"-ERR bad octets\r\n".to_vec(), Then::Go)
        } else {
            self.command(&keyword, argument, &text)
        };
        let shown = if exchange { "(response)" } else { &*keyword };
        let reply = self.changed(shown, argument.unwrap_or_default(), line, reply);
        *self.counts.entry(shown.to_owned()).or_default() += 1;
        self.bad = if reply.starts_with(b"-ERR") { self.bad + 1 } else { self.bad };
        if self.bad > 25 && !self.flaw(Flaw::NeverTiresOfBadCommands) || self.failures > 3 {
            return (reply, Then::Close);
        }
        if self.flaw(Flaw::LosesBurst) && keyword == "XYZZ" {
            self.input.clear();
        }
        (reply, then)
    }

    /// Control octets, and what is no UTF-8 where it may be a name.
    fn is_bad(&self, line: &[u8]) -> bool {
        line.len() > 1_024
            || line.iter().any(|octet| *octet < b' ' || *octet == 0x7f)
            || core::str::from_utf8(line).is_err()
            || core::str::from_utf8(line).is_ok_and(|line| line.contains(['\u{e000}', '\u{fffd}']))
    }

    fn command(&mut self, keyword: &str, argument: Option<&str>, text: &str) -> (Vec<u8>, Then) {
        let go = |text: &str| (format!("{text}\r\n").into_bytes(), Then::Go);
        let no = || go("-ERR not now, or not so");
        let none = argument.is_none();
        let reply = match keyword {
            "QUIT" if none => {
                if self.logged_in {
                    self.commit();
                }
                return (b"+OK bye\r\n".to_vec(), Then::Close);
            }
            "CAPA" if none => self.capabilities(),
            "LANG" => return go(&lang(argument)),
            "STLS" if none && !self.tls && !self.logged_in => {
                return (b"+OK begin\r\n".to_vec(), Then::StartTls);
            }
            "UTF8" if none && !self.logged_in => {
                self.utf8 = true;
                return go("+OK UTF8");
            }
            "USER"
                if !self.logged_in
                    && argument.is_some_and(|name| !name.trim().is_empty() && !name.contains(' ')) =>
            {
                self.user = argument.map(str::to_owned);
                self.last = argument.unwrap_or_default().to_owned();
                return go("+OK the password");
            }
            "PASS"
                if !self.logged_in
                    && self.user.is_some()
                    && argument.is_some_and(|word| !word.is_empty()) =>
            {
                return go(&self.password(&text[5..]));
            }
            "APOP" if !self.logged_in => return go(&self.apop(argument.unwrap_or_default())),
            "AUTH" if !self.logged_in => return go(&self.auth(argument)),
            _ if !self.logged_in => return no(),
            "NOOP" if none => return go("+OK nothing"),
            "RSET" if none => {
                if !self.flaw(Flaw::ResetDoesNothing) {
                    self.marks.clear();
                }
                return go("+OK unmarked");
            }
            "STAT" if none => {
                let list = self.present();
                return go(&format!(
                    "+OK {} {}",
                    list.len(),
                    list.iter().map(|(_, _, mail)| mail.len()).sum::<usize>()
                ));
            }
            "LIST" | "UIDL" => return (self.listing(keyword, argument), Then::Go),
            "RETR" => self.named(argument).map(|(_, _, mail)| body(&mail, usize::MAX)),
            "TOP" => argument.and_then(|argument| {
                let (number, count) = argument.split_once(' ')?;
                let count = digits(count)?;
                self.named(Some(number)).map(|(_, _, mail)| body(&mail, count))
            }),
            "DELE" => self.named(argument).map(|(number, _, _)| {
                self.marks.push(number);
                b"+OK marked\r\n".to_vec()
            }),
            _ => None,
        };
        reply.map_or_else(no, |reply| (reply, Then::Go))
    }

    fn capabilities(&self) -> Option<Vec<u8>> {
        let mut lines =
            vec!["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "USER", "UTF8 USER", "LANG"];
        lines.extend(["SASL PLAIN LOGIN CRAM-MD5", "LOGIN-DELAY 0", "EXPIRE NEVER", "IMPLEMENTATION fake"]);
        if !self.logged_in && (!self.tls || self.flaw(Flaw::OffersStlsInTls)) {
            lines.push("STLS");
        }
        Some(format!("+OK list\r\n{}\r\n.\r\n", lines.join("\r\n")).into_bytes())
    }

    fn present(&self) -> Vec<(usize, String, Vec<u8>)> {
        let mail = self.house.mail.lock().unwrap();
        let all = (1..).zip(mail.iter()).filter(|(number, _)| !self.marks.contains(number));
        let count = self.house.count.load(Ordering::Relaxed);
        let uid = |uid: &String| {
            if self.flaw(Flaw::UidsPerSession) { format!("{uid}-{count}") } else { uid.clone() }
        };
        all.map(|(number, (name, octets))| (number, uid(name), octets.clone())).collect()
    }

    fn named(&self, argument: Option<&str>) -> Option<(usize, String, Vec<u8>)> {
        let number = digits(argument?)?;
        self.present().into_iter().find(|(at, _, _)| *at == number)
    }

    fn listing(&self, keyword: &str, argument: Option<&str>) -> Vec<u8> {
        let line = |(number, uid, mail): &(usize, String, Vec<u8>)| match keyword {
            "LIST" => format!("{number} {}", mail.len()),
            _ => format!("{number} {uid}"),
        };
        if argument.is_some() {
            let found = self.named(argument);
            return found.map_or_else(
                || b"-ERR no such message\r\n".to_vec(),
                |one| format!("+OK {}\r\n", line(&one)).into_bytes(),
            );
        }
        let mut present = self.present();
        if self.flaw(Flaw::RenumbersList) && keyword == "LIST" {
            for (index, one) in present.iter_mut().enumerate() {
                one.0 = index + 1;
            }
        }
        let lines: String = present.iter().map(|one| line(one) + "\r\n").collect();
        format!("+OK list\r\n{lines}.\r\n").into_bytes()
    }

    fn password(&mut self, word: &str) -> String {
        let user = self.user.take().unwrap_or_default();
        let word = if self.flaw(Flaw::TrimsPassword) { word.trim() } else { word };
        let same =
            word == PASSWORD || self.flaw(Flaw::PasswordWithoutCase) && word.eq_ignore_ascii_case(PASSWORD);
        let reply = self.log_in(user == USER && same);
        if self.flaw(Flaw::KeepsName) && !self.logged_in {
            self.user = Some(user);
        }
        reply
    }

    fn log_in(&mut self, right: bool) -> String {
        if !right || self.flaw(Flaw::FailureEndsLogins) && self.failures > 0 {
            self.failures += 1;
            return "-ERR [AUTH] no".to_owned();
        }
        if !self.flaw(Flaw::NoLock) {
            if self.house.locked.swap(true, Ordering::SeqCst) {
                return "-ERR [IN-USE] locked".to_owned();
            }
            self.holds_lock = true;
        }
        self.logged_in = true;
        if self.flaw(Flaw::MarksStay) {
            self.marks = core::mem::take(&mut *self.house.marks.lock().unwrap());
            self.inherited = !self.marks.is_empty();
        }
        "+OK welcome".to_owned()
    }

    fn apop(&mut self, argument: &str) -> String {
        let Some((user, digest)) = argument.split_once(' ') else { return "-ERR the digest?".to_owned() };
        if digest.len() != 32 || !digest.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return "-ERR no digest".to_owned();
        }
        let due = hex(&Md5::new().chain_update(&self.timestamp).chain_update(PASSWORD).finalize());
        let right = user == USER && (digest == due || self.flaw(Flaw::AnyDigest));
        self.log_in(right)
    }

    fn auth(&mut self, argument: Option<&str>) -> String {
        let Some(argument) = argument else { return "-ERR the mechanism?".to_owned() };
        let (name, initial) =
            argument.split_once(' ').map_or((argument, None), |(name, rest)| (name, Some(rest)));
        let upper = if self.flaw(Flaw::MechanismHasCase) { name.to_owned() } else { name.to_uppercase() };
        match (&*upper, initial) {
            ("PLAIN", Some("=")) if self.flaw(Flaw::EqualsIsAbsent) => self.challenged(Exchange::Plain, b""),
            ("PLAIN", Some("=")) => self.plain(b""),
            ("PLAIN", Some(text)) => match self.decoded(text) {
                Some(octets) => self.plain(&octets),
                None => "-ERR no base64".to_owned(),
            },
            ("PLAIN", None) => self.challenged(Exchange::Plain, b""),
            ("LOGIN", None) => self.challenged(Exchange::LoginName, b"Username:"),
            ("CRAM-MD5", initial) if initial.is_none() || self.flaw(Flaw::CramTakesInitial) => {
                let number = self.house.count.fetch_add(1, Ordering::Relaxed);
                let number = if self.flaw(Flaw::SameChallenge) { 0 } else { number };
                self.challenge = format!("<{number}.9@fake.example>");
                let challenge = self.challenge.clone();
                self.challenged(Exchange::Cram, challenge.as_bytes())
            }
            _ => "-ERR no such mechanism".to_owned(),
        }
    }

    fn challenged(&mut self, exchange: Exchange, octets: &[u8]) -> String {
        self.exchange = Some(exchange);
        format!("+ {}", Base64::encode_string(octets))
    }

    fn decoded(&self, text: &str) -> Option<Vec<u8>> {
        if self.flaw(Flaw::LenientBase64) {
            let mut kept: String = text
                .chars()
                .filter(|letter| letter.is_ascii_alphanumeric() || "+/".contains(*letter))
                .collect();
            while !kept.len().is_multiple_of(4) {
                kept.push('=');
            }
            return Base64::decode_vec(&kept).ok();
        }
        Base64::decode_vec(text).ok()
    }

    fn respond(&mut self, text: &str) -> Vec<u8> {
        let exchange = self.exchange.take();
        let octets = if text == "*" { None } else { self.decoded(text) };
        let reply = match (exchange, octets) {
            (Some(Exchange::Plain), Some(octets)) => self.plain(&octets),
            (Some(Exchange::LoginName), Some(octets)) => {
                self.name = octets;
                self.challenged(Exchange::LoginPassword, b"Password:")
            }
            (Some(Exchange::LoginPassword), Some(octets)) => {
                let right = self.name == USER.as_bytes() && octets == PASSWORD.as_bytes();
                self.log_in(right)
            }
            (Some(Exchange::Cram), Some(octets)) => {
                let mut mac = Hmac::<Md5>::new_from_slice(PASSWORD.as_bytes()).unwrap();
                mac.update(self.challenge.as_bytes());
                let due = format!("{USER} {}", hex(&mac.finalize().into_bytes()));
                self.log_in(octets == due.as_bytes())
            }
            _ => "-ERR cancelled".to_owned(),
        };
        format!("{reply}\r\n").into_bytes()
    }

    fn plain(&mut self, octets: &[u8]) -> String {
        let parts: Vec<&[u8]> = octets.split(|octet| *octet == 0).collect();
        let (parts, extra) = parts.split_at(parts.len().min(3));
        let [authorize, user, password] = parts else { return "-ERR no message of PLAIN".to_owned() };
        if !extra.is_empty() && !self.flaw(Flaw::AnyPlainMessage) || user.is_empty() || password.is_empty() {
            return "-ERR no message of PLAIN".to_owned();
        }
        let other = !authorize.is_empty() && *authorize != *user && !self.flaw(Flaw::IgnoresAuthorization);
        self.log_in(!other && *user == USER.as_bytes() && *password == PASSWORD.as_bytes())
    }
}

fn lang(argument: Option<&str>) -> String {
    match argument {
        None => "+OK languages\r\nen English\r\n.".to_owned(),
        Some(tag) if tag == "*" || tag.eq_ignore_ascii_case("en") => "+OK en English it is".to_owned(),
        Some(_) => "-ERR no such language".to_owned(),
    }
}

/// A number of digits alone.
fn digits(text: &str) -> Option<usize> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `+OK`, the message stuffed or its header and so many lines, and the dot.
fn body(mail: &[u8], count: usize) -> Vec<u8> {
    let mut out = b"+OK message\r\n".to_vec();
    let mut left = None;
    for line in mail.split_inclusive(|octet| *octet == b'\n') {
        match left {
            Some(0) => break,
            Some(count) => left = Some(count - 1),
            None if line == b"\r\n" => left = Some(count),
            None => {}
        }
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
