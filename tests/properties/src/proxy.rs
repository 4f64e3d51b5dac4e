//! PROXY headers, before the sessions of a server behind a proxy.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::pin::pin;
use core::task::{Context, Waker};
use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use pop3_driver::memory::MemoryStore;
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome, serve};
use pop3_driver::store::{Blocking, Inline};
use pop3_driver::tls::TlsInfo;
use pop3_driver::{Stop, Transport};
use pop3_proto::server::ServerConfig;
use pop3_proto::{Instant, Rejection};

/// A server whose clients all come through a proxy. It notes for whom a session was opened.
struct Behind {
    store: Arc<MemoryStore>,
    config: Arc<ServerConfig>,
    welcomed: Mutex<Option<Peer>>,
    ended: Mutex<Option<String>>,
}

impl Service for Behind {
    type Backend = Blocking<MemoryStore, Inline>;

    fn expects_proxy(&self, _: &Peer) -> bool {
        true
    }

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        *self.welcomed.lock().expect("one thread") = Some(peer.clone());
        let backend = Blocking::new(Arc::clone(&self.store), Inline::default(), peer.clone());
        Ok(Welcome::new(Arc::clone(&self.config), backend))
    }

    fn ended(&self, _: &Peer, report: &SessionReport) {
        *self.ended.lock().expect("one thread") = Some(format!("{report:?}"));
    }
}

/// Octets in memory that come in pieces.
struct Wire<'a> {
    rest: &'a [u8],
    length: usize,
    written: &'a Mutex<Vec<u8>>,
}

impl Transport for Wire<'_> {
    fn now(&self) -> Instant {
        pop3_tests::START
    }

    async fn read(&mut self, buffer: &mut [u8], _: Instant) -> io::Result<usize> {
        let length = buffer.len().min(self.length);
        io::Read::read(&mut self.rest, &mut buffer[..length])
    }

    async fn write(&mut self, octets: &[u8], _: Instant) -> io::Result<usize> {
        self.written.lock().expect("one thread").extend_from_slice(octets);
        Ok(octets.len())
    }

    async fn flush(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    async fn pause(&mut self, _: Instant) {}

    async fn close(&mut self, _: Instant) {}

    async fn secure(self, _: Instant) -> io::Result<Self> {
        Ok(self)
    }

    fn is_tls(&self) -> bool {
        false
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }
}

/// What a server knows and has sent.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    /// The addresses of a client that was welcomed, and whether it uses TLS to the proxy.
    client: Option<(SocketAddr, SocketAddr, bool)>,
    sent: Vec<u8>,
}

/// The addresses of the connection itself.
const PROXY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9999);
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 110);

fn told(octets: &[u8], length: usize) -> Told {
    static STORE: LazyLock<(Arc<MemoryStore>, Arc<ServerConfig>)> = LazyLock::new(Default::default);
    let (store, config) = STORE.clone();
    let service = Behind { store, config, welcomed: Mutex::new(None), ended: Mutex::new(None) };
    let written = Mutex::new(Vec::new());
    let wire = Wire { rest: octets, length, written: &written };
    let stop = Stop::new();
    {
        let mut session = pin!(serve(wire, Entrance::Plain, Peer::new(PROXY, LOCAL), &service, &stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.as_mut().poll(&mut context).is_ready(), "nothing is waited for");
    }
    assert!(service.ended.into_inner().expect("one thread").is_some(), "each session is reported");
    let client = service.welcomed.into_inner().expect("one thread").map(|peer| {
        let proxy = peer.proxy.expect("it came through one");
        assert_eq!(proxy.address, Some(PROXY));
        (peer.address.expect("an address"), peer.local.expect("an address"), proxy.tls)
    });
    Told { client, sent: written.into_inner().expect("one thread") }
}

/// A connection begins with a PROXY header, or gets no answer. The header is read as a simple reader reads it, at
/// every split, and what follows it is the session.
///
/// # Panics
/// If that does not hold.
pub fn proxy(octets: &[u8]) {
    let whole = told(octets, usize::MAX);
    assert_eq!(told(octets, 1), whole);
    let Some((header, behind)) = reference(octets) else {
        assert_eq!(whole, Told { client: None, sent: Vec::new() }, "{}", octets.escape_ascii());
        return;
    };
    let (client, local, tls) = header;
    // An IPv4-mapped IPv6 address is the same as its IPv4 address.
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let told_of = (plain(client.unwrap_or(PROXY)), plain(local.unwrap_or(LOCAL)), tls);
    assert_eq!(whole.client, Some(told_of), "{}", octets.escape_ascii());
    assert!(whole.sent.starts_with(b"+OK "), "{}", whole.sent.escape_ascii());
    // The same octets behind another header are the same session.
    let plain = told(&[b"PROXY UNKNOWN\r\n", behind].concat(), usize::MAX);
    assert_eq!(plain.sent, whole.sent);
}

/// The client, the address that it has connected to, and whether it uses TLS.
type Header = (Option<SocketAddr>, Option<SocketAddr>, bool);

/// The header, as the specification of the PROXY protocol has it, and what is behind it.
fn reference(octets: &[u8]) -> Option<(Header, &[u8])> {
    if octets.starts_with(b"PROXY") {
        let end = octets.windows(2).take(106).position(|pair| pair == b"\r\n")?;
        return Some((first_version(&octets[..end])?, &octets[end + 2..]));
    }
    let rest = octets.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let (&[command, family, high, low], rest) = rest.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (addresses, behind) = rest.split_at_checked(length).filter(|_| length <= 4096 - 16)?;
    Some((second_version(command, family, addresses)?, behind))
}

fn first_version(line: &[u8]) -> Option<Header> {
    // What follows is ignored, whatever it is.
    if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        return Some((None, None, false));
    }
    let words: Vec<&str> = core::str::from_utf8(line).ok()?.split(' ').collect();
    let &["PROXY", family, from, to, from_port, to_port] = &words[..] else { return None };
    // As decimal numbers are written.
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| port.to_string() == text);
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let from = SocketAddr::new(address(from)?, port(from_port)?);
    Some((Some(from), Some(SocketAddr::new(address(to)?, port(to_port)?)), false))
}

fn second_version(command: u8, family: u8, rest: &[u8]) -> Option<Header> {
    if !matches!(command, 0x20 | 0x21) {
        return None;
    }
    // Of each family there are streams, datagrams, and what is neither.
    if family & 15 > 2 {
        return None;
    }
    let addresses = match family >> 4 {
        // How long such addresses are is not known, nor where fields would begin: all of it is ignored.
        0 => return Some((None, None, false)),
        1 => 12,
        2 => 36,
        3 => 216,
        _ => return None,
    };
    let (addresses, fields) = rest.split_at_checked(addresses)?;
    if command == 0x20 {
        return Some((None, None, false));
    }
    let half = |octets: &[u8], ports: &[u8]| {
        let ip: IpAddr = match <[u8; 4]>::try_from(octets) {
            Ok(octets) => octets.into(),
            Err(_) => <[u8; 16]>::try_from(octets).expect("one of two lengths").into(),
        };
        SocketAddr::new(ip, u16::from_be_bytes([ports[0], ports[1]]))
    };
    let mut pair = (None, None);
    if matches!(family >> 4, 1 | 2) {
        let width = (addresses.len() - 4) / 2;
        let (ips, ports) = addresses.split_at(2 * width);
        pair = (Some(half(&ips[..width], &ports[..2])), Some(half(&ips[width..], &ports[2..])));
    }
    Some((pair.0, pair.1, fields_tell_tls(fields)?))
}

/// Whether one of the fields tells that the client uses TLS. None if a field is cut off.
fn fields_tell_tls(mut fields: &[u8]) -> Option<bool> {
    let mut tls = false;
    while !fields.is_empty() {
        let (&[kind, high, low], rest) = fields.split_first_chunk()?;
        let (value, behind) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        tls |= kind == 0x20 && value.first().is_some_and(|bits| bits & 1 == 1);
        fields = behind;
    }
    Some(tls)
}
