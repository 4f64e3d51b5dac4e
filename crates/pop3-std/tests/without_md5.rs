//! What works without the feature `md5`. The checks run this file with `--no-default-features`.
#![cfg(not(feature = "md5"))]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pop3_driver::backend::{LoginAttempt as Brought, Proof};
use pop3_driver::client::{Credentials, LoginPolicy, Retry};
use pop3_driver::memory::MemoryStore;
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome};
use pop3_driver::store::Blocking;
use pop3_driver::tls::Role;
use pop3_driver::{LoginMethod, Stop};
use pop3_proto::server::ServerConfig;
use pop3_proto::{Rejection, apop};
use pop3_sasl::client::Unusable;
use pop3_sasl::server::CramMd5;
use pop3_sasl::{Mechanism, Nonce, server};
use pop3_std::{Client, ClientError, ClientOptions, Pool, Security};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
const TIMESTAMP: &str = "<1896.697170952@dbc.mtview.ca.us>";

/// A service that wants to offer everything.
struct Everything {
    config: Arc<ServerConfig>,
    store: Arc<MemoryStore>,
}

fn timestamp() -> apop::Timestamp {
    apop::Timestamp::parse(TIMESTAMP.as_bytes()).unwrap()
}

impl Service for Everything {
    type Backend = Blocking<MemoryStore, Pool>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), Pool::default(), peer.clone());
        let welcome = Welcome::new(Arc::clone(&self.config), backend).with_trusted(true);
        Ok(welcome.with_timestamp(timestamp()))
    }

    fn ended(&self, _: &Peer, _: &SessionReport) {}
}

/// A scripted client or server.
struct Lines(BufReader<TcpStream>);

impl Lines {
    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line. It is empty at the end.
    fn next(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn ask(&mut self, command: &str) -> String {
        self.say(&format!("{command}\r\n"));
        self.next()
    }
}

#[test]
fn a_server_offers_neither_apop_nor_cram_md5() {
    let store = MemoryStore::new();
    store.add_user("mrose", "tanstaaf");
    let service = Arc::new(Everything { config: ServerConfig::default().into(), store: store.into() });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let served = {
        let stop = stop.clone();
        thread::spawn(move || pop3_std::serve(listener, Entrance::Plain, &Role::None, &service, &stop))
    };

    let mut client = Lines::over(TcpStream::connect(address).unwrap());
    let greeting = client.next();
    assert!(greeting.starts_with("+OK") && !greeting.contains(['<', '@']), "{greeting}");

    assert!(client.ask("CAPA").starts_with("+OK"));
    let capabilities: Vec<_> =
        core::iter::repeat_with(|| client.next()).take_while(|line| line != ".").collect();
    let sasl = capabilities.iter().find(|line| line.starts_with("SASL")).expect("there is AUTH");
    assert!(sasl.contains("SCRAM-SHA-256") && sasl.contains("PLAIN") && !sasl.contains("MD5"), "{sasl}");

    // The digest is correct for the timestamp of the service.
    let refused = client.ask("APOP mrose c4c9334bac560ecc979e58001b3e22fb");
    assert_eq!(refused, "-ERR APOP is not available");
    let refused = client.ask("AUTH CRAM-MD5");
    assert!(refused.starts_with("-ERR"), "{refused}");

    // The session is unchanged.
    assert!(client.ask("USER mrose").starts_with("+OK"));
    assert!(client.ask("PASS tanstaaf").starts_with("+OK"));
    assert!(client.ask("QUIT").starts_with("+OK"));
    stop.stop();
    served.join().unwrap().unwrap();
}

#[test]
fn a_client_chooses_neither_and_says_why() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut server = Lines::over(listener.accept().unwrap().0);
        server.say(&format!("+OK ready {TIMESTAMP}\r\n"));
        let mut commands = Vec::new();
        loop {
            let command = server.next();
            let reply = match command.as_str() {
                "" => return commands,
                "CAPA" => "+OK\r\nSASL CRAM-MD5\r\nUSER\r\n.\r\n",
                _ => "+OK\r\n",
            };
            server.say(reply);
            commands.push(command);
        }
    });

    let host = address.ip().to_string();
    let mut client =
        Client::connect(&host, address.port(), Security::TrustedPlaintext, ClientOptions::new()).unwrap();
    let mrose = Credentials::new("mrose").with_password("tanstaaf");
    for error in [
        client.login_apop(b"mrose", b"tanstaaf").unwrap_err(),
        client.authenticate(Mechanism::CramMd5, &mrose).unwrap_err(),
    ] {
        assert!(matches!(error, ClientError::Unusable(Unusable::NotBuilt)), "{error:?}");
        assert_eq!(error.advice(), Retry::Never);
        let cause = core::error::Error::source(&error).expect("the reason").to_string();
        assert!(cause.contains("`md5`"), "{cause}");
    }
    let policy = LoginPolicy::default().with_cram_md5(true).with_apop(true);
    assert_eq!(client.login_with(&mrose, &policy).unwrap(), LoginMethod::User);
    client.quit().unwrap();

    let commands = server.join().unwrap();
    assert!(commands.contains(&"USER mrose".to_owned()), "{commands:?}");
    assert!(!commands.iter().any(|command| command.starts_with("A")), "{commands:?}");
}

#[test]
fn no_digest_is_right() {
    let digest = apop::Digest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
    let answer = apop::ApopProof::new(timestamp(), digest);
    assert!(!answer.is_made_with(b"tanstaaf"));
    assert!(!Brought::new("mrose", Proof::Apop(answer)).prove(b"tanstaaf"));

    let challenge = "<1896.697170952@postoffice.reston.mci.net>";
    let digest = CramMd5::parse(b"tim b913a602c7eda7a495b4e6e7334d3890", challenge).unwrap();
    assert!(!digest.prove(b"tanstaaftanstaaf"));
    assert!(!Brought::new("tim", Proof::CramMd5(digest)).prove(b"tanstaaftanstaaf"));
}

#[test]
fn an_exchange_of_cram_md5_ends_before_it_begins() {
    assert!(!apop::AVAILABLE);
    for &mechanism in Mechanism::ALL {
        let setup = server::ServerSetup::new(Nonce::from_random([1; 18]), "a secret of the server");
        let step = server::ServerExchange::new(mechanism, setup).begin(None).unwrap();
        let not_built = matches!(step, server::ExchangeStep::Fail(server::Failure::NotBuilt));
        assert_eq!(not_built, mechanism == Mechanism::CramMd5, "{mechanism}");
        assert_eq!(mechanism.is_available(), !not_built, "{mechanism}");
    }
}
