//! What an observer finds fault with: each rule, who breaks it, and the requirement it stands for.

use core::fmt;

use crate::asked::Asked;

/// Who of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Side {
    /// Who sends commands.
    Client,
    /// Who answers.
    Server,
}

/// How much a rule binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the RFCs have these two, and the rest is practice")]
pub enum Level {
    /// No RFC binds here, or not this side: a note on what works badly with others.
    Practice,
    /// An RFC recommends it.
    Should,
    /// An RFC demands it.
    Must,
}

/// A rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Violation {
    /// Which one.
    pub rule: Rule,
    /// The command it is about, if it is about one.
    pub command: Option<Asked>,
}

impl Violation {
    /// Who broke it.
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

impl fmt::Display for Level {
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
        /// A rule. `row` is the requirement in `docs/conformance.md` that it stands for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = concat!("`", $row, "`: `", $text, "`")] $name,)*
        }

        impl Rule {
            /// All rules, those of the client first.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Who can break it.
            #[must_use]
            pub const fn side(self) -> Side {
                match self { $(Self::$name => Side::$side,)* }
            }

            /// How much it binds.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
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
    ClientLineEnd Client Must "1939-3.02" "a line of the client's does not end in CRLF";
    CommandSpacing Client Must "1939-3.03" "not exactly one space between the words of a command, or one at its end";
    CommandBreak Client Must "1939-3.13" "a CR or NUL within a command";
    CommandOctets Client Should "1939-3.12" "a control or 8-bit octet within a command";
    LoginOctets Client Must "6856-2.17" "8-bit octets in a name or password, and UTF8 USER is not announced";
    CommandLength Client Must "2449-4.04" "a command of more than 255 octets";
    InitialLength Client Must "5034-4.09" "AUTH with an initial response makes a line of more than 255 octets";
    CommandSyntax Client Practice "1939-3.06" "a known command with arguments that it can't have";
    CommandUnknown Client Practice "1939-3.11" "no command of any RFC";
    NumberZero Client Practice "1939-5.10" "message 0 does not exist";
    // The client: order.
    SpokeFirst Client Must "1939-4.02" "a command before the greeting";
    CommandState Client Practice "1939-3.08" "a command that this state does not have";
    PassWithoutUser Client Must "1939-7.14" "PASS without a USER before it";
    PassAfterRefusal Client Practice "1939-7.24" "PASS although USER was refused";
    PassNotNext Client Practice "1939-7.15" "PASS does not follow USER immediately";
    ApopUnoffered Client Practice "1939-7.32" "APOP, and the greeting has no timestamp";
    StlsAfterUtf8 Client Must "6856-2.02" "STLS after UTF8";
    CommandBehindQuit Client Practice "1939-6.13" "a command behind QUIT";
    QuitMissing Client Practice "1939-3.47" "the client closes without QUIT";
    QuitMissingMarks Client Practice "1939-6.01" "the client closes without QUIT: what it marked as deleted stays";
    // The client: pipelining.
    Pipelined Client Must "2449-6.63" "a command before the reply to the last one ended, and PIPELINING is not announced";
    SentBehindStls Client Must "2449-6.64" "something is sent behind STLS, before its outcome is known";
    SentBehindAuth Client Must "2449-6.64" "something is sent behind a line of AUTH, before the server's next line";
    ClearBehindStls Client Must "2595-4.14" "STLS was accepted, and what follows from the client is no TLS";
    // The client: secrets.
    SecretInClear Client Should "2595-2.10" "a password goes over the line in clear";
    TokenInClear Client Must "7628-3.04" "a token goes over the line in clear";
    // The client: AUTH.
    AuthUnlisted Client Should "2449-6.31" "AUTH with a mechanism that no CAPA has listed";
    AuthListing Client Practice "5034-3.01" "AUTH without an argument: no RFC has it";
    MechanismName Client Must "5034-4.26" "this is no name of a mechanism";
    ResponseSyntax Client Must "5034-4.12" "a response within AUTH is no base64";
    ResponseEquals Client Must "5034-4.07" "an empty response within AUTH is written =";
    ChallengeSwallowed Client Must "5034-4.15" "a challenge that is no base64 is answered by something else than *";

    // The server: lines.
    ServerLineEnd Server Must "1939-3.02" "a line of the server's does not end in CRLF";
    StatusCase Server Must "1939-3.09" "a status indicator that is not in upper case";
    StatusLength Server Must "1939-3.10" "the first line of a reply has more than 512 octets";
    StatusSpacing Server Practice "2449-3.05" "not exactly one space behind the status indicator";
    StatusJoined Server Must "2449-3.03" "text follows the status indicator without a space";
    StatusAlone Server Practice "1957-1.02" "a reply without text: some clients stumble over it";
    ReplyOctets Server Practice "1939-3.17" "a control or 8-bit octet within the text of a reply";
    NotAReply Server Must "2449-3.02" "a line that begins neither with +OK nor with -ERR where a reply is due";
    // The server: order.
    GreetingMissing Server Must "1939-4.01" "what comes first is no greeting, or nothing comes";
    GreetingTimestamp Server Practice "1939-7.30" "angle brackets in the greeting, and no valid timestamp in them";
    Unasked Server Must "1939-3.18" "a reply that no command asked for";
    Dismissal Server Should "1939-3.44" "a refusal while no command is under way: a session that ends for time does so in silence";
    Unanswered Server Practice "1939-3.18" "the server closes, and commands are not answered";
    AnswerBehindQuit Server Must "1939-6.13" "something is sent behind the reply to QUIT";
    SecondGreeting Server Must "2595-4.17" "a greeting behind the TLS handshake";
    KeptCommands Server Practice "2595-4.12" "what was sent in clear behind STLS is answered within TLS: commands can be injected";
    ClearBehindAccept Server Must "2595-4.11" "STLS was accepted, and what follows from the server is no TLS";
    // The server: commands that must fail.
    PositiveState Server Must "1939-3.08" "a positive reply to a command that this state does not have";
    PositiveStls Server Must "2595-4.10" "STLS is accepted after the login";
    PositiveStlsTwice Server Practice "2595-4.18" "STLS is accepted within TLS";
    PositivePass Server Must "1939-7.14" "PASS is accepted without a USER that was accepted before it";
    PositiveEmpty Server Must "1939-3.07" "a positive reply to an empty line";
    PositiveSyntax Server Must "1939-3.06" "a positive reply to a command with arguments that it can't have";
    PositiveSurplus Server Practice "1939-5.11" "a surplus argument is overlooked";
    PositiveUser Server Must "1939-7.11" "USER without a name is accepted";
    PositiveOctets Server Should "1939-3.12" "a positive reply to a command with control or 8-bit octets";
    PositiveZero Server Must "1939-5.01" "message 0 is accepted";
    PositiveSigned Server Must "1939-5.03" "a number with a sign is accepted";
    PositiveHuge Server Must "1939-5.05" "a number beyond all message numbers is accepted";
    PositiveNumber Server Must "1939-5.06" "something that is no number is accepted";
    PositiveMissing Server Must "1939-5.02" "a message that STAT does not count is accepted";
    PositiveDeleted Server Must "1939-5.07" "a message that is marked as deleted is accepted";
    PositiveDele Server Must "1939-5.51" "a message is marked as deleted twice";
    // The server: commands that must not fail.
    StatRefused Server Must "1939-5.20" "STAT is refused";
    NoopRefused Server Must "1939-5.52" "NOOP is refused";
    RsetRefused Server Must "1939-5.54" "RSET is refused";
    QuitRefused Server Must "1939-4.11" "QUIT before the login is refused";
    CapaRefused Server Must "2449-5.01" "CAPA is refused, and was answered before";
    // The server: listings.
    StatSyntax Server Must "1939-5.20" "the reply to STAT is not two numbers";
    ListSyntax Server Must "1939-5.25" "a line of LIST is not two numbers";
    ListOneSyntax Server Must "1939-5.26" "the reply to LIST with a number is not that number and a size";
    ListSurplus Server Should "1939-5.27" "more than two numbers in a listing";
    ListOrder Server Must "1939-5.25" "the numbers of LIST do not rise";
    ListDeleted Server Must "1939-5.25" "LIST has a message that is marked as deleted";
    ListCount Server Must "1939-5.25" "LIST has not as many messages as STAT counts";
    ListSum Server Should "6856-2.10" "the sizes of LIST do not add up to the octets of STAT";
    StatDeleted Server Must "1939-5.21" "STAT counts messages that are marked as deleted";
    StatChanged Server Must "1939-4.09" "STAT counts other messages than at first: the maildrop is to stay as it was";
    SizeChanged Server Must "1939-4.08" "the size of a message has changed within the session";
    UidlSyntax Server Must "1939-7.50" "a line of UIDL is not a number and a unique-id";
    UidlOneSyntax Server Must "1939-7.51" "the reply to UIDL with a number is not that number and a unique-id";
    UidlOrder Server Must "1939-7.50" "the numbers of UIDL do not rise";
    UidlDeleted Server Must "1939-7.50" "UIDL has a message that is marked as deleted";
    UidlCount Server Must "1939-7.50" "UIDL has not as many messages as STAT counts";
    UidSyntax Server Must "1939-7.52" "a unique-id is not 1 to 70 octets from 0x21 to 0x7E";
    UidDuplicate Server Must "1939-7.55" "two messages have one unique-id";
    UidChanged Server Must "1939-7.53" "the unique-id of a message has changed within the session";
    // The server: messages.
    SizeWrong Server Must "1939-5.28" "a message has not as many octets as LIST says";
    RetrDiffers Server Must "1939-5.41" "a message has not as many octets as the last time";
    TopSurplus Server Must "1939-7.01" "TOP gives more lines of the body than asked for";
    TopZero Server Must "1939-7.02" "TOP with 0 lines gives lines of the body";
    Unstuffed Server Must "1939-3.21" "a line that begins with one dot: a dot was not doubled";
    UnstuffedEnd Server Must "1939-3.22" "what follows a message is no reply: was a lone dot not doubled?";
    DotBehindRefusal Server Must "1939-3.27" "a terminating dot behind a refusal";
    BodyLineEnd Server Must "1939-3.33" "a line of a message ends in LF alone";
    BodyCr Server Practice "1939-3.34" "a CR that ends no line within a message";
    Truncated Server Practice "1939-5.42" "the server closes within a reply of several lines";
    // The server: capabilities.
    CapabilitySyntax Server Must "2449-5.05" "a line of CAPA that is longer than 512 octets, empty, or not words between single spaces";
    CapabilityTag Server Must "2449-5.06" "a capability with an octet that none may have";
    CapabilityTwice Server Practice "2449-5.12" "a capability that was listed already";
    CapabilityDropped Server Must "2449-5.03" "a capability that was listed before the login is not listed after it";
    StlsListed Server Must "2595-4.02" "STLS is listed within TLS or after the login";
    PlusListed Server Must "5802-6.02" "a mechanism with channel binding is listed without TLS";
    PlainListed Server Should "5034-4.22" "a mechanism that shows its secret is listed without TLS";
    TopUnlisted Server Must "2449-6.10" "TOP works and is not listed";
    UserUnlisted Server Must "2449-6.20" "USER and PASS work and are not listed";
    SaslUnlisted Server Must "2449-6.30" "AUTH works with a mechanism that is not listed";
    UidlUnlisted Server Must "2449-6.80" "UIDL works and is not listed";
    StlsUnlisted Server Must "2595-4.01" "STLS works and is not listed";
    Utf8Unlisted Server Must "6856-2.01" "UTF8 or LANG works and is not listed";
    // The server: response codes.
    CodeSyntax Server Must "2449-6.40" "RESP-CODES is announced, and a text begins with a bracket that is no response code";
    CodeUnannounced Server Should "3206-6.02" "a response code, and RESP-CODES is not announced";
    CodeLoginDelay Server Must "2449-8.10" "[LOGIN-DELAY] where no login is refused";
    CodeInUse Server Must "2449-8.11" "[IN-USE] where no login is refused";
    CodeAuth Server Must "3206-5.01" "[AUTH] where no login is refused";
    CodeSys Server Must "3206-4.01" "[SYS/...] on a positive reply";
    CodeMissing Server Should "3206-6.01" "a login is refused without a code, and AUTH-RESP-CODE is announced";
    // The server: AUTH.
    ChallengeSyntax Server Must "5034-4.03" "a challenge is not a plus sign, a space and base64";
    ChallengeStatus Server Must "5034-4.05" "+OK to AUTH before the client has said who it is, where a challenge is due";
    ChallengeFirst Server Must "5034-4.05" "the first challenge is not empty, and this mechanism begins with the client";
    InitialTaken Server Must "5034-4.08" "an initial response is taken, and this mechanism begins with the server";
    CancelTaken Server Must "5034-4.11" "an exchange goes on after *";
    Base64Taken Server Must "5034-4.12" "something that is no base64 is taken as a response";
    SuccessData Server Must "5034-4.17" "the positive reply to AUTH carries data";
}
