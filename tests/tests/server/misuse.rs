//! Calls that the state does not allow: they are refused and change nothing.

use bytes::BytesMut;
use pop3_proto::server::{Answer, Close, ServerConfig, ServerConnection, ServerState, ServerStep};
use pop3_proto::{Channel, Input, Rejection, Secret};
use pop3_tests::START;
use pop3_tests::observed::Watch;
use pop3_tests::sasl::offer;
use pop3_tests::store::Store;

fn answers() -> Vec<Answer> {
    vec![
        Answer::Accept(Store::fixture().maildrop().into()),
        Answer::Reject(Rejection::credentials()),
        Answer::Message,
        Answer::EndOfMessage,
        Answer::Unavailable(Rejection::plain("gone")),
        Answer::committed(0),
        Answer::Challenge(Secret::new(b"hello".to_vec())),
        Answer::Abandon(Rejection::plain("malformed")),
        Answer::Proxied,
        Answer::TakeOver,
    ]
}

/// A core after some input, whose requests were answered with these answers.
fn core(input: &[u8], answers: Vec<Answer>, body: &[u8]) -> (ServerConnection, BytesMut) {
    let mut config = ServerConfig::default();
    config.starttls = true;
    config.mechanisms = offer(&["X"]);
    let mut core = ServerConnection::new(config.into(), Channel::TrustedPlaintext, None, START);
    core.set_trusted_proxy(true);
    let (sent, mut input, mut out) = (input, Input::new(input), BytesMut::new());
    let mut answers = answers.into_iter();
    loop {
        match core.poll(START, &mut input, &mut out) {
            ServerStep::Ask(_) | ServerStep::Wait => match answers.next() {
                Some(answer) => core.answer(answer, START, &mut out).unwrap(),
                None => break,
            },
            ServerStep::Pause(until) => {
                let _ = core.poll(until, &mut input, &mut out);
            }
            ServerStep::Read | ServerStep::Flush | ServerStep::StartTls | ServerStep::Close(_) => break,
        }
    }
    if !body.is_empty() {
        let _ = core.body(body, &mut out).unwrap();
    }
    Watch::server(Channel::TrustedPlaintext, sent, &out);
    (core, out)
}

/// Which of the answers above are allowed, and whether octets of a message and a handshake are.
type Fits = (&'static [usize], bool, bool);

#[test]
fn what_does_not_fit_changes_nothing() {
    const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";
    let accept = || Answer::Accept(Store::fixture().maildrop().into());
    let challenge = || Answer::Challenge(Secret::new(Vec::new()));
    let cases: Vec<(String, Vec<Answer>, &[u8], Fits)> = vec![
        (String::new(), vec![], b"", (&[], false, false)),
        ("USER mrose\r\n".into(), vec![], b"", (&[], false, false)),
        ("STLS\r\n".into(), vec![], b"", (&[], false, true)),
        (LOGIN.into(), vec![], b"", (&[0, 1, 9], false, false)),
        ("AUTH X\r\n".into(), vec![], b"", (&[0, 1, 6, 7, 9], false, false)),
        ("AUTH X\r\n".into(), vec![challenge()], b"", (&[], false, false)),
        ("AUTH X\r\nAAAA\r\n".into(), vec![challenge()], b"", (&[0, 1, 6, 7, 9], false, false)),
        ("AUTH X\r\n*\r\n".into(), vec![challenge()], b"", (&[1, 7], false, false)),
        ("AUTH X\r\n!\r\n".into(), vec![challenge()], b"", (&[1, 7], false, false)),
        ("XCLIENT ADDR=::1\r\n".into(), vec![], b"", (&[7, 8], false, false)),
        (LOGIN.into(), vec![accept()], b"", (&[], false, false)),
        (format!("{LOGIN}DELE 1\r\nRETR 2\r\n"), vec![accept()], b"", (&[2, 4], false, false)),
        (
            format!("{LOGIN}RETR 3\r\n"),
            vec![accept(), Answer::Message],
            b"Subject: c\n\n",
            (&[3, 4], true, false),
        ),
        (
            format!("{LOGIN}TOP 3 0\r\n"),
            vec![accept(), Answer::Message],
            b"Subject: c\n\n",
            (&[3, 4], true, false),
        ),
        (format!("{LOGIN}DELE 1\r\nQUIT\r\n"), vec![accept()], b"", (&[4, 5], false, false)),
        ("QUIT\r\n".into(), vec![], b"", (&[], false, false)),
    ];
    for (input, given, body, (fitting, takes_body, takes_tls)) in cases {
        let make = || core(input.as_bytes(), given.clone_answers(), body);
        let (before, out_before) = make();
        let unchanged = |core: &ServerConnection, out: &BytesMut| {
            assert_eq!(format!("{core:?}"), format!("{before:?}"), "{input:?}");
            assert_eq!(out, &out_before, "{input:?}");
        };
        for (index, answer) in answers().into_iter().enumerate() {
            let (mut core, mut out) = make();
            let result = core.answer(answer, START, &mut out);
            assert_eq!(result.is_ok(), fitting.contains(&index), "{input:?} {index}");
            if result.is_err() {
                unchanged(&core, &out);
            }
        }
        let (mut core, mut out) = make();
        let result = core.body(b"x", &mut out);
        assert_eq!(result.is_ok(), takes_body, "{input:?}");
        if result.is_err() {
            unchanged(&core, &out);
        }
        let (mut core, out) = make();
        let result = core.tls_established(START);
        assert_eq!(result.is_ok(), takes_tls, "{input:?}");
        if result.is_err() {
            unchanged(&core, &out);
        }
    }
}

trait CloneAnswers {
    fn clone_answers(&self) -> Vec<Answer>;
}

impl CloneAnswers for Vec<Answer> {
    fn clone_answers(&self) -> Vec<Answer> {
        let clone = |answer: &Answer| match answer {
            Answer::Accept(accepted) => Answer::Accept(accepted.clone()),
            Answer::Reject(rejection) => Answer::Reject(rejection.clone()),
            Answer::Message => Answer::Message,
            Answer::EndOfMessage => Answer::EndOfMessage,
            Answer::Unavailable(rejection) => Answer::Unavailable(rejection.clone()),
            Answer::Challenge(octets) => Answer::Challenge(octets.clone()),
            Answer::Abandon(rejection) => Answer::Abandon(rejection.clone()),
            Answer::Proxied => Answer::Proxied,
            Answer::TakeOver => Answer::TakeOver,
            Answer::Committed { failed, .. } => Answer::committed(*failed),
            other => panic!("{other:?}: copy this one, too"),
        };
        self.iter().map(clone).collect()
    }
}

// If a connection is polled again without what it waits for, it says the same again and accepts nothing.
#[test]
fn a_step_is_repeated_until_it_is_done() {
    const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";
    let (mut core, mut out) = core(LOGIN.as_bytes(), vec![], b"");
    let length = out.len();
    for _ in 0..3 {
        let mut input = Input::new(b"NOOP\r\n");
        assert!(matches!(core.poll(START, &mut input, &mut out), ServerStep::Wait));
        assert_eq!((input.consumed(), out.len()), (0, length));
    }
    core.close(Close::Stopped);
    for _ in 0..3 {
        let mut input = Input::new(b"NOOP\r\n");
        assert!(matches!(core.poll(START, &mut input, &mut out), ServerStep::Close(Close::Stopped)));
        assert_eq!((input.consumed(), out.len()), (0, length));
    }
}

// After the close, nothing of an open message is accepted.
#[test]
fn a_closed_connection_takes_no_octets() {
    let accept = Answer::Accept(Store::fixture().maildrop().into());
    let (mut core, mut out) =
        core(b"USER mrose\r\nPASS x\r\nRETR 1\r\n", vec![accept, Answer::Message], b"Subject: a\r\n");
    let length = out.len();
    core.close(Close::Stopped);
    assert!(core.body(b"more", &mut out).is_err());
    assert!(core.answer(Answer::EndOfMessage, START, &mut out).is_err());
    assert_eq!(out.len(), length);
    // The first reason remains.
    core.close(Close::TimedOut);
    assert_eq!(core.session().state(), ServerState::Closed(Close::Stopped));
}
