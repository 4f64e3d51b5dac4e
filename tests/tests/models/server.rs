//! The core's connection on random sessions of the model.

use core::time::Duration;

use pop3_proto::apop::Timestamp;
use pop3_proto::server::{Close, Language, ServerConfig, ServerState};
use pop3_proto::{Channel, Expire, Rejection};
use pop3_tests::configured;
use pop3_tests::model::{AUTOLOGOUT, End, Model, NAME, Privacy, Setup, TIMESTAMP, Texts, Trouble, Who};
use pop3_tests::sasl::offer;
use pop3_tests::server::Server;
use pop3_tests::store::{Fault, Store};
use proptest_state_machine::{StateMachineTest, prop_state_machine};

use crate::cases;
use crate::sessions::{Due, Sessions, Step, Walk};

/// The settings of a server that has no limits.
pub(crate) fn config(setup: Setup) -> ServerConfig {
    configured(|config: &mut ServerConfig| {
        config.starttls = setup.stls;
        config.utf8 = setup.utf8;
        config.utf8_user = setup.utf8_names;
        config.last = setup.last;
        config.delete_retrieved = setup.expires;
        config.mechanisms = offer(&setup.sasl.iter().map(|sasl| sasl.name()).collect::<Vec<_>>());
        if setup.lang {
            config.languages = vec![Language::german(), Language::english()];
        }
        if setup.expires {
            config.expire = Some(Expire::new(Some(0)));
        }
        let limits = &mut config.limits;
        limits.bad_commands = u32::MAX;
        limits.bad_commands_before_login = u32::MAX;
        limits.failed_logins = u32::MAX;
        limits.sasl_rounds = u32::MAX;
        limits.failure_delay = Duration::ZERO;
        limits.login_timeout = Duration::from_secs(AUTOLOGOUT);
        limits.idle_timeout = Duration::from_secs(AUTOLOGOUT);
    })
}

/// What the store of the tests does wrong.
pub(crate) fn fault(trouble: Trouble) -> Fault {
    match trouble {
        Trouble::None => Fault::None,
        Trouble::InUse => Fault::Login(Rejection::in_use()),
        Trouble::Unreadable => Fault::Unavailable(Rejection::temporary("gone")),
        Trouble::Stuck(messages) => Fault::Commit(messages),
    }
}

/// Compares all replies with those that are due.
pub(crate) fn compare_replies(sent: &[u8], due: &[Due]) {
    let mut rest = sent;
    for due in due {
        rest = due.expected.take(rest, due.texts).unwrap_or_else(|error| panic!("{:?}: {error}", due.said));
    }
    assert_eq!(rest.escape_ascii().to_string(), "", "more replies than commands");
}

/// A server without a network.
struct Core {
    server: Server,
    /// What the client has said and not sent.
    said: Vec<u8>,
}

impl Core {
    fn connect(store: Store, walk: &Walk) -> Self {
        let setup = walk.model.setup();
        let mut config = config(setup);
        config.limits.high_water = walk.high_water;
        let channel = match setup.privacy {
            Privacy::None => Channel::Plaintext,
            Privacy::Trusted => Channel::TrustedPlaintext,
            Privacy::Tls => Channel::Tls,
        };
        let timestamp = setup.apop.then_some(TIMESTAMP);
        let mut server = Server::for_peer(store, config, channel, timestamp, setup.proxy);
        let greeting = server.take();
        assert!(greeting.starts_with(if setup.proxy { b"+OK [XCLIENT] " } else { b"+OK " }));
        assert_eq!(Timestamp::find(&greeting).is_some(), setup.apop);
        Self { server, said: Vec::new() }
    }

    /// What was said arrives.
    fn flush(&mut self, lengths: &[usize]) {
        self.server.feed(&core::mem::take(&mut self.said), lengths);
    }

    fn leave(&mut self) {
        if self.server.closed().is_none() {
            self.server.end();
        }
    }

    /// All replies are what the model says.
    fn compare_replies(&mut self, due: &[Due]) {
        compare_replies(&self.server.take(), due);
    }

    /// The session, and what is left in the store, are what the model says.
    fn compare(&self, model: &Model) {
        let session = self.server.connection().session();
        let close = model.end().map(|end| match end {
            End::Quit => Close::Quit,
            End::TimedOut => Close::TimedOut,
            End::Left => Close::PeerClosed,
        });
        assert_eq!(self.server.closed(), close);
        if close.is_none() {
            assert_eq!(session.state() == ServerState::Transaction, model.is_logged_in());
            let exchanging = matches!(session.state(), ServerState::Responding { .. });
            assert_eq!(exchanging, model.exchange().is_some());
            let name = model.named().map(|who| match who {
                Who::User => NAME,
                Who::Stranger => "nobody",
                Who::Foreigner => "jos\u{e9}",
            });
            assert_eq!(session.name(), name.map(str::as_bytes));
            assert_eq!(session.channel().is_tls(), model.is_tls());
            assert_eq!(session.is_utf8(), model.is_utf8());
            assert_eq!(session.language().is_some(), model.texts() == Texts::Utf8);
        }
        let left = |messages: &[pop3_tests::store::Message]| -> Vec<String> {
            messages.iter().map(|message| message.uid.clone()).collect()
        };
        assert_eq!(left(&self.server.store.messages), left(model.store()));
    }
}

/// The core's connection.
struct Connection;

impl StateMachineTest for Connection {
    type SystemUnderTest = Core;
    type Reference = Sessions<false>;

    fn init_test(walk: &Walk) -> Core {
        let mut store = Store::with([]);
        store.messages = walk.model.store().to_vec();
        store.chunk = walk.chunk;
        Core::connect(store, walk)
    }

    fn apply(mut core: Core, walk: &Walk, step: Step) -> Core {
        match &step {
            Step::Say(said) => {
                core.said.extend_from_slice(&said.line());
                return core;
            }
            Step::Flush(lengths) => core.flush(lengths),
            Step::Pass(_) | Step::Deliver(_) | Step::Wrong(_) | Step::Cut(..) | Step::Connect => {
                core.flush(&[])
            }
        }
        core.compare_replies(walk.told());
        match step {
            Step::Say(_) | Step::Flush(_) => {}
            Step::Pass(seconds) => core.server.advance(Duration::from_secs(seconds)),
            Step::Deliver(_) => core.server.store.messages.extend(walk.model.store().last().cloned()),
            Step::Wrong(trouble) => core.server.store.fault = fault(trouble),
            Step::Cut(said, octets) => {
                let line = said.line();
                core.server.feed(&line[..octets.index(line.len())], &[]);
                core.leave();
            }
            Step::Connect => {
                core.leave();
                core = Core::connect(core.server.store, walk);
            }
        }
        assert_eq!(core.server.take().escape_ascii().to_string(), "", "a reply that nobody asked for");
        core.compare(&walk.model);
        core
    }

    fn teardown(mut core: Core, walk: Walk) {
        core.flush(&[]);
        core.compare_replies(walk.owed());
        core.leave();
        let mut model = walk.model;
        model.leave();
        core.compare(&model);
    }
}

prop_state_machine! {
    #![proptest_config(cases(800))]

    // 1939-4.08, 1939-5.21, 1939-5.28, 1939-5.53, 1939-6.12, 1939-7.03
    #[test]
    fn the_core_answers_and_removes_as_the_model_says(sequential 1..60 => Connection);
}
