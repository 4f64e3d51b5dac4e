//! Random steps.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;

use super::world::{USERS, World};

/// The most nodes at the same time.
const NODES: usize = 3;

/// What happens next. Nodes and sessions have numbers that are never used again.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Deliver {
        user: usize,
        key: Option<u8>,
        long: bool,
    },
    Import {
        user: usize,
        ids: Vec<u8>,
        seen: bool,
    },
    Quota {
        user: usize,
        messages: Option<u64>,
        octets: Option<u64>,
    },
    Open {
        node: usize,
        user: usize,
        delay: bool,
        expire: Option<u32>,
    },
    Retr {
        session: usize,
        place: usize,
    },
    Mark {
        session: usize,
        place: usize,
    },
    Reset {
        session: usize,
    },
    Commit {
        session: usize,
    },
    /// The session ends without QUIT.
    Drop {
        session: usize,
    },
    Join,
    /// The lock of the node is free. Its sessions do not know.
    Kill {
        node: usize,
    },
    Leave {
        node: usize,
    },
    /// The node's heartbeat gets old.
    Silence {
        node: usize,
    },
    /// The node is heard again.
    Wake {
        node: usize,
    },
    /// Hours pass.
    Pass(u64),
}

/// Random steps.
#[derive(Debug)]
pub(super) struct Steps;

impl ReferenceStateMachine for Steps {
    type State = World;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<World> {
        Just(World::new()).boxed()
    }

    fn transitions(world: &World) -> BoxedStrategy<Step> {
        // Mostly the same one, so that it gets into all states.
        let user = || prop_oneof![5 => Just(0), 1 => 1..USERS];
        let key = option::weighted(0.4, 0..3_u8);
        let deliver = (user(), key, proptest::bool::weighted(0.05));
        let import = (user(), proptest::collection::vec(0..6_u8, 0..4), any::<bool>());
        let quota = (user(), option::of(0..6_u64), option::of(select(&[30_u64, 60, 120, 500_000][..])));
        let nodes: Vec<usize> = world.nodes.keys().copied().collect();
        let node = move || select(nodes.clone());
        let mut steps = vec![
            (6, deliver.prop_map(|(user, key, long)| Step::Deliver { user, key, long }).boxed()),
            (1, import.prop_map(|(user, ids, seen)| Step::Import { user, ids, seen }).boxed()),
            (1, quota.prop_map(|(user, messages, octets)| Step::Quota { user, messages, octets }).boxed()),
            (2, select(&[5, 30, 170][..]).prop_map(Step::Pass).boxed()),
        ];
        if world.nodes.len() < NODES {
            steps.push((3, Just(Step::Join).boxed()));
        }
        if !world.nodes.is_empty() {
            let expire = prop_oneof![3 => Just(None), 1 => Just(Some(0)), 2 => Just(Some(1))];
            let open = (node(), user(), proptest::bool::weighted(0.2), expire);
            let open = open.prop_map(|(node, user, delay, expire)| Step::Open { node, user, delay, expire });
            steps.push((12, open.boxed()));
            steps.push((1, node().prop_map(|node| Step::Kill { node }).boxed()));
            steps.push((1, node().prop_map(|node| Step::Leave { node }).boxed()));
            steps.push((3, node().prop_map(|node| Step::Silence { node }).boxed()));
            steps.push((1, node().prop_map(|node| Step::Wake { node }).boxed()));
        }
        if !world.sessions.is_empty() {
            let sessions: Vec<_> = world.sessions.iter().map(|(&at, one)| (at, one.snapshot.len())).collect();
            let session = move || select(sessions.clone());
            let place = move || (session(), any::<prop::sample::Index>());
            let retr = place().prop_map(|((session, count), place)| Step::Retr {
                session,
                place: place.index(count.max(1)),
            });
            let mark = place().prop_map(|((session, count), place)| Step::Mark {
                session,
                place: place.index(count.max(1)),
            });
            steps.push((7, retr.boxed()));
            let gone = world.gone();
            if !gone.is_empty() {
                let retr = select(gone).prop_map(|(session, place)| Step::Retr { session, place });
                steps.push((5, retr.boxed()));
            }
            steps.push((10, mark.boxed()));
            steps.push((1, place().prop_map(|((session, _), _)| Step::Reset { session }).boxed()));
            steps.push((5, place().prop_map(|((session, _), _)| Step::Commit { session }).boxed()));
            steps.push((1, place().prop_map(|((session, _), _)| Step::Drop { session }).boxed()));
        }
        proptest::strategy::Union::new_weighted(steps).boxed()
    }

    fn preconditions(world: &World, step: &Step) -> bool {
        match step {
            Step::Retr { session, place } | Step::Mark { session, place } => {
                world.sessions.get(session).is_some_and(|session| *place < session.snapshot.len())
            }
            Step::Reset { session } | Step::Commit { session } | Step::Drop { session } => {
                world.sessions.contains_key(session)
            }
            Step::Open { node, .. }
            | Step::Kill { node }
            | Step::Leave { node }
            | Step::Silence { node }
            | Step::Wake { node } => world.nodes.contains_key(node),
            Step::Join => world.nodes.len() < NODES,
            Step::Deliver { .. } | Step::Import { .. } | Step::Quota { .. } | Step::Pass(_) => true,
        }
    }

    fn apply(mut world: World, step: &Step) -> World {
        world.apply(step);
        world
    }
}
