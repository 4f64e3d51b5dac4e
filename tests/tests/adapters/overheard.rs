//! A transport that an observer watches, inside TLS.

use std::io;
use std::sync::Arc;

use pop3_driver::Transport;
use pop3_driver::client::{ClientOptions, Security};
use pop3_driver::tls::TlsInfo;
use pop3_observer::Side;
use pop3_proto::{Channel, Instant};
use pop3_tests::observed::Watch;

use crate::runtime::{Runtime as _, Std};
use crate::server::{Mode, PATIENCE, Server, script};

/// A client's transport. It shows everything to an observer, including what is sent under TLS.
#[derive(Debug)]
pub(crate) struct Overheard<T> {
    transport: T,
    watch: Watch,
}

impl<T> Overheard<T> {
    /// A transport before the first octet, to our own server or to a script.
    pub(crate) fn new(transport: T, security: &Security, peer: Other) -> Self {
        // TLS begins when `secure` returns.
        let trusted = matches!(security, Security::TrustedPlaintext);
        let channel = if trusted { Channel::TrustedPlaintext } else { Channel::Plaintext };
        let watch = match peer {
            Other::Ours => Watch::both(channel),
            Other::Scripted => Watch::new(Side::Client, channel),
        };
        Self { transport, watch }
    }
}

/// The peer of our client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Other {
    /// Our server, which is watched, too.
    Ours,
    /// A script, which may do anything.
    Scripted,
}

impl<T: Transport> Transport for Overheard<T> {
    fn now(&self) -> Instant {
        self.transport.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let octets = self.transport.read(buffer, deadline).await?;
        match octets {
            0 => self.watch.ended(Side::Server),
            _ => self.watch.sent(Side::Server, &buffer[..octets]),
        }
        Ok(octets)
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        let written = self.transport.write(octets, deadline).await?;
        self.watch.sent(Side::Client, &octets[..written]);
        Ok(written)
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        self.transport.flush(deadline).await
    }

    async fn pause(&mut self, until: Instant) {
        self.transport.pause(until).await;
    }

    async fn close(&mut self, deadline: Instant) {
        self.watch.ended(Side::Client);
        self.transport.close(deadline).await;
    }

    async fn secure(self, deadline: Instant) -> io::Result<Self> {
        let Self { transport, mut watch } = self;
        let transport = transport.secure(deadline).await?;
        watch.encrypted();
        Ok(Self { transport, watch })
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        self.transport.tls()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

// The observer sees what the client sends, under TLS.
#[test]
#[should_panic(expected = "the client under test breaks [ClientLineEnd]")]
fn a_client_is_heard_within_tls() {
    let server = Server::<Std>::start(Mode::Implicit);
    let security = server.security();
    Std::run(async {
        let socket = Std::dial(server.port, security.role()).await.expect("the server is there");
        let deadline = socket.now().after(PATIENCE);
        let socket = Overheard::new(socket, &security, Other::Ours);
        let mut socket = socket.secure(deadline).await.expect("a handshake");
        assert!(socket.read(&mut [0; 512], deadline).await.expect("a greeting") > 0);
        let _ = socket.write(b"CAPA\n", deadline).await;
        let _ = socket.flush(deadline).await;
    });
}

// It also sees the server, if it is ours.
#[test]
#[should_panic(expected = "the server under test breaks [StatusCase]")]
fn a_server_is_heard() {
    let (port, _scripted) = script(|mut raw| raw.send("+ok ready\r\n"));
    let _ =
        Std::run(Std::connect_overheard(port, Security::TrustedPlaintext, ClientOptions::new(), Other::Ours));
}
