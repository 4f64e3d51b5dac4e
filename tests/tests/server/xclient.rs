//! XCLIENT: a trusted proxy sends the address of its client.

use core::net::IpAddr;

use pop3_proto::Channel;
use pop3_proto::server::{ServerConfig, ServerState};
use pop3_tests::server::{Asked, Server};
use pop3_tests::store::Store;

fn new() -> Server {
    let mut server = Server::behind_proxy(Store::fixture(), ServerConfig::default());
    server.take();
    server
}

// PRS-13
#[test]
fn nobody_is_a_proxy_by_default() {
    let mut server = Server::new(Store::fixture());
    assert!(!String::from_utf8(server.take()).unwrap().contains("XCLIENT"));
    for line in ["XCLIENT ADDR=1.2.3.4", "XCLIENT ADDR=x", "XCLIENT"] {
        assert!(server.say(line).starts_with("-ERR "), "{line}");
    }
    assert_eq!(server.say("XCLIENT ADDR=1.2.3.4"), "-ERR unknown command\r\n");
    assert_eq!(server.asked(), []);
    let mut server = Server::with(Store::fixture(), ServerConfig::default(), Channel::Tls, None).log_in();
    assert_eq!(server.say("XCLIENT ADDR=1.2.3.4"), "-ERR unknown command\r\n");
}

// PRS-13
#[test]
fn a_trusted_proxy_is_told_so_and_believed_before_the_login() {
    let mut server = Server::behind_proxy(Store::fixture(), ServerConfig::default());
    assert_eq!(server.take(), b"+OK [XCLIENT] POP3 server ready\r\n");
    server.say("USER other");
    let line = "xclient addr=192.0.2.7 PORT=4711 SESSION=a+b/1 LOGIN=mrose HELO=h.example TTL=4 X=y";
    assert!(server.say(line).starts_with("+OK "));
    let [Asked::Proxied(info)] = server.asked() else { panic!("{:?}", server.asked()) };
    assert_eq!(info.address, Some("192.0.2.7".parse::<IpAddr>().unwrap()));
    assert_eq!((info.port, info.session.as_deref()), (Some(4711), Some("a+b/1")));
    assert_eq!((info.login.as_deref(), info.helo.as_deref()), (Some("mrose"), Some("h.example")));
    // Only once: what follows may come from the client.
    assert_eq!(server.say("XCLIENT ADDR=192.0.2.8"), "-ERR unknown command\r\n");
    // What was sent before came from somebody else.
    assert!(server.say("PASS tanstaaf").starts_with("-ERR "));
    let mut server = server.log_in_behind();
    assert_eq!(server.say("XCLIENT ADDR=192.0.2.8"), "-ERR unknown command\r\n");
}

// PRS-13
#[test]
fn addresses_are_read_as_postfix_and_dovecot_write_them() {
    for (value, address) in [
        ("::1", "::1"),
        ("IPV6:2001:db8::1", "2001:db8::1"),
        ("ipv6:2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
    ] {
        let mut server = new();
        assert!(server.say(&format!("XCLIENT ADDR={value} PORT=[UNAVAILABLE]")).starts_with("+OK "));
        let [Asked::Proxied(info)] = server.asked() else { panic!("{:?}", server.asked()) };
        assert_eq!((info.address, info.port), (Some(address.parse().unwrap()), None));
    }
}

// PRS-13
#[test]
fn what_can_not_be_read_or_is_not_believed_is_refused() {
    for bad in [
        "ADDR=x",
        "ADDR=",
        "ADDR=1.2.3.4.5",
        "ADDR=IPV6:",
        "ADDR=1.2.3.4 PORT=x",
        "ADDR=1.2.3.4 PORT=65536",
        "ADDR=1.2.3.4 PORT=+1",
        "ADDR=1.2.3.4 LOGIN=jos\u{e9}",
    ] {
        let mut server = new();
        assert!(server.say(&format!("XCLIENT {bad}")).starts_with("-ERR "), "{bad}");
        assert_eq!(server.asked(), [], "{bad}");
        assert_eq!(server.connection().session().state(), ServerState::Authorization);
    }
    // The embedder of this test requires an address.
    let mut server = new();
    assert_eq!(server.say("XCLIENT LOGIN=mrose"), "-ERR for whom do you speak?\r\n");
    assert!(server.say("USER mrose").starts_with("+OK "));
}

trait LogIn {
    fn log_in_behind(self) -> Self;
}

impl LogIn for Server {
    fn log_in_behind(mut self) -> Self {
        self.say("USER mrose");
        assert!(self.say("PASS tanstaaf").starts_with("+OK "));
        self
    }
}
