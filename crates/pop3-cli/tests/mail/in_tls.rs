//! A server for one TLS connection, with replies from the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConnection, StreamOwned};

use crate::support::House;

/// A server with the certificate of the house.
pub(crate) struct InTls {
    pub(crate) port: u16,
    thread: JoinHandle<Vec<String>>,
}

impl InTls {
    /// The reply to each line, without line ends.
    pub(crate) fn start(house: &House, mut answer: impl FnMut(&str) -> String + Send + 'static) -> Self {
        let chain = vec![CertificateDer::from_pem_file(house.path("cert.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(house.path("key.pem")).unwrap();
        let config = pop3_driver::tls::server_config(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut front = BufReader::new(StreamOwned::new(tls, stream));
            front.get_mut().write_all(b"+OK\r\n").unwrap();
            let mut said = Vec::new();
            loop {
                let mut line = String::new();
                if front.read_line(&mut line).unwrap_or(0) == 0 {
                    return said;
                }
                let line = line.trim_end_matches("\r\n");
                said.push(line.to_owned());
                if front.get_mut().write_all((answer(line) + "\r\n").as_bytes()).is_err() {
                    return said;
                }
            }
        });
        Self { port, thread }
    }

    pub(crate) fn url(&self) -> String {
        format!("pop3s://alice@127.0.0.1:{}", self.port)
    }

    /// What the client sent.
    pub(crate) fn said(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}
