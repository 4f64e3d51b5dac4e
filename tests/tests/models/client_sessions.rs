//! Random sessions on the model of the client, with a server that says anything.

use pop3_proto::Keyword;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest_state_machine::ReferenceStateMachine;

use crate::client_model::{Answer, ClientModel, Phase, Told};
use crate::client_orders::Order;

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The client is told to send a command, whether it may or not.
    Send(Order),
    /// The client is told to respond to a challenge, or to cancel.
    Respond(bool),
    /// The server answers the oldest command, in pieces of these lengths.
    Answer { answer: Answer, odd: bool, pipelining: bool, lengths: Vec<usize> },
    /// The server answers the oldest command, but the end of the reply comes with the next step of the server.
    Half { answer: Answer, pipelining: bool, place: Index },
    /// The server has accepted STLS, and says more before TLS begins.
    Injected,
    /// The server says anything.
    Anything(Vec<u8>, Vec<usize>),
    /// The server says nothing for a long time.
    Silence,
    /// The server closes the connection.
    Close,
}

/// What the server must do to change the state of the client, and what it has begun to say.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) model: ClientModel,
    /// What the client had to report in the last step.
    pub(crate) told: Vec<Told>,
    /// Whether the last order was allowed.
    pub(crate) allowed: bool,
    /// The octets of the server in the last step.
    pub(crate) octets: Vec<u8>,
    /// The reply that was begun: the answer, what it says of PIPELINING, and the octets that are to come.
    pub(crate) half: Option<(Answer, bool, Vec<u8>)>,
    /// The server has said anything: the model can't tell any more what follows.
    pub(crate) wild: bool,
}

pub(crate) struct Sessions;

impl ReferenceStateMachine for Sessions {
    type State = Walk;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Walk> {
        let walk = |(strict, channel)| {
            let model = ClientModel::new(strict, channel != 0, channel == 2);
            Walk { model, told: Vec::new(), allowed: false, octets: Vec::new(), half: None, wild: false }
        };
        (prop::bool::weighted(0.3), 0..3_u8).prop_map(walk).boxed()
    }

    fn transitions(walk: &Walk) -> BoxedStrategy<Step> {
        let model = &walk.model;
        let wanted: Vec<Order> = Order::ALL.into_iter().filter(|order| model.may_send(*order)).collect();
        let order = if wanted.is_empty() { select(&Order::ALL[..]) } else { select(wanted) };
        let auth = model.outstanding.front().is_some_and(|order| order.keyword() == Keyword::Auth);
        let misfits = matches!(model.outstanding.front(), Some(Order::ListOne | Order::Stat));
        let (challenges, noise) = (if auth { 180 } else { 4 }, if misfits { 60 } else { 4 });
        let answer = prop_oneof![
            200 => Just(Answer::Yes),
            40 => Just(Answer::No),
            challenges => Just(Answer::Challenge),
            noise => Just(Answer::Noise),
        ];
        let answers =
            (answer, prop::bool::weighted(if model.strict { 0.02 } else { 0.1 }), prop::bool::weighted(0.8));
        let answers = (answers, lengths()).prop_map(|((answer, odd, pipelining), lengths)| Step::Answer {
            answer,
            odd,
            pipelining,
            lengths,
        });
        let half = (prop::bool::weighted(0.8), prop::bool::weighted(0.8), any::<Index>()).prop_map(
            |(yes, pipelining, place)| Step::Half {
                answer: if yes { Answer::Yes } else { Answer::No },
                pipelining,
                place,
            },
        );
        let responds = if model.phase == Phase::Challenged { 30 } else { 1 };
        let own = prop_oneof![
            16 => order.prop_map(Step::Send),
            3 => select(&Order::ALL[..]).prop_map(Step::Send),
            2 => select(&[Order::Pass, Order::Stls, Order::Retr][..]).prop_map(Step::Send),
            responds => prop::bool::weighted(0.2).prop_map(Step::Respond),
        ];
        let anything = (octets(), lengths()).prop_map(|(octets, lengths)| Step::Anything(octets, lengths));
        let evil = prop_oneof![3 => anything, 1 => Just(Step::Silence), 1 => Just(Step::Close)];
        if walk.wild {
            return prop_oneof![4 => own, 1 => evil].boxed();
        }
        // Without a command, an honest server is silent.
        let honest = if model.waits() { 40 } else { 1 };
        if model.outstanding.front() == Some(&Order::Stls) && walk.half.is_none() {
            return prop_oneof![20 => own, 40 => answers, 8 => Just(Step::Injected), 2 => evil].boxed();
        }
        if walk.half.is_some() || !model.waits() || auth || model.strict {
            return prop_oneof![50 => own, honest => answers, 2 => evil].boxed();
        }
        prop_oneof![50 => own, honest => answers, 8 => half, 2 => evil].boxed()
    }

    fn preconditions(walk: &Walk, step: &Step) -> bool {
        let model = &walk.model;
        let front = model.outstanding.front();
        match step {
            Step::Send(_) | Step::Respond(_) | Step::Silence | Step::Close | Step::Anything(..) => true,
            Step::Answer { .. } => !walk.wild,
            // A part of an exchange, or of what is an error, is no part of a reply.
            Step::Half { .. } => {
                let auth = front.is_some_and(|order| order.keyword() == Keyword::Auth);
                !walk.wild && walk.half.is_none() && model.waits() && !auth && !model.strict
            }
            Step::Injected => !walk.wild && walk.half.is_none() && front == Some(&Order::Stls),
        }
    }

    fn apply(mut walk: Walk, step: &Step) -> Walk {
        let model = &mut walk.model;
        (walk.told, walk.octets) = (Vec::new(), Vec::new());
        match step {
            Step::Send(order) => {
                walk.allowed = model.may_send(*order);
                if walk.allowed {
                    model.sent(*order);
                }
            }
            Step::Respond(cancels) => {
                walk.allowed = model.phase == Phase::Challenged;
                if walk.allowed {
                    model.respond(*cancels);
                }
            }
            Step::Answer { answer, odd, pipelining, .. } => {
                // What was begun comes to its end.
                let begun =
                    walk.half.take().map(|(answer, pipelining, rest)| (answer, false, pipelining, rest));
                let (answer, odd, pipelining, octets) = begun
                    .unwrap_or_else(|| (*answer, *odd, *pipelining, said(model, *answer, *odd, *pipelining)));
                walk.octets = octets;
                walk.told = model.hear(answer, odd, pipelining);
            }
            Step::Half { answer, pipelining, place } => {
                let mut octets = said(model, *answer, false, *pipelining);
                let rest = octets.split_off(place.index(octets.len()));
                walk.octets = octets;
                walk.half = Some((*answer, *pipelining, rest));
            }
            Step::Injected => {
                walk.octets = b"+OK\r\n+OK\r\n".to_vec();
                walk.told = model.fail();
            }
            Step::Anything(octets, _) => {
                walk.octets.clone_from(octets);
                walk.wild = true;
            }
            Step::Silence if model.waits() => walk.told = model.fail(),
            Step::Silence => {}
            Step::Close => walk.told = model.fail(),
        }
        walk
    }
}

/// The octets of an answer.
fn said(model: &ClientModel, answer: Answer, odd: bool, pipelining: bool) -> Vec<u8> {
    let mut lines = match answer {
        Answer::No => vec!["-ERR no"],
        Answer::Challenge => vec!["+ dGVz"],
        Answer::Noise => vec![match model.outstanding.front() {
            // It is about another message, or about nothing.
            Some(Order::ListOne) => "+OK 3 200",
            Some(Order::Stat) => "+OK many",
            _ => "* OK",
        }],
        Answer::Yes => match model.outstanding.front() {
            Some(order) => order.yes(pipelining),
            None => vec!["+OK ready <1.2@h>"],
        },
    };
    let first = lines.remove(0);
    // In lower case, and without CR.
    let mut octets = if odd { format!("{}\n", first.to_lowercase()) } else { format!("{first}\r\n") };
    for line in lines {
        octets += line;
        octets += "\r\n";
    }
    octets.into_bytes()
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![2 => Just(Vec::new()), 2 => Just(vec![1]), 3 => vec(1..12_usize, 1..6)]
}

/// Octets as servers send them, or similar.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let known = select(
        &["+OK", "-ERR", "+ok", " ", "\r\n", "\r\n", "\n", ".", "\r\n.\r\n", "+OK\r\n", "1 120\r\n"][..],
    );
    let fragment = prop_oneof![
        8 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(fragment, 0..12).prop_map(|fragments| fragments.concat())
}
