//! Lines that are looked at before they are taken, so that warnings can come first.

use super::error::Error;
use super::excerpt::Excerpt;
use crate::input::Input;
use crate::line::{Found, LineFinder};
use crate::quirk::Quirk;

/// A line at the front of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'b> {
    /// Without its line end.
    pub(super) text: &'b [u8],
    /// How it departs from one that ends in CRLF.
    pub(super) quirk: Option<Quirk>,
    /// With its line end.
    octets: usize,
}

/// Finds lines, and knows how many warnings about the line at the front were given.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    finder: LineFinder,
    warned: usize,
    strict: bool,
}

impl Lines {
    pub(super) const fn new(strict: bool) -> Self {
        Self { finder: LineFinder::new(), warned: 0, strict }
    }

    /// The line at the front of the input, if it is whole. The input keeps it.
    pub(super) fn peek<'b>(&mut self, input: &Input<'b>, limit: usize) -> Result<Option<Line<'b>>, Error> {
        let mut ahead = Input::new(input.rest());
        match self.finder.next(&mut ahead, limit) {
            Found::Line { line: text, bare } => {
                Ok(Some(Line { text, quirk: bare.then_some(Quirk::BareLineFeed), octets: ahead.consumed() }))
            }
            Found::Partial => Ok(None),
            Found::TooLong => Err(Error::LineTooLong(Excerpt::default())),
        }
    }

    /// What is left in an input that has ended, as a line without its line end.
    pub(super) fn peek_unended<'b>(input: &Input<'b>) -> Option<Line<'b>> {
        let rest = input.rest();
        let text = rest.strip_suffix(b"\r").unwrap_or(rest);
        (input.is_last() && !rest.is_empty()).then_some(Line {
            text,
            quirk: Some(Quirk::UnendedLine),
            octets: rest.len(),
        })
    }

    /// The next quirk of the line at the front that must be told before the line is taken.
    pub(super) fn warn(&mut self, quirks: [Option<Quirk>; 4]) -> Result<Option<Quirk>, Error> {
        let next = quirks.into_iter().flatten().nth(self.warned);
        match next {
            Some(quirk) if self.strict => Err(Error::Quirk(quirk)),
            Some(quirk) => {
                self.warned = self.warned.saturating_add(1);
                Ok(Some(quirk))
            }
            None => Ok(None),
        }
    }

    /// All about what is at the front was told.
    pub(super) const fn told(&mut self) {
        self.warned = 0;
    }

    /// Takes the line off the input.
    pub(super) fn take(&mut self, input: &mut Input<'_>, line: &Line<'_>) {
        input.take(line.octets);
        self.finder = LineFinder::new();
        self.warned = 0;
    }
}
