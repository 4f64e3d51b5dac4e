//! The lines of a listing, or of an extension's reply.

use crate::capability::Capability;
use crate::client::connection::{ClientConnection, Progress, Reading};
use crate::client::entry::{Listed, ReplyItem};
use crate::client::error::ProtocolError;
use crate::client::event::ClientEvent;
use crate::client::lines::Line;
use crate::client::outstanding::Outstanding;
use crate::client::state::ClientState;
use crate::command::{Keyword, ReplyShape};
use crate::input::Input;
use crate::number::MessageNumber;
use crate::quirk::Quirk;

impl ClientConnection {
    /// Returns the next line that has a meaning. `progress` is how far the listing has come.
    pub(super) fn line<'b>(
        &mut self,
        command: Outstanding,
        mut progress: Progress,
        input: &mut Input<'b>,
    ) -> Result<ClientEvent<'b>, ProtocolError> {
        let keyword = command.keyword;
        let capa = keyword == Keyword::Capa;
        let limit = if capa { self.config.max_capabilities } else { self.config.max_list_entries };
        loop {
            let Some(line) = self.lines.peek(input, self.config.max_list_line)? else {
                return super::within(input, keyword);
            };
            // What an extension lists may come from messages, and they must not end the list. The lists
            // that this crate knows are made by the server alone.
            if keyword == Keyword::Extension
                && let Some(quirk) = line.quirk
            {
                return Err(ProtocolError::Quirk(quirk));
            }
            if line.text == b"." {
                return self.end_of_lines(&command, &progress, &line, input);
            }
            if progress.lines >= limit {
                return Err(ProtocolError::TooManyEntries);
            }
            progress.lines = progress.lines.saturating_add(1);
            let text = line.text.strip_prefix(b".").unwrap_or(line.text);
            let event = match Listed::parse(keyword, text)? {
                Listed::Empty => {
                    self.skip([line.quirk, Some(Quirk::EmptyListingLine)])?;
                    None
                }
                Listed::Nameless(message) => {
                    self.skip([line.quirk, Some(Quirk::EmptyUniqueId)])?;
                    progress.number = message.number();
                    progress.messages = progress.messages.saturating_add(1);
                    None
                }
                Listed::Unknown => Some(ClientEvent::Line(text)),
                Listed::Entry(entry, own) => {
                    let order = entry.message().and_then(|message| self.order(&mut progress, message));
                    let late = self.late_stls(&entry).filter(|_| own.is_none());
                    let quirks = self.overlook([line.quirk, own, late, order])?;
                    if let ReplyItem::Capability(capability) = entry {
                        self.gather(text, capability)?;
                    }
                    Some(ClientEvent::Entry { entry, quirks })
                }
            };
            self.lines.take(input, &line);
            self.reading = Reading::Lines(progress);
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }

    /// Handles the line that ends a listing.
    fn end_of_lines<'b>(
        &mut self,
        command: &Outstanding,
        progress: &Progress,
        line: &Line<'b>,
        input: &mut Input<'b>,
    ) -> Result<ClientEvent<'b>, ProtocolError> {
        let keyword = command.keyword;
        let counts = matches!(keyword, Keyword::List | Keyword::Uidl);
        let miscounted = counts
            && !self.census.deleting
            && self.census.messages.is_some_and(|known| known != progress.messages);
        let quirks = self.overlook([line.quirk, miscounted.then_some(Quirk::DifferentCount)])?;
        self.lines.take(input, line);
        if keyword == Keyword::Capa {
            self.capabilities = Some(core::mem::take(&mut self.gathered));
            self.listed_after_login = self.session.state() == ClientState::Transaction;
        } else if counts {
            self.census.messages = Some(progress.messages);
        }
        self.complete(ReplyShape::Lines);
        Ok(ClientEvent::End { keyword, quirks })
    }

    /// Counts a message of a listing, and returns what is wrong with the order of its number, if anything.
    fn order(&self, progress: &mut Progress, message: MessageNumber) -> Option<Quirk> {
        let order = match message.number().checked_sub(progress.number) {
            None => Some(Quirk::UnorderedListing),
            Some(0) => Some(Quirk::RepeatedNumber),
            Some(1) => None,
            // Messages that are marked as deleted are not listed.
            Some(_) => (!self.census.deleting).then_some(Quirk::SkippedNumber),
        };
        progress.number = message.number();
        progress.messages = progress.messages.saturating_add(u32::from(order != Some(Quirk::RepeatedNumber)));
        order
    }

    /// Returns whether STLS is announced although TLS is established.
    fn late_stls(&self, entry: &ReplyItem<'_>) -> Option<Quirk> {
        let late =
            matches!(entry, ReplyItem::Capability(Capability::Stls)) && self.session.channel().is_tls();
        late.then_some(Quirk::StlsWithinTls)
    }

    /// Keeps a parsed line of CAPA.
    fn gather(&mut self, text: &[u8], capability: Capability<'_>) -> Result<(), ProtocolError> {
        if self.gathered.octets().saturating_add(text.len()) > self.config.max_capability_octets {
            return Err(ProtocolError::TooManyEntries);
        }
        self.gathered.push_read(text, capability);
        Ok(())
    }
}
