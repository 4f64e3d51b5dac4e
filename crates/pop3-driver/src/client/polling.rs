//! Polls the protocol for received events.

use pop3_proto::client::ClientEvent;
use pop3_proto::{Input, Quirk};

use super::{Client, ClientError};
use crate::buffer::ReadBuffer;
use crate::transport::Transport;

/// Where the octets of an event are.
pub(super) struct Origin<'c> {
    /// The received octets that are not consumed. Most events are a part of them.
    pub(super) input: &'c ReadBuffer,
    /// Octets that are not in the input but must outlive the event.
    pub(super) held: &'c mut Vec<u8>,
}

impl<T: Transport> Client<T> {
    /// Polls once and passes the event to a function. Returns its result and the number of octets at the front of the
    /// input that belong to the event. The caller must consume them.
    pub(super) fn poll<R>(
        &mut self,
        look: impl FnOnce(ClientEvent<'_>, Origin<'_>) -> R,
    ) -> Result<(R, usize), ClientError> {
        self.release();
        let now = self.transport.now();
        let octets = self.input.filled();
        let mut input = if self.input_ended { Input::last(octets) } else { Input::new(octets) };
        let event = self.connection.poll(now, &mut input).map_err(|error| {
            self.lost = true;
            ClientError::Protocol(error)
        })?;
        if let Some(tracer) = &self.tracer {
            tracer.received(&event, |text| self.connection.masked(text));
        }
        for quirk in event.quirks().iter() {
            remember(&mut self.quirks, quirk);
        }
        let looked = look(event, Origin { input: &self.input, held: &mut self.held });
        Ok((looked, input.consumed()))
    }

    /// Consumes the octets of the last event, if the caller still borrowed them.
    pub(super) fn release(&mut self) {
        self.input.consume(core::mem::take(&mut self.taken));
    }

    /// Records a quirk of the server, each once.
    pub(super) fn remember(&mut self, quirk: Quirk) {
        remember(&mut self.quirks, quirk);
    }
}

fn remember(quirks: &mut Vec<Quirk>, quirk: Quirk) {
    if !quirks.contains(&quirk) {
        quirks.push(quirk);
    }
}
