//! AUTH: challenges, responses, and what may be sent when (RFC 5034).

use bytes::BytesMut;
use pop3_proto::client::{ClientConfig, ClientState, SendError};
use pop3_proto::{Base64, Channel, Command, MechanismName, encode_base64};

use crate::support::{Player, configured, strict, user};

fn name(mechanism: &str) -> MechanismName {
    MechanismName::parse(mechanism.as_bytes()).unwrap()
}

fn auth<'a>(mechanism: &str, initial: Option<&'a [u8]>) -> Command<'a> {
    Command::Auth { mechanism: name(mechanism), initial: initial.map(|text| Base64::parse(text).unwrap()) }
}

fn base64(text: &[u8]) -> Base64<'_> {
    Base64::parse(text).unwrap()
}

impl Player {
    fn respond(&mut self, text: &[u8]) -> Result<(), SendError> {
        self.client.respond(base64(text), self.now, &mut self.sent)
    }

    fn cancel(&mut self) -> Result<(), SendError> {
        self.client.cancel(self.now, &mut self.sent)
    }

    fn sealed(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Result<(), SendError> {
        let initial = initial.map(base64);
        self.client.send_sealed_auth(name(mechanism), initial, self.now, &mut self.sent)
    }
}

fn sent(player: &mut Player) -> Vec<u8> {
    player.sent.split().to_vec()
}

/// What the client reports if the server's octets arrive in pieces of this size.
fn told(player: &mut Player, octets: &[u8], size: usize) -> Vec<String> {
    for piece in octets.chunks(size) {
        player.feed(piece);
    }
    player.told()
}

// 5034-4.05, 5034-4.07, 5034-4.17
#[test]
fn an_exchange_is_challenges_and_answers_and_then_a_reply() {
    for size in [1, 2, 3, 100] {
        let mut player = Player::greeted(ClientConfig::default());
        player.try_send(&auth("SCRAM-SHA-1", None)).unwrap();
        assert_eq!(player.client.state(), ClientState::Authorization);
        assert_eq!(told(&mut player, b"+ \r\n", size), ["challenge "]);
        assert_eq!(player.client.state(), ClientState::Challenged);
        assert_eq!(player.client.deadline(), None, "the server waits for us");
        player.respond(b"biwsbj1tcm9zZQ==").unwrap();
        assert!(player.client.deadline().is_some());
        assert_eq!(told(&mut player, b"+ dj02\r\n", size), ["challenge dj02"]);
        player.respond(b"").unwrap();
        assert_eq!(told(&mut player, b"+OK in\r\n", size), ["Auth Positive in"]);
        assert_eq!(player.client.state(), ClientState::Transaction);
        assert_eq!(sent(&mut player), b"AUTH SCRAM-SHA-1\r\nbiwsbj1tcm9zZQ==\r\n\r\n");
        assert_eq!(player.try_send(&auth("PLAIN", None)), Err(SendError::State(ClientState::Transaction)));
    }
}

// 5034-4.06, 5034-4.16
#[test]
fn an_initial_response_goes_along_and_a_refusal_leaves_all_as_it_was() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&auth("PLAIN", Some(b"AG1yb3NlAHRhbnN0YWFm")), b"-ERR [AUTH] no\r\n");
    player.exchange(&auth("EXTERNAL", Some(b"")), b"-ERR no\r\n");
    player.exchange(&user(), b"+OK\r\n");
    assert_eq!(sent(&mut player), b"AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\nAUTH EXTERNAL =\r\nUSER mrose\r\n");
    assert_eq!(player.told(), ["Auth Negative [AUTH] no", "Auth Negative no", "User Positive "]);
}

// 5034-4.11, 5034-4.15
#[test]
fn what_can_not_be_read_can_only_be_cancelled() {
    for config in [ClientConfig::default(), strict()] {
        for challenge in [&b"+ !!!\r\n"[..], b"+ AAA\r\n", b"+ AA==AA==\r\n", b"+ dGVz\xff\r\n"] {
            let mut player = Player::greeted(config.clone());
            player.exchange(&auth("CRAM-MD5", None), challenge);
            assert_eq!(player.told(), ["challenge Unreadable"]);
            assert_eq!(player.respond(b""), Err(SendError::Unreadable));
            assert_eq!(player.try_send(&user()), Err(SendError::State(ClientState::Challenged)));
            player.cancel().unwrap();
            assert_eq!(player.cancel(), Err(SendError::State(ClientState::Authorization)));
            player.feed(b"-ERR cancelled\r\n");
            assert_eq!(player.told(), ["Auth Negative cancelled"]);
            assert_eq!(player.client.state(), ClientState::Authorization);
            assert_eq!(sent(&mut player), b"AUTH CRAM-MD5\r\n*\r\n");
        }
    }
}

/// Only a refusal can follow `*`, neither a success nor another challenge.
#[test]
fn a_cancelled_exchange_can_not_succeed() {
    for reply in [&b"+OK welcome\r\n"[..], b"+ AAAA\r\n"] {
        let mut player = Player::greeted(ClientConfig::default());
        player.exchange(&auth("PLAIN", None), b"+ \r\n");
        player.cancel().unwrap();
        player.feed(reply);
        assert_eq!(player.told().last().unwrap(), "error OutOfStep");
        assert_eq!(player.client.state(), ClientState::Closed);
    }
}

// 5034-4.04, LOGIN-1.02
#[test]
fn odd_challenges_are_answered_and_have_names() {
    for (challenge, expected) in [
        (&b"+\r\n"[..], ["warning ContinuationWithoutSpace", "challenge "]),
        (b"+\tVXNlcg==\r\n", ["warning Spacing", "challenge VXNlcg=="]),
        (b"+ VXNlcg==\n", ["warning BareLineFeed", "challenge VXNlcg=="]),
        (b"+ go ahead\r\n", ["warning ChallengeWords", "challenge Words(\"go ahead\")"]),
        (b"+OK\r\n", ["warning PositiveReplyForChallenge", "challenge "]),
        (b"+OK go ahead\r\n", ["warning PositiveReplyForChallenge", "challenge "]),
    ] {
        let mut player = Player::greeted(ClientConfig::default());
        player.exchange(&auth("LOGIN", None), challenge);
        assert_eq!(player.told(), expected);
        player.respond(b"bXJvc2U=").unwrap();

        let mut player = Player::greeted(strict());
        player.exchange(&auth("LOGIN", None), challenge);
        let told = player.told().pop().unwrap();
        assert!(told.starts_with("error Quirk") || told == "challenge Unreadable", "{told}");
    }
}

/// `+OK` can replace a challenge only where nothing can have succeeded: directly after AUTH.
#[test]
fn a_positive_reply_is_a_challenge_once_at_most() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&auth("LOGIN", None), b"+OK\r\n");
    player.respond(b"bXJvc2U=").unwrap();
    player.feed(b"+OK\r\n");
    assert_eq!(player.told().last().unwrap(), "Auth Positive ");
    assert_eq!(player.client.state(), ClientState::Transaction);

    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&auth("PLAIN", Some(b"AG1yb3NlAHRhbnN0YWFm")), b"+OK\r\n");
    assert_eq!(player.told(), ["Auth Positive "]);
}

// 2595-2.10
#[test]
fn secrets_stay_off_a_plaintext_channel() {
    let mut player = Player::new(ClientConfig::default(), Channel::Plaintext);
    player.feed(b"+OK\r\n");
    for mechanism in ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", "X-UNHEARD-OF", "SCRAM-SHA-256"] {
        assert_eq!(player.try_send(&auth(mechanism, None)), Err(SendError::Plaintext));
        assert_eq!(player.try_send(&auth(mechanism, Some(b"AAAA"))), Err(SendError::Plaintext));
    }
    assert!(player.sent.is_empty());
    // An AUTH that reveals no secret may be declared as such.
    player.sealed("SCRAM-SHA-256", None).unwrap();
    player.feed(b"+ \r\n");
    player.respond(b"biws").unwrap();
    player.feed(b"-ERR\r\n");
    assert_eq!(player.client.channel(), Channel::Plaintext, "nothing else is allowed by that");
    assert_eq!(player.try_send(&user()), Err(SendError::Plaintext));
}

// 5034-4.09, 2449-6.31
#[test]
fn an_initial_response_needs_a_short_line_and_an_announcement() {
    let long = |octets: usize| encode_base64(&vec![b'x'; octets]);
    let fits = |player: &Player, octets: usize| {
        player.client.takes_initial_response(name("PLAIN"), base64(long(octets).expose()))
    };
    let mut player = Player::greeted(ClientConfig::default());
    assert!(!fits(&player, 10), "there was no CAPA");
    player.exchange(&Command::Capa, b"+OK\r\nUSER\r\n.\r\n");
    assert!(!fits(&player, 10), "there is no SASL in it");
    player.exchange(&Command::Capa, b"+OK\r\nSASL PLAIN\r\n.\r\n");
    assert!(fits(&player, 180) && !fits(&player, 181));
    let text = long(181);
    assert_eq!(player.try_send(&auth("PLAIN", Some(text.expose()))), Err(SendError::TooLong));
    let mut line = BytesMut::new();
    let text = long(180);
    auth("PLAIN", Some(text.expose())).write(&mut line);
    assert!(line.len() <= 255 && line.len() > 250);
    player.try_send(&auth("PLAIN", Some(text.expose()))).unwrap();
}

// 5034-4.14
#[test]
fn lines_of_an_exchange_are_long_but_not_endless() {
    let mut player = Player::greeted(ClientConfig::default());
    let long = [b'A'; 12_288];
    player.exchange(&auth("PLAIN", None), &[b"+ ", &long[..], b"\r\n"].concat());
    assert_eq!(player.told()[0].len(), "challenge ".len() + long.len());
    player.respond(&long).unwrap();
    assert!(player.sent.ends_with(&[&long[..], b"\r\n"].concat()));

    let mut player = Player::greeted(configured(|it| {
        it.max_sasl_line = 20;
        it.max_reply_line = 20;
    }));
    player.exchange(&auth("PLAIN", None), b"+ AAAAAAAAAAAAAAAA\r\n");
    assert_eq!(player.respond(&[b'A'; 20]), Err(SendError::TooLong));
    player.respond(&[b'A'; 16]).unwrap();
    player.feed(b"+ AAAAAAAAAAAAAAAAAAAA");
    assert_eq!(player.told().last().unwrap(), "error LineTooLong");
}

/// Nothing may be sent after AUTH, and octets after a challenge are noticed.
#[test]
fn an_exchange_is_in_step() {
    let mut player = Player::greeted(ClientConfig::default());
    player.try_send(&auth("PLAIN", None)).unwrap();
    assert_eq!(player.try_send(&Command::Capa), Err(SendError::Window));
    assert_eq!(player.respond(b""), Err(SendError::State(ClientState::Authorization)));
    player.feed(b"+ \r\n-ERR idle for too long\r\n");
    assert_eq!(player.told(), ["challenge ", "error Dismissed"]);

    for rest in [&b"+ \r\n"[..], b"+OK\r\n", b"x"] {
        let mut player = Player::greeted(ClientConfig::default());
        player.exchange(&auth("PLAIN", None), &[b"+ \r\n", rest].concat());
        assert_eq!(player.told(), ["challenge ", "error Unsolicited"]);
        assert_eq!(player.respond(b""), Err(SendError::State(ClientState::Closed)));
    }
    for cut in [&b""[..], b"+", b"+ AA", b"-ERR"] {
        let mut player = Player::greeted(ClientConfig::default());
        player.try_send(&auth("PLAIN", None)).unwrap();
        player.feed_last(cut);
        let error = if cut.is_empty() { "Closed" } else { "Truncated" };
        assert_eq!(player.told(), [format!("error {error} {{ during: Some(Auth) }}")]);
    }
}

/// Invalid challenges are refused: `+ERR` of hMailServer, or text after `+`.
#[test]
fn other_lines_are_out_of_step() {
    for line in [&b"+ERR\r\n"[..], b"+OKAY\r\n", b"++\r\n", b"\r\n", b"* OK\r\n"] {
        let mut player = Player::greeted(ClientConfig::default());
        player.exchange(&auth("PLAIN", None), line);
        assert_eq!(player.told(), ["error OutOfStep"], "{}", line.escape_ascii());
    }
}

// 5034-4.30
#[test]
fn nothing_of_an_exchange_is_shown() {
    let mut player = Player::greeted(ClientConfig::default());
    let command = auth("PLAIN", Some(b"AG1yb3NlAHRhbnN0YWFm"));
    player.try_send(&command).unwrap();
    assert!(!format!("{command:?} {:?}", player.client).contains("AG1yb3NlAHRhbnN0YWFm"));
}

// 5034-3.01
#[test]
fn auth_alone_lists_mechanisms_where_it_is_known() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&Command::AuthList, b"+OK\r\nPLAIN\r\nLOGIN \r\n.\r\n");
    let told = player.told();
    assert_eq!(told.len(), 4);
    assert_eq!(told[2], "Mechanism(\"LOGIN\")");
    player.exchange(&Command::AuthList, b"-ERR\r\n");
    assert_eq!(player.told(), ["AuthList Negative "]);
}
