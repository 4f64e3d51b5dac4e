//! The driver's server on random sessions of the model, with the mechanisms of `pop3-sasl`.

use core::time::Duration;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use pop3_driver::Stop;
use pop3_driver::backend::{Admission, Backend, Context, LoginAttempt, Proof, StoredMessage};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome, serve};
use pop3_proto::apop::Timestamp;
use pop3_proto::server::{Accepted, Close, Extent, ServerConfig};
use pop3_proto::{Base64, Deletions, MessageNumber, Rejection, encode_base64};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::{Mechanism, Nonce};
use pop3_sql::SqlMaildrop;
use pop3_tests::model::{End, NAME, PASSWORD, Privacy, Response, Said, Sasl, TIMESTAMP};
use pop3_tests::split::pieces;
use pop3_tests::store::Store;
use proptest_state_machine::{StateMachineTest, prop_state_machine};

use crate::cases;
use crate::pipe::{Pipe, Task};
use crate::server::{compare_replies, config, fault};
use crate::sessions::{Sessions, Step, Walk};
use crate::sql::{self, Mailbox};

/// A server with one store. Clones share the store and the reports.
#[derive(Clone)]
struct Mail {
    store: Arc<Mutex<Store>>,
    closed: Arc<Mutex<Option<Close>>>,
    config: Arc<ServerConfig>,
    mechanisms: Vec<Mechanism>,
    timestamp: Option<Timestamp>,
    trusted: bool,
    proxy: bool,
    /// Where the messages are, too, and what sessions see.
    mailbox: Option<Arc<Mailbox>>,
}

impl Mail {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("no panic in the store")
    }
}

impl Service for Mail {
    type Backend = Session;

    async fn connect(&self, _: &Peer) -> Result<Welcome<Session>, Rejection> {
        let session = Session { mail: self.clone(), maildrop: None };
        let mut welcome = Welcome::new(Arc::clone(&self.config), session)
            .with_trusted(self.trusted)
            .with_trusted_proxy(self.proxy);
        welcome.timestamp = self.timestamp.clone();
        Ok(welcome)
    }

    fn ended(&self, _: &Peer, report: &SessionReport) {
        let before = self.closed.lock().expect("no panic").replace(report.close);
        assert_eq!(before, None, "a session ends once");
    }
}

struct Session {
    mail: Mail,
    maildrop: Option<SqlMaildrop>,
}

impl Backend for Session {
    type Message = Content;

    fn mechanisms(&self) -> Vec<Mechanism> {
        self.mail.mechanisms.clone()
    }

    async fn scram_keys(&mut self, name: &str, hash: Hash, _: &Context) -> Result<Option<Keys>, Rejection> {
        static KEYS: OnceLock<Keys> = OnceLock::new();
        let keys = || Keys::derive(hash, PASSWORD.as_bytes(), &[7; 16], 4096).expect("good settings");
        Ok((name == NAME).then(|| KEYS.get_or_init(keys).clone()))
    }

    async fn authenticate(&mut self, attempt: LoginAttempt, _: &Context) -> Result<Admission, Rejection> {
        let store = self.mail.store();
        let proved = matches!(attempt.proof, Proof::Scram) || attempt.prove(PASSWORD.as_bytes());
        if attempt.name != NAME.as_bytes() || !proved {
            return Err(Rejection::credentials());
        }
        let accepted = store.accept()?;
        let Some(mailbox) = &self.mail.mailbox else { return Ok(accepted.into()) };
        let mut maildrop = mailbox.open();
        let accepted = Accepted::from(maildrop.take_snapshot());
        self.maildrop = Some(maildrop);
        Ok(accepted.into())
    }

    async fn fetch(&mut self, message: MessageNumber, _: Extent, _: &Context) -> Result<Content, Rejection> {
        let store = self.mail.store();
        let (mut octets, _) = store.fetch(message)?;
        if let Some(maildrop) = &mut self.maildrop {
            octets = sql::read(maildrop, message);
        }
        Ok(Content { octets: Cursor::new(octets), chunk: Vec::new(), length: store.chunk })
    }

    async fn commit(&mut self, deletions: Deletions, _: &Context) -> usize {
        let mut store = self.mail.store();
        let before = store.messages.clone();
        let failed = store.commit(&deletions);
        if let Some(maildrop) = self.maildrop.take() {
            let is_gone = |number: &MessageNumber| !store.messages.contains(&before[number.index()]);
            let gone: Vec<_> = deletions.iter().filter(is_gone).collect();
            let count = gone.len() as u64;
            assert_eq!(sql::remove(maildrop, gone), count);
        }
        failed
    }
}

/// A message that is read in pieces.
struct Content {
    octets: Cursor<Vec<u8>>,
    chunk: Vec<u8>,
    length: usize,
}

impl StoredMessage for Content {
    async fn chunk(&mut self) -> io::Result<&[u8]> {
        use std::io::Read as _;
        self.chunk.clear();
        let length = self.length.max(1) as u64;
        self.octets.by_ref().take(length).read_to_end(&mut self.chunk)?;
        Ok(&self.chunk)
    }
}

/// A server on a connection in memory, and its client.
struct Served {
    mail: Mail,
    pipe: Pipe,
    task: Task,
    /// What the client has said and not sent.
    said: Vec<u8>,
    /// What the server sent since the last comparison.
    heard: Vec<u8>,
    /// The last line of it.
    challenge: Vec<u8>,
    /// The exchange that the client leads, and the number of its next message.
    exchange: Option<(Sasl, ClientExchange, usize)>,
}

impl Served {
    fn connect(store: Store, mailbox: Option<Arc<Mailbox>>, walk: &Walk) -> Self {
        let setup = walk.model.setup();
        let mut config = config(setup);
        config.limits.high_water = walk.high_water;
        config.mechanisms.clear();
        let parse =
            |sasl: &Sasl| Mechanism::parse(sasl.name().as_bytes()).expect("a mechanism of the driver");
        let mail = Mail {
            store: Arc::new(Mutex::new(store)),
            closed: Arc::default(),
            config: Arc::new(config),
            mechanisms: setup.sasl.iter().map(parse).collect(),
            timestamp: setup.apop.then(|| Timestamp::parse(TIMESTAMP.as_bytes()).expect("a timestamp")),
            trusted: setup.privacy == Privacy::Trusted,
            proxy: setup.proxy,
            mailbox,
        };
        let pipe = Pipe::new(setup.privacy == Privacy::Tls);
        let (service, transport) = (mail.clone(), pipe.clone());
        let address = ([127, 0, 0, 1], 1).into();
        let peer = Peer::new(address, address);
        let task = Task::new(async move {
            serve(transport, Entrance::Plain, peer, &service, &Stop::new()).await;
        });
        let greeting = pipe.take();
        assert!(greeting.starts_with(b"+OK "), "{}", greeting.escape_ascii());
        Self { mail, pipe, task, said: Vec::new(), heard: Vec::new(), challenge: Vec::new(), exchange: None }
    }

    /// What was said arrives. If STLS is accepted, the rest came in clear text and is lost.
    fn flush(&mut self, lengths: &[usize]) {
        let (said, handshakes) = (core::mem::take(&mut self.said), self.pipe.handshakes());
        for piece in pieces(&said, lengths) {
            if self.pipe.handshakes() == handshakes {
                self.pipe.send(piece);
                self.task.run();
            }
        }
        let heard = self.pipe.take();
        if let Some(line) = heard.split_inclusive(|octet| *octet == b'\n').next_back() {
            self.challenge = line.to_vec();
        }
        self.heard.extend(heard);
    }

    /// The client says something. If the server is `deaf`, it is lost.
    fn say(&mut self, said: &Said, deaf: bool) {
        let line = if deaf { None } else { self.computed(said) };
        self.put(&line.unwrap_or_else(|| said.text()));
    }

    /// A line that depends on what the server has said.
    fn computed(&mut self, said: &Said) -> Option<String> {
        if let Said::Auth(sasl, initial) = said {
            self.exchange = lead(*sasl);
            let (_, exchange, next) = self.exchange.as_mut()?;
            let Some(Response::Right(..)) = initial else { return None };
            let first = exchange.take_initial()?;
            *next = 1;
            return Some(format!("AUTH {} {}", sasl.name(), text(first.expose())));
        }
        let Said::Respond(Response::Right(sasl, message)) = said else { return None };
        self.flush(&[]);
        let challenge = self.challenge.strip_prefix(b"+ ")?.strip_suffix(b"\r\n")?;
        let (own, exchange, next) = self.exchange.as_mut()?;
        if (*own, *next) != (*sasl, *message) {
            return None;
        }
        let response = exchange.respond(Base64::parse(challenge)?.decode().expose()).ok()?;
        *next += 1;
        Some(text(response.expose()))
    }

    fn put(&mut self, line: &str) {
        self.said.extend_from_slice(line.as_bytes());
        self.said.extend_from_slice(b"\r\n");
    }

    fn leave(&mut self) {
        self.pipe.end();
        self.task.run();
        assert!(self.task.is_over(), "the session of a client that has left ends");
    }

    fn compare(&self, walk: &Walk, end: Option<End>) {
        let close = end.map(|end| match end {
            End::Quit => Close::Quit,
            End::TimedOut => Close::TimedOut,
            End::Left => Close::PeerClosed,
        });
        assert_eq!(
            (*self.mail.closed.lock().expect("no panic"), self.task.is_over()),
            (close, close.is_some())
        );
        let store = self.mail.store();
        let uids = |messages: &[pop3_tests::store::Message]| -> Vec<String> {
            messages.iter().map(|message| message.uid.clone()).collect()
        };
        assert_eq!(uids(&store.messages), uids(walk.model.store()));
        if let Some(mailbox) = &self.mail.mailbox {
            assert_eq!(mailbox.uids(), uids(walk.model.store()));
        }
    }
}

/// The client's side of an exchange whose messages depend on those of the server.
fn lead(sasl: Sasl) -> Option<(Sasl, ClientExchange, usize)> {
    if !matches!(sasl, Sasl::CramMd5 | Sasl::ScramSha1) {
        return None;
    }
    let mechanism = Mechanism::parse(sasl.name().as_bytes()).expect("a mechanism");
    let user = Credentials::new(NAME).with_password(PASSWORD);
    let setup = ClientSetup::new(Nonce::from_text("fyko+d2lbbFgONRv9qkxdawL").expect("a nonce"));
    Some((sasl, ClientExchange::new(mechanism, &user, &setup).expect("it fits"), 0))
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(encode_base64(octets).expose().to_vec()).expect("ASCII")
}

/// The loop of the driver's server, over messages in memory, or in the SQL store.
struct Loop<const SQL: bool>;

impl<const SQL: bool> StateMachineTest for Loop<SQL> {
    type SystemUnderTest = Served;
    type Reference = Sessions<true>;

    fn init_test(walk: &Walk) -> Served {
        let mut store = Store::with([]);
        store.messages = walk.model.store().to_vec();
        store.chunk = walk.chunk;
        let mailbox = SQL.then(|| Arc::new(Mailbox::new(&store.messages)));
        Served::connect(store, mailbox, walk)
    }

    fn apply(mut served: Served, walk: &Walk, step: Step) -> Served {
        match &step {
            Step::Say(said) => {
                served.say(said, walk.model.is_deaf());
                return served;
            }
            Step::Flush(lengths) => served.flush(lengths),
            Step::Pass(_) | Step::Deliver(_) | Step::Wrong(_) | Step::Cut(..) | Step::Connect => {
                served.flush(&[])
            }
        }
        compare_replies(&core::mem::take(&mut served.heard), walk.told());
        match step {
            Step::Say(_) | Step::Flush(_) => {}
            Step::Pass(seconds) => {
                served.pipe.pass(Duration::from_secs(seconds));
                served.task.run();
            }
            Step::Deliver(_) => {
                let new = walk.model.store().last().cloned();
                served.mail.mailbox.iter().for_each(|mailbox| mailbox.import(new.as_slice()));
                served.mail.store().messages.extend(new);
            }
            Step::Wrong(trouble) => served.mail.store().fault = fault(trouble),
            Step::Cut(said, octets) => {
                let line = said.line();
                served.pipe.send(&line[..octets.index(line.len())]);
                served.leave();
            }
            Step::Connect => {
                served.leave();
                let (store, mailbox) = (served.mail.store().clone(), served.mail.mailbox.clone());
                served = Served::connect(store, mailbox, walk);
            }
        }
        assert_eq!(served.pipe.take().escape_ascii().to_string(), "", "a reply that nobody asked for");
        served.compare(walk, walk.model.end());
        served
    }

    fn teardown(mut served: Served, walk: Walk) {
        served.flush(&[]);
        compare_replies(&served.heard, walk.owed());
        let end = walk.model.end().unwrap_or(End::Left);
        served.leave();
        served.compare(&walk, Some(end));
    }
}

prop_state_machine! {
    #![proptest_config(cases(100))]

    #[test]
    fn the_driver_answers_and_removes_as_the_model_says(sequential 1..60 => Loop<false>);
}

prop_state_machine! {
    #![proptest_config(cases(40))]

    #[test]
    fn the_driver_answers_and_removes_on_the_sql_store_as_the_model_says(sequential 1..60 => Loop<true>);
}
