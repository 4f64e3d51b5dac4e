//! AUTH over real sockets: every mechanism, with channel binding where there is TLS.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use pop3_driver::tls::{Certificate, TlsInfo};
use pop3_observer::Side;
use pop3_proto::server::Limits;
use pop3_proto::{Base64, Channel, encode_base64};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials};
use pop3_sasl::{BindingKind, ChannelBindings, Mechanism, Nonce};
use pop3_tests::observed::Watch;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::certificates::Certificates;
use crate::runtime::Runtime;
use crate::server::{Mode, PATIENCE, Server};
use crate::{everywhere, on_each_runtime};

everywhere!(
    every_mechanism_logs_in,
    nothing_is_left_of_an_exchange_that_failed,
    a_hostile_exchange_touches_no_other,
    a_long_token_is_read_in_pieces,
);

on_each_runtime!(
    a_binding_serves_one_failed_exchange,
    a_client_that_saw_no_binding_offered_is_refused,
    tls_1_2_has_no_exporter,
    a_certificate_is_good_for_external_only,
);

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A client that is driven line by line, with the channel bindings of its TLS.
struct Talk {
    stream: BufReader<Box<dyn Stream>>,
    bindings: ChannelBindings,
    /// Watches the server.
    watch: Watch,
}

impl Talk {
    fn new<R: Runtime>(server: &Server<R>, mode: Mode) -> Self {
        Self::with(server, mode, Certificates::good().client_config())
    }

    fn with<R: Runtime>(server: &Server<R>, mode: Mode, config: Arc<ClientConfig>) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
        tcp.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        tcp.set_nodelay(true).expect("no delay");
        let mut talk = Self {
            stream: BufReader::new(Box::new(tcp.try_clone().expect("a clone"))),
            bindings: ChannelBindings::none(),
            watch: Watch::new(Side::Server, Channel::TrustedPlaintext),
        };
        if mode != Mode::Implicit {
            assert!(talk.line().starts_with("+OK"));
        }
        if mode == Mode::Stls {
            assert!(talk.say("STLS").starts_with("+OK"));
        }
        if mode != Mode::Trusted {
            let mut tls =
                ClientConnection::new(config, "localhost".try_into().expect("a name")).expect("settings");
            let mut tcp = tcp;
            while tls.is_handshaking() {
                tls.complete_io(&mut tcp).expect("a handshake");
            }
            talk.bindings = TlsInfo::of_client(&tls, None).expect("a connection in TLS").bindings;
            talk.stream = BufReader::new(Box::new(StreamOwned::new(tls, tcp)));
            talk.watch.encrypted();
        }
        if mode == Mode::Implicit {
            assert!(talk.line().starts_with("+OK"));
        }
        talk
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line of text");
        self.watch.sent(Side::Server, line.as_bytes());
        line
    }

    fn send(&mut self, octets: &[u8]) {
        self.watch.sent(Side::Client, octets);
        self.stream.get_mut().write_all(octets).expect("the server reads");
        self.stream.get_mut().flush().expect("the server reads");
    }

    fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.line()
    }

    /// The mechanisms in the reply to CAPA.
    fn offered(&mut self) -> Vec<Mechanism> {
        let mut line = self.say("CAPA");
        let mut offered = Vec::new();
        while line != ".\r\n" {
            if let Some(names) = line.strip_prefix("SASL ") {
                let known = names.split_whitespace().map(|name| Mechanism::parse(name.as_bytes()));
                offered.extend(known.map(|known| known.expect("a known mechanism")));
            }
            line = self.line();
        }
        offered
    }

    /// Logs in. Returns the last reply, which counts only if the server has proved its identity.
    fn auth(&mut self, mechanism: Mechanism, credentials: &Credentials, bindings: ChannelBindings) -> String {
        let mut random = [0; 18];
        random[0] = 7;
        let setup = ClientSetup::new(Nonce::from_random(random)).with_bindings(bindings);
        let mut exchange = ClientExchange::new(mechanism, credentials, &setup).expect("good credentials");
        let mut command = format!("AUTH {mechanism}");
        if let Some(initial) = exchange.take_initial() {
            command += " ";
            command += &if initial.is_empty() { "=".to_owned() } else { base64(initial.expose()) };
        }
        let mut reply = self.say(&command);
        while let Some(challenge) = reply.trim_end_matches("\r\n").strip_prefix("+ ") {
            let challenge = Base64::parse(challenge.as_bytes()).expect("base64").decode();
            let response = exchange.respond(challenge.expose()).expect("a good challenge");
            reply = self.say(&base64(response.expose()));
        }
        assert!(!reply.starts_with("+OK") || exchange.finish().is_ok(), "{mechanism}: {reply}");
        reply
    }
}

fn base64(octets: &[u8]) -> String {
    String::from_utf8(encode_base64(octets).expose().clone()).expect("ASCII")
}

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials::new(name).with_password(password).with_token(TOKEN)
}

/// Only one type of channel binding.
fn only(kind: BindingKind, bindings: &ChannelBindings) -> ChannelBindings {
    let octets = bindings.octets(kind).expect("a binding").expose().to_vec();
    if kind == BindingKind::TlsExporter {
        ChannelBindings::none().with_exporter(octets.try_into().expect("32 octets"))
    } else {
        ChannelBindings::none().with_server_end_point(octets)
    }
}

const TOKEN: &str = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==";

fn start<R: Runtime>(mode: Mode) -> Server<R> {
    let server = Server::start(mode);
    server.store.add_token("mrose", TOKEN);
    server.store.let_in_anybody("mrose");
    server
}

// 5034-4.21, 5802-6.01, 9266-2.01, 5929-4.01, 7628-3.01, XOA-1.01, 4505-2.01, LOGIN-1.01, 2195-2.01
async fn every_mechanism_logs_in<R: Runtime>(mode: Mode) {
    let server = start::<R>(mode);
    let offered = Talk::new(&server, mode).offered();
    let tls = mode != Mode::Trusted;
    let expected: Vec<_> = Mechanism::ALL
        .iter()
        .copied()
        .filter(|mechanism| *mechanism != Mechanism::External && (tls || !mechanism.needs_channel_binding()))
        .collect();
    assert_eq!(offered, expected);
    for mechanism in offered {
        let kinds: &[Option<BindingKind>] = match mechanism.needs_channel_binding() {
            true => &[Some(BindingKind::TlsExporter), Some(BindingKind::TlsServerEndPoint)],
            false => &[None],
        };
        for kind in kinds {
            let mut talk = Talk::new(&server, mode);
            let bindings = kind.map_or_else(ChannelBindings::none, |kind| only(kind, &talk.bindings));
            let credentials = if mechanism == Mechanism::Anonymous {
                Credentials::anonymous("sirhc")
            } else {
                credentials("mrose", "tanstaaf")
            };
            let reply = talk.auth(mechanism, &credentials, bindings);
            assert!(reply.starts_with("+OK maildrop has 0 messages"), "{mechanism}: {reply}");
            // The tag remains after the login: 2449-6.30
            assert!(!talk.offered().is_empty());
            assert!(talk.say("AUTH PLAIN").starts_with("-ERR"));
            assert!(talk.say("QUIT").starts_with("+OK"));
            drop(talk);
            loop {
                // Connections that only asked for the mechanisms are reported, too.
                let report = server.report();
                if let Some(user) = report.user {
                    assert_eq!(user, "mrose");
                    break;
                }
            }
        }
    }
}

// 5034-4.16, 3206-6.01, 4616-2.03
async fn nothing_is_left_of_an_exchange_that_failed<R: Runtime>(mode: Mode) {
    let mut limits = Limits::default();
    limits.failed_logins = 100;
    limits.failure_delay = core::time::Duration::ZERO;
    let server = Server::<R>::start_with(mode, limits, Certificates::good().server());
    server.store.add_token("mrose", TOKEN);
    server.store.add_user("admin", "secret");
    server.store.add_user("friend", "secret");
    server.store.let_act_for("friend", "mrose");
    let mut talk = Talk::new(&server, mode);
    let plain =
        |mechanism: &Mechanism| !mechanism.needs_channel_binding() && *mechanism != Mechanism::External;
    for mechanism in talk.offered().into_iter().filter(plain) {
        for name in ["mrose", "nobody"] {
            let wrong = Credentials::new(name).with_password("wrong").with_token("wrong");
            let reply = talk.auth(mechanism, &wrong, ChannelBindings::none());
            assert!(reply.starts_with("-ERR [AUTH] "), "{mechanism} {name}: {reply}");
        }
        talk.say(&format!("AUTH {mechanism}"));
        let reply = talk.say("*");
        assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{mechanism}: {reply}");
    }
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        let refused = credentials("admin", "secret").with_authorization("mrose");
        assert!(talk.auth(mechanism, &refused, ChannelBindings::none()).starts_with("-ERR [AUTH] "));
    }
    assert!(talk.say("USER mrose").starts_with("+OK"));
    assert!(talk.say("PASS tanstaaf").starts_with("+OK"));
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        // 2449-8.11: the code is sent only if the credentials are correct.
        let mut second = Talk::new(&server, mode);
        let wrong = Credentials::new("mrose").with_password("wrong");
        assert!(second.auth(mechanism, &wrong, ChannelBindings::none()).starts_with("-ERR [AUTH] "));
        let right = credentials("mrose", "tanstaaf");
        assert!(second.auth(mechanism, &right, ChannelBindings::none()).starts_with("-ERR [IN-USE] "));
        let other = credentials("friend", "secret").with_authorization("mrose");
        assert!(second.auth(mechanism, &other, ChannelBindings::none()).starts_with("-ERR [IN-USE] "));
    }
    assert!(talk.say("QUIT").starts_with("+OK"));
    let mut friend = Talk::new(&server, mode);
    let other = credentials("friend", "secret").with_authorization("mrose");
    assert!(friend.auth(Mechanism::Plain, &other, ChannelBindings::none()).starts_with("+OK"));
}

// A failed or hostile exchange does not affect other sessions.
async fn a_hostile_exchange_touches_no_other<R: Runtime>(mode: Mode) {
    let server = start::<R>(mode);
    let (mut good, mut bad) = (Talk::new(&server, mode), Talk::new(&server, mode));
    assert_eq!(good.say("AUTH PLAIN"), "+ \r\n");
    for line in ["AUTH SCRAM-SHA-256", "!!!!", "AUTH CRAM-MD5", "AAAA", "AUTH LOGIN", "AAAA", "*"] {
        bad.say(line);
    }
    bad.say("AUTH PLAIN");
    assert!(bad.say(&"A".repeat(40_000)).starts_with("-ERR"));
    assert_eq!(bad.say("AUTH LOGIN"), "+ VXNlcm5hbWU6\r\n");
    assert!(good.say(&base64(b"\0mrose\0tanstaaf")).starts_with("+OK"));
    // The exchange continues where it stopped, and finds the maildrop locked.
    assert_eq!(bad.say(&base64(b"mrose")), "+ UGFzc3dvcmQ6\r\n");
    assert!(bad.say(&base64(b"tanstaaf")).starts_with("-ERR [IN-USE] "));
    assert!(good.say("STAT").starts_with("+OK 0 0"));
}

// 5034-4.14, 5034-4.10
async fn a_long_token_is_read_in_pieces<R: Runtime>(mode: Mode) {
    let server = start::<R>(mode);
    let long = "t".repeat(9_000);
    server.store.add_token("mrose", &long);
    let message = base64(format!("user=mrose\u{1}auth=Bearer {long}\u{1}\u{1}").as_bytes());
    assert!(message.len() > 12_000);
    for first in [format!("AUTH XOAUTH2 {message}"), "AUTH XOAUTH2".to_owned()] {
        let mut talk = Talk::new(&server, mode);
        let mut reply = talk.say(&first);
        if reply == "+ \r\n" {
            let (one, two) = message.split_at(5_000);
            talk.send(one.as_bytes());
            reply = talk.say(two);
        }
        assert!(reply.starts_with("+OK "), "{reply}");
        assert!(talk.say("QUIT").starts_with("+OK"));
    }
}

// 9266-4.01
async fn a_binding_serves_one_failed_exchange<R: Runtime>() {
    let mut limits = Limits::default();
    limits.failure_delay = core::time::Duration::ZERO;
    let server = Server::<R>::start_with(Mode::Implicit, limits, Certificates::good().server());
    let mut talk = Talk::new(&server, Mode::Implicit);
    let bindings = talk.bindings.clone();
    let wrong = Credentials::new("mrose").with_password("wrong");
    assert!(talk.auth(Mechanism::ScramSha256Plus, &wrong, bindings.clone()).starts_with("-ERR [AUTH] "));
    assert!(talk.offered().iter().all(|mechanism| !mechanism.needs_channel_binding()));
    for mechanism in [Mechanism::ScramSha256Plus, Mechanism::ScramSha1Plus] {
        let reply = talk.say(&format!("AUTH {mechanism}"));
        assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{reply}");
    }
    let right = credentials("mrose", "tanstaaf");
    assert!(talk.auth(Mechanism::ScramSha256, &right, ChannelBindings::none()).starts_with("+OK"));
    // Channel bindings of another connection are refused.
    let mut other = Talk::new(&server, Mode::Implicit);
    let reply = other.auth(Mechanism::ScramSha256Plus, &right, only(BindingKind::TlsExporter, &bindings));
    assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{reply}");
}

// 5802-6.01
async fn a_client_that_saw_no_binding_offered_is_refused<R: Runtime>() {
    let server = start::<R>(Mode::Stls);
    let mut talk = Talk::new(&server, Mode::Stls);
    // The client has bindings but was offered no -PLUS, so it sends `y`.
    let bindings = talk.bindings.clone();
    let reply = talk.auth(Mechanism::ScramSha256, &credentials("mrose", "tanstaaf"), bindings);
    assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{reply}");
    // On a connection without bindings nothing was hidden.
    let server = start::<R>(Mode::Trusted);
    let mut talk = Talk::new(&server, Mode::Trusted);
    assert!(talk.say(&format!("AUTH SCRAM-SHA-256 {}", base64(b"y,,n=mrose,r=abc"))).starts_with("+ "));
}

// 9266-2.01, 5929-4.01
async fn tls_1_2_has_no_exporter<R: Runtime>() {
    let server = start::<R>(Mode::Implicit);
    let mut talk = Talk::with(&server, Mode::Implicit, Certificates::good().client_with_tls12());
    let bindings = talk.bindings.clone();
    assert_eq!(bindings.preferred(), Some(BindingKind::TlsServerEndPoint));
    let reply = talk.auth(Mechanism::ScramSha256Plus, &credentials("mrose", "tanstaaf"), bindings);
    assert!(reply.starts_with("+OK "), "{reply}");
    let mut talk = Talk::with(&server, Mode::Implicit, Certificates::good().client_with_tls12());
    let unknown = ChannelBindings::none().with_exporter([1; 32]);
    let reply = talk.auth(Mechanism::ScramSha256Plus, &credentials("mrose", "tanstaaf"), unknown);
    assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{reply}");
}

// EXT-1.01, 8314-4.03, 8314-3.01, 2595-4.17
async fn a_certificate_is_good_for_external_only<R: Runtime>() {
    let certificates = Certificates::good();
    for mode in [Mode::Implicit, Mode::Stls] {
        let server = Server::<R>::start_with(mode, Limits::default(), certificates.server_that_asks());
        server.store.add_certificate("mrose", Certificate::from_der(&certificates.of_client()));
        let mut without = Talk::new(&server, mode);
        assert!(!without.offered().contains(&Mechanism::External));
        assert!(without.say("AUTH EXTERNAL =").starts_with("-ERR "));
        for (name, right) in [("", true), ("mrose", true), ("other", false)] {
            let mut talk = Talk::with(&server, mode, certificates.client_with_certificate(certificates));
            // The certificate alone logs nobody in.
            assert!(talk.say("STAT").starts_with("-ERR "));
            assert!(talk.offered().contains(&Mechanism::External));
            let mut credentials = Credentials::certificate();
            if !name.is_empty() {
                credentials = credentials.with_authorization(name);
            }
            let reply = talk.auth(Mechanism::External, &credentials, ChannelBindings::none());
            assert_eq!(reply.starts_with("+OK "), right, "{name}: {reply}");
            assert!(right || reply.starts_with("-ERR [AUTH] "), "{reply}");
            talk.say("QUIT");
        }
    }
    // A certificate from another authority fails before the greeting.
    let server = Server::<R>::start_with(Mode::Implicit, Limits::default(), certificates.server_that_asks());
    let stranger = certificates.client_with_certificate(&Certificates::make(false));
    let tls = ClientConnection::new(stranger, "localhost".try_into().expect("a name")).expect("settings");
    let tcp = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
    tcp.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut line = String::new();
    let fault = BufReader::new(StreamOwned::new(tls, tcp)).read_line(&mut line);
    assert!(fault.is_err() && line.is_empty(), "{line}");
}
