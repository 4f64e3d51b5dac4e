//! A small server of HTTP/1.1 (RFC 9112): one request for each connection, without a body.
//!
//! It has threads of its own, few of them, and little patience. Whatever its clients do, nobody else waits for them.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// How many connections there are at one time. Others are closed at once.
const MOST: usize = 8;

/// How long a connection may take in all.
const LONGEST: Duration = Duration::from_secs(5);

/// The most octets of a request.
const LONGEST_REQUEST: usize = 8 * 1024;

/// The most header fields of a request.
const MOST_FIELDS: usize = 64;

/// How long to wait when a connection can't be accepted.
const RETRY: Duration = Duration::from_secs(1);

/// A request. The query is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
}

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Response {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: body.into() }
    }

    #[cfg(test)]
    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    /// With another type than text.
    pub(super) fn of_type(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    fn octets(&self, with_body: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            503 => "Service Unavailable",
            _ => "Error",
        };
        let Self { status, kind, body } = self;
        let allow = if *status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
        let length = body.len();
        let body = if with_body { body } else { "" };
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// Starts the threads. They end with the process.
pub(super) fn serve(
    listener: TcpListener,
    answer: impl Fn(Request<'_>) -> Response + Send + Sync + 'static,
) -> io::Result<()> {
    let answer = Arc::new(answer);
    let open = Arc::new(AtomicUsize::new(0));
    let accept = move || {
        loop {
            let Ok((stream, _)) = listener.accept() else {
                thread::sleep(RETRY);
                continue;
            };
            let place = Place::take(&open);
            let Some(place) = place else { continue };
            let answer = Arc::clone(&answer);
            let work = move || {
                let _place = place;
                // Who has left does not want to know.
                let _ = exchange(&stream, &*answer);
            };
            // Without a thread, the connection is closed.
            let _ = thread::Builder::new().name("metrics".into()).spawn(work);
        }
    };
    thread::Builder::new().name("metrics".into()).spawn(accept).map(drop)
}

/// One of the connections that there may be.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(open));
        (open.fetch_add(1, Ordering::Relaxed) < MOST).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads the request and writes the response.
fn exchange(stream: &TcpStream, answer: &impl Fn(Request<'_>) -> Response) -> io::Result<()> {
    let mut stream = Hurried { stream, until: Instant::now() + LONGEST };
    let mut octets = Vec::new();
    let mut buffer = [0; 1024];
    let response = loop {
        match parse(&octets, answer) {
            Parsed::Response(response) => break response,
            Parsed::Incomplete if octets.len() < LONGEST_REQUEST => {}
            Parsed::Incomplete => break Response::new(400, "the request is too long\n").octets(true),
        }
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        octets.extend_from_slice(&buffer[..read]);
    };
    stream.write_all(&response)?;
    stream.stream.shutdown(Shutdown::Write)
}

enum Parsed {
    Incomplete,
    Response(Vec<u8>),
}

fn parse(octets: &[u8], answer: &impl Fn(Request<'_>) -> Response) -> Parsed {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(octets) {
        Ok(httparse::Status::Partial) => Parsed::Incomplete,
        Ok(httparse::Status::Complete(_)) => {
            let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
            let path = target.split('?').next().unwrap_or_default();
            Parsed::Response(answer(Request { method, path }).octets(method != "HEAD"))
        }
        Err(error) => Parsed::Response(Response::new(400, format!("{error}\n")).octets(true)),
    }
}

/// A stream on which everything is over at some time, however slow the other side is.
struct Hurried<'s> {
    stream: &'s TcpStream,
    until: Instant,
}

impl Hurried<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Hurried<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Hurried<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes back for these octets.
    fn said(octets: &[u8]) -> String {
        let answer =
            |request: Request<'_>| Response::new(200, format!("{} {}", request.method, request.path));
        match parse(octets, &answer) {
            Parsed::Incomplete => String::new(),
            Parsed::Response(response) => String::from_utf8(response).unwrap(),
        }
    }

    #[test]
    fn requests_are_understood_when_they_are_complete() {
        let request = b"GET /metrics?a=b HTTP/1.1\r\nHost: a\r\n\r\n";
        for length in 0..request.len() {
            assert_eq!(said(&request[..length]), "", "{length}");
        }
        let response = said(request);
        assert!(
            response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\nGET /metrics"),
            "{response}"
        );
        let head = said(b"HEAD / HTTP/1.0\r\n\r\n");
        assert!(head.contains("Content-Length: 6\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        for hostile in [
            &b"\x00\r\n\r\n"[..],
            b"GET /\xff\r\n\r\n",
            b"GET / HTTP/9\r\n\r\n",
            &[b"GET / HTTP/1.1\r\n", &b"a: b\r\n".repeat(65)[..]].concat(),
        ] {
            assert!(said(hostile).starts_with("HTTP/1.1 400 "), "{hostile:?}");
        }
    }

    #[test]
    fn places_are_given_back() {
        let open = Arc::new(AtomicUsize::new(0));
        let places: Vec<_> = (0..MOST).map(|_| Place::take(&open).unwrap()).collect();
        assert!(Place::take(&open).is_none() && Place::take(&open).is_none());
        drop(places);
        assert!(Place::take(&open).is_some());
    }

    #[test]
    fn a_client_that_says_nothing_does_not_stop_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        serve(listener, |_| Response::new(200, "ok")).unwrap();
        let silent = TcpStream::connect(address).unwrap();
        let ask = |request: &[u8]| {
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = stream.write_all(request);
            let mut response = String::new();
            let _ = stream.read_to_string(&mut response);
            response
        };
        assert!(ask(b"GET / HTTP/1.1\r\n\r\n").ends_with("ok"));
        // What never ends is refused, or its connection is reset, because nobody reads the rest.
        let endless = ask(&[b'a'; 100_000]);
        assert!(endless.is_empty() || endless.starts_with("HTTP/1.1 400"), "{endless}");
        drop(silent);
    }
}
