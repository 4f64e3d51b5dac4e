//! Departures from the protocol that the client knows, each with a name.

use core::fmt;

/// A departure of a server from the protocol that a lenient reader understands all the same.
///
/// A client reports each as a warning, or refuses it when it is strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// `+ok` or `-err` in lower or mixed case (RFC 1939 section 3 wants upper case).
    StatusCase,
    /// A tab, or more than one space, where one space is due.
    Spacing,
    /// A line of a reply ends in LF without CR. Bodies are read strictly all the same.
    BareLineFeed,
    /// Empty lines before the greeting.
    EmptyLineBeforeGreeting,
    /// The reply to QUIT is not ended by CRLF before the connection is.
    UnendedLine,
    /// A unique-id that is longer than 70 octets or holds octets outside 0x21 to 0x7E.
    UniqueIdSyntax,
    /// A listing names a message twice in a row.
    RepeatedNumber,
    /// A listing names a message with a smaller number than the line before; it may be one that was
    /// named already.
    UnorderedListing,
    /// Capabilities as one word that are two, as `EXPIRENEVER`.
    JoinedCapability,
    /// An empty line in a list of capabilities or in a listing.
    EmptyListingLine,
    /// A negative number of octets in the reply to STAT; it is taken as 0.
    NegativeOctets,
    /// `UIDL n` answered without the number.
    MissingNumber,
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusCase => "the status indicator is not in upper case",
            Self::Spacing => "a tab or more than one space where one space is due",
            Self::BareLineFeed => "a line ends in LF without CR",
            Self::EmptyLineBeforeGreeting => "empty lines before the greeting",
            Self::UnendedLine => "the last line is not ended",
            Self::UniqueIdSyntax => "a unique-id is not 1 to 70 octets from 0x21 to 0x7E",
            Self::RepeatedNumber => "a listing names a message twice in a row",
            Self::UnorderedListing => "the numbers in a listing do not rise",
            Self::JoinedCapability => "two words of a capability are written as one",
            Self::EmptyListingLine => "an empty line in a listing",
            Self::NegativeOctets => "STAT tells a negative number of octets",
            Self::MissingNumber => "the reply to UIDL with a number does not repeat the number",
        })
    }
}
