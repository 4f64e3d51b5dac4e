//! Random sessions on the model of the server, one step after the other.

use core::time::Duration;

use pop3_tests::model::{
    AUTOLOGOUT, Client, Expected, Model, NONSENSE, Privacy, RANGES, Response, Said, Sasl, Setup, Texts,
    Trouble, Who,
};
use pop3_tests::store::Message;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest_state_machine::ReferenceStateMachine;

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The client says something, and does not wait for the reply.
    Say(Said),
    /// What was said arrives in pieces of these lengths, and the client waits for all replies.
    Flush(Vec<usize>),
    /// Seconds pass.
    Pass(u64),
    /// A message arrives in the store.
    Deliver(Vec<u8>),
    /// Something goes wrong in the store from now on.
    Wrong(Trouble),
    /// The client leaves in the middle of a line.
    Cut(Said, Index),
    /// The client leaves, and comes again.
    Connect,
}

/// A reply that is due.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) said: Said,
    pub(crate) expected: Expected,
    pub(crate) texts: Texts,
}

/// The model, and what the server owes to the client.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) model: Model,
    /// The replies that are due, or that the last step had to bring.
    due: Vec<Due>,
    /// The last step had to bring them.
    told: bool,
    /// How many messages were delivered so far.
    delivered: usize,
    /// How the server collects its output.
    pub(crate) high_water: usize,
    /// How the store reads.
    pub(crate) chunk: usize,
}

impl Walk {
    /// The replies that the last step had to bring.
    pub(crate) fn told(&self) -> &[Due] {
        if self.told { &self.due } else { &[] }
    }

    /// The replies that are still due.
    pub(crate) fn owed(&self) -> &[Due] {
        if self.told { &[] } else { &self.due }
    }
}

/// Random sessions. Some are for the driver only: its server leads the exchanges of AUTH itself, and believes a proxy
/// that does not tell the client's address.
#[derive(Debug)]
pub(crate) struct Sessions<const DRIVER: bool>;

/// The mechanisms that the core's server offers in the tests.
const OF_CORE: &[Sasl] =
    &[Sasl::Plain, Sasl::Login, Sasl::CramMd5, Sasl::ScramSha1, Sasl::External, Sasl::Endless];
/// The mechanisms that the driver's server offers.
const OF_DRIVER: &[Sasl] = &[Sasl::ScramSha1, Sasl::CramMd5, Sasl::Plain, Sasl::Login];

impl<const DRIVER: bool> ReferenceStateMachine for Sessions<DRIVER> {
    type State = Walk;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Walk> {
        let walk = |(setup, contents, high_water, chunk): (Setup, Vec<Vec<u8>>, usize, usize)| {
            let delivered = contents.len();
            let messages = contents.iter().enumerate().map(|(index, content)| message(index, content));
            let model = Model::new(setup, messages.collect());
            Walk { model, due: Vec::new(), told: false, delivered, high_water, chunk }
        };
        (setup(if DRIVER { OF_DRIVER } else { OF_CORE }), vec(content(), 0..5), 1..200_usize, 1..20_usize)
            .prop_map(walk)
            .boxed()
    }

    fn transitions(walk: &Walk) -> BoxedStrategy<Step> {
        let model = &walk.model;
        if model.end().is_some() {
            return prop_oneof![
                4 => Just(Step::Connect),
                1 => any_line().prop_map(Step::Say),
                1 => lengths().prop_map(Step::Flush),
                1 => content().prop_map(Step::Deliver),
            ]
            .boxed();
        }
        prop_oneof![
            30 => line(model).prop_map(Step::Say),
            9 => lengths().prop_map(Step::Flush),
            1 => prop_oneof![1..60_u64, Just(AUTOLOGOUT - 1), Just(AUTOLOGOUT)].prop_map(Step::Pass),
            1 => content().prop_map(Step::Deliver),
            1 => trouble().prop_map(Step::Wrong),
            1 => (line(model), any::<Index>()).prop_map(|(said, octets)| Step::Cut(said, octets)),
        ]
        .boxed()
    }

    fn preconditions(walk: &Walk, step: &Step) -> bool {
        let (Step::Say(said) | Step::Cut(said, _)) = step else { return true };
        if DRIVER && *said == Said::Xclient(Client::Unknown) {
            return false;
        }
        // Which names LOGIN takes is no matter of POP3, and there is no RFC.
        walk.model.exchange() != Some((Sasl::Login, 0)) || matches!(said, Said::Respond(_) | Said::Cancel)
    }

    fn apply(mut walk: Walk, step: &Step) -> Walk {
        if walk.told {
            walk.due.clear();
        }
        walk.told = !matches!(step, Step::Say(_));
        let model = &mut walk.model;
        if walk.told {
            model.waited();
        }
        match step {
            Step::Say(said) => {
                let before = model.texts();
                if let Some(expected) = model.say(said) {
                    let texts = if before == Texts::Utf8 { before } else { model.texts() };
                    walk.due.push(Due { said: said.clone(), expected, texts });
                }
            }
            Step::Flush(_) => {}
            Step::Pass(seconds) => model.pass(Duration::from_secs(*seconds)),
            Step::Deliver(content) => {
                model.deliver(message(walk.delivered, content));
                walk.delivered += 1;
            }
            Step::Wrong(trouble) => model.go_wrong(*trouble),
            Step::Cut(..) => model.leave(),
            Step::Connect => model.connect(),
        }
        walk
    }
}

/// A message with a unique-id of its own.
fn message(index: usize, content: &[u8]) -> Message {
    Message::new(&format!("u{index}"), content)
}

fn setup(mechanisms: &'static [Sasl]) -> impl Strategy<Value = Setup> {
    let privacy = prop_oneof![
        2 => Just(Privacy::None),
        5 => Just(Privacy::Trusted),
        2 => Just(Privacy::Tls),
    ];
    (privacy, any::<[bool; 9]>()).prop_map(
        move |(privacy, [stls, apop, sasl, utf8, utf8_names, lang, last, proxy, expires])| Setup {
            privacy,
            stls,
            apop,
            sasl: if sasl { mechanisms } else { &[] },
            utf8,
            utf8_names,
            lang,
            last,
            proxy,
            expires,
        },
    )
}

/// Octets that often form lines, dots and blank lines.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        4 => Just(b'\n'), 2 => Just(b'\r'), 3 => Just(b'.'), 3 => Just(b'a'), 1 => any::<u8>()
    ];
    vec(octet, 0..40)
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        4 => Just(Trouble::None),
        1 => Just(Trouble::InUse),
        1 => Just(Trouble::Unreadable),
        2 => (1..4_usize).prop_map(Trouble::Stuck),
    ]
}

/// All at once, octet by octet, or in pieces.
fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![3 => Just(Vec::new()), 2 => Just(vec![1]), 3 => vec(1..30_usize, 1..6)]
}

/// What a client says in this state: mostly what leads on.
fn line(model: &Model) -> BoxedStrategy<Said> {
    if let Some((sasl, message)) = model.exchange() {
        let next = if message < sasl.messages() { Response::Right(sasl, message) } else { Response::Wrong };
        let responses = prop_oneof![
            8 => Just(Said::Respond(next)),
            1 => Just(Said::Respond(Response::Wrong)),
            1 => Just(Said::Respond(Response::Empty)),
            1 => Just(Said::Respond(Response::NotBase64)),
            2 => Just(Said::Cancel),
        ];
        // Which names LOGIN takes is no matter of POP3.
        if (sasl, message) == (Sasl::Login, 0) {
            return responses.boxed();
        }
        return prop_oneof![6 => responses, 1 => any_line(), 2 => of_messages()].boxed();
    }
    if model.is_logged_in() {
        return prop_oneof![16 => of_messages(), 4 => any_line(), 1 => Just(Said::Quit)].boxed();
    }
    let next = if model.named().is_some() { Said::Pass(true) } else { Said::User(Who::User) };
    prop_oneof![8 => Just(next), 5 => auth(), 5 => before_login(), 8 => any_line()].boxed()
}

/// What changes a session before the login.
fn before_login() -> impl Strategy<Value = Said> {
    let lang = (0..3_usize).prop_map(|range| Said::Lang(Some(range)));
    prop_oneof![
        3 => Just(Said::Stls),
        1 => lang,
        1 => select(&[Said::Utf8, Said::Xclient(Client::Known)][..]),
    ]
}

fn auth() -> impl Strategy<Value = Said> {
    (select(&Sasl::ALL[..]), option::of(0..5_u8)).prop_map(|(sasl, initial)| {
        let initial = initial.map(|kind| match kind {
            0 => Response::Wrong,
            1 => Response::Empty,
            2 => Response::NotBase64,
            _ if sasl.messages() > 0 => Response::Right(sasl, 0),
            _ => Response::Wrong,
        });
        Said::Auth(sasl, initial)
    })
}

fn of_messages() -> impl Strategy<Value = Said> {
    (0..12_u8, 0..7_u32, 0..4_u64, any::<bool>()).prop_map(|(kind, number, lines, one)| match kind {
        0 => Said::Stat,
        1 => Said::List(one.then_some(number)),
        2 => Said::Uidl(one.then_some(number)),
        3 | 4 => Said::Retr(number),
        5 | 6 => Said::Top(number, if one { lines } else { u64::MAX }),
        7..=9 => Said::Dele(number),
        10 => Said::Rset,
        _ => Said::Last,
    })
}

/// Any line.
fn any_line() -> impl Strategy<Value = Said> {
    let who = select(&[Who::User, Who::Stranger, Who::Foreigner][..]);
    let client = select(&[Client::Known, Client::Unknown, Client::Malformed][..]);
    prop_oneof![
        2 => who.clone().prop_map(Said::User),
        2 => any::<bool>().prop_map(Said::Pass),
        2 => (who, any::<bool>()).prop_map(|(who, right)| Said::Apop(who, right)),
        2 => auth(),
        5 => select(&[Said::AuthList, Said::Capa, Said::Stls, Said::Utf8, Said::Noop][..]),
        2 => option::of(0..RANGES.len()).prop_map(Said::Lang),
        1 => client.prop_map(Said::Xclient),
        3 => of_messages(),
        3 => (0..NONSENSE.len()).prop_map(Said::Nonsense),
        1 => select(&[Said::Respond(Response::Wrong), Said::Respond(Response::Empty), Said::Cancel][..]),
        1 => Just(Said::Quit),
    ]
}
