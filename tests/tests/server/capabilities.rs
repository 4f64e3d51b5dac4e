//! CAPA: what is announced in which state and on which channel.

use core::time::Duration;
use std::collections::BTreeSet;

use pop3_proto::server::ServerConfig;
use pop3_proto::{Channel, Expire, LoginDelay};
use pop3_tests::configured;
use pop3_tests::server::Server;
use pop3_tests::store::{Account, Store};

fn capabilities(server: &mut Server) -> BTreeSet<String> {
    let reply = server.say("CAPA");
    let lines: Vec<_> = reply.split_inclusive("\r\n").collect();
    let (first, rest) = lines.split_first().unwrap();
    let (last, lines) = rest.split_last().unwrap();
    assert!(first.starts_with("+OK ") && *last == ".\r\n", "{reply}");
    for line in lines {
        assert!(line.len() <= 512 && line.len() > 2, "{line:?}");
        assert!(
            line.bytes().next().is_some_and(|octet| octet.is_ascii_graphic() && octet != b'.'),
            "{line:?}"
        );
    }
    let set: BTreeSet<_> = lines.iter().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(set.len(), lines.len(), "{reply}");
    set
}

fn new(config: ServerConfig, channel: Channel) -> Server {
    let mut server = Server::with(Store::fixture(), config, channel, None);
    server.take();
    server
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

const ALWAYS: [&str; 5] = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"];

// 2449-5.01, 2449-6.10, 2449-6.20, 2449-6.40, 2449-6.80, 3206-6.01, 3206-6.02, 2595-4.01, 2595-4.02
#[test]
fn the_list_is_right_for_each_channel() {
    for (channel, starttls, more) in [
        (Channel::Plaintext, false, &[][..]),
        (Channel::Plaintext, true, &["STLS"]),
        (Channel::TrustedPlaintext, false, &["USER"]),
        (Channel::TrustedPlaintext, true, &["USER", "STLS"]),
        (Channel::Tls, true, &["USER"]),
        (Channel::Tls, false, &["USER"]),
    ] {
        let mut server = new(configured::<ServerConfig>(|it| it.starttls = starttls), channel);
        let expected = set(&[&ALWAYS, more].concat());
        assert_eq!(capabilities(&mut server), expected, "{channel:?} {starttls}");
        // STLS is announced if, and only if, it is accepted.
        assert_eq!(server.say("STLS").starts_with("+OK "), expected.contains("STLS"));
        // 2595-4.18
        assert_eq!(
            capabilities(&mut server).contains("STLS"),
            starttls && channel == Channel::Plaintext && server.handshakes() == 0
        );
        assert!(server.handshakes() == 0 || server.say("STLS").starts_with("-ERR "));
        // USER is announced if, and only if, it is accepted.
        let announced = capabilities(&mut server).contains("USER");
        assert_eq!(server.say("USER mrose").starts_with("+OK "), announced);
    }
}

// 2449-5.03, 2449-5.01, 2449-6.10, 2449-6.80, 2449-6.90, 2595-4.02
#[test]
fn what_is_announced_before_the_login_is_announced_after_it_but_for_stls() {
    let mut config = ServerConfig::default();
    config.starttls = true;
    config.expire = Some(Expire::new(None));
    config.login_delay = Some(LoginDelay::new(Duration::from_secs(60)));
    config.implementation = Some("name-1.0".into());
    config.capabilities.push("X-MINE yes".into());
    let mut server = new(config, Channel::TrustedPlaintext);
    let mut before = capabilities(&mut server);
    for line in ["EXPIRE NEVER", "LOGIN-DELAY 60", "IMPLEMENTATION name-1.0", "X-MINE yes", "STLS"] {
        assert!(before.contains(line), "{line}");
    }
    let mut server = server.log_in();
    assert!(before.remove("STLS"));
    assert_eq!(capabilities(&mut server), before);
}

// 2449-6.50, 2449-6.70
#[test]
fn the_users_own_values_are_told_after_the_login() {
    let per_user = |mut expire: Expire, mut delay: LoginDelay| {
        expire.per_user = true;
        delay.per_user = true;
        configured::<ServerConfig>(|it| {
            it.expire = Some(expire);
            it.login_delay = Some(delay);
        })
    };
    let seconds = |seconds| LoginDelay::new(Duration::from_secs(seconds));
    let config = per_user(Expire::new(Some(5)), seconds(900));
    let mut store = Store::fixture();
    let mut account = Account::default();
    account.expire = Some(Expire::new(Some(30)));
    account.login_delay = Some(seconds(300));
    store.account = account;
    let mut server = Server::with(store, config, Channel::Tls, None);
    server.take();
    let before = capabilities(&mut server);
    assert!(before.contains("EXPIRE 5 USER") && before.contains("LOGIN-DELAY 900 USER"), "{before:?}");
    let after = capabilities(&mut server.log_in());
    assert!(after.contains("EXPIRE 30") && after.contains("LOGIN-DELAY 300"), "{after:?}");
    // A user without individual values gets the general ones.
    let config = per_user(Expire::new(Some(5)), seconds(900));
    let after = capabilities(&mut Server::with(Store::fixture(), config, Channel::Tls, None).log_in());
    assert!(after.contains("EXPIRE 5") && after.contains("LOGIN-DELAY 900"), "{after:?}");
    let mut never_kept = ServerConfig::default();
    never_kept.expire = Some(Expire::new(Some(0)));
    assert!(capabilities(&mut new(never_kept, Channel::Tls)).contains("EXPIRE 0"));
}

// 2449-5.05, 2449-5.06, 2449-6.90, 2449-5.12
#[test]
fn the_operators_lines_can_not_break_the_list() {
    let long = "X".repeat(2000);
    let mut config = ServerConfig::default();
    config.implementation = Some(format!("a\r\n.\r\n+OK {}", "b".repeat(2000)));
    config.capabilities.push(".".into());
    config.capabilities.push("..X-DOT".into());
    config.capabilities.push("X-A\r\n.\r\n+OK forged".into());
    config.capabilities.push(" X-B\r\n".into());
    config.capabilities.push("".into());
    config.capabilities.push(long);
    config.capabilities.push("\u{e9}".into());
    let list = capabilities(&mut new(config, Channel::Plaintext));
    let mut expected = set(&ALWAYS);
    expected.insert(format!("IMPLEMENTATION a.+OK {}", "b".repeat(510 - "IMPLEMENTATION a.+OK ".len())));
    expected.insert("X".repeat(510));
    expected.insert("X-B".to_owned());
    assert_eq!(list, expected);
}

// 2449-5.10: lines that the operator adds must not look like standard ones.
#[test]
fn a_tag_of_the_operators_begins_with_x() {
    let mut config = ServerConfig::default();
    for line in ["PIPELINING", "SASL PLAIN", "STLS", "MINE", "AX", "-X", "x-mine 1", "XYZ", "X"] {
        config.capabilities.push(line.into());
    }
    let mut expected = set(&ALWAYS);
    expected.extend(set(&["x-mine 1", "XYZ", "X"]));
    assert_eq!(capabilities(&mut new(config, Channel::Plaintext)), expected);
}
