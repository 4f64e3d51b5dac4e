//! Captures of packets: finds the connections to the server's ports and puts their octets together.

use core::net::SocketAddr;
use std::collections::{BTreeSet, HashMap};
use std::io::Read;

use etherparse::{NetSlice, SlicedPacket, TcpSlice, TransportSlice};
use pcap_parser::pcapng::Block;
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader};
use pop3_observer::Side;

use super::report::{Page, Report};
use super::tcp::{MAX_SEGMENTS, MAX_WAITING, Missing, Stream};

/// The largest packet, and how much of the file is in memory.
const BUFFER: usize = 1 << 20;
/// How many connections are followed at one time.
const MAX_CONNECTIONS: usize = 10_000;

/// Whether a file that begins so is a capture.
pub(super) fn is_capture(begin: &[u8]) -> bool {
    // Of pcap in both orders of octets, with micro- and nanoseconds, and of pcapng.
    const MAGICS: [[u8; 4]; 5] = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    MAGICS.iter().any(|magic| begin.starts_with(magic))
}

/// Reads all connections to these ports.
///
/// # Errors
/// The reason, when it can't be read.
pub(super) fn read(
    input: impl Read + Send,
    ports: BTreeSet<u16>,
    report: &mut Report<'_>,
) -> Result<(), String> {
    let mut connections = Connections { ports, open: HashMap::new(), report, opened: 0 };
    let result = packets(input, &mut |link, packet| connections.packet(link, packet));
    connections.finish();
    result
}

/// Gives each packet and the kind of link it was seen on.
fn packets(input: impl Read + Send, take: &mut dyn FnMut(Linktype, &[u8])) -> Result<(), String> {
    let mut reader = create_reader(BUFFER, input).map_err(|error| reason(&error))?;
    let mut links = Vec::new();
    let mut refilled = false;
    loop {
        match reader.next() {
            Ok((length, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => links = vec![header.network],
                    PcapBlockOwned::Legacy(packet) => {
                        take(links.first().copied().unwrap_or(Linktype::ETHERNET), packet.data);
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => links.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        links.push(interface.linktype)
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        let link = usize::try_from(packet.if_id).ok().and_then(|id| links.get(id));
                        // Behind the packet there may be octets that fill up to 32 bits.
                        let length = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
                        if let Some(&link) = link {
                            take(link, packet.data.get(..length).unwrap_or(packet.data));
                        }
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                        if let Some(&link) = links.first() {
                            take(link, packet.data);
                        }
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(length);
                refilled = false;
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) if !refilled => {
                reader.refill().map_err(|error| reason(&error))?;
                refilled = reader.reader_exhausted();
            }
            Err(PcapError::Incomplete(_) | PcapError::UnexpectedEof) => {
                return Err("the capture ends in the middle of a packet".to_owned());
            }
            Err(error) => return Err(reason(&error)),
        }
    }
}

fn reason(error: &PcapError<&[u8]>) -> String {
    format!("not a readable packet capture: {error}")
}

struct Connections<'r, 'o> {
    ports: BTreeSet<u16>,
    open: HashMap<[SocketAddr; 2], Connection>,
    report: &'r mut Report<'o>,
    opened: u64,
}

struct Connection {
    /// Taken when it is printed: what comes then is sent once more, or an acknowledgement.
    page: Option<Page>,
    /// The place among all connections, for the order in which they are printed.
    place: u64,
    from_client: Stream,
    from_server: Stream,
    /// What came from one side while octets of the other are awaited: it may be an answer to them.
    held: Vec<(Side, Vec<u8>)>,
    octets_held: usize,
    /// Its beginning is not in the capture.
    begun: bool,
    lost: bool,
}

impl Connections<'_, '_> {
    fn packet(&mut self, link: Linktype, packet: &[u8]) {
        let sliced = match link {
            Linktype::ETHERNET => SlicedPacket::from_ethernet(packet),
            Linktype::LINUX_SLL => SlicedPacket::from_linux_sll(packet),
            // A family of addresses, or the second form of Linux's own header, goes before.
            Linktype::NULL | Linktype::LOOP => SlicedPacket::from_ip(packet.get(4..).unwrap_or_default()),
            Linktype(276) => SlicedPacket::from_ip(packet.get(20..).unwrap_or_default()),
            _ => SlicedPacket::from_ip(packet),
        };
        // Ignore anything that is not a complete TCP segment. If it should have been one, it will be missing.
        let Ok(sliced) = sliced else { return };
        let (Some(net), Some(TransportSlice::Tcp(tcp))) = (&sliced.net, &sliced.transport) else { return };
        let (from, to) = match net {
            NetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            NetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            NetSlice::Arp(_) => return,
        };
        let from = SocketAddr::new(from, tcp.source_port());
        let to = SocketAddr::new(to, tcp.destination_port());
        if self.ports.contains(&to.port()) {
            self.segment([from, to], Side::Client, tcp);
        } else if self.ports.contains(&from.port()) {
            self.segment([to, from], Side::Server, tcp);
        }
    }

    fn segment(&mut self, key: [SocketAddr; 2], side: Side, tcp: &TcpSlice<'_>) {
        let opens = tcp.syn() && !tcp.ack();
        // The same ports again: what was there is over.
        if opens && self.open.get(&key).is_some_and(|old| old.is_another(tcp)) {
            self.print(key);
            self.open.remove(&key);
        }
        if !self.open.contains_key(&key) {
            if self.open.len() >= MAX_CONNECTIONS {
                self.open.retain(|_, connection| connection.page.is_some());
            }
            if self.open.len() >= MAX_CONNECTIONS || (tcp.payload().is_empty() && !tcp.syn()) {
                return;
            }
            self.opened += 1;
            let [client, server] = key;
            let page = self.report.page(&format!("{client} to {server}"));
            self.open.insert(key, Connection::new(page, self.opened));
        }
        let Some(connection) = self.open.get_mut(&key) else { return };
        connection.segment(side, tcp);
        if connection.end(side, tcp.rst()) {
            self.print(key);
        }
    }

    fn print(&mut self, key: [SocketAddr; 2]) {
        if let Some(page) = self.open.get_mut(&key).and_then(Connection::finish) {
            self.report.print(page);
        }
    }

    fn finish(self) {
        let mut open: Vec<_> = self.open.into_values().collect();
        open.sort_by_key(|connection| connection.place);
        for page in open.iter_mut().filter_map(Connection::finish) {
            self.report.print(page);
        }
    }
}

impl Connection {
    fn new(page: Page, place: u64) -> Self {
        Self {
            page: Some(page),
            place,
            from_client: Stream::default(),
            from_server: Stream::default(),
            held: Vec::new(),
            octets_held: 0,
            begun: false,
            lost: false,
        }
    }

    /// Whether a segment that opens a connection does not open this one, but one behind it.
    fn is_another(&self, tcp: &TcpSlice<'_>) -> bool {
        !self.from_client.is_first(tcp.sequence_number().wrapping_add(1))
    }

    fn segment(&mut self, side: Side, tcp: &TcpSlice<'_>) {
        let Some(page) = &mut self.page else { return };
        let (stream, other) = match side {
            Side::Client => (&mut self.from_client, &self.from_server),
            Side::Server => (&mut self.from_server, &self.from_client),
        };
        if tcp.syn() {
            self.begun = true;
            stream.begin(tcp.sequence_number().wrapping_add(1));
            return;
        }
        let octets = tcp.payload();
        // Without its beginning a session can be followed only from the greeting on.
        if !self.begun && !octets.is_empty() {
            self.begun = side == Side::Server && (octets.starts_with(b"+OK") || octets.starts_with(b"-ERR"));
            if !self.begun {
                self.lost = true;
                page.lose("the beginning of the connection is not in the capture");
            }
        }
        let waits = other.is_waiting();
        let (held, octets_held) = (&mut self.held, &mut self.octets_held);
        let result = stream.segment(tcp.sequence_number(), octets, tcp.fin(), &mut |octets| {
            if waits {
                held.push((side, octets.to_vec()));
                *octets_held += octets.len();
            } else {
                page.sent(side, octets);
            }
        });
        if !self.from_client.is_waiting() && !self.from_server.is_waiting() {
            self.octets_held = 0;
            for (side, octets) in self.held.drain(..) {
                page.sent(side, &octets);
            }
        }
        if result == Err(Missing) || self.held.len() > MAX_SEGMENTS || self.octets_held > MAX_WAITING {
            self.held.clear();
            self.lose();
        }
    }

    /// Tells the observer which sides have ended; `true` when nothing more can come.
    fn end(&mut self, side: Side, reset: bool) -> bool {
        // A client that was not let in has had no session.
        let Some(page) = self.page.as_mut().filter(|_| self.from_server.has_begun()) else { return false };
        if !self.held.is_empty() {
            return false;
        }
        for (stream, own) in [(&self.from_client, Side::Client), (&self.from_server, Side::Server)] {
            if stream.is_complete() || (reset && side == own && !stream.is_missing()) {
                page.ended(own);
            }
        }
        reset || (self.from_client.is_complete() && self.from_server.is_complete())
    }

    fn lose(&mut self) {
        if !core::mem::replace(&mut self.lost, true)
            && let Some(page) = &mut self.page
        {
            page.lose("packets are missing in the capture");
        }
    }

    /// What is to be printed, once.
    fn finish(&mut self) -> Option<Page> {
        if self.from_client.is_missing() || self.from_server.is_missing() {
            self.lose();
        }
        self.page.take().filter(|_| self.from_server.has_begun() || self.lost)
    }
}
