//! Sessions and deliveries, interrupted.

use pop3_simulation::seeds::each_seed;

use crate::world::World;

const STEPS: usize = 14;

#[test]
fn no_message_is_lost_whatever_interrupts_sessions_and_deliveries() {
    each_seed(0..400, |run| {
        let mut world = World::new(run);
        for _ in 0..STEPS {
            world.wait();
            if world.chance.per_mille(600) {
                world.set_faults();
            }
            if world.chance.per_mille(400) {
                world.let_others_act();
            }
            match world.chance.below(10) {
                0 | 1 => world.mail_comes(),
                2 => world.mail_is_read(),
                3..5 => world.deliver(),
                5 => world.crash(),
                _ => world.session(),
            }
            world.calm();
            world.check();
            if world.chance.per_mille(250) {
                world.check_that_all_is_found();
            }
        }
        world.check_that_all_is_found();
    });
}
