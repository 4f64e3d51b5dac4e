//! A server on a Unix socket that checks passwords and tokens.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use pop3_proto::Secret;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{Answer, Fault, MAX_ANSWER, Question, Verdict};

/// Asks the server on this socket.
pub(super) fn ask(path: &Path, question: &Question<'_>, timeout: Duration) -> Result<Verdict, Fault> {
    let until = Instant::now() + timeout;
    let text = talk(path, question, until).map_err(|error| {
        let is_late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        if is_late && Instant::now() >= until {
            Fault::TooSlow
        } else {
            Fault::Socket(path.to_owned(), error)
        }
    })?;
    if text.len() > MAX_ANSWER {
        return Err(Fault::Answer("the answer of the check is too long"));
    }
    let (first, rest) = text.split_at(text.iter().position(|&octet| octet == b'\n').unwrap_or(text.len()));
    match first.trim_ascii() {
        b"ok" => Answer::parse(rest, false).map(Verdict::Good),
        b"no" => Ok(Verdict::Bad),
        b"" => Err(Fault::Answer("the server that checks credentials closed without an answer")),
        _ => Err(Fault::Answer("the answer of the check is neither ok nor no")),
    }
}

/// Sends the question and reads the answer, of at most one octet more than it may have.
fn talk(path: &Path, question: &Question<'_>, until: Instant) -> io::Result<Vec<u8>> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // If the queue of the server is full, this fails at once.
    socket.connect_timeout(&SockAddr::unix(path)?, left(until)?)?;
    let mut stream = UnixStream::from(std::os::fd::OwnedFd::from(socket));
    let head = format!(
        "pop3-check 1\nkind={}\nmechanism={}\nuser={}\npeer={}\nsecret=",
        question.kind.name(),
        question.mechanism,
        question.name,
        question.peer.to_canonical()
    );
    let text = Secret::join(&[head.as_bytes(), question.secret.expose(), b"\n\n"]);
    let mut rest = text.expose().as_slice();
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left(until)?))?;
        match stream.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(octets) => rest = &rest[octets..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // It need not read all of it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => return Err(error),
        }
    }
    // It may have closed already.
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let mut buffer = [0; MAX_ANSWER];
    while answer.len() <= MAX_ANSWER {
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(octets) => answer.extend_from_slice(&buffer[..octets]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// How much time is left.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
