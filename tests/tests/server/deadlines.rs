//! Deadlines, with a clock that only the test moves.

use core::time::Duration;

use bytes::BytesMut;
use pop3_proto::server::{Accepted, Answer, Close, Limits, ServerConfig, ServerConnection, ServerStep};
use pop3_proto::{Channel, Input, Rejection};
use pop3_tests::START;
use pop3_tests::configured;
use pop3_tests::observed::Watch;
use pop3_tests::server::Server;
use pop3_tests::store::{Fault, Store};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn timed_out(server: &mut Server) -> bool {
    // The server sends nothing.
    let silent = server.take().is_empty();
    assert!(silent || server.closed().is_none());
    server.closed() == Some(Close::TimedOut)
}

// 1939-3.46, 1939-3.45
#[test]
fn the_login_has_to_come_in_time_however_busy_the_client_is() {
    let mut server = Server::new(Store::fixture());
    assert_eq!(server.connection().deadline(), START.after(seconds(60)));
    for _ in 0..59 {
        server.advance(seconds(1));
        server.say("CAPA");
    }
    assert!(!timed_out(&mut server));
    server.advance(Duration::from_millis(999));
    assert!(!timed_out(&mut server));
    server.advance(Duration::from_millis(1));
    assert!(timed_out(&mut server));
}

// 1939-3.41, 1939-3.42, 1939-3.43, 1939-3.44
#[test]
fn the_autologout_timer_starts_anew_with_each_command() {
    assert!(Limits::default().idle_timeout >= seconds(600));
    let mut server = Server::logged_in(Store::fixture());
    server.say("DELE 1");
    for command in ["NOOP", "STAT", "XYZZY", "RETR 1", "LIST"] {
        server.advance(seconds(590));
        server.say(command);
        assert!(!timed_out(&mut server), "{command}");
    }
    server.advance(seconds(599));
    assert!(!timed_out(&mut server));
    server.advance(seconds(1));
    assert!(timed_out(&mut server));
    assert_eq!(server.store.messages.len(), 3);
}

// 1939-3.45, 1939-3.44
#[test]
fn half_a_command_is_none() {
    let mut server = Server::logged_in(Store::fixture());
    for octet in b"QUIT\r" {
        server.feed(&[*octet], &[]);
        server.advance(seconds(120));
    }
    assert!(timed_out(&mut server));
    let mut server = Server::logged_in(Store::fixture());
    server.feed(&[b'x'; 5000], &[]);
    assert!(server.take().starts_with(b"-ERR "), "it is too long already");
    for _ in 0..10 {
        server.feed(&[b'x'; 5000], &[]);
        server.advance(seconds(60));
    }
    assert!(timed_out(&mut server));
}

// 1939-3.45
#[test]
fn a_client_that_takes_its_octets_is_not_idle() {
    let mut server = Server::logged_in(Store::fixture());
    for _ in 0..10 {
        server.advance_writing(seconds(599));
        assert!(!timed_out(&mut server));
    }
    // Before the login this makes no difference.
    let mut server = Server::new(Store::fixture());
    server.advance_writing(seconds(59));
    server.take();
    server.advance_writing(seconds(1));
    assert!(timed_out(&mut server));
}

#[test]
fn the_clock_of_the_session_begins_with_the_login() {
    let mut server = Server::new(Store::fixture());
    server.advance(seconds(59));
    let mut server = server.log_in();
    assert_eq!(server.connection().deadline(), server.now().after(seconds(600)));
    server.advance(seconds(599));
    assert!(!timed_out(&mut server));
}

// However long the store takes to answer, the client's time starts again after the answer.
#[test]
fn the_store_may_take_its_time() {
    let mut core = ServerConnection::new(ServerConfig::default().into(), Channel::Tls, None, START);
    let mut out = BytesMut::new();
    let mut input = Input::new(b"USER mrose\r\nPASS tanstaaf\r\n");
    assert!(matches!(core.poll(START, &mut input, &mut out), ServerStep::Ask(_)));
    let mut now = START.after(seconds(1000));
    assert!(
        matches!(core.poll(now, &mut input, &mut out), ServerStep::Wait),
        "the store has no deadline here"
    );
    core.answer(Answer::Accept(Store::fixture().maildrop().into()), now, &mut out).unwrap();
    assert_eq!(core.deadline(), now.after(seconds(600)));
    assert!(matches!(core.poll(now, &mut input, &mut out), ServerStep::Read));
    let mut input = Input::new(b"QUIT\r\n");
    assert!(matches!(core.poll(now, &mut input, &mut out), ServerStep::Ask(_)));
    now = now.after(seconds(1000));
    core.answer(Answer::committed(0), now, &mut out).unwrap();
    assert!(matches!(core.poll(now, &mut input, &mut out), ServerStep::Close(Close::Quit)));
    assert!(core.deadline() > now && out.ends_with(b"+OK bye\r\n"));
    Watch::server(Channel::Tls, b"USER mrose\r\nPASS tanstaaf\r\nQUIT\r\n", &out);
}

// The last reply is sent however long the session was.
#[test]
fn the_deadline_of_the_last_reply_lies_ahead() {
    let mut server = Server::logged_in(Store::fixture());
    for _ in 0..10 {
        server.advance(seconds(500));
        server.say("NOOP");
    }
    assert!(server.say("QUIT").starts_with("+OK "));
    assert!(server.connection().deadline() > server.now());
}

// 1939-3.46
#[test]
fn limits_are_the_operators() {
    let mut limits = Limits::default();
    limits.login_timeout = seconds(5);
    limits.idle_timeout = seconds(7);
    let config = || configured::<ServerConfig>(|it| it.limits = limits);
    let mut server = Server::with(Store::fixture(), config(), Channel::Tls, None);
    server.advance(seconds(5));
    server.take();
    assert_eq!(server.closed(), Some(Close::TimedOut));
    let mut server = Server::with(Store::fixture(), config(), Channel::Tls, None).log_in();
    server.advance(seconds(6));
    assert!(!timed_out(&mut server));
    server.advance(seconds(1));
    assert!(timed_out(&mut server));
    // Times that cannot be represented do not overflow.
    let mut config = ServerConfig::default();
    config.limits.idle_timeout = Duration::MAX;
    config.limits.failure_delay = Duration::MAX;
    let mut server = Server::with(Store::fixture(), config, Channel::Tls, None).log_in();
    server.advance(seconds(u64::MAX / 2));
    assert!(!timed_out(&mut server));
}

// A refusal whose delay exceeds the time limit for the login is not sent.
#[test]
fn a_pause_does_not_outlast_the_deadline_by_a_reply() {
    let rejection = Rejection::temporary("later").with_delay(seconds(500));
    let mut server = Server::new(Store::fixture().with_fault(Fault::Login(rejection)));
    server.say("USER mrose");
    server.take();
    server.say("PASS tanstaaf");
    assert_eq!(server.closed(), Some(Close::TimedOut));
}

// 1939-3.46: whatever delay a store requests, the connection ends at its deadline without a reply.
#[test]
fn a_delay_that_a_store_asks_for_does_not_outlast_the_login_deadline() {
    for (delay, failed_logins) in [(seconds(500), 3), (seconds(500), 1), (Duration::MAX, 3)] {
        let mut core = ServerConnection::new(
            configured::<ServerConfig>(|it| it.limits.failed_logins = failed_logins).into(),
            Channel::Tls,
            None,
            START,
        );
        let mut out = BytesMut::new();
        let asked = START.after(seconds(50));
        let mut input = Input::new(b"USER mrose\r\nPASS wrong\r\nCAPA\r\n");
        assert!(matches!(core.poll(asked, &mut input, &mut out), ServerStep::Ask(_)));
        core.answer(Answer::Reject(Rejection::credentials().with_delay(delay)), asked, &mut out).unwrap();
        out.clear();
        let ServerStep::Pause(until) = core.poll(asked, &mut input, &mut out) else {
            panic!("it is held back")
        };
        assert_eq!(until, START.after(seconds(60)));
        let ServerStep::Close(why) = core.poll(until, &mut input, &mut out) else { panic!("it is too late") };
        assert_eq!(why, if failed_logins == 1 { Close::FailedLogins } else { Close::TimedOut });
        assert!(out.is_empty(), "{out:?}");
    }
}

// 1939-7.23, SEC-02: the client cannot see how long the store took.
#[test]
fn a_refusal_comes_when_it_comes_however_long_the_store_has_looked() {
    for (took, delay, held) in
        [(0, 0, 1000), (300, 0, 1000), (300, 4000, 4000), (999, 0, 1000), (1500, 0, 1500)]
    {
        let millis = Duration::from_millis;
        let mut connection = ServerConnection::new(ServerConfig::default().into(), Channel::Tls, None, START);
        let mut out = BytesMut::new();
        let asked = START.after(seconds(5));
        let mut input = Input::new(b"USER mrose\r\nPASS wrong\r\n");
        assert!(matches!(connection.poll(asked, &mut input, &mut out), ServerStep::Ask(_)));
        let answered = asked.after(millis(took));
        let rejection = Rejection::credentials().with_delay(millis(delay));
        connection.answer(Answer::Reject(rejection), answered, &mut out).unwrap();
        out.clear();
        let step = connection.poll(answered, &mut Input::new(b""), &mut out);
        if let ServerStep::Pause(until) = step {
            assert_eq!(until, asked.after(millis(held)));
        } else {
            assert!(matches!(step, ServerStep::Read) && took >= held && out.starts_with(b"-ERR [AUTH]"));
        }
    }
}

/// A core after a login at this time, with the user's own limits.
fn logged_in_with(everybody: Limits, own: Limits) -> (ServerConnection, BytesMut) {
    let config = configured::<ServerConfig>(|it| it.limits = everybody);
    let mut core = ServerConnection::new(config.into(), Channel::Tls, None, START);
    let mut out = BytesMut::new();
    let login = b"USER mrose\r\nPASS tanstaaf\r\n";
    let ServerStep::Ask(_) = core.poll(START, &mut Input::new(login), &mut out) else { panic!("a login") };
    let mut accepted = Accepted::from(Store::fixture().maildrop());
    accepted.limits = Some(Box::new(own));
    core.answer(Answer::Accept(accepted), START, &mut out).unwrap();
    out.clear();
    (core, out)
}

#[test]
fn a_user_may_have_limits_of_his_own() {
    let most = Limits::default();
    let mut own = most;
    own.idle_timeout = seconds(1800);
    own.bad_commands = 2;
    own.command_line = 255;
    own.store_timeout = seconds(5);
    // Too late to have an effect.
    own.failed_logins = 0;
    own.login_timeout = Duration::ZERO;
    let (mut core, mut out) = logged_in_with(most, own);
    assert_eq!(*core.session().limits(), own);
    assert_eq!(core.deadline(), START.after(seconds(1800)));
    let late = START.after(seconds(1799));
    assert!(matches!(core.poll(late, &mut Input::new(b""), &mut out), ServerStep::Read));
    let mut long = vec![b'x'; 300];
    long.extend_from_slice(b"\r\n");
    assert!(matches!(core.poll(late, &mut Input::new(&long), &mut out), ServerStep::Read));
    assert_eq!(&out[..], b"-ERR command line too long\r\n");
    let step = core.poll(late, &mut Input::new(b"XYZZY\r\n"), &mut out);
    assert!(matches!(step, ServerStep::Close(Close::BadCommands)), "{step:?}");
    // Nobody else has them.
    let other = ServerConnection::new(ServerConfig::default().into(), Channel::Tls, None, START);
    assert_eq!(*other.session().limits(), most);
}
