//! What an observer finds fault with: each rule, who breaks it, and the requirement it stands for.

use core::fmt;

use crate::asked::Asked;

/// A side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Side {
    /// The client, which sends commands.
    Client,
    /// The server, which answers them.
    Server,
}

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the RFCs have these two, and the rest is practice")]
pub enum Severity {
    /// A note about a practice that causes problems with other software. No RFC forbids it to this side.
    Practice,
    /// An RFC recommends the rule.
    Should,
    /// An RFC requires the rule.
    Must,
}

/// A violation of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The command that the violation is about, if any.
    pub command: Option<Asked>,
}

impl Violation {
    /// Returns the side that violated the rule.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.rule.side()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (side, level) = (self.rule.side(), self.rule.level());
        write!(f, "{side} {level} {}: {}", self.rule.row(), self.rule.text())
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Practice => "practice",
            Self::Should => "SHOULD",
            Self::Must => "MUST",
        })
    }
}

macro_rules! rules {
    ($($name:ident $side:ident $level:ident $row:literal $text:literal;)*) => {
        /// A rule of the protocol. Each rule corresponds to a requirement in `docs/conformance.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = concat!("`", $row, "`: `", $text, "`")] $name,)*
        }

        impl Rule {
            /// All rules, those of the client first.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the side that can violate the rule.
            #[must_use]
            pub const fn side(self) -> Side {
                match self { $(Self::$name => Side::$side,)* }
            }

            /// Returns how binding the rule is.
            #[must_use]
            pub const fn level(self) -> Severity {
                match self { $(Self::$name => Severity::$level,)* }
            }

            /// The requirement, as `1939-3.02`.
            #[must_use]
            pub const fn row(self) -> &'static str {
                match self { $(Self::$name => $row,)* }
            }

            /// What was done, in one line without an octet of either side.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The name of the rule.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

rules! {
    // The client: lines.
    ClientLineEnd Client Must "1939-3.02" "a line from the client does not end in CRLF";
    CommandSpacing Client Must "1939-3.03" "the words of a command are not separated by exactly one space, or the command ends with a space";
    CommandBreak Client Must "1939-3.13" "a command contains CR or NUL";
    CommandOctets Client Should "1939-3.12" "a command contains a control character or an 8-bit octet";
    LoginOctets Client Must "6856-2.17" "a name or password contains 8-bit octets, but UTF8 USER is not announced";
    CommandLength Client Must "2449-4.04" "a command has more than 255 octets";
    InitialLength Client Must "5034-4.09" "AUTH has more than 255 octets because of its initial response";
    CommandSyntax Client Practice "1939-3.06" "the arguments of a known command are wrong";
    CommandUnknown Client Practice "1939-3.11" "this command is in no RFC";
    NumberZero Client Practice "1939-5.10" "message 0 does not exist";
    // The client: order.
    SpokeFirst Client Must "1939-4.02" "a command is sent before the greeting";
    CommandState Client Practice "1939-3.08" "this command is not allowed in this state";
    PassWithoutUser Client Must "1939-7.14" "PASS is sent without USER before it";
    PassAfterRefusal Client Practice "1939-7.24" "PASS is sent although USER was refused";
    PassNotNext Client Practice "1939-7.15" "PASS does not follow USER immediately";
    ApopUnoffered Client Practice "1939-7.32" "APOP is sent although the greeting has no timestamp";
    StlsAfterUtf8 Client Must "6856-2.02" "STLS is sent after UTF8";
    CommandBehindQuit Client Practice "1939-6.13" "a command is sent after QUIT";
    QuitMissing Client Practice "1939-3.47" "the client closes without QUIT";
    QuitMissingMarks Client Practice "1939-6.01" "the client closes without QUIT, so the messages that it marked as deleted stay";
    // The client: pipelining.
    Pipelined Client Must "2449-6.63" "a command is sent before the previous reply has ended, but PIPELINING is not announced";
    SentBehindStls Client Must "2449-6.64" "the client sends something after STLS before it has the reply";
    SentBehindAuth Client Must "2449-6.64" "the client sends something after a line of AUTH before the server's next line";
    ClearBehindStls Client Must "2595-4.14" "STLS was accepted, but what the client sends next is not TLS";
    // The client: secrets.
    SecretInClear Client Should "2595-2.10" "a password is sent in clear text";
    TokenInClear Client Must "7628-3.04" "a token is sent in clear text";
    // The client: AUTH.
    AuthUnlisted Client Should "2449-6.31" "AUTH uses a mechanism that CAPA did not list";
    AuthListing Client Practice "5034-3.01" "AUTH is sent without an argument, which no RFC defines";
    MechanismName Client Must "5034-4.26" "this is not a valid name of a mechanism";
    ResponseSyntax Client Must "5034-4.12" "a response within AUTH is not base64";
    ResponseEquals Client Must "5034-4.07" "an empty response within AUTH is sent as =";
    ChallengeSwallowed Client Must "5034-4.15" "the client does not answer with * to a challenge that is not base64";

    // The server: lines.
    ServerLineEnd Server Must "1939-3.02" "a line from the server does not end in CRLF";
    StatusCase Server Must "1939-3.09" "a status indicator that is not in upper case";
    StatusLength Server Must "1939-3.10" "the first line of a reply has more than 512 octets";
    StatusSpacing Server Practice "2449-3.05" "the status indicator is not followed by exactly one space";
    StatusJoined Server Must "2449-3.03" "text follows the status indicator without a space";
    StatusAlone Server Practice "1957-1.02" "a reply has no text, which confuses some clients";
    ReplyOctets Server Practice "1939-3.17" "the text of a reply contains a control character or an 8-bit octet";
    NotAReply Server Must "2449-3.02" "a line begins with neither +OK nor -ERR where a reply is expected";
    // The server: order.
    GreetingMissing Server Must "1939-4.01" "the session does not begin with a greeting";
    GreetingTimestamp Server Practice "1939-7.30" "the greeting has angle brackets without a valid timestamp in them";
    Unasked Server Must "1939-3.18" "no command asked for this reply";
    Dismissal Server Should "1939-3.44" "a refusal is sent although no command is waiting; on a timeout, the server closes without a reply";
    Unanswered Server Practice "1939-3.18" "the server closes before it has answered all commands";
    AnswerBehindQuit Server Must "1939-6.13" "the server sends something after the reply to QUIT";
    SecondGreeting Server Must "2595-4.17" "a greeting is sent after the TLS handshake";
    KeptCommands Server Practice "2595-4.12" "what was sent in clear text after STLS is answered within TLS, so commands can be injected";
    ClearBehindAccept Server Must "2595-4.11" "STLS was accepted, but what the server sends next is not TLS";
    // The server: commands that must fail.
    PositiveState Server Must "1939-3.08" "a command is accepted that is not allowed in this state";
    PositiveStls Server Must "2595-4.10" "STLS is accepted after the login";
    PositiveStlsTwice Server Practice "2595-4.18" "STLS is accepted within TLS";
    PositivePass Server Must "1939-7.14" "PASS is accepted although no USER was accepted before it";
    PositiveEmpty Server Must "1939-3.07" "an empty line is accepted as a command";
    PositiveSyntax Server Must "1939-3.06" "a command with wrong arguments is accepted";
    PositiveSurplus Server Practice "1939-5.11" "a surplus argument is ignored";
    PositiveUser Server Must "1939-7.11" "USER without a name is accepted";
    PositiveOctets Server Should "1939-3.12" "a command with control characters or 8-bit octets is accepted";
    PositiveZero Server Must "1939-5.01" "message 0 is accepted";
    PositiveSigned Server Must "1939-5.03" "a number with a sign is accepted";
    PositiveHuge Server Must "1939-5.05" "a number beyond all message numbers is accepted";
    PositiveNumber Server Must "1939-5.06" "something that is not a number is accepted";
    PositiveMissing Server Must "1939-5.02" "a message is accepted that STAT does not count";
    PositiveDeleted Server Must "1939-5.07" "a message is accepted that is marked as deleted";
    PositiveDele Server Must "1939-5.51" "a message is marked as deleted twice";
    // The server: commands that must not fail.
    StatRefused Server Must "1939-5.20" "STAT is refused";
    NoopRefused Server Must "1939-5.52" "NOOP is refused";
    RsetRefused Server Must "1939-5.54" "RSET is refused";
    QuitRefused Server Must "1939-4.11" "QUIT before the login is refused";
    CapaRefused Server Must "2449-5.01" "CAPA is refused, but was answered before";
    // The server: listings.
    StatSyntax Server Must "1939-5.20" "the reply to STAT is not two numbers";
    ListSyntax Server Must "1939-5.25" "a line of LIST is not two numbers";
    ListOneSyntax Server Must "1939-5.26" "the reply to LIST with a number is not that number and a size";
    ListSurplus Server Should "1939-5.27" "a line of a listing has more than two numbers";
    ListOrder Server Must "1939-5.25" "the numbers in LIST are not in ascending order";
    ListDeleted Server Must "1939-5.25" "LIST contains a message that is marked as deleted";
    ListCount Server Must "1939-5.25" "LIST and STAT count different numbers of messages";
    ListSum Server Should "6856-2.10" "the sizes in LIST do not add up to the octets in STAT";
    StatDeleted Server Must "1939-5.21" "STAT counts messages that are marked as deleted";
    StatChanged Server Must "1939-4.09" "STAT counts different messages than before, but the maildrop must not change within a session";
    SizeChanged Server Must "1939-4.08" "the size of a message has changed within the session";
    UidlSyntax Server Must "1939-7.50" "a line of UIDL is not a number and a unique-id";
    UidlOneSyntax Server Must "1939-7.51" "the reply to UIDL with a number is not that number and a unique-id";
    UidlOrder Server Must "1939-7.50" "the numbers in UIDL are not in ascending order";
    UidlDeleted Server Must "1939-7.50" "UIDL contains a message that is marked as deleted";
    UidlCount Server Must "1939-7.50" "UIDL and STAT count different numbers of messages";
    UidSyntax Server Must "1939-7.52" "a unique-id is not 1 to 70 octets from 0x21 to 0x7E";
    UidDuplicate Server Must "1939-7.55" "two messages have the same unique-id";
    UidChanged Server Must "1939-7.53" "the unique-id of a message has changed within the session";
    // The server: messages.
    SizeWrong Server Must "1939-5.28" "the size of a message differs from LIST";
    RetrDiffers Server Must "1939-5.41" "the size of a message differs from when it was last sent";
    TopSurplus Server Must "1939-7.01" "TOP sends more lines of the body than requested";
    TopZero Server Must "1939-7.02" "TOP with 0 lines sends lines of the body";
    Unstuffed Server Must "1939-3.21" "a line begins with a single dot, which was not doubled";
    UnstuffedEnd Server Must "1939-3.22" "what follows a message is not a reply: was a lone dot not doubled?";
    DotBehindRefusal Server Must "1939-3.27" "a refusal is followed by a terminating dot";
    BodyLineEnd Server Must "1939-3.33" "a line of a message ends in LF alone";
    BodyCr Server Practice "1939-3.34" "a message contains a CR that does not end a line";
    Truncated Server Practice "1939-5.42" "the server closes within a multi-line reply";
    // The server: capabilities.
    CapabilitySyntax Server Must "2449-5.05" "a line of CAPA is empty, longer than 512 octets, or not words separated by single spaces";
    CapabilityTag Server Must "2449-5.06" "a capability contains an octet that is not allowed";
    CapabilityTwice Server Practice "2449-5.12" "a capability is listed twice";
    CapabilityDropped Server Must "2449-5.03" "a capability that was listed before the login is not listed after it";
    StlsListed Server Must "2595-4.02" "STLS is listed within TLS or after the login";
    PlusListed Server Must "5802-6.02" "a mechanism with channel binding is listed without TLS";
    PlainListed Server Should "5034-4.22" "a mechanism that reveals its secret is listed without TLS";
    TopUnlisted Server Must "2449-6.10" "TOP works but is not listed";
    UserUnlisted Server Must "2449-6.20" "USER and PASS work but are not listed";
    SaslUnlisted Server Must "2449-6.30" "AUTH works with a mechanism that is not listed";
    UidlUnlisted Server Must "2449-6.80" "UIDL works but is not listed";
    StlsUnlisted Server Must "2595-4.01" "STLS works but is not listed";
    Utf8Unlisted Server Must "6856-2.01" "UTF8 or LANG works but is not listed";
    // The server: response codes.
    CodeSyntax Server Must "2449-6.40" "RESP-CODES is announced, but a text begins with a bracket that is not a response code";
    CodeUnannounced Server Should "3206-6.02" "a response code is sent, but RESP-CODES is not announced";
    CodeLoginDelay Server Must "2449-8.10" "[LOGIN-DELAY] is sent where no login is refused";
    CodeInUse Server Must "2449-8.11" "[IN-USE] is sent where no login is refused";
    CodeAuth Server Must "3206-5.01" "[AUTH] is sent where no login is refused";
    CodeSys Server Must "3206-4.01" "[SYS/...] is sent with a positive reply";
    CodeMissing Server Should "3206-6.01" "a login is refused without a code, but AUTH-RESP-CODE is announced";
    // The server: AUTH.
    ChallengeSyntax Server Must "5034-4.03" "a challenge is not a plus sign, a space and base64";
    ChallengeStatus Server Must "5034-4.05" "AUTH gets +OK before the client has said who it is; a challenge is expected";
    ChallengeFirst Server Must "5034-4.05" "the first challenge is not empty, but in this mechanism the client begins";
    InitialTaken Server Must "5034-4.08" "an initial response is accepted, but in this mechanism the server begins";
    CancelTaken Server Must "5034-4.11" "an exchange continues after *";
    Base64Taken Server Must "5034-4.12" "something that is not base64 is accepted as a response";
    SuccessData Server Must "5034-4.17" "the positive reply to AUTH contains data";
}
