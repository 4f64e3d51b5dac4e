//! The server accepts what it announces, in all settings, channels and states in which a command may arrive.

use std::collections::BTreeSet;

use pop3_proto::server::{Language, ServerConfig, ServerState};
use pop3_proto::{Capability, Channel, encode_base64};
use pop3_tests::sasl::offer;
use pop3_tests::server::Server;
use pop3_tests::store::Store;

const MECHANISMS: [&str; 3] = ["PLAIN", "CRAM-MD5", "EXTERNAL"];
const CHANNELS: [Channel; 3] = [Channel::Plaintext, Channel::TrustedPlaintext, Channel::Tls];
const TIMESTAMP: &str = "<1896.697170952@dbc.mtview.ca.us>";
const APOP: &str = "APOP mrose c4c9334bac560ecc979e58001b3e22fb";

/// The settings that affect a command, each on and off.
#[derive(Clone, Copy, Debug)]
struct Setting {
    starttls: bool,
    mechanisms: bool,
    listing: bool,
    utf8: Option<bool>,
    languages: bool,
    last: bool,
    timestamp: bool,
    channel: Channel,
}

fn settings() -> impl Iterator<Item = Setting> {
    (0..1 << 6).flat_map(|bits: u32| {
        let on = move |bit: u32| bits & (1 << bit) != 0;
        CHANNELS.into_iter().flat_map(move |channel| {
            [None, Some(false), Some(true)].into_iter().map(move |utf8| Setting {
                starttls: on(0),
                mechanisms: on(1),
                listing: on(2),
                utf8,
                languages: on(3),
                last: on(4),
                timestamp: on(5),
                channel,
            })
        })
    })
}

impl Setting {
    fn server(self) -> Server {
        let mut config = ServerConfig::default();
        config.starttls = self.starttls;
        config.auth_listing = self.listing;
        config.last = self.last;
        config.limits.bad_commands_before_login = 99;
        config.limits.bad_commands = 99;
        if let Some(user) = self.utf8 {
            config.utf8 = true;
            config.utf8_user = user;
        }
        if self.languages {
            config.languages.push(Language::german());
        }
        if self.mechanisms {
            config.mechanisms = offer(&MECHANISMS);
        }
        Server::with(Store::fixture(), config, self.channel, self.timestamp.then_some(TIMESTAMP))
    }
}

/// A way to a state that accepts commands. `None` if the settings do not permit it.
type Way = fn(Setting) -> Option<Server>;

fn at_the_start(setting: Setting) -> Option<Server> {
    Some(setting.server())
}

fn behind_user(setting: Setting) -> Option<Server> {
    let mut server = setting.server();
    server.say("USER mrose").starts_with("+OK").then_some(server)
}

fn behind_utf8(setting: Setting) -> Option<Server> {
    let mut server = setting.server();
    server.take();
    server.say("UTF8").starts_with("+OK").then_some(server)
}

fn behind_stls(setting: Setting) -> Option<Server> {
    let mut server = setting.server();
    server.take();
    let begun = server.say("STLS").starts_with("+OK");
    (begun && server.handshakes() == 1).then_some(server)
}

fn behind_a_refusal(setting: Setting) -> Option<Server> {
    let mut server = setting.server();
    server.take();
    server.say("USER mrose");
    server.say("PASS wrong").contains("[AUTH]").then_some(server)
}

fn behind_the_login(setting: Setting) -> Option<Server> {
    let mut server = setting.server();
    server.take();
    let by_password = setting.channel.carries_secrets();
    if !by_password && !setting.timestamp {
        return None;
    }
    let lines = if by_password { "USER mrose\r\nPASS tanstaaf" } else { APOP };
    server.say(lines);
    (server.connection().session().state() == ServerState::Transaction).then_some(server)
}

const BEFORE: [Way; 5] = [at_the_start, behind_user, behind_utf8, behind_stls, behind_a_refusal];

/// The lines of the reply to CAPA.
fn announced(server: &mut Server) -> BTreeSet<String> {
    server.take();
    let reply = server.say("CAPA");
    let mut lines = reply.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("+OK")));
    let mut list: Vec<_> = lines.map(str::to_owned).collect();
    assert_eq!(list.pop().as_deref(), Some("."));
    // The rules alone, without octets, produce the same list.
    let session = server.connection().session();
    let said: Vec<_> = session.capabilities().lines().map(|line| line.escape_ascii().to_string()).collect();
    assert_eq!(said, list);
    list.into_iter().collect()
}

/// Whether a server in this state accepts a line: it answers with `+OK`, with a challenge, or with a login that is
/// refused because of its credentials.
fn taken(way: Way, setting: Setting, line: &str) -> bool {
    let mut server = way(setting).expect("it led there before");
    server.take();
    let reply = server.say(line);
    reply.starts_with('+') || reply.starts_with("-ERR [AUTH]")
}

fn mechanisms(list: &BTreeSet<String>) -> Vec<String> {
    let line = list.iter().find_map(|line| {
        let Capability::Sasl(names) = Capability::parse(line.as_bytes()) else { return None };
        Some(String::from_utf8(names.to_vec()).expect("ASCII"))
    });
    line.unwrap_or_default().split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A command that begins the mechanism but cannot succeed.
fn auth(mechanism: &str) -> String {
    match mechanism {
        "PLAIN" => {
            let wrong = encode_base64(b"\0mrose\0wrong");
            format!("AUTH PLAIN {}", core::str::from_utf8(wrong.expose()).expect("ASCII"))
        }
        "EXTERNAL" => "AUTH EXTERNAL eA==".to_owned(),
        other => format!("AUTH {other}"),
    }
}

#[test]
fn before_the_login_what_is_announced_is_what_is_taken() {
    let mut ways_gone = [0; BEFORE.len()];
    for setting in settings() {
        for (index, way) in BEFORE.into_iter().enumerate() {
            let Some(mut server) = way(setting) else { continue };
            ways_gone[index] += 1;
            let list = announced(&mut server);
            let has = |line: &str| list.contains(line);
            let at = format!("{setting:?}, way {index}: {list:?}");
            let taken = |line: &str| taken(way, setting, line);
            assert_eq!(has("USER"), taken("USER mrose"), "{at}");
            assert_eq!(has("STLS"), taken("STLS"), "{at}");
            assert_eq!(has("UTF8") || has("UTF8 USER"), taken("UTF8"), "{at}");
            assert_eq!(has("UTF8 USER") && has("USER"), taken("USER jos\u{e9}"), "{at}");
            assert_eq!(has("LANG"), taken("LANG *"), "{at}");
            assert_eq!(has("LANG"), taken("LANG"), "{at}");
            let names = mechanisms(&list);
            for name in MECHANISMS {
                assert_eq!(names.iter().any(|known| known == name), taken(&auth(name)), "{name}, {at}");
            }
            let listed = setting.mechanisms && setting.listing;
            assert_eq!(listed, taken("AUTH"), "{at}");
            if listed {
                let reply = server.say("AUTH");
                let all: Vec<_> = reply.lines().skip(1).take_while(|line| *line != ".").collect();
                assert_eq!(all, names, "{at}");
            }
            // The greeting announces APOP.
            assert_eq!(setting.timestamp, taken(APOP), "{at}");
            assert!(has("TOP") && has("UIDL") && !taken("TOP 1 0") && !taken("UIDL"), "{at}");
        }
    }
    assert!(ways_gone.iter().all(|gone| *gone >= 96), "{ways_gone:?}");
}

#[test]
fn behind_the_login_the_same_is_announced_but_for_stls() {
    let mut gone = 0;
    for setting in settings() {
        let Some(mut server) = behind_the_login(setting) else { continue };
        gone += 1;
        let mut before = announced(&mut setting.server());
        before.remove("STLS");
        let list = announced(&mut server);
        assert_eq!(list, before, "{setting:?}");
        let taken = |line: &str| taken(behind_the_login, setting, line);
        assert!(taken("TOP 1 0") && taken("UIDL") && taken("UIDL 1") && !taken("STLS"), "{setting:?}");
        assert_eq!(list.contains("LANG"), taken("LANG *"), "{setting:?}");
        assert_eq!(setting.last, taken("LAST"), "{setting:?}");
        // Commands for the state before the login are refused, announced or not.
        for late in ["USER mrose", "PASS tanstaaf", APOP, "UTF8", "AUTH", "AUTH PLAIN", "XCLIENT ADDR=::1"] {
            assert!(!taken(late), "{late}, {setting:?}");
        }
    }
    assert!(gone >= 400, "{gone}");
}

#[test]
fn xclient_is_announced_by_the_greeting_and_taken_once() {
    let mut server = Server::behind_proxy(Store::fixture(), ServerConfig::default());
    assert!(String::from_utf8(server.take()).expect("text").starts_with("+OK [XCLIENT] "));
    assert!(server.say("XCLIENT ADDR=192.0.2.1").starts_with("+OK"));
    assert!(server.say("XCLIENT ADDR=192.0.2.1").starts_with("-ERR"));
    let mut other = Server::new(Store::fixture());
    assert!(!String::from_utf8(other.take()).expect("text").contains("XCLIENT"));
    assert!(other.say("XCLIENT ADDR=192.0.2.1").starts_with("-ERR"));
}

// 2449-5.05
#[test]
fn the_line_sasl_has_512_octets_at_most() {
    let names: Vec<_> = (0..60).map(|number| format!("X-MECHANISM-{number:08}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut config = ServerConfig::default();
    config.mechanisms = offer(&names);
    let mut server = Server::with(Store::fixture(), config, Channel::Tls, None);
    server.take();
    let list = server.say("CAPA");
    let line = list.split_inclusive("\r\n").find(|line| line.starts_with("SASL ")).unwrap();
    assert_eq!(line.len(), "SASL".len() + 24 * " X-MECHANISM-00000000".len() + 2);
    // All of them are accepted, and are in the list of AUTH.
    assert_eq!(server.say("AUTH").lines().count(), 62);
    assert!(server.say("AUTH X-MECHANISM-00000059").starts_with("-ERR never heard of it"));
}
