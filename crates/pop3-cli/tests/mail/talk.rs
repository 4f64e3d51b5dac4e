//! A client that logs in with AUTH, over any stream.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use pop3_driver::tls::{TlsInfo, provider};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials, ExchangeError};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::House;

pub(crate) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// A connection, beginning with the greeting.
pub(crate) struct Talk {
    stream: BufReader<Box<dyn Stream>>,
    bindings: ChannelBindings,
}

/// The result of an exchange.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// The last reply.
    pub(crate) reply: String,
    /// The challenges, decoded.
    pub(crate) challenges: Vec<String>,
    /// The result from the client's point of view.
    pub(crate) verdict: Result<(), ExchangeError>,
}

impl Talk {
    /// Without TLS.
    pub(crate) fn plain(port: u16) -> Self {
        Self::begin(TcpStream::connect(("127.0.0.1", port)).unwrap(), ChannelBindings::none())
    }

    /// Behind a proxy that speaks for this address of this machine, so that failures of one test do
    /// not count for another.
    pub(crate) fn proxied(port: u16, last: u8) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "PROXY TCP4 127.0.1.{last} 127.0.0.1 4711 110\r\n").unwrap();
        Self::begin(stream, ChannelBindings::none())
    }

    /// What a login with USER and PASS is told, from an [address of its own](Self::proxied).
    pub(crate) fn pass(port: u16, last: u8, name: &str, password: &str) -> String {
        let mut talk = Self::proxied(port, last);
        talk.say(&format!("USER {name}"));
        let reply = talk.say(&format!("PASS {password}"));
        talk.say("QUIT");
        reply
    }

    /// With implicit TLS.
    pub(crate) fn tls(house: &House, port: u16, certificate: Option<(&str, &str)>) -> Self {
        Self::secure(TcpStream::connect(("127.0.0.1", port)).unwrap(), house, certificate).unwrap()
    }

    /// With STLS.
    pub(crate) fn starttls(house: &House, port: u16) -> Self {
        Self::starttls_behind(house, port, &[], None)
    }

    /// With STLS, after commands that must be accepted in plain text.
    pub(crate) fn starttls_behind(
        house: &House,
        port: u16,
        commands: &[&str],
        certificate: Option<(&str, &str)>,
    ) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut replies = BufReader::new(stream.try_clone().unwrap()).lines();
        assert!(replies.next().unwrap().unwrap().starts_with("+OK"));
        for command in commands.iter().chain(&["STLS"]) {
            stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
            assert!(replies.next().unwrap().unwrap().starts_with("+OK"), "{command}");
        }
        let (stream, bindings) = handshake(stream, house, certificate).unwrap();
        Self { stream: BufReader::new(stream), bindings }
    }

    /// The same on an open connection.
    pub(crate) fn secure(
        stream: TcpStream,
        house: &House,
        certificate: Option<(&str, &str)>,
    ) -> std::io::Result<Self> {
        let (stream, bindings) = handshake(stream, house, certificate)?;
        let mut talk = Self { stream: BufReader::new(stream), bindings };
        // With TLS 1.3, the refusal of a client certificate shows here.
        let mut greeting = String::new();
        talk.stream.read_line(&mut greeting)?;
        assert!(greeting.starts_with("+OK"), "{greeting}");
        Ok(talk)
    }

    fn begin(stream: impl Stream + 'static, bindings: ChannelBindings) -> Self {
        let mut talk = Self { stream: BufReader::new(Box::new(stream)), bindings };
        let greeting = talk.line();
        assert!(greeting.starts_with("+OK"), "{greeting}");
        talk
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.stream.get_mut().flush().unwrap();
    }

    /// A line without its line end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("a line without end: {line:?}")).to_owned()
    }

    pub(crate) fn say(&mut self, command: &str) -> String {
        self.send(command);
        self.line()
    }

    /// The lines after a positive reply.
    pub(crate) fn list(&mut self, command: &str) -> Vec<String> {
        let reply = self.say(command);
        assert!(reply.starts_with("+OK"), "{reply}");
        let mut lines = Vec::new();
        loop {
            match self.line() {
                line if line == "." => return lines,
                line => lines.push(line),
            }
        }
    }

    /// The mechanisms in the list of capabilities.
    pub(crate) fn mechanisms(&mut self) -> Vec<Mechanism> {
        let lines = self.list("CAPA");
        let sasl = lines.iter().find_map(|line| line.strip_prefix("SASL "));
        let words = sasl.into_iter().flat_map(|line| line.split(' '));
        words.map(|word| Mechanism::parse(word.as_bytes()).unwrap()).collect()
    }

    /// Runs an exchange to its end. `initial` says whether the first message is sent with the command.
    pub(crate) fn auth_with(&mut self, mechanism: Mechanism, who: &Credentials, initial: bool) -> Login {
        // A client that supports channel binding must not send the flag `y` if -PLUS may be offered.
        self.exchange(mechanism, who, initial, !self.bindings.is_empty())
    }

    /// The same for a client that supports channel binding and has not seen -PLUS offered.
    pub(crate) fn auth_unbound(&mut self, mechanism: Mechanism, who: &Credentials) -> Login {
        self.exchange(mechanism, who, true, false)
    }

    fn exchange(&mut self, mechanism: Mechanism, who: &Credentials, initial: bool, plus: bool) -> Login {
        let mut random = [0; 18];
        getrandom::fill(&mut random).unwrap();
        let setup = ClientSetup::new(Nonce::from_random(random)).with_bindings(self.bindings.clone());
        let setup = setup.with_plus_offered(plus);
        let mut exchange = ClientExchange::new(mechanism, who, &setup).unwrap();
        let mut command = format!("AUTH {}", mechanism.name());
        if let Some(message) = Some(()).filter(|()| initial).and_then(|()| exchange.take_initial()) {
            let message = Base64::encode_string(message.expose());
            command += &format!(" {}", if message.is_empty() { "=" } else { &message });
        }
        let mut reply = self.say(&command);
        let mut challenges = Vec::new();
        while let Some(challenge) = reply.strip_prefix("+ ") {
            let challenge = Base64::decode_vec(challenge).unwrap();
            challenges.push(String::from_utf8(challenge.clone()).unwrap());
            reply = match exchange.respond(&challenge) {
                Ok(response) => self.say(&Base64::encode_string(response.expose())),
                Err(error) => {
                    let reply = self.say("*");
                    return Login { reply, challenges, verdict: Err(error) };
                }
            };
        }
        let verdict = if reply.starts_with("+OK") { exchange.finish() } else { Ok(()) };
        Login { reply, challenges, verdict }
    }

    pub(crate) fn auth(&mut self, mechanism: Mechanism, who: &Credentials) -> Login {
        self.auth_with(mechanism, who, true)
    }

    /// The salt and the iteration count for a name, from an exchange that stops there.
    pub(crate) fn salt(&mut self, mechanism: Mechanism, name: &str) -> String {
        let first = Base64::encode_string(format!("n,,n={name},r=abcdefghijklmnop").as_bytes());
        let reply = self.say(&format!("AUTH {} {first}", mechanism.name()));
        let challenge = reply.strip_prefix("+ ").unwrap_or_else(|| panic!("{reply}"));
        let challenge = String::from_utf8(Base64::decode_vec(challenge).unwrap()).unwrap();
        let (nonce, rest) = challenge.split_once(",s=").unwrap();
        assert!(nonce.starts_with("r=abcdefghijklmnop") && nonce.len() > 30, "{nonce}");
        let cancelled = self.say("*");
        assert!(cancelled.starts_with("-ERR") && !cancelled.contains("[AUTH]"), "{cancelled}");
        rest.to_owned()
    }
}

impl Login {
    pub(crate) fn is_good(&self) -> bool {
        self.reply.starts_with("+OK") && self.verdict == Ok(())
    }
}

fn handshake(
    mut tcp: TcpStream,
    house: &House,
    certificate: Option<(&str, &str)>,
) -> std::io::Result<(Box<dyn Stream>, ChannelBindings)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(house.path("cert.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.unwrap().with_root_certificates(roots);
    let config = match certificate {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    let mut tls = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    let bindings = TlsInfo::of_client(&tls, None).unwrap().bindings;
    Ok((Box::new(StreamOwned::new(tls, tcp)), bindings))
}
