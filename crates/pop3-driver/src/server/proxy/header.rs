//! Headers of HAProxy's PROXY protocol, version 1 and 2.

use core::net::SocketAddr;
use std::io;

use pop3_proto::Instant;
use ppp::{v1, v2};

use crate::transport::Transport;

/// The fewest octets of a header: `PROXY UNKNOWN` and CRLF. So many are never more than one.
const SHORTEST: usize = 15;

/// The most octets of a header of version 1.
const LONGEST_V1: usize = 107;

/// The octets of a header of version 2 before the addresses.
const FIXED_V2: usize = 16;

/// The most octets of a header of version 2 that are read. What proxies send behind the addresses is
/// some hundred.
const LONGEST_V2: usize = 4096;

/// What a proxy reports about its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Header {
    /// The client's address and the one that it has connected to, where the header says them.
    pub(in crate::server) addresses: Option<(SocketAddr, SocketAddr)>,
    /// Whether the client speaks TLS with the proxy.
    pub(in crate::server) tls: bool,
}

impl Header {
    /// Reads the header at the start of a connection, and nothing after it.
    pub(in crate::server) async fn read<T: Transport>(
        transport: &mut T,
        deadline: Instant,
    ) -> io::Result<Self> {
        let octets = receive(transport, deadline).await?;
        let (addresses, tls) = parse(&octets)?;
        Ok(Self { addresses, tls })
    }
}

/// The octets of the header. What follows it belongs to TLS or to the session, and stays unread.
async fn receive<T: Transport>(transport: &mut T, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut header = vec![0; SHORTEST];
    fill(transport, &mut header, 0, deadline).await?;
    if header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
        while !header.ends_with(v1::PROTOCOL_SUFFIX.as_bytes()) {
            if header.len() == LONGEST_V1 {
                return Err(bad("a version 1 header has no end of line"));
            }
            let from = header.len();
            header.push(0);
            fill(transport, &mut header, from, deadline).await?;
        }
    } else if v2::PROTOCOL_PREFIX == &header[..v2::PROTOCOL_PREFIX.len()] {
        header.resize(FIXED_V2, 0);
        fill(transport, &mut header, SHORTEST, deadline).await?;
        let length = FIXED_V2 + usize::from(u16::from_be_bytes([header[14], header[15]]));
        if length > LONGEST_V2 {
            return Err(bad("a version 2 header is too long"));
        }
        header.resize(length, 0);
        fill(transport, &mut header, FIXED_V2, deadline).await?;
    } else {
        return Err(bad("the connection does not begin with a PROXY header"));
    }
    Ok(header)
}

/// Fills the rest of the buffer.
async fn fill<T: Transport>(
    transport: &mut T,
    buffer: &mut [u8],
    mut from: usize,
    deadline: Instant,
) -> io::Result<()> {
    while from < buffer.len() {
        match transport.read(&mut buffer[from..], deadline).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            octets => from += octets,
        }
    }
    Ok(())
}

type Addresses = Option<(SocketAddr, SocketAddr)>;

/// The client's address and the one that it has connected to, where the header says them; and whether
/// it speaks TLS.
fn parse(header: &[u8]) -> io::Result<(Addresses, bool)> {
    // What follows is to be ignored, whatever it is.
    if header == b"PROXY UNKNOWN\r\n" || header.starts_with(b"PROXY UNKNOWN ") {
        return Ok((None, false));
    }
    if header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
        let header = v1::Header::try_from(header).map_err(|_| bad("a version 1 header is malformed"))?;
        let addresses = match header.addresses {
            v1::Addresses::Tcp4(ip) => Some((
                (ip.source_address, ip.source_port).into(),
                (ip.destination_address, ip.destination_port).into(),
            )),
            v1::Addresses::Tcp6(ip) => Some((
                (ip.source_address, ip.source_port).into(),
                (ip.destination_address, ip.destination_port).into(),
            )),
            v1::Addresses::Unknown => None,
        };
        return Ok((addresses, false));
    }
    let header = v2::Header::try_from(header).map_err(|_| bad("a version 2 header is malformed"))?;
    if header.command == v2::Command::Local {
        return Ok((None, false));
    }
    let addresses = match header.addresses {
        v2::Addresses::IPv4(ip) => Some((
            (ip.source_address, ip.source_port).into(),
            (ip.destination_address, ip.destination_port).into(),
        )),
        v2::Addresses::IPv6(ip) => Some((
            (ip.source_address, ip.source_port).into(),
            (ip.destination_address, ip.destination_port).into(),
        )),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    };
    let mut tls = false;
    for field in header.tlvs() {
        let field = field.map_err(|_| bad("a field of a version 2 header is malformed"))?;
        // The first octet of this field contains flags. The lowest bit means that the client used TLS.
        tls |= field.kind == v2::Type::SSL as u8 && field.value.first().is_some_and(|bits| bits & 1 == 1);
    }
    Ok((addresses, tls))
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: v2::Command, addresses: impl Into<v2::Addresses>, fields: &[(u8, &[u8])]) -> Vec<u8> {
        let protocol = v2::Protocol::Stream;
        let mut builder = v2::Builder::with_addresses(v2::Version::Two | command, protocol, addresses);
        for &(kind, value) in fields {
            builder = builder.write_tlv(kind, value).unwrap();
        }
        builder.build().unwrap()
    }

    fn sockets(client: &str, local: &str) -> (SocketAddr, SocketAddr) {
        (client.parse().unwrap(), local.parse().unwrap())
    }

    #[test]
    fn both_versions_name_the_client() {
        let v4 = sockets("192.0.2.7:56324", "198.51.100.1:110");
        let v6 = sockets("[2001:db8::7]:56324", "[2001:db8::1]:995");
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 110\r\n";
        assert_eq!(parse(line).unwrap(), (Some(v4), false));
        let line = b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 995\r\n";
        assert_eq!(parse(line).unwrap(), (Some(v6), false));
        for addresses in [v4, v6] {
            let header = v2(v2::Command::Proxy, addresses, &[]);
            assert_eq!(parse(&header).unwrap(), (Some(addresses), false));
        }
    }

    #[test]
    fn a_proxy_may_speak_for_itself_or_not_know() {
        assert_eq!(parse(b"PROXY UNKNOWN\r\n").unwrap(), (None, false));
        assert_eq!(parse(b"PROXY UNKNOWN ffff::1 ::1 1 2\r\n").unwrap(), (None, false));
        // A receiver has to ignore what follows.
        for rest in [&b"a b c d e f g"[..], b"\xff", b"a\rb", b""] {
            let line = [b"PROXY UNKNOWN ", rest, b"\r\n"].concat();
            assert_eq!(parse(&line).unwrap(), (None, false), "{}", line.escape_ascii());
        }
        let header = v2(v2::Command::Local, sockets("192.0.2.7:1", "192.0.2.1:2"), &[]);
        assert_eq!(parse(&header).unwrap(), (None, false));
        // It says nothing about what follows, not even that there are fields.
        for rest in [&b""[..], b"\x20\0\x05\x01\0\0\0\0", b"\xc0\0\x02\x07\xc6\x32\x64\x01"] {
            let mut header = v2(v2::Command::Proxy, v2::Addresses::Unspecified, &[]);
            header.extend_from_slice(rest);
            header[15] = u8::try_from(rest.len()).unwrap();
            assert_eq!(parse(&header).unwrap(), (None, false));
        }
    }

    #[test]
    fn version_2_tells_of_tls_at_the_proxy() {
        let addresses = sockets("192.0.2.7:1", "192.0.2.1:995");
        for (field, tls) in [(&[1, 0, 0, 0, 0][..], true), (&[0, 0, 0, 0, 0], false), (&[], false)] {
            let header = v2(v2::Command::Proxy, addresses, &[(0x01, b"pop3"), (0x20, field)]);
            assert_eq!(parse(&header).unwrap(), (Some(addresses), tls));
        }
    }

    #[test]
    fn what_can_not_be_read_is_refused() {
        for line in [
            &b"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n"[..],
            b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 110 x\r\n",
            b"PROXY TCP4 192.0.2.777 198.51.100.1 1 110\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 110\r\n",
            b"PROXY TCP6 192.0.2.7 198.51.100.1 1 110\r\n",
            b"PROXY UDP4 192.0.2.7 198.51.100.1 1 110\r\n",
            b"PROXYTCP4 192.0.2.7 198.51.100.1 1 110\r\n",
            b"PROXY \xff\r\n......",
        ] {
            assert!(parse(line).is_err(), "{}", line.escape_ascii());
        }
        let mut header = v2(v2::Command::Proxy, sockets("192.0.2.7:1", "192.0.2.1:995"), &[]);
        header[12] = 0x11;
        assert!(parse(&header).is_err(), "version 1 in the form of version 2");
        header[12] = 0x21;
        header[15] = 4;
        header.truncate(FIXED_V2 + 4);
        assert!(parse(&header).is_err(), "addresses that are too short");
    }

    #[test]
    fn a_header_with_a_cut_field_is_refused() {
        let whole = v2(
            v2::Command::Proxy,
            sockets("192.0.2.7:1", "192.0.2.1:995"),
            &[(0x20, &[1, 0, 0, 0, 0]), (0x01, b"pop3")],
        );
        assert!(parse(&whole).is_ok());
        // The last field takes seven octets. Without any of it, the header is whole again.
        for missing in 1..7_u8 {
            let mut cut = whole[..whole.len() - usize::from(missing)].to_vec();
            cut[15] -= missing;
            assert!(parse(&cut).is_err(), "{missing} octets are missing");
        }
    }
}
