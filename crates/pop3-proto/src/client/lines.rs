//! Lines at the front of the input. A line is only consumed after it was parsed, so that an error can contain the
//! line.

use super::error::ProtocolError;
use super::excerpt::Excerpt;
use crate::input::Input;
use crate::line::{Found, LineFinder};
use crate::quirk::Quirk;

/// A line at the front of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'b> {
    /// Without its line end.
    pub(super) text: &'b [u8],
    /// How its end differs from CRLF.
    pub(super) quirk: Option<Quirk>,
    /// With its line end.
    octets: usize,
}

/// Finds lines.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    finder: LineFinder,
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self { finder: LineFinder::new() }
    }

    /// Returns the line at the front of the input if it is complete. The input keeps it.
    pub(super) fn peek<'b>(
        &mut self,
        input: &Input<'b>,
        limit: usize,
    ) -> Result<Option<Line<'b>>, ProtocolError> {
        let mut ahead = Input::new(input.rest());
        match self.finder.next(&mut ahead, limit) {
            Found::Line { line: text, bare } => {
                Ok(Some(Line { text, quirk: bare.then_some(Quirk::BareLineFeed), octets: ahead.consumed() }))
            }
            Found::Partial => Ok(None),
            Found::TooLong => Err(ProtocolError::LineTooLong(Excerpt::default())),
        }
    }

    /// Returns the rest of an input that has ended, as a line without its line end.
    pub(super) fn peek_unended<'b>(input: &Input<'b>) -> Option<Line<'b>> {
        let rest = input.rest();
        let text = rest.strip_suffix(b"\r").unwrap_or(rest);
        (input.is_last() && !rest.is_empty()).then_some(Line {
            text,
            quirk: Some(Quirk::UnendedLine),
            octets: rest.len(),
        })
    }

    /// Consumes the line.
    pub(super) fn take(&mut self, input: &mut Input<'_>, line: &Line<'_>) {
        input.take(line.octets);
        self.finder = LineFinder::new();
    }
}
