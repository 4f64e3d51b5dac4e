//! The core's client on random sessions of the model.

use core::time::Duration;

use pop3_proto::client::{ClientConfig, ClientState};
use pop3_proto::{Channel, Command, Extension, Keyword, Name, Password, ReplyShape, Xclient};
use pop3_tests::client::{Client, Seen};
use pop3_tests::configured;
use pop3_tests::split::pieces;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest_state_machine::{StateMachineTest, prop_state_machine};

use crate::cases;
use crate::client_model::{ClientModel, Phase, Told};
use crate::client_orders::Order;
use crate::client_sessions::{Sessions, Step, Walk};

/// The client, and what happened so far.
struct Driven {
    client: Client,
    /// The commands that were sent.
    sent: Vec<Keyword>,
    /// Everything that the server has said.
    heard: Vec<u8>,
    /// Where the log begins that is to be compared.
    compared: usize,
}

impl Driven {
    /// Tells the client to send something. Returns whether it did.
    fn order(&mut self, order: Order) -> bool {
        let sent = if order == Order::Sealed {
            self.client.send_sealed_auth("CRAM-MD5", None)
        } else {
            self.client.send_shaped(order.line().as_bytes(), order.shape())
        };
        let line = if sent.is_ok() { format!("{}\r\n", order.line()) } else { String::new() };
        assert_eq!(self.client.take().escape_ascii().to_string(), line.as_bytes().escape_ascii().to_string());
        if sent.is_ok() {
            self.sent.push(order.keyword());
        }
        sent.is_ok()
    }

    fn respond(&mut self, cancels: bool) -> bool {
        let sent = if cancels { self.client.cancel() } else { self.client.respond(b"dGVz") };
        let line = match (sent.is_ok(), cancels) {
            (true, true) => "*\\r\\n",
            (true, false) => "dGVz\\r\\n",
            (false, _) => "",
        };
        assert_eq!(self.client.take().escape_ascii().to_string(), line);
        sent.is_ok()
    }

    fn hear(&mut self, octets: &[u8], lengths: &[usize]) {
        self.heard.extend_from_slice(octets);
        // No octets are no piece.
        for piece in pieces(octets, lengths).into_iter().filter(|piece| !piece.is_empty()) {
            self.client.receive(piece);
        }
    }

    /// What the client has reported since the last comparison.
    fn told(&self) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        for seen in &self.client.log()[self.compared..] {
            let next = match seen {
                Seen::Greeting(first) => Told::Greeting(first.positive),
                Seen::Reply(keyword, first, _) => Told::Reply(*keyword, first.positive),
                Seen::Challenge(_) => Told::Challenge,
                Seen::Entry(_) | Seen::Line(_) => {
                    if let Some(Told::Lines(lines)) = told.last_mut() {
                        *lines += 1;
                        continue;
                    }
                    Told::Lines(1)
                }
                Seen::Data(data) => Told::Data(data.clone()),
                Seen::End(keyword) => Told::End(*keyword),
                Seen::StartTls => Told::StartTls,
                Seen::Closed => Told::Closed,
                Seen::Failed(_) => Told::Failed,
                Seen::Warning(_) => continue,
                other => panic!("{other:?}: no test knows it"),
            };
            told.push(next);
        }
        told
    }

    /// What holds whatever the server says: each reply belongs to a command, in their order, and no success is
    /// believed that was not there.
    fn check(&self) {
        let replied = |seen: &Seen| {
            let Seen::Reply(keyword, ..) = seen else {
                return (*seen == Seen::StartTls).then_some(Keyword::Stls);
            };
            Some(*keyword)
        };
        let replies: Vec<Keyword> = self.client.log().iter().filter_map(replied).collect();
        assert!(self.sent.starts_with(&replies), "{replies:?} for {:?}", self.sent);
        let believed = self.client.log().iter().filter(|seen| seen.is_positive_reply()).count();
        let said = self.heard.windows(3).filter(|word| word.eq_ignore_ascii_case(b"+OK")).count();
        assert!(believed <= said, "{believed} successes of {said}");
        let ends = self.client.log().iter().filter(|seen| matches!(seen, Seen::End(_))).count();
        assert!(ends <= believed);
    }

    fn compare(&self, model: &ClientModel) {
        let connection = self.client.connection();
        let state = match model.phase {
            Phase::Greeting => ClientState::Greeting,
            Phase::Authorization => ClientState::Authorization,
            Phase::Challenged => ClientState::Challenged,
            Phase::Transaction => ClientState::Transaction,
            Phase::Closing => ClientState::Closing,
            Phase::Over => ClientState::Closed,
        };
        assert_eq!(connection.state(), state);
        if state == ClientState::Closed {
            return;
        }
        assert_eq!(connection.outstanding(), model.outstanding.len());
        assert_eq!(connection.awaited(), model.outstanding.front().map(|order| order.keyword()));
        assert_eq!(connection.capabilities().is_some(), model.listed.is_some());
        assert_eq!(connection.greeting_timestamp().is_some(), model.stamped);
        assert_eq!(connection.channel().is_tls(), model.tls);
    }
}

struct Connection;

impl StateMachineTest for Connection {
    type SystemUnderTest = Driven;
    type Reference = Sessions;

    fn init_test(walk: &Walk) -> Driven {
        let config = configured::<ClientConfig>(|it| it.strict = walk.model.strict);
        let channel = match (walk.model.private, walk.model.tls) {
            (_, true) => Channel::Tls,
            (true, false) => Channel::TrustedPlaintext,
            (false, false) => Channel::Plaintext,
        };
        Driven { client: Client::with(config, channel), sent: Vec::new(), heard: Vec::new(), compared: 0 }
    }

    fn apply(mut driven: Driven, walk: &Walk, step: Step) -> Driven {
        let done = match &step {
            Step::Send(order) => Some(driven.order(*order)),
            Step::Respond(cancels) => Some(driven.respond(*cancels)),
            Step::Answer { lengths, .. } | Step::Anything(_, lengths) => {
                driven.hear(&walk.octets, lengths);
                None
            }
            Step::Half { .. } => {
                driven.hear(&walk.octets, &[]);
                None
            }
            Step::Injected => {
                driven.heard.extend_from_slice(&walk.octets);
                driven.client.receive(&walk.octets);
                None
            }
            Step::Silence => {
                driven.client.advance(Duration::from_secs(1000));
                None
            }
            Step::Close => {
                driven.client.end();
                None
            }
        };
        driven.check();
        if walk.wild {
            return driven;
        }
        assert!(done.is_none_or(|done| done == walk.allowed), "{step:?} is allowed: {}", walk.allowed);
        if matches!(step, Step::Half { .. }) {
            // What was reported of it is compared when it is complete.
            return driven;
        }
        if done.is_none() {
            let told = driven.told();
            // A reply that was begun was not completed. A server that closes after QUIT need not end the line.
            let begun = walk.half.is_some() && walk.told == [Told::Failed];
            let quit = matches!(told[..], [Told::Reply(Keyword::Quit, _), Told::Closed]);
            let cut = begun && (quit || told.last() == Some(&Told::Failed));
            assert!(cut || told == walk.told, "{told:?} instead of {:?}", walk.told);
            driven.compared = driven.client.log().len();
        }
        driven.compare(&walk.model);
        driven
    }

    fn teardown(mut driven: Driven, _: Walk) {
        driven.client.end();
        driven.check();
        assert_eq!(driven.client.connection().state(), ClientState::Closed, "it ends");
        let log = driven.client.log().len();
        driven.client.receive(b"+OK\r\n");
        driven.client.advance(Duration::from_secs(1000));
        assert_eq!(driven.client.log().len(), log, "nothing is believed after the end");
        for order in Order::ALL {
            assert!(!driven.order(order), "nothing is sent after the end");
        }
    }
}

prop_state_machine! {
    #![proptest_config(cases(1500))]

    #[test]
    fn the_client_sends_and_believes_what_the_model_allows(sequential 1..50 => Connection);
}

proptest! {
    #![proptest_config(cases(300))]

    /// Whatever a caller passes in: what is sent is one line.
    #[test]
    fn no_argument_becomes_a_second_line(octets in vec(prop_oneof![Just(b'\r'), Just(b'\n'), 0x20..0x7f_u8], 0..40)) {
        let commands = [
            Name::parse(&octets).map(Command::User),
            Password::parse(&octets).map(Command::Pass),
            Xclient::parse(&octets).map(Command::Xclient),
            Extension::new(&octets, ReplyShape::Line).map(Command::Extension),
        ];
        for command in commands {
            prop_assert!(command.is_err() || !octets.iter().any(u8::is_ascii_control));
            let mut line = bytes::BytesMut::new();
            if let Ok(command) = command {
                command.write(&mut line);
                prop_assert_eq!(line.iter().filter(|octet| octet.is_ascii_control()).count(), 2);
                prop_assert!(line.ends_with(b"\r\n"));
            }
        }
    }
}
