//! What an error shows of the server's octets.

use pop3_proto::client::{ClientConfig, Excerpt, ProtocolError};
use pop3_proto::{Base64, Channel, Command, Keyword, MechanismName, encode_base64};

use crate::support::{Player, configured, number, pass, retr, user};

/// The error and its excerpt.
fn fault(player: &mut Player) -> (String, Excerpt) {
    let mut input = pop3_proto::Input::new(b"");
    let error: ProtocolError = player.client.poll(player.now, &mut input).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{error:#}: \"")), "{error}");
    (error.to_string(), error.excerpt().unwrap().clone())
}

#[test]
fn the_line_is_told_with_the_command_that_it_answered() {
    for (command, reply, text) in [
        (
            Command::Noop,
            &b"* OK \xff\x1b[1m\r\nmore"[..],
            "the reply to NOOP begins neither with +OK nor with -ERR: \"* OK \
             \\xff\\x1b[1m\"",
        ),
        (
            Command::Stat,
            b"+OK two messages\r\n",
            "the reply to STAT contains a malformed line: \"+OK two messages\"",
        ),
        (
            Command::List(None),
            b"+OK\r\n1 120\r\n2 many\r\n3 1\r\n",
            "the reply to LIST contains a malformed line: \"2 many\"",
        ),
        (
            Command::Uidl(Some(number(2))),
            b"+OK 3 x\n",
            "the reply to UIDL is about another message: \"+OK 3 x\"",
        ),
        (
            retr(1),
            b"+OK\r\na\r\n.\r\n+OK more\r\n",
            "the server sent a reply that no command asked for: \"+OK more\"",
        ),
        (
            retr(1),
            b"+OK\r\na\r\n.\r\n-ERR autologout\r\n",
            "the server ended the session on its own: \"-ERR autologout\"",
        ),
    ] {
        let mut player = Player::ready(ClientConfig::default());
        player.exchange(&command, reply);
        assert_eq!(fault(&mut player).0, text);
    }
    let mut player = Player::new(ClientConfig::default(), Channel::Tls);
    player.feed(b"hello\r\n");
    let (text, excerpt) = fault(&mut player);
    assert_eq!(text, "the greeting begins neither with +OK nor with -ERR: \"hello\"");
    assert_eq!((excerpt.during(), excerpt.is_cut()), (None, false));
}

#[test]
fn an_excerpt_is_bounded() {
    for (config, reply) in [
        (ClientConfig::default(), [&[b'x'; 7000][..], b"\r\n"].concat()),
        (configured(|it| it.max_reply_line = 600), vec![b'x'; 7000]),
    ] {
        let mut player = Player::ready(config);
        player.exchange(&Command::Noop, &reply);
        let (text, excerpt) = fault(&mut player);
        assert_eq!((excerpt.octets(), excerpt.is_cut()), (&[b'x'; Excerpt::MAX][..], true));
        assert_eq!(excerpt.during(), Some(Keyword::Noop));
        assert!(text.ends_with("xxx...\""), "{text}");
    }
}

/// A server, or a terminal in its place, that repeats what it receives.
#[test]
fn a_password_that_is_repeated_is_not_told() {
    // The reply to PASS, an unsolicited line, and the reply to the command after the login.
    for (reply, next) in [
        (&b"PASS tanstaaf\r\n"[..], None),
        (b"+OK\r\nPASS tanstaaf\r\n", None),
        (b"+OK\r\nPASS tanst", None),
        (b"+OK\r\n", Some(&b"PASS tanstaaf\r\n"[..])),
    ] {
        let mut player = Player::greeted(ClientConfig::default());
        player.exchange(&user(), b"+OK\r\n");
        player.exchange(&pass(), reply);
        if let Some(next) = next {
            player.exchange(&Command::Capa, next);
        }
        let (text, excerpt) = fault(&mut player);
        assert_eq!(excerpt.octets(), b"PASS ***");
        assert!(!text.contains("tanst") && !format!("{excerpt:?}").contains("tanst"), "{text}");
    }
    // From AUTH, in either form, as base64 and decoded.
    let name = MechanismName::parse(b"PLAIN").unwrap();
    let response = encode_base64(b"\0mrose\0tanstaaf");
    let response = Base64::parse(response.expose()).unwrap();
    for inline in [true, false] {
        for echo in [response.expose(), b"\0mrose\0tanstaaf", b"bad password tanstaaf"] {
            let mut player = Player::greeted(ClientConfig::default());
            let initial = inline.then_some(response);
            player.try_send(&Command::Auth { mechanism: name, initial }).unwrap();
            if !inline {
                player.feed(b"+ \r\n");
                player.client.respond(response, player.now, &mut player.sent).unwrap();
            }
            player.feed(&[echo, b"\r\n"].concat());
            let (text, excerpt) = fault(&mut player);
            assert!(excerpt.octets().ends_with(b"***") && !text.contains("tanstaaf"), "{text}");
            assert!(!excerpt.octets().windows(8).any(|part| part == &response.expose()[..8]), "{text}");
            assert_eq!(player.client.masked(b"no tanstaaf"), b"no ***");
        }
    }
}
