//! Runs, interrupted.

use pop3_simulation::seeds::{Run, each_seed};

use crate::world::World;

const STEPS: usize = 6;

fn interrupted(run: &Run) {
    let mut world = World::new(run);
    for _ in 0..STEPS {
        world.wait();
        world.mail_comes();
        if world.chance.per_mille(700) {
            world.set_faults();
        }
        world.let_reader_act();
        let result = world.fetch();
        world.disk.note(format!("the run returned {result:?}"));
        world.calm();
        world.check();
        match world.chance.below(6) {
            0 => world.crash(),
            1 => world.kill(),
            2 => world.others_append(),
            _ => {}
        }
    }
    world.check_the_end();
}

#[test]
fn no_message_is_lost_or_doubled_whatever_interrupts_a_fetch() {
    each_seed(0..300, interrupted);
}

/// These runs once lost or doubled a message.
#[test]
fn runs_that_once_failed() {
    for seed in [1006, 1018, 1054, 1077, 1166, 1177, 1195, 1224] {
        each_seed(seed..seed + 1, interrupted);
    }
}
