//! What the client reports does not depend on how the octets are split.

use pop3_proto::client::ClientConfig;
use pop3_proto::{Command, ReplyShape};

use crate::support::{extension, number, pass, play_split, retr, strict, turn, user};

/// 1939-3.19, 1939-3.30:
/// The dialogue of RFC 1939 section 10 and more, each kind of reply once.
#[test]
fn a_whole_session_at_every_split() {
    let xtnd = extension(b"XTND XLST Subject", ReplyShape::Lines);
    let body = extension(b"XBODY", ReplyShape::Body);
    let xone = extension(b"XONE", ReplyShape::Line);
    let turns = [
        turn(&[], b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n"),
        turn(&[Command::Capa], b"+OK here\r\nTOP\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n"),
        turn(&[user()], b"+OK\r\n"),
        turn(&[pass()], b"+OK mrose's maildrop has 2 messages (320 octets)\r\n"),
        turn(&[Command::Stat], b"+OK 2 320\r\n"),
        turn(&[Command::List(None)], b"+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n"),
        turn(
            &[Command::List(Some(number(2))), Command::Uidl(Some(number(2)))],
            b"+OK 2 200\r\n+OK 2 QhdPYR:00WBw1Ph7x7\r\n",
        ),
        turn(&[Command::Uidl(None)], b"+OK\r\n1 whqtswO00WBw418f9t5JxYwZ\r\n2 QhdPYR:00WBw1Ph7x7\r\n.\r\n"),
        turn(
            &[retr(1), Command::Dele(number(1)), retr(9)],
            b"+OK 120 octets\r\n..dot\r\na\n.\r\nb\r\r\n..x\r\n.\r\n+OK gone\r\n-ERR no such message\r\n",
        ),
        turn(&[Command::Top { message: number(2), lines: 0 }], b"+OK\r\n.\r\n"),
        turn(&[xtnd, body, xone], b"+OK\r\n..one\r\n\r\ntwo\r\n.\r\n+OK\r\n\x00\xff\r\n.\r\n-ERR\r\n"),
        turn(&[Command::Noop, Command::Rset, Command::Last], b"+OK\r\n+OK\r\n+OK 2\r\n"),
        turn(&[Command::Quit], b"+OK dewey POP3 server signing off (maildrop empty)\r\n"),
    ];
    let told = play_split(&strict(), &turns);
    assert_eq!(
        told,
        [
            "greeting Positive POP3 server ready <1896.697170952@dbc.mtview.ca.us>",
            "Capa Positive here …",
            "Capability(Top)",
            "Capability(Pipelining)",
            "Capability(Sasl(\"PLAIN\"))",
            "end Capa",
            "User Positive ",
            "Pass Positive mrose\\'s maildrop has 2 messages (320 octets)",
            "Stat Positive 2 320 Drop(DropListing { messages: 2, octets: 320, quirk: None })",
            "List Positive 2 messages (320 octets) …",
            "Scan(ScanListing { message: #1, octets: 120, quirk: None })",
            "Scan(ScanListing { message: #2, octets: 200, quirk: None })",
            "end List",
            "List Positive 2 200 Scan(ScanListing { message: #2, octets: 200, quirk: None })",
            "Uidl Positive 2 QhdPYR:00WBw1Ph7x7 UniqueId(UniqueIdListing { message: #2, uid: \"QhdPYR:00WBw1Ph7x7\", quirk: None })",
            "Uidl Positive  …",
            "UniqueId(UniqueIdListing { message: #1, uid: \"whqtswO00WBw418f9t5JxYwZ\", quirk: None })",
            "UniqueId(UniqueIdListing { message: #2, uid: \"QhdPYR:00WBw1Ph7x7\", quirk: None })",
            "end Uidl",
            "Retr Positive 120 octets …",
            "data .dot\\r\\na\\n.\\r\\nb\\r\\r\\n.x\\r\\n",
            "end Retr",
            "Dele Positive gone",
            "Retr Negative no such message",
            "Top Positive  …",
            "end Top",
            "Extension Positive  …",
            "line .one",
            "line ",
            "line two",
            "end Extension",
            "Extension Positive  …",
            "data \\x00\\xff\\r\\n",
            "end Extension",
            "Extension Negative ",
            "Noop Positive ",
            "Rset Positive ",
            "Last Positive 2 Last(Some(#2))",
            "Quit Positive dewey POP3 server signing off (maildrop empty)",
            "closed",
        ]
    );
}

#[test]
fn quirks_come_once_at_every_split() {
    let turns = [
        turn(&[], b"\r\n\n+ok hi\n"),
        turn(&[Command::Capa], b"+OK\r\n\r\n Sasl\tPLAIN \nEXPIRENEVER\r\n.\n"),
        turn(&[user()], b"+OK\tgo\n"),
        turn(&[pass()], b"+OK\r\n"),
        turn(&[Command::Uidl(None)], b"+OK\r\n 2  a b\n\r\n1 x\r\n1 y\r\n002\r\n.\r\n"),
        turn(&[retr(1)], b"+OK\r\na\r\r\n.b\r\n.\r\n"),
        turn(&[Command::Stat], b"+ok 2  -1\n"),
        turn(&[Command::Quit], b"+OK bye"),
    ];
    let told = play_split(&ClientConfig::default(), &turns);
    let warnings: Vec<_> = told.iter().filter_map(|line| line.strip_prefix("warning ")).collect();
    assert_eq!(
        warnings,
        [
            "StatusCase",
            "BareLineFeed",
            "EmptyLineBeforeGreeting",
            "Spacing",
            "BareLineFeed",
            "EmptyListingLine",
            "JoinedCapability",
            "BareLineFeed",
            "Spacing",
            "BareLineFeed",
            "BareLineFeed",
            "UniqueIdSyntax",
            "SkippedNumber",
            "UnorderedListing",
            "EmptyListingLine",
            "RepeatedNumber",
            "EmptyUniqueId",
            "UnstuffedDot",
            "DoubledCarriageReturn",
            "StatusCase",
            "BareLineFeed",
            "NegativeOctets",
            "UnendedLine",
        ]
    );
}
