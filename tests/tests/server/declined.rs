//! Requests that the embedder does not handle.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the cases it is about")]

use bytes::BytesMut;
use pop3_proto::apop::Timestamp;
use pop3_proto::server::{
    Answer, Needs, OfferedMechanism, Request, ServerConfig, ServerConnection, ServerStep,
};
use pop3_proto::{Channel, Input, MechanismName, Snapshot, UniqueId};
use pop3_tests::START;

fn maildrop() -> Snapshot {
    let mut snapshot = Snapshot::new();
    snapshot.push(12, UniqueId::parse(b"a").unwrap());
    snapshot
}

/// The replies to these lines if the store handles no request, except that it accepts the second login.
fn replies(lines: &str) -> (String, Vec<String>) {
    let plain = OfferedMechanism::new(MechanismName::parse(b"PLAIN").unwrap(), Needs::Privacy);
    let mut config = ServerConfig::default();
    config.mechanisms = vec![plain];
    let timestamp = Timestamp::parse(b"<1@h>");
    let mut core = ServerConnection::new(config.into(), Channel::TrustedPlaintext, timestamp, START);
    core.set_trusted_proxy(true);
    let (mut input, mut out) = (Input::new(lines.as_bytes()), BytesMut::new());
    let (mut now, mut asked, mut logins) = (START, Vec::new(), 0);
    loop {
        match core.poll(now, &mut input, &mut out) {
            ServerStep::Ask(request) => {
                let shown = format!("{request:?}");
                asked.push(shown.split([' ', '(', '{']).next().unwrap().to_owned());
                logins += usize::from(matches!(request, Request::Password { .. }));
                let answer = match request {
                    Request::Password { .. } if logins == 2 => Answer::Accept(maildrop().into()),
                    other => other.decline(),
                };
                core.answer(answer, now, &mut out).expect("it fits the request");
            }
            ServerStep::Pause(until) => now = until,
            ServerStep::Flush => {}
            ServerStep::Read | ServerStep::Close(_) => break,
            step => panic!("{step:?}"),
        }
    }
    (String::from_utf8(out.to_vec()).unwrap(), asked)
}

#[test]
fn every_request_can_be_declined() {
    let (out, asked) = replies(
        "XCLIENT ADDR=192.0.2.1\r\nAUTH PLAIN AGEAYg==\r\nAPOP a c4c9334bac560ecc979e58001b3e22fb\r\nUSER a\r\nPASS b\r\nUSER a\r\nPASS b\r\n\
         RETR 1\r\nTOP 1 0\r\nSTAT\r\nDELE 1\r\nQUIT\r\n",
    );
    assert_eq!(asked, ["Proxied", "Sasl", "Apop", "Password", "Password", "Fetch", "Fetch", "Commit"]);
    let statuses: Vec<_> = out.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(
        statuses,
        ["-ERR", "-ERR", "-ERR", "+OK", "-ERR", "+OK", "+OK", "-ERR", "-ERR", "+OK", "+OK", "-ERR"],
        "{out}"
    );
}
