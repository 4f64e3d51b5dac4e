//! UTF-8 and languages (RFC 6856).

use pop3_proto::client::{ClientConfig, ClientState, SendError};
use pop3_proto::{Channel, Command, LanguageRange, Name, Password};

use crate::support::{Player, pass, strict, user};

fn utf8_user() -> Command<'static> {
    Command::User(Name::parse("josé".as_bytes()).unwrap())
}

fn utf8_pass() -> Command<'static> {
    Command::Pass(Password::parse("tänstaaf".as_bytes()).unwrap())
}

// 6856-2.17
#[test]
fn names_and_passwords_are_ascii_unless_the_server_takes_more() {
    for list in [&b"-ERR\r\n"[..], b"+OK\r\nUTF8\r\n.\r\n"] {
        let mut player = Player::greeted(ClientConfig::default());
        player.exchange(&Command::Capa, list);
        assert_eq!(player.try_send(&utf8_user()), Err(SendError::NotAscii));
        player.exchange(&user(), b"+OK\r\n");
        assert_eq!(player.try_send(&utf8_pass()), Err(SendError::NotAscii));
        player.exchange(&pass(), b"+OK\r\n");
    }
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&Command::Capa, b"+OK\r\nUTF8 USER\r\n.\r\n");
    player.exchange(&utf8_user(), b"+OK\r\n");
    let latin1 = Password::parse(b"t\xe4nstaaf").unwrap();
    assert_eq!(player.try_send(&Command::Pass(latin1)), Err(SendError::NotUtf8));
    player.exchange(&utf8_pass(), b"+OK\r\n");
    assert_eq!(player.client.state(), ClientState::Transaction);
}

#[test]
fn any_octets_are_sent_on_demand() {
    let mut config = ClientConfig::default();
    config.raw_credentials = true;
    let mut player = Player::greeted(config);
    player.exchange(&utf8_user(), b"+OK\r\n");
    let latin1 = Password::parse(b"t\xe4nstaaf").unwrap();
    player.exchange(&Command::Pass(latin1), b"+OK\r\n");
    assert_eq!(player.client.state(), ClientState::Transaction);
}

#[test]
fn secrets_are_forgotten_behind_the_login_unless_the_dialogue_is_shown() {
    for keep in [false, true] {
        let mut config = ClientConfig::default();
        config.keep_secrets = keep;
        let mut player = Player::greeted(config);
        player.exchange(&user(), b"+OK\r\n");
        player.exchange(&pass(), b"+OK\r\n");
        assert_eq!(player.client.masked(b"PASS tanstaaf"), b"PASS ***");
        player.exchange(&Command::Stat, b"+OK 0 0\r\n");
        let masked = player.client.masked(b"PASS tanstaaf");
        assert_eq!(masked == b"PASS ***", keep);
    }
}

// 6856-2.02, 6856-2.22, 6856-2.23: before the login and after STLS. A refusal does no harm.
#[test]
fn utf8_comes_before_the_login_and_behind_stls() {
    let mut player = Player::new(ClientConfig::default(), Channel::TrustedPlaintext);
    player.feed(b"+OK\r\n");
    player.try_send(&Command::Utf8).unwrap();
    assert_eq!(player.try_send(&user()), Err(SendError::Window), "its reply decides");
    player.feed(b"-ERR not now\r\n");
    assert_eq!(player.try_send(&Command::Stls), Err(SendError::AfterUtf8));
    player.exchange(&user(), b"+OK\r\n");
    player.exchange(&pass(), b"+OK\r\n");
    assert_eq!(player.try_send(&Command::Utf8), Err(SendError::State(ClientState::Transaction)));

    let mut player = Player::new(ClientConfig::default(), Channel::Plaintext);
    player.feed(b"+OK\r\n");
    player.exchange(&Command::Stls, b"+OK\r\n");
    player.client.tls_established(player.now).unwrap();
    player.exchange(&Command::Utf8, b"+OK\r\n");
    assert_eq!(player.client.state(), ClientState::Authorization);
}

// 6856-3.07
#[test]
fn languages_are_chosen_and_listed() {
    let lang = Command::Lang(Some(LanguageRange::parse(b"es").unwrap()));
    for mut player in [Player::greeted(ClientConfig::default()), Player::ready(ClientConfig::default())] {
        player.exchange(&lang, b"+OK es Idioma cambiado\r\n");
        player.exchange(&lang, b"+OK\r\n");
        player.exchange(&lang, b"-ERR no\r\n");
        player.exchange(&Command::Lang(None), b"+OK\r\nen English\r\nde-AT \xc3\xb6\r\nfr\r\n.\r\n");
        assert_eq!(
            player.told(),
            [
                "Lang Positive es Idioma cambiado",
                "warning UnnamedLanguage",
                "Lang Positive ",
                "Lang Negative no",
                "Lang Positive  …",
                "Language(LanguageListing { tag: \"en\", description: \"English\" })",
                "Language(LanguageListing { tag: \"de-AT\", description: \"\\xc3\\xb6\" })",
                "Language(LanguageListing { tag: \"fr\", description: \"\" })",
                "end Lang",
            ]
        );
    }
    let mut player = Player::greeted(strict());
    player.exchange(&lang, b"+OK\r\n");
    assert_eq!(player.told(), ["error Quirk(UnnamedLanguage)"]);
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&Command::Lang(None), b"+OK\r\n* any\r\n.\r\n");
    assert_eq!(player.told().last().unwrap(), "error Entry");
}
