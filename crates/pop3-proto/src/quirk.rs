//! The departures from the protocol that the client tolerates.

use core::fmt;

/// A departure from the protocol that a lenient client understands.
///
/// A client reports each with the event in which it occurs
/// ([`ClientEvent::quirks`](crate::client::ClientEvent::quirks)). A strict client returns an error instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Quirk {
    /// `+ok` or `-err` in lower or mixed case (RFC 1939 section 3 requires upper case).
    StatusCase,
    /// A tab, or more than one space, in place of one space.
    Spacing,
    /// A line of a reply ends in LF without CR. Bodies are still read strictly.
    BareLineFeed,
    /// Empty lines before the greeting.
    EmptyLineBeforeGreeting,
    /// The connection ends before the CRLF of the reply to QUIT.
    UnendedLine,
    /// A unique-id is longer than 70 octets or contains octets outside 0x21 to 0x7E.
    UniqueIdSyntax,
    /// A listing contains the same message twice in a row.
    RepeatedNumber,
    /// A listing contains a message with a smaller number than the line before. It may have been listed already.
    UnorderedListing,
    /// Two words of a capability are written as one, such as `EXPIRENEVER`.
    JoinedCapability,
    /// An empty line in a list of capabilities or in a listing.
    EmptyListingLine,
    /// The reply to STAT has a negative number of octets. It is read as 0.
    NegativeOctets,
    /// The reply to `UIDL n` does not contain the number.
    MissingNumber,
    /// A line of UIDL has no unique-id. The line is skipped.
    EmptyUniqueId,
    /// A listing omits a message although none was marked as deleted.
    SkippedNumber,
    /// STAT, LIST and UIDL report different numbers of messages although none was marked as deleted.
    DifferentCount,
    /// A number has leading zeros, such as `0001`.
    LeadingZeros,
    /// A message has a different size than LIST reported. Sizes are only hints.
    WrongSize,
    /// An empty line in place of a reply. One such line is skipped, but only after the login and never after a
    /// message, because there it might belong to the message.
    EmptyLineBeforeReply,
    /// A line of a message begins with a dot that was not doubled. The dot is removed, because it can't be
    /// distinguished from a stuffed one. A line with only a dot ends the message.
    UnstuffedDot,
    /// The first line of a message ends in CR CR LF. The octets are kept.
    DoubledCarriageReturn,
    /// The server refuses CAPA, always or in the current state (RFC 2449).
    NoCapabilities,
    /// UIDL or TOP works although the CAPA after the login does not announce it.
    UnannouncedCommand,
    /// A capability has a wrong name, such as `PIPELINE`. It is ignored.
    MisnamedCapability,
    /// STLS is announced although TLS is already established (RFC 2595 section 4).
    StlsWithinTls,
    /// A challenge of AUTH is `+` without a space.
    ContinuationWithoutSpace,
    /// `+OK` in reply to AUTH without an initial response, where only a challenge is possible. It is read as an empty
    /// challenge.
    PositiveReplyForChallenge,
    /// A challenge of AUTH consists of words and is not base64. The client responds only if the mechanism ignores the
    /// challenge.
    ChallengeWords,
    /// AUTH with an initial response was refused, and AUTH without it was accepted.
    InitialResponseRefused,
    /// The server ignored the initial response of AUTH and asked for it with an empty challenge, as servers older
    /// than RFC 5034 do. The client sent it again.
    InitialResponseIgnored,
    /// A -PLUS mechanism was offered but refused before the client sent its proof, because the server does not know
    /// the type of channel binding. The same mechanism without channel binding logged in.
    UnknownBinding,
    /// The positive reply to LANG does not name the language.
    UnnamedLanguage,
}

impl Quirk {
    /// All quirks.
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
            Self::Spacing => "a line contains a tab, or more than one space, instead of one space",
            Self::BareLineFeed => "a line ends with LF without CR",
            Self::EmptyLineBeforeGreeting => "there are empty lines before the greeting",
            Self::UnendedLine => "the last line has no line end",
            Self::UniqueIdSyntax => "a unique-id does not consist of 1 to 70 octets from 0x21 to 0x7E",
            Self::RepeatedNumber => "a listing names a message twice in a row",
            Self::UnorderedListing => "the numbers in a listing are not in ascending order",
            Self::JoinedCapability => "the space between two words of a capability is missing",
            Self::EmptyListingLine => "a listing contains an empty line",
            Self::NegativeOctets => "STAT reports a negative number of octets",
            Self::MissingNumber => "the reply to UIDL with a number does not repeat the number",
            Self::EmptyUniqueId => "UIDL lists a message without a unique-id",
            Self::SkippedNumber => "a message is missing from a listing",
            Self::DifferentCount => "STAT, LIST and UIDL report different numbers of messages",
            Self::LeadingZeros => "a number has leading zeros",
            Self::WrongSize => "a message does not have the size that LIST reports",
            Self::EmptyLineBeforeReply => "there is an empty line before a reply",
            Self::UnstuffedDot => "a line of a message begins with a dot that is not doubled",
            Self::DoubledCarriageReturn => "the lines of a message end with CR CR LF",
            Self::NoCapabilities => "the server refuses CAPA",
            Self::UnannouncedCommand => "UIDL or TOP works, although CAPA does not announce it",
            Self::MisnamedCapability => "a capability is announced under the wrong name",
            Self::StlsWithinTls => "STLS is announced under TLS",
            Self::ContinuationWithoutSpace => "a challenge is + without a space",
            Self::PositiveReplyForChallenge => "the server sent +OK instead of a challenge",
            Self::ChallengeWords => "a challenge is text instead of base64",
            Self::InitialResponseRefused => "AUTH is refused with an initial response, but accepted without one",
            Self::InitialResponseIgnored => "the server asks again for an initial response that was sent with AUTH",
            Self::UnknownBinding => {
                "the server offers a -PLUS mechanism but refuses its channel binding, so the login is not bound to TLS"
            }
            Self::UnnamedLanguage => "the reply to LANG does not name the language",
        })
    }
}
