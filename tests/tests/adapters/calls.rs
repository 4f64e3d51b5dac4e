//! The client's calls against the server, and what is left of a session.

use core::time::Duration;
use std::time::Instant;

use pop3_driver::client::{ClientError, ClientOptions, Security};
use pop3_proto::client::SendError;
use pop3_proto::server::{Close, Limits};
use pop3_proto::{
    Capability, Channel, Command, Expire, Extension, Keyword, MessageNumber, ReplyShape, ResponseCode,
};

use crate::certificates::Certificates;
use crate::runtime::Runtime;
use crate::server::{Mode, Server};
use crate::{everywhere, on_each_runtime};

everywhere!(typed_calls, the_connect_of_the_adapter, quit_removes_and_nothing_else_does, wrong_passwords);
on_each_runtime!(
    a_maildrop_in_use,
    lost_connections,
    calls_out_of_turn,
    refused_connections,
    a_refused_top,
    capabilities_of_the_user,
);

const MESSAGES: [&[u8]; 3] = [b"Subject: a\n\nhello\n", b"Subject: b\n\n.dot\nend\n", b"Subject: c\n\n"];

fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).expect("not zero")
}

// 8314-3.01
async fn typed_calls<R: Runtime>(mode: Mode) {
    let server = Server::<R>::start(mode).deliver(MESSAGES);
    let mut client = server.connect().await;
    let channel = if mode == Mode::Trusted { Channel::TrustedPlaintext } else { Channel::Tls };
    assert_eq!(client.channel(), channel);
    assert_eq!(
        client.tls().map(|tls| (tls.version, tls.certificates.len())),
        match mode {
            Mode::Trusted => None,
            Mode::Stls | Mode::Implicit => Some(("TLSv1_3".to_owned(), 1)),
        }
    );
    // After STLS the greeting's timestamp is not believed any more.
    assert_eq!(client.offers_apop(), mode != Mode::Stls);
    if client.offers_apop() {
        client.login_apop(b"mrose", b"tanstaaf").await.expect("the secret is right");
    } else {
        assert!(matches!(client.login_apop(b"mrose", b"tanstaaf").await, Err(ClientError::NoTimestamp)));
        client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    }
    assert!(client.has(Capability::Pipelining) && client.has(Capability::Uidl));
    assert!(!client.has(Capability::Stls));
    assert!(client.capabilities().await.expect("a list").is_some());

    let listing = client.stat().await.expect("a drop listing");
    assert_eq!((listing.messages, listing.octets), (3, 21 + 25 + 14));
    assert_eq!(client.list_one(number(2)).await.expect("a size"), 25);
    let uids = client.uidl().await.expect("unique-ids");
    assert_eq!(uids.len(), 3);
    assert_eq!(client.uidl_one(number(3)).await.expect("a unique-id"), uids[2].1);
    let mut top = Vec::new();
    assert_eq!(
        client.top(number(2), 1).await.expect("a top").forward(&mut top).await.expect("all of it"),
        20
    );
    assert_eq!(top, b"Subject: b\r\n\r\n.dot\r\n");
    client.noop().await.expect("nothing");

    client.dele(number(1)).await.expect("a mark");
    let refused = client.retr(number(1), &mut Vec::new()).await;
    assert!(matches!(refused, Err(ClientError::Refused(refusal)) if refusal.keyword == Some(Keyword::Retr)));
    let sizes = client.list().await.expect("a listing");
    assert_eq!(sizes, [(number(2), 25), (number(3), 14)]);
    client.rset().await.expect("no marks");
    assert_eq!(client.list().await.expect("a listing").len(), 3);
    assert!(matches!(client.last().await, Err(ClientError::Refused(_))));
    let extension = Extension::new(b"XTND XLST", ReplyShape::Lines).expect("a line");
    let refused = client.extension(extension).await;
    // It is judged as the refusals of all other commands are.
    assert!(matches!(refused, Err(ClientError::Refused(refusal)) if refusal.auth_resp_code));
    assert_eq!(client.quirks(), []);
    client.quit().await.expect("the end");

    let ended = server.report();
    assert_eq!((ended.close, ended.error), (Close::Quit, None));
    assert_eq!(ended.peer.tls.is_some(), mode != Mode::Trusted);
    assert_eq!(server.in_tls.load(core::sync::atomic::Ordering::SeqCst), mode != Mode::Trusted);
    assert_eq!(ended.totals.removed, 0);
}

// The other scenarios open sockets that are watched; this one goes the way that an embedder goes.
async fn the_connect_of_the_adapter<R: Runtime>(mode: Mode) {
    let server = Server::<R>::start(mode).deliver(MESSAGES);
    let client = R::connect(server.port, server.security(), ClientOptions::new()).await;
    let mut client = client.expect("the server is there");
    assert_eq!(client.channel().is_tls(), mode != Mode::Trusted);
    assert_eq!(client.tls().is_some(), mode != Mode::Trusted);
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    assert_eq!(client.list().await.expect("a listing").len(), 3);
    client.quit().await.expect("the end");
    let ended = server.report();
    assert_eq!((ended.close, ended.error), (Close::Quit, None));
    assert_eq!(ended.peer.tls.is_some(), mode != Mode::Trusted);
}

// 1939-3.47, 1939-4.05, 1939-6.10
async fn quit_removes_and_nothing_else_does<R: Runtime>(mode: Mode) {
    let server = Server::<R>::start(mode).deliver(MESSAGES);
    let mut client = server.log_in().await;
    client.dele(number(1)).await.expect("a mark");
    client.noop().await.expect("nothing");
    drop(client);
    let ended = server.report();
    assert_eq!((ended.close, server.left()), (Close::PeerClosed, 3));

    // The report has come, so the maildrop is free.
    let mut client = server.log_in().await;
    client.dele(number(2)).await.expect("a mark");
    client.quit().await.expect("the end");
    // It is free again as soon as QUIT is answered, before the report.
    let mut client = server.log_in().await;
    assert_eq!(client.stat().await.expect("a drop listing").messages, 2);
    let ended = server.report();
    assert_eq!((ended.close, ended.totals.removed), (Close::Quit, 1));
    let left: Vec<_> = server.store.messages("mrose").iter().map(|message| message.to_vec()).collect();
    assert_eq!(left, [MESSAGES[0], MESSAGES[2]]);
}

// 8314-3.01, 1939-4.06
async fn wrong_passwords<R: Runtime>(mode: Mode) {
    let delay = Duration::from_millis(50);
    let limits = Limits::new().with_failure_delay(delay).with_failed_logins(2);
    let server = Server::<R>::start_with(mode, limits, Certificates::good().server());
    for name in [&b"mrose"[..], b"nobody"] {
        let mut client = server.connect().await;
        let begun = Instant::now();
        let refused = client.login(name, b"wrong").await;
        assert!(begun.elapsed() >= delay, "the reply is held back");
        assert!(matches!(&refused, Err(ClientError::Refused(refusal))
            if refusal.code() == Some(ResponseCode::Auth) && refusal.keyword == Some(Keyword::Pass)));
        // The connection can be used on.
        client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
        client.quit().await.expect("the end");
        assert_eq!(server.report().totals.failed_logins, 1);
    }
    let mut client = server.connect().await;
    client.login(b"mrose", b"wrong").await.expect_err("it is wrong");
    client.login(b"mrose", b"wrong").await.expect_err("it is wrong again");
    assert!(client.noop().await.is_err());
    assert_eq!(server.report().close, Close::FailedLogins);
}

// 1939-4.04, 2449-8.11
async fn a_maildrop_in_use<R: Runtime>() {
    let server = Server::<R>::start(Mode::Trusted).deliver(MESSAGES);
    let first = server.log_in().await;
    let mut second = server.connect().await;
    let refused = second.login(b"mrose", b"tanstaaf").await;
    assert!(
        matches!(refused, Err(ClientError::Refused(refusal)) if refusal.code() == Some(ResponseCode::InUse))
    );
    // A wrong password does not learn that it is in use.
    let refused = second.login(b"mrose", b"wrong").await;
    assert!(
        matches!(refused, Err(ClientError::Refused(refusal)) if refusal.code() == Some(ResponseCode::Auth))
    );
    first.quit().await.expect("the end");
    second.login(b"mrose", b"tanstaaf").await.expect("it is free now");
    assert_eq!(second.stat().await.expect("a drop listing").messages, 3);
}

// 1939-4.05, 1939-6.01
async fn lost_connections<R: Runtime>() {
    let server = Server::<R>::start(Mode::Trusted).deliver([vec![b'x'; 4_000_000], b"y".to_vec()]);
    for _ in 0..2 {
        let mut raw = server.raw_logged_in();
        assert!(raw.say("DELE 2\r\n").starts_with("+OK"));
        // With octets unread, the system ends the connection by a reset, in the middle of a message.
        assert!(raw.say("RETR 1\r\n").starts_with("+OK"));
        drop(raw);
        let ended = server.report();
        assert_eq!((ended.close, ended.totals.retrieved), (Close::PeerClosed, 0));
        assert!(ended.error.is_some());
    }
    assert_eq!(server.left(), 2, "what was marked is there");
    server.log_in().await.quit().await.expect("the maildrop is free");
}

async fn calls_out_of_turn<R: Runtime>() {
    let server = Server::<R>::start(Mode::Trusted).deliver(MESSAGES);
    let mut client = server.connect().await;
    // What can't be sent leaves the connection as it was.
    let early = client.dele_all(&[number(1)]).await;
    assert!(matches!(early, Err(ClientError::Unsendable(SendError::State(_)))), "{early:?}");
    assert!(matches!(client.stat().await, Err(ClientError::Unsendable(SendError::State(_)))));
    assert!(matches!(client.login(b"a\r\nb", b"x").await, Err(ClientError::Argument(_))));
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    // Nothing to do is not a fault.
    assert_eq!(client.dele_all(&[]).await.expect("nothing"), []);
    // QUIT has a call of its own. What stands before it is sent.
    let mut refused = Vec::new();
    let commands = [Command::Noop, Command::Dele(number(99)), Command::Quit, Command::Noop];
    let calls = client.call_all(commands, |command, _| refused.push(command)).await;
    assert!(matches!(calls, Err(ClientError::Unsendable(SendError::State(_)))), "{calls:?}");
    assert_eq!(refused, [Command::Dele(number(99))]);
    client.quit().await.expect("the end");
}

// 1939-4.02
async fn refused_connections<R: Runtime>() {
    let (port, scripted) = crate::server::script(|mut raw| {
        raw.send("-ERR [SYS/TEMP] too many connections\r\n");
        raw.rest()
    });
    let refused = R::connect(port, Security::TrustedPlaintext, ClientOptions::new()).await.map(drop);
    assert!(matches!(refused, Err(ClientError::Refused(refusal))
        if refusal.keyword.is_none() && refusal.code() == Some(ResponseCode::SysTemp)));
    assert_eq!(scripted.join().expect("no panic"), b"");
}

// 1939-7.07
async fn a_refused_top<R: Runtime>() {
    let (port, scripted) = crate::server::script(|mut raw| {
        raw.send("+OK ready\r\n");
        let replies =
            ["+OK\r\n", "+OK\r\n", "-ERR what?\r\n", "-ERR what?\r\n", "+OK 1 9\r\n", "+OK bye\r\n"];
        replies.map(|reply| {
            let line = raw.line();
            raw.send(reply);
            line
        })
    });
    let security = Security::TrustedPlaintext;
    let options = ClientOptions::new();
    let mut client = R::connect(port, security, options).await.expect("a greeting");
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    let refused = client.top(MessageNumber::FIRST, 0).await.map(|_| ());
    assert!(matches!(refused, Err(ClientError::Refused(refusal)) if refusal.keyword == Some(Keyword::Top)));
    assert_eq!(client.stat().await.expect("it can be used on").messages, 1);
    client.quit().await.expect("the end");
    let said = scripted.join().expect("no panic");
    let expected = ["USER mrose", "PASS tanstaaf", "CAPA", "TOP 1 0", "STAT", "QUIT"];
    assert_eq!(said, expected.map(|line| format!("{line}\r\n")), "no RETR");
}

// 2449-5.09, PRS-08, TOL-16
async fn capabilities_of_the_user<R: Runtime>() {
    let (port, scripted) = crate::server::script(|mut raw| {
        raw.send("+OK ready\r\n");
        let before = "+OK\r\nEXPIRE 5 USER\r\nSASL PLAIN\r\n.\r\n";
        let after = "+OK\r\nEXPIRE 30\r\nPIPELINING\r\n.\r\n";
        for reply in [before, "+OK\r\n", "+OK\r\n", after] {
            raw.line();
            raw.send(reply);
        }
        raw.rest()
    });
    let security = Security::TrustedPlaintext;
    let options = ClientOptions::new();
    let mut client = R::connect(port, security, options).await.expect("a greeting");
    client.capabilities().await.expect("a list");
    let expire = |days, per_user| {
        let mut expire = Expire::new(Some(days));
        expire.per_user = per_user;
        Capability::Expire(expire)
    };
    assert!(client.has(expire(5, true)) && !client.has(Capability::Pipelining));
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    assert!(client.has(expire(30, false)) && !client.has(expire(5, true)));
    assert!(client.has(Capability::Pipelining));
    drop(client);
    assert_eq!(scripted.join().expect("no panic"), b"");
    // Refused before the login, it is asked for again behind it.
    let (port, scripted) = crate::server::script(|mut raw| {
        raw.send("+OK ready\r\n");
        for reply in ["-ERR log in\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\nUIDL\r\n.\r\n"] {
            raw.line();
            raw.send(reply);
        }
        raw.rest()
    });
    let security = Security::TrustedPlaintext;
    let options = ClientOptions::new();
    let mut client = R::connect(port, security, options).await.expect("a greeting");
    assert!(client.capabilities().await.expect("a refusal").is_none());
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    assert!(client.has(Capability::Uidl));
    drop(client);
    assert_eq!(scripted.join().expect("no panic"), b"");
}
