//! Every state that a client's session can reach, and every signal in it.

use pop3_proto::client::ClientState;
use pop3_proto::client::rules::{ClientAction, ClientSession, Signal};
use pop3_proto::{Channel, Keyword, Status};

use super::client::{CLIENT_STATES, keywords};

fn signals() -> Vec<Signal> {
    use Signal::{Cancel, Challenge, Greeting, Reply, Respond, Send, SendSealedAuth, TlsEstablished};
    let mut signals = vec![SendSealedAuth, Challenge, Respond, Cancel, TlsEstablished];
    signals.extend([Status::Positive, Status::Negative].map(Greeting));
    for keyword in keywords() {
        signals.push(Send(keyword));
        signals.extend([Status::Positive, Status::Negative].map(|status| Reply(keyword, status)));
    }
    signals
}

/// All that can be reached, each with what led to it.
fn reachable(channel: Channel) -> Vec<(ClientSession, Option<Signal>)> {
    let mut found = vec![(ClientSession::new(channel), None)];
    let mut next = 0;
    while let Some((session, _)) = found.get(next).copied() {
        next += 1;
        for signal in signals() {
            let mut after = session;
            if after.step(signal).is_ok() && !found.iter().any(|(known, _)| *known == after) {
                found.push((after, Some(signal)));
            }
        }
    }
    found
}

const CHANNELS: [Channel; 3] = [Channel::Plaintext, Channel::TrustedPlaintext, Channel::Tls];

#[test]
fn a_client_reaches_each_state_and_no_other_way() {
    use Keyword::{Apop, Auth, Pass, Quit, Stls, User, Utf8};
    for channel in CHANNELS {
        let found = reachable(channel);
        for state in CLIENT_STATES {
            let reached = found.iter().any(|(session, _)| session.state() == state);
            assert!(
                reached || (state == ClientState::Handshake && channel.is_tls()),
                "{state:?} on {channel:?}"
            );
        }
        for (session, _) in found {
            for signal in signals() {
                let mut after = session;
                let step = after.step(signal);
                let what = || format!("{signal:?} in {session:?} leads to {after:?}");
                let Ok(action) = step else {
                    assert_eq!(after, session, "a misuse changes nothing");
                    continue;
                };
                // Nothing is sent outside the three states in which a client may speak.
                if let Signal::Send(keyword) = signal {
                    let speaks =
                        matches!(session.state(), ClientState::Authorization | ClientState::Transaction);
                    assert!(speaks, "{}", what());
                    let secret = matches!(keyword, User | Pass | Apop | Auth);
                    assert!(!secret || session.channel().carries_secrets(), "{}", what());
                    // The end and the beginning of TLS are awaited.
                    if matches!(keyword, User | Pass | Apop | Auth | Stls | Utf8 | Quit) {
                        let mut pipelined = after;
                        for other in keywords() {
                            assert!(
                                pipelined.step(Signal::Send(other)).is_err(),
                                "{other:?} after {}",
                                what()
                            );
                        }
                    }
                }
                // A login is a positive reply to a login.
                if after.state() == ClientState::Transaction && session.state() != ClientState::Transaction {
                    let login = matches!(signal, Signal::Reply(Pass | Apop | Auth, Status::Positive));
                    assert!(login, "{}", what());
                }
                // TLS is established only by a handshake, and nothing before it is remembered.
                assert_eq!(
                    signal == Signal::TlsEstablished,
                    session.state() == ClientState::Handshake,
                    "{}",
                    what()
                );
                if signal == Signal::TlsEstablished {
                    let mut fresh = ClientSession::new(Channel::Tls);
                    let _ = fresh.step(Signal::Greeting(Status::Positive)).unwrap();
                    assert_eq!(after, fresh);
                } else {
                    assert_eq!(after.channel(), session.channel(), "{}", what());
                }
                assert_eq!(
                    action == ClientAction::StartTls,
                    after.state() == ClientState::Handshake,
                    "{}",
                    what()
                );
                assert_eq!(action == ClientAction::Close, after.state() == ClientState::Closed, "{}", what());
                // A closed session stays closed.
                assert_ne!(session.state(), ClientState::Closed, "{}", what());
            }
        }
    }
}

// 1939-7.14
#[test]
fn pass_follows_an_accepted_user_at_once_and_no_cancelled_exchange_succeeds() {
    for channel in CHANNELS {
        for (session, _) in reachable(channel) {
            for signal in signals() {
                let mut after = session;
                if after.step(signal).is_err() {
                    continue;
                }
                if after.step(Signal::Send(Keyword::Pass)).is_ok() {
                    // The rules alone do not know which other replies are due.
                    let mut before = session;
                    let still = matches!(signal, Signal::Reply(..))
                        && before.step(Signal::Send(Keyword::Pass)).is_ok();
                    let named = signal == Signal::Reply(Keyword::User, Status::Positive);
                    assert!(named || still, "{signal:?} in {session:?}");
                }
                let mut cancelled = session;
                if signal == Signal::Cancel && cancelled.step(signal).is_ok() {
                    for forbidden in [
                        Signal::Reply(Keyword::Auth, Status::Positive),
                        Signal::Challenge,
                        Signal::Respond,
                        Signal::Send(Keyword::Noop),
                    ] {
                        assert!(cancelled.step(forbidden).is_err(), "{forbidden:?} after {session:?}");
                    }
                    assert!(cancelled.step(Signal::Reply(Keyword::Auth, Status::Negative)).is_ok());
                }
            }
        }
    }
}
