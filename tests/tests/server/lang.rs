//! LANG (RFC 6856 section 3): the language of reply texts.

use pop3_proto::server::{Language, ServerConfig};
use pop3_proto::{Channel, Rejection, TextId};
use pop3_tests::server::Server;
use pop3_tests::store::{Fault, Store};

fn dialect() -> Language {
    Language::new("en-boont", "English Boontling dialect")
}

fn with(store: Store, languages: &[Language]) -> Server {
    let mut config = ServerConfig::default();
    config.starttls = true;
    config.languages = languages.to_vec();
    let mut server = Server::with(store, config, Channel::TrustedPlaintext, None);
    server.take();
    server
}

fn new() -> Server {
    with(Store::fixture(), &[Language::english(), Language::german(), dialect()])
}

// 6856-2.01, 6856-3.01
#[test]
fn the_language_changes_with_the_reply_in_both_states() {
    for mut server in [new(), new().log_in()] {
        assert!(server.say("CAPA").contains("\r\nLANG\r\n"));
        assert_eq!(server.say("LANG de"), "+OK de Sprache ge\u{e4}ndert\r\n");
        assert!(server.say("XYZZY").starts_with("-ERR unbekannter Befehl"));
        assert_eq!(server.say("LANG en"), "+OK en language changed\r\n");
        assert!(server.say("XYZZY").starts_with("-ERR unknown command"));
    }
}

// 6856-3.02
#[test]
fn a_language_that_is_not_there_changes_nothing() {
    let mut server = new();
    assert_eq!(server.say("LANG uga"), "-ERR this language is not available\r\n");
    server.say("LANG de");
    for unknown in ["LANG MUL", "LANG fr"] {
        assert_eq!(server.say(unknown), "-ERR diese Sprache ist nicht verf\u{fc}gbar\r\n", "{unknown}");
    }
    assert_eq!(server.say("LANG en-US-x-"), "-ERR ung\u{fc}ltiges Sprachk\u{fc}rzel\r\n");
    assert!(server.say("XYZZY").starts_with("-ERR unbekannter Befehl"));
}

// 6856-3.03
#[test]
fn ranges_are_looked_up_without_case() {
    let mut server = new();
    for (range, tag) in [
        ("EN-us", Some("en")),
        ("DE-ch-1996", Some("de")),
        ("en-boont", Some("en-boont")),
        ("en-BOONT-x", Some("en-boont")),
        ("e", None),
        ("deu", None),
        ("en_US", None),
        ("de de", None),
    ] {
        let reply = server.say(&format!("LANG {range}"));
        match tag {
            Some(tag) => assert!(reply.starts_with(&format!("+OK {tag} ")), "{range}: {reply}"),
            None => assert!(reply.starts_with("-ERR "), "{range}: {reply}"),
        }
    }
}

// 6856-3.04, 6856-3.06
#[test]
fn a_star_is_the_first_language_for_everybody() {
    let mut server = with(Store::fixture(), &[Language::german(), Language::english()]);
    let first = server.say("LANG *");
    assert!(first.starts_with("+OK de "));
    for name in ["mrose", "nosuch"] {
        server.say(&format!("USER {name}"));
        assert_eq!(server.say("LANG *"), first);
    }
}

// 6856-3.05
#[test]
fn lang_alone_lists_the_languages() {
    let expected =
        "languages follow\r\nen English\r\nde Deutsch\r\nen-boont English Boontling dialect\r\n.\r\n";
    assert_eq!(new().say("LANG"), format!("+OK {expected}"));
    assert_eq!(new().log_in().say("LANG"), format!("+OK {expected}"));
    for mut server in [with(Store::fixture(), &[]), with(Store::fixture(), &[]).log_in()] {
        assert!(!server.say("CAPA").contains("LANG"));
        assert_eq!(server.say("LANG"), "-ERR unknown command\r\n");
        assert_eq!(server.say("LANG en"), "-ERR unknown command\r\n");
    }
}

// 6856-3.01, 6856-3.08: codes, numbers and listings mean the same in every language.
#[test]
fn only_texts_are_translated() {
    let store = Store::fixture();
    let mut server = with(store, &[Language::german()]);
    server.say("LANG de");
    server.say("USER mrose");
    let refused = server.say("PASS wrong");
    assert_eq!(refused, "-ERR [AUTH] falscher Name oder falsches Passwort\r\n");
    server.say("USER mrose");
    assert_eq!(server.say("PASS tanstaaf"), "+OK 3 Nachrichten (67 Oktette)\r\n");
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
    assert_eq!(server.say("LIST"), "+OK 3 Nachrichten (67 Oktette)\r\n1 21\r\n2 32\r\n3 14\r\n.\r\n");
    assert_eq!(server.say("UIDL 1"), "+OK 1 aaa\r\n");
    assert_eq!(server.say("RETR 3"), "+OK 14 Oktette\r\nSubject: c\r\n\r\n.\r\n");
    assert_eq!(server.say("DELE 1"), "+OK als gel\u{f6}scht markiert\r\n");
    assert!(server.say("CAPA").starts_with("+OK es folgen die Erweiterungen\r\nTOP\r\n"));
    assert_eq!(server.say("QUIT"), "+OK auf Wiedersehen\r\n");
}

// Translations may be loaded at run time. A text without a translation stays English, and so does a text of the
// store if the client chose a language that does not have it.
#[test]
fn a_language_may_be_loaded_at_run_time() {
    let mut dutch = Language::new("nl".to_owned(), "Nederlands".to_owned());
    for line in "Bye=tot ziens\nOctets={} octetten, graag gedaan".to_owned().lines() {
        let (name, text) = line.split_once('=').unwrap();
        dutch = dutch.with_text(TextId::from_name(name).unwrap(), text.to_owned()).unwrap();
    }
    dutch = dutch.with_own_text("the disk is full", "de schijf is vol".to_owned());
    let mut server = with(Store::fixture(), &[Language::english(), dutch.clone()]).log_in();
    assert_eq!(server.say("LANG nl"), "+OK nl language changed\r\n");
    assert!(server.say("RETR 3").starts_with("+OK 14 octetten, graag gedaan\r\n"));
    assert_eq!(server.say("NOOP"), "+OK nothing done\r\n");
    assert_eq!(server.say("QUIT"), "+OK tot ziens\r\n");
    let full = Fault::Unavailable(Rejection::temporary("the disk is full".to_owned()));
    let mut server = with(Store::fixture().with_fault(full), &[dutch]).log_in();
    assert_eq!(server.say("RETR 1"), "-ERR [SYS/TEMP] the disk is full\r\n");
    server.say("LANG nl");
    assert_eq!(server.say("RETR 1"), "-ERR [SYS/TEMP] de schijf is vol\r\n");
}

#[test]
fn what_a_language_is_loaded_with_breaks_no_line() {
    let hostile = |begin: &str| format!("{begin}\r\n+OK forged\r\n.\r\n{}", "x".repeat(600));
    let language = Language::new(hostile("nl"), hostile("Nederlands"))
        .with_text(TextId::LanguageChanged, hostile("taal"))
        .unwrap()
        .with_text(TextId::NothingDone, hostile("niets"))
        .unwrap()
        .with_own_text("the disk is full", hostile("vol"));
    let full = Fault::Unavailable(Rejection::temporary("the disk is full"));
    let mut server = with(Store::fixture().with_fault(full), &[language]).log_in();
    for (command, lines) in [("LANG", 3), ("LANG *", 1), ("NOOP", 1), ("RETR 1", 1)] {
        let said = server.say(command);
        assert_eq!(said.matches('\n').count(), lines, "{command}: {said}");
        assert!(said.split_inclusive('\n').all(|line| line.ends_with("\r\n") && line.len() <= 512), "{said}");
        assert!(!said.contains("\n+OK forged"), "{command}: {said}");
    }
}

// 6856-3.08
#[test]
fn texts_of_the_store_are_utf8_only_behind_lang_and_break_no_line() {
    let text = format!("gr\u{fc}n\r\n\u{85}\u{1b}[x]{}", "\u{20ac}".repeat(600));
    let store = Store::fixture().with_fault(Fault::Unavailable(Rejection::temporary(text)));
    let mut server = with(store, &[Language::german()]).log_in();
    let ascii = server.say("RETR 1");
    assert!(ascii.starts_with("-ERR [SYS/TEMP] gr?n????[x]?????") && ascii.len() == 512, "{ascii}");
    server.say("LANG de");
    let utf8 = server.say("RETR 1");
    assert!(utf8.starts_with("-ERR [SYS/TEMP] gr\u{fc}n????[x]\u{20ac}"), "{utf8}");
    assert!((510..=512).contains(&utf8.len()) && utf8.ends_with("\u{20ac}\r\n"), "{utf8}");
    assert_eq!(utf8.matches("\r\n").count(), 1);
}

// 2595-4.16
#[test]
fn stls_forgets_the_language() {
    let mut server = new();
    server.say("LANG de");
    assert_eq!(server.say("STLS"), "+OK TLS-Aushandlung beginnen\r\n");
    assert!(server.say("XYZZY").starts_with("-ERR unknown command"));
}
