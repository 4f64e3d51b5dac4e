//! `pop3 lint`: transcripts of real servers, and captures that the tests generate.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use etherparse::PacketBuilder;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data")
}

/// Lints standard input.
fn lint(options: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pop3"))
        .args(["lint", "-"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its input may exit before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The violations in the recordings of real servers. `UPDATE_DOCS=1` writes the file again.
#[test]
fn recordings_of_real_servers() {
    let mut found = String::new();
    for server in ["courier", "dovecot", "nginx", "perdition", "popa3d"] {
        let input = fs::read(data().join(format!("transcripts/{server}.txt"))).unwrap();
        let output = lint(&["--quiet", "--level", "should"], &input);
        assert_eq!(output.status.code(), Some(1), "{server}");
        // The sessions have the same names in all of them.
        found.push_str(&format!("== {server}\n{}\n", text(&output)));
        assert!(!found.contains("secret-Pa55"), "{server}");
    }
    let path = data().join("transcripts/lint.txt");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(&path, &found).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differ = kept.lines().chain(["(end)"]).zip(found.lines().chain(["(end)"])).find(|(a, b)| a != b);
    assert_eq!(differ, None, "lint.txt (left) and what came out (right); if right, run with UPDATE_DOCS=1");
}

#[test]
fn the_examples_of_the_rfcs() {
    for (file, code) in [("rfc1939", 1), ("rfc2449", 0), ("rfc2595", 0)] {
        let output = lint(&[], &fs::read(data().join(format!("rfc/{file}.txt"))).unwrap());
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
    }
}

#[test]
fn the_example_of_the_documentation() {
    let page = fs::read_to_string(data().join("../../docs/lint.md")).unwrap();
    let mut examples = page.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (_, wanted) = examples.next().unwrap().split_once("session.txt\n").unwrap();
    let (_, transcript) = examples.next().unwrap().split_once('\n').unwrap();
    assert_eq!(text(&lint(&[], transcript.as_bytes())), wanted);
}

// 5034-4.30
#[test]
fn violations_stand_under_their_lines_and_secrets_nowhere() {
    let transcript = b"S: +ok \\x1b[31mred\nC: USER mrose\nS: +OK next\nC: PASS tanstaaf\nS: +OK in\n\
        C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\nS: -ERR no\nC: QUIT\nS: +OK bye\n<EOF>\n";
    let output = lint(&[], transcript);
    assert_eq!(
        text(&output),
        "S: +ok \\x1b[31mred\n\
        \x20  ^ MUST server 1939-3.09: a status indicator that is not in upper case\n\
        \x20  ^ practice server 1939-3.17: the text of a reply contains a control character or an 8-bit octet\n\
        C: USER mrose\nS: +OK next\nC: PASS ***\n\
        \x20  ^ SHOULD client 2595-2.10: a password is sent in clear text\n\
        S: +OK in\nC: AUTH PLAIN ***\n\
        \x20  ^ practice client 1939-3.08: this command is not allowed in this state\n\
        \x20  ^ SHOULD client 2449-6.31: AUTH uses a mechanism that CAPA did not list\n\
        \x20  ^ SHOULD client 2595-2.10: a password is sent in clear text\n\
        S: -ERR no\nC: QUIT\nS: +OK bye\n<the server closes>\n\
        1 session, 4 commands; violations: 1 MUST, 3 SHOULD, 2 practice\n\
        \x20 MUST server 1939-3.09 x1: a status indicator that is not in upper case\n\
        \x20 SHOULD client 2595-2.10 x2: a password is sent in clear text\n\
        \x20 SHOULD client 2449-6.31 x1: AUTH uses a mechanism that CAPA did not list\n\
        \x20 practice client 1939-3.08 x1: this command is not allowed in this state\n\
        \x20 practice server 1939-3.17 x1: the text of a reply contains a control character or an 8-bit octet\n"
    );
    assert_eq!(output.status.code(), Some(1));

    let output = lint(&["--quiet", "--level", "must"], transcript);
    let quiet = text(&output);
    assert_eq!(quiet.lines().count(), 3, "{quiet}");
    assert!(quiet.starts_with("MUST server 1939-3.09"), "{quiet}");

    let output = lint(&["--json"], transcript);
    let lines: Vec<serde_json::Value> =
        text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 7);
    assert_eq!((&lines[0]["row"], &lines[0]["level"]), (&"1939-3.09".into(), &"MUST".into()));
    assert_eq!((&lines[2]["command"], &lines[2]["number"]), (&"PASS ***".into(), &2.into()));
    assert_eq!(lines[6]["summary"]["must"], 1);
    for output in [lint(&[], transcript), lint(&["--json"], transcript)] {
        let text = text(&output);
        assert!(!text.contains("tanstaaf") && !text.contains("AHRp") && !text.contains('\x1b'), "{text}");
    }
}

#[test]
fn what_can_not_be_read_is_an_error_of_one_line() {
    for (input, reason) in [
        (&b""[..], "no session"),
        (b"# only a comment\n", "no session"),
        (b"S: +OK hi\nhello\n", "line 2 is not a line of a transcript"),
        (b"S: \\xzz\n", "line 1 is not a line of a transcript"),
        (b"\xd4\xc3\xb2\xa1 no capture at all", "capture"),
    ] {
        let output = lint(&[], input);
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
    }
    let missing = Command::new(env!("CARGO_BIN_EXE_pop3")).args(["lint", "/no/such/file"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

/// A packet of the connection that these tests make.
#[derive(Clone, Copy)]
struct Packet<'o> {
    client: bool,
    /// How many octets came before in this direction.
    at: u32,
    octets: &'o [u8],
    /// S, F or R.
    flag: char,
}

const fn c(at: u32, octets: &[u8]) -> Packet<'_> {
    Packet { client: true, at, octets, flag: ' ' }
}

const fn s(at: u32, octets: &[u8]) -> Packet<'_> {
    Packet { client: false, at, octets, flag: ' ' }
}

const fn flag(client: bool, at: u32, flag: char) -> Packet<'static> {
    Packet { client, at, octets: b"", flag }
}

/// Writes packets with Ethernet headers, where the sequence numbers of one side wrap around.
fn frames(packets: &[Packet<'_>], port: u16) -> Vec<Vec<u8>> {
    let build = |packet: &Packet<'_>| {
        let (from, to, ports, first) = if packet.client {
            ([192, 0, 2, 1], [192, 0, 2, 2], (40_000, port), u32::MAX - 3)
        } else {
            ([192, 0, 2, 2], [192, 0, 2, 1], (port, 40_000), 1000)
        };
        // SYN has a sequence number, too.
        let number = first.wrapping_add(packet.at).wrapping_add(u32::from(packet.flag != 'S'));
        let builder =
            PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from, to, 64).tcp(ports.0, ports.1, number, 8192);
        let builder = match (packet.flag, packet.client) {
            ('S', true) => builder.syn(),
            ('S', false) => builder.syn().ack(1),
            ('F', _) => builder.fin().ack(1),
            ('R', _) => builder.rst(),
            _ => builder.ack(1),
        };
        let mut frame = Vec::new();
        builder.write(&mut frame, packet.octets).unwrap();
        // Short frames are padded, as on the wire.
        frame.resize(frame.len().max(60), 0);
        frame
    };
    packets.iter().map(build).collect()
}

fn pcap(packets: &[Packet<'_>], port: u16) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames(packets, port) {
        let length = u32::try_from(frame.len()).unwrap();
        for word in [1, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn pcapng(packets: &[Packet<'_>], port: u16) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    };
    let mut file =
        block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
    file.extend(block(1, &[1, 0, 0, 0, 0, 0, 0, 0]));
    for frame in frames(packets, port) {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        file.extend(block(6, &[&[0; 12][..], &length, &length, &frame].concat()));
    }
    file
}

const OPENING: [Packet<'static>; 2] = [flag(true, 0, 'S'), flag(false, 0, 'S')];

/// A session of 6 segments with one violation by the server.
const SESSION: [Packet<'static>; 8] = [
    s(0, b"+OK ready\r\n"),
    c(0, b"CAPA\r\n"),
    s(11, b"+OK list\r\nTOP\r\n"),
    s(26, b"X.Y\r\n.\r\n"),
    c(6, b"QUIT\r\n"),
    s(34, b"+OK bye\r\n"),
    flag(false, 43, 'F'),
    flag(true, 12, 'F'),
];

const DIALOGUE: &str = "\
# 192.0.2.1:40000 to 192.0.2.2:110
S: +OK ready
C: CAPA
S: +OK list
S: TOP
S: X.Y
   ^ MUST server 2449-5.06: a capability contains an octet that is not allowed
S: . (2 lines, 10 octets)
C: QUIT
S: +OK bye
<the server closes>
<the client closes>
1 session, 2 commands; violations: 1 MUST, 0 SHOULD, 0 practice
  MUST server 2449-5.06 x1: a capability contains an octet that is not allowed
";

#[test]
fn packets_are_put_in_order() {
    let plain = [&OPENING[..], &SESSION].concat();
    let mut swapped = plain.clone();
    swapped.swap(4, 5);
    // Retransmitted, also in other pieces, and again after the end.
    let mut repeated = plain.clone();
    repeated.insert(5, s(5, b"eady\r\n+OK list\r\nT"));
    repeated.insert(6, c(0, b"CAPA\r\n"));
    repeated.extend([c(6, b"QUIT\r\n"), flag(true, 12, 'F')]);
    // The capture began after the connection was opened, and misses a part of the greeting.
    let unopened = SESSION.to_vec();
    for packets in [&plain, &swapped, &repeated, &unopened] {
        for file in [pcap(packets, 110), pcapng(packets, 110)] {
            let output = lint(&[], &file);
            assert_eq!(text(&output), DIALOGUE, "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.code(), Some(1));
        }
    }
}

#[test]
fn other_ports_are_named() {
    let file = pcap(&[&OPENING[..], &SESSION].concat(), 2110);
    assert_eq!(lint(&[], &file).status.code(), Some(2));
    let output = lint(&["--port", "2110", "--quiet"], &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).starts_with("# 192.0.2.1:40000 to 192.0.2.2:2110\nMUST server 2449-5.06"));
    // Two connections with the same ports, one after the other. The second is reset.
    let again = [
        &OPENING[..],
        &SESSION,
        &[flag(true, 900, 'S'), flag(false, 900, 'S')],
        &[s(900, b"+OK ready\r\n"), c(900, b"QUIT\r\n"), flag(false, 911, 'R')],
    ]
    .concat();
    let output = text(&lint(&["--port", "2110"], &pcap(&again, 2110)));
    assert!(output.contains("2 sessions, 3 commands"), "{output}");
    assert!(output.contains("practice server 1939-3.18"), "{output}");
}

#[test]
fn missing_packets_are_told_of() {
    let mut lost = [&OPENING[..], &SESSION].concat();
    lost.remove(4);
    let output = lint(&[], &pcap(&lost, 110));
    let told = text(&output);
    assert!(told.contains("<packets are missing in the capture: the rest is not checked>"), "{told}");
    assert!(told.contains("(1 not checked to the end)"), "{told}");
    assert_eq!(output.status.code(), Some(0));

    let begun = lint(&[], &pcap(&SESSION[1..], 110));
    assert!(
        text(&begun).contains("<the beginning of the connection is not in the capture"),
        "{}",
        text(&begun)
    );
    assert_eq!(begun.status.code(), Some(0));

    // A port on which nobody listens has no session.
    let refused = lint(&[], &pcap(&[OPENING[0], flag(false, 0, 'R')], 110));
    assert_eq!(refused.status.code(), Some(2));

    // What was found before the file ends too early is reported.
    let whole = pcap(&[&OPENING[..], &SESSION].concat(), 110);
    let cut = lint(&[], &whole[..whole.len() - 70]);
    assert_eq!(cut.status.code(), Some(2));
    assert!(text(&cut).contains("MUST server 2449-5.06"), "{}", text(&cut));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("ends in the middle of a packet"));
}

#[test]
fn tls_is_told_of_and_not_judged() {
    let packets = [
        &OPENING[..],
        &[
            s(0, b"+OK ready\r\n"),
            c(0, b"STLS\r\n"),
            s(11, b"+OK begin\r\n"),
            c(6, b"\x16\x03\x01\x00\x05hello"),
            s(22, b"\x16\x03\x03\x00\x05hello"),
        ],
    ]
    .concat();
    let output = lint(&[], &pcap(&packets, 1110));
    assert!(text(&output).contains("<the rest is TLS and can't be read>"), "{}", text(&output));
    assert_eq!(output.status.code(), Some(0));
}
