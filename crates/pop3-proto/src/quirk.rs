//! Departures from the protocol that the client knows, each with a name.

use core::fmt;

/// A departure of a server from the protocol that a lenient reader understands all the same.
///
/// A client tells each with the event that it is about ([`ClientEvent::quirks`](crate::client::ClientEvent::quirks)), or
/// refuses it when it is strict.
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
    /// A line of UIDL without a unique-id; it is skipped, and the message has none.
    EmptyUniqueId,
    /// A listing leaves out a message, and none was marked as deleted.
    SkippedNumber,
    /// STAT, LIST and UIDL do not count the same messages, and none was marked as deleted.
    DifferentCount,
    /// Zeros before a number, as `0001`.
    LeadingZeros,
    /// A message has not as many octets as LIST told. Sizes are hints.
    WrongSize,
    /// An empty line where a reply is due. One is overlooked, after the login, and never behind a
    /// message, as it might be the rest of that.
    EmptyLineBeforeReply,
    /// A line of a message begins with a dot that was not doubled. One dot is taken away all the same,
    /// as it can't be told apart; a line with nothing else ends the message.
    UnstuffedDot,
    /// The first line of a message ends in CR CR LF. The octets are kept.
    DoubledCarriageReturn,
    /// There is no CAPA, or none now (RFC 2449).
    NoCapabilities,
    /// UIDL or TOP works, and the CAPA after the login does not announce it.
    UnannouncedCommand,
    /// A capability by another name, as `PIPELINE`. It counts for nothing.
    MisnamedCapability,
    /// STLS is announced, and TLS is there (RFC 2595 section 4).
    StlsWithinTls,
    /// A challenge of AUTH is `+` without the space.
    ContinuationWithoutSpace,
    /// `+OK` in reply to AUTH without an initial response, where only a challenge can be due; it is
    /// taken as an empty one.
    PositiveReplyForChallenge,
    /// A challenge of AUTH is words and not base64. It is answered only where the mechanism does not
    /// look at it.
    ChallengeWords,
    /// AUTH was refused for its initial response, and accepted without.
    InitialResponseRefused,
    /// AUTH had an initial response, and the server asked for it by an empty challenge all the same, as
    /// servers do that are older than RFC 5034; it was sent again.
    InitialResponseIgnored,
    /// A -PLUS mechanism was offered, and refused before a proof was sent: the server does not know the
    /// type of binding. The same mechanism without binding logged in.
    UnknownBinding,
    /// LANG is accepted without naming the language.
    UnnamedLanguage,
}

impl Quirk {
    /// All that have a name.
    pub const ALL: &'static [Self] = &[
        Self::StatusCase,
        Self::Spacing,
        Self::BareLineFeed,
        Self::EmptyLineBeforeGreeting,
        Self::UnendedLine,
        Self::UniqueIdSyntax,
        Self::RepeatedNumber,
        Self::UnorderedListing,
        Self::JoinedCapability,
        Self::EmptyListingLine,
        Self::NegativeOctets,
        Self::MissingNumber,
        Self::EmptyUniqueId,
        Self::SkippedNumber,
        Self::DifferentCount,
        Self::LeadingZeros,
        Self::WrongSize,
        Self::EmptyLineBeforeReply,
        Self::UnstuffedDot,
        Self::DoubledCarriageReturn,
        Self::NoCapabilities,
        Self::UnannouncedCommand,
        Self::MisnamedCapability,
        Self::StlsWithinTls,
        Self::ContinuationWithoutSpace,
        Self::PositiveReplyForChallenge,
        Self::ChallengeWords,
        Self::InitialResponseRefused,
        Self::InitialResponseIgnored,
        Self::UnknownBinding,
        Self::UnnamedLanguage,
    ];
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
            Self::EmptyUniqueId => "UIDL lists a message without a unique-id",
            Self::SkippedNumber => "a listing leaves out a message",
            Self::DifferentCount => "STAT, LIST and UIDL do not count the same messages",
            Self::LeadingZeros => "a number is written with zeros before it",
            Self::WrongSize => "a message has not as many octets as LIST tells",
            Self::EmptyLineBeforeReply => "an empty line where a reply is due",
            Self::UnstuffedDot => "a line of a message begins with a dot that is not doubled",
            Self::DoubledCarriageReturn => "the lines of a message end in CR CR LF",
            Self::NoCapabilities => "CAPA is refused",
            Self::UnannouncedCommand => "UIDL or TOP works, and CAPA does not announce it",
            Self::MisnamedCapability => "a capability is announced by another name",
            Self::StlsWithinTls => "STLS is announced within TLS",
            Self::ContinuationWithoutSpace => "a challenge of AUTH is + without a space",
            Self::PositiveReplyForChallenge => "+OK where a challenge of AUTH is due",
            Self::ChallengeWords => "a challenge of AUTH is words and not base64",
            Self::InitialResponseRefused => "AUTH is refused with an initial response and accepted without",
            Self::InitialResponseIgnored => "AUTH has an initial response, and the server asks for it again",
            Self::UnknownBinding => {
                "a mechanism with -PLUS is offered, and its channel binding is refused; the login is not bound to TLS"
            }
            Self::UnnamedLanguage => "LANG is accepted without naming the language",
        })
    }
}
