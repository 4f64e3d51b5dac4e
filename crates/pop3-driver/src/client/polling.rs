//! One look at what has come from the server.

use pop3_proto::client::ClientEvent;
use pop3_proto::{Input, Quirk};

use super::{Client, ClientError};
use crate::buffer::ReadBuffer;
use crate::transport::Transport;

/// Where the octets of an event are.
pub(super) struct Origin<'c> {
    /// What has come and was not consumed. Most events are a part of it.
    pub(super) input: &'c ReadBuffer,
    /// For octets that are not in the input, where they have to outlive the event.
    pub(super) held: &'c mut Vec<u8>,
}

impl<T: Transport> Client<T> {
    /// Polls once, and has the event looked at. Returns what the look has given, and how many octets at the front
    /// of the input the event has taken: they are still there, to be consumed by the caller.
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
            tracer.received(&event);
        }
        for quirk in event.quirks().iter() {
            remember(&mut self.quirks, quirk);
        }
        let looked = look(event, Origin { input: &self.input, held: &mut self.held });
        Ok((looked, input.consumed()))
    }

    /// Gives up the octets of the last event, where somebody still needed them.
    pub(super) fn release(&mut self) {
        self.input.consume(core::mem::take(&mut self.taken));
    }

    /// Notes a departure of the server's, each once.
    pub(super) fn remember(&mut self, quirk: Quirk) {
        remember(&mut self.quirks, quirk);
    }
}

fn remember(quirks: &mut Vec<Quirk>, quirk: Quirk) {
    if !quirks.contains(&quirk) {
        quirks.push(quirk);
    }
}
