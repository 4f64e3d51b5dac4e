//! Many users, and connections from many addresses of this machine.

use core::net::SocketAddr;
use std::fs;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use socket2::{Domain, Socket, Type};

use crate::changes::PATIENCE;
use crate::support::{House, Raw};

/// A house with this many users, `u0` and so on, with the password `secret`. Each has one small message.
pub(crate) fn house_of(users: usize) -> House {
    let house = House::new();
    let mut lines = String::new();
    for user in 0..users {
        house.maildir(&format!("mail/u{user}"));
        fs::write(
            house.path(&format!("mail/u{user}/new/1.a.b")),
            format!("Subject: {user}\n\nfor u{user}\n"),
        )
        .unwrap();
        lines += &format!("u{user}:{{PLAIN}}secret\n");
    }
    fs::write(house.path("users"), lines).unwrap();
    house
}

/// A connection from the address 127.0.0.`last`, from which nothing was read.
pub(crate) fn stream_from(last: u8, port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, last], 0)).into()).unwrap();
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The same, and its first line.
pub(crate) fn from(last: u8, port: u16) -> (Raw, String) {
    let stream = stream_from(last, port);
    let mut raw = Raw { reader: BufReader::new(stream.try_clone().unwrap()), stream };
    let greeting = raw.line();
    (raw, greeting)
}

/// Logs in as `u` with this number, from 127.0.0.`last`.
pub(crate) fn log_in(last: u8, port: u16, user: usize) -> Raw {
    let (mut raw, greeting) = from(last, port);
    assert!(greeting.starts_with("+OK"), "u{user}: {greeting}");
    raw.stream.write_all(format!("USER u{user}\r\nPASS secret\r\n").as_bytes()).unwrap();
    let replies = [raw.line(), raw.line()];
    assert!(replies.iter().all(|reply| reply.starts_with("+OK")), "u{user}: {replies:?}");
    raw
}

/// Fetches the first message, and checks that it is this user's.
pub(crate) fn retrieve(session: &mut Raw, user: usize) {
    assert!(session.say("RETR 1").starts_with("+OK"), "u{user}");
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != ".\r\n") {
        lines.push(session.line());
        assert_ne!(lines.last().unwrap(), "", "u{user}: {lines:?}");
    }
    assert!(lines.contains(&format!("for u{user}\r\n")), "u{user}: {lines:?}");
}

/// Whether the server has closed this connection. What it has sent is discarded.
pub(crate) fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    let closed = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) => break error.kind() != io::ErrorKind::WouldBlock,
        }
    };
    stream.set_nonblocking(false).unwrap();
    closed
}

/// Waits until the server has closed this connection. What it sends is discarded.
pub(crate) fn await_end(mut stream: &TcpStream) {
    match io::copy(&mut stream, &mut io::sink()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
    }
}
