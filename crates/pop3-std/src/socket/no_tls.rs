//! No TLS: built without rustls.

use std::io;

use pop3_driver::tls::{Role, TlsInfo, unavailable};

use super::timed::Timed;
use crate::stream::Stream;

/// There is none.
#[derive(Debug)]
pub(super) enum Tls {}

impl Tls {
    pub(super) fn handshake<S: Stream>(_: &mut Timed<S>, _: &Role) -> io::Result<(Self, Option<TlsInfo>)> {
        Err(unavailable())
    }

    pub(super) fn receive<S: Stream>(&mut self, _: &mut Timed<S>, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn send<S: Stream>(&mut self, _: &mut Timed<S>, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn flush<S: Stream>(&mut self, _: &mut Timed<S>) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn close<S: Stream>(&mut self, _: &mut Timed<S>) -> io::Result<()> {
        match *self {}
    }
}
