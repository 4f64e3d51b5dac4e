//! IPv4 and IPv6 on the same port.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;

use socket2::{Domain, Socket, Type};

use crate::changes::until;
use crate::crowd::house_of;
use crate::support::RUNTIMES;

/// A port that is free for both. `None` if there is no IPv6.
fn free_port() -> Option<u16> {
    for _ in 0..100 {
        let v6 = Socket::new(Domain::IPV6, Type::STREAM, None).ok()?;
        v6.set_only_v6(true).ok()?;
        v6.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).ok()?;
        let port = v6.local_addr().unwrap().as_socket().unwrap().port();
        // On the loopback interface, too, because the test uses it.
        let loopback = Socket::new(Domain::IPV6, Type::STREAM, None).ok()?;
        drop(v6);
        loopback.bind(&SocketAddr::from((Ipv6Addr::LOCALHOST, port)).into()).ok()?;
        let v4 = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if v4.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into()).is_ok() {
            return Some(port);
        }
    }
    panic!("no port is free for both");
}

fn greeting(ip: impl Into<IpAddr>, port: u16) -> Option<String> {
    let stream = TcpStream::connect((ip.into(), port)).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    Some(line)
}

#[test]
fn ipv4_and_ipv6_share_a_port() {
    for runtime in RUNTIMES {
        let Some(port) = free_port() else {
            eprintln!("NOT TESTED: this machine has no IPv6");
            return;
        };
        let house = house_of(0);
        let (v4, v6) = (format!("0.0.0.0:{port}"), format!("[::]:{port}"));
        let server = house.serve(&["--runtime", runtime, "--listen", &v4, "--listen", &v6]);
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            assert!(greeting(ip, port).is_some_and(|line| line.starts_with("+OK")), "{runtime} {ip}");
        }
        assert!(!house.log().contains("IPv6 only"), "{}", house.log());
        assert!(server.ends_well(), "{runtime}");
        // The same port again at once, although its connections were only just closed, and in the other order.
        let _server = house.serve(&["--runtime", runtime, "--listen", &v6, "--listen", &v4]);
        assert!(greeting(Ipv6Addr::LOCALHOST, port).is_some_and(|line| line.starts_with("+OK")), "{runtime}");
    }
}

#[test]
fn ipv6_alone_takes_no_ipv4_and_says_so() {
    let Some(port) = free_port() else {
        eprintln!("NOT TESTED: this machine has no IPv6");
        return;
    };
    let house = house_of(0);
    let address = format!("[::]:{port}");
    let _server = house.serve(&["--listen", &address]);
    until(&house, "the log says so", || house.log().contains(&format!("{address} accepts IPv6 only")));
    assert_eq!(greeting(Ipv4Addr::LOCALHOST, port), None);
    assert!(greeting(Ipv6Addr::LOCALHOST, port).is_some_and(|line| line.starts_with("+OK")));
}
